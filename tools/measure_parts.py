"""Measure what each part of a Mixer is worth, for lesson 13: `python tools/measure_parts.py --root DIR`.

Trains the Mixer of `create_model("cifar10")` on all of CIFAR-10 with one change at a time: without a part, deeper or
wider, or with other patches. First each change tries every learning rate once; the rate with the highest held-out
accuracy is the one of its runs over several seeds. Writes notebooks/results/parts.json: one row per run, with the
accuracy on held-out images. The test images play no part. After an interruption, the same command continues where it
stopped. DIR: the folder of the full data. --epochs and --blocks make a shorter table for a machine without a GPU.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from measure_family import RATES, RECIPE, SEEDS, TUNING_SEED
from mixer_lib import count_macs, count_parameters, create_model, fit_to
from mixer_lib.configs import get_config
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, best_device, fit
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/parts.json"


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


def replaced(path, part):
    """A change: the part at `path` of each block is another one."""
    def change(model):
        for block in model.blocks:
            parent, _, name = path.rpartition(".")
            setattr(block.get_submodule(parent), name, part())
        return model
    return change


def without_skips(model):
    model.blocks = nn.Sequential(*map(NoSkip, model.blocks))
    return model


def without_gelu(model):
    return replaced("channel_mixing.gelu", nn.Identity)(replaced("token_mixing.gelu", nn.Identity)(model))


# What is done to the model once it is built.
WITHOUT = {
    "without token mixing": replaced("token_mixing", Nothing),
    "without channel mixing": replaced("channel_mixing", Nothing),
    "without skips": without_skips,
    "without token norm": replaced("token_norm", nn.Identity),
    "without channel norm": replaced("channel_norm", nn.Identity),
    "without GELU": without_gelu,
}
# How it is built. A factor of the number of blocks comes with the width that keeps the number of parameters.
SIZES = {"a quarter of the blocks, wider": 1 / 4, "half the blocks, wider": 1 / 2, "twice the blocks, narrower": 2}
PATCHES = {"patches of 2": 2, "patches of 8": 8, "patches of 16": 16}
CHANGES = ("whole", *WITHOUT, *SIZES, *PATCHES)


def make_model(change, blocks):
    """The Mixer with one of CHANGES. blocks: of the whole one."""
    whole = get_config("cifar10", num_blocks=blocks)
    if change in SIZES:
        count = max(1, round(blocks * SIZES[change]))
        return create_model("cifar10", **vars(fit_to("cifar10", count_parameters(whole), num_blocks=count)))
    model = create_model("cifar10", num_blocks=blocks, patch_size=PATCHES.get(change, whole.patch_size))
    return WITHOUT.get(change, lambda model: model)(model)


def run(change, seed, lr, dataset, recipe, blocks):
    """Train once and measure: {"held_out", ...}. A run that diverges has a held-out accuracy of 0."""
    torch.manual_seed(seed)
    model = make_model(change, blocks).to(best_device())
    row = {"parameters": sum(p.numel() for p in model.parameters()), "hidden_dim": model.config.hidden_dim,
           "num_blocks": len(model.blocks), "diverged": False}
    if change not in WITHOUT:
        row["macs"] = count_macs(model.config)
    try:
        history = fit(model, dataset, Recipe(**recipe, lr=lr, seed=seed))
    except FloatingPointError:
        return row | {"held_out": 0.0, "seconds": 0, "diverged": True}
    return row | {"held_out": round(history.epochs[-1]["val_accuracy"], 4),
                  "seconds": round(sum(epoch["seconds"] for epoch in history.epochs))}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of the full data")
    parser.add_argument("--epochs", type=int, default=RECIPE["epochs"], help="passes over the images (default: 20)")
    parser.add_argument("--blocks", type=int, default=8, help="blocks of the whole model (default: 8)")
    options = parser.parse_args(arguments)
    dataset = load_dataset("cifar10", full=True, root=options.root)
    recipe = RECIPE | {"epochs": options.epochs}
    facts = {"changes": list(CHANGES), "rates": list(RATES), "recipe": recipe, "blocks": options.blocks}

    def measure(change, seed, lr):
        return run(change, seed, lr, dataset, recipe, options.blocks)

    rows = fill(RESULTS, facts, [{"change": change, "seed": TUNING_SEED, "lr": lr}
                                 for lr in RATES for change in CHANGES], measure)
    tried = sorted((row for row in rows if row["seed"] == TUNING_SEED), key=lambda row: row["held_out"])
    best = {row["change"]: row["lr"] for row in tried}      # the last one, which is the best, stays
    # Seed by seed, so that an unfinished table has all changes.
    fill(RESULTS, facts, [{"change": change, "seed": seed, "lr": best[change]}
                          for seed in range(SEEDS) for change in CHANGES], measure)


if __name__ == "__main__":
    main()
