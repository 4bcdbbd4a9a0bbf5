# %% [markdown]
# # Solutions to lesson 3, channel mixing
#
# Back to [the lesson](../03_channel_mixing.ipynb). Try each exercise before you look: a wrong answer teaches more
# than a right one that you read.

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
# ## 3.2 Channel mixing from its weights

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
# At a random table, a layer that mixes has, almost surely, a derivative off the diagonal that is not zero. A special
# table will not do: at a table of zeros a derivative may happen to vanish, as that of a square does.

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
# Without derivatives, one exchanges one token after the other for random numbers, and compares all other rows:

# %%
def mixes_by_exchange(layer, S, C):
    x = torch.randn(1, S, C)
    for s in range(S):
        other = x.clone()
        other[0, s] = torch.randn(C)
        moved = (layer(other) != layer(x))[0].any(dim=-1)           # [S]
        moved[s] = False                                            # its own token may
        if moved.any():
            return True
    return False

exercises.check_mixes_tokens(mixes_by_exchange)
