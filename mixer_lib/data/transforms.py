"""What happens to a batch of images on its way to the model: augmentation, blending, normalization.

Random numbers are drawn on the CPU, from a CPU torch.Generator (None: torch's own), and sent to the images' device.
"""

import contextlib

import torch
import torch.nn.functional as F

from .randaugment import rand_augment


def augment(images, crop_padding=0, flip=False, randaugment=0, generator=None):
    """Crop, flip and RandAugment, each where it is asked for: uint8 [B, C, H, W] -> same."""
    if crop_padding:
        images = random_crop(images, crop_padding, generator)
    if flip:
        images = random_flip(images, generator)
    if randaugment:
        images = rand_augment(images, randaugment, generator)
    return images


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
    offsets = torch.randint(2 * padding + 1, (2, len(images)), generator=generator, device="cpu")  # [2, B]
    top, left = send(offsets, images.device)
    padded = F.pad(images, (padding,) * 4)  # [B, C, H + 2P, W + 2P]
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # [B, C, 2P + 1, 2P + 1, H, W]: a view, no copies
    return crops[image, :, top, left]  # [B, C, H, W]


def random_flip(images, generator=None):
    """Mirror each image left to right with probability 1/2. images: uint8 [B, C, H, W], and so is the result."""
    image = torch.arange(len(images), device=images.device)  # [B]
    mirrored = send(torch.rand(len(images), generator=generator, device="cpu") < 0.5, images.device)  # [B]
    both = torch.cat([images, images.flip(3)])  # [2B, C, H, W]: to pick from it is faster than torch.where
    return both.index_select(0, image + len(images) * mirrored)  # [B, C, H, W]


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
    """For torchvision, which draws from torch's own CPU generator: inside, `generator` decides what it draws, and
    afterwards torch's own is as it was."""
    seed = torch.randint(2**62, (), generator=generator, device="cpu").item()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: that would change the GPUs' as well
        yield


def normalize(images, mean, std):
    """(images / 255 - mean) / std in each channel: uint8 [B, C, H, W] -> float32 [B, C, H, W]."""
    facts = send(torch.tensor([mean, std], dtype=torch.float32, device="cpu"), images.device)  # [2, C]
    mean, std = facts.view(2, -1, 1, 1)  # each [C, 1, 1]
    return (images * (1 / (255 * std))).sub_(mean / std)  # the same formula in two passes over the pixels


def send(tensor, device):
    """A small tensor of the CPU on `device`. A GPU is given it without the program waiting for what it still does."""
    return tensor.to(device, non_blocking=device.type == "cuda")
