"""The pictures with which lessons 1, 3, 4 and 10 open, two more of lesson 10, and one of lesson 14. Most numbers are
those of the lessons' toy, computed here."""

import numpy as np
import torch
from torch.nn.functional import gelu, layer_norm

from svg import EDGE, FAINT, GRAY, INK, PALE, TINTS, Svg, colored, shown

TOKENS = torch.tensor([[4., 4., 0.], [8., 0., 0.], [0., 0., 0.], [2., 2., -2.]])                # [S, C]


def numbers(svg, table, x, y, width, height, top=8.0):
    """A table of signed numbers, colored and written."""
    svg.table(colored(table, top), x, y, width, height, [[shown(value) for value in row] for row in table])


def split_permute_merge():
    """The three moves of lesson 1. A color is a patch, a letter a place in the patch."""
    svg = Svg(880, 330, "Split, permute, merge: an image becomes a table of patches")
    patch, place = np.meshgrid(range(4), range(4), indexing="ij")
    image = (10 * patch + place).reshape(2, 2, 2, 2).transpose(0, 2, 1, 3)                  # [i, u, j, v]
    merged = image.transpose(0, 2, 1, 3)                                                    # [i, j, u, v]
    cell, top = 30, 104
    for k, (table, gap, title, code, axes, words) in enumerate((
            (image, 0, "image", "", ("", ""), ["[4, 4]", "row by row"]),
            (image, 10, "split", "reshape(2, 2, 2, 2)", ("i, u", "j, v"), ["[2, 2, 2, 2]", "nothing has moved"]),
            (merged, 10, "permute", "permute(0, 2, 1, 3)", ("i, j", "u, v"), ["[2, 2, 2, 2]", "which before where"]),
            (merged, 0, "merge", "reshape(4, 4)", ("", ""), ["[4, 4] = [S, D]", "one row per patch"]))):
        middle = 122 + 212 * k
        left = middle - 2 * cell - gap / 2
        svg.text(middle, 28, title, bold=True, size=16)
        svg.text(middle, 53, code, size=13, color=GRAY)
        for a, b, c, d in np.ndindex(2, 2, 2, 2):
            which, where = divmod(int(table[a, b, c, d]), 10)
            x, y = left + (2 * c + d) * cell + c * gap, top + (2 * a + b) * cell + a * gap - gap / 2
            svg.table([[TINTS[which]]], x, y, cell, texts=[["abcd"[where]]])
        svg.text(left - 12, top + 2 * cell, axes[0], size=13, anchor="end")
        svg.text(middle, top - 20, axes[1], size=13)
        svg.text(middle, top + 4 * cell + 28, words[0])
        svg.text(middle, top + 4 * cell + 52, words[1], color=GRAY)
        if k:
            svg.arrow((middle - 136, top + 2 * cell), (middle - (112 if gap else 80), top + 2 * cell))
    svg.text(440, 308, "A color is a patch: i says its row in the grid, j its column. A letter is a place in the "
                       "patch: u says its row, v its column.", size=12)
    return svg


def channel_mixing():
    """Token 0 of the toy on its way through LayerNorm and MLP, and around them."""
    svg = Svg(880, 312, "Channel mixing of one token: LayerNorm, MLP, and the sum with the original token")
    W1 = torch.tensor([[0., 1., -1.], [0., -1., 1.]])                                       # [D_C, C]
    W2 = torch.tensor([[0., 0.], [0., 0.], [1., 1.]])                                       # [C, D_C]
    token = TOKENS[:1]                                                                      # [1, C]
    normed = layer_norm(token, [3], eps=1e-6)
    answer = gelu(normed @ W1.T) @ W2.T
    width, height, y = 42, 30, 146
    middle = y + height / 2

    numbers(svg, TOKENS, 40, y, width, height)
    svg.frame(40, y, 3 * width, height)
    svg.text(103, y - 20, "tokens, [S, C]", size=13)
    for s in range(4):
        svg.text(30, y + height * (s + 0.5), s, size=12, anchor="end", color=GRAY)
    svg.arrow((172, middle), (206, middle))
    svg.layer(208, middle - 24, 72, 48, ["Layer-", "Norm"])
    svg.arrow((282, middle), (300, middle))
    numbers(svg, normed, 303, y, width, height, top=2.5)
    svg.text(366, y + 50, "mean 0,", size=13, color=GRAY)
    svg.text(366, y + 70, "spread 1", size=13, color=GRAY)
    svg.arrow((432, middle), (449, middle))
    svg.layer(451, middle - 24, 58, 48, ["MLP"])
    svg.arrow((511, middle), (528, middle))
    numbers(svg, answer, 531, y, width, height, top=3.5)
    svg.text(594, y + 50, "the answer:", size=13, color=GRAY)
    svg.text(594, y + 70, "what should change", size=13, color=GRAY)
    svg.arrow((660, middle), (678, middle))
    svg.plus(687, middle)
    svg.arrow((697, middle), (717, middle))
    svg.path([(188, middle), (188, 84), (687, 84)], FAINT, 1.8)
    svg.arrow((687, 84), (687, middle - 10), color=FAINT, stroke=1.8)
    svg.text(437, 66, "skip connection: the original token", color=GRAY)

    numbers(svg, token + answer, 722, y, width, height)
    for s in range(1, 4):
        svg.box(722, y + s * height, 3 * width, height, outline=EDGE, dash="3 3")
    svg.frame(722, y, 3 * width, height)
    svg.text(785, y - 20, "tokens, [S, C]", size=13)
    svg.text(440, 30, "channel mixing, for one token", bold=True, size=16)
    svg.text(440, 290, "Every other row goes the same way, with the same weights, and meets no other row.")
    return svg


def transpose():
    """The toy through token mixing: on its side, through the MLP, and back."""
    svg = Svg(880, 330, "Token mixing: the table on its side, an MLP along its rows, and back")
    W1 = torch.tensor([[1., 1., -1., -1.], [1., -1., 1., -1.]])                             # [D_S, S]
    W2 = torch.tensor([[1., 1.], [1., -1.], [-1., 1.], [-1., -1.]]) / 4                     # [S, D_S]
    hidden = gelu(TOKENS.T @ W1.T)                                                          # [C, D_S]
    mixed = hidden @ W2.T                                                                   # [C, S]
    height, middle, x = 30, 150, 15
    for k, (table, width, shape, picked) in enumerate((
            (TOKENS, 32, "[S, C]", "column"), (TOKENS.T, 32, "[C, S]", "row"), (hidden, 44, "[C, D_S]", "row"),
            (mixed, 44, "[C, S]", "row"), (mixed.T, 47, "[S, C]", "column"))):
        rows, columns = table.shape
        y = middle - rows * height / 2
        numbers(svg, table, x, y, width, height)
        svg.frame(x, y, *((width, rows * height) if picked == "column" else (columns * width, height)))
        svg.text(x + columns * width / 2, middle + 80, shape)
        x += columns * width
        if k < 4:
            gap = (48, 64, 64, 48)[k]
            svg.arrow((x + 8, middle), (x + gap - 8, middle))
            for line, word in enumerate((["T"], ["@ W1.T", "", "GELU"], ["@ W2.T"], ["T"])[k]):
                svg.text(x + gap / 2, middle - 18 + 18 * line, word, size=12)
            x += gap
    svg.path([(159, 258), (159, 266), (676, 266), (676, 258)], FAINT, 1.4)
    svg.text(417, 284, "the MLP of lesson 3, along the rows: S → D_S → S", size=13)
    svg.text(440, 30, "token mixing is channel mixing of the table on its side", bold=True, size=16)
    svg.text(440, 312, "Framed: channel 0. In a batch, [B, S, C] becomes [B, C, S] and comes back.", 13, GRAY)
    return svg


def convolutions():
    """What lesson 10 is about, in four panels: sliding, folding, stamps, and whose kernels they are."""
    svg = Svg(880, 470, "Token mixing as a convolution")
    maps = TOKENS.T.reshape(3, 2, 2)                                                        # [C, H', W']
    svg.path([(440, 24), (440, 446)], EDGE, 1)
    svg.path([(24, 235), (856, 235)], EDGE, 1)
    for x, y, title in ((220, 28, "a kernel slides, or it stops once"), (660, 28, "folding: each channel an image"),
                        (220, 260, "the way back: stamps add up"), (660, 260, "one kernel for all, or one each")):
        svg.text(x, y, title, bold=True, size=15)

    cell, blank = 24, colored(np.zeros((4, 4)))                                             # sliding
    for x, side, stops in ((44, 3, 2), (264, 4, 1)):
        svg.table(blank, x, 56, cell)
        svg.table([[PALE] * side] * side, x, 56, cell)
        for i, j in np.ndindex(stops, stops):
            first, inset = i + j == 0, 3 * (i + j) if stops > 1 else 0
            svg.box(x + j * cell + inset, 56 + i * cell + inset, side * cell - 2 * inset, side * cell - 2 * inset,
                    outline=INK, stroke=2.2 if first else 1.2, dash=None if first else "4 3")
        svg.arrow((x + 4 * cell + 8, 56 + 2 * cell), (x + 4 * cell + 30, 56 + 2 * cell))
        left, top = x + 4 * cell + 36, 56 + 2 * cell - stops * cell / 2
        svg.table([[PALE if i + j == 0 else blank[0][0] for j in range(stops)] for i in range(stops)], left, top, cell)
        svg.box(left, top, cell, cell, outline=INK, stroke=2.2)
    for x, lines in ((116, ["3 × 3 on a 4 × 4 map:", "4 stops share the weights"]),
                     (326, ["4 × 4 on a 4 × 4 map:", "1 stop, nothing is shared"])):
        for i, line in enumerate(lines):
            svg.text(x, 180 + 22 * i, line, size=13)

    for c in (2, 1, 0):                                                                     # folding
        svg.table(colored(maps[c], 8), 480 + 12 * c, 92 - 14 * c, 32, 28)
        numbers(svg, maps[c], 636 + 74 * c, 78, 32, 28)
    numbers(svg, maps[0], 480, 92, 32, 28)
    svg.arrow((582, 106), (620, 106))
    svg.text(524, 180, "[B, C, H', W']", size=13)
    svg.text(742, 180, "[B · C, 1, H', W']", size=13)
    svg.text(660, 202, "so no two channels are added up", size=13)

    W1 = torch.tensor([[1., 1., -1., -1.], [1., -1., 1., -1.]])                             # [D_S, S]
    stamps = W1.reshape(2, 2, 2) / 4                                                        # [D_S, H', W']
    answers = gelu(W1 @ TOKENS[:, 1])                                                       # [D_S], to channel 1
    for d, x in enumerate((26, 184)):
        svg.text(x + 18, 330, shown(answers[d]), size=13)
        svg.text(x + 44, 330, "×")
        numbers(svg, stamps[d], x + 56, 302, 41, 28, top=1)
        svg.text(x + 149, 330, "=" if d else "+")
    numbers(svg, (answers[:, None, None] * stamps).sum(0), 344, 302, 41, 28, top=4)
    svg.text(220, 400, "A hidden unit stamps its column of W₂, laid out on the", size=13)
    svg.text(220, 422, "grid, as strongly as its answer is. Here: channel 1.", size=13)

    for x, tied in ((472, True), (676, False)):                                             # tied, untied
        for c in range(3):
            svg.table(colored(np.zeros((2, 2))), x + 108, 286 + 40 * c, 15)
            y = 301 + 40 * c
            if tied:
                svg.path([(x + 40, 341), (x + 62, 341), (x + 90, y), (x + 104, y)], stroke=1.2)
            else:
                svg.table(colored(W1[0].reshape(2, 2) * (1, 0.6, 1.5)[c], 4), x + 8, y - 15, 15)
                svg.arrow((x + 44, y), (x + 102, y), stroke=1.2)
        if tied:
            svg.table(colored(W1[0].reshape(2, 2), 4), x + 4, 326, 15)
        svg.text(x + 74, 422, "tied: a Mixer" if tied else "untied: groups=C", size=13)
        svg.text(x + 74, 444, "one set of weights" if tied else "C sets of weights", size=13)
    return svg


def kernel_sum():
    """A hidden unit of token mixing as a kernel: laid over channel 0, multiplied place by place, added up."""
    svg = Svg(880, 190, "A kernel as large as the grid: map times kernel, added up")
    channel, kernel = TOKENS[:, 0].reshape(2, 2), torch.tensor([[1., 1.], [-1., -1.]])      # [H', W']
    width, height, y = 52, 40, 66
    for x, table, top, title, words in ((80, channel, 8, "the map of channel 0", "×"),
                                        (294, kernel, 2, "the kernel: row 0 of W₁", "="),
                                        (508, channel * kernel, 8, "the products", "")):
        numbers(svg, table, x, y, width, height, top)
        svg.text(x + width, y - 26, title, size=14)
        if words:
            svg.text(x + 2 * width + 55, y + height, words, size=24)
    svg.arrow((622, y + height), (696, y + height))
    svg.text(659, y + height - 16, "add up", size=13)
    numbers(svg, (channel * kernel).sum().reshape(1, 1), 706, y + height / 2, width, height, 10)
    svg.text(732, y - 26, "the answer", size=14)
    svg.text(440, 170, "One window, one stop, one number: the answer of hidden unit 0 to channel 0.", 13, GRAY)
    return svg


def stamp():
    """A hidden unit's answer, times its stamp, is what it adds to a map."""
    svg = Svg(880, 190, "A stamp: a number times a column of the second layer, on the grid")
    answer = gelu(TOKENS[:, 0] @ torch.tensor([1., 1., -1., -1.]))
    picture = torch.tensor([[1., 1.], [-1., -1.]]) / 4                                      # [H', W']
    width, height, y = 62, 40, 66
    numbers(svg, answer.reshape(1, 1), 150, y + height / 2, width, height, 10)
    svg.text(181, y - 26, "the answer of unit 0", size=14)
    svg.text(276, y + height, "×", size=24)
    numbers(svg, picture, 336, y, width, height, 1)
    svg.text(398, y - 26, "its stamp: column 0 of W₂", size=14)
    svg.text(520, y + height, "=", size=24)
    numbers(svg, answer * picture, 584, y, width, height, 5)
    svg.text(646, y - 26, "added to the map", size=14)
    svg.text(440, 170, "One number becomes a whole map. Unit 1 answers almost 0 here, so its stamp adds almost "
                       "nothing.", 13, GRAY)
    return svg


def all_reduce():
    """Two processes with half a batch each, and the sum of their gradients in both."""
    svg = Svg(880, 262, "An all-reduce of two processes")
    gradients = torch.tensor([[2., 4.], [4., 0.]])                                          # [processes, weights]
    total = gradients.sum(0, keepdim=True)                                                  # [1, weights]
    svg.text(440, 30, "one step of two processes", bold=True, size=16)
    for rank, y in enumerate((92, 182)):
        svg.text(66, y - 9, f"rank {rank}", bold=True)
        svg.text(66, y + 11, "half of the batch", size=13, color=GRAY)
        svg.arrow((130, y), (158, y))
        svg.layer(160, y - 26, 132, 52, ["its copy of", "the model"], size=13)
        svg.arrow((294, y), (322, y))
        numbers(svg, gradients[rank:rank + 1], 326, y - 16, 44, 32, top=12)
        svg.arrow((418, y), (470, y + (26 if rank == 0 else -26)))
        svg.arrow((594, y + (26 if rank == 0 else -26)), (646, y))
        numbers(svg, total, 650, y - 16, 44, 32, top=12)
        svg.text(756, y, f"in rank {rank}", size=13, anchor="start", color=GRAY)
    svg.layer(472, 102, 120, 70, ["all-reduce:", "add up"])
    svg.text(370, 232, "its gradient", size=13)
    svg.text(694, 232, "the sum, in both", size=13)
    return svg
