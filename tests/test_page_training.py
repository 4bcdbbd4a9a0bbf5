"""The live view of a training: what it sends while `fit` runs, and what the page draws and says."""

from types import SimpleNamespace

import numpy as np
import pytest

from mixer_lib import create_model, widgets
from mixer_lib.data import load_dataset
from mixer_lib.training import History, Recipe, fit
from mixer_lib.widgets.training import POINTS

LOSS, LR, ACCURACY = range(3)                                           # the charts


def run_of(steps, per_epoch, total=None, mixed=False):
    """A History of `steps` steps."""
    rows = [{"step": i, "loss": 2.3 - 2 * i / steps, "lr": 0.001 * (i + 1)} for i in range(steps)]
    train = {} if mixed else {"train_accuracy": 0.25}
    epochs = [{"epoch": e + 1, **train, "val_accuracy": 0.5 + 0.1 * e} for e in range(steps // per_epoch)]
    return History(rows, epochs, total_steps=total or steps)


def sent(live, name):
    kind, shape = live.page.shapes[name]
    return np.frombuffer(live.page.arrays[name], kind).reshape(shape)


# What Python sends

def test_it_draws_at_the_first_step_and_after_every_epoch():
    live, run, drawn = widgets.LiveTraining(seconds=1000), History(total_steps=40), []
    live.page.observe(lambda change: drawn.append(len(run.steps)), "facts")
    for step in range(20):
        run.steps.append({"step": step, "loss": 2.0, "lr": 0.1})
        live(run)
        if step % 10 == 9:
            run.epochs.append({"epoch": step // 10 + 1, "val_accuracy": 0.9})
            live(run)
    assert drawn == [1, 10, 20]
    assert live.page.facts["per_epoch"] == 10 and live.page.facts["state"] == "runs"


@pytest.mark.parametrize("mixed", [False, True])
def test_it_sends_the_numbers_of_the_history(mixed):
    live, run = widgets.LiveTraining(), run_of(30, 10, total=60, mixed=mixed)
    live(run)
    assert sent(live, "at").tolist() == [*range(1, 31)]
    assert np.allclose(sent(live, "loss"), [row["loss"] for row in run.steps])
    assert np.allclose(sent(live, "lr"), [row["lr"] for row in run.steps])
    expected = [[np.nan if mixed else 25, 50 + 10 * e] for e in range(3)]
    assert np.allclose(sent(live, "accuracy"), expected, equal_nan=True)
    assert live.page.facts["done"] == 30 and live.page.facts["total"] == 60


@pytest.mark.parametrize("steps", [POINTS, POINTS + 1, 10 * POINTS - 3])
def test_a_message_has_a_bounded_size(steps):
    """Of many steps it holds means, each of as many steps, with the place and the learning rate of the last."""
    live, run = widgets.LiveTraining(), run_of(steps, 100)
    live(run)
    every = -(-steps // POINTS)
    at = [min(first + every, steps) for first in range(0, steps, every)]
    assert sent(live, "at").tolist() == at and len(at) <= POINTS and live.page.facts["every"] == every
    assert np.allclose(sent(live, "lr"), [0.001 * last for last in at])
    means = [np.mean([row["loss"] for row in run.steps[first:last]]) for first, last in zip([0, *at], at)]
    assert np.allclose(sent(live, "loss"), means)
    assert sum(map(len, (live.page.arrays[name] for name in ("at", "loss", "lr")))) <= 12 * POINTS


def test_it_leaves_the_time_to_the_training(monkeypatch):
    clock, drawn = [0.0], []
    live, run = widgets.LiveTraining(seconds=2), History(total_steps=100)

    def draw(arrays, facts):
        drawn.append((clock[0], facts["left"]))
        clock[0] += 0.5                 # a slow computer: half a second a message

    monkeypatch.setattr("mixer_lib.widgets.training.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(live.page, "show", draw)
    for step in range(30):
        run.steps.append({"step": step, "loss": 2.0, "lr": 0.1})
        live(run)
        clock[0] += 1
    (first, none), *others = drawn
    assert first == 0 and none is None
    assert [at for at, _ in others] == [11.5, 23.0]                     # 20 times 0.5 s, to the next step
    assert others[0][1] == pytest.approx(11.5 / 11 * (100 - 12))        # 11 steps since the first took 11.5 s


def test_it_can_be_stopped():
    live = widgets.LiveTraining(seconds=1000)

    def press(run):
        if len(run.steps) == 2:
            live.page.picked = live.page.picked | {"stop": True}

    recipe = Recipe(epochs=2, batch_size=5000, precision="float32")
    run = fit(create_model("mnist", num_blocks=1), load_dataset("mnist"), recipe, callbacks=[press, live])
    assert run.interrupted and len(run.steps) == 2
    assert live.page.facts["state"] == "stopped" and sent(live, "at").tolist() == [1, 2]        # as it was at its end


def test_a_finished_run_cannot_be_stopped():
    live, run = widgets.LiveTraining(), run_of(20, 10)
    live.stop()
    live(run)
    assert live.page.facts["state"] == "done"


def test_an_interrupt_or_an_error_is_seen_when_the_cell_ends(monkeypatch):
    """They make no last call of the callback."""
    listeners = []
    events = SimpleNamespace(register=lambda event, listen: listeners.append((event, listen)),
                             unregister=lambda event, listen: listeners.remove((event, listen)))
    monkeypatch.setattr("mixer_lib.widgets.training.get_ipython", lambda: SimpleNamespace(events=events))
    monkeypatch.setattr("mixer_lib.widgets.training.display", lambda page: None)
    live, run = widgets.LiveTraining(), run_of(5, 10, total=60)
    (event, end), = listeners
    end("made in a cell of its own")
    assert listeners == [(event, end)] and event == "post_run_cell"
    live(run)
    run.steps.append({"step": 5, "loss": 2.0, "lr": 0.1})
    end("the cell that trains")
    assert live.page.facts["state"] == "stopped" and live.page.facts["done"] == 6 and not listeners


# What the page draws

def after(run, steps=None):
    live = widgets.LiveTraining()
    live(run)
    return live.page


def path(shown, chart, line):
    """The points of a curve in the units of the drawing."""
    d = shown.find(".mx-curve", chart).locator("path").nth(line).get_attribute("d")
    return np.array([pair.split() for pair in d.replace("L", "M").split("M")[1:]], float)


def test_curves_lie_where_the_numbers_are(show):
    run = run_of(30, 10, total=60)
    shown = show(after(run))
    loss = [row["loss"] for row in run.steps]
    thin, mean = (path(shown, LOSS, line) for line in range(2))
    x, y = thin.T
    assert np.allclose(np.diff(x), np.diff(x)[0], atol=0.11)            # rounded to tenths
    edge, width = 38, 244
    assert x[-1] == pytest.approx(edge + width / 2, abs=0.1)            # half of the steps are done
    slope, zero = np.polyfit(loss, y, 1)
    assert slope < 0 and np.allclose(y, slope * np.array(loss) + zero, atol=0.1)
    assert zero == pytest.approx(8 + 126, abs=0.1)                      # its axis begins at 0
    means = [np.mean(loss[max(0, i - 19):i + 1]) for i in range(30)]
    assert np.allclose(mean[:, 1], slope * np.array(means) + zero, atol=0.1)
    train, held = (path(shown, ACCURACY, line) for line in range(2))
    assert np.allclose(held[:, 0], edge + width * np.array([10, 20, 30]) / 60, atol=0.1)
    assert np.ptp(train[:, 1]) == 0 and (np.diff(held[:, 1]) < 0).all()
    assert (held[2, 1] - held[0, 1]) / (train[0, 1] - held[0, 1]) == pytest.approx(-20 / 25, abs=0.02)
    ticks = shown.find(".mx-curve", LOSS).locator("text").all_text_contents()
    assert ticks == ["0", "1", "2", "3", "0", "20", "40", "60", "step"]
    assert "30 of 60 steps" in shown.text()


def test_captions_follow_the_pointer_and_the_keys(show):
    run = run_of(30, 10, total=60)
    shown = show(after(run))
    loss = [row["loss"] for row in run.steps]

    def says(at, epoch):
        mean = np.mean(loss[max(0, at - 20):at])
        text = shown.text()
        assert f"mean of 20 steps {mean:.3f} at step {at}" in text and f"{0.001 * at:.5f} at step {at}" in text
        said = f"after epoch {epoch} (percent)\nheld out {40 + 10 * epoch}.0%, training 25.0% (dashed)"
        assert (said if epoch else "after each epoch") in text

    says(30, 3)
    shown.at(".mx-curve", LR, (38 + 244 * 24.5 / 60) / 290, 0.5)        # of one chart; all of them follow
    says(25, 2)
    cursors = [shown.find(".mx-curve", i).locator("> line") for i in range(3)]
    assert len({cursor.get_attribute("x1") for cursor in cursors}) == 1
    assert all("none" not in cursor.get_attribute("style") for cursor in cursors)
    shown.at(".mx-curve", LOSS, (38 + 244 * 3.5 / 60) / 290, 0.5)
    says(4, 0)
    shown.at(".mx-curve", LOSS, 0.95, 0.5)                              # where there is nothing yet
    says(30, 3)
    shown.page.mouse.move(1, 1)
    says(30, 3)
    assert all("none" in cursor.get_attribute("style") for cursor in cursors)
    shown.find(".mx-curve", ACCURACY).focus()
    for _ in range(30):
        shown.page.keyboard.press("ArrowLeft")
    says(24, 2)                                                         # 30 times a fiftieth of 60 from the end
    assert shown.find(".mx-curve", ACCURACY).get_attribute("aria-valuetext") == "step 24"


@pytest.mark.parametrize("state, says", [("done", "60 of 60 steps, done in"), ("stopped", "30 of 60 steps: stopped")])
def test_a_reader_without_a_kernel_sees_the_finished_curves(show, state, says):
    live, run = widgets.LiveTraining(), run_of(60 if state == "done" else 30, 10, total=60)
    if state == "stopped":
        live.stop()
        with pytest.raises(KeyboardInterrupt):
            live(run)
    else:
        live(run)
    shown = show(live.page)
    assert says in shown.text() and len(path(shown, LOSS, 0)) == len(run.steps)
    assert shown.page.get_by_role("button", name="stop training").is_disabled()


def test_before_the_first_step_it_is_an_empty_frame(show):
    shown = show(widgets.LiveTraining().page)
    assert "has not begun" in shown.text() and shown.find(".mx-curve path", 0).get_attribute("d") == ""


def tell(shown, page):
    """Send what `page` holds now. As in JupyterLab, the page hears only of the traits that differ."""
    shown.page.evaluate("""state => { const el = document.getElementById("widget"), before = { ...el.state };
        for (const [name, data] of Object.entries(state.arrays))
            state.arrays[name] = new DataView(Uint8Array.from(data).buffer);
        const plain = (_, v) => v instanceof DataView ? [...new Uint8Array(v.buffer)] : v;
        const text = (value) => JSON.stringify(value, plain);
        Object.assign(el.state, state);
        for (const name in state) if (text(before[name]) !== text(state[name])) el.tell(`change:${name}`); }""",
                        {"facts": page.facts, "shapes": page.shapes,
                         "arrays": {name: [*data] for name, data in page.arrays.items()}})


def test_new_numbers_are_drawn_in_place_and_nothing_jumps(show):
    live, shown = widgets.LiveTraining(), show(widgets.LiveTraining().page)
    box = shown.find(".mx").bounding_box()
    for steps in (5, 25, 60):
        live(run_of(steps, 10, total=60))
        if steps != 25:
            live.drawn = -np.inf
        tell(shown, live.page)
        assert f"{steps} of 60 steps" in shown.text() and len(path(shown, LOSS, 0)) == steps
        assert shown.find(".mx").bounding_box() == box


def test_the_end_is_seen_without_a_step_since_the_last_picture(show):
    """As when the button is pressed while a picture is drawn: the curves stay, and only the state is news."""
    live, run = widgets.LiveTraining(), run_of(30, 10, total=60)
    live(run)
    shown = show(live.page)
    assert "stopped" not in shown.text()
    live.draw("stopped")
    tell(shown, live.page)
    assert "30 of 60 steps: stopped after" in shown.text()


def test_mixed_images_have_no_accuracy_while_training(show):
    shown = show(after(run_of(30, 10, mixed=True)))
    assert "held out 70.0%, training –" in shown.text()
    assert shown.find(".mx-curve", ACCURACY).locator("path").first.get_attribute("d") == ""


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (1440, False)])
def test_it_is_never_wider_than_the_page(width, dark, show):
    """`show` fails on a scrollbar."""
    shown = show(after(run_of(30, 10)), width=width, dark=dark, height=1200)
    assert shown.find(".mx").bounding_box()["width"] <= 900
