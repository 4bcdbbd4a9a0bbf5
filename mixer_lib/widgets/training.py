"""Watch a model while it trains, and page through its predictions."""

import time

import ipywidgets
import torch
from comm import get_comm_manager
from comm.base_comm import BaseComm
from IPython.display import display
from torch.nn.functional import one_hot

from .. import plots
from ..data import augment, mix
from .base import live_picture


def augmentation_explorer(images, labels, classes):
    """Choose augmentations, draw as often as you like, and see the images that the network is given with their labels.

    images: uint8 [N, C, H, W], N from 2. labels: int64 [N]."""
    style, layout = {"description_width": "160px"}, {"width": "520px", "max_width": "100%"}

    def slider(**options):
        return ipywidgets.IntSlider(style=style, layout=layout, **options)

    def draw(draw, crop_padding, flip, randaugment, blend):
        random = torch.Generator().manual_seed(draw)
        x = augment(images, crop_padding, flip, randaugment, random) / 255
        share = {"MixUp": {"mixup": 1.0}, "CutMix": {"cutmix": 1.0}}.get(blend, {})
        x, y = mix(x, labels, len(classes), **share, generator=random)
        return plots.blends(x, y if y.ndim == 2 else one_hot(y, len(classes)), classes)

    return live_picture(draw, {
        "draw": slider(max=20, description="draw"),
        "crop_padding": slider(max=8, description="crop padding (pixels)"),
        "flip": ipywidgets.Checkbox(description="flips", style=style, layout=layout),
        "randaugment": slider(max=30, description="RandAugment (magnitude)"),
        "blend": ipywidgets.SelectionSlider(options=["no blend", "MixUp", "CutMix"], description="blend", style=style,
                                            layout=layout)}, width=880)


def prediction_browser(images, labels, probabilities, classes):
    """Page through images [N, C, H, W] and see a trained model's probabilities, [N, K], for each."""
    index = ipywidgets.IntSlider(max=len(images) - 1, description="image", layout={"width": "520px"})
    return live_picture(lambda i: plots.prediction(images[i], probabilities[i], classes, int(labels[i])),
                        {"i": index}, width=600)


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
