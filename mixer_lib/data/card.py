"""What a data set holds, for a person to read before training on it."""

import contextlib
import hashlib
import io
from collections import Counter
from pathlib import Path

import torch
from PIL import Image

from .dataset import split_note
from .files import load_image
from .folders import in_threads, inspect, list_folder
from .sources import KNOWN, load_dataset, open_parts, own_path, proposed_size

SHOWN = 20          # so many classes are listed one by one
SHEET = 8, 6        # columns and rows of a contact sheet


def describe(name, full=False, root=None):
    """Look at a data set and yield lines about it: classes, counts, sizes, kinds of pixels, what was skipped, damaged
    files, and images of the test that are also among those for training.

    name, full, root: as for `load_dataset`. Of a folder every file is read; damaged ones are named, not refused.
    Raises as `load_dataset` does where there is nothing to describe."""
    path = None if name in KNOWN else own_path(name)
    if path is not None and path.is_dir():
        listing = list_folder(path)
        counts = {part: Counter({each: len(files) for each, files in classes.items()})
                  for part, classes in listing.parts.items()}
        yield f"{path}: a folder of images"
        yield from _table(counts)
        yield from _files(listing)
        yield from listing.notes()
        few = [f"{each} ({part})" for part, classes in listing.parts.items() if part in ("train", "all")
               for each, files in classes.items() if len(files) < 3]
        if few:
            yield f"few images, to train on and to hold out: {', '.join(map(plain, few))}"
        return
    parts, classes = _arrays(name, full, root)
    missing = [str(label) for _, labels in parts.values() for label in labels.unique().tolist()
               if not 0 <= label < len(classes)]
    if missing:
        raise ValueError(f"{name}: there are {len(classes)} classes, but labels {', '.join(missing[:5])}")
    yield f"{name}: arrays of images"
    yield from _table({part: Counter(classes[label] for label in labels.tolist())
                       for part, (_, labels) in parts.items()})
    for part, (images, _) in parts.items():
        count, channels, height, width = images.shape
        if not count:
            yield f"{part}: no images"
            continue
        yield (f"{part}: {count:,} images of {width} x {height} pixels (width x height), "
               f"{'gray' if channels == 1 else 'RGB'}, values {images.min()} to {images.max()}")
    yield from _doubles({part: [hashlib.md5(image.numpy().tobytes()).digest() for image in images]
                         for part, (images, _) in parts.items()})
    try:
        with contextlib.redirect_stderr(io.StringIO()) as notes:
            load_dataset(name, full, root)
        yield from [line.split(": ", 2)[2] for line in notes.getvalue().splitlines() if line.startswith("note: ")]
    except (ValueError, OSError) as error:
        yield f"train refuses it: {error}"


def contact_sheets(name, folder, full=False, root=None, side=96):
    """Write a picture of each class's first images to FOLDER/CLASS.png: a list of the paths. side: pixels per image.

    name, full, root: as for `load_dataset`. Damaged files are left out."""
    if name in KNOWN or not own_path(name).is_dir():
        parts, classes = _arrays(name, full, root)
        images, labels = (torch.cat(column) for column in zip(*parts.values(), strict=True))
        found = {each: [_picture(image, side) for image in images[labels == label][:SHEET[0] * SHEET[1]]]
                 for label, each in enumerate(classes)}
    else:
        listing, found = list_folder(own_path(name)), {}
        for classes in listing.parts.values():
            for each, files in classes.items():
                found.setdefault(each, []).extend(files)
        found = {each: [picture for picture in in_threads(lambda file: _read(file, side), files[:SHEET[0] * SHEET[1]],
                                                          each) if picture] for each, files in found.items()}
    folder, written = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for each, pictures in found.items():
        columns, gap = SHEET[0], 4
        rows = -(-len(pictures) // columns)
        sheet = Image.new("RGB", (columns * (side + gap) + gap, max(rows, 1) * (side + gap) + gap), "white")
        for number, picture in enumerate(pictures):
            row, column = divmod(number, columns)
            sheet.paste(picture, (gap + column * (side + gap), gap + row * (side + gap)))
        written.append(folder / f"{each.replace('/', '-')}.png")
        sheet.save(written[-1])
    return written


def _arrays(name, full, root):
    """The parts of a data set that comes as arrays, and its classes."""
    if name not in KNOWN:
        parts, classes, _ = open_parts(own_path(name))
        return parts, classes
    data = load_dataset(name, full, root)
    return {"train": (data.train_images, data.train_labels), "test": (data.test_images, data.test_labels)}, data.classes


def _table(counts):
    """Lines of a table of classes and how many images each part has of them. counts: {part: Counter of classes}."""
    total = sum(counts.values(), Counter())
    width = max([5, *map(len, total)])
    columns = {"images" if part == "all" else part: count for part, count in counts.items()}
    yield f"{'class':<{width}}" + "".join(f"{part:>9}" for part in columns)
    for name in sorted(total)[:SHOWN]:
        yield f"{plain(name):<{width}}" + "".join(f"{count[name]:>9,}" for count in columns.values())
    if len(total) > SHOWN:
        (most, highest), (least, lowest) = total.most_common()[0], total.most_common()[-1]
        yield f"... and {len(total) - SHOWN:,} more; most images: {most} {highest:,}, fewest: {least} {lowest:,}"
    yield f"{f'{len(total):,} classes':<{width}}" + "".join(f"{sum(count.values()):>9,}" for count in columns.values())
    if note := split_note(counts):
        yield note


def _files(listing):
    """Lines about the files: sizes, modes, damaged ones, doubles."""
    files = {part: listing.files(part)[0] for part in listing.parts}
    every = [file for part in files.values() for file in part]
    found = inspect(every)
    good = [result for result in found if not isinstance(result, Exception)]
    sizes = Counter(size for size, _ in good)
    ordered = sorted((size for size, _ in good), key=lambda size: size[0] * size[1])
    if len(sizes) == 1:
        yield "size: all {} x {} pixels (width x height)".format(*ordered[0])
    elif sizes:
        least, middle, most = (f"{ordered[i][0]} x {ordered[i][1]}" for i in (0, len(ordered) // 2, -1))
        yield (f"size: {len(sizes):,} sizes, from {least} to {most} pixels (width x height), the middle one {middle}: "
               f"train with --image-size {proposed_size([size for size, _ in good])}, or another")
    yield "pixels: " + ", ".join(f"{count:,} {mode}" for mode, count in Counter(mode for _, mode in good).most_common())
    for problem in filter(None, in_threads(_problem, every, "reading the images")):
        yield f"damaged: {plain(problem)}"
    yield from _doubles({part: in_threads(_hash, names, "comparing the files") for part, names in files.items()})


def _doubles(hashes):
    """Lines about images that are in a data set more than once. hashes: {part: one value per image}."""
    train = set(hashes.get("train", ()))
    for part, values in hashes.items():
        if twice := len(values) - len(set(values)):
            yield f"{part}: {twice:,} of {len(values):,} images are copies of another, to the byte"
        if part not in ("train", "all") and (shared := sum(value in train for value in values)):
            yield (f"{part}: {shared:,} of {len(values):,} images are also among those for training, so they do not "
                   f"show how well a model does on new ones")


def plain(text):
    """A name as one line, without the control characters that a file's name may have."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def _problem(file):
    try:
        load_image(file, 32, 3)
    except (OSError, ValueError) as error:
        return str(error)


def _hash(file):
    try:
        return hashlib.md5(Path(file).read_bytes()).digest()
    except OSError:
        return str(file)


def _read(file, side):
    try:
        return _picture(load_image(file, side, 3), side)
    except (OSError, ValueError):
        return None


def _picture(image, side):
    """uint8 [C, H, W] -> a PIL image whose longer side is `side` pixels."""
    pixels = image.permute(1, 2, 0).numpy()             # [H, W, C]
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    scale = side / max(picture.size)
    return picture.resize([max(round(scale * length), 1) for length in picture.size], Image.Resampling.LANCZOS)
