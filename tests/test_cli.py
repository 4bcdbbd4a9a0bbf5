"""python -m mixer_lib: each command does what it says, refuses bad input in one line, and survives being killed."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from mixer_lib import MixerConfig, checkpoints, training
from mixer_lib import cli as command_line
from mixer_lib.checkpoints import load_checkpoint, load_state, read_rows, save_state
from mixer_lib.cli import MODEL_OPTIONS, main
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, devices, evaluate, loop, predict

MODEL = "--num-blocks 2 --hidden-dim 8 --tokens-mlp-dim 4 --channels-mlp-dim 16"
RECIPE = "--epochs 3 --batch-size 9 --lr 0.01 --warmup-epochs 0.5"
RANDOM = "--dropout 0.1 --drop-path 0.2 --crop-padding 1 --flip"
FILES = {"command.txt", "steps.csv", "history.csv", "model.safetensors", "best.safetensors", "resume.pt"}


def save_npz(path, count=30, channels=3, size=8, num_classes=3, **changes):
    """Images whose bright rows tell the class, the first third of them also as test images."""
    images = np.random.default_rng(0).integers(0, 100, (count, size, size, channels), dtype=np.uint8)
    labels = np.arange(count) % num_classes
    for image, label in zip(images, labels):
        image[2 * label:2 * label + 2] += 150
    arrays = dict(train_images=images, train_labels=labels, test_images=images[::3], test_labels=labels[::3])
    arrays |= dict(classes=np.array(["cat", "dog", "eel", "fox"][:num_classes]))
    np.savez(path, **{name: array for name, array in (arrays | changes).items() if array is not None})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with own.npz, and in `run` what the command in `TRAIN` makes of it. Tests do not change it."""
    folder = tmp_path_factory.mktemp("home")
    save_npz(folder / "own.npz")
    assert run(f"train --dataset {folder / 'own.npz'} --out {folder / 'run'} {MODEL} {RECIPE} {RANDOM}") == 0
    return folder


@pytest.fixture
def there(home, monkeypatch, tmp_path):
    """Work in a folder of one's own that has own.npz."""
    monkeypatch.chdir(tmp_path)
    save_npz("own.npz")
    return tmp_path


TRAIN = f"train --dataset own.npz --out run {MODEL} {RECIPE} {RANDOM}"


def run(command):
    return main(shlex.split(command))


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def same(first, second):
    first, second = weights(first), weights(second)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def epochs(folder):
    return [{name: value for name, value in row.items() if name != "seconds"}
            for row in read_rows(folder / "history.csv")]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, command, message):
    """The command must end with exit code 2 and say why in one line, a line that a person can act on."""
    capsys.readouterr()
    assert run(command) == 2
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and err.endswith(errors[0] + "\n") and "Traceback" not in err + out
    assert re.search(message, errors[0]), errors[0]


# ---- train -----------------------------------------------------------------------------------------------------


def test_train(there, capsys):
    assert run(TRAIN) == 0
    out = capsys.readouterr().out
    model, about = load_checkpoint("run/model.safetensors")
    assert {path.name for path in (there / "run").iterdir()} == FILES
    assert model.config == MixerConfig(image_size=(8, 8), patch_size=4, in_channels=3, num_classes=3, num_blocks=2,
                                       hidden_dim=8, tokens_mlp_dim=4, channels_mlp_dim=16, dropout=0.1, drop_path=0.2)
    assert about.recipe == vars(Recipe(epochs=3, batch_size=9, lr=0.01, warmup_epochs=0.5, crop_padding=1, flip=True))
    assert about.dataset.classes == ["cat", "dog", "eel"] and about.epochs_done == 3
    assert len(epochs(there / "run")) == 3
    test = evaluate(model, load_dataset("own.npz"))
    assert f"test: accuracy {test['accuracy']:.2%}, loss {test['loss']:.4f}" in out
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters, 30 training images on cpu\n" in out


def test_every_option_arrives(there, monkeypatch):
    """Each with a value that is not its default."""
    model = dict(patch_size=2, num_blocks=3, hidden_dim=6, tokens_mlp_dim=5, channels_mlp_dim=7, dropout=0.3,
                 drop_path=0.4)
    recipe = dict(epochs=4, batch_size=5, lr=0.5, warmup_epochs=0.25, weight_decay=0.75, label_smoothing=0.375,
                  clip_norm=3.5, crop_padding=2, resized_crop=0.5, flip=True, randaugment=7, mixup=0.25, cutmix=0.75, val_fraction=0.3,
                  patience=6, schedule="constant", optimizer="muon", precision="float32", compile=True,
                  snapshots=9, seed=17)
    assert model.keys() == MODEL_OPTIONS.keys() and recipe.keys() == vars(Recipe()).keys()
    assert all(vars(Recipe())[name] != value for name, value in recipe.items())
    calls = []
    monkeypatch.setattr(command_line, "fit", lambda *args, **kwargs: calls.append((args, kwargs)) or training.History())
    flags = [f"--{name.replace('_', '-')}" + f" {value}" * (value is not True)
             for name, value in (model | recipe).items()]
    assert run(" ".join(["train --dataset own.npz --out run", *flags])) == 0
    assert run("train --dataset own.npz --out other") == 0
    ((mixer, data, given), kwargs), ((_, _, default), _) = calls
    assert vars(mixer.config) == dict(image_size=(8, 8), in_channels=3, num_classes=3, gelu="none") | model
    assert vars(given) == recipe and default == Recipe() and len(data.train_images) == 30
    assert str(kwargs["out"]) == "run" and not kwargs["resume"]


def test_where_the_data_lie_arrives(there, monkeypatch):
    """--dataset, --full and --root, of train and of evaluate."""
    asked, data = [], load_dataset("own.npz")
    monkeypatch.setattr(command_line, "load_dataset", lambda *args: asked.append(args) or data)
    assert run(f"train --dataset cifar10 --full --root somewhere --out run {MODEL} --epochs 1") == 0
    assert run("evaluate run/model.safetensors --full --root elsewhere") == 0
    assert run("evaluate run/model.safetensors --dataset mnist") == 0
    assert asked == [("cifar10", True, "somewhere"), ("cifar10", True, "elsewhere"), ("mnist", False, None)]


def test_model_depends_on_images_and_seed(there, monkeypatch):
    calls = []
    monkeypatch.setattr(command_line, "fit", lambda *args, **kwargs: calls.append(args[0]) or training.History())
    save_npz("digits.npz", channels=1, size=28)
    save_npz("wide.npz", train_images=np.zeros((30, 8, 16), np.uint8), test_images=np.zeros((10, 8, 16), np.uint8))
    for out, arguments in enumerate(("digits.npz", "own.npz", "own.npz", "own.npz --seed 1", "wide.npz")):
        assert run(f"train --out {out} --dataset {arguments}") == 0
    digits, first, again, other, wide = calls
    assert (digits.config.patch_size, digits.config.num_blocks, digits.config.hidden_dim) == (7, 4, 64)
    assert (first.config.patch_size, first.config.num_blocks, first.config.hidden_dim) == (4, 8, 128)
    assert wide.config.image_size == (8, 16)
    first, again, other = (model.patch_embedding.linear.weight for model in (first, again, other))
    assert torch.equal(first, again) and not torch.equal(first, other)


class Clock:
    """Stands in for the clock: each look at it is so many seconds after the last."""

    def __init__(self, seconds):
        self.seconds, self.now = seconds, 0

    def __call__(self):
        self.now += self.seconds
        return self.now


@pytest.mark.parametrize("seconds, about, warned", [
    (0.125, "0.12 s to go: about 4 seconds", False), (60, "60 s to go: about 30.0 minutes", False),
    (180, "1.8e+02 s to go: about 1.5 hours", True),
])
def test_train_says_how_long(there, capsys, monkeypatch, seconds, about, warned):
    callback, said = command_line.SayHowLong(), []
    monkeypatch.setattr(command_line.time, "perf_counter", Clock(seconds))
    for step in range(1, 10):
        callback(training.History(steps=[{}] * step, total_steps=36))
        said.append(capsys.readouterr().err)
    assert f"30 steps of {about}" in said[5] and ("warning: that is more than an hour" in said[5]) == warned
    assert not any(said[:5] + said[6:])


def test_train_says_how_long_where_many_steps_are_reported_at_once(capsys, monkeypatch):
    """As on a GPU: 25 steps per call, a shorter rest, then the end of the epoch."""
    callback = command_line.SayHowLong()
    monkeypatch.setattr(command_line.time, "perf_counter", Clock(50))
    for steps in (25, 50, 60, 60, 85, 110):
        callback(training.History(steps=[{}] * steps, total_steps=600))
    assert "490 steps of 2 s to go: about 16.3 minutes" in capsys.readouterr().err


def test_train_says_how_long_and_warns_of_memory(there, capsys, monkeypatch):
    assert run(TRAIN) == 0
    out, err = capsys.readouterr()
    assert len(re.findall(r"\r4 steps of .* s to go: about 0 seconds\n", err)) == 1
    assert "warning" not in out + err and "to go" not in out
    monkeypatch.setattr(command_line, "free_memory", lambda device: 50_000)
    assert run(TRAIN.replace("--out run", "--out other")) == 0
    assert re.search(r"warning: training takes about 0.0 GB of memory, 0.0 GB are free; choose a smaller --batch-size",
                     capsys.readouterr().err)
    assert same("run/model.safetensors", "other/model.safetensors")


def test_free_memory(monkeypatch):
    """What is available, not all that there is, and not only what is free of caches."""
    facts = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: facts)
    assert devices.free_memory(torch.device("cpu")) == facts.available < facts.total


def test_devices_by_name(home, there, capsys, monkeypatch):
    checkpoint = f"{home}/run/model.safetensors"
    Image.fromarray(np.load("own.npz")["test_images"][0]).save("a.png")
    for command in (TRAIN, f"evaluate {checkpoint}", f"predict a.png --checkpoint {checkpoint}"):
        refused(capsys, f"{command} --device tpu", "device is 'tpu': expected auto, cpu, cuda, cuda:1 .* or mps")
        with monkeypatch.context() as patch:
            patch.setattr(torch.cuda, "is_available", lambda: False)
            refused(capsys, f"{command} --device cuda:1", "device is 'cuda:1', but this machine has 0 of the kind cuda")
        assert command != TRAIN or not (there / "run").exists()
        assert run(f"{command} --device cpu") == 0
        out, err = capsys.readouterr()
        assert ("training images on cpu\n" in out) if command == TRAIN else (err == "on cpu\n")


def test_best_device_and_devices_that_are_there(monkeypatch):
    def there(cuda, mps):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        return str(training.best_device()), str(training.pick_device("auto"))

    assert there(2, True) == ("cuda", "cuda") and str(training.pick_device("cuda:1")) == "cuda:1"
    with pytest.raises(ValueError, match="device is 'cuda:2', but this machine has 2 of the kind cuda"):
        training.pick_device("cuda:2")
    assert there(0, True) == ("mps", "mps") and str(training.pick_device("mps")) == "mps"
    assert there(0, False) == ("cpu", "cpu") and str(training.pick_device("cpu")) == "cpu"
    for name in ("mps", "cuda"):
        with pytest.raises(ValueError, match=f"device is '{name}', but this machine has 0 of the kind {name}"):
            training.pick_device(name)
    for name in ("", "gpu", "cuda:x", "meta", "cpu:a"):
        with pytest.raises(ValueError, match=f"device is '{name}': expected auto, cpu"):
            training.pick_device(name)


def test_kept_command_gives_the_same_weights(there):
    os.rename("own.npz", "my own.npz")
    assert run(TRAIN.replace("own.npz", "'my own.npz'")) == 0
    python, m, module, *words = shlex.split((there / "run" / "command.txt").read_text())
    assert [python, m, module] == ["python", "-m", "mixer_lib"] and "my own.npz" in words
    words[words.index("--out") + 1] = "again"
    torch.rand(7)
    assert main(words) == 0 and same("run/model.safetensors", "again/model.safetensors")
    assert epochs(there / "run") == epochs(there / "again")


def test_train_on_image_folders(there):
    for label, color in (("red", (250, 0, 0)), ("blue", (0, 0, 250))):
        (there / "photos" / label).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 8), color).save(there / "photos" / label / f"{number}.png")
    assert run(f"train --dataset photos --out run {MODEL} --epochs 1") == 0
    assert load_checkpoint("run/model.safetensors")[1].dataset.classes == ["blue", "red"]


@pytest.mark.parametrize("arguments, message", [
    ("--patch-size 3", "patches of 3x3 pixels do not tile an image of 8x8"),
    ("--patch-size 0", "patch_size is 0"),
    ("--hidden-dim -1", "hidden_dim is -1: expected a whole number of at least 1"),
    ("--dropout 1", "dropout is 1.0: expected a rate"),
    ("--dropout nan", "dropout is nan"),
    ("--batch-size 0", "batch_size is 0: expected a whole number from 1"),
    ("--epochs 0", "epochs is 0: expected a whole number from 1"),
    ("--lr -0.1", "lr is -0.1: expected a positive number"),
    ("--lr nan", "lr is nan: expected a positive number"),
    ("--seed 99999999999999999999", "seed is 9+: expected a whole number from 0"),
    ("--crop-padding -1", "crop_padding is -1"),
    ("--crop-padding 999999999", "crop padding=999999999: expected 0 to 7 pixels, for images of 8x8"),
    ("--randaugment 31", "randaugment is 31: expected a whole number from 0 to 30"),
    ("--mixup -1", "mixup is -1.0: expected zero or a positive number"),
    ("--patience 3 --val-fraction 0", "patience is 3: expected 0 where val_fraction is 0"),
    ("--precision fp8", "precision is 'fp8': expected 'auto', 'float32' or 'bf16'"),
    ("--dataset cifar", r"unknown data set 'cifar': did you mean 'cifar10?0?'\?"),
    ("--dataset fashion_mnist", "'fashion_mnist' has no bundled sample"),
    ("--dataset none.npz", "no file none.npz"),
    ("--dataset no/folder", "no file or folder no/folder"),
    ("--dataset cut.npz", "cannot read cut.npz"),
    ("--dataset labels.npz", "train_labels run from 0 to 3, expected 0 to 1, as there are 2 classes"),
    ("--dataset few.npz", "class 2 has only 1 image: at least 2 are needed to split it"),
    ("--dataset text.txt", "text.txt is neither a .npz file nor a folder"),
    ("--dataset photos", "cannot read photos/a/cut.png as an image"),
    ("--resume", "nothing to resume: run/resume.pt does not exist"),
    ("--out own.npz", r"cannot write own.npz/command.txt: .*exists: 'own.npz'"),
    ("--out own.npz/run", "cannot write own.npz/run/command.txt: .*Not a directory"),
])
def test_bad_input_for_train(there, capsys, arguments, message):
    if "cut.npz" in arguments:
        (there / "cut.npz").write_bytes((there / "own.npz").read_bytes()[:500])
    if "labels.npz" in arguments:
        save_npz("labels.npz", num_classes=2, train_labels=np.arange(30) % 4)
    if "few.npz" in arguments:
        save_npz("few.npz", train_labels=np.array([0] * 15 + [1] * 14 + [2]))
    if "text.txt" in arguments:
        (there / "text.txt").write_text("cat")
    if "photos" in arguments:
        (there / "photos" / "a").mkdir(parents=True)
        Image.fromarray(np.random.default_rng(0).integers(256, size=(30, 30), dtype=np.uint8)).save("photos/a/cut.png")
        (there / "photos" / "a" / "cut.png").write_bytes((there / "photos" / "a" / "cut.png").read_bytes()[:300])
    before = contents(there)
    refused(capsys, f"{TRAIN} {arguments}", message)
    assert contents(there) == before and not (there / "run").exists()


def test_diverged_run(there, capsys):
    refused(capsys, f"{TRAIN} --lr 1e30 --clip-norm 1e30",
            "error: the loss became .* Start again with a lower lr.*run holds no model yet, so the same --out will do")
    assert {path.name for path in (there / "run").iterdir()} == {"command.txt", "steps.csv", "history.csv", "resume.pt"}
    assert run(TRAIN) == 0 and {path.name for path in (there / "run").iterdir()} == FILES


def test_run_that_diverged_later_keeps_its_last_epoch(there, capsys, monkeypatch):
    def diverge(*args):
        diverge.left -= 1
        if not diverge.left:
            raise FloatingPointError("the loss became nan")
        return train_step(*args)

    diverge.left = 5
    monkeypatch.setattr(loop, "train_step", diverge)
    refused(capsys, TRAIN, "the loss became nan. run holds the last epoch before that; choose another --out")
    assert load_checkpoint("run/model.safetensors")[1].epochs_done == len(epochs(there / "run")) == 1


def test_disk_full(there, capsys, monkeypatch):
    real, calls = checkpoints.os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) > 6:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(checkpoints.os, "replace", replace)
    refused(capsys, TRAIN, "cannot write run/model.safetensors: .*No space left on device")
    assert {path.name for path in (there / "run").iterdir()} == FILES


# ---- train --resume --------------------------------------------------------------------------------------------


class Interrupt:
    """Stands in for `train_step` and presses Ctrl-C instead of the n-th."""

    def __init__(self, n):
        self.left = n

    def __call__(self, *args):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return train_step(*args)


train_step = loop.train_step


@pytest.mark.parametrize("n", [1, 5, 9])
def test_interrupted_run_is_resumed(home, there, capsys, monkeypatch, n):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", Interrupt(n))
        assert run(TRAIN) == 130
    done = (n - 1) // 3
    assert f"run holds {done} whole epochs; add --resume to go on from there" in capsys.readouterr().err
    assert len(epochs(there / "run")) == done
    if done:
        assert {path.name for path in (there / "run").iterdir()} == FILES
        refused(capsys, TRAIN, "run already holds a run: add --resume to go on with it, or choose another --out")
    assert run(TRAIN + " --resume") == 0
    assert same("run/model.safetensors", home / "run/model.safetensors")
    assert epochs(there / "run") == epochs(home / "run")
    assert (there / "run" / "command.txt").read_text() == f"python -m mixer_lib {TRAIN}\n"


def test_interrupt_outside_of_training(there, capsys, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "evaluate", interrupt)
    assert run(TRAIN) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")


def test_resume_a_complete_run(there, capsys):
    assert run(TRAIN) == 0
    report, files = capsys.readouterr().out, contents(there / "run")
    (there / "run" / "model.safetensors").unlink()
    assert run(TRAIN + " --resume") == 0
    assert capsys.readouterr().out == report
    after = contents(there / "run")
    assert after.keys() == files.keys()
    assert all(after[name] == files[name] for name in files if name.name != "resume.pt")


def test_bad_resume(there, capsys):
    assert run(TRAIN) == 0
    files = contents(there)
    refused(capsys, TRAIN, "run already holds a run")
    refused(capsys, TRAIN + " --resume --lr 0.1", "lr is 0.1, but the run in run was started with 0.01: resume with")
    refused(capsys, TRAIN + " --resume --hidden-dim 12", "hidden_dim is 12, but the run in run was started with 8")
    refused(capsys, TRAIN + " --resume --dropout 0.3", "dropout is 0.3, but the run in run was started with 0.1")
    assert contents(there) == files
    save_npz("own.npz", count=33)
    refused(capsys, TRAIN + " --resume", "dataset is '33 images of mean .*', but .* started with '30 images of mean")
    save_npz("own.npz")

    path = there / "run" / "resume.pt"
    state = load_state(path)
    state["model"].pop("head.bias")
    for damage in (lambda: path.write_bytes(b""), lambda: path.write_bytes(files[path.relative_to(there)][:3000]),
                   lambda: save_state(path, [1, 2]), lambda: save_state(path, {"model": {}}),
                   lambda: save_state(path, state)):
        damage()
        before = contents(there)
        refused(capsys, TRAIN + " --resume", "run/resume.pt is damaged or not the state of a run")
        assert contents(there) == before
    path.unlink()
    refused(capsys, TRAIN + " --resume", "nothing to resume: run/resume.pt does not exist")
    refused(capsys, TRAIN, "run already holds a run")       # a trained model is not written over


# Runs where torch has not yet started any thread, so that fork is safe, and saves its import for each run.
KILLED_AND_RESUMED = """
import os, signal, sys
from pathlib import Path
import torch
from mixer_lib.cli import main

torch.set_num_threads(1)
torch.optim.AdamW([torch.zeros(1, requires_grad=True)])     # imports the most of what a run does, once for all

def in_child(work):
    child = os.fork()
    if child == 0:
        os.dup2(os.open("log", os.O_CREAT | os.O_WRONLY | os.O_APPEND), 1)
        os.dup2(1, 2)
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def killed_at(moment, argv):
    # Every file is written to a .part and then moved. Kill in the middle of the first, before and after the second.
    counts, write, replace = {"write": 0, "replace": 0}, Path.write_bytes, os.replace

    def write_bytes(path, data):
        counts["write"] += 1
        if moment == 3 * counts["write"] - 3:
            write(path, bytes(data)[:len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, data)

    def replace_it(source, target):
        counts["replace"] += 1
        if moment == 3 * counts["replace"] - 2:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if moment == 3 * counts["replace"] - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    Path.write_bytes, os.replace = write_bytes, replace_it
    return main(argv)

moment = 0
while True:
    argv = [*sys.argv[1:], "--out", str(moment)]
    code = in_child(lambda: killed_at(moment, argv))
    if code == 0:
        break                               # it had fewer moments than that: this one ran through
    assert code == -signal.SIGKILL, code
    code = in_child(lambda: main([*argv, "--resume"]))
    assert code == 0, (moment, code, open("log").read()[-2000:])
    moment += 1
print(moment)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_write_and_resumed(there):
    """A process is killed at each moment of each write of a run, and resumed: the same weights as without."""
    arguments = shlex.split(TRAIN.replace(" --out run", "").replace("--epochs 3", "--epochs 2 --snapshots 3"))
    done = subprocess.run([sys.executable, "-c", KILLED_AND_RESUMED, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    moments = int(done.stdout)
    whole = there / str(moments)
    first, second = (row["val_accuracy"] for row in epochs(whole))
    # The command and the state at the start, three files after each epoch, and the best model where it is the best.
    # (Tables are appended to.)
    assert moments == 3 * (2 + 3 * 2 + 1 + (second > first))
    for moment in range(moments):
        folder = there / str(moment)
        assert {path.name for path in folder.iterdir()} == FILES | {"snapshots.safetensors"}       # no .part is left
        assert all(same(folder / f"{name}.safetensors", whole / f"{name}.safetensors") for name in ("model", "best"))
        assert (folder / "snapshots.safetensors").read_bytes() == (whole / "snapshots.safetensors").read_bytes()
        assert epochs(folder) == epochs(whole)
        command = (folder / "command.txt").read_text()
        assert command == (whole / "command.txt").read_text().replace(f"--out {moments}", f"--out {moment}")


def test_killed_from_outside_and_resumed(there):
    """The same in the open: the real command, killed twice while it trains."""
    command = TRAIN.replace("--epochs 3", "--epochs 80")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for least in (1, 10):
        arguments = shlex.split(command) + ["--resume"] * (least > 1)
        process = subprocess.Popen([sys.executable, "-m", "mixer_lib", *arguments], env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 100
        while not ((there / "run" / "history.csv").exists() and len(epochs(there / "run")) >= least):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert least <= len(epochs(there / "run")) < 80
    assert run(command + " --resume") == 0
    assert run(command.replace("--out run", "--out whole")) == 0
    assert same("run/model.safetensors", "whole/model.safetensors") and len(epochs(there / "run")) == 80
    assert epochs(there / "run") == epochs(there / "whole")


# ---- evaluate --------------------------------------------------------------------------------------------------


def test_evaluate(home, there, capsys):
    checkpoint = home / "run" / "model.safetensors"
    expected = evaluate(load_checkpoint(checkpoint)[0], load_dataset("own.npz"))
    result = f"accuracy {expected['accuracy']:.2%}, loss {expected['loss']:.4f}"
    assert run(f"evaluate {checkpoint}") == 0       # finds the images that it was trained on
    assert f"test, 10 images: {result}" in capsys.readouterr().out
    assert run(f"evaluate {checkpoint} --dataset own.npz") == 0
    assert f"own test, 10 images: {result}" in capsys.readouterr().out


def test_evaluate_on_the_bundled_sample(there, capsys):
    command = f"train --dataset mnist --out run {MODEL} --epochs 1 --batch-size 2000"
    assert run(command) == 0
    assert run("evaluate run/model.safetensors") == 0
    assert re.search(r"mnist test, 2,000 images: accuracy \d+.\d\d%, loss \d\.\d{4}\n", capsys.readouterr().out)
    refused(capsys, "evaluate run/model.safetensors --dataset cifar10",
            "the model reads images of 1 x 28 x 28 .*, cifar10 has 3 x 32 x 32")


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
    refused(capsys, "evaluate run/model.safetensors",
            f"the model's own data set cannot be loaded: .*{name.removeprefix('./')}.* Name one with --dataset")
    assert run(f"evaluate run/model.safetensors --dataset {'elsewhere' + '.npz' * name.endswith('npz')}") == 0


def test_bad_input_for_evaluate(home, there, capsys):
    checkpoint = home / "run" / "model.safetensors"
    (there / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:2000])
    refused(capsys, "evaluate cut.safetensors", "cut.safetensors is not a whole safetensors file")
    refused(capsys, "evaluate own.npz", "own.npz is not a whole safetensors file")
    refused(capsys, "evaluate none.safetensors", "there is no checkpoint at none.safetensors")
    refused(capsys, f"evaluate {checkpoint.parent}", "there is no checkpoint at")
    refused(capsys, f"evaluate {checkpoint} --dataset mnits", "^error: unknown data set 'mnits': did you mean 'mnist'")
    refused(capsys, f"evaluate {checkpoint} --dataset mnist", "the model reads images of 3 x 8 x 8 .* 1 x 28 x 28")
    save_npz("four.npz", num_classes=4, size=8)
    refused(capsys, f"evaluate {checkpoint} --dataset four.npz", "has 3 classes, four has 4")


# ---- predict ---------------------------------------------------------------------------------------------------


def test_predict(home, there, capsys):
    model, about = load_checkpoint(home / "run" / "model.safetensors")
    images = np.load("own.npz")["test_images"]
    Image.fromarray(images[0]).save("color.png")
    Image.fromarray(images[1][:, :, 0]).save("gray.png")
    Image.fromarray(images[2]).resize((50, 30)).save("large one.jpg")
    assert run(f"predict color.png gray.png 'large one.jpg' --checkpoint {home}/run/model.safetensors") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["color.png", "gray.png", "large one.jpg"]
    gray = images[1][:, :, :1].repeat(3, axis=2)
    batch = torch.from_numpy(np.stack([images[0], gray])).permute(0, 3, 1, 2)
    for line, row in zip(lines, predict(model, batch, about.dataset).softmax(1)):
        order = row.argsort(descending=True).tolist()
        expected = ", ".join(f"{about.dataset.classes[k]} {row[k]:.1%}" for k in order)
        assert line.split(": ")[1] == expected


def test_predict_with_a_gray_model(there, capsys):
    save_npz("gray.npz", channels=1, num_classes=2)
    assert run(f"train --dataset gray.npz --out run {MODEL} --epochs 1") == 0
    Image.new("RGB", (9, 5), (200, 10, 10)).save("color.png")
    capsys.readouterr()
    assert run("predict color.png --checkpoint run/model.safetensors") == 0
    assert re.fullmatch(r"color.png: (cat|dog) \d+\.\d%, (cat|dog) \d+\.\d%\n", capsys.readouterr().out)


def test_bad_input_for_predict(home, there, capsys):
    checkpoint = home / "run" / "model.safetensors"
    Image.fromarray(np.load("own.npz")["test_images"][0]).save("good.png")
    (there / "cut.png").write_bytes((there / "good.png").read_bytes()[:100])
    for images, message in (("cut.png", "cannot read cut.png as an image"), ("none.png", "no image file none.png"),
                            ("'two\nlines.png'", "no image file two lines.png"),
                            ("own.npz", "cannot read own.npz as an image"), (".", "cannot read . as an image")):
        refused(capsys, f"predict good.png {images} --checkpoint {checkpoint}", message)
        assert capsys.readouterr().out == ""
    (there / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:-1])
    refused(capsys, "predict good.png --checkpoint cut.safetensors", "is not a whole safetensors file")
    refused(capsys, "predict good.png --checkpoint good.png", "is not a whole safetensors file")


# ---- info and help ---------------------------------------------------------------------------------------------


def test_info(home, capsys):
    assert run("info B/16") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["layer", "output", "parameters", "MACs"] and len(lines) == 1 + 2 + 24 + 3 + 1
    assert lines[-1].split() == ["total", "59,880,472", f"{196 * 768 * 768 + 12 * 2 * 768 * 196 * 3456 + 768000:,}"]
    assert lines[2].split() == ["patch", "embedding", "196x768", "590,592", f"{196 * 768 * 768:,}"]

    assert run(f"info {home}/run/model.safetensors") == 0
    facts, *lines = capsys.readouterr().out.splitlines()
    assert json.loads(facts)["recipe"]["epochs"] == 3
    column = [int(line.split()[-2].replace(",", "")) for line in lines[1:]]
    parameters = sum(tensor.numel() for tensor in weights(home / "run/model.safetensors").values())
    assert column[-1] == sum(column[:-1]) == parameters


def test_bad_input_for_info(there, capsys):
    refused(capsys, "info B/17", r"no model is named 'B/17': did you mean 'B/16'\?")
    refused(capsys, "info resnet", "no model is named 'resnet': choose from S/32, ")
    refused(capsys, "info own.npz", "own.npz is not a whole safetensors file")
    refused(capsys, "info run/none.safetensors", "there is no checkpoint at run/none.safetensors")


def test_without_a_command_there_is_help(capsys):
    for argv in ([], ["--help"]):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        out = capsys.readouterr().out
        assert ended.value.code == 0 and all(f"  {name}" in out for name in ("train", "evaluate", "predict", "info"))
    with pytest.raises(SystemExit):
        run("train --help")
    out = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in out for name in [*MODEL_OPTIONS, *vars(Recipe()), "resume", "out"])
    assert "(default: 128)" in out and "None" not in out


@pytest.mark.parametrize("command", ["fly", "train", "train --out a --epochs x", "train --out a --epoch 3",
                                     "predict a.png"])
def test_wrong_usage(capsys, command):
    with pytest.raises(SystemExit) as ended:
        run(command)
    assert ended.value.code == 2 and "error: " in capsys.readouterr().err


# ---- as a process ----------------------------------------------------------------------------------------------


def test_process(there):
    """The exit code leaves the process, and an error leaves no traceback."""
    done = subprocess.run([sys.executable, "-m", "mixer_lib", "info", "B/17"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "error: no model is named 'B/17': did you mean 'B/16'?\n"


def test_import_is_light():
    """Not what takes seconds to import and only few need: not with the package, not with the command line."""
    heavy = ["torchvision", "matplotlib", "ipywidgets", "IPython", "pandas", "scipy"]
    code = f"import sys, mixer_lib, mixer_lib.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
