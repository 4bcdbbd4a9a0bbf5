"""A table of measured runs, written row by row, so that an interrupted script can continue where it stopped."""

import json

from mixer_lib.checkpoints import write_atomically


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
