"""What lesson 9 says in words is true of the bundled models. (What it prints, nbval compares.)"""

import pytest
import torch

from mixer_lib.analysis import (
    chance_share,
    convolution_share,
    frequency,
    grid_of,
    mixed,
    mixing_weights,
    partners,
    rank,
    reads_and_writes,
    relabeled,
    shuffled,
    singular_pictures,
    token_map,
    twins,
)
from mixer_lib.checkpoints import WEIGHTS, load_pretrained, load_snapshots

FINE, COARSE = "cifar10-fine", "cifar10"
SEEDS = range(10)


@pytest.fixture(scope="module", params=[FINE, COARSE])
def network(request):
    """(name, W1 [L, D_S, S], W2 [L, S, D_S], grid)."""
    model, _ = load_pretrained(request.param)
    return request.param, *mixing_weights(model), grid_of(model)


def shares(W1, W2, grid, diagonal):
    return convolution_share(token_map(W1, W2), grid, diagonal)


def test_rows_are_coarse_in_one_network_only(network):
    name, W1, _, grid = network
    less = frequency(W1, grid).mean(-1) - frequency(shuffled(W1, 0), grid).mean(-1)
    if name == FINE:
        assert (less < -0.1).all() and 0.2 < frequency(W1[1], grid).mean() < 0.25
        assert frequency(W1, grid).mean(-1).argmin() == 1
    else:
        assert less.abs().max() < 0.06 and less.min() < -0.04 < 0.04 < less.max()


def test_each_block_has_a_convolution_beyond_its_controls(network):
    name, W1, W2, grid = network
    for diagonal in (True, False):
        trained = shares(W1, W2, grid, diagonal)
        for seed in SEEDS:
            lost = shares(relabeled(W1, seed), relabeled(W2.mT, seed).mT, grid, diagonal)
            assert (trained > (1.1 if diagonal else 2.5) * lost).all()
        assert (trained > 2.5 * chance_share(grid)).all()
    others = shares(W1, W2, grid, False)
    if name == FINE:
        assert others[0] > 0.5 and 0.11 < others[3] < 0.14 and (others.diff() < 0).all()
    else:
        assert others[:5].min() > 0.55 and others[:5].max() < 0.85
        assert others[5:].min() > 0.2 and others[5:].max() < 1 / 3
        assert shares(W1, W2, grid, True).min() > 0.5


def test_shares_grow_to_the_end_or_peak(network):
    name, _, _, grid = network
    steps, saved = load_snapshots(WEIGHTS / f"{name}-snapshots.safetensors")
    along = [shares(*(saved[f"blocks.{k}.token_mixing.fc{n}.weight"] for n in (1, 2)), grid, False)
             for k in range(len(saved) // 2)]
    for k in (0, 1):
        assert along[k].argmax() == len(steps) - 1
    if name == FINE:
        for k, top in ((2, 0.27), (3, 0.17)):
            peak = along[k].argmax()
            assert along[k][peak].item() == pytest.approx(top, abs=0.01) and 700 < steps[peak] < 2000
            assert along[k][-1] < 0.8 * along[k][peak]
    else:
        assert along[7][-1] == pytest.approx(0.21, abs=0.02) and along[7].max() < 0.24


def test_pairs_and_twins():
    W1 = mixing_weights(load_pretrained(FINE)[0])[0]
    opposite, twin = (closest(W1)[1].mean(-1) for closest in (partners, twins))
    mixes = [mixed(W1, seed) for seed in SEEDS]
    of_mixed = {closest: torch.stack([closest(rows)[1].mean(-1) for rows in mixes]) for closest in (partners, twins)}
    beyond = of_mixed[partners].mean(0) - opposite                          # > 0: closer than in mixed rows
    assert beyond[:2].round(decimals=2).tolist() == pytest.approx([0.04, 0.05]) and (beyond[2:] < -0.02).all()
    assert (beyond.abs() > 4 * of_mixed[partners].std(0)).all()
    assert (twin - of_mixed[twins].mean(0) > 0.01).all()
    assert ((twin + opposite)[:2].abs() < 0.03).all() and ((twin + opposite)[2:] > 0.1).all()


def test_few_shapes():
    W1 = mixing_weights(load_pretrained(FINE)[0])[0]
    assert [round(value) for value in rank(W1).tolist()] == [43, 55, 38, 11]
    energies, pictures = singular_pictures(W1[3])
    assert 0.3 < energies[:2].sum() / energies.sum() < 0.36
    grid = pictures[:2].view(2, 16, 16)
    assert (grid[0] > 0).float().mean() > 0.85                              # how much there is in all
    sides = grid[1, :, :8].mean(), grid[1, :, 8:].mean()
    assert sides[0] * sides[1] < 0                                          # left minus right
    _, saved = load_snapshots(WEIGHTS / f"{FINE}-snapshots.safetensors")
    for k, (low, moment) in enumerate([(43, 20), (46, 13), (21, 14), (6, 15)]):
        curve = rank(saved[f"blocks.{k}.token_mixing.fc1.weight"])
        assert curve[0].item() == pytest.approx(128, abs=1)
        assert curve.argmin() == moment and curve.min().item() == pytest.approx(low, abs=1)


def test_late_units_write_the_opposite_of_what_they_read():
    W1, W2 = mixing_weights(load_pretrained(COARSE)[0])
    own = reads_and_writes(W1, W2).mean(-1)
    another = reads_and_writes(W1, W2.roll(1, dims=-1)).mean(-1)
    assert (own[3:] < -0.65).all() and own[3:].mean().item() == pytest.approx(-0.75, abs=0.02)
    assert another.abs().max() < 0.05 and own[:3].min() > -0.1
