"""Make the lessons: notebooks/text/NAME.py, the source, becomes notebooks/NAME.ipynb, executed.

    make lessons                                  # all of them
    make lessons NAME=03_channel_mixing           # one lesson and its solutions
    make lessons NAME=03_channel_mixing FROM=notebook   # first carry the notebook's edits into the text
    python tools/lessons.py --check               # write nothing, list what does not fit together

A lesson's exercises come from its solutions, notebooks/text/solutions/NAME.py. There, the code cell tagged
exercise-1 holds the answer between the lines `# SOLUTION` and `# END SOLUTION`. The cell of the same tag in the
lesson is that cell with one line `...  # your code here` in the answer's place; this script writes it.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from jupytext.config import JupytextConfiguration
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
TEXT_STYLE = JupytextConfiguration(  # as in pyproject.toml
    notebook_metadata_filter="kernelspec,-jupytext", cell_metadata_filter="tags"
)
WIDGET = "application/vnd.jupyter.widget-view+json"


class LessonError(Exception):
    """What is wrong with a lesson, in words for its author."""


class Pair(NamedTuple):
    """The two halves of a lesson, or of its solutions (name: solutions/...)."""

    name: str
    text: Path
    notebook: Path


def find_pairs(folder=NOTEBOOKS, names=()):
    """Every pair in `folder`, a lesson before its solutions; with `names`, those of these lessons only."""
    pairs = []
    for sub in ("", "solutions/"):
        texts, notebooks = (folder / "text" / sub).glob("*.py"), (folder / sub).glob("*.ipynb")
        for stem in {path.stem for path in [*texts, *notebooks]}:
            pairs.append(Pair(sub + stem, folder / "text" / f"{sub}{stem}.py", folder / f"{sub}{stem}.ipynb"))
    pairs.sort(key=lambda pair: (place(pair.text.stem), pair.name != pair.text.stem))
    for name in names:
        if name not in {pair.text.stem for pair in pairs}:
            known = ", ".join(sorted({pair.text.stem for pair in pairs}))
            raise LessonError(f"there is no lesson {name}; there are: {known}")
    return [pair for pair in pairs if not names or pair.text.stem in names]


def place(stem):
    """By what the lessons are sorted: their numbers; the capstone comes after lesson 6."""
    return "06_z" if stem == "capstone" else stem


# --- reading and comparing ----------------------------------------------------------------------------------


def read_text(path):
    return jupytext.read(path, fmt="py:percent")


def read_notebook(path):
    return nbformat.read(path, as_version=4)


def cells(notebook):
    """What the two halves share: type, source and tags of every cell."""
    return [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells]


def digest(notebook):
    return hashlib.sha1(json.dumps(cells(notebook)).encode()).hexdigest()[:16]


def first_difference(text, notebook):
    """Where the cells of the two halves first differ, in words; None when they are equal."""
    ours, theirs = cells(text), cells(notebook)
    for number, (a, b) in enumerate(zip(ours, theirs), start=1):
        if a != b:
            what = "type" if a[0] != b[0] else "source" if a[1] != b[1] else "tags"
            return f"cell {number} ({a[0]}, {a[1].strip().splitlines()[:1]}) differs in its {what}"
    if len(ours) != len(theirs):
        return f"the text has {len(ours)} cells, the notebook {len(theirs)}"
    return None


def edited_half(pair):
    """Which half was changed since the notebook was made: None, "text", "notebook" or "both".

    The notebook carries a digest of the text that it was made from, so that no file time matters.
    """
    if not pair.notebook.exists():
        return "text"
    if not pair.text.exists():
        return "notebook"
    text, notebook = read_text(pair.text), read_notebook(pair.notebook)
    if first_difference(text, notebook) is None:
        return None
    made_from = notebook.metadata.get("made_from_text")
    if digest(notebook) == made_from:
        return "text"
    return "notebook" if digest(text) == made_from else "both"


def refuse_if_notebook_edited(pair):
    """Raise LessonError where making the notebook would overwrite what somebody wrote into it."""
    half = edited_half(pair)
    if half in ("notebook", "both"):
        way_back = f"make lessons NAME={pair.text.stem} FROM=notebook"
        also = "and so was its text; " if half == "both" else ""
        wins = " (there the notebook wins)" if half == "both" else ""
        raise LessonError(
            f"{shown(pair.notebook)} was edited by hand, {also}nothing is overwritten.\n"
            f"  To carry the notebook into {shown(pair.text)}: {way_back}{wins}\n"
            f"  To drop the notebook's edit: delete {shown(pair.notebook)} and run it again"
        )


def shown(path):
    return os.path.relpath(path)


# --- exercises ----------------------------------------------------------------------------------------------


def make_stub(source):
    """The exercise from its solved cell: each # SOLUTION block becomes one line for the learner to fill."""
    stub, inside = [], False
    for line in source.splitlines():
        mark = line.strip()
        if mark in ("# SOLUTION", "# END SOLUTION"):
            if inside == (mark == "# SOLUTION"):
                raise LessonError(f"the line {mark!r} comes twice in a row, or first")
            inside = not inside
            if inside:
                stub.append(line.replace(mark, "...  # your code here"))
        elif not inside:
            stub.append(line)
    if inside or len(stub) == len(source.splitlines()):
        raise LessonError("a solved exercise needs its answer between # SOLUTION and # END SOLUTION")
    return "\n".join(stub)


def exercises(notebook):
    """The code cells tagged exercise-1, exercise-2, ... by tag."""
    found = {}
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if re.fullmatch(r"exercise-\d+", tag):
                if tag in found or cell.cell_type != "code":
                    raise LessonError(f"the tag {tag} must stand on one code cell")
                found[tag] = cell
    return found


def update_stubs(lesson, solutions):
    """Write the stubs made from `solutions` into the cells of `lesson`; return the tags that changed."""
    stubs, solved = exercises(lesson), exercises(solutions)
    if stubs.keys() != solved.keys():
        raise LessonError(f"the lesson has the exercises {sorted(stubs)}, its solutions {sorted(solved)}")
    changed = []
    for tag, cell in stubs.items():
        stub = make_stub(solved[tag].source)
        if cell.source != stub:
            cell.source = stub
            changed.append(tag)
    return changed


def stubs_of(pair):
    """The lesson's text with its stubs as they should be, and the tags of those that are not yet so."""
    lesson, solved = read_text(pair.text), pair.text.parent / "solutions" / pair.text.name
    solutions = read_text(solved) if solved.exists() else nbformat.v4.new_notebook()
    try:
        return lesson, update_stubs(lesson, solutions)
    except LessonError as error:
        raise LessonError(f"{shown(pair.text)} and {shown(solved)}: {error}") from None


# --- making -------------------------------------------------------------------------------------------------


def write_text(notebook, path):
    notebook.metadata = {"kernelspec": KERNELSPEC}
    write(path, jupytext.writes(notebook, "py:percent", config=TEXT_STYLE))


def write(path, content):
    """All or nothing: a reader never meets half a file. (mixer_lib.checkpoints has the same, but would import
    torch here, which takes seconds.)"""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(content, encoding="utf-8")
    os.replace(part, path)


def is_widget(output):
    """Whether an output is a live widget, as progress bars are, too, or the still picture of one. Live ones are not
    stored (without their kernel a page would show 'model not found' in their place); no test compares either."""
    return WIDGET in output.get("data", {}) or output.get("metadata", {}).get("still", False)


def notebook_from(text):
    """The text's cells, not yet run. A cell's id follows from its source, so that a diff stays small."""
    made, seen = [], Counter()
    for kind, source, tags in cells(text):
        cell_id = hashlib.sha1(f"{kind}\n{source}".encode()).hexdigest()[:8]
        seen[cell_id] += 1
        if seen[cell_id] > 1:
            cell_id += f"-{seen[cell_id]}"
        new_cell = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        metadata = {"tags": tags} if tags else {}
        made.append(new_cell(source, id=cell_id, metadata=metadata))
    metadata = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}, "made_from_text": digest(text)}
    return nbformat.v4.new_notebook(cells=made, metadata=metadata)


class ThisPython(KernelSpecManager):
    """Runs lessons on this very interpreter, whatever kernels are installed beside it."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(**get_kernel_dict(["--log-level=ERROR"]))


PEAK_MEMORY = """import sys
try:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10), "MB")
except ImportError:     # on Windows
    print("memory unknown")"""


def execute(notebook, folder, widgets=False):
    """Run all cells in `folder` and keep their outputs, with `widgets` also live widgets and their states; returns the
    kernel's peak memory, in words."""
    folder.mkdir(exist_ok=True)
    current = 0

    def remember(cell, cell_index):
        nonlocal current
        current = cell_index

    notebook.cells.append(nbformat.v4.new_code_cell(PEAK_MEMORY))
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    client = NotebookClient(
        notebook,
        km=kernel,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=widgets,
        coalesce_streams=True,  # two prints in one cell may else arrive as one output or as two
        on_cell_start=remember,
    )
    language_info = notebook.metadata.language_info
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise LessonError(f"cell {current + 1} failed:\n{trace}") from None
    finally:
        run_sync(kernel.shutdown_kernel)(now=True)      # the next lesson needs its memory
    notebook.metadata.language_info = language_info  # without the version of this Python
    memory = notebook.cells.pop().outputs[0].text.strip()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code" and not widgets:
            cell.outputs = [output for output in cell.outputs if not is_widget(output)]
    return memory


def carry_back(pair):
    """Make the text from the notebook, where the notebook was edited."""
    if edited_half(pair) in ("notebook", "both"):
        write_text(read_notebook(pair.notebook), pair.text)
        print(f"{shown(pair.text)}: carried over from {shown(pair.notebook)}")


def rewrite_stubs(pair):
    """Bring the exercises in the lesson's text up to its solutions."""
    lesson, changed = stubs_of(pair)
    if changed:
        write_text(lesson, pair.text)
        print(f"{shown(pair.text)}: {', '.join(changed)} remade from the solutions")


def make(pair):
    """Execute the text and store the notebook; a failing cell leaves the old notebook as it was."""
    print(f"{shown(pair.notebook)} ...", end=" ", flush=True)
    start = time.time()
    notebook = notebook_from(read_text(pair.text))
    try:
        memory = execute(notebook, pair.notebook.parent, widgets=pair.name == pair.text.stem)
    except LessonError as error:
        raise LessonError(f"{shown(pair.notebook)} is left as it was: {error}") from None
    if any(is_widget(output) for cell in notebook.cells for output in cell.get("outputs", [])):
        import stills  # brings torch, which takes seconds

        stills.put(notebook)
    write(pair.notebook, nbformat.writes(notebook) + "\n")
    print(f"{time.time() - start:.1f} s, {memory}")


def drift(pair):
    """What does not fit together in one pair, as lines that name file, cell and the command to run."""
    command = f"make lessons NAME={pair.text.stem}"
    half = edited_half(pair)
    if half == "text" and not pair.notebook.exists():
        return [f"{shown(pair.text)} has no notebook: {command}"]
    if half == "notebook" and not pair.text.exists():
        return [f"{shown(pair.notebook)} has no text: {command} FROM=notebook"]
    found = []
    if half:
        where = first_difference(read_text(pair.text), read_notebook(pair.notebook))
        fix = {"text": command, "notebook": f"{command} FROM=notebook"}.get(
            half, f"both were edited, so bring over by hand what the text lacks, or {command} FROM=notebook"
        )
        found.append(f"{shown(pair.notebook)} is not {shown(pair.text)}: {where}: {fix}")
    if pair.name == pair.text.stem:
        try:
            changed = stubs_of(pair)[1]
        except LessonError as error:
            return [*found, str(error)]
        found += [f"{shown(pair.text)}: {tag} is not made from its solutions: {command}" for tag in changed]
    elif not pair.text.parents[1].joinpath(pair.text.name).exists():
        found.append(f"{shown(pair.text)} solves a lesson that does not exist")
    return found


def main(arguments=None, folder=NOTEBOOKS):
    parser = argparse.ArgumentParser(description="Make the lessons: executed notebooks from notebooks/text.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="lessons, such as 01_patches; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing; list what does not fit together")
    parser.add_argument("--from-notebook", action="store_true", help="first carry its edits into the text")
    options = parser.parse_args(arguments)
    if options.from_notebook and not options.names:
        parser.error("--from-notebook needs a NAME, so that no other notebook is carried over unseen")
    try:
        pairs = find_pairs(folder, options.names)
        if options.check:
            found = [line for pair in pairs for line in drift(pair)]
            print("\n".join(found) or f"{len(pairs)} notebooks fit their text")
            return 1 if found else 0
        for pair in pairs:
            if options.from_notebook:
                carry_back(pair)
            else:
                refuse_if_notebook_edited(pair)
        for pair in pairs:
            if pair.name == pair.text.stem:
                rewrite_stubs(pair)
        for pair in pairs:
            make(pair)
    except LessonError as error:
        print(f"\nlessons: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
