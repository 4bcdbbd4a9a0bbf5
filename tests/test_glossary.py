"""Each entry of the glossary is in the lesson that it names."""

import re
from pathlib import Path

import pytest

from lessons import NOTEBOOKS
from mixer_lib.exercises import questions

QUESTIONS = Path(questions.__file__).parent

# An entry is a list item: its word in bold, or its letters in code; then its meaning; last a link to its lesson.
ENTRIES = re.findall(r"^- (.*?)\s\(\[\w+\]\((\w+)\.ipynb\)\)$", (NOTEBOOKS / "glossary.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("entry, lesson", ENTRIES, ids=[entry[:25] for entry, _ in ENTRIES])
def test_word_is_in_its_lesson(entry, lesson):
    words = re.findall(r"\*\*(.+?)\*\*", entry) or re.findall(r"`(\w+)`", entry.partition(":")[0])
    text = (NOTEBOOKS / "text" / f"{lesson}.py").read_text().replace("\n#", "")      # prose may break within a term
    answers = QUESTIONS / f"lesson_{lesson[:2]}.py"                                 # a prediction's reason is text, too
    text += answers.read_text().replace("\n", " ") if answers.exists() else ""
    for word in words:
        assert re.search(rf"\b{re.escape(word)}\b", text, re.I), f"notebooks/glossary.md: {word} is not in {lesson}"


def test_every_item_is_read():
    items = re.findall(r"^- ", (NOTEBOOKS / "glossary.md").read_text(), re.M)
    assert len(ENTRIES) == len(items) > 40
