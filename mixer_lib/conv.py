"""The same Mixer, built of convolutions: the table [B, S, C] becomes C maps of the grid of patches, [B, C, H', W'].

Source: Tolstikhin et al. (arXiv 2105.01601v4), section 1: the Mixer is "a very special CNN, which uses 1x1 convolutions
for channel mixing, and single-channel depth-wise convolutions of a full receptive field and parameter sharing for
token mixing". The grid has H' x W' = H/P x W/P places, token s lies at (u, v), s = u W' + v; other letters as in
model.py. A `MixerBlock` works on maps as it is: what it needs are other parts.
"""

import re
from itertools import pairwise
from textwrap import shorten

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from .model import MixerBlock, MixerConfig, MlpBlock, MlpMixer


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
        x = x.movedim(1, -1)                            # [B, H', W', C]
        rows = super().forward(x.flatten(0, 2))         # [B*H'*W', C]: with four axes torch.compile mistakes strides
        return rows.reshape(x.shape).movedim(-1, 1)     # [B, C, H', W']


class ConvMlp(nn.Module):
    """An `MlpBlock` with convolutions for its two linear layers: channel mixing where they are 1x1."""

    def __init__(self, fc1, fc2, dropout, gelu):
        super().__init__()
        self.fc1, self.gelu, self.fc2, self.dropout = fc1, nn.GELU(approximate=gelu), fc2, nn.Dropout(dropout)

    forward = MlpBlock.forward


class UntiedTokenMixing(ConvMlp):
    """Depth-wise, as PyTorch understands it: every channel has weights of its own, C times those of token mixing.

    fc1: for each channel, D_S kernels as large as the grid, [B, C, H', W'] -> [B, C*D_S, 1, 1]. fc2: for each kernel,
    a picture of the grid, stamped as strongly as fc1 answered and added up, [B, C*D_S, 1, 1] -> [B, C, H', W']."""

    def __init__(self, grid, D_S, C, dropout, gelu):
        stamps = nn.ConvTranspose2d(C * D_S, C, grid, groups=C, bias=False)
        super().__init__(nn.Conv2d(C, C * D_S, grid, groups=C), nn.Sequential(stamps, PlaceBias(C, grid)),
                         dropout, gelu)


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


FORMS = FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing


class MixerCNN(nn.Module):
    """`MlpMixer` in convolutions: images [B, in_channels, H, W] -> logits [B, K].

    config: a `MixerConfig`, or a dict of its fields. token_mixing: one of the three classes above. Both are kept, with
    the `grid` (H', W'), `image_shape` and `num_classes`. The weights are those of an `MlpMixer` that is drawn now.
    Raises ValueError for another token_mixing, and as `MixerConfig` does."""

    def __init__(self, config, token_mixing=FoldedTokenMixing):
        super().__init__()
        if token_mixing not in FORMS:
            raise ValueError(f"token_mixing is {token_mixing!r}: expected one of the classes "
                             + ", ".join(form.__name__ for form in FORMS))
        mixer = MlpMixer(**vars(config) if isinstance(config, MixerConfig) else config)
        self.config, self.token_mixing, self.grid = mixer.config, token_mixing, mixer.config.grid
        self.image_shape, self.num_classes = mixer.image_shape, mixer.num_classes
        c, P = mixer.config, mixer.patch_embedding.patch_size
        C, D_S, D_C = c.hidden_dim, c.tokens_mlp_dim, c.channels_mlp_dim
        with torch.device("meta"):                      # shapes alone: no memory, no random numbers drawn
            self.stem = nn.Conv2d(c.in_channels, C, P, stride=P)
            self.blocks = nn.Sequential(*[
                MixerBlock(C, token_mixing(c.grid, D_S, C, c.dropout, c.gelu),
                           ConvMlp(nn.Conv2d(C, D_C, 1), nn.Conv2d(D_C, C, 1), c.dropout, c.gelu), rate, PlaceNorm)
                for rate in c.drop_path_rates])
            self.norm = PlaceNorm(C, eps=1e-6)
            self.head = nn.Conv2d(C, c.num_classes, 1) if c.num_classes else nn.Identity()
        _carry_over(mixer, self)

    def forward(self, images):
        if images.shape[1:] != self.image_shape:
            C_in, H, W = self.image_shape
            raise ValueError(f"this model takes images of shape [B, {C_in}, {H}, {W}], got {list(images.shape)}")
        x = self.stem(images)                           # [B, C, H', W']
        x = self.norm(self.blocks(x))                   # [B, C, H', W']
        x = self.mean(x)                                # [B, C, 1, 1]
        return self.head(x).flatten(1)                  # [B, K]

    def mean(self, x):
        """The mean over the places is a kernel as large as the grid, with the same weight everywhere."""
        H, W = self.grid
        folded = x.flatten(0, 1).unsqueeze(1)           # [B*C, 1, H', W']
        return conv2d(folded, x.new_full((1, 1, H, W), 1 / (H * W))).reshape(*x.shape[:2], 1, 1)


def to_conv(model: MlpMixer, token_mixing: type = FoldedTokenMixing) -> MixerCNN:
    """A `MixerCNN` with the weights of an `MlpMixer`: the same outputs, the same gradients.

    With token_mixing=UntiedTokenMixing each channel gets a copy of the weights: the same outputs until one of them is
    changed. Each parameter keeps its dtype, device and requires_grad, each part its training mode. Raises TypeError
    for a model of any other class, which may compute anything, and ValueError for one that was changed in more than
    the values of its parameters since it was built, or for another token_mixing."""
    return _rebuild(model, MlpMixer, token_mixing)


def from_conv(model: MixerCNN) -> MlpMixer:
    """The `MlpMixer` with the weights of a `MixerCNN`, bit for bit. Keeps and raises what `to_conv` does, and
    ValueError where token mixing is untied, since a Mixer has one set of weights for all channels."""
    form = getattr(model, "token_mixing", None)
    if type(model) is MixerCNN and form is UntiedTokenMixing:
        raise ValueError("token mixing is untied here, with weights for each channel: no MlpMixer can hold them")
    return _rebuild(model, MixerCNN, form)


def in_linear_shape(tensors, mixer):
    """All parameters of a `MixerCNN`, or their gradients, in its order: yields them in the shapes and the order of the
    `MlpMixer`'s, with an axis in front: one set of weights, or C of them where token mixing is untied."""
    with torch.device("meta"):
        names = [name for name, _ in MlpMixer(**vars(mixer.config)).named_parameters()]
    tensors = dict(zip(names, tensors, strict=True))
    for name, p in mixer.named_parameters():
        yield _in_linear_shape(tensors[name], name, p.shape)


def _in_linear_shape(kernel, name, shape):
    """One tensor of a `MixerCNN` as [1 or C, *shape]; the Mixer has it under `name`, in this shape."""
    turned = name.endswith("token_mixing.fc2.weight")   # one stamp per hidden unit; in the Mixer, one row per token
    return kernel.reshape(-1, *shape[::-1]).mT if turned else kernel.reshape(-1, *shape)


@torch.no_grad()
def _carry_over(source, target):
    """Copy parameters and modes, by name, from an `MlpMixer` to a `MixerCNN` of the same config, or back."""
    cnn = source if isinstance(source, MixerCNN) else target
    for name, part in cnn.named_modules(remove_duplicate=False):
        in_mixer = re.sub(r"\bfc2\.[01]$", "fc2", re.sub(r"^stem$", "patch_embedding.linear", name))
        here, there = (name, in_mixer) if cnn is source else (in_mixer, name)
        old, new = source.get_submodule(here), target.get_submodule(there)
        new.train(old.training)                         # its own parts, which come later, included
        for leaf, _ in [*part.named_parameters(recurse=False)]:
            p, shape = old.get_parameter(leaf), new.get_parameter(leaf).shape
            q = nn.Parameter(torch.empty(shape, dtype=p.dtype, device=p.device), p.requires_grad)
            if cnn is source:
                q.copy_(_in_linear_shape(p, f"{in_mixer}.{leaf}", shape)[0])
            else:                                       # a view of q: each set of weights is written
                _in_linear_shape(q, f"{in_mixer}.{leaf}", p.shape).copy_(p)
            setattr(new, leaf, q)
    return target


def _rebuild(model, kind, form):
    """A model of class `kind`, `MlpMixer` or `MixerCNN`, as one of the other class."""
    if type(model) is not kind:
        raise TypeError(f"expected a model of class {kind.__name__}, got {type(model).__name__}")
    with torch.device("meta"):
        try:
            mixer = MlpMixer(**vars(model.config))
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"the config of this {kind.__name__} makes no model: {error}") from None
        cnn = MixerCNN(mixer.config, form)
    built, other = (mixer, cnn) if kind is MlpMixer else (cnn, mixer)
    for change in _changes(model, built):
        raise ValueError(f"this {kind.__name__} is no longer what its config says: {shorten(change, 300)}")
    return _carry_over(model, other)


def _changes(model, built):
    """Sentences on what a model has otherwise than one newly built, but for numbers and modes."""
    for path, new_part in built.named_modules():        # a part comes before its own parts
        part = model.get_submodule(path)
        own, new = _facts(part), _facts(new_part)
        for name in new | own:
            unread = name not in new and not hasattr(new_part, name)        # it hides no method and no part
            if own.get(name) != new.get(name) and not unread:
                yield f"{path}.{name} is {own.get(name, 'unset')}, not {new.get(name, 'unset')}".lstrip(".")
    places = sorted((str(p.device), p.data_ptr() or id(p), name, p)         # on meta nothing has an address
                    for name, p in model.named_parameters(remove_duplicate=False))
    for (device, start, name, p), (same_device, next_start, other, _) in pairwise(places):
        last = sum((n - 1) * step for n, step in zip(p.shape, p.stride()))
        if device == same_device and next_start < start + (1 if p.is_meta else (last + 1) * p.element_size()):
            yield f"{name} and {other} share memory"


def _facts(part):
    """What decides what a module computes, but for numbers and modes: {name: description}."""
    facts = {"__class__": type(part), "_parameters": sorted(part._parameters),
             "_modules": [None if child is None else name for name, child in part._modules.items()]}    # in order
    for name, p in part._parameters.items():
        facts[name] = (f"a {type(p).__name__}" if type(p) is not nn.Parameter else
                       f"{p.layout}, {p.dtype}" if p.layout is not torch.strided or not p.is_floating_point() else
                       "computed from others" if not p.is_leaf else
                       "hooked" if p._backward_hooks or p._post_accumulate_grad_hooks else
                       "short of memory" if p.untyped_storage().nbytes() < p.nbytes else f"of shape {list(p.shape)}")
    skip = "training", "_is_full_backward_hook", "_compiled_call_impl", "_modules", "_parameters"
    return facts | {name: repr(value) for name, value in vars(part).items() if name not in skip}
