"""Measure the Mixer beside its relatives, for lesson 13: `python tools/measure_family.py --root DIR`.

Trains each mixer of MIXERS on all of CIFAR-10, as wide as a budget allows: the Mixer's number of parameters, or its
number of multiply-accumulates. First each mixer tries every learning rate once, on half of the images; the rate with
the highest held-out accuracy is the one of its runs over several seeds. Writes notebooks/results/family.json: one row
per run, with the accuracy on held-out images, also with their patches in another order or moved, steps per second,
memory and, where token mixing is a learned map of places, the share of convolution in each block's map. The test images
play no part. After an interruption, the same command continues where it stopped. DIR: the folder of the full data, or a
.npz file with it. The options make a shorter table for a machine without a GPU; the table says with which it was made.
The lesson's longer.json has a few of the mixers with more epochs: --mixers, --epochs, --out.
"""

import argparse
import platform
import time
from dataclasses import replace
from pathlib import Path

import torch

from mixer_lib import count_macs, count_parameters, fit_to
from mixer_lib.analysis import convolution_share, grid_of, token_map
from mixer_lib.configs import get_config
from mixer_lib.data import load_dataset, split
from mixer_lib.family import build
from mixer_lib.model import patchify, unpatchify
from mixer_lib.training import Recipe, best_device, fit, memory_needed, predict
from result_table import TUNING_SEED, fill_tuned

RESULTS = Path(__file__).parents[1] / "notebooks/results/family.json"
MIXERS = {"Mixer": "cifar10", "ResMLP": "resmlp-cifar10", "gMLP": "gmlp-cifar10", "ConvMixer": "convmixer-cifar10",
          "attention": "vit-cifar10", "FNet": "fnet-cifar10", "pooling": "poolformer-cifar10",
          "identity": "identity-cifar10"}
BUDGETS = {"parameters": count_parameters, "macs": count_macs}
HELD_OUT, SHIFTS = 0.1, (4, 8)      # a share of the training images; pixels
# Token mixing as a linear map of places, of the mixers that learn one: W2 W1 / 2, or the one layer itself.
MAPS = {"Mixer": lambda mixing: token_map(mixing.fc1.weight, mixing.fc2.weight),
        "ResMLP": lambda mixing: mixing.part.linear.weight, "gMLP": lambda gate: gate.linear.weight}


def mixer_config(blocks, hidden_dim):
    """The configuration of the Mixer that the tables compare with: both MLPs shrink with hidden_dim."""
    return get_config("cifar10", num_blocks=blocks, hidden_dim=hidden_dim, tokens_mlp_dim=hidden_dim // 2,
                      channels_mlp_dim=4 * hidden_dim)


def config_of(mixer, budget, whole):
    """The configuration of a mixer at the cost of the Mixer with the configuration `whole`."""
    if mixer == "Mixer":
        return whole
    return fit_to(MIXERS[mixer], **{budget: BUDGETS[budget](whole)}, num_blocks=whole.num_blocks)


def make_recipe(epochs, batch_size):
    """How all models of the tables are trained, but for the learning rate and the seed: fields of a `Recipe`."""
    return dict(epochs=epochs, batch_size=batch_size, warmup_epochs=epochs / 10, weight_decay=0.1, crop_padding=4,
                flip=True, val_fraction=0)


def hold_out(dataset, seed):
    """The data set without the held-out images, and those: (Dataset, images, labels). A run that only tries a learning
    rate has half of the images to learn from."""
    train, held = split(dataset.train_labels, HELD_OUT, torch.Generator().manual_seed(seed))
    if seed == TUNING_SEED:
        train, _ = split(dataset.train_labels, 0.5, torch.Generator().manual_seed(seed + 1))
        train = train[~torch.isin(train, held)]
    return (replace(dataset, train_images=dataset.train_images[train], train_labels=dataset.train_labels[train]),
            dataset.train_images[held], dataset.train_labels[held])


def train(model, dataset, recipe):
    """Train on dataset's images: {"seconds", "steps_per_second", "diverged"}. On a CPU the seconds are those of the
    processor, which other work on the machine does not lengthen."""
    clock = time.process_time if best_device().type == "cpu" else time.perf_counter
    start = clock()
    try:
        steps = len(fit(model, dataset, recipe).steps)
    except FloatingPointError:
        return {"seconds": 0, "steps_per_second": 0, "diverged": True}
    seconds = clock() - start
    return {"seconds": round(seconds), "steps_per_second": round(steps / seconds, 2), "diverged": False}


def accuracy(model, images, labels, dataset):
    """The share of `images` that the model has right. A model with weights that are not finite has none right."""
    logits = predict(model, images, dataset)
    hits = (logits.argmax(1) == labels) & logits.isfinite().all(1)
    return round(hits.float().mean().item(), 4)


def with_shuffled_patches(images, patch_size, seed):
    """The images with the patches of all in another order. uint8 [N, C, H, W] -> same."""
    table = patchify(images, patch_size)                                                    # [N, S, D]
    order = torch.randperm(table.shape[1], generator=torch.Generator().manual_seed(seed))
    return unpatchify(table[:, order], patch_size, images.shape[-2:])


def moved(images, pixels):
    """The images moved to the right, with black at the left. uint8 [N, C, H, W] -> same."""
    return torch.nn.functional.pad(images, (pixels, 0))[..., :images.shape[-1]]


def run(mixer, budget, seed, lr, dataset, recipe, whole):
    """Train once and measure: the rest of the row, a dict; memory in bytes beyond the weights."""
    torch.manual_seed(seed)
    config, device, recipe = config_of(mixer, budget, whole), best_device(), Recipe(**recipe, lr=lr, seed=seed)
    model, (data, images, labels) = build(config).to(device), hold_out(dataset, seed)
    row = {"hidden_dim": config.hidden_dim, "parameters": count_parameters(config), "macs": count_macs(config)}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    row |= train(model, data, recipe) | {"held_out": accuracy(model, images, labels, data)}
    if seed == TUNING_SEED:
        return row
    row["memory"] = (torch.cuda.max_memory_allocated(device) if device.type == "cuda"
                     else memory_needed(model, data, recipe))
    row["shuffled"] = accuracy(model, with_shuffled_patches(images, config.patch_size, seed), labels, data)
    row["moved"] = {str(pixels): accuracy(model, moved(images, pixels), labels, data) for pixels in SHIFTS}
    if mixer in MAPS:
        maps = torch.stack([MAPS[mixer](block.token_mixing).detach() for block in model.blocks])    # [L, S, S]
        shares = convolution_share(maps, grid_of(model), diagonal=False)
        row["convolution_shares"] = [round(share, 4) for share in shares.tolist()]
    return row


def arguments_of(parser, arguments=None):
    """Read the options that all tables of lesson 13 share: (options, the data set, the facts of the table)."""
    parser.add_argument("--root", type=Path, help="folder of the full data, or a .npz file with it")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the images (default: 20)")
    parser.add_argument("--blocks", type=int, default=8, help="blocks of the whole Mixer (default: 8)")
    parser.add_argument("--hidden-dim", type=int, default=128, help="its width (default: 128)")
    parser.add_argument("--batch-size", type=int, default=128, help="images per step (default: 128)")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3, 3e-3, 6e-3], help="learning rates to try")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each setting (default: 3)")
    options = parser.parse_args(arguments)
    whole = mixer_config(options.blocks, options.hidden_dim)
    root = options.root
    dataset = load_dataset(root) if root and root.suffix == ".npz" else load_dataset("cifar10", full=True, root=root)
    facts = {"machine": machine(), "images": round(len(dataset.train_images) * (1 - HELD_OUT)), "mixer": vars(whole),
             "rates": options.rates, "recipe": make_recipe(options.epochs, options.batch_size)}
    return options, whole, dataset, facts


def machine():
    """What the table was measured on, in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] \
        if cpuinfo.exists() else []
    return f"{torch.get_num_threads()} thread(s) of a CPU: {(names or [platform.processor()])[0]}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budgets", nargs="+", default=list(BUDGETS), choices=BUDGETS, help="what all mixers share")
    parser.add_argument("--mixers", nargs="+", default=list(MIXERS), choices=MIXERS, help="which rows (default: all)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the table, for runs with other options")
    options, whole, dataset, facts = arguments_of(parser, arguments)
    for budget in options.budgets:
        fill_tuned(options.out, facts, [{"mixer": mixer, "budget": budget} for mixer in options.mixers], options.rates,
                   options.seeds, lambda **key: run(**key, dataset=dataset, recipe=facts["recipe"], whole=whole))


if __name__ == "__main__":
    main()
