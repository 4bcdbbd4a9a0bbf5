"""Checks that everything the lessons need is there, and says what is missing and what to do."""

import importlib.metadata
import os
import platform
import sys

import psutil
import torch
from packaging.requirements import Requirement

from .checkpoints import load_pretrained, pretrained_names
from .data import load_dataset
from .training.devices import best_device, describe, fast_bf16

NOTEBOOK = ["ipykernel>=6"]                    # needed by notebooks, not by the package
MEMORY = 2e9                                    # bytes: the most that a lesson uses


def check_setup():
    """Prints one line if everything the lessons need is there. Otherwise it prints one line per thing, with "✓", or
    with "✗" and what to do. Returns how many things are missing."""
    checks = [_python(), *_packages(), _memory(), _images(), _models()]
    missing = sum(bool(problem) for problem, _ in checks)
    device, cpu = best_device(), torch.device("cpu")
    where = "the CPU, which is enough" if device == cpu else f"{describe(device)}; the CPU would be enough, too"
    precision = "bf16, about twice as fast as float32" if fast_bf16(cpu) else "float32"
    threads = torch.get_num_threads()
    lessons = f"Lessons train on {where} (CPU: {threads} thread{'s' * (threads > 1)}, {precision})."
    if not missing:
        print(f"✓ Everything is there. {lessons}")
        return missing
    for problem, what in checks:
        print(f"✗ {what}: {problem}" if problem else f"✓ {what}")
    print(f"· {lessons}")
    print(f"{missing} of {len(checks)} things are missing. Fix what is marked ✗, restart the kernel, run this again.")
    return missing


def _python():
    old = "the course needs 3.10 or newer; make lab PYTHON=/path/to/a/newer/python"
    return old * (sys.version_info < (3, 10)), f"Python {platform.python_version()}"


def _packages():
    needed = [*(importlib.metadata.requires("mixer-course") or []), *NOTEBOOK]
    for requirement in map(Requirement, needed):
        if requirement.marker and not requirement.marker.evaluate():       # for another Python
            continue
        name, install = requirement.name, f"run: {sys.executable} -m pip install '{requirement}'"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield install, f"{name} is not installed"
            continue
        fits = requirement.specifier.contains(version, prereleases=True)
        yield "" if fits else f"the course needs {requirement.specifier}; {install}", f"{name} {version}"


def _memory():
    memory = psutil.virtual_memory().total
    few = "a lesson takes up to 2 GB; close other programs and the kernels of other notebooks"
    return few * (memory < MEMORY), f"{os.cpu_count()} cores, {memory / 1e9:.0f} GB of memory"


def _images():
    try:
        counts = [f"{name} {len(load_dataset(name).train_images):,}" for name in ("mnist", "cifar10")]
    except (OSError, ValueError) as error:
        return f"{error}. Clone or download the course again", "the images that come with the course"
    return "", f"images that come with the course: {', '.join(counts)}"


def _models():
    names = pretrained_names()
    try:
        for name in names:
            load_pretrained(name)
    except (OSError, ValueError) as error:
        return f"{error}. Clone or download the course again", "the trained models that come with the course"
    return "" if names else "there are none. Clone or download the course again", f"trained models: {', '.join(names)}"
