"""The tool that measures what pretraining is worth, and the table that it made."""

import json

import pytest
import torch

import measure_pretraining as script
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.model import MlpMixer


def test_table_is_made_by_this_tool():
    table = json.loads(script.RESULTS.read_text())
    assert (table["seen"], table["rates"], table["recipe"]) == (script.SEEN, script.RATES, script.RECIPE)
    runs = [(row["count"], row["seed"], row["way"]) for row in table["rows"]]
    assert runs == [(count, seed, way) for count in script.COUNTS for seed in range(script.SEEDS)
                    for way in script.RATES]
    assert all(0.05 < row["accuracy"] < 1 for row in table["rows"])


def test_digits_look_like_the_images_of_the_model():
    _, about = load_pretrained("cifar10")
    digits = script.digits_for(about)
    assert digits.train_images.shape[1:] == digits.test_images.shape[1:] == (3, 32, 32)
    assert (digits.train_images[0, 0] == digits.train_images[0, 2]).all() and not digits.train_images[..., :2, :].any()
    assert digits.mean == about.dataset.mean and len(digits.test_images) == len(digits.test_labels) == 500
    some, others = script.few(digits, 50, 0), script.few(digits, 50, 1)
    assert some.train_labels.bincount().tolist() == [5] * 10
    assert not torch.equal(some.train_images, others.train_images)


@pytest.mark.parametrize("way", script.RATES)
def test_a_run_is_measured(way, monkeypatch):
    monkeypatch.setattr(script, "SEEN", 50)
    torch.manual_seed(0)
    small = MlpMixer(image_size=32, patch_size=8, in_channels=3, num_classes=10, num_blocks=1, hidden_dim=8,
                     tokens_mlp_dim=8, channels_mlp_dim=8).eval()
    before = [weights.clone() for weights in small.parameters()]
    digits = script.digits_for(load_pretrained("cifar10")[1])
    found = script.run(way, 50, 0, small, digits)
    again = script.run(way, 50, 0, small, digits)
    assert 0 <= found["accuracy"] == again["accuracy"] <= 1
    assert all(torch.equal(a, b) for a, b in zip(before, small.parameters()))      # the pretrained one stays as it is
