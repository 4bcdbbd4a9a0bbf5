"""Images that stay in their files and are read as they are needed."""

import contextlib
import os
import signal
from itertools import accumulate

import numpy as np
import torch
from torch.utils.data import DataLoader

from .files import as_pair, check_crop, load_image
from .folders import read_images
from .transforms import send


class ImageFiles:
    """N image files that stand in for a uint8 tensor [N, C, H, W], in a Dataset and in `batches`.

    An image comes as `load_image` gives it. Only the batches that are under way lie in memory; worker processes of
    torch's DataLoader read ahead. `files[i]` of an int is one image, uint8 [C, H, W]; of anything else that picks
    images (int64 tensor, slice), the ImageFiles of these. `to(device)` says where the batches shall go. crop,
    interpolation: see `load_image`."""

    ndim, dtype = 4, torch.uint8

    def __init__(self, files, image_size, in_channels, device="cpu", crop=1.0, interpolation="bilinear"):
        check_crop(crop, interpolation)
        # As one block of bytes: workers that share a list of strings would copy it, a string at a time.
        self.files = files if isinstance(files, np.ndarray) else np.array([os.fsencode(file) for file in files])
        self.shape = torch.Size([len(self.files), in_channels, *as_pair(image_size)])
        self.device = torch.device(device)
        self.cut = dict(crop=crop, interpolation=interpolation)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        if isinstance(index, int):
            return self.read([index])[0]                                    # [C, H, W]
        index = index.cpu().numpy() if isinstance(index, torch.Tensor) else index
        return self._of(self.files[index], self.device)

    def to(self, device):
        return self._of(self.files, device)

    def _of(self, files, device):
        """Other files, to be read in the same way."""
        return ImageFiles(files, self.shape[2:], self.shape[1], device, **self.cut)

    def numel(self):
        return self.shape.numel()

    @property
    def nbytes(self):
        """What lies in memory: nothing of the images."""
        return 0

    def path(self, index):
        """The path of an image's file."""
        return os.fsdecode(self.files[index])

    @staticmethod
    def cat(several):
        """Several ImageFiles of one shape as one."""
        first = several[0]
        names = np.concatenate([images.files for images in several])
        return first._of(names, first.device)

    def in_memory(self):
        """All of them, uint8 [N, C, H, W]."""
        paths = [self.path(i) for i in range(len(self))]
        return read_images(paths, self.shape[2:], self.shape[1], **self.cut).to(self.device)

    def read(self, indices, numbers=None, smallest=1.0):
        """Some of the images: uint8 [n, C, H, W], on `device`. numbers [n, 4], smallest: see `load_image`."""
        numbers = [None] * len(indices) if numbers is None else numbers
        images = [load_image(self.path(int(index)), self.shape[2:], self.shape[1], row, smallest, **self.cut)
                  for index, row in zip(indices, numbers, strict=True)]
        images = torch.stack(images) if images else torch.empty(0, *self.shape[1:], dtype=torch.uint8, device="cpu")
        return images.to(self.device)                                       # [n, C, H, W]

    def in_order(self, order, sizes, numbers=None, smallest=1.0):
        """Yield the images at `order`, int64 [n], in batches of these sizes B: uint8 [B, C, H, W] on `device`.

        numbers: [n, 4], in the same order; smallest: see `load_image`. Raises as `load_image` does."""
        groups = [slice(end - size, end) for size, end in zip(sizes, accumulate(sizes))]
        jobs = _Jobs(self.to("cpu"), order.cpu(), groups, numbers, smallest)
        workers = min(_cores(), 8, len(groups)) if len(groups) > 1 else 0
        # A generator of its own: a loader draws a seed for its workers, which else changes what the run draws next.
        loader = DataLoader(jobs, batch_size=None, num_workers=workers, generator=torch.Generator("cpu"),
                            collate_fn=_as_is)
        with torch.device("cpu"), _no_interrupts():
            ready = iter(loader)
        try:
            for _ in groups:
                images = _next(ready)
                if isinstance(images, Exception):
                    raise images
                yield send(torch.from_numpy(images), self.device)           # [B, C, H, W]
        finally:
            del ready   # This ends the workers. Left to the garbage collector, as an error does, that takes 10 seconds.


@contextlib.contextmanager
def _no_interrupts():
    """Processes that begin inside never see Ctrl-C, which a terminal sends to all. The main one ends them."""
    if not hasattr(signal, "pthread_sigmask"):      # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next(ready):
    try:
        return next(ready)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise OSError("a process that reads images was ended from outside, which systems do when memory runs out: "
                      "close other programs, or choose smaller images or batches") from None


class _Jobs:
    """What the workers do: item g is the g-th batch. A NumPy array travels between processes without shared memory,
    of which a container often has too little, and an error as a value, without the traceback of the worker."""

    def __init__(self, images, order, groups, numbers, smallest):
        self.images, self.order, self.groups, self.numbers, self.smallest = images, order, groups, numbers, smallest

    def __len__(self):
        return len(self.groups)

    def __getitem__(self, g):
        places = self.groups[g]
        numbers = None if self.numbers is None else self.numbers[places]
        try:
            return self.images.read(self.order[places], numbers, self.smallest).numpy()
        except (OSError, ValueError) as error:
            return type(error)(str(error))


def _as_is(batch):
    return batch


def _cores():
    """How many CPU cores this process has for itself: torchrun says how many processes share the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
