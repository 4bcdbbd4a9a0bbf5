"""How to train: a recipe, and the learning rate that follows from it."""

import math
from dataclasses import dataclass, field

OPTIMIZERS = ("adamw", "sgd", "muon", "muon-but-w1")


def option(default, help):
    """A field of `Recipe`; its help is also the command line's."""
    return field(default=default, metadata={"help": help})


@dataclass
class Recipe:
    """How to train. The defaults suit the course's small models on a few thousand images."""

    epochs: int = option(10, "passes over the training images")
    batch_size: int = option(128, "images per step")
    lr: float = option(1e-3, "highest learning rate, reached after the warm-up")
    warmup_epochs: float = option(1.0, "how long the learning rate climbs, linearly")
    schedule: str = option("cosine", 'after the warm-up: "cosine", down to zero, or "constant"')
    optimizer: str = option("adamw", '"adamw", "sgd" with a momentum of 0.9, "muon" for the matrices of the blocks, or '
                                     '"muon-but-w1" for all of them except W1 of token mixing')
    weight_decay: float = option(0.05, "weight decay, on weight matrices only")
    label_smoothing: float = option(0.1, "share of the target spread over all classes")
    clip_norm: float = option(1.0, "gradients with a larger norm are scaled down to it")
    freeze: bool = option(False, "train the head alone: all other weights stay as they are")
    crop_padding: int = option(0, "augmentation: pixels of padding for random crops")
    resized_crop: float = option(0.0, "augmentation: random resized crops, the smallest share of an image's area "
                                      "(0: none)")
    flip: bool = option(False, "augmentation: random left-right flips")
    randaugment: int = option(0, "augmentation: magnitude of RandAugment, 1 (faint) to 30 (0: none)")
    mixup: float = option(0.0, "augmentation: MixUp, the parameter of its Beta distribution (0: none)")
    cutmix: float = option(0.0, "augmentation: CutMix, likewise; with both, one of the two per batch, at random")
    val_fraction: float = option(0.1, "share of the training images held out to watch progress (0: none)")
    patience: int = option(0, "stop after so many epochs without a better held-out accuracy (0: never)")
    precision: str = option("auto", '"float32", "bf16" (autocast), or "auto": bf16 where the device is fast at it')
    compile: bool = option(False, "torch.compile: a slow start, then faster steps; needs a C++ compiler")
    accumulate: int = option(1, "work on a batch in so many pieces, one after the other: the same steps in less memory")
    checkpoint_activations: bool = option(False, "keep only what goes into each block, and compute the rest again in "
                                                 "the backward pass: the same steps in less memory and more time")
    shard: bool = option(False, "with several processes: each holds a part of the parameters, gradients and optimizer "
                                "state (FSDP), for models that do not fit on one device")
    snapshots: int = option(0, "how many times during the run to keep the token-mixing weights (0: never)")
    seed: int = option(0, "seed of the hold-out, the order of the images, augmentation and dropout")

    def __post_init__(self):
        def need(name, ok, expected):
            if not ok:
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected {expected}")

        for name in ("epochs", "batch_size", "accumulate"):
            need(name, isinstance(getattr(self, name), int) and getattr(self, name) >= 1, "a whole number from 1")
        need("accumulate", self.accumulate <= self.batch_size, f"at most batch_size, {self.batch_size} pieces")
        for name in ("lr", "clip_norm"):
            need(name, 0 < getattr(self, name) < math.inf, "a positive number")
        for name in ("warmup_epochs", "weight_decay", "mixup", "cutmix"):
            need(name, 0 <= getattr(self, name) < math.inf, "zero or a positive number")
        for name in ("crop_padding", "patience", "snapshots", "seed"):
            need(name, isinstance(getattr(self, name), int) and 0 <= getattr(self, name) < 2**63,
                 "a whole number from 0")
        need("resized_crop", 0 <= self.resized_crop <= 1, "a share from 0 to 1")
        for name in ("label_smoothing", "val_fraction"):
            need(name, 0 <= getattr(self, name) < 1, "a share from 0 up to, not including, 1")
        need("randaugment", isinstance(self.randaugment, int) and 0 <= self.randaugment <= 30,
             "a whole number from 0 to 30")
        need("patience", not self.patience or self.val_fraction, "0 where val_fraction is 0: without held-out images "
             "there is no accuracy to wait for")
        need("optimizer", self.optimizer in OPTIMIZERS, f"one of {', '.join(map(repr, OPTIMIZERS))}")
        need("schedule", self.schedule in ("cosine", "constant"), "'cosine' or 'constant'")
        need("precision", self.precision in ("auto", "float32", "bf16"), "'auto', 'float32' or 'bf16'")


def learning_rate(step, total_steps, warmup_steps, peak, schedule="cosine"):
    """The learning rate of update `step` (from 0): up linearly to `peak`, then down along half a cosine to 0, or with
    schedule="constant" no more change."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "constant":
        return peak
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
