"""Explorers of the parts of a Mixer: choose an input, and see what the part does with it."""

import numpy as np
import torch
from torch.nn.functional import conv2d, gelu

from .. import plots
from ..configs import MODELS
from ..costs import cost_by_part
from ..model import patchify
from ..plots import as_array
from ..pretrained.layouts import FLAX, TIMM, theirs, to_ours, to_theirs
from ..training.plan import FLOPS_PER_MAC, PASSES
from .page import Page


def patch_explorer(image):
    """Choose a patch size, point at a patch, a pixel, or an entry of the table, and see where it is in the other two.

    image: uint8 [C, H, W], square."""
    channels, side = image.shape[0], image.shape[1]
    sizes = [P for P in range(2, side) if side % P == 0]
    size = sizes[len(sizes) // 2]
    picked = {"size": size, "patch": (side // size) ** 2 // 3, "entry": channels * size ** 2 // 2}
    return Page("patches", {"image": image}, {"sizes": sizes}, picked)


def embedding_explorer(image, detectors):
    """Choose a patch and a channel, and see how the channel's detector makes one number of the patch's token.

    image: gray, [H, W] in 0..1. detectors: {name: weights [P, P]}."""
    image, weights = (torch.from_numpy(as_array(numbers)).float() for numbers in (image, [*detectors.values()]))
    C, P, _ = weights.shape
    tokens = patchify(image[None, None], P)[0] @ weights.flatten(1).T              # [S, C]
    picked = {"patch": len(tokens) // 3, "channel": min(1, C - 1), "pixel": P * P // 2 + P // 4}
    return Page("embedding", {"image": image, "weights": weights, "tokens": tokens}, {"names": [*detectors]}, picked)


def token_unit_explorer(image, channels, units):
    """Choose a channel of the table and a hidden unit of token mixing, and see what the unit computes from the channel.

    image: [C_in, H, W], square. channels: {name: [S]}. units: {name: weights [S]}; they have no bias."""
    columns, rows = (torch.from_numpy(as_array([*numbers.values()])).float() for numbers in (channels, units))
    before = rows @ columns.T                                                      # [D_S, C]
    reach = 1.1 * before.abs().max().clamp(min=1e-6).item()
    x = torch.linspace(-reach, reach, 121)
    arrays = {"image": plots.as_pixels(image).transpose(2, 0, 1), "channels": columns, "units": rows, "before": before,
              "after": gelu(before), "curve": torch.stack([x, gelu(x)], dim=1).flatten()}
    facts = {"channels": [*channels], "units": [*units], "columns": round(columns.shape[1] ** 0.5)}
    return Page("unit", arrays, facts, {"channel": 0, "unit": 0, "place": columns.shape[1] // 3})


def token_explorer(tokens, norm, mlp):
    """Choose a token, multiply it, add to all its channels, or drag one of its bars, and see the result of each step of
    channel mixing.

    tokens: [S, C]. norm, mlp: modules, norm an nn.LayerNorm and mlp with fc1, gelu and fc2."""
    arrays = {"tokens": tokens, "scale": norm.weight, "shift": norm.bias, "fc1": mlp.fc1.weight, "bias1": mlp.fc1.bias,
              "fc2": mlp.fc2.weight, "bias2": mlp.fc2.bias}
    arrays = {name: as_array(numbers).astype("float32") for name, numbers in arrays.items()}
    return Page("token", arrays, {"eps": norm.eps, "gelu": mlp.gelu.approximate},
                {"token": 0, "times": 1, "plus": 0, "change": {}, "panel": 2, "index": 0})


def kernel_explorer(image, blocks):
    """Pick a block, a hidden unit of its token mixing, a channel and a place, and see the unit's weights as a row of a
    matrix and as a kernel.

    image: [C_in, H, W], square. blocks: for each block fc1's weight [D_S, S], its bias [D_S], and the table [S, C]
    that it reads."""
    by_row, by_kernel, differences = [], [], []
    parts = [[torch.from_numpy(plots.as_array(numbers)) for numbers in block] for block in blocks]
    for weight, bias, table in parts:
        D_S, C, side = len(weight), table.shape[1], round(len(table) ** 0.5)
        by_row.append(weight @ table + bias[:, None])                                   # [D_S, S] @ [S, C] -> [D_S, C]
        answers = conv2d(table.T.reshape(C, 1, side, side), weight.reshape(D_S, 1, side, side), bias)   # [C, D_S, 1, 1]
        by_kernel.append(answers.flatten(1).T)                                          # [D_S, C]
        differences.append((by_row[-1] - by_kernel[-1]).abs().amax(dim=1).tolist())
    weights, biases, tables = (torch.stack(part) for part in zip(*parts))
    arrays = {"image": pixels(image), "weights": weights, "biases": biases, "tables": tables,
              "by_row": torch.stack(by_row), "by_kernel": torch.stack(by_kernel)}
    return Page("kernel", arrays, {"differences": differences},
                {"block": 0, "unit": 0, "place": 0, "channel": int(by_row[0][0].abs().argmax())})


def influence_explorer(image, strengths, patch_size):
    """Touch a patch and see which tokens it moves at each depth. Touch a token and see which patches reach it.

    image: [C_in, H, W]. strengths: [depths, S, S]; entry [d, j, i] says how strongly token j at depth d moves with
    patch i."""
    strengths = plots.as_array(strengths)
    return Page("influence", {"image": pixels(image), "strengths": strengths}, {"patch_size": patch_size},
                {"patch": strengths.shape[1] // 3, "token": -1, "depth": min(1, len(strengths) - 1)})


def cost_explorer(image_size=224, training=False):
    """Choose the sizes of a Mixer, and see which parts have its parameters and its multiply-accumulates.

    image_size: the side of the images in pixels. They have 3 channels, and there are 1000 classes. training: choose
    also how many images it is trained on, and how many GPUs do it, and see how long that takes."""
    options = {"patch_size": [P for P in (7, 8, 14, 16, 28, 32, 56) if image_size % P == 0],
               "num_blocks": [1, 2, 4, 8, 12, 24, 32], "hidden_dim": [64, 128, 256, 512, 768, 1024, 1280],
               "tokens_mlp_dim": [32, 64, 128, 256, 384, 512, 640, 3072],
               "channels_mlp_dim": [64, 256, 512, 1024, 2048, 3072, 4096, 5120]}
    models = {name: {size: model[size] for size in options} for name, model in MODELS.items()
              if model["num_classes"] == 1000 and all(model[size] in options[size] for size in options)}
    costs = costs_by_part(image_size, options)
    facts = {"image_size": image_size, "options": options, "models": models, "costs": costs}
    start = models.get("B/16") or {size: few[len(few) // 2] for size, few in options.items()}
    picked = start | {"part": "channel mixing"}
    if training:        # an H100's peak in bf16
        facts["training"] = {"images": [1e6, 1e7, 1e8, 300e6, 1e9, 7 * 300e6, 14 * 300e6, 1e10],
                             "devices": [1, 2, 4, 8, 32, 128, 512], "peak": 990e12, "share": 0.4,
                             "passes": PASSES * FLOPS_PER_MAC}
        picked |= {"images": 7 * 300e6, "devices": 8}
    return Page("costs", facts=facts, picked=picked)


def costs_by_part(image_size, options):
    """The cost of each part with each option, from `cost_by_part`: {what: {part: counts}}. The counts of a mixing step
    are for one block, [patch sizes, hidden dims, dims of its MLP]. Those of the embedding and the head are
    [patch sizes, hidden dims].

    A count is linear in C and in the width of the MLP, so its values at 1 and 2 give all others."""
    def at(P, C, D):
        return cost_by_part({"image_size": image_size, "patch_size": P, "in_channels": 3, "num_classes": 1000,
                             "num_blocks": 1, "hidden_dim": C, "tokens_mlp_dim": D, "channels_mlp_dim": D})

    known = [[[at(P, C, D) for D in (1, 2)] for C in (1, 2)] for P in options["patch_size"]]
    widths = {"token mixing": options["tokens_mlp_dim"], "channel mixing": options["channels_mlp_dim"]}
    counts = {}
    for what, parts in known[0][0][0].items():
        counts[what] = {}
        for part in parts:
            table = np.array([[[one[what][part] for one in row] for row in rows] for rows in known])   # [P, 2, 2]
            table = line_through(options["hidden_dim"]) @ table                                        # [P, C, 2]
            table = table @ line_through(widths[part]).T if part in widths else table[:, :, 0]
            counts[what][part] = table.tolist()
    return counts


def line_through(places):
    """The matrix [places, 2] that turns a linear function's values at 1 and 2 into its values at `places`."""
    return np.array([[2 - place, place - 1] for place in places], dtype=np.int64)


def scramble_explorer(image, orders, patch_size):
    """Choose how an image is scrambled, touch a pixel of either picture, and see where it is in the other, and what its
    patch and the 3 x 3 window around it see.

    image: [C, H, W], square. orders: {name: [H * W]}, permutations of its places, as `draw_order` gives them."""
    height, width = image.shape[-2:]
    return Page("scramble", {"image": pixels(image), "orders": plots.as_array([*orders.values()])},
                {"names": [*orders], "patch_size": patch_size},
                {"order": next(iter(orders)), "place": (height // 2 - 1) * width + width // 2 - 1})


def weight_file_explorer(model):
    """Pick an array of an official file of weights, or one of its numbers, and see its name, its shape and its place in
    an `MlpMixer`.

    model: a small MlpMixer, of at most 10,000 numbers in and around one block. The file is the one that `save_released`
    writes. Raises ValueError for a larger model."""
    kernel = (model.config.in_channels, *model.patch_embedding.patch_size)
    state = {name: tensor.detach().cpu().float() for name, tensor in model.state_dict().items()}
    ours = [name for name in state if not name.startswith("blocks.") or name.startswith("blocks.0.")]
    total = sum(state[name].numel() for name in ours)
    if total > 10_000:
        raise ValueError(f"the model has {total:,} numbers in one block and around it: expected at most 10,000, or the "
                         "cells are too small to see")
    rows, source, start = [], [], 0
    for name in ours:
        layout = to_theirs(FLAX, name, state[name], kernel).shape
        moved = to_ours(FLAX, name, torch.arange(state[name].numel()).view(layout)).flatten()  # entry of the file, here
        done = ("its axes (row, column, color, channel) became (channel, color, row, column), and the last three one "
                "axis" if len(layout) == 4 else "transposed" if len(layout) == 2 else "as it is")
        generic = name.replace("blocks.0.", "blocks.*.")
        rows.append({"model": generic, "file": theirs(FLAX, name).replace("MixerBlock_0/", "MixerBlock_*/"),
                     "timm": theirs(TIMM, name).replace("blocks.0.", "blocks.*."), "theirs": [*layout],
                     "ours": [*state[name].shape], "start": start, "size": len(moved), "done": done})
        source.append(moved)
        start += len(moved)
    values = [torch.cat([to_theirs(FLAX, name, state[name.replace("blocks.0.", f"blocks.{block}.")], kernel).flatten()
                         for name in ours]) for block in range(len(model.blocks))]
    order = sorted(range(len(rows)), key=lambda row: rows[row]["file"])
    return Page("weight_file", {"values": torch.stack(values), "source": torch.cat(source)},
                {"rows": rows, "order": order}, {"block": 0, "row": 4, "entry": 1})


def family_explorer(models, hears, grid):
    """Choose a network, a token and a number of blocks, and see who hears the token, what the network costs and how
    well it did.

    models: {name: {"about": a sentence, "parameters", "macs", "speed": steps per second, "results": accuracies, shares,
    "mean", "interval": (low, high), "own": the learner's accuracy or None}}. hears: {name: uint8 [S, S]}; entry [j, i]
    is the number of blocks after which token j hears token i, 0 if it never does. grid: (rows, columns) of tokens."""
    tables = np.stack([plots.as_array(hears[name]).astype(np.uint8) for name in models])        # [models, S, S]
    facts = {"rows": grid[0], "columns": grid[1], "names": [*models], "models": models,
             "blocks": max(1, int(tables.max()))}
    start = {"model": next(iter(models)), "token": grid[0] // 2 * grid[1] + grid[1] // 2, "blocks": 1}
    return Page("family", {"hears": tables}, facts, start)


def pixels(image):
    """An image [C, H, W], uint8 or in 0..1, as the page draws it: uint8 [3, H, W]."""
    return plots.as_pixels(image).transpose(2, 0, 1)
