"""Measure what each lesson takes: `make resources` fills the README's table of seconds and memory.

    python tools/measure_lessons.py             # all lessons, and the table between the marks in README.md
    python tools/measure_lessons.py 01_patches  # these only, printed; the README stays as it is

Each lesson runs as Binder would run it: with two threads, and with at most 2 GB of data (the kernel's RLIMIT_DATA, so
that a lesson which needs more fails). The notebooks stay as they are. Needs Linux.
"""

import datetime
import os
import platform
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import lessons

CAP = 2 * 2**30     # bytes
THREADS = 2
README = lessons.NOTEBOOKS.parent / "README.md"
MARKS = re.compile(r"(?<=<!-- resources -->\n).*?(?=<!-- /resources -->)", re.S)


def measure(name):
    """(seconds, peak memory in words) of one lesson. Raises LessonError where it fails under the cap."""
    pair, *_ = lessons.find_pairs(names=[name])
    resource.setrlimit(resource.RLIMIT_DATA, (CAP, CAP))
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    start = time.time()
    memory = lessons.execute(lessons.notebook_from(lessons.read_text(pair.text)), pair.notebook.parent)
    return time.time() - start, memory


def table(rows):
    """The table in Markdown, with a line that says how it was measured. rows: [(name, title, seconds, memory), ...]."""
    named = re.search("model name\t: (.+)", Path("/proc/cpuinfo").read_text())
    processor = named[1] if named else platform.machine()
    lines = ["| lesson | seconds | peak memory |", "|---|---|---|"]
    lines += [f"| [{title}](notebooks/{name}.ipynb) | {seconds:.0f} | {memory} |"
              for name, title, seconds, memory in rows]
    lines += ["", f"Measured by `make resources` on {datetime.date.today()}: {THREADS} threads ({processor}), at "
                  f"most {CAP / 2**30:.0f} GB of data. The start of the kernel is included.", ""]
    return "\n".join(lines)


def fill(readme, content):
    """The README with `content` between its marks. Raises ValueError where there are none."""
    if not MARKS.search(readme):
        raise ValueError("README.md has no lines <!-- resources --> and <!-- /resources -->: add them where the table "
                         "shall be")
    return MARKS.sub(lambda _: content, readme)


def main(arguments):
    if arguments[:1] == ["--one"]:      # a process of its own, which the limits do not outlive
        seconds, memory = measure(arguments[1])
        print(f"{seconds} {memory}")
        return 0
    rows = []
    for pair in lessons.find_pairs(names=arguments):
        if pair.name != pair.text.stem:     # solutions
            continue
        title = re.search(r"^# # (.+?)(?::.*)?$", pair.text.read_text(encoding="utf-8"), re.M)[1]
        done = subprocess.run([sys.executable, __file__, "--one", pair.name], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"measure_lessons: {pair.name} failed with {THREADS} threads and 2 GB", file=sys.stderr)
            return 1
        seconds, memory = done.stdout.strip().splitlines()[-1].split(" ", 1)
        rows.append((pair.name, title, float(seconds), memory))
        print(f"{pair.name}: {float(seconds):.0f} s, {memory}", file=sys.stderr)
    if arguments:
        print(table(rows))
    else:
        README.write_text(fill(README.read_text(encoding="utf-8"), table(rows)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
