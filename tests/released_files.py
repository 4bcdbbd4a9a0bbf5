"""Files of weights in the layouts of other projects, written by hand, and a Mixer in NumPy to compare with."""

import argparse
import collections
import math
import pickle
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

SIZES = dict(grid=(4, 4), patch=(4, 4), channels=3, blocks=11, C=8, D_S=6, D_C=10, K=5)      # 11: 10 comes before 2
erf = np.vectorize(math.erf)


def flax_arrays(seed=0, **changes):
    """Random weights {name: float32 array} of the official code's layout, in the order of its files."""
    s, random = SIZES | changes, np.random.default_rng(seed)
    S, C = s["grid"][0] * s["grid"][1], s["C"]

    def dense(name, *shape):
        scale = np.prod(shape[:-1]) ** -0.5
        return {f"{name}/kernel": random.normal(0, scale, shape), f"{name}/bias": random.normal(0, 0.3, shape[-1])}

    def norm(name):
        return {f"{name}/scale": random.normal(1, 0.2, C), f"{name}/bias": random.normal(0, 0.3, C)}

    arrays = dense("stem", *s["patch"], s["channels"], C)
    for i in range(s["blocks"]):
        block = f"MixerBlock_{i}"
        arrays |= norm(f"{block}/LayerNorm_0") | norm(f"{block}/LayerNorm_1")
        for mixing, inner, hidden in (("token_mixing", S, s["D_S"]), ("channel_mixing", C, s["D_C"])):
            arrays |= dense(f"{block}/{mixing}/Dense_0", inner, hidden)
            arrays |= dense(f"{block}/{mixing}/Dense_1", hidden, inner)
    arrays |= norm("pre_head_layer_norm") | (dense("head", C, s["K"]) if s["K"] else {})
    return {name: array.astype(np.float32) for name, array in sorted(arrays.items())}


def forward(arrays, images, gelu, eps=1e-6):
    """The logits of images [B, in_channels, H, W], in float64. gelu: "tanh" or "none"."""
    w = {name: array.astype(np.float64) for name, array in arrays.items()}

    def act(x):
        if gelu == "tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * (1 + erf(x / math.sqrt(2)))

    def norm(name, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
        return x * w[f"{name}/scale"] + w[f"{name}/bias"]

    def dense(name, x):
        return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    P_h, P_w, channels, C = w["stem/kernel"].shape
    B, _, H, W = images.shape
    x = images.astype(np.float64).transpose(0, 2, 3, 1).reshape(B, H // P_h, P_h, W // P_w, P_w, channels)
    x = np.einsum("bipjqc,pqcd->bijd", x, w["stem/kernel"]).reshape(B, -1, C) + w["stem/bias"]     # [B, S, C]
    for i in range(sum("LayerNorm_0/bias" in name for name in w)):
        block = f"MixerBlock_{i}"
        y = norm(f"{block}/LayerNorm_0", x).swapaxes(1, 2)
        y = dense(f"{block}/token_mixing/Dense_1", act(dense(f"{block}/token_mixing/Dense_0", y)))
        x = x + y.swapaxes(1, 2)
        y = dense(f"{block}/channel_mixing/Dense_0", norm(f"{block}/LayerNorm_1", x))
        x = x + dense(f"{block}/channel_mixing/Dense_1", act(y))
    x = norm("pre_head_layer_norm", x).mean(1)
    return dense("head", x) if "head/kernel" in w else x


def torch_names(arrays, transposed, head="head"):
    """The same weights by timm's names. transposed: linear weights are (out, in), as in timm; else (in, out), as in
    PASSL."""
    names = {"LayerNorm_0": "norm1", "LayerNorm_1": "norm2", "token_mixing": "mlp_tokens", "Dense_0": "fc1",
             "channel_mixing": "mlp_channels", "Dense_1": "fc2", "pre_head_layer_norm": "norm", "kernel": "weight",
             "scale": "weight", "stem": "stem.proj", "head": head}
    out = {}
    for name, array in arrays.items():
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T if transposed else array
        parts = [names.get(part, part.replace("MixerBlock_", "blocks.")) for part in name.split("/")]
        out[".".join(parts)] = np.ascontiguousarray(array)
    return out


def timm_state(arrays):
    return {name: torch.from_numpy(array) for name, array in torch_names(arrays, transposed=True).items()}


def parallel(arrays):
    """As torch's DataParallel names them."""
    return {f"module.{name}": tensor for name, tensor in timm_state(arrays).items()}


def paddle_state(arrays):
    state = torch_names(arrays, transposed=False, head="head.fc_cls")
    return {name if name.startswith("head") else f"backbone.{name}": array for name, array in state.items()}


def write_timm(path, content, **options):
    """A .pth file, or where the name says so a .safetensors file."""
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in content.items()}, path)
    else:
        torch.save(content, path, **options)


def write_pickle(path, content, protocol=4, numpy_1=False):
    """As paddle.save does. numpy_1: the module has the name that it has in NumPy 1."""
    data = pickle.dumps(content, protocol)
    if numpy_1 and protocol == 4:
        data = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
        start = data.index(b"\x95", 2) + 1          # the frame is a byte shorter for each place where the name stood
        size = int.from_bytes(data[start:start + 8], "little") - 1
        data = data[:start] + size.to_bytes(8, "little") + data[start + 8:]
    elif numpy_1:
        data = data.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    path.write_bytes(data)


class Pair:
    """Pickled as Paddle 3 pickles a parameter in a nested dict: tuple((name, array))."""

    def __init__(self, name, array):
        self.pair = (name, array)

    def __reduce__(self):
        return tuple, (self.pair,)


def saver(arrays, other=None):
    """What timm's CheckpointSaver keeps. other: the weights that become the running mean."""
    content = {"epoch": 1, "arch": "mixer", "state_dict": timm_state(arrays), "version": 2, "metric": 0.5,
               "args": argparse.Namespace(model="mixer", lr=0.1, opt=None), "optimizer": {"state": {}}}
    return content | ({"state_dict_ema": timm_state(other)} if other else {})


LAYOUTS = {     # name of a file -> what writes it, of flax_arrays
    "flax.npz": lambda path, a: np.savez(path, **a),
    "packed.npz": lambda path, a: np.savez_compressed(path, **a),
    "timm.safetensors": lambda path, a: write_timm(path, timm_state(a)),
    "timm.pth": lambda path, a: write_timm(path, timm_state(a)),
    "old.pth": lambda path, a: write_timm(path, timm_state(a), _use_new_zipfile_serialization=False),
    "parameters.pth": lambda path, a: write_timm(path, {n: torch.nn.Parameter(t) for n, t in timm_state(a).items()}),
    "module.pth": lambda path, a: write_timm(path, parallel(a)),
    "module.safetensors": lambda path, a: write_timm(path, parallel(a)),
    "best.pth": lambda path, a: write_timm(path, {"epoch": 1, "arch": "mixer", "best_acc1": torch.tensor(3.0),
                                                  "state_dict": parallel(a)}),
    "saver.pth.tar": lambda path, a: write_timm(path, saver(a)),
    "saver_ema.pth.tar": lambda path, a: write_timm(path, saver(flax_arrays(seed=9), a)),
    "paddle.pdparams": lambda path, a: write_pickle(path, paddle_state(a) | {
        "StructuredToParameterName@@": {"head.fc_cls.weight": "linear_0.w_0"}}),
    "paddle2.pdparams": lambda path, a: write_pickle(path, paddle_state(a), numpy_1=True),
    "protocol2.pdparams": lambda path, a: write_pickle(path, paddle_state(a), protocol=2),
    "protocol2_numpy1.pdparams": lambda path, a: write_pickle(path, paddle_state(a), protocol=2, numpy_1=True),
    "paddle3.pd": lambda path, a: write_pickle(path, {"epoch": 1, "state_dict": collections.OrderedDict(
        (name, Pair(f"linear_{name}", array)) for name, array in paddle_state(a).items())}),
    "hook.pd": lambda path, a: write_pickle(path, {"epoch": 1, "state_dict": paddle_state(a), "lr_scheduler": {},
                                                   "optimizer": {"moment": np.zeros(3, np.float32)}}),
}


def rewrite_zip(path, changes, compression=zipfile.ZIP_STORED):
    """Replace members of a zip archive: {end of a name: bytes}."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, next((new for end, new in changes.items() if name.endswith(end)), data))
