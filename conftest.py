"""nbval compares what a lesson's notebook stores; live widgets and progress bars are not stored.

And tests that run side by side (`make test`; pytest -n 2) share the cores."""

import os

from nbval.plugin import IPyNbCell

from lessons import clean_outputs

if "PYTEST_XDIST_WORKER" in os.environ:     # two lessons with two threads each on two cores mostly wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

compare_all = IPyNbCell.compare_outputs


def compare_stored(self, test, ref, skip_compare=None):
    return compare_all(self, clean_outputs(test), clean_outputs(ref), skip_compare)


IPyNbCell.compare_outputs = compare_stored

begin = IPyNbCell.__init__


def begin_patiently(self, *args, **named):
    begin(self, *args, **named)
    self.output_timeout = 60        # nbval's 5 seconds are short for a kernel that shares its core


IPyNbCell.__init__ = begin_patiently
