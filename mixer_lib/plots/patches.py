"""Images, and the patches into which they are cut."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from ..model import patchify
from .base import INK, PINK, as_array, as_pixels
from .card import Card


def image_row(images, titles=None, columns=10, width=9.0):
    """Figure of images [N, C, H, W], `columns` to a row, each with its title above it."""
    rows = -(-len(images) // columns)
    size = width / columns
    figure, axes = plt.subplots(rows, columns, figsize=(width, rows * size * (1.25 if titles else 1.02)),
                                squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(as_pixels(image), interpolation="nearest")
        if titles:
            axis.set_title(titles[i], fontsize=10)
    return figure


def patch_grid(image, patch_size):
    """Figure of an image [C, H, W] with its patches numbered and the lines along which it is cut."""
    height, width = image.shape[-2:]
    figure, axis = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
    axis.imshow(as_pixels(image), interpolation="nearest", extent=(0, width, height, 0))
    axis.set_xticks(range(0, width + 1, patch_size))
    axis.set_yticks(range(0, height + 1, patch_size))
    axis.grid(color="white", linewidth=2)
    axis.set_xlabel("column (pixels)")
    axis.set_ylabel("row (pixels)")
    for s in range((height // patch_size) * (width // patch_size)):
        row, column = divmod(s, width // patch_size)
        axis.text((column + 0.5) * patch_size, (row + 0.5) * patch_size, s, ha="center", va="center", color="white",
                  bbox={"facecolor": "black", "alpha": 0.6, "boxstyle": "round,pad=0.2", "edgecolor": "none"})
    return figure


def patch_explorer(image, patch_size, patch, number):
    """Picture of an image uint8 [C, H, W], one of its patches enlarged, and the table of all patches, [S, D].

    patch: the row s of the table to mark. number: the entry d of that row, as (channel, row, column)."""
    channels, height, width = image.shape
    P, per_row = patch_size, width // patch_size
    S, D = (height // P) * per_row, channels * P * P
    channel, y, x = np.unravel_index(number, (channels, P, P))
    top, left = patch // per_row * P, patch % per_row * P
    pixels = as_pixels(image)
    table = as_array(patchify(torch.from_numpy(as_array(image))[None], P)[0])   # [S, D]
    card, side, table_width = Card(920, 330), 256, 340

    def grid(x0, step, cells):
        for i in range(cells + 1):
            card.line(x0 + i * step, 34, x0 + i * step, 34 + side, "#BBBBBB")
            card.line(x0, 34 + i * step, x0 + side, 34 + i * step, "#BBBBBB")

    def mark(x0, across, down, column, row, columns, rows, color):
        card.frame(x0 + column * across, 34 + row * down, columns * across, rows * down, color)

    unit = side / width                         # of a pixel in the left panel
    card.text(10, 10, f"image, {height} × {width} pixels")
    card.photo(pixels, 10, 34, side, side)
    grid(10, P * unit, per_row)
    mark(10, unit, unit, left, top, P, P, INK)
    mark(10, unit, unit, left + x, top + y, 1, 1, PINK)

    unit = side / P
    card.text(290, 10, f"patch {patch}, {P} × {P} pixels")
    card.photo(pixels[top:top + P, left:left + P], 290, 34, side, side)
    grid(290, unit, P)
    mark(290, unit, unit, 0, 0, P, P, INK)
    mark(290, unit, unit, x, y, 1, 1, PINK)

    card.text(570, 10, f"table, [S, D] = [{S}, {D}]")
    card.photo(as_pixels(table), 570, 34, table_width, side)
    mark(570, table_width / D, side / S, 0, patch, D, 1, INK)
    mark(570, table_width / D, side / S, number, patch, 1, 1, PINK)

    color = f"{('red', 'green', 'blue')[channel]}, " if channels == 3 else ""
    card.text(10, 302, f"table[{patch}, {number}] = {table[patch, number]}: {color}row {y}, column {x} of the patch; "
                       f"row {top + y}, column {left + x} of the image")
    return card.image


def scramble_explorer(image, order, patch_size, row, column):
    """Picture of an image [C, H, W] with its pixels in another order, and what a patch and a 3 x 3 window see of it.

    order: [H * W]; place s of the scrambled image gets the pixel from place order[s]. row, column: a pixel of the
    scrambled image. Its patch is framed in black, the window around it in pink. In the original image, black frames
    mark the pixels that the patch sees, and pink squares those that the window sees."""
    height, width = image.shape[-2:]
    P, order = patch_size, as_array(order)
    pixels = as_pixels(image)
    scrambled = pixels.reshape(-1, 3)[order].reshape(height, width, 3)
    top, left = row // P * P, column // P * P
    source = order.reshape(height, width)
    patch = source[top:top + P, left:left + P].flatten()                        # [P * P], places of the image
    window = np.pad(source, 1, constant_values=-1)[row:row + 3, column:column + 3].flatten()    # [9], -1: beyond it
    card, side = Card(920, 336), 272
    unit = side / width

    card.text(10, 10, "the image: where pixels come from")
    card.photo(pixels, 10, 34, side, side)
    for s in patch:
        card.box(10 + s % width * unit + 1, 34 + s // width * unit + 1, unit - 2, unit - 2, outline=INK, stroke=2)
    for s in window[window >= 0]:
        card.box(10 + s % width * unit + 2, 34 + s // width * unit + 2, unit - 4, unit - 4, fill=PINK)

    card.text(312, 10, "what the network is given")
    card.photo(scrambled, 312, 34, side, side)
    card.frame(312 + left * unit, 34 + top * unit, P * unit, P * unit, stroke=2)
    card.frame(312 + (column - 1) * unit, 34 + (row - 1) * unit, 3 * unit, 3 * unit, PINK, stroke=2)

    seen = np.where(window[:, None] >= 0, pixels.reshape(-1, 3)[window], 255).astype(np.uint8)
    for x, title, table, n, color in ((620, f"its patch, {P} × {P}", pixels.reshape(-1, 3)[patch], P, INK),
                                      (780, "its window, 3 × 3", seen, 3, PINK)):
        card.text(x, 10, title)
        card.photo(table.reshape(n, n, 3), x, 36, 126, 126)
        card.box(x, 36, 126, 126, outline=color, stroke=2)
    patches = len(np.unique(patch // width // P * width + patch % width // P))
    here, around = window[4], np.delete(window, 4)
    around = around[around >= 0]
    near = np.maximum(abs(around // width - here // width), abs(around % width - here % width)) <= 1
    for y, line in ((190, f"The patch's {P * P} pixels come from"),
                    (210, f"{patches} {'patch' if patches == 1 else 'patches'} of the image."),
                    (240, f"The window's middle has {len(around)} neighbors."),
                    (260, f"In the image, {near.sum()} of them were its neighbors.")):
        card.text(620, y, line)
    return card.image
