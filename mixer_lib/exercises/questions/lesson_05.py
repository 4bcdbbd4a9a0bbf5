"""Questions of lesson 5."""

from .question import Question

QUESTIONS = {
    "how many blocks": Question(
        choices=("1", "2", "3", "4", "6"),
        why="""
One block is enough, however far apart two patches are. Each hidden unit of token mixing reads all places and writes to
all of them, and no place is farther away than another."""),
    "how many convolutions": Question(
        choices=("1", "2", "3", "4", "6"),
        alt="Five tables of 16 output tokens by 16 input patches, filled where the patch moves the token, empty "
            "where it cannot. 0 blocks: the diagonal. 1 block: all filled. 1 convolution: three bands of short steps"
            " along the diagonal. 2 convolutions: nearly all filled, two corners and a few cells empty. 3 "
            "convolutions: all filled.",
        why="""
A convolution carries news one step per layer, and from corner to corner of a 4 × 4 grid there are three steps.
Below, a cell is filled where a patch moves a token."""),
    "gradient without skips": Question(
        choices={"smaller": (0, 0.5), "about as large": (0.5, 2), "larger": (2, float("inf"))},
        alt="Ten lines over the depth from 0 to 32, on a logarithmic axis, all at 32 at depth 32. Read from right"
            " to left: the five with skip connections rise slowly at first and more toward the end, to about 300 "
            "at depth 1 and 700 to 1000 at depth 0. The five without rise steadily, to between 50,000 and "
            "125,000.",
        why="""
Larger, by a factor of about {answer:.0f}! Each line is one draw of the weights, and all five draws agree. Read the
lines from right to left, as the gradient goes. Without skip connections each block multiplies the gradient by about the
same factor, which is a straight line on this axis. With them the gradient grows, too, but less in each deeper block;
the first block alone causes a good part of the growth.

You may have heard the opposite, that gradients *vanish* in deep stacks. The next section looks closer."""),
    "the part that is missed most": Question(
        choices=("token mixing", "channel mixing", "skip connections", "norms"),
        close=15,
        alt="A chart with one row per network: the whole Mixer, then without token mixing, without channel mixing, "
            "without skip connections, without norms. Each row has three dots, the accuracies of its runs, and a bar "
            "at their mean. A broken line marks the mean of the whole Mixer.",
        why="""
Percentage points lost, on average over three runs: {answer[token mixing]:.0f} without token mixing,
{answer[skip connections]:.0f} without the skip connections, {answer[channel mixing]:.0f} without channel mixing,
{answer[norms]:.0f} without the norms. (A negative number is a gain.) In the picture, a dot is one run and a bar is the
mean of three.

Without token mixing, the patches meet only in the average at the end: the network knows which strokes there are, but
not where they are. Without the skip connections, training has to cope with the growing gradients that you saw. Without
channel mixing, token mixing still has a GELU, and the patch embedding and the last layer still combine channels.
Without the norms, 8 blocks that start from weights of a suitable size can still be trained for 80 steps."""),
}
