"""Parts of a model switched off or replaced, against each step written down by hand."""

import copy

import pytest
import torch
from torch import nn

from known import mixer, random
from mixer_lib.analysis import (
    ablation,
    logits_with_maps,
    logits_without,
    switched_off,
    tables_by_depth,
    token_map,
    token_mixing_means,
    unit_slopes,
)
from mixer_lib.conv import FORMS, to_conv
from mixer_lib.model import MlpMixer


@pytest.fixture
def model():
    return mixer()


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


# What a part answers instead

def answers_of(model, tables):
    """What each part answers in the network as it is, a hidden unit after its GELU."""
    answers = {}
    for k, (block, x) in enumerate(zip(model.blocks, tables)):
        mixing = block.token_mixing
        hidden = mixing.gelu(mixing.fc1(block.token_norm(x).mT))                    # [B, C, D_S]
        answers |= {(k, unit): hidden[..., unit] for unit in range(7)}
        answers[k, "token mixing"] = mixing.fc2(hidden).mT                          # [B, S, C]
        x = x + answers[k, "token mixing"]
        answers[k, "channel mixing"] = block.channel_mixing(block.channel_norm(x))
    return answers


def with_answers(model, x, given):
    """The logits from the first table x, with some answers given."""
    for k, block in enumerate(model.blocks):
        mixing = block.token_mixing
        hidden = mixing.gelu(mixing.fc1(block.token_norm(x).mT))                    # [B, C, D_S]
        for unit in range(7):
            hidden[..., unit] = given.get((k, unit), hidden[..., unit])
        x = x + given.get((k, "token mixing"), mixing.fc2(hidden).mT)
        x = x + given.get((k, "channel mixing"), block.channel_mixing(block.channel_norm(x)))
    return model.head(model.norm(x).mean(dim=1))


@torch.no_grad()
@SOME_OFF
def test_off_by_the_mean(model, off, monkeypatch):
    tables = tables_by_depth(model, random(7, 1, 8, 12))
    answers = answers_of(model, tables)
    expected = with_answers(model, tables[0], {part: answers[part].mean(dim=0) for part in off})
    assert torch.allclose(logits_without(model, tables, off, by="mean"), expected)
    monkeypatch.setattr(ablation, "AT_ONCE", 3)                                     # 3 + 3 + 1
    assert torch.allclose(logits_without(model, tables, off, by="mean"), expected)
    assert not hooked(model)


@torch.no_grad()
@SOME_OFF
@pytest.mark.parametrize("at_once", [3, 50])
def test_off_by_another_image(model, off, at_once, monkeypatch):
    """Each image has the logits that it has with the answers of some other one, all parts of the same; each image's
    answers are used once."""
    monkeypatch.setattr(ablation, "AT_ONCE", at_once)
    B = 7
    tables = tables_by_depth(model, random(B, 1, 8, 12))
    answers, images = answers_of(model, tables), torch.arange(B)
    pairs = torch.stack([with_answers(model, tables[0], {part: answers[part][(images + step) % B] for part in off})
                         for step in range(B)])                                     # [B steps, B images, K]
    order = {}
    for seed in range(3):
        logits = logits_without(model, tables, off, by="another image", seed=seed)
        same = (pairs - logits).abs().amax(dim=-1) < 1e-9                           # [B steps, B images]
        if not off:
            assert same.all()
            continue
        assert (same.sum(dim=0) == 1).all() and not same[0].any()
        others = (same.int().argmax(dim=0) + images) % B
        assert sorted(others.tolist()) == list(range(B))
        order[tuple(others.tolist())] = seed
        assert torch.equal(logits, logits_without(model, tables, off, by="another image", seed=seed))
    assert len(order) == (3 if off else 0)                                          # each seed draws its own
    assert not hooked(model)


def test_all_images_look_at_another_one():
    """No one at itself, in none of 200 draws, and everyone at everyone else as often."""
    draws = torch.stack([ablation._others(4, seed) for seed in range(200)])
    assert not (draws == torch.arange(4)).any()
    assert all(abs((draws[:, i] == j).double().mean() - 1 / 3) < 0.13 for i in range(4) for j in range(4) if i != j)


def test_unknown_ways(model):
    tables = tables_by_depth(model, random(1, 1, 8, 12))
    with pytest.raises(ValueError, match="by is 'noise', expected one of 'zero', 'mean', 'another image'"):
        logits_without(model, tables, [(0, "token mixing")], by="noise")
    with pytest.raises(ValueError, match="a single image cannot get the answer of another image"):
        logits_without(model, tables, [(0, "token mixing")], by="another image")
    for by in ("mean", "another image"):
        with pytest.raises(ValueError, match="block 3 cannot be switched off"):
            logits_without(model, tables, [(3, 0)], by=by)


# Linear maps

def test_what_comes_before_is_not_computed_again(model):
    tables, off = tables_by_depth(model, random(3, 1, 8, 12)), [(1, "channel mixing"), (2, 4)]

    def all_of_them():
        return [*(logits_without(model, tables, off, by) for by in ablation.BY),
                logits_with_maps(model, tables, {2: torch.eye(6), 1: torch.eye(6)})]

    expected = all_of_them()
    tables[0], tables[3] = tables[0] * torch.nan, tables[3] * torch.nan             # not looked at
    assert all(torch.equal(*pair) for pair in zip(all_of_them(), expected, strict=True))


@torch.no_grad()
def test_a_map_of_zeros_is_off_by_the_mean(model):
    tables, zeros = tables_by_depth(model, random(7, 1, 8, 12)), torch.zeros(6, 6)
    for blocks in ([0], [1], [0, 2], [2, 1]):
        expected = logits_without(model, tables, [(k, "token mixing") for k in blocks], by="mean")
        assert torch.equal(logits_with_maps(model, tables, dict.fromkeys(blocks, zeros)), expected)
    assert torch.equal(logits_with_maps(model, tables, {}), logits_without(model, tables))


def test_the_token_map_of_a_linear_network_changes_nothing(model):
    """Without its GELU, token mixing is its mean answer + map (x - mean x)."""
    for block in model.blocks:
        block.token_mixing.gelu = nn.Identity()
    images = random(7, 1, 8, 12)
    tables = tables_by_depth(model, images)
    maps = {k: token_map(block.token_mixing.fc1.weight, block.token_mixing.fc2.weight, slopes)
            for k, (block, slopes) in enumerate(zip(model.blocks, unit_slopes(model, tables)))}
    for blocks in ([0], [2], [0, 1, 2]):
        logits = logits_with_maps(model, tables, {k: maps[k] for k in blocks})
        assert torch.allclose(logits, model(images)) and not logits.requires_grad
        assert not torch.allclose(logits_with_maps(model, tables, {k: maps[k].T for k in blocks}), logits, rtol=0.01)


@torch.no_grad()
@pytest.mark.parametrize("at_once", [3, 50])
def test_maps_by_hand(model, at_once, monkeypatch):
    monkeypatch.setattr(ablation, "AT_ONCE", at_once)
    tables, maps = tables_by_depth(model, random(7, 1, 8, 12)), {0: random(6, 6), 2: random(6, 6, seed=1)}
    answers, x = answers_of(model, tables), tables[0]
    for k, block in enumerate(model.blocks):
        mixed = block.token_mixing(block.token_norm(x))
        if k in maps:
            away = block.token_norm(x) - block.token_norm(tables[k]).mean(dim=0)    # [B, S, C], from the clean mean
            mixed = answers[k, "token mixing"].mean(dim=0) + torch.einsum("st,btc->bsc", maps[k], away)
        x = x + mixed
        x = x + block.channel_mixing(block.channel_norm(x))
    assert torch.allclose(logits_with_maps(model, tables, maps), model.head(model.norm(x).mean(dim=1)))
    assert not hooked(model)


@torch.no_grad()
def test_means_are_computed_once_for_many_maps(model, monkeypatch):
    tables, maps = tables_by_depth(model, random(7, 1, 8, 12)), {0: random(6, 6), 2: random(6, 6, seed=1)}
    expected, means = logits_with_maps(model, tables, maps), token_mixing_means(model, tables)
    for k, (block, (read, answer)) in enumerate(zip(model.blocks, means, strict=True)):
        assert torch.allclose(read, block.token_norm(tables[k]).mean(dim=0, keepdim=True))
        assert torch.allclose(answer, answers_of(model, tables)[k, "token mixing"].mean(dim=0, keepdim=True))
    monkeypatch.setattr(ablation, "_mean", None)        # not again
    assert torch.equal(logits_with_maps(model, tables, maps, means), expected)


@pytest.mark.parametrize("maps, message", [
    ({0: torch.eye(6), 1: torch.eye(5)}, r"the map of block 1 has the shape \[5, 5\], expected \[6, 6\]"),
    ({0: torch.eye(6), 3: torch.eye(6)}, "block 3 cannot be switched off: there are blocks 0 to 2")])
def test_maps_that_do_not_fit(model, maps, message):
    with pytest.raises(ValueError, match=message):
        logits_with_maps(model, tables_by_depth(model, random(2, 1, 8, 12)), maps)
    assert not hooked(model)
