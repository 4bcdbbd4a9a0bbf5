"""Measure speed, each figure as a ratio against a peer in the same run: `make bench`.

Machines differ and are shared, so absolute times say little. Each pair is timed in turns, A B A B ..., and the median
of the ratios is printed with its smallest and largest value. `make bench ARGS="training --device cuda"` measures only
the parts named, on the device named (default: the best one). What is drawn for a widget is always measured on the CPU.
"""

import argparse
import asyncio
import contextlib
import functools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import mlp_mixer_pytorch
import numpy as np
import psutil
import timm.models.mlp_mixer
import torch
import torchvision.transforms.v2 as transforms
from PIL import Image
from torchvision.datasets import ImageFolder

import bench_page
from mixer_lib import create_model, widgets
from mixer_lib.checkpoints import read_rows
from mixer_lib.configs import MODELS
from mixer_lib.conv import FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing, to_conv
from mixer_lib.costs import count_macs
from mixer_lib.data import ImageFiles, batches, load_dataset, rand_augment
from mixer_lib.training import Recipe, fast_bf16, fit, make_optimizer, pick_device, train_step
from mixer_lib.training.devices import compiled, describe
from mixer_lib.training.plan import flops_per_image, steps_per_second

ROUNDS = 9
BATCH = 128


def seconds(function):
    """How long a function takes, with what it left for a GPU to do."""
    wait()
    start = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - start


def wait():
    if torch.cuda.is_available():
        torch.cuda.synchronize()        # the current device, which `main` chooses
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def compare(name, target, images, ours, peer, rounds=ROUNDS):
    """Time `ours` and `peer` in turns, `images` images each; print images/s and how often faster ours is."""
    for _ in range(3 if torch.cuda.is_available() else 1):      # a CUDA graph is recorded in the second call
        ours(), peer()
    times = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in times)
    speeds = [images / statistics.median(column) for column in zip(*times, strict=True)]
    print(f"{name:<44}{speeds[0]:>10,.0f}{speeds[1]:>10,.0f}{statistics.median(ratios):>8.2f}"
          f"   {ratios[0]:.2f}..{ratios[-1]:.2f}   {target}", flush=True)


class Pictures(torch.utils.data.Dataset):
    """The sample as torchvision's users keep it: PIL images, transformed one at a time."""

    def __init__(self, data, *more):
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in data.train_images]
        self.labels = data.train_labels
        self.transform = transforms.Compose([
            transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *more,
            transforms.PILToTensor(), transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize(data.mean, data.std)])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.labels[i]


def loader(data, *more):
    return torch.utils.data.DataLoader(Pictures(data, *more), BATCH, shuffle=True, num_workers=2,
                                       persistent_workers=True)


def input_pipeline(data, device):
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    for name, target, options, more in (
            ("DataLoader, 2 workers", ">= 5", {}, ()),
            ("the same, RandAugment", ">= 1.5 on a CPU", {"randaugment": 9}, (transforms.RandAugment(magnitude=9),))):
        peer = loader(data, *more)

        def ours(options=options):
            return batches(images, labels, BATCH, data.mean, data.std, shuffle=True, crop_padding=4, flip=True,
                           **options)

        compare(f"input pipeline: {name}", target, len(images), lambda ours=ours: deque(ours(), maxlen=0),
                lambda peer=peer: deque(peer, maxlen=0))


def folder(data, device):
    """A folder of photographs that is read as it is needed, against torchvision's ImageFolder with the same workers;
    then how much more memory ten times the images take."""
    with tempfile.TemporaryDirectory() as home:
        y, x = np.mgrid[0:375, 0:500]       # the usual size of an image of ImageNet
        for number in range(600):
            waves = np.stack([np.sin(x / (9 + number % 31)), np.cos(y / (7 + number % 23)), np.sin((x + y) / 19)], 2)
            noise = np.random.default_rng(number).normal(0, 8, (375, 500, 1))
            path = Path(home, f"class{number % 2}", f"{number}.jpg")
            path.parent.mkdir(exist_ok=True)
            Image.fromarray((127 + 90 * waves + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)
        for size in (64, 224):
            ours = load_dataset(home, image_size=size, in_memory=False).train_images
            labels = torch.zeros(len(ours), dtype=torch.long)
            finish = [transforms.PILToTensor(), transforms.ToDtype(torch.float32, scale=True),
                      transforms.Normalize((0.5,) * 3, (0.25,) * 3)]
            for name, options, crop in (
                    ("random resized crops", {"resized_crop": 0.25, "flip": True},
                     [transforms.RandomResizedCrop(size, (0.25, 1)), transforms.RandomHorizontalFlip()]),
                    ("center crops", {}, [transforms.Resize(size), transforms.CenterCrop(size)])):
                pictures = ImageFolder(home, transforms.Compose([*crop, *finish]))
                peer = torch.utils.data.DataLoader(torch.utils.data.Subset(pictures, range(len(ours))), 64,
                                                   num_workers=min(os.cpu_count(), 8))
                compare(f"folder: {name}, {size} pixels", ">= 1.0", len(ours),
                        lambda ours=ours, labels=labels, options=options:
                        deque(batches(ours, labels, 64, (0.5,) * 3, (0.25,) * 3, **options), maxlen=0),
                        lambda peer=peer: deque(peer, maxlen=0), rounds=5)
        few = ImageFiles([path] * 600, 224, 3)
        many = ImageFiles.cat([few] * 10)
        held = [most_memory(images) for images in (few, many)]
        print(f"{'folder: memory for 600, and for 6,000 (MB)':<44}"
              f"{held[0] / 1e6:>10,.0f}{held[1] / 1e6:>10,.0f}{held[0] / held[1]:>8.2f}"
              f"                near 1: as pixels {many.numel() / 1e6:,.0f} MB", flush=True)


def most_memory(images):
    """The most memory that this process and those that read `images` for it hold for themselves, in bytes."""
    this, most = psutil.Process(), 0
    for _ in batches(images, torch.zeros(len(images), dtype=torch.long), 64, (0.5,) * 3, (0.25,) * 3):
        most = max(most, sum(process.memory_full_info().uss for process in (this, *this.children())))
    return most


def timm_mixer():
    return timm.models.mlp_mixer.MlpMixer(num_classes=10, img_size=32, patch_size=4, num_blocks=8, embed_dim=128,
                                          mlp_ratio=(0.5, 4.0))


def lucidrains_mixer():
    return mlp_mixer_pytorch.MLPMixer(num_classes=10, image_size=32, channels=3, patch_size=4, depth=8, dim=128,
                                      expansion_factor=0.5, expansion_factor_token=4)     # tokens' and channels'


def steps(model, precision, device, batch=BATCH, optimizer="adamw", compile=None, randaugment=0, side=32):
    """A function that trains `model` on a batch. compile: a function that compiles the model. side: of the images."""
    recipe = Recipe(precision=precision, optimizer=optimizer)
    model = model.to(device)
    made = make_optimizer(model, recipe)
    to_train = compile(model) if compile else model
    pixels = torch.randint(256, (batch, 3, side, side), dtype=torch.uint8, device=device)
    some = pixels / 255, torch.arange(batch, device=device) % 10

    def step(x=some[0], y=some[1]):
        if randaugment:
            x = rand_augment(pixels, randaugment) / 255
        train_step(to_train, x.to(device), y.to(device), made, 1e-3, recipe)

    return step


def as_one_matmul(precision, device):
    """The multiplications of a train step as one large matrix product: what they take at the machine's full speed."""
    products = 3 * BATCH * count_macs(MODELS["cifar10"])        # forward, and backward to the input and the weights
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a = torch.randn(products // 2048**2, 2048, dtype=dtype, device=device)
    b = torch.randn(2048, 2048, dtype=dtype, device=device)
    return lambda: a @ b


def training(data, device):
    # bf16 on a CPU without instructions for it is emulated and takes minutes: there is nothing to compare then.
    best, on_gpu = "bf16" if fast_bf16(device) else "float32", device.type != "cpu"

    def mixer(precision=best, compile=False, **options):
        return steps(create_model("cifar10"), precision, device, compile=as_fit_does if compile else None, **options)

    def as_fit_does(model):
        return compiled(model, device)

    for precision in dict.fromkeys(("float32", best)):
        ours = mixer(precision)
        for name, peer in (("timm", timm_mixer), ("mlp-mixer-pytorch", lucidrains_mixer)):
            compare(f"train step, {precision}: {name}", ">= 1.0", BATCH, ours, steps(peer(), precision, device))
        peak = as_one_matmul(precision, device)
        compare(f"train step, {precision}: its matmuls at peak", "<= 1.0", BATCH, ours, peak)
    compare(f"train step with Muon, {best}: with AdamW", ">= 0.77", BATCH, mixer(optimizer="muon"), mixer())
    ours, peer = mixer(compile=True), steps(timm_mixer(), "float32", device)
    compare(f"compiled step, {best}: timm, float32", ">= 2.0 on a CPU", BATCH, ours, peer)
    compare(f"compiled step, {best}: its matmuls at peak", "<= 1.0", BATCH, ours, as_one_matmul(best, device))
    if on_gpu:      # on a CPU timm's compiled step in bf16 has gradients that are not finite (torch 2.14)
        for batch, target in (BATCH, ">= 1.3"), (1024, ">= 1.1"):
            peer = steps(timm_mixer(), best, device, batch, compile=functools.partial(torch.compile, dynamic=False))
            compare(f"compiled step of {batch}, {best}: timm, compiled", target, batch,
                    mixer(compile=True, batch=batch), peer)
        compare("compiled step of 512, RandAugment: without", ">= 0.77", 512,
                mixer(compile=True, batch=512, randaugment=9), mixer(compile=True, batch=512))

    recipe = Recipe(epochs=1, crop_padding=4, flip=True, val_fraction=0)
    model, pictures = create_model("cifar10").to(device), loader(data)

    def epoch():
        with contextlib.redirect_stderr(open(os.devnull, "w")):    # no progress bar
            fit(model, data, recipe)

    for name, build, target in (("timm", timm_mixer, ">= 2.0 on a CPU"), ("mlp-mixer-pytorch", lucidrains_mixer, "")):
        peer = steps(build(), "float32", device)
        compare(f"an epoch ({best}): {name}, float32", target, len(data.train_images), epoch,
                lambda peer=peer: [peer(x, y) for x, y in pictures], rounds=2)


def several(data, device):
    """The command with two processes against one, each time after its first epoch. On a CPU both use all cores, so what
    is lost is what it takes to average the gradients and to wait for each other; two GPUs do at best twice the work."""
    def speed(count):
        words = f"train --dataset cifar10 --epochs 2 --val-fraction 0 --device {device.type} --out"
        threads = max(1, len(os.sched_getaffinity(0)) // count) if hasattr(os, "sched_getaffinity") else 1
        with tempfile.TemporaryDirectory() as out:
            subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
                            str(count), "-m", "mixer_lib", *words.split(), out], check=True, capture_output=True,
                           env=os.environ | {"OMP_NUM_THREADS": str(threads)})
            return read_rows(Path(out, "history.csv"))[-1]["images_per_second"]

    if device.type == "mps" or (device.type == "cuda" and torch.cuda.device_count() < 2):
        print("two processes: one: needs two GPUs, or a CPU")
        return
    pairs = [(speed(2), speed(1)) for _ in range(3)]
    ratios = sorted(two / one for two, one in pairs)
    two, one = (statistics.median(column) for column in zip(*pairs))
    target = ">= 0.8" if device.type == "cpu" else ">= 1.6"
    print(f"{'two processes: one':<44}{two:>10,.0f}{one:>10,.0f}{ratios[1]:>8.2f}   {ratios[0]:.2f}..{ratios[-1]:.2f}"
          f"   {target}", flush=True)


def planned(data, device):
    """Steps per second against what `mixer_lib plan` says, which is told the share of its peak that a machine reaches:
    here what S/16 reaches, in turns with the others. A small model reaches less: it moves more numbers per product."""
    known = MODELS["S/16"]
    for precision in dict.fromkeys(("float32", "bf16" if fast_bf16(device) else "float32")):
        first = steps(create_model("S/16"), precision, device, batch=8, side=224)
        for name, batch in (("S/32", 32), ("B/32", 16), ("B/16", 4), ("cifar10", BATCH)):
            model = MODELS[name]
            ours = steps(create_model(name), precision, device, batch=batch, side=model["image_size"])
            ours(), first()
            times = [(seconds(ours), seconds(first)) for _ in range(5)]
            pairs = [(1 / own, steps_per_second(model, batch, 1, 8 * flops_per_image(known) / other, 1))
                     for own, other in times]
            ratios, target = sorted(own / plan for own, plan in pairs), "0.8..1.2" if "/" in name else "<= 1"
            own, plan = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{f'steps of {batch}, {precision}, {name}: the plan':<44}{own:>10.2f}{plan:>10.2f}"
                  f"{ratios[2]:>8.2f}   {ratios[0]:.2f}..{ratios[-1]:.2f}   {target}", flush=True)


def convolutions(data, device):
    """The same model written as convolutions (lesson 10): equal in its results, not in its speed."""
    model, images = create_model("cifar10").to(device), torch.randn(BATCH, 3, 32, 32, device=device)
    for form in FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing:
        conv = to_conv(model, form)
        compare(f"forward, backward: {form.__name__}", "", BATCH, lambda: model(images).sum().backward(),
                lambda conv=conv: conv(images).sum().backward(), rounds=3)


async def answers(data):
    """Milliseconds from a move of a control to the new picture, for the widgets that ask Python for it: to the first,
    where there are several, and to the last. In a coroutine, as in a kernel, so that the first need not wait for it.
    And seconds until the widgets of lesson 9, which answer in the page, have sent what they need."""
    model = create_model("cifar10-fine").eval()
    snapshots = {f"blocks.{k}.token_mixing.{layer}.weight": torch.randn(20, 256, 256) for k in range(4)
                 for layer in ("fc1", "fc2")}
    switches = widgets.switches(model, data, count=250)

    def switch(i):
        switches.picked = {**switches.picked, "off": f"0u{i}"}

    for name, target, act in (("switches, 250 images: a unit of block 0", "<= 50", switch),):
        first, last = [], []
        for i in range(1, 41):
            start = time.perf_counter()
            act(i)
            first.append(1000 * (time.perf_counter() - start))
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)
            last.append(1000 * (time.perf_counter() - start))
        rows = [(name, first, target)] + ([("    until all images are read", last, "")] if act is switch else [])
        for label, times, limit in rows:
            print(f"{label:<44}{sorted(times)[20]:>10.1f}{sorted(times)[38]:>10.1f}   {limit}", flush=True)
    for name, target, make in (
            ("weight browser, 4 blocks of 16 x 16: to send", "<= 2000", lambda: widgets.weight_browser(model)),
            ("training scrubber, 20 x 4 blocks: to send", "<= 2000",
             lambda: widgets.training_scrubber([*range(20)], snapshots, (16, 16)))):
        times = sorted(1000 * seconds(make) for _ in range(3))
        print(f"{name:<44}{times[1]:>10.1f}{times[2]:>10.1f}   {target}", flush=True)


def import_time(data, device):
    code = "import time, torch; start = time.perf_counter(); import mixer_lib; print(time.perf_counter() - start)"
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
             for _ in range(5)]
    print(f"{'import mixer_lib, once torch is imported (s)':<44}{statistics.median(times):>10.3f}            < 0.3")


PARTS = {"input": input_pipeline, "folder": folder, "training": training, "processes": several, "plan": planned,
         "convolutions": convolutions,
         "answers": lambda data, device: asyncio.run(answers(data)), "page": bench_page.page, "sizes": bench_page.sizes,
         "import": import_time}


def main():
    parser = argparse.ArgumentParser(description="Measure speed against peers.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    options = parser.parse_args()
    if strange := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(strange)}: choose from {', '.join(PARTS)}")
    device, data = pick_device(options.device), load_dataset("cifar10")
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    print(f"{describe(device)}, {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
          f"fast bf16: {fast_bf16(device)}")
    print(f"\n{'ours against a peer':<44}{'ours/s':>10}{'peer/s':>10}{'ratio':>8}   range        target\n"
          f"{'picture or answer of a widget':<44}{'median ms':>10}{'95% ms':>10}   target\n"
          f"{'move in the page':<44}{'median ms':>10}{'95% ms':>10}   one frame, and the ratio to it\n")
    for part in options.parts or PARTS:
        PARTS[part](data, device)


if __name__ == "__main__":
    main()
