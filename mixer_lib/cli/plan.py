"""The command plan: what a training run would cost."""

from dataclasses import replace

from ..configs import get_config
from ..costs import count_macs, count_parameters
from ..training.plan import (
    FLOPS_PER_MAC,
    JFT_300M,
    PAPER,
    TPU_V3_CORE,
    flops_per_image,
    memory_per_device,
    steps_per_second,
)

WAYS = {"plain": {}, "shard": {"shard": True}, "checkpoint": {"checkpoint_activations": True},
        "both": {"shard": True, "checkpoint_activations": True}}


def plan(options, words):
    config = get_config(options.name)
    if options.num_classes is not None:
        config = replace(config, num_classes=options.num_classes)
    for name in ("images", "epochs", "devices", "peak", "batch_size"):
        if not 0 < getattr(options, name) < float("inf"):
            raise ValueError(f"{name} is {getattr(options, name)!r}: expected a positive number")
    if not 0 < options.share <= 1:
        raise ValueError(f"share is {options.share!r}, the share of the peak that is reached: expected more than 0, "
                         f"and at most 1")
    if options.batch_size < options.devices:
        raise ValueError(f"batch_size is {options.batch_size}, the images per step of all devices together: expected "
                         f"at least one for each of the {options.devices} devices")
    seen = options.images * options.epochs
    print(f"{options.name}: {count_parameters(config):,} parameters, {count_macs(config):,} MACs per image\n")
    print(f"{'':<36}{'plain':>14}{'checkpointed':>14}")
    ways = [flops_per_image(config, again) for again in (False, True)]
    steps = [steps_per_second(config, options.batch_size, options.devices, options.peak, options.share, again)
             for again in (False, True)]
    line("GFLOPs per image, training", [f"{work / 1e9:,.4g}" for work in ways])
    line("FLOPs of the whole run", [f"{work * seen:.3g}" for work in ways])
    line(f"steps/s, {options.batch_size:,} images each", [f"{speed:.3g}" for speed in steps])
    line("images/s per device", [f"{speed * options.batch_size / options.devices:,.4g}" for speed in steps])
    days = [seen / options.batch_size / speed / 86400 for speed in steps]
    line(f"days on {options.devices:,} devices", [f"{time:.3g}" for time in days])
    line("device-days", [f"{time * options.devices:,.4g}" for time in days])

    here = -(-options.batch_size // options.devices)
    print(f"\nGB on each device, {here:,} images at once, {options.precision}\n{'':<36}"
          + "".join(f"{way:>14}" for way in WAYS))
    columns = [memory_per_device(config, here, options.devices, options.precision, **way) for way in WAYS.values()]
    for part in columns[0]:
        line(part, [f"{column[part] / 1e9:,.3f}" for column in columns])
    line("total", [f"{sum(column.values()) / 1e9:,.3f}" for column in columns])
    if options.name in PAPER:
        compare(options.name)


def line(name, values):
    print(f"{name:<36}" + "".join(f"{value:>14}" for value in values))


def compare(name):
    """What the paper reached with a model, as a share of its machine's peak."""
    config, (speed, epochs, core_days) = get_config(name), PAPER[name]
    share = speed * FLOPS_PER_MAC * count_macs(config) / TPU_V3_CORE
    print(f"\nThe paper, on a TPUv3 core of {TPU_V3_CORE:.3g} FLOP/s at its peak")
    print(f"  testing: {speed:,} images/s per core, {share:.0%} of the peak. Training takes three times the work")
    ideal = JFT_300M * epochs * flops_per_image(config) / TPU_V3_CORE / 86400
    print(f"  training: {JFT_300M:.3g} images, {epochs} epochs: {ideal:,.3g} core-days at the peak, about "
          f"{core_days:,} in the paper, {ideal / core_days:.0%} of the peak")
