"""What a training run will cost, before it starts: its work, its time, and the memory of each device."""

import math
from dataclasses import replace

import torch
from torch._subclasses import FakeTensorMode
from torch.func import functional_call

from ..costs import cost_by_part, count_macs, count_parameters
from ..data import batches
from ..family import build
from . import processes
from .devices import autocast, checkpointed, device_of, own_random_numbers
from .loop import frozen

FLOPS_PER_MAC = 2
PASSES = 3              # forward; backward, to the weights and to the input
TPU_V3_CORE = 61.5e12   # FLOP/s at its peak in bf16: half of a chip, which has 123e12 (cloud.google.com/tpu/docs/v3)

# The paper, Table 3, at 224 pixels: images/s per TPUv3 core at test time; epochs of JFT-300M, and the TPUv3 core-days
# that they took, of which it gives one or two digits.
PAPER = {"S/32": (11489, 5, 10), "S/16": (3994, 5, 30), "B/32": (4208, 7, 50), "B/16": (1384, 7, 80),
         "L/32": (1314, 7, 120), "L/16": (419, 14, 450), "H/14": (194, 14, 1010)}
JFT_300M = 300e6        # training images


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
        model = build(config)

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
                logits = functional_call(model, weights, torch.empty(count, *config.image_shape))  # noqa: F841
            return sum(storage.nbytes() for key, storage in storages.items() if key not in own)

    one, two = kept(1), kept(2)
    return two - one, max(0, 2 * one - two)


def memory_per_device(config, images, devices=1, precision="bf16", shard=False, checkpoint_activations=False):
    """Bytes on each device by part: {"parameters", "gradients", "optimizer state", "copies of weights",
    "activations"}, for a `MixerConfig` and AdamW in float32.

    images: how many a device works on at once. shard: as recipe.shard; a device then has 1 / devices of the first
    three, and copies are also the gathered weights of two blocks, the one at work and the next. At most one block's
    activations are computed again at a time with checkpoint_activations.

    These are the bytes of tensors. A program on a CPU takes more, since the C library keeps freed memory: with
    checkpoint_activations up to twice as much, unless the environment says MALLOC_MMAP_THRESHOLD_=131072."""
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


def memory_needed(model, dataset, recipe):
    """About how many bytes `fit` takes beyond what is already in memory: the gradients and AdamW's two means, a copy
    of the images, and what a step keeps for the backward pass, which is counted here on one image and on two; with
    half as much again for what comes and goes, as measured on CPUs."""
    def kept(count):
        storages = {}

        def note(tensor):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        x = image.to(device).expand(count, -1, -1, -1)
        with own_random_numbers(device), autocast(device, recipe.precision), \
                checkpointed(model, recipe.checkpoint_activations), \
                torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}      # batch norm changes them
            logits = functional_call(model, buffers, x)  # noqa: F841 (holds what was kept until it is counted)
        return sum(storages.values())

    device = device_of(model)
    image, _ = next(batches(dataset.train_images[:1], dataset.train_labels[:1], 1, dataset.mean, dataset.std))
    with frozen(model, recipe.freeze):
        trained = sum(p.nbytes for p in model.parameters() if p.requires_grad)
        kept_of_one = kept(2) - kept(1)
    at_once = math.ceil(recipe.batch_size / (processes.count() * recipe.accumulate))
    return 3 * trained + dataset.train_images.nbytes + int(1.5 * at_once * kept_of_one)
