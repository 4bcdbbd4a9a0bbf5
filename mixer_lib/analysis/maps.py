"""Token mixing as one linear map of places, and how much of it is a convolution."""

import torch

from .kernels import checked


def token_map(W1, W2):
    """Token mixing as one linear map of places, W2 diag(1/2) W1: [..., S, S], of W1 [..., D_S, S] and W2 [..., S, D_S].

    The slope of the GELU at 0 is 1/2, so this is how the layer answers to small tokens, its biases left out. Of what a
    layer does to real tokens it is a sketch: there, each unit has a slope of its own."""
    return W2 @ W1 / 2


def convolution_share(maps, grid):
    """The share of the energy (the sum of the squares) of linear maps [..., S, S] that a convolution over the grid
    with zero padding can have: [...], from 0 to 1.

    In such a matrix, doubly block Toeplitz, [s, t] depends only on how far down and to the right t is from s. The
    convolution nearest to a map has the means over all pairs of places of one displacement. Chance: `chance_share`."""
    H, W = checked(grid, maps.shape[-1])
    place = torch.arange(H * W, device=maps.device)
    row, column = place // W, place % W
    down, right = row - row[:, None] + H - 1, column - column[:, None] + W - 1      # [S, S], from 0
    displacement = (down * (2 * W - 1) + right).flatten()                           # [S * S]
    pairs = displacement.bincount()                                                 # [(2 H' - 1)(2 W' - 1)]
    sums = maps.new_zeros(*maps.shape[:-2], len(pairs)).index_add(-1, displacement, maps.flatten(-2))
    return (sums.square() / pairs).sum(dim=-1) / maps.square().sum(dim=(-2, -1))


def chance_share(grid):
    """The `convolution_share` of random numbers: (2H' - 1)(2W' - 1) free weights of S²."""
    H, W = grid
    return (2 * H - 1) * (2 * W - 1) / (H * W) ** 2
