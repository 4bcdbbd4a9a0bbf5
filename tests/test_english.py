"""The code, the lessons and all that is written beside them are in plain American English: no phrase of FORBIDDEN is
there.

The list is short and has only phrases that are hardly ever right. Where one is right, choose other words.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted(ROOT.glob("mixer_lib/**/*.py")), *sorted(ROOT.glob("tools/*.py")), *sorted(ROOT.glob("figures/*.py")),
         *sorted(ROOT.glob("notebooks/text/**/*.py")), *sorted(ROOT.glob("mixer_lib/models/*.md")), *ROOT.glob("*.md"),
         ROOT / "Makefile", ROOT / "notebooks/glossary.md"]

# "a number a patch" and "images a step", but not "the numbers a patch holds" or "a layer maps a token to numbers".
COUNTED = "number|row|line|column|picture|image|unit|weight|kernel|layer|MLP|MAC|file|step"
PER = "patch|token|channel|image|row|column|place|pixel|block|layer|hidden unit|unit|true class|class|epoch|step|" \
      "batch|lesson|run"

# A phrase, as a regular expression in which a space also stands for a line break, and what to write instead.
FORBIDDEN = {
    rf"(?<!the\s)\b(?:(?:an?|one) (?:{COUNTED}|map|score|test|bias|name)|(?:{COUNTED})s|one) an? (?:{PER})\b":
        '"per": one row per patch, images per step',
    r"\bin the mean\b": '"on average"',
    r"\banew\b": '"again", or a word with re-: retrain, redraw, restart',
    r"\basked for (?:is|are)\b": '"The exercise asks for ..."',
    r"\bmultiplied with\b": '"multiplied by"',
    r"\b(?:hold|holds|held|holding) (?:it|this|that|them|the \w+) against\b": '"compare ... with"',
    r"\bmend(?:s|ed|ing)?\b": '"fix"',
    r"\btells? \S+ classes apart\b": '"has 4 classes"',
    r"\bboundless(?:ly)?\b": '"overconfident", "too sure"',
    r"\bhow many [\w-]+(?: [\w-]+)? has\b": '"does ... have"',
    r"\binto what (?:do|does|did|is|are)\b": '"What does ... turn ... into?"',
    r"\bis to be seen\b": '"What do you see?"',
    r"\bshall play no\b": '"so that ... plays no part"',
    r"\bjoin(?:s|ed)? to a block\b": '"join into a block"',
}
# "by heart" is no word to search for, so "memorize" has to be within this many characters of it.
NEAR = 300


def pattern(phrase):
    """Matches across the lines of a docstring, a comment or a string, whose parts stand in quotes, but not across an
    empty line."""
    return re.compile(phrase.replace(" ", r"""(?:(?!\n[\s#]*\n)[\s"'#])+(?:f["'])?"""), re.I)


PATTERNS = {pattern(phrase): instead for phrase, instead in FORBIDDEN.items()}


def find(text):
    """[(line, what is there, what to write instead)] for each forbidden phrase in `text`."""
    found = [(match, instead) for regex, instead in PATTERNS.items() for match in regex.finditer(text)]
    found += [(match, '"memorize", at least nearby') for match in pattern(r"\bby heart\b").finditer(text)
              if not re.search("memori[sz]", text[max(0, match.start() - NEAR):match.end() + NEAR], re.I)]
    return sorted((text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead)
                  for match, instead in found)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_plain_words(path):
    found = [f"{path.relative_to(ROOT)}:{line}: {words!r}: write {instead}"
             for line, words, instead in find(path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", [
    "a number a patch", "one row a patch", "images a step", "19 MACs an image", "one MLP a token", "3 steps an epoch",
    "one bias in place of one a place", "in the mean of 20 seeds", "made anew", "Asked for is the name",
    "asked for are counts", "multiplied with a number", "hold them against a control", "hold the result against it",
    "mend the lines", "the model tells 4 classes apart", "boundlessly sure", "learn by heart",
    "How many weights has one detector", "Into what does a Mixer turn it", "What is to be seen in it?",
    "rounding shall play no part", "they join to a block", 'f"asked "\n    f"for is"', "# in\n# the mean",
])
def test_forbidden_phrase_is_found(text):
    assert find(f"First line.\n{text}")[0][0] == 2


@pytest.mark.parametrize("text", [
    "one number per patch", "the weights a layer has learned", "it maps a token to numbers", "gives each image a class",
    "in the meantime", "the mean of the row", "the loss that was asked for", "multiplied by the step", "recommend it",
    "it memorizes the images, it learns them by heart",
    "it is a picture\n#\n# ## A row", "how many rows the table has", "it turns each row into a token",
])
def test_plain_phrase_is_not_found(text):
    assert find(text) == []
