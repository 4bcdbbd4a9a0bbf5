"""Write copies of the notebooks that run on Google Colab: `make colab`.

    python tools/colab.py FOLDER

Colab opens a single notebook, without the files beside it. Each copy therefore begins with a cell that brings the
course, and its links and pictures have full addresses. All other cells are those of the notebook. A workflow puts the
copies on the branch `colab`, which the badges open. Needs nothing but Python.
"""

import copy
import json
import posixpath
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
# Code, which stays as it is, or the target of [text](target), ![alt](target), <img src="target">, <a href="target">.
TARGET = re.compile(r"""```.*?```|`[^`\n]*`|(\]\(|<(?:img|a)\b[^>]*?\b(?:src|href)=["'])([^)\s"'#]+)""", re.S)


def repository():
    """The address of the course's repository, from pyproject.toml."""
    return re.search('^Repository = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]


def address(target, folder):
    """The full address of what a link of a notebook in `folder`, a path inside the repository, leads to."""
    if re.match(r"[a-z]+:", target):
        return target
    path, site = posixpath.normpath(posixpath.join(folder, target)), repository().removeprefix("https://github.com/")
    if path.endswith(".ipynb"):
        return f"https://colab.research.google.com/github/{site}/blob/colab/{path}"
    if path.endswith((".svg", ".png")):
        return f"https://raw.githubusercontent.com/{site}/main/{path}?sanitize=true"    # sent as a picture, not as text
    return f"https://github.com/{site}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}"


def for_colab(notebook, folder):
    """A copy of a notebook, a dict as in its file, which lies in `folder`, a path inside the repository."""
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            text = TARGET.sub(lambda found: found[1] + address(found[2], folder) if found[1] else found[0], text)
            cell["source"] = text.splitlines(keepends=True)
    lines = ["# Colab starts in an empty folder. This brings the course, which takes a minute.\n",
             f"!git clone -q --depth 1 {repository()} course && pip install -q ./course\n",
             f"%cd course/{folder}"]
    made["cells"].insert(0, {"cell_type": "code", "id": "bring-the-course", "metadata": {}, "execution_count": None,
                             "outputs": [], "source": lines})
    return made


def main(folder):
    for path in sorted([*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")]):
        inside = path.relative_to(ROOT)
        target = Path(folder) / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        made = for_colab(json.loads(path.read_text(encoding="utf-8")), inside.parent.as_posix())
        target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/colab.py FOLDER")
    main(sys.argv[1])
