"""`reveal`, which lesson 9 still uses. When it asks with `predict`, delete this file, `reveal` in
mixer_lib/exercises/checking.py and in __init__.py beside it, and the two lines on "reveal(my_" in tools/lessons.py."""

import math
import re

import nbformat
import numpy as np
import pytest
import torch

import lessons
from mixer_lib import exercises


@pytest.mark.parametrize("prediction, answer, right", [
    ([2, 3, 6, 7], [2, 3, 6, 7], True),
    ((2, 3, 6, 7), [2, 3, 6, 7], True),
    (torch.tensor([2, 3, 6, 7]), [2, 3, 6, 7], True),
    (np.array([2, 3]), (2, 3), True),
    (torch.Size([16, 192]), [16, 192], True),
    ([2, 6, 3, 7], [2, 3, 6, 7], False),
    ([2, 3, 6], [2, 3, 6, 7], False),
    (2.303, 2.303, True),
    (math.log(10), 2.3, True),
    (torch.tensor(10.0).log(), 2.303, True),
    (0.1, 2.303, False),
    (2.25, 2.303, False),
    (59_880_000, 59_880_472, False),
    (False, False, True),
    (True, False, False),
    ("True", True, True),
    ("(B) ", "b", True),
    ("c", "b", False),
    ("3", 3, True),
    (1, True, False),
    (..., True, False),
])
def test_reveal(capsys, prediction, answer, right):
    exercises.reveal(prediction, answer)
    out = capsys.readouterr().out
    assert str(answer) in out and ("Right!" in out, "Find out why" in out) == (right, not right)


def test_reveal_without_a_prediction(capsys):
    exercises.reveal(None, 5)
    assert capsys.readouterr().out == "The answer is 5. (No prediction yet: next time, write yours down first.)\n"


def test_stored_answers_are_hidden_until_the_cell_is_run():
    """Who opens a lesson shall not read the answer before the prediction is made."""
    text = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell("reveal(my_prediction, 3)"), nbformat.v4.new_code_cell("my_prediction = None")])
    hidden, shown = (cell.metadata for cell in lessons.notebook_from(text).cells)
    assert hidden == {"jupyter": {"outputs_hidden": True}} and shown == {}


@pytest.mark.parametrize("pair", lessons.find_pairs(), ids=lambda pair: pair.name)
def test_predictions_are_revealed_once(pair):
    """Each "my_... = None" is followed by a cell that reveals the answer, its stored output hidden."""
    cells = lessons.read_notebook(pair.notebook).cells
    asked = {name for cell in cells for name in re.findall(r"^(my_\w+) = None", cell.source, re.M)}
    revealed = [cell for cell in cells if cell.cell_type == "code" and "reveal(my_" in cell.source]
    assert asked == {name for cell in revealed for name in re.findall(r"reveal\((my_\w+)", cell.source)}
    assert all(cell.metadata.jupyter.outputs_hidden for cell in revealed)
