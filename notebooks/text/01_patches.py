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
# *After this lesson you can turn any image into the table of patches that a Mixer reads, turn the table back into the
# image, and see at a glance when the cutting went wrong.*
#
# **About 35 minutes, with the exercises 65.** You need: Python, and to have met a PyTorch tensor once.
#
# Previous: [0 · Start here](00_start_here.ipynb). Next: [2 · The patch embedding](02_patch_embedding.ipynb)

# %% [markdown]
# Cutting an image into patches takes three moves: *split*, *permute*, *merge*.
#
# ![Four tables of 4 by 4 cells, side by side. The color of a cell says which patch it belongs to; its letter, a to d,
# says which place in the patch it has. First, the image: green top left, pink top right, yellow bottom left, gray bottom
# right; in each patch a and b above, c and d below. Second, split, reshape(2, 2, 2, 2): the same cells with a gap between
# the patches; the axes i and u go down, j and v across; nothing has moved. Third, permute(0, 2, 1, 3): now i and j go
# down, u and v across, so that each row of cells has one color and reads a, b, c, d. Fourth, merge, reshape(4, 4): the
# gaps are gone. Each row of the table, shape [S, D], is one patch.](../figures/split_permute_merge.svg)
#
# Below is the Mixer of lesson 0, opened at its second stage, where the patches of a digit become the rows of a table. You
# will build this stage here. Press *step back*, then *step*, to see the pixels move. Hover over a patch to find its row.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="patches")

# %% [markdown]
# ## In this lesson you will
#
# - cut an image into patches in three ways (by hand, with a loop, with `reshape` and `permute`) and see that they agree;
# - predict the shape of the table, `[S, D]`, for any image;
# - recognize two wrong ways of cutting that still give the right shape;
# - follow a pixel of the image into the table, and undo a permutation to get back from the table to the image;
# - tell apart two orders of the numbers inside a patch.

# %%
import torch

from mixer_lib import plots
from mixer_lib.data import load_dataset

# %% [markdown]
# ## Which pixels belong in which row?
#
# A Mixer does not know what an image is. It reads a **table** with a fixed number of rows, each of which is a list of
# numbers. So before the network can learn anything, someone has to decide which pixels go into which row. The paper cuts
# the image into equal squares, called **patches**, and gives each patch one row. Here is an image from CIFAR-10 with the
# cuts drawn in:

# %%
cifar = load_dataset("cifar10")     # real images: a sample that comes with the course
horse = cifar.train_images[3510]    # [3, 32, 32]: color channel, row, column; 0 to 255
plots.show(
    plots.patch_grid(horse, patch_size=8),
    alt="A horse, 32 by 32 pixels, cut by white lines into 4 rows of 4 squares. The "
        "squares are numbered from 0, top left, along the first row to 3, then from 4"
        " at the left of the second row, to 15, bottom right.")

# %% [markdown]
# The patches are numbered in the order in which you read a page: along a row, then down. This order is called **raster
# order**. The sixteen patches will become sixteen rows of a table. The rest of this lesson makes sure that each pixel
# lands where it should.
#
# The word *row* needs care, because images and tables both have rows. This lesson says *pixel row* for a row of pixels
# in an image or a patch, *grid row* for a row of patches, and *row of the table* for a row of the table.
#
# ## The smallest example
#
# Take an image so small that you can see each number: 4 × 4 pixels, one channel. The value of each pixel is its own
# position in memory.

# %%
tiny = torch.arange(16).reshape(4, 4)          # [H, W]
tiny

# %% [markdown]
# Cut this image into patches of 2 × 2 pixels. Write each patch as one row of the table: first its upper pixel row, then its
# lower one.
#
# **Predict.** The table has four rows, numbered from 0. Which four numbers are in row 1? Run the cell and type them.

# %%
from mixer_lib import patchify
from mixer_lib.exercises import predict

batch = tiny[None, None]                # [1, 1, 4, 4]: two axes of length 1 in front
predict("row 1", patchify(batch, 2)[0, 1])      # soon you will write patchify yourself

# %% [markdown]
# Three letters name the sizes. The whole course uses them:
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
# Nobody writes sixteen slices by hand. A loop can find them: the top left corner of the patch moves across the image in
# steps of $P$.

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
# The `assert` is silent, so the loop gives the same table.
#
# ## Without a loop
#
# The loop is right but slow. A large image has hundreds of patches, and a batch has hundreds of images. We want a few
# tensor operations that work for any size. The idea is to give the cuts axes of their own, as in the picture at the top
# of this lesson.
#
# **Split.** `tiny` has 4 pixel rows. Think of them as 2 grid rows with 2 pixel rows in each, and do the same for the columns.
# Now there are four axes: $i$ (grid row), $u$ (pixel row inside the patch), $j$ (grid column), and $v$ (pixel column
# inside the patch).

# %%
x = tiny.reshape(2, 2, 2, 2)      # [H/P, P, W/P, P]: i, u, j, v
x.shape

# %% [markdown]
# This `reshape` moved no number. It only gave each position a new name: `x[i, u, j, v]` is the pixel in row `u` and column
# `v` of the patch in grid row `i` and grid column `j`.
#
# **Permute.** The two patch axes, $i$ and $j$, must come first, and the two pixel axes, $u$ and $v$, last. `permute` puts
# axes into a new order. You list the old numbers of the axes, counted from 0. So `permute(0, 2, 1, 3)` turns $i$, $u$,
# $j$, $v$ into $i$, $j$, $u$, $v$.

# %%
x = x.permute(0, 2, 1, 3)         # [H/P, W/P, P, P]: i, j, u, v
x[0, 1]                           # patch 1, as a square

# %% [markdown]
# **Merge.** One last `reshape` merges $i$ with $j$ and $u$ with $v$.

# %%
table = x.reshape(4, 4)           # [S, D]
assert torch.equal(table, by_hand)

# %% [markdown]
# In short: **split** each side into *which patch* and *where in the patch*; **permute**, so that *which patch* comes before
# *where in the patch*; **merge**.
#
# ## Two wrong ways with the right shape
#
# The right shape does not prove that a table is right. Here are two common mistakes, on the horse. Both give 16 rows
# of numbers and no error.

# %%
gray = horse.float().mean(dim=0)        # [32, 32]: one channel is enough here
right = gray.reshape(4, 8, 4, 8).permute(0, 2, 1, 3).reshape(16, 64)            # [S, D]
no_permute = gray.reshape(16, 64)                                               # [S, D]
wrong_permute = gray.reshape(4, 8, 4, 8).permute(2, 0, 1, 3).reshape(16, 64)    # [S, D]
print(right.shape, no_permute.shape, wrong_permute.shape)

# %% [markdown]
# To see what is in a table, draw each of its 16 rows as a square of 8 × 8 pixels, and lay the squares out in raster
# order. The right table gives the horse again:

# %%
# permute(0, 2, 1, 3) swaps two axes. Swapping them a second time brings them back.
def lay_out(table):
    """Draw each row as a square, the squares in raster order: [16, 64] -> [32, 32]"""
    return table.reshape(4, 4, 8, 8).permute(0, 2, 1, 3).reshape(32, 32)

def beside_the_right_one(table, title):
    pictures = torch.stack([lay_out(right), lay_out(table)])[:, None] / 255
    titles = ["split, permute, merge", title]
    return plots.image_row(pictures, titles, columns=2, width=6)

assert torch.equal(lay_out(right), gray)

# %% [markdown]
# **Predict.** `no_permute` was made by `reshape` alone. What does it look like?

# %%
predict("reshape alone", picture=beside_the_right_one(no_permute, "reshape alone"))

# %% [markdown]
# **Predict.** In `wrong_permute`, the two patch axes are swapped. What does it look like?

# %%
predict("patch axes swapped",
        picture=beside_the_right_one(wrong_permute, "patch axes swapped"))

# %% [markdown]
# Neither mistake raises an error, and a network would train on either table without complaint. So always look at your
# tables.
#
# ## Colors and batches
#
# A real image has $C_{in}$ color channels, and we cut a whole batch of images at once: `[B, C_in, H, W]`. The recipe stays
# the same, with two more axes. The batch axis stays in front. Where does the channel axis go? The color says *where in the
# patch* a number is, so this axis goes with the pixel axes. We put it before them; lesson 2 will make use of this order.
# After the split, `permute` knows the axes by these numbers: 0 image, 1 channel, 2 $i$, 3 $u$, 4 $j$, 5 $v$.

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
# These are 100 images with $S = 4 \cdot 4 = 16$ patches each and $D = 3 \cdot 8 \cdot 8 = 192$ numbers per patch. The next
# picture shows one of these tables. It draws the three colors of a pixel as one colored square, so a row shows 64 squares.
# The table itself holds 64 reds, then 64 greens, then 64 blues.
#
# ![Left, the horse cut into 4 by 4 patches, numbered from 0 to 15 along the grid rows; patch 5 is framed. Right, a table
# of 16 rows, each with the 64 pixels of one patch side by side; row 5 is framed](../figures/patch_grid.svg)
#
# Compare the result with the loop, one channel at a time:

# %%
for channel in range(3):
    by_loop = patches_by_loop(horse[channel], 8)                        # [16, 64]
    all_at_once = my_patchify(horse[None], 8)[0]                        # [16, 192]
    assert torch.equal(all_at_once[:, 64 * channel:64 * (channel + 1)], by_loop)
print("the loop and split-permute-merge agree on all three channels")

# %% [markdown]
# ## Move it
#
# Point at any of the three pictures. The other two follow: the same patch in the image, on its own, and as a row of the
# table. The last two also mark the same pixel. Click to keep a place. With the keyboard, go to a picture with
# <kbd>Tab</kbd>, then use the arrow keys.
#
# 1. Move slowly along one row of the table. When does the line of text below the pictures jump to another color?
# 2. Make the patches as small as possible, then as large as possible. What happens to the shape of the table?
# 3. Go back to $P = 8$ and click any pixel of the patch. Which two other numbers of its row belong to the same pixel?
#
# <details><summary>What you should see</summary>
#
# 1. After each $P^2$ numbers: at 64 and at 128 for $P = 8$. All reds come first, then all greens, then all blues.
# 2. $P = 2$ gives 256 rows of 12 numbers, and $P = 16$ gives 4 rows of 768. The total is 3,072 numbers each time.
# 3. The numbers that are 64 and 128 places farther on: for $d$ below 64, the numbers $d$, $d + 64$, and $d + 128$ are the
#    red, green, and blue of one pixel.
#
# </details>

# %%
widgets.patch_explorer(horse)

# %% [markdown]
# The patch size is a trade-off. The table always holds all pixel values of the image: $S \cdot D = C_{in} H W$. Small
# patches give many short rows, and large patches give few long rows. More rows tell places apart more finely but cost
# more computing. [Lesson 6](06_classifier.ipynb) counts how much.
#
# ## Follow a pixel
#
# Where in the table is the green value of the pixel in row 8, column 14 of the image?
#
# - *Which patch?* Row 8 is in grid row $8 // 8 = 1$, and column 14 is in grid column $14 // 8 = 1$. A grid row holds 4
#   patches, so this is patch $1 \cdot 4 + 1 = 5$.
# - *Where in the patch?* The remainders tell you: row $8 \mathbin{\%} 8 = 0$, column $14 \mathbin{\%} 8 = 6$. Green is channel
#   1, and the 64 numbers of channel 0 come first. So this is number $64 + 0 \cdot 8 + 6 = 70$ of its row.

# %%
assert my_patchify(horse[None], 8)[0, 5, 70] == horse[1, 8, 14]
horse[1, 8, 14]

# %% [markdown]
# Exercise 1.2 asks you for the general rule.
#
# ## The way back
#
# No pixel is lost, so there must be a way from the table back to the image. Splitting and merging are easy to undo: both
# are a `reshape` to the shape before. The middle step needs some thought. `lay_out` above repeated the same `permute`, but that
# works only because `permute(0, 2, 1, 3)` swaps one pair of axes.
#
# **Predict.** A tensor of shape `[2, 3, 5]` goes through `permute(1, 2, 0)` and comes out with shape `[3, 5, 2]`. Which
# `permute` brings it back?

# %%
x = torch.arange(30).reshape(2, 3, 5)
there = x.permute(1, 2, 0)                                          # [3, 5, 2]
orders = [(1, 2, 0), (2, 0, 1), (2, 1, 0)]
predict("undo a permutation",
        {str(order): torch.equal(there.permute(order), x) for order in orders})

# %% [markdown]
# The rule works for any number of axes: for each old axis, ask where it is now. `argsort` answers this question for all axes
# at once. Here is the inverse of the `permute` in `my_patchify`, which moves more than two axes:

# %%
order = torch.tensor([0, 2, 4, 1, 3, 5])
back = order.argsort()              # axis 0 is at position 0, axis 1 at position 3, ...
split = horse.reshape(1, 3, 4, 8, 4, 8)
assert torch.equal(split.permute(*order).permute(*back), split)
assert not torch.equal(back, order)                         # it is not a swap
back

# %% [markdown]
# ## The order inside a patch
#
# Why does our patch list all reds first? This order is a choice, and other people choose differently. Many image files and
# programs keep the three colors of a pixel together. Their order is (row, column, channel), and ours is (channel, row,
# column). Here is patch 5 in both orders, written as a vector, that is, a plain list of numbers:

# %%
patch = horse[:, 8:16, 8:16]                            # [3, 8, 8]: patch 5
channel_first = patch.flatten()                         # [192]
channel_last = patch.permute(1, 2, 0).flatten()         # [8, 8, 3] -> [192]
print("channel first:", channel_first[:9].tolist())
print("channel last: ", channel_last[:9].tolist())
assert torch.equal(channel_first, my_patchify(horse[None], 8)[0, 5])

# %% [markdown]
# The first list begins with nine red values, eight of them from one pixel row. The second list begins with red, green, and
# blue of one pixel, then red, green, and blue of the next. Both hold the same numbers, only in another order. The
# reordering is the same for every patch:

# %%
reorder = torch.arange(192).reshape(3, 8, 8).permute(1, 2, 0).flatten()     # [D]
print(reorder[:9].tolist())                             # which number comes when
assert torch.equal(channel_last, channel_first[reorder])

# %% [markdown]
# Neither order is better. In lesson 2, each of the $D$ numbers gets a weight of its own, and a weight does not care about
# its position in the list. But weights learned with one order must not be used with the other: nearly all of them would meet
# the wrong number, and again there is no error. So whoever publishes weights has to say which order they are for.
#
# ## Optional: the same cut in other people's code
#
# You can skip this section on a first reading. It shows three notations that you will meet elsewhere.
#
# The method `unfold(axis, size, step)` adds an axis of windows along one side. It copies nothing. The result looks at the
# same memory with other **strides**: the number of steps in memory from one entry to the next, along each axis.

# %%
windows = horse.unfold(1, 8, 8).unfold(2, 8, 8)             # [C_in, H/P, W/P, P, P]
print("same memory:", windows.data_ptr() == horse.data_ptr())
print("strides:", windows.stride())
by_view = windows.permute(1, 2, 0, 3, 4).reshape(16, 192)   # [S, D]
assert torch.equal(by_view, my_patchify(horse[None], 8)[0])

# %% [markdown]
# Read the strides `(1024, 256, 8, 32, 1)` from the right. The next pixel to the right is 1 step away. The next pixel row is
# 32 steps away, the width of the image. The next patch to the right is 8 steps away, the next grid row 8 · 32 = 256, and
# the next channel 32 · 32 = 1024. A cut is nothing but arithmetic.
#
# `nn.functional.unfold` was made for convolutions. It takes floats only, and it returns the table lying on its side,
# `[B, D, S]`:

# %%
floats = horse[None].float()                                            # [1, 3, 32, 32]
columns = torch.nn.functional.unfold(floats, kernel_size=8, stride=8)   # [1, 192, 16]
by_unfold = columns.transpose(1, 2)                                     # [1, 16, 192]
assert torch.equal(by_unfold, my_patchify(horse[None], 8).float())

# %% [markdown]
# <details><summary>The third notation, einops, which much published Mixer code uses</summary>
#
# The package [einops](https://einops.rocks) writes split, permute, and merge as one line, with a name for each axis:
#
# ```python
# from einops import rearrange
#
# tables = rearrange(images, "b c (i u) (j v) -> b (i j) (c u v)", u=P, v=P)
# ```
#
# On the left, parentheses split an axis: the height is `i` grid rows of `u` pixel rows. The arrow permutes. On the right,
# parentheses merge: `(i j)` numbers the patches in raster order, and `(c u v)` is our order inside a patch. The order
# (row, column, channel) would be `(u v c)`. The course does not need einops, so this line is not run here.
#
# </details>
#
# ## The library's version
#
# From here on the course imports what you have built. `mixer_lib.patchify` is your function plus two things: it
# says clearly when the patches do not cover the image, and it accepts patches that are not square. Open
# [`mixer_lib/model.py`](../mixer_lib/model.py) and read it.

# %%
from mixer_lib import unpatchify

assert torch.equal(patchify(horse[None], 8), my_patchify(horse[None], 8))
assert torch.equal(unpatchify(patchify(horse[None], 8), 8, 32), horse[None])
print("cut and put together again: every pixel is back")

# %% [markdown]
# What if the patches do not fit the image?

# %%
try:
    patchify(horse[None], 5)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Exercises
#
# Write your code in place of the `...`, run the cell, then run the check below it. The check says what is wrong.
#
# ### 1.1 The shape of the table · write · easy · 3 minutes
#
# Write a function that returns the shape of the table for a square image, as a pair $(S, D)$.

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
# How many patches fit along one side? The grid has that many rows *and* that many columns. For $D$, remember that a patch
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
# ### 1.2 Find a pixel · write · medium · 8 minutes
#
# Take the value in color channel `channel`, pixel row `row`, and pixel column `column` of a square image. In which row `s`
# of the *table* is this value, and which number `d` of that row is it? You need arithmetic only: `//` and `%`.

# %% tags=["exercise-2"]
def find_pixel(channel, row, column, image_size, patch_size):
    """Where a pixel value stands in the table, as a pair (s, d)."""
    P = patch_size
    ...  # your code here


# %%
exercises.check_find_pixel(find_pixel)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `row // P` is the grid row, and `row % P` is the pixel row inside the patch. The rows of the table count patches: all
# patches of one grid row, then those of the next. The numbers inside a row count (channel, row, column): one step in
# channel is worth $P \cdot P$ numbers, one step in row is worth $P$, and one step in column is worth 1.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.2.
#
# </details>
#
# ### 1.3 Another order inside the patch · repair · medium · 8 minutes
#
# The paper's own code (in JAX) keeps the three colors of a pixel side by side: inside a patch, its order is (row, column,
# channel). Here is a first try at a `patchify` with that order. It runs, and its shape is right. But drawn as pictures, its
# rows have odd colors and show no horse:

# %%
def broken_channels_last(images, P):
    B, C_in, H, W = images.shape
    x = images.reshape(B, H // P, P, W // P, P, C_in)
    x = x.permute(0, 1, 3, 2, 4, 5)                         # [B, H/P, W/P, P, P, C_in]
    return x.reshape(B, (H // P) * (W // P), P * P * C_in)  # [B, S, D]

rows = broken_channels_last(horse[None], 8)[0, 4:8]         # the second grid row
plots.show(
    plots.image_row(rows.reshape(4, 8, 8, 3).permute(0, 3, 1, 2), columns=4, width=4),
    alt="Four squares of 8 by 8 pixels in gray and odd colors, pink, blue, and green,"
        " that do not fit together; no part of a horse.")

# %% [markdown]
# Find the line that is wrong, and write the function correctly.

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
# Read the first `reshape` once more. `reshape` moves no number, so what order do the axes of `images` have when it is done?
# Split as the lesson does, and let `permute` move the channel axis to the end.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.3.
#
# </details>
#
# ### 1.4 Put the image back together · write · hard · 10 minutes
#
# Write the inverse of the lesson's `patchify`, for images of any size, without the library's `unpatchify`. Each row of the
# table has the order (channel, row, column).

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
# Go through `my_patchify` from the last line to the first. It ended by merging `[B, H/P, W/P, C_in, P, P]` into
# `[B, S, D]`, so begin by splitting `[B, S, D]` into those six axes. Then undo the `permute`, as in *The way back*: you
# need the order `[B, C_in, H/P, P, W/P, P]`. Then merge.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/01_patches.ipynb](solutions/01_patches.ipynb), exercise 1.4.
#
# </details>
#
# ### Stretch
#
# A patch must be a square here, and patches must not overlap. Change one of these rules: cut *overlapping* patches, 8 × 8
# pixels with a step of 4, for example with `unfold`. What are $S$ and $D$ now? Can you still put the image back together,
# and what would you do with a pixel that is in four patches?

# %% [markdown]
# ## Recap
#
# - You cut an image into patches by hand, with a loop, and by **split, permute, merge**. All three agree.
# - The table has the shape `[S, D]`, with $S = (H/P)(W/P)$ patches and $D = C_{in} P^2$ numbers per patch.
# - A wrong `reshape` or `permute` can keep the shape and destroy the picture, so look at what you cut.
# - You followed a pixel into the table. The way back undoes each step; the inverse of a permutation asks where each axis
#   is now.
# - Inside a patch our order is (channel, row, column). The order (row, column, channel) holds the same numbers, but
#   weights learned for one order must be reordered for the other.
#
# ## Quiz
#
# **1.** A gray digit of 28 × 28 pixels is cut with $P = 7$. What is the shape of its table?
#
# <details><summary>Answer</summary>
#
# `[16, 49]`: there are 4 × 4 patches of 7 × 7 pixels, and one channel.
#
# </details>
#
# **2.** You halve $P$. What happens to $S$, to $D$, and to the number of entries in the table?
#
# <details><summary>Answer</summary>
#
# $S$ becomes four times as large, and $D$ shrinks to a quarter. The number of entries stays the same, because the table
# always holds all pixel values of the image.
#
# </details>
#
# **3.** Two tables of an image have the same rows in a different order. Do they hold the same information? Does a trained
# Mixer give the same answer for both?
#
# <details><summary>Answer</summary>
#
# They hold the same information: if you know the order, you can sort the rows back. But a trained Mixer has learned weights
# for *row 0*, *row 1*, and so on, so it gives other scores for the reordered table. Lesson 11 is about this.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: the few sentences on patches that this lesson spells out.
# - [`mixer_lib/model.py`](../mixer_lib/model.py): `patchify` and `unpatchify`.
# - The [glossary](glossary.md) explains every new word of the course in a sentence.
#
# Next: [2 · The patch embedding](02_patch_embedding.ipynb).
