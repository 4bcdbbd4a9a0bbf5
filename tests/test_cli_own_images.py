"""The command line on people's own images: folders of photographs, other people's folders, and what is said of them."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from commands import MODEL, refused, run
from mixer_lib.checkpoints import load_checkpoint
from mixer_lib.cli import train as train_module
from mixer_lib.data import ImageFiles, load_part
from mixer_lib.training import History, measure, predict

COLORS = {"red": (220, 30, 40), "green": (30, 200, 60), "blue": (20, 40, 210)}


def photos(folder, names=tuple(COLORS), count=12, sizes=((40, 30), (30, 44))):
    """One-colored photographs of several sizes, some of them turned as a phone does it."""
    turned, upright = Image.Exif(), Image.Exif()
    turned[0x0112] = 6
    for name in names:
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        for number in range(count):
            image = Image.new("RGB", sizes[number % len(sizes)], COLORS[name])
            image.save(f"{folder}/{name}/IMG {number:02}.JPG", exif=turned if number % 3 else upright)


@pytest.fixture
def trained(there):
    """In a folder of one's own: photos/, and in run/ a model of them."""
    photos("photos")
    assert run(f"train --dataset photos --image-size 8 --out run {MODEL} --epochs 8 --lr 0.01 --batch-size 6") == 0
    return there


def test_photographs_from_a_phone(there, capsys):
    photos("photos")
    refused(capsys, f"train --dataset photos --out run {MODEL} --epochs 1",
            r"the images are of 2 sizes, from 30x40 to 44x30 pixels .* \(--image-size 16\)|"
            r"the images are of \d sizes, .* \(--image-size 16\)")
    assert not (there / "run").exists()
    assert run("data photos --sheets sheets") == 0
    out, err = capsys.readouterr()
    assert "3 classes" in out and "--image-size 16" in out and err == "3 contact sheets are in sheets\n"
    assert sorted(os.listdir("sheets")) == ["blue.png", "green.png", "red.png"]


def test_train_and_evaluate(trained, capsys):
    capsys.readouterr()
    assert run("evaluate run --json") == 0
    result = json.loads(capsys.readouterr().out)
    model, about = load_checkpoint("run/model.safetensors")
    images, labels, _ = load_part("photos", image_size=8)
    expected = measure(predict(model, images, about.dataset), labels)
    assert result["images"] == 6 and result["accuracy"] == expected["accuracy"] > 0.9
    assert result["loss"] == pytest.approx(expected["loss"], abs=1e-5) and result["part"] == "test"
    for part, count in (("train", 30), ("all", 36)):
        assert run(f"evaluate run --part {part}") == 0
        out, err = capsys.readouterr()
        assert f", {count} {'training ' * (part == 'train')}images: top-1 " in out and "read once" not in err
    refused(capsys, "evaluate run --part val", "photos has no part 'val': choose from train, test, all")


def test_another_folder_is_matched_by_the_names_of_its_classes(trained, capsys):
    """Fewer classes, in another order of their numbers; all of it is test, as its name says."""
    photos("elsewhere/val", ("red", "green"), count=3)
    capsys.readouterr()
    assert run("evaluate run --dataset elsewhere/val --per-class") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][1:4] == ["6", "test", "images:"]
    assert [line[:2] for line in lines[2:]] == [["blue", "0"], ["green", "3"], ["red", "3"]]
    assert float(lines[0][5].rstrip("%,")) > 90
    os.rename("elsewhere/val/red", "elsewhere/val/dog")
    refused(capsys, "evaluate run --dataset elsewhere/val",
            "the model does not know 1 of the 2 classes of elsewhere/val: dog. It knows 3: blue, green, red")


def test_predict_reads_photographs_as_evaluate_does(trained, capsys):
    """The middle of a photograph, not all of it squashed."""
    image = Image.new("RGB", (300, 100), COLORS["blue"])
    image.paste(COLORS["red"], (100, 0, 200, 100))
    image.save("wide.png")
    capsys.readouterr()
    assert run("predict wide.png --checkpoint run --top 1") == 0
    assert capsys.readouterr().out.startswith("wide.png: red ")


def test_random_parts_come_from_the_files(there, monkeypatch):
    photos("photos")
    given = []
    monkeypatch.setattr(train_module, "fit", lambda *args, **named: given.append(args) or History(epochs=[
        {"epoch": 1, "train_loss": 1.0}]))
    for number, words in enumerate(("", "--resized-crop 0.3")):
        assert run(f"train --dataset photos --image-size 8 --out {number} {MODEL} {words} --val-fraction 0") == 0
    (_, here, _), (_, there, recipe) = given
    assert not isinstance(here.train_images, ImageFiles) and isinstance(there.train_images, ImageFiles)
    assert recipe.resized_crop == 0.3


@pytest.mark.parametrize("size, patch", [("16", 2), ("24x32", 4), ("64", 8)])
def test_a_patch_size_for_the_images(there, size, patch):
    photos("photos")
    sizes = MODEL.replace("--hidden-dim", f"--image-size {size} --hidden-dim")
    assert run(f"train --dataset photos --out run {sizes} --epochs 1") == 0
    config = load_checkpoint("run/model.safetensors")[0].config
    assert config.patch_size == (4 if size == "16" else patch)


def test_files_of_medmnist(there, capsys):
    """Labels [N, 1]; its own validation images watch the training."""
    numbers = np.random.default_rng(0)
    arrays = {f"{part}_{what}": numbers.integers(0, 256, (count, 28, 28), np.uint8) if what == "images" else
              np.arange(count, dtype=np.uint8)[:, None] % 2
              for part, count in (("train", 20), ("val", 6), ("test", 8)) for what in ("images", "labels")}
    np.savez("pneumoniamnist.npz", **arrays)
    assert run(f"train --dataset pneumoniamnist.npz --out run {MODEL} --epochs 1") == 0
    out, err = capsys.readouterr()
    assert "20 training images, 6 held out" in err and "epoch 1, held out: accuracy" in out
    assert run("evaluate run") == 0
    assert "pneumoniamnist.npz, 8 test images" in capsys.readouterr().out
