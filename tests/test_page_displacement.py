"""The displacement explorer in a browser: what it draws and says, and what the hand can do."""

import re

import numpy as np
import pytest
import torch

from mixer_lib import widgets
from mixer_lib.analysis import (
    as_map,
    chance_share,
    convolution_share,
    displacement_kernel,
    mixing_weights,
    relabeled,
    token_map,
)
from mixer_lib.model import MlpMixer
from mixer_lib.plots.weights import color_top

STEPS = [0, 4, 90, 1000]
NAMES = ["wide", "small"]
GRIDS = {"wide": (3, 4), "small": (2, 2)}
BLOCKS = {"wide": 3, "small": 2}
LARGE, PAIRS, ROW, MOVED = range(4)                     # the grids; their canvases follow those of the blocks


def mixer(grid, num_blocks, seed):
    torch.manual_seed(seed)
    model = MlpMixer(image_size=(4 * grid[0], 4 * grid[1]), patch_size=4, in_channels=3, num_classes=3,
                     num_blocks=num_blocks, hidden_dim=8, tokens_mlp_dim=10, channels_mlp_dim=9).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


@pytest.fixture(scope="module")
def models():
    return {"wide": mixer((3, 4), 3, 0), "small": mixer((2, 2), 2, 1)}


@pytest.fixture(scope="module")
def snapshots(models):
    """Of the wide one: at four moments, the last is the model."""
    W = mixing_weights(models["wide"])
    start = [torch.randn(weights.shape, generator=torch.Generator().manual_seed(2)) for weights in W]
    return {f"blocks.{k}.token_mixing.{layer}.weight": torch.stack([
        begin[k] + share * (end[k] - begin[k]) for share in (0, 0.2, 0.7, 1)])
        for layer, begin, end in zip(("fc1", "fc2"), start, W) for k in range(3)}


@pytest.fixture(scope="module")
def maps(models, snapshots):
    """{name: [n, L, S, S]} of the token maps, and of those with the places relabeled."""
    stacked = {"small": [weights[None] for weights in mixing_weights(models["small"])],
               "wide": [torch.stack([snapshots[f"blocks.{k}.token_mixing.{layer}.weight"] for k in range(3)], dim=1)
                        for layer in ("fc1", "fc2")]}
    return {name: (token_map(W1, W2), token_map(relabeled(W1, 0), relabeled(W2.mT, 0).mT))
            for name, (W1, W2) in stacked.items()}


@pytest.fixture
def shown(models, snapshots, show):
    return show(widgets.displacement_explorer(models, {"wide": (STEPS, snapshots)}), height=900)


def signed(pixels):
    """Pixels as numbers from -1 to 1: opacity is size, orange is above zero and blue below."""
    return np.sign(pixels[..., 0].astype(int) - pixels[..., 2].astype(int)) * pixels[..., 3] / 255


def top_of(maps, name, block):
    return color_top(as_map(displacement_kernel(maps[name][0][-1, block], GRIDS[name], diagonal=False), GRIDS[name]))


def same(shown, canvas, values, top):
    return np.allclose(signed(shown.pixels(canvas)), np.clip(np.asarray(values) / top, -1, 1), atol=0.02)


def is_shown(shown, maps, name, block, down, right, place, own=False, at=-1):
    """Whether all views show these: a moment `at` that lies between two snapshots is a fraction."""
    (all_maps, lost), grid = maps[name], GRIDS[name]
    (H, W), top, cpu = grid, top_of(maps, name, block), all_maps[-1, block].numpy()
    at = len(all_maps) - 1 if at < 0 else at
    m, share = int(at), at - int(at)
    kernels = displacement_kernel(all_maps, grid, own)[:, block]
    kernel = kernels[m] if not share else kernels[m] + share * (kernels[m + 1] - kernels[m])
    first = sum(BLOCKS.values())
    assert same(shown, first + LARGE, kernel, top)
    s, (row, column) = place[0] * W + place[1], (np.arange(H), np.arange(W))
    partner = {(r, c): (r + down) * W + c + right for r in row for c in column
               if 0 <= r + down < H and 0 <= c + right < W}
    pixels = shown.pixels(first + PAIRS)
    for r in row:
        for c in column:
            if (r, c) in partner:
                wanted = np.clip(cpu[r * W + c, partner[r, c]] / top, -1, 1)
                assert signed(pixels)[r, c] == pytest.approx(wanted, abs=0.02)
            else:
                assert (pixels[r, c, :3] == 128).all()
    of_place = cpu[s].copy()
    near = as_map(kernels[-1], grid)[s].numpy()
    if not own:
        of_place[s] = 0
    assert same(shown, first + ROW, of_place.reshape(grid), top)
    assert same(shown, first + MOVED, near.reshape(grid), top)
    keep = np.arange(H * W) != (-1 if own else s)
    text = shown.text().replace("−", "-")
    alike = float(re.search(r"moved to that place: correlation (\S+)", text)[1])
    assert alike == pytest.approx(np.corrcoef(of_place[keep], near[keep])[0, 1], abs=0.02)      # of 8 bits
    entries = np.array([cpu[r * W + c, t] for (r, c), t in partner.items()])
    said = re.search(r"(\d+ pairs take|the one pair takes) (\S+) on average \(standard deviation ([\d.]+)\)"
                     r"(?:\.|, (\d+) of them) ", text)
    assert said[1].startswith("the one" if len(entries) == 1 else f"{len(entries)} ")
    assert float(said[2]) == pytest.approx(entries.mean(), abs=0.03)
    assert float(said[3]) == pytest.approx(entries.std(), abs=0.03)
    assert int(said[4] or 1) == pytest.approx((np.sign(entries) == np.sign(entries.mean())).sum(), abs=1)
    shares = [convolution_share(of, grid, diagonal)[:, block] for diagonal in (True, False) for of in (all_maps, lost)]
    now = [(values[m] if not share else values[m] + share * (values[m + 1] - values[m])).item() for values in shares]
    assert "\n".join(f"{label}\n{value:.2f}" for label, value in zip(
        ("with itself", "relabeled", "without itself", "relabeled"), now)) in text
    assert f"by chance {chance_share(grid, own):.3f}" in text
    return True


def on(shown, view, row, column, rows, columns, click=False):
    shown.at(".mx-grid", view, (column + 0.5) / columns, (row + 0.5) / rows, click)


def press(shown, name):
    shown.page.get_by_role("button", name=name, exact=True).click()


def test_it_opens_on_the_largest_share_along_a_training(maps, shown):
    shares = convolution_share(maps["wide"][0][-1], (3, 4), diagonal=False)
    block = shares.argmax().item()
    kernel = displacement_kernel(maps["wide"][0][-1, block], (3, 4), diagonal=False)
    down, right = divmod(as_map(kernel, (3, 4))[6].abs().argmax().item(), 4)    # what the middle takes most from
    assert shown.picked == {"model": 0, "block": block, "own": False, "at": 3, "down": down - 1, "right": right - 2,
                            "place": 6}
    assert is_shown(shown, maps, "wide", block, down - 1, right - 2, (1, 2))


def test_every_block_has_its_picture_and_its_share(maps, shown):
    for own in (False, True):
        press(shown, "shown" if own else "left out")
        texts, number = [button.inner_text().split() for button in shown.page.locator(".mx-blocks button").all()], 0
        for name in NAMES:
            kernels = displacement_kernel(maps[name][0][-1], GRIDS[name], own)
            shares = convolution_share(maps[name][0][-1], GRIDS[name], own)
            for block in range(BLOCKS[name]):
                assert same(shown, number, kernels[block], top_of(maps, name, block))
                assert texts[number] == [str(block), f"{shares[block]:.2f}"]
                number += 1


def test_blocks_and_models_can_be_chosen(maps, shown):
    on(shown, LARGE, 0, 6, 5, 7, click=True)                            # 2 up, 3 right, from a corner to another
    on(shown, PAIRS, 2, 0, 3, 4, click=True)
    shown.page.mouse.move(1, 1)
    for name, block, down, right, place in (("wide", 0, -2, 3, (2, 0)), ("wide", 2, -2, 3, (2, 0)),
                                            ("small", 1, -1, 1, (1, 0)), ("small", 0, -1, 1, (1, 0)),
                                            ("wide", 1, -1, 1, (1, 0))):
        press(shown, f"{name}, block {block}")
        now = shown.picked
        assert (now["model"], now["block"], now["down"], now["right"]) == (NAMES.index(name), block, down, right)
        assert is_shown(shown, maps, name, block, down, right, place)
        H, W = GRIDS[name]
        assert shown.frame(".mx-mark", LARGE) == [right + W - 1, down + H - 1, 1, 1]
        assert shown.frame(".mx-mark", PAIRS) == [*place[::-1], 1, 1]
        assert shown.find(".mx-time").is_visible() == (name == "wide")  # the small one has no snapshots
        pressed = [button.get_attribute("aria-label") for button in
                   shown.page.locator(".mx-blocks button[aria-pressed=true]").all()]
        assert pressed == [f"{name}, block {block}"]


def test_a_displacement_flows_through_all_views(maps, shown):
    block, picked = shown.picked["block"], shown.picked
    for row, column, words in ((1, 2, "1 up, 1 left"), (2, 3, "itself"), (4, 3, "2 down"), (2, 5, "2 right")):
        on(shown, LARGE, row, column, 5, 7)
        assert is_shown(shown, maps, "wide", block, row - 2, column - 3, (1, 2)) and f"{words}: " in shown.text()
        assert shown.picked == picked                                   # a preview
    on(shown, ROW, 2, 0, 3, 4)                                          # from the place in row 1, column 2
    assert is_shown(shown, maps, "wide", block, 1, -2, (1, 2)) and "1 down, 2 left: " in shown.text()
    on(shown, MOVED, 0, 3, 3, 4, click=True)
    shown.page.mouse.move(1, 1)
    assert is_shown(shown, maps, "wide", block, -1, 1, (1, 2))
    assert shown.frame() == [4, 1, 1, 1]                                # in the kernel, and for the place picked
    assert shown.frame(".mx-mark", 2) == shown.frame(".mx-mark", 3) == [3, 0, 1, 1]
    shown.find(".mx-grid").focus()
    for key, down, right in (("ArrowLeft", -1, 0), ("ArrowDown", 0, 0), ("ArrowDown", 1, 0), ("ArrowRight", 1, 1)):
        shown.page.keyboard.press(key)
        assert is_shown(shown, maps, "wide", block, down, right, (1, 2))


def test_a_place_flows_through_all_views(maps, shown):
    block = shown.picked["block"]
    on(shown, LARGE, 3, 3, 5, 7, click=True)                            # 1 down
    for click, place in ((False, (0, 3)), (True, (2, 1))):
        on(shown, PAIRS, *place, 3, 4, click)
        assert is_shown(shown, maps, "wide", block, 1, 0, place)
        assert f"row {place[0]}, column {place[1]}" in shown.text()
        there = shown.frame(".mx-mark", 2)
        assert there == ([3, 1, 1, 1] if place == (0, 3) else None)
        assert ("there is no place there" in shown.text()) == (place == (2, 1))
    assert shown.picked["place"] == 9


def test_itself_is_shown_on_demand(maps, shown):
    block = shown.picked["block"]
    press(shown, "shown")
    assert is_shown(shown, maps, "wide", block, shown.picked["down"], shown.picked["right"], (1, 2), own=True)
    middle = displacement_kernel(maps["wide"][0][-1, block], (3, 4))[2, 3].item()
    said = shown.find(".mx-itself").inner_text().replace("−", "-")
    assert float(said.split(",")[0]) == pytest.approx(middle, abs=0.006)
    assert ("beyond the colors" in said) == (abs(middle) > top_of(maps, "wide", block))


def test_it_moves_along_the_training(maps, shown):
    block, now = shown.picked["block"], (shown.picked["down"], shown.picked["right"])
    for name, at in (("one snapshot back", 2), ("one snapshot back", 1)):
        press(shown, name)
        assert shown.picked["at"] == at and is_shown(shown, maps, "wide", block, *now, (1, 2), at=at)
        assert f"{STEPS[at]} updates" in shown.text() and f"After {STEPS[at]} updates the mean was" in shown.text()
    x = [34 + 188 * np.log10(step + 1) / np.log10(1001) for step in STEPS]
    shown.at(".mx-track svg", 0, (x[2] + x[3]) / 2 / 288, 0.3)          # hover: between two snapshots
    t = float(shown.find(".mx-time input").input_value())
    assert t == pytest.approx(2.5, abs=0.02) and is_shown(shown, maps, "wide", block, *now, (1, 2), at=t)
    assert shown.picked["at"] == 1
    shown.page.mouse.move(1, 1)
    assert is_shown(shown, maps, "wide", block, *now, (1, 2), at=1)


def test_a_model_without_a_training(models, maps, show):
    shown = show(widgets.displacement_explorer({"small": models["small"]}))
    assert not shown.page.locator(".mx-time").count() and not shown.page.locator(".mx-track").count()
    assert shown.picked["at"] == 0 and "updates" not in shown.text()


def test_what_it_refuses(models, snapshots):
    with pytest.raises(ValueError, match="snapshots of 'large', but no such model: expected some of 'wide', 'small'"):
        widgets.displacement_explorer(models, {"large": (STEPS, snapshots)})
    for strange in ({name: weights.flip(0) for name, weights in snapshots.items()},
                    {name: weights for name, weights in snapshots.items() if "blocks.2" not in name}):
        with pytest.raises(ValueError, match="the last of the snapshots of 'wide' is not the model"):
            widgets.displacement_explorer(models, {"wide": (STEPS, strange)})
    with pytest.raises(ValueError, match="'dot' cuts its images into a single patch"):
        widgets.displacement_explorer({"dot": mixer((1, 1), 1, 0)})


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (1440, False)])
def test_it_is_never_wider_than_the_page(width, dark, models, snapshots, show):
    """`show` fails on a scrollbar."""
    shown = show(widgets.displacement_explorer(models, {"wide": (STEPS, snapshots)}), width=width, dark=dark)
    assert shown.find(".mx").bounding_box()["width"] <= 900
