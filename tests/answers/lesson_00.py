"""Answers to the exercises of lesson 0: what a learner may write in place of the stub's `...`."""

RIGHT = {
    "check_best_class": {
        "tensor": "return classes[torch.tensor(scores).argmax()]",
        "sorted": "return sorted(zip(scores, classes))[-1][1]",
        "dict": "return dict(zip(scores, classes))[max(scores)]",
        "numpy": "return classes[np.argmax(scores)]",
        "loop": """
            best = 0
            for i in range(len(scores)):
                if scores[i] > scores[best]:
                    best = i
            return classes[best]""",
        "max with a key": "return max(classes, key=lambda name: scores[classes.index(name)])",
    },
    "check_in_doubt": {
        "tensor": "return torch.where(probabilities.amax(1) < limit)[0]",
        "numpy": "return np.flatnonzero(probabilities.numpy().max(1) < limit)",
        "all": "return [n for n, row in enumerate(probabilities) if all(p < limit for p in row)]",
        "tensors in a list": "return list((probabilities.amax(1) < limit).nonzero().flatten())",
        "tuple": "return tuple(n for n in range(len(probabilities)) if not (probabilities[n] >= limit).any())",
        "sorted rows": "return [n for n, row in enumerate(probabilities) if row.sort().values[-1] < limit]",
        "values": "return (probabilities.max(dim=1).values < limit).nonzero().flatten().tolist()",
    },
}

FROM_ZERO = """
best = 0
for score, name in zip(scores, classes):
    if score > best:
        best, found = score, name
return found"""

WRONG = {
    "check_best_class": {
        "the score": ("that is the score", "return max(scores)"),
        "its place": ("that is the position", "return scores.index(max(scores))"),
        "its place, a tensor": ("that is the position", "return torch.tensor(scores).argmax()"),
        "lowest": ("the lowest", "return classes[scores.index(min(scores))]"),
        "alphabet": ("alphabet", "return max(classes)"),
        "size": ("wrong side", "return classes[torch.tensor(scores).abs().argmax()]"),
        "always the first": ("the highest score is 5.0", "return classes[0]"),
        "always the last": ("the last of the classes", "return classes[-1]"),
        "all names": ("one of the names", "return classes"),
        "search from 0": (r"UnboundLocalError.* All scores are below 0", FROM_ZERO),
        "search from 0, first by default": (r"\[-4.0, -9.0, -1.0\].* Does your search start at 0",
                                            "found = classes[0]" + FROM_ZERO),
        "search from 0, nothing by default": ("not one of the names. All scores", "found = ''" + FROM_ZERO),
        "sorted in place": ("changes a list", "scores.sort(); return classes[-1]"),
        "popped": ("changes a list", "return classes.pop(scores.index(max(scores)))"),
        "hard-coded": ("one of the names", "return 'cow'"),
        "second best": ("highest score is 5.0", "return classes[scores.index(sorted(scores)[-2])]"),
        "rounded": (r"For the scores \[0.41, 0.44", """
            rounded = [round(score) for score in scores]
            return classes[len(scores) - 1 - rounded[::-1].index(max(rounded))]"""),
        "one too early": ("neighbor.*count from 0", "return classes[scores.index(max(scores)) - 1]"),
        "one too late": ("neighbor", "return classes[(scores.index(max(scores)) + 1) % len(classes)]"),
        "without the first": ("the first of the list", "return classes[scores.index(max(scores[1:]))]"),
        "without the last": ("the last of the list", "return classes[scores.index(max(scores[:-1]))]"),
        "search from -1": (r"\[-4.0, -9.0, -1.0\]|returns nothing, though.*All scores are below 0", """
            best, found = -1, None
            for score, name in zip(scores, classes):
                if score > best:
                    best, found = score, name
            return found"""),
        "search from -100": (r"stopped with UnboundLocalError.*at some other number", """
            best = -100
            for score, name in zip(scores, classes):
                if score > best:
                    best, found = score, name
            return found"""),
        "sorted classes": ("highest score is 5.0", "return sorted(classes)[scores.index(max(scores))]"),
        "ten classes": ("highest score is 9.0", "return classes[scores.index(max(scores[:10]))]"),
        "a letter": ("one of the names", "return str(classes)[scores.index(max(scores))]"),
    },
    "check_in_doubt": {
        "sure": ("in these rows the network is sure",
                 "return (probabilities.amax(1) >= limit).nonzero().flatten().tolist()"),
        "any entry": ("all rows", "return [n for n, row in enumerate(probabilities) if any(p < limit for p in row)]"),
        "the first mistake left": ("all rows",
                                   "return [n for n, row in enumerate(probabilities) if row.min() < limit]"),
        "both mistakes left": ("all rows.* from 0",
                               "return [n + 1 for n, row in enumerate(probabilities) if row.min() < limit]"),
        "rows": ("the rows themselves", "return [row for row in probabilities if row.max() < limit]"),
        "rows, a tensor": ("the rows themselves", "return probabilities[probabilities.amax(1) < limit]"),
        "what where returns": (r"a tuple that contains one tensor of positions: take its element \[0\]",
                               "return torch.where(probabilities.amax(1) < limit)"),
        "what where of NumPy returns": ("a tuple that contains one ndarray",
                                        "return np.where(probabilities.numpy().max(1) < limit)"),
        "positions on their side": ("a list that contains one list of positions",
                                    "return (probabilities.amax(1) < limit).nonzero().T.tolist()"),
        "squeezed": (r"only one row is in doubt, it returns 5, a number, expected the list \[5\].*flatten",
                     "return (probabilities.amax(1) < limit).nonzero().squeeze().tolist()"),
        "squeezed, a tensor": ("only one row is in doubt",
                               "return (probabilities.amax(1) < limit).nonzero().squeeze()"),
        "a number where nothing is found": (r"it returns 0, expected a list .* here \[\]", """
            return [n for n, row in enumerate(probabilities) if row.max() < limit] or 0"""),
        "flags": ("for each row whether", "return (probabilities.amax(1) < limit).tolist()"),
        "from 1": ("count the rows from 0",
                   "return [n + 1 for n, row in enumerate(probabilities) if max(row) < limit]"),
        "probabilities": ("these are probabilities",
                          "return [float(max(row)) for row in probabilities if max(row) < limit]"),
        "probabilities, tensors": ("these are probabilities",
                                   "return [max(row) for row in probabilities if max(row) < limit]"),
        "nested": ("list that contains lists", "return (probabilities.amax(1) < limit).nonzero().tolist()"),
        "positions and probabilities": ("list that contains lists", """
            return [(n, float(row.max())) for n, row in enumerate(probabilities) if row.max() < limit]"""),
        "at the limit": ("use <", "return (probabilities.amax(1) <= limit).nonzero().flatten().tolist()"),
        "limit ignored": ("Does it use `limit`",
                          "return (probabilities.amax(1) < 0.6).nonzero().flatten()"),
        "over images": ("down the columns", "return (probabilities.amax(0) < limit).nonzero().flatten().tolist()"),
        "how many": ("expected a list", "return int((probabilities.amax(1) < limit).sum())"),
        "the first alone": ("end too early", """
            for n, row in enumerate(probabilities):
                if row.max() < limit:
                    return [n]"""),
        "least sure first": ("List them in their order", """
            doubtful = (probabilities.amax(1) < limit).nonzero().flatten().tolist()
            return sorted(doubtful, key=lambda n: float(probabilities[n].max()))"""),
        "rounded": ("limit of 0.304", """
            return [n for n, row in enumerate(probabilities) if round(float(row.max()), 1) < limit]"""),
        "the mean": ("expected|all rows", "return [n for n, row in enumerate(probabilities) if row.mean() < limit]"),
        "the first entry": ("expected", "return [n for n, row in enumerate(probabilities) if row[0] < limit]"),
        "hard-coded": ("for 7 rows of 2", "return [1, 2, 4] if limit == 0.6 else [1, 4] if limit == 0.45 else []"),
        "three classes": ("for 9 rows of 10", """
            return [n for n, row in enumerate(probabilities) if row[:3].max() < limit]"""),
        "nothing where nothing is found": ("returns nothing, though other calls", """
            return [n for n, row in enumerate(probabilities) if row.max() < limit] or None"""),
        "return in the loop": ("after the loop", """
            found = []
            for n, row in enumerate(probabilities):
                if row.max() < limit:
                    found.append(n)
                return found"""),
        "the classes": ("those of the classes", "return [row.argmax() for row in probabilities if row.max() < limit]"),
        "ten classes": ("12 classes", "return (probabilities[:, :10].amax(1) < limit).nonzero().flatten().tolist()"),
        "two digits": ("do not round", """
            return [n for n, row in enumerate(probabilities) if round(float(row.max()), 2) < limit]"""),
        "half precision": ("do not round", "return torch.where(probabilities.half().amax(1) < limit)[0]"),
        "index": ("`index` finds the first", """
            rows = probabilities.tolist()
            return [rows.index(row) for row in rows if max(row) < limit]"""),
        "a set": ("expected a list", "return {n for n, row in enumerate(probabilities) if row.max() < limit}"),
    },
}
