"""The trained Mixer at work, as a picture that moves: a digit, its patches, tokens, eight mixing steps, ten scores.

Every number in it is the bundled model's. CSS moves it; readers who asked for less motion see the end of it.
"""

import numpy as np
import torch

from mixer_lib import patchify
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset, normalize
from svg import EDGE, FAINT, GRAY, GROUND, INK, PALE, Svg, colored

LENGTH = 16                                     # seconds until it starts again
FLY, EMBED, MIX, STEP, MEAN, SCORES = 1.0, 3.4, 4.6, 0.8, 11.2, 11.9      # when what begins
TOP, ROW, PIXEL, PATCH, CHANNEL = 72, 10, 6, 3, 5       # of the tables; sides of a pixel, of an entry, of a channel
IMAGE, TABLE, TOKENS, BARS = 24, 226, 420, 790          # where the four things begin


def numbers():
    """uint8 [28, 28], the image; tables [10][16, 64], the tokens at each stage and last after the norm; [10], the
    probabilities. In 64 bits, so that every machine draws the same."""
    mnist, (model, _) = load_dataset("mnist"), load_pretrained("mnist")
    image = mnist.test_images[int((mnist.test_labels == 2).nonzero()[0])]
    model = model.double().eval()
    with torch.no_grad():
        tables = [model.patch_embedding(normalize(image[None], mnist.mean, mnist.std).double())]
        for block in model.blocks:
            tables.append(tables[-1] + block.token_mixing(block.token_norm(tables[-1])))
            tables.append(tables[-1] + block.channel_mixing(block.channel_norm(tables[-1])))
        tables.append(model.norm(tables[-1]))
        scores = model.head(tables[-1].mean(1)).softmax(1)[0]
    return image[0], [table[0].numpy() for table in tables], scores.tolist()


def living():
    """The picture."""
    svg, (image, tables, scores) = Svg(1080, 300, "A trained Mixer reads a digit"), numbers()
    moves = Moves(svg)
    for x, width, name, shape in ((IMAGE, 168, "image", "28 × 28 pixels"), (TABLE, 147, "patches", "16 rows of 49"),
                                  (TOKENS, 320, "tokens", "16 rows of 64 channels"), (BARS, 250, "scores", "")):
        svg.text(x + width / 2, 28, name, bold=True, size=16)
        if shape:
            svg.text(x + width / 2, 50, shape, color=GRAY)
    svg.parts.append('<g class="all">')
    patches(svg, moves, image)
    for x in (IMAGE + 178, TABLE + 157):
        svg.arrow((x, TOP + 80), (x + 20, TOP + 80))
    stages(svg, moves, tables)
    bars(svg, moves, scores)
    svg.parts.append("</g>")
    moves.add("all", (0, "opacity:0"), (0.5, "opacity:1"), (LENGTH - 0.5, "opacity:1"), (LENGTH, "opacity:0"))
    svg.style = moves.style()
    return svg


class Moves:
    """The rules of what moves: for each class its stops, (second, CSS)."""

    def __init__(self, svg):
        self.svg, self.rules = svg, []

    def add(self, name, *stops):
        frames = "".join(f"{100 * second / LENGTH:.2f}%{{{css}}}" for second, css in stops)
        self.rules.append(f"@keyframes {name}{{{frames}}}.{name}{{animation:{name} {LENGTH}s infinite ease-in-out}}")

    def style(self):
        return ".fly{transform:var(--to)}.past{opacity:0}@media (prefers-reduced-motion:no-preference){" + "".join(
            self.rules) + "}"


def runs(colors, width, height, x=0, y=0):
    """A table of colors [rows][columns], None for nothing, as one path per color."""
    paths = {}
    for i, row in enumerate(colors):
        start = 0
        for j in range(1, len(row) + 1):
            if j == len(row) or row[j] != row[start]:
                side, left, top = (j - start) * width, x + start * width, y + i * height
                paths.setdefault(row[start], []).append(f"M{left} {top}h{side}v{height}h-{side}z")
                start = j
    return "".join(f'<path {color} d="{"".join(d)}"/>' for color, d in paths.items() if color)


def filled(table, top):
    return [[f'fill="{color}"' for color in row] for row in colored(table, top)]


def patches(svg, moves, image):
    """The image, faint; its pixels, which fly from it, row by row of a patch, into the rows of the table."""
    gray = [[f'fill="{INK}" fill-opacity="{level / 5:g}"' if level else None for level in row]
            for row in np.round(image.numpy() / 255 * 5).astype(int)]               # [28][28], five grays
    svg.box(IMAGE, TOP, 168, 168, fill=PALE)
    svg.box(TABLE, TOP, 147, 16 * ROW, fill=PALE)
    svg.parts.append(f'<g opacity=".3">{runs(gray, PIXEL, PIXEL, IMAGE, TOP)}</g>')
    for k in range(1, 4):
        svg.path([(IMAGE + 42 * k, TOP), (IMAGE + 42 * k, TOP + 168)], GROUND, 2)
        svg.path([(IMAGE, TOP + 42 * k), (IMAGE + 168, TOP + 42 * k)], GROUND, 2)
    for k in range(1, 16):
        svg.path([(TABLE, TOP + k * ROW), (TABLE + 147, TOP + k * ROW)], GROUND, 1)
    order = patchify(torch.arange(784).view(1, 1, 28, 28), 7)[0]                    # [16, 49], the pixel in each entry
    for s in range(16):
        for r in range(7):
            y, x = divmod(int(order[s, 7 * r]), 28)
            drawn = runs([gray[y][x:x + 7]], PIXEL, PIXEL, IMAGE + PIXEL * x, TOP + PIXEL * y)
            wide, high = PATCH / PIXEL, (ROW - 1) / PIXEL
            to = (TABLE + 7 * r * PATCH - wide * (IMAGE + PIXEL * x), TOP + s * ROW + 0.5 - high * (TOP + PIXEL * y))
            if drawn:
                svg.parts.append(f'<g class="fly" style="--to:translate({to[0]:.1f}px,{to[1]:.1f}px) scale({wide:g},'
                                 f'{high:g});animation-delay:{s * 0.06:.2f}s">{drawn}</g>')
    still = "transform:none"
    moves.add("fly", (0, still), (FLY, still), (FLY + 1.2, "transform:var(--to)"), (LENGTH, "transform:var(--to)"))


def stages(svg, moves, tables):
    """The table of tokens, over which each step sweeps: down its columns from left to right, or along its rows."""
    width, height = 64 * CHANNEL, 16 * ROW
    names = ["patch embedding", *(f"block {k} {what}" for k in range(1, 5) for what in ("↓ tokens", "→ channels"))]
    svg.box(TOKENS, TOP, width, height, fill=PALE)
    for k, (table, name) in enumerate(zip(tables, names)):
        start, across = (MIX + STEP * (k - 1), k % 2) if k else (EMBED, False)
        end = start + STEP * 0.85
        none, whole = f"transform:scale{'XY'[not across]}(0)", "transform:none"
        moves.add(f"wipe{k}", (0, none), (start, none), (end, whole), (LENGTH, whole))
        svg.parts.append(f'<clipPath id="c{k}"><rect class="wipe{k}" x="{TOKENS}" y="{TOP}" width="{width}" '
                         f'height="{height}" style="transform-origin:{TOKENS}px {TOP}px"/></clipPath>'
                         f'<g clip-path="url(#c{k})" shape-rendering="crispEdges">'
                         f"{runs(filled(table, 3 * table.std()), CHANNEL, ROW, TOKENS, TOP)}</g>")
        far = f"transform:translate({width}px,0)" if across else f"transform:translate(0,{height}px)"
        moves.add(f"bar{k}", (0, "opacity:0"), (start - 0.01, "opacity:0"), (start, f"opacity:1;{whole}"),
                  (end, f"opacity:1;{far}"), (end + 0.01, f"opacity:0;{far}"), (LENGTH, "opacity:0"))
        thick = (4, height + 4) if across else (width + 4, 4)
        svg.parts.append(f'<rect class="past bar{k}" x="{TOKENS - 2}" y="{TOP - 2}" width="{thick[0]}" '
                         f'height="{thick[1]}" fill="{INK}"/>')
        until = start + STEP if k < 8 else LENGTH
        moves.add(f"name{k}", (0, "opacity:0"), (start - 0.01, "opacity:0"), (start, "opacity:1"),
                  (until - 0.01, "opacity:1"), *([(until, "opacity:0"), (LENGTH, "opacity:0")] if k < 8 else []))
        svg.parts.append(f'<g class="name{k}{" past" * (k < 8)}">')
        svg.text(TOKENS + width / 2, TOP + height + 20, name)
        svg.parts.append("</g>")
        if k:
            svg.words.pop(-2)                   # they come one after the other, at the same place
    mean = filled(tables[-1].mean(0, keepdims=True), top=2)
    svg.parts.append(f'<g class="mean">{runs(mean, CHANNEL, ROW, TOKENS, TOP + 202)}</g>')
    svg.box(TOKENS, TOP + 202, width, ROW, outline=FAINT)
    moves.add("mean", (0, "opacity:0"), (MEAN, "opacity:0"), (MEAN + 0.5, "opacity:1"), (LENGTH, "opacity:1"))
    svg.text(TOKENS - 10, TOP + 207, "mean", anchor="end")


def bars(svg, moves, scores):
    """A bar for each digit; the longest has its share beside it."""
    turn = BARS - 34
    svg.arrow((TOKENS + 64 * CHANNEL + 8, TOP + 207), (turn, TOP + 207), (turn, TOP + 80), (turn + 12, TOP + 80))
    for digit, score in enumerate(scores):
        y = TOP - 4 + 18 * digit
        svg.text(BARS - 8, y + 7, digit, bold=score == max(scores))
        svg.box(BARS + 4, y, 200, 14, fill=PALE)
        svg.parts.append(f'<rect class="score" x="{BARS + 4}" y="{y}" width="{200 * score:.1f}" height="14" '
                         f'fill="{INK}" style="transform-origin:{BARS + 4}px 0"/>')
        if score == max(scores):
            svg.parts.append('<g class="said">')
            svg.text(BARS + 212, y + 7, f"{score:.0%}", anchor="start", bold=True)
            svg.parts.append("</g>")
    moves.add("score", (0, "transform:scaleX(0)"), (SCORES, "transform:scaleX(0)"), (SCORES + 0.8, "transform:none"),
              (LENGTH, "transform:none"))
    moves.add("said", (0, "opacity:0"), (SCORES + 0.6, "opacity:0"), (SCORES + 0.9, "opacity:1"), (LENGTH, "opacity:1"))
    svg.path([(BARS + 4, TOP - 8), (BARS + 4, TOP + 180)], EDGE, 1)
