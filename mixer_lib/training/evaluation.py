"""Read a trained classifier: its logits, its accuracy. Works with any model that says `image_shape`, the
(channels, height, width) of the images that it reads, and `num_classes`."""

import torch
from torch.nn.functional import cross_entropy

from ..data import batches
from . import processes
from .devices import device_of


@torch.no_grad()
def predict(model, images, dataset, batch_size=500):
    """The logits [N, K], float32, for uint8 images [N, C, H, W] of `dataset` (its mean and std are used).

    The images may lie on any device; the logits come back to it. For the call the model is in evaluation mode;
    afterwards it is in the mode it had."""
    was_training, x = model.training, images.to(device_of(model))
    no_labels = torch.zeros(len(x), dtype=torch.long, device=x.device)
    model.eval()
    try:
        logits = [model(some) for some, _ in batches(x, no_labels, batch_size, dataset.mean, dataset.std)]
    finally:
        model.train(was_training)
    return torch.cat(logits).float().to(images.device)                              # [N, K]


@torch.no_grad()
def measure_together(model, images, labels, dataset, batch_size=500):
    """`measure` of what the model makes of images [N, C, H, W] with labels [N], of which each process reads its share.

    Every process must take part, with a model in evaluation mode."""
    sums = torch.zeros(2, dtype=torch.float64, device="cpu")            # of the loss, of the hits
    for x, y in batches(images, labels, batch_size * processes.count(), dataset.mean, dataset.std,
                        share=(processes.rank(), processes.count())):
        logits = model(x).float()                                       # [n, K]
        sums += torch.stack([cross_entropy(logits, y, reduction="sum"), (logits.argmax(1) == y).sum()]).cpu()
    loss, hits = processes.total(*sums.to(images.device))
    return {"loss": loss.item() / len(labels), "accuracy": hits.item() / len(labels)}


def measure(logits, labels):
    """{"loss", "accuracy"} of logits [N, K] against labels [N]: mean cross-entropy in nats, share of hits."""
    labels = labels.to(logits.device)
    return {"loss": cross_entropy(logits, labels).item(),
            "accuracy": (logits.argmax(1) == labels).float().mean().item()}


def top_accuracy(logits, labels, k):
    """The share of images, of logits [N, K] and labels [N], whose label is among the k classes with the highest
    logits."""
    return (logits.topk(k, dim=1).indices == labels.to(logits.device)[:, None]).any(1).float().mean().item()


def confusion_counts(logits, labels):
    """Of logits [N, K] and labels [N], a table int64 [K, K]: how many images of each true class (row) the model takes
    for each class (column)."""
    K = logits.shape[1]
    pairs = K * labels.to(logits.device) + logits.argmax(1)                         # [N]
    return pairs.bincount(minlength=K * K).view(K, K).cpu()


def class_accuracies(counts):
    """For each class of `confusion_counts`: (how many images, the share of hits, None where there are no images)."""
    return [(sum(row), row[k] / sum(row) if sum(row) else None) for k, row in enumerate(counts.tolist())]


def evaluate(model, dataset):
    """{"loss", "accuracy"} on dataset's test images. Raises ValueError when the model does not fit the data."""
    check_fit(model, dataset)
    return measure(predict(model, dataset.test_images, dataset), dataset.test_labels)


def check_fit(model, dataset):
    """Raise ValueError if the model's image size, channels or number of classes are not the data set's."""
    shape, classes = getattr(model, "image_shape", None), getattr(model, "num_classes", None)
    if shape is None or classes is None:
        raise ValueError(f"this {type(model).__name__} does not say which images it reads: set its image_shape, "
                         f"(channels, height, width), and its num_classes")
    (C, H, W), (channels, height, width) = shape, dataset.train_images.shape[1:]
    if (channels, height, width) != (C, H, W):
        raise ValueError(f"the model reads images of {C} x {H} x {W} (channels, height, width), "
                         f"{dataset.name} has {channels} x {height} x {width}")
    if classes != len(dataset.classes):
        raise ValueError(f"the model has {classes} classes, {dataset.name} has {len(dataset.classes)}")
