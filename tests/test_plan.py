"""python -m mixer_lib plan: what a training run costs, from the model alone."""

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from commands import refused, run
from mixer_lib.configs import get_config
from mixer_lib.costs import count_macs, count_parameters
from mixer_lib.model import MlpMixer
from mixer_lib.training import Recipe, devices, make_optimizer, train_step
from mixer_lib.training.plan import flops_per_image, memory_per_device, saved_bytes, steps_per_second

SMALL = dict(image_size=32, patch_size=4, in_channels=3, num_classes=10, num_blocks=3, hidden_dim=64,
             tokens_mlp_dim=48, channels_mlp_dim=128)
PLAN = "plan H/14 --images 300e6 --epochs 14 --devices 512 --peak 990e12 --share 0.4"


def config(**changes):
    return MlpMixer(**SMALL | changes).config


class Held(TorchDispatchMode):
    """The most bytes that the tensors made inside hold at any time."""

    def __init__(self):
        super().__init__()
        self.now, self.peak, self.known = 0, 0, set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        before = {tensor.untyped_storage()._cdata for tensor in tree_leaves((args, kwargs))
                  if isinstance(tensor, torch.Tensor)}
        result = operation(*args, **kwargs or {})
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in before | self.known:
                storage = tensor.untyped_storage()
                self.known.add(storage._cdata)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self.free, storage._cdata, storage.nbytes())
        return result

    def free(self, key, size):
        self.known.discard(key)
        self.now -= size


def test_work_is_what_torch_counts():
    """torch's own counter looks at the matrix products of a real step, also where blocks are computed again."""
    images, model = torch.rand(2, 3, 32, 32), MlpMixer(**SMALL)
    for again in False, True:
        with FlopCounterMode(display=False) as counter, devices.checkpointed(model, again):
            model(images).sum().backward()
        # The images need no gradient, so the embedding's backward pass has half of the work that it is counted with.
        left_out = 2 * 2 * 64 * 48 * 64
        assert counter.get_total_flops() + left_out == 2 * flops_per_image(model.config, again)


def test_saved_bytes_are_those_of_a_block():
    """By hand, for float32: the LayerNorms and the linear layers keep their inputs, and so do the GELUs."""
    S, C, D_S, D_C = 64, 64, 48, 128
    two, three = (saved_bytes(config(num_blocks=n), "float32")[0] for n in (2, 3))
    statistics = 2 * 2 * S                      # mean and deviation of each token, twice
    assert three - two == 4 * (4 * S * C + 2 * C * D_S + 2 * S * D_C + statistics)
    assert saved_bytes(config(), "float32")[1] < 100
    images, copies = saved_bytes(config(), "bf16")
    assert images < 0.6 * saved_bytes(config(), "float32")[0]
    assert copies == pytest.approx(2 * count_parameters(config()), rel=0.1)      # not of biases


def test_memory_by_part():
    plain, shard, again, both = (memory_per_device(config(num_blocks=8), 10, 4, "float32", **way) for way in (
        {}, dict(shard=True), dict(checkpoint_activations=True), dict(shard=True, checkpoint_activations=True)))
    weights = 4 * count_parameters(config(num_blocks=8))
    assert [plain[part] for part in ("parameters", "gradients", "optimizer state")] == [weights, weights, 2 * weights]
    assert plain["activations"] == 10 * saved_bytes(config(num_blocks=8), "float32")[0]
    assert all(shard[part] == plain[part] / 4 for part in ("parameters", "gradients", "optimizer state"))
    assert shard["activations"] == plain["activations"] and shard["copies of weights"] > plain["copies of weights"]
    assert again["activations"] < plain["activations"] / 3 and again["parameters"] == weights
    assert both["parameters"] == weights / 4 and both["activations"] == again["activations"]


@pytest.mark.parametrize("again", [False, True])
def test_memory_is_what_a_step_holds(again):
    """Counted in a real step, tensor by tensor, on the way from the first to the last."""
    model, recipe = MlpMixer(**SMALL | dict(num_blocks=8)), Recipe(precision="float32")
    optimizer, x, y = make_optimizer(model, recipe), torch.rand(64, 3, 32, 32), torch.arange(64) % 10
    train_step(model, x, y, optimizer, 0.01, recipe)        # now the optimizer has its state
    held = Held()
    with held, devices.checkpointed(model, again):
        train_step(model, x, y, optimizer, 0.01, recipe)
    planned = memory_per_device(model.config, 64, precision="float32", checkpoint_activations=again)
    before = planned["parameters"] + planned["optimizer state"]
    assert sum(planned.values()) == pytest.approx(before + held.peak, rel=0.2)


def test_time():
    sizes = get_config("H/14")
    assert flops_per_image(sizes) == 6 * count_macs(sizes)
    speed = steps_per_second(sizes, 4096, 512, 990e12, 0.4)
    assert speed * 4096 * flops_per_image(sizes) == pytest.approx(512 * 990e12 * 0.4)
    assert steps_per_second(sizes, 4096, 512, 990e12, 0.4, True) == pytest.approx(
        speed * flops_per_image(sizes) / flops_per_image(sizes, True))
    assert 1.15 < flops_per_image(sizes, True) / flops_per_image(sizes) < 1.25


def test_command(capsys):
    assert run(PLAN) == 0
    out = " ".join(capsys.readouterr().out.split())
    for said in ("H/14: 432,350,952 parameters, 120,989,911,040 MACs per image",
                 "GFLOPs per image, training 725.9 860.2",
                 "FLOPs of the whole run 3.05e+21", "device-days 89.11", "GB on each device, 8 images at once, bf16",
                 "parameters 1.729 0.003 1.729 0.003", "optimizer state 3.459 0.007 3.459 0.007",
                 "574 core-days at the peak, about 1,010 in the paper, 57% of the peak"):
        assert said in out, said


@pytest.mark.parametrize("words, message", [
    ("--share 0", "share is 0.0, .* more than 0, and at most 1"), ("--devices 0", "devices is 0: expected a positive"),
    ("--peak -1", "peak is -1.0: expected a positive"), ("--batch-size 100", "batch_size is 100, .* 512 devices"),
    ("--epochs nan", "epochs is nan: expected a positive")])
def test_bad_input(capsys, words, message):
    refused(capsys, f"{PLAN} {words}", message)


def test_unknown_model(capsys):
    refused(capsys, PLAN.replace("H/14", "H/15"), "no model is named 'H/15': did you mean 'H/14'")
