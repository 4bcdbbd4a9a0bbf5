"""The companion package of the MLP-Mixer course: the lessons, tidied. Start reading at model.py."""

from .configs import count_macs, count_parameters, create_model
from .model import MlpMixer, patchify, unpatchify

__all__ = ["MlpMixer", "count_macs", "count_parameters", "create_model", "patchify", "unpatchify"]
