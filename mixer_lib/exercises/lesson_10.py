"""Lesson 10, convolutions."""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, gelu

from ..model import patchify
from .checking import Calls, Wrong, ask, call, compare, exercise, name_of, need


def convolution(answer, linear, *arguments, channels, kernel, stride=None):
    """The `nn.Conv2d` that `answer` makes from a linear layer, with its sizes and its memory checked. stride: None if
    any is fine."""
    weights = [p.clone() for p in linear.parameters()]
    where = call(answer, linear, *arguments)
    try:
        conv = ask(answer, linear, *arguments)
    except Wrong as wrong:
        assigned = any(words in str(wrong) for words in ("a leaf Variable", "cannot assign"))
        unlike = any(words in str(wrong) for words in ("must match the existing size", "must match the size"))
        raise Wrong(f"{wrong}{' Copy into conv.weight.data, with copy_.' * assigned}"
                    f"{' A kernel has four axes, [out, in, rows, columns]: view the weights in this shape.' * unlike}"
                    ) from None
    need(all(torch.equal(p, q) for p, q in zip(weights, linear.parameters())),
         f"{name_of(answer)} changes the linear layer that it is given. The caller may still need that layer.")
    need(isinstance(conv, nn.Conv2d), f"{where} gives a {type(conv).__name__}, expected the nn.Conv2d itself.")
    need(conv.groups == 1, f"the convolution has groups={conv.groups}, but no groups are needed here.")
    got = conv.in_channels, conv.out_channels
    swapped = " You swapped the two." if got == channels[::-1] else ""
    need(got == channels, f"{where} goes from {got[0]} to {got[1]} channels, expected from {channels[0]} to "
                          f"{channels[1]}.{swapped}")
    swapped = " Rows come first, then columns." if conv.kernel_size == kernel[::-1] else ""
    need(conv.kernel_size == kernel, f"{where} has a window of {conv.kernel_size}, expected {kernel}.{swapped}")
    need(stride is None or conv.stride == (stride, stride), f"the stride is {conv.stride}, expected {stride}. How far "
                                                            f"is it from one stop of the window to the next?")
    need(conv.padding in ((0, 0), "valid"), f"there is padding, {conv.padding}, but the window needs none.")
    need(conv.dilation == (1, 1), f"the dilation is {conv.dilation}, but the numbers of a window are neighbors.")
    for mine, theirs in ((conv.weight, linear.weight), (conv.bias, linear.bias)):
        need(mine is None or mine.untyped_storage().data_ptr() != theirs.untyped_storage().data_ptr(),
             "the convolution shares its memory with the linear layer, so training one would change the other. copy_ "
             "makes a copy.")
    need(all(p.requires_grad for p in conv.parameters()),
         "the convolution is frozen: its weights have requires_grad=False, so training would leave them as they are.")
    return conv


def same_weights(conv, linear, expected, wrong):
    """Raise `Wrong` unless the convolution's weights are `expected` and its bias is the linear layer's."""
    compare(conv.weight.detach(), expected, {message: kernels for message, kernels in wrong.items()
                                             if kernels.shape == expected.shape and not torch.equal(kernels, expected)},
            "The mistake is in the weights: they are the linear layer's, in another shape.")
    need(conv.bias is not None, "the weights are right, but the bias is missing.")
    compare(conv.bias.detach(), linear.bias.detach(), {"the weights are right, but the bias is 0: copy it, too.":
                                                       torch.zeros_like(conv.bias)},
            "The mistake is in the bias: copy it, too.")


@exercise("10.1", "the patch embedding is a convolution, and you can prove it.")
def check_stem_as_conv(stem_as_conv):
    """stem_as_conv(linear, in_channels, P): an nn.Linear(in_channels * P * P, C) -> nn.Conv2d."""
    for C_in, P, C in ((3, 4, 5), (3, 3, 3), (1, 2, 6)):
        torch.manual_seed(P)
        linear = nn.Linear(C_in * P * P, C)
        conv = convolution(stem_as_conv, linear, C_in, P, channels=(C_in, C), kernel=(P, P), stride=P)
        weight = linear.weight.detach()                                     # [C, D]
        same_weights(conv, linear, weight.view(C, C_in, P, P), {
            "in our tables the numbers of a patch are in the order (color, row, column), not (row, column, color). A "
            "view is enough.": weight.view(C, P, P, C_in).permute(0, 3, 1, 2),
            "rows and columns of the kernel are swapped.": weight.view(C, C_in, P, P).mT,
            "the kernel is turned by 180 degrees. PyTorch's convolution does not turn it, so do not turn it either.":
                weight.view(C, C_in, P, P).flip(2, 3),
            "the axes of the channels and of the colors are swapped.": weight.view(C_in, C, P, P).transpose(0, 1),
        })
        images = torch.randn(2, C_in, 2 * P, 3 * P)
        compare(conv(images).flatten(2).mT.detach(), linear(patchify(images, P)).detach(), {}, "Weights and bias are "
                "right. What else is different from a plain nn.Conv2d?")


@exercise("10.2", "a hidden unit of token mixing is a kernel as large as the grid.")
def check_fc1_as_conv(fc1_as_conv):
    """fc1_as_conv(fc1, rows, columns): an nn.Linear(S, D_S) on each channel -> nn.Conv2d on folded maps."""
    for rows, columns, D_S in ((3, 3, 9), (2, 3, 4), (4, 2, 8)):
        torch.manual_seed(rows)
        fc1, S = nn.Linear(rows * columns, D_S), rows * columns
        try:
            conv = convolution(fc1_as_conv, fc1, rows, columns, channels=(1, D_S), kernel=(rows, columns))
        except Wrong as wrong:
            if f"from {S} to {D_S} channels" in str(wrong):
                raise Wrong("a convolution with S input channels treats the places as channels. The places belong "
                            "inside the window, and the input is one folded map, a single channel.") from None
            raise
        weight = fc1.weight.detach()                                        # [D_S, S]
        square = {
            "the weights are transposed: a row of fc1.weight is a hidden unit.": weight.T.reshape(D_S, 1, rows, -1),
        } if S == D_S else {}
        same_weights(conv, fc1, weight.view(D_S, 1, rows, columns), {
            "the places are laid out column by column. Lay them out in raster order, row by row.":
                weight.view(D_S, 1, columns, rows).mT,
            "the kernels are turned by 180 degrees. PyTorch's convolution does not turn them, so do not do it either.":
                weight.view(D_S, 1, rows, columns).flip(2, 3),
            **square,
        })


def mixed(maps, kernels, b1, stamps, bias, activation=gelu):
    """Token mixing of maps [B, C, H', W'] with kernels and stamps, [D_S, S] each. bias: [S], or one number."""
    grid, S = maps.shape[2:], maps[0, 0].numel()
    hidden = activation(conv2d(maps.flatten(0, 1)[:, None], kernels.reshape(-1, 1, *grid), b1))     # [B*C, D_S, 1, 1]
    return (conv_transpose2d(hidden, stamps.reshape(-1, 1, *grid)) + bias.expand(S).view(grid)).view(maps.shape)


@exercise("10.3", "folded, stamped, and with a bias at each place: token mixing in two convolutions.")
def check_mix_tokens(mix_tokens):
    """mix_tokens(maps, W1, b1, W2, b2): token mixing in convolutions, maps [B, C, H', W'] -> same shape."""
    for B, C, rows, columns, D_S in ((2, 3, 2, 3, 6), (1, 4, 3, 2, 5), (3, 2, 4, 4, 32)):
        torch.manual_seed(rows)
        S = rows * columns
        maps = torch.randn(B, C, rows, columns)
        W1, b1, W2, b2 = (torch.randn(*shape) for shape in ((D_S, S), (D_S,), (S, D_S), (S,)))
        result = partial(mixed, maps, kernels=W1, b1=b1, stamps=W2.T, bias=b2)
        turned, reshaped, one, none = W1.flip(1), W2.reshape(D_S, S), b2.mean(), torch.zeros(())
        wrong = {
            "all three mistakes are still there.": result(kernels=turned, stamps=reshaped, bias=one),
            "the kernels are right now. The stamps and the last bias are still wrong.":
                result(stamps=reshaped, bias=one),
            "the stamps are right now. The kernels are still turned, and the last bias is still one number.":
                result(kernels=turned, bias=one),
            "the last bias is right now. The kernels are still turned, and the stamps are still wrong.":
                result(kernels=turned, stamps=reshaped),
            "the kernels are still turned by 180 degrees. PyTorch's convolution does not turn them.":
                result(kernels=turned),
            "the stamps are wrong. A stamp is a column of W2, and reshape reads row by row: transpose first.":
                result(stamps=reshaped),
            "b2 has one number per place, and a single number was added to all places.": result(bias=one),
            "b2 is missing: add it, one number per place.": result(bias=none),
            "b2 was added twice: once by the convolution, once as a map.": result(bias=b2 + one),
            "GELU is missing between the two layers.": result(activation=lambda x: x),
            "this is ReLU between the two layers. The Mixer uses GELU.": result(activation=torch.relu),
            "this GELU is the tanh form. Here the exact one is used.":
                result(activation=partial(gelu, approximate="tanh")),
            "this is the table after the residual sum. The exercise asks for the answer of token mixing alone.":
                result() + maps,
            "the stamps are turned by 180 degrees.": result(stamps=W2.T.flip(1)),
        }
        with Calls() as calls:
            got = ask(mix_tokens, maps, W1, b1, W2, b2)
        need(not isinstance(got, torch.Tensor) or got.shape != (B * C, 1, rows, columns),
             "the result is still folded: give it the shape of maps again.")
        compare(got, result(), wrong, f"The numbers in brackets are [image, channel, row, column], and the grid has "
                                      f"{rows} rows and {columns} columns.")
        other = sorted(calls.names & {"linear", "matmul", "__matmul__", "__rmatmul__", "einsum", "mm", "bmm",
                                      "tensordot", "baddbmm", "addmm"})
        need(not other, f"the numbers are right, but they come from {other[0] if other else ''}. The exercise asks for "
                        "convolutions in both layers.")
        need(calls.convolutions > 1, f"the numbers are right, but {'only one' if calls.convolutions else 'no'} "
                                     "convolution was called. The exercise asks for convolutions in both layers.")


def from_displacements(rows, columns, weight):
    """M [S, S] of weight(u, v, du, dv): what place (u, v) takes from the place du rows down and dv to the right."""
    S = rows * columns
    M = torch.zeros(S, S)
    for s in range(S):
        for t in range(S):
            (u, v), (u_t, v_t) = divmod(s, columns), divmod(t, columns)
            M[s, t] = weight(u, v, u_t - u, v_t - v)
    return M


@exercise("10.4", "you can tell a convolution from any other token mixer.")
def check_is_convolution(is_convolution):
    """is_convolution(M, rows, columns) -> True if M [S, S] is a convolution with zero padding, of any kernel."""
    for rows, columns in ((4, 4), (3, 4), (4, 3)):
        torch.manual_seed(columns)
        k, S = torch.randn(rows, columns, 2 * rows, 2 * columns), rows * columns     # negative displacements wrap
        weights = {
            "blur": lambda u, v, du, dv: float(max(abs(du), abs(dv)) < 2),
            "small": lambda u, v, du, dv: k[0, 0, du, dv] * (max(abs(du), abs(dv)) < 2),            # noqa: B023
            "large": lambda u, v, du, dv: k[0, 0, du, dv],                                          # noqa: B023
            "around": lambda u, v, du, dv: k[0, 0, du % rows, dv % columns],                        # noqa: B023
            "by row": lambda u, v, du, dv: k[u, 0, 0, dv] * (du == 0),                              # noqa: B023
            "by column": lambda u, v, du, dv: k[0, v, du, 0] * (dv == 0),                           # noqa: B023
            "diagonal": lambda u, v, du, dv: k[(u - v) % rows, 0, du, dv],                          # noqa: B023
        }
        blur, small, large, around, by_row, by_column, diagonal = (
            from_displacements(rows, columns, weight) for weight in weights.values())
        change = torch.zeros(S, S)
        change[S - 1, S - 2] = 0.5
        for M, right, what in (
                (torch.randn(S, S), False, "a matrix of random numbers"),
                (blur, True, "a 3 x 3 convolution with zero padding, all weights 1. Beyond the end of a row of the "
                             "grid it reads 0, so the diagonals of the whole matrix are broken there"),
                (small, True, "a 3 x 3 convolution with nine different weights. A displacement has a sign: left is "
                              "not right"),
                (large, True, "a convolution with a kernel that reaches from any place to any other"),
                (around, True, "a convolution that wraps around at the edges. It is also one with zero padding and a "
                               "larger kernel, since M[s, t] depends on the displacement alone"),
                (small + 1e-6 * torch.rand(S, S), True, "a 3 x 3 convolution with rounding errors. Compare with "
                                                        "torch.allclose or a small tolerance"),
                (by_row, False, "a convolution along each row of the grid, but with other weights in each row"),
                (by_column, False, "a convolution along each column of the grid, but with other weights in each "
                                   "column"),
                (diagonal, False, "a mixer whose weights change along a row and along a column of the grid, and "
                                  "stay the same only along its diagonals"),
                (large + change, False, "a convolution in which one number was changed"),
                (large + 0.01 * change, False, "a convolution in which one number was changed by 0.005. That is more "
                                               "than rounding"),
                (large - change, False, "a convolution in which one number was made smaller. The answer is "
                                        "False when that number is made larger"),
                (-large, True, "a convolution with some negative weights"),
        ):
            got = ask(is_convolution, M, rows, columns)
            one = isinstance(got, torch.Tensor) and got.dtype == torch.bool and got.ndim == 0
            truth = one or isinstance(got, (bool, np.bool_))
            need(truth, f"expected True or False, got {repr(got)[:40]}.")
            square = "" if rows == columns else " On a square grid it is right. Did you swap rows and columns?"
            need(bool(got) == right, f"on a grid of {rows} x {columns}, {name_of(is_convolution)} says {bool(got)} for "
                                     f"{what}.{square}")
