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
# *After this lesson you can assemble the whole MLP-Mixer from its parts, say what its first loss must be before you run it, and count any
# Mixer of the paper to the last parameter.*
#
# **About 25 minutes, with the exercises 50.** You need: [lesson 1](01_patches.ipynb), and to have
# seen a PyTorch `nn.Module`.
#
# Previous: [1 · Patches](01_patches.ipynb) · Next: [7 · Train on MNIST](07_train_mnist.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - turn a table of tokens into class scores: LayerNorm, mean, one linear layer;
# - predict the first loss of an untrained classifier, $\ln K$, and see why the head starts at zero;
# - assemble the whole Mixer and get the same logits as `mixer_lib.MlpMixer`;
# - count the seven models of the paper exactly, and see how parameters and work grow with the sizes.

# %%
import math

import torch
from torch import nn

from mixer_lib import plots
from mixer_lib.data import load_dataset, normalize

# %% [markdown]
# ## Where we stand
#
# From lesson 1 you know the table of patches, `[S, D]`. What happens next, in short (lessons 2 to 5, which build these
# parts, are being written):
#
# 1. The **patch embedding**, one linear layer, turns each patch of $D$ numbers into a **token** of $C$ numbers, called
#    channels (not to be confused with the color channels): `[S, D]` → `[S, C]`. All patches share its weights.
# 2. An **MLP** (multi-layer perceptron) here is always: linear layer, GELU (a smooth switch, $\max(0, x)$ with a rounded
#    corner), linear layer.
# 3. A **Mixer block** takes a table `[S, C]` and gives one of the same shape. In it, one MLP works on the columns of the
#    table, so that tokens exchange what they know (**token mixing**), and a second one on its rows (**channel mixing**).
#    Before each MLP stands a LayerNorm, explained below, and its output is *added* to the table.
# 4. $L$ blocks follow each other.
#
# Here they are, at work on eight digits:
# %%
from mixer_lib.model import MixerBlock, PatchEmbedding

torch.manual_seed(0)
mnist = load_dataset("mnist")
images = mnist.train_images[::1250]                     # uint8 [8, 1, 28, 28]
x = normalize(images, mnist.mean, mnist.std)            # float [B, 1, 28, 28]
embed = PatchEmbedding(image_size=28, patch_size=7, in_channels=1, hidden_dim=64)
block = MixerBlock(num_patches=16, hidden_dim=64,
                   tokens_mlp_dim=32, channels_mlp_dim=256)
tokens = block(embed(x))                                # [B, S, C]
tokens.shape

# %% [markdown]
# ## The question
#
# Each image is now a table of 16 tokens with 64 channels. We want ten numbers, one a digit. How would you get from
# `[16, 64]` to `[10]`?
#
# One could feed all 1024 numbers to one linear layer. The paper does something plainer: it **averages** the tokens.
#
# ## The smallest example
#
# Three tokens with two channels. The average of the tokens, by hand, with a loop, and in one line:

# %%
table = torch.tensor([[1., 10.], [2., 20.], [6., 60.]])     # [S, C] = [3, 2]
by_hand = torch.tensor([(1 + 2 + 6) / 3, (10 + 20 + 60) / 3])

by_loop = torch.zeros(2)
for token in table:                                         # token: [C]
    by_loop += token / len(table)

pooled = table.mean(dim=0)                                  # [S, C] -> [C]
assert torch.allclose(by_hand, by_loop) and torch.allclose(by_hand, pooled)
pooled

# %% [markdown]
# This is called **global average pooling**: one number a channel, the mean over all places. In a batch the tokens are
# axis 1, so it is `tokens.mean(dim=1)`: `[B, S, C]` → `[B, C]`.
#
# **Predict, then run.** Swap the first and the last token of the table, then pool. Does the result change? Write `True`
# or `False`.

# %%
my_prediction = None

# %%
from mixer_lib.exercises import reveal

shuffled = table[[2, 1, 0]]         # the tokens in another order
reveal(my_prediction, not torch.allclose(shuffled.mean(dim=0), pooled))

# %% [markdown]
# The mean does not know where a token stood. If the position of something in the image matters for the verdict, the
# blocks before must have written it into the *channels*. They can: token mixing has a weight for every position.
#
# Just before the mean stands one more **LayerNorm**. For each token on its own, it subtracts the mean of its $C$ channels
# and divides by their standard deviation; then a learned scale and shift, which begin at 1 and 0. So each token has the
# same say in the average, however large its numbers grew on the way.

# %%
norm = nn.LayerNorm(64, eps=1e-6)
y = norm(tokens)                                            # [B, S, C]
one_token = tokens[0, 0]                                    # [C]
by_hand = (one_token - one_token.mean()) / (one_token.var(correction=0) + 1e-6).sqrt()
assert torch.allclose(y[0, 0], by_hand, atol=1e-5)

pooled = y.mean(dim=1)                                      # [B, S, C] -> [B, C]
pooled.shape

# %% [markdown]
# ## The head
#
# One linear layer from $C$ channels to $K$ classes gives the **logits**: one score a class, any real number. **Softmax**
# turns them into probabilities, and the **cross-entropy** loss is minus the logarithm of the probability that the true
# class was given.
#
# **Predict, then run.** The paper's code starts the head with all weights and biases at *zero*. There are $K = 10$
# classes. What is the loss before any training? (Round to three digits. `math.log` is at hand.)

# %%
my_prediction = None        # for example 0.5

# %%
head = nn.Linear(64, 10)
nn.init.zeros_(head.weight)
nn.init.zeros_(head.bias)
logits = head(pooled)                                       # [B, C] -> [B, K]
labels = mnist.train_labels[::1250]                         # [B]
loss = nn.functional.cross_entropy(logits, labels)
reveal(my_prediction, round(loss.item(), 3))

# %% [markdown]
# All logits are 0, so each class has probability $1/K$, and the loss is $-\ln(1/K) = \ln K = \ln 10 \approx 2.303$. It
# must be: the network has said, as it should, that it knows nothing. If your first loss is far from $\ln K$, something is
# wrong before training has begun. Look at it every time.
#
# A head of ordinary random weights starts a little higher, and one with weights ten times too large much higher: now the
# network is *sure* of nonsense.

# %%
torch.manual_seed(0)
random_head = nn.Linear(64, 10)
for scale in (0, 1, 10):
    loss = nn.functional.cross_entropy(scale * random_head(pooled), labels)
    print(f"head x {scale:2d}: first loss {loss.item():.3f}, ln K = {math.log(10):.3f}")

# %% [markdown]
# But can a head of zeros learn? The gradient of its weights is the pooled features times (probability minus truth), and
# that is not zero. The gradient that it passes *back* to the blocks is multiplied by its weights: zero, at the first step
# only. So step one moves the head alone, and from step two on everything moves. You will see it below.
#
# ## The whole Mixer
#
# Now everything stands in its place. The picture of the paper's Figure 1, as code:

# %%
class MyMixer(nn.Module):
    def __init__(self, num_blocks=4, num_patches=16, hidden_dim=64, num_classes=10):
        super().__init__()
        self.embed = PatchEmbedding(28, 7, 1, hidden_dim)
        self.blocks = nn.Sequential(*[MixerBlock(num_patches, hidden_dim, 32, 256)
                                      for _ in range(num_blocks)])
        self.norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.head = nn.Linear(hidden_dim, num_classes)

    def forward(self, images):
        x = self.embed(images)              # [B, S, C]
        x = self.blocks(x)                  # [B, S, C]
        x = self.norm(x).mean(dim=1)        # [B, C]
        return self.head(x)                 # [B, K]

# %% [markdown]
# The library's `MlpMixer` is this class with its sizes as arguments, the initialization, and clear errors. Given the
# same weights, both must give the same logits, to the last bit:

# %%
from mixer_lib import create_model

torch.manual_seed(0)
library = create_model("mnist")             # the course's small model for digits
nn.init.normal_(library.head.weight)        # with zeros, any two would agree
mine = MyMixer()
for p, q in zip(mine.parameters(), library.parameters(), strict=True):
    p.data.copy_(q.data)                    # both list them as the forward pass goes
assert torch.equal(mine(x), library(x))
library(x).shape

# %% [markdown]
# Look at the library's version now, [`mixer_lib/model.py`](../mixer_lib/model.py). Read the `forward` of each class, from
# top to bottom: together they are the whole architecture. (Dropout and DropPath act in training only, and are off unless
# you ask for them.)
#
# ## One training step, and the loss moves
#
# A fresh model, head at zero, one batch of 250 digits. Three times: loss, gradients, a small step against the gradient.
# Lesson 7 takes these lines apart; for now only watch the numbers.

# %%
torch.manual_seed(0)
model = create_model("mnist")
x = normalize(mnist.train_images[::40], mnist.mean, mnist.std)      # [250, 1, 28, 28]
y = mnist.train_labels[::40]
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
# Loss 2.303 = $\ln 10$ at first, as promised. At step 0 the gradient inside is exactly zero; at step 1 the head has moved
# and the blocks begin to learn. Lesson 7 does about a thousand such steps.
#
# ## Counting parameters
#
# How large is it? Count by hand, layer by layer. A linear layer from $m$ to $n$ numbers has $m \cdot n$ weights and $n$
# biases; a LayerNorm over $C$ channels has $C$ scales and $C$ shifts.

# %%
D, S, C, D_S, D_C, L, K = 49, 16, 64, 32, 256, 4, 10
stem = D * C + C                                    # patch embedding
token_mlp = (S * D_S + D_S) + (D_S * S + S)         # fc1 and fc2 of token mixing
channel_mlp = (C * D_C + D_C) + (D_C * C + C)       # fc1 and fc2 of channel mixing
block_size = token_mlp + channel_mlp + 2 * (2 * C)  # and two LayerNorms
by_hand = stem + L * block_size + 2 * C + (C * K + K)

by_loop = sum(p.numel() for p in model.parameters())
print(f"by hand {by_hand:,}, by loop {by_loop:,}")
assert by_hand == by_loop

# %% [markdown]
# $D_S$ and $D_C$ are the widths of the hidden layers of the token-mixing and the channel-mixing MLP, `tokens_mlp_dim`
# and `channels_mlp_dim` in code. To count a model one need not train it, so we can hold our count against the paper.
# Table 1 lists seven models, named by size and patch side, and their parameters in millions, without the head.
# `count_parameters` is the formula above:

# %%
from mixer_lib.configs import MODELS, count_macs, count_parameters

paper = {"S/32": 19, "S/16": 18, "B/32": 60, "B/16": 59,
         "L/32": 206, "L/16": 207, "H/14": 431}
print("model   paper    exact, no head    with 1000 classes    GMACs")
for name, millions in paper.items():
    exact = count_parameters(MODELS[name] | {"num_classes": 0})
    whole, gmacs = count_parameters(MODELS[name]), count_macs(MODELS[name]) / 1e9
    print(f"{name}   {millions:3d} M {exact:17,} {whole:20,} {gmacs:8.2f}")
    assert round(exact / 1e6) == millions

# %% [markdown]
# All seven agree. (And the count is the built model's, not only the formula's: the `meta` device builds a model without
# giving its numbers any memory, so even H/14 takes no time.)

# %%
with torch.device("meta"):
    huge = create_model("H/14")
assert sum(p.numel() for p in huge.parameters()) == count_parameters(MODELS["H/14"])
print(f"H/14: {count_parameters(MODELS['H/14']):,}")

# %% [markdown]
# ## Counting work
#
# The last column counts **multiply-accumulates** (MACs): how often a weight is multiplied with a number and added to a
# sum, for one image. A linear layer from $m$ to $n$ does $m \cdot n$ of them each time it is used. The channel MLP is
# used once a token, $S$ times; the token MLP once a channel, $C$ times. Together:
#
# $$\text{MACs} = S D C + 2 L\, C S\, (D_S + D_C) + C K$$
#
# Check it by watching each linear layer at work on one digit: the numbers it gives out, times the numbers that each of
# them is a sum of.

# %%
from mixer_lib import count_macs

macs = []

def count(layer, inputs, output):
    macs.append(output.numel() * layer.in_features)

for layer in model.modules():
    if isinstance(layer, nn.Linear):
        layer.register_forward_hook(count)      # called whenever the layer is used
model(x[:1])
assert sum(macs) == count_macs(MODELS["mnist"])
f"{sum(macs):,} MACs for one digit"

# %% [markdown]
# So a parameter of the channel MLP works $S$ times an image, and one of the token MLP $C$ times. How do both counts grow?
# Here B/16 with one size changed at a time:

# %%
base = MODELS["B/16"]
sides, widths, patches = [112, 224, 448, 896], [192, 384, 768, 1536], [8, 16, 32, 56]

def costs(key, values):
    configs = [base | {key: value} for value in values]
    return values, {"million parameters": [count_parameters(c) / 1e6 for c in configs],
                    "100 million MACs": [count_macs(c) / 1e8 for c in configs]}

figure = plots.lines({"image side (pixels)": costs("image_size", sides),
                      "hidden_dim C": costs("hidden_dim", widths),
                      "patch side P (pixels)": costs("patch_size", patches)},
                     ylabel="count", log=True)
plots.show(
    figure,
    alt="Three charts with logarithmic axes, parameters and MACs of B/16. Against the"
        " image side the MACs rise about fourfold for each doubling, the parameters "
        "hardly, up to a gentle rise at 896. Against hidden_dim both rise about "
        "twofold for each doubling. Against the patch side the MACs fall about "
        "fourfold for each doubling; the parameters stay near 60 million, a little "
        "more at both ends.")

# %% [markdown]
# - **A larger image** ($S$ grows with its area): the work grows in proportion to $S$, and no faster. A vision transformer's
#   attention grows with $S^2$. But the token MLP's weights are tied to the number of tokens, $2 S D_S$ a block: a Mixer's
#   *size* depends on the image, unlike a CNN's.
# - **More channels**: both grow in proportion (here $D_S$ and $D_C$ stay; with $D_C = 4C$, as in the paper, with $C^2$).
# - **Smaller patches**: more tokens, so more work, at almost the same number of parameters. Those rise a little at both
#   ends: small patches mean more tokens for the token MLP, large ones more numbers a patch for the embedding.
#
# ## Move it
#
# Where do the parameters sit, and where the work? Begin with B/16, as set. Then try:
#
# 1. Which part is largest, by both counts?
# 2. Make the patches as small as they go. What happens to the shares of the work, and what to its total?
# 3. Can you make token mixing cost as much work as channel mixing? Are its parameters as many, then?
#
# <details><summary>What you should see</summary>
#
# 1. Channel mixing, by far.
# 2. The shares hardly move, since both kinds of mixing are done for each token; the total grows with their number.
# 3. Set `tokens_mlp_dim` to 3072, the same as `channels_mlp_dim`. The work is equal, as the formula says; the parameters
#    are not, because a token MLP has sides of 196 and 3072, a channel MLP of 768 and 3072.
#
# </details>

# %%
from mixer_lib import widgets

widgets.cost_explorer()

# %% [markdown]
# The same picture for B/16, standing still:

# %%
from mixer_lib.configs import cost_by_part

plots.show(
    plots.cost_split(cost_by_part(MODELS["B/16"])),
    alt="Two bars for Mixer-B/16. Parameters, 59,880,472 in all: patch embedding 1 "
        "percent, token mixing 3, channel mixing 95, head 1. MACs, 12,601,767,936 in "
        "all: patch embedding 1 percent, token mixing 11, channel mixing 88, head "
        "close to 0.")


# %% [markdown]
# Nearly everything is channel mixing: 95% of the parameters and 88% of the work. The part that makes a Mixer a Mixer,
# token mixing, is 3% of its weights. Both MLPs are shared, one over the channels, the other over the tokens; token mixing is
# so cheap because its sides are short, 196 × 384 against 768 × 3072.
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
# Design a Mixer for CIFAR-10 (32 × 32, 3 channels, 10 classes) with at least 64 tokens, 6 blocks and a `hidden_dim` of at
# least 96, with at most 300,000 parameters and at most 15 million MACs an image. There is more than one answer. The names
# of the arguments are those of exercise 6.2.

# %% tags=["exercise-3"]
def my_design():
    """The arguments of an MlpMixer for CIFAR-10, as a dict."""
    ...  # your code here


# %%
exercises.check_design(my_design)

# %% [markdown]
# <details><summary>Hint</summary>
#
# 64 tokens of a 32 × 32 image fix the largest patch side. Then begin with the smallest sizes allowed. The formula for the
# MACs, solved for $D_S + D_C$, tells you how wide the two MLPs may be together.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.3.
#
# </details>

# %% [markdown]
# ## Recap
#
# - Tokens become class scores by LayerNorm, mean over the tokens, and one linear layer.
# - With a head of zeros the first loss is $\ln K$; the first step moves the head alone, then everything moves.
# - You assembled the whole Mixer; on the same weights it gives the library's logits to the last bit.
# - You counted the seven models of Table 1 exactly. Work grows in proportion to the number of tokens; 95% of B/16's
#   parameters are channel mixing.
#
# ## Quiz
#
# **1.** Your classifier of 100 classes starts with a loss of 9.2. What do you check first?
#
# <details><summary>Answer</summary>
#
# $\ln 100 \approx 4.6$, so the untrained network is sure of nonsense: look at the head's initialization and the scale of
# what goes into it.
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
# No: the token MLP has weights for exactly 196 tokens, and now there are 784. (A CNN could. The paper's Appendix C
# shows how to grow the token MLP.)
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2, Figure 1 and Table 1.
# - [`mixer_lib/model.py`](../mixer_lib/model.py) whole, and `count_parameters` in
#   [`mixer_lib/configs.py`](../mixer_lib/configs.py).
# - The [glossary](glossary.md), for the many new words of this lesson.
#
# Next: [7 · Train on MNIST](07_train_mnist.ipynb).
