# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 2, the patch embedding
#
# Back to [the lesson](../02_patch_embedding.ipynb). Try each exercise before you look here. A wrong answer of your own
# teaches more than a right one that you read.

# %%
import torch

from mixer_lib import exercises, patchify

# %% [markdown]
# ## 2.1 Count the parameters
#
# Without sharing, everything is there $S$ times, the biases included.

# %% tags=["exercise-1"]
def count_embedding(image_size, patch_size, in_channels, hidden_dim):
    """The parameters of a patch embedding, as a pair (shared, not shared)."""
    # SOLUTION
    S = (image_size // patch_size) ** 2
    D = in_channels * patch_size ** 2
    C = hidden_dim
    shared = D * C + C
    return shared, S * shared
    # END SOLUTION

# %%
exercises.check_count_embedding(count_embedding)

# %% [markdown]
# ## 2.2 Embed a batch
#
# The last line of the broken function was wrong. The numbers of `maps` lie in the order of `[B, C, S]`, and `reshape` keeps
# that order, so it filled the rows of the table with pieces of the maps. `maps.flatten(2).transpose(1, 2)` moves the channel
# axis and repairs the function. The answer below goes by way of `patchify` and is shorter.

# %% tags=["exercise-2"]
def embed(images, weight, bias, P):
    """images: [B, C_in, H, W], weight: [C, D], bias: [C] -> tokens [B, S, C]"""
    # SOLUTION
    table = patchify(images, P)                     # [B, S, D]
    return table @ weight.T + bias                  # [B, S, C]
    # END SOLUTION

# %%
exercises.check_embed(embed)

# %% [markdown]
# ## 2.3 Design a detector
#
# Green and blue keep their weights of 0. Each half of a patch has $P \cdot P / 2$ pixels, so a mean has weights of
# $2 / P^2$.

# %% tags=["exercise-3"]
def red_on_the_left(P):
    """Weights [D] = [3 * P * P]: mean of red, left half minus right half."""
    # SOLUTION
    detector = torch.zeros(3, P, P)                 # [C_in, P, P]
    detector[0, :, :P // 2] = 2 / P ** 2
    detector[0, :, P // 2:] = -2 / P ** 2
    return detector.flatten()                       # [D]
    # END SOLUTION

# %%
exercises.check_red_on_the_left(red_on_the_left)

# %% [markdown]
# ## 2.4 Use released weights
#
# First bring the axes into the right order, then merge the last three with one `reshape`.

# %% tags=["exercise-4"]
def from_released(kernel):
    """kernel: [P, P, C_in, C]: row, column, color, channel -> weight [C, D]"""
    # SOLUTION
    weight = kernel.permute(3, 2, 0, 1)             # [C, C_in, P, P]
    return weight.reshape(len(weight), -1)          # [C, D]
    # END SOLUTION

# %%
exercises.check_from_released(from_released)
