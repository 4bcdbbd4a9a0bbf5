"""MLP-Mixer, in the order in which an image meets it.

Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021 (arXiv 2105.01601v4),
section 2 and Figure 1. Letters in the shape comments:

    B images in a batch      S patches, also called tokens     D_S hidden units of a token-mixing MLP
    H, W image height, width C hidden_dim, channels a token    D_C hidden units of a channel-mixing MLP
    P patch side             D = in_channels * P * P           K classes
"""

import torch
from torch import nn


def patchify(images, patch_size):
    """Cut images into a table of patches, one row a patch.

    images: [B, in_channels, H, W]; patch_size: P, or (height, width). Returns [B, S, D]: the patches in raster
    order (left to right, then down), each laid out as (channel, row, column), the order of a Conv2d kernel.
    Raises ValueError if the patches do not tile the image.
    """
    B, C_in, H, W = images.shape
    P_h, P_w = pair("patch_size", patch_size)
    if H % P_h or W % P_w:
        raise ValueError(f"patches of {P_h}x{P_w} pixels do not tile an image of {H}x{W}: "
                         f"choose a patch_size that divides the image's height and width")
    x = images.reshape(B, C_in, H // P_h, P_h, W // P_w, P_w)
    x = x.permute(0, 2, 4, 1, 3, 5)                                # [B, H/P, W/P, C_in, P, P]
    return x.reshape(B, (H // P_h) * (W // P_w), C_in * P_h * P_w)   # [B, S, D]


def unpatchify(patches, patch_size, image_size):
    """Lay the rows of a patch table back into images: the inverse of `patchify`.

    patches: [B, S, D]; patch_size and image_size: an int, or (height, width). Returns [B, in_channels, H, W].
    Raises ValueError if S or D does not fit the sizes.
    """
    B, S, D = patches.shape
    P_h, P_w = pair("patch_size", patch_size)
    H, W = pair("image_size", image_size)
    if S * P_h * P_w != H * W or H % P_h or D % (P_h * P_w):
        raise ValueError(f"a table of {S} patches with {D} numbers each does not fill an image of {H}x{W} "
                         f"with patches of {P_h}x{P_w}")
    x = patches.reshape(B, H // P_h, W // P_w, D // (P_h * P_w), P_h, P_w)
    x = x.permute(0, 3, 1, 4, 2, 5)                                # [B, C_in, H/P, P, W/P, P]
    return x.reshape(B, D // (P_h * P_w), H, W)


class PatchEmbedding(nn.Module):
    """One linear layer, shared by all patches: [B, in_channels, H, W] -> [B, S, C]."""

    def __init__(self, image_size, patch_size, in_channels, hidden_dim):
        super().__init__()
        self.image_size = pair("image_size", image_size)
        self.patch_size = pair("patch_size", patch_size)
        self.in_channels = in_channels
        (H, W), (P_h, P_w) = self.image_size, self.patch_size
        if H % P_h or W % P_w:
            raise ValueError(f"patch_size {P_h}x{P_w} does not divide image_size {H}x{W}: "
                             f"each side of the image must be a multiple of the patch's")
        self.num_patches = (H // P_h) * (W // P_w)
        self.linear = nn.Linear(in_channels * P_h * P_w, hidden_dim)

    def forward(self, images):
        if images.ndim != 4 or images.shape[1:] != (self.in_channels, *self.image_size):
            H, W = self.image_size
            raise ValueError(f"this model takes images of shape [B, {self.in_channels}, {H}, {W}], "
                             f"got {list(images.shape)}")
        return self.linear(patchify(images, self.patch_size))     # [B, S, D] -> [B, S, C]


class MlpBlock(nn.Module):
    """Linear, GELU, Linear on the last axis: [..., dim] -> [..., mlp_dim] -> [..., dim]."""

    def __init__(self, dim, mlp_dim, dropout=0.0, gelu="none"):
        super().__init__()
        self.fc1 = nn.Linear(dim, mlp_dim)
        self.gelu = nn.GELU(approximate=gelu)
        self.fc2 = nn.Linear(mlp_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.dropout(self.gelu(self.fc1(x)))
        return self.dropout(self.fc2(x))


class ChannelMixing(MlpBlock):
    """The MLP on each token's C channels, the same for every token: fc1 is C -> D_C. [B, S, C] -> [B, S, C]."""


class TokenMixing(MlpBlock):
    """The MLP on each channel's S tokens, the same for every channel: fc1 is S -> D_S. [B, S, C] -> [B, S, C]."""

    def forward(self, x):
        x = x.transpose(1, 2)               # [B, C, S]
        x = super().forward(x)              # [B, C, S] -> [B, C, D_S] -> [B, C, S]
        return x.transpose(1, 2)            # [B, S, C]


class MixerBlock(nn.Module):
    """Mix the tokens, then the channels, each on a residual branch (equation 1 of the paper). [B, S, C] -> same."""

    def __init__(self, num_patches, hidden_dim, tokens_mlp_dim, channels_mlp_dim,
                 dropout=0.0, drop_path=0.0, gelu="none"):
        super().__init__()
        self.token_norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.token_mixing = TokenMixing(num_patches, tokens_mlp_dim, dropout, gelu)
        self.channel_norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.channel_mixing = ChannelMixing(hidden_dim, channels_mlp_dim, dropout, gelu)
        self.drop_path = DropPath(drop_path)

    def forward(self, x):
        x = x + self.drop_path(self.token_mixing(self.token_norm(x)))
        x = x + self.drop_path(self.channel_mixing(self.channel_norm(x)))
        return x


class DropPath(nn.Module):
    """Stochastic depth: in training, zero a residual branch for a random share `rate` of the images, and scale
    up the rest so that the mean stays (Huang et al. 2016). [B, ...] -> same."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate    # [B, 1, 1]
        return x * keep / (1 - self.rate)


class MlpMixer(nn.Module):
    """The whole classifier: images [B, in_channels, H, W] -> logits [B, K].

    image_size, patch_size: an int, or (height, width), in pixels; the patch must divide the image.
    num_classes: K; with 0 there is no head, and the output is the pooled features [B, C].
    dropout: after each linear layer of an MLP. drop_path: stochastic depth of the last block; it grows linearly
    from 0 at the first. gelu: "none" for the exact GELU, "tanh" for the approximation that the official code and
    so its released weights use. Raises ValueError for a size or rate that makes no model.
    """

    def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
                 tokens_mlp_dim, channels_mlp_dim, dropout=0.0, drop_path=0.0, gelu="none"):
        super().__init__()
        # Kept so that a checkpoint can say how to build the model again.
        self.config = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        _check_config(self.config)
        self.patch_embedding = PatchEmbedding(image_size, patch_size, in_channels, hidden_dim)
        self.blocks = nn.Sequential(*[
            MixerBlock(self.patch_embedding.num_patches, hidden_dim, tokens_mlp_dim, channels_mlp_dim,
                       dropout, drop_path * i / max(num_blocks - 1, 1), gelu)
            for i in range(num_blocks)])
        self.norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.head = nn.Linear(hidden_dim, num_classes) if num_classes else nn.Identity()
        self.reset_parameters()

    def forward(self, images):
        x = self.patch_embedding(images)    # [B, S, C]
        x = self.blocks(x)                  # [B, S, C]
        x = self.norm(x)                    # [B, S, C]
        x = x.mean(dim=1)                   # [B, C]
        return self.head(x)                 # [B, K]

    @torch.no_grad()
    def reset_parameters(self):
        """Draw the weights as the official code does: truncated normal of variance 1/fan_in, zero biases, and a
        zero head, so that the untrained model gives every class the same probability."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # 0.8796 is the standard deviation of a unit normal cut off at two standard deviations.
                std = module.in_features ** -0.5 / 0.87962566
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
                nn.init.zeros_(module.bias)
        if isinstance(self.head, nn.Linear):
            nn.init.zeros_(self.head.weight)


def pair(name, value):
    """An int, or a pair of them, as (height, width)."""
    sides = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(sides) != 2 or any(not isinstance(n, int) or n < 1 for n in sides):
        raise ValueError(f"{name} is {value!r}: expected a positive whole number or a pair (height, width) of them")
    return sides


def _check_config(config):
    for name in ("in_channels", "num_classes", "num_blocks", "hidden_dim", "tokens_mlp_dim", "channels_mlp_dim"):
        least = 0 if name == "num_classes" else 1
        if not isinstance(config[name], int) or config[name] < least:
            raise ValueError(f"{name} is {config[name]!r}: expected a whole number of at least {least}")
    for name in ("dropout", "drop_path"):
        if not 0 <= config[name] < 1:
            raise ValueError(f"{name} is {config[name]!r}: expected a rate from 0 up to, not including, 1")
    if config["gelu"] not in ("none", "tanh"):
        raise ValueError(f"gelu is {config['gelu']!r}: expected 'none' (exact) or 'tanh'")
