"""The CNN beside lesson 8's Mixer has its size, and the committed table is the script's."""

import json

import pytest
import torch
from torch.nn.functional import one_hot

import measure_cnn as script
from measure_changes import CHANGES, MODEL, SEEDS
from mixer_lib import create_model
from mixer_lib.data import load_dataset
from mixer_lib.exercises import lesson_08
from mixer_lib.permutations import SmallCNN
from mixer_lib.training import Recipe
from mixer_lib.training.history import History


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_the_cnn_is_as_large_as_the_mixer():
    assert parameters(SmallCNN(widths=script.WIDTHS)) == pytest.approx(parameters(create_model("cifar10", **MODEL)),
                                                                       rel=0.01)


def test_committed_table_is_complete():
    table = json.loads(script.RESULTS.read_text())
    assert table["widths"] == script.WIDTHS and table["changes"] == {name: CHANGES[name] for name in script.RECIPES}
    assert {(row["change"], row["seed"]) for row in table["rows"]} == {
        (change, seed) for change in script.RECIPES for seed in range(SEEDS)}
    assert all(row["parameters"] == parameters(SmallCNN(widths=script.WIDTHS)) for row in table["rows"])


def test_run_measures_what_it_says(monkeypatch):
    seen = []
    monkeypatch.setattr(script, "fit", lambda model, data, recipe: seen.append(recipe) or History(
        epochs=[{"val_accuracy": 0.25, "seconds": 1}, {"val_accuracy": 0.5, "seconds": 2}]))
    sample = load_dataset("cifar10")
    label = {image.numpy().tobytes(): int(k) for image, k in zip(sample.train_images, sample.train_labels)}
    monkeypatch.setattr(script, "predict", lambda model, images, data: one_hot(torch.tensor(
        [label[image.numpy().tobytes()] if i % 4 else 0 for i, image in enumerate(images)]), 10).float())
    row = script.run("crops, flips, smoothing, decay", 3, sample)
    assert row["held_out"] == 0.5 and row["seconds"] == 3 and 0.75 < row["train"] < 0.8
    assert seen == [Recipe(epochs=16, batch_size=64, lr=3e-3, weight_decay=0.1, label_smoothing=0.1, crop_padding=4,
                           flip=True, seed=3)]


def test_the_exercise_knows_the_rows_of_the_table():
    known = {name: change for name, change in CHANGES.items() if change and not {"model", "images"} & change.keys()}
    assert known == lesson_08.MEASURED and script.PLAIN == lesson_08.PLAIN
