"""python -m mixer_lib train --resume: a run survives being stopped and killed, and can be made longer."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

from commands import FILES, TRAIN, Interrupt, contents, epochs, refused, run, same, save_npz
from mixer_lib.checkpoints import load_checkpoint, load_state, save_state
from mixer_lib.cli import main
from mixer_lib.cli.train import merged
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, fit, loop

RESUME = "train --out run --resume"


def kept_command(folder):
    return (folder / "command.txt").read_text()


@pytest.mark.parametrize("n", [1, 5, 9])
def test_interrupted_run_is_resumed(home, there, capsys, monkeypatch, n):
    """By the command that the interrupted one prints, which needs none of the options again."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", Interrupt(n))
        assert run(TRAIN) == 130
    done, said = (n - 1) // 3, ["run holds no whole epoch yet", "run holds 1 whole epoch", "run holds 2 whole epochs"]
    err = capsys.readouterr().err
    assert f"Interrupted after {n - 1} of 9 steps: {said[done]}.\n" in err
    advice = err.splitlines()[-1]
    assert advice == f"to go on from there: python -m mixer_lib {RESUME}"
    assert len(epochs(there / "run")) == done
    if done:
        assert {path.name for path in (there / "run").iterdir()} == FILES
        refused(capsys, TRAIN, "run already holds a run: add --resume to go on with it, or choose another --out")
    assert main(shlex.split(advice)[8:]) == 0
    assert same("run/model.safetensors", home / "run/model.safetensors")
    assert epochs(there / "run") == epochs(home / "run")
    assert kept_command(there / "run") == f"python -m mixer_lib {TRAIN}\n"


def test_advice_after_an_interrupt_is_quoted(there, capsys, monkeypatch):
    monkeypatch.setattr(loop, "train_step", Interrupt(1))
    assert run(TRAIN.replace("--out run", "--out 'my run'")) == 130
    assert capsys.readouterr().err.endswith("python -m mixer_lib train --out 'my run' --resume\n")


def test_resume_a_complete_run(there, capsys):
    assert run(TRAIN) == 0
    report, files = capsys.readouterr().out, contents(there / "run")
    (there / "run" / "model.safetensors").unlink()
    for words in (RESUME, TRAIN + " --resume"):
        assert run(words) == 0
        assert capsys.readouterr().out == report
        after = contents(there / "run")
        assert after.keys() == files.keys()
        assert all(after[name] == files[name] for name in files if name.name != "resume.pt")


def test_a_folder_that_moved_is_resumed(home, there):
    """The command that it holds names another --out."""
    assert run(TRAIN) == 0
    os.rename("run", "moved")
    assert run("train --out moved --resume --epochs 4") == 0
    assert len(epochs(there / "moved")) == 4 and not (there / "run").exists()
    assert kept_command(there / "moved") == "python -m mixer_lib " + TRAIN.replace("--out run", "--out moved").replace(
        "--epochs 3", "--epochs 4") + "\n"


def test_a_run_of_fit_has_no_command(there, capsys):
    """It is resumed with the options that it was made with, which are then its command."""
    assert run(TRAIN) == 0
    command = kept_command(there / "run")
    (there / "run" / "command.txt").unlink()
    refused(capsys, RESUME, "is .*, but the run in run was started with")
    assert not (there / "run" / "command.txt").exists()
    assert run(TRAIN + " --resume") == 0 and kept_command(there / "run") == command


@pytest.mark.parametrize("kept, given, words", [
    ("--lr 1 --out a", "--lr 2", "--lr 2 --out a"), ("--lr=1 --flip", "--out b --lr 2", "--lr 2 --flip --out b"),
    ("--flip --weight-decay -1", "--flip", "--flip --weight-decay -1"), ("", "--out a", "--out a"),
    ("a", "--b", "a --b"),
])
def test_merged(kept, given, words):
    assert merged(kept.split() + given.split()) == words.split()


# ---- more epochs -----------------------------------------------------------------------------------------------


def test_longer_run_is_one_from_the_start(there, monkeypatch, capsys):
    """With a constant learning rate: extended when complete, interrupted in the extension, and resumed by its folder
    alone, which knows of the extension."""
    constant = TRAIN + " --schedule constant"
    assert run(constant.replace("--epochs 3", "--epochs 5").replace("--out run", "--out whole")) == 0
    assert run(constant) == 0
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", Interrupt(5))
        assert run(f"{RESUME} --epochs 5") == 130
    assert len(epochs(there / "run")) == 4
    assert kept_command(there / "run") == kept_command(there / "whole").replace("--out whole", "--out run")
    assert run(RESUME) == 0
    assert same("run/model.safetensors", "whole/model.safetensors") and epochs(there / "run") == epochs(there / "whole")
    assert (there / "run/steps.csv").read_bytes() == (there / "whole/steps.csv").read_bytes()
    assert "note: " not in capsys.readouterr().err


def test_longer_run_with_a_cosine_says_what_it_is(there, capsys):
    assert run(TRAIN) == 0
    assert run(f"{RESUME} --epochs 4") == 0
    assert len(epochs(there / "run")) == 4
    assert re.search(r"note: the run was planned for 3 epochs and now goes on to 4. The learning rate goes up again "
                     r"from \S+ to \S+, so this is not the run that 4 epochs from the start", capsys.readouterr().err)


def test_longer_run_in_python(there):
    assert run(TRAIN) == 0
    model, about = load_checkpoint("run/model.safetensors")
    recipe = Recipe(**about.recipe | {"epochs": 4})
    assert len(fit(model, load_dataset("own.npz"), recipe, out="run", resume=True).epochs) == 4


def test_bad_resume(there, capsys):
    assert run(TRAIN) == 0
    files = contents(there)
    refused(capsys, TRAIN, "run already holds a run")
    for words in (TRAIN + " --resume", RESUME):
        refused(capsys, words + " --lr 0.1", "lr is 0.1, but the run in run was started with 0.01: resume with")
        refused(capsys, words + " --hidden-dim 12", "hidden_dim is 12, but the run in run was started with 8")
        refused(capsys, words + " --init run", "init is 'run', but the run in run was started with None")
        refused(capsys, words + " --dropout 0.3", "dropout is 0.3, but the run in run was started with 0.1")
        refused(capsys, words + " --epochs 2", "epochs is 2, but the run in run has done 3: resume with as many")
        assert contents(there) == files
    save_npz("own.npz", count=33)
    refused(capsys, RESUME, "dataset is '33 images of mean .*', but .* started with '30 images of mean")
    save_npz("own.npz")
    os.rename("own.npz", "away.npz")
    refused(capsys, RESUME, "no file own.npz")
    os.rename("away.npz", "own.npz")

    path = there / "run" / "resume.pt"
    state = load_state(path)
    state["model"].pop("head.bias")
    for damage in (lambda: path.write_bytes(b""), lambda: path.write_bytes(files[path.relative_to(there)][:3000]),
                   lambda: save_state(path, [1, 2]), lambda: save_state(path, {"model": {}}),
                   lambda: save_state(path, state)):
        damage()
        before = contents(there)
        refused(capsys, RESUME, "run/resume.pt is damaged or not the state of a run")
        assert contents(there) == before
    path.unlink()
    refused(capsys, RESUME, "nothing to resume: run/resume.pt does not exist")
    refused(capsys, TRAIN, "run already holds a run")       # a trained model is not written over


@pytest.mark.parametrize("text", ["python -m mixer_lib train --out 'run", "python -m mixer_lib train --fly",
                                  "python -m mixer_lib train something --out run"])
def test_damaged_command(there, capsys, text):
    assert run(TRAIN) == 0
    (there / "run" / "command.txt").write_text(text)
    refused(capsys, RESUME, "No closing quotation|unrecognized arguments: (--fly|something); see .* train --help")


# ---- killed ----------------------------------------------------------------------------------------------------


# Runs where torch has not yet started any thread, so that fork is safe, and saves its import for each run. It is given
# the words of a run that is there before, if any, and those of the command that is killed.
KILLED_AND_RESUMED = """
import os, shlex, shutil, signal, sys
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

before, killed = map(shlex.split, sys.argv[1:])
assert not before or in_child(lambda: main([*before, "--out", "before"])) == 0
moment = 0
while True:
    out = ["--out", str(moment)]
    if before:
        shutil.copytree("before", str(moment))
    code = in_child(lambda: killed_at(moment, [*killed, *out]))
    if code == 0:
        break                               # it had fewer moments than that: this one ran through
    assert code == -signal.SIGKILL, code
    # A command that was not kept has begun nothing: it is given again.
    kept = Path(f"{moment}/command.txt")
    begun = kept.exists() and "--epochs 2" in kept.read_text()
    code = in_child(lambda: main(["train", *out, "--resume"] if begun else [*killed, *out]))
    assert code == 0, (moment, code, open("log").read()[-2000:])
    moment += 1
print(moment)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("longer", [False, True])
def test_killed_at_any_write_and_resumed(there, longer):
    """A process is killed at each moment of each write of a run, and resumed: the same weights as without. Also where
    it makes a complete run longer."""
    start = TRAIN.replace(" --out run", "").replace("--epochs 3", "--epochs 2 --snapshots 3")
    before, killed = "", start
    if longer:
        start = start.replace(" --snapshots 3", " --schedule constant")
        before, killed = start.replace("--epochs 2", "--epochs 1"), "train --resume --epochs 2"
    done = subprocess.run([sys.executable, "-c", KILLED_AND_RESUMED, before, killed], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    moments, whole = int(done.stdout), there / "whole"
    assert run(f"{start} --out whole") == 0
    first, second = (row["val_accuracy"] for row in epochs(whole))
    # The command, the options and the state at the start, three files after each epoch (without snapshots two), and the
    # best model where it is the best. (Tables are appended to.) To resume is to write the command, the options, two
    # tables and two models.
    assert moments == 3 * ((2 + 2 + 2 + 2 if longer else 3 + 3 * 2 + 1) + (second > first))
    for moment in range(moments + 1):
        folder = there / str(moment)
        assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}  # no .part is left
        assert all(same(folder / f"{name}.safetensors", whole / f"{name}.safetensors") for name in ("model", "best"))
        assert epochs(folder) == epochs(whole)
        assert sorted(kept_command(folder).split()) == sorted(f"python -m mixer_lib {start} --out {moment}".split())
        if not longer:
            assert (folder / "snapshots.safetensors").read_bytes() == (whole / "snapshots.safetensors").read_bytes()


def test_killed_from_outside_and_resumed(there):
    """The same in the open: the real command, killed twice while it trains."""
    command = TRAIN.replace("--epochs 3", "--epochs 80")

    def rows():         # whole ones: what is being written, or was when the kill came, may end in half a row
        path = there / "run" / "history.csv"
        return path.read_bytes().count(b"\n") - 1 if path.exists() else 0

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for least, words in ((1, command), (10, RESUME)):
        process = subprocess.Popen([sys.executable, "-m", "mixer_lib", *shlex.split(words)], env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 100
        while rows() < least:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert least <= rows() < 80
    assert run(RESUME) == 0
    assert run(command.replace("--out run", "--out whole")) == 0
    assert same("run/model.safetensors", "whole/model.safetensors") and len(epochs(there / "run")) == 80
    assert epochs(there / "run") == epochs(there / "whole")
