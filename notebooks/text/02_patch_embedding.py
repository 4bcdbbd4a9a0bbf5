# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · The patch embedding: each patch becomes a token
#
# *After this lesson you can turn a table of patches into a table of tokens with one linear layer, say what it means
# that all patches share it, and count what not sharing would cost.*
#
# **About 30 minutes, with the exercises 60.** You need: [lesson 1](01_patches.ipynb).
#
# Previous: [1 · Patches](01_patches.ipynb). Next: [3 · Channel mixing](03_channel_mixing.ipynb)

# %% [markdown]
# Here is the Mixer of lesson 0, opened at the stage *tokens*: one linear layer turns each patch, a row of 49 numbers, into
# a token, a row of 64. In this lesson you build that layer. Hover over a token to see which patch it comes from.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="tokens")

# %% [markdown]
# ## In this lesson you will
#
# - compute a token by hand, from four pixels and three questions;
# - write the same layer with a loop over the patches, as one matrix product and as `nn.Linear`, and see them agree;
# - predict what a token knows of the place where its patch was;
# - count the parameters of a layer that is shared and of one that is not;
# - recognize the same layer when somebody writes it as a convolution.

# %%
import torch
from torch import nn

from mixer_lib import patchify, plots
from mixer_lib.data import load_dataset
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# Lesson 1 left you with a table. Here are the first 8 of the 192 numbers of its row 5, the horse's back. (From now
# on, the pixel values of a photo run from 0 to 1.)

# %%
cifar = load_dataset("cifar10")
horse = cifar.train_images[3510].float() / 255      # [C_in, H, W] = [3, 32, 32]
horse_table = patchify(horse[None], 8)              # [B, S, D] = [1, 16, 192]
horse_table[0, 5, :8]

# %% [markdown]
# Nothing is missing, and nothing is said. Is the patch bright? Does an edge run through it? The answers are in there,
# but no single number holds one: each tells how red one pixel is, or how green, or how blue. What would you rather know
# of a patch?
#
# The idea of this lesson: put the same few questions to every patch, and keep the answers in place of the pixels. Each
# question is a **weighted sum** of the pixels, about the simplest question that one can ask of numbers.
#
# ## The smallest example
#
# A gray drawing of 4 × 4 pixels in round numbers, 0 for dark and 8 for light, is cut into patches of 2 × 2. Below it,
# its table:

# %%
tiny = torch.tensor([[0., 8., 8., 8.],
                     [0., 8., 8., 8.],
                     [0., 0., 0., 8.],
                     [0., 0., 0., 0.]])             # [H, W]
table = patchify(tiny[None, None], 2)[0]            # [S, D] = [4, 4]
plots.show(plots.patch_grid(tiny[None] / 12 + 0.1, patch_size=2),
           alt="Four by four pixels in four numbered patches. Patch 0, top left: left"
               " column dark, right column light. Patch 1, top right: all light. "
               "Patch 2, bottom left: all dark. Patch 3, bottom right: dark, but for "
               "one light pixel at its top right.")
table

# %% [markdown]
# Three questions come to mind: how bright is the patch, is it brighter on the right than on the left, is it brighter
# at the bottom than at the top? Each becomes four **weights**, one for each number of the patch, in the order of the
# table: top left, top right, bottom left, bottom right. Let us call such a list of weights a **detector**.

# %%
weight = torch.tensor([[ .25,  .25,  .25,  .25],    # brightness
                       [-.25,  .25, -.25,  .25],    # right minus left
                       [-.25, -.25,  .25,  .25]])   # bottom minus top: [C, D] = [3, 4]

# %% [markdown]
# A detector's answer: multiply each pixel with its weight, and add up. Patch 0 is `[0, 8, 0, 8]`, a vertical edge:

# %%
patch_0_by_hand = torch.tensor([
    0.25 * 0 + 0.25 * 8 + 0.25 * 0 + 0.25 * 8,      # brightness
    -0.25 * 0 + 0.25 * 8 - 0.25 * 0 + 0.25 * 8,     # right minus left
    -0.25 * 0 - 0.25 * 8 + 0.25 * 0 + 0.25 * 8,     # bottom minus top
])                                                  # [C]
patch_0_by_hand

# %% [markdown]
# Half bright, brighter on the right, no difference between bottom and top. Three numbers that speak, in place of four
# that do not. They are the patch's **token**, and each place in a token is a **channel**: channel 0 of every token is
# the brightness of its patch.
#
# **Predict.** Patch 3 is `[0, 8, 0, 0]`. What is its token?

# %%
predict("token of patch 3", [(weight[c] * table[3]).sum() for c in range(3)])

# %% [markdown]
# The letter for the number of channels is $C$, here 3; in code it is `hidden_dim`. Mind the word: the *color channels*
# of an image, $C_{in}$ of them, are what a camera has measured. The *channels* of a token are what detectors have
# answered.
#
# ## A bias
#
# Brightness 4: is that bright or dark? It would be handy if 0 meant *medium*, bright patches were positive and dark
# ones negative. For that a detector gets one more number, its **bias**, which is added to the sum. Here -4 does it:

# %%
[(weight[0] * patch).sum().item() - 4 for patch in table]

# %% [markdown]
# Weighted sums of the inputs, plus a bias each: this is a **linear layer**. Written out, with $x_{s,d}$ for pixel value
# $d$ of patch $s$:
#
# $$\text{token}_{s,c} = \sum_{d} \text{weight}_{c,d} \cdot x_{s,d} + \text{bias}_c$$
#
# Weights and biases together are the layer's **parameters**: the numbers that training will set. Our detectors are
# happy with biases of 0.
#
# ## With a loop over the patches
#
# One patch after the other. `weight @ patch` is a matrix product: it multiplies each row of `weight` with the patch and
# adds up, all three detectors at once.

# %%
def embed_by_loop(table, weight, bias):
    """table: [S, D], weight: [C, D], bias: [C] -> tokens [S, C]"""
    tokens = torch.zeros(len(table), len(weight))           # [S, C]
    for s, patch in enumerate(table):                       # patch: [D]
        tokens[s] = weight @ patch + bias                   # [C, D] @ [D] -> [C]
    return tokens

bias = torch.zeros(3)                                       # [C]
tokens = embed_by_loop(table, weight, bias)                 # [S, C] = [4, 3]
assert torch.equal(tokens[0], patch_0_by_hand)
tokens

# %% [markdown]
# Now look for what is *not* in the loop. There is no `weight[s]`. Whatever the patch and wherever it comes from, it
# meets the same weights. They are **shared**. This small omission is the subject of the rest of the lesson.
#
# ![Two halves. Left, titled the same weights for every row, patch embedding and channel mixing: from each of a table's five
# rows a line leads to one and the same box of weights; below, five empty boxes: not shared, there would be S times as
# many to learn. Right, titled the same weights for every column, token mixing: from each of the table's six columns a
# line leads to one box; below, six boxes: not shared, there would be C times as many to
# learn.](../figures/sharing.svg)
#
# The left half is this lesson. The right half is the surprise of lesson 4.
#
# ## Without a loop
#
# `tokens` has a row for each patch and a column for each detector. That is what a matrix product makes: rows of its
# left side times columns of its right. Our detectors are the *rows* of `weight`, so `.T` turns it on its side first.
# The bias is added to every row.

# %%
by_matmul = table @ weight.T + bias                 # [S, D] @ [D, C] + [C] -> [S, C]
assert torch.equal(by_matmul, tokens)

# %% [markdown]
# PyTorch's `nn.Linear` is this line with the parameters kept inside. It, too, keeps a detector in each row: `[C, D]`.

# %%
linear = nn.Linear(4, 3)                            # from D = 4 numbers to C = 3
linear.weight.data.copy_(weight)                    # ours in place of random ones
linear.bias.data.copy_(bias)
assert torch.allclose(linear(table), tokens)

# %% [markdown]
# ## The horse
#
# Sixteen patches of 192 numbers become sixteen tokens of 64. Nobody designs 64 detectors by hand, and nobody needs to.
# They begin as random numbers, and training finds out which questions are worth asking (lesson 7).

# %%
torch.manual_seed(0)
linear = nn.Linear(192, 64)
horse_tokens = linear(horse_table)                  # [B, S, D] -> [B, S, C]
by_loop = embed_by_loop(horse_table[0], linear.weight, linear.bias)     # [S, C]
assert torch.allclose(horse_tokens[0], by_loop, atol=1e-5)
horse_tokens.shape

# %% [markdown]
# `nn.Linear` works on the last axis and leaves those before it alone, so it takes a batch as it comes. And notice
# that $D$ is gone. How many numbers a token has is ours to choose: 64 here, 768 in the paper's Mixer-B/16. From now
# on a Mixer works on tables of $S$ tokens with $C$ channels and never sees a pixel again.
#
# ## What a token knows of its place
#
# **Predict.** We paste patch 0 of the horse, top left, over patch 15, bottom right. Now the same pixels stand at opposite
# corners. Are the two tokens equal?

# %%
pasted = horse_table.clone()
pasted[:, 15] = pasted[:, 0]
pasted_tokens = linear(pasted)                      # [B, S, C]
same = torch.allclose(pasted_tokens[0, 0], pasted_tokens[0, 15], atol=1e-5)
predict("opposite corners", same)

# %% [markdown]
# The layer does not ask how *many* patches there are, either. The three detectors of the toy work on any gray image
# cut with $P = 2$. On the horse, that is 256 patches, and each channel of the tokens, laid out as the patches were,
# is a small picture:

# %%
gray = horse.mean(dim=0)                                    # [C_in, H, W] -> [H, W]
answers = patchify(gray[None, None], 2)[0] @ weight.T       # [S, C] = [256, 3]
bright, right, bottom = answers.T.reshape(3, 1, 16, 16)     # [C, 1, H/P, W/P]
pictures = [gray[None], bright, 0.5 + 2 * right, 0.5 + 2 * bottom]      # 0 is mid gray
titles = ["gray horse", "channel 0: brightness", "channel 1: right minus left",
          "channel 2: bottom minus top"]
plots.show(
    plots.image_row(pictures, titles, columns=4),
    alt="Four gray pictures. The horse in gray, 32 by 32 pixels. Channel 0, 16 by 16:"
        " the same horse, coarser. Channel 1: mid gray nearly everywhere, dark along "
        "the horse's rump and hind leg, where bright background ends and the dark "
        "horse begins. Channel 2: mid gray, dark along the top, where the picture's "
        "bright margin ends, and light where the hind leg meets the ground.")

# %% [markdown]
# The same twelve weights at 256 places. Where the picture is even, the last two are mid gray, which is 0: nothing to
# report. And now the name makes sense: a *channel* of a token table is a picture of answers to one question, as the red
# channel of a photo is a picture of redness.
#
# ## What not sharing would cost
#
# Suppose each place had detectors of its own. Then `weight` would be `[S, C, D]`, a set for each place, and the loop
# would say `weight[s]`. As long as all sets are equal, nothing changes:

# %%
own_weight = weight.repeat(4, 1, 1)                         # [C, D] -> [S, C, D]
own_bias = bias.repeat(4, 1)                                # [C] -> [S, C]
by_own = torch.stack([own_weight[s] @ table[s] + own_bias[s] for s in range(4)])
assert torch.equal(by_own, tokens)                          # [S, C]

# %% [markdown]
# So sharing means $S$ sets of weights that are forced to stay equal, and so are stored once. Count the numbers to be
# learned, for the toy, for the horse, and for the paper's Mixer-B/16, which reads 224 × 224 pixels with $P = 16$:

# %%
print("              S    D    C       shared     not shared")
sizes = {"toy": (4, 4, 3), "horse": (16, 192, 64), "B/16": (196, 768, 768)}
for name, (S, D, C) in sizes.items():
    shared = D * C + C                      # C detectors: D weights and a bias each
    print(f"{name:10}{S:5}{D:5}{C:5}{shared:13,}{S * shared:15,}")

# %% [markdown]
# Without sharing, the first layer of B/16 would need 115,756,032 parameters, nearly twice as many as all of B/16,
# which has 60 million (lesson 6 counts them). And storing them is not the worst. A detector of one place sees one
# patch of each image. So it would have to find out what an edge is from a 196th of the patches, and those of the
# other 195 places would have to find out the same. A shared detector learns from them all.
#
# What sharing does *not* save is work. Each patch meets $C$ detectors of $D$ weights in either case:
# $S \cdot C \cdot D$ multiplications.
#
# ## The same layer as a convolution
#
# Look into other people's code for a Mixer, the paper's own included, and you find a convolution in this place. A
# **convolution** slides a small window over an image. At each stop it multiplies the pixels in the window with the
# weights of a detector, here called **kernel**, and adds up. The kernel is the same at every stop: shared weights,
# once more. The way from one stop to the next is the **stride** (a step in the image; the strides of lesson 1, if you
# read that part, were steps in memory). It is often 1, and then the windows overlap. A window of $P × P$ pixels with
# a stride of $P$ stops exactly at each patch.

# %%
conv = nn.Conv2d(1, 3, kernel_size=2, stride=2)     # 1 color channel in, 3 channels out
conv.weight.data.copy_(weight.view(3, 1, 2, 2))     # [C, D] -> [C, C_in, P, P]
conv.bias.data.copy_(bias)
maps = conv(tiny[None, None])                       # [B, C, H/P, W/P] = [1, 3, 2, 2]
maps.detach()                                       # the numbers alone

# %% [markdown]
# One small picture a channel; the top left numbers of the three are the token of patch 0, `[4, 4, 0]`. `flatten(2)`
# lays each picture out in raster order, which makes a channel a row. Our table has it as a column, so turn it:

# %%
by_conv = maps.flatten(2).transpose(1, 2)           # [B, C, S] -> [B, S, C]
assert torch.allclose(by_conv[0], tokens)

# %% [markdown]
# The horse in the same way, with the 12,352 parameters of `linear`:

# %%
conv = nn.Conv2d(3, 64, kernel_size=8, stride=8)
conv.weight.data.copy_(linear.weight.view(64, 3, 8, 8))     # [C, D] -> [C, C_in, P, P]
conv.bias.data.copy_(linear.bias)
by_conv = conv(horse[None]).flatten(2).transpose(1, 2)      # [B, S, C]
assert torch.allclose(by_conv, horse_tokens, atol=1e-5)
by_conv.shape

# %% [markdown]
# All it takes is a `view`, because lesson 1 put the numbers of a patch in the order (color, line, column), in which a
# kernel keeps its weights. With any other order, `view` would scramble the weights, and no error would tell you.
#
# So a network that the paper's title calls *all-MLP* begins with a convolution? Lesson 10 takes up that question.
#
# ## The library's version
#
# An `nn.Module` keeps parameters and says in `forward` what becomes of its input:

# %%
class MyPatchEmbedding(nn.Module):
    def __init__(self, patch_size, in_channels, hidden_dim):
        super().__init__()
        self.patch_size = patch_size
        self.linear = nn.Linear(in_channels * patch_size ** 2, hidden_dim)

    def forward(self, images):
        x = patchify(images, self.patch_size)       # [B, C_in, H, W] -> [B, S, D]
        return self.linear(x)                       # [B, S, C]

# %% [markdown]
# `PatchEmbedding` in [`mixer_lib/model.py`](../mixer_lib/model.py) is this class with two checks. It is told the size
# of the images, too, and refuses any other: the embedding itself would not mind, but token mixing will.

# %%
from mixer_lib.model import PatchEmbedding

torch.manual_seed(0)
mine = MyPatchEmbedding(patch_size=8, in_channels=3, hidden_dim=64)
library = PatchEmbedding(image_size=32, patch_size=8, in_channels=3, hidden_dim=64)
library.load_state_dict(mine.state_dict())          # the same parameters
batch = cifar.train_images[:100].float() / 255      # [B, C_in, H, W]
assert torch.allclose(mine(batch), library(batch))
print(library(batch).shape, sum(p.numel() for p in library.parameters()), "parameters")

# %% [markdown]
# ## Move it
#
# Four detectors for patches of 8 × 8 gray pixels: the three you know, larger, and one that compares the center of a
# patch with its rim. A detector has a weight for each pixel, so it can be drawn like a patch: blue below 0, white at
# 0, orange above.

# %%
sides = torch.where(torch.arange(8) < 4, -1, 1) / 64        # [P], left half negative
center = torch.full((8, 8), -1 / 96)                        # the 48 pixels of the rim
center[2:6, 2:6] = 1 / 32                                   # the 16 in the middle
detectors = {"brightness": torch.full((8, 8), 1 / 64),
             "right minus left": sides.expand(8, 8),
             "bottom minus top": sides[:, None].expand(8, 8),
             "center minus rim": center}                    # each [P, P]

# %% [markdown]
# Point at a patch of the image: its pixels are multiplied by the weights, and the products add up to one number of the
# table of tokens. Point at a pixel to see its weight and its product; click to keep your choice, or use the arrow keys.
# The map at the lower left shows one channel of all patches, and you can point at that and at the table, too. Orange is
# above 0, blue below. Things to try:
#
# 1. Choose *brightness* and move over the image. What changes in the picture, and what never does?
# 2. Find the patch where *right minus left* is strongest, above 0 or below. What do you see in it?
# 3. Click patch 8 and try each channel. What has *center minus rim* found?
# 4. The tokens of patches 13, 14 and 15 are nearly the same. Why? Could you tell from its token which is which?
#
# <details><summary>What you should see</summary>
#
# 1. The pixels, the products, their sum and the marked number change. The weights never do: all patches share them.
# 2. Patch 4, with -0.15: bright background on the left, the dark rump on the right. The pixels on the right are so dark
#    that their orange products cannot make up for the blue ones.
# 3. The horse's hind leg: -0.11, dark in the middle of a brighter surrounding.
# 4. All three show the bright, even ground. Their tokens say *bright and plain*, and nothing about the place.
#
# </details>

# %%
widgets.embedding_explorer(gray, detectors)

# %% [markdown]
# Trained detectors have no names. You can still draw them in this way, and the paper does: those of B/32, with patches
# of 32 × 32, came out as smooth patterns; those of B/16 mostly did not.
#
# ## Exercises
#
# ### 2.1 Count the parameters · easy · 4 minutes
#
# How many parameters has a patch embedding for square images, when all patches share it, and when each has its own?
# Return both numbers as a pair.

# %% tags=["exercise-1"]
def count_embedding(image_size, patch_size, in_channels, hidden_dim):
    """The parameters of a patch embedding, as a pair (shared, not shared)."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_count_embedding(count_embedding)


# %% [markdown]
# <details><summary>Hint</summary>
#
# First $S$ and $D$, as in exercise 1.1. One detector has $D$ weights and a bias, and there are `hidden_dim` detectors.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.1.
#
# </details>
#
# ### 2.2 Embed a batch · medium · 8 minutes
#
# Turn a batch of images into tokens, with a weight and a bias that are given. Take any of the roads of this lesson,
# or two and compare.

# %% tags=["exercise-2"]
def embed(images, weight, bias, P):
    """images: [B, C_in, H, W], weight: [C, D], bias: [C] -> tokens [B, S, C]"""
    ...  # your code here


# %%
exercises.check_embed(embed)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `patchify` makes the table, `[B, S, D]`. Then one line of this lesson is left. Which shapes must `@` be given so that
# `[B, S, C]` comes out?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.2.
#
# </details>
#
# ### 2.3 Design a detector · medium · 8 minutes
#
# Write the weights of a detector for *color* patches with an even side $P$. Its answer: the mean of red over the left
# half of the patch, minus the mean of red over the right half. Green and blue do not count.

# %% tags=["exercise-3"]
def red_on_the_left(P):
    """Weights [D] = [3 * P * P]: mean of red, left half minus right half."""
    ...  # your code here


# %%
exercises.check_red_on_the_left(red_on_the_left)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Begin with zeros in the shape `[3, P, P]`: color, line, column. Fill two blocks, and `flatten` at the end. A mean over
# $n$ pixels is a sum with weights of $1/n$.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.3.
#
# </details>
#
# ### 2.4 Take over released weights · hard · 10 minutes
#
# The weights that the paper's authors released hold the embedding as a kernel of shape `[P, P, C_in, C]`: line, column,
# color, channel. Turn it into the weight of an `nn.Linear` that reads our tables.

# %% tags=["exercise-4"]
def from_released(kernel):
    """kernel: [P, P, C_in, C], as (line, column, color, channel) -> weight [C, D]"""
    ...  # your code here


# %%
exercises.check_from_released(from_released)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Where do you want to be before the merge? At the shape that the `view` of this lesson went to, `[C, C_in, P, P]`.
# Which axis of the kernel is each of these four?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.4.
#
# </details>

# %% [markdown]
# ## Recap
#
# - A token is a list of $C$ answers about one patch: weighted sums of its pixels, plus a bias. You computed
#   `[4, 4, 0]` by hand.
# - The loop over the patches, `table @ weight.T + bias` and `nn.Linear` agree: `[S, D]` → `[S, C]`.
# - All patches share the weights. So a token tells what is in its patch, not where it was; the place is only the number
#   of its row.
# - Shared, the layer has $(D + 1) \cdot C$ parameters; not shared, $S$ times as many: for B/16 nearly twice the whole
#   model. The work is the same.
# - A convolution with kernel and stride $P$ is the same layer, its kernel a `view` of the weights.
#
# ## Quiz
#
# **1.** You brighten an image: each pixel grows by 0.1. Which of the three channels of the toy's detectors change,
# and by how much?
#
# <details><summary>Answer</summary>
#
# Brightness alone, by 0.1. Its weights add up to 1; those of the other two add up to 0, and a detector with weights
# that add up to 0 does not see what all pixels have in common.
#
# </details>
#
# **2.** You keep $P$ and $C$ and double both sides of the images. What happens to the number of parameters of the
# embedding, and to the table of tokens?
#
# <details><summary>Answer</summary>
#
# The parameters stay: $D$ and $C$ are what they were. The table has four times as many rows.
#
# </details>
#
# **3.** Somebody shuffled the 192 numbers of every patch, always in the same way. Can a linear layer still make the
# tokens that you had before?
#
# <details><summary>Answer</summary>
#
# Yes: shuffle the columns of its weight in the same way, and each number meets its old weight again. A linear layer has
# no idea which pixels are neighbors. Lesson 11 makes an experiment of it.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2, first paragraph, and the box *Per-patch Fully-connected*
#   in Figure 1: this lesson.
# - [`mixer_lib/model.py`](../mixer_lib/model.py): `PatchEmbedding`.
# - The [glossary](glossary.md), for token, channel and the other new words.
#
# Next: [3 · Channel mixing](03_channel_mixing.ipynb) takes the toy's four tokens, `[[4, 4, 0], [8, 0, 0], [0, 0, 0],
# [2, 2, -2]]`, and lets the channels of each talk to each other.
