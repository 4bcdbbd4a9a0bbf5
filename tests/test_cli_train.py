"""python -m mixer_lib train: it trains what the options say, and refuses bad input in one line."""

import os
import re
import shlex

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

import mixer_lib.cli.train as command
from commands import FILES, MODEL, TRAIN, Interrupt, contents, epochs, refused, run, same, save_npz
from mixer_lib import MixerConfig, checkpoints, training
from mixer_lib.checkpoints import load_checkpoint, load_pretrained
from mixer_lib.cli import main
from mixer_lib.configs import get_config
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, devices, loop


@pytest.fixture
def fitted(monkeypatch):
    """Nothing is trained: a list of the arguments that `fit` is called with."""
    calls = []
    row = {"epoch": 1, "train_loss": 1.0}
    monkeypatch.setattr(command, "fit", lambda *args, **named: calls.append((args, named)) or training.History(
        epochs=[row]))
    return calls


def test_train(there, capsys):
    assert run(TRAIN) == 0
    out, err = capsys.readouterr()
    model, about = load_checkpoint("run/model.safetensors")
    assert {path.name for path in (there / "run").iterdir()} == FILES
    assert model.config == MixerConfig(image_size=(8, 8), patch_size=4, in_channels=3, num_classes=3, num_blocks=2,
                                       hidden_dim=8, tokens_mlp_dim=4, channels_mlp_dim=16, dropout=0.1, drop_path=0.2)
    assert about.recipe == vars(Recipe(epochs=3, batch_size=9, lr=0.01, warmup_epochs=0.5, crop_padding=1, flip=True))
    assert about.dataset.classes == ["cat", "dog", "eel"] and about.epochs_done == 3
    assert err.startswith(f"{sum(p.numel() for p in model.parameters()):,} parameters, 27 training images, 3 held out, "
                          f"on cpu\n")
    assert len(re.findall(r"\r4 steps of .* s to go: about 0 seconds\n", err)) == 1 and "warning" not in err
    assert err.endswith("model, history and command are in run. At the end, read the test images once: "
                        "python -m mixer_lib evaluate run\n")
    last, = [row for row in epochs(there / "run") if row["epoch"] == 3]
    assert out.splitlines()[0] == (f"epoch 3, held out: accuracy {last['val_accuracy']:.2%}, "
                                   f"loss {last['val_loss']:.4f}")


@pytest.mark.parametrize("accuracies, best", [([0.5, 1, 0.75], 2), ([0.5, 0.75, 0.75], 2), ([0.5, 0.25, 1], None)])
def test_result_is_the_last_epoch_and_the_best(there, capsys, monkeypatch, accuracies, best):
    measured = iter(accuracies)
    monkeypatch.setattr(loop, "measure", lambda *args: {"loss": 0.5, "accuracy": next(measured)})
    assert run(TRAIN) == 0
    first, *more = capsys.readouterr().out.splitlines()
    assert first == f"epoch 3, held out: accuracy {accuracies[-1]:.2%}, loss 0.5000"
    assert more == ([f"epoch {best}, best.safetensors, held out: accuracy {accuracies[best - 1]:.2%}, loss 0.5000"]
                    if best else [])


def test_test_images_are_not_read(there, monkeypatch):
    data = load_dataset("own.npz")
    data.test_images = data.test_labels = None
    monkeypatch.setattr(command, "load_dataset", lambda *args, **named: data)
    assert run(TRAIN) == 0


def test_without_held_out_images(there, capsys):
    assert run(TRAIN + " --val-fraction 0") == 0
    out, err = capsys.readouterr()
    loss = epochs(there / "run")[-1]["train_loss"]
    assert out == f"epoch 3: training loss {loss:.4f}; no images were held out\n"
    assert " 30 training images, 0 held out, on cpu\nnote: with --val-fraction 0 nothing measures" in err
    assert "a test that one chooses by is no longer a test\n" in err


def test_validation_images_of_the_data_set_are_counted(there, capsys):
    images = np.load("own.npz")
    save_npz("val.npz", val_images=images["test_images"], val_labels=images["test_labels"])
    assert run(TRAIN.replace("own.npz", "val.npz")) == 0
    assert " parameters, 30 training images, 10 held out, on cpu\n" in capsys.readouterr().err


def test_every_option_arrives(there, fitted, monkeypatch):
    """Each with a value that is not its default."""
    monkeypatch.setattr(command, "check_processes", lambda recipe: None)        # shard needs several
    model = dict(patch_size=2, num_blocks=3, hidden_dim=6, tokens_mlp_dim=5, channels_mlp_dim=7, dropout=0.3,
                 drop_path=0.4)
    recipe = dict(epochs=4, batch_size=5, lr=0.5, warmup_epochs=0.25, weight_decay=0.75, label_smoothing=0.375,
                  clip_norm=3.5, crop_padding=2, resized_crop=0.5, flip=True, randaugment=7, mixup=0.25, cutmix=0.75,
                  val_fraction=0.3, patience=6, schedule="constant", optimizer="muon", precision="float32",
                  compile=True, freeze=True, accumulate=2, checkpoint_activations=True, shard=True, snapshots=9,
                  seed=17)
    of_relatives = {"kernel_size", "num_heads"}
    assert model.keys() | of_relatives == command.MODEL_OPTIONS.keys() and recipe.keys() == vars(Recipe()).keys()
    assert all(vars(Recipe())[name] != value for name, value in recipe.items())
    flags = [f"--{name.replace('_', '-')}" + f" {value}" * (value is not True)
             for name, value in (model | recipe).items()]
    assert run(" ".join(["train --dataset own.npz --out run", *flags])) == 0
    assert run("train --dataset own.npz --out other") == 0
    ((mixer, data, given), kwargs), ((_, _, default), _) = fitted
    assert vars(mixer.config) == dict(image_size=(8, 8), in_channels=3, num_classes=3, gelu="none") | model
    assert vars(given) == recipe and default == Recipe() and len(data.train_images) == 30
    assert str(kwargs["out"]) == "run" and not kwargs["resume"]


def test_options_of_the_relatives_arrive(there, fitted):
    assert run("train --dataset own.npz --out a --model convmixer-cifar10 --kernel-size 3 --hidden-dim 8") == 0
    assert run("train --dataset own.npz --out b --model vit-cifar10 --num-heads 2 --hidden-dim 6") == 0
    conv, vit = (args[0] for args, _ in fitted)
    assert (type(conv).__name__, conv.config.kernel_size, conv.config.hidden_dim) == ("ConvMixer", 3, 8)
    assert (type(vit).__name__, vit.config.num_heads, vit.config.hidden_dim) == ("ViT", 2, 6)


def test_model_depends_on_images_and_seed(there, fitted):
    save_npz("digits.npz", channels=1, size=28)
    save_npz("wide.npz", train_images=np.zeros((30, 8, 16), np.uint8), test_images=np.zeros((10, 8, 16), np.uint8))
    for out, arguments in enumerate(("digits.npz", "own.npz", "own.npz", "own.npz --seed 1", "wide.npz",
                                     "own.npz --image-size 64", "own.npz --image-size 64 --patch-size 4")):
        assert run(f"train --out {out} --dataset {arguments}") == 0
    digits, first, again, other, wide, large, fine = (args[0] for args, _ in fitted)
    assert [model.config.patch_size for model in (wide, large, fine)] == [4, 8, 4]      # 8 x 8 tokens, if not given
    assert (digits.config.patch_size, digits.config.num_blocks, digits.config.hidden_dim) == (7, 4, 64)
    assert (first.config.patch_size, first.config.num_blocks, first.config.hidden_dim) == (4, 8, 128)
    assert wide.config.image_size == (8, 16)
    first, again, other = (model.patch_embedding.linear.weight for model in (first, again, other))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_model_by_name(there, capsys, fitted):
    assert run("train --dataset own.npz --out run --model cifar10-fine --num-blocks 1") == 0
    expected = get_config("cifar10-fine", image_size=(8, 8), num_classes=3, num_blocks=1)
    assert fitted[0][0][0].config == expected
    refused(capsys, "train --dataset own.npz --out other --model S/16", "patches of 16x16 pixels do not tile an image")
    refused(capsys, "train --dataset own.npz --out other --model s/16", "'s/16': did you mean 'S/16'")


# ---- --init ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["{}/run", "{}/run/model.safetensors"])
def test_init_starts_from_the_weights(home, there, capsys, fitted, init):
    """On other images of the same classes. The normalization stays that of the checkpoint, which the weights are used
    to."""
    images = np.full((30, 8, 8, 3), 200, np.uint8)
    save_npz("light.npz", train_images=images)
    assert run(f"train --dataset light.npz --out new --init {init.format(home)}") == 0
    (model, data, _), _ = fitted[0]
    old, about = load_checkpoint(home / "run/model.safetensors")
    assert model.config == old.config
    assert all(torch.equal(tensor, old.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert list(data.mean) == about.dataset.mean and list(data.std) == about.dataset.std and data.mean[0] < 0.7
    err = capsys.readouterr().err
    assert f"the run starts from the weights in {home}/run/model.safetensors\n" in err


@pytest.mark.parametrize("classes", [4, 3])
def test_init_gives_other_classes_a_new_head(home, there, capsys, fitted, classes):
    """Also as many of other names."""
    save_npz("other.npz", num_classes=classes, classes=np.array(["a", "b", "c", "d"][:classes]))
    assert run(f"train --dataset other.npz --out new --init {home}/run") == 0
    model, old = fitted[0][0][0], load_checkpoint(home / "run/model.safetensors")[0]
    assert model.num_classes == model.config.num_classes == classes and not model.head.weight.any()
    assert torch.equal(model.blocks[1].token_mixing.fc1.weight, old.blocks[1].token_mixing.fc1.weight)
    assert f"the head: the {classes} classes are others, so a new head starts at zero" in capsys.readouterr().err


def test_init_from_a_bundled_model_learns_and_resumes(there, capsys):
    """The run keeps its classes and the normalization, and --resume goes through the same start."""
    save_npz("digits.npz", channels=1, size=28)
    assert run("train --dataset digits.npz --out run --init mnist --epochs 2 --lr 1e-3 --batch-size 9") == 0
    _, about = load_checkpoint("run/model.safetensors")
    assert about.dataset.classes == ["cat", "dog", "eel"]
    assert about.dataset.mean == load_pretrained("mnist")[1].dataset.mean
    assert run("train --out run --resume --epochs 3") == 0
    assert len(epochs(there / "run")) == 3


@pytest.mark.parametrize("arguments, message", [
    ("--init mnist", "the model reads images of 1 x 28 x 28 .* 3 x 28 x 28"),
    ("--init minst", "no model is named 'minst', and there is no such folder or file: did you mean 'mnist'"),
    ("--init own.npz", "own.npz: its train_images is an array of uint8, expected floats"),
    ("--init mnist --num-blocks 3", "--num-blocks does not go with --init: the model is that of the checkpoint"),
    ("--init mnist --drop-path 0.1", "--drop-path does not go with --init"),
    ("--init mnist --model cifar10", "--model does not go with --init"),
])
def test_bad_init(there, capsys, arguments, message):
    refused(capsys, f"train --dataset own.npz --out run {arguments}", message)
    assert not (there / "run").exists()


# ---- how long, how much, and where -----------------------------------------------------------------------------


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
def test_train_says_how_long(capsys, monkeypatch, seconds, about, warned):
    callback, said = command.SayHowLong(), []
    monkeypatch.setattr(command.time, "perf_counter", Clock(seconds))
    for step in range(1, 10):
        callback(training.History(steps=[{}] * step, total_steps=36))
        said.append(capsys.readouterr().err)
    assert f"30 steps of {about}" in said[5] and ("warning: that is more than an hour" in said[5]) == warned
    assert not any(said[:5] + said[6:])


def test_train_says_how_long_where_many_steps_are_reported_at_once(capsys, monkeypatch):
    """As on a GPU: 25 steps per call, a shorter rest, then the end of the epoch."""
    callback = command.SayHowLong()
    monkeypatch.setattr(command.time, "perf_counter", Clock(50))
    for steps in (25, 50, 60, 60, 85, 110):
        callback(training.History(steps=[{}] * steps, total_steps=600))
    assert "490 steps of 2 s to go: about 16.3 minutes" in capsys.readouterr().err


def test_train_warns_of_memory(there, capsys, monkeypatch, fitted):
    monkeypatch.setattr(command, "free_memory", lambda device: 50_000)
    assert run(TRAIN) == 0
    assert re.search(r"warning: training takes about 0.0 GB of memory, 0.0 GB are free; choose a smaller --batch-size",
                     capsys.readouterr().err)


def test_free_memory(monkeypatch):
    """What is available, not all that there is, and not only what is free of caches."""
    facts = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: facts)
    assert devices.free_memory(torch.device("cpu")) == facts.available < facts.total


def test_devices_by_name(home, there, capsys, monkeypatch):
    Image.fromarray(np.load("own.npz")["test_images"][0]).save("a.png")
    for words in (TRAIN, f"evaluate {home}/run --dataset own.npz", f"predict a.png --checkpoint {home}/run"):
        refused(capsys, f"{words} --device tpu", "device is 'tpu': expected auto, cpu, cuda, cuda:1 .* or mps")
        with monkeypatch.context() as patch:
            patch.setattr(torch.cuda, "is_available", lambda: False)
            refused(capsys, f"{words} --device cuda:1", "device is 'cuda:1', but this machine has 0 of the kind cuda")
        assert words != TRAIN or not (there / "run").exists()
        assert run(f"{words} --device cpu") == 0
        assert re.search(r" on cpu\n", capsys.readouterr().err)


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


# ---- the command that is kept, and the data --------------------------------------------------------------------


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
    ("--precision fp8", r"argument --precision: invalid choice: 'fp8' \(choose from .*float32.*; see .* train --help$"),
    ("--dataset cifar", r"unknown data set 'cifar': did you mean 'cifar10?0?'\?"),
    ("--dataset fashion_mnist", "'fashion_mnist' has no bundled sample"),
    ("--dataset none.npz", "no file none.npz"),
    ("--dataset no/folder", "no file or folder no/folder"),
    ("--dataset cut.npz", "cannot read cut.npz"),
    ("--dataset labels.npz", "train_labels run from 0 to 3, expected 0 to 1, as there are 2 classes"),
    ("--dataset few.npz", "class eel has only 1 image: at least 2 are needed to split it. .* --val-fraction 0"),
    ("--dataset text.txt", "text.txt is neither a .npz file nor a folder"),
    ("--dataset photos", "cannot read photos/a/cut.png as an image"),
    ("--resume", "nothing to resume: run/resume.pt does not exist"),
    ("--out own.npz", "--out is own.npz, which is a file: expected a folder"),
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
        for name in ("cut", "good"):
            Image.fromarray(np.random.default_rng(0).integers(256, size=(30, 30), dtype=np.uint8)).save(
                f"photos/a/{name}.png")
        (there / "photos" / "a" / "cut.png").write_bytes((there / "photos" / "a" / "cut.png").read_bytes()[:300])
    before = contents(there)
    refused(capsys, f"{TRAIN} {arguments}", message)
    assert contents(there) == before and not (there / "run").exists()


# ---- runs that fail --------------------------------------------------------------------------------------------


def advice(error):
    """The command that an error message suggests."""
    python, m, module, *words = shlex.split(error.split(". For example: ")[1])
    assert [python, m, module] == ["python", "-m", "mixer_lib"]
    return words


def test_diverged_run(there, capsys):
    error = refused(capsys, f"{TRAIN} --lr 1e30 --clip-norm 1e30",
                    "error: the loss became .* Start again with a lower lr.*. run holds no whole epoch yet. For exam")
    assert {path.name for path in (there / "run").iterdir()} == FILES - {
        "model.safetensors", "best.safetensors"}
    assert advice(error) == shlex.split(TRAIN.replace("--lr 0.01", "--lr 3.3e+29") + " --clip-norm 1e30")
    assert run(TRAIN) == 0 and {path.name for path in (there / "run").iterdir()} == FILES


def test_run_that_diverged_later_keeps_its_epochs(there, capsys, monkeypatch):
    os.rename("own.npz", "my own.npz")
    (there / "run-2").mkdir()       # taken
    words = TRAIN.replace("own.npz", "'my own.npz'")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", Interrupt(5, FloatingPointError("the loss became nan")))
        error = refused(capsys, words, "the loss became nan. run holds 1 whole epoch. For example: .*")
    assert load_checkpoint("run/model.safetensors")[1].epochs_done == len(epochs(there / "run")) == 1
    before = contents(there / "run")
    assert main(advice(error)) == 0 and contents(there / "run") == before
    assert load_checkpoint("run-3/model.safetensors")[1].recipe["lr"] == 0.0033


def test_disk_full(there, capsys, monkeypatch):
    real, calls = checkpoints.os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) > 7:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(checkpoints.os, "replace", replace)
    refused(capsys, TRAIN, "cannot write run/model.safetensors: .*No space left on device")
    assert {path.name for path in (there / "run").iterdir()} == FILES


def test_interrupt_outside_of_training(there, capsys, monkeypatch):
    def interrupt(*args, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "load_dataset", interrupt)
    assert run(TRAIN) == 130
    assert capsys.readouterr().err == "interrupted\n" and not weights_in(there)


def weights_in(folder):
    return [*folder.rglob("*.safetensors")]
