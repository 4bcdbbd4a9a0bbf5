"""Does everything work on this machine's GPU? `python tools/check_gpu.py` trains, evaluates, resumes, summarizes and
draws there, compares with the CPU, and prints a line for each.

The tests of this project pretend a GPU; here the real one answers. Takes about a minute.

Two recipes wait for a GPU. The first should reach 90% of the CIFAR-10 test images within 90 seconds of training on one
H100, the second 92% with the same 1.1 million parameters; neither has been run yet. The seconds are in history.csv.

    python -m mixer_lib train --dataset cifar10 --full --compile --batch-size 512 --optimizer muon --lr 4e-3 \\
        --weight-decay 0.1 --warmup-epochs 3 --crop-padding 4 --flip --cutmix 0.5 --val-fraction 0.02 \\
        --epochs 80 --out runs/fast
    the same with --epochs 300 --randaugment 5 --out runs/best
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch._dynamo.utils import counters

from mixer_lib import analysis, create_model, plots, widgets
from mixer_lib.checkpoints import load_checkpoint, load_snapshots
from mixer_lib.cli import main as run
from mixer_lib.conv import from_conv, to_conv
from mixer_lib.data import load_dataset, normalize
from mixer_lib.training import Recipe, best_device, evaluate, fit, predict
from mixer_lib.training.devices import describe


def check(name, function):
    """Run one check and print what it says; what it raises ends the script with its traceback."""
    start = time.perf_counter()
    said = function()
    print(f"ok  {name:<52}{time.perf_counter() - start:6.1f} s   {said or ''}", flush=True)


class Interrupt:
    """A callback that interrupts a run after some epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def __call__(self, history):
        if len(history.epochs) == self.epochs:
            raise KeyboardInterrupt


def main():
    device, cpu = best_device(), torch.device("cpu")
    if device == cpu:
        sys.exit("this machine has no GPU that PyTorch can use")
    print(f"{describe(device)}, torch {torch.__version__}")
    data, folder = load_dataset("cifar10"), Path(tempfile.mkdtemp())
    sizes = dict(num_blocks=3, hidden_dim=96, channels_mlp_dim=192)

    def trained(where, out=None, resume=False, stop=None, **options):
        torch.manual_seed(0)
        model = create_model("cifar10", **sizes).to(where)
        recipe = Recipe(**dict(epochs=3, batch_size=128, lr=3e-3, crop_padding=4, flip=True) | options)
        history = fit(model, data, recipe, out=out, resume=resume, callbacks=[Interrupt(stop)] if stop else [])
        return model, history

    def train(**options):
        model, history = trained(device, **options)
        result = evaluate(model, data)
        assert result["accuracy"] > 0.2, result
        return f"{len(history.steps)} steps, test accuracy {result['accuracy']:.1%}"

    check("train, evaluate: AdamW", train)
    check("train, evaluate: Muon", lambda: train(optimizer="muon"))
    check("train, evaluate: RandAugment, MixUp, CutMix", lambda: train(randaugment=9, mixup=0.5, cutmix=0.5))
    check("train, evaluate: bf16", lambda: train(precision="bf16"))
    check("train, evaluate: resized crops", lambda: train(resized_crop=0.5))
    check("train, evaluate: in pieces, with less kept",
          lambda: train(accumulate=2, checkpoint_activations=True, precision="float32"))

    def compiled(**options):
        """Fails where torch.compile or its CUDA graphs gave up and the run went on without them."""
        counters.clear()
        said = train(compile=True, **options)
        assert counters["stats"]["unique_graphs"], "nothing was compiled"
        assert not counters["inductor"]["cudagraph_skips"], counters["inductor"]
        return said

    if device.type == "cuda":       # elsewhere a run is not compiled, and says so
        check("train, evaluate: compiled", compiled)
        check("train, evaluate: compiled, Muon", lambda: compiled(optimizer="muon"))
        check("train, evaluate: compiled, in pieces", lambda: compiled(accumulate=2))

    def head_alone():
        torch.manual_seed(0)
        model = create_model("cifar10", **sizes).to(device)
        recipe = Recipe(epochs=1, batch_size=128)
        fit(model, data, recipe)
        before = model.patch_embedding.linear.weight.clone()
        fit(model, data, replace(recipe, freeze=True))
        assert torch.equal(model.patch_embedding.linear.weight, before)

    check("then only the head", head_alone)

    def resumed():
        whole = trained(device, precision="float32")[0].state_dict()
        trained(device, folder / "run", stop=2, precision="float32")
        again = trained(device, folder / "run", resume=True, precision="float32")[0].state_dict()
        difference = max((whole[k] - again[k]).abs().max().item() for k in whole)
        assert difference < 0.01, difference        # a GPU may add up in another order each time
        return f"largest difference of a weight {difference:.1e}"

    check("interrupted and resumed", resumed)
    for first, second in ((device, cpu), (cpu, device)):
        def moved(first=first, second=second):
            out = folder / f"{first.type}-{second.type}"
            trained(first, out, stop=1)
            assert len(trained(second, out, resume=True)[1].epochs) == 3

        check(f"begun on {first}, resumed on {second}", moved)

    model = create_model("cifar10-fine")
    torch.nn.init.normal_(model.head.weight)
    twin, few = create_model("cifar10-fine"), data.test_images[:250]
    twin.load_state_dict(model.state_dict())
    twin.to(device)

    def same_logits():
        difference = (predict(model, few, data) - predict(twin, few, data)).abs().max().item()
        assert difference < 0.05, difference
        return f"largest difference {difference:.1e}"

    check("predict: as on the CPU", same_logits)
    check("convolutions, there and back", lambda: from_conv(to_conv(twin)) and None)

    def numbers():
        layer = twin.blocks[0].token_mixing
        weights = layer.fc1.weight.detach(), layer.fc2.weight.detach()
        analysis.summarize(*weights, analysis.grid_of(twin))
        tables = analysis.tables_by_depth(twin, normalize(few[:20].to(device), data.mean, data.std))
        analysis.logits_without(twin, tables, [(0, "token mixing"), (1, 3)])
        analysis.influence_by_depth(twin.blocks[:1], tables[0][0], directions=2)

    check("summarize, switch off, influence", numbers)

    def drawn():
        plots.to_png(plots.image_row(few[:10].to(device)))
        probabilities = predict(twin, few.to(device), data).softmax(dim=1)
        plots.to_png(plots.prediction(few[0].to(device), probabilities[0], data.classes, truth=0))
        labels = data.test_labels[:250].to(device)
        for page in (widgets.weight_browser(twin), widgets.switches(twin, data, count=50),
                     widgets.prediction_browser(few, labels, probabilities, data.classes)):
            assert page.arrays

    check("pictures and widgets", drawn)

    def command_line():
        out = folder / "cli"
        assert run(["train", "--dataset", "mnist", "--epochs", "2", "--snapshots", "3", "--out", str(out)]) == 0
        assert run(["evaluate", str(out / "model.safetensors")]) == 0
        load_checkpoint(out / "model.safetensors"), load_snapshots(out / "snapshots.safetensors")

    check("the command line", command_line)


if __name__ == "__main__":
    main()
