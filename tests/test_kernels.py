"""What is measured of kernels, on kernels whose answers are known."""

import math

import numpy as np
import pytest
import torch

from known import mixer, random, wave
from mixer_lib.analysis import (
    frequency,
    grid_of,
    order,
    participation,
    partners,
    rank,
    singular_pictures,
    spectrum,
    twins,
)


def test_grid_of():
    assert grid_of(mixer()) == (2, 3)


def test_spectrum_of_a_wave_is_two_peaks():
    energy = spectrum(5 + wave((6, 8), 2, -3), (6, 8))                              # a mean does not count
    assert energy.shape == (6, 8)
    peaks = {(3 + 2, 4 - 3), (3 - 2, 4 + 3)}                                        # around the middle, [3, 4]
    assert {tuple(at.tolist()) for at in (energy > 1e-9).nonzero()} == peaks
    kernels = random(2, 3, 48)
    centered = kernels - kernels.mean(dim=-1, keepdim=True)
    assert torch.allclose(spectrum(kernels, (6, 8)).sum(dim=(-2, -1)), 48 * centered.square().sum(dim=-1))
    with pytest.raises(ValueError, match="a grid of 6 x 6 has 36 places, but here are 48"):
        spectrum(kernels, (6, 6))


@pytest.mark.parametrize("grid, down, right", [((8, 8), 1, 0), ((8, 8), 3, 2), ((8, 8), 4, 4), ((4, 10), 1, 0),
                                               ((4, 10), 0, 3), ((5, 7), 2, 3), ((1, 6), 0, 2)])
def test_frequency_of_a_wave(grid, down, right):
    expected = math.hypot(down / grid[0], right / grid[1])
    assert frequency(wave(grid, down, right), grid).item() == pytest.approx(expected, abs=1e-12)
    assert frequency(7 - 3 * wave(grid, down, right), grid).item() == pytest.approx(expected, abs=1e-12)


def test_frequency_is_weighted_with_energy():
    both = wave((8, 8), 1, 0) + 2 * wave((8, 8), 0, 3)                              # 1/8 and 3/8, energies 1 and 4
    noise = random(400, 64)
    assert frequency(both, (8, 8)).item() == pytest.approx((1 * 1 / 8 + 4 * 3 / 8) / 5, abs=1e-12)
    assert frequency(noise, (8, 8)).mean().item() == pytest.approx(0.39, abs=0.01)
    for flat in (torch.zeros(64), torch.full((64,), 0.1), torch.full((64,), 1 / 3, dtype=torch.float64)):
        assert frequency(flat, (8, 8)) == 0                                         # and not that of rounding


@pytest.mark.parametrize("kernel, expected", [([0, 0, -3, 0], 1), ([2, -2, 2, 2], 4), ([1, 0, -1, 0], 2),
                                              ([2, 1, 0, 0], 25 / 17), ([0, 0, 0, 0], 0)])
def test_participation(kernel, expected):
    assert participation(torch.tensor(kernel, dtype=torch.float64)).item() == pytest.approx(expected, abs=1e-12)


def test_participation_of_random_numbers():
    assert participation(random(20, 3000)).mean().item() == pytest.approx(1000, rel=0.05)


def test_partners_are_the_closest_opposites():
    up, right = wave((4, 4), 1, 0), wave((4, 4), 0, 1)
    kernels = torch.stack([up, right, 3 - 2 * up, -right - 0.5 * up, torch.full_like(up, 9)])
    index, correlation = partners(kernels)
    assert index[:4].tolist() == [2, 3, 0, 1]                                       # the mean and the norm do not count
    almost = -1 / math.sqrt(1 + 0.25)
    assert correlation.tolist() == pytest.approx([-1, almost, -1, almost, 0], abs=1e-12)
    stacked = torch.stack([kernels, kernels.flip(0), random(5, 16)])
    assert torch.equal(partners(stacked)[1][0], correlation)
    assert torch.equal(partners(stacked)[1][2], partners(stacked[2])[1])
    alike = torch.stack([up, up, up + 0.1 * right])
    assert (partners(alike)[1] > 0.9).all() and (partners(alike)[0] != torch.arange(3)).all()
    with pytest.raises(ValueError, match="a single kernel has no partner"):
        partners(up[None])


def test_order():
    waves = [(2, 0), (1, 0), (0, 2), (1, 1), (2, 2)]
    sizes = torch.tensor([2.0, 5, 1, 4, 3], dtype=torch.float64)
    kernels = torch.stack([wave((4, 4), *cycles) for cycles in waves])
    kernels = sizes[:, None] * kernels / kernels.norm(dim=1, keepdim=True)
    assert order(kernels, (4, 4), "index").tolist() == [0, 1, 2, 3, 4]
    assert order(kernels, (4, 4), "frequency").tolist() == [1, 3, 0, 2, 4]
    assert order(kernels, (4, 4), "norm").tolist() == [1, 3, 4, 0, 2]
    with pytest.raises(ValueError, match="the order is 'size', expected one of index, frequency, norm, pairing"):
        order(kernels, (4, 4), "size")


def test_pairing_takes_the_most_opposite_first():
    a, b, c = (wave((4, 4), *cycles) for cycles in ((1, 0), (0, 1), (1, 1)))
    kernels = torch.stack([a, b, c + 3, -b + 0.2 * a, 2 * c + 0.01 * a, -a])
    assert order(kernels[[0, 1, 3, 5]], (4, 4), "pairing").tolist() == [0, 3, 1, 2]
    paired = order(kernels[:5], (4, 4), "pairing").tolist()
    assert paired[:2] == [1, 3] and sorted(paired) == [0, 1, 2, 3, 4]               # an odd one comes last
    assert sorted(order(random(32, 16), (4, 4), "pairing").tolist()) == list(range(32))


def test_twins_are_the_most_alike():
    up, right = wave((4, 4), 1, 0), wave((4, 4), 0, 1)
    index, correlation = twins(torch.stack([up, right, 3 + 2 * up, right + 0.5 * up, -up]))
    assert index[:4].tolist() == [2, 3, 0, 1]                                       # the mean and the norm do not count
    almost = 1 / math.sqrt(1 + 0.25)
    assert correlation.tolist() == pytest.approx([1, almost, 1, almost, 0], abs=1e-12)
    with pytest.raises(ValueError, match="a single kernel has no partner"):
        twins(up[None])


@pytest.mark.parametrize("measure, worst", [(partners, np.inf), (twins, -np.inf)])
def test_partners_and_twins_of_stacked_kernels(measure, worst):
    kernels = random(3, 7, 12)
    index, correlation = measure(kernels)
    for one, its_index, its_correlation in zip(kernels, index, correlation):
        expected = np.corrcoef(one.numpy())                                         # [7, 7]
        np.fill_diagonal(expected, worst)
        best = expected.min(axis=1) if worst > 0 else expected.max(axis=1)
        assert np.allclose(its_correlation, best)
        assert np.allclose(expected[range(7), its_index], best)


def test_singular_pictures():
    a, b = wave((4, 4), 1, 0), wave((4, 4), 0, 1) - 0.1                             # at right angles to each other
    units = torch.tensor([[1.0, 2], [2, -1], [0, 0]], dtype=torch.float64)          # so are its columns, of norm √5
    energies, pictures = singular_pictures(units @ torch.stack([a, 3 * b]))
    assert torch.allclose(energies, torch.stack([45 * b @ b, 5 * a @ a, torch.zeros_like(a[0])]))
    assert torch.allclose(pictures[0], -b / b.norm())                               # its mean is positive
    assert torch.allclose(pictures[1].abs(), a.abs() / a.norm())


@pytest.mark.parametrize("n, S", [(5, 12), (12, 5)])
def test_singular_pictures_are_what_kernels_are_sums_of(n, S):
    kernels = random(2, n, S)
    energies, pictures = singular_pictures(kernels)
    assert energies.shape == (2, 5) and pictures.shape == (2, 5, S)
    assert (energies.diff(dim=-1) <= 0).all() and (pictures.mean(dim=-1) >= 0).all()
    assert torch.allclose(pictures @ pictures.mT, torch.eye(5, dtype=torch.float64))
    assert torch.allclose(kernels.mT @ kernels, pictures.mT @ (energies[..., None] * pictures))


def test_rank():
    a, b = random(2, 16)
    b = b - a * (a @ b) / (a @ a)
    cases = torch.stack([torch.stack([a, 2 * a, -a, 0 * a]), torch.stack([a, b * a.norm() / b.norm(), 0 * a, 0 * a]),
                         torch.eye(16, dtype=torch.float64)[:4], torch.zeros(4, 16)])
    assert rank(cases).tolist() == pytest.approx([1, 2, 4, 0], abs=1e-12)
    kernels = random(3, 7, 12)
    assert torch.allclose(rank(kernels), participation(torch.linalg.svdvals(kernels)))
    assert rank(random(200, 300)).item() == pytest.approx(120, rel=0.02)            # 200 * 300 / (200 + 300)
