"""Every lesson's notebook fits its text and reads well without a kernel; and tools/lessons.py does its work."""

import ast
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import nbformat
import pytest

import lessons

PAIRS = lessons.find_pairs()
MADE = [pair for pair in PAIRS if pair.text.exists() and pair.notebook.exists()]
each_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
each_notebook = pytest.mark.parametrize("pair", MADE, ids=[pair.name for pair in MADE])

# [text](target), ![alt](target); <img ...>, <a href=...>
MARKDOWN_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
IMG_TAG = re.compile(r"<img\b[^>]*>", re.S)
HTML_TARGET = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=[\"']([^\"']*)[\"']", re.S)


def code_cells(notebook):
    return [(n, cell) for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"]


def prose(notebook):
    """The markdown cells, without the code in them."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            yield number, re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.S)


def outputs_of(notebook):
    return [(n, output) for n, cell in code_cells(notebook) for output in cell.outputs]


@each_pair
def test_halves_fit_together(pair):
    found = lessons.drift(pair)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@each_notebook
def test_stored_outputs(pair):
    notebook = lessons.read_notebook(pair.notebook)
    redo = f"{pair.notebook.name}: make lessons NAME={pair.text.stem}"
    counts = [cell.execution_count for _, cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), f"not executed from top to bottom; {redo}"
    assert outputs_of(notebook), f"no stored outputs; {redo}"
    for number, cell in code_cells(notebook):
        last = ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", cell.source)).body[-1:]
        prints = last and isinstance(last[0], ast.Expr) and ast.unparse(last[0]).startswith("print(")
        assert cell.outputs or not prints, f"cell {number} prints, but stores nothing; {redo}"
    for number, output in outputs_of(notebook):
        assert output.output_type != "error", f"cell {number} stores an error; {redo}"
        assert lessons.WIDGET not in output.get("data", {}), f"cell {number} stores a widget or a progress bar; {redo}"
    assert "widgets" not in notebook.metadata, f"stores the state of widgets; {redo}"
    assert notebook.metadata.kernelspec == lessons.KERNELSPEC, f"names another kernel; {redo}"


@each_notebook
def test_code_cells_are_short(pair):
    for number, cell in code_cells(lessons.read_notebook(pair.notebook)):
        lines = len(cell.source.splitlines())
        assert lines <= 20, f"{pair.text}: cell {number} has {lines} lines; split it, 20 at most"
        widest = max(map(len, cell.source.splitlines()))    # JupyterLab on a laptop cuts off what is longer
        assert widest <= 88, f"{pair.text}: cell {number} has a line of {widest} characters, 88 at most"


@each_notebook
def test_rows_and_bullets_keep_their_lines(pair):
    """A row of a table that is broken over two lines becomes two rows; a bullet inside a line is none."""
    for number, text in prose(lessons.read_notebook(pair.notebook)):
        for line in text.splitlines():
            assert not line.startswith("|") or line.rstrip().endswith("|"), f"cell {number}: a row is cut: {line}"
            assert not re.search(r"\S - \*\*", line), f"cell {number}: a bullet hides in a line: {line}"


@each_notebook
def test_pictures_have_alternative_text(pair):
    notebook = lessons.read_notebook(pair.notebook)
    html = [(n, out.data["text/html"]) for n, out in outputs_of(notebook) if "text/html" in out.get("data", {})]
    for number, text in [*prose(notebook), *html]:
        for tag in IMG_TAG.findall(text):
            alt = re.search(r"\balt=([\"'])(.*?)\1", tag, re.S)
            assert alt and alt[2].strip(), f"{pair.text}: cell {number}: no alternative text: {tag[:80]}"
    for number, text in prose(notebook):
        for bang, alt, target in MARKDOWN_LINK.findall(text):
            assert not bang or alt.strip(), f"{pair.text}: cell {number}: no alternative text: {target}"


@each_notebook
def test_relative_links_resolve(pair):
    for number, text in prose(lessons.read_notebook(pair.notebook)):
        targets = [target for _, _, target in MARKDOWN_LINK.findall(text)] + HTML_TARGET.findall(text)
        for target in targets:
            path = unquote(target.partition("#")[0])
            if path and not re.match(r"[a-z]+:", path):
                found = (pair.notebook.parent / path).exists()
                assert found, f"{pair.text}: cell {number} links to {target}, which is not there"


# --- tools/lessons.py itself, on a lesson made for the test ---------------------------------------------------

LESSON = """# %% [markdown]
# # A lesson

# %%
print("a lesson")

# %% tags=["exercise-1"]
old stub

# %%
print("the end")
"""
SOLUTIONS = '''# %% [markdown]
# # Its solutions

# %% tags=["exercise-1"]
def double(x):
    """Twice x."""
    # SOLUTION
    return 2 * x
    # END SOLUTION

# %%
print(double(4))
'''
STUB = 'def double(x):\n    """Twice x."""\n    ...  # your code here'


@pytest.fixture
def course(tmp_path):
    """A folder with one lesson and its solutions, not yet made."""
    (tmp_path / "text/solutions").mkdir(parents=True)
    (tmp_path / "text/01_a.py").write_text(LESSON, encoding="utf-8")
    (tmp_path / "text/solutions/01_a.py").write_text(SOLUTIONS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def made(course):
    """The same, made: executing the cells is left out, which the tests that need it do themselves."""
    lesson, solutions = lessons.find_pairs(course)
    lessons.rewrite_stubs(lesson)
    for pair in (lesson, solutions):
        lessons.write(pair.notebook, nbformat.writes(lessons.notebook_from(lessons.read_text(pair.text))))
    return course


def edit(path, old, new):
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")


def test_stub_from_solved_cell():
    solved = "def f(x):\n    # SOLUTION\n    y = x\n    # END SOLUTION\n    return y\n# SOLUTION\nz = 1\n# END SOLUTION"
    mine = "...  # your code here"
    assert lessons.make_stub(solved) == f"def f(x):\n    {mine}\n    return y\n{mine}"


@pytest.mark.parametrize(
    "source",
    ["x = 1", "# SOLUTION\nx = 1", "x = 1\n# END SOLUTION", "# SOLUTION\n# SOLUTION\n# END SOLUTION"],
)
def test_unmarked_answer_is_refused(source):
    with pytest.raises(lessons.LessonError, match="SOLUTION"):
        lessons.make_stub(source)


def test_make_executes_and_is_repeatable(course, capfd):
    assert lessons.main([], course) == 0
    notebook = lessons.read_notebook(course / "01_a.ipynb")
    assert [cell.source for cell in notebook.cells][1:3] == ['print("a lesson")', STUB]
    assert notebook.cells[1].outputs[0].text == "a lesson\n"
    solved = lessons.read_notebook(course / "solutions/01_a.ipynb")
    assert solved.cells[-1].outputs[0].text == "8\n"
    assert lessons.main(["--check"], course) == 0

    before = {path: path.read_bytes() for path in course.rglob("*.*") if path.is_file()}
    assert lessons.main(["01_a"], course) == 0
    assert before == {path: path.read_bytes() for path in course.rglob("*.*") if path.is_file()}


def test_prints_that_arrive_apart_are_stored_as_one(made, capfd):
    slowly = 'import time\nprint("the", flush=True)\ntime.sleep(0.5)\nprint("end")'
    edit(made / "text/01_a.py", 'print("the end")', slowly)
    assert lessons.main(["01_a"], made) == 0
    output, = lessons.read_notebook(made / "01_a.ipynb").cells[-1].outputs
    assert output.text == "the\nend\n"


def test_failing_cell_leaves_the_notebook(made, capfd):
    before = (made / "01_a.ipynb").read_bytes()
    edit(made / "text/01_a.py", 'print("the end")', "1 / 0")
    assert lessons.main([], made) == 1
    message = capfd.readouterr().err
    assert "01_a.ipynb is left as it was: cell 4 failed" in message and "ZeroDivisionError" in message
    assert (made / "01_a.ipynb").read_bytes() == before and not list(made.rglob("*.part"))


def test_unchanged_cells_keep_their_ids(made):
    old = [cell.id for cell in lessons.read_notebook(made / "01_a.ipynb").cells]
    edit(made / "text/01_a.py", "# # A lesson\n", "# # A better lesson\n\n# %%\nx = 1\n")
    new = [cell.id for cell in lessons.notebook_from(lessons.read_text(made / "text/01_a.py")).cells]
    assert new[2:] == old[1:] and len(set(new)) == 5


@pytest.mark.parametrize(
    "path, old, new, expected",
    [
        ("text/01_a.py", "the end", "The end", "cell 4 .* make lessons NAME=01_a$"),
        ("text/01_a.py", '# %%\nprint("the end")\n', "", "the text has 3 cells, the notebook 4"),
        ("text/01_a.py", 'tags=["exercise-1"]', 'tags=["exercise-1", "x"]', "cell 3 .* its tags"),
        ("01_a.ipynb", "the end", "The end", "cell 4 .* make lessons NAME=01_a FROM=notebook"),
        ("text/solutions/01_a.py", "Twice x", "Twice", "exercise-1 is not made from its solutions"),
        ("text/solutions/01_a.py", "exercise-1", "exercise-2", r"\['exercise-1'\], its solutions \['exercise-2'\]"),
    ],
)
def test_check_names_the_drift(made, capfd, path, old, new, expected):
    assert lessons.main(["--check"], made) == 0
    edit(made / path, old, new)
    before = {path: path.read_bytes() for path in made.rglob("*.*") if path.is_file()}
    assert lessons.main(["--check"], made) == 1
    assert re.search(expected, capfd.readouterr().out, re.M)
    assert before == {path: path.read_bytes() for path in made.rglob("*.*") if path.is_file()}


def test_check_names_the_missing_half(made, capfd):
    (made / "01_a.ipynb").unlink()
    (made / "text/solutions/01_a.py").unlink()
    assert lessons.main(["--check"], made) == 1
    message = capfd.readouterr().out
    assert "01_a.py has no notebook: make lessons NAME=01_a" in message
    assert "01_a.ipynb has no text: make lessons NAME=01_a FROM=notebook" in message


@pytest.mark.parametrize("text_too", [False, True])
def test_edited_notebook_is_not_overwritten(made, capfd, text_too):
    edit(made / "01_a.ipynb", "the end", "my own end")
    if text_too:
        edit(made / "text/01_a.py", "a lesson", "another lesson")
    before = {path: path.read_bytes() for path in made.rglob("*.*") if path.is_file()}
    assert lessons.main([], made) == 1
    message = capfd.readouterr().err
    assert "01_a.ipynb was edited by hand" in message and "make lessons NAME=01_a FROM=notebook" in message
    assert ("so was its text" in message) == text_too
    assert before == {path: path.read_bytes() for path in made.rglob("*.*") if path.is_file()}


def test_edited_notebook_is_carried_into_the_text(made):
    edit(made / "01_a.ipynb", "the end", "my own end")
    assert lessons.main(["01_a", "--from-notebook"], made) == 0
    assert 'print("my own end")' in (made / "text/01_a.py").read_text(encoding="utf-8")
    assert lessons.read_notebook(made / "01_a.ipynb").cells[-1].outputs[0].text == "my own end\n"
    assert lessons.main(["--check"], made) == 0


def test_edited_text_is_not_carried_away(made):
    edit(made / "text/01_a.py", "the end", "my own end")
    assert lessons.main(["01_a", "--from-notebook"], made) == 0
    assert "my own end" in (made / "01_a.ipynb").read_text(encoding="utf-8")


def test_unknown_lesson(made, capfd):
    assert lessons.main(["02_b"], made) == 1
    assert "there is no lesson 02_b; there are: 01_a" in capfd.readouterr().err


WIDGETS = """from IPython.display import HTML, display
from ipywidgets import IntSlider
from tqdm.auto import tqdm

print("before")
for step in tqdm(range(3)):
    display(IntSlider(step))
print("after")
IntSlider()"""
FIGURE = """display(HTML('<img alt="a figure" src="data:image/png;base64,AAAA">'))"""
CELLS = [     # what stands in a cell when it is stored and when it is tested, and whether its outputs are the same
    (WIDGETS, WIDGETS, True),
    (WIDGETS, WIDGETS.replace("after", "later"), False),
    (WIDGETS, WIDGETS.replace('print("after")', ""), False),
    (FIGURE, FIGURE.replace("AAAA", "BBBB"), True),
    (FIGURE, FIGURE.replace("a figure", "another"), False),
    (FIGURE, "pass", False),
    ("1 + 1", "pass", False),
    ("pass", "print(1)", False),
    ("pass", "import warnings; warnings.warn('look out')", False),
    ("pass", "1 / 0", False),
]


def test_widgets_and_progress_bars_are_neither_stored_nor_compared(tmp_path):
    """And all else is."""
    cells = [nbformat.v4.new_code_cell(stored) for stored, _, _ in CELLS]
    notebook = lessons.notebook_from(nbformat.v4.new_notebook(cells=cells))
    lessons.execute(notebook, tmp_path)
    assert [output.text for output in notebook.cells[0].outputs] == ["before\nafter\n"]
    for cell, (_, tested, _) in zip(notebook.cells, CELLS):
        cell.source = tested
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    course = lessons.NOTEBOOKS.parent
    shutil.copy(course / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-rA", "-p", "no:cacheprovider", tmp_path]
    report = subprocess.run(command, cwd=course, capture_output=True, text=True).stdout
    outcomes = {int(cell): outcome for outcome, cell in re.findall(r"^(PASSED|FAILED) .*::Cell (\d+)", report, re.M)}
    assert outcomes == {n: "PASSED" if same else "FAILED" for n, (_, _, same) in enumerate(CELLS)}, report


def minutes(pattern, text):
    return {name: int(found) for name, found in re.findall(pattern, text)}


def test_minutes_are_the_same_everywhere():
    """The map in lesson 0 and the table in the README give each lesson's own minutes, exercises included."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (lessons.NOTEBOOKS / "text").glob("*.py")}
    pattern = r"\*\*About (?:\d+ minutes, with the exercises )?(\d+)( minutes)?\.\*\*"
    own = {name: int(re.search(pattern, text)[1]) for name, text in texts.items()}
    listed = minutes(r"\]\((?:notebooks/)?(\w+)\.ipynb\) \|.*\| (\d+) \|", texts["00_start_here"])
    start = int(re.search(r"\| 0 · Start here \|.*\| (\d+) \|", texts["00_start_here"])[1])
    assert {"00_start_here": start, **listed} == own
    readme = (lessons.NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    assert minutes(r"\]\(notebooks/(\w+)\.ipynb\) \|.*\| (\d+) \|", readme) == own


def test_lessons_lead_to_each_other():
    """Each lesson links to the one before and the one after, by its title."""
    paths = sorted((lessons.NOTEBOOKS / "text").glob("*.py"), key=lambda path: lessons.place(path.stem))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    titles = [re.search(r"^# # (.*?)(?::.*|, and a stack of them)?$", text, re.M)[1] for text in texts]
    links = [f"[{title}]({path.stem}.ipynb)" for title, path in zip(titles, paths)]
    for i, (path, text) in enumerate(zip(paths, texts)):
        head = text[:2500]
        if i > 0:
            assert f"Previous: {links[i - 1]}" in head, f"{path.name}: Previous: {links[i - 1]}"
        if i + 1 < len(paths):
            assert f"Next: {links[i + 1]}" in head, f"{path.name}: Next: {links[i + 1]}"
            assert f"Next: {links[i + 1]}" in text[-400:], path.name


def test_make_lists_its_commands():
    listed = subprocess.run(["make"], cwd=lessons.NOTEBOOKS.parent, capture_output=True, text=True).stdout
    assert {"lab", "test", "lessons"} <= set(re.findall(r"^  make (\w+)", listed, re.M))
