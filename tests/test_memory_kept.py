"""While a model trains on a CPU, Linux is not asked for the same memory again and again."""

import json
import os
import platform
import subprocess
import sys

import pytest

TRAIN = """
import json, psutil, resource, torch
from mixer_lib import create_model
from mixer_lib.data import Dataset
from mixer_lib.training import Recipe, fit

images, labels, faults, held = torch.zeros(256, 3, 32, 32, dtype=torch.uint8), torch.arange(256) % 10, [], []
data = Dataset("gray", images, labels, images, labels, [*"0123456789"], (0.5,) * 3, (0.5,) * 3)

def look(history):
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)       # pages that the system had to give
    held.append(psutil.Process().memory_info().rss)

torch.set_num_threads(1)
recipe = Recipe(batch_size=64, epochs=2, val_fraction=0, precision="float32")
fit(create_model("cifar10", num_blocks=2), data, recipe, callbacks=[look])
print(json.dumps([faults[-1] - faults[1], max(held) - psutil.Process().memory_info().rss]))
"""


def trained(**environment):
    """How many pages the steps after the first asked for, and how many bytes went back at the end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", TRAIN], env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_is_kept_for_the_next_step_and_given_back_at_the_end():
    pages, given_back = trained()
    assert pages < 20_000 and given_back > 50e6
    pages, _ = trained(MALLOC_TRIM_THRESHOLD_="67108864")       # the user has decided: nothing is changed
    assert pages > 100_000
