"""How Sphinx makes the site. It reads the folder that tools/build_site.py prepares; `make site` calls both."""

import re
from pathlib import Path

project = "MLP-Mixer, from patches to classifier"
author = copyright = "the MLP-Mixer course authors"
html_title = "MLP-Mixer"
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["README.md"]        # index.md includes parts of it

nb_execution_mode = "off"               # the lessons were executed by `make lessons`
nb_ipywidgets_js = {}                   # nothing from the network
myst_heading_anchors = 3
myst_enable_extensions = []             # formulas are MathML before MyST sees them
highlight_language = "none"             # of the blocks in docstrings
default_role = "code"                   # in docstrings, `x` is code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
suppress_warnings = ["mystnb.unknown_mime_type", "misc.highlighting_failure"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("page.js", {"priority": 10})]
html_copy_source = False
html_show_search_summary = False        # they would be fetched, which a page from a file may not do
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"


def add_widgets(app, page, template, context, doctree):
    """A page whose widgets live has a script of its own, which tools/build_site.py wrote."""
    if (Path(app.srcdir) / f"_static/widgets/{page}.js").is_file():
        app.add_js_file(f"widgets/{page}.js", loading_method="defer")


def as_rst(app, what, name, obj, options, lines):
    """Docstrings are plain text, in which only `code` is marked; a paragraph with indented lines keeps its lines."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    lines.clear()
    for text in paragraphs:
        if re.search(r"^ ", text, re.MULTILINE):
            text = "::\n\n" + "\n".join(f"    {line}" for line in text.split("\n"))
        else:
            text = re.sub(r"(`[^`]*`)|([*|_\\])", lambda found: found[1] or f"\\{found[2]}", text)
        lines += [*text.split("\n"), ""]


def setup(app):
    app.connect("html-page-context", add_widgets)
    app.connect("autodoc-process-docstring", as_rst)
