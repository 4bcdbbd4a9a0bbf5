"""python -m mixer_lib inspect: a page, pictures and numbers of what token mixing has learned."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from commands import MODEL, contents, refused, run, save_npz
from mixer_lib.analysis import grid_of, mixing_weights, rank, summarize
from mixer_lib.checkpoints import load_checkpoint, load_snapshots, save_checkpoint
from mixer_lib.cli import inspect
from mixer_lib.data import load_dataset
from mixer_lib.model import MlpMixer
from mixer_lib.pretrained import load_released


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with `run`, which has snapshots, and `look`, what inspect says of it; and what inspect printed."""
    folder = tmp_path_factory.mktemp("inspect")
    save_npz(folder / "own.npz")
    assert run(f"train --dataset {folder}/own.npz --out {folder}/run {MODEL} --patch-size 2 --epochs 2 --batch-size 9 "
               f"--lr 0.01 --snapshots 3") == 0
    with pytest.MonkeyPatch.context() as patch:
        printed = []
        patch.setattr("builtins.print", lambda *words, **how: None if how.get("file") else printed.append(words[0]))
        assert run(f"inspect {folder}/run --out {folder}/look --seed 4") == 0
    return folder, printed


class Pictures(HTMLParser):
    """The src and the alt of each picture, and the address of each link."""

    def __init__(self, text):
        super().__init__()
        self.alts, self.links = {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.alts[attributes["src"]] = attributes["alt"]
        if tag == "a":
            self.links.append(attributes["href"])


def said_by(model, seed=0):
    return summarize(*mixing_weights(model), grid_of(model), seed)


def named(name, line):
    return name if line == "trained" else f"{name} ({line})"


def test_the_numbers(trained):
    folder, printed = trained
    numbers = said_by(load_checkpoint(folder / "run/model.safetensors")[0], seed=4)
    with open(folder / "look/summary.csv") as file:
        rows = [*csv.DictReader(file)]
    facts = json.loads((folder / "look/summary.json").read_text())
    assert facts["grid"] == [4, 4] and facts["seed"] == 4 and facts["checkpoint"].endswith("model.safetensors")
    assert [row["block"] for row in rows] == ["0", "1"] and [row["block"] for row in facts["blocks"]] == [0, 1]
    assert set(rows[0]) == {"block", *(named(name, line) for name, lines in numbers.items() for line in lines)}
    table = {line[:re.search(r" {2,}\S+ +\S+$", line).start()]: line.split()[-2:] for line in printed}
    assert table["block"] == ["0", "1"] and len(printed) == 1 + sum(map(len, numbers.values()))
    for name, lines in numbers.items():
        for line, values in lines.items():
            for k, value in enumerate(values.tolist()):
                kept = facts["blocks"][k][named(name, line)]
                assert float(rows[k][named(name, line)]) == kept == pytest.approx(value)
        texts = [float(text) for text in table[name]]
        assert texts == pytest.approx(lines["trained"].tolist(), abs=0.051)


def test_along_the_training(trained):
    folder, _ = trained
    steps, snapshots = load_snapshots(folder / "run/snapshots.safetensors")
    with open(folder / "look/training.csv") as file:
        rows = [*csv.DictReader(file)]
    assert [(int(row["step"]), int(row["block"])) for row in rows] == [(step, k) for step in steps for k in range(2)]
    W1, W2 = ([snapshots[f"blocks.{k}.token_mixing.{layer}.weight"] for k in range(2)] for layer in ("fc1", "fc2"))
    for m in range(len(steps)):
        numbers = summarize(torch.stack([w[m] for w in W1]), torch.stack([w[m] for w in W2]), (4, 4), 4)
        for k in range(2):
            for name, lines in numbers.items():
                assert float(rows[2 * m + k][name]) == pytest.approx(lines["trained"][k].item(), rel=1e-4)
    alt = Pictures((folder / "look/index.html").read_text()).alts["training-rank.png"]
    assert f"{rank(W1[1][0]):.0f} to {rank(W1[1][-1]):.0f} in block 1" in alt


def test_the_page_shows_everything_that_was_written(trained):
    folder, _ = trained
    text = (folder / "look/index.html").read_text()
    page, files = Pictures(text), {path.name for path in (folder / "look").iterdir()}
    pictures = {"kernels.png", "training-share.png", "training-rank.png",
                *(f"block-{k}-{what}.png" for k in range(2) for what in ("w1", "w2", "singular"))}
    assert page.alts.keys() == pictures and set(page.links) == {"summary.csv", "summary.json", "training.csv",
                                                               "explorer.html"}
    assert files == pictures | set(page.links) | {"index.html"}         # and nothing half written
    assert all(len(alt) > 50 for alt in page.alts.values()) and len(set(page.alts.values())) == len(pictures)
    assert all(np.asarray(Image.open(folder / "look" / name)).std() > 1 for name in pictures)
    numbers = said_by(load_checkpoint(folder / "run/model.safetensors")[0], seed=4)
    for name, lines in numbers.items():
        assert f"<th>{name}</th>" in text and all(f"<th>{line}</th>" in text for line in lines if line != "trained")
    assert "http" not in text and str(folder / "run") in text


def test_the_explorer_lives(trained, chromium):
    page, problems = chromium.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"file://{trained[0]}/look/explorer.html")
    page.wait_for_selector("#explorer .mx-blocks button")
    assert page.locator("#explorer .mx-blocks button").count() == 2 and page.locator("#explorer .mx-time").count() == 1
    assert not problems and not page.locator(".mx-error:visible").count()
    page.close()


def model_of(there, **changes):
    """model.safetensors of a small model."""
    torch.manual_seed(0)
    sizes = dict(image_size=(8, 12), patch_size=4, in_channels=3, num_classes=3, num_blocks=2, hidden_dim=8,
                 tokens_mlp_dim=5, channels_mlp_dim=9) | changes
    save_checkpoint("model.safetensors", MlpMixer(**sizes), load_dataset("own.npz"))


@pytest.mark.parametrize("changes", [{"image_size": (4, 20)}, {"image_size": (20, 4)}, {"tokens_mlp_dim": 1},
                                     {"num_blocks": 1}, {"num_blocks": 13}])
def test_models_of_all_kinds(there, changes):
    model_of(there, **changes)
    assert run("inspect model.safetensors --out look") == 0
    blocks = json.loads((there / "look/summary.json").read_text())["blocks"]
    assert len(blocks) == changes.get("num_blocks", 2) and "training.csv" not in contents(there / "look")
    assert ("pair correlation" in blocks[0]) == ("tokens_mlp_dim" not in changes)
    model = load_checkpoint("model.safetensors")[0]
    W1, W2 = mixing_weights(model)
    share = summarize(torch.cat([W1, W1 * 0], dim=1), torch.cat([W2, W2 * 0], dim=2), grid_of(model))
    assert blocks[0]["convolution share"] == pytest.approx(share["convolution share"]["trained"][0].item(), abs=1e-5)


def test_snapshots_of_another_model_are_left_out(trained, there, capsys):
    (there / "run").mkdir()
    for name in ("model", "snapshots"):
        (there / f"run/{name}.safetensors").write_bytes((trained[0] / f"run/{name}.safetensors").read_bytes())
    model_of(there, image_size=8, patch_size=2, tokens_mlp_dim=4)
    (there / "model.safetensors").rename(there / "run/model.safetensors")
    assert run("inspect run --out look") == 0
    assert "note: the snapshots in run/snapshots.safetensors do not end with the weights in" in capsys.readouterr().err
    assert "training.csv" not in {path.name for path in (there / "look").iterdir()}


def test_what_it_refuses(there, capsys, monkeypatch):
    model_of(there, image_size=4)
    refused(capsys, "inspect model.safetensors --out look", "model.safetensors cuts its images into a single patch")
    model_of(there)
    refused(capsys, "inspect nowhere --out look", "no model is named 'nowhere'")
    refused(capsys, "inspect own.npz --out look", "cannot read weights from own.npz: its train_images is an array")
    refused(capsys, "inspect model.safetensors --out own.npz", "--out is own.npz, which is a file: expected a folder")
    refused(capsys, "inspect model.safetensors --out own.npz/look", "cannot write own.npz/look/summary.csv")
    assert not (there / "look").exists()
    (there / "look").mkdir()
    (there / "look/index.html").write_text("mine")
    refused(capsys, "inspect model.safetensors --out look", "look already holds a page, index.html: choose another")
    assert contents(there / "look") == {next(iter(contents(there / "look"))): b"mine"}

    def other(path):
        model, about = load_released(path)
        model.blocks[1].token_mixing = torch.nn.Identity()
        return model, about

    monkeypatch.setattr(inspect, "load_released", other)
    refused(capsys, "inspect model.safetensors --out new", "token mixing of block 1 is Identity, without the weights")


def test_a_released_file(tmp_path, monkeypatch):
    """What the official code wrote is read as it is."""
    monkeypatch.chdir(tmp_path)
    file = Path(__file__).parent / "files/released/flax.npz"
    assert run(f"inspect {file} --out look") == 0
    rows = json.loads(Path("look/summary.json").read_text())
    assert rows["checkpoint"].endswith("flax.npz") and Path("look/index.html").is_file()
