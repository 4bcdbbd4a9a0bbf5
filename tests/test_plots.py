"""Pictures and widgets: what they show for given values, and that a control moves the picture."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from mixer_lib import plots, widgets
from mixer_lib.plots.card import SHARP, Card
from mixer_lib.training import History

COLOR = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


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


def test_show_gives_an_image_with_alternative_text(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(plots.base, "display", shown.append)
    plots.show(Image.new("RGB", (3, 2), "red"), alt='a "red" card')
    assert 'alt="a &quot;red&quot; card"' in shown[0].data
    assert 'src="data:image/png;base64,' in shown[0].data
    plots.show(Card(30, 20).image, alt="nothing")
    assert "width: 30px" in shown[1].data


@pytest.mark.parametrize("draw", [
    lambda: plots.image_row(torch.stack([COLOR, COLOR]), ["a", "b"], columns=2),
    lambda: plots.patch_grid(COLOR, 4),
    lambda: plots.lines({"x": ([1, 2], {"a": [3, 4], "b": [5, 6]})}, ylabel="y", log=True),
    lambda: plots.training_curves(history()),
    lambda: plots.training_curves(History(steps=[{"step": 0, "loss": 2.3, "lr": 0.1}])),
    lambda: plots.confusion(np.eye(3, dtype=int), ["a", "b", "c"]),
    lambda: plots.tables({"a": np.eye(3), "b": torch.ones(2, 40)}),
], ids=["image_row", "patch_grid", "lines", "training_curves", "first step", "confusion", "tables"])
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
    card.box(14, 3, 2, 2, outline="#0000FF", stroke=1)
    card.pixels(np.zeros((1, 1, 3), np.uint8), 18, 0, 1, 1)
    picture = np.asarray(card.image)
    assert picture.shape == (10 * SHARP, 20 * SHARP, 3)
    rows, columns = np.nonzero(colored(picture, "#FF0000"))
    edges = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    assert edges == [3 * SHARP, 8 * SHARP, 2 * SHARP, 6 * SHARP]
    assert not colored(picture, "#00FF00").any()
    assert colored(picture, "#0000FF").any() and colored(picture, "#000000").sum() == SHARP ** 2


def test_cost_split_bars_are_the_shares():
    picture = plots.cost_split({"work": {"a": 30, "b": 70}, "more": {"a": 0, "b": 5}})
    bar = 40 * SHARP + 2
    gray, orange = (colored(picture, color)[bar].sum() for color in (plots.GRAY, plots.ORANGE))
    assert gray == pytest.approx(0.3 * 480 * SHARP, abs=2)
    assert orange == pytest.approx(0.7 * 480 * SHARP, abs=2 * 40)       # less the letters on it


def test_confusion_writes_the_counts():
    figure = plots.confusion([[5, 1], [0, 7]], ["a", "b"])
    assert {(t.get_position(), t.get_text()) for t in figure.axes[0].texts} == {((0, 0), "5"), ((1, 0), "1"),
                                                                              ((1, 1), "7")}


def test_tables_write_small_numbers_and_leave_zero_white():
    figure = plots.tables({"small": [[0.0, -2.0, 1.5]], "large": np.ones((16, 16))}, "unit", "channel")
    small, large = figure.axes
    assert [text.get_text() for text in small.texts] == ["0", "-2", "1.5"] and not large.texts
    assert small.images[0].get_clim() == large.images[0].get_clim() == (-2, 2)      # one scale
    assert (small.get_xlabel(), small.get_ylabel()) == ("unit", "channel")
    strengths = plots.tables({"strengths": [[0.0, 1e-9, 1.0]]}, signed=False).axes[0].images[0]
    colors = strengths.cmap(strengths.norm(strengths.get_array()))
    axes_background = strengths.axes.get_facecolor()
    assert colors[0, 0, 3] == 0 and axes_background == (1, 1, 1, 1)                  # exactly 0: nothing is drawn
    assert colors[0, 1, 0] < 0.9                                                     # next to 0: seen to be more


def test_prediction_tells_truth_from_favorite():
    picture = plots.prediction(COLOR, [0.2, 0.7, 0.1], ["cat", "dog", "ox"], truth=0)
    lengths = [colored(picture, color)[(48 + 20 * k) * SHARP].sum()
               for k, color in enumerate((plots.GREEN, plots.ORANGE, plots.GRAY))]
    assert lengths == [0.2 * 200 * SHARP, 0.7 * 200 * SHARP, 0.1 * 200 * SHARP]
    assert plots.prediction(COLOR, [0.2, 0.7, 0.1], ["cat", "dog", "ox"], truth=1) != picture


@pytest.mark.parametrize("patch, number", [(0, 0), (3, 47), (1, 20)])
def test_patch_explorer_frames_the_pixel(patch, number):
    """The blue frame in the left panel lies around the pixel that the number is."""
    blue = colored(plots.patch_explorer(COLOR, 4, patch, number), plots.BLUE)[:, :280 * SHARP]
    rows, columns = (axis / SHARP for axis in np.nonzero(blue))
    y, x = divmod(number % 16, 4)
    row, column = 4 * (patch // 2) + y, 4 * (patch % 2) + x
    assert ((rows.min() + rows.max()) / 2 - 34) // 32 == row
    assert ((columns.min() + columns.max()) / 2 - 10) // 32 == column


# Widgets

def test_patch_explorer_widget_shows_what_its_sliders_say():
    box = widgets.patch_explorer(COLOR)
    size, patch, number, picture, problem = box.children
    for values in [(2, 15, 11), (4, 3, 47), (2, 0, 0)]:
        size.value, patch.value, number.value = values
        assert picture.value == plots.to_png(plots.patch_explorer(COLOR, *values))
    size.value, patch.value, number.value = 2, 15, 11
    problems = []
    problem.observe(lambda change: problems.append(change.new), "value")
    size.value = 4                                                      # 4 patches of 48 numbers: 15 is out of range
    assert (patch.max, number.max, patch.value) == (3, 47, 3)
    assert picture.value == plots.to_png(plots.patch_explorer(COLOR, 4, 3, 11))
    assert problems == []                                               # none flashes up on the way


def test_cost_explorer_redraws_for_every_control():
    *controls, picture, problem = widgets.cost_explorer().children
    for control in controls:
        before = picture.value
        control.index = 0
        assert picture.value != before and not problem.value, control.description


def test_prediction_browser_pages():
    images, probabilities = torch.stack([COLOR, COLOR.flip(2)]), torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    box = widgets.prediction_browser(images, torch.tensor([0, 0]), probabilities, ["a", "b"])
    index, picture, problem = box.children
    before = picture.value
    index.value = 1
    assert picture.value != before and index.max == 1 and not problem.value


def test_an_error_in_a_callback_is_shown_in_place():
    import ipywidgets
    slider = ipywidgets.IntSlider(min=0, max=3, value=1)
    box = widgets.live_picture(lambda n: Image.new("RGB", (2 // n, 2)), {"n": slider}, width=10)
    picture, problem = box.children[-2:]
    good = picture.value
    slider.value = 0
    assert "ZeroDivisionError" in problem.value and picture.value == good
    slider.value = 2
    assert problem.value == "" and picture.value != good


def test_live_training_draws_at_the_first_step_and_after_every_epoch():
    live = widgets.LiveTraining(seconds=1000)
    run = history(0)
    pictures = []
    for step in range(20):
        run.steps.append({"step": step, "loss": 2.0, "lr": 0.1})
        live(run)
        if step % 10 == 9:
            run.epochs.append({"epoch": step // 10 + 1, "val_accuracy": 0.9})
            live(run)
        pictures.append(live.picture.value)
    assert pictures[0] and len(set(pictures)) == 3
    assert pictures[-1] == plots.to_png(plots.training_curves(run))
