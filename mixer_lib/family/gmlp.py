"""gMLP."""

import math

import torch
from torch import nn

from ..model import DropPath, MlpMixer
from .frame import AcrossTokens, FamilyConfig


class SpatialGatingUnit(AcrossTokens):
    """Halve the channels; the second half, mixed across the tokens, multiplies the first. [B, S, D] -> [B, S, D/2]."""

    def __init__(self, num_tokens, dim):
        super().__init__(num_tokens)
        self.norm = nn.LayerNorm(dim // 2)

    def forward(self, x):
        u, v = x.chunk(2, dim=-1)                                   # [B, S, D/2] each
        return u * super().forward(self.norm(v))


class GatedMlp(nn.Module):
    """Linear, GELU, `SpatialGatingUnit`, Linear: [B, S, C] -> [B, S, D_C] -> [B, S, D_C/2] -> [B, S, C]."""

    def __init__(self, num_tokens, dim, mlp_dim, dropout, gelu):
        super().__init__()
        self.fc1 = nn.Linear(dim, mlp_dim)
        self.gelu = nn.GELU(approximate=gelu)
        self.gate = SpatialGatingUnit(num_tokens, mlp_dim)
        self.fc2 = nn.Linear(mlp_dim // 2, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.dropout(self.gelu(self.fc1(x)))
        return self.dropout(self.fc2(self.gate(x)))


class GatedBlock(nn.Module):
    """One residual branch, in which channels and tokens are mixed together. [B, S, C] -> same."""

    def __init__(self, hidden_dim, gated_mlp, drop_path=0.0):
        super().__init__()
        self.channel_norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.channel_mixing = gated_mlp
        self.drop_path = DropPath(drop_path)

    @property
    def token_mixing(self):
        """The gate: the only part in which tokens meet."""
        return self.channel_mixing.gate

    def forward(self, x):
        return x + self.drop_path(self.channel_mixing(self.channel_norm(x)))


class GMLP(MlpMixer):
    """One gated MLP per block. The gate is 1 everywhere at first. Liu et al. 2021, "Pay Attention to MLPs" (arXiv
    2105.08050), section 2 and Figure 1. channels_mlp_dim is their d_ffn; it must be even."""

    class Config(FamilyConfig):
        def __post_init__(self):
            super().__post_init__()
            if self.channels_mlp_dim % 2:
                raise ValueError(f"channels_mlp_dim is {self.channels_mlp_dim}: expected an even number, since the "
                                 f"gate halves it")

    def make_block(self, c, drop_path):
        return GatedBlock(c.hidden_dim, GatedMlp(math.prod(c.grid), c.hidden_dim, c.channels_mlp_dim, c.dropout,
                                                 c.gelu), drop_path)

    @torch.no_grad()
    def reset_parameters(self):
        super().reset_parameters()
        for block in self.blocks:
            nn.init.normal_(block.token_mixing.linear.weight, std=1e-6)
            nn.init.ones_(block.token_mixing.linear.bias)
