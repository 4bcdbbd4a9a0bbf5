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
# *After this lesson you can say which scramblings of its images a Mixer cannot notice, show it to twelve digits, and
# tell from measured runs what a Mixer and a CNN each take for granted about space.*
#
# **About 45 minutes, with the exercises 80.** Of these, your computer trains for about two (two free CPU cores). You
# need: [lesson 8](08_train_cifar.ipynb) and [lesson 10](10_convolutions.ipynb).
#
# Previous: [10 · Convolutions](10_convolutions.ipynb). Next: [12 · Pretrained Mixers](12_pretrained.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - bring the pixels of an image into another order: by hand, with a loop, with one index;
# - let a Mixer's weights follow, and get the same logits, and the same training from step to step;
# - look for the orders that a CNN can follow, and find very few;
# - train a Mixer and a CNN of the same size on plain and on scrambled images, and hold your runs against a table of
#   several seeds;
# - say what the paper's Figure 4 shows, and what it does not.

# %%
import json
from copy import deepcopy
from dataclasses import replace
from math import factorial
from pathlib import Path
from statistics import mean

import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy

from mixer_lib import create_model, patchify, plots, unpatchify
from mixer_lib.data import load_dataset, normalize
from mixer_lib.exercises import predict
from mixer_lib.permutations import CONDITIONS, draw_order, scramble

# %% [markdown]
# ## The question
#
# The horse, three times, made of the same 1,024 pixels:

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
# In the second, the 64 patches of 4 × 4 pixels lie in another order, and inside *each* patch the 16 pixels do, too,
# in the same new order for all patches. In the third, each pixel may be anywhere. These are our three *conditions*.
#
# Now do the same to every image of a data set, always with one and the same order, and let a network learn from what
# comes out. How much worse will it be? You would be lost with either. But a network has never seen a picture. It has
# seen rows of numbers, and the question is what it takes for granted about them. Lesson 10 called that its *spatial
# prior*, and read it off the formulas. The authors of the Mixer measured it, with this experiment
# ([the paper](https://arxiv.org/abs/2105.01601), section 3.4 and Figure 4). You will repeat it on a small scale. Half
# of the answer, though, can be had exactly, without any training.
#
# ## Another order, by hand
#
# The drawing of lesson 2, in patches of 2 × 2, with the first patch and the last one swapped:

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
# Number the places of the pixels in raster order, 0 to 15. Then a list says it all: place $s$ gets the pixel from
# place `order[s]`. Place 0, top left, gets the one from place 10, in the third row and third column. A loop carries
# the pixels over, and an index does it at once:

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
# Nobody wants to write such a list for 1,024 pixels. A trick makes it: treat the *numbers of the places* as if they
# were an image, cut it into patches, reorder the table, and lay it back. A row of the table is a patch, a column is a
# pixel inside it.

# %%
places = torch.arange(16).view(1, 1, 4, 4)              # [B, C_in, H, W]
table = patchify(places, 2)                             # [B, S, P * P]
print(table[0])
assert unpatchify(table[:, [3, 1, 2, 0]], 2, 4).flatten().tolist() == order

# %% [markdown]
# ## The library's version
#
# That is `draw_order` in [`mixer_lib/permutations.py`](../mixer_lib/permutations.py), with an order drawn at random,
# and `scramble` is the index, for all images and all three colors alike. Here are both beside the same thing written
# out:

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
# Take the trained network that read the digits in lesson 0. Its patches are 7 × 7, its grid is 4 × 4. Bring the
# patches of 200 test digits into another order, the same for all digits.
#
# **Predict.** How many of them does it still read?

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
# Lesson 4 showed what to do with a Mixer whose patches are brought into another order: let the weights follow. In each token mixing the columns of $W_1$, the rows of $W_2$ and the numbers of $b_2$ belong to
# places. Nothing else in the network does: the patch embedding, LayerNorm and channel mixing treat all places alike,
# and the mean at the end does not ask for the order.

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
# All 2,000 logits agree, to twelve digits. (The rest is rounding: a sum in another order.) To bring weights along in
# this way, so that the layer does the same in the new order, is to **conjugate** it with the permutation: undo the
# new order, do as before, restore the new order.
#
# ### The pixels inside
#
# The patch embedding meets the pixels of a patch one by one, each with a weight of its own. So there, too, the
# weights can follow. Take the detectors of lesson 2 and the drawing, with the four pixels of each patch in the order
# 3, 0, 2, 1:

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
# Each pixel meets its old weight again, so the token comes out as before. *Right minus left*, row 1, no longer looks
# like it, but that is what it still finds. Two things had to hold. The order inside is *the same for all patches*,
# since they share one set of weights. And every pixel stays in its patch.
#
# In color, each pixel occurs three times among the numbers of a patch. You put all of this together in exercise 11.2.
# How many orders of the 1,024 pixels can a Mixer follow that has 64 patches of 16 pixels? Any order of the patches
# goes with any order inside, and of $n$ things there are $n! = n \cdot (n-1) \cdots 2 \cdot 1$ orders:

# %%
followed, all_orders = factorial(64) * factorial(16), factorial(1024)
print(f"64! · 16! has {len(str(followed))} digits, 1,024! has {len(str(all_orders)):,}")

# %% [markdown]
# It can follow more orders than there are atoms in the visible universe. Yet they are a vanishing part of all.
#
# ## And if it learns?
#
# The network that followed was *made*, not trained. "Shuffling the patches leaves a Mixer unchanged" is usually said
# of training, and that is another claim. First the part of it that is exact. Move the *start* along, the weights
# before the first step, and train both on the same digits, one on the plain ones, one on the shuffled:

# %%
def first_steps(model, images):
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=0.006), []
    for i in range(10):                             # 20 digits a step, of all classes
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
print(f"loss {on_plain[0]:.3f} to {on_plain[-1]:.3f}, at each step the same in both")

# %% [markdown]
# The same logits, so the same loss; the same gradients, each at its new place; the same step. And so on, to the end.
# It is one run, written down in two ways.
#
# But nobody moves the start along. You call `create_model` and get random numbers. Does that matter? Every weight of
# $W_1$ is drawn by itself from *one* distribution, whatever its place. Swap two columns, and what you have might as
# well have been drawn in the first place. The same holds for $W_2$ and for the patch embedding, and $b_2$ starts at
# zero. So each run on plain images has a twin on shuffled ones, which is exactly as likely and exactly as good.
#
# Mind what follows and what does not. Two runs, one plain and one shuffled, give two numbers, as two seeds would,
# even if both begin with `manual_seed(0)`. Only the *distributions* are the same: train a thousand times on each, and
# the two lists cannot be told apart. This takes a start that does not know the places, and a training that does not
# either. AdamW and weight decay treat each weight by itself, and clipping only asks for the size of the whole
# gradient. But augmentation does know the places: a shuffled image, shifted, is not a shifted image, shuffled. So
# below we train without it.
#
# ## And a CNN?
#
# Here is one, as plain as they come: four times a $3 × 3$ convolution and GELU. Between them (so only three times:
# `layers[:-1]` drops the last) stands **max pooling**, which keeps the largest of every $2 × 2$ numbers of a map, so
# that the grid halves: 32, 16, 8, 4. The end is the Mixer's without its LayerNorm, the mean over the places and a
# head.

# %%
class SmallCNN(nn.Sequential):
    def __init__(self, in_channels=3, num_classes=10, widths=(16, 32, 64, 150)):
        layers = []
        for C_in, C_out in zip((in_channels, *widths), widths):
            layers += [nn.Conv2d(C_in, C_out, kernel_size=3, padding=1),
                       nn.GELU(),
                       nn.MaxPool2d(2)]             # [B, C, H, W] -> [B, C, H/2, W/2]
        super().__init__(*layers[:-1],                          # [B, 150, 4, 4]
                         nn.AdaptiveAvgPool2d(1),               # [B, 150, 1, 1]
                         nn.Flatten(),                          # [B, 150]
                         nn.Linear(widths[-1], num_classes))    # [B, K]
        self.image_shape = (in_channels, 32, 32)                # what `fit` asks for
        self.num_classes = num_classes

# %% [markdown]
# Its last width, 150, is chosen so that it has as many parameters as the Mixer that it will be compared with, one
# with patches of 4 × 4 and four blocks of 48 channels:

# %%
MIXER = dict(num_blocks=4, hidden_dim=48, channels_mlp_dim=192)
torch.manual_seed(0)
mixer, cnn = create_model("cifar10", **MIXER), SmallCNN()
sizes = [sum(p.numel() for p in model.parameters()) for model in (mixer, cnn)]
print("Mixer {:,} parameters, CNN {:,}".format(*sizes))
assert abs(sizes[0] / sizes[1] - 1) < 0.02

# %% [markdown]
# Could its weights follow a permutation, too? Try one: mirror all images, left to right. Mirror all kernels as well,
# and each window finds what it found before, on the other side:

# %%
x = normalize(cifar.test_images[::100], cifar.mean, cifar.std).double()
cnn, mirrored = cnn.double(), deepcopy(cnn).double()
for layer in mirrored:
    if isinstance(layer, nn.Conv2d):
        layer.weight.data = layer.weight.data.flip(3)           # [C_out, C_in, 3, 3]
assert (mirrored(x.flip(3)) - cnn(x)).abs().max() < 1e-12
print("mirrored images, mirrored kernels: the same logits")

# %% [markdown]
# So a CNN can follow *this* order. And others? Take one map of $4 × 4$ places and one kernel. As in lesson 10, the
# layer is a matrix $M$: row $s$ tells what place $s$ takes from each place $t$. If the places come in another order,
# the layer that does the same has the matrix `M[order][:, order]`: its rows and its columns both belong to places. Is
# that still a convolution? If so, one number stands for each displacement, and one color runs along each diagonal
# (broken where a row of the grid ends).

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
# The mirrored one is a convolution, with another kernel. In the third, look at the displacement *one row down*, the
# blocks just right of those on the diagonal: from row 0 of the grid to row 1, which were no neighbors before, a
# convolution would need a weight of 0, and from row 1 to row 2, which were, it would need another one. In the last,
# one diagonal is left, the main one: each place still reads itself. A kernel that slides asks for *neighbors*, at
# every place alike, and an order that tears neighbors apart leaves it nothing to follow with. On a square grid, the
# orders that a $3 × 3$ convolution can follow are these: mirror, turn, or both. On 32 × 32 pixels that makes 8, of
# the 1,024! that there are. (Exercise 11.3 lets you search for them, on a smaller grid.)
#
# And a Mixer, if *all* pixels are scrambled? It cannot follow either, unless the order happens to be one of those
# counted above. For both, then, only an experiment can tell what is lost.
#
# ## The experiment
#
# The `fit` of lesson 7 trains both networks: the same images in the same order, the same number of steps, the same
# learning rate. (The rate is near the best of each on held-out plain images. No test image took part.) The recipe is
# short, five epochs of the 5,000 images, so neither network will be good. It is the difference that counts. Nothing
# is held out. All else is `Recipe`'s default, and so there is no augmentation. The seed draws the permutation, the
# start, and the order of the images. `best_device()` is a GPU if there is one.

# %%
from mixer_lib.training import Recipe, best_device, evaluate, fit

seed = 3
options = dict(epochs=5, batch_size=64, lr=6e-3, val_fraction=0)


def accuracy_of(name, dataset):
    torch.manual_seed(seed)
    model = create_model("cifar10", **MIXER) if name == "Mixer" else SmallCNN()
    fit(model.to(best_device()), dataset, Recipe(**options, seed=seed))
    return evaluate(model, dataset)["accuracy"]


# %% [markdown]
# `run` trains both networks under one condition, which takes about half a minute. First the plain images:

# %% tags=["nbval-ignore-output"]
runs = {"Mixer": {}, "CNN": {}}


def run(condition):
    order = draw_order(condition, 32, 4, seed)
    scrambled = replace(cifar, train_images=scramble(cifar.train_images, order),
                        test_images=scramble(cifar.test_images, order))
    for name in runs:
        accuracy = accuracy_of(name, scrambled)
        runs[name][condition] = [accuracy]

run("plain")
for name, results in runs.items():
    print(f"{name:5} reads {results['plain'][0]:.1%} of the plain test images")

# %% [markdown]
# The CNN is ahead. Its prior fits: in images, near places do matter, and what is worth asking here is worth asking
# there.
#
# **Predict.** Which of the two is ahead on images whose patches are shuffled, and the pixels inside of them, too?

# %%
predict("patches and insides shuffled")

# %% [markdown]
# **Predict.** And which when all pixels are shuffled? Choose, and then train them. It takes a minute.

# %%
predict("all pixels shuffled")

# %%
for condition in ("patches and inside", "all pixels"):
    run(condition)

# %%
def accuracy_by_name(condition):
    return {name: results[condition][0] for name, results in runs.items()}

predict("patches and insides shuffled", accuracy_by_name("patches and inside"))

# %%
predict("all pixels shuffled", accuracy_by_name("all pixels"))

# %% [markdown]
# ## Several seeds
#
# One run each is not much. With 1,000 test images an accuracy near 40% has a standard error of 1.5 points, and a new
# seed would give new numbers. So the committed script [`tools/measure_permutations.py`](../tools/measure_permutations.py) did what
# you did, with other seeds, once on the sample and once on all 50,000 images (there for six epochs), and wrote
# [a small file](results/permutations.json).
#
# From a few runs, how well does one know the mean that many runs would have? Standard errors, as in lesson 8, answer
# this; but few runs also tell little about how much runs vary. The **95% interval** reckons with that: it reaches 4.3
# standard errors to either side for three runs, 2.8 for five, and about 2 for very many. In 95 of 100 such
# experiments it covers the true mean.

# %% tags=["nbval-ignore-output"]
table = json.loads(Path("results/permutations.json").read_text())
assert table["recipes"]["sample"] == options and table["mixer"] == MIXER
panels = {f"your runs, seed {seed}": runs}
for data, size in (("sample", "5,000"), ("full", "50,000")):
    rows = [row for row in table["rows"] if row["data"] == data]
    seeds = {row["seed"] for row in rows}
    panels[f"{size} images, {len(seeds)} seeds"] = {name: {condition: [
        row["accuracy"] for row in rows
        if (row["model"], row["condition"]) == (name, condition)]
        for condition in CONDITIONS} for name in runs}
plots.show(
    plots.intervals(panels, "test accuracy (%)", guessing=0.1),
    alt="Three panels with the test accuracy of a Mixer and a CNN under three "
        "conditions: your runs, a dot each, and those of the table on 5,000 and on "
        "50,000 images, with means and intervals. On plain images the CNN is ahead. "
        "With patches and insides shuffled it falls below the Mixer, which hardly "
        "moves; with all pixels scrambled both fall, the CNN much further. Guessing, "
        "10 percent, is below all.")

# %% [markdown]
# A dot or a square is a run, a thick bar a mean, a thin line its interval (a short one may hide behind the squares);
# the broken line is guessing. To compare networks that do not start from the same height, divide: what share of its
# plain accuracy does each keep?

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
# - **Patches and insides, the Mixer: nothing lost.** Its two means differ as two sets of seeds do, and one run may
#   well be better on shuffled images than on plain ones. You knew that beforehand. So turn it around: here you see
#   how far apart *luck alone* puts two means of a few runs, and no other difference of that size should impress you.
# - **Patches and insides, the CNN: three tenths lost** on the sample, a quarter with ten times the images, and both
#   times its lead with it. The information is all there. But most of its windows look into two or four patches that
#   have nothing to do with each other, and a window cannot follow.
# - **All pixels.** Now the weights of neither can follow. The Mixer takes something for granted, too: that the 16
#   pixels of a patch belong together, and in each patch in the same way. But its token mixing may tie any place to
#   any other. On the sample it keeps about nine tenths of its plain accuracy, a loss that three seeds hardly tell from
#   luck, and the CNN little more than half. With all 50,000 images these are eight tenths and six: the Mixer has more
#   to lose then, and the CNN has found something of where things are after all.
#
# So a prior is a bet. Where it holds, as on plain images, it pays: some nine points with 5,000 of them, and some eight
# with 50,000. Where it does not hold, the network that bet less is ahead.
#
# ## How much is in the colors?
#
# Guessing is not the right floor to compare with. Whatever the order, an image keeps its *colors*: much blue may be a
# ship or an airplane, much green a frog. What are they worth? Give each image an order *of its own*, so that no place
# means anything any more, and train both once more (again half a minute):

# %%
def each_its_own(images):
    return torch.stack([scramble(image, torch.randperm(1024)) for image in images])

torch.manual_seed(seed)
colors = replace(cifar, train_images=each_its_own(cifar.train_images),
                 test_images=each_its_own(cifar.test_images))

# %% tags=["nbval-ignore-output"]
for name in runs:
    print(f"{name:5} on colors alone: {accuracy_of(name, colors):.1%}, "
          f"on all pixels it was {runs[name]['all pixels'][0]:.1%}")

# %% [markdown]
# Look at the CNN: *all pixels* with one order gives it no more than the colors do, give or take a point or two of
# luck. As far as this run can tell, on 5,000 images it has found nothing of where things are. And there was much to
# be found: under one fixed order, each place shows the same spot of every photograph. (A network that takes nothing
# for granted, say one linear layer on all 3,072 numbers, would not notice any of our orders.) The Mixer makes no more
# of the colors than the CNN does, and yet it finds a good deal of where things are.
#
# ## What the panels do not say
#
# - **Two networks, not two kinds.** Ours have as many parameters as each other, but not the same depth, nor the same
#   work to do, and the CNN is one of many. One whose first kernel is $4 × 4$ with a stride of 4 would read shuffled
#   patches just as the Mixer's embedding does.
# - **Few epochs.** Both networks could learn on, by different amounts perhaps. And the learning rate was chosen on
#   plain images; another may be better on scrambled ones.
# - **The intervals reckon with seeds only.** All runs on the sample are asked about the same 1,000 test images, those
#   on all of CIFAR-10 about the same 10,000. Others would move all numbers a little.
# - **The paper's experiment is of another size.** There a Mixer-B/16 and a ResNet50 learn from 300 million
#   photographs, and are scored on ImageNet: a linear layer on top of what they have learned gets five examples of
#   each of 1,000 classes. The Mixer loses nothing from patches and insides, and "~45%" from all pixels, where the
#   ResNet loses "~75%". The order of things is the same as here. The sizes are not to be compared: there, a patch has
#   256 pixels that are torn apart, here 16; and among 1,000 classes the colors alone will not get you far. Which of
#   these makes our losses smaller, we have not measured.
#
# ## Move it
#
# What does a network see of a scrambled image, where it first looks? Choose how the horse is scrambled, and watch the
# pixels fly to their new places. Then point at a pixel of either picture and find it in the other; click to keep it, and
# move on with the arrow keys. The solid frame is the patch that the pixel is in: the Mixer makes one token of its 16
# pixels. The dotted frame is the window of $3 × 3$ around the pixel: all that a kernel of the CNN's first layer sees
# at that position. In the left picture, squares and dots show where the pixels of the patch and of the window come from.
#
# 1. *Plain*: click a pixel of the right picture, and press the down arrow a few times. When does the patch move, and when
#    does the window?
# 2. *Patches and inside*: pick the middle of a patch (row 17, column 17), then its corner (row 15, column 15). What does
#    the window see in each? And the patch?
# 3. In how many of the 16 positions within a patch does the whole window lie inside of the patch?
# 4. *All pixels*: look for a place where the window's middle still has an old neighbor beside it. How often would you
#    expect one?
# 5. *All pixels*: from how many patches do the 16 pixels of a patch come?
#
# <details><summary>What you should see</summary>
#
# 1. The window moves with every step, the patch with every fourth: windows overlap, patches do not.
# 2. In the middle of a patch the window's pixels all come from one patch, and 4 of the 8 are still neighbors by luck.
#    At the corner it looks into four patches that have nothing to do with each other; the 2 old neighbors are in its
#    own. The patch itself still has its 16 pixels.
# 3. In 4: the window must keep a pixel's distance from each edge, which leaves the 2 × 2 in the middle.
# 4. One is at row 17, column 17. Each of the 8 pixels around is an old neighbor with a chance of 8 in 1,023, which
#    makes about one place in sixteen, and fewer at the edges. In this order it is one in twenty, and nowhere are
#    there two.
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
# In all three, an order is an int64 tensor, and place $s$ gets what stands at place `order[s]`, as above.
#
# ### 11.1 Shuffle patches and insides · easy · 6 minutes
#
# Without a detour over the places of the whole image: give images in which the patches lie in the order
# `patch_order`, `[S]`, and inside each patch the pixels in the order `inner_order`, `[P * P]`, all colors alike.
# `patchify` and `unpatchify` are there; where an image is not square, `unpatchify` takes `(H, W)` as its size.

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
# A row of the table holds the numbers of a patch in the order (color, line, column). Lay it out such that the pixels
# are an axis of their own: `table.view(B, -1, C_in, P * P)`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.1.
#
# </details>
#
# ### 11.2 Follow · medium · 12 minutes
#
# `weights` is the `state_dict()` of a Mixer, a dictionary from the name of each tensor to the tensor. Give, in a new
# dictionary, the weights of the Mixer that does with images shuffled as in 11.1 what this one does with plain ones.
# The names that you need are `patch_embedding.linear.weight` and, for each block $i$,
# `blocks.i.token_mixing.fc1.weight`, `...fc2.weight` and `...fc2.bias`.

# %% tags=["exercise-2"]
def follow(weights, patch_order, inner_order):
    """The weights of a Mixer that does with shuffled images what this one does."""
    ...  # your code here


# %%
exercises.check_follow(follow)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Begin with `new = dict(weights)`, go through `weights.items()`, and replace what belongs to places or pixels;
# `name.endswith(...)` finds it in any block. The embedding's weight is `[C, D]`, and its $D$ columns are color by
# color, `len(inner_order)` numbers each.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.2.
#
# </details>
#
# ### 11.3 What a window can follow · hard · 15 minutes
#
# The places of a grid of `rows` × `columns` come in another order. Can *every* $3 × 3$ convolution with zero padding
# follow: is there, whatever its kernel, a $3 × 3$ kernel that does in the new order what the old one did in the old?
# `True` or `False`. Then let it count: of the 720 orders of a grid of 2 × 3, how many can a window follow? Write down
# your guess first.

# %% tags=["exercise-3"]
def conv_follows(order, rows, columns):
    """True if in this order every 3 x 3 convolution is a 3 x 3 convolution again."""
    ...  # your code here


# %%
exercises.check_conv_follows(conv_follows)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What stands at places $s$ and $t$ now stood at `order[s]` and `order[t]` before. The weight that is needed between
# them is that of the *old* displacement, or none if it lay outside of the window. What must hold for all pairs with
# the same *new* displacement? A dictionary, as in exercise 10.4, does it. For the count:
# `itertools.permutations(range(6))`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/11_permutations.ipynb](solutions/11_permutations.ipynb), exercise 11.3.
#
# </details>

# %% [markdown]
# ## Recap
#
# - An order of the pixels is a list of places. By hand, by loop and by index the image comes out the same, and so
#   does that of the library.
# - If the patches are shuffled, and the pixels inside in all patches alike, a Mixer's weights can follow: the logits
#   agree to twelve digits. Moved at the start, they follow at every step of the training. A random start is as likely
#   as its moved twin, so in distribution nothing changes.
# - A $3 × 3$ convolution can follow 8 orders of a square grid: mirrored, turned, or both.
# - You trained both. Scrambled images cost the CNN far more of its accuracy than the Mixer, in your runs and in the
#   table, on 5,000 images and on 50,000. In your run with all pixels scrambled, the CNN did hardly better than with
#   the colors alone.
# - The paper's Figure 4 shows the same on a large scale: no loss for the Mixer from patches and insides, and from all
#   pixels about 45% of its accuracy, against about 75% for the ResNet. It compares two networks; it does not say what
#   a better CNN would lose.
#
# ## Quiz
#
# **1.** Someone shuffles the order of blocks of 8 × 8 pixels, and nothing inside them. Can a Mixer with patches of 4
# × 4 notice, once it is trained on such images? And if the pixels inside the blocks are shuffled as well?
#
# <details><summary>Answer</summary>
#
# Not the first: a block is four whole patches, so it is an order of patches like any other. The second, yes: a pixel
# may come to lie in another patch of its block, and no weights can follow that.
#
# </details>
#
# **2.** A colleague takes a trained Mixer, shuffles the patches of the test images, and finds 12% of the digits read.
# "So the paper's claim about permutations is wrong." What do you answer?
#
# <details><summary>Answer</summary>
#
# That the paper *trains* on the shuffled images. A trained Mixer has learned which place is which, and is lost when
# they change, unless its weights are moved along. The claim is about what it can learn.
#
# </details>
#
# **3.** All images of a data set are upside down, the training images and the test images. Which of the two networks
# does worse for it, after training?
#
# <details><summary>Answer</summary>
#
# Neither. For the Mixer it is an order of the patches, with one and the same order inside of each. The CNN can follow
# with kernels that are upside down. For each of them, then, it is the same task, up to the luck of the start.
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
# Next: [12 · Pretrained Mixers](12_pretrained.ipynb) takes one that others have trained.
