"""Controls around the pictures of plots. A picture depends on nothing but the values of its controls."""

from .base import live_picture
from .explorers import (
    cost_explorer,
    embedding_explorer,
    influence_explorer,
    kernel_explorer,
    patch_explorer,
    scramble_explorer,
    token_explorer,
    token_unit_explorer,
)
from .training import DigitPad, LiveTraining, augmentation_explorer, digit_pad, prediction_browser
from .weights import ClickPicture, patch_influence, switches, training_scrubber, weight_browser
