"""Look into the token mixing of any model, bundled or your own: its weights, the convolution in them, their training,
and what they do."""

import time

import torch
from torch.nn.functional import avg_pool2d

from .. import plots
from ..analysis import (
    ORDERS,
    as_map,
    chance_share,
    convolution_share,
    displacement_kernel,
    frequency,
    grid_of,
    logits_without,
    mixed,
    mixing_weights,
    order,
    participation,
    partners,
    random_like,
    relabeled,
    shuffled,
    spectrum,
    summarize,
    tables_by_depth,
    token_map,
)
from ..analysis.ablation import PARTS
from ..analysis.influence import beside
from ..data import ImageFiles, normalize
from ..model import MlpMixer
from ..plots.weights import PANELS, color_top, reach
from .page import Page, answering

SOON = 0.01         # seconds of computing until a picture shows what is known so far; three times as long to the next


def weight_browser(model, seed=0):
    """All units of a block's token mixing as small pictures on the grid of patches, and one of them large, with its
    spectrum and its closest opposite. Choose a block, W1 or W2, trained or untrained, and an order; hover or pick a
    unit, or one of its weights.

    Each number of a unit is shown beside the mean of the block and of its controls: rows that are shuffled, mixed, or
    random. model: an MlpMixer. The untrained model has the same sizes and is drawn with `seed`, like the controls. The
    pictures of W2 are its columns. It opens on the block with the coarsest patterns, which are the clearest."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)       # torch.manual_seed would also change the generators of GPUs
        models = {"trained": model, "untrained": MlpMixer(**vars(model.config))}
    grid = grid_of(model)
    kernels = torch.stack([torch.stack([torch.stack([_on_cpu(layer.fc1.weight) for layer in layers]),
                                        torch.stack([_on_cpu(layer.fc2.weight).T for layer in layers])])
                           for layers in ([block.token_mixing for block in shown.blocks] for shown in models.values())])
    # [2 models, W1 and W2, L, D_S, S]
    layers = kernels.flatten(0, 2)                                          # [2 * 2 * L, D_S, S]
    opposite, correlation = partners(layers)                                # [2 * 2 * L, D_S] each
    measures = torch.stack([frequency(layers, grid), layers.norm(dim=-1), participation(layers), correlation], dim=-1)
    controls = [measures[..., 0], frequency(shuffled(layers, seed), grid), measures[..., 2],
                participation(mixed(layers, seed)), participation(random_like(layers, seed)), correlation,
                partners(mixed(layers, seed))[1]]
    energy = spectrum(layers, grid).flatten(-2)                             # [2 * 2 * L, D_S, S]
    weights, scales = in_bytes(kernels)
    orders = torch.stack([torch.stack([order(rows, grid, by) for by in ORDERS]) for rows in layers])
    block = frequency(kernels[0, 0], grid).mean(dim=-1).argmin().item()
    return Page("weight_browser", {
        "weights": weights, "scales": scales, "tops": [color_top(rows) for rows in layers], "orders": orders,
        "measures": measures, "controls": torch.stack([values.mean(dim=-1) for values in controls], dim=-1),
        "partners": opposite, "spectra": (255 * energy / energy.amax(
            dim=-1, keepdim=True).clamp(min=1e-30)).round().byte()},
        {"grid": [*grid], "states": [*models], "matrices": ["W1", "W2"], "orders": [*ORDERS]},
        {"block": block, "matrix": "W1", "state": "trained", "by": "frequency", "same": False,
         "unit": orders[block, ORDERS.index("frequency"), 0].item(), "place": None, "wave": None})


def training_scrubber(steps, snapshots, grid, curves=True):
    """Play a training or move through it, and watch a block's W1 take shape, one unit in large, and three numbers.

    steps, snapshots: as `load_snapshots` gives them. grid: `grid_of(model)`. curves=False leaves the numbers out. The
    units are sorted by the weights of the last step, so that each keeps its place. It opens at the end, on the block
    whose patterns are the coarsest."""
    W1, W2 = ([_on_cpu(snapshots[f"blocks.{k}.token_mixing.{layer}.weight"]) for k in range(len(snapshots) // 2)]
              for layer in ("fc1", "fc2"))                              # [n, D_S, S] and [n, S, D_S] of each block
    numbers = [summarize(*weights, grid) if curves else {} for weights in zip(W1, W2)]
    panels = {name: [*numbers[0][name]] for name in PANELS if curves}
    weights, scales = zip(*map(in_bytes, W1))                           # [n, D_S, S] and [n, D_S] of each block
    orders = torch.stack([torch.stack([order(rows[-1], grid, by) for by in ORDERS]) for rows in W1])
    block = min(range(len(W1)), key=lambda k: frequency(W1[k][-1], grid).mean())
    return Page("training_scrubber", {
        "weights": torch.stack(weights), "scales": torch.stack(scales), "tops": [color_top(rows) for rows in W1],
        "orders": orders, **{name: torch.stack([torch.stack([*of[name].values()]) for of in numbers])
                             for name in panels}},                      # [L, lines, n] each
        {"steps": [*steps], "grid": [*grid], "orders": [*ORDERS], "panels": [
            {"name": name, "title": PANELS[name], "lines": lines,
             "ends": reach([values for of in numbers for values in of[name].values()])}
            for name, lines in panels.items()]},
        {"block": block, "by": "frequency", "at": len(steps) - 1, "place": None,
         "unit": orders[block, ORDERS.index("frequency"), 0].item()})


def displacement_explorer(models, snapshots=None, seed=0):
    """See the convolution in token mixing: for each block of some models the kernel by displacement, what a place takes
    on average from the place at each displacement, and how much of the block's map is convolution, beside its control.
    Hover a displacement, and see all pairs of places with it and how they spread; hover a place, and see its own row of
    the map beside the kernel. Move through the training of a model with snapshots.

    models: {name: MlpMixer}. snapshots: {name: (steps, snapshots)} of some of them, as `load_snapshots` gives them; the
    last is of the model itself. seed: of the control, which relabels the places. It opens on the block with the largest
    share, of the models with snapshots if there are any. Raises ValueError for snapshots of no model, or of another,
    and for a model with a single patch."""
    snapshots = snapshots or {}
    if strange := [name for name in snapshots if name not in models]:
        raise ValueError(f"there are snapshots of {strange[0]!r}, but no such model: expected some of "
                         f"{', '.join(map(repr, models))}")
    arrays, about, best = {}, [], []
    for i, (name, model) in enumerate(models.items()):
        W1, W2 = (_on_cpu(weights).float()[None] for weights in mixing_weights(model))      # [1, L, D_S, S] and W2's
        grid, steps = grid_of(model), [0]
        if grid == (1, 1):
            raise ValueError(f"{name!r} cuts its images into a single patch: there are no places to mix")
        if name in snapshots:
            steps, taken = snapshots[name]
            W1, W2 = (_with_snapshots(name, weights, taken, layer) for weights, layer in ((W1, "fc1"), (W2, "fc2")))
        maps = token_map(W1, W2)                                            # [n, L, S, S]
        lost = token_map(relabeled(W1, seed), relabeled(W2.mT, seed).mT)
        kernels = displacement_kernel(maps, grid)                           # [n, L, 2H' - 1, 2W' - 1]
        neighbors = displacement_kernel(maps, grid, diagonal=False)
        shares = torch.stack([convolution_share(of, grid, diagonal) for diagonal in (True, False)
                              for of in (maps, lost)], dim=-1)              # [n, L, 4]
        numbers, scales = in_bytes(maps[-1])
        arrays |= {f"kernels{i}": kernels, f"shares{i}": shares, f"maps{i}": numbers, f"scales{i}": scales,
                   # For the colors each pair counts once: a corner of the picture is a single pair, and noise.
                   f"tops{i}": [*map(color_top, as_map(neighbors[-1], grid))]}
        about.append({"name": name, "grid": [*grid], "steps": [*steps], "high": reach(shares.nan_to_num())[1],
                      "chance": [chance_share(grid, diagonal) for diagonal in (True, False)]})
        without = shares[-1, :, 2].nan_to_num(0)                            # [L]
        best.append((name in snapshots, without.max().item(), i, without.argmax().item(), neighbors[-1]))
    *_, i, block, neighbors = max(best, key=lambda one: one[:2])
    H, W = about[i]["grid"]
    place = H // 2 * W + W // 2                                             # and what it takes most from, on average
    taken = as_map(neighbors[block], (H, W))[place].abs().argmax().item()
    return Page("displacement", arrays, {"models": about},
                {"model": i, "block": block, "own": False, "at": len(about[i]["steps"]) - 1, "place": place,
                 "down": taken // W - place // W, "right": taken % W - place % W})


def _with_snapshots(name, weights, snapshots, layer):
    """The snapshots of all blocks' fc1 or fc2, [n, L, ...], of which the last is `weights` [1, L, ...] themselves."""
    taken = torch.stack([_on_cpu(snapshots[f"blocks.{k}.token_mixing.{layer}.weight"]).float()
                         for k in range(len(snapshots) // 2)], dim=1)       # [n, L, ...]
    if taken.shape[1:] != weights.shape[1:] or (taken[-1:] - weights).abs().max() > 0.02 * weights.abs().max():
        raise ValueError(f"the last of the snapshots of {name!r} is not the model: give those of its own training")
    return torch.cat([taken[:-1], weights])


def switches(model, dataset, count=100):
    """Switch off parts of a model, one or several at a time, and see the accuracy and the images whose prediction
    changes.

    model: an MlpMixer in evaluation mode, which stays as it is. dataset: `count` of its test images are read, evenly
    spaced. The effect of each token mixing and each channel mixing is computed at the beginning, which takes some
    seconds, so that these switches answer immediately. For a hidden unit, or several parts, the model reads the images
    when you ask: the picture begins with the first few images and follows the reading. Raises ValueError for a count
    that is not from 1 to the number of test images."""
    if not 1 <= count <= len(dataset.test_images):
        raise ValueError(f"count is {count}: expected a number of test images from 1 to {len(dataset.test_images):,}")
    chosen = torch.arange(count) * len(dataset.test_images) // count
    images, labels = dataset.test_images, dataset.test_labels
    images, labels = images[chosen.to(images.device)], _on_cpu(labels[chosen.to(labels.device)])
    images = images.in_memory() if isinstance(images, ImageFiles) else _on_cpu(images)
    tables = tables_by_depth(model, beside(model, normalize(images, dataset.mean, dataset.std)))
    turns = (torch.arange(count, device="cpu") % 10).argsort(stable=True)   # every tenth first: labels may be sorted
    parts = {f"{k}{part[0]}": (k, part) for k in range(len(model.blocks)) for part in PARTS}
    predicted = {}

    def read(off, step=5):
        """Fill predicted[off]. In between, yield the numbers of the images read so far, and their predictions."""
        now, done, shown, pause = torch.empty_like(labels), 0, time.perf_counter(), SOON
        switched = [parts.get(code) or tuple(map(int, code.split("u"))) for code in off.split()]
        while done < count:
            some = turns[done:done + step]
            read_now = [table[some.to(table.device)] for table in tables]
            now[some] = logits_without(model, read_now, switched).argmax(dim=1).cpu()
            done += len(some)
            if done < count and time.perf_counter() - shown > pause:
                yield turns[:done], now[turns[:done]]
                shown, pause = time.perf_counter(), 3 * SOON
        predicted[off] = now
        yield turns, now[turns]

    for off in ("", *parts):
        for _ in read(off, step=50):
            pass
    units = model.blocks[0].token_mixing.fc1.out_features
    page = Page("switches", {"images": thumbnails(images), "labels": labels,
                             "predictions": torch.stack([*predicted.values()])},
                {"classes": [*dataset.classes], "blocks": len(model.blocks), "units": units, "known": [*predicted],
                 "parts": [{"code": code, "block": k, "name": part} for code, (k, part) in parts.items()]},
                {"off": "", "block": -1, "unit": 0, "truth": -1})

    def answer(off):
        if off in predicted:
            yield turns, predicted[off][turns]
        else:
            yield from read(off)

    return answering(page, "off", lambda off: ({"off": off, "read": some.tolist(), "predicted": now.tolist()}
                                               for some, now in answer(off)))


def thumbnails(images, side=64):
    """Images uint8 [N, C, H, W], made smaller if they are larger than `side` pixels: they are only looked at."""
    step = -(-max(images.shape[-2:]) // side)
    return images if step == 1 else avg_pool2d(images.float(), step).round().byte()


def in_bytes(rows):
    """Numbers [..., S] as (bytes [..., S], scale [...]): a number is (byte - 128) * scale.

    Eight bits and a scale for each row are enough for pictures, and a quarter of what float32 takes: the weight browser
    of a grid of 16 x 16 sends 1 MB of weights, the scrubber of its 21 snapshots 5.5 MB."""
    scale = rows.abs().amax(dim=-1).clamp(min=1e-30) / 127
    return (rows / scale[..., None] + 128).round().byte(), scale


def _on_cpu(tensor):
    """A tensor of a model or a data set, on any device, as the pictures read it: on the CPU."""
    return torch.from_numpy(plots.as_array(tensor))
