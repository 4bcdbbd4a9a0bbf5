"""Questions of lesson 2."""

from .question import Question

QUESTIONS = {
    "token of patch 3": Question(
        field="3 numbers, such as 8, 0, 0",
        why="""
One pixel of four is bright, so each answer is a quarter of 8 with a sign: plus 2 for brightness, plus 2 because the
pixel is on the right, and minus 2 because it is at the top."""),
    "opposite corners": Question(
        choices={"equal": True, "different": False},
        why="""
The same numbers meet the same weights. So a token tells *what* is in its patch and nothing about *where* the patch was.

The place is not lost, because it is the number of the row: row 15 is still row 15. But no layer has used that number
yet. The first one that does is token mixing in lesson 4, which has a weight for each row. This is why a Mixer needs no
*position embedding*: numbers that a vision transformer adds to each token to mark its place ([the
paper](https://arxiv.org/abs/2105.01601), section 2)."""),
    "not shared": Question(
        choices={"about 6 million": (1e6, 2e7), "about 40 million": (2e7, 7e7), "about 120 million": (7e7, 1e9)},
        why="""
There would be 196 layers of 590,592 parameters, one per patch: {answer:,} in all. This first layer alone would be
nearly twice as large as the whole Mixer-B/16."""),
}
