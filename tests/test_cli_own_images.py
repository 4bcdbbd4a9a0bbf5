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


def test_the_test_of_a_folder_named_val_is_never_trained_on(there, capsys):
    """`train` splits such a folder, so the model's own test is what it left out; all of it is one for other models."""
    photos("imagenet/val")
    assert run(f"train --dataset imagenet/val --image-size 8 --out run {MODEL} --epochs 1") == 0
    for words, count in (("", 6), (" --dataset ./imagenet/val", 6), (f" --dataset {there}/imagenet/val", 6)):
        capsys.readouterr()
        assert run("evaluate run" + words) == 0
        assert f", {count} test images: " in capsys.readouterr().out
    photos("other/val")
    assert run("evaluate run --dataset other/val") == 0
    assert ", 36 test images: " in capsys.readouterr().out


def test_resuming_needs_the_same_classes_and_labels(trained, capsys):
    command = "train --out run --resume --epochs 9"
    os.rename("photos/red", "photos/rose")
    refused(capsys, command, r"classes is \['blue', 'green', 'rose'\], but .* started with \['blue', 'green', 'red'\]. "
                             r"To go on, it needs the same images: bring them back")
    os.rename("photos/rose", "photos/red")
    os.remove("photos/blue/IMG 00.JPG")
    refused(capsys, command, "dataset is '29 images of mean .*', but .* started with '30 images of mean .*: bring them")
    photos("photos")
    os.rename("photos/blue/IMG 00.JPG", "photos/red/IMG 99.JPG")
    refused(capsys, command, "labels is 'other labels', but|dataset is '30 images")
    os.rename("photos/red/IMG 99.JPG", "photos/blue/IMG 00.JPG")
    assert run(command) == 0


def test_a_photograph_that_disappears_while_it_trains(there, capsys, monkeypatch):
    photos("photos")
    real, left = train_module.fit, [7]

    def fit(model, dataset, recipe, callbacks, **named):
        def remove(history):
            left[0] -= 1
            if not left[0]:
                os.rename("photos/red/IMG 01.JPG", "aside")
        return real(model, dataset, recipe, callbacks=[*callbacks, remove], **named)

    monkeypatch.setattr(train_module, "fit", fit)
    command = f"train --dataset photos --image-size 8 --out run {MODEL} --epochs 6 --batch-size 9 --resized-crop 0.5"
    refused(capsys, command, "no image file photos/red/IMG 01.JPG. run holds [1-5] whole epochs?; once that is solved, "
                             "go on with python -m mixer_lib train --out run --resume")
    os.rename("aside", "photos/red/IMG 01.JPG")
    assert run("train --out run --resume") == 0


def test_a_reader_that_is_killed(there, capsys, monkeypatch):
    def killed(*args):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")

    photos("photos")
    monkeypatch.setattr("torch.utils.data.dataloader._MultiProcessingDataLoaderIter._next_data", killed)
    command = f"train --dataset photos --image-size 8 --out run {MODEL} --epochs 1 --batch-size 9 --resized-crop 0.5"
    refused(capsys, command, "a process that reads images was ended from outside, which systems do when memory runs")


@pytest.mark.parametrize("text, why", [("", "does not begin with python -m mixer_lib train"), ("rm -rf x", "does not"),
                                       ("python -m mixer_lib train 'x", "No closing quotation"),
                                       ("python -m mixer_lib train --fly", "unrecognized arguments: --fly")])
def test_a_damaged_command_is_named(trained, capsys, text, why):
    (trained / "run" / "command.txt").write_text(text)
    refused(capsys, "train --out run --resume", rf"run/command.txt, .* is damaged \(.*{why}.*\): delete it, and give")


def test_a_closed_output(trained, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert run("info cifar10") == 0


@pytest.mark.parametrize("size", ["0", "-5", "1x", "abc", "99999999", "8x8x8"])
def test_sizes_that_are_none(there, capsys, size):
    refused(capsys, f"train --out run --image-size={size}",
            f"--image-size: '{size}' is no size: expected a whole number of pixels such as 64, or HEIGHTxWIDTH such as")


def test_names_with_control_characters(there, capsys):
    photos("photos", ("red", "blue"))
    os.rename("photos/red", "photos/re\nd\x1b[31m")
    assert run("data photos") == 0
    out = capsys.readouterr().out
    assert "re?d?[31m" in out and "\x1b" not in out
    assert run(f"train --dataset photos --image-size 8 --out run {MODEL} --epochs 1") == 0
    assert run("evaluate run --per-class") == 0
    assert "re?d?[31m" in capsys.readouterr().out
