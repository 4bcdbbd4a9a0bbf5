"""The switches in a browser: what they draw and say, and what the hand can do. The kernel's side of it is tested in
test_weights_widgets.py."""

import numpy as np
import pytest
import torch

from mixer_lib import widgets
from mixer_lib.analysis import logits_without, tables_by_depth
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset, normalize


def press(shown, name):
    shown.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture(scope="module")
def toy_switches(model, dataset):
    return widgets.switches(model, dataset, count=20)


CHOSEN = torch.arange(20) * 50 // 20                                    # evenly spaced: the labels may be sorted


def predicted(model, dataset, *off):
    tables = tables_by_depth(model, normalize(dataset.test_images[CHOSEN], dataset.mean, dataset.std))
    return logits_without(model, tables, off).argmax(dim=1)


def counts(model, dataset, *off):
    """What the widget says about parts that are off."""
    labels, before, after = dataset.test_labels[CHOSEN], predicted(model, dataset), predicted(model, dataset, *off)
    changed, was, now = before != after, before == labels, after == labels
    return (f"{changed.sum()} of 20 predictions changed: {(changed & was).sum()} now wrong (✗), "
            f"{(changed & now).sum()} now right (✓), {(changed & ~was & ~now).sum()} wrong either way (∼).")


PARTS = [(k, part) for k in range(3) for part in ("token mixing", "channel mixing")]


def spread(images, labels):
    """Numbers of images, the first of each class before the second of each."""
    mine = labels[images]
    return images[torch.tensor([(mine[:k] == mine[k]).sum() for k in range(len(images))]).argsort(stable=True)]


def test_single_parts_answer_at_once(model, dataset, toy_switches, show):
    shown, labels = show(toy_switches, height=700), dataset.test_labels[CHOSEN]
    everything = predicted(model, dataset)
    wrong = CHOSEN[everything != labels]
    assert f"{len(wrong)} predictions are wrong" in shown.text() and "Everything is on" in shown.text()
    assert np.array_equal(shown.pixels(0)[..., :3], dataset.test_images[wrong[0]].permute(1, 2, 0))
    heights = {shown.find(".mx").bounding_box()["height"]}
    for i, part in enumerate(PARTS):
        group, after = shown.find("g[role=switch]", i), predicted(model, dataset, part)
        right = (after == labels).float().mean()
        assert group.locator("text").last.text_content() == f"{100 * right:.0f}%"
        group.hover()                                                   # what if? Nothing is picked yet
        assert counts(model, dataset, part) in shown.text() and shown.picked["off"] == ""
        group.click()
        shown.page.mouse.move(1, 1)
        assert group.get_attribute("aria-checked") == "false" and shown.picked["off"] == f"{i // 2}{'tc'[i % 2]}"
        assert f"Off: {part[1]} of block {part[0]}. {counts(model, dataset, part)}" in shown.text()
        assert f"{100 * right:.1f}% of 20" in shown.find(".mx-now").inner_text()
        changed = CHOSEN[everything != after]
        visible = [not thumb.get_attribute("style") for thumb in shown.page.locator(".mx-thumbs > div").all()]
        assert sum(visible) == len(changed) and f"{len(changed)} predictions changed" in shown.text()
        for k, index in enumerate(spread(changed, dataset.test_labels)[:5]):
            assert np.array_equal(shown.pixels(k)[..., :3], dataset.test_images[index].permute(1, 2, 0))
        heights.add(shown.find(".mx").bounding_box()["height"])
        group.click()
        shown.page.mouse.move(1, 1)
        assert shown.picked["off"] == "" and "Everything is on" in shown.text()
    assert len(heights) == 1


def test_classes(model, dataset, toy_switches, show):
    shown, labels = show(toy_switches, height=700), dataset.test_labels[CHOSEN]
    shown.find("g[role=switch]", 0).click()
    shown.page.mouse.move(1, 1)
    before, after = predicted(model, dataset), predicted(model, dataset, PARTS[0])
    for c, name in enumerate(dataset.classes):
        row, mine = shown.find(".mx-class", c), labels == c
        assert row.inner_text().split("\n")[-1] == f"{(after[mine] == c).sum()} of {mine.sum()}"
        row.hover()
        shown_now = (mine & (before != after)).sum()
        assert f"{shown_now} {name} predictions changed" in shown.text() and shown.picked["truth"] == -1
        row.click()
        assert shown.picked["truth"] == c and row.get_attribute("aria-pressed") == "true"
        row.click()
        assert shown.picked["truth"] == -1


def test_keys_of_the_stack(toy_switches, show):
    shown = show(toy_switches, height=700)
    shown.find("g[role=switch]").focus()
    for key, off in (("Enter", "0t"), (" ", ""), ("ArrowDown", ""), ("ArrowDown", ""), (" ", "1t"), ("ArrowUp", "1t"),
                     ("Enter", "0c 1t")):
        shown.page.keyboard.press(key)
        assert shown.picked["off"] == off
    press(shown, "everything on")
    assert shown.picked["off"] == ""


def test_a_part_stays_as_switched_while_the_pointer_is_on_it(toy_switches, show):
    shown = show(toy_switches, height=700)
    box = shown.find("g[role=switch]").bounding_box()
    across, middle = [box["x"] + share * box["width"] for share in (0.05, 0.3, 0.95)], box["y"] + box["height"] / 2
    shown.page.mouse.click(across[0], middle)
    for x in across:                                                    # over its frame, its name, and its number
        shown.page.mouse.move(x, middle)
        assert "Off: token mixing of block 0." in shown.text()
    shown.page.mouse.move(across[1], box["y"] - 12)                     # between the parts: nothing is tried out
    assert "Off: token mixing of block 0." in shown.text()


def test_without_a_kernel_it_says_that_it_cannot(toy_switches, show):
    shown = show(toy_switches, height=700)
    unit, one = shown.find("input[type=range]"), shown.find(".mx-unit > button")
    assert unit.is_disabled() and one.is_disabled()                     # no block is chosen
    press(shown, "block 2")
    assert unit.is_enabled() and one.is_enabled()
    unit.focus()
    shown.page.keyboard.press("End")
    one.click()
    assert shown.picked["off"] == "2u9" and one.inner_text() == "switch unit 9 on"
    assert "need PyTorch, and there is no kernel here" in shown.text() and "Off: unit 9 of block 2." in shown.text()
    assert "token mixing − 1 unit" in shown.find("g[role=switch]", 4).text_content()
    press(shown, "none")
    assert unit.is_disabled() and shown.picked["off"] == "2u9"
    press(shown, "everything on")
    assert "no kernel" not in shown.text() and "Everything is on" in shown.text()


def test_the_page_draws_what_the_kernel_answers(model, dataset, toy_switches, show):
    """The page's side of the conversation, with answers put in by hand."""
    shown, off = show(toy_switches, height=700), [(0, "channel mixing"), (1, "token mixing")]
    for i in (1, 2):
        shown.find("g[role=switch]", i).click()
    shown.page.mouse.move(1, 1)
    assert shown.find(".mx-results").evaluate("node => node.classList.contains('mx-waits')")
    tell = """answer => { const el = document.getElementById("widget");
                          el.state.answer = answer; el.tell("change:answer"); }"""
    after = predicted(model, dataset, *off).tolist()
    some = [0, 10, 1, 11, 2]
    shown.page.evaluate(tell, {"off": "0c 1t", "read": some, "predicted": [after[i] for i in some]})
    assert "PyTorch is reading: 5 of 20 images so far." in shown.text()
    assert "% of 5" in shown.find(".mx-now").inner_text()
    shown.page.evaluate(tell, {"off": "2u3", "read": [0], "predicted": [0]})      # too late: nobody asks for it now
    assert "% of 5" in shown.find(".mx-now").inner_text()
    shown.page.evaluate(tell, {"off": "0c 1t", "read": [*range(20)], "predicted": after})
    assert counts(model, dataset, *off) in shown.text() and "PyTorch" not in shown.text()
    assert not shown.find(".mx-results").evaluate("node => node.classList.contains('mx-waits')")


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (1440, False)])
def test_they_are_never_wider_than_the_page(width, dark, toy_switches, show):
    """`show` fails on a scrollbar."""
    assert show(toy_switches, width=width, dark=dark).find(".mx").bounding_box()["width"] <= 900


def test_no_picture_is_cut(show):
    photos = load_dataset("cifar10")
    shown = show(widgets.switches(load_pretrained("cifar10-fine")[0], photos, count=250), height=700)
    boxes = [one.bounding_box() for one in shown.page.locator(".mx-thumbs > div").all() if one.is_visible()]
    frame = shown.find(".mx-thumbs").bounding_box()
    assert len(boxes) >= 12 and all(box["y"] + box["height"] <= frame["y"] + frame["height"] for box in boxes)
    names = shown.page.locator(".mx-thumbs > div > div")
    assert not names.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth)")      # "automobile" is long
