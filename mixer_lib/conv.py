"""The same Mixer, built of convolutions: the table [B, S, C] becomes C maps of the grid of patches, [B, C, H', W'].

Source: Tolstikhin et al. (arXiv 2105.01601v4), section 1: the Mixer is "a very special CNN, which uses 1x1 convolutions
for channel mixing, and single-channel depth-wise convolutions of a full receptive field and parameter sharing for
token mixing". The grid has H' x W' = H/P x W/P places, token s lies at (u, v), s = u W' + v; other letters as in
model.py. A `MlpBlock` and a `MixerBlock` work on maps as they are: what they need are other parts.
"""

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from .model import MlpBlock, MlpMixer


class PlaceBias(nn.Module):
    """Adds a number for each place, which the one bias of a convolution cannot do. [..., H', W'] -> same."""

    def __init__(self, maps, grid):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(maps, *grid))

    def forward(self, x):
        return x + self.bias


class PlaceNorm(nn.LayerNorm):
    """LayerNorm over the channels of each place alone, which GroupNorm is not. [B, C, H', W'] -> same."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class UntiedTokenMixing(MlpBlock):
    """Depth-wise, as PyTorch understands it: every channel has weights of its own, C times those of token mixing.

    fc1: for each channel, D_S kernels as large as the grid, [B, C, H', W'] -> [B, C*D_S, 1, 1]. fc2: for each, a
    picture of the grid, stamped as strongly as fc1 answered and added up, [B, C*D_S, 1, 1] -> [B, C, H', W']."""

    def __init__(self, grid, D_S, C, dropout, gelu):
        super().__init__(1, 1, dropout, gelu)           # whose linear layers make way:
        self.fc1 = nn.Conv2d(C, C * D_S, grid, groups=C)
        self.fc2 = nn.Sequential(nn.ConvTranspose2d(C * D_S, C, grid, groups=C, bias=False), PlaceBias(C, grid))


class FoldedTokenMixing(UntiedTokenMixing):
    """Token mixing: the weights of a single channel, which all channels share by standing in line as if each were an
    image of its own. [B, C, H', W'] -> same."""

    def __init__(self, grid, D_S, C, dropout, gelu):
        super().__init__(grid, D_S, 1, dropout, gelu)

    def forward(self, x):
        folded = x.flatten(0, 1).unsqueeze(1)           # [B*C, 1, H', W']
        return super().forward(folded).reshape(x.shape)


class TiedTokenMixing(FoldedTokenMixing):
    """The same without folding: depth-wise, one channel's weights repeated to be used. [B, C, H', W'] -> same."""

    def forward(self, x):
        (fc1, (fc2, place_bias)), C = (self.fc1, self.fc2), x.shape[1]
        x = conv2d(x, fc1.weight.repeat(C, 1, 1, 1), fc1.bias.repeat(C), groups=C)      # [B, C*D_S, 1, 1]
        x = self.dropout(self.gelu(x))
        x = conv_transpose2d(x, fc2.weight.repeat(C, 1, 1, 1), groups=C)                # [B, C, H', W']
        return self.dropout(place_bias(x))


class MixerCNN(nn.Module):
    """`MlpMixer` in convolutions: images [B, in_channels, H, W] -> logits [B, K].

    config: the arguments of `MlpMixer`. token_mixing: one of the three classes above. Its parameters come in the order
    of the Mixer's, each in another shape."""

    def __init__(self, config, token_mixing=FoldedTokenMixing):
        super().__init__()
        mixer = MlpMixer(**config)
        self.config = config = mixer.config             # with the options that were left out
        C, embedding = config["hidden_dim"], mixer.patch_embedding
        (H, W), (P_h, P_w) = embedding.image_size, embedding.patch_size
        self.image_shape, self.grid = (embedding.in_channels, H, W), (H // P_h, W // P_w)
        self.stem = nn.Conv2d(embedding.in_channels, C, (P_h, P_w), stride=(P_h, P_w))
        self.blocks = mixer.blocks                      # equation 1 stays as it is
        for block in self.blocks:
            block.token_norm, block.channel_norm = PlaceNorm(C, eps=1e-6), PlaceNorm(C, eps=1e-6)
            block.token_mixing = token_mixing(self.grid, config["tokens_mlp_dim"], C, config["dropout"],
                                              config["gelu"])
            block.channel_mixing.fc1 = nn.Conv2d(C, config["channels_mlp_dim"], 1)
            block.channel_mixing.fc2 = nn.Conv2d(config["channels_mlp_dim"], C, 1)
        self.norm = PlaceNorm(C, eps=1e-6)
        self.head = nn.Conv2d(C, config["num_classes"], 1) if config["num_classes"] else nn.Identity()

    def forward(self, images):
        if images.shape[1:] != self.image_shape:
            raise ValueError(f"this model takes images of shape {['B', *self.image_shape]}, got {list(images.shape)}")
        x = self.stem(images)                           # [B, C, H', W']
        x = self.norm(self.blocks(x))                   # [B, C, H', W']
        x = self.mean(x)                                # [B, C, 1, 1]
        return self.head(x).flatten(1)                  # [B, K]

    def mean(self, x):
        """The mean over the places is a kernel as large as the grid, with the same weight everywhere."""
        H, W = self.grid
        folded = x.flatten(0, 1).unsqueeze(1)           # [B*C, 1, H', W']
        return conv2d(folded, x.new_full((1, 1, H, W), 1 / (H * W))).reshape(*x.shape[:2], 1, 1)


def to_conv(model, token_mixing=FoldedTokenMixing):
    """A `MixerCNN` with the weights of an `MlpMixer`: the same outputs, the same gradients.

    With token_mixing=UntiedTokenMixing each channel gets a copy of the weights: the same outputs until one of them is
    changed. Raises TypeError for a model of any other class, which may compute anything, and ValueError for one of
    which a part was replaced since it was built."""
    return _rebuild(model, MlpMixer, lambda: MlpMixer(**model.config), lambda: MixerCNN(model.config, token_mixing))


def from_conv(model):
    """The `MlpMixer` with the weights of a `MixerCNN`, bit for bit. Raises as `to_conv` does, and ValueError where
    token mixing is untied, since a Mixer has one set of weights for all channels."""
    form = type(model.blocks[0].token_mixing) if type(model) is MixerCNN else None
    if form is UntiedTokenMixing:
        raise ValueError("token mixing is untied here, with weights for each channel: no MlpMixer can hold them")
    return _rebuild(model, MixerCNN, lambda: MixerCNN(model.config, form), lambda: MlpMixer(**model.config))


def in_linear_shape(tensors, mixer):
    """Parameters of a `MixerCNN`, or their gradients, in the shape of those of the `MlpMixer`, with an axis in front:
    one set of weights, or C of them where token mixing is untied."""
    for (name, p), kernel in zip(mixer.named_parameters(), tensors, strict=True):
        turned = name.endswith("token_mixing.fc2.weight")       # a kernel a hidden unit, in the Mixer a row a token
        yield kernel.reshape(-1, *p.T.shape).mT if turned else kernel.reshape(-1, *p.shape)


def _rebuild(model, kind, build_same, build_other):
    """What `build_other` builds, with the weights of `model`, which must be all that `build_same` builds."""
    if type(model) is not kind:
        raise TypeError(f"expected a model of class {kind.__name__}, got {type(model).__name__}")
    with torch.device("meta"):                          # shapes alone: no memory, no random numbers drawn
        same, other = build_same(), build_other()
    if repr(model) != repr(same):
        raise ValueError(f"this {kind.__name__} is no longer what its config says: a part of it was replaced")
    p = next(model.parameters())
    other = other.to(p.dtype).to_empty(device=p.device).train(model.training)
    mixer, cnn = (model, other) if kind is MlpMixer else (other, model)
    with torch.no_grad():
        for p, kernel in zip(mixer.parameters(), in_linear_shape(cnn.parameters(), mixer), strict=True):
            kernel.copy_(p) if cnn is other else p.copy_(kernel[0])     # of a new cnn, `kernel` is the memory itself
    return other
