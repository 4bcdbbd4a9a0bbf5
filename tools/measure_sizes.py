"""Measure what more images and larger models are worth, for lesson 13: `python tools/measure_sizes.py --root DIR`.

Two tables. notebooks/results/data_size.json: the Mixer, a plain CNN and attention with about as many parameters,
trained on 500, 2,000, 8,000 and all images of CIFAR-10, for the same number of steps each. notebooks/results/
model_size.json: the Mixer at half its width, as it is, and at twice its width. First each tries every learning rate
once; the rate with the highest held-out accuracy is the one of its runs over several seeds. The test images play no
part. Each row also says what the network's features are worth elsewhere: "few_shot", as the paper measures it, on
handwritten digits, with a new last layer from ten images per class; "few_shot_untrained" is the same network before
its training. After an interruption, the same command continues where it stopped. DIR: the folder of the full data, or
a .npz file with it. The options make a shorter table for a machine without a GPU; the table says with which it was
made.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from measure_family import accuracy, arguments_of, config_of, hold_out, mixer_config, train
from measure_parts import macs_of
from mixer_lib.data import load_dataset
from mixer_lib.family import build
from mixer_lib.permutations import SmallCNN
from mixer_lib.training import Recipe, best_device, predict
from result_table import fill_tuned

RESULTS = Path(__file__).parents[1] / "notebooks/results"
IMAGES = (500, 2_000, 8_000, None)      # None: all
SHOTS, DRAWS = 10, 10                   # images per class for a new last layer, and how often they are drawn
WIDTHS = {"S": 1 / 2, "M": 1, "L": 2}   # times the Mixer's hidden_dim


def small_cnn(budget):
    """The `SmallCNN` whose four widths double from one to the next, with at most as many parameters as the budget."""
    def at(width):
        return SmallCNN(widths=(width, 2 * width, 4 * width, 8 * width))

    width = 1
    while sum(p.numel() for p in at(width + 1).parameters()) <= budget:
        width += 1
    return at(width)


def make_model(name, whole):
    """One of the models of the tables. whole: the configuration of the Mixer."""
    if name == "CNN":
        return small_cnn(sum(p.numel() for p in build(whole).parameters()))
    if name in WIDTHS:
        return build(mixer_config(whole.num_blocks, round(whole.hidden_dim * WIDTHS[name])))
    return build(config_of(name, "parameters", whole))


def features(network, images, dataset):
    """What the last linear layer of a classifier reads: uint8 [N, 3, H, W] -> [N, C]."""
    *_, head = (module for module in network.modules() if isinstance(module, nn.Linear))
    seen = []
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].float().cpu()))
    predict(network, images, dataset)
    handle.remove()
    return torch.cat(seen)


def few_shot(network, dataset):
    """Share of handwritten digits that a new last layer has right, the mean of DRAWS draws. It reads the network's
    features, and is fitted to SHOTS digits per class by least squares with a ridge. dataset: how pixels are scaled."""
    digits = load_dataset("mnist")
    few = torch.stack([(digits.train_labels == digit).nonzero()[:SHOTS * DRAWS, 0] for digit in range(10)])
    labels = torch.arange(10).repeat_interleave(SHOTS)                                      # [10 * SHOTS]
    read, asked = (features(network, nn.functional.pad(images, (2, 2, 2, 2)).expand(-1, 3, -1, -1), dataset).double()
                   for images in (digits.train_images[few.flatten()], digits.test_images))
    right = []
    for x in read.view(10, DRAWS, SHOTS, -1).transpose(0, 1).flatten(1, 2):                 # [10 * SHOTS, C]
        center, y = x.mean(0), nn.functional.one_hot(labels, 10).double() - 0.1
        gram = (x - center).T @ (x - center)                                                # [C, C]
        ridge = (0.1 * gram.diagonal().mean() + 1e-9) * torch.eye(len(gram), dtype=gram.dtype)
        answers = (asked - center) @ torch.linalg.solve(gram + ridge, (x - center).T @ y)   # [N, 10]
        right.append((answers.argmax(1) == digits.test_labels).double().mean())
    return round(torch.stack(right).mean().item(), 4)


def run(model, images, seed, lr, dataset, recipe, whole):
    """Train once on as many images and measure: the rest of the row, a dict. With fewer images there are more epochs,
    so that the number of steps stays, to within one pass over them."""
    torch.manual_seed(seed)
    network, (data, held_images, labels) = make_model(model, whole).to(best_device()), hold_out(dataset, seed)
    row = {"parameters": sum(p.numel() for p in network.parameters()), "macs": macs_of(network)}
    if images is not None:
        steps = recipe["epochs"] * math.ceil(len(data.train_images) / recipe["batch_size"])
        some = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(seed))[:images]
        data = replace(data, train_images=data.train_images[some], train_labels=data.train_labels[some])
        epochs = max(1, round(steps / math.ceil(images / recipe["batch_size"])))
        recipe = recipe | {"epochs": epochs, "warmup_epochs": epochs / 10}
    row["few_shot_untrained"] = few_shot(network, data)
    row |= train(network, data, Recipe(**recipe, lr=lr, seed=seed))
    return row | {"held_out": accuracy(network, held_images, labels, data), "few_shot": few_shot(network, data)}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", default=["model", "data"], choices=["model", "data"], help="which ones")
    options, whole, dataset, facts = arguments_of(parser, arguments)
    settings = {"model": [{"model": size, "images": None} for size in WIDTHS],
                "data": [{"model": model, "images": images}
                         for images in IMAGES for model in ("Mixer", "CNN", "attention")]}
    for table in options.tables:
        fill_tuned(RESULTS / f"{table}_size.json", facts, settings[table], options.rates, options.seeds,
                   lambda **key: run(**key, dataset=dataset, recipe=facts["recipe"], whole=whole))


if __name__ == "__main__":
    main()
