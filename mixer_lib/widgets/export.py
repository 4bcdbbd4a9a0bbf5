"""Widgets in a page of their own, which lives without a kernel and without a network."""

import base64
import html
import json

from .page import FOLDER


def to_html(pages, title="MLP-Mixer"):
    """One HTML document, as text, in which widgets drawn in the page live. pages: {name: Page}; a name is the id of the
    widget's element."""
    states = {name: {"esm": page._esm, "facts": page.facts, "shapes": page.shapes, "picked": page.picked,
                     "problem": page.problem,
                     "arrays": {key: base64.b64encode(value).decode() for key, value in page.arrays.items()}}
              for name, page in pages.items()}
    places = "\n".join(f'<div id="{html.escape(name)}"></div>' for name in pages)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>
<style>:root {{ color-scheme: light dark; }} body {{ margin: 16px auto; max-width: 916px; padding: 0 8px; }}</style>
</head>
<body>
{places}
{script(states)}
</body>
</html>
"""


def script(states):
    """The HTML that brings widgets to life: {id of an element: what Python would send, its arrays in base64}."""
    start = (FOLDER / "standalone.js").read_text(encoding="utf-8").replace("export ", "")
    data = json.dumps(states).replace("</", "<\\/")         # a script ends at the first </script
    return f'<script type="module">\n{start}\nstart({data});\n</script>'
