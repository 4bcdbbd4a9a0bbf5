"""Influence on layers whose derivatives are known."""

import pytest
import torch
from torch import nn

from mixer_lib.analysis import influence
from mixer_lib.model import ChannelMixing, TokenMixing


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
