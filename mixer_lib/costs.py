"""What a model costs: its parameters and multiply-accumulates, in one table whose sums are the totals.

The table follows from the modules themselves. The model is built without memory (PyTorch's "meta" device), one image
without pixels runs through it, and each layer's work is read from the shapes that pass.
"""

import math
from dataclasses import replace

import torch
from torch import nn

from .model import MixerConfig, MlpMixer


def layer_table(config):
    """What a model does to one image, one row per layer: (layer, output shape, parameters, MACs).

    config: a `MixerConfig`, or a dict of its fields. A block has two rows; each part counts with the norm before it.
    MACs are the multiply-accumulates of the linear layers. The rows add up to `count_parameters` and `count_macs`."""
    config = config if isinstance(config, MixerConfig) else MixerConfig(**config)
    with torch.device("meta"):      # with a single block: all blocks cost the same
        model, image = MlpMixer(**vars(replace(config, num_blocks=1))), torch.empty(1, *config.image_shape)
    block, = model.blocks
    shapes, macs = {}, {}       # of each module's output, without the axis B; of each linear layer

    def note(module, inputs, output):
        shapes[module] = tuple(output.shape[1:])
        if isinstance(module, nn.Linear):
            macs[module] = output.numel() * module.in_features

    for module in model.modules():
        module.register_forward_hook(note)
    model(image)

    def row(name, *modules):
        layers = [layer for module in modules for layer in module.modules()]
        parameters = sum(p.numel() for module in modules for p in module.parameters())
        return name, shapes[modules[-1]], parameters, sum(macs.get(layer, 0) for layer in layers)

    mixings = (row("token mixing", block.token_norm, block.token_mixing),
               row("channel mixing", block.channel_norm, block.channel_mixing))
    return [("patches", (math.prod(config.grid), model.patch_embedding.linear.in_features), 0, 0),      # (S, D)
            row("patch embedding", model.patch_embedding),
            *((f"block {k} {name}", *costs) for k in range(config.num_blocks) for name, *costs in mixings),
            row("layer norm", model.norm), ("mean over patches", (config.hidden_dim,), 0, 0),
            *([row("head", model.head)] if config.num_classes else [])]


def count_parameters(config):
    """The number of parameters of a model (Table 1 of the paper). config: as for `layer_table`."""
    return sum(parameters for _, _, parameters, _ in layer_table(config))


def count_macs(config):
    """The multiply-accumulates of a model's linear layers for one image; FLOPs are twice that. config: as for
    `layer_table`."""
    return sum(macs for _, _, _, macs in layer_table(config))


def cost_by_part(config):
    """The costs of a model by kind of layer: {"parameters": {part: count}, "MACs": {part: count}}. The last norm
    counts with the head. config: as for `layer_table`."""
    costs = {what: dict.fromkeys(("patch embedding", "token mixing", "channel mixing", "head"), 0)
             for what in ("parameters", "MACs")}
    for layer, _, parameters, macs in layer_table(config):
        part = next((part for part in costs["MACs"] if layer.endswith(part)), "head")
        costs["parameters"][part] += parameters
        costs["MACs"][part] += macs
    return costs
