"""Answers to the exercises of lesson 5: what a learner may write in place of the stub's `...`."""

from . import but

RIGHT = {
    "check_mixer_block": {
        "one name": """
            x = x + token_mixing(norm1(x))
            x = x + channel_mixing(norm2(x))
            return x""",
        "one expression": "return (u := token_mixing(norm1(x)) + x) + channel_mixing(norm2(u))",
        "steps": """
            skip = x
            y = norm1(x)
            y = token_mixing(y)
            u = torch.add(skip, y)
            skip = u.clone()
            y = norm2(u)
            y = channel_mixing(y)
            y += skip
            return y""",
        "image by image": """
            tables = []
            for table in x:
                u = table[None] + token_mixing(norm1(table[None]))
                tables.append(u + channel_mixing(norm2(u)))
            return torch.cat(tables)""",
    },
    "check_layers_to_reach": {
        "ceil": "return math.ceil((max(grid_height, grid_width) - 1) / ((kernel - 1) / 2))",
        "each side": """
            reach = kernel // 2
            return max((n - 1 + reach - 1) // reach for n in (grid_height, grid_width))""",
        "walk": """
            layers, seen = 0, 1
            while seen < max(grid_height, grid_width):
                seen += kernel // 2
                layers += 1
            return layers""",
        "matrix": """
            place = torch.arange(grid_height * grid_width)
            row, column = place // grid_width, place % grid_width
            near = (row[:, None] - row).abs().maximum((column[:, None] - column).abs()) <= kernel // 2
            reach, layers = torch.eye(len(place)), 0
            while (reach == 0).any():
                reach = (reach @ near.float() > 0).float()
                layers += 1
            return torch.tensor(layers)""",
        "numpy": "return np.ceil((max(grid_height, grid_width) - 1) / (kernel // 2)).astype(int)",
    },
    "check_gradient_by_depth": {
        "backward": """
            blocks.zero_grad()
            blocks(x).sum().backward()
            return [sum((p.grad ** 2).sum() for p in block.parameters()) ** 0.5 for block in blocks]""",
        "one list": """
            table = x
            for block in blocks:
                table = block(table)
            parameters = [p for block in blocks for p in block.parameters()]
            gradients = iter(torch.autograd.grad(table.sum(), parameters))
            return [torch.cat([next(gradients).flatten() for p in block.parameters()]).norm().item()
                    for block in blocks]""",
        "the score again for each block": """
            norms = []
            for block in blocks:
                found = torch.autograd.grad(blocks(x).sum(), tuple(block.parameters()))
                norms.append(torch.stack([g.norm() for g in found]).norm())
            return torch.stack(norms)""",
        "clip_grad_norm_": """
            blocks.zero_grad()
            blocks(x).sum().backward()
            return tuple(nn.utils.clip_grad_norm_(block.parameters(), 1e9).item() for block in blocks)""",
    },
}

BLOCK = """
    u = x + token_mixing(norm1(x))
    return u + channel_mixing(norm2(u))
"""
REACH = "return math.ceil((max(grid_height, grid_width) - 1) / (kernel // 2))"
GRADIENT = """
    score = blocks(x).sum()
    norms = []
    for block in blocks:
        gradients = torch.autograd.grad(score, list(block.parameters()), retain_graph=True)
        norms.append(sum(g.square().sum() for g in gradients).sqrt().item())
    return norms
"""
TABLES = """
    tables = [x.clone().requires_grad_()]
    for block in blocks:
        tables.append(block(tables[-1]))
    gradients = torch.autograd.grad(tables[-1].sum(), tables)
    return [g.norm().item() for g in gradients]
"""

WRONG = {
    "check_mixer_block": {name: (word, but(BLOCK, *changes)) for name, word, *changes in [
        ("untouched", "all three mistakes", ("u = x + ", "u = "), ("return u + ", "return x + "), ("norm2", "norm1")),
        ("norm2 repaired", "both skip connections", ("u = x + ", "u = "), ("return u + ", "return x + ")),
        ("the second skip repaired", "two mistakes .*first skip.*norm1 is used twice", ("u = x + ", "u = "),
         ("norm2", "norm1")),
        ("the first skip repaired", "two mistakes .*second skip.*norm1 is used twice", ("return u + ", "return x + "),
         ("norm2", "norm1")),
        ("one skip around both halves", "both skip connections", ("u = x + ", "u = "), ("return u + ", "return x + ")),
        ("mixings swapped", "traded places", ("token_mixing(norm1", "mixing(norm1"),
         ("channel_mixing(norm2(u", "token_mixing(norm2(u"), ("mixing(norm1(x", "channel_mixing(norm1(x")),
        ("norm over columns", "norm1 reads columns", ("norm1(x)", "norm1(x.mT).mT")),
        ("square tables only", r"RuntimeError|4 x 6", ("u = ", "x = x.reshape(-1, 5, 5); u = ")),
        ("rounded", "do not round", ("return u + channel_mixing(norm2(u))",
                                     "return (u + channel_mixing(norm2(u))).round(decimals=3)")),
        ("half a block", "halfway", ("return u + channel_mixing(norm2(u))", "return u")),
        ("no skips", "no skip connection", ("x + ", ""), ("return u + ", "return ")),
        ("first skip forgotten", "first skip connection is missing", ("x + ", "")),
        ("second skip forgotten", "second skip connection is missing", ("return u + ", "return ")),
        ("second skip from x", "what token mixing added is lost", ("return u + ", "return x + ")),
        ("side by side", "side by side", ("norm2(u)", "norm2(x)")),
        ("skip twice", "once more", ("return u + ", "return x + u + ")),
        ("order swapped", "channel mixing comes first here", ("token_mixing(norm1", "mixing(norm2"),
         ("channel_mixing(norm2(u", "token_mixing(norm1(u"), ("mixing(norm2(x", "channel_mixing(norm2(x")),
        ("norm after the sum", "after its addition", ("x + token_mixing(norm1(x))", "norm1(x + token_mixing(x))"),
         ("u + channel_mixing(norm2(u))", "norm2(u + channel_mixing(u))")),
        ("norm after the MLP", "after its MLP", ("token_mixing(norm1(x))", "norm1(token_mixing(x))"),
         ("channel_mixing(norm2(u))", "norm2(channel_mixing(u))")),
        ("no norms", "both norms are missing", ("norm1(x)", "x"), ("norm2(u)", "u")),
        ("no first norm", "norm1 is missing", ("norm1(x)", "x")),
        ("no second norm", "norm2 is missing", ("norm2(u)", "u")),
        ("first norm twice", "norm1 is used twice", ("norm2", "norm1")),
        ("norms swapped", "norm1 and norm2 are swapped", ("norm1", "norm0"), ("norm2", "norm1"), ("norm0", "norm2")),
        ("norms without weights", "call norm1", ("norm1(x)", "F.layer_norm(x, x.shape[-1:])"),
         ("norm2(u)", "F.layer_norm(u, u.shape[-1:])")),
        ("normalized skips", "carry the normalized table", ("u = ", "x = norm1(x)\n    u = "),
         ("token_mixing(norm1(x))", "token_mixing(x)"), ("return u", "u = norm2(u)\n    return u"),
         ("channel_mixing(norm2(u))", "channel_mixing(u)")),
        ("normalized first skip", "the first skip connection carries", ("u = x", "u = norm1(x)")),
        ("normalized second skip", "the second skip connection carries", ("return u", "return norm2(u)")),
        ("second norm twice", "norm2 is used twice", ("norm1", "norm2")),
        ("detached", "gradient does not pass", ("u = x + token_mixing(norm1(x))",
                                                "u = x.detach() + token_mixing(norm1(x.detach()))")),
        ("detached inside", "gradient does not pass", ("norm2(u)", "norm2(u.detach())")),
        ("no_grad", "gradient does not pass", ("u = ", "torch.set_grad_enabled(False)\n    u = "),
         ("return u + channel_mixing(norm2(u))", "y = u + channel_mixing(norm2(u))\n    torch.set_grad_enabled(True)"
                                                 "\n    return y")),
        ("token mixing twice", "token_mixing is used in both", ("channel_mixing", "token_mixing")),
        ("channel mixing twice", "channel_mixing is used in both", ("token_mixing", "channel_mixing"),
         ("norm1", "norm2")),
        ("transposed by hand", "transposes by itself", ("token_mixing(norm1(x))", "token_mixing(norm1(x).mT).mT")),
        ("answer transposed", "do not transpose its answer",
         ("token_mixing(norm1(x))", "token_mixing(norm1(x)).mT")),
        ("transposed first", "before any transpose", ("token_mixing(norm1(x))", "token_mixing(norm1(x.mT)).mT")),
        ("in place", "changes a tensor", ("u = x + ", "x += "), ("u + channel_mixing(norm2(u))",
                                                                 "x + channel_mixing(norm2(x))")),
        ("both tables", "got tuple", ("return ", "return u, ")),
        ("list", "got list", ("norm2(u))", "norm2(u)).tolist()"), ("return u + ", "return ")),
        ("minus", "subtracts the answer of channel mixing", ("return u + ", "return u - ")),
        ("minus at first", "subtracts the answer of token mixing", ("u = x + ", "u = x - ")),
        ("mean of the two", "Compare with `forward`", ("return u + channel_mixing(norm2(u))",
                                                       "return (u + channel_mixing(norm2(u))) / 2")),
        ("own block", "stopped with", ("u = x + ", "u = MyMixerBlock(x) + ")),
    ]},
    "check_layers_to_reach": {name: (word, body) for name, word, body in [
        ("one", "One Mixer block is enough", "return 1"),
        ("the lesson's 3", "gives 3, expected 13", "return 3"),
        ("from 1 on", "one step less", but(REACH, (" - 1)", ")"))),
        ("rounded down", "round up", "return (max(grid_height, grid_width) - 1) // (kernel // 2)"),
        ("any kernel", r"\(14, 14, 5\) gives 13, expected 7.*larger kernel", but(REACH, (" / (kernel // 2)", ""))),
        ("whole window", "to the edge", but(REACH, ("kernel // 2", "kernel"))),
        ("window less one", "to the edge", but(REACH, ("kernel // 2", "kernel - 1"))),
        ("shorter side", "What about the longer", but(REACH, ("max", "min"))),
        ("height alone", r"\(3, 9, 3\).*the longer side", but(REACH, ("max(grid_height, grid_width)", "grid_height"))),
        ("width alone", r"\(12, 3, 5\).*the longer side", but(REACH, ("max(grid_height, grid_width)", "grid_width"))),
        ("down, then across", "at once",
         but(REACH, ("max(grid_height, grid_width) - 1", "grid_height + grid_width - 2"))),
        ("at least one", r"\(1, 1, 3\) gives 1, expected 0. With a single place",
         but(REACH, ("return ", "return max(1, "), ("2))", "2)))"))),
        ("float", "gives 13.0, of type float: the number of layers is a whole",
         "return (max(grid_height, grid_width) - 1) / (kernel // 2)"),
        ("ceil of NumPy", r"13\.0\), of type float64: .*wrap it in int\(\)", but(REACH, ("math", "np"))),
        ("ceil of PyTorch", r"of type Tensor: .* // or math\.ceil", """
            return torch.ceil(torch.tensor((max(grid_height, grid_width) - 1) / (kernel // 2)))"""),
        ("half steps", r"gives 13\.0, of type float: .*wrap it in int\(\)", """
            return -(-(max(grid_height, grid_width) - 1) // ((kernel - 1) / 2))"""),
        ("steps of a ruler", "diagonal step counts as one", """
            return math.ceil(math.hypot(grid_height - 1, grid_width - 1) / (kernel // 2))"""),
        ("the area", "Follow one corner", "return math.ceil((grid_height * grid_width - 1) / (kernel // 2) / 2)"),
        ("half a kernel", r"kernel // 2\.$", "return math.ceil((max(grid_height, grid_width) - 1) / (kernel / 2))"),
        ("string", "whole number", but(REACH, ("return ", "return str("), ("2))", "2)))"))),
        ("endless", "whole number", "return math.inf"),
    ]},
    "check_gradient_by_depth": {
        **{name: (word, but(GRADIENT, *changes)) for name, word, *changes in [
            ("reversed", "order is reversed", ("return norms", "return norms[::-1]")),
            ("from the end", "order is reversed", ("in blocks:", "in reversed(blocks):")),
            ("weights' norms", "parameters themselves", ("for g in gradients", "for g in block.parameters()")),
            ("squares", "take the square root", (".sqrt()", "")),
            ("sum of norms", "added up", ("sum(g.square().sum() for g in gradients).sqrt()",
                                          "sum(g.norm() for g in gradients)")),
            ("largest", "largest norm in each block", ("sum(g.square().sum() for g in gradients).sqrt()",
                                                 "max(g.norm() for g in gradients)")),
            ("mean of norms", "mean over", ("sum(g.square().sum() for g in gradients).sqrt()",
                                            "(sum(g.norm() for g in gradients) / len(gradients))")),
            ("weights alone", "only the weight matrices", ("list(block.parameters())",
                                                       "[p for n, p in block.named_parameters() if p.ndim == 2]")),
            ("running sum", "blocks before it", ("norms = []", "norms, total = [], 0"),
             ("norms.append(sum(g.square().sum() for g in gradients).sqrt().item())",
              "total = total + sum(g.square().sum() for g in gradients); norms.append(total.sqrt().item())")),
            ("each given x", "was given x", ("gradients = torch.autograd.grad(score",
                                             "gradients = torch.autograd.grad(block(x).sum()")),
            ("own output", "own output", ("score = blocks(x).sum()", "table = x"),
             ("gradients =", "table = block(table); gradients ="), ("grad(score", "grad(table.sum()")),
            ("mean", "not its mean", (".sum()\n    norms", ".mean()\n    norms")),
            ("squared score", "sum of its squares", ("blocks(x).sum()", "blocks(x).square().sum()")),
            ("norm as score", "not its norm", ("blocks(x).sum()", "blocks(x).norm()")),
            ("no retain_graph", "has discarded", (", retain_graph=True", "")),
            ("generator", "RuntimeError|TypeError|stopped", ("list(block.parameters())", "block")),
            ("last block", "1 numbers for 3 blocks", ("return norms", "return norms[-1:]")),
            ("one number", "return a list", ("return norms", "return sum(norms)")),
            ("all gradients", "one number", ("sum(g.square().sum() for g in gradients).sqrt().item()", "gradients[1]")),
            ("first parameter", "follow its gradient", ("in gradients)", "in gradients[:1])")),
            ("no sum", r"add \.sum\(\)", ("score = blocks(x).sum()", "score = blocks(x)")),
            ("rounded", "do not round", (".sqrt().item()", ".sqrt().round(decimals=2).item()")),
            ("without the last norm", "only the weight|follow its gradient", ("list(block.parameters())",
                                                           "list(block.parameters())[:-2]")),
            ("absolute values", "absolute values", ("sum(g.square().sum() for g in gradients).sqrt()",
                                                    "sum(g.abs().sum() for g in gradients)")),
            ("root of the mean", "root of their sum", ("sum(g.square().sum() for g in gradients).sqrt()",
             "torch.cat([g.flatten() for g in gradients]).square().mean().sqrt()")),
            ("three blocks only", "3 numbers for 6 blocks", ("in blocks:", "in blocks[:3]:")),
            ("no_grad", "forgotten how it was computed",
             ("score = blocks(x).sum()", "with torch.no_grad(): score = blocks(x).sum()")),
            ("in place", "changes a tensor", ("return norms", "x.zero_(); return norms")),
        ]},
        "accumulating block by block": ("sums over several calls", """
            norms = []
            for block in blocks:
                blocks(x).sum().backward()
                norms.append(sum(p.grad.square().sum() for p in block.parameters()).sqrt().item())
            return norms"""),
        "accumulating": ("second time .* double", """
            blocks(x).sum().backward()
            return [sum(p.grad.square().sum() for p in block.parameters()).sqrt().item() for block in blocks]"""),
        "inputs": ("go into the blocks", but(TABLES, ("in gradients]", "in gradients[:-1]]"))),
        "outputs": ("come out of the blocks", but(TABLES, ("in gradients]", "in gradients[1:]]"))),
        "tables, one too many": ("4 numbers for 3 blocks", TABLES),
    },
}
