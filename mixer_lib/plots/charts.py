"""Numbers as curves and bars: what a model costs, how training goes, what a classifier says."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .base import GRAY, GREEN, INK, SERIES, as_array, as_pixels
from .card import Card


def plain(value, _=None):
    """A number beside an axis, easier to read than a power of ten: 0.01, 192, 1,536, 10 M, 2 G."""
    size, letter = next(((size, letter) for size, letter in ((1e9, " G"), (1e6, " M")) if value >= size), (1, ""))
    return f"{value / size:,g}{letter}"


def lines(panels, ylabel, log=False):
    """Figure of line charts side by side, of at most 8 lines each. panels: {x label: (x values, {name: y values})}.
    log: True for both axes, or "x"; an x axis from 0 is linear up to 1. The first lines are thicker, so that one can
    see them below others."""
    beside = len(panels) == 1 and max(len(curves) for _, curves in panels.values()) > 1     # the names hide no line
    figure, axes = plt.subplots(1, len(panels), figsize=(max(3.3 * len(panels), 5 + 1.4 * beside), 2.8), squeeze=False,
                                sharey=True, layout="constrained")
    for axis, (xlabel, (x, curves)) in zip(axes[0], panels.items(), strict=True):
        x = as_array(x)
        for i, ((name, y), color, marker) in enumerate(zip(curves.items(), SERIES, "os^Dv<>P", strict=False), 1):
            thick = (len(curves) - i) / len(curves)                                         # from nearly 1 down to 0
            axis.plot(x, as_array(y), color=color, marker=marker, linewidth=1.5 + 2.5 * thick,
                      markersize=4 + 3 * thick, label=name)
        if log:
            axis.set_xscale("symlog" if x.min() <= 0 else "log", **({"linthresh": 1} if x.min() <= 0 else {}))
            axis.set_yscale("linear" if log == "x" else "log")
            shown = x if len(x) <= 8 else [v for v in (0, *10.0 ** np.arange(10)) if x.min() <= v <= x.max()]
            axis.set_xticks(shown, [*map(plain, shown)])
            axis.minorticks_off()
            if log != "x":
                axis.yaxis.set_major_formatter(plain)
        axis.set_xlabel(xlabel)
        axis.grid(color="#DDDDDD")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, 0].legend(frameon=False, **({"loc": "upper left", "bbox_to_anchor": (1, 1)} if beside else {}))
    return figure


def bars(rows, xlabel, marked=()):
    """Figure of numbers as bars, the first on top. rows: {name: number}, none below 0. The bars in `marked` are green,
    the others gray."""
    figure = Figure(figsize=(7.2, 0.7 + 0.32 * len(rows)), layout="constrained")
    axis, values = figure.subplots(), as_array([*rows.values()])
    axis.barh(range(len(rows)), values, color=[GREEN if name in marked else GRAY for name in rows])
    for y, value in enumerate(values):
        axis.text(value, y, f" {value:,.0f}" if value >= 1000 else f" {value:.3g}", va="center")
    axis.set_yticks(range(len(rows)), rows)
    axis.set(xlabel=xlabel, xlim=(0, 1.1 * values.max()), ylim=(len(rows) - 0.4, -0.6))
    axis.grid(axis="x", color="#DDDDDD")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    return figure


def roofline(peak, bandwidth, points):
    """Figure of a roofline: how fast a machine can work at best, by the work's arithmetic intensity.

    peak: FLOP/s. bandwidth: bytes/s. points: {name: (intensity in FLOP per byte, FLOP/s reached)}, at most 8."""
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axis, ridge = figure.subplots(), peak / bandwidth
    intensities = [ridge, *(intensity for intensity, _ in points.values())]
    x = np.array([min(intensities) / 3, ridge, 3 * max(intensities)])
    unit, name = (1e12, "TFLOP/s") if peak > 1e13 else (1e9, "GFLOP/s")
    axis.loglog(x, np.minimum(bandwidth * x, peak) / unit, color=INK)
    for direction in (axis.xaxis, axis.yaxis):
        if direction.get_data_interval()[1] < 100 * direction.get_data_interval()[0]:
            direction.set_major_locator(LogLocator(subs=(1, 2, 5)))     # powers of ten alone would be too few
        direction.set_major_formatter(plain)
        direction.set_minor_formatter(NullFormatter())
    for (label, (intensity, speed)), color, marker in zip(points.items(), SERIES[1:] + SERIES[:1], "os^Dv<>P",
                                                          strict=False):
        axis.plot(intensity, speed / unit, marker, color=color, markersize=8, label=label)
    for side, text in (("right", "memory-bound  "), ("left", "  compute-bound")):
        axis.text(ridge, 0.03, text, transform=axis.get_xaxis_transform(), ha=side, color=GRAY)
    axis.axvline(ridge, color=GRAY, linewidth=1, dashes=(4, 3))
    axis.set(xlabel="arithmetic intensity (FLOP per byte)", ylabel=name, ylim=(None, 2 * peak / unit))
    axis.grid(color="#DDDDDD")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def losses(runs, top=3.0, title=None):
    """Figure of the training losses of several runs, {name: the loss at each step}. Each point is the mean of the last
    10 steps.

    top: the top of the chart, in nats. A run with a higher loss leaves the chart. title: what the names are."""
    figure = Figure(figsize=(6.4, 3), layout="constrained")
    axis = figure.subplots()
    styles = zip(SERIES, ((), (6, 2), (3, 1, 1, 1), (1, 1), (3, 2)))
    for (name, loss), (color, dashes) in zip(runs.items(), styles, strict=False):
        loss = as_array(loss)
        smooth = [np.mean(loss[max(end - 10, 0):end]) for end in range(1, len(loss) + 1)]
        axis.plot(range(1, len(loss) + 1), smooth, color=color, dashes=dashes, label=name)
    axis.set(xlabel="step", ylabel="training loss (nats)", ylim=(0, top))
    axis.grid(color="#DDDDDD")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(title=title, alignment="left", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def confusion(matrix, classes):
    """Figure of a confusion matrix [K, K] of counts: one row per true class, one column per predicted class. The
    diagonal, the hits, stays pale so that the mistakes stand out. Many classes make it larger; of more than 60 only the
    colors are shown, and classes go by their numbers."""
    matrix = as_array(matrix)
    mistakes = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    more = 0.28 * min(max(len(classes) - 10, 0), 50)
    figure, axis = plt.subplots(figsize=(4.6 + more, 4.4 + more), layout="constrained")
    axis.imshow(mistakes, cmap="Greys", vmax=max(2 * mistakes.max(), 1))
    if len(classes) > 60:
        bar = figure.colorbar(axis.images[0], shrink=0.8)
        bar.set_label("mistakes (images)")
        axis.set(xlabel="predicted (number of the class)", ylabel="true (number of the class)")
        return figure
    for i, j in np.ndindex(*matrix.shape):
        if matrix[i, j]:
            axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=10, color=GRAY if i == j else "black")
    classes = [name.replace("$", r"\$") for name in classes]        # which begins a formula
    axis.set_xticks(range(len(classes)), classes)
    if max(map(len, classes)) > 3:      # words would run into each other
        axis.tick_params(axis="x", rotation=90)
    axis.set_yticks(range(len(classes)), classes)
    axis.set(xlabel="predicted", ylabel="true")
    return figure


def changes(rows, unit="accuracy (%)", trained=None):
    """Figure of the results of several recipes, one row per recipe. rows: {name: the results of its runs}, which are
    shares from 0 to 1. trained: likewise, the same on the images trained on, drawn as hollow dots.

    Each run is a dot, and a bar marks their mean. A broken line goes through the mean of the first row, with which the
    others are compared."""
    figure = Figure(figsize=(7.2, 0.9 + 0.29 * len(rows)), layout="constrained")
    axis = figure.subplots()
    results = [100 * as_array(values) for values in rows.values()]
    means = [values.mean() for values in results]
    axis.axvline(means[0], color=GRAY, linewidth=1, dashes=(4, 3), label=f"mean of {next(iter(rows))}")
    for y, (values, mean) in enumerate(zip(results, means)):
        axis.plot([mean, mean], [y - 0.32, y + 0.32], color=INK, linewidth=3, solid_capstyle="butt",
                  label=None if y else "mean")
        axis.plot(values, [y] * len(values), "o", color=GREEN, markersize=4, label=None if y else "one run")
    for y, values in enumerate(trained.values() if trained else ()):
        axis.plot(100 * as_array(values), [y] * len(values), "o", color=GRAY, markersize=4, fillstyle="none",
                  label=None if y else "one run, on the images trained on")
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=10)
    axis.set_yticks(range(len(rows)), rows)
    axis.set(xlabel=unit, ylim=(len(rows) - 0.5, -0.5))
    axis.grid(axis="x", color="#DDDDDD")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    return figure


def prediction(image, probabilities, classes, truth=None):
    """Picture of one image [C, H, W] and one bar per class for its probability [K]. The true class is green, and a
    favorite that is wrong, or of which nothing is known, is black."""
    card, left, width = Card(600, 50 + 20 * len(classes)), 340, 200
    probabilities = as_array(probabilities)
    best = int(np.argmax(probabilities))
    known = "" if truth is None else f", is {classes[truth]}"
    card.text(10, 10, f"read as {classes[best]}{known}", size=16)
    card.photo(as_pixels(image), 10, 40, 190, 190)
    card.text(left + width + 50, 10, "probability", anchor="ra")
    for k, name in enumerate(classes):
        y, share = 40 + 20 * k, float(probabilities[k])
        color = GREEN if k == truth else INK if k == best else "#A8A8A8"
        card.text(left - 10, y + 8, name, anchor="rm")
        card.box(left, y, max(share * width, 1), 16, fill=color)
        card.text(left + width + 50, y + 8, f"{share:.1%}", anchor="rm")
    return card.image


# How many standard errors the 95% interval of the mean of n runs reaches to either side: Student's t.
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def intervals(panels, ylabel, guessing):
    """Figure of how well several models do under several conditions. panels: {title: {model: {condition: the results of
    its runs}}}, shares from 0 to 1, at most 10 runs.

    Each run is a dot. Several runs have a bar at their mean, and around it the 95% interval of that mean. guessing: the
    share that needs no model, drawn as a broken line."""
    figure = Figure(figsize=(max(3.6 * len(panels), 5), 3.2), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, (title, models) in zip(axes, panels.items()):
        for side, (model, color, marker) in enumerate(zip(models, SERIES, "os^", strict=False)):
            for place, results in enumerate(models[model].values()):
                n, values = len(results), 100 * as_array(results)
                x, mean = place + 0.3 * (side - (len(models) - 1) / 2), values.mean()
                axis.plot(np.full(n, x), values, marker, color=color, markersize=6, markeredgecolor="white", zorder=3,
                          label=None if place else model)
                if n > 1:
                    reach = T95[n] * values.std(ddof=1) / n ** 0.5
                    axis.plot([x, x], [mean - reach, mean + reach], color=color, linewidth=1.5)
                    axis.plot([x - 0.11, x + 0.11], [mean, mean], color=color, linewidth=3)
        axis.axhline(100 * guessing, color=GRAY, linewidth=1, dashes=(4, 3))
        axis.set_xticks(range(len(models[model])), [name.replace(" and ", "\nand ") for name in models[model]])
        axis.set_title(title, fontsize=10)
        axis.grid(axis="y", color="#DDDDDD")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(ylabel)
    axes[0].set_ylim(bottom=0)
    axes[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
