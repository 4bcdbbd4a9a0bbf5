"""Lesson 00, start here."""

import torch

from .checking import Wrong, ask, exercise, need, whole

NAMES = ["dog", "zebra", "fox", "cow", "emu", "cat", "ant", "owl", "bat", "hen", "yak", "pig"]


@exercise("0.1", "the highest score wins.")
def check_best_class(best_class):
    """best_class(scores, classes): two lists of the same length -> one of the classes."""
    random = torch.Generator().manual_seed(1)
    drawn = [[round(3 * score, 2) for score in torch.randn(n, generator=random).tolist()] for n in (2, 3, 4, 6, 5)]
    for scores in ([3.0, 1.5, 2.5, 5.0, 2.2, 0.5, 2.0], [6.0, 1.0, 2.0], [1.0, 2.0, 6.0],
                   [1.0, 2.0, 5.0, -6.0, 3.0], [-4.0, -9.0, -1.0], [-305.5, -290.0, -1200.0],
                   [0.41, 0.44, -0.2, 0.38], [0.0, 1.0, 3.0, 7.0, 2.0, 5.0, 4.0, 6.0, 1.5, 0.5, 9.0, 8.0], *drawn):
        classes, best = NAMES[:len(scores)], max(scores)
        given, names = list(scores), list(classes)
        hint = " All scores are below 0 here. Does your search start at 0, or at some other number?" if best < 0 else ""
        try:
            got = ask(best_class, given, names)
        except Wrong as wrong:
            raise Wrong(f"{wrong}{hint}" if hint else str(wrong)) from None
        need((given, names) == (scores, classes), "it changes a list that it is given, so the scores no longer stand "
                                                  "beside their classes. Work on a copy, such as sorted(scores).")
        where = f"For the scores {scores} of {classes} it returns {got!r}"
        if not isinstance(got, str):
            value = got.item() if getattr(got, "numel", lambda: 0)() == 1 else got
            is_number = isinstance(value, (int, float))
            need(not is_number or value != best,
                 f"{where}: that is the score. The exercise asks for the name of the class with that score.")
            need(not is_number or value != scores.index(best),
                 f"{where}: that is the position of the highest score. The exercise asks for the name of the class.")
            raise Wrong(f"{where}, expected one of the names.{hint}")
        score = dict(zip(classes, scores)).get(got)
        need(score is not None, f"{where}, which is not one of the names.{hint}")
        if score == best:
            continue
        need(score < 0 < best or abs(score) < max(map(abs, scores)) or hint == "",
             f"{where}, but the highest score is {best}.{hint}")
        need(not score < 0 < best or abs(score) < max(map(abs, scores)),
             f"{where}: its score is far from 0, but on the wrong side.")
        need(score != min(scores), f"{where}: its score is the lowest.")
        place, end = scores.index(best), len(scores) - 1
        need(place not in (0, end) or hint, f"{where}, but the highest score is {best}, the "
             f"{'first' if place == 0 else 'last'} of the list. Does your search leave it out?")
        need(classes.index(got) not in (place - 1, place + 1),
             f"{where}, the neighbor of the class with the highest score. Positions count from 0.")
        need(got != max(classes), f"{where}, the name that comes last in the alphabet. Look for the highest score.")
        need(got != classes[-1], f"{where}, which is the last of the classes. Look for the highest score.")
        raise Wrong(f"{where}, but the highest score is {best}.{hint}")


@exercise("0.2", "you can tell which guesses not to trust.")
def check_in_doubt(in_doubt):
    """in_doubt(probabilities [N, K], limit) -> list of the rows whose highest entry is below limit."""
    probabilities = torch.tensor([[0.90, 0.05, 0.05], [0.40, 0.35, 0.25], [0.30, 0.20, 0.50], [0.05, 0.80, 0.15],
                                  [0.34, 0.33, 0.33]])
    got = _ask_list(in_doubt, probabilities, 0.6)
    rows = [n for n in got if isinstance(n, (list, tuple)) or getattr(n, "ndim", 0)]
    if rows:
        need(len(rows[0]) != 3 or not (torch.as_tensor(rows[0]) % 1).any(),
             "it returns the rows themselves. The exercise asks for their positions, so collect n, not row.")
        need(len(got) > 1, f"it returns a {type(got).__name__} that contains one {type(rows[0]).__name__.lower()} of "
                           "positions: take its element [0].")
        raise Wrong(f"it returns {got}, a list that contains lists. The exercise asks for one plain list.")
    need(not (len(got) == 5 and all(isinstance(n, bool) for n in got)),
         f"it returns {got}, which says for each row whether it is in doubt. The exercise asks for the positions "
         "of the rows in doubt.")
    got = [n.item() if hasattr(n, "item") else n for n in got]
    got = [n if isinstance(n, float) and n % 1 else whole(n, f"it returns {got!r}, expected row positions.")
           for n in got]
    shown = f"With a limit of 0.6 it returns {got}"
    need(got != [0, 3], f"{shown}: in these rows the network is sure. The exercise asks for the others.")
    need(got != [0, 1, 2, 3, 4], f"{shown}, all rows. Every row has low entries. Only its highest entry counts.")
    need(got != [1, 2, 3, 4, 5], f"{shown}, all rows, and counted from 1. Every row has low entries, so look at its "
                                 "highest one. Count the rows from 0.")
    need(got != [2, 3, 5], f"{shown}: count the rows from 0, not from 1.")
    need(not any(isinstance(n, float) for n in got),
         f"{shown}: these are probabilities. The exercise asks for the rows' positions.")
    need(got != [], f"{shown}: it finds no row, expected [1, 2, 4]. Does it compare each row's highest entry, and "
                    "return after the loop, not in it?")
    need(got != [0, 2, 0], f"{shown}: these are places inside the rows, those of the classes. The exercise asks for "
                           "the rows' positions.")
    need(got != [2], f"{shown}: does it look down the columns? Each row is one image.")
    need(got != [1], f"{shown}, the first row in doubt. The exercise asks for all. Does the loop end too early?")
    need(sorted(got) != [1, 2, 4] or got == [1, 2, 4], f"{shown}: these are the right rows. List them in their order.")
    need(got == [1, 2, 4], f"{shown}, expected [1, 2, 4]: the rows whose highest entry is below the limit.")
    other = [*map(int, _ask_list(in_doubt, probabilities, 0.45))]
    need(other == [1, 4], f"with a limit of 0.45 it returns {other}, expected [1, 4]. Does it use `limit`?")
    edge = _ask_list(in_doubt, torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), 0.5)
    need(len(edge) == 0, "a highest probability equal to the limit is not below the limit: use <.")
    random = torch.Generator().manual_seed(0)
    for N, K, limit in ((7, 2, 0.8), (9, 10, 0.304), (1, 4, 0.1), (6, 3, 1.0)):
        probabilities = (2 * torch.randn(N, K, generator=random)).softmax(dim=1)
        expected = (probabilities.amax(dim=1) < limit).nonzero().flatten().tolist()
        got = [*map(int, _ask_list(in_doubt, probabilities, limit))]
        need(got == expected, f"for {N} rows of {K} probabilities, whose highest are "
                              f"{[round(p, 3) for p in probabilities.amax(1).tolist()]}, and a limit of {limit}, it "
                              f"returns {got}, expected {expected}.")
    close = [*map(int, _ask_list(in_doubt, torch.tensor([[0.59998, 0.2, 0.20002], [0.60002, 0.2, 0.19998]]), 0.6))]
    need(close == [0], f"for two rows whose highest entries are 0.59998 and 0.60002, and a limit of 0.6, it returns "
                       f"{close}, expected [0]: do not round.")
    twins = [*map(int, _ask_list(in_doubt, torch.tensor([[0.4, 0.35, 0.25], [0.4, 0.35, 0.25]]), 0.5))]
    need(twins == [0, 1], f"for two equal rows, both in doubt, it returns {twins}, expected [0, 1]. `index` finds the "
                          "first of equal entries only: count with `enumerate`.")
    wide = [*map(int, _ask_list(in_doubt, torch.eye(12) * 0.88 + 0.01, 0.5))]
    need(wide == [], f"for 12 rows of 12 classes, all of them sure, it returns {wide}, expected []. Does it look at "
                     "all entries of a row?")


def _ask_list(in_doubt, probabilities, limit):
    """What `in_doubt` returns, a tensor or an array as a list. `Wrong` if it is no list."""
    got, right = ask(in_doubt, probabilities, limit), (probabilities.amax(dim=1) < limit).nonzero().flatten().tolist()
    got = got.tolist() if hasattr(got, "tolist") else got
    need(len(right) != 1 or not isinstance(got, int),
         f"where only one row is in doubt, it returns {got}, a number, expected the list {right}. Use flatten() in "
         "place of squeeze().")
    need(isinstance(got, (list, tuple)), f"it returns {got!r}, expected a list of row positions, here {right}.")
    return got
