"""Parts of a model switched off for a while. The model stays as it is."""

import contextlib

import torch

from .influence import beside

PARTS = {"token mixing": "token_mixing", "channel mixing": "channel_mixing"}      # as a learner and as a block names it


@contextlib.contextmanager
def switched_off(model, parts):
    """While the context lasts, parts of a model answer 0. The weights stay, and other parts may be off already.

    model: its blocks have token_mixing and channel_mixing. parts: pairs (block, part). A part is "token mixing" or
    "channel mixing", which then adds nothing; or, where token mixing is an MLP with fc1 and gelu, the number of a
    hidden unit, which then gives 0. Raises ValueError for a part that there is not."""
    wholes, units = [], {}
    for k, part in parts:
        _check(model, k, part)
        if part in PARTS:
            wholes.append(getattr(model.blocks[k], PARTS[part]))
        else:
            units.setdefault(k, []).append(part)
    hooks = [hook for module in wholes for hook in (module.register_forward_pre_hook(_no_images),
                                                    module.register_forward_hook(_nothing))]
    hooks += [model.blocks[k].token_mixing.gelu.register_forward_hook(_all_but(off)) for k, off in units.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def logits_without(model, tables, off=()):
    """The logits [B, K] that a model would give with parts of it switched off; the model stays as it is.

    tables: what `tables_by_depth` gives, so that blocks before the first switch need not be computed again. off: the
    parts, as for `switched_off`."""
    with switched_off(model, off):
        first = min((k for k, _ in off), default=len(model.blocks))
        x = model.blocks[first:](beside(model, tables[first]))                      # [B, S, C]
        return model.classify(x).to(tables[first].device)                           # [B, K]


def _check(model, k, part):
    if not 0 <= k < len(model.blocks):
        raise ValueError(f"block {k} cannot be switched off: there are blocks 0 to {len(model.blocks) - 1}")
    units = getattr(getattr(model.blocks[k].token_mixing, "fc1", None), "out_features", 0)
    if part not in (*PARTS, *range(units)):
        expected = (f'"token mixing", "channel mixing" or a hidden unit of token mixing, 0 to {units - 1}' if units
                    else '"token mixing" or "channel mixing"')
        raise ValueError(f"{part!r} cannot be switched off: expected {expected}")


def _no_images(module, inputs):
    """What is switched off need not compute anything."""
    return (inputs[0][:0],)


def _nothing(module, inputs, output):
    """Zeros [1, S, C] to be added to the table of every image."""
    return output.new_zeros(1, *output.shape[1:])


def _all_but(units):
    """A hook that gives 0 in place of hidden units, which are the last axis."""
    return lambda module, inputs, output: output.index_fill(-1, torch.tensor(units, device=output.device), 0)
