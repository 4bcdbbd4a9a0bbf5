"""Lesson 11's experiment: the orders, the CNN, the loop, and the table that the script measures."""

import json
import statistics
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import measure_permutations as script
from mixer_lib.configs import get_config
from mixer_lib.costs import count_parameters
from mixer_lib.data import load_dataset
from mixer_lib.model import patchify
from mixer_lib.permutations import (
    CONDITIONS,
    CONTROLS,
    MIXER,
    SmallCNN,
    draw_order,
    fit_and_measure,
    scramble,
    scramble_dataset,
)
from mixer_lib.training import Recipe, evaluate, fit

PLAIN, PATCHES, ALL = CONDITIONS
PATCHES_ONLY, INSIDE_ONLY, COLORS = CONTROLS


def dataset(count=60):
    sample = load_dataset("cifar10")
    return replace(sample, train_images=sample.train_images[::5000 // count], test_images=sample.test_images[:20],
                   train_labels=sample.train_labels[::5000 // count], test_labels=sample.test_labels[:20])


@pytest.mark.parametrize("condition", [*CONDITIONS, PATCHES_ONLY, INSIDE_ONLY])
def test_orders_are_permutations_and_depend_on_the_seed_alone(condition):
    order = draw_order(condition, 32, 4, seed=1)
    assert order.sort().values.tolist() == list(range(1024))
    assert torch.equal(order, draw_order(condition, 32, 4, seed=1))
    assert torch.equal(order, draw_order(condition, 32, 4, seed=2)) == (condition == PLAIN)
    assert (order.tolist() == list(range(1024))) == (condition == PLAIN)


def test_patches_stay_together_and_all_are_alike_inside():
    source = patchify(draw_order(PATCHES, 12, 3, seed=0).view(1, 1, 12, 12), 3)[0]      # [S, P * P], places before
    row, column = source // 12, source % 12
    from_patch, inside = row // 3 * 4 + column // 3, row % 3 * 3 + column % 3
    assert (from_patch == from_patch[:, :1]).all() and (inside == inside[:1]).all()
    assert sorted(from_patch[:, 0].tolist()) == list(range(16)) != from_patch[:, 0].tolist()
    assert sorted(inside[0].tolist()) == list(range(9)) != inside[0].tolist()


@pytest.mark.parametrize("condition, moved, mixed", [(PATCHES_ONLY, True, False), (INSIDE_ONLY, False, True)])
def test_each_half_of_the_scrambling_alone(condition, moved, mixed):
    source = patchify(draw_order(condition, 12, 3, seed=0).view(1, 1, 12, 12), 3)[0]    # [S, P * P], places before
    row, column = source // 12, source % 12
    from_patch, inside = row // 3 * 4 + column // 3, row % 3 * 3 + column % 3
    assert (from_patch == from_patch[:, :1]).all() and (inside == inside[:1]).all()
    assert (from_patch[:, 0].tolist() != list(range(16))) == moved
    assert (inside[0].tolist() != list(range(9))) == mixed


def test_both_halves_make_the_whole():
    """With one seed, first the insides and then the patches is both at once."""
    image = torch.arange(144).view(1, 12, 12)
    halves = [draw_order(condition, 12, 3, seed=5) for condition in (INSIDE_ONLY, PATCHES_ONLY)]
    assert torch.equal(scramble(scramble(image, halves[0]), halves[1]), scramble(image, draw_order(PATCHES, 12, 3, 5)))


def test_colors_alone_gives_each_image_an_order_of_its_own():
    data = dataset()
    same = torch.arange(1024).remainder(256).byte().view(1, 1, 32, 32).repeat(len(data.train_images), 3, 1, 1)
    mixed = scramble_dataset(replace(data, train_images=same), COLORS, 4, seed=1)
    assert (mixed.train_images.flatten(2).sort().values == same.flatten(2).sort().values).all()     # the same pixels
    assert len({tuple(image[0].flatten().tolist()) for image in mixed.train_images}) == len(same)
    assert (mixed.train_images == mixed.train_images[:, :1]).all()                      # all colors alike
    again = scramble_dataset(data, COLORS, 4, seed=1)
    assert torch.equal(again.test_images, mixed.test_images) and not torch.equal(again.test_images, data.test_images)
    assert not torch.equal(scramble_dataset(data, COLORS, 4, seed=2).test_images, mixed.test_images)


@pytest.mark.parametrize("condition", [*CONDITIONS, PATCHES_ONLY, INSIDE_ONLY])
def test_data_set_is_scrambled_by_one_order(condition):
    data = dataset()
    mixed, order = scramble_dataset(data, condition, 4, seed=3), draw_order(condition, 32, 4, seed=3)
    assert torch.equal(mixed.train_images, scramble(data.train_images, order))
    assert torch.equal(mixed.test_images, scramble(data.test_images, order))
    assert torch.equal(mixed.train_labels, data.train_labels) and mixed.mean == data.mean


def test_curve_of_a_training_and_its_weights():
    """After each epoch, and without a trace in the training."""
    data, recipe = dataset(), Recipe(epochs=2, batch_size=20, lr=1e-3, val_fraction=0)     # 4 steps per epoch
    torch.manual_seed(0)
    models = [SmallCNN() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    modes = set()
    models[0].register_forward_pre_hook(lambda model, _: modes.add((torch.is_grad_enabled(), model.training)))
    curve = fit_and_measure(models[0], data, recipe)
    fit(models[1], data, recipe)
    assert [step for step, _ in curve] == [4, 8] and modes == {(True, True), (False, False)}
    assert curve[-1][1] == evaluate(models[0], data)["accuracy"]
    assert all(torch.equal(p, q) for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True))


def test_all_pixels_tears_patches_apart():
    source = patchify(draw_order(ALL, 32, 4, seed=0).view(1, 1, 32, 32), 4)[0]
    patches = {tuple(sorted(row)) for row in (source // 128 * 8 + source % 32 // 4).tolist()}
    assert all(len(set(row)) > 4 for row in patches)


def test_unknown_condition():
    with pytest.raises(ValueError, match=r"no condition 'all pixel': did you mean 'all pixels'\?"):
        draw_order("all pixel", 32, 4, seed=0)


def test_scramble_moves_all_colors_alike():
    images = torch.arange(24).view(2, 3, 2, 2)
    order = torch.tensor([3, 0, 1, 2])
    assert scramble(images, order)[1, 2].tolist() == [[23, 20], [21, 22]]
    assert torch.equal(scramble(scramble(images, order), order.argsort()), images)


def test_cnn_has_as_many_parameters_as_the_mixer():
    cnn = SmallCNN()
    mixer = count_parameters(get_config("cifar10", **MIXER))
    assert sum(p.numel() for p in cnn.parameters()) == pytest.approx(mixer, rel=0.02)
    assert [m.kernel_size for m in cnn if isinstance(m, nn.Conv2d)] == [(3, 3)] * 4


def test_cnn_by_hand():
    cnn, images = SmallCNN(), torch.randn(2, 3, 32, 32)
    *parameters, weight, bias = cnn.parameters()
    maps = images
    for i in range(0, len(parameters), 2):
        maps = F.gelu(F.conv2d(F.max_pool2d(maps, 2) if i else maps, *parameters[i:i + 2], padding=1))
    assert maps.shape == (2, 150, 4, 4)
    assert torch.allclose(cnn(images), F.linear(maps.mean(dim=(2, 3)), weight, bias), atol=1e-5)


def test_orders_of_images_that_are_not_square():
    for condition in CONDITIONS:
        order = draw_order(condition, (8, 12), (4, 2), seed=0)
        assert order.sort().values.tolist() == list(range(96))
    patches = patchify(draw_order(PATCHES, (8, 12), (4, 2), 0).view(1, 1, 8, 12), (4, 2))[0]
    assert all(len({(place // 12 // 4, place % 12 // 2) for place in row}) == 1 for row in patches.tolist())


def test_cnn_is_trained_by_fit():
    cnn, modes = SmallCNN().eval(), set()
    cnn.register_forward_pre_hook(lambda model, _: modes.add(model.training))
    fit(cnn, dataset(), Recipe(epochs=1, batch_size=60, val_fraction=0))
    assert modes == {True} and not cnn.training and 0 <= evaluate(cnn, dataset())["accuracy"] <= 1


# ---- the table and its script ----------------------------------------------------------------------------------------

def test_table_is_whole_and_made_by_this_script():
    """Each condition of the lesson has all seeds; a control may have fewer, but both models under each."""
    table = json.loads(script.RESULTS.read_text())
    assert table["mixer"] == MIXER and table["recipes"] == script.RECIPES
    runs = [(row["data"], row["model"], row["condition"], row["seed"]) for row in table["rows"]]
    assert len(runs) == len({*runs}) and {run[0] for run in runs} == {"sample", "full"}
    wanted = {(data, model, condition, seed) for data in ("sample", "full") for seed in range(script.SEEDS)
              for model in script.MODELS for condition in CONDITIONS}
    controls = {*runs} - wanted
    assert wanted <= {*runs} and {run[2] for run in controls} <= {*CONTROLS}
    assert {run[3] for run in controls} <= {*range(script.SEEDS)}
    for row in table["rows"]:
        assert 0.1 < row["accuracy"] < 1 and row["seconds"] > 0
        steps = [step for step, _ in row.get("curve", [])]
        assert steps == sorted(steps) and row.get("curve", [[0, row["accuracy"]]])[-1][1] == row["accuracy"]


def test_script_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "RESULTS", tmp_path / "table.json")
    monkeypatch.setattr(script, "load_dataset", lambda name, full, root: (name, full, root))
    asked = []

    def run(model, condition, seed, data, recipe):
        if len(asked) == 7:
            raise KeyboardInterrupt
        asked.append((model, condition, seed))
        assert data == ("cifar10", False, None) and recipe == script.RECIPES["sample"]
        return {"accuracy": 0.5, "seconds": 1}

    monkeypatch.setattr(script, "run", run)
    with pytest.raises(KeyboardInterrupt):
        script.main([])
    rows = json.loads(script.RESULTS.read_text())["rows"]
    assert len(rows) == 7 and {row["condition"] for row in rows} == {*CONDITIONS, PATCHES_ONLY}
    asked.append("more")
    script.main([])
    rows = json.loads(script.RESULTS.read_text())["rows"]
    assert len(rows) == script.SEEDS * 12 == len({(row["model"], row["condition"], row["seed"]) for row in rows})

    monkeypatch.setitem(script.RECIPES, "sample", {"epochs": 7})
    with pytest.raises(SystemExit, match="measured with another recipe or model"):
        script.main([])


def test_script_trains_and_measures_on_scrambled_images(monkeypatch):
    data, recipe, calls = dataset(), dict(epochs=1, batch_size=20, lr=1e-3, val_fraction=0), []
    monkeypatch.setattr(script, "fit_and_measure",
                        lambda *given: (calls.append(given), fit_and_measure(*given))[1])
    first = script.run("CNN", ALL, 3, data, recipe)
    (model, trained_on, asked), = calls
    order = draw_order(ALL, 32, 4, seed=3)
    assert isinstance(model, SmallCNN) and asked == Recipe(**recipe, seed=3)
    assert torch.equal(trained_on.train_images, scramble(data.train_images, order))
    assert torch.equal(trained_on.test_images, scramble(data.test_images, order))
    assert first["curve"][-1] == [4, first["accuracy"]] and first["accuracy"] <= 1
    assert first["curve"] == script.run("CNN", ALL, 3, data, recipe)["curve"]
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), calls[1][0].parameters(), strict=True))


def test_what_lesson_11_says_about_the_controls():
    """The CNN loses a little with the insides shuffled, and much with the patches; on colors alone the Mixer is no
    better, and the CNN finds no more in one order of all pixels."""
    table = json.loads(script.RESULTS.read_text(encoding="utf-8"))
    mean = {(model, condition): statistics.mean(
        row["accuracy"] for row in table["rows"]
        if (row["data"], row["model"], row["condition"]) == ("sample", model, condition))
        for model in ("Mixer", "CNN") for condition in CONDITIONS + CONTROLS}
    lost = {condition: 100 * (mean["CNN", "plain"] - mean["CNN", condition]) for condition in CONDITIONS + CONTROLS}
    assert 1 < lost["inside only"] < 3 and 13 < lost["patches only"] < 15.5 < lost["patches and inside"] < 18
    assert abs(mean["CNN", "all pixels"] - mean["CNN", "colors alone"]) < 0.02
    assert mean["Mixer", "colors alone"] <= mean["CNN", "colors alone"] < mean["Mixer", "all pixels"] - 0.08
