"""Measure the Mixer beside its relatives, for lesson 13: `python tools/measure_family.py --root DIR`.

Trains each mixer of MIXERS on all of CIFAR-10, as wide as a budget allows: the Mixer's number of parameters, or its
number of multiply-accumulates. First each mixer tries every learning rate once; the rate with the highest held-out
accuracy is the one of its runs over several seeds. Writes notebooks/results/family.json: one row per run, with the
accuracy on held-out images, steps per second, memory and, where token mixing is a learned map of places, the share of
convolution in each block's map. The test images play no part. After an interruption, the same command continues where
it stopped. DIR: the folder of the full data. --epochs and --blocks make a shorter table for a machine without a GPU.
"""

import argparse
import time
from pathlib import Path

import torch

from mixer_lib import count_macs, count_parameters, fit_to
from mixer_lib.analysis import convolution_share, grid_of, token_map
from mixer_lib.configs import get_config
from mixer_lib.data import load_dataset
from mixer_lib.family import build
from mixer_lib.training import Recipe, best_device, fit, memory_needed
from result_table import fill

RESULTS = Path(__file__).parents[1] / "notebooks/results/family.json"
MIXERS = {"Mixer": "cifar10", "ResMLP": "resmlp-cifar10", "gMLP": "gmlp-cifar10", "ConvMixer": "convmixer-cifar10",
          "attention": "vit-cifar10", "FNet": "fnet-cifar10", "pooling": "poolformer-cifar10",
          "identity": "identity-cifar10"}
BUDGETS = {"parameters": count_parameters, "macs": count_macs}
RATES, TUNING_SEED, SEEDS = (1e-3, 3e-3, 6e-3), 100, 3
RECIPE = dict(epochs=20, weight_decay=0.1, crop_padding=4, flip=True, val_fraction=0.1)
# Token mixing as a linear map of places, of the mixers that learn one: W2 W1 / 2, or the one layer itself.
MAPS = {"Mixer": lambda mixing: token_map(mixing.fc1.weight, mixing.fc2.weight),
        "ResMLP": lambda mixing: mixing.part.linear.weight, "gMLP": lambda gate: gate.linear.weight}


def config_of(mixer, budget, blocks):
    """The configuration of a mixer at the cost of the Mixer of as many blocks."""
    sizes = {} if blocks is None else {"num_blocks": blocks}
    return fit_to(MIXERS[mixer], **{budget: BUDGETS[budget](get_config("cifar10", **sizes))}, **sizes)


def run(mixer, budget, seed, lr, dataset, recipe, blocks):
    """Train once and measure: {"held_out", "steps_per_second", "memory", ...}; memory in bytes beyond the weights."""
    torch.manual_seed(seed)
    config, device = config_of(mixer, budget, blocks), best_device()
    model, recipe = build(config).to(device), Recipe(**recipe, lr=lr, seed=seed)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    start = time.perf_counter()
    history = fit(model, dataset, recipe)
    seconds = time.perf_counter() - start
    speeds = sorted(row["images_per_second"] / recipe.batch_size for row in history.epochs)
    on_gpu = device.type == "cuda"
    row = {"hidden_dim": config.hidden_dim, "parameters": count_parameters(config), "macs": count_macs(config),
           "held_out": round(history.epochs[-1]["val_accuracy"], 4), "seconds": round(seconds),
           "steps_per_second": round(speeds[len(speeds) // 2], 2), "device": device.type,
           "memory": torch.cuda.max_memory_allocated(device) if on_gpu else memory_needed(model, dataset, recipe)}
    if mixer in MAPS:
        maps = torch.stack([MAPS[mixer](block.token_mixing).detach() for block in model.blocks])    # [L, S, S]
        shares = convolution_share(maps, grid_of(model), diagonal=False)
        row["convolution_shares"] = [round(share, 4) for share in shares.tolist()]
    return row


def best_rate(rows, mixer, budget):
    """The learning rate that was best in tuning."""
    tried = [row for row in rows if (row["mixer"], row["budget"], row["seed"]) == (mixer, budget, TUNING_SEED)]
    return max(tried, key=lambda row: row["held_out"])["lr"]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of the full data")
    parser.add_argument("--epochs", type=int, default=RECIPE["epochs"], help="passes over the images (default: 20)")
    parser.add_argument("--blocks", type=int, help="blocks of each model (default: 8)")
    options = parser.parse_args(arguments)
    dataset = load_dataset("cifar10", full=True, root=options.root)
    recipe = RECIPE | {"epochs": options.epochs}
    facts = {"mixers": MIXERS, "rates": list(RATES), "recipe": recipe, "blocks": options.blocks}

    def measure(mixer, budget, seed, lr):
        return run(mixer, budget, seed, lr, dataset, recipe, options.blocks)

    pairs = [(mixer, budget) for budget in BUDGETS for mixer in MIXERS]
    rows = fill(RESULTS, facts, [{"mixer": mixer, "budget": budget, "seed": TUNING_SEED, "lr": lr}
                                 for lr in RATES for mixer, budget in pairs], measure)
    # Seed by seed, so that an unfinished table has all mixers.
    fill(RESULTS, facts, [{"mixer": mixer, "budget": budget, "seed": seed, "lr": best_rate(rows, mixer, budget)}
                          for seed in range(SEEDS) for mixer, budget in pairs], measure)


if __name__ == "__main__":
    main()
