"""Questions of lesson 14."""

from .question import Question

QUESTIONS = {
    "share of products": Question(
        choices={"less than half": (0, 0.5), "half to three quarters": (0.5, 0.75),
                 "more than three quarters": (0.75, 1)}, close=0.02,
        why="""
{answer:.0%} on this machine, in float32. The rest of the time goes to operations that hardly do any arithmetic: GELU,
LayerNorm, copies, sums. The share differs between machines: the faster the products, the smaller it is."""),
    "who reaches the peak": Question(
        choices=("only channel mixing", "only token mixing", "both", "neither"),
        why="""
It takes 990 / 3.35 = {ridge:.0f} FLOP per byte. Channel mixing has about 560. Token mixing has about 130, so on an H100
it waits for memory, and can reach less than half of the peak."""),
    "a mean in bf16": Question(
        field="a number, such as 2.3", right=0.01, near=0.3,
        why="""
It is {answer:.3f}. From 512 to 1,024 the numbers of bf16 are 4 apart, so each 2.3 is rounded up to 4. Beyond 1,024 they
are 8 apart, and 2.3 is less than half of that: it is rounded away, and the sum stays where it is."""),
    "the sum of two": Question(
        choices={"half as large": (0, 0.75), "as large": (0.75, 1.5), "twice as large": (1.5, 3)},
        why="""
{answer:.4g} times as large. Each process takes the mean over *its* 20 images. The mean over 40 images is the mean of
these two means, so the sum has to be divided by 2, the number of processes."""),
    "after the kill": Question(
        choices=("from the beginning", "from the last whole epoch", "from the step where it was"),
        answer="from the last whole epoch",
        why="""
`torchrun` ends the other worker, too, and starts two new ones with the same command. They find what the run has on
disk: the weights, the optimizer's state and the history of the last whole epoch. The steps since then are done
again."""),
    "four times the tokens": Question(
        choices={"about 4 times": (0, 8), "about 16 times": (8, 24), "24 times or more": (24, 1000)}, close=4,
        why="""
{answer:.1f} times as long here, and token mixing {mixer:.1f} times. In attention each token looks at each other token:
four times the tokens make sixteen times the pairs. If it takes more than 16 times as long, counting products does not
explain it. Read on below."""),
    "days of H/14": Question(
        field="a number of days, such as 10", right=2, near=30,
        why="""
{answer:.0f} days: 4.2 billion images times 6 · 121 billion FLOPs are 3 · 10²¹, and the card does 4 · 10¹⁴ per second.
With 512 cards it would be over four hours, if none of them ever waited."""),
}
