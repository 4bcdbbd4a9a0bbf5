"""Pictures of token-mixing weights, and the widgets around them: what they show for the values of their controls."""

import asyncio

import numpy as np
import pytest
import torch
from PIL import ImageColor

from mixer_lib import plots, widgets
from mixer_lib.analysis import (
    logits_without,
    summarize,
    tables_by_depth,
)
from mixer_lib.data import normalize
from mixer_lib.plots.card import SHARP, Card
from mixer_lib.plots.weights import MOSAIC, WIDTH, color_top, mosaic_area, reach
from mixer_lib.widgets.weights import in_bytes, thumbnails

GRID = 2, 3
DARKEST_BLUE, DARKEST_ORANGE = (0x00, 0x4C, 0x78), (0x8F, 0x3F, 0x00)


def kernels(count=10, grid=GRID, seed=0):
    return torch.randn(count, grid[0] * grid[1], generator=torch.Generator().manual_seed(seed))


def rgb(picture):
    return np.asarray(picture.convert("RGB")).astype(int)


def at(pixels, x, y):
    """The color at a place given in units."""
    return pixels[round(SHARP * y), round(SHARP * x)]


def sign(color):
    """1 for orange, -1 for blue, 0 for white or gray."""
    return np.sign(int(color[0]) - int(color[2]))


def framed(pixels, color, inside):
    """The middle (x, y), in units, of all that has exactly this color in `inside`, (x, y, width, height)."""
    x, y, width, height = (round(SHARP * side) for side in inside)
    rows, columns = np.nonzero((pixels[y:y + height, x:x + width] == ImageColor.getrgb(color)).all(-1))
    return inside[0] + (columns.min() + columns.max()) / 2 / SHARP, inside[1] + (rows.min() + rows.max()) / 2 / SHARP


def cells(area):
    """The middles of the cells of areas as `mosaic_area` gives them, in raster order."""
    x, y, width, height, rows, columns = area
    return [(x + (j + 0.5) * width / columns, y + (i + 0.5) * height / rows) for i in range(rows)
            for j in range(columns)]


@pytest.fixture
def texts(monkeypatch):
    """The words that are written on a card."""
    written, write = [], Card.text
    monkeypatch.setattr(Card, "text", lambda self, x, y, text, *rest, **options: (
        written.append(text), write(self, x, y, text, *rest, **options))[1])
    return written


# Pictures

@pytest.mark.parametrize("count, grid", [(32, (4, 4)), (64, (8, 8)), (256, (16, 16)), (384, (14, 14)), (640, (16, 16)),
                                         (10, (2, 3)), (7, (9, 2)), (31, (3, 8)), (2, (1, 1)), (1, (4, 4))])
def test_mosaic_fits_with_room_for_all(count, grid):
    x, _, width, height, rows, columns = mosaic_area(count, grid)
    assert columns % 2 == 0 and rows * columns >= count > (rows - 1) * columns
    assert x + width <= WIDTH and (height <= MOSAIC[1] or columns * (3 * grid[1] / SHARP + 3) > 0.8 * MOSAIC[0])
    pixels = (width / columns - 3) * SHARP / grid[1]                    # of a weight
    assert pixels == int(pixels) >= 3
    assert (height / rows - 3) * SHARP / grid[0] == pytest.approx(pixels)           # weights are squares


@pytest.mark.parametrize("count, grid", [(10, (2, 3)), (12, (4, 4)), (256, (16, 16)), (7, (5, 2))])
def test_mosaic_shows_each_weight_in_its_place(count, grid):
    W1 = kernels(count, grid)
    shown = torch.randperm(count, generator=torch.Generator().manual_seed(3))
    picture = plots.mosaic(W1, grid, shown, top=1.0, title="W1")
    pixels, area = rgb(picture), mosaic_area(count, grid)
    assert picture.mode == "P" and picture.size[0] == WIDTH * SHARP
    side = (area[2] / area[5] - 3) / grid[1]
    for unit, (x, y) in zip(shown, cells(area)):
        for s, value in enumerate(W1[unit].tolist()):
            row, column = divmod(s, grid[1])
            color = at(pixels, x + (column + 0.5 - grid[1] / 2) * side, y + (row + 0.5 - grid[0] / 2) * side)
            assert sign(color) == np.sign(value) or abs(value) < 0.02
            assert (tuple(color) == (DARKEST_ORANGE if value > 0 else DARKEST_BLUE)) == (abs(value) > 0.995)
    if count < area[4] * area[5]:                                       # what is left of the last row
        assert (at(pixels, *cells(area)[count]) == 255).all()


def test_color_top_leaves_out_the_extremes():
    weights = torch.cat([torch.linspace(-1, 1, 1000), torch.tensor([50.0])]).requires_grad_()
    assert color_top(weights) == pytest.approx(1, abs=0.01) and color_top(torch.zeros(4, 4)) == 1
    same = plots.mosaic(kernels(), GRID), plots.mosaic(kernels(), GRID, torch.arange(10), color_top(kernels()))
    assert plots.to_png(same[0]) == plots.to_png(same[1])


def along():
    """Steps, W1 [n, D_S, S] and the numbers of a training that grows."""
    W1 = torch.stack([kernels(seed=seed) * (seed + 1) for seed in range(4)])
    return [0, 3, 20, 1000], W1, summarize(W1, W1.mT, GRID)


def test_axes_begin_at_zero_and_end_at_round_numbers():
    for values, ends in (([0.28, 0.1], (0, 0.3)), ([-0.37, -0.1], (-0.4, 0)), ([0.0141], (0, 0.02)), ([0.4], (0, 0.4)),
                         ([-0.2, 70], (-0.2, 80)), ([0, 0], (0, 1)), ([torch.tensor([0.9, 1.0])], (0, 1))):
        assert reach(values) == ends and "-0.0" not in map(str, reach(values))


@pytest.mark.parametrize("grid", [(3, 3), (2, 4), (1, 5)])
def test_kernels_shows_each_displacement_in_its_place(grid, texts):
    H, W = grid
    pictures = torch.randn(9, 2 * H - 1, 2 * W - 1, generator=torch.Generator().manual_seed(0))
    pictures[:, H - 1, W - 1] = 9                                       # itself: beyond the colors of the others
    shares, controls = torch.linspace(0, 0.8, 9), torch.linspace(0.1, 0.5, 9)
    picture = plots.kernels({"one": (pictures[:1], shares[:1], controls[:1]), "nine": (pictures, shares, controls)})
    pixels, height = rgb(picture), 104 * (2 * H - 1) / (2 * W - 1)
    assert texts == ["one", "0: 0.00 (0.10)", "nine",
                     *(f"{k}: {share:.2f} ({control:.2f})" for k, (share, control) in enumerate(zip(shares, controls)))]
    for k in range(9):                                                  # eight in a line
        x, y, cell = 10 + k % 8 * 113, 90 + height + k // 8 * (height + 30), 104 / (2 * W - 1)
        for (row, column), value in np.ndenumerate(pictures[k].numpy()):
            color = at(pixels, x + (column + 0.5) * cell, y + (row + 0.5) * cell)
            assert sign(color) == np.sign(value) or abs(value) < 0.05
        assert tuple(at(pixels, x + (W - 0.5) * cell, y + (H - 0.5) * cell)) == DARKEST_ORANGE
        assert tuple(at(pixels, x + (W - 0.5) * cell, y + (H - 0.5) * cell)) != tuple(at(pixels, x - 3, y - 3))


# Widgets: what Python does for them. What the page does is tested in test_page_weights.py and test_page_switches.py.

CHOSEN = torch.arange(20) * 50 // 20                                    # evenly spaced: the labels may be sorted


def predicted(model, dataset, *off):
    tables = tables_by_depth(model, normalize(dataset.test_images[CHOSEN], dataset.mean, dataset.std))
    return logits_without(model, tables, off).argmax(dim=1)


def test_eight_bits_are_close():
    rows = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    rows[1, 2] = 0
    numbers, scale = in_bytes(rows)
    assert numbers.dtype == torch.uint8 and scale.shape == (3, 4)
    error = ((numbers.float() - 128) * scale[..., None] - rows).abs()
    assert (error <= rows.abs().amax(dim=-1, keepdim=True) / 253).all()


def test_the_browser_takes_random_numbers_from_nobody(model):
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    widgets.weight_browser(model)
    assert torch.equal(torch.rand(1), wanted)


def test_the_kernel_answers(model, dataset, monkeypatch):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    calls = []
    monkeypatch.setattr(widgets.weights, "logits_without", lambda model, tables, off: (
        calls.append(off), logits_without(model, tables, off))[1])
    page = widgets.switches(model, dataset, count=20)
    assert len(calls) == 7                                              # each part alone, and everything on

    def answers(off, *parts):
        page.picked = {**page.picked, "off": off}
        now = [number for _, number in sorted(zip(page.answer["read"], page.answer["predicted"]))]
        return page.answer["off"] == off and now == predicted(model, dataset, *parts).tolist()

    assert answers("1t", (1, "token mixing")) and len(calls) == 7
    assert answers("2c 1u9", (2, "channel mixing"), (1, 9)) and len(calls) == 11        # by fives
    assert answers("1u9 1u3", (1, 9), (1, 3)) and answers("", *[])
    assert answers("2c 1u9", (2, "channel mixing"), (1, 9)) and len(calls) == 15        # not a second time
    page.picked = {**page.picked, "unit": 3}
    assert len(calls) == 15 and not page.problem
    page.picked = {**page.picked, "off": "7t 0u1"}
    assert page.problem.startswith("ValueError")
    page.picked = {**page.picked, "off": "0t"}
    assert not page.problem
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_kernel_answers_before_it_has_read_every_image(model, dataset, monkeypatch):
    monkeypatch.setattr(widgets.weights, "SOON", 0)
    page, sent = widgets.switches(model, dataset, count=20), []
    page.observe(lambda change: sent.append((change.new["off"], len(change.new["read"]))), "answer")

    async def ask():
        page.picked = {**page.picked, "off": "1u0"}
        assert sent == [("1u0", 5)]                                     # all that is done before the kernel hears more
        page.picked = {**page.picked, "off": "1u1"}
        while sent[-1][1] < 20:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)                                       # a late answer to the first move would come now

    asyncio.run(ask())
    assert sent == [("1u0", 5), ("1u1", 5), ("1u1", 10), ("1u1", 15), ("1u1", 20)]


@pytest.mark.parametrize("count", [0, -3, 51])
def test_switches_needs_images(model, dataset, count):
    with pytest.raises(ValueError, match=f"count is {count}: expected a number of test images from 1 to 50"):
        widgets.switches(model, dataset, count=count)


def test_thumbnails():
    images = torch.randint(256, (2, 3, 150, 100), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    small = thumbnails(images)
    assert small.shape == (2, 3, 50, 33) and small.dtype == torch.uint8
    assert small[1, 2, 7, 5] == images[1, 2, 21:24, 15:18].float().mean().round()
    assert torch.equal(thumbnails(images[..., :64, :64]), images[..., :64, :64])
