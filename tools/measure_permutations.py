"""Measure what scrambled images cost a Mixer and a CNN, for lesson 11: `python tools/measure_permutations.py`.

Trains both on CIFAR-10 under each condition of mixer_lib/permutations.py, over several seeds, and writes
notebooks/results/permutations.json: one row per run, with the accuracy on the test images at the end and, as a curve,
after each epoch. The seed determines the permutation, the first weights and the order of the images. The script uses
the bundled sample or, with --full --root DIR, all images; DIR is the folder of the full data. After an interruption,
the same command continues where it stopped.
"""

import argparse
import time
from pathlib import Path

import torch

from mixer_lib import create_model
from mixer_lib.data import load_dataset
from mixer_lib.permutations import CONDITIONS, CONTROLS, MIXER, SmallCNN, fit_and_measure, scramble_dataset
from mixer_lib.training import Recipe, best_device
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/permutations.json"
SEEDS = 3
MODELS = {"Mixer": lambda: create_model("cifar10", **MIXER), "CNN": SmallCNN}
# One learning rate for both. Of those tried on held-out images of the sample, it is near the best for each.
RECIPES = {"sample": dict(epochs=5, batch_size=64, lr=6e-3, val_fraction=0),
           "full": dict(epochs=6, batch_size=128, lr=6e-3, val_fraction=0)}


def run(model, condition, seed, dataset, recipe):
    """Train once and measure: {"accuracy", "curve": [[step, accuracy], ...], "seconds"}; the seconds are those of one
    core, for the training and all measurements."""
    start, scrambled = time.process_time(), scramble_dataset(dataset, condition, 4, seed)
    torch.manual_seed(seed)
    curve = fit_and_measure(MODELS[model]().to(best_device()), scrambled, Recipe(**recipe, seed=seed))
    curve = [[step, round(accuracy, 4)] for step, accuracy in curve]
    return {"accuracy": curve[-1][1], "curve": curve, "seconds": round(time.process_time() - start)}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="on all of CIFAR-10, not on the sample")
    parser.add_argument("--root", type=Path, help="folder of the full data")
    options = parser.parse_args(arguments)
    data = "full" if options.full else "sample"
    dataset = load_dataset("cifar10", full=options.full, root=options.root)
    # Seed by seed, so that an unfinished table has all conditions.
    keys = [{"data": data, "model": model, "condition": condition, "seed": seed}
            for seed in range(SEEDS) for condition in CONDITIONS + CONTROLS for model in MODELS]
    fill(RESULTS, {"mixer": MIXER, "recipes": RECIPES}, keys, lambda data, model, condition, seed:
         run(model, condition, seed, dataset, RECIPES[data]))


if __name__ == "__main__":
    main()
