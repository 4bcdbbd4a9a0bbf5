"""The Mixer's relatives: each answers as timm's model or as NumPy does, and works wherever a Mixer does."""

import math
from dataclasses import replace

import numpy as np
import pytest
import timm.models.convmixer
import timm.models.metaformer
import timm.models.mlp_mixer
import timm.models.vision_transformer
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mixer_lib import count_macs, count_parameters, create_model, fit_to
from mixer_lib.analysis import influence, influence_by_depth, mixing_weights, switched_off, tables_by_depth
from mixer_lib.checkpoints import load_checkpoint, save_checkpoint
from mixer_lib.cli import main
from mixer_lib.configs import RELATIVES, get_config
from mixer_lib.conv import to_conv
from mixer_lib.costs import cost_by_part, layer_table
from mixer_lib.family import ARCHITECTURES
from mixer_lib.family.unlearned import Fourier
from mixer_lib.model import new_head
from mixer_lib.training import Recipe, evaluate, fit, memory_needed

SMALL = [name for name in RELATIVES if name.endswith("cifar10")]
TINY = dict(image_size=(8, 12), patch_size=4, num_classes=3, num_blocks=2, hidden_dim=8)     # 6 places, 2 x 3


def tiny(name, **options):
    """With weights, shifts and statistics so large that each part counts."""
    torch.manual_seed(0)
    sizes = {} if name.startswith("convmixer") else {"channels_mlp_dim": 12}
    model = create_model(name, **TINY | sizes | options).double().eval()
    for tensor in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
        nn.init.uniform_(tensor, 0.3, 1.2) if tensor.ndim == 1 else nn.init.normal_(tensor, std=0.3)
    return model


# They are those of the papers

SHARED = {"patch_embedding.linear": "stem.proj", "token_norm": "norm1", "channel_norm": "norm2"}
NAMES = {       # ours: timm's
    "resmlp-cifar10": SHARED | {"token_mixing.part.linear": "linear_tokens", "token_mixing.scale": "ls1",
                                "channel_mixing.part": "mlp_channels", "channel_mixing.scale": "ls2",
                                "norm.scale": "norm.alpha", "norm.shift": "norm.beta", "norm1.scale": "norm1.alpha",
                                "norm1.shift": "norm1.beta", "norm2.scale": "norm2.alpha",
                                "norm2.shift": "norm2.beta"},
    "gmlp-cifar10": {"patch_embedding.linear": "stem.proj", "channel_norm": "norm", "channel_mixing": "mlp_channels",
                     "gate.linear": "gate.proj"},
    "convmixer-cifar10": {"patch_embedding.linear": "stem.0", "patch_embedding.norm": "stem.2",
                          "token_mixing.part": "0.fn.0", "token_norm": "0.fn.2", "channel_mixing": "1",
                          "channel_norm": "3"},
    "vit-cifar10": SHARED | {"stem.proj": "patch_embed.proj", "patch_embedding.position": "pos_embed",
                             "token_mixing.qkv": "attn.qkv", "token_mixing.out": "attn.proj", "channel_mixing": "mlp"},
}
BLOCKS = {
    "poolformer-cifar10": {"token_norm": "norm1", "token_mixing.scale": "layer_scale1.scale", "channel_norm": "norm2",
                           "channel_mixing.scale": "layer_scale2.scale", "channel_mixing.part": "mlp"},
    "identity-cifar10": {"token_norm": "norm1", "channel_norm": "norm2", "channel_mixing": "mlp"},
}
THEIRS = {
    "resmlp-cifar10": lambda: timm.models.mlp_mixer.MlpMixer(
        num_classes=3, img_size=(8, 12), patch_size=4, num_blocks=2, embed_dim=8, mlp_ratio=1.5,
        block_layer=timm.models.mlp_mixer.ResBlock, norm_layer=timm.models.mlp_mixer.Affine),
    "gmlp-cifar10": lambda: timm.models.mlp_mixer.MlpMixer(
        num_classes=3, img_size=(8, 12), patch_size=4, num_blocks=2, embed_dim=8, mlp_ratio=1.5,
        block_layer=timm.models.mlp_mixer.SpatialGatingBlock, mlp_layer=timm.layers.GatedMlp),
    "convmixer-cifar10": lambda: timm.models.convmixer.ConvMixer(8, 2, kernel_size=5, patch_size=4, num_classes=3),
    "vit-cifar10": lambda: timm.models.vision_transformer.VisionTransformer(
        img_size=(8, 12), patch_size=4, num_classes=3, embed_dim=8, depth=2, num_heads=4, mlp_ratio=1.5,
        class_token=False, global_pool="avg", fc_norm=False),
}


def copy_weights(theirs, ours, names):
    """Fill timm's model with our numbers. Raises KeyError if one is left over on either side."""
    known = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        for part, other in names.items():
            name = ".".join(["", *name.split("."), ""]).replace(f".{part}.", f".{other}.").strip(".")
        place = known.pop(name)
        place.copy_(tensor.reshape(place.shape))
    assert not known


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_timms(name, training):
    ours, theirs, images = tiny(name), THEIRS[name]().double(), torch.randn(3, 3, 8, 12, dtype=torch.double)
    copy_weights(theirs, ours, NAMES[name])
    answers = [model.train(training)(images) for model in (ours, theirs)]
    torch.testing.assert_close(*answers, rtol=0, atol=1e-10)
    assert answers[0].std(dim=0).min() > 1e-3       # they do depend on the image


@torch.no_grad()
@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_timms(name):
    ours = tiny(name, channels_mlp_dim=32).blocks[0]        # the ratio of 4 is fixed in timm's
    mixer = timm.models.metaformer.Pooling if "pool" in name else nn.Identity
    norm = timm.layers.GroupNorm1 if "pool" in name else timm.layers.LayerNorm2d
    theirs = timm.models.metaformer.MetaFormerBlock(
        8, mixer, nn.GELU, mlp_bias=True, norm_layer=lambda dim, **_: norm(dim, eps=1e-6),
        layer_scale_init_value=1e-5 if "pool" in name else None).double()
    copy_weights(theirs, ours, BLOCKS[name])
    x = torch.randn(3, 6, 8, dtype=torch.double)
    expected = theirs(x.mT.unflatten(2, (2, 3))).flatten(2).mT
    torch.testing.assert_close(ours(x), expected, rtol=0, atol=1e-10)


@torch.no_grad()
def test_fnet_is_its_formula():
    model, x = tiny("fnet-cifar10"), torch.randn(3, 6, 8, dtype=torch.double)
    n, k = np.arange(6), np.arange(8)
    tokens, channels = (np.exp(-2j * math.pi * np.outer(i, i) / len(i)) for i in (n, k))
    expected = (tokens @ x.numpy() @ channels).real / math.sqrt(6 * 8)
    np.testing.assert_allclose(Fourier()(x).numpy(), expected, atol=1e-12)
    block = model.blocks[1]
    between = x + Fourier()(block.token_norm(x))
    torch.testing.assert_close(block(x), between + block.channel_mixing(block.channel_norm(between)))
    assert Fourier()(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("name, build", [
    ("resmlp_12_224", timm.models.mlp_mixer.resmlp_12_224), ("gmlp_s16_224", timm.models.mlp_mixer.gmlp_s16_224),
    ("convmixer_1024_20_ks9_p14", timm.models.convmixer.convmixer_1024_20_ks9_p14)])
def test_sizes_are_the_papers(name, build):
    with torch.device("meta"):
        theirs = build()
    assert count_parameters(get_config(name)) == sum(p.numel() for p in theirs.parameters())


def test_first_weights():
    for name in SMALL:
        logits = create_model(name, num_blocks=1)(torch.randn(2, 3, 32, 32))
        assert torch.equal(logits, torch.zeros(2, 10)), name
    gate, x = create_model("gmlp-cifar10", num_blocks=1).blocks[0].token_mixing, torch.randn(2, 64, 768)
    torch.testing.assert_close(gate(x), x[..., :384], rtol=1e-3, atol=1e-3)      # open everywhere
    for name, scale in (("resmlp-cifar10", 0.1), ("poolformer-cifar10", 1e-5)):
        block = create_model(name, num_blocks=1).blocks[0]
        assert (block.token_mixing.scale == scale).all() and (block.channel_mixing.scale == scale).all()
    assert 0.015 < create_model("vit-cifar10", num_blocks=1).patch_embedding.position.std() < 0.025


@pytest.mark.parametrize("name, reach", [("resmlp-cifar10", 9), ("gmlp-cifar10", 9), ("convmixer-cifar10", 1),
                                         ("vit-cifar10", 9), ("fnet-cifar10", 9), ("poolformer-cifar10", 1),
                                         ("identity-cifar10", 0)])
def test_who_hears_whom_in_one_block(name, reach):
    options = {"kernel_size": 3} if name.startswith("convmixer") else {}
    block = tiny(name, image_size=(12, 16), **options).blocks[0]            # 3 x 4 places
    heard = influence(block, torch.randn(12, 8, dtype=torch.double))
    row, column = torch.arange(12) // 4, torch.arange(12) % 4
    near = (row[:, None] - row).abs().maximum((column[:, None] - column).abs()) <= reach
    if name.startswith("poolformer"):       # its norm, over the whole table, lets every place hear of every other
        heard = influence(block.token_mixing, torch.randn(12, 8, dtype=torch.double))
    assert torch.equal(heard > 1e-12, near)


@pytest.mark.parametrize("name", SMALL)
def test_influence_by_depth_works_for_each(name):
    model = tiny(name)
    tokens = tables_by_depth(model, torch.randn(1, 3, 8, 12, dtype=torch.double))[0][0]         # [6, 8]
    exact = torch.stack([influence(model.blocks[:depth], tokens) for depth in range(3)])
    assert torch.allclose(influence_by_depth(model.blocks, tokens, directions=8), exact)


# What they cost

@pytest.mark.parametrize("name", SMALL)
def test_costs_are_what_runs(name):
    config = get_config(name, num_blocks=2)
    model = create_model(name, num_blocks=2).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 32, 32))
    extra = 2 * Fourier().macs((1, 64, 128)) if name.startswith("fnet") else 0
    assert count_macs(config) == counter.get_total_flops() // 2 + extra
    assert count_parameters(config) == sum(p.numel() for p in model.parameters())
    rows, parts = layer_table(config), cost_by_part(config)
    assert sum(parts["parameters"].values()) == sum(row[2] for row in rows) == count_parameters(config)
    assert sum(parts["MACs"].values()) == sum(row[3] for row in rows) == count_macs(config)
    assert [row[:2] for row in rows][-1] == ("head", (10,)) and ("block 1 channel mixing", (64, 128)) in [
        row[:2] for row in rows]


def test_what_mixes_tokens_counts_as_token_mixing():
    tokens = {name: sum(cost for layer, _, cost, _ in layer_table(get_config(name)) if layer == "block 0 token mixing")
              for name in SMALL}
    S, C = 64, 128
    assert tokens == {"resmlp-cifar10": S * S + S + 3 * C, "gmlp-cifar10": S * S + S + 2 * 384,
                      "convmixer-cifar10": 26 * C + 2 * C, "vit-cifar10": 4 * C * C + 4 * C + 2 * C,
                      "fnet-cifar10": 2 * C, "poolformer-cifar10": 3 * C, "identity-cifar10": 2 * C}


@pytest.mark.parametrize("name", ["cifar10", *SMALL])
@pytest.mark.parametrize("count", [count_parameters, count_macs])
def test_fit_to_is_the_widest_within_the_budget(name, count):
    budget = {"parameters" if count is count_parameters else "macs": count(get_config("cifar10", num_blocks=2))}
    config, = (fit_to(name, **budget, num_blocks=2),)
    step = getattr(config, "num_heads", 1)
    ratio = (get_config(name).channels_mlp_dim or 0) // 128
    wider = replace(config, hidden_dim=config.hidden_dim + step)
    if ratio:
        assert config.channels_mlp_dim == ratio * config.hidden_dim and config.num_blocks == 2
        wider = replace(wider, channels_mlp_dim=ratio * wider.hidden_dim)
    assert count(config) <= next(iter(budget.values())) < count(wider)
    assert name != "cifar10" or config == get_config("cifar10", num_blocks=2)


def test_fit_to_refuses():
    for budget in ({}, {"parameters": 1, "macs": 1}, {"macs": 0}):
        with pytest.raises(ValueError, match="expected a positive number for one of the two"):
            fit_to("vit-cifar10", **budget)
    with pytest.raises(ValueError, match="parameters is 50, but even with a hidden_dim of 4 vit-cifar10 has"):
        fit_to("vit-cifar10", parameters=50)


# They work wherever a Mixer does

@pytest.mark.parametrize("name", SMALL)
def test_fit_evaluate_checkpoint_and_resume(name, dataset, tmp_path):
    def start():
        torch.manual_seed(0)
        return create_model(name, **TINY, **{} if name.startswith("convmixer") else {"channels_mlp_dim": 12})

    model, recipe = start(), Recipe(epochs=2, batch_size=25, lr=0.01, schedule="constant")
    history = fit(model, dataset, recipe)
    assert history.epochs[-1]["train_loss"] < history.epochs[0]["train_loss"] < 1.5
    fit(start(), dataset, replace(recipe, epochs=1), out=tmp_path)
    resumed = start()
    fit(resumed, dataset, recipe, out=tmp_path, resume=True)
    loaded, _ = load_checkpoint(tmp_path / "model.safetensors")
    assert type(loaded) is type(model) is ARCHITECTURES[type(model).__name__] and loaded.config == model.config
    for other in (resumed, loaded):
        assert all(torch.equal(tensor, model.state_dict()[key]) for key, tensor in other.state_dict().items())
    assert evaluate(loaded, dataset) == evaluate(model, dataset)
    other = new_head(model, 4)
    assert type(other) is type(model) and other(torch.zeros(1, 3, 8, 12)).tolist() == [[0] * 4]
    assert torch.equal(other.patch_embedding.linear.weight, model.patch_embedding.linear.weight)


def test_memory_is_counted_without_a_trace(dataset):
    model = tiny("convmixer-cifar10").float().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert memory_needed(model, dataset, Recipe()) > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_command_line(there, capsys):
    sizes = "--patch-size 4 --num-blocks 1 --hidden-dim 8"
    assert main(f"train --dataset own.npz --model vit-cifar10 {sizes} --num-heads 2 --epochs 1 --out run".split()) == 0
    assert main(["evaluate", "run"]) == 0 and "top-1" in capsys.readouterr().out
    model, _ = load_checkpoint("run/model.safetensors")
    assert type(model).__name__ == "ViT" and model.config.num_heads == 2
    assert main(["info", "run"]) == 0 and "num heads 2" in capsys.readouterr().out.replace("_", " ")
    assert main(["info", "resmlp_12_224"]) == 0 and "15,350,872" in capsys.readouterr().out
    for words, error in [
            ("inspect run --out look", "token mixing of block 0 is SelfAttention, without the weights fc1 and fc2"),
            ("train --dataset own.npz --model vit-cifar10 --tokens-mlp-dim 8 --out other",
             "tokens_mlp_dim is 8, but this model has no such part: leave it out"),
            ("train --dataset own.npz --model resmlp-cifar10 --num-heads 8 --out other", "ResMLP has no option"),
            (f"train --dataset own.npz --model vit-cifar10 {sizes} --snapshots 2 --out other",
             "a ViT has no weights fc1 and fc2 of token mixing to keep in snapshots: set snapshots to 0")]:
        assert main(words.split()) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert error in said[-1]


@pytest.mark.parametrize("name, changes, words", [
    ("vit-cifar10", {"hidden_dim": 30}, "hidden_dim is 30: expected a multiple of num_heads, 4"),
    ("vit-cifar10", {"num_heads": 0}, "num_heads is 0: expected a whole number of at least 1"),
    ("gmlp-cifar10", {"channels_mlp_dim": 7}, "channels_mlp_dim is 7: expected an even number"),
    ("convmixer-cifar10", {"channels_mlp_dim": 7}, "channels_mlp_dim is 7, but this model has no such part"),
    ("convmixer-cifar10", {"dropout": 0.1}, "dropout is 0.1, but this model has no such part"),
    ("convmixer-cifar10", {"kernel_size": 0}, "kernel_size is 0: expected a whole number"),
    ("resmlp-cifar10", {"num_heads": 2}, "ResMLP has no option 'num_heads'"),
    ("resmpl-cifar10", {}, "did you mean 'resmlp-cifar10'")])
def test_impossible_sizes_and_names_are_refused(name, changes, words):
    with pytest.raises(ValueError, match=words):
        create_model(name, **changes)


@pytest.mark.parametrize("name", SMALL)
def test_what_takes_a_token_mixing_mlp_refuses(name, dataset, tmp_path):
    model = tiny(name)
    with pytest.raises(TypeError, match=f"expected a model of class MlpMixer, got {type(model).__name__}"):
        to_conv(model)
    with pytest.raises(ValueError, match="without the weights fc1 and fc2"):
        mixing_weights(model)
    with pytest.raises(ValueError, match="no weights fc1 and fc2 of token mixing to keep"):
        fit(model, dataset, Recipe(snapshots=2), out=tmp_path)


@pytest.mark.parametrize("name", SMALL)
def test_parts_are_switched_off_where_they_are_on_branches_of_their_own(name):
    model, images = tiny(name), torch.randn(2, 3, 8, 12, dtype=torch.double)
    off = [(0, "token mixing")]
    if name in ("gmlp-cifar10", "convmixer-cifar10"):
        with pytest.raises(ValueError, match=f"parts of a {type(model.blocks[0]).__name__} cannot be switched off"), \
                switched_off(model, off):
            pass
        return
    whole = model(images)
    with switched_off(model, off):
        without = model(images)
    assert not torch.allclose(whole, without)
    model.blocks[0].token_mixing = nn.Identity()
    model.blocks[0].token_norm = type("Zero", (nn.Module,), {"forward": lambda self, x: 0 * x})()
    torch.testing.assert_close(model(images), without)


def test_checkpoint_names_its_architecture(dataset, tmp_path):
    model = tiny("fnet-cifar10").float()
    save_checkpoint(tmp_path / "m.safetensors", model, dataset)
    assert b'\\"architecture\\": \\"FNet\\"' in (tmp_path / "m.safetensors").read_bytes()[:4000]
