"""The patch explorer in a browser: what it draws, what it says, and what the hand can do."""

import numpy as np
import pytest
import torch

from mixer_lib import patchify, widgets

IMAGE = torch.randint(256, (3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_it_draws_the_image_a_patch_and_the_table(show):
    shown = show(widgets.patch_explorer(IMAGE))             # P = 4: 16 patches of 48 numbers
    assert shown.picked == {"size": 4, "patch": 5, "entry": 24}
    image, patch, table = (shown.pixels(number) for number in range(3))
    assert np.array_equal(image[:, :, :3], IMAGE.permute(1, 2, 0))
    assert np.array_equal(patch[:, :, :3], IMAGE[:, 4:8, 4:8].permute(1, 2, 0))
    assert np.array_equal(table[:, :, 0], patchify(IMAGE[None], 4)[0])
    assert (image[:, :, 3] == 255).all() and (table[:, :, 3] == 255).all()
    rows = patchify(IMAGE[None], 4)[0]
    assert f"table[5, 24] = {rows[5, 24]}: green, row 2 and column 0 of patch 5; row 6 and column 4 of the image" \
        in shown.text()
    assert "S = 16 rows (patches) of D = 48 numbers" in shown.text()
    assert shown.frame() == [1, 1, 1, 1]                    # the patch, in the image


@pytest.mark.parametrize("click", [False, True])
def test_each_of_the_three_views_moves_the_others(show, click):
    rows, shown = patchify(IMAGE[None], 4)[0], show(widgets.patch_explorer(IMAGE))
    shown.at(".mx-grid", 0, 0.9, 0.1, click)                # the image: patch 3
    assert f"table[3, 24] = {rows[3, 24]}: green" in shown.text()
    assert np.array_equal(shown.pixels(1)[:, :, :3], IMAGE[:, :4, 12:].permute(1, 2, 0))
    shown.at(".mx-grid", 1, 0.9, 0.9, click)                # the patch: its last pixel, still green
    patch = 3 if click else 5
    assert f"table[{patch}, 31] = {rows[patch, 31]}: green, row 3 and column 3" in shown.text()
    shown.at(".mx-grid", 2, 0.99, 0.99, click)              # the table: its last entry
    assert f"table[15, 47] = {rows[15, 47]}: blue, row 3 and column 3 of patch 15; row 15 and column 15" in shown.text()
    assert shown.picked == ({"size": 4, "patch": 15, "entry": 47} if click else {"size": 4, "patch": 5, "entry": 24})
    shown.page.mouse.move(1, 1)
    assert (f"table[{15 if click else 5}, {47 if click else 24}]") in shown.text()


def test_keys(show):
    shown = show(widgets.patch_explorer(IMAGE))
    shown.find(".mx-grid").focus()
    for key, patch in (("ArrowRight", 6), ("ArrowDown", 10), ("ArrowLeft", 9), ("ArrowUp", 5), ("ArrowUp", 1),
                       ("ArrowUp", 1)):
        shown.page.keyboard.press(key)
        assert shown.picked["patch"] == patch and shown.frame() == [patch % 4, patch // 4, 1, 1]
    assert shown.find(".mx-grid").get_attribute("aria-valuetext") == "patch 1 of 16"
    shown.find(".mx-grid", 2).focus()
    for key, entry, patch in (("ArrowRight", 25, 1), ("ArrowDown", 25, 2), ("ArrowLeft", 24, 2), ("ArrowUp", 24, 1)):
        shown.page.keyboard.press(key)
        assert (shown.picked["entry"], shown.picked["patch"]) == (entry, patch)
    assert shown.find(".mx-grid", 2).get_attribute("aria-valuetext") == "row 1, number 24"


@pytest.mark.parametrize("number, at, text", [(0, (0.9, 0.9), "table[6, 24]"), (2, (0.9, 0.9), "table[5, 25]")])
def test_a_key_outweighs_a_pointer_that_rests(show, number, at, text):
    shown = show(widgets.patch_explorer(IMAGE))
    shown.find(".mx-grid", number).focus()
    shown.at(".mx-grid", number, *at)
    shown.page.keyboard.press("ArrowRight")
    assert text in shown.text()


def test_sizes(show):
    shown = show(widgets.patch_explorer(IMAGE))
    for size, patches in ((2, 64), (8, 4)):
        shown.page.get_by_role("button", name=str(size), exact=True).click()
        assert f"S = {patches} rows (patches) of D = {3 * size ** 2} numbers" in shown.text()
        assert shown.picked["size"] == size and shown.picked["patch"] < patches
        assert np.array_equal(shown.pixels(2)[:, :, 0], patchify(IMAGE[None], size)[0])
    assert shown.page.get_by_role("button", pressed=True).inner_text() == "8"


def test_a_gray_image(show):
    shown = show(widgets.patch_explorer(IMAGE[:1]))
    assert ": gray, row 2 and column 0 of patch 5" in shown.text()
    assert np.array_equal(shown.pixels(2)[:, :, 0], patchify(IMAGE[None, :1], 4)[0])


@pytest.mark.parametrize("width", [360, 915, 1440])
def test_it_is_never_wider_than_the_page(show, width):
    """`show` fails on a scrollbar."""
    shown = show(widgets.patch_explorer(IMAGE), width=width, dark=width == 360)
    assert shown.find(".mx").bounding_box()["width"] <= 900
