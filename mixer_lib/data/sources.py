"""Where data sets come from: the bundled samples, torchvision, .npz files, folders of images."""

import json
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..configs import did_you_mean
from .arrays import read_npz, to_nchw
from .dataset import Dataset, check_part, complete, mean_and_std
from .files import as_pair, open_image
from .folders import PARTS, all_gray, check_readable, inspect, list_folder
from .memory import free_memory
from .on_disk import ImageFiles
from .transforms import resize

SAMPLES = Path(__file__).parents[1] / "samples"
DEFAULT_ROOT = Path(os.path.expanduser("~")) / ".cache" / "mixer_lib"      # unlike Path's, it never fails
LOOKED_AT = 10_000      # so many files of a folder whose size is given show whether the images have colors

# Mean and standard deviation of each channel over the full training images, pixels in 0..1.
KNOWN = {
    "mnist": dict(torchvision="MNIST", mean=(0.1307,), std=(0.3081,)),
    "fashion_mnist": dict(torchvision="FashionMNIST", mean=(0.2860,), std=(0.3530,)),
    "cifar10": dict(torchvision="CIFAR10", mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)),
    "cifar100": dict(torchvision="CIFAR100", mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
}



class NoPart(ValueError):
    """A data set lacks the part that was asked for."""


def load_dataset(name: str | Path, full: bool = False, root: str | Path | None = None,
                 image_size: int | tuple[int, int] | None = None, in_memory: bool | None = None) -> Dataset:
    """Load a data set.

    name: "mnist" or "cifar10": the bundled sample (10,000 + 2,000 or 5,000 + 1,000 images; needs no network).
        With full=True these, "fashion_mnist" or "cifar100": all of it, read from the folder `root` (default
        ~/.cache/mixer_lib); torchvision downloads what is missing there.
        Anything else is a path to your own images, always loaded whole:
        - a .npz file with train_images, train_labels, test_images, test_labels, or with x_train, y_train and so on,
          as MedMNIST and Keras have it, and, if you like, `classes` (the names, as strings). Images are
          [N, H, W], [N, H, W, C] or [N, C, H, W]: see `to_nchw`, and `to_pixels` for their values. Labels are integers
          from 0, or names.
        - a folder train/CLASS/*.png and test/CLASS/*.png, or a folder CLASS/*.png. val/ counts for the test where
          there is no test/. Images may lie deeper in a class folder. Labels follow the sorted class names. If all
          images are gray they stay gray, else all become RGB. Also .jpg, .bmp, .webp, .tif, .gif, .ppm.
        Without test images one in six of each class is kept for it, always the same ones. Where there are a test
        and validation images, training is watched by the latter.

    image_size: one int or a pair (height, width), in pixels. Each image is scaled until its short side fits, and cut
    to the center. Without it all images must have one size. in_memory: whether to read a folder's images now, or each
    time that they are needed (False); by default they are read now if they fit into a third of the free memory.

    Returns a Dataset. Its mean and std are those of the training images, or of 10,000 of them (for a sample, of the
    full set's). What was skipped, and other things that one may not expect, are said in a line on the error output.
    Raises ValueError (unknown name, unusable contents), FileNotFoundError (no such path, no images) or OSError
    (unreadable file, failed download).
    """
    if image_size is not None:
        as_pair(image_size)
    if name in KNOWN:
        if full:
            dataset = _load_full(name, Path(root or DEFAULT_ROOT).expanduser())
        elif root is not None:
            raise ValueError(f"root={str(root)!r} is where the full data lies: pass full=True (--full) as well")
        elif not _has_sample(name):
            raise ValueError(f"{name!r} has no bundled sample: pass full=True (--full) to read or download all of it")
        else:
            dataset = _load_sample(name)
        return replace(dataset, train_images=resize(dataset.train_images, image_size),
                       test_images=resize(dataset.test_images, image_size))

    path = own_path(name)
    parts, classes, notes = open_parts(path, image_size)
    if "train" not in parts and "all" not in parts:
        raise ValueError(f"{path} has {', '.join(parts)} but no train: nothing to learn from")
    parts = in_memory_if(in_memory, complete(parts, classes))
    dataset = Dataset(path.stem if is_npz(path) else path.name, *parts["train"], *parts["test"], classes,
                      *mean_and_std(parts["train"][0]), *parts.get("val", (None, None)))
    _say(path, [*notes, *_oddities(dataset)])
    return dataset


def load_part(name, part="test", full=False, root=None, image_size=None, in_channels=None, in_memory=None,
              trained_on=False, **cut):
    """One part of a data set, to evaluate a model on: (images, labels, classes). Of a folder only this part is read.

    name, full, root, image_size, in_memory: as for `load_dataset`. part: "train", "val", "test" or "all". A folder of
    class folders that is itself named test or val is all test, unless the model was trained on it (trained_on).
    in_channels: 1 or 3, to read a folder's images so. cut: crop and interpolation of `load_image`, for a folder's
    images.
    Raises as `load_dataset` does, and NoPart, a ValueError, if there is no such part."""
    if name in KNOWN:
        dataset, notes = load_dataset(name, full, root, image_size), []
        classes = dataset.classes
        parts = {"train": (dataset.train_images, dataset.train_labels),
                 "test": (dataset.test_images, dataset.test_labels)}
    else:
        path = own_path(name)
        parts, classes, notes = open_parts(path, image_size, in_channels, **cut)
        if "all" in parts and not trained_on and PARTS.get(path.resolve().name.lower()) in ("test", "val"):
            parts["test"] = parts.pop("all")
    _say(name, notes)
    if part == "all":
        parts = {part: _together(parts)}
    elif part not in parts:
        parts = complete(parts, classes) if parts.keys() & {"train", "all"} or part == "test" else parts
    if part not in parts:
        raise NoPart(f"{name} has no part {part!r}: choose from {', '.join(parts)}, all")
    check_part(str(name), part, *parts[part], classes)
    return *in_memory_if(in_memory, {part: parts[part]})[part], classes


def own_path(name):
    """The path to a person's own images. Raises FileNotFoundError or ValueError if there cannot be any."""
    path = Path(os.path.expanduser(name))
    if path.is_dir() or is_npz(path):
        return path
    if path.exists():
        unpack = ": unpack it first" if path.suffix.lower() in (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar") else ""
        raise ValueError(f"{path} is neither a .npz file nor a folder of class folders{unpack}")
    if isinstance(name, Path) or "/" in name or os.sep in name:
        raise FileNotFoundError(f"no file or folder {path}: expected a .npz file or a folder of class folders")
    raise ValueError(f"unknown data set {name!r}{did_you_mean(name.lower(), KNOWN)}, or a path to your own images")


def is_npz(path):
    return path.suffix.lower() == ".npz"


def open_parts(path, image_size=None, in_channels=None, **cut):
    """The parts of one's own images, {"train": (images, labels), ...}, the names of the classes, and notes. A folder's
    images are not yet read. cut: crop and interpolation of `load_image`, for these."""
    if is_npz(path):
        parts, classes = read_npz(path)
        return {part: (resize(images, image_size), labels) for part, (images, labels) in parts.items()}, classes, []
    listing = list_folder(path)
    shown = listing.parts.get("train") or listing.parts.get("all") or {
        name: files for part in listing.parts.values() for name, files in part.items()}
    classes = sorted(shown)
    for part, files in listing.parts.items():
        if strange := sorted(set(files) - set(classes)):
            raise ValueError(f"{path}: {part}/ has classes that train/ lacks: {', '.join(strange)}")
    image_size, in_channels = look_at(listing, image_size, in_channels)
    number = {name: label for label, name in enumerate(classes)}
    parts = {}
    for part in listing.parts:
        files, names = listing.files(part)
        labels = torch.tensor([number[name] for name in names], device="cpu")           # [N]
        parts[part] = ImageFiles(files, image_size, in_channels, **cut), labels
    return parts, classes, [*listing.notes()]


def look_at(listing, image_size=None, in_channels=None):
    """The (height, width) and the channels, 1 or 3, that a folder's images shall have, where not given: what all have.

    Raises ValueError if they are of several sizes, with one to choose; OSError if some files are no images."""
    files = [file for part in listing.parts for file in listing.files(part)[0]]
    if image_size is not None and in_channels is not None:
        return as_pair(image_size), in_channels
    if image_size is not None and len(files) > LOOKED_AT:
        files = random.Random(0).sample(files, LOOKED_AT)
    found = inspect(files)
    check_readable(files, found)
    if image_size is None:
        sizes = [size for size, _ in found]
        if len(set(sizes)) > 1:
            least, most = (pick(sizes, key=lambda size: size[0] * size[1]) for pick in (min, max))
            raise ValueError(f"the images are of {len(set(sizes))} sizes, from {'x'.join(map(str, least))} to "
                             f"{'x'.join(map(str, most))} pixels (width x height): choose one size for all, for "
                             f"example image_size={proposed_size(sizes)} (--image-size {proposed_size(sizes)})")
        image_size = sizes[0][::-1]
    return as_pair(image_size), in_channels or (1 if all_gray(found) else 3)


def proposed_size(sizes):
    """A side in pixels, small enough to train on without a GPU, for images of these (width, height)."""
    side = sorted(min(size) for size in sizes)[len(sizes) // 2]     # of an ordinary image
    return max([choice for choice in (16, 32, 64) if choice <= side], default=side)


def in_memory_if(wanted, parts):
    """The parts with a folder's images read into memory; where `wanted` is None, only if they fit into a third of
    what is free, since training makes a copy of them."""
    size = sum(images.numel() for images, _ in parts.values() if isinstance(images, ImageFiles))
    if wanted or (wanted is None and size <= free_memory() / 3):
        return {part: (images.in_memory() if isinstance(images, ImageFiles) else images, labels)
                for part, (images, labels) in parts.items()}
    return parts


def _together(parts):
    """All parts as one: (images, labels)."""
    images, labels = zip(*parts.values(), strict=True)
    return (ImageFiles.cat if isinstance(images[0], ImageFiles) else torch.cat)(images), torch.cat(labels)


def _oddities(dataset):
    """What a person may not expect of their images, in lines."""
    images, labels = dataset.train_images, dataset.train_labels
    if isinstance(images, torch.Tensor) and images.max() <= 1:
        yield "no pixel of the training images is above 1: pixels go from 0 (black) to 255"
    empty = sorted(set(range(len(dataset.classes))) - set(labels.tolist()))
    if empty:
        names = ", ".join(dataset.classes[label] for label in empty[:10]) + ", ..." * (len(empty) > 10)
        first = ", so the labels do not start at 0" * (empty[0] == 0)
        yield f"{len(empty)} of {len(dataset.classes)} classes have no training image: {names}{first}"
    if len(dataset.classes) == 1:
        yield f"there is one class only, {dataset.classes[0]}; if it is a folder, do the classes lie one folder deeper?"


def _say(name, notes):
    for note in notes:
        print(f"note: {name}: {note}", file=sys.stderr)


def _has_sample(name):
    return (SAMPLES / f"{name}.json").exists()


def _load_sample(name):
    about = json.loads((SAMPLES / f"{name}.json").read_text())
    parts = []
    for part in ("train", "test"):
        sheet = np.array(open_image(SAMPLES / f"{name}_{part}.png"))
        labels = torch.arange(len(about["classes"])).repeat_interleave(about[f"{part}_images_per_class"])
        parts += [_cut_sheet(sheet, *about["image_size"]), labels]
    return Dataset(name, *parts, about["classes"], KNOWN[name]["mean"], KNOWN[name]["std"])


def _cut_sheet(sheet, height, width):
    """Cut a sheet of images, uint8 [rows * H, columns * W] or [rows * H, columns * W, C], into [N, C, H, W]."""
    rows, columns = sheet.shape[0] // height, sheet.shape[1] // width
    grid = torch.from_numpy(sheet).reshape(rows, height, columns, width, -1)  # [rows, H, columns, W, C]
    return grid.permute(0, 2, 4, 1, 3).flatten(0, 1)  # [rows * columns, C, H, W]


def _load_full(name, root):
    from torchvision import datasets  # here, because it takes seconds

    known = KNOWN[name]
    torchvision_class = getattr(datasets, known["torchvision"])
    if name.startswith("cifar"):
        folder, archives = root, [torchvision_class.filename]
        unpacked = [root / torchvision_class.base_folder]
    else:
        folder = root / known["torchvision"] / "raw"
        archives = [file for file, _ in torchvision_class.resources]
        unpacked = [folder / Path(file).stem for file in archives]

    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the data folder {root} ({error}): pass another root") from error
    try:  # download=True fetches only what is missing
        train, test = (torchvision_class(root, train=train, download=True) for train in (True, False))
    except Exception as error:  # torchvision and what lies below it raise many kinds
        if all(path.exists() for path in unpacked):
            problem = f"cannot be read, a file is damaged: delete {', '.join(map(str, unpacked))} and try again"
        else:
            problem = f"could not be downloaded: try again, or put {', '.join(archives)} into {folder} by hand"
        sample = f"; load_dataset({name!r}) without full=True uses the bundled sample" * _has_sample(name)
        raise OSError(f"the full {name} in {root} {problem}{sample}. The cause: {error!r}") from error

    parts = []
    for part in (train, test):
        parts += [to_nchw(np.asarray(part.data), name), torch.as_tensor(part.targets, dtype=torch.int64)]
    classes = [text.split(" - ")[0] for text in train.classes]  # MNIST's are "0 - zero", "1 - one", ...
    return Dataset(name, *parts, classes, known["mean"], known["std"])


