"""What a lesson's file of questions is made of."""

from typing import NamedTuple


class Question(NamedTuple):
    """A question that `predict` asks. The lesson puts it into words; here is all that it must not show.

    why: the explanation, in a little Markdown; {answer} and other names in braces stand for what the lesson measured.
    choices: its buttons, a tuple, or {choice: its value or an interval of values (low, high)}.
    field: in place of choices, the numbers wanted, in words: "4 numbers, such as 4, 5, 6, 7".
    answer: where no run gives it.
    close: how near to the largest, or to the border of an interval, a measured number is too close to call.
    right, near: how far off a number in a field is still right, or near.
    alt: says what the picture shows that unfolds with the answer."""

    why: str
    choices: tuple | dict = ()
    field: str = ""
    answer: object = None
    close: float = 0
    right: float = 0
    near: float = 0
    alt: str = ""
