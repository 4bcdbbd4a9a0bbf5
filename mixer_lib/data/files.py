"""One image file, as a model reads it: any size, any kind of pixel, upright."""

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

# Of harmless oddities in a file. (A filter for one block, catch_warnings, does not work in several threads.)
warnings.filterwarnings("ignore", module=r"PIL\.")
LARGEST = 4096      # pixels: no side of what a model reads is longer

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm",
                  ".pbm")


INTERPOLATIONS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def load_image(path: str | Path, image_size: int | tuple[int, int], in_channels: int, numbers=None,
               smallest: float = 1.0, crop: float | None = 1.0, interpolation: str = "bilinear") -> torch.Tensor:
    """Read one image file for a model to look at: -> uint8 [C, H, W].

    The image is scaled until its short side fits, and the rest of its long side is cut off, as much on one end as on
    the other. With a crop below 1, it is scaled further, and only that share of its short side is kept, around the
    center: see `crop_box`. With crop=None the whole image is scaled, whatever its shape.

    image_size: the height and width of the result, one int or a pair, in pixels. in_channels: 1 (gray) or 3 (RGB).
    interpolation: "bilinear" or "bicubic". With `numbers`, 4 of them in 0..1, the part that is kept is the random one
    of `random_box`, with at least the share `smallest` of the image's area. Transparent pixels become white.
    Raises FileNotFoundError, OSError (unreadable file) or ValueError (another crop, interpolation or in_channels,
    pixels of unknown range)."""
    if in_channels not in (1, 3):
        raise ValueError(f"in_channels={in_channels}: an image file gives 1 (gray) or 3 (RGB)")
    check_crop(crop, interpolation)
    height, width = as_pair(image_size)

    def box(old_width, old_height):
        if numbers is None:
            return crop_box(old_width, old_height, width, height, crop)
        return random_box(old_width, old_height, width / height, numbers, smallest)

    image, shrunk, size = _decode(path, box, (width, height))
    mode = "L" if in_channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)        # to convert is to copy, also without a change
    # Sides are rounded numbers, so that one may lie a hair outside of the image, where PIL refuses it.
    sides = [min(max(side / shrunk, 0), end) for side, end in zip(box(*size), image.size * 2, strict=True)]
    image = image.resize((width, height), INTERPOLATIONS[interpolation], box=sides)
    pixels = torch.from_numpy(np.array(image))          # [H, W] or [H, W, 3]
    return pixels.view(height, width, in_channels).permute(2, 0, 1).contiguous()        # [C, H, W]


def as_pair(image_size):
    """(height, width) of an image_size, which is one int or a pair. Raises ValueError if it is neither."""
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(pair) != 2 or not all(isinstance(side, int) and 0 < side <= LARGEST for side in pair):
        raise ValueError(f"image_size={image_size}: expected one whole number of pixels, or a pair (height, width), "
                         f"each from 1 to {LARGEST}")
    return pair


def center_box(old_width, old_height, width, height):
    """The largest part, around the center, of an image that has the shape of the new size: (left, top, right, bottom),
    in pixels of the image, with fractions."""
    scale = min(old_width / width, old_height / height)
    left, top = (old_width - scale * width) / 2, (old_height - scale * height) / 2
    return left, top, left + scale * width, top + scale * height


def crop_box(old_width, old_height, width, height, crop):
    """The part of an image that is kept for a model's test: (left, top, right, bottom), in pixels of the image.

    With crop=1 that of `center_box`, with None all of it. Below 1, what torchvision and timm keep: the image is scaled
    until its short side is floor(size / crop), and the center of it is cut out, both in whole pixels."""
    if crop is None:
        return 0, 0, old_width, old_height
    if crop == 1:
        return center_box(old_width, old_height, width, height)
    fit_width, fit_height = int(width / crop), int(height / crop)
    if old_width * fit_height <= old_height * fit_width:            # the width is the short side
        new_width, new_height = fit_width, int(fit_width * old_height / old_width)
    else:
        new_width, new_height = int(fit_height * old_width / old_height), fit_height
    left, top = round((new_width - width) / 2), round((new_height - height) / 2)
    x, y = old_width / new_width, old_height / new_height
    return left * x, top * y, (left + width) * x, (top + height) * y


def check_crop(crop, interpolation):
    """Raise ValueError if there is no such crop or interpolation for `load_image`."""
    if crop is not None and not 0.1 <= crop <= 1:
        raise ValueError(f"crop is {crop}: expected a share of the short side from 0.1 to 1, or None for the "
                         f"whole image")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation is {interpolation!r}: expected one of {', '.join(INTERPOLATIONS)}")


def random_box(old_width, old_height, shape, numbers, smallest):
    """A random part of an image, for a random resized crop (Szegedy et al. 2015): (left, top, right, bottom), in
    pixels, with fractions.

    Its area is a share of the image's, from `smallest` to 1, and its ratio of width to height is `shape` times 3/4 to
    4/3; what does not fit into the image is cut off. numbers: four in 0..1, for area, ratio and the two positions."""
    share, ratio, x, y = (float(number) for number in numbers)
    area = old_width * old_height * (smallest + share * (1 - smallest))
    ratio = shape * (3 / 4) ** (1 - 2 * ratio)
    width, height = min((area * ratio) ** 0.5, old_width), min((area / ratio) ** 0.5, old_height)
    left, top = x * (old_width - width), y * (old_height - height)
    return left, top, left + width, top + height


def open_image(path):
    """Decode an image file: -> PIL image of mode L (gray) or RGB, 8 bits per value, the right way up.

    Raises FileNotFoundError, OSError (unreadable file) or ValueError (pixels of unknown range)."""
    return _decode(path)[0]


def _decode(path, box=None, needed=None):
    """What `open_image` gives, how many times smaller it was decoded, and its full (width, height).

    A JPEG can be decoded at a half, a quarter or an eighth for a fraction of the work. With `box`, a function
    (width, height) -> part of the image, this is done as long as that part keeps twice the size `needed`."""
    try:
        if Path(path).exists() and not Path(path).is_file():        # a pipe would be waited for
            raise OSError("it is no file")
        with Image.open(path) as file:
            size, shrunk = upright_size(file), 1
            if box:
                left, top, right, bottom = box(*size)
                spare = max(min((right - left) / needed[0], (bottom - top) / needed[1]) / 2, 1)
                width = file.size[0]
                drafted = file.draft(None, tuple(int(side / spare) for side in file.size))
                shrunk = width / drafted[1][2] if drafted else 1
            file.load()     # decodes it all
            turned = file.getexif().get(0x0112, 1) != 1
            image = ImageOps.exif_transpose(file) if turned else file       # (it would copy, with nothing to turn)
            size = size if shrunk > 1 else image.size
    except FileNotFoundError:
        raise FileNotFoundError(f"no image file {path}") from None
    except Image.DecompressionBombError:
        raise OSError(f"cannot read {path}, it has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller, "
                      f"or delete it") from None
    except Exception as error:      # a decoder may raise anything on damaged bytes
        raise OSError(f"cannot read {path} as an image ({error}): replace or delete it") from error
    return to_8_bits(image, path), shrunk, size


def upright_size(image):
    """(width, height) of an open image as it is shown: a phone may save it on its side and say so."""
    width, height = image.size
    if image.format == "PNG" and "exif" not in image.info:      # PIL would decode it all to look for it at its end
        return width, height
    # A newer PIL has turned the size of a TIFF already.
    turned = image.format == "TIFF" and image.size != (image.tag_v2[256], image.tag_v2[257])
    return (height, width) if image.getexif().get(0x0112, 1) >= 5 and not turned else (width, height)


def is_gray(mode):
    """Whether images of a PIL mode have no colors."""
    return mode[0] in "1LIF" and mode != "LAB"


def to_8_bits(image, path):
    """A PIL image of any mode as mode L (gray) or RGB. 16 bits per value are scaled to 8, floats in 0..1 to 0..255, and
    transparent pixels become white. Raises ValueError, naming the path, for values beyond that."""
    mode = "L" if is_gray(image.mode) else "RGB"
    if image.mode[0] in "IF":
        pixels = np.asarray(image)
        most = 1 if image.mode == "F" else 65535
        low, high = (pixels.min(), pixels.max())
        if not 0 <= low <= high <= most:
            raise ValueError(f"{path} has pixels from {low} to {high}, expected 0 to {most}: scale them, or save it "
                             f"with 8 bits per value")
        return Image.fromarray(np.rint(pixels * (255 / most)).astype(np.uint8))
    if image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
        return Image.composite(image.convert("RGBA").convert(mode), Image.new(mode, image.size, "white"), alpha)
    return image if image.mode == mode else image.convert(mode)
