"""A data set: its parts, and how one is held out of another."""

from dataclasses import dataclass

import torch

TEST_FRACTION = 1 / 6       # of each class, where there are no test images; CIFAR's share

@dataclass
class Dataset:
    """Training and test images with their labels, and images to watch the training by where the data set has its own.
    Images are tensors, or `ImageFiles` that are read as they are needed. Raises ValueError when the parts do not fit
    together."""

    name: str
    train_images: torch.Tensor  # uint8 [N, C, H, W]
    train_labels: torch.Tensor  # int64 [N], each in 0..len(classes)-1
    test_images: torch.Tensor  # uint8 [M, C, H, W]
    test_labels: torch.Tensor  # int64 [M]
    classes: list  # the name of each label
    mean: tuple  # C floats, pixels in 0..1
    std: tuple  # C floats, pixels in 0..1
    val_images: torch.Tensor | None = None  # uint8 [V, C, H, W]
    val_labels: torch.Tensor | None = None  # int64 [V]

    def __post_init__(self):
        def check(condition, message):
            if not condition:
                raise ValueError(f"data set {self.name!r}: {message}")

        twice = sorted({name for name in self.classes if self.classes.count(name) > 1}) if len(
            set(self.classes)) < len(self.classes) else []
        check(not twice, f"several classes have the same name: {', '.join(map(repr, twice[:5]))}")
        train_shape = list(self.train_images.shape[1:])
        for part in ("train", "test") if self.val_images is None else ("train", "test", "val"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            check_part(self.name, part, images, labels, self.classes)
            check(list(images.shape[1:]) == train_shape,
                  f"training images are [C, H, W] = {train_shape} but {part} images {list(images.shape[1:])}: make "
                  f"them alike, for example with image_size={min(train_shape[1:])} (--image-size)")
        check(len(self.mean) == len(self.std) == train_shape[0],
              f"mean {self.mean} and std {self.std} need {train_shape[0]} values each, one for each channel")


def check_part(name, part, images, labels, classes):
    """Raise ValueError unless there are `images`, uint8 [N, C, H, W], and as many `labels`, int64 [N], each the number
    of a class. name, part: of what data set, for the message."""
    def check(condition, message):
        if not condition:
            raise ValueError(f"data set {name!r}: {message}")

    check(images.ndim == 4 and images.dtype == torch.uint8,
          f"{part}_images must be uint8 [N, C, H, W], not {images.dtype} {list(images.shape)}")
    check(images.numel() > 0, f"{part}_images is empty, {list(images.shape)}: give at least one image")
    check(labels.shape == images.shape[:1] and labels.dtype == torch.int64,
          f"{part}_labels must be int64 [{len(images)}], one for each image, not {labels.dtype} {list(labels.shape)}")
    low, high = labels.min().item(), labels.max().item()
    check(low >= 0 and high < len(classes),
          f"{part}_labels run from {low} to {high}, expected 0 to {len(classes) - 1}, as there are {len(classes)} "
          f"classes")


def split(labels: torch.Tensor, fraction: float, generator: torch.Generator | None = None,
          classes: list[str] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Hold out a share of each class for validation: (train_indices, holdout_indices), int64, ascending, on the CPU.

    labels: int64 [N], on any device. fraction: in 0..1, rounded in each class so that both sides get an image of it.
    generator: a torch.Generator of the CPU (None: torch's own). classes: their names, for errors. Raises ValueError on
    a fraction outside 0..1, or a class of fewer than 2 images.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction={fraction}: expected more than 0 and less than 1")
    labels, train, holdout = labels.cpu(), [], []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        if len(members) < 2:
            raise ValueError(f"class {_name(label, classes)} has only {len(members)} image: at least 2 are needed to "
                             f"split it. Add images, or hold none out (val_fraction=0, --val-fraction 0)")
        members = members[torch.randperm(len(members), generator=generator, device="cpu")]
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        holdout.append(members[:count])
        train.append(members[count:])
    return torch.cat(train).sort().values, torch.cat(holdout).sort().values


def _name(label, classes):
    """The name of a label, for an error; a label that has none as it is."""
    return str(classes[label]) if classes and 0 <= label < len(classes) else str(int(label))


def complete(parts, classes=None):
    """The parts of a data set with a test among them: {"train": (images, labels), "test": ...} and perhaps "val".

    parts: the same without a test, or with "all" only. Without "test", "val" is taken for it; without both, one image
    in six of each class, always the same. classes: their names, for errors. Raises ValueError where a class has too few
    images for that."""
    parts = dict(parts)
    if "test" not in parts and "val" in parts:
        parts["test"] = parts.pop("val")
    if "all" in parts:
        parts["train"] = parts.pop("all")
    if "test" not in parts:
        images, labels = parts["train"]
        few = [_name(label, classes) for label, count in zip(*labels.unique(return_counts=True)) if count == 1]
        if few:
            raise ValueError(f"there is no test, and {len(few)} class{'es have' if len(few) > 1 else ' has'} only 1 "
                             f"image, so none can be kept for it: {', '.join(few[:5])}{', ...' * (len(few) > 5)}. "
                             f"Add images")
        train, test = split(labels, TEST_FRACTION, torch.Generator().manual_seed(0))
        parts |= {"train": (images[train], labels[train]), "test": (images[test], labels[test])}
    return parts


def split_note(parts):
    """A line that says what `complete` does with these parts; None where it does nothing."""
    if "test" in parts:
        return None
    if "val" in parts:
        return "test: there is none, so val is taken for it"
    return "test: there is none, so one image in six of each class is kept for it, always the same ones"


def mean_and_std(images, most: int = 10_000) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 images [N, C, H, W], pixels in 0..1: two tuples of C floats.
    Of more than `most` images, that many are looked at, spread evenly."""
    if len(images) > most:
        images = images[torch.arange(most, device="cpu") * len(images) // most]
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64, device="cpu")      # [C, 256]: a histogram
    step = max(1, 2**26 // images.shape[1:].numel())
    for start in range(0, len(images), step):
        some = images[start:start + step]
        some = some.cpu() if isinstance(some, torch.Tensor) else some.read(range(len(some)))
        counts += torch.stack([channel.flatten().bincount(minlength=256) for channel in some.unbind(1)])
    shares, values = counts.double() / counts.sum(1, keepdim=True), torch.arange(256, device="cpu").double() / 255
    mean = shares @ values                                                           # [C]
    std = ((shares * (values - mean[:, None]) ** 2).sum(1)).sqrt()                   # [C]
    return tuple(mean.tolist()), tuple(value or 1.0 for value in std.tolist())       # one color: do not divide by 0
