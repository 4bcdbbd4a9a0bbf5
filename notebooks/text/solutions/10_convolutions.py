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

from mixer_lib import exercises

# %% [markdown]
# ## 10.1 The stem
#
# Everything is in the order (color, line, column), so a `view` is enough. The stride is $P$: from patch to patch.

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
# ## 10.2 Channel mixing

# %% tags=["exercise-2"]
def layer_as_conv(linear):
    """nn.Linear(C, D_C) on each token -> nn.Conv2d on maps."""
    # SOLUTION
    conv = nn.Conv2d(linear.in_features, linear.out_features, kernel_size=1)
    conv.weight.data.copy_(linear.weight[:, :, None, None])     # [D_C, C, 1, 1]
    conv.bias.data.copy_(linear.bias)
    return conv
    # END SOLUTION

# %%
exercises.check_layer_as_conv(layer_as_conv)

# %% [markdown]
# ## 10.3 Token mixing, the first layer
#
# A folded map has one channel, and the window is as large as the grid.

# %% tags=["exercise-3"]
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
# ## 10.4 Is it a convolution?
#
# To test the diagonals of the whole matrix, $M_{s+1,t+1} = M_{s,t}$, would be wrong: where a row of the grid ends, the
# next place is one further down and all the way to the left, so the displacement is another.

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
