"""Released Mixers by name: where each file is, and how its images are prepared.

Sources: vit_jax.ipynb and the README of google-research/vision_transformer for the official files, of which
storage.googleapis.com is the usual https address; the default_cfgs of timm 1.0.31; PASSL's mlp_mixer README and yaml.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .layouts import FLAX, PASSL, TIMM

GITHUB = "https://github.com/rwightman/pytorch-image-models/releases/download"
GOOGLE = "https://storage.googleapis.com/mixer_models"
BAIDU = "https://passl.bj.bcebos.com/vision_transformers/mlp_mixer"
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

# How a family's evaluation prepares images. crop: the share of the short side that is kept, around the center; None:
# the whole image is scaled, whatever its shape. Mean and standard deviation of pixels in 0..1.
PREPROCESSING = {
    FLAX: dict(crop=None, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bilinear"),
    TIMM: dict(crop=0.875, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic"),
    PASSL: dict(crop=0.875, **IMAGENET, interpolation="bicubic"),
}
MIIL = dict(mean=(0.0,) * 3, std=(1.0,) * 3, interpolation="bilinear")


@dataclass
class Released:
    """A file that can be downloaded."""

    url: str
    family: str
    changes: dict                   # to the family's preprocessing
    sha256: str | None = None       # how the hash of the file begins, where its name says it


def _timm(file, **changes):
    return Released(f"{GITHUB}/{file}", TIMM, changes, file.removesuffix(".pth").rsplit("-", 1)[-1])


KNOWN = {
    "mixer_b16_224.goog_in21k_ft_in1k": _timm("v0.1-vitjx/jx_mixer_b16_224-76587d61.pth"),
    "mixer_b16_224.goog_in21k": _timm("v0.1-vitjx/jx_mixer_b16_224_in21k-617b3de2.pth"),
    "mixer_b16_224.miil_in21k": _timm("v0.1-tresnet/mixer_b16_224_miil_in21k-2a558a71.pth", **MIIL),
    "mixer_b16_224.miil_in21k_ft_in1k": _timm("v0.1-tresnet/mixer_b16_224_miil-9229a591.pth", **MIIL),
    "mixer_l16_224.goog_in21k_ft_in1k": _timm("v0.1-vitjx/jx_mixer_l16_224-92f9adc4.pth"),
    "mixer_l16_224.goog_in21k": _timm("v0.1-vitjx/jx_mixer_l16_224_in21k-846aa33c.pth"),
    **{f"Mixer-{size} {data}": Released(f"{GOOGLE}/{data}/Mixer-{size}.npz", FLAX, {})
       for data, sizes in (("imagenet1k", ("B_16", "L_16")), ("imagenet21k", ("B_16", "L_16")),
                           ("sam", ("B_16", "B_32")), ("gsam", ("B_16", "B_32", "S_16", "S_32", "S_8")))
       for size in sizes},
    **{f"mlp-mixer_{size}_224": Released(f"{BAIDU}/mlp-mixer_{size}_224.pdparams", PASSL, {})
       for size in ("b16", "l16")},
}


def wordnet_id(name: str) -> str:
    """The WordNet id with which a class's name begins: "n01440764 tench" -> "n01440764"; another name as it is."""
    return match[0] if (match := re.match(r"n\d{8}\b", name)) else name


@cache
def wordnet_classes():
    """The 1000 classes of ImageNet-1k in the order of every released Mixer, that of their WordNet ids: strings such as
    "n01440764 tench", the id and the first word for it."""
    return tuple((Path(__file__).parent / "imagenet1k.txt").read_text(encoding="utf-8").splitlines())
