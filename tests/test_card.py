"""The card of a data set: what it says of folders and arrays, and its contact sheets."""

import re

import numpy as np
import pytest
from PIL import Image

from mixer_lib.data.card import contact_sheets, describe


@pytest.fixture
def photos(tmp_path):
    """Three parts of two classes; one file damaged, one twice, one of the test also in training, one no image."""
    numbers = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = numbers.integers(256, size=(20 + number, 30, 3), dtype=np.uint8)
                image = Image.fromarray(pixels[:, :, 0] if name == "dog" else pixels)
                image.save(tmp_path / part / name / f"{number}.png")
    train = tmp_path / "train"
    (train / "cat" / "0.png").write_bytes((train / "cat" / "1.png").read_bytes())
    (tmp_path / "test" / "dog" / "0.png").write_bytes((train / "dog" / "1.png").read_bytes())
    (train / "dog" / "3.png").write_bytes((train / "dog" / "3.png").read_bytes()[:-200])
    (train / "notes.txt").touch()
    return tmp_path


def test_a_folder(photos):
    lines = list(describe(photos))
    assert lines[0] == f"{photos}: a folder of images"
    assert [line.split() for line in lines[1:5]] == [
        ["class", "train", "val", "test"], ["cat", "4", "2", "2"], ["dog", "4", "2", "2"],
        ["2", "classes", "8", "4", "4"]]
    text = "\n".join(lines)
    assert "size: 4 sizes, from 30 x 20 to 30 x 23 pixels (width x height)" in text and "--image-size 16" in text
    assert "pixels: 8 RGB, 8 L" in text
    assert f"damaged: cannot read {photos}/train/dog/3.png as an image" in text
    assert "train: 1 of 8 images are copies of another, to the byte" in text
    assert "test: 1 of 4 images are also among those for training" in text and "val: " not in text
    assert lines[-1] == "1 file was skipped: 1 .txt"


def test_a_folder_of_one_size_without_a_test(photos):
    lines = list(describe(photos / "test"))
    assert lines[1].split() == ["class", "images"] and "size: 2 sizes" in "\n".join(lines)
    assert "test: there is none, so one image in six of each class is kept for it, always the same ones" in lines
    for name in ("cat", "dog"):
        (photos / "test" / name / "1.png").unlink()
    (photos / "test" / "dog" / "0.png").write_bytes((photos / "test" / "cat" / "0.png").read_bytes())
    assert "size: all 30 x 20 pixels (width x height)" in list(describe(photos / "test"))


def test_arrays(tmp_path):
    images = np.arange(7 * 20, dtype=np.uint8).reshape(7, 4, 5)
    np.savez(tmp_path / "own.npz", train_images=images[:5], train_labels=[0, 0, 1, 1, 1], val_images=images[4:],
             val_labels=[0, 1, 1], classes=["cat", "dog"])
    lines = list(describe(tmp_path / "own.npz"))
    assert [line.split() for line in lines[1:5]] == [
        ["class", "train", "val"], ["cat", "2", "1"], ["dog", "3", "2"], ["2", "classes", "5", "3"]]
    assert lines[5:] == [
        "test: there is none, so val is taken for it",
        "train: 5 images of 5 x 4 pixels (width x height), gray, values 0 to 99",
        "val: 3 images of 5 x 4 pixels (width x height), gray, values 80 to 139",
        "val: 1 of 3 images are also among those for training, so they do not show how well a model does on new ones"]


def test_many_classes(tmp_path):
    np.savez(tmp_path / "own.npz", train_images=np.zeros((31, 2, 2), np.uint8), train_labels=[*range(30), 7])
    lines = list(describe(tmp_path / "own.npz"))
    assert lines[22] == "... and 10 more; most images: 7 2, fewest: 29 1" and lines[23].split()[:2] == ["30", "classes"]


def test_the_sample():
    lines = list(describe("mnist"))
    assert [line.split() for line in lines if line.startswith("10 classes")] == [["10", "classes", "10,000", "2,000"]]
    assert not any("copies" in line or "also among" in line for line in lines)


def test_contact_sheets(photos, tmp_path):
    written = contact_sheets(photos, tmp_path / "sheets", side=10)
    assert [path.name for path in written] == ["cat.png", "dog.png"]
    sheet = np.array(Image.open(written[1]))
    assert sheet.shape == (4 + 14, 4 + 8 * 14, 3)           # seven good ones of eight: one row
    squares = sheet[4:14, 4:].reshape(10, 8, 14, 3)[:, :, :10]
    assert (squares[:, :7].std((0, 2, 3)) > 20).all() and (squares[:, 7] == 255).all()
    np.savez(tmp_path / "own.npz", train_images=np.zeros((9, 4, 8), np.uint8), train_labels=[0] * 9, classes=["a/b"])
    path, = contact_sheets(tmp_path / "own.npz", tmp_path / "sheets", side=10)
    assert path.name == "a-b.png" and Image.open(path).size == (116, 32)
    sheet = np.array(Image.open(path).convert("L"))
    assert (sheet[4:9, 4:14] == 0).all() and (sheet[10:14, 4:14] == 255).all() and (sheet[18:23, 4:14] == 0).all()


def test_nothing_to_describe(tmp_path):
    with pytest.raises(FileNotFoundError, match="no images in"):
        list(describe(tmp_path))
    with pytest.raises(ValueError, match="unknown data set 'minst': did you mean 'mnist'"):
        list(describe("minst"))


@pytest.mark.parametrize("changes, said", [
    (dict(train_labels=[0, 1, 0, 1, -1]), "labels -1"),
    (dict(train_labels=[0, 1, 0, 1, 2], classes=["a", "b"]), "labels 2"),
    (dict(train_labels=[0, 1, 0, 1]), "one for each image"),
    (dict(test_images=np.zeros((2, 9, 9), np.uint8), test_labels=[0, 1]), "train refuses it: .*make them alike"),
    (dict(test_images=np.zeros((0, 4, 5), np.uint8), test_labels=np.zeros(0, int)), "test: no images"),
    (dict(train_labels=[0, 0, 0, 0, 1]), "train refuses it: there is no test, and 1 class has only 1 image"),
    (dict(train_labels=[1, 1, 1, 2, 2]), "1 of 3 classes have no training image: 0"),
])
def test_what_training_would_say(tmp_path, changes, said):
    """A card without such a line is no promise; one that is silent about what `train` refuses would mislead."""
    images = np.random.default_rng(0).integers(256, size=(5, 4, 5), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", **dict(train_images=images, train_labels=[0, 1, 0, 1, 1]) | changes)
    try:
        lines = list(describe(tmp_path / "own.npz"))
    except ValueError as error:
        lines = [str(error)]
    assert any(re.search(said, line) for line in lines), lines


def test_a_class_of_few_images(photos):
    for number in range(2):
        (photos / "train" / "cat" / f"{number}.png").unlink()
    assert "few images, to train on and to hold out: cat (train)" in list(describe(photos))
