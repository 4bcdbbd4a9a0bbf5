"""Questions of lesson 2."""

from .question import Question

QUESTIONS = {
    "token of patch 3": Question(
        field="3 numbers, such as 8, 0, 0",
        why="""
The bright pixel is one of four, so it counts a quarter of 8 each time: plus 2 for brightness, plus 2 because it is
on the right, minus 2 because it is at the top."""),
    "opposite corners": Question(
        choices={"equal": True, "different": False},
        why="""
The same numbers meet the same weights. So a token tells *what* is in its patch and nothing of *where* it was.

The place is not lost: it is the number of the row, since row 15 is still row 15. But no layer has read it yet. The
one that does is token mixing in lesson 4, which has a weight for each row. That is why a Mixer needs no *position
embedding*, numbers added to each token to mark its place, as a vision transformer has ([the
paper](https://arxiv.org/abs/2105.01601), section 2)."""),
}
