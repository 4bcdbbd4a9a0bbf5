"""Measure how much each change of the recipe gains, for lesson 8: `python tools/measure_changes.py --root DIR`.

Trains the lesson's model on the bundled sample of CIFAR-10, with each change alone and with the helpful ones together,
over several seeds, and writes notebooks/results/cifar10_changes.json. Each model is measured on the same 10,000 images.
These are drawn from the full training set without the sample, so the test images play no part. After an interruption,
the same command continues where it stopped. DIR: the folder of the full data.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from mixer_lib import create_model
from mixer_lib.data import load_dataset, split
from mixer_lib.training import Recipe, best_device, fit, measure, predict
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/cifar10_changes.json"
SEEDS = 3
MODEL = dict(num_blocks=3, hidden_dim=96, channels_mlp_dim=192)     # of create_model("cifar10", ...)
PLAIN = dict(epochs=16, batch_size=64, lr=3e-3, weight_decay=0.0, label_smoothing=0.0)
# What is changed in the plain recipe, and in the model.
CHANGES = {
    "plain": {},
    "constant learning rate": dict(schedule="constant"),
    "weight decay 0.1": dict(weight_decay=0.1),
    "label smoothing 0.1": dict(label_smoothing=0.1),
    "drop path 0.1": dict(model=dict(drop_path=0.1)),
    "flips": dict(flip=True),
    "crops": dict(crop_padding=4),
    "RandAugment 9": dict(randaugment=9),
    "MixUp 0.5": dict(mixup=0.5),
    "CutMix 0.5": dict(cutmix=0.5),
    "Muon": dict(optimizer="muon"),
    "crops, flips, smoothing, decay": dict(crop_padding=4, flip=True, label_smoothing=0.1, weight_decay=0.1),
    "the same and RandAugment 9": dict(crop_padding=4, flip=True, label_smoothing=0.1, weight_decay=0.1, randaugment=9),
    "the same and CutMix 0.5": dict(crop_padding=4, flip=True, label_smoothing=0.1, weight_decay=0.1, cutmix=0.5),
    "plain, eight times the images": dict(images="all"),
}


def run(change, seed, sample, full, others):
    """Train once and measure: {"others", "train", "held_out", "seconds"}. others: (images, labels) that no run trains
    on."""
    options = dict(change)
    model_options, data = options.pop("model", {}), sample
    recipe = Recipe(**{**PLAIN, "seed": seed, **{k: v for k, v in options.items() if k != "images"}})
    if options.get("images") == "all":      # as many steps, so an eighth of the epochs
        data = full
        recipe = replace(recipe, epochs=recipe.epochs // 8, warmup_epochs=recipe.warmup_epochs / 8)
    torch.manual_seed(seed)
    model = create_model("cifar10", **MODEL, **model_options).to(best_device())
    history = fit(model, data, recipe)
    train, _ = split(data.train_labels, recipe.val_fraction, torch.Generator().manual_seed(seed))     # as fit does
    train = train[::len(train) // 4000]

    def accuracy(images, labels):
        return round(measure(predict(model, images, sample), labels)["accuracy"], 4)

    return {"others": accuracy(*others),
            "train": accuracy(data.train_images[train], data.train_labels[train]),
            "held_out": round(history.epochs[-1]["val_accuracy"], 4),
            "seconds": round(sum(row["seconds"] for row in history.epochs))}


def others_than(sample, full, count=10_000):
    """`count` training images of `full`, with labels, that are not in `sample`; and `full` without them."""
    known = {image.numpy().tobytes() for image in sample.train_images}
    unknown = torch.tensor([i for i, image in enumerate(full.train_images) if image.numpy().tobytes() not in known])
    kept = unknown[torch.randperm(len(unknown), generator=torch.Generator().manual_seed(0))[:count]]
    rest = torch.ones(len(full.train_images), dtype=torch.bool)
    rest[kept] = False
    without = replace(full, train_images=full.train_images[rest], train_labels=full.train_labels[rest])
    return (full.train_images[kept], full.train_labels[kept]), without


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of the full data")
    options = parser.parse_args()
    sample, full = load_dataset("cifar10"), load_dataset("cifar10", full=True, root=options.root)
    others, full = others_than(sample, full)
    # Seed by seed, so that an unfinished table has all changes.
    keys = [{"change": change, "seed": seed} for seed in range(SEEDS) for change in CHANGES]
    fill(RESULTS, {"model": MODEL, "recipe": PLAIN, "changes": CHANGES}, keys,
         lambda change, seed: run(CHANGES[change], seed, sample, full, others))


if __name__ == "__main__":
    main()
