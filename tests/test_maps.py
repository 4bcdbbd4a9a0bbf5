"""Token mixing as a linear map of places, and the convolution in it: maps whose answers are known."""

import numpy as np
import pytest
import torch
from torch import nn

from known import convolution, random
from mixer_lib.analysis import (
    as_map,
    chance_share,
    convolution_share,
    displacement_kernel,
    reads_and_writes,
    token_map,
)
from mixer_lib.model import TokenMixing


def test_token_map_is_the_derivative_at_zero():
    mixing = TokenMixing(6, 7).double()
    nn.init.zeros_(mixing.fc1.bias)
    derivative = torch.autograd.functional.jacobian(lambda x: mixing(x[None, :, None])[0, :, 0],
                                                    torch.zeros(6, dtype=torch.float64))
    assert torch.allclose(token_map(mixing.fc1.weight, mixing.fc2.weight), derivative)


@pytest.mark.parametrize("grid, kernel", [((4, 4), (3, 3)), ((3, 5), (5, 3)), ((3, 5), (5, 9)), ((1, 6), (1, 3))])
def test_convolution_share_of_a_convolution_is_one(grid, kernel):
    matrix = convolution(grid, random(*kernel))
    assert convolution_share(matrix, grid).item() == pytest.approx(1, abs=1e-12)
    assert convolution_share(torch.stack([matrix, -2 * matrix]), grid).tolist() == pytest.approx([1, 1], abs=1e-12)
    if min(grid) > 1:
        assert convolution_share(matrix, grid[::-1] if grid[0] != grid[1] else (2, 8)) < 0.99    # of another grid


def test_convolution_share_is_that_of_the_nearest_convolution():
    """The nearest by least squares, over all convolutions of the grid."""
    grid, S = (2, 3), 6
    matrix = random(S, S)
    base = []
    for down in range(-1, 2):
        for right in range(-2, 3):
            kernel = torch.zeros(3, 5, dtype=torch.float64)
            kernel[1 + down, 2 + right] = 1
            base.append(convolution(grid, kernel).flatten())
    base = torch.stack(base, dim=1)                                                 # [S * S, displacements]
    nearest = base @ torch.linalg.lstsq(base, matrix.flatten()[:, None]).solution
    share = nearest.square().sum() / matrix.square().sum()
    assert convolution_share(matrix, grid).item() == pytest.approx(share.item(), abs=1e-12)
    assert convolution_share(torch.diag(torch.tensor([1.0, -1, 1, -1, 1, -1])), grid) == 0
    with pytest.raises(ValueError, match="a grid of 2 x 2 has 4 places, but here are 6"):
        convolution_share(matrix, (2, 2))


def test_chance_is_the_mean_share_of_all_directions():
    assert chance_share((8, 8)) == 225 / 4096
    single = torch.eye(36, dtype=torch.float64).reshape(36, 6, 6)                   # each entry of a map alone
    assert convolution_share(single, (2, 3)).mean().item() == pytest.approx(chance_share((2, 3)), abs=1e-12)


def test_token_map_with_slopes():
    W1, W2, slopes = random(2, 4, 3), random(2, 3, 4, seed=1), random(2, 4, seed=2)
    for n in range(2):
        for s in range(3):
            for t in range(3):
                expected = sum(W2[n, s, j] * slopes[n, j] * W1[n, j, t] for j in range(4))
                assert token_map(W1, W2, slopes)[n, s, t].item() == pytest.approx(expected.item())
    assert torch.allclose(token_map(W1, W2, slopes[0])[1], token_map(W1[1], W2[1], slopes[0]))
    assert torch.allclose(token_map(W1, W2), token_map(W1, W2, torch.full((4,), 0.5)))
    assert torch.allclose(token_map(W1, W2, 1), W2 @ W1)


def places(grid):
    return [(row, column) for row in range(grid[0]) for column in range(grid[1])]


@pytest.mark.parametrize("grid", [(2, 3), (4, 4), (1, 5)])
def test_displacement_kernel_is_a_mean_over_pairs(grid):
    (H, W), S = grid, grid[0] * grid[1]
    maps = random(2, S, S)
    kernels, others = displacement_kernel(maps, grid), displacement_kernel(maps, grid, diagonal=False)
    assert kernels.shape == others.shape == (2, 2 * H - 1, 2 * W - 1)
    for down in range(1 - H, H):
        for right in range(1 - W, W):
            pairs = [(s, t) for s, (row, column) in enumerate(places(grid)) for t, place in enumerate(places(grid))
                     if place == (row + down, column + right)]
            mean = sum(maps[:, s, t] for s, t in pairs) / len(pairs)
            assert torch.allclose(kernels[:, H - 1 + down, W - 1 + right], mean)
            assert torch.allclose(others[:, H - 1 + down, W - 1 + right], mean * (down != 0 or right != 0))
    with pytest.raises(ValueError, match="a grid of 7 x 7 has 49 places"):
        displacement_kernel(maps, (7, 7))


def test_displacement_kernel_of_a_convolution_is_its_kernel():
    """As torch.nn.Conv2d lays it out: not flipped, not turned."""
    conv = nn.Conv2d(1, 1, (3, 5), padding=(1, 2), bias=False).double()
    grid = (4, 6)
    matrix = torch.autograd.functional.jacobian(lambda x: conv(x.reshape(1, 1, *grid)).flatten(), random(24))
    kernel = displacement_kernel(matrix, grid)                                      # [7, 11]
    assert torch.allclose(kernel[2:5, 3:8], conv.weight[0, 0])
    assert torch.allclose(kernel.square().sum(), conv.weight.square().sum())        # 0 everywhere else


@pytest.mark.parametrize("grid", [(2, 3), (4, 4), (1, 5)])
def test_as_map_is_the_convolution(grid):
    kernels = random(3, 2 * grid[0] - 1, 2 * grid[1] - 1)
    maps = as_map(kernels, grid)
    assert torch.allclose(maps, torch.stack([convolution(grid, kernel) for kernel in kernels]))
    assert torch.allclose(displacement_kernel(maps, grid), kernels)                 # there and back
    with pytest.raises(ValueError, match=r"a kernel of \[3, 3\] does not go with a grid of 3 x 4: expected \[5, 7\]"):
        as_map(random(3, 3), (3, 4))


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_share_is_the_energy_of_the_nearest_convolution(diagonal):
    grid = (3, 4)
    maps = random(2, 12, 12)
    nearest = as_map(displacement_kernel(maps, grid, diagonal), grid)
    rest = maps - nearest
    if not diagonal:
        maps = maps * (1 - torch.eye(12))
    share = nearest.square().sum(dim=(-2, -1)) / maps.square().sum(dim=(-2, -1))
    assert torch.allclose(convolution_share(maps, grid), share)
    assert torch.allclose(convolution_share(maps, grid, diagonal), share)
    if diagonal:                    # at right angles to every other convolution, so that none comes nearer
        other = as_map(random(5, 7, seed=1), grid)
        assert torch.allclose((rest * other).sum(dim=(-2, -1)), torch.zeros(2, dtype=torch.float64), atol=1e-12)


def test_the_share_without_the_diagonal():
    grid, own = (3, 4), torch.diag(100 * random(12, seed=1))
    matrix = convolution(grid, random(3, 3))
    assert convolution_share(matrix + own, grid) < 0.5
    assert convolution_share(torch.stack([matrix + own, matrix]), grid, False).tolist() == pytest.approx([1, 1])
    assert convolution_share(own, grid, diagonal=False) == 0                        # and not 0 / 0
    assert convolution_share(torch.eye(12), grid) == 1 and convolution_share(torch.zeros(12, 12), grid) == 0


def test_chance_without_the_diagonal():
    single = torch.eye(36, dtype=torch.float64)[~torch.eye(6, dtype=torch.bool).flatten()].reshape(30, 6, 6)
    share = convolution_share(single, (2, 3), diagonal=False)
    assert share.mean().item() == pytest.approx(chance_share((2, 3), diagonal=False), abs=1e-12)
    assert chance_share((8, 8), diagonal=False) == 224 / 4032


def test_reads_and_writes():
    W1, W2 = random(2, 5, 9), random(2, 9, 5, seed=1)
    expected = [[np.corrcoef(W1[n, j], W2[n, :, j])[0, 1] for j in range(5)] for n in range(2)]
    assert np.allclose(reads_and_writes(W1, W2), expected)
    own = torch.stack([4 - 3 * W1[0, 0], W1[0, 1], torch.ones(9)], dim=1)           # the opposite, the same, flat
    assert reads_and_writes(W1[0, :3], own).tolist() == pytest.approx([-1, 1, 0], abs=1e-12)
