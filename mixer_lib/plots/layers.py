"""What happens inside a layer: tables of tokens, weights, and which token moves which."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from .base import SERIES, as_array

# Signed numbers: blue below zero, white at zero, orange above. Strengths: white is exactly 0, the least other orange.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#004C78", "#0072B2", "#8CC4E6", "white", "#F5B98A", "#D55E00",
                                                      "#8F3F00"], N=257)      # odd: the middle one is white
STRENGTH = LinearSegmentedColormap.from_list("strength", ["#FBDDC6", "#EE9A5E", "#D55E00", "#4A2100"])
SMALL = 72      # cells of a table that shows its numbers


def tables(tables, xlabel="channel", ylabel="token", signed=True, width=9.0):
    """Figure of tables side by side as colored cells. tables: {title: [rows, columns]}. All have one color scale.
    xlabel: what a column is, or a list with one such word per table.

    The cells of a small table show their numbers; where a table is large, a bar shows the scale. signed: blue below 0,
    white at 0, orange above. Otherwise all numbers are strengths, 0 and up, and white is exactly 0. Small tables
    describe themselves: `show` needs no alternative text for them."""
    arrays = {title: as_array(table).astype(float) for title, table in tables.items()}
    top = max(np.abs(array).max() for array in arrays.values()) or 1.0
    ratios = [max(array.shape[1], 3) for array in arrays.values()]
    long = any(len(written(v)) > 5 for array in arrays.values() if array.size <= SMALL for v in array.flat)
    side, size = (0.6, 9) if long else (0.46, 10)   # of a cell, in inches, and of a number; "−0.977" needs 0.45
    widest = width / len(arrays)
    height = max(min(widest, side * array.shape[0] + 0.2, widest * array.shape[0] / array.shape[1] + 0.2)
                 for array in arrays.values()) + 0.7
    width = min(width, (side + 0.09) * sum(ratios) + 1.2 * len(arrays))
    figure, axes = plt.subplots(1, len(arrays), figsize=(width, height), squeeze=False, layout="constrained",
                                width_ratios=ratios)
    xlabels = [xlabel] * len(arrays) if isinstance(xlabel, str) else xlabel
    for axis, (title, array), word in zip(axes[0], arrays.items(), xlabels, strict=True):
        axis.set_title(title, fontsize=10)
        shown = array if signed else np.ma.masked_equal(array, 0)
        axis.imshow(shown, cmap=SIGNED if signed else STRENGTH, vmin=-top if signed else 0, vmax=top)
        if array.size <= SMALL:
            for (i, j), value in np.ndenumerate(array):
                dark = abs(value) > (0.75 if signed else 0.45) * top
                axis.text(j, i, written(value), ha="center", va="center", fontsize=size,
                          color="white" if dark else "black")
        for ticks, count in zip((axis.xaxis, axis.yaxis), reversed(array.shape), strict=True):
            ticks.set_ticks([*range(count)] if count <= 10 else [*range(0, count, -(-count // 5))])
            ticks.set_ticks(np.arange(count + 1) - 0.5, minor=True)
        if max(array.shape) <= 32:
            axis.grid(which="minor", color="#DDDDDD", linewidth=0.6)
        axis.tick_params(which="both", length=0, labelsize=10)
        axis.set_xlabel(word)
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
