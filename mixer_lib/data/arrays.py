"""Images and labels that come as arrays, in a .npz file, in the layouts that people have."""

import zipfile

import numpy as np
import torch

# The names of a part's images and labels: ours and MedMNIST's, then Keras'.
NAMES = {part: [(f"{part}_images", f"{part}_labels"), (f"x_{part}", f"y_{part}")] for part in ("train", "val", "test")}


def read_npz(path):
    """Read a .npz file: ({"train": (images, labels), ...}, classes), uint8 [N, C, H, W] and int64 [N].

    The parts are train, val and test, as far as they are there; their arrays are called train_images and train_labels
    or x_train and y_train. `classes` may name the classes; labels may also be the names themselves. For pixels see
    `to_pixels`, for labels `to_numbers`. Raises FileNotFoundError, or ValueError for a file that is damaged or that
    holds something else."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        if not zipfile.is_zipfile(path):        # NumPy would take it for a pickle, and give advice to read it unsafely
            raise ValueError("it is no archive of arrays, or is cut off")
        with np.load(path, allow_pickle=False) as file:
            found = list(file)
            names = {part: pair for part, pairs in NAMES.items() for pair in pairs if pair[0] in found}
            missing = [name for pair in names.values() for name in pair if name not in found]
            if "train" not in names or missing:
                raise KeyError
            arrays = {name: file[name] for pair in names.values() for name in pair}
            classes = file["classes"].astype(str).tolist() if "classes" in found else None
            if classes is not None and file["classes"].ndim != 1:
                raise ValueError(f"classes is {list(file['classes'].shape)}, expected [K], one name for each class")
        if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{strange[0]} is no array")
    except KeyError:
        need = ", ".join(missing or NAMES["train"][0])
        raise ValueError(f"{path} has no {need}, it has {', '.join(found) or 'nothing'}: it needs train_images and "
                         f"train_labels, or x_train and y_train, and the same with test if there is a test") from None
    except Exception as error:      # a damaged file raises many kinds
        raise ValueError(f"cannot read {path} ({error}): expected a .npz file as np.savez writes it, of plain arrays "
                         f"without Python objects") from error

    labels = {part: arrays[pair[1]] for part, pair in names.items()}
    if classes is None and all(array.dtype.kind in "US" for array in labels.values()):
        classes = np.unique(labels["train"].astype(str)).tolist()
    parts = {}
    for part, (images_name, labels_name) in names.items():
        images = to_nchw(to_pixels(arrays.pop(images_name), f"{path}: {images_name}"), f"{path}: {images_name}")
        parts[part] = images, to_numbers(labels[part], classes, f"{path}: {labels_name}")
        if len(images) and parts[part][1].shape != images.shape[:1]:
            raise ValueError(f"{path}: {labels_name} is {list(labels[part].shape)}, expected [{len(images)}], one for "
                             f"each image")
    if classes is None:
        highest = max((numbers.max().item() for _, numbers in parts.values() if len(numbers)), default=0)
        count = sum(len(numbers) for _, numbers in parts.values())
        if highest > 1000 + 10 * count:
            raise ValueError(f"{path}: labels go up to {highest:,} for {count:,} images: expected numbers of classes, "
                             f"from 0. To number what they are, save np.unique(labels, return_inverse=True)[1]")
        classes = [str(label) for label in range(highest + 1)]
    return parts, classes


def to_pixels(array, what):
    """Pixels as uint8, 0 to 255, of the same shape.

    Whole numbers are taken as they are, uint16 beyond 255 is divided by 257; of floats, values from 0 to 1 are
    multiplied by 255, whole values from 0 to 255 are taken as they are. True is 255. Raises ValueError for others."""
    if array.dtype == np.uint8 or not array.size:
        return array.astype(np.uint8, copy=False)
    if array.dtype == bool:
        return array * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{what} are {array.dtype}, expected uint8, pixels from 0 to 255")
    low, high = array.min(), array.max()        # nan, if there is one
    if low >= 0 and high <= 1 and array.dtype.kind == "f":
        return np.rint(array * 255).astype(np.uint8)
    if low >= 0 and high <= 255 and (array.dtype.kind != "f" or (array == np.rint(array)).all()):
        return array.astype(np.uint8)
    if array.dtype == np.uint16:
        return np.rint(array / 257).astype(np.uint8)
    raise ValueError(f"{what} are {array.dtype} from {low:.4g} to {high:.4g}: expected whole numbers from 0 to 255, or "
                     f"floats from 0 to 1. Bring them to that, for example with (x - x.min()) / (x.max() - x.min())")


def to_numbers(labels, classes, what):
    """Labels as int64 [N], of integers [N] or [N, 1], or of strings, which are looked up in `classes`.

    Raises ValueError for others, with advice."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]                                       # [N, 1] -> [N]
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and labels.size:
        if ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all():
            raise ValueError(f"{what} are one-hot, {list(labels.shape)}, expected one integer per image: save "
                             f"labels.argmax(1)")
        raise ValueError(f"{what} are {list(labels.shape)}, expected one integer per image; images of several classes "
                         f"at once cannot be learned here")
    if labels.dtype.kind in "US" and classes is not None:
        unknown = sorted(set(labels.astype(str).ravel()) - set(classes))
        if unknown:
            raise ValueError(f"{what} name classes that are not among {', '.join(classes[:10])}: "
                             f"{', '.join(unknown[:5])}")
        index = {name: number for number, name in enumerate(classes)}
        labels = np.array([index[name] for name in labels.astype(str).ravel()]).reshape(labels.shape)
    if labels.dtype.kind == "b" or (labels.dtype.kind == "f" and (labels == np.rint(labels)).all()):
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{what} are {labels.dtype}, expected integers from 0")
    return torch.from_numpy(labels.astype(np.int64))


def to_nchw(array, what):
    """uint8 array [N, H, W], [N, H, W, C] or [N, C, H, W] -> tensor [N, C, H, W]. Of four axes, the last holds the
    channels if it is 1, 3 or 4 long, else the second does. Of 4 channels the last says how much of a pixel is seen,
    on white. Raises ValueError for other shapes."""
    images = torch.from_numpy(array)
    if images.ndim == 3:
        images = images.unsqueeze(1)                                # [N, 1, H, W]
    elif images.ndim == 4 and images.shape[3] in (1, 3, 4):
        images = images.permute(0, 3, 1, 2).contiguous()            # [N, C, H, W]
    if images.ndim != 4 or images.shape[1] not in (1, 3, 4):
        raise ValueError(f"{what}: {list(images.shape)}, expected [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3 "
                         f"(or 4, with transparency)")
    if 0 in images.shape[2:]:
        raise ValueError(f"{what}: {list(images.shape)} [N, C, H, W], expected images of at least one pixel")
    return images if images.shape[1] < 4 else on_white(images)      # [N, C, H, W]


def on_white(images):
    """uint8 [N, 4, H, W], red, green, blue and how much is seen of them -> [N, 3, H, W], with white behind."""
    color, seen = images[:, :3].int(), images[:, 3:].int()
    return ((color * seen + 255 * (255 - seen) + 127) // 255).to(torch.uint8)
