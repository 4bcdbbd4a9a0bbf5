"""The check of the machine names what is missing, and finds nothing missing where the tests run."""

import importlib.metadata
from types import SimpleNamespace

import psutil
import pytest
import torch

from mixer_lib import check_setup as setup
from mixer_lib import checkpoints
from mixer_lib.check_setup import check_setup


@pytest.fixture
def said(capsys):
    def run():
        missing = check_setup()
        lines = capsys.readouterr().out.splitlines()
        marked = [line for line in lines if line.startswith("✗")]
        assert len(marked) == missing
        assert ("Everything is there" in lines[-1]) == (not missing) and ("✗" in lines[-1]) == bool(missing)
        return lines, marked
    return run


def test_everything_is_there_in_one_line(said):
    (line,), marked = said()
    assert not marked and line.startswith("✓ Everything is there. Lessons train on ")


def test_where_one_thing_is_missing_the_others_are_named_too(said, monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9))
    lines, _ = said()
    for word in ("torch 2", "ipywidgets", "GB of memory", "mnist 10,000, cifar10 5,000", "models: "):
        assert any(word in line for line in lines), word


def test_missing_package(said, monkeypatch):
    real = importlib.metadata.version

    def version(name):
        if name == "ipywidgets":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.0" if name == "torch" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    old, gone = said()[1]
    assert old.startswith("✗ torch 1.2.0: the course needs ") and ">=2.4" in old and "pip install 'torch" in old
    assert gone.startswith("✗ ipywidgets is not installed: run: ") and "pip install 'ipywidgets" in gone


def test_little_memory(said, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=1.024e9))
    line, = said()[1]
    assert "1 GB of memory: a lesson takes up to 2 GB" in line


def test_where_lessons_train(said, monkeypatch):
    def there(device, bf16):
        monkeypatch.setattr(setup, "best_device", lambda: torch.device(device))
        monkeypatch.setattr(setup, "fast_bf16", lambda device: bf16)
        return said()[0][-1].removeprefix("✓ Everything is there. Lessons train on ")

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Test")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert there("cpu", False) == "the CPU, which is enough (CPU: 1 thread, float32)."
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert there("mps", True) == ("mps; the CPU would be enough, too (CPU: 4 threads, bf16, about twice as fast as "
                                  "float32).")
    assert there("cuda", False).startswith("cuda (NVIDIA Test); the CPU would be enough, too ")


def test_missing_notebook_package(said, monkeypatch):
    """What a notebook needs beside the package's own requirements is looked for, too."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0" if name == "ipykernel" else real(name))
    line, = said()[1]
    assert line.startswith("✗ ipykernel 1.0: the course needs >=6")


def test_missing_images(said, monkeypatch):
    def fail(name):
        raise FileNotFoundError(f"no {name}.png")

    monkeypatch.setattr(setup, "load_dataset", fail)
    line, = said()[1]
    assert "the images that come with the course: no mnist.png. Clone" in line


def test_missing_or_damaged_models(said, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    line, = said()[1]
    assert "there are none. Clone" in line
    (tmp_path / "mnist.md").write_text("# mnist")
    line, = said()[1]
    assert "there is no checkpoint at" in line and "Clone" in line
    (tmp_path / "mnist.safetensors").write_bytes(b"half a fi")
    line, = said()[1]
    assert "mnist.safetensors is not a whole safetensors file" in line


def test_old_python(said, monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9))
    line, = said()[1]
    assert "the course needs 3.10 or newer" in line
