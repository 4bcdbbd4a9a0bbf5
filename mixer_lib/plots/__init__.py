"""Pictures from arrays: matplotlib figures that are read, and quickly drawn images that a widget redraws.

Colors are Okabe and Ito's, told apart by color-blind readers; pictures stand on a white card, so that they are
readable in a light and in a dark notebook.
"""

from .base import BLUE, GRAY, GREEN, ORANGE, PINK, as_pixels, show, to_png
from .charts import blends, changes, confusion, cost_split, intervals, lines, losses, prediction, training_curves
from .layers import (
    by_depth,
    embedding_explorer,
    functions,
    influence_explorer,
    kernel_explorer,
    tables,
    token_explorer,
    token_unit_explorer,
)
from .patches import image_row, patch_explorer, patch_grid, scramble_explorer
from .weights import mosaic, switches, training_scrubber, weight_browser
