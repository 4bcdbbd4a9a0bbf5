"""Answers to the exercises of lesson 10: what a learner may write in place of the stub's `...`."""

from . import but

STEM = """
    conv = nn.Conv2d(in_channels, linear.out_features, P, stride=P)
    conv.weight.data.copy_(linear.weight.view(linear.out_features, in_channels, P, P))
    conv.bias.data.copy_(linear.bias)
    return conv
"""
FC1 = """
    D_S = fc1.out_features
    conv = nn.Conv2d(1, D_S, (rows, columns))
    conv.weight.data.copy_(fc1.weight.view(D_S, 1, rows, columns))
    conv.bias.data.copy_(fc1.bias)
    return conv
"""
MIX = """
    B, C, H, W = maps.shape
    folded = maps.reshape(B * C, 1, H, W)
    kernels = W1.view(-1, 1, H, W)
    hidden = gelu(conv2d(folded, kernels, b1))
    stamps = W2.T.reshape(-1, 1, H, W)
    mixed = conv_transpose2d(hidden, stamps) + b2.view(H, W)
    return mixed.reshape(B, C, H, W)
"""
CONVOLUTION = """
    seen = {}
    for s in range(rows * columns):
        for t in range(rows * columns):
            down, right = t // columns - s // columns, t % columns - s % columns
            first = seen.setdefault((down, right), M[s, t])
            if abs(M[s, t] - first) > 1e-4:
                return False
    return True
"""

RIGHT = {
    "check_stem_as_conv": {
        "parameters": """
            C = len(linear.weight)
            conv = nn.Conv2d(in_channels, C, (P, P), (P, P), padding="valid")
            conv.weight = nn.Parameter(linear.weight.detach().reshape(C, in_channels, P, P).clone())
            conv.bias = nn.Parameter(linear.bias.detach().clone())
            return conv""",
        "no_grad": """
            conv = nn.Conv2d(in_channels, linear.out_features, P, stride=P)
            with torch.no_grad():
                for d in range(linear.in_features):
                    c, u, v = d // P ** 2, d // P % P, d % P
                    conv.weight[:, c, u, v] = linear.weight[:, d]
                conv.bias[:] = linear.bias
            return conv""",
        "load": """
            conv = nn.Conv2d(in_channels, linear.out_features, P, P)
            conv.load_state_dict({"weight": linear.weight.unflatten(1, (in_channels, P, P)), "bias": linear.bias})
            return conv""",
    },
    "check_mix_tokens": {
        "a 1 x 1 convolution and a reshape": """
            B, C, H, W = maps.shape
            hidden = F.gelu(F.conv2d(maps.flatten(0, 1)[:, None], W1.view(-1, 1, H, W), b1))
            return F.conv2d(hidden, W2[:, :, None, None], b2).reshape(B, C, H, W)""",
        "depth-wise, repeated": """
            (C, H, W), D_S = maps.shape[1:], len(W1)
            hidden = conv2d(maps, W1.view(D_S, 1, H, W).repeat(C, 1, 1, 1), b1.repeat(C), groups=C)
            stamps = W2.mT.contiguous().view(D_S, 1, H, W).repeat(C, 1, 1, 1)
            return conv_transpose2d(gelu(hidden), stamps, groups=C) + b2.reshape(H, W)""",
        "modules, channel by channel": """
            B, C, H, W = maps.shape
            first, second = nn.Conv2d(1, len(W1), (H, W)), nn.ConvTranspose2d(len(W1), 1, (H, W), bias=False)
            first.weight.data, first.bias.data = W1.view(-1, 1, H, W), b1
            second.weight.data = W2.T.unflatten(1, (1, H, W))
            out = [second(nn.GELU()(first(maps[:, c:c + 1]))) for c in range(C)]
            return (torch.cat(out, dim=1) + b2.view(1, 1, H, W)).detach()""",
    },
    "check_fc1_as_conv": {
        "place by place": """
            conv = nn.Conv2d(1, len(fc1.weight), (rows, columns))
            with torch.no_grad():
                for s in range(rows * columns):
                    conv.weight[:, 0, s // columns, s % columns] = fc1.weight[:, s]
                conv.bias.copy_(fc1.bias)
            return conv""",
        "with a stride, which it has no use for": """
            conv = nn.Conv2d(1, fc1.out_features, (rows, columns), stride=(rows, columns))
            conv.weight.data.copy_(fc1.weight.view(-1, 1, rows, columns))
            conv.bias.data.copy_(fc1.bias)
            return conv""",
        "load": """
            conv = nn.Conv2d(1, fc1.out_features, (rows, columns))
            conv.load_state_dict({"weight": fc1.weight.reshape(-1, 1, rows, columns), "bias": fc1.bias})
            return conv""",
    },
    "check_is_convolution": {
        "neighbors": """
            M = M.reshape(rows, columns, rows, columns)
            down = torch.allclose(M[1:, :, 1:], M[:-1, :, :-1], atol=1e-4)
            right = torch.allclose(M[:, 1:, :, 1:], M[:, :-1, :, :-1], atol=1e-4)
            return down and right""",
        "rebuild it": """
            kernel = np.zeros((2 * rows, 2 * columns))
            S = rows * columns
            for s in range(S):
                for t in range(S):
                    kernel[t // columns - s // columns, t % columns - s % columns] = M[s, t]
            again = [[kernel[t // columns - s // columns, t % columns - s % columns] for t in range(S)]
                     for s in range(S)]
            return np.allclose(again, M.numpy(), atol=1e-4)""",
        "a tensor": """
            S = rows * columns
            u, v = torch.arange(S) // columns, torch.arange(S) % columns
            code = (u[None] - u[:, None]) * 100 + (v[None] - v[:, None])
            spread = [M[code == c].max() - M[code == c].min() for c in code.unique()]
            return (torch.stack(spread) < 1e-4).all()""",
    },
}

WRONG = {
    "check_stem_as_conv": {entry: (word, but(STEM, *changes)) for entry, word, *changes in [
        ("random", "the linear layer's, in another shape", ("conv.weight.data.copy_", "(lambda w: w)")),
        ("no stride", "from one stop of the window", (", stride=P)", ")")),
        ("not data", r"Copy into conv\.weight\.data", ("conv.weight.data.copy_", "conv.weight.copy_")),
        ("a tensor for a parameter", r"Copy into conv\.weight\.data",
         ("conv.weight.data.copy_(", "conv.weight = ("), ("P, P))", "P, P).detach())")),
        ("no bias", "the bias is missing", (", stride=P)", ", stride=P, bias=False)"),
         ("conv.bias.data.copy_(linear.bias)", "pass")),
        ("bias left", "in the bias: copy it", ("conv.bias.data.copy_(linear.bias)", "pass")),
        ("bias zero", "the bias is 0", ("conv.bias.data.copy_(linear.bias)", "conv.bias.data.zero_()")),
        ("color last", "not .row, column, color", (".view(linear.out_features, in_channels, P, P)",
         ".view(linear.out_features, P, P, in_channels).permute(0, 3, 1, 2)")),
        ("transposed", "rows and columns", ("P, P))", "P, P).mT)")),
        ("turned", "180", ("P, P))", "P, P).flip(2, 3))")),
        ("axes", "colors are swapped", (".view(linear.out_features, in_channels, P, P)",
         ".view(in_channels, linear.out_features, P, P).transpose(0, 1)")),
        ("the other way", "You swapped the two", ("nn.Conv2d(in_channels, linear.out_features,",
         "nn.Conv2d(linear.out_features, in_channels,"), ("conv.weight.data", "return conv; conv.weight.data")),
        ("D in", r"from 48 to 5 channels, expected from 3 to 5", ("nn.Conv2d(in_channels, linear.out_features, P,",
         "nn.Conv2d(linear.in_features, linear.out_features, P,"),
         ("conv.weight.data", "return conv; conv.weight.data")),
        ("padding", "there is padding", (", stride=P)", ", stride=P, padding=1)")),
        ("the numbers", "a Parameter, expected the nn.Conv2d", ("return conv", "return conv.weight")),
        ("changed", "changes the linear layer that it is given",
         ("return conv", "linear.bias.data.zero_(); return conv")),
        ("frozen", "is frozen", ("return conv", "return conv.requires_grad_(False)")),
        ("dilation", "the dilation is", (", stride=P)", ", stride=P, dilation=2)")),
        ("shared memory", "shares its memory", ("conv.weight.data.copy_(linear.weight.view(linear.out_features, "
         "in_channels, P, P))", "conv.weight.data = linear.weight.data.view(-1, in_channels, P, P)")),
        ("shared bias", "shares its memory", ("conv.bias.data.copy_(linear.bias)", "conv.bias = linear.bias")),
        ("no view", "view the weights in this shape", (".view(linear.out_features, in_channels, P, P)", "")),
    ]},
    "check_mix_tokens": {entry: (word, but(MIX, *changes)) for entry, word, *changes in [
        ("as it was", "all three mistakes", ("W1.view(-1, 1, H, W)", "W1.view(-1, 1, H, W).flip(2, 3)"),
         ("W2.T.", "W2."), ("stamps) + b2.view(H, W)", "stamps, b2.mean(dim=0, keepdim=True))")),
        ("kernels repaired", "The stamps and the last bias are still wrong", ("W2.T.", "W2."),
         ("stamps) + b2.view(H, W)", "stamps, b2.mean(dim=0, keepdim=True))")),
        ("stamps repaired", "stamps are right now", ("W1.view(-1, 1, H, W)", "W1.view(-1, 1, H, W).flip(2, 3)"),
         ("stamps) + b2.view(H, W)", "stamps) + b2.mean()")),
        ("bias repaired", "bias is right now", ("W1.view(-1, 1, H, W)", "W1.view(-1, 1, H, W).flip(2, 3)"),
         ("W2.T.", "W2.")),
        ("turned", "still turned by 180", ("W1.view(-1, 1, H, W)", "W1.view(-1, 1, H, W).flip(2, 3)")),
        ("stamps of rows", "reshape reads row by row", ("W2.T.", "W2.")),
        ("stamps turned", "stamps are turned", ("W2.T.reshape(-1, 1, H, W)", "W2.T.reshape(-1, 1, H, W).flip(2, 3)")),
        ("one bias", "a single number was added", ("b2.view(H, W)", "b2.mean()")),
        ("no bias", "b2 is missing", (" + b2.view(H, W)", "")),
        ("two biases", "added twice", ("stamps) +", "stamps, b2.mean(dim=0, keepdim=True)) +")),
        ("no gelu", "GELU is missing", ("gelu(", "(")),
        ("relu", "this is ReLU", ("gelu(", "torch.relu(")),
        ("tanh", "the tanh form", ("kernels, b1))", "kernels, b1), approximate='tanh')")),
        ("residual", "after the residual sum", ("return mixed.reshape(B, C, H, W)",
                                                "return maps + mixed.view_as(maps)")),
        ("still folded", "still folded", ("return mixed.reshape(B, C, H, W)", "return mixed")),
        ("a linear layer", "come from (linear|matmul|__matmul__|einsum)", ("conv2d(folded, kernels, b1)",
         "F.linear(folded.flatten(1), W1, b1)[:, :, None, None]")),
        ("einsum", "come from einsum", ("return mixed", "mixed = torch.einsum('sd,nduv->ns', W2, hidden) + b2\n"
                                        "    return mixed")),
        ("at", "come from", ("return mixed", "mixed = hidden.flatten(1) @ W2.T + b2\n    return mixed")),
        ("sums", "no convolution was called", ("conv2d(folded, kernels, b1)",
         "((folded.unsqueeze(1) * kernels.unsqueeze(0)).sum((2, 3, 4)) + b1)[:, :, None, None]"),
         ("conv_transpose2d(hidden, stamps)", "(hidden[:, :, None] * stamps).sum(1)")),
        ("sums in the second layer", "only one convolution was called", ("return mixed.reshape(B, C, H, W)",
         "return ((hidden.flatten(1)[:, None] * W2).sum(-1) + b2).view(B, C, H, W)"),
         ("mixed = conv_transpose2d(hidden, stamps) + b2.view(H, W)\n", "\n")),
        ("rows and columns", "The numbers in brackets|stopped with", ("b2.view(H, W)", "b2.view(W, H).T")),
        ("channels as a batch of the wrong order", "The numbers in brackets", ("maps.reshape(B * C, 1, H, W)",
         "maps.transpose(0, 1).reshape(B * C, 1, H, W)")),
    ]},
    "check_fc1_as_conv": {entry: (word, but(FC1, *changes)) for entry, word, *changes in [
        ("random", "the linear layer's, in another shape", ("conv.weight.data.copy_", "(lambda w: w)")),
        ("swapped", "Rows come first", ("(rows, columns))", "(columns, rows))"),
         ("1, rows, columns", "1, columns, rows")),
        ("column order", "column by column", ("1, rows, columns)", "1, columns, rows).mT")),
        ("turned", "180", ("1, rows, columns)", "1, rows, columns).flip(2, 3)")),
        ("transposed", "a row of fc1.weight is a hidden unit", ("fc1.weight.view", "fc1.weight.T.reshape")),
        ("places as channels", "treats the places as channels", ("nn.Conv2d(1, D_S, (rows, columns))",
         "nn.Conv2d(rows * columns, D_S, 1)"), (".view(D_S, 1, rows, columns)", "[:, :, None, None]")),
        ("square", r"window of \(2, 2\), expected \(2, 3\)", ("(rows, columns)", "(rows, rows)"),
         ("1, rows, columns", "1, rows, rows"),
         ("conv.weight.data", "if rows != columns: return conv\n    conv.weight.data")),
        ("a padded window", "there is padding", ("(rows, columns))", "(rows, columns), padding='same')")),
        ("no bias", "the bias is missing", ("(rows, columns))", "(rows, columns), bias=False)"),
         ("conv.bias.data.copy_(fc1.bias)", "pass")),
        ("bias left", "in the bias: copy it", ("conv.bias.data.copy_(fc1.bias)", "pass")),
        ("the kernels", "a Parameter, expected the nn.Conv2d", ("return conv", "return conv.weight")),
        ("shared memory", "shares its memory", ("conv.weight.data.copy_(fc1.weight.view(D_S, 1, rows, columns))",
                                                "conv.weight.data = fc1.weight.data.view(D_S, 1, rows, columns)")),
        ("no view", "view the weights in this shape", (".view(D_S, 1, rows, columns)", "")),
    ]},
    "check_is_convolution": {entry: (word, but(CONVOLUTION, *changes)) for entry, word, *changes in [
        ("always", "says True for a matrix of random numbers", ("return False", "return True")),
        ("never", "says False for a 3 x 3", ("return True", "return False")),
        ("diagonals", "says False for a 3 x 3 .* diagonals of the whole matrix",
         ("seen = {}", "return torch.allclose(M[1:, 1:], M[:-1, :-1], atol=1e-4)")),
        ("nothing for convolutions", "returns nothing, though other calls", ("    return True", "")),
        ("exactly", "with rounding errors", ("> 1e-4", "> 0")),
        ("3 x 3 only", "reaches from any place", ("if abs(M[s, t]",
         "if max(abs(down), abs(right)) > 1 and M[s, t] != 0 or abs(M[s, t]")),
        ("right only", "says False for a 3 x 3", ("(down, right)", "right")),
        ("down only", "says False for a 3 x 3", ("(down, right)", "down")),
        ("rows of the grid apart", "other weights in each row", ("(down, right)", "(s // columns, down, right)")),
        ("columns of the grid apart", "other weights in each column", ("(down, right)", "(s % columns, down, right)")),
        ("swapped", "Did you swap rows and columns", ("t // columns - s // columns, t % columns - s % columns",
         "t // rows - s // rows, t % rows - s % rows")),
        ("circulant", "says False for a 3 x 3", ("(down, right)", "(down % rows, right % columns)")),
        ("without sign", "A displacement has a sign", ("(down, right)", "(abs(down), abs(right))")),
        ("one-sided", "one number was made smaller", ("abs(M[s, t] - first)", "M[s, t] - first")),
        ("a word", "expected True or False, got 'yes'", ("return True", "return 'yes'")),
        ("the last row left out", "one number was changed", ("for s in range(rows * columns)", "for s in range(rows * "
         "columns - 1)")),
        ("a number", "expected True or False, got 0", ("return False", "return 0")),
        ("along the diagonals alone", "only along its diagonals", ("seen = {}",
         "T = M.view(rows, columns, rows, columns)\n    return torch.allclose(T[1:, 1:, 1:, 1:], "
         "T[:-1, :-1, :-1, :-1], atol=1e-4)")),
        ("a wide tolerance", "changed by 0.005", ("> 1e-4", "> 0.02")),
    ]},
}
