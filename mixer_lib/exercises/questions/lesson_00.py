"""Questions of lesson 0."""

from .question import Question

QUESTIONS = {
    "confident mistakes": Question(
        choices={"hardly any": (0, 0.25), "about half": (0.25, 0.75), "nearly all": (0.75, 1)},
        why="""
In {sure} of {wrong} mistakes the wrong digit has more than half of the probability; in {very} of them it has more than
80%. The ten probabilities must add up to 100%, so the network cannot answer "I do not know" or "this is no digit at
all". A high probability means: *among ten digits, this one fits best*. It does not mean that the answer is right."""),
    "how many weights": Question(
        choices={"about 1,400": (0, 10_000), "about 140,000": (10_000, 1_000_000), "about 14 million": (1e6, 1e9)},
        why="""
There are exactly {answer:,}. The smallest of the paper's models has 18 million, and the largest has 431 million. In
lesson 6 you will count them to the last one."""),
}
