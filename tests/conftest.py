"""The browser tests share one JupyterLab; each notebook is opened in a browser of its own."""

import contextlib
import os

import pytest

import browser


@pytest.fixture(scope="session")
def lab():
    """A JupyterLab on a throw-away copy of the lessons."""
    reason = browser.missing()
    if reason and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with browser.jupyter_lab() as running:
        yield running


@pytest.fixture
def open_notebook(lab):
    """open_notebook("01_patches.ipynb") gives its browser.NotebookPage. One a test; it is closed after it."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(browser.open_page(lab, name))
