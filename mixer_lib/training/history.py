"""What a run has done so far, in numbers."""

from dataclasses import dataclass, field


@dataclass
class History:
    """What a run did so far.

    steps: one row {step, loss, lr} per update of the weights. epochs: one row per pass over the data, with

        epoch               from 1
        train_loss          against the smoothed and mixed labels of augmented images
        train_accuracy      on augmented images; not with MixUp or CutMix
        val_loss, val_accuracy      on the held-out images, after the epoch; not where none are held out
        lr                  of the last step
        images_per_second   while training
        seconds             of the whole epoch, with the held-out images

    Losses are means over images, in nats. The train_ entries are measured during training: each batch before its
    update, with dropout and drop path. So train_loss may well be above val_loss, and train_accuracy below val_accuracy.
    Epochs that an older version trained lack some entries. total_steps: how many updates the whole run has."""

    steps: list = field(default_factory=list)
    epochs: list = field(default_factory=list)
    interrupted: bool = False
    total_steps: int = 0


def best_epoch(history: History) -> int:
    """The epoch (from 1) of the highest held-out accuracy, the first of equals; 0 before there is one."""
    return max(history.epochs, key=lambda row: row["val_accuracy"], default={"epoch": 0})["epoch"]


def whole_epochs(count: int) -> str:
    """How many epochs are done, in words: "no whole epoch yet", "1 whole epoch", "2 whole epochs"."""
    return f"{count} whole epoch{'s' * (count > 1)}" if count else "no whole epoch yet"
