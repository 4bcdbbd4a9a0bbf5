"""Look into the token mixing of any model, bundled or your own: its weights, their training, and what they do."""

import functools
import time
from pathlib import Path

import anywidget
import ipywidgets
import torch
import traitlets

from .. import plots
from ..analysis import ORDERS, grid_of, logits_without, order, summarize, tables_by_depth
from ..analysis.influence import beside
from ..data import ImageFiles, normalize
from ..model import MlpMixer
from ..plots.weights import WIDTH, color_top, mosaic_area
from .base import live_picture
from .explorers import influence_explorer

STYLE, NARROW, ROW = {"description_width": "90px"}, {"width": "290px"}, {"flex_flow": "row wrap"}
SOON = 0.01         # seconds of computing until a picture shows what is known so far; three times as long to the next


class ClickPicture(anywidget.AnyWidget):
    """A picture whose cells can be picked with a click or with the arrow keys.

    value: a PNG file, shown `width` units wide. areas: where the cells lie, each (x, y, width, height) in units with
    rows x columns cells, of which the first `count` can be picked. at: the number of the cell that is picked, in raster
    order."""

    _esm = Path(__file__).parent / "click_picture.js"
    value = traitlets.CBytes().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    areas = traitlets.List().tag(sync=True)
    rows = traitlets.Int().tag(sync=True)
    columns = traitlets.Int().tag(sync=True)
    count = traitlets.Int().tag(sync=True)
    at = traitlets.Int().tag(sync=True)


def clickable(picture, slider, areas, rows, columns):
    """A `ClickPicture` in place of `picture`, an Image of `live_picture`. A click on a cell sets the slider."""
    click = ClickPicture(width=WIDTH, label=slider.description, areas=areas, rows=rows, columns=columns,
                         count=slider.max + 1)
    traitlets.dlink((picture, "value"), (click, "value"))
    traitlets.link((slider, "value"), (click, "at"))
    picture.close()         # the page no longer gets it: `click` takes its place
    return click


def choice(description, options, width="290px", label="90px", **more):
    """A slider to choose one of several options. JupyterLab takes the arrow keys away from a drop-down list."""
    return ipywidgets.SelectionSlider(options=options, description=description, layout={"width": width},
                                      style={"description_width": label}, **more)


def weight_browser(model, seed=0):
    """Choose a block, W1 or W2, trained or untrained, an order and a unit. See the weights of all units on the grid of
    patches, and the unit that you picked (slider, click, or arrow keys) enlarged, with its spectrum and its opposite.

    model: an MlpMixer. The untrained model has the same sizes and is drawn with `seed`. Of W2 the columns are shown."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)       # torch.manual_seed would also change the generators of GPUs
        models = {"trained": model, "untrained": MlpMixer(**vars(model.config))}
    grid, kernels = grid_of(model), {}
    for state, shown in models.items():
        for k, block in enumerate(shown.blocks):
            kernels[k, "W1", state] = _on_cpu(block.token_mixing.fc1.weight)
            kernels[k, "W2", state] = _on_cpu(block.token_mixing.fc2.weight).T
    tops = {key: color_top(rows) for key, rows in kernels.items()}
    ordered = functools.cache(lambda by, *key: order(kernels[key], grid, by))
    units = len(kernels[0, "W1", "trained"])

    def draw(block, matrix, state, by, same, place):
        key = block, matrix, state
        top = max(tops[k, matrix, s] for k, _, s in tops) if same else tops[key]
        return plots.weight_browser(kernels[key], grid, ordered(by, *key), place, top,
                                    f"{matrix} of block {block}, {state}: {units} units, by {by}")

    place = ipywidgets.IntSlider(max=units - 1, description="unit at place", style=STYLE,
                                 layout={"width": "590px", "max_width": "100%"})
    *controls, picture, problem = live_picture(draw, {
        "block": ipywidgets.IntSlider(max=len(model.blocks) - 1, description="block", style=STYLE, layout=NARROW),
        "matrix": choice("weights", ["W1", "W2"]),
        "state": choice("model", [*models]),
        "by": choice("sorted by", ORDERS),
        "same": ipywidgets.Checkbox(description="same colors for all blocks", indent=False, layout=NARROW),
        "place": place}, WIDTH).children
    *area, rows, columns = mosaic_area(units, grid)
    return ipywidgets.VBox([ipywidgets.Box(controls, layout=ROW), clickable(picture, place, [area], rows, columns),
                            problem])


def training_scrubber(steps, snapshots, grid):
    """Move through a training, or play it, and see a block's W1 take form, with three numbers beside it.

    steps, snapshots: as `load_snapshots` gives them. grid: `grid_of(model)`. The units are sorted by the weights of the
    last step, so that each keeps its place."""
    W1, W2 = ([_on_cpu(snapshots[f"blocks.{k}.token_mixing.{layer}.weight"]) for k in range(len(snapshots) // 2)]
              for layer in ("fc1", "fc2"))                              # [n, D_S, S] and [n, S, D_S] of each block
    numbers = [summarize(*weights, grid) for weights in zip(W1, W2)]
    tops = [color_top(weights) for weights in W1]
    ordered = functools.cache(lambda block, by: order(W1[block][-1], grid, by))

    def draw(block, by, now):
        return plots.training_scrubber(steps, W1[block], numbers[block], grid, ordered(block, by), now, tops[block],
                                       f"W1 of block {block}, by the last {by},")

    now = ipywidgets.SelectionSlider(options=[(f"{step:,}", i) for i, step in enumerate(steps)], description="updates",
                                     style=STYLE, layout={"width": "520px", "max_width": "100%"})
    play = ipywidgets.Play(max=len(steps) - 1, interval=300, description="play the training")
    traitlets.link((play, "value"), (now, "value"))
    *controls, picture, problem = live_picture(draw, {
        "block": ipywidgets.IntSlider(max=len(W1) - 1, description="block", style=STYLE, layout=NARROW),
        "by": choice("sorted by", ORDERS, value="pairing"),
        "now": now}, WIDTH).children
    return ipywidgets.VBox([ipywidgets.Box([*controls, play], layout=ROW), picture, problem])


def patch_influence(image, strengths, patch_size):
    """`influence_explorer`, under the name that goes with a trained model's weights."""
    return influence_explorer(image, strengths, patch_size)


def switches(model, dataset, count=100):
    """Switch off parts of a model, one or several at a time, and see the accuracy and the images whose prediction
    changes.

    model: an MlpMixer in evaluation mode, which stays as it is. dataset: `count` of its test images are read, evenly
    spaced. The effect of each token mixing and each channel mixing is computed at the beginning, which takes some
    seconds, so that these switches answer immediately. For a hidden unit, or several parts, the model reads the images
    when you ask: the picture begins with the first few images and follows the reading."""
    chosen = torch.arange(count) * len(dataset.test_images) // count
    images, labels = dataset.test_images, dataset.test_labels
    images, labels = images[chosen.to(images.device)], _on_cpu(labels[chosen.to(labels.device)])
    images = images.in_memory() if isinstance(images, ImageFiles) else _on_cpu(images)
    tables = tables_by_depth(model, beside(model, normalize(images, dataset.mean, dataset.std)))
    turns = (torch.arange(count, device="cpu") % 10).argsort(stable=True)   # every tenth first: labels may be sorted
    predicted, blocks = {}, range(len(model.blocks))

    def read(off):
        """Fill predicted[off]. In between, yield the numbers of the images read so far, and their predictions."""
        now, done, shown, pause = torch.empty_like(labels), 0, time.perf_counter(), SOON
        while done < count:
            some = turns[done:done + 5]
            read_now = [table[some.to(table.device)] for table in tables]
            now[some] = logits_without(model, read_now, off).argmax(dim=1).cpu()
            done += len(some)
            if done < count and time.perf_counter() - shown > pause:
                so_far = turns[:done].sort().values
                yield so_far, now[so_far]
                shown, pause = time.perf_counter(), 3 * SOON
        predicted[off] = now

    parts = {(k, part): ipywidgets.Checkbox(value=True, description=str(k), indent=False, layout={"width": "52px"},
                                            tooltip=f"{part} of block {k}")
             for part in ("token mixing", "channel mixing") for k in blocks}
    for off in (frozenset(), *(frozenset([part]) for part in parts)):
        for _ in read(off):
            pass
    before = predicted[frozenset()]

    def draw(block, unit, **on):
        off = frozenset([part for part, (_, value) in zip(parts, on.items()) if not value]
                        + ([(block, unit)] if block >= 0 else []))
        if off not in predicted:
            for some, now in read(off):
                yield plots.switches(images[some], labels[some], before[some], now, dataset.classes, off, of=count)
        yield plots.switches(images, labels, before, predicted[off], dataset.classes, off)

    block = choice("unit off, block", [("none", -1), *((str(k), k) for k in blocks)], "310px", "110px")
    unit = ipywidgets.IntSlider(max=model.blocks[0].token_mixing.fc1.out_features - 1, description="unit",
                                style={"description_width": "40px"}, layout={"width": "380px"})
    boxes = {f"{part} {k}": box for (k, part), box in parts.items()}
    *_, picture, problem = live_picture(draw, {"block": block, "unit": unit, **boxes}, WIDTH).children
    rows = [ipywidgets.Box([ipywidgets.Label(f"{part}, block", layout={"width": "150px"}),
                            *(parts[k, part] for k in blocks)], layout=ROW)
            for part in ("token mixing", "channel mixing")]
    return ipywidgets.VBox([*rows, ipywidgets.Box([block, unit], layout=ROW), picture, problem])


def _on_cpu(tensor):
    """A tensor of a model or a data set, on any device, as the pictures read it: on the CPU."""
    return torch.from_numpy(plots.as_array(tensor))
