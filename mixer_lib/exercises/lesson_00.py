"""Lesson 00, start here."""

import torch

from .checking import Wrong, ask, exercise, need, whole


@exercise("0.1", "the highest score wins.")
def check_best_class(best_class):
    """best_class(scores, classes): two lists of the same length -> one of the classes."""
    for scores, classes in (([1.0, 5.0, 0.5, 3.0], ["cat", "dog", "ant", "horse"]), ([-4.0, -9.0, -1.0], list("abc"))):
        got = ask(best_class, list(scores), list(classes))
        where = f"For the scores {scores} of {classes} it returns {got!r}"
        if not isinstance(got, str):
            value = got.item() if getattr(got, "numel", lambda: 0)() == 1 else got
            is_number = isinstance(value, (int, float))
            need(not is_number or value != max(scores),
                 f"{where}: that is the score. The exercise asks for the name of the class with that score.")
            need(not is_number or value != scores.index(max(scores)),
                 f"{where}: that is the position of the highest score. The exercise asks for the name of the class.")
            raise Wrong(f"{where}, expected one of the names.")
        score = dict(zip(classes, scores)).get(got)
        need(score is None or abs(score) < max(map(abs, scores)) or score > 0,
             f"{where}: its score is far from 0, but on the wrong side.")
        need(score != min(scores), f"{where}: its score is the lowest.")
        need(got != max(classes) or score == max(scores),
             f"{where}, the name that comes last in the alphabet. Look for the highest score.")
        need(score == max(scores), f"{where}, but the highest score is {max(scores)}.")


@exercise("0.2", "you can tell which guesses not to trust.")
def check_in_doubt(in_doubt):
    """in_doubt(probabilities [N, K], limit) -> list of the rows whose highest entry is below limit."""
    probabilities = torch.tensor([[0.90, 0.05, 0.05], [0.40, 0.35, 0.25], [0.30, 0.20, 0.50], [0.05, 0.15, 0.80],
                                  [0.34, 0.33, 0.33]])
    got = ask(in_doubt, probabilities, 0.6)
    got = got.tolist() if hasattr(got, "tolist") else got
    need(isinstance(got, (list, tuple)), f"it returns {got!r}, expected a list of row numbers.")
    need(not any(isinstance(n, (list, tuple)) for n in got),
         f"it returns {got}, a list that contains lists. The exercise asks for one plain list of row numbers.")
    need(not (len(got) == 5 and all(isinstance(n, bool) for n in got)),
         f"it returns {got}, which says for each row whether it is in doubt. The exercise asks for the numbers of the "
         "rows in doubt.")
    got = [n.item() if hasattr(n, "item") else n for n in got]
    got = [n if isinstance(n, float) and n % 1 else whole(n, f"it returns {got!r}, expected row numbers.")
           for n in got]
    shown = f"With a limit of 0.6 it returns {got}"
    need(got != [0, 3], f"{shown}: these are the rows where the network is sure. The exercise asks for the others.")
    need(got != [0, 1, 2, 3, 4], f"{shown}, all rows. Every row has low entries. Only its highest entry counts.")
    need(got != [2, 3, 5], f"{shown}: count the rows from 0, not from 1.")
    need(not any(isinstance(n, float) for n in got),
         f"{shown}: these are probabilities. The exercise asks for the numbers of their rows.")
    need(got == [1, 2, 4], f"{shown}, expected [1, 2, 4]: the rows whose highest entry is below the limit.")
    other = list(ask(in_doubt, probabilities, 0.45))
    need(other == [1, 4], f"with a limit of 0.45 it returns {other}, expected [1, 4]. Does it use `limit`?")
    edge = ask(in_doubt, torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), 0.5)
    need(len(edge) == 0, "a highest probability equal to the limit is not below the limit: use <.")
