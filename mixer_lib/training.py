"""Train a Mixer and measure it: plain loops over batches that live in memory.

`fit` trains by a `Recipe` and returns a `History`; `evaluate` and `predict` read a trained model.
The same seed on the same machine gives the same weights, also when a run was stopped and resumed.
"""

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from .checkpoints import (
    load_state,
    save_checkpoint,
    save_history,
    save_snapshots,
    save_state,
    save_table,
    token_mixing_weights,
)
from .data import batches, mix, normalize, split


def option(default, help):
    """A field of `Recipe`; its help is also the command line's."""
    return field(default=default, metadata={"help": help})


@dataclass
class Recipe:
    """How to train. The defaults suit the course's small models on a few thousand images."""

    epochs: int = option(10, "passes over the training images")
    batch_size: int = option(128, "images a step")
    lr: float = option(1e-3, "highest learning rate, reached after the warm-up")
    warmup_epochs: float = option(1.0, "how long the learning rate climbs, linearly")
    schedule: str = option("cosine", 'from there on: "cosine", down to zero, or "constant"')
    optimizer: str = option("adamw", '"adamw", "muon" for the matrices of the blocks, or "muon-but-w1" for those '
                                     'but W1 of token mixing (Muon wants fast bf16 and torch 2.9)')
    weight_decay: float = option(0.05, "of the optimizer, on weight matrices only")
    label_smoothing: float = option(0.1, "share of the target spread over all classes")
    clip_norm: float = option(1.0, "gradients with a larger norm are scaled down to it")
    crop_padding: int = option(0, "augmentation: pixels of padding for random crops")
    flip: bool = option(False, "augmentation: random left-right flips")
    randaugment: int = option(0, "augmentation: magnitude of RandAugment, 1 (faint) to 30 (0: none)")
    mixup: float = option(0.0, "augmentation: MixUp, the parameter of its Beta distribution (0: none)")
    cutmix: float = option(0.0, "augmentation: CutMix, likewise; with both, one of the two at random a batch")
    val_fraction: float = option(0.1, "share of the training images held out to watch progress (0: none)")
    patience: int = option(0, "stop after so many epochs without a better held-out accuracy (0: never)")
    precision: str = option("auto", '"float32", "bf16" (autocast), or "auto": bf16 where the device is fast at it')
    compile: bool = option(False, "torch.compile: a slow start, then faster steps; needs a C++ compiler")
    snapshots: int = option(0, "how many times along the run to keep the token-mixing weights (0: none)")
    seed: int = option(0, "of the hold-out, the order of the images, augmentation and dropout")

    def __post_init__(self):
        def need(name, ok, expected):
            if not ok:
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected {expected}")

        for name in ("epochs", "batch_size"):
            need(name, isinstance(getattr(self, name), int) and getattr(self, name) >= 1, "a whole number from 1")
        for name in ("lr", "clip_norm"):
            need(name, 0 < getattr(self, name) < math.inf, "a positive number")
        for name in ("warmup_epochs", "weight_decay", "mixup", "cutmix"):
            need(name, 0 <= getattr(self, name) < math.inf, "zero or a positive number")
        for name in ("crop_padding", "patience", "snapshots", "seed"):
            need(name, isinstance(getattr(self, name), int) and 0 <= getattr(self, name) < 2**63,
                 "a whole number from 0")
        for name in ("label_smoothing", "val_fraction"):
            need(name, 0 <= getattr(self, name) < 1, "a share from 0 up to, not including, 1")
        need("randaugment", self.randaugment in range(31), "a whole number from 0 to 30")
        need("patience", not self.patience or self.val_fraction, "0 where val_fraction is 0: without held-out images "
             "there is no accuracy to wait for")
        need("optimizer", self.optimizer in ("adamw", "muon", "muon-but-w1"), "'adamw', 'muon' or 'muon-but-w1'")
        need("optimizer", self.optimizer == "adamw" or hasattr(torch.optim, "Muon"),
             f"'adamw': torch {torch.__version__} has no Muon, torch 2.9 has")
        need("schedule", self.schedule in ("cosine", "constant"), "'cosine' or 'constant'")
        need("precision", self.precision in ("auto", "float32", "bf16"), "'auto', 'float32' or 'bf16'")


@dataclass
class History:
    """What a run did so far: `steps` has a row {step, loss, lr} an update, `epochs` a row a pass over the data
    {epoch, train_loss, val_loss, val_accuracy, seconds}; the val_ entries are missing without a hold-out. Losses are
    means over images, in nats. train_loss is measured while training, against the smoothed and mixed labels on
    augmented images, so it may well be above val_loss. total_steps: how many updates the whole run has."""

    steps: list = field(default_factory=list)
    epochs: list = field(default_factory=list)
    interrupted: bool = False
    total_steps: int = 0


def fit(model, dataset, recipe=None, callbacks=(), out=None, resume=False):
    """Train `model` in place on dataset's training images and return the `History`.

    callbacks: functions called as f(history) after every step and every epoch. out: a folder that then holds, from
    the start and after every epoch,
        model.safetensors       the model after the last whole epoch
        best.safetensors        the model after the epoch of the highest held-out accuracy, with a hold-out
        snapshots.safetensors   where recipe.snapshots asks for it, for `load_snapshots`
        history.json, .csv      the History, and its epochs as a table
        resume.pt               what it takes to go on: with resume=True the run is continued from its last whole epoch

    Interrupting (Ctrl-C, the notebook's stop button) ends training early; the model and the history keep what they
    have. With recipe.patience the run may also end by itself; the model is then that of the last epoch. Raises
    FloatingPointError, before the weights are touched, when the loss or its gradient is no longer finite, ValueError
    when the model or the recipe does not fit the data or the run to resume, or torch.compile does not work here, and
    FileNotFoundError when there is nothing to resume.
    """
    recipe = recipe or Recipe()
    for name, value in (("resume", resume), ("snapshots", recipe.snapshots)):
        if value and not out:
            raise ValueError(f"{name}={value} needs out, the folder of the run")
    check_fit(model, dataset)
    check_recipe(recipe, dataset)
    device = next(model.parameters()).device
    images, labels, val = _hold_out(dataset, recipe, device)
    optimizer = make_optimizer(model, recipe)
    to_train = _compiled(model, device) if recipe.compile else model
    steps_per_epoch = math.ceil(len(images) / recipe.batch_size)
    total = recipe.epochs * steps_per_epoch
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    moments = snapshot_moments(total, recipe.snapshots)
    history, snapshots = History(total_steps=total), {}
    if resume:
        history, snapshots = _restore(Path(out), model, dataset, optimizer, recipe)
    elif recipe.snapshots:
        snapshots[0] = token_mixing_weights(model)
    if out:     # when resuming too: a kill may have come after resume.pt and before the other files
        _save(Path(out), model, dataset, optimizer, recipe, history, snapshots)
    first_epoch = len(history.epochs)

    with tqdm(total=total, initial=first_epoch * steps_per_epoch, unit="step") as bar, torch.random.fork_rng():
        try:
            for epoch in range(first_epoch, recipe.epochs):
                if recipe.patience and epoch - best_epoch(history) >= recipe.patience:
                    bar.write(f"Stopped after {epoch} of {recipe.epochs} epochs: the held-out accuracy was highest "
                              f"after epoch {best_epoch(history)}.")
                    break
                generator = epoch_generator(recipe.seed, epoch)
                torch.manual_seed(generator.initial_seed())         # dropout and drop path draw from torch's own
                start = time.perf_counter()
                model.train()
                for x, y in training_batches(images, labels, dataset, recipe, generator):
                    step = len(history.steps)
                    lr = learning_rate(step, total, warmup, recipe.lr, recipe.schedule)
                    loss = train_step(to_train, x, y, optimizer, lr, recipe)
                    history.steps.append({"step": step, "loss": loss, "lr": lr})
                    if step + 1 in moments:
                        snapshots[step + 1] = token_mixing_weights(model)
                    bar.update()
                    for callback in callbacks:
                        callback(history)
                row = {"epoch": epoch + 1,
                       "train_loss": _mean(s["loss"] for s in history.steps[-steps_per_epoch:])}
                if val:
                    row |= {f"val_{k}": v for k, v in measure(predict(model, val[0], dataset), val[1]).items()}
                history.epochs.append(row | {"seconds": time.perf_counter() - start})
                held_out = f", held out {row['val_accuracy']:.1%}" if val else ""
                bar.set_postfix_str(f"epoch {epoch + 1}/{recipe.epochs}: loss {row['train_loss']:.3f}{held_out}")
                if out:
                    _save(Path(out), model, dataset, optimizer, recipe, history, snapshots)
                for callback in callbacks:
                    callback(history)
        except KeyboardInterrupt:
            history.interrupted = True
            bar.write(f"Interrupted after {len(history.steps)} of {total} steps: model and history are kept.")
        finally:
            model.eval()
    return history


def epoch_generator(seed, epoch):
    """The random numbers of one epoch (from 0): the order of the images and their augmentation.

    A generator an epoch, not one for the run, so that a resumed run draws the same without having saved any state."""
    return torch.Generator().manual_seed(seed + 1_000_003 * (epoch + 1))


def training_batches(images, labels, dataset, recipe, generator):
    """One pass over uint8 images [N, C, H, W] and labels [N] of `dataset`, shuffled and augmented as the recipe says:
    yields (x, y), x float32 [B, C, H, W] and y int64 [B], or with mixup or cutmix float32 [B, K]."""
    for x, y in batches(images, labels, recipe.batch_size, dataset.mean, dataset.std, shuffle=True,
                        crop_padding=recipe.crop_padding, flip=recipe.flip, randaugment=recipe.randaugment,
                        generator=generator):
        yield mix(x, y, len(dataset.classes), recipe.mixup, recipe.cutmix, generator)


def train_step(model, x, y, optimizer, lr, recipe):
    """One update of the weights on a batch x [B, in_channels, H, W]; returns the loss as a float, in nats.

    y: the labels, int64 [B], or the share of each class, float32 [B, K]."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    with autocast(x.device, recipe.precision):
        loss = cross_entropy(model(x), y, label_smoothing=recipe.label_smoothing)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm).item()
    value = loss.item()
    if not math.isfinite(value) or not math.isfinite(norm):     # a large loss is finite when its gradient no longer is
        raise FloatingPointError(f"the loss became {value:.3g} with a gradient of norm {norm:.3g} at a learning rate "
                                 f"of {lr:.2g}: the weights have diverged. Start again with a lower lr, a longer "
                                 f"warm-up or a smaller clip_norm")
    optimizer.step()
    return value


def learning_rate(step, total_steps, warmup_steps, peak, schedule="cosine"):
    """The learning rate of update `step` (from 0): up linearly to `peak`, then down along half a cosine to 0, or with
    schedule="constant" no more change."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "constant":
        return peak
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def best_epoch(history):
    """The epoch (from 1) of the highest held-out accuracy, the first of equals; 0 before there is one."""
    return max(history.epochs, key=lambda row: row["val_accuracy"], default={"epoch": 0})["epoch"]


def snapshot_moments(total_steps, count):
    """About `count` numbers of steps, each by the same factor further on, up to the last: a set of whole numbers.
    They are dense at the beginning, where the weights change most."""
    count = min(count, total_steps)
    return {round(total_steps ** (i / count)) for i in range(1, count + 1)}


def make_optimizer(model, recipe):
    """AdamW, or with recipe.optimizer="muon" or "muon-but-w1" `Muon` beside it. Weight decay acts on the matrices
    only: shrinking biases and norms does not regularize."""
    def adamw(parameters):
        matrices = [p for p in parameters if p.ndim >= 2]
        vectors = [p for p in parameters if p.ndim < 2]
        return torch.optim.AdamW([{"params": matrices, "weight_decay": recipe.weight_decay},
                                  {"params": vectors, "weight_decay": 0.0}], lr=recipe.lr, fused=True)

    if recipe.optimizer == "adamw":
        return adamw(list(model.parameters()))
    spared = "token_mixing.fc1" if recipe.optimizer == "muon-but-w1" else None
    inner = [p for name, p in model.blocks.named_parameters() if p.ndim == 2 and not (spared and spared in name)]
    outer = [p for p in model.parameters() if not any(p is q for q in inner)]
    # The step's size is matched to AdamW's, so one learning rate suits both.
    muon = torch.optim.Muon(inner, lr=recipe.lr, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw")
    return Together(muon, adamw(outer))


class Together:
    """Several optimizers, each of parameters of its own, used as one.

    Muon (Jordan et al., 2024) makes the step of a matrix orthogonal, so that it moves all directions alike. It is
    meant for the matrices between hidden layers; embedding, head, biases and norms are left to AdamW. As it has no
    preference for single weights, either, rows of token mixing that it trained look like noise, where those that AdamW
    trained, beside it, do not (lesson 9)."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    @property
    def param_groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self):
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, states):
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)


@torch.no_grad()
def predict(model, images, dataset, batch_size=500):
    """The logits [N, K], float32, for uint8 images [N, in_channels, H, W] of `dataset` (its mean and std are used).

    The model is put in evaluation mode for the call and left in the mode it had."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    images = images.to(device)
    logits = [model(x) for x, _ in batches(images, torch.zeros(len(images), dtype=torch.long), batch_size,
                                           dataset.mean, dataset.std)]
    model.train(was_training)
    return torch.cat(logits).float()


def measure(logits, labels):
    """{"loss", "accuracy"} of logits [N, K] against labels [N]: mean cross-entropy in nats, share of hits."""
    labels = labels.to(logits.device)
    return {"loss": cross_entropy(logits, labels).item(),
            "accuracy": (logits.argmax(1) == labels).float().mean().item()}


def evaluate(model, dataset):
    """{"loss", "accuracy"} on dataset's test images. Raises ValueError when the model does not fit the data."""
    check_fit(model, dataset)
    return measure(predict(model, dataset.test_images, dataset), dataset.test_labels)


def check_fit(model, dataset):
    """Raise ValueError if the model's image size, channels or number of classes are not the dataset's."""
    channels, height, width = dataset.train_images.shape[1:]
    stem, classes = model.patch_embedding, model.config["num_classes"]
    if (stem.in_channels, *stem.image_size) != (channels, height, width):
        raise ValueError(f"the model reads {stem.in_channels} channels of {stem.image_size[0]}x{stem.image_size[1]} "
                         f"pixels, {dataset.name} has {channels} of {height}x{width}")
    if classes != len(dataset.classes):
        raise ValueError(f"the model tells {classes} classes apart, {dataset.name} has {len(dataset.classes)}")


def check_recipe(recipe, dataset):
    """Raise ValueError if the recipe cannot be carried out on dataset's images: tries it on one of them."""
    generator = torch.Generator()
    if recipe.val_fraction:
        split(dataset.train_labels, recipe.val_fraction, generator)
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

        x = normalize(dataset.train_images[:1].expand(count, -1, -1, -1), dataset.mean, dataset.std).to(device)
        with torch.random.fork_rng(), autocast(device, recipe.precision), \
                torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            logits = model(x)  # noqa: F841 (holds what was kept until it is counted)
        return sum(storages.values())

    device = next(model.parameters()).device
    weights = sum(p.nbytes for p in model.parameters())
    return 3 * weights + dataset.train_images.nbytes + int(1.5 * recipe.batch_size * (kept(2) - kept(1)))


def autocast(device, precision):
    """The context in which the forward pass runs: bf16 autocast, or nothing for float32."""
    if precision == "auto":
        precision = "bf16" if fast_bf16(device) else "float32"
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def fast_bf16(device):
    """Whether bf16 is faster than float32: a GPU that has it, or a CPU with instructions for it (AMX, AVX512-BF16).

    On other CPUs bf16 is emulated, ten times and more slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()      # older torch cannot say: float32
    return device.type == "cpu" and any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def _hold_out(dataset, recipe, device):
    """Training images and labels on `device`, and the held-out pair, or None where val_fraction is 0."""
    images, labels = dataset.train_images.to(device), dataset.train_labels.to(device)
    if recipe.val_fraction == 0:
        return images, labels, None
    train, held = split(dataset.train_labels, recipe.val_fraction, torch.Generator().manual_seed(recipe.seed))
    return images[train], labels[train], (images[held], labels[held])


def _compiled(model, device):
    """A second way into `model` that runs through torch.compile; the weights and their names stay the model's."""
    try:
        torch.compile(torch.sin)(torch.zeros(2, device=device))
    except Exception as error:      # many kinds
        raise ValueError(f"torch.compile does not work here ({' '.join(str(error).splitlines()[:1])}): install a C++ "
                         f"compiler, such as g++, or leave compile off") from error
    return torch.compile(model, dynamic=False)      # a kernel for each batch size: a resumed run then uses the same


def _save(out, model, dataset, optimizer, recipe, history, snapshots):
    # resume.pt is whole by itself, so a kill between these writes loses nothing.
    save_state(out / "resume.pt", {"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                                   "settings": _settings(model, dataset, recipe), "history": asdict(history),
                                   "snapshots": snapshots})
    save_history(out / "history.json", history)
    save_table(out / "history.csv", history.epochs)
    if snapshots:
        save_snapshots(out / "snapshots.safetensors", snapshots)
    names = ["model"]
    if recipe.val_fraction and best_epoch(history) == len(history.epochs):
        names.append("best")
    for name in names:
        save_checkpoint(out / f"{name}.safetensors", model, dataset,
                        recipe=asdict(recipe), epochs_done=len(history.epochs))


def _settings(model, dataset, recipe):
    """What must stay the same when a run is resumed; of the data what tells one set from another."""
    means = ", ".join(f"{mean:.4f}" for mean in dataset.mean)
    return asdict(recipe) | model.config | {"dataset": f"{len(dataset.train_images)} images of mean {means}"}


def _restore(out, model, dataset, optimizer, recipe):
    state, settings = load_state(out / "resume.pt"), _settings(model, dataset, recipe)
    try:
        changed = [name for name, value in settings.items() if state["settings"][name] != value]
        if not changed:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            return History(**state["history"]), state["snapshots"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{out / 'resume.pt'} is damaged or not the state of a run ({type(error).__name__}): start "
                         f"again in another folder") from error
    raise ValueError(f"{changed[0]} is {settings[changed[0]]!r}, but the run in {out} was started with "
                     f"{state['settings'][changed[0]]!r}: resume with the same options, or start a new run in "
                     f"another folder")


def _mean(values):
    values = list(values)
    return sum(values) / len(values)
