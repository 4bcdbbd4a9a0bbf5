"""The commands and their options."""

import argparse
from dataclasses import fields
from importlib import metadata
from os.path import expanduser

import torch

from ..configs import NAMES
from ..data.files import INTERPOLATIONS, LARGEST, as_pair, check_crop
from ..pretrained import KNOWN
from ..training import Recipe
from ..training.recipe import OPTIMIZERS
from .inspect import inspect_model
from .plan import plan
from .show import describe_data, info
from .train import MODEL_OPTIONS, train
from .use import PARTS, evaluate_checkpoint, predict_images

CHOICES = {     # of fields of `Recipe`
    "schedule": ("cosine", "constant"),
    "optimizer": OPTIMIZERS,
    "precision": ("auto", "float32", "bf16"),
}

CHECKPOINT = "the name of a bundled model, the folder of a run, a .safetensors file, or released weights (see below)"

WEIGHTS = """
released weights:
  FILE                        the official code's .npz, timm's .safetensors or .pth, PASSL's .pdparams or .pd
  NAME                        downloaded once, to ~/.cache/mixer_lib/weights or the folder in MIXER_LIB_CACHE:
""" + "".join(f"    {name!r}\n" if " " in name else f"    {name}\n" for name in KNOWN)

DATASETS = """\
what --dataset takes:
  mnist, cifar10              the bundled sample, or with --full all of it
  fashion_mnist, cifar100     with --full
  FILE.npz                    train_images, train_labels, test_images, test_labels and, if there, val_images,
                              val_labels and classes, as in MedMNIST; or x_train, y_train, x_test, y_test, as in
                              Keras. Images are [N, H, W], [N, H, W, C] or [N, C, H, W], pixels from 0 to 255
  FOLDER                      train/CLASS/*.png, test/CLASS/*.png and, if there, val/CLASS/*.png; or CLASS/*.png, of
                              which one image in six is kept for the test. Also .jpg, .bmp, .webp, .tif, .gif, .ppm
"""

TRAIN = DATASETS + WEIGHTS + """
examples:
  python -m mixer_lib train --dataset mnist --epochs 10 --lr 6e-3 --out runs/mnist
  python -m mixer_lib train --out runs/mnist --resume --epochs 20
  python -m mixer_lib train --dataset photos --init cifar10 --lr 3e-4 --out runs/photos
  python -m mixer_lib train --config runs/mnist/config.toml --seed 1 --out runs/mnist-1
  python -m mixer_lib train --dataset photos --init mixer_b16_224.goog_in21k --optimizer sgd --out runs/b16
"""

EVALUATE = DATASETS + WEIGHTS + """
In a folder of images, class folders may be named by WordNet ids (n01440764), as in ImageNet.

examples:
  python -m mixer_lib evaluate runs/mnist
  python -m mixer_lib evaluate cifar10 --per-class --confusion mistakes.png
  python -m mixer_lib evaluate runs/mnist/best.safetensors --json
  python -m mixer_lib evaluate mixer_b16_224.goog_in21k_ft_in1k --dataset imagenet/val --crop 0.875
"""

PREDICT = WEIGHTS + """
examples:
  python -m mixer_lib predict digit.png --checkpoint mnist
  python -m mixer_lib predict photo.jpg holidays --checkpoint runs/photos --top 5
  python -m mixer_lib predict scans --checkpoint mnist --json > answers.jsonl
"""

DATA = DATASETS + """
examples:
  python -m mixer_lib data photos
  python -m mixer_lib data photos --sheets sheets
  python -m mixer_lib data cifar10
"""

INFO = WEIGHTS + """
examples:
  python -m mixer_lib info B/16
  python -m mixer_lib info cifar10
  python -m mixer_lib info runs/mnist
"""

INSPECT = """\
It writes to --out: index.html, a page with everything; for each block the mosaics of W1 and W2 and the strongest
singular pictures of W1; the kernels by displacement of all blocks, and explorer.html, where one can touch them;
summary.csv and summary.json, each number beside its controls. Where a run kept snapshots (train --snapshots), also
training.csv and curves of the share of convolution and of the rank.

examples:
  python -m mixer_lib inspect cifar10 --out look/cifar10
  python -m mixer_lib inspect runs/mnist --out look/mnist
  python -m mixer_lib inspect runs/mnist/best.safetensors --out look/best --seed 1
"""

PLAN = """\
The work follows from the model, the memory from what a step keeps. Time is work / (devices x peak x share): what share
of its peak a device reaches is measured, often 0.3 to 0.5. Without --shard (plain) each device holds the whole model.

examples:
  python -m mixer_lib plan H/14 --images 300e6 --epochs 14 --devices 512 --peak 990e12 --share 0.4
  python -m mixer_lib plan B/16 --images 1.28e6 --epochs 300 --devices 8 --peak 312e12 --share 0.4 --batch-size 4096
"""


def parse(argv):
    """The options of a command line; options.run(options, the words after the command) carries it out, and
    options.parser reads such words. Raises ValueError for wrong usage."""
    options, unknown = _parser().parse_known_args(argv)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


class Parser(argparse.ArgumentParser):
    """Raises ValueError, where argparse would print its usage and end the program.

    It takes no abbreviated options: a command that is kept should still mean the same when there are more of them."""

    def __init__(self, **named):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **named)

    def _print_message(self, message, file=None):
        print(message, end="", file=file)       # argparse would say nothing of a pipe that is closed

    def error(self, message):
        raise ValueError(f"{message}; see {self.prog} --help")


class Version(argparse.Action):
    def __call__(self, parser, *args):
        try:
            version = metadata.version("mixer-course")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"mixer-course {version}, torch {torch.__version__}")
        parser.exit()


def _parser():
    parser = Parser(prog="python -m mixer_lib", description="Train and use small MLP-Mixers.",
                    epilog="python -m mixer_lib COMMAND --help lists the options of a command and has examples.")
    parser.add_argument("--version", action=Version, nargs=0, help="print the versions of the course and of torch")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, help, epilog, shared=False):      # shared: by the processes that torchrun starts
        sub = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", epilog=epilog)
        sub.set_defaults(run=run, parser=sub, shared=shared)
        return sub

    sub = command("train", train, "train a model", TRAIN, shared=True)
    sub.add_argument("--dataset", type=expanduser, default="mnist", help="the images: see below (default: mnist)")
    sub.add_argument("--image-size", type=image_size, metavar="PIXELS",
                     help="scale and cut the images to this size, 32 or HEIGHTxWIDTH (default: as they are, or as the "
                          "model of --init takes them; 2, 3, ... times as large, its token mixing grows)")
    _where(sub)
    sub.add_argument("--out", type=expanduser,
                     help="folder for the checkpoint, the history and the command; always needed")
    sub.add_argument("--config", metavar="FILE.toml",
                     help="read options from a file with a line such as epochs = 20 for each; those of the command "
                          "line win. Each run writes its own, config.toml")
    sub.add_argument("--resume", action="store_true",
                     help="go on with the run in --out, by the command kept there; options given now replace those of "
                          "that command, and more --epochs make the run longer")
    model = sub.add_argument_group("model")
    model.add_argument("--init", metavar="CHECKPOINT", help=f"start from the weights of a model: {CHECKPOINT}")
    model.add_argument("--model", help=f"start from scratch with one of {', '.join(NAMES)} (default: mnist for gray "
                                       f"images of 28 x 28, else cifar10), which the options below change")
    for name, help in MODEL_OPTIONS.items():
        model.add_argument(_flag(name), type=float if name in ("dropout", "drop_path") else int, help=help)
    recipe = sub.add_argument_group("recipe")
    for f in fields(Recipe):
        kind = {"type": f.type, "choices": CHOICES.get(f.name)}
        if f.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        default = "" if f.type is bool else f" (default: {f.default})"
        recipe.add_argument(_flag(f.name), default=f.default, **kind, help=f.metadata["help"] + default)

    sub = command("evaluate", evaluate_checkpoint, "measure a model on test images", EVALUATE, shared=True)
    sub.add_argument("checkpoint", help=CHECKPOINT)
    sub.add_argument("--dataset", type=expanduser,
                     help="the images: see below (default: what the model was trained on)")
    _where(sub)
    sub.add_argument("--part", choices=tuple(PARTS), default="test",
                     help="which images; of a folder of class folders without a test, test is one image in six of each "
                          "class, and all of them where the folder itself is named test or val (default: test)")
    sub.add_argument("--crop", type=crop, metavar="SHARE",
                     help="of a folder's images, the share of the short side that is kept, such as 0.875; none: scale "
                          "the whole image, whatever its shape (default: as the weights were made for)")
    sub.add_argument("--interpolation", choices=tuple(INTERPOLATIONS), help="of a folder's images (default: likewise)")
    for name in ("mean", "std"):
        sub.add_argument(f"--{name}", type=numbers, metavar="NUMBERS",
                         help=f"for the normalization: {name} of the pixels in 0..1, one number or one per channel: "
                              "0.5 or 0.485,0.456,0.406 (default: likewise)")
    sub.add_argument("--per-class", action="store_true", help="also the accuracy of each class")
    sub.add_argument("--confusion", type=expanduser, metavar="FILE.png", help="draw which classes are taken for which")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")

    sub = command("predict", predict_images, "name the classes of image files", PREDICT)
    sub.add_argument("images", nargs="+", metavar="IMAGE", help="an image file, or a folder for all images in it")
    sub.add_argument("--checkpoint", required=True, help=CHECKPOINT)
    _device(sub)
    sub.add_argument("--top", type=int, default=3, metavar="K", help="how many classes to name (default: 3)")
    sub.add_argument("--invert", choices=("auto", "yes", "no"), default="auto",
                     help="exchange light and dark; auto: where the image has a light border, and the model was "
                          "trained on gray images that are light on dark (default: auto)")
    sub.add_argument("--json", action="store_true", help="print one JSON object per image, each on a line")

    sub = command("data", describe_data, "describe images: classes, counts, sizes, what is damaged or skipped", DATA)
    sub.add_argument("dataset", help="the images: see below")
    sub.add_argument("--sheets", type=expanduser, metavar="FOLDER",
                     help="write a picture of each class's first images to this folder")
    _sets(sub)

    sub = command("info", info, "list a model's layers: shapes, parameters, multiply-accumulates", INFO)
    sub.add_argument("name", help=f"{CHECKPOINT}; or one of {', '.join(NAMES)}")

    sub = command("plan", plan, "say what a training run would cost: work, time, memory of each device", PLAN)
    sub.add_argument("name", help=f"one of {', '.join(NAMES)}")
    sub.add_argument("--images", type=float, required=True, help="training images, such as 1.28e6")
    sub.add_argument("--epochs", type=float, required=True, help="passes over them")
    sub.add_argument("--devices", type=int, default=1, help="how many train together (default: 1)")
    sub.add_argument("--peak", type=float, required=True, help="FLOP/s of a device at its peak, such as 990e12")
    sub.add_argument("--share", type=float, default=0.4, help="the share of it that is reached (default: 0.4)")
    sub.add_argument("--batch-size", type=int, default=4096, help="images per step of all devices (default: 4096)")
    sub.add_argument("--precision", choices=("bf16", "float32"), default="bf16", help="of the step (default: bf16)")
    sub.add_argument("--num-classes", type=int, help="of the head, 0 for none (default: the model's)")

    sub = command("inspect", inspect_model, "draw and measure what the token mixing of a model has learned", INSPECT)
    sub.add_argument("checkpoint", help=CHECKPOINT)
    sub.add_argument("--out", type=expanduser, required=True, help="folder for the page, its pictures and the numbers")
    sub.add_argument("--seed", type=int, default=0, help="of the random controls (default: 0)")
    return parser


def image_size(text):
    """An --image-size: "32" is one int, "24x32" a pair."""
    try:
        sides = tuple(map(int, text.split("x")))
        as_pair(sides if len(sides) == 2 else int(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: expected a whole number of pixels such as 64, or "
                                         f"HEIGHTxWIDTH such as 48x64, from 1 to {LARGEST}") from None
    return sides if len(sides) == 2 else sides[0]


def crop(text):
    """A --crop: a number, or "none"."""
    try:
        share = text if text == "none" else float(text)
        check_crop(None if share == "none" else share, "bilinear")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no crop: expected a share from 0.1 to 1, or none") from None
    return share


def numbers(text):
    """A --mean or --std: a tuple of numbers."""
    try:
        values = tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 0.5 or 0.485,0.456,0.406") from None
    if not all(-10 < value < 10 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers for pixels in 0..1")
    return values


def _where(sub):
    _sets(sub)
    _device(sub)


def _sets(sub):
    sub.add_argument("--full", action=argparse.BooleanOptionalAction, default=False,
                     help="the full data set rather than the bundled sample")
    sub.add_argument("--root", help="folder of the full data sets (default: ~/.cache/mixer_lib)")


def _device(sub):
    sub.add_argument("--device", default="auto",
                     help="cpu, cuda, cuda:1 (the second GPU), mps, or auto: CUDA, else MPS, else the CPU "
                          "(default: auto)")


def _flag(name):
    return "--" + name.replace("_", "-")
