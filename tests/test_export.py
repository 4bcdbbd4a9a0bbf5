"""A lesson as one HTML file: it needs no kernel and no network, its widgets live, its formulas are drawn."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import export
from lessons import KERNELSPEC, execute

CELLS = [
    new_markdown_cell("# Powers\n\nThe square $x^2$ and `cost = $5 or $6`; $$\\sum_{i=1}^n a_{i,*} b_i$$\n\n"
                      "| a | b |\n|---|---|\n| $|x|$ | 2 |\n\n<details><summary>Fold</summary>\n\n1. hidden $y_1$\n\n"
                      "</details>\n\n![a figure](../figures/patch_grid.svg)"),
    new_code_cell("import torch\nfrom mixer_lib import widgets\n\n"
                  "widgets.patch_explorer(torch.arange(48, dtype=torch.uint8).view(3, 4, 4))"),
    new_code_cell("import ipywidgets\n\nipywidgets.IntSlider()"),
    new_code_cell("widgets.cost_explorer()        # without arrays"),
    new_code_cell("from mixer_lib.training import History\n\nlive = widgets.LiveTraining()\n"
                  "rows = [{'step': i, 'loss': 2.0, 'lr': 0.1} for i in range(9)]\n"
                  "live(History(rows[:5], total_steps=9))\n"
                  "live(History(rows, [{'epoch': 1, 'val_accuracy': 0.5}], total_steps=9))"),
    new_code_cell("from tqdm.auto import tqdm\n\nfor _ in tqdm(range(3)):\n    pass"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The exported file. The pictures are those of the course."""
    notebook = new_notebook(cells=CELLS, metadata={"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    execute(notebook, tmp_path_factory.mktemp("lesson"), widgets=True)
    path = tmp_path_factory.mktemp("page") / "powers.html"
    path.write_text(export.to_html(notebook, "powers"), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True])
def test_an_exported_lesson_lives(page, chromium, dark):
    opened = chromium.new_page(viewport={"width": 1000, "height": 700}, color_scheme="dark" if dark else "light")
    problems = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: problems.append(request.url) if not request.url.startswith(
        (page.as_uri(), "data:", "blob:")) else None)
    opened.goto(page.as_uri())
    opened.wait_for_selector(".mx-grid")
    assert opened.locator("math").count() == 4 and opened.locator("math msup").count() == 1
    assert opened.locator("td math").text_content() == "|x|"
    assert "cost = $5 or $6" in opened.locator("code").first.inner_text()
    assert not opened.locator("details li").is_visible()
    opened.get_by_text("Fold").click()
    assert opened.locator("details li").is_visible()
    assert opened.locator("img").evaluate("img => img.complete && img.naturalWidth > 100")
    assert opened.get_by_text("table[1, 6] = 22").count() == 1
    opened.locator(".mx-grid").first.click(position={"x": 5, "y": 5})
    assert opened.get_by_text("table[0, 6] = 20").count() == 1
    assert opened.get_by_text("so it needs a running kernel").count() == 1          # the slider; not the progress bar
    opened.get_by_text("59,880,472").first.wait_for()
    opened.get_by_text("9 of 9 steps, done in").wait_for()      # the curves as they were at the end
    light = opened.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(light) < 60) == dark
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth") and not problems
    opened.close()


def test_names(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["export.py", "01_patch"])
    with pytest.raises(SystemExit):
        export.main()
    assert "there is no lesson 01_patch: choose from 00_start_here, 01_patches" in capsys.readouterr().err
