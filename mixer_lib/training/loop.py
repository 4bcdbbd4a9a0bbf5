"""Train a classifier: plain loops over batches of images.

The same seed on the same machine gives the same weights, also when a run was stopped and resumed.
"""

import contextlib
import math
import sys
import time

import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from ..checkpoints import token_mixing_weights
from ..data import batches, mix, split
from .devices import autocast, compiled, device_of, own_random_numbers, seed_generators
from .evaluation import check_fit, measure, predict
from .history import History, best_epoch, whole_epochs
from .optimizers import make_optimizer
from .recipe import Recipe, learning_rate
from .run import Run


def fit(model, dataset, recipe=None, callbacks=(), out=None, resume=False):
    """Train `model` in place on dataset's training images and return the `History`.

    model: any classifier that says its `image_shape` and `num_classes`, on any device; the images follow it there.
    callbacks: functions called as f(history) after every step and every epoch; on a GPU, which runs ahead of the
    program, after every few steps. out: the folder of the run, see `Run` for what it then holds; only for models that
    `save_checkpoint` takes. With resume=True the run there goes on from its last whole epoch; recipe.epochs may then be
    another number than before, all else stays the same (see `Run.restore`).

    Interrupting (Ctrl-C, the notebook's stop button) ends training early; the model and the history keep what they
    have. With recipe.patience the run may also end by itself; the model is then that of the last epoch. Raises
    FloatingPointError when the loss or its gradient is no longer finite: before a weight is touched, or on a GPU some
    steps later, but always before anything is saved. Raises ValueError when the model or the recipe does not fit the
    data or the run to resume, and FileNotFoundError when there is nothing to resume.
    """
    recipe = recipe or Recipe()
    for name, value in (("resume", resume), ("snapshots", recipe.snapshots)):
        if value and not out:
            raise ValueError(f"{name}={value} needs out, the folder of the run")
    check_fit(model, dataset)
    check_recipe(recipe, dataset)
    with frozen(model, recipe.freeze):
        return _fit(model, dataset, recipe, callbacks, out, resume)


def _fit(model, dataset, recipe, callbacks, out, resume):
    """`fit`, after its arguments were checked."""
    device = device_of(model)
    images, labels, val = _hold_out(dataset, recipe, device)
    optimizer = make_optimizer(model, recipe)
    run = Run(out, model, dataset, optimizer, recipe) if out else None
    steps_per_epoch = math.ceil(len(images) / recipe.batch_size)
    total, warmup = recipe.epochs * steps_per_epoch, round(recipe.warmup_epochs * steps_per_epoch)
    moments, snapshots = snapshot_moments(total, recipe.snapshots), {}
    history = History()
    if resume:
        history, snapshots = run.restore()
    elif run:
        run.start()
    if recipe.snapshots and not history.steps:
        snapshots[0] = token_mixing_weights(model)
    history.total_steps, first_epoch = total, len(history.epochs)
    to_train = compiled(model, device) if recipe.compile else model
    # To read a number from a GPU is to wait until it has done all its work: there, many steps are read at once.
    steps_per_read = 1 if device.type == "cpu" else 25

    with tqdm(total=total, initial=len(history.steps), unit="step") as bar, own_random_numbers(device):
        unread, right = [], []      # (step, lr, loss, norm of the gradient, hits), three still on the device; hits

        def read():
            numbers = [number.float() for _, _, *three in unread for number in three]
            numbers = torch.stack(numbers).view(-1, 3).tolist() if numbers else []
            for (step, lr, *_), (loss, norm, hits) in zip(unread, numbers, strict=True):
                check_finite(loss, norm, lr)
                if step == len(history.steps):      # else it was read already, before an interrupt in this loop
                    history.steps.append({"step": step, "loss": loss, "lr": lr})
                    right.append(hits)
                    bar.update()
            unread.clear()

        try:
            for epoch in range(first_epoch, recipe.epochs):
                if recipe.patience and epoch - best_epoch(history) >= recipe.patience:
                    bar.write(f"Stopped after {epoch} of {recipe.epochs} epochs: the held-out accuracy was highest "
                              f"after epoch {best_epoch(history)}.", file=sys.stderr)
                    break
                generator = epoch_generator(recipe.seed, epoch)
                seed_generators(generator.initial_seed(), device)       # for dropout and drop path
                start = time.perf_counter()
                right.clear()
                model.train()
                drawn = training_batches(images, labels, dataset, recipe, generator)
                for step, (x, y) in enumerate(drawn, start=epoch * steps_per_epoch):
                    lr = learning_rate(step, total, warmup, recipe.lr, recipe.schedule)
                    unread.append((step, lr, *train_step(to_train, x, y, optimizer, lr, recipe)))
                    if step + 1 in moments:
                        snapshots[step + 1] = token_mixing_weights(model)
                    if len(unread) == steps_per_read or step + 1 == (epoch + 1) * steps_per_epoch:
                        read()
                        for callback in callbacks:
                            callback(history)
                speed = len(images) / (time.perf_counter() - start)
                losses = [row["loss"] for row in history.steps[-steps_per_epoch:]]
                row = {"epoch": epoch + 1, "train_loss": sum(losses) / len(losses)}
                if not (recipe.mixup or recipe.cutmix):
                    row["train_accuracy"] = sum(right) / len(images)
                if val:
                    row |= {f"val_{k}": v for k, v in measure(predict(model, val[0], dataset), val[1]).items()}
                history.epochs.append(row | {"lr": lr, "images_per_second": speed,
                                             "seconds": time.perf_counter() - start})
                held_out = f", held out {row['val_accuracy']:.1%}" if val else ""
                bar.set_postfix_str(f"epoch {epoch + 1}/{recipe.epochs}: loss {row['train_loss']:.3f}{held_out}")
                if run:
                    run.save(history, snapshots, steps_per_epoch)
                for callback in callbacks:
                    callback(history)
        except KeyboardInterrupt:
            read()
            history.interrupted = True
            kept = f"{run.path} holds {whole_epochs(len(history.epochs))}" if run else "model and history are kept"
            bar.write(f"Interrupted after {len(history.steps)} of {total} steps: {kept}.", file=sys.stderr)
        finally:
            model.eval()
    return history


@contextlib.contextmanager
def frozen(model, freeze=True):
    """While the context lasts, no parameter of the model needs a gradient but those of its `head`; with freeze=False
    nothing is changed. Raises ValueError if there is no head with parameters."""
    others = {name: p for name, p in model.named_parameters() if not name.startswith("head.")} if freeze else {}
    if freeze and len(others) == len([*model.parameters()]):
        raise ValueError(f"freeze is True, but this {type(model).__name__} has no head with weights to train alone")
    needed = {name: p.requires_grad for name, p in others.items()}
    for p in others.values():
        p.requires_grad_(False)
    try:
        yield
    finally:
        for name, p in others.items():
            p.requires_grad_(needed[name])


def epoch_generator(seed, epoch):
    """The random numbers of one epoch (from 0): the order of the images and their augmentation.

    One generator per epoch, not one for the run, so that a resumed run draws the same numbers without having saved any
    state. It is on the CPU, so that every device is given the same batches."""
    return torch.Generator().manual_seed(seed + 1_000_003 * (epoch + 1))


def training_batches(images, labels, dataset, recipe, generator):
    """One pass over images [N, C, H, W] (uint8, or `ImageFiles`) and labels [N] of `dataset`, shuffled and augmented as
    the recipe says: yields (x, y), x float32 [B, C, H, W] and y int64 [B], or with mixup or cutmix float32 [B, K]."""
    for x, y in batches(images, labels, recipe.batch_size, dataset.mean, dataset.std, shuffle=True,
                        crop_padding=recipe.crop_padding, flip=recipe.flip, randaugment=recipe.randaugment,
                        resized_crop=recipe.resized_crop, generator=generator):
        yield mix(x, y, len(dataset.classes), recipe.mixup, recipe.cutmix, generator)


def train_step(model, x, y, optimizer, lr, recipe):
    """One update of the weights on a batch x [B, in_channels, H, W]. Returns three tensors: the loss in nats, the norm
    of its gradient, and how many images the model had right before the update. On a GPU they are not read here, since
    the program would wait for them.

    y: the labels, int64 [B], or the share of each class, float32 [B, K], of which the largest is the right one. On a
    CPU raises FloatingPointError, before the weights are touched, as `check_finite` does."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    with autocast(x.device, recipe.precision):
        logits = model(x)
        loss = cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
    hits = (logits.argmax(1) == (y if y.ndim == 1 else y.argmax(1))).sum()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    if x.device.type == "cpu":
        check_finite(loss.item(), norm.item(), lr)
    optimizer.step()
    return loss.detach(), norm, hits


def check_finite(loss, norm, lr):
    """Raise FloatingPointError if a step's loss or the norm of its gradient is not finite. A large loss may be finite
    when its gradient no longer is."""
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise FloatingPointError(f"the loss became {loss:.3g} with a gradient of norm {norm:.3g} at a learning rate of "
                                 f"{lr:.2g}: the weights have diverged. Start again with a lower lr, a longer warm-up "
                                 f"or a smaller clip_norm")


def snapshot_moments(total_steps, count):
    """About `count` numbers of steps, each larger than the one before by the same factor, up to the last: a set. They
    are dense at the beginning, where the weights change most."""
    count = min(count, total_steps)
    return {round(total_steps ** (i / count)) for i in range(1, count + 1)}


def check_recipe(recipe, dataset):
    """Raise ValueError if the recipe cannot be carried out on dataset's images: tries it on one of them."""
    generator = torch.Generator()
    if recipe.val_fraction and dataset.val_images is None:
        split(dataset.train_labels, recipe.val_fraction, generator, dataset.classes)
    next(training_batches(dataset.train_images[:1], dataset.train_labels[:1], dataset, recipe, generator))


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
                torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}      # batch norm changes them
            logits = functional_call(model, buffers, x)  # noqa: F841 (holds what was kept until it is counted)
        return sum(storages.values())

    device = device_of(model)
    image, _ = next(batches(dataset.train_images[:1], dataset.train_labels[:1], 1, dataset.mean, dataset.std))
    with frozen(model, recipe.freeze):
        trained = sum(p.nbytes for p in model.parameters() if p.requires_grad)
        kept_of_one = kept(2) - kept(1)
    return 3 * trained + dataset.train_images.nbytes + int(1.5 * recipe.batch_size * kept_of_one)


def _hold_out(dataset, recipe, device):
    """Training images and labels on `device`, and the held-out pair, or None where val_fraction is 0: the data set's
    own validation images if it has some, else a share of the training images."""
    images, labels = dataset.train_images.to(device), dataset.train_labels.to(device)
    if recipe.val_fraction == 0:
        return images, labels, None
    if dataset.val_images is not None:
        return images, labels, (dataset.val_images.to(device), dataset.val_labels.to(device))
    parts = split(dataset.train_labels, recipe.val_fraction, torch.Generator().manual_seed(recipe.seed))
    train, held = (part.to(device) for part in parts)
    return images[train], labels[train], (images[held], labels[held])
