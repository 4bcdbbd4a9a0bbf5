"""Write a lesson as one HTML file that lives without a kernel and without a network: `make export NAME=01_patches`.

The lesson is executed here. Widgets that are drawn in the page go on living in the file, with their numbers inside it;
in the place of the others it says that they need a kernel. Formulas become MathML, which browsers draw themselves.
"""

import argparse
import base64
import re
import sys
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from lessons import NOTEBOOKS, WIDGET, execute
from mixer_lib.checkpoints import write_atomically
from mixer_lib.widgets.export import script

STATES = "application/vnd.jupyter.widget-state+json"
# A formula, or a piece of code, in which a dollar is a dollar.
FORMULA = re.compile(r"(```.*?```|`[^`\n]*`)|\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$", re.DOTALL)
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<style>
@media (prefers-color-scheme: dark) { {{ resources.include_css("static/theme-dark.css") | striptags }} }
:root { color-scheme: light dark; } body { background: var(--jp-layout-color0); }
main { max-width: 60rem; margin: auto; } math { font-size: 1.05em; }
</style>{% endblock %}"""


def to_html(notebook, name):
    """The HTML of an executed notebook that holds the states of its widgets."""
    states = notebook.metadata.pop("widgets", {}).get(STATES, {}).get("state", {})
    alive = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(as_mathml, cell.source)
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                model = output["data"][WIDGET]["model_id"]
                output["data"] = {"text/html": place_of(model, states.get(model, {}), alive)}
    page, _ = HTMLExporter(raw_template=TEMPLATE).from_notebook_node(notebook, {"metadata": {"name": name}})
    # Not nbconvert's own embed_images: it closes each HTML element in a cell at once, <details> and <math> among them.
    page = re.sub(r'(?<=src=")[^":]+\.(?:svg|png)(?=")', embedded, page)
    return page.replace("</body>", f'<script type="module">\n{script(alive)}\n</script>\n</body>')


def embedded(found):
    """A picture's path, relative to the lessons, as a data URI."""
    path = NOTEBOOKS / found[0]
    kind = {".svg": "svg+xml", ".png": "png"}[path.suffix]
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def as_mathml(found):
    """A formula found in Markdown as MathML; code as it is."""
    code, display, inline = found.groups()
    if code:
        return code
    text = convert(display or inline, display="block" if display else "inline")
    # What Markdown would take for its own marks.
    return re.sub(r"[*_`|\n]", lambda mark: f"&#{ord(mark[0])};" if mark[0] != "\n" else " ", text)


def place_of(model, stored, alive):
    """The HTML in the place of a widget; one that is drawn in the page is added to `alive`."""
    state = stored.get("state", {})
    if "_esm" not in state or "arrays" not in state:
        said = "" if stored.get("model_name") in ("HBoxModel", "FloatProgressModel") else \
               "<p><i>This widget asks PyTorch for its answers, so it needs a running kernel.</i></p>"
        return said
    buffers = stored.get("buffers", ())         # not every widget has arrays
    arrays = {buffer["path"][1]: buffer["data"] for buffer in buffers if buffer["path"][0] == "arrays"}
    alive[f"widget-{model}"] = {"esm": state["_esm"], "arrays": arrays} | {
        name: state[name] for name in ("facts", "shapes", "picked", "problem")}
    return f'<div id="widget-{model}"></div>'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a lesson, such as 01_patches")
    parser.add_argument("--out", help="the file to write (default: NAME.html in the folder of the lessons)")
    options = parser.parse_args()
    path = NOTEBOOKS / f"{options.name.removesuffix('.ipynb')}.ipynb"
    if not path.is_file():
        lessons = ", ".join(sorted(file.stem for file in NOTEBOOKS.glob("*.ipynb")))
        parser.error(f"there is no lesson {options.name}: choose from {lessons}")
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, NOTEBOOKS, widgets=True)
    out = Path(options.out or path.with_suffix(".html"))
    page = to_html(notebook, path.stem)
    write_atomically(out, page.encode())
    print(f"{out}: {len(page) / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
