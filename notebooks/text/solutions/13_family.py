# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 13, parts and family
#
# Back to [the lesson](../13_family.ipynb). Try each exercise before you look: a wrong answer teaches more than a
# right one that you read.

# %%
from torch import nn

from mixer_lib import create_model, exercises

# %% [markdown]
# ## 13.1 ResMLP's token mixing
#
# The channels are the last axis, so `scale * x + shift` already fits. The linear layer works on the tokens, and so they
# have to be last for a moment.

# %% tags=["exercise-1"]
def across_tokens(x, scale, shift, weight, bias):
    """ResMLP's token mixing: [B, S, C] -> same. scale, shift [C]; weight [S, S]."""
    # SOLUTION
    x = scale * x + shift               # [B, S, C]
    x = x.transpose(1, 2)               # [B, C, S]
    x = x @ weight.T + bias             # [B, C, S]
    return x.transpose(1, 2)            # [B, S, C]
    # END SOLUTION

# %%
exercises.check_across_tokens(across_tokens)

# %% [markdown]
# ## 13.2 gMLP's gate
#
# `weight @ v` is the short way to mix tokens: a matrix $[S, S]$ times each table $[S, D/2]$.

# %% tags=["exercise-2"]
def spatial_gate(x, weight, bias):
    """gMLP's gate: [B, S, D] -> [B, S, D / 2]. weight [S, S], bias [S]."""
    # SOLUTION
    u, v = x.chunk(2, dim=-1)                       # [B, S, D/2] each
    v = nn.functional.layer_norm(v, v.shape[-1:])
    return u * (weight @ v + bias[:, None])         # [B, S, D/2]
    # END SOLUTION

# %%
exercises.check_spatial_gate(spatial_gate)

# %% [markdown]
# ## 13.3 PoolFormer's mean
#
# `avg_pool2d` with a stride of 1 gives a mean for each place. By default it counts the zeros beyond the edge, which
# would make the edges darker.

# %% tags=["exercise-3"]
def pool_tokens(x, grid):
    """Mean of each 3 x 3 neighborhood less the place itself: [B, S, C] -> same."""
    # SOLUTION
    maps = x.transpose(1, 2).unflatten(2, grid)             # [B, C, H', W']
    near = nn.functional.avg_pool2d(maps, 3, stride=1, padding=1,
                                    count_include_pad=False)
    return (near - maps).flatten(2).transpose(1, 2)         # [B, S, C]
    # END SOLUTION

# %%
exercises.check_pool_tokens(pool_tokens)

# %% [markdown]
# Your function in a Mixer, in one line per block:

# %%
class Mine(nn.Module):
    def forward(self, x):
        return pool_tokens(x, (8, 8))


model = create_model("cifar10", num_blocks=4, hidden_dim=48, channels_mlp_dim=192)
for block in model.blocks:
    block.token_mixing = Mine()
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown]
# ## 13.4 Too close to call?
#
# The runs are paired by their seed, so first take the differences. Their mean varies by the spread, divided by the root
# of their number.

# %% tags=["exercise-4"]
def verdict(ours, others, spread):
    """Is `ours` "better", "worse" or "too close to call"? Runs paired by seed."""
    # SOLUTION
    gaps = [a - b for a, b in zip(ours, others)]
    gap, reach = sum(gaps) / len(gaps), 2 * spread / len(gaps) ** 0.5
    if abs(gap) <= reach:
        return "too close to call"
    return "better" if gap > 0 else "worse"
    # END SOLUTION

# %%
exercises.check_verdict(verdict)
