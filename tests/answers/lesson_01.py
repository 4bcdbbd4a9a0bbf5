"""Answers to the exercises of lesson 1: what a learner may write in place of the stub's `...`."""

RIGHT = {
    "check_table_shape": {
        "list": "return [(image_size // patch_size) ** 2, in_channels * patch_size * patch_size]",
        "tensor": """
            shape = patchify(torch.zeros(1, in_channels, image_size, image_size), patch_size).shape
            return shape[1:]""",
        "numpy": "return np.square(image_size // patch_size), np.prod([in_channels, patch_size, patch_size])",
        "0-d tensors": """
            return torch.tensor((image_size // patch_size) ** 2), torch.tensor(in_channels * patch_size ** 2)""",
        "int of a float": "return int(image_size / patch_size) ** 2, in_channels * patch_size ** 2",
        "loop": """
            S = 0
            for top in range(0, image_size, patch_size):
                for left in range(0, image_size, patch_size):
                    S += 1
            return S, in_channels * image_size ** 2 // S""",
    },
    "check_find_pixel": {
        "divmod": """
            (i, u), (j, v) = divmod(row, P), divmod(column, P)
            return i * (image_size // P) + j, (channel * P + u) * P + v""",
        "search": """
            image = torch.zeros(1, 3, image_size, image_size)
            image[0, channel, row, column] = 1
            return tuple(patchify(image, P)[0].nonzero()[0])""",
        "list": """
            s = (row // P) * (image_size // P) + column // P
            return [s, np.ravel_multi_index((channel, row % P, column % P), (3, P, P))]""",
    },
    "check_patchify_channels_last": {
        "F.unfold": """
            x = F.unfold(images, P, stride=P).transpose(1, 2)
            return x.reshape(B, -1, C_in, P * P).transpose(2, 3).flatten(2)""",
        "unfold": """
            x = images.unfold(2, P, P).unfold(3, P, P)
            return x.permute(0, 2, 3, 4, 5, 1).reshape(B, -1, P * P * C_in)""",
        "loop and stack": """
            rows = []
            for top in range(0, H, P):
                for left in range(0, W, P):
                    rows.append(images[:, :, top:top + P, left:left + P].permute(0, 2, 3, 1).flatten(1))
            return torch.stack(rows, dim=1)""",
        "permute first": """
            x = images.permute(0, 2, 3, 1).reshape(B, H // P, P, W // P, P, C_in)
            return x.swapaxes(2, 3).reshape(B, -1, P * P * C_in)""",
        "from the lesson's": "return patchify(images, P).reshape(B, -1, C_in, P * P).mT.reshape(B, -1, P * P * C_in)",
        "integers": "return patchify(images.permute(0, 1, 2, 3), P).int().unflatten(2, (C_in, -1)).mT.flatten(2)",
    },
    "check_unpatchify": {
        "F.fold": "return F.fold(patches.transpose(1, 2), (H, W), P, stride=P)",
        "loop": """
            images = torch.zeros(B, C_in, H, W)
            for s in range(S):
                top, left = s // (W // P) * P, s % (W // P) * P
                images[:, :, top:top + P, left:left + P] = patches[:, s].reshape(B, C_in, P, P)
            return images""",
        "concatenated": """
            squares = patches.reshape(B, S, C_in, P, P).unbind(1)
            n = W // P
            return torch.cat([torch.cat(squares[i:i + n], 3) for i in range(0, S, n)], 2)""",
        "integers": """
            x = patches.long().reshape(B, H // P, W // P, C_in, P, P)
            return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W)""",
    },
}

CUT = "x = images.reshape(B, C_in, H // P, P, W // P, P)\n"
PASTE = "x = patches.reshape(B, H // P, W // P, C_in, P, P)\n"

WRONG = {
    "check_table_shape": {
        "one side": ("along one side", "return image_size // patch_size, in_channels * patch_size ** 2"),
        "one channel": ("all 3 channels", "return (image_size // patch_size) ** 2, patch_size ** 2"),
        "one pixel row": ("one pixel row", "return (image_size // patch_size) ** 2, in_channels * patch_size"),
        "swapped": ("in the wrong order", "return in_channels * patch_size ** 2, (image_size // patch_size) ** 2"),
        "float": ("whole numbers", "return (image_size / patch_size) ** 2, in_channels * patch_size ** 2"),
        "pixels over P": ("P pixel rows and P pixel columns",
                          "return image_size ** 2 // patch_size, in_channels * patch_size ** 2"),
        "off by one": ("not the cuts", "return (image_size // patch_size + 1) ** 2, in_channels * patch_size ** 2"),
        "the lesson's sizes": (r"table_shape\(28, 7, 1\) .* D = 192, expected 49", "return 16, 192"),
        "the lesson's S": (r"\(224, 16, 3\)", "return 16, in_channels * patch_size ** 2"),
        "always three colors": (r"\(28, 7, 1\)", "return (image_size // patch_size) ** 2, 3 * patch_size ** 2"),
        "pixels": ("number of pixels", "return image_size ** 2, in_channels * patch_size ** 2"),
        "the whole image": ("the whole image",
                            "return (image_size // patch_size) ** 2, in_channels * image_size ** 2"),
        "three or one color": (r"\(30, 5, 2\)", """
            return (image_size // patch_size) ** 2, (1 if in_channels == 1 else 3) * patch_size ** 2"""),
        "a table of sizes": (r"\(30, 5, 2\)", """
            known = {32: (16, 192), 28: (16, 49), 224: (196, 768)}
            return known.get(image_size, (16, 192))"""),
        "one number": ("a tuple", "return (image_size // patch_size) ** 2"),
        "with the batch": ("a tuple", "return 1, (image_size // patch_size) ** 2, in_channels * patch_size ** 2"),
        "a string": ("a tuple", "return f'({(image_size // patch_size) ** 2}, {in_channels * patch_size ** 2})'"),
        "the grid's shape": (r"whole numbers\.$",
                             "return (image_size // patch_size,) * 2, in_channels * patch_size ** 2"),
        "channels as rows": ("in D, not in S", "return in_channels * (image_size // patch_size) ** 2, patch_size ** 2"),
        "a power as ^": (r"a power is \*\*", "return (image_size // patch_size) ** 2, in_channels * patch_size ^ 2"),
        "an array": ("a tuple", "return np.array([(image_size // patch_size) ** 2, in_channels * patch_size ** 2])"),
    },
    "check_find_pixel": {
        "made for the lesson's image": ("Use image_size and P", """
            return row // 8 * 4 + column // 8, channel * 64 + row % 8 * 8 + column % 8"""),
        "swapped": ("in the wrong order", """
            s = row // P * (image_size // P) + column // P
            return channel * P * P + row % P * P + column % P, s"""),
        "down the columns": ("along a grid row first", "return column // P * (image_size // P) + row // P, 0"),
        "times P": ("is not P", "return row // P * P + column // P, 0"),
        "the lesson's 4": (r"15, 5\).*32 x 32 pixels with P = 8 only: image_size // P", """
            return row // P * 4 + column // P, channel * P * P + row % P * P + column % P"""),
        "added": ("all the patches in each grid row above the pixel", "return row // P + column // P, 0"),
        "pixels for patches": ("not pixels", "return row // P * image_size + column // P, 0"),
        "grid row alone": ("What about the column", "return row // P, 0"),
        "grid row's first patch": ("What about the column", "return row // P * (image_size // P), 0"),
        "grid column alone": ("What about the row", "return column // P, 0"),
        "patches from 1": ("begins at 0", "return row // P * (image_size // P) + column // P + 1, 0"),
        "float": ("whole numbers", "return row / P * (image_size / P) + column / P, 0"),
        "the lesson's sizes": (r"15, 5\)", """
            return row // 8 * 4 + column // 8, channel * 64 + row % 8 * 8 + column % 8"""),
        "one number": ("a tuple", "return row // P * (image_size // P) + column // P"),
        **{name: (word, f"return row // P * (image_size // P) + column // P, {d}") for name, word, d in [
            ("numbers from 1", "begins at 0", "channel * P * P + row % P * P + column % P + 1"),
            ("no channel", "channel is missing", "row % P * P + column % P"),
            ("channel of the image", r"Each channel of the patch has P \* P",
             "channel * image_size * image_size + row % P * P + column % P"),
            ("channel worth P", r"channel of the patch has P \* P", "channel * P + row % P * P + column % P"),
            ("channel worth 1", r"channel of the patch has P \* P", "channel + row % P * P + column % P"),
            ("from the image's corner", "corner of the patch", "channel * P * P + row * P + column"),
            ("row from the image's corner", "corner of the patch", "channel * P * P + row * P + column % P"),
            ("column from the image's corner", "corner of the patch", "channel * P * P + row % P * P + column"),
            ("row of the image", "pixel row of the patch has P num",
             "channel * P * P + row % P * image_size + column % P"),
            ("row worth 1", "pixel row of the patch has P num", "channel * P * P + row % P + column % P"),
            ("transposed", "along a pixel row first", "channel * P * P + column % P * P + row % P"),
            ("channels last", r"\(channel, row, column\)", "(row % P * P + column % P) * 3 + channel"),
        ]},
    },
    "check_patchify_channels_last": {
        "the lesson's order": ("lesson's order", "return patchify(images, P)"),
        "reshape alone": ("reshape alone .* strips", "return images.reshape(B, (H // P) * (W // P), P * P * C_in)"),
        "permute, no split": ("channels come last, but .* strips",
                              "return images.permute(0, 2, 3, 1).reshape(B, -1, P * P * C_in)"),
        "channel moved by reshape": (r"reshape cannot move .*then permute\.$", """
            x = images.reshape(B, H // P, P, W // P, P, C_in)
            return x.permute(0, 1, 3, 2, 4, 5).reshape(B, -1, P * P * C_in)"""),
        "down the columns": ("down the columns",
                             CUT + "return x.permute(0, 4, 2, 3, 5, 1).reshape(B, -1, P * P * C_in)"),
        "transposed": ("transposed", CUT + "return x.permute(0, 2, 4, 5, 3, 1).reshape(B, -1, P * P * C_in)"),
        "channel in the middle": ("must come last",
                                  CUT + "return x.permute(0, 2, 4, 3, 1, 5).reshape(B, -1, P * P * C_in)"),
        "pixels before patches": ("choose the patch before",
                                  CUT + "return x.permute(0, 3, 5, 2, 4, 1).reshape(B, -1, P * P * C_in)"),
        "split the wrong way": ("far apart", """
            x = images.reshape(B, C_in, P, H // P, P, W // P)
            return x.permute(0, 3, 5, 2, 4, 1).reshape(B, -1, P * P * C_in)"""),
        "on its side": ("on its side", CUT + "x = x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in)\n"
                                             "return x.transpose(1, 2)"),
        "no merge": (r"shape \[2, 2, 3, 2, 2, 3\]", CUT + "return x.permute(0, 2, 4, 3, 5, 1)"),
        "batch merged": (r"shape \[12, 12\]", CUT + "return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, P * P * C_in)"),
        "view": (r"RuntimeError.*use reshape in place of view\).*`return x.permute",
                 CUT + "return x.permute(0, 2, 4, 3, 5, 1).view(B, -1, P * P * C_in)"),
        "the first three colors": (r"shape \[2, 6, 12\], expected \[2, 6, 20\]", "images = images[:, :3]\n" +
                                   CUT.replace("C_in", "images.shape[1]") +
                                   "return x.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)"),
        "three colors": ("must keep the number of entries", CUT.replace("C_in", "3") +
                         "return x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * 3)"),
        "the lesson's sizes": ("must keep the number of entries", "return images.reshape(B, C_in, 4, 8, 4, 8)"),
        "list": ("expected a torch tensor, got list", """
            return [images[0, :, top:top + P, left:left + P].permute(1, 2, 0).flatten()
                    for top in range(0, H, P) for left in range(0, W, P)]"""),
        "array": ("expected a torch tensor, got ndarray",
                  CUT + "return x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in).numpy()"),
        "flipped": (r"at \[0, 0, 0\].*shape is right",
                    CUT + "return x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in).flip(2)"),
        "the broken one, repaired by half": ("channels come last, but .* strips", """
            x = images.permute(0, 2, 3, 1)
            x = x.reshape(B, H // P, P, W // P, P, C_in).permute(0, 1, 2, 3, 4, 5)
            return x.reshape(B, (H // P) * (W // P), P * P * C_in)"""),
        "an axis named twice": ("each axis once|repeated dim|duplicate", CUT + "return x.permute(0, 2, 4, 3, 5, 5)"),
        "an axis too few": ("must name each axis once", CUT + "return x.permute(0, 2, 4, 3, 5)"),
        "colors reversed": ("shape is right", CUT + "x = x.flip(1).permute(0, 2, 4, 3, 5, 1)\n"
                            "return x.reshape(B, -1, P * P * C_in)"),
        "in place": ("changes a tensor", CUT + """
out = x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in)
images.zero_()
return out"""),
    },
    "check_unpatchify": {
        "reshape alone": ("reshape alone", "return patches.reshape(B, C_in, H, W)"),
        "transposed": ("transposed", PASTE + "return x.permute(0, 3, 1, 5, 2, 4).reshape(B, C_in, H, W)"),
        "down the columns": ("down the columns", """
            x = patches.reshape(B, W // P, H // P, C_in, P, P)
            return x.permute(0, 3, 2, 4, 1, 5).reshape(B, C_in, H, W)"""),
        "channels last": ("as in exercise 1.3", """
            x = patches.reshape(B, H // P, W // P, P, P, C_in)
            return x.permute(0, 5, 1, 3, 2, 4).reshape(B, C_in, H, W)"""),
        "same permute again": ("repeats the permute",
                               PASTE + "return x.permute(0, 2, 4, 1, 3, 5).reshape(B, C_in, H, W)"),
        "wrong merge": ("side by side", PASTE + "return x.permute(0, 3, 1, 2, 4, 5).reshape(B, C_in, H, W)"),
        "channel first": ("takes the channel too early", """
            x = patches.reshape(B, C_in, H // P, W // P, P, P)
            return x.permute(0, 1, 2, 4, 3, 5).reshape(B, C_in, H, W)"""),
        "sides swapped": (r"shape \[2, 3, 6, 4\]", PASTE + "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, W, H)"),
        "no merge": (r"shape \[2, 3, 2, 2, 3, 2\]", PASTE + "return x.permute(0, 3, 1, 4, 2, 5)"),
        "square": ("must keep the number of entries", """
            n = int(S ** 0.5)
            x = patches.reshape(B, n, n, C_in, P, P)
            return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, n * P, n * P)"""),
        "three colors": (r"tensor \[1, 20, 18\]", "C_in = 3\n" + PASTE +
                         "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W)"),
        "from argsort, the wrong way round": ("repeats the permute", PASTE + """
order = torch.tensor([0, 3, 1, 4, 2, 5]).argsort()
return x.permute(*order).reshape(B, C_in, H, W)"""),
        "patches in reverse": ("the last step first", "patches = patches.flip(1)\n" + PASTE +
                               "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W)"),
        "only a table of one image": (r"shape \[3, 4, 6\]|must keep the number", """
            x = patches[0].reshape(H // P, W // P, C_in, P, P)
            return x.permute(2, 0, 3, 1, 4).reshape(C_in, H, W)"""),
        "view": ("use reshape in place of view", PASTE + "return x.permute(0, 3, 1, 4, 2, 5).view(B, C_in, H, W)"),
        "the library's": ("the library's `unpatchify`", "return unpatchify(patches, P, (H, W))"),
        "the library's, by another name": ("the library's `unpatchify`", """
            from mixer_lib.model import unpatchify as paste
            return paste(patches, P, (H, W))"""),
        "rounded": ("at .* the result has", "patches = patches // 2 * 2\n" + PASTE +
                    "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W)"),
        "array": ("got ndarray", PASTE + "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W).numpy()"),
    },
}
