"""Pictures from arrays: matplotlib figures that are read, and quickly drawn images that a widget redraws.

Colors are Okabe and Ito's, told apart by color-blind readers; pictures stand on a white card, so that they are
readable in a light and in a dark notebook.
"""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, display
from matplotlib.figure import Figure

from .card import SHARP, Card
from .model import patchify

BLUE, ORANGE, GREEN, PINK, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"


def show(picture, alt):
    """Display a matplotlib figure or a picture of a `Card`, with alternative text for those who do not see it."""
    if isinstance(picture, Figure):
        plt.close(picture)
    data = to_png(picture, sharp=SHARP)
    width = int.from_bytes(data[16:20], "big") // SHARP         # where a PNG file keeps its width
    display(HTML(f'<img alt="{html.escape(alt)}" style="width: {width}px; max-width: 100%" '
                 f'src="data:image/png;base64,{base64.b64encode(data).decode()}">'))


def to_png(picture, sharp=1):
    """The bytes of a PNG file of a matplotlib figure, at `sharp` pixels a unit, or of a PIL image as it is."""
    file = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(file, format="png", dpi=80 * sharp, facecolor="white", bbox_inches="tight")
    else:
        picture.save(file, format="png", compress_level=1)      # quick: a widget waits for it
    return file.getvalue()


def as_pixels(image):
    """A tensor or array [C, H, W] or [H, W], uint8 or in 0..1, as uint8 [H, W, 3], the order drawing tools take."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[None]                                     # [1, H, W]
    if image.dtype != np.uint8:
        image = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))     # [H, W, 3]


def image_row(images, titles=None, columns=10, width=9.0):
    """Figure of images [N, C, H, W] side by side, `columns` a row, each under its title."""
    rows = -(-len(images) // columns)
    size = width / columns
    figure, axes = plt.subplots(rows, columns, figsize=(width, rows * size * (1.25 if titles else 1.02)),
                                squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(as_pixels(image), interpolation="nearest")
        if titles:
            axis.set_title(titles[i], fontsize=9)
    return figure


def patch_grid(image, patch_size):
    """Figure of an image [C, H, W] with the lines along which it is cut, its patches numbered."""
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
    table = patchify(torch.as_tensor(image)[None], P)[0].numpy()                # [S, D]
    card, side, table_width = Card(920, 330), 256, 340

    def grid(x0, step, cells):
        for i in range(cells + 1):
            card.line(x0 + i * step, 34, x0 + i * step, 34 + side, "#BBBBBB")
            card.line(x0, 34 + i * step, x0 + side, 34 + i * step, "#BBBBBB")

    def mark(x0, across, down, column, row, columns, rows, color):
        card.box(x0 + column * across, 34 + row * down, columns * across, rows * down, outline=color)

    unit = side / width                         # of a pixel in the left panel
    card.text(10, 10, f"image, {height} x {width} pixels")
    card.pixels(pixels, 10, 34, side, side)
    grid(10, P * unit, per_row)
    mark(10, unit, unit, left, top, P, P, ORANGE)
    mark(10, unit, unit, left + x, top + y, 1, 1, BLUE)

    unit = side / P
    card.text(290, 10, f"patch {patch}, {P} x {P} pixels")
    card.pixels(pixels[top:top + P, left:left + P], 290, 34, side, side)
    grid(290, unit, P)
    mark(290, unit, unit, 0, 0, P, P, ORANGE)
    mark(290, unit, unit, x, y, 1, 1, BLUE)

    card.text(570, 10, f"table, [S, D] = [{S}, {D}]")
    card.pixels(as_pixels(table), 570, 34, table_width, side)
    mark(570, table_width / D, side / S, 0, patch, D, 1, ORANGE)
    mark(570, table_width / D, side / S, number, patch, 1, 1, BLUE)

    color = f"{('red', 'green', 'blue')[channel]}, " if channels == 3 else ""
    card.text(10, 302, f"table[{patch}, {number}] = {table[patch, number]}: {color}row {y}, column {x} of the patch; "
                       f"row {top + y}, column {left + x} of the image")
    return card.image


def lines(panels, ylabel, log=False):
    """Figure of line charts side by side. panels: {x label: (x values, {name: y values})}; log: both axes."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.3 * len(panels), 2.8), squeeze=False, sharey=True,
                                layout="constrained")
    for axis, (xlabel, (x, curves)) in zip(axes[0], panels.items(), strict=True):
        for (name, y), color, marker in zip(curves.items(), (BLUE, ORANGE, GREEN, PINK), "os^D", strict=False):
            axis.plot(x, y, color=color, marker=marker, markersize=4, label=name)
        if log:
            axis.set(xscale="log", yscale="log")
            axis.set_xticks(x, [str(v) for v in x])
            axis.minorticks_off()
        axis.set_xlabel(xlabel)
        axis.grid(color="#DDDDDD")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, 0].legend(frameon=False)
    return figure


def cost_split(costs):
    """Picture of where a model's costs lie. costs: {what is counted: {part: count}}, a bar each, parts as shares."""
    card, left, width = Card(740, 50 + 44 * len(costs)), 95, 480
    colors = dict(zip(next(iter(costs.values())), (GRAY, ORANGE, BLUE, PINK)))
    x = left
    for part, color in colors.items():
        card.box(x, 12, 12, 12, fill=color)
        card.text(x + 18, 18, part, anchor="lm")
        x += 150
    for i, (what, counts) in enumerate(costs.items()):
        x, y, total = left, 40 + 44 * i, sum(counts.values())
        card.text(left - 10, y + 16, what, anchor="rm")
        for part, color in colors.items():
            share = counts[part] / total
            card.box(x, y, share * width, 32, fill=color)
            if share > 0.05:
                card.text(x + share * width / 2, y + 16, f"{share:.0%}", color="white", anchor="mm")
            x += share * width
        card.text(left + width + 10, y + 16, f"{total:,} in all", anchor="lm")
    return card.image


def training_curves(history):
    """Figure of a `History`: the loss of every step, the learning rate, and the accuracy on held-out images."""
    figure = Figure(figsize=(9.2, 2.6), layout="constrained")
    loss_axis, lr_axis, accuracy_axis = figure.subplots(1, 3)
    steps = np.array([row["step"] + 1 for row in history.steps])
    loss = np.array([row["loss"] for row in history.steps])
    loss_axis.plot(steps, loss, color=BLUE, alpha=0.3, linewidth=1, label="each step")
    if len(loss) >= 20:
        smooth = np.convolve(loss, np.ones(20) / 20, mode="valid")
        loss_axis.plot(steps[19:], smooth, color=BLUE, label="mean of 20")
    loss_axis.set(xlabel="step", ylabel="training loss (nats)")
    loss_axis.legend(frameon=False, fontsize=8)
    lr_axis.plot(steps, [row["lr"] for row in history.steps], color=GRAY)
    lr_axis.set(xlabel="step", ylabel="learning rate")
    epochs = [row for row in history.epochs if "val_accuracy" in row]
    accuracy_axis.plot([row["epoch"] for row in epochs], [100 * row["val_accuracy"] for row in epochs],
                       color=ORANGE, marker="o", markersize=4)
    accuracy_axis.set(xlabel="epoch", ylabel="held-out accuracy (%)")
    accuracy_axis.xaxis.get_major_locator().set_params(integer=True)
    for axis in (loss_axis, lr_axis, accuracy_axis):
        axis.grid(color="#DDDDDD")
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def confusion(matrix, classes):
    """Figure of a confusion matrix [K, K] of counts: a row a true class, a column a predicted one. The diagonal, the
    hits, is left pale so that the mistakes stand out."""
    matrix = np.asarray(matrix)
    mistakes = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    figure, axis = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    axis.imshow(mistakes, cmap="Oranges", vmax=max(2 * mistakes.max(), 1))
    for i, j in np.ndindex(*matrix.shape):
        if matrix[i, j]:
            axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=8, color=GRAY if i == j else "black")
    axis.set_xticks(range(len(classes)), classes)
    axis.set_yticks(range(len(classes)), classes)
    axis.set(xlabel="predicted", ylabel="true")
    return figure


def prediction(image, probabilities, classes, truth):
    """Picture of one image [C, H, W] and a bar for each class's probability [K]: the true class green, a wrong
    favorite orange."""
    card, left, width = Card(600, 50 + 20 * len(classes)), 340, 200
    best = int(np.argmax(np.asarray(probabilities)))
    card.text(10, 10, f"read as {classes[best]}, is {classes[truth]}", size=16)
    card.pixels(as_pixels(image), 10, 40, 190, 190)
    card.text(left + width + 50, 10, "probability", anchor="ra")
    for k, name in enumerate(classes):
        y, share = 40 + 20 * k, float(probabilities[k])
        color = GREEN if k == truth else ORANGE if k == best else GRAY
        card.text(left - 10, y + 8, name, anchor="rm")
        card.box(left, y, max(share * width, 1), 16, fill=color)
        card.text(left + width + 50, y + 8, f"{share:.1%}", anchor="rm")
    return card.image
