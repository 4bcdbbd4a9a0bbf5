"""What happens inside a layer: tables of tokens, weights, and who moves whom."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

# Signed numbers: blue below zero, white, orange above. Strengths: white is exactly 0, the least of the others is blue.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#004C78", "#0072B2", "#8CC4E6", "white", "#F5B98A", "#D55E00",
                                                      "#8F3F00"])
STRENGTH = LinearSegmentedColormap.from_list("strength", ["#C6DFF0", "#4FA3D1", "#0072B2", "#00263D"])


def tables(tables, xlabel="channel", ylabel="token", signed=True, width=9.0):
    """Figure of tables side by side as colored cells. tables: {title: [rows, columns]}; one color scale for all.

    A small table has its numbers written in. signed: blue below 0, white at 0, orange above; else all numbers are
    strengths, 0 and up, and white is exactly 0."""
    arrays = {title: np.asarray(table, dtype=float) for title, table in tables.items()}
    top = max(np.abs(array).max() for array in arrays.values()) or 1.0
    ratios = [max(array.shape[1], 3) for array in arrays.values()]
    widest = width / len(arrays)
    height = max(min(widest, 0.42 * array.shape[0] + 0.2, widest * array.shape[0] / array.shape[1] + 0.2)
                 for array in arrays.values()) + 0.7
    figure, axes = plt.subplots(1, len(arrays), figsize=(min(width, 0.55 * sum(ratios) + 1.2 * len(arrays)), height),
                                squeeze=False, layout="constrained", width_ratios=ratios)
    for axis, (title, array) in zip(axes[0], arrays.items(), strict=True):
        axis.set_title(title, fontsize=10)
        shown = array if signed else np.ma.masked_equal(array, 0)
        axis.imshow(shown, cmap=SIGNED if signed else STRENGTH, vmin=-top if signed else 0, vmax=top)
        if array.size <= 72:
            for (i, j), value in np.ndenumerate(array):
                dark = abs(value) > (0.75 if signed else 0.45) * top
                axis.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=9,
                          color="white" if dark else "black")
        for side, count in zip((axis.xaxis, axis.yaxis), reversed(array.shape), strict=True):
            side.set_ticks([*range(count)] if count <= 10 else [*range(0, count, -(-count // 5))])
            side.set_ticks(np.arange(count + 1) - 0.5, minor=True)
        if max(array.shape) <= 32:
            axis.grid(which="minor", color="#DDDDDD", linewidth=0.6)
        axis.tick_params(which="both", length=0, labelsize=8)
        axis.set_xlabel(xlabel)
    axes[0, 0].set_ylabel(ylabel)
    return figure
