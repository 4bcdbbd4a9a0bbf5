# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 12, pretrained Mixers
#
# Back to [the lesson](../12_pretrained.ipynb). Try each exercise before you look: a wrong answer teaches more than a
# right one that you read.

# %%
import torch

from mixer_lib import exercises

# %% [markdown]
# ## 12.1 Map the file
#
# The number of a block is part of its name, so a name is all that each tensor needs: the order in the file plays no
# part. The kernel of the embedding is the one tensor with four axes. All other kernels have two, and are transposed.

# %% tags=["exercise-1"]
def from_flax(arrays):
    """The state_dict of an MlpMixer, from the arrays of an official file."""
    # SOLUTION
    names = {"stem": "patch_embedding.linear", "pre_head_layer_norm": "norm",
             "MixerBlock_": "blocks.", "LayerNorm_0": "token_norm",
             "LayerNorm_1": "channel_norm", "Dense_0": "fc1", "Dense_1": "fc2",
             "kernel": "weight", "scale": "weight", "/": "."}
    new = {}
    for name, array in arrays.items():
        p = torch.from_numpy(array)
        if name == "stem/kernel":                       # [P, P, C_in, C]
            p = p.permute(3, 2, 0, 1).flatten(1)        # [C, D]
        elif p.ndim == 2:                               # [in, out]
            p = p.T                                     # [out, in]
        for theirs, ours in names.items():
            name = name.replace(theirs, ours)
        new[name] = p
    return new
    # END SOLUTION

# %%
exercises.check_from_flax(from_flax)

# %% [markdown]
# ## 12.2 Top k
#
# `topk` gives the k highest logits of each image and the classes that they belong to. The label is compared with all of
# them at once. An image counts once, when any of the k is right.

# %% tags=["exercise-2"]
def top_k(logits, labels, k):
    """The share of images whose label is among the k highest logits: [B, K], [B]."""
    # SOLUTION
    best = logits.topk(k, dim=1).indices                # [B, k]
    return (best == labels[:, None]).any(dim=1).float().mean().item()
    # END SOLUTION

# %%
exercises.check_top_k(top_k)

# %% [markdown]
# ## 12.3 The tokens of each part
#
# In raster order the number of a token is made of four digits, so to speak: the row of parts, the row within the part,
# the column of parts, the column within the part. A part wants the two digits of parts first.

# %% tags=["exercise-3"]
def tokens_of_parts(g, rows, columns):
    """For each of g * g parts, the numbers of its tokens in the large image."""
    # SOLUTION
    places = torch.arange(g * g * rows * columns).view(g, rows, g, columns)
    return places.permute(0, 2, 1, 3).reshape(g * g, rows * columns)
    # END SOLUTION

# %%
exercises.check_tokens_of_parts(tokens_of_parts)
