"""Muon, and which parameters it gets: the step against formulas and against torch's own, groups, states, devices."""

import copy
import io
import math

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mixer_lib import MlpMixer
from mixer_lib.conv import to_conv
from mixer_lib.permutations import SmallCNN
from mixer_lib.training import Recipe, train_step
from mixer_lib.training.optimizers import CombinedOptimizer, Muon, has_fused_adamw, make_optimizer, orthogonalize

# Lying and standing matrices of two pairs of sides, squares, and kernels, of which some have the same sides.
SHAPES = [(6, 18), (18, 6), (9, 9), (6, 2, 3, 3), (6, 18), (9, 4), (18, 1, 2, 3), (9, 9), (4, 9), (18, 6)]


def parameters(shapes=SHAPES, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]


def give_gradients(params, seed):
    for p, grad in zip(params, parameters([p.shape for p in params], seed=100 + seed), strict=True):
        p.grad = grad.detach().to(p.dtype)


def steps(optimizer, params, count, first=0):
    for i in range(first, first + count):
        give_gradients(params, i)
        optimizer.step()


def small_mixer():
    torch.manual_seed(0)
    return MlpMixer(image_size=8, patch_size=4, in_channels=3, num_classes=5, num_blocks=2, hidden_dim=12,
                    tokens_mlp_dim=6, channels_mlp_dim=16)


def names(model, group):
    """The names in `model` of the parameters of a group."""
    of = {p: name for name, p in model.named_parameters()}
    return [of[p] for p in group["params"]]


def expected_steps(p, grads, lr, weight_decay, momentum):
    """The weights after each gradient, from the formulas in float64: through the singular values, without stacks."""
    w, mean = p.detach().double().flatten(1), 0
    for grad in grads:
        grad = grad.double().flatten(1)
        mean = momentum * mean + (1 - momentum) * grad
        u, s, v = torch.linalg.svd(momentum * mean + (1 - momentum) * grad, full_matrices=False)
        s = s / s.norm()
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        w = (1 - lr * weight_decay) * w - lr * 0.2 * math.sqrt(max(w.shape)) * (u * s) @ v
    return w.reshape(p.shape)


@pytest.mark.parametrize("options", [dict(lr=0.1), dict(lr=0.3, weight_decay=0.5),
                                     dict(lr=0.1, weight_decay=0.1, momentum=0.6)])
def test_step_follows_the_formulas(options):
    params = parameters(dtype=torch.float64)
    starts = copy.deepcopy(params)
    steps(Muon(params, precision=torch.float64, **options), params, 3)
    for i, (p, start) in enumerate(zip(params, starts, strict=True)):
        grads = [parameters(SHAPES, seed=100 + k)[i].detach() for k in range(3)]
        torch.testing.assert_close(p.detach(), expected_steps(start, grads, **{"weight_decay": 0, "momentum": 0.95}
                                                              | options), rtol=0, atol=1e-9)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="needs torch 2.9")
def test_step_is_that_of_torch():
    matrices = [shape for shape in SHAPES if len(shape) == 2] + [(32, 64), (64, 32)]
    ours, theirs = parameters(matrices), parameters(matrices)
    options = dict(lr=0.1, weight_decay=0.3)
    optimizer = Muon(ours, **options)
    peer = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **options)
    for i in range(5):
        steps(optimizer, ours, 1, i)
        steps(peer, theirs, 1, i)
        if i == 2:      # go on as a run that was begun with torch's
            optimizer.load_state_dict(copy.deepcopy(peer.state_dict()))
        for p, q in zip(ours, theirs, strict=True):     # within 4 % of a step: bf16, in another order of additions
            assert (p - q).norm() < 0.04 * (i + 1) * 0.1 * 0.2 * math.sqrt(p.numel())


@pytest.mark.parametrize("precision, singular", [(torch.float32, (0.68, 1.14)), (torch.bfloat16, (0.66, 1.16))])
def test_step_is_orthogonal_whatever_the_gradient(precision, singular):
    u, _, v = torch.linalg.svd(parameters([(3, 20, 50)])[0].detach(), full_matrices=False)
    uneven = (u * torch.logspace(-1.7, 0, 20)) @ v      # [3, 20, 50]: singular values from 0.02 to 1
    for scale in (1e-4, 1, 1e4):
        p = nn.Parameter(torch.zeros(50, 20))
        p.grad = scale * uneven[0].mT
        Muon([p], lr=0.1, precision=precision).step()
        values = torch.linalg.svdvals(p.detach()) / (0.1 * 0.2 * math.sqrt(50))
        assert singular[0] < values.min() and values.max() < singular[1]
        assert (p.detach() * p.grad).sum() < 0                                      # downhill
        values = torch.linalg.svdvals(orthogonalize(scale * uneven, precision))     # [3, 20]
        assert singular[0] < values.min() and values.max() < singular[1]


def test_no_gradient_no_direction():
    assert not orthogonalize(torch.zeros(2, 3, 4), torch.bfloat16).any()
    p = nn.Parameter(torch.ones(3, 4))
    p.grad = torch.zeros(3, 4)
    Muon([p], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(p.detach(), torch.full((3, 4), 0.95))


def test_each_matrix_of_a_stack_has_its_own_step():
    together, alone = parameters(), parameters()
    steps(Muon(together, lr=0.1, weight_decay=0.1, precision=torch.float32), together, 3)
    for k, p in enumerate(alone):
        optimizer = Muon([p], lr=0.1, weight_decay=0.1, precision=torch.float32)
        for i in range(3):
            p.grad = parameters(seed=100 + i)[k].detach()
            optimizer.step()
    torch.testing.assert_close([p.detach() for p in together], [p.detach() for p in alone], rtol=0, atol=1e-4)


def test_groups_have_rates_of_their_own():
    a, b = parameters([(4, 6), (4, 6)])
    start = a.detach().clone(), b.detach().clone()
    b.grad = a.grad = torch.ones(4, 6).tril()
    Muon([{"params": [a]}, {"params": [b], "lr": 0.3}], lr=0.1).step()
    torch.testing.assert_close(3 * (a.detach() - start[0]), b.detach() - start[1], rtol=0, atol=1e-5)


def test_parameter_in_another_layout_or_precision_is_moved_alike():
    usual, other, low = parameters([(6, 4, 3, 3)] * 3)
    start = usual.detach().clone()
    other.data = start.contiguous(memory_format=torch.channels_last)
    low.data = start.bfloat16()
    usual.data = start.clone()
    give_gradients([usual], 0)
    other.grad, low.grad = usual.grad.contiguous(memory_format=torch.channels_last), usual.grad.bfloat16()
    Muon([usual, other, low], lr=0.1, precision=torch.float32).step()
    torch.testing.assert_close(other.detach(), usual.detach(), rtol=0, atol=1e-5)
    torch.testing.assert_close(low.detach().float(), usual.detach(), rtol=0.01, atol=0.01)
    assert low.dtype is torch.bfloat16 and not torch.equal(usual.detach(), start)


def test_parameter_without_gradient_stays():
    params = parameters()
    start = copy.deepcopy(params)
    optimizer = Muon(params, lr=0.1, weight_decay=0.5)
    optimizer.step()
    give_gradients(params, 0)
    params[0].grad = params[2].grad = None
    optimizer.step()
    moved = [not torch.equal(p, q) for p, q in zip(params, start, strict=True)]
    assert moved == [i not in (0, 2) for i in range(len(SHAPES))]
    assert set(optimizer.state) == {p for p, m in zip(params, moved, strict=True) if m}


def test_vector_is_refused():
    with pytest.raises(ValueError, match=r"Muon moves matrices and kernels, got a parameter of shape \[4\]"):
        Muon(parameters([(4, 4), (4,)]), lr=0.1)


@pytest.mark.parametrize("build, name", [(small_mixer, "adamw"), (small_mixer, "muon"), (small_mixer, "muon-but-w1"),
                                         (SmallCNN, "muon")])
def test_saved_and_resumed_is_uninterrupted(build, name):
    recipe, model = Recipe(optimizer=name, lr=0.01), build()
    optimizer, params = make_optimizer(model, recipe), list(model.parameters())
    steps(optimizer, params, 2)
    file, half = io.BytesIO(), copy.deepcopy(model)
    torch.save(optimizer.state_dict(), file)
    steps(optimizer, params, 2, 2)
    file.seek(0)
    resumed = make_optimizer(half, recipe)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    steps(resumed, list(half.parameters()), 2, 2)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), half.parameters(), strict=True))


def test_several_optimizers_are_used_as_one():
    a, b = parameters([(3, 4), (5,)])
    both = CombinedOptimizer(Muon([a], lr=0.1), torch.optim.AdamW([b], lr=0.1))
    assert [group["params"] for group in both.param_groups] == [[a], [b]]
    for group in both.param_groups:
        group["lr"] = 0.0
    steps(both, [a, b], 1)
    assert torch.equal(a, parameters([(3, 4), (5,)])[0]) and torch.equal(b, parameters([(3, 4), (5,)])[1])
    assert [len(state["state"]) for state in both.state_dict()] == [1, 1]
    both.zero_grad()
    assert a.grad is None and b.grad is None
    with pytest.raises(ValueError):
        both.load_state_dict(both.state_dict()[:1])


@pytest.mark.parametrize("build", [small_mixer, lambda: to_conv(small_mixer())])
@pytest.mark.parametrize("name", ["muon", "muon-but-w1"])
def test_muon_gets_the_weights_of_the_blocks(build, name):
    model = build()
    muon, decayed, rest = make_optimizer(model, Recipe(optimizer=name, weight_decay=0.3)).param_groups
    # Biases have one axis here, except those of a place, [1, H', W'], in the convolutional form.
    weights = [n for n, p in model.named_parameters() if n.endswith(".weight") and "norm" not in n]
    spared = [n for n in weights if name == "muon-but-w1" and "token_mixing.fc1" in n]
    assert len(spared) == (2 if name == "muon-but-w1" else 0)
    assert names(model, muon) == [n for n in weights if n.startswith("blocks.") and n not in spared]
    assert names(model, decayed) == [weights[0], *spared, weights[-1]]
    assert names(model, rest) == [n for n, _ in model.named_parameters() if n not in weights]
    assert [group["weight_decay"] for group in (muon, decayed, rest)] == [0.3, 0.3, 0.0]


def test_muon_gets_the_inner_kernels_of_a_cnn():
    model = SmallCNN()
    optimizer = make_optimizer(model, Recipe(optimizer="muon"))
    muon, decayed, rest = (names(model, group) for group in optimizer.param_groups)
    assert muon == ["3.weight", "6.weight", "9.weight"] and decayed == ["0.weight", "13.weight"]
    assert rest == ["0.bias", "3.bias", "6.bias", "9.bias", "13.bias"]
    before = [p.detach().clone() for p in model.parameters()]
    train_step(model, torch.randn(4, 3, 32, 32), torch.arange(4), optimizer, 0.01, Recipe(precision="float32"))
    assert not any(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("build", [small_mixer, lambda: to_conv(small_mixer()), SmallCNN])
def test_adamw_decays_weights_only(build):
    model = build()
    decayed, rest = make_optimizer(model, Recipe(weight_decay=0.3)).param_groups
    weights = [n for n, p in model.named_parameters() if n.endswith("weight") and "norm" not in n]
    assert names(model, decayed) == weights and len(rest["params"]) == len(list(model.parameters())) - len(weights)
    assert (decayed["weight_decay"], rest["weight_decay"], decayed["lr"]) == (0.3, 0.0, Recipe().lr)


@pytest.mark.parametrize("name", ["muon", "muon-but-w1"])
def test_model_without_hidden_weights_is_refused(name):
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=f"optimizer is '{name}', but this Sequential has no weights .*'adamw'"):
        make_optimizer(model, Recipe(optimizer=name))
    assert len(make_optimizer(model, Recipe()).param_groups) == 2


def test_newton_schulz_runs_in_bf16_where_that_is_fast(monkeypatch):
    for fast, precision in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("mixer_lib.training.optimizers.fast_bf16", lambda device, fast=fast: fast)
        assert make_optimizer(small_mixer(), Recipe(optimizer="muon")).optimizers[0].precision is precision


@pytest.mark.parametrize("fails_at", ["__init__", "step", None])
def test_adamw_is_fused_where_torch_can(monkeypatch, fails_at):
    class Choosy(torch.optim.AdamW):
        """Older versions of torch refuse a device at once, newer ones at the first step."""

        def __init__(self, *args, fused=None, **options):
            super().__init__(*args, fused=fused, **options)
            self.refuse(fused, "__init__")

        def step(self):
            self.refuse(self.param_groups[0]["fused"], "step")

        def refuse(self, fused, where):
            if fused and fails_at == where:
                raise RuntimeError("`fused=True` requires all the params to be floating point Tensors of ...")

    monkeypatch.setattr(torch.optim, "AdamW", Choosy)
    assert has_fused_adamw(torch.device("cpu")) is (fails_at is None)
    groups = make_optimizer(SmallCNN(), Recipe()).param_groups
    assert all(group["fused"] is (True if fails_at is None else None) for group in groups)


class Launches(TorchDispatchMode):
    """Counts the kernels that a GPU would launch. Refuses to mix devices, to wait for a number, and lists of tensors
    that differ in dtype or layout, which a GPU would go through one by one."""

    VIEWS = ("transpose", "view", "unbind", "split", "expand", "record_function")
    COPIES = ("_to_copy", "copy_")

    def __init__(self):
        super().__init__()
        self.launches = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.split("::")[-1]
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        devices = {x.device.type for x in tensors if x.ndim > 0}
        assert len(devices) < 2 or name in self.COPIES, f"{func} gets tensors on {devices}"
        assert name not in ("_local_scalar_dense", "nonzero"), f"{func} makes the program wait for the GPU"
        if name.startswith("_foreach"):
            pairs = zip(*[arg for arg in args if isinstance(arg, list)], strict=True)
            assert all(len({(x.dtype, x.stride()) for x in pair}) == 1 for pair in pairs), f"{func} takes the slow way"
        if not any(view in name for view in self.VIEWS):
            self.launches.append(name)
        return func(*args, **(kwargs or {}))


def test_number_of_kernels_does_not_grow_with_the_number_of_matrices():
    counts = []
    for blocks in (1, 8):
        params = parameters([(6, 18), (18, 6), (9, 9)] * blocks)
        optimizer = Muon(params, lr=0.1, weight_decay=0.1)
        steps(optimizer, params, 1)
        give_gradients(params, 1)
        with Launches() as seen:
            optimizer.step()
        counts.append(len(seen.launches))
    assert counts[0] == counts[1] <= 49      # 24 a stack; one by one they were 23 a matrix


def test_nothing_leaves_the_gpu():
    with FakeTensorMode(allow_non_fake_inputs=True):
        params = [nn.Parameter(torch.empty(shape, device="cuda")) for shape in SHAPES]
        optimizer = Muon(params, lr=0.1, weight_decay=0.1)
        for p in params:
            p.grad = torch.empty_like(p)
        with Launches() as seen:
            optimizer.step()
            optimizer.step()
        assert "bmm" in seen.launches
        buffers = [optimizer.state[p]["momentum_buffer"] for p in params]
        assert all(buffer.device.type == "cuda" for buffer in buffers)

        saved = optimizer.state_dict()
        for state in saved["state"].values():           # as if saved by a run on the CPU
            state["momentum_buffer"] = torch.zeros(state["momentum_buffer"].shape, device="cpu")
        optimizer.load_state_dict(saved)
        with Launches():
            optimizer.step()
        buffers = [optimizer.state[p]["momentum_buffer"] for p in params]
        assert all(buffer.device.type == "cuda" for buffer in buffers)


def test_model_may_be_spread_over_devices():
    with FakeTensorMode(allow_non_fake_inputs=True):
        params = [nn.Parameter(torch.empty(6, 18, device=device)) for device in ("cpu", "cuda", "cpu")]
        optimizer = Muon(params, lr=0.1, weight_decay=0.1)
        for p in params:
            p.grad = torch.empty_like(p)
        optimizer.step()
        assert [optimizer.state[p]["momentum_buffer"].device.type for p in params] == ["cpu", "cuda", "cpu"]
