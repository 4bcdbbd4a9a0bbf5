"""Answers to the exercises of lesson 4: what a learner may write in place of the stub's `...`."""

from . import but

MIX = """
    hidden = F.gelu(W1 @ x + b1[:, None])
    return W2 @ hidden + b2[:, None]
"""
TURNED = """
    x = x.transpose(1, 2)
    x = F.linear(x, W1, b1)
    x = F.gelu(x)
    x = F.linear(x, W2, b2)
    return x.transpose(1, 2)
"""
ORDER = """
    order = torch.arange(rows * columns).reshape(columns, rows).T.flatten()
    return W1[:, order], b1, W2[order], b2[order]
"""
SHIFT = """
    M = torch.zeros(S, S)
    for s in range(S):
        if s % columns > 0:
            M[s, s - 1] = 1
    eye = torch.eye(S)
    return torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)
"""

RIGHT = {
    "check_token_mlp_parameters": {
        "list": """
            S = (image_size // patch_size) ** 2
            one = (2 * S + 1) * tokens_mlp_dim + S
            return [one, one * hidden_dim]""",
        "layer by layer": """
            S, total = (image_size // patch_size) * (image_size // patch_size), 0
            for inputs, outputs in ((S, tokens_mlp_dim), (tokens_mlp_dim, S)):
                total += (inputs + 1) * outputs
            return total, total * hidden_dim""",
        "build it": """
            from mixer_lib.model import TokenMixing
            S = int(image_size / patch_size) ** 2
            tied = sum(p.numel() for p in TokenMixing(S, tokens_mlp_dim).parameters())
            return np.int64(tied), torch.tensor(tied * hidden_dim)""",
    },
    "check_token_mixing": {
        "channel by channel": """
            columns = [F.linear(F.gelu(F.linear(x[:, :, c], W1, b1)), W2, b2) for c in range(x.shape[2])]
            return torch.stack(columns, dim=2)""",
        "reshaped biases": "return torch.matmul(W2, F.gelu(W1 @ x + b1.reshape(-1, 1))) + b2.unsqueeze(1)",
        "einsum": """
            hidden = nn.GELU()(torch.einsum("ds,bsc->bdc", W1, x) + b1[:, None])
            return torch.einsum("sd,bdc->bsc", W2, hidden) + b2[:, None]""",
        "image by image": """
            return torch.stack([W2 @ F.gelu(W1 @ one + b1[:, None]) + b2[:, None] for one in x])""",
        "as a convolution": """
            hidden = F.gelu(F.conv1d(x, W1[:, :, None], b1))
            return F.conv1d(hidden, W2[:, :, None], b2)""",
    },
    "check_from_column_order": {
        "loop": """
            order = [s % columns * rows + s // columns for s in range(rows * columns)]
            return [W1[:, order], b1, W2[order], b2[order]]""",
        "reshape": """
            D_S = len(b1)
            W1 = W1.reshape(D_S, columns, rows).mT.reshape(D_S, -1)
            W2 = W2.reshape(columns, rows, D_S).swapaxes(0, 1).reshape(-1, D_S)
            return W1, b1.clone(), W2, b2.reshape(columns, rows).T.flatten()""",
        "sorted": """
            order = torch.arange(rows * columns).reshape(rows, columns).T.flatten().argsort()
            return W1[:, order], b1, W2[order], b2[order]""",
    },
    "check_shift_weights": {
        "the matrix second": but(SHIFT, ("torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)",
                                         "torch.cat([eye, -eye]), torch.cat([M, -M], dim=1)")),
        "lists, integers": """
            M = [[int(t == s - 1 and s % columns != 0) for t in range(S)] for s in range(S)]
            M, eye = torch.tensor(M), torch.eye(S, dtype=torch.long)
            return [torch.vstack([M, -M]), torch.hstack([eye, -eye])]""",
        "only the numbers that move": """
            to = [s for s in range(S) if s % columns]
            W1, W2 = torch.zeros(2 * len(to), S), torch.zeros(S, 2 * len(to))
            for unit, s in enumerate(to):
                W1[2 * unit, s - 1], W1[2 * unit + 1, s - 1] = 2, -2
                W2[s, 2 * unit], W2[s, 2 * unit + 1] = 0.5, -0.5
            return W1, W2""",
        "kron": """
            M = torch.kron(torch.eye(rows), torch.diag(torch.ones(columns - 1), -1))
            pair = torch.tensor([[1.0], [-1.0]])
            return torch.kron(M, pair), torch.kron(torch.eye(S), pair.T)""",
    },
}

COUNT = """
    S = (image_size // patch_size) ** 2
    tied = S * tokens_mlp_dim + tokens_mlp_dim + tokens_mlp_dim * S + S
    return tied, hidden_dim * tied
"""
LINE = "tied = S * tokens_mlp_dim + tokens_mlp_dim + tokens_mlp_dim * S + S"

WRONG = {
    "check_token_mlp_parameters": {name: (word, but(COUNT, *changes)) for name, word, *changes in [
        ("swapped", "tied count comes first", ("tied, hidden_dim * tied", "hidden_dim * tied, tied")),
        ("no biases", "The biases are missing", (LINE, "tied = 2 * S * tokens_mlp_dim")),
        ("no first biases", "first layer are missing", (LINE, "tied = 2 * S * tokens_mlp_dim + S")),
        ("no second biases", "second layer are missing", (LINE, "tied = 2 * S * tokens_mlp_dim + tokens_mlp_dim")),
        ("one layer", "second layer, .* is missing", (LINE, "tied = S * tokens_mlp_dim + tokens_mlp_dim")),
        ("one layer, no biases", "two layers, and each", (LINE, "tied = S * tokens_mlp_dim")),
        ("the same layer twice", "so it has S biases", (LINE, "tied = 2 * (S * tokens_mlp_dim + tokens_mlp_dim)")),
        ("one side", "as many rows as columns", (" ** 2", "")),
        ("a channel MLP", "MLP on the channels", ("S = (image_size // patch_size) ** 2", "S = hidden_dim")),
        ("pixels", "not pixels", ("image_size // patch_size", "image_size")),
        ("float", "whole numbers", ("//", "/")),
        ("pixels of a patch", "not the pixels of a patch", ("S = (image_size // patch_size) ** 2",
                                                             "S = patch_size ** 2")),
        ("the second layer's biases twice", "so it has D_S biases", (LINE, "tied = 2 * (S * tokens_mlp_dim + S)")),
        ("the additional ones", "only the additional MLPs", ("hidden_dim * tied", "(hidden_dim - 1) * tied")),
        ("tied twice", "tied count again", ("hidden_dim * tied", "tied")),
        ("one per token", "one MLP per token", ("hidden_dim * tied", "S * tied")),
        ("one per hidden unit", "one MLP per hidden unit", ("hidden_dim * tied", "tokens_mlp_dim * tied")),
        ("shared biases", "its own biases", ("hidden_dim * tied",
                                             "hidden_dim * 2 * S * tokens_mlp_dim + tokens_mlp_dim + S")),
        ("untied without biases", "its own biases", ("hidden_dim * tied", "hidden_dim * 2 * S * tokens_mlp_dim")),
        ("one number", "a tuple", ("tied, hidden_dim * tied", "tied")),
        ("the lesson's S", r"\(12, 4, 5, 7\) gives 247", ("(image_size // patch_size) ** 2", "16")),
        ("the lesson's C", r"\(12, 4, 5, 7\) gives 9,088 for untied", ("hidden_dim * tied", "64 * tied")),
    ]},
    "check_token_mixing": {**{name: (word, but(MIX, *changes)) for name, word, *changes in [
        ("biases along the channels", "The same holds for b2", ("b1[:, None]", "b1"), ("b2[:, None]", "b2")),
        ("b1 along the channels", r"b1 is added along the channels.*b1\[:, None\]\.$", ("b1[:, None]", "b1")),
        ("b2 along the channels", "b2 is added along the channels", ("b2[:, None]", "b2")),
        ("biases as rows", "The same holds for b2", ("b1[:, None]", "b1[None]"), ("b2[:, None]", "b2[None]")),
        ("no GELU", "GELU between the two layers is missing", ("F.gelu(W1 @ x + b1[:, None])", "W1 @ x + b1[:, None]")),
        ("ReLU", "ReLU", ("F.gelu", "F.relu")),
        ("tanh GELU", "tanh approximation", ("+ b1[:, None])", "+ b1[:, None], approximate='tanh')")),
        ("GELU at the end", "one GELU too many", ("W2 @ hidden + b2[:, None]", "F.gelu(W2 @ hidden + b2[:, None])")),
        ("no b1", "b1 is not added", (" + b1[:, None]", "")),
        ("no b2", "b2 is not added", (" + b2[:, None]", "")),
        ("no biases", "the biases are not added", (" + b1[:, None]", ""), (" + b2[:, None]", "")),
        ("b1 after the GELU", "Add it before the GELU", ("W1 @ x + b1[:, None])", "W1 @ x) + b1[:, None]")),
        ("W1 on its side", "W1 is used the wrong way", ("W1 @ x", "W1.T @ x")),
        ("W2 on its side", "W2 is used the wrong way", ("W2 @ hidden", "W2.T @ hidden")),
        ("both on their sides", "the weights are used the wrong way", ("W1 @ x", "W1.T @ x"),
         ("W2 @ hidden", "W2.T @ hidden")),
        ("skip connection", "skip connection", ("return W2", "return x + W2")),
        ("channels mixed", "mixes the channels of each token. The tokens", ("W1 @ x + b1[:, None]",
         "F.linear(x, W1, b1)"), ("W2 @ hidden + b2[:, None]", "F.linear(hidden, W2, b2)")),
        ("biases swapped", "biases are swapped", ("b1[", "b0["), ("b2[", "b1["), ("b0[", "b2[")),
        ("the bias in front", r"RuntimeError.*b1\[:, None\]|at|shape", ("b1[:, None]", "b1[:, None, None]")),
        ("rounded", "do not round", ("return W2 @ hidden + b2[:, None]",
                                       "return (W2 @ hidden + b2[:, None]).round(decimals=3)")),
        ("array", "got ndarray", ("return W2 @ hidden + b2[:, None]", "return (W2 @ hidden + b2[:, None]).numpy()")),
        ("in place", "changes a tensor", ("return", "b2.zero_(); return")),
        ("the first image alone", "shape", ("W1 @ x", "W1 @ x[0]")),
    ]}, **{name: (word, but(TURNED, *changes)) for name, word, *changes in [
        ("with two transposes", "turned on the way, by transpose",),
        ("with .mT", "turned on the way, by mT", ("x.transpose(1, 2)", "x.mT")),
        ("with permute", "turned on the way, by permute", ("x.transpose(1, 2)", "x.permute(0, 2, 1)")),
        ("with swapaxes", "turned on the way, by swapaxes", ("x.transpose(1, 2)", "x.swapaxes(1, 2)")),
        ("with rot90", "turned on the way, by rot90", ("x.transpose(1, 2)", "torch.rot90(x, 1, (1, 2)).flip(1)")),
        ("with as_strided", "turned on the way, by as_strided",
         ("x.transpose(1, 2)", "x.as_strided((x.shape[0], x.shape[2], x.shape[1]), (x.stride(0), x.stride(2), "
                               "x.stride(1)))")),
        ("with einsum", "turned on the way, by einsum of one tensor",
         ("x.transpose(1, 2)", "torch.einsum('bsc->bcs', x)")),
        ("a bias with .T", r"is it a bias that you turn\? Write b1\[:, None\]", (TURNED, but(
            MIX, ("b1[:, None]", "b1[None].T"), ("b2[:, None]", "b2[None].T")))),
        ("not back", "lies on its side", ("return x.transpose(1, 2)", "return x")),
        ("only back", "and then lays the table on its side", ("x = x.transpose(1, 2)", "x = x")),
        ("batch axis", "mixes the images", ("x.transpose(1, 2)", "x.transpose(0, 2)")),
        ("reshape", "mixes the channels of each token. The tokens", ("x = x.transpose(1, 2)", "B, S, C = x.shape; "
         "x = x.reshape(B, C, S)"), ("return x.transpose(1, 2)", "return x.reshape(B, S, C)")),
        ("square tables only", r"RuntimeError.*`x = x\.reshape",
         ("F.gelu(x)", "F.gelu(x)\n    x = x.reshape(4, 4, 4)")),
    ]},
        "the library's": ("turned on the way, by transpose", """
            from mixer_lib.model import TokenMixing
            layer = TokenMixing(x.shape[1], len(b1))
            layer.load_state_dict({"fc1.weight": W1, "fc1.bias": b1, "fc2.weight": W2, "fc2.bias": b2})
            return layer(x)"""),
    },
    "check_from_column_order": {name: (word, but(ORDER, *changes)) for name, word, *changes in [
        ("inverse", "W1 is in the inverse order", ("reshape(columns, rows)", "reshape(rows, columns)")),
        ("W1 left", "W1 is unchanged", ("W1[:, order]", "W1")),
        ("rows of W1", "rows of W1 have moved. A row", ("W1[:, order]", "W1[order]")),
        ("rows of W1, inverse", "rows of W1 have moved, in the inv", ("W1[:, order]", "W1[order.argsort()]")),
        ("b1 moved", "b1 has moved. It", ("b1,", "b1[order],")),
        ("b1 moved, inverse", "b1 has moved, but", ("b1,", "b1[order.argsort()],")),
        ("W2 left", "W2 is unchanged", ("W2[order]", "W2")),
        ("W2 inverse", "W2 is in the inverse order", ("W2[order]", "W2[order.argsort()]")),
        ("columns of W2", "columns of W2 have moved. A col", ("W2[order]", "W2[:, order]")),
        ("columns of W2, inverse", "columns of W2 have moved, in the inv", ("W2[order]", "W2[:, order.argsort()]")),
        ("b2 left", "b2 is unchanged", ("b2[order]", "b2")),
        ("b2 inverse", "b2 is in the inverse order", ("b2[order]", "b2[order.argsort()]")),
        ("nothing", "W1 is unchanged", ("W1[:, order], b1, W2[order], b2[order]", "W1, b1, W2, b2")),
        ("upside down", "The mistake is in W1", ("flatten()", "flatten().flip(0)")),
        ("no b1", "return four tensors", ("b1, ", "")),
        ("W1 on its side", "The mistake is in W1", ("W1[:, order]", "W1.T[order]")),
        ("2 x 3 only", r"shape \[5, 6\], expected \[5, 12\]",
         ("order = torch.arange(rows * columns).reshape(columns, rows).T.flatten()", "order = [0, 2, 4, 1, 3, 5]")),
        ("another order", r"b1 has shape \[6, 6\], expected \[6\]. Return W1, b1, W2, b2",
         ("b1, W2[order]", "W2[order], b1")),
        ("W2 flattened", r"W2 has shape \[36\], expected \[6, 6\]", ("W2[order]", "W2[order].flatten()")),
        ("in place", "changes a tensor", ("return W1[:, order]", "W1[:] = W1[:, order]; return W1")),
    ]},
    "check_shift_weights": {name: (word, but(SHIFT, *changes)) for name, word, *changes in [
        ("nothing", "nothing moves", ("M[s, s - 1]", "M[s, s]"), ("if s % columns > 0", "if True")),
        ("left", "moves left", ("M[s, s - 1]", "M[s - 1, s]")),
        ("down", "moves down", ("s % columns > 0", "s >= columns"), ("s - 1", "s - columns")),
        ("up", "moves up", ("s % columns > 0", "s >= columns"), ("M[s, s - 1]", "M[s - columns, s]")),
        ("along the table", "They are neighbors in the table, but", ("s % columns > 0", "s > 0")),
        ("along the table, around", "and token 0 that of the very last", ("s % columns > 0", "True")),
        ("around", "comes back at the left", ("M[s, s - 1] = 1",
         "M[s, s - 1] = 1\n        else:\n            M[s, s + columns - 1] = 1")),
        ("the right edge", "the right edge is 0 here", ("s % columns > 0", "0 < s and s % columns < columns - 1")),
        ("twice as far", "two places", ("[eye, -eye]", "[M, -M]")),
        ("no minus in W1", "everything is 0", ("[M, -M]", "[M, M]")),
        ("GELU ignored", "GELU is still in the way",
         ("torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)", "M, eye")),
        ("GELU as a half", "twice gelu", ("torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)", "M, 2 * eye")),
        ("small weights", "only nearly", ("torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)",
                                          "0.01 * M, 200 * eye")),
        ("large weights", "the right shift, but the GELU", ("torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)",
                                                            "1000 * M, eye / 1000")),
        ("plus", "Subtract one of the two", ("[eye, -eye]", "[eye, eye]")),
        ("minus the wrong one", "the wrong sign", ("[eye, -eye]", "[-eye, eye]")),
        ("twice", "twice as large", ("[eye, -eye]", "[2 * eye, -2 * eye]")),
        ("half", "half as large", ("[eye, -eye]", "[eye / 2, -eye / 2]")),
        ("W1 on its side", r"W1 has shape \[12, 24\] and W2 \[12, 24\]", ("torch.cat([M, -M])",
         "torch.cat([M, -M]).T")),
        ("both on their sides", "each row is an output", ("torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)",
         "torch.cat([M, -M]).T, torch.cat([eye, -eye], dim=1).T")),
        ("no second layer", r"return two tensors", (", torch.cat([eye, -eye], dim=1)", "")),
        ("a bias, too", "return two tensors", ("return", "return torch.zeros(2 * S),")),
        ("a grid of 4 columns only", r"grid of 2 x 3", ("% columns", "% 4")),
        ("lists", "return two tensors", ("return torch.cat([M, -M])", "return M.tolist()")),
    ]},
}
