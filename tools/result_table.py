"""A table of measured runs, written row by row, so that an interrupted script can continue where it stopped."""

import json

from mixer_lib.checkpoints import write_atomically

TUNING_SEED = 100


def fill(path, facts, keys, run):
    """Add one row for each of `keys` that has no row yet to the table at `path`, a JSON file. Returns all its rows.

    facts: what all rows share, {name: value}, such as the recipe. A table with other facts ends the script. keys:
    dicts, one per row, which identify the rows. run: called with a key's values by name; returns the rest of the row,
    a dict."""
    table = {**facts, "rows": []}
    if path.exists():
        known = json.loads(path.read_text())
        table["rows"] = known["rows"]
        if known != table:
            raise SystemExit(f"{path} was measured with another recipe or model: delete it to measure again")
    for key in keys:
        if not any(key.items() <= row.items() for row in table["rows"]):
            table["rows"].append(key | run(**key))
            write_atomically(path, json.dumps(table, indent=1).encode())
            print({name: value for name, value in table["rows"][-1].items() if not isinstance(value, list)}, flush=True)
    return table["rows"]


def fill_tuned(path, facts, settings, rates, seeds, run):
    """As `fill`, for several seeds of each of `settings` (dicts), each at the learning rate that was best for it: the
    one of `rates` with the highest "held_out" in a run with TUNING_SEED. (With a single rate there is no such run.)
    Seed by seed, so that an unfinished table has all settings."""
    keys = [setting | {"seed": TUNING_SEED, "lr": lr} for setting in settings for lr in rates if len(rates) > 1]
    tried = [row for row in fill(path, facts, keys, run) if row["seed"] == TUNING_SEED]

    def best(setting):
        own = [row for row in tried if setting.items() <= row.items()]
        return max(own, key=lambda row: row["held_out"])["lr"] if own else rates[0]

    return fill(path, facts, [setting | {"seed": seed, "lr": best(setting)}
                              for seed in range(seeds) for setting in settings], run)
