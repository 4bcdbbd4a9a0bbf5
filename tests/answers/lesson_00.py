"""Answers to the exercises of lesson 0: what a learner may write in place of the stub's `...`."""

RIGHT = {
    "check_best_class": {
        "tensor": "return classes[torch.tensor(scores).argmax()]",
        "sorted": "return sorted(zip(scores, classes))[-1][1]",
        "dict": "return dict(zip(scores, classes))[max(scores)]",
        "numpy": "return classes[np.argmax(scores)]",
    },
    "check_in_doubt": {
        "loop": """
            found = []
            for n, row in enumerate(probabilities):
                if max(row) < limit:
                    found.append(n)
            return found""",
        "tensor": "return torch.where(probabilities.amax(1) < limit)[0]",
        "numpy": "return np.flatnonzero(probabilities.numpy().max(1) < limit)",
        "all": "return [n for n, row in enumerate(probabilities) if all(p < limit for p in row)]",
        "tensors in a list": "return list((probabilities.amax(1) < limit).nonzero().flatten())",
    },
}

WRONG = {
    "check_best_class": {
        "the score": ("that is the score", "return max(scores)"),
        "its place": ("that is the position", "return scores.index(max(scores))"),
        "its place, a tensor": ("that is the position", "return torch.tensor(scores).argmax()"),
        "lowest": ("the lowest", "return classes[scores.index(min(scores))]"),
        "alphabet": ("alphabet", "return max(classes)"),
        "size": ("wrong side", "return classes[torch.tensor(scores).abs().argmax()]"),
        "always the first": ("the highest score is 5.0", "return classes[0]"),
        "all names": ("one of the names", "return classes"),
    },
    "check_in_doubt": {
        "sure": ("where the network is sure",
                 "return (probabilities.amax(1) >= limit).nonzero().flatten().tolist()"),
        "any entry": ("all rows", "return [n for n, row in enumerate(probabilities) if any(p < limit for p in row)]"),
        "flags": ("for each row whether", "return (probabilities.amax(1) < limit).tolist()"),
        "from 1": ("count the rows from 0",
                   "return [n + 1 for n, row in enumerate(probabilities) if max(row) < limit]"),
        "probabilities": ("these are probabilities",
                          "return [float(max(row)) for row in probabilities if max(row) < limit]"),
        "probabilities, tensors": ("these are probabilities",
                                   "return [max(row) for row in probabilities if max(row) < limit]"),
        "nested": ("list that contains lists", "return (probabilities.amax(1) < limit).nonzero().tolist()"),
        "at the limit": ("use <", "return (probabilities.amax(1) <= limit).nonzero().flatten().tolist()"),
        "limit ignored": ("Does it use `limit`",
                          "return (probabilities.amax(1) < 0.6).nonzero().flatten()"),
        "over images": ("expected", "return (probabilities.amax(0) < limit).nonzero().flatten().tolist()"),
        "how many": ("expected a list", "return int((probabilities.amax(1) < limit).sum())"),
    },
}
