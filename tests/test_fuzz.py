"""Files that are not what their name says: each command answers or refuses them in one line, in a moment, and leaves no
half a file."""

import io
import os
import pickle
import random
import shlex
import signal
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from mixer_lib.cli import main

MODEL = "--num-blocks 1 --hidden-dim 4 --tokens-mlp-dim 4 --channels-mlp-dim 4 --epochs 1"


class Explodes:
    """A pickle that would do harm if it were read."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


def image_bytes(kind="PNG", size=(9, 8)):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(256, size=(*size, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def npz_bytes(**arrays):
    file, numbers = io.BytesIO(), np.random.default_rng(0)
    np.savez(file, **dict(train_images=numbers.integers(256, size=(12, 8, 8, 3), dtype=np.uint8),
                          train_labels=np.arange(12) % 2) | arrays)
    return file.getvalue()


def zip_bytes(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def strangers():
    """Whole files of other kinds, by what they are."""
    numbers = random.Random(0)
    for length in (0, 1, 7, 100, 5000):
        yield f"{length} random bytes", numbers.randbytes(length)
    yield "text", b"label,image\n1,cat.png\n"
    yield "html", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    yield "a pickle", pickle.dumps(Explodes())
    torch_file = io.BytesIO()
    torch.save({"model": Explodes()}, torch_file)
    yield "a pickle of torch", torch_file.getvalue()
    yield "a png", image_bytes()
    yield "a jpeg", image_bytes("JPEG")
    yield "a zip", zip_bytes(readme="hello")
    yield "a zip of pickles", zip_bytes(**{f"{name}.npy": pickle.dumps(Explodes()) for name in
                                           ("train_images", "train_labels")})
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x"), io.BytesIO())
    yield "a tar", tar.getvalue()
    shape = b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 999, 999), }"
    header = b"\x93NUMPY\x01\x00v\x00" + shape.ljust(118)
    yield "an array said to be huge", zip_bytes(**{"train_images.npy": header, "train_labels.npy": header})
    yield "an npz", npz_bytes()
    yield "an npz of objects", npz_bytes(train_labels=np.array([Explodes()] * 12, dtype=object))
    yield "an npz without images", npz_bytes(train_images=np.zeros(12, np.uint8))
    yield "safetensors said to be huge", (2**40).to_bytes(8, "little") + b"{}"
    yield "safetensors of something else", save({"a": torch.zeros(3)})


def damaged(content):
    """A whole file cut off, and with some of its bytes changed."""
    numbers = random.Random(1)
    for share in (0.1, 0.5, 0.9, 0.99):
        yield f"cut at {share}", content[:int(share * len(content))]
    for count in (1, 3, 30, 300) * 3:
        changed = bytearray(content)
        for _ in range(count):
            changed[numbers.randrange(len(changed))] = numbers.randrange(256)
        yield f"{count} bytes changed", bytes(changed)
    yield "zeros at the end", content + bytes(1000)


@pytest.fixture
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def late(*args):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late) if hasattr(signal, "SIGALRM") else None
    yield tmp_path
    if before is not None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answered(capsys, command, what):
    """A command ends in a moment, with an answer or one line of an error. Returns its exit code."""
    capsys.readouterr()
    if hasattr(signal, "SIGALRM"):
        signal.alarm(60)
    code = main(shlex.split(command))
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code in (0, 2), (what, command)
    assert (code == 0) == (not errors) and "Traceback" not in out + err, (what, command, err)
    assert code == 0 or (len(errors[-1]) > 20 and err.rstrip().endswith(errors[-1])), (what, command, err)
    assert not os.path.exists("harm"), (what, command)
    return code


def half_files(folder):
    return [path for path in folder.rglob("*") if path.suffix in (".part", ".tmp")]


def test_as_arrays(there, capsys):
    files = [*strangers(), *damaged(npz_bytes())]
    codes = []
    for number, (what, content) in enumerate(files):
        (there / "own.npz").write_bytes(content)
        answered(capsys, "data own.npz", what)
        codes.append(answered(capsys, f"train --dataset own.npz --out {number} {MODEL}", what))
        assert (codes[-1] == 0) == (there / f"{number}").exists() and not half_files(there), what
    assert codes[[what for what, _ in files].index("an npz")] == 0 and codes.count(2) > 20


def test_as_an_image(there, capsys):
    for name in ("cat", "dog"):
        (there / "photos" / name).mkdir(parents=True)
        for number in range(3):
            (there / "photos" / name / f"{number}.png").write_bytes(image_bytes(size=(8, 8)))
    assert answered(capsys, f"train --dataset photos --out run {MODEL}", "") == 0
    files = [*strangers(), *damaged(image_bytes()), *damaged(image_bytes("JPEG")), *damaged(image_bytes("TIFF"))]
    codes = []
    for number, (what, content) in enumerate(files):
        path = there / "photos" / "cat" / f"odd.{('png', 'jpg', 'tif')[number % 3]}"
        path.write_bytes(content)
        assert answered(capsys, "data photos", what) == 0
        codes.append(answered(capsys, f"train --dataset photos --image-size 8 --out {number} {MODEL}", what))
        assert (codes[-1] == 0) == (there / f"{number}").exists() and not half_files(there), what
        assert answered(capsys, f"predict {path} photos/dog/1.png --checkpoint run", what) == codes[-1], what
        path.unlink()
    assert codes.count(0) > 5 and codes.count(2) > 20


def test_as_a_model_and_as_the_state_of_a_run(there, capsys):
    (there / "own.npz").write_bytes(npz_bytes())
    assert answered(capsys, f"train --dataset own.npz --out whole {MODEL} --epochs 2", "") == 0
    Image.new("RGB", (8, 8)).save("a.png")
    for name, command in (("model.safetensors", "evaluate run"),
                          ("model.safetensors", "predict a.png --checkpoint run"),
                          ("model.safetensors", "info run/model.safetensors"),
                          ("resume.pt", "train --out run --resume"),
                          ("command.txt", "train --out run --resume"), ("history.csv", "train --out run --resume"),
                          ("steps.csv", "train --out run --resume")):
        whole = (there / "whole" / name).read_bytes()
        for what, content in [*strangers(), *damaged(whole)]:
            (there / "run").mkdir(exist_ok=True)
            for path in (there / "whole").iterdir():
                (there / "run" / path.name).write_bytes(path.read_bytes().replace(b"--out whole", b"--out run"))
            (there / "run" / name).write_bytes(content)
            try:
                answered(capsys, command, what)
            except SystemExit as ended:         # argparse, of what stands in command.txt
                assert ended.code == 2 and name == "command.txt", (what, command)
            assert not half_files(there), (what, command)
