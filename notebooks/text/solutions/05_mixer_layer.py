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
# Back to [the lesson](../05_mixer_layer.ipynb). Try each exercise before you look: a wrong answer of your own teaches
# more than a right answer that you read.

# %%
import torch

from mixer_lib import exercises

# %% [markdown]
# ## 5.1 The block
#
# The three mistakes: the first line did not add `x`, the second line added `x` instead of `u`, and `norm1` was used
# twice. The repaired block has one line for each line of equation 1. The second line reads `u` twice, since `u` goes
# both past the MLP and into it.

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
# The two places farthest apart are the ends of the longer side. They are `longer - 1` steps apart, a layer carries news
# `kernel // 2` steps, and a remaining distance needs one more layer.

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
# `retain_graph=True` keeps PyTorch's record of the computation, so that the next block can use it, too. On
# `fresh_stack(32)` of the lesson, the first block has the largest number, three to five times that of the last block.

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

# %% [markdown]
# ## 5.4 Stretch: a small change, 32 blocks later
#
# Here is one way to measure it, with the library's blocks:

# %%
from mixer_lib import MlpMixer

torch.manual_seed(0)
blocks = MlpMixer(image_size=32, patch_size=8, in_channels=3, num_classes=10,
                  num_blocks=32, hidden_dim=64, tokens_mlp_dim=32,
                  channels_mlp_dim=256).blocks.double()

def without_skips(block, x):
    x = block.token_mixing(block.token_norm(x))                         # [B, S, C]
    return block.channel_mixing(block.channel_norm(x))                  # [B, S, C]

x, nudge = torch.randn(2, 1, 16, 64).double()           # [B, S, C] each
x2 = x + 0.001 * x.norm() * nudge / nudge.norm()
y, y2 = x, x2
with torch.no_grad():
    for block in blocks:
        x, x2 = block(x), block(x2)
        y, y2 = without_skips(block, y), without_skips(block, y2)
print(f"with skip connections: {(x2 - x).norm() / x.norm():.2%}")
print(f"without:               {(y2 - y).norm() / y.norm():.2%}")

# %% [markdown]
# With skip connections, the change stays a small fraction of the table. Without them, it grows by a large factor. A
# step of training changes tables a little, too. Where small changes grow so much, a gradient tells the truth only about
# the smallest of steps, so the steps of training would have to be tiny.
