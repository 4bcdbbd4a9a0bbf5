"""Questions of lesson 9."""

from .question import Question

QUESTIONS = {
    "frequency after training": Question(
        choices={"less than 0.3: coarser": (0, 0.3), "about the same": (0.3, 0.45), "more: finer": (0.45, 0.8)},
        why="""
It is {answer:.2f} cycles per patch: in place of six waves across the grid there are fewer than four. The pictures are
areas, no longer grains."""),
    "another place": Question(
        choices=("the same pattern, moved along", "a pattern of its own", "no pattern, only noise"),
        answer="the same pattern, moved along",
        why="""
Nearly the same pattern, three rows further up and three columns to the left. The next cell shows it for 24 places."""),
    "the better network": Question(
        choices={"more": (1.2, 99), "about as much": (0.8, 1.2), "less": (0, 0.8)},
        why="""
More. On average over its blocks it is {coarse:.0%}, without what places take from themselves, and {fine:.0%} in the
network with the fine grid. Here is each block:"""),
    "switched off": Question(
        choices=("block 0", "block 1", "block 2", "block 3"), close=0.03,
        why="""
With everything on it names nearly nine of ten test images right, and without this one {left:.0%}. Block 1 is also the
block with the clearest pictures. But is that why? The next cell asks in two other ways."""),
    "only the convolution": Question(
        choices={"10%, guessing": (0, 0.2), "about 40%": (0.2, 0.55), "about 65%": (0.55, 0.75),
                 "more than 75%": (0.75, 1)},
        why="""
{answer:.0%}! No GELU in token mixing, no hidden units, one kernel per block for all channels. Is it the convolution
that does it? Look at the controls before you believe it."""),
    "closest by chance": Question(
        choices={"about 0": (-0.1, 0.1), "about −0.2": (-0.3, -0.1), "about −0.4": (-0.5, -0.3)},
        why="""
It is {answer:.2f}. Each of the 256 rows has 255 others to choose from, and the best one counts. So of the {trained:.2f}
in the trained block, nearly half is what one finds when there is nothing to find."""),
}
