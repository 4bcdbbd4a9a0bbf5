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
# *After this lesson you can open the token mixing of any Mixer, put a number to what you see there, hold the number
# against a control, and say which of the paper's findings show in a small model and which do not.*
#
# **About 65 minutes, with the exercises 100.** You need: [lesson 8](08_train_cifar.ipynb).
#
# Previous: [8 · Train on CIFAR-10](08_train_cifar.ipynb). Next: [10 · Convolutions](10_convolutions.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - look at one hidden unit of a trained network by hand, and at all 256 at once;
# - measure how fine its pattern is, and how close another unit comes to its opposite: by hand, at once, and with the
#   library;
# - hold each number against a *control*, the same number where there is nothing to find;
# - ask how much of a layer a convolution could do;
# - play a training from its first step, push single patches, and switch parts of the network off.

# %%
import json
import math
from pathlib import Path
from statistics import mean

import torch
from torch.nn.functional import gelu

from mixer_lib import plots
from mixer_lib.checkpoints import (
    WEIGHTS,
    load_checkpoint,
    load_pretrained,
    load_snapshots,
)
from mixer_lib.exercises import reveal

# %% [markdown]
# ## The question
#
# In lesson 4 you wrote two hidden units of token mixing by hand, *top minus bottom* and *left minus right*, and laid
# their weights out on the grid of patches. A trained network has hundreds that nobody wrote. To look at them one
# wants a fine grid, so the course brings a second CIFAR-10 model, with patches of only 2 × 2 pixels: a grid of 16 ×
# 16, and 256 hidden units in each of its 4 blocks ([its card](../mixer_lib/models/cifar10-fine.md)). Here are the
# units of block 1, the second, each a little picture, before the training and after it:

# %%
model, about = load_pretrained("cifar10-fine")
steps, snapshots = load_snapshots(WEIGHTS / "cifar10-fine-snapshots.safetensors")
before, *_, after = snapshots["blocks.1.token_mixing.fc1.weight"]       # [D_S, S] each
plots.show(
    plots.mosaic(before, (16, 16), title="256 units of block 1, before training"),
    alt="A mosaic of 256 small squares, 8 rows of 32. Each has 16 by 16 cells, orange "
               "and blue ones in no order at all.")

# %%
plots.show(
    plots.mosaic(after, (16, 16), title="256 units of block 1, after training"),
    alt="The same mosaic after training. Many squares now hold an orange spot or a "
               "band that lies across, some a blue one, each somewhere else in its "
               "square and a few cells large. Around them are pale grains.")

# %% [markdown]
# Orange is above 0, blue below, white is 0. In the second mosaic you see spots and bands, and you may see pairs. But
# people see faces in clouds, too. What of this is really there, and what would you find in noise as well? So in this
# lesson everything that you see gets a *number*, and beside it stands what the number is where there is nothing to
# find.

# %% [markdown]
# ## One unit, by hand
#
# Take the unit with the largest weights. Its row of $W_1$ has a weight for each of the 256 places; in raster order,
# 16 at a time, they fill the grid of $H'$ rows and $W'$ columns. Laid out like this, the row is called a **kernel**,
# as the weights of a convolution's window are (lesson 2). This one does not slide: it covers the whole grid.

# %%
block = model.blocks[1]
W1 = block.token_mixing.fc1.weight.detach()                     # [D_S, S]
unit = W1.norm(dim=1).argmax().item()
kernel = W1[unit].view(16, 16)                                  # [S] -> [H', W']

# %% [markdown]
# What does it ask? Lay it over a **map**: one channel of a table, on the same grid. Here is the horse as it comes to
# this layer, in the channel where the unit's answer is largest. Each weight meets the number below it, the products
# are added up, and a bias is added. You do it with a loop, and the layer itself must agree:

# %%
from mixer_lib.analysis import tables_by_depth
from mixer_lib.data import load_dataset, normalize

cifar = load_dataset("cifar10")
horse = cifar.train_images[3510]
images = normalize(horse[None], cifar.mean, cifar.std)          # [B, C_in, H, W]
x = block.token_norm(tables_by_depth(model, images)[1])[0].detach()     # [S, C]
answers = block.token_mixing.fc1(x.T)[:, unit].detach()         # [C, S] -> [C]
channel = answers.argmax().item()
seen = x[:, channel].view(16, 16)                               # [S] -> [H', W']
answer = block.token_mixing.fc1.bias[unit].item()
for u in range(16):
    for v in range(16):
        answer += (kernel[u, v] * seen[u, v]).item()
assert math.isclose(answer, answers[channel].item(), rel_tol=1e-3)
print(f"unit {unit}, channel {channel}: {answer:.2f}")

# %%
pictures = {f"unit {unit}": kernel, f"channel {channel}, below it": seen,
            "their products": kernel * seen}
plots.show(
    plots.tables({name: x / x.abs().max() for name, x in pictures.items()}, width=9,
                 xlabel="column of the grid", ylabel="row of the grid"),
    alt="Three grids of 16 by 16 colored cells, each between -1 and 1. Left the unit, "
        "a large orange spot near the upper right corner. Middle, a channel of the "
        "horse. Right their products, strong only where both are.")

# %% [markdown]
# (Each picture is divided by its largest number, so that the colors fill it.) That is one question, put to all 96
# channels alike. The other 255 units put theirs. Now look at the mosaic again. It is nothing but the 256 rows of
# $W_1$, each laid out.

# %% [markdown]
# ## How fine is a pattern?
#
# Some of these pictures are a few large areas, others a fine grain. The usual measure is the **frequency**: how many
# waves there are from one end to the other. Three kernels on a *row* of 8 places, by hand:

# %%
kernels = {"halves": torch.tensor([1., 1., 1., 1., -1., -1., -1., -1.]),
           "pairs": torch.tensor([1., 1., -1., -1., 1., 1., -1., -1.]),
           "stripes": torch.tensor([1., -1., 1., -1., 1., -1., 1., -1.])}       # [S]

# %% [markdown]
# *Halves* goes up and down once over the 8 places, which is called one cycle: 1/8 of a cycle per place. *Pairs* has
# 2/8, *stripes* 4/8, and no pattern can be finer, since a crest and a trough take a place each.
#
# A learned kernel is never one clean wave, but it is always a *sum* of waves. How much of each? Lay the wave of $k$
# cycles over the kernel, as a cosine and as a sine (a wave may begin anywhere), and add up the products. The sum of
# the two squares is the **energy** that the kernel has at that frequency. All the energies together are its
# **spectrum**.

# %%
def spectrum_by_loop(kernel):
    n, energy = len(kernel), []
    for k in range(n):                                          # cycles over the row
        cosine, sine = 0.0, 0.0
        for s in range(n):                                      # places
            cosine += kernel[s].item() * math.cos(2 * math.pi * k * s / n)
            sine += kernel[s].item() * math.sin(2 * math.pi * k * s / n)
        energy.append(cosine ** 2 + sine ** 2)
    return torch.tensor(energy)                                 # [n]


for name, kernel in kernels.items():
    print(f"{name:8}", *(f"{energy:5.1f}" for energy in spectrum_by_loop(kernel)))

# %% [markdown]
# Read a line from 0 to 7 cycles. *Pairs* has its energy at 2 cycles, *stripes* at 4. The 32 at 6 cycles is no
# mistake: at 8 places, a wave of 6 cycles goes through the same points as one of 2 that runs the other way, so it
# counts as 2. *Halves* has most of its energy at 1 cycle, and some at 3, which makes its edges sharp.
#
# To take numbers apart into waves like this is the **Fourier transform**, and libraries compute it at once. The
# frequency of a kernel as a whole is the mean of all frequencies, each weighted with its energy:

# %%
cycles = torch.tensor([0, 1, 2, 3, 4, 3, 2, 1]) / 8             # per place: 5 is 3, ...
for name, kernel in kernels.items():
    energy = torch.fft.fft(kernel).abs() ** 2                   # [S]
    assert torch.allclose(energy, spectrum_by_loop(kernel), atol=1e-4)
    print(f"{name:8} {(energy * cycles).sum() / energy.sum():.3f} cycles per place")

# %% [markdown]
# On a grid a wave runs down as well as across. A wave of $a$ cycles per place down and $b$ across has
# $\sqrt{a^2 + b^2}$ in the direction in which it runs. The rest stays as it is, and a place is now a patch:
# `frequency` in [`mixer_lib/analysis`](../mixer_lib/analysis) does this for all rows of $W_1$ at once. The mean
# of a kernel is left out, since a wave of 0 cycles is no pattern.

# %%
from mixer_lib.analysis import frequency

for name, kernel in kernels.items():
    print(f"{name:8} {frequency(kernel, grid=(1, 8)):.3f}")
at_start = frequency(before, grid=(16, 16))                     # [D_S]
at_end = frequency(after, grid=(16, 16))                        # [D_S]
print(f"before training from {at_start.min():.2f} to {at_start.max():.2f} cycles "
      f"per patch, mean {at_start.mean():.2f}")

# %% [markdown]
# **Predict, then run.** And after training, in this block? Write the mean.

# %%
my_prediction = None        # for example 0.5

# %%
reveal(my_prediction, round(at_end.mean().item(), 2))
print(f"after training from {at_end.min():.2f} to {at_end.max():.2f}")

# %% [markdown]
# The mean has come down: in place of 6 waves over the 16 patches, fewer than 4. Not one unit is as fine as the
# coarsest was before. Here they are, sorted, the coarsest first:

# %%
by_frequency = at_end.argsort()                                 # [D_S], low first
plots.show(
    plots.mosaic(W1, (16, 16), by_frequency,
                 title="W1 of block 1, low frequency first"),
    alt="The mosaic, sorted. In the first rows strong spots and bands, mostly orange, "
        "a quarter of a square wide or more; further down smaller and paler ones; in "
        "the last rows hardly more than grains.")

# %% [markdown]
# ## The closest opposite
#
# The authors of the Mixer noticed something else in theirs: many units come in pairs of **opposite phase**, one blue
# where the other is orange ([the paper](https://arxiv.org/abs/2105.01601), Figures 5 to 7). The cosine similarity of
# lesson 5 says how alike two kernels are. Subtract from each its mean first, and it is called their **correlation**:
# 1 for the same pattern, 0 for patterns that have nothing in common, −1 for opposites. By hand, for three kernels on
# a grid of 2 × 2:

# %%
toy = torch.tensor([[1., 1., -1., -1.],         # top minus bottom
                    [-2., -2., 2., 2.],         # its opposite, twice as strong
                    [5., 4., 5., 4.]])          # left minus right, and much of all


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return (a @ b / (a.norm() * b.norm())).item()


by_loop = torch.tensor([[correlation(a, b) for b in toy] for a in toy])         # [n, n]
by_loop

# %% [markdown]
# Rows 0 and 1 are opposites, whatever their strength, and row 2 has nothing to do with either. Now all at once:
# subtract the means, divide by the norms, and take all products in one matrix multiplication. In each row the
# smallest belongs to the **closest opposite**. The library's `partners` gives its index and the correlation.

# %%
from mixer_lib.analysis import partners

centered = toy - toy.mean(dim=1, keepdim=True)                  # [n, S]
unit_length = centered / centered.norm(dim=1, keepdim=True)     # [n, S]
at_once = unit_length @ unit_length.T                           # [n, n]
assert torch.allclose(at_once, by_loop, atol=1e-6)
index, lowest = partners(toy)
assert torch.equal(lowest[:2], at_once[:2].min(dim=1).values)
index, lowest.round(decimals=2)

# %% [markdown]
# In the trained block, the closest opposite of a unit has in the mean:

# %%
print(f"{partners(W1)[1].mean():.2f}")

# %% [markdown]
# Is that much? You cannot say. Not because you know too little about Mixers: *nobody* can say, from this number
# alone. Each of the 256 units has 255 others to choose from, and the best one counts. So:
#
# **Predict, then run.** Before the training all weights were random numbers. What was it then: 0.0, −0.2 or −0.5?

# %%
my_prediction = None        # for example -0.2

# %%
reveal(my_prediction, round(partners(before)[1].mean().item(), 1))

# %% [markdown]
# Random rows, too, find an opposite among 255, so −0.2 says nothing. Only what goes beyond it can have been
# *learned*. A number that you get where there is nothing to find is called a **control**. The best control changes
# just the one thing that you ask about. Trained weights differ from untrained ones in more than their patterns: they
# are of other sizes, and some are very large. So take *these* weights, and bring the numbers of each row into a
# random order. What was a pattern is noise then, made of the same numbers.

# %%
from mixer_lib.analysis import shuffled

control = shuffled(W1, seed=0)                                  # [D_S, S]
assert torch.equal(control.sort(dim=1).values, W1.sort(dim=1).values)
for name, rows in (("trained", W1), ("shuffled", control)):
    print(f"{name:8} closest opposite {partners(rows)[1].mean():.2f}, "
          f"frequency {frequency(rows, (16, 16)).mean():.2f} cycles per patch")

# %% [markdown]
# Both go far beyond the control: the opposites are closer, and the patterns coarser, than in noise made of the same
# numbers. (How sure is that, from one shuffle? Exercise 9.2.) Here are the units in pairs, side by side: first the
# two of all that come closest to −1, then the two of the rest, and so on.

# %%
from mixer_lib.analysis import order

in_pairs = order(W1, (16, 16), "pairing")                       # [D_S]
plots.show(
    plots.mosaic(W1, (16, 16), in_pairs, title="W1 of block 1, in pairs of opposites"),
    alt="The mosaic, sorted into pairs. In the first rows many neighbors show the same "
        "shape with the colors exchanged, an orange spot and, in the same place, a "
        "blue one, often paler; further down the likeness fades.")

# %% [markdown]
# ### Twins
#
# Whoever looks for opposites finds opposites. The next picture over often looks not opposite, but *alike*. So turn
# the question round: how close does the closest **twin** come?
#
# **Predict, then run.** In the trained block, which comes closer in the mean, the opposite or the twin?

# %%
my_prediction = None        # "opposite" or "twin"

# %%
def closest_twin(W1):
    """The largest correlation of each row with another, [D_S, S] -> [D_S]."""
    centered = W1 - W1.mean(dim=1, keepdim=True)                # [D_S, S]
    unit_length = centered / centered.norm(dim=1, keepdim=True)
    return (unit_length @ unit_length.T).fill_diagonal_(-1).max(dim=1).values


twin, opposite = closest_twin(W1).mean().item(), -partners(W1)[1].mean().item()
reveal(my_prediction, "twin" if twin > opposite else "opposite")
print(f"twin {twin:.2f}, shuffled {closest_twin(control).mean():.2f}")

# %% [markdown]
# The twin. So look at the control again. It takes away more than the pairs: its rows are also finer, and they share
# no shapes. Take away less. First keep the energy of each wave in a row, but let each wave begin anywhere, so that
# the rows stay as coarse as they are. Then keep the rows, and toss a coin for the sign of each:

# %%
random = torch.Generator().manual_seed(0)
noise = torch.fft.fft2(torch.randn(256, 16, 16, generator=random))      # [D_S, H', W']
waves = torch.fft.fft2(W1.view(256, 16, 16)).abs() * noise / noise.abs()
as_coarse = torch.fft.ifft2(waves).real.flatten(1)                      # [D_S, S]
coins = 2 * torch.randint(2, (256, 1), generator=random) - 1            # 1 or -1
for name, rows in (("trained", W1), ("as coarse", as_coarse),
                   ("signs by coin", coins * W1)):
    print(f"{name:13}  closest opposite {partners(rows)[1].mean():.2f}, "
          f"twin {closest_twin(rows).mean():.2f}")

# %% [markdown]
# Nearly all of the opposites come with coarseness alone: coarse shapes have less room to differ. And a coin would
# have brought *closer* ones. What the layer learned beyond coarseness is to ask a question again, in variations, more
# than to turn it round. "The units come in opposite pairs" passes the first control, and all but fails the second. In
# this block, then, pairs are what you find when you look for pairs.
#
# ### Why opposites?
#
# Why should a network want a question *and* its opposite? GELU lets one sign through. A unit with the kernel $w$
# answers where it finds its pattern, and stays nearly silent where it finds the opposite. There, a partner with $-w$
# answers. And the two can do something together that neither can alone:

# %%
z = torch.linspace(-3, 3, 7)
assert torch.allclose(gelu(z) - gelu(-z), z, atol=1e-6)

# %% [markdown]
# $\text{GELU}(z) - \text{GELU}(-z) = z$. If partners also *write* opposites, if their columns of $W_2$ have opposite
# signs, then what they found goes through as if there were no GELU. If they write the same, the tokens learn how
# *strong* the pattern is, whatever its sign. A fine explanation, either way. Is it true? In each block, take the 64
# units whose opposite comes closest, and correlate what the two write (± is how far single pairs scatter):

# %%
for k, mixing in enumerate(each.token_mixing for each in model.blocks):
    asks = mixing.fc1.weight.detach()                           # [D_S, S]
    writes = mixing.fc2.weight.detach().T                       # [D_S, S]: W2's columns
    partner, lowest = partners(asks)                            # [D_S] each
    clearest = lowest.argsort()[:64]
    pairs_write = torch.tensor([correlation(writes[i], writes[partner[i]])
                                for i in clearest])
    any_two = torch.tensor([correlation(writes[i], writes[i - 1]) for i in range(256)])
    print(f"block {k}: they ask {lowest[clearest].mean():.2f}, "
          f"write {pairs_write.mean():+.2f} ± {pairs_write.std():.2f}; "
          f"any two units {any_two.mean():+.2f} ± {any_two.std():.2f}")

# %% [markdown]
# Partners lean toward writing opposites, a little more from block to block, but nowhere by much: next to how far
# single pairs scatter it is little, and −1 is far away. The identity is right, and the pairs make next to nothing of
# it. A mechanism that *could* be at work is not yet one that *is*.
#
# ## How much of it could a convolution do?
#
# The convolutions of lesson 5 ask the neighbors, with the same weights everywhere. Nobody told the Mixer what a
# neighbor is. Did it learn something of the kind?
#
# Look at the layer as a whole, from place to place. Where its numbers are small, GELU is nearly a straight line with
# slope 1/2, and so the layer nearly is $W_2 W_1 / 2$, a table of `[S, S]` in which row $s$ says what place $s$ takes
# from each place $t$. Call it the **token map**. (It is a sketch: numbers are not always small, and biases and skip
# connection are left out.) In a convolution an entry depends only on where $t$ lies *as seen from* $s$. On a row of 4
# places, "twice myself and once my right neighbor":

# %%
M = torch.tensor([[2., 1., 0., 0.],
                  [0., 2., 1., 0.],
                  [0., 0., 2., 1.],
                  [0., 0., 0., 2.]])    # [S, S]: row s takes M[s, t] from place t

# %% [markdown]
# Each diagonal holds one number: that is what makes it a convolution. Now let the first place take 6 times itself.
# Which convolution comes nearest? The one with the *mean* of each diagonal. On the main one, 6, 2, 2, 2, it is 3. The
# energy of this convolution, the sum of its squares, is $4 · 3^2 + 3 · 1^2 = 39$, that of the map
# $6^2 + 3 · 2^2 + 3 · 1^2 = 51$. So the **convolution share** of this map is 39/51 = 76%. With a loop over the
# diagonals:

# %%
M[0, 0] = 6
nearest = torch.zeros(4, 4)
for offset in range(-3, 4):                     # how far right of s lies t?
    nearest += torch.full([4 - abs(offset)], M.diagonal(offset).mean()).diag(offset)
share = nearest.square().sum() / M.square().sum()
print(f"{share:.0%} of the energy")

# %% [markdown]
# On a grid "as seen from" is two numbers, how far down and how far right; exercise 9.3 does that. The library's
# version does it for any grid:

# %%
from mixer_lib.analysis import chance_share, convolution_share, token_map

assert torch.isclose(convolution_share(M, grid=(1, 4)), share)
fc1 = block.token_mixing.fc1.weight.detach()                    # [D_S, S]
fc2 = block.token_mixing.fc2.weight.detach()                    # [S, D_S]
M = token_map(fc1, fc2)                                         # [S, S]
print(f"a convolution has {convolution_share(M, (16, 16)):.1%} of block 1's token map, "
      f"and of noise {chance_share((16, 16)):.1%}")

# %% [markdown]
# Of noise: a convolution on this grid has $(2 · 16 - 1)^2 = 961$ free numbers, and can match 961 of 65,536. There is
# one more trap. If each place took something of *itself* and nothing else, that would be a convolution as well. But
# it needs no grid, and no neighbors, and nobody would call it one. So there is a second control: number all places
# anew, at random. What a place takes from itself stays; what depends on who is whose neighbor goes.

# %%
from mixer_lib.analysis import relabeled

anew = token_map(relabeled(fc1, seed=0), relabeled(fc2.T, seed=0).T)    # [S, S]
print(f"with the places numbered anew: {convolution_share(anew, (16, 16)):.1%}")

# %% [markdown]
# So more than a quarter of the map is a convolution, more than ten times as much as with the places numbered anew.
# Nobody told the Mixer which places lie side by side, and it has found out. What the layer does beyond that is tied
# to *places*, or it is noise.
#
# ## Layer by layer
#
# The library's `summarize` gives all of these for a layer, each beside its control: shuffled rows, and places
# numbered anew, "relabeled", for the convolution share. The mean over the closest opposites it calls *pair
# correlation*. It adds over how many places a kernel spreads (exercise 9.1), beside random numbers.
#
# **Predict, then run.** In which of the blocks 0 to 3 do opposites go furthest beyond their control?

# %%
my_prediction = None        # for example 0

# %%
from mixer_lib.analysis import grid_of, summarize


def layer_by_layer(model):
    """Print a line a block: each number, with its control in parentheses."""
    layers = [block.token_mixing for block in model.blocks]
    summaries = [summarize(layer.fc1.weight.detach(), layer.fc2.weight.detach(),
                           grid_of(model)) for layer in layers]
    print("block " + "".join(f"{name:>20}" for name in summaries[0]))
    for k, numbers in enumerate(summaries):
        print(f"{k:5} ", end="")
        for trained, control, *_ in (kinds.values() for kinds in numbers.values()):
            print(f"{f'{trained:.2f} ({control:.2f})':>20}", end="")
        print()
    return summaries

summaries = layer_by_layer(model)

# %%
pairs = [numbers["pair correlation"] for numbers in summaries]
beyond = [pair["shuffled"] - pair["trained"] for pair in pairs]
reveal(my_prediction, beyond.index(max(beyond)))

# %% [markdown]
# In all four blocks the patterns are coarser, and the opposites closer, than in the controls. Opposites go furthest
# beyond theirs in the *last* block, whose patterns are the finest of all. The patterns are coarsest in block 1. Over
# how many places a kernel spreads says little: 73 or 74 in blocks 1 and 2, with random numbers 87. What stands out is
# the last column. A convolution has a third of the map in block 0 and less from block to block, everywhere more than
# twice what it has with the places numbered anew. In the first block much hangs only on where one place lies as seen
# from the other; in the last, on the places themselves.
#
# ## Through the training
#
# When did the patterns appear? The weights were saved at 21 moments, called snapshots, which are close together at
# first. Press *play*, or drag the cursor in one of the curves. The units keep their places in the mosaic, so you can
# follow one. Click a unit to see it large, with all 21 of its snapshots below; hover a snapshot to go to that moment.
# Between two snapshots the picture blends them. (The axis of the curves is logarithmic.)
#
# 1. Block 1 is open. An epoch has 383 updates. After how many updates do you see the first patterns, and do the curves
#    show them earlier?
# 2. Choose a unit in the first row, and look back through its snapshots. How far back can you recognize it?
# 3. Drag the cursor: at which moment are the opposites closest? And when does the convolution share rise?
#
# <details><summary>What you should see</summary>
#
# 1. In the second epoch: faint at about 400 updates, plain at 700. The curves see them a little earlier: at 270 those
#    of the frequency and of the opposites have begun to leave their controls.
# 2. Most of them to somewhere between 1,000 and 3,000 updates: shapes form early, and change for long. Before that a
#    unit is lost in the noise that it was drawn with, which weight decay shrinks step by step.
# 3. After 1,110 updates, at the end of the third epoch: −0.40. From then on they come apart again, a little, while
#    the convolution share climbs to the end. The pairs came early, and were not what the long training was about.
#
# </details>

# %%
from mixer_lib import widgets

widgets.training_scrubber(steps, snapshots, grid_of(model))

# %% [markdown]
# As a still picture, block 1 at the end:

# %%
first = snapshots["blocks.1.token_mixing.fc1.weight"]           # [n, D_S, S]
second = snapshots["blocks.1.token_mixing.fc2.weight"]          # [n, S, D_S]
plots.show(
    plots.training_scrubber(
        steps, first, summarize(first, second, (16, 16)), (16, 16),
        order(first[-1], (16, 16), "pairing"), now=len(steps) - 1,
        title="W1 of block 1, by the last pairing,"),
    alt="Block 1 after the last update: the mosaic in pairs, and below it three curves "
        "over the training. The frequency stays at 0.39 for long, then falls; the pair "
        "correlation stays near -0.18, then falls to -0.40 and comes back a little. "
        "The convolution share stays near 0 for long, then climbs to the end. All "
        "three leave their dashed controls far behind.")

# %% [markdown]
# ## Move it
#
# Now look for yourself. Move the pointer over the mosaic: the unit under it is shown large on the right, with its
# spectrum and its closest opposite below. The opposite has a ring around it in the mosaic. A click picks a unit, and
# the arrow keys then walk from unit to unit. Hover a weight of the large unit, and the same place lights up in all
# units. In the middle of the spectrum is frequency 0, and the further out a cell lies, the finer its wave; hover a
# cell to read its cycles.
#
# 1. Block 1, sorted by *frequency*: walk along the first row. Which shapes come again and again? Where in the
#    spectrum is their energy?
# 2. Sorted by *pairing*: are the first pairs opposites? And the last?
# 3. Sort by *index*, so that a unit keeps its place, and switch between W1 and W2, which shows what a unit *writes*.
#    Does it write where it looks? Try blocks 1, 2 and 3.
# 4. Choose *untrained*, then *same colors for all blocks*. What of the trained picture is left?
# 5. Sorted by frequency, W1, block 0 to 3: how would you describe each in a few words?
#
# <details><summary>What you should see</summary>
#
# 1. Spots and bands that lie across, each somewhere else, and later in the row stripes side by side. The energy lies
#    in the cells near the middle of the spectrum, for bands in a column of them: fine from top to bottom, coarse
#    across.
# 2. The first ones, yes, though often one is strong and its partner pale. The last ones not at all: the last that are
#    left have to take each other.
# 3. In block 1 hardly. In block 3 many do, in the *other* color: what such a unit finds there, it takes away. (The
#    correlation of the two is about −0.35 in the mean, in block 2 −0.15.)
# 4. Nothing. Look long enough, and you will find a face even there.
# 5. Block 0: stripes and patches, up and down as well as across. Block 1: spots and bands that lie across. Block 2:
#    round spots of one color, and corners of the other. Block 3: large blue washes, which ask how much there is of
#    something in half of the image.
#
# </details>

# %%
widgets.weight_browser(model)

# %% [markdown]
# As a still picture, block 1 by frequency, with the first unit picked (orange) and its closest opposite (blue):

# %%
by_frequency = order(W1, (16, 16), "frequency")
plots.show(
    plots.weight_browser(W1, (16, 16), by_frequency, place=0,
                         title="W1 of block 1, trained: 256 units, by frequency"),
    alt="Block 1 by frequency. Above the mosaic, its first unit framed in orange and "
        "the opposite of that in blue. Below, the unit enlarged, its spectrum, dark "
        "only in a few cells around the middle, and the opposite enlarged, in which "
        "the same place has the other color.")

# %% [markdown]
# ## What moves when a patch moves?
#
# So far you have read weights, mostly without an image. Lesson 5 pushed one patch of the horse and looked at how
# strongly each token moves, in a network that had learned nothing. "The weights are random, and no weight knows how
# far apart two places lie", it said. These weights have learned. (The exact derivatives would take minutes for 256
# tokens, so they are estimated from a few random pushes. It takes about ten seconds.)
#
# The map in the middle shows the tokens at one depth; the small maps on the right show all depths. The color grows with
# the square root of the strength, so that you can see the weak ones.
#
# 1. Point at patches of the horse, and look at depth 1. How much of the movement stays with the patch's own token?
# 2. Point at depth 2. Where are the tokens that move along?
# 3. Compare depths 3 and 4. How even does it become? Click a patch in a corner, then one in the middle of the horse.
# 4. Click depth 4, and point at tokens in the large map: the patches that reach the token light up. Is the horse's belly
#    reached from near or from far?
#
# <details><summary>What you should see</summary>
#
# 1. Nearly all, some 99%.
# 2. Around the patch: its neighbors have a little more color than the rest. On average over all patches it is clear:
#    tokens one row away, `strengths[2].diagonal(16).mean()`, move about three times as far as tokens eight rows away,
#    `strengths[2].diagonal(128).mean()`. In an untrained network it is 1.2 times.
# 3. At depths 3 and 4 you see a cloud around the patch. At depth 4 about a sixth of the movement is the patch's own,
#    and all tokens move. Lesson 5's network had no way to know which places are near. This one has learned it.
# 4. From both: a bright spot around the token, and weaker light from everywhere.
#
# </details>

# %%
from mixer_lib.analysis import influence_by_depth

tokens = tables_by_depth(model, images)[0][0]                   # [S, C], at depth 0
strengths = influence_by_depth(model.blocks, tokens, directions=4)      # [L + 1, S, S]
widgets.patch_influence(horse, strengths, patch_size=2)

# %% [markdown]
# As a still picture, patch 119 at depth 2:

# %%
plots.show(
    plots.influence_explorer(horse, strengths, patch_size=2, patch=119, depth=2),
    alt="Left, the horse in a grid of 16 by 16 patches, one on its belly framed in "
        "orange. Middle, the 256 tokens at depth 2: the patch's own is by far the "
        "darkest, all others are shades of pale blue. Right, small maps for depths 0 "
        "to 4: at depth 0 the patch's token alone, then ever darker shades around it.")

# %% [markdown]
# ## What is it for?
#
# A picture does not say whether the network *needs* what it shows. Switch it off, and see. A part that is off adds
# nothing, and everything after it goes on with what it gets. Every fourth of the test images is read, 250, so mind
# that an accuracy is uncertain by about 3 points (lesson 8).
#
# **Predict, then run.** Which of the four token mixings costs the most, if it alone is off?

# %%
my_prediction = None        # for example 0

# %%
from mixer_lib.analysis import logits_without

some, labels = cifar.test_images[::4], cifar.test_labels[::4]
tables = tables_by_depth(model, normalize(some, cifar.mean, cifar.std))


def right_without(*off):
    hits = logits_without(model, tables, off).argmax(dim=1) == labels
    return hits.float().mean().item()

rights = [right_without((k, "token mixing")) for k in range(4)]
reveal(my_prediction, rights.index(min(rights)))
print(f"all on {right_without():.0%}; one off:", *(f"{right:.0%}" for right in rights))

# %% [markdown]
# Blocks 1 and 2, those with the clearest pictures, are also those that the network relies on most; which of the two
# costs more, 250 images cannot say. Without the token mixing of the first or the last, little is lost. (Why "relies
# on" and not "needs"? The blocks after it were trained with it, and could have learned otherwise.)
#
# Now switch parts off yourself. The stack on the left is the network. Hover a part to see what happens without it, and
# click it to switch it off. Beside each part stands how many images the network gets right without that part alone.
# Click a class to see only its images. Below the stack you can switch off single hidden units of token mixing. (For a
# unit, or several parts at once, PyTorch reads the images again, which takes a moment; the picture begins with the
# first images and follows.)
#
# 1. Switch off the token mixing of block 1. Then switch it on again, and that of block 2 off. Which classes suffer?
# 2. Switch off *all* token mixing. What can the network still go by?
# 3. Which channel mixing costs the most?
# 4. Switch everything on again. Then switch a single unit of block 1 off, and try others. How many predictions change?
#
# <details><summary>What you should see</summary>
#
# 1. Both cost more than 20 points, but not the same ones. Without block 1 ships suffer most: of 25, 9 are left, and
#    the others become almost anything; dogs stay dogs. Without block 2 nearly all ships stay ships, and three of four
#    dogs are taken for cats, as are many frogs.
# 2. Nothing but the average of what single patches say: the colors, not where they are. It was never trained to go by
#    that, takes half of all images for cats, and still names a third right, where guessing gives a tenth.
# 3. That of block 0: nothing is left but guessing. No token mixing costs nearly as much.
# 4. From none to five or so of 250. No unit is needed by itself.
#
# </details>

# %%
widgets.switches(model, cifar, count=250)

# %% [markdown]
# As a still picture, without the token mixing of block 1:

# %%
without = logits_without(model, tables, [(1, "token mixing")]).argmax(dim=1)
plots.show(
    plots.switches(some, labels, logits_without(model, tables).argmax(dim=1), without,
                   cifar.classes, [(1, "token mixing")]),
    alt="Without the token mixing of block 1: two bars, with everything on and as "
        "switched, which is far shorter; below, sixteen small photographs whose "
        "prediction changed, each with what it was taken for before and now.")

# %% [markdown]
# ## Another network
#
# All of this works for any Mixer. Open the one from the end of lesson 8. Its grid is coarser, 8 × 8, with 64 hidden
# units, it has 8 blocks, and it is the better network.
#
# **Predict, then run.** In how many of its 8 blocks are opposites more than 0.05 beyond their control?

# %%
my_prediction = None        # for example 8

# %%
name = "cifar10"        # or "mnist", or yours, "runs/cifar10.safetensors" (lesson 8)
path = name if name.endswith(".safetensors") else WEIGHTS / f"{name}.safetensors"
other = load_checkpoint(path)[0]
pairs = [numbers["pair correlation"] for numbers in layer_by_layer(other)]
reveal(my_prediction, sum(pair["shuffled"] - pair["trained"] > 0.05 for pair in pairs))

# %%
widgets.weight_browser(other)

# %% [markdown]
# None. Its opposites are no closer than noise, in the last blocks even less close, and in frequency its rows lie
# within 0.04 of noise, above it as well as below. And yet it names nearly nine of ten test images right. Did its
# token mixing learn nothing? Look at the last column. In its first five blocks, a convolution has about half of the
# token map and more, far beyond the control. It is *there*, but you do not see it in single rows.
#
# Why? The two networks differ in size, in grid, in epochs. One suspect is the way the steps were taken. AdamW, which
# trained $W_1$ of the fine model's token mixing, scales the step of every single weight by itself. Muon, which
# trained the rest of that model and all of this one, makes the step of a whole matrix move all directions alike; to
# it, single units are nothing special. And the same token map can be written with many different rows, as a point on
# paper with many pairs of axes. A suspicion is no finding, so [`tools/measure_optimizers.py`](../tools/measure_optimizers.py) trained
# a smaller network by AdamW, by Muon, and by Muon but for $W_1$, all else equal, three times each. Here are the
# numbers less their controls, a mean over the blocks for each run. Of opposites, less than 0 is beyond the control;
# of the convolution share, more than 0:

# %%
table = json.loads(Path("results/optimizers.json").read_text())
for optimizer in ("adamw", "muon", "muon-but-w1"):
    rows = [row for row in table["rows"] if row["optimizer"] == optimizer]
    print(f"{optimizer:11}  held out", *(f"{row['held_out']:.1%}" for row in rows))
    for what, control in (("pair correlation", "shuffled"),
                          ("convolution share", "relabeled")):
        beyond = [mean(block[what]["trained"] - block[what][control]
                       for block in row["blocks"]) for row in rows]
        print(f"{'':11}  {what:17} less {control:9}", *(f"{d:+.2f}" for d in beyond))

# %% [markdown]
# With AdamW opposites go beyond the control in each run, with Muon they stay at it. And the steps of $W_1$ alone
# decide: left to AdamW, it has its opposites again, in a network that is otherwise trained by Muon and names nearly
# as many images right. The convolution share goes beyond its control with all three. So the suspicion holds, at this
# size, for these optimizers at one learning rate. (Your own network from lesson 8 was trained by AdamW. On which side
# should it lie? Put its name above, and look.)
#
# ## What is real?
#
# The authors looked at a model with 14 × 14 patches and 384 units, trained on hundreds of millions of images (Figures
# 5 to 7). "Control" here means shuffled rows.
#
# | they saw | here |
# |---|---|
# | kernels of a few large areas, some over the whole image, some in a part of it | yes: coarser than the control in all four blocks; spots and bands in the middle blocks, washes over half of the image in the last |
# | units in pairs of opposite phase | beyond the control in all four blocks; but twins are closer, signs by coin would make closer pairs, and in the second block coarseness alone makes nearly as many |
# | clearest in the first layers, no structure in deep ones | clearest in the second and third of four; the last is the finest, and still coarser than the control |
# | (not asked) | a good part of the token map is a convolution, most in the first block |
# | (not asked) | with Muon for $W_1$ hardly any of the pictures |
#
# So a clean picture is not a sign of a good network, nor noise that of a bad one. It says how *this* network, trained
# in *this* way, happens to write down what it does. Whoever shows you one picture of weights, ask for the second: the
# control.

# %% [markdown]
# ## Exercises
#
# ### 9.1 Places · easy · 6 minutes
#
# Over how many places does a kernel spread? It does not help to count the weights that are not 0: of trained weights,
# that is all of them. The **participation ratio** counts by strength:
#
# $$\frac{(w_1^2 + w_2^2 + \dots + w_S^2)^2}{w_1^4 + w_2^4 + \dots + w_S^4}$$
#
# A kernel with all its strength $a = w^2$ in a single place has $a^2 / a^2 = 1$. One with the same strength in all
# $S$ places has $(S a)^2 / (S a^2) = S$, and everything else lies in between. A kernel ten times as large has the
# same number. Write it for kernels in a stack of any shape, the places along the last axis.

# %% tags=["exercise-1"]
def places(kernel):
    """Kernels [..., S] -> over how many places each of them spreads, [...]."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_places(places)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `kernel.square()` first. Of these squares you need the sum, squared, and the sum of *their* squares. `sum(dim=-1)`
# leaves all axes before the last as they are.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/09_token_mixing_weights.ipynb](solutions/09_token_mixing_weights.ipynb), exercise 9.1.
#
# </details>
#
# Done? Then guess: over how many of 256 places do random numbers spread, `torch.randn(1000, 256)`, in the mean?
# Measure it, then the rows of `W1`. Can you tell by this number that they were trained?
#
# ### 9.2 A fair control · medium · 10 minutes
#
# Write the control for opposite pairs without the library's `shuffled`. Bring the numbers of each row of `W1` into a
# random order, each row into an order of its own. Then give the mean, over all rows, of the correlation with the
# closest opposite, as a float. `partners` may help.
#
# Draw from a `torch.Generator` that starts at `seed`: then whoever has the seed gets your number, and torch's own
# random numbers stay where they are. Leave `W1` as it is.

# %% tags=["exercise-2"]
def control(W1, seed):
    """Mean correlation with the closest opposite, each row of W1 [D_S, S] shuffled."""
    ...  # your code here


# %%
exercises.check_control(control)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `torch.randperm(n, generator=...)` draws an order of $n$ things, and an index puts a row into it, as in lesson 4.
# Make one generator, and draw from it once for each row. `torch.stack` puts the rows together. What would happen to
# the correlation of two rows if both got the *same* order?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/09_token_mixing_weights.ipynb](solutions/09_token_mixing_weights.ipynb), exercise 9.2.
#
# </details>
#
# Done? Give it the seeds 0 to 9. How far do the ten numbers lie apart? Only if the number of the trained block lies
# well below all ten is it more than luck. (What it is then, the shuffle alone does not say: see *Twins*.)
#
# ### 9.3 The nearest convolution · hard · 15 minutes
#
# For a row of places, the nearest convolution had the means of the diagonals. Now for a grid of `rows` × `columns`
# places in raster order. Again $M_{s,t}$ is what place $s$ takes from place $t$, but the **displacement** from $s$ to
# $t$ is *two* numbers, how far down and how far to the right. Give the matrix of the nearest convolution: at $[s, t]$
# it has the mean of $M$ over all pairs of places with the same displacement as from $s$ to $t$.

# %% tags=["exercise-3"]
def nearest_convolution(M, rows, columns):
    """A map M [S, S] of the grid's places -> the nearest convolution, [S, S]."""
    ...  # your code here


# %%
exercises.check_nearest_convolution(nearest_convolution)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Place $s$ lies in row `s // columns` and in column `s % columns`. Number the places of a grid of 2 × 3 on paper, and
# look at the pairs (1, 2) and (2, 3), which lie on the same diagonal of $M$: is the displacement the same? Then go
# through all pairs with two dictionaries, a sum and a count for each displacement. Or, faster, make two tables
# `[S, S]` of how far down and how far right, and pick the pairs of one displacement with
# `(down == d) & (right == r)`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/09_token_mixing_weights.ipynb](solutions/09_token_mixing_weights.ipynb), exercise 9.3.
#
# </details>
#
# Done? Then take a block apart: `M = token_map(fc1, fc2)` and `nearest = nearest_convolution(M, 16, 16)`. The energy
# of `nearest` over that of `M` is the convolution share. Do the same with block 0 of lesson 8's model,
# `load_pretrained("cifar10")[0]`, on its grid of 8 × 8. Look at `plots.mosaic(nearest, (8, 8))`, a picture for each
# place that takes, and see a kernel slide. `M - nearest` is what no sliding kernel does: noise, or something else?

# %% [markdown]
# ## Recap
#
# - A row of $W_1$ is a question to the whole grid, and laid out it is a picture. One unit by hand, all 256 as a
#   mosaic.
# - The spectrum says how fine a pattern is, the correlation with the closest opposite whether units come in pairs. By
#   hand, at once, and with the library the numbers agree.
# - A number alone says nothing. Random rows, too, have opposites at −0.2; only what goes beyond the *control* can
#   have been learned. In all four blocks the opposites do, most in the last. What you conclude hangs on what the
#   control keeps: as coarse, signs by coin. Twins are closer still.
# - The token map says what each place takes from each. A convolution has a third of it in block 0 and less from block
#   to block, everywhere beyond both controls.
# - You played the training, pushed patches, and switched parts off: single units hardly matter, some layers do.
# - A picture of weights does not tell how good a network is: in the comparison the one trained by Muon is better, and
#   its rows look like noise.
#
# ## Quiz
#
# **1.** A colleague has a Mixer with 64 units on a grid of 8 × 8. "In the mean, the closest opposite of a unit has a
# correlation of −0.29. It has learned pairs!" What do you say?
#
# <details><summary>Answer</summary>
#
# Ask for the control. Rows of 64 random numbers, with 63 others to choose from, get about as much, −0.28 to −0.30.
# The fewer the places, and the more the units, the lower it is by chance.
#
# </details>
#
# **2.** Switch off the token mixing of a block, and the accuracy falls to that of guessing. Is the block where the
# network sees the shape of things?
#
# <details><summary>Answer</summary>
#
# That does not follow. The blocks after it were trained on tables in which its answer was added, and are now given
# others. You know that the network relies on it, not what it does. And the other way round: if nothing changes, other
# blocks may do the same.
#
# </details>
#
# **3.** Take the trained network and mirror the grid: give all images left to right, and bring the weights after
# them, as in lesson 4. Which of the four numbers of `summarize` change?
#
# <details><summary>Answer</summary>
#
# None of the trained ones. A mirrored wave has as many crests; correlations, and over how many places a kernel
# spreads, do not ask where a weight lies; and a mirrored convolution is a convolution. (The shuffled and relabeled
# controls change a little, since the same random order now meets other places.)
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), Figures 5 to 7: these pictures for a large model.
# - [`mixer_lib/analysis`](../mixer_lib/analysis): all numbers of this lesson, one function each.
# - [`tools/measure_optimizers.py`](../tools/measure_optimizers.py): how the optimizers were compared.
# - [Feature visualization](https://distill.pub/2017/feature-visualization/) by Olah, Mordvintsev and Schubert: what
#   else one can do to see what a unit asks, in convolutional networks.
# - The [glossary](glossary.md).
#
# Next: [10 · Convolutions](10_convolutions.ipynb) writes the same network in another way, and settles what is shared.
