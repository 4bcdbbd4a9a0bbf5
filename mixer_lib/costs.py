"""What a model costs: its parameters and multiply-accumulates, in one table whose sums are the totals.

The table follows from the modules themselves. The model is built without memory (PyTorch's "meta" device), one image
without pixels runs through it, and each layer's work is read from the shapes that pass.
"""

import math
from dataclasses import replace
from functools import cache

import torch
from torch import nn

from .configs import get_config
from .family import build, configure
from .model import MixerConfig


def layer_table(config: MixerConfig | dict) -> list[tuple[str, tuple[int, ...], int, int]]:
    """What a model does to one image, one row per layer: (layer, output shape, parameters, MACs).

    config: a `MixerConfig` or that of a relative, or a dict as in `MODELS` and `RELATIVES` of configs.py. A block has
    two rows: token mixing with its norm, and the rest as channel mixing. MACs are the multiply-accumulates of linear
    layers and convolutions, of attention's products of tokens, and those of a fast Fourier transform as usually
    estimated. The rows add up to `count_parameters` and `count_macs`."""
    config = config if isinstance(config, MixerConfig) else configure(**config)
    with torch.device("meta"):
        # With a single block: all blocks cost the same. Batch norm needs no batch when it is not in training.
        model, image = build(replace(config, num_blocks=1)).eval(), torch.empty(1, *config.image_shape)
    block, = model.blocks
    shapes, macs = {}, {}       # of each module's output, without the axis B; of each linear layer

    def note(module, inputs, output):
        shapes[module] = tuple(output.shape[1:])
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            macs[module] = output.numel() * module.weight[0].numel()
        elif hasattr(module, "macs"):
            macs[module] = module.macs(output.shape)

    for module in model.modules():
        module.register_forward_hook(note)
    model(image)

    def row(name, module, layers=None):
        layers = {*module.modules()} if layers is None else layers
        parameters = sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))
        return name, shapes[module], parameters, sum(macs.get(layer, 0) for layer in layers)

    of_tokens = {*block.token_mixing.modules(), *getattr(block, "token_norm", nn.Identity()).modules()}
    mixings = (row("token mixing", block.token_mixing, of_tokens),
               row("channel mixing", block.channel_mixing, {*block.modules()} - of_tokens))
    last_norm = "layer norm" if isinstance(model.norm, nn.LayerNorm) else "last norm"
    return [("patches", (math.prod(config.grid), model.patch_embedding.linear.in_features), 0, 0),      # (S, D)
            row("patch embedding", model.patch_embedding),
            *((f"block {k} {name}", *costs) for k in range(config.num_blocks) for name, *costs in mixings),
            *([] if isinstance(model.norm, nn.Identity) else [row(last_norm, model.norm)]),
            ("mean over patches", (config.hidden_dim,), 0, 0),
            *([row("head", model.head)] if config.num_classes else [])]


def count_parameters(config: MixerConfig | dict) -> int:
    """The number of parameters of a model (Table 1 of the paper). config: as for `layer_table`."""
    return sum(parameters for _, _, parameters, _ in layer_table(config))


def count_macs(config: MixerConfig | dict) -> int:
    """The multiply-accumulates of a model for one image, as `layer_table` counts them; FLOPs are twice that. config: as
    for `layer_table`."""
    return sum(macs for _, _, _, macs in layer_table(config))


def cost_by_part(config: MixerConfig | dict) -> dict[str, dict[str, int]]:
    """The costs of a model by kind of layer: {"parameters": {part: count}, "MACs": {part: count}}. The last norm
    counts with the head. config: as for `layer_table`."""
    costs = {what: dict.fromkeys(("patch embedding", "token mixing", "channel mixing", "head"), 0)
             for what in ("parameters", "MACs")}
    for layer, _, parameters, macs in layer_table(config):
        part = next((part for part in costs["MACs"] if layer.endswith(part)), "head")
        costs["parameters"][part] += parameters
        costs["MACs"][part] += macs
    return costs


def fit_to(name: str, parameters: float | None = None, macs: float | None = None, **overrides) -> MixerConfig:
    """The configuration of a model by name whose width brings it nearest to a budget without exceeding it.

    name, overrides: as for `get_config`. parameters, macs: the budget, one of the two; compare with `count_parameters`
    and `count_macs`. The hidden_dim changes, and in proportion to it the hidden units of the MLPs, which stay even.
    With attention hidden_dim stays a multiple of num_heads. Raises ValueError for two budgets or none, and where even
    the narrowest model exceeds the budget."""
    budget, count = (parameters, count_parameters) if macs is None else (macs, count_macs)
    if (parameters is None) == (macs is None) or not (budget or 0) > 0:
        raise ValueError(f"parameters is {parameters!r} and macs is {macs!r}: expected a positive number for one of "
                         f"the two")
    given = get_config(name, **overrides)
    step = getattr(given, "num_heads", 1)

    def at(width):              # in steps
        units = {size: 2 * max(1, round(getattr(given, size) * width * step / given.hidden_dim / 2))
                 for size in ("tokens_mlp_dim", "channels_mlp_dim") if getattr(given, size)}
        return replace(given, hidden_dim=width * step, **units)

    @cache                      # for a count takes a tenth of a second
    def cost(width):
        return count(at(width))

    width = given.hidden_dim // step
    for _ in range(3):          # costs grow about as the square of the width
        width = max(1, int(width * math.sqrt(budget / cost(width))))
    while cost(width) > budget and width > 1:
        width -= 1
    while cost(width + 1) <= budget:
        width += 1
    if cost(width) > budget:
        what = "parameters" if macs is None else "MACs"
        raise ValueError(f"{what} is {budget!r}, but even with a hidden_dim of {step} {name} has {cost(1):,}: expected "
                         f"at least that many")
    return at(width)
