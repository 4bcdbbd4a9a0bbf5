"""Lesson 11's experiment, which the lesson runs once and tools/measure_permutations.py for several seeds: images
scrambled by one fixed permutation, and a CNN with as many parameters as a small Mixer.

Source: Tolstikhin et al. (arXiv 2105.01601v4), section 3.4 and Figure 4, here at this course's scale.
"""

import torch
from torch import nn

from .configs import did_you_mean
from .model import pair, patchify, unpatchify

CONDITIONS = ("plain", "patches and inside", "all pixels")
MIXER = dict(num_blocks=4, hidden_dim=48, channels_mlp_dim=192)      # of create_model("cifar10", ...)


def draw_order(condition, image_size, patch_size, seed):
    """A permutation of the places of an image, numbered in raster order: int64 [H * W], on the CPU. Place s of a
    scrambled image gets the pixel from place order[s].

    image_size, patch_size: in pixels, one number or (height, width).

    "plain": every pixel stays. "patches and inside": the patches come in another order, and so do the pixels inside
    each of them, the same for all patches. "all pixels": any place may get any pixel. Raises ValueError for another
    condition."""
    if condition not in CONDITIONS:
        raise ValueError(f"there is no condition {condition!r}{did_you_mean(condition, CONDITIONS)}")
    (H, W), random = pair("image_size", image_size), torch.Generator().manual_seed(seed)
    with torch.device("cpu"):
        places = torch.arange(H * W)
        if condition == "patches and inside":
            table = patchify(places.view(1, 1, H, W), patch_size)               # [1, S, P * P]: one row per patch
            _, S, D = table.shape
            table = table[:, torch.randperm(S, generator=random)][..., torch.randperm(D, generator=random)]
            places = unpatchify(table, patch_size, (H, W)).flatten()            # [H * W]
        elif condition == "all pixels":
            places = places[torch.randperm(H * W, generator=random)]
    return places


def scramble(images, order):
    """Images [..., H, W] with their pixels in another order, int64 [H * W], the same for all images and colors."""
    return images.flatten(-2)[..., order.to(images.device)].view(images.shape)


class SmallCNN(nn.Sequential):
    """A plain CNN: 3 x 3 convolutions, each with GELU, and between them the largest of every 2 x 2 places; then, as in
    the Mixer, the mean over the places and a head. [B, in_channels, H, W] -> logits [B, K]. It is made for images of
    32 x 32 pixels, which leave 4 x 4 places."""

    def __init__(self, in_channels=3, num_classes=10, widths=(16, 32, 64, 150)):
        layers = []
        for C_in, C_out in zip((in_channels, *widths), widths):
            layers += [nn.Conv2d(C_in, C_out, kernel_size=3, padding=1), nn.GELU(), nn.MaxPool2d(2)]
        super().__init__(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes))
        self.image_shape, self.num_classes = (in_channels, 32, 32), num_classes
