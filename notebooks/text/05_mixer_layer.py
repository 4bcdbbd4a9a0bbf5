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
# reaches every other, and say what becomes of a stack without its skip connections, its norms, or one kind of mixing.*
#
# **About 45 minutes, with the exercises 70.** You need: [lesson 4](04_token_mixing.ipynb).
#
# Previous: [4 · Token mixing](04_token_mixing.ipynb). Next: [6 · The classifier](06_classifier.ipynb)

# %% [markdown]
# Here is the Mixer of lesson 0, opened where its second block begins. A block consists of one token mixing and one
# channel mixing, and each adds its result to the table. In this lesson you join the two and stack the blocks. Step
# through a few of them: the table changes, and its shape stays the same.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="token mixing 2")

# %% [markdown]
# ## In this lesson you will
#
# - join token mixing and channel mixing into a block: by hand, with a loop, with tensors, and as a module, and see that
#   all four agree;
# - predict how many blocks it takes until every patch reaches every other, and compare with 3 × 3 convolutions;
# - measure not only whether a patch moves another, but how strongly, at every depth of a stack;
# - take the skip connections out of 32 blocks, and see what happens to the gradient on its way back;
# - train small Mixers that lack one part, and see what each part is worth.

# %%
import torch
from torch import nn

from mixer_lib import MlpMixer, plots
from mixer_lib.analysis import influence, influence_by_depth
from mixer_lib.data import load_dataset
from mixer_lib.exercises import predict
from mixer_lib.model import ChannelMixing, MixerBlock, PatchEmbedding, TokenMixing

# %% [markdown]
# ## The question
#
# Lesson 4 left us with two ingredients, each blind where the other sees: channel mixing works on one token at a time,
# and token mixing works on one channel at a time. What happens if one follows the other? Begin with the channels. As
# before, `influence` measures who moves whom. We count the pairs of channels where it is exactly 0:

# %%
torch.manual_seed(0)
horse = load_dataset("cifar10").train_images[3510].float() / 255    # [C_in, H, W]
embed = PatchEmbedding(image_size=32, patch_size=8, in_channels=3, hidden_dim=64)
horse_tokens = embed(horse[None])[0].detach()                       # [S, C] = [16, 64]
token_mixing = TokenMixing(16, 32)                                  # S, D_S
channel_mixing = ChannelMixing(64, 256)                             # C, D_C
layers = {"channel mixing": channel_mixing,
          "token mixing": token_mixing,
          "one, then the other": nn.Sequential(token_mixing, channel_mixing)}

for name, layer in layers.items():
    moves = influence(layer, horse_tokens, between="channels")          # [C, C]
    print(f"{name:19}  pairs of channels apart: {(moves == 0).sum().item():4}")

# %% [markdown]
# 4032 is all of 64 × 64 but the diagonal: token mixing alone keeps brightness and color apart forever. With channel
# mixing after it, every channel moves with every other. The same question for the *tokens* has a section of its own
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
# $U_{*,i}$ is column $i$ of the table, and $Y_{j,*}$ is row $j$. (Where a matrix multiplies a row, as in $W_3$ times a
# row of $U$, the row is meant as a plain list of $C$ numbers, set upright.) $W_1$ and $W_2$ belong to the token MLP, as
# in lesson 4, and $W_3$ and $W_4$ belong to the channel MLP; lesson 3 called them $W_1$ and $W_2$. Note one thing:
# LayerNorm works along the rows in *both* lines, one token at a time, as in lesson 3. In the first line the rows are
# normalized, and then the columns are mixed.
#
# ## The smallest example
#
# Here is the toy table again, the four patches of the small drawing: top left, top right, bottom left, bottom right.
# Patch 2 is blank. Each MLP gets a single hidden unit. The unit of token mixing is *top minus bottom* from lesson 4,
# and it gives its answer to the two tokens at the bottom. The unit of channel mixing asks each token "is channel 0
# larger than channel 1?" and writes its answer into channel 2.

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
# By hand, column 0 first. After LayerNorm (computed in lesson 3) its numbers are 0.71, 1.41, 0, and 0.71. Top minus
# bottom is 0.71 + 1.41 − 0 − 0.71 = 1.41, and gelu(1.41) = 1.30. So 1.30 is added to tokens 2 and 3. Columns 1 and 2
# both give −0.71, of which gelu leaves −0.17. To two digits, $U$ is:

# %%
U_by_hand = torch.tensor([[4.00,  4.00,  0.00],
                          [8.00,  0.00,  0.00],
                          [1.30, -0.17, -0.17],
                          [3.30,  1.83, -2.17]])

# %% [markdown]
# Then the rows. LayerNorm turns row 2, the formerly blank patch, into 1.41, −0.71, −0.71. Is channel 0 larger than
# channel 1? 1.41 + 0.71 = 2.12, of which gelu leaves 2.09, and this is added to channel 2. Row 1 looks the same after
# LayerNorm and also gets 2.09. Row 0 has two equal channels and gets 0. Row 3 gives 0.64, of which gelu leaves 0.47.

# %%
Y_by_hand = U_by_hand.clone()
Y_by_hand[:, 2] += torch.tensor([0.00, 2.09, 2.09, 0.47])
plots.show(plots.tables({"X, the tokens": tokens, "U, after token mixing": U_by_hand,
                         "Y, after channel mixing": Y_by_hand}))

# %% [markdown]
# Follow token 2. Its patch is blank, so it came in with nothing to say. Token mixing told it about the other patches,
# and channel mixing then worked on what it had been told. A block does nothing else.
#
# ## With a loop
#
# The equation says "for each column" and "for each row". So does the loop:

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
# A matrix on the left works on all columns at once, and a transposed matrix on the right works on all rows:

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
# There are two norms, since each learns its own scale and shift. With the toy's weights, the module must give the toy's
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
# Why tokens first? The other order gives another table:

# %%
with torch.no_grad():
    V = tokens + gelu(norm(tokens) @ W3.T) @ W4.T       # channel mixing first
    swapped = V + W2 @ gelu(W1 @ norm(V))               # then token mixing
print("tokens first, row 2:  ", [round(number, 2) for number in Y[2].tolist()])
print("channels first, row 2:", [round(number, 2) for number in swapped[2].tolist()])

# %% [markdown]
# Neither order is more right than the other. In a stack the two alternate anyway, so the order only decides which of
# them comes first of all and which comes last. But one has to stick to it: weights learned in one order do not fit
# the other. The paper's order is tokens, then channels.
#
# ## The library's version
#
# `MixerBlock` in [`mixer_lib/model.py`](../mixer_lib/model.py) is your block. Its two parts are passed to it, so that
# other parts can take their place, and it makes the norms, which it calls `token_norm` and `channel_norm`. Copy the
# weights over, and both blocks must give exactly the same table:

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
# A table `[16, 64]` goes in, and a table `[16, 64]` comes out. So a second block can follow, and a third. A Mixer is a
# stack of $L$ blocks (`num_blocks` in code), all of the same sizes, each with weights of its own. The paper's models
# have 8 to 32 of them (Table 1). The number of blocks that a table has been through is its **depth**: 0 after the patch
# embedding, $L$ at the end.
#
# We need stacks often from here on, so here is a function. It builds the library's whole model, which lesson 6
# explains, and takes the patch embedding and the blocks out of it. This way their random weights are drawn as in the
# authors' code.

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
# convolutions** would it take? A 3 × 3 convolution is the building block of ordinary image networks, in which every
# place looks at itself and its eight neighbors.
#
# Here are four convolutions as layers on tables. `influence_by_depth` measures which patch moves which token at every
# depth of a stack, all depths at once. (This takes a few seconds.)

# %%
class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(64, 64, kernel_size=3, padding=1)

    def forward(self, x):                                       # [B, S, C]
        grid = x.transpose(1, 2).unflatten(2, (4, 4))           # [B, C, 4, 4]
        return gelu(self.conv(grid)).flatten(2).transpose(1, 2)     # [B, S, C]

torch.manual_seed(0)
convolutions = nn.Sequential(*[Convolution() for _ in range(4)]).double()

# %%
# Each token is moved in 64 directions. With one per channel, the strengths are exact.
strengths = influence_by_depth(blocks, x[0], directions=64)             # [L + 1, S, S]
by_convolutions = influence_by_depth(convolutions, x[0].double(), directions=64)

def first_full(tables):
    """The number of layers after which no cell is zero"""
    return [bool((table != 0).all()) for table in tables].index(True)

# %% [markdown]
# **Predict.** How many blocks?

# %%
predict("how many blocks", first_full(strengths))

# %% [markdown]
# **Predict.** And how many convolutions?

# %%
enough = first_full(by_convolutions)
reached = {"0 blocks": strengths[0], "1 block": strengths[1],
           "1 convolution": by_convolutions[1], "2 convolutions": by_convolutions[2],
           "3 convolutions": by_convolutions[3]}
predict("how many convolutions", enough,
        picture=plots.tables({name: table != 0 for name, table in reached.items()},
                             "input patch", "output token", signed=False, width=11))

# %% [markdown]
# On larger grids the difference grows. No network is needed to see this: after $n$ convolutions, a place depends on all
# places at most $n$ steps away, where a step may go diagonally.

# %%
def out_of_reach(side, layers):
    """Percent of all pairs of places that 3 x 3 convolutions leave apart"""
    row, column = torch.arange(side ** 2) // side, torch.arange(side ** 2) % side
    steps = torch.maximum((row[:, None] - row).abs(), (column[:, None] - column).abs())
    pairs = side ** 4 - side ** 2                                               # s != t
    return 100 * (steps > layers).sum().item() / pairs

for layers, table in enumerate(by_convolutions):        # the network says the same
    assert out_of_reach(4, layers) == 100 * (table == 0).sum().item() / (16 ** 2 - 16)

# %%
curves = {"Mixer blocks, any grid": [[100.0] + 13 * [0.0]]}
for side in (4, 8, 14):
    percent = [out_of_reach(side, layers) for layers in range(14)]
    curves[f"3 × 3 convolutions, {side} × {side} places"] = [percent]
plots.show(
    plots.by_depth(curves, xlabel="blocks or layers", ylabel="pairs out of reach (%)"),
    alt="Four falling curves, from 100 percent at 0 layers. Mixer blocks: 0 from 1 "
        "block on. Convolutions: 0 from 3 layers on for a grid of 4 by 4, from 7 for 8 "
        "by 8, from 13 for 14 by 14.")

# %% [markdown]
# 14 × 14 is the grid of the paper's models with patches of 16 pixels. (A real convolutional network shrinks its grid on
# the way and so gets there in fewer layers. Exercise 5.2 counts other windows.) Little reach is not a fault: in most
# images, what is near belongs together, and a convolution knows this from the start. A Mixer has to learn it.
#
# ## Reach is not strength
#
# One block reaches everything, so what are the others for? First, there is more to seeing than being reached. Look at
# *how strongly* token $j$ at each depth moves with patch $i$. As in lesson 3, we move the patch's token at depth 0,
# which stands for its pixels. The strength is the root of the sum of all squared derivatives.

# %%
own = strengths.diagonal(dim1=1, dim2=2).square().sum(dim=1)    # [L + 1]
share = own / strengths.square().sum(dim=(1, 2))                # [L + 1]
for depth in (0, 1, 2, 4, 8):
    print(f"depth {depth}: {share[depth]:4.0%} of the movement is in its own token")

# %% [markdown]
# (These are shares of the squares, which add up to 100%.) After one block, nearly half of what a patch moves is still
# its own token. The skip connections carry each token past both MLPs. The influence spreads block by block. At depth
# 8 the share is still above an even one, which would be 1/16, or 6%.
#
# Second, a block is small. It asks $D_S$ questions of each column and $D_C$ questions of each row, once. Questions
# about its output need another block.
#
# ## Move it
#
# These are the strengths from above, on the horse. Point at a patch of the horse, and the map in the middle shows the
# 16 tokens at one depth, each in the place of its patch, and how strongly each moves with that patch. An empty cell is
# exactly 0, and the strongest color is the token that moves most. The small maps on the right show all depths, from 0
# to 8: point at one to see it large. You can also ask the other way around. Point at a token in the large map, and the
# horse goes dark except for the patches that reach this token. A click keeps what you point at, and the arrow keys
# work, too. Things to try:
#
# 1. Point at depth 0, then at depth 1. How many tokens move?
# 2. Follow patch 5 through all depths. At which depth is its own token no longer the one that moves most?
# 3. Click depth 1, and move over all 16 patches. Do near tokens always move more than far ones?
#
# <details><summary>What you should see</summary>
#
# 1. One at depth 0, all 16 at depth 1. (The 40% below the maps is for patch 5 alone; the 45% above was over all
#    patches. The 8 at depth 0 is √64: of the token's 64 × 64 derivatives with respect to itself, 64 are 1.)
# 2. At depth 5: there token 4, on the left, moves more.
# 3. No. The weights are random, and no weight knows how far apart two places are. In lesson 9 you see how training
#    changes this.
#
# </details>

# %%
widgets.influence_explorer(horse, strengths, patch_size=8)

# %% [markdown]
# ## Without the skip connections
#
# Lesson 3 showed one virtue of adding: a layer whose second weights are zero leaves the table as it was. So a block,
# too, can leave the table alone, and what it learns is a correction. Without the two sums, every block would have to
# copy by itself whatever is worth keeping:

# %%
def with_skips(block, x):
    x = x + block.token_mixing(block.token_norm(x))             # [B, S, C]
    return x + block.channel_mixing(block.channel_norm(x))      # [B, S, C]

def without_skips(block, x):
    x = block.token_mixing(block.token_norm(x))                 # [B, S, C]
    return block.channel_mixing(block.channel_norm(x))          # [B, S, C]

assert torch.equal(with_skips(blocks[0], x), blocks[0](x))

# %% [markdown]
# A deep stack has more at stake. A network learns from **gradients**: for each number in it, how much a score at the
# end would change if that number moved a little. These are derivatives, like those in the maps above. They are
# computed from the end backward, block by block. So we ask: how large is the gradient at each depth, in a stack of 32
# untrained blocks, as many as the paper's largest model has? The score is simply the sum of the last table; lesson 6
# brings a better one. The size of a gradient is its **gradient norm**, the root of the sum of the squares.
#
# **Predict.** Compare the gradient at depth 0, with and without skip connections. Without them, is it smaller or
# larger?

# %%
def gradient_norms(step, seed, num_blocks=32):
    """The gradient norm at each depth: L + 1 numbers, depth 0 first"""
    x, blocks = fresh_stack(num_blocks, seed)
    tables = [x.double().requires_grad_()]      # double, so that rounding plays no part
    for block in blocks.double():
        tables.append(step(block, tables[-1]))
    score = tables[-1].sum()
    gradients = torch.autograd.grad(score, tables)          # one for each table
    return [gradient.norm().item() for gradient in gradients]

gradients = {
    "with skip connections": [gradient_norms(with_skips, seed) for seed in range(5)],
    "without": [gradient_norms(without_skips, seed) for seed in range(5)]}

# %%
first = [torch.tensor([run[0] for run in runs]).median() for runs in gradients.values()]
predict("gradient without skips", first[1] / first[0],
        picture=plots.by_depth(gradients, ylabel="gradient norm", log=True))

# %% [markdown]
# ## Two helpers
#
# Where does this come from? A block has two helpers, skip connections and LayerNorm. Take out either one, or both. By
# what factor does the gradient change on its way from the last table to the first?

# %%
def skips_alone(block, x):
    x = x + block.token_mixing(x)
    return x + block.channel_mixing(x)

def neither(block, x):
    return block.channel_mixing(block.token_mixing(x))

# %%
helpers = {
    "both": gradients["with skip connections"],
    "LayerNorm alone": gradients["without"],
    "skip connections alone": [gradient_norms(skips_alone, seed) for seed in range(5)],
    "neither": [gradient_norms(neither, seed) for seed in range(5)]}
for name, runs in helpers.items():
    factors = [run[0] / run[-1] for run in runs]            # one for each seed
    print(f"{name:22}  × {min(factors):9.2g} to × {max(factors):9.2g}")
plots.show(
    plots.by_depth(helpers, ylabel="gradient norm", log=True),
    alt="Gradient norms over the depth, on a logarithmic axis, five lines for each of "
        "four kinds of stack, all at 32 at depth 32. Read from right to left: with "
        "neither helper the lines fall straight, to about 1e-18 at depth 0. With skip "
        "connections alone they rise straight to about 1e7, with LayerNorm alone to "
        "about 1e5, with both to about 1e3.")

# %% [markdown]
# With neither helper, the gradient vanishes: each MLP answers with less than it is given, so tables and derivatives
# shrink from block to block. Skip connections alone let the gradient explode: each answer grows with its table, as in
# lesson 3. LayerNorm alone makes the gradient grow as well. Only both together keep it within a factor of about 30,
# with these weights.
#
# Why does LayerNorm alone enlarge the gradient? Follow a table through one block without skip connections, together
# with a small change of it, and look at both sizes (the change is given in units of its size at the start):

# %%
torch.manual_seed(0)
x, blocks = fresh_stack(32)
x, blocks = x.double(), blocks.double()
nudge = 1e-4 * torch.randn(x.shape).double()            # [B, S, C]
block, before, after = blocks[0], x, x + nudge
with torch.no_grad():
    for name, part in {"LayerNorm": block.token_norm,
                       "token mixing": block.token_mixing,
                       "LayerNorm again": block.channel_norm,
                       "channel mixing": block.channel_mixing}.items():
        if "Norm" in name:
            factors = 1 / before.std(dim=2, correction=0)       # [B, S]
            print(f"  tokens stretched × {factors.min():.1f} to {factors.max():.1f}")
        before, after = part(before), part(after)
        change = (after - before).norm() / nudge.norm()
        print(f"after {name:16} table {before.std():.2f}, change × {change:.2f}")

# %% [markdown]
# Each MLP shrinks the table, and each LayerNorm stretches it back to a standard deviation of 1. The second stretches
# the small change by even more than the table. Why? It divides by each token's spread. A quiet token has a small
# spread, so the token and its change are multiplied by a large number. The loud tokens, which made the table as large
# as it was, need little stretching. So the table keeps its size while the change grows, more than twofold in this
# first block. Read backward, such a growing change is a growing gradient: over all 32 blocks it grows about 1.3-fold
# per block.
#
# And why do both together keep it small? Compare how large the table is before a block with the factor by which this
# block multiplies the gradient:

# %%
table, stack = fresh_stack(32, seed=0)
norms = gradients["with skip connections"][0]           # of the same stack
with torch.no_grad():
    for depth, block in enumerate(stack):
        if depth in (0, 1, 2, 4, 8, 16, 31):
            factor = norms[depth] / norms[depth + 1]
            print(f"block {depth:2}: table {table.std():.2f}, gradient × {factor:.2f}")
        table = with_skips(block, table)                                # [B, S, C]

# %% [markdown]
# The sum passes the gradient on as it is, and adds what comes back through the two MLPs. The table grows with the depth.
# The norm divides by this growing size, so what comes back through the MLPs is divided by it, too. The first block nearly
# triples the gradient, and the last one hardly changes it.
#
# ## Do all tokens become alike?
#
# You might fear that after so much mixing all tokens say the same thing. The **cosine similarity** of two tokens is 1 if they
# point the same way and 0 if they have nothing in common. Here is its mean over all pairs of tokens of the horse:

# %%
def alike(x):
    unit = nn.functional.normalize(x[0], dim=1)             # [S, C], each row of norm 1
    return ((unit @ unit.T).sum() - 16) / (16 * 15)         # without the diagonal

with_skip, without = x, x
for depth in range(33):
    if depth in (0, 1, 8, 32):
        print(f"depth {depth:2}: tokens alike {alike(with_skip):.2f} "
              f"with skip connections, {alike(without):.2f} without")
    if depth < 32:
        with_skip = with_skips(blocks[depth], with_skip).detach()
        without = without_skips(blocks[depth], without).detach()

# %% [markdown]
# The opposite happens. The patches of the horse begin very much alike, and the first block sets them apart. With skip
# connections or without, they stay apart.
#
# All of this was measured on *untrained* stacks, with one way to draw the weights. Other weights give other factors.
# Does any of it matter to a network that learns?
#
# ## Train without a part
#
# Nothing convinces like training. Here are five small Mixers of 8 blocks that learn to read digits: the whole one, and
# four that lack a part in every block. Each is trained three times, with different random weights and different batches
# (*seeds*), so that we can tell an effect from luck. All of them take the same 80 steps at the same learning rate;
# lesson 6 explains the loss, lesson 7 what a step is. (The norm before the last layer of the model stays in all five.)

# %%
class Nothing(nn.Module):
    """A part that answers 0. [B, S, C] -> same"""
    def forward(self, x):
        return torch.zeros_like(x)

class WithoutSkips(nn.Module):
    """A block without its skip connections. [B, S, C] -> same"""
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return without_skips(self.block, x)

# %%
def mixer_without(part, seed):
    torch.manual_seed(seed)
    model = MlpMixer(image_size=28, patch_size=7, in_channels=1, num_classes=10,
                     num_blocks=8, hidden_dim=32,
                     tokens_mlp_dim=16, channels_mlp_dim=64)
    for k, block in enumerate(model.blocks):
        if part == "token mixing":
            block.token_mixing = Nothing()
        elif part == "channel mixing":
            block.channel_mixing = Nothing()
        elif part == "skip connections":
            model.blocks[k] = WithoutSkips(block)
        elif part == "norms":
            block.token_norm = block.channel_norm = nn.Identity()
    return model

# %%
digits = load_dataset("mnist")                              # 10,000 and 2,000 digits
images, test_images = digits.train_images / 255, digits.test_images / 255

def accuracy_after_training(model, steps=80):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)    # quicker
    for _ in range(steps):
        batch = torch.randint(len(images), (64,))           # [B], drawn at random
        scores = model(images[batch])                       # [B, K]
        loss = nn.functional.cross_entropy(scores, digits.train_labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = model(test_images).argmax(dim=1) == digits.test_labels
    return right.float().mean().item()

# %% [markdown]
# **Predict.** Which part does the Mixer miss most? Run the next two cells (the first trains for about 20 seconds),
# then choose.

# %%
def three_runs(part):
    return [accuracy_after_training(mixer_without(part, seed)) for seed in range(3)]

parts = ["token mixing", "channel mixing", "skip connections", "norms"]
accuracies = {"the whole Mixer": three_runs("nothing")}
accuracies |= {f"without {part}": three_runs(part) for part in parts}

# %%
means = {name: 100 * sum(runs) / 3 for name, runs in accuracies.items()}       # percent
lost = {part: means["the whole Mixer"] - means[f"without {part}"] for part in parts}
predict("the part that is missed most", lost, picture=plots.changes(accuracies))

# %% [markdown]
# Read such a picture with its spread in mind. If the dots of a row are as far apart as its bar is from the whole
# Mixer's, the difference may be luck. And the result holds for this recipe: 8 narrow blocks, 80 steps, one learning
# rate for all. A part that costs nothing here may be indispensable in a deeper network or in a longer training.
# Lesson 13 repeats the comparison with photographs, longer runs, and a learning rate tuned for each network.
#
# <details><summary>To compare: a run of ours</summary>
#
# The means of three runs: the whole Mixer 79%, without token mixing 38% (34, 39 and 40%), without channel mixing 81%,
# without skip connections 50% (37, 52 and 60%), without norms 81%. Computers round differently, and training
# amplifies this. With the sums in another order we got 47% without skip connections, and nearly the same means
# elsewhere.
#
# </details>
#
# ## Exercises
#
# ### 5.1 The block · repair · easy · 7 minutes
#
# This block runs without an error, its shapes are right, and it has **three** mistakes. `token_mixing` and
# `channel_mixing` are the library's: each takes and gives `[B, S, C]`, and adds nothing by itself.

# %%
def broken_block(x, norm1, token_mixing, norm2, channel_mixing):
    u = token_mixing(norm1(x))                      # [B, S, C]
    return x + channel_mixing(norm1(u))             # [B, S, C]

# %% [markdown]
# Write it correctly. The check names what is still wrong.

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
# Compare it with equation 1. What does each line add, and to what? Which of the five arguments is never used?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/05_mixer_layer.ipynb](solutions/05_mixer_layer.ipynb), exercise 5.1.
#
# </details>
#
# ### 5.2 How many convolutions? · write · medium · 8 minutes
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
# ### 5.3 Which block is told to move most? · measure · hard · 12 minutes
#
# The lesson measured gradients of *tables*. But training moves the weights. For each block, measure the norm of the
# gradient of `blocks(x).sum()` with respect to all of the block's parameters taken together, as if they were one
# long list: the root of the sum of the squares. Return a list of numbers (or a tensor of them), the first block first.

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
# for each parameter. Without `retain_graph` PyTorch forgets the computation after the first answer. When your function
# works, try it on `fresh_stack(32)`: which block has the largest number? (The solution tells.)
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/05_mixer_layer.ipynb](solutions/05_mixer_layer.ipynb), exercise 5.3.
#
# </details>
#
# ### 5.4 Stretch: a small change, 32 blocks later · open
#
# Change the horse's tokens by 0.1% in a random direction. How large is the change of the last table of
# `fresh_stack(32)`, in percent, with skip connections and without? What does your result say about how large a step of
# training may be? (There is no check for this one.)
#
# ## Recap
#
# - A block is norm, token mixing, add; norm, channel mixing, add. You built it by hand, with a loop, with tensors, and
#   as a module, and `MixerBlock` gives the same table.
# - One block is enough until every patch reaches every other, on any grid. 3 × 3 convolutions need 3 layers on a 4 × 4
#   grid and 13 layers on a 14 × 14 grid.
# - Reach is not strength: after one block nearly half of what a patch moves is its own token, and this share falls
#   quickly at first, then slowly.
# - In 32 untrained blocks the gradient grows more than a thousandfold without skip connections, and vanishes if
#   LayerNorm is gone as well. With both it stays within a factor of about 30.
# - Small Mixers, trained for 80 steps and three times each, lose most without token mixing or without skip
#   connections. The order of these two may be luck. What the other parts are worth is within the spread of the runs.
#
# ## Quiz
#
# **1.** Someone leaves out token mixing in all blocks but one. After how many blocks does every patch reach every
# other?
#
# <details><summary>Answer</summary>
#
# After that one block, wherever it is: it alone carries anything between tokens. The other blocks work on what each
# token has.
#
# </details>
#
# **2.** All weights and biases of a block's two second layers (`fc2`) are zero. What does the block do? And a block
# without skip connections?
#
# <details><summary>Answer</summary>
#
# It passes the table on exactly as it is, since both MLPs answer 0. Without skip connections the answer is all
# there is: a table of zeros, and the image is lost.
#
# </details>
#
# **3.** Token mixing keeps the channels apart. Does the first *half* of a block, $U = X + \dots$ with its LayerNorm,
# keep the channels apart, too?
#
# <details><summary>Answer</summary>
#
# No. LayerNorm divides each channel of a token by the spread of all its channels, so each channel moves all of them a
# little. The bare MLP does not mix channels, but the norm before it does. The second half does keep the *tokens* apart:
# neither its norm nor its MLP looks at another token.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2: equation 1 and the sentences around it.
# - [Deep residual learning](https://arxiv.org/abs/1512.03385), section 3: how skip connections made networks of a
#   hundred layers trainable.
# - `MixerBlock` in [`mixer_lib/model.py`](../mixer_lib/model.py), and the [glossary](glossary.md).
#
# Next: [6 · The classifier](06_classifier.ipynb) turns the last table into a verdict.
