"""What happens to a batch of images on its way to the model: augmentation, blending, normalization.

Random numbers are drawn on the CPU, from a CPU torch.Generator (None: torch's own), and sent to the images' device.
"""

import contextlib

import torch
import torch.nn.functional as F

from .files import as_pair, center_box, random_box
from .randaugment import rand_augment


def augment(images, crop_padding=0, flip=False, randaugment=0, generator=None, part=None):
    """Crop, flip and RandAugment, each where it is asked for: uint8 [B, C, H, W] -> same.

    part: for images that are part of a larger batch, (their places in it, int64 [B], its size). They then become what
    they become in the whole batch: the random numbers are drawn for all of it."""
    if crop_padding:
        images = random_crop(images, crop_padding, generator, part)
    if flip:
        images = random_flip(images, generator, part)
    if randaugment:
        images = rand_augment(images, randaugment, generator, part)
    return images


def resize(images, image_size):
    """Scale images until their short side fits, and cut them to the center, as `load_image` does with a file.

    images: uint8 [N, C, h, w]; image_size: H and W, one int or a pair, in pixels, or None for no change.
    Returns uint8 [N, C, H, W]."""
    if image_size is None or images.shape[2:] == as_pair(image_size):
        return images
    (old_height, old_width), (height, width) = images.shape[2:], as_pair(image_size)
    left, top, right, bottom = (round(side) for side in center_box(old_width, old_height, width, height))
    cut = images[:, :, top:max(bottom, top + 1), left:max(right, left + 1)]     # [N, C, h', w'], at least a pixel
    return torch.cat([F.interpolate(some.float(), (height, width), mode="bilinear", antialias=True).round().byte()
                      for some in cut.split(1000)])             # [N, C, H, W]


def random_resized_crop(images, numbers, smallest):
    """Cut a random part out of each image and scale it to the size of the whole, as `load_image` does with a file.

    images: uint8 [B, C, H, W], and so is the result. numbers: [B, 4], in 0..1, for the part's area (a share from
    `smallest` to 1 of the image's), its shape and its place: see `random_box`."""
    if not len(images):     # a part of a small batch
        return images
    height, width = images.shape[2:]
    boxes = [random_box(width, height, width / height, row, smallest) for row in numbers.tolist()]
    left, top, right, bottom = send(torch.tensor(boxes, device="cpu"), images.device).unbind(1)     # each [B]
    zero = torch.zeros_like(left)
    # Both the image and the result reach from -1 to 1 in each direction.
    theta = torch.stack([(right - left) / width, zero, (left + right) / width - 1,
                         zero, (bottom - top) / height, (top + bottom) / height - 1], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, images.shape, align_corners=False)                      # [B, H, W, 2]
    # Beyond the centers of the outermost pixels, their colors go on. (padding_mode="border" says the same, but Apple
    # GPUs have it only since torch 2.13.)
    x, y = (places.clamp(1 / side - 1, 1 - 1 / side) for places, side in zip(grid.unbind(3), (width, height)))
    cut = F.grid_sample(images.float(), torch.stack([x, y], 3), align_corners=False)
    return cut.round().to(torch.uint8)                                                  # [B, C, H, W]


def random_crop(images, padding, generator=None, part=None):
    """Shift each image at random by up to `padding` pixels each way; zeros come in at the edges.

    images: uint8 [B, C, H, W], and so is the result. part: see `augment`. Raises ValueError on a padding that is
    negative or, since it could shift an image out of sight, as large as the image.
    """
    height, width = images.shape[2:]
    most = min(height, width) - 1
    if not 0 <= padding <= most:
        raise ValueError(f"crop padding={padding}: expected 0 to {most} pixels, for images of {height}x{width}")
    image = torch.arange(len(images), device=images.device)  # [B]
    places, whole = part or (slice(None), len(images))
    offsets = torch.randint(2 * padding + 1, (2, whole), generator=generator, device="cpu")[:, places]  # [2, B]
    top, left = send(offsets, images.device)
    padded = F.pad(images, (padding,) * 4)  # [B, C, H + 2P, W + 2P]
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # [B, C, 2P + 1, 2P + 1, H, W]: a view, no copies
    return crops[image, :, top, left]  # [B, C, H, W]


def random_flip(images, generator=None, part=None):
    """Mirror each image left to right with probability 1/2. images: uint8 [B, C, H, W], and so is the result. part:
    see `augment`."""
    image = torch.arange(len(images), device=images.device)  # [B]
    places, whole = part or (slice(None), len(images))
    mirrored = send((torch.rand(whole, generator=generator, device="cpu") < 0.5)[places], images.device)  # [B]
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
    # The same formula. Bytes become floats first: to multiply them as bytes takes up to ten times as long on a CPU.
    return images.float().mul_(1 / (255 * std)).sub_(mean / std)


def send(tensor, device):
    """A small tensor of the CPU on `device`. A GPU is given it without the program waiting for what it still does."""
    return tensor.to(device, non_blocking=device.type == "cuda")
