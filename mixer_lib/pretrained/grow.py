"""A Mixer for a higher resolution.

Source: Tolstikhin et al. (arXiv 2105.01601v4), Appendix C.
"""

import torch

from ..model import MlpMixer


@torch.no_grad()
def grow(model: MlpMixer, K: int) -> MlpMixer:
    """An `MlpMixer` for images K times as high and as wide, with patches of the same size, K^2 S tokens and token MLPs
    of K^2 D_S hidden units. It is on the device of `model`, in the same mode, and to be trained further.

    The new image is cut into K x K parts, each as large as an old image. The token MLPs' weights have K^2 copies of the
    old ones, and zeros where a hidden unit meets another part's token. So each part is mixed by itself at first, and
    the logits of a mosaic of K^2 images are the mean of the images' logits.

    Tokens are numbered in raster order over the whole new image. A part's tokens are then not neighbors in the list:
    plain block-diagonal weights would mix wrong ones. Raises ValueError if K is no whole number from 1."""
    if not isinstance(K, int) or K < 1:
        raise ValueError(f"K is {K!r}: expected a whole number from 1, how many times as large the images get")
    c, like = model.config, model.norm.weight
    H, W = model.image_shape[1:]
    rows, columns = c.grid
    S, D_S = rows * columns, c.tokens_mlp_dim
    places = torch.arange(K * K * S, device=like.device).view(K, rows, K, columns)      # numbers in the new image
    places = places.permute(0, 2, 1, 3).reshape(K * K, S)                               # [part, token of the part]

    state = dict(model.state_dict())
    for i in range(c.num_blocks):
        w1, b1, w2, b2 = (f"blocks.{i}.token_mixing.{name}" for name in ("fc1.weight", "fc1.bias", "fc2.weight",
                                                                         "fc2.bias"))
        W1, W2 = like.new_zeros(K * K * D_S, K * K * S), like.new_zeros(K * K * S, K * K * D_S)
        B2 = like.new_empty(K * K * S)
        for part, tokens in enumerate(places):
            units = slice(part * D_S, (part + 1) * D_S)
            W1[units, tokens] = state[w1]                                               # [D_S, S]
            W2[tokens, units] = state[w2]                                               # [S, D_S]
            B2[tokens] = state[b2]                                                      # [S]
        state |= {w1: W1, b1: state[b1].repeat(K * K), w2: W2, b2: B2}

    size = K * H if H == W else (K * H, K * W)
    with torch.device("meta"):      # no weights are drawn that are not used
        grown = MlpMixer(**vars(c) | {"image_size": size, "tokens_mlp_dim": K * K * D_S})
    grown.load_state_dict({name: tensor.clone() for name, tensor in state.items()}, assign=True)
    return grown.train(model.training)
