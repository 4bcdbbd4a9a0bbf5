"""Where the work is done, the CPU, an NVIDIA GPU (CUDA) or an Apple GPU (MPS), and what each of them can do."""

import contextlib
import ctypes
import functools
import os
import sys

import torch
from torch.utils.checkpoint import checkpoint

from ..data import memory
from . import processes


def best_device():
    """The fastest device of this machine: CUDA, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def pick_device(name):
    """The device that a user names: "auto" (`best_device`), "cpu", "cuda", "cuda:1" or "mps".

    Raises ValueError for another name, or for a device that this machine does not have."""
    if name == "auto":
        return best_device()
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device is {name!r}: expected auto, cpu, cuda, cuda:1 (the second GPU) or mps")
    there = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
             "mps": int(torch.backends.mps.is_available())}[device.type]
    if (device.index or 0) >= there:
        raise ValueError(f"device is {name!r}, but this machine has {there} of the kind {device.type}: choose another, "
                         f"or auto for the best there is")
    return device


def local_device(name):
    """The device of this process, of those that `name` stands for (see `pick_device`): each process has a GPU of its
    own. Raises ValueError where there are not enough of them, and as `pick_device` does."""
    device = pick_device(name)
    if not processes.launched():
        return device
    here, number = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), int(os.environ["LOCAL_RANK"])
    if device.type == "mps" and name == "auto":
        return torch.device("cpu")
    if device.type == "mps" or (device.index is not None and here > 1):
        raise ValueError(f"device is {name!r}, but {here} processes train together, each on a device of its own: "
                         f"expected cuda or cpu")
    if device.type != "cuda" or device.index is not None:
        return device
    if here > torch.cuda.device_count():
        raise ValueError(f"there are {here} processes for the {torch.cuda.device_count()} GPUs of this machine: start "
                         f"one per GPU (torchrun --nproc-per-node gpu)")
    return torch.device("cuda", number)


def describe(device):
    """A device in words, such as "cuda (NVIDIA H100)"."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def device_of(model):
    """The device of a model's parameters."""
    return next(model.parameters()).device


def autocast(device, precision):
    """The context in which the forward pass runs: bf16 autocast, or nothing for float32.

    precision: "float32", "bf16", or "auto" for bf16 where the device is fast at it."""
    if precision == "auto":
        precision = "bf16" if fast_bf16(device) else "float32"
    if precision == "bf16":
        try:
            return torch.autocast(device.type, torch.bfloat16)
        except RuntimeError as error:
            say_once(f"bf16 does not work on {device} ({error}): the run goes on in float32")
    return contextlib.nullcontext()


def fast_bf16(device):
    """Whether bf16 is faster than float32: on a GPU that has it, or on a CPU with instructions for it (AMX,
    AVX512-BF16). Other CPUs emulate bf16, which takes ten times as long as float32 and more."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()      # an older torch cannot say: float32
    return device.type == "cpu" and any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def compiled(model, device, graphs=True):
    """`model` compiled, sharing its weights; where torch.compile does not work, the model itself, and a line says so.

    graphs: on an NVIDIA GPU, record the steps as CUDA graphs. A small model is otherwise bound by the launch of its
    kernels."""
    if device.type == "mps":        # it may compile this probe and fail later
        say_once("torch.compile is not yet dependable on an Apple GPU: the run goes on without it")
        return model
    try:
        torch.compile(torch.sin)(torch.zeros(2, device=device))
    except Exception as error:      # many kinds
        say_once(f"torch.compile does not work here ({' '.join(str(error).splitlines()[:1])}): the run goes on without "
                 f"it. It needs a C++ compiler, such as g++")
        return model
    # A kernel for each batch size, with dynamic=False: a resumed run then uses the same ones.
    return torch.compile(model, dynamic=False, mode="reduce-overhead" if graphs and device.type == "cuda" else None)


@contextlib.contextmanager
def own_random_numbers(device):
    """Inside, torch's own generators of the CPU and of `device` may be seeded; afterwards they are as before."""
    module = {"cuda": torch.cuda, "mps": torch.mps}.get(device.type)
    cpu, other = torch.get_rng_state(), module and (module.get_rng_state(device) if device.type == "cuda"
                                                    else module.get_rng_state())
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if module:
            module.set_rng_state(other, *([device] if device.type == "cuda" else []))


def seed_generators(seed, device):
    """Seed torch's own generators of the CPU and of `device`, from which dropout and drop path draw; those of other
    GPUs stay as they are, which `torch.manual_seed` would seed too."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def free_memory(device):
    """Bytes that a program can still take on a device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.free_memory()


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3      # glibc's numbers for them, in malloc.h
LARGEST_BLOCK = 32 << 20                         # bytes: larger ones always come from the system, and go back to it


@contextlib.contextmanager
def memory_kept():
    """Inside, the C library of Linux (glibc) keeps the memory that tensors free, for the next ones. Else each step
    gives it back to the system, and gets it again page by page, filled with zeros, which takes a tenth of its time.

    Afterwards all that is free goes back. Does nothing where there is no glibc, or where the environment says already
    how to allocate."""
    try:
        c = ctypes.CDLL(None)
        mallopt, malloc_trim = c.mallopt, c.malloc_trim
    except (AttributeError, OSError, TypeError):         # macOS, musl, Windows
        mallopt = None
    if mallopt is None or any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        yield
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)             # what glibc itself comes to, after it has freed such a block
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(M_TRIM_THRESHOLD, 2 * LARGEST_BLOCK)     # likewise
        malloc_trim(0)


@contextlib.contextmanager
def checkpointed(model, on=True):
    """Inside, each of model.blocks keeps only its input for the backward pass, and computes the rest again there.

    Raises ValueError for a model without blocks."""
    blocks = getattr(model, "blocks", ()) if on else ()
    if on and not len(blocks):
        raise ValueError(f"checkpoint_activations=True, but this {type(model).__name__} has no blocks that could be "
                         f"computed again: leave it out")
    for block in blocks:        # on the object, hiding the method of its class
        block.forward = functools.partial(checkpoint, type(block).forward, block, use_reentrant=False)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


@functools.cache
def say_once(message):
    """Print a note on the error output, once for each message in the life of the program; of several processes, the
    first does."""
    if processes.rank():
        return
    print(f"note: {message}", file=sys.stderr)
