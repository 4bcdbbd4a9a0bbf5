"""mixer_lib.checkpoints: whole files or none, read back exactly, and refused with a clear word if damaged."""

import errno
import json
import os
import pickle
import resource
import signal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mixer_lib import MlpMixer
from mixer_lib.checkpoints import (
    WEIGHTS,
    append_rows,
    find_checkpoint,
    keep_rows,
    load_checkpoint,
    load_state,
    read_rows,
    save_checkpoint,
    save_snapshots,
    save_state,
    save_table,
    token_mixing_weights,
    write_atomically,
)
from mixer_lib.conv import to_conv
from mixer_lib.data import Dataset
from mixer_lib.training import Recipe, fit, predict

SMALL = dict(image_size=8, patch_size=4, in_channels=1, num_classes=2, num_blocks=1, hidden_dim=8,
             tokens_mlp_dim=4, channels_mlp_dim=8)


def dataset(height=8, width=8, channels=1):
    images = torch.randint(256, (6, channels, height, width), generator=torch.Generator().manual_seed(0),
                           dtype=torch.uint8)
    labels = torch.arange(6) % 2
    return Dataset("own", images, labels, images, labels, ["cat", "dog"], (0.1,) * channels, (0.3,) * channels)


def random_mixer(**changes):
    """A small model in which no weight is zero or one."""
    model = MlpMixer(**SMALL | changes)
    for p in model.parameters():
        torch.nn.init.normal_(p)
    return model


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, random_mixer(), dataset())
    return path


# ---- which file ------------------------------------------------------------------------------------------------


def test_find_checkpoint(tmp_path, monkeypatch):
    """A bundled model comes before a folder of the same name, which ./ reaches."""
    monkeypatch.chdir(tmp_path)
    for folder in ("mnist", "empty"):
        Path(folder).mkdir()
    Path("mnist/model.safetensors").touch()
    assert find_checkpoint("mnist") == WEIGHTS / "mnist.safetensors"
    assert find_checkpoint("./mnist") == find_checkpoint(Path("mnist/model.safetensors")) == Path(
        "mnist/model.safetensors")
    for name, message in (("minst", "no model is named 'minst', .* no such folder or file: did you mean 'mnist'"),
                          ("b/16", "choose from cifar10, cifar10-fine, mnist$"), ("runs/x", "no model is named"),
                          ("empty", "the folder empty holds no model.safetensors")):
        with pytest.raises(ValueError, match=message):
            find_checkpoint(name)
    with pytest.raises(ValueError, match=r"no model is named 'b/16'.*: did you mean 'B/16'"):
        find_checkpoint("b/16", ["B/16", "S/16"])


# ---- models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [
    {}, dict(image_size=(8, 12), patch_size=(4, 2), in_channels=3, dropout=0.2, drop_path=0.1, gelu="tanh"),
    dict(image_size=[8, 8], num_blocks=3),
])
def test_round_trip(tmp_path, changes):
    model = random_mixer(**changes)
    stem = model.patch_embedding
    data = dataset(*stem.image_size, stem.in_channels)
    save_checkpoint(tmp_path / "new" / "folder" / "m.safetensors", model, data, epochs_done=3, note=["ü"])
    loaded, about = load_checkpoint(str(tmp_path / "new" / "folder" / "m.safetensors"))
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    assert loaded.config == model.config and not loaded.training
    assert vars(about.dataset) == dict(name="own", classes=["cat", "dog"], mean=list(data.mean), std=list(data.std))
    assert about.epochs_done == 3 and about.note == ["ü"]
    # What it tells of the data is enough to use the model, and a model that was loaded can be saved and trained.
    assert torch.equal(predict(loaded, data.test_images, about.dataset), predict(model, data.test_images, data))
    save_checkpoint(tmp_path / "again.safetensors", loaded, about.dataset)
    assert load_checkpoint(tmp_path / "again.safetensors")[0].config == model.config
    fit(loaded, data, Recipe(epochs=1))


def test_file_is_safetensors_with_the_configuration_inside(checkpoint):
    with safe_open(checkpoint, framework="pt") as file:
        about = json.loads(file.metadata()["mixer_lib"])
        assert set(file.keys()) == set(MlpMixer(**SMALL).state_dict())
    assert about["model"] == SMALL | dict(dropout=0.0, drop_path=0.0, gelu="none")
    assert about["architecture"] == "MlpMixer"
    assert about["dataset"] == dict(name="own", classes=["cat", "dog"], mean=[0.1], std=[0.3])
    assert [path.name for path in checkpoint.parent.iterdir()] == ["model.safetensors"]


def test_weights_that_are_views_are_saved(tmp_path):
    """safetensors takes only tensors that lie in memory as they are read."""
    model = random_mixer(hidden_dim=4)
    layer = model.blocks[0].channel_mixing.fc1
    layer.weight = torch.nn.Parameter(torch.randn(4, 8).T)
    assert not layer.weight.is_contiguous()
    save_checkpoint(tmp_path / "m.safetensors", model, dataset())
    assert torch.equal(load_checkpoint(tmp_path / "m.safetensors")[0].blocks[0].channel_mixing.fc1.weight, layer.weight)


def test_half_precision_file_gives_a_float32_model(tmp_path):
    model = random_mixer().half()
    save_checkpoint(tmp_path / "half.safetensors", model, dataset())
    loaded, _ = load_checkpoint(tmp_path / "half.safetensors")
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    assert torch.equal(loaded.head.weight, model.head.weight.float())


def expect(error, message, path, load=load_checkpoint):
    """Loading must fail, in one line that names the file."""
    with pytest.raises(error, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, 1000, -100, -1])
def test_truncated_checkpoint(checkpoint, keep):
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    expect(ValueError, "is not a whole safetensors file", checkpoint)


@pytest.mark.parametrize("contents", [b"hello", bytes(1000), b"\xff" * 1000, pickle.dumps({"a": 1})])
def test_not_a_checkpoint(tmp_path, contents):
    (tmp_path / "m.safetensors").write_bytes(contents)
    expect(ValueError, "is not a whole safetensors file", tmp_path / "m.safetensors")


def test_no_checkpoint(tmp_path):
    expect(FileNotFoundError, "there is no checkpoint at", tmp_path / "none.safetensors")
    expect(FileNotFoundError, "there is no checkpoint at", tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_checkpoint_of_another_program(tmp_path, metadata):
    save_file({"w": torch.zeros(2)}, tmp_path / "m.safetensors", metadata)
    expect(ValueError, "holds no mixer_lib configuration", tmp_path / "m.safetensors")


ABOUT = {"model": SMALL, "dataset": dict(name="own", classes=["cat", "dog"], mean=[0.1], std=[0.3])}


@pytest.mark.parametrize("about", [
    "not json", "[]", "3", "{}", json.dumps({"model": SMALL}), json.dumps(ABOUT | {"model": 3}),
    json.dumps(ABOUT | {"model": SMALL | {"patch_size": 3}}),
    json.dumps(ABOUT | {"model": SMALL | {"hidden_dim": "8"}}),
    json.dumps(ABOUT | {"model": SMALL | {"color": "red"}}),
    json.dumps(ABOUT | {"model": SMALL | {"hidden_dim": 10**15}}),
    json.dumps(ABOUT | {"model": {"image_size": 8}}),
    json.dumps(ABOUT | {"dataset": {"name": "own"}}), json.dumps(ABOUT | {"dataset": "own"}),
    json.dumps(ABOUT | {"architecture": "Transformer"}), json.dumps(ABOUT | {"architecture": 3}),
])
def test_damaged_configuration(tmp_path, about):
    save_file(random_mixer().state_dict(), tmp_path / "m.safetensors", {"mixer_lib": about})
    expect(ValueError, r"the configuration in .* makes no model", tmp_path / "m.safetensors")


@pytest.mark.parametrize("changes", [dict(hidden_dim=12), dict(num_blocks=40), dict(num_classes=0)])
def test_weights_that_do_not_fit_the_configuration(tmp_path, changes):
    about = json.dumps(ABOUT | {"model": SMALL | changes})
    save_file(random_mixer().state_dict(), tmp_path / "m.safetensors", {"mixer_lib": about})
    expect(ValueError, r"the weights in .* do not fit its configuration: Error", tmp_path / "m.safetensors")


# ---- whole files or none ---------------------------------------------------------------------------------------


def disk_full(path, data):
    with open(path, "wb") as file:
        file.write(bytes(data)[:len(data) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(path, data):
    with open(path, "wb") as file:
        file.write(bytes(data)[:len(data) // 2])
    raise KeyboardInterrupt


SAVES = {
    "model.safetensors": lambda path: save_checkpoint(path, random_mixer(), dataset()),
    "history.csv": lambda path: save_table(path, [{"epoch": 1, "val_loss": 0.5}]),
    "snapshots.safetensors": lambda path: save_snapshots(path, {0: token_mixing_weights(random_mixer())}),
    "resume.pt": lambda path: save_state(path, {"a": torch.ones(3)}),
    "command.txt": lambda path: write_atomically(path, b"python -m mixer_lib\n"),
}


@pytest.mark.parametrize("name", SAVES)
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", disk_full)
        with pytest.raises(OSError, match=f"cannot write {path}: .*No space left"):
            SAVES[name](path)
        patch.setattr(Path, "write_bytes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            SAVES[name](path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    (tmp_path / f"{name}.part").write_bytes(b"left by a kill")
    SAVES[name](path)
    assert path.read_bytes() != b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", SAVES)
def test_old_file_stays_until_the_new_one_is_whole(tmp_path, monkeypatch, name):
    path, seen = tmp_path / name, []
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", lambda source, target: seen.append((path.read_bytes(), Path(source), target)))
    SAVES[name](path)
    (old, source, target), = seen
    assert old == b"old" and source.parent == path.parent and target == path and source.stat().st_size > 3


def test_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "m", tmp_path / "file" / "sub" / "m"):
        with pytest.raises(OSError, match=f"cannot write {path}"):
            write_atomically(path, b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="cannot write"):
        write_atomically(tmp_path / "folder", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


# ---- tables that grow ------------------------------------------------------------------------------------------


ROWS = [{"step": step, "loss": 1 / (step + 3), "lr": 1e-3 * 0.1 ** step} for step in range(5)]


def test_rows_are_appended_and_come_back_exactly(tmp_path):
    path = tmp_path / "new" / "steps.csv"
    append_rows(path, [])
    assert path.read_bytes() == b"" and read_rows(path) == []
    append_rows(path, ROWS[:2])
    first = path.read_bytes()
    append_rows(path, ROWS[2:])
    assert path.read_bytes().startswith(first) and path.read_text().startswith("step,loss,lr\n0,")
    assert read_rows(path) == ROWS and isinstance(read_rows(path)[1]["step"], int)


def test_failed_append_leaves_the_table(tmp_path):
    path = tmp_path / "steps.csv"
    append_rows(path, ROWS[:2])
    before = path.read_bytes()
    append_rows(path, ROWS[2:])
    limit = len(before) + 7         # the disk is full in the middle of a row
    handler, old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(before)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
        with pytest.raises(OSError, match=f"cannot write {path}: "):
            append_rows(path, ROWS[2:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before


def test_a_table_keeps_its_columns(tmp_path):
    path = tmp_path / "steps.csv"
    append_rows(path, ROWS[:2])
    append_rows(path, [{"new": 7, **row} for row in ROWS[2:]])
    assert read_rows(path) == ROWS
    with pytest.raises(KeyError):       # rather than a row with a hole
        append_rows(path, [{"step": 5, "loss": 0.5}])
    assert read_rows(path) == ROWS


@pytest.mark.parametrize("count", [0, 1, 4])
@pytest.mark.parametrize("tail", [b"", b"5,0.1", b"5,0.1\n6,\xff"])
def test_keep_rows_drops_what_a_kill_left(tmp_path, count, tail):
    path = tmp_path / "steps.csv"
    append_rows(path, ROWS)
    path.write_bytes(path.read_bytes() + tail)
    assert keep_rows(path, count) == ROWS[:count] == read_rows(path)
    append_rows(path, ROWS[count:])
    assert read_rows(path) == ROWS


def test_keep_rows_needs_all_of_them(tmp_path):
    path = tmp_path / "steps.csv"
    for contents in (b"", b"step,loss\n0,0.5\n", b"step,loss\n0,0.5\n1,\n", b"step,loss\n0,a\n1,0.5\n"):
        path.write_bytes(contents)
        with pytest.raises(ValueError, match=f"{path} is damaged.*: start again in another folder"):
            keep_rows(path, 2)
    with pytest.raises(ValueError, match=f"{tmp_path / 'none.csv'} is damaged"):
        keep_rows(tmp_path / "none.csv", 1)


def test_only_known_architectures_are_saved(tmp_path):
    class MyMixer(MlpMixer):
        pass

    for model in (to_conv(random_mixer()), MyMixer(**SMALL)):
        with pytest.raises(ValueError, match=f"a {type(model).__name__} cannot be saved: expected one of MlpMixer"):
            save_checkpoint(tmp_path / "m.safetensors", model, dataset())
    assert not (tmp_path / "m.safetensors").exists()


def test_checkpoint_of_the_first_version_loads():
    """A file from before checkpoints named their architecture."""
    model, about = load_checkpoint(Path(__file__).parent / "files" / "checkpoint-1.safetensors")
    assert vars(model.config) == SMALL | dict(image_size=(8, 12), dropout=0.1, drop_path=0.0, gelu="none")
    assert about.dataset.classes == ["cat", "dog"] and about.epochs_done == 2
    with torch.no_grad():
        logits = model(torch.linspace(-1, 1, 96).view(1, 1, 8, 12))
    torch.testing.assert_close(logits, torch.tensor(about.logits), rtol=1e-4, atol=1e-5)


# ---- the state of a run ----------------------------------------------------------------------------------------


STATE = {"model": {"w": torch.arange(6.0).view(2, 3)}, "settings": {"lr": 0.1, "sizes": (1, 2), "flip": True},
         "history": {"steps": [{"step": 0}], "epochs": []}}


def test_state(tmp_path):
    save_state(tmp_path / "resume.pt", STATE)
    state = load_state(tmp_path / "resume.pt")
    assert torch.equal(state["model"].pop("w"), STATE["model"]["w"])
    assert {**state, "model": None} == {**STATE, "model": None}
    expect(FileNotFoundError, "nothing to resume", tmp_path / "none.pt", load_state)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [
    lambda path, evil: torch.save({**STATE, "history": evil}, path),
    lambda path, evil: torch.save(evil, path, _use_new_zipfile_serialization=False),
    lambda path, evil: path.write_bytes(pickle.dumps(evil)),
])
def test_code_in_a_state_does_not_run(tmp_path, write):
    proof = tmp_path / "proof"
    write(tmp_path / "resume.pt", Malicious(proof))
    expect(ValueError, "is damaged or not the state of a run", tmp_path / "resume.pt", load_state)
    assert not proof.exists()
    if write.__code__.co_names[-1] == "dumps":
        pickle.loads((tmp_path / "resume.pt").read_bytes())
        assert proof.exists()       # so the file was indeed a danger


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damaged_state(tmp_path):
    path = tmp_path / "resume.pt"
    save_state(path, STATE)
    whole = path.read_bytes()
    for keep in (0, 1, 10, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:keep])
        expect(ValueError, "is damaged or not the state of a run", path, load_state)
    for contents in (b"hello", bytes(1000), b"PK\x03\x04" + bytes(100)):
        path.write_bytes(contents)
        expect(ValueError, "is damaged or not the state of a run", path, load_state)
    refused = 0
    for place in range(0, len(whole), 3):       # a wrong byte is found out, or is where it does not matter
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])
        try:
            load_state(path)
        except ValueError:
            refused += 1
    assert refused > 100
