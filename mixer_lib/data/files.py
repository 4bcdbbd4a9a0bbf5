"""Image files: which ones a folder holds, and what is in them."""

import numpy as np
import torch
from PIL import Image, ImageOps

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def load_image(path, image_size, in_channels):
    """Read one image file for a model to look at: -> uint8 [C, H, W].

    image_size: the height and width to resize to (bilinear), one int or a pair, in pixels. in_channels: 1 (gray)
    or 3 (RGB). Raises FileNotFoundError, OSError (unreadable file) or ValueError (other in_channels).
    """
    if in_channels not in (1, 3):
        raise ValueError(f"in_channels={in_channels}: an image file gives 1 (gray) or 3 (RGB)")
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    image = open_image(path).convert("L" if in_channels == 1 else "RGB")
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return to_nchw(np.array(image)[None], path)[0]  # [C, H, W]


def list_images(folder):
    """The image files in the class folders of `folder`, and for each file the name of its class."""
    files, names = [], []
    for class_folder in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."):
        found = sorted(path for path in class_folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise FileNotFoundError(f"no images ({', '.join(IMAGE_SUFFIXES)}) in the class folder {class_folder}")
        files += found
        names += [class_folder.name] * len(found)
    if not files:
        raise FileNotFoundError(f"no images in {folder}: expected a folder for each class, CLASS/*.png")
    return files, names


def read_images(files):
    images = [open_image(file) for file in files]
    for file, image in zip(files, images):
        if image.size != images[0].size:
            raise ValueError("{} is {}x{} pixels but {} is {}x{}: bring all to one size first, for example with "
                             "PIL's Image.resize".format(files[0], *images[0].size, file, *image.size))
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    return to_nchw(np.stack([image.convert(mode) for image in images]), "images")  # [N, C, H, W]


def open_image(path):
    """Decode an image file: -> PIL image of mode L (gray) or RGB."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)  # decodes it all, and turns a photo the right way up
    except FileNotFoundError:
        raise FileNotFoundError(f"no image file {path}") from None
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise OSError(f"cannot read {path} as an image ({error}): replace or delete it") from error
    if image.mode[0] in "IF":
        raise ValueError(f"{path} has pixels of mode {image.mode}, expected 8 bits for each channel: convert it")
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")


def to_nchw(array, what):
    """uint8 array [N, H, W], [N, H, W, C] or [N, C, H, W] -> tensor [N, C, H, W]."""
    images = torch.from_numpy(array)
    if images.ndim == 3:
        return images.unsqueeze(1)  # [N, 1, H, W]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images.permute(0, 3, 1, 2).contiguous()  # [N, C, H, W]
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images  # [N, C, H, W]
    raise ValueError(f"{what}: {list(images.shape)}, expected [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3")
