"""Explorers of the parts of a Mixer: choose an input, and see what the part makes of it."""

import ipywidgets
import torch
from torch.nn.functional import conv2d

from .. import plots
from ..costs import cost_by_part
from .base import live_picture
from .page import Page


def patch_explorer(image):
    """Choose a patch size, hover or pick a patch, one of its pixels or an entry of the table, and see where all lie.

    image: uint8 [C, H, W], square."""
    channels, side = image.shape[0], image.shape[1]
    sizes = [P for P in range(2, side) if side % P == 0]
    size = sizes[len(sizes) // 2]
    picked = {"size": size, "patch": (side // size) ** 2 // 3, "entry": channels * size ** 2 // 2}
    return Page("patches", {"image": image}, {"sizes": sizes}, picked)


def embedding_explorer(image, detectors):
    """Choose a patch and a channel, and see how the channel's detector makes one number of the patch's token.

    image: gray, [H, W] in 0..1. detectors: {name: weights [P, P]}."""
    P = len(next(iter(detectors.values())))
    style, layout = {"description_width": "110px"}, {"width": "520px", "max_width": "100%"}
    patch = ipywidgets.IntSlider(max=image.shape[0] // P * (image.shape[1] // P) - 1, description="patch (row s)",
                                 style=style, layout=layout)
    channel = ipywidgets.SelectionSlider(options=[(name, c) for c, name in enumerate(detectors)],
                                         description="channel (c)", style=style, layout=layout)
    return live_picture(lambda patch, channel: plots.embedding_explorer(image, detectors, patch, channel),
                        {"patch": patch, "channel": channel}, width=920)


def token_unit_explorer(image, channels, units):
    """Choose a channel of the table and a hidden unit of token mixing, and see what the unit makes of the channel.

    image: [C_in, H, W], square. channels: {name: [S]}. units: {name: weights [S]}."""
    style, layout = {"description_width": "110px"}, {"width": "520px", "max_width": "100%"}
    channel, unit = (ipywidgets.SelectionSlider(options=[*options], description=description, style=style,
                                                layout=layout)
                     for options, description in ((channels, "channel (c)"), (units, "hidden unit")))
    return live_picture(lambda channel, unit: plots.token_unit_explorer(image, channels, units, channel, unit),
                        {"channel": channel, "unit": unit}, width=920)


def token_explorer(tokens, norm, mlp):
    """Choose a token, multiply it, add to all its channels, and see what each step of channel mixing makes of it.

    tokens: [S, C]. norm, mlp: modules, mlp with fc1, gelu and fc2."""
    style, layout = {"description_width": "160px"}, {"width": "520px", "max_width": "100%"}
    token = ipywidgets.IntSlider(max=len(tokens) - 1, description="token (row s)", style=style, layout=layout)
    times = ipywidgets.FloatSlider(value=1, min=-1, max=1, step=0.25, description="multiply it by", style=style,
                                   layout=layout)
    plus = ipywidgets.FloatSlider(value=0, min=-4, max=4, step=0.5, description="add to all channels", style=style,
                                  layout=layout)
    return live_picture(lambda token, times, plus: plots.token_explorer(times * tokens[token] + plus, norm, mlp),
                        {"token": token, "times": times, "plus": plus}, width=900)


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
    """Touch a patch and see which tokens it moves at every depth; touch a token and see which patches reach it.

    image: [C_in, H, W]. strengths: [depths, S, S]; entry [d, j, i] says how strongly token j at depth d moves with
    patch i."""
    strengths = plots.as_array(strengths)
    return Page("influence", {"image": pixels(image), "strengths": strengths}, {"patch_size": patch_size},
                {"patch": strengths.shape[1] // 3, "token": -1, "depth": min(1, len(strengths) - 1)})


def cost_explorer(image_size=224):
    """Choose a Mixer's sizes, and see where its parameters and its multiply-accumulates lie.

    image_size: the side of the images in pixels. They have 3 channels, and there are 1000 classes."""
    style, layout = {"description_width": "140px"}, {"width": "520px", "max_width": "100%"}

    def slider(options, value, description):
        return ipywidgets.SelectionSlider(options=options, value=value, description=description, style=style,
                                          layout=layout)

    return live_picture(
        lambda **sizes: plots.cost_split(cost_by_part(
            {"image_size": image_size, "in_channels": 3, "num_classes": 1000, **sizes})),
        {"patch_size": slider([p for p in (7, 8, 14, 16, 28, 32, 56) if image_size % p == 0], 16, "patch_size P"),
         "num_blocks": slider([1, 2, 4, 8, 12, 24, 32], 12, "num_blocks L"),
         "hidden_dim": slider([64, 128, 256, 512, 768, 1024, 1280], 768, "hidden_dim C"),
         "tokens_mlp_dim": slider([32, 64, 128, 256, 384, 512, 640, 3072], 384, "tokens_mlp_dim"),
         "channels_mlp_dim": slider([64, 256, 512, 1024, 2048, 3072, 4096, 5120], 3072, "channels_mlp_dim")},
        width=740)


def scramble_explorer(image, orders, patch_size):
    """Choose how an image is scrambled, touch a pixel of either picture, and see where it is in the other, and what its
    patch and the 3 x 3 window around it see.

    image: [C, H, W], square. orders: {name: [H * W]}, permutations of its places, as `draw_order` gives them."""
    height, width = image.shape[-2:]
    return Page("scramble", {"image": pixels(image), "orders": plots.as_array([*orders.values()])},
                {"names": [*orders], "patch_size": patch_size},
                {"order": next(iter(orders)), "place": (height // 2 - 1) * width + width // 2 - 1})


def pixels(image):
    """An image [C, H, W], uint8 or in 0..1, as the page draws it: uint8 [3, H, W]."""
    return plots.as_pixels(image).transpose(2, 0, 1)
