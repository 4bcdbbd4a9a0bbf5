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
# *After this lesson you can build the half of a Mixer that works on one token at a time, from a pencil and paper to a
# module, and prove that in it no token ever sees another.*
#
# **About 35 minutes, with the exercises 60.** You need: [lesson 2](02_patch_embedding.ipynb).
#
# Previous: [2 · The patch embedding](02_patch_embedding.ipynb). Next: [4 · Token mixing](04_token_mixing.ipynb)

# %% [markdown]
# Channel mixing takes each token of the table by itself. First it normalizes the token, then a small network gives an
# answer, and the answer is added to the token as it was.
#
# ![Channel mixing of one token. Left, a table of 4 tokens and 3 channels, shape [S, C]; row 0, which holds 4, 4, 0, is
# framed. An arrow leads to a box, LayerNorm, which gives 0.71, 0.71, minus 1.41, with mean 0 and spread 1. Then comes a
# box, MLP, which gives the answer 0, 0.37, 1.19: what should change. A second line, the residual, leads around both
# boxes to a plus sign, where the token as it was is added. The sum, 4, 4.37, 1.19, is row 0 of a new table of the same
# shape, whose other rows are still empty. Every other row goes the same way, with the same weights, and meets no other
# row.](../figures/channel_mixing.svg)
#
# Here is the Mixer of lesson 0, opened at its first channel mixing. It works along the rows of the table: each token
# changes, and none looks at another. In this lesson you build that half of a block. Press *step back* and *step* to see the
# rows change one after the other.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="channel mixing 1")

# %% [markdown]
# ## In this lesson you will
#
# - normalize a token by hand (LayerNorm), and say what the norm keeps and what it throws away;
# - see two linear layers collapse into one, and put a switch between them: GELU, exact and approximate;
# - build the MLP on each token, and the residual around it, by hand, with a loop, with tensors and as a module;
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
# Here is the table that lesson 2 ended with: a small gray drawing, cut into four patches, and what three detectors said
# about each patch. Channel 0 is the brightness, channel 1 is right minus left, channel 2 is bottom minus top.

# %%
tokens = torch.tensor([[4., 4., 0.],
                       [8., 0., 0.],
                       [0., 0., 0.],
                       [2., 2., -2.]])       # [S, C] = [4, 3]

# %% [markdown]
# A detector adds up pixels, and that is all it can do. So some plain questions about a patch are still open. For
# example: *is there an edge, whichever side is bright?* Channel 1 says 4 where the right side is bright, and it would
# say −4 where the left side is.
#
# All that is needed to answer stands in one row of the table. So let each token have a small network of its own: it
# reads the token's $C$ numbers, combines them, and writes $C$ numbers. This is **channel mixing**, the left half of
# the picture. The right half is lesson 4.
#
# ![The same table of 6 tokens and 8 channels, twice. Left, channel mixing: one row is framed, and an arrow leads from it
# through an MLP to the same row of a new table; every row alone, with the same weights. Right, token mixing: one column
# is framed, and goes through an MLP to the same column of a new table.](../figures/mixing.svg)
#
# ## First, the same patch in less light
#
# Take a photograph of the drawing in half the light. Every pixel is halved, so row 0 is no longer 4, 4, 0 but
# 2, 2, 0. It is the same drawing, and the network should think the same of it. So before it reads a token, we take out what
# the light does. By hand, for row 0: subtract the mean of its three numbers, then divide by their **standard
# deviation**, which is the root of the mean squared distance from the mean.

# %%
mean = (4 + 4 + 0) / 3
deviations = [4 - mean, 4 - mean, 0 - mean]
variance = sum(d * d for d in deviations) / 3
by_hand = [d / math.sqrt(variance) for d in deviations]
[round(number, 2) for number in by_hand]

# %% [markdown]
# Now the numbers say how the channels of this token compare: channels 0 and 1 are 0.71 standard deviations above its
# mean, channel 2 is 1.41 below. The same steps as a function, for the patch in full light and in half:

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
# The light is gone, as we wished. But token 2, the blank patch, is now *not a number*: its deviations are 0, its
# variance is 0, and 0 / 0 has no value. One such token would spoil all that is computed with it. That is what `eps`
# is for, a tiny number added under the root. The official code of the Mixer takes $10^{-6}$ (PyTorch's default is
# $10^{-5}$): too small to show in other tokens, enough to turn 0 / 0 into 0.
#
# **Predict.** With `eps`, all four tokens can be normalized. One other row comes out the same as row 0. Which?

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
# All tokens at once, and PyTorch's module. The mean and the variance run over the last axis, the channels; `keepdim`
# keeps that axis, so that each row loses its own mean. (`correction=0` divides by $C$; without it `var` divides by
# $C - 1$.)

# %%
mean = tokens.mean(dim=-1, keepdim=True)                        # [S, 1]
variance = tokens.var(dim=-1, correction=0, keepdim=True)       # [S, 1]
normed = (tokens - mean) / (variance + 1e-6).sqrt()             # [S, C]
assert torch.allclose(normed, by_loop, atol=1e-5)

norm = nn.LayerNorm(3, eps=1e-6)                                # C = 3 channels
assert torch.allclose(norm(tokens), normed, atol=1e-5)
[(name, values.tolist()) for name, values in norm.named_parameters()]

# %% [markdown]
# The module is called **LayerNorm**. It has a scale (PyTorch calls it `weight`) and a shift (`bias`) for each channel,
# $2C$ parameters, which it applies at the end. They begin at 1 and 0, where they do nothing, and training may change
# them: so a channel that matters can speak louder than the others.
#
# The norm works *per token*. One could also take one mean and one standard deviation for the whole table. In PyTorch
# that is a small change, another shape over which to normalize, and it is a different thing. Look at row 0 when
# nothing but token 1 becomes ten times as large:

# %%
louder = tokens * torch.tensor([1., 10., 1., 1.])[:, None]      # token 1 times 10
for name, shape in {"per token": [3], "whole table": [4, 3]}.items():
    before, after = (nn.functional.layer_norm(t, shape) for t in (tokens, louder))
    row = [[round(number, 2) for number in t[0].tolist()] for t in (before, after)]
    print(f"{name:11}  row 0: {row[0]} -> {row[1]}")

# %% [markdown]
# Over the whole table, token 0 changes because of something in token 1. That would be mixing tokens by the back door.
# In a Mixer they are mixed in one place only (lesson 4), and its norms work per token.
#
# ## Two linear layers are one
#
# Back to the question: is there an edge, whichever side is bright? The norm has changed it a little: does channel 1
# *stand out* from the token's mean, up or down? One linear layer cannot tell. Turn every sign in the token, and its
# weighted sums turn their signs, too: what said yes now says no.
#
# So let us use two. The first asks four questions ($D_C = 4$), one a row of its weights: is channel 1 above the mean?
# below? is channel 2 above? below? The second layer adds up: "above" and "below" of channel 1 go into channel 1,
# those of channel 2 into channel 2. Channel 0 is left alone.

# %%
W1 = torch.tensor([[0.,  1.,  0.],
                   [0., -1.,  0.],
                   [0.,  0.,  1.],
                   [0.,  0., -1.]])           # [D_C, C] = [4, 3]
W2 = torch.tensor([[0., 0., 0., 0.],
                   [1., 1., 0., 0.],
                   [0., 0., 1., 1.]])         # [C, D_C] = [3, 4]
questions = W1 @ normed[0]                    # [C] -> [D_C]
answer = W2 @ questions                       # [D_C] -> [C]
print("questions:", questions)
print("answer:   ", answer)

# %% [markdown]
# Nothing. The two questions about a channel cancel, in this token and in every other. And no better choice of weights
# will do: whatever the weights, two linear layers in a row are *one* linear layer, with the weights $W_2 W_1$ and the
# bias $W_2 b_1 + b_2$. Here $W_2 W_1$ is all zeros. With random numbers:

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
# Something must stand between the two layers that lets a "yes" pass and holds a "no" back. The plainest such switch is
# **ReLU**, $\max(0, z)$. The Mixer uses a smooth one, **GELU**:
#
# $$\text{gelu}(z) = z \cdot \Phi(z)$$
#
# $\Phi(z)$ is the share of the bell curve (the normal distribution with mean 0 and standard deviation 1) that lies
# below $z$. It turns gradually from 0 to 1, and PyTorch knows it as `torch.special.ndtr`:

# %%
for z in (-3., -1., 0., 1., 3.):
    share = torch.special.ndtr(torch.tensor(z)).item()
    print(f"z = {z:4.1f}   switch {share:.4f}   gelu(z) = {z * share:7.4f}")

# %% [markdown]
# A 3 passes almost whole, a −3 is held back almost whole, and near 0 it is a matter of degree.
#
# There is a second GELU, an approximation meant to be faster, $z \, \big(1 + \tanh(\sqrt{2/\pi}\,(z + 0.044715\,
# z^3))\big) / 2$. The official code of the Mixer takes it, so the weights that came with the paper were trained with
# it. How far are the two apart?

# %%
z = torch.linspace(-6, 6, 1201, dtype=torch.float64)
exact = z * torch.special.ndtr(z)
assert torch.allclose(exact, nn.functional.gelu(z))
with_tanh = nn.functional.gelu(z, approximate="tanh")
difference = exact - with_tanh
print(f"largest difference {difference.abs().max():.1e}, "
      f"at |z| = {z[difference.abs().argmax()].abs():.1f}")

# %%
near = slice(200, 1001)                                 # z from -4 to 4
plots.show(
    plots.functions({"GELU beside ReLU": (z[near], {
                         "GELU": exact[near], "ReLU": z[near].relu(),
                         "GELU's switch, Φ": torch.special.ndtr(z[near])}),
                     "GELU, exact minus tanh form": (z, {"difference": difference})},
                    xlabel="input z", ylabel="output"),
    alt="Two charts over z. Left, from -4 to 4: ReLU is 0 up to z = 0, then rises "
        "straight. GELU follows it at both ends, but rounds the corner: it dips "
        "to -0.17 near z = -0.75 and passes through 0. Its switch rises from 0 "
        "to 1 in an S, one half at z = 0. Right, from -6 to 6: the difference of the "
        "two forms waves between 0.0002 and -0.0005; it is 0 in the middle and at "
        "both ends.")

# %% [markdown]
# Less than five ten-thousandths: too little to see, and enough for two programs with the same weights to disagree. When
# you compare numbers with someone else's, ask which GELU they use. This course uses the exact one.
#
# ## The MLP, by hand
#
# Linear layer, GELU, linear layer: this is an **MLP**, a multi-layer perceptron. The numbers between its two layers
# are the **hidden units**, $D_C$ of them (`channels_mlp_dim` in code); together they are the hidden layer. Each is
# what lesson 2 called a detector, of a token in place of a patch. In the models of the paper $D_C = 4C$ ([Table
# 1](https://arxiv.org/abs/2105.01601)). Token 0, with our hand-made weights and the switch in place:

# %%
def gelu(z):
    return z * (1 + math.erf(z / math.sqrt(2))) / 2     # Φ, from the error function

above_1, below_1 = gelu(by_hand[1]), gelu(-by_hand[1])
above_2, below_2 = gelu(by_hand[2]), gelu(-by_hand[2])
answer_by_hand = [0, above_1 + below_1, above_2 + below_2]
[round(number, 2) for number in answer_by_hand]

# %% [markdown]
# Now there is an answer: channel 1 stands out a little (0.37), channel 2 more (1.19). That channel 2 stands out
# *below* the mean makes no difference any more, which is what we asked for. (Mind that it is not quite what we wanted
# to know: token 1 has no edge at all, but its channels 1 and 2 lie below its mean, and it will get 0.37 as well.
# Questions by hand are a first try. Training finds better ones.)
#
# The same with a loop over the tokens, then for all of them at once. As in lesson 2, a detector is a row of the
# weights, so for a table with the tokens in rows it is `x @ W.T`.

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
# Look at the loop once more. In it, a token meets the weights and nothing else: no line looks at a second token. And
# the weights are the same for each, *shared*, as in lesson 2.
#
# ## The residual: add, do not replace
#
# Should the answers now take the place of the tokens? The brightness in channel 0 would be lost, and so would the
# difference between tokens 0 and 3. So the answer is *added* to the token as it was before the norm. This is called a
# **residual connection**, or skip connection: the token skips the MLP, and the MLP has only to say what should change.

# %%
out = tokens + answers                                  # [S, C]
table_of = {"tokens": tokens, "after the norm": normed,
            "the MLP's answers": answers, "tokens + answers": out}
plots.show(
    plots.tables({title: table.round(decimals=2) for title, table in table_of.items()}),
    alt="Four tables of 4 tokens and 3 channels. Tokens: 4 4 0; 8 0 0; 0 0 0; 2 2 -2. "
        "After the norm: 0.71 0.71 -1.41; 1.41 -0.71 -0.71; 0 0 0; 0.71 0.71 -1.41, "
        "so rows 0 and 3 are equal. The MLP's answers: 0 0.37 1.19; 0 0.37 0.37; "
        "0 0 0; 0 0.37 1.19. Tokens plus answers: 4 4.37 1.19; 8 0.37 0.37; 0 0 0; "
        "2 2.37 -0.81, so rows 0 and 3 differ again.")

# %% [markdown]
# Rows 0 and 3 get the same answer and stay different. What the norm threw away was only hidden from the MLP.
#
# ## As a module
#
# Norm, MLP, sum, in a `forward` of two lines:

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
# Give it our weights, and it must give our table. (A linear layer always works on the last axis, so the batch axis in
# front changes nothing.)

# %%
toy = MyChannelMixing(C=3, D_C=4)
for linear, weight in ((toy.fc1, W1), (toy.fc2, W2)):
    linear.weight.data.copy_(weight)
    linear.bias.data.zero_()
assert torch.allclose(toy(tokens[None])[0], out, atol=1e-5)

# %% [markdown]
# Adding has another virtue: it is easy to do nothing. With zeros in the second layer, the table comes out as it went
# in, to the last bit. Without the sum, the layer would have to learn to copy.

# %%
silent = MyChannelMixing(C=3, D_C=4)
nn.init.zeros_(silent.fc2.weight)
nn.init.zeros_(silent.fc2.bias)
assert torch.equal(silent(tokens), tokens)

# %% [markdown]
# ## Who moves whom
#
# We *read* that no token sees another. Can one *measure* it, on a layer whose code one has not read? Yes: move one
# number of the input a little, and see which numbers of the output move. Here channel 1 of token 1 goes up by a
# hundredth:

# %%
nudged = tokens.clone()
nudged[1, 1] += 0.01
rate = (toy(nudged) - toy(tokens)).detach() / 0.01      # [S, C]
assert (rate[[0, 2, 3]] == 0).all()
plots.show(
    plots.tables({"output moved, by input moved": rate.round(decimals=2)}),
    alt="A table of 4 tokens and 3 channels. Only row 1 is colored: 0, 0.87, 0.13. "
        "Rows 0, 2 and 3 are white, with zeros.")

# %% [markdown]
# Only row 1 moves, and the others are not *nearly* 0 but exactly 0. (In row 1: the residual hands on the nudge whole,
# that is 1, and the MLP takes 0.13 from it, since channel 1 of this token lay below the mean and now stands out less. Channel 2
# stands out more.)
#
# Such a number, output moved by input moved, for ever smaller nudges, is called a **derivative**. All derivatives of
# one output number together are its **gradient**, and those of all output numbers the **Jacobian**. PyTorch computes
# them without nudging: `jacrev(f)(x)`. For a table `[S, C]` the Jacobian has four axes: which number moves (token,
# channel), and which number moves it (token, channel).

# %%
from torch.func import jacrev

J = jacrev(toy)(tokens).detach()                        # [S, C, S, C]
assert torch.allclose(J[:, :, 1, 1], rate, atol=0.01)   # moved by channel 1 of token 1
J.shape

# %% [markdown]
# Now a real image. The horse becomes 16 tokens of $C = 64$ channels, by an untrained patch embedding, and goes
# through an untrained channel mixing with $D_C = 256$ hidden units.

# %%
from mixer_lib.model import PatchEmbedding

torch.manual_seed(0)
horse = load_dataset("cifar10").train_images[3510].float() / 255    # [3, 32, 32]
embed = PatchEmbedding(image_size=32, patch_size=8, in_channels=3, hidden_dim=64)
layer = MyChannelMixing(C=64, D_C=256)
horse_tokens = embed(horse[None])[0].detach()       # [S, C] = [16, 64]
J = jacrev(layer)(horse_tokens).detach()            # [S, C, S, C]
moves = J.norm(dim=(1, 3))      # [S, S]: root of the sum of squares over both C
moves.shape

# %% [markdown]
# The last step leaves two axes, enough for a picture. `moves[j, i]` is a strength: the root of the sum of the squares
# of all derivatives of output token $j$ with respect to input token $i$ (here $i$ and $j$ count tokens). It is 0 only
# if all of them are.
#
# **Predict.** `moves` has 16 × 16 = 256 entries. How many of them are not zero?

# %%
predict("entries that are not zero", (moves != 0).sum())

# %% [markdown]
# For comparison, the same layer with the other norm, the one over the whole table:

# %%
def with_table_norm(x):
    normed = nn.functional.layer_norm(x, x.shape[-2:], eps=1e-6)            # [S, C]
    return x + layer.fc2(layer.gelu(layer.fc1(normed)))

leaks = jacrev(with_table_norm)(horse_tokens).detach().norm(dim=(1, 3))
plots.show(
    plots.tables({"norm over each token": moves, "norm over the whole table": leaks},
                 xlabel="input token", ylabel="output token", signed=False),
    alt="Two tables of 16 output tokens by 16 input tokens, white where nothing moves. "
        "Left, norm over each token: dark on the diagonal, all else white. Right, norm "
        "over the whole table: dark on the diagonal, and all else very pale. "
        "A bar shows the scale.")

off_diagonal = ~torch.eye(16, dtype=torch.bool)                             # [S, S]
assert (moves[off_diagonal] == 0).all()                                     # exactly
assert (leaks != 0).all()

# %% [markdown]
# The title of the lesson, as a picture: **the output of patch $i$ depends on patch $i$ alone.** (Derivatives speak of
# one table only, here the horse's. That it is so for every table follows from the loop above, which gives the same
# numbers and treats each token by itself.) On the right every token feels every other, through nothing but a shared
# mean and standard deviation.
#
# ## The library's version
#
# `mixer_lib` keeps the MLP in one class, `MlpBlock`: linear, GELU, linear on the last axis. `ChannelMixing` is an
# `MlpBlock` with a name and nothing added. The norm and the sum stand in the block of lesson 5, where one can see
# both residuals at a glance. On the same weights:

# %%
from mixer_lib.analysis import influence
from mixer_lib.model import ChannelMixing

mlp = ChannelMixing(64, 256)
mlp.fc1, mlp.fc2 = layer.fc1, layer.fc2                 # the same weights
x = horse_tokens[None]                                  # [B, S, C] = [1, 16, 64]
assert torch.equal(x + mlp(layer.norm(x)), layer(x))
count = sum(p.numel() for p in layer.parameters())
print(f"{count:,} parameters, used by all 16 tokens")

# %% [markdown]
# The picture of who moves whom is in the library, too, since the next lessons need it. `influence` takes a layer that
# works on batches, and one table:

# %%
assert torch.allclose(influence(layer, horse_tokens), moves, atol=1e-5)

# %% [markdown]
# ## Move it
#
# One token of the toy on its way through channel mixing, with a bar for each number. Drag a bar of the token up or down,
# and the page computes everything after it. Point at any other bar to see what it is made of. To take another token,
# click its row in the table. The first and the last panel share one scale, and the three between them share another.
# Things to try:
#
# 1. Take token 0 and turn down the light: move *multiply it by* from 1 to 0.25. Which panels stand still? And at 0?
# 2. Go back to 1, and move *add to all channels*. Which panels stand still now?
# 3. Set *multiply it by* to −1, so that every number of the token changes its sign. What do the hidden units do, and
#    what does the answer do?
# 4. Compare tokens 0 and 3.
# 5. Drag the token's bars to make the answer in channel 1 as large as you can. How far does it go?
#
# <details><summary>What you should see</summary>
#
# 1. The three panels in the middle do not move, because the MLP never learns about the light. Only the first and the
#    last panel move. At 0 nothing is left to normalize, and every number is 0.
# 2. The same three.
# 3. The norm's bars turn upside down, and the hidden units trade places, 0 with 1 and 2 with 3. The answer stays as it
#    was: it says *that* a channel stands out, whichever way.
# 4. Equal in the middle, different at both ends.
# 5. To 1.19, with channels 0 and 2 equal and channel 1 anywhere else. However far you drag, LayerNorm puts one of three
#    channels at most $\sqrt{2}$ = 1.41 standard deviations from the mean.
#
# </details>

# %%
widgets.token_explorer(tokens, toy.norm, toy)

# %% [markdown]
# ## Exercises
#
# ### 3.1 LayerNorm · easy · 5 minutes
#
# Write LayerNorm without `nn.LayerNorm` and `layer_norm`, with its scale and its shift. The axis of the channels is the
# last one, however many stand before it.

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
# The lesson has all but the last step: three lines with `dim=-1` and `keepdim=True`. Scale first, then shift. Which
# of the two multiplies, and which is added?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/03_channel_mixing.ipynb](solutions/03_channel_mixing.ipynb), exercise 3.1.
#
# </details>
#
# ### 3.2 Channel mixing from its weights · medium · 8 minutes
#
# Someone sends you a norm and the four tensors of an MLP, as `nn.Linear` keeps them. Compute what channel mixing
# makes of a batch of tables, the residual included. The GELU is the exact one.

# %% tags=["exercise-2"]
def channel_mixing(x, norm, W1, b1, W2, b2):
    """x: [B, S, C], norm: a module, W1: [D_C, C], W2: [C, D_C] -> [B, S, C]."""
    ...  # your code here


# %%
exercises.check_channel_mixing(channel_mixing)


# %% [markdown]
# <details><summary>Hint</summary>
#
# A linear layer is `x @ W.T + b`. Follow `forward` of `MyChannelMixing`, and mind what is added to what.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/03_channel_mixing.ipynb](solutions/03_channel_mixing.ipynb), exercise 3.2.
#
# </details>
#
# ### 3.3 The detective · hard · 12 minutes
#
# You get a layer, a function from `[B, S, C]` to `[B, S, C]`, and cannot read its code. Does it ever mix tokens? That
# is: does some output token depend on an input token other than its own? Return `True` or `False`. The check tries
# you on a dozen suspects. Some of them mix in ways that are easy to overlook, and some look guilty and are not.

# %% tags=["exercise-3"]
def mixes_tokens(layer, S, C):
    """layer: a function [B, S, C] -> [B, S, C]. Does an output see another token?"""
    ...  # your code here


# %%
exercises.check_mixes_tokens(mixes_tokens)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Take a random table, and look at who moves whom there: by nudging one token after the other, or with `influence`. What
# must the entries off the diagonal be, *exactly*, if nothing is mixed?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/03_channel_mixing.ipynb](solutions/03_channel_mixing.ipynb), exercise 3.3.
#
# </details>

# %% [markdown]
# ## Recap
#
# - LayerNorm takes from each token its own mean, and divides by its own standard deviation; eps saves blank tokens. The
#   level and the spread go, the pattern stays. A learned scale and shift follow.
# - Two linear layers in a row are one. GELU between them, $z \cdot \Phi(z)$, lets a yes pass and holds a no back; its
#   tanh form differs by less than 0.0005.
# - You built the MLP by hand, with a loop, with tensors and as a module, and added its answer to the token: the
#   residual keeps what was there.
# - The Jacobian, drawn as 16 × 16 strengths, is exactly zero off the diagonal: the output of patch $i$ depends on patch
#   $i$ alone.
#
# ## Quiz
#
# **1.** The images become twice as high and twice as wide, the patches stay. How many parameters does channel mixing
# gain?
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
# The same two rows of it are swapped, and nothing else changes: a token's output does not depend on where it stands,
# nor on who stands beside it.
#
# </details>
#
# **3.** Someone leaves the GELU out. The model trains, without an error. What has been lost?
#
# <details><summary>Answer</summary>
#
# The hidden layer: its two linear layers now do no more than one could, with $2 C D_C$ weights in place of $C^2$.
# "Stands out, whichever way" can no longer be said.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: the second line of equation 1 is this lesson.
# - [GELU](https://arxiv.org/abs/1606.08415), with both forms, and [LayerNorm](https://arxiv.org/abs/1607.06450), from
#   where they were first described.
# - `MlpBlock` and `ChannelMixing` in [`mixer_lib/model.py`](../mixer_lib/model.py), and the [glossary](glossary.md).
#
# Next: [4 · Token mixing](04_token_mixing.ipynb), where the patches begin to talk.
