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

from mixer_lib import analysis, exercises, plots
from mixer_lib.analysis import convolution_share, participation, token_map
from mixer_lib.checkpoints import load_pretrained

fine = load_pretrained("cifar10-fine")[0]
layers = [block.token_mixing for block in fine.blocks]
rows = [layer.fc1.weight.detach() for layer in layers]          # L times [D_S, S]

# %% [markdown]
# ## 9.1 The kernel by displacement
#
# Two tables say for every pair of places how far down and how far right it is from $s$ to $t$. Then each displacement has
# its turn.
#
# Diagonals of the whole matrix would be wrong. With 16 columns, place 16 follows place 15, but it does not lie one to the
# right of it: it lies one down and 15 to the left.

# %% tags=["exercise-1"]
def kernel_by_displacement(M, rows, columns):
    """A map M [S, S] of the grid's places -> [2 rows - 1, 2 columns - 1]."""
    # SOLUTION
    place = torch.arange(rows * columns)
    row, column = place // columns, place % columns     # [S] each
    down = row - row[:, None]                           # [S, S]: t's row less s's
    right = column - column[:, None]
    kernel = torch.zeros(2 * rows - 1, 2 * columns - 1)
    for d in range(1 - rows, rows):
        for r in range(1 - columns, columns):
            pairs = (down == d) & (right == r)          # [S, S], True and False
            kernel[rows - 1 + d, columns - 1 + r] = M[pairs].mean()
    return kernel
    # END SOLUTION

# %%
exercises.check_displacement_kernel(kernel_by_displacement)

# %% [markdown]
# The kernel of block 1, and what is left of its token map without the convolution:

# %%
M = token_map(rows[1], layers[1].fc2.weight.detach())           # [S, S]
K = kernel_by_displacement(M, 16, 16)                              # [31, 31]
assert torch.allclose(K, analysis.displacement_kernel(M, (16, 16)), atol=1e-6)
rest = M - analysis.as_map(K, (16, 16))                         # [S, S]
share = 1 - rest.square().sum() / M.square().sum()
assert torch.isclose(share, convolution_share(M, (16, 16)))
plots.show(
    plots.mosaic(rest[:64], (16, 16), title="beyond the convolution, places 0 to 63"),
    alt="64 grids of 16 by 16 cells: what places 0 to 63, the upper four rows of the "
        "grid, take beyond the convolution. Orange and blue grains, a little stronger "
        "around the place itself, without a figure that repeats.")

# %% [markdown]
# ## 9.2 Build the control
#
# The Q of a QR decomposition has orthogonal columns of length 1. So $Q^\top Q = 1$, and $W_1^\top Q^\top Q W_1 = W_1^\top
# W_1$: all that depends only on how places go together stays.

# %% tags=["exercise-2"]
def mixed_rows(W1, seed):
    """W1 [D_S, S] -> random mixtures of its rows, [D_S, S], with the same W1.T @ W1."""
    # SOLUTION
    random = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(len(W1), len(W1), generator=random)).Q
    return Q @ W1
    # END SOLUTION

# %%
exercises.check_mixed_rows(mixed_rows)

# %% [markdown]
# Over how many of the 256 places does a unit spread? Random numbers spread over 87. Single units of blocks 1, 2
# and 3 are more local than their mixtures, far beyond the spread over ten draws. So locality is something that single
# units have.

# %%
for k, W1 in enumerate(rows):
    ten = torch.stack([participation(mixed_rows(W1, seed)).mean()
                       for seed in range(10)])
    print(f"block {k}: trained {participation(W1).mean():.1f}, "
          f"mixed {ten.mean():.1f} ± {ten.std():.1f}")

# %% [markdown]
# ## 9.3 Which one was trained?
#
# No matrix alone tells: one layer has rows exactly as coarse as the trained ones, and another has the trained $W_1$ or
# $W_2$ itself. Look at reading and writing together, at the token map, and leave out the diagonal. A layer in which each
# place takes only from itself is a convolution, too, but it needs no training on images to be one.

# %% tags=["exercise-3"]
def which_was_trained(layers, grid):
    """Three pairs (W1 [D_S, S], W2 [S, D_S]) -> the index of the trained one."""
    # SOLUTION
    shares = [convolution_share(token_map(W1, W2), grid, diagonal=False).item()
              for W1, W2 in layers]
    return shares.index(max(shares))
    # END SOLUTION

# %%
exercises.check_which_was_trained(which_was_trained)

# %%
trio, trained = exercises.lineup()
for W1, W2 in trio:
    M = token_map(W1, W2)
    print(f"convolution share {convolution_share(M, (8, 8)):.0%}, "
          f"without the diagonal {convolution_share(M, (8, 8), diagonal=False):.0%}")
