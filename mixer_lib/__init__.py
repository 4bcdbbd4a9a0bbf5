"""The companion package of the MLP-Mixer course: the lessons, tidied. Start reading at model.py."""

from .configs import create_model
from .costs import count_macs, count_parameters, fit_to
from .model import MixerConfig, MlpMixer, patchify, unpatchify

__all__ = ["MixerConfig", "MlpMixer", "count_macs", "count_parameters", "create_model", "fit_to", "patchify",
           "unpatchify"]
