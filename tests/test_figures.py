"""The committed pictures are the ones that figures/draw.py draws, stand on their own, and can be read."""

import functools
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import pytest
from PIL import ImageColor

import draw
import svg

ROOT = Path(__file__).parents[1]
LESSONS = ROOT / "notebooks" / "text"
COLUMN = 880        # pixels that a picture gets in JupyterLab, on a screen of 1366 with the sidebar open
drawn = functools.cache(lambda name: draw.PICTURES[name]())
every_picture = pytest.mark.parametrize("name", draw.PICTURES)


@every_picture
def test_picture_is_up_to_date(name):
    now, then = drawn(name).source(), (draw.FOLDER / name).read_text(encoding="utf-8")
    assert now == then, f"figures/{name}: run make figures"


@every_picture
def test_picture_stands_on_a_ground_of_its_own(name):
    """Readable on any page, with a title for those who do not see it, and nothing fetched from elsewhere."""
    source = (draw.FOLDER / name).read_text(encoding="utf-8")
    root = ElementTree.fromstring(source)
    title, _, _, card = root[:4]
    assert title.text and root.get("role") == "img"
    assert card.get("fill") == svg.GROUND and float(card.get("width")) > 0.99 * float(root.get("width"))
    assert f'[fill="{svg.GROUND}"]{{fill:{svg.DARK[svg.GROUND]}}}' in source                # and on a dark page
    assert not re.search(r'href="[^#]|url\((?!#)|@import', source)


@every_picture
def test_letters_are_paths(name):
    source = (draw.FOLDER / name).read_text(encoding="utf-8")
    assert "<text" not in source and "font-family" not in source
    uses, paths = re.findall(r'<use href="#([^"]+)"', source), re.findall(r'<path id="([^"]+)" d="M', source)
    assert uses and set(uses) == set(paths)


@every_picture
def test_words_have_room(name):
    """No word is cut off, runs into another, or is small on the page."""
    picture = drawn(name)
    for text, left, top, right, bottom, size, *_ in picture.words:
        assert left >= 6 and right <= picture.width - 6 and top >= 6 and bottom <= picture.height - 6, text
        assert size * min(1, COLUMN / picture.width) >= 11, f"{text}: {size} units of {picture.width}"
    for one, two in combinations(picture.words, 2):
        apart = one[3] + 2 <= two[1] or two[3] + 2 <= one[1] or one[4] <= two[2] or two[4] <= one[2]
        assert apart, f"{one[0]!r} runs into {two[0]!r}"


def luminance(color):
    parts = [c / 255 for c in ImageColor.getrgb(color)]
    return sum(w * (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4)
               for w, c in zip((0.2126, 0.7152, 0.0722), parts))


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@every_picture
def test_words_stand_out_on_light_and_dark_pages(name):
    for color, below in {word[6:] for word in drawn(name).words}:
        assert contrast(color, below) >= 4.5, f"{color} on {below}"
        assert contrast(svg.DARK[color], svg.DARK[below]) >= 4.5, f"{color} on {below}, on a dark page"


@every_picture
def test_colors_that_are_not_of_a_photograph_have_a_dark_partner(name):
    colors = set(re.findall(r'(?:fill|stroke)="(#[0-9A-Fa-f]{6})"', (draw.FOLDER / name).read_text(encoding="utf-8")))
    assert {color for color in colors if color != color.lower()} <= set(svg.DARK)       # those of pixels are lowercase


@every_picture
def test_a_lesson_or_the_readme_shows_the_picture_with_alternative_text(name):
    shown = [alt for path in [*LESSONS.glob("*.py"), ROOT / "README.md"]
             for alt in re.findall(rf"!\[([^\]]*(?:\[[^\]]*\][^\]]*)*)\]\((?:\.\./)?figures/{name}\)",
                                   path.read_text(encoding="utf-8").replace("\n# ", " "))]
    assert shown and all(len(alt) > 150 for alt in shown)


@pytest.mark.parametrize("lesson, name", [
    ("01_patches", "split_permute_merge"), ("03_channel_mixing", "channel_mixing"), ("04_token_mixing", "transpose"),
    ("10_convolutions", "convolutions")])
def test_lessons_open_with_a_picture(lesson, name):
    text = (LESSONS / f"{lesson}.py").read_text(encoding="utf-8")
    assert f"(../figures/{name}.svg)" in re.split(r"^# %%$", text, flags=re.MULTILINE)[0]       # before the first code


def test_the_living_picture_moves_and_ends():
    """Each name that moves has its rule, within the loop; readers who asked for less motion see the end: all scores."""
    source = (draw.FOLDER / "living.svg").read_text(encoding="utf-8")
    still, _, moving = source.partition("@media (prefers-reduced-motion:no-preference)")
    moved = {name for names in re.findall(r'class="([^"]+)"', source) for name in names.split()} - {"past"}
    assert moved == set(re.findall(r"@keyframes (\w+)", moving)) and len(moved) > 30 and "animation" not in still
    assert all(float(share) <= 100 for share in re.findall(r"([\d.]+)%\{", moving))
    assert {text for text, *_ in drawn("living.svg").words} >= {*"0123456789", "91%", "block 4 → channels"}


def test_no_picture_without_its_function():
    committed = {path.name for path in draw.FOLDER.iterdir() if path.suffix in (".png", ".svg")}
    assert committed == set(draw.PICTURES)


def test_numbers_are_written_with_a_true_minus():
    assert [svg.shown(x) for x in (-1.414, -0.001, 10.0, 0.977, -2)] == ["−1.41", "0", "10", "0.98", "−2"]


def test_colors_are_signs():
    """White is 0 and nothing else, and a number and its opposite are as dark."""
    (low, faint, zero, rest, high), = svg.colored([[-9, -1e-2, 0, 1e-2, 9]], top=8)
    assert (low, zero, high) == (svg.SIGNED[0], svg.SIGNED[4], svg.SIGNED[8])
    assert (faint, rest) == (svg.SIGNED[3], svg.SIGNED[5])
