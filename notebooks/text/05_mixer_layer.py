# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5 · The Mixer block, and a stack of them
#
# *After this lesson you can write the Mixer block from its equation, say how many blocks it takes until every patch
# reaches every other, and show what becomes of gradients in a deep stack when the skip connections are taken out.*
#
# **About 45 minutes, with the exercises 70.** You need: [lesson 4](04_token_mixing.ipynb).
#
# Previous: [4 · Token mixing](04_token_mixing.ipynb). Next: [6 · The classifier](06_classifier.ipynb)

# %% [markdown]
# Here is the Mixer of lesson 0, opened where its second block begins. A block is one token mixing and one channel mixing,
# and each adds its result to the table. In this lesson you join the two and stack the blocks. Step through a few of them:
# the table changes, and its shape stays.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="token mixing 2")

# %% [markdown]
# ## In this lesson you will
#
# - join token mixing and channel mixing to a block: by hand, with a loop, with tensors and as a module, and see them
#   agree;
# - predict how many blocks it takes until every patch reaches every other, and hold it against 3 × 3 convolutions;
# - measure not only whether a patch moves another, but how strongly, at every depth of a stack;
# - take the skip connections out of 32 blocks, and see what happens to the gradient on its way back.

# %%
import torch
from torch import nn

from mixer_lib import MlpMixer, plots
from mixer_lib.analysis import influence
from mixer_lib.data import load_dataset
from mixer_lib.exercises import predict
from mixer_lib.model import ChannelMixing, MixerBlock, PatchEmbedding, TokenMixing

# %% [markdown]
# ## The question
#
# Lesson 4 left two ingredients on the table, each blind where the other sees: channel mixing works on one token at a
# time, token mixing on one channel at a time. What if one follows the other? Begin with the channels. As before, let
# `influence` say who moves whom, and count the pairs of channels where the answer is exactly 0:

# %%
torch.manual_seed(0)
horse = load_dataset("cifar10").train_images[3510].float() / 255    # [C_in, H, W]
embed = PatchEmbedding(image_size=32, patch_size=8, in_channels=3, hidden_dim=64)
horse_tokens = embed(horse[None])[0].detach()                       # [S, C] = [16, 64]
token_mixing = TokenMixing(16, 32)                                  # S, D_S
channel_mixing = ChannelMixing(64, 256)                             # C, D_C

for name, layer in {"channel mixing": channel_mixing, "token mixing": token_mixing,
                    "one, then the other": nn.Sequential(token_mixing, channel_mixing)
                    }.items():
    moves = influence(layer, horse_tokens, between="channels")          # [C, C]
    print(f"{name:19}  pairs of channels apart: {(moves == 0).sum().item():4}")

# %% [markdown]
# 4032 is all of 64 × 64 but the diagonal: alone, token mixing keeps brightness and color apart for ever. With channel
# mixing after it, every channel moves with every other. The same question for the *tokens* gets a section of its own
# below.
#
# ## The block
#
# So a **Mixer block** does one, then the other. Each has a LayerNorm before it and a skip connection around it, as you
# know them from lesson 3:
#
# ![The Mixer block, from left to right. A table [S, C] goes through LayerNorm, is transposed to [C, S], goes through an
# MLP from S to D_S to S, and is transposed back; a skip connection leads around all this, and the table is added. This
# half is token mixing. Then channel mixing: LayerNorm, and an MLP from C to D_C to C; again a skip connection leads
# around, and the table is added. Out comes a table [S, C].](../figures/block.svg)
#
# As an equation, number 1 of [the paper](https://arxiv.org/abs/2105.01601), without the biases. The table comes in as
# $X$, is called $U$ after the first half, and leaves as $Y$:
#
# $$U_{*,i} = X_{*,i} + W_2\, \text{gelu}\big(W_1\, \text{LayerNorm}(X)_{*,i}\big) \qquad \text{for each column } i = 1 \dots C$$
#
# $$Y_{j,*} = U_{j,*} + W_4\, \text{gelu}\big(W_3\, \text{LayerNorm}(U)_{j,*}\big) \qquad \text{for each row } j = 1 \dots S$$
#
# $U_{*,i}$ is column $i$ of the table, $Y_{j,*}$ is row $j$. $W_1$ and $W_2$ are the token MLP's, as in lesson 4;
# $W_3$ and $W_4$ are the channel MLP's, which lesson 3 called $W_1$ and $W_2$. Mind one thing: LayerNorm works along
# the rows in *both* lines, as in lesson 3, one token at a time. In the first line the rows are normalized, and then
# the columns are mixed.
#
# ## The smallest example
#
# Here is the toy table again, the four patches of the small drawing: top left, top right, bottom left, bottom right.
# Patch 2 is blank. Both MLPs get a single hidden unit. That of token mixing is lesson 4's *top minus bottom*, and it
# gives its answer to the two tokens at the bottom. That of channel mixing asks each token "is channel 0 larger than
# channel 1?" and writes its answer into channel 2.

# %%
tokens = torch.tensor([[4., 4., 0.],
                       [8., 0., 0.],
                       [0., 0., 0.],
                       [2., 2., -2.]])          # X: [S, C] = [4, 3]
W1 = torch.tensor([[1., 1., -1., -1.]])         # [D_S, S] = [1, 4]
W2 = torch.tensor([[0.], [0.], [1.], [1.]])     # [S, D_S] = [4, 1]
W3 = torch.tensor([[1., -1., 0.]])              # [D_C, C] = [1, 3]
W4 = torch.tensor([[0.], [0.], [1.]])           # [C, D_C] = [3, 1]

# %% [markdown]
# By hand, column 0. After LayerNorm (lesson 3 did it) its numbers are 0.71, 1.41, 0 and 0.71. Top minus bottom is
# 0.71 + 1.41 − 0 − 0.71 = 1.41, and gelu(1.41) = 1.30. Tokens 2 and 3 get 1.30 added. Columns 1 and 2 both give
# −0.71, of which gelu leaves −0.17. So $U$ is, to two digits:

# %%
U_by_hand = torch.tensor([[4.00,  4.00,  0.00],
                          [8.00,  0.00,  0.00],
                          [1.30, -0.17, -0.17],
                          [3.30,  1.83, -2.17]])

# %% [markdown]
# Then the rows. LayerNorm makes row 2, the formerly blank patch, into 1.41, −0.71, −0.71. Is channel 0 larger than
# channel 1? 1.41 + 0.71 = 2.12, of which gelu leaves 2.09, and that is added to channel 2. Row 1 looks the same after
# its LayerNorm and gets 2.09, too. Row 0 has two equal channels and gets 0; row 3 gives 0.64, of which gelu leaves
# 0.47.

# %%
Y_by_hand = U_by_hand.clone()
Y_by_hand[:, 2] += torch.tensor([0.00, 2.09, 2.09, 0.47])
plots.show(
    plots.tables({"X, the tokens": tokens, "U, after token mixing": U_by_hand,
                  "Y, after channel mixing": Y_by_hand}),
    alt="Three tables of 4 tokens and 3 channels. X: 4 4 0; 8 0 0; 0 0 0; 2 2 -2. U: "
        "rows 0 and 1 as in X; then 1.3 -0.17 -0.17; 3.3 1.83 -2.17. Y: only channel 2 "
        "has changed: 0, 2.09, 1.92, -1.7.")

# %% [markdown]
# Follow token 2. Its patch is blank, so it came in with nothing to say. Token mixing told it about the patches above,
# and channel mixing then worked on what it had been told. That is all a block does.
#
# ## With a loop
#
# The equation says "for each column", "for each row". So do we:

# %%
norm = nn.LayerNorm(3, eps=1e-6)                # fresh: scale 1, shift 0
gelu = nn.functional.gelu

with torch.no_grad():                       # plain numbers, no derivatives wanted
    U_by_loop, normed = tokens.clone(), norm(tokens)            # [S, C]
    for i in range(3):                                          # each column, [S]
        U_by_loop[:, i] += W2 @ gelu(W1 @ normed[:, i])         # [S] -> [D_S] -> [S]
    Y_by_loop, normed = U_by_loop.clone(), norm(U_by_loop)      # [S, C]
    for j in range(4):                                          # each row, [C]
        Y_by_loop[j] += W4 @ gelu(W3 @ normed[j])               # [C] -> [D_C] -> [C]

assert torch.allclose(U_by_loop, U_by_hand, atol=0.01)
assert torch.allclose(Y_by_loop, Y_by_hand, atol=0.01)

# %% [markdown]
# ## With tensors
#
# A matrix from the left works on all columns at once, a transposed matrix from the right on all rows:

# %%
with torch.no_grad():
    U = tokens + W2 @ gelu(W1 @ norm(tokens))           # [S, C]
    Y = U + gelu(norm(U) @ W3.T) @ W4.T                 # [S, C]
assert torch.allclose(U, U_by_loop, atol=1e-5)
assert torch.allclose(Y, Y_by_loop, atol=1e-5)

# %% [markdown]
# ## As a module
#
# `TokenMixing` and `ChannelMixing` are the MLPs of the last two lessons (the first transposes, and transposes back).
# The block adds the norms and the skip connections, and its `forward` is the equation:

# %%
class MyMixerBlock(nn.Module):
    def __init__(self, S, C, D_S, D_C):
        super().__init__()
        self.norm1 = nn.LayerNorm(C, eps=1e-6)
        self.token_mixing = TokenMixing(S, D_S)
        self.norm2 = nn.LayerNorm(C, eps=1e-6)
        self.channel_mixing = ChannelMixing(C, D_C)

    def forward(self, x):                                   # [B, S, C]
        u = x + self.token_mixing(self.norm1(x))            # [B, S, C]
        return u + self.channel_mixing(self.norm2(u))       # [B, S, C]

# %% [markdown]
# Two norms, since each has a scale and a shift of its own to learn. With the toy's weights it must give the toy's
# table:

# %%
toy = MyMixerBlock(S=4, C=3, D_S=1, D_C=1)
token_mlp, channel_mlp = toy.token_mixing, toy.channel_mixing
with torch.no_grad():
    for layer, W in ((token_mlp.fc1, W1), (token_mlp.fc2, W2),
                     (channel_mlp.fc1, W3), (channel_mlp.fc2, W4)):
        layer.weight.copy_(W)
        layer.bias.zero_()
    assert torch.allclose(toy(tokens[None])[0], Y, atol=1e-5)

# %% [markdown]
# Why tokens first? The other order makes another table:

# %%
with torch.no_grad():
    V = tokens + gelu(norm(tokens) @ W3.T) @ W4.T       # channel mixing first
    swapped = V + W2 @ gelu(W1 @ norm(V))               # then token mixing
print("tokens first, row 2:  ", [round(number, 2) for number in Y[2].tolist()])
print("channels first, row 2:", [round(number, 2) for number in swapped[2].tolist()])

# %% [markdown]
# Neither is more right. In a stack the two alternate anyway, so the order decides only which of them comes first of all
# and which last of all. But it must be kept: weights learned in one order are of no use in the other. The paper's is
# tokens, then channels.
#
# ## The library's version
#
# `MixerBlock` in [`mixer_lib/model.py`](../mixer_lib/model.py) is your block. It is given its two parts, so that other
# parts can take their place, and it makes the norms, which are called `token_norm` and `channel_norm`. Copy the weights
# over, and both must give the same table, to the last bit:

# %%
mine = MyMixerBlock(16, 64, 32, 256)                    # S, C, D_S, D_C
library = MixerBlock(64, TokenMixing(16, 32), ChannelMixing(64, 256))
for p, q in zip(mine.parameters(), library.parameters(), strict=True):
    p.data.copy_(q.data)                    # both list them as the forward pass goes
x = horse_tokens[None]                          # [B, S, C] = [1, 16, 64]
assert torch.equal(mine(x), library(x))
print(f"{list(x.shape)} -> {list(library(x).shape)}, "
      f"{sum(p.numel() for p in library.parameters()):,} parameters")

# %% [markdown]
# ## The stack
#
# A table `[16, 64]` goes in, a table `[16, 64]` comes out. So a second block can follow, and a third. A Mixer is a
# stack of $L$ blocks (`num_blocks` in code), all of the same sizes, each with weights of its own. The paper's models
# have 8 to 32 of them (Table 1). How many blocks a table has been through is its **depth**: 0 after the patch
# embedding, $L$ at the end.
#
# We need stacks often now, so here is a function. It builds the library's whole model, which lesson 6 explains, and
# takes the patch embedding and the blocks out of it. That way their random weights are drawn as the authors' code draws
# them.

# %%
def fresh_stack(num_blocks, seed=0):
    """The tokens of the horse, and blocks with new random weights for them."""
    torch.manual_seed(seed)
    model = MlpMixer(image_size=32, patch_size=8, in_channels=3, num_classes=10,
                     num_blocks=num_blocks, hidden_dim=64,
                     tokens_mlp_dim=32, channels_mlp_dim=256)
    x = model.patch_embedding(horse[None]).detach()         # [B, S, C]
    return x, model.blocks

x, blocks = fresh_stack(8)
print(f"{len(blocks)} blocks, {list(blocks(x).shape)}, "
      f"{sum(p.numel() for p in blocks.parameters()):,} parameters")

# %% [markdown]
# ## How many blocks until every patch reaches every other?
#
# After the patch embedding, each token knows its own patch and nothing else. The grid is 4 × 4. How many blocks does it
# take until every token depends on every patch, the top left corner on the bottom right one? And how many **3 × 3
# convolutions** would it take, the building block of ordinary image networks, in which every place looks at itself and
# its eight neighbors?
#
# The next cell makes some convolutions with random weights, and measures which patch moves which token after each number
# of blocks, and of convolutions.

# %%
torch.manual_seed(0)
convolutions = nn.ModuleList(nn.Conv2d(64, 64, kernel_size=3, padding=1)
                             for _ in range(4)).double()    # no tiny number becomes 0

def convolve(x, layers):
    """[B, S, C], tokens on a 4 x 4 grid -> [B, S, C], after some convolutions"""
    grid = x.transpose(1, 2).reshape(-1, 64, 4, 4)          # [B, C, 4, 4]
    for convolution in convolutions[:layers]:
        grid = gelu(convolution(grid))                      # [B, C, 4, 4]
    return grid.flatten(2).transpose(1, 2)                  # [B, S, C]

after_blocks = [influence(blocks[:depth], x[0]) for depth in range(3)]          # [S, S]
after_convolutions = [influence(lambda x, n=layers: convolve(x, n), x[0].double())
                      for layers in range(5)]                                   # [S, S]

def first_full(tables):
    """The number of layers after which no cell is zero"""
    return [bool((table != 0).all()) for table in tables].index(True)

# %% [markdown]
# **Predict.** How many blocks?

# %%
predict("how many blocks", first_full(after_blocks))

# %% [markdown]
# **Predict.** And how many convolutions?

# %%
enough = first_full(after_convolutions)
reached = {f"{n} block{'s' * (n != 1)}": after_blocks[n]
           for n in range(first_full(after_blocks) + 1)}
reached |= {f"{n} convolution{'s' * (n > 1)}": after_convolutions[n]
            for n in range(1, enough + 1)}
predict("how many convolutions", enough,
        picture=plots.tables({name: table != 0 for name, table in reached.items()},
                             "input patch", "output token", signed=False, width=11))

# %% [markdown]
# On larger grids the difference grows. To see it we need no network, only a table with a 1 wherever a place looks at
# another, multiplied by itself once per layer: its $n$-th power counts the ways from one place to another in $n$ steps,
# and 0 means that there is none.

# %%
def out_of_reach(side, layers):
    """Percent of all pairs of places that 3 x 3 convolutions leave apart"""
    row, column = torch.arange(side ** 2) // side, torch.arange(side ** 2) % side
    apart = torch.maximum((row[:, None] - row).abs(), (column[:, None] - column).abs())
    looks = (apart <= 1).double()                                               # [S, S]
    paths = torch.linalg.matrix_power(looks, layers)                            # [S, S]
    return 100 * (paths == 0).sum().item() / (side ** 4 - side ** 2)

for layers, table in enumerate(after_convolutions):     # the network says the same
    assert out_of_reach(4, layers) == 100 * (table == 0).sum().item() / (16 ** 2 - 16)

# %%
curves = {"Mixer blocks, any grid": [[100.0] + 13 * [0.0]]}
for side in (4, 8, 14):
    percent = [out_of_reach(side, layers) for layers in range(14)]
    curves[f"3 x 3 convolutions, {side} x {side} places"] = [percent]
plots.show(
    plots.by_depth(curves, xlabel="blocks or layers", ylabel="pairs out of reach (%)"),
    alt="Four falling curves, from 100 percent at 0 layers. Mixer blocks: 0 from 1 "
        "block on. Convolutions: 0 from 3 layers on for a grid of 4 by 4, from 7 for 8 "
        "by 8, from 13 for 14 by 14.")

# %% [markdown]
# 14 × 14 is the grid of the paper's models with patches of 16 pixels. (A real convolutional network shrinks its grid on
# the way, and so gets there in fewer layers. Exercise 5.2 counts other windows.) Having little reach is not a fault:
# what lies near belongs together in most images, and a convolution knows it from the start. A Mixer has to learn it.
#
# ## Reach is not strength
#
# One block reaches everything, so what are the others for? First, there is more to seeing than being reached. Look at
# *how strongly* token $j$ at each depth moves with patch $i$. As in lesson 3 we move the patch's token at depth 0,
# which stands for its pixels, and the strength is the root of the sum of all squared derivatives. (This takes a few
# seconds.)

# %%
strengths = torch.stack([influence(blocks[:depth], x[0]) for depth in range(9)])
strengths.shape                                                 # [L + 1, S, S]

# %%
own = strengths.diagonal(dim1=1, dim2=2).square().sum(dim=1)    # [L + 1]
share = own / strengths.square().sum(dim=(1, 2))                # [L + 1]
for depth in (0, 1, 2, 4, 8):
    print(f"depth {depth}: {share[depth]:4.0%} of the movement is in its own token")

# %% [markdown]
# (Shares of the squares, which add up.) After one block nearly half of what a patch moves is still its own token; the
# skip connections carry each token past both MLPs. It spreads block by block, and at depth 8 the share is still above
# an even one, which would be 1/16, or 6%.
#
# Second, a block is small. It asks $D_S$ questions of each column and $D_C$ of each row, once. Questions about answers
# need another block.
#
# ## Without the skip connections
#
# Lesson 3 showed what adding is good for: a layer whose second weights are zero leaves the table as it was. So a block,
# too, can leave the table alone, and what it learns is a correction. Without the two sums, every block would have to
# hand on by itself all that is worth keeping:

# %%
def with_skips(block, x):
    x = x + block.token_mixing(block.token_norm(x))             # [B, S, C]
    return x + block.channel_mixing(block.channel_norm(x))      # [B, S, C]

def without_skips(block, x):
    x = block.token_mixing(block.token_norm(x))                 # [B, S, C]
    return block.channel_mixing(block.channel_norm(x))          # [B, S, C]

assert torch.equal(with_skips(blocks[0], x), blocks[0](x))

# %% [markdown]
# In a deep stack there is more at stake. A network learns from **gradients**: for each number in it, how much a score
# at the end would change if that number moved a little, which is nothing but the derivatives that you have been
# looking at. They are computed from the end backward, block by block. So we ask: how large is the gradient at each
# depth, in a stack of 32 untrained blocks, as many as the paper's largest model has? The score is simply the sum of
# the last table; lesson 6 brings a better one. The size is the **gradient norm**, the root of the sum of the squares.
#
# **Predict.** Compare the gradient at depth 0, with and without skip connections. Without them, is it smaller or larger?

# %%
def gradient_norms(step, seed, num_blocks=32):
    """The gradient norm at each depth: L + 1 numbers, depth 0 first"""
    x, blocks = fresh_stack(num_blocks, seed)
    tables = [x.double().requires_grad_()]      # double: rounding shall play no part
    for block in blocks.double():
        tables.append(step(block, tables[-1]))
    score = tables[-1].sum()
    gradients = torch.autograd.grad(score, tables)          # one for each table
    return [gradient.norm().item() for gradient in gradients]

gradients = {name: [gradient_norms(step, seed) for seed in range(5)]    # [5, L + 1]
             for name, step in (("with skip connections", with_skips),
                                ("without", without_skips))}

# %%
at_start = [torch.tensor([run[0] for run in runs]).median()
            for runs in gradients.values()]
predict("gradient without skips", at_start[1] / at_start[0],
        picture=plots.by_depth(gradients, ylabel="gradient norm", log=True))

# %% [markdown]
# Where does it come from? There are two helpers in a block, skip connections and LayerNorm, and we can take out either, or both. By what factor does the gradient change on
# its way from the last table to the first?

# %%
def skips_alone(block, x):
    x = x + block.token_mixing(x)
    return x + block.channel_mixing(x)

def neither(block, x):
    return block.channel_mixing(block.token_mixing(x))

for name, step in {"both": with_skips, "LayerNorm alone": without_skips,
                   "skip connections alone": skips_alone, "neither": neither}.items():
    runs = torch.tensor([gradient_norms(step, seed) for seed in range(5)])  # [5, L + 1]
    factors = (runs[:, 0] / runs[:, -1]).sort().values
    low, high = (f"{float(f'{factor:.2g}'):,.0f}" if factor > 1 else f"{factor:.0e}"
                 for factor in (factors[0], factors[-1]))
    print(f"{name:22}  x {low:>7} to x {high:>7}")

# %% [markdown]
# With neither, the gradient does vanish: each MLP answers with less than it is given, so tables and derivatives shrink
# from block to block. LayerNorm repairs the tables, by stretching every token back to standard deviation 1. But it
# stretches every small difference along with it, block after block. Skip connections alone let the table grow, and the
# gradient with it. With these weights, only both together keep the gradient within a factor of about 30.
#
# What would a growing gradient mean for the tables on their way forward? The same numbers read the other way: a small
# change of the first table becomes a large change of the last. Change the horse's tokens by 0.1%, and measure by how
# many percent the table at each depth has changed. One might also fear that after so much mixing all tokens say the
# same. So beside it stands how alike the tokens of a table are: the **cosine similarity** of two tokens is 1 if they
# point the same way and 0 if they have nothing in common.

# %%
def forward_signal(step, seed=0, num_blocks=32):
    x, blocks = fresh_stack(num_blocks, seed)
    x, nudge = x.double(), torch.randn(x.shape).double()
    nudged = x + 0.001 * x.norm() * nudge / nudge.norm()
    for depth, block in enumerate(blocks.double(), start=1):
        x, nudged = step(block, x).detach(), step(block, nudged).detach()
        if depth in (1, 8, 16, 32):
            change = (nudged - x).norm() / x.norm()
            unit = nn.functional.normalize(x[0], dim=1)         # [S, C], each of norm 1
            alike = ((unit @ unit.T).sum() - 16) / (16 * 15)    # without the diagonal
            print(f"  depth {depth:2}: changed by {100 * change:4.2g}%, "
                  f"tokens alike {alike:.1f}")

for name, step in (("with skip connections", with_skips), ("without", without_skips)):
    print(name)
    forward_signal(step)

# %% [markdown]
# With skip connections, a change of 0.1% becomes one of 0.3%. Without them, 32 untrained blocks make two clearly
# different tables out of it: the change is by now almost as large as the table. What the last table says depends on
# differences of a thousandth in the first. (And the tokens of a table do *not* all become alike, with skip
# connections or without.) A step along a gradient is a small change, too. Where small changes explode, the gradient
# tells what happens only for the smallest of steps.
#
# Take this for what it is: a measurement on *untrained* stacks, with one way to draw the weights. Other weights give
# other factors (with PyTorch's own default weights, skip connections alone would do), and nothing here was trained.
#
# ## Move it
#
# These are the strengths from above, on the horse. Point at a patch of the horse, and the map in the middle shows the
# 16 tokens at one depth, each in the place of its patch, and how strongly each moves with that patch. An empty cell is
# exactly 0, and the strongest color is the token that moves most. The small maps on the right show all depths, from 0
# to 8: point at one to see it large. You can also ask the other way around. Point at a token in the large map, and the
# horse goes dark except for the patches that reach this token. A click keeps what you point at; the arrow keys work,
# too. Things to try:
#
# 1. Point at depth 0, then at depth 1. How many tokens move?
# 2. Follow patch 5 through all depths. At which depth is its own token no longer the one that moves most?
# 3. Click depth 1, and move over all 16 patches. Do near tokens always move more than far ones?
#
# <details><summary>What you should see</summary>
#
# 1. One at depth 0, all 16 at depth 1. (The 40% below the maps is for patch 5 alone; the 45% above was over all
#    patches.) (The 8 at depth 0 is √64: of the token's 64 × 64 derivatives with respect to itself, 64 are 1.)
# 2. At depth 5: then token 4, on the left, moves more.
# 3. No. The weights are random, and no weight knows how far apart two places lie. In lesson 9 you see what training
#    makes of it.
#
# </details>

# %%
widgets.influence_explorer(horse, strengths, patch_size=8)

# %% [markdown]
# ## Exercises
#
# ### 5.1 The block, from its parts · easy · 5 minutes
#
# You get the four parts of a block as modules. `token_mixing` and `channel_mixing` are the library's: each takes and
# gives `[B, S, C]`, and adds nothing by itself. Put them together.

# %% tags=["exercise-1"]
def mixer_block(x, norm1, token_mixing, norm2, channel_mixing):
    """x: [B, S, C] -> the table after one block, [B, S, C]."""
    ...  # your code here

# %%
from mixer_lib import exercises

exercises.check_mixer_block(mixer_block)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Two lines, as in equation 1. Give the table after token mixing a name of its own, `u`: the second line needs it twice.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/05_mixer_layer.ipynb](solutions/05_mixer_layer.ipynb), exercise 5.1.
#
# </details>
#
# ### 5.2 How many convolutions? · medium · 8 minutes
#
# How many convolutions with a window of `kernel` × `kernel` places (3, 5, 7, …, always odd) does it take until every
# place of a grid reaches every other? The grid need not be square, and it does not shrink on the way.

# %% tags=["exercise-2"]
def layers_to_reach(grid_height, grid_width, kernel):
    """How many kernel x kernel convolutions until every place reaches every other."""
    ...  # your code here

# %%
exercises.check_layers_to_reach(layers_to_reach)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A 3 × 3 window reaches one place to each side of its middle, a 5 × 5 window two. Which two places are farthest apart,
# and how many steps is that? News travels down and to the side in the same step. To round $a / b$ up, write `-(-a //
# b)`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/05_mixer_layer.ipynb](solutions/05_mixer_layer.ipynb), exercise 5.2.
#
# </details>
#
# ### 5.3 Which block is told to move most? · hard · 12 minutes
#
# The lesson measured gradients of *tables*. What training moves are the weights. For each block, give the norm of the
# gradient of `blocks(x).sum()` with respect to all of the block's parameters taken together, as if they stood in one
# long list: the root of the sum of the squares. Return a list of numbers, the first block first.

# %% tags=["exercise-3"]
def gradient_by_depth(blocks, x):
    """The gradient norm of blocks(x).sum() for all parameters of a block, for each."""
    ...  # your code here

# %%
exercises.check_gradient_by_depth(gradient_by_depth)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `torch.autograd.grad(score, list(block.parameters()), retain_graph=True)` gives the gradients for one block, a tensor
# for each parameter. Without `retain_graph` PyTorch forgets the computation after the first answer. When it works, try
# it on `fresh_stack(32)`: which block has the largest number? (The solution tells.)
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/05_mixer_layer.ipynb](solutions/05_mixer_layer.ipynb), exercise 5.3.
#
# </details>

# %% [markdown]
# ## Recap
#
# - A block is norm, token mixing, add; norm, channel mixing, add. You built it by hand, with a loop, with tensors and
#   as a module, and `MixerBlock` gives the same table.
# - One block is enough until every patch reaches every other, on any grid; 3 × 3 convolutions need 3 layers on a 4 × 4
#   grid and 13 on a 14 × 14 one.
# - Reach is not strength: after one block nearly half of what a patch moves is its own token, and this share falls
#   quickly at first, then slowly.
# - In 32 untrained blocks the gradient grows more than a thousandfold without skip connections, and vanishes if
#   LayerNorm is gone as well; with both it stays within a factor of about 30.
#
# ## Quiz
#
# **1.** Someone leaves out token mixing in all blocks but one. After how many blocks does every patch reach every
# other?
#
# <details><summary>Answer</summary>
#
# After that one, wherever it stands: it alone carries anything between tokens. The others work on what each token has.
#
# </details>
#
# **2.** All weights and biases of a block's two second layers (`fc2`) are zero. What does the block do? And a block
# without skip connections?
#
# <details><summary>Answer</summary>
#
# It hands the table on as it is, to the last bit, since both MLPs answer 0. Without skip connections the answer is all
# there is: a table of zeros, and the image is lost.
#
# </details>
#
# **3.** Token mixing keeps the channels apart. Is the first *half* of a block, $U = X + \dots$, with its LayerNorm,
# diagonal between the channels, too?
#
# <details><summary>Answer</summary>
#
# No. LayerNorm divides each channel of a token by the spread of all its channels, so each one moves all of them a
# little. What the bare MLP cannot do, the norm before it does. Between tokens the second half *is* diagonal: neither
# its norm nor its MLP looks at another token.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: equation 1 and the sentences around it.
# - [Deep residual learning](https://arxiv.org/abs/1512.03385), where skip connections made networks of a hundred layers
#   trainable, section 3.
# - `MixerBlock` in [`mixer_lib/model.py`](../mixer_lib/model.py), and the [glossary](glossary.md).
#
# Next: [6 · The classifier](06_classifier.ipynb) turns the last table into a verdict.
