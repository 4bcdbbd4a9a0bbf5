# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Convolutions: the same network, written another way
#
# *After this lesson you can write every layer of a Mixer as a convolution, say which weights each layer shares, and
# tell a true sentence about Mixers and convolutional networks from one that only sounds true.*
#
# **About 50 minutes, with the exercises 90.** You need: lessons [7](07_train_mnist.ipynb) and
# [9](09_token_mixing_weights.ipynb). The trained network is of the same kind as the one that you trained in lesson 7.
#
# Previous: [9 · Token-mixing weights](09_token_mixing_weights.ipynb).
# Next: [11 · Permutations](11_permutations.ipynb)
#
# Token mixing can be written as a convolution. This picture shows the four ideas that lead there. You will meet each of
# them below.
#
# ![Four panels. First: a kernel slides, or it stops once. A window of 3 by 3 stops at four places of a map of 4 by 4
# and gives four answers; the stops share its weights. A window of 4 by 4 covers the whole map, stops once and gives one
# answer; nothing is shared. Second, folding: three maps of 2 by 2 that lie on top of each other, shape [B, C, H', W'],
# become three images of one channel each, shape [B · C, 1, H', W'], so that no two channels are added up. Third, the
# way back: stamps add up. 1.95 times a stamp with 0.25 above and minus 0.25 below, plus 1.95 times a stamp with 0.25 on
# the left and minus 0.25 on the right, is a map with 0.98 at the top left, minus 0.98 at the bottom right, and 0
# elsewhere. Fourth, one kernel for all, or one each. Tied, as in a Mixer: one kernel for all three maps. Untied,
# groups=C: each of the three maps has a kernel of its own, C sets of weights.](../figures/convolutions.svg)

# %% [markdown]
# ## In this lesson you will
#
# - write the weights of the toy as kernels, by hand and with PyTorch's convolutions, and get the same numbers;
# - rewrite a whole trained Mixer in convolutions, and compare every output and every gradient with the original;
# - predict the outcome of six traps, and count what it costs when the channels no longer share their weights;
# - roll digits sideways, and measure how far a Mixer and a CNN can still read them;
# - recognize a token mixer that *is* a sliding convolution, and say how rare such token mixers are.

# %%
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, cross_entropy, gelu, pad

from mixer_lib import plots
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# A **CNN**, a convolutional neural network, is built of convolutions. The paper's title calls the Mixer *an all-MLP
# architecture*. But its authors also write that "our architecture can be seen as a very special CNN" ([the
# paper](https://arxiv.org/abs/2105.01601), section 1). Some articles call the Mixer "a CNN in disguise". Others say
# that it "needs no convolutions". Who is right?
#
# We do not have to argue. We can run it. Two networks are the same if the same weights give the same *outputs* for the
# same images, and the same *gradients*, so that both networks would also learn the same. Everything else is a matter of
# names. So we write the Mixer with nothing but convolutions, and compare.
#
# ## The table as maps
#
# A convolution works on pictures. Our table has one column per channel. Lesson 4 placed a column on the grid of
# patches and got a small picture, a **map**. Here are the three maps of the toy. $H'$ and $W'$ are the numbers of rows
# and columns of the grid. Here both are 2, and $S = H' W' = 4$.

# %%
tokens = torch.tensor([[4., 4., 0.],            # top left
                       [8., 0., 0.],            # top right
                       [0., 0., 0.],            # bottom left
                       [2., 2., -2.]])          # bottom right; [S, C] = [4, 3]
maps = tokens.T.reshape(1, 3, 2, 2)             # [B, C, H', W']
maps[0]

# %% [markdown]
# ## The patch embedding: windows that do not overlap
#
# Lesson 2 showed that the patch embedding is a convolution. A kernel of $P × P$ pixels with a stride of $P$ stops once
# at each patch. Its answers are the patch's token. For the drawing and the three detectors this takes one line:

# %%
tiny = torch.tensor([[0., 8., 8., 8.],
                     [0., 8., 8., 8.],
                     [0., 0., 0., 8.],
                     [0., 0., 0., 0.]])             # [H, W]
weight = torch.tensor([[ .25,  .25,  .25,  .25],    # brightness
                       [-.25,  .25, -.25,  .25],    # right minus left
                       [-.25, -.25,  .25,  .25]])   # bottom minus top: [C, D] = [3, 4]
kernels = weight.view(3, 1, 2, 2)                   # [C, C_in, P, P]
assert torch.equal(conv2d(tiny[None, None], kernels, stride=2), maps)

# %% [markdown]
# ## Channel mixing: a window of one place
#
# Lesson 5 asked each token "is channel 0 larger than channel 1?", with the weights 1, −1, 0. The token at the top right
# is 8, 0, 0, so its answer is $1 · 8 - 1 · 0 + 0 · 0 = 8$. The other three answers are 0. Here is a loop over the
# places:

# %%
W3 = torch.tensor([[1., -1., 0.]])              # [D_C, C] = [1, 3]
by_loop = torch.zeros(1, 1, 2, 2)               # [B, D_C, H', W']
for u in range(2):
    for v in range(2):
        by_loop[0, :, u, v] = W3 @ maps[0, :, u, v]         # [C] -> [D_C]
by_loop[0, 0]

# %% [markdown]
# A small window goes from place to place and takes the same weighted sum at every stop. That already is a convolution.
# Its window is one place large, $1 × 1$, and as deep as the number of channels:

# %%
by_conv = conv2d(maps, W3.view(1, 3, 1, 1))         # [D_C, C] -> [D_C, C, 1, 1]
assert torch.equal(by_conv, by_loop)
assert torch.equal(by_conv[0, 0].flatten(), (tokens @ W3.T)[:, 0])      # lesson 3's

# %% [markdown]
# A linear layer on each token *is* a $1 × 1$ convolution. Its weights only have two more axes, each of length 1. The
# places share the weights, as in every convolution: one set of weights, four stops.
#
# ## Token mixing: a window as large as the grid
#
# Lesson 4's *top minus bottom* is a row of $W_1$: 1, 1, −1, −1. Place these four weights on the grid, and they are a
# kernel. Put the kernel on the map of channel 0, multiply place by place, and add up the products:
#
# ![Three squares of 2 by 2 numbers. The map of channel 0: 4 and 8 above, 0 and 2 below. Times the kernel, row 0 of W1 on
# the grid: 1 and 1 above, minus 1 and minus 1 below. Equals the products: 4 and 8 above, 0 and minus 2 below. An arrow
# leads to their sum, 10, the answer of hidden unit 0 to channel 0.](../figures/kernel_sum.svg)
#
# The kernel has one weight for every place of the grid, so it covers the whole map. The part of the input that an
# output can see is called its **receptive field**. Here the receptive field is *full*.
#
# Token mixing never adds up different channels, so each channel must meet the kernel *alone*. We **fold** the channels
# into the batch: the convolution then treats each channel as a gray image of its own.

# %%
W1 = torch.tensor([[1., 1., -1., -1.],          # unit 0: top minus bottom
                   [1., -1., 1., -1.]])         # unit 1: left minus right; [D_S, S]
folded = maps.reshape(3, 1, 2, 2)               # [B, C, H', W'] -> [B*C, 1, H', W']
kernels = W1.view(2, 1, 2, 2)                   # [D_S, S] -> [D_S, 1, H', W']
by_loop = torch.tensor([[(kernel * channel).sum() for kernel in kernels[:, 0]]
                        for channel in folded[:, 0]])           # [B*C, D_S]
assert torch.equal(by_loop, tokens.T @ W1.T)    # lesson 4's
by_loop

# %% [markdown]
# Now `conv2d` does the same, without padding. The window fits on the map in one place only, and gives one answer.

# %%
hidden = conv2d(folded, kernels)                    # [B*C, D_S, 1, 1]
assert torch.equal(hidden.flatten(1), by_loop)      # [B*C, D_S]

# %% [markdown]
# **Predict.** Give the same two kernels three maps of 3 × 3 places instead. What is the shape of the result? The first
# two numbers are $B · C = 3$ and $D_S = 2$.

# %%
predict("shape of the result", str([*conv2d(torch.zeros(3, 1, 3, 3), kernels).shape]))

# %% [markdown]
# ## The way back: stamps
#
# The second layer goes from $D_S$ numbers to a whole map. Each hidden unit owns a column of $W_2$, which has $S$
# numbers. On the grid, this column is a picture. We call it a **stamp**. The unit stamps its picture as strongly as its
# answer is, and the layer adds up all stamps. For channel 0, the units answer 10 and −6. GELU leaves 10 and almost 0.
# So the map of channel 0 becomes 10 times the first stamp:
#
# ![The number 10, times a stamp of 2 by 2 numbers, column 0 of W2 on the grid: 0.25 and 0.25 above, minus 0.25 and minus
# 0.25 below. Equals a map: 2.5 and 2.5 above, minus 2.5 and minus 2.5 below, which is what token mixing adds to channel
# 0.](../figures/stamp.svg)
#
# A convolution turns a window into one number. The layer that turns one number into a window is called a **transposed
# convolution**.

# %%
W2 = torch.tensor([[1., 1.],                    # top left
                   [1., -1.],                   # top right
                   [-1., 1.],                   # bottom left
                   [-1., -1.]]) / 4             # bottom right; [S, D_S]
stamps = W2.T.reshape(2, 1, 2, 2)               # [S, D_S] -> [D_S, 1, H', W']
mixed = conv_transpose2d(gelu(hidden), stamps)  # [B*C, D_S, 1, 1] -> [B*C, 1, H', W']
assert torch.allclose(mixed.flatten(1).T, W2 @ gelu(W1 @ tokens), atol=1e-5)
mixed[:, 0].round(decimals=2)

# %% [markdown]
# <details><summary>Another way back, without a transposed convolution</summary>
#
# After the first layer, the map has shrunk to a single place with $D_S$ channels. On a single place, any linear layer
# is a $1 × 1$ convolution, here from $D_S$ to $S$ channels. Its $S$ answers are then unfolded into the grid:
# `conv2d(gelu(hidden), W2[:, :, None, None]).reshape(3, 1, 2, 2)` gives the same numbers. In this form, an ordinary
# convolution's bias has one number per place. The price is a reshape that turns channels into places.
#
# </details>
#
# So far all biases were zero. $b_1$ has one number per hidden unit. `nn.Conv2d` has exactly such a bias, one number per
# output channel. $b_2$ has one number per *place*. Trap 3 comes back to it.
#
# What remains of the Mixer? GELU and the residual sums work on each number alone, so the layout of the numbers does not
# matter. LayerNorm works on the channels of one place. The mean over the places is one more kernel as large as the
# grid, with the same weight $1/S$ everywhere. The head is a $1 × 1$ convolution, too.
#
# ## The library's version
#
# [`mixer_lib/conv.py`](../mixer_lib/conv.py) does this for a whole network: `to_conv` takes a Mixer and returns a
# `MixerCNN` with the same weights. Its block even has the same class as before, equation 1, with other parts in it.
# Here is the trained network that read the digits in lesson 0. We compare in `float64`, as in lesson 4, so that
# rounding only changes the sixteenth digit.

# %%
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.conv import from_conv, in_linear_shape, to_conv
from mixer_lib.data import load_dataset, normalize

mnist = load_dataset("mnist")
model = load_pretrained("mnist")[0].double()        # S = 16: a grid of 4 x 4
cnn = to_conv(model)
images = normalize(mnist.test_images[::50], mnist.mean, mnist.std).double()
labels = mnist.test_labels[::50]                    # 40 of them

logits = model(images)                              # [B, K]
assert (cnn(images) - logits).abs().max() < 1e-12
print(f"largest logit {logits.abs().max():.2f}, largest difference below 1e-12")

# %% [markdown]
# Both networks give each digit the same scores. Is a linear layer left somewhere? These are all the parts of the network that have
# weights:

# %%
assert not any(isinstance(part, nn.Linear) for part in cnn.modules())
Counter(type(part).__name__ for part in cnn.modules()
        if [*part.parameters(recurse=False)])       # any of its own, not of its parts

# %% [markdown]
# `PlaceBias` adds $b_2$. `PlaceNorm` is the LayerNorm at each place. Next, the gradients of all 141,642 weights.
# `in_linear_shape` gives each gradient the shape that it has in the Mixer, with one more axis in front. That axis
# counts copies of the weights; here there is one.

# %%
def gradients(net):
    loss = cross_entropy(net(images), labels)
    return torch.autograd.grad(loss, list(net.parameters()))

differences = [(mine - theirs[0]).abs().max() for mine, theirs in
               zip(gradients(model), in_linear_shape(gradients(cnn), model))]
assert max(differences) < 1e-12
assert all(torch.equal(p, q) for p, q in
           zip(model.parameters(), from_conv(cnn).parameters()))
print(f"the gradients of {len(differences)} tensors agree, each to 1e-12")

# %% [markdown]
# The outputs are the same, the gradients are the same, and `from_conv` returns the Mixer bit for bit. So the authors'
# sentence is true, with extras that an ordinary CNN does not have, among them a transposed convolution, a bias for
# each place, and a norm at each place.
#
# This settles half of the question: what can be *written* as a convolution. The other half is what that *means*. To
# answer it, ask of each layer: which weights does it share, and over what?
#
# ## One kernel for all channels
#
# CNNs have a layer that keeps the channels apart, as token mixing does: the **depth-wise convolution**. In PyTorch you
# get it with `groups=C`, and each channel then has kernels *of its own*. Token mixing has one set of kernels, which all
# channels share. In the library, `TiedTokenMixing` repeats this one set $C$ times whenever it is used.
# `UntiedTokenMixing` is what `groups=C` gives. Both start from the same Mixer here:

# %%
from mixer_lib.conv import TiedTokenMixing, UntiedTokenMixing

tied, untied = to_conv(model, TiedTokenMixing), to_conv(model, UntiedTokenMixing)
nets = {"Mixer": model, "folded": cnn, "tied": tied, "untied": untied}
for name, net in nets.items():
    assert (net(images) - logits).abs().max() < 1e-12
    block = sum(p.numel() for p in net.blocks[0].token_mixing.parameters())
    whole = sum(p.numel() for p in net.parameters())
    print(f"{name:7} token mixing {block:7,}   whole network {whole:8,}")

# %% [markdown]
# The untied network has $C = 64$ times as many weights in each token mixing, and nearly three times as many in total.
# The paper's B/16, with $C = 768$, would grow from 60 million weights to 1.45 billion (you counted this in lesson 4).
# The authors say themselves that sharing over channels is unusual, and mention that depth-wise convolutions do not do
# it (section 2 of the paper).
#
# ## Six traps
#
# All six are easy to fall into. Predict the outcome of each.
#
# **Trap 1: the turned kernel.** Mathematicians define a convolution with the kernel turned by 180 degrees. On channel
# 0, *top minus bottom* gave 10. What does it give with the turned kernel?

# %%
turned = conv2d(folded[:1], kernels[:1].flip(2, 3))         # upside down, left to right
predict("trap 1", turned)

# %% [markdown]
# **Trap 2: the order inside a patch.** A colleague stores the numbers of a patch in the order (row, column, color),
# and the colleague's weights match this order. You `view` these weights as kernels, `[C, C_in, P, P]`. PyTorch does not
# complain, since 192 numbers fit into $3 · 8 · 8$ in any order. How many of the 192 weights of a detector still meet
# the number that they were made for?

# %%
torch.manual_seed(0)
horse = load_dataset("cifar10").train_images[3510][None].double() / 255
patches = horse.unfold(2, 8, 8).unfold(3, 8, 8)     # [B, C_in, H', W', P, P]
theirs = patches.permute(0, 2, 3, 4, 5, 1).flatten(3)       # [B, H', W', D]
weight = torch.randn(64, 192).double() / 14         # [C, D]
right = (theirs @ weight.T).permute(0, 3, 1, 2)     # [B, C, H', W']
viewed = conv2d(horse, weight.view(64, 3, 8, 8), stride=8)
carried = conv2d(horse, weight.view(64, 8, 8, 3).permute(0, 3, 1, 2), stride=8)
assert torch.allclose(carried, right)
made_for = torch.arange(192).view(8, 8, 3).permute(2, 0, 1).flatten()   # in our order
predict("trap 2", (made_for == torch.arange(192)).sum(),
        off=(viewed - right).abs().max())

# %% [markdown]
# **Trap 3: the bias.** For the digits, token mixing needs one bias for each of the 16 places of the grid. How many
# biases does `nn.ConvTranspose2d(32, 1, (4, 4))` have?

# %%
predict("trap 3", nn.ConvTranspose2d(32, 1, (4, 4)).bias.numel())

# %% [markdown]
# Here is $b_2$ of the first block, placed on the grid:

# %%
b2 = model.blocks[0].token_mixing.fc2.bias.detach()         # [S]
b2.reshape(4, 4).float().round(decimals=2)                  # [H', W']

# %% [markdown]
# The *layer* needs these numbers: without them it is another layer. Does the *network* need them? The next cell sets $b_2$
# to zero in every block, and no logit changes.
#
# <details><summary>Why not?</summary>
#
# $b_2$ adds the same number to all channels of a place, and every LayerNorm that later reads the table subtracts the mean
# over the channels.
#
# </details>

# %%
without = deepcopy(model)
for block in without.blocks:
    nn.init.zeros_(block.token_mixing.fc2.bias)
assert (without(images) - model(images)).abs().max() < 1e-9

# %% [markdown]
# **Trap 4: the norm.** LayerNorm wants the channels as the last axis. In maps they are the second axis. CNNs have a
# norm for that: **GroupNorm** with one group, `nn.GroupNorm(1, C)`. Some programs even call it LayerNorm. We make token
# 1 of the toy ten times as large. At how many of the four places does the output of GroupNorm change?

# %%
louder = maps.clone()
louder[:, :, 0, 1] *= 10                                    # token 1, top right
change = nn.GroupNorm(1, 3)(louder) - nn.GroupNorm(1, 3)(maps)          # [B, C, H', W']
predict("trap 4", (change.abs() > 0.01).any(dim=1).sum())

# %% [markdown]
# **Trap 5: one step.** `tied` and `untied` give the same logits, as you saw. Now a copy of each takes one step of plain
# gradient descent on the same images. Do the copies still agree?

# %%
after = []
for net in (deepcopy(tied), deepcopy(untied)):
    cross_entropy(net(images), labels).backward()
    torch.optim.SGD(net.parameters(), lr=1).step()
    after.append(net(images))                               # [B, K]
predict("trap 5", torch.allclose(*after), off=(after[0] - after[1]).abs().max())

# %% [markdown]
# **Trap 6: here and there.** This trap matters most. "It is a convolution, so it treats all places alike." If you move
# the picture by one place to the right, the answer of a convolution moves along. Such a layer is called **translation
# equivariant**. (Whatever leaves at the right comes back in at the left, so that edges play no part.) Does the answer
# of token mixing move along, when it is written as a convolution?

# %%
x, block = cnn.stem(images), cnn.blocks[0]                  # [B, C, H', W']
sliding = nn.Conv2d(64, 64, 3, padding=1, padding_mode="circular", groups=64).double()
moved = {}
for name, layer in {"3 x 3, depth-wise": sliding,
                    "channel mixing": block.channel_mixing,
                    "token mixing": block.token_mixing}.items():
    off = layer(x.roll(1, dims=3)) - layer(x).roll(1, dims=3)       # [B, C, H', W']
    moved[name] = bool(off.abs().max() < 1e-12)
predict("trap 6", moved["token mixing"],
        others=" and ".join(name for name, along in moved.items() if along))

# %% [markdown]
# ## What each layer assumes
#
# | | same weights at every place | same weights for every channel | reads |
# |---|---|---|---|
# | patch embedding | yes | no | one patch |
# | channel mixing, $1 × 1$ | yes | no | one place, all channels |
# | token mixing | **no** | **yes** | all places, one channel |
# | depth-wise convolution, $3 × 3$ | yes | no | nine places, one channel |
# | ordinary convolution, $3 × 3$ | yes | no | nine places, all channels |
#
# What a layer takes for granted about space, before it has seen an image, is its **spatial prior**. A small sliding
# kernel takes two things for granted: *near places matter, and far places do not*; and *what is worth asking here is
# worth asking everywhere*. Token mixing assumes neither. It assumes something else: *what is worth asking of one channel
# is worth asking of all channels*. Each place has its own column of $W_1$ and its own row of $W_2$.
#
# Now we can judge the two sentences from the beginning, and two more:
#
# - "A Mixer needs no convolutions." As code, this is true. As mathematics, it is false: the patch embedding and channel
#   mixing *are* convolutions, and they do share their weights over places.
# - "A Mixer is a CNN in disguise." Each layer can be written as a convolution. But the layer in which the patches meet
#   lacks both assumptions that make a CNN a CNN.
# - "Token mixing is a depth-wise convolution." This is true for a full receptive field and *one* kernel for all
#   channels. With `groups=C` it is another network, with $C$ times the weights in token mixing.
# - "So a CNN is a Mixer, too." No. An ordinary 3 × 3 convolution mixes neighbors and channels at once. No layer of a
#   Mixer block does that. The authors say so, right next to the sentence about the very special CNN.
#
# ## Roll the whole network
#
# Token mixing is not translation equivariant, and a patch changes inside when it is moved by a few pixels. Does the
# trained network fail as soon as the digits move? We push all pixels of the test digits $k$ pixels to the right.
# Pixels that leave at the right come back in at the left.
#
# **Predict.** The network reads 99.5% of the 2,000 test digits as they are. What is the smallest $k$ for which it reads
# fewer than 95%? (A patch is 7 pixels wide.)

# %%
from mixer_lib.training import evaluate

mixer = deepcopy(model).float()


def share_read(net, digits, k):
    """The share of test digits that a network reads when all are rolled by k pixels."""
    moved = replace(digits, test_images=digits.test_images.roll(k, dims=3))
    return evaluate(net, moved)["accuracy"]

row = [share_read(mixer, mnist, k) for k in range(8)]
rolled = {"Mixer, bundled": row}
predict("rolled digits", [share < 0.95 for share in row].index(True),
        one=row[1], three=row[3], seven=row[7])

# %% [markdown]
# Where does this robustness come from, if not from the architecture? The bundled network was trained for 40 epochs on
# digits that were shifted at random by up to 2 pixels ([its card](../mixer_lib/models/mnist.md)). So we need a control:
# a Mixer that has never seen a shifted digit. And beside it a real CNN: four sliding $3 × 3$ convolutions with pooling
# between them. (Lesson 11 shows it in detail. It has 111,356 weights, and the Mixer has 141,642.) Both train for one
# epoch on the same 5,000 digits, which are padded to 32 × 32 pixels for the CNN.

# %%
from mixer_lib import create_model
from mixer_lib.permutations import SmallCNN
from mixer_lib.training import Recipe, fit

few = replace(mnist, train_images=mnist.train_images[::2],
              train_labels=mnist.train_labels[::2])
padded = replace(few, train_images=pad(few.train_images, (2, 2, 2, 2)),  # 32 x 32: the
                 test_images=pad(few.test_images, (2, 2, 2, 2)))         # CNN's size
recipe = Recipe(epochs=1, batch_size=64, lr=6e-3, val_fraction=0)
for name, make, digits in (("Mixer, one epoch", lambda: create_model("mnist"), few),
                           ("CNN, one epoch", lambda: SmallCNN(in_channels=1), padded)):
    torch.manual_seed(0)
    net = make()
    fit(net, digits, recipe)
    rolled[name] = [share_read(net, digits, k) for k in range(8)]

# %% tags=["nbval-ignore-output"]
shares = {name: [100 * share for share in row] for name, row in rolled.items()}
plots.show(
    plots.lines({"rolled by, in pixels": (range(8), shares)}, "test digits read (%)"),
    alt="Three curves over 0 to 7 pixels. The CNN falls slowly, by about eight points "
        "over the whole way. The bundled Mixer stays close to 99% up to 3 pixels and "
        "ends at about 64%. The Mixer of one epoch begins where the CNN does, falls at "
        "once, and is at guessing, 10%, from 6 pixels on.")
for name, row in rolled.items():
    print(f"{name:18}", *(f"{share:6.1%}" for share in row))

# %% [markdown]
# - **The CNN** loses little: about eight points of accuracy over the whole way. Nobody showed it a shifted digit. Its
#   kernels slide, and its last layer takes the mean over all places, so most of what it learned about a digit in one
#   place holds in another. (Its pooling and its edges do not slide, so the answer does not stay exactly the same.)
# - **The Mixer after one epoch** reads nearly as many plain digits as the CNN, and has learned them in one place
#   only. A shift of 3 pixels, less than half a patch, costs it more than half of its accuracy. Beyond 5 pixels it
#   guesses.
# - **The bundled Mixer** learned from shifted digits. So the data may have taught it what the architecture does not
#   assume. (It also trained for 40 epochs instead of 1, and on 57,000 digits.) This holds near the shifts of the
#   training, and ends beyond them: a shift by 7 pixels moves every patch to the next place without changing a single
#   patch, and more than a third of the digits are lost.
#
# This is one training run of each network, so do not trust the exact shares. The gap between the last two curves is
# another matter. We tried three more seeds, and each time it grew to more than sixty points. (The larger shifts also
# cut more of the Mixer's digits in two than of the padded ones. But at 3 pixels that happens to 7% of them, and the
# gap is already wide.)
#
# ## The ledger
#
# Here is everything so far in one table, with one row per claim: how a part of the Mixer is written as convolutions,
# the largest difference of an output and of a gradient, and the cost. (MACs are the multiply-accumulates of lesson 6,
# counted while the layer ran.) All weights are random, so that nothing agrees by luck. The rows that are not equal are
# traps 1, 3, 5 and 4, and a patch that is read column by column, a relative of trap 2. For groups=C, the gradients of
# the $C$ copies are added up before they are compared.
#
# | part of the Mixer | written as | equal? | output differs by | gradient differs by | parameters | MACs |
# |---|---|---|---|---|--:|--:|
# | patch embedding | 7 × 7 convolution, stride 7 | yes | below 1e-12 | below 1e-12 | 3,200 | 50,176 |
# | LayerNorm | at each place | yes | below 1e-12 | below 1e-12 | 128 | 0 |
# | token mixing | folded: kernels as large as the grid | yes | below 1e-12 | below 1e-12 | 1,072 | 65,536 |
# | token mixing | depth-wise, one set of kernels for all channels | yes | below 1e-12 | below 1e-12 | 1,072 | 65,536 |
# | token mixing | depth-wise, a copy for each channel (groups=C) | yes | below 1e-12 | below 1e-12 | 68,608 | 65,536 |
# | channel mixing | 1 × 1 convolutions | yes | below 1e-12 | below 1e-12 | 33,088 | 524,288 |
# | mean over tokens (a Mixer's own counts 0 MACs) | a kernel as large as the grid, all 1/S | yes | below 1e-12 | below 1e-12 | 0 | 1,024 |
# | the whole Mixer | to_conv | yes | below 1e-12 | below 1e-12 | 141,642 | 2,411,136 |
# | the whole Mixer | to_conv, then from_conv | yes | exactly 0 | exactly 0 | 141,642 | 2,410,112 |
# | token mixing | kernels turned by 180 degrees | **no** | about 3 | about 20 | 1,072 | 65,536 |
# | token mixing | one bias instead of one per place | **no** | about 0.4 | about 20 | 1,057 | 65,536 |
# | the whole Mixer | groups=C, after one step of training | **no** | about 0.004 | about 0.03 | 411,786 | 2,411,136 |
# | LayerNorm | GroupNorm(1, C) | **no** | about 0.2 | about 2 | 128 | 0 |
# | patch embedding | a patch read column by column | **no** | about 7 | about 30 | 3,200 | 50,176 |
#
# **Optional.** The next two cells measure how long each form takes. You can skip them.
#
# <details><summary>Equal in result, but not in speed</summary>
#
# The cells time a layer, and the whole network, forward and backward for 128 digits, on one thread of the machine that made
# this page. Channel mixing takes about the same time in both forms: a $1 × 1$ convolution is a matrix product, and PyTorch
# treats it as one. Token mixing is several times as slow when folded, and slower still when depth-wise, with the same number
# of multiplications. Code for convolutions is made for windows that slide over large pictures. Here it gets 8,192 gray
# pictures of 4 × 4, or 128 pictures with 64 groups of channels, and every window stops once. (Other machines and sizes give
# other factors.) The authors remark, right after the sentence about the very special CNN, that a convolution is more complex
# than a plain matrix product. So the library computes with matrices, and the convolutions are for understanding.
#
# </details>

# %% tags=["nbval-ignore-output"]
import time


def milliseconds(layer, x):
    times = []
    for _ in range(7):
        start = time.perf_counter()
        layer(x).sum().backward()
        times.append(1000 * (time.perf_counter() - start))
    times.sort()
    return f"{times[3]:.0f} ({times[0]:.0f} to {times[-1]:.0f})"     # median and range

# %% tags=["nbval-ignore-output"]
threads = torch.get_num_threads()
torch.set_num_threads(1)                            # steadier
fresh = create_model("mnist")
table = torch.randn(128, 16, 64, requires_grad=True)         # [B, S, C]
many = torch.randn(128, 1, 28, 28)
print("milliseconds, the median of seven runs (the fastest to the slowest)\n"
      "               token mixing   channel mixing     whole network")
for name, net in {"Mixer": fresh, "folded": to_conv(fresh),
                  "tied": to_conv(fresh, TiedTokenMixing),
                  "untied": to_conv(fresh, UntiedTokenMixing)}.items():
    block, x = net.blocks[0], table
    if net is not fresh:
        x = table.transpose(1, 2).reshape(128, 64, 4, 4)     # [B, C, H', W']
    print(f"{name:8} {milliseconds(block.token_mixing, x):>18} "
          f"{milliseconds(block.channel_mixing, x):>16} "
          f"{milliseconds(net, many):>17}")
torch.set_num_threads(threads)

# %% [markdown]
# ## When would token mixing slide?
#
# The architecture assumes nothing about neighbors. But training could still find a sliding convolution. How would we
# recognize one? Without its GELU, a token mixing layer is one matrix of $S × S$ numbers, $M = W_2 W_1$ (lesson 3). Half of
# it is the token map of lesson 9. The entry $M_{s,t}$ says what place $s$ takes from place $t$.
#
# The smallest case is a line of four places and a kernel of three weights: 1 for the left neighbor, 2 for the place
# itself, 3 for the right neighbor. Beyond the ends there is nothing, so read 0 there. This is **zero padding**. Write
# one row of $M$ for each place:

# %%
zeros = torch.tensor([[2., 3., 0., 0.],         # place 0 has no left neighbor
                      [1., 2., 3., 0.],
                      [0., 1., 2., 3.],
                      [0., 0., 1., 2.]])        # place 3 has no right neighbor
line = torch.tensor([[5., 0., 7., 1.]])         # [1, W']


def line_conv(padding_mode):
    conv = nn.Conv1d(1, 1, 3, padding=1, padding_mode=padding_mode, bias=False)
    conv.weight.data.copy_(torch.tensor([[[1., 2., 3.]]]))
    return conv

assert torch.equal(line_conv("zeros")(line)[0], zeros @ line[0])

# %% [markdown]
# One number runs along each diagonal, because $M_{s,t}$ depends only on the displacement from $s$ to $t$: how far away
# $t$ is, and on which side. Such a matrix is called **Toeplitz**.
#
# ### Around the circle
#
# With **circular padding**, the line has no ends. The left neighbor of the first place is the last place. The diagonals
# then go around the edges of the matrix, and the matrix is called **circulant**:

# %%
circle = torch.tensor([[2., 3., 0., 1.],        # left of the first place is the last
                       [1., 2., 3., 0.],
                       [0., 1., 2., 3.],
                       [3., 0., 1., 2.]])       # right of the last place is the first
assert torch.equal(line_conv("circular")(line)[0], circle @ line[0])

# %% [markdown]
# ### On a grid
#
# On a grid there are two displacements, down and to the right, and $M_{s,t}$ depends on both. To get the matrix of a
# linear layer without a bias, push a picture with a single 1 through it, once for each place. The answer to place $t$
# is column $t$ of $M$:

# %%
torch.manual_seed(0)
kernel = torch.randn(1, 1, 3, 3)
unit_pictures = torch.eye(16).reshape(16, 1, 4, 4)              # [S, 1, H', W']
answers = conv2d(unit_pictures, kernel, padding=1).flatten(1)   # [S, S], row: t
M = answers.T                                                   # [S, S]: M[s, t]
x = torch.randn(5, 1, 4, 4)
assert torch.allclose(conv2d(x, kernel, padding=1).flatten(1), x.flatten(1) @ M.T,
                      atol=1e-5)

# %% [markdown]
# Beside $M$, the first token mixing of the trained Mixer without its GELU (times 4, so that its colors can be seen):

# %%
first = model.blocks[0].token_mixing
learned = 4 * (first.fc2.weight @ first.fc1.weight).detach()    # [S, D_S] @ [D_S, S]
plots.show(
    plots.tables({"zero padding, 3 x 3": M, "token mixing, 4 W2 W1": learned},
                 xlabel="place t, read", ylabel="place s, written", width=8),
    alt="Two matrices of 16 by 16 colored cells. The first, of a convolution, falls "
        "into blocks of 4 by 4. The blocks on the diagonal and next to it hold three "
        "short diagonals each, of one color; all else is white. The second, of the "
        "trained token mixing, has colors everywhere and no diagonals.")

# %% [markdown]
# The first matrix falls into blocks of 4 × 4, one block for each pair of grid rows. Inside a block, one color runs along
# each diagonal: three kinds of blocks, with three diagonals each, make nine weights. In the second matrix, the eye finds
# no diagonals. But the eye is no measure.
#
# ## How rare are sliding token mixers?
#
# With zero padding, $M$ has one free number for each displacement. On a grid of $H' × W'$ there are
# $(2H'-1)(2W'-1)$ displacements. A general token mixer has $S^2$ free numbers:

# %%
print("grid     any S x S   zero padding   share")
for H, W in ((4, 4), (8, 8), (14, 14)):
    displacements = (2 * H - 1) * (2 * W - 1)
    print(f"{H:2} x {W:2} {(H * W) ** 2:10,} {displacements:14,} "
          f"{displacements / (H * W) ** 2:7.1%}")

# %% [markdown]
# So convolutions are a thin slice of all token mixers. How much of the trained matrices lies in this slice? The
# convolution share of lesson 9 says so. Here it is for all four blocks, each beside its control, the same map with
# relabeled places (ten times). Random numbers have 49/256 = 19%:

# %%
from mixer_lib.analysis import convolution_share, relabeled

for k, block in enumerate(model.blocks):
    mixing = block.token_mixing
    product = (mixing.fc2.weight @ mixing.fc1.weight).detach()              # [S, S]
    share = convolution_share(product, (4, 4))
    control = [convolution_share(relabeled(relabeled(product, seed).T, seed).T, (4, 4))
               for seed in range(10)]
    print(f"block {k}: trained {share:.0%}, "
          f"relabeled {min(control):.0%} to {max(control):.0%}")

# %% [markdown]
# In the first block and in the last one, the share is above that of all ten relabelings, by little. In the other two it
# is not. A part of a third or more looks like much, and can be nothing. (The networks of lesson 9 are larger and saw
# photographs. There, each block is above its control.)
#
# <details><summary>How one measures the part in the slice</summary>
#
# Replace each number of $M$ by the mean of all numbers with the same displacement. The result is the part of $M$ that
# is a convolution. Its energy (the sum of its squares) divided by the energy of $M$ is the share. For a random matrix on
# the 8 × 8 grid, the share is on average 225/4096, or 5.5%: the share of free numbers. With circular padding,
# displacements that differ by a whole way around are the same, and only $S$ free numbers remain.
#
# </details>
#
# ## Could a Mixer slide?
#
# The slice is within reach for the network of this lesson. Exercise 4.4 showed how $D_S = 2S$ hidden units can compute
# any linear map $M$ of the tokens: $W_1$ holds $M$ and $-M$, and $W_2$ subtracts, since
# $\mathrm{gelu}(z) - \mathrm{gelu}(-z) = z$. Here $S = 16$ and $D_S = 32$, just enough. So we write the $3 × 3$
# convolution from above into a token mixing layer:

# %%
slides = deepcopy(first)
eye = torch.eye(16).double()
with torch.no_grad():
    slides.fc1.weight.copy_(torch.cat([M, -M]))                 # [D_S, S] = [2 S, S]
    slides.fc2.weight.copy_(torch.cat([eye, -eye], dim=1))      # [S, D_S]
    for layer in (slides.fc1, slides.fc2):
        layer.bias.zero_()
    table = torch.randn(2, 16, 64).double()                     # [B, S, C]
    maps_of = table.mT.reshape(128, 1, 4, 4)                    # [B*C, 1, H', W']
    by_conv = conv2d(maps_of, kernel.double(), padding=1).reshape(2, 64, 16).mT
    assert torch.allclose(slides(table), by_conv, atol=1e-6)
print("a token mixing layer that is a sliding 3 x 3 convolution")

# %% [markdown]
# A Mixer with $D_S \ge 2S$ *can* become a convolution that slides. Nobody tells it to. The paper's B/16 has $S = 196$
# tokens and $D_S = 384$, slightly fewer than the 392 hidden units that this construction needs.
#
# What if you *want* sliding? Put a small depth-wise convolution, with padding so that the map keeps its size, in the
# place of token mixing. That is the main idea of **ConvMixer**
# ([`mixer_lib/family/convmixer.py`](../mixer_lib/family/convmixer.py)). Such a network has another advantage: it can
# read images of any size. A kernel as large as the grid ties a Mixer to one image size.
#
# ## Move it
#
# The widget shows the trained network and one digit. On the left is $W_1$ of one block. Point at a row to see that
# hidden unit, and click to keep it. To the right you see the row, and under it the same 16 numbers as a kernel on the
# grid of patches, multiplied by one channel of the table. Point at any cell, and the same place lights up everywhere.
# The two strips at the bottom are the unit's answers to all 64 channels: once as matrix row times column, and once as a
# convolution. Point at an answer to see where it comes from. The arrow keys work, too. Things to try:
#
# 1. Move over some rows of $W_1$. How far apart are the two strips at the bottom?
# 2. Block 1, unit 18. Where have you met this kernel before?
# 3. Block 2, unit 13. Two weights stand out, 0.51 and −0.50. Which two places does the unit compare? If its kernel could
#    slide, for how many pairs of places would the unit ask its question?
# 4. Still in block 2: which places do units 11 and 26 compare?
#
# <details><summary>What you should see</summary>
#
# 1. Never more than 1e-14, or 0.000 000 000 000 01: rounding.
# 2. It is nearly *top minus bottom*, from lesson 4: their correlation is 0.88. There it was written by hand. Here
#    training has found it. (The best of 128 random kernels comes that close in fewer than one of 100 tries.)
# 3. Place 6 and place 2, which is above it. A kernel that slides would compare every place with the place above it, 12
#    pairs in total. As a unit of the Mixer it has this one pair.
# 4. Unit 11 asks nearly the same question one place further left, with the signs turned: it compares place 5 with place
#    1 above it and place 4 beside it. Unit 26 compares two neighbors as well, 9 and 10. A convolution asks one question
#    at every place. A Mixer that wants this has to learn it unit by unit.
#
# </details>

# %%
from mixer_lib import widgets

digit = mnist.test_images[804]                      # uint8 [C_in, H, W]
x = normalize(digit[None], mnist.mean, mnist.std).double()      # [B, C_in, H, W]
reads = []
with torch.no_grad():
    x = model.patch_embedding(x)                                # [B, S, C]
    for block in model.blocks:
        fc1 = block.token_mixing.fc1
        table = block.token_norm(x)[0]                          # [S, C], what fc1 reads
        reads.append((fc1.weight.detach(), fc1.bias.detach(), table))
        x = block(x)                                            # [B, S, C]
widgets.kernel_explorer(digit, reads)

# %% [markdown]
# ## Exercises
#
# ### 10.1 The stem · write · easy · 5 minutes
#
# The first layer of a CNN is often called its **stem**. `linear` is the linear layer of a patch embedding. It reads the
# rows of `patchify`, $D = C_{in} P P$ numbers in the order (color, row, column). Return an `nn.Conv2d` with the same
# weights and the same bias that reads the image instead. The convolution needs a copy of the weights: training it must
# not change the linear layer.

# %% tags=["exercise-1"]
def stem_as_conv(linear, in_channels, P):
    """nn.Linear(in_channels * P * P, C) on patches -> nn.Conv2d on images."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_stem_as_conv(stem_as_conv)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `nn.Conv2d(from, to, kernel_size, stride=...)` makes the layer. `conv.weight.data.copy_(...)` fills its weights, and
# the bias works the same way. Which shape does `conv.weight` have?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.1.
#
# </details>
#
# ### 10.2 Token mixing, the first layer · write · medium · 6 minutes
#
# `fc1` works on each channel, from $S$ places to $D_S$ hidden units. Return the `nn.Conv2d` that works on *folded*
# maps, `[B*C, 1, H', W']`, for a grid of `rows` × `columns`. The grid does not have to be square. Copy weights and bias,
# as in 10.1.

# %% tags=["exercise-2"]
def fc1_as_conv(fc1, rows, columns):
    """nn.Linear(rows * columns, D_S) on each channel -> nn.Conv2d on folded maps."""
    ...  # your code here


# %%
exercises.check_fc1_as_conv(fc1_as_conv)


# %% [markdown]
# <details><summary>Hint</summary>
#
# How many channels does a folded map have? How large is the window? A row of `fc1.weight` is in raster order.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.2.
#
# </details>
#
# ### 10.3 Token mixing in convolutions · repair · medium · 12 minutes
#
# A colleague wrote token mixing with convolutions alone. It runs without an error, and its answers are wrong. It
# makes three mistakes, and two of them are traps of this lesson:

# %%
def broken(maps, W1, b1, W2, b2):
    """maps [B, C, H', W'], W1 [D_S, S], b1 [D_S], W2 [S, D_S], b2 [S]"""
    B, C, H, W = maps.shape
    folded = maps.reshape(B * C, 1, H, W)
    kernels = W1.view(-1, 1, H, W).flip(2, 3)
    hidden = gelu(conv2d(folded, kernels, b1))              # [B*C, D_S, 1, 1]
    stamps = W2.reshape(-1, 1, H, W)
    mixed = conv_transpose2d(hidden, stamps, b2.mean(dim=0, keepdim=True))
    return mixed.reshape(B, C, H, W)

# %% [markdown]
# Write the right version. As in the broken one, use convolutions for both layers, and no `nn.Linear`, `@` or `einsum`.
# The result is the answer of token mixing alone, $W_2\,\mathrm{gelu}(W_1 x + b_1) + b_2$ for each channel $x$, without
# LayerNorm and without the residual sum.

# %% tags=["exercise-3"]
def mix_tokens(maps, W1, b1, W2, b2):
    """Token mixing in convolutions: maps [B, C, H', W'] -> same shape."""
    ...  # your code here


# %%
exercises.check_mix_tokens(mix_tokens)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Traps 1 and 3 are two of the three mistakes. For the third: a stamp is a *column* of $W_2$. In which order does
# `reshape` read the numbers of $W_2$?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.3.
#
# </details>
#
# ### 10.4 Is it a convolution? · write · hard · 15 minutes
#
# You get a linear token mixer as a matrix $M$, `[S, S]`, on a grid of `rows` × `columns`. $M_{s,t}$ is what place $s$
# takes from place $t$. Return `True` if $M$ is a convolution with zero padding and a kernel of any size, that is, if
# $M_{s,t}$ depends only on how far $t$ is below $s$ and how far to the right of it. Otherwise, return `False`. Allow for
# rounding.

# %% tags=["exercise-4"]
def is_convolution(M, rows, columns):
    """True if M [S, S] is a convolution with zero padding on the grid."""
    ...  # your code here


# %%
exercises.check_is_convolution(is_convolution)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Place $s$ is in row `s // columns` and column `s % columns`. Go through all pairs, and keep a dictionary: for each
# displacement (down, right), the first number that you met. Or, without a loop: reshape $M$ to `[rows, columns, rows,
# columns]`, and compare it with itself moved by one row, and then moved by one column.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.4.
#
# </details>
#
# ### Stretch
#
# Train the Mixer of "Roll the whole network" once more, with `crop_padding=2` in its recipe: each image is then shifted
# at random by up to 2 pixels. How far to the right does its curve move? Does it also hold for shifts that the training
# never showed? How many epochs does it need to catch up with the CNN?

# %% [markdown]
# ## Recap
#
# - The toy's weights are kernels: $P × P$ with stride $P$ for the patch embedding, $1 × 1$ for channel mixing, and as
#   large as the grid for token mixing, with stamps on the way back. By hand, by loop and by `conv2d`, the numbers agree.
# - `to_conv` rewrites a trained Mixer in convolutions. All outputs and all gradients agree to 1e-12, and `from_conv`
#   returns the Mixer bit for bit.
# - Six traps: the turned kernel, the order inside a patch, the single bias, the norm that reads all places, groups that
#   untie ($C$ times the weights in token mixing), and the one that matters most: a kernel as large as the grid has
#   nowhere to slide, so it shares nothing over places.
# - Rolled digits: the CNN reads most of them without having seen any. The Mixer of one epoch does not. The bundled
#   one saw shifts of up to 2 pixels, and reads 97% at 4.
# - A token mixer is a sliding convolution if $M_{s,t}$ depends on the displacement alone. This leaves
#   $(2H'-1)(2W'-1)$ of $S^2$ free numbers: 5.5% on an 8 × 8 grid. With $D_S \ge 2S$, a Mixer can hold one.
#
# ## Quiz
#
# **1.** What would have to change in token mixing, so that moving the picture moves the answer along?
#
# <details><summary>Answer</summary>
#
# Its kernels would have to slide, with the same weights at every stop, so that each kernel answers with a map and not
# with one number. The second layer would have to slide, too, and $b_2$ would have to be the same at all places. The
# result would be two depth-wise convolutions with one set of kernels for all channels.
#
# </details>
#
# **2.** Someone takes `cnn.blocks[0].token_mixing` and gives it maps of 5 × 5 instead of 4 × 4. Does it slide now?
#
# <details><summary>Answer</summary>
#
# The first convolution does: a window of 4 × 4 stops at four places of a 5 × 5 map. No Mixer has such a layer. At the
# end, $b_2$, a map of 4 × 4, does not fit, and there is an error. The network `cnn` itself refuses images of another
# size, as the Mixer does.
#
# </details>
#
# **3.** Is the mean over all places (lesson 6) equivariant under moving the picture around the circle?
#
# <details><summary>Answer</summary>
#
# It does better: its answer does not change at all. All its weights are equal, so it cannot distinguish places. But
# token mixing comes before it, and token mixing can.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 1, the paragraph about the "very special CNN", and section
#   2, on sharing over channels and on depth-wise convolutions.
# - [`mixer_lib/conv.py`](../mixer_lib/conv.py), beside [`mixer_lib/model.py`](../mixer_lib/model.py).
# - [A guide to convolution arithmetic](https://arxiv.org/abs/1603.07285) by Dumoulin and Visin, chapter 4, on
#   transposed convolutions, with pictures.
# - The [glossary](glossary.md).
#
# Next: [11 · Permutations](11_permutations.ipynb) scrambles the images, and trains a Mixer and a CNN on them.
