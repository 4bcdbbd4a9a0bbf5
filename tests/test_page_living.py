"""The Mixer that runs in the page: its numbers and PyTorch's, its pad and Python's, and what the hand can do."""

import base64

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mixer_lib import MlpMixer, widgets
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset, normalize
from mixer_lib.digits import as_mnist
from mixer_lib.training import predict
from mixer_lib.widgets.page import module

SIZES = dict(num_classes=3, num_blocks=2, hidden_dim=6, tokens_mlp_dim=5, channels_mlp_dim=7)
STAGES = ["image", "patches", "tokens", "token mixing 1", "channel mixing 1", "token mixing 2", "channel mixing 2",
          "mean", "scores"]

# Whether there is anything but black on a canvas.
INK = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v)"

# What follows runs in the page: `mixer`, `pad` and `weights` as the widget has them, `images` one after the other.
LOAD = """async ({ mixer, kit, pad, images, size }) => {
    const load = (source) => import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    window.mixer = await load(mixer);
    window.pad = await load(pad);
    const state = document.getElementById("widget").state;
    window.weights = (await load(kit)).arrays({ get: (name) => state[name] });
    const bytes = Uint8Array.from(atob(images), (letter) => letter.charCodeAt(0));
    window.images = Array.from({ length: bytes.length / size }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}"""
TABLES = """() => {
    const plain = (value) => ArrayBuffer.isView(value) ? { shape: value.shape, numbers: [...value] }
        : Array.isArray(value) ? value.map(plain)
        : Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
    return plain(mixer.forward(weights, weights.facts, images[0]));
}"""


class Own:
    """A data set of noise, for models of any size."""

    def __init__(self, height, width):
        random = torch.Generator().manual_seed(1)
        self.test_images = torch.randint(256, (6, 1, height, width), generator=random, dtype=torch.uint8)
        self.test_labels = torch.tensor([2, 0, 1, 1, 0, 2])
        self.mean, self.std, self.classes = (0.3,), (0.4,), ["ant", "bee", "cat"]


def own(gelu="none", image_size=(12, 10), patch_size=(3, 5)):
    """A small model with random numbers in all its weights, and data for it."""
    torch.manual_seed(0)
    model = MlpMixer(image_size=image_size, patch_size=patch_size, in_channels=1, gelu=gelu, **SIZES).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    for part in model.modules():
        if isinstance(part, torch.nn.LayerNorm):
            part.eps = 0.1                              # large enough to be seen
    return model, Own(*image_size)


def load(shown, images):
    """Load the page's parts, and images uint8 [N, H, W]."""
    images, sources = np.ascontiguousarray(images), {name: module(name) for name in ("mixer", "kit", "pad")}
    text = base64.b64encode(images.tobytes()).decode()
    shown.page.evaluate(LOAD, {**sources, "images": text, "size": images[0].size})


def table(found):
    return torch.tensor(found["numbers"]).view(found["shape"])


@pytest.fixture(scope="module")
def mnist():
    return load_pretrained("mnist")[0], load_dataset("mnist")


@pytest.fixture
def living(show, mnist):
    """living(stage) shows the bundled model at a stage."""
    return lambda stage=None, **options: show(widgets.living_mixer(*mnist, stage), height=900, **options)


def stopped(shown):
    """The clock of the page, which goes on only by clock.run_for(milliseconds)."""
    shown.page.clock.install(time=0)
    shown.page.clock.pause_at(1000)
    return shown.page.clock


# ---- the numbers


def test_it_computes_what_pytorch_does_for_all_sample_digits(living, mnist):
    shown, (model, dataset) = living(), mnist
    load(shown, dataset.test_images[:, 0])
    found = shown.page.evaluate("() => images.map((image) => [...mixer.forward(weights, weights.facts, image).scores])")
    expected = predict(model, dataset.test_images, dataset)
    assert (torch.tensor(found) - expected).abs().max() < 1e-3


@pytest.mark.parametrize("gelu", ["none", "tanh"])
def test_every_table_is_the_modules_own(show, gelu):
    model, dataset = own(gelu)
    shown = show(widgets.living_mixer(model, dataset))
    load(shown, dataset.test_images[:1, 0])
    found, seen = shown.page.evaluate(TABLES), {}
    for name, part in model.named_modules():
        part.register_forward_hook(lambda part, given, made, name=name: seen.update({name: (given[0][0], made[0])}))
    with torch.no_grad():
        model(normalize(dataset.test_images[:1], dataset.mean, dataset.std))

    def same(got, expected):
        got = table(got)
        assert got.shape == expected.shape and torch.allclose(got, expected, atol=2e-5)

    same(found["input"], seen["patch_embedding.linear"][0])
    same(found["tokens"], seen["patch_embedding"][1])
    for k, block in enumerate(found["blocks"]):
        for kind in ("token", "channel"):
            part, name = block[kind], f"blocks.{k}.{kind}_"
            same(part["before"], seen[name + "norm"][0])
            same(part["norm"], seen[name + "norm"][1])
            same(part["hidden"], seen[name + "mixing.gelu"][1])
            same(part["change"], seen[name + "mixing"][1])
            same(part["after"], seen[name + "norm"][0] + seen[name + "mixing"][1])
        same(block["channel"]["after"], seen[f"blocks.{k}"][1])
    same(found["norm"], seen["norm"][1])
    same(found["mean"], seen["head"][0][None])
    same(found["scores"], seen["head"][1][None])


def test_weights_of_16_bits_are_sent_where_nothing_is_lost(mnist):
    bundled, noise = widgets.living_mixer(*mnist), widgets.living_mixer(*own())
    name = "blocks.0.token_mixing.fc1.weight"
    assert bundled.shapes[name] == ["float16", [32, 16]] and noise.shapes[name] == ["float32", [5, 8]]
    assert sum(map(len, bundled.arrays.values())) < 300_000


def test_halves_of_every_kind(show):
    values = np.array([0, 1, -2.5, 65504, -2 ** -24, 2 ** -14, 3e-6, np.inf, -0.1], np.float16)
    page = widgets.Page("kit", {"values": values})
    page._esm = module("kit") + "export default widget((root, { values }) => root.append([...values].join(' ')));"
    assert [np.float16(text) for text in show(page).text().split()] == [*values]


def test_the_style_of_a_widget_outweighs_the_frame_of_those_after_it(chromium):
    pages = [widgets.Page("kit") for _ in range(2)]
    for page, size in zip(pages, (170, 180)):
        page._esm = module("kit") + f"""export default widget((root) => root.append(
            make("style", {{}}, ".own{size} > figure {{ flex: 1 1 {size}px; }}"),
            make("div", {{ class: "own{size}" }}, make("figure"))));"""
    shown = chromium.new_page()
    shown.set_content(widgets.to_html(dict(zip("ab", pages))))
    shown.wait_for_selector("#b .mx", state="attached")
    sizes = "[...document.querySelectorAll('.mx figure')].map((one) => getComputedStyle(one).flexBasis)"
    assert shown.evaluate(sizes) == ["170px", "180px"]
    assert shown.locator("style.mx-style").count() == 1
    shown.close()


def test_a_drawing_is_prepared_as_python_does_it(living, mnist):
    random, drawings = np.random.default_rng(0), []
    for _ in range(60):                                 # strokes of any width, anywhere, some at the edge
        sheet = Image.new("L", (112, 112))
        points = [tuple(random.integers(-5, 117, 2).tolist()) for _ in range(random.integers(2, 5))]
        ImageDraw.Draw(sheet).line(points, fill=int(random.integers(1, 256)), width=int(random.integers(1, 20)))
        drawings.append(np.asarray(sheet))
    for i in range(0, 2000, 50):                        # test digits, larger and smaller
        digit, side = Image.fromarray(mnist[1].test_images[i, 0].numpy()), int(random.integers(8, 112))
        sheet = Image.new("L", (112, 112))
        place = tuple(random.integers(0, 113 - side, 2).tolist())
        sheet.paste(digit.resize((side, side), Image.Resampling.BICUBIC), place)
        drawings.append(np.asarray(sheet))
    for rows, columns in ((slice(0), slice(0)), (slice(7, 8), slice(9, 10)), (slice(2, 9), slice(0, 112)),
                          (slice(0, 112), slice(111, 112)), (slice(0, 111), slice(50, 53)), (slice(None), slice(None))):
        drawings.append(np.zeros((112, 112), np.uint8))
        drawings[-1][rows, columns] = 255
    shown = living()
    load(shown, drawings)
    found = np.array(shown.page.evaluate("() => images.map((image) => [...pad.asMnist(image, 112, 112)])"), np.uint8)
    for got, drawing in zip(found, drawings):
        assert np.array_equal(got.reshape(28, 28), as_mnist(drawing)[0])


# ---- the pictures


def test_every_stage_shows_its_tables(show):
    model, dataset = own()
    shown = show(widgets.living_mixer(model, dataset))
    sample = [1, 2, 0][shown.picked["sample"]]          # the first image of each class
    load(shown, dataset.test_images[[sample], 0])
    tables = shown.page.evaluate(TABLES)
    block = tables["blocks"][1]

    def signs(number):
        """-1, 0, 1 for blue, blank, orange in the table `number` of the open scene."""
        pixels = shown.pixels(number, ".mx-open .mx-table canvas").astype(int)
        return np.where(pixels[:, :, 3] < 2, 0, np.where(pixels[:, :, 0] > pixels[:, :, 2], 1, -1))

    def fits(number, numbers, transposed=False):
        numbers = table(numbers).T if transposed else table(numbers)
        got = signs(number)
        assert got.shape == numbers.shape
        assert np.array_equal(got[got != 0], np.sign(numbers.numpy())[got != 0]) and (got != 0).mean() > 0.8

    def kernels_fit(number, kernels):
        """The mosaic `number` of the open scene shows kernels [N, rows, columns], with a blank line between them."""
        got, (_, rows, columns) = signs(number), kernels.shape
        across = (got.shape[1] + 1) // (columns + 1)
        for i, kernel in enumerate(kernels.detach().numpy()):
            y, x = i // across * (rows + 1), i % across * (columns + 1)
            tile = got[y:y + rows, x:x + columns]
            assert tile.shape == kernel.shape and np.array_equal(tile[tile != 0], np.sign(kernel)[tile != 0])

    def opens(stage):
        shown.page.get_by_role("button", name=stage, exact=True).click()
        assert shown.picked["stage"] == stage and shown.page.locator(".mx-open").count() == 1

    assert np.array_equal(shown.pixels(0, ".mx-open canvas")[:, :, 0], dataset.test_images[sample, 0])
    opens("patches")
    assert np.array_equal(shown.pixels(0, ".mx-open .mx-table canvas")[:, :, 0], table(tables["patches"]))
    opens("tokens")
    fits(2, tables["tokens"])
    kernels_fit(1, model.patch_embedding.linear.weight.view(6, 3, 5))
    opens("token mixing 1")                             # the weights change with the block
    opens("token mixing 2")
    mixing = model.blocks[1].token_mixing
    kernels_fit(4, mixing.fc1.weight.view(5, 4, 2))
    kernels_fit(6, mixing.fc2.weight.T.reshape(5, 4, 2))
    opens("channel mixing 1")
    for kind, stage in (("token", "token mixing 2"), ("channel", "channel mixing 2")):
        opens(stage)
        for number, name in enumerate(("before", "change", "after", "norm")):
            fits(number, block[kind][name])
        fits(5, block[kind]["hidden"], transposed=kind == "token")
    weight = model.blocks[1].channel_mixing
    fits(4, {"numbers": weight.fc1.weight.flatten().tolist(), "shape": weight.fc1.weight.shape})
    fits(6, {"numbers": weight.fc2.weight.flatten().tolist(), "shape": weight.fc2.weight.shape})
    opens("mean")
    fits(0, block["channel"]["after"])
    fits(1, tables["norm"])
    fits(2, tables["mean"])
    opens("scores")
    fits(0, tables["mean"])
    scores = table(tables["scores"])[0]
    name = dataset.classes[scores.argmax()]
    assert f"Read as {name}, with a score of {scores.max():.2f}" in shown.text().replace("\u2212", "-")
    assert f"{100 * scores.softmax(0).max():.0f}% for {name}" in shown.text()
    assert shown.find(".mx-verdict").inner_text() == name
    bars = shown.page.evaluate("[...document.querySelectorAll('.mx-open rect[fill]')].map(r => r.getAttribute('fill'))")
    assert ["plus" in bar for bar in bars] == (scores > 0).tolist()


def test_a_selection_goes_through_all_tables(living, mnist):
    shown, (model, dataset) = living("token mixing 2"), mnist
    load(shown, dataset.test_images[[400], 0])          # the sample it opens on, a 2
    step = shown.page.evaluate(TABLES)["blocks"][1]["token"]

    def says(s, c):
        before, change, after = (f"{table(step[name])[s, c]:.2f}" for name in ("before", "change", "after"))
        text = shown.find(".mx-say").inner_text().replace("\u2212 ", "+ -").replace("\u2212", "-")
        sign = "=" if abs(float(before) + float(change) - float(after)) < 0.005 else "≈"        # of what is shown
        total = f"{before} + {change} {sign} {after}".replace("+ -0.00", "+ 0.00")
        assert text.startswith(f"patch {s}, channel {c}: {total}")
        return text

    before, change, after = (np.round(np.asarray(table(step[name])), 2) for name in ("before", "change", "after"))
    s, c = np.argwhere(np.abs(before + change - after) > 0.005)[0]
    shown.at(".mx-open .mx-table", 0, (c + 0.5) / 64, (s + 0.5) / 16)
    assert "≈" in says(s, c)
    shown.at(".mx-open .mx-table", 0, 10.5 / 64, 3.5 / 16)              # hover the first table
    says(3, 10)
    rows = ".mx-open .mx-table rect.mx-mark"
    assert shown.frame(rows, 0) == shown.frame(rows, 2) == shown.frame(rows, 4) == [0, 3, 64, 1]
    assert shown.frame(rows, 1) == [10, 3, 1, 1]
    places = shown.find(".mx-open .mx-table path.mx-hover").get_attribute("d")
    assert places.startswith("M3 0h1v1h-1z") and places.count("M") == 32        # at the same place in each kernel
    shown.at(".mx-open .mx-table", 2, 20.5 / 64, 7.5 / 16, click=True)  # keep it, from the third
    says(7, 20)
    assert (shown.picked["patch"], shown.picked["channel"]) == (7, 20)
    shown.at(".mx-open .mx-table", 4, 7.5 / 34, 1.5 / 24)               # the second kernel, place (1, 2)
    text, mixing = says(6, 20), model.blocks[1].token_mixing
    hidden = table(step["hidden"])[20, 1]
    assert f"unit 1 reads it with weight {mixing.fc1.weight[1, 6]:.2f}, is at {hidden:.2f}" in text
    assert f"writes back with {mixing.fc2.weight[6, 1]:.2f}" in text
    shown.page.mouse.move(1, 1)
    says(7, 20)
    shown.page.get_by_role("button", name="image", exact=True).click()  # and in the image
    assert shown.frame(".mx-open .mx-mark") == [3, 1, 1, 1]


# ---- the hand


def test_steps_buttons_and_keys(living):
    shown, stages = living(), [*STAGES[:7], "token mixing 3", "channel mixing 3", "token mixing 4", "channel mixing 4",
                               *STAGES[7:]]
    shown.page.emulate_media(reduced_motion="reduce")
    back, forth = (shown.page.get_by_role("button", name=name) for name in ("step back", "step →"))
    assert back.get_attribute("aria-disabled") == "true" and shown.picked["stage"] == "image"
    for stage in stages[1:]:
        forth.click()
        assert shown.picked["stage"] == stage
        assert shown.page.get_by_role("button", name=stage, exact=True, pressed=True).count() == 1
        assert shown.page.locator(".mx-sweep:visible").count() == 0
    assert (back.get_attribute("aria-disabled"), forth.get_attribute("aria-disabled")) == ("false", "true")
    back.focus()
    for stage in stages[-2::-1]:
        shown.page.keyboard.press("ArrowLeft")
        assert shown.picked["stage"] == stage
    shown.page.keyboard.press("ArrowLeft")
    shown.page.keyboard.press("ArrowRight")
    assert shown.picked["stage"] == "patches"
    shown.find(".mx-open .mx-table").focus()            # in a table the keys move the selection
    patch, entry = shown.picked["patch"], shown.picked["entry"]
    shown.page.keyboard.press("ArrowLeft")
    shown.page.keyboard.press("ArrowUp")
    assert (shown.picked["stage"], shown.picked["patch"], shown.picked["entry"]) == ("patches", patch - 1, entry - 1)


def test_it_plays_pauses_and_ends_at_the_scores(show):
    shown = show(widgets.living_mixer(*own()))
    clock, play = stopped(shown), shown.find(".mx-play")
    play.click()
    assert play.inner_text() == "pause"
    clock.run_for(1300)                                 # the image, and then its patches are in the air
    assert shown.picked["stage"] == "patches" and shown.find(".mx-flight").is_visible()
    assert shown.find(".mx-flight").evaluate(INK)
    assert shown.find(".mx-open .mx-table canvas").evaluate("c => c.style.opacity") == "0"
    clock.run_for(900)
    assert not shown.find(".mx-flight").is_visible()
    clock.run_for(2000)
    assert shown.picked["stage"] == "token mixing 1"
    added = shown.pixels(1, ".mx-open .mx-table canvas")[:, :, 3].any(0)        # by column: from left to right
    assert added[0] and not added[-1] and shown.page.locator(".mx-open .mx-sweep:visible").count() == 5
    play.click()                                        # pause: the stage stands there finished, and stays so
    clock.run_for(100)
    assert shown.pixels(1, ".mx-open .mx-table canvas")[:, :, 3].any(0).all() and play.inner_text() == "play"
    clock.run_for(5000)
    assert shown.picked["stage"] == "token mixing 1"
    play.click()
    clock.run_for(1550 + 700)
    added = shown.pixels(1, ".mx-open .mx-table canvas")[:, :, 3].any(1)        # channel mixing: from top to bottom
    assert shown.picked["stage"] == "channel mixing 1" and added[0] and not added[-1]
    clock.run_for(8000)
    assert shown.picked["stage"] == "scores" and play.inner_text() == "play"
    play.click()                                        # again, from the start
    assert shown.picked["stage"] == "image" and play.inner_text() == "pause"


def test_without_motion_it_plays_from_stage_to_stage(show):
    shown = show(widgets.living_mixer(*own(), "channel mixing 2"))
    shown.page.emulate_media(reduced_motion="reduce")
    clock = stopped(shown)
    shown.find(".mx-play").click()
    assert shown.page.locator(".mx-sweep:visible").count() == 0
    clock.run_for(1600)
    assert shown.picked["stage"] == "mean" and shown.page.locator(".mx-sweep:visible").count() == 0
    clock.run_for(1300)
    assert shown.picked["stage"] == "scores"


def test_picking_a_digit(living):
    shown = living("scores")
    for digit in (7, 0):
        shown.page.get_by_role("button", name=f"sample {digit}: {digit}").click()
        assert shown.picked["sample"] == digit and f"Read as {digit}" in shown.text()
    shown.page.get_by_role("button", name="image", exact=True).click()
    shown.page.get_by_role("button", name="sample 4: 4").click()        # at the start it sets all in motion
    assert shown.find(".mx-play").inner_text() == "pause"


def stroke(shown, selector, points, lift=True):
    """Draw a line with the mouse on a pad; points in 0..1. `lift` the pen at the end."""
    box, mouse = shown.find(selector).bounding_box(), shown.page.mouse
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    mouse.move(*at[0])
    mouse.down()
    for point in at[1:]:
        mouse.move(*point, steps=4)
    if lift:
        mouse.up()


ONE = [(0.5, 0.2), (0.5, 0.85)]
ROUND = [(0.5 + 0.22 * np.sin(a), 0.5 - 0.32 * np.cos(a)) for a in np.linspace(0, 6.3, 24)]


def test_drawing(living, mnist):
    shown, (model, dataset) = living("image"), mnist
    clock = stopped(shown)
    for digit, line in ((1, ONE), (0, ROUND)):
        shown.page.get_by_role("button", name="image", exact=True).click()
        stroke(shown, ".mx-draw canvas", line)
        assert shown.picked["sample"] == -1
        image = torch.from_numpy(shown.pixels(0, ".mx-open canvas")[:, :, 0].copy())    # as it is read
        assert torch.equal(as_mnist(image), image[None])                # large and in the middle, as MNIST has it
        scores = predict(model, image[None, None], dataset)[0]
        clock.run_for(30_000)                                           # the pen rests, it plays, it ends
        assert shown.picked["stage"] == "scores" and scores.argmax() == digit
        assert f"Read as {digit}, with a score of {scores.max():.2f}" in shown.text()
        shown.page.get_by_role("button", name="clear").click()
        assert "The pad is empty" in shown.text() and "Read as" not in shown.text()
        assert shown.find(".mx-verdict").inner_text() == "?"
        assert shown.find(".mx-play").get_attribute("aria-disabled") == "true"
    shown.page.get_by_role("button", name="sample 3: 3").click()
    assert "Read as 3" in shown.text()
    stroke(shown, ".mx-draw canvas", ONE)                               # not a line across the 3
    assert "Read as 1" in shown.text()


def test_all_pictures_follow_the_pen(living):
    shown = living("patches")
    clock = stopped(shown)
    shown.page.get_by_role("button", name="clear").click()
    pictures, verdict = [".mx-strip button:nth-child(2) canvas", ".mx-open canvas"], shown.find(".mx-verdict")
    assert not any(shown.find(one).evaluate(INK) for one in pictures) and verdict.inner_text() == "?"
    stroke(shown, ".mx-draw canvas", ONE, lift=False)
    clock.run_for(200)                                                  # the pen rests on the pad
    assert all(shown.find(one).evaluate(INK) for one in pictures) and verdict.inner_text() == "1"


# ---- the frame


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 800, 915])       # a phone, the site, JupyterLab on a laptop
def test_it_is_never_wider_than_the_page_and_keeps_its_height(living, width, dark):
    """`show` fails on a scrollbar."""
    shown, heights = living(width=width, dark=dark), set()
    for stage in (*STAGES, "channel mixing 4"):
        shown.page.get_by_role("button", name=stage, exact=True).click()
        box = shown.find(".mx").bounding_box()
        assert box["width"] <= 900
        heights.add(round(box["height"]))
        shown.check()
    assert width == 360 or len(heights) == 1
    tops = shown.page.evaluate("[...document.querySelectorAll('.mx-strip > *')].map((e) => e.offsetTop)")
    assert width == 360 or len({*tops}) == 1                            # no stage alone in a second row
    small = shown.page.evaluate("""() => [...document.querySelectorAll(".mx *")].filter((e) => e.textContent.trim() &&
        e.tagName !== "STYLE" && parseFloat(getComputedStyle(e).fontSize) < 11).map((e) => e.outerHTML)""")
    assert not small


def test_where_it_opens_and_what_it_refuses(show, mnist):
    model, dataset = own()
    assert widgets.living_mixer(model, dataset).facts["stages"] == STAGES
    shown = show(widgets.living_mixer(model, dataset, "channel mixing 2"))
    assert "Block 2, channel mixing: an MLP runs along each of the 8 rows, 6 → 7 → 6" in shown.text()
    assert shown.page.locator(".mx-draw").count() == 0                          # no pad for images of another size
    with pytest.raises(ValueError, match=r"no stage 'block 3'.*token mixing 2, channel mixing 2, mean, scores"):
        widgets.living_mixer(model, dataset, "block 3")
    with pytest.raises(ValueError, match="28x28 pixels; this model reads"):
        widgets.digit_pad(model, dataset)
    for other in (torch.nn.Linear(2, 2), MlpMixer(8, 4, 3, **SIZES), MlpMixer(8, 4, 1, **{**SIZES, "num_classes": 0})):
        for widget in (widgets.living_mixer, widgets.digit_pad):
            with pytest.raises(ValueError, match="an MlpMixer with one input channel and a head"):
                widget(other, dataset)


# ---- the digit pad of lesson 7


def test_digit_pad(show, mnist):
    model, dataset = mnist
    shown = show(widgets.digit_pad(model, dataset))
    assert "The pad is empty" in shown.text() and "Read as" not in shown.text()
    for digit, line in ((1, ONE), (0, ROUND)):
        stroke(shown, "canvas", line)
        given = torch.from_numpy(shown.pixels(1)[:, :, 0].copy())
        shares = predict(model, given[None, None], dataset)[0].softmax(0)
        assert torch.equal(as_mnist(given), given[None])
        assert f"Read as {digit}, with {100 * shares[digit]:.0f}%" in shown.text() and shares.argmax() == digit
        shown.page.get_by_role("button", name="clear").focus()
        shown.page.keyboard.press("Enter")
        assert "The pad is empty" in shown.text() and not shown.pixels(1)[:, :, :3].any()
        assert not shown.find("canvas").evaluate(INK)
    for i in (0, 643, 1286):
        shown.page.get_by_role("button", name="put a test digit on it").click()
        assert np.array_equal(shown.pixels(1)[:, :, 0], dataset.test_images[i, 0])
        shares = predict(model, dataset.test_images[[i]], dataset)[0].softmax(0)
        assert f"Read as {shares.argmax()}, with {100 * shares.max():.0f}%" in shown.text()


@pytest.mark.parametrize("width", [360, 915])
def test_digit_pad_is_never_wider_than_the_page(show, mnist, width):
    assert show(widgets.digit_pad(*mnist), width=width, dark=True).find(".mx").bounding_box()["width"] <= 900
