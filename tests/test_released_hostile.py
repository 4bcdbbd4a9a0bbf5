"""Damaged and hostile files of weights: one line says what is wrong, nothing in them runs, and they take no memory."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from mixer_lib.pretrained import load_released, reading
from released_files import LAYOUTS, flax_arrays, paddle_state, rewrite_zip, timm_state, write_pickle, write_timm

FEW = flax_arrays(blocks=1)
ALLOWED = 2**24         # bytes beside what the file itself takes


def refused(path, message=""):
    """One line that names the file; and next to no memory. Returns the line."""
    with pytest.raises(ValueError, match=message) as error:
        load_released(path)
    line = str(error.value)
    assert "\n" not in line and str(path) in line and len(line) < 500
    assert "weights_only" not in line and "allow_pickle" not in line       # no advice to read it unsafely
    return line


class Runs:
    """Makes a file when it is unpickled by a reader that runs what it finds."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists()


def evil_calls(mark):
    return [Runs(os.system, f"touch {mark}"), Runs(eval, f"open({str(mark)!r}, 'w')"), Runs(open, str(mark), "w"),
            Runs(Path.touch, Path(mark)), Runs(np.save, str(mark), 1), Runs(getattr, "", "upper"),
            Runs(bytearray, 10**10), Runs(print, "it ran")]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_pickles_run_nothing(tmp_path, mark, protocol, capsys):
    for number, evil in enumerate(evil_calls(mark)):
        for content in (evil, {"head.fc_cls.weight": evil}, paddle_state(FEW) | {"x": evil}):
            path = tmp_path / f"{number}.pdparams"
            path.write_bytes(pickle.dumps(content, protocol))
            refused(path, "asks for|has the instruction|no .npz")
    assert "it ran" not in capsys.readouterr().out


def test_torch_files_run_nothing(tmp_path, mark, capsys):
    for evil in evil_calls(mark):
        for new in (True, False):
            torch.save(timm_state(FEW) | {"x": evil}, tmp_path / "a.pth", _use_new_zipfile_serialization=new)
            refused(tmp_path / "a.pth", "its pickle asks for ")
    assert "it ran" not in capsys.readouterr().out


def test_arrays_of_objects_are_refused(tmp_path, mark):
    objects = np.array([Runs(os.system, f"touch {mark}")], dtype=object)
    np.savez(tmp_path / "a.npz", **FEW | {"head/bias": objects})
    refused(tmp_path / "a.npz", "head/bias is an array of object, expected floats")
    write_pickle(tmp_path / "a.pdparams", {"x": objects})
    refused(tmp_path / "a.pdparams", "asks for|Python objects|type 'O")
    write_pickle(tmp_path / "b.pdparams", {"x": np.array([None, {}], dtype=object)})
    refused(tmp_path / "b.pdparams", "type 'O8'")


@pytest.mark.parametrize("call", [
    b"cnumpy\nload\n", b"cnumpy.core.multiarray\nscalar\n", b"cbuiltins\neval\n", b"c__builtin__\ntuple\n",
    b"cnumpy\n_reconstruct\n", b"ccollections\ndeque\n", b"c_codecs\ndecode\n", b"cpickle\nloads\n"])
def test_only_the_listed_globals(tmp_path, call):
    (tmp_path / "a.pd").write_bytes(b"\x80\x02" + call + b".")
    refused(tmp_path / "a.pd", "its pickle asks for ")


@pytest.mark.parametrize("code, name", [(b"i", "INST"), (b"o", "OBJ"), (b"\x81", "NEWOBJ"), (b"\x92", "NEWOBJ_EX"),
                                        (b"\x82\x01", "EXT1"), (b"Q", "BINPERSID"), (b"P1\n", "PERSID")])
def test_only_the_instructions_that_arrays_need(tmp_path, code, name):
    code = code + b"os\nsystem\n" if name == "INST" else code
    (tmp_path / "a.pd").write_bytes(b"\x80\x02}(" + code + b".")
    refused(tmp_path / "a.pd", f"instruction {name},")


def test_encode_takes_latin1_only(tmp_path):
    (tmp_path / "a.pd").write_bytes(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.")
    refused(tmp_path / "a.pd", "encodes text as 'zlib'")


def test_torch_files_of_another_protocol(tmp_path):
    """Which torch would read, with a warning of several lines."""
    torch.save(timm_state(FEW), tmp_path / "a.pth", pickle_protocol=3)
    refused(tmp_path / "a.pth", "its pickle has protocol 3, which torch.save does not write")


@pytest.mark.parametrize("name", LAYOUTS)
def test_cut_files(tmp_path, name):
    path = tmp_path / name
    LAYOUTS[name](path, FEW)
    whole = path.read_bytes()
    for share in (0, 0.0003, 0.001, 0.01, 0.3, 0.6, 0.9, 0.99, 0.9999):
        path.write_bytes(whole[:int(share * len(whole))])
        refused(path, "cannot (read|load)|not a whole")


@pytest.mark.parametrize("name", LAYOUTS)
def test_changed_bytes(tmp_path, name):
    """A file with bytes changed is refused in one line, or gives a model; nothing else is raised."""
    path, random = tmp_path / name, np.random.default_rng(0)
    LAYOUTS[name](path, FEW)
    whole = path.read_bytes()
    refusals = 0
    for trial in range(60):
        data = bytearray(whole)
        near = 400 if trial % 2 else len(data)         # the beginning and the end hold the structure
        for place in random.integers(0, near, 3):
            data[place if trial % 4 != 3 else -1 - place] = random.integers(256)
        path.write_bytes(data)
        try:
            load_released(path)
        except ValueError as error:
            refusals += 1
            assert "\n" not in str(error) and str(path) in str(error)
    assert refusals > 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["flax.npz", "timm.pth", "timm.safetensors", "paddle.pdparams"])
def test_numbers_that_are_not_finite(tmp_path, name, value):
    bias = FEW["head/bias"].copy()
    bias[3] = value
    LAYOUTS[name](tmp_path / name, FEW | {"head/bias": bias})
    refused(tmp_path / name, "head.*bias has numbers that are not finite")


@pytest.mark.parametrize("content, message", [
    (b"", "it is empty"), (b"<!DOCTYPE html><html>404</html>", "a web page"), (b"\n <html>", "a web page"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "it is a picture"), (b"\x89PNG\r\n\x1a\n\x00", "it is a picture"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "a Git LFS pointer"), (b"\x1f\x8b\x08", "gzip"),
    (b"hello", "no .npz, .safetensors, .pth or .pdparams file"), (bytes(1000), "no .npz"), (b"PK\x03\x04", "damaged"),
    (b"\x80\x04.", "damaged"), (b"\x80\x04N.", "holds a NoneType"), (b"\x80\x04}.", "its first names are nothing"),
    (struct.pack("<Q", 2) + b"{}", "its first names are nothing")])
def test_what_is_no_file_of_weights(tmp_path, content, message):
    (tmp_path / "Mixer-B_16.npz").write_bytes(content)
    refused(tmp_path / "Mixer-B_16.npz", message)


def bombs(folder):
    """(path, message): small files that claim to be gigabytes."""
    def path(name):
        return folder / name

    for claim in (2**30, 2**40, 2**63 - 1, 2**64 - 1):
        path(f"header{claim}.safetensors").write_bytes(struct.pack("<Q", claim) + b"{" + b" " * 100)
        yield path(f"header{claim}.safetensors"), "not a whole safetensors file"
    header = dict(dtype="F32", shape=[2**20, 2**20], data_offsets=[0, 2**42])
    header = json.dumps({"stem.proj.weight": header}).encode()
    path("shape.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(100))
    yield path("shape.safetensors"), "not a whole safetensors file"

    with (zipfile.ZipFile(path("zeros.npz"), "w", zipfile.ZIP_DEFLATED) as archive,
          archive.open("stem/kernel.npy", "w") as member):
        np.lib.format.write_array_header_1_0(member, dict(descr="<f4", fortran_order=False, shape=(2**25,)))
        for _ in range(128):
            member.write(bytes(2**20))
    yield path("zeros.npz"), "unpacks from .* bytes to 134,"
    np.savez(path("claims.npz"), **FEW)
    big = io.BytesIO()
    np.lib.format.write_array_header_1_0(big, dict(descr="<f4", fortran_order=False, shape=(2**20, 2**20)))
    rewrite_zip(path("claims.npz"), {"stem/kernel.npy": big.getvalue()})
    yield path("claims.npz"), r"stem/kernel, of shape \[1048576, 1048576\], takes 0 bytes, which does not fit"
    long = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1)
    np.savez(path("long.npz"), **FEW)
    rewrite_zip(path("long.npz"), {"stem/kernel.npy": long})
    yield path("long.npz"), "no array as np.savez writes it"

    place = b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b"."           # Python would make a list of so many places
    path("place.pdparams").write_bytes(place)
    yield path("place.pdparams"), "keeps a value at place 4,294,967,295"
    torch.save(timm_state(FEW), path("place.pth"))
    rewrite_zip(path("place.pth"), {"data.pkl": place})
    yield path("place.pth"), "keeps a value at place 4,294,967,295"
    for name, code in (("bytes", b"\x8e"), ("text", b"\x8d"), ("frame", b"\x95")):
        path(f"{name}.pdparams").write_bytes(b"\x80\x04" + code + struct.pack("<Q", 2**34) + b"abc.")
        yield path(f"{name}.pdparams"), "damaged"

    # A tensor of many numbers over a storage of one, and a storage that is larger than the file.
    torch.save({"stem.proj.weight": torch.zeros(1).expand(2**20, 2**12)}, path("expanded.pth"))
    yield path("expanded.pth"), r"stem.proj.weight has the shape \[1048576, 4096\], but not as many numbers"
    for new in (True, False):
        name = path(f"storage{new}.pth")
        torch.save({"stem.proj.weight": torch.zeros(70000)}, name, _use_new_zipfile_serialization=new)
        small, large = struct.pack("<BI", ord("J"), 70000), struct.pack("<BI", ord("J"), 2**31 - 1)
        if new:
            with zipfile.ZipFile(name) as archive:
                pickled = archive.read(next(one for one in archive.namelist() if one.endswith("data.pkl")))
            rewrite_zip(name, {"data.pkl": pickled.replace(small, large)})
        else:
            name.write_bytes(name.read_bytes().replace(small, large))
        yield name, "damaged"
    torch.save(timm_state(FEW), path("packed.pth"))
    rewrite_zip(path("packed.pth"), {"data/0": bytes(2**24)}, zipfile.ZIP_DEFLATED)
    yield path("packed.pth"), "unpacks from|is compressed"
    torch.save(timm_state(FEW), path("packed_little.pth"))
    rewrite_zip(path("packed_little.pth"), {"data/0": os.urandom(2**10) * 2}, zipfile.ZIP_DEFLATED)
    yield path("packed_little.pth"), "is compressed|unpacks from"


def test_bombs_take_no_memory(tmp_path):
    names = []
    for path, message in bombs(tmp_path):
        tracemalloc.start()
        refused(path, message)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < ALLOWED, (path.name, most)
        names.append(str(path))
    # What torch and the reader of safetensors take is not Python's: the whole process shows it.
    script = ("import resource, sys; from mixer_lib.pretrained import load_released\n"
              "load_released('mnist')\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
              "for path in sys.argv[1:]:\n"
              "    try: load_released(path)\n"
              "    except ValueError: pass\n"
              "    else: sys.exit(path)\n"
              "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)")
    done = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 4 * ALLOWED


def test_shapes_are_compared_before_numbers_are_read(tmp_path, monkeypatch):
    """A file whose shapes are not those of a Mixer costs its header only."""
    read = []
    np.savez(tmp_path / "good.npz", **FEW)
    real = reading.np.lib.format.read_array
    monkeypatch.setattr(reading.np.lib.format, "read_array", lambda *args, **named: read.append(args) or real(
        *args, **named))
    np.savez(tmp_path / "a.npz", **FEW | {"MixerBlock_0/LayerNorm_1/bias": np.zeros(9, np.float32)})
    refused(tmp_path / "a.npz", r"MixerBlock_0/LayerNorm_1/bias is \[9\], expected \[8\]")
    assert not read
    load_released(tmp_path / "good.npz")
    assert len(read) == len(FEW)


@pytest.mark.parametrize("name, shape", [("stem/kernel", (0, 4, 3, 8)), ("stem/kernel", (8,)),
                                         ("head/kernel", (8, 5, 1)),
                                         ("MixerBlock_0/token_mixing/Dense_0/kernel", (16, 0)),
                                         ("MixerBlock_0/channel_mixing/Dense_0/kernel", (0, 10)),
                                         ("pre_head_layer_norm/scale", ()), ("head/kernel", (8, 0))])
def test_wrong_shapes(tmp_path, name, shape):
    np.savez(tmp_path / "a.npz", **FEW | {name: np.zeros(shape, np.float32)})
    refused(tmp_path / "a.npz", f"{name} is .*, expected|no MlpMixer")


def test_many_blocks_are_not_built(tmp_path):
    """A single name with a high number makes no model of thousands of blocks."""
    write_timm(tmp_path / "a.pth", timm_state(FEW) | {"blocks.9999.norm1.weight": torch.ones(8)})
    refused(tmp_path / "a.pth", "blocks of 2 numbers, and one of them is 9999: expected 0 to 1")
