# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 1, patches
#
# Back to [the lesson](../01_patches.ipynb). Try each exercise before you look here. A wrong answer of your own teaches
# more than a right one that you read.

# %%
from mixer_lib import exercises

# %% [markdown]
# ## 1.1 The shape of the table
#
# The grid of patches is as high as it is wide, so $S$ is a square number. A patch holds $P \cdot P$ pixels of each channel.

# %% tags=["exercise-1"]
def table_shape(image_size, patch_size, in_channels):
    """The table's shape (S, D) for a square image of image_size x image_size pixels."""
    # SOLUTION
    patches_per_side = image_size // patch_size
    S = patches_per_side ** 2
    D = in_channels * patch_size ** 2
    return S, D
    # END SOLUTION

# %%
exercises.check_table_shape(table_shape)

# %% [markdown]
# ## 1.2 Find a pixel
#
# Both positions count like a clock, which counts hours, minutes, and seconds. One step of an outer count is worth as much
# as everything inside it: an hour is worth 3,600 seconds. One step in channel is worth $P \cdot P$ numbers, and one step in
# row is worth $P$.

# %% tags=["exercise-2"]
def find_pixel(channel, row, column, image_size, patch_size):
    """Where a pixel value stands in the table, as a pair (s, d)."""
    P = patch_size
    # SOLUTION
    patches_per_row = image_size // P
    s = (row // P) * patches_per_row + column // P
    d = channel * P * P + (row % P) * P + column % P
    return s, d
    # END SOLUTION

# %%
exercises.check_find_pixel(find_pixel)

# %% [markdown]
# ## 1.3 Another order inside the patch
#
# The first `reshape` was wrong. It wrote `C_in` last, but `reshape` moves no number: in memory, all reds still come before
# all greens. So what the broken code took for the three colors of a pixel were three red neighbors in the same pixel row.
# The split must leave the channel axis where it is, and `permute` moves it to the end.

# %% tags=["exercise-3"]
def patchify_channels_last(images, P):
    """images: [B, C_in, H, W] -> [B, S, D], a patch as (row, column, channel)."""
    B, C_in, H, W = images.shape
    # SOLUTION
    x = images.reshape(B, C_in, H // P, P, W // P, P)        # [B, C_in, H/P, P, W/P, P]
    x = x.permute(0, 2, 4, 3, 5, 1)                          # [B, H/P, W/P, P, P, C_in]
    return x.reshape(B, (H // P) * (W // P), P * P * C_in)    # [B, S, D]
    # END SOLUTION

# %%
exercises.check_patchify_channels_last(patchify_channels_last)

# %% [markdown]
# ## 1.4 Put the image back together
#
# This is `my_patchify` from its last line to its first: split, undo the `permute`, merge. The inverse of
# `permute(0, 2, 4, 1, 3, 5)` is `permute(0, 3, 1, 4, 2, 5)`.

# %% tags=["exercise-4"]
def my_unpatchify(patches, P, H, W):
    """patches: [B, S, D], as patchify cuts them -> images [B, C_in, H, W]."""
    B, S, D = patches.shape
    C_in = D // (P * P)
    # SOLUTION
    x = patches.reshape(B, H // P, W // P, C_in, P, P)       # [B, H/P, W/P, C_in, P, P]
    x = x.permute(0, 3, 1, 4, 2, 5)                          # [B, C_in, H/P, P, W/P, P]
    return x.reshape(B, C_in, H, W)
    # END SOLUTION

# %%
exercises.check_unpatchify(my_unpatchify)
