"""What all pictures share: how one is shown, how numbers become arrays, and the colors."""

import base64
import html
import io

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, display
from matplotlib.figure import Figure

from .card import INK, SHARP

BLUE, ORANGE = "#0072B2", "#D55E00"             # below and above 0
GREEN, PINK, GRAY = "#009E73", "#C42F86", "#737373"
SERIES = INK, GREEN, PINK, GRAY, "#8C6D1F", "#6A4FB0", "#4E7D1F", "#7F3B3B"     # curves, parts, models
# On a dark page a picture is turned to light on dark, its hues stay, and its photographs are turned back. JupyterLab
# says which theme it has; other pages have the reader's. An SVG file in the text has both themes and is told which.
DARK = (".mixer-picture img { filter: invert(.93) hue-rotate(180deg); } .mixer-picture i "
        "{ -webkit-backdrop-filter: hue-rotate(180deg) invert(1); backdrop-filter: hue-rotate(180deg) invert(1); }")
LIGHT = (".mixer-picture img { filter: none; } "
         ".mixer-picture i { -webkit-backdrop-filter: none; backdrop-filter: none; }")
STYLE = ("<style>.mixer-picture { display: inline-block; position: relative; max-width: 100%; } "
         ".mixer-picture img { display: block; width: 100%; } .mixer-picture i { position: absolute; } "
         "@media (prefers-color-scheme: dark) { " + DARK + " } "
         'body[data-jp-theme-light="true"] { ' + LIGHT + ' img[src*=".svg"] { color-scheme: light; } } '
         'body[data-jp-theme-light="false"] { ' + DARK + ' img[src*=".svg"] { color-scheme: dark; } }</style>')


def show(picture, alt=None):
    """Display a matplotlib figure or the picture on a `Card`, with alternative text for readers who cannot see it.

    alt: may be left out for a picture that describes itself, as `tables` of a few numbers do. Raises ValueError where
    it must not."""
    alt = alt or getattr(picture, "description", None)
    if not alt:
        raise ValueError("this picture does not describe itself: write alt='...', the text for those who cannot see it")
    display(HTML(img(picture, alt)))


def img(picture, alt):
    """The same as HTML, which holds the picture."""
    if isinstance(picture, Figure):
        plt.close(picture)              # otherwise a notebook shows it a second time
    data = to_png(picture, sharp=SHARP)
    # A PNG file keeps its width and height there.
    width, height = (int.from_bytes(data[at:at + 4], "big") // SHARP for at in (16, 20))
    photos = photos_of(picture) if isinstance(picture, Figure) else picture.info.get("photos", [])
    marks = "".join(f'<i style="left: {100 * x / width:.2f}%; top: {100 * y / height:.2f}%; '
                    f'width: {100 * w / width:.2f}%; height: {100 * h / height:.2f}%"></i>' for x, y, w, h in photos)
    return (f'{STYLE}<span class="mixer-picture" style="width: {width}px"><img alt="{html.escape(alt)}" '
            f'src="data:image/png;base64,{base64.b64encode(data).decode()}">{marks}</span>')


def photos_of(figure):
    """Where a figure that was drawn shows images in true color: (left, top, width, height) of each, in units."""
    if figure.get_layout_engine():
        seen = figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])
        left, top = 80 * seen.x0, 80 * seen.y1
    else:
        left, top = 0, 80 * figure.get_figheight()
    boxes = [axis.get_window_extent().transformed(figure.dpi_scale_trans.inverted()) for axis in figure.axes
             if any(image.get_array().ndim == 3 for image in axis.images)]
    return [(80 * box.x0 - left, top - 80 * box.y1, 80 * box.width, 80 * box.height) for box in boxes]


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
