"""Several processes train as one does. Real processes, on the CPU, that speak to each other through gloo."""

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import torch
from PIL import Image

from mixer_lib.checkpoints import load_checkpoint, load_snapshots, load_state, read_rows
from mixer_lib.data import ImageFiles, batches, on_disk
from mixer_lib.training import (
    Recipe,
    check_processes,
    fit,
    make_optimizer,
    measure_in_batches,
    processes,
    train_step,
    training_batches,
)
from mixer_lib.training.sharding import scatter
from test_training import quick, small_mixer, toy

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

HERE = Path(__file__).parent
AUGMENTED = dict(crop_padding=1, flip=True, randaugment=9, resized_crop=0.5)
BLENDED = AUGMENTED | dict(mixup=0.5, cutmix=1.0)
RUNS = {        # name: what differs from `quick`; 54 images in batches of 20: the last one has 14
    "plain": {}, "blended": BLENDED, "accumulated": dict(accumulate=3, checkpoint_activations=True),
    "muon": dict(optimizer="muon"), "nothing held out": dict(val_fraction=0), "bf16": dict(precision="bf16"),
    "last batch of 1": dict(batch_size=53), "compiled": dict(compile=True, epochs=1, batch_size=54),
    "patience": dict(patience=1, epochs=9), "frozen": dict(freeze=True)}


def recipe_of(changes):
    return quick(**{"batch_size": 20, "precision": "float32", "epochs": 2} | changes)


def rounded(history):
    return [{name: value for name, value in row.items() if name not in ("seconds", "images_per_second")}
            for row in [*history.steps, *history.epochs]]


def assert_close(first, second, rel=1e-4):
    assert len(first) == len(second)
    for one, other in zip(first, second):
        assert one == pytest.approx(other, rel=rel, abs=1e-6)


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}


def assert_same_weights(one, other, rel=1e-4):
    """But for the last bias of a token mixing. The LayerNorms after it take it out again, so its gradient is rounding,
    which AdamW makes as large as any other."""
    assert one.keys() == other.keys()
    for name, tensor in other.items():
        if not name.endswith("token_mixing.fc2.bias"):
            torch.testing.assert_close(one[name], tensor, rtol=10 * rel, atol=10 * rel, msg=name)


# ---- what the processes do: started once, for all tests ---------------------------------------------------------


def in_processes(count, work, folder):
    """work() in `count` processes that are forked from this one; None if one of them fails."""
    (folder / "meet").unlink(missing_ok=True)
    children = []
    for rank in range(count):
        children.append(os.fork())
        if not children[-1]:
            torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank,
                                                 world_size=count)
            code = 1
            try:
                result = work()
                if rank == 0:
                    torch.save(result, folder / "result.pt")
                code = 0
            except BaseException:
                traceback.print_exc()
            os._exit(code)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert not any(codes), codes
    return torch.load(folder / "result.pt", weights_only=False)


def gradients(size, **changes):
    """One step on a batch of `size` images in float64: its loss, norm, hits, and all gradients."""
    rank, count = (torch.distributed.get_rank(), torch.distributed.get_world_size()) \
        if torch.distributed.is_initialized() else (0, 1)
    model, recipe = small_mixer().double(), Recipe(precision="float32", clip_norm=1e9, **changes)
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
    x = torch.rand(size, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    y, optimizer = torch.arange(size) % 3, make_optimizer(model, recipe)
    to_train = torch.nn.parallel.DistributedDataParallel(model) if count > 1 else model
    some, labels = x.tensor_split(count)[rank], y.tensor_split(count)[rank]
    numbers = [number.item() for number in train_step(to_train, some, labels, optimizer, 0.01, recipe, size)]
    return numbers, {name: p.grad.clone() for name, p in model.named_parameters()}


STEPS = {"5 images": dict(size=5), "1 image": dict(size=1), "accumulated": dict(size=7, accumulate=3),
         "more pieces than images": dict(size=3, accumulate=4)}


def trained(changes, out=None, resume=False):
    history = fit(model := small_mixer(), toy(), recipe_of(changes), out=out, resume=resume)
    return rounded(history), model.state_dict()


def measured(size):
    """What a model makes of the first `size` images."""
    model, data = small_mixer(), toy()
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))
    return measure_in_batches(model, data.train_images[:size], data.train_labels[:size], data, confusion=True)


def all_of_it(folder):
    """What the tests below look at, by name."""
    import torch._dynamo  # these, once for all children
    import torch.distributed.fsdp
    import torchvision.transforms.v2  # noqa: F401

    folder, results = Path(folder), {}
    for name, options in STEPS.items():
        results["step", name] = in_processes(2, lambda options=options: gradients(**options), folder)
    for name, changes in RUNS.items():
        results["run", name] = in_processes(2, lambda changes=changes: trained(changes), folder)
    for name in "two", "to one", "to four":
        in_processes(2, lambda name=name: trained(dict(epochs=1, schedule="constant"), folder / name), folder)
    results["to four"] = in_processes(4, lambda: trained(dict(epochs=2, schedule="constant"), folder / "to four", True),
                                      folder)
    results["measured"] = {size: in_processes(3, lambda size=size: measured(size), folder) for size in (2, 40)}
    results["shard"] = in_processes(2, lambda: trained(dict(shard=True), folder / "shard"), folder)
    results["shard more"] = in_processes(2, lambda: trained(
        dict(shard=True, accumulate=2, checkpoint_activations=True, snapshots=3), folder / "more"), folder)
    in_processes(2, lambda: trained(dict(shard=True, epochs=1, schedule="constant"), folder / "parts"), folder)
    results["parts"] = in_processes(2, lambda: trained(dict(shard=True, schedule="constant"), folder / "parts", True),
                                    folder)
    torch.save(results, folder / "results.pt")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    done = subprocess.run([sys.executable, __file__, folder], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr[-6000:]
    return torch.load(folder / "results.pt", weights_only=False) | {"folder": folder}


# ---- N processes as one -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_gradients_are_those_of_one_process(results, name):
    """Also where the parts differ in size, where one is empty, and where a batch is worked on in pieces."""
    (loss, norm, hits), grads = gradients(STEPS[name]["size"])
    (its_loss, its_norm, its_hits), its_grads = results["step", name]
    assert its_loss == pytest.approx(loss, rel=1e-12) and its_norm == pytest.approx(norm, rel=1e-12)
    assert its_hits == hits and grads.keys() == its_grads.keys() and norm > 0.1
    for name, grad in grads.items():
        torch.testing.assert_close(its_grads[name], grad, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", RUNS)
def test_runs_are_those_of_one_process(results, name):
    """Loss, accuracy and learning rate of each step and epoch, and the weights at the end."""
    changes = {name: value for name, value in RUNS[name].items()
               if name not in ("accumulate", "checkpoint_activations", "compile")}
    history, weights = trained(changes)
    its_history, its_weights = results["run", name]
    rel = 0.05 if name == "bf16" else 2e-3 if name == "muon" else 1e-4
    assert_close(its_history, history, rel)
    if name != "bf16":
        assert_same_weights(its_weights, weights, rel)


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("augmentation", [{}, AUGMENTED, BLENDED], ids=["plain", "augmented", "blended"])
def test_parts_are_those_of_the_whole_batches(count, augmentation):
    """Together the processes have the batches of one process, each image once, augmented as there. The last batch has
    fewer images than there are processes."""
    data, recipe = toy(channels=3), quick(**augmentation, batch_size=19)

    def drawn(share):
        return [*training_batches(data.train_images, data.train_labels, data, recipe, torch.Generator().manual_seed(3),
                                  share)]

    parts = [drawn((rank, count)) for rank in range(count)]
    for whole, *some in zip(drawn((0, 1)), *parts, strict=True):
        sizes = [len(x) for x, _ in some]
        assert max(sizes) - min(sizes) <= 1
        for all_of_them, of_each in zip(whole, zip(*some)):
            torch.testing.assert_close(torch.cat(of_each), all_of_them, rtol=1e-5, atol=1e-5)
    assert [len(x) for x, _ in drawn((0, 1))] == [19, 19, 19, 3]


def test_parts_of_images_in_files(tmp_path):
    """Each process reads its own only."""
    images = torch.randint(256, (10, 3, 8, 8), dtype=torch.uint8)
    for number, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{number}.png")
    files = ImageFiles([tmp_path / f"{number}.png" for number in range(10)], 8, 3)
    labels, facts = torch.arange(10), ((0,) * 3, (1,) * 3)
    parts = [[*batches(files, labels, 4, *facts, shuffle=True, generator=torch.Generator().manual_seed(0),
                       share=(rank, 3))] for rank in range(3)]
    assert sorted(torch.cat([y for part in parts for _, y in part]).tolist()) == [*range(10)]
    assert [[len(x) for x, _ in part] for part in parts] == [[2, 2, 1], [1, 1, 1], [1, 1, 0]]
    for x, y in parts[1]:
        torch.testing.assert_close(x, images[y] / 255)


def test_workers_share_the_cores(monkeypatch):
    cores = on_disk._cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert on_disk._cores() == max(1, cores // 2)


# ---- the run folder -----------------------------------------------------------------------------------------------


def test_a_run_of_two_is_resumed_by_one_and_by_four(results):
    history, weights = trained(dict(schedule="constant"))
    one, its_weights = trained(dict(schedule="constant"), results["folder"] / "to one", resume=True)
    for other, last in (one, its_weights), results["to four"]:
        assert_close(other, history)
        assert_same_weights(last, weights)
    assert len(read_rows(results["folder"] / "to four" / "history.csv")) == 2


@pytest.mark.parametrize("size", [2, 40])
def test_evaluation_is_that_of_one_process(results, size):
    """Also where there are fewer images than processes."""
    (numbers, counts), (its_numbers, its_counts) = measured(size), results["measured"][size]
    assert its_numbers == pytest.approx(numbers, rel=1e-6) and numbers["loss"] > 0.1
    assert torch.equal(its_counts, counts) and counts.sum() == size


# ---- sharded ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, folder", [("shard", "shard"), ("shard more", "more")])
def test_shards_train_as_one_process(results, name, folder):
    """The losses, and the checkpoint, which is a file like any other; also in pieces and with less kept."""
    history, weights = trained({})
    assert_close(results[name][0], history)
    saved, _ = load_checkpoint(results["folder"] / folder / "model.safetensors")
    assert type(saved).__name__ == "MlpMixer" and saved.state_dict().keys() == weights.keys()
    assert_same_weights(saved.state_dict(), weights)
    if folder == "more":
        _, snapshots = load_snapshots(results["folder"] / folder / "snapshots.safetensors")
        last = snapshots["blocks.0.token_mixing.fc1.weight"][-1]
        torch.testing.assert_close(last, weights["blocks.0.token_mixing.fc1.weight"], rtol=1e-2, atol=1e-3)


def test_a_sharded_run_is_resumed(results):
    """By shards, and its state is that of a run without: whole tensors of the same names."""
    history, _ = trained(dict(schedule="constant"))
    assert_close(results["parts"][0], history)
    parts, plain = (load_state(results["folder"] / name / "resume.pt") for name in ("parts", "to four"))
    moments = [{number: {name: value.shape for name, value in values.items()}
                for number, values in state["optimizer"]["state"].items()} for state in (parts, plain)]
    assert moments[0] == moments[1] and parts["settings"] == plain["settings"]


def test_what_is_not_in_parts_is_copied():
    """The means of batch norm, which every process has whole."""
    there, here = (torch.nn.BatchNorm1d(3) for _ in range(2))
    there.running_mean.fill_(2)
    scatter(there, here)
    assert (here.running_mean == 2).all()


@pytest.mark.parametrize("changes, message", [
    (dict(), "only one: start it with torchrun"), (dict(optimizer="muon"), "'muon', which needs whole matrices"),
    (dict(compile=True), "compile=True does not go with shard=True")])
def test_shard_says_what_it_needs(monkeypatch, changes, message):
    if changes:
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(ValueError, match=message):
        check_processes(quick(shard=True, **changes))


def test_a_batch_has_an_image_for_each_process(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 3)
    check_processes(quick(batch_size=3))
    with pytest.raises(ValueError, match=r"batch_size is 2, .* there are 3 processes"):
        check_processes(quick(batch_size=2))


if __name__ == "__main__":
    all_of_it(sys.argv[1])
