"""Predictions: a lesson asks, the learner commits to an answer, and only then the right one and its reason unfold.

A lesson's questions lie in questions/, each with its choices and its explanation, so that no notebook holds them. What
a run measures comes from the lesson. Both travel to the page under a seal that keeps the eye off them, and the page
judges by itself: it needs no kernel.
"""

import html
import json
import re

import numpy as np

from ..plots import as_array, img
from ..widgets import Page
from .questions import QUESTIONS

MINUS = re.compile(r"(?<![\w`])-(?=\d)")               # the sign of a number, which Python writes as a hyphen
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"


def predict(name, answer=None, mine=None, picture=None, **measured):
    """Ask the question `name`; the answer unfolds when the learner has chosen a button, or typed and pressed Enter.

    answer: what the run gives. For a field, a tensor, a list or a number; for buttons, a choice, the value of one, or
    {choice: what was measured}, of which the largest is right. Without it the question only notes the prediction, and
    the call with the answer, after the run, opens at once. mine: a prediction as code, for where there are no buttons;
    the answer is then there as text, too. picture: unfolds together with the answer. measured: numbers which the
    explanation names. Raises ValueError where these do not fit the question."""
    if name not in QUESTIONS:
        raise ValueError(f"there is no question {name!r}: expected one of {', '.join(map(repr, QUESTIONS))}")
    question = QUESTIONS[name]
    answer = plain(question.answer if answer is None else answer)
    if answer is None:
        return Prediction(name, {}, mine)
    if (picture is None) == bool(question.alt):
        raise ValueError(f"the question {name!r} says what a picture shows: expected picture=..." if question.alt else
                         f"the question {name!r} does not say what its picture shows: write alt=... there")
    secret = key_for(question, answer)
    why = MINUS.sub("−", question.why.format(answer=answer, **measured)).strip()
    secret |= {"why": why, "html": to_html(why) + (img(picture, question.alt) if picture is not None else "")}
    return Prediction(name, secret, mine)


class Prediction(Page):
    """What `predict` shows: buttons or a field, and what unfolds. secret: empty while there is no answer yet."""

    def __init__(self, name, secret, mine):
        question = QUESTIONS[name]
        said = None if mine is None else read(question, plain(mine))
        if said and question.field and secret and judge(secret, said)[0] is None:
            raise ValueError(f"the prediction {mine!r} cannot be read: expected {question.field}")
        super().__init__("question", {"sealed": seal(secret)},
                         {"name": name, "choices": [*question.choices], "field": question.field}, {"said": said})
        wanted = question.field or " or ".join(map(repr, question.choices))
        self.text = (f"Your prediction: {wanted}?\nNo buttons here? Write it into the call, as mine=..., and run the "
                     "cell again.")
        if said and secret:
            seen = f"\n\n[Picture: {question.alt}]" if question.alt else ""
            self.text = f"{judge(secret, said)[1]}\n\n{secret['why']}{seen}"
        elif said:
            self.text = f"Noted: {said}. Write it into the call that has the answer, too."

    def __repr__(self):
        return self.text

    def _repr_mimebundle_(self, **options):
        data, metadata = super()._repr_mimebundle_(**options)
        return data | {"text/plain": self.text}, metadata           # whole, not its first 110 characters


def plain(value):
    """Tensors and arrays as Python's own numbers and lists."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return as_array(value).tolist() if hasattr(value, "tolist") or isinstance(value, (list, tuple)) else value


def key_for(question, answer):
    """By what a prediction is judged: {"accept": choices} or {"numbers": [...], "right", "near": how far off they may
    be}; in "shown" the answer as one reads it. Raises ValueError for an answer that is none of the choices."""
    if question.field:
        numbers = np.ravel(answer).tolist()
        return {"numbers": numbers, "right": question.right, "near": question.near,
                "field": question.field, "shown": ", ".join(f"{number:.4g}".replace("-", "−") for number in numbers)}
    choices = question.choices if isinstance(question.choices, dict) else {name: name for name in question.choices}
    if isinstance(answer, dict):                                            # the largest, and all that are close to it
        if missing := [choice for choice in choices if choice not in answer]:
            raise ValueError(f"nothing was measured for {missing}: expected a value for each of {[*choices]}")
        top = max(answer[choice] for choice in choices)
        accept = [choice for choice in choices if answer[choice] >= top - question.close]
    else:
        accept = [choice for choice, value in choices.items() if (
            value[0] - question.close <= answer <= value[1] + question.close if isinstance(value, tuple)
            else value == answer or choice == str(answer))]
    if not accept:
        raise ValueError(f"the answer {answer!r} is none of the choices {choices}")
    return {"accept": accept, "shown": " or ".join(f"“{choice}”" for choice in accept)}


def read(question, mine):
    """A prediction that was written as code, as the page would have it. Raises ValueError."""
    said = {True: "yes", False: "no"}[mine] if isinstance(mine, bool) else str(mine).strip()
    if question.field:
        return said
    fits = [choice for choice in question.choices if choice.lower() == said.lower()] or \
           [choice for choice in question.choices if choice.lower().startswith(said.lower())]
    if len(fits) != 1:
        raise ValueError(f"the prediction {mine!r} is not one of the choices: expected one of {[*question.choices]}")
    return fits[0]


# What follows is done in question.js, too; the tests try both on the same cases.

def judge(key, said):
    """What to say about the prediction `said`, a text: ("right", "near" or "wrong", a sentence); (None, what is
    expected) where it cannot be read."""
    if "accept" in key:
        tie = ": too close to call" if len(key["accept"]) > 1 else ""
        if said in key["accept"]:
            return "right", f"You said “{said}”, and that is right." + (f" It is {key['shown']}{tie}." if tie else "")
        return "wrong", f"You said “{said}”. The answer is {key['shown']}{tie}."
    text = said.replace("\u2212", "-").strip().lower()
    mine = [float(number) for number in re.findall(NUMBER, text)]
    if re.search(r"[^\s,;()\[\]]", re.sub(NUMBER, " ", text)) or len(mine) != len(key["numbers"]):
        return None, f"Please type {key['field']}."
    off = max(abs(a - b) for a, b in zip(mine, key["numbers"]))
    if off <= key["right"]:
        return "right", f"You said {said.strip()}, and that is right" + (
            "." if off == 0 else f". More exactly, it is {key['shown']}.")
    if off <= key["near"]:
        return "near", f"You said {said.strip()}, and that is near. It is {key['shown']}."
    return "wrong", f"You said {said.strip()}. It is {key['shown']}."


def seal(secret):
    """No lock, only a cover: uint8 [bytes]."""
    data = np.frombuffer(json.dumps(secret).encode(), np.uint8)
    return data ^ ((31 * np.arange(len(data)) + 73) % 256).astype(np.uint8)


def to_html(text):
    """An explanation in HTML. It may have paragraphs, `code`, **strong** and *stressed* words, links, and a_b."""
    text = html.escape(text, quote=False)
    for mark, element in ((r"`([^`]+)`", r"<code>\1</code>"), (r"\[([^\]]+)\]\(([^)\s]+)\)", r'<a href="\2">\1</a>'),
                          (r"\*\*([^*]+)\*\*", r"<b>\1</b>"), (r"\*([^*]+)\*", r"<i>\1</i>")):
        text = re.sub(mark, element, text)
    return "".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", text))
