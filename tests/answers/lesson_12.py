"""Answers to the exercises of lesson 12: what a learner may write in place of the stub's `...`."""

from . import but

FLAX = """
    names = {"stem": "patch_embedding.linear", "MixerBlock_": "blocks.", "pre_head_layer_norm": "norm",
             "LayerNorm_0": "token_norm", "LayerNorm_1": "channel_norm", "Dense_0": "fc1", "Dense_1": "fc2",
             "kernel": "weight", "scale": "weight", "/": "."}
    new = {}
    for name, array in arrays.items():
        p = torch.from_numpy(array)
        if name == "stem/kernel":
            p = p.permute(3, 2, 0, 1).flatten(1)
        elif p.ndim == 2:
            p = p.T
        for old, ours in names.items():
            name = name.replace(old, ours)
        new[name] = p
    return new
"""
TOP = """
    best = logits.topk(k, dim=1).indices
    return (best == labels[:, None]).any(1).float().mean().item()
"""
PARTS = """
    places = torch.arange(g * g * rows * columns).view(g, rows, g, columns)
    return places.permute(0, 2, 1, 3).reshape(g * g, rows * columns)
"""

RIGHT = {
    "check_from_flax": {
        "block by block": """
            stem = torch.tensor(arrays["stem/kernel"])
            new = {"patch_embedding.linear.weight": stem.permute(3, 2, 0, 1).reshape(stem.shape[3], -1),
                   "patch_embedding.linear.bias": torch.tensor(arrays["stem/bias"]),
                   "norm.weight": torch.tensor(arrays["pre_head_layer_norm/scale"]),
                   "norm.bias": torch.tensor(arrays["pre_head_layer_norm/bias"]),
                   "head.weight": torch.tensor(arrays["head/kernel"]).T, "head.bias": torch.tensor(arrays["head/bias"])}
            i = 0
            while f"MixerBlock_{i}/LayerNorm_0/scale" in arrays:
                for n, kind in enumerate(("token", "channel")):
                    new[f"blocks.{i}.{kind}_norm.weight"] = torch.tensor(arrays[f"MixerBlock_{i}/LayerNorm_{n}/scale"])
                    new[f"blocks.{i}.{kind}_norm.bias"] = torch.tensor(arrays[f"MixerBlock_{i}/LayerNorm_{n}/bias"])
                    for j in (0, 1):
                        dense = f"MixerBlock_{i}/{kind}_mixing/Dense_{j}"
                        new[f"blocks.{i}.{kind}_mixing.fc{j + 1}.weight"] = torch.tensor(arrays[f"{dense}/kernel"].T)
                        new[f"blocks.{i}.{kind}_mixing.fc{j + 1}.bias"] = torch.tensor(arrays[f"{dense}/bias"])
                i += 1
            return new""",
        "with the library's names": """
            from mixer_lib.pretrained.layouts import FLAX, PARTS, to_ours
            new = {}
            for name, array in arrays.items():
                part, kind = name.rsplit("/", 1)
                for ours, (flax, _) in PARTS.items():
                    for i in range(12):
                        if part == flax.replace("*", str(i)):
                            full = ours.replace("*", str(i)) + (".bias" if kind == "bias" else ".weight")
                            new[full] = to_ours(FLAX, full, torch.from_numpy(array))
            return new""",
        "in NumPy": but(FLAX, ("p.permute(3, 2, 0, 1).flatten(1)",
                               "torch.from_numpy(array.transpose(3, 2, 0, 1).reshape(array.shape[3], -1).copy())"),
                        ("p = p.T", "p = torch.from_numpy(array.T.copy())")),
    },
    "check_top_k": {
        "sorted": """
            order = logits.argsort(dim=1, descending=True)[:, :k]
            hits = 0
            for row, label in zip(order.tolist(), labels.tolist()):
                hits += label in row
            return hits / len(labels)""",
        "in NumPy": """
            best = np.argsort(-logits.numpy(), axis=1)[:, :k]
            return np.mean([label in row for label, row in zip(labels.numpy(), best)])""",
        "by rank": """
            own = logits.gather(1, labels[:, None])
            return ((logits > own).sum(1) < k).double().mean()""",
    },
    "check_tokens_of_parts": {
        "by loop": """
            parts = []
            for a in range(g):
                for b in range(g):
                    parts.append([(a * rows + r) * g * columns + b * columns + c
                                  for r in range(rows) for c in range(columns)])
            return torch.tensor(parts)""",
        "by token": """
            S, W = rows * columns, g * columns
            where = [[] for _ in range(g * g)]
            for t in range(g * g * S):
                where[t // W // rows * g + t % W // columns].append(t)
            return torch.tensor(where, dtype=torch.int32)""",
        "slices": """
            grid = torch.arange(g * g * rows * columns).view(g * rows, g * columns)
            return torch.stack([grid[a * rows:(a + 1) * rows, b * columns:(b + 1) * columns].flatten()
                                for a in range(g) for b in range(g)])""",
    },
}

WRONG = {
    "check_from_flax": {name: (word, but(FLAX, *changes)) for name, word, *changes in [
        ("emptied", "changes the arrays", ("return new", "arrays.clear()\n    return new")),
        ("arrays", "is a ndarray", ("new[name] = p", "new[name] = array")),
        ("not transposed", "token_mixing.fc1.weight is not transposed", ("elif p.ndim == 2", "elif False")),
        ("reshaped", "A reshape does not transpose", ("p = p.T", "p = p.reshape(p.shape[::-1])")),
        ("four axes", "still has the four axes", ("p = p.permute(3, 2, 0, 1).flatten(1)", "pass")),
        ("a conv kernel", "flatten.1. merges", (".flatten(1)", "")),
        ("color last", "the color comes first", ("permute(3, 2, 0, 1)", "permute(3, 0, 1, 2)")),
        ("on its side", "lies on its side", ("p.permute(3, 2, 0, 1).flatten(1)", "p.flatten(0, 2)")),
        ("stem reshaped", "only reshaped", ("p.permute(3, 2, 0, 1).flatten(1)", "p.reshape(p.shape[3], -1)")),
        ("stem turned", "rows and columns", ("permute(3, 2, 0, 1)", "permute(3, 2, 1, 0)")),
        ("scale", "is called '.*scale'", ('"scale": "weight", ', "")),
        ("norms swapped", "has the numbers of blocks.0.channel_norm", ('"LayerNorm_0": "token_norm", "LayerNorm_1": '
         '"channel_norm"', '"LayerNorm_1": "token_norm", "LayerNorm_0": "channel_norm"')),
        ("layers swapped", "has the numbers of blocks.0.token_mixing.fc2", ('"Dense_0": "fc1", "Dense_1": "fc2"',
                                                                           '"Dense_1": "fc1", "Dense_0": "fc2"')),
        ("file order", "has the numbers of block 10", ("new = {}", "new, seen = {}, []"),
         ("for old, ours", "if name[0] == 'M':\n            block, rest = name.split('/', 1)\n            "
          "seen += [block] * (block not in seen)\n            name = f'MixerBlock_{seen.index(block)}/{rest}'\n"
          "        for old, ours")),
        ("head left out", "head.weight is missing", ("new[name] = p", "new.update({name: p} if name[:4] != 'head' "
                                                     "else {})")),
        ("a list", "gives a list", ("return new", "return [*new.items()]")),
    ]},
    "check_top_k": {name: (word, but(TOP, *changes)) for name, word, *changes in [
        ("lowest", "lowest", ("topk(k, dim=1)", "topk(k, dim=1, largest=False)")),
        ("top-1", "top-1", ("topk(k", "topk(1")),
        ("a count", "a count", (".float().mean()", ".sum()")),
        ("over all", "divides by k", (".any(1)", "")),
        ("the k-th", "exactly the k-th", (".indices", ".indices[:, -1:]")),
        ("too many", "k . 1 classes", ("topk(k", "topk(min(k + 1, logits.shape[1])")),
        ("per image", "expected one number", (".any(1).float().mean().item()", ".any(1)")),
        ("wrong axis", "stopped with", ("dim=1", "dim=0")),
        ("percent", "a percentage", (".item()", ".item() * 100")),
        ("rounded", "this is rounded", ("return (best == labels[:, None]).any(1).float().mean().item()",
                                        "return round((best == labels[:, None]).any(1).float().mean().item(), 2)")),
        ("missed", "that are missed", ("return ", "return 1 - ")),
    ]},
    "check_tokens_of_parts": {name: (word, but(PARTS, *changes)) for name, word, *changes in [
        ("naive", "follow one another", ("return places.permute(0, 2, 1, 3)", "return places")),
        ("order of parts", "the parts are in the wrong order", ("permute(0, 2, 1, 3)", "permute(2, 0, 1, 3)")),
        ("down", "down its columns", ("permute(0, 2, 1, 3)", "permute(0, 2, 3, 1)")),
        ("every g-th", "every g-th", ("view(g, rows, g, columns)", "view(rows, g, columns, g)"),
         ("permute(0, 2, 1, 3)", "permute(1, 3, 0, 2)")),
        ("swapped", "rows and columns are swapped", ("view(g, rows, g, columns)", "view(g, columns, g, rows)"),
         ("permute(0, 2, 1, 3)", "permute(0, 2, 3, 1)")),
        ("on its side", "on its side", (".reshape(g * g, rows * columns)", ".reshape(g * g, rows * columns).T")),
        ("four axes", "has shape", (".reshape(g * g, rows * columns)", "")),
        ("a list", "expected a torch tensor", ("rows * columns)\n", "rows * columns).tolist()\n")),
        ("from 1", "begin at 1", ("rows * columns)\n", "rows * columns) + 1\n")),
        ("within the part", "within their own part", ("return ",
                                                      "return torch.arange(rows * columns).expand(g * g, -1); ")),
        ("inverse", "the inverse table", (".reshape(g * g, rows * columns)", ".flatten().argsort().view(g * g, -1)")),
        ("as floats", "of type torch.float32", ("torch.arange(g * g * rows * columns)",
                                                "torch.arange(g * g * rows * columns).float()")),
    ]},
}
