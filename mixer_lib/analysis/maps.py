"""Token mixing as one linear map of places, the convolution in it, and whether it writes what it reads."""

import torch
from torch.nn.functional import normalize

from .kernels import centered, checked


def token_map(W1, W2, slopes=0.5):
    """Token mixing as one linear map of places, W2 diag(slopes) W1: [..., S, S], of W1 [..., D_S, S], W2 [..., S, D_S].

    Row s says what place s takes from each place. slopes: of the GELU, for each unit, [..., D_S], as `unit_slopes`
    measures them, or one number. 1/2 is the slope at 0: how the layer answers to small tokens, its biases left out."""
    slopes = torch.as_tensor(slopes, dtype=W1.dtype, device=W1.device)
    return W2 @ (slopes[..., None] * W1)


def displacement_kernel(maps, grid, diagonal=True):
    """The mean of linear maps [..., S, S] over all pairs of places with one displacement: [..., 2H' - 1, 2W' - 1].

    Entry [H' - 1 + d, W' - 1 + r] is what a place takes, on average, from the place d rows down and r columns to the
    right. It is the kernel of the convolution, with zero padding, that comes nearest to the map. With diagonal=False
    what a place takes from itself is 0. Raises ValueError for a grid that the maps do not fill."""
    H, W = checked(grid, maps.shape[-1])
    displacement, pairs = _displacements(grid, maps.device)
    means = _sums(maps, displacement, pairs) / pairs                                # [..., (2H' - 1)(2W' - 1)]
    if not diagonal:
        means[..., (H - 1) * (2 * W - 1) + W - 1] = 0
    return means.unflatten(-1, (2 * H - 1, 2 * W - 1))


def as_map(kernels, grid):
    """The linear map [..., S, S] of a convolution with zero padding, of kernels [..., 2H' - 1, 2W' - 1] as
    `displacement_kernel` gives them. Of the kernel of a map it makes the convolution nearest to that map. Raises
    ValueError for a kernel of another size."""
    H, W = grid
    if kernels.shape[-2:] != (2 * H - 1, 2 * W - 1):
        raise ValueError(f"a kernel of {list(kernels.shape[-2:])} does not go with a grid of {H} x {W}: expected "
                         f"{[2 * H - 1, 2 * W - 1]}, as displacement_kernel gives it")
    displacement, _ = _displacements(grid, kernels.device)
    return kernels.flatten(-2)[..., displacement]


def convolution_share(maps, grid, diagonal=True):
    """The share of the energy (the sum of the squares) of linear maps [..., S, S] that a convolution over the grid
    with zero padding can have: [...], from 0 to 1.

    In such a matrix, doubly block Toeplitz, [s, t] depends only on how far down and to the right t is from s. With
    diagonal=False, what places take from themselves is left out, of the map and of the convolution: that part needs no
    neighbors. Chance: `chance_share`. Raises ValueError for a grid that the maps do not fill."""
    H, W = checked(grid, maps.shape[-1])
    displacement, pairs = _displacements(grid, maps.device)
    if not diagonal:
        maps = maps.masked_fill(torch.eye(H * W, dtype=torch.bool, device=maps.device), 0)
    energy = _sums(maps, displacement, pairs).square() / pairs                      # [..., (2H' - 1)(2W' - 1)]
    return (energy.sum(dim=-1) / maps.square().sum(dim=(-2, -1))).nan_to_num(0.0)


def chance_share(grid, diagonal=True):
    """The `convolution_share` of random numbers: (2H' - 1)(2W' - 1) free weights of S², less 1 and S without the
    diagonal."""
    H, W = grid
    left_out = 0 if diagonal else 1
    return ((2 * H - 1) * (2 * W - 1) - left_out) / ((H * W) ** 2 - left_out * H * W)


def reads_and_writes(W1, W2):
    """The correlation of what each hidden unit reads, its row of W1 [..., D_S, S], with what it writes, its column of
    W2 [..., S, D_S]: [..., D_S], the cosine of the two minus their means. At -1 a unit writes the opposite of what it
    reads."""
    read, write = (normalize(centered(rows), dim=-1) for rows in (W1, W2.mT))
    return (read * write).sum(dim=-1)


def _displacements(grid, device):
    """(the number of the displacement from s to t, from 0, [S, S]; the pairs with each, [(2H' - 1)(2W' - 1)])."""
    H, W = grid
    place = torch.arange(H * W, device=device)
    row, column = place // W, place % W
    down, right = row - row[:, None] + H - 1, column - column[:, None] + W - 1      # [S, S], from 0
    displacement = down * (2 * W - 1) + right
    return displacement, displacement.flatten().bincount()


def _sums(maps, displacement, pairs):
    return maps.new_zeros(*maps.shape[:-2], len(pairs)).index_add(-1, displacement.flatten(), maps.flatten(-2))
