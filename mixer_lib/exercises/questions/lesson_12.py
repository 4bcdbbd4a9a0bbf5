"""Questions of lesson 12."""

from .question import Question

QUESTIONS = {
    "costliest preparation": Question(
        choices=("mean, std 0.5", "blue, green, red", "center crop", "half the side"), close=0.02,
        why="""
The mean and standard deviation of another project cost {answer[mean, std 0.5]:.1%}, swapped colors
{answer[blue, green, red]:.1%}, the center crop {answer[center crop]:.1%}, and half the side
{answer[half the side]:.1%}. A paler image still has all of its detail. An image that was shrunk and enlarged has lost
it."""),
    "blocks in file order": Question(
        choices={"an error": "error", "no error, and the same logits": (0, 1e-5),
                 "no error, and other logits": (1e-5, 1e3)},
        why="""
All blocks have arrays of the same shapes, so everything fits, and the logits are off by up to {answer:.2g}. It is
another network: block 2 now has the weights of block 10. With a file of at most 10 blocks, nobody would have noticed
the mistake."""),
    "the wrong GELU": Question(
        choices={"at most 5": (0, 5), "about 20": (6, 50), "100 or more": (51, 500)}, close=0,
        why="""
{answer} of 500. The logits are off by at most {off:.2g}, while their standard deviation is {spread:.2g}. The many small
differences stay small on their way through the network."""),
    "best with 100 digits": Question(
        choices=("head only", "fine-tuned", "from scratch"), close=0.03,
        why="""
Of the 500 test digits, the fine-tuned network reads {answer[fine-tuned]:.1%}, the one with a new head only
{answer[head only]:.1%}, and the one from scratch {answer[from scratch]:.1%}. The first against the last is what
the pretraining is worth here. The first against the second is what it is worth to train all weights, and not only
the head."""),
    "side by side": Question(
        choices={"by rounding only": (0, 1e-6), "by less than 0.1": (1e-6, 0.1), "by more than 0.1": (0.1, 100)},
        close=0.02,
        why="""
By up to {answer:.2f}. Each copy mixes tokens of two parts. The first copy reads the upper halves of the two upper
images as if they were one image. All shapes are right, and there is no error. Only the exact statement shows the
mistake."""),
}
