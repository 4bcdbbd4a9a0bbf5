"""The family explorer in a browser: what each network costs and how well it did, and who hears whom."""

import numpy as np
import pytest

from mixer_lib import widgets

GRID = (2, 3)
FAR = np.array([[max(abs(j // 3 - i // 3), abs(j % 3 - i % 3)) for i in range(6)] for j in range(6)])     # in steps
ONE_WAY = np.tril(np.ones((6, 6)))          # token j hears token i only if i <= j
HEARS = {"all": np.ones((6, 6)), "near": FAR, "none": np.zeros((6, 6)), "one way": ONE_WAY}
MODELS = {name: {"about": f"{name} about.", "parameters": 91034 * (k + 1), "macs": 5_456_352, "speed": 20.25 / (k + 1),
                 "results": [0.30 + 0.1 * k, 0.32 + 0.1 * k], "mean": 0.31 + 0.1 * k,
                 "interval": [0.29 + 0.1 * k, 0.33 + 0.1 * k], "own": 0.26 if name == "near" else None}
          for k, name in enumerate(HEARS)}


@pytest.fixture
def shown(show):
    return show(widgets.family_explorer(MODELS, HEARS, GRID))


def numbers(shown):
    return shown.page.locator("#widget .mx-texts span").all_inner_texts()


def test_rows_and_dots(shown):
    rows = shown.page.get_by_role("radio").all()
    assert [row.locator("span").all_inner_texts() for row in rows] == [
        ["all", "91.0 k", "5.46 M", "20"], ["near", "182 k", "5.46 M", "10"], ["none", "273 k", "5.46 M", "6.8"],
        ["one way", "364 k", "5.46 M", "5.1"]]

    def place(mark):
        return float(mark.get_attribute("style").split("left: ")[1].split("%")[0])

    places = [[place(dot) for dot in row.locator("i").all()] for row in rows]
    slope = (places[1][0] - places[0][0]) / 0.1
    assert places[3][1] - places[0][0] == pytest.approx(0.32 * slope, abs=0.1)
    own = [row.locator("b") for row in rows]
    assert [one.count() for one in own] == [0, 1, 0, 0]
    assert places[1][0] - place(own[1]) == pytest.approx(0.14 * slope, abs=0.1)
    mean, bar = rows[0].locator("s"), rows[0].locator("u")
    assert place(mean) - place(bar) == pytest.approx(0.02 * slope, abs=0.1)
    assert float(bar.get_attribute("style").split("width: ")[1].split("%")[0]) == pytest.approx(0.04 * slope, abs=0.1)
    ticks = shown.page.locator("#widget .mx-kin-dots > span").all_inner_texts()
    assert ticks == [f"{share}%" for share in range(25, 70, 5)]


def test_who_hears_whom(shown):
    assert shown.picked == {"model": "all", "token": 4, "blocks": 1}
    assert numbers(shown) == ["1", "1", "1", "1", "•", "1"]
    assert "Token 4 is heard by 5 of 5 others. All others hear it after 1 block." in shown.text()
    shown.page.get_by_role("radio", name="near").click()
    shown.at(".mx-grid", 0, 0.1, 0.1, click=True)
    assert numbers(shown) == ["•", "1", "", "1", "1", ""] and shown.picked["token"] == 0
    assert "near about. Token 0 is heard by 3 of 5 others. All others hear it after 2 blocks." in shown.text()
    assert (shown.pixels()[:, :, 3] > 0).tolist() == [[False, True, False], [True, True, False]]
    shown.page.get_by_role("button", name="2").click()
    assert numbers(shown) == ["•", "1", "2", "1", "1", "2"] and "heard by 5 of 5 others" in shown.text()
    assert shown.pixels()[0, 1, 3] > shown.pixels()[0, 2, 3] > 0
    assert "Your run: 26.0%" in shown.text()
    shown.page.get_by_role("radio", name="none").hover()
    assert "After all 2 blocks, 0 of 5 others hear it." in shown.text() and "Your run" not in shown.text()


def test_hearing_has_a_direction(shown):
    shown.page.get_by_role("radio", name="one way").click()
    shown.page.mouse.move(1, 1)
    assert numbers(shown) == ["", "", "", "", "•", "1"]         # of token 4, only token 5 hears
    assert ("364,136 parameters, 5,456,352 MACs per image. Accuracy on held-out images: 61.0%, 2 runs, "
            "thin line 59.0 to 63.0%.") in shown.text()


def test_keys(shown):
    shown.page.get_by_role("radio", name="all").focus()
    for key, model in (("ArrowUp", "all"), ("ArrowDown", "near"), ("ArrowDown", "none"), ("ArrowUp", "near")):
        shown.page.keyboard.press(key)
        assert shown.picked["model"] == model
    assert shown.page.get_by_role("radio", checked=True).locator("span").first.inner_text() == "near"
    shown.find(".mx-grid").focus()
    shown.page.keyboard.press("ArrowUp")
    assert shown.picked["token"] == 1 and "who hears token 1" in shown.text()


@pytest.mark.parametrize("width, dark", [(360, True), (915, False)])
def test_it_is_never_wider_than_the_page(show, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(widgets.family_explorer(MODELS, HEARS, GRID), width=width, dark=dark)
    before = shown.find(".mx").bounding_box()["height"]
    shown.page.get_by_role("radio", name="near").click()
    assert width < 400 or shown.find(".mx").bounding_box()["height"] == before
