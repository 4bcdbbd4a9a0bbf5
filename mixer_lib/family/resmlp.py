"""ResMLP."""

import math

import torch
from torch import nn

from .frame import AcrossTokens, FamilyConfig, LayerScale, Relative


class Affine(nn.Module):
    """One learned factor and one learned shift per channel, in place of a norm: no statistics. [B, S, C] -> same."""

    def __init__(self, dim, eps=None):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        return self.scale * x + self.shift


class ResMLP(Relative):
    """Token mixing is one linear layer; affine transforms take the place of the norms, and both parts have a
    `LayerScale`, 0.1 at first as for the paper's 12 layers. Touvron et al. 2021, "ResMLP: Feedforward networks for
    image classification with data-efficient training" (arXiv 2105.03404), section 2."""

    class Config(FamilyConfig):
        pass

    Norm = Affine

    def token_mixing(self, c):
        return AcrossTokens(math.prod(c.grid))

    def scaled(self, part):
        return LayerScale(part, self.config.hidden_dim, 0.1)
