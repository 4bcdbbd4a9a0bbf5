"""mixer_lib.data.randaugment: each operation against torchvision's, what is drawn, and that a GPU is not waited for."""


import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchvision.transforms import v2

from mixer_lib.data import randaugment
from mixer_lib.data.randaugment import OPERATIONS, apply_to_all, apply_to_drawn, one_operation, rand_augment

SPACE = v2.RandAugment._AUGMENTATION_SPACE
# No side but one is odd, and no magnitude a multiple of 4: a shear or rotation then never asks for a place midway
# between two pixels, where rounding decides which of them is the nearest.
SHAPES = [(3, 32, 26), (1, 29, 34), (3, 3, 4), (3, 6, 2), (3, 1, 1)]
MAGNITUDES = (1, 9, 13, 17, 18, 19, 30)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(channels, height, width):
    """Images of many values, of dark ones, of three (twice as many pixels as it takes to equalize) and of one:
    uint8 [4, C, H, W]."""
    noise = torch.randint(256, (channels, height, width), generator=seeded(), dtype=torch.uint8)
    row_by_row = torch.arange(height * width).view(height, width)
    three = torch.where(row_by_row < 255, 40, torch.where(row_by_row < 510, 100, 200)).byte().expand_as(noise)
    return torch.stack([noise, noise // 4 + 20, three, torch.full_like(noise, 77)])


def torchvisions(image, operation, magnitude, sign):
    """torchvision's RandAugment when it draws this operation and sign: uint8 [C, H, W] -> same."""
    name = OPERATIONS[operation]
    steps, signed = SPACE[name]

    class Forced(v2.RandAugment):
        _AUGMENTATION_SPACE = {name: ((lambda *sizes: sign * steps(*sizes)) if signed else steps, False)}  # noqa: RUF012

    return Forced(num_ops=1, magnitude=magnitude)(image)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_those_of_torchvision(name, shape):
    images = pictures(*shape).repeat_interleave(2, 0)
    operation = torch.full((8,), OPERATIONS.index(name))
    sign = torch.tensor([1, -1]).repeat(4)
    changed = False
    for magnitude in MAGNITUDES:
        result = one_operation(images, magnitude, operation, sign)
        expected = torch.stack([torchvisions(image, operation[0], magnitude, side)
                                for image, side in zip(images, sign)])
        assert result.dtype == torch.uint8
        if name in ("Color", "Contrast", "Sharpness"):  # another processor may round them otherwise
            difference = (result.int() - expected.int()).abs()
            assert difference.max() <= 1 and (difference > 0).float().mean() < 0.02
        else:
            assert torch.equal(result, expected)
        changed |= not torch.equal(expected, images)
    assert changed or name == "Identity" or (name, shape[0]) == ("Color", 1) or max(shape[1:]) < 10


def test_operations_are_all_of_torchvision():
    assert sorted(OPERATIONS) == sorted(SPACE)


@pytest.fixture
def draws(monkeypatch):
    """The operations and the signs that rand_augment draws, a pair for each round."""
    drawn = []

    def record(images, magnitude, operation, sign):
        drawn.append((operation, sign))
        return one_operation(images, magnitude, operation, sign)

    monkeypatch.setattr(randaugment, "one_operation", record)
    return drawn


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_gets_its_own_two_operations(draws, channels):
    images = torch.randint(256, (60, channels, 20, 16), generator=seeded(), dtype=torch.uint8)
    before = images.clone()
    result = rand_augment(images, 9, seeded())
    assert torch.equal(images, before)
    expected = images.clone()
    for operation, sign in draws:
        expected = torch.stack([torchvisions(image, *drawn) for image, *drawn in zip(
            expected, operation, [9] * 60, sign)])
    assert len(draws) == 2 and result.dtype == torch.uint8
    assert (result != expected).float().mean() < 0.01


def test_all_operations_and_signs_are_equally_likely(draws):
    count = 14_000
    rand_augment(torch.zeros(count, 1, 1, 1, dtype=torch.uint8), 9, seeded())
    (first, first_sign), (second, second_sign) = draws
    for operation, sign in draws:
        times = torch.stack([operation[sign == side].bincount(minlength=14) for side in (-1, 1)])
        assert times.shape == (2, 14) and times.sum() == count
        assert times.min() > 400 and times.max() < 600  # of 500 each, 22 more or less
    assert 900 < (first == second).sum() < 1100
    assert 6700 < (first_sign == second_sign).sum() < 7300


def test_random_numbers_come_from_the_generator():
    images = pictures(3, 12, 10).repeat(10, 1, 1, 1)
    state = torch.get_rng_state()
    result, again, other = (rand_augment(images, 9, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(result, again) and not torch.equal(result, other)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert torch.equal(rand_augment(images, 9), result)
        assert not torch.equal(rand_augment(images, 9), result)


def test_bad_input():
    images = pictures(3, 8, 8)
    for magnitude in (0, 31, -1):
        with pytest.raises(ValueError, match=f"magnitude={magnitude}: expected 1 to 30"):
            rand_augment(images, magnitude)
    for channels in (2, 4):
        with pytest.raises(ValueError, match=f"images of 1 or 3 channels, not {channels}: set randaugment to 0"):
            rand_augment(torch.zeros(2, channels, 8, 8, dtype=torch.uint8), 9)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_batches_too_small_for_all_operations(count):
    assert rand_augment(pictures(3, 8, 9)[:count], 9).shape == (count, 3, 8, 9)


# ---- on a GPU ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_picked_from_all_equals_computed_for_the_drawn(monkeypatch, channels):
    images = pictures(channels, 20, 30).repeat(15, 1, 1, 1)
    for magnitude in (1, 9, 30):
        with monkeypatch.context() as patch:
            result = rand_augment(images, magnitude, seeded())
            patch.setattr(randaugment, "apply_to_drawn", apply_to_all)
            assert torch.equal(rand_augment(images, magnitude, seeded()), result)


def test_default_device_does_not_matter():
    images = pictures(3, 9, 8).repeat(10, 1, 1, 1)
    result = rand_augment(images, 9, seeded())
    with torch.device("meta"):  # what names no device has no values there
        assert torch.equal(rand_augment(images, 9, seeded()), result)


WAITS = ("nonzero", "_local_scalar_dense", "bincount", "masked_select")


class NoWait(TorchDispatchMode):
    """Refuses what makes the host wait for a GPU, what mixes devices, and random numbers drawn on another device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        by_mask = name.startswith("index") and any(tensor.dtype == torch.bool for tensor in tensors)
        assert not by_mask and name not in WAITS and "unique" not in name, f"the host waits for {name}"
        result = function(*args, **kwargs)
        if name in ("_to_copy", "copy_"):
            across = any(tensor.device != result.device for tensor in tensors)
            assert not across or True in (kwargs.get("non_blocking"), *args[2:]), f"the host waits for {name}"
        else:
            assert len({tensor.device for tensor in tensors if tensor.ndim}) <= 1, f"{name} mixes devices"
        if name == "randint":
            generator = kwargs["generator"]
            assert result.device.type == (generator.device.type if generator else "cuda"), "drawn elsewhere"
        return result


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gpu_is_not_waited_for(monkeypatch, channels):
    """With fake tensors, which have shapes and devices but no values: this needs no GPU."""
    generator = seeded()
    with FakeTensorMode(allow_non_fake_inputs=True), NoWait():
        images = torch.zeros(5, channels, 12, 10, dtype=torch.uint8, device="cuda")
        for source in (generator, None):
            result = rand_augment(images, 9, source)
            assert result.device.type == "cuda" and result.dtype == torch.uint8 and result.shape == images.shape
        monkeypatch.setattr(randaugment, "apply_to_all", apply_to_drawn)
        with pytest.raises(AssertionError, match="the host waits for bincount"):
            rand_augment(images, 9)
