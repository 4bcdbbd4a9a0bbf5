"""ConvMixer."""

from dataclasses import dataclass

from torch import nn

from ..model import DropPath, MlpMixer, PatchEmbedding
from .frame import FamilyConfig, OnGrid


class TableBatchNorm(nn.BatchNorm1d):
    """Batch norm of each channel over all tokens of all images. [B, S, C] -> same."""

    def forward(self, x):
        return super().forward(x.flatten(0, 1)).view_as(x)          # [B*S, C] and back


class ConvEmbedding(PatchEmbedding):
    """A patch embedding with GELU and batch norm behind it."""

    def __init__(self, image_size, patch_size, in_channels, hidden_dim):
        super().__init__(image_size, patch_size, in_channels, hidden_dim)
        self.gelu, self.norm = nn.GELU(), TableBatchNorm(hidden_dim)

    def forward(self, images):
        return self.norm(self.gelu(super().forward(images)))        # [B, S, C]


class ConvMixerBlock(nn.Module):
    """Token mixing on a residual branch, then channel mixing without one; GELU and a norm after each.
    [B, S, C] -> same."""

    def __init__(self, hidden_dim, token_mixing, drop_path, gelu):
        super().__init__()
        self.token_mixing, self.token_norm = token_mixing, TableBatchNorm(hidden_dim)
        self.channel_mixing, self.channel_norm = nn.Linear(hidden_dim, hidden_dim), TableBatchNorm(hidden_dim)
        self.gelu, self.drop_path = nn.GELU(approximate=gelu), DropPath(drop_path)

    def forward(self, x):
        x = x + self.drop_path(self.token_norm(self.gelu(self.token_mixing(x))))
        return self.channel_norm(self.gelu(self.channel_mixing(x)))


class ConvMixer(MlpMixer):
    """Token mixing is a depth-wise convolution, channel mixing one linear layer, the norms are batch norms. Trockman
    and Kolter 2022, "Patches Are All You Need?" (arXiv 2201.09792), section 2 and Figure 2."""

    @dataclass(frozen=True, kw_only=True)
    class Config(FamilyConfig):
        channels_mlp_dim: None = None
        dropout: None = None
        kernel_size: int = 5            # side of the kernels, in patches

    Embedding, Norm = ConvEmbedding, nn.Identity

    def make_block(self, c, drop_path):
        depthwise = nn.Conv2d(c.hidden_dim, c.hidden_dim, c.kernel_size, padding="same", groups=c.hidden_dim)
        return ConvMixerBlock(c.hidden_dim, OnGrid(depthwise, c.grid), drop_path, c.gelu)
