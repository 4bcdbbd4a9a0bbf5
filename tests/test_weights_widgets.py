"""Pictures of token-mixing weights, and the widgets around them: what they show for the values of their controls."""

import asyncio
import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from mixer_lib import plots, widgets
from mixer_lib.analysis import (
    frequency,
    logits_without,
    order,
    participation,
    partners,
    spectrum,
    summarize,
    tables_by_depth,
)
from mixer_lib.checkpoints import load_snapshots, save_snapshots, token_mixing_weights
from mixer_lib.data import Dataset, normalize
from mixer_lib.model import MlpMixer
from mixer_lib.plots.card import SHARP, Card
from mixer_lib.plots.weights import MOSAIC, WIDTH, color_top, mosaic_area
from mixer_lib.widgets.weights import clickable

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
def model():
    """3 blocks on a grid of 2 x 3, with weights so large that each part counts; it gives images to every class."""
    torch.manual_seed(0)
    model = MlpMixer(image_size=(8, 12), patch_size=4, in_channels=3, num_classes=3, num_blocks=3, hidden_dim=8,
                     tokens_mlp_dim=10, channels_mlp_dim=9).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    with torch.no_grad():
        model.head.bias.sub_(model(torch.rand(50, 3, 8, 12) * 4 - 2).mean(dim=0))
    return model


@pytest.fixture
def dataset():
    images = torch.randint(0, 256, (50, 3, 8, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 3
    return Dataset("toy", images, labels, images, labels, ["ant", "bee", "cat"], (0.5,) * 3, (0.25,) * 3)


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


@pytest.mark.parametrize("place", [0, 6, 9])
def test_weight_browser_enlarges_a_unit_and_its_opposite(place, texts):
    W1 = kernels()
    shown = order(W1, GRID, "norm")
    picture, area = plots.weight_browser(W1, GRID, shown, place, top=1.0, title="ten units"), mosaic_area(10, GRID)
    pixels = rgb(picture)
    unit = shown[place]
    partner = partners(W1)[0][unit]
    assert framed(pixels, plots.ORANGE, (0, *area[1:2], WIDTH, area[3])) == pytest.approx(cells(area)[place], abs=1)
    assert framed(pixels, plots.BLUE, (0, *area[1:2], WIDTH, area[3])) == pytest.approx(
        cells(area)[(shown == partner).nonzero()], abs=1)
    y, cell = area[1] + area[3] + 34, 160 / 3
    energy = spectrum(W1[unit], GRID)
    for s in range(6):
        row, column = divmod(s, 3)
        of_unit, of_spectrum, of_partner = (at(pixels, x + (column + 0.5) * cell, y + (row + 0.5) * cell)
                                            for x in (12, 222, 432))
        assert sign(of_unit) == W1[unit, s].sign() and sign(of_partner) == W1[partner, s].sign()
        assert (of_spectrum == of_spectrum[0]).all() and of_spectrum[0] == pytest.approx(
            np.interp(int(31 * energy[row, column] / energy.max()), [0, 16, 31], [255, 118, 0]), abs=1)
    zero = framed(pixels, plots.ORANGE, (215, y - 5, 190, 190))
    assert zero == pytest.approx((222 + 1.5 * cell, y + 1.5 * cell), abs=1)
    assert {f"unit {unit}", f"closest opposite: unit {partner}", f"norm {W1[unit].norm():.2f}",
            f"frequency {frequency(W1[unit], GRID):.2f} cycles per patch",
            f"spread over {participation(W1[unit]):.1f} of 6 places",
            f"correlation with its opposite {partners(W1)[1][unit]:.2f}"} < set(texts)
    assert texts[:3] == ["ten units", "-1 and less", "1 and more"]


def along():
    """Steps, W1 [n, D_S, S] and the numbers of a training that grows."""
    W1 = torch.stack([kernels(seed=seed) * (seed + 1) for seed in range(4)])
    return [0, 3, 20, 1000], W1, summarize(W1, W1.mT, GRID)


@pytest.mark.parametrize("now", [0, 2, 3])
def test_training_scrubber_shows_the_moment(now, texts):
    steps, W1, numbers = along()
    picture = plots.training_scrubber(steps, W1, numbers, GRID, torch.arange(10).flip(0), now)
    share = {name: f"{values[now]:.2f}" for name, values in numbers["convolution share"].items()}
    assert "trained {trained}, relabeled {relabeled}, chance {chance}".format(**share) in texts
    assert f" after {steps[now]:,} updates" in texts
    titles = ["frequency (cycles per patch)", "pair correlation", "convolution share"]
    assert [text for text in texts if text in titles] == titles
    assert [texts.count(text) for text in ("0", "1,000 updates", "0.5", "-1", "1")] == [6, 3, 1, 1, 1]
    assert {"dashed: shuffled", "dashed: relabeled, dotted: chance"} < set(texts)
    area = mosaic_area(10, GRID)
    top, bottom = round(SHARP * area[1]), round(SHARP * (area[1] + area[3]))
    alone = plots.mosaic(W1[now], GRID, torch.arange(10).flip(0), color_top(W1))
    assert (rgb(picture)[top:bottom] == rgb(alone)[top:bottom]).all()               # one scale for all moments
    y = area[1] + area[3] + 54
    for x, (name, low, high) in ((50, ("frequency", 0, 0.5)), (357, ("pair correlation", -1, 0)),
                                 (664, ("convolution share", 0, 1))):
        pixels = rgb(picture)[:, round(SHARP * (x - 5)):round(SHARP * (x + 246))]
        for moment in range(1, 4):                                      # the curve, at the moments themselves
            across, value = x + 240 * moment / 3, numbers[name]["trained"][moment].item()
            down = y + 110 * (high - value) / (high - low)
            here = pixels[round(SHARP * down) - 6:round(SHARP * down) + 7,
                          round(SHARP * (across - x + 5)) - 6:round(SHARP * (across - x + 5)) + 7]
            color = plots.ORANGE if moment == now else plots.BLUE
            assert (here == ImageColor.getrgb(color)).all(-1).any()
        marked = (pixels[round(SHARP * y):round(SHARP * (y + 110))] == ImageColor.getrgb(plots.ORANGE)).all(-1)
        rows = np.flatnonzero(marked.sum(axis=1) > 8)                   # where the marker is wider than its line
        value = high - (rows.mean() + 0.5) / SHARP / 110 * (high - low)
        assert value == pytest.approx(numbers[name]["trained"][now].item(), abs=0.02 * (high - low))
        columns = np.flatnonzero(marked.any(axis=0))
        assert (columns.min() + columns.max()) / 2 / SHARP - 5 == pytest.approx(80 * now, abs=1)


def test_switches_counts_and_frames_what_changed(texts):
    images = torch.zeros(20, 1, 4, 4, dtype=torch.uint8)
    labels = torch.zeros(20, dtype=torch.long)
    before, after = labels.clone(), labels.clone()
    after[[1, 7, 8]] = 1                                                # lost
    before[[2, 3]] = 2                                                  # won
    before[4], after[4] = 1, 2                                          # wrong either way
    before[5] = after[5] = 1                                            # wrong, and not changed
    pixels = rgb(plots.switches(images, labels, before, after, ["a", "b", "c"], [(0, "token mixing")]))
    for y, accuracy, color in ((50, 16 / 20, plots.GRAY), (78, 15 / 20, plots.BLUE)):
        bar = (pixels[y * SHARP, 130 * SHARP:530 * SHARP] == ImageColor.getrgb(color)).all(-1).sum()
        assert bar == pytest.approx(accuracy * 400 * SHARP, abs=2)
    frames = []
    for k in range(16):
        color = tuple(at(pixels, 14 + k % 8 * 113 - 2, 132 + k // 8 * 132 + 40))
        frames.append({ImageColor.getrgb(plots.ORANGE): "lost", ImageColor.getrgb(plots.GREEN): "won",
                       ImageColor.getrgb(plots.GRAY): "neither"}.get(color))
    assert frames == ["lost", "won", "won", "neither", "lost", "lost"] + [None] * 10
    assert {"6 predictions changed: 3 now wrong (orange), 2 now right (green), 1 wrong either way (gray)",
            "off: token mixing of block 0", "80.0% of 20 right", "75.0% of 20 right"} < set(texts)
    assert (texts.count("was a"), texts.count("now b"), texts.count("was c"), texts.count("now c")) == (3, 3, 2, 1)
    assert not any("so far" in text for text in texts)
    plots.switches(images, labels, before, after, ["a", "b", "c"], [], of=50)
    assert "20 of 50 images read so far" in texts
    many = plots.switches(images, labels, labels, labels + 1, ["a", "b", "c"], [])
    assert many.size == (WIDTH * SHARP, pixels.shape[0])                # of one size, whatever changed


def test_switches_says_what_is_off():
    from mixer_lib.plots.weights import _named
    assert _named([]) == "everything is on"
    assert _named({(2, 5), (0, "token mixing"), (1, "token mixing"), (3, "channel mixing")}) == \
        "off: token mixing of blocks 0, 1; unit 5 of block 2; channel mixing of block 3"


# Widgets

def test_weight_browser_widget_shows_what_its_controls_say(model):
    controls, picture, problem = widgets.weight_browser(model, seed=5).children
    assert (controls.children[0].max, controls.children[-1].max) == (2, 9)
    torch.manual_seed(5)
    models = {"trained": model, "untrained": MlpMixer(**vars(model.config))}
    shown = {"W1": {s: [b.token_mixing.fc1.weight.detach() for b in m.blocks] for s, m in models.items()},
             "W2": {s: [b.token_mixing.fc2.weight.detach().T for b in m.blocks] for s, m in models.items()}}
    sizes = set()
    for values in [(0, "W1", "trained", "index", False, 0), (2, "W1", "trained", "pairing", False, 7),
                   (2, "W2", "trained", "pairing", False, 7), (2, "W2", "untrained", "frequency", False, 9),
                   (1, "W2", "untrained", "norm", True, 9), (1, "W1", "untrained", "norm", True, 3)]:
        for control, value in zip(controls.children, values):
            control.value = value
        k, W, which, sort, one_scale, p = values
        rows = shown[W][which][k]
        top = max(color_top(rows) for state in shown[W].values() for rows in state) if one_scale else color_top(rows)
        drawn = plots.weight_browser(rows, GRID, order(rows, GRID, sort), p, top,
                                     f"{W} of block {k}, {which}: 10 units, by {sort}")
        assert picture.value == plots.to_png(drawn) and not problem.value
        sizes.add(drawn.size)
    assert len(sizes) == 1                                              # nothing jumps


def test_weight_browser_takes_random_numbers_from_nobody(model):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    widgets.weight_browser(model)
    assert torch.equal(torch.rand(1), expected)


def test_a_click_and_the_slider_move_together(model):
    controls, click, _ = widgets.weight_browser(model).children
    place = controls.children[-1]
    click.at = 8                                                        # as the page does on a click
    assert place.value == 8
    after = click.value
    place.value = 2
    assert click.at == 2 and click.value != after
    area, = click.areas
    assert (*area, click.rows, click.columns) == mosaic_area(10, GRID) and click.count == 10 and click.width == WIDTH
    pixels = rgb(Image.open(io.BytesIO(click.value)))
    assert framed(pixels, plots.ORANGE, area) == pytest.approx(cells(mosaic_area(10, GRID))[2], abs=1)


def test_an_error_is_shown_in_place(model, monkeypatch):
    controls, click, problem = widgets.weight_browser(model).children
    good = click.value
    monkeypatch.setattr(plots, "weight_browser", lambda *arguments: 1 / 0)
    controls.children[0].value = 1
    assert "ZeroDivisionError" in problem.value and click.value == good


def test_clickable_stands_for_the_picture_alone():
    import ipywidgets
    slider = ipywidgets.IntSlider(max=3)
    picture = ipywidgets.Image(value=b"one")
    click = clickable(picture, slider, [(0, 0, 1, 1)], 2, 2)
    picture.value = b"two"
    assert click.value == b"two" and picture.comm is None               # a picture is sent once, not twice


def test_training_scrubber_widget_shows_what_its_controls_say(model, tmp_path):
    snapshots = {}
    for step in (0, 4, 90):
        snapshots[step] = token_mixing_weights(model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape))
    save_snapshots(tmp_path / "snapshots.safetensors", snapshots)
    steps, weights = load_snapshots(tmp_path / "snapshots.safetensors")
    controls, picture, problem = widgets.training_scrubber(steps, weights, GRID).children
    block, by, now, play = controls.children
    assert (block.max, play.max, by.value, now.value) == (2, 2, "pairing", 0)
    sizes = set()
    for k, sort, moment in ((0, "pairing", 0), (0, "pairing", 2), (2, "frequency", 1), (2, "index", 2)):
        block.value, by.value, play.value = k, sort, moment             # the button moves the slider
        W1, W2 = (weights[f"blocks.{k}.token_mixing.{layer}.weight"] for layer in ("fc1", "fc2"))
        drawn = plots.training_scrubber([0, 4, 90], W1, summarize(W1, W2, GRID), GRID, order(W1[-1], GRID, sort),
                                        moment, color_top(W1), f"W1 of block {k}, by the last {sort},")
        assert picture.value == plots.to_png(drawn) and not problem.value and now.value == moment
        sizes.add(drawn.size)
    now.value = 1                                                       # and the slider where the button goes on
    assert play.value == 1 and len(sizes) == 1


def test_switches_widget_shows_what_its_switches_say(model, dataset, monkeypatch):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    calls = []
    monkeypatch.setattr(widgets.weights, "logits_without", lambda model, tables, off: (
        calls.append(off), logits_without(model, tables, off))[1])
    tokens, channels, units, picture, problem = widgets.switches(model, dataset, count=20).children
    token_boxes, channel_boxes = tokens.children[1:], channels.children[1:]
    block, unit = units.children
    assert (len(token_boxes), len(channel_boxes), unit.max) == (3, 3, 9)
    assert len(calls) == 7 * 4                                          # each part alone, and everything on; by fives
    chosen = torch.arange(20) * 50 // 20                                # evenly spaced: the labels may be sorted
    tables = tables_by_depth(model, normalize(dataset.test_images[chosen], dataset.mean, dataset.std))
    predicted = {}

    def shows(off):
        predicted[off] = logits_without(model, tables, off).argmax(dim=1)
        drawn = plots.switches(dataset.test_images[chosen], dataset.test_labels[chosen], predicted[frozenset()],
                               predicted[off], dataset.classes, off)
        return picture.value == plots.to_png(drawn) and not problem.value

    assert shows(frozenset())
    token_boxes[1].value = False
    assert shows(frozenset({(1, "token mixing")}))
    token_boxes[1].value, channel_boxes[2].value = True, False
    assert shows(frozenset({(2, "channel mixing")}))
    assert len(calls) == 7 * 4                                          # nothing is computed for a single part
    block.value, unit.value = 1, 9
    assert shows(frozenset({(2, "channel mixing"), (1, 9)}))
    channel_boxes[2].value = True
    assert shows(frozenset({(1, 9)}))
    block.value = -1
    assert shows(frozenset()) and len({tuple(labels.tolist()) for labels in predicted.values()}) == 5
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_switches_widget_answers_before_it_has_read_every_image(model, dataset, monkeypatch):
    monkeypatch.setattr(widgets.weights, "SOON", 0)
    shown = []
    switches = plots.switches

    def draw(images, *more, of=None):
        shown.append((len(images), of))
        return switches(images, *more, of=of)

    monkeypatch.setattr(plots, "switches", draw)
    *_, units, picture, problem = widgets.switches(model, dataset, count=20).children
    block, unit = units.children
    assert shown == [(20, None)]

    async def ask():
        block.value = 1
        assert shown[1:] == [(5, 20)]                                   # all that is done before the kernel hears more
        unit.value = 1
        while shown[-1][1]:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)                                       # a late answer to the first move would come now

    asyncio.run(ask())
    assert shown[2:] == [(5, 20), (10, 20), (15, 20), (20, None)]
    after = picture.value
    unit.value = 0
    assert picture.value != after
    unit.value = 1
    assert picture.value == after and not problem.value
    assert shown[-1] == (20, None) and shown[-2][1] is None             # it is not computed a second time
