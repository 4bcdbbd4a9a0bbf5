"""The Mixer's relatives: the same frame with another token mixing, each named as in its paper.

Letters in the shape comments are those of model.py; the grid has H' x W' = S places. Most of them exchange nothing but
the token mixing of a `MixerBlock`, and where the paper wants it, the norm. gMLP and ConvMixer have blocks of their own.
On copied weights each answers as timm's model, or block, of that name does; timm has no FNet.
"""

from ..model import MlpMixer
from .convmixer import ConvMixer
from .gmlp import GMLP
from .resmlp import ResMLP
from .unlearned import FNet, IdentityFormer, PoolFormer
from .vit import ViT

ARCHITECTURES = {kind.__name__: kind
                 for kind in (MlpMixer, ResMLP, GMLP, ConvMixer, ViT, FNet, PoolFormer, IdentityFormer)}


def configure(architecture="MlpMixer", **fields):
    """The configuration of one of `ARCHITECTURES`: a `MixerConfig`, or the `Config` of a relative."""
    return ARCHITECTURES[architecture].Config(**fields)


def build(config):
    """The model of a configuration, freshly initialized."""
    kind, = (kind for kind in ARCHITECTURES.values() if kind.Config is type(config))
    return kind(**vars(config))
