"""Batches of images, normalized, as a model reads them."""

import torch

from .transforms import augment, normalize, random_resized_crop, send


def batches(images, labels, batch_size, mean, std, shuffle=False, crop_padding=0, flip=False, randaugment=0,
            resized_crop=0.0, generator=None, share=(0, 1), neighbor=False):
    """Yield (x, y) batches on the images' device, normalized: x float32 [B, C, H, W], y int64 [B].

    images: uint8 [N, C, H, W], or `ImageFiles`; labels: int64 [N]; mean, std: C floats each, as in Dataset.
    crop_padding (pixels), flip, randaugment (magnitude) and resized_crop (share of the area) are for training: see
    random_crop, random_flip, rand_augment and random_resized_crop. All random numbers come from `generator`, a CPU
    torch.Generator (None: torch's own), so the same seed gives the same batches on every device, and whether images
    lie in memory or in files. The last batch may be smaller.

    share: (rank, count) for one of `count` processes, which gets its part of each batch, as that is in the whole batch.
    Parts do not overlap, their sizes differ by one at most, and one of them may be empty. neighbor=True puts before a
    part that is not empty the image that stands before it in the batch, around the end; `mix` needs it.

    Raises ValueError on a batch_size below 1, and what `load_image` raises for a file that cannot be read.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: expected 1 or more")
    labels = labels.to(images.device)
    order = torch.arange(len(images), device="cpu")  # [N]
    if shuffle:
        order = torch.randperm(len(images), generator=generator, device="cpu")
    numbers = torch.rand(len(images), 4, generator=generator, device="cpu") if resized_crop else None
    parts = [part_of(len(some), *share, neighbor) for some in order.split(batch_size)]
    if share != (0, 1):     # of the order and the numbers, what this process needs
        starts = range(0, len(order), batch_size)
        mine = torch.cat([start + places for start, (places, _) in zip(starts, parts)])
        order, numbers = order[mine], None if numbers is None else numbers[mine]
    sizes = [len(places) for places, _ in parts]
    order_there = send(order, images.device)
    if isinstance(images, torch.Tensor):
        drawn = _in_memory(images, order_there, sizes, numbers, resized_crop)
    else:
        drawn = images.in_order(order, sizes, numbers, resized_crop)
    for chosen, part, x in zip(order_there.split(sizes), parts, drawn):
        x = augment(x, crop_padding, flip, randaugment, generator, part)
        yield normalize(x, mean, std), labels[chosen]


def part_of(size, rank, count, neighbor=False):
    """The part of a batch of `size` images that one of `count` processes gets: (places in it, int64 [n], size). The
    arguments are those of `batches`."""
    places = torch.arange(size, device="cpu").tensor_split(count)[rank]
    if neighbor and len(places):
        places = torch.cat([(places[:1] - 1) % size, places])
    return places, size


def _in_memory(images, order, sizes, numbers, smallest):
    """What `ImageFiles.in_order` gives, of images in memory: uint8 [B, C, H, W], still bytes, a quarter of floats."""
    numbers = [None] * len(sizes) if numbers is None else numbers.split(sizes)
    for chosen, rows in zip(order.split(sizes), numbers):
        x = images.index_select(0, chosen)                                  # [B, C, H, W]
        yield x if rows is None else random_resized_crop(x, rows, smallest)
