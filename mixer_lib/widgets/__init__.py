"""What a person can touch: widgets drawn in the page, and controls around the pictures of plots."""

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
from .export import to_html
from .page import Page
from .training import DigitPad, LiveTraining, augmentation_explorer, digit_pad, prediction_browser
from .weights import ClickPicture, patch_influence, switches, training_scrubber, weight_browser
