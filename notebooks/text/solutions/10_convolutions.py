# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 10, convolutions
#
# Back to [the lesson](../10_convolutions.ipynb). Try each exercise before you look: a wrong answer teaches more than a
# right one that you read.

# %%
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, gelu

from mixer_lib import exercises

# %% [markdown]
# ## 10.1 The stem
#
# All numbers are in the order (color, row, column), so a `view` is enough. The stride is $P$, from patch to patch.
# `copy_` copies the numbers, so that the two layers do not share memory.

# %% tags=["exercise-1"]
def stem_as_conv(linear, in_channels, P):
    """nn.Linear(in_channels * P * P, C) on patches -> nn.Conv2d on images."""
    # SOLUTION
    C = linear.out_features
    conv = nn.Conv2d(in_channels, C, kernel_size=P, stride=P)
    conv.weight.data.copy_(linear.weight.view(C, in_channels, P, P))
    conv.bias.data.copy_(linear.bias)
    return conv
    # END SOLUTION

# %%
exercises.check_stem_as_conv(stem_as_conv)

# %% [markdown]
# ## 10.2 Token mixing, the first layer
#
# A folded map has one channel, and the window is as large as the grid.

# %% tags=["exercise-2"]
def fc1_as_conv(fc1, rows, columns):
    """nn.Linear(rows * columns, D_S) on each channel -> nn.Conv2d on folded maps."""
    # SOLUTION
    D_S = fc1.out_features
    conv = nn.Conv2d(1, D_S, kernel_size=(rows, columns))
    conv.weight.data.copy_(fc1.weight.view(D_S, 1, rows, columns))
    conv.bias.data.copy_(fc1.bias)
    return conv
    # END SOLUTION

# %%
exercises.check_fc1_as_conv(fc1_as_conv)

# %% [markdown]
# ## 10.3 Token mixing in convolutions
#
# Three lines change. PyTorch's convolution does not turn the kernel, so `flip` is wrong. A stamp is a column of $W_2$;
# `reshape` reads row by row, so transpose first. And $b_2$ has one number per place, which a convolution's bias cannot
# hold: add it as a map.

# %% tags=["exercise-3"]
def mix_tokens(maps, W1, b1, W2, b2):
    """Token mixing in convolutions: maps [B, C, H', W'] -> same shape."""
    # SOLUTION
    B, C, H, W = maps.shape
    folded = maps.reshape(B * C, 1, H, W)
    hidden = gelu(conv2d(folded, W1.view(-1, 1, H, W), b1))     # [B*C, D_S, 1, 1]
    stamps = W2.T.reshape(-1, 1, H, W)                          # [D_S, 1, H', W']
    mixed = conv_transpose2d(hidden, stamps) + b2.view(H, W)    # [B*C, 1, H', W']
    return mixed.reshape(B, C, H, W)
    # END SOLUTION

# %%
exercises.check_mix_tokens(mix_tokens)

# %% [markdown]
# ## 10.4 Is it a convolution?
#
# It would be wrong to compare the diagonals of the whole matrix, $M_{s+1,t+1} = M_{s,t}$. Where a row of the grid ends,
# the next place is one row down and at the left edge, so the displacement is different.

# %% tags=["exercise-4"]
def is_convolution(M, rows, columns):
    """True if M [S, S] is a convolution with zero padding on the grid."""
    # SOLUTION
    first = {}                                      # displacement: the number met first
    for s in range(rows * columns):
        for t in range(rows * columns):
            down = t // columns - s // columns
            right = t % columns - s % columns
            number = first.setdefault((down, right), M[s, t])
            if abs(M[s, t] - number) > 1e-4:
                return False
    return True
    # END SOLUTION

# %%
exercises.check_is_convolution(is_convolution)
