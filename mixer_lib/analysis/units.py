"""What the hidden units of token mixing answer to images: one number per image and channel, before the GELU."""

import torch

from .influence import AT_ONCE, beside
from .kernels import mixing_weights


@torch.no_grad()
def unit_slopes(model, tables):
    """The mean slope of the GELU of each hidden unit of token mixing, over all images and channels: a list of L tensors
    [D_S].

    tables: what `tables_by_depth` gives. A slope of 1 lets a unit's answer through as it is, 0 keeps it back, 1/2 is
    the slope at 0. `token_map(W1, W2, slopes)` of a block is then the mean, over the same images and channels, of the
    derivative of its token mixing. Raises ValueError for a model whose token mixing is no MLP."""
    mixing_weights(model)       # raises it
    return [sum(_slopes(model, k, some).sum(dim=(0, 1)) for some in table.split(AT_ONCE)).to(table.device)
            / (table.shape[0] * table.shape[2]) for k, table in enumerate(tables[:-1])]


@torch.no_grad()
def top_answers(model, tables, block, unit, count):
    """The largest answers of a hidden unit of token mixing, before the GELU, at most one per image: (image [count], an
    index into the tables; channel [count]; answer [count]), the largest answer first.

    tables: what `tables_by_depth` gives. Raises ValueError for a block or a unit that does not exist, for
    more answers than images, and for a model whose token mixing is no MLP."""
    L, D_S, _ = mixing_weights(model)[0].shape
    if not (0 <= block < L and 0 <= unit < D_S):
        raise ValueError(f"block {block} has no unit {unit}: expected a block from 0 to {L - 1} and a unit from 0 to "
                         f"{D_S - 1}")
    table = tables[block]
    if not 1 <= count <= len(table):
        raise ValueError(f"count is {count}, expected 1 to {len(table)}: there is one answer per image")
    answers, channel = torch.cat([before_gelu(model, block, some, [unit])[..., 0] for some in table.split(AT_ONCE)]
                                 ).to(table.device).max(dim=1)                      # [B, C] -> [B] each
    image = answers.argsort(descending=True, stable=True)[:count]
    return image, channel[image], answers[image]


def before_gelu(model, k, table, units=slice(None)):
    """What hidden units of block k answer to a table [B, S, C], before the GELU: [B, C, D_S], or only some units."""
    block = model.blocks[k]
    fc1, x = block.token_mixing.fc1, block.token_norm(beside(model, table)).mT      # [B, C, S]
    return torch.nn.functional.linear(x, fc1.weight[units], fc1.bias[units])


def _slopes(model, k, table):
    """The slope of each unit's GELU, exact or tanh, for each image and channel: [B, C, D_S]."""
    gelu = model.blocks[k].token_mixing.gelu
    return torch.func.grad(lambda answers: gelu(answers).sum())(before_gelu(model, k, table))
