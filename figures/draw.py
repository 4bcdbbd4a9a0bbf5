"""Draw every picture of this folder: `make figures`.

The pictures depend only on the bundled samples, so the same code draws the same picture. Blue to orange is the sign of
a number, and nothing else; what is picked has a dark frame. The pixels are those of a real image, and the tokens are
computed from it.
"""

from pathlib import Path

import numpy as np

import living
import openings
from mixer_lib import patchify
from mixer_lib.data import load_dataset
from svg import EDGE, FAINT, GRAY, GROUND, INK, Svg, colored

FOLDER = Path(__file__).parent


def horse():
    return load_dataset("cifar10").train_images[3510]


def pixel_colors(image):
    """uint8 [3, H, W] -> colors [H][W], each channel rounded to a multiple of 8 so that the files stay small."""
    rounded = np.minimum(image.numpy().astype(int) // 8 * 8 + 4, 255).transpose(1, 2, 0)
    return [[f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in row] for row in rounded]


def tokens(count, patch_size=8):
    """Tokens [S, count] of the horse: a hand-made embedding, which multiplies the gray values of each patch by slow
    cosine waves. Every channel is scaled to mean 0 and standard deviation 1."""
    gray = horse().double().mean(0, keepdim=True)[None] / 255
    patches = patchify(gray, patch_size)[0].numpy()                       # [S, P * P]
    place = (np.arange(patch_size) + 0.5) * np.pi / patch_size
    pairs = sorted(np.ndindex(5, 5), key=lambda pair: (sum(pair), pair))[:count]
    waves = np.stack([np.outer(np.cos(u * place), np.cos(v * place)).ravel() for u, v in pairs], 1)   # [P * P, count]
    table = patches @ waves
    return (table - table.mean(0)) / table.std(0)


def mixed(table):
    """A table after an MLP along its rows. The weights are made up, from waves, too."""
    size = table.shape[1]
    weights = np.cos(np.outer(np.arange(size) + 1, np.arange(size) + 2) * 1.3) / np.sqrt(size) * 1.6
    return np.maximum(table @ weights, 0) @ weights


def cut_image(svg, x, y, pixel, gap, labels=True, mark=None):
    """The horse in 4 x 4 patches, pulled apart by `gap`, numbered in raster order."""
    colors = pixel_colors(horse())
    side = 8 * pixel
    for s in range(16):
        i, j = divmod(s, 4)
        left, top = x + j * (side + gap), y + i * (side + gap)
        svg.cells([row[8 * j:8 * j + 8] for row in colors[8 * i:8 * i + 8]], left, top, pixel, pixel)
        if labels:
            svg.box(left + 2, top + 2, 21, 16, fill=GROUND, radius=3)
            svg.text(left + 12.5, top + 10, s, size=12)
        if s == mark:
            svg.frame(left, top, side, side)
    return 4 * side + 3 * gap


def patch_rows(svg, x, y, pixel, height, mark=None):
    """The horse's patches as the rows of a table, with the 64 pixels of each patch side by side."""
    colors = pixel_colors(horse())
    for s in range(16):
        i, j = divmod(s, 4)
        strip = [color for row in colors[8 * i:8 * i + 8] for color in row[8 * j:8 * j + 8]]
        svg.cells([strip], x, y + s * height, pixel, height - 1.5)
    if mark is not None:
        svg.frame(x, y + mark * height, 64 * pixel, height - 1.5)


def architecture():
    """The whole Mixer, from the image to the scores of the classes."""
    svg = Svg(1080, 296, "MLP-Mixer, from the image to the class scores")
    middle = 158

    def heading(x, name, shape):
        svg.text(x, 46, name, bold=True, size=16)
        svg.text(x, 68, shape)

    side = cut_image(svg, 20, middle - 70, 4, 4, labels=False)
    heading(20 + side / 2, "image", "cut into patches")
    svg.arrow((166, middle), (186, middle))
    patch_rows(svg, 192, middle - 70, 2, 9)
    heading(256, "patches", "[S, D]")
    svg.arrow((324, middle), (340, middle))
    svg.layer(342, middle - 36, 74, 72, ["patch", "embed-", "ding"])
    svg.arrow((418, middle), (434, middle))
    table = tokens(9)
    svg.table(colored(table), 440, middle - 72, 9)
    heading(480, "tokens", "[S, C]")

    svg.box(536, 22, 276, 226, outline=FAINT, radius=8, dash="5 4")
    svg.text(674, 40, "Mixer block", bold=True, size=16)
    svg.text(674, 268, "L blocks, one after the other")
    for x, name, words in ((564, "token", ["the patches", "talk"]), (694, "channel", ["each token", "by itself"])):
        svg.layer(x, middle - 42, 76, 84, [name, "mixing"], size=15)
        svg.path([(x - 12, middle), (x - 12, middle - 66), (x + 92, middle - 66)], FAINT, 1.8)
        svg.arrow((x + 92, middle - 66), (x + 92, middle - 10), color=FAINT, stroke=1.8)
        svg.path([(x + 76, middle), (x + 83, middle)])
        svg.plus(x + 92, middle)
        for i, line in enumerate(words):
            svg.text(x + 38, middle + 56 + 19 * i, line)
    svg.arrow((525, middle), (562, middle))
    svg.arrow((666, middle), (692, middle))

    svg.arrow((796, middle), (826, middle))
    svg.layer(828, middle - 36, 64, 72, ["Layer-", "Norm,", "mean"])
    svg.arrow((894, middle), (910, middle))
    svg.table(colored(table[5][:, None]), 914, middle - 40.5, 9)
    svg.text(918.5, middle + 58, "[C]")
    svg.arrow((927, middle), (942, middle))
    svg.layer(944, middle - 22, 48, 44, ["head"])
    svg.arrow((994, middle), (1008, middle))
    for k, length in enumerate((7, 4, 12, 9, 14, 11, 5, 46, 3, 6)):
        svg.box(1012, middle - 40 + 8 * k, length, 6, fill=INK if length == 46 else FAINT)
    heading(1036, "scores", "[K]")
    svg.text(1040, middle + 64, "horse")
    svg.arrow((1040, middle + 53), (1040, middle + 26), stroke=1.2)
    return svg


def patch_grid():
    """An image cut into patches, and the table they become, in raster order."""
    svg = Svg(860, 344, "An image becomes a table of patches, in raster order")
    side = cut_image(svg, 30, 62, 7, 6, mark=5)
    svg.text(30 + side / 2, 36, "an image, cut into patches", bold=True)
    svg.arrow((300, 62 + side / 2), (352, 62 + side / 2))
    patch_rows(svg, 404, 62, 6.5, 15.25, mark=5)
    for s in range(16):
        svg.text(394, 62 + 15.25 * s + 7, s, size=12, anchor="end", bold=s == 5)
    svg.text(611, 36, "a table: one row per patch", bold=True)
    svg.text(611, 324, "its pixel rows, one after the other", size=13)
    svg.text(30 + side / 2, 324, "counted along a row, then down", size=13)
    return svg


def mixing():
    """Channel mixing and token mixing on the same table of tokens."""
    svg = Svg(1000, 344, "Channel mixing works along rows, token mixing down columns")
    table, cell, top = tokens(8)[2:14:2], 20, 92                    # six tokens with eight channels
    for x, name, after, words in (
            (34, "channel mixing", mixed(table),
             ["One token's numbers are combined with each other.", "Every row alone, with the same weights."]),
            (534, "token mixing", mixed(table.T).T,
             ["One channel's numbers, from all places, are combined.", "Every column alone, with the same weights."])):
        svg.text(x + 222, 28, name, bold=True, size=17)
        left, out, y = x + 14, x + 288, top + 3 * cell
        for at, numbers in ((left, table), (out, after)):
            svg.table(colored(numbers), at, top, cell)
            svg.text(at, top - 34, "channels", size=13, anchor="start")
            svg.arrow((at + 70, top - 34), (at + 158, top - 34), stroke=1, color=FAINT)
        svg.text(x - 2, top + 26, "tokens", size=13, turned=True)
        svg.arrow((x - 2, top + 56), (x - 2, top + 118), stroke=1, color=FAINT)
        if name == "channel mixing":
            y -= cell / 2
            for at in (left, out):
                svg.frame(at, y - cell / 2, 8 * cell, cell)
            svg.arrow((left + 8 * cell + 5, y), (x + 197, y))
            svg.arrow((x + 259, y), (out - 5, y))
        else:
            across, down = 4.5 * cell, top + 6 * cell + 24
            for at in (left, out):
                svg.frame(at + across - cell / 2, top, cell, 6 * cell)
            svg.path([(left + across, top + 6 * cell + 4), (left + across, down), (x + 228, down)])
            svg.arrow((x + 228, down), (x + 228, y + 25))
            svg.path([(x + 228, y - 24), (x + 228, top - 16), (out + across, top - 16)])
            svg.arrow((out + across, top - 16), (out + across, top - 4))
        svg.layer(x + 199, y - 23, 58, 46, ["MLP"])
        for i, line in enumerate(words):
            svg.text(x + 222, 282 + 26 * i, line)
    svg.path([(500, 50), (500, 314)], EDGE, 1)
    return svg


def block():
    """The Mixer block, with its transposes, norms and skip connections."""
    svg = Svg(956, 308, "The Mixer block")
    cell, middle = 11, 166
    x0 = tokens(6)[4:8]                                             # the table as it comes in: [S, C] = [4, 6]
    first = mixed(x0.T)                                             # after the token MLP: [C, S]
    x1 = x0 + first.T
    second = mixed(x1)

    def shown(table, x, label, name=None):
        rows, columns = table.shape
        svg.table(colored(table), x, middle - rows * cell / 2, cell)
        svg.text(x + columns * cell / 2, middle + 52, label)
        if name:
            svg.text(x + columns * cell / 2, middle - 40, name, bold=True, size=16)
        return x + columns * cell

    def step(x, width, height, lines):
        svg.layer(x, middle - height / 2, width, height, lines)
        return x + width

    def to(x, gap=15):
        svg.arrow((x + 2, middle), (x + gap - 1, middle), stroke=1.4)
        return x + gap

    def skip(x0, x1):
        svg.path([(x0, middle), (x0, 78), (x1, 78)], FAINT, 1.8)
        svg.arrow((x1, 78), (x1, middle - 10), color=FAINT, stroke=1.8)
        svg.text((x0 + x1) / 2, 64, "skip connection", color=GRAY)

    mlp = ["linear", "GELU", "linear"]
    end = shown(x0, 24, "[S, C]", "X")
    start = end + 9
    x = to(step(to(end, 24), 56, 50, ["Layer-", "Norm"]))
    x = to(step(x, 26, 34, ["T"]))
    x = to(shown(x0.T, x, "[C, S]"))
    svg.text(x + 37, middle - 50, "S → D_S → S")
    x = to(step(x, 74, 72, mlp))
    x = to(shown(first, x, "[C, S]"))
    x = to(step(x, 26, 34, ["T"])) + 9
    svg.plus(x, middle)
    skip(start, x)
    svg.text((start + x) / 2, 30, "token mixing", bold=True, size=16)
    end = shown(x1, to(x + 9), "[S, C]", "U")
    start = end + 9
    x = to(step(to(end, 24), 56, 50, ["Layer-", "Norm"]))
    svg.text(x + 37, middle - 50, "C → D_C → C")
    x = to(step(x, 74, 72, mlp))
    x = to(shown(second, x, "[S, C]")) + 9
    svg.plus(x, middle)
    skip(start, x)
    svg.text((start + x) / 2, 30, "channel mixing", bold=True, size=16)
    shown(x1 + second, to(x + 9), "[S, C]", "Y")
    svg.text(478, 256, "The table keeps its shape, so blocks can be stacked.")
    svg.text(478, 281, "T: transpose, so that the MLP, which works along rows, reads a column.")
    return svg


def sharing():
    """One set of weights for all rows, one for all columns, and how many there would be without sharing."""
    svg = Svg(1000, 394, "Shared weights")
    table, cell = tokens(6)[3:8], 22                                # five tokens, six channels
    for x, title, names, letter, each in (
            (30, "the same weights for every row", "patch embedding, channel mixing", "S", "row"),
            (530, "the same weights for every column", "token mixing", "C", "column")):
        center, rows = x + 220, each == "row"
        svg.text(center, 30, title, bold=True, size=16)
        svg.text(center, 54, names, color=GRAY)
        if rows:
            left, top, high = center - 160, 98, 5 * cell + 24
            for i, row in enumerate(table):
                y = top + i * (cell + 6) + cell / 2
                svg.table(colored(row[None]), left, y - cell / 2, cell)
                svg.path([(left + 6 * cell + 4, y), (center + 24, y), (center + 50, top + high / 2)], stroke=1.2)
            svg.arrow((center + 50, top + high / 2), (center + 72, top + high / 2))
            svg.layer(center + 74, top + high / 2 - 26, 92, 52, ["weights"])
        else:
            left, top = center - (6 * cell + 30) / 2, 80
            for j, column in enumerate(table.T):
                at = left + j * (cell + 6) + cell / 2
                svg.table(colored(column[:, None]), at - cell / 2, top, cell)
                svg.path([(at, top + 5 * cell + 4), (at, top + 5 * cell + 12), (center, top + 5 * cell + 28)],
                         stroke=1.2)
            svg.arrow((center, top + 5 * cell + 28), (center, top + 5 * cell + 48))
            svg.layer(center - 46, top + 5 * cell + 50, 92, 40, ["weights"])
        svg.path([(x, 296), (x + 440, 296)], EDGE, 1)
        count = 5 if rows else 6
        for k in range(count):
            svg.box(center - 29 * count + 58 * k + 5, 312, 48, 28, outline=FAINT, radius=4, stroke=1.5)
        svg.text(center, 366, f"A set for each {each} would be {letter} times as many weights.")
    svg.path([(500, 30), (500, 366)], EDGE, 1)
    return svg


PICTURES = {"architecture.svg": architecture, "patch_grid.svg": patch_grid, "mixing.svg": mixing, "block.svg": block,
            "sharing.svg": sharing, "split_permute_merge.svg": openings.split_permute_merge,
            "channel_mixing.svg": openings.channel_mixing, "transpose.svg": openings.transpose,
            "convolutions.svg": openings.convolutions, "kernel_sum.svg": openings.kernel_sum,
            "stamp.svg": openings.stamp, "all_reduce.svg": openings.all_reduce,
            "living.svg": living.living}


def main():
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw().source(), encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
