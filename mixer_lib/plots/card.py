"""A white card to draw on. A picture takes a few milliseconds, a matplotlib figure about a hundred."""

import functools
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK = "#18181B"
SHARP = 2       # image pixels per unit: pictures stay crisp on screens that have more than one pixel per CSS pixel
FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")       # that of the figures


@functools.lru_cache        # loading it takes longer than writing a word
def font(size):
    return ImageFont.truetype(str(FONT), size)     # Pillow 10.1 takes no Path


class Card:
    """width, height: in units. A unit is a CSS pixel when the picture is shown `width` wide. x runs right, y down."""

    def __init__(self, width, height):
        self.image = Image.new("RGB", (round(width * SHARP), round(height * SHARP)), "white")
        self.draw = ImageDraw.Draw(self.image)

    def pixels(self, array, x, y, width, height):
        """Draw an array uint8 [H, W, 3], stretched to width x height. Its pixels become sharp squares."""
        size = round(width * SHARP), round(height * SHARP)
        enlarged = Image.fromarray(np.ascontiguousarray(array)).resize(size, Image.Resampling.NEAREST)
        self.image.paste(enlarged, (round(x * SHARP), round(y * SHARP)))

    def photo(self, array, x, y, width, height):
        """As `pixels`, for photographs: on a dark page `show` leaves their colors as they are."""
        self.pixels(array, x, y, width, height)
        self.image.info.setdefault("photos", []).append((x, y, width, height))

    def box(self, x, y, width, height, fill=None, outline=None, stroke=3):
        """A rectangle. Its outline lies around it, not on it."""
        corners = self._corners(x, y, x + width, y + height, -1)
        if fill and corners[0] <= corners[2] and corners[1] <= corners[3]:      # else too thin to be seen
            self.draw.rectangle(corners, fill=fill)
        if outline:
            s = stroke - 1
            self.draw.rectangle(self._corners(x - s, y - s, x + width + s, y + height + s, -1), outline=outline,
                                width=round(stroke * SHARP))

    def text(self, x, y, text, size=13, color="black", anchor="la"):
        """anchor: where (x, y) lies in the text, as Pillow writes it: l, m, r (left to right), then a, m, d (down)."""
        self.draw.text((x * SHARP, y * SHARP), text, color, font(size * SHARP), anchor=anchor)

    @staticmethod
    def _corners(x0, y0, x1, y1, inside=0):
        return [round(x0 * SHARP), round(y0 * SHARP), round(x1 * SHARP) + inside, round(y1 * SHARP) + inside]
