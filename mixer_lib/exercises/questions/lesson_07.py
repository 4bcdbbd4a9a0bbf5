"""Questions of lesson 7."""

from .question import Question

QUESTIONS = {
    "learning rate": Question(
        choices=("0.0001", "0.001", "0.003", "0.01", "0.03", "0.1", "1"), close=0.03,
        alt="A hill: held-out accuracy over the learning rate, on a logarithmic axis. In the stored run it is 45 "
            "percent at 0.0001, 55 at 0.001, 78 at 0.003, the top, 84, at 0.01, 72 at 0.03, about 35 at 0.1, and "
            "9, no better than guessing, at 1.",
        why="""
The accuracies form a hill. A rate three times too large or too
small already costs about five to twelve points."""),
    "loss at step 50": Question(
        choices={"with zero_grad": True, "without": False},
        why="""
For a while the mistake looks like a discovery. The sum of many gradients is a longer step, and a rate of 0.1 is small
here, so longer steps are better. What happens at the end of the run?"""),
    "loss at the end": Question(
        choices={"with zero_grad": True, "without": False},
        alt="The training losses of two runs over 200 steps. With zero_grad the loss stays above 2 for 50 steps, "
            "then falls steadily, to about 0.5. Without it the loss falls at once, wavers between 1.1 and 1.6 "
            "until step 110, and then climbs, out of the chart by step 150.",
        why="""
The old gradients never leave the sum. When the loss has fallen and the direction should change, they still push in
the direction of the start, and the weights go past every minimum. Anyone who watched only the first 50 steps would
keep the bug."""),
    "second guess": Question(
        choices={"about 1 in 9, as by luck": (0, 0.3), "about half": (0.3, 0.65), "most of them": (0.65, 1)}, close=0.1,
        why="""
In {answer:.0%} of the {count} misread digits the true class comes second. So most mistakes are near misses. The
network gave the right answer the next best chance."""),
    "in a corner": Question(
        choices={"nearly all": (0.9, 1), "about half": (0.3, 0.9), "hardly more than by guessing": (0, 0.3)},
        close=0.03,
        why="""
It reads {plain:.1%} of the digits as they are, {middle:.1%} of those half as large in the middle, and {answer:.1%}
of those in the corner. Token mixing has separate weights for every *place*, so the same digit in another place, or in
another size, looks new to it. It knows only what it has been shown."""),
}
