"""What lesson 13 says in words is true of its tables, and its notebook shows the tables as they are in their files."""

import json
from statistics import mean, variance

import nbformat
import pytest
import torch

import measure_family
import measure_parts
from lessons import NOTEBOOKS, read_text
from mixer_lib import create_model
from mixer_lib.analysis import influence
from result_table import TUNING_SEED

MAPS = ("Mixer", "ResMLP", "gMLP")


def table(name):
    return json.loads((NOTEBOOKS / f"results/{name}.json").read_text())


def by_name(rows, key, what="held_out"):
    found = {}
    for row in rows:
        if row["seed"] != TUNING_SEED:
            found.setdefault(row[key], {})[row["seed"]] = row[what]
    return found


def gaps(accuracy, base):
    """{name: (mean difference, two standard errors)} in points, paired by seed, with one spread for all."""
    differences = {name: [100 * (values[seed] - accuracy[base][seed]) for seed in values]
                   for name, values in accuracy.items() if name != base}
    spread = mean(map(variance, differences.values())) ** 0.5
    return {name: (mean(values), 2 * spread / len(values) ** 0.5) for name, values in differences.items()}


FAMILY, EQUAL_MACS = ([row for row in table("family")["rows"] if row["budget"] == budget]
                      for budget in measure_family.BUDGETS)
PARTS, SWAPS = table("parts")["rows"], table("swaps")["rows"]
TABLES = {"family": (by_name(FAMILY, "mixer"), "Mixer"), "equal MACs": (by_name(EQUAL_MACS, "mixer"), "Mixer"),
          "parts": (by_name(PARTS, "change"), "whole"), "swaps": (by_name(SWAPS, "change"), "whole")}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_whole(name):
    """Each row has the same seeds, at least three, at the rate that was best for it."""
    accuracy, _ = TABLES[name]
    assert [*accuracy] == list(measure_parts.TABLES.get(name, measure_family.MIXERS))
    assert {tuple(sorted(values)) for values in accuracy.values()} == {(0, 1, 2)}
    for key, rows in (("mixer", FAMILY), ("mixer", EQUAL_MACS), ("change", PARTS), ("change", SWAPS)):
        tried = {}
        for row in rows:
            if row["seed"] == TUNING_SEED:
                tried.setdefault(row[key], {})[row["lr"]] = row["held_out"]
        assert all(row["lr"] == max(tried[row[key]], key=tried[row[key]].get)
                   for row in rows if row["seed"] != TUNING_SEED)


@pytest.mark.parametrize("name", TABLES)
def test_the_notebook_shows_the_table_of_the_file(name):
    notebook = nbformat.read(NOTEBOOKS / "13_family.ipynb", as_version=4)
    shown = "".join(output.get("text", "") for cell in notebook.cells if cell.cell_type == "code"
                    for output in cell.outputs)
    for setting, (gap, reach) in gaps(*TABLES[name]).items():
        verdict = "too close to call" if abs(gap) <= reach else "better" if gap > 0 else "worse"
        assert f"{setting:36}{gap:+6.1f} ± {reach:.1f} points   {verdict}" in shown, setting


def test_the_family_has_three_groups():
    means = {name: mean(values.values()) for name, values in TABLES["family"][0].items()}
    first, last = [means[name] for name in MAPS], [means[name] for name in ("attention", "FNet", "pooling", "identity")]
    assert means["ConvMixer"] > max(first) + 0.05 and min(first) > max(last) + 0.05
    assert max(first) - min(first) < 0.045
    none = means["identity"]
    assert max(means["FNet"], means["pooling"]) < none + 0.015 < means["attention"] < none + 0.06
    assert means["ConvMixer"] - min(means.values()) > 0.2
    tried = {}
    for row in FAMILY:
        if row["seed"] == TUNING_SEED:
            tried.setdefault(row["mixer"], []).append(row["held_out"])
    rates = max(max(values) - min(values) for values in tried.values())
    assert min(means["ConvMixer"] - max(first), min(first) - max(last)) > rates
    reach = max(reach for _, reach in gaps(*TABLES["family"]).values())
    assert 100 * (means["ConvMixer"] - max(first)) > 2.5 * reach and 100 * (min(first) - max(last)) > 2.5 * reach


    gap, reach = gaps(*TABLES["family"])["gMLP"]
    assert reach < gap < 2 * reach and abs(gaps(*TABLES["family"])["ResMLP"][0]) < reach


def test_part_and_block_interact():
    gap = {name: value for name, (value, _) in gaps(*TABLES["swaps"]).items()} | {"whole": 0}
    reach = max(reach for _, reach in gaps(*TABLES["swaps"]).values())
    parts = ("one linear layer", "the Mixer's MLP", "a convolution")
    mixer = [gap[name] for name in ("one linear layer", "whole", "a convolution")]
    other = [gap[name] for name in (f"ConvMixer, {parts[0]}", f"ConvMixer, {parts[1]}", "ConvMixer")]
    assert all(4.5 < there - here < 11.9 for here, there in zip(mixer, other))          # the block
    assert 3.5 < mixer[2] - mixer[0] < 6 and 3.5 < other[2] - other[0] < 6 and reach < 2    # the prior
    assert abs(mixer[2]) < reach and -5.2 < mixer[0] < -4.5 and abs(other[1] - other[0]) < reach     # the MLP
    assert 5.5 < other[2] - other[1] < 6.5 and gap["a convolution, then GELU"] < mixer[2] - reach
    assert 2 < gap["attention"] - gap["nothing"] < 3
    size = {row["change"]: row["parameters"] for row in SWAPS}
    assert 0.9 < size["a convolution"] / size["whole"] < 0.93
    assert {row["hidden_dim"] for row in SWAPS if row["change"].startswith("ConvMixer")} == {129}
    assert all(table("swaps")[key] == table("family")[key] for key in ("images", "mixer", "rates", "recipe"))


def test_equal_parameters_are_nearly_equal_macs_and_not_equal_time():
    macs, seconds = by_name(FAMILY, "mixer", "macs"), by_name(FAMILY, "mixer", "seconds")
    more = {name: macs[name][0] / macs["Mixer"][0] for name in macs}
    assert all(0.93 < more[name] < 1.25 for name in more) and min(more["attention"], more["gMLP"]) > 1.1
    assert 3 < mean(seconds["ConvMixer"].values()) / mean(seconds["Mixer"].values()) < 4.5
    assert all(row["lr"] == max(table("family")["rates"]) for row in FAMILY if row["seed"] != TUNING_SEED)


def test_a_third_rate():
    wider = table("rates")
    assert wider["rates"][:2] == table("family")["rates"] and wider["recipe"] == table("family")["recipe"]
    again = {name: 100 * (mean(values.values()) - mean(TABLES["family"][0][name].values()))
             for name, values in by_name(wider["rows"], "mixer").items()}
    chosen = by_name(wider["rows"], "mixer", "lr")
    assert [*again] == list(measure_family.MIXERS)
    assert {name for name in chosen if {*chosen[name].values()} == {0.018}} == {"Mixer", "ResMLP", "pooling"}
    assert 0.5 < again["ResMLP"] < 1 and abs(again["pooling"]) < 0.5 and -2 < again["Mixer"] < -1
    assert all(again[name] == 0 for name in chosen if {*chosen[name].values()} == {0.006})


def test_with_more_time_the_mixer_passes_the_convolution():
    rows = {row["mixer"]: row for row in table("longer")["rows"]}
    once = [other for other in FAMILY if other["mixer"] == "ConvMixer" and other["seed"] != TUNING_SEED]
    assert rows["Mixer"]["held_out"] > max(other["held_out"] for other in once) + 0.05
    assert rows["Mixer"]["seconds"] < 1.2 * mean(other["seconds"] for other in once)
    more = {name: row["held_out"] - mean(TABLES["family"][0][name].values()) for name, row in rows.items()}
    assert min(more["attention"], more["identity"]) > 0.2 and abs(more["attention"] - more["identity"]) < 0.015
    ahead = {name: row["held_out"] - rows["identity"]["held_out"] for name, row in rows.items()}
    assert 0.02 < ahead["attention"] < 0.05 and 0.095 < ahead["Mixer"] < 0.11


def test_more_images_and_larger_networks():
    """After equal steps the curves do not cross, and end flat."""
    accuracy = {}
    for row in table("data_size")["rows"]:
        accuracy.setdefault(row["model"], {}).setdefault(row["images"] or 45_000, []).append(100 * row["held_out"])
    curves = {name: {count: mean(runs) for count, runs in some.items()} for name, some in accuracy.items()}
    for count in curves["Mixer"]:
        assert curves["CNN"][count] > curves["Mixer"][count] + 1 > curves["attention"][count] + 3
    for curve in curves.values():
        assert curve[2_000] > curve[500] + 5 and abs(curve[45_000] - curve[2_000]) < 5
    assert curves["Mixer"][45_000] - curves["Mixer"][2_000] < 2
    rows = table("data_size")["rows"] + table("model_size")["rows"]
    assert all(0.9 < row["parameters"] / 91_034 <= 1 for row in table("data_size")["rows"])
    probe = by_name([row | {"seed": (row["images"], row["seed"])} for row in table("data_size")["rows"]], "model",
                    "few_shot")
    before = {name: mean(some.values()) for name, some in by_name(
        [row | {"seed": (row["images"], row["seed"])} for row in table("data_size")["rows"]], "model",
        "few_shot_untrained").items()}
    gain = {name: mean(some.values()) - before[name] for name, some in probe.items()}
    assert 0.04 < gain["Mixer"] < 0.08 and 0.04 < gain["CNN"] < 0.08 and abs(gain["attention"]) < 0.02
    higher = {name: sum(row["few_shot"] > row["few_shot_untrained"] for row in table("data_size")["rows"]
                        if row["model"] == name) for name in probe}
    assert higher["Mixer"] == higher["CNN"] == 16 and higher["attention"] < 8
    assert before["CNN"] > max(probe["Mixer"].values())
    size = {row["model"]: row for row in table("model_size")["rows"]}
    assert 11.5 < size["L"]["parameters"] / size["S"]["parameters"] < 12.5 and not any(row["diverged"] for row in rows)
    sizes = by_name(table("model_size")["rows"], "model")
    assert {len(seeds) for seeds in sizes.values()} == {4}
    (larger, reach), (next_one, _) = (gaps(sizes, "S")[name] for name in "LM")
    assert reach < larger < 1.5 * reach and 4.5 < larger < 5.5 and next_one < reach
    assert abs(gaps(sizes, "M")["L"][0]) < gaps(sizes, "M")["L"][1]


def test_what_shuffled_and_moved_images_cost():
    def lost(what):
        values = {}
        for row in FAMILY:
            if row["seed"] != TUNING_SEED:
                values.setdefault(row["mixer"], []).append(100 * (row["held_out"] - what(row)))
        return {name: mean(some) for name, some in values.items()}

    means = {name: 100 * mean(values.values()) for name, values in TABLES["family"][0].items()}
    shuffled, moved = lost(lambda row: row["shuffled"]), lost(lambda row: row["moved"]["8"])
    assert shuffled["identity"] == 0 and 0 < shuffled["attention"] < 2
    assert all(means[name] - shuffled[name] < means["identity"] + 1 for name in (*MAPS, "ConvMixer"))
    assert moved["ConvMixer"] < moved["Mixer"] < min(moved["ResMLP"], moved["gMLP"])


def test_shares_of_convolution():
    learned = by_name([row for row in FAMILY if row["mixer"] in MAPS], "mixer", "convolution_shares")
    shares = {name: [mean(block) for block in zip(*values.values())] for name, values in learned.items()}
    assert min(shares["Mixer"][1:] + shares["ResMLP"] + shares["gMLP"]) > 1.5 * 225 / 4096
    assert max(shares["Mixer"] + shares["ResMLP"] + shares["gMLP"]) < 0.5


def test_what_the_parts_are_worth():
    gap = {name: value for name, (value, _) in gaps(*TABLES["parts"]).items()}
    reach = max(reach for _, reach in gaps(*TABLES["parts"]).values())
    several = [gap[f"without {part}"] for part in ("channel mixing", "skips", "channel norm")]
    assert max(gap["without token mixing"], gap["without GELU"]) < -10
    assert abs(gap["without token mixing"] - gap["without GELU"]) < reach
    assert min(several) > -10 and max(several) < -4.5 and gap["without both norms"] < gap["without channel norm"]
    ties = ("a token MLP per channel", "a token MLP per group of channels", "without token norm", "pyramid",
            "half the blocks, wider", "twice the blocks, narrower")
    assert all(abs(gap[name]) < reach for name in ties)
    assert min(gap[name] for name in ties[:2]) > 1 and max(gap["patches of 8"], gap["patches of 16"]) < -4
    size = {row["change"]: (row["parameters"], row["macs"]) for row in PARTS}
    assert size["a token MLP per channel"][0] > 7 * size["whole"][0]
    assert size["pyramid"][1] < size["whole"][1] / 2 and size["patches of 8"][1] < 0.28 * size["whole"][1]
    channel = 1 - size["without channel mixing"][0] / size["whole"][0]
    assert 0.8 < channel < 0.85 and 1 - size["without token mixing"][0] / size["whole"][0] < 1 / 6


def test_who_hears_whom():
    """As the lesson finds out, with its own functions, on a grid of 8 x 8."""
    cells = [cell.source for cell in read_text(NOTEBOOKS / "text/13_family.py").cells if "def " in cell.source]
    names = {"torch": torch, "nn": torch.nn, "create_model": create_model, "influence": influence}
    for wanted in ("def random_part", "def blocks_until_heard"):
        cell, = (cell for cell in cells if wanted in cell)
        exec(cell[cell.index("def "):cell.index("\n\n")], names)
    row, column = torch.arange(64) // 8, torch.arange(64) % 8
    steps = torch.maximum((row[:, None] - row).abs(), (column[:, None] - column).abs())         # [S, S]
    everybody = (steps > 0).int()
    for mixer, name in measure_family.MIXERS.items():
        expected = {"pooling": steps, "ConvMixer": -(-steps // 2), "identity": 0 * steps}.get(mixer, everybody)
        assert torch.equal(names["blocks_until_heard"](names["random_part"](name), 64), expected.float()), mixer


def test_both_scripts_train_the_same_mixer():
    assert TABLES["parts"][0]["whole"] == TABLES["family"][0]["Mixer"]
