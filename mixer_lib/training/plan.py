"""What a training run will cost, before it starts: its work, its time, and the memory of each device."""

import math
from dataclasses import replace

import torch
from torch._subclasses import FakeTensorMode

from ..costs import cost_by_part, count_macs, count_parameters
from ..model import MlpMixer
from .devices import autocast, checkpointed

FLOPS_PER_MAC = 2
PASSES = 3              # forward; backward, to the weights and to the input
TPU_V3_CORE = 61.5e12   # FLOP/s at its peak in bf16: half of a chip, which has 123e12

# The paper, Tables 2 and 3: images/s per TPUv3 core at test time, at 224 pixels.
THROUGHPUT = {"S/32": 11489, "S/16": 3994, "B/32": 4208, "B/16": 1384, "L/32": 1314, "L/16": 419, "H/14": 194}
# Table 2: training images (JFT-300M, ImageNet-21k), epochs, TPUv3 core-days of pre-training.
TRAINED = {"H/14": (300e6, 14, 1010), "L/16": (14.2e6, 300, 410)}


def flops_per_image(config, checkpoint_activations=False):
    """The FLOPs of a training step per image. With checkpoint_activations the blocks do their forward pass twice, but
    for the last linear layer, whose output the backward pass does not need."""
    macs = PASSES * count_macs(config)
    if checkpoint_activations:
        parts = cost_by_part(config)["MACs"]
        macs += parts["token mixing"] + parts["channel mixing"] // 2
    return FLOPS_PER_MAC * macs


def saved_bytes(config, precision, checkpoint_activations=False):
    """What the forward pass keeps for the backward pass: (bytes per image, bytes for a batch of any size).

    The second counts copies of the weights in bf16, not the weights themselves. Nothing is computed: shapes pass
    through a model without memory, once with one image and once with two."""
    with torch.device("meta"):
        model = MlpMixer(**vars(config))

    def kept(count):
        storages = {}

        def note(tensor):
            storages[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
            return tensor

        with FakeTensorMode():
            weights = {name: torch.empty(p.shape, requires_grad=True) for name, p in model.named_parameters()}
            own = {p.untyped_storage()._cdata for p in weights.values()}
            with autocast(torch.device("cpu"), precision), checkpointed(model, checkpoint_activations), \
                    torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
                logits = torch.func.functional_call(model, weights, torch.empty(count, *config.image_shape))  # noqa: F841
            return sum(storage.nbytes() for key, storage in storages.items() if key not in own)

    one, two = kept(1), kept(2)
    return two - one, max(0, 2 * one - two)


def memory_per_device(config, images, devices=1, precision="bf16", shard=False, checkpoint_activations=False):
    """Bytes on each device by part: {"parameters", "gradients", "optimizer state", "copies of weights",
    "activations"}, for a `MixerConfig` and AdamW in float32.

    images: how many a device works on at once. shard: as recipe.shard; a device then has 1 / devices of the first
    three, and copies are also the gathered weights of two blocks, the one at work and the next. At most one block's
    activations are computed again at a time with checkpoint_activations."""
    weights = 4 * count_parameters(config)
    owned = weights / devices if shard else weights
    first, second = (saved_bytes(replace(config, num_blocks=n), precision) for n in (1, 2))
    block, copy = (b - a for a, b in zip(first, second))            # of one block, per image and for any batch
    rest, rest_copy = first[0] - block, first[1] - copy
    input_of_block = config.hidden_dim * math.prod(config.grid) * (2 if precision == "bf16" else 4)
    L = config.num_blocks
    per_image = rest + (L * input_of_block + block if checkpoint_activations else L * block)
    copies = rest_copy + (copy if checkpoint_activations else L * copy)
    if shard:
        per_block = sum(cost_by_part(config)["parameters"][part] for part in ("token mixing", "channel mixing")) / L
        copies += 2 * 4 * per_block
    return {"parameters": owned, "gradients": owned, "optimizer state": 2 * owned, "copies of weights": copies,
            "activations": images * per_image}


def steps_per_second(config, batch_size, devices, peak, share, checkpoint_activations=False):
    """How many steps of `batch_size` images all devices do per second. peak: FLOP/s of a device; share: of its peak
    that is reached. Waiting for each other and for images counts as a lower share."""
    return devices * peak * share / (batch_size * flops_per_image(config, checkpoint_activations))
