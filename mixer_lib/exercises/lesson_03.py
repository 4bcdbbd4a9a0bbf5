"""Lesson 03, channel mixing."""

import torch
from torch import nn
from torch.nn.functional import gelu, layer_norm, relu, silu

from .checking import Calls, Wrong, ask, call, compare, exercise, need

READY_MADE = {"layer_norm", "native_layer_norm", "group_norm", "instance_norm", "batch_norm", "rms_norm"}


@exercise("3.1", "this is LayerNorm, with its scale and its shift.")
def check_layer_norm(my_layer_norm):
    """my_layer_norm(x, scale, shift, eps): [..., C] -> [..., C], normalized over the last axis."""
    torch.manual_seed(0)
    calls = Calls()
    for shape, eps in (((2, 4, 3), 1e-6), ((4, 5), 0.5), ((3, 2, 4, 6), 0.1)):     # a batch, a table, more axes
        x, scale, shift = 2 * torch.randn(shape) + 1, 1 + torch.rand(shape[-1]), torch.randn(shape[-1])
        x[..., 0, :] = 0                                                    # a blank token

        def mean(axes, x=x):
            return x.mean(dim=axes, keepdim=True)

        def norm(axes=-1, correction=0, x=x, eps=eps):
            return (x - x.mean(dim=axes, keepdim=True)) / (x.var(dim=axes, correction=correction, keepdim=True)
                                                           + eps).sqrt()

        variance = x.var(dim=-1, correction=0, keepdim=True)
        wrong = {
            "the scale and the shift are missing.": norm(),
            "the scale is missing: multiply by it before the shift is added.": norm() + shift,
            "the shift is missing: add it at the end.": norm() * scale,
            "the scale comes first, then the shift. Here the shift is scaled, too.": (norm() + shift) * scale,
            "scale and shift are swapped: the scale multiplies, the shift is added.": norm() * shift + scale,
            "this normalizes each channel over the tokens (axis -2). Each token has its own mean and variance, over "
            "its channels: axis -1.": norm(axes=-2) * scale + shift,
            "this takes one mean and one variance for the whole table, so that each token affects all the others. "
            "Normalize over the last axis only.": norm(axes=(-2, -1)) * scale + shift,
            "this takes one mean and one variance for all images together. Normalize over the last axis only.":
                norm(axes=tuple(range(x.ndim))) * scale + shift,
            "the variance divides by C - 1, PyTorch's default. LayerNorm divides by C: correction=0.":
                norm(correction=1) * scale + shift,
            "this divides by the variance. Divide by its square root, the standard deviation.":
                (x - mean(-1)) / (variance + eps) * scale + shift,
            "this multiplies by the standard deviation: divide by it.":
                (x - mean(-1)) * (variance + eps).sqrt() * scale + shift,
            "the mean was not subtracted: subtract it before you divide.": x / (variance + eps).sqrt() * scale + shift,
            "the mean was removed, but the spread was not: divide by the standard deviation.":
                (x - mean(-1)) * scale + shift,
            "eps is outside the square root, added to the standard deviation. Add it to the variance, under the square "
            "root.": (x - mean(-1)) / (variance.sqrt() + eps) * scale + shift,
            "eps has no effect, or it is not the one that you are given. Add the given eps to the variance, under the "
            "square root.": norm(eps=1e-9) * scale + shift,
        }
        expected = norm() * scale + shift
        wrong = {message: value for message, value in wrong.items() if not torch.allclose(value, expected, atol=1e-5)}
        try:
            with calls:
                got = ask(my_layer_norm, x, scale, shift, eps)
        except Wrong as wrong_shape:
            lost = "must match" in str(wrong_shape)
            raise Wrong(f"{wrong_shape}{' Did you keep the axis (keepdim=True)?' * lost}") from None
        need(not (isinstance(got, torch.Tensor) and got.isnan().any()),
             "some numbers are nan, which means 'not a number'. Token 0 is blank, so its standard deviation is 0, and "
             "0 / 0 has no value. Add eps to the variance, under the square root.")
        compare(got, expected, wrong, "Compute one token by hand, step by step.")
    used = sorted(calls.names & READY_MADE)
    need(not used, f"the numbers are right, but they come from PyTorch's {' and '.join(used)}. The exercise asks for "
                   "the steps themselves: the mean, the variance, the root, the scale, the shift.")


@exercise("3.2", "all three mistakes are gone.")
def check_channel_mixing(channel_mixing):
    """channel_mixing(x, norm, W1, b1, W2, b2): [B, S, C] -> [B, S, C], norm a module, weights as nn.Linear's."""
    torch.manual_seed(0)
    for B, S, C, D_C in ((2, 3, 3, 3), (2, 4, 3, 5), (1, 1, 4, 2)):         # equal sides hide no mistake
        x, norm = 2 * torch.randn(B, S, C) + 1, nn.LayerNorm(C, eps=1e-6)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        W1, b1, W2, b2 = torch.randn(D_C, C), torch.randn(D_C), torch.randn(C, D_C), torch.randn(C)
        normed = norm(x).detach()

        def mlp(x, switch=gelu, W1=W1, b1=b1, W2=W2, b2=b2):
            return switch(x @ W1.T + b1) @ W2.T + b2

        alone = nn.Identity()                       # in place of the GELU
        wrong = {
            "this is still the broken function, with all three mistakes.": normed + gelu(mlp(normed, alone, b1=0)),
            "two mistakes are left: the residual carries the normalized table, and b1 is not used.":
                normed + mlp(normed, b1=0),
            "two mistakes are left: the residual carries the normalized table, and the GELU is in the wrong place.":
                normed + gelu(mlp(normed, alone)),
            "two mistakes are left: b1 is not used, and the GELU is in the wrong place.":
                x + gelu(mlp(normed, alone, b1=0)),
            "the residual connection is missing: add x to the MLP's answer.": mlp(normed),
            "the norm is missing: the MLP reads norm(x).": x + mlp(x),
            "the norm and the residual connection are missing: this is the MLP alone.": mlp(x),
            "the MLP's answer is added to the normalized table. Add it to x itself, so that nothing is lost.":
                normed + mlp(normed),
            "this normalizes without the scale and shift that norm has learned: call norm.":
                x + mlp(layer_norm(x, [C], eps=1e-6)),
            "the norm belongs before the MLP. Here it comes last.": norm(x + mlp(x)),
            "the norm belongs before the MLP. Here it is applied to the MLP's answer.": x + norm(mlp(x)),
            "the GELU comes after the second layer. It belongs between the two layers.":
                x + gelu(mlp(normed, alone)),
            "there is one GELU too many: remove the one after the second layer.": x + gelu(mlp(normed)),
            "there is one GELU too many: remove the one after the sum.": gelu(x + mlp(normed)),
            "the GELU comes before the first layer. It belongs between the two layers.":
                x + mlp(gelu(normed), alone),
            "the GELU is missing. Without it, the two layers act as one.": x + mlp(normed, alone),
            "this switch is ReLU. The exercise asks for GELU.": x + mlp(normed, switch=relu),
            "this switch is SiLU, z times the sigmoid of z. The exercise asks for GELU.": x + mlp(normed, switch=silu),
            "this is the tanh form of GELU. It comes close, but the exercise asks for the exact GELU.":
                x + mlp(normed, switch=nn.GELU(approximate="tanh")),
            "b1 is added after the GELU. A bias belongs to its layer's sum: add it before the GELU.":
                x + (gelu(normed @ W1.T) + b1) @ W2.T + b2,
            "the norm is applied twice.": x + mlp(norm(normed)),
            "the answer is subtracted from x: add it.": x - mlp(normed),
            "both biases are missing.": x + mlp(normed, b1=0, b2=0),
            "the first bias, b1, is missing.": x + mlp(normed, b1=0),
            "the second bias, b2, is missing.": x + mlp(normed, b2=0),
        }
        if C == D_C == S:                           # otherwise these mistakes stop with an error
            wrong |= {
                "the biases are swapped: b1 belongs to W1, b2 to W2.": x + mlp(normed, b1=b2, b2=b1),
                "the weights are swapped: W1 comes first.": x + mlp(normed, W1=W2, W2=W1),
                "x is added before the second layer, which changes it. Add x at the very end.":
                    (x + gelu(normed @ W1.T + b1)) @ W2.T + b2,
                "both weights are used on their side. Their shape is [outputs, inputs], so write x @ W.T.":
                    x + mlp(normed, W1=W1.T, W2=W2.T),
                "W1 is used on its side. Its shape is [outputs, inputs], so write x @ W1.T.": x + mlp(normed, W1=W1.T),
                "W2 is used on its side. Its shape is [outputs, inputs], so write x @ W2.T.": x + mlp(normed, W2=W2.T),
                "this mixes down the columns, so that tokens see each other: that is lesson 4. Work along the rows.":
                    x + mlp(normed.mT).mT,
                "W1 and W2 stand on the left, so they mix the tokens, which are the rows. Write x @ W1.T and x @ W2.T.":
                    x + W2 @ gelu(W1 @ normed + b1) + b2,
                "W1 stands on the left, so it mixes the tokens, which are the rows. Write x @ W1.T.":
                    x + gelu(W1 @ normed + b1) @ W2.T + b2,
                "W2 stands on the left, so it mixes the tokens, which are the rows. Write x @ W2.T.":
                    x + W2 @ gelu(normed @ W1.T + b1) + b2,
            }
        compare(ask(channel_mixing, x, norm, W1, b1, W2, b2), x + mlp(normed), wrong,
                "Compare with `forward` of `MyChannelMixing` in the lesson.")


def suspects(S, C):
    """The cases of 3.3: (description, layer, whether it mixes tokens, a hint for a wrong verdict)."""
    W1, W2, V = torch.randn(2 * C, C), torch.randn(C, 2 * C), torch.randn(S, S)
    place = torch.arange(1.0, S + 1)[:, None]                               # [S, 1]
    last = (torch.arange(C) == C - 1).float()                               # [C]
    up, down = torch.zeros(2, S, S)
    up[2, 3] = down[3, 0] = 1
    swap = torch.eye(C)[0] - torch.eye(C)[1]                                # [C]: 1, -1, 0, ...
    return [
        ("channel mixing", lambda x: x + gelu(layer_norm(x, [C]) @ W1.T.to(x)) @ W2.T.to(x), False,
         "Every token may move its own output: leave out the diagonal."),
        ("token mixing", lambda x: x + V.to(x) @ x, True, "Its output rows are sums over all the tokens."),
        ("a layer that multiplies each token by a number of its own", lambda x: x * place.to(x), False,
         "Its answer depends on where the token stands, but not on the other tokens."),
        ("a norm over the whole table", lambda x: layer_norm(x, [S, C]), True,
         "The tokens share a mean and a standard deviation."),
        ("a layer that always answers 0", lambda x: x * 0, False, "No input moves its output at all."),
        ("a layer that moves every row down by one", lambda x: x.roll(1, dims=-2), True,
         "Output 1 is input 0, which is another token."),
        ("a layer that mixes weakly", lambda x: x + 1e-3 * x.mean(dim=-2, keepdim=True), True,
         "Small is not zero: ask whether everything off the diagonal is exactly 0."),
        ("a layer in which token 2 looks at token 3, with no other link", lambda x: x + up.to(x) @ x, True,
         "Move each token, and look at each output."),
        ("a layer in which token 3 looks at token 0, with no other link", lambda x: x + down.to(x) @ x, True,
         "Move each token, and look at each output, on both sides of the diagonal and far from it, too."),
        ("a layer that adds a mean to channel 0 and takes it from channel 1",
         lambda x: x + swap.to(x) * x.mean(dim=-2, keepdim=True)[..., :1], True,
         "The sum over the channels does not move, but the channels do: look at each channel of the output."),
        ("a layer that mixes the last channel only",
         lambda x: x + last.to(x) * x.mean(dim=-2, keepdim=True), True,
         "Move each channel, and look at each channel of the output."),
        ("a norm per token, then token mixing", lambda x: V.to(x) @ layer_norm(x, [C]), True,
         "A norm does not notice when all channels of a token move by the same amount: use different amounts."),
        ("a layer that adds the squared mean token", lambda x: x + x.mean(dim=-2, keepdim=True) ** 2, True,
         "At a table of zeros its derivative is 0: use a random table."),
        ("a layer that adds the variance over the tokens",
         lambda x: x + x.var(dim=-2, correction=0, keepdim=True), True,
         "In a table of equal rows its derivative is 0: use a random table."),
        ("a layer that multiplies each token by the one above it", lambda x: x * x.roll(1, dims=-2), True,
         "In a table of zeros, no single nudge changes a product: use a random table."),
        ("a layer that subtracts each channel's largest number", lambda x: x - x.amax(dim=-2, keepdim=True), True,
         "Most tokens do not move the largest number: try all of them."),
    ]


def guarded(layer, S, C, given):
    """The layer as the answer gets it: it takes [B, S, C] only, and notes in `given` each table and a copy of it."""
    def layer_of_suspect(x):
        if not isinstance(x, torch.Tensor) or x.shape[1:] != (S, C):
            got = list(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"the layer takes [B, S, C], here [B, {S}, {C}], but it was given {got}")
        if not torch._C._functorch.is_functorch_wrapped_tensor(x):          # those of jacrev and vmap live on
            given.append((x, x.detach().clone()))
        return layer(x)
    return layer_of_suspect


@exercise("3.3", "no layer fools you.")
def check_mixes_tokens(mixes_tokens):
    """mixes_tokens(layer, S, C) -> bool; layer maps [B, S, C] to [B, S, C]."""
    torch.manual_seed(0)
    for S, C in ((5, 3), (4, 2)):
        where = call(mixes_tokens, suspects, S, C)
        for number, (what, layer, guilty, hint) in enumerate(suspects(S, C), start=1):
            given = []
            got = ask(mixes_tokens, guarded(layer, S, C, given), S, C)
            try:
                got = got.item() if hasattr(got, "item") else got
            except (RuntimeError, ValueError):          # an array of many
                raise Wrong("return one True or False for the whole layer, not an array.") from None
            need(isinstance(got, bool), f"return True or False, not {type(got).__name__}.")
            if got != guilty and any(not torch.equal(x.detach(), copy) for x, copy in given):
                hint = ("A table that you gave to the layer was changed afterward. `other = x` is only a second name "
                        "for the same table: make a copy with `x.clone()`.")
            need(got == guilty, f"in {where}, suspect {number} is {what}. You say {got}, but the answer is {guilty}. "
                                f"{hint}")
