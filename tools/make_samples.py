"""Make the bundled samples in mixer_lib/samples: sheets of images drawn from the full data sets.

    python tools/make_samples.py --root DIR [--cifar10 FILE.npz]

DIR is the folder of the full data, as for load_dataset(..., full=True, root=DIR). With the same versions of torch and
Pillow, the files are always the same, byte by byte.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that it runs in a clone that is not installed

from mixer_lib.data import SAMPLES, load_dataset

COLUMNS = 50  # images side by side on a sheet; each class fills whole rows
PER_CLASS = {"mnist": (1000, 200), "cifar10": (500, 100)}  # training and test images
CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def pick(labels, num_classes, per_class, generator):
    """Indices [num_classes * per_class] of images drawn at random, sorted by class, then by index."""
    chosen = []
    for label in range(num_classes):
        members = (labels == label).nonzero().squeeze(1)
        chosen.append(members[torch.randperm(len(members), generator=generator)[:per_class]].sort().values)
    return torch.cat(chosen)


def lay_out(images):
    """Images uint8 [N, C, H, W] -> a sheet [rows * H, COLUMNS * W, C], read like a page."""
    _, channels, height, width = images.shape
    grid = images.reshape(-1, COLUMNS, channels, height, width)  # [rows, columns, C, H, W]
    return grid.permute(0, 3, 1, 4, 2).reshape(-1, COLUMNS * width, channels)  # [rows * H, columns * W, C]


def make_sample(name, full):
    """Write the sheets of data set `name` and its .json file, then check that load_dataset returns the originals."""
    generator = torch.Generator().manual_seed(0)
    originals = {}
    for part, per_class in zip(("train", "test"), PER_CLASS[name]):
        images, labels = getattr(full, f"{part}_images"), getattr(full, f"{part}_labels")
        chosen = pick(labels, len(full.classes), per_class, generator)
        originals |= {f"{part}_images": images[chosen], f"{part}_labels": labels[chosen]}
        sheet = lay_out(images[chosen]).numpy().squeeze()  # gray: [rows * H, columns * W]
        Image.fromarray(sheet).save(SAMPLES / f"{name}_{part}.png", optimize=True)

    about = {
        "classes": full.classes,
        "image_size": list(full.train_images.shape[2:]),
        "train_images_per_class": PER_CLASS[name][0],
        "test_images_per_class": PER_CLASS[name][1],
    }
    (SAMPLES / f"{name}.json").write_text(json.dumps(about) + "\n")

    sample = load_dataset(name)
    for key, original in originals.items():
        if not torch.equal(getattr(sample, key), original):
            raise SystemExit(f"{name}: the {key} in the sheet differ from the original ones")
    for path in sorted(SAMPLES.glob(f"{name}*")):
        print(f"{path.name:20} {path.stat().st_size:10,} bytes")


def main():
    parser = argparse.ArgumentParser(description="Make the bundled samples from the full MNIST and CIFAR-10.")
    parser.add_argument("--root", required=True, help="folder of the full data; missing files are downloaded")
    parser.add_argument("--cifar10", metavar="FILE.npz", help="take CIFAR-10 from this file instead")
    args = parser.parse_args()

    make_sample("mnist", load_dataset("mnist", full=True, root=args.root))
    if args.cifar10:
        cifar10 = load_dataset(args.cifar10)
        cifar10.classes = CIFAR10_CLASSES  # the file may not name them
    else:
        cifar10 = load_dataset("cifar10", full=True, root=args.root)
    make_sample("cifar10", cifar10)


if __name__ == "__main__":
    main()
