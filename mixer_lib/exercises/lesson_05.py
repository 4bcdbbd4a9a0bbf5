"""Lesson 05, the Mixer block and the stack."""

import math

import torch
from torch import nn
from torch.nn.functional import layer_norm

from ..model import ChannelMixing, MixerBlock, TokenMixing
from .checking import Wrong, ask, call, compare, exercise, need, number, passes_gradient, whole


@exercise("5.1", "this is equation 1, and all three mistakes are gone.")
def check_mixer_block(mixer_block):
    """mixer_block(x, norm1, token_mixing, norm2, channel_mixing): [B, S, C] -> [B, S, C]; all four are modules."""
    torch.manual_seed(0)
    for B, S, C in ((2, 5, 5), (3, 4, 6)):      # where S = C, every mistake has the right shape
        norm1, norm2, tokens, channels = nn.LayerNorm(C), nn.LayerNorm(C), TokenMixing(S, 7), ChannelMixing(C, 6)
        for norm in (norm1, norm2):             # norms that do nothing would hide a forgotten one
            nn.init.normal_(norm.weight)
        x = (2 * torch.randn(B, S, C) + 1).requires_grad_()
        u = x + tokens(norm1(x))
        wrong = mistakes_of_a_block(x, u, norm1, tokens, norm2, channels) if S == C else {}
        got, expected = ask(mixer_block, x, norm1, tokens, norm2, channels), u + channels(norm2(u))
        compare(got, expected, wrong,
                f"(The table is {S} x {C}.) Compare with `forward` of `MyMixerBlock` in the lesson.")
        passes_gradient(got, expected, x)


def mistakes_of_a_block(x, u, norm1, tokens, norm2, channels):
    """What goes wrong in 5.1: {message: the table that the mistake gives}. u: the table after token mixing."""
    other = x + channels(norm1(x))
    inner = tokens(norm1(x))
    after = norm1(x + tokens(x))
    bare = x + tokens(x)
    early = x + channels(norm2(x))
    return {
        "this is still the broken block, with all three mistakes.": x + channels(norm1(inner)),
        "two mistakes are left: both skip connections. Each half adds the table that it was given.":
            x + channels(norm2(inner)),
        "two mistakes are left: the first skip connection is missing, and norm1 is used twice.":
            inner + channels(norm1(inner)),
        "two mistakes are left: the second skip connection starts from x, and norm1 is used twice.":
            x + channels(norm1(u)),
        "this stops halfway. The table after token mixing is right, but channel mixing is missing.": u,
        "there is no skip connection: each half returns its table plus the MLP's answer.": channels(norm2(inner)),
        "the first skip connection is missing: add x to the answer of token mixing.": inner + channels(norm2(inner)),
        "the second skip connection is missing: add the table after token mixing to the answer of channel mixing.":
            channels(norm2(u)),
        "the second skip connection starts from the block's input x, so what token mixing added is lost. Start from "
        "the table after token mixing.": x + channels(norm2(u)),
        "both halves read x, side by side. Channel mixing comes second: it reads the table after token mixing.":
            x + inner + channels(norm2(x)),
        "the table is right, but the input is added once more at the end.": x + u + channels(norm2(u)),
        "channel mixing comes first here, each with its own norm. In the block, token mixing comes first.":
            early + tokens(norm1(early)),
        "token_mixing and channel_mixing have traded places. Token mixing comes first.": other + tokens(norm2(other)),
        "each norm comes after its addition. In the block, each norm comes at the start of its half, before the MLP.":
            norm2(after + channels(after)),
        "each norm comes after its MLP. In the block, each norm comes before its MLP.":
            (mid := x + norm1(tokens(x))) + norm2(channels(mid)),
        "both norms are missing: each MLP should read the normalized table.": bare + channels(bare),
        "norm1 is missing before token mixing.": bare + channels(norm2(bare)),
        "norm2 is missing before channel mixing.": u + channels(u),
        "norm1 is used twice, but norm2 has learned its own numbers.": u + channels(norm1(u)),
        "norm1 and norm2 are swapped.": (mid := x + tokens(norm2(x))) + channels(norm1(mid)),
        "this normalizes without the scale and shift that the norms have learned: call norm1 and norm2.":
            (mid := x + tokens(layer_norm(x, x.shape[-1:]))) + channels(layer_norm(mid, x.shape[-1:])),
        "the skip connections carry the normalized table. They should carry the table from before the norm.":
            (mid := norm2(norm1(x) + inner)) + channels(mid),
        "the first skip connection carries the normalized table. It should carry the table from before the norm.":
            (mid := norm1(x) + inner) + channels(norm2(mid)),
        "the second skip connection carries the normalized table. It should carry the table from before the norm.":
            norm2(u) + channels(norm2(u)),
        "norm2 is used twice, but norm1 has learned its own numbers.":
            (mid := x + tokens(norm2(x))) + channels(norm2(mid)),
        "token_mixing is used in both halves.": u + tokens(norm2(u)),
        "channel_mixing is used in both halves.": early + channels(norm2(early)),
        "token_mixing transposes by itself: do not transpose the table that you give it.":
            (mid := x + tokens(norm1(x).mT).mT) + channels(norm2(mid)),
        "token_mixing transposes by itself: do not transpose its answer.":
            (mid := x + tokens(norm1(x)).mT) + channels(norm2(mid)),
        "token_mixing transposes by itself: give the norm the table before any transpose, so that it reads rows.":
            (mid := x + tokens(norm1(x.mT)).mT) + channels(norm2(mid)),
        "norm1 reads columns here. In both halves the norm works along the rows, one token at a time.":
            (mid := x + tokens(norm1(x.mT).mT)) + channels(norm2(mid)),
        "the second half subtracts the answer of channel mixing. Add it.": u - channels(norm2(u)),
        "the first half subtracts the answer of token mixing. Add it.": (mid := x - inner) + channels(norm2(mid)),
    }


@exercise("5.2", "you know how far a stack of convolutions sees.")
def check_layers_to_reach(layers_to_reach):
    """layers_to_reach(grid_height, grid_width, kernel) -> the smallest number of layers; kernel is odd, >= 3."""
    for height, width, kernel in ((14, 14, 3), (4, 4, 3), (14, 14, 5), (3, 9, 3), (12, 3, 5), (8, 5, 15), (1, 1, 3),
                                  (7, 31, 9), (2, 1, 7)):
        longest, step = max(height, width) - 1, kernel // 2
        expected = -(-longest // step)
        where = call(layers_to_reach, height, width, kernel)
        value = ask(layers_to_reach, height, width, kernel)
        got = whole(value, f"{where} gives {value!r}, of type {type(value).__name__}: the number of layers is a whole "
                           "number, an int. Use // or math.ceil, or wrap it in int().")
        diagonal = ((height - 1) ** 2 + (width - 1) ** 2) ** 0.5
        across = "A layer carries numbers from the middle of its window to the edge, not across the whole window."
        hints = {                               # where two agree, the later one holds
            math.ceil(longest / (kernel / 2)): "A window of 3 reaches 1 place to each side, a window of 5 reaches 2: "
                                               "kernel // 2.",
            math.ceil(diagonal / step): "A diagonal step counts as one step, since the window is a square.",
            -(-longest // kernel): across,
            -(-longest // (kernel - 1)): across,
            1: "One Mixer block is enough, but a convolution sees only its window.",
            longest // step: "After the last full step some distance is left, and that needs a layer, too: round up.",
            -(-(longest + 1) // step): "From the first place to the last there is one step less than there are places.",
            -(-(height + width - 2) // step): "The window is a square: one step goes down and sideways at once.",
            -(-(min(height, width) - 1) // step): "This is enough for the shorter side. What about the longer side?",
            longest: "With a larger kernel each layer reaches farther.",
        } if longest else {got: "With a single place there is nothing to reach: no layer is needed."}
        hint = hints.get(got, "Follow one corner from layer to layer.")
        need(got == expected, f"{where} gives {got}, expected {expected}. {hint}")


@exercise("5.3", "you can see which block is told to move most.")
def check_gradient_by_depth(gradient_by_depth):
    """gradient_by_depth(blocks, x) -> list of the norms of the gradient of blocks(x).sum(), one per block."""
    torch.manual_seed(0)
    for L, B, S, C in ((3, 1, 3, 4), (6, 2, 4, 3)):
        blocks = nn.Sequential(*[MixerBlock(C, TokenMixing(S, 5), ChannelMixing(C, 6)) for _ in range(L)])
        compare_gradients(gradient_by_depth, blocks, 3 * torch.randn(B, S, C))


def compare_gradients(gradient_by_depth, blocks, x):
    """The check of 5.3 for one stack and one batch."""
    tables = [x.clone().requires_grad_()]
    for block in blocks:
        tables.append(block(tables[-1]))
    score = tables[-1].sum()

    def measure(block, score=score, join=torch.norm, size=torch.norm, of=lambda p: True):
        found = torch.autograd.grad(score, [p for p in block.parameters() if of(p)], retain_graph=True)
        return join(torch.stack([size(gradient) for gradient in found])).item()

    def each(**how):
        return torch.tensor([measure(block, **how) for block in blocks])

    expected = each()
    inputs = torch.stack([gradient.norm() for gradient in torch.autograd.grad(score, tables, retain_graph=True)])
    wrong = {
        "the order is reversed: the first number belongs to the first block.": expected.flip(0),
        "these are the gradients for the tables that go into the blocks, as in the lesson. The exercise asks for the "
        "gradients for the blocks' parameters.": inputs[:-1],
        "these are the gradients for the tables that come out of the blocks. The exercise asks for the gradients for "
        "the blocks' parameters.": inputs[1:],
        "these are the norms of the parameters themselves, not of their gradients.":
            torch.tensor([torch.stack([p.detach().norm() for p in block.parameters()]).norm() for block in blocks]),
        "these are the squares of the norms: take the square root at the end.": expected.square(),
        "the norms of a block's parameters are added up. Add their squares, and take the square root of the sum.":
            each(join=torch.sum),
        "this is the largest norm in each block. All gradients of a block count together: take the square root of the "
        "sum of all squares.": each(join=torch.max),
        "this is the mean over a block's parameters. Add the squares, and take the square root of the sum.":
            each(join=torch.mean),
        "this is the sum of the absolute values. Add the squares, and take the square root of the sum.":
            each(join=torch.sum, size=lambda gradient: gradient.abs().sum()),
        "this is the root of the mean of the squares. Take the root of their sum.":
            expected / sum(p.numel() for p in blocks[0].parameters()) ** 0.5,
        "from the second block on these are sums over several calls of backward(), which adds to the gradients that "
        "are already there. Call it once, before the loop, or use torch.autograd.grad.":
            expected * torch.arange(1, len(blocks) + 1),
        "this counts only the weight matrices. The biases and the LayerNorm weights are parameters, too.":
            each(of=lambda p: p.ndim > 1),
        "each number includes the blocks before it: start again at 0 for each block.":
            expected.square().cumsum(0).sqrt(),
        "each block was given x. In the stack, a block gets the table that comes out of the block before it.":
            torch.tensor([measure(block, block(x).sum()) for block in blocks]),
        "each block's own output was summed. For all blocks, the score is the sum of the last table.":
            torch.tensor([measure(block, table.sum()) for block, table in zip(blocks, tables[1:])]),
        "the score is the sum of the last table, not its mean.": expected / x.numel(),
        "the score is the sum of the last table, not the sum of its squares.": each(score=tables[-1].square().sum()),
        "the score is the sum of the last table, not its norm.": each(score=tables[-1].norm()),
    }
    for attempt in ("first", "second"):
        try:
            values = ask(gradient_by_depth, blocks, x)
        except Wrong as error:
            need("backward through the graph a second" not in str(error),
                 "after the first gradient PyTorch has discarded the computation graph: pass retain_graph=True, or ask "
                 "for the gradients of all blocks at once.")
            need("does not require grad" not in str(error),
                 "the score has forgotten how it was computed: leave out torch.no_grad() and detach().")
            need("only for scalar outputs" not in str(error),
                 "PyTorch takes the gradient of a single number, and blocks(x) is a whole table: add .sum().")
            raise
        values = values.tolist() if hasattr(values, "tolist") else values
        need(isinstance(values, (list, tuple)), f"return a list with one number per block, not {values!r}.")
        got = torch.tensor([number(value) for value in values])
        need(len(got) == len(blocks), f"there are {len(got)} numbers for {len(blocks)} blocks. Return one per block.")
        if attempt == "second":
            need(not torch.allclose(got, 2 * expected, rtol=1e-3),
                 "called a second time on the same blocks, it returns double the numbers: backward() adds to the "
                 "gradients that are already there. Clear them first, or use torch.autograd.grad, which keeps none.")
        compare(got, expected, wrong, f"This is the {attempt} call. Take one block, and follow its gradient back from "
                                      "the score.")
