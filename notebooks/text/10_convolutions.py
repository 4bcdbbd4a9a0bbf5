# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · Convolutions: the same network, written otherwise
#
# *After this lesson you can write every layer of a Mixer as a convolution, say which weights are shared over what,
# and tell a true sentence about Mixers and convolutional networks from one that only sounds true.*
#
# **About 40 minutes, with the exercises 70.** You need: [lesson 6](06_classifier.ipynb). The trained network is of
# the kind that you trained in lesson 7.
#
# Previous: [9 · Token-mixing weights](09_token_mixing_weights.ipynb).
# Next: [11 · Permutations](11_permutations.ipynb)
#
# Token mixing can be written as a convolution. These four ideas will get you there, and you will meet each of them
# below.
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
# - lay the weights of the toy out as kernels, by hand and with PyTorch's convolutions, and get the same numbers;
# - rewrite a whole trained Mixer in convolutions, and hold it against the original: every output, every gradient;
# - count what it costs when the channels no longer share their weights;
# - walk into six traps, or around them;
# - go the other way: say which token mixers *are* convolutions that slide, and how rare they are.

# %%
from collections import Counter
from copy import deepcopy

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, cross_entropy, gelu

from mixer_lib import plots
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# A **CNN**, a convolutional neural network, is built of convolutions. A Mixer is not, says the paper's title: *an
# all-MLP architecture*. And then its authors write that "our architecture can be seen as a very special CNN" ([the
# paper](https://arxiv.org/abs/2105.01601), section 1). Since then you can read that the Mixer is "a CNN in disguise",
# and you can read that it "needs no convolutions". Who is right?
#
# Do not argue: run it. Two networks are the same if, with the same weights, they give the same *outputs* for the same
# images, and the same *gradients*, so that they would also learn the same. Everything else is a matter of names. So
# let us write the Mixer with nothing but convolutions and see what comes out.
#
# ## The table, laid out as maps
#
# A convolution works on pictures. Our table has a column for each channel, and lesson 4 laid a column out on the grid
# of patches: a small picture, or **map**. Here are the toy's three. $H'$ and $W'$ are the rows and columns of the
# grid, here 2 and 2, so that $S = H' W'$.

# %%
tokens = torch.tensor([[4., 4., 0.],            # top left
                       [8., 0., 0.],            # top right
                       [0., 0., 0.],            # bottom left
                       [2., 2., -2.]])          # bottom right; [S, C] = [4, 3]
maps = tokens.T.reshape(1, 3, 2, 2)             # [B, C, H', W']
maps[0]

# %% [markdown]
# ## The patch embedding: a window that does not overlap
#
# You have done this part in lesson 2: a kernel of $P × P$ pixels with a stride of $P$ stops once at each patch, and
# what it finds there is the patch's token. The drawing, the three detectors, one line:

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
# ## Channel mixing: a window of a single place
#
# Lesson 5 asked each token "is channel 0 larger than channel 1?", with the weights 1, −1, 0. At the top right stands
# the token 8, 0, 0, so the answer there is $1 · 8 - 1 · 0 + 0 · 0 = 8$. The others get 0. With a loop over the
# places:

# %%
W3 = torch.tensor([[1., -1., 0.]])              # [D_C, C] = [1, 3]
by_loop = torch.zeros(1, 1, 2, 2)               # [B, D_C, H', W']
for u in range(2):
    for v in range(2):
        by_loop[0, :, u, v] = W3 @ maps[0, :, u, v]         # [C] -> [D_C]
by_loop[0, 0]

# %% [markdown]
# A small window goes from place to place and takes the same weighted sum at every stop. That is a convolution
# already. Its window is one place large, $1 × 1$, and as deep as there are channels:

# %%
by_conv = conv2d(maps, W3.view(1, 3, 1, 1))         # [D_C, C] -> [D_C, C, 1, 1]
assert torch.equal(by_conv, by_loop)
assert torch.equal(by_conv[0, 0].flatten(), (tokens @ W3.T)[:, 0])      # lesson 3's

# %% [markdown]
# A linear layer on each token *is* a $1 × 1$ convolution, with two axes of length 1 more in its weights. Here the
# weights are shared over the places, as in every convolution: one set, four stops.
#
# ## Token mixing: a window as large as the grid
#
# Lesson 4's *top minus bottom* is a row of $W_1$: 1, 1, −1, −1. Lay it out on the grid, and it is a kernel. Lay the
# kernel over the map of channel 0:
#
# ```
#     4  8         1   1
#     0  2        -1  -1          4 + 8 - 0 - 2 = 10
# ```
#
# The kernel has a weight for every place of the grid, so it covers the whole map. What an output can see of its input
# is called its **receptive field**, and here it is *full*. Each channel must go under the kernel *alone*, since token
# mixing never adds up different channels. So we **fold** the channels into the batch: they stand in line as if each
# were a gray image of its own.

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
# **Predict.** Now let `conv2d` do it, without padding. What is the shape of its result? The first two numbers are
# $B · C = 3$ and $D_S = 2$.

# %%
hidden = conv2d(folded, kernels)
assert torch.equal(hidden.flatten(1), by_loop)      # [B*C, D_S]
predict("shape of the result", str([*hidden.shape]))

# %% [markdown]
# ## And back: stamps
#
# The second layer has to go from $D_S$ numbers to a whole map. Each hidden unit owns a column of $W_2$, $S$ numbers;
# laid out on the grid they are a picture, say a **stamp**. The unit stamps its picture as strongly as its answer is,
# and all stamps are added up. Channel 0 has the answers 10 and −6, of which GELU leaves 10 and almost 0. So its map
# becomes 10 times the first stamp:
#
# ```
#            0.25   0.25            2.5   2.5
#     10 ·  -0.25  -0.25     =     -2.5  -2.5
# ```
#
# A convolution turns a window into a number. What turns a number into a window is called a **transposed
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
# The biases were zero. $b_1$ has a number for each hidden unit, and that is what `nn.Conv2d` keeps, a bias for each
# of its outputs. $b_2$ has a number for each *place*; we come back to it.
#
# What is left of the Mixer? GELU and the sums work on each number alone, so they do not care how the numbers are laid
# out. LayerNorm works on the channels of one place. And the mean over the places is one more kernel as large as the
# grid, with the same weight everywhere, $1/S$. There is nothing else.
#
# ## The library's version
#
# [`mixer_lib/conv.py`](../mixer_lib/conv.py) does this for the whole network: `to_conv` takes a Mixer and gives a
# `MixerCNN` with the same weights. Read it; the block is even the same class as before, equation 1, with other parts
# in it. Here is a network with trained weights, the one that read the digits in lesson 0. We compare in `float64`, as
# in lesson 4, where rounding shows up in the sixteenth digit.

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
# Every digit gets the same scores. Is there not a linear layer left somewhere? These are all the parts of the network
# that have weights:

# %%
assert not any(isinstance(part, nn.Linear) for part in cnn.modules())
Counter(type(part).__name__ for part in cnn.modules()
        if [*part.parameters(recurse=False)])       # any of its own, not of its parts

# %% [markdown]
# `PlaceBias` adds $b_2$, `PlaceNorm` is the LayerNorm at each place. Then the gradients, of all 141,642 weights, each
# brought back into the shape that it has in the Mixer (`in_linear_shape`, with an axis in front for copies, here
# one):

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
# The same outputs, the same gradients, and `from_conv` brings back the Mixer bit for bit. So the authors' sentence is
# literally true. Is the question settled? Half of it: what can be *written* as a convolution. Now for the other half:
# what it *means*. For that you have to ask of each layer over what its weights are shared.
#
# ## One kernel for all channels
#
# CNNs know a layer that, like token mixing, keeps the channels apart: the **depth-wise convolution**. In PyTorch it
# is asked for with `groups=C`, and each channel gets kernels *of its own*. Token mixing has one set, which all
# channels share; in the library, `TiedTokenMixing` repeats it $C$ times at the moment of use. `UntiedTokenMixing` is
# what `groups=C` gives. Start all of them from the same Mixer:

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
# The untied one has $C = 64$ times the weights in each token mixing, and the network grows to nearly three times its
# size. In the paper's B/16, with $C = 768$, it would be from 60 million to 1.45 billion (lesson 4 counted). To share
# over channels is unusual, the authors say so themselves, and point to depth-wise convolutions, where it is not done
# (section 2 of the paper).
#
# ## Six traps
#
# All of them are easy to fall into. Predict each.
#
# **Trap 1: the turned kernel.** Mathematicians define a convolution with the kernel turned by 180 degrees. By their
# book, what does *top minus bottom* give on channel 0, where we found 10?

# %%
turned = conv2d(folded[:1], kernels[:1].flip(2, 3))         # upside down, left to right
predict("trap 1", turned)

# %% [markdown]
# **Trap 2: the order in a patch.** A colleague keeps the numbers of a patch as (line, column, color), and his weights
# fit them. You `view` these as kernels, `[C, C_in, P, P]`. PyTorch does not complain, since 192 numbers fit into
# $3 · 8 · 8$ in any order. How many of the 192 weights of a detector still meet the number that they were made for?

# %%
torch.manual_seed(0)
horse = load_dataset("cifar10").train_images[3510][None].double() / 255
patches = horse.unfold(2, 8, 8).unfold(3, 8, 8)     # [B, C_in, H', W', P, P]
his = patches.permute(0, 2, 3, 4, 5, 1).flatten(3)  # [B, H', W', D], color last
weight = torch.randn(64, 192).double() / 14         # [C, D]
right = (his @ weight.T).permute(0, 3, 1, 2)        # [B, C, H', W']
viewed = conv2d(horse, weight.view(64, 3, 8, 8), stride=8)
carried = conv2d(horse, weight.view(64, 8, 8, 3).permute(0, 3, 1, 2), stride=8)
assert torch.allclose(carried, right)
made_for = torch.arange(192).view(8, 8, 3).permute(2, 0, 1).flatten()   # in our order
predict("trap 2", (made_for == torch.arange(192)).sum(),
        off=(viewed - right).abs().max())

# %% [markdown]
# **Trap 3: the bias.** Token mixing needs a bias for each of the 16 places of the digits' grid. How many does
# `nn.ConvTranspose2d(32, 1, (4, 4))` have?

# %%
predict("trap 3", nn.ConvTranspose2d(32, 1, (4, 4)).bias.numel())

# %% [markdown]
# And this is $b_2$ of the first block, laid out on the grid:

# %%
b2 = model.blocks[0].token_mixing.fc2.bias.detach()         # [S]
b2.reshape(4, 4).float().round(decimals=2)                  # [H', W']

# %% [markdown]
# The layer needs these numbers, or it is another layer. The *network* does not: $b_2$ adds the same number to all
# channels of a place, and every LayerNorm that reads the table afterwards subtracts the mean over the channels. Set all
# of them to zero, in every block, and no logit moves:

# %%
without = deepcopy(model)
for block in without.blocks:
    nn.init.zeros_(block.token_mixing.fc2.bias)
assert (without(images) - model(images)).abs().max() < 1e-9

# %% [markdown]
# **Trap 4: the norm.** LayerNorm wants the channels last, maps have them second. CNNs have a norm for that:
# **GroupNorm** with one group, `nn.GroupNorm(1, C)`, sometimes even called LayerNorm. We make token 1 of the toy ten
# times as large. At how many of the four places does the output of GroupNorm change?

# %%
louder = maps.clone()
louder[:, :, 0, 1] *= 10                                    # token 1, top right
change = nn.GroupNorm(1, 3)(louder) - nn.GroupNorm(1, 3)(maps)          # [B, C, H', W']
predict("trap 4", (change.abs() > 0.01).any(dim=1).sum())

# %% [markdown]
# **Trap 5: one step.** `tied` and `untied` give the same logits, as you saw. Both take one step of plain gradient
# descent on the same images. Do they still agree?

# %%
for net in (tied, untied):
    cross_entropy(net(images), labels).backward()
    torch.optim.SGD(net.parameters(), lr=1).step()
after = tied(images), untied(images)                        # [B, K] each
predict("trap 5", torch.allclose(*after), off=(after[0] - after[1]).abs().max())

# %% [markdown]
# **Trap 6: here and there.** This is the one that matters. "It is a convolution, so it treats all places alike." Move
# the picture by one place to the right, and a convolution's answer moves along, which is called **translation
# equivariant**. (What leaves at the right comes in again at the left, so that there are no edges to argue about.)
# Does the answer of token mixing move along, in its form as a convolution?

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
# ## What each of them assumes
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
# kernel takes two things for granted: *near places matter, far ones do not*, and *what is worth asking here is worth
# asking everywhere*. Token mixing assumes neither. What it assumes is something else: *what is worth asking of one
# channel is worth asking of all*. Position is free to matter, in each column of $W_1$ and each row of $W_2$. So
# the sentences from the beginning and two more, with a verdict:
#
# - "A Mixer needs no convolutions." As code, yes. As mathematics, no: its patch embedding and its channel mixing
#   *are* convolutions, and they do share over places.
# - "A Mixer is a CNN in disguise." Each layer can be written so. But the layer in which the patches meet has nothing
#   of what one likes in a CNN: neither near before far, nor here as there.
# - "Token mixing is a depth-wise convolution." With a full receptive field and *one* kernel for all channels. As
#   `groups=C` gives it, it is another network, with $C$ times the weights.
# - "So a CNN is a Mixer, too." No. An ordinary convolution has a kernel for each pair of channels, and no single
#   layer of a Mixer does that. The authors say as much, next to the sentence about the very special CNN.
#
# ## The ledger
#
# All of it in one table, with one row for each claim: how a part of the Mixer is written as convolutions, the largest
# difference of an output and of a gradient, and what it costs. (MACs are the multiply-accumulates of lesson 6, counted
# while it ran.) All weights are random, so that nothing agrees by luck. The rows that are not equal are traps 1, 3, 5
# and 4, and a patch read in another order, a relative of trap 2.
#
# | part of the Mixer | written as | equal? | output differs by | gradient differs by | parameters | MACs |
# |---|---|---|---|---|--:|--:|
# | patch embedding | 7 × 7 convolution, stride 7 | yes | below 1e-12 | below 1e-12 | 3,200 | 50,176 |
# | LayerNorm | at each place | yes | below 1e-12 | below 1e-12 | 128 | 0 |
# | token mixing | folded: kernels as large as the grid | yes | below 1e-12 | below 1e-12 | 1,072 | 65,536 |
# | token mixing | depth-wise, one set of kernels for all channels | yes | below 1e-12 | below 1e-12 | 1,072 | 65,536 |
# | token mixing | depth-wise, a copy for each channel (groups=C) | yes | below 1e-12 | below 1e-12 | 68,608 | 65,536 |
# | channel mixing | 1 × 1 convolutions | yes | below 1e-12 | below 1e-12 | 33,088 | 524,288 |
# | mean over tokens | a kernel as large as the grid, all 1/S | yes | below 1e-12 | below 1e-12 | 0 | 1,024 |
# | the whole Mixer | to_conv | yes | below 1e-12 | below 1e-12 | 141,642 | 2,411,136 |
# | the whole Mixer | to_conv, then from_conv | yes | exactly 0 | exactly 0 | 141,642 | 2,410,112 |
# | token mixing | kernels turned by 180 degrees | **no** | about 3 | about 20 | 1,072 | 65,536 |
# | token mixing | one bias instead of one per place | **no** | about 0.4 | about 20 | 1,072 | 65,536 |
# | the whole Mixer | groups=C, after one step of training | **no** | about 0.004 | about 0.03 | 411,786 | 2,411,136 |
# | LayerNorm | GroupNorm(1, C) | **no** | about 0.2 | about 2 | 128 | 0 |
# | patch embedding | a patch read column by column | **no** | about 7 | about 30 | 3,200 | 50,176 |
#
# Equal in result does not mean equal in *speed*. Here is how long a layer, and the whole network, takes forward and
# backward for 128 digits, on the machine that made this page and on one thread:

# %% tags=["nbval-ignore-output"]
import time

from mixer_lib import create_model


def milliseconds(layer, x):
    times = []
    for _ in range(7):
        start = time.perf_counter()
        layer(x).sum().backward()
        times.append(1000 * (time.perf_counter() - start))
    return sorted(times)[3]                         # the median

# %% tags=["nbval-ignore-output"]
threads = torch.get_num_threads()
torch.set_num_threads(1)                            # steadier
fresh = create_model("mnist")
table = torch.randn(128, 16, 64, requires_grad=True)         # [B, S, C]
many = torch.randn(128, 1, 28, 28)
print("milliseconds   token mixing   channel mixing   whole network")
for name, net in {"Mixer": fresh, "folded": to_conv(fresh),
                  "tied": to_conv(fresh, TiedTokenMixing),
                  "untied": to_conv(fresh, UntiedTokenMixing)}.items():
    block, x = net.blocks[0], table
    if net is not fresh:
        x = table.transpose(1, 2).reshape(128, 64, 4, 4)     # [B, C, H', W']
    print(f"{name:12} {milliseconds(block.token_mixing, x):14.1f} "
          f"{milliseconds(block.channel_mixing, x):16.1f} "
          f"{milliseconds(net, many):15.0f}")
torch.set_num_threads(threads)

# %% [markdown]
# Channel mixing takes the same time in both forms: a $1 × 1$ convolution is a matrix product, and PyTorch treats it
# as one. Token mixing is several times as slow when folded, and slower still depth-wise, with the same number of
# multiplications. Code for convolutions is made for windows that slide over large pictures. Here it gets 8,192 gray
# pictures of 4 × 4, or 128 pictures with 64 groups of channels, and every window stops once: all preparation, no
# sliding. (Other machines and sizes give other factors.) The authors remark, right after the sentence about the very
# special CNN, that a convolution asks for more than a plain matrix product. So the library computes with matrices,
# and the convolutions are for understanding.
#
# ## The other way round
#
# Nothing is assumed, but training could still find it. When *would* a token mixer be a convolution that slides? Leave
# out its GELU, and its layers are one matrix $M$ of $S × S$ (lesson 3). The smallest case is a line of four places,
# and a kernel of three weights: 1 for the left neighbor, 2 for the place itself, 3 for the right one. Beyond the ends
# there is nothing, so read 0 there (**zero padding**), or go around to the other end (**circular padding**).

# %%
zeros = torch.tensor([[2., 3., 0., 0.],         # by hand; a row: what one place reads
                      [1., 2., 3., 0.],
                      [0., 1., 2., 3.],
                      [0., 0., 1., 2.]])
circle = torch.tensor([[2., 3., 0., 1.],        # left of the first is the last
                       [1., 2., 3., 0.],
                       [0., 1., 2., 3.],
                       [3., 0., 1., 2.]])
line = torch.tensor([[5., 0., 7., 1.]])         # [1, W']
for M, mode in ((zeros, "zeros"), (circle, "circular")):
    conv = nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    conv.weight.data.copy_(torch.tensor([[[1., 2., 3.]]]))
    assert torch.equal(conv(line)[0], M @ line[0])

# %% [markdown]
# Along each diagonal stands one number: $M_{s,t}$, what place $s$ takes from place $t$, depends only on how far and
# on which side $t$ lies. Such a matrix is called **Toeplitz**, and **circulant** if the diagonals go around. On a
# grid the same holds with two displacements, down and to the right. To see such a matrix, push a picture with a
# single 1 through the convolution, for each place once:

# %%
torch.manual_seed(0)
kernel = torch.randn(1, 1, 3, 3)
unit_pictures = torch.eye(16).reshape(16, 1, 4, 4)              # [S, 1, H', W']
matrices = {}
for mode in ("zeros", "circular"):
    conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    conv.weight.data.copy_(kernel)
    answers = conv(unit_pictures).detach().flatten(1)       # [S, S]: a row for each t
    matrices[f"{mode}, 3 x 3"] = answers.T                      # [S, S]: M[s, t]
    x = torch.randn(5, 1, 4, 4)
    assert torch.allclose(conv(x).flatten(1), x.flatten(1) @ answers, atol=1e-5)

# %%
first = model.blocks[0].token_mixing
matrices["token mixing, 4 W2 W1"] = 4 * (first.fc2.weight @ first.fc1.weight).detach()
plots.show(
    plots.tables(matrices, xlabel="place t, read", ylabel="place s, written"),
    alt="Three matrices of 16 by 16 colored cells. The first two, of convolutions, "
        "fall into blocks of 4 by 4. With zero padding the blocks on the diagonal and "
        "next to it hold three short diagonals each, of one color; all else is white. "
        "With circular padding the corners of these blocks are filled, and two more "
        "blocks, at the upper right and the lower left. The third, of the trained "
        "token mixing, has colors everywhere and no diagonals.")

# %% [markdown]
# The first two fall into blocks of 4 × 4, one for each pair of grid rows. Inside a block one color runs along each
# diagonal: three kinds of blocks, three diagonals in each, nine weights. Circular padding adds the corners, those of
# the blocks and two of the whole. The third is the trained Mixer's first token mixing without its GELU (times 4, so
# that it can be seen beside the others). Nothing runs along diagonals there: each place has its own rules.
#
# Count the numbers that are free in each kind of matrix:

# %%
print("grid     any S x S   zero padding   circular padding")
for H, W in ((4, 4), (8, 8), (14, 14)):
    displacements = (2 * H - 1) * (2 * W - 1)
    print(f"{H:2} x {W:2} {(H * W) ** 2:10,} {displacements:14,} {H * W:14,}")

# %% [markdown]
# With zero padding there is a number for each displacement, $(2H'-1)(2W'-1)$ of them; on a circle two displacements
# that differ by the whole way around are the same, which leaves $S$. So convolutions are a thin slice of all token
# mixers. (Replace each number by the mean of those with the same displacement: that is a matrix's part in the slice.
# Of a random one on the 8 × 8 grid it has, on average, 225/4096 or 5.5% of the energy, the sum of the squares.)
# Lesson 9 measured how much the *trained* weights have there.
#
# The slice is within reach, though. Exercise 4.4 showed that with $D_S = 2S$ hidden units a token MLP can do any
# linear map of the tokens, so also any of these, with one kernel for all channels. A Mixer *can* become a convolution
# that slides. Nobody tells it to.
#
# ## Move it
#
# The trained network and one digit. On the left is $W_1$ of one block: point at a row to see that hidden unit, and click
# to keep it. To the right you see the row, and under it the same 16 numbers as a kernel on the grid of patches, times
# one channel of the table. Point at any cell, and the same place lights up everywhere. The two strips at the bottom are
# the unit's answers to all 64 channels, once as matrix row times column and once as a convolution: point at one to see
# how it comes about. The arrow keys work, too. Things to try:
#
# 1. Move over some rows of $W_1$. How far apart do the two strips at the bottom get?
# 2. Block 1, unit 18. Where have you met this kernel before?
# 3. Block 2, unit 13. Two weights stand out, 0.51 and −0.50. Which two places does it compare? If this unit were a
#    kernel that slides, on how many pairs of places would it ask its question?
# 4. Still in block 2: which places do units 11 and 26 compare?
#
# <details><summary>What you should see</summary>
#
# 1. Never by more than 1e-14, or 0.000 000 000 000 01: rounding.
# 2. *Top minus bottom*, from lesson 4. There it was written by hand; here training has found it.
# 3. Place 6 and place 2, which lies above it. A kernel that slides would compare every place with the one above it,
#    12 pairs. As a unit of the Mixer it has this one pair.
# 4. Unit 11 asks nearly the same one place further left, with the signs turned: place 5 against 1, above it, and 4,
#    beside it. Unit 26 compares two neighbors as well, 9 and 10. What a convolution gets for free by sliding, a Mixer
#    has to learn unit by unit, if it wants it.
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
# Write the conversions yourself. Each takes an `nn.Linear` and returns an `nn.Conv2d` with the same weights and the
# same bias, for any sizes; leave the linear layer as it is.
#
# ### 10.1 The stem · easy · 5 minutes
#
# `linear` is a patch embedding, it reads the rows of `patchify`, $D = C_{in} P P$ numbers in the order (color, line,
# column). Give the convolution that reads the image. (The first layer of a CNN is often called its **stem**.)

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
# `nn.Conv2d(from, to, kernel_size, stride=...)`, then `conv.weight.data.copy_(...)`, and the same for the bias. What
# is the shape of `conv.weight`?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.1.
#
# </details>
#
# ### 10.2 Channel mixing · easy · 4 minutes
#
# `linear` works on each token, from $C$ to $D_C$ channels. Give the convolution that works on maps, `[B, C, H', W']`.

# %% tags=["exercise-2"]
def layer_as_conv(linear):
    """nn.Linear(C, D_C) on each token -> nn.Conv2d on maps."""
    ...  # your code here


# %%
exercises.check_layer_as_conv(layer_as_conv)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `linear.in_features` and `linear.out_features` are its sizes. `weight[:, :, None, None]` has two axes more.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.2.
#
# </details>
#
# ### 10.3 Token mixing, the first layer · medium · 6 minutes
#
# `fc1` works on each channel, from $S$ places to $D_S$ hidden units. Give the convolution that works on *folded*
# maps, `[B*C, 1, H', W']`, for a grid of `rows` × `columns`, which need not be square.

# %% tags=["exercise-3"]
def fc1_as_conv(fc1, rows, columns):
    """nn.Linear(rows * columns, D_S) on each channel -> nn.Conv2d on folded maps."""
    ...  # your code here


# %%
exercises.check_fc1_as_conv(fc1_as_conv)


# %% [markdown]
# <details><summary>Hint</summary>
#
# How many channels has a folded map? How large is the window? A row of `fc1.weight` is in raster order.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.3.
#
# </details>
#
# ### 10.4 Is it a convolution? · hard · 15 minutes
#
# You get a linear token mixer as a matrix $M$, `[S, S]`, on a grid of `rows` × `columns`; $M_{s,t}$ is what place $s$
# takes from place $t$. Say whether it is a convolution with zero padding, with a kernel of any size: `True` if
# $M_{s,t}$ depends only on how far $t$ lies below $s$ and to the right of it. Allow for rounding.

# %% tags=["exercise-4"]
def is_convolution(M, rows, columns):
    """True if M [S, S] is a convolution with zero padding on the grid."""
    ...  # your code here


# %%
exercises.check_is_convolution(is_convolution)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Place $s$ lies in row `s // columns` and column `s % columns`. Go through all pairs, and keep a dictionary: for each
# displacement (down, right) the first number that you met. Or, without a loop: lay $M$ out as `[rows, columns, rows,
# columns]`, and compare it with itself, moved by one.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/10_convolutions.ipynb](solutions/10_convolutions.ipynb), exercise 10.4.
#
# </details>

# %% [markdown]
# ## Recap
#
# - The toy's weights are kernels: $P × P$ with stride $P$ for the patch embedding, $1 × 1$ for channel mixing, as
#   large as the grid for token mixing, and stamps on the way back. By hand, by loop and by `conv2d`, the numbers
#   agree.
# - `to_conv` rewrites a trained Mixer in convolutions. All outputs and all gradients agree to 1e-12, and `from_conv`
#   brings it back bit for bit.
# - A kernel for each channel gives the same outputs, until you train it, and costs $C$ times the weights.
# - Six traps: the turned kernel, the order in a patch, the one bias, the norm that looks around, groups that untie,
#   and the one that matters: a kernel as large as the grid does not slide, so sharing over places never acts.
# - A token mixer is a convolution that slides if $M_{s,t}$ depends on the displacement alone. That leaves
#   $(2H'-1)(2W'-1)$ free numbers of $S^2$: 5.5% on an 8 × 8 grid.
#
# ## Quiz
#
# **1.** What would have to change in token mixing so that moving the picture moves the answer along?
#
# <details><summary>Answer</summary>
#
# Its kernels would have to slide, with the same weights at every stop, so that each answers with a map in place of a
# number. The second layer would have to slide, too, and $b_2$ would have to be the same at all places. It would be
# two depth-wise convolutions, with one set of kernels for all channels.
#
# </details>
#
# **2.** Someone takes `cnn.blocks[0].token_mixing` and gives it maps of 5 × 5 in place of 4 × 4. Does it slide now?
#
# <details><summary>Answer</summary>
#
# The first convolution does: a window of 4 × 4 stops at four places of a 5 × 5 map. It is a layer that no Mixer has.
# In the end $b_2$, a map of 4 × 4, does not fit and there is an error. `cnn` itself refuses such images at the door,
# as the Mixer does.
#
# </details>
#
# **3.** Is the mean over all places (lesson 6) equivariant under moving the picture around the circle?
#
# <details><summary>Answer</summary>
#
# It does better: its answer does not change at all. All its weights are equal, so it cannot tell places apart. But
# before it stands token mixing, which can.
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
