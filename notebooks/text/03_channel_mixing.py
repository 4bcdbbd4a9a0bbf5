# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3 · Channel mixing: each token thinks for itself
#
# *After this lesson you can build the half of a Mixer that works on one token at a time, first with pencil and paper
# and finally as a module, and you can prove that no token in it ever sees another token.*
#
# **About 35 minutes, with the exercises 60.** You need: [lesson 2](02_patch_embedding.ipynb).
#
# Previous: [2 · The patch embedding](02_patch_embedding.ipynb). Next: [4 · Token mixing](04_token_mixing.ipynb)

# %% [markdown]
# Channel mixing handles each token of the table separately. It normalizes the token, a small network computes an
# answer, and the answer is added to the original token.
#
# ![Channel mixing of one token. Left, a table of 4 tokens and 3 channels, shape [S, C]; row 0, which holds 4, 4, 0, is
# framed. An arrow leads to a box, LayerNorm, which gives 0.71, 0.71, minus 1.41, with mean 0 and spread 1. Then comes a
# box, MLP, which gives the answer 0, 0, 2.05: what should change. A second line, the skip connection, leads around both
# boxes to a plus sign, where the original token is added. The sum, 4, 4, 2.05, is row 0 of a new table of the same
# shape, whose other rows are still empty. Every other row goes the same way, with the same weights, and meets no other
# row.](../figures/channel_mixing.svg)
#
# Here is the Mixer of lesson 0, opened at its first channel mixing. This step works along the rows of the table: every
# token changes, and no token looks at another. In this lesson you build this half of a block. Press *step back* and
# *step* to watch the rows change one after the other.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="channel mixing 1")

# %% [markdown]
# ## In this lesson you will
#
# - normalize a token by hand (LayerNorm), and give a reason for each of its parts;
# - see two linear layers collapse into one, and put a switch between them (GELU);
# - build the MLP and the skip connection around it by hand, with a loop, with tensors, and as a module;
# - measure with derivatives, and prove from the loop, that the output of patch $i$ depends on patch $i$ alone.

# %%
import math

import torch
from torch import nn

from mixer_lib import plots
from mixer_lib.data import load_dataset

# %% [markdown]
# ## The question
#
# Lesson 2 ended with this: a small gray drawing, cut into four patches, and the table of tokens, the answers of three
# detectors to each patch. Channel 0 is the brightness, channel 1 is right minus left, and channel 2 is bottom minus top.
# (In a table, color means sign and size: orange above 0, blue below, and the larger the number, the darker.)

# %%
patches = torch.tensor([[0., 8., 0., 8.], [8., 8., 8., 8.],
                        [0., 0., 0., 0.], [0., 8., 0., 0.]])    # [S, D] = [4, 4]
tokens = torch.tensor([[4., 4., 0.],
                       [8., 0., 0.],
                       [0., 0., 0.],
                       [2., 2., -2.]])                          # [S, C] = [4, 3]
grays = 0.1 + patches.reshape(4, 1, 2, 2) / 12          # as in lesson 2: 0.1 to 0.77
plots.show(plots.image_row(grays, [f"patch {s}" for s in range(4)], 4, width=5),
           alt="Four gray squares of 2 by 2 pixels. Patch 0: left dark, right light. "
               "Patch 1: all light. Patch 2: all dark. Patch 3: dark, except for a "
               "light pixel at its top right.")
plots.show(plots.tables({"tokens": tokens}),
           alt="The table of tokens, a row per patch: 4 4 0; 8 0 0; 0 0 0; 2 2 −2.")

# %% [markdown]
# A detector can only add up pixels, so some plain questions about a patch are still open. For example: **is there an
# edge in it, whichever side is bright?** Channel 1 is 4 where the right side is bright, and it would be −4 where the
# left side is bright. No single weighted sum says "yes" to just these two.
#
# Everything needed for the answer is in one row of the table. So each token gets a small network of its own: the
# network reads the token's $C$ numbers, combines them, and writes $C$ numbers. This is **channel mixing**, the left
# half of the next picture. The right half is lesson 4.
#
# ![The same table of 6 tokens and 8 channels, twice. Left, channel mixing: one row is framed, and an arrow leads from
# it through an MLP to the same row of a new table; every row alone, with the same weights. Right, token mixing: one
# column is framed, and goes through an MLP to the same column of a new table.](../figures/mixing.svg)
#
# Before the network reads a token, the token is normalized. Normalizing has two halves, and each has a reason.
#
# ## First half: divide by the spread
#
# Take a photograph of the drawing in half the light. Every pixel is halved, so row 0 becomes 2, 2, 0. It is the same
# drawing, and the network should reach the same conclusion. So we measure a token by its own
# yardstick, its **standard deviation**: the root of the mean squared distance from the mean. By hand, for row 0:

# %%
mean = (4 + 4 + 0) / 3
deviations = [4 - mean, 4 - mean, 0 - mean]
variance = sum(d * d for d in deviations) / 3
by_hand = [d / math.sqrt(variance) for d in deviations]
[round(number, 2) for number in by_hand]

# %% [markdown]
# Channels 0 and 1 are 0.71 standard deviations above the token's mean, and channel 2 is 1.41 below it. Half the light
# halves the deviations and the standard deviation alike, so the quotient stays the same. Here are the same steps as a
# function:

# %%
def normalize_token(token, eps):
    """token: [C] -> [C], with mean 0 and standard deviation 1"""
    deviation = token - token.mean()
    variance = (deviation ** 2).mean()
    return deviation / (variance + eps).sqrt()

print("full light:", normalize_token(torch.tensor([4., 4., 0.]), eps=0))
print("half light:", normalize_token(torch.tensor([2., 2., 0.]), eps=0))
print("token 2:   ", normalize_token(tokens[2], eps=0))

# %% [markdown]
# The two photographs now agree. But token 2, the blank patch, has become *not a number*: its variance is 0, and 0 / 0
# has no value. One such token would spoil everything computed from it. The remedy is `eps`, a tiny number added under
# the root. The official code of the Mixer uses $10^{-6}$ (PyTorch's default is $10^{-5}$), which is too small to show
# in other tokens but turns 0 / 0 into 0.
#
# ## Second half: subtract the mean
#
# Division alone would be enough for the light. So why does the function subtract the mean first? Suppose that all
# channels of all tokens carry the same large number in addition, here 100. (Nothing in a network prevents this:
# detectors have biases.) Divide by the typical size without subtracting the mean, and compare:

# %%
def divide_only(token, eps=1e-6):
    """token: [C] -> [C], divided by its root mean square; no mean is subtracted"""
    return token / ((token ** 2).mean() + eps).sqrt()

for s in (0, 1):
    lifted = tokens[s] + 100
    print(f"token {s}: divided only {[f'{n:.2f}' for n in divide_only(lifted)]}, "
          f"mean subtracted {[f'{n:.2f}' for n in normalize_token(lifted, 1e-6)]}")

# %% [markdown]
# Divided only, tokens 0 and 1 look nearly the same: all six numbers are close to 1. What the channels have in common
# drowns what makes them different. With the mean subtracted, the offset of 100 is gone and the pattern is back. (Some
# newer networks leave the mean in, and learn to live with it. The Mixer subtracts it.)
#
# **Predict.** With `eps`, all four tokens can be normalized. One other row comes out the same as row 0. Which one?

# %%
from mixer_lib.exercises import predict

rows = []
for token in tokens:                                            # token: [C]
    rows.append(normalize_token(token, eps=1e-6))
by_loop = torch.stack(rows)                                     # [S, C]
assert torch.allclose(by_loop[0], torch.tensor(by_hand), atol=1e-5)

same = [s for s in (1, 2, 3) if torch.allclose(by_loop[s], by_loop[0], atol=1e-5)]
predict("same as row 0", same[0])

# %% [markdown]
# ## All tokens at once
#
# The mean and the variance run over the last axis, the channels. `keepdim` keeps that axis, so that each row loses its
# own mean. (`correction=0` divides by $C$; without this option `var` divides by $C - 1$.) PyTorch has a module for it,
# **LayerNorm**:

# %%
mean = tokens.mean(dim=-1, keepdim=True)                        # [S, 1]
variance = tokens.var(dim=-1, correction=0, keepdim=True)       # [S, 1]
normed = (tokens - mean) / (variance + 1e-6).sqrt()             # [S, C]
assert torch.allclose(normed, by_loop, atol=1e-5)

norm = nn.LayerNorm(3, eps=1e-6)                                # C = 3 channels
assert torch.allclose(norm(tokens), normed, atol=1e-5)
[(name, values.tolist()) for name, values in norm.named_parameters()]

# %% [markdown]
# ## Scale and shift
#
# The module has two numbers for each channel, $2C$ parameters in all: a scale (PyTorch calls it `weight`) and a shift
# (`bias`). At the end, each channel is multiplied by its scale, and its shift is added. They begin at 1 and 0, where
# they do nothing.
#
# They let channels count differently, while the norm treats all of them alike. (In this MLP, the next layer's weights
# could do this, too.) With a scale of 2 a channel speaks twice as loud, with a scale of 0 it falls silent. Does
# training change them? Here are the scales of the first channel norm in a Mixer that was trained on CIFAR-10:

# %%
from mixer_lib.checkpoints import load_pretrained

trained, _ = load_pretrained("cifar10")
scales = trained.blocks[0].channel_norm.weight.detach()         # [C]
print(f"{len(scales)} scales, from {scales.min():.2f} to {scales.max():.2f}")

# %% [markdown]
# ## One norm per token
#
# The norm works *per token*. One could also take a single mean and a single standard deviation for the whole table. In
# PyTorch that is a small change, another shape to normalize over, but it is a different thing. Look at row 0 when
# only token 1 becomes ten times as large:

# %%
louder = tokens * torch.tensor([1., 10., 1., 1.])[:, None]      # token 1 times 10
for name, shape in {"per token": [3], "whole table": [4, 3]}.items():
    before, after = (nn.functional.layer_norm(t, shape) for t in (tokens, louder))
    row = [[round(number, 2) for number in t[0].tolist()] for t in (before, after)]
    print(f"{name:11}  row 0: {row[0]} -> {row[1]}")

# %% [markdown]
# Over the whole table, token 0 changes because of something in token 1. Tokens would mix through the back door. A
# block mixes its tokens in one place only (lesson 4), and its norms work per token.
#
# ## Two linear layers are one
#
# Back to the question: is there an edge, whichever side is bright? Most edges make channels 1 and 2 differ, and a
# patch without an edge has 0 in both. So we ask how channels 1 and 2 *differ*. (A difference survives the subtraction
# of the mean.)
#
# One linear layer will not do, with a bias or without. The norm leaves a blank patch at zeros, so the bias must be 0.
# A bright flat patch must get a 0, too. After the norm it is 1.41, −0.71, −0.71, so its weighted sum is 0 only if
# $2 w_0 = w_1 + w_2$. The three numbers of a token add up to 0 after the norm. With both, all that is left of the
# weighted sum is $(w_1 - w_2) / 2$ times (channel 1 minus channel 2). Opposite edges get opposite signs, so they cannot
# both be positive.
#
# So let us use two layers. The first asks two questions ($D_C = 2$), one per row of its weights: is channel 1 larger
# than channel 2? Is it smaller? The second layer adds the two answers up and writes the sum to channel 2.

# %%
W1 = torch.tensor([[0.,  1., -1.],
                   [0., -1.,  1.]])           # [D_C, C] = [2, 3]
W2 = torch.tensor([[0., 0.],
                   [0., 0.],
                   [1., 1.]])                 # [C, D_C] = [3, 2]
questions = W1 @ normed[0]                    # [C] -> [D_C]
answer = W2 @ questions                       # [D_C] -> [C]
print("questions:", questions)
print("answer:   ", answer)

# %% [markdown]
# The answer is 0: the two questions cancel, in this token and in every other. No better choice of weights will help.
# Whatever the weights, two linear layers in a row are *one* linear layer, with the weights $W_2 W_1$ and the bias
# $W_2 b_1 + b_2$. In our case $W_2 W_1$ is all zeros. Here is the same with random numbers:

# %%
torch.manual_seed(0)
first, second = nn.Linear(3, 100), nn.Linear(100, 3)
both = second.weight @ first.weight                             # [3, 3]
bias = second.weight @ first.bias + second.bias                 # [3]
assert torch.allclose(second(first(normed)), normed @ both.T + bias, atol=1e-5)
assert torch.equal(W2 @ W1, torch.zeros(3, 3))
weights = first.weight.numel() + second.weight.numel()
print(f"{weights} weights do the work of {both.numel()}")

# %% [markdown]
# ## A switch: GELU
#
# Between the two layers we need something that lets a "yes" pass and holds a "no" back. The plainest such switch is
# **ReLU**, $\max(0, z)$. The Mixer uses a smooth one, **GELU**:
#
# $$\text{gelu}(z) = z \cdot \Phi(z)$$
#
# $\Phi(z)$ is the share of the bell curve (the normal distribution with mean 0 and standard deviation 1) that lies
# below $z$. It rises gradually from 0 to 1. PyTorch calls it `torch.special.ndtr`:

# %%
for z in (-3., -1., 0., 1., 3.):
    share = torch.special.ndtr(torch.tensor(z)).item()
    print(f"z = {z:4.1f}   switch {share:.4f}   gelu(z) = {z * share:7.4f}")

# %%
z = torch.linspace(-4, 4, 801)
plots.show(
    plots.functions({"GELU beside ReLU": (z, {
                        "GELU": nn.functional.gelu(z), "ReLU": z.relu(),
                        "GELU's switch, Φ": torch.special.ndtr(z)})},
                    xlabel="input z", ylabel="output"),
    alt="A chart over z from -4 to 4. ReLU is 0 up to z = 0, then rises straight. GELU "
        "follows ReLU at both ends, but rounds the corner: it dips to -0.17 near "
        "z = -0.75 and passes through 0. The switch rises from 0 to 1 in an S and is "
        "one half at z = 0.")

# %% [markdown]
# A 3 passes almost unchanged, a −3 is held back almost completely, and the change between the two is gradual.
#
# <details><summary>There is a second GELU, and the released weights need it (for a second reading)</summary>
#
# The official code uses an approximation that was meant to be faster,
# $z \, \big(1 + \tanh(\sqrt{2/\pi}\,(z + 0.044715\, z^3))\big) / 2$; in PyTorch, `nn.GELU(approximate="tanh")`. The two
# forms differ by less than 0.0005 everywhere. This is too little to see and enough for two programs with the same
# weights to disagree. When you compare numbers with someone else's, ask which GELU they use. This course uses the exact
# one, and the tanh form for the released weights (lesson 12).
#
# </details>
#
# ## The MLP, by hand
#
# Linear layer, GELU, linear layer: this is an **MLP**, a multi-layer perceptron. The numbers between its two layers
# are the **hidden units**, $D_C$ of them (`channels_mlp_dim` in code); together they are the hidden layer. Each hidden
# unit is a detector, as in lesson 2, but it looks at a token instead of a patch. In the models of the paper $D_C = 4C$
# ([Table 1](https://arxiv.org/abs/2105.01601)). For token 0, with our hand-made weights and with the switch in place:

# %%
def gelu(z):
    return z * (1 + math.erf(z / math.sqrt(2))) / 2     # Φ, from the error function

larger = gelu(by_hand[1] - by_hand[2])                  # channel 1 above channel 2?
smaller = gelu(by_hand[2] - by_hand[1])                 # or below it?
answer_by_hand = [0, 0, larger + smaller]
[round(number, 2) for number in answer_by_hand]

# %% [markdown]
# Now there is an answer: 2.05 in channel 2 says "there is an edge". Here is the same computation with a loop over the
# tokens, and then for all of them at once. As in lesson 2, a detector is a row of the weights. So for a table with the
# tokens in rows, the layer is `x @ W.T`.

# %%
rows = []
for token in normed:                                    # token: [C]
    hidden = nn.functional.gelu(W1 @ token)             # [C] -> [D_C]
    rows.append(W2 @ hidden)                            # [D_C] -> [C]
answers_by_loop = torch.stack(rows)                     # [S, C]
assert torch.allclose(answers_by_loop[0], torch.tensor(answer_by_hand), atol=1e-5)

hidden = nn.functional.gelu(normed @ W1.T)              # [S, C] -> [S, D_C]
answers = hidden @ W2.T                                 # [S, D_C] -> [S, C]
assert torch.allclose(answers, answers_by_loop, atol=1e-5)

# %% [markdown]
# Does the MLP answer the question that we asked? Here is every patch of the toy, the mirror image of patch 0 (its left
# side is bright), and a patch in which only the bottom right pixel is bright:

# %%
cases = {f"token {s}": tokens[s] for s in range(4)}
cases |= {"token 0, mirrored": torch.tensor([4., -4., 0.]),
          "bottom right pixel": torch.tensor([2., 2., 2.])}
for name, token in cases.items():
    normalized = normalize_token(token, eps=1e-6)                       # [C]
    difference = (normalized[1] - normalized[2]).item()     # what the two units see
    says = (W2 @ nn.functional.gelu(W1 @ normalized))[2].item()
    print(f"{name:19} {token.tolist()!s:18} "
          f"difference {difference:5.2f}   edge: {says:.2f}")

# %% [markdown]
# Both flat patches get 0. The patches brighter on the right or on the left get a positive number, as we wanted. The
# last patch shows where the hand-made MLP fails: its two edges are equal, so the difference between the channels is
# 0, and the MLP misses them. Are the questions to blame, or the norm? The stretch asks.
#
# All that the two units see of a token is this difference, channel 1 minus channel 2. So one picture shows the whole
# MLP:

# %%
z = torch.linspace(-2.5, 2.5, 201)
yes, no = nn.functional.gelu(z), nn.functional.gelu(-z)
plots.show(
    plots.functions({"each unit is a ramp, their sum is a V": (z, {
                        "the MLP: their sum": yes + no,
                        "unit 0: is channel 1 larger?": yes,
                        "unit 1: is it smaller?": no})},
                    "channel 1 minus channel 2, after the norm", ylabel="answer"),
    alt="A chart over the difference, from -2.5 to 2.5. Unit 0 is near 0 on the left "
        "and rises to 2.5 on the right. Unit 1 is its mirror image. Their sum has the "
        "shape of a V with a round tip: 0 in the middle, up to 2.5 on both sides.")

# %% [markdown]
# The V is above 0 on both sides. What a single linear layer can make of the difference is a straight line through 0,
# which is below 0 on one side.
#
# Look at the loop once more. A token meets the weights and nothing else: no line looks at a second token. And all
# tokens meet the same weights. The weights are *shared*, as in lesson 2.
#
# ## The skip connection: add, do not replace
#
# Should the answers now take the place of the tokens? Then the brightness in channel 0 would be lost, and so would the
# difference between tokens 0 and 3. So the answer is *added* to the original token, as it was before the norm. This is
# called a **skip connection** (also *residual connection*): the token skips the MLP, and the MLP only has to say what
# should change.

# %%
out = tokens + answers                                  # [S, C]
table_of = {"tokens": tokens, "after the norm": normed,
            "the MLP's answers": answers, "tokens + answers": out}
plots.show(plots.tables({title: t.round(decimals=2) for title, t in table_of.items()}))

# %% [markdown]
# Rows 0 and 3 are equal after the norm, get the same answer, and still stay different. The norm hid their difference
# from the MLP, but the skip connection carried it past the MLP.
#
# ## As a module
#
# Norm, MLP, and sum, in a `forward` of two lines. (A class for a layer inherits from `nn.Module`. The line
# `super().__init__()` runs the preparations of `nn.Module`, which keeps a list of all parameters from then on.)

# %%
class MyChannelMixing(nn.Module):
    def __init__(self, C, D_C):
        super().__init__()
        self.norm = nn.LayerNorm(C, eps=1e-6)
        self.fc1 = nn.Linear(C, D_C)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(D_C, C)

    def forward(self, x):
        hidden = self.gelu(self.fc1(self.norm(x)))      # [B, S, C] -> [B, S, D_C]
        return x + self.fc2(hidden)                     # [B, S, D_C] -> [B, S, C]

# %% [markdown]
# With our weights, the module must give our table. (A linear layer always works on the last axis, so the batch axis in
# front changes nothing.)

# %%
toy = MyChannelMixing(C=3, D_C=2)
for linear, weight in ((toy.fc1, W1), (toy.fc2, W2)):
    linear.weight.data.copy_(weight)
    linear.bias.data.zero_()
assert torch.allclose(toy(tokens[None])[0], out, atol=1e-5)

# %% [markdown]
# Adding has a second virtue: it is easy to do nothing. With zeros in the second layer, the table comes out exactly as
# it went in. Without the sum, the layer would have to learn to copy.

# %%
silent = MyChannelMixing(C=3, D_C=2)
nn.init.zeros_(silent.fc2.weight)
nn.init.zeros_(silent.fc2.bias)
assert torch.equal(silent(tokens), tokens)

# %% [markdown]
# ## Why a deep network needs the norm
#
# The usual reason for a norm has nothing to do with light. A network stacks many layers, and each adds its answer to
# the table. Without a norm, a larger table causes larger answers, and these make the table larger still. With a norm,
# every MLP reads numbers of size 1, however large the table has become. Try it: a horse of 16 tokens and 64 channels
# goes through 32 channel mixings with random weights, drawn twice as large as PyTorch draws them. The size of a table
# is the standard deviation of all its numbers.

# %%
from mixer_lib.model import ChannelMixing, PatchEmbedding

torch.manual_seed(0)
horse = load_dataset("cifar10").train_images[3510].float() / 255    # [C_in, H, W]
embed = PatchEmbedding(image_size=32, patch_size=8, in_channels=3, hidden_dim=64)
horse_tokens = embed(horse[None])[0].detach()           # [S, C] = [16, 64]
with_norm = without_norm = horse_tokens
norm = nn.LayerNorm(64, eps=1e-6)
for layer in range(1, 33):
    mlp = ChannelMixing(64, 256)                        # the library's MLP: C, D_C
    with torch.no_grad():                               # plain numbers are enough here
        mlp.fc1.weight.mul_(2), mlp.fc2.weight.mul_(2)
        with_norm = with_norm + mlp(norm(with_norm))
        without_norm = without_norm + mlp(without_norm)
    if layer in (1, 8, 16, 32):
        print(f"after layer {layer:2}: with the norm {with_norm.std():5.2f}, "
              f"without {without_norm.std():8.2f}")

# %% [markdown]
# With the norm, the table grows ever more slowly, since no answer grows with the table. Without the norm, it grows by
# a factor from layer to layer. (With smaller weights this growth is slower. The norm saves us from having to find
# weights of just the right size, before training and during it.) Lesson 5 looks at whole stacks of blocks and trains
# them.
#
# ## Who moves whom
#
# We *read* in the code that no token sees another. Can you *measure* it, on a layer whose code you have not read?
# Yes: move one number of the input a little, and see which numbers of the output move. Here channel 1 of token 0 goes up by
# a hundredth:

# %%
nudged = tokens.clone()
nudged[0, 1] += 0.01
rate = (toy(nudged) - toy(tokens)).detach() / 0.01      # [S, C]
assert (rate[1:] == 0).all()
plots.show(plots.tables({"output movement per input movement": rate.round(decimals=2)}))

# %% [markdown]
# Only row 0 moves, and the other rows are not *nearly* 0 but exactly 0. In row 0, the skip connection passes the whole
# nudge on to channel 1, which is the 1. The MLP sees a larger difference between channels 1 and 2, so it raises channel
# 2.
#
# ## Derivatives: all nudges at once
#
# Such a number, output movement per input movement, for ever smaller nudges, is called a **derivative**. All
# derivatives of one output number together are its **gradient**, and those of all output numbers are the **Jacobian**.
# PyTorch computes them without nudging: `jacrev(f)(x)`. For a table `[S, C]` the Jacobian has four axes: which number
# moves (token, channel), and which number moves it (token, channel).

# %%
from torch.func import jacrev

J = jacrev(toy)(tokens).detach()                        # [S, C, S, C]
assert torch.allclose(J[:, :, 0, 1], rate, atol=0.01)   # moved by channel 1 of token 0
J.shape

# %% [markdown]
# Now a real image. The tokens of the horse go through one untrained channel mixing with $D_C = 256$ hidden units.

# %%
torch.manual_seed(0)
layer = MyChannelMixing(C=64, D_C=256)
J = jacrev(layer)(horse_tokens).detach()            # [S, C, S, C]
moves = J.norm(dim=(1, 3))      # [S, S]: root of the sum of squares over both C
moves.shape

# %% [markdown]
# The last step leaves two axes, enough for a picture. `moves[j, i]` is a strength: take all derivatives of output token
# $j$ with respect to input token $i$, and take the root of the sum of their squares. (Here $i$ and $j$ count tokens.)
# The strength is 0 only if all these derivatives are 0.
#
# **Predict.** `moves` has 16 × 16 = 256 entries. How many of them are not zero?

# %%
predict("entries that are not zero", (moves != 0).sum())

# %% [markdown]
# For comparison, here is the same layer with the other norm, the one over the whole table:

# %%
def with_table_norm(x):
    normed = nn.functional.layer_norm(x, x.shape[-2:], eps=1e-6)            # [S, C]
    return x + layer.fc2(layer.gelu(layer.fc1(normed)))

leaks = jacrev(with_table_norm)(horse_tokens).detach().norm(dim=(1, 3))
plots.show(
    plots.tables({"norm over each token": moves, "norm over the whole table": leaks},
                 xlabel="input token", ylabel="output token", signed=False),
    alt="Two tables of 16 output tokens by 16 input tokens, empty where nothing moves. "
        "Left, norm over each token: about 9 on the diagonal, all else empty. Right, "
        "norm over the whole table: about 9 on the diagonal, too, and all else filled "
        "in the color of numbers just above 0. A bar shows the scale.")

# %%
off_diagonal = ~torch.eye(16, dtype=torch.bool)                             # [S, S]
assert (moves[off_diagonal] == 0).all()                                     # exactly
assert (leaks != 0).all()
print(f"norm over the whole table: {leaks.diagonal().mean():.1f} on the diagonal, "
      f"{leaks[off_diagonal].min():.2f} to {leaks[off_diagonal].max():.2f} off it")

# %% [markdown]
# The title of the lesson, as a picture: **the output of patch $i$ depends on patch $i$ alone.** (Derivatives tell us
# about one table only, here the horse's. The loop above proves it for every table: it gives the same numbers, and it
# treats each token by itself.) In the right picture every token feels every other, more than a hundred times more
# weakly than itself, through nothing but a shared mean and a shared standard deviation.
#
# ## The library's version
#
# `mixer_lib` keeps the MLP in one class, `MlpBlock`: linear, GELU, linear on the last axis. `ChannelMixing` is an
# `MlpBlock` under another name, with nothing added. The norm and the sum are in the block of lesson 5, where one can
# see both skip connections at a glance. With the same weights:

# %%
mlp = ChannelMixing(64, 256)
mlp.fc1, mlp.fc2 = layer.fc1, layer.fc2                 # the same weights
x = horse_tokens[None]                                  # [B, S, C] = [1, 16, 64]
assert torch.equal(x + mlp(layer.norm(x)), layer(x))
count = sum(p.numel() for p in layer.parameters())
print(f"{count:,} parameters, used by all 16 tokens")

# %% [markdown]
# The measurement of who moves whom is in the library, too, since the next lessons need it. `influence` takes a layer
# that works on batches, and one table:

# %%
from mixer_lib.analysis import influence

assert torch.allclose(influence(layer, horse_tokens), moves, atol=1e-5)

# %% [markdown]
# ## Move it
#
# This is one token of the toy on its way through channel mixing, with a bar for each number. Drag a bar of the token up
# or down, and the page computes everything after it. Point at any other bar to see how its number is made. To take
# another token, click its row in the table. The first and the last panel share one scale, and the three panels between
# them share another. Things to try:
#
# 1. Take token 0 and turn down the light: move *multiply it by* from 1 to 0.25. Which panels stand still? And at 0?
# 2. Go back to 1, and move *add to all channels*. Which panels stand still now?
# 3. Press *as it was*, and drag channel 1 of token 0 from 4 down to −4. This is the mirrored patch. What do the hidden
#    units do on the way, and what does the answer do?
# 4. Compare tokens 0 and 3.
# 5. Drag the token's bars to make the answer in channel 2 as large as you can. How far does it go?
#
# <details><summary>What you should see</summary>
#
# 1. The three panels in the middle stand still, because the MLP never learns about the light. Only the first and the
#    last panel move. At 0 nothing is left to normalize, and every number is 0.
# 2. The same three.
# 3. The two hidden units trade roles: first unit 0 is large, then unit 1. The answer is 0 where the two channels are
#    equal (at 0, in the middle), and positive on both sides.
# 4. They are equal in the middle and different at both ends.
# 5. To 2.41, with channel 0 halfway between channels 1 and 2. However far you drag, the norm brings the token back to a
#    standard deviation of 1.
#
# </details>

# %%
widgets.token_explorer(tokens, toy.norm, toy)

# %% [markdown]
# ## Exercises
#
# ### 3.1 LayerNorm · write · easy · 5 minutes
#
# Write LayerNorm with its scale and its shift, without `nn.LayerNorm` and without `layer_norm`. The axis of the
# channels is the last one, however many axes come before it.

# %% tags=["exercise-1"]
def my_layer_norm(x, scale, shift, eps):
    """x: [..., C], scale and shift: [C] -> [..., C], normalized over the channels."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_layer_norm(my_layer_norm)


# %% [markdown]
# <details><summary>Hint</summary>
#
# The section "All tokens at once" has everything but the last step: three lines with `dim=-1` and `keepdim=True`. Scale
# first, then shift. Which of the two multiplies, and which is added?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/03_channel_mixing.ipynb](solutions/03_channel_mixing.ipynb), exercise 3.1.
#
# </details>
#
# ### 3.2 Channel mixing · repair · medium · 8 minutes
#
# A colleague sends you this function. It should run channel mixing on somebody's weights, as `nn.Linear` keeps them,
# with the exact GELU. It runs without an error, its shapes are right, and it has **three** mistakes.

# %%
def broken_channel_mixing(x, norm, W1, b1, W2, b2):
    x = norm(x)                                         # [B, S, C]
    hidden = x @ W1.T                                   # [B, S, C] -> [B, S, D_C]
    answer = nn.functional.gelu(hidden @ W2.T + b2)     # [B, S, D_C] -> [B, S, C]
    return x + answer                                   # [B, S, C]

# %% [markdown]
# Write it correctly. The check names what is still wrong.

# %% tags=["exercise-2"]
def channel_mixing(x, norm, W1, b1, W2, b2):
    """x: [B, S, C], norm: a module, W1: [D_C, C], W2: [C, D_C] -> [B, S, C]."""
    ...  # your code here


# %%
exercises.check_channel_mixing(channel_mixing)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Go through it line by line with the picture at the top of the lesson. What does the skip connection carry? What is
# between the two layers? Which of the given tensors is never used?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/03_channel_mixing.ipynb](solutions/03_channel_mixing.ipynb), exercise 3.2.
#
# </details>
#
# ### 3.3 The detective · measure · hard · 12 minutes
#
# You get a layer, a function from `[B, S, C]` to `[B, S, C]`, and you cannot read its code. Does it ever mix tokens?
# That is, does some output token depend on an input token other than its own? Return `True` or `False`. The check tries
# your function on more than a dozen suspects. Some of them mix in ways that are easy to overlook, and some look guilty
# and are not.

# %% tags=["exercise-3"]
def mixes_tokens(layer, S, C):
    """layer: a function [B, S, C] -> [B, S, C]. Does an output see another token?"""
    ...  # your code here


# %%
exercises.check_mixes_tokens(mixes_tokens)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Take a random table, and measure who moves whom there: nudge one token after the other, or use `influence`. What must
# the entries off the diagonal be, *exactly*, if nothing is mixed?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/03_channel_mixing.ipynb](solutions/03_channel_mixing.ipynb), exercise 3.3.
#
# </details>
#
# ### Stretch: a better question
#
# The hand-made MLP misses a patch whose two edges are equal. Can you choose weights and biases, with as many hidden
# units as you like, so that every patch with an edge gets a positive answer and every flat patch gets 0? If you think
# that it cannot be done after LayerNorm, find two patches, one with an edge and one without, that the norm makes equal.
# (There is no check for this one.)
#
# ## Recap
#
# - LayerNorm subtracts each token's own mean, so that a common offset cannot drown the pattern, and divides by the
#   token's own standard deviation, so that the light and the depth of the network do not matter. `eps` saves blank
#   tokens. A learned scale and shift let some channels speak louder than others.
# - Two linear layers in a row are one. GELU between them, $z \cdot \Phi(z)$, lets a yes pass and holds a no back.
# - You built the MLP by hand, with a loop, with tensors, and as a module, and added its answer to the token: the
#   skip connection keeps what was there.
# - The Jacobian, drawn as 16 × 16 strengths, is exactly zero off the diagonal: the output of patch $i$ depends on patch
#   $i$ alone.
#
# ## Quiz
#
# **1.** The images become twice as high and twice as wide, and the patches keep their size. How many parameters does
# channel mixing gain?
#
# <details><summary>Answer</summary>
#
# None. There are four times as many tokens, and all of them use the same weights.
#
# </details>
#
# **2.** You swap two rows of the table, then apply channel mixing. What happens to the output?
#
# <details><summary>Answer</summary>
#
# The same two rows of the output are swapped, and nothing else changes. A token's output depends neither on the token's
# place nor on the other tokens.
#
# </details>
#
# **3.** Someone leaves the GELU out. The model trains without an error. What has been lost?
#
# <details><summary>Answer</summary>
#
# The hidden layer. The two linear layers now do no more than one linear layer could, with $2 C D_C$ weights instead of
# $C^2$. The MLP can no longer say "the two channels differ, whichever is larger".
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: the second line of equation 1 is this lesson.
# - [GELU](https://arxiv.org/abs/1606.08415) and [LayerNorm](https://arxiv.org/abs/1607.06450), the papers that
#   introduced them. [RMSNorm](https://arxiv.org/abs/1910.07467) is the norm that only divides.
# - `MlpBlock` and `ChannelMixing` in [`mixer_lib/model.py`](../mixer_lib/model.py), and the [glossary](glossary.md).
#
# Next: [4 · Token mixing](04_token_mixing.ipynb), where the patches begin to talk.
