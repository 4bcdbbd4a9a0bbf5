"""Folders of images, as people have them: which files are what, of which class, for training or for the test."""

import os
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from tqdm.auto import tqdm

from .files import IMAGE_SUFFIXES, as_pair, is_gray, load_image, upright_size

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val", "valid": "val",
         "validation": "val"}       # the part of a data set that a folder of this name holds
NEVER = ("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin")    # what computers add by themselves


@dataclass
class Listing:
    """What a folder of images holds. parts: {"train": {class: [paths]}, ...}, with "all" for a folder of class folders
    only. skipped: how many files of each suffix, or of another reason, are no images of a class. empty: class folders
    without images. left_out: folders beside those of the parts."""

    parts: dict = field(default_factory=dict)
    skipped: Counter = field(default_factory=Counter)
    empty: list = field(default_factory=list)
    left_out: list = field(default_factory=list)

    def files(self, part):
        """The files of a part and the name of each one's class, both ordered by class, then by path."""
        pairs = [(file, name) for name, files in sorted(self.parts[part].items()) for file in files]
        return [file for file, _ in pairs], [name for _, name in pairs]

    def notes(self):
        """What was not read, in lines for a person."""
        if self.skipped:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.skipped.most_common())
            heic = " (save .heic photos as JPEG)" if ".heic" in self.skipped else ""
            count = sum(self.skipped.values())
            yield f"{count} file{'s were' if count > 1 else ' was'} skipped: {kinds}{heic}"
        if self.empty:
            yield f"class folders without images were skipped: {', '.join(map(str, self.empty))}"
        if self.left_out:
            yield f"folders beside the parts were left out: {', '.join(path.name for path in self.left_out)}"


def list_folder(folder):
    """Find the images of a folder: a `Listing`.

    Where each folder in it is named like a part of a data set (train, val, valid, validation, test, ...), or at least
    train and another one are there, these hold the class folders; else the folder itself does. Files count for the
    class folder in which they lie, however deep. Files and folders that are hidden or made by an operating system do
    not count. Raises FileNotFoundError where there are no images, ValueError where they lie in no class folder."""
    listing = Listing()
    folders = [path for path in _visible(folder) if path.is_dir()]
    named = {}
    for path in folders:
        if path.name.lower() in PARTS:
            named.setdefault(PARTS[path.name.lower()], []).append(path)
    split = named and (len(folders) == sum(map(len, named.values())) or ("train" in named and len(named) > 1))
    for paths in named.values():
        if split and len(paths) > 1:
            raise ValueError(f"{folder} has both {paths[0].name}/ and {paths[1].name}/: keep one of them")
    if not split:
        listing.parts["all"] = _classes(folder, listing)
        return listing
    listing.left_out = [path for path in folders if path.name.lower() not in PARTS]
    listing.skipped.update(_kind(path) for path in _visible(folder) if not path.is_dir())
    for part in ("train", "val", "test"):
        if part not in named:
            continue
        path, = named[part]
        try:
            listing.parts[part] = _classes(path, listing)
        except (FileNotFoundError, ValueError):
            if "train" not in listing.parts:
                raise
            listing.left_out.append(path)       # as a test set without labels, from a competition
    return listing


def _classes(folder, listing):
    """{class: [files]} of the class folders in a folder; what is no image goes to `listing`."""
    classes, loose = {}, 0
    for path in _visible(folder):
        if not path.is_dir():
            loose += path.suffix.lower() in IMAGE_SUFFIXES
            listing.skipped[_kind(path)] += 1
            continue
        files = []
        for file in walk(path):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                files.append(file)
            else:
                listing.skipped[_kind(file)] += 1
        # macOS writes "é" as two characters, others as one: the same class.
        name = unicodedata.normalize("NFC", path.name)
        if files:
            classes.setdefault(name, []).extend(sorted(files))
        else:
            listing.empty.append(path)
    if not classes and loose:
        raise ValueError(f"{loose} image{'s lie' if loose > 1 else ' lies'} directly in {folder}: put those of each "
                         f"class into a folder of its own, {folder}/CLASS/*.png")
    if not classes:
        skipped = ", ".join(f"{count} {kind}" for kind, count in listing.skipped.most_common())
        raise FileNotFoundError(f"no images in {folder}{f' (but {skipped})' if skipped else ''}: expected a folder for "
                                f"each class, CLASS/*.png; images are {', '.join(IMAGE_SUFFIXES)}")
    return classes


def _visible(folder):
    """What lies directly in a folder, sorted, but for hidden files and those that operating systems make."""
    return sorted(path for path in Path(folder).iterdir()
                  if path.name[0] != "." and path.name.lower() not in NEVER)


def walk(folder, above=()):
    """All files below a folder, also through links, but not in a circle of them."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for path in _visible(folder):
        if path.is_dir():
            yield from walk(path, (*above, real))
        else:
            yield path


def _kind(path):
    """What a skipped file is called in a count of them."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return "outside of a class folder"
    return path.suffix.lower() or "without a suffix"


def inspect(files):
    """Read the headers of image files: a list of ((width, height), mode), upright, or of the OSError of each."""
    def look(path):
        try:
            with Image.open(path) as image:
                return upright_size(image), image.mode
        except Exception as error:      # a damaged file raises many kinds
            return OSError(f"cannot read {path} as an image ({error}): replace or delete it")

    return in_threads(look, files, "looking at the files")


def check_readable(files, found):
    """Raise the first error among results of `inspect` or `read_images`; it also names the next files with one."""
    bad = [file for file, result in zip(files, found, strict=True) if isinstance(result, Exception)]
    if bad:
        first = next(result for result in found if isinstance(result, Exception))
        others = f"; {len(bad) - 1} more: {', '.join(map(str, bad[1:5]))}{', ...' * (len(bad) > 5)}" * (len(bad) > 1)
        said, advice, _ = str(first).partition(": replace or delete it")
        advice = advice and f": replace or delete {'them' if len(bad) > 1 else 'it'}"
        raise type(first)(f"{said}{others}{advice}")


def read_images(files, image_size, in_channels, **cut):
    """Read image files into memory: uint8 [N, C, H, W]. cut: crop and interpolation of `load_image`.
    Raises OSError or ValueError, naming those that cannot be."""
    images = torch.empty(len(files), in_channels, *as_pair(image_size), dtype=torch.uint8, device="cpu")

    def read(i):
        try:
            images[i] = load_image(files[i], image_size, in_channels, **cut)       # [C, H, W]
        except (OSError, ValueError) as error:
            return error

    check_readable(files, in_threads(read, range(len(files)), "reading the images"))
    return images


def in_threads(function, items, what):
    """[function(item) for item in items], several at a time (decoding leaves Python free), with a progress bar if it
    takes long."""
    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(function, items), total=len(items), desc=what, unit="image", delay=2, leave=False))


def all_gray(found):
    """Whether images with these headers, from `inspect`, have no colors."""
    return all(is_gray(mode) for _, mode in found)

