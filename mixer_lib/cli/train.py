"""The command train."""

import os
import re
import shlex
import sys
import time
from dataclasses import fields
from itertools import count, pairwise
from pathlib import Path
from statistics import median

import torch
from tqdm import tqdm

from ..checkpoints import read_rows, write_atomically
from ..configs import create_model, default_patch_size, get_config
from ..data import load_dataset, split
from ..model import new_head, pair
from ..pretrained import grow, load_released, wordnet_id
from ..training import (
    Recipe,
    best_epoch,
    check_fit,
    check_processes,
    check_recipe,
    fit,
    memory_needed,
    processes,
    whole_epochs,
)
from ..training.devices import describe, free_memory, local_device
from ..training.run import Run, holds_an_epoch
from .config import as_toml, read_config
from .say import say

PROGRAM = ["python", "-m", "mixer_lib", "train"]

MODEL_OPTIONS = {       # fields of `MixerConfig`, and of the relatives' configurations
    "patch_size": "side of a patch in pixels",
    "num_blocks": "number of blocks",
    "hidden_dim": "channels per token",
    "tokens_mlp_dim": "hidden units of a token-mixing MLP",
    "channels_mlp_dim": "hidden units of a channel-mixing MLP",
    "kernel_size": "side of ConvMixer's kernels, in patches",
    "num_heads": "heads of ViT's attention",
    "dropout": "dropout rate in the MLPs, from 0 to 1",
    "drop_path": "stochastic depth of the last block, a rate from 0 to 1",
}


def train(options, words):
    if options.config:
        words = read_config(options.config, options.parser) + words
        options = options.parser.parse_args(words)
    if not options.out:
        raise ValueError(f"the following arguments are required: --out; see {options.parser.prog} --help")
    with processes.together(local_device(options.device)):
        try:
            return train_together(options, words)
        except RuntimeError as error:
            if not re.search("gloo|nccl", str(error), re.I):
                raise
            raise OSError(f"the connection to another process of this run is lost ({str(error).splitlines()[0]}): what "
                          f"it said before says why") from None


def train_together(options, words):
    out, words = Path(options.out), merged(words)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out is {out}, which is a file: expected a folder")
    command = out / "command.txt"
    # Where torchrun starts all processes again, since one has failed, they go on.
    resume = options.resume or (processes.restarted() and command.exists())
    if resume and command.exists():
        try:
            begun = shlex.split(command.read_text(encoding="utf-8"))
            if begun[:len(PROGRAM)] != PROGRAM:
                raise ValueError(f"it does not begin with {shlex.join(PROGRAM)}")
            begun = begun[len(PROGRAM):]
            init = options.parser.parse_args([*begun, "--out", str(out)]).init
        except ValueError as error:
            raise ValueError(f"{command}, where the command of the run is kept, is damaged ({error}): delete it, and "
                             f"give all options again with --resume") from None
        words = merged(begun + words)
        options = options.parser.parse_args(words)
        # A run that was killed before its first save has left only its command. To resume it is to start it.
        resume = any((out / name).exists() for name in ("resume.pt", "model.safetensors"))
        if resume and options.init != init:     # all else that must stay the same is in resume.pt
            raise ValueError(f"init is {options.init!r}, but the run in {out} was started with {init!r}: resume with "
                             f"the same options, or start a new run in another folder")
    elif not resume and holds_an_epoch(out):
        raise ValueError(f"{out} already holds a run: add --resume to go on with it, or choose another --out")

    # All that can fail does so before anything is written.
    begin = begin_with(options.init, options.image_size) if options.init else None
    image_size = begin[0].image_shape[1:] if begin else options.image_size
    recipe = Recipe(**{f.name: getattr(options, f.name) for f in fields(Recipe)})
    # Random parts of a photograph come from its file, where it has all of its detail.
    dataset = load_dataset(options.dataset, options.full, options.root, image_size,
                           in_memory=False if recipe.resized_crop else None)
    dataset.name = options.dataset      # kept in the checkpoint, so that `evaluate` finds a path again
    check_recipe(recipe, dataset)
    check_processes(recipe)
    device = local_device(options.device)
    torch.manual_seed(recipe.seed)
    model = make_model(options, begin, dataset).to(device)
    if resume:
        Run(out, model, dataset, optimizer=None, recipe=recipe).check()
    processes.wait_for_all()        # until they have seen what was there before
    if processes.rank() == 0:
        write_atomically(command, (shlex.join(PROGRAM + words) + "\n").encode())
        write_atomically(out / "config.toml", as_toml(options, options.parser).encode())

    say_what_is_trained(model, dataset, recipe, device)
    try:
        history = fit(model, dataset, recipe, callbacks=[SayHowLong()], out=out, resume=resume)
    except OSError as error:        # a full disk, a photograph that is gone
        kept = whole_epochs(len(read_rows(out / "history.csv"))) if (out / "history.csv").exists() else "nothing yet"
        raise OSError(f"{error}. {out} holds {kept}; once that is solved, go on with "
                      f"{shlex.join([*program(), '--out', str(out), '--resume'])}") from None
    except FloatingPointError as error:
        done, free = whole_epochs(len(read_rows(out / "history.csv"))), out
        if holds_an_epoch(out):
            free = next(path for n in count(2) if not (path := Path(f"{out}-{n}")).exists())
        again = merged([*words, "--lr", f"{recipe.lr / 3:.2g}", "--out", str(free)])
        raise FloatingPointError(f"{error}. {out} holds {done}. For example: {shlex.join(program() + again)}") from None
    if history.interrupted:
        say(f"to go on from there: {shlex.join([*program(), '--out', str(out), '--resume'])}")
        return 130
    if processes.rank():
        return 0
    print_result(history)
    say(f"model, history and command are in {out}. At the end, read the test images once: "
        f"{shlex.join([*PROGRAM[:-1], 'evaluate', str(out)])}")


def program():
    """The words with which a person starts this command: with as many processes as now."""
    if not processes.launched():
        return PROGRAM
    return ["torchrun", "--nproc-per-node", os.environ.get("LOCAL_WORLD_SIZE", "1"), *PROGRAM[1:]]


def merged(words):
    """The words of a command's options, where of each option only the last one stays, in the place of the first. Those
    that are no part of a run, --resume and --config, are left out, and --no-flip takes the place of --flip."""
    options, name = {"": []}, ""
    for word in words:
        if word.startswith("--"):
            name = word.split("=")[0].replace("--no-", "--")
            options[name] = []
        options[name].append(word)
    return [word for name, option in options.items() if name not in ("--resume", "--config") for word in option]


def begin_with(init, image_size):
    """The model of --init, grown where the images are a whole number of times as large, and its about."""
    model, about = load_released(init)
    if about.family != "mixer_lib":
        say(f"weights of {about.family}: {'; '.join(about.converted)}")
    (H, W), (height, width) = model.image_shape[1:], pair("image_size", image_size or model.image_shape[1:])
    K = height // H
    if (height, width) != (K * H, K * W):
        raise ValueError(f"--image-size is {height}x{width}, but the model of --init reads images of {H}x{W}: expected "
                         f"that, or 2, 3, ... times as much on each side, for which its token mixing grows")
    if K > 1:
        say(f"for images {K} times as high and as wide, the token-mixing MLPs have {K * K} times the tokens and hidden "
            f"units; they begin with {K * K} copies of their weights")
        model = grow(model, K)
    return model, about


def make_model(options, begin, dataset):
    """The model to begin with. begin: that of --init, if any, as `load_checkpoint` gives it. It comes with its
    normalization, which `dataset` then takes over."""
    given = {name: getattr(options, name) for name in ("model", *MODEL_OPTIONS) if getattr(options, name) is not None}
    if not begin:
        channels, *image_size = dataset.train_images.shape[1:]
        if not options.model:
            given["model"] = "mnist" if (channels, *image_size) == (1, 28, 28) else "cifar10"
            given.setdefault("patch_size", default_patch_size(*image_size, get_config(given["model"]).patch_size))
        return create_model(given.pop("model"), **given | dict(image_size=tuple(image_size), in_channels=channels,
                                                              num_classes=len(dataset.classes)))
    if given:
        raise ValueError(f"--{next(iter(given)).replace('_', '-')} does not go with --init: the model is that of the "
                         f"checkpoint")
    model, about = begin
    other = [*map(wordnet_id, about.dataset.classes)] != [*map(wordnet_id, dataset.classes)]
    model = new_head(model, len(dataset.classes)) if other else model
    check_fit(model, dataset)
    dataset.mean, dataset.std = about.dataset.mean, about.dataset.std
    head = f", but for the head: the {len(dataset.classes)} classes are others, so a new head starts at zero" * other
    say(f"the run starts from the weights in {about.file}{head}")
    return model


def say_what_is_trained(model, dataset, recipe, device):
    """Say what is trained on what, and what is to be known before it takes long."""
    images, held = len(dataset.train_images), 0
    if recipe.val_fraction and dataset.val_images is not None:
        held = len(dataset.val_images)
    elif recipe.val_fraction:
        images, held = map(len, split(dataset.train_labels, recipe.val_fraction, torch.Generator()))
    say(f"{sum(p.numel() for p in model.parameters()):,} parameters, {images:,} training images, {held:,} held out, on "
        f"{describe(device)}" + f", {processes.count()} processes" * (processes.count() > 1))
    if not held:
        say("note: with --val-fraction 0 nothing measures the model while it trains. Only the test images are left, "
            "and a test that one chooses by is no longer a test")
    needed, free = memory_needed(model, dataset, recipe), free_memory(device)
    if needed > free:
        say(f"warning: training takes about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free; choose a "
            f"smaller --batch-size or a smaller model")


def print_result(history):
    """Print the held-out result of the last epoch, and of the best one if that is another."""
    last = history.epochs[-1]
    if "val_accuracy" not in last:
        print(f"epoch {last['epoch']}: training loss {last['train_loss']:.4f}; no images were held out")
        return
    best = history.epochs[best_epoch(history) - 1]
    for row, what in [(last, "held out")] + [(best, "best.safetensors, held out")] * (best is not last):
        print(f"epoch {row['epoch']}, {what}: accuracy {row['val_accuracy']:.2%}, loss {row['val_loss']:.4f}")


class SayHowLong:
    """A callback for `fit` that says once, after its first steps, how long the rest takes, and warns of a long one.

    On the error output, where the progress bar is too."""

    def __init__(self):
        self.seen = []          # at each call the time, and how many steps were done

    def __call__(self, history):
        self.seen.append((time.perf_counter(), len(history.steps)))
        if len(self.seen) != 6:         # the time before the first call, when all is made ready, does not count
            return
        step = median((later - before) / (done - had) for (before, had), (later, done) in pairwise(self.seen)
                      if done > had)    # a GPU reports many steps at once, and the end of an epoch is no step
        left = history.total_steps - len(history.steps)
        seconds = step * left
        tqdm.write(f"{left:,} steps of {step:.2g} s to go: about {duration(seconds)}", file=sys.stderr)
        if seconds > 3600:
            tqdm.write("warning: that is more than an hour; fewer epochs, fewer images or a smaller model make it "
                       "less. Stop with Ctrl-C; --resume goes on later", file=sys.stderr)


def duration(seconds):
    """A time as one says it: "40 seconds", "2.5 minutes", "3.0 hours"."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
