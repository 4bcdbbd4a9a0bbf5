"""The bundled models do what their cards say, and the tool that bundles them writes what it measured."""

import re

import pytest
import torch
from safetensors import safe_open

import bundle
from mixer_lib import checkpoints, count_parameters
from mixer_lib.checkpoints import WEIGHTS, load_history, load_pretrained, load_snapshots, pretrained_names, read_rows
from mixer_lib.data import Dataset, load_dataset
from mixer_lib.training import evaluate

NAMES = pretrained_names()
every_model = pytest.mark.parametrize("name", NAMES)


def test_there_is_a_recipe_for_each():
    assert NAMES and set(NAMES) == set(bundle.RECIPES)


@every_model
def test_model_is_as_good_as_its_card_says(name):
    model, about = load_pretrained(name)
    card = (WEIGHTS / f"{name}.md").read_text()
    sample = load_dataset(about.dataset.name)
    accuracy = evaluate(model, sample)["accuracy"]
    assert accuracy == pytest.approx(about.sample_test_accuracy, abs=0.002)       # another CPU rounds otherwise
    assert f"{about.sample_test_accuracy:.2%} of {len(sample.test_images):,} images" in card
    assert f"{about.test_accuracy:.2%} of 10,000 images" in card
    assert f"{count_parameters(model.config):,} parameters" in card and bundle.RECIPES[name] in card
    assert about.dataset.classes == sample.classes and not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_file_is_small(path):
    assert path.stat().st_size < (12e6 if "snapshots" in path.stem else 4e6)
    expected = {torch.int8, torch.float32} if "snapshots" in path.stem else {torch.float16}
    with safe_open(path, "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == expected  # noqa: SIM118


@pytest.mark.parametrize("name, accuracy, most", [("mnist", 0.987, 0.2e6), ("cifar10", 0.906, 1.2e6),
                                                  ("cifar10-fine", 0.88, 0.9e6)])
def test_model_is_good_for_its_size(name, accuracy, most):
    model, about = load_pretrained(name)
    assert about.test_accuracy >= accuracy and count_parameters(model.config) <= most


@pytest.mark.parametrize("name", ["cifar10", "cifar10-fine"])
def test_model_kept_its_training(name):
    model, _ = load_pretrained(name)
    steps, snapshots = load_snapshots(WEIGHTS / f"{name}-snapshots.safetensors")
    epochs = load_history(name)
    assert steps[0] == 0 and 15 <= len(steps) <= 25 and [row["epoch"] for row in epochs] == [*range(1, len(epochs) + 1)]
    assert len(snapshots) == 2 * len(model.blocks)
    for name, tensor in snapshots.items():
        weights = model.get_parameter(name).detach()
        step = weights.abs().amax(dim=-1, keepdim=True) / 127               # of the bytes that snapshots are kept in
        assert ((tensor[-1] - weights).abs() <= 0.51 * step).all() and not torch.equal(tensor[0], tensor[-1])


def test_unknown_name():
    with pytest.raises(ValueError, match=r"there is no bundled model 'minst': did you mean 'mnist'\?"):
        load_pretrained("minst")
    with pytest.raises(ValueError, match=r"there is no history of a bundled model 'minst'"):
        load_history("minst")


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The tool, set up to bundle a tiny model of tiny data into a folder of its own."""
    torch.manual_seed(0)
    images, labels = torch.randint(256, (40, 1, 28, 28), dtype=torch.uint8), torch.arange(40) % 2
    images[labels == 1] //= 4
    data = Dataset("mnist", images, labels, images[:10], labels[:10], ["a", "b"], (0.3,), (0.3,))
    for place in ("bundle.load_dataset", "mixer_lib.cli.train.load_dataset"):
        monkeypatch.setattr(place, lambda *args, **named: data)
    monkeypatch.setattr(bundle, "WEIGHTS", tmp_path / "models")
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path / "models")
    monkeypatch.setitem(bundle.RECIPES, "tiny",
                        "--dataset mnist --epochs 3 --num-blocks 1 --val-fraction 0.2 --snapshots 2")
    return data


def train_and_bundle(out):
    bundle.bundle("tiny", out, None, bundle.train("tiny", out, None))


def test_bundle_writes_model_and_card(toy, tmp_path):
    train_and_bundle(tmp_path / "run")
    first = (tmp_path / "models/tiny.safetensors").read_bytes()
    model, about = load_pretrained("tiny")
    assert evaluate(model, toy)["accuracy"] == about.test_accuracy == about.sample_test_accuracy
    card = (tmp_path / "models/tiny.md").read_text()
    history = read_rows(tmp_path / "run/history.csv")
    assert f"{history[-1]['val_accuracy']:.2%}" in card and "3 epochs" in card and "all 40 training images" in card
    assert re.search(r"--num-blocks 1 --val-fraction 0.2 --snapshots 2 --out runs/tiny`", card)
    assert re.search(r"\| hardware \| .*, (bf16|float32) \|", card)
    assert load_history("tiny") == history
    steps, snapshots = load_snapshots(tmp_path / "models/tiny-snapshots.safetensors")
    assert steps == [0, 2, 3] and pretrained_names() == ["tiny"]
    for weight, tensor in snapshots.items():
        torch.testing.assert_close(tensor[-1], model.get_parameter(weight), rtol=0, atol=4e-3)

    train_and_bundle(tmp_path / "run")                          # again: nothing is trained again
    assert (tmp_path / "models/tiny.safetensors").read_bytes() == first


def test_bundle_takes_a_run_of_another_machine(toy, tmp_path, monkeypatch):
    bundle.train("tiny", tmp_path / "run", None)
    for name in ("command.txt", "resume.pt", "steps.csv"):
        (tmp_path / "run" / name).unlink()
    arguments = ["bundle.py", "tiny", "--trained", str(tmp_path / "run")]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit):                             # the card must say where it was trained
        bundle.main()
    monkeypatch.setattr("sys.argv", [*arguments, "--hardware", "a large machine, bf16"])
    bundle.main()
    assert "| hardware | a large machine, bf16 |" in (tmp_path / "models/tiny.md").read_text()
    assert load_pretrained("tiny")[1].test_accuracy >= 0


def test_bundle_writes_nothing_when_training_stops(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "run", lambda arguments: 130)
    with pytest.raises(SystemExit, match="same command again"):
        train_and_bundle(tmp_path / "run")
    assert not (tmp_path / "models").exists()
