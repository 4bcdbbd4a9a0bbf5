"""The options of a run as a TOML file: read by train --config, and written by each run.

    dataset = "cifar10"
    epochs = 20
    flip = true
"""

import argparse
import json

from ..configs import did_you_mean

try:
    import tomllib
except ImportError:         # before Python 3.11
    import tomli as tomllib

NOT_KEPT = ("help", "config", "resume", "out")      # what is no property of a run


def read_config(path, parser):
    """The words of a command line that say what a TOML file says: ["--epochs", "20", "--flip"].

    Keys are the options' names, with _ or - between words. Raises ValueError for an unknown one, naming the nearest,
    for a value that is no number, string, true or false, and for a file that is not TOML; FileNotFoundError if there is
    none."""
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"--config is {path}: there is no such file") from None
    except (ValueError, RecursionError) as error:       # also bytes that are no UTF-8
        raise ValueError(f"--config is {path}, which is not TOML ({error}): expected lines such as "
                         f"epochs = 20") from None
    actions = {action.dest: action for action in parser._actions if action.dest not in NOT_KEPT}
    words = []
    for key, value in content.items():
        action = actions.get(key.replace("-", "_"))
        if key in NOT_KEPT:
            raise ValueError(f"{path} has the key {key!r}, which is for the command line alone: --{key}")
        if action is None:
            raise ValueError(f"{path} has the key {key!r}, which is no option of train{did_you_mean(key, actions)}")
        switch = isinstance(action, argparse.BooleanOptionalAction)
        if not isinstance(value, bool if switch else (str, int, float)) or isinstance(value, bool) != switch:
            expected = "true or false" if switch else "a number or a string"
            raise ValueError(f"{path}: {key} is {value!r}, expected {expected}")
        # With a sign of equality, so that a value that begins with a minus is no option.
        words += [action.option_strings[0 if value else 1]] if switch else [f"{action.option_strings[0]}={value}"]
    return words


def as_toml(options, parser):
    """The options of a run as TOML, also those that were not given; those without a value are left out."""
    lines = ["# The options of this run. To repeat it: python -m mixer_lib train --config THIS_FILE --out FOLDER"]
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        if action.dest in NOT_KEPT or value is None:
            continue
        value = "x".join(map(str, value)) if isinstance(value, tuple) else value
        lines.append(f"{action.dest} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
