"""The cost explorer in a browser: its sums against `cost_by_part`, and what the hand can do."""

import random

import pytest

from mixer_lib import widgets
from mixer_lib.configs import MODELS, get_config
from mixer_lib.costs import cost_by_part
from mixer_lib.training.plan import flops_per_image

SIZES = ("patch_size", "num_blocks", "hidden_dim", "tokens_mlp_dim", "channels_mlp_dim")


@pytest.fixture(scope="module")
def explorer():
    return widgets.cost_explorer()


@pytest.fixture
def shown(show, explorer):
    return show(explorer)


def counted(sizes, image_size=224):
    return cost_by_part({"image_size": image_size, "in_channels": 3, "num_classes": 1000,
                         **{size: sizes[size] for size in SIZES}})


def brief(count):
    unit, letter = next((unit, letter) for unit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1, ""))
                        if count >= unit)
    few = count / unit
    return (f"{few:.0f}" if few >= 100 else f"{few:.1f}" if few >= 10 else f"{few:.2f}") + letter


def check(shown, sizes):
    """The bars, their texts, the totals and the line below, when the totals have come to rest."""
    costs = counted(sizes)
    shown.page.wait_for_timeout(350)
    totals = {what: sum(counts.values()) for what, counts in costs.items()}
    assert shown.page.locator(".mx-cost em b").all_inner_texts() == [f"{total:,}" for total in totals.values()]
    rows = shown.page.locator("button.mx-cost").all()
    assert [row.locator("span").first.inner_text() for row in rows] == [*costs["MACs"]]
    for row, part in zip(rows, costs["MACs"], strict=True):
        for i, what in enumerate(costs):
            count, share = costs[what][part], costs[what][part] / totals[what]
            percent, number = row.locator(".mx-count").nth(i).inner_text().split(" · ")
            assert percent == "<1%" if 0 < share < 0.005 else abs(float(percent.strip("%")) - 100 * share) <= 0.51
            assert number == brief(count) or "5" in str(count)          # a half may be rounded either way
            bar, track = (row.locator(name).nth(i).bounding_box()["width"] for name in ("div > i", "div"))
            assert bar / track == pytest.approx(share, abs=0.01)
    return costs


def test_it_begins_with_B16(shown):
    costs = check(shown, MODELS["B/16"])
    assert shown.picked == {size: MODELS["B/16"][size] for size in SIZES} | {"part": "channel mixing"}
    assert "59,880,472" in shown.text() and "12,601,767,936" in shown.text()
    assert (f"channel mixing: {costs['parameters']['channel mixing']:,} parameters (12 blocks × 4,723,968) and "
            f"{costs['MACs']['channel mixing']:,} MACs per image of 224 × 224 pixels. On average, each parameter works "
            "196 times per image.") in shown.text()
    assert "Mixer-B/16 among the paper's models" in shown.text()


def test_all_options_are_counted_as_the_library_counts(explorer):
    """Python sends what `cost_by_part` says, also where it does not ask it."""
    chance, facts = random.Random(0), explorer.facts
    for _ in range(12):
        sizes = {size: chance.choice(options) for size, options in facts["options"].items()}
        at = {size: facts["options"][size].index(value) for size, value in sizes.items()}
        for what, parts in counted(sizes).items():
            for part, count in parts.items():
                table = facts["costs"][what][part][at["patch_size"]][at["hidden_dim"]]
                width = {"token mixing": "tokens_mlp_dim", "channel mixing": "channels_mlp_dim"}.get(part)
                assert count == (sizes["num_blocks"] * table[at[width]] if width else table), (what, part, sizes)


def test_sliders(shown):
    sizes = dict(shown.picked)
    for slider, key in enumerate(("ArrowLeft", "ArrowRight", "Home", "End", "ArrowLeft")):
        shown.find("input", slider).focus()
        shown.page.keyboard.press(key)
        assert shown.picked != sizes
        assert [size for size in SIZES if shown.picked[size] != sizes[size]] == [SIZES[slider]]
        sizes = dict(shown.picked)
        check(shown, sizes)
    assert "your model among the paper's models" in shown.text()


def test_the_paper_s_models(shown):
    models = [name for name in MODELS if "/" in name]
    places = shown.page.locator(".mx-place")
    assert places.count() == len(models) == 7
    places.nth(0).hover()                                       # shows it, and picks nothing
    check(shown, MODELS["S/32"])
    assert shown.picked["num_blocks"] == 12
    shown.page.mouse.move(1, 1)
    check(shown, MODELS["B/16"])
    places.nth(6).click()
    shown.page.mouse.move(1, 1)
    check(shown, MODELS["H/14"])
    assert shown.picked == {size: MODELS["H/14"][size] for size in SIZES} | {"part": "channel mixing"}
    places.nth(5).focus()
    shown.page.keyboard.press("Enter")
    check(shown, MODELS["L/16"])
    ring, dot = (shown.page.locator(name).nth(i).bounding_box() for name, i in ((".mx-you .mx-mark", 0),
                                                                               (".mx-place circle", 5)))
    for start, length in (("x", "width"), ("y", "height")):
        assert ring[start] + ring[length] / 2 == pytest.approx(dot[start] + dot[length] / 2, abs=1)


def test_parts(shown):
    costs = counted(MODELS["B/16"])
    for row, part in enumerate(costs["MACs"]):
        shown.at("button.mx-cost", row, 0.5, 0.5)
        assert f"{part}: {costs['parameters'][part]:,} parameters" in shown.text()
        assert f"{costs['MACs'][part]:,} MACs per image" in shown.text()
    shown.page.mouse.move(1, 1)
    assert "channel mixing: " in shown.text()
    shown.find("button.mx-cost", 1).focus()
    shown.page.keyboard.press("Enter")
    assert shown.picked["part"] == "token mixing" and "token mixing: " in shown.text()
    assert shown.page.get_by_role("button", pressed=True).locator("span").first.inner_text() == "token mixing"


def test_training(show):
    """The days are those that `plan` gives."""
    shown = show(widgets.cost_explorer(training=True))
    assert shown.picked["images"] == 2.1e9 and shown.picked["devices"] == 8
    days = 2.1e9 * flops_per_image(get_config("B/16")) / (8 * 0.4 * 990e12) / 86400
    said = f"Training on 2.1 G images takes 1.6 · 1020 FLOPs: {24 * days:.0f} hours on 8 GPUs that reach 40%"
    assert said in shown.text()
    shown.find("input", 6).focus()
    shown.page.keyboard.press("Home")                           # one GPU
    assert f"{8 * days:.1f} days on 1 GPU that reaches 40% of a peak of 990" in shown.text()
    shown.find("input", 5).focus()
    shown.page.keyboard.press("Home")                           # a million images
    seconds = 1e6 * flops_per_image(get_config("B/16")) / (0.4 * 990e12)
    assert f"Training on 1.0 M images takes 7.6 · 1016 FLOPs: {seconds / 60:.1f} minutes on 1 GPU" in shown.text()


@pytest.mark.parametrize("width, dark", [(360, True), (915, False)])
def test_it_is_never_wider_than_the_page(show, explorer, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(explorer, width=width, dark=dark)
    before = shown.find(".mx").bounding_box()["height"]
    shown.find("input", 2).focus()
    shown.page.keyboard.press("Home")
    shown.page.wait_for_timeout(300)
    assert shown.find(".mx").bounding_box()["height"] == before
