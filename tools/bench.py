"""Measure speed, each figure as a ratio against a peer in the same run: `make bench`.

Machines differ and are shared, so absolute times say little. Each pair is timed in turns, A B A B ..., and the median
of the ratios is printed with its smallest and largest value.
"""

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import time

import timm.models.mlp_mixer
import torch
import torchvision.transforms.v2 as transforms
from PIL import Image

from mixer_lib import create_model, plots
from mixer_lib.configs import MODELS, cost_by_part
from mixer_lib.data import Dataset, batches, load_dataset
from mixer_lib.model import ChannelMixing
from mixer_lib.training import Recipe, fast_bf16, fit, make_optimizer, train_step

ROUNDS = 15
BATCH = 128


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(name, target, images, ours, peer):
    """Time `ours` and `peer` in turns, `images` images each; print images/s and how often faster ours is."""
    ours(), peer()      # warm-up
    times = [(seconds(ours), seconds(peer)) for _ in range(ROUNDS)]
    ratios = sorted(b / a for a, b in times)
    speeds = [images / statistics.median(column) for column in zip(*times, strict=True)]
    print(f"{name:<44}{speeds[0]:>10,.0f}{speeds[1]:>10,.0f}{statistics.median(ratios):>8.2f}"
          f"   {ratios[0]:.2f}..{ratios[-1]:.2f}   {target}", flush=True)


class Pictures(torch.utils.data.Dataset):
    """The sample as torchvision's users keep it: PIL images, transformed one at a time."""

    def __init__(self, data):
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in data.train_images]
        self.labels = data.train_labels
        self.transform = transforms.Compose([
            transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(),
            transforms.PILToTensor(), transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize(data.mean, data.std)])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.labels[i]


def input_pipeline(data):
    loader = torch.utils.data.DataLoader(Pictures(data), BATCH, shuffle=True, num_workers=2, persistent_workers=True)

    def ours():
        for _ in batches(data.train_images, data.train_labels, BATCH, data.mean, data.std, shuffle=True,
                         crop_padding=4, flip=True):
            pass

    def peer():
        for _ in loader:
            pass

    compare("input pipeline: DataLoader, 2 workers", ">= 5", len(data.train_images), ours, peer)


def training(data):
    def timm_mixer():
        return timm.models.mlp_mixer.MlpMixer(num_classes=10, img_size=32, patch_size=4, num_blocks=8, embed_dim=128,
                                              mlp_ratio=(0.5, 4.0))

    def step(model, precision):
        recipe = Recipe(precision=precision)
        optimizer = make_optimizer(model, recipe)
        x, y = torch.randn(BATCH, 3, 32, 32), torch.arange(BATCH) % 10
        return lambda: train_step(model, x, y, optimizer, 1e-3, recipe)

    # bf16 without matrix units for it is emulated and takes minutes: there is nothing to compare then.
    for precision in ("float32", "bf16") if fast_bf16(torch.device("cpu")) else ("float32",):
        compare(f"train step, {precision}: timm", ">= 1.0", BATCH,
                step(create_model("cifar10"), precision), step(timm_mixer(), precision))

    few = Dataset(**vars(data) | {"train_images": data.train_images[::10], "train_labels": data.train_labels[::10]})
    recipe = Recipe(epochs=1, crop_padding=4, flip=True, val_fraction=0)
    model, peer = create_model("cifar10"), step(timm_mixer(), "float32")

    def ours():
        with contextlib.redirect_stderr(open(os.devnull, "w")):    # no progress bar
            fit(model, few, recipe)

    used = "bf16" if fast_bf16(torch.device("cpu")) else "float32"
    steps = -(-len(few.train_images) // BATCH)
    compare(f"fit as it comes ({used}): timm, float32", ">= 2.0 in bf16", len(few.train_images), ours,
            lambda: [peer() for _ in range(steps)])


def pictures(data):
    """Milliseconds to draw what a widget shows, median and 95th percentile."""
    probabilities = [0.1] * 10
    columns = {name: torch.randn(16) for name in "abcd"}
    gray, detectors = data.train_images[0].float().mean(0) / 255, {name: torch.randn(8, 8) for name in "abcd"}
    for name, draw in {
        "patch explorer": lambda: plots.patch_explorer(data.train_images[0], 4, 5, 6),
        "embedding explorer": lambda: plots.embedding_explorer(gray, detectors, 5, 1),
        "token explorer": lambda: plots.token_explorer(torch.randn(3), torch.nn.LayerNorm(3), ChannelMixing(3, 4)),
        "token unit explorer": lambda: plots.token_unit_explorer(data.train_images[0], columns, columns, "a", "b"),
        "influence explorer": lambda: plots.influence_explorer(data.train_images[0], torch.rand(9, 16, 16), 8, 5, 1),
        "cost explorer": lambda: plots.cost_split(cost_by_part(MODELS["B/16"])),
        "prediction browser": lambda: plots.prediction(data.train_images[0], probabilities, data.classes, truth=0),
    }.items():
        times = sorted(1000 * seconds(lambda draw=draw: plots.to_png(draw())) for _ in range(40))
        print(f"{name:<44}{times[20]:>10.1f}{times[38]:>10.1f}   <= 50", flush=True)


def import_time():
    code = "import time, torch; start = time.perf_counter(); import mixer_lib; print(time.perf_counter() - start)"
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
             for _ in range(5)]
    print(f"{'import mixer_lib, once torch is imported (s)':<44}{statistics.median(times):>10.3f}            < 0.3")


def main():
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
          f"fast bf16: {fast_bf16(torch.device('cpu'))}")
    data = load_dataset("cifar10")
    print(f"\n{'ours against a peer':<44}{'ours/s':>10}{'peer/s':>10}{'ratio':>8}   range        target")
    input_pipeline(data)
    training(data)
    print(f"\n{'picture of a widget':<44}{'median ms':>10}{'95% ms':>10}   target")
    pictures(data)
    print()
    import_time()


if __name__ == "__main__":
    main()
