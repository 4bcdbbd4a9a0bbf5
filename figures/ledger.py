"""The ledger of lesson 10: every claim about the Mixer as a network of convolutions, checked by running it.

`rows()` computes the ledger, in float64 and from a seed. tests/test_conv.py checks the claim of each row. Run as a
script, this file prints the ledger as the lesson shows it.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, group_norm
from torch.utils.flop_counter import FlopCounterMode

from mixer_lib import MlpMixer
from mixer_lib.configs import get_config
from mixer_lib.conv import TiedTokenMixing, UntiedTokenMixing, from_conv, in_linear_shape, to_conv

CONFIG = get_config("mnist")                    # S = 16 in a 4 x 4 grid, C = 64, D_S = 32, D_C = 256


class Row(NamedTuple):
    part: str           # of the Mixer
    form: str           # the other way to write it
    claim: str          # "equal" (except for rounding), "same bits" or "not equal"
    output: float       # the largest difference of an output
    gradient: float     # the same of a gradient, for the input and for all parameters
    parameters: int     # how many the form uses
    macs: int           # multiply-accumulates for one image, as PyTorch counts them


def compare(part, form, claim, mixer, cnn, ours, theirs, x):
    """The `Row` for ours(x), which uses parameters of `mixer`, and theirs(x), which uses those of `cnn`."""
    x = x.clone().requires_grad_()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:        # its hooks break gradients in PyTorch 2.4
        theirs(x.detach())
    y, wanted = theirs(x), ours(x)
    weights = torch.randn(wanted.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    used = torch.autograd.grad((y * weights).sum(), cnn.parameters(), retain_graph=True, allow_unused=True)
    grads = [torch.autograd.grad((out * weights).sum(), [x, *model.parameters()], allow_unused=True,
                                 materialize_grads=True) for out, model in ((wanted, mixer), (y, cnn))]
    (of_x, *of_mixer), (of_x_too, *of_cnn) = grads
    if type(cnn) is not MlpMixer:
        of_cnn = [kernel.sum(dim=0) for kernel in in_linear_shape(of_cnn, mixer)]   # untied: the sum of the C gradients
    differences = [p - q for p, q in zip([of_x, *of_mixer], [of_x_too, *of_cnn], strict=True)]
    return Row(part, form, claim, (y - wanted).abs().max().item(), max(d.abs().max().item() for d in differences),
               sum(p.numel() for p, grad in zip(cnn.parameters(), used) if grad is not None),
               counter.get_total_flops() // 2 // len(x))


def on_maps(layer):
    """A layer for tables, [B, S, C], as a layer for maps, [B, C, H', W']."""
    return lambda x: layer(x.flatten(2).mT).mT.reshape(x.shape)


def after_a_step(model, x):
    """The model after one step of training."""
    (model(x) ** 2).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.5).step()
    return model


def rows():
    """The ledger, one `Row` per form: first what is equal, then what is not."""
    torch.manual_seed(0)
    mixer = MlpMixer(**vars(CONFIG)).double()
    for p in mixer.parameters():
        nn.init.normal_(p, std=0.2)             # including what starts at 0: the biases and the head
    images = torch.randn(2, 1, 28, 28, dtype=torch.double)
    maps = torch.randn(2, 64, 4, 4, dtype=torch.double)         # [B, C, H', W']
    cnn, tied, untied = (to_conv(mixer, *form) for form in ((), (TiedTokenMixing,), (UntiedTokenMixing,)))
    back = from_conv(cnn)
    trained = after_a_step(to_conv(mixer, UntiedTokenMixing), images)
    trained_mixer = from_conv(after_a_step(to_conv(mixer), images))
    embedding, block, conv = mixer.patch_embedding, mixer.blocks[0], cnn.blocks[0]
    embed, mix_tokens = (lambda x: embedding(x).mT.reshape(maps.shape)), on_maps(block.token_mixing)
    fc1, (stamps, place_bias) = conv.token_mixing.fc1, conv.token_mixing.fc2

    def with_kernels(kernels, bias):
        def run(x):
            hidden = block.token_mixing.gelu(conv2d(x.flatten(0, 1)[:, None], kernels, fc1.bias))
            return (conv_transpose2d(hidden, stamps.weight) + bias).reshape(x.shape)
        return run

    def wrong_order(x):
        """The result if patches were read column by column."""
        return conv2d(x, cnn.stem.weight.mT, cnn.stem.bias, stride=7)

    def group(x):
        return group_norm(x, 1, conv.token_norm.weight, conv.token_norm.bias, eps=1e-6)

    table = [compare(part, form, claim, *models, *functions, x) for part, form, claim, models, functions, x in [
        ("patch embedding", "7 × 7 convolution, stride 7", "equal", (mixer, cnn), (embed, cnn.stem), images),
        ("LayerNorm", "at each place", "equal", (mixer, cnn), (on_maps(block.token_norm), conv.token_norm), maps),
        ("token mixing", "folded: kernels as large as the grid", "equal", (mixer, cnn),
         (mix_tokens, conv.token_mixing), maps),
        ("token mixing", "depth-wise, one set of kernels for all channels", "equal", (mixer, tied),
         (mix_tokens, tied.blocks[0].token_mixing), maps),
        ("token mixing", "depth-wise, a copy for each channel (groups=C)", "equal", (mixer, untied),
         (mix_tokens, untied.blocks[0].token_mixing), maps),
        ("channel mixing", "1 × 1 convolutions", "equal", (mixer, cnn),
         (on_maps(block.channel_mixing), conv.channel_mixing), maps),
        ("mean over tokens (a Mixer's own counts 0 MACs)", "a kernel as large as the grid, all 1/S", "equal",
         (mixer, cnn), (lambda x: x.mean((2, 3), keepdim=True), cnn.mean), maps),
        ("the whole Mixer", "to_conv", "equal", (mixer, cnn), (mixer, cnn), images),
        ("the whole Mixer", "to_conv, then from_conv", "same bits", (mixer, back),
         (mixer, back), images),
        ("token mixing", "kernels turned by 180 degrees", "not equal", (mixer, cnn),
         (mix_tokens, with_kernels(fc1.weight.flip(2, 3), place_bias.bias)), maps),
        ("token mixing", "one bias instead of one per place", "not equal", (mixer, cnn),
         (mix_tokens, with_kernels(fc1.weight, place_bias.bias.mean())), maps),
        ("the whole Mixer", "groups=C, after one step of training", "not equal", (trained_mixer, trained),
         (trained_mixer, trained), images),
        ("LayerNorm", "GroupNorm(1, C)", "not equal", (mixer, cnn), (on_maps(block.token_norm), group), maps),
        ("patch embedding", "a patch read column by column", "not equal", (mixer, cnn), (embed, wrong_order),
         images),
    ]]
    saved = place_bias.bias.numel() - 1         # the mean stands for them all
    return [row._replace(parameters=row.parameters - saved) if row.form.startswith("one bias") else row
            for row in table]


def as_markdown(rows):
    """The ledger as a table in Markdown, without the digits of rounding errors, which differ between machines."""
    def size(difference, claim):
        return {"same bits": "exactly 0", "equal": "below 1e-12"}.get(claim, f"about {float(f'{difference:.1g}'):g}")

    head = "| part of the Mixer | written as | equal? | output differs by | gradient differs by | parameters | MACs |"
    lines = [head, "|---|---|---|---|---|--:|--:|"]
    for row in rows:
        lines.append(f"| {row.part} | {row.form} | {'**no**' if row.claim == 'not equal' else 'yes'} | "
                     f"{size(row.output, row.claim)} | {size(row.gradient, row.claim)} | {row.parameters:,} | "
                     f"{row.macs:,} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_markdown(rows()))
