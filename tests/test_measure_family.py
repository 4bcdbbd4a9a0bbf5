"""Lesson 13's tables, and the scripts that measure them, which train tiny models here."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import measure_family as family
import measure_parts as parts
import measure_sizes as sizes
from mixer_lib import count_macs, count_parameters
from mixer_lib.data import load_dataset
from mixer_lib.family.frame import AcrossTokens
from mixer_lib.permutations import SmallCNN
from result_table import TUNING_SEED, fill_tuned

WHOLE = family.mixer_config(4, 16)
RECIPE = family.make_recipe(1, 64)
SHORT = ["--epochs", "3", "--blocks", "2", "--hidden-dim", "16", "--rates", "1e-3", "3e-3"]


@pytest.fixture
def few(tmp_path, monkeypatch):
    """The scripts at work in an empty folder, on a few images."""
    sample = load_dataset("cifar10")
    few = replace(sample, train_images=sample.train_images[::50], train_labels=sample.train_labels[::50])
    monkeypatch.setattr(family, "load_dataset", lambda name, full, root: few)
    monkeypatch.setattr(family, "RESULTS", tmp_path / "family.json")
    for script in (parts, sizes):
        monkeypatch.setattr(script, "RESULTS", tmp_path)
    return few


def table(path):
    return json.loads(path.read_text())


def test_each_setting_is_tuned_first(tmp_path):
    """Seed by seed, at the rate that was best for it, and the same command goes on where it was."""
    calls = []

    def run(name, seed, lr):
        calls.append((name, seed, lr))
        return {"held_out": lr if name == "b" else -lr}

    settings, path = [{"name": "a"}, {"name": "b"}], tmp_path / "table.json"
    rows = fill_tuned(path, {"epochs": 1}, settings, [1, 2], 1, run)
    expected = [(name, TUNING_SEED, lr) for name in "ab" for lr in (1, 2)] + [("a", 0, 1), ("b", 0, 2)]
    assert calls == expected and len(rows) == 6
    fill_tuned(path, {"epochs": 1}, settings, [1, 2], 2, run)
    assert calls[6:] == [("a", 1, 1), ("b", 1, 2)]
    with pytest.raises(SystemExit, match="measured with another recipe or model"):
        fill_tuned(path, {"epochs": 2}, settings, [1, 2], 2, run)
    rows = fill_tuned(tmp_path / "single.json", {}, settings, [2], 1, run)
    assert [(row["name"], row["seed"], row["lr"]) for row in rows] == [("a", 0, 2), ("b", 0, 2)]


def test_family_runs_are_measured(few):
    whole = family.mixer_config(1, 48)
    for mixer in ("Mixer", "ResMLP", "gMLP", "ConvMixer", "attention"):
        row = family.run(mixer, "parameters", 0, 1e-3, few, RECIPE, whole)
        budget = count_parameters(whole)
        assert 0.75 * budget < row["parameters"] <= budget and row["macs"] > 0
        for accuracy in (row["held_out"], row["shuffled"], *row["moved"].values()):
            assert 0 <= accuracy <= 1
        assert row["steps_per_second"] > 0 and row["memory"] > 0 and list(row["moved"]) == ["4", "8"]
        shares = row.get("convolution_shares", [])
        assert len(shares) == (mixer in family.MAPS) and all(0 < share < 1 for share in shares)
    row = family.run("Mixer", "macs", TUNING_SEED, 1e-3, few, RECIPE, WHOLE)
    assert row["macs"] == count_macs(WHOLE) and "shuffled" not in row


def test_held_out_images_are_not_trained_on(few):
    data, images, labels = family.hold_out(few, 0)
    assert len(images) == len(labels) == 10 and len(data.train_images) == len(few.train_images) - 10
    assert not any((image == other).all() for image in images for other in data.train_images)
    half, tried, _ = family.hold_out(few, TUNING_SEED)
    assert abs(len(half.train_images) / len(data.train_images) - 0.5) < 0.1
    assert not any((image == other).all() for image in tried for other in half.train_images)


def test_images_are_shuffled_and_moved():
    images = torch.randint(1, 256, (2, 3, 8, 8), dtype=torch.uint8)
    shuffled = family.with_shuffled_patches(images, 4, 0)
    patches = [images[..., i:i + 4, j:j + 4] for i in (0, 4) for j in (0, 4)]
    order = [next(k for k, patch in enumerate(patches) if torch.equal(patch, shuffled[..., i:i + 4, j:j + 4]))
             for i in (0, 4) for j in (0, 4)]
    assert sorted(order) == [0, 1, 2, 3] != order
    moved = family.moved(images, 3)
    assert torch.equal(moved[..., 3:], images[..., :-3]) and (moved[..., :3] == 0).all()


def test_the_facts_say_what_was_run(few, monkeypatch):
    monkeypatch.setattr(family, "run", lambda mixer, budget, seed, lr, dataset, recipe, whole: {"held_out": lr})
    family.main([*SHORT, "--budgets", "parameters", "--seeds", "1", "--batch-size", "64"])
    facts = table(family.RESULTS)
    assert len(facts.pop("rows")) == 3 * len(family.MIXERS)
    assert facts["machine"] and facts["images"] == 90 and facts["rates"] == [1e-3, 3e-3]
    assert facts["mixer"]["num_blocks"] == 2 and facts["mixer"]["tokens_mlp_dim"] == 8
    other = family.RESULTS.with_name("longer.json")
    family.main([*SHORT, "--budgets", "parameters", "--seeds", "1", "--mixers", "gMLP", "--out", str(other)])
    assert {row["mixer"] for row in table(other)["rows"]} == {"gMLP"}
    assert facts["recipe"] == {"epochs": 3, "batch_size": 64, "warmup_epochs": 0.3, "weight_decay": 0.1,
                               "crop_padding": 4, "flip": True, "val_fraction": 0}


def test_a_npz_file_is_a_data_set_too(few, monkeypatch, tmp_path):
    monkeypatch.setattr(family, "load_dataset", lambda path: replace(few, name=str(path)))
    monkeypatch.setattr(family, "run", lambda dataset, **key: {"held_out": 0, "data": dataset.name})
    family.main([*SHORT, "--seeds", "0", "--budgets", "macs", "--root", str(tmp_path / "all.npz")])
    assert {row["data"] for row in table(family.RESULTS)["rows"]} == {str(tmp_path / "all.npz")}


@pytest.mark.parametrize("name", parts.TABLES)
def test_parts_have_a_row_each(few, monkeypatch, name):
    monkeypatch.setattr(parts, "run", lambda change, seed, lr, dataset, recipe, whole: {"held_out": lr})
    parts.main([*SHORT, "--seeds", "2", "--table", name])
    rows = table(parts.RESULTS / f"{name}.json")["rows"]
    assert [row["change"] for row in rows if row["seed"] == 1] == list(parts.TABLES[name])
    assert {row["lr"] for row in rows if row["seed"] == 1} == {3e-3}


def test_swaps_exchange_token_mixing_and_nothing_else():
    """But for the ConvMixers, all other weights are those of the whole Mixer; the parts are those of the family."""
    whole = parts.make_model("whole", WHOLE)
    conv = family.build(family.config_of("ConvMixer", "parameters", WHOLE))
    for change in parts.TABLES["swaps"]:
        model, like = parts.make_model(change, WHOLE), conv if change.startswith("ConvMixer") else whole
        assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)
        shapes, expected = ({name: p.shape for name, p in one.named_parameters() if "token_mixing" not in name}
                            for one in (model, like))
        assert shapes == expected
        kinds = {type(block.token_mixing) for block in model.blocks}
        assert len(kinds) == 1
        if "MLP" in change or change == "whole":
            assert kinds == {type(whole.blocks[0].token_mixing)}
            assert model.blocks[0].token_mixing.fc1.out_features == WHOLE.tokens_mlp_dim
        if change in ("one linear layer", "ConvMixer, one linear layer"):
            assert kinds == {AcrossTokens}
    convolution, theirs = (parts.make_model("a convolution", WHOLE).blocks[0].token_mixing.part,
                           conv.blocks[0].token_mixing.part)
    assert (convolution.kernel_size, convolution.padding) == (theirs.kernel_size, theirs.padding)
    assert convolution.groups == WHOLE.hidden_dim and theirs.groups == conv.config.hidden_dim
    switched, gelu = parts.make_model("a convolution, then GELU", WHOLE).blocks[0].token_mixing
    assert switched.part.weight.shape == convolution.weight.shape and isinstance(gelu, torch.nn.GELU)
    mixed = parts.make_model("nothing", WHOLE).blocks[0].token_mixing(torch.ones(1, 64, 16))
    assert (mixed == 0).all()


def test_parts_are_what_they_are_called():
    images, whole = torch.randn(2, 3, 32, 32), count_parameters(WHOLE)
    seen = {}
    for change in parts.CHANGES:
        torch.manual_seed(0)
        model = parts.make_model(change, WHOLE)
        if change != "pyramid":
            seen[change] = model.blocks[:1](model.patch_embedding(images)).detach()             # [B, S, C]
        size = sum(p.numel() for p in model.parameters())
        assert len(model.blocks) == max(1, round(4 * parts.SIZES.get(change, 0.5 if change == "pyramid" else 1)))
        assert size == whole if change in ("whole", "without skips", "without GELU") else size != whole
        if change in (*parts.SIZES, "pyramid"):
            assert 0.7 * whole < size <= whole
        if change in parts.PATCHES:
            assert model.config.grid == (32 // parts.PATCHES[change],) * 2
    torch.manual_seed(0)
    model = parts.make_model("whole", WHOLE)
    block, x = model.blocks[0], model.patch_embedding(images)
    token, channel = (lambda x: block.token_mixing(block.token_norm(x))), (lambda x: block.channel_mixing(
        block.channel_norm(x)))
    with torch.no_grad():
        for change, expected in [("whole", x + token(x) + channel(x + token(x))),
                                 ("without token mixing", x + channel(x)), ("without channel mixing", x + token(x)),
                                 ("without skips", channel(token(x))),
                                 ("without token norm", (y := x + block.token_mixing(x)) + channel(y)),
                                 ("without channel norm", (y := x + token(x)) + block.channel_mixing(y)),
                                 ("without both norms",
                                  (y := x + block.token_mixing(x)) + block.channel_mixing(y))]:
            torch.testing.assert_close(seen[change], expected, msg=change)
        block.token_mixing.gelu = block.channel_mixing.gelu = torch.nn.Identity()
        torch.testing.assert_close(seen["without GELU"], x + token(x) + channel(x + token(x)))


def test_grouped_token_mixing_is_a_token_mlp_per_group():
    torch.manual_seed(0)
    mlps = [block.token_mixing for block in family.build(replace(WHOLE, num_blocks=4)).blocks]
    grouped, x = parts.GroupedTokenMixing(mlps), torch.randn(3, 64, 16)
    expected = torch.cat([mlp(some) for mlp, some in zip(mlps, x.split(4, dim=2))], dim=2)
    torch.testing.assert_close(grouped(x), expected)
    for change, count in (("a token MLP per group of channels", 4), ("a token MLP per channel", 16)):
        assert all(len(block.token_mixing.w1) == count for block in parts.make_model(change, WHOLE).blocks)


def test_merge_joins_neighbors():
    tokens = torch.arange(16.).view(1, 16, 1)
    merge = parts.Merge((4, 4), 1)
    merge.linear = torch.nn.Identity()
    assert merge(tokens)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_macs_are_those_of_the_cost_table():
    assert parts.macs_of(parts.make_model("whole", WHOLE)) == count_macs(WHOLE)
    attention = family.config_of("attention", "parameters", WHOLE)
    assert parts.macs_of(family.build(attention)) == count_macs(attention)
    assert parts.macs_of(parts.make_model("a token MLP per channel", WHOLE)) == count_macs(WHOLE)
    places = 32 * 32, 16 * 16, 8 * 8, 4 * 4                     # of the CNN's four convolutions of 3 x 3
    widths = 3, 16, 32, 64, 150
    assert parts.macs_of(SmallCNN()) == 150 * 10 + sum(
        9 * S * C_in * C_out for S, C_in, C_out in zip(places, widths, widths[1:]))


def test_a_diverged_run_has_nothing_right(few):
    row = parts.run("without skips", 0, 1e-3, few, RECIPE, WHOLE)
    assert 0 <= row["held_out"] <= 1 and not row["diverged"] and row["macs"] > 0
    assert parts.run("whole", 0, 1e-3, replace(few, mean=(float("nan"),) * 3), RECIPE, WHOLE) == {
        **parts.run("whole", 0, 1e-3, few, RECIPE, WHOLE), "held_out": 0.0, "seconds": 0, "steps_per_second": 0,
        "diverged": True}


def test_sizes(few, monkeypatch):
    seen = []

    def pretended(model, images, seed, lr, dataset, recipe, whole):
        network = sizes.make_model(model, whole)
        seen.append((model, images, sum(p.numel() for p in network.parameters())))
        return {"held_out": lr}

    monkeypatch.setattr(sizes, "run", pretended)
    sizes.main([*SHORT, "--seeds", "1"])
    assert len(table(sizes.RESULTS / "model_size.json")["rows"]) == 3 * 3
    assert len(table(sizes.RESULTS / "data_size.json")["rows"]) == 3 * 12
    parameters = dict((name, count) for name, _, count in seen)
    assert parameters["S"] < parameters["M"] == parameters["Mixer"] < parameters["L"]
    assert all(0.5 * parameters["Mixer"] < parameters[name] <= parameters["Mixer"] for name in ("CNN", "attention"))


def test_fewer_images_take_as_many_steps(few, monkeypatch):
    steps = []

    def pretended(network, data, recipe):
        steps.append((len(data.train_images), recipe.epochs * -(-len(data.train_images) // recipe.batch_size)))
        return {}

    monkeypatch.setattr(sizes, "train", pretended)
    for images in (20, None):
        sizes.run("CNN", images, 0, 1e-3, few, RECIPE | {"epochs": 4, "batch_size": 10}, WHOLE)
    assert steps == [(20, 36), (90, 36)]


def test_few_shot_fits_a_new_last_layer(monkeypatch):
    """Digit k lights column k. A network that passes the columns on makes each digit plain, one that sums them none."""
    def lit(labels):
        images = torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8)
        images[torch.arange(len(labels)), 0, 9, labels] = 255
        return images

    labels = torch.arange(10).repeat(100)                       # ten draws of ten per class
    digits = replace(load_dataset("mnist"), train_images=lit(labels), train_labels=labels,
                     test_images=lit(labels[:50]), test_labels=labels[:50])
    monkeypatch.setattr(sizes, "load_dataset", lambda name: digits)
    cifar = SimpleNamespace(mean=(0.5,) * 3, std=(0.25,) * 3, image_shape=(3, 32, 32))
    plain = torch.nn.Sequential(torch.nn.MaxPool2d((32, 1)), torch.nn.Flatten(), torch.nn.Linear(3 * 32, 10))
    total = torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Flatten(), torch.nn.Linear(3, 10))
    before = plain[2].weight.clone()
    assert sizes.few_shot(plain, cifar) == 1 and torch.equal(plain[2].weight, before)
    assert sizes.few_shot(total, cifar) == 0.1
