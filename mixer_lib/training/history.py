"""What a run has done so far, in numbers."""

from dataclasses import dataclass, field


@dataclass
class History:
    """What a run did so far.

    steps: one row {step, loss, lr} per update of the weights. epochs: one row {epoch, train_loss, val_loss,
    val_accuracy, seconds} per pass over the data; without a hold-out the val_ entries are missing. Losses are means
    over images, in nats. train_loss is measured during training, against the smoothed and mixed labels of augmented
    images, so it may well be above val_loss. total_steps: how many updates the whole run has."""

    steps: list = field(default_factory=list)
    epochs: list = field(default_factory=list)
    interrupted: bool = False
    total_steps: int = 0


def best_epoch(history):
    """The epoch (from 1) of the highest held-out accuracy, the first of equals; 0 before there is one."""
    return max(history.epochs, key=lambda row: row["val_accuracy"], default={"epoch": 0})["epoch"]
