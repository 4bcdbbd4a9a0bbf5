"""The commands that use a trained model: evaluate and predict."""

import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import torch

from ..checkpoints import write_atomically
from ..data import NoPart, load_image, load_part
from ..data.card import plain
from ..data.files import IMAGE_SUFFIXES
from ..data.folders import walk
from ..pretrained import load_released, wordnet_id
from ..training import check_fit, class_accuracies, measure_in_batches, predict, processes
from ..training.devices import describe, local_device
from .say import say

GROUP = 256         # images that are in memory at once
PARTS = {"test": "test ", "val": "validation ", "train": "training ", "all": ""}       # of a data set, with their names


def evaluate_checkpoint(options, words):
    with processes.together(local_device(options.device)):
        evaluate_together(options)


def evaluate_together(options):
    if options.confusion and not options.confusion.lower().endswith(".png"):
        raise ValueError(f"--confusion is {options.confusion}: expected a file name that ends in .png")
    model, about, path = _load(options)
    name = options.dataset or about.dataset.name
    if (options.crop or options.interpolation) and not Path(name).is_dir():
        raise ValueError(f"--{'crop' if options.crop else 'interpolation'} is for a folder of images, {name} is none")
    facts = prepared(options, about, model.image_shape[0])
    try:
        channels, *image_size = model.image_shape
        own = not options.dataset or Path(name).resolve() == Path(about.dataset.name).resolve()
        images, labels, classes = load_part(name, options.part, options.full, options.root, image_size, channels,
                                            in_memory=False, trained_on=own, crop=facts["crop"],
                                            interpolation=facts["interpolation"])
    except NoPart:
        raise
    except (ValueError, OSError) as error:
        if options.dataset:
            raise
        raise ValueError(f"the model's own data set cannot be loaded: {error}. Name one with --dataset") from error
    check_fit(model, SimpleNamespace(name=name, train_images=images, classes=about.dataset.classes))
    labels = as_the_model(labels, classes, about.dataset.classes, name, about.family != "mixer_lib")
    classes = about.dataset.classes
    start = time.perf_counter()
    measured, counts = measure_in_batches(model, images, labels, SimpleNamespace(**facts),
                                          confusion=bool(options.per_class or options.confusion))
    result = {"checkpoint": str(path), "dataset": name, "part": options.part, "images": len(labels), **measured,
              "images_per_second": len(labels) / (time.perf_counter() - start)}
    if processes.rank():
        return
    if options.per_class:
        result["per_class"] = [{"class": label, "images": count, "accuracy": accuracy} for label, (count, accuracy)
                               in zip(classes, class_accuracies(counts), strict=True)]
    if options.json:
        print(json.dumps(result))
    else:
        _print_result(result)
    if options.confusion:
        from ..plots import confusion, to_png  # here, because it takes seconds
        write_atomically(options.confusion, to_png(confusion(counts, classes)))
        say(f"the confusion matrix is in {options.confusion}")
    if options.part == "test":
        say("note: test images should be read once, at the end. To choose between models, compare their held-out "
            "accuracy")


def prepared(options, about, in_channels):
    """How images become a model's input: {"crop", "interpolation", "mean", "std"}, by its weights or the options."""
    facts = {**about.preprocessing}
    if options.crop is not None:
        facts["crop"] = None if options.crop == "none" else options.crop
    if options.interpolation:
        facts["interpolation"] = options.interpolation
    for name in ("mean", "std"):
        given = getattr(options, name) or facts[name]
        if len(given) not in (1, in_channels):
            raise ValueError(f"--{name} is {given}: expected 1 or {in_channels} numbers, as the model reads "
                             f"{in_channels} channels")
        facts[name] = tuple(given) * (in_channels // len(given))
    if about.family != "mixer_lib" or facts != {**about.preprocessing}:
        crop = "without a crop" if facts["crop"] is None else f"crop {facts['crop']:g}"
        say(f"images: {'x'.join(map(str, facts['size']))}, {crop}, {facts['interpolation']}, mean "
            f"{', '.join(f'{x:g}' for x in facts['mean'])}, std {', '.join(f'{x:g}' for x in facts['std'])}")
    return facts


def as_the_model(labels, classes, known, name, sorted_ids=False):
    """Labels, numbers of `classes`, as numbers of the classes that a model knows, which go by their names or WordNet
    ids; numbers of classes without names stay. sorted_ids: whether a model's classes without names may be WordNet ids
    in their order; then a folder for each of them says which. Raises ValueError if the model does not know some of the
    classes."""
    unnamed = [str(number) for number in range(len(known))]
    ids, place = [*map(wordnet_id, classes)], {}
    for number, one in enumerate(known):
        place[one] = place[wordnet_id(one)] = number
    if [place.get(one) for one in ids] == [*range(len(known))] or classes == unnamed:
        return labels
    if sorted_ids and known == unnamed and all(re.fullmatch(r"n\d{8}", one) for one in ids):
        if len(ids) == len(known):
            return labels
        raise ValueError(f"{name} has {len(ids)} classes with WordNet ids, and the {len(known):,} classes of the "
                         f"model have no names: which is which can only be told from a folder with all "
                         f"{len(known):,} of them")
    if strange := [one for one, its_id in zip(classes, ids) if its_id not in place]:
        raise ValueError(f"the model does not know {len(strange)} of the {len(classes)} classes of {name}: "
                         f"{', '.join(strange[:5])}{', ...' * (len(strange) > 5)}. It knows {len(known)}: "
                         f"{', '.join(known[:10])}{', ...' * (len(known) > 10)}")
    return torch.tensor([place[one] for one in ids], device=labels.device)[labels]


def _print_result(result):
    top5 = f", top-5 {result['top5_accuracy']:.2%}" if "top5_accuracy" in result else ""
    print(f"{result['dataset']}, {result['images']:,} {PARTS[result['part']]}images: "
          f"top-1 {result['accuracy']:.2%}{top5}, loss {result['loss']:.4f}, "
          f"{result['images_per_second']:,.0f} images/s")
    if "per_class" in result:
        width = max(len("class"), *(len(row["class"]) for row in result["per_class"]))
        print(f"{'class':<{width}}{'images':>9}{'accuracy':>10}")
        for row in result["per_class"]:
            share = "-" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
            print(f"{plain(row['class']):<{width}}{row['images']:>9,}{share:>10}")


def predict_images(options, words):
    if options.top < 1:
        raise ValueError(f"--top is {options.top}: expected a whole number from 1")
    model, about, _ = _load(options)
    channels, *image_size = model.image_shape
    cut = {name: about.preprocessing[name] for name in ("crop", "interpolation")}
    files, errors = image_files(options.images)
    for error in errors:
        say(f"error: {error}")
    inverted = 0
    for start in range(0, len(files), GROUP):
        good = []           # (file, image uint8 [C, H, W], whether it is inverted)
        for file in files[start:start + GROUP]:
            try:
                image = load_image(file, image_size, channels, **cut)
            except (ValueError, OSError) as error:
                errors.append(error)
                say(f"error: {error}")
                continue
            invert = options.invert == "yes" or (options.invert == "auto" and is_to_invert(image, about.dataset))
            good.append((file, 255 - image if invert else image, invert))
        if good:
            logits = predict(model, torch.stack([image for _, image, _ in good]), about.dataset)        # [n, K]
            for (file, _, invert), row in zip(good, logits.softmax(dim=1), strict=True):
                _print_answer(file, row, about.dataset.classes, invert, options)
        inverted += sum(invert for _, _, invert in good)
    if inverted and options.invert == "auto":
        say(f"note: {inverted} of {len(files)} images are dark on light and were inverted, since the model was trained "
            f"on light on dark; --invert no leaves them as they are")
    return 2 if errors else 0


def _print_answer(file, probabilities, classes, inverted, options):
    top = probabilities.topk(min(options.top, len(classes)))
    top = [(classes[k], p) for p, k in zip(top.values.tolist(), top.indices.tolist())]
    if options.json:
        print(json.dumps({"file": file, "inverted": inverted,
                          "top": [{"class": name, "probability": p} for name, p in top]}))
    else:
        print(f"{file}: " + ", ".join(f"{name} {p:.1%}" for name, p in top))


def image_files(paths):
    """The image files that `paths` name, where a folder stands for all images in it, however deep, without hidden ones,
    and a list of what is wrong: folders without images."""
    files, errors = [], []
    for path in map(os.path.expanduser, paths):
        if not Path(path).is_dir():
            files.append(path)
            continue
        every = [*walk(path)]
        found = sorted(str(file) for file in every if file.suffix.lower() in IMAGE_SUFFIXES)
        files += found
        others = Counter(file.suffix.lower() or "without a suffix" for file in every) - Counter(
            Path(file).suffix.lower() for file in found)
        skipped = ", ".join(f"{count} {kind}" for kind, count in others.most_common())
        if not found:
            errors.append(f"no images in the folder {path}{f' (but {skipped})' if skipped else ''}")
        elif skipped:
            say(f"note: {path}: skipped {skipped}")
    return files, errors


def is_to_invert(image, dataset):
    """Whether an image, uint8 [C, H, W], is dark on light where `dataset`'s are light on dark, such as MNIST's: gray
    and dark on average. An image's border, its outermost ring of pixels, shows its ground."""
    border = torch.ones(image.shape[1:], dtype=torch.bool)
    border[1:-1, 1:-1] = False
    return len(image) == 1 and dataset.mean[0] < 0.35 and image[0, border].median().item() > 0.6 * 255


def _load(options):
    """The model that was asked for, on its device; what its file says; and the path of that file."""
    device = local_device(options.device)
    model, about = load_released(options.checkpoint)
    say(f"{about.file} on {describe(device)}")
    if about.family != "mixer_lib":
        say(f"weights of {about.family}: {'; '.join(about.converted)}")
    return model.to(device), about, about.file
