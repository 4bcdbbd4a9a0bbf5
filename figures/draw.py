"""Draw every picture of this folder: `make figures`.

The pictures depend only on the bundled samples, so the same code draws the same picture. They have a white background,
so they are readable in a light and in a dark notebook. A color means the same in all of them: orange is token mixing,
blue is channel mixing. The pixels are those of a real image, and the tokens are computed from it.
"""

import math
from pathlib import Path

import numpy as np

import ledger as the_ledger
from mixer_lib import patchify
from mixer_lib.data import load_dataset
from mixer_lib.plots import BLUE, GRAY, ORANGE, PINK

FOLDER = Path(__file__).parent
INK, FAINT = "#1A1A1A", "#9A9A9A"
PALE_BLUE, PALE_ORANGE, PALE_PINK, PALE_GRAY = "#DCECF7", "#FBE3D3", "#F6E3EE", "#EEEEEE"
SIGNED = ["#0072B2", "#5BA6D1", "#A9D0E8", "#DCECF5", "#FFFFFF", "#FBE7D8", "#F5C49C", "#E8905A", "#D55E00"]


class Svg:
    """A white card of width x height units, and the shapes on it. x runs right, y runs down."""

    def __init__(self, width, height, title):
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                      f'height="{height}" role="img" font-family="Helvetica, Arial, sans-serif">',
                      f"<title>{title}</title>"]
        self.box(0.5, 0.5, width - 1, height - 1, fill="white", outline="#DDDDDD", radius=10)

    def add(self, tag, content=None, **attributes):
        words = [f'{name.replace("_", "-")}="{number(value)}"' for name, value in attributes.items()
                 if value is not None]
        end = "/>" if content is None else f">{content}</{tag}>"
        self.parts.append(f"<{tag} {' '.join(words)}{end}")

    def box(self, x, y, width, height, fill="none", outline=None, radius=None, stroke=1, dash=None):
        self.add("rect", x=x, y=y, width=width, height=height, fill=fill, stroke=outline, rx=radius,
                 stroke_width=stroke if outline else None, stroke_dasharray=dash)

    def text(self, x, y, text, size=14, color=INK, anchor="middle", bold=False, italic=False):
        """Text that is centered on y and starts, has its middle, or ends at x (anchor: start, middle, end)."""
        self.add("text", text, x=x, y=y + size * 0.35, font_size=size, fill=color, text_anchor=anchor,
                 font_weight="bold" if bold else None, font_style="italic" if italic else None)

    def arrow(self, *points, color=INK, stroke=1.6, dash=None):
        """A line through points (x, y), with an arrowhead at the last point."""
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        u, v = (x1 - x0) / length, (y1 - y0) / length
        base = x1 - 7 * u, y1 - 7 * v
        self.path([*points[:-1], base], color, stroke, dash)
        corners = [(x1, y1), (base[0] - 4 * v, base[1] + 4 * u), (base[0] + 4 * v, base[1] - 4 * u)]
        self.add("polygon", points=" ".join(f"{number(x)},{number(y)}" for x, y in corners), fill=color)

    def path(self, points, color=INK, stroke=1.6, dash=None):
        self.add("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), fill="none", stroke=color,
                 stroke_width=stroke, stroke_dasharray=dash, stroke_linejoin="round")

    def cells(self, colors, x, y, width, height):
        """A table of colors [rows, columns]. Neighbors with the same color in a row are drawn as one rectangle."""
        self.parts.append('<g shape-rendering="crispEdges">')           # no seams between neighbors
        for i, row in enumerate(colors):
            start = 0
            for j in range(1, len(row) + 1):
                if j == len(row) or row[j] != row[start]:
                    self.box(x + start * width, y + i * height, (j - start) * width, height, fill=row[start])
                    start = j
        self.parts.append("</g>")

    def table(self, colors, x, y, width, height=None, line="#BBBBBB"):
        """Cells with lines between them."""
        height = height or width
        rows, columns = len(colors), len(colors[0])
        self.cells(colors, x, y, width, height)
        for i in range(rows + 1):
            self.path([(x, y + i * height), (x + columns * width, y + i * height)], line, 0.6)
        for j in range(columns + 1):
            self.path([(x + j * width, y), (x + j * width, y + rows * height)], line, 0.6)

    def source(self):
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


# The parts of the pictures

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


def colored(table):
    """Signed numbers as colors: blue below zero, white, orange above."""
    return [[SIGNED[int(np.clip(np.floor(value * 2 + 0.5), -4, 4)) + 4] for value in row] for row in table]


def cut_image(svg, x, y, pixel, gap, labels=True, mark=None):
    """The horse in 4 x 4 patches, pulled apart by `gap`, numbered in raster order."""
    colors = pixel_colors(horse())
    side = 8 * pixel
    for s in range(16):
        i, j = divmod(s, 4)
        left, top = x + j * (side + gap), y + i * (side + gap)
        svg.cells([row[8 * j:8 * j + 8] for row in colors[8 * i:8 * i + 8]], left, top, pixel, pixel)
        if labels:
            svg.box(left + 2, top + 2, 19, 15, fill="white", radius=3)
            svg.text(left + 11.5, top + 9.5, s, size=11)
        if s == mark:
            svg.box(left - 1.5, top - 1.5, side + 3, side + 3, outline=ORANGE, stroke=3)
    return 4 * side + 3 * gap


def patch_rows(svg, x, y, pixel, height, mark=None):
    """The horse's patches as the rows of a table, with the 64 pixels of each patch side by side."""
    colors = pixel_colors(horse())
    for s in range(16):
        i, j = divmod(s, 4)
        strip = [color for row in colors[8 * i:8 * i + 8] for color in row[8 * j:8 * j + 8]]
        svg.cells([strip], x, y + s * height, pixel, height - 1.5)
    if mark is not None:
        svg.box(x - 1.5, y + mark * height - 1.5, 64 * pixel + 3, height + 1.5, outline=ORANGE, stroke=3)


def layer(svg, x, y, width, height, lines, color, pale, size=14):
    """A layer: a rounded box with its name."""
    svg.box(x, y, width, height, fill=pale, outline=color, radius=6, stroke=1.6)
    for i, line in enumerate(lines):
        svg.text(x + width / 2, y + height / 2 + (i - (len(lines) - 1) / 2) * size * 1.25, line, size=size)


def plus(svg, x, y):
    svg.add("circle", cx=x, cy=y, r=9, fill="white", stroke=INK, stroke_width=1.6)
    svg.path([(x - 5, y), (x + 5, y)])
    svg.path([(x, y - 5), (x, y + 5)])


# The pictures

def architecture():
    """The whole Mixer, from the image to the scores of the classes."""
    svg = Svg(1080, 300, "MLP-Mixer, from the image to the class scores")
    middle = 158
    side = cut_image(svg, 20, middle - 70, 4, 4, labels=False)
    svg.text(20 + side / 2, 52, "image", bold=True, size=16)
    svg.text(20 + side / 2, 72, "cut into patches", size=14)
    svg.arrow((166, middle), (186, middle))

    patch_rows(svg, 192, middle - 70, 2, 9)
    svg.text(256, 52, "patches", bold=True, size=16)
    svg.text(256, 72, "[S, D]", size=14)
    svg.arrow((324, middle), (342, middle))
    layer(svg, 344, middle - 34, 70, 68, ["patch", "embed-", "ding"], GRAY, PALE_GRAY, size=15)
    svg.arrow((416, middle), (434, middle))

    table = tokens(9)
    svg.table(colored(table), 440, middle - 72, 9)
    svg.text(480, 52, "tokens", bold=True, size=16)
    svg.text(480, 72, "[S, C]", size=14)

    svg.box(538, 22, 264, 232, outline=FAINT, radius=8, dash="5 4")
    svg.text(670, 40, "Mixer block", bold=True, size=16)
    svg.text(670, 274, "L blocks, one after the other", size=14)
    for x, name, color, pale in ((568, "token", ORANGE, PALE_ORANGE), (692, "channel", BLUE, PALE_BLUE)):
        layer(svg, x, middle - 42, 70, 84, [name, "mixing"], color, pale, size=16)
        svg.path([(x - 14, middle), (x - 14, middle - 68), (x + 86, middle - 68)], FAINT, 1.8)
        svg.arrow((x + 86, middle - 68), (x + 86, middle - 10), color=FAINT, stroke=1.8)
        svg.path([(x + 70, middle), (x + 77, middle)])
        plus(svg, x + 86, middle)
    svg.arrow((525, middle), (566, middle))
    svg.arrow((664, middle), (690, middle))
    for x, color, words in ((604, ORANGE, ["the patches talk:", "down each column"]),
                            (735, BLUE, ["each token alone:", "along each row"])):
        svg.text(x, middle + 61, words[0], size=14, color=color)
        svg.text(x, middle + 78, words[1], size=14, color=color)

    svg.arrow((788, middle), (820, middle))
    layer(svg, 822, middle - 34, 64, 68, ["Layer-", "Norm,", "mean"], GRAY, PALE_GRAY, size=15)
    svg.arrow((888, middle), (904, middle))
    svg.table(colored(table[5][:, None]), 908, middle - 40.5, 9)
    svg.text(912.5, middle + 56, "[C]", size=14)
    svg.arrow((921, middle), (937, middle))
    layer(svg, 939, middle - 22, 46, 44, ["head"], PINK, PALE_PINK, size=15)
    svg.arrow((987, middle), (1003, middle))
    for k, length in enumerate((7, 4, 12, 9, 14, 11, 5, 50, 3, 6)):
        svg.box(1008, middle - 40 + 8 * k, length, 6, fill=PINK if length == 50 else "#CFCFCF")
    svg.text(1033, 52, "scores", bold=True, size=16)
    svg.text(1033, 72, "[K]", size=14)
    svg.text(1040, middle + 56, "horse", size=14)
    svg.arrow((1040, middle + 46), (1040, middle + 26), stroke=1.2)
    return svg


def patch_grid():
    """An image cut into patches, and the table they become, in raster order."""
    svg = Svg(860, 344, "An image becomes a table of patches, in raster order")
    side = cut_image(svg, 30, 62, 7, 6, mark=5)
    svg.text(30 + side / 2, 36, "an image, cut into patches", bold=True)
    svg.arrow((300, 62 + side / 2), (352, 62 + side / 2))
    patch_rows(svg, 404, 62, 6.5, 15.25, mark=5)
    for s in range(16):
        svg.text(392, 62 + 15.25 * s + 7, s, size=11, anchor="end", color=ORANGE if s == 5 else INK, bold=s == 5)
    svg.text(611, 36, "a table: one row per patch", bold=True)
    svg.text(611, 324, "its pixels, line by line", size=12)
    svg.text(30 + side / 2, 324, "counted along a row, then down", size=12)
    return svg


def mixing():
    """Channel mixing and token mixing on the same table of tokens."""
    svg = Svg(1000, 350, "Channel mixing works along rows, token mixing down columns")
    table, cell, top = tokens(8)[2:14:2], 20, 92                    # six tokens with eight channels
    for x, name, color, pale, after, words in (
            (34, "channel mixing", BLUE, PALE_BLUE, mixed(table),
             ["One token's numbers are combined with each other.", "Every row alone, with the same weights."]),
            (534, "token mixing", ORANGE, PALE_ORANGE, mixed(table.T).T,
             ["One channel's numbers, from all places, are combined.", "Every column alone, with the same weights."])):
        svg.text(x + 222, 28, name, bold=True, size=17, color=color)
        left, out = x + 14, x + 288
        for at, numbers in ((left, table), (out, after)):
            svg.table(colored(numbers), at, top, cell)
            svg.text(at + 30, top - 34, "channels", size=12)
            svg.arrow((at + 60, top - 34), (at + 158, top - 34), stroke=1, color=FAINT)
        svg.add("text", "tokens", x=x, y=top + 26, font_size=12, fill=INK, text_anchor="middle",
                transform=f"rotate(-90 {x} {top + 26})")
        svg.arrow((x - 4, top + 52), (x - 4, top + 118), stroke=1, color=FAINT)
        if name == "channel mixing":
            y = top + 2.5 * cell
            layer(svg, x + 199, y - 23, 58, 46, ["MLP"], color, pale)
            for at in (left, out):
                svg.box(at - 1, y - cell / 2 - 1, 8 * cell + 2, cell + 2, outline=color, stroke=3)
            svg.arrow((left + 8 * cell + 3, y), (x + 197, y), color=color)
            svg.arrow((x + 259, y), (out - 4, y), color=color)
        else:
            y, across, down = top + 3 * cell, 4.5 * cell, top + 6 * cell + 24
            layer(svg, x + 199, y - 23, 58, 46, ["MLP"], color, pale)
            for at in (left, out):
                svg.box(at + across - cell / 2 - 1, top - 1, cell + 2, 6 * cell + 2, outline=color, stroke=3)
            svg.path([(left + across, top + 6 * cell + 3), (left + across, down), (x + 228, down)], color)
            svg.arrow((x + 228, down), (x + 228, y + 25), color=color)
            svg.path([(x + 228, y - 24), (x + 228, top - 16), (out + across, top - 16)], color)
            svg.arrow((out + across, top - 16), (out + across, top - 2), color=color)
        for i, line in enumerate(words):
            svg.text(x + 222, 290 + 24 * i, line, size=14)
    svg.path([(500, 50), (500, 320)], "#DDDDDD", 1)
    return svg


def block():
    """The Mixer block, with its transposes, norms and skip connections."""
    svg = Svg(1060, 300, "The Mixer block")
    cell, middle = 11, 162
    x0 = tokens(6)[4:8]                                             # the table as it comes in: [S, C] = [4, 6]
    first = mixed(x0.T)                                             # after the token MLP: [C, S]
    x1 = x0 + first.T
    second = mixed(x1)

    def shown(table, x, label):
        rows, columns = table.shape
        svg.table(colored(table), x, middle - rows * cell / 2, cell)
        svg.text(x + columns * cell / 2, middle + 52, label, size=12)
        return x + columns * cell

    def step(x, width, height, lines, color, pale, size=13):
        layer(svg, x, middle - height / 2, width, height, lines, color, pale, size)
        return x + width

    def to(x, gap=19):
        svg.arrow((x + 2, middle), (x + gap - 1, middle), stroke=1.4)
        return x + gap

    def skip(x0, x1):
        svg.path([(x0, middle), (x0, 74), (x1, 74)], FAINT, 1.8)
        svg.arrow((x1, 74), (x1, middle - 10), color=FAINT, stroke=1.8)
        svg.text((x0 + x1) / 2, 62, "skip connection", size=12, color=GRAY)

    def mlp(letter):
        hidden = f"D<tspan dy='3' font-size='9'>{letter}</tspan><tspan dy='-3'> </tspan>"
        return ["MLP", f"{letter} → {hidden}→ {letter}"]

    end = shown(x0, 24, "[S, C]")
    start = end + 11
    x = to(step(to(end, 34), 52, 50, ["Layer", "Norm"], GRAY, PALE_GRAY))
    x = to(step(x, 26, 34, ["T"], ORANGE, "white", 15))
    x = to(shown(x0.T, x, "[C, S]"))
    x = to(step(x, 90, 60, mlp("S"), ORANGE, PALE_ORANGE))
    x = to(shown(first, x, "[C, S]"))
    x = to(step(x, 26, 34, ["T"], ORANGE, "white", 15)) + 9
    plus(svg, x, middle)
    skip(start, x)
    svg.text((start + x) / 2, 28, "token mixing", bold=True, size=16, color=ORANGE)
    start = x + 20
    x = to(step(to(x + 9, 34), 52, 50, ["Layer", "Norm"], GRAY, PALE_GRAY))
    x = to(shown(x1, x, "[S, C]"))
    x = to(step(x, 90, 60, mlp("C"), BLUE, PALE_BLUE))
    x = to(shown(second, x, "[S, C]")) + 9
    plus(svg, x, middle)
    skip(start, x)
    svg.text((start + x) / 2, 28, "channel mixing", bold=True, size=16, color=BLUE)
    shown(x1 + second, to(x + 9, 20), "[S, C]")
    svg.text(530, 248, "The table keeps its shape, so blocks can be stacked.", size=14)
    svg.text(530, 272, "T: transpose, so that the MLP, which works along rows, reads a column.", size=14)
    return svg


def sharing():
    """One set of weights for all rows, one for all columns, and how many there would be without sharing."""
    svg = Svg(1000, 400, "Shared weights")
    table, cell = tokens(6)[3:8], 22                                # five tokens, six channels
    wide, high = 6 * cell, 5 * cell + 24
    for x, color, pale, title, names, count, letter in (
            (30, BLUE, PALE_BLUE, "the same weights for every row", "patch embedding, channel mixing", 5, "S"),
            (530, ORANGE, PALE_ORANGE, "the same weights for every column", "token mixing", 6, "C")):
        center = x + 220
        svg.text(center, 30, title, bold=True, size=16, color=color)
        svg.text(center, 54, names, size=13, color=GRAY)
        if letter == "S":
            left, top = center - 160, 110
            for i, row in enumerate(table):
                svg.table(colored(row[None]), left, top + i * (cell + 6), cell)
                y = top + i * (cell + 6) + cell / 2
                svg.arrow((left + wide + 4, y), (center + 66, top + high / 2), color=color, stroke=1.2)
            layer(svg, center + 68, top + high / 2 - 32, 92, 64, ["weights"], color, pale)
        else:
            left, top = center - (wide + 30) / 2, 80
            for j, column in enumerate(table.T):
                svg.table(colored(column[:, None]), left + j * (cell + 6), top, cell)
                svg.arrow((left + j * (cell + 6) + cell / 2, top + 5 * cell + 4), (center, top + 5 * cell + 44),
                          color=color, stroke=1.2)
            layer(svg, center - 46, top + 5 * cell + 46, 92, 42, ["weights"], color, pale)
        svg.path([(x, 300), (x + 440, 300)], "#DDDDDD", 1)
        for k in range(count):
            svg.box(center - 29 * count + 58 * k + 5, 316, 48, 30, outline=FAINT, radius=4, stroke=1.5)
        svg.text(center, 370, f"Without sharing, there would be {letter} times as many to learn.", size=14)
    svg.path([(500, 30), (500, 372)], "#DDDDDD", 1)
    return svg


def ledger():
    """The table of lesson 10: whether a part of the Mixer equals its form as convolutions, and what that form costs."""
    rows = the_ledger.rows()
    equal = sum(row.claim != "not equal" for row in rows)
    svg = Svg(1080, 150 + 28 * len(rows), "The Mixer in convolutions: which forms are equal, and what they cost")

    def size(difference, claim):
        """Only what is the same on every machine, without the digits of rounding errors."""
        return {"same bits": "exactly 0", "equal": "below 1e-12"}.get(claim, f"about {float(f'{difference:.1g}'):g}")

    def line(y, words, **style):
        anchors = zip((24, 190, 640, 770, 930, 1052), ["start"] * 2 + ["middle"] * 2 + ["end"] * 2)
        for (x, anchor), word in zip(anchors, words, strict=True):
            svg.text(x, y, word, anchor=anchor, **style)

    line(48, ["part of the Mixer", "written as", "output", "gradient", "parameters", "MACs"], bold=True)
    svg.text(705, 24, "largest difference", size=12, color=GRAY)
    y = 80
    for i, row in enumerate(rows):
        if i in (0, equal):
            svg.path([(24, y - 14), (1056, y - 14)], FAINT, 1)
            svg.text(24, y + 4, "not equal" if i else "equal", anchor="start", size=13, color=GRAY, italic=True)
            y += 30
        line(y, [row.part, row.form, size(row.output, row.claim), size(row.gradient, row.claim),
                 f"{row.parameters:,}", f"{row.macs:,}"])
        y += 28
    return svg


PICTURES = {"architecture.svg": architecture, "patch_grid.svg": patch_grid,
            "mixing.svg": mixing, "block.svg": block, "sharing.svg": sharing, "ledger.svg": ledger}


def main():
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw().source(), encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
