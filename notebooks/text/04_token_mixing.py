# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4 · Token mixing: the patches talk
#
# *After this lesson you can write token mixing from an empty cell, prove who hears whom in it, and say what happens
# when the patches come in another order.*
#
# **About 35 minutes, with the exercises 75.** You need: [lesson 3](03_channel_mixing.ipynb).
#
# Previous: [3 · Channel mixing](03_channel_mixing.ipynb). Next: [5 · The Mixer block](05_mixer_layer.ipynb)

# %% [markdown]
# Token mixing lays the table on its side, applies the MLP of lesson 3, and turns the table back.
#
# ![Five tables of numbers, from left to right, with arrows between them; channel 0 is framed in each. First the tokens,
# shape [S, C], 4 rows and 3 columns; channel 0 is the first column: 4, 8, 0, 2. An arrow T, the transpose, leads to
# shape [C, S], where channel 0 is the first row. Times W1.T, then GELU: shape [C, D_S], 3 rows and 2 columns; channel 0
# is 10 and 0. Times W2.T: shape [C, S] again; channel 0 is 2.5, 2.5, minus 2.5, minus 2.5. A second transpose brings
# back shape [S, C], with channel 0 as a column. A bracket below the three tables in the middle: the MLP of lesson 3,
# along the rows, from S to D_S to S. In a batch, [B, S, C] becomes [B, C, S] and comes back.](../figures/transpose.svg)
#
# Here is the Mixer of lesson 0, opened at its first token mixing. This step works down the columns of the table, and
# here the patches exchange what they know. In this lesson you build this half of a block. Press *step back* and *step*
# to watch the columns change one after the other. Hover over a hidden unit to see its weights as a picture on the
# patches.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="token mixing 1")

# %% [markdown]
# ## In this lesson you will
#
# - mix the tokens of a table by hand, with a loop over the channels, and with a transpose, and see that all three
#   agree;
# - predict which cells move when one number is nudged, and measure it for the whole table with derivatives;
# - look at a hidden unit as a picture on the grid of patches;
# - count what sharing over the channels saves, and compare token mixing with self-attention;
# - bring the patches into another order, and the weights with them, so that nothing is lost.

# %%
import torch
from torch import nn

from mixer_lib import plots
from mixer_lib.model import MlpBlock

# %% [markdown]
# ## The question
#
# Lesson 3 ended with a proof: in channel mixing, no token ever hears of another token. Stack a hundred such layers, and
# the patch with the horse's back still does not know that there are legs below it.
#
# Here again is the table that lesson 2 ended with: 4 tokens, 3 channels. Its tokens stand for a 2 × 2 grid of patches,
# so you can lay out each *column* of the table as a small picture, with one number per patch. (Orange means above 0, so
# in channel 0 the brightest patch, 8, is the darkest orange.)

# %%
tokens = torch.tensor([[4., 4., 0.],            # top left
                       [8., 0., 0.],            # top right
                       [0., 0., 0.],            # bottom left
                       [2., 2., -2.]])          # bottom right; [S, C] = [4, 3]
columns = {f"channel {c}": tokens[:, c].reshape(2, 2) for c in range(3)}
plots.show(plots.tables(columns, xlabel="column of the grid", ylabel="row of the grid",
                        width=6.6))

# %% [markdown]
# Channel 0 is brightness. **Is the drawing brighter at the top than at the bottom?** You see the answer at once. No
# token can tell: token 1 knows that its own patch is bright, 8, and nothing else. No row of the table contains the
# answer. A column does.
#
# ## The smallest example
#
# Column 0 holds 4, 8, 0, 2: top left, top right, bottom left, bottom right. *Top minus bottom* is a weighted sum of
# these numbers with the weights 1, 1, −1, −1. *Left minus right* has the weights 1, −1, 1, −1:

# %%
column = tokens[:, 0]                           # [S]
top_minus_bottom = 4 + 8 - 0 - 2
left_minus_right = 4 - 8 + 0 - 2
W1 = torch.tensor([[1., 1., -1., -1.],          # unit 0: top minus bottom
                   [1., -1., 1., -1.]])         # unit 1: left minus right; [D_S, S]
assert (W1 @ column).tolist() == [top_minus_bottom, left_minus_right]
print(top_minus_bottom, left_minus_right)

# %% [markdown]
# The 10 says that the top is brighter, and the −6 says that the left is darker. You have just written two hidden units
# of a new MLP. In lesson 3, a unit had one weight for each *channel* and read a row. Here, a unit has one weight for
# each *token* and reads a column. An MLP that reads columns is called **token mixing**. The number of its hidden units
# is $D_S$, here 2 (`tokens_mlp_dim` in code).
#
# ## The same weights for every channel
#
# The same question makes sense for the other channels, too. Ask it with the same weights, one channel after the other:

# %%
hidden = torch.zeros(3, 2)                      # [C, D_S]
for c in range(3):                              # every channel,
    for d in range(2):                          # every hidden unit,
        for s in range(4):                      # every token
            hidden[c, d] += W1[d, s] * tokens[s, c]
hidden

# %% [markdown]
# There is one row per channel, and the first row is what you computed. Notice what the loop does not contain: a weight
# that depends on `c`. The unit does not know which channel it is reading. Lesson 2 shared its weights over the patches,
# and token mixing shares its weights over the channels.
#
# ## On its side
#
# The loop should become a linear layer. But a linear layer works along the last axis, and the numbers to be added are
# below each other, along the first axis. So lay the table on its side. This is called the **transpose**: rows become
# columns, and the number at `[s, c]` goes to `[c, s]`. Now each row is one channel, and a linear layer treats all rows
# alike, as it always does:

# %%
on_its_side = tokens.T                          # [S, C] -> [C, S]
at_once = nn.functional.linear(on_its_side, W1)  # x @ W1.T: [C, S] -> [C, D_S]
assert torch.equal(at_once, hidden)
on_its_side

# %% [markdown]
# ## There and back
#
# You know the rest from lesson 3: a bias, GELU, a second linear layer, a bias. (This lesson leaves LayerNorm and the
# skip connection out. Lesson 5 puts them around both kinds of mixing.) The second layer brings each channel back from $D_S$
# answers to $S$ tokens, so its weights have the shape `[S, D_S]`: one row per token, which says how much the token
# takes from each answer. Let a token at the top take a quarter of *top minus bottom*, and a token at the bottom minus a
# quarter. Do the same for left and right. The biases are zero, so that you can follow the numbers.

# %%
W2 = torch.tensor([[1., 1.],                    # top left
                   [1., -1.],                   # top right
                   [-1., 1.],                   # bottom left
                   [-1., -1.]]) / 4             # bottom right; [S, D_S]
b1, b2 = torch.zeros(2), torch.zeros(4)         # [D_S], [S]

def mix_tokens(x):
    """[S, C] -> [S, C]"""
    x = x.T                                     # [C, S]
    x = nn.functional.linear(x, W1, b1)         # [C, D_S]
    x = nn.functional.gelu(x)
    x = nn.functional.linear(x, W2, b2)         # [C, S]
    return x.T                                  # [S, C]

# %% [markdown]
# Compare it with the loop, one column at a time, and then look at the result:

# %%
mixed = mix_tokens(tokens)
for c in range(3):
    answers = nn.functional.gelu(W1 @ tokens[:, c] + b1)                # [D_S]
    assert torch.allclose(mixed[:, c], W2 @ answers + b2, atol=1e-5)

plots.show(plots.tables({"tokens": tokens, "mixed": mixed}, width=5))

# %% [markdown]
# In channel 0, GELU lets the 10 through and turns the −6 into almost nothing. So only *top minus bottom* remains: 2.5
# for the two tokens at the top and −2.5 for the two at the bottom. Token 2, the blank patch, held nothing but zeros.
# Now it knows that it lies at the dark end of a drawing that is brighter elsewhere. It has heard of the others.
#
# ## One nudge
#
# **Predict.** Add 1 to a single number of the table, channel 2 of token 1, and mix again. How many of the 12 cells of
# the result change, and which ones?

# %%
from mixer_lib.exercises import predict

nudged = tokens.clone()
nudged[1, 2] += 1
change = mix_tokens(nudged) - mixed                                     # [S, C]
predict("one nudge", (change.abs() > 1e-6).sum())

# %% [markdown]
# Lesson 3 showed you the left half of this picture, channel mixing. Now you have built the right half, too:
#
# ![The same table of 6 tokens and 8 channels, twice. Left, channel mixing: one row is framed, and an arrow leads from
# it through an MLP to the same row of a new table; every row alone, with the same weights. Right, token mixing: one
# column is framed, and goes through an MLP to the same column of a new table; every column alone, with the same
# weights.](../figures/mixing.svg)
#
# ## As a module
#
# Read `mix_tokens` again. Between the two transposes is, line for line, the MLP of lesson 3, which the library calls
# `MlpBlock`. *Channel mixing of the table on its side is token mixing of the table.* So there is no new layer to write,
# only two transposes. In a batch the images stay in front, and the other two axes trade places: `transpose(1, 2)`.

# %%
class MyTokenMixing(nn.Module):
    def __init__(self, num_patches, tokens_mlp_dim):
        super().__init__()
        self.mlp = MlpBlock(num_patches, tokens_mlp_dim)    # S -> D_S -> S

    def forward(self, x):                                   # [B, S, C]
        x = x.transpose(1, 2)                               # [B, C, S]
        x = self.mlp(x)                                     # [B, C, S]
        return x.transpose(1, 2)                            # [B, S, C]

# %%
mixing = MyTokenMixing(num_patches=4, tokens_mlp_dim=2)
weights = {"fc1.weight": W1, "fc1.bias": b1, "fc2.weight": W2, "fc2.bias": b2}
mixing.mlp.load_state_dict(weights)     # our hand-made weights replace random ones
assert torch.allclose(mixing(tokens[None])[0], mixed, atol=1e-5)

# %% [markdown]
# ## Who hears whom
#
# A nudge tests one number. Derivatives test all of them. As in lesson 3, `influence` measures how strongly each token
# of the result moves with each token of the input, or each channel with each channel, and an empty cell means exactly
# 0. Here are both kinds of mixing with random weights, measured at the horse's 16 tokens of 64 channels:

# %%
from mixer_lib.analysis import influence
from mixer_lib.data import load_dataset
from mixer_lib.model import ChannelMixing, PatchEmbedding

torch.manual_seed(0)
cifar = load_dataset("cifar10")
horse = cifar.train_images[3510].float() / 255              # [C_in, H, W]
embed = PatchEmbedding(image_size=32, patch_size=8, in_channels=3, hidden_dim=64)
horse_tokens = embed(horse[None])[0].detach()               # [S, C] = [16, 64]
channel_mixing = ChannelMixing(64, 256)
token_mixing = MyTokenMixing(16, 32)

# %%
channel_tokens = influence(channel_mixing, horse_tokens, "tokens")          # [S, S]
token_tokens = influence(token_mixing, horse_tokens, "tokens")              # [S, S]
channel_channels = influence(channel_mixing, horse_tokens, "channels")      # [C, C]
token_channels = influence(token_mixing, horse_tokens, "channels")          # [C, C]
plots.show(
    plots.tables({"channel mixing:\ntokens": channel_tokens,
                  "token mixing:\ntokens": token_tokens,
                  "channel mixing:\n16 of 64 channels": channel_channels[:16, :16],
                  "token mixing:\n16 of 64 channels": token_channels[:16, :16]},
                 xlabel="input", ylabel="output", signed=False, width=11),
    alt="Four tables of influence, 16 by 16, empty where it is exactly 0, with a bar "
        "for the scale. Between tokens, channel mixing has only its diagonal, and "
        "token mixing is full. Between channels, channel mixing is full, and token "
        "mixing has only its diagonal.")

# %%
others = ~torch.eye(64, dtype=torch.bool)                   # all but the diagonal
assert (token_tokens > 0).all()
assert (token_channels[others] == 0).all()
assert (channel_tokens[others[:16, :16]] == 0).all()
assert (channel_channels > 0).all()

# %% [markdown]
# Each is blind where the other sees. Channel mixing lets the channels of a token talk, but no two tokens. Token mixing
# lets the tokens talk, but no two channels: it can compare the brightness at the top with the brightness at the bottom,
# and it can never compare brightness with color. (The derivatives were taken at a single table, the horse's. The loop
# proves it for every table, since it handles each channel by itself.) A Mixer has both, one after the other. Lesson 5
# puts them together, and trains networks that have only one of them.
#
# ## A wrong way with the right shape
#
# Lesson 1 warned of `reshape`, and here is the same trap again. `reshape`, too, turns `[B, S, C]` into `[B, C, S]`:

# %%
class WithReshape(MyTokenMixing):
    def forward(self, x):
        B, S, C = x.shape
        x = self.mlp(x.reshape(B, C, S))                    # the right shape
        return x.reshape(B, S, C)

tables = {"with transpose": token_tokens,
          "with reshape": influence(WithReshape(16, 32), horse_tokens, "tokens")}
plots.show(
    plots.tables(tables, xlabel="input token", ylabel="output token", signed=False,
                 width=5.5),
    alt="Two tables of influence between 16 tokens. With transpose it is full. With "
        "reshape only the diagonal is there; all else is empty.")

# %% [markdown]
# `reshape` moves nothing. It takes 16 numbers at a time in the order in which they lie in memory, and 16 such numbers
# are a quarter of *one* token. So no token hears another: this is a poor kind of channel mixing under the name of token
# mixing. (If $C$ were not a multiple of $S$, some groups would straddle two tokens, and neighbors in the table would
# hear a little of each other.) The mistake causes no error, and the network would train. Exercise 3.3 finds it in a
# second.
#
# ## A hidden unit is a picture
#
# Each row of $W_1$ has one weight for each patch. So it can be laid out on the grid of patches, like a channel. Here are
# four hand-made units for the 16 patches of the horse:

# %%
place = torch.arange(16)
row, col = place // 4, place % 4                # of the grid, in raster order
center = (row > 0) & (row < 3) & (col > 0) & (col < 3)
units = {"top minus bottom": torch.where(row < 2, 1., -1.),
         "left minus right": torch.where(col < 2, 1., -1.),
         "center minus rim": torch.where(center, 3., -1.),
         "checkerboard": torch.where((row + col) % 2 == 0, 1., -1.)}
pictures = {name: unit.reshape(4, 4) for name, unit in units.items()}
plots.show(plots.tables(pictures, xlabel="column of the grid", ylabel="row of the grid",
                        width=10))

# %% [markdown]
# A unit *reads* with such a picture, and it *writes* with another one: a column of $W_2$ says how much of the unit's
# answer goes to each place. In a trained Mixer nobody has drawn these pictures. Training has produced them, and lesson
# 9 looks at them. (The paper's Figure 5 shows some, on a grid of 14 × 14.)
#
# ## What sharing saves
#
# ![Left, the same weights for every row of a table, as in the patch embedding and in channel mixing; not shared, there
# would be S times as many to learn. Right, the same weights for every column, as in token mixing; not shared, there
# would be C times as many to learn.](../figures/sharing.svg)
#
# Count the token MLP: $S \cdot D_S$ weights and $D_S$ biases, then $D_S \cdot S$ weights and $S$ biases. $C$ does not
# occur. Shared weights are also called *tied*. **Untied**, with one MLP for each channel, there would be $C$ times as
# many. B/16 is a model of the paper with 12 token MLPs; lesson 6 counts the rest of it.

# %%
from mixer_lib import count_parameters
from mixer_lib.configs import MODELS


def token_mlp(S, D_S):
    return (S * D_S + D_S) + (D_S * S + S)

sizes = {"toy": (4, 3, 2), "horse": (16, 64, 32), "B/16": (196, 768, 384)}
for name, (S, C, D_S) in sizes.items():
    tied = token_mlp(S, D_S)
    print(f"one token MLP, {name:5}  tied {tied:8,}   untied {C * tied:12,}")

whole = count_parameters(MODELS["B/16"])
untied = whole + 12 * 767 * token_mlp(196, 384)     # 767 more MLPs in each block
print(f"all of B/16 {whole:,}, untied {untied:,}: {untied / whole:.1f} times as many")
assert token_mlp(16, 32) == sum(p.numel() for p in token_mixing.parameters())

# %% [markdown]
# Untying would raise the count from 60 million to 1.45 *billion* parameters. The authors tried it and saw no noticeable
# gain ([the paper](https://arxiv.org/abs/2105.01601), Appendix A). That is plausible: whether the top differs from the
# bottom is a good question, whatever a channel means.
#
# ## The order of the patches
#
# All channels are treated alike. Are the places? Put the tokens into another order, and see what becomes of the answer.
#
# `order` lists, for each place, which token comes there: place 0 gets token 1, place 1 gets token 3, place 3 gets token
# 0, and token 2 stays. So `tokens[order]` is the table in the new order. The opposite question, "where does token 0
# go?", has another list as its answer, the inverse order:

# %%
order = torch.tensor([1, 3, 2, 0])              # place s gets token order[s]
inverse = order.argsort()                       # token s goes to place inverse[s]
print("first column in the new order:", tokens[order][:, 0].tolist())
print("in the inverse order:         ", tokens[inverse][:, 0].tolist())
assert torch.equal(tokens[order][inverse], tokens)      # one undoes the other

# %% [markdown]
# **Predict.** Bring the tokens of the toy into the new order, then mix. Is the result the old result in the new order?

# %%
mixed_after = mix_tokens(tokens[order])         # reorder, then mix
reordered_after = mixed[order]                  # mix, then reorder
predict("reorder, then mix", torch.allclose(mixed_after, reordered_after),
        picture=plots.tables({"reorder, then mix": mixed_after,
                              "mix, then reorder": reordered_after}, width=5))

# %% [markdown]
# So for token mixing it matters whether you reorder before the layer or after it. Token $s$ has its own column of $W_1$,
# its own row of $W_2$, and its own number in $b_2$. A token by itself does not reveal where its patch was (lesson 2), but
# the token MLP treats each place differently. So a Mixer needs no further note of positions (section 2 of the paper).
#
# Compare both kinds of mixing on the horse, with a random order; such a rearrangement is called a **permutation**. The
# layers get `float64`, numbers of about 16 digits, so that rounding does not blur the comparison.

# %%
torch.manual_seed(0)
order = torch.randperm(16)                      # the numbers 0 to 15, shuffled
x = horse_tokens[None].double()                 # [B, S, C] = [1, 16, 64], in float64
layers = {"channel mixing": ChannelMixing(64, 256).double(),
          "token mixing": MyTokenMixing(16, 32).double()}
for name, layer in layers.items():
    before, after = layer(x[:, order]), layer(x)[:, order]
    print(f"{name}: the same? {torch.allclose(before, after, rtol=0, atol=1e-12)}")

# %% [markdown]
# Channel mixing treats all places alike: reorder its input, and its output is reordered in the same way. Such a layer
# is called **permutation equivariant**. Token mixing is not permutation equivariant.
#
# ## Let the weights follow
#
# And yet the order of the patches is only a convention. If the tokens move, move their weights with them. The columns
# of $W_1$, the rows of $W_2$, and the numbers of $b_2$ belong to places. $b_1$ stays, because it belongs to the hidden
# units, which have no place. First the toy, in its new order from above:

# %%
toy_order = torch.tensor([1, 3, 2, 0])          # place s gets token toy_order[s]
plots.show(plots.tables(
    {"W1": W1, "W1[:, order]": W1[:, toy_order], "W2": W2, "W2[order]": W2[toy_order]},
    xlabel=["token", "place", "hidden unit", "hidden unit"], ylabel="row"))
hidden = nn.functional.gelu(tokens[toy_order].T @ W1[:, toy_order].T + b1)    # [C, D_S]
moved = (hidden @ W2[toy_order].T + b2[toy_order]).T                            # [S, C]
assert torch.allclose(moved, mixed[toy_order])

# %% [markdown]
# Place 0 now has token 1, and with it column 1 of $W_1$ and row 1 of $W_2$. The hidden units meet the same products as
# before, and so the answer is the old one in the new order. The same on the horse:

# %%
layer = layers["token mixing"]
mlp = layer.mlp
follows = MyTokenMixing(16, 32).double()
follows.mlp.load_state_dict({
    "fc1.weight": mlp.fc1.weight[:, order],     # [D_S, S]: one column per place
    "fc1.bias": mlp.fc1.bias,                   # [D_S]: no place
    "fc2.weight": mlp.fc2.weight[order],        # [S, D_S]: one row per place
    "fc2.bias": mlp.fc2.bias[order],            # [S]
})
difference = follows(x[:, order]) - layer(x)[:, order]      # [B, S, C]
assert difference.abs().max() < 1e-12
print("patches permuted, weights permuted: the same table, permuted")

# %% [markdown]
# In mathematics the two are equal, since every hidden unit adds up the same 16 products as before. A computer rounds
# after each addition, and the products now come in another order, so the last of the 16 digits may differ. Therefore
# the code allows a difference of `1e-12`.
#
# Think about what this means. For every Mixer that reads patches in raster order, there is one that reads them in any
# other order and gives the same answers. No order is better than another, as long as *all* images come in the same
# order. Lesson 11 shuffles the patches of a whole data set and trains.
#
# The order is a convention, but the number of patches is not: $S$ is built into the weights, with one column per place,
# while $C$ is nowhere in them. So the layer takes tables of any width, but of one height only. Try
# `token_mixing(torch.zeros(1, 16, 1000))`, then `token_mixing(torch.zeros(1, 64, 64))`: an image with more patches does
# not fit.
#
# ## Beside self-attention
#
# Transformers mix their tokens in another way, with **self-attention**. In its barest form it is five lines. Each token
# compares itself with all tokens, by products of their channels. The results become shares that add up to 1
# (`softmax`), and the token takes a sum of all tokens with these shares. (A real transformer puts linear layers before
# the comparison and after the sum.)

# %%
def attention_weights(x):
    scores = x @ x.transpose(1, 2) / x.shape[2] ** 0.5      # [B, S, S]
    return scores.softmax(dim=2)                            # each row adds up to 1

def attention(x):
    return attention_weights(x) @ x                         # [B, S, C]

# %%
two = embed(cifar.train_images[[3510, 0]].float() / 255).detach().double()   # [2, S, C]
horse_weights, other_weights = attention_weights(two)                        # [S, S]
apart = (horse_weights - other_weights).abs().max()
print(f"attention: weights of two images differ by up to {apart:.3f}; "
      f"an even share is {1 / 16:.3f}")
print("attention: equivariant?",
      torch.allclose(attention(two[:, order]), attention(two)[:, order]))
print("attention: 64 patches?  ", list(attention(torch.zeros(1, 64, 64)).shape))

# %% [markdown]
# | | token mixing | self-attention |
# |---|---|---|
# | weights between tokens | learned, the same for every image | computed from the tokens of this image |
# | places | each has its own weights | not known: position embeddings must be added |
# | number of patches | fixed by the weights | any, without position embeddings |
# | products per image | $2 S D_S C$ | $2 S^2 C$, and $4 S C^2$ for the linear layers |
# | weights | $2 S D_S$ | $4 C^2$ for the linear layers |
#
# With the sizes of B/16, here is one token mixing and one self-attention (with its linear layers, without biases):

# %%
S, C, D_S = 196, 768, 384
print(f"token mixing:   {2 * S * D_S * C / 1e6:6.1f} million products, "
      f"{2 * S * D_S:9,} weights")
print(f"self-attention: {(2 * S**2 * C + 4 * S * C**2) / 1e6:6.1f} million products, "
      f"{4 * C**2:9,} weights")

# %% [markdown]
# Token mixing is much cheaper at this size. Most of attention's products belong to its four linear layers, 462 of 521
# million. The others grow with the square of $S$. Token mixing grows in proportion to $S$, if $D_S$ stays the same.
# In exchange, attention chooses for each image who listens to whom, and its weights fit any number of tokens. Lesson
# 13 trains both in the same frame.
#
# ## The library's version
#
# `mixer_lib.model.TokenMixing` *is* an `MlpBlock` with the two transposes around it. Open
# [`mixer_lib/model.py`](../mixer_lib/model.py) and compare. With the same weights, on eight images:

# %%
from mixer_lib.model import TokenMixing

library, mine = TokenMixing(16, 32), MyTokenMixing(16, 32)
library.load_state_dict(mine.mlp.state_dict())
batch = embed(cifar.train_images[:8].float() / 255)         # [B, S, C]
assert torch.equal(library(batch), mine(batch))
library(batch).shape

# %% [markdown]
# ## Move it
#
# Let the four hand-made units read the horse. To have channels that mean something, here are four hand-made detectors,
# as in lesson 2: brightness; right minus left and bottom minus top *inside* each patch; red minus blue.

# %%
from mixer_lib import patchify

patches = patchify(horse[None], 8)[0]                   # [S, D]
pixels = patches.reshape(16, 3, 8, 8)                   # [S, C_in, P, P]
left, right = pixels[..., :4], pixels[..., 4:]
top, bottom = pixels[..., :4, :], pixels[..., 4:, :]
channels = {"brightness": pixels.mean((1, 2, 3)),       # each [S]
            "right minus left": right.mean((1, 2, 3)) - left.mean((1, 2, 3)),
            "bottom minus top": bottom.mean((1, 2, 3)) - top.mean((1, 2, 3)),
            "red minus blue": pixels[:, 0].mean((1, 2)) - pixels[:, 2].mean((1, 2))}

# %% [markdown]
# Choose a channel (a column of the table) and a hidden unit (a row of $W_1$), with the buttons or in the small table at
# the lower left, which has one row for each unit. Both are laid out on the grid and multiplied patch by patch. The
# products add up to one number of the hidden layer, which then goes through GELU. (There is no bias here.) Point at a
# patch to see its product. The stronger the orange, the larger the number, so the dark horse has the weakest color.
# Things to try:
#
# 1. Change only the channel. Which of the three squares beside the image stays as it is, and why?
# 2. Stay with *brightness*. Before you run the cell: which unit's sum will be farthest from 0, and on which
#    side?
# 3. Which unit says something about the color of the horse?
# 4. The checkerboard finds next to nothing in three of the four channels. Why?
#
# <details><summary>What you should see</summary>
#
# 1. The unit's weights: all channels share them.
# 2. Center minus rim, far to the left, −2.41: the horse is in the middle, and it is darker than its surroundings. GELU
#    lets almost nothing of this through, −0.02. A unit with the opposite weights would pass on 2.39.
# 3. In *red minus blue*, again center minus rim, 0.59: the reddish brown is in the middle. Top minus bottom notices it,
#    too, 0.49. The ground at the bottom is gray, with as much blue as red, so *red minus blue* is about 0 there.
# 4. Neighboring patches resemble each other, and the checkerboard subtracts neighbors. Where an image varies slowly from
#    place to place, units that vary slowly find more. (The exception is *right minus left*, −0.25: its answers often
#    change their sign from one patch to the next.) Keep this in mind for lesson 9.
#
# </details>

# %%
widgets.token_unit_explorer(horse, channels, units)

# %% [markdown]
# ## Exercises
#
# ### 4.1 Tied and untied · measure · easy · 4 minutes
#
# Count the parameters of *one* token MLP of a square image, as a pair: tied (shared by all channels), and untied (each
# channel has its own).

# %% tags=["exercise-1"]
def token_mlp_parameters(image_size, patch_size, hidden_dim, tokens_mlp_dim):
    """(tied, untied): parameters of one token MLP for all channels, and of one each."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_token_mlp_parameters(token_mlp_parameters)


# %% [markdown]
# <details><summary>Hint</summary>
#
# First $S$, as in lesson 1. Then two linear layers, each with its biases: how many numbers does each layer give out?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/04_token_mixing.ipynb](solutions/04_token_mixing.ipynb), exercise 4.1.
#
# </details>
#
# ### 4.2 Token mixing without a transpose · write · medium · 8 minutes
#
# Write token mixing for a batch, but never turn the table: no `transpose`, no `.T`, no `.mT`, no `permute`, and nothing
# of this kind. The weights come as `nn.Linear` keeps them: a row of `W1` is a hidden unit, a row of `W2` is a token.
# Try not to look at the lesson.

# %% tags=["exercise-2"]
def my_token_mixing(x, W1, b1, W2, b2):
    """x: [B, S, C], W1: [D_S, S], b1: [D_S], W2: [S, D_S], b2: [S] -> [B, S, C]."""
    ...  # your code here


# %%
exercises.check_token_mixing(my_token_mixing)


# %% [markdown]
# <details><summary>Hint</summary>
#
# A matrix that stands on the left of a table mixes its rows: `W1 @ x` has the shape `[B, D_S, C]`, since `@` handles
# each image of the batch by itself. Now the hidden units are the rows. So along which axis must `b1` lie? `b1[:, None]`
# has the shape `[D_S, 1]`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/04_token_mixing.ipynb](solutions/04_token_mixing.ipynb), exercise 4.2.
#
# </details>
#
# ### 4.3 Rescue the weights · repair · hard · 12 minutes
#
# Somebody has trained a token MLP on tables whose patches were counted *down the columns* of the grid: place 1 is the
# patch below place 0. (It is the mistake of lesson 1, patch axes swapped.) For tables in raster order these weights are
# useless as they are. Rescue them: bring the weights into raster order, for a grid of `rows` × `columns` patches.

# %% tags=["exercise-3"]
def from_column_order(W1, b1, W2, b2, rows, columns):
    """From weights for column order: (W1, b1, W2, b2) for raster order."""
    ...  # your code here


# %%
exercises.check_from_column_order(from_column_order)


# %% [markdown]
# <details><summary>Hint</summary>
#
# You need `order[s]`: the place in column order of the patch that is at place $s$ in raster order. Take a sheet of
# paper and a grid of 2 × 3, and write both numbers into each cell. Column by column you write 0 1, 2 3, 4 5; then read
# what you wrote along the rows.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/04_token_mixing.ipynb](solutions/04_token_mixing.ipynb), exercise 4.3.
#
# </details>
#
# ### 4.4 A layer that moves the picture · design · hard · 15 minutes
#
# Find weights for a token MLP, with GELU and with biases of zero, that move the picture of every channel one patch to
# the *right*. Each token gets the number of its left neighbor; at the left edge, where there is no neighbor, it gets 0.
# You choose $D_S$.

# %% tags=["exercise-4"]
def shift_weights(rows, columns):
    """(W1, W2), [D_S, S] and [S, D_S], that move the picture of every channel right."""
    S = rows * columns
    ...  # your code here


# %%
exercises.check_shift_weights(shift_weights)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Forget GELU first: write the shift as a matrix $M$ of $S \times S$ zeros and ones. Beware of the left edge: in the
# table, the first token of a row comes right after the last token of the row above, but in the picture they are not
# neighbors. Then get past GELU: GELU($z$) − GELU($-z$) = $z$ for every number $z$ (try some). So spend two hidden units
# on each number, $2S$ in all, and let the second layer take the difference. `torch.cat` puts matrices together.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/04_token_mixing.ipynb](solutions/04_token_mixing.ipynb), exercise 4.4.
#
# </details>
#
# ### 4.5 Stretch: the fewest units · open
#
# Your solution of 4.4 probably has $2S$ hidden units. Does it have to be so many? How few can you get away with if the
# result may be off by one percent? (There is no check for this one.)
#
# ## Recap
#
# - You mixed tokens by hand, with a loop over the channels, and with a **transpose**. All agree, and between the two
#   transposes is the MLP of lesson 3.
# - A nudge moves its own column and nothing else. Derivatives show it for the horse's table, and the loop proves it for
#   every table: in token mixing all tokens talk and no two channels do, the opposite of channel mixing.
# - A hidden unit is a picture on the grid of patches, with one weight per place.
# - All channels share the weights: 151,108 parameters per token MLP in B/16. Untied, the model would be 24 times as
#   large. Self-attention computes its weights from each image; token mixing learns them once.
# - Another order of the patches gives another result, unless the columns of $W_1$, the rows of $W_2$ and $b_2$ follow:
#   then the result is the same table, permuted. The number of places is built in.
#
# ## Quiz
#
# **1.** You double the channels $C$ of a Mixer. How many parameters does a token MLP gain? And if instead you double
# both sides of the image, with patches of the same size?
#
# <details><summary>Answer</summary>
#
# None: $C$ does not occur in the token MLP. With the larger image $S$ is four times as large, and so is the number of
# weights, $2 S D_S$ (with the same $D_S$).
#
# </details>
#
# **2.** Every row of $W_1$ is constant, so is every column of $W_2$, and all numbers of $b_2$ are equal. What does this
# token mixing know of places?
#
# <details><summary>Answer</summary>
#
# Nothing. Each unit reads the sum of all tokens, whatever their order, and writes the same number to each token. The
# layer tells all tokens about the average. It is permutation equivariant, since permuting such weights changes nothing.
#
# </details>
#
# **3.** A colleague's Mixer trains, but badly, and you suspect the transpose. Which picture settles it?
#
# <details><summary>Answer</summary>
#
# The influence between tokens. If the picture is empty off the diagonal, the tokens do not talk, whatever the shapes
# say. If it is empty except for a thin band beside the diagonal, they hardly talk.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: the first line of equation 1 is this lesson; further down,
#   on sharing over channels and on position; Appendix A, on token MLPs that are not shared.
# - [An image is worth 16 × 16 words](https://arxiv.org/abs/2010.11929): the transformer that mixes the same patches
#   with self-attention.
# - [`mixer_lib/model.py`](../mixer_lib/model.py): `MlpBlock` and `TokenMixing`, one below the other.
# - The [glossary](glossary.md).
#
# Next: [5 · The Mixer block](05_mixer_layer.ipynb) lets both kinds of mixing take turns.
