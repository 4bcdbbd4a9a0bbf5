"""The command inspect: what a model's token mixing has learned, as pictures and as numbers beside their controls."""

import csv
import html
import io
import json
import math
from pathlib import Path

import torch

from ..analysis import (
    convolution_share,
    displacement_kernel,
    frequency,
    grid_of,
    mixing_weights,
    order,
    rank,
    relabeled,
    singular_pictures,
    summarize,
    token_map,
)
from ..checkpoints import WEIGHTS, find_checkpoint, load_snapshots, write_atomically
from ..pretrained import KNOWN, load_released
from .say import say

PICTURES, CURVES = 24, 8        # singular pictures of a block; blocks whose curves are drawn
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 24px auto; max-width: 940px; padding: 0 12px; }}
img {{ display: block; max-width: 100%; }}
div {{ overflow-x: auto; }} table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 2px 10px; text-align: right; white-space: nowrap; }} th:first-child {{ text-align: left; }}
tr.control {{ color: GrayText; }} tr.control th {{ font-weight: normal; padding-left: 28px; }}
</style></head>
<body>
{body}
</body>
</html>
"""


def inspect_model(options, words):
    out, page = Path(options.out), Path(options.out) / "index.html"
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out is {out}, which is a file: expected a folder")
    if page.exists():
        raise ValueError(f"{out} already holds a page, index.html: choose another --out, or delete it")
    known = options.checkpoint in KNOWN
    model, about = load_released(options.checkpoint if known else find_checkpoint(options.checkpoint, known=KNOWN))
    path = Path(about.file)
    (W1, W2), grid = mixing_weights(model), grid_of(model)                          # [L, D_S, S], [L, S, D_S]
    if W1.shape[-1] == 1:
        raise ValueError(f"{path} cuts its images into a single patch: there are no places between which it could mix")
    name = Path(options.checkpoint).stem
    snapshots = snapshots_of(path, W1, W2)
    numbers, along = numbers_of(W1, W2, grid, options.seed), []
    if snapshots:
        steps, weights = snapshots[0], [stacked(snapshots[1], layer) for layer in ("fc1", "fc2")]
        along = [(step, numbers_of(*both, grid, options.seed)) for step, *both in zip(steps, *weights)]

    from ..plots import to_png  # here, because it takes seconds
    from ..widgets import displacement_explorer, to_html
    body = [f"<h1>Token mixing of {html.escape(options.checkpoint)}</h1>",
            f"<p>{html.escape(str(path))}: {len(W1)} blocks, {W1.shape[1]} hidden units each, on a grid of {grid[0]} x "
            f"{grid[1]} patches. Each number stands above its controls.</p>", table_in_html(numbers)]
    written = ["summary.csv", "summary.json"]
    write_atomically(out / "summary.csv", in_csv(rows_of(numbers)))
    facts = {"checkpoint": str(path), "grid": [*grid], "seed": options.seed, "blocks": rows_of(numbers)}
    write_atomically(out / "summary.json", (json.dumps(facts, indent=1) + "\n").encode())
    if along:
        written.append("training.csv")
        write_atomically(out / "training.csv", in_csv([{"step": step, **row} for step, of in along
                                                       for row in rows_of(of)]))
    living = displacement_explorer({name: model}, {name: snapshots} if snapshots else None, options.seed)
    write_atomically(out / "explorer.html", to_html({"explorer": living}, f"Token mixing of {name}").encode())
    drawn = [*pictures(W1, W2, grid, numbers, options.seed)]
    if snapshots:
        drawn[1:1] = curves(steps, *weights, grid)
    for file, title, alt, picture in drawn:
        write_atomically(out / file, to_png(picture, 2))
        size = picture.size[0] // 2 if hasattr(picture, "size") else 420
        body.append(f'{title}<img style="width: {size}px" src="{file}" alt="{html.escape(alt)}">')
    links = ", ".join(f'<a href="{file}">{file}</a>' for file in written)
    body.insert(3, f'<p>The numbers: {links}. To touch: <a href="explorer.html">the kernels by displacement</a>.</p>')
    write_atomically(page, PAGE.format(title=f"Token mixing of {html.escape(options.checkpoint)}",
                                       body="\n".join(body)).encode())
    print_table(numbers)
    say(f"the pictures and numbers are in {out}: open {page}")


def numbers_of(W1, W2, grid, seed):
    """What `summarize` says of all blocks, {name: {"trained": [L], control: [L]}}; for a single unit without what takes
    two."""
    if W1.shape[-2] > 1:
        return summarize(W1, W2, grid, seed)
    twice = summarize(W1.repeat(1, 2, 1), W2.repeat(1, 1, 2), grid, seed)           # the same shares
    return {name: lines for name, lines in twice.items() if "correlation" not in name}


def snapshots_of(path, W1, W2):
    """The snapshots of the training that lie beside a checkpoint, as `load_snapshots` gives them, if they end with its
    weights; otherwise None."""
    file = path.parent / (f"{path.stem}-snapshots.safetensors" if path.parent == WEIGHTS else "snapshots.safetensors")
    if not file.exists():
        return None
    steps, tensors = load_snapshots(file)
    for layer, weights in (("fc1", W1), ("fc2", W2)):
        last = stacked(tensors, layer)[-1]
        if last.shape != weights.shape or (last - weights).abs().max() > 0.02 * weights.abs().max():
            say(f"note: the snapshots in {file} do not end with the weights in {path}, and are left out")
            return None
    return steps, tensors


def stacked(tensors, layer):
    """The snapshots of fc1 or fc2 of all blocks, [n, L, ...]."""
    return torch.stack([tensors[f"blocks.{k}.token_mixing.{layer}.weight"] for k in range(len(tensors) // 2)], dim=1)


def curves(steps, W1, W2, grid):
    """As `pictures`, of weights along a training, [n, L, ...]."""
    from .. import plots
    drawn = sorted({round(i * (W1.shape[1] - 1) / (CURVES - 1)) for i in range(CURVES)})
    measures = {"share": ("share of convolution", convolution_share(token_map(W1, W2), grid, diagonal=False), 2),
                "rank": ("rank of W1", rank(W1), 0)}                                # [n, L] each
    for name, (label, values, digits) in measures.items():
        said = ", ".join(f"{values[0, k]:.{digits}f} to {values[-1, k]:.{digits}f} in block {k}" for k in drawn)
        yield (f"training-{name}.png", "<h2>Along the training</h2>" * (name == "share"),
               f"A chart over the updates, one curve for each block: the {label} goes from {said}.",
               plots.lines({"updates": (steps, {f"block {k}": values[:, k] for k in drawn})}, label, "x"))


def pictures(W1, W2, grid, numbers, seed):
    """The name, the title in HTML, the alternative text and the picture of each file, one after the other."""
    from .. import plots
    place = f"on the grid of {grid[0]} x {grid[1]} patches"
    maps = [token_map(W1, W2), token_map(relabeled(W1, seed), relabeled(W2.mT, seed).mT)]       # [L, S, S] each
    shares = [convolution_share(of, grid, diagonal=False) for of in maps]
    kernels = displacement_kernel(maps[0], grid, diagonal=False)
    said = ", ".join(f"block {k} {share:.2f} (relabeled {lost:.2f})" for k, (share, lost) in enumerate(zip(*shares)))
    yield ("kernels.png", "<h2>The kernels by displacement</h2><p>What a place takes, on average, from the place at "
           "each displacement, without what it takes from itself. Below: the block, its share of convolution, and that "
           "with the places relabeled at random.</p>",
           f"One picture per block: the mean of the token map over all pairs of places with one displacement, no "
           f"displacement in the middle. Share of convolution without what places take from themselves: {said}.",
           plots.kernels({f"kernels by displacement {place}": (kernels, *shares)}))
    for k, (read, written) in enumerate(zip(W1, W2.mT)):
        by, mean = order(read, grid, "frequency"), frequency(read, grid).mean()
        yield (f"block-{k}-w1.png", f"<h2>Block {k}</h2><p>What each unit reads, a row of W1, low frequency first.</p>",
               f"W1 of block {k}: its {len(read)} rows as pictures {place}, low frequency first. On average they have "
               f"{mean:.2f} cycles per patch, shuffled rows {numbers['frequency']['shuffled'][k]:.2f}.",
               plots.mosaic(read, grid, by, title=f"W1 of block {k}"))
        yield (f"block-{k}-w2.png", "<p>What each unit writes, a column of W2, in the same order.</p>",
               f"W2 of block {k}: its {len(read)} columns as pictures {place}, in the order of the rows of W1.",
               plots.mosaic(written, grid, by, title=f"W2 of block {k}"))
        energies, singular = singular_pictures(read)
        few, part = min(PICTURES, len(singular)), energies / energies.sum()
        yield (f"block-{k}-singular.png", f"<p>The pictures that the rows are sums of, the strongest {few}.</p>",
               f"The first {few} singular pictures of W1 of block {k} {place}; the first three hold "
               f"{', '.join(f'{share:.0%}' for share in part[:3])} of the energy, all {few} {part[:few].sum():.0%}. "
               f"Rank (participation ratio): {rank(read):.1f} of {len(energies)}.",
               plots.mosaic(singular[:few], grid, title=f"singular pictures of block {k}"))


def rows_of(numbers):
    """One row for each block, {"block": 0, "frequency": 0.22, "frequency (shuffled)": 0.38, ...}; None: no number."""
    columns = {name if line == "trained" else f"{name} ({line})": values.tolist()
               for name, lines in numbers.items() for line, values in lines.items()}
    count = len(next(iter(columns.values())))
    return [{"block": k, **{name: values[k] if math.isfinite(values[k]) else None for name, values in columns.items()}}
            for k in range(count)]


def in_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def lines_of(numbers):
    """The lines of the table: (its name, whether it is a control, one text per block)."""
    for name, lines in numbers.items():
        for line, values in lines.items():
            digits = 1 if name in ("places", "rank") else 3 if "share" in name else 2
            yield (name if line == "trained" else line, line != "trained",
                   [f"{value:.{digits}f}" if math.isfinite(value) else "-" for value in values.tolist()])


def print_table(numbers):
    lines = [*lines_of(numbers)]
    width = max(len(name) for name, *_ in lines) + 2
    print("block".ljust(width) + "".join(f"{k:>9}" for k in range(len(lines[0][2]))))
    for name, control, texts in lines:
        print(("  " * control + name).ljust(width) + "".join(text.rjust(9) for text in texts))


def table_in_html(numbers):
    lines = [*lines_of(numbers)]
    rows = ["<tr><th>block</th>" + "".join(f"<th>{k}</th>" for k in range(len(lines[0][2]))) + "</tr>"]
    rows += [f'<tr{" class=control" if control else ""}><th>{name}</th>' + "".join(f"<td>{text}</td>" for text in texts)
             + "</tr>" for name, control, texts in lines]
    return "<div><table>\n" + "\n".join(rows) + "\n</table></div>"
