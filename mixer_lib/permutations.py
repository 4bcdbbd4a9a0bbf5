"""Lesson 11's experiment, which the lesson runs once and tools/permutations.py for several seeds: images scrambled by
one fixed permutation, a CNN with as many parameters as a small Mixer, and one loop that trains both.

Source: Tolstikhin et al. (arXiv 2105.01601v4), section 3.4 and Figure 4, here at this course's scale.
"""

import torch
from torch import nn

from .configs import did_you_mean
from .model import patchify, unpatchify
from .training import epoch_generator, learning_rate, make_optimizer, train_step, training_batches

CONDITIONS = ("plain", "patches and inside", "all pixels")
MIXER = dict(num_blocks=4, hidden_dim=48, channels_mlp_dim=192)      # of create_model("cifar10", ...)


def draw_order(condition, image_size, patch_size, seed):
    """A permutation of the places of a square image, numbered in raster order: int64 [H * W]. Place s of a scrambled
    image gets the pixel from place order[s].

    "plain": every pixel stays. "patches and inside": the patches come in another order, and the pixels inside each of
    them, too, the same for all patches. "all pixels": any place may get any pixel. Raises ValueError for another
    condition."""
    if condition not in CONDITIONS:
        raise ValueError(f"there is no condition {condition!r}{did_you_mean(condition, CONDITIONS)}")
    random, places = torch.Generator().manual_seed(seed), torch.arange(image_size ** 2)
    if condition == "patches and inside":
        table = patchify(places.view(1, 1, image_size, image_size), patch_size)     # [1, S, P * P]: a row a patch
        _, S, D = table.shape
        table = table[:, torch.randperm(S, generator=random)][..., torch.randperm(D, generator=random)]
        places = unpatchify(table, patch_size, image_size).flatten()
    elif condition == "all pixels":
        places = places[torch.randperm(len(places), generator=random)]
    return places


def scramble(images, order):
    """Images [..., H, W] with their pixels in another order, int64 [H * W], the same for all images and colors."""
    return images.flatten(-2)[..., order].view(images.shape)


class SmallCNN(nn.Sequential):
    """A plain CNN: 3 x 3 convolutions, each with GELU, and between them the largest of every 2 x 2 places; then, as in
    the Mixer, the mean over the places and a head. [B, in_channels, H, W] -> logits [B, K]."""

    def __init__(self, in_channels=3, num_classes=10, widths=(16, 32, 64, 150)):
        layers = []
        for C_in, C_out in zip((in_channels, *widths), widths):
            layers += [nn.Conv2d(C_in, C_out, kernel_size=3, padding=1), nn.GELU(), nn.MaxPool2d(2)]
        super().__init__(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes))


def train(model, dataset, recipe):
    """`fit` without what only a Mixer has, so that any model can be trained alike: on all of dataset's training images,
    nothing held out. The model is changed in place and left in evaluation mode."""
    optimizer, step = make_optimizer(model, recipe), 0
    steps_per_epoch = -(-len(dataset.train_images) // recipe.batch_size)
    total, warmup = recipe.epochs * steps_per_epoch, round(recipe.warmup_epochs * steps_per_epoch)
    model.train()
    for epoch in range(recipe.epochs):
        for x, y in training_batches(dataset.train_images, dataset.train_labels, dataset, recipe,
                                     epoch_generator(recipe.seed, epoch)):
            train_step(model, x, y, optimizer, learning_rate(step, total, warmup, recipe.lr), recipe)
            step += 1
    model.eval()
