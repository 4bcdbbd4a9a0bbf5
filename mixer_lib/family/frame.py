"""What the relatives share: the frame with another token mixing, and parts that more than one of them has."""

from dataclasses import dataclass

import torch
from torch import nn

from ..model import ChannelMixing, MixerBlock, MixerConfig, MlpMixer


@dataclass(frozen=True, kw_only=True)
class FamilyConfig(MixerConfig):
    """The sizes of a model without a token-mixing MLP: as in `MixerConfig`, but for tokens_mlp_dim."""

    tokens_mlp_dim: None = None


class Relative(MlpMixer):
    """An `MlpMixer` with `token_mixing` in place of its MLP across tokens, and all else the same."""

    def make_block(self, c, drop_path):
        channel_mixing = ChannelMixing(c.hidden_dim, c.channels_mlp_dim, c.dropout, c.gelu)
        return MixerBlock(c.hidden_dim, self.scaled(self.token_mixing(c)), self.scaled(channel_mixing), drop_path,
                          self.Norm)

    def token_mixing(self, c):
        """The part that mixes tokens, a module [B, S, C] -> same. c: the configuration."""
        raise NotImplementedError

    def scaled(self, part):
        """The part as it joins its residual branch: with a `LayerScale` in ResMLP and PoolFormer."""
        return part


class LayerScale(nn.Module):
    """A part whose answer is multiplied by one learned number per channel, small at first, so that a deep network
    begins near the identity (Touvron et al. 2021, arXiv 2103.17239, section 2). [B, S, C] -> same."""

    def __init__(self, part, dim, init):
        super().__init__()
        self.part, self.scale = part, nn.Parameter(torch.full((dim,), init))

    def forward(self, x):
        return self.scale * self.part(x)


class AcrossTokens(nn.Module):
    """One linear layer across the tokens, the same for every channel. [B, S, C] -> same."""

    def __init__(self, num_tokens):
        super().__init__()
        self.linear = nn.Linear(num_tokens, num_tokens)

    def forward(self, x):
        return self.linear(x.transpose(1, 2)).transpose(1, 2)      # [B, C, S] and back


class OnGrid(nn.Module):
    """A module on maps [B, C, H', W'], applied to the table of tokens. [B, S, C] -> same."""

    def __init__(self, part, grid):
        super().__init__()
        self.part, self.grid = part, grid

    def forward(self, x):
        maps = x.transpose(1, 2).unflatten(2, self.grid)            # [B, C, H', W']
        return self.part(maps).flatten(2).transpose(1, 2)           # [B, S, C]
