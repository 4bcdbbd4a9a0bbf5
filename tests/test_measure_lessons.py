"""The README's table of what each lesson takes."""

import subprocess
import sys

import pytest

import lessons

if sys.platform != "linux":
    pytest.skip("the limits are Linux's", allow_module_level=True)
import measure_lessons as tool

LESSON = """# %% [markdown]
# # 1 · A lesson: and its subtitle

# %%
import os
assert os.environ["OMP_NUM_THREADS"] == "2"
{}
"""


def test_table_goes_between_the_marks():
    made = tool.table([("01_a", "1 · A lesson", 12.6, "345 MB")])
    assert "| [1 · A lesson](notebooks/01_a.ipynb) | 13 | 345 MB |" in made and "2 threads" in made
    readme = "before\n<!-- resources -->\nold\n<!-- /resources -->\nafter\n"
    assert tool.fill(readme, made) == f"before\n<!-- resources -->\n{made}<!-- /resources -->\nafter\n"
    assert tool.fill(tool.fill(readme, "x\n"), made) == tool.fill(readme, made)
    with pytest.raises(ValueError, match="has no lines"):
        tool.fill("before", made)


@pytest.mark.parametrize("code, ends", [("x = bytearray(10**8)", "passed"),
                                        ("x = bytearray(3 * 10**9)", "MemoryError")])
def test_a_lesson_has_two_threads_and_two_gigabytes(tmp_path, code, ends):
    """In a process of its own, since the limits stay."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text/01_a.py").write_text(LESSON.format(code), encoding="utf-8")
    script = f"""
import lessons, pathlib, measure_lessons as tool
found, folder = lessons.find_pairs, pathlib.Path({str(tmp_path)!r})
lessons.find_pairs = lambda names: found(folder, names)
try:
    seconds, memory = tool.measure("01_a")
    assert seconds > 0 and memory.endswith(" MB") and int(memory[:-3]) > 100, memory
    print("passed")
except lessons.LessonError as error:
    print(str(error))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          cwd=lessons.NOTEBOOKS.parent / "tools")
    assert ends in done.stdout, done.stdout + done.stderr
