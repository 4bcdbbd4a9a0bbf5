"""torchrun -m mixer_lib train: the command on several processes, and what happens when one of them fails."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from commands import FILES, TRAIN, epochs, refused, run, same
from mixer_lib.cli.say import say, say_error
from mixer_lib.cli.train import program
from mixer_lib.training.devices import local_device

if os.name != "posix":
    pytest.skip("needs signals", allow_module_level=True)

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LONG = TRAIN.replace("--epochs 3", "--epochs 20")
# The second process fails in its fifth step; the first has no error of its own.
BROKEN = """
import sys
from mixer_lib.cli import main
from mixer_lib.training import loop, processes

steps, train_step = [], loop.train_step

def broken(*args):
    steps.append(1)
    if processes.rank() == 1 and len(steps) == 5:
        raise ValueError("the disk is on fire")
    return train_step(*args)

loop.train_step = broken
sys.exit(main(sys.argv[1:]))
"""


def start(words, *options, script=("-m", "mixer_lib")):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen([*TORCHRUN, *options, *script, *shlex.split(words)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_epochs(process, least):
    path, deadline = Path("run/history.csv"), time.monotonic() + 300
    while not path.exists() or path.read_bytes().count(b"\n") <= least:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_worker_comes_back(there):
    """By SIGKILL, in the middle: the run ends as one that nobody disturbed, to the last bit."""
    process, whole = start(LONG, "--max-restarts", "1"), start(LONG.replace("--out run", "--out whole"))
    wait_for_epochs(process, 2)
    workers = [child for child in psutil.Process(process.pid).children() if "RANK" in child.environ()]
    victim, = (child for child in workers if child.environ()["RANK"] == "1")
    victim.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    assert process.returncode == 0, err
    whole.communicate()
    assert {path.name for path in (there / "run").iterdir()} == FILES
    assert epochs(there / "run") == epochs(there / "whole") and len(epochs(there / "run")) == 20
    assert same("run/model.safetensors", "whole/model.safetensors")
    assert len(re.findall("^epoch 20, held out: ", out, re.M)) == 1
    assert len(re.findall(", on cpu, 2 processes$", err, re.M)) == 2        # said by one, and by it again


def test_error_of_one_process_ends_all(there):
    """Within seconds, and with its message."""
    (there / "broken.py").write_text(BROKEN)
    process = start(LONG, script=["broken.py"])
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "error in process 1: the disk is on fire\n" in err
    assert len(epochs(there / "run")) == 1      # of three steps


def test_interrupt_ends_all_together(there):
    """Ctrl-C reaches torchrun, which passes it on; one process says how to go on, and what is there can be resumed."""
    process = start(LONG)
    wait_for_epochs(process, 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    done = len(epochs(there / "run"))
    said, = re.findall(r"Interrupted after \d+ of 60 steps: run holds (\d+) whole epochs?\.$", err, re.M)
    assert int(said) == done < 20
    assert "to go on from there: torchrun --nproc-per-node 2 -m mixer_lib train --out run --resume\n" in err
    assert run("train --out run --resume") == 0 and len(epochs(there / "run")) == 20


# ---- without other processes --------------------------------------------------------------------------------------


@pytest.fixture
def launched(monkeypatch):
    """launched(rank=1, count=2): as if torchrun had started this process."""
    def launch(rank=0, count=2):
        for name, value in dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=count, LOCAL_WORLD_SIZE=count,
                                MASTER_ADDR="localhost", MASTER_PORT=1).items():
            monkeypatch.setenv(name, str(value))

    return launch


def test_each_process_has_a_device(monkeypatch, launched):
    for name, value in dict(is_available=True, device_count=2).items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    assert str(local_device("auto")) == "cuda" and str(local_device("cuda:1")) == "cuda:1"
    launched(rank=1)
    assert [str(local_device(name)) for name in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    with pytest.raises(ValueError, match="device is 'cuda:1', but 2 processes train together"):
        local_device("cuda:1")
    launched(rank=2, count=3)
    with pytest.raises(ValueError, match="there are 3 processes for the 2 GPUs of this machine"):
        local_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert str(local_device("auto")) == "cpu"
    with pytest.raises(ValueError, match="device is 'mps', but 3 processes"):
        local_device("mps")


def test_one_process_speaks(monkeypatch, launched, capsys):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    for rank, said in (0, "hello\nerror: it is\nbroken"), (1, "error in process 1: it is\nbroken"):
        launched(rank)
        say("hello")
        say_error(ValueError("it is\n  broken"))
        assert capsys.readouterr().err == said.replace("is\nbroken", "is broken") + "\n"


def test_one_process_is_enough_where_nothing_is_shared(launched, capsys):
    said = []
    for rank in 0, 1:
        launched(rank)
        assert run("info mnist") == 0
        said.append(capsys.readouterr().out)
    assert "mnist" in said[0] and said[1] == ""


def test_advice_names_torchrun(launched):
    assert program() == ["python", "-m", "mixer_lib", "train"]
    launched(count=4)
    assert program() == ["torchrun", "--nproc-per-node", "4", "-m", "mixer_lib", "train"]


def test_shard_needs_processes(there, capsys):
    refused(capsys, TRAIN + " --shard", "shard=True spreads a model over several processes, .* torchrun")
    assert not (there / "run").exists()
