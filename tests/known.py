"""Kernels, maps and a small model for the tests of analysis, all in float64."""

import math

import torch
from torch import nn
from torch.nn.functional import conv2d

from mixer_lib.model import MlpMixer


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mixer(**options):
    """3 blocks on a grid of 2 x 3, in float64, with a head that tells classes apart and biases that are not 0."""
    torch.manual_seed(0)
    model = MlpMixer(image_size=(8, 12), patch_size=4, in_channels=1, num_classes=5, num_blocks=3, hidden_dim=8,
                     tokens_mlp_dim=7, channels_mlp_dim=9, **options).double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


def wave(grid, down, right, phase=0.3):
    """A kernel with `down` cycles over the grid's height and `right` over its width."""
    row, column = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) / n for n in grid), indexing="ij")
    return torch.cos(2 * math.pi * (down * row + right * column) + phase).flatten()


def convolution(grid, kernel):
    """The matrix [S, S] of a convolution with zero padding."""
    S, padding = grid[0] * grid[1], [side // 2 for side in kernel.shape]
    answers = conv2d(torch.eye(S, dtype=torch.float64).reshape(S, 1, *grid), kernel[None, None], padding=padding)
    return answers.flatten(1).T
