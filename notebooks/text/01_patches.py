# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · Patches: an image becomes a table
#
# *After this lesson you can turn any image into the table of patches that a Mixer reads, turn it back, and tell by
# eye when the cutting went wrong.*
#
# **About 30 minutes, with the exercises 60.** You need: Python, and to have met a PyTorch tensor once.
#
# Previous: [0 · Start here](00_start_here.ipynb). Next: [2 · The patch embedding](02_patch_embedding.ipynb)

# %% [markdown]
# Cutting an image into patches takes three moves: *split*, *permute*, *merge*.
#
# ![Four tables of 4 by 4 cells, in a row. A cell's color says which patch it belongs to, its letter, a to d, which
# place of the patch it is. First, the image: green top left, pink top right, yellow bottom left, gray bottom right; in
# each patch a and b above, c and d below. Second, split, reshape(2, 2, 2, 2): the same cells with a gap between the
# patches; the axes i and u go down, j and v across; nothing has moved. Third, permute(0, 2, 1, 3): now i and j go down,
# u and v across, so that each line has one color and reads a, b, c, d. Fourth, merge, reshape(4, 4): the gaps are gone.
# Each row of the table, shape [S, D], is one patch.](../figures/split_permute_merge.svg)
#
# Here is the Mixer of lesson 0, opened at its second stage: the patches of a digit become the rows of a table. In this
# lesson you build that step. Press *step back* and *step* to see the pixels move, and hover over a patch to find its row.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="patches")

# %% [markdown]
# ## In this lesson you will
#
# - cut an image into patches in three ways (by hand, with a loop, with `reshape` and `permute`) and see them agree;
# - predict the shape of the table, `[S, D]`, for any image;
# - follow a pixel of the image into its table, and put a table back together into an image;
# - tell two orders of the numbers inside a patch apart;
# - recognize two wrong ways of cutting that still give the right shape.
#

# %%
import torch

from mixer_lib import plots
from mixer_lib.data import load_dataset

# %% [markdown]
# ## The question
#
# A Mixer has no idea what an image is. It reads a **table**: a fixed number of rows, each a list of numbers. So before
# anything is learned, someone has to decide which pixels go into which row. The paper's answer is short: cut the image
# into equal squares, called **patches**, and give each patch a row. Here is an image from CIFAR-10 with the cuts drawn
# in.

# %%
cifar = load_dataset("cifar10")     # real images, a sample that comes with the course
horse = cifar.train_images[3510]    # [3, 32, 32]: colors, rows, columns; 0 to 255
plots.show(
    plots.patch_grid(horse, patch_size=8),
    alt="A horse, 32 by 32 pixels, cut by white lines into 4 rows of 4 squares. The "
        "squares are numbered from 0, top left, along the first row to 3, then from 4"
        " at the left of the second row, to 15, bottom right.")

# %% [markdown]
# The squares are counted as you read: along a row, then down. This is **raster order**. Sixteen squares will become
# sixteen rows. The rest of this lesson is about doing this without a single pixel going astray.
#
# ## The smallest example
#
# Take an image so small that you can see every number: 4 × 4 pixels, one channel, each pixel's value its own number.

# %%
tiny = torch.arange(16).reshape(4, 4)          # [H, W]
tiny

# %% [markdown]
# Cut it into patches of 2 × 2 pixels and write each patch as one row: its first line of pixels, then its second. (A
# row of pixels is also called a *line* here, so that you do not confuse it with a row of the table.)
#
# **Predict.** The table has four rows. Which four numbers stand in row 1? Run the cell and type them.

# %%
from mixer_lib import patchify
from mixer_lib.exercises import predict

batch = tiny[None, None]                # [1, 1, 4, 4]: two axes of length 1 in front
predict("row 1", patchify(batch, 2)[0, 1])      # soon you write patchify yourself

# %% [markdown]
# Three letters to keep; the whole course uses them:
#
# | letter | name | here |
# |---|---|---|
# | $P$ | side of a patch, in pixels | 2 |
# | $S$ | number of patches | 4 |
# | $D$ | numbers in one patch | 4 |
#
# Now cut all four patches by hand:

# %%
by_hand = torch.stack([
    tiny[0:2, 0:2].flatten(),                  # patch 0, top left
    tiny[0:2, 2:4].flatten(),                  # patch 1, top right
    tiny[2:4, 0:2].flatten(),                  # patch 2, bottom left
    tiny[2:4, 2:4].flatten(),                  # patch 3, bottom right
])                                             # [S, D] = [4, 4]
by_hand

# %% [markdown]
# ## With a loop
#
# Nobody writes sixteen slices by hand. The top left corner of each patch steps through the image in steps of $P$:

# %%
def patches_by_loop(image, P):
    """image: [H, W] -> table [S, P * P]"""
    H, W = image.shape
    rows = []
    for top in range(0, H, P):
        for left in range(0, W, P):
            patch = image[top:top + P, left:left + P]     # [P, P]
            rows.append(patch.flatten())                  # [P * P]
    return torch.stack(rows)                              # [S, P * P]

assert torch.equal(patches_by_loop(tiny, 2), by_hand)

# %% [markdown]
# The `assert` says nothing, which is good news: the loop gives the same table. Every step of this course is checked
# against the one before in this way.
#
# ## Without a loop
#
# The loop is right but slow: a large image has hundreds of patches, and a batch hundreds of images. We want a few
# tensor operations, whatever the size. The idea: give the cuts axes of their own.
#
# `tiny` has 4 rows. Read them as 2 *rows of patches* with 2 *rows of pixels* in each; the same for the columns. Call
# the four axes $i$ (patch row), $u$ (pixel row in the patch), $j$ (patch column), $v$ (pixel column in the patch):

# %%
x = tiny.reshape(2, 2, 2, 2)      # [H/P, P, W/P, P]: i, u, j, v
x.shape

# %% [markdown]
# `reshape` moved nothing. It only gave names to positions: `x[i, u, j, v]` is the pixel in line `u` and column `v` of
# the patch in row `i` and column `j` of the grid. In that order the pixel row `u` stands before the patch column `j`.
# We want both patch axes first, then both pixel axes. `permute` puts the axes in a new order; its numbers name the old
# axes, counted from 0. So `permute(0, 2, 1, 3)` takes $i$, $u$, $j$, $v$ to $i$, $j$, $u$, $v$:

# %%
x = x.permute(0, 2, 1, 3)         # [H/P, W/P, P, P]: i, j, u, v
x[0, 1]                           # patch 1, as a square

# %%
table = x.reshape(4, 4)           # [S, D]: merge i with j, and u with v
assert torch.equal(table, by_hand)

# %% [markdown]
# Split, permute, merge. It is worth saying aloud once: **split** each side into *which patch* and *where in the patch*,
# **permute** all *which* before all *where*, **merge**.
#
# ## Two wrong ways with the right shape
#
# A table of the right shape is no proof of anything. Here are the two mistakes that people make, on the horse. Both
# give 16 rows of numbers, and no error.

# %%
gray = horse.float().mean(dim=0)        # [32, 32], one channel is enough here
right = gray.reshape(4, 8, 4, 8).permute(0, 2, 1, 3).reshape(16, 64)            # [S, D]
no_permute = gray.reshape(16, 64)                                               # [S, D]
wrong_permute = gray.reshape(4, 8, 4, 8).permute(2, 0, 1, 3).reshape(16, 64)    # [S, D]
print(right.shape, no_permute.shape, wrong_permute.shape)

# %% [markdown]
# Draw each of the 16 rows as a square of 8 × 8 pixels, and lay the squares out in raster order. The first table gives
# the horse, whole.

# %%
# Swapping two axes twice brings them back, so here the same permute undoes the cut.
def lay_out(table):
    """Draw each row as a square, the squares in raster order: [16, 64] -> [32, 32]"""
    return table.reshape(4, 4, 8, 8).permute(0, 2, 1, 3).reshape(32, 32)

def beside_the_right_one(table, title):
    pictures = torch.stack([lay_out(right), lay_out(table)])[:, None] / 255
    titles = ["split, permute, merge", title]
    return plots.image_row(pictures, titles, columns=2, width=6)

assert torch.equal(lay_out(right), gray)

# %% [markdown]
# **Predict.** What does `no_permute` give, made by `reshape` alone?

# %%
predict("reshape alone", picture=beside_the_right_one(no_permute, "reshape alone"))

# %% [markdown]
# **Predict.** And `wrong_permute`, with the axes of the patches swapped?

# %%
predict("patch axes swapped",
        picture=beside_the_right_one(wrong_permute, "patch axes swapped"))

# %% [markdown]
# Neither mistake raises an error, and training would run. So look at your tables.
#
# ## Colors and batches
#
# A real image has $C_{in}$ channels, and we cut a whole batch of images at once: `[B, C_in, H, W]`. The recipe is the
# same with two more axes. The batch stays in front. Where does the channel go? It says *where in the patch* a number
# stands, so it goes with the pixels. We put it before them, an order that will turn out handy in lesson 2. The axes
# after the split, with the numbers that `permute` uses: 0 image, 1 channel, 2 $i$, 3 $u$, 4 $j$, 5 $v$.

# %%
def my_patchify(images, P):
    """images: [B, C_in, H, W] -> tables [B, S, D]"""
    B, C_in, H, W = images.shape
    x = images.reshape(B, C_in, H // P, P, W // P, P)       # split
    x = x.permute(0, 2, 4, 1, 3, 5)                         # [B, H/P, W/P, C_in, P, P]
    return x.reshape(B, (H // P) * (W // P), C_in * P * P)  # merge: [B, S, D]

tables = my_patchify(cifar.train_images[:100], 8)
tables.shape

# %% [markdown]
# One hundred images, $S = 4 \cdot 4 = 16$ patches each, and $D = 3 \cdot 8 \cdot 8 = 192$ numbers a patch. In a
# picture, with the three colors of a pixel drawn as one square (so a row shows 64 squares; the table itself holds 64
# reds, then 64 greens, then 64 blues):
#
# ![Left, the horse cut into 4 by 4 patches, numbered from 0 to 15 along the rows; patch 5 is framed. Right, a table
# of 16 rows, each a patch's pixels side by side, line after line; row 5 is framed](../figures/patch_grid.svg)
#
# Check it against the loop, one channel at a time:

# %%
for channel in range(3):
    by_loop = patches_by_loop(horse[channel], 8)                        # [16, 64]
    all_at_once = my_patchify(horse[None], 8)[0]                        # [16, 192]
    assert torch.equal(all_at_once[:, 64 * channel:64 * (channel + 1)], by_loop)
print("the loop and split-permute-merge agree on all three channels")

# %% [markdown]
# ## Follow a pixel
#
# Where does the green value of the pixel in line 8, column 14 go? Line 8 lies in grid line $8 // 8 = 1$, column 14 in
# grid column $14 // 8 = 1$, so in patch $1 \cdot 4 + 1 = 5$. Inside that patch it is in line 0, column 6. Green is
# channel 1, and channel 0 comes first with its 64 numbers, so it is number $64 + 0 \cdot 8 + 6 = 70$.

# %%
assert my_patchify(horse[None], 8)[0, 5, 70] == horse[1, 8, 14]
horse[1, 8, 14]

# %% [markdown]
# Exercise 1.2 asks you for the rule.
#
# ## The order inside a patch
#
# Why channel first? It is a choice, and other people choose otherwise. Many image files and programs keep the three
# colors of a pixel together: (row, column, channel) in place of our (channel, row, column). Here is patch 5 as a
# vector, that is, a plain list of numbers, in both orders:

# %%
patch = horse[:, 8:16, 8:16]                            # [3, 8, 8]: patch 5
channel_first = patch.flatten()                         # [192]
channel_last = patch.permute(1, 2, 0).flatten()         # [8, 8, 3] -> [192]
print("channel first:", channel_first[:9].tolist())
print("channel last: ", channel_last[:9].tolist())
assert torch.equal(channel_first, my_patchify(horse[None], 8)[0, 5])

# %% [markdown]
# The first begins with nine red values, eight of them from one line of the picture. The second takes red, green, blue
# of one pixel, then red, green, blue of the next. The numbers are the same, in another order, and that order is the
# same for every patch:

# %%
order = torch.arange(192).reshape(3, 8, 8).permute(1, 2, 0).flatten()   # who comes when
print(order[:9].tolist())
assert torch.equal(channel_last, channel_first[order])

# %% [markdown]
# Which order is better? Neither. What follows in lesson 2 gives each of the $D$ places a weight of its own, and a
# weight does not care where in the list it stands. But weights that were learned with one order and are used with the
# other meet the wrong numbers, nearly all of them, and again no error is raised. Whoever publishes weights has to say
# which order they are for.
#
# ## Two more roads to the same table
#
# You will meet both in other people's code, so here they are, shown equal. On a first reading, skip to the next
# heading.
#
# The method `unfold(axis, size, step)` asks for a new axis of windows along one side. No number is copied: the result
# looks at the same memory with other **strides**, the number of steps in memory from one entry to the next along each
# axis.

# %%
windows = horse.unfold(1, 8, 8).unfold(2, 8, 8)             # [C_in, H/P, W/P, P, P]
print("same memory:", windows.data_ptr() == horse.data_ptr())
print("strides:", windows.stride())
by_view = windows.permute(1, 2, 0, 3, 4).reshape(16, 192)   # [S, D]
assert torch.equal(by_view, my_patchify(horse[None], 8)[0])

# %% [markdown]
# Read the strides `(1024, 256, 8, 32, 1)` from the right: one pixel to the right is 1 step; one pixel down is 32, a
# line of the image; the next patch is 8 to the right; the next row of patches 8 · 32 = 256 down; the next channel 32
# · 32 = 1024. The cuts are nothing but arithmetic.
#
# `nn.functional.unfold` is made for convolutions. It gives the table lying on its side, `[B, D, S]`, and only for
# floats:

# %%
floats = horse[None].float()                                            # [1, 3, 32, 32]
columns = torch.nn.functional.unfold(floats, kernel_size=8, stride=8)   # [1, 192, 16]
by_unfold = columns.transpose(1, 2)                                     # [1, 16, 192]
assert torch.equal(by_unfold, my_patchify(horse[None], 8).float())

# %% [markdown]
# ## The library's version
#
# From here on the course imports what you have built. `mixer_lib.patchify` is the function above, with a check that the
# patches tile the image, and images and patches that need not be square. It is fifteen lines: open
# [`mixer_lib/model.py`](../mixer_lib/model.py) and read it.

# %%
from mixer_lib import unpatchify

assert torch.equal(patchify(horse[None], 8), my_patchify(horse[None], 8))
assert torch.equal(unpatchify(patchify(horse[None], 8), 8, 32), horse[None])
print("nothing lost: cut and put together again, every pixel is back")

# %% [markdown]
# And what if the patches do not tile the image?

# %%
try:
    patchify(horse[None], 5)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Move it
#
# Move over any of the three pictures. The other two follow: the same patch in the image, on its own, and as a row of
# the table, and in all three the same pixel. A click keeps what you point at. With the keyboard, go to a picture with
# Tab, then use the arrow keys. Things to try:
#
# 1. Move slowly along one row of the table. When does the line below jump to another color channel?
# 2. Make the patches as small as they go. What happens to the shape of the table? And as large as they go?
# 3. Back at $P = 8$, click any pixel of the patch. Which two other numbers of its row belong to the same pixel?
#
# <details><summary>What you should see</summary>
#
# 1. After each $P^2$ numbers, at 64 and 128 for $P = 8$: all of red comes first, then green, then blue.
# 2. $P = 2$: 256 rows of 12 numbers. $P = 16$: 4 rows of 768. The number of entries stays.
# 3. Those 64 and 128 farther on: for $d$ below 64, the numbers $d$, $d + 64$ and $d + 128$ are red, green and blue of
#    one pixel.
#
# </details>

# %%
widgets.patch_explorer(horse)

# %% [markdown]
# Notice what the patch size trades. The table always holds the same 3072 numbers, since $S \cdot D = C_{in} H W$. Small
# patches make many short rows, large ones few long rows. A Mixer compares rows with each other, and the more rows, the
# finer, and the costlier. [Lesson 6](06_classifier.ipynb) counts how much.
#
# ## Exercises
#
# Write your code in place of the `...`, run the cell, then run the check below it. A check tells you what is wrong.
#
# ### 1.1 The shape of the table · easy · 3 minutes
#
# Write a function that tells the shape of the table, as a pair $(S, D)$, for a square image.

# %% tags=["exercise-1"]
def table_shape(image_size, patch_size, in_channels):
    """The table's shape (S, D) for a square image of image_size x image_size pixels."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_table_shape(table_shape)


# %% [markdown]
# <details><summary>Hint</summary>
#
# How many patches fit along one side? The grid has that many rows *and* that many columns. For D, recall that a patch
# holds the pixels of every channel.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.1.
#
# </details>
#
# ### 1.2 Find a pixel · medium · 8 minutes
#
# A pixel value stands in channel `channel`, line `row`, column `column` of a square image. In which row `s` of the
# *table* is it, and which number `d` of that row? Only arithmetic: `//` and `%` are your friends.

# %% tags=["exercise-2"]
def find_pixel(channel, row, column, image_size, patch_size):
    """Where a pixel stands in the table, as a pair (s, d)."""
    P = patch_size
    ...  # your code here


# %%
exercises.check_find_pixel(find_pixel)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `row // P` is the line of the grid, `row % P` the line inside the patch. The table's rows count patches: all of one
# line of the grid before the next. The numbers inside a row count (channel, row, column): a channel is worth $P \cdot
# P$ numbers, a line is worth $P$, a column is worth 1.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.2.
#
# </details>
#
# ### 1.3 Another order inside the patch · medium · 8 minutes
#
# The paper's own code (in JAX) keeps the three colors of a pixel side by side: inside a patch its order is (row,
# column, channel). Write `patchify` with that order. This is what one needs to load the released weights.

# %% tags=["exercise-3"]
def patchify_channels_last(images, P):
    """images: [B, C_in, H, W] -> [B, S, D], a patch as (row, column, channel)."""
    B, C_in, H, W = images.shape
    ...  # your code here


# %%
exercises.check_patchify_channels_last(patchify_channels_last)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Split exactly as before. Only the order in `permute` changes: the channel axis now comes last of all.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.3.
#
# </details>
#
# ### 1.4 Put it back together · hard · 10 minutes
#
# Write the inverse of `patchify` (the lesson's, with each row of the table in the order channel, row, column) for
# images of any size.

# %% tags=["exercise-4"]
def my_unpatchify(patches, P, H, W):
    """patches: [B, S, D], as patchify cuts them -> images [B, C_in, H, W]."""
    B, S, D = patches.shape
    C_in = D // (P * P)
    ...  # your code here


# %%
exercises.check_unpatchify(my_unpatchify)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Run the film backwards. `patchify` ended by merging `[B, H/P, W/P, C_in, P, P]` into `[B, S, D]`, so begin by
# splitting `[B, S, D]` into those six axes. Then bring them into the order `[B, C_in, H/P, P, W/P, P]`, and merge.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.4.
#
# </details>

# %% [markdown]
# ## Recap
#
# - You cut an image into patches by hand, with a loop, and by **split, permute, merge**; all three agree, and so do two
#   kinds of `unfold`.
# - The table is `[S, D]` with $S = (H/P)(W/P)$ patches and $D = C_{in} P^2$ numbers a patch.
# - Patches are in raster order. You followed a pixel into the table, and nothing is lost: `unpatchify` puts the table
#   back together.
# - Inside a patch our order is (channel, row, column); the other order in use, (row, column, channel), holds the same
#   numbers, and weights learned for one are useless for the other.
# - A wrong `reshape` or `permute` keeps the shape and destroys the picture. Look at what you cut.
#
# ## Quiz
#
# **1.** A gray 28 × 28 digit is cut with $P = 7$. What is the shape of its table?
#
# <details><summary>Answer</summary>
#
# `[16, 49]`: 4 × 4 patches of 7 × 7 pixels, one channel.
#
# </details>
#
# **2.** You halve $P$. What happens to $S$, to $D$, and to the number of entries in the table?
#
# <details><summary>Answer</summary>
#
# $S$ grows four times, $D$ shrinks to a quarter, the number of entries stays: it is the number of pixel values.
#
# </details>
#
# **3.** Two tables of an image have the same rows, in different order. Do they hold the same information? Does a
# trained Mixer give the same answer for both?
#
# <details><summary>Answer</summary>
#
# The same information, since you can sort the rows back if you know the order. But a trained Mixer has learned weights
# for *row 0*, *row 1*, and so on; on reordered rows it answers something else. Lesson 11 plays with this.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: the few sentences on patches that this lesson unrolls.
# - [`mixer_lib/model.py`](../mixer_lib/model.py): `patchify` and `unpatchify`.
# - The [glossary](glossary.md) holds every new word of the course in a sentence.
#
# Next: [2 · The patch embedding](02_patch_embedding.ipynb).
