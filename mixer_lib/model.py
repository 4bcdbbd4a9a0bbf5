"""MLP-Mixer, in the order in which an image meets it.

Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021 (arXiv 2105.01601v4),
section 2 and Figure 1. Letters in the shape comments:

    B images in a batch      S patches, also called tokens     D_S hidden units of a token-mixing MLP
    H, W image height, width C hidden_dim, channels a token    D_C hidden units of a channel-mixing MLP
    P patch side             D = in_channels * P * P           K classes
"""

from dataclasses import dataclass, fields

import torch
from torch import nn


@dataclass(frozen=True)
class MixerConfig:
    """The sizes and rates of an `MlpMixer`. Raises ValueError for a value that makes no model.

    The names are the official code's. A list for a size becomes a tuple, so a configuration can be kept as JSON."""

    image_size: int | tuple         # pixels: one number, or (height, width)
    patch_size: int | tuple         # pixels, likewise; must divide the image
    in_channels: int                # 1 for gray images, 3 for color
    num_classes: int                # K; with 0 the model has no head and returns the pooled features [B, C]
    num_blocks: int                 # L
    hidden_dim: int                 # C, channels per token
    tokens_mlp_dim: int             # D_S
    channels_mlp_dim: int           # D_C
    dropout: float = 0.0            # after each linear layer of an MLP
    drop_path: float = 0.0          # stochastic depth of the last block; it grows linearly from 0 at the first
    gelu: str = "none"              # "none": exact; "tanh": the approximation of the official code and its weights

    def __post_init__(self):
        for name in ("image_size", "patch_size"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        grid_shape(self.image_size, self.patch_size)
        for name, kind, value in [(f.name, f.type, getattr(self, f.name)) for f in fields(self)]:
            least = 0 if name == "num_classes" else 1
            if kind is int and (not isinstance(value, int) or value < least):
                raise ValueError(f"{name} is {value!r}: expected a whole number of at least {least}")
            if kind is float and (not isinstance(value, (int, float)) or not 0 <= value < 1):
                raise ValueError(f"{name} is {value!r}: expected a rate from 0 up to, but not including, 1")
            if kind is None and value is not None:      # in family.py
                raise ValueError(f"{name} is {value!r}, but this model has no such part: leave it out")
        if self.gelu not in ("none", "tanh"):
            raise ValueError(f"gelu is {self.gelu!r}: expected 'none' (exact) or 'tanh'")

    @property
    def image_shape(self):
        """(in_channels, H, W) of the images that the model reads."""
        return (self.in_channels, *pair("image_size", self.image_size))

    @property
    def grid(self):
        """(rows H', columns W') of the grid of patches; the model has S = H' W' tokens."""
        return grid_shape(self.image_size, self.patch_size)

    @property
    def drop_path_rates(self):
        """The stochastic depth of each block, growing linearly from 0 to `drop_path`: a list of num_blocks rates."""
        return [self.drop_path * i / max(self.num_blocks - 1, 1) for i in range(self.num_blocks)]


def patchify(images: torch.Tensor, patch_size: int | tuple[int, int]) -> torch.Tensor:
    """Cut images into a table of patches, one row per patch.

    images: [B, in_channels, H, W]; patch_size: P, or (height, width). Returns [B, S, D]: the patches in raster
    order (left to right, then down), each laid out as (channel, row, column), the order of a Conv2d kernel.
    Raises ValueError if the patches do not tile the image.
    """
    B, C_in, H, W = images.shape
    rows, columns = grid_shape((H, W), patch_size)
    P_h, P_w = H // rows, W // columns
    x = images.reshape(B, C_in, rows, P_h, columns, P_w)
    x = x.permute(0, 2, 4, 1, 3, 5)                                # [B, H/P, W/P, C_in, P, P]
    return x.reshape(B, rows * columns, C_in * P_h * P_w)          # [B, S, D]


def unpatchify(patches: torch.Tensor, patch_size: int | tuple[int, int],
               image_size: int | tuple[int, int]) -> torch.Tensor:
    """Lay the rows of a patch table back into images: the inverse of `patchify`.

    patches: [B, S, D]; patch_size and image_size: an int, or (height, width). Returns [B, in_channels, H, W].
    Raises ValueError if S or D does not fit the sizes.
    """
    B, S, D = patches.shape
    P_h, P_w = pair("patch_size", patch_size)
    H, W = pair("image_size", image_size)
    if S * P_h * P_w != H * W or H % P_h or W % P_w or D % (P_h * P_w):
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
        self.patch_size = P_h, P_w = pair("patch_size", patch_size)
        self.in_channels = in_channels
        rows, columns = grid_shape(image_size, patch_size)
        self.num_patches = rows * columns
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
    """Mix the tokens, then the channels, each on a residual branch (equation 1 of the paper). [B, S, C] -> same.

    hidden_dim: C. token_mixing, channel_mixing: the two parts, modules [B, S, C] -> same; here `TokenMixing` and
    `ChannelMixing`. norm: makes the norm before each part. Other parts make the Mixer's relatives."""

    def __init__(self, hidden_dim, token_mixing, channel_mixing, drop_path=0.0, norm=nn.LayerNorm):
        super().__init__()
        self.token_norm = norm(hidden_dim, eps=1e-6)
        self.token_mixing = token_mixing
        self.channel_norm = norm(hidden_dim, eps=1e-6)
        self.channel_mixing = channel_mixing
        self.drop_path = DropPath(drop_path)

    def forward(self, x):
        x = x + self.drop_path(self.token_mixing(self.token_norm(x)))
        x = x + self.drop_path(self.channel_mixing(self.channel_norm(x)))
        return x


class DropPath(nn.Module):
    """Stochastic depth: in training, zero a residual branch for a random share `rate` of the images, and scale
    the rest up so that the mean stays the same (Huang et al. 2016). [B, ...] -> same."""

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

    Takes the fields of `MixerConfig`, and raises ValueError as it does. `config` keeps them; `image_shape` and
    `num_classes` say which images the model reads and how many classes it knows. The Mixer's relatives in family.py
    exchange one or more of the parts that are named first."""

    Config, Embedding, Norm = MixerConfig, PatchEmbedding, nn.LayerNorm

    def __init__(self, *sizes, **options):
        super().__init__()
        self.config = c = self.Config(*sizes, **options)
        self.image_shape, self.num_classes = c.image_shape, c.num_classes
        self.patch_embedding = self.Embedding(c.image_size, c.patch_size, c.in_channels, c.hidden_dim)
        self.blocks = nn.Sequential(*[self.make_block(c, rate) for rate in c.drop_path_rates])
        self.norm = self.Norm(c.hidden_dim, eps=1e-6)
        self.head = nn.Linear(c.hidden_dim, c.num_classes) if c.num_classes else nn.Identity()
        self.reset_parameters()

    def make_block(self, c, drop_path):
        """One block, a module [B, S, C] -> same. c: the configuration. drop_path: the block's rate."""
        token_mixing = TokenMixing(self.patch_embedding.num_patches, c.tokens_mlp_dim, c.dropout, c.gelu)
        channel_mixing = ChannelMixing(c.hidden_dim, c.channels_mlp_dim, c.dropout, c.gelu)
        return MixerBlock(c.hidden_dim, token_mixing, channel_mixing, drop_path, self.Norm)

    def forward(self, images):
        x = self.patch_embedding(images)    # [B, S, C]
        x = self.blocks(x)                  # [B, S, C]
        return self.classify(x)             # [B, K]

    def classify(self, x):
        """The end of the forward pass, from the tokens that the last block returns: [B, S, C] -> logits [B, K]."""
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


def new_head(model: "MlpMixer", num_classes: int) -> "MlpMixer":
    """A model of the same class with the weights of `model`, on its device, and a head of zeros for `num_classes`
    classes: so the paper begins its fine-tuning on other classes."""
    other = type(model)(**vars(model.config) | {"num_classes": num_classes}).to(model.patch_embedding.linear.weight)
    body = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("head.")}
    other.load_state_dict(body, strict=False)
    return other


def grid_shape(image_size: int | tuple[int, int], patch_size: int | tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of patches in an image. Raises ValueError if the patches do not tile the image."""
    (H, W), (P_h, P_w) = pair("image_size", image_size), pair("patch_size", patch_size)
    if H % P_h or W % P_w:
        raise ValueError(f"patches of {P_h}x{P_w} pixels do not tile an image of {H}x{W}: "
                         f"choose a patch_size that divides the image's height and width")
    return H // P_h, W // P_w


def pair(name, value):
    """An int, or a pair of them, as (height, width)."""
    sides = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(sides) != 2 or any(not isinstance(n, int) or n < 1 for n in sides):
        raise ValueError(f"{name} is {value!r}: expected a positive whole number or a pair (height, width) of them")
    return sides
