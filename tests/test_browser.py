"""The first lessons as a learner meets them: in JupyterLab, in a real browser, every cell run, every widget moved."""

import base64

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lessons import KERNELSPEC
from mixer_lib import patchify
from mixer_lib.data import load_dataset


def test_what_is_wrong_is_found(lab, open_notebook):
    sources = ["import ipywidgets, sys\nfrom IPython.display import HTML, display",
               "sys.stderr.write('Traceback (most recent call last): lost')",
               "HTML('<img alt=\"too short\" src=\"data:image/png;base64,broken\">')",
               "display({'application/vnd.jupyter.widget-view+json': "
               "{'model_id': 'gone', 'version_major': 2, 'version_minor': 0}}, raw=True)",
               "button = ipywidgets.Button(description='press')\nbutton.on_click(lambda _: 1 / 0)\nbutton"]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources], metadata={"kernelspec": KERNELSPEC})
    nbformat.write(notebook, lab.notebooks / "wrong.ipynb")
    wrong = open_notebook("wrong.ipynb")
    wrong.start_all()
    with pytest.raises(AssertionError) as complaint:
        wrong.finish(timeout=60)
    for part in ("Traceback (most recent call last): lost", "alternative text worth the name: 'too short'",
                 "a picture is not shown: too short", "a widget is not shown"):
        assert part in str(complaint.value)
    assert "ZeroDivisionError" not in str(complaint.value)
    wrong.page.get_by_role("button", name="press").click()
    wrong.page.wait_for_timeout(1000)
    with pytest.raises(AssertionError, match="error in the kernel: ZeroDivisionError"):
        wrong.check()


def test_lesson_00(open_notebook):
    lesson = open_notebook("00_start_here.ipynb")
    lesson.run_all()
    assert "Everything is there" in lesson.page.locator(".jp-OutputArea-output").first.inner_text()
    digits, = lesson.widget_cells()
    digits.locator(".mx-grid").focus()
    for number in (2, 3):
        lesson.page.keyboard.press("ArrowRight")
        digits.locator(".mx-say").filter(has_text=f"Image {number} of ").wait_for()
    lesson.check()


def test_lesson_01(open_notebook):
    lesson = open_notebook("01_patches.ipynb")
    lesson.run_all()
    lesson.check()
    explorer, = lesson.widget_cells()
    horse = load_dataset("cifar10").train_images[3510]
    rows = patchify(horse[None], 8)[0]
    explorer.get_by_text(f"table[5, 96] = {rows[5, 96]}: green").wait_for()
    explorer.locator(".mx-grid").first.focus()
    lesson.page.keyboard.press("ArrowRight")                            # stays in the picture: the next patch
    explorer.get_by_text(f"table[6, 96] = {rows[6, 96]}: green").wait_for()
    explorer.get_by_role("button", name="16", exact=True).click()       # larger patches: only 4 of them
    explorer.get_by_text("S = 4 rows (patches) of D = 768 numbers").wait_for()
    lesson.check()


def test_lesson_02(open_notebook):
    lesson = open_notebook("02_patch_embedding.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    picture = lesson.image(explorer)
    for _ in range(4):
        patch = lesson.move_slider(explorer, 0)
        picture = lesson.changed_image(explorer, picture)
    assert patch == "4" and lesson.move_slider(explorer, 1) == "right minus left"
    picture = lesson.changed_image(explorer, picture)
    still, = (img for img in lesson.page.locator(".jp-RenderedHTMLCommon img").all()
              if "tokens[4, 1] = -0.15" in (img.get_attribute("alt") or ""))
    shown = base64.b64decode(still.get_attribute("src").partition(",")[2])      # the same picture, standing still
    assert shown == picture
    lesson.check()


def test_lesson_03(open_notebook):
    lesson = open_notebook("03_channel_mixing.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    pictures = [lesson.image(explorer)]
    for slider, key, value in ((1, "ArrowLeft", "0.75"), (2, "ArrowRight", "0.50"), (0, "ArrowRight", "1")):
        assert lesson.move_slider(explorer, slider, key) in (value, value.rstrip("0"))
        pictures.append(lesson.changed_image(explorer, pictures[-1]))
    lesson.check()
    still = lesson.page.locator(".jp-RenderedHTMLCommon img[alt^='Five panels']").get_attribute("src")
    assert base64.b64decode(still.partition(",")[2]) == pictures[0]             # token 0, as the sliders begin


def test_lesson_04(open_notebook):
    lesson = open_notebook("04_token_mixing.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    picture = lesson.image(explorer)
    for unit in ("left minus right", "center minus rim"):
        assert lesson.move_slider(explorer, 1) == unit
        picture = lesson.changed_image(explorer, picture)
    still = lesson.page.locator(".jp-RenderedHTMLCommon img").last
    shown = base64.b64decode(still.get_attribute("src").partition(",")[2])      # the same picture, standing still
    assert shown == picture
    assert lesson.move_slider(explorer, 0) == "right minus left"
    lesson.changed_image(explorer, picture)
    lesson.check()


def test_lesson_05(open_notebook):
    lesson = open_notebook("05_mixer_layer.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    explorer.get_by_text("Patch 5 moves 16 of 16 tokens at depth 1. 40% of the movement").wait_for()     # as it says
    explorer.locator(".mx-grid").first.focus()
    lesson.page.keyboard.press("ArrowRight")
    explorer.get_by_text("Patch 6 moves 16 of 16 tokens at depth 1").wait_for()
    explorer.get_by_role("radio", name="depth 0").click()
    explorer.get_by_text("Patch 6 moves 1 of 16 tokens at depth 0. 100% of the movement").wait_for()
    lesson.check()


def test_lesson_06(open_notebook):
    lesson = open_notebook("06_classifier.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    picture = lesson.image(explorer)
    for slider in range(5):
        lesson.move_slider(explorer, slider, "ArrowLeft")
        picture = lesson.changed_image(explorer, picture)
    lesson.check()


def test_lesson_10(open_notebook):
    lesson = open_notebook("10_convolutions.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    explorer.get_by_role("button", name="1", exact=True).click()
    matrix = explorer.locator(".mx-grid").first
    box = matrix.bounding_box()
    matrix.click(position={"x": box["width"] / 2, "y": 17.5 / 32 * box["height"]})
    lesson.page.keyboard.press("ArrowDown")
    matrix.evaluate("node => node.dispatchEvent(new PointerEvent('pointerleave'))")     # show what is picked
    explorer.get_by_text("row 18 of W1").wait_for()
    explorer.locator("span").get_by_text("0.32", exact=True).first.wait_for()             # its largest
    explorer.get_by_text("Largest difference between the row and the kernel").wait_for()
    lesson.check()
