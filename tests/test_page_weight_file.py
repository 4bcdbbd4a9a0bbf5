"""The explorer of a file of weights in a browser: names, shapes and numbers of both layouts, side by side."""

import numpy as np
import pytest
import torch

from mixer_lib import MlpMixer, widgets
from mixer_lib.pretrained import save_released

FILE_NAMES, MODEL_NAMES, IN_FILE, IN_MODEL = range(4)           # which grid is what; canvases are in the same order
FC1, STEM, NORM = "blocks.1.token_mixing.fc1.weight", "patch_embedding.linear.weight", "norm.weight"


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    model = MlpMixer(4, 2, 3, 5, num_blocks=12, hidden_dim=6, tokens_mlp_dim=3, channels_mlp_dim=8, gelu="tanh")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


@pytest.fixture(scope="module")
def arrays(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "small.npz"
    save_released(small, path)
    with np.load(path) as file:
        return dict(file)


def row_of(page, name):
    return [row["model"] for row in page.facts["rows"]].index(name.replace("blocks.1.", "blocks.*."))


def opened(small, name, entry, block=1):
    page = widgets.weight_file_explorer(small)
    page.picked = {"block": block, "row": row_of(page, name), "entry": entry}
    return page


def same(drawn, values):
    """Opacity is size beside the largest, and orange (with more red than blue) is above zero."""
    values = np.asarray(values).reshape(-1, np.shape(values)[-1])
    expected = 255 * np.abs(values) / np.abs(values).max()
    sign = (drawn[:, :, 0] > drawn[:, :, 2]) == (values > 0)
    return np.allclose(drawn[:, :, 3], expected, atol=0.51) and sign[drawn[:, :, 3] > 3].all()


@pytest.mark.parametrize("name, file, timm, entry, at, here", [
    (FC1, "MixerBlock_1/token_mixing/Dense_0/kernel", "blocks.1.mlp_tokens.fc1.weight", 5, "(1, 2)", "[2, 1]"),
    (STEM, "stem/kernel", "stem.proj.weight", 31, "(0, 1, 2, 1)", "[1, 9]"),
    (NORM, "pre_head_layer_norm/scale", "norm.weight", 3, "(3)", "[3]")])
def test_it_shows_the_array_as_the_file_and_as_the_model_has_it(show, small, arrays, name, file, timm, entry, at, here):
    shown, array, tensor = show(opened(small, name, entry)), arrays[file], small.state_dict()[name]
    assert same(shown.pixels(IN_FILE), array) and same(shown.pixels(IN_MODEL), tensor)
    said = shown.text().replace("\u2212", "-")
    assert f"{file} becomes {name}, in timm {timm}: " in said
    value = array.flatten()[entry]
    assert f"Entry {at} of the file, {round(float(value), 2) + 0.0:.2f}, is entry {here} of the model." in said
    assert tensor[tuple(map(int, here[1:-1].split(", ")))] == value                     # what is said, is so
    assert f"in the file: ({', '.join(map(str, array.shape))})" in said
    assert f"in the model: [{', '.join(map(str, tensor.shape))}]" in said


def test_names_are_those_of_the_file_and_of_the_model(show, small, arrays):
    shown = show(opened(small, FC1, 0, block=10))
    in_file = shown.find(".mx-grid", FILE_NAMES).locator("span").all_inner_texts()
    in_model = shown.find(".mx-grid", MODEL_NAMES).locator("span").all_inner_texts()
    assert in_file == [name for name in sorted(arrays) if "Block" not in name or "MixerBlock_10/" in name]
    assert in_model == [name for name in small.state_dict() if "blocks" not in name or "blocks.10." in name]


@pytest.mark.parametrize("click", [False, True])
def test_each_view_moves_the_others(show, small, click):
    page = opened(small, FC1, 0)
    rows = [row["model"] for row in page.facts["rows"]]
    shown = show(page, height=1000)
    marks = ".mx-grid >> nth={} >> rect." + ("mx-mark" if click else "mx-hover")
    shown.at(".mx-grid", FILE_NAMES, 0.5, 0.5 / len(rows), click)                       # MixerBlock_1/LayerNorm_0/bias
    assert "becomes blocks.1.token_norm.bias" in shown.text()
    assert shown.frame(marks.format(MODEL_NAMES)) == [0, rows.index("blocks.*.token_norm.bias"), 1, 1]
    shown.at(".mx-grid", MODEL_NAMES, 0.5, 4.5 / len(rows), click)                      # fc1 of token mixing
    assert f"becomes {FC1}" in shown.text() and page.facts["order"].index(4) == shown.frame(marks.format(FILE_NAMES))[1]
    shown.at(".mx-grid", IN_FILE, 2.5 / 3, 3.5 / 4, click)                              # row 3, column 2 of (4, 3)
    if click:                   # a pointer that only rests there leaves the names, so their row is the picked one
        assert shown.picked == {"block": 1, "row": 4, "entry": 11}
    assert "Entry (3, 2) of the file" in shown.text() and "is entry [2, 3]" in shown.text()
    assert shown.frame(marks.format(IN_MODEL)) == [3, 2, 1, 1]
    shown.at(".mx-grid", IN_MODEL, 0.5 / 4, 1.5 / 3, click)                             # row 1, column 0 of [3, 4]
    assert "Entry (0, 1) of the file" in shown.text() and "is entry [1, 0]" in shown.text()
    assert shown.frame(marks.format(IN_FILE)) == [1, 0, 1, 1]


def test_keys_and_the_number_stays_in_the_array(show, small):
    shown = show(opened(small, STEM, 71))                       # the last number of 72
    shown.find(".mx-grid", MODEL_NAMES).focus()
    shown.page.keyboard.press("ArrowDown")                      # to the bias, which has 6
    assert "Entry (5) of the file" in shown.text() and shown.frame(".mx-grid >> nth=2 >> rect.mx-mark") == [5, 0, 1, 1]
    shown.find("input").focus()
    shown.page.keyboard.press("ArrowRight")
    assert shown.picked["block"] == 2 and "MixerBlock_2/LayerNorm_0/bias" in shown.text()


def test_a_large_model_is_refused():
    with pytest.raises(ValueError, match=r"has 38,394 numbers .* expected at most 10,000"):
        widgets.weight_file_explorer(MlpMixer(28, 7, 1, 10, 4, 64, 32, 256, gelu="tanh"))


@pytest.mark.parametrize("width, dark", [(360, True), (915, False), (1440, True)])
def test_it_is_never_wider_than_the_page_and_stays_as_high(show, small, width, dark):
    """`show` fails on a scrollbar."""
    shown = show(opened(small, FC1, 0), width=width, dark=dark, height=900)
    before = shown.find(".mx").bounding_box()
    shown.at(".mx-grid", MODEL_NAMES, 0.5, 0.02, click=True)
    after = shown.find(".mx").bounding_box()
    assert after["width"] <= 900 and (width < 900 or after["height"] == before["height"])
