"""What analysis measures, on layers, kernels and maps whose answers are known."""

import copy
import math
import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from mixer_lib.analysis import (
    chance_share,
    convolution_share,
    frequency,
    grid_of,
    influence,
    influence_by_depth,
    logits_without,
    mixed,
    order,
    participation,
    partners,
    random_like,
    rank,
    relabeled,
    shuffled,
    spectrum,
    summarize,
    switched_off,
    tables_by_depth,
    token_map,
    twins,
)
from mixer_lib.conv import FORMS, to_conv
from mixer_lib.model import ChannelMixing, MlpMixer, TokenMixing


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def model():
    """3 blocks on a grid of 2 x 3, in float64, with a head that tells classes apart and biases that are not 0."""
    torch.manual_seed(0)
    model = MlpMixer(image_size=(8, 12), patch_size=4, in_channels=1, num_classes=5, num_blocks=3, hidden_dim=8,
                     tokens_mlp_dim=7, channels_mlp_dim=9).double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


def test_influence_of_a_linear_map_is_its_matrix():
    matrix = torch.tensor([[1.0, -2.0, 0.0], [0.0, 3.0, 0.5]])                      # 3 tokens to 2
    norms = influence(lambda x: matrix @ x, torch.randn(3, 4))
    assert torch.allclose(norms, 2 * matrix.abs())                                  # each of 4 channels: sqrt(4)
    norms = influence(lambda x: x @ matrix.mT, torch.randn(9, 3), between="channels")
    assert torch.allclose(norms, 3 * matrix.abs())                                  # each of 9 tokens


def test_who_sees_whom():
    x = torch.randn(6, 5)
    apart = ~torch.eye(6, dtype=torch.bool)
    assert (influence(ChannelMixing(5, 8), x)[apart] == 0).all()
    assert (influence(ChannelMixing(5, 8), x, between="channels") > 0).all()
    assert (influence(TokenMixing(6, 8), x) > 0).all()
    assert (influence(TokenMixing(6, 8), x, between="channels")[apart[:5, :5]] == 0).all()


def test_signs_do_not_cancel():
    """A token's channels sum to 0 after a LayerNorm; its influence is not 0 for that."""
    assert (influence(nn.LayerNorm(5), torch.randn(3, 5)).diagonal() > 0.1).all()


def test_influence_leaves_no_graph():
    norms = influence(ChannelMixing(5, 8), torch.randn(3, 5, requires_grad=True))
    assert not norms.requires_grad


def test_unknown_axis():
    with pytest.raises(ValueError, match="between is 'rows', expected"):
        influence(nn.Identity(), torch.randn(3, 5), between="rows")


def test_influence_by_depth_is_exact_with_all_directions_and_near_it_with_few(model):
    tokens = random(6, 8)
    exact = torch.stack([influence(model.blocks[:depth], tokens) for depth in range(4)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")                                              # a lesson would show them
        assert torch.allclose(influence_by_depth(model.blocks, tokens, directions=8), exact)
        few = influence_by_depth(model.blocks, tokens, directions=4)
    assert few.shape == (4, 6, 6) and not few.requires_grad
    assert torch.allclose(few[0], math.sqrt(8) * torch.eye(6, dtype=torch.float64))
    assert 0.001 < ((few - exact) / exact)[1:].abs().mean() < 0.25
    assert torch.equal(few, influence_by_depth(model.blocks, tokens, directions=4, seed=0))
    assert not torch.equal(few, influence_by_depth(model.blocks, tokens, directions=4, seed=1))


def test_grid_of(model):
    assert grid_of(model) == (2, 3)


# Kernels

def wave(grid, down, right, phase=0.3):
    """A kernel with `down` cycles over the grid's height and `right` over its width."""
    row, column = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) / n for n in grid), indexing="ij")
    return torch.cos(2 * math.pi * (down * row + right * column) + phase).flatten()


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


# Maps of places

def test_token_map_is_the_derivative_at_zero():
    mixing = TokenMixing(6, 7).double()
    nn.init.zeros_(mixing.fc1.bias)
    derivative = torch.autograd.functional.jacobian(lambda x: mixing(x[None, :, None])[0, :, 0],
                                                    torch.zeros(6, dtype=torch.float64))
    assert torch.allclose(token_map(mixing.fc1.weight, mixing.fc2.weight), derivative)


def convolution(grid, kernel):
    """The matrix [S, S] of a convolution with zero padding."""
    S, padding = grid[0] * grid[1], [side // 2 for side in kernel.shape]
    answers = conv2d(torch.eye(S, dtype=torch.float64).reshape(S, 1, *grid), kernel[None, None], padding=padding)
    return answers.flatten(1).T


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


# Controls

def test_shuffled_keeps_the_numbers_of_each_kernel():
    kernels = random(20, 16)
    moved_ = shuffled(kernels, 0)
    assert torch.equal(moved_.sort(dim=1).values, kernels.sort(dim=1).values)
    moves = shuffled(torch.arange(16.0).expand(20, 16), 0)                          # where each number comes from
    assert len({tuple(row) for row in moves.tolist()}) == 20
    assert torch.equal(moved_, kernels.gather(1, moves.long()))
    assert not torch.equal(moved_, shuffled(kernels, 1))
    assert torch.equal(shuffled(torch.stack([kernels, 2 * kernels]), 0), torch.stack([moved_, 2 * moved_]))


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


def test_summarize():
    grid = (4, 4)
    W1, W2 = convolution(grid, random(3, 3)), torch.eye(16, dtype=torch.float64)
    summary = summarize(W1, W2, grid)
    share = summary["convolution share"]
    assert share["trained"].item() == pytest.approx(1) and share["chance"] == chance_share(grid)
    assert share["relabeled"] == convolution_share(relabeled(relabeled(W1, 0).T, 0).T, grid) < 0.9
    assert summary["frequency"] == {"trained": frequency(W1, grid).mean(),
                                    "shuffled": frequency(shuffled(W1, 0), grid).mean()}
    for name, measure in (("pair correlation", partners), ("twin correlation", twins)):
        assert summary[name] == {"trained": measure(W1)[1].mean(), "shuffled": measure(shuffled(W1, 0))[1].mean(),
                                 "mixed": measure(mixed(W1, 0))[1].mean()}
    assert summary["places"] == {"trained": participation(W1).mean(),
                                 "random": participation(random_like(W1, 0)).mean(),
                                 "mixed": participation(mixed(W1, 0)).mean()}
    assert summary["rank"] == {"trained": rank(W1), "shuffled": rank(shuffled(W1, 0))}
    others = summary["share without diagonal"]
    assert others["trained"].item() == pytest.approx(1) and others["chance"] == chance_share(grid, diagonal=False)
    assert others["relabeled"] == convolution_share(relabeled(relabeled(W1, 0).T, 0).T, grid, diagonal=False)
    assert list(summary)[:4] == ["frequency", "pair correlation", "places", "convolution share"]
    slopes = random(16)
    assert (summarize(W2, W1, grid, slopes=slopes)["convolution share"]["trained"]
            == convolution_share(W1 @ torch.diag(slopes), grid) < 0.99)
    assert summarize(W1, W2, grid, seed=1)["frequency"]["shuffled"] != summary["frequency"]["shuffled"]
    along = summarize(torch.stack([random(16, 16), W1]), torch.stack([random(16, 16, seed=1), W2]), grid)
    for name, lines in along.items():
        for line, values in lines.items():
            assert values.shape == (2,)
            if line != "random":                                                    # drawn for both at once
                assert values[1].item() == pytest.approx(summary[name][line].item(), abs=1e-12)


# Parts switched off

def test_tables_by_depth(model):
    images = random(4, 1, 8, 12)
    tables = tables_by_depth(model, images)
    assert len(tables) == 4 and not tables[-1].requires_grad
    assert torch.equal(tables[0], model.patch_embedding(images))
    assert torch.allclose(tables[3], model.blocks(tables[0])) and torch.allclose(tables[1], model.blocks[0](tables[0]))


SOME_OFF = pytest.mark.parametrize("off", [
    [], [(0, "token mixing")], [(2, "channel mixing")], [(1, 3)], [(0, 0), (0, 6)],
    [(2, "token mixing"), (0, "channel mixing"), (1, 2)], [(1, "token mixing"), (1, 2)]])


def by_hand(model, tables, off):
    """`logits_without`, with each step of a block written down."""
    first = min((k for k, _ in off), default=len(model.blocks))
    x = tables[first]                                                               # [B, S, C]
    for k, block in enumerate(model.blocks[first:], start=first):
        if (k, "token mixing") not in off:
            mixing = block.token_mixing
            hidden = mixing.gelu(mixing.fc1(block.token_norm(x).mT))                # [B, C, D_S]
            hidden[..., [part for b, part in off if b == k and not isinstance(part, str)]] = 0
            x = x + mixing.fc2(hidden).mT                                           # [B, C, S] -> [B, S, C]
        if (k, "channel mixing") not in off:
            x = x + block.channel_mixing(block.channel_norm(x))
    return model.head(model.norm(x).mean(dim=1))                                    # [B, C] -> [B, K]


@torch.no_grad()
@SOME_OFF
def test_logits_without_are_those_of_each_step_by_hand(model, off):
    tables = tables_by_depth(model, random(4, 1, 8, 12))
    assert torch.equal(logits_without(model, tables, off), by_hand(model, tables, off))


@torch.no_grad()
@SOME_OFF
def test_parts_stay_off_while_the_context_lasts(model, off):
    images = random(4, 1, 8, 12)
    tables, everything, more = tables_by_depth(model, images), model(images), [(0, "channel mixing"), (1, 5)]
    expected, expected_of_both = by_hand(model, tables, off), by_hand(model, tables, [*off, *more])
    with switched_off(model, off):
        assert torch.equal(model(images), expected)
        with switched_off(model, more):
            assert torch.equal(model(images), expected_of_both)
        with switched_off(model, off):                                              # the same once more
            assert torch.equal(model(images), expected)
        assert torch.equal(model(images), expected)
    assert torch.equal(model(images), everything)
    assert not hooked(model)


def hooked(model):
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_parts_are_on_again_after_an_exception(model):
    with pytest.raises(ZeroDivisionError), switched_off(model, [(0, "token mixing"), (1, 2)]):
        assert hooked(model)
        raise ZeroDivisionError
    with pytest.raises(IndexError):
        logits_without(model, [], [(0, "token mixing")])
    with pytest.raises(ValueError), switched_off(model, [(0, "token mixing"), (9, 2)]):
        pass
    assert not hooked(model)


@torch.no_grad()
@pytest.mark.parametrize("form", FORMS)
def test_parts_of_a_relative_can_be_switched_off(form):
    """Any model will do whose blocks have token mixing and channel mixing: the convolutions of lesson 10."""
    torch.manual_seed(0)
    mixer = MlpMixer(image_size=8, patch_size=4, in_channels=1, num_classes=3, num_blocks=2, hidden_dim=4,
                     tokens_mlp_dim=5, channels_mlp_dim=6).eval()
    for parameter in mixer.parameters():
        nn.init.normal_(parameter, std=0.5)
    relative, images = to_conv(mixer, form).eval(), torch.randn(3, 1, 8, 8)
    for off in ([(0, "token mixing")], [(1, "channel mixing"), (1, "token mixing")]):
        with switched_off(mixer, off), switched_off(relative, off):
            assert torch.allclose(relative(images), mixer(images), atol=1e-5)
    assert not hooked(relative)
    with pytest.raises(ValueError, match=r'^2 cannot be switched off: expected "token mixing" or "channel mixing"$'), \
            switched_off(relative, [(0, 2)]):
        pass


@SOME_OFF
def test_logits_without_are_those_of_a_model_whose_weights_are_zero(model, off):
    images = random(4, 1, 8, 12)
    maimed = copy.deepcopy(model)
    with torch.no_grad():
        for k, part in off:
            if isinstance(part, int):
                maimed.blocks[k].token_mixing.fc2.weight[:, part] = 0
            else:
                fc2 = getattr(maimed.blocks[k], part.replace(" ", "_")).fc2
                fc2.weight.zero_()
                fc2.bias.zero_()
    logits = logits_without(model, tables_by_depth(model, images), off)
    assert torch.allclose(logits, maimed(images)) and not logits.requires_grad
    assert torch.allclose(logits, model(images)) == (not off)


def test_logits_without_leave_the_model_and_start_where_something_is_off(model):
    images = random(4, 1, 8, 12)
    before = copy.deepcopy(model.state_dict())
    tables = tables_by_depth(model, images)
    expected = logits_without(model, tables, {(1, "token mixing"), (2, 4)})
    for depth in (0, 2, 3):
        tables[depth] = tables[depth] * torch.nan                                   # not looked at
    kept = tables[1].clone()
    assert torch.equal(logits_without(model, tables, {(1, "token mixing"), (2, 4)}), expected)
    assert torch.equal(tables[1], kept) and not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not hooked(model)


@pytest.mark.parametrize("off, message", [((3, "token mixing"), "block 3 cannot be .* blocks 0 to 2"),
                                          ((-1, 2), "block -1 cannot"), ((0, "norm"), "'norm' cannot be switched off"),
                                          ((0, 7), "7 cannot be switched off: .* 0 to 6")])
def test_what_cannot_be_switched_off(model, off, message):
    with pytest.raises(ValueError, match=message):
        logits_without(model, tables_by_depth(model, random(1, 1, 8, 12)), [off])
