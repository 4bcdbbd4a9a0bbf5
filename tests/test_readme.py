"""The README: its numbers are the measured ones, its links lead somewhere, and its commands do what it says."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import torch
from PIL import Image

import readme_results
from mixer_lib.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REPOSITORY = re.search(r'^Repository = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line.partition("  #")[0].strip() for kind, block in BLOCKS if not kind
            for line in block.splitlines() if line]

# Commands that no test runs, and why.
NOT_RUN = {
    "git clone": "needs the network",
    "cd mlp": "follows the clone",
    "make lab": "stays open; tests/test_browser.py opens such a JupyterLab",
    "make test": "this test is part of it",
    "python -m venv": "installs from the network, as .ci/run does",
    "pip install": "installs from the network, as .ci/run does",
    ".venv": "belongs to Windows",
    "jupyter lab": "stays open; tests/test_browser.py opens such a JupyterLab",
    "mixer_b16_224": "downloads; tests/test_download.py does so from a folder",
    "Mixer-B_16.npz": "needs a file of 240 MB; tests/test_cli_released.py evaluates a small one",
    "torchrun": "tests of several processes start it with a smaller model",
}
SMALL = "--num-blocks 1 --hidden-dim 8 --tokens-mlp-dim 4 --channels-mlp-dim 8 --batch-size 500"


def test_the_table_of_results_is_what_was_measured():
    assert readme_results.filled(README) == README, "run: python tools/readme_results.py"
    assert "| 99.42% |" in readme_results.results()


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)\s#]+)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_repository_has_one_address():
    """It stands in pyproject.toml; the badges and links of the README and of the site follow it."""
    owner, name = REPOSITORY.removeprefix("https://github.com/").split("/")
    hosts = {"mybinder.org/v2/gh": f"{owner}/{name}", "colab.research.google.com/github": f"{owner}/{name}",
             f"{owner}.github.io": name}
    for host, path in hosts.items():
        found = re.findall(rf"https://{re.escape(host)}/([^\s)]*)", README)
        assert found and all(rest.startswith(path) for rest in found), host
    assert f"git clone {REPOSITORY}\n" in README
    assert {part.partition("/")[0] for part in re.findall(r"https://(\w[\w-]*)\.github\.io", README)} == {owner}


def why_not(command):
    return next((why for piece, why in NOT_RUN.items() if piece in command), None)


def test_every_reason_has_its_command():
    assert len(COMMANDS) > 15
    unused = [piece for piece in NOT_RUN if not any(piece in command for command in COMMANDS)]
    assert unused in ([], ["torchrun"])         # that part of the README is on its way


def photos(folder):
    """Photographs of two classes, and two to read."""
    colors = {"cat": (200, 80, 40), "dog": (40, 90, 200)}
    for kind, color in colors.items():
        (folder / "photos" / kind).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (70, 80), tuple(c + i for c in color)).save(folder / f"photos/{kind}/{i}.png")
    (folder / "holidays").mkdir()
    Image.new("RGB", (90, 70), colors["dog"]).save(folder / "holidays/beach.png")
    Image.new("RGB", (90, 70), colors["cat"]).save(folder / "photo.png")


def test_the_commands_run(tmp_path, monkeypatch, capsys):
    """In the order of the README, in a folder with photographs, with one epoch and a small model each."""
    monkeypatch.chdir(tmp_path)
    photos(tmp_path)
    done = 0
    for command in COMMANDS:
        if why_not(command):
            continue
        words = shlex.split(command)
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
            continue
        program, words = ("mixer", words[1:]) if words[0] == "mixer" else (words[:3], words[3:])
        assert program in ("mixer", ["python", "-m", "mixer_lib"]), f"{command}: run it here, or say why not in NOT_RUN"
        if words[0] == "train" and "--resume" not in words:
            words += shlex.split("--epochs 1" + (f" {SMALL}" if "--init" not in words else ""))
        assert main(words) == 0, f"{command}\n{capsys.readouterr().err}"
        done += 1
    assert done >= 10


@pytest.mark.parametrize("code", [block for kind, block in BLOCKS if kind == "python"])
def test_the_code_runs(code, monkeypatch, capsys):
    torch.manual_seed(0)
    assert "epochs=10" in code or "fit(" not in code
    exec(compile(code.replace("epochs=10", "epochs=1"), "README.md", "exec"), {})
    if "print" in code:
        assert re.fullmatch(r"\d\d\.\d% of the test digits\n", capsys.readouterr().out)
