"""Measure what each optimizer leaves in the token-mixing weights, for lesson 9:

    python tools/measure_optimizers.py --root FOLDER_OF_THE_FULL_DATA

Trains a small Mixer on all of CIFAR-10 with AdamW, with Muon, and with Muon for everything but W1, over several seeds.
Everything else stays the same. Writes notebooks/results/optimizers.json: one row per run, with the accuracy on held-out
images and each block's numbers from `analysis.summarize`. After an interruption, the same command continues where it
stopped.
"""

import argparse
from pathlib import Path

import torch

from mixer_lib import create_model
from mixer_lib.analysis import grid_of, summarize
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, best_device, fit
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/optimizers.json"
SEEDS, OPTIMIZERS = 3, ("adamw", "muon", "muon-but-w1")
MODEL = dict(num_blocks=4, hidden_dim=64, channels_mlp_dim=256)             # of create_model("cifar10", ...)
RECIPE = dict(epochs=6, lr=3e-3, weight_decay=0.2, crop_padding=4, flip=True, val_fraction=0.1)


def run(optimizer, seed, dataset):
    """Train once and measure: {"held_out", "blocks"}, the numbers of each block."""
    torch.manual_seed(seed)
    model = create_model("cifar10", **MODEL).to(best_device())
    history = fit(model, dataset, Recipe(**RECIPE, optimizer=optimizer, seed=seed))
    layers = (block.token_mixing for block in model.blocks)
    numbers = [summarize(layer.fc1.weight.detach(), layer.fc2.weight.detach(), grid_of(model)) for layer in layers]
    return {"held_out": round(history.epochs[-1]["val_accuracy"], 4),
            "blocks": [{name: {kind: round(value.item(), 4) for kind, value in kinds.items()}
                        for name, kinds in block.items()} for block in numbers]}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of the full data")
    options = parser.parse_args(arguments)
    dataset = load_dataset("cifar10", full=True, root=options.root)
    # Seed by seed, so that an unfinished table has each optimizer.
    keys = [{"optimizer": optimizer, "seed": seed} for seed in range(SEEDS) for optimizer in OPTIMIZERS]
    fill(RESULTS, {"model": MODEL, "recipe": RECIPE}, keys, lambda **key: run(**key, dataset=dataset))


if __name__ == "__main__":
    main()
