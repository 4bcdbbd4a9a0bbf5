"""Questions of lesson 11."""

from .question import Question

AHEAD = ("Mixer", "CNN")

QUESTIONS = {
    "patches in another order": Question(
        choices={"nearly all": (0.9, 1), "about half": (0.3, 0.9), "hardly more than by guessing": (0, 0.3)},
        close=0.05,
        why="""
It reads {plain:.1%} of the digits as they are, and {answer:.1%} when they are shuffled. So it does notice! It has
learned weights for *this* place and *that* place."""),
    "patches and insides shuffled": Question(
        choices=AHEAD, close=0.03,
        why="""
The Mixer reads {answer[Mixer]:.1%}, the CNN {answer[CNN]:.1%}. A difference of less than about three points would
be too close to call on 1,000 test images. The Mixer loses next to nothing, since its weights can follow; the CNN
counts on near pixels belonging together."""),
    "all pixels shuffled": Question(
        choices=AHEAD, close=0.03,
        why="""
The Mixer reads {answer[Mixer]:.1%}, the CNN {answer[CNN]:.1%}. No kernel of 3 × 3 finds neighbors that belong
together now."""),
}
