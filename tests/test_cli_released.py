"""Released weights on the command line: measured on a folder of images, and fine-tuned."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from commands import MODEL, RECIPE, refused, run, same, weights
from mixer_lib import MlpMixer
from mixer_lib.checkpoints import load_checkpoint
from mixer_lib.cli.use import as_the_model
from mixer_lib.data import ImageFiles, load_image
from mixer_lib.data.files import crop_box
from mixer_lib.pretrained import grow, load_released, wordnet_classes
from mixer_lib.training import measure_in_batches, predict, predict_batches
from released_files import flax_arrays, timm_state, write_timm

IDS = [one.split()[0] for one in wordnet_classes()]


def photos(folder, names, count=2, size=(30, 21)):
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            small = random.integers(0, 256, (5, 6, 3), dtype=np.uint8)
            Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(folder / name / f"{number}.png")


@pytest.fixture
def timm_file(tmp_path, monkeypatch):
    """A Mixer of timm for 1000 classes and images of 16 x 16 pixels, and a folder of ImageNet's layout beside it."""
    monkeypatch.chdir(tmp_path)
    write_timm(tmp_path / "w.pth", timm_state(flax_arrays(blocks=2, K=1000)))
    photos(tmp_path / "val", [IDS[7], IDS[900], IDS[3]])
    return tmp_path


def timms_transform(size, crop, interpolation, mean, std):
    from timm.data import create_transform
    return create_transform((3, size, size), interpolation=interpolation, mean=mean, std=std, crop_pct=crop,
                            crop_mode="center" if crop else "squash")


@pytest.mark.parametrize("size", [(30, 21), (21, 30), (16, 16), (100, 37), (500, 375), (17, 16)])
@pytest.mark.parametrize("crop, interpolation", [(0.875, "bicubic"), (0.9, "bilinear"), (0.5, "bicubic")])
def test_images_are_cut_as_timm_does(tmp_path, size, crop, interpolation):
    photos(tmp_path, ["a"], count=1, size=size)
    ours = load_image(tmp_path / "a/0.png", 16, 3, crop=crop, interpolation=interpolation)
    with Image.open(tmp_path / "a/0.png") as image:
        theirs = timms_transform(16, crop, interpolation, (0.0,) * 3, (1.0,) * 3)(image) * 255
    assert (ours.float() - theirs.round()).abs().max() <= 1        # rounding


def test_whole_image_is_scaled_where_there_is_no_crop(tmp_path):
    photos(tmp_path, ["a"], count=1, size=(40, 21))
    with Image.open(tmp_path / "a/0.png") as image:
        whole = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.array_equal(load_image(tmp_path / "a/0.png", 16, 3, crop=None), whole)
    assert crop_box(40, 21, 16, 16, None) == (0, 0, 40, 21) != crop_box(40, 21, 16, 16, 1.0)
    files = ImageFiles([tmp_path / "a/0.png"] * 3, 16, 3, crop=None)
    for images in (files.in_memory(), files[1:].read([0]), ImageFiles.cat([files, files]).to("cpu").read([4])):
        assert np.array_equal(images[0], whole)


def test_evaluate_as_timm_does(timm_file, capsys):
    """Loss, top-1 and top-5 by timm's own model and transform."""
    import timm.models.mlp_mixer

    theirs = timm.models.mlp_mixer.MlpMixer(1000, 16, patch_size=4, num_blocks=2, embed_dim=8,
                                            mlp_ratio=(6 / 8, 10 / 8))
    theirs.load_state_dict(torch.load("w.pth", weights_only=True))
    transform = timms_transform(16, 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3)
    images, labels = [], []
    for name in (IDS[3], IDS[7], IDS[900]):
        for number in range(2):
            with Image.open(f"val/{name}/{number}.png") as image:
                images.append(transform(image.convert("RGB")))
            labels.append(IDS.index(name))
    labels = torch.tensor(labels)
    with torch.no_grad():
        logits = theirs.eval()(torch.stack(images))
    assert run("evaluate w.pth --dataset val --json") == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), abs=2e-3)
    assert result["accuracy"] == (logits.argmax(1) == labels).float().mean()
    assert result["top5_accuracy"] == (logits.topk(5).indices == labels[:, None]).any(1).float().mean()
    assert "weights of timm: 2 blocks" in err
    assert "images: 16x16, crop 0.875, bicubic, mean 0.5, 0.5, 0.5, std 0.5, 0.5, 0.5\n" in err


def test_options_change_the_preprocessing(timm_file, capsys):
    results = []
    for words in ("", "--crop 0.875", "--crop 0.5", "--crop none", "--interpolation bilinear", "--mean 0.4",
                  "--std 0.2,0.3,0.4"):
        assert run(f"evaluate w.pth --dataset val --json {words}") == 0
        out, err = capsys.readouterr()
        results.append(json.loads(out)["loss"])
    assert "std 0.2, 0.3, 0.4\n" in err
    assert results[0] == results[1] and len(set(results)) == 6
    for words, message in [("--crop 0", "'0' is no crop: expected a share from 0.1 to 1, or none"),
                           ("--crop x", "no crop"), ("--mean a", "'a' is no list of numbers"),
                           ("--mean 0.1,0.2", r"--mean is .*: expected 1 or 3"),
                           ("--std 127", "expected numbers for pixels in 0..1"),
                           ("--interpolation x", "invalid choice")]:
        refused(capsys, f"evaluate w.pth --dataset val {words}", message)
    refused(capsys, "evaluate mnist --crop 0.5", "--crop is for a folder of images")


def test_predict_names_the_classes(timm_file, capsys):
    assert run(f"predict val/{IDS[3]}/0.png --checkpoint w.pth --top 2") == 0
    model, about = load_released("w.pth")
    image = load_image(f"val/{IDS[3]}/0.png", 16, 3, crop=0.875, interpolation="bicubic")
    best = predict(model, image[None], about.dataset)[0].argmax()
    assert f"0.png: {wordnet_classes()[best]} " in capsys.readouterr().out


def test_info(timm_file, capsys):
    assert run("info w.pth") == 0
    out = capsys.readouterr().out
    assert "n01440764 tench, " in out and ", ... (1,000)" in out and "0.875" in out
    assert "converted               2 blocks in the order of their numbers; GELU exact, as in timm; 1000 classes" in out
    assert run("info mnist") == 0 and "converted" not in capsys.readouterr().out


def test_labels_by_wordnet_ids():
    known, labels = [*wordnet_classes()], torch.tensor([0, 1, 1])
    assert as_the_model(labels, [IDS[5], IDS[2]], known, "x").tolist() == [5, 2, 2]
    assert as_the_model(labels, [known[5], IDS[2]], known, "x").tolist() == [5, 2, 2]
    assert as_the_model(labels, IDS, known, "x") is labels
    with pytest.raises(ValueError, match="the model does not know 1 of the 2 classes of x: n99999999"):
        as_the_model(labels, [IDS[5], "n99999999"], known, "x")
    numbers = [str(number) for number in range(3)]
    assert as_the_model(labels, IDS[:3], numbers, "x", sorted_ids=True) is labels
    with pytest.raises(ValueError, match="x has 2 classes with WordNet ids, and the 3 classes of the model have"):
        as_the_model(labels, IDS[:2], numbers, "x", sorted_ids=True)
    with pytest.raises(ValueError, match="does not know 3 of the 3"):       # a model of one's own: its order is another
        as_the_model(labels, IDS[:3], numbers, "x")


def test_measuring_in_batches_keeps_no_logits(monkeypatch):
    torch.manual_seed(0)
    model = MlpMixer(8, 4, 3, 7, 1, 4, 4, 4)
    torch.nn.init.normal_(model.head.weight)
    images, labels = torch.randint(256, (23, 3, 8, 8), dtype=torch.uint8), torch.arange(23) % 7
    data = SimpleNamespace(mean=(0.5,) * 3, std=(0.5,) * 3)
    whole, counts = measure_in_batches(model, images, labels, data, confusion=True)
    assert [len(logits) for logits in predict_batches(model, images, data, batch_size=5)] == [5, 5, 5, 5, 3]
    monkeypatch.setattr("mixer_lib.training.evaluation.predict_batches",
                        lambda *args: predict_batches(*args, batch_size=5))
    parts, parts_counts = measure_in_batches(model, images, labels, data, confusion=True)
    assert parts == pytest.approx(whole, rel=1e-6) and torch.equal(counts, parts_counts) and counts.sum() == 23
    assert measure_in_batches(model, images, labels, data)[1] is None and whole.keys() == {
        "loss", "accuracy", "top5_accuracy"}
    large = torch.zeros(2, 3, 2048, 1024, dtype=torch.uint8)        # one image has 6 million numbers
    big = torch.nn.Sequential(torch.nn.AvgPool2d(1024), torch.nn.Flatten()).eval()
    monkeypatch.setattr("mixer_lib.training.evaluation.device_of", lambda model: torch.device("cpu"))
    assert [len(logits) for logits in predict_batches(big, large, data)] == [1, 1]


FULL_SIZE = """
import json, resource, sys
import torch
from mixer_lib.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(code)
"""


def test_full_size(tmp_path):
    """B/16 at 224 pixels with random weights: timm's top-1, top-5 and loss on a folder, in less than 4 GB."""
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("mixer_b16_224").eval()
    torch.nn.init.normal_(theirs.head.weight, std=0.1)
    torch.save(theirs.state_dict(), tmp_path / "b16.pth")
    photos(tmp_path / "val", [IDS[7], IDS[900]], size=(300, 260))
    transform = timms_transform(224, 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3)
    images = []
    for path in sorted((tmp_path / "val").rglob("*.png")):
        with Image.open(path) as image:
            images.append(transform(image))
    labels = torch.tensor([7, 7, 900, 900])
    with torch.no_grad():
        logits = theirs(torch.stack(images))
    # The answers as labels: so that top-1 and top-5 are not zero.
    for place, rank in ((0, 0), (2, 3)):
        wanted = IDS[logits[place].topk(5).indices[rank]]
        labels[place] = IDS.index(wanted)
        (tmp_path / "val" / wanted).mkdir(exist_ok=True)
        name = IDS[7] if place == 0 else IDS[900]
        os.rename(tmp_path / "val" / name / "0.png", tmp_path / "val" / wanted / f"{place}.png")
    command = ["evaluate", str(tmp_path / "b16.pth"), "--dataset", str(tmp_path / "val"), "--json"]
    done = subprocess.run([sys.executable, "-c", FULL_SIZE, *command], capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr
    result, most = map(json.loads, done.stdout.splitlines())
    hits = (logits.topk(5).indices == labels[:, None]).any(1).float().mean().item()
    assert result["accuracy"] == (logits.argmax(1) == labels).float().mean().item() >= 0.25
    assert result["top5_accuracy"] == hits >= 0.5
    assert result["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), abs=2e-3)
    assert most < 4e9


# ---- fine-tuning -----------------------------------------------------------------------------------------------


def test_fine_tune_on_other_classes(timm_file, capsys):
    photos(timm_file / "mine", ["cat", "dog"], count=6)
    words = f"train --dataset mine --init w.pth --optimizer sgd --weight-decay 0 {RECIPE}"
    assert run(f"{words} --out run") == 0
    err = capsys.readouterr().err
    assert "weights of timm: 2 blocks" in err and "a new head starts at zero" in err
    model, about = load_checkpoint("run/model.safetensors")
    assert about.dataset.classes == ["cat", "dog"] and about.dataset.mean == [0.5] * 3
    start = load_released("w.pth")[0]
    assert not torch.equal(model.blocks[0].token_mixing.fc1.weight, start.blocks[0].token_mixing.fc1.weight)
    assert run("evaluate run") == 0

    assert run(f"{words} --freeze --out frozen") == 0
    frozen = load_checkpoint("frozen/model.safetensors")[0]
    for name, tensor in start.state_dict().items():
        assert name.startswith("head.") or torch.equal(tensor, frozen.state_dict()[name]), name
    assert frozen.head.weight.any()
    refused(capsys, "train --out frozen --resume --no-freeze --epochs 4", "freeze is False, but the run in frozen was")


def test_frozen_run_is_resumed(timm_file):
    photos(timm_file / "mine", ["cat", "dog"], count=6)
    words = f"train --dataset mine --init w.pth --optimizer sgd --freeze --schedule constant {RECIPE}"
    assert run(f"{words} --out whole") == run(f"{words} --out parts --epochs 1") == 0
    assert run("train --out parts --resume --epochs 3") == 0
    assert same("whole/model.safetensors", "parts/model.safetensors")


def test_same_classes_keep_the_head(timm_file, capsys):
    arrays = flax_arrays(blocks=1, K=1000)
    write_timm(timm_file / "w.pth", timm_state(arrays))
    photos(timm_file / "all/train", IDS, count=1, size=(16, 16))
    photos(timm_file / "all/test", IDS[:3], count=1, size=(16, 16))
    assert run("train --dataset all --init w.pth --epochs 1 --lr 1e-12 --out run --val-fraction 0") == 0
    assert "a new head" not in capsys.readouterr().err
    bias = torch.from_numpy(arrays["head/bias"])
    assert torch.allclose(weights("run/model.safetensors")["head.bias"], bias, atol=1e-6)


def test_larger_images_grow_the_token_mixing(timm_file, capsys):
    photos(timm_file / "mine", ["cat", "dog"], count=6, size=(32, 32))
    assert run("train --dataset mine --init w.pth --image-size 32 --lr 1e-12 --epochs 1 --out run") == 0
    assert "for images 2 times as high and as wide" in capsys.readouterr().err
    model, expected = load_checkpoint("run/model.safetensors")[0], grow(load_released("w.pth")[0], 2)
    assert model.image_shape == (3, 32, 32)
    for name in ("blocks.0.token_mixing.fc1.weight", "blocks.1.token_mixing.fc2.bias"):
        torch.testing.assert_close(model.state_dict()[name], expected.state_dict()[name], rtol=0, atol=1e-6)
    refused(capsys, "train --dataset mine --init w.pth --image-size 24 --out x",
            "--image-size is 24x24, but the model of --init reads images of 16x16: expected that, or 2, 3")


# ---- configuration ---------------------------------------------------------------------------------------------


def test_config_repeats_a_run(there):
    words = f"train --dataset own.npz {MODEL} {RECIPE} --flip --seed 4"
    assert run(f"{words} --out first") == 0
    assert run("train --config first/config.toml --out second") == 0
    assert same("first/model.safetensors", "second/model.safetensors")
    first, second = ((there / name / "config.toml").read_text() for name in ("first", "second"))
    assert first == second and "seed = 4\n" in first and "flip = true\n" in first and 'optimizer = "adamw"\n' in first
    assert "--config" not in (there / "second/command.txt").read_text()
    (there / "first/config.toml").unlink()          # a run does not need the file that it was given
    assert run("train --out second --resume --epochs 4") == 0
    assert "epochs = 4\n" in (there / "second/config.toml").read_text()


def test_command_line_wins(there):
    (there / "c.toml").write_text('dataset = "own.npz"\nepochs = 7\nflip = true\nlr = 1e-3\nhidden-dim = 8\n'
                                  'image_size = "8x8"\nnum_blocks = 1\n')
    assert run("train --config c.toml --epochs 1 --no-flip --out run") == 0
    written = (there / "run/config.toml").read_text()
    assert "epochs = 1\n" in written and "flip = false\n" in written and "hidden_dim = 8\n" in written
    assert 'image_size = "8x8"\n' in written and "lr = 0.001\n" in written


@pytest.mark.parametrize("text, message", [
    ("epoch = 3", "c.toml has the key 'epoch', which is no option of train: did you mean 'epochs'?"),
    ('out = "x"', "the key 'out', which is for the command line alone: --out"),
    ("epochs = true", "epochs is True, expected a number or a string"),
    ("flip = 1", "flip is 1, expected true or false"), ("epochs = [1]", r"epochs is \[1\], expected a number"),
    ("[recipe]\nepochs = 1", "the key 'recipe'"), ('epochs = "x"', "--epochs: invalid int value: 'x'"),
    ("epochs = ", "c.toml, which is not TOML"), ("\0", "not TOML"), ('optimizer = "sdg"', "invalid choice: 'sdg'"),
    ("lr = -1", "lr is -1.0: expected a positive number")])
def test_bad_config(there, capsys, text, message):
    (there / "c.toml").write_text(text)
    refused(capsys, "train --dataset own.npz --config c.toml --out run", message)
    refused(capsys, "train --config none.toml --out run", "--config is none.toml: there is no such file")
    (there / "c.toml").write_bytes(b"\xff")
    refused(capsys, "train --config c.toml --out run", "not TOML")


def test_out_is_needed(capsys):
    refused(capsys, "train", "arguments are required: --out; see python -m mixer_lib train --help")
