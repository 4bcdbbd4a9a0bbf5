"""Measure what pretraining is worth on a new task with few images, for lesson 12:

    python tools/measure_pretraining.py

The bundled CIFAR-10 model learns to read digits of the MNIST sample, from n of them: its head alone, the whole of it,
and a Mixer of the same sizes from scratch. Each run takes the same number of steps. Writes
notebooks/results/pretraining.json: one row per run, with the accuracy on 500 test images. The seed draws the images,
the weights of a start from scratch, and the order of the images. After an interruption, the same command continues
where it stopped.
"""

import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.functional import pad

from mixer_lib import MlpMixer
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset
from mixer_lib.model import new_head
from mixer_lib.training import Recipe, evaluate, fit
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/pretraining.json"
COUNTS, SEEDS = (100, 500, 50, 200), 3
SEEN = 1500         # images that a run trains on, with repetitions: 60 steps of 25
RATES = {"head only": 1e-2, "fine-tuned": 1e-3, "from scratch": 1e-3}
RECIPE = dict(batch_size=25, val_fraction=0)


def digits_for(about):
    """The MNIST sample as images for the CIFAR-10 model: black padding up to 32 x 32, the gray value three times, and
    the mean and std of CIFAR-10. Every fourth test image is kept."""
    mnist = load_dataset("mnist")
    train, test = (pad(images, (2,) * 4).repeat(1, 3, 1, 1) for images in (mnist.train_images, mnist.test_images[::4]))
    return replace(mnist, train_images=train, test_images=test, test_labels=mnist.test_labels[::4],
                   mean=about.dataset.mean, std=about.dataset.std)


def few(dataset, count, seed):
    """The data set with `count` training images, as many of each class, drawn by the seed."""
    order = torch.randperm(len(dataset.train_labels), generator=torch.Generator().manual_seed(seed))
    labels = dataset.train_labels[order]
    chosen = torch.cat([order[labels == k][:count // 10] for k in range(10)])
    return replace(dataset, train_images=dataset.train_images[chosen], train_labels=dataset.train_labels[chosen])


def run(way, count, seed, pretrained, dataset):
    """Train once and measure: {"accuracy", "seconds"}; the seconds are those of one core."""
    start, epochs = time.process_time(), SEEN // count
    torch.manual_seed(seed)
    model = MlpMixer(**vars(pretrained.config)) if way == "from scratch" else new_head(pretrained, 10)
    fit(model, few(dataset, count, seed), Recipe(**RECIPE, epochs=epochs, warmup_epochs=epochs / 10, lr=RATES[way],
                                                 freeze=way == "head only", seed=seed))
    return {"accuracy": round(evaluate(model, dataset)["accuracy"], 4), "seconds": round(time.process_time() - start)}


def main():
    pretrained, about = load_pretrained("cifar10")
    dataset = digits_for(about)
    # Count by count, so that an unfinished table has all seeds.
    keys = [{"count": count, "way": way, "seed": seed}
            for count in COUNTS for seed in range(SEEDS) for way in RATES]
    fill(RESULTS, {"seen": SEEN, "rates": RATES, "recipe": RECIPE}, keys,
         lambda way, count, seed: run(way, count, seed, pretrained, dataset))


if __name__ == "__main__":
    main()
