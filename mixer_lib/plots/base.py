"""What all pictures share: how one is shown, how numbers become arrays, and the colors."""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, display
from matplotlib.figure import Figure

from .card import SHARP

BLUE, ORANGE, GREEN, PINK, GRAY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"


def show(picture, alt):
    """Display a matplotlib figure or the picture on a `Card`, with alternative text for readers who cannot see it."""
    display(HTML(img(picture, alt)))


def img(picture, alt):
    """The same as HTML, which holds the picture."""
    if isinstance(picture, Figure):
        plt.close(picture)              # otherwise a notebook shows it a second time
    data = to_png(picture, sharp=SHARP)
    width = int.from_bytes(data[16:20], "big") // SHARP         # where a PNG file keeps its width
    return (f'<img alt="{html.escape(alt)}" style="width: {width}px; max-width: 100%" '
            f'src="data:image/png;base64,{base64.b64encode(data).decode()}">')


def to_png(picture, sharp=1):
    """The bytes of a PNG file: of a matplotlib figure, with `sharp` pixels per unit, or of a PIL image as it is."""
    file = io.BytesIO()
    if isinstance(picture, Figure):
        margins = "tight" if picture.get_layout_engine() else None      # without one it has margins of its own
        picture.savefig(file, format="png", dpi=80 * sharp, facecolor="white", bbox_inches=margins)
    else:
        picture.save(file, format="png", compress_level=1)      # quick: a widget waits for it
    return file.getvalue()


def as_array(numbers):
    """A tensor on any device, a list that may hold tensors, an array or a number, as a NumPy array.

    NumPy has no bfloat16: half-precision tensors become float32."""
    if isinstance(numbers, torch.Tensor):
        numbers = numbers.detach().cpu()
        return (numbers.float() if numbers.dtype in (torch.bfloat16, torch.float16) else numbers).numpy()
    if isinstance(numbers, (list, tuple)):
        return np.asarray([as_array(part) if isinstance(part, (torch.Tensor, list, tuple)) else part
                           for part in numbers])
    return np.asarray(numbers)


def as_pixels(image):
    """An image [C, H, W] or [H, W], uint8 or in 0..1, as an array uint8 [H, W, 3], the order drawing tools take."""
    image = as_array(image)
    if image.ndim == 2:
        image = image[None]                                     # [1, H, W]
    if image.dtype != np.uint8:
        image = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))     # [H, W, 3]
