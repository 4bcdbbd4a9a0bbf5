"""What hidden units answer to images: their slopes, and the images they answer to the most."""

import pytest
import torch

from known import mixer, random
from mixer_lib import create_model
from mixer_lib.analysis import tables_by_depth, token_map, top_answers, unit_slopes, units


def models():
    return [pytest.param(mixer(gelu=gelu), id=gelu) for gelu in ("none", "tanh")]


@pytest.mark.parametrize("model", models())
def test_unit_slopes_make_the_mean_derivative(model):
    """Of token mixing, over images and channels, which autograd takes through the layer as it is."""
    tables = tables_by_depth(model, random(3, 1, 8, 12))
    slopes = unit_slopes(model, tables)
    assert len(slopes) == 3
    for block, table, its_slopes in zip(model.blocks, tables, slopes):
        mixing, x = block.token_mixing, block.token_norm(table).detach()                # [B, S, C]

        def mean_answer(push, mixing=mixing, x=x):
            """[S], to tables in which every channel of every image is pushed alike."""
            return mixing(x + push[:, None]).mean(dim=(0, 2))

        mean = torch.func.jacrev(mean_answer)(torch.zeros(6, dtype=torch.float64))      # [S, S]
        got = token_map(mixing.fc1.weight, mixing.fc2.weight, its_slopes)
        assert its_slopes.shape == (7,) and torch.allclose(got, mean)


@torch.no_grad()
def test_unit_slopes_are_differences_of_the_gelu():
    model = mixer(gelu="tanh")
    tables, small = tables_by_depth(model, random(3, 1, 8, 12)), 1e-6
    block = model.blocks[2]
    gelu, before = block.token_mixing.gelu, block.token_mixing.fc1(block.token_norm(tables[2]).mT)      # [B, C, D_S]
    slopes = (gelu(before + small) - gelu(before - small)) / (2 * small)
    assert torch.allclose(unit_slopes(model, tables)[2], slopes.mean(dim=(0, 1)))


@torch.no_grad()
def test_many_images_are_read_in_turns(monkeypatch):
    model = mixer()
    tables = tables_by_depth(model, random(7, 1, 8, 12))
    slopes, top = unit_slopes(model, tables), top_answers(model, tables, 1, 3, 5)
    monkeypatch.setattr(units, "AT_ONCE", 3)                                        # 3 + 3 + 1
    assert all(torch.allclose(*pair) for pair in zip(unit_slopes(model, tables), slopes, strict=True))
    for got, expected in zip(top_answers(model, tables, 1, 3, 5), top, strict=True):
        assert torch.allclose(got, expected)


@torch.no_grad()
@pytest.mark.parametrize("unit", range(7))
def test_top_answers(unit):
    model = mixer()
    tables = tables_by_depth(model, random(5, 1, 8, 12))
    block, found = model.blocks[1], []
    for image, table in enumerate(block.token_norm(tables[1])):
        weights, bias = block.token_mixing.fc1.weight[unit], block.token_mixing.fc1.bias[unit]
        found.append(max((sum(weights[s] * table[s, c] for s in range(6)).item() + bias.item(), image, c)
                         for c in range(8)))
    found = sorted(found, reverse=True)
    image, channel, answer = top_answers(model, tables, 1, unit, 3)
    assert answer.tolist() == pytest.approx([value for value, _, _ in found[:3]])
    assert list(zip(image.tolist(), channel.tolist())) == [(image, channel) for _, image, channel in found[:3]]
    assert sorted(top_answers(model, tables, 1, unit, 5)[0].tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("block, unit, count, message", [
    (3, 0, 2, "block 3 has no unit 0: expected a block from 0 to 2 and a unit from 0 to 6"),
    (-1, 0, 2, "block -1 has no unit 0"), (0, 7, 2, "block 0 has no unit 7"), (0, -1, 2, "block 0 has no unit -1"),
    (0, 0, 3, "count is 3, expected 1 to 2: there is one answer per image"), (0, 0, 0, "count is 0, expected 1 to 2")])
def test_top_answers_that_there_are_not(block, unit, count, message):
    model = mixer()
    with pytest.raises(ValueError, match=message):
        top_answers(model, tables_by_depth(model, random(2, 1, 8, 12)), block, unit, count)


@pytest.mark.parametrize("name", ["vit-cifar10", "gmlp-cifar10", "convmixer-cifar10", "identity-cifar10"])
def test_models_without_hidden_units_are_refused(name):
    model = create_model(name, num_blocks=1, hidden_dim=8).eval()
    tables = tables_by_depth(model, random(2, 3, 32, 32).float())
    for ask in (lambda: unit_slopes(model, tables), lambda: top_answers(model, tables, 0, 0, 1)):
        with pytest.raises(ValueError, match=r"token mixing of block 0 is .*expected a model with an MLP there"):
            ask()
