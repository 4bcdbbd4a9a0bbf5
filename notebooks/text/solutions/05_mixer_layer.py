# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 5, the Mixer block
#
# Back to [the lesson](../05_mixer_layer.ipynb). Try each exercise before you look: a wrong answer teaches more than a
# right one that you read.

# %%
import torch

from mixer_lib import exercises

# %% [markdown]
# ## 5.1 The block, from its parts
#
# Two lines, one for each line of equation 1. The second reads `u` twice: as what goes past the MLP, and as what
# goes into it.

# %% tags=["exercise-1"]
def mixer_block(x, norm1, token_mixing, norm2, channel_mixing):
    """x: [B, S, C] -> the table after one block, [B, S, C]."""
    # SOLUTION
    u = x + token_mixing(norm1(x))              # [B, S, C]
    return u + channel_mixing(norm2(u))         # [B, S, C]
    # END SOLUTION

# %%
exercises.check_mixer_block(mixer_block)

# %% [markdown]
# ## 5.2 How many convolutions?
#
# The farthest pair of places are two ends of the longer side. They are `longer - 1` steps apart, a layer carries news
# `kernel // 2` steps, and what is left over needs a layer of its own.

# %% tags=["exercise-2"]
def layers_to_reach(grid_height, grid_width, kernel):
    """How many kernel x kernel convolutions until every place reaches every other."""
    # SOLUTION
    farthest = max(grid_height, grid_width) - 1     # steps from end to end
    return -(-farthest // (kernel // 2))            # rounded up
    # END SOLUTION

# %%
exercises.check_layers_to_reach(layers_to_reach)

# %% [markdown]
# ## 5.3 Which block is told to move most?
#
# `retain_graph=True` keeps what PyTorch has recorded of the computation, so that the next block can ask, too. On
# `fresh_stack(32)` of the lesson, the first block has the largest number, three to five times that of the last.

# %% tags=["exercise-3"]
def gradient_by_depth(blocks, x):
    """The gradient norm of blocks(x).sum() for all parameters of a block, for each."""
    # SOLUTION
    score = blocks(x).sum()
    norms = []
    for block in blocks:
        gradients = torch.autograd.grad(score, list(block.parameters()),
                                        retain_graph=True)
        norms.append(sum(g.square().sum() for g in gradients).sqrt().item())
    return norms
    # END SOLUTION

# %%
exercises.check_gradient_by_depth(gradient_by_depth)
