"""Watch a model while it trains, and page through its predictions."""

import time

import numpy as np
import torch
from comm import get_comm_manager
from comm.base_comm import BaseComm
from IPython import get_ipython
from IPython.display import display
from torch.nn.functional import one_hot

from .. import plots
from ..data import augment, mix
from .page import Page, answering

# The changes that a page without a kernel can show, one at a time: crop padding, flip, RandAugment's magnitude, blend.
ALONE = {"none": (0, 0, 0, ""), "crops": (4, 0, 0, ""), "flips": (0, 1, 0, ""), "RandAugment": (0, 0, 15, ""),
         "MixUp": (0, 0, 0, "mixup"), "CutMix": (0, 0, 0, "cutmix")}
STORED = 3              # draws of each
POINTS = 600            # of a curve


def augmentation_explorer(images, labels, classes):
    """Choose augmentations, draw as often as you like, and see the images and labels that the network is given.

    Python draws them on request; a page without a kernel shows a few stored draws. images: uint8
    [N, C, H, W], N from 2. labels: int64 [N]."""
    def drawn(draw, crop_padding, flip, randaugment, blend):
        random = torch.Generator().manual_seed(draw)
        x = augment(images, crop_padding, bool(flip), randaugment, random) / 255
        x, y = mix(x, labels, len(classes), **({blend: 1.0} if blend else {}), generator=random)
        y = y if y.ndim == 2 else one_hot(y, len(classes))
        return pixels(x), plots.as_array(y).astype(np.float32)

    def answers(asked):
        x, y = drawn(*asked)
        yield {"asked": asked, "pixels": x.tobytes(), "labels": y.tobytes()}

    keys = [[draw, *change] for change in ALONE.values() for draw in range(STORED if any(change) else 1)]
    stored, shares = zip(*(drawn(*key) for key in keys))
    page = Page("augment", {"images": pixels(images), "stored": np.stack(stored), "shares": np.stack(shares)},
                {"classes": [*classes], "keys": keys, "alone": [*ALONE.items()], "draws": STORED},
                {"image": 0, "draw": 0, "crop_padding": 0, "flip": 0, "randaugment": 0, "blend": "", "alone": "none",
                 "asked": []})
    return answering(page, "asked", answers)


def prediction_browser(images, labels, probabilities, classes):
    """Touch an image of [N, C, H, W] to enlarge it and to see the probabilities, [N, K], that a model gives it."""
    return Page("predictions", {"images": pixels(images), "labels": labels, "probabilities": probabilities},
                {"classes": [*classes]}, {"image": 0})


def pixels(images):
    """Images [N, C, H, W], uint8 or in 0..1, as the page draws them: uint8 [N, 3, H, W]."""
    return np.stack([plots.as_pixels(images[i]).transpose(2, 0, 1) for i in range(len(images))])


class LiveTraining:
    """A callback for `fit` that draws its curves while it trains: fit(..., callbacks=[LiveTraining()]).

    Its button ends the run as an interrupt of the kernel does: the model and the history keep what they have. (The
    button needs ipykernel 7 and JupyterLab 4.4 to react while a cell runs; the interrupt works everywhere.)

    The page keeps the curves after the run. Each message holds all of them, in at most POINTS points (about 7 kB), so a
    second view, a reloaded page, and a page without a kernel show them, too. seconds: the shortest time between two
    messages within an epoch; it grows if making one is slow."""

    def __init__(self, seconds=0.5):
        self.seconds = self.pause = seconds
        self.drawn, self.epochs, self.per_epoch, self.stopped = -float("inf"), 0, 0, False
        self.history = self.start = None
        self.page = Page("training", *_curves([], [], 0), picked={"stop": False, "at": None})
        self.page.observe(self.stop, "picked")
        if shell := get_ipython():          # without one there is no page to draw in
            display(self.page)
            shell.events.register("post_run_cell", self.end)
        # From 7.4 on, ipykernel hands a click to the shell that last wrote to the widget: this one, which will be busy.
        # A comm that only listens never writes: registered in the place of the widget's own, it gets the click in the
        # shell that JupyterLab names, as with older versions, and passes it on.
        listener = BaseComm(comm_id=self.page.comm.comm_id, primary=False)
        listener.on_msg(self.page.comm.handle_msg)
        get_comm_manager().register_comm(listener)

    def stop(self, change=None):
        """Let the run end after the current step."""
        self.stopped = change is None or self.stopped or change.new.get("stop", False)

    def __call__(self, history):
        epoch_ended = len(history.epochs) > self.epochs
        run_ended = epoch_ended and len(history.steps) == history.total_steps
        now = time.monotonic()
        if self.start is None:
            self.start = now, len(history.steps)
        self.history = history
        if epoch_ended or self.stopped or now - self.drawn > self.pause:
            self.draw("done" if run_ended else "stopped" if self.stopped else "runs")
            self.drawn = time.monotonic()
            self.pause = max(self.seconds, 20 * (self.drawn - now))         # the training has nearly all of the time
        if self.stopped and not run_ended:
            raise KeyboardInterrupt     # fit's own way to end early

    def draw(self, state):
        """Send the curves. state: "runs", "done" or "stopped"."""
        steps, epochs = self.history.steps, self.history.epochs
        if len(epochs) > self.epochs:
            self.epochs, self.per_epoch = len(epochs), len(steps) // len(epochs)
        (start, already), total = self.start, self.history.total_steps
        seconds = time.monotonic() - start
        left = (total - len(steps)) * seconds / (len(steps) - already) if len(steps) > already else None
        arrays, facts = _curves(steps, epochs, self.per_epoch)
        self.page.show(arrays, facts | {"total": total, "state": state, "seconds": seconds, "left": left})

    def end(self, result=None):
        """Say that the run has ended. After an interrupt or an error the callbacks are not called a last time."""
        if self.history is None:
            return                      # it has not begun yet
        get_ipython().events.unregister("post_run_cell", self.end)
        if self.page.facts["state"] == "runs":
            self.draw("stopped")


def _curves(steps, epochs, per_epoch):
    """The rows of a `History` as the page draws them: arrays and facts. Of many steps, the means of as many at a time
    as make POINTS points."""
    every = max(1, -(-len(steps) // POINTS))
    first = np.arange(0, len(steps), every)
    count = np.diff(first, append=len(steps))
    loss, lr = (np.array([row[name] for row in steps], np.float32) for name in ("loss", "lr"))
    accuracy = np.array([[row.get(name, np.nan) for name in ("train_accuracy", "val_accuracy")] for row in epochs],
                        np.float32).reshape(-1, 2)
    return ({"at": (first + count).astype(np.int32), "lr": lr[first + count - 1],
             "loss": np.add.reduceat(loss, first) / count if len(steps) else loss, "accuracy": 100 * accuracy},
            {"done": len(steps), "total": 0, "per_epoch": per_epoch, "every": every, "state": "runs"})
