"""Questions of lesson 6."""

from .question import Question

QUESTIONS = {
    "two tokens swapped": Question(
        choices={"they change": True, "they stay the same": False},
        why="""
The mean does not depend on the order of the tokens. If the place of something in the image matters for the answer,
the blocks before must have written this place into the *channels*. They can, because token mixing has a weight for
every place."""),
    "first loss": Question(
        field="1 number, such as 0.5", right=0.005, near=0.25,
        why="""
All logits are 0, so each class has probability 1/K, and the loss is −ln(1/K) = ln K = ln 10 ≈ 2.303. The network
says, as it should, that it knows nothing.

If your first loss is far from ln K, something is wrong before training has begun. Look at the first loss every
time."""),
}
