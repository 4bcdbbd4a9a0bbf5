"""Questions of lesson 4."""

from .question import Question

QUESTIONS = {
    "one nudge": Question(
        choices={"1, only itself": 1, "3, its row": 3, "4, its column": 4, "all 12": 12},
        why="""
All 4 cells of column 2 change, and no cell outside of this column. Channel mixing could have changed row 1, and no
cell outside of this row. Rows or columns of the same table: this is the whole difference between the two kinds of
mixing."""),
    "reorder, then mix": Question(
        choices={"yes": True, "no": False},
        alt="Two tables of 4 tokens and 3 channels. Reorder, then mix: channel 0 holds 1.99, 1.01, minus 1.01, minus "
            "1.99. Mix, then reorder: channel 0 holds 2.5, minus 2.5, minus 2.5, 2.5.",
        why="""
Unit 0 still computes top minus bottom, but now other tokens are at the top. In channel 0 it finds 8 + 2 − 0 − 4 = 6
instead of 10, and it writes its answer to the top and the bottom places, whoever is there."""),
}
