"""Answers to the exercises of lesson 13: what a learner may write in place of the stub's `...`."""

from . import but

ACROSS = """
    x = scale * x + shift
    x = x.transpose(1, 2)
    x = x @ weight.T + bias
    return x.transpose(1, 2)
"""
GATE = """
    u, v = x.chunk(2, dim=-1)
    v = F.layer_norm(v, v.shape[-1:])
    v = (v.transpose(1, 2) @ weight.T + bias).transpose(1, 2)
    return u * v
"""
POOL = """
    maps = x.transpose(1, 2).unflatten(2, grid)
    near = F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)
    return (near - maps).flatten(2).transpose(1, 2)
"""
VERDICT = """
    gaps = [a - b for a, b in zip(ours, others)]
    gap = sum(gaps) / len(gaps)
    reach = 2 * spread / len(gaps) ** 0.5
    if gap > reach:
        return "better"
    if gap < -reach:
        return "worse"
    return "too close to call"
"""

RIGHT = {
    "check_across_tokens": {
        "einsum": "return torch.einsum('ts,bsc->btc', weight, x * scale + shift) + bias[:, None]",
        "by loop": """
            out = torch.empty_like(x)
            for s in range(x.shape[1]):
                out[:, s] = bias[s]
                for t in range(x.shape[1]):
                    out[:, s] += weight[s, t] * (x[:, t] * scale + shift)
            return out""",
        "a linear layer": """
            layer = nn.Linear(len(bias), len(bias))
            layer.weight.data, layer.bias.data = weight, bias
            return layer((x * scale + shift).mT).mT.detach()""",
    },
    "check_spatial_gate": {
        "einsum": """
            half = x.shape[-1] // 2
            v = x[..., half:]
            v = (v - v.mean(-1, keepdim=True)) / (v.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
            return x[..., :half] * (torch.einsum('ts,bsd->btd', weight, v) + bias.view(1, -1, 1))""",
        "a matrix from the left": """
            u, v = x.tensor_split(2, dim=2)
            return (weight @ nn.LayerNorm(v.shape[2])(v) + bias[:, None]).detach() * u""",
        "image by image": """
            out = []
            for table in x:
                u, v = table[:, :table.shape[1] // 2], table[:, table.shape[1] // 2:]
                out.append(u * F.linear(F.layer_norm(v, (v.shape[1],)).T, weight, bias).T)
            return torch.stack(out)""",
    },
    "check_pool_tokens": {
        "by loop": """
            rows, columns = grid
            out = torch.empty_like(x)
            for r in range(rows):
                for c in range(columns):
                    near = [a * columns + b for a in range(max(r - 1, 0), min(r + 2, rows))
                            for b in range(max(c - 1, 0), min(c + 2, columns))]
                    out[:, r * columns + c] = x[:, near].mean(dim=1) - x[:, r * columns + c]
            return out""",
        "a matrix": """
            r, c = torch.arange(grid[0]), torch.arange(grid[1])
            near = torch.kron(((r[:, None] - r).abs() < 2).float(), ((c[:, None] - c).abs() < 2).float())
            return near / near.sum(1, keepdim=True) @ x - x""",
        "two convolutions": """
            maps = x.mT.unflatten(2, grid)
            ones = torch.ones(maps.shape[1], 1, 3, 3)
            near = F.conv2d(maps, ones, padding=1, groups=len(ones))
            return (near / F.conv2d(torch.ones_like(maps), ones, padding=1, groups=len(ones)) - maps).flatten(2).mT""",
    },
    "check_verdict": {
        "with NumPy": """
            gaps = np.array(ours) - np.array(others)
            errors = gaps.mean() / (spread / np.sqrt(len(gaps)))
            return str(np.select([errors > 2, errors < -2], ["better", "worse"], "too close to call"))""",
        "an interval": """
            gap = mean(a - b for a, b in zip(ours, others))
            low, high = gap - 2 * spread / math.sqrt(len(ours)), gap + 2 * spread / math.sqrt(len(ours))
            return "too close to call" if low <= 0 <= high else "better" if low > 0 else "worse" """,
        "means first": """
            gap = sum(ours) / len(ours) - sum(others) / len(others)
            if abs(gap) <= 2 * spread * len(ours) ** -0.5:
                return "too close to call"
            return ("worse", "better")[gap > 0]""",
    },
}

WRONG = {
    "check_across_tokens": {name: (word, but(ACROSS, *changes)) for name, word, *changes in [
        ("no affine", "affine transform is missing", ("x = scale * x + shift\n", "")),
        ("no shift", "the shift is missing", (" + shift", "")),
        ("no scale", "the scale is missing", ("scale * x", "x")),
        ("bracket", "multiplied by the scale, too", ("scale * x + shift", "scale * (x + shift)")),
        ("affine last", "comes after the linear", ("x = scale * x + shift\n", ""),
         ("return x.transpose(1, 2)", "return scale * x.transpose(1, 2) + shift")),
        ("weight on its side", "weight is on its side", ("weight.T", "weight")),
        ("no bias", "bias is missing", (" + bias", "")),
        ("minus bias", "bias is subtracted", ("+ bias", "- bias")),
        ("with the skip", "affine table is added", ("x = x.transpose(1, 2)\n", "y, x = x, x.transpose(1, 2)\n"),
         ("return x.transpose(1, 2)", "return y + x.transpose(1, 2)")),
        ("with the input", "input is added", ("x = scale", "y, x = x, scale"),
         ("return x.transpose(1, 2)", "return y + x.transpose(1, 2)")),
        ("reshaped", "a reshape is no transpose", ("x = x.transpose(1, 2)\n",
                                                   "x = x.reshape(len(x), -1, x.shape[1])\n")),
        ("channels", "mixes the channels", ("    x = x.transpose(1, 2)\n", ""), ("x.transpose(1, 2)", "x")),
        ("not back", "not transposed back", ("return x.transpose(1, 2)", "return x")),
        ("bias per channel", "added to a channel", ("+ bias\n", "\n"), ("x.transpose(1, 2)\n", "x.transpose(1, 2)\n"),
         ("return x.transpose(1, 2)", "return x.transpose(1, 2) + bias")),
    ]},
    "check_spatial_gate": {name: (word, but(GATE, *changes)) for name, word, *changes in [
        ("swapped", "changed places", ("u, v =", "v, u =")),
        ("no norm", "not normalized", ("    v = F.layer_norm(v, v.shape[-1:])\n", "")),
        ("norm of both", "both halves are normalized", ("return u", "return F.layer_norm(u, u.shape[-1:])")),
        ("norm last", "norm comes after", ("    v = F.layer_norm(v, v.shape[-1:])\n", ""),
         ("return u * v", "return u * F.layer_norm(v, v.shape[-1:])")),
        ("nothing mixed", "nothing is mixed", ("v = (v.transpose(1, 2) @ weight.T + bias).transpose(1, 2)", "pass")),
        ("a sum", "are added", ("u * v", "u + v")),
        ("gate alone", "gate alone", ("return u * v", "return v")),
        ("no bias", "bias is missing", (" + bias", "")),
        ("weight on its side", "on its side", ("weight.T", "weight")),
        ("sigmoid", "sigmoid", ("return u * v", "return u * v.sigmoid()")),
        ("every other", "every other channel", ("x.chunk(2, dim=-1)", "x[..., ::2], x[..., 1::2]")),
        ("norm over tokens", "over the tokens", ("F.layer_norm(v, v.shape[-1:])",
                                                 "F.layer_norm(v.mT, v.shape[1:2]).mT")),
        ("channels", "channels of each token", ("(v.transpose(1, 2) @ weight.T + bias).transpose(1, 2)",
                                                "v @ weight.T + bias")),
        ("bias per channel", "added to a channel", (" + bias).transpose(1, 2)", ").transpose(1, 2) + bias")),
        ("tokens halved", "tokens are halved", ("x.chunk(2, dim=-1)", "x.chunk(2, dim=1)"),
         ("v = (v.transpose(1, 2) @ weight.T + bias).transpose(1, 2)", "pass")),
    ]} | {
        "norm of all": ("normalized together", """
            u, v = F.layer_norm(x, x.shape[-1:]).chunk(2, dim=-1)
            return u * (weight @ v + bias[:, None])""")},
    "check_pool_tokens": {name: (word, but(POOL, *changes)) for name, word, *changes in [
        ("the mean", "is not subtracted", ("(near - maps)", "near")),
        ("added", "itself is added", ("near - maps", "near + maps")),
        ("turned around", "sign is turned around", ("near - maps", "maps - near")),
        ("zeros counted", "zeros, and they are counted", (", count_include_pad=False", "")),
        ("a sum", "this is the sum", ("count_include_pad=False", "divisor_override=1")),
        ("without itself", "leaves out the place itself", ("near = ", "n = F.avg_pool2d(torch.ones_like(maps), 3, 1, "
         "1, divisor_override=1)\n    near = "), ("(near - maps)", "((near * n - maps) / (n - 1) - maps)")),
        ("wrapped", "wrapped around", ("F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)",
                                       "F.avg_pool2d(F.pad(maps, (1, 1, 1, 1), mode='circular'), 3, stride=1)")),
        ("repeated", "edge is repeated", ("F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)",
                                          "F.avg_pool2d(F.pad(maps, (1, 1, 1, 1), mode='replicate'), 3, stride=1)")),
        ("four", "only four neighbors", ("F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)",
         "F.conv2d(maps, torch.tensor([[0., .2, 0], [.2, .2, .2], [0, .2, 0]]).expand(maps.shape[1], 1, 3, 3), "
         "padding=1, groups=maps.shape[1])")),
        ("largest", "takes the largest", ("avg_pool2d", "max_pool2d"), (", count_include_pad=False", "")),
        ("5 x 5", "is 5 x 5", ("3, stride=1, padding=1", "5, stride=1, padding=2")),
        ("a view", "a view is no transpose", ("x.transpose(1, 2).unflatten(2, grid)", "x.reshape(len(x), -1, *grid)"),
         ("flatten(2).transpose(1, 2)", "reshape(x.shape)")),
        ("maps", "still maps", (".flatten(2).transpose(1, 2)", "")),
        ("swapped", "rows and columns are swapped", ("unflatten(2, grid)", "unflatten(2, grid[::-1])")),
    ]},
    "check_verdict": {name: (word, but(VERDICT, *changes)) for name, word, *changes in [
        ("swapped", "are swapped", ("a - b", "b - a")),
        ("any difference", "interval is not used", ("reach = 2 * spread", "reach = 0 * spread")),
        ("no root", "does not shrink", (" / len(gaps) ** 0.5", "")),
        ("by n", "divides by the number", ("** 0.5", "")),
        ("one", "one standard error", ("2 * spread", "spread")),
        ("three", "three standard errors", ("2 * spread", "3 * spread")),
        ("not paired", "counts the spread twice", ("2 * spread", "2 * 2 ** 0.5 * spread")),
        ("best", "compares the best", ("sum(gaps) / len(gaps)", "max(ours) - max(others)")),
        ("first", "first runs only", ("sum(gaps) / len(gaps)", "gaps[0]")),
        ("sum", "takes the sum", ("sum(gaps) / len(gaps)", "sum(gaps)")),
        ("size", "size of the difference", ("gap > reach", "abs(gap) > reach")),
        ("never", "everything is too close", ("gap > reach", "False"), ("gap < -reach", "False")),
        ("a number", "expected one of the words", ('return "better"', "return gap")),
        ("another word", "expected one of the words", ('"too close to call"', '"a tie"')),
    ]},
}
