# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6 · The classifier: from a table to a verdict, and what it all costs
#
# *After this lesson you can write the whole MLP-Mixer from an empty cell, say what its first loss must be before you
# run it, and count any Mixer of the paper to the last parameter.*
#
# **About 35 minutes, with the exercises 105.** (45 of them are the capstone's.) You need: [lesson
# 5](05_mixer_layer.ipynb).
#
# Previous: [5 · The Mixer block](05_mixer_layer.ipynb). Next: [7 · Train on MNIST](07_train_mnist.ipynb)

# %% [markdown]
# Here is the Mixer of lesson 0, opened near its end. The mean over the tokens leaves one row of 64 numbers, and the last
# layer turns it into one score per digit. In this lesson you build these last steps, and the whole. Draw a digit, and watch
# its scores grow in the stage *scores*.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="mean")

# %% [markdown]
# ## In this lesson you will
#
# - turn a table of tokens into class scores: by hand, with a loop, with tensors, as a module;
# - predict the first loss of an untrained classifier to three digits, and see why the head starts at zero;
# - assemble the whole Mixer, see that it gives the library's numbers, and take the first training steps;
# - count the seven models of the paper exactly, and say how parameters and work grow with the sizes.

# %%
import math

import torch
from torch import nn

from mixer_lib import create_model, plots
from mixer_lib.data import load_dataset, normalize
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# ![MLP-Mixer from left to right: an image cut into patches; the table of patches, S by D; the patch embedding; the table
# of tokens, S by C; a frame around one Mixer block, token mixing and channel mixing, each with an arrow past it to a
# plus sign, and the words L blocks, one after the other; a box LayerNorm, mean; a single column of C numbers; a box
# head; K bars, the scores, the longest one pointed out as horse.](../figures/architecture.svg)
#
# You have built the picture from the left up to the end of the frame: patches, tokens, $L$ blocks in which tokens and
# channels are mixed in turn. What comes out is still a table, as large as what went in. But nobody asked for a table.
# The question was: is this a horse? How would you get from `[16, 64]` to ten numbers, one for each class?
#
# One could feed all 1024 numbers to one linear layer. The paper does something plainer: it **averages** the tokens, and
# lets a linear layer judge the average.
#
# ## The smallest example
#
# Take the table that lesson 2 ended with. Its channels are the brightness, right minus left, and bottom minus top.
# Let there be two classes, *lit from the right* and *lit from below*. The last layer, called the **head**, has a row
# of weights and a bias for each class. Ours look at one channel each.

# %%
tokens = torch.tensor([[4., 4., 0.],
                       [8., 0., 0.],
                       [0., 0., 0.],
                       [2., 2., -2.]])      # [S, C] = [4, 3]
weight = torch.tensor([[0., 2., 0.],        # lit from the right: 2 * channel 1
                       [0., 0., 2.]])       # lit from below: 2 * channel 2, plus 1
bias = torch.tensor([0., 1.])               # [K] = [2]

mean_1 = (4 + 0 + 0 + 2) / 4                # channel 1, averaged over the tokens
mean_2 = (0 + 0 + 0 - 2) / 4                # channel 2
by_hand = torch.tensor([2 * mean_1 + 0, 2 * mean_2 + 1])        # [K]
by_hand

# %% [markdown]
# A 3 for *from the right*, a 0 for *from below*: fair enough, for a drawing that is bright at its upper right. Such
# scores, one for each class and any real numbers, are called **logits**. Now with loops, over the tokens and over the
# classes:

# %%
pooled = torch.zeros(3)                                 # [C]
for token in tokens:                                    # token: [C]
    pooled += token / len(tokens)
by_loop = torch.zeros(2)                                # [K]
for k in range(2):
    by_loop[k] = (weight[k] * pooled).sum() + bias[k]
assert torch.allclose(by_loop, by_hand)
pooled

# %% [markdown]
# And with tensors, a line for each step. The first is called **global average pooling**: one number a channel, the mean
# over all places.

# %%
pooled = tokens.mean(dim=0)                             # [S, C] -> [C]
logits = weight @ pooled + bias                         # [C] -> [K]
assert torch.allclose(logits, by_hand)

# %% [markdown]
# **Predict.** Swap the first and the last token, then pool and judge again. Do the logits change?

# %%
shuffled = tokens[[3, 1, 2, 0]]                         # the tokens in another order
again = weight @ shuffled.mean(dim=0) + bias
predict("two tokens swapped", not torch.allclose(again, logits))

# %% [markdown]
# ## One more norm
#
# Just before the mean stands a last LayerNorm, the one of lesson 3. Look at what it does for the average:

# %%
norm = nn.LayerNorm(3, eps=1e-6)
normed = norm(tokens).detach()                          # [S, C]
plots.show(
    plots.tables({"tokens": tokens, "their mean": tokens.mean(dim=0)[None],
                  "after the norm": normed, "its mean": normed.mean(dim=0)[None]},
                 width=8.5),
    alt="Four tables with three channels each. Tokens: 4 4 0; 8 0 0; 0 0 0; 2 2 -2. "
        "Their mean: 3.5, 1.5, -0.5. After the norm: 0.707 0.707 -1.41; 1.41 -0.707 "
        "-0.707; 0 0 0; 0.707 0.707 -1.41. Its mean: 0.707, 0.177, -0.884. No token "
        "is louder than another, but for the blank one.")

# %% [markdown]
# On the left, token 1 alone makes more than half of the mean of channel 0: it is the brightest, and so the loudest.
# Every block *adds* to the table, so after a dozen of them some tokens may be very loud. After the norm each token
# has the same say (but for a blank one, which says nothing). Norm, mean, head, as a module:

# %%
class MyClassifier(nn.Module):
    def __init__(self, hidden_dim, num_classes):
        super().__init__()
        self.norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.head = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):                   # [B, S, C]
        x = self.norm(x)                    # [B, S, C]
        x = x.mean(dim=1)                   # [B, C]: in a batch the tokens are axis 1
        return self.head(x)                 # [B, K]

# %% [markdown]
# With our weights it gives what the tensors give on the *normalized* table. The scores are no longer 3 and 0, but
# their order is the same:

# %%
toy = MyClassifier(hidden_dim=3, num_classes=2)
with torch.no_grad():
    toy.head.weight.copy_(weight)
    toy.head.bias.copy_(bias)
    logits = weight @ normed.mean(dim=0) + bias         # [C] -> [K]
    assert torch.allclose(toy(tokens[None])[0], logits, atol=1e-5)
[round(logit, 2) for logit in logits.tolist()]

# %% [markdown]
# ## How wrong is a verdict?
#
# Logits become probabilities by **softmax**: take $e$ to the power of each, and divide by their sum. The
# **cross-entropy** loss then asks only one thing, how probable the *true* class was thought to be, and takes minus
# the logarithm of that: close to 0 for a sure and right verdict, large for a sure and wrong one.

# %%
powers = [math.exp(logit) for logit in logits.tolist()]
probabilities = [power / sum(powers) for power in powers]
for k, name in enumerate(["from the right", "from below"]):
    print(f"{name:14}  logit {logits[k]:5.2f}   probability {probabilities[k]:.2f}   "
          f"loss if it is true {-math.log(probabilities[k]):.2f}")
assert torch.allclose(logits.softmax(dim=0), torch.tensor(probabilities), atol=1e-5)
loss = nn.functional.cross_entropy(logits[None], torch.tensor([1]))     # truth: class 1
assert math.isclose(loss, -math.log(probabilities[1]), abs_tol=1e-5)

# %% [markdown]
# Now real images, and the ones that you will train on in lesson 7: handwritten digits, 28 × 28 pixels, gray, ten
# classes. With $P = 7$ they give 16 tokens, as the horse did. From here on the pixels are **normalized**: the mean of
# all training pixels is subtracted, and what is left is divided by their standard deviation, so that the numbers lie
# around 0.

# %%
from mixer_lib.model import ChannelMixing, MixerBlock, PatchEmbedding, TokenMixing

torch.manual_seed(0)
mnist = load_dataset("mnist")
images, labels = mnist.train_images[::1250], mnist.train_labels[::1250]     # 8 digits
x = normalize(images, mnist.mean, mnist.std)            # [B, C_in, H, W], B = 8
embed = PatchEmbedding(image_size=28, patch_size=7, in_channels=1, hidden_dim=64)
block = MixerBlock(64, TokenMixing(16, 32), ChannelMixing(64, 256))
table = block(embed(x))                                 # [B, C_in, H, W] -> [B, S, C]
table.shape

# %% [markdown]
# **Predict.** The paper's code starts the head with all weights and biases at *zero*. There are $K = 10$ classes. What is
# the loss before any training, in nats? Two digits will do.

# %%
classifier = MyClassifier(hidden_dim=64, num_classes=10)
nn.init.zeros_(classifier.head.weight)
nn.init.zeros_(classifier.head.bias)
logits = classifier(table)                              # [B, S, C] -> [B, K]
loss = nn.functional.cross_entropy(logits, labels)
predict("first loss", loss)

# %% [markdown]
# Compare that with a head of ordinary random weights, which starts a little higher, and with one whose weights are ten
# times too large, where the network is *sure* of nonsense.

# %%
torch.manual_seed(0)
random = MyClassifier(hidden_dim=64, num_classes=10)
for scale in (0, 1, 10):
    loss = nn.functional.cross_entropy(scale * random(table), labels)
    print(f"head x {scale:2d}: first loss {loss.item():.2f}, ln K = {math.log(10):.2f}")

# %% [markdown]
# But can a head of zeros learn? The gradient says how the loss moves with each weight. For the head's weights it is the
# pooled channels times (probability minus truth), and that is not zero. What passes *back* to the blocks is
# multiplied by the head's weights: zero, at the first step only. So step one moves the head alone, and from step two on
# everything moves. You will see it below.
#
# ## The whole Mixer
#
# Now everything stands in its place. The picture at the top, as code. (`super().__init__()` comes first: it prepares the
# module to keep parts. `nn.Sequential` keeps several parts and calls one after the other; in a plain list PyTorch would
# not find their weights. The loop makes each block anew, with weights of its own.)

# %%
class MyMixer(nn.Module):
    def __init__(self, num_blocks=4, num_patches=16, hidden_dim=64, num_classes=10):
        super().__init__()
        self.embed = PatchEmbedding(28, 7, 1, hidden_dim)
        self.blocks = nn.Sequential(*[
            MixerBlock(hidden_dim, TokenMixing(num_patches, 32),
                       ChannelMixing(hidden_dim, 256)) for _ in range(num_blocks)])
        self.classifier = MyClassifier(hidden_dim, num_classes)

    def forward(self, images):
        x = self.embed(images)              # [B, C_in, H, W] -> [B, S, C]
        x = self.blocks(x)                  # [B, S, C]
        return self.classifier(x)           # [B, K]

# %% [markdown]
# ## The library's version
#
# `mixer_lib.MlpMixer` is this class with its sizes as arguments, the initialization, and clear errors. `create_model`
# builds one by name. Given the same weights, both must give the same logits, to the last bit:

# %%
torch.manual_seed(0)
library = create_model("mnist")             # the course's small model for digits
nn.init.normal_(library.head.weight)        # with zeros, any two would agree
mine = MyMixer()
for p, q in zip(mine.parameters(), library.parameters(), strict=True):
    p.data.copy_(q.data)                    # both list them as the forward pass goes
assert torch.equal(mine(x), library(x))
library(x).shape

# %% [markdown]
# Look at [`mixer_lib/model.py`](../mixer_lib/model.py) now. Read the `forward` of each class, from top to bottom:
# together they are the whole architecture, and you have built all of it. (Dropout and DropPath, two ways of leaving
# things out at random, act in training only, and are off unless you ask for them.)
#
# ## One training step, and the loss moves
#
# A fresh model, head at zero, one batch of 250 digits. Three times: loss, gradients, a small step against the gradient.
# Lesson 7 takes these lines apart; for now only watch the numbers.

# %%
torch.manual_seed(0)
model = create_model("mnist")
x = normalize(mnist.train_images[::40], mnist.mean, mnist.std)      # [250, 1, 28, 28]
y = mnist.train_labels[::40]                                        # [250]
fc1 = model.blocks[0].token_mixing.fc1      # a layer deep inside
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    in_head, inside = (layer.weight.grad.abs().max() for layer in (model.head, fc1))
    print(f"step {step}: loss {loss.item():.3f}, "
          f"largest gradient in the head {in_head:.0e}, in block 0 {inside:.0e}")
    optimizer.step()

# %% [markdown]
# Loss 2.303 = $\ln 10$ at first, as promised. At step 0 the gradient inside is exactly zero; at step 1 the head has
# moved and the blocks begin to learn. Lesson 7 does about a thousand such steps.
#
# ## Counting parameters
#
# How large is it? Count by hand, layer by layer. A linear layer from $m$ to $n$ numbers has $m \cdot n$ weights and $n$
# biases; a LayerNorm over $C$ channels has $C$ scales and $C$ shifts.

# %%
D, S, C, D_S, D_C, L, K = 49, 16, 64, 32, 256, 4, 10
embedding = D * C + C                               # patch embedding
token_mlp = (S * D_S + D_S) + (D_S * S + S)         # fc1 and fc2 of token mixing
channel_mlp = (C * D_C + D_C) + (D_C * C + C)       # fc1 and fc2 of channel mixing
block_size = token_mlp + channel_mlp + 2 * (2 * C)  # and two LayerNorms
by_hand = embedding + L * block_size + 2 * C + (C * K + K)

by_loop = sum(p.numel() for p in model.parameters())
print(f"by hand {by_hand:,}, by loop {by_loop:,}")
assert by_hand == by_loop

# %% [markdown]
# The same in letters, for any Mixer:
#
# $$\underbrace{(D + 1)\,C}_{\text{embedding}} \;+\; L\,\big[\,\underbrace{2 S D_S + D_S + S}_{\text{token MLP}} \;+\;
# \underbrace{2 C D_C + D_C + C}_{\text{channel MLP}} \;+\; \underbrace{4 C}_{\text{norms}}\,\big] \;+\;
# \underbrace{2 C}_{\text{last norm}} \;+\; \underbrace{(C + 1)\,K}_{\text{head}}$$
#
# To count a model one need not train it, so you can hold the count against the paper. Its [Table
# 1](https://arxiv.org/abs/2105.01601) lists seven models, named by size and patch side, and their parameters in
# millions, without the head. `count_parameters` builds the model on the device `meta`, which gives its numbers no
# memory, and adds up what its layers hold: even H/14 takes no time. (The last column, GMACs, belongs to the next
# section.)

# %%
from mixer_lib import count_macs, count_parameters
from mixer_lib.configs import MODELS

paper = {"S/32": 19, "S/16": 18, "B/32": 60, "B/16": 59,
         "L/32": 206, "L/16": 207, "H/14": 431}
print("model   paper    exact, no head    with 1000 classes    GMACs")
for name, millions in paper.items():
    exact = count_parameters(MODELS[name] | {"num_classes": 0})
    whole, gmacs = count_parameters(MODELS[name]), count_macs(MODELS[name]) / 1e9
    print(f"{name}   {millions:3d} M {exact:17,} {whole:20,} {gmacs:8.2f}")
    assert round(exact / 1e6) == millions

# %% [markdown]
# All seven agree.
#
# ## Counting work
#
# The last column counts **multiply-accumulates** (MACs): how often a weight is multiplied with a number and added to
# a sum, for one image. A linear layer from $m$ to $n$ does $m \cdot n$ of them each time it is used. The channel MLP
# is used once a token, $S$ times; the token MLP once a channel, $C$ times. Biases, norms and GELUs are left out: they
# are few. Together:
#
# $$\underbrace{S D C}_{\text{embedding}} \;+\; L\,\big[\,\underbrace{C \cdot 2 S D_S}_{\text{token MLP}} \;+\;
# \underbrace{S \cdot 2 C D_C}_{\text{channel MLP}}\,\big] \;+\; \underbrace{C K}_{\text{head}}
# \;=\; S D C + 2 L\, C S\, (D_S + D_C) + C K$$
#
# Check it by watching each linear layer at work on one digit: the numbers it gives out, times the numbers that each of
# them is a sum of.

# %%
macs = []

def count(layer, inputs, output):
    macs.append(output.numel() * layer.in_features)

watched = create_model("mnist")
for layer in watched.modules():
    if isinstance(layer, nn.Linear):
        layer.register_forward_hook(count)      # called whenever the layer is used
watched(x[:1])
assert sum(macs) == count_macs(MODELS["mnist"])
f"{sum(macs):,} MACs for one digit"

# %% [markdown]
# So a weight of the channel MLP works $S$ times an image, and one of the token MLP $C$ times.
#
# How do both counts grow? Read the formulas: where does $S$ stand, where $C$, where $P$ (it hides in $S$ and in $D$)?
# Then look at B/16 with one size changed at a time:

# %%
base = MODELS["B/16"]

def costs(key, values):
    configs = [base | {key: value} for value in values]
    return {"million parameters": [count_parameters(c) / 1e6 for c in configs],
            "100 million MACs": [count_macs(c) / 1e8 for c in configs]}

sides, widths, patches = [112, 224, 448, 896], [192, 384, 768, 1536], [8, 16, 32, 56]
tokens_at = [(side // 16) ** 2 for side in sides]
panels = {"tokens S (larger images)": (tokens_at, costs("image_size", sides)),
          "channels C": (widths, costs("hidden_dim", widths)),
          "patch side P (pixels)": (patches, costs("patch_size", patches))}

# %%
plots.show(
    plots.lines(panels, ylabel="count", log=True),
    alt="Three charts with logarithmic axes, parameters and MACs of B/16. Against the "
        "tokens, 49 to 3136, the MACs rise in proportion; the parameters stay near 60 "
        "million, and rise gently at the end. Against the channels both rise about "
        "twofold for each doubling. Against the patch side the MACs fall about "
        "fourfold for each doubling; the parameters stay near 60 million, a little "
        "more at both ends.")

# %% [markdown]
# - **More tokens** (a larger image at the same $P$): the work grows in proportion to $S$, and no faster. A vision
#   transformer's attention grows with $S^2$. But the token MLP's weights are tied to the number of tokens, $2 S D_S$ a
#   block: a Mixer's *size* depends on the image, unlike a convolution's.
# - **More channels**: both grow about in proportion to $C$. (Here $D_S$ and $D_C$ stay. With $D_C = 4C$, as in the
#   paper, they grow with $C^2$.)
# - **Smaller patches**: half the side, four times the tokens, so about four times the work, at almost the same number
#   of parameters. Those rise a little at both ends: small patches mean more tokens for the token MLP, large ones more
#   numbers a patch for the embedding.
#
# ## Move it
#
# Which part has the parameters, and which does the work? The sliders set the sizes. The chart shows your model as a ring
# among the models of the paper, with a power of ten from one line to the next; click a model there to take its sizes.
# Point at a part below to read its numbers. Begin with B/16, as set. Things to try:
#
# 1. Which part is largest, by both counts?
# 2. Make the patches as small as they go. What happens to the shares of the work, and what happens to its total?
# 3. Can you make token mixing cost as much work as channel mixing? Does it then have as many parameters?
# 4. Change one size at a time. Which of them moves the ring straight up?
#
# <details><summary>What you should see</summary>
#
# 1. Channel mixing, by far.
# 2. The shares of the work hardly move: both MLPs' work is in proportion to the number of tokens, and the total grows
#    with it. (Of the *parameters*, token mixing's share grows: it has weights for every place.)
# 3. Set `tokens_mlp_dim` to 3072, the same as `channels_mlp_dim`. The work is equal, as the formula says; the
#    parameters are not, because a token MLP has sides of 196 and 3072, a channel MLP of 768 and 3072.
# 4. The patch size: the same weights work on more tokens. (The ring moves a little to the side, since the embedding and
#    the token MLPs change their size.) The other sizes move it up and to the right.
#
# </details>

# %%
widgets.cost_explorer()

# %% [markdown]
# The shares of B/16 as a still picture:

# %%
from mixer_lib.costs import cost_by_part

plots.show(
    plots.cost_split(cost_by_part(MODELS["B/16"])),
    alt="Two bars for Mixer-B/16. Parameters, 59,880,472 in all: patch embedding 1 "
        "percent, token mixing 3, channel mixing 95, head 1. MACs, 12,601,767,936 in "
        "all: patch embedding 1 percent, token mixing 11, channel mixing 88, head "
        "close to 0.")


# %% [markdown]
# Nearly everything is channel mixing: 95% of the parameters and 88% of the work. The part that makes a Mixer a Mixer,
# token mixing, is 3% of its weights. Both MLPs are shared, one over the channels, the other over the tokens; token
# mixing is so cheap because its sides are short, 196 × 384 against 768 × 3072.
#
# ## Exercises
#
# ### 6.1 The end of the network · easy · 5 minutes
#
# Turn a table of tokens into logits, given a LayerNorm and a head.

# %% tags=["exercise-1"]
def classify(tokens, norm, head):
    """tokens: [B, S, C] -> logits [B, K]."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_classify(classify)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Three calls: `norm`, a mean over one axis, `head`. Which axis counts the tokens in `[B, S, C]`?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.1.
#
# </details>
#
# ### 6.2 Count any Mixer · medium · 10 minutes
#
# Write the formula as a function of `MlpMixer`'s arguments (square images and patches).

# %% tags=["exercise-2"]
def my_count(image_size, patch_size, in_channels, num_classes, num_blocks,
             hidden_dim, tokens_mlp_dim, channels_mlp_dim):
    """The number of parameters of MlpMixer with these arguments."""
    C, D_S, D_C = hidden_dim, tokens_mlp_dim, channels_mlp_dim
    ...  # your code here


# %%
exercises.check_count_parameters(my_count)


# %% [markdown]
# <details><summary>Hint</summary>
#
# First the letters: $S$ and $D$ as in lesson 1. Then four terms: the patch embedding, `num_blocks` times a block, the
# last LayerNorm, the head. Each linear layer has biases.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.2.
#
# </details>
#
# ### 6.3 A Mixer on a budget · medium · 10 minutes
#
# Design a Mixer for CIFAR-10 (32 × 32, 3 channels, 10 classes) with at least 64 tokens, 6 blocks and a `hidden_dim`
# of at least 96, with at most 300,000 parameters and at most 15 million MACs an image. There is more than one answer.
# The names of the arguments are those of exercise 6.2.

# %% tags=["exercise-3"]
def my_design():
    """The arguments of an MlpMixer for CIFAR-10, as a dict."""
    ...  # your code here


# %%
exercises.check_design(my_design)


# %% [markdown]
# <details><summary>Hint</summary>
#
# 64 tokens of a 32 × 32 image fix the largest patch side. Then begin with the smallest sizes allowed. The formula for
# the MACs, solved for $D_S + D_C$, tells you how wide the two MLPs may be together.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.3.
#
# </details>
#
# ### 6.4 Capstone: the whole Mixer, from an empty cell · hard · 45 minutes
#
# Close the other lessons. Write the whole network, from the pixels to the logits, as a class `Mixer`:
#
# - Of `torch` take `nn.Linear`, `nn.LayerNorm(..., eps=1e-6)` and `nn.GELU`; of `mixer_lib`, nothing. (A strided
#   `nn.Conv2d` for the patches is fine.) Add as many classes and functions of your own as you like, in this cell or in
#   cells above it.
# - Its `__init__` takes the eight sizes of exercise 6.2, by their names; image and patches are square. It makes the
#   parts in the order in which an image meets them. What you call them is your business.
# - Its `forward` takes images `[B, in_channels, H, W]` to logits `[B, K]`.
#
# Run the check as often as you like, for the first time when `__init__` is done. It goes from part to part, compares
# each with the library's on the same weights, and says which ones are right and what is wrong.

# %% tags=["exercise-4"]
class Mixer(nn.Module):
    """image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
    tokens_mlp_dim, channels_mlp_dim; images [B, C_in, H, W] -> logits [B, K]."""
    ...  # your code here


# %%
exercises.check_mixer(Mixer)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Draw the picture at the top of this lesson from memory, and its frame once more, larger, with what lesson 5 puts
# into it: norms, transposes, sums. Write the shape of the table at each arrow. Every box with weights is a line of
# `__init__`, every arrow a line of `forward`. Two small helpers make it short: an MLP (two linear layers, a GELU
# between them), used for both kinds of mixing, and a block (two norms, two MLPs), used $L$ times.
#
# Wrong shapes somewhere? Print `x.shape` after each line of `forward`. Wrong numbers only? The check names the part.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.4: a Mixer on one screen.
#
# </details>
#
# Done? Then it is yours. Build `Mixer(**MODELS["mnist"])`, start its head at zero, and ask for its loss on the 250
# digits `x` and `y` from above. You know what it must be.

# %% [markdown]
# ## Recap
#
# - Tokens become class scores by LayerNorm, mean over the tokens, and one linear layer: you did it by hand, with a
#   loop, with tensors and as a module, and the mean forgets where a token stood.
# - With a head of zeros the first loss is $\ln K$; the first step moves the head alone, then everything moves.
# - You assembled the whole Mixer; on the same weights it gives the library's logits to the last bit, and three steps
#   moved its loss.
# - You counted the seven models of Table 1 exactly. Work grows in proportion to the number of tokens; 95% of B/16's
#   parameters are channel mixing.
#
# ## Quiz
#
# **1.** Your classifier of 100 classes starts with a loss of 9.2. What do you check first?
#
# <details><summary>Answer</summary>
#
# $\ln 100 \approx 4.6$, so the untrained network is sure of nonsense: look at the head's initialization and the scale
# of what goes into it.
#
# </details>
#
# **2.** S/32 has *more* parameters than S/16, yet needs about a quarter of the work. Why?
#
# <details><summary>Answer</summary>
#
# Patches twice as long on each side: a patch has 4 times the numbers, so the patch embedding has 4 times the weights,
# while the smaller token MLPs save less than that. But there are only 49 tokens in place of 196, and the work is in
# proportion to them.
#
# </details>
#
# **3.** Can a Mixer trained on 224 × 224 images read a 448 × 448 image, patches of the same size?
#
# <details><summary>Answer</summary>
#
# No: the token MLP has weights for exactly 196 tokens, and now there are 784. (A convolutional network could. The
# paper's Appendix C shows how to grow the token MLP.)
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2, Figure 1 and Table 1.
# - [`mixer_lib/model.py`](../mixer_lib/model.py) whole, and `count_parameters` in
#   [`mixer_lib/costs.py`](../mixer_lib/costs.py).
# - The [glossary](glossary.md), for the words of this lesson.
#
# Next: [7 · Train on MNIST](07_train_mnist.ipynb). The network is built; now it learns to read.
