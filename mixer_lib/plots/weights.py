"""Token-mixing weights as pictures on the grid of patches. One byte per pixel, where others have three, is fast."""

import numpy as np
import torch
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from .. import analysis
from .base import GRAY, GREEN, INK, PINK, as_array, as_pixels
from .card import SHARP, Card
from .layers import SIGNED

WIDTH, MOSAIC, GAP = 920, (900, 220), 3         # of a card, of the room for a mosaic, between its kernels; in units
STEPS = 100                                     # shades of blue, and of orange
# The colors that one byte can name. First white to black over GRAY, in this order so that black and gray letters have
# smooth edges; then INK and PINK; then those of signed numbers.
PALETTE = np.concatenate([
    np.interp(np.arange(32), [0, 16, 31], [1, to_rgb(GRAY)[0], 0])[:, None].repeat(3, axis=1),
    [to_rgb(INK), to_rgb(PINK)], SIGNED(np.linspace(0, 1, 2 * STEPS + 1))[:, :3]])
LIGHT, BLACK, ZERO = 4, 31, 34 + STEPS
PANELS = {"frequency": "frequency (cycles per patch)", "pair correlation": "pair correlation",
          "convolution share": "convolution share"}     # the curves of a training, of the numbers of `summarize`


class PaletteCard(Card):
    """A card with one byte per pixel, the index of its color in PALETTE. Letters are black or GRAY."""

    def __init__(self, width, height):
        self.image = Image.new("P", (round(width * SHARP), round(height * SHARP)))
        self.image.putpalette((255 * PALETTE).round().astype(np.uint8).tobytes())
        self.draw = ImageDraw.Draw(self.image)
        self.draw.fontmode = "L"                                        # letters with smooth edges

    def pixels(self, array, x, y, width, height):
        """As `Card.pixels`, for an array [H, W] of indices into the palette."""
        picture = Image.frombytes("P", array.shape[::-1], array.astype(np.uint8).tobytes())
        size = round(width * SHARP), round(height * SHARP)
        self.image.paste(picture.resize(size, Image.Resampling.NEAREST), (round(x * SHARP), round(y * SHARP)))


def color_top(kernels):
    """Where a color scale for kernels ends: 99.5% of the numbers lie within, so that a few do not pale the others."""
    return float(np.quantile(np.abs(as_array(kernels)), 0.995)) or 1.0


def reach(values):
    """Where an axis for numbers begins and ends: at 0, and beyond them at a round number, (low, high)."""
    def beyond(x):
        if x <= 0:
            return 0.0
        power = 10.0 ** np.floor(np.log10(x))
        return float(f"{next(n * power for n in (1, 2, 3, 4, 5, 6, 8, 10) if n * power >= 0.999 * x):.1g}")

    values = as_array(values)
    low, high = beyond(-values.min()), beyond(values.max())
    return (0.0 - low, high) if low or high else (0.0, 1.0)       # not -0.0


def mosaic(kernels, grid, order=None, top=None, title=""):
    """Picture of kernels [n, S], each on the grid of patches: blue below 0, white at 0, orange above.

    grid: (H', W'). order: the indices of the kernels in the order to show them, [n]. top: the number with the darkest
    orange; None stands for `color_top`."""
    kernels, order, top = _filled(kernels, order, top)
    _, y, _, height, *_ = mosaic_area(len(kernels), grid)
    card = PaletteCard(WIDTH, y + height + 10)
    _draw_mosaic(card, kernels, grid, order, top, title)
    return card.image


def mosaic_area(count, grid):
    """Where a mosaic of `count` kernels lies on its card, in units, and how many there are each way: (x, y, width,
    height, rows, columns). The number of columns is even, so that pairs stay together."""
    def pixels(columns):
        """The side of a weight, in whole pixels, for which so many columns leave room. From 3 on it can be seen."""
        cell = MOSAIC[1] * SHARP // -(-count // columns), MOSAIC[0] * SHARP // columns
        return max(3, min((side - GAP * SHARP) // weights for side, weights in zip(cell, grid)))

    # A last row that is not full looks unfinished: it must make the weights much larger. Of equals, the lower mosaic.
    most = max(2, min(count + 1, MOSAIC[0] * SHARP // (3 * grid[1] + GAP * SHARP)))
    columns = max(range(2, most + 1, 2), key=lambda n: (pixels(n) * (1 if count % n == 0 else 0.7), n))
    rows = -(-count // columns)
    cell_height, cell_width = (GAP + weights * pixels(columns) / SHARP for weights in grid)
    return 10, 34, columns * cell_width, rows * cell_height, rows, columns


def weight_browser(kernels, grid, order=None, place=0, top=None, title=""):
    """Picture of kernels [n, S] as in `mosaic`, and below it one of them enlarged, with its spectrum and the kernel
    that is closest to its opposite.

    place: where in the mosaic, from 0, the kernel to enlarge stands (black frame). Its partner has a pink frame."""
    kernels, order, top = _filled(kernels, order, top)
    x, y, width, height, rows, columns = mosaic_area(len(kernels), grid)
    card = PaletteCard(WIDTH, y + height + 226)
    _draw_mosaic(card, kernels, grid, order, top, title)
    unit = int(order[place])
    partner, correlation = (found[unit] for found in analysis.partners(kernels))
    energy = as_array(analysis.spectrum(kernels[unit], grid))                       # [H', W']
    for at, color in ((int((order == partner).nonzero()), PINK), (place, INK)):
        card.box(x + at % columns * width / columns + GAP / 2, y + at // columns * height / rows + GAP / 2,
                 width / columns - GAP, height / rows - GAP, outline=color, stroke=GAP)

    y, cell = y + height + 34, 160 / max(grid)
    for x, color, name, pixels in (
            (12, INK, f"unit {unit}", _signed(kernels[unit].reshape(grid), top)),
            (222, GRAY, "its spectrum", BLACK * energy / (energy.max() or 1)),
            (432, PINK, f"closest opposite: unit {partner}", _signed(kernels[partner].reshape(grid), top))):
        card.text(x - 2, y - 24, name)
        card.pixels(pixels, x, y, cell * grid[1], cell * grid[0])
        card.box(x, y, cell * grid[1], cell * grid[0], outline=color, stroke=2)
    card.box(222 + cell * (grid[1] // 2), y + cell * (grid[0] // 2), cell, cell, outline=PINK, stroke=2)
    card.text(220, y + cell * grid[0] + 8, "framed: frequency 0; one cell further: one more cycle", size=12, color=GRAY)
    for line, text in enumerate((
            f"frequency {analysis.frequency(kernels[unit], grid):.2f} cycles per patch",
            f"norm {kernels[unit].norm():.2f}",
            f"spread over {analysis.participation(kernels[unit]):.1f} of {kernels.shape[1]} places",
            f"correlation with its opposite {correlation:.2f}")):
        card.text(650, y + 26 * line, text)
    return card.image


def kernels(rows):
    """Picture of kernels by displacement, what a place takes on average from the place at each displacement: a row for
    each model, a picture for each block, with its share of convolution and, in parentheses, that of a control.

    rows: {name: (kernels [L, 2H' - 1, 2W' - 1], shares [L], controls [L])}, as `analysis.displacement_kernel` and
    `analysis.convolution_share` give them. The colors of each picture are its own. They end where the weights between
    two different places do, without the largest 0.5% of them; larger weights have the color of the end."""
    wide, across, y = 104, 8, 0
    heights = [wide * pictures.shape[-2] / pictures.shape[-1] for pictures, *_ in rows.values()]    # of each picture
    lines = [-(-len(shares) // across) for _, shares, _ in rows.values()]
    card = PaletteCard(WIDTH, sum(30 + (height + 30) * count for height, count in zip(heights, lines)))
    for (name, (pictures, shares, controls)), height, count in zip(rows.items(), heights, lines):
        card.text(10, y + 8, name)
        for k, picture in enumerate(torch.from_numpy(as_array(pictures)).float()):
            H, W = (size // 2 + 1 for size in picture.shape)
            neighbors = picture.clone()
            neighbors[H - 1, W - 1] = 0
            x, top = 10 + k % across * 113, y + 30 + k // across * (height + 30)
            card.pixels(_signed(picture, color_top(analysis.as_map(neighbors, (H, W)))), x, top, wide, height)
            card.box(x, top, wide, height, outline="#BBBBBB", stroke=1)
            card.text(x, top + height + 5, f"{k}: {shares[k]:.2f} ({controls[k]:.2f})", size=12)
        y += 30 + (height + 30) * count
    return card.image


def training_scrubber(steps, kernels, numbers, grid, order=None, now=0, top=None, title=""):
    """Picture of kernels along a training: their mosaic at one moment, and numbers at all moments.

    steps: n ascending numbers of updates. kernels: [n, D_S, S]; all have one color scale. numbers: what
    `analysis.summarize` gives for the n. now: the moment to show, an index into `steps` (pink)."""
    kernels, order, top = _filled(kernels, order, top)
    numbers = {name: {line: as_array(values) for line, values in lines.items()} for name, lines in numbers.items()}
    _, y, _, height, *_ = mosaic_area(kernels.shape[1], grid)
    card = PaletteCard(WIDTH, y + height + 206)
    _draw_mosaic(card, kernels[now], grid, order, top, f"{title} after {steps[now]:,} updates")
    y, width, height = y + height + 54, 240, 110
    for x, (name, title) in zip((50, 357, 664), PANELS.items()):
        low, high = reach([*numbers[name].values()])
        across = x + width * np.arange(len(steps)) / max(len(steps) - 1, 1)                         # [n]
        card.text(x, y - 42, title)
        card.text(x, y - 20, ", ".join(f"{line} {values[now]:.2f}" for line, values in numbers[name].items()), size=12)
        card.box(x, y, width, height, outline="#DDDDDD", stroke=1)
        card.text(x - 6, y, f"{high:g}", size=12, color=GRAY, anchor="rt")
        card.text(x - 6, y + height, f"{low:g}", size=12, color=GRAY, anchor="rb")
        card.line(across[now], y, across[now], y + height, PINK)
        for (line, values), style in zip(numbers[name].items(), ((INK, 2, 4, 0), (GRAY, 1, 4, 4), (GRAY, 1, 1, 3))):
            down = y + height * (high - np.clip(values.astype(float), low, high)) / (high - low)     # [n]
            _curve(card, across, down, *style)
            if line == "trained":
                card.box(across[now] - 4, down[now] - 4, 8, 8, fill=PINK)
        _, dashed, *dotted = numbers[name]
        card.text(x, y + height + 4, f"{steps[0]:,}", size=12, color=GRAY)
        card.text(x + width, y + height + 4, f"{steps[-1]:,} updates", size=12, color=GRAY, anchor="ra")
        card.text(x, y + height + 20, f"dashed: {dashed}" + "".join(f", dotted: {line}" for line in dotted), size=12,
                  color=GRAY)
    return card.image


def switches(images, labels, before, after, classes, off=(), of=None):
    """Picture of what happens when parts of a model are switched off: the accuracy, and images whose prediction
    changes.

    images: [N, C_in, H, W]. labels, before, after: the true classes, and those predicted with everything on and with
    parts off, [N]. off: the parts, as in `analysis.logits_without`. of: how many images there will be, while the rest
    are still being read. The picture shows 16 of the images that changed, spread over the classes, and below them how
    many of each of the first 20 classes are right (a line: with everything on)."""
    labels, before, after = as_array(labels), as_array(before), as_array(after)
    changed, was, now = np.flatnonzero(before != after), before == labels, after == labels
    few = range(min(len(classes), 20))
    card, left, width = Card(WIDTH, 400 + 24 * -(-len(few) // 5)), 130, 400
    card.text(10, 10, _named(off))
    if of:
        card.text(WIDTH - 10, 64, f"{len(labels)} of {of} images read so far", anchor="rm")
    for y, name, right, color in ((40, "everything on", was, GRAY), (68, "as switched", now, INK)):
        card.text(left - 10, y + 10, name, anchor="rm")
        card.box(left, y, width, 20, outline="#BBBBBB", stroke=1)
        card.box(left, y, right.mean() * width, 20, fill=color)
        card.text(left + width + 10, y + 10, f"{right.mean():.1%} of {len(labels)} right", anchor="lm")
    lost, won, neither = (int(kind[changed].sum()) for kind in (was, now, ~was & ~now))
    card.text(10, 102, f"{len(changed)} predictions changed: {lost} now wrong (pink), {won} now right (green), "
                       f"{neither} wrong either way (gray)")
    turn = [(labels[changed[:k]] == labels[i]).sum() for k, i in enumerate(changed)]    # labels may be sorted
    for k, i in enumerate(changed[np.argsort(turn, kind="stable")][:16]):
        x, y = 14 + k % 8 * 113, 132 + k // 8 * 132
        card.photo(as_pixels(images[i]), x, y, 84, 84)
        card.box(x, y, 84, 84, outline=PINK if was[i] else GREEN if now[i] else GRAY)
        card.text(x, y + 90, f"was {classes[before[i]]}", size=12)
        card.text(x, y + 106, f"now {classes[after[i]]}", size=12)
    for c in few:
        x, y, mine = 14 + c % 5 * 181, 400 + c // 5 * 24, labels == c
        shares = [right[mine].sum() / max(mine.sum(), 1) for right in (was, now)]
        card.text(x, y + 8, classes[c][:12], size=12, anchor="lm")
        card.box(x + 76, y, 50, 14, outline="#BBBBBB", stroke=1)
        card.box(x + 76, y, shares[1] * 50, 14, fill=GRAY)
        card.line(x + 76 + shares[0] * 50, y - 3, x + 76 + shares[0] * 50, y + 17, "black", 1)
        card.text(x + 132, y + 8, f"{now[mine].sum()}/{mine.sum()}", size=12, anchor="lm")
    return card.image


def _named(off):
    """The parts that are off, in words."""
    parts = {}
    for k, part in sorted(off, key=str):
        parts.setdefault(part if isinstance(part, str) else f"unit {part}", []).append(str(k))
    words = (f"{part} of block{'s' * (len(blocks) > 1)} {', '.join(blocks)}" for part, blocks in parts.items())
    return f"off: {'; '.join(words)}" if off else "everything is on"


def _filled(kernels, order, top):
    """The arguments of a picture as tensors on the CPU, with their defaults."""
    kernels = torch.from_numpy(as_array(kernels))
    order = torch.from_numpy(np.arange(kernels.shape[-2]) if order is None else as_array(order))
    return kernels, order, color_top(kernels) if top is None else top


def _signed(values, top):
    """Signed numbers as indices into the palette: darkest blue at -top and below, white at 0, darkest orange at top."""
    return np.round(ZERO + STEPS * np.clip(as_array(values) / top, -1, 1))


def _draw_mosaic(card, kernels, grid, order, top, title):
    x, y, width, height, rows, columns = mosaic_area(len(kernels), grid)
    side = round((width / columns - GAP) * SHARP) // grid[1]                        # of a weight, in pixels
    units = _signed(kernels[order].reshape(-1, *grid), top).repeat(side, 1).repeat(side, 2)     # [n, h, w]
    around = GAP * SHARP // 2
    units = np.pad(units, ((0, 0), (around, around), (around, around)), constant_values=LIGHT)
    units = np.pad(units, ((0, rows * columns - len(units)), (0, 0), (0, 0)))       # white where there is none
    table = units.reshape(rows, columns, *units.shape[1:]).swapaxes(1, 2)           # [rows, h, columns, w]
    card.pixels(table.reshape(rows * units.shape[1], -1), x, y, width, height)
    card.text(10, 10, title)
    card.pixels(np.arange(ZERO - STEPS, ZERO + STEPS + 1)[None], 690, 12, 120, 12)
    card.text(684, 18, f"{-top:.2g} and less", size=12, anchor="rm")
    card.text(816, 18, f"{top:.2g} and more", size=12, anchor="lm")


def _curve(card, x, y, color, stroke, on, off):
    """A curve through the points x[i], y[i], in pieces of `on` units, with `off` units between them."""
    starts = np.arange(x[0], x[-1], on + off)
    ends = np.minimum(starts + on, x[-1])
    for piece in zip(starts, np.interp(starts, x, y), ends, np.interp(ends, x, y)):
        card.line(*piece, color, stroke)
