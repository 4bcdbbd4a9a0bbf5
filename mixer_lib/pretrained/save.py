"""The way back: an `MlpMixer` in the layout that others load."""

import io
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from ..checkpoints import write_atomically
from ..model import MlpMixer
from .layouts import FLAX, GELU, TIMM, theirs, to_theirs

FAMILIES = {"flax": (FLAX, (".npz",)), "timm": (TIMM, (".safetensors", ".pth"))}


def save_released(model: MlpMixer, path: str | Path, family: str = "flax") -> None:
    """Write an `MlpMixer` as the official code's .npz (family="flax"), or as timm's .safetensors or .pth (family=
    "timm"). `load_released` gives the same model again, to the last bit; such a file says neither which image_size a
    rectangular image has, nor the rates of dropout and drop path.

    Raises ValueError for another family or suffix, and for a model whose GELU is not the family's: others would compute
    something else from the file. OSError if it cannot be written."""
    if family not in FAMILIES:
        raise ValueError(f"family is {family!r}: expected one of {', '.join(map(repr, FAMILIES))}")
    family, suffixes = FAMILIES[family]
    if Path(path).suffix not in suffixes:
        others = [f"; family={name!r} writes it" for name, (_, ends) in FAMILIES.items() if Path(path).suffix in ends]
        raise ValueError(f"path is {str(path)!r}: a file of {family} ends in {' or '.join(suffixes)}{''.join(others)}")
    if model.config.gelu != GELU[family]:
        raise ValueError(f"the model has gelu={model.config.gelu!r}, but {family} computes gelu={GELU[family]!r}: save "
                         f"it for the other family, or with save_checkpoint")
    kernel = (model.config.in_channels, *model.patch_embedding.patch_size)
    state = {theirs(family, name): to_theirs(family, name, tensor.detach().cpu().float(), kernel).contiguous()
             for name, tensor in model.state_dict().items()}
    if Path(path).suffix == ".safetensors":
        return write_atomically(path, safetensors.torch.save(state))
    buffer = io.BytesIO()
    if family == FLAX:
        np.savez(buffer, **{name: tensor.numpy() for name, tensor in sorted(state.items())})
    else:
        torch.save(state, buffer)
    write_atomically(path, buffer.getbuffer())
