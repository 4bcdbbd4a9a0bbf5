"""What lesson 1 shows but does not run: einops' notation for the cut, in a folded text."""

import re

import pytest
import torch

from lessons import NOTEBOOKS
from mixer_lib import patchify

PATTERN = re.search(r'rearrange\(images, "([^"]+)", u=P, v=P\)', (NOTEBOOKS / "text/01_patches.py").read_text())[1]


@pytest.mark.parametrize("pattern, last", [(PATTERN, False), (PATTERN.replace("(c u v)", "(u v c)"), True)])
def test_einops_cuts_alike(pattern, last):
    einops = pytest.importorskip("einops")              # comes with another Mixer of requirements.txt
    images = torch.randn(2, 3, 6, 9)
    tables = patchify(images, 3)
    if last:                                            # inside a patch (row, column, channel)
        tables = tables.unflatten(2, (3, 9)).mT.flatten(2)
    assert torch.equal(einops.rearrange(images, pattern, u=3, v=3), tables)
