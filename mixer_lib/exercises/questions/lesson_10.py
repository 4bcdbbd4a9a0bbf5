"""Questions of lesson 10."""

from .question import Question

QUESTIONS = {
    "shape of the result": Question(
        choices=("[3, 2, 1, 1]", "[3, 2, 2, 2]", "[3, 2, 3, 3]"),
        why="""
On a map of 3 × 3, a window of 2 × 2 fits in two places per direction. It slides, and gives 2 × 2 answers. On our map of
2 × 2 it covers everything, stops once, and gives one answer."""),
    "trap 1": Question(
        field="1 number, such as 10",
        why="""
The turned kernel is *bottom minus top*. PyTorch's `conv2d` does *not* turn the kernel. Mathematicians call that a
**cross-correlation**. For a network that learns its kernels, this makes no difference. For weights that you carry
over, it does: a row of W₁ goes onto the grid as it is."""),
    "trap 2": Question(
        choices={"none": 0, "2": 2, "64": 64, "all 192": 192},
        why="""
Only the first weight and the last one. The answers are off by up to {off:.1f}. So `view` the weights in the order
that they *have*, and then `permute` them into the order that you want. Exercise 2.4 was about this."""),
    "trap 3": Question(
        choices={"1": 1, "16": 16, "32": 32, "512": 512},
        why="""
One, for its one output map. A convolution treats all places alike, so it has no use for more than one bias per
map."""),
    "trap 4": Question(
        choices={"none": 0, "1": 1, "2": 2, "all 4": 4},
        why="""
GroupNorm takes one mean and one standard deviation over all channels *and all places*. It is the whole-table norm of
lesson 3 under another name, and it mixes tokens. The Mixer's LayerNorm changes one place at most. (Here it changes
none: a token that is ten times as large has the same pattern.)"""),
    "trap 5": Question(
        choices={"they agree": True, "they differ": False},
        why="""
A logit differs by up to {off:.2f}. That is little, but this was a single step, and training takes thousands. In
`untied`, each copy of the kernel follows the gradient of its own channel, so the copies move apart. In `tied`, one
kernel follows the sum of all 64 gradients. (The ledger below therefore compares this sum.) Equal weights are not
*shared* weights."""),
    "trap 6": Question(
        choices={"yes": True, "no": False},
        why="""
Two of the three layers in the cell are equivariant: {others}. Token mixing is not. A convolution gets this property
from *sliding*: it uses the same weights at every stop. A kernel as large as the grid has one stop, so there is
nothing to share. The property that makes a convolution a convolution is in the formula, and never takes effect."""),
    "rolled digits": Question(
        choices={"1 pixel": 1, "3 pixels": 3, "5 pixels": 5, "7 pixels, a whole patch": 7},
        why="""
Rolled by 1 pixel, the network reads {one:.1%}, by 3 pixels {three:.1%}, and by a whole patch, 7 pixels, {seven:.1%}.
No layer makes this happen by itself, and yet small shifts do almost no harm."""),
}
