"""The committed pictures are the ones that figures/draw.py draws, and stand on their own."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

import draw

every_picture = pytest.mark.parametrize("name", draw.PICTURES)


@every_picture
def test_picture_is_up_to_date(name):
    now, then = draw.PICTURES[name]().source(), (draw.FOLDER / name).read_text(encoding="utf-8")
    assert now == then, f"figures/{name}: run make figures"


@every_picture
def test_picture_stands_on_a_white_card(name):
    """Readable in a dark notebook, with a title for those who do not see it, and nothing fetched from elsewhere."""
    root = ElementTree.parse(draw.FOLDER / name).getroot()
    title, card = root[0], root[1]
    assert title.text and root.get("role") == "img"
    assert card.get("fill") == "white" and float(card.get("width")) > 0.99 * float(root.get("width"))
    assert not re.search(r"href|url\(|@import", (draw.FOLDER / name).read_text(encoding="utf-8"))


@every_picture
def test_nothing_is_cut_off(name):
    root = ElementTree.parse(draw.FOLDER / name).getroot()
    width, height = float(root.get("width")), float(root.get("height"))
    for text in (shape for shape in root.iter() if shape.tag.endswith("text") and shape.get("transform") is None):
        # An average letter of these fonts is half as wide as it is high.
        size, x = float(text.get("font-size")), float(text.get("x"))
        wide = 0.55 * size * len("".join(text.itertext()))
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor")]
        assert left >= 0 and left + wide <= width and size <= float(text.get("y")) <= height - 4, text.text


def test_no_picture_without_its_function():
    committed = {path.name for path in draw.FOLDER.iterdir() if path.suffix in (".png", ".svg")}
    assert committed == set(draw.PICTURES)
