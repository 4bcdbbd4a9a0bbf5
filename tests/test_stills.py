"""A lesson stores a picture of each widget that is drawn in the page, and nothing of other widgets."""

import base64
import io
import re

import nbformat
import pytest
from PIL import Image

import browser
import lessons

CELLS = ["import torch\nfrom mixer_lib import widgets\n\n"
         "widgets.patch_explorer(torch.arange(48, dtype=torch.uint8).view(3, 4, 4))",
         "import ipywidgets\n\nprint('before')\nipywidgets.IntSlider()",
         "from tqdm.auto import tqdm\n\nfor _ in tqdm(range(3)):\n    pass"]


def test_a_widget_is_stored_as_a_still(tmp_path):
    if reason := browser.missing():
        pytest.skip(reason)
    text = tmp_path / "text/01_a.py"
    lessons.write_text(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), text)
    lessons.make(lessons.Pair("01_a", text, tmp_path / "01_a.ipynb"))
    notebook = lessons.read_notebook(tmp_path / "01_a.ipynb")
    assert "widgets" not in notebook.metadata
    (still,), (printed,), nothing = [cell.outputs for cell in notebook.cells]
    assert lessons.is_widget(still) and printed.text == "before\n" and not nothing
    html = still.data["text/html"]
    assert "table[1, 6] = 22" in re.search('alt="([^"]*)"', html)[1] and "Run the cell" in html
    picture = Image.open(io.BytesIO(base64.b64decode(re.search("base64,([^\"]+)", html)[1])))
    assert picture.width == 1800 and picture.height > 400 and len(picture.getcolors()) > 10
    assert html.count("<i style") == 3          # the image, the patch and the table keep their colors on a dark page
