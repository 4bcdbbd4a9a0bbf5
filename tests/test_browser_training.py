"""The lessons that train, and the one that opens what was trained, in JupyterLab in a real browser.

They are apart from the others, which take as long: `make test` gives each of the two files to a process of its own."""

import math
import textwrap

import nbformat
import numpy as np
import torch
from nbformat.v4 import new_code_cell, new_notebook

from lessons import KERNELSPEC
from mixer_lib.analysis import frequency, logits_without, order, tables_by_depth
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset, normalize
from mixer_lib.plots.weights import WIDTH


def test_lesson_07(open_notebook):
    """Its long training is stopped early, as a learner may; the lesson goes on with what it has learned by then."""
    lesson = open_notebook("07_train_mnist.ipynb", until="widgets.digit_pad(", without=[    # other trainings
        "= train_one_epoch(", "held_out_accuracy(", "by_fit", "models[", "hill = ", "runs['1']", "losses_of_sgd(",
        "clean[1]", "dropped", "on_device = ", "reported, truth"])
    lesson.page.evaluate("""() => { window.seen = new Set(); window.watch = setInterval(() =>
        document.querySelectorAll(".mx-live path").forEach(path => window.seen.add(path.getAttribute("d"))), 50) }""")
    lesson.start_all()
    lesson.wait_for("accuracy after epoch 3 (percent)")
    lesson.page.get_by_role("button", name="stop training").click()
    lesson.finish()
    lesson.page.evaluate("clearInterval(window.watch)")
    assert lesson.page.evaluate("window.seen.size") > 3 * 3             # the live view was drawn again each epoch
    lesson.page.get_by_text(": stopped after").wait_for()
    digits, pad = lesson.widget_cells()[-2:]
    digits.locator(".mx-grid").focus()
    lesson.page.keyboard.press("ArrowRight")
    digits.locator(".mx-say").filter(has_text="Image 2 of ").wait_for()

    canvas, mouse = pad.locator("canvas").first, lesson.page.mouse
    canvas.scroll_into_view_if_needed()
    corner = canvas.bounding_box()
    for digit, line in ((1, [(140, 50), (140, 240)]),
                        (0, [(140 + 65 * math.sin(a), 140 - 90 * math.cos(a)) for a in np.linspace(0, 6.3, 30)])):
        points = [(corner["x"] + x, corner["y"] + y) for x, y in line]
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=3)
        mouse.up()
        pad.get_by_text(f"Read as {digit}, with").wait_for()
        pad.get_by_role("button", name="clear").focus()
        lesson.page.keyboard.press("Enter")
        pad.get_by_text("The pad is empty").wait_for()
    pad.get_by_role("button", name="put a test digit on it").focus()
    lesson.page.keyboard.press("Enter")
    pad.get_by_text("Read as 0, with").wait_for()                       # the first test digit is a 0
    lesson.check()


def test_training_ends_or_is_stopped_by_its_button(lab, open_notebook):
    train, again, after = """
        from mixer_lib import MlpMixer, widgets
        from mixer_lib.data import load_dataset
        from mixer_lib.training import Recipe, fit

        model = MlpMixer(28, 14, 1, 10, num_blocks=1, hidden_dim=4, tokens_mlp_dim=4, channels_mlp_dim=4)
        history = fit(model, load_dataset("mnist"), Recipe(epochs=2), callbacks=[widgets.LiveTraining(0.2)])
        """, """
        history = fit(model, load_dataset("mnist"), Recipe(epochs=10_000), callbacks=[widgets.LiveTraining(0.2)])
        """, "print(history.interrupted, 0 < len(history.steps) < history.total_steps)"
    cells = [new_code_cell(textwrap.dedent(source)) for source in (train, again, after)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), lab.notebooks / "stop.ipynb")
    notebook = open_notebook("stop.ipynb")
    notebook.start_all()
    notebook.wait_for("142 of 142 steps, done in")
    notebook.wait_for(" left.")                                         # the second one trains
    button = notebook.page.get_by_role("button", name="stop training").last
    button.click()
    notebook.finish(timeout=30)
    assert button.is_disabled()
    notebook.page.get_by_text(": stopped after").wait_for()
    assert notebook.page.locator(".jp-OutputArea-output").last.inner_text().strip() == "True True"


def test_lesson_08(open_notebook):
    lesson = open_notebook("08_train_cifar.ipynb")
    # What it trains takes minutes and needs no browser: nbval runs it.
    lesson.run_cells("full = False", 'cifar = load_dataset("cifar10", full=full)', "widgets.augmentation_explorer(")
    explorer, = lesson.widget_cells()
    explorer.get_by_role("button", name="CutMix").click()
    for _ in range(6):
        explorer.get_by_role("button", name="draw again").click()
    explorer.get_by_role("radio").nth(3).click()
    explorer.get_by_text("Image 3: 53% cat, 47% ship. It is blended with image 2.").wait_for()      # from the kernel
    explorer.locator("input[type=range]").last.focus()
    lesson.page.keyboard.press("End")
    explorer.get_by_text("30", exact=True).wait_for()
    lesson.page.wait_for_function("!document.querySelector('.mx-waits')")       # this, too, is answered
    lesson.check()


def test_lesson_09(open_notebook):
    lesson = open_notebook("09_token_mixing_weights.ipynb", until="widgets.weight_browser(", without=[
        'load_history("cifar10")', "unit_slopes", "def convolution(", "right(", "with_all(", "def window(",
        "explained(", "average answer alone", "top_answers", "reads_and_writes("])         # what reads many images
    lesson.run_all()
    scrubber, kernels, parts, browser = lesson.widget_cells()

    def press(cell, name):
        cell.get_by_role("button", name=name, exact=True).click()

    def says(cell, text):
        cell.get_by_text(text).first.wait_for()

    def click(image, x, y):
        """Click at (x, y) of the picture, in its own units, however wide the page shows it."""
        scale = image.bounding_box()["width"] / WIDTH
        image.click(position={"x": scale * x, "y": scale * y})

    says(scrubber, "After 13,152 updates, snapshot 20 of 20")           # it opens on block 1, at the end
    says(scrubber, "W1 of block 1, sorted at the end: low frequency first")
    press(scrubber, "play or pause the training")
    says(scrubber, "Between the snapshots after")
    press(scrubber, "play or pause the training")
    scrubber.locator("input[type=range]").focus()
    lesson.page.keyboard.press("Home")
    says(scrubber, "After 0 updates, snapshot 0 of 20")
    press(scrubber, "3")
    says(scrubber, "W1 of block 3")

    model, _ = load_pretrained("cifar10-fine")
    W2 = model.blocks[1].token_mixing.fc2.weight.detach().T
    says(browser, "W1 of block 1, trained, low frequency first")
    press(browser, "W2")
    mosaic = browser.locator(".mx-mosaic")
    side = mosaic.bounding_box()["width"] / 16
    mosaic.click(position={"x": 5.5 * side, "y": 1.5 * side})
    lesson.page.keyboard.press("ArrowRight")
    lesson.page.mouse.move(1, 1)
    unit = order(W2, (16, 16), "frequency")[16 + 6].item()
    says(browser, f"unit {unit}: frequency {frequency(W2[unit], (16, 16)):.2f} cycles per patch")
    press(browser, "same colors for all blocks")
    press(browser, "untrained")
    says(browser, "W2 of block 1, untrained, low frequency first")
    lesson.check()

    kernels.get_by_role("button", name="8 × 8 grid, block 4").click()
    says(kernels, "block 4: what a place takes, on average, by displacement")
    press(kernels, "shown")
    lesson.check()

    cifar = load_dataset("cifar10")
    some = torch.arange(250) * len(cifar.test_images) // 250
    images, labels = cifar.test_images[some], cifar.test_labels[some]
    tables = tables_by_depth(model, normalize(images, cifar.mean, cifar.std))
    everything = logits_without(model, tables).argmax(dim=1)

    def shows(words, *off):
        """What takes long comes in several pictures: wait for the last."""
        without = logits_without(model, tables, off).argmax(dim=1)
        changed, right = (everything != without).sum(), (without == labels).float().mean()
        lesson.page.mouse.move(1, 1)
        says(parts, f"{words}. {changed} of 250 predictions changed")
        assert f"{100 * right:.1f}% of 250" in parts.locator(".mx-now").inner_text()

    stack = parts.locator("g[role=switch]")
    stack.nth(2).click()
    shows("Off: token mixing of block 1", (1, "token mixing"))
    stack.nth(1).click()
    shows("Off: channel mixing of block 0; token mixing of block 1", (1, "token mixing"), (0, "channel mixing"))
    stack.nth(1).click()
    press(parts, "block 3")
    press(parts, "switch unit 0 off")
    parts.locator("input[type=range]").focus()
    lesson.page.keyboard.press("ArrowRight")
    press(parts, "switch unit 1 off")                               # before the answer to unit 0 is complete
    shows("Off: token mixing of block 1; unit 0 of block 3; unit 1 of block 3", (1, "token mixing"), (3, 0), (3, 1))
    lesson.check()


def test_lesson_11(open_notebook):
    lesson = open_notebook("11_permutations.ipynb")
    lesson.run_cells("from math import factorial", "horse = cifar.train_images[3510]",
                     "widgets.scramble_explorer(")          # without its training, as in lesson 8
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
