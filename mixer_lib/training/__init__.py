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
    measure_in_batches,
    predict,
    predict_batches,
    top_accuracy,
)
from .history import History, best_epoch, whole_epochs
from .loop import (
    check_processes,
    check_recipe,
    epoch_generator,
    fit,
    snapshot_moments,
    train_step,
    training_batches,
)
from .optimizers import make_optimizer
from .plan import memory_needed
from .recipe import Recipe, learning_rate
from .run import Run
