"""The command line: python -m mixer_lib train | evaluate | predict | info."""

import argparse
import json
import shlex
import sys
import time
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from tqdm import tqdm

from .checkpoints import load_checkpoint, write_atomically
from .configs import MODELS, create_model, get_config
from .costs import layer_table
from .data import load_dataset, load_image
from .model import MixerConfig
from .training import Recipe, check_recipe, evaluate, fit, memory_needed, pick_device, predict
from .training.devices import describe, free_memory
from .training.run import holds_an_epoch

MODEL_OPTIONS = {       # fields of `MixerConfig`
    "patch_size": "side of a patch in pixels",
    "num_blocks": "number of Mixer blocks",
    "hidden_dim": "channels per token",
    "tokens_mlp_dim": "hidden units of a token-mixing MLP",
    "channels_mlp_dim": "hidden units of a channel-mixing MLP",
    "dropout": "dropout rate in the MLPs",
    "drop_path": "stochastic depth of the last block",
}


def main(argv=None):
    """Run one command and return its exit code: 0, 2 for bad input (one line says what), 130 when interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(argv or ["--help"])
    try:
        return options.run(options, argv) or 0
    except (ValueError, OSError, FloatingPointError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:       # outside of `fit`, which has its own way to end
        print("interrupted", file=sys.stderr)
        return 130


def train(options, argv):
    dataset = load_dataset(options.dataset, options.full, options.root)
    dataset.name = options.dataset      # kept in the checkpoint, so that `evaluate` finds a path again
    given = vars(options)
    recipe = Recipe(**{f.name: given[f.name] for f in fields(Recipe)})
    check_recipe(recipe, dataset)       # fails, if it must, before anything is written
    device = pick_device(options.device)
    channels, *image_size = dataset.train_images.shape[1:]
    base = "mnist" if (channels, *image_size) == (1, 28, 28) else "cifar10"
    torch.manual_seed(recipe.seed)
    model = create_model(base, image_size=tuple(image_size), in_channels=channels, num_classes=len(dataset.classes),
                         **{name: given[name] for name in MODEL_OPTIONS if given[name] is not None}).to(device)
    out = Path(options.out)
    if not options.resume and holds_an_epoch(out):
        raise ValueError(f"{out} already holds a run: add --resume to go on with it, or choose another --out")
    # A run that was killed before its first save has left only its command. To resume it is to start it.
    holds_run = any((out / name).exists() for name in ("resume.pt", "model.safetensors"))
    start = not options.resume or (not holds_run and any(out.glob("command.txt*")))
    if start:
        command = ["python", "-m", "mixer_lib", *[word for word in argv if word != "--resume"]]
        write_atomically(out / "command.txt", (shlex.join(command) + "\n").encode())
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters:,} parameters, {len(dataset.train_images):,} training images on {describe(device)}")
    warn_of_memory(memory_needed(model, dataset, recipe), free_memory(device))
    try:
        history = fit(model, dataset, recipe, callbacks=[SayHowLong()], out=out, resume=not start)
    except FloatingPointError as error:
        kept = "holds the last epoch before that; choose another --out" if holds_an_epoch(out) else \
               "holds no model yet, so the same --out will do"
        raise FloatingPointError(f"{error}. {out} {kept}") from None
    if history.interrupted:
        print(f"{out} holds {len(history.epochs)} whole epochs; add --resume to go on from there", file=sys.stderr)
        return 130
    _print_result("test", evaluate(model, dataset))
    print(f"model, history and command are in {out}")


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


def warn_of_memory(needed, free):
    """Print a warning when a run needs more bytes than are free."""
    if needed > free:
        print(f"warning: training takes about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free; choose a "
              f"smaller --batch-size or a smaller model", file=sys.stderr)


def evaluate_checkpoint(options, argv):
    model, about = _load(options)
    try:
        dataset = load_dataset(options.dataset or about.dataset.name, options.full, options.root)
    except (ValueError, OSError) as error:
        if options.dataset:
            raise
        raise ValueError(f"the model's own data set cannot be loaded: {error}. Name one with --dataset") from error
    _print_result(f"{dataset.name} test, {len(dataset.test_images):,} images", evaluate(model, dataset))


def predict_images(options, argv):
    model, about = _load(options)
    channels, *image_size = model.image_shape
    images = torch.stack([load_image(path, image_size, channels) for path in options.images])
    probabilities = predict(model, images, about.dataset).softmax(dim=1)       # [N, K]
    for path, row in zip(options.images, probabilities, strict=True):
        top = row.topk(min(3, len(row)))
        print(f"{path}: " + ", ".join(f"{about.dataset.classes[k]} {p:.1%}" for p, k in zip(*top, strict=True)))


def info(options, argv):
    if options.name not in MODELS and (Path(options.name).is_file() or options.name.endswith(".safetensors")):
        model, about = load_checkpoint(options.name)
        config = model.config
        print(json.dumps({k: v for k, v in vars(about).items() if k != "dataset"}))
    else:
        config = get_config(options.name)
    print(f"{'layer':<24}{'output':>14}{'parameters':>16}{'MACs':>18}")
    table = layer_table(config)
    for layer, shape, parameters, macs in table:
        print(f"{layer:<24}{'x'.join(map(str, shape)):>14}{parameters:>16,}{macs:>18,}")
    print(f"{'total':<38}{sum(row[2] for row in table):>16,}{sum(row[3] for row in table):>18,}")


def _load(options):
    """The model of a checkpoint on the device that was asked for, and what the checkpoint says about it."""
    device = pick_device(options.device)
    model, about = load_checkpoint(options.checkpoint)
    print(f"on {describe(device)}", file=sys.stderr)
    return model.to(device), about


def _print_result(name, result):
    print(f"{name}: accuracy {result['accuracy']:.2%}, loss {result['loss']:.4f}")


def _flag(name):
    return "--" + name.replace("_", "-")


def _parser():
    # No abbreviated options: a command that is kept should still mean the same when there are more of them.
    parser = argparse.ArgumentParser(prog="python -m mixer_lib", description="Train and use small MLP-Mixers.",
                                     allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, help, data=True, device=True):
        sub = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        sub.set_defaults(run=run)
        if device:
            sub.add_argument("--device", default="auto",
                             help="auto (default: CUDA, else MPS, else the CPU), cpu, cuda, cuda:1 or mps")
        if data:
            sub.add_argument("--full", action="store_true", help="the full data set rather than the bundled sample")
            sub.add_argument("--root", default=None, help="folder of the full data sets")
        return sub

    sub = command("train", train, "train a model")
    sub.add_argument("--dataset", default="mnist",
                     help="mnist (default), cifar10, cifar100, fashion_mnist, a .npz file or a folder of class folders")
    sub.add_argument("--out", required=True, help="folder for the checkpoint, the history and the command")
    sub.add_argument("--resume", action="store_true", help="go on with the run in --out, given the same options")
    model = sub.add_argument_group("model (default: the course's model for such images)")
    for name, help in MODEL_OPTIONS.items():
        kind = float if MixerConfig.__dataclass_fields__[name].type is float else int
        model.add_argument(_flag(name), type=kind, help=help)
    recipe = sub.add_argument_group("recipe")
    for f in fields(Recipe):
        kind = {"action": "store_true"} if f.type is bool else {"type": f.type}
        recipe.add_argument(_flag(f.name), default=f.default, **kind,
                            help=f"{f.metadata['help']} (default: {f.default})")

    sub = command("evaluate", evaluate_checkpoint, "measure a checkpoint on test images")
    sub.add_argument("checkpoint")
    sub.add_argument("--dataset", default=None, help="as for train; by default what the model was trained on")

    sub = command("predict", predict_images, "name the classes of image files", data=False)
    sub.add_argument("images", nargs="+", metavar="IMAGE")
    sub.add_argument("--checkpoint", required=True)

    sub = command("info", info, "list a model's layers: shapes, parameters, multiply-accumulates", data=False,
                  device=False)
    sub.add_argument("name", help=f"one of {', '.join(MODELS)}, or a checkpoint")
    return parser
