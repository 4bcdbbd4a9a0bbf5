"""What installs the course: the package in a clean environment, the lists of packages, the Dockerfile."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import environments
from mixer_lib.cli.config import tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = ["mixer_lib", "binder", "pyproject.toml", "README.md", "LICENSE", "NOTICE.md"]     # to install the course
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what it takes to install the course."""
    folder = tmp_path_factory.mktemp("tree")
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def clean(tmp_path):
    """run(*command) in a clean environment, in an empty folder. It borrows the packages of this environment, but
    not the course."""
    home, empty = tmp_path / "env", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    borrowed = sysconfig.get_path("purelib")
    python = scripts / "python"
    own = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True,
                         capture_output=True, text=True).stdout.strip()
    Path(own, "borrowed.pth").write_text(borrowed)      # a path alone: the course's own .pth there is not read
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_USER")}
    variables |= {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PIP_NO_INDEX": "1"}

    def run(*command, cwd=empty):
        done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def where():
        """The folder that mixer_lib is imported from."""
        return Path(run(python, "-c", "import importlib.util as u; print(u.find_spec('mixer_lib').origin)").strip())

    run.python, run.scripts, run.where = python, scripts, where
    return run


def test_installed_package_works_anywhere(tree, clean, tmp_path):
    """A wheel has every file of mixer_lib, and brings the command `mixer`."""
    clean(clean.python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, tree)
    wheel, = tmp_path.glob("*.whl")
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mixer_lib").rglob("*")
             if path.is_file() and "__pycache__" not in path.parts}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("mixer_lib/")} == files
    assert wheel.stat().st_size < 40e6
    clean(clean.python, "-m", "pip", "install", "--no-deps", wheel)
    assert "parameters" in clean(clean.scripts / "mixer", "info", "mnist")
    assert clean.where().is_relative_to(clean.scripts.parent)


@pytest.mark.skipif(os.name == "nt", reason="Binder and Docker run Linux")
def test_post_build(tree, clean):
    """What Binder and the Dockerfile run ends well, leaves a course that is found, and fails loudly."""
    said = clean("bash", tree / "binder/postBuild", cwd=tree)
    assert "✓ Everything is there" in said
    assert clean.where().is_relative_to(tree)
    last = (tree / "binder/postBuild").read_text().splitlines()[-1]
    (tree / "mixer_lib/models/mnist.safetensors").rename(tree / "aside")
    with pytest.raises(AssertionError, match="✗"):
        clean("bash", "-c", last, cwd=tree)
    (tree / "aside").rename(tree / "mixer_lib/models/mnist.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="Binder runs Linux")
def test_start_limits_the_threads():
    code = "from os import environ as e; print(e['OMP_NUM_THREADS'], e['OMP_WAIT_POLICY'])"
    command = [ROOT / "binder/start", sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "2 passive\n"


def test_lists_of_packages_agree():
    """requirements.txt holds what the package itself needs, within the same bounds; conda's two files follow it."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    ours = {Requirement(line).name: Requirement(line) for line in lines if line}
    for line in PROJECT["dependencies"]:
        needed = Requirement(line)
        assert ours[needed.name] == needed
    for path, content in environments.environments().items():
        assert path.read_text(encoding="utf-8") == content, "run: make environments"
    small = (ROOT / "binder/environment.yml").read_text()
    assert "pytorch-cpu>=2.4,<3\n" in small and "pytest" not in small
    assert {Requirement(line).name for line in PROJECT["dependencies"]} - {"torch", "matplotlib", "tomli"} <= set(
        re.findall(r"- ([\w-]+)", small))


def test_dockerfile_builds_from_what_is_here():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (\S+) ", text, re.M)
    assert copied == ["binder/environment.yml", "."] and "bash binder/postBuild" in text
    assert "s/pytorch-cpu/${TORCH}/" in text and "pytorch-cpu" in (ROOT / "binder/environment.yml").read_text()
    lesson = re.search(r"/lab/tree/([\w/.]+)", text)[1]
    assert (ROOT / lesson).exists()
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not {"mixer_lib", "binder", "notebooks", "figures", "README.md"} & set(ignored)


def test_version_and_address_are_the_same_everywhere():
    assert f"\nversion: {PROJECT['version']}\n" in CITATION
    assert f"repository-code: {PROJECT['urls']['Repository']}\n" in CITATION
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## ([\d.]+)", changes, re.M)[1] == PROJECT["version"]
