"""A picture as SVG. Letters are drawn as paths, so they look the same on every machine.

The picture follows the theme: its light colors are written at the shapes, and a rule for dark pages replaces each by
its dark partner. The ground is drawn, too, so the picture is readable where the page's theme is not known.
"""

import math
from pathlib import Path

import matplotlib
from fontTools.pens.svgPathPen import SVGPathPen  # comes with matplotlib, as the typeface does
from fontTools.ttLib import TTFont

FONTS = {bold: TTFont(Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' * bold}.ttf"))
         for bold in (False, True)}
GROUND, INK, GRAY, FAINT, EDGE, PALE, OVER = "#FFFFFF", "#1A1A1A", "#666666", "#999999", "#DDDDDD", "#F1F1F1", "#FFFFFE"
# Signed numbers, from far below zero to far above it.
SIGNED = ["#0072B2", "#5BA6D1", "#A9D0E8", "#DCECF5", "#FDFDFD", "#FBE7D8", "#F5C49C", "#E8905A", "#BF5300"]
TINTS = ["#D5EDE3", "#F3DCE9", "#F3EAC4", "#DADADA"]    # things of four kinds, none of which has a sign
DARK = {GROUND: "#111111", INK: "#E8E8E8", GRAY: "#A8A8A8", FAINT: "#888888", EDGE: "#3A3A3A", PALE: "#262626",
        OVER: "#101010"} | dict(zip(SIGNED + TINTS, [
            "#5CB3E8", "#2D7CAD", "#1C506F", "#16303F", "#1B1B1B", "#38291F", "#6A4424", "#B0642D", "#F08A3C",
            "#1E4638", "#4D2A3E", "#48411B", "#3C3C3C"]))


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def shown(value):
    """A number as it is written in a cell: at most two digits after the point, a true minus, and no minus zero."""
    return f"{round(float(value), 2) + 0.0:g}".replace("-", "−")


def text_width(text, size, bold=False):
    font = FONTS[bold]
    names, widths = font.getBestCmap(), font["hmtx"]
    return sum(widths[names[ord(letter)]][0] for letter in str(text)) * size / font["head"].unitsPerEm


class Svg:
    """A card of width x height units, and the shapes on it. x runs right, y runs down.

    words: what is written on it, for tests: (text, left, top, right, bottom, size, color, color below). style: CSS of
    what moves."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title = width, height, title
        self.parts, self.glyphs, self.words, self.style = [], {}, [], ""
        self.box(0.5, 0.5, width - 1, height - 1, fill=GROUND, outline=EDGE, radius=10)

    def add(self, tag, content=None, **attributes):
        words = [f'{name.replace("_", "-")}="{number(value)}"' for name, value in attributes.items()
                 if value is not None]
        end = "/>" if content is None else f">{content}</{tag}>"
        self.parts.append(f"<{tag} {' '.join(words)}{end}")

    def box(self, x, y, width, height, fill="none", outline=None, radius=None, stroke=1, dash=None):
        self.add("rect", x=x, y=y, width=width, height=height, fill=fill, stroke=outline, rx=radius,
                 stroke_width=stroke if outline else None, stroke_dasharray=dash)

    def frame(self, x, y, width, height, stroke=2.5, dash=None):
        """What is picked: a dark line around it, in a light one so that it is seen on every color."""
        self.box(x - 1.5, y - 1.5, width + 3, height + 3, outline=GROUND, stroke=stroke + 3)
        self.box(x - 1.5, y - 1.5, width + 3, height + 3, outline=INK, stroke=stroke, dash=dash)

    def text(self, x, y, text, size=14, color=INK, anchor="middle", bold=False, turned=False, on=GROUND):
        """Text that is centered on y and starts, has its middle, or ends at x (anchor: start, middle, end). turned: by
        90 degrees, read upward. on: the color below it."""
        font, x, y = FONTS[bold], float(x), float(y)
        names, wide, scale = font.getBestCmap(), text_width(text, size, bold), size / font["head"].unitsPerEm
        start, uses = -wide * {"start": 0, "middle": 0.5, "end": 1}[anchor], []
        at = start / scale
        for letter in str(text):
            name = names[ord(letter)]
            if letter != " ":
                key = "b" * bold + name
                self.glyphs.setdefault(key, (font, name))
                uses.append(f'<use href="#{key}" x="{round(at)}"/>')
            at += font["hmtx"][name][0]
        turn = " rotate(-90)" if turned else ""
        self.parts.append(f'<g fill="{color}" transform="translate({number(x)} {number(y)}){turn} '
                          f'translate(0 {number(size * 0.36)}) scale({scale:.5f} {-scale:.5f})">{"".join(uses)}</g>')
        box = (x - size / 2, y - start - wide, x + size / 2, y - start) if turned else (
            x + start, y - size / 2, x + start + wide, y + size / 2)
        self.words.append((str(text), *box, size, color, on))

    def path(self, points, color=INK, stroke=1.6, dash=None):
        self.add("polyline", points=" ".join(f"{number(float(x))},{number(float(y))}" for x, y in points), fill="none",
                 stroke=color, stroke_width=stroke, stroke_dasharray=dash, stroke_linejoin="round")

    def arrow(self, *points, color=INK, stroke=1.6, dash=None):
        """A line through points (x, y), with an arrowhead at the last point."""
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        u, v = (x1 - x0) / length, (y1 - y0) / length
        base = x1 - 7 * u, y1 - 7 * v
        self.path([*points[:-1], base], color, stroke, dash)
        corners = [(x1, y1), (base[0] - 4 * v, base[1] + 4 * u), (base[0] + 4 * v, base[1] - 4 * u)]
        self.add("polygon", points=" ".join(f"{number(float(x))},{number(float(y))}" for x, y in corners), fill=color)

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

    def table(self, colors, x, y, width, height=None, texts=None, size=12):
        """Cells with lines between them, and in them `texts`, [rows][columns]."""
        height = height or width
        rows, columns = len(colors), len(colors[0])
        self.cells(colors, x, y, width, height)
        for i in range(rows + 1):
            self.path([(x, y + i * height), (x + columns * width, y + i * height)], FAINT, 0.6)
        for j in range(columns + 1):
            self.path([(x + j * width, y), (x + j * width, y + rows * height)], FAINT, 0.6)
        for i, row in enumerate(texts or ()):
            for j, text in enumerate(row):
                color = OVER if colors[i][j] in (SIGNED[0], SIGNED[-1]) else INK
                self.text(x + (j + 0.5) * width, y + (i + 0.5) * height, text, size, color, on=colors[i][j])

    def layer(self, x, y, width, height, lines, size=14):
        """A layer: a rounded box with its name."""
        self.box(x, y, width, height, fill=PALE, outline=GRAY, radius=6, stroke=1.4)
        for i, line in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + (i - (len(lines) - 1) / 2) * size * 1.25, line, size, on=PALE)

    def plus(self, x, y):
        self.add("circle", cx=x, cy=y, r=9, fill=GROUND, stroke=INK, stroke_width=1.6)
        self.path([(x - 5, y), (x + 5, y)])
        self.path([(x, y - 5), (x, y + 5)])

    def source(self):
        used = "".join(self.parts)
        rules = "".join(f'[{where}="{light}"]{{{where}:{dark}}}' for where in ("fill", "stroke")
                        for light, dark in DARK.items() if f'{where}="{light}"' in used)
        glyphs = []
        for key, (font, name) in self.glyphs.items():
            pen = SVGPathPen(font.getGlyphSet())
            font.getGlyphSet()[name].draw(pen)
            glyphs.append(f'<path id="{key}" d="{pen.getCommands()}"/>')
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img">', f"<title>{self.title}</title>",
            f"<style>@media (prefers-color-scheme:dark){{{rules}}}{self.style}</style>",
            "<defs>", *glyphs, "</defs>", *self.parts, "</svg>"]) + "\n"


def colored(table, top=2.0):
    """Signed numbers as colors: blue below zero, white at 0, orange above. top: what the darkest stand for."""
    def shade(value):
        step = min(max(int(abs(value) / top * 4 + 0.5), 1), 4) if shown(value) != "0" else 0
        return SIGNED[4 + (step if value > 0 else -step)]
    return [[shade(float(value)) for value in row] for row in table]
