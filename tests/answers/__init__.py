"""Right and wrong answers to the exercises, one file per lesson.

RIGHT: {check: {name: answer}}, written in other ways than the solution. WRONG: {check: {name: (a regular expression
that the message must match, answer)}}, the mistakes that people make.
"""

import importlib
import pkgutil


def but(answer, *changes):
    """`answer` with each `old` of `changes` replaced by its `new`."""
    for old, new in changes:
        assert old in answer
        answer = answer.replace(old, new)
    return answer


_LESSONS = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
RIGHT = {check: answers for lesson in _LESSONS for check, answers in lesson.RIGHT.items()}
WRONG = {check: answers for lesson in _LESSONS for check, answers in lesson.WRONG.items()}
