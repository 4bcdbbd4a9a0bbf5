"""Weights that others published, as an `MlpMixer`: `load_released` reads them, `save_released` writes them, and `grow`
brings a model to a higher resolution.

    model, about = load_released("mixer_b16_224.goog_in21k_ft_in1k")        # downloaded once
    model, about = load_released("Mixer-B_16.npz", num_classes=10)          # a file, with a new head
"""

from .download import cache_folder
from .grow import grow
from .load import load_released
from .names import KNOWN, wordnet_classes, wordnet_id
from .save import save_released
