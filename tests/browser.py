"""Drives a notebook in a real JupyterLab, in a browser without a window, as a learner would.

The browser tests use it (the fixture `open_notebook` in conftest.py). By hand it takes pictures of a notebook:

    python tests/browser.py notebooks/01_patches.ipynb --out shots [--dark]
"""

import argparse
import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
# The first has no windows at all: it opens a page in a third of the time.
BROWSERS = ["chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome"]
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Draw every cell, not only those in view, and end the page at the last.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
PROMPTS = f"[...document.querySelectorAll('{PANEL} .jp-CodeCell .jp-InputPrompt')].map(p => p.textContent.trim())"

# What is wrong with the outputs, in words. In one go, since each question to the page takes its while.
FAULTS = """panel => {
    const found = [], all = selector => [...document.querySelectorAll(selector)]
        .filter(element => element.closest(panel));
    for (const output of all(".jp-OutputArea-output[data-mime-type*='jupyter.error']"))
        found.push("error in a cell: " + output.textContent.slice(-300));
    for (const output of all("[data-mime-type='application/vnd.jupyter.stderr']"))
        if (output.textContent.includes("Traceback"))
            found.push("traceback in a cell: " + output.textContent.slice(-300));
    for (const output of all(".jupyter-widgets-error-widget, .jp-OutputArea-output"))
        if (output.matches(".jupyter-widgets-error-widget") || output.textContent.includes("Error displaying widget")
                || output.textContent.includes("Loading widget..."))
            found.push("a widget is not shown: " + output.textContent.slice(0, 200));
    for (const picture of all(".jp-RenderedHTMLCommon img")) {
        if (picture.alt.length < 50)
            found.push(`a picture has no alternative text worth the name: '${picture.alt}'`);
        if (!picture.complete || !picture.naturalWidth)
            found.push("a picture is not shown: " + picture.alt.slice(0, 80));
    }
    return found;
}"""


def missing():
    """What keeps the browser tests from running, in words; None if nothing does."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "install playwright (pip install playwright) to run the browser tests"
    return None if CHROMIUM else "install Chromium (Debian: chromium-headless-shell) to run the browser tests"


class Lab(NamedTuple):
    """A running JupyterLab."""

    address: str
    token: str
    notebooks: Path     # its copy of the course's, thrown away at the end

    def ask(self, address, method="GET", **words):
        """Call the server's own interface; raises OSError while it is not up."""
        body = json.dumps(words).encode() if words else None
        request = urllib.request.Request(f"{self.address}/api/{address}", body, method=method)
        request.add_header("Authorization", f"token {self.token}")
        no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return no_proxy.open(request, timeout=20).read()

    def end(self, kernel):
        """End a kernel. That takes seconds; and Lab itself may end meanwhile, which ends it, too."""
        with contextlib.suppress(OSError):
            self.ask(f"kernels/{kernel}", method="DELETE")


def copy_without_outputs(folder, target):
    """Copy the notebooks as a learner gets them before a first run; old counts would look like finished cells."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for path in target.rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell.update(execution_count=None, outputs=[])
        path.write_text(json.dumps(notebook), encoding="utf-8")


@contextlib.contextmanager
def jupyter_lab(notebooks=NOTEBOOKS, dark=False):
    """Run JupyterLab on a copy of the course's `notebooks`; yields a Lab. Nothing in the tree changes."""
    with tempfile.TemporaryDirectory(prefix="mixer-lab-") as folder:
        home = Path(folder)
        copy_without_outputs(notebooks, home / "course/notebooks")
        if (notebooks.parent / "figures").exists():  # the lessons show some of them
            shutil.copytree(notebooks.parent / "figures", home / "course/figures")
        theme = {"@jupyterlab/apputils-extension/themes": {"theme": "JupyterLab Dark"}} if dark else {}
        for name, value in {**SETTINGS, **theme}.items():
            path = home / f"settings/{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        lab = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(), home / "course/notebooks")
        private = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
        private["JUPYTER_TOKEN"] = lab.token
        private |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "ws")}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={port}", "--ServerApp.port_retries=0"]
        command += [f"--ServerApp.root_dir={home / 'course'}", "--LabApp.extension_manager=readonly",
                    "--LabApp.expose_app_in_browser=True"]
        with open(home / "log", "w+") as log:
            server = subprocess.Popen(command, env=os.environ | private, stdout=log, stderr=log, cwd=home)
            try:
                wait_for_server(lab, server, log)
                yield lab
            finally:
                server.terminate()  # it ends its kernels itself
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()


def wait_for_server(lab, server, log):
    end = time.time() + 300         # a machine with other work to do may take minutes
    while time.time() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            lab.ask("status")
            return
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read()[-2000:]}")


@contextlib.contextmanager
def chromium():
    """Run Chromium without a window; yields playwright's Browser. Until it ends, asyncio has no other loop here."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def leave_out(path, until, without):
    """Take cells out of a notebook, as open_page says. What they import stays."""
    from needed_cells import only_imports  # of tools/, which a run by hand does not know and does not need

    notebook = nbformat.read(path, as_version=4)
    for piece in (*without, *([until] if until else [])):
        assert any(piece in cell.source for cell in notebook.cells), f"{path.name} has no {piece!r}"
    if until:
        last = max(i for i, cell in enumerate(notebook.cells) if until in cell.source)
        del notebook.cells[last + 1:]
    for cell in notebook.cells:
        if any(piece in cell.source for piece in without):
            cell.source = only_imports(cell.source) if cell.cell_type == "code" else ""
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    nbformat.write(notebook, path)


@contextlib.contextmanager
def lab_page(browser, lab, width=1200, height=1400):
    """Open a running `lab` in a `browser`; yields playwright's Page, in which open_page opens notebooks.

    They share one kernel, so that torch is imported once. What a lesson itself forgets to import, nbval finds."""
    page = browser.new_page(viewport={"width": width, "height": height})    # with cookies and storage of its own
    # In a workspace of its own: the common one opens the notebooks of earlier pages as well, each with a kernel.
    page.goto(f"{lab.address}/lab/workspaces/{secrets.token_hex(4)}?token={lab.token}")
    page.wait_for_function("window.jupyterapp?.commands.hasCommand('docmanager:open')", timeout=120_000)
    page.evaluate("jupyterapp.restored.then(() => null)")
    kernel = json.loads(lab.ask("kernels", method="POST", path="notebooks/any.ipynb"))      # it works in this folder
    page.evaluate("kernel => { window.kernel = kernel }", kernel)
    try:
        yield page
    finally:
        page.close()
        threading.Thread(target=lab.end, args=(kernel["id"],)).start()      # its memory


@contextlib.contextmanager
def open_page(page, lab, name, *, until=None, without=()):
    """Open notebooks/`name` in a `page` that shows a `lab` and no other notebook; yields a NotebookPage.

    What takes long and shows no widget can be left out, as nbval runs it anyway: all cells after the last one in which
    the code `until` stands, and the cells in which one of the pieces of code `without` stands."""
    if until or without:
        leave_out(lab.notebooks / name, until, without)
    notebook = NotebookPage(page, lab, name)
    try:
        yield notebook
    finally:
        notebook.close()


@contextlib.contextmanager
def show(browser, widget, dark=False, width=915, height=600):
    """Show a widget that is drawn in the page, without a kernel; yields a Shown. What goes wrong fails at the end."""
    from mixer_lib.widgets import to_html

    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    shown = Shown(page)
    try:
        page.set_content(to_html({"widget": widget}))
        page.wait_for_selector("#widget .mx")
        yield shown
        page.wait_for_timeout(20)
        shown.check()
    finally:
        page.close()


class Shown:
    """A widget in a page without a kernel. `page` is playwright's own object."""

    def __init__(self, page):
        self.page, self.problems = page, []
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(("data:", "blob:", "about:"))
                else self.problems.append(f"the page asked for {request.url}"))

    def check(self):
        """Raise AssertionError with what went wrong: errors, requests, a scrollbar, a message in place of a picture."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found = self.problems + [f"{wide} pixels wider than the page"] * (wide > 0)
        found += self.page.locator(".mx-error:visible").all_inner_texts()
        assert not found, "\n".join(found)

    @property
    def picked(self):
        """What the widget would tell Python."""
        return self.page.evaluate("document.getElementById('widget').state.picked")

    def text(self):
        return self.page.locator("#widget .mx").inner_text()

    def find(self, selector, number=0):
        return self.page.locator(f"#widget {selector}").nth(number)

    def at(self, selector, number, x, y, click=False):
        """Move the pointer to a place in an element, x and y from 0 to 1, and perhaps click."""
        box = self.find(selector, number).bounding_box()
        (self.page.mouse.click if click else self.page.mouse.move)(box["x"] + x * box["width"],
                                                                   box["y"] + y * box["height"])

    def pixels(self, number=0, selector="canvas"):
        """A canvas as it is painted, before the page scales it: uint8 [height, width, 4]."""
        import numpy as np

        width, height, data = self.find(selector, number).evaluate(
            """c => [c.width, c.height, [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]]""")
        return np.array(data, np.uint8).reshape(height, width, 4)

    def frame(self, selector=".mx-mark", number=0):
        """Where a mark lies, in cells: (x, y, width, height); None where it is hidden."""
        return self.find(selector, number).evaluate(
            """r => r.style.display === "none" ? null : ["x", "y", "width", "height"].map(n => +r.getAttribute(n))""")


class NotebookPage:
    """One open notebook. `page` is playwright's own object, for all that has no method here.

    A `cell` below is what widget_cells() gives: a cell whose output holds widgets.
    """

    def __init__(self, page, lab, name):
        self.page, self.problems, self.address = page, [], lab.address
        page.on("request", self._watch_request)
        page.on("websocket", self._watch_socket)
        open_it = "path => jupyterapp.commands.execute('docmanager:open', {path, kernel}).then(() => null)"
        page.evaluate(open_it, f"notebooks/{name}")
        page.wait_for_selector(f"{PANEL} .jp-Notebook .jp-Cell")
        # Lab drops a 'Run All' that comes before its status bar says Idle.
        page.wait_for_selector("#jp-main-statusbar :text('| Idle')", timeout=60_000)

    def close(self):
        """Close the notebook, without a word about what is not saved, and leave the page to the next."""
        self.page.remove_listener("request", self._watch_request)
        self.page.remove_listener("websocket", self._watch_socket)
        self.page.evaluate("""() => {
            const panel = jupyterapp.shell.currentWidget;
            panel.context.model.dirty = false;
            panel.dispose();
        }""")

    def _watch_request(self, request):
        if not request.url.startswith((self.address, self.address.replace("http", "ws", 1), "data:", "blob:")):
            self.problems.append(f"the page asked for {request.url}, outside this machine")

    def _watch_socket(self, socket):
        socket.on("framereceived", self._watch_message)

    def _watch_message(self, payload):
        """Kernel messages show what the page may hide: an error in a widget's callback."""
        data = payload if isinstance(payload, bytes) else payload.encode()
        start = data.find(b'{"traceback"')
        if start >= 0:
            error, _ = json.JSONDecoder().raw_decode(data[start:].decode("utf-8", "replace"))
            self.problems.append(f"error in the kernel: {error['ename']}: {error['evalue']}")

    def run_all(self, timeout=900):
        """Run all cells as the menu does, wait for the last, and check()."""
        self.start_all()
        self.finish(timeout)

    def start_all(self):
        """Run all cells as the menu does, and do not wait for them."""
        for _ in range(5):
            self.page.click("li.lm-MenuBar-item:has-text('Run')")
            self.page.click(".lm-Menu-item[data-command='runmenu:run-all']")
            with contextlib.suppress(Exception):  # dropped without a word: choose it again
                self.page.wait_for_function(f"{PROMPTS}.some(p => /\\[[*\\d]/.test(p))", timeout=3000)
                break

    def run_cells(self, *pieces, timeout=60):
        """Run, one after the other, the code cells in which these pieces of code stand, each in one, and check()."""
        for piece in pieces:
            cell = self.page.locator(f"{PANEL} .jp-CodeCell").filter(has_text=piece)
            cell.locator(".jp-InputArea-editor").click()
            end = time.time() + timeout
            while not re.search(r"\[\d+\]", prompt := cell.locator(".jp-InputPrompt").inner_text()):
                assert time.time() < end, f"the cell with {piece!r} is not done after {timeout} s"
                if "*" not in prompt:
                    self.page.keyboard.press("Control+Enter")
                self.page.wait_for_timeout(500)
        self.check()

    def wait_for(self, text, timeout=900):
        """Wait until a widget says `text`; what goes wrong before fails at once. While a model trains, this takes less
        of the machine than playwright's own search does."""
        end = time.time() + timeout
        says = "text => [...document.querySelectorAll('.mx')].some(widget => widget.textContent.includes(text))"
        while not self.page.evaluate(says, text):
            self.check()
            assert time.time() < end, f"no widget says {text!r} after {timeout} s"
            self.page.wait_for_timeout(500)

    def finish(self, timeout=900):
        """Wait until all cells have run, and check()."""
        end = time.time() + timeout
        while not self.problems and not self.page.evaluate(f"{PROMPTS}.every(p => /\\[\\d+\\]/.test(p))"):
            if time.time() > end:
                self.problems.append(f"not done after {timeout} s: {self.page.evaluate(PROMPTS)}")
            self.page.wait_for_timeout(100)
        self.page.wait_for_timeout(300)  # the last outputs are on their way
        self.check()

    def check(self):
        """Raise AssertionError with all that went wrong so far: in cells, in callbacks, in widgets, in requests."""
        found = self.problems + self.page.evaluate(FAULTS, PANEL)
        assert not found, "\n".join(found)

    def widget_cells(self):
        """The cells that hold widgets other than questions, from top to bottom."""
        cells = self.page.locator(f"{PANEL} .jp-CodeCell:has(.jp-OutputArea :is(.jupyter-widgets, .mx))")
        return cells.filter(has_not=self.page.locator(".mx-question")).all()

    def questions(self):
        """The questions that ask for a prediction, from top to bottom."""
        return self.page.locator(f"{PANEL} .mx-question").all()

    def image(self, cell, number=0):
        """The bytes of the cell's image widget, as the browser has them."""
        read = """img => fetch(img.src).then(r => r.blob()).then(blob => new Promise(done => {
            const reader = new FileReader();
            reader.onload = () => done(reader.result);
            reader.readAsDataURL(blob);
        }))"""
        return base64.b64decode(cell.locator("img.widget-image").nth(number).evaluate(read).partition(",")[2])

    def move_slider(self, cell, number=0, key="ArrowRight"):
        """Press a key on one of the cell's sliders; returns what its read-out says then."""
        slider = cell.locator(".widget-slider").nth(number)
        readout = slider.locator(".widget-readout")
        before = readout.inner_text()
        slider.locator(".noUi-handle").first.focus()
        self.page.keyboard.press(key)
        end = time.time() + 10
        while readout.inner_text() == before:
            assert time.time() < end, f"the slider stays at {before} on {key}"
            self.page.wait_for_timeout(20)
        return readout.inner_text()

    def changed_image(self, cell, before, number=0, timeout=10):
        """Wait until the cell's image widget differs from the bytes `before`; returns its new bytes."""
        stays = f"the picture stays as it was for {timeout} s"
        return self._await_image(cell, number, lambda now: now != before, stays, timeout)

    def wait_for_image(self, cell, expected, number=0, timeout=20):
        """Wait until the cell's image widget shows the bytes `expected`, which other pictures may come before."""
        self._await_image(cell, number, lambda now: now == expected, f"another picture after {timeout} s", timeout)

    def _await_image(self, cell, number, accept, complaint, timeout):
        end = time.time() + timeout
        while True:
            with contextlib.suppress(Exception):  # the browser may drop the old picture while it is read
                now = self.image(cell, number)
                if accept(now):
                    return now
            self.check()
            assert time.time() < end, complaint
            self.page.wait_for_timeout(20)

    def screenshots(self, folder, name):
        """Pictures of the whole notebook, from top to bottom; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        panel = self.page.locator(PANEL)
        scroll = "(panel, y) => { const e = panel.querySelector('.jp-WindowedPanel-outer'); e.scrollTop = y;"
        scroll += " return [e.scrollTop + e.clientHeight >= e.scrollHeight - 1, e.clientHeight]; }"
        paths, top, last = [], 0, False
        while not last:
            last, height = panel.evaluate(scroll, top)
            self.page.wait_for_timeout(300)
            paths.append(folder / f"{name}-{len(paths) + 1}.png")
            panel.screenshot(path=paths[-1])
            top += height
        return paths


def main():
    parser = argparse.ArgumentParser(description="Run a notebook in JupyterLab and take pictures of all of it.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, default=Path("shots"))
    parser.add_argument("--width", type=int, default=1366, help="of the window, in pixels (default: 1366)")
    parser.add_argument("--dark", action="store_true", help="in JupyterLab's dark theme")
    options = parser.parse_args()
    if missing():
        parser.error(missing())
    if not options.notebook.resolve().is_relative_to(NOTEBOOKS):
        parser.error(f"{options.notebook} is not in {NOTEBOOKS}")
    name = options.notebook.resolve().relative_to(NOTEBOOKS)
    with (jupyter_lab(dark=options.dark) as lab, chromium() as window,
          lab_page(window, lab, options.width, 2000) as page, open_page(page, lab, name) as notebook):
        try:
            notebook.run_all()
        finally:
            stem = "-".join(name.with_suffix("").parts) + ("-dark" if options.dark else "")
            print(*notebook.screenshots(options.out, stem), sep="\n")


if __name__ == "__main__":
    main()
