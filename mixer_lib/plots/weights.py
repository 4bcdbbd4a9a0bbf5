"""Token-mixing weights as pictures on the grid of patches. One byte per pixel, where others have three, is fast."""

import numpy as np
import torch
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from .. import analysis
from .base import GRAY, INK, PINK, as_array
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
