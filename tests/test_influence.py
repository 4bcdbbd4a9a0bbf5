"""How tokens and channels move each other: layers whose answers are known."""

import math
import sys
import warnings

import pytest
import torch
from torch import nn

from known import mixer, random
from mixer_lib.analysis import influence, influence_by_depth, tables_by_depth
from mixer_lib.model import ChannelMixing, TokenMixing

influences = sys.modules[influence.__module__]          # the function has the name of its file


@pytest.fixture
def model():
    return mixer()


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


def test_tables_by_depth(model):
    images = random(4, 1, 8, 12)
    tables = tables_by_depth(model, images)
    assert len(tables) == 4 and not tables[-1].requires_grad
    assert torch.equal(tables[0], model.patch_embedding(images))
    assert torch.allclose(tables[3], model.blocks(tables[0])) and torch.allclose(tables[1], model.blocks[0](tables[0]))


@torch.no_grad()
def test_tables_of_many_images_are_those_of_each(model, monkeypatch):
    images = random(7, 1, 8, 12)
    expected = [torch.cat(tables) for tables in zip(*(tables_by_depth(model, image[None]) for image in images))]
    monkeypatch.setattr(influences, "AT_ONCE", 3)                                   # 3 + 3 + 1
    assert all(torch.allclose(*pair) for pair in zip(tables_by_depth(model, images), expected, strict=True))
    assert [table.shape for table in tables_by_depth(model, images[:0])] == 4 * [(0, 6, 8)]
