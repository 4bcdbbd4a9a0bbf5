"""Batches of images, normalized, as a model reads them."""

import torch

from .transforms import augment, normalize, random_resized_crop, send


def batches(images, labels, batch_size, mean, std, shuffle=False, crop_padding=0, flip=False, randaugment=0,
            resized_crop=0.0, generator=None):
    """Yield (x, y) batches on the images' device, normalized: x float32 [B, C, H, W], y int64 [B].

    images: uint8 [N, C, H, W], or `ImageFiles`; labels: int64 [N]; mean, std: C floats each, as in Dataset.
    crop_padding (pixels), flip, randaugment (magnitude) and resized_crop (share of the area) are for training: see
    random_crop, random_flip, rand_augment and random_resized_crop. All random numbers come from `generator`, a CPU
    torch.Generator (None: torch's own), so the same seed gives the same batches on every device, and whether images
    lie in memory or in files. The last batch may be smaller. Raises ValueError on a batch_size below 1, and what
    `load_image` raises for a file that cannot be read.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: expected 1 or more")
    labels = labels.to(images.device)
    order = torch.arange(len(images), device="cpu")  # [N]
    if shuffle:
        order = torch.randperm(len(images), generator=generator, device="cpu")
    numbers = torch.rand(len(images), 4, generator=generator, device="cpu") if resized_crop else None
    order_there = send(order, images.device)
    if isinstance(images, torch.Tensor):
        drawn = _in_memory(images, order_there, batch_size, numbers, resized_crop)
    else:
        drawn = images.in_order(order, batch_size, numbers, resized_crop)
    for chosen, x in zip(order_there.split(batch_size), drawn):
        x = augment(x, crop_padding, flip, randaugment, generator)
        yield normalize(x, mean, std), labels[chosen]


def _in_memory(images, order, batch_size, numbers, smallest):
    """What `ImageFiles.in_order` gives, of images in memory: uint8 [B, C, H, W], still bytes, a quarter of floats."""
    for start in range(0, len(order), batch_size):
        x = images.index_select(0, order[start:start + batch_size])         # [B, C, H, W]
        if numbers is not None:
            x = random_resized_crop(x, numbers[start:start + batch_size], smallest)
        yield x
