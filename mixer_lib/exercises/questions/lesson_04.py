"""Questions of lesson 4."""

from .question import Question

QUESTIONS = {
    "one nudge": Question(
        choices={"1, only itself": 1, "3, its row": 3, "4, its column": 4, "all 12": 12},
        why="""
The whole of column 2 changes, and nothing beside it. Channel mixing could have changed row 1, and nothing beside
it. Rows and columns of one table: that is all the difference there is."""),
    "swap, then mix": Question(
        choices={"yes": True, "no": False},
        why="""
The unit still takes top minus bottom, but something else stands at the top now: in channel 0, 2 + 8 − 0 − 4 makes
6, not 10."""),
}
