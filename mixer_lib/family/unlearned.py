"""Token mixing with nothing to learn: FNet's Fourier transform, PoolFormer's mean, and none at all."""

import math

import torch
from torch import nn

from .frame import FamilyConfig, LayerScale, OnGrid, Relative


class Fourier(nn.Module):
    """The real part of the Fourier transform over tokens and channels, divided by sqrt(S C). [B, S, C] -> same."""

    def forward(self, x):
        if not len(x):
            return x                    # of no images MKL takes no transform; `switched_off` asks for that
        whole = x.to(torch.promote_types(x.dtype, torch.float32))      # there is no transform in bf16
        return torch.fft.fft2(whole, norm="ortho").real.to(x.dtype)

    def macs(self, shape):
        """The usual estimate for the fast transform, 5 N log2 N floating-point operations for N complex numbers."""
        B, S, C = shape
        return round(B * 2.5 * S * C * math.log2(S * C))


class FNet(Relative):
    """Token mixing is a Fourier transform, along the tokens in raster order. Lee-Thorp et al. 2021, "FNet: Mixing
    Tokens with Fourier Transforms" (arXiv 2105.03824), section 3. Their norms stand after the sums; here they stand
    where the Mixer has them, and the transform is scaled, since no norm follows it."""

    class Config(FamilyConfig):
        pass

    def token_mixing(self, c):
        return Fourier()


class Pooling(nn.AvgPool2d):
    """The mean of the 3 x 3 neighborhood, less the place itself. [B, C, H', W'] -> same."""

    def __init__(self):
        super().__init__(kernel_size=3, stride=1, padding=1, count_include_pad=False)

    def forward(self, x):
        return super().forward(x) - x


class TableNorm(nn.GroupNorm):
    """The norm over all tokens and channels of an image at once. [B, S, C] -> same."""

    def __init__(self, dim, eps):
        super().__init__(1, dim, eps)

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)   # [B, C, S] and back


class PoolFormer(Relative):
    """Token mixing is a mean over neighbors. Yu et al. 2022, "MetaFormer is Actually What You Need for Vision" (arXiv
    2111.11418), section 3, with their norm and `LayerScale`. The paper's models shrink the grid in four stages; here
    it stays, as in the Mixer."""

    class Config(FamilyConfig):
        pass

    Norm = TableNorm

    def token_mixing(self, c):
        return OnGrid(Pooling(), c.grid)

    def scaled(self, part):
        return LayerScale(part, self.config.hidden_dim, 1e-5)


class IdentityFormer(Relative):
    """No token mixing: each token adds itself. Tokens meet only where the head takes their mean. Yu et al. 2022,
    "MetaFormer Baselines for Vision" (arXiv 2210.13452), section 2."""

    class Config(FamilyConfig):
        pass

    def token_mixing(self, c):
        return nn.Identity()
