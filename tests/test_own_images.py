"""Images as people have them: .npz files and folders in several layouts, and what is said of those that do not fit."""

import re
import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image

from mixer_lib.data import ImageFiles, load_dataset, load_part, normalize, sources


def noise(*shape):
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def save_npz(path, **changes):
    """Write a well-formed .npz of 6 + 3 gray 4x5 images, with `changes`; None leaves an array out."""
    arrays = dict(train_images=noise(6, 4, 5), train_labels=np.array([0, 1, 2, 0, 1, 2]),
                  test_images=noise(3, 4, 5), test_labels=np.array([0, 1, 2]))
    np.savez(path, **{key: value for key, value in (arrays | changes).items() if value is not None})
    return path


def save_png(path, height=4, width=5, color=None):
    """Write a file of random pixels, gray unless `color` (red, green, blue) is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.new("RGB", (width, height), color) if color else Image.fromarray(noise(height, width))).save(path)


def refused(error, path, message, **options):
    with pytest.raises(error, match=message) as caught:
        load_dataset(path, **options)
    return str(caught.value)


# ---- .npz: layouts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, axes", [
    ((6, 4, 5), None), ((6, 4, 5, 3), (0, 3, 1, 2)), ((6, 4, 5, 1), (0, 3, 1, 2)), ((6, 3, 4, 5), (0, 1, 2, 3)),
])
def test_npz_layouts(tmp_path, capsys, shape, axes):
    images = torch.from_numpy(noise(*shape))
    save_npz(tmp_path / "own.NPZ.npz", train_images=images.numpy(), test_images=images[:3].numpy())
    data = load_dataset(str(tmp_path / "own.NPZ.npz"))
    expected = images.permute(axes) if axes else images[:, None]
    assert torch.equal(data.train_images, expected) and torch.equal(data.test_images, expected[:3])
    assert data.name == "own.NPZ" and data.classes == ["0", "1", "2"] and data.train_labels.tolist() == [0, 1, 2] * 2
    torch.testing.assert_close(torch.tensor(data.mean), expected.float().mean((0, 2, 3)) / 255)
    torch.testing.assert_close(torch.tensor(data.std), expected.float().std((0, 2, 3), correction=0) / 255)
    assert capsys.readouterr().err == "" and data.val_images is None


def test_npz_of_medmnist(tmp_path):
    """Labels [N, 1], and images to watch the training by."""
    labels = np.array([[0], [1], [2]], np.uint8)
    save_npz(tmp_path / "pathmnist.npz", train_images=noise(6, 4, 4, 3), train_labels=labels.repeat(2, 0),
             val_images=noise(3, 4, 4, 3) // 2, val_labels=labels, test_images=noise(3, 4, 4, 3), test_labels=labels)
    data = load_dataset(tmp_path / "pathmnist.npz")
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2] and data.test_labels.tolist() == [0, 1, 2]
    assert torch.equal(data.val_images, torch.from_numpy(noise(3, 4, 4, 3) // 2).permute(0, 3, 1, 2))
    assert data.val_labels.tolist() == [0, 1, 2] and data.val_labels.dtype == torch.int64


def test_npz_of_keras(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=noise(6, 4, 5), y_train=np.arange(6) % 3, x_test=noise(3, 4, 5),
             y_test=np.arange(3))
    data = load_dataset(tmp_path / "mnist.npz")
    assert data.train_images.shape == (6, 1, 4, 5) and data.test_labels.tolist() == [0, 1, 2]


def test_npz_without_a_test(tmp_path):
    images, labels = noise(36, 4, 5), np.arange(36) % 3
    save_npz(tmp_path / "own.npz", train_images=images, train_labels=labels, test_images=None, test_labels=None)
    data = load_dataset(tmp_path / "own.npz")
    assert data.train_labels.bincount().tolist() == [10] * 3 and data.test_labels.bincount().tolist() == [2] * 3
    save_npz(tmp_path / "own.npz", train_images=images, train_labels=labels, test_images=None, test_labels=None,
             val_images=images[:5], val_labels=labels[:5])
    data = load_dataset(tmp_path / "own.npz")
    assert len(data.train_images) == 36 and len(data.test_images) == 5 and data.val_images is None


@pytest.mark.parametrize("values, pixels", [
    (np.array([0, 51, 255], np.int64), [0, 51, 255]), (np.array([0.0, 0.2, 1.0]), [0, 51, 255]),
    (np.array([0.0, 51.0, 255.0], np.float32), [0, 51, 255]), (np.array([0, 1, 1], bool), [0, 255, 255]),
    (np.array([0, 51 * 257, 65535], np.uint16), [0, 51, 255]), (np.array([0, 51, 255], np.uint16), [0, 51, 255]),
    (np.array([0.0, 0.2, 1.0], np.float16), [0, 51, 255]),
])
def test_npz_values(tmp_path, values, pixels):
    images = values[noise(6, 4, 5) % 3]
    images[0, 0, :3] = values
    data = load_dataset(save_npz(tmp_path / "own.npz", train_images=images))
    assert data.train_images[0, 0, 0, :3].tolist() == pixels and data.train_images.dtype == torch.uint8


@pytest.mark.parametrize("channels", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_npz_with_transparency(tmp_path, channels):
    images = np.zeros((6, 5, 6, 4), np.uint8)
    images[..., 0], images[0, ..., 3], images[1, ..., 3] = 200, 255, 51
    data = load_dataset(save_npz(tmp_path / "own.npz", train_images=images.transpose(channels),
                                 test_images=noise(3, 5, 6, 3)))
    assert data.train_images[:3, :, 2, 2].tolist() == [[200, 0, 0], [244, 204, 204], [255, 255, 255]]


def test_npz_names_of_classes(tmp_path):
    path = save_npz(tmp_path / "own.npz", train_images=np.full((6, 4, 5), 51, np.uint8),
                    train_labels=np.array([0, 1, 2, 0, 1, 2], np.uint8), classes=np.array(["cat", "dog", "eel"]))
    data = load_dataset(path)
    assert data.classes == ["cat", "dog", "eel"] and data.train_labels.dtype == torch.int64
    assert data.mean == pytest.approx((0.2,)) and data.std == (1.0,)
    assert normalize(data.train_images, data.mean, data.std).abs().max() < 1e-6
    save_npz(path, train_labels=np.array(["eel", "cat", "dog"] * 2), test_labels=np.array(["dog", "eel", "cat"]))
    data = load_dataset(path)
    assert data.classes == ["cat", "dog", "eel"] and data.test_labels.tolist() == [1, 2, 0]
    assert data.train_labels.tolist() == [2, 0, 1] * 2
    save_npz(path, train_labels=np.array(["eel", "cat", "dog"] * 2), test_labels=np.array(["dog", "elk", "cat"]))
    refused(ValueError, path, "test_labels name classes that are not among cat, dog, eel: elk")


@pytest.mark.parametrize("size", [8, (8, 6)])
def test_npz_of_another_size(tmp_path, size):
    save_npz(tmp_path / "own.npz", train_images=noise(6, 20, 30, 3), test_images=noise(3, 12, 9, 3))
    data = load_dataset(tmp_path / "own.npz", image_size=size)
    expected = (8, 8) if size == 8 else size
    assert data.train_images.shape == (6, 3, *expected) and data.test_images.shape == (3, 3, *expected)
    assert load_dataset("mnist", image_size=size).test_images.shape == (2000, 1, *expected)


@pytest.mark.parametrize("changes, said", [
    (dict(train_labels=np.array([1, 2, 3] * 2), test_labels=np.arange(1, 4)),
     "1 of 4 classes have no training image: 0, so the labels do not start at 0"),
    (dict(train_labels=np.array([0, 4] * 3)), "3 of 5 classes have no training image: 1, 2, 3\n"),
    (dict(train_images=noise(6, 4, 5) % 2), "no pixel of the training images is above 1"),
])
def test_npz_that_is_odd(tmp_path, capsys, changes, said):
    load_dataset(save_npz(tmp_path / "own.npz", **changes))
    err = capsys.readouterr().err
    assert err.startswith(f"note: {tmp_path / 'own.npz'}: ") and said in err and err.count("\n") == 1


@pytest.mark.parametrize("changes, message", [
    (dict(test_labels=None), "has no test_labels, it has train_images, train_labels, test_images: it needs"),
    (dict(train_images=None), "has no train_images, train_labels, it has train_labels, test_images, test_labels"),
    (dict(train_images=np.array([object()] * 6)), "plain arrays without Python objects"),
    (dict(classes=np.array(["a", "b", "c"], dtype=object)), "plain arrays without Python objects"),
    (dict(train_images=np.full((6, 4, 5), 2.5)), "train_images are float64 from 2.5 to 2.5: expected whole numbers "
                                                 "from 0 to 255, or floats from 0 to 1"),
    (dict(train_images=np.full((6, 4, 5), np.nan)), "train_images are float64 from nan to nan"),
    (dict(train_images=np.full((6, 4, 5), -1)), "train_images are int64 from -1 to -1"),
    (dict(train_images=np.full((6, 4, 5), "x")), "train_images are <U1, expected uint8"),
    (dict(train_images=np.zeros((6, 20), np.uint8)), r"train_images: \[6, 20\], expected \[N, H, W\]"),
    (dict(train_images=np.zeros((6, 5, 4, 5), np.uint8)), r"\[6, 5, 4, 5\], expected .* C 1 or 3"),
    (dict(train_images=np.zeros((0, 4, 5), np.uint8)), "train_images is empty"),
    (dict(train_images=np.zeros((6, 4, 6), np.uint8)), r"training images are .* \[1, 4, 6\] but test images"),
    (dict(train_labels=np.full(6, 0.5)), "train_labels are float64, expected integers"),
    (dict(train_labels=np.zeros(5, int)), r"train_labels is \[5\], expected \[6\], one for each image"),
    (dict(train_labels=np.eye(3)[[0, 1, 2, 2, 1, 0]]),
     r"train_labels are one-hot, \[6, 3\], expected .* save labels.argmax\(1\)"),
    (dict(train_labels=np.ones((6, 3), int)), r"train_labels are \[6, 3\].* several classes at once cannot be learned"),
    (dict(test_labels=np.array([0, 1, -1])), "test_labels run from -1 to 1, expected 0 to 2"),
    (dict(classes=np.array(["cat", "dog"])), "train_labels run from 0 to 2, expected 0 to 1"),
    (dict(classes=np.array(["a", "b", "a"])), "several classes have the same name: 'a'"),
    (dict(train_labels=np.array([0, 1, 2, 0, 1, 10**15])), r"labels go up to 1,000,000,000,000,000 for 9 images: .* "
                                                           r"save np.unique\(labels, return_inverse"),
    (dict(train_images=np.zeros((6, 0, 0), np.uint8)), r"\[6, 1, 0, 0\] .* at least one pixel"),
])
def test_bad_npz(tmp_path, changes, message):
    assert "own" in refused(ValueError, save_npz(tmp_path / "own.npz", **changes), message)


def test_npz_labels_may_be_true_and_false(tmp_path):
    data = load_dataset(save_npz(tmp_path / "own.npz", train_labels=np.array([True, False] * 3),
                                 test_labels=np.array([False, True, True])))
    assert data.train_labels.tolist() == [1, 0] * 3 and data.classes == ["0", "1"]


def test_an_archive_is_not_yet_a_folder(tmp_path):
    (tmp_path / "photos.zip").touch()
    refused(ValueError, tmp_path / "photos.zip", "photos.zip is neither a .npz file nor a folder .*: unpack it first")


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_damaged_npz(tmp_path, keep):
    path = save_npz(tmp_path / "own.npz")
    path.write_bytes(path.read_bytes()[:keep])
    refused(ValueError, path, r"cannot read .*own.npz")


# ---- folders: layouts ------------------------------------------------------------------------------------------


def test_folder_with_train_and_test(tmp_path):
    save_png(tmp_path / "train" / "red" / "1.png", color=(200, 0, 0))
    save_png(tmp_path / "train" / "red" / "2.PNG", color=(200, 0, 0))
    save_png(tmp_path / "train" / "blue" / "1.png", color=(0, 0, 200))
    save_png(tmp_path / "train" / "blue" / "2.png")         # gray, becomes RGB with the others
    save_png(tmp_path / "test" / "red" / "1.png", color=(201, 0, 0))
    data = load_dataset(tmp_path)
    assert data.classes == ["blue", "red"]
    assert data.train_images.shape == (4, 3, 4, 5) and data.train_labels.tolist() == [0, 0, 1, 1]
    assert data.train_images[:, :, 1, 1].tolist()[2:] == [[200, 0, 0], [200, 0, 0]]
    assert data.test_images[:, :, 0, 0].tolist() == [[201, 0, 0]] and data.test_labels.tolist() == [1]


def colored_folder(path, per_class=18):
    """Two classes of one-colored images: red tells the number of an image, green its class."""
    for value in range(per_class):
        for label in (0, 1):
            save_png(path / "ab"[label] / f"{value:02}.png", color=(value, label, 100))
    return path


def test_folder_without_test(tmp_path):
    """One image in six of each class is kept for the test."""
    data = load_dataset(f"{colored_folder(tmp_path)}/")
    assert data.train_labels.bincount().tolist() == [15, 15] and data.test_labels.bincount().tolist() == [3, 3]
    everything = torch.cat([data.train_images, data.test_images])[:, :2, 0, 0]
    assert sorted(everything.tolist()) == sorted([value, label] for value in range(18) for label in (0, 1))
    assert torch.equal(data.test_images[:, 1, 0, 0], data.test_labels)
    assert torch.equal(load_dataset(tmp_path).test_images, data.test_images)


@pytest.mark.parametrize("names", [("train", "val"), ("Training", "valid"), ("TRAIN", "Validation"),
                                   ("train", "testing"), ("train", "val", "test")])
def test_names_of_the_parts(tmp_path, capsys, names):
    for count, name in zip((4, 3, 2), names):
        colored_folder(tmp_path / name, count)
    data = load_dataset(tmp_path)
    assert len(data.train_images) == 8 and len(data.test_images) == (6 if len(names) == 2 else 4)
    assert (data.val_images is None) == (len(names) == 2) and data.classes == ["a", "b"]
    assert len(names) == 2 or (len(data.val_images), data.val_labels.tolist()) == (6, [0, 0, 0, 1, 1, 1])
    assert capsys.readouterr().err == ""


def test_only_train_or_a_class_of_that_name(tmp_path, capsys):
    colored_folder(tmp_path / "photos" / "train", 6)
    assert load_dataset(tmp_path / "photos").train_labels.tolist() == [0] * 5 + [1] * 5
    for name in ("car", "train", "plane"):      # a train is a vehicle, too
        for number in range(2):
            save_png(tmp_path / "vehicles" / name / f"{number}.png")
    assert load_dataset(tmp_path / "vehicles").classes == ["car", "plane", "train"]
    assert capsys.readouterr().err == ""


def test_images_deep_in_a_class_folder_and_links(tmp_path, capsys):
    save_png(tmp_path / "photos" / "cats" / "2024" / "May (1)" / "1.png", color=(1, 0, 0))
    save_png(tmp_path / "photos" / "cats" / "2.png", color=(2, 0, 0))
    save_png(tmp_path / "elsewhere" / "3.png", color=(3, 0, 0))
    (tmp_path / "photos" / "dogs").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")         # a circle
    save_png(tmp_path / "elsewhere" / "4.png", color=(4, 0, 0))
    data = load_dataset(tmp_path / "photos")
    assert data.classes == ["cats", "dogs"] and sorted(
        torch.cat([data.train_images, data.test_images])[:, 0, 0, 0].tolist()) == [1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_what_a_computer_adds_does_not_matter(tmp_path, capsys):
    colored_folder(tmp_path / "photos", 2)
    expected = load_dataset(tmp_path / "photos")
    for name in ("__MACOSX/a/._00.png", "a/._00.png", "a/.DS_Store", ".DS_Store", "b/Thumbs.db", "a/desktop.ini",
                 ".ipynb_checkpoints/x.png", "a/.hidden/x.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"not an image")
    data = load_dataset(tmp_path / "photos")
    assert data.classes == ["a", "b"] and torch.equal(data.train_images, expected.train_images)
    assert capsys.readouterr().err == ""


def test_what_is_skipped_is_said(tmp_path, capsys):
    colored_folder(tmp_path, 2)
    for name in ("a/notes.txt", "b/more.TXT", "a/IMG_1.HEIC", "b/README", "loose.png"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    assert load_dataset(tmp_path).classes == ["a", "b"]
    assert capsys.readouterr().err == (
        f"note: {tmp_path}: 5 files were skipped: 2 .txt, 1 .heic, 1 without a suffix, 1 outside of a class "
        f"folder (save .heic photos as JPEG)\n"
        f"note: {tmp_path}: class folders without images were skipped: {tmp_path / 'empty'}\n")


def test_a_test_without_class_folders_is_left_out(tmp_path, capsys):
    """As from a competition that keeps the labels of its test."""
    colored_folder(tmp_path / "train", 6)
    save_png(tmp_path / "test" / "1.png")
    (tmp_path / "papers").mkdir()
    data = load_dataset(tmp_path)
    assert len(data.train_images) == 10 and len(data.test_images) == 2
    assert "folders beside the parts were left out: papers, test\n" in capsys.readouterr().err
    colored_folder(tmp_path / "val", 2)
    data = load_dataset(tmp_path)
    assert len(data.train_images) == 12 and len(data.test_images) == 4
    assert "folders beside the parts were left out: papers, test\n" in capsys.readouterr().err


def test_umlauts_of_two_computers_are_one_class(tmp_path):
    for part, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("Käfer", "Öl"):
            save_png(tmp_path / part / unicodedata.normalize(form, name) / "Ä 1.png")
    data = load_dataset(tmp_path)
    assert data.classes == ["Käfer", "Öl"] and data.test_labels.tolist() == [0, 1]


def test_one_class_only(tmp_path, capsys):
    colored_folder(tmp_path / "photos" / "photos", 2)
    assert load_dataset(tmp_path / "photos").classes == ["photos"]
    assert "there is one class only, photos" in capsys.readouterr().err


def test_gray_folder_stays_gray(tmp_path):
    for index in range(2):
        save_png(tmp_path / "a" / f"{index}.png")
        save_png(tmp_path / "b" / f"{index}.png")
    data = load_dataset(tmp_path)
    assert data.train_images.shape == (2, 1, 4, 5)
    assert torch.equal(data.train_images[0, 0], torch.from_numpy(noise(4, 5)))


def test_images_of_several_sizes(tmp_path):
    for number, (height, width) in enumerate([(40, 60), (90, 50), (100, 100), (70, 70)]):
        save_png(tmp_path / "ab"[number % 2] / f"{number}.png", height, width)
    refused(ValueError, tmp_path, r"the images are of 4 sizes, from 60x40 to 100x100 pixels \(width x height\): choose "
                                  r"one size for all, for example image_size=64 \(--image-size 64\)")
    data = load_dataset(tmp_path, image_size=(24, 32))
    assert data.train_images.shape == (2, 1, 24, 32) and data.test_images.shape == (2, 1, 24, 32)
    assert sources.proposed_size([(20, 30), (500, 400), (24, 700)]) == 16
    assert sources.proposed_size([(9, 9)]) == 9 and sources.proposed_size([(4000, 3000)] * 3) == 64
    with pytest.raises(ValueError, match="image_size=0: expected one whole number"):
        load_dataset(tmp_path, image_size=0)


def test_bad_folders(tmp_path):
    refused(FileNotFoundError, tmp_path, f"no images in {tmp_path}: expected a folder for each class")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.heic").touch()
    refused(FileNotFoundError, tmp_path, re.escape(f"no images in {tmp_path} (but 1 .heic): expected a folder"))
    save_png(tmp_path / "loose.png")
    refused(ValueError, tmp_path, f"1 image lies directly in {tmp_path}: put those of each class into a folder of its")
    save_png(tmp_path / "a" / "1.png")
    refused(ValueError, tmp_path, "there is no test, and 1 class has only 1 image, so none can be kept for it: a. Add")
    for number in range(2, 9):
        (tmp_path / "a" / f"{number}.png").write_text("not an image")
    refused(OSError, tmp_path, rf"cannot read {tmp_path}/a/2.png as an image .*; 6 more: {tmp_path}/a/3.png, .*/6.png, "
                               rf"...: replace or delete them")
    for number in range(2, 9):
        save_png(tmp_path / "a" / f"{number}.png")
    damaged = tmp_path / "a" / "2.png"          # whole at its beginning, so only reading all of it shows it
    damaged.write_bytes(damaged.read_bytes()[:-30])
    refused(OSError, tmp_path, f"cannot read {damaged} as an image .*: replace or delete it$")


def test_parts_that_do_not_fit(tmp_path):
    colored_folder(tmp_path / "val", 2)
    refused(ValueError, tmp_path, "has val but no train: nothing to learn from")
    save_png(tmp_path / "train" / "a" / "1.png", color=(9, 9, 9))
    refused(ValueError, tmp_path, "val/ has classes that train/ lacks: b")
    colored_folder(tmp_path / "valid", 2)
    refused(ValueError, tmp_path, "has both val/ and valid/: keep one of them")


# ---- one part, to evaluate a model on --------------------------------------------------------------------------


def test_load_part(tmp_path):
    folder = colored_folder(tmp_path / "photos", 12)
    data = load_dataset(folder)
    for part in ("train", "test"):
        images, labels, classes = load_part(folder, part)
        assert torch.equal(images, getattr(data, f"{part}_images")) and classes == ["a", "b"]
        assert torch.equal(labels, getattr(data, f"{part}_labels"))
    images, labels, _ = load_part(folder, "all", image_size=6, in_channels=1, in_memory=False)
    assert isinstance(images, ImageFiles) and images.shape == (24, 1, 6, 6) and labels.bincount().tolist() == [12, 12]
    with pytest.raises(ValueError, match="photos has no part 'val': choose from train, test, all"):
        load_part(folder, "val")
    mnist = load_dataset("mnist")
    assert torch.equal(load_part("mnist")[0], mnist.test_images)
    assert len(load_part("mnist", "all")[0]) == 12_000
    npz = save_npz(tmp_path / "own.npz")
    assert len(load_part(npz, "all")[0]) == 9 and len(load_part(npz, "train")[1]) == 6


def test_a_folder_that_is_a_test(tmp_path):
    """As ImageNet's: val with its class folders, without the others."""
    folder = colored_folder(tmp_path / "imagenet" / "val", 12)
    for path in (folder, folder.parent):
        images, labels, classes = load_part(path)
        assert len(images) == 24 and labels.bincount().tolist() == [12, 12] and classes == ["a", "b"]
    assert len(load_part(folder.parent, "all")[0]) == 24
