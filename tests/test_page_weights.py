"""The weight browser and the training scrubber in a browser: what they draw and say, and what the hand can do."""

import re

import numpy as np
import pytest
import torch

from mixer_lib import widgets
from mixer_lib.analysis import (
    frequency,
    mixed,
    order,
    participation,
    partners,
    random_like,
    shuffled,
    spectrum,
    summarize,
)
from mixer_lib.model import MlpMixer
from mixer_lib.plots.weights import PANELS, color_top, reach

GRID = 2, 3
MOSAIC, LIT, ONE, SPECTRUM, OPPOSITE = range(5)                         # the canvases of the browser; of the scrubber,
FILM = SPECTRUM                                                         # those up to ONE, and a unit's snapshots
UNITS = 10
STEPS = [0, 4, 90, 1000]


@pytest.fixture(scope="module")
def snapshots():
    random = torch.Generator().manual_seed(1)
    return {f"blocks.{k}.token_mixing.{layer}.weight": torch.randn(4, *shape, generator=random)
            for k in range(2) for layer, shape in (("fc1", (UNITS, 6)), ("fc2", (6, UNITS)))}


def signed(pixels):
    """Pixels as numbers from -1 to 1: opacity is size, orange is above zero and blue below."""
    return np.sign(pixels[..., 0].astype(int) - pixels[..., 2].astype(int)) * pixels[..., 3] / 255


def expected(values, top):
    return np.clip(np.asarray(values) / top, -1, 1)


def tile(pixels, cell, columns):
    height, width = GRID
    return pixels[cell // columns * height:][:height, cell % columns * width:][:, :width]


def shows(shown, canvas, values, top):
    return np.allclose(signed(shown.pixels(canvas)), expected(values, top).reshape(GRID), atol=0.012)


def shows_all(shown, kernels, places, top, wait=0):
    """Whether the mosaic shows kernels [n, S] in an order."""
    if wait:
        shown.page.wait_for_timeout(wait)
    pixels = signed(shown.pixels(MOSAIC))
    columns = pixels.shape[1] // GRID[1]
    return all(np.allclose(tile(pixels, cell, columns), expected(kernels[unit], top).reshape(GRID), atol=0.012)
               for cell, unit in enumerate(places))


def press(shown, name):
    shown.page.get_by_role("button", name=name, exact=True).click()


def on_cell(shown, number, cell, rows, columns, click=False):
    shown.at(".mx-grid", number, (cell % columns + 0.5) / columns, (cell // columns + 0.5) / rows, click)


# The weight browser

@pytest.fixture
def browser_shown(model, show):
    return show(widgets.weight_browser(model, seed=5), height=900)


def kernels_of(model):
    torch.manual_seed(5)
    models = {"trained": model, "untrained": MlpMixer(**vars(model.config))}
    return {("W1", state): [b.token_mixing.fc1.weight.detach() for b in m.blocks] for state, m in models.items()} | \
           {("W2", state): [b.token_mixing.fc2.weight.detach().T for b in m.blocks] for state, m in models.items()}


def size_of(shown):
    columns = shown.pixels(MOSAIC).shape[1] // GRID[1]
    return shown.pixels(MOSAIC).shape[0] // GRID[0], columns


def test_the_browser_opens_on_the_clearest_block(model, browser_shown):
    means = [frequency(rows, GRID).mean() for rows in kernels_of(model)["W1", "trained"]]
    block = means.index(min(means))
    rows = kernels_of(model)["W1", "trained"][block]
    unit = order(rows, GRID, "frequency")[0].item()
    assert browser_shown.picked == {"block": block, "matrix": "W1", "state": "trained", "by": "frequency",
                                    "same": False, "unit": unit, "place": None, "wave": None}


def test_the_browser_shows_what_is_chosen(model, browser_shown):
    shown, heights = browser_shown, set()
    for names in (["0", "index"], ["2", "pairing"], ["W2"], ["untrained", "norm"], ["same colors for all blocks"],
                  ["W1", "1", "frequency"]):
        for name in names:
            press(shown, name)
        now = shown.picked
        rows = kernels_of(model)[now["matrix"], now["state"]][now["block"]]
        top = max(color_top(one) for all_ in kernels_of(model).values() for one in all_) if now["same"] else \
            color_top(rows)
        assert shows_all(shown, rows, order(rows, GRID, now["by"]), top, wait=700)
        unit = now["unit"]
        partner, correlation = (found[unit].item() for found in partners(rows))
        assert shows(shown, ONE, rows[unit], top) and shows(shown, OPPOSITE, rows[partner], top)
        energy = spectrum(rows[unit], GRID)
        assert np.allclose(shown.pixels(SPECTRUM)[..., 3], 255 * energy / energy.max(), atol=1)
        minus = "\N{MINUS SIGN}"
        layers = torch.stack([torch.stack(one) for one in kernels_of(model).values()])      # drawn for all at once
        at = [*kernels_of(model)].index((now["matrix"], now["state"])), now["block"]
        lost = random_like(layers[[0, 2, 1, 3]].flatten(0, 1), 5).unflatten(0, (4, 3))[[0, 2, 1, 3]][at]
        assert (f"unit {unit}: frequency {frequency(rows[unit], GRID):.2f} cycles per patch (block "
                f"{frequency(rows, GRID).mean():.2f}; shuffled rows {frequency(shuffled(rows, 5), GRID).mean():.2f}), "
                f"spread over {participation(rows[unit]):.1f} of 6 places (block {participation(rows).mean():.1f}; "
                f"mixed rows {participation(mixed(rows, 5)).mean():.1f}; "
                f"random numbers {participation(lost).mean():.1f}), "
                f"correlation with unit {partner} {correlation:.2f} (block {partners(rows)[1].mean():.2f}; mixed rows "
                f"{partners(mixed(rows, 5))[1].mean():.2f}), norm {rows[unit].norm():.2f}".replace("-", minus)
                ) in shown.text()
        ends = shown.find(".mx-scale").inner_text().split()
        digits = 0 if top >= 100 else 1 if top >= 10 else 2 if top >= 0.1 else 3
        assert ends == ["≤", f"{minus}{top:.{digits}f}", "0", "≥", f"{top:.{digits}f}"]
        assert f"{now['matrix']} of block {now['block']}, {now['state']}" in shown.text()
        heights.add(shown.find(".mx").bounding_box()["height"])
    assert now == {**now, "matrix": "W1", "state": "untrained", "block": 1, "by": "frequency", "same": True}
    assert len(heights) == 1                                            # nothing jumps


def test_the_browser_follows_the_hand(model, browser_shown):
    shown, (rows_, columns) = browser_shown, size_of(browser_shown)
    block, picked = shown.picked["block"], shown.picked["unit"]
    rows = kernels_of(model)["W1", "trained"][block]
    top, sorted_ = color_top(rows), order(rows, GRID, "frequency").tolist()
    on_cell(shown, 0, 7, rows_, columns)                                # a preview, until the pointer leaves
    assert shows(shown, ONE, rows[sorted_[7]], top) and f"unit {sorted_[7]}:" in shown.text()
    assert shown.picked["unit"] == picked
    shown.page.mouse.move(1, 1)
    assert shows(shown, ONE, rows[picked], top)
    on_cell(shown, 0, 3, rows_, columns, click=True)
    assert shown.picked["unit"] == sorted_[3] and shown.frame() == [3 % columns, 3 // columns, 1, 1]
    partner = partners(rows)[0][sorted_[3]].item()
    at = sorted_.index(partner)
    assert [float(shown.find("ellipse", 1).get_attribute(name)) for name in ("cx", "cy")] == [
        at % columns + 0.5, at // columns + 0.5]
    shown.page.mouse.move(1, 1)
    shown.find(".mx-grid").focus()
    for key, place in (("ArrowRight", 4), ("ArrowUp", 4 - columns), ("ArrowDown", 4), ("ArrowLeft", 3)):
        shown.page.keyboard.press(key)
        assert shown.picked["unit"] == sorted_[max(place, 4 if place < 0 else 0)]
    assert shown.find(".mx-grid").get_attribute("aria-valuetext") == f"unit {sorted_[3]}"


def test_a_unit_stays_picked_where_it_is_the_same_unit(model, browser_shown):
    shown, kernels = browser_shown, kernels_of(model)
    unit, block = shown.picked["unit"], shown.picked["block"]
    for name in ("norm", "W2", "pairing", "W1", "frequency"):
        press(shown, name)
        assert shown.picked["unit"] == unit
    other = (block + 1) % 3
    press(shown, str(other))                                            # of another block it is another unit: the first
    assert shown.picked["unit"] == order(kernels["W1", "trained"][other], GRID, "frequency")[0].item()
    press(shown, "untrained")
    assert shown.picked["unit"] == order(kernels["W1", "untrained"][other], GRID, "frequency")[0].item()


@pytest.mark.parametrize("view", [1, 3])
def test_a_place_lights_up_in_every_tile(model, browser_shown, view):
    shown, (_, columns) = browser_shown, size_of(browser_shown)
    rows = kernels_of(model)["W1", "trained"][shown.picked["block"]]
    unit, place = shown.picked["unit"], 4                               # row 1, column 1
    assert (shown.pixels(LIT)[..., 3] == 0).all()
    on_cell(shown, view, place, *GRID)
    lit, sorted_ = signed(shown.pixels(LIT)), order(rows, GRID, "frequency")
    for cell, one in enumerate(sorted_):
        wanted = np.zeros(GRID)
        wanted[1, 1] = expected(rows[one], color_top(rows))[place]
        assert np.allclose(tile(lit, cell, columns), wanted, atol=0.012)
    assert shown.page.locator(".mx-dimmed").count() == 1
    most = rows[:, place].abs().argmax().item()
    partner = partners(rows)[0][unit].item()
    said = re.search(r"row 1, column 1: (.+) in unit (\d+), (.+) in unit (\d+); the largest is unit (\d+)'s, (.+)",
                     shown.text().replace("−", "-")).groups()
    here = rows[:, place].tolist()                                      # the page has 8 bits of them
    assert [*map(float, said)] == pytest.approx([here[unit], unit, here[partner], partner, most, here[most]], abs=0.02)
    shown.page.mouse.move(1, 1)
    assert (shown.pixels(LIT)[..., 3] == 0).all() and not shown.page.locator(".mx-dimmed").count()
    on_cell(shown, view, place, *GRID, click=True)
    shown.page.mouse.move(1, 1)
    assert shown.picked["place"] == place and shown.page.locator(".mx-dimmed").count() == 1
    on_cell(shown, view, place, *GRID, click=True)                      # a second click frees it
    shown.page.mouse.move(1, 1)
    assert shown.picked["place"] is None and not shown.page.locator(".mx-dimmed").count()


def test_the_spectrum_says_its_waves(model, browser_shown):
    shown = browser_shown
    rows = kernels_of(model)["W1", "trained"][shown.picked["block"]]
    energy = spectrum(rows[shown.picked["unit"]], GRID).flatten()
    for cell, words in ((0, "1 cycle from top to bottom, 1 from left to right"),
                        (5, "0 cycles from top to bottom, 1 from left to right")):
        on_cell(shown, 2, cell, *GRID)
        found = re.search(rf"{words}: (\d+)% of", shown.text())
        assert float(found[1]) == pytest.approx((100 * energy[cell] / energy.sum()).item(), abs=1.2)


def test_units_fly_to_their_places(model, browser_shown):
    shown = browser_shown
    rows = kernels_of(model)["W1", "trained"][shown.picked["block"]]
    press(shown, "norm")
    assert not shows_all(shown, rows, order(rows, GRID, "norm"), color_top(rows), wait=100)
    assert shows_all(shown, rows, order(rows, GRID, "norm"), color_top(rows), wait=700)
    shown.page.emulate_media(reduced_motion="reduce")
    press(shown, "frequency")
    assert shows_all(shown, rows, order(rows, GRID, "frequency"), color_top(rows))


# The training scrubber

@pytest.fixture
def scrubber_shown(snapshots, show):
    return show(widgets.training_scrubber(STEPS, snapshots, GRID), height=1000)


def W1(snapshots, block):
    return snapshots[f"blocks.{block}.token_mixing.fc1.weight"]


def numbers_of(snapshots, block):
    return summarize(W1(snapshots, block), snapshots[f"blocks.{block}.token_mixing.fc2.weight"], GRID)


def says_the_numbers(shown, snapshots, block, t):
    numbers, text = numbers_of(snapshots, block), shown.text()
    m = min(int(t), 2)
    return all(", ".join(f"{line} {values[m] * (m + 1 - t) + values[m + 1] * (t - m):.2f}".replace("-", "−")
                         for line, values in numbers[name].items()) in text for name in PANELS)


def is_at(shown, snapshots, t, block=None):
    """Whether all views show moment t, which may lie between two snapshots."""
    block = shown.picked["block"] if block is None else block
    weights, m = W1(snapshots, block), min(int(t), 2)
    now, top = weights[m] * (m + 1 - t) + weights[m + 1] * (t - m), color_top(weights)
    return (shows_all(shown, now, order(weights[-1], GRID, shown.picked["by"]), top)
            and shows(shown, ONE, now[shown.picked["unit"]], top) and says_the_numbers(shown, snapshots, block, t))


def test_the_scrubber_opens_at_the_end(snapshots, scrubber_shown):
    shown = scrubber_shown
    finals = [numbers_of(snapshots, k)["frequency"]["trained"][-1].item() for k in range(2)]
    block = finals.index(min(finals))
    unit = order(W1(snapshots, block)[-1], GRID, "frequency")[0].item()
    assert shown.picked == {"block": block, "by": "frequency", "at": 3, "place": None, "unit": unit}
    assert is_at(shown, snapshots, 3) and "1,000 updates" in shown.text()
    assert "After 1,000 updates, snapshot 3 of 3: frequency" in shown.text()


def test_the_scrubber_without_numbers(snapshots, show):
    widget = widgets.training_scrubber(STEPS, snapshots, GRID, curves=False)
    assert sorted(widget.arrays) == ["orders", "scales", "tops", "weights"] and widget.facts["panels"] == []
    shown = show(widget, height=1000)
    assert not shown.find(".mx-curves").locator("svg").count()
    assert "After 1,000 updates, snapshot 3 of 3." in shown.text() and "frequency (" not in shown.text()
    press(shown, "one snapshot back")
    block = shown.picked["block"]
    weights = W1(snapshots, block)
    assert shown.picked["at"] == 2
    assert shows_all(shown, weights[2], order(weights[-1], GRID, "frequency"), color_top(weights))
    full = widgets.training_scrubber(STEPS, snapshots, GRID)
    assert block == full.picked["block"] and "frequency" in full.arrays


def test_the_scrubber_steps(snapshots, scrubber_shown):
    shown = scrubber_shown
    for name, at in (("one snapshot back", 2), ("one snapshot back", 1), ("one snapshot forward", 2)):
        press(shown, name)
        assert shown.picked["at"] == at and is_at(shown, snapshots, at)
    shown.find("input[type=range]").focus()
    for key, at in (("ArrowLeft", 1), ("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1), ("End", 3), ("ArrowRight", 3)):
        shown.page.keyboard.press(key)
        assert shown.picked["at"] == at and is_at(shown, snapshots, at)
    for block in (0, 1):
        press(shown, str(block))
        assert is_at(shown, snapshots, 3, block)
        first = order(W1(snapshots, block)[-1], GRID, "frequency")[0].item()
        assert shown.picked["unit"] == first                            # the place stays, for the units are others
    press(shown, "norm")
    shown.page.wait_for_timeout(700)
    assert is_at(shown, snapshots, 3)


def test_a_unit_through_all_snapshots(snapshots, scrubber_shown):
    shown, block = scrubber_shown, scrubber_shown.picked["block"]
    weights = W1(snapshots, block)
    rows_, columns = size_of(shown)
    for click in (False, True):
        on_cell(shown, 0, 5, rows_, columns, click)
        unit = order(weights[-1], GRID, "frequency")[5].item()
        film = signed(shown.pixels(FILM))
        for m in range(4):
            wanted = expected(weights[m, unit], color_top(weights)).reshape(GRID)
            assert np.allclose(tile(film, m, 4), wanted, atol=0.012)
        assert (shown.picked["unit"] == unit) == click
    on_cell(shown, 2, 1, 1, 4)                                          # hover a snapshot
    assert is_at(shown, snapshots, 1) and shown.picked["at"] == 3
    on_cell(shown, 2, 1, 1, 4, click=True)
    shown.page.mouse.move(1, 1)
    assert is_at(shown, snapshots, 1) and shown.picked["at"] == 1 and "4 updates" in shown.text()


def test_the_curves_can_be_dragged(snapshots, scrubber_shown):
    shown, block = scrubber_shown, scrubber_shown.picked["block"]
    all_numbers = [numbers_of(snapshots, k) for k in range(2)]
    numbers = all_numbers[block]
    for number, name in enumerate(PANELS):
        low, high = reach([values for of in all_numbers for values in of[name].values()])
        ticks = shown.find(".mx-curves svg", number).locator("text.mx-soft").all_text_contents()
        assert [float(tick.replace("−", "-")) for tick in ticks[:3]] == [low, (low + high) / 2, high]
        assert ticks[3:] == ["0", "10", "100", "1,000", "updates"]
        for line, values in enumerate(numbers[name].values()):
            drawn = shown.find(".mx-curves svg", number).locator("g path").nth(line).get_attribute("d")
            points = np.array([[float(x) for x in point.split()] for point in re.findall(r"[\d.]+ [\d.]+", drawn)])
            spread = np.log10(np.array(STEPS) + 1)
            assert np.allclose(points[:, 0], 34 + 188 * spread / spread[-1], atol=0.1)
            assert np.allclose(points[:, 1], 8 + 112 * (high - np.clip(values, low, high)) / (high - low), atol=0.1)
    x = [34 + 188 * np.log10(step + 1) / np.log10(1001) for step in STEPS]
    shown.at(".mx-curves svg", 1, (x[1] + x[2]) / 2 / 288, 0.4)          # hover: between two snapshots
    t = float(shown.find("input[type=range]").input_value())
    assert t == pytest.approx(1.5, abs=0.02) and is_at(shown, snapshots, t) and shown.picked["at"] == 3
    assert "Between the snapshots after 4 and 90 updates." in shown.text()
    shown.page.mouse.down()
    shown.at(".mx-curves svg", 1, (x[0] + 2) / 288, 0.4)
    assert shown.picked["at"] == 3
    shown.page.mouse.up()
    shown.page.mouse.move(1, 1)
    assert shown.picked["at"] == 0 and is_at(shown, snapshots, 0)
    cursor = shown.find(".mx-curves svg", 2).locator("line").last
    assert float(cursor.get_attribute("x1")) == pytest.approx(x[0])


def test_it_plays(snapshots, scrubber_shown):
    shown = scrubber_shown
    shown.page.clock.install(time=0)                                    # 330 ms of its time for each snapshot
    shown.page.clock.pause_at(1000)
    button = shown.page.get_by_role("button", name="play or pause the training")
    button.click()                                                      # at the end: from the beginning
    shown.page.clock.run_for(500)
    assert "pause" in button.inner_text() and shown.picked["at"] == 3
    between = signed(shown.pixels(MOSAIC))
    shown.page.clock.run_for(50)
    assert not np.allclose(between, signed(shown.pixels(MOSAIC)))       # it moves between snapshots, too
    button.click()
    assert shown.picked["at"] == 2 and is_at(shown, snapshots, 2)
    button.click()
    shown.page.clock.run_for(1000)
    assert "play" in button.inner_text() and shown.picked["at"] == 3 and is_at(shown, snapshots, 3)


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (1440, False)])
@pytest.mark.parametrize("name", ["browser", "scrubber"])
def test_they_are_never_wider_than_the_page(name, width, dark, model, snapshots, show):
    """`show` fails on a scrollbar."""
    widget = {"browser": lambda: widgets.weight_browser(model), 
              "scrubber": lambda: widgets.training_scrubber(STEPS, snapshots, GRID)}[name]()
    shown = show(widget, width=width, dark=dark)
    assert shown.find(".mx").bounding_box()["width"] <= 900
