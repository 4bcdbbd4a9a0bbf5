"""The token explorer in a browser: the page's own forward pass against PyTorch's, and what the hand can do."""

import json

import pytest
import torch
from torch import nn

from mixer_lib import widgets
from mixer_lib.model import ChannelMixing

TOKENS = torch.tensor([[4.0, 4.0, 0.0], [8.0, 0.0, -1.0], [0.0, 0.0, 0.0], [2.0, 2.0, -2.0]])


def parts(C=3, D=4, kind="none"):
    torch.manual_seed(0)
    norm, mlp = nn.LayerNorm(C, eps=1e-6), ChannelMixing(C, D, gelu=kind)
    for tensor in (norm.weight, norm.bias, mlp.fc1.bias, mlp.fc2.weight, mlp.fc2.bias):
        nn.init.normal_(tensor)
    return norm, mlp


@torch.no_grad()
def panels(token, norm, mlp):
    """What the five panels should show."""
    normed = norm(token)
    hidden = mlp.gelu(mlp.fc1(normed))
    return [token, normed, hidden, mlp.fc2(hidden), token + mlp(normed)]


def values(shown):
    numbers = json.loads(shown.find(".mx").evaluate("e => e.dataset.values"))
    return [torch.tensor(panel).float() for panel in numbers]


def check(shown, token, norm, mlp):
    for mine, theirs in zip(values(shown), panels(token, norm, mlp), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-4), (mine, theirs)


def texts(shown, panel):
    """The numbers above the bars of a panel."""
    return shown.find(".mx-panel", panel).locator("text[y='11']").all_text_contents()


def verdicts(shown):
    return shown.page.locator("figure > .mx-soft").all_inner_texts()


def slide(shown, slider, *keys):
    shown.find("input", slider).focus()
    for key in keys:
        shown.page.keyboard.press(key)


@pytest.mark.parametrize("kind", ["none", "tanh"])
def test_numbers_are_pytorchs(show, kind):
    norm, mlp = parts(kind=kind)
    shown = show(widgets.token_explorer(TOKENS, norm, mlp))
    assert shown.picked == {"token": 0, "times": 1, "plus": 0, "change": {}, "panel": 2, "index": 0}
    check(shown, TOKENS[0], norm, mlp)
    for panel, numbers in enumerate(panels(TOKENS[0], norm, mlp)):
        assert [float(text.replace("\u2212", "-")) for text in texts(shown, panel)] == \
            pytest.approx(numbers.tolist(), abs=0.0051)
    for row in range(1, 4):
        shown.at(".mx-grid", 0, 0.5, (row + 0.5) / 4)                           # hovering shows another token
        check(shown, TOKENS[row], norm, mlp)
    assert shown.picked["token"] == 0
    shown.at(".mx-grid", 0, 0.5, 0.9, click=True)
    shown.page.keyboard.press("ArrowUp")
    shown.page.mouse.move(1, 1)
    assert shown.picked["token"] == 2                                           # the blank one: eps alone is left
    check(shown, TOKENS[2], norm, mlp)


def test_a_long_token(show):
    norm, mlp = parts(C=24, D=40)
    tokens = torch.randn(3, 24, generator=torch.Generator().manual_seed(1))
    shown = show(widgets.token_explorer(tokens, norm, mlp))
    check(shown, tokens[0], norm, mlp)
    assert "Unit 0: 24 products and the bias add up to" in shown.text() and not any(texts(shown, 1))


def test_sliders_move_what_the_norm_lets_through(show):
    norm, mlp = parts()
    shown = show(widgets.token_explorer(TOKENS, norm, mlp))
    assert verdicts(shown) == [""] * 5
    slide(shown, 0, "ArrowLeft", "ArrowLeft", "ArrowLeft")                      # less light
    check(shown, 0.25 * TOKENS[0], norm, mlp)
    assert verdicts(shown) == ["moves"] + ["stands still"] * 3 + ["moves"]
    slide(shown, 1, "ArrowRight", "ArrowRight", "ArrowRight")
    check(shown, 0.25 * TOKENS[0] + 1.5, norm, mlp)
    assert verdicts(shown) == ["moves"] + ["stands still"] * 3 + ["moves"]
    slide(shown, 0, "Home")                                                     # every sign turns
    check(shown, 1.5 - TOKENS[0], norm, mlp)
    assert verdicts(shown) == ["moves"] * 5
    shown.page.get_by_role("button", name="as it was").click()
    check(shown, TOKENS[0], norm, mlp)
    assert verdicts(shown) == [""] * 5 and shown.page.get_by_role("button", name="as it was").is_disabled()


def test_bars_are_as_long_as_their_numbers(show):
    norm, mlp = parts()
    shown = show(widgets.token_explorer(TOKENS, norm, mlp))
    shown.at(".mx-grid", 0, 0.5, 0.375, click=True)
    shown.page.wait_for_timeout(300)
    for panel, numbers in enumerate(panels(TOKENS[1], norm, mlp)):
        bars = shown.find(".mx-panel", panel).locator(".mx-bar")
        found = bars.evaluate_all("all => all.map(b => [+b.getAttribute('height'), b.getAttribute('fill')])")
        # the page's axis: how many units a pixel is
        label = shown.find(".mx-panel", panel).locator("text[text-anchor=end]").first
        per_pixel = float(label.text_content()) / (104 - float(label.get_attribute("y")))
        for (height, fill), number in zip(found, numbers.tolist(), strict=True):
            assert height * per_pixel == pytest.approx(abs(number), abs=0.02)
            assert number == 0 or fill == ("var(--mx-plus)" if number > 0 else "var(--mx-minus)")


def test_drag_a_bar(show):
    norm, mlp = parts()
    shown = show(widgets.token_explorer(TOKENS, norm, mlp))
    box = shown.find(".mx-panel").bounding_box()
    x, y = box["x"] + 28 + 34 * 2.5, box["y"] + 104                             # channel 2, at zero
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(x, y - 30)
    check(shown, values(shown)[0], norm, mlp)                                   # while it is dragged
    shown.page.mouse.move(x, y - 40)
    shown.page.mouse.up()
    shown.page.mouse.move(x, y + 50)                                            # let go
    token = values(shown)[0]
    assert token[:2].tolist() == [4, 4] and token[2] > 3 and token[2] * 4 % 1 == 0
    check(shown, token, norm, mlp)
    assert (shown.picked["panel"], shown.picked["index"]) == (0, 2)
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowDown"):
        shown.page.keyboard.press(key)
    check(shown, token + torch.tensor([0, -0.5, 1]), norm, mlp)
    shown.page.mouse.move(1, 1)
    assert "Channel 1 of token 0 is 3.50." in shown.text()
    shown.at(".mx-grid", 0, 0.5, 0.375, click=True)
    check(shown, TOKENS[1], norm, mlp)                                          # another token is as it was


def test_what_a_bar_is_made_of(show):
    norm, mlp = parts()
    shown = show(widgets.token_explorer(TOKENS, norm, mlp))
    token, normed, hidden, answer, out = ([f"{x + 0.0:.2f}".replace("-", "\u2212") for x in numbers]
                                          for numbers in panels(TOKENS[0], norm, mlp))

    def weight(numbers):
        return [f"{round(x, 2) + 0.0:g}".replace("-", "\u2212") for x in numbers.tolist()]

    def written(panel):
        return shown.find(".mx-panel", panel).locator("text[y='214']").all_text_contents()

    shown.at(".mx-panel", 2, (28 + 34 * 1.5) / 164, 0.5)
    before = mlp.fc1(norm(TOKENS[0]))[1].item()
    row = weight(mlp.fc1.weight[1])
    assert written(1) == [f"× {one}" for one in row]
    terms = " + ".join(f"{w} × {x}" for w, x in zip(row, normed))
    assert f"Unit 1: {terms} + bias {mlp.fc1.bias[1]:.2f} = {before:.2f}; GELU makes it {hidden[1]}.".replace(
        "-", "\u2212") in shown.text()

    shown.at(".mx-panel", 3, (28 + 34 * 2.5) / 130, 0.5, click=True)
    row = weight(mlp.fc2.weight[2])
    assert written(2) == [f"× {one}" for one in row] and not any(written(1))
    assert f"The answer in channel 2: {' + '.join(f'{w} × {x}' for w, x in zip(row, hidden))}" in shown.text()
    assert (shown.picked["panel"], shown.picked["index"]) == (3, 2)

    shown.page.keyboard.press("ArrowLeft")
    shown.at(".mx-panel", 4, (28 + 34 * 0.5) / 130, 0.5)
    assert f"Channel 0 goes on as {token[0]} + {answer[0]} = {out[0]}." in shown.text()
    shown.at(".mx-panel", 1, (28 + 34 * 0.5) / 130, 0.5)
    assert "Channel 0 after LayerNorm: (4.00 − the mean 2.67) / the standard deviation 1.89" in shown.text()
    shown.page.mouse.move(1, 1)
    assert "The answer in channel 1: " in shown.text() and shown.picked["index"] == 1
    assert shown.find(".mx-panel", 3).get_attribute("aria-valuetext") == f"channel 1: {answer[1]}"


@pytest.mark.parametrize("width, dark", [(360, True), (915, False)])
def test_it_is_never_wider_than_the_page(show, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(widgets.token_explorer(TOKENS, *parts()), width=width, dark=dark)
    before = shown.find(".mx").bounding_box()["height"]
    slide(shown, 0, "Home")
    assert shown.find(".mx").bounding_box()["height"] == before
