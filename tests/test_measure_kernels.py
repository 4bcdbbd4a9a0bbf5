"""What training leaves in the token-mixing weights: lesson 9's table, and the tool that measures it."""

import copy
import json

import numpy as np
import pytest
import torch

import measure_kernels as script
from mixer_lib import create_model
from mixer_lib.data import load_dataset

NUMBERS = {"frequency": {"trained", "shuffled"}, "rank": {"trained", "random"},
           "convolution share": {"trained", "relabeled", "chance"},
           "share without diagonal": {"trained", "relabeled", "chance"},
           "pair correlation": {"trained", "mixed", "error"}, "twin correlation": {"trained", "mixed", "error"}}


def names(numbers):
    return {name: set(kinds) for name, kinds in numbers.items()}


def test_table_is_made_by_this_tool():
    table = json.loads(script.RESULTS.read_text())
    assert (table["model"], table["recipe"], table["changes"]) == (script.MODEL, script.RECIPE, script.CHANGES)
    runs = [(row["seed"], row["change"]) for row in table["rows"]]
    assert runs == [(seed, change) for seed in range(script.SEEDS) for change in script.CHANGES]
    for row in table["rows"]:
        assert 0.1 < row["held_out"] < 1 and row["seconds"] > 0 and len(row["blocks"]) == script.MODEL["num_blocks"]
        assert all(names(block["whole"]) == names(block["less start"]) == NUMBERS for block in row["blocks"])


def test_numbers_of_a_convolution_and_of_random_weights():
    right = (torch.arange(15) % 4 < 3).float().diag(1)                      # the neighbor, in a grid of 4 x 4
    told = script.numbers(torch.eye(16) + right, torch.eye(16), (4, 4))
    assert told["convolution share"]["trained"] == told["share without diagonal"]["trained"] == 1
    assert told["convolution share"]["relabeled"] > 2 * told["share without diagonal"]["relabeled"]
    assert told["convolution share"]["chance"] == round(49 / 256, 4)
    torch.manual_seed(0)
    random = script.numbers(torch.randn(64, 64), torch.randn(64, 64), (8, 8))
    for name in ("pair correlation", "twin correlation"):       # mixing random rows changes nothing
        assert abs(random[name]["trained"] - random[name]["mixed"]) < 0.03 and 0 < random[name]["error"] < 0.01
    assert random["pair correlation"]["trained"] < -0.2 and random["twin correlation"]["trained"] > 0.2
    assert abs(random["frequency"]["trained"] - random["frequency"]["shuffled"]) < 0.01
    assert abs(random["rank"]["trained"] - random["rank"]["random"]) < 2


def test_blocks_less_what_is_left_of_their_start():
    torch.manual_seed(0)
    start = create_model("cifar10", **script.MODEL)
    trained, kernel = copy.deepcopy(start), torch.eye(64)
    for block in trained.blocks:                                            # as weight decay leaves the start
        for layer in (block.token_mixing.fc1, block.token_mixing.fc2):
            layer.weight.data.mul_(0.4).add_(kernel)
    for told, block in zip(script.measure_blocks(trained, start), start.blocks, strict=True):
        assert told["whole"]["convolution share"]["trained"] < 0.95 < told["less start"]["convolution share"]["trained"]
        W1 = block.token_mixing.fc1.weight
        expected = torch.cosine_similarity((0.4 * W1 + kernel).flatten(), W1.flatten(), dim=0)
        assert told["start left"] == round(expected.item(), 4)
    assert script.measure_blocks(start, start)[0]["start left"] == 1


def test_tool_trains_with_each_change_and_goes_on_where_it_was(tmp_path, monkeypatch):
    sample = load_dataset("cifar10")
    np.savez(tmp_path / "few.npz", classes=sample.classes, **{
        f"{part}_{kind}": getattr(sample, f"{part}_{kind}")[::50].numpy()
        for part in ("train", "test") for kind in ("images", "labels")})
    monkeypatch.setattr(script, "RESULTS", tmp_path / "table.json")
    monkeypatch.setattr(script, "RECIPE", script.RECIPE | {"epochs": 2})
    monkeypatch.setattr(script, "CHANGES", script.CHANGES | {"epochs 8": {"epochs": 3}})
    monkeypatch.setattr(script, "SEEDS", 1)
    monkeypatch.setattr(script, "DRAWS", 2)
    script.main(["--root", str(tmp_path / "few.npz")])
    first = json.loads(script.RESULTS.read_text())["rows"]
    assert [row["change"] for row in first] == list(script.CHANGES)
    assert all(names(block["whole"]) == names(block["less start"]) == NUMBERS for block in first[0]["blocks"])
    numbers = [json.dumps(row["blocks"]) for row in first]
    assert len(set(numbers)) == len(numbers)                                # one seed, trained otherwise
    left = [row["blocks"][0]["start left"] for row in first[:3]]
    assert all(0.9 < cosine < 1 for cosine in left)

    full = []
    monkeypatch.setattr(script, "SEEDS", 2)
    monkeypatch.setattr(script, "run", lambda change, seed, dataset: {"held_out": seed})
    monkeypatch.setattr(script, "load_dataset", lambda *name, **options: full.append((name, options)))
    script.main(["--root", str(tmp_path)])
    assert full == [(("cifar10",), {"full": True, "root": tmp_path})]       # a folder is torchvision's
    rows = json.loads(script.RESULTS.read_text())["rows"]
    assert rows[:len(first)] == first and all(row["held_out"] == 1 for row in rows[len(first):])
    assert len(rows) == 2 * len(script.CHANGES)
    monkeypatch.setattr(script, "RECIPE", script.RECIPE | {"lr": 1.0})
    with pytest.raises(SystemExit, match="another recipe or model: delete it to measure again"):
        script.main([])


def test_less_takes_away_all_along_the_start_and_nothing_else():
    start, learned = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[2.0, -1.0], [3.0, 0.0]])
    assert torch.allclose(script.less(0.3 * start + learned, start), learned, atol=1e-6)
