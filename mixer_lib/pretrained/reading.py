"""What a file of weights holds, whatever wrote it: names, shapes, and a tensor for each name when it is needed.

No code in a file is run. Sizes are compared with the file's own before memory is taken.
"""

import argparse
import mmap
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from .pickles import TORCH, TORCH_GLOBALS, array_in, read_paddle, scan

LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."      # how torch.save began before version 1.6
FLOATS = {np.dtype("<f2"), np.dtype("<f4"), np.dtype("<f8")}
LARGEST_PICKLE = 2**26          # bytes, of the part of a torch file that is not tensors


@dataclass
class Stored:
    """The tensors of a file."""

    kind: str                   # "npz", "safetensors", "torch" or "Paddle"
    shapes: dict                # name -> tuple
    read: Callable              # name -> tensor on the CPU
    notes: list = field(default_factory=list)       # which of several sets this is
    own: bool = False           # whether it is a file of `save_checkpoint`


def open_weights(path):
    """Find out what a file holds: a `Stored`. The suffix of its name does not count.

    Raises ValueError, in one line with the path, for a file that is damaged, is no file of weights, or holds more than
    plain tensors."""
    path = Path(path)
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(64)
    try:
        if start[:4] == b"PK\x03\x04":
            return _zip(path, size)
        if start.startswith(LEGACY):
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
                for _ in range(5):          # a mark, the version, the system, the content, the list of its tensors
                    scan(stream, TORCH, TORCH_GLOBALS)
            return _torch(path, mapped=False)
        if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
                return _paddle(read_paddle(stream))
        if start[8:9] == b"{":
            return _safetensors(path)
        raise ValueError(_what_it_is(start))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}): copy or train it again") from None
    except Exception as error:          # damaged bytes raise many kinds
        reason = str(error)
        if type(error) is not ValueError or not reason.startswith("it"):        # not one of this file's own
            reason = f"it is damaged ({type(error).__name__}: {shorten(reason, 150)})"
        raise ValueError(f"cannot read weights from {path}: {reason}") from None


def _what_it_is(start):
    if not start:
        return "it is empty"
    if start[:15].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, not the file; download the file itself"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file; fetch it with git lfs pull"
    if start[:3] == b"\xff\xd8\xff" or start[:8] == b"\x89PNG\r\n\x1a\n":
        return "it is a picture, not a file of weights"
    if start[:2] == b"\x1f\x8b":
        return "it is a gzip archive; unpack it first"
    return "it is no .npz, .safetensors, .pth or .pdparams file, or not a whole one"


def _zip(path, size):
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        pickles = [info for info in members if info.filename.rsplit("/", 1)[-1] == "data.pkl"]
        unpacked = sum(info.file_size for info in members)
        if unpacked > (50 * size + 2**26 if not pickles else size):
            raise ValueError(f"it unpacks from {size:,} bytes to {unpacked:,}, which no archive of weights does")
        if not pickles:
            return _npz(path, archive, members)
        if len(pickles) > 1 or pickles[0].file_size > LARGEST_PICKLE:
            raise ValueError(f"it has {len(pickles)} pickles of up to {max(i.file_size for i in pickles):,} bytes, "
                             f"expected one of at most {LARGEST_PICKLE:,}")
        if packed := [info.filename for info in members if info.compress_type != zipfile.ZIP_STORED]:
            raise ValueError(f"its {packed[0]} is compressed, which torch.save does not do")
        with archive.open(pickles[0]) as stream:
            scan(stream, TORCH, TORCH_GLOBALS)
    return _torch(path, mapped=True)


def _npz(path, archive, members):
    shapes = {}
    for info in members:
        with archive.open(info) as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError(f"its {info.filename} is no array as np.savez writes it")
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
            header = member.tell()
        name = info.filename.removesuffix(".npy")
        if dtype not in FLOATS:
            raise ValueError(f"its {name} is an array of {shorten(str(dtype), 30)}, expected floats")
        if info.file_size != header + dtype.itemsize * _product(shape) or name in shapes:
            raise ValueError(f"its {name}, of shape {list(shape)}, takes {info.file_size - header:,} bytes, which does "
                             f"not fit, or is there twice")
        shapes[name] = tuple(shape)

    def read(name):
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            return torch.from_numpy(np.lib.format.read_array(member, allow_pickle=False))

    return Stored("npz", shapes, read)


def _safetensors(path):
    def read(name):
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)

    with safe_open(path, framework="pt") as file:       # reads the header only, and compares it with the file's size
        slices = {name: file.get_slice(name) for name in file.keys()}       # noqa: SIM118 (no iteration)
        own = "mixer_lib" in (file.metadata() or {})
        shapes, notes = _without_module({name: tuple(one.get_shape()) for name, one in slices.items()})
    prefix = "module." if notes else ""
    return Stored("safetensors", shapes, lambda name: read(prefix + name), notes, own)


def _torch(path, mapped):
    torch.serialization.add_safe_globals([argparse.Namespace])      # what timm keeps its options in: it runs nothing
    content = torch.load(path, weights_only=True, map_location="cpu", mmap=mapped)
    state, notes = _one_of("torch", content)
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
            raise ValueError(f"its {name} has the shape {list(tensor.shape)}, but not as many numbers")
    tensors, more = _without_module(tensors)
    return Stored("torch", {name: tuple(tensor.shape) for name, tensor in tensors.items()},
                  lambda name: tensors[name].detach().clone(), notes + more)


def _paddle(content):
    state, notes = _one_of("Paddle", content)
    arrays = {str(name): array for name, value in state.items() if (array := array_in(value)) is not None}
    if backbone := [name for name in arrays if name.startswith("backbone.")]:
        arrays |= {name.removeprefix("backbone."): arrays.pop(name) for name in backbone}
    return Stored("Paddle", {name: array.shape for name, array in arrays.items()},
                  lambda name: torch.from_numpy(arrays[name].copy()), notes)


def _one_of(kind, content):
    """The set of weights in what a file holds, which may have more beside it, and a note where there was a choice."""
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, expected a dict of weights")
    for key in ("state_dict_ema", "state_dict", "model"):
        if isinstance(content.get(key), dict):
            both = key == "state_dict_ema" and "state_dict" in content
            note = f"the running mean of the weights (state_dict_ema) is loaded{', as timm does' * both}"
            return content[key], [note if key == "state_dict_ema" else f"the weights are the file's {key}"]
    return content, []


def _without_module(named):
    """The same without the prefix that torch's DataParallel puts before each name, and a note."""
    if named and all(name.startswith("module.") for name in named):
        return {name.removeprefix("module."): value for name, value in named.items()}, ["names without their module."]
    return named, []


def _product(shape):
    product = 1
    for side in shape:
        product *= side
    return product
