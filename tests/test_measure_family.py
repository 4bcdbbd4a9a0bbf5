"""Lesson 13's tables, and the scripts that measure them, which train tiny models here."""

import json
from dataclasses import replace

import pytest
import torch

import measure_family as family
import measure_parts as parts
from mixer_lib import count_parameters
from mixer_lib.configs import get_config
from mixer_lib.data import load_dataset


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Both scripts at work in an empty folder, on a few images, with two learning rates and one seed."""
    sample = load_dataset("cifar10")
    few = replace(sample, train_images=sample.train_images[::100], train_labels=sample.train_labels[::100])
    for script in (family, parts):
        monkeypatch.setattr(script, "RESULTS", tmp_path / f"{script.__name__}.json")
        monkeypatch.setattr(script, "load_dataset", lambda name, full, root: few)
        monkeypatch.setattr(script, "RATES", (1e-3, 3e-3))
        monkeypatch.setattr(script, "SEEDS", 1)
    return few


def table(script):
    return json.loads(script.RESULTS.read_text())["rows"]


def test_family_runs_are_measured(few):
    for mixer in ("Mixer", "ResMLP", "gMLP", "ConvMixer", "attention"):
        row = family.run(mixer, "parameters", 0, 1e-3, few, family.RECIPE | {"epochs": 1}, blocks=1)
        budget = count_parameters(get_config("cifar10", num_blocks=1))
        assert 0.85 * budget < row["parameters"] <= budget and row["macs"] > 0
        assert 0 <= row["held_out"] <= 1 and row["steps_per_second"] > 0 and row["memory"] > 0
        shares = row.get("convolution_shares", [])
        assert len(shares) == (mixer in family.MAPS) and all(0 < share < 1 for share in shares)


def test_family_tunes_first_and_goes_on_where_it_was(few, monkeypatch):
    def pretended(mixer, budget, seed, lr, dataset, recipe, blocks):
        assert blocks == 2 and recipe["epochs"] == 3
        return {"held_out": lr if mixer == "gMLP" else 1 - lr}

    words = ["--epochs", "3", "--blocks", "2"]
    monkeypatch.setattr(family, "run", pretended)
    family.main(words)
    first, pairs = table(family), len(family.MIXERS) * 2
    assert len(first) == 3 * pairs
    assert {row["lr"] for row in first[2 * pairs:] if row["mixer"] == "gMLP"} == {3e-3}
    assert {row["lr"] for row in first[2 * pairs:] if row["mixer"] != "gMLP"} == {1e-3}
    monkeypatch.setattr(family, "SEEDS", 2)
    family.main(words)
    assert table(family)[:3 * pairs] == first and [row["seed"] for row in table(family)[3 * pairs:]] == [1] * pairs
    with pytest.raises(SystemExit, match="measured with another recipe or model"):
        family.main(["--epochs", "4", "--blocks", "2"])


def test_parts_tune_first_and_go_on_where_they_were(few, monkeypatch):
    monkeypatch.setattr(parts, "run", lambda change, seed, lr, dataset, recipe, blocks:
                        {"held_out": lr if change == "without GELU" else 1 - lr})
    parts.main([])
    first, count = table(parts), len(parts.CHANGES)
    assert len(first) == 3 * count
    assert {row["change"]: row["lr"] for row in first[2 * count:]} == {
        change: 3e-3 if change == "without GELU" else 1e-3 for change in parts.CHANGES}
    parts.main([])
    assert table(parts) == first


def test_parts_are_what_they_are_called():
    images = torch.randn(2, 3, 32, 32)
    whole = sum(p.numel() for p in parts.make_model("whole", 4).parameters())
    seen = {}
    for change in parts.CHANGES:
        torch.manual_seed(0)
        model = parts.make_model(change, 4)
        seen[change] = model.blocks[:1](model.patch_embedding(images)).detach()             # [B, S, C]
        size = sum(p.numel() for p in model.parameters())
        assert len(model.blocks) == max(1, round(4 * parts.SIZES.get(change, 1)))
        assert size == whole if change in ("whole", "without skips", "without GELU") else size != whole
        if change in parts.SIZES:
            assert 0.8 * whole < size <= whole
        if change in parts.PATCHES:
            assert model.config.grid == (32 // parts.PATCHES[change],) * 2
    model = parts.make_model("whole", 4)
    torch.manual_seed(0)
    model = parts.make_model("whole", 4)
    block, x = model.blocks[0], model.patch_embedding(images)
    token, channel = (lambda x: block.token_mixing(block.token_norm(x))), (lambda x: block.channel_mixing(
        block.channel_norm(x)))
    with torch.no_grad():
        for change, expected in [("whole", x + token(x) + channel(x + token(x))),
                                 ("without token mixing", x + channel(x)), ("without channel mixing", x + token(x)),
                                 ("without skips", channel(token(x))),
                                 ("without token norm", (y := x + block.token_mixing(x)) + channel(y)),
                                 ("without channel norm", (y := x + token(x)) + block.channel_mixing(y))]:
            torch.testing.assert_close(seen[change], expected, msg=change)
        block.token_mixing.gelu = block.channel_mixing.gelu = torch.nn.Identity()
        torch.testing.assert_close(seen["without GELU"], x + token(x) + channel(x + token(x)))


def test_a_part_is_measured_and_a_diverged_run_has_no_accuracy(few):
    recipe = parts.RECIPE | {"epochs": 1}
    row = parts.run("without skips", 0, 1e-3, few, recipe, blocks=1)
    assert 0 <= row["held_out"] <= 1 and not row["diverged"] and row["num_blocks"] == 1 and "macs" not in row
    assert parts.run("patches of 16", 0, 1e-3, few, recipe, blocks=1)["macs"] > 0
    broken = replace(few, mean=(float("nan"),) * 3)
    assert parts.run("whole", 0, 1e-3, broken, recipe, blocks=1)["diverged"]
