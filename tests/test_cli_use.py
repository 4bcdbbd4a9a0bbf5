"""python -m mixer_lib evaluate | predict | info: each says what the model does, results apart from the rest."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from commands import MODEL, contents, refused, run, save_npz, weights
from mixer_lib import cli, create_model, plots
from mixer_lib.checkpoints import WEIGHTS, load_checkpoint, save_checkpoint
from mixer_lib.cli import main, parser, use
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, confusion_counts, evaluate, measure, predict, top_accuracy

NOTE = "note: test images should be read once, at the end. To choose between models, compare their held-out accuracy\n"


@pytest.fixture
def many(there):
    """model.safetensors with 7 classes, untrained, and many.npz that fits it; the last class has no test images."""
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(70) % 7
    test = labels[:20] % 6
    save_npz("many.npz", num_classes=7, train_images=images, train_labels=labels, test_images=images[:20],
             test_labels=test)
    torch.manual_seed(0)
    model = create_model("cifar10", image_size=8, num_classes=7, num_blocks=1)
    torch.nn.init.normal_(model.head.weight)
    save_checkpoint("model.safetensors", model, load_dataset("many.npz"))
    return there


# ---- evaluate --------------------------------------------------------------------------------------------------


def test_evaluate(home, there, capsys):
    """By name of its folder and its file; it finds the images that it was trained on."""
    expected = evaluate(load_checkpoint(home / "run/model.safetensors")[0], load_dataset("own.npz"))
    result = (rf"({home}/)?own.npz, 10 test images: top-1 {expected['accuracy']:.2%}, loss {expected['loss']:.4f}, "
              r"[\d,]+ images/s\n")
    for words in (f"evaluate {home}/run", f"evaluate {home}/run/model.safetensors",
                  f"evaluate {home}/run --dataset own.npz"):
        assert run(words) == 0
        out, err = capsys.readouterr()
        assert re.fullmatch(result, out) and err == f"{home}/run/model.safetensors on cpu\n{NOTE}"


def test_evaluate_a_bundled_model(there, capsys):
    assert run("evaluate mnist") == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"mnist, 2,000 test images: top-1 99.\d\d%, top-5 100.00%, loss 0.\d+, [\d,]+ images/s\n", out)
    assert err == f"{WEIGHTS / 'mnist.safetensors'} on cpu\n{NOTE}"
    refused(capsys, "evaluate mnist --dataset cifar10", "the model reads images of 1 x 28 x 28 .*, cifar10 has 3 x 28")


def test_evaluate_as_json(many, capsys):
    """One object and nothing else, with all that the text says."""
    assert run("evaluate model.safetensors --dataset many.npz --json --per-class") == 0
    result = json.loads(capsys.readouterr().out)
    model, data = load_checkpoint("model.safetensors")[0], load_dataset("many.npz")
    logits = predict(model, data.test_images, data)
    speed, classes = result.pop("images_per_second"), result.pop("per_class")
    assert speed > 0 and result == {
        "checkpoint": "model.safetensors", "dataset": "many.npz", "part": "test", "images": 20,
        **measure(logits, data.test_labels), "top5_accuracy": top_accuracy(logits, data.test_labels, 5)}
    assert [row["class"] for row in classes] == ["cat", "dog", "eel", "fox", "gnu", "hen", "ibis"]
    assert [row["images"] for row in classes] == [5, 3, 3, 3, 3, 3, 0] and classes[6]["accuracy"] is None
    hits = (logits.argmax(1) == data.test_labels)[data.test_labels == 0]
    assert classes[0]["accuracy"] == hits.float().mean()
    assert sum(row["images"] * (row["accuracy"] or 0) for row in classes) == pytest.approx(20 * result["accuracy"])


def test_evaluate_per_class(many, capsys):
    assert run("evaluate model.safetensors --dataset many.npz --per-class --json") == 0
    expected = json.loads(capsys.readouterr().out)["per_class"]
    assert run("evaluate model.safetensors --dataset many.npz --per-class") == 0
    first, header, *rows = capsys.readouterr().out.splitlines()
    assert "top-1" in first and header.split() == ["class", "images", "accuracy"] and len(set(map(len, rows))) == 1
    assert [row.split() for row in rows] == [
        [row["class"], str(row["images"]), "-" if row["accuracy"] is None else f"{row['accuracy']:.2%}"]
        for row in expected]


def test_evaluate_draws_the_confusion(many, capsys, monkeypatch):
    drawn = []
    real = plots.confusion
    monkeypatch.setattr(plots, "confusion", lambda *args: drawn.append(args) or real(*args))
    assert run("evaluate model.safetensors --dataset many.npz --confusion new/mistakes.png") == 0
    assert "the confusion matrix is in new/mistakes.png\n" in capsys.readouterr().err
    with Image.open("new/mistakes.png") as image:
        assert image.format == "PNG"
    (counts, classes), = drawn
    model, data = load_checkpoint("model.safetensors")[0], load_dataset("many.npz")
    assert torch.equal(counts, confusion_counts(predict(model, data.test_images, data), data.test_labels))
    assert classes == data.classes
    refused(capsys, "evaluate model.safetensors --dataset many.npz --confusion x.jpg", "expected a file name that ends")
    assert not os.path.exists("x.jpg")


def test_evaluate_normalizes_as_the_model_was_trained(home, there, capsys):
    """Not with the mean of the images that it is measured on."""
    images = np.load("own.npz")
    save_npz("dark.npz", train_images=images["train_images"] // 4)
    model, about = load_checkpoint(home / "run/model.safetensors")
    data = load_dataset("dark.npz")
    expected = measure(predict(model, data.test_images, about.dataset), data.test_labels)
    assert data.mean[0] < 0.5 * about.dataset.mean[0]
    assert run(f"evaluate {home}/run --dataset dark.npz --json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["loss"] == expected["loss"] != evaluate(model, data)["loss"]


def test_where_the_data_lie_arrives(home, there, monkeypatch):
    """--dataset, --full and --root, of train and of evaluate."""
    asked, data = [], load_dataset("own.npz")
    monkeypatch.setattr(cli.train, "load_dataset", lambda *args, **named: asked.append(args) or data)
    monkeypatch.setattr(use, "load_part", lambda *args, **named: asked.append(args) or (
        data.test_images, data.test_labels, data.classes))
    assert run(f"train --dataset cifar10 --full --root somewhere --out run {MODEL} --epochs 1") == 0
    assert run(f"train --dataset cifar10 --image-size 8x8 --out other {MODEL} --epochs 1") == 0
    assert run("evaluate run --full --root elsewhere") == 0
    assert run("evaluate run --dataset mnist") == 0
    assert asked == [("cifar10", True, "somewhere", None), ("cifar10", False, None, (8, 8)),
                     ("cifar10", "test", True, "elsewhere", [8, 8], 3), ("mnist", "test", False, None, [8, 8], 3)]


def test_photos_of_several_sizes(there, capsys):
    """Trained, fine-tuned and evaluated at one size, which the model remembers; and no size is no riddle."""
    for label, color in (("red", (250, 0, 0)), ("blue", (0, 0, 250))):
        (there / "photos" / label).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (30 + number, 40), color).save(there / "photos" / label / f"{number}.png")
    refused(capsys, f"train --dataset photos --out run {MODEL}", r"6 sizes, .*\(--image-size \d+\)")
    assert run(f"train --dataset photos --out run {MODEL} --epochs 1 --image-size 24x32") == 0
    assert load_checkpoint("run/model.safetensors")[0].config.image_size == (24, 32)
    assert run("train --dataset photos --out more --init run --epochs 1") == 0
    assert run("evaluate more") == 0
    assert "photos, 2 test images: top-1 " in capsys.readouterr().out
    refused(capsys, "train --dataset photos --out x --init run --image-size 8",
            "--image-size is 8x8, but the model of --init reads images of 24x32: expected that, or 2, 3")
    refused(capsys, "train --dataset photos --out x --image-size big", "'big' is no size: expected")


@pytest.mark.parametrize("name", ["own.npz", "./own.npz", "photos", "a/photos"])
def test_evaluate_when_the_images_are_gone(there, capsys, name):
    if name != "own.npz":
        os.makedirs("a")
        if "photos" in name:
            for label in ("red", "blue"):
                (there / name / label).mkdir(parents=True)
                for number in range(6):
                    Image.new("RGB", (8, 8), label).save(there / name / label / f"{number}.png")
    assert run(f"train --dataset {name} --out run {MODEL} --epochs 1") == 0
    os.rename(name, "elsewhere" + ".npz" * name.endswith("npz"))
    refused(capsys, "evaluate run",
            f"the model's own data set cannot be loaded: .*{name.removeprefix('./')}.* Name one with --dataset")
    assert run(f"evaluate run --dataset {'elsewhere' + '.npz' * name.endswith('npz')}") == 0


def test_bad_input_for_evaluate(home, there, capsys):
    checkpoint = home / "run" / "model.safetensors"
    (there / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:2000])
    (there / "empty").mkdir()
    refused(capsys, "evaluate cut.safetensors", "cut.safetensors is not a whole safetensors file")
    refused(capsys, "evaluate own.npz", "own.npz: its train_images is an array of uint8, expected floats")
    refused(capsys, "evaluate none.safetensors",
            "no model is named 'none.safetensors', and there is no such folder or file: is it in another folder than")
    refused(capsys, "evaluate cifar-10", r"no model is named 'cifar-10', .*: did you mean 'cifar10'\?")
    refused(capsys, "evaluate empty", "the folder empty holds no model.safetensors")
    refused(capsys, f"evaluate {checkpoint} --dataset mnits", "^error: unknown data set 'mnits': did you mean 'mnist'")
    refused(capsys, f"evaluate {checkpoint} --dataset mnist", "the model reads images of 3 x 8 x 8 .* 1 x 8 x 8")
    save_npz("four.npz", num_classes=4, size=8)
    refused(capsys, f"evaluate {checkpoint} --dataset four.npz",
            "does not know 1 of the 4 classes of four.npz: fox. It knows 3")


# ---- predict ---------------------------------------------------------------------------------------------------


@pytest.fixture
def images(there):
    """Images of three sizes and kinds, and what a model should be given for the first two of them."""
    pixels = np.load("own.npz")["test_images"]
    Image.fromarray(pixels[0]).save("color.png")
    Image.fromarray(pixels[1][:, :, 0]).save("gray.png")
    Image.fromarray(pixels[2]).resize((50, 30)).save("large one.jpg")
    gray = pixels[1][:, :, :1].repeat(3, axis=2)
    return torch.from_numpy(np.stack([pixels[0], gray])).permute(0, 3, 1, 2)


def test_predict(home, images, capsys):
    model, about = load_checkpoint(home / "run" / "model.safetensors")
    for checkpoint in ("run", "run/model.safetensors"):
        assert run(f"predict color.png gray.png 'large one.jpg' --checkpoint {home}/{checkpoint}") == 0
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert [line.split(": ")[0] for line in lines] == ["color.png", "gray.png", "large one.jpg"]
        assert err == f"{home}/run/model.safetensors on cpu\n"
        for line, row in zip(lines, predict(model, images, about.dataset).softmax(1)):
            order = row.argsort(descending=True).tolist()
            assert line.split(": ")[1] == ", ".join(f"{about.dataset.classes[k]} {row[k]:.1%}" for k in order)


@pytest.mark.parametrize("top, count", [("", 3), ("--top 1", 1), ("--top 5", 5), ("--top 9", 7)])
def test_predict_as_json(many, images, capsys, top, count):
    model, about = load_checkpoint("model.safetensors")
    assert run(f"predict color.png gray.png --checkpoint model.safetensors --json {top}") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for answer, file, row in zip(answers, ("color.png", "gray.png"), predict(model, images, about.dataset).softmax(1),
                                 strict=True):
        best = row.argsort(descending=True).tolist()[:count]
        assert answer["file"] == file and answer["inverted"] is False
        assert [one["class"] for one in answer["top"]] == [about.dataset.classes[k] for k in best]
        assert [one["probability"] for one in answer["top"]] == pytest.approx(row[best].tolist(), abs=1e-6)


def test_predict_a_folder(home, images, capsys, there):
    """The images in it and below, sorted, also of capital suffixes; not hidden ones; others are counted."""
    (there / "all/deeper").mkdir(parents=True)
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt", "deeper/c.png"):
        Image.open("color.png").save(there / "all" / name, format="PNG")
    assert run(f"predict all gray.png all/b.png --checkpoint {home}/run") == 0
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == ["all/a.JPG", "all/b.png", "all/deeper/c.png",
                                                                  "gray.png", "all/b.png"]
    assert "note: all: skipped 1 .txt\n" in err


@pytest.mark.parametrize("group", [1, 2, 256])
def test_predict_answers_for_the_good_files(home, images, capsys, there, monkeypatch, group):
    """Those that are bad are named, one line for each. Read in groups: the answers are the same."""
    assert run(f"predict color.png gray.png --checkpoint {home}/run") == 0
    expected = capsys.readouterr().out
    (there / "cut.png").write_bytes((there / "color.png").read_bytes()[:100])
    (there / "empty").mkdir()
    monkeypatch.setattr(use, "GROUP", group)
    read, real = [], use.load_image
    monkeypatch.setattr(use, "load_image", lambda path, *args, **cut: read.append(path) or real(path, *args, **cut))
    monkeypatch.setattr(use, "predict", lambda model, x, about: read.append(len(x)) or predict(model, x, about))
    files = "cut.png color.png empty none.png gray.png 'two\nlines.png' own.npz"
    assert run(f"predict {files} --checkpoint {home}/run") == 2
    out, err = capsys.readouterr()
    assert out == expected
    _, *errors = err.splitlines()
    for line, message in zip(errors, ("no images in the folder empty$", "cannot read cut.png as an image",
                                      "no image file none.png", "no image file two lines.png",
                                      "cannot read own.npz as an image"), strict=True):
        assert re.match("error: " + message, line)
    assert max(count for count in read if isinstance(count, int)) <= group
    if group == 2:
        assert read == ["cut.png", "color.png", 1, "none.png", "gray.png", 1, "two\nlines.png", "own.npz"]


def test_bad_input_for_predict(home, images, there, capsys):
    checkpoint = home / "run" / "model.safetensors"
    (there / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:-1])
    refused(capsys, "predict color.png --checkpoint cut.safetensors", "is not a whole safetensors file")
    refused(capsys, "predict color.png --checkpoint gray.png", "gray.png: it is a picture, not a file")
    refused(capsys, "predict color.png --checkpoint minst", "no model is named 'minst', .*: did you mean 'mnist'")
    refused(capsys, "predict color.png --checkpoint mnist --top 0", "--top is 0: expected a whole number from 1")


# ---- dark on light ---------------------------------------------------------------------------------------------


@pytest.fixture
def digits(there):
    """white.png: a bundled digit, light on dark. black.png: the same, dark on light. Returns its class."""
    data = load_dataset("mnist")
    digit = data.test_images[7 * 200, 0].numpy()
    Image.fromarray(digit).save("white.png")
    Image.fromarray(255 - digit).save("black.png")
    return data.classes[data.test_labels[7 * 200]]


def answers(capsys, words):
    capsys.readouterr()
    assert run("predict --checkpoint " + words) == 0
    out, err = capsys.readouterr()
    return [line.split(": ")[1] for line in out.splitlines()], [line for line in err.splitlines() if "note: " in line]


def test_dark_digits_are_inverted(digits, capsys):
    both, notes = answers(capsys, "mnist white.png black.png black.png")
    assert both[0] == both[1] == both[2] and both[0].startswith(f"{digits} 9") and len(notes) == 1
    assert notes[0] == ("note: 2 of 3 images are dark on light and were inverted, since the model was trained on light "
                        "on dark; --invert no leaves them as they are")
    (white, black), notes = answers(capsys, "mnist white.png black.png --invert no")
    assert white == both[0] != black and not notes
    (inverted, turned), notes = answers(capsys, "mnist white.png black.png --invert yes")
    assert turned == white and inverted == black and not notes
    run("predict black.png white.png --json --checkpoint mnist")
    assert [json.loads(line)["inverted"] for line in capsys.readouterr().out.splitlines()] == [True, False]


@pytest.mark.parametrize("ring, inside, inverted", [(160, 0, True), (150, 255, False), (255, 0, True), (0, 255, False)])
def test_the_border_decides(ring, inside, inverted):
    """Above 0.6 of white; the 5 rows and columns inside do not count."""
    image = torch.full((1, 7, 7), ring, dtype=torch.uint8)
    image[0, 1:-1, 1:-1] = inside
    image[0, 0] = 255 - ring        # 7 of its 24 pixels are otherwise: the median does not care
    assert use.is_to_invert(image, SimpleNamespace(mean=[0.34])) is inverted


def test_only_models_of_light_on_dark_get_inverted_images(there, capsys):
    """Not one that was trained on dark on light, nor one of color images."""
    for name, channels, mean in (("light", 1, 0.36), ("color", 3, 0.1)):
        data = SimpleNamespace(name=name, classes=["a", "b"], mean=[mean] * channels, std=[1.0] * channels)
        model = create_model("mnist", image_size=8, patch_size=4, in_channels=channels, num_classes=2)
        save_checkpoint(f"{name}.safetensors", model, data)
        Image.new("L", (8, 8), 255).save("white.png")
        assert not answers(capsys, f"{name}.safetensors white.png")[1]


# ---- info and help ---------------------------------------------------------------------------------------------


def test_info(home, capsys):
    assert run("info B/16") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["layer", "output", "parameters", "MACs"] and len(lines) == 1 + 2 + 24 + 3 + 1
    assert lines[-1].split() == ["total", "59,880,472", f"{196 * 768 * 768 + 12 * 2 * 768 * 196 * 3456 + 768000:,}"]
    assert lines[2].split() == ["patch", "embedding", "196x768", "590,592", f"{196 * 768 * 768:,}"]

    for words in (f"info {home}/run", f"info {home}/run/model.safetensors"):
        assert run(words) == 0
        facts, table = capsys.readouterr().out.split("\n\n")
        assert not re.search(r"[{}\[\]]", facts)
        assert re.search(r"^file +\S+/run/model.safetensors$", facts, re.M)
        assert re.search("^model +image_size 8 x 8, patch_size 4, in_channels 3, .*dropout 0.1,", facts, re.M)
        assert re.search("^classes +cat, dog, eel$", facts, re.M)
        assert re.search("^recipe +epochs 3, batch_size 9, lr 0.01, ", facts, re.M)
        assert re.search(r"^normalization +mean 0.\d+ 0.\d+ 0.\d+, std 0.\d+ ", facts, re.M)
        column = [int(line.split()[-2].replace(",", "")) for line in table.splitlines()[1:]]
        parameters = sum(tensor.numel() for tensor in weights(home / "run/model.safetensors").values())
        assert column[-1] == sum(column[:-1]) == parameters


def test_info_of_a_bundled_model(capsys):
    assert run("info cifar10-fine") == 0
    out = capsys.readouterr().out
    assert re.search(r"^test accuracy +0.8\d+$", out, re.M) and re.search("^recipe +--dataset cifar10", out, re.M)


def test_bad_input_for_info(there, capsys):
    refused(capsys, "info B/17", r"no model is named 'B/17', .*: did you mean 'B/16'\?")
    refused(capsys, "info b/16", r"no model is named 'b/16', .*: did you mean 'B/16'\?")
    refused(capsys, "info resnet", "no model is named 'resnet', .*: choose from cifar10, .*, S/32, ")
    refused(capsys, "info own.npz", "own.npz: its train_images is an array of uint8, expected floats")
    refused(capsys, "info run/none.safetensors", "no model is named 'run/none.safetensors', and there is no such f")


def printed(capsys, argv):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and err == ""
    return out


def test_without_a_command_there_is_help(capsys):
    for argv in ([], ["--help"]):
        assert all(f"  {name}" in printed(capsys, argv) for name in ("train", "evaluate", "predict", "info", "inspect"))


def test_help_of_each_command(capsys):
    """Has three examples or more, which a parser takes."""
    for name in ("train", "evaluate", "predict", "info", "inspect"):
        out = printed(capsys, [name, "--help"])
        examples = [line for line in out.splitlines() if line.startswith("  python -m mixer_lib ")]
        assert len(examples) >= 3 and "None" not in out
        for example in examples:
            words = example.split(">")[0].split()[3:]
            assert words[0] == name and parser.parse(words).run
    out = printed(capsys, ["train", "--help"])
    assert all(f"--{name.replace('_', '-')}" in out
               for name in [*cli.train.MODEL_OPTIONS, *vars(Recipe()), "resume", "out", "init", "model"])
    assert "(default: 128)" in out and all("{" + ",".join(values) + "}" in out for values in parser.CHOICES.values())
    assert all(word in out for word in ("FILE.npz", "train_images", "x_train", "val/CLASS", "S/16"))


def test_choices_are_those_of_the_recipe():
    for name, values in parser.CHOICES.items():
        assert all(getattr(Recipe(**{name: value}), name) == value for value in values)
        with pytest.raises(ValueError) as error:
            Recipe(**{name: "none"})
        assert re.findall(r"'([\w-]+)'", str(error.value))[1:] == list(values)


def test_version(capsys, monkeypatch):
    monkeypatch.setattr(parser.metadata, "version", lambda name: f"1.2 of {name}")
    assert printed(capsys, ["--version"]) == f"mixer-course 1.2 of mixer-course, torch {torch.__version__}\n"
    monkeypatch.undo()

    def missing(name):
        raise parser.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(parser.metadata, "version", missing)
    assert printed(capsys, ["--version"]).startswith("mixer-course (not installed), torch ")


@pytest.mark.parametrize("words, message", [
    ("fly", "argument COMMAND: invalid choice: 'fly' .*; see python -m mixer_lib --help$"),
    ("train", "required: --out; see python -m mixer_lib train --help$"),
    ("train --out a --epochs x", "argument --epochs: invalid int value: 'x'; see python -m mixer_lib train --help$"),
    ("train --out a --epoch 3", "unrecognized arguments: --epoch 3; see python -m mixer_lib train --help$"),
    ("predict a.png", "required: --checkpoint; see python -m mixer_lib predict --help$"),
    ("predict a.png --checkpoint mnist --invert maybe", r"invalid choice: 'maybe' \(choose from .*auto.*yes.*no"),
])
def test_wrong_usage(there, capsys, words, message):
    before = contents(there)
    refused(capsys, words, message)
    assert contents(there) == before


# ---- as a process ----------------------------------------------------------------------------------------------


# What is printed waits in a buffer, as it does where a learner pipes it.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
ONE_AT_A_TIME = """
import sys
from mixer_lib.cli import main, use
use.GROUP = 1
sys.exit(main(sys.argv[1:]))
"""


def test_process(there):
    """The exit code leaves the process, and an error leaves no traceback. Results come before the errors after them,
    also where both go to one pipe."""
    done = subprocess.run([sys.executable, "-m", "mixer_lib", "info", "B/17"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: no model is named 'B/17'") and done.stderr.count("\n") == 1
    Image.new("L", (28, 28)).save("good.png")
    words = ["predict", "good.png", "bad.png", "--checkpoint", "mnist"]
    done = subprocess.run([sys.executable, "-c", ONE_AT_A_TIME, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=BUFFERED)
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stdout.splitlines()[1:]] == ["good.png", "error"]


@pytest.mark.parametrize("words", ["info B/16", "train --help"])
def test_closed_pipe_ends_quietly(words):
    """As with `| head`, whose end closes the pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "mixer_lib", *words.split()], stdout=writer, stderr=subprocess.PIPE,
                          text=True, env=BUFFERED)
    os.close(writer)
    assert done.returncode == 130 and done.stderr == ""


def test_import_is_light():
    """Not what takes seconds to import and only few need: not with the package, not with the command line."""
    heavy = ["torchvision", "matplotlib", "ipywidgets", "IPython", "pandas", "scipy"]
    code = f"import sys, mixer_lib, mixer_lib.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_command_does_not_search_for_garbage_at_its_end():
    """That takes half a second, for memory that goes back anyway."""
    code = "import atexit, gc, mixer_lib.cli; atexit._run_exitfuncs(); print(gc.get_freeze_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 10_000


@pytest.mark.parametrize("changes, message", [
    (dict(test_labels=np.full(10, 7)), "test_labels run from 7 to 7, expected 0 to 2"),
    (dict(test_labels=np.full(10, -100)), "-100"),
    (dict(test_images=np.zeros((0, 8, 8, 3), np.uint8), test_labels=np.zeros(0, int)), "test_images is empty"),
    (dict(classes=np.array([["cat", "dog", "eel"]])), r"classes is \[1, 3\], expected \[K\]")])
def test_evaluate_on_a_file_that_is_wrong(home, there, capsys, changes, message):
    save_npz("wrong.npz", **changes)
    refused(capsys, f"evaluate {home}/run --dataset wrong.npz", message)


def test_a_name_that_the_encoding_lacks_is_written_all_the_same(there, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", None)            # closed, as by 2>&-
    Image.new("L", (28, 28)).save("\u732b.png")
    assert run("predict '\u732b.png' --checkpoint mnist") == 0
    assert out.buffer.getvalue().startswith(b"\\u732b.png: ")


def test_the_home_folder_is_found_everywhere(home, there, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(there))
    assert run(f"inspect {home}/run --out=~/page") == 0 and Path("page/index.html").exists()
    Image.new("RGB", (8, 8)).save("a.png")
    assert run(f"predict ~/a.png --checkpoint {home}/run") == 0
    assert run(f"evaluate {home}/run --dataset=~/own.npz --confusion=~/c.png") == 0 and Path("c.png").exists()
    refused(capsys, "info ~nobody_of_this_name/x", "no model is named")
