"""Turns a drawing into an image like those of MNIST."""

import numpy as np
import torch
from PIL import Image


def as_mnist(pixels: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Centers and scales a drawn digit as MNIST does: uint8 [H, W] -> uint8 [1, 28, 28].

    pixels: bright ink on black (0). The steps are those that made MNIST from NIST's scans
    (http://yann.lecun.com/exdb/mnist/). The digit is scaled to fit a box of 20 x 20 pixels: it keeps its proportions,
    and smoothing gives it grays. Then its center of mass is moved to pixel (14, 14) of 28 x 28. A drawing without ink
    gives a black image."""
    ink = np.asarray(pixels)
    picture = np.zeros((28, 28), np.uint8)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if len(rows):
        digit = Image.fromarray(np.ascontiguousarray(ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]))
        width, height = (max(round(20 * side / max(digit.size)), 1) for side in digit.size)
        for size in ((width, digit.height), (width, height)):       # width first: Pillow's versions differ
            digit = digit.resize(size, Image.Resampling.HAMMING)
        digit = np.asarray(digit)
        top, left = (round(14 - center) for center in _center_of_mass(digit))
        top, left = np.clip(top, 0, 28 - height), np.clip(left, 0, 28 - width)
        picture[top:top + height, left:left + width] = digit
    return torch.from_numpy(picture)[None]


def _center_of_mass(digit):
    """The row and the column of the center of the ink, counted from 0, with fractions."""
    ink = digit.astype(np.int64)                                # [h, w]; whole numbers, so that ties are exact
    return [float(ink.sum(1 - axis) @ np.arange(ink.shape[axis]) / ink.sum()) for axis in (0, 1)]
