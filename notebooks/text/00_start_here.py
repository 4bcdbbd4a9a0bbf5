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
# *After this lesson you have seen a Mixer at work, know what its parts are called and where in the course each one is
# built, and know how the lessons work.*
#
# **About 15 minutes, with the exercises 25.** You need: to read a little Python. Nothing else.
#
# Next: [1 · Patches](01_patches.ipynb)
#
# A cell is one of the boxes below, and its result appears under it. Click into this first cell and run it with
# <kbd>Shift</kbd>+<kbd>Enter</kbd>. Then press **play**.

# %%
from mixer_lib import widgets
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset

model, about = load_pretrained("mnist")     # trained on handwritten digits
mnist = load_dataset("mnist")               # a sample of the images comes along, too
widgets.living_mixer(model, mnist)

# %% [markdown]
# This is a whole MLP-Mixer, and it runs here in the page. It has learned to read handwritten digits from 57,000 of them.
#
# **Move it:**
#
# 1. Watch it play to the end. Which pictures appear one after the other, and what is the last one?
# 2. Draw a digit of your own on the pad, with the mouse, a pen, or a finger. Is it read right? Draw slowly with the stage
#    *scores* open. When does the network change its mind?
# 3. Open *block 1 ↓ tokens* and then *block 1 → channels*, and step forward once more. In which direction does the bar
#    sweep over the table each time?
# 4. Hover over a patch of the image, and click to keep it. Where is that patch in the later tables?
#
# <details><summary>What you should see</summary>
#
# 1. The image, a table with one patch per row, a table of tokens, the same table after each of eight mixing steps, the
#    mean of its rows, and one score per digit.
# 2. Most digits are read right. A half-drawn 9 may be a 0 or a 7 until its last stroke.
# 3. Token mixing goes down the columns, so the bar moves from left to right. Channel mixing goes along the rows, so the
#    bar moves from top to bottom.
# 4. It is the same row in every table. Only the mean no longer has a row for it.
#
# </details>
#
# You do not need to understand any of this yet. The lessons build each stage, one after the other.
#
# ## In this lesson you will
#
# - watch a trained Mixer read a digit, from the pixels to the scores, and find digits that it misreads;
# - check that this machine has everything the course needs;
# - see the whole architecture in one picture, and run its parts one after the other;
# - learn how exercises, hints and solutions work, on two small ones;
# - get the map of the course and the letters that it uses.
#
# The next cell says in one line whether everything is there. If a cell stops with an error such as
# `ModuleNotFoundError`, run this one: it says what is missing and what to do.

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
# A ✓? Then you need no network and no GPU from here to the end of the course.
#
# ## What it can do
#
# One digit proves little. Let the same network read 2,000 digits. In [lesson 7](07_train_mnist.ipynb) you train one of
# the same shape yourself, in about a minute.

# %% tags=["nbval-ignore-output"]
import torch

from mixer_lib import plots
from mixer_lib.training import predict

scores = predict(model, mnist.test_images, mnist)       # [2000, 10], one for each digit
guesses = scores.argmax(dim=1)              # [2000], the digit with the highest score
right = guesses == mnist.test_labels
print(f"{right.sum()} of {len(right)} digits read right: {right.float().mean():.1%}")

# %% [markdown]
# It had never seen these 2,000 digits. (The count may differ by one on your machine: computers round differently.)
# Look at one of each kind, and then at all those that it misreads, which have a marked corner. Point at a small image to
# see it large; click it to keep it, and go on with the arrow keys:
#
# 1. Images 1 to 10: how sure is the network, as a rule?
# 2. From image 11 on come the misread ones. What would *you* say they are?
# 3. In which of its mistakes is it sure, and in which does it hesitate?
#
# <details><summary>What you should see</summary>
#
# 1. One long bar each time, about 91%, in the frame that marks the true class, and the rest shared out evenly. It was trained never to be entirely sure;
#    lesson 7 says why.
# 2. Some of them are hard for anyone.
# 3. Sure, with one bar above 80% outside of the frame: a 4 that it takes for a 9, an 8 for a 3. Hesitating, with several bars: a
#    faint, broken 1, taken for a 5 with 56%, and a 4 that could be a 6.
#
# </details>

# %%
probabilities = scores.softmax(dim=1)       # [2000, 10]: the sum of each row is 1
one_of_each = torch.arange(0, 2000, 200)    # the test images are sorted by digit
shown = torch.cat([one_of_each, (~right).nonzero().flatten()])
widgets.prediction_browser(mnist.test_images[shown], mnist.test_labels[shown],
                           probabilities[shown], mnist.classes)

# %% [markdown]
# One of them as a still picture:

# %%
plots.show(
    plots.prediction(mnist.test_images[804], probabilities[804], mnist.classes, 4),
    alt="A slanted handwritten 4 with a long left stroke, beside ten bars, a "
        "probability for each digit. The bar of 6, black, is the longest with 63 "
        "percent; that of 4, green, the true one, has 24. Title: read as 6, is 4.")

# %% [markdown]
# ## The whole in one picture
#
# Here is everything that happens between the image and the scores. Do not try to understand it yet; look for the one
# table that runs through it from left to right.
#
# ![From left to right: an image of a horse, cut into 4 by 4 patches; the patches as the rows of a table, S rows of D
# numbers; a box, patch embedding; the table of tokens, S rows of C numbers; a dashed frame, the Mixer block, in which
# token mixing, down each column, and channel mixing, along each row, each have a line that leads around them to a
# plus sign, with the note: L blocks, one after the other; a box, LayerNorm and mean; a single column of C numbers; a
# box, head; a bar for each class, the longest for horse](../figures/architecture.svg)
#
# An image is cut into **patches**, and each patch becomes a row of a table. A layer turns each row into a **token**:
# a list of numbers that stands for the patch. Then come the **blocks**, each of two steps. One step, *token mixing*,
# works down the columns of the table, so that the patches learn of each other. The other, *channel mixing*, works
# along the rows, so that each token thinks over what it has heard. At the end the tokens are averaged, and a last
# layer gives a **score** for each class.
#
# That is all: no convolution, no attention. Each of these words gets a lesson of its own, so none of it needs to be
# clear today.
#
# Now the same picture as code, with the trained network, for one digit. After each line stands the shape of what it
# gives, in the letters that you find explained below:

# %%
from mixer_lib.data import normalize

image = normalize(mnist.test_images[:1], mnist.mean, mnist.std)     # [B, C_in, H, W]
x = model.patch_embedding(image)            # [B, S, C]: cut, and a token for each patch
for block in model.blocks:                  # L times
    x = block(x)                            # [B, S, C]: mix tokens, mix channels
x = model.norm(x).mean(dim=1)               # [B, C]: the tokens, averaged
logits = model.head(x)                      # [B, K]: the scores, also called logits

assert torch.equal(logits, model(image))    # the whole network does just this
assert logits.argmax() == mnist.test_labels[0]
print("blocks:", len(model.blocks), " scores:", list(logits.shape))

# %% [markdown]
# The `assert` lines check something and say nothing when it is true. The course is full of them: each step is held
# against the one before, so you need not take a claim on trust.
#
# **Predict.** Nobody programmed what a 7 looks like; the network is a long list of numbers that were learned from
# examples. How many such numbers does this one have? Run the cell, then click your guess.

# %%
from mixer_lib.exercises import predict

predict("how many weights", sum(p.numel() for p in model.parameters()))

# %% [markdown]
# ## How the lessons work
#
# - Run the cells in order, from the top. Change things and run again: nothing can break. To begin anew, choose *Restart
#   Kernel* in the menu *Kernel*.
# - **Predict**: run the cell, then click your guess, or type it and press <kbd>Enter</kbd>. Only then do the answer and
#   the reason for it unfold. It is the part that teaches most, so commit yourself before you read on. Where no buttons
#   appear (in a terminal, for example), add your guess to the call, as in `predict(..., mine="about 1,400")`, and run it.
# - **Move it**: a widget, with things to try.
# - **Exercises** come at the end: a cell with `...  # your code here`, and below it a cell that checks your answer at
#   once: ✓ right, ✗ wrong and why, ○ not done yet. Under it stand a hint and a link to the solution, folded: click on
#   the little triangle. The minutes are for someone who does not look.
# - Words in **bold** are explained where they first stand, and in the [glossary](glossary.md).
#
# ## The map
#
# | lesson | you will | minutes |
# |---|---|---|
# | 0 · Start here | look around | 25 |
# | [1 · Patches](01_patches.ipynb) | turn an image into a table | 60 |
# | [2 · The patch embedding](02_patch_embedding.ipynb) | turn each row of it into a token | 60 |
# | [3 · Channel mixing](03_channel_mixing.ipynb) | let each token think for itself | 60 |
# | [4 · Token mixing](04_token_mixing.ipynb) | let the patches talk | 75 |
# | [5 · The Mixer block](05_mixer_layer.ipynb) | put both together, and stack them | 70 |
# | [6 · The classifier](06_classifier.ipynb) | finish the network, count it, write it from memory | 105 |
# | [7 · Train on MNIST](07_train_mnist.ipynb) | train it | 70 |
# | [8 · Train on CIFAR-10](08_train_cifar.ipynb) | train it on photographs, and see it learn by heart | 75 |
# | [9 · Token-mixing weights](09_token_mixing_weights.ipynb) | find the convolution that it learned, with controls | 115 |
# | [10 · Convolutions](10_convolutions.ipynb) | write the same network as convolutions, and ask what is shared | 70 |
# | [11 · Permutations](11_permutations.ipynb) | scramble the images, and ask what a network knows of space | 80 |
# | [12 · Pretrained Mixers](12_pretrained.ipynb) | use what others have trained | 80 |
# | [13 · Parts and family](13_family.ipynb) | exchange one part, and read tables with a critical eye | 85 |
#
# The minutes count the exercises. The lessons build on each other; take them in this order.
#
# ## The letters
#
# One letter means one thing in the whole course; $P$, $S$, $C$, $D_S$ and $D_C$ are the paper's, too. Come back here
# whenever one escapes you.
#
# | letter | what it counts | in code | above |
# |---|---|---|---|
# | $B$ | images in a batch, handled together | | 1 |
# | $H$, $W$ | height and width of an image, in pixels | `image_size` | 28, 28 |
# | $C_{in}$ | color channels of an image | `in_channels` | 1 |
# | $P$ | side of a patch, in pixels | `patch_size` | 7 |
# | $S$ | patches of an image, and so tokens | | 16 |
# | $D$ | numbers in one patch | | 49 |
# | $C$ | numbers in a token, its *channels* | `hidden_dim` | 64 |
# | $D_S$ | width of token mixing, inside | `tokens_mlp_dim` | 32 |
# | $D_C$ | width of channel mixing, inside | `channels_mlp_dim` | 256 |
# | $L$ | blocks | `num_blocks` | 4 |
# | $K$ | classes | `num_classes` | 10 |
#
# The last column is the network that you have just seen. It carries its sizes with it:

# %%
for name, size in vars(model.config).items():
    if name not in ("dropout", "drop_path", "gelu"):        # these come later
        print(f"{name:17} {size}")

# %% [markdown]
# Two are missing from the list, since they follow from the others: an image of 28 × 28 pixels holds 4 × 4 patches of
# 7 × 7, so $S = 16$, and a patch has $D = 1 \cdot 7 \cdot 7 = 49$ numbers.
#
# ## Exercises
#
# Two small ones, to see how it goes. Write your code in place of the `...`, run the cell, then run the check below
# it. Run the check once before you write anything, too, and once with a wrong answer.
#
# ### 0.1 The best class · easy · 3 minutes
#
# Write what stands behind "read as" in the widget: the name of the class with the highest score. `scores` is a list of
# numbers, one for each class; `classes` a list of their names.

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
# First find where the highest score stands, then look up the name that stands there. For a list, `max(scores)` gives
# the highest score, and `scores.index(...)` where it is.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/00_start_here.ipynb](solutions/00_start_here.ipynb), exercise 0.1.
#
# </details>
#
# ### 0.2 In doubt · easy · 5 minutes
#
# A network that knows when it does not know is worth more. Given the probabilities of many images, a tensor `[B, K]`
# with a row for each image, tell which images the network is unsure of: those whose highest probability is below
# `limit`. Return their numbers, counted from 0, as a list.

# %% tags=["exercise-2"]
def in_doubt(probabilities, limit):
    """The rows of probabilities [B, K] whose highest entry is below limit: a list."""
    ...  # your code here


# %%
exercises.check_in_doubt(in_doubt)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A loop over `enumerate(probabilities)` gives each row with its number. Or, without a loop:
# `probabilities.max(dim=1)` has `.values`, the highest of each row.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/00_start_here.ipynb](solutions/00_start_here.ipynb), exercise 0.2.
#
# </details>

# %% [markdown]
# ## Recap
#
# - A Mixer of 140,000 learned numbers reads 99 of 100 digits right; its mistakes are worth a look.
# - The check near the top says whether anything is missing on this machine.
# - Image, patches, tokens, blocks, average, scores: six lines of code run the whole network.
# - Exercises answer at once; hints and solutions are folded below them.
# - The map says what comes when, and each letter means one thing throughout.
#
# ## Quiz
#
# **1.** Into what does a Mixer turn an image before anything else?
#
# <details><summary>Answer</summary>
#
# Into a table: it cuts the image into patches, and each patch becomes a row.
#
# </details>
#
# **2.** Which of the two steps of a block lets one corner of the image learn of another?
#
# <details><summary>Answer</summary>
#
# Token mixing, which works down the columns of the table, across all patches. Channel mixing works on each token alone.
#
# </details>
#
# **3.** A check prints ○. What does that mean?
#
# <details><summary>Answer</summary>
#
# That the exercise is not done yet: your function returns nothing.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), "MLP-Mixer: An all-MLP Architecture for Vision" (Tolstikhin et al.
#   2021), the abstract and Figure 1. By the end of lesson 6 you will have written all of it.
# - The [glossary](glossary.md), to know that it is there.
# - [How this network was trained](../mixer_lib/models/mnist.md), its card.
#
# Next: [1 · Patches](01_patches.ipynb).
