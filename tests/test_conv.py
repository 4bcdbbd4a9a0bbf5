"""The Mixer in convolutions: equal to the Mixer in every output and gradient, and made of nothing else."""

import copy
import functools
import math
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, parametrize, prune, vector_to_parameters

import ledger
from mixer_lib import MixerConfig, MlpMixer, count_macs, count_parameters, create_model
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.conv import (
    FoldedTokenMixing,
    MixerCNN,
    TiedTokenMixing,
    UntiedTokenMixing,
    from_conv,
    in_linear_shape,
    to_conv,
)
from mixer_lib.data import load_dataset
from mixer_lib.training import evaluate

SMALL = dict(image_size=(8, 12), patch_size=(2, 4), in_channels=3, num_classes=5, num_blocks=2, hidden_dim=6,
             tokens_mlp_dim=7, channels_mlp_dim=10)
MODELS = {"rectangular": {}, "gray": {"in_channels": 1, "patch_size": 2}, "no head": {"num_classes": 0},
          "one block, tanh": {"num_blocks": 1, "gelu": "tanh"}, "one patch per pixel": {"patch_size": 1},
          "a single patch": {"patch_size": (8, 12)}, "one channel": {"hidden_dim": 1, "tokens_mlp_dim": 1},
          "a column of patches": {"patch_size": (1, 12)}, "dropout": {"dropout": 0.5, "drop_path": 0.5}}
FORMS = [FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing]
every_form = pytest.mark.parametrize("form", FORMS)
both_ways = pytest.mark.parametrize("convert", [to_conv, from_conv])
# What a Mixer may be made of: convolutions, the non-linearity, the norm, additions; the rest only moves numbers.
COMPUTES = {"convolution", "gelu", "native_layer_norm", "add"}
MOVES = {"view", "_unsafe_view", "permute", "unsqueeze", "clone", "repeat", "new_full"}


def mixer(**changes):
    torch.manual_seed(0)
    model = MlpMixer(**SMALL | changes).double().eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)             # no zeros or ones left that would hide a mistake
    return model


@functools.cache
def unchanged(convert):
    """A model that `convert` takes. Tests take copies, which are quicker to make."""
    model = mixer() if convert is to_conv else to_conv(mixer())
    convert(model)
    return model


@functools.cache
def pair(name, form):
    """One of MODELS and its convolutions, for tests that leave them as they are."""
    model = mixer(**MODELS[name])
    return model, to_conv(model, form)


def images(model, number=2):
    return torch.randn(number, *model.image_shape, dtype=torch.double)


def assert_same_network(ours, theirs):
    """The same parameters, bit for bit, of the same kind, in memory of their own, and the same modes."""
    ours, theirs = ({name: (p, p.requires_grad, p.device.type, p.dtype) for name, p in net.named_parameters()}
                    | {f"mode of {name}": part.training for name, part in net.named_modules()}
                    for net in (ours, theirs))
    assert ours.keys() == theirs.keys()
    for name, fact in ours.items():
        if isinstance(fact, bool):
            assert theirs[name] is fact, name
        else:
            (p, *kind), (q, *same_kind) = fact, theirs[name]
            assert kind == same_kind and p.shape == q.shape, name
            assert p is not q and (p.is_meta or (torch.equal(p, q) and p.data_ptr() != q.data_ptr())), name


@every_form
@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_are_the_mixers(name, form):
    torch.manual_seed(0)
    model, conv = pair(name, form)
    x = images(model).requires_grad_()
    ours, theirs = model(x), conv(x)
    assert theirs.shape == ours.shape and not conv.training
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-10)
    weights = torch.randn_like(ours)
    of_x, *wanted = torch.autograd.grad((ours * weights).sum(), [x, *model.parameters()])
    of_x_too, *got = torch.autograd.grad((theirs * weights).sum(), [x, *conv.parameters()])
    torch.testing.assert_close(of_x_too, of_x, rtol=0, atol=1e-10)
    for p, q in zip(wanted, in_linear_shape(got, model), strict=True):
        torch.testing.assert_close(q.sum(dim=0), p, rtol=0, atol=1e-10)     # untied: the C gradients add up to one


@every_form
@pytest.mark.parametrize("name", MODELS)
def test_each_part_is_the_mixers(name, form):
    """The parts alone, since a network hides some of what they do: b2, the same in all channels of a place, leaves
    every LayerNorm as if it had not been there."""
    torch.manual_seed(0)
    model, conv = pair(name, form)
    (H, W), C = model.config.grid, model.config.hidden_dim
    maps = torch.randn(2, C, H, W, dtype=torch.double, requires_grad=True)
    table = maps.flatten(2).mT                                              # [B, S, C]
    for path in "token_norm", "token_mixing", "channel_norm", "channel_mixing", "":
        part, on_maps = model.blocks[0].get_submodule(path), conv.blocks[0].get_submodule(path)
        ours, theirs = part(table).mT.reshape(maps.shape), on_maps(maps)
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-10)
        of_ours, of_theirs = (torch.autograd.grad((y ** 3).sum(), maps, retain_graph=True)[0] for y in (ours, theirs))
        torch.testing.assert_close(of_theirs, of_ours, rtol=0, atol=1e-10)
    x = images(model)
    embedded = model.patch_embedding(x).mT.reshape(2, C, H, W)
    torch.testing.assert_close(conv.stem(x), embedded, rtol=0, atol=1e-10)


@pytest.mark.parametrize("number", [0, 1])
@every_form
def test_batches_of_no_image_and_of_one(form, number):
    model = mixer()
    x = images(model, number)
    torch.testing.assert_close(to_conv(model, form)(x), model(x), rtol=0, atol=1e-10)


@every_form
def test_the_eps_is_the_mixers(form):
    """It decides where the channels of a place hardly vary."""
    model = mixer()
    with torch.no_grad():
        for p in model.patch_embedding.parameters():
            p.mul_(1e-3)
    x = images(model)
    torch.testing.assert_close(to_conv(model, form)(x), model(x), rtol=0, atol=1e-10)


def operations(model, x):
    """The names of all operations of a forward pass, whatever module or function called them."""
    graph = make_fx(model)(x).graph
    return {node.target.overloadpacket.__name__ for node in graph.nodes if hasattr(node.target, "overloadpacket")}


@every_form
def test_nothing_but_convolutions(form):
    model = mixer(num_blocks=1)
    conv, x = to_conv(model, form), images(model)
    if form is FoldedTokenMixing:
        assert "addmm" in operations(model, x)          # what is looked for is found where it is
    found = operations(conv, x)
    assert found >= COMPUTES and found - COMPUTES <= MOVES, found - COMPUTES - MOVES
    parametric = {type(module) for module in conv.modules() if [*module.parameters(recurse=False)]}
    assert {kind.__name__ for kind in parametric} == {"Conv2d", "ConvTranspose2d", "PlaceBias", "PlaceNorm"}


@pytest.mark.parametrize("form, number", [(form, 2) for form in FORMS] + [(FoldedTokenMixing, 1)])
def test_compiles(form, number):
    """Forward and backward through AOTAutograd, which replays strides that it was told: they must be true."""
    torch._dynamo.reset()
    conv = to_conv(mixer(num_blocks=1), form)
    compiled, x = torch.compile(conv, backend="aot_eager"), images(conv, number).requires_grad_()
    (ours, wanted), (theirs, got) = [
        (y, torch.autograd.grad((y ** 3).sum(), [x, *conv.parameters()])) for y in (conv(x), compiled(x))]
    for p, q in zip([ours, *wanted], [theirs, *got], strict=True):
        torch.testing.assert_close(q, p, rtol=0, atol=1e-10)


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("form", [FoldedTokenMixing, TiedTokenMixing])
def test_there_and_back_is_exact(changes, form):
    model = mixer(**changes).float()
    state = torch.random.get_rng_state()
    conv = to_conv(model, form)
    back = from_conv(conv)
    assert torch.equal(state, torch.random.get_rng_state())         # no random number was drawn
    assert back.config == model.config
    places = [p.data_ptr() for net in (model, conv, back) for p in net.parameters()]
    assert len(places) == len({*places})                            # copies: training one leaves the others alone
    assert_same_network(model, back)


@every_form
def test_a_fresh_one_is_the_mixer_drawn_now(form):
    torch.manual_seed(3)
    model = MlpMixer(**SMALL)
    state = torch.random.get_rng_state()
    torch.manual_seed(3)
    conv = MixerCNN(MixerConfig(**SMALL), form)
    assert torch.equal(state, torch.random.get_rng_state())
    assert_same_network(to_conv(model, form), conv)
    assert conv.training and conv.config == model.config and conv.token_mixing is form
    x, labels = images(conv).float(), torch.tensor([1, 4])
    assert cross_entropy(conv(x), labels).item() == pytest.approx(math.log(5))


def test_a_dict_does_for_a_config():
    assert MixerCNN(SMALL).config == MixerConfig(**SMALL)
    with pytest.raises(ValueError, match="hidden_dim is 0"):
        MixerCNN(SMALL | {"hidden_dim": 0})


@pytest.mark.parametrize("form", ["folded", None, nn.Identity, FoldedTokenMixing((4, 3), 7, 6, 0.0, "none"),
                                  type("Mine", (FoldedTokenMixing,), {})])
def test_another_token_mixing_is_refused(form):
    names = "FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing"
    for build in (lambda: to_conv(mixer(), form), lambda: MixerCNN(MixerConfig(**SMALL), form)):
        with pytest.raises(ValueError, match=f"(?s)token_mixing is .*: expected one of the classes {names}"):
            build()


@every_form
def test_it_is_a_classifier_like_any_other(form):
    model = mixer()
    conv = to_conv(model, form)
    assert (conv.image_shape, conv.num_classes, conv.config) == ((3, 8, 12), 5, model.config)
    headless = MixerCNN(replace(model.config, num_classes=0), form).double()
    assert headless.num_classes == 0 and headless(images(model)).shape == (2, 6)
    assert pickle.loads(pickle.dumps(conv)).token_mixing is form


def test_the_parameters_are_counted():
    model = create_model("mnist")
    S, C, D_S = 16, 64, 32
    count = [sum(p.numel() for p in m.parameters()) for m in (model, *(to_conv(model, form) for form in FORMS))]
    assert count[0] == count[1] == count[2]
    assert count[3] - count[0] == 4 * (C - 1) * (2 * S * D_S + D_S + S)


def test_untied_kernels_part_in_the_first_step():
    model = mixer()
    for form, tied in ((UntiedTokenMixing, False), (TiedTokenMixing, True)):
        conv = to_conv(model, form)
        (conv(images(model)) ** 2).sum().backward()
        torch.optim.SGD(conv.parameters(), lr=0.1).step()
        kernels = conv.blocks[0].token_mixing.fc1.weight.view(-1, 7, 4, 3)
        assert len(kernels) == (1 if tied else 6)
        assert all(torch.equal(kernel, kernels[0]) for kernel in kernels) == tied


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 1, 8, 12), (3, 8, 12), (2, 3, 16, 24), (1, 2, 3, 8, 12), ()])
def test_other_images_are_refused(shape):
    """Without this, token mixing in convolutions would slide over a larger grid and give numbers."""
    with pytest.raises(ValueError, match=re.escape(f"[B, 3, 8, 12], got {list(shape)}")):
        to_conv(mixer())(torch.zeros(shape, dtype=torch.double))


@every_form
def test_a_trained_model_reads_the_same(form):
    model, data = load_pretrained("mnist")[0], load_dataset("mnist")
    data = replace(data, test_images=data.test_images[:50], test_labels=data.test_labels[:50])
    conv = to_conv(model, form)
    assert evaluate(conv, data) == pytest.approx(evaluate(model, data), abs=1e-5)
    x = images(model, 16)
    torch.testing.assert_close(conv.double()(x), model.double()(x), rtol=0, atol=1e-10)


@every_form
def test_dropout_goes_along(form):
    """The same rates, and in token mixing at the same two points: after each layer, before anything else."""
    model = mixer(num_blocks=3, dropout=0.5, drop_path=0.5).train()
    conv, x = to_conv(model, form), images(model)
    assert conv.training and not torch.equal(conv(x), conv(x)) and torch.equal(conv.eval()(x), conv(x))
    assert [block.drop_path.rate for block in conv.blocks] == [0, 0.25, 0.5]
    assert [module.p for module in conv.modules() if isinstance(module, nn.Dropout)] == [0.5] * 2 * 3
    sums = []
    for net in model.eval(), conv.eval():
        net.blocks[0].token_mixing.dropout.register_forward_hook(lambda part, inputs, y: sums.append(inputs[0].sum()))
        net(x)
    assert len(sums) == 4
    torch.testing.assert_close(sums[2:], sums[:2])
    conv.train().blocks[0].token_mixing.dropout.p = 1.0         # nothing is left
    assert not conv.blocks[0].token_mixing(torch.randn(2, 6, 4, 3, dtype=torch.double)).any()


# ---- which models can be converted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model, error, words", [
    (nn.Linear(3, 4), TypeError, "of class MlpMixer, got Linear"),
    (type("Mine", (MlpMixer,), {})(**SMALL), TypeError, "of class MlpMixer, got Mine"),
    (to_conv(MlpMixer(**SMALL)), TypeError, "got MixerCNN"),
    (nn.DataParallel(MlpMixer(**SMALL)), TypeError, "got DataParallel"),
    (torch.compile(MlpMixer(**SMALL)), TypeError, "got OptimizedModule"),
    (None, TypeError, "got NoneType"),
])
def test_to_conv_refuses(model, error, words):
    with pytest.raises(error, match=words):
        to_conv(model)


def test_from_conv_refuses():
    for model in (mixer(), torch.compile(to_conv(mixer())), None):
        with pytest.raises(TypeError, match=f"of class MixerCNN, got {type(model).__name__}"):
            from_conv(model)
    with pytest.raises(ValueError, match="token mixing is untied"):
        from_conv(to_conv(mixer(), UntiedTokenMixing))
    for form, words in ((UntiedTokenMixing, "token mixing is untied"), (None, "token_mixing is None"),
                        (TiedTokenMixing, "blocks.0.token_mixing.__class__ is .*FoldedTokenMixing")):
        conv = to_conv(mixer())
        conv.token_mixing = form
        with pytest.raises(ValueError, match=words):
            from_conv(conv)


def renamed(module, old, new):
    p = getattr(module, old)
    delattr(module, old)
    setattr(module, new, p)


def anew(module, name, value):
    """`value`, of whatever kind, in place of a parameter or a part."""
    delattr(module, name)
    setattr(module, name, value)


def in_place_of(name, make):
    """A change of model.norm's parameter `name`: make(its numbers) in its place."""
    return lambda model: anew(model.norm, name, make(getattr(model.norm, name).detach()))


def untrained(numbers):
    return nn.Parameter(numbers, requires_grad=False)


def shared(model, numbers):
    """The head's bias as a part of the memory of the norm's weight."""
    model.head.bias.data = numbers(model.norm.weight.data)


def computed(model):
    with torch.no_grad():
        model.norm.weight.requires_grad_(False)
    model.norm.weight.mul_(model.norm.bias)


class LouderNorm(nn.LayerNorm):
    def forward(self, x):
        return 2 * super().forward(x)


CHANGES = {     # what is done to a model: (how, the words of the error)
    "pruned": (lambda m: prune.identity(m.norm, "weight"), "norm._forward_pre_hooks|norm._parameters"),
    "parametrized": (lambda m: parametrize.register_parametrization(m.norm, "weight", nn.Identity()), "norm.__class__"),
    "weight norm": (lambda m: nn.utils.parametrizations.weight_norm(m.blocks[0].channel_mixing.fc1), "fc1.__class__"),
    "another attribute": (lambda m: renamed(m.norm, "weight", "gamma"), "norm._parameters .*gamma"),
    "names exchanged": (lambda m: [renamed(m.head, *names) for names in (
        ("weight", "x"), ("bias", "weight"), ("x", "bias"))], r"head.weight is of shape \[5\]"),
    "a tensor for a parameter": (in_place_of("weight", lambda w: w), "norm._parameters"),
    "a buffer for a parameter": (lambda m: [delattr(m.norm, "bias"), m.norm.register_buffer("bias", torch.zeros(6))],
                                 "norm._parameters"),
    "a bias less": (lambda m: setattr(m.head, "bias", None), "head.bias is .*NoneType"),
    "a missing parameter": (lambda m: delattr(m.head, "bias"), "head._parameters"),
    "an extra parameter": (lambda m: setattr(m.blocks[1], "scale", nn.Parameter(torch.ones(6))),
                           "blocks.1._parameters"),
    "an extra buffer": (lambda m: m.blocks[1].register_buffer("scale", torch.ones(6)), "blocks.1._buffers"),
    "an extra part": (lambda m: setattr(m.blocks[1], "scale", nn.Identity()), "blocks.1._modules"),
    "a missing part": (lambda m: delattr(m, "head"), "_modules is .*'norm'\\], not .*'head'"),
    "another head": (lambda m: setattr(m, "head", nn.Identity()), "head.__class__"),
    "a wider head": (lambda m: setattr(m, "head", type(m.head)(6, 9, *[1] * isinstance(m.head, nn.Conv2d))),
                     r"head.weight is of shape \[9, 6"),
    "no head, as None": (lambda m: setattr(m, "head", None), "_modules is .*'norm', None"),
    "another non-linearity": (lambda m: setattr(m.blocks[1].token_mixing, "gelu", nn.ReLU()), "blocks.1.*ReLU"),
    "another GELU": (lambda m: setattr(m.blocks[1].channel_mixing.gelu, "approximate", "tanh"),
                     "blocks.1.channel_mixing.gelu.approximate is 'tanh', not 'none'"),
    "another norm": (lambda m: setattr(m, "norm", LouderNorm(6, eps=1e-6)), "norm.__class__ is .*LouderNorm"),
    "another class": (lambda m: setattr(m.blocks[0].token_norm, "__class__", LouderNorm), "LouderNorm"),
    "eps": (lambda m: setattr(m.blocks[1].token_norm, "eps", 1e-5), "blocks.1.token_norm.eps is 1e-05, not 1e-06"),
    "eps, a tensor": (lambda m: setattr(m.norm, "eps", torch.tensor([1e-6, 1e-5])), "norm.eps is tensor"),
    "drop path": (lambda m: setattr(m.blocks[1].drop_path, "rate", 0.3), "blocks.1.drop_path.rate is 0.3, not 0.0"),
    "dropout": (lambda m: setattr(m.blocks[1].channel_mixing.dropout, "p", 0.1), "dropout.p is 0.1, not 0.0"),
    "a setting less": (lambda m: delattr(m.norm, "eps"), "norm.eps is unset, not 1e-06"),
    "a forward hook": (lambda m: m.head.register_forward_hook(lambda *_: None), "head._forward_hooks"),
    "a forward hook of the model": (lambda m: m.register_forward_hook(lambda *_: None), "_forward_hooks"),
    "a forward pre-hook": (lambda m: m.head.register_forward_pre_hook(lambda *_: None), "head._forward_pre_hooks"),
    "a backward hook": (lambda m: m.head.register_full_backward_hook(lambda *_: None), "head._backward_hooks"),
    "a backward pre-hook": (lambda m: m.head.register_full_backward_pre_hook(lambda *_: None), "_backward_pre_hooks"),
    "a hook of a parameter": (lambda m: m.head.bias.register_hook(lambda g: 2 * g), "head.bias is hooked"),
    "a later hook": (lambda m: m.head.bias.register_post_accumulate_grad_hook(lambda p: None), "head.bias is hooked"),
    "a forward of its own": (lambda m: setattr(m.blocks[0], "forward", lambda x: x), "blocks.0.forward is <function"),
    "the model's forward": (lambda m: setattr(m, "forward", lambda x: x), "says: forward is <function"),
    "a hidden part": (lambda m: m.__dict__.update(norm=lambda x: x), "says: norm is <function"),
    "a hidden parameter": (lambda m: m.norm.__dict__.update(weight=torch.ones(6)), "norm.weight is tensor"),
    "tied weights": (lambda m: setattr(m.blocks[1].token_norm, "weight", m.blocks[0].token_norm.weight),
                     "blocks.0.token_norm.weight and blocks.1.token_norm.weight share memory"),
    "tied weights on meta": (lambda m: [m.to("meta"), setattr(m.norm, "bias", m.blocks[0].token_norm.bias)],
                             "blocks.0.token_norm.bias and norm.bias share memory"),
    "the same block twice": (lambda m: m.blocks.__setitem__(1, m.blocks[0]), "blocks.0.* and blocks.1.* share memory"),
    "views of one another": (lambda m: shared(m, lambda w: w[1:]), "norm.weight and head.bias share memory"),
    "views that begin alike": (lambda m: shared(m, lambda w: w[:5]), "norm.weight.* share|head.bias.* share memory"),
    "one number for all": (in_place_of("weight", lambda w: nn.Parameter(w[:1].clone().expand(6))),
                           "norm.weight is short of memory"),
    "computed": (computed, "norm.weight is computed from others"),
    "sparse": (in_place_of("weight", lambda w: nn.Parameter(w.to_sparse())), "weight is torch.sparse_coo"),
    "whole numbers": (in_place_of("weight", lambda w: untrained(w.long())), "weight is torch.strided, torch.int64"),
    "complex": (in_place_of("weight", lambda w: nn.Parameter(w.cfloat())), "weight is torch.strided, torch.complex64"),
    "no shape yet": (in_place_of("weight", lambda w: nn.UninitializedParameter()), "norm.weight is a Uninit"),
    "a block more": (lambda m: m.blocks.append(copy.deepcopy(m.blocks[0])), "blocks._modules is .*'2'"),
    "a block less": (lambda m: m.blocks.__delitem__(1), "blocks._modules"),
    "no blocks": (lambda m: setattr(m, "blocks", nn.Sequential()), "blocks._modules"),
    "blocks in a list": (lambda m: setattr(m, "blocks", nn.ModuleList(m.blocks)), "blocks.__class__"),
    "blocks run backwards": (lambda m: setattr(m.blocks, "_modules", dict(reversed(m.blocks._modules.items()))),
                             "blocks._modules is \\['1', '0'\\]"),
    "image_shape": (lambda m: setattr(m, "image_shape", (3, 8, 8)), "image_shape is"),
    "num_classes": (lambda m: setattr(m, "num_classes", 10), "num_classes is 10, not 5"),
    "another config": (lambda m: setattr(m, "config", replace(m.config, tokens_mlp_dim=8)), "token_mixing.fc1"),
    "a config changed behind its back": (lambda m: object.__setattr__(m.config, "dropout", 0.5), "dropout.p is 0.0"),
    "a config that makes no model": (lambda m: object.__setattr__(m.config, "hidden_dim", -1), "hidden_dim is -1"),
    "a config with a field more": (lambda m: object.__setattr__(m.config, "depth", 3), "depth"),
    "a dict for a config": (lambda m: setattr(m, "config", dict(SMALL)), "vars"),
    "no config": (lambda m: delattr(m, "config"), "has no attribute 'config'"),
}


@both_ways
@pytest.mark.parametrize("change, words", CHANGES.values(), ids=CHANGES)
def test_a_change_is_refused(change, words, convert):
    model = copy.deepcopy(unchanged(convert))           # until then there is nothing against it
    change(model)
    with pytest.raises(ValueError, match=f"this {type(model).__name__} (is no longer|makes no model).*({words})"):
        convert(model)


@both_ways
def test_blocks_in_another_order(convert):
    """Another order is another Mixer, unless the blocks are told apart by their drop path."""
    for drop_path in 0.0, 0.2:
        model = mixer(drop_path=drop_path)
        model = model if convert is to_conv else to_conv(model)
        model.blocks = nn.Sequential(*reversed(model.blocks))
        if drop_path:
            with pytest.raises(ValueError, match=r"blocks.0.drop_path.rate is 0.2, not 0.0"):
                convert(model)
        else:
            x = images(model)
            torch.testing.assert_close(convert(model)(x), model(x), rtol=0, atol=1e-10)


def in_one_vector(model):
    vector_to_parameters(parameters_to_vector(model.parameters()).detach(), model.parameters())


def hooked_and_unhooked(model):
    hooks = [model.head.register_full_backward_hook(lambda *_: None), model.head.register_forward_hook(lambda *_: None),
             model.head.bias.register_hook(lambda g: g)]
    for hook in hooks:
        hook.remove()


def with_attributes(model):
    model.note, model.blocks[1].seen, model.norm.last = "mine", [1, 2], torch.ones(3)


HARMLESS = {    # what is done to a model and leaves it one that can be converted
    "nothing": lambda m: None,
    "pruned for good": lambda m: [prune.l1_unstructured(m.norm, "weight", 2), prune.remove(m.norm, "weight")],
    "set anew in another order": lambda m: anew(m.norm, "weight", m.norm.weight),
    "frozen": lambda m: [m.blocks[0].requires_grad_(False), m.norm.bias.requires_grad_(False)],
    "modes of its own": lambda m: [m.train(), m.blocks[1].token_mixing.dropout.eval(), m.blocks[0].eval(),
                                   m.head.eval()],
    "in training": lambda m: m.train(),
    "only a part in training": lambda m: m.blocks[1].drop_path.train(),
    "single precision": lambda m: m.float(),
    "half precision": lambda m: m.half(),
    "bfloat16": lambda m: m.bfloat16(),
    "mixed precision": lambda m: [m.blocks[0].half(), m.norm.float()],
    "without memory": lambda m: m.to("meta"),
    "on two devices": lambda m: m.blocks[1].to("meta"),
    "in one vector": in_one_vector,
    "transposed in memory": lambda m: setattr(m.head.weight, "data", m.head.weight.data.mT.contiguous().mT),
    "compiled in place": lambda m: m.compile(backend="eager"),
    "hooked and unhooked": hooked_and_unhooked,
    "with attributes of the user's": with_attributes,
    "with gradients": lambda m: [m(images(m)).sum().backward()],
    "not a number": lambda m: setattr(m.norm.weight, "data", torch.full((6,), math.inf).double()),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_everything_is_carried_over(change):
    """There by `to_conv`, and back: what was changed in the Mixer is the same in the Mixer that comes back. The tied
    form has the parameters of the folded one; it goes there and back in `test_there_and_back_is_exact`."""
    model = copy.deepcopy(unchanged(to_conv))
    change(model)
    state = torch.random.get_rng_state()
    conv = to_conv(model)
    back = from_conv(conv)
    assert_same_network(model, back)
    assert torch.equal(state, torch.random.get_rng_state())
    assert [p.requires_grad for p in conv.parameters()] == [p.requires_grad for p in back.parameters()]
    for ours, theirs in zip(model.blocks, conv.blocks):
        for name in "token_mixing.dropout", "channel_mixing", "drop_path", "token_norm":
            assert theirs.get_submodule(name).training == ours.get_submodule(name).training


@pytest.mark.parametrize("change", [change for name, change in HARMLESS.items() if name not in (
    "with gradients", "transposed in memory")])
def test_everything_is_carried_back(change):
    conv = copy.deepcopy(unchanged(from_conv))
    change(conv)
    assert_same_network(conv, to_conv(from_conv(conv)))


@pytest.mark.parametrize("name", ["pruned for good", "set anew in another order", "in one vector",
                                  "transposed in memory", "compiled in place", "hooked and unhooked"])
@every_form
def test_a_harmless_change_is_no_change(name, form):
    """The order of a Mixer's parameters may be another; outputs and gradients are still the same, name by name."""
    model = mixer()
    HARMLESS[name](model)
    conv, x = to_conv(model, form), images(model)
    ours, theirs = model(x), conv(x)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-10)
    wanted, got = (torch.autograd.grad((y ** 3).sum(), [*net.parameters()])
                   for y, net in ((ours, model), (theirs, conv)))
    for p, q in zip(wanted, in_linear_shape(got, model), strict=True):
        torch.testing.assert_close(q.sum(dim=0), p, rtol=0, atol=1e-10)


@every_form
def test_kinds_and_modes_where_one_layer_becomes_two(form):
    model = mixer()
    model.blocks[0].token_mixing.fc2.weight.requires_grad_(False)
    model.blocks[0].token_mixing.fc2.half()
    model.blocks[0].token_mixing.fc2.train()
    stamps, place_bias = to_conv(model, form).blocks[0].token_mixing.fc2
    assert (stamps.weight.requires_grad, place_bias.bias.requires_grad) == (False, True)
    assert stamps.weight.dtype == place_bias.bias.dtype == torch.half
    assert stamps.training and place_bias.training


@every_form
def test_the_defaults_of_the_moment_do_not_matter(form):
    model = mixer().train()
    wanted, x = to_conv(model, form), images(model)
    torch.set_default_dtype(torch.half)
    try:
        with torch.device("meta"):
            conv = to_conv(model, form)
            assert_same_network(wanted, conv)
            torch.testing.assert_close(conv(x), wanted(x))          # new tensors stand where their neighbors do
            if form is not UntiedTokenMixing:
                back = from_conv(conv)
                assert_same_network(model, back)
    finally:
        torch.set_default_dtype(torch.float)


# ---- the ledger of lesson 10 ---------------------------------------------------------------------------------------

ROWS = ledger.rows()


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.part}, {row.form}" for row in ROWS])
def test_ledger(row):
    """What is equal is so to rounding errors, a copy to the last bit, and what is not equal is far off."""
    differences = row.output, row.gradient
    assert {"same bits": max(differences) == 0, "equal": max(differences) < 1e-12,
            "not equal": min(differences) > 1e-3}[row.claim]


def test_ledger_counts():
    counts = {row.form: (row.parameters, row.macs) for row in ROWS}
    whole = count_parameters(ledger.CONFIG), count_macs(ledger.CONFIG)
    assert counts["to_conv, then from_conv"] == whole
    assert counts["to_conv"] == (whole[0], whole[1] + 64 * 16)              # the mean, as a convolution
    folded, tied, untied = (count for form, count in counts.items() if form.startswith(("folded", "depth-wise")))
    assert folded == tied == (2 * 16 * 32 + 32 + 16, 2 * 64 * 16 * 32)
    assert untied == (64 * folded[0], folded[1])                            # other weights, not other work
    assert counts["one bias instead of one per place"] == (folded[0] - 15, folded[1])


def test_lesson_10_shows_the_ledger():
    lesson = Path(__file__).parents[1] / "notebooks" / "text" / "10_convolutions.py"
    table = ledger.as_markdown(ROWS).replace("\n", "\n# ")
    assert table in lesson.read_text(encoding="utf-8"), "put what python figures/ledger.py prints into lesson 10"
