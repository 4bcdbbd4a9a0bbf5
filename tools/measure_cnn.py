"""Train a CNN of the same size as lesson 8's Mixer: `python tools/measure_cnn.py`.

The CNN has as many parameters as the Mixer of tools/measure_changes.py, and trains as the Mixer did there: on the
bundled sample of CIFAR-10, with two of the recipes, the same seeds and the same held-out images. Its learning rate is
the Mixer's, not one chosen for it. Writes notebooks/results/cifar10_cnn.json: one row per run, with the accuracy on the
held-out images and on the images trained on. The test images play no part. After an interruption, the same command
continues where it stopped.
"""

from pathlib import Path

import torch

from measure_changes import CHANGES, PLAIN, SEEDS
from mixer_lib.data import load_dataset, split
from mixer_lib.permutations import SmallCNN
from mixer_lib.training import Recipe, best_device, fit, measure, predict
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/cifar10_cnn.json"
WIDTHS = [16, 32, 64, 203]
RECIPES = ("plain", "crops, flips, smoothing, decay")       # of CHANGES


def run(change, seed, sample):
    """Train once and measure: {"parameters", "train", "held_out", "seconds"}."""
    torch.manual_seed(seed)
    model = SmallCNN(widths=WIDTHS).to(best_device())
    recipe = Recipe(**PLAIN | CHANGES[change] | {"seed": seed})
    history = fit(model, sample, recipe)
    train, _ = split(sample.train_labels, recipe.val_fraction, torch.Generator().manual_seed(seed))     # as fit does
    logits = predict(model, sample.train_images[train], sample)
    return {"parameters": sum(p.numel() for p in model.parameters()),
            "train": round(measure(logits, sample.train_labels[train])["accuracy"], 4),
            "held_out": round(history.epochs[-1]["val_accuracy"], 4),
            "seconds": round(sum(row["seconds"] for row in history.epochs))}


def main():
    sample = load_dataset("cifar10")
    keys = [{"change": change, "seed": seed} for seed in range(SEEDS) for change in RECIPES]
    fill(RESULTS, {"widths": WIDTHS, "recipe": PLAIN, "changes": {name: CHANGES[name] for name in RECIPES}}, keys,
         lambda change, seed: run(change, seed, sample))


if __name__ == "__main__":
    main()
