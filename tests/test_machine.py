"""The check of the machine names what is missing, and finds nothing missing where the tests run."""

import importlib.metadata
import os

import pytest

from mixer_lib import checkpoints, machine
from mixer_lib.machine import check_machine


@pytest.fixture
def said(capsys):
    def run():
        missing = check_machine()
        lines = capsys.readouterr().out.splitlines()
        marked = [line for line in lines if line.startswith("✗")]
        assert len(marked) == missing
        assert ("Everything is there" in lines[-1]) == (not missing) and ("✗" in lines[-1]) == bool(missing)
        return lines, marked
    return run


def test_everything_is_there(said):
    lines, marked = said()
    assert not marked
    for word in ("Python 3", "torch 2", "ipywidgets", "GB of memory", "mnist 10,000, cifar10 5,000", "models: "):
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
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 250_000}[name])
    line, = said()[1]
    assert "1 GB of memory: a lesson takes up to 2 GB" in line


def test_memory_unknown(said, monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    lines, marked = said()
    assert not marked and any("memory unknown" in line for line in lines)


def test_missing_images(said, monkeypatch):
    def fail(name):
        raise FileNotFoundError(f"no {name}.png")

    monkeypatch.setattr(machine, "load_dataset", fail)
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
    monkeypatch.setattr(machine.sys, "version_info", (3, 9))
    line, = said()[1]
    assert "the course needs 3.10 or newer" in line
