"""The embedding explorer and the token unit explorer in a browser: products, sums, and what the hand can do."""

import numpy as np
import pytest
import torch
from torch.nn.functional import gelu

from mixer_lib import patchify, widgets

GENERATOR = torch.Generator().manual_seed(0)
GRAY = torch.rand(8, 8, generator=GENERATOR)
DETECTORS = {name: torch.randn(4, 4, generator=GENERATOR) for name in ("one", "two", "three")}
WEIGHTS = torch.stack([*DETECTORS.values()])
TOKENS = patchify(GRAY[None, None], 4)[0] @ WEIGHTS.flatten(1).T                # [S, C] = [4, 3]
COLOR = torch.randint(256, (3, 8, 8), generator=GENERATOR, dtype=torch.uint8)
COLUMNS = {name: torch.randn(4, generator=GENERATOR) for name in "abc"}
UNITS = {name: torch.randn(4, generator=GENERATOR) for name in "uv"}
BEFORE = torch.stack([*UNITS.values()]) @ torch.stack([*COLUMNS.values()]).T    # [D_S, C]


def said(number, digits=2):
    """A number as the page writes it."""
    text = f"{number:.{digits}f}"
    return text.strip("-") if float(text) == 0 else text.replace("-", "\u2212")


def colors(numbers, top):
    """Numbers as the page paints them: [..., 4]."""
    numbers, top = np.asarray(numbers), float(top)
    hue = np.where(numbers[..., None] < 0, [47, 134, 209], [224, 123, 40])
    opacity = np.floor(255 * np.minimum(np.abs(numbers) / top, 1) + 0.5)
    return np.concatenate([hue, opacity[..., None]], axis=-1).astype(int)


def same(pixels, numbers, top):
    """Whether a canvas shows these numbers; colors that cannot be seen do not count, nor does rounding."""
    shown, expected = pixels.astype(int), colors(numbers, top)
    seen = expected[..., 3] > 8
    return np.abs(shown[..., 3] - expected[..., 3]).max() <= 1 and \
        np.abs(shown[..., :3] - expected[..., :3])[seen].max() <= 16   # few opacity levels blur a color's levels


@pytest.fixture
def embedding(show):
    return show(widgets.embedding_explorer(GRAY, DETECTORS))


def check_embedding(shown, patch, channel, pixel):
    weight, top = WEIGHTS[channel], WEIGHTS[channel].abs().max()
    pixels = patchify(GRAY[None, None], 4)[0][patch].reshape(4, 4)
    image, one, weights, products, along, table = (shown.pixels(number) for number in range(6))
    assert np.abs(image[:, :, 0] - 255. * GRAY.numpy()).max() <= 0.51
    assert np.abs(one[:, :, 0] - 255. * pixels.numpy()).max() <= 0.51
    assert same(weights, weight, top) and same(products, weight * pixels, top)
    assert same(along, TOKENS[:, channel].reshape(2, 2), 1.5 * TOKENS[:, channel].abs().max())
    assert same(table, TOKENS / TOKENS.abs().amax(0), 1.5)
    value, one, total = pixels.flatten()[pixel], weight.flatten()[pixel], said(TOKENS[patch, channel])
    assert (f"Row {pixel // 4}, column {pixel % 4} of patch {patch}: pixel {said(value, 3)} × weight {said(one, 4)} = "
            f"{said(value * one, 4)}. All 16 such products add up to tokens[{patch}, {channel}] = {total}, the "
            f"answer to {[*DETECTORS][channel]}.") in shown.text()
    outputs = shown.page.locator(".mx-spans output").all_inner_texts()
    products = (weight * pixels).flatten()
    assert outputs == [said(number, 3) for number in (products.clamp(min=0).sum(), products.clamp(max=0).sum(),
                                                      products.sum())]


def test_embedding_draws_the_products_and_their_sum(embedding):
    assert embedding.picked == {"patch": 1, "channel": 1, "pixel": 9}
    check_embedding(embedding, 1, 1, 9)
    numbers = embedding.page.locator(".mx-texts").nth(1).locator("span").all_inner_texts()
    assert numbers == [said(number) for number in TOKENS.flatten()]
    assert embedding.frame(number=0) == [1, 0, 1, 1] and embedding.frame(number=5) == [1, 1, 1, 1]


def test_embedding_bars_lie_end_to_end(embedding):
    embedding.page.wait_for_timeout(300)
    plus, minus, total = (bar.bounding_box() for bar in embedding.page.locator(".mx-spans i").all())
    zero = embedding.find(".mx-spans u").bounding_box()["x"]
    assert plus["x"] == pytest.approx(zero, abs=1)
    assert minus["x"] + minus["width"] == pytest.approx(plus["x"] + plus["width"], abs=1)
    end = minus["x"]                                                            # where the sum ends
    assert (total["x"] if TOKENS[1, 1] < 0 else total["x"] + total["width"]) == pytest.approx(end, abs=1)
    assert minus["width"] / plus["width"] == pytest.approx(float(
        -(WEIGHTS[1] * GRAY[:4, 4:]).clamp(max=0).sum() / (WEIGHTS[1] * GRAY[:4, 4:]).clamp(min=0).sum()), abs=0.02)


@pytest.mark.parametrize("click", [False, True])
def test_embedding_hover_and_click(embedding, click):
    patch, channel, pixel = 1, 1, 9
    for view, x, y, moved in ((0, .1, .9, {"patch": 2}), (1, .9, .1, {"pixel": 3}), (2, .1, .1, {"pixel": 0}),
                              (3, .9, .9, {"pixel": 15}), (4, .9, .9, {"patch": 3}),
                              (5, .9, .1, {"patch": 0, "channel": 2})):
        embedding.at(".mx-grid", view, x, y, click)
        now = {"patch": patch, "channel": channel, "pixel": pixel} | moved
        check_embedding(embedding, **now)
        place = [now["patch"] % 2, now["patch"] // 2, 1, 1] if "patch" in moved else None
        assert embedding.frame(".mx-hover", 0) == place
        assert embedding.frame(".mx-hover", 5) == (None if "pixel" in moved else [now["channel"], now["patch"], 1, 1])
        if click:
            patch, channel, pixel = now.values()
            assert embedding.picked == now
    embedding.page.mouse.move(1, 1)
    check_embedding(embedding, patch, channel, pixel)


def test_embedding_keys_and_buttons(embedding):
    for name, channel in (("three", 2), ("one", 0)):
        embedding.page.get_by_role("button", name=name, exact=True).click()
        check_embedding(embedding, 1, channel, 9)
    assert embedding.page.get_by_role("button", pressed=True).inner_text() == "one"
    for view, key, moved in ((4, "ArrowDown", {"patch": 3}), (1, "ArrowUp", {"pixel": 5}),
                             (5, "ArrowUp", {"patch": 2}), (5, "ArrowRight", {"channel": 1})):
        embedding.find(".mx-grid", view).focus()
        embedding.page.keyboard.press(key)
        assert embedding.picked == embedding.picked | moved
    check_embedding(embedding, 2, 1, 5)
    assert embedding.find(".mx-grid", 5).get_attribute("aria-valuetext") == f"token 2, channel 1: {said(TOKENS[2, 1])}"


@pytest.fixture
def unit(show):
    return show(widgets.token_unit_explorer(COLOR, COLUMNS, UNITS))


def check_unit(shown, channel, unit, place):
    column, row = [*COLUMNS.values()][channel], [*UNITS.values()][unit]
    for canvas, values in enumerate((column, row, column * row), start=1):
        assert same(shown.pixels(canvas), values.reshape(2, 2), 1.5 * values.abs().max())
    assert same(shown.pixels(4), BEFORE, 1.5 * BEFORE.abs().max())
    before, after = said(BEFORE[unit, channel]), said(gelu(BEFORE)[unit, channel])
    assert (f"Patch {place}: {said(column[place])} × weight {said(row[place])} = {said(column[place] * row[place])}. "
            f"The 4 products add up to {before}, and after GELU the unit {[*UNITS][unit]} says {after} about "
            f"{[*COLUMNS][channel]}.") in shown.text()
    assert f"GELU: {before} → {after}" in shown.text() and f"the 4 products, added up: {before}" in shown.text()
    shown.page.wait_for_timeout(300)
    box, dot = (shown.find(name).bounding_box() for name in (":has(> .mx-dot)", ".mx-dot"))
    across = (dot["x"] + dot["width"] / 2 - box["x"]) / box["width"]
    up = (box["y"] + box["height"] - dot["y"] - dot["height"] / 2) / box["height"]
    reach = 1.1 * BEFORE.abs().max().item()
    assert across == pytest.approx(0.5 + BEFORE[unit, channel].item() / reach / 2, abs=0.02)
    assert up * 1.3 - 0.3 == pytest.approx(gelu(BEFORE)[unit, channel].item() / reach, abs=0.02)


def test_unit_draws_the_products_the_sum_and_gelu(unit):
    assert np.array_equal(unit.pixels()[:, :, :3], COLOR.permute(1, 2, 0))
    assert unit.picked == {"channel": 0, "unit": 0, "place": 1}
    check_unit(unit, 0, 0, 1)
    numbers = unit.page.locator(".mx-texts").nth(3).locator("span").all_inner_texts()
    assert numbers == [said(number) for number in BEFORE.flatten()]


@pytest.mark.parametrize("click", [False, True])
def test_unit_hover_and_click(unit, click):
    now = {"channel": 0, "unit": 0, "place": 1}
    for view, x, y, moved in ((0, .1, .9, {"place": 2}), (2, .9, .9, {"place": 3}),
                              (4, .9, .9, {"channel": 2, "unit": 1})):
        unit.at(".mx-grid", view, x, y, click)
        check_unit(unit, **now | moved)
        now |= moved if click else {}
        assert unit.picked == now


def test_unit_keys_and_buttons(unit):
    unit.page.get_by_role("button", name="b", exact=True).click()
    unit.page.get_by_role("button", name="v", exact=True).click()
    check_unit(unit, 1, 1, 1)
    unit.find(".mx-grid", 4).focus()
    unit.page.keyboard.press("ArrowUp")
    unit.page.keyboard.press("ArrowRight")
    unit.find(".mx-grid", 3).focus()
    unit.page.keyboard.press("ArrowDown")
    assert unit.picked == {"channel": 2, "unit": 0, "place": 3}
    check_unit(unit, 2, 0, 3)
    assert unit.find(".mx-grid", 4).get_attribute("aria-valuetext") == f"u on c: {said(BEFORE[0, 2])}"


@pytest.mark.parametrize("width, dark", [(360, True), (915, False)])
def test_they_are_never_wider_than_the_page(show, width, dark):
    """`show` fails on a scrollbar."""
    for widget in (widgets.embedding_explorer(GRAY, DETECTORS), widgets.token_unit_explorer(COLOR, COLUMNS, UNITS)):
        assert show(widget, width=width, dark=dark).find(".mx").bounding_box()["width"] <= 900


def test_a_wide_table_and_a_tall_image(show):
    """Many channels have a slider, and the tokens of an image that is not square lie as its patches do."""
    image, detectors = torch.rand(8, 4, generator=GENERATOR), {f"d{c}": torch.randn(2, 2) for c in range(7)}
    shown = show(widgets.embedding_explorer(image, detectors))
    tokens = patchify(image[None, None], 2)[0] @ torch.stack([*detectors.values()]).flatten(1).T
    assert same(shown.pixels(4), tokens[:, 1].reshape(4, 2), 1.5 * tokens[:, 1].abs().max())
    shown.find("input").focus()
    shown.page.keyboard.press("End")
    assert shown.picked["channel"] == 6 and f"tokens[2, 6] = {said(tokens[2, 6])}, the answer to d6" in shown.text()
