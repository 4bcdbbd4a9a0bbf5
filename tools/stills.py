"""Pictures of a lesson's widgets, for readers whose page runs none: GitHub, an editor, a notebook that was not run yet.

`put` is called when a lesson is made. In JupyterLab the live widget takes the picture's place as soon as its cell runs.
"""

import base64
import html
import io
import sys
from pathlib import Path

import nbformat
from PIL import Image

from mixer_lib.plots.base import STYLE
from mixer_lib.widgets.export import script

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import browser
import export

WIDTH, COLORS = 900, 128        # units of CSS, two pixels each; enough colors for a widget, and a third of the bytes
# Where a widget shows images in true color, in percent: a dark page turns all else from dark on light to light on dark.
# Such a canvas is opaque, but for what is missing in its last row of thumbnails. A list that scrolls shows part of it.
PHOTOS = """root => {
    const whole = root.getBoundingClientRect(), found = [];
    for (const canvas of root.querySelectorAll("canvas")) {
        const { width, height } = canvas, box = canvas.getBoundingClientRect();
        if (!box.width || !width || !height) continue;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        const opaque = Array.from({ length: width * height }, (_, i) => data[4 * i + 3] === 255);
        let rows = height, last = width;                // the rows that are full, and the width of those below them
        while (rows && !opaque[rows * width - 1]) rows -= 1;
        while (last && !opaque[(height - 1) * width + last - 1]) last -= 1;
        if (!rows || !last || !opaque.every((is, i) => is === (i < rows * width || i % width < last))) continue;
        let { top, bottom } = whole;
        for (let node = canvas.parentElement; node !== root; node = node.parentElement)
            if (getComputedStyle(node).overflowY !== "visible") {
                const window = node.getBoundingClientRect();
                [top, bottom] = [Math.max(top, window.top), Math.min(bottom, window.bottom)];
            }
        for (const [across, from, to] of [[width, 0, rows], [last, rows, height]]) {
            const start = Math.max(top, box.top + box.height * from / height);
            const end = Math.min(bottom, box.top + box.height * to / height);
            if (end > start) found.push([
                100 * (box.left - whole.left) / whole.width, 100 * (start - whole.top) / whole.height,
                100 * box.width * across / width / whole.width, 100 * (end - start) / whole.height]);
        }
    }
    return found;
}"""


def put(notebook):
    """Replace the widgets in an executed notebook's outputs by pictures of them, and drop the states of the widgets.
    Without Chromium they go without a picture."""
    states = notebook.metadata.pop("widgets", {}).get(export.STATES, {}).get("state", {})
    alive, places = {}, []
    for cell in notebook.cells:
        for place, output in enumerate(cell.get("outputs", [])):
            if export.WIDGET in output.get("data", {}):
                model = output["data"][export.WIDGET]["model_id"]
                export.place_of(model, states.get(model, {}), alive)
                places.append((cell, place, f"widget-{model}"))
    pictures = {} if browser.missing() else take(alive)
    for cell, place, name in reversed(places):
        cell.outputs[place:place + 1] = [nbformat.v4.new_output("display_data", {
            "text/html": pictures[name], "text/plain": ["A widget, which lives where the notebook runs."]},
            metadata={"still": True})] if name in pictures else []


def take(alive):
    """{id: HTML with the picture} of widgets that are drawn in the page, {id: what `export.place_of` has put there}."""
    if not alive:
        return {}
    with browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": WIDTH + 16, "height": 900}, device_scale_factor=2,
                                 color_scheme="light", reduced_motion="reduce")
        page.set_content("<style>body { margin: 8px; background: white; }</style>" +
                         "".join(f'<div id="{name}"></div>' for name in alive) +
                         f'<script type="module">{script(alive)}</script>')
        for name in alive:
            page.wait_for_selector(f"#{name} .mx", state="attached", timeout=60_000)
        page.wait_for_timeout(600)
        roots = {name: page.locator(f"#{name} .mx") for name in alive}
        # A question that was asked before the run is empty until it has an answer.
        return {name: picture_of(root) for name, root in roots.items() if root.is_visible()}


def picture_of(root):
    """A widget's picture as HTML. Its alternative text is what the widget says in words."""
    image = Image.open(io.BytesIO(root.screenshot())).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, format="png", optimize=True)
    alt = "An interactive picture, here as a still: " + " ".join(root.inner_text().split())[:400]
    marks = "".join(f'<i style="left: {x:.2f}%; top: {y:.2f}%; width: {w:.2f}%; height: {h:.2f}%"></i>'
                    for x, y, w, h in root.evaluate(PHOTOS))
    return (f'{STYLE}<span class="mixer-picture" style="width: {image.width // 2}px"><img alt="{html.escape(alt)}" '
            f'src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">{marks}</span>'
            "<br><small>A still of an interactive picture. Run the cell above to bring it to life.</small>")
