# %% [markdown]
# # Solutions to lesson 4, token mixing
#
# Back to [the lesson](../04_token_mixing.ipynb). Try each exercise before you look: a wrong answer of your own teaches
# more than a right answer that you read.

# %%
import torch
from torch import nn

from mixer_lib import exercises

# %% [markdown]
# ## 4.1 Tied and untied
#
# The tied count does not contain `hidden_dim` at all.

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
# ## 4.2 Token mixing without a transpose
#
# A matrix on the left of a table mixes its rows, and here the rows are the tokens. So no transpose is needed. Most
# implementations, the library's too, turn the table all the same: then the MLP is the same code as in channel mixing.

# %% tags=["exercise-2"]
def my_token_mixing(x, W1, b1, W2, b2):
    """x: [B, S, C], W1: [D_S, S], b1: [D_S], W2: [S, D_S], b2: [S] -> [B, S, C]."""
    # SOLUTION
    hidden = nn.functional.gelu(W1 @ x + b1[:, None])       # [B, S, C] -> [B, D_S, C]
    return W2 @ hidden + b2[:, None]                        # [B, D_S, C] -> [B, S, C]
    # END SOLUTION

# %%
exercises.check_token_mixing(my_token_mixing)

# %% [markdown]
# ## 4.3 Rescue the weights
#
# Write each place $k$ of the column order, 0, 1, 2, …, where its patch is in the grid. This is a table of `columns` ×
# `rows` numbers, laid on its side. Read in raster order, it says for each place $s$ which $k$ held the same patch.

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
# $M$ is the shift as a matrix: row $s$ has its 1 in the column of the token from which token $s$ gets its number. The
# hidden units compute $z = Mx$ and $-z$, and the second layer takes GELU(z) − GELU(−z), which is $z$ again. This works
# for any matrix $M$: a token MLP with $D_S = 2S$ hidden units can do *every* linear map of the tokens.

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

# %% [markdown]
# ## 4.5 Stretch: the fewest units
#
# The tokens at the left edge get 0 and need no units, so `2 * rows * (columns - 1)` are enough for the exact result. If
# one percent may be lost, half of them are enough: for small numbers GELU is nearly a straight line of slope 1/2. So
# make the first weights small and the second ones large, $W_1 = \varepsilon M$ and $W_2 = 2 / \varepsilon$. With
# numbers up to 3 and $\varepsilon = 0.001$, the error is about 0.2 percent.
