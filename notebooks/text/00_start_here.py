# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 0 · Start here
#
# *After this lesson you have seen a Mixer at work, you know the names of its parts, and you know which lesson builds
# each part.*
#
# **About 20 minutes, with the exercises 30.** You need: simple Python, such as a loop over a list.
#
# Next: [1 · Patches](01_patches.ipynb)
#
# A notebook is a column of boxes called cells. The result of a cell appears below the cell. Click into the first one,
# press <kbd>Shift</kbd>+<kbd>Enter</kbd> to run the code, and then press **play**.

# %%
from mixer_lib import widgets
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset

model, about = load_pretrained("mnist")     # trained on handwritten digits
mnist = load_dataset("mnist")               # a sample of those digits
widgets.living_mixer(model, mnist)

# %% [markdown]
# You are looking at a complete MLP-Mixer, and it runs right here in the page. It learned to read handwritten digits from
# 57,000 examples.
#
# **Move it:**
#
# 1. Let it play to the end. Which pictures appear one after the other? What is the last one?
# 2. Draw a digit of your own on the pad, with a mouse, a pen, or a finger. Does the network read your digit correctly?
#    Open the stage *scores* and draw slowly. When does the network change its mind?
# 3. Open *block 1 ↓ tokens*, then *block 1 → channels*, and press *step* in each. In which direction does the bar sweep
#    across the table?
# 4. Hover over a patch of the image, and click to keep it. Where do you find that patch in the later tables?
#
# <details><summary>What you should see</summary>
#
# 1. First comes the image, then a table with one row per patch, then a table of tokens. Eight mixing steps follow, each
#    of which changes that table. At the end come the mean of the rows and one score per digit.
# 2. The network reads most digits correctly. A half-drawn 9 may be read as a 0 or a 7 until the last stroke.
# 3. Token mixing works down the columns, so the bar moves from left to right. Channel mixing works along the rows, so
#    the bar moves from top to bottom.
# 4. The patch is the same row in every table. Only the mean has no row for it, because the mean blends all rows.
#
# </details>
#
# You do not need to understand any of this yet. The lessons build the stages one by one.
#
# ## In this lesson you will
#
# - watch a trained Mixer read a digit, from the pixels to the scores, and look at the digits that it misreads;
# - check that your machine has everything the course needs;
# - see the whole architecture in one picture, and run its parts in six lines of code;
# - learn why anyone built a Mixer, and how a Mixer differs from a CNN and a transformer;
# - try out how exercises, hints, and solutions work, and find the map of the course.
#
# The next cell checks your machine. Run it again whenever a cell stops with an error such as `ModuleNotFoundError`: it
# names what is missing and what to do about it.

# %% tags=["nbval-ignore-output"]
import sys

try:
    from mixer_lib.check_setup import check_setup
    check_setup()
except ImportError as missing:
    print(f"✗ {missing}.\nThis notebook runs with {sys.executable}, which lacks it.",
          "In a terminal, in the folder of the course, run: make lab",
          "By hand: pip install -r requirements.txt; pip install --no-deps -e .",
          "If you did: choose the right kernel (menu Kernel, Change Kernel).", sep="\n")

# %% [markdown]
# If you see a ✓, you need neither a network connection nor a GPU for the rest of the course.
#
# ## What a Mixer can do
#
# One digit proves little, so let the network read 2,000 digits that were not among its examples. In
# [lesson 7](07_train_mnist.ipynb) you will train a network of the same shape yourself, in about a minute.

# %% tags=["nbval-ignore-output"]
import torch

from mixer_lib.training import predict as read_digits

scores = read_digits(model, mnist.test_images, mnist)   # [2000, 10]: one per digit
guesses = scores.argmax(dim=1)              # [2000]: the digit with the highest score
right = guesses == mnist.test_labels        # [2000]: True or False
print(f"{right.sum()} of {len(right)} digits read correctly:",
      f"{right.float().mean():.1%}")

# %% [markdown]
# (Computers round differently, so the count may differ by one on your machine.)
#
# The scores can be turned into probabilities, which are easier to read: ten numbers that add up to 100%. They tell us
# how sure the network is.
#
# **Predict.** The network misreads about ten digits. How many of these mistakes does it make with confidence, with more
# than half of the probability on the wrong digit? Run the cell, then click your guess.

# %%
from mixer_lib.exercises import predict

probabilities = scores.softmax(dim=1)       # [2000, 10]: each row adds up to 1
surest = probabilities.max(dim=1).values    # [2000]: the highest in each row
mistakes = surest[~right]                   # about 10: the misread digits alone
predict("confident mistakes", (mistakes > 0.5).float().mean(),
        sure=(mistakes > 0.5).sum(), wrong=len(mistakes), very=(mistakes > 0.8).sum())

# %% [markdown]
# Now look at the mistakes yourself. The next cell shows one digit of each kind, and then all the misread ones, which have a
# marked corner. Point at a small image to enlarge it. Click to keep it, and move on with the arrow keys.
#
# 1. Images 1 to 10: how sure is the network when it is right?
# 2. From image 11 on, all digits were misread. What would *you* have said?
# 3. For which mistakes is the network sure, and for which does it hesitate?
#
# <details><summary>What you should see</summary>
#
# 1. Each time there is one long bar, of about 91%. The other digits share the rest about equally. The network was trained
#    never to be entirely sure; lesson 7 explains why.
# 2. Some of these digits are hard for people, too.
# 3. It takes a 4 for a 9 and an 8 for a 3, each with a single bar above 80%. It is least sure of a faint, broken 1,
#    which it reads as a 5 with 56%, and of a 4 that could be a 6.
#
# </details>

# %%
one_of_each = torch.arange(0, 2000, 200)    # the test images are sorted by digit
shown = torch.cat([one_of_each, (~right).nonzero().flatten()])
widgets.prediction_browser(mnist.test_images[shown], mnist.test_labels[shown],
                           probabilities[shown], mnist.classes)

# %% [markdown]
# ## The whole network in one picture
#
# This picture shows everything that happens between the image and the scores. Look for the one table that runs through
# it from left to right. The rest becomes clear lesson by lesson.
#
# ![From left to right: an image of a horse, cut into 4 by 4 patches; the patches as the rows of a table, S rows of D
# numbers; a box, patch embedding; the table of tokens, S rows of C numbers; a dashed frame, the Mixer block, in which
# token mixing, down each column, and channel mixing, along each row, each have a line that leads around them to a
# plus sign, with the note: L blocks, one after the other; a box, LayerNorm and mean; a single column of C numbers; a
# box, head; a bar for each class, the longest for horse](../figures/architecture.svg)
#
# The image is cut into squares called **patches**, and each patch becomes one row of a table. One layer turns each row
# into a **token**: a list of numbers that stands for the patch. Then come the **blocks**. Each block has two steps:
#
# - *Token mixing* works down the columns of the table. The patches learn about each other.
# - *Channel mixing* works along the rows. Each token works with what it has learned.
#
# At the end the tokens are averaged, and one last layer turns the average into one **score** per class.
#
# Here is the same picture as code, with the trained network and one digit. The comment after each line gives the shape
# of the result. The letters in the shapes are explained at the end of this lesson.

# %%
from mixer_lib.data import normalize

image = normalize(mnist.test_images[:1], mnist.mean, mnist.std)     # [B, C_in, H, W]
x = model.patch_embedding(image)            # [B, S, C]: cut, one token per patch
for block in model.blocks:                  # L times
    x = block(x)                            # [B, S, C]: mix tokens, mix channels
x = model.norm(x).mean(dim=1)               # [B, C]: the average token
logits = model.head(x)                      # [B, K]: the scores, also called logits

assert torch.equal(logits, model(image))    # the whole network does exactly this
assert logits.argmax() == mnist.test_labels[0]
print("blocks:", len(model.blocks), " scores:", list(logits.shape))

# %% [markdown]
# An `assert` line checks a claim. It stays silent when the claim is true, and it stops the cell when the claim is false.
# The course compares every new step with the step before in this way, so you need not take its code on trust.
#
# **Predict.** Nobody told the network what a 7 looks like. The network consists of numbers that were learned from
# examples. How many learned numbers does this one have? Run the cell, then click your guess.

# %%
predict("how many weights", sum(p.numel() for p in model.parameters()))

# %% [markdown]
# ## Why anyone built a Mixer
#
# To recognize a horse, a network must combine information from distant parts of the image. There are three well-known
# ways to do so:
#
# | network | which places exchange information? | where do the learned numbers come from? |
# |---|---|---|
# | **CNN**, convolutional network | each place with its neighbors | learned; the same at every place |
# | **vision transformer** (2020) | every patch with every other patch | **attention** computes them from the image, for each image again |
# | **MLP-Mixer** (2021) | every patch with every other patch | learned; then the same for all images and all channels |
#
# CNNs were the standard for years. Vision transformers showed that images do not need convolutions. The authors of the
# Mixer then asked: do images need attention? They replaced attention with the plainest layers there are, and the result
# still worked. After training on 300 million images, a large Mixer classified 84.8% of the ImageNet test images
# correctly. The transformer of the same size reached 85.6% and processed about a third fewer images per second. With
# only 1.3 million training images the gap was wider, 71.8% against 76.1% (L/16 in both cases, a size that
# lesson 6 explains; Table 3 of the paper).
#
# So a Mixer is not the best network for images. It is one of the simplest that work well, which makes it a good place to
# find out what an image network must be given, and what it can learn from data. [Lesson 10](10_convolutions.ipynb)
# compares the Mixer with a CNN, and [lesson 11](11_permutations.ipynb) tests what both know about space.
#
# ## How the lessons work
#
# - Run the cells in order, from the top. Change things and run them again: you cannot break anything. To start over,
#   choose *Restart Kernel* in the menu *Kernel*.
# - **Predict**: run the cell, then click your guess, or type it and press <kbd>Enter</kbd>. The answer and the reason
#   appear after you have answered. Guessing first is what teaches most, so do it before you read on. If you see no buttons
#   (in a terminal, for example), add your guess to the call, as in `predict(..., mine="about 1,400")`.
# - **Move it**: a widget, with things to try.
# - **Exercises** come at the end. Write your code in place of `...  # your code here`, then run the check below it. The
#   check answers ✓ right, ✗ wrong and why, or ○ not done yet. A hint and a link to the solution are folded away below;
#   click the little triangle to open them. The minutes are for someone who opens neither.
# - **Stretch** questions have no check. Try them, then talk about them with someone.
# - Words in **bold** are explained where they first appear, and in the [glossary](glossary.md).
#
# ## The map
#
# | lesson | you will | minutes |
# |---|---|---|
# | 0 · Start here | look around | 30 |
# | [1 · Patches](01_patches.ipynb) | turn an image into a table | 65 |
# | [2 · The patch embedding](02_patch_embedding.ipynb) | turn each row of the table into a token | 65 |
# | [3 · Channel mixing](03_channel_mixing.ipynb) | let each token work on its own numbers | 60 |
# | [4 · Token mixing](04_token_mixing.ipynb) | let the patches exchange information | 75 |
# | [5 · The Mixer block](05_mixer_layer.ipynb) | put both together, and stack the blocks | 70 |
# | [6 · The classifier](06_classifier.ipynb) | finish the network, and count its numbers | 70 |
# | [Capstone](capstone.ipynb) | write it from memory | 45 |
# | [7 · Train on MNIST](07_train_mnist.ipynb) | train it on digits | 90 |
# | [8 · Train on CIFAR-10](08_train_cifar.ipynb) | train it on photographs, and watch it memorize them | 90 |
# | [9 · Token-mixing weights](09_token_mixing_weights.ipynb) | find the convolution that it learned, with controls | 105 |
# | [10 · Convolutions](10_convolutions.ipynb) | write the same network as convolutions, and ask what is shared | 90 |
# | [11 · Permutations](11_permutations.ipynb) | scramble the images, and ask what a network knows about space | 85 |
# | [12 · Pretrained Mixers](12_pretrained.ipynb) | use what others have trained | 80 |
# | [13 · Parts and family](13_family.ipynb) | exchange one part, and read tables with a critical eye | 85 |
# | [14 · Scale](14_scale.ipynb) | find where the time goes, and use more than one process | 80 |
#
# The minutes include the exercises. Each lesson builds on the ones before, so take them in this order.
#
# ## The letters
#
# Each letter has one meaning in the whole course. $P$, $S$, $C$, $D_S$, and $D_C$ are the letters of the paper. Come back
# to this table whenever you need it.
#
# | letter | what it counts | name in code | in this lesson |
# |---|---|---|---|
# | $B$ | images in a batch, which are processed together | | 1 |
# | $H$, $W$ | height and width of an image, in pixels | `image_size` | 28, 28 |
# | $C_{in}$ | color channels of an image | `in_channels` | 1 |
# | $P$ | side of a patch, in pixels | `patch_size` | 7 |
# | $S$ | patches in an image, and so tokens | | 16 |
# | $D$ | numbers in one patch | | 49 |
# | $C$ | numbers in a token, called its *channels* | `hidden_dim` | 64 |
# | $D_S$ | width of token mixing, inside | `tokens_mlp_dim` | 32 |
# | $D_C$ | width of channel mixing, inside | `channels_mlp_dim` | 256 |
# | $L$ | blocks | `num_blocks` | 4 |
# | $K$ | classes | `num_classes` | 10 |
#
# The last column describes the network that you have just seen. The model itself knows these sizes:

# %%
for name, size in vars(model.config).items():
    if name not in ("dropout", "drop_path", "gelu"):        # these come later
        print(f"{name:17} {size}")

# %% [markdown]
# $S$ and $D$ are not in this list because they follow from the other sizes. An image of 28 × 28 pixels holds 4 × 4 patches
# of 7 × 7 pixels, so $S = 16$. Each patch has $D = 1 \cdot 7 \cdot 7 = 49$ numbers.
#
# ## Exercises
#
# There is nothing to build yet, so this lesson has only two exercises: one to write, one to repair. They show you how the
# checks work. Run each check once before you write anything, and once with a wrong answer.
#
# ### 0.1 The best class · write · easy · 3 minutes
#
# Above the first digit of the list, the widget said "read as 0". Write the step behind these words: return the name of
# the class with the highest score. `scores` is a list with one number per class, and `classes` is a list of their names.

# %% tags=["exercise-1"]
def best_class(scores, classes):
    """The name of the class with the highest score."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_best_class(best_class)

# %% [markdown]
# <details><summary>Hint</summary>
#
# First find the position of the highest score, then look up the name at that position. For a list, `max(scores)` gives
# the highest score, and `scores.index(...)` gives the position of a score.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/00_start_here.ipynb](solutions/00_start_here.ipynb), exercise 0.1.
#
# </details>
#
# ### 0.2 In doubt · repair · easy · 6 minutes
#
# You just saw confident mistakes. A network is more useful when we know which answers *not* to trust. The function below
# should find the images for which the network is unsure: those whose highest probability is below `limit`. It should
# return their positions, counted from 0, as a list. But it calls all 2,000 digits doubtful:

# %%
def broken_in_doubt(probabilities, limit):
    found = []
    for n, row in enumerate(probabilities):     # row: the probabilities of image n
        if row.min() < limit:
            found.append(n + 1)
    return found

len(broken_in_doubt(probabilities, 0.6))


# %% [markdown]
# It contains two mistakes. Find both, and write the function correctly.

# %% tags=["exercise-2"]
def in_doubt(probabilities, limit):
    """The positions of the rows [B, K] whose highest entry is below limit: a list."""
    ...  # your code here


# %%
exercises.check_in_doubt(in_doubt)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Which single number in a row tells how sure the network is? And `enumerate` counts from 0, as the exercise asks.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/00_start_here.ipynb](solutions/00_start_here.ipynb), exercise 0.2.
#
# </details>
#
# ### Stretch
#
# Call `in_doubt(probabilities, limit)` with limits between 0.5 and 0.9. How many of the misread digits does it find? How
# many correctly read digits does it find as well? If a person has to check every doubtful digit, which limit would you
# choose?

# %% [markdown]
# ## Recap
#
# - You watched a Mixer of about 140,000 learned numbers. It reads 99 of 100 digits correctly. It is sure even
#   when it is wrong: nearly all of its mistakes got more than 50%.
# - One cell checks your machine: `check_setup()`.
# - Image, patches, tokens, blocks, average, scores: six lines of code run the whole network.
# - A CNN combines neighbors, a transformer computes from each image who listens to whom, and a Mixer learns that once for
#   all images.
# - Exercises answer at once, hints and solutions are folded away, and the map and the letters are here when you need them.
#
# ## Quiz
#
# **1.** What does a Mixer first turn an image into?
#
# <details><summary>Answer</summary>
#
# A table. The Mixer cuts the image into patches, and each patch becomes one row.
#
# </details>
#
# **2.** Which of the two steps in a block lets one corner of the image learn about another corner?
#
# <details><summary>Answer</summary>
#
# Token mixing. It works down the columns of the table, across all patches. Channel mixing works on each token separately.
#
# </details>
#
# **3.** A transformer and a Mixer both let every patch exchange information with every other. What is the difference?
#
# <details><summary>Answer</summary>
#
# A transformer computes the weights of this exchange from each image, by attention. A Mixer learns the weights during
# training, and then uses the same weights for all images.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), "MLP-Mixer: An all-MLP Architecture for Vision" (Tolstikhin et al.,
#   2021): the abstract and Figure 1. By the end of lesson 6 you will have written everything in that figure.
# - The [glossary](glossary.md): see what is in it.
# - [How this network was trained](../mixer_lib/models/mnist.md): its data, its recipe, its test accuracy.
#
# Next: [1 · Patches](01_patches.ipynb).
