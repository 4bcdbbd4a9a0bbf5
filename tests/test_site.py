"""The site: what it leaves out, where its links lead, and the built pages in a browser, offline and from files."""

import importlib.util
import os
import re

import nbformat
import pytest

import build_site
from build_site import NOTEBOOKS, REPOSITORY, ROOT


def notebook_with_still(source):
    still = nbformat.v4.new_output("display_data", {"text/html": "<img><br><small>Run the cell.</small>"},
                                   metadata={"still": True})
    outputs = [nbformat.v4.new_output("stream", text="before"), still, nbformat.v4.new_output("stream", text="after")]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, outputs=outputs)])


def test_a_live_widget_takes_the_place_of_its_still():
    def shown(places):
        notebook = notebook_with_still("show()")
        build_site.with_widgets(notebook, places)
        return [output.get("text") or output["data"]["text/html"] for output in notebook.cells[0].outputs]

    assert shown({"0": [[1, "<div></div>"]]}) == ["before", "<div></div>", "after"]
    for places in ({}, {0: [[0, build_site.WITHOUT]]}):
        assert shown(places) == ["before", "<img>" + build_site.WITHOUT, "after"]


def test_a_cell_that_trains_leaves_its_still_alone(tmp_path, monkeypatch):
    """Without its source the cell is empty, and is not run."""
    monkeypatch.setattr(build_site, "BUILD", tmp_path)
    monkeypatch.setattr(build_site, "execute", lambda *notebook, widgets: None)
    nbformat.write(notebook_with_still("fit(model, data)"), tmp_path / "07_train.ipynb")
    found = build_site.alive(tmp_path / "07_train.ipynb")
    assert (found["places"], found["states"]) == ({}, {})


def test_links_lead_to_pages_or_to_the_repository():
    pages = {NOTEBOOKS / "01_patches.ipynb"}
    text = ("[a](01_patches.ipynb#x) [b](../tools/export.py) [c](../mixer_lib/conv.py) `[d](../tools/export.py)` "
            "[e](http://f)")
    assert build_site.with_links(text, NOTEBOOKS, pages) == (
        f"[a](01_patches.ipynb#x) [b]({REPOSITORY}/blob/main/tools/export.py) [c](../api/conv.md) "
        "`[d](../tools/export.py)` [e](http://f)")


def test_first_bold_place_of_a_word_leads_to_the_glossary():
    words = {"hidden unit": "one of many", "logit": "a score"}
    text = build_site.with_terms("A **hidden\nunit** and a **hidden unit**", words)
    assert text.count('href="glossary.html#word-hidden-unit" title="one of many"') == 1 and text.count("**") == 2
    assert words == {"logit": "a score"}
    entries = build_site.glossary((NOTEBOOKS / "glossary.md").read_text(encoding="utf-8"))
    for lesson in build_site.terms().values():
        for word in lesson:
            assert entries.count(f'<b id="{build_site.anchor(word)}">') == 1, word


def nothing(path):
    return {"places": {}, "states": {}, "said": path.stem}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. One lesson is executed for its widgets; the others would take as long each."""
    if not importlib.util.find_spec("furo"):
        reason = "install Sphinx (pip install -r site/requirements.txt) to build the site"
        pytest.fail(reason) if os.environ.get("REQUIRE_SITE") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("site")
    build_site.prepare(folder / "source", jobs=1,
                       find=lambda path: (build_site.alive if path.stem == "01_patches" else nothing)(path))
    assert build_site.build(folder / "source", folder / "html", folder / "kept") == 0
    return folder / "html"


@pytest.fixture
def open_page(site, chromium):
    """open_page("notebooks/01_patches", width=390) opens a page of the site; what goes wrong fails at the end."""
    problems, opened = [], []

    def go(name, width=1366, dark=False):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
        opened.append(page)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((site.as_uri(), "data:", "blob:"))
                else problems.append(f"{page.url} asked for {request.url}"))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield go
    for page in opened:
        page.close()
    assert not problems


# What a page must have for all readers, as complaints. A name may come from text, a label, or an attribute.
FAULTS = """() => {
    const found = [], all = (selector) => [...document.querySelectorAll(selector)];
    const named = (e) => e.ariaLabel || e.title || e.textContent.trim() || e.labels?.length || e.placeholder
        || e.getAttribute("aria-labelledby") || e.querySelector("[aria-label], title, img[alt]");
    if (!document.documentElement.lang || !document.title) found.push("no language or title");
    if (all("h1").length !== 1) found.push(all("h1").length + " first headings");
    const levels = all("article :is(h1, h2, h3, h4, h5, h6)").map((h) => [+h.tagName[1], h.textContent]);
    levels.forEach(([level, text], i) => {
        if (i && level > levels[i - 1][0] + 1) found.push("a level is skipped at " + text);
    });
    for (const e of all("img")) if (!e.hasAttribute("alt")) found.push("no alternative text: " + e.src.slice(0, 80));
    for (const e of all("img")) if (e.complete && !e.naturalWidth) found.push("no picture: " + e.src.slice(0, 80));
    for (const e of all("button, a[href], input:not([type=hidden], .sidebar-toggle, .toctree-checkbox), canvas[role]"))
        if (!named(e)) found.push("no name: " + e.outerHTML.slice(0, 120));
    const ids = all("article [id]").map((e) => e.id), twice = ids.filter((id, i) => ids.indexOf(id) !== i);
    if (twice.length) found.push("ids used twice: " + twice);
    for (const e of all("a[href^='#']"))
        if (e.hash.length > 1 && !document.getElementById(decodeURIComponent(e.hash.slice(1))))
            found.push("leads nowhere: " + e.hash);
    if (document.documentElement.scrollWidth > innerWidth)
        found.push(`${document.documentElement.scrollWidth - innerWidth} pixels wider than the page`);
    return found;
}"""


def test_every_page_can_be_read(site, open_page):
    """At phone width, and without a request that leaves the site."""
    pages = [path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")
             if "_modules" not in path.parts and path.name != "search.html"]        # it is filled by its script
    assert len(pages) > 40
    page, found = open_page("index", 390), []
    for name in pages:
        page.goto((site / f"{name}.html").as_uri())
        found += [f"{name}: {fault}" for fault in page.evaluate(FAULTS)]
    assert not found, "\n".join(found)


def test_links_within_the_site_lead_somewhere(site):
    for path in site.rglob("*.html"):
        for link in re.findall(r'href="([^":]+?\.html)?(#[^"]*)?"', path.read_text(encoding="utf-8")):
            target = (path.parent / link[0]).resolve() if link[0] else path
            assert target.is_file(), f"{path}: {link}"


@pytest.mark.parametrize("dark", [False, True])
def test_the_front_page_lives(open_page, dark):
    page = open_page("index", dark=dark)
    page.wait_for_selector("#widget-living .mx-grid")
    page.get_by_role("button", name="scores").click()
    page.get_by_text("91%").first.wait_for()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(light) < 60) == dark


def test_the_chosen_theme_reaches_widgets_and_pictures(open_page):
    page = open_page("notebooks/01_patches")
    page.wait_for_selector(".mx .mx-grid", state="attached")
    ink = "getComputedStyle(document.querySelector('.mx')).color.match(/\\d+/)[0]"
    assert int(page.evaluate(ink)) < 100 and page.evaluate("document.body.dataset.jpThemeLight") == "true"
    page.evaluate("document.body.dataset.theme = 'dark'")       # what the button of the theme does
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    assert int(page.evaluate(ink)) > 150


def test_a_lesson_lives(open_page):
    page = open_page("notebooks/01_patches")
    page.get_by_role("button", name="the horse, whole").first.click()       # a prediction
    page.get_by_text("You said “the horse, whole”").first.wait_for()
    assert page.locator("article math").count() > 10
    assert page.locator('a.term[href^="glossary.html#word-"]').count() >= 3
    assert page.get_by_role("link", name="Next").count() and page.get_by_role("link", name="Previous").count()


def test_search_finds(site, open_page):
    page = open_page("search")
    page.goto((site / "search.html").as_uri() + "?q=permute")
    page.locator("#search-results li a", has_text="Patches").first.wait_for()


def test_the_library_has_its_pages(site):
    text = (site / "api/model.html").read_text(encoding="utf-8")
    assert 'id="mixer_lib.model.MlpMixer"' in text and "viewcode-link" in text
    missing = {path.stem for path in (ROOT / "mixer_lib").iterdir() if path.name[0] not in "_." and (
        path.suffix == ".py" or path.is_dir())} - {*build_site.ROOMS} - {
        "cli", "exercises", "models", "samples", "check_setup", "digits", "permutations"}
    assert not missing, f"rooms without a page: {missing}; name them in tools/build_site.py"
