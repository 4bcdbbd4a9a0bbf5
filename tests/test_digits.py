"""A drawing becomes what MNIST looks like."""

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset
from mixer_lib.digits import as_mnist
from mixer_lib.training import predict

SIDE = 112      # the pad's
mnist = load_dataset("mnist")


def sheet(rows, columns, ink=255):
    """A black sheet with a box of ink: what a pen leaves, bounds as slices."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[rows, columns] = ink
    return pixels


def box_of(picture):
    """The first and last row, the first and last column that hold ink."""
    rows, columns = (np.flatnonzero(picture[0].numpy().any(axis)) for axis in (1, 0))
    return rows[0], rows[-1], columns[0], columns[-1]


def center_of_mass(picture):
    share = picture[0].double() / picture.sum()
    return [share.sum(1 - axis) @ torch.arange(28.0, dtype=torch.float64) for axis in (0, 1)]


def test_empty():
    picture = as_mnist(sheet(slice(0), slice(0)))
    assert picture.shape == (1, 28, 28) and picture.dtype == torch.uint8 and not picture.any()


@pytest.mark.parametrize("rows, columns, size", [
    (slice(5, 105), slice(50, 55), (20, 1)),            # thin and tall: a 1
    (slice(80, 85), slice(2, 102), (1, 20)),            # thin and wide: a minus
    (slice(6, 106), slice(6, 106), (20, 20)),           # thick, all of the pad
    (slice(100, 110), slice(1, 6), (20, 10)),           # small, in a corner
    (slice(60, 61), slice(60, 61), (20, 20)),           # a single pixel
])
def test_digit_fits_twenty_pixels_and_lies_in_the_middle(rows, columns, size):
    picture = as_mnist(sheet(rows, columns))
    top, bottom, left, right = box_of(picture)
    assert (bottom - top + 1, right - left + 1) == size
    assert center_of_mass(picture) == pytest.approx([14, 14], abs=0.51)


def test_center_is_that_of_mass_not_of_the_box():
    pixels = sheet(slice(0, 100), slice(0, 30))         # an L: most of it lies left and below
    pixels[92:100, 0:60] = 255
    picture = as_mnist(pixels)
    assert center_of_mass(picture) == pytest.approx([14, 14], abs=0.51)
    assert box_of(picture) == (4, 23, 11, 22)           # as a box it would begin in column 8


def test_all_of_it_stays_in_sight_where_the_mass_lies_far_to_one_side():
    pixels = sheet(slice(0, 20), slice(0, 100))
    pixels[0:100, 50] = 255                             # a thin leg, far down from a heavy bar
    assert box_of(as_mnist(pixels))[:2] == (8, 27)


def test_edges_become_gray():
    values = as_mnist(np.tri(SIDE, dtype=np.uint8) * 255).unique()
    assert values.max() == 255 and ((values > 0) & (values < 255)).any()


def test_mnists_own_digits_stay_as_they_are():
    for image in mnist.test_images:
        assert torch.equal(as_mnist(image[0]), image)
        assert torch.equal(as_mnist(pad(image[0], (60, 2, 0, 33))), image)


def test_digits_drawn_at_another_size_are_read():
    """Test digits four times as large, as the pad shows them, and half as large: the bundled model reads them."""
    model, about = load_pretrained("mnist")
    images = mnist.test_images[::4]
    larger = images.repeat_interleave(4, 2).repeat_interleave(4, 3)
    smaller = torch.nn.functional.avg_pool2d(images.float(), 2).to(torch.uint8)
    for drawn in (images, larger, smaller):
        digits = torch.stack([as_mnist(image[0]) for image in drawn])
        right = predict(model, digits, about.dataset).argmax(1) == mnist.test_labels[::4]
        assert right.float().mean() >= 0.97
