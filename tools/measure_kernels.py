"""Measure what training leaves in the token-mixing weights, and what decides it, for lesson 9:

    python tools/measure_kernels.py --root FOLDER_OF_THE_FULL_DATA

Trains a small Mixer on all of CIFAR-10 with a base recipe, and with one change of it at a time, over several seeds.
Writes notebooks/results/kernels.json: one row per run, with the accuracy on held-out images and the numbers of each
block, each beside its controls. FOLDER is torchvision's, or a .npz file. After an interruption, the same command
continues where it stopped.
"""

import argparse
import copy
import platform
import time
from pathlib import Path

import torch

from mixer_lib import create_model
from mixer_lib.analysis import (
    chance_share,
    convolution_share,
    frequency,
    grid_of,
    mixed,
    partners,
    random_like,
    rank,
    relabeled,
    shuffled,
    token_map,
    twins,
)
from mixer_lib.data import load_dataset
from mixer_lib.training import Recipe, best_device, fit
from mixer_lib.training.devices import describe, fast_bf16
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/kernels.json"
SEEDS, DRAWS = 3, 10
MODEL = dict(num_blocks=3, hidden_dim=48, channels_mlp_dim=96)              # of create_model("cifar10", ...)
RECIPE = dict(epochs=4, batch_size=64, lr=3e-3, warmup_epochs=0.25, weight_decay=0.1, optimizer="adamw",
              crop_padding=4, flip=True, val_fraction=0.1)
CHANGES = {
    "base": {},
    "weight decay 0": dict(weight_decay=0.0),
    "weight decay 0.5": dict(weight_decay=0.5),
    "muon": dict(optimizer="muon"),
    "muon-but-w1": dict(optimizer="muon-but-w1"),
    "no flips": dict(flip=False),
    "no crops": dict(crop_padding=0),
    "no flips, no crops": dict(flip=False, crop_padding=0),
    "epochs 1": dict(epochs=1),
    "epochs 8": dict(epochs=8),
}


def run(change, seed, dataset):
    """Train once and measure: {"held_out", "seconds", "hardware", "blocks"}. The seconds are the processor's own, which
    other programs do not change."""
    device = best_device()
    torch.manual_seed(seed)
    model = create_model("cifar10", **MODEL).to(device)
    start, began = copy.deepcopy(model), time.process_time()
    history = fit(model, dataset, Recipe(**RECIPE | CHANGES[change], seed=seed))
    seconds = time.process_time() - began
    name = f"{platform.machine()} CPU" if device.type == "cpu" else describe(device)
    return {"held_out": round(history.epochs[-1]["val_accuracy"], 4), "seconds": round(seconds),
            "hardware": f"{name}, threads: {torch.get_num_threads()}, {'bf16' if fast_bf16(device) else 'float32'}",
            "blocks": measure_blocks(model, start)}


@torch.no_grad()
def measure_blocks(model, start):
    """For each block of a trained model, given as it was at its start: {"whole", "less start", "start left"}, the
    `numbers` of its token mixing, the same without what is left of the start, and the cosine of W1 with its start."""
    rows = []
    for trained, first in zip(model.blocks, start.blocks, strict=True):
        (W1, W2), (W1_start, W2_start) = ((mixing.fc1.weight, mixing.fc2.weight)
                                          for mixing in (trained.token_mixing, first.token_mixing))
        rows.append({"whole": numbers(W1, W2, grid_of(model)),
                     "less start": numbers(less(W1, W1_start), less(W2, W2_start), grid_of(model)),
                     "start left": round(torch.cosine_similarity(W1.flatten(), W1_start.flatten(), dim=0).item(), 4)})
    return rows


def less(weight, start):
    """A weight less the multiple of its start that it still contains. Weight decay makes that smaller than 1."""
    return weight - (weight * start).sum() / start.square().sum() * start


def numbers(W1, W2, grid):
    """One token-mixing MLP, W1 [D_S, S] and W2 [S, D_S]: {name: {"trained": number, control: number}}.

    The names are those of `analysis.summarize`. Controls are means over `DRAWS` draws; "error" is the standard error of
    the mean of "mixed"."""
    def over_draws(number):
        values = torch.stack([number(seed) for seed in range(DRAWS)])
        return values.mean(), values.std() / DRAWS ** 0.5

    def closest(measure):
        mean, error = over_draws(lambda seed: measure(mixed(W1, seed))[1].mean())
        return {"trained": measure(W1)[1].mean(), "mixed": mean, "error": error}

    def share(diagonal):
        mean, _ = over_draws(lambda seed: convolution_share(
            token_map(relabeled(W1, seed), relabeled(W2.mT, seed).mT), grid, diagonal))
        return {"trained": convolution_share(token_map(W1, W2), grid, diagonal), "relabeled": mean,
                "chance": torch.tensor(chance_share(grid, diagonal))}

    found = {
        "frequency": {"trained": frequency(W1, grid).mean(),
                      "shuffled": over_draws(lambda seed: frequency(shuffled(W1, seed), grid).mean())[0]},
        "rank": {"trained": rank(W1), "random": over_draws(lambda seed: rank(random_like(W1, seed)))[0]},
        "convolution share": share(diagonal=True),
        "share without diagonal": share(diagonal=False),
        "pair correlation": closest(partners),
        "twin correlation": closest(twins),
    }
    return {name: {kind: round(number.item(), 4) for kind, number in kinds.items()} for name, kinds in found.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of the full data, or a .npz file")
    options = parser.parse_args(arguments)
    if options.root and options.root.suffix == ".npz":
        dataset = load_dataset(options.root)
    else:
        dataset = load_dataset("cifar10", full=True, root=options.root)
    # Seed by seed, so that an unfinished table has each change.
    keys = [{"change": change, "seed": seed} for seed in range(SEEDS) for change in CHANGES]
    fill(RESULTS, {"model": MODEL, "recipe": RECIPE, "changes": CHANGES}, keys,
         lambda **key: run(**key, dataset=dataset))


if __name__ == "__main__":
    main()
