"""Pictures from arrays and tensors: matplotlib figures to read, and images that a widget can redraw quickly.

Colors are Okabe and Ito's, which color-blind readers can tell apart. Blue to orange is the sign of a number and nothing
else. `show` follows the notebook's theme: on a dark page a picture is light on dark, and its photographs stay. Letters
are DejaVu Sans, no smaller than 11 pixels in a column of 880. Tensors may be on any device.
"""

from .base import BLUE, GRAY, GREEN, INK, ORANGE, PINK, SERIES, as_array, as_pixels, img, show, to_png
from .charts import (
    bars,
    changes,
    confusion,
    intervals,
    lines,
    losses,
    prediction,
    roofline,
)
from .layers import by_depth, functions, tables
from .patches import image_row, patch_grid
from .weights import kernels, mosaic
