"""Images in memory: load a data set, cut it into batches, augment them.

Images stay uint8 tensors [N, C, H, W] until the last moment, when `batches` makes normalized floats of them.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from .configs import did_you_mean

SAMPLES = Path(__file__).parent / "samples"
DEFAULT_ROOT = Path.home() / ".cache" / "mixer_lib"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
TEST_FRACTION = 1 / 6  # of each class, for a folder without test images; CIFAR's share

# Mean and standard deviation of each channel over the full training images, pixels in 0..1.
KNOWN = {
    "mnist": dict(torchvision="MNIST", mean=(0.1307,), std=(0.3081,)),
    "fashion_mnist": dict(torchvision="FashionMNIST", mean=(0.2860,), std=(0.3530,)),
    "cifar10": dict(torchvision="CIFAR10", mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)),
    "cifar100": dict(torchvision="CIFAR100", mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
}


@dataclass
class Dataset:
    """Training and test images with their labels. Raises ValueError when the parts do not fit together."""

    name: str
    train_images: torch.Tensor  # uint8 [N, C, H, W]
    train_labels: torch.Tensor  # int64 [N], each in 0..len(classes)-1
    test_images: torch.Tensor  # uint8 [M, C, H, W]
    test_labels: torch.Tensor  # int64 [M]
    classes: list  # the name of each label
    mean: tuple  # C floats, pixels in 0..1
    std: tuple  # C floats, pixels in 0..1

    def __post_init__(self):
        def check(condition, message):
            if not condition:
                raise ValueError(f"data set {self.name!r}: {message}")

        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            check(images.ndim == 4 and images.dtype == torch.uint8,
                  f"{part}_images must be uint8 [N, C, H, W], not {images.dtype} {list(images.shape)}")
            check(images.numel() > 0, f"{part}_images is empty, {list(images.shape)}: give at least one image")
            check(labels.shape == images.shape[:1] and labels.dtype == torch.int64,
                  f"{part}_labels must be int64 [{len(images)}], one for each image, "
                  f"not {labels.dtype} {list(labels.shape)}")
            low, high = labels.min().item(), labels.max().item()
            check(low >= 0 and high < len(self.classes),
                  f"{part}_labels run from {low} to {high}, expected 0 to {len(self.classes) - 1}, "
                  f"as there are {len(self.classes)} classes")
        train_shape, test_shape = list(self.train_images.shape[1:]), list(self.test_images.shape[1:])
        check(train_shape == test_shape,
              f"training images are [C, H, W] = {train_shape} but test images {test_shape}: make them alike")
        check(len(self.mean) == len(self.std) == train_shape[0],
              f"mean {self.mean} and std {self.std} need {train_shape[0]} values each, one for each channel")


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


def batches(images, labels, batch_size, mean, std, shuffle=False, crop_padding=0, flip=False, randaugment=0,
            generator=None):
    """Yield (x, y) batches, normalized: x float32 [B, C, H, W], y int64 [B].

    images: uint8 [N, C, H, W]; labels: int64 [N]; mean, std: C floats each, as in Dataset. crop_padding (pixels),
    flip and randaugment (magnitude) are for training: see random_crop, random_flip and rand_augment. All random
    numbers come from `generator`, a CPU torch.Generator (None: torch's own), so the same seed gives the same batches
    on every device. The last batch may be smaller. Raises ValueError on a batch_size below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: expected 1 or more")
    order = torch.randperm(len(images), generator=generator) if shuffle else torch.arange(len(images))
    for chosen in order.to(images.device).split(batch_size):
        x = images.index_select(0, chosen)  # [B, C, H, W], still bytes: a quarter of what floats would move
        x = augment(x, crop_padding, flip, randaugment, generator)
        yield normalize(x, mean, std), labels[chosen]


def augment(images, crop_padding=0, flip=False, randaugment=0, generator=None):
    """Crop, flip and RandAugment, each where it is asked for: uint8 [B, C, H, W] -> same."""
    if crop_padding:
        images = random_crop(images, crop_padding, generator)
    if flip:
        images = random_flip(images, generator)
    if randaugment:
        images = rand_augment(images, randaugment, generator)
    return images


def normalize(images, mean, std):
    """(images / 255 - mean) / std in each channel: uint8 [B, C, H, W] -> float32 [B, C, H, W]."""
    mean = torch.tensor(mean, device=images.device).view(-1, 1, 1)  # [C, 1, 1]
    std = torch.tensor(std, device=images.device).view(-1, 1, 1)  # [C, 1, 1]
    return (images * (1 / (255 * std))).sub_(mean / std)  # the same formula in two passes over the pixels


def random_crop(images, padding, generator=None):
    """Shift each image at random by up to `padding` pixels each way; zeros come in at the edges.

    images: uint8 [B, C, H, W], and so is the result. Raises ValueError on a padding that is negative or, since it
    could shift an image out of sight, as large as the image.
    """
    height, width = images.shape[2:]
    most = min(height, width) - 1
    if not 0 <= padding <= most:
        raise ValueError(f"crop padding={padding}: expected 0 to {most} pixels, for images of {height}x{width}")
    image = torch.arange(len(images), device=images.device)  # [B]
    offsets = torch.randint(2 * padding + 1, (2, len(images)), generator=generator)  # [2, B]
    top, left = offsets.to(images.device)
    padded = F.pad(images, (padding,) * 4)  # [B, C, H + 2P, W + 2P]
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # [B, C, 2P + 1, 2P + 1, H, W]: a view, no copies
    return crops[image, :, top, left]  # [B, C, H, W]


def random_flip(images, generator=None):
    """Mirror each image left to right with probability 1/2. images: uint8 [B, C, H, W], and so is the result."""
    image = torch.arange(len(images), device=images.device)  # [B]
    mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5  # [B]
    both = torch.cat([images, images.flip(3)])  # [2B, C, H, W]: to pick from it is faster than torch.where
    return both.index_select(0, image + len(images) * mirrored)  # [B, C, H, W]


def rand_augment(images, magnitude, generator=None, group=8):
    """RandAugment (Cubuk et al. 2020): two random operations, such as rotate, shear, brightness or posterize.

    images: uint8 [B, C, H, W], and so is the result; C is 1 or 3. magnitude: 1 (faint) to 30. The operations are
    drawn anew for every `group` images, which is six times as fast as for every image. Raises ValueError on other
    channels or magnitudes.
    """
    from torchvision.transforms import v2  # here, because it takes seconds

    if not 1 <= magnitude <= 30:
        raise ValueError(f"magnitude={magnitude}: expected 1 to 30")
    if images.shape[1] not in (1, 3):
        raise ValueError(f"RandAugment takes images of 1 or 3 channels, not {images.shape[1]}: set randaugment to 0")
    with _global_numbers_from(generator):
        return torch.cat([v2.RandAugment(magnitude=magnitude)(part) for part in images.split(group)])


def mix(x, y, num_classes, mixup=0.0, cutmix=0.0, generator=None):
    """Blend each image of a batch with the one before it, and their labels in the same shares.

    MixUp (Zhang et al. 2018) averages the two; CutMix (Yun et al. 2019) pastes a rectangle of one into the other.
    mixup, cutmix: the parameter of the Beta distribution from which a batch's share is drawn, 0 for off; when both
    are on, one of the two is drawn for each batch. x: float32 [B, C, H, W]; y: int64 [B].
    Returns (x, y) with y float32 [B, K], the share of each class; with both off, the two as they came.
    """
    if not (mixup or cutmix):
        return x, y
    from torchvision.transforms import v2  # here, because it takes seconds

    kinds = [kind(alpha=alpha, num_classes=num_classes)
             for kind, alpha in ((v2.MixUp, mixup), (v2.CutMix, cutmix)) if alpha]
    with _global_numbers_from(generator):
        return v2.RandomChoice(kinds)(x, y)


@contextlib.contextmanager
def _global_numbers_from(generator):
    """For torchvision, which draws from torch's own CPU generator: what it draws is up to `generator`, and torch's
    own is put back after it."""
    seed = torch.randint(2**62, (), generator=generator).item()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: that would change the GPUs' as well
        yield


def split(labels, fraction, generator=None):
    """Hold out a share of each class, for validation: -> (train_indices, holdout_indices), int64, ascending.

    labels: int64 [N]. fraction, in 0..1, is rounded in each class so that both sides get an image of it.
    Raises ValueError on a fraction outside, or a class of fewer than 2 images.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction={fraction}: expected more than 0 and less than 1")
    train, holdout = [], []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        if len(members) < 2:
            raise ValueError(f"class {label} has only {len(members)} image: at least 2 are needed to split it")
        members = members[torch.randperm(len(members), generator=generator)]
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        holdout.append(members[:count])
        train.append(members[count:])
    return torch.cat(train).sort().values, torch.cat(holdout).sort().values


def load_image(path, image_size, in_channels):
    """Read one image file for a model to look at: -> uint8 [C, H, W].

    image_size: the height and width to resize to (bilinear), one int or a pair, in pixels. in_channels: 1 (gray)
    or 3 (RGB). Raises FileNotFoundError, OSError (unreadable file) or ValueError (other in_channels).
    """
    if in_channels not in (1, 3):
        raise ValueError(f"in_channels={in_channels}: an image file gives 1 (gray) or 3 (RGB)")
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    image = _open_image(path).convert("L" if in_channels == 1 else "RGB")
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return _to_nchw(np.array(image)[None], path)[0]  # [C, H, W]


# ---- the three sources of load_dataset -----------------------------------------------------------------------


def _has_sample(name):
    return (SAMPLES / f"{name}.json").exists()


def _load_sample(name):
    about = json.loads((SAMPLES / f"{name}.json").read_text())
    parts = []
    for part in ("train", "test"):
        sheet = np.array(_open_image(SAMPLES / f"{name}_{part}.png"))
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
        parts += [_to_nchw(np.asarray(part.data), name), torch.as_tensor(part.targets, dtype=torch.int64)]
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
        parts += [_to_nchw(images, f"{path}: {part}_images"), torch.from_numpy(labels.astype(np.int64))]
    if "classes" in arrays:
        classes = arrays["classes"].astype(str).tolist()
    else:
        classes = [str(label) for label in range(max(arrays[key].max(initial=0) for key in keys[1::2]) + 1)]
    return Dataset(path.stem, *parts, classes, *_mean_and_std(parts[0]))


def _load_folder(folder):
    has_train, has_test = (folder / "train").is_dir(), (folder / "test").is_dir()
    if has_train != has_test:
        raise FileNotFoundError(f"{folder} has only one of train/ and test/: add the other, or use neither")
    train_files, train_names = _list_images(folder / "train" if has_train else folder)
    test_files, test_names = _list_images(folder / "test") if has_test else ([], [])
    classes = sorted(set(train_names))
    strange = sorted(set(test_names) - set(classes))
    if strange:
        raise ValueError(f"{folder}: test/ has classes that train/ lacks: {', '.join(strange)}")

    images = _read_images(train_files + test_files)  # [N + M, C, H, W]
    labels = torch.tensor([classes.index(name) for name in train_names + test_names])  # [N + M]
    train, test = torch.arange(len(labels)).split([len(train_files), len(test_files)])
    if not has_test:
        train, test = split(labels, TEST_FRACTION, torch.Generator().manual_seed(0))
    return Dataset(folder.name, images[train], labels[train], images[test], labels[test], classes,
                   *_mean_and_std(images[train]))


# ---- reading images ------------------------------------------------------------------------------------------


def _list_images(folder):
    """The image files in the class folders of `folder`, and for each file the name of its class."""
    files, names = [], []
    for class_folder in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."):
        found = sorted(path for path in class_folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise FileNotFoundError(f"no images ({', '.join(IMAGE_SUFFIXES)}) in the class folder {class_folder}")
        files += found
        names += [class_folder.name] * len(found)
    if not files:
        raise FileNotFoundError(f"no images in {folder}: expected a folder for each class, CLASS/*.png")
    return files, names


def _read_images(files):
    images = [_open_image(file) for file in files]
    for file, image in zip(files, images):
        if image.size != images[0].size:
            raise ValueError("{} is {}x{} pixels but {} is {}x{}: bring all to one size first, for example with "
                             "PIL's Image.resize".format(files[0], *images[0].size, file, *image.size))
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    return _to_nchw(np.stack([image.convert(mode) for image in images]), "images")  # [N, C, H, W]


def _open_image(path):
    """Decode an image file: -> PIL image of mode L (gray) or RGB."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)  # decodes it all, and turns a photo the right way up
    except FileNotFoundError:
        raise FileNotFoundError(f"no image file {path}") from None
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise OSError(f"cannot read {path} as an image ({error}): replace or delete it") from error
    if image.mode[0] in "IF":
        raise ValueError(f"{path} has pixels of mode {image.mode}, expected 8 bits for each channel: convert it")
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")


def _to_nchw(array, what):
    """uint8 array [N, H, W], [N, H, W, C] or [N, C, H, W] -> tensor [N, C, H, W]."""
    images = torch.from_numpy(array)
    if images.ndim == 3:
        return images.unsqueeze(1)  # [N, 1, H, W]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images.permute(0, 3, 1, 2).contiguous()  # [N, C, H, W]
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images  # [N, C, H, W]
    raise ValueError(f"{what}: {list(images.shape)}, expected [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3")


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
