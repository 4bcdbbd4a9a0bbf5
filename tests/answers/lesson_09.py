"""Answers to the exercises of lesson 9: what a learner may write in place of the stub's `...`."""

from . import but

LOOPS = """
    sums, counts = torch.zeros(2 * rows - 1, 2 * columns - 1), torch.zeros(2 * rows - 1, 2 * columns - 1)
    for s in range(rows * columns):
        for t in range(rows * columns):
            down = t // columns - s // columns
            right = t % columns - s % columns
            sums[down + rows - 1, right + columns - 1] += M[s, t]
            counts[down + rows - 1, right + columns - 1] += 1
    return sums / counts
"""
MIXED = """
    random = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(len(W1), len(W1), generator=random)).Q
    return Q @ W1
"""
WHICH = """
    shares = []
    for W1, W2 in layers:
        M = W2 @ W1
        M = M - M.diagonal().diag()
        shares.append(convolution_share(M, grid).item())
    return shares.index(max(shares))
"""

RIGHT = {
    "check_displacement_kernel": {
        "loops": LOOPS,
        "masks": """
            place = torch.arange(rows * columns)
            down = place // columns - (place // columns)[:, None]
            right = place % columns - (place % columns)[:, None]
            kernel = torch.zeros(2 * rows - 1, 2 * columns - 1)
            for d in range(1 - rows, rows):
                for r in range(1 - columns, columns):
                    kernel[d + rows - 1, r + columns - 1] = M[(down == d) & (right == r)].mean()
            return kernel""",
        "on four axes": """
            four, sums = M.view(rows, columns, rows, columns), torch.zeros(2 * rows - 1, 2 * columns - 1)
            counts = torch.zeros_like(sums)
            for u in range(rows):
                for v in range(columns):
                    window = slice(rows - 1 - u, 2 * rows - 1 - u), slice(columns - 1 - v, 2 * columns - 1 - v)
                    sums[window] += four[u, v]
                    counts[window] += 1
            return sums / counts""",
        "in float64": """
            kernel = []
            for d in range(1 - rows, rows):
                for r in range(1 - columns, columns):
                    kernel.append([M[s, s + d * columns + r].item() for s in range(rows * columns)
                                   if 0 <= s // columns + d < rows and 0 <= s % columns + r < columns])
            return torch.tensor([sum(k) / len(k) for k in kernel]).double().view(2 * rows - 1, -1)""",
    },
    "check_mixed_rows": {
        "qr": MIXED,
        "svd": """
            random = torch.Generator().manual_seed(seed)
            U = torch.linalg.svd(torch.randn(len(W1), len(W1), generator=random)).U
            return U @ W1""",
        "signs as they should be": """
            random = torch.Generator().manual_seed(seed)
            Q, R = torch.linalg.qr(torch.randn(W1.shape[0], W1.shape[0], generator=random))
            return (Q * R.diagonal().sign()) @ W1""",
        "numpy": """
            Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(W1), len(W1))))[0]
            return torch.as_tensor(Q @ W1.numpy())""",
    },
    "check_which_was_trained": {
        "without the diagonal": WHICH,
        "the library's": """
            shares = [convolution_share(token_map(W1, W2), grid, diagonal=False) for W1, W2 in layers]
            return torch.stack(shares).argmax()""",
    },
}

WRONG = {
    "check_displacement_kernel": {name: (word, but(LOOPS, *changes)) for name, word, *changes in [
        ("sums", "sums over the pairs", ("sums / counts", "sums")),
        ("by S", "divided by S", ("sums / counts", "sums / (rows * columns)")),
        ("by S squared", "all of M", ("sums / counts", "sums / (rows * columns) ** 2")),
        ("turned", "s and t are swapped", ("M[s, t]", "M[t, s]")),
        ("axes", "the result has shape", ("return sums / counts", "return (sums / counts).T")),
        ("upside down", "up and down", ("return sums / counts", "return (sums / counts).flip(0)")),
        ("mirrored", "left and right", ("return sums / counts", "return (sums / counts).flip(1)")),
        ("last pair", "overwrites", ("] += M[s, t]", "] = M[s, t]"), ("] += 1", "] = 1")),
        ("first pair", "one pair of places stands", ("            down = t", """
            d, r = t // columns - s // columns + rows - 1, t % columns - s % columns + columns - 1
            if counts[d, r] > 0:
                continue
            down = t""".lstrip("\n"))),
        ("a map", "that is a map", (LOOPS, "return M")),
        ("diagonals", "pairs of two displacements", (LOOPS, """
            table = torch.zeros(2 * rows - 1, 2 * columns - 1)
            for d in range(1 - rows, rows):
                for r in range(1 - columns, columns):
                    table[d + rows - 1, r + columns - 1] = M.diagonal(d * columns + r).mean()
            return table""")),
        ("no offset", "lacks its offset", ("down + rows - 1, right + columns - 1", "down, right")),
        ("no signs", "has a sign", (LOOPS, """
            far = torch.zeros(rows, columns), torch.zeros(rows, columns)
            for s in range(rows * columns):
                for t in range(rows * columns):
                    at = abs(t // columns - s // columns), abs(t % columns - s % columns)
                    far[0][at] += M[s, t]
                    far[1][at] += 1
            near = far[0] / far[1]
            near = torch.cat([near.flip(0)[:-1], near])
            return torch.cat([near.flip(1)[:, :-1], near], dim=1)""")),
    ]} | {
        "a list": ("expected a torch tensor", "return [[0.0]]"),
        "the library's": ("the library's `displacement_kernel`", """
            from mixer_lib import analysis
            return analysis.displacement_kernel(M, (rows, columns))""")},
    "check_mixed_rows": {name: (word, but(MIXED, *changes)) for name, word, *changes in [
        ("columns", "mixes the columns", ("torch.randn(len(W1), len(W1)", "torch.randn(W1.shape[1], W1.shape[1]"),
         ("Q @ W1", "W1 @ Q")),
        ("not orthogonal", "It is if Q is orthogonal",
         ("torch.linalg.qr(torch.randn(len(W1), len(W1), generator=random)).Q",
          "torch.randn(len(W1), len(W1), generator=random)")),
        ("shuffled", "as `shuffled` does",
         ("return Q @ W1", "return W1.gather(1, torch.rand(W1.shape, generator=random).argsort(dim=1))")),
        ("unchanged", "W1 itself", ("Q @ W1", "W1.clone()")),
        ("row order", "only change places", ("Q @ W1", "W1[torch.randperm(len(W1), generator=random)]")),
        ("pairs of rows", "mixtures of only a few", ("return Q @ W1", """
    Q = torch.eye(len(W1))
    for i in range(0, len(W1) - 1, 2):
        Q[i:i + 2, i:i + 2] = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    return Q @ W1""".lstrip("\n").lstrip())),
        ("one seed", "seeds 0 and 1", ("manual_seed(seed)", "manual_seed(7)")),
        ("global", "global random numbers", (", generator=random", "")),
        ("Q", "expected a tensor of W1's shape", ("Q @ W1", "Q")),
        ("of the wrong size", "the sizes do not fit",
         ("torch.randn(len(W1), len(W1)", "torch.randn(W1.shape[1], W1.shape[1]")),
        ("as large as W1", "the sizes do not fit",
         ("torch.randn(len(W1), len(W1)", "torch.randn(W1.shape")),
        ("Q and R", r"qr gives two matrices, Q and R: take `\.Q`", (")).Q", "))")),
        ("a mirror", "mostly one old row", ("return Q @ W1", """
    v = torch.randn(len(W1), generator=random) * torch.linspace(0.05, 1, len(W1))
    v = v / v.norm()
    return W1 - 2 * v[:, None] * (v @ W1)""".lstrip("\n").lstrip())),
        ("even seeds and odd seeds", "seeds 0 and 2", ("manual_seed(seed)", "manual_seed(seed % 2)")),
        ("numbers above 0 only", "leans to one side", ("torch.randn", "torch.rand")),
        ("the library's", "the library's `mixed`", (MIXED, """
    from mixer_lib.analysis import mixed
    return mixed(W1, seed)""")),
        ("scaled", "do not scale", ("Q @ W1", "Q @ W1 / len(W1) ** 0.5")),
        ("a fixed size", "one row and one column for each", ("torch.randn(len(W1), len(W1)", "torch.randn(12, 12"),
         ("Q @ W1", "Q[:, :len(W1)] @ W1 if len(W1) < 12 else Q @ W1")),
    ]},
    "check_which_was_trained": {
        "with the diagonal": ("leave the diagonal out", but(WHICH, ("        M = M - M.diagonal().diag()\n", ""))),
        "least of itself": ("was trained", """
            rest = [(W2 @ W1).diagonal().square().sum() / (W2 @ W1).square().sum() for W1, W2 in layers]
            return rest.index(min(rest))"""),
        "finest": ("made up|was trained", """
            from mixer_lib.analysis import frequency
            rows = [frequency(W1, grid).mean().item() for W1, W2 in layers]
            return rows.index(max(rows))"""),
        "the other way round": ("made up|was trained", but(WHICH, ("max(shares)", "min(shares)"))),
        "a share": ("expected the index", but(WHICH, ("shares.index(max(shares))", "max(shares)"))),
        "counted from 1": ("there are the layers 0, 1 and 2", but(WHICH, ("max(shares))", "max(shares)) + 3"))),
        "always the same": ("made up|was trained", "return 1"),
        "heaviest tails of W1": ("made up|was trained", """
            tails = [((W1 / W1.std()) ** 4).mean().item() for W1, W2 in layers]
            return tails.index(max(tails))"""),
        "heaviest tails of W2": ("made up|was trained", """
            tails = [((W2 / W2.std()) ** 4).mean().item() for W1, W2 in layers]
            return tails.index(max(tails))"""),
        "fewest places": ("made up|was trained", """
            from mixer_lib.analysis import participation
            places = [participation(W1).mean().item() for W1, W2 in layers]
            return places.index(min(places))"""),
        "in place": ("changes the layers", but(WHICH, ("        M = W2", "        W1 *= 2\n        M = W2"))),
    },
}
