# %% [markdown]
# # Solutions to lesson 4, token mixing
#
# Back to [the lesson](../04_token_mixing.ipynb). Try each exercise before you look: a wrong answer teaches more than a
# right one that you read.

# %%
import torch
from torch import nn

from mixer_lib import exercises

# %% [markdown]
# ## 4.1 Tied and untied
#
# The tied count does not hold `hidden_dim` at all.

# %% tags=["exercise-1"]
def token_mlp_parameters(image_size, patch_size, hidden_dim, tokens_mlp_dim):
    """(tied, untied): parameters of one token MLP for all channels, and of one each."""
    # SOLUTION
    S = (image_size // patch_size) ** 2
    fc1 = S * tokens_mlp_dim + tokens_mlp_dim       # weights and biases
    fc2 = tokens_mlp_dim * S + S
    tied = fc1 + fc2
    return tied, hidden_dim * tied
    # END SOLUTION

# %%
exercises.check_token_mlp_parameters(token_mlp_parameters)

# %% [markdown]
# ## 4.2 Token mixing from an empty cell

# %% tags=["exercise-2"]
def my_token_mixing(x, W1, b1, W2, b2):
    """x: [B, S, C], W1: [D_S, S], b1: [D_S], W2: [S, D_S], b2: [S] -> [B, S, C]."""
    # SOLUTION
    x = x.transpose(1, 2)                           # [B, C, S]
    x = nn.functional.linear(x, W1, b1)             # [B, C, D_S]
    x = nn.functional.gelu(x)
    x = nn.functional.linear(x, W2, b2)             # [B, C, S]
    return x.transpose(1, 2)                        # [B, S, C]
    # END SOLUTION

# %%
exercises.check_token_mixing(my_token_mixing)

# %% [markdown]
# ## 4.3 Rescue the weights
#
# Write down the places $k$ of the column order, 0, 1, 2, …, where their patches are in the grid: as a table of `columns`
# times `rows`, laid on its side. Read in raster order, it says for each place $s$ which $k$ held the same patch.

# %% tags=["exercise-3"]
def from_column_order(W1, b1, W2, b2, rows, columns):
    """From weights for column order: (W1, b1, W2, b2) for raster order."""
    # SOLUTION
    k = torch.arange(rows * columns)
    order = k.reshape(columns, rows).T.flatten()    # order[s] = k
    return W1[:, order], b1, W2[order], b2[order]
    # END SOLUTION

# %%
exercises.check_from_column_order(from_column_order)

# %% [markdown]
# ## 4.4 A layer that moves the picture
#
# $M$ is the shift as a matrix: row $s$ has a 1 where token $s$ gets its number from. The hidden units compute $z = Mx$ and
# $-z$, and the second layer takes GELU(z) − GELU(−z), which is $z$ again. Any matrix $M$ can stand here: with
# $D_S = 2S$ hidden units a token MLP can do *every* linear map of the tokens.

# %% tags=["exercise-4"]
def shift_weights(rows, columns):
    """(W1, W2), [D_S, S] and [S, D_S], that move the picture of every channel right."""
    S = rows * columns
    # SOLUTION
    M = torch.zeros(S, S)
    for s in range(S):
        if s % columns > 0:                         # else there is nothing to its left
            M[s, s - 1] = 1
    eye = torch.eye(S)
    return torch.cat([M, -M]), torch.cat([eye, -eye], dim=1)
    # END SOLUTION

# %%
exercises.check_shift_weights(shift_weights)
