"""The committed pictures are the ones that figures/draw.py draws."""

import numpy as np
import pytest
from PIL import Image

import draw


@pytest.mark.parametrize("name", draw.PICTURES)
def test_picture_is_up_to_date(name):
    now = np.asarray(draw.PICTURES[name]().convert("RGB")).astype(int)
    then = np.asarray(Image.open(draw.FOLDER / name).convert("RGB")).astype(int)
    assert now.shape == then.shape, f"figures/{name}: run make figures"
    # Letters may be drawn a shade differently by another version of the font renderer.
    assert np.abs(now - then).mean() < 0.5, f"figures/{name}: run make figures"


def test_no_picture_without_its_function():
    committed = {path.name for path in draw.FOLDER.iterdir() if path.suffix in (".png", ".svg")}
    assert committed == set(draw.PICTURES)
