"""mixer_lib.training: that it trains, the same way each time, and keeps what it has when it is stopped."""

import contextlib
import copy
import csv
import itertools
import os
import shutil
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from mixer_lib import MlpMixer, checkpoints
from mixer_lib.checkpoints import load_checkpoint, load_snapshots, read_rows, save_snapshots, token_mixing_weights
from mixer_lib.conv import to_conv
from mixer_lib.data import Dataset, batches, split
from mixer_lib.training import (
    History,
    Recipe,
    best_epoch,
    check_recipe,
    class_accuracies,
    confusion_counts,
    devices,
    evaluate,
    fast_bf16,
    fit,
    learning_rate,
    make_optimizer,
    measure,
    memory_needed,
    predict,
    snapshot_moments,
    top_accuracy,
    train_step,
)
from mixer_lib.training import loop as training
from mixer_lib.training import run as run_module


def toy(per_class=20, channels=1, size=8, num_classes=3):
    """Noise with a bright stripe of rows, whose place is the class: easy to learn."""
    images = torch.randint(100, (num_classes, per_class, channels, size, size),
                           generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for label in range(num_classes):
        images[label, :, :, 2 * label:2 * label + 2] += 150
    labels = torch.arange(num_classes).repeat_interleave(per_class)
    images = images.flatten(0, 1)
    return Dataset("toy", images, labels, images[::4], labels[::4], [str(k) for k in range(num_classes)],
                   (0.3,) * channels, (0.25,) * channels)


def small_mixer(seed=0, **changes):
    torch.manual_seed(seed)
    return MlpMixer(**dict(image_size=8, patch_size=4, in_channels=1, num_classes=3, num_blocks=2, hidden_dim=16,
                           tokens_mlp_dim=8, channels_mlp_dim=32) | changes)


def quick(**changes):
    """A recipe of 3 steps an epoch on toy(), of which 54 images train and 6 are held out."""
    return Recipe(**dict(epochs=3, batch_size=18, lr=0.01) | changes)


# All the randomness that a run can have: in the data and in the model.
RANDOM = dict(crop_padding=1, flip=True, randaugment=9, mixup=0.5, cutmix=1.0)
RANDOM_MODEL = dict(dropout=0.1, drop_path=0.2)
OPTIMIZERS = ["adamw", "sgd", "muon", "muon-but-w1"]


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def without_seconds(history):
    return history.steps, [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")}
                           for row in history.epochs]


# ---- fit -------------------------------------------------------------------------------------------------------


def test_fit_learns():
    model, data = small_mixer(), toy()
    history = fit(model, data, quick(epochs=10))
    assert isinstance(history, History) and not history.interrupted and not model.training
    assert history.total_steps == 30
    assert [row["step"] for row in history.steps] == list(range(30))
    assert [row["epoch"] for row in history.epochs] == list(range(1, 11))
    assert set(history.steps[0]) == {"step", "loss", "lr"}
    assert list(history.epochs[0]) == ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr",
                                       "images_per_second", "seconds"]
    assert history.epochs[-1]["train_loss"] < 0.5 < 1 < history.epochs[0]["train_loss"]
    assert history.epochs[3]["train_loss"] == pytest.approx(sum(row["loss"] for row in history.steps[9:12]) / 3)
    assert history.epochs[-1]["val_accuracy"] == 1 and evaluate(model, data)["accuracy"] > 0.95
    assert [row["lr"] for row in history.epochs] == [row["lr"] for row in history.steps[2::3]]
    assert all(row["seconds"] > 54 / row["images_per_second"] > 0 for row in history.epochs)


def test_fit_is_the_plain_loop():
    """The same numbers from torch's own parts, written out: nothing is left out, nothing is added."""
    data, model = toy(), small_mixer()
    recipe = quick(epochs=2, warmup_epochs=0.5, weight_decay=0.3, label_smoothing=0.2, clip_norm=0.1,
                   precision="float32")
    plain = copy.deepcopy(model)
    train, _ = split(data.train_labels, 0.1, torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW([{"params": [p for p in plain.parameters() if p.ndim == 2], "weight_decay": 0.3},
                                   {"params": [p for p in plain.parameters() if p.ndim == 1], "weight_decay": 0}],
                                  fused=True)
    losses, rates = [], [0.005, 0.01, 0.01, 0.01 * 0.8535533905932737, 0.005, 0.01 * 0.14644660940672627]
    for epoch in range(2):
        order = torch.Generator().manual_seed(1_000_003 * (epoch + 1))
        for x, y in batches(data.train_images[train], data.train_labels[train], 18, data.mean, data.std,
                            shuffle=True, generator=order):
            for group in optimizer.param_groups:
                group["lr"] = rates[len(losses)]
            loss = cross_entropy(plain(x), y, label_smoothing=0.2)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.1)
            optimizer.step()
            losses.append(loss.item())

    history = fit(model, data, recipe)
    assert [row["lr"] for row in history.steps] == pytest.approx(rates)
    assert [row["loss"] for row in history.steps] == pytest.approx(losses, rel=1e-4)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-3, atol=1e-5)


def test_same_seed_same_weights():
    def trained(seed, before):
        model = small_mixer(**RANDOM_MODEL)
        model.train(before == 1)
        torch.manual_seed(before)           # what happened before must not matter ...
        state = torch.get_rng_state()
        history = fit(model, toy(), quick(seed=seed, **RANDOM))
        assert torch.equal(torch.get_rng_state(), state)    # ... and what happens after neither
        return weights(model), without_seconds(history)

    (first, history), (again, history_again), (other, _) = trained(3, 1), trained(3, 2), trained(4, 1)
    assert same(first, again) and history == history_again
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_each_epoch_and_seed_has_its_own_dropout():
    def drawn(seed):
        numbers = set()         # the seeds of the generator that dropout draws from
        fit(small_mixer(), toy(), quick(seed=seed), callbacks=[lambda history: numbers.add(torch.initial_seed())])
        return numbers

    assert len(drawn(0)) == 3 and len(drawn(0) | drawn(1)) == 6


@pytest.mark.parametrize("augmentation", [{}, dict(crop_padding=1), dict(flip=True), dict(randaugment=9),
                                          dict(mixup=1.0), dict(cutmix=1.0)])
def test_each_epoch_is_shuffled_and_augmented_anew(augmentation):
    data, epochs = toy(), []
    model = small_mixer()
    model.register_forward_pre_hook(lambda module, args: epochs.append(args[0]))
    fit(model, data, quick(epochs=2, batch_size=60, val_fraction=0, **augmentation))
    assert len(epochs) == 2 and not torch.equal(*epochs)
    first, second = ({tuple(image.flatten().tolist()) for image in epoch} for epoch in epochs)
    assert len(first) == 60 and (first == second) == (not augmentation)     # else more differs than the order


@pytest.mark.parametrize("fraction", [0, 0.25])
def test_held_out_images_are_not_trained_on(fraction):
    images = torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1).repeat(1, 1, 8, 8)     # each shows its number
    labels = torch.arange(60) % 3
    data = Dataset("numbers", images, labels, images, labels, ["a", "b", "c"], (0.0,), (1 / 255,))
    model, seen = small_mixer(), {True: [], False: []}
    model.register_forward_pre_hook(
        lambda module, args: seen[module.training].extend(args[0][:, 0, 0, 0].round().int().tolist()))
    history = fit(model, data, quick(epochs=2, val_fraction=fraction))
    first, second = seen[True][:len(seen[True]) // 2], seen[True][len(seen[True]) // 2:]
    held_out = set(range(60)) - set(first)
    assert sorted(first) == sorted(second) and len(set(first)) == len(first) == 60 * (1 - fraction)
    assert sorted(seen[False]) == sorted([*held_out] * 2)
    if fraction:
        held_out = torch.tensor(sorted(held_out))
        assert labels[held_out].bincount().tolist() == [5, 5, 5]
        last = measure(predict(model, images[held_out], data), labels[held_out])
        assert {f"val_{name}": value for name, value in last.items()} == pytest.approx(
            {name: value for name, value in history.epochs[-1].items() if name.startswith("val")})
    else:
        assert set(history.epochs[0]) == {"epoch", "train_loss", "train_accuracy", "lr", "images_per_second", "seconds"}


def test_held_out_images_depend_on_the_seed():
    seen = []
    for seed in (0, 0, 1):
        model = small_mixer()
        model.register_forward_pre_hook(lambda module, args: None if module.training else seen.append(args[0]))
        fit(model, toy(), quick(epochs=1, seed=seed))
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


def test_recipe_of_the_lessons():
    """Lessons and cards rely on these defaults."""
    assert vars(Recipe()) == dict(
        epochs=10, batch_size=128, lr=1e-3, warmup_epochs=1.0, schedule="cosine", optimizer="adamw", weight_decay=0.05,
        label_smoothing=0.1, clip_norm=1.0, crop_padding=0, resized_crop=0.0, flip=False, randaugment=0,
        mixup=0.0, cutmix=0.0, val_fraction=0.1, patience=0, precision="auto", compile=False, accumulate=1,
        checkpoint_activations=False, shard=False, freeze=False, snapshots=0, seed=0)


def test_callbacks_after_every_step_and_epoch():
    calls, others = [], []
    fit(small_mixer(), toy(), quick(epochs=2),
        callbacks=[lambda h: calls.append((len(h.steps), len(h.epochs))), lambda h: others.append(h)])
    assert calls == [(1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1), (6, 1), (6, 2)]
    assert len(others) == 8


def test_recipe_is_checked():
    for name, values in dict(epochs=[0, -1, 1.5], batch_size=[0, -3, 2.0],
                             accumulate=[0, 1.5], lr=[0, -1, float("nan"), float("inf")],
                             clip_norm=[0, float("nan")], warmup_epochs=[-1, float("inf")], weight_decay=[-0.1],
                             crop_padding=[-1, 0.5], randaugment=[-1, 31, 0.5], mixup=[-0.1, float("inf")],
                             cutmix=[-1, float("nan")], patience=[-1, 0.5], snapshots=[-1, 2.5],
                             label_smoothing=[-0.1, 1], val_fraction=[1, -0.1, float("nan")],
                             precision=["fp16", "", None], schedule=["step", None],
                             optimizer=["adam", None], seed=[-1, 2**63, 0.5]).items():
        for value in values:
            with pytest.raises(ValueError, match=f"^{name} is .*: expected "):
                Recipe(**{name: value})
    with pytest.raises(ValueError, match=r"^patience is 3: expected 0 where val_fraction is 0"):
        Recipe(patience=3, val_fraction=0)


@pytest.mark.parametrize("changes, message", [
    (dict(crop_padding=10**9), "crop padding=1000000000: expected 0 to 7 pixels, for images of 8x8"),
    (dict(randaugment=9), "images of 1 or 3 channels, not 2: set randaugment to 0"),
    (dict(snapshots=5), "snapshots=5 needs out, the folder of the run"),
])
def test_recipe_must_fit_the_data(tmp_path, changes, message):
    out = None if "snapshots" in changes else tmp_path / "run"
    with pytest.raises(ValueError, match=message):
        fit(small_mixer(in_channels=2), toy(channels=2), quick(**changes), out=out)
    assert not (tmp_path / "run").exists()


def test_check_recipe_draws_nothing():
    state = torch.get_rng_state()
    check_recipe(quick(**RANDOM), toy())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("changes, message", [
    (dict(in_channels=3), r"the model reads images of 3 x 8 x 8 \(channels, height, width\), toy has 1 x 8 x 8"),
    (dict(image_size=(8, 12)), r"the model reads images of 1 x 8 x 12 \(.*\), toy has 1 x 8 x 8"),
    (dict(num_classes=4), "the model has 4 classes, toy has 3"),
])
def test_model_must_fit_the_data(tmp_path, changes, message):
    model = small_mixer(**changes)
    with pytest.raises(ValueError, match=message):
        evaluate(model, toy())
    with pytest.raises(ValueError, match=message):
        fit(model, toy(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ---- the parts of a step ---------------------------------------------------------------------------------------


def test_learning_rate():
    rates = [learning_rate(step, total_steps=12, warmup_steps=4, peak=2.0) for step in range(13)]
    assert rates[:5] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert rates[8] == pytest.approx(1.0) and rates[6] == pytest.approx(1 + 0.5 ** 0.5)
    assert rates[12] == 0 and rates[4:] == sorted(rates[4:], reverse=True)
    assert learning_rate(0, 10, 0, 2.0) == 2.0 and learning_rate(9, 10, 10, 2.0) == 2.0
    assert learning_rate(4, 10, 20, 2.0) == 0.5      # a warm-up longer than the run
    assert [learning_rate(step, 10, 2, 2.0, "constant") for step in range(10)] == [1.0] + 9 * [2.0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weight_decay_acts_on_matrices_only(optimizer):
    model = small_mixer()
    for p in model.parameters():
        p.data.fill_(1.0)
        p.grad = torch.zeros_like(p)
    make_optimizer(model, quick(weight_decay=0.5, lr=0.1, optimizer=optimizer)).step()
    for name, p in model.named_parameters():
        is_matrix = name.endswith("weight") and "norm" not in name
        assert torch.allclose(p, torch.tensor(0.95 if is_matrix else 1.0)), name


@pytest.mark.parametrize("optimizer, of", [("muon", ("token_mixing", "channel_mixing")),
                                           ("muon-but-w1", ("token_mixing.fc2", "channel_mixing"))])
def test_muon_moves_its_matrices_in_all_directions_alike(optimizer, of):
    model = small_mixer(hidden_dim=16)
    before = weights(model)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
        if p.ndim == 2:
            p.grad[0] *= 100        # one direction is far steeper than the others
    optimizer = make_optimizer(model, quick(optimizer=optimizer, weight_decay=0, lr=0.01))
    assert len(optimizer.param_groups) == 3 and all(group["lr"] == 0.01 for group in optimizer.param_groups)
    optimizer.step()
    for name, p in model.named_parameters():
        step = p.detach() - before[name]
        if any(part in name for part in of) and p.ndim == 2:
            stretch = torch.linalg.svdvals(step)
            assert stretch.min() > 0.4 * stretch.max(), name
            assert 0.001 < step.square().mean().sqrt() < 0.005, name        # Adam's typical step, a fifth of lr
        else:
            torch.testing.assert_close(step, -0.01 * p.grad.sign(), msg=name)
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_constant_schedule_arrives():
    history = fit(small_mixer(), toy(), quick(epochs=2, batch_size=54, warmup_epochs=0, schedule="constant", lr=0.25))
    assert [step["lr"] for step in history.steps] == [0.25, 0.25]


def test_train_step():
    model, data = small_mixer(), toy()
    torch.nn.init.normal_(model.head.weight)
    x, y = next(batches(data.train_images, data.train_labels, 60, data.mean, data.std))
    recipe = quick(label_smoothing=0.3, clip_norm=0.2, weight_decay=0, precision="float32")
    before, optimizer = weights(model), make_optimizer(model, recipe)
    log_p = model(x).log_softmax(1)
    loss = -(0.7 * log_p.gather(1, y[:, None])[:, 0] + 0.3 * log_p.mean(1)).mean()
    loss.backward()
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    expected = {name: p.grad * (0.2 / norm) for name, p in model.named_parameters()}
    assert norm > 0.2

    # The gradients from above are still there: they must not count. Nor those of the first step in the second.
    of_step, of_gradient, hits = train_step(model, x, y, optimizer, 1e-8, recipe)
    assert (of_step.item(), of_gradient.item()) == pytest.approx((loss.item(), norm.item()))
    assert hits == (log_p.argmax(1) == y).sum()
    assert not of_step.requires_grad        # else it would keep the whole graph
    train_step(model, x, y, optimizer, 0.01, recipe)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.grad, expected[name], rtol=1e-3, atol=1e-5)
        moved = (p.detach() - before[name]).abs().max()
        assert moved < 0.011, name      # Adam moves by about lr: the one given for this step ...
        assert moved > 0.005 or name.endswith("token_mixing.fc2.bias")  # ... but for a bias that a norm takes off


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_train_step_on_shares_of_classes(precision):
    model, data = small_mixer(), toy()
    torch.nn.init.normal_(model.head.weight)
    x, y = next(batches(data.train_images, data.train_labels, 60, data.mean, data.std))
    recipe = quick(label_smoothing=0.3, precision=precision)
    shares = 0.75 * torch.eye(3)[y] + 0.25 * torch.eye(3)[y.roll(20)]
    loss = -((0.7 * shares + 0.1) * model(x).log_softmax(1)).sum(1).mean().item()
    accuracy = 1e-6 if precision == "float32" else 0.02
    whole, one_hot, mixed = (
        train_step(copy.deepcopy(model), x, target, make_optimizer(model, recipe), 0.01, recipe)[0].item()
        for target in (y, torch.eye(3)[y], shares))
    assert mixed == pytest.approx(loss, accuracy)
    assert one_hot == pytest.approx(whole, accuracy) != pytest.approx(loss, accuracy)


@pytest.mark.parametrize("changes", [dict(accumulate=3), dict(checkpoint_activations=True),
                                     dict(accumulate=4, checkpoint_activations=True)])
def test_less_memory_gives_the_same_gradients(changes):
    """In pieces, and with what goes into a block computed again: the same step to rounding, here of float64."""
    grads, numbers = [], []
    for some in {}, changes:
        model, x = small_mixer().double(), torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()
        torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
        recipe = Recipe(precision="float32", clip_norm=1e9, **some)
        with devices.checkpointed(model, recipe.checkpoint_activations):
            numbers.append(train_step(model, x, torch.arange(10) % 3, make_optimizer(model, recipe), 0.01, recipe))
        assert "forward" not in vars(model.blocks[0])
        grads.append([p.grad for p in model.parameters()])
    for one, other in zip(grads[0] + list(numbers[0]), grads[1] + list(numbers[1]), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-14)


def test_checkpointed_run_is_the_plain_one():
    """To the last bit, dropout and drop path included: these are drawn again as they were."""
    runs = []
    for on in False, True:
        model = small_mixer(**RANDOM_MODEL)
        runs.append((without_seconds(fit(model, toy(), quick(checkpoint_activations=on))), weights(model)))
    assert runs[0][0] == runs[1][0] and same(runs[0][1], runs[1][1])


def test_checkpoint_activations_needs_blocks():
    with pytest.raises(ValueError, match="this Linear has no blocks that could be computed again"), \
            devices.checkpointed(torch.nn.Linear(1, 1)):
        pass


def test_less_memory_is_needed():
    data, model = toy(), small_mixer()
    plain, pieces, again = (memory_needed(model, data, quick(batch_size=1000, precision="float32", **changes))
                            for changes in ({}, dict(accumulate=10), dict(checkpoint_activations=True)))
    assert pieces < plain / 3 and again < plain / 2


def test_fit_trains_on_mixed_labels(monkeypatch):
    seen = []
    monkeypatch.setattr(training, "train_step", lambda *args: seen.append(args[2]) or train_step(*args))
    history = fit(small_mixer(), toy(), quick(epochs=1, mixup=10.0))
    assert all(y.shape == (18, 3) and ((y > 0.1) & (y < 0.9)).any() for y in seen)
    assert "train_accuracy" not in history.epochs[0]        # a mixed image has no single right answer


def test_train_accuracy_is_measured_while_training(monkeypatch):
    """On the images as they are trained on, by the model as it is then: before the update, with dropout."""
    model, labels, hits = small_mixer(dropout=0.3), [], []
    model.register_forward_hook(lambda module, args, logits: hits.append(
        (logits.argmax(1) == labels[-1]).sum().item()) if module.training else None)
    monkeypatch.setattr(training, "train_step", lambda *args: labels.append(args[2]) or train_step(*args))
    history = fit(model, toy(), quick(flip=True))
    accuracies = [sum(hits[i:i + 3]) / 54 for i in (0, 3, 6)]
    assert [row["train_accuracy"] for row in history.epochs] == accuracies
    assert accuracies[0] < 0.9 < accuracies[2]


def test_small_gradients_are_not_scaled():
    model, data = small_mixer(), toy()
    x, y = next(batches(data.train_images, data.train_labels, 60, data.mean, data.std))
    recipe = quick(clip_norm=100.0, label_smoothing=0, precision="float32")
    gradient = torch.autograd.grad(cross_entropy(model(x), y), model.head.weight)[0]
    train_step(model, x, y, make_optimizer(model, recipe), 0.01, recipe)
    torch.testing.assert_close(model.head.weight.grad, gradient)


# ---- precision -------------------------------------------------------------------------------------------------


def test_fast_bf16(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    for capabilities, fast in (({"amx_bf16": True}, True), ({"amx_bf16": False, "avx512_bf16": True}, True),
                               ({"amx_bf16": False, "avx512_bf16": False, "avx2": True}, False), ({}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda answer=capabilities: answer, raising=False)
        assert fast_bf16(cpu) is fast
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert fast_bf16(cpu) is False
    # Older GPUs emulate it, slowly; torch says that those support it too, unless told not to.
    entered = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: entered.append(device) or contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert fast_bf16(cuda) is False and entered == [cuda]       # torch answers for the current device
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert fast_bf16(cuda) is True


@pytest.mark.parametrize("precision, amx, dtype", [
    ("auto", False, torch.float32), ("auto", True, torch.bfloat16),
    ("float32", True, torch.float32), ("bf16", False, torch.bfloat16),
])
def test_precision(monkeypatch, precision, amx, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx}, raising=False)
    made, seen = [], {True: set(), False: set()}
    monkeypatch.setattr(training, "make_optimizer", lambda *args: made.append(make_optimizer(*args)) or made[0])
    model = small_mixer()
    model.head.register_forward_hook(lambda module, args, output: seen[model.training].add(output.dtype))
    history = fit(model, toy(), quick(epochs=2, batch_size=54, precision=precision))
    assert seen == {True: {dtype}, False: {torch.float32}} and all(0.5 < row["loss"] < 1.5 for row in history.steps)
    kept = [*model.parameters(), *(p.grad for p in model.parameters()),
            *(value for state in made[0].state.values() for value in state.values())]
    assert {tensor.dtype for tensor in kept} == {torch.float32}
    assert predict(model, toy().test_images, toy()).dtype == torch.float32


# ---- when the loss is no longer finite -------------------------------------------------------------------------


def break_bias(model):
    model.head.bias.data[0] = float("nan")


def break_loss(model):
    model.head.bias.data = torch.tensor([3e38, 0, -3e38])       # its gradient stays finite


def break_gradient(model):
    model.head.bias.register_hook(lambda gradient: gradient * float("inf"))      # the loss itself stays finite


@pytest.mark.parametrize("break_it", [break_bias, break_loss, break_gradient])
def test_diverged_run_stops(tmp_path, break_it):
    model, kept, state = small_mixer(), {}, torch.get_rng_state()

    def watch(history):
        if len(history.epochs) == 1 and len(history.steps) == 3:
            kept["epoch 1"] = weights(model)
        if len(history.steps) == 5:
            break_it(model)
            kept["broken"] = weights(model)

    with pytest.raises(FloatingPointError, match=r"loss became .* at a learning rate of .* with a lower lr") as caught:
        fit(model, toy(), quick(), callbacks=[watch], out=tmp_path)
    assert "\n" not in str(caught.value)
    for name, tensor in kept["broken"].items():
        assert torch.equal(model.state_dict()[name].nan_to_num(7), tensor.nan_to_num(7))
    assert not model.training and torch.equal(torch.get_rng_state(), state)

    saved, about = load_checkpoint(tmp_path / "model.safetensors")
    assert same(weights(saved), kept["epoch 1"]) and about.epochs_done == 1
    assert len(read_rows(tmp_path / "history.csv")) == 1 and len(read_rows(tmp_path / "steps.csv")) == 3


# ---- interrupted and resumed -----------------------------------------------------------------------------------


class StopAt:
    """A callback that presses Ctrl-C when it is called for the n-th time (here 4 times an epoch)."""

    def __init__(self, model, n):
        self.model, self.left = model, n

    def __call__(self, history):
        self.left -= 1
        if self.left == 0:
            self.weights = weights(self.model)
            raise KeyboardInterrupt


def test_interrupt_keeps_model_and_history(capsys):
    model = small_mixer()
    stop, state = StopAt(model, 6), torch.get_rng_state()
    history = fit(model, toy(), quick(), callbacks=[stop])
    assert "Interrupted after 5 of 9 steps: model and history are kept." in capsys.readouterr().err
    assert history.interrupted and len(history.steps) == 5 and len(history.epochs) == 1
    assert same(weights(model), stop.weights) and not model.training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("n, optimizer", [(n, OPTIMIZERS[0]) for n in (1, 4, 6, 8, 12)] + [(8, OPTIMIZERS[-1])])
def test_interrupted_and_resumed_is_uninterrupted(tmp_path, n, optimizer):
    data, recipe = toy(), quick(optimizer=optimizer, **RANDOM)
    whole = small_mixer(**RANDOM_MODEL)
    expected = without_seconds(fit(whole, data, recipe))

    model = small_mixer(**RANDOM_MODEL)
    assert fit(model, data, recipe, callbacks=[StopAt(model, n)], out=tmp_path).interrupted
    resumed = small_mixer(seed=9, **RANDOM_MODEL)       # what it starts from must not matter
    history = fit(resumed, data, recipe, out=tmp_path, resume=True)
    assert not history.interrupted and without_seconds(history) == expected
    assert same(weights(resumed), weights(whole)) and not resumed.training
    assert same(weights(load_checkpoint(tmp_path / "model.safetensors")[0]), weights(whole))
    stored = History(read_rows(tmp_path / "steps.csv"), read_rows(tmp_path / "history.csv"))
    assert without_seconds(stored) == expected


def test_resume_a_complete_run(tmp_path):
    """A model that somebody deleted is written again."""
    fit(small_mixer(), toy(), quick(epochs=1), out=tmp_path)
    expected = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "model.safetensors").unlink()
    history = fit(small_mixer(seed=1), toy(), quick(epochs=1), out=tmp_path, resume=True)
    assert len(history.steps) == 3 == history.total_steps
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == expected


class Killed(BaseException):
    """Stands in for a kill: nothing tidies up after it."""


@pytest.mark.parametrize("name", ["steps.csv", "history.csv", "snapshots.safetensors", "model.safetensors",
                                  "best.safetensors", "resume.pt"])
def test_killed_while_saving(tmp_path, monkeypatch, name):
    """In the second epoch, while `name` is written; a table may then end in half a row."""
    data, recipe = toy(), quick(snapshots=4, **RANDOM)
    whole = small_mixer(**RANDOM_MODEL)
    expected = without_seconds(fit(whole, data, recipe, out=tmp_path / "whole"))
    out, seen = tmp_path / "run", []

    def kill(path, *args, real, half):
        seen.append(path.name)
        if path.name == name and seen.count(name) == 3 - name.endswith("safetensors"):
            if half:
                with open(path, "a") as file:
                    file.write("3,0.")
            raise Killed
        return real(path, *args)

    accuracies(monkeypatch, whole, [0.5, 0.6, 0.7])         # each epoch is the best
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "append_rows", partial(kill, real=run_module.append_rows, half=True))
        patch.setattr(checkpoints, "write_atomically", partial(kill, real=checkpoints.write_atomically, half=False))
        with pytest.raises(Killed):
            fit(small_mixer(**RANDOM_MODEL), data, recipe, out=out)
    monkeypatch.undo()
    resumed = small_mixer(seed=9, **RANDOM_MODEL)
    assert without_seconds(fit(resumed, data, recipe, out=out, resume=True))[0] == expected[0]
    assert same(weights(resumed), weights(whole))
    assert read_rows(out / "steps.csv") == read_rows(tmp_path / "whole" / "steps.csv")
    assert (out / "snapshots.safetensors").read_bytes() == (tmp_path / "whole" / "snapshots.safetensors").read_bytes()
    assert same(weights(load_checkpoint(out / "model.safetensors")[0]), weights(whole))


def test_history_is_appended_to(tmp_path):
    """What was written once is not written again: the file keeps its beginning, and its inode."""
    sizes = []

    def watch(history):
        if len(history.steps) == 3 * len(history.epochs):
            sizes.append([(tmp_path / name).stat() for name in ("steps.csv", "history.csv")])

    fit(small_mixer(), toy(), quick(), out=tmp_path, callbacks=[watch])
    steps, epochs = zip(*sizes, strict=True)
    for files in (steps, epochs):
        assert len({file.st_ino for file in files}) == 1
        assert 0 < files[0].st_size < files[1].st_size < files[2].st_size


def test_run_does_not_overwrite_a_run(tmp_path):
    fit(small_mixer(), toy(), quick(epochs=1), out=tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="already holds a run: resume it, or choose another folder"):
        fit(small_mixer(), toy(), quick(epochs=1), out=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_run_that_diverged_in_its_first_epoch_leaves_no_model(tmp_path):
    model = small_mixer()
    break_bias(model)
    with pytest.raises(FloatingPointError):
        fit(model, toy(), quick(), out=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"steps.csv", "history.csv", "resume.pt"}
    fit(small_mixer(), toy(), quick(epochs=1), out=tmp_path)        # so the folder can be used again
    assert len(read_rows(tmp_path / "steps.csv")) == 3


def test_another_classifier():
    """Any module that says which images it reads; without saying so it is refused."""
    torch.manual_seed(0)
    linear, data = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)), toy()
    with pytest.raises(ValueError, match="this Sequential does not say which images it reads: set its image_shape"):
        fit(linear, data, quick())
    linear.image_shape, linear.num_classes = (1, 8, 8), 3
    fit(linear, data, quick(epochs=10))
    assert evaluate(linear, data)["accuracy"] > 0.9
    conv = to_conv(small_mixer())
    fit(conv, data, quick(epochs=10))
    assert evaluate(conv, data)["accuracy"] > 0.9


def test_a_model_that_no_checkpoint_can_hold_is_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match="a MixerCNN cannot be saved"):
        fit(to_conv(small_mixer()), toy(), quick(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resume_only_the_same_run(tmp_path):
    def refused(message, model=None, data=None, error=ValueError, **changes):
        with pytest.raises(error, match=message):
            fit(model or small_mixer(), data or toy(), quick(**changes), out=tmp_path / "run", resume=True)

    refused("nothing to resume", error=FileNotFoundError)
    assert not (tmp_path / "run").exists()
    fit(small_mixer(), toy(), quick(), out=tmp_path / "run")
    files = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    refused(r"epochs is 2, but the run in .* has done 3: resume with as many or more", epochs=2)
    refused("flip is True, but .* was started with False", flip=True)
    refused("hidden_dim is 8, but .* started with 16", small_mixer(hidden_dim=8))
    refused("dropout is 0.5, but .* started with 0.0", small_mixer(dropout=0.5))      # would fit the weights
    refused("dataset is '63 images of mean 0.3000', but .* '60 images", data=toy(per_class=21))
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == files
    with pytest.raises(ValueError, match="resume=True needs out"):
        fit(small_mixer(), toy(), quick(), resume=True)


def note_of(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]


@pytest.mark.parametrize("n", [None, 2, 7, 11])
def test_longer_run_with_a_constant_rate_is_one_from_the_start(tmp_path, capsys, n):
    """Also when it was interrupted before (2, 7: it had 3 epochs to do) or after (11)."""
    data, recipe = toy(), quick(schedule="constant", optimizer="muon", **RANDOM)
    whole = small_mixer(**RANDOM_MODEL)
    expected = without_seconds(fit(whole, data, replace(recipe, epochs=5), out=tmp_path / "whole"))
    model, out = small_mixer(**RANDOM_MODEL), tmp_path / "run"
    fit(model, data, recipe, callbacks=[StopAt(model, n)] if n and n < 10 else [], out=out)
    for stop in [5, None] if n == 11 else [None]:
        model = small_mixer(seed=9, **RANDOM_MODEL)
        history = fit(model, data, replace(recipe, epochs=5), callbacks=[StopAt(model, stop)] if stop else [], out=out,
                      resume=True)
    assert without_seconds(history) == expected and history.total_steps == 15
    assert same(weights(model), weights(whole)) and not note_of(capsys)
    assert all((out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
               for name in ("model.safetensors", "steps.csv"))


def test_longer_run_with_a_cosine_says_what_it_is(tmp_path, capsys):
    fit(small_mixer(), toy(), quick(epochs=2), out=tmp_path)
    history = fit(small_mixer(), toy(), quick(epochs=4), out=tmp_path, resume=True)
    before, after = history.steps[5]["lr"], history.steps[6]["lr"]
    assert before < after == learning_rate(6, 12, 3, 0.01) and len(history.epochs) == 4
    assert note_of(capsys) == [
        f"note: the run was planned for 2 epochs and now goes on to 4. The learning rate goes up again from "
        f"{before:.2g} to {after:.2g}, so this is not the run that 4 epochs from the start would have been"]
    fit(small_mixer(), toy(), quick(epochs=4), out=tmp_path, resume=True)
    assert not note_of(capsys)


def test_fewer_epochs_than_planned_but_not_than_done(tmp_path, capsys):
    """In the warm-up, and before the first step, all plans have the same learning rate: nothing to say."""
    model = small_mixer()
    for stop, epochs, planned, notes in ((9, 2, 5, 1), (5, 3, 4, 0), (2, 1, 2, 0)):
        out = tmp_path / str(planned)
        assert fit(model, toy(), quick(epochs=planned), callbacks=[StopAt(model, stop)], out=out).interrupted
        assert len(fit(small_mixer(), toy(), quick(epochs=epochs + 1), out=out, resume=True).epochs) == epochs + 1
        assert len(note_of(capsys)) == notes


# ---- the best epoch, and stopping there --------------------------------------------------------------------------


def accuracies(monkeypatch, model, values):
    """Let the epochs have these held-out accuracies; gives the weights after each epoch, in a list that grows."""
    after, values = [], iter(values)
    monkeypatch.setattr(training, "measure", lambda logits, labels: after.append(weights(model)) or {
        "loss": 1.0, "accuracy": next(values)})
    return after


def test_best_epoch():
    assert best_epoch(History()) == 0
    rows = [{"epoch": i + 1, "val_accuracy": accuracy} for i, accuracy in enumerate([0.5, 0.7, 0.6, 0.7])]
    assert [best_epoch(History(epochs=rows[:n])) for n in range(1, 5)] == [1, 2, 2, 2]


def test_best_and_last_model_are_kept(monkeypatch, tmp_path):
    model = small_mixer()
    after = accuracies(monkeypatch, model, [0.5, 0.7, 0.7, 0.6])
    fit(model, toy(), quick(epochs=4), out=tmp_path)
    for name, epoch in (("model", 4), ("best", 2)):
        saved, about = load_checkpoint(tmp_path / f"{name}.safetensors")
        assert same(weights(saved), after[epoch - 1]) and about.epochs_done == epoch
    fit(small_mixer(), toy(), quick(epochs=1, val_fraction=0), out=tmp_path / "whole")
    assert not (tmp_path / "whole" / "best.safetensors").exists()


def test_patience(monkeypatch, tmp_path, capsys):
    model, values = small_mixer(**RANDOM_MODEL), [0.5, 0.7, 0.6, 0.7, 0.6, 0.9]
    after, recipe = accuracies(monkeypatch, model, values), quick(epochs=6, patience=3, **RANDOM)
    history = fit(model, toy(), recipe, out=tmp_path)
    assert len(history.epochs) == 5 and not history.interrupted and same(weights(model), after[4])
    assert "Stopped after 5 of 6 epochs: the held-out accuracy was highest after epoch 2." in capsys.readouterr().err
    assert len(fit(small_mixer(**RANDOM_MODEL), toy(), recipe, out=tmp_path, resume=True).epochs) == 5

    accuracies(monkeypatch, model, values)
    assert len(fit(model, toy(), quick(epochs=6, patience=4)).epochs) == 6
    accuracies(monkeypatch, model, values)
    resumed = small_mixer(**RANDOM_MODEL)
    assert fit(resumed, toy(), recipe, callbacks=[StopAt(resumed, 10)], out=tmp_path / "2").interrupted
    accuracies(monkeypatch, model, values[2:])
    assert len(fit(resumed, toy(), recipe, out=tmp_path / "2", resume=True).epochs) == 5
    assert same(weights(resumed), after[4])
    assert same(weights(load_checkpoint(tmp_path / "2" / "best.safetensors")[0]), after[1])


# ---- what a run leaves besides -----------------------------------------------------------------------------------


def test_history_as_a_table(tmp_path):
    history = fit(small_mixer(), toy(), quick(), out=tmp_path)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == history.epochs


def test_run_that_an_older_version_began_is_resumed(tmp_path):
    """Its history has fewer columns. They stay; what was done is not measured again."""
    model, path = small_mixer(), tmp_path / "history.csv"
    assert fit(model, toy(), quick(), callbacks=[StopAt(model, 6)], out=tmp_path).interrupted
    row, = read_rows(path)
    old = ["epoch", "train_loss", "val_loss", "val_accuracy", "seconds"]
    path.write_text("".join(",".join(values) + "\n" for values in (old, [str(row[name]) for name in old])))
    history = fit(small_mixer(), toy(), quick(), out=tmp_path, resume=True)
    assert read_rows(path) == [{name: row[name] for name in old} for row in history.epochs]
    assert len(history.epochs) == 3 and "lr" in history.epochs[2]


def test_snapshot_moments():
    moments = sorted(snapshot_moments(40_000, 20))
    assert len(moments) == 20 and moments[0] <= 2 and moments[-1] == 40_000
    steps = [b - a for a, b in itertools.pairwise(moments)]
    assert steps == sorted(steps) and moments[10] < 1000
    assert snapshot_moments(5, 20) == {1, 2, 3, 4, 5} and snapshot_moments(9, 0) == set()


@pytest.mark.parametrize("n", [None, 2, 8])
def test_snapshots(tmp_path, n):
    """Also when the run is interrupted and resumed; those of the broken epoch are taken anew."""
    model, recipe, expected = small_mixer(), quick(snapshots=4, **RANDOM), {}
    expected[0] = token_mixing_weights(model)
    fit(model, toy(), quick(**RANDOM),
        callbacks=[lambda h: expected.setdefault(len(h.steps), token_mixing_weights(model))])
    model = small_mixer()
    fit(model, toy(), recipe, callbacks=[StopAt(model, n)] if n else [], out=tmp_path)
    if n:
        fit(small_mixer(seed=5), toy(), recipe, out=tmp_path, resume=True)
    steps, snapshots = load_snapshots(tmp_path / "snapshots.safetensors")
    assert steps == [0, 2, 3, 5, 9]
    assert set(snapshots) == {f"blocks.{i}.token_mixing.fc{k}.weight" for i in (0, 1) for k in (1, 2)}
    for name, tensor in snapshots.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, torch.stack([expected[step][name].float() for step in steps]))
    torch.testing.assert_close(snapshots["blocks.1.token_mixing.fc1.weight"][-1],
                               model.blocks[1].token_mixing.fc1.weight.detach(), rtol=1e-3, atol=1e-4) if not n else 0


def test_snapshots_in_bytes(tmp_path):
    """Every row has a scale of its own, and a row of zeros stays one."""
    weights = token_mixing_weights(small_mixer())
    weights["blocks.0.token_mixing.fc1.weight"][0] = 0
    weights["blocks.0.token_mixing.fc1.weight"][1] *= 1000
    for in_bytes in (False, True):
        save_snapshots(tmp_path / f"{in_bytes}.safetensors", {0: weights, 7: weights}, in_bytes)
    exact, close = (load_snapshots(tmp_path / f"{in_bytes}.safetensors") for in_bytes in (False, True))
    assert close[0] == exact[0] == [0, 7] and close[1].keys() == exact[1].keys() == weights.keys()
    for name, tensor in exact[1].items():
        assert torch.equal(tensor[1], weights[name].float())
        assert ((close[1][name] - tensor).abs() <= tensor.abs().amax(dim=-1, keepdim=True) / 253).all()
        assert not torch.equal(close[1][name], tensor)


def test_bad_snapshots(tmp_path):
    fit(small_mixer(), toy(), quick(epochs=1, snapshots=2), out=tmp_path)
    path = tmp_path / "snapshots.safetensors"
    with pytest.raises(ValueError, match=r"model.safetensors holds no snapshots: expected a file written by save_snap"):
        load_snapshots(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"snapshots.safetensors holds no mixer_lib configuration"):
        load_checkpoint(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"snapshots.safetensors is not a whole safetensors file"):
        load_snapshots(path)
    with pytest.raises(FileNotFoundError, match=r"none.safetensors"):
        load_snapshots(tmp_path / "none.safetensors")


def test_memory_counts_the_images():
    """A copy of them is made on the model's device."""
    data, model = toy(), small_mixer()
    more = replace(data, train_images=data.train_images.repeat(3, 1, 1, 1), train_labels=data.train_labels.repeat(3))
    needed = [memory_needed(model, some, quick(precision="float32")) for some in (data, more)]
    assert needed[1] - needed[0] == 2 * data.train_images.nbytes


def test_memory_needed():
    """Twice the batch needs twice as much on top; to count it changes nothing."""
    data, model = toy(), small_mixer(num_blocks=1, hidden_dim=64, channels_mlp_dim=256, **RANDOM_MODEL)
    state = torch.get_rng_state(), weights(model)
    needed = [memory_needed(model, data, quick(batch_size=size, precision="float32")) for size in (1, 1001, 2001)]
    an_image = (needed[1] - needed[0]) / 1000
    assert needed[2] - needed[1] == pytest.approx(1000 * an_image, rel=0.01)
    hidden = 4 * 256 * 4            # bytes of D_C hidden units for each of 4 patches, in float32; a step keeps them
    assert 3 * hidden < an_image / 1.5 < 8 * hidden     # before and after the GELU and dropout, and narrower tables
    assert needed[0] > 3 * 4 * sum(p.numel() for p in model.parameters()) + data.train_images.nbytes
    assert torch.equal(torch.get_rng_state(), state[0]) and same(weights(model), state[1]) and model.training


# ---- torch.compile -----------------------------------------------------------------------------------------------


def test_compiled_run(monkeypatch, tmp_path):
    """It trains to the same place as the plain one, resumes exactly, and its files do not tell the two apart."""
    if not shutil.which(os.environ.get("CXX", "c++")):
        pytest.skip("needs a C++ compiler")
    small, data = dict(num_blocks=1, **RANDOM_MODEL), toy()
    recipe = quick(epochs=2, batch_size=54, precision="float32", compile=True)
    seen = []
    monkeypatch.setattr(training, "train_step", lambda *args: seen.append(type(args[0])) or train_step(*args))
    whole = small_mixer(**small)
    expected = without_seconds(fit(whole, data, recipe))
    assert {kind.__name__ for kind in seen} == {"OptimizedModule"}

    torch.compiler.reset()      # as in a new process
    model = small_mixer(**small)
    assert fit(model, data, recipe, callbacks=[StopAt(model, 3)], out=tmp_path).interrupted
    torch.compiler.reset()
    resumed = small_mixer(seed=9, **small)
    assert without_seconds(fit(resumed, data, recipe, out=tmp_path, resume=True)) == expected
    saved, _ = load_checkpoint(tmp_path / "model.safetensors")
    assert same(weights(resumed), weights(whole)) and same(weights(saved), weights(whole))


def test_a_compiled_model_has_a_kernel_for_each_batch_size(monkeypatch):
    """With one kernel for all sizes, which torch makes when it meets a second size, a resumed run would use another."""
    asked = []
    monkeypatch.setattr(torch, "compile", lambda what, **options: asked.append(options) or what)
    model = small_mixer()
    assert devices.compiled(model, torch.device("cpu")) is model and asked[-1] == {"dynamic": False, "mode": None}


def test_cuda_graphs_are_for_whole_batches_in_one_process(monkeypatch, capsys):
    """The graph of one piece of a batch would write over the gradients of the piece before."""
    asked, wanted = [], []
    monkeypatch.setattr(torch, "compile", lambda what, **options: asked.append(options) or what)
    monkeypatch.setattr(torch, "zeros", lambda *shape, device: torch.ones(shape))       # there is no such device here
    model, cuda = small_mixer(), torch.device("cuda")
    for graphs, mode in ((True, "reduce-overhead"), (False, None)):
        assert devices.compiled(model, cuda, graphs) is model and asked[-1] == {"dynamic": False, "mode": mode}
    count = len(asked)
    assert devices.compiled(model, torch.device("mps")) is model and len(asked) == count
    assert "not yet dependable on an Apple GPU" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(training, "compiled", lambda model, device, graphs: wanted.append(graphs) or model)
    for accumulate in (1, 2):
        fit(small_mixer(), toy(), quick(epochs=1, compile=True, accumulate=accumulate))
    assert wanted == [True, False]


def test_gradients_from_before_do_not_count():
    """Those of frozen weights stay where they are while the head is trained, and would enter the norm."""
    trained = []
    for before in (False, True):
        model = small_mixer()
        torch.nn.init.ones_(model.head.weight)
        if before:
            (1e3 * model(torch.ones(2, 1, 8, 8)).square().sum()).backward()
        fit(model, toy(), quick(epochs=1, freeze=True))
        trained.append(weights(model))
    assert same(*trained)


def test_without_a_compiler_the_run_goes_on_and_says_so_once(monkeypatch, capsys):
    def compile(*args, **named):
        return lambda *args: (_ for _ in ()).throw(RuntimeError("No working C++ compiler found\nmore"))

    plain, model = small_mixer(), small_mixer()
    expected = without_seconds(fit(plain, toy(), quick()))
    monkeypatch.setattr(torch, "compile", compile)
    devices.say_once.cache_clear()
    for _ in range(2):
        model = small_mixer()
        assert without_seconds(fit(model, toy(), quick(compile=True))) == expected
        assert same(weights(model), weights(plain))
    said = [line for line in capsys.readouterr().err.splitlines() if "note: " in line]
    note = "note: torch.compile does not work here (No working C++ compiler found): the run goes on without it. "
    assert len(said) == 1 and said[0].endswith(note + "It needs a C++ compiler, such as g++")


def test_without_autocast_the_run_goes_on_and_says_so_once(monkeypatch, capsys):
    def autocast(*args, **named):
        raise RuntimeError("unsupported")

    monkeypatch.setattr(torch, "autocast", autocast)
    devices.say_once.cache_clear()
    history = fit(small_mixer(), toy(), quick(precision="bf16"))
    assert history.epochs[-1]["train_loss"] < history.epochs[0]["train_loss"]
    said = capsys.readouterr().err
    assert said.count("note: bf16 does not work on cpu (unsupported): the run goes on in float32") == 1


# ---- predict, measure, evaluate --------------------------------------------------------------------------------


def test_predict():
    model, data = small_mixer(dropout=0.5), toy()
    torch.nn.init.normal_(model.head.weight)
    logits = predict(model, data.train_images, data)
    with torch.no_grad():
        expected = model.eval()((data.train_images / 255 - 0.3) / 0.25)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert logits.shape == (60, 3) and not logits.requires_grad
    torch.testing.assert_close(predict(model, data.train_images, data, batch_size=7), logits)
    assert not model.training
    predict(model.train(), data.train_images, data)
    assert model.training


def test_measure_and_evaluate():
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    result = measure(logits, torch.tensor([0, 1, 1]))
    right, wrong = torch.log1p(torch.tensor([-2.0, 2.0]).exp()).tolist()
    assert result == pytest.approx({"loss": (2 * right + wrong) / 3, "accuracy": 2 / 3})

    logits = torch.tensor([[3.0, 2, 1, 0], [0, 1, 2, 3], [1, 3, 0, 2], [1, 3, 2, 0]])
    labels = torch.tensor([0, 2, 0, 1])
    assert [top_accuracy(logits, labels, k) for k in (1, 2, 3, 4)] == [0.5, 0.75, 1, 1]
    counts = confusion_counts(logits, labels)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert class_accuracies(counts) == [(2, 0.5), (1, 1), (1, 0), (0, None)]

    data = toy()
    data.test_images, data.test_labels = data.train_images[:20].clone(), torch.full((20,), 2)      # unlike training's
    model = small_mixer()
    model.head.bias.data = torch.tensor([0.0, 0.0, 1.0])
    assert evaluate(model, data)["accuracy"] == 1


@pytest.mark.parametrize("wrong", [dict(lr=1e308), dict(weight_decay=1e308)])
def test_weights_that_the_last_step_ruined_are_not_saved(tmp_path, wrong):
    """The loss of a step is that before it, so the last step of an epoch shows only in the weights."""
    recipe = quick(epochs=1, batch_size=60, val_fraction=0, warmup_epochs=0, **wrong)
    with pytest.raises(FloatingPointError, match=r"holds numbers that are not finite, .* with a lower lr"):
        fit(small_mixer(), toy(), recipe, out=tmp_path)
    assert not [*tmp_path.glob("*.safetensors")] and not read_rows(tmp_path / "history.csv")


def test_a_batch_has_no_more_pieces_than_images():
    with pytest.raises(ValueError, match="accumulate is 10: expected at most batch_size, 9 pieces"):
        Recipe(batch_size=9, accumulate=10)
