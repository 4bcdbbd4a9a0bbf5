"""Questions of lesson 0."""

from .question import Question

QUESTIONS = {
    "how many weights": Question(
        choices={"about 1,400": (0, 10_000), "about 140,000": (10_000, 1_000_000), "about 14 million": (1e6, 1e9)},
        why="""
Exactly {answer:,}. The smallest of the paper's models has 18 million, the largest 431 million. You will count them
to the last one in lesson 6."""),
}
