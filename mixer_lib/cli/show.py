"""The commands that show what there is: data and info."""

from ..checkpoints import find_checkpoint, pretrained_names
from ..configs import NAMES, get_config
from ..costs import layer_table
from ..data.card import contact_sheets, describe
from ..pretrained import KNOWN, load_released
from .say import say


def describe_data(options, words):
    for line in describe(options.dataset, options.full, options.root):
        print(line, flush=True)
    if options.sheets:
        written = contact_sheets(options.dataset, options.sheets, options.full, options.root)
        say(f"{len(written)} contact sheet{'s are' if len(written) != 1 else ' is'} in {options.sheets}")


def info(options, words):
    if options.name in NAMES and options.name not in pretrained_names():
        config = get_config(options.name)
    else:
        source = options.name if options.name in KNOWN else find_checkpoint(options.name, known=[*NAMES, *KNOWN])
        model, about = load_released(source)
        config, data = model.config, about.dataset
        facts = {"file": about.file, "model": vars(config), "trained on": data.name,
                 "classes": ", ".join(data.classes[:20]) + f", ... ({len(data.classes):,})" * (len(data.classes) > 20),
                 "normalization": {"mean": data.mean, "std": data.std}, **vars(about),
                 "converted": "; ".join(about.converted)}
        for name, value in facts.items():
            if name != "dataset" and value != "":
                print(f"{name.replace('_', ' '):<24}{in_words(value)}")
        print()
    print(f"{'layer':<24}{'output':>14}{'parameters':>16}{'MACs':>18}")
    table = layer_table(config)
    for layer, shape, parameters, macs in table:
        print(f"{layer:<24}{'x'.join(map(str, shape)):>14}{parameters:>16,}{macs:>18,}")
    print(f"{'total':<38}{sum(row[2] for row in table):>16,}{sum(row[3] for row in table):>18,}")


def in_words(value):
    """A fact of a checkpoint, which may be any JSON, as one line: "image_size 28 x 28, dropout 0.1"."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_words(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return (" x " if all(isinstance(part, int) for part in value) else " ").join(map(in_words, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
