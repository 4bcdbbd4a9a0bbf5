"""Higher resolution, Appendix C of the paper: the logits of a mosaic are the mean of the logits of its images."""

import pytest
import torch

from mixer_lib import MlpMixer
from mixer_lib.pretrained import grow


def mixer(image_size=(8, 12), patch_size=(4, 2), **changes):
    """In float64, with every parameter random: the head and the biases begin at zero."""
    torch.manual_seed(0)
    model = MlpMixer(image_size, patch_size, 3, 5, 3, 8, 7, 9, **changes).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.5)
    return model.eval()


def mosaic(images, K):
    """K^2 images [K * K, B, C, H, W], in raster order, as one [B, C, K H, K W]."""
    return torch.cat([torch.cat([*row], dim=3) for row in images.unflatten(0, (K, K))], dim=2)


@torch.no_grad()
@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize("sizes", [dict(), dict(image_size=8, patch_size=2, gelu="tanh")], ids=["oblong", "square"])
def test_logits_of_a_mosaic_are_the_mean_of_the_logits(K, sizes):
    model = mixer(**sizes)
    grown, (C, H, W) = grow(model, K), model.image_shape
    assert grown.image_shape == (C, K * H, K * W) and not grown.training and grown.config.gelu == model.config.gelu
    assert grown.config.tokens_mlp_dim == K * K * 7 and grown.config.patch_size == model.config.patch_size
    images = torch.randn(K * K, 2, C, H, W, dtype=torch.float64)
    expected = torch.stack([model(some) for some in images]).mean(0)
    assert (grown(mosaic(images, K)) - expected).abs().max() < 1e-12 and expected.std() > 0.1


@torch.no_grad()
def test_plain_block_diagonal_weights_are_wrong():
    """The trap: the same copies on the diagonal, without regard to the order of the tokens."""
    model, K = mixer(), 2
    naive = grow(model, K)
    for old, new in zip(model.blocks, naive.blocks):
        for name in ("fc1", "fc2"):
            weight, linear = getattr(old.token_mixing, name).weight, getattr(new.token_mixing, name)
            linear.weight.copy_(torch.block_diag(*[weight] * (K * K)))
            linear.bias.copy_(getattr(old.token_mixing, name).bias.repeat(K * K))
    images = torch.randn(K * K, 2, *model.image_shape, dtype=torch.float64)
    expected = torch.stack([model(some) for some in images]).mean(0)
    assert (naive(mosaic(images, K)) - expected).abs().max() > 0.01


def test_grown_model_is_a_copy_that_trains():
    model = mixer().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grown = grow(model, 2)
    assert grown.training
    grown(torch.randn(2, *grown.image_shape, dtype=torch.float64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in grown.parameters())
    with torch.no_grad():
        for p in grown.parameters():
            p.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("K", [0, -1, 1.5, "2"])
def test_other_factors_are_refused(K):
    with pytest.raises(ValueError, match=f"K is {K!r}: expected a whole number from 1"):
        grow(mixer(), K)
