"""Analysis, pictures and widgets with a model and tensors on two devices: they give what they give on the CPU alone."""

import functools
import hashlib

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from devices import fake_gpu, moved, real_gpu
from mixer_lib import analysis, plots, widgets
from mixer_lib.data import Dataset
from mixer_lib.model import ChannelMixing, MlpMixer

GRID = 2, 3
random = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=random)


def pixels(*shape):
    return torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)


@functools.cache
def model(digits=False):
    """A model on a grid of 2 x 3, or one that reads digits, with weights so large that each part counts."""
    sizes = dict(image_size=28, patch_size=7, in_channels=1, num_classes=10) if digits else dict(
        image_size=(8, 12), patch_size=4, in_channels=3, num_classes=3)
    made = MlpMixer(**sizes, num_blocks=2, hidden_dim=8, tokens_mlp_dim=10, channels_mlp_dim=9).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(normal(*parameter.shape))
    return made


def dataset(digits=False):
    images = pixels(20, 1, 28, 28) if digits else pixels(20, 3, 8, 12)
    classes = list("0123456789") if digits else ["ant", "bee", "cat"]
    labels, C = torch.arange(20) % len(classes), images.shape[1]
    return Dataset("toy", images, labels, images, labels, classes, (0.5,) * C, (0.25,) * C)


COLOR, GRAY = pixels(3, 8, 8), torch.rand(8, 8, generator=random)
W1, W2, ALONG = normal(10, 6), normal(6, 10), normal(3, 10, 6)
IMAGES, TOKENS, STRENGTHS = normal(4, 3, 8, 12), normal(6, 8), normal(3, 4, 4).abs()
LABELS, BEFORE, AFTER = (torch.randint(0, 3, (20,), generator=random) for _ in range(3))
SHARES, ORDER = normal(4, 3).softmax(dim=1), torch.randperm(64, generator=random)
DETECTORS = {"a": normal(4, 4), "b": normal(4, 4)}
COLUMNS, UNITS = ({name: normal(4) for name in names} for names in ("ab", "uv"))
MLP, NORM, TOKEN = ChannelMixing(3, 4).requires_grad_(False), torch.nn.LayerNorm(3), normal(5, 3)
READS = [(normal(3, 16), normal(3), normal(16, 5)) for _ in range(2)]
X = torch.linspace(1, 2, 5)
SNAPSHOTS = {f"blocks.{k}.token_mixing.fc{layer}.weight": normal(3, *shape)
             for k in range(2) for layer, shape in ((1, (10, 6)), (2, (6, 10)))}
DATASET, DIGITS = dataset(), dataset(digits=True)
OFF = [(0, "token mixing"), (1, 3), (1, 4)]


def sent(page):
    """What a widget that is drawn in the page sends to it."""
    return [page.arrays, page.shapes, page.facts, page.picked]


def augmented(m, x):
    """What the augmentation explorer sends, at first and when the page asks for more."""
    page = widgets.augmentation_explorer(x(pixels_of(SHARES)), m(LABELS)[:4], ["a", "b", "c"])
    shown = sent(page)
    for asked in ([1, 2, 1, 9, "cutmix"], [2, 2, 1, 9, "mixup"]):
        page.picked = {**page.picked, "asked": asked}
        assert not page.problem, page.problem
        shown.append(page.answer)
    return shown


def switched(page, *values):
    """What the switches send at first, and what they answer."""
    answers = [sent(page)]
    for off in values:
        page.picked = {**page.picked, "off": off}
        assert not page.problem, page.problem
        answers.append(page.answer)
    return answers


# What each function gives, where m puts the model on one device and x the rest on another.
ANALYSIS = {
    "influence": lambda m, x: analysis.influence(m(model()).blocks[0], x(TOKENS), between="channels"),
    "influence_by_depth": lambda m, x: analysis.influence_by_depth(m(model()).blocks, x(TOKENS), directions=2),
    "tables_by_depth": lambda m, x: analysis.tables_by_depth(m(model()), x(IMAGES)),
    "logits_without": lambda m, x: [analysis.logits_without(m(model()), x(
        analysis.tables_by_depth(model(), IMAGES)), OFF, by) for by in analysis.ablation.BY],
    "switched_off": lambda m, x: x(switched_off(m(model()), m(IMAGES))),
    "logits_with_maps": lambda m, x: analysis.logits_with_maps(m(model()), x(
        analysis.tables_by_depth(model(), IMAGES)), {1: m(W2 @ W1), 0: x(W2 @ W1)}),
    "token_mixing_means": lambda m, x: [mean for means in analysis.token_mixing_means(
        m(model()), x(analysis.tables_by_depth(model(), IMAGES))) for mean in means],
    "unit_slopes": lambda m, x: analysis.unit_slopes(m(model()), x(analysis.tables_by_depth(model(), IMAGES))),
    "top_answers": lambda m, x: analysis.top_answers(m(model()), x(analysis.tables_by_depth(model(), IMAGES)), 1, 2, 3),
    "grid_of": lambda m, x: analysis.grid_of(m(model())),
    "mixing_weights": lambda m, x: x([*analysis.mixing_weights(m(model()))]),
    "spectrum": lambda m, x: analysis.spectrum(x(ALONG), GRID),
    "frequency": lambda m, x: analysis.frequency(x(ALONG), GRID),
    "participation": lambda m, x: analysis.participation(x(ALONG)),
    "partners": lambda m, x: analysis.partners(x(ALONG)),
    "twins": lambda m, x: analysis.twins(x(ALONG)),
    "singular_pictures": lambda m, x: analysis.singular_pictures(x(ALONG)),
    "rank": lambda m, x: analysis.rank(x(ALONG)),
    "order": lambda m, x: [analysis.order(x(W1), GRID, by) for by in analysis.ORDERS],
    "token_map": lambda m, x: [analysis.token_map(x(W1), x(W2)), analysis.token_map(x(ALONG), x(W2), m(ALONG)[..., 0])],
    "displacement_kernel": lambda m, x: [analysis.displacement_kernel(x(W2) @ x(ALONG), GRID, diagonal)
                                         for diagonal in (True, False)],
    "as_map": lambda m, x: analysis.as_map(x(ALONG)[:, :3, :5], GRID),
    "reads_and_writes": lambda m, x: analysis.reads_and_writes(x(ALONG), x(W2)),
    "convolution_share": lambda m, x: [analysis.convolution_share(x(W2) @ x(ALONG), GRID, diagonal)
                                       for diagonal in (True, False)],
    "chance_share": lambda m, x: analysis.chance_share(GRID),
    "shuffled": lambda m, x: analysis.shuffled(x(ALONG), 1),
    "relabeled": lambda m, x: analysis.relabeled(x(ALONG), 1),
    "mixed": lambda m, x: analysis.mixed(x(ALONG), 1),
    "same_spectrum": lambda m, x: analysis.same_spectrum(x(ALONG), GRID, 1),
    "random_like": lambda m, x: analysis.random_like(x(W1), 1),
    "summarize": lambda m, x: analysis.summarize(x(ALONG), x(ALONG).mT, GRID),
}
PLOTS = {
    "as_array": lambda m, x: [plots.as_array(numbers) for numbers in (
        x(W1), x(W1).bfloat16(), [x(X), x(X)], [x(X)[0], 2.0], x(W1 + 0).requires_grad_())],
    "as_pixels": lambda m, x: [plots.as_pixels(image) for image in (x(COLOR), x(GRAY))],
    "image_row": lambda m, x: plots.image_row(x(torch.stack([COLOR, COLOR])), columns=2),
    "patch_grid": lambda m, x: plots.patch_grid(x(COLOR), 4),
    "lines": lambda m, x: plots.lines({"x": (x(X), {"a": m(X), "b": [1, 2, 3, 4, 5]})}, "y", log=True),
    "losses": lambda m, x: plots.losses({"a": x(X), "b": [*m(X)]}),
    "confusion": lambda m, x: plots.confusion(x(torch.eye(3, dtype=torch.long)), ["a", "b", "c"]),
    "changes": lambda m, x: plots.changes({"plain": x(X) / 2, "flips": [*m(X) / 2]}, trained={"plain": x(X) / 2}),
    "prediction": lambda m, x: plots.prediction(x(COLOR), m(SHARES)[0], ["a", "b", "c"], x(LABELS)[0]),
    "intervals": lambda m, x: plots.intervals({"t": {"M": {"p": x(X) / 2, "q": [*m(X) / 2]}}}, "y", 0.1),
    "bars": lambda m, x: plots.bars({"a": m(X)[0], "b": x(X)[1]}, "y", ["a"]),
    "roofline": lambda m, x: plots.roofline(1e12, 1e10, {"a": (2.0, 1e9)}),
    "tables": lambda m, x: plots.tables({"a": x(W1), "b": m(W1)[:2, :3]}),
    "functions": lambda m, x: plots.functions({"a": (x(X), {"b": m(X), "c": x(X) ** 2})}, "x", "y"),
    "by_depth": lambda m, x: plots.by_depth({"a": x(ALONG)[0], "b": [m(X), [1, 2, 3]]}, "y"),
    "mosaic": lambda m, x: plots.mosaic(m(W1), GRID, x(torch.arange(10).flip(0))),
    "kernels": lambda m, x: plots.kernels({"a": (x(ALONG)[:, 1:, :5], m(X), x(X))}),
}
WIDGETS = {
    "patch_explorer": lambda m, x: sent(widgets.patch_explorer(x(COLOR))),
    "embedding_explorer": lambda m, x: sent(widgets.embedding_explorer(x(GRAY), m(DETECTORS))),
    "token_unit_explorer": lambda m, x: sent(widgets.token_unit_explorer(x(COLOR), x(COLUMNS), m(UNITS))),
    "token_explorer": lambda m, x: sent(widgets.token_explorer(x(TOKEN), m(NORM), m(MLP))),
    "kernel_explorer": lambda m, x: sent(widgets.kernel_explorer(x(COLOR), m(READS))),
    "influence_explorer": lambda m, x: sent(widgets.influence_explorer(x(COLOR), m(STRENGTHS), 4)),
    "cost_explorer": lambda m, x: sent(widgets.cost_explorer()),
    "scramble_explorer": lambda m, x: sent(
        widgets.scramble_explorer(x(COLOR), m({"plain": torch.arange(64), "all": ORDER}), 4)),
    "augmentation_explorer": lambda m, x: augmented(m, x),
    "prediction_browser": lambda m, x: sent(
        widgets.prediction_browser(x(pixels_of(SHARES)), x(LABELS), m(SHARES), ["a", "b", "c"])),
    "family_explorer": lambda m, x: sent(widgets.family_explorer(
        {"a": {"about": "one", "parameters": 1, "macs": 1, "speed": 1.0, "results": [0.1], "mean": 0.1,
               "interval": (0.0, 0.2), "own": None}}, {"a": m(torch.ones(6, 6))}, GRID)),
    "weight_file_explorer": lambda m, x: sent(widgets.weight_file_explorer(m(model()))),
    "digit_pad": lambda m, x: sent(widgets.digit_pad(m(model(digits=True)), x(DIGITS))),
    "living_mixer": lambda m, x: sent(widgets.living_mixer(m(model(digits=True)), x(DIGITS), "mean")),
    "weight_browser": lambda m, x: sent(widgets.weight_browser(m(model()))),
    "displacement_explorer": lambda m, x: sent(widgets.displacement_explorer(
        {"a": m(model())}, {"a": ([0, 5], x(two_moments()))})),
    "training_scrubber": lambda m, x: sent(widgets.training_scrubber([0, 5, 9], m(SNAPSHOTS), GRID)),
    "switches": lambda m, x: switched(widgets.switches(m(model()), x(DATASET), count=10), "0t", "1c 1u4"),
}
NO_TENSORS = {"show", "img", "to_png", "LiveTraining", "Page", "to_html"}
CASES = [pytest.param(case, id=f"{room}.{name}") for room, cases in (
    ("analysis", ANALYSIS), ("plots", PLOTS), ("widgets", WIDGETS)) for name, case in cases.items()]


def pixels_of(numbers):
    """An image for each of some numbers."""
    return torch.stack([COLOR.roll(i, dims=2) for i in range(len(numbers))])


def two_moments():
    """Snapshots of `model`, of which the last is the model itself."""
    both = zip(("fc1", "fc2"), analysis.mixing_weights(model()))
    return {f"blocks.{k}.token_mixing.{layer}.weight": torch.stack([weights * 0.5, weights])
            for layer, blocks in both for k, weights in enumerate(blocks)}


def switched_off(model, images):
    with analysis.switched_off(model, OFF), torch.no_grad():
        return model(images)


def pixels_drawn(picture):
    """In place of a PNG file, which takes longer to write than the picture to draw: a hash of the pixels, of a figure
    coarse and without a layout."""
    if isinstance(picture, Figure):
        picture.set_layout_engine("none")
        picture.set_dpi(50)
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
    return hashlib.sha256(f"{picture.mode} {picture.size} ".encode() + picture.tobytes()).digest()


@pytest.fixture(autouse=True)
def no_files(monkeypatch):
    monkeypatch.setattr(plots, "to_png", pixels_drawn)


def plain(result):
    """A result as what can be compared."""
    if isinstance(result, (Figure, Image.Image)):
        plt.close("all")
        return pixels_drawn(result)
    if isinstance(result, torch.Tensor):
        return result.tolist()
    if isinstance(result, np.ndarray):
        return str(result.dtype), result.tolist()
    if isinstance(result, dict):
        return {key: plain(value) for key, value in result.items()}
    return [plain(part) for part in result] if isinstance(result, (list, tuple)) else result


def devices_of(result):
    if isinstance(result, torch.Tensor):
        return {result.device.type}
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, (list, tuple)) else ()
    return set().union(*map(devices_of, parts))


@functools.cache
def on_the_cpu(case):
    return plain(case(lambda thing: thing, lambda thing: thing))


def on_two_devices(case, gpu):
    """What a case gives with the model on the GPU and the rest on the CPU, and the other way round. Tensors that it
    returns must lie with the rest."""
    for model_at, rest_at in ((gpu, "cpu"), ("cpu", gpu)):
        result = case(lambda thing, at=model_at: moved(thing, at), lambda thing, at=rest_at: moved(thing, at))
        assert devices_of(result) <= {torch.device(rest_at).type}
        yield plain(result)


@pytest.mark.parametrize("case", CASES)
def test_the_device_makes_no_difference(case):
    expected = on_the_cpu(case)
    with fake_gpu() as gpu:
        for result in on_two_devices(case, gpu):
            assert result == expected


@pytest.mark.parametrize("case", CASES)
def test_the_default_device_makes_no_difference(case):
    """As after torch.set_default_device("cuda")."""
    expected = on_the_cpu(case)
    with fake_gpu() as gpu, gpu:
        assert plain(case(lambda thing: thing, lambda thing: thing)) == expected


def test_a_real_gpu_can_do_it():
    """Its last digits may differ, and with them the order of kernels that are nearly alike: no comparison."""
    if not real_gpu():
        pytest.skip("here is no GPU")
    for case, in (param.values for param in CASES):
        assert list(on_two_devices(case, real_gpu()))


@pytest.mark.parametrize("room, cases", [(analysis, ANALYSIS), (plots, PLOTS), (widgets, WIDGETS)])
def test_no_function_is_left_out(room, cases):
    public = {name for name, value in vars(room).items() if callable(value) and not name.startswith("_")}
    assert public - NO_TENSORS == set(cases)


def test_a_color_scale_of_weights_on_a_gpu():
    with fake_gpu() as gpu:
        assert plots.weights.color_top(W1.to(gpu)) == plots.weights.color_top(W1)


def test_the_untrained_model_of_the_weight_browser_is_drawn_on_the_cpu_and_leaves_gpus_alone(monkeypatch):
    """Their random numbers would be others, and torch.manual_seed and torch.random.fork_rng reach every device."""
    made, forked, fork = [], [], torch.random.fork_rng
    monkeypatch.setattr(torch, "manual_seed", lambda seed: 1 / 0)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices=None: forked.append(devices) or fork(devices))
    monkeypatch.setattr(widgets.weights, "MlpMixer", lambda **sizes: made.append(MlpMixer(**sizes)) or made[0])
    with fake_gpu() as gpu, gpu:
        widgets.weight_browser(moved(model(), gpu))
    assert forked == [[]] and {parameter.device.type for parameter in made[0].parameters()} == {"cpu"}


# The pretended GPU itself

def test_the_fake_gpu_refuses_to_mix_devices():
    with fake_gpu() as gpu:
        here, there, first, first_there = torch.ones(3), torch.ones(3, device=gpu), torch.tensor([0]), \
            torch.tensor([0], device=gpu)
        for mixed in (lambda: here + there, lambda: there + here, lambda: here[first_there], lambda: there[first],
                      lambda: torch.cat([here, there]), lambda: here + there.sum(), lambda: here.add_(there),
                      lambda: there.gather(0, first), lambda: there.index_add(0, first, there[:1]),
                      lambda: torch.where(here > 0, there, 0.0)):
            with pytest.raises(AssertionError, match="mixes cpu and fake:0"):
                mixed()
        assert (there + here.sum()).tolist() == [4, 4, 4]           # a number from the CPU is no mixture
        there[[0, 2]] = 5
        assert there[first_there].tolist() == [5] and there[:2].tolist() == [5, 1]


def test_the_fake_gpu_copies():
    with fake_gpu() as gpu:
        here, there = torch.arange(3.0), torch.zeros(3, device=gpu)
        there.copy_(here)
        assert there.tolist() == [0, 1, 2] and there.device.type == "fake" and there.cpu().device.type == "cpu"
        here.copy_(there + 1)
        assert here.tolist() == [1, 2, 3] and here.device.type == "cpu"
        assert here.to(gpu).half().device.type == "fake" and f"{there.mean():.1f}" == "1.0"
        lies = moved({"a": [here, 1], "b": (DATASET, model())}, gpu)
        assert devices_of(lies["a"]) == {"fake"} and lies["a"][1] == 1
        assert lies["b"][0].test_labels.device.type == next(lies["b"][1].parameters()).device.type == "fake"


def test_the_fake_gpu_refuses_what_gpus_refuse():
    with fake_gpu() as gpu:
        there = torch.ones(3, device=gpu)
        for refused in (there.numpy, lambda: np.asarray(there), there.double, lambda: torch.zeros(2, device=gpu,
                        dtype=torch.float64), lambda: torch.randperm(3, generator=torch.Generator(), device=gpu)):
            with pytest.raises((AssertionError, RuntimeError)):
                refused()
        with gpu, pytest.raises(AssertionError, match="draws numbers"):
            torch.rand(3, generator=torch.Generator())
    with pytest.raises(NotImplementedError):                        # there is none outside
        torch.ones(3, device=gpu)


def test_the_fake_gpu_trains_like_the_cpu():
    def step(device):
        torch.manual_seed(0)
        with device:
            trained = MlpMixer(8, 4, 1, 3, 2, 8, 5, 6, dropout=0.1)
            images, labels = torch.randn(4, 1, 8, 8), torch.arange(4) % 3
        optimizer = torch.optim.AdamW(trained.parameters(), fused=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "fake"):
            loss = torch.nn.functional.cross_entropy(trained(images), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        return [parameter.tolist() for parameter in trained.parameters()], {p.device.type for p in trained.parameters()}

    with fake_gpu() as gpu:
        there, here = step(gpu), step(torch.device("cpu"))
    assert there[0] == here[0] and there[1] == {"fake"}
