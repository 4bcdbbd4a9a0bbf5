"""Widgets that are drawn in the page: Python sends their numbers once, and JavaScript responds to the reader.

The modules lie in page/. `kit.js` is what all share; the others each export a widget as anywidget takes it. They are
plain ES modules; since a notebook loads one module per widget, `module` puts what one imports in front of it."""

import asyncio
import functools
import re
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ..plots.base import as_array

FOLDER = Path(__file__).parent / "page"
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
KINDS = {"u": np.uint8, "b": np.uint8, "i": np.int32, "f": np.float32}        # by NumPy's letter for a kind


@functools.cache
def module(name):
    """The source of the ES module page/NAME.js with all that it imports in front of it."""
    parts = []

    def add(file):
        source = (FOLDER / file).read_text(encoding="utf-8")
        for needed in IMPORT.findall(source):
            if needed not in parts:
                add(needed)
        parts.append(file)

    add(f"{name}.js")
    *needed, last = [IMPORT.sub("", (FOLDER / file).read_text(encoding="utf-8")) for file in parts]
    return "\n".join([*(re.sub(r"^export ", "", source, flags=re.MULTILINE) for source in needed), last])


def _kind(dtype):
    return dtype if dtype == np.float16 else KINDS[dtype.kind]


def _in_bytes(arrays):
    """The traits `arrays` and `shapes` of a Page, from {name: tensor or array}."""
    numbers = {key: as_array(value) for key, value in arrays.items()}
    numbers = {key: np.ascontiguousarray(value, dtype=_kind(value.dtype)) for key, value in numbers.items()}
    return {"arrays": {key: value.tobytes() for key, value in numbers.items()},
            "shapes": {key: [value.dtype.name, [*value.shape]] for key, value in numbers.items()}}


class Page(anywidget.AnyWidget):
    """A widget that the module page/NAME.js draws.

    picked: what the person has chosen, {name: number or text}; Python may set it, too. arrays, shapes, facts: what is
    drawn, sent once, and again by `show`. answer: what Python computes for a selection where the page cannot. problem:
    an error in Python, which the page shows."""

    arrays = traitlets.Dict().tag(sync=True)        # {name: bytes}
    shapes = traitlets.Dict().tag(sync=True)        # {name: [NumPy's name of the kind, shape]}
    facts = traitlets.Dict().tag(sync=True)
    picked = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(self, name, arrays=None, facts=None, picked=None):
        """arrays: {name: tensor or array}; whole numbers go as uint8 or int32, others as float32, or as float16 where
        an array has that type."""
        self.name, self._esm = name, module(name)
        super().__init__(**_in_bytes(arrays or {}), facts=facts or {}, picked=picked or {})

    def show(self, arrays, facts):
        """Draw other numbers. They go to the page in one message and replace the first ones there."""
        with self.hold_sync():
            self.set_trait("facts", facts)
            for name, value in _in_bytes(arrays).items():
                self.set_trait(name, value)


def answering(page, name, answers):
    """Makes Python answer whenever the selection `name` of `page` changes; returns `page`.

    answers(value): a generator of dictionaries, each more complete than the one before. The first is sent at once. The
    others follow as they come, unless the reader picks something else first. The page shows an exception."""
    current = task = None               # asyncio keeps no task alive itself

    def send(coming):
        """Send the next answer. Returns whether there was one."""
        try:
            page.answer = next(coming)
            page.problem = ""
        except StopIteration:
            return False
        except Exception as error:
            page.problem = f"{type(error).__name__}: {error}"
            return False
        return True

    async def send_rest(coming):
        while True:
            await asyncio.sleep(0)      # lets the reader's next move come first
            if coming is not current or not send(coming):
                return

    def changed(change):
        nonlocal current, task
        if change.old.get(name) == change.new.get(name):
            return
        current = coming = iter(answers(change.new[name]))
        if send(coming):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:        # no kernel here that could go on later
                while send(coming):
                    pass
            else:
                task = loop.create_task(send_rest(coming))

    page.observe(changed, "picked")
    return page
