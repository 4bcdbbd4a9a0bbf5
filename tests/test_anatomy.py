"""Every lesson has the parts of a lesson, in their order, and gives no answer away."""

import re

import pytest

import lessons

PATHS = sorted((lessons.NOTEBOOKS / "text").glob("[0-9]*.py"))
SOLUTIONS = sorted((lessons.NOTEBOOKS / "text/solutions").glob("*.py"))
HEADINGS = "In this lesson you will", "Exercises", "Recap", "Quiz"
FOLDED = re.compile(r"<details>.*?</details>", re.S)
each_lesson = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def prose(path):
    """The text of the markdown cells, and the tags of the code cells in their places."""
    return "\n".join(source if kind == "markdown" else f"[code {' '.join(tags)}]"
                     for kind, source, tags in lessons.cells(lessons.read_text(path)))


def section(text, heading):
    return re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def bullets(text):
    return re.findall(r"^- ", FOLDED.sub("", text), re.M)


def slug(heading):
    """The anchor that JupyterLab and GitHub give a heading, as far as the two agree."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@each_lesson
def test_parts_come_in_their_order(path):
    text = prose(path)
    places = [text.find(f"\n## {heading}\n") for heading in HEADINGS]
    missing = [heading for heading, place in zip(HEADINGS, places) if place < 0]
    assert not missing, f"{path.name} has no heading {missing}"
    assert places == sorted(places), f"{path.name}: the headings come in another order than {HEADINGS}"
    assert re.match(r"# \d+ · ", text), f"{path.name} does not begin with its number and title"
    assert re.search(r"^\*\*About \d+ minutes, with the exercises \d+\.\*\*", text, re.M), f"{path.name}: how long?"


@each_lesson
def test_bullets_and_recap(path):
    text = prose(path)
    opening, recap = bullets(section(text, HEADINGS[0])), bullets(section(text, "Recap"))
    assert 3 <= len(opening) <= 6, f"{path.name} promises {len(opening)} things, expected 3 to 6"
    assert len(recap) >= len(opening) - 1, f"{path.name}: {len(recap)} bullets of recap for {len(opening)} promises"


@each_lesson
def test_answers_are_hidden(path):
    """Each exercise has a folded hint and a folded way to its solution, each quiz question a folded answer, and nothing
    of a solution is in the lesson."""
    text = prose(path)
    assert text.count("<details") == text.count("</details>") == text.count("<details><summary>"), \
        f"{path.name}: something is folded that is not closed, or is open from the start"
    tags = re.findall(r"exercise-\d+", text)
    exercises = text.split("\n## Exercises\n", 1)[1].split("\n## Recap\n", 1)[0]
    for what in ("Hint", "Solution"):
        count = len(re.findall(rf"<details><summary>{what}", exercises))
        assert count >= len(tags), f"{path.name}: {len(tags)} exercises, but {count} times a folded '{what}'"
    quiz = section(text, "Quiz")
    questions = re.findall(r"^\*\*\d\.\*\*", quiz, re.M)
    assert len(questions) == quiz.count("<details><summary>Answer") >= 3, f"{path.name}: questions without an answer"
    assert "SOLUTION" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [*PATHS, *SOLUTIONS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_links_lead_to_headings(path):
    """A link with a # ends at a heading that is there."""
    folder = lessons.NOTEBOOKS if path in PATHS else lessons.NOTEBOOKS / "solutions"
    for target, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", prose(path)):
        file = folder / target if target else folder / f"{path.stem}.ipynb"
        if file.suffix == ".ipynb":
            text = "\n".join(cell.source for cell in lessons.read_notebook(file).cells if cell.cell_type == "markdown")
        else:
            text = file.read_text(encoding="utf-8")
        anchors = {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}
        anchors |= set(re.findall(r"\b(?:id|name)=[\"']([^\"']+)", text))
        assert slug(anchor.replace("-", " ")) in {slug(one.replace("-", " ")) for one in anchors}, \
            f"{path.name}: {target}#{anchor} leads nowhere"
