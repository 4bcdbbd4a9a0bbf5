"""The Mixer in convolutions: equal to the Mixer in every output and gradient, and made of nothing else."""

import re

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

import ledger
from mixer_lib import MlpMixer, count_macs, count_parameters, create_model
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.conv import (
    FoldedTokenMixing,
    TiedTokenMixing,
    UntiedTokenMixing,
    from_conv,
    in_linear_shape,
    to_conv,
)

SMALL = dict(image_size=(8, 12), patch_size=(2, 4), in_channels=3, num_classes=5, num_blocks=3, hidden_dim=6,
             tokens_mlp_dim=7, channels_mlp_dim=10)
MODELS = {"rectangular": {}, "gray": {"in_channels": 1, "patch_size": 2}, "no head": {"num_classes": 0},
          "one block, tanh": {"num_blocks": 1, "gelu": "tanh"}, "a patch a pixel": {"patch_size": 1},
          "a single patch": {"patch_size": (8, 12)}, "one channel": {"hidden_dim": 1, "tokens_mlp_dim": 1},
          "a column of patches": {"patch_size": (1, 12)}, "dropout": {"dropout": 0.5, "drop_path": 0.5}}
FORMS = [FoldedTokenMixing, TiedTokenMixing, UntiedTokenMixing]
every_form = pytest.mark.parametrize("form", FORMS)
# What a Mixer may be made of: convolutions, the non-linearity, the norm, additions; the rest only moves numbers.
COMPUTES = {"convolution", "gelu", "native_layer_norm", "add"}
MOVES = {"view", "_unsafe_view", "permute", "unsqueeze", "clone", "repeat", "new_full"}


def mixer(**changes):
    torch.manual_seed(0)
    model = MlpMixer(**SMALL | changes).double().eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)             # no zeros or ones left that would hide a mistake
    return model


def images(model, number=2):
    return torch.randn(number, model.config["in_channels"], *model.patch_embedding.image_size, dtype=torch.double)


@every_form
@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
def test_outputs_and_gradients_are_the_mixers(changes, form):
    model = mixer(**changes)
    conv, x = to_conv(model, form), images(model).requires_grad_()
    ours, theirs = model(x), conv(x)
    assert theirs.shape == ours.shape and not conv.training
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-10)
    weights = torch.randn_like(ours)
    of_x, *wanted = torch.autograd.grad((ours * weights).sum(), [x, *model.parameters()])
    of_x_too, *got = torch.autograd.grad((theirs * weights).sum(), [x, *conv.parameters()])
    torch.testing.assert_close(of_x_too, of_x, rtol=0, atol=1e-10)
    for p, q in zip(wanted, in_linear_shape(got, model), strict=True):
        torch.testing.assert_close(q.sum(dim=0), p, rtol=0, atol=1e-10)     # untied: the C gradients add up to one


def operations(model, x):
    """The names of all operations of a forward pass, whatever module or function called them."""
    graph = make_fx(model)(x).graph
    return {node.target.overloadpacket.__name__ for node in graph.nodes if hasattr(node.target, "overloadpacket")}


@every_form
def test_nothing_but_convolutions(form):
    model = mixer()
    conv, x = to_conv(model, form), images(model)
    assert "addmm" in operations(model, x)              # what is looked for is found where it is
    found = operations(conv, x)
    assert found >= COMPUTES and found - COMPUTES <= MOVES, found - COMPUTES - MOVES
    parametric = {type(module) for module in conv.modules() if [*module.parameters(recurse=False)]}
    assert {kind.__name__ for kind in parametric} == {"Conv2d", "ConvTranspose2d", "PlaceBias", "PlaceNorm"}


@pytest.mark.parametrize("changes", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("form", [FoldedTokenMixing, TiedTokenMixing])
def test_there_and_back_is_exact(changes, form):
    model = mixer(**changes).float()
    state = torch.random.get_rng_state()
    back = from_conv(to_conv(model, form))
    assert torch.equal(state, torch.random.get_rng_state())         # no random number was drawn
    assert back.config == model.config and not back.training
    for (name, p), (same, q) in zip(model.state_dict().items(), back.state_dict().items(), strict=True):
        assert name == same and p.dtype == q.dtype and torch.equal(p, q)
        assert p.data_ptr() != q.data_ptr()                         # a copy: training one leaves the other alone


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


@pytest.mark.parametrize("model, error, words", [
    (nn.Linear(3, 4), TypeError, "of class MlpMixer, got Linear"),
    (type("Mine", (MlpMixer,), {})(**SMALL), TypeError, "of class MlpMixer, got Mine"),
    (to_conv(MlpMixer(**SMALL)), TypeError, "got MixerCNN"),
    (None, TypeError, "got NoneType"),
])
def test_to_conv_refuses(model, error, words):
    with pytest.raises(error, match=words):
        to_conv(model)


@pytest.mark.parametrize("change", [
    lambda model: setattr(model, "head", nn.Linear(6, 9)),
    lambda model: setattr(model.blocks[1].token_mixing, "gelu", nn.ReLU()),
    lambda model: model.blocks.append(nn.Identity()),
])
def test_a_replaced_part_is_noticed(change):
    model = mixer()
    conv = to_conv(model)
    change(model)
    with pytest.raises(ValueError, match="this MlpMixer is no longer what its config says"):
        to_conv(model)
    conv.head = nn.Identity()
    with pytest.raises(ValueError, match="this MixerCNN is no longer what its config says"):
        from_conv(conv)


def test_from_conv_refuses():
    with pytest.raises(TypeError, match="of class MixerCNN, got MlpMixer"):
        from_conv(mixer())
    with pytest.raises(ValueError, match="token mixing is untied"):
        from_conv(to_conv(mixer(), UntiedTokenMixing))


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 1, 8, 12), (3, 8, 12), (2, 3, 16, 24)])
def test_other_images_are_refused(shape):
    """Without this, token mixing in convolutions would slide over a larger grid and give numbers."""
    with pytest.raises(ValueError, match=re.escape(f"['B', 3, 8, 12], got {list(shape)}")):
        to_conv(mixer())(torch.zeros(shape, dtype=torch.double))


def test_a_trained_model_reads_the_same():
    model = load_pretrained("mnist")[0].double()
    x = images(model, 16)
    torch.testing.assert_close(to_conv(model)(x), model(x), rtol=0, atol=1e-10)


def test_dropout_goes_along():
    conv = to_conv(mixer(dropout=0.5, drop_path=0.5).train())
    x = images(mixer())
    assert conv.training and not torch.equal(conv(x), conv(x)) and torch.equal(conv.eval()(x), conv(x))
    assert [block.drop_path.rate for block in conv.blocks] == [0, 0.25, 0.5]
    assert [module.p for module in conv.modules() if isinstance(module, nn.Dropout)] == [0.5] * 2 * 3


# ---- the ledger of figures/ledger.svg ------------------------------------------------------------------------------

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
