"""Pictures from arrays: matplotlib figures that are read, and quickly drawn images that a widget redraws.

Colors are Okabe and Ito's, told apart by color-blind readers; pictures stand on a white card, so that they are
readable in a light and in a dark notebook.
"""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

BLUE, ORANGE, GREEN, PINK, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"


def show(picture, alt):
    """Display a matplotlib figure or a PIL image with alternative text for those who do not see it."""
    if isinstance(picture, Figure):
        plt.close(picture)
    data = base64.b64encode(to_png(picture)).decode()
    display(HTML(f'<img alt="{html.escape(alt)}" style="max-width: 100%" src="data:image/png;base64,{data}">'))


def to_png(picture):
    """The bytes of a PNG file of a matplotlib figure or a PIL image."""
    file = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(file, format="png", dpi=90, facecolor="white", bbox_inches="tight")
    else:
        picture.save(file, format="png", compress_level=1)      # fast: a widget waits for it
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


def patch_grid(image, patch_size, numbers=True):
    """Figure of an image [C, H, W] with the lines along which it is cut; `numbers` counts the patches."""
    height, width = image.shape[-2:]
    figure, axis = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
    axis.imshow(as_pixels(image), interpolation="nearest", extent=(0, width, height, 0))
    axis.set_xticks(range(0, width + 1, patch_size))
    axis.set_yticks(range(0, height + 1, patch_size))
    axis.grid(color="white", linewidth=2)
    axis.set_xlabel("column (pixels)")
    axis.set_ylabel("row (pixels)")
    if numbers:
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
    table = np.asarray(image).reshape(channels, height // P, P, per_row, P)
    table = table.transpose(1, 3, 0, 2, 4).reshape(S, D)                        # [S, D]

    canvas = Image.new("RGB", (920, 330), "white")
    draw, font, side = ImageDraw.Draw(canvas), ImageFont.load_default(15), 256

    def panel(array, corner, size, title, boxes, lines):
        """One array [h, w, 3] blown up, with grid lines and with boxes (x, y, w, h, color) around some of its cells."""
        h, w = array.shape[:2]
        canvas.paste(Image.fromarray(array).resize(size, Image.Resampling.NEAREST), corner)
        across, down = size[0] / w, size[1] / h
        for i in range(0, w + 1, lines or w):
            draw.line([corner[0] + i * across, corner[1], corner[0] + i * across, corner[1] + size[1]], "#BBBBBB")
        for i in range(0, h + 1, lines or h):
            draw.line([corner[0], corner[1] + i * down, corner[0] + size[0], corner[1] + i * down], "#BBBBBB")
        for bx, by, bw, bh, color in boxes:
            draw.rectangle([corner[0] + bx * across - 2, corner[1] + by * down - 2,
                            corner[0] + (bx + bw) * across + 2, corner[1] + (by + bh) * down + 2],
                           outline=color, width=3)
        draw.text((corner[0], corner[1] - 24), title, "black", font)

    panel(pixels, (10, 34), (side, side), f"image, {height} x {width} pixels",
          [(left, top, P, P, ORANGE), (left + x, top + y, 1, 1, BLUE)], P)
    panel(pixels[top:top + P, left:left + P], (290, 34), (side, side), f"patch {patch}, {P} x {P} pixels",
          [(0, 0, P, P, ORANGE), (x, y, 1, 1, BLUE)], 1 if P <= 16 else 0)
    panel(as_pixels(table), (570, 34), (340, side), f"table, [S, D] = [{S}, {D}]",
          [(0, patch, D, 1, ORANGE), (number, patch, 1, 1, BLUE)], 0)
    color = f"{('red', 'green', 'blue')[channel]}, " if channels == 3 else ""
    draw.text((10, 302), f"table[{patch}, {number}] = {table[patch, number]}: {color}row {y}, column {x} of the patch; "
                         f"row {top + y}, column {left + x} of the image", "black", font)
    return canvas


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
    """Figure of where a model's costs lie. costs: {what is counted: {part: count}}, a bar each, parts as shares."""
    figure = Figure(figsize=(8.2, 0.7 + 0.62 * len(costs)), layout="constrained")
    axis = figure.subplots()
    parts = list(next(iter(costs.values())))
    for i, counts in enumerate(costs.values()):
        left, total = 0.0, sum(counts.values())
        for part, color in zip(parts, (GRAY, ORANGE, BLUE, PINK), strict=False):
            share = 100 * counts[part] / total
            axis.barh(i, share, left=left, color=color, edgecolor="white", label=part if i == 0 else None)
            if share > 6:
                axis.text(left + share / 2, i, f"{share:.0f}%", ha="center", va="center", color="white", fontsize=9)
            left += share
        axis.text(101, i, f"{total:,}", va="center", fontsize=9)
    axis.set_yticks(range(len(costs)), list(costs))
    axis.set(xlim=(0, 118), xticks=range(0, 101, 25), xlabel="share (%), and the total beside it")
    axis.invert_yaxis()
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return figure


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
    """Picture of one image [C, H, W] and a bar for each class's probability [K]; the true class is marked."""
    figure = Figure(figsize=(6.6, 2.4), layout="constrained")
    picture, bars = figure.subplots(1, 2, width_ratios=(1, 2))
    picture.imshow(as_pixels(image), interpolation="nearest")
    picture.axis("off")
    percent = 100 * np.asarray(probabilities)
    colors = [GREEN if k == truth else ORANGE if k == percent.argmax() else "#BBBBBB" for k in range(len(classes))]
    bars.bar(range(len(classes)), percent, color=colors)
    bars.set(ylim=(0, 105), ylabel="probability (%)", title=f"read as {classes[percent.argmax()]}, is {classes[truth]}")
    bars.set_xticks(range(len(classes)), classes)
    bars.spines[["top", "right"]].set_visible(False)
    return figure
