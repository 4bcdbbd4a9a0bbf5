"""Images that are read as they are needed: the same training as with images in memory, in a fixed amount of memory."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mixer_lib import MlpMixer, widgets
from mixer_lib.data import Dataset, ImageFiles, batches, load_dataset, sources
from mixer_lib.data import memory as memory_module
from mixer_lib.training import Recipe, evaluate, fit, loop, memory_needed, predict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes, of 30 PNGs each of 12 x 16 pixels: noise, brighter above or below. Tests do not change it."""
    home, numbers = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label, name in enumerate(("above", "below")):
        (home / name).mkdir()
        for number in range(30):
            pixels = numbers.integers(0, 120, (12, 16, 3), dtype=np.uint8)
            pixels[6 * label:6 * label + 6] += 120
            Image.fromarray(pixels).save(home / name / f"{number:02}.png")
    return home


@pytest.fixture(scope="module")
def both(folder):
    """The folder's images in memory, and in their files."""
    return [load_dataset(folder, image_size=8, in_memory=where) for where in (True, False)]


def files(folder):
    return sorted(folder.glob("*/*.png"))


def small_mixer(image_size=8):
    torch.manual_seed(0)
    return MlpMixer(image_size=image_size, patch_size=4, in_channels=3, num_classes=2, num_blocks=1, hidden_dim=8,
                    tokens_mlp_dim=4, channels_mlp_dim=8, dropout=0.2)


def test_it_stands_in_for_a_tensor(folder):
    images = ImageFiles(files(folder), (12, 16), 3)
    pixels = torch.stack([torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) for file in files(folder)])
    assert images.shape == pixels.shape and images.dtype == pixels.dtype and len(images) == 60
    assert images.ndim == 4 and images.numel() == pixels.numel() and images.nbytes == 0
    assert torch.equal(images[7], pixels[7]) and torch.equal(images.in_memory(), pixels)
    for index in (torch.tensor([3, 3, 59]), slice(5), slice(-7, None)):
        assert torch.equal(images[index].in_memory(), pixels[index])
    assert torch.equal(ImageFiles.cat([images[:2], images[50:]]).in_memory(), torch.cat([pixels[:2], pixels[50:]]))
    assert images.path(0) == str(files(folder)[0])


def test_both_ways_give_the_same_data_set(both):
    here, there = both
    assert isinstance(here.train_images, torch.Tensor) and isinstance(there.test_images, ImageFiles)
    assert torch.equal(there.train_images.in_memory(), here.train_images)
    assert torch.equal(there.test_labels, here.test_labels) and torch.equal(there.test_images[4], here.test_images[4])
    assert there.mean == here.mean and there.std == here.std


@pytest.mark.parametrize("options", [{}, dict(shuffle=True), dict(shuffle=True, crop_padding=1, flip=True,
                                                                  randaugment=5)])
@pytest.mark.parametrize("cores", [1, 2])
def test_both_ways_give_the_same_batches(both, monkeypatch, options, cores):
    monkeypatch.setattr("mixer_lib.data.on_disk._cores", lambda: cores)
    here, there = ([*batches(data.train_images, data.train_labels, 16, data.mean, data.std,
                             generator=torch.Generator().manual_seed(3), **options)] for data in both)
    assert [len(x) for x, _ in there] == [16, 16, 16, 2]
    assert all(torch.equal(x, other) and torch.equal(y, others) for (x, y), (other, others) in zip(here, there))


def test_random_crops_are_drawn_anew_for_each_image_and_the_same_for_a_seed(folder):
    images, labels = ImageFiles(files(folder), 8, 3), torch.arange(60)

    def drawn(seed):
        return torch.cat([x for x, _ in batches(images, labels, 16, (0,) * 3, (1,) * 3, resized_crop=0.2,
                                                generator=torch.Generator().manual_seed(seed))])

    first, again, other = drawn(0), drawn(0), drawn(1)
    assert torch.equal(first, again) and (first != other).flatten(1).any(1).all()
    twice = ImageFiles([files(folder)[0]] * 2, 8, 3)
    (x, _), = batches(twice, labels[:2], 2, (0,) * 3, (1,) * 3, resized_crop=0.2)
    assert not torch.equal(x[0], x[1])


def test_training_is_the_same(both, tmp_path, monkeypatch):
    """fit with hold-out, dropout and augmentation, stopped and resumed, and what is measured afterwards."""
    recipe, results = Recipe(epochs=2, batch_size=16, flip=True, crop_padding=1, randaugment=3), []
    for number, data in enumerate(both):
        model, real, left = small_mixer(), loop.train_step, [5 if number else -1]

        def step(*args, real=real, left=left):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(loop, "train_step", step)
            history = fit(model, data, recipe, out=tmp_path / str(number))
        if number:
            assert history.interrupted and len(history.epochs) == 1
            model = small_mixer()
            history = fit(model, data, recipe, out=tmp_path / str(number), resume=True)
        losses = [row["loss"] for row in history.steps]
        results.append((losses, [row["val_loss"] for row in history.epochs], evaluate(model, data),
                        predict(model, data.test_images, data).tolist()))
    assert results[0] == results[1] and len(results[0][0]) == 6
    assert memory_needed(small_mixer(), both[1], recipe) < memory_needed(small_mixer(), both[0], recipe)


def test_own_validation_images_are_the_hold_out(both):
    here = both[0]
    data = Dataset("own", here.train_images, here.train_labels, here.test_images, here.test_labels, here.classes,
                   here.mean, here.std, here.test_images[:5], here.test_labels[:5])
    model = small_mixer()
    history = fit(model, data, Recipe(epochs=1, batch_size=10))
    assert len(history.steps) == 5          # all 50 images, none held out
    logits = predict(model, here.test_images[:5], data)
    expected = torch.nn.functional.cross_entropy(logits, here.test_labels[:5]).item()
    assert history.epochs[0]["val_loss"] == pytest.approx(expected, abs=1e-6)
    assert "val_loss" not in fit(small_mixer(), data, Recipe(epochs=1, val_fraction=0)).epochs[0]
    with pytest.raises(ValueError, match=r"training images are .* but val images \[3, 4, 8\]"):
        replace(data, val_images=here.test_images[:5, :, :4])


def test_read_into_memory_where_it_fits(folder, monkeypatch):
    size = 60 * 3 * 8 * 8
    for free, there in ((3 * size, torch.Tensor), (3 * size - 3, ImageFiles)):
        monkeypatch.setattr(sources, "free_memory", lambda free=free: free)
        data = load_dataset(folder, image_size=8)
        assert isinstance(data.train_images, there) and isinstance(data.test_images, there)


def test_free_memory_in_a_container(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_module, "CGROUP", tmp_path)
    monkeypatch.setattr(memory_module.psutil, "virtual_memory", lambda: type("", (), {"available": 900})())
    assert memory_module.free_memory() == 900
    for name, text in (("max", "1000\n"), ("current", "700\n"), ("stat", "anon 5\ninactive_file 50\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory_module.free_memory() == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_module.free_memory() == 900


@pytest.mark.parametrize("cores", [1, 2])
def test_a_damaged_file_is_named_without_a_traceback_of_a_worker(folder, tmp_path, monkeypatch, cores):
    monkeypatch.setattr("mixer_lib.data.on_disk._cores", lambda: cores)
    (tmp_path / "bad.png").write_bytes(files(folder)[0].read_bytes()[:200])
    images = ImageFiles([*files(folder)[:7], tmp_path / "bad.png"], 8, 3)
    drawn = batches(images, torch.zeros(8, dtype=torch.long), 4, (0,) * 3, (1,) * 3)
    next(drawn)
    with pytest.raises(OSError, match=r"^cannot read .*bad.png as an image \([^\n]*\): replace or delete it$"):
        next(drawn)
    assert not multiprocessing.active_children()        # they end at once, though the error keeps what they served
    with pytest.raises(FileNotFoundError, match=r"^no image file none.png$"):
        next(batches(ImageFiles(["none.png"] * 3, 8, 3), torch.zeros(3, dtype=torch.long), 1, (0,) * 3, (1,) * 3))


def test_torchs_own_random_numbers_stay(both):
    state = torch.get_rng_state()
    images, labels = both[1].train_images, both[1].train_labels
    list(batches(images, labels, 16, (0,) * 3, (1,) * 3, shuffle=True, generator=torch.Generator()))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_widget_reads_them(both):
    model = small_mixer().eval()
    assert widgets.switches(model, both[1], count=4).shapes["labels"] == ["int32", [4]]


MANY = """
import sys
import psutil, torch
from mixer_lib.data import ImageFiles, batches

torch.set_num_threads(1)
images = ImageFiles([sys.argv[1]] * int(sys.argv[2]), 64, 3)
this, most = psutil.Process(), 0
for x, y in batches(images, torch.zeros(len(images), dtype=torch.long), 16, (0,) * 3, (1,) * 3, shuffle=True):
    most = max(most, sum(p.memory_full_info().uss for p in (this, *this.children())))
print(most)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process alone holds in memory")
def test_memory_does_not_grow_with_the_number_of_images(folder):
    """Ten times the images, 25 MB of pixels, take no more memory but for a few MB."""
    few, many = (int(subprocess.run([sys.executable, "-c", MANY, str(files(folder)[0]), count], capture_output=True,
                                    text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}).stdout)
                 for count in ("200", "2000"))
    assert many - few < 8e6


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process blocks")
def test_workers_do_not_hear_ctrl_c(folder, monkeypatch):
    """A terminal sends it to all processes. Those that read images would end before the main one ends them."""
    monkeypatch.setattr("mixer_lib.data.on_disk._cores", lambda: 2)
    drawn = batches(ImageFiles(files(folder)[:8], 8, 3), torch.zeros(8, dtype=torch.long), 2, (0,) * 3, (1,) * 3)
    next(drawn)
    blocked = [int(re.search(r"SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1], 16)
               for pid in ("self", *(child.pid for child in multiprocessing.active_children()))]
    drawn.close()
    ctrl_c = 1 << signal.SIGINT - 1
    assert len(blocked) > 1 and not blocked[0] & ctrl_c and all(mask & ctrl_c for mask in blocked[1:])
