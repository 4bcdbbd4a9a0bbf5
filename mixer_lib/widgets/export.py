"""Widgets in a page of their own, which lives without a kernel and without a network."""

import base64
import html
import json

from .page import FOLDER


def to_html(pages, title="MLP-Mixer"):
    """One HTML document, as text, in which widgets drawn in the page live. pages: {name: Page}; a name is the id of the
    widget's element."""
    places = "\n".join(f'<div id="{html.escape(name)}"></div>' for name in pages)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>
<style>:root {{ color-scheme: light dark; }} body {{ margin: 16px auto; max-width: 916px; padding: 0 8px; }}</style>
</head>
<body>
{places}
<script type="module">
{script({name: state_of(page) for name, page in pages.items()})}
</script>
</body>
</html>
"""


def state_of(page):
    """What Python sends of a Page, its arrays in base64."""
    return {"esm": page._esm, "facts": page.facts, "shapes": page.shapes, "picked": page.picked,
            "problem": page.problem,
            "arrays": {key: base64.b64encode(value).decode() for key, value in page.arrays.items()}}


def script(states):
    """The JavaScript that brings widgets to life. states: {id of an element: state}, as `state_of` gives it."""
    start = (FOLDER / "standalone.js").read_text(encoding="utf-8").replace("export ", "")
    modules = {source: f"m{number}" for number, source in enumerate({state["esm"]: None for state in states.values()})}
    states = {name: state | {"esm": modules[state["esm"]]} for name, state in states.items()}
    sources = {name: source for source, name in modules.items()}
    data, sources = (json.dumps(value).replace("</", "<\\/") for value in (states, sources))    # </script would end it
    return f"{{\n{start}\nstart({data}, {sources});\n}}"
