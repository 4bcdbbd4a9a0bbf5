"""What optimizers leave in the token-mixing weights: lesson 9's table, and the script that measures it."""

import json
from dataclasses import replace

import pytest

import measure_optimizers as script
from mixer_lib.data import load_dataset

NUMBERS = {"frequency": {"trained", "shuffled"}, "pair correlation": {"trained", "shuffled"},
           "places": {"trained", "random"}, "convolution share": {"trained", "relabeled", "chance"}}


def test_table_is_whole_and_made_by_this_script():
    table = json.loads(script.RESULTS.read_text())
    assert table["model"] == script.MODEL and table["recipe"] == script.RECIPE
    runs = [(row["seed"], row["optimizer"]) for row in table["rows"]]
    assert runs == [(seed, optimizer) for seed in range(script.SEEDS) for optimizer in script.OPTIMIZERS]
    for row in table["rows"]:
        assert 0.1 < row["held_out"] < 1 and len(row["blocks"]) == script.MODEL["num_blocks"]
        assert all({name: set(kinds) for name, kinds in block.items()} == NUMBERS for block in row["blocks"])


def test_script_trains_with_each_optimizer_and_goes_on_where_it_was(tmp_path, monkeypatch):
    sample = load_dataset("cifar10")
    few = replace(sample, train_images=sample.train_images[::50], train_labels=sample.train_labels[::50])
    monkeypatch.setattr(script, "RESULTS", tmp_path / "table.json")
    monkeypatch.setattr(script, "load_dataset", lambda name, full, root: few)
    monkeypatch.setattr(script, "RECIPE", script.RECIPE | {"epochs": 2, "warmup_epochs": 0.5})
    monkeypatch.setattr(script, "SEEDS", 1)
    script.main([])
    first = adamw, muon, mixed = json.loads(script.RESULTS.read_text())["rows"]
    assert [row["optimizer"] for row in first] == ["adamw", "muon", "muon-but-w1"]
    assert all(NUMBERS[name] <= set(adamw["blocks"][0][name]) for name in NUMBERS)
    assert adamw["blocks"] != muon["blocks"] != mixed["blocks"] != adamw["blocks"]      # one seed, trained otherwise
    monkeypatch.setattr(script, "SEEDS", 2)
    monkeypatch.setattr(script, "run", lambda optimizer, seed, dataset: {"held_out": seed, "blocks": []})
    script.main([])
    rows = json.loads(script.RESULTS.read_text())["rows"]
    assert rows[:3] == first and [row["held_out"] for row in rows[3:]] == [1, 1, 1]
    monkeypatch.setattr(script, "RECIPE", script.RECIPE | {"lr": 1.0})
    with pytest.raises(SystemExit, match="another recipe or model: delete it to measure again"):
        script.main([])
