"""One image file: of any kind and size, read as a model reads it, or refused with a reason."""

import os
import re

import numpy as np
import pytest
import torch
from PIL import Image

from mixer_lib.data import load_image, random_resized_crop, resize
from mixer_lib.data.files import as_pair, center_box, open_image, random_box, upright_size


def noise(*shape):
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def smooth(height, width):
    """A color photograph's worth of slow change, which a JPEG keeps."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([127 + 100 * np.sin(x / 40), 127 + 100 * np.cos(y / 50), 200 * x / width], 2).astype(np.uint8)


def saved(path, array_or_image, **options):
    image = array_or_image if isinstance(array_or_image, Image.Image) else Image.fromarray(array_or_image)
    image.save(path, **options)
    return path


# ---- sizes -----------------------------------------------------------------------------------------------------


def test_an_image_of_the_right_size_comes_as_it_is(tmp_path):
    pixels = noise(4, 5, 3)
    path = saved(tmp_path / "a.png", pixels)
    assert torch.equal(load_image(path, (4, 5), 3), torch.from_numpy(pixels).permute(2, 0, 1))
    assert load_image(str(path), (4, 5), 3).is_contiguous()
    gray = noise(4, 5)
    assert torch.equal(load_image(saved(tmp_path / "b.png", gray), (4, 5), 1)[0], torch.from_numpy(gray))


@pytest.mark.parametrize("height, width", [(20, 60), (60, 20)])
def test_the_short_side_fits_and_the_long_one_is_cut_to_the_center(tmp_path, height, width):
    """Not squashed: a third of the image stays, the middle one."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 2 - 10:height // 2 + 10, width // 2 - 10:width // 2 + 10] = 200
    assert load_image(saved(tmp_path / "a.png", pixels), 10, 1)[:, 1:-1, 1:-1].unique().tolist() == [200]
    assert load_image(tmp_path / "a.png", (height // 2, width // 2), 1).float().mean() < 100       # all of it


def test_scaling_averages(tmp_path):
    stripes = np.tile(np.array([0, 200], np.uint8), (16, 8))          # columns 0, 200, 0, 200, ...
    small = load_image(saved(tmp_path / "a.png", stripes), (4, 4), 1)
    assert small.min() > 60 and small.max() < 140


def test_as_pair():
    assert as_pair(7) == (7, 7) and as_pair((4, 5)) == (4, 5) and as_pair(torch.Size([4, 5])) == (4, 5)
    for bad in (0, -3, (4,), (4, 0), (4, 5, 6), (4.5, 2)):
        with pytest.raises(ValueError, match=re.escape(f"image_size={bad}: expected one whole number")):
            as_pair(bad)


@pytest.mark.parametrize("height, width", [(480, 640), (641, 333)])
def test_a_large_jpeg_is_decoded_at_a_fraction(tmp_path, monkeypatch, height, width):
    """For speed; what comes out is the same but for rounding."""
    path, decoded, resize = saved(tmp_path / "a.jpg", smooth(height, width), quality=95), [], Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda image, *args, **kwargs: (decoded.append(image.size),
                                                                               resize(image, *args, **kwargs))[1])
    numbers = torch.tensor([0.9, 0.5, 0.5, 0.5])
    fast = load_image(path, 32, 3), load_image(path, 32, 3, numbers, 0.1)
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", lambda *args: None)
    slow = load_image(path, 32, 3), load_image(path, 32, 3, numbers, 0.1)
    assert decoded == [(-(-width // 4), -(-height // 4))] * 2 + [(width, height)] * 2
    for one, other in zip(fast, slow):
        assert (one.float() - other.float()).abs().max() < 6 and (one.float() - other.float()).abs().mean() < 1


def test_a_photo_is_turned_the_right_way_up(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6          # as a phone writes it: turn by 90 degrees to show
    pixels = np.repeat(np.array([[0], [250]], np.uint8), 4, axis=1)         # dark above, bright below
    path = saved(tmp_path / "photo.png", pixels, exif=turned)
    assert load_image(path, (4, 2), 1)[0, 0].tolist() == [250, 0]           # bright left, dark right

    wide = smooth(300, 900)     # and where it is cut depends on how it is shown
    wide[:, 300:600] = 255
    path = saved(tmp_path / "photo.jpg", wide, exif=turned, quality=95)
    assert load_image(path, 16, 3).float().mean() > 250
    assert load_image(path, (48, 16), 3).float().mean() < 220


# ---- kinds of pixels -------------------------------------------------------------------------------------------


def kinds():
    color, gray = noise(6, 6, 3), noise(6, 6)
    deep = (gray.astype(np.uint16) * 257)
    yield "RGB", Image.fromarray(color), color
    yield "L", Image.fromarray(gray), gray
    yield "1", Image.fromarray(gray).convert("1", dither=0), np.where(gray > 127, 255, 0)
    yield "16 bits", Image.fromarray(deep), gray
    yield "32 bits", Image.fromarray(deep.astype(np.int32)), gray
    yield "float", Image.fromarray((gray / 255).astype(np.float32)), gray
    yield "P", Image.fromarray(gray // 16 * 16).convert("RGB").quantize(16), np.stack([gray // 16 * 16] * 3, 2)
    yield "CMYK", Image.fromarray(color).convert("CMYK"), color


@pytest.mark.parametrize("name, image, pixels", [*kinds()], ids=lambda value: value if isinstance(value, str) else "")
def test_kinds_of_pixels(tmp_path, name, image, pixels):
    path = saved(tmp_path / "a.tif", image)
    assert np.array_equal(np.array(open_image(path)), pixels)
    channels = 1 if pixels.ndim == 2 else 3
    assert load_image(path, 6, channels).shape == (channels, 6, 6)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "gif", "ppm", "tiff", "JPG", "jpeg"])
def test_formats(tmp_path, suffix):
    colors = Image.new("RGB", (20, 20), (200, 100, 0))
    image = load_image(saved(tmp_path / f"a b ü.{suffix}", colors), 8, 3).float()
    assert (image.mean((1, 2)) - torch.tensor([200.0, 100, 0])).abs().max() < 6


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (6, 6), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.gif", 6, 3)[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode, black, seen", [("RGBA", (0, 0, 0), 128), ("LA", (0,), 128)])
def test_transparent_pixels_are_white(tmp_path, mode, black, seen):
    image = Image.new(mode, (2, 1), (*black, 0))
    image.putpixel((1, 0), (*black, seen))
    pixels = np.array(open_image(saved(tmp_path / "a.png", image)))
    assert pixels.shape == ((1, 2, 3) if mode == "RGBA" else (1, 2))
    assert (pixels[0, 0] == 255).all() and (abs(pixels[0, 1].astype(int) - 127) <= 1).all()
    marked = Image.fromarray(np.array([[9, 50]], np.uint8))
    saved(tmp_path / "b.png", marked, transparency=9)         # one gray value that is not seen
    assert np.array(open_image(tmp_path / "b.png")).tolist() == [[255, 50]]


def test_colors_to_gray(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (4, 4), (200, 100, 0)))
    assert load_image(path, 4, 1).unique().item() == round(0.299 * 200 + 0.587 * 100)       # PIL's gray


def test_pixels_of_unknown_range(tmp_path):
    path = saved(tmp_path / "a.tif", np.full((4, 4), 3.5, np.float32))
    with pytest.raises(ValueError, match=r"a.tif has pixels from 3.5 to 3.5, expected 0 to 1: scale them"):
        load_image(path, 4, 1)
    path = saved(tmp_path / "b.tif", np.full((4, 4), 70_000, np.int32))
    with pytest.raises(ValueError, match=r"b.tif has pixels from 70000 to 70000, expected 0 to 65535"):
        load_image(path, 4, 1)


def test_an_image_of_too_many_pixels(tmp_path, monkeypatch, capfd):
    """PIL guards against a file that would fill the memory. Of a large one nothing is said."""
    path = saved(tmp_path / "a.png", noise(20, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(OSError, match=r"cannot read .*a.png, it has more than 200 pixels: make it smaller"):
        load_image(path, 4, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    assert load_image(path, 4, 1).shape == (1, 4, 4) and capfd.readouterr().err == ""


def test_refused_files(tmp_path):
    with pytest.raises(ValueError, match="in_channels=2"):
        load_image(saved(tmp_path / "a.png", noise(4, 4)), 4, 2)
    with pytest.raises(FileNotFoundError, match=r"no image file .*none.png"):
        load_image(tmp_path / "none.png", 4, 3)
    with pytest.raises(OSError, match=r"cannot read .* as an image"):
        load_image(tmp_path, 4, 3)
    whole = saved(tmp_path / "a.png", noise(20, 20)).read_bytes()
    for keep in (0, 20, 60, len(whole) - 100):
        (tmp_path / "a.png").write_bytes(whole[:keep])
        with pytest.raises(OSError, match=re.escape(f"cannot read {tmp_path / 'a.png'} as an image")):
            load_image(tmp_path / "a.png", 4, 1)


# ---- random resized crops, and arrays --------------------------------------------------------------------------


def test_random_box():
    assert random_box(30, 20, 1.5, (1, 0.5, 0.3, 0.8), 0.1) == pytest.approx((0, 0, 30, 20))     # all of it
    numbers = np.random.default_rng(0).random((2000, 4))
    boxes = np.array([random_box(30, 20, 1.0, row, 0.25) for row in numbers])
    left, top, right, bottom = boxes.T
    assert left.min() >= 0 and top.min() >= 0 and right.max() <= 30 + 1e-9 and bottom.max() <= 20 + 1e-9
    share, shape = (right - left) * (bottom - top) / 600, (right - left) / (bottom - top)
    assert 0.25 <= share.min() + 1e-9 < 0.26 and share.max() > 0.6          # of a wide image, a square is at most 2/3
    assert shape.min() + 1e-9 >= 0.75 and shape.max() > 1.3
    assert left.std() > 2 and top.std() > 1


def test_random_crops_come_from_the_file_at_its_full_size(tmp_path):
    """A quarter of a picture of 400 x 400, at 100 x 100, has all of its detail; one of a small copy has not."""
    checks = np.kron(np.indices((100, 100)).sum(0) % 2 * 255, np.ones((4, 4))).astype(np.uint8)
    path = saved(tmp_path / "a.png", checks)
    numbers = torch.tensor([0, 0.5, 0, 0])          # the smallest area, a square, at the upper left
    assert load_image(path, 100, 1, numbers, 1 / 16).float().std() > 120
    assert random_resized_crop(load_image(path, 100, 1)[None], numbers[None], 1 / 16).float().std() < 60


@pytest.mark.parametrize("height, width", [(32, 32), (24, 40)])
def test_random_crops_in_memory_are_those_of_a_file(tmp_path, height, width):
    pixels, numbers = smooth(height, width), torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    path = saved(tmp_path / "a.png", pixels)
    images = torch.from_numpy(pixels).permute(2, 0, 1).expand(20, -1, -1, -1)
    here = random_resized_crop(images, numbers, 0.3)
    there = torch.stack([load_image(path, (height, width), 3, row, 0.3) for row in numbers])
    assert here.dtype == torch.uint8 and here.shape == images.shape
    assert (here.float() - there.float()).abs().max() < 8 and (here.float() - there.float()).abs().mean() < 1
    assert (here.float() - images.float()).abs().mean() > 4


def test_random_crops_in_memory_are_not_darker_at_the_edge():
    white = torch.full((40, 1, 9, 14), 255, dtype=torch.uint8)
    numbers = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    assert (random_resized_crop(white, numbers, 0.9) == 255).all()


@pytest.mark.parametrize("size", [16, (8, 24), (50, 50)])
def test_resize_arrays_as_files(tmp_path, size):
    pixels = smooth(40, 60)
    array = resize(torch.from_numpy(pixels).permute(2, 0, 1)[None], size)
    file = load_image(saved(tmp_path / "a.png", pixels), size, 3)
    assert array.dtype == torch.uint8 and array.shape[1:] == file.shape
    assert (array[0].float() - file.float()).abs().max() <= 3
    assert resize(array, size) is array and resize(array, None) is array


def test_center_box():
    assert center_box(60, 20, 10, 10) == (20, 0, 40, 20) and center_box(20, 60, 5, 5) == (0, 20, 20, 40)
    assert center_box(60, 20, 30, 10) == (0, 0, 60, 20)


@pytest.mark.parametrize("width, height, size", [(29, 29, 28), (450, 450, 28), (600, 450, 224), (225, 240, 224)])
def test_sizes_whose_crop_ends_in_a_rounded_number(tmp_path, width, height, size):
    """Where center_box leaves the image by a hair."""
    path = saved(tmp_path / "a.png", smooth(height, width))
    assert load_image(path, size, 3).shape == (3, size, size)
    numbers = torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    for row in (*numbers, torch.ones(4)):
        assert load_image(path, size, 3, row, 0.9).shape == (3, size, size)


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png", "webp"])
def test_a_picture_on_its_side_has_the_size_of_the_upright_one(tmp_path, suffix):
    image, exif = Image.fromarray(smooth(16, 64)), Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / f"a.{suffix}", image, exif=exif)
    with Image.open(path) as file:
        assert upright_size(file) == (16, 64)
    assert open_image(path).size == (16, 64)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(OSError, match=r"cannot read .*a.png as an image \(it is no file\)"):
        open_image(tmp_path / "a.png")


def test_arrays_of_a_single_row_are_resized():
    assert resize(torch.full((2, 1, 1, 5000), 7, dtype=torch.uint8), 32).eq(7).all()
