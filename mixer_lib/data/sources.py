"""Where data sets come from: the bundled samples, torchvision, .npz files, folders of images."""

import json
import os
from pathlib import Path

import numpy as np
import torch

from ..configs import did_you_mean
from .dataset import Dataset, split
from .files import list_images, open_image, read_images, to_nchw

SAMPLES = Path(__file__).parents[1] / "samples"
DEFAULT_ROOT = Path.home() / ".cache" / "mixer_lib"
TEST_FRACTION = 1 / 6  # of each class, for a folder without test images; CIFAR's share

# Mean and standard deviation of each channel over the full training images, pixels in 0..1.
KNOWN = {
    "mnist": dict(torchvision="MNIST", mean=(0.1307,), std=(0.3081,)),
    "fashion_mnist": dict(torchvision="FashionMNIST", mean=(0.2860,), std=(0.3530,)),
    "cifar10": dict(torchvision="CIFAR10", mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)),
    "cifar100": dict(torchvision="CIFAR100", mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
}


def load_dataset(name, full=False, root=None):
    """Load a data set into memory.

    name: "mnist" or "cifar10": the bundled sample (10,000 + 2,000 or 5,000 + 1,000 images; needs no network).
        With full=True these, "fashion_mnist" or "cifar100": all of it, read from the folder `root` (default
        ~/.cache/mixer_lib); torchvision downloads what is missing there.
        Anything else is a path to your own images, always loaded whole:
        - a .npz file with train_images, train_labels, test_images, test_labels and, if you like, `classes` (the
          names, as strings). Images are uint8 [N, H, W], [N, H, W, C] or [N, C, H, W]; of four axes, the last
          holds the channels if it is 1 or 3 long, else the second does. Labels are integers from 0.
        - a folder train/CLASS/*.png and test/CLASS/*.png, or a folder CLASS/*.png, of which one image in six of
          each class is kept for the test, always the same ones. Labels follow the sorted class names. Images
          are of one size; if all are gray they stay gray, else all become RGB. Also .jpg, .jpeg, .bmp, .webp.

    Returns a Dataset. Its mean and std are those of the training images (for a sample, of the full set's).
    Raises ValueError (unknown name, unusable contents), FileNotFoundError (no such path, no images) or OSError
    (unreadable file, failed download).
    """
    if name in KNOWN:
        if full:
            return _load_full(name, Path(root or DEFAULT_ROOT).expanduser())
        if root is not None:
            raise ValueError(f"root={str(root)!r} is where the full data lies: pass full=True (--full) as well")
        if not _has_sample(name):
            raise ValueError(f"{name!r} has no bundled sample: pass full=True (--full) to read or download all of it")
        return _load_sample(name)

    path = Path(name).expanduser()
    if path.is_dir():
        return _load_folder(path)
    if path.suffix == ".npz":
        return _load_npz(path)
    if path.exists():
        raise ValueError(f"{path} is neither a .npz file nor a folder of class folders")
    if isinstance(name, Path) or "/" in name or os.sep in name:
        raise FileNotFoundError(f"no file or folder {path}: expected a .npz file or a folder of class folders")
    raise ValueError(f"unknown data set {name!r}{did_you_mean(name.lower(), KNOWN)}, or a path to your own images")


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


def _load_npz(path):
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in (*keys, "classes") if key in file}
    except Exception as error:  # a damaged file raises many kinds
        raise ValueError(f"cannot read {path} ({error}): expected a .npz file as np.savez writes it, of plain "
                         f"arrays without Python objects") from error
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}: it needs {', '.join(keys)}")

    parts = []
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.dtype != np.uint8:
            raise ValueError(f"{path}: {part}_images are {images.dtype}, expected uint8, pixels from 0 to 255")
        if not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"{path}: {part}_labels are {labels.dtype}, expected integers from 0")
        parts += [to_nchw(images, f"{path}: {part}_images"), torch.from_numpy(labels.astype(np.int64))]
    if "classes" in arrays:
        classes = arrays["classes"].astype(str).tolist()
    else:
        classes = [str(label) for label in range(max(arrays[key].max(initial=0) for key in keys[1::2]) + 1)]
    return Dataset(path.stem, *parts, classes, *_mean_and_std(parts[0]))


def _load_folder(folder):
    has_train, has_test = (folder / "train").is_dir(), (folder / "test").is_dir()
    if has_train != has_test:
        raise FileNotFoundError(f"{folder} has only one of train/ and test/: add the other, or use neither")
    train_files, train_names = list_images(folder / "train" if has_train else folder)
    test_files, test_names = list_images(folder / "test") if has_test else ([], [])
    classes = sorted(set(train_names))
    strange = sorted(set(test_names) - set(classes))
    if strange:
        raise ValueError(f"{folder}: test/ has classes that train/ lacks: {', '.join(strange)}")

    images = read_images(train_files + test_files)  # [N + M, C, H, W]
    labels = torch.tensor([classes.index(name) for name in train_names + test_names])  # [N + M]
    train, test = torch.arange(len(labels)).split([len(train_files), len(test_files)])
    if not has_test:
        train, test = split(labels, TEST_FRACTION, torch.Generator().manual_seed(0))
    return Dataset(folder.name, images[train], labels[train], images[test], labels[test], classes,
                   *_mean_and_std(images[train]))


def _mean_and_std(images):
    """Mean and standard deviation of each channel of uint8 images [N, C, H, W], pixels in 0..1."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.unbind(1):  # [N, H, W]
        share = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()  # [256], a histogram
        mean = (share * values).sum()
        std = (share * (values - mean) ** 2).sum().sqrt()
        means.append(mean.item())
        stds.append(std.item() or 1.0)  # one color only: do not divide by 0
    return tuple(means), tuple(stds)
