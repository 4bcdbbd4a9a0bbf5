"""Batches of images that lie in memory."""

import torch

from .transforms import augment, normalize, send


def batches(images, labels, batch_size, mean, std, shuffle=False, crop_padding=0, flip=False, randaugment=0,
            generator=None):
    """Yield (x, y) batches on the images' device, normalized: x float32 [B, C, H, W], y int64 [B].

    images: uint8 [N, C, H, W]; labels: int64 [N]; mean, std: C floats each, as in Dataset. crop_padding (pixels),
    flip and randaugment (magnitude) are for training: see random_crop, random_flip and rand_augment. All random
    numbers come from `generator`, a CPU torch.Generator (None: torch's own), so the same seed gives the same batches
    on every device. The last batch may be smaller. Raises ValueError on a batch_size below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: expected 1 or more")
    labels = labels.to(images.device)
    order = torch.arange(len(images), device="cpu")  # [N]
    if shuffle:
        order = torch.randperm(len(images), generator=generator, device="cpu")
    for chosen in send(order, images.device).split(batch_size):
        x = images.index_select(0, chosen)  # [B, C, H, W], still bytes: a quarter of what floats would move
        x = augment(x, crop_padding, flip, randaugment, generator)
        yield normalize(x, mean, std), labels[chosen]
