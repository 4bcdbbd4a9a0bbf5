"""What the tests share: one thread, and one JupyterLab in which notebooks are opened one after the other."""

import contextlib
import os

import pytest
import torch

import browser
import commands
import devices  # noqa: F401 (the fake GPU must be known before the first backward pass, which test_conv does at import)
from mixer_lib.data import Dataset
from mixer_lib.model import MlpMixer

# The tests' models are so small that a second thread is only waited for: on a busy machine a hundred times longer.
# The lessons run in processes of their own, with as many threads as a learner has.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def lab():
    """A JupyterLab on a throw-away copy of the lessons."""
    need_browser()
    with browser.jupyter_lab() as running:
        yield running


def need_browser():
    """Skip a test where there is no browser; where one is required, fail."""
    reason = browser.missing()
    if reason and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")     # not longer: other modules use asyncio
def chromium():
    """A browser, in which each page knows of no other."""
    need_browser()
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def lab_page(chromium, lab):
    """JupyterLab in the browser. To load it takes seconds, so that the notebooks share it, one after the other."""
    with browser.lab_page(chromium, lab) as page:
        yield page


@pytest.fixture
def open_notebook(lab_page, lab):
    """open_notebook("01_patches.ipynb") gives its browser.NotebookPage, with the options of open_page. One per test; it
    is closed after it."""
    with contextlib.ExitStack() as stack:
        yield lambda name, **options: stack.enter_context(browser.open_page(lab_page, lab, name, **options))


@pytest.fixture
def show(chromium):
    """show(widget, dark=False) opens a widget that is drawn in the page, without a kernel: a browser.Shown."""
    with contextlib.ExitStack() as stack:
        yield lambda widget, **options: stack.enter_context(browser.show(chromium, widget, **options))


@pytest.fixture(scope="module")
def model():
    """3 blocks on a grid of 2 x 3, with weights so large that each part counts; it gives images to every class."""
    torch.manual_seed(0)
    model = MlpMixer(image_size=(8, 12), patch_size=4, in_channels=3, num_classes=3, num_blocks=3, hidden_dim=8,
                     tokens_mlp_dim=10, channels_mlp_dim=9).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    with torch.no_grad():
        model.head.bias.sub_(model(torch.rand(50, 3, 8, 12) * 4 - 2).mean(dim=0))
    return model


@pytest.fixture(scope="module")
def dataset():
    """50 images of noise for `model`."""
    images = torch.randint(0, 256, (50, 3, 8, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 3
    return Dataset("toy", images, labels, images, labels, ["ant", "bee", "cat"], (0.5,) * 3, (0.25,) * 3)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with own.npz, and in `run` what the command in `commands.TRAIN` makes of it. Tests do not change it."""
    folder = tmp_path_factory.mktemp("home")
    commands.save_npz(folder / "own.npz")
    words = commands.TRAIN.replace("own.npz", f"{folder}/own.npz").replace("--out run", f"--out {folder}/run")
    assert commands.run(words) == 0
    return folder


@pytest.fixture
def there(monkeypatch, tmp_path):
    """Work in a folder of one's own that has own.npz."""
    monkeypatch.chdir(tmp_path)
    commands.save_npz("own.npz")
    return tmp_path
