"""Train a classifier: plain loops over batches of images.

The same seed on the same machine gives the same weights, also when a run was stopped and resumed.
"""

import contextlib
import math
import sys
import time

import torch
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from ..checkpoints import token_mixing_weights
from ..data import batches, mix, split
from . import processes
from .devices import autocast, checkpointed, compiled, device_of, memory_kept, own_random_numbers, seed_generators
from .evaluation import check_fit, measure, measure_together, predict
from .history import History, best_epoch, whole_epochs
from .optimizers import make_optimizer
from .recipe import Recipe, learning_rate
from .run import Run
from .sharding import gather, scatter, sharded

DIVERGED = ("the weights have diverged. Start again with a lower lr, a longer warm-up, less weight decay or a smaller "
            "clip_norm")


def fit(model, dataset, recipe=None, callbacks=(), out=None, resume=False):
    """Train `model` in place on dataset's training images and return the `History`.

    model: any classifier that says its `image_shape` and `num_classes`, on any device; the images follow it there.
    callbacks: functions called as f(history) after every step and every epoch; on a GPU, which runs ahead of the
    program, after every few steps. Of several processes the main one calls them. out: the folder of the run, see `Run`
    for what it then holds; only for models that `save_checkpoint` takes. With resume=True the run there goes on from
    its last whole epoch; recipe.epochs may then be another number than before, all else stays the same (see
    `Run.restore`).

    Interrupting (Ctrl-C, the notebook's stop button) ends training early; the model and the history keep what they
    have. With recipe.patience the run may also end by itself; the model is then that of the last epoch. Raises
    FloatingPointError when the loss or its gradient is no longer finite: before a weight is touched, or on a GPU some
    steps later, but always before anything is saved. Raises ValueError when the model or the recipe does not fit the
    data or the run to resume, and FileNotFoundError when there is nothing to resume.

    Several processes (see `processes`), each with a model and the whole data set, train as one would, but for rounding,
    dropout and batch norm: each has its part of every batch, and all return the same history. With recipe.shard the
    model ends on the CPU.
    """
    recipe = recipe or Recipe()
    for name, value in (("resume", resume), ("snapshots", recipe.snapshots)):
        if value and not out:
            raise ValueError(f"{name}={value} needs out, the folder of the run")
    check_fit(model, dataset)
    check_recipe(recipe, dataset)
    check_processes(recipe)
    with frozen(model, recipe.freeze), memory_kept():
        return _fit(model, dataset, recipe, callbacks, out, resume)


def _fit(model, dataset, recipe, callbacks, out, resume):
    """`fit`, after its arguments were checked."""
    device, main, share = device_of(model), processes.rank() == 0, (processes.rank(), processes.count())
    images, labels, val = _hold_out(dataset, recipe, device)
    model.zero_grad()       # of parameters that this run does not train, too: they would count for the norm
    parts = sharded(model.cpu(), device) if recipe.shard else model      # what is trained
    optimizer = make_optimizer(parts, recipe)
    run = Run(out, model, dataset, optimizer, recipe) if out else None
    steps_per_epoch = math.ceil(len(images) / recipe.batch_size)
    total, warmup = recipe.epochs * steps_per_epoch, round(recipe.warmup_epochs * steps_per_epoch)
    moments, snapshots = snapshot_moments(total, recipe.snapshots), {}
    history = History()
    if resume:
        history, snapshots = run.restore()
        if recipe.shard:
            scatter(model, parts)
    elif run:
        run.start()
    if recipe.snapshots and not history.steps:
        snapshots[0] = token_mixing_weights(model)
    history.total_steps, first_epoch = total, len(history.epochs)
    # CUDA graphs reuse the memory of gradients that are still being added up, or averaged with other processes.
    graphs = recipe.accumulate == 1 and processes.count() == 1
    to_train = compiled(parts, device, graphs) if recipe.compile else parts
    if processes.count() > 1 and not recipe.shard:
        to_train = DistributedDataParallel(to_train, gradient_as_bucket_view=True)
    # To read a number from a GPU is to wait until it has done all its work: there, many steps are read at once.
    steps_per_read = 1 if device.type == "cpu" else 25

    def tell(text):
        if main:
            bar.write(text, file=sys.stderr)

    with tqdm(total=total, initial=len(history.steps), unit="step", disable=not main) as bar, \
            own_random_numbers(device), checkpointed(parts, recipe.checkpoint_activations), \
            processes.Interrupts(device) as interrupts:
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
                    tell(f"Stopped after {epoch} of {recipe.epochs} epochs: the held-out accuracy was highest after "
                         f"epoch {best_epoch(history)}.")
                    break
                generator = epoch_generator(recipe.seed, epoch)
                seed_generators(generator.initial_seed() + share[0], device)       # for dropout and drop path
                start = time.perf_counter()
                right.clear()
                parts.train()
                drawn = training_batches(images, labels, dataset, recipe, generator, share)
                for step, (x, y) in enumerate(drawn, start=epoch * steps_per_epoch):
                    lr = learning_rate(step, total, warmup, recipe.lr, recipe.schedule)
                    size = min(recipe.batch_size, len(images) - step % steps_per_epoch * recipe.batch_size)
                    unread.append((step, lr, *train_step(to_train, x, y, optimizer, lr, recipe, size)))
                    if step + 1 in moments:
                        if recipe.shard:
                            gather(parts, model)
                        snapshots[step + 1] = token_mixing_weights(model)
                    if len(unread) == steps_per_read or step + 1 == (epoch + 1) * steps_per_epoch:
                        read()
                        interrupts.check()
                        for callback in callbacks if main else ():
                            callback(history)
                speed = len(images) / (time.perf_counter() - start)
                losses = [row["loss"] for row in history.steps[-steps_per_epoch:]]
                row = {"epoch": epoch + 1, "train_loss": sum(losses) / len(losses)}
                if not (recipe.mixup or recipe.cutmix):
                    row["train_accuracy"] = sum(right) / len(images)
                if val and share == (0, 1) and not recipe.shard:
                    row |= {f"val_{k}": v for k, v in measure(predict(model, val[0], dataset), val[1]).items()}
                elif val:
                    parts.eval()
                    row |= {f"val_{k}": v for k, v in measure_together(parts, *val, dataset).items()}
                history.epochs.append(row | {"lr": lr, "images_per_second": speed,
                                             "seconds": time.perf_counter() - start})
                held_out = f", held out {row['val_accuracy']:.1%}" if val else ""
                bar.set_postfix_str(f"epoch {epoch + 1}/{recipe.epochs}: loss {row['train_loss']:.3f}{held_out}")
                if recipe.shard:
                    gather(parts, model)
                check_weights(model, lr)
                if run:
                    run.save(history, snapshots, steps_per_epoch)
                for callback in callbacks if main else ():
                    callback(history)
        except KeyboardInterrupt:
            read()
            history.interrupted = True
            kept = f"{run.path} holds {whole_epochs(len(history.epochs))}" if run else "model and history are kept"
            tell(f"Interrupted after {len(history.steps)} of {total} steps: {kept}.")
            if recipe.shard:
                gather(parts, model)
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


def training_batches(images, labels, dataset, recipe, generator, share=(0, 1)):
    """One pass over images [N, C, H, W] (uint8, or `ImageFiles`) and labels [N] of `dataset`, shuffled and augmented as
    the recipe says: yields (x, y), x float32 [B, C, H, W] and y int64 [B], or with mixup or cutmix float32 [B, K].

    share: (rank, count) for one of `count` processes, which gets its part of each of these batches."""
    blended = share != (0, 1) and (recipe.mixup or recipe.cutmix)       # each image with the one before it
    for x, y in batches(images, labels, recipe.batch_size, dataset.mean, dataset.std, shuffle=True,
                        crop_padding=recipe.crop_padding, flip=recipe.flip, randaugment=recipe.randaugment,
                        resized_crop=recipe.resized_crop, generator=generator, share=share, neighbor=blended):
        x, y = mix(x, y, len(dataset.classes), recipe.mixup, recipe.cutmix, generator)
        yield (x[1:], y[1:]) if blended else (x, y)


def train_step(model, x, y, optimizer, lr, recipe, size=None):
    """One update of the weights on a batch x [B, in_channels, H, W]. Returns three tensors: the loss in nats, the norm
    of its gradient, and how many images the model had right before the update. On a GPU they are not read here, since
    the program would wait for them.

    y: the labels, int64 [B], or the share of each class, float32 [B, K], of which the largest is the right one. On a
    CPU raises FloatingPointError, before the weights are touched, as `check_finite` does. size: how many images the
    batch has, where x is the part of one of several processes (None: B); what is returned is then that of the batch."""
    size = len(x) if size is None else size
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    pieces = list(zip(x.tensor_split(recipe.accumulate), y.tensor_split(recipe.accumulate)))
    results = [forward_backward(model, *piece, recipe, size, last=piece is pieces[-1]) for piece in pieces]
    loss, hits = (sum(numbers[1:], numbers[0]) for numbers in zip(*results))
    loss, hits = processes.total(loss, hits)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    norm = norm.full_tensor() if recipe.shard else norm
    if x.device.type == "cpu":
        check_finite(loss.item(), norm.item(), lr)
    optimizer.step()
    return loss, norm, hits


def forward_backward(model, x, y, recipe, size, last=True):
    """Add the gradients of a piece x [n, in_channels, H, W], y of a batch of `size` images to those that are there.
    Returns its part of the mean loss of the batch, and how many images the model had right.

    last: whether it is the last piece, after which the processes average their gradients."""
    alone = last or not isinstance(model, DistributedDataParallel)
    with contextlib.nullcontext() if alone else model.no_sync():
        with autocast(x.device, recipe.precision):
            logits = model(x)
            if len(x) == size:
                loss = cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
            else:       # a sum, since a piece may be empty
                loss = cross_entropy(logits, y, label_smoothing=recipe.label_smoothing, reduction="sum") / size
        # The processes average their gradients. The gradient of the batch is their sum.
        (loss * processes.count() if processes.count() > 1 else loss).backward()
    hits = (logits.argmax(1) == (y if y.ndim == 1 else y.argmax(1))).sum()
    return loss.detach(), hits


def check_finite(loss, norm, lr):
    """Raise FloatingPointError if a step's loss or the norm of its gradient is not finite. A large loss may be finite
    when its gradient no longer is."""
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise FloatingPointError(f"the loss became {loss:.3g} with a gradient of norm {norm:.3g} at a learning rate of "
                                 f"{lr:.2g}: {DIVERGED}")


def check_weights(model, lr):
    """Raise FloatingPointError if a weight is not finite: the last step of an epoch may do that, after its loss."""
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise FloatingPointError(f"{name} holds numbers that are not finite, at a learning rate of {lr:.2g}: "
                                     f"{DIVERGED}")


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


def check_processes(recipe):
    """Raise ValueError if the recipe does not go with as many processes as there are."""
    if recipe.batch_size < processes.count():
        raise ValueError(f"batch_size is {recipe.batch_size}, the images per step of all processes together, but there "
                         f"are {processes.count()} processes: expected at least one image for each")
    if recipe.shard and not torch.distributed.is_initialized():
        raise ValueError("shard=True spreads a model over several processes, but there is only one: start it with "
                         "torchrun --nproc-per-node 2 -m mixer_lib train ...")
    if recipe.shard and recipe.optimizer.startswith("muon"):
        raise ValueError(f"optimizer is {recipe.optimizer!r}, which needs whole matrices, and shard=True leaves each "
                         f"process a part of them: choose 'adamw' or 'sgd', or leave out shard")
    if recipe.shard and recipe.compile:
        raise ValueError("compile=True does not go with shard=True: leave out one of them")


def _hold_out(dataset, recipe, device):
    """Training images and labels on `device`, and the held-out pair, or None where val_fraction is 0: the data set's
    own validation images if it has some, else a share of the training images."""
    images, labels, val = dataset.train_images, dataset.train_labels, None
    if recipe.val_fraction and dataset.val_images is not None:
        val = dataset.val_images.to(device), dataset.val_labels.to(device)
    elif recipe.val_fraction:       # first the split, then the move: the device never holds the images twice
        parts = split(labels, recipe.val_fraction, torch.Generator().manual_seed(recipe.seed))
        (images, labels), val = [(images[part.to(images.device)].to(device), labels[part.to(labels.device)].to(device))
                                 for part in parts]
    return images.to(device), labels.to(device), val
