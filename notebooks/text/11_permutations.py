# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Permutations: what does a network know of space?
#
# *After this lesson you can say which scramblings of its images a Mixer cannot notice, prove it with logits that do not
# change, and tell from measured runs what a Mixer and a CNN each take for granted about space.*
#
# **About 50 minutes, with the exercises 85.** Of these, your computer trains for about a minute and a half (two
# free CPU cores). You need: [lesson 8](08_train_cifar.ipynb) and [lesson 10](10_convolutions.ipynb).
#
# Previous: [10 · Convolutions](10_convolutions.ipynb). Next: [12 · Pretrained Mixers](12_pretrained.ipynb)
#
# Below, you see one horse three times, always made of the same 1,024 pixels. Suppose that *all* images of a data set are
# scrambled in the same way, and a network learns from the scrambled images. How much worse will it be?

# %%
import json
from copy import deepcopy
from math import factorial
from pathlib import Path
from statistics import mean, variance

import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, linear

from mixer_lib import create_model, patchify, plots, unpatchify
from mixer_lib.data import load_dataset, normalize
from mixer_lib.exercises import predict
from mixer_lib.permutations import CONDITIONS, draw_order, scramble

# %%
cifar = load_dataset("cifar10")
horse = cifar.train_images[3510]                                # [C_in, H, W]
three = torch.stack([scramble(horse, draw_order(condition, 32, 4, seed=0))
                     for condition in CONDITIONS])              # [3, C_in, H, W]
plots.show(
    plots.image_row(three, CONDITIONS, columns=3, width=8),
    alt="Three squares. Plain: the brown horse before a pale ground. Patches and "
        "inside: 64 small squares in disorder, each a jumble of its own colors; brown "
        "ones stand apart from each other. All pixels: brown, gray and white dots, "
        "evenly spread, nothing to be made out.")

# %% [markdown]
# - *Plain*: the image as it is.
# - *Patches and inside*: the 64 patches of 4 × 4 pixels are in another order. Inside each patch, the 16 pixels are in
#   another order, too. That inner order is the same for all patches.
# - *All pixels*: each pixel may be anywhere.
#
# You would be lost with the second and the third. But a network never saw a picture. It sees rows of numbers, and the
# question is what it takes for granted about them. Lesson 10 called this its *spatial prior*, and read it from the
# formulas. The authors of the Mixer measured it with this experiment
# ([the paper](https://arxiv.org/abs/2105.01601), section 3.4 and Figure 4). You will repeat it on a small scale. Half of
# the answer, though, is exact and needs no training.
#
# ## In this lesson you will
#
# - put the pixels of an image into another order: by hand, with a loop, and with one index;
# - let a Mixer's weights follow, and get the same logits, and the same loss at every step of a training;
# - look for the orders that a CNN can follow, and find very few;
# - train a Mixer and a CNN of the same size on plain and on scrambled images, and compare your runs with a table of
#   several seeds and with three controls;
# - say what the paper's Figure 4 shows, and what it does not show.
#
# ## Another order, by hand
#
# Here is the drawing of lesson 2, in patches of 2 × 2. The first patch and the last patch are swapped:

# %%
tiny = torch.tensor([[0., 8., 8., 8.],
                     [0., 8., 8., 8.],
                     [0., 0., 0., 8.],
                     [0., 0., 0., 0.]])         # [H, W]
by_hand = torch.tensor([[0., 8., 8., 8.],       # top left is now what was bottom right
                        [0., 0., 8., 8.],
                        [0., 0., 0., 8.],
                        [0., 0., 0., 8.]])      # [H, W]

# %% [markdown]
# Number the places of the pixels in raster order, 0 to 15. Then a list describes the new order: place $s$ gets the
# pixel from place `order[s]`. For example, place 0, at the top left, gets the pixel from place 10, in the third row and
# third column. A loop moves the pixels one by one. An index moves them all at once:

# %%
order = [10, 11, 2, 3,
         14, 15, 6, 7,
         8, 9, 0, 1,
         12, 13, 4, 5]
by_loop = torch.zeros(16)
for s in range(16):
    by_loop[s] = tiny.flatten()[order[s]]
at_once = tiny.flatten()[order]                 # [H * W]
assert torch.equal(by_loop.view(4, 4), by_hand)
assert torch.equal(at_once.view(4, 4), by_hand)

# %% [markdown]
# Nobody wants to write such a list for 1,024 pixels. There is a trick. Treat the *numbers of the places* as an image,
# cut this image into patches, reorder the table, and put the image together again. A row of the table is a patch. A
# column is a pixel inside the patch.

# %%
places = torch.arange(16).view(1, 1, 4, 4)              # [B, C_in, H, W]
table = patchify(places, 2)                             # [B, S, P * P]
print(table[0])
assert unpatchify(table[:, [3, 1, 2, 0]], 2, 4).flatten().tolist() == order

# %% [markdown]
# ## The library's version
#
# `draw_order` in [`mixer_lib/permutations.py`](../mixer_lib/permutations.py) does this with random orders. `scramble`
# is the index, for all images and for all three colors alike. Here both are compared with the same steps written out:

# %%
random = torch.Generator().manual_seed(0)
patch_order = torch.randperm(64, generator=random)
inner_order = torch.randperm(16, generator=random)
places = torch.arange(1024).view(1, 1, 32, 32)
table = patchify(places, 4)[:, patch_order][..., inner_order]           # [B, S, P * P]
order = unpatchify(table, 4, 32).flatten()                              # [H * W]
assert torch.equal(order, draw_order("patches and inside", 32, 4, seed=0))
assert torch.equal(scramble(horse, order), horse.flatten(1)[:, order].view(3, 32, 32))

# %% [markdown]
# ## What a Mixer cannot notice
#
# Take the trained network that read the digits in lesson 0. Its patches are 7 × 7 pixels, and its grid is 4 × 4. Put the
# patches of 200 test digits into another order, the same order for all digits.
#
# **Predict.** How many of these digits does the network still read?

# %%
from mixer_lib.checkpoints import load_pretrained

mnist, model = load_dataset("mnist"), load_pretrained("mnist")[0].double()
digits = normalize(mnist.test_images[::10], mnist.mean, mnist.std).double()
labels = mnist.test_labels[::10]                                    # [B]
torch.manual_seed(0)
order = torch.randperm(16)                                          # of the patches
shuffled = unpatchify(patchify(digits, 7)[:, order], 7, 28)         # [B, C_in, H, W]


def share_read(model, images):
    return (model(images).argmax(dim=1) == labels).float().mean().item()

predict("patches in another order", share_read(model, shuffled),
        plain=share_read(model, digits))

# %% [markdown]
# Lesson 4 showed what to do when the patches come in another order: let the weights follow. In each token mixing, the
# columns of $W_1$, the rows of $W_2$ and the numbers of $b_2$ belong to places. Nothing else in the network belongs to a
# place. The patch embedding, LayerNorm and channel mixing treat all places alike, and the mean at the end does not
# depend on the order.

# %%
def follow_patches(model, order):
    """The Mixer that does with shuffled patches what `model` does with plain ones."""
    follower = deepcopy(model)
    for block in follower.blocks:
        mlp = block.token_mixing
        mlp.fc1.weight.data = mlp.fc1.weight.data[:, order]     # [D_S, S], by column
        mlp.fc2.weight.data = mlp.fc2.weight.data[order]        # [S, D_S], by row
        mlp.fc2.bias.data = mlp.fc2.bias.data[order]            # [S]
    return follower

follower = follow_patches(model, order)
assert (follower(shuffled) - model(digits)).abs().max() < 1e-12
print(f"shuffled, and the weights have followed: {share_read(follower, shuffled):.1%}")

# %% [markdown]
# All 2,000 logits agree to within $10^{-12}$. (The rest is rounding: the sums are taken in another order.) We moved
# weights so that the layer does in the new order what it did in the old one. This is called to **conjugate** the layer
# with the permutation: undo the new order, do as before, restore the new order.
#
# ## The pixels inside a patch
#
# The patch embedding gives each pixel of a patch a weight of its own. So here, too, the weights can follow. Take the
# drawing and the detectors of lesson 2, with the four pixels of each patch in the order 3, 0, 2, 1:

# %%
weight = torch.tensor([[ .25,  .25,  .25,  .25],    # brightness
                       [-.25,  .25, -.25,  .25],    # right minus left
                       [-.25, -.25,  .25,  .25]])   # bottom minus top; [C, D]
inner = [3, 0, 2, 1]
patches = patchify(tiny[None, None], 2)[0]          # [S, D]
tokens = patches @ weight.T                         # [S, C]
assert torch.equal(patches[:, inner] @ weight[:, inner].T, tokens)
weight[:, inner]

# %% [markdown]
# Each pixel meets its old weight again, so the token is the same as before. *Right minus left*, row 1, no longer looks
# like its name, but it still computes it. This needs two conditions. The order inside is *the same for all patches*,
# because all patches share one set of weights. And every pixel stays in its patch.
#
# In color images, each pixel occurs three times among the numbers of a patch. Exercise 11.3 puts all of this together.
#
# ## How many orders are these?
#
# Our CIFAR-10 Mixer has 64 patches of 16 pixels. How many orders of the 1,024 pixels can it follow? Any order of the
# patches goes with any order inside, and $n$ things have $n! = n \cdot (n-1) \cdots 2 \cdot 1$ orders:

# %%
followed, all_orders = factorial(64) * factorial(16), factorial(1024)
print(f"64! · 16! has {len(str(followed))} digits, "
      f"1,024! has {len(str(all_orders)):,}")

# %% [markdown]
# A Mixer can follow more orders than there are atoms in the visible universe. Yet these are a tiny fraction of all
# orders.
#
# ## What if the network learns?
#
# The network that followed was *made*, not trained. "Shuffling the patches leaves a Mixer unchanged" is usually said of
# training, and that is another claim. We begin with the part that is exact. Let the weights follow *before the first
# step*, and train two networks on the same digits: one on the plain digits, the other on the shuffled digits.

# %%
def first_steps(model, images):
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=0.006), []
    for i in range(10):                             # 20 digits per step, of all classes
        loss = cross_entropy(model(images[i::10]), labels[i::10])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.double)

torch.manual_seed(0)
start = create_model("mnist").double()
moved = follow_patches(start, order)
on_plain, on_shuffled = first_steps(start, digits), first_steps(moved, shuffled)
assert (on_plain - on_shuffled).abs().max() < 1e-8
print(f"loss {on_plain[0]:.3f} to {on_plain[-1]:.3f}, the same in both at every step")

# %% [markdown]
# The logits are the same, so the loss is the same. The gradients are the same, each at its new place, so the step is the
# same. This goes on to the end. It is one run, written down in two ways.
#
# But nobody moves the first weights. You call `create_model` and get random numbers. Does that matter? `create_model`
# draws every weight of $W_1$ independently from *one* distribution, whatever its place. Swap two columns, and the result
# is exactly as likely as the original. The same holds for $W_2$ and for the patch embedding, and $b_2$ starts at zero. So
# each run on plain images has a twin on shuffled images, which is exactly as likely and exactly as good.
#
# <details><summary>What follows from this, and what does not</summary>
#
# Two runs, one on plain and one on shuffled images, give two numbers, as two seeds would, even if both begin with
# `manual_seed(0)`. Only the *distributions* are the same: if you train a thousand times on each, nobody can tell the two
# lists of results apart. This needs a start that does not know the places, and a training that does not know them
# either. AdamW and weight decay treat each weight separately, and clipping only uses the size of the whole gradient. But
# augmentation does know the places: to shift a shuffled image is not the same as to shuffle a shifted image. So we train
# without augmentation below.
#
# </details>
#
# ## And a CNN?
#
# Here is a plain CNN: four $3 × 3$ convolutions, each with GELU. Between them is **max pooling**, which keeps the
# largest of every $2 × 2$ numbers of a map, so that the grid shrinks from 32 to 16, 8 and 4. At the end it has a mean
# over the places and a head, like the Mixer. Its last width, 150, is chosen so that it has as many parameters as the
# Mixer beside it, which has patches of 4 × 4 and four blocks of 48 channels.

# %%
from mixer_lib.permutations import MIXER, SmallCNN

torch.manual_seed(0)
mixer, cnn = create_model("cifar10", **MIXER), SmallCNN()
sizes = [sum(p.numel() for p in model.parameters()) for model in (mixer, cnn)]
print("Mixer {:,} parameters, CNN {:,}\n".format(*sizes))
print(cnn)
assert abs(sizes[0] / sizes[1] - 1) < 0.02

# %% [markdown]
# Can its weights follow a permutation, too? Mirror all images, left to right, and mirror all kernels as well. Then each
# window finds what it found before, on the other side:

# %%
x = normalize(cifar.test_images[::100], cifar.mean, cifar.std).double()
cnn, mirrored = cnn.double(), deepcopy(cnn).double()
for layer in mirrored:
    if isinstance(layer, nn.Conv2d):
        layer.weight.data = layer.weight.data.flip(3)           # [C_out, C_in, 3, 3]
assert (mirrored(x.flip(3)) - cnn(x)).abs().max() < 1e-12
print("mirrored images, mirrored kernels: the same logits")

# %% [markdown]
# So a CNN can follow *this* order. What about others? Take one map of $4 × 4$ places and one kernel. As in lesson 10, the
# layer is a matrix $M$, and row $s$ tells what place $s$ takes from each place $t$. If the places come in another order,
# the layer that does the same has the matrix `M[order][:, order]`, because both its rows and its columns belong to
# places. Is this matrix still a convolution? If it is, there is one number for each displacement, and one color runs
# along each diagonal (broken where a row of the grid ends).

# %%
torch.manual_seed(0)
unit_pictures = torch.eye(16).view(16, 1, 4, 4)                 # [S, 1, H', W']
M = conv2d(unit_pictures, torch.randn(1, 1, 3, 3), padding=1).flatten(1).T      # [S, S]
grid = torch.arange(16).view(4, 4)
orders = {"as they are": grid.flatten(), "mirrored": grid.flip(1).flatten(),
          "rows 1 and 2 swapped": grid[[0, 2, 1, 3]].flatten(),
          "any order": torch.randperm(16)}
plots.show(
    plots.tables({name: M[order][:, order] for name, order in orders.items()},
                 xlabel="place t, read", ylabel="place s, written", width=11),
    alt="Four matrices of 16 by 16 colored cells. As they are, and mirrored: three "
        "bands of three diagonals, each of one color, broken where a row of the grid "
        "ends. Rows 1 and 2 swapped: the same blocks, but some of them have changed "
        "places. Any order: colored cells scattered all over; of the diagonals only "
        "the main one is left.")

# %% [markdown]
# - **Mirrored**: this is a convolution, with another kernel.
# - **Rows 1 and 2 swapped**: look at the displacement *one row down*, the blocks just right of those on the diagonal.
#   What is now in rows 0 and 1 was in rows 0 and 2, which are no neighbors, so a convolution would need the weight 0
#   there. Now rows 1 and 2 hold the old rows 2 and 1, which are neighbors: another weight. One kernel cannot have
#   both.
# - **Any order**: one diagonal is left, the main one. Each place still reads itself.
#
# A sliding kernel asks about *neighbors*, at every place alike. If an order separates neighbors, no kernel can follow.
# On a square grid, a $3 × 3$ convolution can follow exactly these orders: mirror, turn, or both. For 32 × 32 pixels that
# makes 8 of 1,024! orders. (In exercise 11.4 you search for them on a smaller grid.)
#
# What if *all* pixels are scrambled? Then the Mixer cannot follow either, unless the order happens to be one of those
# counted above. For this condition, only an experiment can tell what is lost.
#
# ## The experiment
#
# The `fit` of lesson 7 trains both networks with the same images in the same order, the same number of steps, and the
# same learning rate. (We chose the rate on held-out plain images and kept no table of the rates that we tried. No
# test image took part in the choice.) The recipe is short, five epochs of 5,000 images, so neither network will be
# good. We care about the difference. Everything else is `Recipe`'s default, so there is no augmentation. The seed
# determines the permutation, the first weights, and the order of the images.
#
# `fit_and_measure` also reads the test images after each epoch, for a curve. Nothing is chosen by these numbers.

# %%
from mixer_lib.permutations import fit_and_measure, scramble_dataset
from mixer_lib.training import Recipe, best_device

seed = 3
options = dict(epochs=5, batch_size=64, lr=6e-3, val_fraction=0)
curves = {"Mixer": {}, "CNN": {}}      # {network: {condition: [(step, accuracy), ...]}}

def run(condition, names=("Mixer", "CNN")):
    """Train the networks under one condition: about half a minute for both."""
    scrambled = scramble_dataset(cifar, condition, 4, seed)
    for name in names:
        torch.manual_seed(seed)
        model = create_model("cifar10", **MIXER) if name == "Mixer" else SmallCNN()
        recipe = Recipe(**options, seed=seed)
        curve = fit_and_measure(model.to(best_device()), scrambled, recipe)
        curves[name][condition] = curve

def at_the_end(condition):
    return {name: by_condition[condition][-1][1]
            for name, by_condition in curves.items()}

# %% [markdown]
# First the plain images:

# %% tags=["nbval-ignore-output"]
run("plain")
for name, accuracy in at_the_end("plain").items():
    print(f"{name:5} names {accuracy:.1%} of the plain test images right")

# %% [markdown]
# The CNN is ahead. Its prior fits images: near places do matter, and what is worth asking here is worth asking there.
#
# **Predict.** Which of the two is ahead on images whose patches are shuffled, and the pixels inside the patches, too?

# %%
predict("patches and insides shuffled")

# %% [markdown]
# **Predict.** Which is ahead when all pixels are shuffled? Choose, and then train both networks under both conditions.
# This takes a minute.

# %%
predict("all pixels shuffled")

# %%
for condition in ("patches and inside", "all pixels"):
    run(condition)

# %%
predict("patches and insides shuffled", at_the_end("patches and inside"))

# %%
predict("all pixels shuffled", at_the_end("all pixels"))

# %% [markdown]
# Here are your six runs as curves over the training steps. The paper's Figure 4 has the same form:

# %% tags=["nbval-ignore-output"]
panels = {}
for name, by_condition in curves.items():
    steps = [step for step, _ in by_condition["plain"]]
    panels[f"training steps, {name}"] = steps, {
        condition: [100 * accuracy for _, accuracy in curve]
        for condition, curve in by_condition.items()}
plots.show(
    plots.lines(panels, "test accuracy (%)"),
    alt="Two panels with test accuracy over about 400 training steps, three curves "
        "each. The Mixer's curves for plain images and for shuffled patches run close "
        "together, and the curve for all pixels ends a little lower. The CNN's curves "
        "part: plain ends far above patches and inside, and all pixels is lowest.")

# %% [markdown]
# ## Several seeds
#
# One run each is not much. With 1,000 test images, an accuracy near 40% has a standard error of 1.5 points, and another
# seed would give other numbers. The committed script
# [`tools/measure_permutations.py`](../tools/measure_permutations.py) repeated your experiment with other seeds, on the
# sample and on all 50,000 images (there for six epochs, with batches of 128), and wrote [a small
# file](results/permutations.json).
#
# <details><summary>How well do a few runs tell the mean of many?</summary>
#
# Standard errors answer this, as in lesson 8. But a few runs also tell little about how much runs vary. The **95%
# interval** takes this into account: it reaches 4.3 standard errors to either side for three runs, 2.8 for five, and
# about 2 for very many. In 95 of 100 such experiments it covers the true mean.
#
# </details>

# %%
table = json.loads(Path("results/permutations.json").read_text())
assert table["recipes"]["sample"] == options and table["mixer"] == MIXER


def measured(data, conditions):
    """{network: {condition: accuracies}} for the conditions that both networks have."""
    found = {name: {} for name in curves}
    for row in table["rows"]:
        if row["data"] == data and row["condition"] in conditions:
            results = found[row["model"]].setdefault(row["condition"], [])
            results.append(row["accuracy"])
    return {name: {condition: results[condition] for condition in conditions
                   if all(condition in other for other in found.values())}
            for name, results in found.items()}

# %% tags=["nbval-ignore-output"]
yours = {name: {condition: [by_condition[condition][-1][1]] for condition in CONDITIONS}
         for name, by_condition in curves.items()}
panels = {f"your runs, seed {seed}": yours,
          "5,000 images, 3 seeds": measured("sample", CONDITIONS),
          "50,000 images, 3 seeds": measured("full", CONDITIONS)}
plots.show(
    plots.intervals(panels, "test accuracy (%)", guessing=0.1),
    alt="Three panels with the test accuracy of a Mixer and a CNN under three "
        "conditions: your runs, a dot each, and those of the table on 5,000 and on "
        "50,000 images, with means and intervals. On plain images the CNN is ahead. "
        "With patches and insides shuffled it falls below the Mixer, which hardly "
        "moves; with all pixels scrambled both fall, the CNN much further. Guessing, "
        "10 percent, is below all.")

# %% [markdown]
# A dot or a square is a run, a thick bar is a mean, and a thin line is its interval (a short one may be hidden behind the
# squares). The broken line is guessing. The two networks do not start from the same height. To compare them, divide:
# what share of its plain accuracy does each network keep?

# %% tags=["nbval-ignore-output"]
for title, models in panels.items():
    print(f"\n{title:24} plain   patches and inside         all pixels")
    for name, results in models.items():
        plain, *others = (mean(results[condition]) for condition in CONDITIONS)
        print(f"  {name:19} {plain:8.1%}",
              *(f"{accuracy:11.1%} ({accuracy / plain:4.0%})" for accuracy in others))

# %% [markdown]
# ## What the panels say
#
# - **Patches and insides, the Mixer: nothing lost.** Its two means differ as two sets of seeds do, and a single run may
#   well be better on shuffled images than on plain ones. You knew this beforehand. So turn it around: here you see how
#   far apart *luck alone* puts two means of a few runs. No other difference of that size should impress you.
# - **Patches and insides, the CNN: three tenths lost** on the sample, and a quarter with ten times the images. Both times
#   it loses its lead, too. All the information is still in the image. But most windows now read two or four patches that
#   have nothing to do with each other, and no kernel can follow.
# - **All pixels.** Now neither network can follow. The Mixer takes something for granted, too: that the 16 pixels of a
#   patch belong together, in each patch in the same way. But its token mixing can connect any place with any other. On
#   the sample it keeps about nine tenths of its plain accuracy. (With three runs on either side, a loss of three points
#   is too small to be sure of. The controls below bring more runs.) The CNN keeps little more than half. With all 50,000
#   images, the Mixer keeps eight tenths and the CNN six.
#
# So a prior is a bet. Where it holds, as on plain images, this CNN is ahead: by some nine points with 5,000 images,
# and by some eight points with 50,000. In the other two conditions, the network that bet less is ahead.
#
# ## Three controls
#
# *Patches and inside* changes two things at once, and guessing is not the right floor to compare with. So the script also
# measures three controls on the sample:
#
# - **patches only**: the patches are in another order, and inside each patch nothing moves. A quarter of the CNN's first
#   windows lie inside one patch, and these see what they always saw.
# - **inside only**: the pixels inside each patch are in another order, and every patch stays where it is. No window sees
#   what it saw before, but far apart and near by still mean the same.
# - **colors alone**: each image gets an order *of its own*, so that no place means anything. Only the *colors* of the
#   image are left. Much blue may be a ship or an airplane, and much green a frog. This is the floor: what a network gets
#   that knows nothing of where things are.
#
# The Mixer can follow the first two exactly, like *patches and inside*. For the third, train the CNN once yourself:

# %% tags=["nbval-ignore-output"]
run("colors alone", names=["CNN"])
for condition in ("all pixels", "colors alone"):
    print(f"your CNN, {condition:12} {curves['CNN'][condition][-1][1]:.1%}")

# %% [markdown]
# With one order for *all pixels*, your CNN does about as well as with the colors alone. Does the same hold for other
# seeds, and for the Mixer? Here are all conditions of the table for the sample, sorted from nothing scrambled to
# everything. (The script continues where it stopped, so you can add seeds.)

# %% tags=["nbval-ignore-output"]
ladder = ("plain", "patches only", "inside only", "patches and inside", "all pixels",
          "colors alone")
controls = {name: {condition.replace(" ", "\n"): results
                   for condition, results in by_condition.items()}
            for name, by_condition in measured("sample", ladder).items()}
plots.show(
    plots.intervals({"5,000 images, the seeds of the table": controls},
                    "test accuracy (%)", guessing=0.1),
    alt="Test accuracy of a Mixer and a CNN under the conditions that the table has, "
        "from plain on the left to the most scrambled on the right, a dot for each run."
        " The Mixer stays level up to patches and inside, falls a little on all pixels "
        "and far on colors alone. The CNN is above it on plain images, with the "
        "insides shuffled and on colors alone, and below it on the other three.")

# %% [markdown]
# The Mixer's first four conditions are one and the same experiment, since it can follow each of them exactly. So its 12
# runs can be taken together:

# %% tags=["nbval-ignore-output"]
by_condition = measured("sample", ladder)["Mixer"]
same = [run for condition in ladder[:4] for run in by_condition[condition]]
scrambled = by_condition["all pixels"]
error = (variance(same) / len(same) + variance(scrambled) / len(scrambled)) ** 0.5
loss = mean(same) - mean(scrambled)
print(f"the Mixer, {len(same)} runs that should be alike: {mean(same):.1%}; with all "
      f"pixels scrambled {100 * loss:.1f} points less, "
      f"{loss / error:.1f} standard errors")

# %% [markdown]
# Beside so many runs, three points are no longer easily luck. (The error is a rough one: the same seeds come back in all
# four conditions, and only three runs stand on the other side.)
#
# Now read the last two conditions. As far as these runs can tell, with all pixels scrambled the CNN finds next to
# nothing of where things are in 5,000 images. And there is much to be found: under one fixed order, each place shows the
# same spot of every photograph. The Mixer gets no more from the colors than the CNN does, and yet its accuracy on *all
# pixels* is far above its floor.
#
# Now read the CNN's squares. Shuffling the *insides* costs it no more than luck might: two points of 53. Shuffling
# the *patches* costs it fourteen, nearly as much as both together. So in these runs the CNN loses less when the fine
# pattern inside 4 × 4 pixels is moved than when the patches are. That is a finding about this small CNN after five
# epochs. A CNN that trains longer, on more images, may use the fine pattern more.

# %% [markdown]
# ## What the panels do not say
#
# - **Two networks, not two kinds.** Our networks have as many parameters as each other. They do not have the same depth,
#   nor the same number of multiplications, and this CNN is one of many. A CNN whose first kernel is $4 × 4$ with a stride
#   of 4 has the Mixer's patch embedding, so it can follow any order inside the patches. Its later kernels still slide
#   over the patches. We have not trained one.
# - **Few epochs.** Your curves level off at the end, since the learning rate falls to zero there. A longer training may
#   raise them by different amounts. And the learning rate was chosen on plain images. Another rate may be better on
#   scrambled ones.
# - **The intervals only know about seeds.** All runs on the sample use the same 1,000 test images, and those on all of
#   CIFAR-10 the same 10,000. Other test images would move all numbers a little.
#
# ### A network that takes nothing for granted
#
# Is it good, then, to notice no scrambling? One linear layer on all 3,072 numbers can follow *every* order of the
# pixels, but it computes only one weighted sum per class. Its weights follow in one line:

# %%
torch.manual_seed(0)
W = torch.randn(10, 3, 1024).double()                           # [K, C_in, H * W]
order = draw_order("all pixels", 32, 4, seed=0)
plain_logits = linear(x.flatten(1), W.flatten(1))               # [B, K]
scrambled_logits = linear(scramble(x, order).flatten(1), W[..., order].flatten(1))
assert torch.allclose(scrambled_logits, plain_logits)
print("a linear layer follows all 1,024! orders")

# %% [markdown]
# ## The paper's Figure 4
#
# In the paper, a Mixer-B/16 and a ResNet50 learn from 300 million photographs under three conditions: the original
# images, patches and insides shuffled, and all pixels shuffled. The figure shows accuracy over training steps. The
# accuracy is that of a linear layer on top of what the network has learned, which gets five examples of each of
# ImageNet's 1,000 classes.
#
# The Mixer loses nothing from patches and insides. From all pixels, the text gives "~45%" for the Mixer and "~75%" for
# the ResNet. These are *relative* losses, shares of the accuracy on the original images. The brackets above give what
# is kept: there, a loss of 45% would be 55%. The ranking is the same here and there: the CNN loses more under both
# conditions.
#
# Do not compare the sizes. In the paper's experiment, all pixels takes apart patches of 256 pixels, here patches of 16.
# Among 1,000 classes, the colors alone do not lead far. Which of these makes our losses smaller, we have not measured.
#
# ## Move it
#
# What does a network see where it first looks at a scrambled image? Choose how the horse is scrambled, and watch the
# pixels fly to their new places. Then point at a pixel in either picture, and find it in the other. Click to keep it, and
# move on with the arrow keys. The solid frame is the patch of the pixel: the Mixer makes one token of its 16 pixels. The
# dotted frame is the window of $3 × 3$ around the pixel: a kernel of the CNN's first layer sees no more at that place. In
# the left picture, squares and dots show where the pixels of the patch and of the window come from.
#
# 1. *Plain*: click a pixel of the right picture, and press the down arrow a few times. When does the patch move, and
#    when does the window move?
# 2. *Patches and inside*: pick the middle of a patch (row 17, column 17), then its corner (row 16, column 16). What
#    does the window see in each? What does the patch see?
# 3. In how many of the 16 positions of a patch does the whole window lie inside the patch?
# 4. *All pixels*: find a place where the pixel in the middle of the window still has an old neighbor beside it. How
#    often do you expect one?
# 5. *All pixels*: how many patches do the 16 pixels of a patch come from?
#
# <details><summary>What you should see</summary>
#
# 1. The window moves with every step, and the patch with every fourth. Windows overlap, and patches do not.
# 2. In the middle of a patch, all pixels of the window come from one patch, and 4 of the 8 are still neighbors by luck.
#    At the corner, the window reads four patches that have nothing to do with each other. Its 2 old neighbors are in its
#    own patch. The patch itself still has its 16 pixels.
# 3. In 4: the window must stay one pixel away from each edge, and this leaves the 2 × 2 in the middle.
# 4. There is one at row 17, column 17. Each of the 8 pixels around is an old neighbor with a chance of 8 in 1,023. This
#    makes about one place in sixteen, and fewer at the edges. In this order it is one in twenty, and no place has two.
# 5. From 11 to 16 of the 64, mostly from 14 or 15.
#
# </details>

# %%
from mixer_lib import widgets

orders = {condition: draw_order(condition, 32, 4, seed=0) for condition in CONDITIONS}
widgets.scramble_explorer(horse, orders, patch_size=4)

# %% [markdown]
# ## Exercises
#
# In all exercises, an order is an int64 tensor, and place $s$ gets what was at place `order[s]`, as above.
#
# ### 11.1 Shuffle patches and insides · write · easy · 6 minutes
#
# Write `draw_order` and `scramble` in one step, without the detour over the places. Return images in which the patches
# are in the order `patch_order`, `[S]`, and the pixels inside each patch in the order `inner_order`, `[P * P]`, for all
# colors alike. `patchify` and `unpatchify` are there. If an image is not square, `unpatchify` takes `(H, W)` as its size.

# %% tags=["exercise-1"]
def shuffle_patches(images, P, patch_order, inner_order):
    """Images with patches and insides in another order: [B, C_in, H, W] -> same."""
    B, C_in, H, W = images.shape
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_shuffle_patches(shuffle_patches)


# %% [markdown]
# <details><summary>Hint</summary>
#
# A row of the table holds the numbers of a patch in the order (color, row, column). Give the pixels an axis of their own:
# `table.view(B, -1, C_in, P * P)`. Then use one index for the patches and another for the pixels.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.1.
#
# </details>
#
# ### 11.2 Put the images back · repair · easy · 5 minutes
#
# A colleague stores scrambled images together with their order, and wants the plain images back. `broken_unscramble`
# scrambles a second time. For mirrored images that works, and the colleague tested it with mirrored images. Write a
# version that works for any order.

# %%
def broken_unscramble(images, order):
    return images.flatten(-2)[..., order].view(images.shape)

# %% tags=["exercise-2"]
def unscramble(images, order):
    """The plain images: [..., H, W], scrambled by order [H * W] -> same shape."""
    ...  # your code here


# %%
exercises.check_unscramble(unscramble)


# %% [markdown]
# <details><summary>Hint</summary>
#
# The plain image has at place `order[s]` what the scrambled image has at place $s$. You can write to these places, or
# find the inverse order: the one that undoes `order`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.2.
#
# </details>
#
# ### 11.3 Follow · write · medium · 12 minutes
#
# `weights` is the `state_dict()` of a Mixer, a dictionary from the name of each tensor to the tensor. Return a new
# dictionary: the weights of the Mixer that does with images shuffled as in 11.1 what this Mixer does with plain images.
# The names that you need are `patch_embedding.linear.weight` and, for each block $i$,
# `blocks.i.token_mixing.fc1.weight`, `...fc2.weight` and `...fc2.bias`.

# %% tags=["exercise-3"]
def follow(weights, patch_order, inner_order):
    """The weights of a Mixer that does with shuffled images what this one does."""
    ...  # your code here


# %%
exercises.check_follow(follow)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Begin with `new = dict(weights)`, go through `weights.items()`, and replace what belongs to places or pixels.
# `name.endswith(...)` finds a tensor in any block. The embedding's weight is `[C, D]`, and its $D$ columns are ordered by
# color, `len(inner_order)` columns for each.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.3.
#
# </details>
#
# ### 11.4 What a window can follow · write · hard · 15 minutes
#
# The places of a grid of `rows` × `columns` come in another order. Can *every* $3 × 3$ convolution with zero padding
# follow? That is: whatever its kernel is, is there a $3 × 3$ kernel that does in the new order what the old kernel did in
# the old order? Return `True` or `False`.
#
# **Predict.** There are 720 orders of a grid of 2 × 3. How many of them can a window follow? (The answer opens as soon
# as you choose. It gives the number and the reason; writing the test is the exercise.)

# %%
predict("orders that a window can follow")

# %% tags=["exercise-4"]
def conv_follows(order, rows, columns):
    """True if in this order every 3 x 3 convolution is a 3 x 3 convolution again."""
    ...  # your code here


# %%
exercises.check_conv_follows(conv_follows)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Places $s$ and $t$ now hold what was at `order[s]` and `order[t]` before. Between them, the layer needs the weight of
# the *old* displacement, or no weight if that displacement was outside the window. What must hold for all pairs with the
# same *new* displacement? Use a dictionary, as in exercise 10.4. (`int(order[s])` makes a plain number of an entry.)
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.4.
#
# </details>
#
# ### Stretch
#
# Our patches have 16 pixels, the paper's have 256. Does the loss from *all pixels* grow with the size of the patch? Call
# `create_model("cifar10", patch_size=8, **MIXER)`, give `scramble_dataset` the same patch size, and train on *plain* and
# on *all pixels*. Before you trust the answer: how many seeds do you need, and what else changes with the patch size?

# %% [markdown]
# ## Recap
#
# - An order of the pixels is a list of places. By hand, by loop, by index and with the library, the image is the same.
# - If the patches are shuffled, and the pixels inside all patches alike, a Mixer's weights can follow: for patches
#   alone, the logits agree to within $10^{-12}$. If they follow before the first step, the loss is the same at every
#   step of the training. A random start is as likely as its twin, so for the results of training nothing changes.
# - A $3 × 3$ convolution can follow 8 orders of a square grid: mirrored, turned, or both.
# - You trained both networks. *Patches and inside* and *all pixels* cost the CNN far more of its accuracy than the
#   Mixer, in your runs and in the table, on 5,000 images and on 50,000. With all pixels scrambled and 5,000 images,
#   your CNN did about as well as with the colors alone.
# - The paper's Figure 4 shows the same on a large scale. The Mixer loses nothing from patches and insides. From all
#   pixels it loses about 45% of its accuracy, the ResNet about 75%. The figure compares two networks. It does not say
#   what another CNN would lose.
#
# ## Quiz
#
# **1.** Someone shuffles the order of blocks of 8 × 8 pixels, and nothing inside them. Can a Mixer with patches of 4
# × 4 notice, once it is trained on such images? What if the pixels inside the blocks are shuffled as well?
#
# <details><summary>Answer</summary>
#
# It cannot notice the first: a block consists of four whole patches, so this is an order of the patches like any other.
# It can notice the second: a pixel may move into another patch of its block, and no weights can follow that.
#
# </details>
#
# **2.** A colleague takes a trained Mixer, shuffles the patches of the test images, and finds that it reads 12% of the
# digits. "So the paper's claim about permutations is wrong." What do you answer?
#
# <details><summary>Answer</summary>
#
# The paper *trains* on the shuffled images. A trained Mixer has learned which place is which. It fails when the places
# change, unless its weights move along. The claim is about what a Mixer can learn.
#
# </details>
#
# **3.** All images of a data set are upside down, the training images and the test images. Which of the two networks
# does worse after training on them?
#
# <details><summary>Answer</summary>
#
# Neither. For the Mixer this is an order of the patches, with the same order inside each patch. The CNN can follow with
# kernels that are upside down. So the task is the same for both, up to the luck of the start.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 3.4 and Figure 4.
# - [`mixer_lib/permutations.py`](../mixer_lib/permutations.py), and
#   [`tools/measure_permutations.py`](../tools/measure_permutations.py), which you can run yourself.
# - The [glossary](glossary.md).
#
# You have built a Mixer, trained it, and asked what it takes for granted about space.
#
# Next: [12 · Pretrained Mixers](12_pretrained.ipynb) starts from a Mixer that others have trained.
