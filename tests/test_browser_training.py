"""The lessons that train, and the one that opens what was trained, in JupyterLab in a real browser.

They are apart from the others, which take as long: `make test` gives each of the two files to a process of its own."""

import base64
import functools
import io
import math
import textwrap

import nbformat
import numpy as np
import torch
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image, ImageColor

from lessons import KERNELSPEC
from mixer_lib import plots
from mixer_lib.analysis import logits_without, order, tables_by_depth
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset, normalize
from mixer_lib.plots.card import SHARP
from mixer_lib.plots.weights import WIDTH, mosaic_area


def test_lesson_07(open_notebook):
    lesson = open_notebook("07_train_mnist.ipynb")
    lesson.page.evaluate("""() => { window.seen = new Set(); setInterval(() =>
        document.querySelectorAll("img.widget-image").forEach(img => window.seen.add(img.src)), 50) }""")
    lesson.run_all()
    assert lesson.page.evaluate("window.seen.size") > 10                # the live view was drawn anew each epoch
    digits, pad = lesson.widget_cells()[-2:]
    digits.locator(".mx-grid").focus()
    lesson.page.keyboard.press("ArrowRight")
    digits.locator(".mx-say").filter(has_text="Image 2 of ").wait_for()

    canvas, mouse = pad.locator("canvas"), lesson.page.mouse
    canvas.scroll_into_view_if_needed()
    picture, corner = lesson.image(pad), canvas.bounding_box()
    for digit, line in ((1, [(140, 50), (140, 240)]),
                        (0, [(140 + 65 * math.sin(a), 140 - 90 * math.cos(a)) for a in np.linspace(0, 6.3, 30)])):
        points = [(corner["x"] + x, corner["y"] + y) for x, y in line]
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=3)
        mouse.up()
        lesson.page.wait_for_timeout(500)                               # the last of the line is on its way
        picture = lesson.changed_image(pad, picture)
        assert favorite(picture) == digit
        clear = pad.get_by_role("button", name="clear")
        clear.focus()
        lesson.page.keyboard.press("Enter")
        picture = lesson.changed_image(pad, picture)
        ink = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v)"
        assert not canvas.evaluate(ink)
    pad.get_by_role("button", name="put a test digit on it").focus()
    lesson.page.keyboard.press("Enter")
    picture = lesson.changed_image(pad, picture)
    assert favorite(picture) == 0                                       # the first test digit is a 0
    lesson.check()


def test_training_is_stopped_by_its_button(lab, open_notebook):
    train, after = """
        from mixer_lib import MlpMixer, widgets
        from mixer_lib.data import load_dataset
        from mixer_lib.training import Recipe, fit

        model = MlpMixer(28, 14, 1, 10, num_blocks=1, hidden_dim=4, tokens_mlp_dim=4, channels_mlp_dim=4)
        history = fit(model, load_dataset("mnist"), Recipe(epochs=10_000), callbacks=[widgets.LiveTraining(0.2)])
        """, "print(history.interrupted, 0 < len(history.steps) < history.total_steps)"
    cells = [new_code_cell(textwrap.dedent(source)) for source in (train, after)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), lab.notebooks / "stop.ipynb")
    notebook = open_notebook("stop.ipynb")
    notebook.start_all()
    notebook.page.wait_for_function("document.querySelector('img.widget-image')?.naturalWidth > 0")     # it trains
    button = notebook.page.get_by_role("button", name="stop training")
    button.click()
    notebook.finish(timeout=30)
    assert button.is_disabled()
    assert notebook.page.locator(".jp-OutputArea-output").last.inner_text().strip() == "True True"


def test_lesson_08(open_notebook):
    lesson = open_notebook("08_train_cifar.ipynb")
    # What it trains takes minutes and needs no browser: nbval runs it.
    lesson.run_cells("full = False", 'cifar = load_dataset("cifar10", full=full)',
                     "widgets.augmentation_explorer(", "blended, shares = mix(images / 255")
    explorer, = lesson.widget_cells()
    explorer.get_by_role("button", name="CutMix").click()
    for _ in range(6):                                                          # draw 6, as the still picture has it
        explorer.get_by_role("button", name="draw again").click()
    explorer.get_by_role("radio").nth(3).click()
    explorer.get_by_text("Image 3: 53% cat, 47% ship. It is blended with image 2.").wait_for()      # from the kernel
    explorer.locator("input[type=range]").last.focus()
    lesson.page.keyboard.press("End")
    explorer.get_by_text("30", exact=True).wait_for()
    lesson.page.wait_for_function("!document.querySelector('.mx-waits')")       # this, too, is answered
    lesson.check()


def test_lesson_09(open_notebook):
    lesson = open_notebook("09_token_mixing_weights.ipynb")
    lesson.run_all()
    scrubber, browser, influence, parts, other = lesson.widget_cells()

    def still(start):
        source = lesson.page.locator(f".jp-RenderedHTMLCommon img[alt^='{start}']").get_attribute("src")
        return base64.b64decode(source.partition(",")[2])

    def press(control, key, cell, before):
        control.focus()
        lesson.page.keyboard.press(key)
        return lesson.changed_image(cell, before)

    def click(image, x, y):
        """Click at (x, y) of the picture, in its own units, however wide the page shows it."""
        scale = image.bounding_box()["width"] / WIDTH
        image.click(position={"x": scale * x, "y": scale * y})

    picture = lesson.image(scrubber)
    play, stop = scrubber.locator(".widget-play button").all()[:2]
    play.click()
    lesson.changed_image(scrubber, picture)
    stop.click()
    lesson.page.wait_for_timeout(500)                               # what was under way is drawn
    picture = lesson.image(scrubber)
    for slider, key in ((0, "ArrowRight"), (2, "End")):
        lesson.move_slider(scrubber, slider, key)
        picture = lesson.changed_image(scrubber, picture)
    assert picture == still("Block 1 after")

    model, _ = load_pretrained("cifar10-fine")
    W2 = model.blocks[1].token_mixing.fc2.weight.detach().T
    picture = lesson.image(browser)
    assert lesson.move_slider(browser, 0) == "1"
    picture = lesson.changed_image(browser, picture)
    assert lesson.move_slider(browser, 3) == "frequency"
    picture = lesson.changed_image(browser, picture)
    assert picture == still("Block 1 by frequency")
    assert lesson.move_slider(browser, 1) == "W2"
    picture = lesson.changed_image(browser, picture)
    image = browser.locator("img.widget-image")
    x, y, width, height, rows, columns = mosaic_area(256, (16, 16))
    click(image, x + 5.5 * width / columns, y + 1.5 * height / rows)
    picture = lesson.changed_image(browser, picture)
    picture = press(image, "ArrowRight", browser, picture)
    assert picture == plots.to_png(plots.weight_browser(
        W2, (16, 16), order(W2, (16, 16), "frequency"), place=columns + 6,
        title="W2 of block 1, trained: 256 units, by frequency"))
    picture = press(browser.locator("input[type=checkbox]"), "Space", browser, picture)     # the same colors
    assert lesson.move_slider(browser, 2) == "untrained"
    lesson.changed_image(browser, picture)
    lesson.check()

    influence.get_by_role("radio", name="depth 2").click()
    patches = influence.locator(".mx-grid").first
    side = patches.bounding_box()["width"]
    patches.click(position={"x": 7.5 / 16 * side, "y": 8.5 / 16 * side})
    influence.get_by_text("Patch 135 moves 256 of 256 tokens at depth 2").wait_for()
    lesson.page.keyboard.press("ArrowUp")
    influence.get_by_text("Patch 119 moves 256 of 256 tokens at depth 2").wait_for()

    cifar = load_dataset("cifar10")
    some = torch.arange(250) * len(cifar.test_images) // 250
    images, labels = cifar.test_images[some], cifar.test_labels[some]
    tables = tables_by_depth(model, normalize(images, cifar.mean, cifar.std))
    everything = logits_without(model, tables).argmax(dim=1)

    @functools.cache
    def last_picture(*off):
        without = logits_without(model, tables, off).argmax(dim=1)
        return plots.to_png(plots.switches(images, labels, everything, without, cifar.classes, off))

    def shows(*off):
        """What takes long comes in several pictures: wait for the last."""
        lesson.wait_for_image(parts, last_picture(*off))

    picture, boxes = lesson.image(parts), parts.locator("input[type=checkbox]").all()
    assert press(boxes[1], "Space", parts, picture) == still("Without the token mixing")
    shows((1, "token mixing"))
    press(boxes[4], "Space", parts, lesson.image(parts))
    shows((1, "token mixing"), (0, "channel mixing"))
    press(boxes[4], "Space", parts, lesson.image(parts))
    shows((1, "token mixing"))
    assert lesson.move_slider(parts, 0, "End") == "3"
    assert lesson.move_slider(parts, 1) == "1"                      # before the answer to unit 0 is complete
    shows((1, "token mixing"), (3, 1))
    lesson.check()

    picture = lesson.image(other)
    assert lesson.move_slider(other, 0) == "1"
    lesson.changed_image(other, picture)
    lesson.check()


def test_lesson_11(open_notebook):
    lesson = open_notebook("11_permutations.ipynb")
    lesson.run_cells("from math import factorial", "horse = cifar.train_images[3510]", "widgets.scramble_explorer(",
                     "plots.scramble_explorer(")     # without its training, as in lesson 8
    explorer, = lesson.widget_cells()
    explorer.get_by_role("button", name="patches and inside").click()
    explorer.get_by_text("come from 1 patch of the image").wait_for()           # row 15, column 15, as the text says
    explorer.get_by_text("8 neighbors; 2 of them were its neighbors").wait_for()
    explorer.locator(".mx-grid").nth(1).focus()
    lesson.page.keyboard.press("ArrowRight")
    explorer.get_by_text("The pixel at row 15, column 16 of what").wait_for()
    explorer.get_by_role("button", name="all pixels").click()
    explorer.locator(".mx-sky").wait_for(state="hidden")                        # the pixels are there
    lesson.check()


def favorite(picture):
    """The class whose bar is blue in a picture of plots.prediction."""
    blue = (np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")) == ImageColor.getrgb(plots.BLUE)).all(-1)
    return (np.flatnonzero(blue.any(1)).mean() / SHARP - 40) // 20
