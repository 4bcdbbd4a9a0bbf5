"""Training, data, checkpoints and the command line with a model and images on two devices: they give what they give on
the CPU alone. (Pictures, widgets and analysis: test_devices_pictures.py.)"""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from devices import fake_gpu, moved
from mixer_lib import MlpMixer, create_model, patchify
from mixer_lib.checkpoints import load_checkpoint, save_checkpoint, token_mixing_weights
from mixer_lib.cli import main, train, use
from mixer_lib.configs import RELATIVES
from mixer_lib.conv import FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing, to_conv
from mixer_lib.data import (
    Dataset,
    ImageFiles,
    augment,
    batches,
    mix,
    normalize,
    random_resized_crop,
    resize,
    split,
)
from mixer_lib.permutations import CONDITIONS, SmallCNN, draw_order, scramble
from mixer_lib.pretrained import grow, load_released, save_released
from mixer_lib.training import Recipe, evaluate, fit, measure, measure_in_batches, predict

ALL_OF_IT = dict(crop_padding=1, flip=True, randaugment=9, mixup=0.5, cutmix=1.0)


def dataset():
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 3, 8, 8), generator=random, dtype=torch.uint8)
    labels = torch.arange(40) % 3
    for k in range(3):
        images[labels == k, :, 2 * k:2 * k + 2] //= 4
    return Dataset("toy", images, labels, images[:20], labels[:20], ["a", "b", "c"], (0.4,) * 3, (0.3,) * 3)


def mixer():
    torch.manual_seed(0)
    return MlpMixer(8, 4, 3, 3, num_blocks=2, hidden_dim=8, tokens_mlp_dim=6, channels_mlp_dim=9, dropout=0.1,
                    drop_path=0.1)


def weights(model):
    return {name: tensor.cpu() for name, tensor in model.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.fixture
def gpu():
    with fake_gpu() as device:
        yield device


def placements(gpu):
    """Where the model and the data may lie: (device of the model, data set)."""
    data = dataset()
    labels_only = replace(data, train_labels=data.train_labels.to(gpu), test_labels=data.test_labels.to(gpu))
    images_only = replace(data, train_images=data.train_images.to(gpu), test_images=data.test_images.to(gpu))
    return [(device, some) for device in (torch.device("cpu"), gpu)
            for some in (data, moved(data, gpu), labels_only, images_only)]


@pytest.mark.parametrize("options, everywhere", [
    (dict(epochs=1), True), (ALL_OF_IT, False), (dict(val_fraction=0), False),
    (dict(optimizer="sgd", freeze=True), False), (dict(optimizer="muon", precision="bf16"), False)],
    ids=["plain", "augmented", "nothing held out", "sgd, frozen", "muon, bf16"])
def test_fit_and_evaluate(gpu, options, everywhere):
    recipe = Recipe(**{"epochs": 2, "batch_size": 18, "lr": 0.01, "precision": "float32", **options})
    results, where = [], placements(gpu)
    # What a recipe changes comes after everything has moved to the model: a model and data that lie apart will do.
    for device, data in where if everywhere else [where[0], where[1], where[4]]:
        model = moved(mixer(), device)
        history = fit(model, data, recipe)
        assert {p.device for p in model.parameters()} == {device} and len(history.steps) == history.total_steps
        results.append((weights(model), [row["loss"] for row in history.steps], evaluate(model, data)))
    (first, losses, result), *others = results
    for other, other_losses, other_result in others:
        if recipe.precision == "float32":
            assert_same(first, other)
            assert other_losses == pytest.approx(losses, rel=1e-4) and other_result == pytest.approx(result, rel=1e-4)


def test_predict_brings_the_logits_to_the_images(gpu):
    expected = predict(mixer(), dataset().test_images, dataset())
    for device, data in placements(gpu):
        logits = predict(moved(mixer(), device), data.test_images, data, batch_size=7)
        assert logits.device == data.test_images.device
        torch.testing.assert_close(logits.cpu(), expected)
        for labels in (data.test_labels, data.test_labels.cpu()):
            assert measure(logits, labels) == pytest.approx(measure(expected, labels.cpu()))


def test_numbers_of_a_gpu_are_read_many_steps_at_once(gpu):
    """And not one is lost: callbacks see them grow, an interrupt keeps them, a loss that is not finite is found."""
    data, model, seen = dataset(), moved(MlpMixer(8, 4, 3, 3, 1, 4, 4, 4), gpu), []
    data = replace(data, train_images=data.train_images[:26], train_labels=data.train_labels[:26])
    recipe = Recipe(epochs=2, batch_size=1, val_fraction=0, precision="float32")

    def stop_at_the_end(history):
        seen.append(len(history.steps))
        if seen[-1] == 52:
            raise KeyboardInterrupt

    history = fit(model, data, recipe, callbacks=[stop_at_the_end])
    assert seen == [25, 26, 26, 51, 52] and [row["step"] for row in history.steps] == [*range(52)]
    calls = []

    def interrupt(module, args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    handle = model.register_forward_pre_hook(interrupt)
    assert len(fit(model, data, recipe).steps) == 3         # not read until then
    handle.remove()
    with torch.no_grad():
        model.head.bias[0] = float("nan")
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        fit(model, data, replace(recipe, batch_size=26))


def test_diverged_gpu_run_saves_nothing(gpu, tmp_path):
    model, data = moved(mixer(), gpu), dataset()
    recipe = Recipe(epochs=3, batch_size=18, precision="float32")

    def break_it(history):
        if len(history.epochs) == 1:
            with torch.no_grad():
                model.head.bias[0] = float("nan")

    with pytest.raises(FloatingPointError):
        fit(model, data, recipe, out=tmp_path, callbacks=[break_it])
    saved, about = load_checkpoint(tmp_path / "model.safetensors")
    assert about.epochs_done == 1 and all(tensor.isfinite().all() for tensor in saved.state_dict().values())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_changes_its_device(gpu, tmp_path, optimizer):
    recipe = Recipe(epochs=2, batch_size=18, lr=0.01, precision="float32", optimizer=optimizer, snapshots=3,
                    **ALL_OF_IT)
    whole = mixer()
    if optimizer == "adamw":
        fit(whole, dataset(), replace(recipe, snapshots=0))

    def stop(history):
        if len(history.epochs) == 1:
            raise KeyboardInterrupt

    for name, first, second in (("to the CPU", gpu, torch.device("cpu")), ("to the GPU", torch.device("cpu"), gpu)):
        fit(moved(mixer(), first), dataset(), recipe, out=tmp_path / name, callbacks=[stop])
        resumed = moved(mixer(), second)
        history = fit(resumed, dataset(), recipe, out=tmp_path / name, resume=True)
        assert len(history.epochs) == 2 and {p.device for p in resumed.parameters()} == {second}
        assert_same(weights(load_checkpoint(tmp_path / name / "model.safetensors")[0]), weights(resumed))
        if optimizer == "adamw":        # Muon may use bf16 on the one device and float32 on the other
            assert_same(weights(resumed), weights(whole))


def test_default_device(gpu, tmp_path):
    """`torch.set_default_device` must not change where random numbers are drawn, nor which ones."""
    data, recipe, whole = dataset(), Recipe(epochs=1, batch_size=18, precision="float32", **ALL_OF_IT), mixer()
    fit(whole, data, recipe)
    model, orders = mixer(), [draw_order(condition, 8, 4, seed=1) for condition in CONDITIONS]
    with gpu:
        fit(model, data, recipe)
        assert_same(weights(model), weights(whole))
        assert all(torch.equal(draw_order(name, 8, 4, seed=1), order) for name, order in zip(CONDITIONS, orders))
        parts = split(data.train_labels, 0.2, torch.Generator(device="cpu").manual_seed(0))
    expected = split(data.train_labels, 0.2, torch.Generator().manual_seed(0))
    assert all(torch.equal(part, other) for part, other in zip(parts, expected))


def test_data(gpu):
    data = dataset()
    for images, labels in ((data.train_images.to(gpu), data.train_labels),
                           (data.train_images, data.train_labels.to(gpu))):
        expected = list(batches(data.train_images, data.train_labels, 25, data.mean, data.std, shuffle=True,
                                crop_padding=1, flip=True, randaugment=9, generator=torch.Generator().manual_seed(0)))
        got = list(batches(images, labels, 25, data.mean, data.std, shuffle=True, crop_padding=1, flip=True,
                           randaugment=9, generator=torch.Generator().manual_seed(0)))
        for (x, y), (x_cpu, y_cpu) in zip(got, expected, strict=True):
            assert x.device == y.device == images.device
            torch.testing.assert_close(x.cpu(), x_cpu)
            assert torch.equal(y.cpu(), y_cpu)
    images, labels = data.train_images.to(gpu), data.train_labels.to(gpu)
    assert augment(images, 1, True, 9).device == normalize(images, data.mean, data.std).device == gpu
    for kind in ({"mixup": 1.0}, {"cutmix": 1.0}):
        ours, theirs = (mix(x / 255, y, 3, **kind, generator=torch.Generator().manual_seed(0))
                        for x, y in ((images, labels), (data.train_images, data.train_labels)))
        for a, b in zip(ours, theirs, strict=True):
            assert a.device == gpu
            torch.testing.assert_close(a.cpu(), b)
    assert all(torch.equal(a, b) for a, b in zip(split(labels, 0.2, torch.Generator().manual_seed(0)),
                                                 split(labels.cpu(), 0.2, torch.Generator().manual_seed(0))))


def test_sizes_and_random_resized_crops(gpu):
    images, numbers = dataset().train_images, torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    for change in (lambda x: resize(x, (5, 6)), lambda x: random_resized_crop(x, numbers, 0.3)):
        there, here = change(images.to(gpu)), change(images)
        assert there.device == gpu and (there.cpu().float() - here.float()).abs().max() <= 1        # rounding


def test_images_in_files(gpu, tmp_path):
    """They are read on the CPU; their batches go to the model. So do a data set's own validation images."""
    data = dataset()
    for number, image in enumerate(data.train_images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{number:02}.png")
    files = ImageFiles(sorted(tmp_path.glob("*.png")), 8, 3)
    there = replace(data, train_images=files, test_images=files[:20], val_images=files[20:],
                    val_labels=data.train_labels[20:])
    here = replace(data, val_images=data.train_images[20:], val_labels=data.train_labels[20:])
    assert files.to(gpu)[0].device == files.to(gpu)[torch.tensor([1, 2], device=gpu)].in_memory().device == gpu
    recipe, results = Recipe(epochs=1, batch_size=18, precision="float32", crop_padding=1, flip=True), []
    for device, some in ((torch.device("cpu"), here), (gpu, there), (gpu, here)):
        model = moved(mixer(), device)
        history = fit(model, some, recipe)
        results.append((weights(model), history.epochs[0]["val_loss"], evaluate(model, some)["loss"]))
    for values, *losses in results[1:]:
        assert_same(results[0][0], values)
        assert losses == pytest.approx(results[0][1:], rel=1e-4)


def test_permutations(gpu):
    data, order = dataset(), draw_order("patches and inside", 8, 4, seed=0)
    for images in (data.train_images, data.train_images.to(gpu)):
        for some in (order, order.to(gpu)):
            scrambled = scramble(images, some)
            assert scrambled.device == images.device
            assert torch.equal(scrambled.cpu(), scramble(data.train_images, order))
    assert patchify(data.train_images.to(gpu), 4).device == gpu
    torch.manual_seed(0)
    cnn, x = SmallCNN(), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(moved(cnn, gpu)(x.to(gpu)).cpu(), cnn(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", [FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing])
def test_convolutions(gpu, form):
    model, x = mixer().eval(), torch.rand(2, 3, 8, 8)
    conv = moved(to_conv(model, form), gpu)
    torch.testing.assert_close(conv(x.to(gpu)).cpu(), model(x), rtol=1e-4, atol=1e-4)


def test_checkpoints(gpu, tmp_path):
    model = moved(mixer(), gpu)
    save_checkpoint(tmp_path / "m.safetensors", model, dataset())
    loaded, _ = load_checkpoint(tmp_path / "m.safetensors")
    assert_same(weights(loaded), weights(model))
    assert {p.device.type for p in loaded.parameters()} == {"cpu"}
    kept = token_mixing_weights(model)
    assert all(tensor.device.type == "cpu" and tensor.dtype == torch.float16 for tensor in kept.values())


def test_released_weights(gpu, tmp_path):
    """They load to the CPU, also where another device is the default; a model grows, and is saved, where it is."""
    model = mixer().eval()
    torch.nn.init.normal_(model.head.weight)
    for family, suffix in (("timm", "safetensors"), ("timm", "pth")):
        save_released(moved(model, gpu), tmp_path / f"m.{suffix}", family)
        with gpu:
            loaded, _ = load_released(tmp_path / f"m.{suffix}")
            ten, _ = load_released(tmp_path / f"m.{suffix}", num_classes=10)
        assert {p.device.type for p in [*loaded.parameters(), *ten.parameters()]} == {"cpu"}
        assert_same(weights(loaded), weights(model))
    tanh = MlpMixer(**vars(model.config) | {"gelu": "tanh"})
    save_released(moved(tanh, gpu), tmp_path / "m.npz")
    with gpu:
        assert_same(weights(load_released(tmp_path / "m.npz")[0]), weights(tanh))
        here = grow(model, 2)
    there = grow(moved(model, gpu), 2)
    assert {p.device for p in there.parameters()} == {gpu} and {p.device.type for p in here.parameters()} == {"cpu"}
    assert_same(weights(there), weights(here))


def test_measure_in_batches(gpu):
    expected = measure_in_batches(mixer(), dataset().test_images, dataset().test_labels, dataset(), confusion=True)
    for device, data in placements(gpu):
        got = measure_in_batches(moved(mixer(), device), data.test_images, data.test_labels, data, confusion=True)
        assert got[0] == pytest.approx(expected[0], rel=1e-4) and torch.equal(got[1], expected[1])


def test_snapshots_are_copies():
    """Also of a model on the CPU in half precision, whose weights need no conversion."""
    model = mixer().half()
    kept = token_mixing_weights(model)
    before = {name: tensor.clone() for name, tensor in kept.items()}
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert all(torch.equal(kept[name], before[name]) for name in kept)


def test_command_line(gpu, tmp_path, monkeypatch, capsys):
    data = dataset()
    monkeypatch.setattr(train, "load_dataset", lambda *args, **named: data)
    monkeypatch.setattr(use, "load_part", lambda *args, **named: (data.test_images, data.test_labels, data.classes))
    for module in (train, use):
        monkeypatch.setattr(module, "local_device", lambda name: gpu)
    monkeypatch.setattr(train, "memory_needed", lambda *args: 0)     # it looks at memory, which is not pretended
    where = []

    def watched(real):
        def call(model, *args, **named):
            where.append(next(model.parameters()).device)
            return real(model, *args, **named)
        return call

    for module, name in ((train, "fit"), (use, "measure_in_batches"), (use, "predict")):
        monkeypatch.setattr(module, name, watched(getattr(module, name)))
    out = tmp_path / "run"
    sizes = "--num-blocks 2 --hidden-dim 8 --tokens-mlp-dim 6 --channels-mlp-dim 9"
    assert main(f"train --out {out} --epochs 2 --precision float32 {sizes}".split()) == 0
    assert "37 training images, 3 held out, on fake:0\n" in capsys.readouterr().err
    assert main(f"evaluate {out}".split()) == 0
    assert "on fake:0" in capsys.readouterr().err
    Image.fromarray(data.test_images[0].permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    assert main(["predict", str(tmp_path / "a.png"), "--checkpoint", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'a.png'}: ")
    assert where == [gpu] * 3


@pytest.mark.parametrize("name", [name for name in RELATIVES if name.endswith("cifar10")])
def test_family(gpu, name):
    sizes = {} if name.startswith("convmixer") else {"channels_mlp_dim": 12}
    torch.manual_seed(0)
    model = create_model(name, image_size=8, num_classes=3, num_blocks=1, hidden_dim=8, **sizes)
    there, recipe = moved(model, gpu), Recipe(epochs=1, batch_size=18, lr=0.01, precision="float32")
    losses = [fit(one, dataset(), recipe).epochs[0]["val_loss"] for one in (model, there)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert {tensor.device for tensor in there.state_dict().values()} == {gpu}
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(there(x.to(gpu)).cpu(), model(x), rtol=1e-4, atol=1e-4)
    with gpu:
        assert create_model(name, num_blocks=1)(torch.rand(1, 3, 32, 32)).device == gpu
