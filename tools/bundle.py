"""Train a model on the full data and bundle it with the package: `make model NAME=mnist`.

Writes into mixer_lib/models: NAME.safetensors, the model in half precision; NAME.md, its card; NAME-history.csv, the
epochs of its training; and, for a recipe with --snapshots, NAME-snapshots.safetensors, the token-mixing weights during
training. After an interruption, the same command continues the run where it stopped.

A run that was trained on another machine is bundled from its folder, which must hold model.safetensors, history.csv
and, where there are any, snapshots.safetensors:

    python tools/bundle.py cifar10 --trained FOLDER --hardware "one NVIDIA H100, bf16"
"""

import argparse
import datetime
import platform
from pathlib import Path

import torch

from mixer_lib.checkpoints import (
    WEIGHTS,
    load_checkpoint,
    load_snapshots,
    read_rows,
    save_checkpoint,
    save_snapshots,
    save_table,
    write_atomically,
)
from mixer_lib.cli import main as run
from mixer_lib.data import load_dataset
from mixer_lib.training import best_device, evaluate, fast_bf16
from mixer_lib.training.devices import describe

# The command line that trains each model, without the folders of its data and its output.
RECIPES = {
    "mnist": "--dataset mnist --full --epochs 40 --lr 4e-3 --warmup-epochs 2 --crop-padding 2 --val-fraction 0.05 "
             "--seed 0",
    "cifar10": "--dataset cifar10 --full --batch-size 512 --epochs 101 --warmup-epochs 3 --optimizer muon --lr 4e-3 "
               "--weight-decay 0.1 --label-smoothing 0.1 --crop-padding 4 --flip --cutmix 0.5 --val-fraction 0.02 "
               "--compile --snapshots 20 --seed 0",
    # Lesson 9 looks at the rows of W1 of this model, so Muon does not train W1.
    "cifar10-fine": "--dataset cifar10 --full --patch-size 2 --num-blocks 4 --hidden-dim 96 --tokens-mlp-dim 256 "
                    "--channels-mlp-dim 384 --batch-size 512 --epochs 137 --warmup-epochs 3 --optimizer muon-but-w1 "
                    "--lr 4e-3 --weight-decay 0.2 --label-smoothing 0.1 --crop-padding 4 --flip --cutmix 0.5 "
                    "--val-fraction 0.02 --compile --snapshots 20 --seed 0",
}

CARD = """# {name}

A Mixer with {parameters:,} parameters: {model}.

| | |
|---|---|
| data | {data} |
| trained with | `python -m mixer_lib train {recipe} --out runs/{name}` |
| hardware | {hardware} |
| training time | {time}, {epochs} epochs |
| held-out accuracy, last epoch | {held_out:.2%} |
| test accuracy, weights of the last epoch, as bundled | {test:.2%} of {tested:,} images |
| test accuracy on the bundled sample's test images | {sample:.2%} of {sampled:,} images |
| bundled | {date}, half precision, {size:.0f} KB |

The test images were read once, after training. `make model NAME={name}` makes this model.
"""


def train(name, out, root):
    """Train the model `name` in the folder `out`, or go on with its run. Returns a description of the hardware."""
    arguments = [*RECIPES[name].split(), *(["--root", str(root)] if root else []), "--out", str(out)]
    begun = (out / "command.txt").exists()
    if run(["train", *arguments, *(["--resume"] if begun else [])]) != 0:
        raise SystemExit(f"training stopped; give the same command again to continue the run in {out}")
    device = best_device()                                      # `train` picks the same one
    precision = load_checkpoint(out / "model.safetensors")[1].recipe["precision"]
    if precision == "auto":
        precision = "bf16" if fast_bf16(device) else "float32"
    cpu = f"{platform.machine()} CPU, threads: {torch.get_num_threads()}"
    return f"{cpu if device.type == 'cpu' else describe(device)}, {precision}"


def bundle(name, out, root, hardware):
    """Measure the model that a finished run left in the folder `out`, and put it into the package with its card."""
    recipe = RECIPES[name]
    model, about = load_checkpoint(out / "model.safetensors")
    history = read_rows(out / "history.csv")
    model.half().float().to(best_device())                      # as when it is read from the file
    full, sample = load_dataset(about.dataset.name, full=True, root=root), load_dataset(about.dataset.name)
    test, on_sample = (evaluate(model, data)["accuracy"] for data in (full, sample))
    path = WEIGHTS / f"{name}.safetensors"
    save_checkpoint(path, model.half(), about.dataset, recipe=recipe,
                    test_accuracy=test, sample_test_accuracy=on_sample)
    if (out / "snapshots.safetensors").exists():
        steps, weights = load_snapshots(out / "snapshots.safetensors")
        save_snapshots(WEIGHTS / f"{name}-snapshots.safetensors", {
            step: {key: stacked[i] for key, stacked in weights.items()} for i, step in enumerate(steps)}, in_bytes=True)
    save_table(WEIGHTS / f"{name}-history.csv", history)
    seconds = sum(row["seconds"] for row in history)
    card = CARD.format(
        name=name, parameters=sum(p.numel() for p in model.parameters()), recipe=recipe, epochs=len(history),
        model=", ".join(f"{key} {value}" for key, value in vars(model.config).items() if value),
        data=f"{about.dataset.name}, all {len(full.train_images):,} training images, "
             f"{about.recipe['val_fraction']:.0%} of them held out",
        hardware=hardware, time=f"{seconds / 60:.0f} minutes" if seconds > 600 else f"{seconds:.0f} seconds",
        held_out=history[-1]["val_accuracy"],
        test=test, tested=len(full.test_images), sample=on_sample, sampled=len(sample.test_images),
        date=datetime.date.today(), size=path.stat().st_size / 1000)
    write_atomically(WEIGHTS / f"{name}.md", card.encode())
    print(card)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/NAME)")
    parser.add_argument("--root", type=Path, help="folder of the full data")
    parser.add_argument("--trained", type=Path, metavar="FOLDER", help="bundle this finished run, do not train")
    parser.add_argument("--hardware", help="with --trained: what it was trained on, and in which precision")
    options = parser.parse_args()
    if bool(options.trained) != bool(options.hardware):
        parser.error("--trained and --hardware go together: the card says where a run was trained")
    out = options.trained or options.out or Path("runs") / options.name
    bundle(options.name, out, options.root, options.hardware or train(options.name, out, options.root))


if __name__ == "__main__":
    main()
