"""Questions of lesson 1."""

from .question import Question

SEEN = ("the horse, whole", "squares of the horse, many in a wrong place", "strips of the horse, folded into squares")

QUESTIONS = {
    "row 1": Question(
        field="4 numbers, such as 4, 5, 6, 7",
        why="""
Patch 1 is the top right square: pixel rows 0 and 1, columns 2 and 3. So its numbers are 2, 3 and, one pixel row
below, 6, 7. These four are not neighbors in memory, where the numbers lie in the order 0, 1, 2, 3, 4, ... This is the
whole difficulty of cutting patches."""),
    "reshape alone": Question(
        choices=SEEN, answer=SEEN[2],
        alt="Two gray pictures. Left, split, permute and merge: the horse, whole. Right, reshape alone: the image"
            " is cut into strips two pixels high, each folded into a square; no horse can be seen.",
        why="""
`reshape` alone takes 64 numbers at a time in the order in which they lie in memory: two whole pixel rows, folded into a
square. So each row of the table mixes the left edge of the picture with the right edge."""),
    "patch axes swapped": Question(
        choices=SEEN, answer=SEEN[1],
        alt="Two gray pictures. Left, split, permute and merge: the horse, whole. Right, patch axes swapped: "
            "every square shows a proper piece of the picture, but the grid is mirrored along its diagonal.",
        why="""
Each patch is perfect, but the patches are counted down the columns and not along the rows. A Mixer trained on such
tables works just as well, because it does not know what an image is. But *every* image must then be cut in this way:
weights trained with one order are useless with the other."""),
    "undo a permutation": Question(
        choices=("(1, 2, 0)", "(2, 0, 1)", "(2, 1, 0)"),
        why="""
For each old axis, ask where it is now. After `permute(1, 2, 0)`, old axis 0 (length 2) is at position 2, old axis 1
(length 3) is at position 0, and old axis 2 (length 5) is at position 1. List these positions: (2, 0, 1). Repeating
(1, 2, 0) would give the shape [5, 2, 3], and (2, 1, 0) would give [2, 5, 3]."""),
}
