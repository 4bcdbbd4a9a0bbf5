"""Answers to the exercises of lesson 2: what a learner may write in place of the stub's `...`."""

from . import but

COUNT = """
    S = (image_size // patch_size) ** 2
    D = in_channels * patch_size ** 2
    return (D + 1) * hidden_dim, S * (D + 1) * hidden_dim
"""

RIGHT = {
    "check_count_embedding": {
        "one line each": COUNT,
        "layers": """
            with torch.device("meta"):
                linear = nn.Linear(in_channels * patch_size ** 2, hidden_dim)
            shared = sum(p.numel() for p in linear.parameters())
            return [shared, shared * (image_size // patch_size) ** 2]""",
        "tensors": """
            S, D = patchify(torch.zeros(1, in_channels, image_size, image_size), patch_size).shape[1:]
            shared = torch.tensor(D * hidden_dim + hidden_dim)
            return shared, S * shared""",
    },
    "check_embed": {
        "loop": """
            tokens = torch.zeros(len(images), images[0, 0].numel() // P ** 2, len(weight))
            for b, table in enumerate(patchify(images, P)):
                for s, patch in enumerate(table):
                    tokens[b, s] = weight @ patch + bias
            return tokens""",
        "einsum": "return torch.einsum('bsd,cd->bsc', patchify(images, P), weight) + bias",
        "F.linear": "return F.linear(patchify(images, P), weight, bias)",
        "nn.Linear": """
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(bias)
            return layer(patchify(images, P))""",
        "convolution": """
            kernel = weight.view(len(weight), images.shape[1], P, P)
            return F.conv2d(images, kernel, bias, stride=P).flatten(2).transpose(1, 2)""",
        "other way round": "return (weight @ patchify(images, P).mT + bias[:, None]).mT",
        "double": "return F.linear(patchify(images, P).double(), weight.double(), bias.double())",
    },
    "check_red_on_the_left": {
        "cat": """
            half = torch.full((P, P // 2), 2 / P ** 2)
            red = torch.cat([half, -half], dim=1)
            return torch.cat([red.flatten(), torch.zeros(2 * P * P)])""",
        "pixel by pixel": """
            detector = torch.zeros(3 * P * P)
            for row in range(P):
                for column in range(P):
                    detector[row * P + column] = (1 if column < P / 2 else -1) / (P * P / 2)
            return detector""",
        "gradient": """
            patch = torch.zeros(3 * P * P, requires_grad=True)
            red = patch.reshape(3, P, P)[0]
            (red[:, :P // 2].mean() - red[:, P // 2:].mean()).backward()
            return patch.grad""",
        "NumPy's numbers": """
            red = np.where(np.arange(P) < P // 2, 2, -2) / P ** 2
            return torch.tensor(np.concatenate([np.tile(red, P), np.zeros(2 * P * P)]))""",
    },
    "check_from_released": {
        "flatten": "return kernel.permute(3, 2, 0, 1).flatten(1)",
        "transposed at the end": "return kernel.permute(2, 0, 1, 3).reshape(-1, kernel.shape[3]).T",
        "loop": """
            P, _, C_in, C = kernel.shape
            weight = torch.zeros(C, C_in * P * P)
            for c in range(C):
                for color in range(C_in):
                    weight[c, color * P * P:(color + 1) * P * P] = kernel[:, :, color, c].flatten()
            return weight""",
        "patchify": "return patchify(kernel.permute(3, 2, 0, 1), len(kernel)).squeeze(1)",
    },
}

TABLE = "return patchify(images, P) @ weight.T + bias"
CONV = """
    kernel = weight.view(len(weight), images.shape[1], P, P)
    return F.conv2d(images, kernel, bias, stride=P).flatten(2).transpose(1, 2)
"""
SPLIT = """
    B, C_in, H, W = images.shape
    x = images.reshape(B, C_in, H // P, P, W // P, P)
"""
RED = """
    detector = torch.zeros(3, P, P)
    detector[0, :, :P // 2] = 2 / P ** 2
    detector[0, :, P // 2:] = -2 / P ** 2
    return detector.flatten()
"""

WRONG = {
    "check_count_embedding": {name: (word, but(COUNT, *changes)) for name, word, *changes in [
        ("swapped", "in the wrong order", ("return (D + 1) * hidden_dim, S * (D + 1) * hidden_dim",
                                        "return S * (D + 1) * hidden_dim, (D + 1) * hidden_dim")),
        ("no biases", "with sharing you count 126, .* biases are missing", ("(D + 1)", "D")),
        ("one bias", "bias of its own", ("return (D + 1) * hidden_dim,", "return D * hidden_dim + 1,")),
        ("a bias per pixel", "not one per pixel", ("return (D + 1) * hidden_dim,", "return D * hidden_dim + D,")),
        ("one color", "all its color channels", ("in_channels * ", "")),
        ("one row", "P rows of P", ("patch_size ** 2", "patch_size")),
        ("whole image", "reads the whole image", ("patch_size ** 2", "image_size ** 2")),
        ("one detector", "This is one detector", ("return (D + 1) * hidden_dim,", "return D + 1,")),
        ("weights and image", "How many weights", ("return (D + 1) * hidden_dim,", "return image_size,")),
        ("shared twice", "without sharing .* shared layer again", (", S * (D", ", (D")),
        ("shared biases", "its own biases", ("S * (D + 1) * hidden_dim", "S * D * hidden_dim + hidden_dim")),
        ("biases forgotten once", "without sharing .* biases are missing", ("S * (D + 1)", "S * D")),
        ("one side", "along one side", ("(image_size // patch_size) ** 2", "image_size // patch_size")),
        ("a layer per pixel", "one layer per pixel", ("(image_size // patch_size) ** 2", "image_size ** 2")),
        ("a layer per channel", "one layer per channel", ("S * (D + 1)", "hidden_dim * (D + 1)")),
        ("the lesson's S", "How many patches", ("S = (image_size // patch_size) ** 2", "S = 16")),
        ("the horse's sizes", r"count_embedding\(15, 3, 2, 7\)", ("S = (image_size // patch_size) ** 2", "S = 4"),
         ("in_channels * patch_size ** 2", "192")),
        ("three colors", "2 color channels here, not 3", ("in_channels * patch", "3 * patch")),
        ("a layer per color", "one layer per color", ("S * (D + 1)", "in_channels * (D + 1)")),
        ("one layer more", "counts the shared layer, too", ("S * (D + 1)", "(S + 1) * (D + 1)")),
        ("how many times", "number of layers", ("S * (D + 1) * hidden_dim", "S")),
        ("text", r"whole numbers\.$", ("return (D + 1) * hidden_dim,", "return str((D + 1) * hidden_dim),")),
        ("float", "whole numbers", ("image_size // patch_size", "image_size / patch_size")),
        ("one number", "a tuple", ("return (D + 1) * hidden_dim,", "return")),
    ]},
    "check_embed": {
        **{name: (word, but(TABLE, *changes)) for name, word, *changes in [
            ("no bias", "bias is missing", (" + bias", "")),
            ("minus bias", "subtracted", (" + bias", " - bias")),
            ("not transposed", r"weight\.T", ("weight.T", "weight")),
            ("weight first", r"RuntimeError.*last but one of B\)",
             ("patchify(images, P) @ weight.T", "weight @ patchify(images, P)")),
            ("reshape alone", "strips", ("patchify(images, P)", "images.reshape(len(images), -1, weight.shape[1])")),
            ("transposed image", "at .*line of code that replaced the loop",
             ("patchify(images, P)", "patchify(images.flip(3), P)")),
            ("first image", "first image alone", ("patchify(images, P)", "patchify(images, P)[0]")),
            ("batch merged", "run together", ("patchify(images, P)", "patchify(images, P).flatten(0, 1)")),
            ("patches of 8", "ValueError.*tile", ("patchify(images, P)", "patchify(images, 8)")),
            ("bias summed", "at .*line of code that replaced the loop", ("+ bias", "+ bias.sum()")),
            ("detached list", "got list", (TABLE, "return (patchify(images, P) @ weight.T + bias).tolist()")),
            ("array", "got ndarray", (TABLE, "return (patchify(images, P) @ weight.T + bias).numpy()")),
            ("in place", "changes a tensor", (TABLE, "bias += 1; " + TABLE)),
            ("a new layer", "called twice", (TABLE, "return nn.Linear(*weight.T.shape)(patchify(images, P))")),
            ("a new bias", "called twice", (TABLE, """
                layer = nn.Linear(*weight.T.shape)
                layer.weight.data.copy_(weight)
                return layer(patchify(images, P))""")),
            ("the mean token", r"shape \[2, 8\]", (TABLE, "return (patchify(images, P) @ weight.T + bias).mean(1)")),
        ]},
        **{name: (word, but(CONV, *changes)) for name, word, *changes in [
            ("no stride", "too many tokens", (", stride=P", "")),
            ("no stride, pictures", "too many tokens", (", stride=P", ""), (".flatten(2).transpose(1, 2)", "")),
            ("no stride, on its side", "too many tokens", (", stride=P", ""), (".transpose(1, 2)", "")),
            ("pictures", "C small pictures", (".flatten(2).transpose(1, 2)", "")),
            ("on its side", "on its side", (".transpose(1, 2)", "")),
            ("reshape for transpose", "reshape cannot turn",
             (".flatten(2).transpose(1, 2)", ".reshape(len(images), -1, len(weight))")),
            ("colors last", r"order \(row, column, color\)",
             ("weight.view(len(weight), images.shape[1], P, P)",
              "weight.view(len(weight), P, P, images.shape[1]).permute(0, 3, 1, 2)")),
            ("weight flat", r"RuntimeError.*\(a convolution's kernel has the shape",
             ("weight.view(len(weight), images.shape[1], P, P)", "weight")),
        ]},
        "the broken one": ("reshape cannot turn", """
            kernel = weight.view(len(weight), -1, P, P)
            return F.conv2d(images, kernel, bias, stride=P).reshape(len(images), -1, len(weight))"""),
        "the broken one, transposed too early": ("reshape cannot turn|shape", """
            kernel = weight.view(len(weight), -1, P, P)
            maps = F.conv2d(images, kernel, bias, stride=P).transpose(2, 3)
            return maps.reshape(len(images), -1, len(weight))"""),
        "grid columns first": ("down the columns", """
            kernel = weight.view(len(weight), -1, P, P)
            return F.conv2d(images, kernel, bias, stride=P).permute(0, 3, 2, 1).flatten(1, 2)"""),
        "rounded": ("at .* the result has", "return (patchify(images, P) @ weight.T + bias).round(decimals=2)"),
        "down the columns": ("down the columns", SPLIT + """
    return x.permute(0, 4, 2, 1, 3, 5).reshape(B, -1, C_in * P * P) @ weight.T + bias"""),
        "patches transposed": ("transposed", SPLIT + """
    return x.permute(0, 2, 4, 1, 5, 3).reshape(B, -1, C_in * P * P) @ weight.T + bias"""),
        "the last token only": ("shape", """
            for patch in patchify(images, P).unbind(1):
                token = patch @ weight.T + bias
            return token"""),
    },
    "check_red_on_the_left": {name: (word, but(RED, *changes)) for name, word, *changes in [
        ("right", "flip the signs", ("detector.flatten()", "-detector.flatten()")),
        ("top", "top half with the bottom", ("0, :, :P // 2", "0, :P // 2"), ("0, :, P // 2:", "0, P // 2:")),
        ("bottom", "bottom half with the top", ("0, :, :P // 2", "0, P // 2:"), ("0, :, P // 2:", "0, :P // 2")),
        ("green", "green", ("[0, :, ", "[1, :, ")),
        ("blue", "blue", ("[0, :, ", "[2, :, ")),
        ("all colors", "all three colors", ("[0, :, ", "[:, :, ")),
        ("colors last", r"order \(row, column, color\)", ("flatten()", "permute(1, 2, 0).flatten()")),
        ("colors last from the start", r"order \(row, column, color\)", ("(3, P, P)", "(P, P, 3)"),
         ("[0, :, :P // 2]", "[:, :P // 2, 0]"), ("[0, :, P // 2:]", "[:, P // 2:, 0]")),
        ("sums", "asks for means", ("2 / P ** 2", "1")),
        ("columns of a half", "also has P rows", ("2 / P ** 2", "1 / (P // 2)")),
        ("whole patch's pixels", "half as many", ("2 / P ** 2", "1 / P ** 2")),
        ("whole patch's numbers", "all its colors", ("2 / P ** 2", "1 / (3 * P ** 2)")),
        ("left only", "Now subtract", ("= -2", "= 0")),
        ("plus", "subtract the right one", ("= -2", "= 2")),
        ("whole patch", "over the whole patch", ("= 2 / P", "= 1 / P"), ("= -2 / P", "= 1 / P")),
        ("not flat", "flatten", (".flatten()", "")),
        ("red alone", "Green and blue need weights", ("detector.flatten()", "detector[0].flatten()")),
        ("only for P = 8", "works for patches of 8 x 8 only", ("P // 2", "4"), ("2 / P ** 2", "1 / 32")),
        ("right sizes, weights of P = 8", "at .* P = 4", ("2 / P ** 2", "1 / 32")),
        ("rounded", "do not round", ("2 / P ** 2", "round(2 / P ** 2, 2)")),
        ("three columns", "P = 8|P = 6", ("P // 2", "2")),
        ("one row", "P = 4", ("0, :, ", "0, 0, ")),
        ("the lesson's P", "shape", ("detector =", "P = 8; detector =")),
        ("list", "got list", (".flatten()", ".flatten().tolist()")),
        ("whole-number zeros", "cannot hold", ("(3, P, P)", "(3, P, P, dtype=int)")),
    ]},
    "check_from_released": {
        "reshape alone": ("reshape alone", "return kernel.reshape(kernel.shape[3], -1)"),
        "channel to the front": ("still in the order", "return kernel.permute(3, 0, 1, 2).flatten(1)"),
        "reshape and transpose": ("each row is a detector", "return kernel.reshape(-1, kernel.shape[3]).T"),
        "merged from the left": (r"\[D, C\], and", "return kernel.flatten(0, 2)"),
        "all axes reversed": ("transposed", "return kernel.permute(3, 2, 1, 0).flatten(1)"),
        "on its side": ("on its side", "return kernel.permute(2, 0, 1, 3).flatten(0, 2)"),
        "Conv2d's": ("kernel of a Conv2d", "return kernel.permute(3, 2, 0, 1)"),
        "channel left behind": ("to the front", "return kernel.permute(2, 0, 1, 3).reshape(kernel.shape[3], -1)"),
        "view": ("RuntimeError.*use reshape in place of view",
                 "return kernel.permute(3, 2, 0, 1).view(kernel.shape[3], -1)"),
        "mirrored": ("shape is right", "return kernel.flip(0, 1).permute(3, 2, 0, 1).flatten(1)"),
        "permute written backwards": ("shape|numbers", "return kernel.permute(2, 3, 1, 0).flatten(1)"),
        "two axes only": ("must name each axis once", "return kernel.permute(3, 2).flatten(1)"),
        "three colors": ("keep the number of entries",
                         "return kernel.permute(3, 2, 0, 1).reshape(-1, 3 * len(kernel) ** 2)[:, :]"),
        "colors in the middle": ("shape is right", "return kernel.permute(3, 0, 2, 1).flatten(1)"),
        "the horse's sizes": ("must keep the number of entries", "return kernel.permute(3, 2, 0, 1).reshape(64, 192)"),
        "the first three colors": (r"shape \[3, 12\], expected \[3, 20\]",
                                   "return kernel[:, :, :3].permute(3, 2, 0, 1).flatten(1)"),
        "a layer": ("got Linear", "return nn.Linear(4, 3)"),
    },
}
