# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Capstone: write the Mixer from memory
#
# *After this notebook you have written the whole MLP-Mixer, from the pixels to the logits, without looking.*
#
# **About 45 minutes.** You need: lessons 1 to 6.
#
# Previous: [6 · The classifier](06_classifier.ipynb). Next: [7 · Train on MNIST](07_train_mnist.ipynb)
#
# Close all other notebooks. Then take a sheet of paper and fill in what is missing:
#
# | what the image meets | its shape afterward |
# |---|---|
# | (the images come in) | `[B, C_in, H, W]` |
# | **?** | `[B, S, D]` |
# | **?** | `[B, S, C]` |
# | **?**, $L$ times | **?** |
# | LayerNorm | **?** |
# | **?** | `[B, C]` |
# | **?** | `[B, K]` |
#
# What is inside the part that comes $L$ times? Draw it, too, with its norms, its two changes of axes, and its two sums.

# %% [markdown]
# ## In this notebook you will
#
# - make all parts of a Mixer of any size, in the order in which an image meets them;
# - write its forward pass;
# - see for each part whether it gives the library's numbers.
#
# ## C.1 The whole Mixer · write · hard · 45 minutes
#
# Write a class `Mixer` in the empty cell below.
#
# - Your layers are `nn.Linear`, `nn.LayerNorm(..., eps=1e-6)` and `nn.GELU`, in containers such as `nn.Sequential` if
#   you like. From `mixer_lib`, use nothing. (A strided `nn.Conv2d` for the patches is fine.) Add as many classes and
#   functions of your own as you like, in this cell or in cells above it.
# - Its `__init__` takes eight sizes: `image_size`, `patch_size`, `in_channels`, `num_classes`, `num_blocks`,
#   `hidden_dim`, `tokens_mlp_dim` and `channels_mlp_dim`. Images and patches are square. It makes the parts in the order
#   in which an image meets them. Choose any names for them.
# - Its `forward` takes images `[B, in_channels, H, W]` and returns logits `[B, K]`.
#
# Run the check as often as you like. The first time is when `__init__` is done. The check goes from part to part,
# compares each one with the library's on the same weights, and lists the parts that are right. Below them it says what is
# wrong with the next part.

# %%
from torch import nn

# %% [markdown]
# This is your empty cell:

# %% tags=["exercise-1"]
class Mixer(nn.Module):
    """image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
    tokens_mlp_dim, channels_mlp_dim; images [B, C_in, H, W] -> logits [B, K]."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_mixer(Mixer)


# %% [markdown]
# <details><summary>Hint 1: the table above, filled in</summary>
#
# Patchify, `[B, S, D]`. Patch embedding (one linear layer), `[B, S, C]`. Mixer block, $L$ times, `[B, S, C]`. LayerNorm,
# `[B, S, C]`. Mean over the tokens, `[B, C]`. Head (one linear layer), `[B, K]`.
#
# ![MLP-Mixer from left to right: an image cut into patches; the table of patches, S by D; the patch embedding; the table
# of tokens, S by C; a frame around one Mixer block, token mixing and channel mixing, each with an arrow past it to a
# plus sign, and the words L blocks, one after the other; a box LayerNorm, mean; a single column of C numbers; a box
# head; K bars, the scores, the longest one pointed out as horse.](../figures/architecture.svg)
#
# </details>
#
# <details><summary>Hint 2: how to begin</summary>
#
# Every box of your drawing that has weights is a line of `__init__`. Every arrow is a line of `forward`. Two small helpers
# make the code short: an MLP, with two linear layers and a GELU between them, and a block, with two norms and two MLPs.
# Both kinds of mixing use the first helper.
#
# </details>
#
# <details><summary>Hint 3: inside a block</summary>
#
# Norm, transpose, MLP over the tokens, transpose back, add what came in. Then norm, MLP over the channels, add what came
# in. The first MLP has $S$ inputs, the second has $C$.
#
# ![The Mixer block, from left to right. A table [S, C] goes through LayerNorm, is transposed to [C, S], goes through an
# MLP from S to D_S to S, and is transposed back; a skip connection leads around all this, and the table is added. This
# half is token mixing. Then channel mixing: LayerNorm, and an MLP from C to D_C to C; again a skip connection leads
# around, and the table is added. Out comes a table [S, C].](../figures/block.svg)
#
# </details>
#
# <details><summary>Hint 4: something is wrong</summary>
#
# If a shape is wrong, print `x.shape` after each line of `forward`. If only the numbers are wrong, the check names the
# part.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/capstone.ipynb](solutions/capstone.ipynb), exercise C.1: a Mixer on one screen.
#
# </details>
#
# ## Done? Then it is yours
#
# Your class takes the place of the library's. Give it the weights of the model that read your digits in lesson 0, and let
# it read 2,000 digits that the model was not trained on. Predict the result, then add a cell:
#
# ```python
# import torch
# from mixer_lib.checkpoints import load_pretrained
# from mixer_lib.configs import MODELS
# from mixer_lib.data import load_dataset, normalize
#
# mnist, (trained, _) = load_dataset("mnist"), load_pretrained("mnist")
# model = Mixer(**MODELS["mnist"])
# with torch.no_grad():
#     for mine, theirs in zip(model.parameters(), trained.parameters(), strict=True):
#         mine.copy_(theirs.view_as(mine))      # the check made sure of the order
#     logits = model(normalize(mnist.test_images, mnist.mean, mnist.std))     # [B, K]
# print(f"{(logits.argmax(dim=1) == mnist.test_labels).float().mean():.1%}")
# ```
#
# <details><summary>What you should see</summary>
#
# 99.5%, as in lesson 0. Leave out the skip connections, and it does no better than guessing. Put ReLU in the place of
# GELU, and it still reads 99.0%. So a high accuracy does not prove that every part is right. The check does.
#
# </details>
#
# **Stretch.** Write it once more with convolutions only: no `nn.Linear`. (Lesson 10 does this, too.)
#
# ## Recap
#
# - The parts are: patch embedding, $L$ blocks with two norms and two MLPs each, a last norm, and a head.
# - The forward pass is: patchify, embed, mix tokens and channels in turn with a skip connection around each, norm, mean,
#   head.
# - You know that each part is right, because it gives the library's numbers on the same weights.
#
# ## Quiz
#
# Three questions that somebody may ask you at the whiteboard.
#
# **1.** Where does your code fix the size of the image? Which parts would still work with another size?
#
# <details><summary>Answer</summary>
#
# The token MLPs fix it: their first layer has $S$ inputs, and $S = (H / P)^2$. Patchify, the embedding, the norms, the
# channel MLPs and the head would work with any number of tokens.
#
# </details>
#
# **2.** Leave out the GELUs. What can a block still compute?
#
# <details><summary>Answer</summary>
#
# Each MLP becomes one linear map, because two linear layers in a row are one. Only the LayerNorms are still not linear.
#
# </details>
#
# **3.** Swap token mixing and channel mixing in every block. How much of the network changes?
#
# <details><summary>Answer</summary>
#
# Little. The order of steps is token, channel, token, channel and so on. Swapped, it is channel, token, channel, token.
# Only the first step and the last step of the stack differ. The weights of a trained model would not fit, though.
#
# </details>
#
# ## To read
#
# - Appendix E of [the paper](https://arxiv.org/abs/2105.01601): the authors' code. Compare it with yours.
# - [`mixer_lib/model.py`](../mixer_lib/model.py).
#
# Next: [7 · Train on MNIST](07_train_mnist.ipynb). The network is built, and now it learns to read.
