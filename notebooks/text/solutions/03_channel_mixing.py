# %% [markdown]
# # Solutions to lesson 3, channel mixing
#
# Back to [the lesson](../03_channel_mixing.ipynb). Try each exercise before you look: a wrong answer of your own
# teaches more than a right answer that you read.

# %%
import torch
from torch import nn

from mixer_lib import exercises

# %% [markdown]
# ## 3.1 LayerNorm

# %% tags=["exercise-1"]
def my_layer_norm(x, scale, shift, eps):
    """x: [..., C], scale and shift: [C] -> [..., C], normalized over the channels."""
    # SOLUTION
    mean = x.mean(dim=-1, keepdim=True)                             # [..., 1]
    variance = x.var(dim=-1, correction=0, keepdim=True)            # [..., 1]
    return (x - mean) / (variance + eps).sqrt() * scale + shift     # [..., C]
    # END SOLUTION

# %%
exercises.check_layer_norm(my_layer_norm)

# %% [markdown]
# ## 3.2 Channel mixing
#
# The three mistakes: the residual carried the normalized table instead of `x`, `b1` was not added, and the GELU came
# after the second layer instead of between the two.

# %% tags=["exercise-2"]
def channel_mixing(x, norm, W1, b1, W2, b2):
    """x: [B, S, C], norm: a module, W1: [D_C, C], W2: [C, D_C] -> [B, S, C]."""
    # SOLUTION
    hidden = nn.functional.gelu(norm(x) @ W1.T + b1)                # [B, S, D_C]
    return x + hidden @ W2.T + b2                                   # [B, S, C]
    # END SOLUTION

# %%
exercises.check_channel_mixing(channel_mixing)

# %% [markdown]
# ## 3.3 The detective
#
# At a random table, a layer that mixes almost surely has a derivative off the diagonal that is not zero. A special
# table will not do: at a table of zeros a derivative may happen to be 0, as the derivative of a square is.

# %%
from mixer_lib.analysis import influence


# %% tags=["exercise-3"]
def mixes_tokens(layer, S, C):
    """layer: a function [B, S, C] -> [B, S, C]. Does an output see another token?"""
    # SOLUTION
    moves = influence(layer, torch.randn(S, C))                     # [S, S]
    off_diagonal = ~torch.eye(S, dtype=torch.bool)                  # [S, S]
    return bool((moves[off_diagonal] != 0).any())
    # END SOLUTION

# %%
exercises.check_mixes_tokens(mixes_tokens)

# %% [markdown]
# It also works without derivatives: replace one token after the other by random numbers, and compare all other rows.

# %%
def mixes_by_replacing(layer, S, C):
    x = torch.randn(1, S, C)
    for s in range(S):
        other = x.clone()
        other[0, s] = torch.randn(C)
        moved = (layer(other) != layer(x))[0].any(dim=-1)           # [S]
        moved[s] = False                                            # its own token may
        if moved.any():
            return True
    return False

exercises.check_mixes_tokens(mixes_by_replacing)

# %% [markdown]
# ## Stretch: a better question
#
# It cannot be done for all patches. The patch with only its bottom right pixel bright has the token 2, 2, 2, and
# LayerNorm turns it into 0, 0, 0. A blank patch, 0, 0, 0, becomes 0, 0, 0 as well. The MLP reads the same numbers for
# both, so it must give the same answer to both, although the first patch has edges and the second has none. A fourth
# detector would help, or biases in the embedding: then the two patches would no longer be equal after the norm.
