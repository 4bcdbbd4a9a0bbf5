# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 9, looking into token-mixing weights
#
# Back to [the lesson](../09_token_mixing_weights.ipynb).

# %%
import torch

from mixer_lib import exercises, plots
from mixer_lib.analysis import chance_share, convolution_share, partners, token_map
from mixer_lib.checkpoints import load_pretrained

block = load_pretrained("cifar10-fine")[0].blocks[1]
W1 = block.token_mixing.fc1.weight.detach()             # [D_S, S]

# %% [markdown]
# ## 9.1 Places
#
# Above the line stand four factors of a weight, and below it, too. So the scale cancels.

# %% tags=["exercise-1"]
def places(kernel):
    """Kernels [..., S] -> over how many places each of them spreads, [...]."""
    # SOLUTION
    squares = kernel.square()
    return squares.sum(dim=-1).square() / squares.square().sum(dim=-1)
    # END SOLUTION

# %%
exercises.check_places(places)

# %% [markdown]
# Of random numbers a few are large, and these count most: they spread over about a third of the places.

# %%
torch.manual_seed(0)
print(f"random {places(torch.randn(1000, 256)).mean():.0f} of 256 places, "
      f"block 1 {places(W1).mean():.0f}")

# %% [markdown]
# ## 9.2 A fair control
#
# One order for all rows would only rename the places. Two rows would still meet place by place, number for number,
# and every correlation would be what it was. With an order of its own, each row keeps its numbers and loses where
# they lie.

# %% tags=["exercise-2"]
def control(W1, seed):
    """Mean correlation with the closest opposite, each row of W1 [D_S, S] shuffled."""
    # SOLUTION
    random = torch.Generator().manual_seed(seed)
    rows = [row[torch.randperm(len(row), generator=random)] for row in W1]
    return partners(torch.stack(rows))[1].mean().item()
    # END SOLUTION

# %%
exercises.check_control(control)

# %% [markdown]
# Ten seeds tell how much of this number is luck. Opposites were learned if the trained number lies well below all ten:

# %%
ten = [control(W1, seed) for seed in range(10)]
print(f"shuffled {min(ten):.3f} to {max(ten):.3f}, "
      f"trained {partners(W1)[1].mean():.3f}")

# %% [markdown]
# ## 9.3 The nearest convolution
#
# Two tables say for every pair of places how far down and how far right it is from $s$ to $t$. Then each displacement
# has its turn.
#
# Diagonals of the whole matrix would be wrong. With 16 columns, place 16 follows place 15, but it does not lie one to
# the right of it: it lies one down and 15 to the left.

# %% tags=["exercise-3"]
def nearest_convolution(M, rows, columns):
    """A map M [S, S] of the grid's places -> the nearest convolution, [S, S]."""
    # SOLUTION
    place = torch.arange(rows * columns)
    row, column = place // columns, place % columns     # [S] each
    down = row - row[:, None]                           # [S, S]: t's row less s's
    right = column - column[:, None]
    nearest = torch.zeros_like(M)
    for d in range(1 - rows, rows):
        for r in range(1 - columns, columns):
            pairs = (down == d) & (right == r)          # [S, S], True and False
            nearest[pairs] = M[pairs].mean()
    return nearest
    # END SOLUTION

# %%
exercises.check_nearest_convolution(nearest_convolution)

# %% [markdown]
# Block 1's token map, the convolution nearest to it, and what is left. The energies of the two parts add up to that of
# the map:

# %%
def take_apart(mixing, side):
    M = token_map(mixing.fc1.weight.detach(), mixing.fc2.weight.detach())   # [S, S]
    nearest = nearest_convolution(M, side, side)
    share = nearest.square().sum() / M.square().sum()
    rest = (M - nearest).square().sum() / M.square().sum()
    assert torch.isclose(share, convolution_share(M, (side, side)))
    assert torch.isclose(share + rest, torch.tensor(1.0))
    print(f"the convolution {share:.0%}, the rest {rest:.0%}, "
          f"by chance {chance_share((side, side)):.1%}")
    return nearest, M - nearest


nearest, rest = take_apart(block.token_mixing, 16)

# %% [markdown]
# And block 0 of lesson 8's model, which has a grid of 8 × 8. Row $s$ of each part, laid out on the grid, is what place
# $s$ takes:

# %%
nearest, rest = take_apart(load_pretrained("cifar10")[0].blocks[0].token_mixing, 8)
plots.show(
    plots.mosaic(nearest, (8, 8), title="the nearest convolution"),
    alt="64 small grids of 8 by 8 cells, one for each place of the grid of patches, in "
        "raster order. Each shows the same star: its own place pale orange, the four "
        "beside it dark blue, fading outward. It moves along with the place and is cut "
        "off at the edges; far from it, all is nearly white.")

# %%
plots.show(
    plots.mosaic(rest, (8, 8), title="what is left"),
    alt="64 small grids of 8 by 8 cells, one for each place of the grid of patches, in "
        "raster order: what the token map has besides its nearest convolution. Orange "
        "and blue cells, mostly single ones, with no pattern that repeats.")
