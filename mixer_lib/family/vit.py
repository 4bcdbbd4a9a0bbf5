"""Self-attention: the Vision Transformer."""

from dataclasses import dataclass

import torch
from torch import nn

from ..model import PatchEmbedding
from .frame import FamilyConfig, Relative


class SelfAttention(nn.Module):
    """Each token takes a mean of all tokens, with weights that follow from the tokens themselves, `num_heads` times
    for C / num_heads channels each. [B, S, C] -> same."""

    def __init__(self, dim, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        B, S, C = x.shape
        qkv = self.qkv(x).view(B, S, 3, self.num_heads, C // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)                                                # [B, heads, S, C/heads]
        # Written out, since PyTorch's own attention has no forward derivative, which `influence_by_depth` needs.
        weights = (q @ k.mT * (C // self.num_heads) ** -0.5).softmax(dim=-1)                # [B, heads, S, S]
        return self.out((weights @ v).transpose(1, 2).reshape(B, S, C))

    def macs(self, shape):
        """What the two products of tokens with tokens add to the linear layers. shape: [B, S, C]."""
        B, S, C = shape
        return 2 * B * S * S * C


class PositionEmbedding(PatchEmbedding):
    """A patch embedding, and one learned vector per place, without which attention knows no places."""

    def __init__(self, image_size, patch_size, in_channels, hidden_dim):
        super().__init__(image_size, patch_size, in_channels, hidden_dim)
        self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(self.num_patches, hidden_dim), std=0.02))

    def forward(self, images):
        return super().forward(images) + self.position              # [B, S, C]


class ViT(Relative):
    """Token mixing is self-attention. Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words" (arXiv 2010.11929),
    section 3.1. Here the head reads the mean of the tokens, as in the Mixer, not a class token."""

    @dataclass(frozen=True, kw_only=True)
    class Config(FamilyConfig):
        num_heads: int = 4

        def __post_init__(self):
            super().__post_init__()
            if self.hidden_dim % self.num_heads:
                raise ValueError(f"hidden_dim is {self.hidden_dim}: expected a multiple of num_heads, "
                                 f"{self.num_heads}")

    Embedding = PositionEmbedding

    def token_mixing(self, c):
        return SelfAttention(c.hidden_dim, c.num_heads)
