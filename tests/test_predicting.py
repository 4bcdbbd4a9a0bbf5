"""Predictions: they keep their secret until the learner has committed, in the notebook and in a page without a kernel;
and Python and the page judge alike."""

import base64
import json
import re
import string

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

import export
import lessons
from devices import fake_gpu
from mixer_lib.exercises import predict
from mixer_lib.exercises.predicting import judge, key_for, plain, seal, to_html
from mixer_lib.exercises.questions import LESSONS, QUESTIONS
from mixer_lib.exercises.questions.question import Question
from mixer_lib.widgets.page import module

ROW = [2, 3, 6, 7]
NOTEBOOKS = sorted(lessons.NOTEBOOKS.glob("*.ipynb")) + sorted(lessons.NOTEBOOKS.glob("solutions/*.ipynb"))
CALL = re.compile(r"^ *predict\(\"([^\"]+)\"", re.MULTILINE)

BUTTONS = key_for(Question("", choices={"few": (0, 0.3), "half": (0.3, 0.7), "most": (0.7, 1)}, close=0.05), 0.5)
TIE = key_for(Question("", choices=("cat", "dog", "frog"), close=2), {"cat": 8, "dog": 10, "frog": 7, "ship": 30})
FIELD = key_for(Question("", field="4 numbers, such as 4, 5, 6, 7"), ROW)
NEAR = key_for(Question("", field="1 number", right=0.005, near=0.25), 2.302585)
MINUS = key_for(Question("", field="1 number"), [[[-10.0]]])

JUDGED = [     # key, what was said, the verdict, what the sentence says
    (BUTTONS, "half", "right", "You said “half”, and that is right."),
    (BUTTONS, "most", "wrong", "You said “most”. The answer is “half”."),
    (TIE, "cat", "right", "You said “cat”, and that is right. It is “cat” or “dog”: too close to call."),
    (TIE, "dog", "right", "You said “dog”, and that is right. It is “cat” or “dog”: too close to call."),
    (TIE, "frog", "wrong", "You said “frog”. The answer is “cat” or “dog”: too close to call."),
    *[(FIELD, said, "right", f"You said {said.strip()}, and that is right.")
      for said in ("2, 3, 6, 7", "[2, 3, 6, 7]", " 2 3 6 7 ", "(2;3;6;7)", "2.0 3 6. 7e0", "+2 3 6 7")],
    (FIELD, "2, 3, 6, 8", "wrong", "You said 2, 3, 6, 8. It is 2, 3, 6, 7."),
    (FIELD, "3, 2, 6, 7", "wrong", "You said 3, 2, 6, 7. It is 2, 3, 6, 7."),
    *[(FIELD, said, None, "Please type 4 numbers, such as 4, 5, 6, 7.")
      for said in ("", "2, 3, 6", "2, 3, 6, 7, 8", "two 3 6 7", "2/3 6 7 1")],
    (NEAR, "2.3", "right", "You said 2.3, and that is right. More exactly, it is 2.303."),
    (NEAR, "2.303", "right", "You said 2.303, and that is right. More exactly, it is 2.303."),
    (NEAR, "2.2", "near", "You said 2.2, and that is near. It is 2.303."),
    (NEAR, "2", "wrong", "You said 2. It is 2.303."),
    (NEAR, "ln 10", None, "Please type 1 number."),
    (NEAR, "2,303", None, "Please type 1 number."),
    (MINUS, "-10", "right", "You said -10, and that is right."),
    (MINUS, "\u221210", "right", "You said \u221210, and that is right."),
    (MINUS, "10", "wrong", "You said 10. It is \u221210."),
]


@pytest.mark.parametrize("key, said, verdict, sentence", JUDGED)
def test_judging(key, said, verdict, sentence):
    assert judge(key, said) == (verdict, sentence)


def test_the_page_judges_alike(chromium):
    page = chromium.new_page()
    judged = page.evaluate("""async ([source, cases]) => {
        const { judge } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        return cases.map(([key, said]) => judge(key, said)); }""", [module("question"), [case[:2] for case in JUDGED]])
    page.close()
    assert judged == [[*case[2:]] for case in JUDGED]


@pytest.mark.parametrize("choices, close, answer, accepted", [
    ({"few": (0, 0.3), "half": (0.3, 0.7), "most": (0.7, 1)}, 0, 0.29, ["few"]),
    ({"few": (0, 0.3), "half": (0.3, 0.7), "most": (0.7, 1)}, 0.05, 0.29, ["few", "half"]),
    ({"few": (0, 0.3), "half": (0.3, 0.7), "most": (0.7, 1)}, 0.05, torch.tensor(0.99), ["most"]),
    ({"equal": True, "different": False}, 0, False, ["different"]),
    ({"none": 0, "all 12": 12}, 0, torch.tensor(12), ["all 12"]),
    (("1", "3", "10"), 0, 1, ["1"]),
    (("0.001", "0.01"), 0.03, {"0.001": 0.80, "0.01": torch.tensor(0.82)}, ["0.001", "0.01"]),
    (("0.001", "0.01"), 0.01, {"0.001": 0.80, "0.01": 0.82, "0.1": 0.9}, ["0.01"]),
])
def test_what_is_accepted(choices, close, answer, accepted):
    assert key_for(Question("", choices=choices, close=close), plain(answer))["accept"] == accepted


def test_what_does_not_fit_is_said():
    picture = Image.new("RGB", (8, 8))
    for call, message in [
        (lambda: predict("row 2", ROW),
         "no question 'row 2': expected one of 'confident mistakes', 'how many weights', 'row 1'"),
        (lambda: predict("same as row 0", 7), "the answer 7 is none of the choices"),
        (lambda: predict("worst", {}), "no question"),
        (lambda: predict("known worst", {"cat": 1}), r"nothing was measured for \['airplane', 'bird'"),
        (lambda: predict("opposite corners", True, mine="perhaps"), r"'perhaps' is not one .*\['equal', 'different'\]"),
        (lambda: predict("row 1", ROW, mine=[1, 2]), r"\[1, 2\] cannot be read: expected 4 numbers"),
        (lambda: predict("reshape alone"), "expected picture"),
        (lambda: predict("row 1", ROW, picture=picture), "write alt"),
    ]:
        with pytest.raises((ValueError, KeyError), match=message):
            call()


def all_of(widget):
    """Everything that a front end, or a notebook that keeps the widget, is given of it."""
    data, _ = widget._repr_mimebundle_()
    state = json.dumps(widget.get_state(), default=lambda numbers: bytes(numbers).decode("latin1"))
    return json.dumps(data) + state + repr(widget)


def test_nothing_is_given_away_before_the_prediction():
    widget, why = predict("row 1", torch.tensor(ROW)), QUESTIONS["row 1"].why
    assert "2, 3, 6, 7" not in all_of(widget) and "top right" not in all_of(widget) and "top right" in why
    assert "as mine=..." in widget._repr_mimebundle_()[0]["text/plain"]
    picture = Image.new("RGB", (8, 8), "red")
    widget = predict("reshape alone", picture=picture)
    assert "strips two pixels" not in all_of(widget) and "lie in memory" not in all_of(widget)
    assert "iVBOR" not in all_of(widget) and "PNG" not in all_of(widget)        # the picture's first letters
    assert widget.facts["choices"] == list(QUESTIONS["reshape alone"].choices)


@pytest.mark.parametrize("mine", [ROW, "2 3 6 7", torch.tensor(ROW)])
def test_a_prediction_written_as_code_opens_the_answer(mine):
    text = predict("row 1", ROW, mine=mine)._repr_mimebundle_()[0]["text/plain"]
    assert text.startswith("You said ") and "and that is right." in text and "top right square" in text
    assert "The answer is “equal”" in repr(predict("opposite corners", True, mine="Diff"))
    picture = repr(predict("reshape alone", mine="the horse", picture=Image.new("RGB", (8, 8))))
    assert "The answer is “strips of the horse" in picture and "[Picture: Two gray pictures." in picture


def test_a_prediction_is_noted_where_there_is_no_answer_yet():
    widget = predict("learning rate")
    assert "Your prediction: '0.0001' or" in repr(widget) and widget.picked == {"said": None}
    noted = predict("learning rate", mine=0.003)
    assert noted.picked == {"said": "0.003"} and repr(noted).startswith("Noted: 0.003")


def test_numbers_below_zero_have_a_minus_sign():
    text = repr(predict("closest by chance", -0.18, mine="about −0.2", trained=-0.41))
    assert "It is −0.18." in text and "of the −0.41" in text


def test_answers_may_lie_on_a_gpu():
    with fake_gpu() as gpu:
        row, share = torch.tensor(ROW).to(gpu), torch.tensor(0.976).to(gpu)
        assert "and that is right." in repr(predict("row 1", row, mine=row))
        text = repr(predict("in a corner", torch.tensor(0.12).to(gpu), mine="nearly", plain=share, middle=share))
        assert "“hardly more than by guessing”" in text and "reads 97.6%" in text


def test_the_seal_can_be_opened():
    secret = {"why": "täglich, " * 100, "numbers": ROW}
    sealed = seal(secret)
    opened = bytes(byte ^ (31 * i + 73) % 256 for i, byte in enumerate(sealed.tolist()))
    assert json.loads(opened) == secret and b"numbers" not in sealed.tobytes()


def test_explanations_in_html():
    assert to_html("a < b, **bold** and *soft*, `x * y`\n\n[the\npaper](https://a.org)") == (
        '<p>a &lt; b, <b>bold</b> and <i>soft</i>, <code>x * y</code></p><p><a href="https://a.org">the\npaper</a></p>')


# --- what the lessons store -----------------------------------------------------------------------------------

def plain_text(source):
    """Without what differs between a notebook, an HTML file and the file of questions."""
    text = re.sub(r"<[^>]+>|[`*\"\\]|^\s*# ?", " ", source, flags=re.MULTILINE)
    return " ".join(text.split())


def sentences(text):
    """The parts of an explanation that no measured number interrupts, long enough to be known again."""
    parts = [part for part, *_ in string.Formatter().parse(text)]
    return [found for part in parts for found in re.split(r"(?<=[.!?:])\s", plain_text(part)) if len(found) > 40]


SECRETS = [(name, sentence) for name, question in QUESTIONS.items()
           for sentence in sentences(question.why) + sentences(question.alt)]


def test_every_question_has_a_secret():
    assert {name for name, _ in SECRETS} == QUESTIONS.keys()
    assert len(QUESTIONS) == sum(len(lesson.QUESTIONS) for lesson in LESSONS)           # no name twice
    for name, question in QUESTIONS.items():
        numbers = [number for _, number, *_ in string.Formatter().parse(question.why) if number]
        assert not [number for number in numbers if "\n" in number], f"{name}: a line ends within {numbers}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_stored_notebooks_keep_the_secrets(path):
    """No output at a question but a still of it without an answer, and its explanation nowhere: neither in the notebook
    nor in its text."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        told = [output for output in cell.get("outputs", []) if not lessons.is_widget(output)]
        assert not (CALL.search(cell.source) and told), f"{path.name} stores an output: {cell.source[:80]}"
    text = lessons.NOTEBOOKS / "text" / path.relative_to(lessons.NOTEBOOKS).with_suffix(".py")
    stored = plain_text("\n".join(cell.source + json.dumps(cell.get("outputs", "")) for cell in notebook.cells)
                        + text.read_text(encoding="utf-8"))
    given_away = [(name, sentence) for name, sentence in SECRETS if sentence in stored]
    assert not given_away, f"{path.name}: {given_away}"


# The numbers that the lessons compute for a field, as a reader would see them; a test of the page's own words.
FIELDS = {"row 1": r"2, 3,? ?\D*6, 7", "token of patch 3": r"2\.?,? 2\.?,? [-−]2", "first loss": r"2\.30[23]|ln ?10",
          "trap 1": r"[-−]10\b", "entries that are not zero": r"[Ss]ixteen|\b16\b.*diagonal",
          "a mean in bf16": r"1\.02", "days of H/14": r"\b88\b",
          "after how many blocks": r"\b7\b|[Ss]even"}


def test_no_number_stands_beside_its_question():
    assert FIELDS.keys() == {name for name, question in QUESTIONS.items() if question.field}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        for i, cell in enumerate(cells):
            for name in CALL.findall(cell.source):
                near = [cells[i - 1].source, cell.source, *cells[i + 1].source.splitlines()[:4]]
                found = [text for text in near if name in FIELDS and re.search(FIELDS[name], text)]
                assert not found, f"{path.name}, {name}: {found}"


def test_lessons_and_questions_fit():
    """Each lesson asks all of its questions and no other, each answered once."""
    for lesson in LESSONS:
        number = lesson.__name__[-2:]
        text = next((lessons.NOTEBOOKS / "text").glob(f"{number}_*.py")).read_text(encoding="utf-8")
        asked = CALL.findall(text)
        assert {*asked} == lesson.QUESTIONS.keys(), number
        assert all(asked.count(name) <= 2 for name in asked)
        assert text.count("**Predict.**") + text.count("**Trap ") == len({*asked}), number
        assert "my_prediction" not in text


# --- in the page -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("width, dark", [(360, True), (915, False)])
def test_buttons(width, dark, show):
    picture = Image.new("RGB", (400, 120), "red")
    shown = show(predict("reshape alone", picture=picture), width=width, dark=dark)
    choices = QUESTIONS["reshape alone"].choices
    buttons = shown.page.get_by_role("button")
    assert buttons.all_inner_texts() == [*choices] and shown.find("img").count() == 0
    assert shown.find(".mx-told").get_attribute("aria-live") == "polite" and not shown.find(".mx-told").inner_text()
    shown.page.keyboard.press("Tab")
    assert buttons.first.evaluate("b => b === document.activeElement && getComputedStyle(b).outlineWidth") == "2px"
    shown.page.keyboard.press("Enter")
    assert shown.picked == {"said": choices[0]}
    told = shown.find(".mx-told").inner_text()
    assert told.startswith(f"→ You said “{choices[0]}”. The answer is “{choices[2]}”.")
    assert "each row of the table mixes" in told
    assert shown.find("img").get_attribute("alt") == QUESTIONS["reshape alone"].alt
    shown.page.wait_for_function("document.querySelector('img').naturalWidth > 0")
    buttons.last.click(force=True)                                      # too late
    assert shown.picked == {"said": choices[0]} and shown.find(".mx-told").inner_text() == told
    assert [button.get_attribute("aria-pressed") for button in buttons.all()] == ["true", "false", "false"]
    assert buttons.last.evaluate("button => button.classList.contains('mx-accepted')")


def test_a_field(show):
    shown = show(predict("row 1", torch.tensor(ROW)))
    field = shown.page.get_by_label("Your prediction")
    assert "4 numbers, such as 4, 5, 6, 7" in shown.text()
    field.fill("2, 3")
    field.press("Enter")
    assert "Please type 4 numbers" in shown.text() and shown.picked == {"said": None}
    field.fill("4 5 6 7")
    field.press("Enter")
    assert shown.picked == {"said": "4 5 6 7"}
    assert "→ You said 4 5 6 7. It is 2, 3, 6, 7." in shown.text() and "top right square" in shown.text()
    assert not field.is_editable()


def test_what_was_said_in_code_opens_the_page(show):
    assert "✓ You said 2 3 6 7, and that is right." in show(predict("row 1", ROW, mine="2 3 6 7")).text()


SHARES = dict.fromkeys(QUESTIONS["learning rate"].choices, 0.1) | {"0.01": 0.8}
CELLS = [
    "from PIL import Image\nfrom mixer_lib.exercises import predict\npicture = Image.new('RGB', (40, 40))",
    "predict('learning rate')", f"predict('learning rate', {SHARES}, picture=picture)",
    "predict('row 1', [1 + 1, 3, 6, 7])",
]


def test_an_exported_lesson_asks(chromium, tmp_path):
    """It judges by itself; a prediction noted before the run is known to the question after it; and the file has no
    answer in clear."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS],
                            metadata={"kernelspec": lessons.KERNELSPEC, "language_info": {"name": "python"}})
    lessons.execute(notebook, tmp_path, widgets=True)
    path = tmp_path / "lesson.html"
    path.write_text(export.to_html(notebook, "lesson"), encoding="utf-8")
    source = path.read_text(encoding="utf-8")
    secrets = [sentence for name, sentence in SECRETS if name in ("learning rate", "row 1")]
    decoded = "".join(base64.b64decode(found).decode("latin1") for found in re.findall(r'"sealed": "([^"]+)"', source))
    assert len(secrets) > 4 and decoded and not [secret for secret in secrets if secret in source + decoded]
    assert "2, 3, 6, 7" not in source + decoded
    page = chromium.new_page(viewport={"width": 915, "height": 900})
    page.goto(path.as_uri())
    page.get_by_label("Your prediction").wait_for()
    assert page.locator(".mx-told").all_inner_texts() == ["", "", ""]
    page.get_by_role("button", name="0.003").first.click()
    first, second, third = page.locator(".mx-told").all_inner_texts()
    assert first.startswith("Noted: “0.003”") and not third
    assert second.startswith("→ You said “0.003”. The answer is “0.01”.")
    page.close()
