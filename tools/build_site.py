"""Build the course as a site of static pages, in build/site/html: `make site`.

The pages are the executed notebooks. Notebooks store no live widgets, so the lessons are executed once more, here, for
the numbers of their widgets, which then live in the page without a kernel. Only cells that a widget needs are run.
Cells that train are left out, and what needs their results says so; `make site ARGS=--train` runs all, in minutes. What
was executed is kept in build/site, by the content of the lesson and of mixer_lib. `site/` holds the rest: the front
page, the style, the options of Sphinx.
"""

import argparse
import functools
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat

import mixer_lib
from export import FORMULA, STATES, as_mathml, place_of
from lessons import NOTEBOOKS, WIDGET, execute, is_widget
from mixer_lib.widgets import living_mixer
from mixer_lib.widgets.export import script, state_of
from needed_cells import left_out, only_imports, wanted

ROOT = NOTEBOOKS.parent
BUILD = ROOT / "build/site"
PACKAGE = Path(mixer_lib.__file__).parent
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REPOSITORY = re.search(r'^Repository = "(.+)"$', PROJECT, re.MULTILINE)[1]
PARTS = {"Build it": range(0, 7), "Train it": range(7, 9), "Look inside": range(9, 12), "Beyond": range(12, 100)}
ROOMS = {"mixer_lib": "the front door", "model": "the network", "family": "its relatives", "configs": "models by name",
         "costs": "parameters and operations", "conv": "the network as convolutions", "data": "images",
         "training": "training and measuring", "checkpoints": "model files", "pretrained": "released weights",
         "analysis": "what weights tell", "plots": "still pictures", "widgets": "what a hand can touch"}
WITHOUT = ("<p><i>Alive in JupyterLab. Here its cell was not run again, because it needs the result of a training."
           "</i></p>")
STILL = re.compile(r"<br><small>[^<]*</small>$")       # the line below a still, which says how to bring it to life
TERM = re.compile(r"^- (.*?)\s\(\[\w+\]\((\w+)\.ipynb\)\)$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(```.*?```|`[^`\n]*`)|\]\(([^)\s:#]+)(#[^)\s]*)?\)", re.DOTALL)


# --- the widgets of a lesson ----------------------------------------------------------------------------------


def kept_in(name, sources):
    """The file for what a lesson gave, named by a digest of all that it follows from."""
    digest = hashlib.sha1(json.dumps(sources).encode())
    for file in [ROOT / "tools/export.py", *sorted(PACKAGE.rglob("*"))]:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(file.read_bytes())
    return BUILD / f"widgets/{name}-{digest.hexdigest()[:16]}.json"


def alive(path, train=False):
    """The widgets of a lesson: {"places": {number of a cell: [[how many outputs come before it, HTML]]}, "states": ...,
    "said": what was left out}. From build/site if the lesson was executed before, with or without training."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in code]
    skipped, run = left_out(sources), {*range(len(code))}
    if train:
        skipped = set()
    else:
        shows = {number for number, cell in enumerate(code) if any(map(is_widget, cell.outputs))}
        run = wanted(sources, shows - skipped) - skipped
    wholly, kept = kept_in(path.stem, sources), kept_in(path.stem, [*sources, *sorted(skipped), "of", *sorted(run)])
    for file in (wholly, kept):
        if file.is_file():
            return json.loads(file.read_text(encoding="utf-8"))
    for number in {*range(len(code))} - run:
        code[number].source = only_imports(sources[number])
    for cell in code if skipped else ():    # should such a cell need a training all the same, the others still run
        cell.metadata["tags"] = ["raises-exception"]
    for cell in code:                       # a cell that is empty now is not run, and would keep its stills
        cell.outputs = []
    start = time.time()
    execute(notebook, path.parent, widgets=True)
    stored = notebook.metadata.pop("widgets", {}).get(STATES, {}).get("state", {})
    places, states = {}, {}
    for number, cell in enumerate(code):
        before = 0
        for output in cell.outputs:
            if is_widget(output):
                model = output["data"][WIDGET]["model_id"]
                place = place_of(model, stored.get(model, {}), states)
                if place:
                    places.setdefault(number, []).append([before, place])
            else:
                before += 1
    skipped |= {number for number, cell in enumerate(code) if any(out.output_type == "error" for out in cell.outputs)}
    asks = [number for number in skipped if re.search(r"LiveTraining|\bpredict\(\"|widgets\.\w+\(", sources[number])]
    places |= {number: [[0, WITHOUT]] for number in asks}
    said = f"{path.stem}: {time.time() - start:.0f} s, {len(states)} widgets live, {len(asks)} need a training"
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in kept.parent.glob(f"{path.stem}-*.json"):
        old.unlink()
    kept.write_text(json.dumps({"places": places, "states": states, "said": said}), encoding="utf-8")
    return {"places": places, "states": states, "said": said}


def with_widgets(notebook, places):
    """Put the places of its widgets among the stored outputs of a notebook, where they replace the stills. Stills of
    cells that were not run stay, and say why."""
    places = {int(number): found for number, found in places.items()}
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        found, stills = places.get(number, []), [output for output in cell.outputs if is_widget(output)]
        if stills and all(place == WITHOUT for _, place in found):
            for output in stills:
                output["data"]["text/html"] = STILL.sub("", output["data"]["text/html"]) + WITHOUT
            continue
        cell.outputs = [output for output in cell.outputs if not is_widget(output)]
        for before, place in reversed(found):
            cell.outputs.insert(before, nbformat.v4.new_output("display_data", {"text/html": place}))


# --- the pages ------------------------------------------------------------------------------------------------


def terms():
    """{lesson: {word: what it means}} of the glossary."""
    found = {}
    for entry, lesson in TERM.findall((NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")):
        words, meaning = re.findall(r"\*\*(.+?)\*\*", entry), entry.partition(":")[2]
        for word in words:
            found.setdefault(lesson, {})[word] = re.sub(r"[`*$]|\s+", lambda m: " " * m[0].isspace(), meaning).strip()
    return found


def anchor(word):
    return "word-" + re.sub(r"\W+", "-", word.lower()).strip("-")


def glossary(text):
    """The glossary, in which each word has an anchor."""
    return re.sub(r"^- ((?:\*\*.+?\*\*[^:\n]*)+)", lambda m: "- " + re.sub(
        r"\*\*(.+?)\*\*", lambda word: f'<b id="{anchor(word[1])}">{word[1]}</b>', m[1]), text, flags=re.MULTILINE)


def with_terms(text, words):
    """Link the first bold place of each word to the glossary; a word that is linked leaves `words`."""
    for word, meaning in list(words.items()):
        bold = re.search(rf"\*\*({re.escape(word)}\w*)\*\*", text.replace("\n", " "), re.IGNORECASE)
        if bold and not text[:bold.start()].count("```") % 2:
            link = (f'<a class="term" href="glossary.html#{anchor(word)}" title="{meaning.replace(chr(34), "&quot;")}">'
                    f"<b>{bold[1]}</b></a>")
            text = text[:bold.start()] + link + text[bold.end():]
            del words[word]
    return text


def with_links(text, where, pages):
    """Links to the library go to its pages of the site, and links to other files that are no page to the repository."""
    def moved(found):
        code, target, part = found.groups()
        path = (where / (target or "")).resolve()
        if code or not path.is_relative_to(ROOT) or path in pages or path.suffix in (".svg", ".png"):
            return found[0]
        path = path.relative_to(ROOT)
        if not (ROOT / path).exists():
            return found[0]                 # Sphinx will complain
        room = path.relative_to("mixer_lib").parts[:1] if path.is_relative_to("mixer_lib") else ()
        if room and (name := room[0].removesuffix(".py")) in ROOMS:
            return f"]({os.path.relpath(ROOT / 'api' / name, where)}.md)"
        return f"]({REPOSITORY}/{'blob' if path.suffix else 'tree'}/main/{path.as_posix()}{part or ''})"
    return LINK.sub(moved, text)


def write_page(path, source, pages, places, words):
    """A notebook or a Markdown file of the course as a source of Sphinx."""
    target = source / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
        target.write_text(with_links(glossary(text) if path.stem == "glossary" else text, path.parent, pages), "utf-8")
        return
    notebook = nbformat.read(path, as_version=4)
    with_widgets(notebook, places)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = with_links(cell.source, path.parent, pages)
            cell.source = with_terms(FORMULA.sub(as_mathml, text), words)
    nbformat.write(notebook, target)


def contents(lessons):
    """The table of contents, which gives the side bar, and previous and next."""
    def tree(caption, pages):
        return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(pages) + "\n```\n"
    def number_of(path):
        return int(path.stem[:2]) if path.stem[:2].isdigit() else 6         # the capstone ends the first part
    parts = [tree(f"Part {numeral} · {name}", [f"notebooks/{path.stem}" for path in lessons if number_of(path) in span])
             for numeral, (name, span) in zip(("I", "II", "III", "IV"), PARTS.items())
             if any(number_of(path) in span for path in lessons)]
    return "\n".join([*parts, tree(
        "To look up", ["notebooks/glossary", "notebooks/solutions/index", "models", "api/index"])])


def write_api(source):
    """Pages that Sphinx fills with the docstrings of mixer_lib, one per room."""
    (source / "api").mkdir()
    for room, what in ROOMS.items():
        name = room if room == "mixer_lib" else f"mixer_lib.{room}"
        imported = "" if (PACKAGE / f"{room}.py").is_file() else "   :imported-members:\n"
        imported += "   :exclude-members: MlpMixer\n" if room == "family" else ""
        (source / f"api/{room}.md").write_text(
            f"# {name}: {what}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n{imported}```\n", "utf-8")
    rows = "\n".join(f"| [`{room if room == 'mixer_lib' else 'mixer_lib.' + room}`]({room}.md) | {what} |"
                     for room, what in ROOMS.items())
    tree = "\n".join(ROOMS)
    (source / "api/index.md").write_text(
        f"# The library\n\nThe docstrings of `mixer_lib`, the course's code, tidied. Read `model` first.\n\n"
        f"| room | what is there |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n", "utf-8")


def share_cores(jobs):
    """Give each lesson its share of the cores. More threads than cores wait for each other: twice as long, or worse."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))


def prepare(source, find=alive, jobs=2):
    """Write all that Sphinx reads into the folder `source`. find: `alive`, or what gives a lesson's widgets instead."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "site", source)
    for folder in ("figures", "notebooks/results"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    lessons = sorted([*NOTEBOOKS.glob("[0-9]*.ipynb"), *NOTEBOOKS.glob("capstone*.ipynb")])
    solutions = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
    cards = [*sorted((PACKAGE / "models").glob("*.md")), PACKAGE / "samples/README.md"]
    pages = {*lessons, *solutions, *cards, NOTEBOOKS / "glossary.md"}
    words = terms()
    lessons.reverse()       # the later ones take longer: they come first, so that no core waits for the last
    with ProcessPoolExecutor(jobs, initializer=share_cores, initargs=(jobs,)) as pool:
        for path, found in zip(lessons, (pool.map if jobs > 1 else map)(find, lessons)):
            print(found["said"], flush=True)
            write_page(path, source, pages, found["places"], words.get(path.stem, {}))
            write_script(source, f"notebooks/{path.stem}", found["states"])
    lessons.reverse()
    for path in pages - {*lessons}:
        write_page(path, source, pages, {}, {})
    (source / "notebooks/solutions/index.md").write_text(
        "# Solutions\n\nTry first: a check answers at once, and a hint is folded below it.\n\n```{toctree}\n"
        + "\n".join(path.stem for path in solutions) + "\n```\n", "utf-8")
    (source / "models.md").write_text(
        "# Bundled models and images\n\nEach model has a card: data, recipe, hardware, and accuracy.\n\n```{toctree}\n"
        + "\n".join(path.relative_to(ROOT).with_suffix("").as_posix() for path in cards) + "\n```\n", "utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (source / "README.md").write_text(with_links(readme, ROOT, pages), "utf-8")
    index = with_links((source / "index.md").read_text(encoding="utf-8"), ROOT, pages)
    (source / "index.md").write_text(f"{index}\n{contents(lessons)}", "utf-8")
    write_script(source, "index", {"widget-living": state_of(living_mixer())})
    write_api(source)


def write_script(source, page, states):
    """The script that brings a page's widgets to life. It is a file of its own, so that the text comes first."""
    if states:
        path = source / f"_static/widgets/{page}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script(states), "utf-8")


def build(source, html, kept):
    """Run Sphinx, for which a warning is an error; returns its exit code. kept: a folder for what it has parsed."""
    from sphinx.cmd.build import build_main  # not everyone who reads this file has it

    return build_main(["-q", "-W", "--keep-going", "-b", "html", "-d", str(kept), str(source), str(html)])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="run all cells, those that train, too (10 minutes)")
    parser.add_argument("--jobs", type=int, default=2, help="lessons that run at the same time (default: 2)")
    options = parser.parse_args(arguments)
    if not importlib.util.find_spec("sphinx"):
        parser.error("install what the site needs: pip install -r site/requirements.txt")
    prepare(BUILD / "source", functools.partial(alive, train=options.train), options.jobs)
    failed = build(BUILD / "source", BUILD / "html", BUILD / "doctrees")
    if not failed:
        print(f"Open {BUILD / 'html/index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
