"""Questions of lesson 11."""

from .question import Question

AHEAD = ("Mixer", "CNN")

QUESTIONS = {
    "patches in another order": Question(
        choices={"nearly all": (0.9, 1), "about half": (0.3, 0.9), "hardly more than by guessing": (0, 0.3)},
        close=0.05,
        why="""
It reads {plain:.1%} of the digits as they are, and {answer:.1%} when they are shuffled. So it does notice! It has
learned weights for *this* place and weights for *that* place."""),
    "patches and insides shuffled": Question(
        choices=AHEAD, close=0.03,
        why="""
The Mixer names {answer[Mixer]:.1%} of the test images right, the CNN {answer[CNN]:.1%}. On 1,000 test images, a
difference of less than about three points would be too close to call. The Mixer loses next to nothing, since its
weights can follow. The CNN relies on near pixels belonging together."""),
    "all pixels shuffled": Question(
        choices=AHEAD, close=0.03,
        why="""
The Mixer names {answer[Mixer]:.1%} of the test images right, the CNN {answer[CNN]:.1%}. No kernel of 3 × 3 finds
neighbors that belong together now."""),
    "orders that a window can follow": Question(
        choices={"1": 1, "4": 4, "8": 8, "16": 16}, answer=4,
        why="""
As it is, mirrored left to right, mirrored top to bottom, and both at once. A square grid has four more, with a quarter
turn in them; a quarter turn of this grid would have 3 rows and 2 columns. In 16 orders all neighbors stay neighbors,
but 12 of them change the side on which a neighbor is, and not everywhere alike. The check tries all 720 with your
function."""),
}
