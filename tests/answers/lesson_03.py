"""Answers to the exercises of lesson 3: what a learner may write in place of the stub's `...`."""

from . import but

RIGHT = {
    "check_layer_norm": {
        "std": """
            spread = (torch.std(x, dim=-1, correction=0, keepdim=True) ** 2 + eps) ** 0.5
            return (x - x.mean(-1, True)).div(spread).mul(scale).add(shift)""",
        "squares": """
            d = x - x.mean(-1, keepdim=True)
            return shift + scale * d * torch.rsqrt((d ** 2).mean(-1, keepdim=True) + eps)""",
        "var_mean": """
            var, mean = torch.var_mean(x, dim=-1, unbiased=False, keepdim=True)
            return (x - mean) / torch.sqrt(var + eps) * scale + shift""",
        "loop": """
            rows = []
            for token in x.reshape(-1, x.shape[-1]):
                d = token - token.mean()
                rows.append(d / math.sqrt((d * d).mean() + eps) * scale + shift)
            return torch.stack(rows).reshape(x.shape)""",
        "double": """
            y = x.double()
            y = y - y.sum(-1, keepdim=True) / y.shape[-1]
            return scale * y / (y.pow(2).sum(-1, keepdim=True) / y.shape[-1] + eps).sqrt() + shift""",
        "two means": """
            mean, square = x.mean(-1)[..., None], (x ** 2).mean(-1)[..., None]
            return (x - mean) / (square - mean ** 2 + eps).sqrt() * scale + shift""",
    },
    "check_channel_mixing": {
        "F.linear": "return x + F.linear(F.gelu(F.linear(norm(x), W1, b1)), W2, b2)",
        "loop": """
            rows = []
            for token in x.reshape(-1, x.shape[-1]):
                rows.append(token + W2 @ F.gelu(W1 @ norm(token) + b1) + b2)
            return torch.stack(rows).reshape(x.shape)""",
        "modules": """
            fc1, fc2 = nn.Linear(*W1.T.shape), nn.Linear(*W2.T.shape)
            for layer, W, b in ((fc1, W1, b1), (fc2, W2, b2)):
                layer.weight.data, layer.bias.data = W, b
            return fc2(nn.GELU()(fc1(norm(x)))) + x""",
        "einsum and erf": """
            z = torch.einsum("bsc,dc->bsd", norm(x), W1) + b1
            h = z * (1 + torch.erf(z / math.sqrt(2))) / 2
            return x + torch.einsum("bsd,cd->bsc", h, W2) + b2""",
    },
    "check_mixes_tokens": {
        "loop over tokens": """
            x = torch.randn(1, S, C)
            before = layer(x)
            for i in range(S):
                nudged = x.clone()
                nudged[0, i] = torch.randn(C)
                after = layer(nudged)
                for j in range(S):
                    if j != i and not torch.equal(after[0, j], before[0, j]):
                        return True
            return False""",
        "backward": """
            x = torch.randn(1, S, C, requires_grad=True)
            for j in range(S):
                for c in range(C):
                    grad, = torch.autograd.grad(layer(x)[0, j, c], x)
                    others = [i for i in range(S) if i != j]
                    if grad[0, others].abs().max() > 0:
                        return True
            return False""",
        "a tensor, in double": """
            J = torch.func.jacrev(lambda x: layer(x[None])[0])(torch.randn(S, C, dtype=torch.float64))
            moves = J.abs().amax(dim=(1, 3))
            return (moves - moves.diagonal().diag() > 0).any()""",
        "NumPy": """
            from mixer_lib.analysis import influence
            moves = influence(layer, torch.randn(S, C)).numpy()
            np.fill_diagonal(moves, 0)
            return np.any(moves)""",
    },
}

NORM = """
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.var(dim=-1, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * scale + shift
"""
MIX = """
    y = norm(x)
    hidden = F.gelu(y @ W1.T + b1)
    return x + hidden @ W2.T + b2
"""
TELL = """
    from mixer_lib.analysis import influence
    moves = influence(layer, torch.randn(S, C))
    off_diagonal = ~torch.eye(S, dtype=torch.bool)
    return bool((moves[off_diagonal] != 0).any())
"""
NUDGE = """
    x = torch.randn(1, S, C)
    for s in range(S):
        other = x.clone()
        other[0, s] += torch.randn(C)
        moved = (layer(other) != layer(x))[0].any(dim=-1)
        moved[s] = False
        if moved.any():
            return True
    return False
"""

WRONG = {
    "check_layer_norm": {name: (word, but(NORM, *changes)) for name, word, *changes in [
        ("no scale, no shift", "scale and the shift are missing", (" * scale + shift", "")),
        ("no scale", "scale is missing", (" * scale", "")),
        ("no shift", "shift is missing", (" + shift", "")),
        ("shift scaled", "shift is scaled, too", ("(x - mean) / (variance + eps).sqrt() * scale + shift",
                                                  "((x - mean) / (variance + eps).sqrt() + shift) * scale")),
        ("scale and shift swapped", "scale and shift are swapped", ("* scale + shift", "* shift + scale")),
        ("over tokens", "over the tokens", ("dim=-1", "dim=-2")),
        ("over the table", "whole table", ("dim=-1", "dim=(-2, -1)")),
        ("over all", "all images together", ("dim=-1, keepdim=True", ""), ("dim=-1, correction=0, keepdim=True",
                                                                       "correction=0")),
        ("axis 1", "over the tokens", ("dim=-1", "dim=1")),
        ("axis 2", r"IndexError.*-1 is the last one", ("dim=-1", "dim=2")),
        ("unbiased", "divides by C - 1", ("correction=0, ", "")),
        ("no root", "divides by the variance", (".sqrt()", "")),
        ("times", "divide by it", (") / (", ") * (")),
        ("mean left", "mean was not subtracted", ("(x - mean)", "x")),
        ("mean alone", "the spread was not", (" / (variance + eps).sqrt()", "")),
        ("eps outside", "outside the square root", ("(variance + eps).sqrt()", "(variance.sqrt() + eps)")),
        ("no eps", "some numbers are nan", (" + eps", "")),
        ("no eps, blank tokens left out", "eps has no effect", ("(variance + eps)", "variance.clamp(min=1e-30)")),
        ("its own eps", "not the one that you are given", ("+ eps", "+ 1e-6")),
        ("no keepdim", r"RuntimeError.*keepdim=True\)\?$", (", keepdim=True", "")),
        ("half", "Compute one token by hand", ("+ shift", "+ shift / 2")),
        ("rounded", "do not round", ("+ shift", "+ shift).round(decimals=3)"), ("return (x", "return ((x")),
        ("blank tokens left as they are", "at .* the result has 0, expected", ("    return (x - mean)",
         "    scale, shift = torch.where(variance > 0, scale, 0), torch.where(variance > 0, shift, 0)\n"
         "    return (x - mean)")),
        ("largest in place of deviation", "Compute one token by hand", ("(variance + eps).sqrt()",
                                                                   "(x - mean).abs().amax(-1, keepdim=True).add(eps)")),
        ("mean absolute deviation", "Compute one token by hand", ("(variance + eps).sqrt()",
                                                        "(x - mean).abs().mean(-1, keepdim=True).add(eps)")),
        ("list", "got list", ("+ shift", "+ shift\n    return x.tolist()"), ("return (x - mean)", "x = (x - mean)")),
        ("in place", "changes a tensor", ("return", "x -= mean\n    return"), ("(x - mean)", "x")),
    ]} | {
        "F.layer_norm": ("PyTorch's layer_norm", "return F.layer_norm(x, [x.shape[-1]], scale, shift, eps)"),
        "torch.layer_norm": ("PyTorch's layer_norm", "return torch.layer_norm(x, x.shape[-1:], scale, shift, eps)"),
        "nn.LayerNorm": ("PyTorch's layer_norm", """
            norm = nn.LayerNorm(len(scale), eps=eps)
            norm.weight.data, norm.bias.data = scale, shift
            return norm(x)"""),
        "GroupNorm": ("PyTorch's group_norm", """
            flat = x.reshape(-1, x.shape[-1])
            return F.group_norm(flat, 1, scale, shift, eps).reshape(x.shape)"""),
    },
    "check_channel_mixing": {name: (word, but(MIX, *changes)) for name, word, *changes in [
        ("untouched", "all three mistakes", ("y = norm(x)", "x = y = norm(x)"), (" + b1", ""),
         ("F.gelu(y @ W1.T)", "y @ W1.T"), ("hidden @ W2.T + b2", "F.gelu(hidden @ W2.T + b2)")),
        ("the GELU repaired", "two mistakes .*residual.*b1", ("y = norm(x)", "x = y = norm(x)"), (" + b1", "")),
        ("b1 repaired", "two mistakes .*residual.*GELU", ("y = norm(x)", "x = y = norm(x)"),
         ("F.gelu(y @ W1.T + b1)", "y @ W1.T + b1"), ("hidden @ W2.T + b2", "F.gelu(hidden @ W2.T + b2)")),
        ("the residual repaired", "two mistakes .*b1.*GELU", (" + b1", ""),
         ("F.gelu(y @ W1.T)", "y @ W1.T"), ("hidden @ W2.T + b2", "F.gelu(hidden @ W2.T + b2)")),
        ("weights on the left", "W1 and W2 stand on the left", ("y @ W1.T", "W1 @ y"),
         ("hidden @ W2.T", "W2 @ hidden")),
        ("W1 on the left", "W1 stands on the left", ("y @ W1.T", "W1 @ y")),
        ("W2 on the left", "W2 stands on the left", ("hidden @ W2.T", "W2 @ hidden")),
        ("rounded", "do not round", ("return x + hidden @ W2.T + b2",
                                       "return (x + hidden @ W2.T + b2).round(decimals=3)")),
        ("no residual", "residual connection is missing", ("x + hidden", "hidden")),
        ("GELU of the sum", "the one after the sum", ("x + hidden @ W2.T + b2", "F.gelu(x + hidden @ W2.T + b2)")),
        ("no norm", "norm is missing", ("norm(x)", "x")),
        ("neither", "the MLP alone", ("norm(x)", "x"), ("x + hidden", "hidden")),
        ("residual of the norm", "normalized table", ("x + hidden", "y + hidden")),
        ("another norm", "call norm", ("norm(x)", "F.layer_norm(x, x.shape[-1:], eps=1e-6)")),
        ("norm last", "it comes last", ("norm(x)", "x"), ("x + hidden @ W2.T + b2", "norm(x + hidden @ W2.T + b2)")),
        ("norm on the answer", "applied to the MLP's answer", ("norm(x)", "x"),
         ("hidden @ W2.T + b2", "norm(hidden @ W2.T + b2)")),
        ("GELU after the second", "after the second layer. It belongs", ("F.gelu(y @ W1.T + b1)", "y @ W1.T + b1"),
         ("hidden @ W2.T + b2", "F.gelu(hidden @ W2.T + b2)")),
        ("GELU twice", "one GELU too many", ("hidden @ W2.T + b2", "F.gelu(hidden @ W2.T + b2)")),
        ("GELU first", "before the first layer", ("F.gelu(y @ W1.T + b1)", "F.gelu(y) @ W1.T + b1")),
        ("no GELU", "the two layers act as one", ("F.gelu(y @ W1.T + b1)", "y @ W1.T + b1")),
        ("ReLU", "this switch is ReLU", ("F.gelu", "F.relu")),
        ("SiLU", "this switch is SiLU", ("F.gelu", "F.silu")),
        ("tanh form", "tanh form", ("+ b1)", "+ b1, approximate='tanh')")),
        ("b1 after the GELU", "b1 is added after the GELU", ("F.gelu(y @ W1.T + b1)", "F.gelu(y @ W1.T) + b1")),
        ("norm twice", "applied twice", ("norm(x)", "norm(norm(x))")),
        ("subtracted", "subtracted from x", ("return x + hidden @ W2.T + b2", "return x - (hidden @ W2.T + b2)")),
        ("biases swapped", "biases are swapped", ("+ b1", "+ b0"), ("W2.T + b2", "W2.T + b1"), ("+ b0", "+ b2")),
        ("weights swapped", "weights are swapped", ("W1.T", "W0.T"), ("W2.T", "W1.T"), ("W0.T", "W2.T")),
        ("x added too early", "Add x at the very end", ("x + hidden @ W2.T", "(x + hidden) @ W2.T")),
        ("the default eps", r"has -?0\.(\d+), expected -?0\.(?!\1,)", (
            "norm(x)", "F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias)")),
        ("no biases", "both biases", (" + b1", ""), (" + b2", "")),
        ("no b1", "b1, is missing", (" + b1", "")),
        ("no b2", "b2, is missing", (" + b2", "")),
        ("W1 not transposed", "W1 is used on its side", ("W1.T", "W1")),
        ("W2 not transposed", "W2 is used on its side", ("W2.T", "W2")),
        ("neither transposed", "both weights", ("W1.T", "W1"), ("W2.T", "W2")),
        ("over tokens", "that is lesson 4", ("norm(x)", "norm(x).mT"), ("hidden @ W2.T + b2",
                                                                         "(hidden @ W2.T + b2).mT")),
        ("sigmoid", "MyChannelMixing", ("F.gelu", "F.sigmoid")),
        ("table by table", r"shape \[3, 3\]", ("norm(x)", "norm(x[0])"), ("x + hidden", "x[0] + hidden")),
        ("biases as columns", r"at \[0, 0, 0\]|RuntimeError", ("+ b1", "+ b1[:, None]")),
        ("in place", "changes a tensor", ("return x + hidden @ W2.T + b2", "x += hidden.detach() @ W2.T + b2\n"
                                          "    return x"), ("norm(x)", "norm(x).detach()")),
    ]},
    "check_mixes_tokens": {
        **{name: (word, but(TELL, *changes)) for name, word, *changes in [
            ("diagonal included", "channel mixing. You say True.*leave out the diagonal", ("moves[off_diagonal]",
                                                                                         "moves")),
            ("the wrong way round", "channel mixing. You say True", ("bool((", "not bool((")),
            ("zeros", "squared mean token.*random", ("randn", "zeros")),
            ("ones", "variance over the tokens.*equal rows", ("randn", "ones")),
            ("above the diagonal", "token 3 looks at token 0", ("moves[off_diagonal]", "moves.triu(1)")),
            ("neighbors on both sides", "token 3 looks at token 0", ("moves[off_diagonal]",
             "torch.cat([moves.diagonal(1), moves.diagonal(-1)])")),
            ("threshold", "mixes weakly.*Small is not zero", ("!= 0", "> 0.01")),
            ("all must move", "token mixing|always answers|moves every row", (".any()", ".all()")),
            ("channels in place of tokens", "channel mixing. You say True|IndexError",
             ("(layer, torch.randn(S, C))", '(layer, torch.randn(S, C), between="channels")')),
            ("the neighbors only", "You say False", ("moves[off_diagonal]", "moves.diagonal(-1)")),
            ("the lesson's sizes", r"takes \[B, S, C\], here \[B, 5, 3\], but it was given \[1, 16, 64\]",
             ("torch.randn(S, C)", "torch.randn(16, 64)")),
            ("a table", "not an array", ("bool((moves[off_diagonal] != 0).any())", "moves != 0")),
            ("a count", "not int", ("bool((moves[off_diagonal] != 0).any())", "int((moves[off_diagonal] != 0).sum())")),
            ("a strength", "not float", ("bool((moves[off_diagonal] != 0).any())", "moves[off_diagonal].max()")),
        ]},
        "the sum of the channels": ("takes it from channel 1.*look at each channel", """
            x = torch.randn(1, S, C, requires_grad=True)
            for s in range(S):
                grad, = torch.autograd.grad(layer(x)[0, s].sum(), x)
                grad[0, s] = 0
                if grad.any():
                    return True
            return False"""),
        **{name: (word, but(NUDGE, *changes)) for name, word, *changes in [
            ("first token only", "token 2 looks at token 3.*Move each token", ("range(S)", "[0]")),
            ("first channel only", "last channel only", ("other[0, s] += torch.randn(C)",
                                                         "other[0, s, 0] += torch.randn(1).item()")),
            ("all channels alike", "then token mixing.*different amounts", ("torch.randn(C)", "0.5"),
             ("(layer(other) != layer(x))", "((layer(other) - layer(x)).abs() > 1e-5)")),
            ("first output only", "You say False.*Move each token", ("        moved[s] = False",
                                                                    "        moved[1:] = moved[s] = False")),
            ("rounded", "mixes weakly", ("(layer(other) != layer(x))", "((layer(other) - layer(x)).abs() > 0.01)")),
            ("from a table of zeros", "by the one above it.*no single nudge", ("torch.randn(1, S, C)",
                                                                          "torch.zeros(1, S, C)"),
             ("(layer(other) != layer(x))", "((layer(other) - layer(x)) != 0)")),
            ("a second name", r"token mixing.*make a copy with `x\.clone", ("x.clone()", "x")),
            ("one copy for all", "channel mixing. You say True", ("    for s in range(S):\n        other = x.clone()",
                                                               "    other = x.clone()\n    for s in range(S):")),
            ("without the batch", r"it was given \[5, 3\]", ("torch.randn(1, S, C)", "torch.randn(S, C)"),
             ("other[0, s]", "other[s]")),
            ("one token alone", r"it was given \[3\]", ("layer(other)", "layer(other[0, s])")),
            ("five tokens only", r"in mixes_tokens\(function, 4, 2\)|IndexError", ("range(S)", "range(5)")),
            ("own token counted", "channel mixing. You say True", ("        moved[s] = False\n", "")),
        ]},
        "always": ("channel mixing. You say True", "return True"),
        "never": ("token mixing. You say False", "return False"),
        "by shuffling": ("where the token stands", """
            x, order = torch.randn(1, S, C), torch.randperm(S)
            while (order == torch.arange(S)).any():
                order = torch.randperm(S)
            return not torch.allclose(layer(x[:, order]), layer(x)[:, order], atol=1e-5)"""),
        "a word": ("not str", "return 'yes'"),
    },
}
