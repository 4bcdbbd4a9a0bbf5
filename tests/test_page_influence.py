"""The influence explorer in a browser: which tokens a patch moves, and which patches reach a token."""

import numpy as np
import pytest
import torch

from mixer_lib import widgets

random = torch.Generator().manual_seed(0)
IMAGE = torch.randint(256, (3, 8, 12), generator=random, dtype=torch.uint8)         # patches of 4: 2 rows, 3 columns
STRENGTHS = torch.rand(4, 6, 6, generator=random)
STRENGTHS[0] = 3 * torch.eye(6)
STRENGTHS[1, 2] = torch.tensor([0, 0.02, 1, 2, 3, 4])
MAP, TILES = 1, 2     # which canvas is what; the image is 0


def opacity(values):
    """What is exactly zero is empty, and the largest is full."""
    return 255 * np.sqrt(values / values.max())


def same(drawn, values):
    return np.allclose(drawn[:, :, 3], opacity(values.numpy()).reshape(2, 3), atol=0.51)


def explorer():
    widget = widgets.influence_explorer(IMAGE, STRENGTHS, 4)
    widget.picked = {"patch": 4, "token": -1, "depth": 1}
    return widget


def test_it_draws_the_tokens_that_a_patch_moves_at_every_depth(show):
    assert widgets.influence_explorer(IMAGE, STRENGTHS, 4).picked == {"patch": 2, "token": -1, "depth": 1}
    shown = show(explorer())
    assert np.array_equal(shown.pixels(0)[:, :, :3], IMAGE.permute(1, 2, 0)) and (shown.pixels(0)[:, :, 3] == 255).all()
    assert same(shown.pixels(MAP), STRENGTHS[1, :, 4])
    assert all(same(shown.pixels(TILES + d), STRENGTHS[d, :, 4]) for d in range(4))
    assert (shown.pixels(TILES)[:, :, 3] > 0).sum() == 1
    share = STRENGTHS[1, 4, 4] ** 2 / STRENGTHS[1, :, 4].square().sum()
    assert f"Patch 4 moves 6 of 6 tokens at depth 1. {100 * share:.0f}% of the movement" in shown.text()
    assert "token 2 moves most, by 3.0" in shown.text() and "Touch a token" in shown.text()
    assert shown.frame() == [1, 1, 1, 1]                    # the patch, in the image
    numbers = shown.page.locator("#widget .mx-grid").nth(1).locator("span").all_inner_texts()
    assert numbers == [f"{value:.1f}" if value >= 0.05 else "<0.1" for value in STRENGTHS[1, :, 4].tolist()]
    top = STRENGTHS[1, :, 4].max().item()                   # the opacity is a root: a quarter of it is in the middle
    assert shown.find(".mx-scale").inner_text().split() == ["0", f"{top / 4:.2f}", f"{top:.2f}"]


@pytest.mark.parametrize("click", [False, True])
def test_a_patch_moves_all_views(show, click):
    shown = show(explorer())
    shown.at(".mx-grid", 0, 0.1, 0.9, click)                # patch 3
    assert same(shown.pixels(MAP), STRENGTHS[1, :, 3]) and same(shown.pixels(TILES + 2), STRENGTHS[2, :, 3])
    assert "Patch 3 moves" in shown.text() and shown.frame(".mx-own", 1) == [0, 1, 1, 1]
    shown.page.mouse.move(1, 1)
    assert same(shown.pixels(MAP), STRENGTHS[1, :, 3 if click else 4])
    assert shown.picked["patch"] == (3 if click else 4)


@pytest.mark.parametrize("click", [False, True])
def test_a_token_lights_the_patches_that_reach_it(show, click):
    shown = show(explorer())
    shown.at(".mx-grid", 1, 0.9, 0.1, click)                # token 2: an exact 0, then ever more
    lit = np.kron(18 + 237 / 255 * opacity(STRENGTHS[1, 2].numpy()).reshape(2, 3), np.ones((4, 4)))
    assert np.allclose(shown.pixels(0)[:, :, 3], lit, atol=0.51)
    assert all(same(shown.pixels(TILES + d), STRENGTHS[d, 2]) for d in range(4))
    assert same(shown.pixels(MAP), STRENGTHS[1, :, 4])      # stays under the hand
    assert ("Token 2 at depth 1 moves by 3.00 with patch 4. 5 of 6 patches reach it, patch 5 most, with 4.0"
            in shown.text())
    assert shown.frame(".mx-own", 0) == [2, 0, 1, 1]
    shown.page.mouse.move(1, 1)
    assert (shown.pixels(0)[:, :, 3] == 255).all() != click
    if click:
        shown.at(".mx-grid", 0, 0.1, 0.1)                   # the hand on the image asks about a patch
        assert (shown.pixels(0)[:, :, 3] == 255).all() and same(shown.pixels(TILES + 1), STRENGTHS[1, :, 0])
        shown.page.get_by_role("button").click()
        shown.page.mouse.move(1, 1)
        assert shown.picked["token"] == -1 and (shown.pixels(0)[:, :, 3] == 255).all()


def test_depths(show):
    shown = show(explorer())
    shown.page.get_by_role("radio", name="depth 3").hover()
    assert same(shown.pixels(MAP), STRENGTHS[3, :, 4]) and shown.picked["depth"] == 1
    shown.page.get_by_role("radio", name="depth 2").click()
    shown.page.mouse.move(1, 1)
    assert same(shown.pixels(MAP), STRENGTHS[2, :, 4]) and shown.picked["depth"] == 2
    top = STRENGTHS[2, :, 4].max()
    assert shown.find(".mx figure", 1).inner_text().split()[-3:] == ["0", f"{top / 4:.2f}", f"{top:.2f}"]
    assert shown.page.get_by_role("radio", checked=True).get_attribute("aria-label") == "depth 2"
    shown.find(".mx-depths").focus()
    for key, depth in (("ArrowRight", 3), ("ArrowRight", 3), ("ArrowLeft", 2), ("ArrowUp", 1), ("ArrowLeft", 0),
                       ("ArrowLeft", 0)):
        shown.page.keyboard.press(key)
        assert shown.picked["depth"] == depth and same(shown.pixels(MAP), STRENGTHS[depth, :, 4])


def test_keys(show):
    shown = show(explorer())
    for number, name, steps in ((0, "patch", (("ArrowRight", 5), ("ArrowUp", 2), ("ArrowLeft", 1))),
                                (1, "token", (("ArrowRight", 0), ("ArrowDown", 3), ("ArrowUp", 0)))):
        shown.find(".mx-grid", number).focus()
        for key, place in steps:
            shown.page.keyboard.press(key)
            assert shown.picked[name] == place
    assert shown.find(".mx-grid", 1).get_attribute("aria-valuetext") == "row 0, column 0: number 0 of 6"
    assert "Token 0 at depth 1 moves by" in shown.text() and "with patch 1" in shown.text()


@pytest.mark.parametrize("width", [360, 915, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_never_wider_than_the_page_and_stays_as_high(show, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(explorer(), width=width, dark=dark)
    before = shown.find(".mx").bounding_box()
    shown.at(".mx-grid", 1, 0.9, 0.1, click=width > 400)
    after = shown.find(".mx").bounding_box()
    assert after["width"] <= 900 and (width < 400 or after["height"] == before["height"])
