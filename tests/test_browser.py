"""The lessons as a learner meets them: in JupyterLab, in a real browser, every cell run, every widget moved."""

from mixer_lib import plots
from mixer_lib.data import load_dataset


def test_lesson_01(open_notebook):
    lesson = open_notebook("01_patches.ipynb")
    lesson.run_all()
    lesson.check()
    explorer, = lesson.widget_cells()
    horse = load_dataset("cifar10").train_images[3510]
    before = lesson.image(explorer)
    assert before == plots.to_png(plots.patch_explorer(horse, 8, 5, 95))
    assert lesson.move_slider(explorer, 1) == "6"                       # the next patch
    after = lesson.changed_image(explorer, before)
    assert after == plots.to_png(plots.patch_explorer(horse, 8, 6, 95))
    assert lesson.move_slider(explorer, 2, "ArrowLeft") == "94"         # the number before
    after = lesson.changed_image(explorer, after)
    assert lesson.move_slider(explorer, 0) == "16"                      # larger patches: only 4 of them
    lesson.changed_image(explorer, after)
    lesson.check()
    alternatives = lesson.page.locator(".jp-RenderedHTMLCommon img").evaluate_all("all => all.map(img => img.alt)")
    assert len(alternatives) == 3 and all(len(alt) > 50 for alt in alternatives)


def test_lesson_06(open_notebook):
    lesson = open_notebook("06_classifier.ipynb")
    lesson.run_all()
    explorer, = lesson.widget_cells()
    picture = lesson.image(explorer)
    for slider in range(5):
        lesson.move_slider(explorer, slider, "ArrowLeft")
        picture = lesson.changed_image(explorer, picture)
    lesson.check()


def test_lesson_07(open_notebook):
    lesson = open_notebook("07_train_mnist.ipynb")
    lesson.page.evaluate("""() => { window.seen = new Set(); setInterval(() =>
        document.querySelectorAll("img.widget-image").forEach(img => window.seen.add(img.src)), 50) }""")
    lesson.run_all()
    assert lesson.page.evaluate("window.seen.size") > 14                # the live view was drawn anew each epoch
    digits = lesson.widget_cells()[-1]
    before = lesson.image(digits)
    assert lesson.move_slider(digits) == "1"
    lesson.changed_image(digits, before)
    lesson.check()
