"""Answers to the exercises of lesson 9: what a learner may write in place of the stub's `...`."""

from . import but

PLACES = "return kernel.square().sum(dim=-1) ** 2 / (kernel ** 4).sum(dim=-1)"
CONTROL = """
    random = torch.Generator().manual_seed(seed)
    rows = [row[torch.randperm(len(row), generator=random)] for row in W1]
    correlation = partners(torch.stack(rows))[1]
    return correlation.mean().item()
"""
BY_HAND = """
    random = torch.Generator().manual_seed(seed)
    order = torch.rand(W1.shape, generator=random).argsort(dim=1)
    rows = W1.gather(1, order)
    rows = rows - rows.mean(dim=1, keepdim=True)
    unit = rows / rows.norm(dim=1, keepdim=True)
    correlations = unit @ unit.T
    correlations.fill_diagonal_(9)
    return correlations.min(dim=1).values.mean().item()
"""
NEAREST = """
    S = rows * columns
    sums, counts, nearest = {}, {}, torch.zeros(S, S)
    def displacement(s, t):
        return t // columns - s // columns, t % columns - s % columns
    for s in range(S):
        for t in range(S):
            d = displacement(s, t)
            sums[d] = sums.get(d, 0) + M[s, t]
            counts[d] = counts.get(d, 0) + 1
    for s in range(S):
        for t in range(S):
            d = displacement(s, t)
            nearest[s, t] = sums[d] / counts[d]
    return nearest
"""

RIGHT = {
    "check_places": {
        "powers": PLACES,
        "norms": "return kernel.norm(dim=-1) ** 4 / kernel.norm(p=4, dim=-1) ** 4",
        "shares": """
            share = kernel ** 2 / (kernel ** 2).sum(dim=-1, keepdim=True)
            return 1 / (share ** 2).sum(dim=-1)""",
        "loop": """
            counts = []
            for k in kernel.reshape(-1, kernel.shape[-1]).tolist():
                counts.append(sum(w ** 2 for w in k) ** 2 / sum(w ** 4 for w in k))
            return torch.tensor(counts).reshape(kernel.shape[:-1])""",
        "numpy": """
            q = kernel.numpy().astype(float) ** 2
            return torch.as_tensor(q.sum(-1) ** 2 / (q ** 2).sum(-1))""",
    },
    "check_control": {
        "by hand": BY_HAND,
        "into a copy, a tensor back": """
            random, mixed = torch.Generator(), W1.clone()
            random.manual_seed(seed)
            for i in range(len(W1)):
                mixed[i] = W1[i, torch.randperm(W1.shape[1], generator=random)]
            return partners(mixed)[1].mean()""",
        "torch's correlations, in pairs": """
            random = torch.Generator().manual_seed(seed)
            order = torch.stack([torch.randperm(W1.shape[1], generator=random) for _ in W1])
            c = torch.corrcoef(torch.take_along_dim(W1, order, dim=1))
            lowest = [min(c[i, j].item() for j in range(len(c)) if j != i) for i in range(len(c))]
            return sum(lowest) / len(lowest)""",
        "numpy": """
            mixed = np.random.default_rng(seed).permuted(W1.numpy(), axis=1)
            return float(partners(torch.as_tensor(mixed))[1].mean())""",
        "the global state put back": """
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                rows = [row[torch.randperm(len(row))] for row in W1]
            return partners(torch.stack(rows))[1].mean().item()""",
    },
    "check_nearest_convolution": {
        "dictionaries": NEAREST,
        "on four axes": """
            four, sums = M.view(rows, columns, rows, columns), torch.zeros(2 * rows - 1, 2 * columns - 1)
            counts, back = torch.zeros_like(sums), torch.zeros(rows, columns, rows, columns)
            for u in range(rows):
                for v in range(columns):
                    window = slice(rows - 1 - u, 2 * rows - 1 - u), slice(columns - 1 - v, 2 * columns - 1 - v)
                    sums[window] += four[u, v]
                    counts[window] += 1
            for u in range(rows):
                for v in range(columns):
                    window = slice(rows - 1 - u, 2 * rows - 1 - u), slice(columns - 1 - v, 2 * columns - 1 - v)
                    back[u, v] = (sums / counts)[window]
            return back.reshape(rows * columns, rows * columns)""",
        "one name for each displacement": """
            s = torch.arange(rows * columns)
            name = 1000 * (s // columns) + s % columns
            name = name - name[:, None]
            nearest = M.clone()
            for n in name.unique():
                nearest[name == n] = nearest[name == n].mean()
            return nearest""",
        "least squares": """
            base = []
            S, s = rows * columns, torch.arange(rows * columns)
            for d in range(-rows + 1, rows):
                for r in range(-columns + 1, columns):
                    base.append(((s // columns - (s // columns)[:, None] == d)
                                 & (s % columns - (s % columns)[:, None] == r)).flatten())
            base = torch.stack(base, dim=1).double()
            return (base @ torch.linalg.lstsq(base, M.double().flatten()[:, None]).solution).view(S, S)""",
    },
}

WRONG = {
    "check_places": {name: (word, but(PLACES, *changes)) for name, word, *changes in [
        ("signs cancel", "first square", ("kernel.square().sum(dim=-1)", "kernel.sum(dim=-1)")),
        ("not squared", "changes with the scale", (".sum(dim=-1) ** 2", ".sum(dim=-1)")),
        ("upside down", "upside down", (PLACES, "return (kernel ** 4).sum(dim=-1) / kernel.square().sum(dim=-1) ** 2")),
        ("strengths", "absolute weights and their squares",
         ("kernel.square()", "kernel.abs()"), ("kernel ** 4", "kernel ** 2")),
        ("the square below", "4th power of each weight first",
         ("(kernel ** 4).sum(dim=-1)", "(kernel ** 2).sum(dim=-1) ** 2")),
        ("a share", "share of the places", ("return ", "return 1 / kernel.shape[-1] * ")),
        ("without the mean", "do not subtract the mean",
         ("return", "kernel = kernel - kernel.mean(dim=-1, keepdim=True)\nreturn")),
        ("not zero", "not exactly 0", (PLACES, "return (kernel != 0).sum(dim=-1)")),
        ("means", "take sums, not means", (".sum(", ".mean(")),
        ("all together", "one number for all kernels", ("dim=-1", "")),
        ("axis 0", "run over axis 0", ("dim=-1", "dim=0")),
        ("axis 1", "stopped with IndexError", ("dim=-1", "dim=1")),
        ("axis 1 of a stack", "sums run over axis 1", ("dim=-1", "dim=min(1, kernel.ndim - 1)")),
        ("axis kept", r"shape \[5, 1\], expected \[5\]", ("dim=-1", "dim=-1, keepdim=True")),
        ("something added below", "hundredth of their strength", ("(kernel ** 4).sum(dim=-1)",
                                                                  "((kernel ** 4).sum(dim=-1) + 1e-8)")),
        ("in place", "changes a tensor", ("kernel.square()", "kernel.square_()")),
        ("a list", "expected a torch tensor, got list", ("kernel ** 4).sum(dim=-1)", "kernel ** 4).sum(dim=-1)).tolist("
                                                         ")"), ("return ", "return (")),
        ("cubes", "five kernels.*sum of squares.² / .sum of 4th powers", ("kernel ** 4", "kernel.abs() ** 3")),
    ]},
    "check_control": {
        **{name: (word, but(CONTROL, *changes)) for name, word, *changes in [
            ("as it is", "without any shuffling", ("torch.stack(rows)", "W1")),
            ("one order for all", "all rows get the same order",
             ("[row[torch.randperm(len(row), generator=random)] for row in W1]",
              "W1[:, torch.randperm(W1.shape[1], generator=random)]"), ("torch.stack(rows)", "rows")),
            ("a generator for each row", "new generator with the same seed for each row",
             ("generator=random", "generator=torch.Generator().manual_seed(seed)")),
            ("rows change places", "only the rows change places",
             ("[row[torch.randperm(len(row), generator=random)] for row in W1]",
              "W1[torch.randperm(len(W1), generator=random)]"), ("torch.stack(rows)", "rows")),
            ("in place", "changes a tensor", ("rows = [row[torch.randperm(len(row), generator=random)] for row in W1]",
             "rows = list(W1)\n    for row in rows:\n        "
             "row[:] = row[torch.randperm(len(row), generator=random)]")),
            ("global seed", "global random numbers", ("random = torch.Generator().manual_seed(seed)",
             "torch.manual_seed(seed)"), (", generator=random", "")),
            ("generator not passed on", "global random numbers", (", generator=random", "")),
            ("no seed", "all seeds give the same", (".manual_seed(seed)", "")),
            ("always the same seed", "all seeds give the same", ("manual_seed(seed)", "manual_seed(0)")),
            ("another each time", "called twice with seed 0",
             ("random = torch.Generator().manual_seed(seed)", "random = torch.Generator()\n    random.seed()")),
            ("sorted", "all seeds give the same", ("row[torch.randperm(len(row), generator=random)]",
                                                   "row.sort().values")),
            ("indices", "the indices first", ("[1]\n", "[0].float()\n")),
            ("both", "stopped with AttributeError", ("[1]\n", "\n")),
            ("of each row", "expected one number, got 12", (".mean().item()", "")),
            ("lowest of all", "too low.* not the lowest of all", (".mean()", ".min()")),
            ("highest of the lowest", "too high. Is it the mean over all rows", (".mean()", ".max()")),
            ("shifted", "too low. Is every row shuffled, over all its places",
             ("row[torch.randperm(len(row), generator=random)]",
              "row.roll(int(torch.randint(len(row), (1,), generator=random)))")),
            ("half of each row", "too low. Is every row shuffled, over all its places",
             ("row[torch.randperm(len(row), generator=random)]",
              "torch.cat([row[:len(row) // 2][torch.randperm(len(row) // 2, generator=random)], "
              "row[len(row) // 2:]])")),
            ("columns", "up and down the columns", ("for row in W1]", "for row in W1.T]"),
             ("torch.stack(rows)", "torch.stack(rows).T")),
            ("the whole matrix", "keep its own numbers, each exactly once",
             ("[row[torch.randperm(len(row), generator=random)] for row in W1]",
              "W1.flatten()[torch.randperm(W1.numel(), generator=random)].view(W1.shape)"),
             ("torch.stack(rows)", "rows")),
            ("drawn with replacement", "keep its own numbers, each exactly once",
             ("torch.randperm(len(row), generator=random)", "torch.randint(len(row), row.shape, generator=random)")),
            ("random numbers", "keep its own numbers, each exactly once",
             ("row[torch.randperm(len(row), generator=random)]", "torch.randn(row.shape, generator=random)")),
            ("an index with two axes", "shuffles of itself", ("torch.stack(rows)",
             "W1[:, torch.rand(W1.shape, generator=random).argsort(dim=1)]")),
        ]},
        **{name: (word, but(BY_HAND, *changes)) for name, word, *changes in [
            ("absolute", "sign included", ("correlations = unit @ unit.T", "correlations = (unit @ unit.T).abs()"),
             ("fill_diagonal_(9)", "fill_diagonal_(0)"), (".min(", ".max(")),
            ("most alike", "sign included", ("fill_diagonal_(9)", "fill_diagonal_(-9)"), (".min(", ".max(")),
            ("its own partner", "not its own partner", ("correlations.fill_diagonal_(9)\n", "\n"), (".min(", ".max(")),
            ("all pairs", "mean over all pairs", ("correlations.fill_diagonal_(9)\n", "\n"),
             (".min(dim=1).values", "")),
            ("not centered", "subtract each row's mean", ("rows = rows - rows.mean(dim=1, keepdim=True)\n", "\n")),
            ("centered over the rows", "own mean subtracted", ("mean(dim=1, keepdim=True)", "mean(dim=0)")),
            ("not of length 1", "lies between -1 and 1",
             ("unit = rows / rows.norm(dim=1, keepdim=True)", "unit = rows")),
            ("itself at 0", "must not be chosen", ("fill_diagonal_(9)", "fill_diagonal_(0)")),
        ]},
    },
    "check_nearest_convolution": {name: (word, but(NEAREST, *changes)) for name, word, *changes in [
        ("diagonals", "whole diagonals of M, where t - s",
         ("return t // columns - s // columns, t % columns - s % columns", "return t - s")),
        ("diagonals, otherwise", r"columns \* down \+ right is t - s again",
         ("t // columns - s // columns, t % columns - s % columns",
          "columns * (t // columns - s // columns) + t % columns - s % columns")),
        ("both sides", "over both sides",
         ("return t // columns - s // columns, t % columns - s % columns", "return abs(t - s)")),
        ("no sign", "left is not right", ("t // columns - s // columns, t % columns - s % columns",
         "abs(t // columns - s // columns), abs(t % columns - s % columns)")),
        ("down alone", "distance to the right counts, too", (", t % columns - s % columns", "")),
        ("right alone", "distance down counts, too", ("t // columns - s // columns, ", "")),
        ("added up", "keep two numbers", ("s // columns, t % columns", "s // columns + t % columns")),
        ("around", "wrap around at the edges", ("t // columns - s // columns, t % columns - s % columns",
         "(t // columns - s // columns) % rows, (t % columns - s % columns) % columns")),
        ("sums", "are sums over the pairs", (" / counts[d]", "")),
        ("divided by S", "divided by S", ("/ counts[d]", "/ S")),
        ("divided by all", "means run over all of M", ("/ counts[d]", "/ S ** 2")),
        ("zeros left out", "nan, expected 0. M is a map of a 3 x 3 convolution",
         ("counts.get(d, 0) + 1", "counts.get(d, 0) + (M[s, t] != 0).item()")),
        ("swapped", "s and t are swapped", ("nearest[s, t]", "nearest[t, s]")),
        ("the rest", "left of M after the nearest", ("return nearest", "return M - nearest")),
        ("the first", "one pair of places stands for all", ("sums.get(d, 0) + M[s, t]", "sums.get(d, M[s, t])"),
         (" / counts[d]", "")),
        ("the last", "the last pair of a displacement", ("sums.get(d, 0) + M[s, t]", "M[s, t]"), (" / counts[d]", "")),
        ("M", "M comes back unchanged", ("return nearest", "return M.clone()")),
        ("rows for columns", "2 x 4, place s lies in row s // columns", ("// columns", "// rows"), ("% columns",
                                                                                                  "% rows")),
        ("names that meet", r"of random numbers, on a grid of 4 x 2", ("t // columns - s // columns, t % columns - s % "
         "columns", "t // columns - s // columns + 2 * columns * (t % columns - s % columns)")),
        ("in place", "changes a tensor", ("nearest[s, t] =", "M[s, t] ="), ("return nearest", "return M")),
        ("the kernel", "that is the kernel", ("return nearest", "return torch.zeros(2 * rows - 1, 2 * columns - 1)")),
        ("the share", r"shape \[\], expected", ("return nearest", "return nearest.square().sum() / M.square().sum()")),
        ("four axes", "the result has shape", ("return nearest", "return nearest.view(rows, columns, rows, columns)")),
        ("an array", "expected a torch tensor, got ndarray", ("return nearest", "return nearest.numpy()")),
        ("the corner missed", "of random numbers", ("nearest[s, t] =", "nearest[s, t] = s + t < 2 * S - 2 and")),
    ]},
}
