"""Images, and the patches into which they are cut."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from .base import GRAY, as_pixels


def image_row(images, titles=None, columns=10, width=9.0, names=()):
    """Figure of images [N, C, H, W], `columns` to a row, each with its title above it, the rows with their `names`."""
    rows = -(-len(images) // columns)
    size = width / columns
    figure, axes = plt.subplots(rows, columns, figsize=(width, rows * size * (1.25 if titles else 1.02)),
                                squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(as_pixels(image), interpolation="nearest")
        if as_pixels(image).min() == 255:               # white on white: only a frame says where it is
            axis.add_patch(Rectangle((0, 0), 1, 1, transform=axis.transAxes, fill=False, edgecolor=GRAY))
        if titles:
            axis.set_title(titles[i], fontsize=10)
    for axis, name in zip(axes[:, 0], names, strict=False):
        axis.text(-0.15, 0.5, name, transform=axis.transAxes, ha="right", va="center", fontsize=10)
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
