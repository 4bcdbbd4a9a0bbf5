"""Write the table of measured results into the README: python tools/readme_results.py

It is made from the cards of the bundled models and from the tables in notebooks/results. A test fails when it is old.
"""

import json
import re
from pathlib import Path
from statistics import fmean, stdev

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MARKS = "<!-- results -->\n", "<!-- /results -->"


def card(name):
    """The rows of a bundled model's card, {what: value}, and its number of parameters."""
    text = (ROOT / f"mixer_lib/models/{name}.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([^|]+?) \| (.+) \|$", text, re.MULTILINE)), re.search(r"([\d,]+) parameters", text)[1]


def spread(rows):
    """The mean accuracy of rows and its standard deviation over the seeds, in percent."""
    values = [100 * row["accuracy"] for row in rows]
    return f"{fmean(values):.1f} ± {stdev(values):.1f}%"


def seconds(rows):
    every = sorted(row["seconds"] for row in rows)
    return f"{every[0]} to {every[-1]} seconds per run"


def bundled():
    for path in sorted((ROOT / "mixer_lib/models").glob("*.md")):
        rows, parameters = card(path.stem)
        accuracy, images = next(value for name, value in rows.items() if name.endswith("as bundled")).split(" of ")
        yield (f"[`{path.stem}`](mixer_lib/models/{path.name}), {parameters} parameters: test accuracy on {images}",
               accuracy, f"{rows['training time']}, {rows['hardware']}; the card has the command")


def measured():
    table = json.loads((ROOT / "notebooks/results/permutations.json").read_text())
    for model in ("Mixer", "CNN"):
        kinds = {kind: [row for row in table["rows"] if (row["data"], row["model"], row["condition"]) == (
            "full", model, kind)] for kind in ("plain", "patches and inside", "all pixels")}
        yield (f"CIFAR-10, {model}: plain, patches and their insides shuffled, all pixels shuffled",
               ", ".join(map(spread, kinds.values())),
               f"50,000 images, {table['recipes']['full']['epochs']} epochs, {len(kinds['plain'])} seeds, "
               f"{seconds([row for rows in kinds.values() for row in rows])}; "
               "[lesson 11](notebooks/11_permutations.ipynb)")
    table = json.loads((ROOT / "notebooks/results/pretraining.json").read_text())
    for way in table["rates"]:
        rows = [row for row in table["rows"] if (row["way"], row["count"]) == (way, 100)]
        yield (f"`cifar10` learns to read digits from 100 images, {way}", spread(rows),
               f"{table['seen']:,} images seen, {len(rows)} seeds, 500 test images, {seconds(rows)}; "
               "[lesson 12](notebooks/12_pretrained.ipynb)")


def results():
    """The table in Markdown."""
    rows = ["| what | result | recipe and hardware |", "|---|---|---|"]
    rows += [f"| {' | '.join(row)} |" for row in (*bundled(), *measured())]
    return "\n".join(rows) + "\n"


def filled(text):
    """The README's text with the table as it is now."""
    before, rest = text.split(MARKS[0])
    return before + MARKS[0] + results() + MARKS[1] + rest.split(MARKS[1])[1]


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
