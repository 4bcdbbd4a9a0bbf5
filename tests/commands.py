"""What the tests of the command line share: tiny images, short commands, and what an error must look like."""

import re
import shlex

import numpy as np
import torch

from mixer_lib.checkpoints import load_checkpoint, read_rows
from mixer_lib.cli import main
from mixer_lib.training import loop

MODEL = "--num-blocks 2 --hidden-dim 8 --tokens-mlp-dim 4 --channels-mlp-dim 16"
RECIPE = "--epochs 3 --batch-size 9 --lr 0.01 --warmup-epochs 0.5"
RANDOM = "--dropout 0.1 --drop-path 0.2 --crop-padding 1 --flip"
TRAIN = f"train --dataset own.npz --out run {MODEL} {RECIPE} {RANDOM}"
FILES = {"command.txt", "config.toml", "steps.csv", "history.csv", "model.safetensors", "best.safetensors", "resume.pt"}


def save_npz(path, count=30, channels=3, size=8, num_classes=3, **changes):
    """Images whose bright rows tell the class, the first third of them also as test images."""
    images = np.random.default_rng(0).integers(0, 100, (count, size, size, channels), dtype=np.uint8)
    labels = np.arange(count) % num_classes
    for image, label in zip(images, labels):
        image[2 * label:2 * label + 2] += 150
    arrays = dict(train_images=images, train_labels=labels, test_images=images[::3], test_labels=labels[::3])
    arrays |= dict(classes=np.array(["cat", "dog", "eel", "fox", "gnu", "hen", "ibis"][:num_classes]))
    np.savez(path, **{name: array for name, array in (arrays | changes).items() if array is not None})


def run(command):
    return main(shlex.split(command))


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def same(first, second):
    first, second = weights(first), weights(second)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def epochs(folder):
    """The rows of a run's history, without what the clock says."""
    return [{name: value for name, value in row.items() if name not in ("seconds", "images_per_second")}
            for row in read_rows(folder / "history.csv")]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, command, message):
    """The command must end with exit code 2 and say why in one line, a line that a person can act on. Returns it."""
    capsys.readouterr()
    assert run(command) == 2
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and err.endswith(errors[0] + "\n") and "Traceback" not in err + out
    assert re.search(message, errors[0]), errors[0]
    return errors[0]


class Interrupt:
    """Stands in for `train_step` and raises an error instead of the n-th."""

    def __init__(self, n, error=KeyboardInterrupt):
        self.left, self.error = n, error

    def __call__(self, *args):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return train_step(*args)


train_step = loop.train_step
