"""Measure what each part of a Mixer is worth, for lesson 13: `python tools/measure_parts.py --root DIR`.

Trains the Mixer of `create_model("cifar10")` on all of CIFAR-10 with one change at a time: without a part, with token
mixing that the channels do not share, as a pyramid, deeper or wider, or with other patches. First each change tries
every learning rate once, on half of the images; the rate with the highest held-out accuracy is the one of its runs
over several seeds. Writes notebooks/results/parts.json: one row per run, with the accuracy on held-out images. The test
images play no part. After an interruption, the same command continues where it stopped. DIR: the folder of the full
data, or a .npz file with it. The options make a shorter table for a machine without a GPU; the table says with which it
was made. With --table swaps, token mixing is another part, and all else stays: swaps.json.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import gelu, pixel_unshuffle
from torch.utils.flop_counter import FlopCounterMode

from measure_family import accuracy, arguments_of, config_of, hold_out, mixer_config, train
from mixer_lib import count_parameters, fit_to
from mixer_lib.family import build
from mixer_lib.family.frame import AcrossTokens, OnGrid
from mixer_lib.family.vit import SelfAttention
from mixer_lib.model import TokenMixing
from mixer_lib.training import Recipe, best_device
from result_table import fill_tuned

RESULTS = Path(__file__).parents[1] / "notebooks/results"


class Nothing(nn.Module):
    """A part that adds nothing. [B, S, C] -> same."""

    def forward(self, x):
        return torch.zeros_like(x)


class NoSkip(nn.Module):
    """A `MixerBlock` without its two residual connections. [B, S, C] -> same."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        x = self.block.token_mixing(self.block.token_norm(x))
        return self.block.channel_mixing(self.block.channel_norm(x))


class GroupedTokenMixing(nn.Module):
    """Token mixing with one MLP per group of neighboring channels. [B, S, C] -> same."""

    def __init__(self, mlps):
        super().__init__()
        self.w1, self.b1, self.w2, self.b2 = (
            nn.Parameter(torch.stack([getattr(getattr(mlp, layer), name).detach() for mlp in mlps]))    # [groups, ...]
            for layer in ("fc1", "fc2") for name in ("weight", "bias"))

    def forward(self, x):
        B, S, C = x.shape
        groups = len(self.w1)
        x = x.view(B, S, groups, -1).permute(2, 0, 3, 1).flatten(1, 2)                      # [groups, B*C/groups, S]
        x = gelu(torch.baddbmm(self.b1[:, None], x, self.w1.mT))                            # [groups, ..., D_S]
        x = torch.baddbmm(self.b2[:, None], x, self.w2.mT)                                  # [groups, ..., S]
        return x.view(groups, B, -1, S).permute(1, 3, 0, 2).reshape(B, S, C)


class Merge(nn.Module):
    """Each 2 x 2 tokens become one with twice the channels. [B, S, C] -> [B, S/4, 2C]."""

    def __init__(self, grid, dim):
        super().__init__()
        self.grid, self.linear = grid, nn.Linear(4 * dim, 2 * dim)

    def forward(self, x):
        maps = x.transpose(1, 2).unflatten(2, self.grid)                                    # [B, C, H', W']
        return self.linear(pixel_unshuffle(maps, 2).flatten(2).transpose(1, 2))             # [B, S/4, 2C]


def replaced(path, part):
    """A change: the part at `path` of each block is another one, part(the one that was there)."""
    def change(model):
        for block in model.blocks:
            parent, _, name = path.rpartition(".")
            setattr(block.get_submodule(parent), name, part(block.get_submodule(path)))
        return model
    return change


def both(first, second):
    return lambda model: second(first(model))


def without_skips(model):
    model.blocks = nn.Sequential(*map(NoSkip, model.blocks))
    return model


def grouped(count):
    """A change: `count` token MLPs, each with its own first weights, or one per channel where count is None."""
    def change(model):
        c = replace(model.config, num_blocks=count or model.config.hidden_dim)
        return replaced("token_mixing", lambda _: GroupedTokenMixing(
            [block.token_mixing for block in build(c).blocks]))(model)
    return change


def pyramid(whole):
    """Half the blocks, then each 2 x 2 tokens are one with twice the channels, then the other half: as wide as the
    whole one's number of parameters allows."""
    def at(width):
        first = build(replace(mixer_config(whole.num_blocks // 2, width), patch_size=whole.patch_size))
        last = build(replace(mixer_config(whole.num_blocks - whole.num_blocks // 2, 2 * width),
                             patch_size=2 * whole.patch_size))
        last.patch_embedding = nn.Sequential(first.patch_embedding, first.blocks, Merge(whole.grid, width))
        return last

    budget = count_parameters(whole)
    return at(max(width for width in range(2, whole.hidden_dim, 2)
                  if sum(p.numel() for p in at(width).parameters()) <= budget))


NO_TOKEN_NORM, NO_CHANNEL_NORM, NO_TOKEN_GELU, NO_CHANNEL_GELU = (
    replaced(path, lambda _: nn.Identity())
    for path in ("token_norm", "channel_norm", "token_mixing.gelu", "channel_mixing.gelu"))
# What is done to the model once it is built.
CHANGED = {
    "without token mixing": replaced("token_mixing", lambda _: Nothing()),
    "without channel mixing": replaced("channel_mixing", lambda _: Nothing()),
    "without skips": without_skips,
    "without token norm": NO_TOKEN_NORM,
    "without channel norm": NO_CHANNEL_NORM,
    "without both norms": both(NO_TOKEN_NORM, NO_CHANNEL_NORM),
    "without GELU": both(NO_TOKEN_GELU, NO_CHANNEL_GELU),
    "a token MLP per group of channels": grouped(4),
    "a token MLP per channel": grouped(None),
}
# How it is built. A factor of the number of blocks comes with the width that keeps the number of parameters.
SIZES = {"half the blocks, wider": 1 / 2, "twice the blocks, narrower": 2}
PATCHES = {"patches of 8": 8, "patches of 16": 16}
CHANGES = ("whole", *CHANGED, "pyramid", *SIZES, *PATCHES)


def convolution(c):
    """ConvMixer's token mixing, for a model of the configuration c."""
    return OnGrid(nn.Conv2d(c.hidden_dim, c.hidden_dim, 5, padding="same", groups=c.hidden_dim), c.grid)


# Token mixing exchanged and nothing else, in the Mixer's blocks and in ConvMixer's. c: the configuration.
SWAPS = {
    "one linear layer": lambda c: AcrossTokens(math.prod(c.grid)),
    "a convolution": convolution,
    "a convolution, then GELU": lambda c: nn.Sequential(convolution(c), nn.GELU()),
    "attention": lambda c: SelfAttention(c.hidden_dim, num_heads=4),
    "nothing": lambda c: Nothing(),
}
IN_CONVMIXER = {
    "ConvMixer": None,      # as it is
    "ConvMixer, the Mixer's MLP": lambda c: TokenMixing(math.prod(c.grid), c.tokens_mlp_dim),
    "ConvMixer, one linear layer": lambda c: AcrossTokens(math.prod(c.grid)),
}
TABLES = {"parts": CHANGES, "swaps": ("whole", *SWAPS, *IN_CONVMIXER)}


def make_model(change, whole):
    """The network of a row. whole: the configuration of the Mixer without any change."""
    if change == "pyramid":
        return pyramid(whole)
    if change in SIZES:
        count = max(1, round(whole.num_blocks * SIZES[change]))
        return build(fit_to("cifar10", count_parameters(whole), num_blocks=count))
    if change in IN_CONVMIXER:
        model, part = build(config_of("ConvMixer", "parameters", whole)), IN_CONVMIXER[change]
        return replaced("token_mixing", lambda _: part(whole))(model) if part else model
    model = build(replace(whole, patch_size=PATCHES.get(change, whole.patch_size)))
    if change in SWAPS:
        return replaced("token_mixing", lambda _: SWAPS[change](whole))(model)
    return CHANGED.get(change, lambda model: model)(model)


def macs_of(model):
    """The multiply-accumulates of a model for one image, in its matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *model.image_shape, device=next(model.parameters()).device))
    return counter.get_total_flops() // 2


def run(change, seed, lr, dataset, recipe, whole):
    """Train once and measure: the rest of the row, a dict."""
    torch.manual_seed(seed)
    model, (data, images, labels) = make_model(change, whole).to(best_device()), hold_out(dataset, seed)
    row = {"parameters": sum(p.numel() for p in model.parameters()), "hidden_dim": model.config.hidden_dim,
           "macs": macs_of(model)}
    row |= train(model, data, Recipe(**recipe, lr=lr, seed=seed))
    return row | {"held_out": accuracy(model, images, labels, data)}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", default="parts", choices=TABLES, help="which table (default: parts)")
    options, whole, dataset, facts = arguments_of(parser, arguments)
    changes = TABLES[options.table]
    fill_tuned(RESULTS / f"{options.table}.json", facts | {"changes": list(changes)},
               [{"change": change} for change in changes], options.rates, options.seeds,
               lambda **key: run(**key, dataset=dataset, recipe=facts["recipe"], whole=whole))


if __name__ == "__main__":
    main()
