# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 11, permutations
#
# Back to [the lesson](../11_permutations.ipynb). Try each exercise before you look: a wrong answer teaches more than a
# right one that you read.

# %%
from itertools import permutations

import torch

from mixer_lib import exercises, patchify, unpatchify

# %% [markdown]
# ## 11.1 Shuffle patches and insides
#
# The rows of the table are the patches, so one index changes their order. A row holds the numbers of a patch, color by
# color. In the shape $C_{in}$ × $P^2$, the pixels are the last axis, and one more index changes their order.

# %% tags=["exercise-1"]
def shuffle_patches(images, P, patch_order, inner_order):
    """Images with patches and insides in another order: [B, C_in, H, W] -> same."""
    B, C_in, H, W = images.shape
    # SOLUTION
    table = patchify(images, P)[:, patch_order]                 # [B, S, D]
    pixels = table.view(B, -1, C_in, P * P)[..., inner_order]   # [B, S, C_in, P * P]
    return unpatchify(pixels.flatten(2), P, (H, W))
    # END SOLUTION

# %%
exercises.check_shuffle_patches(shuffle_patches)

# %% [markdown]
# ## 11.2 Put the images back
#
# `argsort` finds the inverse order: entry $t$ of `order.argsort()` is the place $s$ with `order[s] = t`. To write to the
# places works, too: `plain[..., order] = scrambled`. A mirrored order is its own inverse, so the colleague's test could
# not find the mistake.

# %% tags=["exercise-2"]
def unscramble(images, order):
    """The plain images: [..., H, W], scrambled by order [H * W] -> same shape."""
    # SOLUTION
    return images.flatten(-2)[..., order.argsort()].view(images.shape)
    # END SOLUTION

# %%
exercises.check_unscramble(unscramble)

# %% [markdown]
# ## 11.3 Follow
#
# The columns of the embedding are the numbers of a patch, so they move as the pixels move. Everything that is not named
# here belongs to channels, hidden units or classes.

# %% tags=["exercise-3"]
def follow(weights, patch_order, inner_order):
    """The weights of a Mixer that does with shuffled images what this one does."""
    # SOLUTION
    new = dict(weights)
    for name, p in weights.items():
        if name == "patch_embedding.linear.weight":             # [C, D]
            by_color = p.view(len(p), -1, len(inner_order))     # [C, C_in, P * P]
            new[name] = by_color[..., inner_order].flatten(1)
        elif name.endswith("token_mixing.fc1.weight"):          # [D_S, S]
            new[name] = p[:, patch_order]
        elif "token_mixing.fc2" in name:                        # [S, D_S] and [S]
            new[name] = p[patch_order]
    return new
    # END SOLUTION

# %%
exercises.check_follow(follow)

# %% [markdown]
# ## 11.4 What a window can follow
#
# In the new order, place $s$ must read from place $t$ what `order[s]` read from `order[t]` before: the weight of *their*
# displacement, or nothing if they were no neighbors. The new layer is a convolution if all pairs of places with the same
# displacement need the same weight.

# %% tags=["exercise-4"]
def conv_follows(order, rows, columns):
    """True if in this order every 3 x 3 convolution is a 3 x 3 convolution again."""
    # SOLUTION
    def displacement(s, t):
        down, right = t // columns - s // columns, t % columns - s % columns
        inside = abs(down) <= 1 and abs(right) <= 1
        return (down, right) if inside else "no weight"

    order, weights = order.tolist(), {}           # which weight each displacement needs
    for s in range(rows * columns):
        for t in range(rows * columns):
            needed = displacement(order[s], order[t])
            if weights.setdefault(displacement(s, t), needed) != needed:
                return False
    return True
    # END SOLUTION

# %%
exercises.check_conv_follows(conv_follows)

# %% [markdown]
# All 720 orders of a grid of 2 × 3, one after the other:

# %%
found = [order for order in permutations(range(6))
         if conv_follows(torch.tensor(order), 2, 3)]
print(len(found), found)

# %% [markdown]
# These four are: as it is, mirrored left to right, mirrored top to bottom, and both, which is half a turn. A quarter turn
# would make the grid 3 × 2. (It is not enough that neighbors stay neighbors. 16 of the 720 orders have this property. Swap
# the upper and the lower place of the first column alone: every place has the neighbors that it had, but *below* is now
# *above* in one column only.)
