"""Write environment.yml and binder/environment.yml, for conda, from requirements.txt: `make environments`."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}       # conda-forge's name, where it is another
PIP_ONLY = ("playwright", "mlp-mixer-pytorch")                      # not on conda-forge
NOT_ON_BINDER = ("jupytext",)                                       # what a learner never uses

HEAD = """channels:
  - conda-forge
  - nodefaults
dependencies:
"""
FULL = """# Made from requirements.txt by tools/environments.py. What the course needs, from learning to testing:
#   conda env create -f environment.yml; conda activate mixer-course; jupyter lab notebooks/00_start_here.ipynb
name: mixer-course
"""
BINDER = """# Made from requirements.txt by tools/environments.py. What a learner needs, small enough for Binder:
# PyTorch for the CPU only, and no test tools.
"""


def read_requirements(path=ROOT / "requirements.txt"):
    """[(name, bounds, whether only tests and tools need it), ...] of each line of requirements.txt that every Python
    needs; bounds as in ">=2.4,<3"."""
    learning, tools = path.read_text(encoding="utf-8").split("# tests and tools")
    for text in (learning, tools):
        for line in text.splitlines():
            requirement = line.partition("#")[0].strip()
            if requirement and ";" not in requirement:
                name, bounds = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
                yield name, bounds, text is tools


def environments():
    """The files to write: {path: content}."""
    found = list(read_requirements())
    lines = ["python=3.12", "pip", *(CONDA.get(name, name) + bounds for name, bounds, _ in found
                                      if name not in PIP_ONLY)]
    with_pip = [*(name + bounds for name, bounds, _ in found if name in PIP_ONLY), "-e ."]
    full = FULL + HEAD + "".join(f"  - {line}\n" for line in lines)
    full += "  - pip:\n" + "".join(f"    - {line}\n" for line in with_pip)
    small = ["python=3.12", "pip", *(CONDA.get(name, name) + "-cpu" * (name == "torch") + bounds
                                     for name, bounds, tool in found if not tool and name not in NOT_ON_BINDER)]
    binder = BINDER + HEAD + "".join(f"  - {line}\n" for line in small)
    return {ROOT / "environment.yml": full, ROOT / "binder/environment.yml": binder}


if __name__ == "__main__":
    for path, content in environments().items():
        path.write_text(content, encoding="utf-8")
        print(path.relative_to(ROOT))
