"""A drawing brought to what MNIST looks like."""

import numpy as np
import torch
from PIL import Image


def as_mnist(pixels: np.ndarray | torch.Tensor) -> torch.Tensor:
    """A digit drawn anywhere, at any size, as MNIST has its digits: uint8 [H, W] -> uint8 [1, 28, 28].

    pixels: bright ink on black (0). As NIST's scans became MNIST (http://yann.lecun.com/exdb/mnist/), the digit is
    scaled, keeping its ratio, to fit a box of 20 x 20 pixels, smoothly, which makes grays; and laid so that its
    center of mass falls into pixel (14, 14) of 28 x 28. A drawing without ink gives black."""
    ink = np.asarray(pixels)
    picture = np.zeros((28, 28), np.uint8)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if len(rows):
        digit = Image.fromarray(np.ascontiguousarray(ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]))
        width, height = (max(round(20 * side / max(digit.size)), 1) for side in digit.size)
        for size in ((width, digit.height), (width, height)):       # in this order, which Pillow leaves to its version
            digit = digit.resize(size, Image.Resampling.HAMMING)
        digit = np.asarray(digit)
        top, left = (round(14 - center) for center in _center_of_mass(digit))
        top, left = np.clip(top, 0, 28 - height), np.clip(left, 0, 28 - width)
        picture[top:top + height, left:left + width] = digit
    return torch.from_numpy(picture)[None]


def _center_of_mass(digit):
    """The row and the column around which the ink lies, counted from 0, with fractions."""
    ink = digit.astype(np.int64)                                # [h, w]; whole numbers, so that ties are exact
    return [float(ink.sum(1 - axis) @ np.arange(ink.shape[axis]) / ink.sum()) for axis in (0, 1)]
