"""The scramble explorer in a browser: where each pixel goes, and what a patch and a window see of it."""

import numpy as np
import pytest
import torch

from mixer_lib import widgets

IMAGE = torch.randint(256, (3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
ORDERS = {"plain": torch.arange(64), "all pixels": torch.randperm(64, generator=torch.Generator().manual_seed(1)),
          "mirrored": torch.arange(64).view(8, 8).flip(1).flatten()}
BEFORE, AFTER, SKY, OLD_PATCH, NEW_PATCH, OLD_WINDOW, NEW_WINDOW = range(7)         # which canvas is what


def explorer(order="plain", place=27):
    widget = widgets.scramble_explorer(IMAGE, ORDERS, 4)
    assert widget.picked == {"order": "plain", "place": 27}                         # row 3, column 3
    widget.picked = {"order": order, "place": place}
    return widget


def colors(places):
    """The pixels of the image at some places [n, n]; what is beyond the edge, -1, is empty."""
    flat = np.pad(IMAGE.flatten(1).T.numpy(), ((0, 1), (0, 0)))
    return np.concatenate([flat[places], np.where(places >= 0, 255, 0)[..., None]], axis=-1)


def sees(order, place):
    """The sources of the patch [4, 4] around a place, and of its window [3, 3]."""
    source, row, column = ORDERS[order].view(8, 8).numpy(), place // 8, place % 8
    patch = source[row // 4 * 4:row // 4 * 4 + 4, column // 4 * 4:column // 4 * 4 + 4]
    return patch, np.pad(source, 1, constant_values=-1)[row:row + 3, column:column + 3]


def check(shown, order, place):
    source = ORDERS[order].numpy()
    assert np.array_equal(shown.pixels(BEFORE), colors(np.arange(64).reshape(8, 8)))
    assert np.array_equal(shown.pixels(AFTER), colors(source.reshape(8, 8)))
    middle = int(source[place])
    for canvas, (old, new) in enumerate(zip(sees("plain", middle), sees(order, place))):
        assert np.array_equal(shown.pixels(OLD_PATCH + 2 * canvas), colors(old))
        assert np.array_equal(shown.pixels(NEW_PATCH + 2 * canvas), colors(new))
    (old_patch, old_window), (patch, window) = sees("plain", middle), sees(order, place)
    near = len((set(window.flat) & set(old_window.flat)) - {-1, middle})
    kept = len((set(patch.flat) & set(old_patch.flat)) - {middle})
    patches = len({(s // 32, s % 8 // 4) for s in patch.flat})
    said = shown.text()
    assert (f"The pixel at row {place // 8}, column {place % 8} of what the network is given comes from "
            f"row {middle // 8}, column {middle % 8} of the image.") in said
    name = "patch" if patches == 1 else "patches"
    assert f"come from {patches} {name} of the image; {kept} of the other 15 w" in said
    assert f"in the window are {(window >= 0).sum() - 1} neighbors; {near} of them w" in said
    dots = [shown.find(f"[style*=outline] >> nth={i} >> path").get_attribute("d").count("M") for i in range(4)]
    assert dots == [kept, kept, near, near]
    squares = shown.find(".mx-patch").get_attribute("d").split("M")[1:]
    assert {tuple(map(float, part.split("h")[0].split())) for part in squares} == {
        (s % 8 + 0.1, s // 8 + 0.1) for s in patch.flat}
    assert shown.find(".mx-window").get_attribute("d").count("M") == (window >= 0).sum()


@pytest.mark.parametrize("order, place", [("plain", 27), ("plain", 0), ("all pixels", 27), ("all pixels", 63),
                                          ("mirrored", 7)])
def test_it_draws_both_pictures_and_what_the_networks_see(show, order, place):
    shown = show(explorer(order, place))
    check(shown, order, place)
    source = int(ORDERS[order][place])
    assert shown.frame() == [source % 8, source // 8, 1, 1]
    assert shown.frame(".mx-grid >> nth=1 >> rect.mx-mark") == [place % 8, place // 8, 1, 1]


@pytest.mark.parametrize("click", [False, True])
def test_a_pixel_of_either_picture(show, click):
    shown, order = show(explorer("all pixels")), ORDERS["all pixels"].tolist()
    shown.at(".mx-grid", 1, 2.5 / 8, 5.5 / 8, click)                    # scrambled: place 42
    check(shown, "all pixels", 42)
    shown.at(".mx-grid", 0, 6.5 / 8, 1.5 / 8, click)                    # the image: place 14, wherever it went
    check(shown, "all pixels", order.index(14))
    shown.page.mouse.move(1, 1)
    assert shown.picked["place"] == (order.index(14) if click else 27)
    check(shown, "all pixels", shown.picked["place"])


def test_keys(show):
    shown, order = show(explorer("all pixels")), ORDERS["all pixels"].tolist()
    shown.find(".mx-grid", 1).focus()
    for key, place in (("ArrowRight", 28), ("ArrowDown", 36), ("ArrowLeft", 35), ("ArrowUp", 27)):
        shown.page.keyboard.press(key)
        assert shown.picked["place"] == place
    shown.find(".mx-grid", 0).focus()
    shown.page.keyboard.press("ArrowUp" if order[27] >= 8 else "ArrowDown")
    source = order[27] + (-8 if order[27] >= 8 else 8)
    assert order[shown.picked["place"]] == source
    assert shown.find(".mx-grid", 0).get_attribute("aria-valuetext") == f"row {source // 8}, column {source % 8}"


def test_the_pixels_fly_to_their_new_places(show):
    shown = show(explorer())
    sky, ink = shown.find(".mx-sky"), "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join()"
    assert not sky.is_visible()
    shown.page.get_by_role("button", name="mirrored").click()
    assert sky.is_visible() and shown.find("canvas", AFTER).evaluate("c => c.style.visibility") == "hidden"
    first = sky.evaluate(ink)
    shown.page.wait_for_timeout(300)
    assert sky.evaluate(ink) != first                                   # on their way
    sky.wait_for(state="hidden")
    assert shown.find("canvas", AFTER).is_visible()
    check(shown, "mirrored", 27)
    source = int(ORDERS["mirrored"][27])
    assert shown.frame() == [source % 8, source // 8, 1, 1]             # the same place gets another pixel
    assert shown.find(".mx-grid", 0).get_attribute("aria-valuetext") == f"row {source // 8}, column {source % 8}"


def test_nothing_flies_for_those_who_asked_for_less_motion(show):
    shown = show(explorer())
    shown.page.emulate_media(reduced_motion="reduce")
    shown.page.get_by_role("button", name="mirrored").click()
    assert not shown.find(".mx-sky").is_visible()
    check(shown, "mirrored", 27)


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (915, True), (1440, False)])
def test_it_is_never_wider_than_the_page_and_stays_as_high(show, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(explorer(), width=width, dark=dark)
    before = shown.find(".mx").bounding_box()
    shown.page.get_by_role("button", name="all pixels").click()
    shown.at(".mx-grid", 0, 0.1, 0.9)
    after = shown.find(".mx").bounding_box()
    assert after["width"] <= 900 and (width < 900 or after["height"] == before["height"])
