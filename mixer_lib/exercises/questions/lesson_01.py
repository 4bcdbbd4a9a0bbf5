"""Questions of lesson 1."""

from .question import Question

SEEN = ("the horse, whole", "squares of the horse, each in a wrong place", "strips of the horse, folded into squares")

QUESTIONS = {
    "row 1": Question(
        field="4 numbers, such as 4, 5, 6, 7",
        why="""
Patch 1 is the top right square: lines 0 and 1 of the image, columns 2 and 3. So the numbers are 2, 3 and, one line
below, 6, 7. They are not neighbors in memory, where 0, 1, 2, … lie in a row. That is the whole difficulty of
cutting patches, and you have just met it."""),
    "reshape alone": Question(
        choices=SEEN, answer=SEEN[2],
        alt="Two gray pictures. Left, split, permute and merge: the horse, whole. Right, reshape alone: the image"
            " is cut into strips two pixels high, each folded into a square; no horse to be seen.",
        why="""
`reshape` alone takes 64 numbers at a time as they lie in memory: two whole lines of the image, folded into a
square. Each row of the table mixes the left and the right edge of the picture."""),
    "patch axes swapped": Question(
        choices=SEEN, answer=SEEN[1],
        alt="Two gray pictures. Left, split, permute and merge: the horse, whole. Right, patch axes swapped: "
            "every square shows a proper piece of the picture, but the grid is mirrored along its diagonal.",
        why="""
These are perfect patches, but counted down the columns instead of along the rows. A Mixer trained on such tables
works just as well (it has no idea what an image is, remember), as long as *every* image is cut the same way.
Weights trained with one order are useless with the other."""),
}
