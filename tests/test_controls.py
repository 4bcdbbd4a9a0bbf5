"""What controls keep of kernels, and what they lose."""

import pytest
import torch

from known import random
from mixer_lib.analysis import mixed, partners, random_like, relabeled, same_spectrum, shuffled, token_map


def test_shuffled_keeps_the_numbers_of_each_kernel():
    kernels = random(20, 16)
    moved = shuffled(kernels, 0)
    assert torch.equal(moved.sort(dim=1).values, kernels.sort(dim=1).values)
    moves = shuffled(torch.arange(16.0).expand(20, 16), 0)                          # where each number comes from
    assert len({tuple(row) for row in moves.tolist()}) == 20
    assert torch.equal(moved, kernels.gather(1, moves.long()))
    assert not torch.equal(moved, shuffled(kernels, 1))
    assert torch.equal(shuffled(torch.stack([kernels, 2 * kernels]), 0), torch.stack([moved, 2 * moved]))


def test_relabeled_moves_all_kernels_alike():
    W1, W2 = random(7, 6), random(6, 7, seed=1)
    moved = relabeled(torch.arange(6), 3)
    assert sorted(moved.tolist()) == list(range(6)) and moved.tolist() != list(range(6))
    assert torch.equal(relabeled(W1, 3), W1[:, moved])
    there = token_map(relabeled(W1, 3), relabeled(W2.T, 3).T)
    assert torch.allclose(there, token_map(W1, W2)[moved][:, moved])                # the same map, the places renamed
    assert torch.allclose(partners(relabeled(W1, 3))[1], partners(W1)[1])


def test_random_like():
    noise = random_like(3 * random(300, 64) + 1, 0)
    assert noise.shape == (300, 64) and noise.dtype == torch.float64
    assert noise.std().item() == pytest.approx(3, rel=0.02) and abs(noise.mean()) < 0.1
    assert torch.equal(noise, random_like(3 * random(300, 64) + 1, 0)) and not torch.equal(noise, random_like(noise, 1))


def test_mixed_keeps_all_but_single_kernels():
    kernels = random(2, 7, 12)
    mixtures = mixed(kernels, 0)
    assert torch.allclose(mixtures.mT @ mixtures, kernels.mT @ kernels)
    Q = mixed(torch.eye(7, dtype=torch.float64), 0)
    assert torch.allclose(Q @ Q.T, torch.eye(7, dtype=torch.float64)) and (Q.abs() < 0.95).all()
    assert torch.allclose(mixtures, torch.stack([Q @ one for one in kernels]))      # the same for all that are stacked
    assert torch.equal(mixtures, mixed(kernels, 0)) and not torch.allclose(mixtures, mixed(kernels, 1))
    assert mixed(kernels.float(), 0).dtype == torch.float32


def test_every_mixture_is_equally_likely():
    draws = torch.stack([mixed(torch.eye(3, dtype=torch.float64), seed) for seed in range(400)])
    assert (draws.mean(dim=0).abs() < 4 * (1 / 3 / 400) ** 0.5).all()               # no sign is favored
    assert torch.allclose(draws.square().mean(dim=0), torch.full((3, 3), 1 / 3, dtype=torch.float64), atol=0.06)


@pytest.mark.parametrize("grid", [(4, 6), (5, 3)])
def test_same_spectrum_keeps_the_energy_of_each_wave(grid):
    kernels = random(2, 7, grid[0] * grid[1])
    others = same_spectrum(kernels, grid, 0)
    assert others.shape == kernels.shape and others.dtype == torch.float64
    strength, others_strength = (torch.fft.fft2(rows.unflatten(-1, grid)).abs() for rows in (kernels, others))
    assert torch.allclose(strength, others_strength)
    assert torch.equal(others, same_spectrum(kernels, grid, 0))
    assert not torch.allclose(others, same_spectrum(kernels, grid, 1))
    assert torch.allclose(others[1], same_spectrum(kernels[1], grid, 0))            # the same phases for all stacked
    with pytest.raises(ValueError, match="a grid of 2 x 2 has 4 places"):
        same_spectrum(kernels, (2, 2), 0)


def test_same_spectrum_loses_the_shape_of_each_kernel():
    kernels = random(1, 64).expand(50, 64)                                          # all alike
    moved = kernels.unflatten(-1, (8, 8)).roll((1, 2), dims=(1, 2)).flatten(1)      # the same waves, begun elsewhere
    assert torch.allclose(same_spectrum(kernels, (8, 8), 0), same_spectrum(moved, (8, 8), 0))
    correlations = torch.corrcoef(same_spectrum(kernels, (8, 8), 0))
    assert correlations.fill_diagonal_(0).abs().max() < 0.6
