"""What the page costs: how long it takes to answer a move, and how large its modules and lessons are.

Two parts of `make bench`: page and sizes."""

import json
import math
import statistics
import sys
from bisect import bisect
from collections import Counter
from pathlib import Path

import nbformat
import torch

from mixer_lib import create_model, permutations, widgets
from mixer_lib.analysis import grid_of
from mixer_lib.checkpoints import WEIGHTS, load_pretrained, load_snapshots
from mixer_lib.data import load_dataset
from mixer_lib.widgets.page import FOLDER, module

FRAME = 16          # milliseconds
MOVES = 60


def examples():
    """{name: (widget, CSS selector of what is touched, which of these, "hover", "drag" or "draw")}, as the lessons have
    them, or larger."""
    digits, photos = load_dataset("mnist"), load_dataset("cifar10")
    model, fine = load_pretrained("mnist")[0], load_pretrained("cifar10-fine")[0]
    horse, random = photos.train_images[3510], torch.Generator().manual_seed(0)

    def noise(*shape):
        return torch.randn(*shape, generator=random)

    strengths = noise(5, 256, 256).abs()
    orders = {name: permutations.draw_order(name, 32, 4, seed=0) for name in permutations.CONDITIONS}
    weights = widgets.weight_browser(fine)
    scrubber = widgets.training_scrubber(*load_snapshots(WEIGHTS / "cifar10-fine-snapshots.safetensors"), grid_of(fine))
    live = widgets.LiveTraining()
    live(history(6000))
    toy = create_model("mnist", num_blocks=1, hidden_dim=3, channels_mlp_dim=4).blocks[0]
    return {
        "living Mixer: draw a digit": (widgets.living_mixer(model, digits, "channel mixing 4"), "canvas", 0, "draw"),
        "living Mixer: follow a number": (widgets.living_mixer(model, digits, "token mixing 2"), ".mx-open canvas", 0,
                                          "hover"),
        "digit pad: draw a digit": (widgets.digit_pad(model, digits), "canvas", 0, "draw"),
        "patches of 4 x 4: hover the image": (widgets.patch_explorer(horse), ".mx-grid", 0, "hover"),
        "embedding: hover the patch": (widgets.embedding_explorer(photos.train_images[3510].float().mean(0) / 255,
                                                                  {str(c): noise(8, 8) for c in range(4)}),
                                       ".mx-grid", 1, "hover"),
        "channel mixing of a token: drag a slider": (
            widgets.token_explorer(noise(4, 3), toy.channel_norm, toy.channel_mixing), "input[type=range]", 0, "drag"),
        "token mixing's unit: hover a patch": (widgets.token_unit_explorer(
            horse, {str(c): noise(16) for c in range(4)}, {str(u): noise(16) for u in range(4)}), ".mx-grid", 0,
            "hover"),
        "influence, 16 x 16: hover the image": (widgets.influence_explorer(horse, strengths, 2), ".mx-grid", 0,
                                                "hover"),
        "costs: drag a slider": (widgets.cost_explorer(), "input[type=range]", 2, "drag"),
        "predictions: hover the thumbnails": (widgets.prediction_browser(
            photos.test_images[:200], photos.test_labels[:200], noise(200, 10).softmax(1), photos.classes), ".mx-grid",
            0, "hover"),
        "kernel, 64 x 49: hover the matrix": (widgets.kernel_explorer(digits.train_images[0], [
            (noise(64, 49), noise(64), noise(49, 128)) for _ in range(4)]), ".mx-grid", 0, "hover"),
        "weights, 256 units: hover the mosaic": (weights, ".mx-mosaic", 0, "hover"),
        "weights, 256 units: hover a weight": (weights, ".mx-grid", 1, "hover"),
        "training of 20 x 256 units: drag the time": (scrubber, "input[type=range]", 0, "drag"),
        "training of 20 x 256 units: hover a curve": (scrubber, ".mx-curves svg", 0, "hover"),
        "switches, 250 images: hover the stack": (widgets.switches(fine, photos, count=250), ".mx-stack", 0, "hover"),
        "scrambled image: hover a pixel": (widgets.scramble_explorer(horse, orders, 4), ".mx-grid", 0, "hover"),
        "live training, 6,000 steps: hover a curve": (live.page, ".mx-curve", 0, "hover"),
    }


def history(steps):
    from mixer_lib.training import History

    return History([{"step": i, "loss": 2 + math.sin(i), "lr": 1e-3} for i in range(steps)],
                   [{"epoch": e + 1, "train_accuracy": 0.9, "val_accuracy": 0.9} for e in range(60)], total_steps=steps)


def page(data, device):
    """Milliseconds that the page needs for the longest frame that answers a move of the pointer, in Chromium: its
    listeners, the layout, and the painting. It is the processor time of the page's own thread, so other programs do
    not count."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    import browser

    if reason := browser.missing():
        return print(f"page: {reason}")
    with browser.chromium() as chromium:
        for name, (widget, selector, number, kind) in examples().items():
            with browser.show(chromium, widget, height=1200) as shown:
                times = sorted(moves(chromium, shown, selector, number, kind))
            late = times[math.ceil(0.95 * len(times)) - 1]
            print(f"{name:<44}{statistics.median(times):>10.1f}{late:>10.1f}   <= {FRAME}: {late / FRAME:.2f}",
                  flush=True)


def moves(chromium, shown, selector, number, kind):
    """The busy milliseconds of the longest frame after each of MOVES moves over an element."""
    box, mouse = shown.find(selector, number).bounding_box(), shown.page.mouse
    for i in range(MOVES + 2):
        x, y = 0.5 + 0.45 * math.sin(1.9 * i), 0.5 + (kind != "drag") * 0.45 * math.sin(1.1 * i)
        if i == 2:              # the first ones warm up
            chromium.start_tracing(page=shown.page, categories=["disabled-by-default-devtools.timeline",
                                                                "devtools.timeline"])
        mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if i == 0 and kind != "hover":
            mouse.down()
        for _ in range(6 if kind == "draw" else 1):     # a pen is read every 50 ms, all else is drawn at once
            shown.page.evaluate("new Promise(done => requestAnimationFrame(done))")
    mouse.up()
    return longest_frames(json.loads(chromium.stop_tracing())["traceEvents"])


def longest_frames(events):
    """Milliseconds of processor time of the longest frame after each move of the pointer in a trace of Chromium. To a
    frame belong the task that draws it and the main thread's tasks since the frame before: the listeners."""
    def thread(event):
        return event["pid"], event["tid"]

    drawn = [event for event in events if event["name"] == "Layerize"]
    main = Counter(map(thread, drawn)).most_common(1)[0][0]
    of_main = sorted((event for event in events if thread(event) == main), key=lambda event: event["ts"])
    draws = [event["ts"] for event in of_main if event["name"] == "Layerize"]
    starts = [event["ts"] for event in of_main if event["name"] == "EventDispatch"
              and event["args"]["data"]["type"] == "pointermove"]
    longest, spent = [0.0] * len(starts), 0.0
    for task in of_main:
        if task["name"] != "RunTask" or "tdur" not in task:
            continue
        spent += task["tdur"] / 1000
        end = task["ts"] + task["dur"]
        if bisect(draws, end) > bisect(draws, task["ts"]):      # this task draws
            if move := bisect(starts, end):
                longest[move - 1] = max(longest[move - 1], spent)
            spent = 0.0
    return longest


def sizes(data, device):
    """Kilobytes of the modules that a notebook loads, and of a lesson as one file."""
    def line(name, size):
        print(f"{name:<44}{size / 1000:>10,.0f} kB", flush=True)

    line("kit.js, which all widgets share", (FOLDER / "kit.js").stat().st_size)
    for path in sorted(FOLDER.glob("*.js")):
        if "export default widget(" in path.read_text(encoding="utf-8"):
            line(f"{path.stem}.js with all it imports", len(module(path.stem).encode()))
    import export
    from lessons import NOTEBOOKS, execute

    for name in ("01_patches", "06_classifier"):
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        execute(notebook, NOTEBOOKS, widgets=True)
        line(f"{name}, exported", len(export.to_html(notebook, name).encode()))
