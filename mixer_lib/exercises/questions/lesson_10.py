"""Questions of lesson 10."""

from .question import Question

QUESTIONS = {
    "shape of the result": Question(
        choices=("[3, 2, 1, 1]", "[3, 2, 2, 2]", "[3, 2, 3, 3]"),
        why="""
A window of 2 × 2 on a map of 2 × 2 has one place where it fits. It stops once and is done."""),
    "trap 1": Question(
        field="1 number, such as 10",
        why="""
Bottom minus top. PyTorch's `conv2d` does *not* turn the kernel; by the book it is a **cross-correlation**. For a
network that learns its kernels this makes no difference. For weights that you carry over it does: a row of W₁ is
laid out as it is."""),
    "trap 2": Question(
        choices={"none": 0, "2": 2, "64": 64, "all 192": 192},
        why="""
Only the first and the last. The answers are off by up to {off:.1f}. So `view` the weights in the order in which
they *are*, then `permute` them into the order that you want. Exercise 2.4 was about this."""),
    "trap 3": Question(
        choices={"1": 1, "16": 16, "32": 32, "512": 512},
        why="""
One, for its one map. A bias that is the same everywhere is all that a convolution can want, since it treats all
places alike."""),
    "trap 4": Question(
        choices={"none": 0, "1": 1, "2": 2, "all 4": 4},
        why="""
GroupNorm takes one mean and one standard deviation over all channels *and all places*, and is the whole-table norm
of lesson 3 under another name: tokens are mixed by the back door. The Mixer's LayerNorm changes one place at most
(here none: a token ten times as large has the same pattern)."""),
    "trap 5": Question(
        choices={"they agree": True, "they differ": False},
        why="""
A logit differs by up to {off:.2f}: little, but this was a single step, and more will follow. In `untied`, each copy
of the kernel follows the gradient of its own channel, and they part. In `tied`, one kernel follows the sum of all
64. (Added up, the 64 gradients of `untied` are the one of `tied`; so the ledger below compares them.) Equal weights
are not *shared* weights."""),
    "trap 6": Question(
        choices={"yes": True, "no": False},
        why="""
Two of the three that the cell tried do: {others}. Token mixing does not. A convolution gets this property from
*sliding*: the same weights at every stop. A kernel as large as the grid has a single stop. Its weights would be
shared over all its stops, and there is one. So the thing that makes a convolution a convolution is in the formula
and never acts."""),
}
