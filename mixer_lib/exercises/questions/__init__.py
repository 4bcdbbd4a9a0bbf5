"""What the lessons ask in advance, a file per lesson: {name of a question: Question}. `predict` asks them."""

from . import (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_09,
    lesson_10,
    lesson_11,
    lesson_12,
    lesson_13,
    lesson_14,
)
from .question import Question

LESSONS = (lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07, lesson_08, lesson_09,
           lesson_10, lesson_11, lesson_12, lesson_13, lesson_14)
QUESTIONS = {name: question for lesson in LESSONS for name, question in lesson.QUESTIONS.items()}
