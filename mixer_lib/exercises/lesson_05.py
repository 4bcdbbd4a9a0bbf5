"""Lesson 05, the Mixer block and the stack."""

import torch
from torch import nn
from torch.nn.functional import layer_norm

from ..model import ChannelMixing, MixerBlock, TokenMixing
from .checking import Wrong, ask, call, compare, exercise, need, number, whole


@exercise("5.1", "equation 1 is yours.")
def check_mixer_block(mixer_block):
    """mixer_block(x, norm1, token_mixing, norm2, channel_mixing): [B, S, C] -> [B, S, C]; all four are modules."""
    torch.manual_seed(0)
    norm1, norm2, tokens, channels = nn.LayerNorm(5), nn.LayerNorm(5), TokenMixing(5, 7), ChannelMixing(5, 6)
    for norm in (norm1, norm2):                 # norms that do nothing would hide a forgotten one; S = C hides nothing
        nn.init.normal_(norm.weight)
    x = 2 * torch.randn(2, 5, 5) + 1
    u = x + tokens(norm1(x))
    y = u + channels(norm2(u))
    other = x + channels(norm2(x))
    inner = tokens(norm1(x))
    after = norm1(x + tokens(x))
    bare = x + tokens(x)
    wrong = {
        "this stops half way: the table is right after token mixing, and channel mixing is still to come.": u,
        "there is no skip connection: each half gives back its table plus the MLP's answer.": channels(norm2(inner)),
        "the first skip connection is missing: add x to what token mixing answers.": inner + channels(norm2(inner)),
        "the second skip connection is missing: add the table to what channel mixing answers.": channels(norm2(u)),
        "the second skip connection starts from the block's input x: what token mixing added is lost. Add to the "
        "table that token mixing left behind.": x + channels(norm2(u)),
        "both halves look at x, side by side. Channel mixing comes after: it reads the table that token mixing left "
        "behind.": x + inner + channels(norm2(x)),
        "the table is right, but the input is added once more at the end.": x + y,
        "channel mixing comes first here. The block's order: token mixing, then channel mixing.":
            other + tokens(norm1(other)),
        "each norm stands after its addition. In the block it stands at the start of its half, before the MLP.":
            norm2(after + channels(after)),
        "each norm stands after its MLP. In the block it stands before it.":
            (mid := x + norm1(tokens(x))) + norm2(channels(mid)),
        "both norms are missing: each MLP should read the normalized table.": bare + channels(bare),
        "norm1 is missing before token mixing.": bare + channels(norm2(bare)),
        "norm2 is missing before channel mixing.": u + channels(u),
        "norm1 is used twice; norm2 has learned numbers of its own.": u + channels(norm1(u)),
        "norm1 and norm2 are swapped.": (mid := x + tokens(norm2(x))) + channels(norm1(mid)),
        "this normalizes without the scale and shift that the norms have learned: call norm1 and norm2.":
            (mid := x + tokens(layer_norm(x, [5]))) + channels(layer_norm(mid, [5])),
        "the skip connections carry the normalized table. They carry the table as it came, past the norm.":
            (mid := norm2(norm1(x) + inner)) + channels(mid),
        "token_mixing is used in both halves.": u + tokens(norm2(u)),
        "channel_mixing is used in both halves.": other + channels(norm2(other)),
        "token_mixing transposes by itself: give it the table as it stands.":
            (mid := x + tokens(norm1(x).mT).mT) + channels(norm2(mid)),
        "token_mixing transposes by itself: add its answer as it stands.":
            (mid := x + tokens(norm1(x)).mT) + channels(norm2(mid)),
        "token_mixing transposes by itself: the norm reads the table as it stands, along its rows.":
            (mid := x + tokens(norm1(x.mT)).mT) + channels(norm2(mid)),
    }
    compare(ask(mixer_block, x, norm1, tokens, norm2, channels), y, wrong,
            "Compare with `forward` of `MyMixerBlock` in the lesson.")


@exercise("5.2", "you know how far a stack of convolutions sees.")
def check_layers_to_reach(layers_to_reach):
    """layers_to_reach(grid_height, grid_width, kernel) -> the least number of layers, an int; kernel is odd, >= 3."""
    for height, width, kernel in ((14, 14, 3), (4, 4, 3), (14, 14, 5), (3, 9, 3), (12, 3, 5), (8, 5, 15), (1, 1, 3)):
        longest, step = max(height, width) - 1, kernel // 2
        expected = -(-longest // step)
        where = call(layers_to_reach, height, width, kernel)
        value = ask(layers_to_reach, height, width, kernel)
        got = whole(value, f"{where} gives {value!r}: the number of layers is a whole number.")
        across = "A layer carries news from the middle of its window to the edge, not across the whole window."
        hints = {
            -(-longest // kernel): across,
            -(-longest // (kernel - 1)): across,
            1: "One is enough for a Mixer block. A convolution sees only a window.",
            longest // step: "After the last full step something is left, and it needs a layer, too: round up.",
            -(-(longest + 1) // step): "From the first place to the last it is one step less than there are places.",
            -(-(height + width - 2) // step): "The window is a square: one step goes down and to the side at once.",
            -(-(min(height, width) - 1) // step): "This is enough for the shorter side. And the longer?",
            longest: "With a larger kernel each layer reaches farther.",
        } if longest else {got: "A single place sees all there is to see, without any layer."}
        need(got == expected, f"{where} gives {got}, expected {expected}. {hints.get(got, 'Follow one corner.')}")


@exercise("5.3", "you can see which block is told to move most.")
def check_gradient_by_depth(gradient_by_depth):
    """gradient_by_depth(blocks, x) -> list of the norms of the gradient of blocks(x).sum(), a number a block."""
    torch.manual_seed(0)
    blocks = nn.Sequential(*[MixerBlock(4, TokenMixing(3, 5), ChannelMixing(4, 6)) for _ in range(3)])
    x = 3 * torch.randn(1, 3, 4)
    tables = [x.clone().requires_grad_()]
    for block in blocks:
        tables.append(block(tables[-1]))
    score = tables[-1].sum()

    def measure(block, score=score, join=torch.norm, of=lambda p: True):
        found = torch.autograd.grad(score, [p for p in block.parameters() if of(p)], retain_graph=True)
        return join(torch.stack([gradient.norm() for gradient in found])).item()

    def each(**how):
        return torch.tensor([measure(block, **how) for block in blocks])

    expected = each()
    inputs = torch.stack([gradient.norm() for gradient in torch.autograd.grad(score, tables, retain_graph=True)])
    wrong = {
        "the order is reversed: the first number is that of the first block.": expected.flip(0),
        "these are the gradients of the tables that go into the blocks, as in the lesson. Asked for are those of the "
        "blocks' parameters.": inputs[:-1],
        "these are the gradients of the tables that come out of the blocks. Asked for are those of the blocks' "
        "parameters.": inputs[1:],
        "these are the norms of the parameters themselves, not of their gradients.":
            torch.tensor([torch.stack([p.detach().norm() for p in block.parameters()]).norm() for block in blocks]),
        "these are the squares of the norms: take the root at the end.": expected.square(),
        "the norms of a block's parameters are added up. Add their squares, and take the root of the sum.":
            each(join=torch.sum),
        "this is the largest of the norms of each block. All numbers of a block belong together: the root of the sum "
        "of all squares.": each(join=torch.max),
        "this is the mean over a block's parameters. Add the squares, and take the root of the sum.":
            each(join=torch.mean),
        "this counts the weight matrices only; the biases and the norms of a block are parameters, too.":
            each(of=lambda p: p.ndim > 1),
        "each number holds the blocks before it, too: begin anew for each block.":
            expected.square().cumsum(0).sqrt(),
        "each block was given x. In the stack it is given the table that the block before left behind.":
            torch.tensor([measure(block, block(x).sum()) for block in blocks]),
        "each block's own output was summed up. The score is the sum of the last table, and all blocks answer for "
        "it.": torch.tensor([measure(block, table.sum()) for block, table in zip(blocks, tables[1:])]),
        "the score is the sum of the last table, not its mean.": expected / x.numel(),
        "the score is the sum of the last table, not the sum of its squares.": each(score=tables[-1].square().sum()),
        "the score is the sum of the last table, not its norm.": each(score=tables[-1].norm()),
    }
    for attempt in ("first", "second"):
        try:
            values = ask(gradient_by_depth, blocks, x)
        except Wrong as error:
            need("backward through the graph a second" not in str(error),
                 "after the first answer PyTorch has forgotten the computation: pass retain_graph=True, or ask for all "
                 "blocks at once.")
            raise
        values = values.tolist() if hasattr(values, "tolist") else values
        need(isinstance(values, (list, tuple)), f"return a list with a number for each block, not {values!r}.")
        got = torch.tensor([number(value) for value in values])
        need(len(got) == len(blocks), f"there are {len(got)} numbers for {len(blocks)} blocks; one for each, please.")
        if attempt == "second":
            need(not torch.allclose(got, 2 * expected, rtol=1e-3),
                 "called a second time on the same blocks, the numbers double: backward() adds to the gradients that "
                 "are there. Clear them first, or use torch.autograd.grad, which keeps none.")
        compare(got, expected, wrong, f"This is the {attempt} call. Take one block, and follow its gradient from the "
                                      "score on.")
