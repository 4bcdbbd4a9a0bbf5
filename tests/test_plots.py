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
from mixer_lib.model import ChannelMixing, patchify
from mixer_lib.plots.card import SHARP, Card
from mixer_lib.training import History

COLOR = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


FIGURES = {
    "image_row": lambda: plots.image_row(torch.stack([COLOR, COLOR]), ["a", "b"], columns=2),
    "patch_grid": lambda: plots.patch_grid(COLOR, 4),
    "lines": lambda: plots.lines({"x": ([1, 2], {"a": [3, 4], "b": [5, 6]})}, ylabel="y", log=True),
    "losses": lambda: plots.losses({"a": [2.0] * 30, "b": [9.0, 1.0]}),
    "training_curves": lambda: plots.training_curves(history()),
    "first step": lambda: plots.training_curves(History(steps=[{"step": 0, "loss": 2.3, "lr": 0.1}])),
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


def history(epochs=2):
    steps = [{"step": i, "loss": 2.3 - 0.01 * i, "lr": 0.1} for i in range(30 * epochs)]
    return History(steps, [{"epoch": i + 1, "val_accuracy": 0.5 + 0.1 * i} for i in range(epochs)])


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
    assert "<i " not in shown[1].data


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
    assert len(sizes) > 10 and min(sizes) * 880 / 920 >= 11


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


def test_patch_grid_numbers_the_patches():
    axis, = plots.patch_grid(COLOR[:, :, :4], 2).axes                               # 8 x 4 pixels
    assert [(text.get_position(), text.get_text()) for text in axis.texts[:3]] == [
        ((1, 1), "0"), ((3, 1), "1"), ((1, 3), "2")]
    assert len(axis.texts) == 8 and (axis.images[0].get_array() == COLOR[:, :, :4].permute(1, 2, 0).numpy()).all()
    assert axis.get_xticks().tolist() == [0, 2, 4] and axis.get_yticks().tolist() == [0, 2, 4, 6, 8]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("column (pixels)", "row (pixels)")


def test_training_curves_are_the_history():
    run = history()
    loss, lr, accuracy = plots.training_curves(run).axes
    each, smooth = loss.lines
    assert each.get_xdata()[[0, -1]].tolist() == [1, 60]                # a step is counted when it is done
    assert each.get_ydata().tolist() == [row["loss"] for row in run.steps]
    assert smooth.get_xdata()[[0, -1]].tolist() == [20, 60]
    assert smooth.get_ydata()[0] == pytest.approx(np.mean(each.get_ydata()[:20]))
    assert lr.lines[0].get_xdata()[[0, -1]].tolist() == [1, 60] and set(lr.lines[0].get_ydata()) == {0.1}
    assert list(accuracy.lines[0].get_xdata()) == [1, 2]
    assert list(accuracy.lines[0].get_ydata()) == pytest.approx([50, 60])           # percent
    assert [axis.get_title() for axis in (loss, lr, accuracy)] == [
        "training loss (nats)", "learning rate", "held-out accuracy (%)"]
    assert [axis.get_xlabel() for axis in (loss, lr, accuracy)] == ["step", "step", "epoch"]
    first = plots.training_curves(History(steps=[{"step": 0, "loss": 2.3, "lr": 0.1}])).axes
    assert len(first[0].lines) == 1 and first[2].get_ylim() == (0, 100)


def test_cost_split_says_the_shares_and_the_sum(texts):
    plots.cost_split({"work": {"a": 300, "b": 4700}, "more": {"a": 2, "b": 3}})
    assert words(texts) == ["a", "b", "work", "6%", "94%", "5,000 in all", "more", "40%", "60%", "5 in all"]
    texts.clear()
    plots.cost_split({"work": {"a": 1, "b": 4999, "c": 0}})             # what has no room in the bar stands below it
    assert words(texts)[-2:] == ["5,000 in all", "too narrow for a number: a under 0.1%"]


def test_cost_split_bars_are_the_shares():
    picture = plots.cost_split({"work": {"a": 30, "b": 70}, "more": {"a": 0, "b": 5}})
    bar = 40 * SHARP + 2
    pale, green = (colored(picture, color)[bar].sum() for color in ("#C8C8C8", plots.GREEN))
    assert pale == pytest.approx(0.3 * 480 * SHARP, abs=2)
    assert green == pytest.approx(0.7 * 480 * SHARP, abs=2 * 40)       # less the letters on it


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


def test_losses_are_means_of_the_last_ten():
    axis, = plots.losses({"up": list(range(20)), "flat": [1.0] * 3}, top=5).axes
    up, flat = axis.lines
    assert up.get_xdata()[[0, -1]].tolist() == [1, 20] and flat.get_ydata().tolist() == [1, 1, 1]
    assert up.get_ydata()[[0, 1, 19]].tolist() == [0, 0.5, 14.5]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "training loss (nats)")
    assert axis.get_ylim() == (0, 5) and [text.get_text() for text in axis.get_legend().texts] == ["up", "flat"]


@pytest.mark.parametrize("log, scales", [(False, ("linear", "linear")), ("x", ("log", "linear")),
                                         (True, ("log", "log"))])
def test_lines_have_the_scales_asked_for(log, scales):
    axis, = plots.lines({"rate": ([0.001, 1.0], {"a": [3, 4]})}, ylabel="y", log=log).axes
    assert (axis.get_xscale(), axis.get_yscale()) == scales
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("rate", "y")
    assert not log or [label.get_text() for label in axis.get_xticklabels()] == ["0.001", "1"]


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
    figure.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in figure.axes[0].texts if text.get_position()[1] == 7),
                   key=lambda box: box.x0)
    assert len(boxes) > 50 and all(left.x1 < right.x0 for left, right in pairwise(boxes))
    axis, bar = plots.confusion(np.eye(200, dtype=int), ["x"] * 200).axes
    assert not axis.texts and "number of the class" in axis.get_xlabel() and "images" in bar.get_ylabel()


def test_tables_write_small_numbers_and_leave_zero_white():
    figure = plots.tables({"small": [[0.0, -2.0, 1.5]], "large": np.ones((16, 16))}, "unit", "channel")
    small, large, bar = figure.axes
    assert [text.get_text() for text in small.texts] == ["0", "-2", "1.5"] and not large.texts
    assert bar.get_ylabel() == "number" and bar.get_ylim() == (-2, 2)               # where numbers are not written
    assert small.images[0].get_clim() == large.images[0].get_clim() == (-2, 2)      # one scale
    assert (small.get_xlabel(), small.get_ylabel()) == ("unit", "channel")
    assert (small.get_title(), large.get_title()) == ("small", "large")
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


@pytest.mark.parametrize("patch, number", [(0, 0), (3, 47), (1, 20)])
def test_patch_explorer_frames_the_pixel(patch, number):
    """The pink frame in the left panel lies around the pixel that the number is."""
    blue = colored(plots.patch_explorer(COLOR, 4, patch, number), plots.PINK)[:, :280 * SHARP]
    rows, columns = (axis / SHARP for axis in np.nonzero(blue))
    y, x = divmod(number % 16, 4)
    row, column = 4 * (patch // 2) + y, 4 * (patch % 2) + x
    assert ((rows.min() + rows.max()) / 2 - 34) // 32 == row
    assert ((columns.min() + columns.max()) / 2 - 10) // 32 == column


@pytest.mark.parametrize("image, patch, number, expected", [
    (COLOR, 1, 23, "table[1, 23] = {}: green, row 1, column 3 of the patch; row 1, column 7 of the image"),
    (COLOR, 2, 44, "table[2, 44] = {}: blue, row 3, column 0 of the patch; row 7, column 0 of the image"),
    (COLOR[:1], 3, 6, "table[3, 6] = {}: row 1, column 2 of the patch; row 5, column 6 of the image"),
])
def test_patch_explorer_shows_the_number_in_all_three_places(image, patch, number, expected, texts):
    picture = np.asarray(plots.patch_explorer(image, 4, patch, number))
    patches = patchify(image[None], 4)[0]                                           # [S, D]
    (S, D), channels = patches.shape, len(image)
    row, column = divmod(number % 16, 4)
    assert words(texts)[-1] == expected.format(patches[patch, number])
    assert f"table, [S, D] = [{S}, {D}]" in words(texts)

    def at(x, y):
        return picture[round(SHARP * y), round(SHARP * x)].tolist()

    enlarged = patches[patch].view(channels, 4, 4).expand(3, 4, 4)
    for i, j in np.ndindex(4, 4):
        assert at(290 + 64 * (j + 0.5), 34 + 64 * (i + 0.5)) == enlarged[:, i, j].tolist()
    for s, d in np.ndindex(S, D):
        if s != patch and abs(d - number) > 3:                                      # away from the frames
            assert at(570 + 340 / D * (d + 0.5), 34 + 256 / S * (s + 0.5)) == [patches[s, d]] * 3
    for color, left, right, x, y, width, height in (                                # the patch, and the number
            (plots.INK, 0, 285, 10 + 128 * (patch % 2), 34 + 128 * (patch // 2), 128, 128),
            (plots.INK, 285, 560, 290, 34, 256, 256),
            (plots.INK, 565, 920, 570, 34 + 256 / S * patch, 340, 256 / S),
            (plots.PINK, 285, 560, 290 + 64 * column, 34 + 64 * row, 64, 64),
            (plots.PINK, 565, 920, 570 + 340 / D * number, 34 + 256 / S * patch, 340 / D, 256 / S)):
        framed = colored(picture, color)
        framed[:, :left * SHARP] = framed[:, right * SHARP:] = False
        rows, columns = (places / SHARP for places in np.nonzero(framed))
        assert (rows.min() + rows.max()) / 2 == pytest.approx(y + height / 2, abs=1.5)
        assert (columns.min() + columns.max()) / 2 == pytest.approx(x + width / 2, abs=1.5)


DETECTORS = {"brightness": np.full((4, 4), 0.25), "right minus left": np.tile([-1.0, -1.0, 1.0, 1.0], (4, 1))}


@pytest.mark.parametrize("row, column, patches, neighbors, old", [(5, 5, 1, 8, 8), (0, 4, 1, 5, 5), (7, 0, 1, 3, 3)])
def test_scramble_explorer_frames_where_pixels_come_from(row, column, patches, neighbors, old, texts):
    """In the plain order the marks on both images agree; in another one they stand where the pixels were."""
    plain = torch.arange(64)
    still = np.asarray(plots.scramble_explorer(COLOR, plain, 4, row, column))
    assert words(texts)[-4:] == ["The patch's 16 pixels come from", f"{patches} patch of the image.",
                                 f"The window's middle has {neighbors} neighbors.",
                                 f"In the image, {old} of them were its neighbors."]
    unit, pink = 34 * SHARP, list(ImageColor.getrgb(plots.PINK))

    def at(picture, left, r, c):
        return picture[34 * SHARP + r * unit + unit // 2, left * SHARP + c * unit + unit // 2].tolist()

    assert at(still, 10, row, column) == pink                                   # the window's middle is marked
    assert at(still, 312, row, column) == COLOR[:, row, column].tolist()
    turned = np.asarray(plots.scramble_explorer(COLOR, plain.flip(0), 4, row, column))      # by half a turn
    assert at(turned, 10, 7 - row, 7 - column) == pink
    assert at(turned, 312, row, column) == COLOR[:, 7 - row, 7 - column].tolist()
    assert words(texts)[-1] == f"In the image, {old} of them were its neighbors."      # a turn keeps neighbors together


def test_scramble_explorer_names_its_parts(texts):
    plots.scramble_explorer(COLOR, torch.arange(64), 4, 3, 3)
    assert words(texts)[:4] == ["the image: where pixels come from", "what the network is given",
                                "its patch, 4 × 4", "its window, 3 × 3"]


def test_scramble_explorer_counts_torn_patches(texts):
    plots.scramble_explorer(COLOR, torch.arange(64).view(8, 8).roll(1, 0).flatten(), 4, 3, 3)
    assert words(texts)[-3] == "2 patches of the image."


@pytest.mark.parametrize("patch, channel", [(0, 0), (3, 1), (2, 1)])
def test_embedding_explorer_multiplies_and_marks(patch, channel, texts):
    """Where a pixel is black, its product is white; where it is white, its product has the color of its weight."""
    image = (COLOR[0] > 128).float()
    picture = np.asarray(plots.embedding_explorer(image, DETECTORS, patch, channel)).astype(int)
    row, column = divmod(patch, 2)
    pixels = image[4 * row:4 * row + 4, 4 * column:4 * column + 4]
    assert 0 < pixels.sum() < 16
    for (y, x), lit in np.ndenumerate(pixels):
        shown, weight, product = (picture[SHARP * (36 + 35 * y + 17), SHARP * (left + 35 * x + 17)]
                                  for left in (234, 404, 574))
        assert shown.tolist() == [255 * lit] * 3
        assert product.tolist() == (weight.tolist() if lit else [255] * 3)
        assert np.sign(weight[0] - weight[2]) == np.sign(list(DETECTORS.values())[channel][y, x])   # orange, blue
    products = pixels.numpy() * list(DETECTORS.values())[channel]
    assert words(texts)[:11] == [
        "image, 8 × 8 pixels", "", f"patch {patch}", "×", f"weights, channel {channel}", "=", "pixel × weight",
        f"channel {channel} is {list(DETECTORS)[channel]}",
        f"orange adds up to {products[products > 0].sum():.3f}, blue to {products[products < 0].sum():.3f} (rounded)",
        f"together: tokens[{patch}, {channel}] = {products.sum():.2f}", "tokens, [S, C] = [4, 2]"]
    down, across = 270 / 4, 148 / 2
    for s, c in np.ndindex(4, 2):
        token = (image[s // 2 * 4:, s % 2 * 4:][:4, :4].numpy() * list(DETECTORS.values())[c]).sum()
        assert (762 + across * (c + 0.85), 34 + down * (s + 0.5), f"{token:.2f}") in texts
        cell = picture[round(SHARP * (34 + down * (s + 0.2))), round(SHARP * (762 + across * (c + 0.5)))]
        assert np.sign(cell[0] - cell[2]) == np.sign(token)
    for color, part, x0, y0, width, height in (
            (plots.INK, slice(0, 225), 10 + 98 * column, 34 + 98 * row, 98, 98),                 # in the image
            (plots.INK, slice(745, 920), 762, 34 + down * patch, 148, down),                     # in the table
            (plots.PINK, slice(745, 920), 762 + across * channel, 34 + down * patch, across, down)):
        framed = colored(picture, color)
        framed[:, :part.start * SHARP] = framed[:, part.stop * SHARP:] = False
        rows, columns = (axis / SHARP for axis in np.nonzero(framed))
        if color == plots.PINK or part.start == 0:
            assert [columns.min(), columns.max()] == pytest.approx([x0 - 2, x0 + width + 2], abs=1)
        assert [rows.min(), rows.max()] == pytest.approx([y0 - 2, y0 + height + 2], abs=1)


def test_functions_draw_each_panel_on_axes_of_its_own():
    x = np.linspace(-1, 1, 5)
    figure = plots.functions({"two": (x, {"a": x, "b": 10 * x}), "one": (2 * x, {"c": x / 1000})}, "z", "y")
    two, one = figure.axes
    assert [axis.get_title() for axis in figure.axes] == ["two", "one"]
    assert [axis.get_xlabel() for axis in figure.axes] == ["z", "z"] and two.get_ylabel() == "y"
    assert [line.get_label() for line in two.lines] == ["a", "b"] == [t.get_text() for t in two.get_legend().texts]
    assert (one.lines[0].get_xdata() == 2 * x).all() and (one.lines[0].get_ydata() == x / 1000).all()
    assert two.get_ylim()[1] > 10 and one.get_ylim()[1] < 0.01 and one.get_legend() is None


@pytest.fixture
def mlp():
    torch.manual_seed(0)
    mlp = ChannelMixing(3, 4)
    torch.nn.init.normal_(mlp.fc2.weight)
    return mlp


@pytest.mark.parametrize("token", [[4.0, 4.0, 0.0], [-8.0, 1.0, 12.0], [0.0, 0.0, 0.0]])
def test_token_explorer_bars_are_the_numbers(token, mlp, texts):
    token, norm = torch.tensor(token), torch.nn.LayerNorm(3, eps=1e-6)
    picture = plots.token_explorer(token, norm, mlp)
    before = mlp.fc1(norm(token))
    answer = mlp(norm(token))
    left = 16
    panels = ((token, None, 13), (norm(token), None, 1.6), (mlp.gelu(before), before, 1.6), (answer, None, 1.6),
              (token + answer, token, 13))
    said, titles = [], ("token", "after LayerNorm", "hidden units, after GELU", "the MLP's answer", "token + answer")
    for title, (values, *_) in zip(titles, panels):
        said += [title, "unit" if "hidden" in title else "channel"]
        for i, value in enumerate(values.tolist()):
            said += [f"{round(value, 2) + 0.0:.2f}", str(i)]
    assert words(texts) == said
    for values, frames, top in panels:
        for i, value in enumerate(values.tolist()):
            x = round((left + 20 + 40 * i) * SHARP)                     # the middle of the bar
            orange, blue, gray = (colored(picture, c)[:, x] for c in (plots.ORANGE, plots.BLUE, plots.GRAY))
            length = min(90, 90 * abs(value) / top) * SHARP
            assert (orange if value > 0 else blue).sum() == pytest.approx(length, abs=3 * SHARP)
            assert not (blue if value > 0 else orange).any()
            assert not orange[160 * SHARP + 2:].any() and not blue[:160 * SHARP - 2].any()
            if frames is not None and abs(frames[i]) > 0.1:
                end = round((160 - 90 * frames[i].item() / top) * SHARP)
                assert gray[end - SHARP:end + SHARP + 1].any()
        left += 40 * len(values) + 58


COLUMNS = {"up": np.array([0.0, 2, -3, 1]), "down": -np.array([0.0, 2, -3, 1])}
UNITS = {"all": np.ones(4), "right": np.array([0.0, 1, 0, 1]), "nothing": np.array([1.0, 0, 0, 0])}


@pytest.mark.parametrize("channel, unit, total", [("up", "right", 3), ("down", "right", -3), ("up", "all", 0),
                                                  ("down", "nothing", 0)])
def test_token_unit_explorer_multiplies_place_by_place_and_adds_up(channel, unit, total, texts):
    picture = plots.token_unit_explorer(COLOR, COLUMNS, UNITS, channel, unit)
    pixels = np.asarray(picture).astype(int)
    panels = COLUMNS[channel], UNITS[unit], COLUMNS[channel] * UNITS[unit]
    for panel, values in enumerate(panels, start=1):
        for s, value in enumerate(values):
            x, y = 10 + 238 * panel + 92 * (s % 2) + 12, 34 + 92 * (s // 2) + 12
            red, _, blue = pixels[SHARP * y, SHARP * x]
            assert np.sign(red - blue) == np.sign(value)                # orange above 0, blue below, white at 0
    assert f"the 4 products, added up: {total:.2f}" in words(texts)
    titles = ["image", f"channel: {channel}", f"unit: {unit}", "channel × unit"]
    assert [text for x, y, text in texts if y == 10] == titles
    for panel, values in enumerate(panels, start=1):
        for s, value in enumerate(values):                              # each number stands in its cell
            assert (10 + 238 * panel + 92 * (s % 2 + 0.5), 34 + 92 * (s // 2 + 0.5), f"{value + 0.0:g}") in texts
    bar = slice(SHARP * 250, SHARP * 270)
    for color, sign in ((plots.ORANGE, 1), (plots.BLUE, -1)):
        columns = np.nonzero(colored(picture, color)[bar].any(axis=0))[0] / SHARP
        if sign * total > 0:                                            # 3 is the largest: the whole length, 220
            assert sorted([columns[0], columns[-1]]) == pytest.approx(sorted([640, 640 + sign * 220]), abs=1.5)
        else:
            assert len(columns) == 0


@pytest.mark.parametrize("unit", [0, 2])
def test_kernel_explorer_shows_a_row_as_a_kernel(unit, texts):
    """The row's strip, the kernel and the kernel over a white image have the colors of the weights; and the answers by
    matrix and by convolution those of the answers."""
    torch.manual_seed(unit)
    weight, bias, tokens = torch.randn(3, 16), torch.tensor([5.0, 0.0, -5.0]), torch.randn(16, 5)
    picture = plots.kernel_explorer(torch.full((1, 8, 8), 255, dtype=torch.uint8), weight, bias, tokens, unit)
    pixels = np.asarray(picture).astype(int)

    def sign(x, y):
        red, _, blue = pixels[round(SHARP * y), round(SHARP * x)]
        return np.sign(red - blue)

    for s, value in enumerate(weight[unit].tolist()):
        u, v = divmod(s, 4)
        places = [(200 + 710 / 16 * (s + 0.1), 50), (203 + 47 * v, 112 + 47 * u), (725 + 47 * v, 112 + 47 * u)]
        assert [sign(*place) for place in places] == [np.sign(value)] * 3
        assert (pixels[SHARP * (112 + 47 * u), SHARP * (465 + 47 * v)] == 255).all()            # the image, left alone
        assert texts.count((200 + 710 / 16 * (s + 0.5), 47, f"{value:.2f}")) == 1
        assert texts.count((200 + 47 * (v + 0.5), 108 + 47 * (u + 0.5), f"{value:.2f}")) == 1
    said = [text for text in words(texts) if not text.lstrip("-")[0].isdigit()]
    assert said[:-1] == [
        "W1, [D_S, S] = [3, 16]", f"row {unit} of the matrix: a weight for each place s", "the same row as a kernel",
        "an image", "the kernel laid over it", "what the unit answers to each of the 5 channels, before the GELU",
        "matrix row × column, added up", "convolution"]
    assert said[-1].endswith(f"largest answer {(weight[unit] @ tokens + bias[unit]).abs().max():.2f}")
    for c, value in enumerate((weight[unit] @ tokens + bias[unit]).tolist()):
        assert abs(value) < 0.2 or [sign(240 + 134 * (c + 0.5), y) for y in (351, 383)] == [np.sign(value)] * 2
    framed = np.nonzero(colored(picture, plots.INK)[:, 20 * SHARP])[0] / SHARP
    assert (framed.min() + framed.max()) / 2 == pytest.approx(34 + 262 / 3 * (unit + 0.5), abs=1)


STRENGTHS = np.stack([np.eye(4), np.eye(4) + [[0, 0, 1e-9, 0.5]] * 4, np.arange(16.0).reshape(4, 4) + 1])   # [3, S, S]


@pytest.mark.parametrize("patch, depth", [(0, 0), (3, 1), (2, 1), (1, 2)])
def test_influence_explorer_colors_what_moves_with_the_patch(patch, depth, texts):
    picture = plots.influence_explorer(COLOR, STRENGTHS, 4, patch, depth)
    pixels = np.asarray(picture).astype(int)

    def cells(x, y, side):
        """The color of each token's cell in a map, near its upper left corner, away from numbers and frames."""
        return [pixels[round(SHARP * (y + (j // 2 + 0.2) * side / 2)), round(SHARP * (x + (j % 2 + 0.2) * side / 2))]
                for j in range(4)]

    assert words(texts)[:2] == [f"image: move patch {patch}", f"tokens at depth {depth}: how much each moves"]
    assert words(texts)[-5:-1] == ["every depth, each on its own scale", "0", "1", "2"]
    moved = STRENGTHS[depth, :, patch]
    share = moved[patch] ** 2 / (moved ** 2).sum()
    assert words(texts)[-1] == (
        f"patch {patch} moves {(moved > 0).sum()} of 4 tokens at depth {depth}; {share:.0%} of the movement (squared) "
        f"is its own token's; the strongest moves by {moved.max():.1f}")
    for j, value in enumerate(moved):
        number = "0" if value == 0 else "<0.1" if value < 0.05 else f"{value:.1f}"
        assert (300 + 128 * (j % 2 + 0.5), 34 + 128 * (j // 2 + 0.5), number) in texts
    for d, maps in enumerate([(618, 34, 68), (720, 34, 68), (822, 34, 68)]):
        for place in [maps, (300, 34, 256)] if d == depth else [maps]:
            strengths = STRENGTHS[d, :, patch]                          # of all tokens, by this patch
            shown = cells(*place)
            assert [(color == 255).all() for color in shown] == (strengths == 0).tolist()
            darkness = np.array([-color.sum() for color in shown])
            assert (np.argsort(darkness, kind="stable") == np.argsort(strengths, kind="stable")).all()
            assert darkness[strengths.argmax()] == -(0x4A + 0x21)       # the darkest is the strongest
    row, column = divmod(patch, 2)
    for left in (10, 300):                                              # the patch is framed, in image and tokens
        framed = colored(picture, plots.INK)
        framed[:, :(left - 8) * SHARP] = framed[:, (left + 264) * SHARP:] = False
        rows, columns = (axis / SHARP for axis in np.nonzero(framed))
        assert (rows.min() + rows.max()) / 2 == pytest.approx(34 + 128 * row + 64, abs=1)
        assert (columns.min() + columns.max()) / 2 == pytest.approx(left + 128 * column + 64, abs=1)
    pink = np.nonzero(colored(picture, plots.PINK)[:, 590 * SHARP:].sum(axis=0) > 60 * SHARP)[0] / SHARP + 590
    assert [pink.min(), pink.max()] == pytest.approx([616 + 102 * depth, 688 + 102 * depth], abs=1)


def test_by_depth_draws_one_curve_per_run():
    figure = plots.by_depth({"a": [[1, 10, 100], [2, 20, 200]], "b": np.ones((1, 3))}, "size", log=True)
    axis, = figure.axes
    assert [line.get_ydata().tolist() for line in axis.lines] == [[1, 10, 100], [2, 20, 200], [1, 1, 1]]
    assert axis.lines[0].get_color() == axis.lines[1].get_color() != axis.lines[2].get_color()
    assert [text.get_text() for text in axis.get_legend().texts] == ["a", "b"]
    assert (axis.get_yscale(), axis.get_ylabel(), axis.get_xlabel()) == ("log", "size", "depth (blocks)")
    assert plots.by_depth({"a": [[0, 1]]}, "share").axes[0].get_yscale() == "linear"


# Widgets

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


def test_blends(texts):
    """A row of pictures, under each the shares that it has, the largest first."""
    shares = torch.tensor([[0.25, 0.75, 0], [0, 0, 1.0]])
    image = plots.blends(torch.stack([COLOR, COLOR.flip(2)]), shares, ["ant", "bee", "cow"], columns=2)
    assert image.size == (440, 288)
    pixel = np.asarray(image)[:220]
    assert (pixel[14, 14] == COLOR[:, 0, 0].numpy()).all() and (pixel[14, 234] == COLOR[:, 0, -1].numpy()).all()
    two, one = (np.asarray(image)[224:, x:x + 220] < 128 for x in (0, 220))     # where there is writing
    assert two[:28].any() and two[28:].any() and one[:28].any() and not one[28:].any()
    assert texts == [(5, 112, "75% bee"), (5, 126, "25% ant"), (115, 112, "cow")]
    swapped = plots.blends(torch.stack([COLOR, COLOR.flip(2)]), shares[:, [1, 0, 2]], ["bee", "ant", "cow"], columns=2)
    assert swapped.tobytes() == image.tobytes()
