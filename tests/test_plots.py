"""Pictures: what they show for given values."""

import base64
import io
import re
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image, ImageColor

from mixer_lib import plots
from mixer_lib.plots.card import SHARP, Card

COLOR = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


FIGURES = {
    "image_row": lambda: plots.image_row(torch.stack([COLOR, COLOR]), ["a", "b"], columns=2),
    "patch_grid": lambda: plots.patch_grid(COLOR, 4),
    "lines": lambda: plots.lines({"x": ([1, 2], {"a": [3, 4], "b": [5, 6]})}, ylabel="y", log=True),
    "losses": lambda: plots.losses({"a": [2.0] * 30, "b": [9.0, 1.0]}, title="rate"),
    "confusion": lambda: plots.confusion(np.eye(3, dtype=int), ["a", "b", "c"]),
    "tables": lambda: plots.tables({"a": np.eye(3), "b": torch.ones(2, 40)}),
    "by_depth": lambda: plots.by_depth({"a": [[1, 2]]}, "y"),
    "functions": lambda: plots.functions({"a": ([0, 1], {"b": [2, 3], "c": [4, 5]})}, xlabel="x", ylabel="y"),
    "changes": lambda: plots.changes({"a": [0.5, 0.6]}),
    "intervals": lambda: plots.intervals({"a": {"b": {"c": [0.5]}}}, "y", 0.1),
    "bars": lambda: plots.bars({"a": 1.0, "b": 2.0}, "x"),
    "roofline": lambda: plots.roofline(1e12, 1e11, {"a": (1, 1e10)}),
}


def decode(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("image, pixel", [
    (COLOR, COLOR[:, 2, 3].tolist()),
    (COLOR[:1], [COLOR[0, 2, 3].item()] * 3),
    (COLOR[0], [COLOR[0, 2, 3].item()] * 3),
    (COLOR[0] / 255, [COLOR[0, 2, 3].item()] * 3),
])
def test_as_pixels(image, pixel):
    pixels = plots.as_pixels(image)
    assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8
    assert pixels[2, 3].tolist() == pixel


def test_as_pixels_keeps_within_the_range():
    assert plots.as_pixels(torch.tensor([[-0.5, 0.5], [1.0, 1.5]]))[..., 0].tolist() == [[0, 128], [255, 255]]


@pytest.mark.parametrize("numbers, expected", [
    (torch.tensor([1.5, 2.5], requires_grad=True), np.array([1.5, 2.5], np.float32)),
    (torch.tensor([1.5, 2.5], dtype=torch.bfloat16), np.array([1.5, 2.5], np.float32)),
    (torch.tensor([1.5, 2.5], dtype=torch.float16), np.array([1.5, 2.5], np.float32)),
    (torch.tensor([1.5, 2.5], dtype=torch.float64), np.array([1.5, 2.5])),
    (torch.tensor([1, 2]), np.array([1, 2])),
    ([torch.tensor([1.5, 2.5]), [1, torch.tensor(2)]], np.array([[1.5, 2.5], [1, 2]])),
    (np.array([1, 2], np.uint8), np.array([1, 2], np.uint8)),
    (3, np.array(3)),
])
def test_as_array(numbers, expected):
    array = plots.as_array(numbers)
    assert type(array) is np.ndarray and array.dtype == expected.dtype and (array == expected).all()


def test_show_gives_an_image_with_alternative_text(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(plots.base, "display", shown.append)
    plots.show(Image.new("RGB", (3, 2), "red"), alt='a "red" card')
    assert 'alt="a &quot;red&quot; card"' in shown[0].data
    assert 'src="data:image/png;base64,' in shown[0].data
    plots.show(Card(30, 20).image, alt="nothing")
    assert "width: 30px" in shown[1].data and "<i " not in shown[1].data
    card = Card(200, 100)
    card.pixels(np.zeros((1, 1, 3), np.uint8), 0, 0, 10, 10)
    card.photo(np.zeros((1, 1, 3), np.uint8), 20, 30, 100, 50)          # turned back on a dark page
    plots.show(card.image, alt="a photograph")
    assert re.findall("<i style=.*?</i>", shown[2].data) == [
        '<i style="left: 10.00%; top: 30.00%; width: 50.00%; height: 50.00%"></i>']


def test_show_finds_the_photographs_of_a_figure(monkeypatch):
    """What is turned back on a dark page is where the image is in the file, and tables of numbers are none."""
    shown = []
    monkeypatch.setattr(plots.base, "display", shown.append)
    plots.show(plots.image_row([torch.zeros(3, 8, 8)] * 2, ["a", "b"], columns=2), alt="two black squares")
    picture = decode(base64.b64decode(shown[0].data.partition("base64,")[2].partition('"')[0]))
    height, width = picture.shape[:2]
    left, right = [[float(number) / 100 for number in re.findall(r"([\d.]+)%", mark)]
                   for mark in re.findall("<i style=.*?</i>", shown[0].data)]
    for x, y, w, h in (left, right):
        inside = picture[round((y + 0.02) * height):round((y + h - 0.02) * height),
                         round((x + 0.02) * width):round((x + w - 0.02) * width)]
        assert inside.size and (inside == 0).all()
        assert (picture[round(y * height):, round((x + w + 0.005) * width)] == 255).all()
    assert left[0] + left[2] < right[0]
    plots.show(plots.tables({"a": np.eye(3)}), alt="a table")
    assert "<i " not in shown[1].data and 'alt="a table"' in shown[1].data


def test_small_tables_describe_themselves(monkeypatch):
    shown = []
    monkeypatch.setattr(plots.base, "display", shown.append)
    plots.show(plots.tables({"two\nlines": [[1.0, -2.0], [-0.0, 0.126]], "b": torch.eye(2)}))
    assert re.search('alt="([^"]*)"', shown[0].data)[1] == "two lines: 1 \u22122; 0 0.126. b: 1 0; 0 1."
    for large in (plots.tables({"small": np.eye(2), "large": np.eye(9)}), plots.by_depth({"a": [[1, 2]]}, "y")):
        with pytest.raises(ValueError, match="write alt="):
            plots.show(large)


@pytest.mark.parametrize("theme, system, dark", [("true", "dark", False), ("false", "light", True), ("", "dark", True)])
def test_show_follows_the_theme(theme, system, dark):
    """The page's theme wins over the system's."""
    style = plots.base.STYLE
    media, light, named = re.search(r"@media \(prefers-color-scheme: dark\) \{(.*)\} body\S+ \{(.*)\} body\S+ \{(.*)\}",
                                    style).groups()
    rules = (media if system == "dark" else "") + {"true": light, "false": named, "": ""}[theme]
    assert ("invert(.93)" in re.findall(r"mixer-picture img \{ (.*?) \}", rules)[-1]) == dark


def test_letters_are_of_one_typeface_and_not_small(monkeypatch):
    """In a column of 880 pixels no letter is smaller than 11, and cards have the typeface of the figures."""
    from matplotlib.font_manager import FontProperties, findfont
    assert plots.card.font(20).getname()[0] == "DejaVu Sans" == plots.card.ImageFont.truetype(
        findfont(FontProperties(family=plt.rcParamsDefault["font.family"]))).getname()[0]
    for draw in FIGURES.values():
        figure = draw()
        width = figure.get_size_inches()[0] * 80
        for text in figure.findobj(Text):
            assert not text.get_text() or text.get_fontsize() * 80 / 72 * min(1, 880 / width) >= 11, text
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(plots.__file__).parent.glob("*.py"))
    sizes = [int(size) for size in re.findall(r"[ (]size=(\d+)", sources)]        # of cards, 920 wide at most
    assert len(sizes) >= 5 and min(sizes) * 880 / 920 >= 11


def test_show_closes_a_figure_and_gives_it_sharp(monkeypatch):
    shown = []
    monkeypatch.setattr(plots.base, "display", shown.append)
    plt.close("all")
    figure = plt.figure(figsize=(2, 1))
    plots.show(figure, alt="a figure")
    assert not plt.get_fignums()                                        # or the notebook would show it a second time
    assert "width: 160px" in shown[0].data
    data = shown[0].data.partition("base64,")[2].partition('"')[0]
    assert decode(base64.b64decode(data)).shape == (80 * SHARP, 160 * SHARP, 3)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figures_draw_and_name_their_axes(draw):
    figure = draw()
    assert decode(plots.to_png(figure)).std() > 1                       # something is on it
    for axis in figure.axes:
        if axis.axison:
            assert axis.get_xlabel() or axis.get_ylabel() or axis.get_title()


def colored(picture, color):
    """Where a picture has exactly this color: bool [H, W]."""
    return (np.asarray(picture) == ImageColor.getrgb(color)).all(-1)


def test_card_draws_in_units():
    card = Card(20, 10)
    card.box(2, 3, 4, 5, fill="#FF0000")
    card.box(12, 3, 0.1, 5, fill="#00FF00")                             # too thin to be seen
    card.box(12, 3, 5, 0.1, fill="#00FF00")
    card.box(14, 3, 2, 2, outline="#0000FF", stroke=1)
    card.pixels(np.zeros((1, 1, 3), np.uint8), 18, 0, 1, 1)
    picture = np.asarray(card.image)
    assert picture.shape == (10 * SHARP, 20 * SHARP, 3)
    rows, columns = np.nonzero(colored(picture, "#FF0000"))
    edges = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    assert edges == [3 * SHARP, 8 * SHARP, 2 * SHARP, 6 * SHARP]
    assert not colored(picture, "#00FF00").any()
    assert colored(picture, "#0000FF").any() and colored(picture, "#000000").sum() == SHARP ** 2


@pytest.fixture
def texts(monkeypatch):
    """The words that are written on a card, with the places where they stand."""
    written, write = [], Card.text
    monkeypatch.setattr(Card, "text", lambda self, x, y, text, *rest, **options: (
        written.append((x, y, text)), write(self, x, y, text, *rest, **options))[1])
    return written


def words(texts):
    return [text for _, _, text in texts]


def test_image_row_sets_each_image_below_its_title():
    images = [COLOR, COLOR.flip(2), COLOR.flip(1)]
    axes = plots.image_row(images, ["a", "b", "c"], columns=2).axes
    assert [axis.get_title() for axis in axes] == ["a", "b", "c", ""]
    for axis, image in zip(axes, images):
        assert (axis.images[0].get_array() == image.permute(1, 2, 0).numpy()).all()
    assert not axes[3].images
    assert [axis.get_title() for axis in plots.image_row(images, columns=3).axes] == ["", "", ""]


def test_image_row_frames_a_white_image():
    framed, plain = plots.image_row([torch.ones(3, 8, 8), COLOR], columns=2).axes
    assert len(framed.patches) == 1 and not plain.patches


def test_patch_grid_numbers_the_patches():
    axis, = plots.patch_grid(COLOR[:, :, :4], 2).axes                               # 8 x 4 pixels
    assert [(text.get_position(), text.get_text()) for text in axis.texts[:3]] == [
        ((1, 1), "0"), ((3, 1), "1"), ((1, 3), "2")]
    assert len(axis.texts) == 8 and (axis.images[0].get_array() == COLOR[:, :, :4].permute(1, 2, 0).numpy()).all()
    assert axis.get_xticks().tolist() == [0, 2, 4] and axis.get_yticks().tolist() == [0, 2, 4, 6, 8]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("column (pixels)", "row (pixels)")


def test_bars_are_the_numbers_and_say_them():
    axis, = plots.bars({"products": 12.5, "GELU": 4, "none": 0}, "ms", marked=["GELU"]).axes
    assert [bar.get_width() for bar in axis.patches] == [12.5, 4, 0]
    assert [bar.get_y() + bar.get_height() / 2 for bar in axis.patches] == pytest.approx([0, 1, 2])
    assert axis.get_ylim()[0] > axis.get_ylim()[1]                  # the first on top
    green, gray = (tuple(np.array(ImageColor.getrgb(color)) / 255) for color in (plots.GREEN, plots.GRAY))
    assert [bar.get_facecolor()[:3] for bar in axis.patches] == [gray, green, gray]
    assert [text.get_text().strip() for text in axis.texts] == ["12.5", "4", "0"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["products", "GELU", "none"]


def test_roofline_rises_to_the_peak():
    points = {"sums": (0.1, 5e9), "products": (80, 9e11)}
    axis, = plots.roofline(1e12, 1e11, points).axes
    roof, *marks = [line for line in axis.lines if line.get_label() in points or len(line.get_xdata()) == 3]
    x, y = roof.get_xdata(), roof.get_ydata()
    assert x[1] == 10 and x[0] < 0.1 and x[2] > 80
    assert y == pytest.approx([100 * x[0], 1000, 1000])             # GFLOP/s
    assert {line.get_label(): (*line.get_xdata(), *line.get_ydata()) for line in marks} == {
        "sums": (0.1, 5), "products": (80, 900)}
    assert axis.get_xscale() == axis.get_yscale() == "log"
    (left, right) = sorted(axis.texts, key=lambda text: text.get_text(), reverse=True)
    assert "memory-bound" in left.get_text() and left.get_ha() == "right"       # left of the ridge, where both stand
    assert "compute-bound" in right.get_text() and left.get_position()[0] == right.get_position()[0] == 10


def test_roofline_of_a_fast_machine_has_numbers_that_one_can_read():
    axis, = plots.roofline(990e12, 3.35e12, {"a": (129, 432e12), "b": (560, 990e12)}).axes
    axis.figure.draw_without_rendering()
    assert axis.get_ylabel() == "TFLOP/s" and max(axis.lines[0].get_ydata()) == 990
    shown = {tick.get_text() for ticks in (axis.get_yticklabels(), axis.get_yticklabels(minor=True)) for tick in ticks}
    assert {"200", "500", "1,000"} <= shown and all(text.replace(",", "").isdecimal() for text in shown if text)


def test_losses_are_means_of_the_last_ten():
    axis, = plots.losses({"up": list(range(20)), "flat": [1.0] * 3}, top=5, title="slope").axes
    up, flat = axis.lines
    assert up.get_xdata()[[0, -1]].tolist() == [1, 20] and flat.get_ydata().tolist() == [1, 1, 1]
    assert up.get_ydata()[[0, 1, 19]].tolist() == [0, 0.5, 14.5]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "training loss (nats)")
    assert axis.get_ylim() == (0, 5) and [text.get_text() for text in axis.get_legend().texts] == ["up", "flat"]
    assert axis.get_legend().get_title().get_text() == "slope"


@pytest.mark.parametrize("log, scales", [(False, ("linear", "linear")), ("x", ("log", "linear")),
                                         (True, ("log", "log"))])
def test_lines_have_the_scales_asked_for(log, scales):
    axis, = plots.lines({"rate": ([0.001, 1.0], {"a": [3, 4]})}, ylabel="y", log=log).axes
    assert (axis.get_xscale(), axis.get_yscale()) == scales
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("rate", "y")
    assert not log or [label.get_text() for label in axis.get_xticklabels()] == ["0.001", "1"]


def test_names_of_lines_hide_no_line():
    axis, = plots.lines({"rate": ([1, 10], {"a": [1, 2], "b": [2, 1], "a third": [1, 1]})}, ylabel="y").axes
    axis.figure.canvas.draw()
    names, chart = axis.get_legend().get_window_extent(), axis.get_window_extent()
    assert chart.x1 <= names.x0 and names.x1 <= axis.figure.bbox.x1


def test_lines_write_powers_of_ten_as_numbers():
    axis, = plots.lines({"rate": ([1, 10], {"a": [0.05, 2000]})}, ylabel="y", log=True).axes
    axis.figure.canvas.draw()
    shown = {label.get_text() for label in axis.get_yticklabels()}
    assert {"0.1", "1", "10", "100", "1,000"} <= shown


@pytest.mark.parametrize("count, width", [(2, 5), (4, 8.5)])       # the tables of lessons 4 and 6
def test_numbers_of_neighboring_cells_do_not_touch(count, width):
    figure = plots.tables({name: [[-0.977, -0.977, 1]] * 4 for name in "abcd"[:count]}, width=width)
    figure.canvas.draw()
    left, right = [text.get_window_extent() for text in figure.axes[0].texts[:2]]
    assert right.x0 - left.x1 > 0.05 * figure.dpi


def test_confusion_writes_the_counts():
    figure = plots.confusion([[5, 1], [0, 7]], ["a", "b"])
    assert {(t.get_position(), t.get_text()) for t in figure.axes[0].texts} == {((0, 0), "5"), ((1, 0), "1"),
                                                                              ((1, 1), "7")}
    axis, = figure.axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    shown = axis.images[0].get_array()
    assert shown[0, 1] == 1 and shown[0, 0] == shown[1, 1] == shown[1, 0] == 0      # mistakes alone have a color
    assert {text.get_text(): text.get_color() for text in axis.texts} == {
        "5": plots.GRAY, "7": plots.GRAY, "1": "black"}
    digits, names = (plots.confusion(np.eye(2, dtype=int), some).axes[0] for some in (["0", "1"], ["deer", "frog"]))
    assert {label.get_rotation() for label in digits.get_xticklabels()} == {0}
    assert {label.get_rotation() for label in names.get_xticklabels()} == {90}      # or they would overlap


def test_confusion_of_many_classes():
    """Room for every number, and of very many classes the colors alone, with a scale."""
    matrix = np.random.default_rng(0).integers(0, 90, (60, 60))
    figure = plots.confusion(matrix, [f"class {k}" for k in range(60)])
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in figure.axes[0].texts if text.get_position()[1] == 7),
                   key=lambda box: box.x0)
    assert len(boxes) > 50 and all(left.x1 < right.x0 for left, right in pairwise(boxes))
    axis, bar = plots.confusion(np.eye(200, dtype=int), ["x"] * 200).axes
    assert not axis.texts and "number of the class" in axis.get_xlabel() and "images" in bar.get_ylabel()


def test_tables_write_small_numbers_and_leave_zero_white():
    figure = plots.tables({"small": [[0.0, -2.0, 1.5]], "large": np.ones((16, 16))}, "unit", "channel")
    small, large, bar = figure.axes
    assert [text.get_text() for text in small.texts] == ["0", "\u22122", "1.5"] and not large.texts
    assert bar.get_ylabel() == "number" and bar.get_ylim() == (-2, 2)               # where numbers are not written
    assert small.images[0].get_clim() == large.images[0].get_clim() == (-2, 2)      # one scale
    assert (small.get_xlabel(), small.get_ylabel()) == ("unit", "channel")
    assert (small.get_title(), large.get_title()) == ("small", "large")
    each = plots.tables({"small": np.eye(2), "other": np.eye(2)}, ["token", "channel"]).axes
    assert [axis.get_xlabel() for axis in each] == ["token", "channel"] and large.get_xlabel() == "unit"
    assert (small.images[0].get_array() == [[0.0, -2.0, 1.5]]).all()
    square, = plots.tables({"square": [[1.0, 2.0], [3.0, 4.0]]}).axes
    assert plots.tables({"a": [[-0.0]]}).axes[0].texts[0].get_text() == "0"
    assert [(text.get_position(), text.get_text()) for text in square.texts] == [
        ((0, 0), "1"), ((1, 0), "2"), ((0, 1), "3"), ((1, 1), "4")]
    strengths = plots.tables({"strengths": [[0.0, 1e-9, 1.0]]}, signed=False).axes[0].images[0]
    colors = strengths.cmap(strengths.norm(strengths.get_array()))
    axes_background = strengths.axes.get_facecolor()
    assert colors[0, 0, 3] == 0 and axes_background == (1, 1, 1, 1)                  # exactly 0: nothing is drawn
    assert colors[0, 1, 2] < 0.8                                                     # next to 0: seen to be more


def test_prediction_says_what_is_read_and_how_surely(texts):
    plots.prediction(COLOR, torch.tensor([0.2, 0.7, 0.1]), ["cat", "dog", "ox"], truth=0)
    shares = ["cat", "20.0%", "dog", "70.0%", "ox", "10.0%"]
    assert words(texts) == ["read as dog, is cat", "probability", *shares]
    texts.clear()
    plots.prediction(COLOR, [0.2, 0.7, 0.1], ["cat", "dog", "ox"])
    assert words(texts) == ["read as dog", "probability", *shares]


def test_prediction_tells_truth_from_favorite():
    picture = plots.prediction(COLOR, [0.2, 0.7, 0.1], ["cat", "dog", "ox"], truth=0)
    lengths = [colored(picture, color)[(48 + 20 * k) * SHARP].sum()
               for k, color in enumerate((plots.GREEN, plots.INK, "#A8A8A8"))]
    assert lengths == [0.2 * 200 * SHARP, 0.7 * 200 * SHARP, 0.1 * 200 * SHARP]
    assert plots.prediction(COLOR, [0.2, 0.7, 0.1], ["cat", "dog", "ox"], truth=1) != picture
    unknown = plots.prediction(COLOR, [0.2, 0.7, 0.1], ["cat", "dog", "ox"])
    assert not colored(unknown, plots.GREEN).any()
    assert colored(unknown, plots.INK)[(48 + 20) * SHARP].sum() == 0.7 * 200 * SHARP


def test_functions_draw_each_panel_on_axes_of_its_own():
    x = np.linspace(-1, 1, 5)
    figure = plots.functions({"two": (x, {"a": x, "b": 10 * x}), "one": (2 * x, {"c": x / 1000})}, "z", "y")
    two, one = figure.axes
    assert [axis.get_title() for axis in figure.axes] == ["two", "one"]
    assert [axis.get_xlabel() for axis in figure.axes] == ["z", "z"] and two.get_ylabel() == "y"
    assert [line.get_label() for line in two.lines] == ["a", "b"] == [t.get_text() for t in two.get_legend().texts]
    assert (one.lines[0].get_xdata() == 2 * x).all() and (one.lines[0].get_ydata() == x / 1000).all()
    assert two.get_ylim()[1] > 10 and one.get_ylim()[1] < 0.01 and one.get_legend() is None


def test_by_depth_draws_one_curve_per_run():
    figure = plots.by_depth({"a": [[1, 10, 100], [2, 20, 200]], "b": np.ones((1, 3))}, "size", log=True)
    axis, = figure.axes
    assert [line.get_ydata().tolist() for line in axis.lines] == [[1, 10, 100], [2, 20, 200], [1, 1, 1]]
    assert axis.lines[0].get_color() == axis.lines[1].get_color() != axis.lines[2].get_color()
    assert [text.get_text() for text in axis.get_legend().texts] == ["a", "b"]
    assert (axis.get_yscale(), axis.get_ylabel(), axis.get_xlabel()) == ("log", "size", "depth (blocks)")
    assert plots.by_depth({"a": [[0, 1]]}, "share").axes[0].get_yscale() == "linear"


def test_changes():
    figure = plots.changes({"plain": [0.4, 0.5], "flips": [0.5, 0.7, 0.6]}, "share (%)")
    axis, = figure.axes
    base, *drawn = axis.lines
    assert list(base.get_xdata()) == pytest.approx([45, 45])                    # the mean of the first row
    bars, dots = drawn[::2], drawn[1::2]
    assert [bar.get_xdata()[0] for bar in bars] == pytest.approx([45, 60])
    assert list(dots[1].get_xdata()) == pytest.approx([50, 70, 60]) and set(dots[1].get_ydata()) == {1}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["plain", "flips"]
    assert axis.yaxis_inverted() and axis.get_xlabel() == "share (%)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean of plain", "mean", "one run"]
    figure = plots.changes({"plain": [0.4, 0.5], "flips": [0.6]}, trained={"plain": [0.9, 0.8], "flips": [0.7]})
    *_, first, second = figure.axes[0].lines
    assert list(first.get_xdata()) == pytest.approx([90, 80]) and list(second.get_xdata()) == pytest.approx([70])
    assert first.get_fillstyle() == "none" and set(second.get_ydata()) == {1}
    assert figure.legends[0].get_texts()[-1].get_text() == "one run, on the images trained on"


def test_intervals():
    table = {"Mixer": {"plain": [0.4, 0.5, 0.6], "all pixels": [0.3]}, "CNN": {"plain": [0.7], "all pixels": [0.2]}}
    one_run = {"Mixer": {"plain": [0.4], "all pixels": [0.3]}}
    first, second = axes = plots.intervals({"table": table, "one run": one_run}, "share (%)", guessing=0.1).axes
    assert [axis.get_title() for axis in axes] == ["table", "one run"]
    points, reach, bar, lone, *others = first.lines
    assert list(points.get_ydata()) == pytest.approx([40, 50, 60]) and len(set(points.get_xdata())) == 1
    assert list(bar.get_ydata()) == pytest.approx([50, 50]) and bar.get_linewidth() > reach.get_linewidth()
    half = 4.303 * 10 / 3 ** 0.5                                                # Student's t, two degrees of freedom
    assert list(reach.get_ydata()) == pytest.approx([50 - half, 50 + half], abs=0.1)
    assert list(lone.get_ydata()) == pytest.approx([30]) and lone.get_xdata()[0] > points.get_xdata()[0] + 0.5
    assert [line.get_ydata()[0] for line in others] == pytest.approx([70, 20, 10])     # the CNN, and guessing
    assert first.get_ylabel() == "share (%)" and first.get_ylim()[0] == 0
    assert [text.get_text() for text in second.get_xticklabels()] == ["plain", "all pixels"]
    assert [text.get_text() for text in second.get_legend().texts] == ["Mixer"]


@pytest.mark.parametrize("n", range(2, 11))
def test_intervals_reach_as_far_as_students_t(n):
    """95% of Student's distribution lies within the factor, with a degree of freedom less than there are runs."""
    middle, step = np.arange(0.0005, 10_000, 0.001), 0.001
    density = (1 + middle ** 2 / (n - 1)) ** (-n / 2)
    within = density[middle < plots.charts.T95[n]].sum() * step
    assert within / (density.sum() * step) == pytest.approx(0.95, abs=6e-4)
    values = np.linspace(0.4, 0.6, n)
    reach = plots.intervals({"t": {"model": {"plain": values}}}, "y", 0.1).axes[0].lines[1].get_ydata()
    error = 100 * values.std(ddof=1) / n ** 0.5
    assert list(reach) == pytest.approx([50 - plots.charts.T95[n] * error, 50 + plots.charts.T95[n] * error])


def test_a_dollar_in_the_name_of_a_class_begins_no_formula():
    figure = plots.confusion(np.eye(2, dtype=int), [r"$\bad$", "b"])
    figure.draw_without_rendering()
    assert figure.axes[0].get_xticklabels()[0].get_text() == r"\$\bad\$"
