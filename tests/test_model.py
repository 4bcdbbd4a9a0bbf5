"""The model against timm's, its counts against the paper's, and each part against what it promises."""

import re

import pytest
import timm.models.mlp_mixer
import torch

from mixer_lib import MixerConfig, MlpMixer, count_macs, count_parameters, create_model, patchify, unpatchify
from mixer_lib.configs import MODELS, default_patch_size, get_config
from mixer_lib.costs import cost_by_part, layer_table
from mixer_lib.model import ChannelMixing, DropPath, MixerBlock, PatchEmbedding, TokenMixing, new_head

SMALL = dict(image_size=(8, 12), patch_size=(2, 4), in_channels=3, num_classes=5, num_blocks=3, hidden_dim=6,
             tokens_mlp_dim=7, channels_mlp_dim=10)
# No head; with a head of K = 1000 classes; GMACs: Table 1 of the paper, exact counts and the official tests' constants.
PAPER = {"S/32": (18_591_624, 19_104_624, 1.00), "S/16": (18_015_264, 18_528_264, 3.78),
         "B/32": (59_524_428, 60_293_428, 3.24), "B/16": (59_111_472, 59_880_472, 12.60),
         "L/32": (205_914_264, 206_939_264, 11.25), "L/16": (207_171_168, 208_196_168, 44.55),
         "H/14": (431_069_952, 432_350_952, 120.99)}


def small_model(**overrides):
    torch.manual_seed(0)
    model = MlpMixer(**SMALL | overrides).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)      # no zeros or ones left that would hide a mistake
    return model


# Patches

@pytest.mark.parametrize("patch_size", [2, 4, (4, 2), (8, 3)])
def test_patchify_is_slicing_and_unpatchify_undoes_it(patch_size):
    images = torch.arange(2 * 3 * 8 * 12).reshape(2, 3, 8, 12)
    P_h, P_w = patch_size if isinstance(patch_size, tuple) else (patch_size, patch_size)
    rows = [images[:, :, top:top + P_h, left:left + P_w].flatten(1)
            for top in range(0, 8, P_h) for left in range(0, 12, P_w)]
    table = patchify(images, patch_size)
    assert torch.equal(table, torch.stack(rows, dim=1))
    assert torch.equal(unpatchify(table, patch_size, (8, 12)), images)


@pytest.mark.parametrize("patch_size, words", [(5, "5x5 pixels do not tile an image of 8x12"), (0, "patch_size is 0"),
                                               (-2, "patch_size is -2"), (2.0, "patch_size is 2.0"),
                                               ((2, 2, 2), "expected a positive whole number or a pair")])
def test_patchify_refuses(patch_size, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        patchify(torch.zeros(1, 3, 8, 12), patch_size)


@pytest.mark.parametrize("shape, patch, size, words", [
    ((1, 6, 12), 2, (8, 8), "6 patches with 12 numbers each does not fill an image of 8x8 with patches of 2x2"),
    ((1, 16, 5), 2, (8, 8), "does not fill"), ((1, 16, 12), 2, (4, 16, 1), "image_size is"),
    ((1, 4, 4), 2, (1, 16), "does not fill"),           # the area fits, the height does not
    ((1, 4, 4), 2, (16, 1), "does not fill"), ((1, 4, 9), 3, (4, 9), "does not fill")])
def test_unpatchify_refuses(shape, patch, size, words):
    with pytest.raises(ValueError, match=words):
        unpatchify(torch.zeros(shape), patch, size)


def test_patch_embedding_is_a_strided_convolution():
    embed = PatchEmbedding((8, 12), (2, 4), 3, 6).double()
    images = torch.randn(2, 3, 8, 12, dtype=torch.double)
    kernel = embed.linear.weight.view(6, 3, 2, 4)
    expected = torch.nn.functional.conv2d(images, kernel, embed.linear.bias, stride=(2, 4)).flatten(2).mT
    torch.testing.assert_close(embed(images), expected)


# The whole

@pytest.mark.parametrize("gelu", ["none", "tanh"])
@pytest.mark.parametrize("size, patch, channels, blocks, dim, classes",
                         [(16, 4, 3, 2, 12, 7), (28, 7, 1, 3, 16, 10), (24, 8, 3, 4, 20, 0)])
def test_outputs_and_gradients_are_timms(size, patch, channels, blocks, dim, classes, gelu):
    theirs = timm.models.mlp_mixer.MlpMixer(
        num_classes=classes, img_size=size, in_chans=channels, patch_size=patch, num_blocks=blocks, embed_dim=dim,
        mlp_ratio=(0.5, 4.0), act_layer=lambda: torch.nn.GELU(approximate=gelu)).double()
    torch.manual_seed(0)
    ours = MlpMixer(size, patch, channels, classes, blocks, dim, dim // 2, dim * 4, gelu=gelu).double()
    for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):      # both in the order of the forward pass
        torch.nn.init.normal_(p, std=0.3)
        q.data.copy_(p.data.reshape(q.shape))                                   # the stem: [C, 3, P, P] -> [C, 3PP]
    images = torch.randn(2, channels, size, size, dtype=torch.double)
    outputs = [model(images) for model in (theirs, ours)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-10)
    weights = torch.randn_like(outputs[0])
    grads = [torch.autograd.grad((y * weights).sum(), model.parameters())
             for y, model in zip(outputs, (theirs, ours), strict=True)]
    for p, q in zip(*grads, strict=True):
        torch.testing.assert_close(p.reshape(q.shape), q, rtol=1e-10, atol=1e-10)


def test_no_head_gives_pooled_features():
    whole, bare = small_model(), small_model(num_classes=0)
    bare.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith("head")})
    images = torch.randn(2, 3, 8, 12, dtype=torch.double)
    assert bare(images).shape == (2, 6)
    torch.testing.assert_close(whole.head(bare(images)), whole(images))


def test_parameters_are_registered_in_the_order_of_the_forward_pass():
    used = []
    model = small_model()
    for name, module in model.named_modules():
        if list(module.parameters(recurse=False)):
            module.register_forward_hook(lambda *_, name=name: used.append(name))
    model(torch.randn(1, 3, 8, 12, dtype=torch.double))
    assert list(dict.fromkeys(name.rpartition(".")[0] for name, _ in model.named_parameters())) == used


def test_initialization_is_the_papers():
    torch.manual_seed(0)
    model = create_model("cifar10")
    assert not model.head.weight.any() and not model.head.bias.any()
    fc1 = model.blocks[0].channel_mixing.fc1
    assert not fc1.bias.any()
    assert fc1.weight.std().item() == pytest.approx(128 ** -0.5, rel=0.02)      # variance 1 / fan_in
    assert fc1.weight.abs().max() <= 2 * 128 ** -0.5 / 0.8796                    # cut off at two deviations
    assert all(m.eps == 1e-6 for m in model.modules() if isinstance(m, torch.nn.LayerNorm))


def test_new_head_is_zero_on_the_same_body():
    model = small_model(drop_path=0.1)
    torch.nn.init.normal_(model.head.weight)
    other = new_head(model, 5)
    assert vars(other.config) == vars(model.config) | {"num_classes": 5} and other.num_classes == 5
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, torch.zeros_like(tensor) if "head" in name else model.state_dict()[name]), name
    assert other.head.weight.shape == (5, model.config.hidden_dim) and model.head.weight.abs().sum() > 0


def test_token_mixing_mixes_tokens_and_not_channels():
    mixing = TokenMixing(4, 8).double()
    jacobian = torch.autograd.functional.jacobian(mixing, torch.randn(1, 4, 3, dtype=torch.double))[0, :, :, 0]
    for out_channel in range(3):
        for in_channel in range(3):
            across = jacobian[:, out_channel, :, in_channel]
            assert across.abs().min() > 0 if out_channel == in_channel else not across.any()


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"drop_path": 0.5}])
def test_dropout_and_drop_path_act_in_training_only(options):
    model = small_model(**options)
    images = torch.randn(4, 3, 8, 12, dtype=torch.double)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
    torch.testing.assert_close(model(images), small_model().eval()(images))


@pytest.mark.parametrize("kind", [TokenMixing, ChannelMixing])
def test_dropout_follows_both_layers_of_an_mlp(kind):
    """With weights that pass everything on, what is zero in the answer was dropped by the second layer alone, and what
    is not 1 by the first."""
    torch.manual_seed(0)
    mlp = kind(40, 40, dropout=0.25)
    mlp.gelu = torch.nn.Identity()
    for layer in (mlp.fc1, mlp.fc2):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    answers = mlp(torch.ones(50, 40, 40))
    assert answers.unique().tolist() == pytest.approx([0, 1 / 0.75 ** 2])
    assert (answers == 0).float().mean().item() == pytest.approx(1 - 0.75 ** 2, abs=0.01)
    assert [block.token_mixing.dropout.p for block in small_model(dropout=0.1).blocks] == [0.1] * 3
    assert [block.channel_mixing.dropout.p for block in small_model(dropout=0.1).blocks] == [0.1] * 3


def test_drop_path_keeps_or_drops_whole_images_and_the_mean():
    torch.manual_seed(0)
    y = DropPath(0.25)(torch.ones(4000, 3, 2))
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert torch.equal(y.amin(dim=(1, 2)), y.amax(dim=(1, 2)))
    assert y.mean().item() == pytest.approx(1, abs=0.05)


def test_drop_path_grows_linearly():
    rates = [block.drop_path.rate for block in small_model(drop_path=0.1).blocks]
    assert rates == pytest.approx([0, 0.05, 0.1])
    assert MixerBlock(6, TokenMixing(4, 7), ChannelMixing(6, 10)).drop_path.rate == 0


@pytest.mark.parametrize("option, value", [
    ("image_size", 0), ("image_size", (8, -12)), ("image_size", "32"), ("patch_size", 3), ("patch_size", 0),
    ("in_channels", 0), ("num_classes", -1), ("num_blocks", 0), ("hidden_dim", -6), ("hidden_dim", 6.0),
    ("tokens_mlp_dim", 0), ("channels_mlp_dim", 0), ("dropout", 1.0), ("dropout", -0.1), ("drop_path", 1.5),
    ("gelu", "exact")])
def test_impossible_sizes_are_refused(option, value):
    with pytest.raises(ValueError, match=option):
        MlpMixer(**SMALL | {option: value})


@pytest.mark.parametrize("shape", [(3, 8, 12), (1, 1, 8, 12), (1, 3, 12, 8), (1, 3, 8, 12, 1)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"takes images of shape \[B, 3, 8, 12\], got"):
        MlpMixer(**SMALL)(torch.zeros(shape))


# Names and counts

@pytest.mark.parametrize("name", MODELS)
def test_counts_are_the_built_models(name):
    with torch.device("meta"):
        model = create_model(name)
    assert count_parameters(MODELS[name]) == sum(p.numel() for p in model.parameters())
    rows = layer_table(MODELS[name])
    assert sum(row[2] for row in rows) == count_parameters(MODELS[name])
    assert sum(row[3] for row in rows) == count_macs(MODELS[name])
    for what, total in cost_by_part(MODELS[name]).items():
        assert sum(total.values()) == {"parameters": count_parameters, "MACs": count_macs}[what](MODELS[name])


def test_layer_table_by_hand():
    """S = 12 tokens of D = 24 numbers, C = 6, D_S = 7, D_C = 10, three blocks, K = 5."""
    mixings = [("token mixing", (12, 6), 2 * 6 + 12 * 7 + 7 + 7 * 12 + 12, 2 * 6 * 12 * 7),
               ("channel mixing", (12, 6), 2 * 6 + 6 * 10 + 10 + 10 * 6 + 6, 2 * 12 * 6 * 10)]
    assert layer_table(SMALL) == [
        ("patches", (12, 24), 0, 0), ("patch embedding", (12, 6), 25 * 6, 24 * 12 * 6),
        *((f"block {k} {name}", *costs) for k in range(3) for name, *costs in mixings),
        ("layer norm", (12, 6), 12, 0), ("mean over patches", (6,), 0, 0), ("head", (5,), 7 * 5, 6 * 5)]
    wide = layer_table(SMALL | {"hidden_dim": 8, "num_classes": 0})
    assert wide[2][1] == wide[3][1] == (12, 8) and wide[-1] == ("mean over patches", (8,), 0, 0)      # [S, C]
    assert layer_table(MixerConfig(**SMALL)) == layer_table(SMALL)


def test_costs_by_part():
    costs = cost_by_part(SMALL)
    assert costs["parameters"] == {"patch embedding": 150, "token mixing": 3 * 199, "channel mixing": 3 * 148,
                                   "head": 12 + 35}             # the last norm counts with the head
    assert costs["MACs"] == {"patch embedding": 1728, "token mixing": 3 * 1008, "channel mixing": 3 * 1440, "head": 30}


def test_configuration():
    config = MixerConfig(**SMALL | {"image_size": [8, 12], "patch_size": [2, 4]})
    assert config == MixerConfig(**SMALL) and hash(config) == hash(MixerConfig(**SMALL))
    assert config.image_shape == (3, 8, 12) and config.grid == (4, 3)
    assert small_model().config == config and small_model().image_shape == (3, 8, 12) and small_model().num_classes == 5
    with pytest.raises(AttributeError):
        config.hidden_dim = 3

    class Mine(MlpMixer):
        pass

    assert Mine(**SMALL).config == config       # a subclass does not lose its arguments


def test_course_models():
    sizes = {name: (config.patch_size, config.num_blocks, config.hidden_dim, config.tokens_mlp_dim,
                    config.channels_mlp_dim) for name in ("mnist", "cifar10", "cifar10-fine")
             for config in [get_config(name)]}
    assert sizes == {"mnist": (7, 4, 64, 32, 256), "cifar10": (4, 8, 128, 64, 512),
                     "cifar10-fine": (2, 4, 96, 256, 384)}


def test_blocks_are_given_their_parts():
    class Twice(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    class NoNorm(torch.nn.Identity):
        pass

    block, x = MixerBlock(6, Twice(), torch.nn.Identity(), norm=NoNorm), torch.randn(2, 4, 6)
    assert torch.equal(block(x), 6 * x) and isinstance(block.token_norm, NoNorm)


@pytest.mark.parametrize("name", PAPER)
def test_counts_are_the_papers(name):
    bare, whole, gmacs = PAPER[name]
    assert count_parameters(get_config(name, num_classes=0)) == bare
    assert count_parameters(MODELS[name]) == whole
    assert round(count_macs(MODELS[name]) / 1e9, 2) == gmacs


def test_rectangular_counts_and_macs_are_what_runs():
    model = small_model()
    macs = 0

    def count(layer, inputs, output):
        nonlocal macs
        macs += output.numel() * layer.in_features

    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(count)
    model(torch.zeros(1, 3, 8, 12, dtype=torch.double))
    assert count_macs(SMALL) == macs
    assert count_parameters(SMALL) == sum(p.numel() for p in model.parameters())


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ValueError, match=r"no model is named 'B/61': did you mean 'B/16'\?"):
        create_model("B/61")
    with pytest.raises(ValueError, match=r"choose from S/32, .*cifar10"):
        create_model("resnet")
    with pytest.raises(ValueError, match=r"no model is named 'b/16': did you mean 'B/16'\?"):
        create_model("b/16")
    with pytest.raises(ValueError, match=r"no option 'hiden_dim': did you mean 'hidden_dim'\?"):
        create_model("mnist", hiden_dim=3)
    assert create_model("mnist", num_blocks=1, dropout=0.1).config.num_blocks == 1


@pytest.mark.parametrize("height, width, usual, expected", [
    (32, 32, 4, 4), (28, 28, 7, 7), (8, 8, 4, 4), (64, 64, 4, 8), (224, 224, 4, 28), (30, 30, 4, 5), (48, 64, 4, 8),
    (8, 16, 4, 4), (5, 5, 4, 1), (16, 32, 2, 4),
])
def test_default_patch_size(height, width, usual, expected):
    assert default_patch_size(height, width, usual) == expected


@pytest.mark.parametrize("height, width", [(37, 37), (37, 53), (8, 100)])
def test_no_patch_size_fits(height, width):
    with pytest.raises(ValueError, match=f"images of {height} x {width} pixels .*: bring them to another size"):
        default_patch_size(height, width, 4)
