"""Questions of lesson 3."""

from .question import Question

QUESTIONS = {
    "same as row 0": Question(
        choices={"row 1": 1, "row 2": 2, "row 3": 3},
        why="""
Row 3 is 2, 2, −2: row 0 with 2 taken from every channel. So the norm throws away two things, the **level** that all
channels share and the **spread** between them. It keeps the pattern: which channels stand out, and in which direction.

That is a real loss: patches 0 and 3 are different, and the norm has made their tokens equal. Keep this in mind; we
repair it below."""),
    "entries that are not zero": Question(
        field="1 number, such as 256",
        why="""
The 16 are the diagonal: each output token moves with its own input token and with no other token."""),
}
