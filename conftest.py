"""nbval compares what a lesson's notebook stores, but for the stills of its live widgets, and for progress bars.

And tests that run side by side (`make test`; pytest -n 2) share the cores."""

import os

import pytest
from nbval.plugin import IPyNbFile

from lessons import is_widget

if "PYTEST_XDIST_WORKER" in os.environ:     # two lessons with two threads each on two cores mostly wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")


class Lesson(IPyNbFile):
    """A notebook whose widgets nbval does not see. It ignores them itself, but not the text that each comes with, and
    its options would ignore all text, of a cell or of all cells."""

    def collect(self):
        for cell in super().collect():
            cell.output_timeout = 60        # nbval's 5 seconds are short for a kernel that shares its core
            cell.cell.outputs = [output for output in cell.cell.get("outputs", []) if not is_widget(output)]
            yield cell

    def get_kernel_message(self, timeout=None, stream="iopub"):
        while is_widget((message := super().get_kernel_message(timeout, stream))["content"]):
            pass
        return message


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put a Lesson in the place of nbval's own file."""
    found = yield
    return [Lesson.from_parent(parent, path=file_path) if isinstance(file, IPyNbFile) else file for file in found]
