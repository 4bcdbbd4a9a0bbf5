"""Answers to the exercises of lesson 11: what a learner may write in place of the stub's `...`."""

from . import but

SHUFFLE = """
    table = patchify(images, P)[:, patch_order]
    pixels = table.view(B, -1, C_in, P * P)[..., inner_order]
    return unpatchify(pixels.flatten(2), P, (H, W))
"""
UNSCRAMBLE = """
    inverse = order.argsort()
    return images.flatten(-2)[..., inverse].view(images.shape)
"""
FOLLOW = """
    new = dict(weights)
    for name, p in weights.items():
        if name == "patch_embedding.linear.weight":
            new[name] = p.view(len(p), -1, len(inner_order))[..., inner_order].flatten(1)
        if name.endswith("token_mixing.fc1.weight"):
            new[name] = p[:, patch_order]
        if name.endswith("token_mixing.fc2.weight"):
            new[name] = p[patch_order]
        if name.endswith("token_mixing.fc2.bias"):
            new[name] = p[patch_order]
    return new
"""
CONV = """
    order, weights = order.tolist(), {}
    for s in range(rows * columns):
        for t in range(rows * columns):
            a, b = order[s], order[t]
            old = b // columns - a // columns, b % columns - a % columns
            new = t // columns - s // columns, t % columns - s % columns
            if max(abs(old[0]), abs(old[1])) > 1:
                old = None
            if max(abs(new[0]), abs(new[1])) > 1:
                new = None
            if weights.setdefault(new, old) != old:
                return False
    return True
"""

RIGHT = {
    "check_shuffle_patches": {
        "by loop": """
            out = torch.empty_like(images)
            columns = W // P
            for s in range(H // P * columns):
                for i in range(P * P):
                    t, j = int(patch_order[s]), int(inner_order[i])
                    out[:, :, s // columns * P + i // P, s % columns * P + i % P] = (
                        images[:, :, t // columns * P + j // P, t % columns * P + j % P])
            return out""",
        "over the places": """
            places = patchify(torch.arange(H * W).view(1, 1, H, W), P)
            order = unpatchify(places[:, patch_order][..., inner_order], P, (H, W)).flatten()
            return images.flatten(2)[..., order].view(B, C_in, H, W)""",
    },
    "check_unscramble": {
        "written to the places": """
            plain = torch.empty_like(images).flatten(-2)
            plain[..., order] = images.flatten(-2)
            return plain.view(images.shape)""",
        "scatter": """
            flat = images.flatten(-2)
            return torch.zeros_like(flat).scatter(-1, order.expand(flat.shape), flat).reshape(images.shape)""",
        "a loop": """
            H, W = images.shape[-2:]
            plain = images.clone()
            for s, t in enumerate(order.tolist()):
                plain[..., t // W, t % W] = images[..., s // W, s % W]
            return plain""",
    },
    "check_follow": {
        "one index for all numbers": """
            n, new = len(inner_order), {}
            for name, p in weights.items():
                new[name] = p.clone()
                if "patch_embedding" in name and name.endswith("weight"):
                    columns = torch.cat([c * n + inner_order for c in range(p.shape[1] // n)])
                    new[name] = p[:, columns]
                if "token_mixing.fc1.weight" in name:
                    new[name] = p.T[patch_order].T
                if "token_mixing.fc2" in name:
                    new[name] = p[patch_order]
            return new""",
        "block by block": """
            new = {**weights}
            stem, n = "patch_embedding.linear.weight", len(inner_order)
            new[stem] = new[stem].unflatten(1, (-1, n))[:, :, inner_order].flatten(1)
            i = 0
            while f"blocks.{i}.token_mixing.fc1.weight" in weights:
                mlp = f"blocks.{i}.token_mixing."
                new[mlp + "fc1.weight"] = torch.index_select(weights[mlp + "fc1.weight"], 1, patch_order)
                for part in ("fc2.weight", "fc2.bias"):
                    new[mlp + part] = torch.index_select(weights[mlp + part], 0, patch_order)
                i += 1
            return new""",
    },
    "check_conv_follows": {
        "the matrix of a random kernel": """
            torch.manual_seed(0)
            S = rows * columns
            unit = torch.eye(S).view(S, 1, rows, columns)
            M = F.conv2d(unit, torch.rand(1, 1, 3, 3) + 1, padding=1).flatten(1).T
            M, place = M[order][:, order], torch.arange(S)
            down = place // columns - place[:, None] // columns
            right = place % columns - place[:, None] % columns
            beyond = (down.abs() > 1) | (right.abs() > 1)
            for u in range(-1, 2):
                for v in range(-1, 2):
                    these = M[(down == u) & (right == v)]
                    if not torch.allclose(these, these[:1]):
                        return False
            return bool((M[beyond] == 0).all())""",
        "the symmetries": """
            grid = torch.arange(rows * columns).view(rows, columns)
            known = [grid, grid.flip(0), grid.flip(1), grid.flip(0, 1)]
            if rows == columns:
                known += [g.T for g in known]
            return any(torch.equal(g.flatten(), order) for g in known)""",
    },
}

WRONG = {
    "check_shuffle_patches": {entry: (word, but(SHUFFLE, *changes)) for entry, word, *changes in [
        ("nothing moved", "come back unchanged", ("[:, patch_order]", ""), ("[..., inner_order]", "")),
        ("patches only", "pixels inside them have not", ("[..., inner_order]", "")),
        ("insides only", "but the patches have not", ("[:, patch_order]", "")),
        ("both inverse", "both orders are the inverse", ("[:, patch_order]", "[:, patch_order.argsort()]"),
         ("[..., inner_order]", "[..., inner_order.argsort()]")),
        ("inverse patches", "order of the patches is the inverse", ("[:, patch_order]", "[:, patch_order.argsort()]")),
        ("inverse insides", "order inside the patches", ("[..., inner_order]", "[..., inner_order.argsort()]")),
        ("color last", "the color comes first", ("(B, -1, C_in, P * P)[..., inner_order]",
         "(B, -1, P * P, C_in)[:, :, inner_order]")),
        ("the first color", "only the pixels of the first color", ("table.view(B, -1, C_in, P * P)[..., inner_order]",
         "torch.cat([table[..., inner_order], table[..., P * P:]], dim=-1)")),
        ("a table", "is a table of patches", ("unpatchify(pixels.flatten(2), P, (H, W))", "pixels.flatten(2)")),
        ("changes the images", "changes a tensor", ("table = ", "images.zero_()\n    table = ")),
        ("as float", "come back as torch.float32", ("patchify(images, P)", "patchify(images.float(), P)")),
        ("height and width", "is 2, and the grid has|has shape", ("(H, W)", "(W, H)")),
        ("both in one pair of brackets", "pick entries in pairs",
         ("table = patchify(images, P)[:, patch_order]", "table = patchify(images, P)"),
         ("[..., inner_order]", "[:, patch_order, :, inner_order]")),
        ("all colors from the first", "colors show the pixels of the first", (
            "table.view(B, -1, C_in, P * P)[..., inner_order]",
            "table.view(B, -1, C_in, P * P)[:, :, :1, inner_order].repeat(1, 1, C_in, 1)")),
    ]},
    "check_unscramble": {entry: (word, but(UNSCRAMBLE, *changes)) for entry, word, *changes in [
        ("again", "scrambled a second time", ("order.argsort()", "order")),
        ("nothing", "still scrambled", ("return images.flatten(-2)[..., inverse].view(images.shape)", "return images")),
        ("twice inverse", "scrambled a second time", ("order.argsort()", "order.argsort().argsort()")),
        ("sorted, not argsorted", "still scrambled", ("order.argsort()", "order.sort().values")),
        ("backward", "read backward", ("order.argsort()", "order.flip(0)")),
        ("descending", "in reverse", ("order.argsort()", "order.argsort(descending=True)")),
        ("flat", "expected the images' own", (".view(images.shape)", "")),
        ("in place", "changes a tensor", ("return ", "images.zero_()\n    return ")),
        ("the order in place", "changes a tensor", ("order.argsort()", "order.sub_(0).argsort(); order.zero_()")),
        ("the first color", "one color only", ("return ", "plain = "), ("view(images.shape)", "view(images.shape)\n    "
         "return torch.cat([plain[..., :1, :, :], images[..., 1:, :, :]], dim=-3)")),
        ("as float", "come back as torch.float32", ("images.flatten(-2)", "images.float().flatten(-2)")),
        ("square only", "stopped with", (".view(images.shape)", ".unflatten(-1, (int(len(order) ** 0.5), -1)).view("
                                         "*images.shape[:-2], images.shape[-1], images.shape[-1])")),
        ("rows and columns", "In this case the images have shape|own", (".view(images.shape)",
         ".view(*images.shape[:-2], images.shape[-1], images.shape[-2]).mT")),
        ("a list", "expected a torch tensor", ("view(images.shape)", "view(images.shape).tolist()")),
    ]},
    "check_follow": {entry: (word, but(FOLLOW, *changes)) for entry, word, *changes in [
        ("no stem", "patch_embedding.linear.weight is unchanged", ("[..., inner_order].flatten(1)", ".flatten(1)")),
        ("color last", "the color comes first", ("p.view(len(p), -1, len(inner_order))[..., inner_order]",
         "p.view(len(p), len(inner_order), -1)[:, inner_order]")),
        ("the first color", "only the columns of the first color", (
            "p.view(len(p), -1, len(inner_order))[..., inner_order].flatten(1)",
            "torch.cat([p[:, inner_order], p[:, len(inner_order):]], dim=1)")),
        ("inverse stem", "patch_embedding.linear.weight is in the inverse order", ("[..., inner_order]",
         "[..., inner_order.argsort()]")),
        ("W1's rows", "the rows of blocks.0.token_mixing.fc1.weight have moved", ("p[:, patch_order]",
         "p[patch_order]")),
        ("inverse W1", "fc1.weight is in the inverse order", ("p[:, patch_order]", "p[:, patch_order.argsort()]")),
        ("no W2", "fc2.weight is unchanged", ('name.endswith("token_mixing.fc2.weight")', "False")),
        ("W2's columns", "the columns of blocks.0.token_mixing.fc2.weight", (
            'fc2.weight"):\n            new[name] = p[patch_order]',
            'fc2.weight"):\n            new[name] = p[:, patch_order]')),
        ("no b2", "fc2.bias is unchanged", ('name.endswith("token_mixing.fc2.bias")', "False")),
        ("b1 as well", "fc1.bias.* belongs to no place", ('"token_mixing.fc2.bias"',
         '("token_mixing.fc2.bias", "token_mixing.fc1.bias")')),
        ("the first block only", "blocks.1.token_mixing.fc1.weight is unchanged",
         ('name.endswith("token_mixing.fc1.weight")', 'name == "blocks.0.token_mixing.fc1.weight"')),
        ("only what moved", "patch_embedding.linear.bias is missing", ("dict(weights)", "{}")),
        ("in place", "changes the weights that it is given", ("dict(weights)", "weights")),
        ("two blocks", "blocks.2.token_mixing.fc1.weight is unchanged", (
            'name.endswith("token_mixing.fc1.weight")',
            'name[7:] in ("0.token_mixing.fc1.weight", "1.token_mixing.fc1.weight")')),
        ("as float32", "comes back as torch.float32", ("return new", "return {k: p.float() for k, p in new.items()}")),
        ("a name of its own", "load_state_dict would refuse", ("return new", "return {**new, 'order': patch_order}")),
        ("the channel MLPs too", "stopped with IndexError.* look for 'token_mixing'", (
            '"token_mixing.fc2.bias"', '"mixing.fc2.bias"')),
        ("a model's list", "gives a list", ("return new", "return list(new)")),
    ]},
    "check_conv_follows": {entry: (word, but(CONV, *changes)) for entry, word, *changes in [
        ("always", "says True for an order drawn at random", ("return False", "return True")),
        ("never", "says False for the order that leaves", ("return True", "return False")),
        ("only as they are", "says False for the order that mirrors left", ("if weights.setdefault(new, old) != old",
         "if new != old")),
        ("neighbors stay neighbors", "columns one to the right|rows one down|swaps the rows",
         ("weights.setdefault(new, old) != old", "(new is None) != (old is None) and s % columns and t % columns")),
        ("only the columns", "moves all rows one down", ("b // columns - a // columns", "0"),
         ("t // columns - s // columns", "0")),
        ("no turns", "says False for a quarter turn", ("order, weights",
         "g = torch.arange(rows * columns).view(rows, columns)\n    return any(torch.equal(known.flatten(), order) "
         "for known in (g, g.flip(0), g.flip(1), g.flip(0, 1), g.T))\n    order, weights")),
        ("any kernel", "in the order 1, 3, 0, 2", ("if max(abs(new[0]), abs(new[1])) > 1:\n                new = None",
         "if False:\n                new = None")),
        ("transposed grid", "says False for the order that leaves",
         ("t // columns - s // columns", "t // rows - s // rows"),
         ("t % columns - s % columns", "t % rows - s % rows")),
        ("nothing for the right ones", "returns nothing, though other calls", ("    return True", "")),
        ("a number", "expected True or False, got 1", ("return True", "return 1")),
        ("the eight of a square, shapes ignored", r"says True for the order \[", ("order, weights = order.tolist(), {}",
         "g = torch.arange(rows * columns).view(rows, columns)\n    return any(torch.equal(known.rot90(k).flatten(), "
         "order) for known in (g, g.flip(0)) for k in range(4))\n    order, weights = order.tolist(), {}")),
        ("the matrix not square", "stopped with", ("order.tolist()", "order.view(rows, rows).tolist()")),
    ]},
}
