"""Read a trained classifier: its logits, its accuracy. Works with any model that says `image_shape`, the
(channels, height, width) of the images that it reads, and `num_classes`."""

from collections import Counter

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from ..data import batches
from . import processes
from .devices import device_of


def predict(model, images, dataset, batch_size=None):
    """The logits [N, K], float32, for images [N, C, H, W] of `dataset`, as `predict_batches` gives them."""
    return torch.cat([*predict_batches(model, images, dataset, batch_size)])        # [N, K]


@torch.no_grad()
def predict_batches(model, images, dataset, batch_size=None):
    """Yield the logits [B, K], float32, for uint8 images [N, C, H, W] of `dataset` (its mean and std are used).

    batch_size: by default 500, or as many as have 8 million numbers in all. The images may lie on any device; the
    logits come back to it. Until the last batch the model is in evaluation mode; then it is in the mode it had."""
    batch_size = batch_size or max(1, min(500, 2**23 // images.shape[1:].numel()))
    was_training, x = model.training, images.to(device_of(model))
    no_labels = torch.zeros(len(x), dtype=torch.long, device=x.device)
    model.eval()
    try:
        for some, _ in batches(x, no_labels, batch_size, dataset.mean, dataset.std):
            yield model(some).float().to(images.device)                             # [B, K]
    finally:
        model.train(was_training)


def measure_in_batches(model, images, labels, dataset, confusion=False):
    """What `measure` gives, and for more than 5 classes "top5_accuracy", without keeping the logits of all images; and
    with confusion=True the `confusion_counts`, else None. Arguments as of `predict`, and labels, int64 [N].

    Several processes must all take part: each reads its part of the images, and each returns the result of all."""
    K, N, done, sums = model.num_classes, len(labels), 0, Counter()
    counts = torch.zeros(K, K, dtype=torch.int64, device="cpu") if confusion else None
    if processes.count() > 1:
        part = torch.arange(N, device="cpu").tensor_split(processes.count())[processes.rank()]
        images, labels = images[part.to(images.device)], labels[part.to(labels.device)]
    bar = tqdm(total=len(labels), desc="evaluating", unit="image", delay=30, leave=False, disable=processes.rank() > 0)
    for logits in predict_batches(model, images, dataset) if len(labels) else ():
        y = labels[done:done + len(logits)]                                         # [B]
        done += len(y)
        some = measure(logits, y) | ({"top5_accuracy": top_accuracy(logits, y, 5)} if K > 5 else {})
        sums.update({name: value * len(y) for name, value in some.items()})
        if confusion:
            counts += confusion_counts(logits, y)
        bar.update(len(y))
    bar.close()
    names = ["loss", "accuracy"] + ["top5_accuracy"] * (K > 5)
    numbers = [torch.tensor(float(sums[name]), dtype=torch.float64, device="cpu") for name in names]
    if processes.count() > 1:
        numbers = processes.total(*(number.to(device_of(model)) for number in numbers))
        counts = processes.total(counts.to(device_of(model)))[0].cpu() if confusion else None
    return {name: number.item() / N for name, number in zip(names, numbers)}, counts


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
