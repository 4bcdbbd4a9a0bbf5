"""Parts of a model switched off or replaced for a while. The model stays as it is."""

import contextlib

import torch

from ..family.convmixer import ConvMixerBlock
from ..family.gmlp import GatedBlock
from .influence import AT_ONCE, beside
from .units import before_gelu

PARTS = {"token mixing": "token_mixing", "channel mixing": "channel_mixing"}      # as a learner and as a block names it
BY = ("zero", "mean", "another image")


@contextlib.contextmanager
def switched_off(model, parts):
    """While the context lasts, parts of a model answer 0. The weights stay, and other parts may be off already.

    model: its blocks have token_mixing and channel_mixing. parts: pairs (block, part). A part is "token mixing" or
    "channel mixing", which then adds nothing; or, where token mixing is an MLP with fc1 and gelu, the number of a
    hidden unit, which then gives 0. Raises ValueError for a part that does not exist."""
    with _answering(model, dict.fromkeys(parts)):
        yield


@torch.no_grad()
def logits_without(model, tables, off=(), by="zero", seed=0):
    """The logits [B, K] that a model would give with parts of it switched off; the model stays as it is.

    tables: what `tables_by_depth` gives for B images, so that blocks before the first switch are not computed again.
    off: the parts, as for `switched_off`. by: what each part answers instead, one of BY.

    - "zero". The blocks after the part have never seen zeros there, so part of the cost is the shock.
    - "mean": the part's mean answer over the B images, for each place and channel. Only what the part says about the
      single image is gone.
    - "another image": what the part answers to another of the B images, the same image for all parts that are off. The
      part still describes an image, but the wrong one. `seed` draws the pairs; no image gets its own answer.

    The last two take the answers of the network in which everything is on. For a hidden unit, that is the answer after
    the GELU, for each channel. Raises ValueError for a part that does not exist, for another `by`, and for a single
    image where another one is needed."""
    if by not in BY:
        raise ValueError(f"by is {by!r}, expected one of {', '.join(map(repr, BY))}")
    off = list(off)
    for k, part in off:
        _check(model, k, part)
    first = min((k for k, _ in off), default=len(model.blocks))
    if by == "zero":
        answers = dict.fromkeys(off)
    elif by == "mean":
        answers = {(k, part): _mean_answer(model, k, part, tables[k]) for k, part in off}
    else:
        others, logits = _others(len(tables[first]), seed), []
        for rows in torch.arange(len(others), device="cpu").split(AT_ONCE):
            answers = {(k, part): _answer(model, k, part, _at(tables[k], others[rows])) for k, part in off}
            with _answering(model, answers):
                logits.append(_logits(model, first, _at(tables[first], rows)))
        return torch.cat(logits)
    with _answering(model, answers):
        return _logits(model, first, tables[first])


@torch.no_grad()
def token_mixing_means(model, tables):
    """For each block, what its token mixing reads and what it answers, each the mean over B images: pairs of tensors
    [1, S, C]. tables: what `tables_by_depth` gives for these images."""
    return [tuple(mean.to(tables[k].device) for mean in _mean_read_and_answer(model, k, tables[k]))
            for k in range(len(model.blocks))]


@torch.no_grad()
def logits_with_maps(model, tables, maps, means=None):
    """The logits [B, K] that a model would give with linear maps of places in place of the token mixing of some blocks.

    tables: what `tables_by_depth` gives. maps: {block: M}, M [S, S]. A token mixing reads the normalized table x
    [S, C]. Here it answers its mean answer + M (x - mean x). Both means are over the B images, for each place and
    channel, of the network as it is. So M = 0 switches off by the mean, and the `token_map` with the slopes of
    `unit_slopes` leaves what is linear in the layer. means: what `token_mixing_means` gives for these tables, so that
    many maps can be tried without computing it each time. Raises ValueError for a block that does not exist, and for
    a map of another shape."""
    hooks, first = [], min(maps, default=len(model.blocks))
    for k, M in maps.items():
        _check(model, k, "token mixing")
        S, block = tables[k].shape[1], model.blocks[k]
        if M.shape != (S, S):
            raise ValueError(f"the map of block {k} has the shape {list(M.shape)}, expected {[S, S]}")
        M = beside(model, M).to(tables[k].dtype)
        x, answer = (beside(model, mean) for mean in means[k]) if means else _mean_read_and_answer(model, k, tables[k])
        rest = answer - M @ x                                                                   # [1, S, C]
        mixing, (before, after) = block.token_mixing, _linear(M, rest)
        hooks += [(mixing.register_forward_pre_hook, before), (mixing.register_forward_hook, after)]
    with contextlib.ExitStack() as stack:
        for register, hook in hooks:
            stack.callback(register(hook).remove)
        return _logits(model, first, tables[first])


@contextlib.contextmanager
def _answering(model, answers):
    """While the context lasts, parts (block, part) give answers [B or 1, S, C], hidden units [B or 1, C]; None is 0."""
    wholes, units = [], {}
    for (k, part), answer in answers.items():
        _check(model, k, part)
        if part in PARTS:
            wholes.append((getattr(model.blocks[k], PARTS[part]), answer))
        else:
            units.setdefault(k, {})[part] = answer
    hooks = [hook for module, answer in wholes for hook in (module.register_forward_pre_hook(_no_images),
                                                            module.register_forward_hook(_instead(answer)))]
    hooks += [model.blocks[k].token_mixing.gelu.register_forward_hook(_all_but(off)) for k, off in units.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _check(model, k, part):
    if not 0 <= k < len(model.blocks):
        raise ValueError(f"block {k} cannot be switched off: there are blocks 0 to {len(model.blocks) - 1}")
    if isinstance(model.blocks[k], (GatedBlock, ConvMixerBlock)):
        raise ValueError(f"the parts of a {type(model.blocks[k]).__name__} cannot be switched off: they are not on "
                         f"residual branches of their own, as in a MixerBlock")
    units = getattr(getattr(model.blocks[k].token_mixing, "fc1", None), "out_features", 0)
    if part not in (*PARTS, *range(units)):
        expected = (f'"token mixing", "channel mixing" or a hidden unit of token mixing, 0 to {units - 1}' if units
                    else '"token mixing" or "channel mixing"')
        raise ValueError(f"{part!r} cannot be switched off: expected {expected}")


def _answer(model, k, part, table):
    """What a part answers to a table [B, S, C] before its block: [B, S, C], of a hidden unit [B, C]."""
    block, table = model.blocks[k], beside(model, table)
    if part not in PARTS:
        return block.token_mixing.gelu(before_gelu(model, k, table))[..., part]
    answer = block.token_mixing(block.token_norm(table))
    return answer if part == "token mixing" else block.channel_mixing(block.channel_norm(table + answer))


def _mean_answer(model, k, part, table):
    return _mean(_answer(model, k, part, some) for some in table.split(AT_ONCE))


def _mean_read_and_answer(model, k, table):
    block = model.blocks[k]
    return (_mean(block.token_norm(beside(model, some)) for some in table.split(AT_ONCE)),
            _mean_answer(model, k, "token mixing", table))


def _mean(parts):
    """The mean over all images of tensors [some images, ...]: [1, ...]."""
    sums, counts = zip(*((part.sum(dim=0, keepdim=True), len(part)) for part in parts))
    return sum(sums) / sum(counts)


def _others(B, seed):
    """For each of B images another one, on the CPU: [B]. All stand in a circle, and each looks at the one before it."""
    if B < 2:
        raise ValueError("a single image cannot get the answer of another image: give two or more")
    circle = torch.randperm(B, generator=torch.Generator().manual_seed(seed), device="cpu")
    others = torch.empty_like(circle)
    others[circle] = circle.roll(1)
    return others


def _at(table, rows):
    return table[rows.to(table.device)]


def _logits(model, first, table):
    """The logits [B, K] from the table [B, S, C] before block `first`, on its device."""
    return torch.cat([model.classify(model.blocks[first:](beside(model, some))) for some in table.split(AT_ONCE)]
                     ).to(table.device)


def _no_images(module, inputs):
    """A part that is switched off need not compute anything."""
    return (inputs[0][:0],)


def _instead(answer):
    """A hook that gives another answer; zeros [1, S, C], to be added to the table of every image, if it is None."""
    return lambda module, inputs, output: output.new_zeros(1, *output.shape[1:]) if answer is None else answer


def _all_but(units):
    """A hook that gives {unit: answer} in place of hidden units, which are the last axis."""
    def hook(module, inputs, output):
        output = output.clone()
        for unit, answer in units.items():
            output[..., unit] = 0 if answer is None else answer[:len(output)]       # none where the whole part is off
        return output
    return hook


def _linear(M, rest):
    """A pair of hooks, before and after a module, by which it gives M x + rest without computing anything else."""
    read = []

    def before(module, inputs):
        read.append(inputs[0])
        return _no_images(module, inputs)

    return before, lambda module, inputs, output: M @ read.pop() + rest
