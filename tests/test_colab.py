"""The copies of the notebooks for Colab need nothing from the folder that they came from."""

import json
import re
from urllib.parse import unquote

import pytest

import colab

PATHS = sorted([*colab.NOTEBOOKS.glob("*.ipynb"), *colab.NOTEBOOKS.glob("solutions/*.ipynb")])
SITE = colab.repository().removeprefix("https://github.com/")
OURS = re.compile(rf"https://(?:github|colab\.research\.google|raw\.githubusercontent)\.com/(?:github/)?{SITE}/"
                  r"(?:blob/|tree/)?(main|colab)/([^?#\s)\"']+)")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(colab.NOTEBOOKS).as_posix())
def test_copy_stands_alone(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    made = colab.for_colab(notebook, path.parent.relative_to(colab.ROOT).as_posix())
    first, *cells = made["cells"]
    bring = "".join(first["source"])
    assert f"git clone -q --depth 1 {colab.repository()} course && pip install -q ./course" in bring
    assert bring.endswith(f"%cd course/{path.parent.relative_to(colab.ROOT).as_posix()}")
    for cell, original in zip(cells, notebook["cells"], strict=True):
        if cell["cell_type"] == "code":
            assert cell == original
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`", "", "".join(cell["source"]), flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)|(?:src|href)=[\"']([^\"']*)", text):
            assert re.match(r"#|[a-z]+:", "".join(target)), f"{path.name}: a link needs the clone: {target}"
        for branch, inside in OURS.findall(text):
            assert (colab.ROOT / unquote(inside)).exists(), f"{path.name}: {inside} is not there"
            assert (branch == "colab") == inside.endswith(".ipynb")


@pytest.mark.parametrize("target, folder, expected", [
    ("../figures/block.svg", "notebooks", f"https://raw.githubusercontent.com/{SITE}/main/figures/block.svg?sanitize=true"),
    ("02_patch_embedding.ipynb", "notebooks",
     f"https://colab.research.google.com/github/{SITE}/blob/colab/notebooks/02_patch_embedding.ipynb"),
    ("../../mixer_lib/model.py", "notebooks/solutions", f"https://github.com/{SITE}/blob/main/mixer_lib/model.py"),
    ("../mixer_lib/analysis", "notebooks", f"https://github.com/{SITE}/tree/main/mixer_lib/analysis"),
    ("https://arxiv.org/abs/2105.01601", "notebooks", "https://arxiv.org/abs/2105.01601"),
])
def test_address(target, folder, expected):
    assert colab.address(target, folder) == expected


def test_copies_lie_where_the_badges_look(tmp_path, capsys):
    colab.main(tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.ipynb")}
    assert written == {path.relative_to(colab.ROOT) for path in PATHS}
