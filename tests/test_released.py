"""Weights of other projects: each layout gives the logits of a Mixer in NumPy, and comes back to the last bit."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from mixer_lib import MlpMixer, create_model
from mixer_lib.checkpoints import find_checkpoint, load_checkpoint
from mixer_lib.pretrained import KNOWN, load_released, save_released, wordnet_classes
from released_files import LAYOUTS, SIZES, flax_arrays, forward, saver, timm_state, write_timm

FILES = Path(__file__).parent / "files" / "released"


@pytest.fixture(scope="module")
def arrays():
    return flax_arrays()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(2, 3, 16, 16)).astype(np.float32)


def logits(model, images):
    with torch.no_grad():
        return model(torch.from_numpy(images)).numpy()


@pytest.mark.parametrize("name", LAYOUTS)
def test_logits_are_those_of_the_project(tmp_path, arrays, images, name):
    LAYOUTS[name](tmp_path / name, arrays)
    family = "official Flax" if name.endswith("npz") else "PASSL" if ".pd" in name else "timm"
    gelu, other = ("tanh", "none") if family == "official Flax" else ("none", "tanh")
    model, about = load_released(tmp_path / name)
    assert about.family == family and about.file == str(tmp_path / name) and not model.training
    assert model.config.gelu == gelu and model.image_shape == (3, 16, 16) and model.num_classes == 5
    assert about.dataset.classes == ["0", "1", "2", "3", "4"]
    right, wrong = forward(arrays, images, gelu), forward(arrays, images, other)
    assert np.abs(logits(model, images) - right).max() < 1e-5
    assert np.abs(wrong - right).max() > 1e-4       # so the line above tells the two GELUs from each other
    assert all(p.dtype == torch.float32 and p.requires_grad for p in model.parameters())


def test_which_set_of_weights_is_said(tmp_path, arrays):
    write_timm(tmp_path / "both.pth", saver(arrays, flax_arrays(seed=9)))
    write_timm(tmp_path / "one.pth", saver(arrays))
    converted = load_released(tmp_path / "both.pth")[1].converted
    assert any("running mean" in line and "timm does" in line for line in converted)
    assert "the weights are the file's state_dict" in load_released(tmp_path / "one.pth")[1].converted


@pytest.mark.parametrize("family, facts", [
    ("flax.npz", dict(crop=None, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bilinear")),
    ("timm.pth", dict(crop=0.875, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic")),
    ("paddle.pdparams", dict(crop=0.875, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
                             interpolation="bicubic"))])
def test_preprocessing(tmp_path, arrays, family, facts):
    LAYOUTS[family](tmp_path / family, arrays)
    about = load_released(tmp_path / family)[1]
    assert about.preprocessing == {"size": (16, 16), **facts}
    assert (about.dataset.mean, about.dataset.std) == (facts["mean"], facts["std"])


def test_shapes_say_the_architecture(tmp_path):
    wide = flax_arrays(grid=(2, 8), patch=(4, 2), channels=1, blocks=2, C=6, D_S=7, D_C=5, K=0)
    for name in ("flax.npz", "timm.pth", "paddle.pdparams"):
        LAYOUTS[name](tmp_path / name, wide)
        with pytest.raises(ValueError, match=r"16 tokens, patches of 4x2 pixels, make no square image: .*image_size="):
            load_released(tmp_path / name)
        model, about = load_released(tmp_path / name, image_size=(8, 16))
        c = model.config
        assert (c.image_size, c.patch_size, c.in_channels, c.num_classes) == ((8, 16), (4, 2), 1, 0)
        assert (c.num_blocks, c.hidden_dim, c.tokens_mlp_dim, c.channels_mlp_dim) == (2, 6, 7, 5)
        assert about.dataset.mean == (0.5,) and about.dataset.classes == []
        x = np.random.default_rng(0).normal(size=(2, 1, 8, 16)).astype(np.float32)
        assert np.abs(logits(model, x) - forward(wide, x, c.gelu)).max() < 1e-5       # features


def test_square_image_of_patches_that_are_not(tmp_path):
    np.savez(tmp_path / "a.npz", **flax_arrays(grid=(2, 4), patch=(4, 2), blocks=1))
    assert load_released(tmp_path / "a.npz")[0].config.image_size == 8
    assert load_released(tmp_path / "a.npz", image_size=8)[0].config.image_size == 8


@pytest.mark.parametrize("size, message", [
    (32, "image_size is 32, but the weights are for 16 tokens, patches of 4x4 pixels: leave image_size out"),
    ((8, 16), r"image_size is \(8, 16\), but the weights are for 16 tokens"), ((15, 17), "16 tokens"),
    (-1, "image_size is -1: expected a positive")])
def test_image_size_must_be_that_of_the_weights(tmp_path, arrays, size, message):
    LAYOUTS["flax.npz"](tmp_path / "flax.npz", arrays)
    with pytest.raises(ValueError, match=message):
        load_released(tmp_path / "flax.npz", image_size=size)
    with pytest.raises(ValueError, match=r"image_size is 32, but the model in .* reads images of 28x28"):
        load_released("mnist", image_size=32)


def test_new_head(tmp_path, arrays, images):
    LAYOUTS["timm.pth"](tmp_path / "timm.pth", arrays)
    same, _ = load_released(tmp_path / "timm.pth", num_classes=5)
    assert np.abs(logits(same, images) - forward(arrays, images, "none")).max() < 1e-5
    model, about = load_released(tmp_path / "timm.pth", num_classes=7)
    assert model.num_classes == 7 and len(about.dataset.classes) == 7 and not model.head.weight.any()
    assert "the head is new and zero, for 7 classes" in about.converted and not model.training
    features, about = load_released(tmp_path / "timm.pth", num_classes=0)
    headless = {name: array for name, array in arrays.items() if not name.startswith("head")}
    assert np.abs(logits(features, images) - forward(headless, images, "none")).max() < 1e-5
    assert about.dataset.classes == []


def test_thousand_classes_are_those_of_imagenet(tmp_path):
    np.savez(tmp_path / "a.npz", **flax_arrays(K=1000, blocks=1))
    about = load_released(tmp_path / "a.npz")[1]
    assert about.dataset.classes[:2] == ["n01440764 tench", "n01443537 goldfish"]
    assert about.dataset.name == "ImageNet" and any("ImageNet-1k" in line for line in about.converted)
    classes = wordnet_classes()
    assert len(set(classes)) == 1000 and all(re.match(r"n\d{8} \S", one) for one in classes)
    assert [*classes] == sorted(classes) and classes[999].startswith("n15075141")


def test_files_of_this_package():
    model, about = load_released("mnist")
    known, _ = load_checkpoint(find_checkpoint("mnist"))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), known.state_dict().values()))
    assert about.family == "mixer_lib" and about.preprocessing["crop"] == 1.0
    assert about.preprocessing["mean"] == tuple(about.dataset.mean) and about.preprocessing["size"] == (28, 28)
    assert load_released("mnist", num_classes=3)[1].dataset.classes == ["0", "1", "2"]


@pytest.mark.parametrize("family, suffix", [("flax", "npz"), ("timm", "safetensors"), ("timm", "pth")])
@pytest.mark.parametrize("sizes", [SIZES, SIZES | dict(K=0, blocks=1),
                                   SIZES | dict(patch=(2, 4), channels=1, blocks=1)],
                         ids=["plain", "features", "patches 2x4"])
def test_round_trip_is_bitwise(tmp_path, family, suffix, sizes):
    np.savez(tmp_path / "a.npz", **flax_arrays(**sizes))
    size = tuple(g * p for g, p in zip(sizes["grid"], sizes["patch"]))
    model, _ = load_released(tmp_path / "a.npz", size)
    if family == "timm":
        write_timm(tmp_path / "a.pth", timm_state(flax_arrays(**sizes)))
        model, _ = load_released(tmp_path / "a.pth", size)
    save_released(model, tmp_path / f"b.{suffix}", family)
    again, about = load_released(tmp_path / f"b.{suffix}", size)
    assert again.config == model.config and about.family == ("timm" if family == "timm" else "official Flax")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    if family == "flax":        # the file itself is the one of before
        with np.load(tmp_path / "a.npz") as one, np.load(tmp_path / "b.npz") as other:
            assert list(one) == list(other) and all(np.array_equal(one[name], other[name]) for name in one)


def test_timm_loads_what_is_saved(tmp_path):
    """And the other way round, at the size of B/16 with random weights: the same logits."""
    import timm

    torch.manual_seed(0)
    model = create_model("B/16", num_classes=10).eval()
    torch.nn.init.normal_(model.head.weight, std=0.1)
    save_released(model, tmp_path / "b16.safetensors", "timm")
    theirs = timm.create_model("mixer_b16_224", num_classes=10, checkpoint_path=str(tmp_path / "b16.safetensors"))
    theirs.eval()
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        ours = load_released(tmp_path / "b16.safetensors")[0](x)
        assert (ours - theirs(x)).abs().max() < 1e-5 and ours.std() > 0.05


def test_what_cannot_be_saved(tmp_path):
    model = MlpMixer(8, 4, 3, 2, 1, 4, 4, 4)
    for options, message in [(dict(family="paddle"), "family is 'paddle': expected one of 'flax', 'timm'"),
                             (dict(family="timm"), "a file of timm ends in .safetensors or .pth"),
                             (dict(family="timm"), r"\.pth; family='flax' writes it$"),
                             (dict(family="flax"), "gelu='none', but official Flax computes gelu='tanh'")]:
        with pytest.raises(ValueError, match=message):
            save_released(model, tmp_path / "m.npz", **options)
    assert not [*tmp_path.iterdir()]


def test_state_dict_alone_is_named(tmp_path):
    """It has our names, but no sizes."""
    torch.save(MlpMixer(8, 4, 3, 2, 1, 4, 4, 4).state_dict(), tmp_path / "own.pth")
    with pytest.raises(ValueError, match=r"the state_dict of an MlpMixer alone, .* save_checkpoint"):
        load_released(tmp_path / "own.pth")


def test_the_beginning_of_a_name_finds_it():
    for name, suggested in (("mixer_b16_224", "mixer_b16_224.goog_in21k_ft_in1k"),
                            ("mixer-l_16", "Mixer-L_16 imagenet1k")):
        with pytest.raises(ValueError, match=re.escape(f"did you mean {suggested!r}?")):
            load_released(name)


@pytest.mark.parametrize("name, what", [
    ("mixer_layers.0.token_mixer.layer_norm.weight", "lavish.* no LayerNorm before the pooling.* eps 1e-5"),
    ("MixerStack.0.0.layer_norm.weight", "rrmina.* over tokens and channels"),
    ("2.0.fn.0.weight", "lucidrains.* eps 1e-5"), ("blocks.0.ls1", "a ResMLP"), ("blocks.0.gamma_1", "a ResMLP"),
    ("blocks.0.mlp_channels.gate.proj.weight", "a gMLP"), ("stem.2.running_mean", "such as a ConvMixer"),
    ("pos_embed", "a Vision Transformer"), ("Transformer/encoderblock_0/MultiHeadDotProductAttention_1/out/bias",
                                            "a Vision Transformer"),
    ("conv1.weight", "no Mixer of the official code, timm or PASSL; its first names are conv1.weight")])
def test_other_networks_are_named(tmp_path, name, what):
    for file in ("a.pth", "a.safetensors"):
        write_timm(tmp_path / file, {name: torch.zeros(3, 3)})
        with pytest.raises(ValueError, match=f"cannot load .*{file}: it .*{what}") as error:
            load_released(tmp_path / file)
        assert "\n" not in str(error.value)


def without(state, *names):
    return {name: tensor for name, tensor in state.items() if name not in names}


def test_other_mixers_are_refused(tmp_path, arrays):
    state = timm_state(arrays)
    gated = state | {"blocks.0.mlp_tokens.fc2.weight": torch.zeros(16, 3)}
    for change, message in [
            (without(state, "norm.weight", "norm.bias"), "no MlpMixer: it has no LayerNorm before the pooling"),
            (state | {"blocks.0.norm1.weight": torch.zeros(16, 8)}, r"over \[16, 8\], tokens and channels"),
            (gated, "a gMixer"), (state | {"extra": torch.zeros(2)}, "1 tensors that no MlpMixer has: extra"),
            (without(state, "blocks.3.norm2.bias"), r"blocks.3.norm2.bias is missing, expected \[8\]"),
            (state | {"blocks.10.mlp_tokens.fc1.weight": torch.zeros(5, 16)},
             r"blocks.10.mlp_tokens.fc1.weight is \[5, 16\], expected \[6, 16\]"),
            (state | {"norm.bias": torch.zeros(8, dtype=torch.int8)}, "norm.bias has numbers of type torch.int8"),
            (state | {"stem.proj.weight": torch.zeros(8, 48)}, r"stem.proj.weight is \[8, 48\], expected 4 axes")]:
        write_timm(tmp_path / "a.safetensors", change)
        with pytest.raises(ValueError, match=message):
            load_released(tmp_path / "a.safetensors")


def test_half_precision_becomes_float32(tmp_path, arrays):
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        state = {name: tensor.to(dtype) for name, tensor in timm_state(arrays).items()}
        write_timm(tmp_path / "a.safetensors", state)
        model, about = load_released(tmp_path / "a.safetensors")
        assert torch.equal(model.head.weight, state["head.weight"].float())
        assert f"numbers of {str(dtype)[6:]} became float32" in about.converted


@pytest.mark.parametrize("source", ["mixer_b16_224.goog_in21k_ft_in1", "Mixer-B_16 imagenet2"])
def test_unknown_name(source):
    with pytest.raises(ValueError, match=r"no model is named .* did you mean '(mixer_b16_224|Mixer-B_16) ?"):
        load_released(source)


def test_known_names():
    assert {"mixer_b16_224.goog_in21k_ft_in1k", "Mixer-B_16 imagenet21k", "mlp-mixer_b16_224"} < KNOWN.keys()
    assert KNOWN["mixer_b16_224.goog_in21k_ft_in1k"].sha256 == "76587d61"
    assert all(re.fullmatch("[0-9a-f]{8}", one.sha256) for name, one in KNOWN.items() if name.startswith("mixer_"))
    assert len({one.url for one in KNOWN.values()}) == len(KNOWN)


@pytest.mark.parametrize("name", ["flax.npz", "paddle2.pdparams", "paddle3.pd", "timm.pth.tar"])
def test_files_that_the_projects_themselves_wrote(name):
    """Flax 0.12.8, PaddlePaddle 2.6.2 and 3.3.1, and the CheckpointSaver of timm 1.0.31 wrote these random weights, and
    the models gave the logits beside them."""
    with np.load(FILES / f"{name.split('.')[0]}.answers.npz") as answers:
        model, _ = load_released(FILES / name)
        assert np.abs(logits(model, answers["x"]) - answers["y"]).max() < 1e-5
