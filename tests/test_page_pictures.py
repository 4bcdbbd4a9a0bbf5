"""The prediction browser and the augmentation explorer in a browser."""

import base64

import numpy as np
import pytest
import torch

from mixer_lib import data, widgets

random = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (60, 3, 8, 8), generator=random, dtype=torch.uint8)
CLASSES = ["ant", "bee", "cat"]
LABELS = torch.randint(3, (60,), generator=random)
PROBABILITIES = torch.randn(60, 3, generator=random).softmax(dim=1)
FAVORITES = PROBABILITIES.argmax(dim=1)
FOUR, BATCH = IMAGES[:4], LABELS[:4]


def picture(image):
    return np.moveaxis(image.numpy(), 0, -1)


# Predictions

def told(i):
    best, true = CLASSES[FAVORITES[i]], CLASSES[LABELS[i]]
    right = f"Image {i + 1} of 60: read as {best}, which is right: {100 * PROBABILITIES[i].max():.1f}% for {best}."
    wrong = (f"Image {i + 1} of 60: read as {best}, but it is {true}: {100 * PROBABILITIES[i].max():.1f}% for {best}, "
             f"{100 * PROBABILITIES[i][LABELS[i]]:.1f}% for {true}.")
    return right if best == true else wrong


def check(shown, i):
    assert np.array_equal(shown.pixels(0)[:, :, :3], picture(IMAGES[i])) and told(i) in shown.text()
    texts = shown.find("svg[aria-label=probabilities]").locator("text").all_text_contents()
    assert texts[::2] == CLASSES and texts[1::2] == [f"{100 * p:.1f}" for p in PROBABILITIES[i].tolist()]
    frames = shown.find("svg[aria-label=probabilities]").locator(".mx-mark")
    assert [frame.is_visible() for frame in frames.all()] == [k == LABELS[i] for k in range(3)]


def test_predictions(show):
    shown = show(widgets.prediction_browser(IMAGES, LABELS, PROBABILITIES, CLASSES))
    check(shown, 0)
    sheet = shown.pixels(1)
    columns, rows = sheet.shape[1] // 8, sheet.shape[0] // 8
    assert columns * (rows - 1) < 60 <= columns * rows
    for i in range(60):
        at = 8 * (i // columns), 8 * (i % columns)
        assert np.array_equal(sheet[at[0]:at[0] + 8, at[1]:at[1] + 8, :3], picture(IMAGES[i]))
    marked = shown.find(".mx-wrong").get_attribute("d").split("M")[1:]      # a corner, top right, of each misread image
    places, wrong = [tuple(map(float, part.split("h")[0].split())) for part in marked], (FAVORITES != LABELS).nonzero()
    assert places == [(pytest.approx(i % columns + 0.62), i // columns) for i in wrong[:, 0].tolist()]
    assert f"misread ({(FAVORITES != LABELS).sum()})" in shown.text()
    for i, click in ((1, False), (columns + 2, True)):
        shown.at(".mx-grid", 0, (i % columns + 0.5) / columns, (i // columns + 0.5) / rows, click)
        check(shown, i)
    shown.page.mouse.move(1, 1)
    check(shown, columns + 2)
    for key, i in (("ArrowRight", columns + 3), ("ArrowUp", 3), ("ArrowUp", 3), ("ArrowDown", columns + 3), ("End", 59),
                   ("ArrowRight", 59), ("Home", 0), ("ArrowLeft", 0)):
        shown.page.keyboard.press(key)
        assert shown.picked["image"] == i and shown.frame(".mx-grid .mx-mark") == [i % columns, i // columns, 1, 1]
        check(shown, i)


def test_of_many_classes_the_likeliest_are_shown_and_the_true_one(show):
    probabilities = torch.arange(30.0).softmax(dim=0)[None]
    shown = show(widgets.prediction_browser(IMAGES[:1], torch.tensor([4]), probabilities, [f"c{k}" for k in range(30)]))
    texts = shown.find("svg[aria-label=probabilities]").locator("text").all_text_contents()
    assert texts[::2] == [*(f"c{k}" for k in range(29, 18, -1)), "c4"]


# Augmentations

def augmented(draw, crop_padding, flip, randaugment, blend):
    """What training would be given, by data's own functions."""
    random = torch.Generator().manual_seed(draw)
    x = data.augment(FOUR, crop_padding, bool(flip), randaugment, random) / 255
    x, y = data.mix(x, BATCH, 3, **({blend: 1.0} if blend else {}), generator=random)
    return (255 * x).round().to(torch.uint8), y if y.ndim == 2 else torch.nn.functional.one_hot(y, 3).float()


def draws(shown, x, y):
    for i in range(4):
        assert np.array_equal(shown.pixels(i)[:, :, :3], picture(x[i]))
        parts = sorted(((share, name) for share, name in zip(y[i].tolist(), CLASSES) if share > 0), reverse=True)
        lines = shown.page.get_by_role("radio").nth(i).inner_text().split("\n")
        share, name = parts[0]
        said, _, of = lines[0].rpartition("% ")                             # a half may be rounded up or down
        assert of == name and (abs(int(said) - 100 * share) < 0.501 if said else share > 0.999)


def test_without_a_kernel_each_change_is_shown_alone(show):
    shown = show(widgets.augmentation_explorer(FOUR, BATCH, CLASSES))
    draws(shown, FOUR, torch.nn.functional.one_hot(BATCH, 3))
    assert "Without a kernel this page has 3 stored draws" in shown.text()
    for name, change in (("CutMix", (0, 0, 0, "cutmix")), ("crops", (4, 0, 0, "")), ("RandAugment", (0, 0, 15, ""))):
        shown.page.get_by_role("button", name=name).click()
        for draw in (2, 0):
            shown.page.get_by_role("button", name=str(draw + 1), exact=True).click()
            draws(shown, *augmented(draw, *change))
    shown.page.get_by_role("radio").nth(2).click()
    assert np.array_equal(shown.pixels(4)[:, :, :3], picture(FOUR[2]))
    assert np.array_equal(shown.pixels(5)[:, :, :3], picture(augmented(0, 0, 0, 15, "")[0][2]))
    assert f"Image 2: 100% {CLASSES[BATCH[2]]}." in shown.text() and shown.picked["image"] == 2
    shown.find(".mx-images").focus()
    shown.page.keyboard.press("ArrowLeft")
    assert shown.picked["image"] == 1


def test_python_answers_what_the_page_asks(show, monkeypatch):
    page, to_html = widgets.augmentation_explorer(FOUR, BATCH, CLASSES), widgets.to_html
    monkeypatch.setattr(widgets, "to_html", lambda pages: to_html(pages).replace(
        "save_changes: () => {},", "save_changes: () => {}, send: () => {},"))      # as if there were a kernel
    shown = show(page)
    shown.page.get_by_role("button", name="draw again").click()
    draws(shown, FOUR, torch.nn.functional.one_hot(BATCH, 3))
    shown.page.get_by_role("button", name="MixUp").click()                          # stored: no need to ask
    draws(shown, *augmented(1, 0, 0, 0, "mixup"))
    shown.page.get_by_role("button", name="on", exact=True).click()
    assert shown.picked["asked"] == [1, 0, 1, 0, "mixup"] and shown.find(".mx-waits").count() == 1
    draws(shown, *augmented(1, 0, 0, 0, "mixup"))                                   # stays until the answer is here

    def answer(asked):
        page.picked = {**page.picked, "asked": asked}
        assert not page.problem
        parts = [base64.b64encode(page.answer[name]).decode() for name in ("pixels", "labels")]
        shown.page.evaluate("""([asked, ...parts]) => {
            const el = document.getElementById("widget"), [pixels, labels] = parts.map((text) =>
                new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer));
            el.state.answer = { asked, pixels, labels };
            el.tell("change:answer"); }""", [asked, *parts])

    answer([9, 0, 1, 0, "mixup"])                                                   # too late: another is asked for
    draws(shown, *augmented(1, 0, 0, 0, "mixup"))
    answer([1, 0, 1, 0, "mixup"])
    draws(shown, *augmented(1, 0, 1, 0, "mixup"))
    assert shown.find(".mx-waits").count() == 0


@pytest.mark.parametrize("make", [lambda: widgets.prediction_browser(IMAGES, LABELS, PROBABILITIES, CLASSES),
                                  lambda: widgets.augmentation_explorer(FOUR, BATCH, CLASSES)])
@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (915, True), (1440, False)])
def test_they_are_never_wider_than_the_page(show, make, width, dark):
    """`show` fails on a scrollbar."""
    assert show(make(), width=width, dark=dark).find(".mx").bounding_box()["width"] <= 900
