"""What happens inside a layer: tables of tokens, weights, and which token moves which."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from ..model import patchify
from .base import GRAY, INK, PINK, SERIES, as_array, as_pixels
from .card import Card

# Signed numbers: blue below zero, white at zero, orange above. Strengths: white is exactly 0, the least other orange.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#004C78", "#0072B2", "#8CC4E6", "white", "#F5B98A", "#D55E00",
                                                      "#8F3F00"], N=257)      # odd: the middle one is white
STRENGTH = LinearSegmentedColormap.from_list("strength", ["#FBDDC6", "#EE9A5E", "#D55E00", "#4A2100"])
SMALL = 72      # cells of a table that shows its numbers


def tables(tables, xlabel="channel", ylabel="token", signed=True, width=9.0):
    """Figure of tables side by side as colored cells. tables: {title: [rows, columns]}. All have one color scale.

    The cells of a small table show their numbers; where a table is large, a bar shows the scale. signed: blue below 0,
    white at 0, orange above. Otherwise all numbers are strengths, 0 and up, and white is exactly 0. Small tables
    describe themselves: `show` needs no alternative text for them."""
    arrays = {title: as_array(table).astype(float) for title, table in tables.items()}
    top = max(np.abs(array).max() for array in arrays.values()) or 1.0
    ratios = [max(array.shape[1], 3) for array in arrays.values()]
    widest = width / len(arrays)
    height = max(min(widest, 0.46 * array.shape[0] + 0.2, widest * array.shape[0] / array.shape[1] + 0.2)
                 for array in arrays.values()) + 0.7
    figure, axes = plt.subplots(1, len(arrays), figsize=(min(width, 0.55 * sum(ratios) + 1.2 * len(arrays)), height),
                                squeeze=False, layout="constrained", width_ratios=ratios)
    for axis, (title, array) in zip(axes[0], arrays.items(), strict=True):
        axis.set_title(title, fontsize=10)
        shown = array if signed else np.ma.masked_equal(array, 0)
        axis.imshow(shown, cmap=SIGNED if signed else STRENGTH, vmin=-top if signed else 0, vmax=top)
        if array.size <= SMALL:
            for (i, j), value in np.ndenumerate(array):
                dark = abs(value) > (0.75 if signed else 0.45) * top
                axis.text(j, i, written(value), ha="center", va="center", fontsize=10,
                          color="white" if dark else "black")
        for side, count in zip((axis.xaxis, axis.yaxis), reversed(array.shape), strict=True):
            side.set_ticks([*range(count)] if count <= 10 else [*range(0, count, -(-count // 5))])
            side.set_ticks(np.arange(count + 1) - 0.5, minor=True)
        if max(array.shape) <= 32:
            axis.grid(which="minor", color="#DDDDDD", linewidth=0.6)
        axis.tick_params(which="both", length=0, labelsize=10)
        axis.set_xlabel(xlabel)
    axes[0, 0].set_ylabel(ylabel)
    if all(array.size <= SMALL for array in arrays.values()):
        figure.description = " ".join(f"{title}: {'; '.join(' '.join(map(written, row)) for row in array)}."
                                      for title, array in arrays.items()).replace("\n", " ")
    else:
        bar = figure.colorbar(axes[0, -1].images[0], ax=[*axes[0]], shrink=0.8, aspect=25, pad=0.02)
        bar.set_label("number" if signed else "strength")
    return figure


def written(value):
    """A number as it stands in a cell, with a true minus and without -0."""
    return f"{value + 0.0:.3g}".replace("-", "−")


def signed_pixels(table, top):
    """Signed numbers as pixels, uint8 [..., 3]: blue at -top, white at 0, orange at top."""
    return (255 * SIGNED(0.5 + table / (3 * top))[..., :3]).round().astype(np.uint8)


def embedding_explorer(image, detectors, patch, channel):
    """Picture of how one number of a token is made: a patch's pixels times a detector's weights, added up.

    image: gray, [H, W] in 0..1. detectors: {name: weights [P, P]}. patch, channel: the row s (black) and the column c
    (pink) to mark in the table of tokens, [S, C]. Each column of this table has its own color scale."""
    image, weights = as_array(image), np.stack([as_array(weight) for weight in detectors.values()])         # [C, P, P]
    (C, P, _), (height, width) = weights.shape, image.shape
    table = as_array(patchify(torch.from_numpy(image)[None, None], P)[0])           # [S, D]
    tokens = table @ weights.reshape(C, -1).T                                       # [S, C]
    pixels, top = table[patch].reshape(P, P), np.abs(weights[channel]).max()
    products = pixels * weights[channel]
    card, unit, (row, column) = Card(920, 326), 196 / width, divmod(patch, width // P)

    card.text(10, 10, f"image, {height} × {width} pixels")
    card.photo(as_pixels(image), 10, 34, 196, unit * height)
    card.frame(10 + unit * P * column, 34 + unit * P * row, unit * P, unit * P)
    for x, sign, title, panel, color in (
            (232, "", f"patch {patch}", as_pixels(pixels), INK),
            (402, "×", f"weights, channel {channel}", signed_pixels(weights[channel], top), PINK),
            (572, "=", "pixel × weight", signed_pixels(products, top), GRAY)):
        card.text(x - 13, 106, sign, size=18, anchor="mm")
        card.text(x, 10, title)
        draw = card.photo if color == INK else card.pixels
        draw(panel, x + 2, 36, 140, 140)                                            # a white line, then the frame
        card.box(x, 34, 144, 144, outline=color, stroke=2)
    for y, line in ((202, f"channel {channel} is {list(detectors)[channel]}"),
                    (230, f"orange adds up to {products[products > 0].sum():.3f}, "
                          f"blue to {products[products < 0].sum():.3f} (rounded)"),
                    (258, f"together: tokens[{patch}, {channel}] = {tokens[patch, channel]:.2f}")):
        card.text(232, y, line, size=15)

    card.text(762, 10, f"tokens, [S, C] = [{len(tokens)}, {C}]")
    across, down = 148 / C, 270 / len(tokens)
    card.pixels(signed_pixels(tokens, 1.5 * np.abs(tokens).max(axis=0)), 762, 34, 148, 270)
    for (s, c), value in np.ndenumerate(tokens.round(2) + 0.0):                     # + 0.0 turns -0.00 into 0.00
        card.text(762 + across * (c + 0.85), 34 + down * (s + 0.5), f"{value:.2f}", size=12, anchor="rm")
        card.text(755, 34 + down * (s + 0.5), "" if c else str(s), size=12, color=GRAY, anchor="rm")
        card.text(762 + across * (c + 0.5), 308, "" if s else str(c), size=12, color=GRAY, anchor="ma")
    card.frame(762, 34 + down * patch, 148, down)
    card.frame(762 + across * channel, 34 + down * patch, across, down, PINK)
    return card.image


def functions(panels, xlabel, ylabel):
    """Figure of smooth curves side by side, each panel with its own axes. panels: {title: (x values, {name: y
    values})}. A panel with one curve does not show its name."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels), 3), squeeze=False, layout="constrained")
    for axis, (title, (x, curves)) in zip(axes[0], panels.items(), strict=True):
        for (name, y), color, dashes in zip(curves.items(), SERIES, ("-", "--", ":"), strict=False):
            axis.plot(as_array(x), as_array(y), color=color, linestyle=dashes, linewidth=1.8, label=name)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(xlabel)
        axis.grid(color="#DDDDDD")
        axis.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axis.legend(frameon=False)
    axes[0, 0].set_ylabel(ylabel)
    return figure


def kernel_explorer(image, weight, bias, tokens, unit):
    """Picture of a hidden unit of token mixing as a row of a matrix and as a kernel, with the answers of both.

    image: [C_in, H, W], square. weight: fc1's, [D_S, S]. bias: [D_S]. tokens: the table that it reads, [S, C].
    unit: the row of `weight` to show. The kernel is as large as the grid, so it has a single position."""
    weight, bias, tokens = (torch.from_numpy(as_array(numbers)) for numbers in (weight, bias, tokens))
    (D_S, S), C, side = weight.shape, tokens.shape[1], round(weight.shape[1] ** 0.5)
    row = weight[unit]                                                              # [S]
    kernel = row.reshape(1, 1, side, side)
    by_row = row @ tokens + bias[unit]                                              # [S] @ [S, C] -> [C]
    maps = tokens.T.reshape(C, 1, side, side)                                       # the channels, folded
    by_kernel = torch.nn.functional.conv2d(maps, kernel, bias[unit:unit + 1]).flatten()         # [C, 1, 1, 1] -> [C]
    colors = signed_pixels(as_array(kernel[0, 0]), 1.5 * float(row.abs().max()) or 1.0)
    card = Card(920, 428)

    card.text(10, 10, f"W1, [D_S, S] = [{D_S}, {S}]")
    card.pixels(signed_pixels(as_array(weight), 1.5 * float(weight.abs().max())), 10, 34, 160, 262)
    card.frame(10, 34 + 262 / D_S * unit, 160, 262 / D_S)
    card.text(200, 10, f"row {unit} of the matrix: a weight for each place s")
    card.pixels(colors.reshape(1, S, 3), 200, 34, 710, 26)
    card.box(200, 34, 710, 26, outline="#BBBBBB", stroke=1)
    for x, title, pixels in (
            (200, "the same row as a kernel", colors), (461, "an image", as_pixels(image)),
            (722, "the kernel laid over it", None)):
        if pixels is None:
            over = np.asarray(Image.fromarray(colors).resize(image.shape[-2:], Image.Resampling.NEAREST))
            pixels = (0.7 * over + 0.3 * as_pixels(image)).astype(np.uint8)
        card.text(x, 84, title)
        (card.pixels if pixels is colors else card.photo)(pixels, x, 108, 188, 188)
        for i in range(side + 1):
            card.line(x + 188 / side * i, 108, x + 188 / side * i, 296, "#BBBBBB")
            card.line(x, 108 + 188 / side * i, x + 188, 108 + 188 / side * i, "#BBBBBB")
    for s, value in enumerate(row.tolist() if S <= 16 else ()):
        number, (i, j) = f"{round(value, 2) + 0.0:.2f}", divmod(s, side)
        card.text(200 + 710 / S * (s + 0.5), 47, number, size=12, anchor="mm")
        card.text(200 + 188 / side * (j + 0.5), 108 + 188 / side * (i + 0.5), number, size=12, anchor="mm")

    top = 1.5 * float(by_row.abs().max()) or 1.0
    card.text(10, 316, f"what the unit answers to each of the {C} channels, before the GELU")
    for y, name, answers in ((340, "matrix row × column, added up", by_row), (372, "convolution", by_kernel)):
        card.text(230, y + 11, name, anchor="rm", size=13)
        card.pixels(signed_pixels(as_array(answers)[None], top), 240, y, 670, 22)
        card.box(240, y, 670, 22, outline="#BBBBBB", stroke=1)
    card.text(240, 404, f"largest difference {float((by_row - by_kernel).abs().max()):.0e}, "
                        f"largest answer {float(by_row.abs().max()):.2f}")
    return card.image


def by_depth(curves, ylabel, xlabel="depth (blocks)", log=False):
    """Figure of a number that is measured at every depth, from 0 on. curves: {name: [runs, depths]}, one curve per run.
    log: whether the y axis is logarithmic."""
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for (name, runs), color, marker in zip(curves.items(), SERIES, "os^D", strict=False):
        drawn = [axis.plot(as_array(run), color=color, marker=marker, markersize=3, linewidth=1)[0] for run in runs]
        drawn[0].set_label(name)
    axis.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#DDDDDD")
    axis.legend(frameon=False)
    return figure
