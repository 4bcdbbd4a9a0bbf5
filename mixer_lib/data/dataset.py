"""A data set in memory, and how a part of it is held out."""

from dataclasses import dataclass

import torch


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


def split(labels, fraction, generator=None):
    """Hold out a share of each class for validation: (train_indices, holdout_indices), int64, ascending, on the CPU.

    labels: int64 [N], on any device. fraction: in 0..1, rounded in each class so that both sides get an image of it.
    generator: a torch.Generator of the CPU (None: torch's own). Raises ValueError on a fraction outside 0..1, or a
    class of fewer than 2 images.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction={fraction}: expected more than 0 and less than 1")
    labels, train, holdout = labels.cpu(), [], []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        if len(members) < 2:
            raise ValueError(f"class {label} has only {len(members)} image: at least 2 are needed to split it")
        members = members[torch.randperm(len(members), generator=generator, device="cpu")]
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        holdout.append(members[:count])
        train.append(members[count:])
    return torch.cat(train).sort().values, torch.cat(holdout).sort().values
