# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 9 · Token-mixing weights: what did it learn, and what is real?
#
# *After this lesson you can open the token mixing of any Mixer, measure how much of it is a convolution, compare each
# number with a control, and say which of the paper's findings hold in a small model.*
#
# **About 65 minutes, with the exercises 105.** (Three optional sections take fifteen more.) You need:
# [lesson 8](08_train_cifar.ipynb).
#
# Previous: [8 · Train on CIFAR-10](08_train_cifar.ipynb). Next: [10 · Convolutions](10_convolutions.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - watch 256 hidden units take shape during a training, and compute the answer of one of them by hand;
# - measure how fine their pictures are, and learn why no number counts without a *control*;
# - find the convolution that a Mixer has learned, and draw its kernel for each block of two networks;
# - test whether units come in pairs of opposites, as the paper saw;
# - switch parts of the network off, keep only the convolution of a layer, and see what the network lives on.

# %%
import json
import math
from pathlib import Path
from statistics import mean

import torch

from mixer_lib import plots, widgets
from mixer_lib.analysis import grid_of
from mixer_lib.checkpoints import WEIGHTS, load_history, load_pretrained, load_snapshots

# %% [markdown]
# ## 256 units that nobody wrote
#
# In lesson 4 you wrote two hidden units of token mixing by hand, *top minus bottom* and *left minus right*. A trained
# network has hundreds of units that nobody wrote. To see them well, we need a fine grid. So the course brings a second
# CIFAR-10 model, with patches of only 2 × 2 pixels: a grid of 16 × 16 places, and 256 hidden units in each of its 4
# blocks ([its card](../mixer_lib/models/cifar10-fine.md)).
#
# Below are the 256 units of block 1, the second block. Each small square is one row of $W_1$, laid out on the grid: a
# weight for each place, orange above 0, blue below 0, and no color at 0. The weights were saved at 21 moments of the training.
# Press *play* to watch from the first step to the last. Click a unit to see it large.

# %%
model, about = load_pretrained("cifar10-fine")
steps, snapshots = load_snapshots(WEIGHTS / "cifar10-fine-snapshots.safetensors")
widgets.training_scrubber(steps, snapshots, grid_of(model), curves=False)

# %% [markdown]
# After the training, more than half of the squares hold something. Many hold a spot. Many hold a short streak, often with
# a streak of the other color beside it. The places differ from unit to unit, and so do the directions. If you have ever seen the first layer of a convolutional
# network, you know these pictures. Such a unit answers to a bar or an edge of its direction, at its place.
#
# But people see faces in clouds, too. What of this is really there? And what does the layer *do* with it? In this
# lesson most things that we see get a number, and each number is compared with what it would be if there were nothing
# to see.

# %% [markdown]
# ## One unit, by hand
#
# A unit's row of $W_1$ has one weight for each of the 256 places. On the grid, this row is called a **kernel**, like the
# weights of a convolution's window (lesson 2). This kernel does not slide. It covers the whole grid.
#
# What does the unit ask? Put its kernel on a **map**: one channel of a table, on the same grid. Multiply each weight by the
# number below it, and add up the products and a bias. We take the table of the horse as it enters block 1, the channel that
# looks most like the horse itself, and the unit that answers most strongly to this channel. First a loop, then the layer:

# %%
from mixer_lib.analysis import tables_by_depth
from mixer_lib.data import load_dataset, normalize

cifar = load_dataset("cifar10")
horse = normalize(cifar.train_images[[3510]], cifar.mean, cifar.std)    # [1, 3, 32, 32]
block, bright = model.blocks[1], horse.mean(dim=1)                      # [B, H, W]
bright = torch.nn.functional.avg_pool2d(bright, 2).view(256)            # [S]
x = block.token_norm(tables_by_depth(model, horse)[1])[0].detach()      # [S, C]
channel = torch.corrcoef(torch.stack([bright, *x.T]))[0, 1:].abs().argmax().item()

# %%
mixing = block.token_mixing
W1 = mixing.fc1.weight.detach()                                         # [D_S, S]
answers = mixing.fc1(x.T)[channel].detach()                             # [D_S]
unit = answers.argmax().item()
answer = mixing.fc1.bias[unit].item()
for place in range(256):
    answer += (W1[unit, place] * x[place, channel]).item()
assert math.isclose(answer, answers[unit].item(), rel_tol=1e-3)
print(f"unit {unit} answers {answer:.2f} to channel {channel}")

# %%
pictures = {"the horse's brightness": bright, f"channel {channel}": x[:, channel],
            f"unit {unit}": W1[unit], "their products": W1[unit] * x[:, channel]}
plots.show(
    plots.tables({name: (x / x.abs().max()).view(16, 16)
                  for name, x in pictures.items()},
                 xlabel="column of the grid", ylabel="row of the grid", width=11),
    alt="Four grids of 16 by 16 colored cells. The brightness of the horse: a bright "
        "ground, a dark body in the middle. A channel in which the same body is dark "
        "blue. The unit: a dark blue bar that lies across rows 8 and 9, pale "
        "elsewhere. Their products: orange along the bar, where both are negative.")

# %% [markdown]
# (Each picture is divided by its largest number.) The unit asks for a dark bar that lies across rows 8 and 9, and the
# horse's belly is such a bar. The layer asks the same question of all 96 channels, and the other 255 units ask their own
# questions.

# %% [markdown]
# ## How fine is a picture?
#
# You saw the pictures change. How can a number say how fine or how coarse a picture is? The usual measure is the
# **frequency**: the number of waves per place. Three kernels on a single *row* of 8 places:

# %%
rows = {"halves": torch.tensor([1., 1., 1., 1., -1., -1., -1., -1.]),
        "pairs": torch.tensor([1., 1., -1., -1., 1., 1., -1., -1.]),
        "stripes": torch.tensor([1., -1., 1., -1., 1., -1., 1., -1.])}          # [S]

# %% [markdown]
# *Halves* goes up and down once over the 8 places. This is one cycle, or 1/8 of a cycle per place. *Pairs* has 2/8.
# *Stripes* has 4/8, and no pattern can be finer, because a crest and a trough take one place each.
#
# A learned kernel is never one clean wave, but every kernel is a *sum* of waves, and the **Fourier transform** says how
# strong each of them is: its square is the **energy** at that frequency. All energies together are the kernel's
# **spectrum**. The frequency of a kernel as a whole is the average of all frequencies, each weighted by its energy. The
# library's `frequency` does this on a grid, where a wave may run in any direction, and leaves out the kernel's mean, which
# is no pattern. A place is a patch, so its unit is cycles per patch.

# %%
from mixer_lib.analysis import frequency

cycles = torch.tensor([0, 1, 2, 3, 4, 3, 2, 1]) / 8     # 5 is 3, running the other way
for name, row in rows.items():
    energy = torch.fft.fft(row).abs() ** 2                      # [S], the spectrum
    average = (energy * cycles).sum() / energy.sum()
    assert torch.isclose(average, frequency(row, grid=(1, 8)), atol=1e-4)
    print(f"{name:8} {average:.3f} cycles per place")

before = snapshots["blocks.1.token_mixing.fc1.weight"][0]       # [D_S, S], at step 0
print(f"block 1 before training: {frequency(before, (16, 16)).mean():.2f}")

# %% [markdown]
# *Halves* gets 0.162, and not 1/8 = 0.125, because it is no clean wave. A wave at 1/8 rises and falls smoothly, but *halves*
# jumps. The jumps need a finer wave as well, at 3/8, and this one raises the average.
#
# **Predict.** Before training, the weights are random numbers, and their average frequency is 0.39 cycles per patch:
# about six waves across the grid. What is it after training?

# %%
from mixer_lib.exercises import predict

predict("frequency after training", frequency(W1, (16, 16)).mean())

# %% [markdown]
# ## What is a number worth?
#
# The frequency fell from 0.39 to less than 0.25. Did the network learn that? Perhaps training only made a few weights very
# large, and any matrix with such weights would give the same low number. To find out, keep the numbers and destroy the
# pictures: put the weights of each row into a random order, and measure the frequency again. Such a number is called a
# **control**.

# %%
from mixer_lib.analysis import shuffled

control = shuffled(W1, seed=0)                                  # [D_S, S]
assert torch.equal(control.sort(dim=1).values, W1.sort(dim=1).values)
drawn = [frequency(shuffled(W1, seed), (16, 16)).mean() for seed in range(10)]
print(f"trained {frequency(W1, (16, 16)).mean():.3f}; shuffled, ten times: "
      f"{min(drawn):.3f} to {max(drawn):.3f}")

# %% [markdown]
# So the size of the weights does not explain the low frequency. The trained rows really are coarse. A good control keeps
# everything except the one thing that you ask about. This is the method of the lesson. More than once, a claim will pass
# one control and fail the next.

# %% [markdown]
# ## What does each place take?
#
# A unit reads the whole grid with its row of $W_1$, and writes to the whole grid with its column of $W_2$. Now look at
# reading and writing together. Where its inputs are small, GELU is nearly a straight line with slope 1/2. Token mixing is
# then nearly $W_2 W_1 / 2$, a table of `[S, S]`. Row $s$ says what place $s$ takes from each place $t$. Call it the
# **token map**. (It is a sketch: inputs are not always small. Below we measure the slopes that the units really have.)

# %%
W2 = mixing.fc2.weight.detach()                                 # [S, D_S]
M = W2 @ W1 / 2                                                 # [S, S]
s, t = 7 * 16 + 7, 6 * 16 + 9           # row 7, column 7, and row 6, column 9
by_loop = sum(W2[s, unit] * W1[unit, t] for unit in range(256)) / 2
assert torch.isclose(M[s, t], by_loop, atol=1e-5)
plots.show(
    plots.mosaic(M[[s]], (16, 16), title=f"what place {s} takes from each place"),
    alt="A grid of 16 by 16 cells. Near the middle a small pattern: a few strong "
        "orange cells with a blue arch over them. All around only pale grains.")

# %% [markdown]
# There is a small pattern around the place itself, and there are paler grains elsewhere. This place takes most from its
# neighborhood. Nobody told the network which places are neighbors.
#
# **Predict.** Now take the place three rows further up and three columns to the left. What does *that* place take?

# %%
predict("another place")

# %% [markdown]
# Twelve places in row 4 of the grid, and below them twelve in row 11:

# %%
places = [16 * row + column for row in (4, 11) for column in range(2, 14)]
plots.show(
    plots.mosaic(M[places], (16, 16), title="what 24 places take"),
    alt="Two rows of twelve grids. Each grid shows the same small pattern, orange "
        "with a blue arch, at the place itself: from grid to grid it moves one column "
        "to the right, and in the second row it lies further down.")

# %% [markdown]
# It is a similar pattern, and it moves along with the place. A layer in which every place takes the same from the
# places around it has a name: it is a **convolution**. Here is one on a row of 4 places, "twice myself and once my
# right neighbor":

# %%
toy = torch.tensor([[2., 1., 0., 0.],
                    [0., 2., 1., 0.],
                    [0., 0., 2., 1.],
                    [0., 0., 0., 2.]])  # [S, S]: row s takes toy[s, t] from place t

# %% [markdown]
# Each diagonal holds a single number. This makes the matrix a convolution. Now let the first place take 6 times itself. Which
# convolution comes nearest? The one with the *average* of each diagonal. These averages, in order from far left to far
# right, are the convolution's kernel. The share of the energy (the sum of the squares) that this convolution has is the
# **convolution share** of the map:

# %%
toy[0, 0] = 6
kernel, nearest = [], torch.zeros(4, 4)
for right in range(-3, 4):                      # how far right of s lies t?
    kernel.append(toy.diagonal(right).mean().item())
    nearest += torch.full([4 - abs(right)], kernel[-1]).diag(right)
share = nearest.square().sum() / toy.square().sum()
print("kernel:", kernel)
print(f"convolution share: {nearest.square().sum():.0f} / {toy.square().sum():.0f} "
      f"= {share:.0%}")

# %% [markdown]
# On a grid, "how far right" becomes two numbers, how far down and how far right: the **displacement** from $s$ to $t$. In
# exercise 9.1 you write that. The library has both, the kernel and the share:

# %%
from mixer_lib.analysis import chance_share, convolution_share, displacement_kernel

assert displacement_kernel(toy, grid=(1, 4))[0].tolist() == kernel
assert torch.isclose(convolution_share(toy, grid=(1, 4)), share)
K = displacement_kernel(M, grid=(16, 16))                       # [2H' - 1, 2W' - 1]
assert torch.isclose(K[15 - 1, 15 + 2], M[s, t], atol=0.05)     # one up, two right
print(f"a convolution has {convolution_share(M, (16, 16)):.0%} of block 1's token map, "
      f"and {chance_share((16, 16)):.1%} of random numbers")

# %% [markdown]
# For random numbers the share is 1.5%, because a kernel has $31 · 31 = 961$ free numbers for 65,536. But that is a weak
# control. Suppose that each place took the same from *itself*, and nothing from others. That would be a convolution,
# too, and yet it needs no grid and no neighbors. Or suppose that all pictures of $W_1$ and $W_2$ were smooth. Then
# what neighbors take would be alike, too. So take three more:
#
# - **Relabel** the places: number them in a random order. What a place takes from itself stays, and so does the
#   average of the others. What depends on who lies beside whom is lost.
# - **Leave the diagonal out**: count only what places take from *others*.
# - **Swap the partners**: let each unit write with the column of $W_2$ of another unit. All pictures stay. What a unit's
#   reading has to do with its writing is lost.

# %%
from mixer_lib.analysis import mixing_weights, relabeled, token_map


def shares(model):
    """Print each block's convolution share and its controls."""
    grid = grid_of(model)
    print("              whole map |              without the diagonal\n"
          "block  share  relabeled | share  relabeled  partners swapped")
    for k, (W1, W2) in enumerate(zip(*mixing_weights(model))):
        maps = token_map(W1, W2), token_map(relabeled(W1, 0), relabeled(W2.T, 0).T)
        swapped = token_map(W1, W2.roll(1, dims=-1))
        whole = [convolution_share(M, grid) for M in maps]
        others = [convolution_share(M, grid, diagonal=False) for M in (*maps, swapped)]
        print(f"{k:5} {whole[0]:6.0%} {whole[1]:10.0%} |",
              f"{others[0]:5.0%} {others[1]:10.0%} {others[2]:17.0%}")


shares(model)

# %% [markdown]
# Every block is far beyond all its controls, with the diagonal and without. In block 0 more than half of the token
# map is a convolution, in block 3 a seventh. The rest depends on the single place, or is noise.
#
# Now the network at the end of lesson 8. Its grid is coarser, 8 × 8, with 64 hidden units in 8 blocks. It is the
# better network: on all 10,000 test images it reads 90.6%, the other one 88.1%.
#
# **Predict.** Is more or less of its token mixing a convolution?

# %%
other = load_pretrained("cifar10")[0]


def mean_share(net):
    """The convolution share without the diagonal, averaged over blocks."""
    maps = [token_map(block.token_mixing.fc1.weight.detach(),
                      block.token_mixing.fc2.weight.detach()) for block in net.blocks]
    share = convolution_share(torch.stack(maps), grid_of(net), diagonal=False)
    return share.mean().item()


predict("the better network", mean_share(other) / mean_share(model),
        fine=mean_share(model), coarse=mean_share(other))

# %%
shares(other)

# %% [markdown]
# The share is more than half in every block. But look at the columns on the right. In the last three blocks, the relabeled
# map has nearly the same share, so most of it is what a place takes from itself. Without the diagonal, a fifth to a third
# is left, which is still at least three times either control. In the first five blocks, it is 60 to 84%.
#
# And the rows of its $W_1$? Are they coarse, too? Here is the average frequency of the rows, for each block:

# %%
for name, net in (("8 × 8", other), ("16 × 16", model)):
    trained = mixing_weights(net)[0]                                    # [L, D_S, S]
    for what, fc1 in (("trained", trained), ("shuffled", shuffled(trained, 0))):
        print(f"{name:8} {what:9}", *(f"{average:.2f}" for average in
                                      frequency(fc1, grid_of(net)).mean(dim=-1)))

# %%
rows = mixing_weights(other)[0][4, :16]                                 # [16, S]
plots.show(
    plots.mosaic(torch.cat([rows, shuffled(rows, 0)]), (8, 8),
                 title="16 units of block 4, and below them the same, shuffled"),
    alt="8 × 8 grid. Two rows of sixteen grids of small cells, orange and blue without "
        "order. A few grids of the first row have a spot of one color. Otherwise the "
        "two rows look alike.")

# %% [markdown]
# In the 16 × 16 network, the rows of all four blocks are far coarser than shuffled rows. In the 8 × 8 network they are not:
# they stay within 0.06 of shuffled rows, above as well as below. By this measure its single units are near noise, and
# yet its layers are more of a convolution. The share sees it, since it takes reading and writing *together*.
#
# ### The kernels
#
# Here are the kernels of all twelve blocks, without what a place takes from itself. Below each kernel are its block, its
# share and, in parentheses, the share with the places relabeled. The colors of each picture are its own:

# %%
def kernels(model):
    """Kernels by block [L, 2H' - 1, 2W' - 1], their shares, and those relabeled."""
    W1, W2 = mixing_weights(model)                  # [L, D_S, S] and [L, S, D_S]
    grid, maps = grid_of(model), token_map(W1, W2)  # maps: [L, S, S]
    mixed_up = token_map(relabeled(W1, 0), relabeled(W2.mT, 0).mT)
    return (displacement_kernel(maps, grid, diagonal=False),
            *(convolution_share(M, grid, diagonal=False) for M in (maps, mixed_up)))


# %%
plots.show(
    plots.kernels({"8 × 8 grid": kernels(other), "16 × 16 grid": kernels(model)}),
    alt="Eight pictures of the 8 by 8 grid. Block 0: a blue cross around an empty "
        "middle. Block 1: blue cells left and right. Block 2: a blue ring, taller "
        "than wide. Block 3: orange cells left, right, above and below. Block 4: an "
        "orange bar across. Block 5: an orange cross. Block 6: a tall orange spot. "
        "Block 7: a wide orange diamond; along the edges of the last three, cells of "
        "both colors. Below, four pictures of the 16 by 16 grid. Block 0: a blue "
        "disk. Block 1: an orange center with a blue arch above it. Block 2: an "
        "orange bar across, blue wings above and below. Block 3: a large orange "
        "diamond on a blue ground.")

# %% [markdown]
# Start with the 8 × 8 grid. In block 0 each place subtracts its four neighbors, a cross. Block 1 subtracts the
# columns on the left and on the right, block 2 a larger neighborhood. Blocks 3 and 4 *add* neighbors and, on the
# diagonal that is left out here, subtract the place itself. In the last blocks a place adds a little of many others:
# there a layer is mostly "minus myself". The 16 × 16 grid has similar shapes in finer detail, and block 1 has a
# center with an arch above it. A cell in a corner has only a few pairs of places, so its average is mostly noise.
#
# So nobody told these networks which places are neighbors, and they found out, in every block. One thing may have
# helped them: training showed them each image shifted by a few pixels and mirrored (lesson 8). A table further down
# tests it in a small network, and leaves it open.
#
# Now look for yourself. Choose a block. Hover a cell of the kernel to see all pairs of places with that displacement, and
# hover a place to compare what it takes with the kernel moved to it.
#
# 1. 16 × 16 grid, block 1: compare a place in the middle with one at the edge. Do they take the same?
# 2. 8 × 8 grid, block 4: switch what a place takes from itself on. Which sign does it have?
# 3. Move through the training. In which blocks of the 16 × 16 grid does the share grow to the end?
#
# <details><summary>What you should see</summary>
#
# 1. Nearly. The place at the edge takes about the same pattern, cut off where the grid ends.
# 2. A minus sign. The block subtracts from a place what it adds from the left and the right: it blurs along the row.
# 3. In blocks 0 and 1. In blocks 2 and 3 it peaks between 700 and 2,000 updates, at 27% and 17%, and falls again.
#
# </details>

# %%
widgets.displacement_explorer(
    {"8 × 8 grid": other, "16 × 16 grid": model}, {"16 × 16 grid": (steps, snapshots)})

# %% [markdown]
# ### With the slopes that units really have
#
# The token map treats every GELU as a line of slope 1/2. What are the real slopes? Where a unit's input is strongly
# positive, the slope is 1. Where the input is strongly negative, or at the bottom of the GELU's dip, the slope is 0.
# `unit_slopes` measures the average slope of each unit over images and channels. With these slopes, a map can also be put to
# the test: how much of what the layer really answers, beyond its average answer, does the map explain?

# %%
from mixer_lib.analysis import as_map, unit_slopes

images, labels, tables, maps = {}, {}, {}, {}          # of 1,000 and 500 test images
for name, net, step in (("8 × 8", other, 1), ("16 × 16", model, 2)):
    images[name], labels[name] = cifar.test_images[::step], cifar.test_labels[::step]
    tables[name] = tables_by_depth(net, normalize(images[name], cifar.mean, cifar.std))
    slopes = unit_slopes(net, tables[name])                             # L times [D_S]
    maps[name] = [token_map(block.token_mixing.fc1.weight.detach(),
                            block.token_mixing.fc2.weight.detach(), slope)
                  for block, slope in zip(net.blocks, slopes)]    # L times [S, S]
    share = convolution_share(torch.stack(maps[name]), grid_of(net), diagonal=False)
    print(f"{name:8} mean slope  ", *(f"{slope.mean():6.2f}" for slope in slopes))
    print(f"{name:8} share       ", *(f"{part:6.0%}" for part in share))

# %%
def convolution(M):
    """The convolution nearest to a token map, as a map: [S, S] -> [S, S]."""
    grid = (8, 8) if len(M) == 64 else (16, 16)
    return as_map(displacement_kernel(M, grid), grid)


def elsewhere(M):
    """The control: the same convolution with its places relabeled."""
    return relabeled(relabeled(convolution(M), 0).T, 0).T


@torch.no_grad()
def explained(net, name, k, M):
    """Of the variance of block k's answers over images, the share that M explains."""
    x = net.blocks[k].token_norm(tables[name][k][::2])      # [N, S, C], half of them
    answer = net.blocks[k].token_mixing(x)
    x, answer = x - x.mean(dim=0), answer - answer.mean(dim=0)
    return 1 - ((answer - M @ x).square().sum() / answer.square().sum()).item()

# %%
for name, net in (("8 × 8", other), ("16 × 16", model)):
    for what, change in (("token map", torch.clone), ("convolution", convolution),
                         ("relabeled", elsewhere)):
        print(f"{name:8} {what:12}", *(f"{explained(net, name, k, change(M)):6.0%}"
                                      for k, M in enumerate(maps[name])))

# %% [markdown]
# With the measured slopes, nearly all shares are a little larger than with 1/2, and in block 0 of the 16 × 16 network
# much larger: 70% instead of 55%. How good is the map? In the 8 × 8 network, one kernel per block, with what a place
# takes from itself, explains 27 to 77% of what token mixing answers. With its places relabeled it explains 38% at
# most. (A number below 0 is worse than the average answer.) In the 16 × 16 network it explains 63% in block 0, but
# 43% with the places relabeled, and only 4% in block 3. There the whole map explains 39%: hardly any of it is the
# same everywhere.
#
# ## What does the network live on?
#
# A share of energy says how large something is. It does not say whether the network needs it. To find out, take it away.
# The usual way is to switch a layer off: the layer answers 0, and the blocks after it continue with what they get.
#
# **Predict.** Which token mixing of the 16 × 16 network costs the most, if it alone is switched off?

# %%
from mixer_lib.analysis import logits_without


def right(name, logits):
    """The share of the images that a network's logits [N, K] name right."""
    return (logits.argmax(dim=1) == labels[name]).float().mean().item()


def without(k, by="zero"):
    """Of the 16 × 16 network, with the token mixing of block k switched off."""
    return right("16 × 16", logits_without(model, tables["16 × 16"],
                                           [(k, "token mixing")], by))


zeroed = [without(k) for k in range(4)]
predict("switched off", {f"block {k}": 1 - zeroed[k] for k in range(4)},
        left=min(zeroed))

# %% [markdown]
# The later blocks have never seen an answer of 0, so part of the drop in accuracy comes from this surprise. There are better ways. The
# layer can give its *average* answer, the same for all images. Then only what it says about this image is missing. Or the
# layer can give its answer to *another image*. Then it describes an image, but the wrong one.

# %%
whole = right("16 × 16", logits_without(model, tables["16 × 16"]))
print(f"everything on: {whole:.0%}\n"
      "in parentheses, the points that it costs\n"
      "block    by zero   by the average   by another image")
for k in range(4):
    left = zeroed[k], without(k, "mean"), without(k, "another image")
    print(f"{k:5}", *(f"{share:6.0%} ({100 * (whole - share):2.0f})    "
                      for share in left))

# %% [markdown]
# The three ways give three answers. By zero, block 1 costs the most. By the average, block 1 and block 2 cost about the same:
# with 500 images, an accuracy is uncertain by about 2 points. By another image's answer, the last two blocks cost more than
# 60 points. Perhaps these blocks say what the image is, and now they describe another one. Then this number shows
# where the answer is already decided, rather than which block is needed most.
#
# Anyone who writes "the network needs block 1 most" must say in which sense.
#
# ### Keep only the convolution
#
# Now the test of this lesson's claim. Replace the token mixing of *every* block by a linear map: its average answer, plus
# a map $M$ times what its input has beyond the average. For $M$ take the token map with the measured slopes, or only the
# convolution in it, or only the rest. Nothing is trained again.
#
# **Predict.** All eight token mixings of the 8 × 8 network become plain convolutions, one kernel per block, the same for
# all channels. The whole network names 89% of the test images right. How many are left?

# %%
from mixer_lib.analysis import logits_with_maps, token_mixing_means

means = {"8 × 8": token_mixing_means(other, tables["8 × 8"]),       # once for all maps
         "16 × 16": token_mixing_means(model, tables["16 × 16"])}


def with_all(name, net, change):
    """Accuracy with the token mixing of each block replaced by a changed token map."""
    changed = {k: change(M) for k, M in enumerate(maps[name])}
    return right(name, logits_with_maps(net, tables[name], changed, means[name]))


kept = with_all("8 × 8", other, convolution)
predict("only the convolution", kept)

# %% [markdown]
# Compare this number with its controls: the average answer alone, the rest of the map, the same convolution with its places
# relabeled, and a map of two numbers, one for the place itself and one for every other place. One more row has a smaller
# kernel, with displacements of up to 3 places:

# %%
def window(M, reach=3):
    """Only displacements of at most `reach` places: a small kernel."""
    side = 8 if len(M) == 64 else 16
    K = displacement_kernel(M, (side, side))
    far = torch.ones_like(K, dtype=torch.bool)
    middle = slice(side - 1 - reach, side + reach)
    far[middle, middle] = False
    return as_map(K.masked_fill(far, 0), (side, side))


def two_numbers(M):
    """A map with one number for the place itself, and one for every other place."""
    own, S = M.diagonal().mean(), len(M)
    others = (M.sum() - M.diagonal().sum()) / (S * S - S)
    return torch.full_like(M, others).fill_diagonal_(own)

# %%
changes = {"average answer alone": torch.zeros_like, "whole map": lambda M: M,
           "convolution": convolution, "convolution, 7 × 7": window,
           "the rest of the map": lambda M: M - convolution(M),
           "convolution, relabeled": elsewhere,
           "itself and all others": two_numbers}
print(f"{'':24}{'8 × 8':>8}{'16 × 16':>10}")
as_is = right("8 × 8", logits_without(other, tables["8 × 8"]))
print(f"{'the network as it is':24}{as_is:8.0%}{whole:10.0%}")
for what, change in changes.items():
    print(f"{what:24}{with_all('8 × 8', other, change):8.0%}"
          f"{with_all('16 × 16', model, change):10.0%}")
del tables["8 × 8"]                 # 300 MB that nothing below needs

# %% [markdown]
# In the 8 × 8 network the convolutions and the average answers keep 82 of 89 points, with no GELU in token mixing and
# one kernel for all 128 channels. The rest of the maps keeps no more than the average answers do. Small kernels of 7
# × 7 are enough. Two numbers per block, with no neighbors at all, leave 64%, and the convolution with its places
# relabeled 68%. So two numbers per block are worth about ten points, and the neighborhood 14 to 18 more. The
# convolutions keep 27 of the 34 points beyond the average answers, and the errors grow from 11 to 18%.
#
# The 16 × 16 network is another case. Its whole linear map keeps only 64 of 89 points, so there the bends of the GELU
# do real work. Beyond the average answers, the whole map is worth 22 points, the convolution 13, and two numbers 8:
# little is left for the neighborhood. So the two networks give two different answers.
#
# Now switch parts off yourself. The stack on the left is the network. Hover a part to see what happens without it, and
# click it to switch it off, by zero. Below the stack you can switch off single hidden units.
#
# 1. Switch off the token mixing of block 1, then of block 2 instead. Which classes suffer?
# 2. Switch off *all* token mixing. What can the network still go by?
# 3. Which channel mixing costs the most?
# 4. With everything else on, switch off single units of block 1. How many predictions change?
#
# <details><summary>What you should see</summary>
#
# 1. Each of the two costs about 20 to 40 points, but not the same classes. Compare the ten bars.
# 2. Nothing but the average of what single patches say: their colors and tiny edges, not where they are. It was never
#    trained to go by that, and still names about a third right, where guessing gives a tenth.
# 3. That of block 0.
# 4. From none to a handful of 250. No unit is needed by itself.
#
# </details>

# %%
widgets.switches(model, cifar, count=250)

# %% [markdown]
# ## Pairs and twins
#
# The authors of the Mixer drew the units of their models, too, and noticed that many come in pairs of **opposite phase**:
# one is blue where the other is orange ([the paper](https://arxiv.org/abs/2105.01601), Figure 5). One caution first.
# In its Figure 6 each unit is followed by its *closest inverse*. Anyone who picks the closest of hundreds finds
# something close. This is a **selection effect**, and only a control can tell how much of the likeness it explains.
#
# How alike are two kernels? Subtract from each its mean, and take the cosine similarity of lesson 5. That is their
# **correlation**: 1 for the same pattern, −1 for opposites, 0 for two patterns that have nothing in common. The **closest
# opposite** of a unit has the lowest correlation with it, its closest **twin** the highest.

# %%
from mixer_lib.analysis import partners, twins

few = torch.tensor([[1., 1., -1., -1.],         # top minus bottom
                    [-2., -2., 2., 2.],         # its opposite, twice as strong
                    [5., 4., 5., 4.]])          # left minus right, and much of all
centered = few - few.mean(dim=1, keepdim=True)                          # [n, S]
unit_length = centered / centered.norm(dim=1, keepdim=True)
correlation = unit_length @ unit_length.T                               # [n, n]
assert torch.allclose(partners(few)[1], correlation.min(dim=1).values, atol=1e-6)
correlation

# %% [markdown]
# In the trained block 1, the closest opposite has on average a correlation of −0.37. Is that much?
#
# **Predict.** Shuffle the weights of each row, so that there is nothing left to see. What is the average correlation
# with the closest of 255 others then?

# %%
chance = torch.stack([partners(shuffled(W1, seed))[1].mean() for seed in range(10)])
predict("closest by chance", chance.mean(), trained=partners(W1)[1].mean().item())

# %% [markdown]
# So the trained rows go far beyond noise. But rows that are coarse have less room to differ, and rows that are made of a few
# shapes only must resemble each other, or each other's opposites. Neither needs a single pair. Two better controls keep
# these things:
#
# - **As coarse**: each row keeps the energy of each of its waves, but every wave begins anywhere.
# - **Mixed rows**: $Q W_1$ with a random orthogonal matrix $Q$, one that turns things without stretching them: $Q^\top Q = 1$.
#   Each new row is a random mixture of all the rows. They are made of the same shapes in the same amounts, since
#   $(Q W_1)^\top Q W_1 = W_1^\top W_1$. What single units had of their own is gone. (You write this one in exercise 9.2.)

# %%
from mixer_lib.analysis import mixed, same_spectrum

controls = {"shuffled": shuffled, "mixed": mixed,
            "as coarse": lambda fc1, seed: same_spectrum(fc1, (16, 16), seed)}
all_rows = mixing_weights(model)[0]                                     # [L, D_S, S]
for what, closest in (("opposite", partners), ("twin", twins)):
    print(f"closest {what}:")
    for k, fc1 in enumerate(all_rows):
        line = f"  block {k}: trained {closest(fc1)[1].mean():+.3f}"
        for name, control in controls.items():
            ten = torch.stack([closest(control(fc1, seed))[1].mean()
                               for seed in range(10)])
            line += f"   {name} {ten.mean():+.3f} ± {ten.std():.3f}"
        print(line)

# %% [markdown]
# Read the table block by block. All numbers are far beyond those of shuffled rows. Compared with rows that are made
# of the same shapes, few opposites remain:
#
# - **Blocks 0 and 1**: the closest opposite is closer than in mixed rows, by 0.04 and 0.05, many times the spread over ten
#   draws. Twins have about half of that excess. Rows that are more local than their mixtures may have closer twins.
#   But that would not favor the other sign.
# - **Blocks 2 and 3**: the closest opposite is *less* close than in mixed rows, and the twin is closer. These layers
#   ask the same question again, in variations, and they favor the same sign.
#
# So of "units come in pairs of opposite phase", only a small excess is left on average, and only in the first two
# blocks. Most of what one sees is something else: shapes come again because there are few of them. How few?
#
# ## How many shapes are there?
#
# The **singular value decomposition** writes all rows of $W_1$ as sums of the same pictures, the strongest first. The
# pictures are orthogonal to each other, and the squares of the singular values say how much of the energy each has. Here are
# the first eight of each block:

# %%
from mixer_lib.analysis import rank, singular_pictures

firsts = []
for k, fc1 in enumerate(all_rows):
    energies, pictures = singular_pictures(fc1)                 # [256], [256, S]
    assert torch.isclose(energies.sum(), fc1.square().sum())
    firsts.append(pictures[:8])
    shares = energies[:8] / energies.sum()
    print(f"block {k}: rank {rank(fc1):4.1f}; the first eight pictures have",
          *(f"{share:.0%}" for share in shares))
plots.show(
    plots.mosaic(torch.cat(firsts), (16, 16), title="the first eight of blocks 0 to 3"),
    alt="Two rows of sixteen pictures: eight of block 0 and of block 1, below them "
        "eight of block 2 and of block 3. They are large smooth areas: one spot in "
        "the middle, left minus right, top minus bottom, stripes. Block 1 and block 3 "
        "begin with a picture that is orange all over; the second one of block 3 is "
        "blue on the left and orange on the right.")

# %% [markdown]
# The **rank** printed here says how many pictures it takes, about: 256 if all have the same energy, and 1 if a single one
# has all of it. (It is the square of the sum of the energies, divided by the sum of their squares.) Before the training it
# was 128 in each block. In block 3 it is between 11 and 12: a layer of 256 units that asks about a dozen questions. The first
# two of them have a third of the energy, and you know them: one is "how much is there in all", and the other *left minus
# right*, the unit that you wrote by hand in lesson 4.
#
# ## Three closer looks (optional)
#
# At a first reading, you can go on to *Look for yourself* from here. (About fifteen minutes.)
#
# ### Along the training
#
# When does the convolution come, and how good is the network at the time? The 8 × 8 network has 21 snapshots, too, and
# the history of its training has the accuracy after each epoch (of 96 updates):

# %%
moments, saved = load_snapshots(WEIGHTS / "cifar10-snapshots.safetensors")
epochs = load_history("cifar10")
late = [i for i, step in enumerate(moments) if step >= 96]          # after one epoch
accuracy = [100 * epochs[round(moments[i] / 96) - 1]["val_accuracy"] for i in late]
curves = {}
for k in (0, 1, 3, 7):
    fc1, fc2 = (saved[f"blocks.{k}.token_mixing.fc{n}.weight"] for n in (1, 2))
    curves[f"block {k}"] = 100 * convolution_share(     # of [n, S, S], all at once
        token_map(fc1, fc2), grid_of(other), diagonal=False)[late]
plots.show(
    plots.lines({"held-out accuracy (%)": (accuracy, curves)},
                ylabel="convolution share, others only (%)"),
    alt="8 × 8 grid: convolution share against held-out accuracy, from 24 to 90%. All "
        "four blocks begin at 5%. Blocks 0, 1 and 3 climb from 55% accuracy on, with "
        "jumps at 77 and 89%, to between 65 and 84%. Block 7 stops at 22%.")

# %% [markdown]
# Blocks 0, 1 and 3 become convolutions late: half of it comes when the network already reads three of four images. Block 7
# stops early. Does a network become good *because* it becomes a convolution? These curves cannot say. At 77% the
# shares grow while the accuracy stands still, and at other times both grow.
#
# ### Which part of the recipe decides?
#
# In the 8 × 8 network the rows look nearly like noise. It was trained by Muon, while $W_1$ of the 16 × 16 network was
# left to AdamW. Is that the reason? And what makes a convolution grow?
# [`tools/measure_kernels.py`](../tools/measure_kernels.py) trained a small network (3 blocks of 48 channels, 8 × 8
# grid, 64 hidden units) on all of CIFAR-10, by one base recipe of 4 epochs with AdamW, and with *one change at a
# time*, three times each. What training added is $W_1$ minus what is left of its random start. Here are averages over
# the blocks, for each of the three runs:

# %%
table = json.loads(Path("results/kernels.json").read_text())


def added(change, what, kind="trained"):
    """A number of what training added, averaged over blocks, for each run."""
    return [mean(block["less start"][what][kind] for block in row["blocks"])
            for row in table["rows"] if row["change"] == change]


print(f"{'':20}{'rank of 64':>14}{'frequency':>18}{'share beyond relabeled':>28}")
for change in table["changes"]:
    share, control = (added(change, "share without diagonal", kind)
                      for kind in ("trained", "relabeled"))
    print(f"{change:20}", *(f"{n:4.0f}" for n in added(change, "rank")), "  ",
          *(f"{n:.2f}" for n in added(change, "frequency")), "  ",
          *(f"{a - b:8.2f}" for a, b in zip(share, control)))

# %% [markdown]
# *The rows.* With AdamW, what training added is made of about 11 pictures, and with Muon of 29, nearly as many as
# random numbers (32). The rows are finer, too, 0.36 against 0.29 (random numbers have 0.39). And the optimizer of
# $W_1$ decides: with Muon for everything else, rank and frequency are those of AdamW again. Mixing the rows cannot
# change the rank, so the rank belongs to the layer, not to its single rows. Muon makes all directions of a matrix
# grow alike (lesson 8), so many shapes grow at once, and none of them stands out.
#
# *The convolution.* After so short a training it is small, 0.03 to 0.1 beyond the control. The number of epochs
# raises this difference in each run: 0.03 to 0.04 after one, 0.05 to 0.06 after four, about 0.08 after eight. Strong
# weight decay raises it, too. Muon lowers it in each run, by as much as the epochs from one to four raise it. What
# flips and shifts do to it is too close to call with three seeds. The bundled networks trained for 100 epochs and
# more, and their shares are far larger. All of this holds for one size and these recipes.

# %% [markdown]
# ### What does a unit answer to?
#
# A picture says what a unit looks for. What does it find? `top_answers` reads the 500 test images and gives those, and the
# channels, in which a unit answers most strongly:

# %%
from mixer_lib.analysis import reads_and_writes, top_answers

unit = 188
found, channels, answers = top_answers(
    model, tables["16 × 16"], block=1, unit=unit, count=10)
names = [cifar.classes[k] for k in labels["16 × 16"][found]]
titles = [f"{name}\nchannel {c}" for name, c in zip(names, channels)]
plots.show(
    plots.image_row(images["16 × 16"][found] / 255, titles, columns=10),
    alt="Ten test images: four cars, two ships, an airplane, a truck, a frog and a "
        "deer. In most of them something lies across the middle that differs from what "
        "is above and below.")
print("answers", *(f"{answer:.1f}" for answer in answers))

# %% [markdown]
# This is the unit from the beginning of the lesson, the bar across rows 8 and 9. It answers to cars, to
# the hulls of ships, to an airplane and to animals: something across the middle, of many kinds, and in several
# channels. This unit is no detector of a class. It is a question that is put to every channel.
#
# And what does it do then? It writes its answer with its column of $W_2$. Does a unit write where it reads? The
# correlation of its row of $W_1$ with its column of $W_2$ says so, beside the correlation with another unit's column:

# %%
for name, net in (("8 × 8", other), ("16 × 16", model)):
    reads, writes = mixing_weights(net)             # [L, D_S, S] and [L, S, D_S]
    for what, roll in (("its own", 0), ("another", 1)):
        print(f"{name:8}{what:8}", *(f"{average:+6.2f}" for average in reads_and_writes(
            reads, writes.roll(roll, dims=-1)).mean(dim=-1)))

# %% [markdown]
# In blocks 3 to 7 of the 8 × 8 network the correlation is about −0.75: a unit writes the *opposite of what it reads*.
# What it finds, it takes away. All these subtractions, added up, are what those blocks have on the diagonal of their
# token maps, "minus myself". In all other blocks it is weak, and of either sign.

# %% [markdown]
# ## Look for yourself
#
# All weights of the network, with the controls beside the numbers. Hover the mosaic to see a unit large. A click picks a
# unit, and the arrow keys walk from unit to unit. (Without `curves=False`, the widget at the top of this lesson also draws
# three of the numbers along the training, beside their controls.)
#
# 1. Sorted by *frequency*, $W_1$, block 0 to 3: describe each block in a few words.
# 2. Sort block 3 by *pairing*: the two units that are most nearly opposites come first, then the next two of those that
#    are left. Are the first pairs opposites? And the last?
#
# <details><summary>What you should see</summary>
#
# 1. Block 0: stripes and patches, a few places wide. Block 1: short streaks and spots, in many directions. Block 2: round
#    orange spots. Block 3: washes over large parts of the image.
# 2. The first ones, yes. The last ones are not: those that are left over have to take each other.
#
# </details>

# %%
widgets.weight_browser(model)

# %% [markdown]
# ## What is real?
#
# The paper's authors looked at models with a grid of 14 × 14 and 384 units, one of them trained on 300 million images.
# This is what holds in the two small networks here, and against which control:
#
# | the paper | here |
# |---|---|
# | Figure 5: units of the first layers have structure, some over the whole image, some in small parts | Structure: yes in the 16 × 16 network, far coarser than shuffled rows in all four blocks. In the 8 × 8 network, trained by another optimizer, the frequency is within 0.06 of shuffled rows, above as well as below. Small parts: exercise 9.2 asks |
# | Figure 5: pairs of opposite phase | Far beyond shuffled rows in the 16 × 16 network. Beyond mixed rows only a little, in blocks 0 and 1. Shapes come again because there are few |
# | its text: deeper layers show no clear structure | The rows of block 3 are coarse, too, and of few shapes. But its convolution share is the lowest |
# | Figure 6: the training set changes the units | Not tested here |
# | its text: heavy augmentation and hyper-parameters change the units | The optimizer changes the rank and the frequency of the rows, in the small network of the table above |
# | not asked | Part of every token mixing is a convolution: in all twelve blocks beyond its controls. In the better network the average answers alone keep 55 of 89 points, and with the convolutions 82, with nothing trained again |
#
# A clean picture need not mean a good network, and noise need not mean a bad one. The better network here has rows
# whose frequency is near that of noise, and its token mixing is closer to a convolution.

# %% [markdown]
# ## Exercises
#
# ### 9.1 The kernel by displacement · write · medium · 12 minutes
#
# For a row of places, the kernel held the averages of the diagonals. Write it for a grid of `rows` × `columns` places in
# raster order. $M_{s,t}$ is what place $s$ takes from place $t$. The **displacement** from $s$ to $t$ is two numbers, how
# far down and how far to the right, and either may be negative. Give a table with the average of $M$ over all pairs of
# places with each displacement. Its middle, `[rows - 1, columns - 1]`, is for displacement (0, 0).

# %% tags=["exercise-1"]
def kernel_by_displacement(M, rows, columns):
    """A map M [S, S] of the grid's places -> [2 rows - 1, 2 columns - 1]."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_displacement_kernel(kernel_by_displacement)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Place $s$ lies in row `s // columns` and in column `s % columns`. Two loops over $s$ and $t$, a table of sums and a table
# of counts will do. Number the places of a grid of 2 × 3 on paper, and look at the pairs (1, 2) and (2, 3): they lie on the
# same diagonal of $M$. Do they have the same displacement?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/09_token_mixing_weights.ipynb](solutions/09_token_mixing_weights.ipynb), exercise 9.1.
#
# </details>
#
# Done? Two loops over 65,536 pairs take a while. Can you do it with one mask of pairs for each displacement?
#
# ### 9.2 Build the control · write · medium · 10 minutes
#
# Write the control of mixed rows without the library's `mixed`: $Q W_1$, with a random orthogonal $Q$. Draw it with a
# `torch.Generator` that starts at `seed`. Then the same seed gives the same control, and torch's own random numbers stay
# where they are.

# %% tags=["exercise-2"]
def mixed_rows(W1, seed):
    """W1 [D_S, S] -> random mixtures of its rows, [D_S, S], with the same W1.T @ W1."""
    ...  # your code here


# %%
exercises.check_mixed_rows(mixed_rows)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `torch.linalg.qr(A).Q` of a square matrix of random numbers is a random orthogonal matrix. `torch.randn` takes a
# `generator`. How many rows and columns does $Q$ need, if each new row is a mixture of all the old *rows*?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/09_token_mixing_weights.ipynb](solutions/09_token_mixing_weights.ipynb), exercise 9.2.
#
# </details>
#
# Done? Then try it on another claim. Over how many places does a unit spread? `participation` in `mixer_lib.analysis`
# counts places by their strength. Compare each block's rows with their mixtures. In which blocks are single units more
# *local* than mixtures of them?
#
# ### 9.3 Which one was trained? · measure · hard · 12 minutes
#
# `layers, trained = exercises.lineup()` gives three layers, $W_1$ and $W_2$ of each, for a grid of 8 × 8, and the index of
# the one from the trained network. The other two are made up. One has rows exactly as coarse as the trained ones. The other
# has the trained $W_1$ or the trained $W_2$, its units in another order. In its token map, each place takes nearly
# everything from itself. Write a function that finds the trained one, for any three such layers.

# %% tags=["exercise-3"]
def which_was_trained(layers, grid):
    """Three pairs (W1 [D_S, S], W2 [S, D_S]) -> the index of the trained one."""
    ...  # your code here


# %%
exercises.check_which_was_trained(which_was_trained)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Look at all three first: `plots.mosaic(W1, grid)`, and the same for the rows of the token map. Which of this lesson's
# numbers needs $W_1$ *and* $W_2$? And what would a place that listens only to itself do to it?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/09_token_mixing_weights.ipynb](solutions/09_token_mixing_weights.ipynb), exercise 9.3.
#
# </details>
#
# ### 9.4 Explain a picture · explain · medium · 6 minutes
#
# The kernel of block 7 of the 8 × 8 network has a strong minus in the middle (set *from itself* to *shown* in the
# widget), and a wide pale plus around it. Say in two sentences what it does to a channel that is the same everywhere,
# and to a channel in which a single place sticks out. Then try both: multiply `convolution(maps["8 × 8"][7])` by
# `torch.ones(64)`, and by zeros with a single 1 at place 27, and add the input, as a skip connection does. (Leave the
# norm out.)
#
# <details><summary>Answer</summary>
#
# A channel that is the same everywhere stays about as it is in the middle of the grid, and gets weaker toward the edges,
# where a part of the kernel lies outside (at some corners even its sign turns). The single place keeps about a quarter, and what it loses is spread thinly over
# the others. So the kernel pulls single places toward the others. But a kernel is not a layer: in the real network,
# after block 7's token mixing, the places of an image differ *more* than before. The norm, the bends, or what depends
# on the single place may be the cause.
#
# </details>
#
# **Stretch**, without a check: `python -m mixer_lib inspect runs/mine --out pictures` writes all of this lesson's pictures
# and numbers for a network of your own. Train one with a recipe of yours. Is it a convolutional network?

# %% [markdown]
# ## Recap
#
# - A row of $W_1$ is a question to the whole grid, and laid out it is a picture. You watched 256 of them take shape.
# - A frequency, a correlation, a share: none of them says anything alone. Shuffled rows, mixed rows, relabeled places
#   and swapped partners each lose something else.
# - The token map says what each place takes from each. Its average by displacement is the kernel of the convolution that
#   the layer has learned, and in all twelve blocks it is beyond its controls.
# - Pairs of opposites are mostly what few shapes look like. Against mixed rows, only a little is left.
# - By zero, by the average, by another image's answer: three ways to switch a layer off, three different questions.
#   The average answers of the better network keep 55 of its 89 points, and with the convolutions 82.
#
# ## Quiz
#
# **1.** A colleague has a Mixer with 64 units on a grid of 8 × 8. "On average, the closest opposite of a unit has a
# correlation of −0.29. It has learned pairs!" What do you say?
#
# <details><summary>Answer</summary>
#
# Ask for the control. Rows of 64 random numbers, with 63 others to choose from, have −0.28 to −0.30. The fewer the places
# and the more the units, the lower it is by chance.
#
# </details>
#
# **2.** A layer has a convolution share of 60%. With the places relabeled it has 55%. Has it learned a convolution?
#
# <details><summary>Answer</summary>
#
# These two numbers cannot say. Relabeling keeps what a place takes from itself and the average of what it takes from
# the others. Neither needs neighbors. Look at the share without the diagonal. Block 6 of the 8 × 8 network has 63%
# and 55%, and then 25% against 7%.
#
# </details>
#
# **3.** Take the trained network and mirror the grid: mirror all images, left to right, and let the weights follow,
# as in lesson 4. Which change: the frequency, the rank, the convolution share, the kernel?
#
# <details><summary>Answer</summary>
#
# Only the kernel, which is mirrored, too. A mirrored wave has as many crests, the rank does not ask where a weight lies,
# and a mirrored convolution is a convolution.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), Figures 5 and 6: these pictures for
#   large models.
# - [`mixer_lib/analysis`](../mixer_lib/analysis): all numbers of this lesson, one function each.
# - [Feature visualization](https://distill.pub/2017/feature-visualization/) by Olah, Mordvintsev and Schubert: what else
#   one can do to see what a unit asks, in convolutional networks.
# - The [glossary](glossary.md).
#
# Next: [10 · Convolutions](10_convolutions.ipynb) writes the whole network as convolutions, exactly, and settles what is
# shared.
