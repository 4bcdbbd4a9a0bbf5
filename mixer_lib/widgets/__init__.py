"""Widgets that are drawn in the page, and the live charts of a model while it trains."""

from .explorers import (
    cost_explorer,
    embedding_explorer,
    family_explorer,
    influence_explorer,
    kernel_explorer,
    patch_explorer,
    scramble_explorer,
    token_explorer,
    token_unit_explorer,
    weight_file_explorer,
)
from .export import to_html
from .living import digit_pad, living_mixer
from .page import Page
from .training import LiveTraining, augmentation_explorer, prediction_browser
from .weights import displacement_explorer, switches, training_scrubber, weight_browser
