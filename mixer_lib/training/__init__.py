"""Train a classifier and measure it.

`fit` trains by a `Recipe` and returns a `History`; `evaluate` and `predict` read a trained model.
"""

from . import processes
from .devices import best_device, fast_bf16, pick_device
from .evaluation import (
    check_fit,
    class_accuracies,
    confusion_counts,
    evaluate,
    measure,
    predict,
    top_accuracy,
)
from .history import History, best_epoch, whole_epochs
from .loop import (
    check_processes,
    check_recipe,
    epoch_generator,
    fit,
    memory_needed,
    snapshot_moments,
    train_step,
    training_batches,
)
from .optimizers import make_optimizer
from .recipe import Recipe, learning_rate
from .run import Run
