"""The rooms of mixer_lib: imports run one way, so that each room can be read knowing only those below it."""

import ast
import inspect
import re
import typing
from pathlib import Path

import pytest

import mixer_lib
from mixer_lib import analysis, checkpoints, conv, data, pretrained

PACKAGE = Path(mixer_lib.__file__).parent
# From the ground up. A room may import from the rows above its own, and its own files from each other.
ROWS = [{"model"}, {"family"}, {"configs", "conv", "analysis", "digits"},
        {"costs", "data", "checkpoints"}, {"training", "pretrained"},
        {"plots", "permutations"}, {"widgets"}, {"exercises", "check_setup"}, {"cli"}, {"__main__"}]
FLOOR = {room: number for number, row in enumerate(ROWS) for room in row}


def imported(path):
    """The rooms of mixer_lib that a file imports from, also inside of functions."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[:len(package) - node.level + 1], *(node.module or "").split(".")]
        elif isinstance(node, ast.ImportFrom):
            base = node.module.split(".")
        else:
            continue
        base = [part for part in base if part]
        if base == ["mixer_lib"]:
            yield from (alias.name for alias in node.names)
        elif base[0] == "mixer_lib":
            yield base[1]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return      # the front door shows what is inside
    for other in imported(path):
        assert other in FLOOR, f"{other} is not in the rooms that this test knows: give it a row"
        assert other == room or FLOOR[other] < FLOOR[room], f"{path.name} of {room} imports {other}, which is above it"


def test_files_are_short():
    """One to three screens; the exercises' checks list their many wrong answers and may be longer."""
    for path in PACKAGE.rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= (420 if "exercises" in path.parts else 310), f"{path}: {lines} lines, split it"


def test_widgets_do_not_style_each_other():
    """The styles of all widgets of a notebook hold for the whole page: a class is styled in one module only, and a
    module uses no class of another one but the kit's and those that it imports."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in (PACKAGE / "widgets/page").glob("*.js")}
    styled = {name: set(re.findall(r"(?:^|\}|,) *\.(mx-[\w-]+)(?:::?[\w-]+|\[[^\]]*\])* *[,{]", source, re.MULTILINE))
              for name, source in sources.items()}
    for name, classes in styled.items():
        for other, others in styled.items():
            assert name == other or not classes & others, f"{name} and {other} both style {classes & others}"
    for name, source in sources.items():
        imported = set(re.findall(r'from "\./([\w.]+)"', source))
        used = {word for text in re.findall(r'class: "([^"]*)"', source) for word in text.split()}
        for other, classes in styled.items():
            if other not in {name, "kit.js", *imported}:
                assert not used & classes, f"{name} uses {used & classes}, which {other} styles"


FRONT_DOOR = [
    mixer_lib.create_model, mixer_lib.count_macs, mixer_lib.count_parameters, mixer_lib.fit_to, mixer_lib.patchify,
    mixer_lib.unpatchify, conv.to_conv, conv.from_conv, data.load_dataset, data.split, data.load_image,
    checkpoints.save_checkpoint, checkpoints.load_checkpoint, checkpoints.load_pretrained, pretrained.load_released,
    pretrained.save_released, pretrained.grow, analysis.influence, analysis.influence_by_depth,
    analysis.tables_by_depth, analysis.summarize]


@pytest.mark.parametrize("function", FRONT_DOOR, ids=lambda function: function.__name__)
def test_front_door_says_its_types(function):
    """Editors and type checkers read them: py.typed says that they may."""
    hints = typing.get_type_hints(function)
    assert "return" in hints and (PACKAGE / "py.typed").exists()
    parameters = inspect.signature(function).parameters.values()
    missing = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)} - set(hints)
    assert missing <= {"dataset", "numbers"}, f"{function.__name__} does not say the types of {missing}"
