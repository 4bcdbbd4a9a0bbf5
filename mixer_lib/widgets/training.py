"""Watch a model while it trains, and page through its predictions."""

import time

import ipywidgets
import numpy as np
import torch
from comm import get_comm_manager
from comm.base_comm import BaseComm
from IPython.display import display
from torch.nn.functional import one_hot

from .. import plots
from ..data import augment, mix
from .page import Page, answering

# The changes that a page without a kernel can show, each alone: crop padding, flip, RandAugment's magnitude, blend.
ALONE = {"none": (0, 0, 0, ""), "crops": (4, 0, 0, ""), "flips": (0, 1, 0, ""), "RandAugment": (0, 0, 15, ""),
         "MixUp": (0, 0, 0, "mixup"), "CutMix": (0, 0, 0, "cutmix")}
STORED = 3              # draws of each


def augmentation_explorer(images, labels, classes):
    """Choose augmentations, draw as often as you like, and see the images that the network is given with their labels.

    Python draws them when the page asks; a page without a kernel shows a few stored draws. images: uint8
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
    """Touch one of the images [N, C, H, W], and see it large and a trained model's probabilities, [N, K], for it."""
    return Page("predictions", {"images": pixels(images), "labels": labels, "probabilities": probabilities},
                {"classes": [*classes]}, {"image": 0})


def pixels(images):
    """Images [N, C, H, W], uint8 or in 0..1, as the page draws them: uint8 [N, 3, H, W]."""
    return np.stack([plots.as_pixels(images[i]).transpose(2, 0, 1) for i in range(len(images))])


class LiveTraining:
    """A callback for `fit` that keeps its curves before your eyes: fit(..., callbacks=[LiveTraining()]).

    Its button ends the run as the kernel's interrupt does: the model and the history keep what they have. (A kernel
    hears a button while a cell runs from ipykernel 7 on, with JupyterLab 4.4; the interrupt works everywhere.)

    seconds: the shortest time between two pictures in an epoch; longer where drawing one is slow."""

    def __init__(self, seconds=4.0):
        self.seconds = self.pause = seconds
        self.drawn, self.epochs, self.stopped = -float("inf"), 0, False
        self.picture = ipywidgets.Image(format="png", layout={"width": "830px", "max_width": "100%"})
        self.button = ipywidgets.Button(description="stop training", icon="stop")
        self.button.on_click(self.stop)
        display(ipywidgets.VBox([self.picture, self.button]))
        # From 7.4 on, ipykernel hands a click to the shell that last wrote to the button: this one, which will be busy.
        # A comm that only listens never writes: registered in the place of the button's own, it gets the click in the
        # shell that JupyterLab names, as with older versions, and passes it on.
        listener = BaseComm(comm_id=self.button.comm.comm_id, primary=False)
        listener.on_msg(self.button.comm.handle_msg)
        get_comm_manager().register_comm(listener)

    def stop(self, button=None):
        """Let the run end after the step it is in."""
        self.stopped = self.button.disabled = True

    def __call__(self, history):
        epoch_ended = len(history.epochs) > self.epochs
        run_ended = epoch_ended and len(history.steps) == history.total_steps
        start = time.monotonic()
        if epoch_ended or self.stopped or start - self.drawn > self.pause:
            self.picture.value = plots.to_png(plots.training_curves(history))
            self.drawn, self.epochs = time.monotonic(), len(history.epochs)
            self.pause = max(self.seconds, 20 * (self.drawn - start))       # the training has nearly all of the time
        if run_ended:
            self.button.disabled = True
        elif self.stopped:
            raise KeyboardInterrupt     # fit's own way to end early
