"""The kernel explorer in a browser: a row of W1 and a kernel on the grid of patches give the same answers."""

import numpy as np
import pytest
import torch

from mixer_lib import widgets

random = torch.Generator().manual_seed(0)
IMAGE = torch.randint(256, (1, 8, 8), generator=random, dtype=torch.uint8)
BLOCKS = [tuple(torch.randn(*shape, generator=random, dtype=torch.float64) for shape in ((6, 16), (6,), (16, 5)))
          for _ in range(2)]
MATRIX, STRIP, PHOTO, KERNEL, CHANNEL, PRODUCTS, BY_ROW, BY_KERNEL = range(8)          # which canvas is what
GRIDS = {"matrix": 0, "strip": 1, "photo": 2, "kernel": 3, "channel": 4, "products": 5, "row": 6, "convolution": 7}


def explorer(**picked):
    widget = widgets.kernel_explorer(IMAGE, BLOCKS)
    first = (BLOCKS[0][0][0] @ BLOCKS[0][2] + BLOCKS[0][1][0]).abs().argmax()
    assert widget.picked == {"block": 0, "unit": 0, "place": 0, "channel": first}       # the strongest answer
    widget.picked = {"block": 1, "unit": 2, "place": 6, "channel": 3, **picked}
    return widget


def same(drawn, values, top=None):
    """Opacity is size beside the largest, and orange (with more red than blue) is above zero."""
    values = values.numpy()
    expected = 255 * np.abs(values) / (np.abs(values).max() if top is None else float(top))
    sign = (drawn[:, :, 0] > drawn[:, :, 2]) == (values.reshape(drawn.shape[:2]) > 0)
    return np.allclose(drawn[:, :, 3].flatten(), expected.flatten(), atol=0.51) and sign[drawn[:, :, 3] > 3].all()


def check(shown, block, unit, channel, place):
    weight, bias, table = BLOCKS[block]
    row, column = weight[unit], table[:, channel]
    answers = weight[unit] @ table + bias[unit]
    assert same(shown.pixels(MATRIX), weight) and same(shown.pixels(STRIP), row)
    for canvas, values in ((KERNEL, row), (CHANNEL, column), (PRODUCTS, row * column)):
        assert same(shown.pixels(canvas), values)
    for name, values in (("kernel", row), ("channel", column), ("products", row * column)):
        texts = shown.find(".mx-grid", GRIDS[name]).locator("span").all_inner_texts()
        assert np.allclose([float(text.replace("\u2212", "-")) for text in texts], values, atol=0.0051)
    assert same(shown.pixels(BY_ROW), answers) and same(shown.pixels(BY_KERNEL), answers)
    said = shown.text().replace("\u2212", "-")
    for value in (row[place], column[place], row[place] * column[place], bias[unit], answers[channel]):
        assert f"{round(float(value), 2) + 0.0:.2f}" in said
    assert f"At place {place}: weight {row[place] + 0.0:.2f} × channel {channel} {column[place] + 0.0:.2f} = " in said
    assert f"add up to {answers[channel]:.2f}." in said and f"row {unit} of W1" in said
    sums = [text.replace("\u2212", "-") for text in
            shown.find("svg[aria-label='the sum of the products']").locator("text").all_text_contents()]
    products = row * column
    assert np.allclose([float(text) for text in sums[1::2]], [
        products.clamp(min=0).sum(), products.clamp(max=0).sum(), bias[unit], answers[channel]], atol=0.0051)


@pytest.mark.parametrize("block, unit, channel, place", [(1, 2, 3, 6), (0, 5, 0, 15)])
def test_it_draws_the_row_the_kernel_and_both_answers(show, block, unit, channel, place):
    shown = show(explorer(block=block, unit=unit, channel=channel, place=place))
    check(shown, block, unit, channel, place)
    assert (shown.pixels(PHOTO)[:, :, 0] == IMAGE[0].numpy()).all()
    marks = ".mx-grid >> nth={} >> rect.mx-mark"
    assert shown.frame(marks.format(GRIDS["matrix"])) == [0, unit, 1, 1]
    assert shown.frame(marks.format(GRIDS["strip"])) == [place, 0, 1, 1]
    assert shown.frame(marks.format(GRIDS["photo"])) == [place % 4, place // 4, 1, 1]
    assert shown.frame(marks.format(GRIDS["row"])) == [channel, 0, 1, 1]


def test_the_convolution_is_computed_and_compared():
    """A kernel that were wrong would show: its answers and the difference are conv2d's own."""
    page = widgets.kernel_explorer(IMAGE, BLOCKS)
    by_row, by_kernel = (np.frombuffer(page.arrays[name], np.float32).reshape(2, 6, 5)
                         for name in ("by_row", "by_kernel"))
    for k, (weight, bias, table) in enumerate(BLOCKS):
        expected = weight @ table + bias[:, None]
        assert np.allclose(by_row[k], expected, atol=1e-5) and np.allclose(by_kernel[k], expected, atol=1e-5)
    assert np.shape(page.facts["differences"]) == (2, 6) and 0 < np.max(page.facts["differences"]) < 1e-13


@pytest.mark.parametrize("click", [False, True])
def test_each_view_moves_the_others(show, click):
    shown = show(explorer())
    picked = [1, 2, 3, 6]
    for grid, x, y, moved in (("matrix", 0.7, 0.6, {1: 3, 3: 11}), ("strip", 4.5 / 16, 0.5, {3: 4}),
                              ("photo", 0.9, 0.1, {3: 3}), ("kernel", 0.1, 0.9, {3: 12}), ("channel", 0.4, 0.4, {3: 5}),
                              ("products", 0.9, 0.9, {3: 15}), ("row", 0.1, 0.5, {2: 0}),
                              ("convolution", 0.9, 0.5, {2: 4})):
        shown.at(".mx-grid", GRIDS[grid], x, y, click)
        now = [*picked]
        for which, value in moved.items():
            now[which] = value
        check(shown, *now)
        if click:
            moved.pop(3 if grid == "matrix" else None, None)        # there, a click picks the row
            picked = [moved.get(which, value) for which, value in enumerate(picked)]
            assert [shown.picked[name] for name in ("block", "unit", "channel", "place")] == picked
    shown.page.mouse.move(1, 1)
    check(shown, *picked)


def test_keys_and_buttons(show):
    shown = show(explorer())
    for grid, key, name, value in (("matrix", "ArrowDown", "unit", 3), ("strip", "ArrowRight", "place", 7),
                                   ("kernel", "ArrowUp", "place", 3), ("products", "ArrowDown", "place", 7),
                                   ("row", "ArrowLeft", "channel", 2)):
        shown.find(".mx-grid", GRIDS[grid]).focus()
        shown.page.keyboard.press(key)
        assert shown.picked[name] == value
    shown.page.get_by_role("button", name="0", exact=True).click()
    check(shown, 0, 3, 2, 7)
    assert shown.find(".mx-grid", GRIDS["matrix"]).get_attribute("aria-valuetext") == "row 3 of 6"
    difference = widgets.kernel_explorer(IMAGE, BLOCKS).facts["differences"][0][3]
    said = f"channels: {difference:.0e}".replace("e-0", "e-").replace("e-", "e\u2212") if difference else "channels: 0."
    assert said in shown.text()


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (915, True), (1440, False)])
def test_it_is_never_wider_than_the_page_and_stays_as_high(show, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(explorer(), width=width, dark=dark, height=800)
    before = shown.find(".mx").bounding_box()
    shown.at(".mx-grid", GRIDS["kernel"], 0.1, 0.9, click=True)
    after = shown.find(".mx").bounding_box()
    assert after["width"] <= 900 and (width < 900 or after["height"] == before["height"])
