"""mixer_lib.data: what each function gives, and what it says when it cannot."""

import hashlib
import struct
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from mixer_lib.data import (
    Dataset,
    batches,
    load_dataset,
    mix,
    normalize,
    random_crop,
    random_flip,
    split,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(*shape):
    return torch.randint(256, shape, generator=seeded(), dtype=torch.uint8)


# ---- the bundled samples -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, shape, per_class, first_class, digest", [
    ("mnist", (1, 28, 28), (1000, 200), "0", "10d1aad895c2134c79dbba0b93c157bb"),
    ("cifar10", (3, 32, 32), (500, 100), "airplane", "8a7cee43f98a8b79bb0555a6c2aeabc2"),
])
def test_samples(name, shape, per_class, first_class, digest):
    sample = load_dataset(name)
    for part, count in zip(("train", "test"), per_class):
        images, labels = getattr(sample, f"{part}_images"), getattr(sample, f"{part}_labels")
        assert images.dtype == torch.uint8 and images.shape == (10 * count, *shape)
        assert labels.dtype == torch.int64 and labels.bincount().tolist() == [count] * 10
    assert sample.classes[0] == first_class and len(sample.classes) == 10
    pixels = sample.train_images.numpy().tobytes() + sample.test_images.numpy().tobytes()
    assert hashlib.md5(pixels).hexdigest() == digest
    test = {image.tobytes() for image in sample.test_images.numpy()}
    assert not any(image.tobytes() in test for image in sample.train_images.numpy())
    mean = sample.train_images.double().mean((0, 2, 3)) / 255
    std = sample.train_images.double().std((0, 2, 3)) / 255
    torch.testing.assert_close(torch.tensor(sample.mean).double(), mean, rtol=0, atol=0.003)
    torch.testing.assert_close(torch.tensor(sample.std).double(), std, rtol=0, atol=0.003)


def test_sample_labels_name_what_the_images_show():
    """Images of a class have its mean image nearest by far more often than chance; a wrong order would not."""
    for name, at_least in (("mnist", 0.75), ("cifar10", 0.2)):
        sample = load_dataset(name)
        train = sample.train_images.flatten(1).float()
        means = torch.stack([train[sample.train_labels == label].mean(0) for label in range(10)])
        nearest = torch.cdist(sample.test_images.flatten(1).float(), means).argmin(1)
        assert (nearest == sample.test_labels).float().mean() > at_least


def test_import_is_cheap():
    code = "import sys, mixer_lib.data; sys.exit('torchvision' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# ---- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, message", [
    ("mist", "did you mean 'mnist'"),
    ("CIFAR-10", "did you mean 'cifar10'"),
    ("zebras", "unknown data set 'zebras': choose from mnist, "),
    ("cifar100", "no bundled sample: pass full=True"),
    ("fashion_mnist", "no bundled sample: pass full=True"),
])
def test_names(name, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(name)


def test_root_without_full():
    with pytest.raises(ValueError, match="pass full=True"):
        load_dataset("mnist", root="somewhere")


def test_missing_path(tmp_path):
    for path in (tmp_path / "nothing", f"{tmp_path}/nothing", tmp_path / "nothing.npz"):
        with pytest.raises(FileNotFoundError, match="nothing"):
            load_dataset(path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"neither a .npz file nor a folder"):
        load_dataset(tmp_path / "notes.txt")


def test_home_folder(tmp_path, no_network, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    images, labels = np.zeros((6, 4, 5), np.uint8), np.arange(6) % 3
    np.savez(tmp_path / "own.npz", train_images=images, train_labels=labels)
    assert load_dataset("~/own.npz").name == "own"
    write_mnist(tmp_path / "data" / "MNIST" / "raw")
    assert len(load_dataset("mnist", full=True, root="~/data").test_images) == 10


# ---- full data, through torchvision ----------------------------------------------------------------------------


def write_idx(path, array):
    """Write a uint8 array in MNIST's own file format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes())


def write_mnist(raw):
    for part, count in (("train", 20), ("t10k", 10)):
        write_idx(raw / f"{part}-images-idx3-ubyte", random_images(count, 28, 28).numpy())
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 10)


@pytest.fixture
def no_network(monkeypatch):
    """Make torchvision's downloads fail at once."""
    def fail(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", fail)
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", fail)


@pytest.mark.parametrize("name, folder", [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_full_mnist(tmp_path, no_network, name, folder):
    write_mnist(tmp_path / folder / "raw")
    data = load_dataset(name, full=True, root=str(tmp_path))
    assert data.train_images.shape == (20, 1, 28, 28) and data.test_images.shape == (10, 1, 28, 28)
    assert torch.equal(data.train_images[:, 0], random_images(20, 28, 28))
    assert data.test_labels.tolist() == list(range(10))
    assert data.classes[:2] == {"mnist": ["0", "1"], "fashion_mnist": ["T-shirt/top", "Trouser"]}[name]


def test_full_cifar10(tmp_path, monkeypatch):
    """A fake of torchvision's class, as the real one checks the MD5 of the real files."""
    pixels = random_images(20, 32, 32, 3).numpy()

    class CIFAR10:
        filename, base_folder, classes = "cifar-10-python.tar.gz", "cifar-10-batches-py", ["airplane", "car"]

        def __init__(self, root, train, download):
            self.data, self.targets = (pixels, [0, 1] * 10) if train else (pixels[:4], [0, 1, 1, 0])

    monkeypatch.setattr("torchvision.datasets.CIFAR10", CIFAR10)
    data = load_dataset("cifar10", full=True, root=tmp_path)
    assert data.train_images.shape == (20, 3, 32, 32)
    assert data.train_images[7, 2, 5, 6] == pixels[7, 5, 6, 2]
    assert data.test_labels.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("name, by_hand", [
    ("mnist", "put train-images-idx3-ubyte.gz, .*, t10k-labels-idx1-ubyte.gz into .*/MNIST/raw by hand"),
    ("cifar100", "put cifar-100-python.tar.gz into .* by hand"),
])
def test_failed_download(tmp_path, no_network, name, by_hand):
    with pytest.raises(OSError, match=f"could not be downloaded.*{by_hand}.*no route to host") as caught:
        load_dataset(name, full=True, root=tmp_path)
    assert ("load_dataset('mnist') without full=True" in str(caught.value)) == (name == "mnist")


@pytest.mark.parametrize("size", [0, 10, 5000])
def test_damaged_full_mnist(tmp_path, no_network, size):
    write_mnist(tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(OSError, match=f"a file is damaged: delete .*{file.name}"):
        load_dataset("mnist", full=True, root=tmp_path)


def test_root_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=f"cannot make the data folder {root} .*pass another root"):
            load_dataset("mnist", full=True, root=root)


def test_dataset_checks_mean_and_std():
    images, labels = random_images(2, 3, 4, 4), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="need 3 values each"):
        Dataset("own", images, labels, images, labels, ["a", "b"], mean=(0.5,), std=(0.5,))


# ---- batches and augmentation ----------------------------------------------------------------------------------


def test_normalize():
    images, mean, std = random_images(2, 3, 4, 4), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    result = normalize(images, mean, std)
    assert result.dtype == torch.float32 and result.shape == images.shape
    for channel in range(3):
        expected = (images[:, channel] / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(result[:, channel], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 3, 8, 6), (5, 1, 4, 4)])
def test_random_crop_is_what_a_loop_would_do(shape):
    images, padding = random_images(*shape), 2
    result = random_crop(images, padding, seeded(7))
    tops, lefts = torch.randint(2 * padding + 1, (2, len(images)), generator=seeded(7))
    for image, top, left, cropped in zip(images, tops, lefts, result):
        padded = np.pad(image.numpy(), ((0, 0), (padding, padding), (padding, padding)))
        assert np.array_equal(cropped, padded[:, top:top + shape[2], left:left + shape[3]])
    assert result.dtype == torch.uint8


def test_random_crop_reaches_every_offset_equally():
    image = torch.zeros(9000, 1, 5, 5, dtype=torch.uint8)
    image[:, :, 2, 2] = 1  # where this pixel goes shows the offset
    places = random_crop(image, 1, seeded()).flatten(1).sum(0).view(5, 5)
    assert places[1:4, 1:4].min() > 850 and places.sum() == 9000


def test_random_crop_edges():
    images = random_images(3, 1, 4, 4)
    assert torch.equal(random_crop(images, 0), images)
    assert random_crop(images, 3).shape == images.shape
    for padding in (-1, 4, 10**9):
        with pytest.raises(ValueError, match=f"crop padding={padding}: expected 0 to 3 pixels, for images of 4x4"):
            random_crop(images, padding)


def test_random_flip():
    images = random_images(1000, 3, 4, 5)
    result = random_flip(images, seeded())
    same = (result == images).flatten(1).all(1)
    mirrored = (result == images.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all() and 430 < mirrored.sum() < 570


def test_torch_random_numbers_stay(monkeypatch):
    """MixUp and CutMix draw through torch's own CPU generator. A GPU's generators are not seeded with it, as
    `torch.manual_seed` would do, and its own state comes back."""
    monkeypatch.setattr(torch, "manual_seed", lambda seed: pytest.fail("this seeds the GPUs too"))
    state = torch.get_rng_state()
    for options in ({"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}):
        mixed(0, **options)
    assert torch.equal(torch.get_rng_state(), state)


def mixed(seed, **options):
    x, y = random_images(6, 3, 8, 10).float(), torch.tensor([3, 0, 4, 1, 5, 2])
    return x, y, *mix(x, y, 7, generator=seeded(seed), **options)


def shares(y, labels):
    """Of each image its own share and that of the one before it; the other classes must have none."""
    assert labels.shape == (6, 7) and labels.dtype == torch.float32
    own, before = labels.gather(1, y[:, None]), labels.gather(1, y.roll(1)[:, None])
    torch.testing.assert_close(own + before, torch.ones(6, 1))
    assert (labels > 0).sum() <= 12
    return own[:, 0], before[:, 0]


def test_mixup_averages_images_and_labels():
    drawn = set()
    for seed in range(20):
        x, y, blend, labels = mixed(seed, mixup=1.0)
        own, before = shares(y, labels)
        torch.testing.assert_close(blend, own.view(-1, 1, 1, 1) * x + before.view(-1, 1, 1, 1) * x.roll(1, 0))
        drawn.add(own[0].item())
    assert len(drawn) == 20 and min(drawn) < 0.3 and max(drawn) > 0.7


def test_cutmix_pastes_a_rectangle_whose_area_is_its_share():
    areas = set()
    for seed in range(20):
        x, y, blend, labels = mixed(seed, cutmix=1.0)
        before = shares(y, labels)[1]
        pasted = (blend == x.roll(1, 0)).all(1) & (blend != x).any(1)       # [B, H, W]
        assert torch.equal(torch.where(pasted[:, None], x.roll(1, 0), x), blend)
        torch.testing.assert_close(pasted.float().mean((1, 2)), before)
        rows, columns = pasted[0].any(1), pasted[0].any(0)
        assert rows.sum() * columns.sum() == pasted[0].sum()
        areas.add(before[0].item())
    assert len(areas) > 10


def test_mix_takes_one_of_the_two():
    kinds = {bool((mixed(seed, mixup=1.0, cutmix=1.0)[2] % 1).any()) for seed in range(20)}
    assert kinds == {True, False}       # pixels were whole numbers: an average is not


def test_mix_draws_from_its_generator():
    state, generator = torch.get_rng_state(), seeded()
    x, y = torch.rand(4, 1, 4, 4, generator=seeded()), torch.arange(4)
    first, second = (mix(x, y, 4, mixup=1.0, generator=generator)[1] for _ in range(2))
    assert not torch.equal(first, second) and torch.equal(first, mix(x, y, 4, mixup=1.0, generator=seeded())[1])
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(mix(x, y, 4, mixup=1.0)[1], mix(x, y, 4, mixup=1.0)[1])      # and without: from torch's own
    same_x, same_y = mix(x, y, 4)
    assert same_x is x and same_y is y


def test_batches_in_order():
    images, labels = random_images(10, 3, 4, 4), torch.arange(10)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    got = list(batches(images, labels, 4, mean, std))
    assert [len(x) for x, _ in got] == [4, 4, 2]
    assert torch.equal(torch.cat([x for x, _ in got]), normalize(images, mean, std))
    assert torch.equal(torch.cat([y for _, y in got]), labels)
    with pytest.raises(ValueError, match="batch_size=0"):
        next(batches(images, labels, 0, mean, std))


def test_batches_shuffle_and_augment():
    # Image i is all gray value i, so that it still tells its label after a flip and a crop.
    labels = torch.arange(1, 101)
    images = labels.to(torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 8, 8)

    def epoch(seed, **options):
        got = list(batches(images, labels, 32, (0.0,), (1 / 255,), generator=seeded(seed), **options))
        return torch.cat([x for x, _ in got]), torch.cat([y for _, y in got])

    everything = dict(shuffle=True, crop_padding=2, flip=True)
    (x, y), (x_again, y_again), (_, y_other) = epoch(0, **everything), epoch(0, **everything), epoch(1, **everything)
    assert torch.equal(x, x_again) and torch.equal(y, y_again)
    assert torch.equal(y.sort().values, labels) and not torch.equal(y, labels) and not torch.equal(y, y_other)
    torch.testing.assert_close(x.amax((1, 2, 3)), y.float())  # the labels went along with the images
    assert (x == 0).any()  # cropped
    assert not (epoch(0, shuffle=True)[0] < 0.5).any()
    assert not torch.equal(epoch(0)[0], epoch(0, randaugment=9)[0])

    ramp = torch.arange(8, dtype=torch.uint8).repeat(100, 1, 8, 1)
    left = torch.cat([x for x, _ in batches(ramp, labels, 32, (0.0,), (1 / 255,), flip=True)])[:, 0, 0, 0]
    assert 0 < (left == 0).sum() < 100  # flipped


@pytest.mark.parametrize("fraction, held", [(0.1, [10, 3, 1]), (0.5, [50, 15, 1]), (0.99, [99, 29, 1])])
def test_split(fraction, held):
    labels = torch.tensor([0] * 100 + [1] * 30 + [2] * 2)[torch.randperm(132, generator=seeded())]
    train, holdout = split(labels, fraction, seeded())
    assert labels[holdout].bincount().tolist() == held
    assert torch.cat([train, holdout]).sort().values.tolist() == list(range(132))
    assert torch.equal(train, train.sort().values) and torch.equal(holdout, holdout.sort().values)
    assert torch.equal(holdout, split(labels, fraction, seeded())[1])
    assert fraction == 0.99 or not torch.equal(holdout, split(labels, fraction, seeded(1))[1])


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_split_needs_a_share(fraction):
    with pytest.raises(ValueError, match=f"fraction={fraction}"):
        split(torch.tensor([0, 0, 1, 1]), fraction, seeded())


def test_split_needs_two_images():
    with pytest.raises(ValueError, match="class 1 has only 1 image"):
        split(torch.tensor([0, 0, 1]), 0.5, seeded())
