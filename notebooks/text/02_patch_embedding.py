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
# *After this lesson you can turn a table of patches into a table of tokens with one linear layer, explain what it means
# that all patches share this layer, and count what it would cost not to share it.*
#
# **About 35 minutes, with the exercises 65.** You need: [lesson 1](01_patches.ipynb).
#
# Previous: [1 · Patches](01_patches.ipynb). Next: [3 · Channel mixing](03_channel_mixing.ipynb)

# %% [markdown]
# Below is the Mixer of lesson 0, opened at the stage *tokens*. One linear layer turns each patch, a row of 49 numbers, into
# a token, a row of 64 numbers. You will build this layer here. Hover over a token to see the patch that it comes from.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="tokens")

# %% [markdown]
# ## In this lesson you will
#
# - compute a token by hand, from four pixels and three questions;
# - write the same layer with a loop over the patches, as a matrix product, and as `nn.Linear`, and see that they agree;
# - predict whether a token knows where its patch was;
# - see what trained detectors look like, beside untrained ones;
# - count the parameters of a shared layer and of one that is not shared, and recognize the same layer as a convolution.

# %%
import torch
from torch import nn

from mixer_lib import patchify, plots
from mixer_lib.data import load_dataset
from mixer_lib.exercises import predict

# %% [markdown]
# ## What would you ask a patch?
#
# Lesson 1 left you with a table. Here are the first 8 of the 192 numbers in its row 5, which is the back of the horse.
# (From now on, the pixel values of a photograph run from 0 to 1.)

# %%
cifar = load_dataset("cifar10")
horse = cifar.train_images[3510].float() / 255      # [C_in, H, W] = [3, 32, 32]
horse_table = patchify(horse[None], 8)              # [B, S, D] = [1, 16, 192]
horse_table[0, 5, :8]

# %% [markdown]
# All the data are there, but no single number tells us anything. Is the patch bright? Does an edge run through it? The
# answers depend on many numbers together, while each number only says how red, green, or blue one pixel is.
#
# The idea of this lesson: put the same few questions to every patch, and keep the answers in place of the pixels. Each
# question is a **weighted sum** of the pixels, which is about the simplest question that one can ask of numbers.
#
# ## The smallest example
#
# Here is a gray drawing of 4 × 4 pixels in round numbers, where 0 is dark and 8 is light. It is the *toy* example of
# lessons 2 to 4.

# %%
tiny = torch.tensor([[0., 8., 8., 8.],
                     [0., 8., 8., 8.],
                     [0., 0., 0., 8.],
                     [0., 0., 0., 0.]])             # [H, W]
grays = 0.1 + tiny / 12                             # for the picture: 0.1 to 0.77
plots.show(plots.patch_grid(grays[None], patch_size=2),
           alt="Four by four pixels in four numbered patches. Patch 0, top left: left"
               " column dark, right column light. Patch 1, top right: all light. "
               "Patch 2, bottom left: all dark. Patch 3, bottom right: dark, except for"
               " one light pixel at its top right.")

# %% [markdown]
# Cut into patches of 2 × 2 pixels, it becomes this table:

# %%
table = patchify(tiny[None, None], 2)[0]            # [S, D] = [4, 4]
table

# %% [markdown]
# Three questions come to mind. How bright is the patch? Is it brighter on the right than on the left? Is it brighter at the
# bottom than at the top? Each question becomes four **weights**, one for each number of the patch, in the order of the
# table: top left, top right, bottom left, bottom right. We call such a list of weights a **detector**.

# %%
weight = torch.tensor([[ .25,  .25,  .25,  .25],    # brightness
                       [-.25,  .25, -.25,  .25],    # right minus left
                       [-.25, -.25,  .25,  .25]])   # bottom minus top: [C, D] = [3, 4]

# %% [markdown]
# To get the answer of a detector, multiply each pixel by its weight and add the products. Patch 0 is `[0, 8, 0, 8]`, a
# vertical edge:

# %%
patch_0_by_hand = torch.tensor([
    0.25 * 0 + 0.25 * 8 + 0.25 * 0 + 0.25 * 8,      # brightness
    -0.25 * 0 + 0.25 * 8 - 0.25 * 0 + 0.25 * 8,     # right minus left
    -0.25 * 0 - 0.25 * 8 + 0.25 * 0 + 0.25 * 8,     # bottom minus top
])                                                  # [C]
patch_0_by_hand

# %% [markdown]
# The patch is half bright, brighter on the right, and equally bright at the bottom and at the top. These three numbers are
# the **token** of the patch. Each position in a token is a **channel**: channel 0 of every token is the brightness of its
# patch.
#
# **Predict.** Patch 3 is `[0, 8, 0, 0]`. What is its token?

# %%
predict("token of patch 3", [(weight[c] * table[3]).sum() for c in range(3)])

# %% [markdown]
# The letter for the number of channels is $C$, here 3. In code it is `hidden_dim`. The word *channel* now has two meanings.
# The *color channels* of an image, $C_{in}$ of them, are what a camera measured. The *channels* of a token are what
# detectors answered.
#
# ## A bias
#
# Is a brightness of 4 bright or dark? It would help if 0 meant *medium*, with positive numbers for bright patches and
# negative numbers for dark ones. So a detector gets one more number, its **bias**, which is added to the sum. Here a bias
# of -4 does the job:

# %%
[(weight[0] * patch).sum().item() - 4 for patch in table]

# %% [markdown]
# Weighted sums of the inputs, plus one bias each: this is a **linear layer**. As a formula, with $x_{s,d}$ for number $d$ of
# patch $s$:
#
# $$\text{token}_{s,c} = \sum_{d} \text{weight}_{c,d} \cdot x_{s,d} + \text{bias}_c$$
#
# The weights and biases together are the **parameters** of the layer. These are the numbers that training will set. For our
# three detectors, biases of 0 are fine.
#
# ## With a loop over the patches
#
# The loop takes one patch after the other. `weight @ patch` is a matrix product: it multiplies each row of `weight` by the
# patch and adds the products, for all three detectors at once.

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
# Notice what is *not* in the loop: there is no `weight[s]`. Every patch meets the same weights, wherever in the image it
# comes from. The weights are **shared**. The rest of this lesson is about this one fact.
#
# ![Two halves. Left, titled the same weights for every row, patch embedding and channel mixing: from each of a table's five
# rows a line leads to one and the same box of weights; below, five empty boxes: not shared, there would be S times as
# many to learn. Right, titled the same weights for every column, token mixing: from each of the table's six columns a
# line leads to one box; below, six boxes: not shared, there would be C times as many to
# learn.](../figures/sharing.svg)
#
# The left half of the picture is this lesson. The right half comes in lesson 4.
#
# ## Without a loop
#
# `tokens` has one row per patch and one column per detector. A matrix product makes exactly such a table: it combines each
# row of its left side with each column of its right side. Our detectors are the *rows* of `weight`, so `.T` first turns
# `weight` on its side. The bias is added to every row.

# %%
by_matmul = table @ weight.T + bias                 # [S, D] @ [D, C] + [C] -> [S, C]
assert torch.equal(by_matmul, tokens)

# %% [markdown]
# PyTorch's `nn.Linear` is this line of code with the parameters kept inside. It, too, stores one detector per row: `[C, D]`.
# A new layer starts with random parameters; `load_state_dict` puts ours in their place.

# %%
linear = nn.Linear(4, 3)                            # from D = 4 numbers to C = 3
linear.load_state_dict({"weight": weight, "bias": bias})
assert torch.allclose(linear(table), tokens)

# %% [markdown]
# ## The horse
#
# Now sixteen patches of 192 numbers become sixteen tokens of 64. Nobody designs 64 detectors by hand. They start as random
# numbers, and training finds out which questions are worth asking (lesson 7).

# %%
torch.manual_seed(0)
linear = nn.Linear(192, 64)
horse_tokens = linear(horse_table)                  # [B, S, D] -> [B, S, C]
by_loop = embed_by_loop(horse_table[0], linear.weight, linear.bias)     # [S, C]
assert torch.allclose(horse_tokens[0], by_loop, atol=1e-5)
horse_tokens.shape

# %% [markdown]
# `nn.Linear` works on the last axis and leaves the axes before it alone, so it accepts a batch as it is. Notice that $D$ is
# gone. The size of a token is our choice: 64 numbers here, 768 in the paper's Mixer-B/16. From now on, the Mixer works on
# tables of $S$ tokens with $C$ channels. It never sees a pixel again.
#
# ## Does a token know where its patch was?
#
# **Predict.** We paste patch 0 of the horse, top left, over patch 15, bottom right. Now the same pixels are in two opposite
# corners. Are the two tokens equal?

# %%
pasted = horse_table.clone()
pasted[:, 15] = pasted[:, 0]
pasted_tokens = linear(pasted)                      # [B, S, C]
same = torch.allclose(pasted_tokens[0, 0], pasted_tokens[0, 15], atol=1e-5)
predict("opposite corners", same)

# %% [markdown]
# ## A channel is a picture
#
# The layer does not know how *many* patches there are, either. So the three detectors for patches of 2 × 2 pixels work on
# any gray image. The horse has 256 such patches. Lay out one channel of their tokens as the patches were, and you get a
# small picture:

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
# The same twelve weights were used at 256 places. Where the image is even, channels 1 and 2 are mid gray, which means 0: they
# have nothing to report. This also explains the name: a *channel* of a token table is a picture of the answers to one
# question, as the red channel of a photograph is a picture of redness.
#
# ## Move it
#
# Here are four detectors for patches of 8 × 8 gray pixels: the three that you know, enlarged, and one that compares the
# center of a patch with its rim. A detector has one weight per pixel, so we can draw it like a patch: blue for weights
# below 0, orange for weights above 0.

# %%
sides = torch.where(torch.arange(8) < 4, -1, 1) / 64        # [P], left half negative
center = torch.full((8, 8), -1 / 96)                        # the 48 pixels of the rim
center[2:6, 2:6] = 1 / 32                                   # the 16 in the middle
detectors = {"brightness": torch.full((8, 8), 1 / 64),
             "right minus left": sides.expand(8, 8),
             "bottom minus top": sides[:, None].expand(8, 8),
             "center minus rim": center}                    # each [P, P]

# %% [markdown]
# Point at a patch of the image. Its pixels are multiplied by the weights, and the products add up to one number in the table
# of tokens. Point at a pixel to see its weight and its product. Click to keep your choice, or use the arrow keys. The map
# at the lower left shows one channel of all patches.
#
# 1. Choose *brightness* and move over the image. What changes in the picture, and what never changes?
# 2. Find the patch with the strongest answer to *right minus left*, above 0 or below. What do you see in this patch?
# 3. Click patch 8 and try each channel. What has *center minus rim* found?
# 4. The tokens of patches 13, 14, and 15 are nearly equal. Why? Could you tell from a token which patch it belongs to?
#
# <details><summary>What you should see</summary>
#
# 1. The pixels, the products, their sum, and the marked number change. The weights never do, because all patches share
#    them.
# 2. Patch 4, with -0.15: bright background on the left, the dark rump on the right. The blue products of the bright left
#    half outweigh the orange products of the dark right half.
# 3. It found the hind leg of the horse: -0.11, dark in the middle of brighter surroundings.
# 4. All three patches show bright, even ground. Their tokens say *bright and plain*, and nothing about the place.
#
# </details>

# %%
widgets.embedding_explorer(gray, detectors)

# %% [markdown]
# ## What trained detectors look like
#
# Our four detectors have names. What does training come up with? The paper draws the embedding of two trained Mixers in its
# Figure 7. We can do the same with two models that come with the course: the Mixer of lesson 0, with gray patches of 7 × 7
# pixels, and one that was trained on the photographs of CIFAR-10, with color patches of 4 × 4 pixels.
#
# To judge the pictures we need a number, and a control. The number says how well neighboring weights agree: 1 if they are
# equal, and about 0 if they are random. The control is the same model before training.

# %%
def agreement(filters):
    """[C, C_in, P, P] -> [C]: products of neighbors, relative to squares"""
    across = filters[..., :, 1:] * filters[..., :, :-1]     # with the left neighbor
    down = filters[..., 1:, :] * filters[..., :-1, :]       # with the upper neighbor
    pairs = across.flatten(1).mean(dim=1) + down.flatten(1).mean(dim=1)     # [C]
    return pairs / 2 / filters.square().flatten(1).mean(dim=1)

def filters_of(model):
    """The detectors of a patch embedding, the smoothest first: [C, C_in, P, P]"""
    weight = model.patch_embedding.linear.weight.detach()   # [C, D]
    P = model.config.patch_size
    filters = weight.view(len(weight), -1, P, P)
    return filters[agreement(filters).argsort(descending=True)]

# %%
from mixer_lib import MlpMixer
from mixer_lib.checkpoints import load_pretrained

pictures, agree = [], {}
for name in ("mnist", "cifar10"):
    trained, about = load_pretrained(name)
    torch.manual_seed(0)
    untrained = MlpMixer(**vars(trained.config))            # the same sizes
    for state, model in (("trained", trained), ("untrained", untrained)):
        filters = filters_of(model)
        agree[name, state] = agreement(filters).mean()
        print(f"{name:8}{state:10}{len(filters):4} detectors, neighbors agree: "
              f"{agree[name, state]:5.2f}")
        for one in filters[:16]:                            # the 16 smoothest
            pictures.append(0.5 + 0.5 * one / one.abs().max())      # 0 is mid gray

# %%
plots.show(
    plots.image_row(pictures, columns=16, names=["digits, trained", "untrained",
                                                 "photographs, trained", "untrained"]),
    alt="Four rows of 16 small squares. First row, trained on digits: smooth gray "
        "patterns, such as a bright corner, a dark bar, a bright stroke. Second row, "
        "the same untrained: noise. Third row, trained on photographs: 4 by 4 colored"
        " squares, some with a light half and a dark half, most nearly as irregular "
        "as noise. Fourth row, the same untrained: colored noise.")
assert agree["mnist", "trained"] > 0.4 > 0.05 > abs(agree["mnist", "untrained"])
assert 0.3 > agree["cifar10", "trained"] > 0.1 > abs(agree["cifar10", "untrained"])

# %% [markdown]
# Each row of the picture shows the 16 smoothest detectors of one model. The detectors for digits clearly learned something:
# they look for corners, bars, and strokes. The small detectors for photographs show much less. Even these 16 look
# only a little smoother than their control, though the mean of all detectors clearly differs from it. The paper
# reports the same contrast: the detectors of its model with $P = 32$ are smooth patterns, and those with $P = 16$
# mostly are not. (Our two models differ in their images and their training, too, so our picture does not prove that
# the patch size is the reason.)
#
# ## What it would cost not to share
#
# Suppose that each place had detectors of its own. Then `weight` would have the shape `[S, C, D]`, one set per place, and
# the loop would say `weight[s]`. As long as all sets are equal, the result stays the same:

# %%
own_weight = weight.repeat(4, 1, 1)                         # [C, D] -> [S, C, D]
own_bias = bias.repeat(4, 1)                                # [C] -> [S, C]
by_own = torch.stack([own_weight[s] @ table[s] + own_bias[s] for s in range(4)])
assert torch.equal(by_own, tokens)                          # [S, C]

# %% [markdown]
# So a shared layer is the same as $S$ layers that are forced to stay equal, and it needs to be stored only once. Count the
# parameters of both, for the toy and for the horse:

# %%
print("            S    D    C    shared   not shared")
for name, (S, D, C) in {"toy": (4, 4, 3), "horse": (16, 192, 64)}.items():
    shared = D * C + C                      # C detectors with D weights and a bias each
    print(f"{name:8}{S:5}{D:5}{C:5}{shared:10,}{S * shared:13,}")

# %% [markdown]
# **Predict.** The paper's Mixer-B/16 reads images of 224 × 224 pixels with $P = 16$, so $S = 196$, $D = 768$, and $C = 768$.
# Its shared patch embedding has 0.6 million parameters, and the whole model has 60 million. How many would the patch
# embedding alone have without sharing?

# %%
S, D, C = 196, 768, 768
predict("not shared", S * (D * C + C))

# %% [markdown]
# Storage is not even the main problem. A detector that works at one place sees only one patch of each image. It would have
# to find out what an edge is from a 196th of the patches, and the detectors of the other 195 places would have to find
# out the same thing again. A shared detector learns from all patches.
#
# Sharing does *not* save computing. Each patch meets $C$ detectors of $D$ weights in either case, which takes
# $S \cdot C \cdot D$ multiplications.
#
# ## The same layer as a convolution
#
# In other people's code for a Mixer, the paper's own included, you find a convolution in this place. A **convolution**
# slides a small window over an image. At each stop it multiplies the pixels in the window by the weights of a detector,
# here called a **kernel**, and adds the products. The kernel is the same at every stop, so its weights are shared, too. The
# distance from one stop to the next is the **stride**. (This is a step in the image. The strides in the optional part of
# lesson 1 were steps in memory.) A stride of 1 is common, and then the windows overlap. A window of $P × P$ pixels with a
# stride of $P$ stops exactly once at each patch.

# %%
conv = nn.Conv2d(1, 3, kernel_size=2, stride=2)     # 1 color channel in, 3 channels out
kernel = weight.view(3, 1, 2, 2)                    # [C, D] -> [C, C_in, P, P]
conv.load_state_dict({"weight": kernel, "bias": bias})
maps = conv(tiny[None, None])                       # [B, C, H/P, W/P] = [1, 3, 2, 2]
maps.detach()                                       # without notes for training

# %% [markdown]
# The result is one small picture per channel. The top left numbers of the three pictures are the token of patch 0,
# `[4, 4, 0]`. `flatten(2)` writes each picture in raster order as one row. Our table has the channels as columns, so
# `transpose` turns the rows into columns:

# %%
by_conv = maps.flatten(2).transpose(1, 2)           # [B, C, S] -> [B, S, C]
assert torch.allclose(by_conv[0], tokens)

# %% [markdown]
# The same works for the horse, with the 12,352 parameters of `linear`:

# %%
conv = nn.Conv2d(3, 64, kernel_size=8, stride=8)
kernel = linear.weight.view(64, 3, 8, 8)                    # [C, D] -> [C, C_in, P, P]
conv.load_state_dict({"weight": kernel, "bias": linear.bias})
by_conv = conv(horse[None]).flatten(2).transpose(1, 2)      # [B, S, C]
assert torch.allclose(by_conv, horse_tokens, atol=1e-5)
by_conv.shape

# %% [markdown]
# A single `view` is enough, because lesson 1 put the numbers of a patch into the order (color, row, column), in
# which a kernel keeps its weights. With any other order, `view` would scramble the weights without an error.
#
# Does a network that the paper's title calls *all-MLP* begin with a convolution? Lesson 10 comes back to this question.
#
# ## The library's version
#
# An `nn.Module` keeps its parameters and says in `forward` what happens to the input:

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
# `PatchEmbedding` in [`mixer_lib/model.py`](../mixer_lib/model.py) is this class with two checks. It also takes the size of
# the images, and it refuses images of any other size. The embedding itself would accept them, but token mixing will not.

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
# ## Exercises
#
# ### 2.1 Count the parameters · measure · easy · 4 minutes
#
# How many parameters does a patch embedding for square images have if all patches share it, and how many if each patch has
# its own? Return both numbers as a pair.

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
# Begin with $S$ and $D$, as in exercise 1.1. One detector has $D$ weights and a bias, and there are `hidden_dim` detectors.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.1.
#
# </details>
#
# ### 2.2 Embed a batch · repair · medium · 8 minutes
#
# This function should turn a batch of images into tokens, with a given weight and bias. It runs, and the shape is right. But
# its tokens are not those of the lesson:

# %%
def broken_embed(images, weight, bias, P):
    kernel = weight.view(len(weight), -1, P, P)                     # [C, C_in, P, P]
    maps = nn.functional.conv2d(images, kernel, bias, stride=P)     # [B, C, H/P, W/P]
    return maps.reshape(len(images), -1, len(weight))               # [B, S, C]

broken = broken_embed(horse[None], linear.weight, linear.bias, 8)
print(broken.shape == horse_tokens.shape, torch.allclose(broken, horse_tokens))

# %% [markdown]
# Find out why, and write the function correctly. You may repair the convolution or use any other way of this lesson.

# %% tags=["exercise-2"]
def embed(images, weight, bias, P):
    """images: [B, C_in, H, W], weight: [C, D], bias: [C] -> tokens [B, S, C]"""
    ...  # your code here


# %%
exercises.check_embed(embed)

# %% [markdown]
# <details><summary>Hint</summary>
#
# In `maps`, the channel axis comes before the two patch axes. Can `reshape` move it behind them? Compare with the line of
# the lesson that turns `maps` into `by_conv`. Or start from `patchify`, which makes the table `[B, S, D]`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.2.
#
# </details>
#
# ### 2.3 Design a detector · write · medium · 8 minutes
#
# Write the weights of a detector for *color* patches with an even side $P$. Its answer should be the mean of red over the
# left half of the patch, minus the mean of red over the right half. Green and blue should not count.

# %% tags=["exercise-3"]
def red_on_the_left(P):
    """Weights [D] = [3 * P * P]: mean of red, left half minus right half."""
    ...  # your code here


# %%
exercises.check_red_on_the_left(red_on_the_left)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Begin with zeros in the shape `[3, P, P]`: color, row, column. Fill two blocks, then `flatten`. A mean over $n$
# pixels is a sum with weights of $1/n$. How many pixels does half a patch have?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.3.
#
# </details>
#
# ### 2.4 Use released weights · write · hard · 10 minutes
#
# The authors of the paper released the weights of their models. In these files the embedding is a kernel of shape
# `[P, P, C_in, C]`: row, column, color, channel of the token. Turn it into the weight of an `nn.Linear` that reads
# our tables.

# %% tags=["exercise-4"]
def from_released(kernel):
    """kernel: [P, P, C_in, C]: row, column, color, channel -> weight [C, D]"""
    ...  # your code here


# %%
exercises.check_from_released(from_released)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Which shape do you want before you merge axes? It is the shape of the kernels in this lesson, `[C, C_in, P, P]`. Which axis
# of the released kernel is each of these four?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/02_patch_embedding.ipynb](solutions/02_patch_embedding.ipynb), exercise 2.4.
#
# </details>
#
# ### Stretch
#
# Replace the weights of `linear` by detectors of your own design, as many as you like, and look at their channels on other
# images of `cifar.train_images`. Can you find a detector whose channel shows only the animal? If not, what would a detector
# have to know that the pixels of one patch do not tell?

# %% [markdown]
# ## Recap
#
# - A token is a list of $C$ answers about one patch: weighted sums of its pixels, plus a bias each. You computed `[4, 4, 0]`
#   by hand.
# - The loop over the patches, `table @ weight.T + bias`, and `nn.Linear` agree: `[S, D]` → `[S, C]`.
# - All patches share the weights. So a token tells what is in its patch, and not where the patch was. Only the number of its
#   row says where.
# - Trained detectors for digits are smooth patterns. Small ones for photographs are hardly smoother than noise.
# - A shared layer has $(D + 1) \cdot C$ parameters, and an unshared one has $S$ times as many. The computing is the same.
#   A convolution whose kernel size and stride are both $P$ is the same layer.
#
# ## Quiz
#
# **1.** You brighten an image: each pixel grows by 0.1. Which channels of our three detectors for 2 × 2 pixels change, and by
# how much?
#
# <details><summary>Answer</summary>
#
# Only brightness changes, by 0.1, because its weights add up to 1. The weights of the other two add up to 0. Such a detector
# does not notice what all pixels have in common.
#
# </details>
#
# **2.** You keep $P$ and $C$ and double both sides of the images. What happens to the number of parameters of the
# embedding, and to the table of tokens?
#
# <details><summary>Answer</summary>
#
# The number of parameters stays the same, because $D$ and $C$ do. The table gets four times as many rows.
#
# </details>
#
# **3.** Somebody shuffled the 192 numbers of every patch, always in the same way. Can a linear layer still make the
# tokens that you had before?
#
# <details><summary>Answer</summary>
#
# Yes. Shuffle the columns of its weight in the same way, and each number meets its old weight again. A linear layer does
# not know which pixels are neighbors. Lesson 11 turns this into an experiment.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2, first paragraph, and the box *Per-patch Fully-connected* in
#   Figure 1: this lesson. Figure 7 shows the detectors of trained models.
# - [`mixer_lib/model.py`](../mixer_lib/model.py): `PatchEmbedding`.
# - The [glossary](glossary.md), for token, channel, and the other new words.
#
# Next: [3 · Channel mixing](03_channel_mixing.ipynb) takes the four tokens of the toy, `[[4, 4, 0], [8, 0, 0],
# [0, 0, 0], [2, 2, -2]]`, and lets the channels of each token work together.
