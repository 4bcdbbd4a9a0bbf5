"""Lesson 11's experiment, which the lesson runs once and tools/measure_permutations.py for several seeds: images
scrambled by one fixed permutation, and a CNN with as many parameters as a small Mixer.

Source: Tolstikhin et al. (arXiv 2105.01601v4), section 3.4 and Figure 4, here at this course's scale.
"""

from dataclasses import replace

import torch
from torch import nn

from .configs import did_you_mean
from .model import pair, patchify, unpatchify
from .training import evaluate, fit

CONDITIONS = "plain", "patches and inside", "all pixels"            # those that the lesson trains on
CONTROLS = "patches only", "inside only", "colors alone"            # what each part of them costs
MIXER = dict(num_blocks=4, hidden_dim=48, channels_mlp_dim=192)      # of create_model("cifar10", ...)


def draw_order(condition, image_size, patch_size, seed):
    """A permutation of the places of an image, numbered in raster order: int64 [H * W], on the CPU. Place s of a
    scrambled image gets the pixel from place order[s].

    image_size, patch_size: in pixels, one number or (height, width).

    "plain": every pixel stays. "patches only": the patches come in another order. "inside only": the pixels inside each
    patch come in another order, the same for all patches. "patches and inside": these two orders together. "all
    pixels": any place may get any pixel. Raises ValueError for another condition."""
    known = [*CONDITIONS, *CONTROLS[:2]]
    if condition not in known:
        raise ValueError(f"there is no condition {condition!r}{did_you_mean(condition, known)}")
    (H, W), random = pair("image_size", image_size), torch.Generator().manual_seed(seed)
    with torch.device("cpu"):
        places = torch.arange(H * W)
        if condition == "all pixels":
            return places[torch.randperm(H * W, generator=random)]
        table = patchify(places.view(1, 1, H, W), patch_size)                   # [1, S, P * P]: one row per patch
        patches, inside = (torch.randperm(n, generator=random) for n in table.shape[1:])
        if "patches" in condition:
            table = table[:, patches]
        if "inside" in condition:
            table = table[..., inside]
        return unpatchify(table, patch_size, (H, W)).flatten()                  # [H * W]


def scramble(images, order):
    """Images [..., H, W] with their pixels in another order, int64 [H * W], the same for all images and colors."""
    return images.flatten(-2)[..., order.to(images.device)].view(images.shape)


def scramble_dataset(dataset, condition, patch_size, seed):
    """The data set with all of its images scrambled, for training and for testing.

    condition: one of `draw_order`, with one order for all images; or "colors alone", where each image has an order of
    its own, so that no place means anything. seed: determines the orders. Raises ValueError for another condition."""
    images = dataset.train_images, dataset.test_images                          # [N, C_in, H, W] each
    if condition == "colors alone":
        random = torch.Generator().manual_seed(seed)
        places = images[0][0, 0].numel()
        mixed = [torch.stack([scramble(one, torch.randperm(places, generator=random, device="cpu")) for one in some])
                 for some in images]
    else:
        order = draw_order(condition, tuple(images[0].shape[-2:]), patch_size, seed)
        mixed = [scramble(some, order) for some in images]
    return replace(dataset, train_images=mixed[0], test_images=mixed[1])


def fit_and_measure(model, dataset, recipe):
    """Train `model` in place, and measure it after each epoch on dataset's test images: [(step, accuracy), ...]. The
    test images take no part in the training."""
    curve = []

    def measure(history):
        steps, per_epoch = len(history.steps), history.total_steps // recipe.epochs
        if steps > (curve[-1][0] if curve else 0) and steps % per_epoch == 0:
            training = model.training
            curve.append((steps, evaluate(model, dataset)["accuracy"]))
            model.train(training)

    fit(model, dataset, recipe, callbacks=[measure])
    return curve


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
