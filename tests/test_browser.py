"""The first lessons as a learner meets them: in JupyterLab, in a real browser, every cell run, every widget moved."""


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
    mixer, digits = lesson.widget_cells()
    assert "Everything is there" in lesson.page.locator(".jp-OutputArea-output").nth(1).inner_text()
    mixer.get_by_role("button", name="sample 7: 7").click()
    mixer.locator(".mx[data-stage=patches]").wait_for()                 # it plays
    mixer.get_by_role("button", name="scores", exact=True).click()
    mixer.get_by_text("Read as 7").wait_for()
    for stage in ("mean", "channel mixing 4"):                          # the arrow keys do not leave the cell
        lesson.page.keyboard.press("ArrowLeft")
        mixer.get_by_role("button", name=stage, exact=True, pressed=True).wait_for()
    mixer.get_by_text("patch 10, channel 0: ").wait_for()
    digits.locator(".mx-grid").focus()
    for number in (2, 3):
        lesson.page.keyboard.press("ArrowRight")
        digits.locator(".mx-say").filter(has_text=f"Image {number} of ").wait_for()
    lesson.check()


def test_lesson_01(open_notebook):
    lesson = open_notebook("01_patches.ipynb")
    lesson.run_all()
    row, strips, *_ = lesson.questions()
    row.get_by_label("Your prediction").fill("4 5 6 7")
    lesson.page.keyboard.press("Enter")                                 # stays in the field, and runs no cell
    row.get_by_text("You said 4 5 6 7. It is 2, 3, 6, 7.").wait_for()
    strips.get_by_role("button", name="strips").focus()
    lesson.page.keyboard.press("Enter")
    strips.get_by_text("and that is right.").wait_for()
    strips.get_by_alt_text("each folded into a square").wait_for()
    lesson.check()
    _, explorer = lesson.widget_cells()
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
    _, explorer = lesson.widget_cells()
    explorer.get_by_role("button", name="right minus left").click()
    explorer.locator(".mx-grid").first.focus()
    lesson.page.keyboard.press("ArrowLeft")                             # stays in the picture: the patch before
    explorer.get_by_text("tokens[4, 1] = \u22120.15").first.wait_for()
    assert "Patch 4, with -0.15" in lesson.page.content()               # as the lesson says
    lesson.check()


def test_lesson_03(open_notebook):
    lesson = open_notebook("03_channel_mixing.ipynb")
    lesson.run_all()
    _, explorer = lesson.widget_cells()
    answer = explorer.locator(".mx-panel").nth(3).locator("text[y='11']")
    assert answer.all_text_contents() == ["0.00", "0.00", "2.05"]       # as the lesson's table says
    explorer.locator("input").first.focus()
    lesson.page.keyboard.press("ArrowLeft")                             # less light
    explorer.get_by_text("stands still").nth(2).wait_for()
    assert answer.all_text_contents() == ["0.00", "0.00", "2.05"]
    lesson.check()


def test_lesson_04(open_notebook):
    lesson = open_notebook("04_token_mixing.ipynb")
    lesson.run_all()
    _, explorer = lesson.widget_cells()
    explorer.get_by_role("button", name="center minus rim").click()
    explorer.get_by_text("the 16 products, added up: \u22122.41").wait_for()       # as the lesson says
    explorer.get_by_role("button", name="red minus blue").click()
    explorer.get_by_text("the 16 products, added up: 0.59").wait_for()
    lesson.check()


def test_lesson_05(open_notebook):
    lesson = open_notebook("05_mixer_layer.ipynb", until="widgets.influence_explorer(")     # trainings come later
    lesson.run_all()
    _, explorer = lesson.widget_cells()
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
    _, explorer = lesson.widget_cells()
    explorer.get_by_text("59,880,472").wait_for()                       # as the lesson counts
    explorer.locator("input").nth(1).focus()
    lesson.page.keyboard.press("End")
    explorer.get_by_text("(32 blocks").wait_for()
    lesson.check()


def test_lesson_10(open_notebook):
    # What takes time: a CNN that is trained, and clocks.
    lesson = open_notebook("10_convolutions.ipynb", until="widgets.kernel_explorer(",
                           without=["share_read(", "in rolled", "milliseconds("])
    lesson.run_all()
    *_, explorer = lesson.widget_cells()
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
