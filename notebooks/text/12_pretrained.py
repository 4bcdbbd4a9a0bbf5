# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Pretrained Mixers: use what others have trained
#
# *After this lesson you can open a released file of weights, load it correctly, notice when its images are prepared
# wrongly, fine-tune it on a few images of your own, and grow it to a higher resolution.*
#
# **About 50 minutes, with the exercises 80.** Of these, your computer trains for about half a minute (two free CPU
# cores). You need: [lesson 8](08_train_cifar.ipynb).
#
# Previous: [11 · Permutations](11_permutations.ipynb). Next: [13 · Parts and family](13_family.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - open a file in the layout of the official code, key by key, and map it to our `MlpMixer`;
# - find where two formulas for GELU differ most, and measure what it costs to use the wrong one;
# - prepare the same images in nine ways, and measure top-1 and top-5 accuracy for each;
# - fine-tune a network that was trained on photographs to read digits, with 100 images, and compare it with a start from
#   scratch;
# - grow a Mixer to twice the resolution, and test the result with an exact statement about its logits.

# %%
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import gelu, interpolate, pad

from mixer_lib import MlpMixer, plots
from mixer_lib.checkpoints import load_pretrained
from mixer_lib.data import load_dataset, normalize
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# The bundled CIFAR-10 model ([its card](../mixer_lib/models/cifar10.md)) names nine in ten test images right, *if* each
# image is prepared as in its training. There, each image is scaled to 32 × 32 and divided by 255. Then a mean is
# subtracted, and the result is divided by a standard deviation. Here is one test image, prepared in nine ways. (For
# *half the side*, it is scaled down to 16 × 16 pixels and up again.) Each picture shows what the network takes the
# image for: the prepared numbers, turned back into colors with the *right* mean and standard deviation.

# %%
cifar, (model, about) = load_dataset("cifar10"), load_pretrained("cifar10")
images, labels = cifar.test_images[::2], cifar.test_labels[::2]         # 500 of them
mean, std = about.dataset.mean, about.dataset.std


def scale(images, size):
    smaller = interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
    return smaller.round().byte()

half = (0.5, 0.5, 0.5)
imagenet = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ways = {"as in training": normalize(images, mean, std),
        "mean, std 0.5": normalize(images, half, half),
        "ImageNet's": normalize(images, *imagenet),
        "0 to 1": images / 255,
        "0 to 255": images.float()}

# %%
ways |= {"blue, green, red": normalize(images.flip(1), mean, std),
         "center crop": normalize(scale(images[..., 2:30, 2:30], 32), mean, std),
         "half the side": normalize(scale(scale(images, 16), 32), mean, std),
         "upside down": normalize(images, mean, std).flip(2)}
m, s = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]
seen = torch.stack([way[50] * s + m for way in ways.values()])      # [9, C_in, H, W]
plots.show(
    plots.image_row(seen, [*ways], columns=5, width=9),
    alt="A small blue car on a green ground, nine times. As in training: plain colors. "
        "Mean and std 0.5: clearly grayer, lower contrast. ImageNet's: hardly to be "
        "told from the first. 0 to 1: flat and gray. 0 to 255: all white. Blue, green, "
        "red: an orange car on a blue-green ground. Center crop: a little larger. Half "
        "the side: blurred. Upside down: turned over.")

# %% [markdown]
# The network accepts all nine without an error. A wrong preparation does not stop a program. It costs accuracy, and no
# message tells you how much.
#
# **Predict.** Which of these four costs the most accuracy?

# %%
@torch.no_grad()
def logits_of(model, x):
    return torch.cat([model(some) for some in x.split(100)])           # [B, K]

logits = {name: logits_of(model, x) for name, x in ways.items()}
top1 = {name: (y.argmax(dim=1) == labels).float().mean().item()
        for name, y in logits.items()}
four = ("mean, std 0.5", "blue, green, red", "center crop", "half the side")
predict("costliest preparation",
        {name: top1["as in training"] - top1[name] for name in four})

# %% [markdown]
# We return to all nine below.
#
# ## What a file of weights holds
#
# The authors of the Mixer published their weights as `.npz` files. Such a file is an archive of NumPy arrays, each with a
# name. The file of B/16, a network with 12 blocks, takes 240 MB. We write a small file with the same names. It has 12
# blocks, 4 tokens of 6 channels, and random numbers.
#
# If you have a file of the official code, such as `Mixer-B_16.npz`, replace the second line from the end with
# `path = "Mixer-B_16.npz"`. All other cells of this section but the widget then work on your file.

# %%
from mixer_lib.pretrained import load_released, save_released

torch.manual_seed(0)
small = MlpMixer(image_size=4, patch_size=2, in_channels=3, num_classes=5,
                 num_blocks=12, hidden_dim=6, tokens_mlp_dim=3, channels_mlp_dim=24,
                 gelu="tanh")
torch.nn.init.normal_(small.head.weight)                # else it is zero
folder = Path(tempfile.mkdtemp())
path = folder / "small.npz"
save_released(small, folder / "small.npz")

# %%
with np.load(path) as file:
    arrays = dict(file)                                 # name -> array
print(f"{len(arrays)} arrays, {sum(a.size for a in arrays.values()):,} numbers")
for name, array in arrays.items():
    if "MixerBlock_" not in name or "MixerBlock_0/" in name:
        print(f"{name:44} {array.shape}")

# %% [markdown]
# You know all of these parts. `stem` is the patch embedding (lesson 2). `LayerNorm_0` and `token_mixing` are the first
# half of a block, and `LayerNorm_1` and `channel_mixing` are the second half (lesson 5). `pre_head_layer_norm` and `head`
# are the classifier (lesson 6). A block has 12 arrays, and the rest of the network has 6, so B/16 has 12 · 12 + 6 = 150.
#
# The official code uses the library Flax. Flax calls the weight of a linear layer `kernel`, and stores it as `[in, out]`,
# while `nn.Linear` has `[out, in]`. The weight of a LayerNorm is called `scale`. Here is the first token mixing layer,
# mapped by hand:

# %%
kernel = arrays["MixerBlock_0/token_mixing/Dense_0/kernel"]             # [S, D_S]
weight = torch.from_numpy(kernel).T                                     # [D_S, S]
loaded, facts = load_released(path)
assert torch.equal(weight, loaded.blocks[0].token_mixing.fc1.weight)
for sentence in facts.converted:
    print("-", sentence)

# %% [markdown]
# `load_released` does this for all arrays, and says what it did. Many people get these weights from the library timm,
# which has PyTorch's own layout and other names. This table is the whole dictionary:
#
# | `MlpMixer` | official file | timm |
# |---|---|---|
# | `patch_embedding.linear` | `stem` | `stem.proj` |
# | `blocks.0.token_norm` | `MixerBlock_0/LayerNorm_0` | `blocks.0.norm1` |
# | `blocks.0.token_mixing.fc1`, `fc2` | `MixerBlock_0/token_mixing/Dense_0`, `Dense_1` | `blocks.0.mlp_tokens.fc1`, `fc2` |
# | `blocks.0.channel_norm` | `MixerBlock_0/LayerNorm_1` | `blocks.0.norm2` |
# | `blocks.0.channel_mixing.fc1`, `fc2` | `MixerBlock_0/channel_mixing/Dense_0`, `Dense_1` | `blocks.0.mlp_channels.fc1`, `fc2` |
# | `norm` | `pre_head_layer_norm` | `norm` |
# | `head` | `head` | `head` |
#
# The widget shows the small file. Pick an array in one of the two lists, and you see its name on the other side. Below,
# the array is drawn in both layouts. Point at one of its numbers, and the same number lights up on the other side.
#
# 1. Pick `MixerBlock_0/token_mixing/Dense_0/kernel` and move along its first row. Where do you move in the model?
# 2. Pick `stem/kernel`, and move down its first column. In which order do you meet the numbers of a detector?
# 3. Which arrays need no change at all?
#
# <details><summary>What you should see</summary>
#
# 1. Down the first column: the array is transposed.
# 2. In the file, the three colors of a pixel follow one another. In the model, all numbers of the first color come first.
#    So you jump by 4, the number of pixels in a patch, and then return to the next pixel.
# 3. All with a single axis: biases, and the scales of LayerNorm.
#
# </details>

# %%
from mixer_lib import widgets

widgets.weight_file_explorer(small)

# %% [markdown]
# ### The order of the blocks
#
# The file does not store the blocks in the order in which the network uses them:

# %%
in_file = [*dict.fromkeys(name.split("/")[0] for name in arrays if "Block" in name)]
print(*in_file)

# %% [markdown]
# The names are sorted letter by letter, so blocks 10 and 11 come before block 2. Suppose that someone writes a loader
# that takes the blocks in this order.
#
# **Predict.** What does this loader give?

# %%
predict("blocks in file order")

# %%
careless = MlpMixer(**vars(loaded.config)).eval()
weights = dict(loaded.state_dict())
for i, block in enumerate(in_file):
    number = int(block.removeprefix("MixerBlock_"))
    for name, p in loaded.blocks[number].named_parameters():
        weights[f"blocks.{i}.{name}"] = p
careless.load_state_dict(weights)
x = torch.randn(20, *loaded.image_shape)                            # [B, C_in, H, W]
off = (logits_of(careless, x) - logits_of(loaded, x)).abs().max().item()
predict("blocks in file order", off)

# %% [markdown]
# ## The two GELUs
#
# The official file fits our network, but no array says which GELU the network was trained with. GELU is $z$ times the
# share of the bell curve below $z$ (lesson 3). To compute this share exactly, one needs a special function. Many
# programs use a formula with tanh instead, which is nearly the same. The official code is one of these programs. timm
# and our lessons use the exact form. Our `MlpMixer` has the argument `gelu` for this, with PyTorch's two words:
# `"tanh"`, and `"none"` for no approximation, the exact form. How large is the difference?

# %%
z = torch.linspace(-6, 6, 120_001, dtype=torch.double)
difference = gelu(z, approximate="tanh") - gelu(z)
plots.show(
    plots.functions({"tanh form minus exact form": (z[::200], {"": difference[::200]})},
                    "z", "difference"),
    alt="A curve over z from -6 to 6, the same on both sides of 0. It is zero in the "
        "middle, falls to -0.0002 at 1.4, rises to 0.0005 at 2.7 and is back at zero "
        "from 5 on.")
worst = difference.abs().argmax()
print(f"largest difference {difference[worst].abs():.1e}, "
      f"at z = {z[worst].abs():.2f} and {-z[worst].abs():.2f}")

# %% [markdown]
# The difference is at most half a thousandth, and smaller almost everywhere. But our model applies GELU
# 8 · (128 · 64 + 64 · 512) = 327,680 times to each image, and each difference passes through all later blocks.
#
# **Predict.** The CIFAR-10 model was trained with the exact GELU. With the tanh form, how many of the 500 test images
# get another class?

# %%
other = MlpMixer(**vars(model.config) | {"gelu": "tanh"}).eval()
other.load_state_dict(model.state_dict())
right, wrong = logits["as in training"], logits_of(other, ways["as in training"])
predict("the wrong GELU", (right.argmax(dim=1) != wrong.argmax(dim=1)).sum(),
        off=(right - wrong).abs().max().item(), spread=right.std().item())

# %% [markdown]
# So the accuracy would hardly have shown the mistake. To find it, compare logits with those of the framework that wrote
# the file. `load_released` is tested in this way, on files that Flax, timm and Paddle wrote, together with the logits
# that they computed. (Paddle is another framework, and PASSL is a library for it which has Mixers.) Our CIFAR-10 model
# has the exact GELU, so `save_released` refuses to write it as an official file:

# %%
try:
    save_released(model, folder / "wrong.npz", family="flax")
except ValueError as error:
    print(error)

# %% [markdown]
# Other projects' Mixers may differ from ours in three more details, and a file does not show all of them:
#
# - **The epsilon in LayerNorm.** It is $10^{-6}$ here, in the official code, in timm and in PASSL, and $10^{-5}$ in
#   several other projects.
# - **What LayerNorm normalizes.** It may use the channels of each token, as here, or the whole table.
# - **The last LayerNorm.** Some projects have none before the head.
#
# `load_released` refuses the files of projects that differ in one of these details, and says what differs.
#
# ## Preparing the images
#
# We return to the nine ways. A network with 1,000 classes is usually judged by two numbers. **Top-1 accuracy** is the
# share of images whose highest logit belongs to the true class. **Top-5 accuracy** is the share of images whose true
# class is among the five highest logits. With 10 classes, guessing already gives a top-5 accuracy of 50%, so compare with
# that.

# %%
from mixer_lib.training import top_accuracy

print(f"{'':18} top-1   top-5   mean of the highest probability")
for name, y in logits.items():
    one, five = (top_accuracy(y, labels, k) for k in (1, 5))
    sure = y.softmax(dim=1).max(dim=1).values.mean()                # [B, K] -> a number
    print(f"{name:18} {one:5.1%}   {five:5.1%}   {sure:5.0%}")

# %% [markdown]
# - **Another project's mean and standard deviation** cost next to nothing if they are close to the right ones
#   (ImageNet's), and ten points if they are not (0.5).
# - **No normalization**: with pixels from 0 to 1, the network still names 39% right. With pixels from 0 to 255, its
#   top-1 accuracy is no better than guessing. Look at the last column for 0 to 255: the network is wrong nine times
#   in ten, and still gives its choice a probability of 61% on average.
# - **Swapped colors** cost 20 points. Some image libraries, such as OpenCV, return blue first.
# - **A center crop** that the training did not have costs five points here. Objects are larger and softer than
#   before, and the edge of the image is gone. A crop of 0.875 is usual at 224 pixels. Look up the crop, as you do the
#   mean.
# - **Half the side**, as in a thumbnail, costs 55 points, more than pixels from 0 to 1. **Upside down** costs 41
#   points.
#
# The top-5 accuracy changes less, so it hides more. With swapped colors it is still 94%.
#
# ### What a released file expects
#
# A file of weights does not contain the mean and the standard deviation. Look for them in the code of the project.
# `load_released` knows them for the usual names. (PASSL states the mean and the deviation only for training. Two of
# timm's files, named `miil`, have others.)

# %%
from mixer_lib.pretrained import KNOWN
from mixer_lib.pretrained.names import PREPROCESSING

for family, options in PREPROCESSING.items():
    print(f"{family:14}", *(f"{name} {value}" for name, value in options.items()))
print(f"{len(KNOWN)} known files, such as", *list(KNOWN)[:2])

# %% [markdown]
# `load_released("mixer_b16_224.goog_in21k_ft_in1k")` downloads B/16 once (240 MB), checks that
# the file arrived unchanged, and loads it.
# (timm's name says "ImageNet-21k first". But the authors list no such file, and its score in timm's tables, about
# 76.6%, fits ImageNet-1k only.) To evaluate it on photographs, put them into a folder called `val` with one folder
# per class, and type in a terminal:
#
# `python -m mixer_lib evaluate mixer_b16_224.goog_in21k_ft_in1k --dataset val`
#
# The lessons work without a network, so they do not do this. Here is what others measured on ImageNet's 50,000 validation
# images:
#
# | top-1 (%) at 224 × 224 | ImageNet-1k only, 1.3 million images | ImageNet-21k first, 14 million | JFT-300M first, 300 million |
# |---|---|---|---|
# | Mixer-B/16 (ViT-B/16) | 76.44 (79.67) | 80.64 (84.59) | 80.00 |
# | Mixer-L/16 (ViT-L/16) | 71.76 (76.11) | 82.89 (84.46) | 84.82 (85.63) |
# | Mixer-H/14 (ViT-H/14) | | | 86.32 (86.65) |
#
# From [the paper](https://arxiv.org/abs/2105.01601), version 4; in brackets a Vision Transformer (ViT) of the same
# name. With the smallest data set, the *larger* Mixer does worse. With 300 million images, it does better. The ViT is
# ahead in every pair of the table. Its lead over L/16 is 4.4 points with ImageNet-1k, 1.6 points with ImageNet-21k, and
# 0.8 points with JFT-300M.
#
# | the ImageNet-1k weights, ported | top-1 | top-5 | parameters |
# |---|---|---|---|
# | PASSL, B/16 | 76.60 | 92.23 | 60.0 M |
# | PASSL, L/16 | 72.06 | 87.67 | 208.2 M |
# | here: the CIFAR-10 model on 500 images of 10 classes | 89.6 | 99.0 | 1.1 M |
#
# PASSL reports the first two rows for the authors' weights, with a center crop of 0.875 of the image. They are 0.2 and
# 0.3 points above the paper's numbers. The last row is what you have just measured. It cannot be compared with the
# other two, which are about other images and 1,000 classes.
#
# ## Fine-tuning: what is pretraining worth?
#
# Someone else trained the network in your file, on much more data than you have. What is that worth to you? The paper's
# answer is its main result. First train on millions of images (**pretraining**). Then continue the training on the task
# that you want, with a new head (**fine-tuning**).
#
# We try this on a small scale. The CIFAR-10 model has seen 49,000 photographs of animals and vehicles, over and over. The
# new task is to read handwritten digits. There are 100 digits to learn from, ten of each class. This is a hard case for
# pretraining, since digits are no photographs.
#
# First, prepare the digits as the model's images were prepared: three color channels, 32 × 32 pixels, and *its* mean and
# standard deviation.

# %%
mnist, seed = load_dataset("mnist"), 0


def as_photographs(gray):
    return pad(gray, (2, 2, 2, 2)).repeat(1, 3, 1, 1)           # [N, 3, 32, 32]


def ten_of(k):
    places = (mnist.train_labels == k).nonzero()[:, 0]
    return places[torch.randperm(len(places))[:10]]

torch.manual_seed(seed)
chosen = torch.cat([ten_of(k) for k in range(10)])              # [100]
digits = replace(mnist, mean=mean, std=std, train_labels=mnist.train_labels[chosen],
                 train_images=as_photographs(mnist.train_images[chosen]),
                 test_images=as_photographs(mnist.test_images[::4]),
                 test_labels=mnist.test_labels[::4])

# %% [markdown]
# Compare three ways to train:
#
# - **head only**: give the network a new head of zeros, and train only the head. All other weights are **frozen**.
#   This shows how far the frozen weights reach.
# - **fine-tuned**: begin in the same way, and train all weights.
# - **from scratch**: begin with random weights in the same architecture, and train all of them. This is the control.
#
# All three take the same 60 steps of 25 images, so they see each digit 15 times.
#
# **Predict.** Which way reads the most test digits?

# %%
predict("best with 100 digits")

# %%
from mixer_lib.model import new_head
from mixer_lib.training import Recipe, best_device, evaluate, fit

rates = {"head only": 1e-2, "fine-tuned": 1e-3, "from scratch": 1e-3}
share = {}
for way, rate in rates.items():
    torch.manual_seed(seed)
    scratch = way == "from scratch"
    learner = MlpMixer(**vars(model.config)) if scratch else new_head(model, 10)
    recipe = Recipe(epochs=15, batch_size=25, lr=rate, val_fraction=0, seed=seed,
                    freeze=way == "head only")
    fit(learner.to(best_device()), digits, recipe)
    share[way] = evaluate(learner, digits)["accuracy"]

# %%
predict("best with 100 digits", share)

# %% tags=["nbval-ignore-output"]
for way, accuracy in share.items():
    print(f"{way:12} {accuracy:.1%} of {len(digits.test_labels)} test digits")

# %% [markdown]
# *Head only* can only use what the frozen network computes from a digit, and the network learned to compute this for
# animals and vehicles. *Fine-tuned* may change all of it. The difference between *fine-tuned* and *from scratch* is what
# pretraining is worth here, since everything else in these two runs is the same.
#
# ### As a curve
#
# One run with one seed proves little. [`tools/measure_pretraining.py`](../tools/measure_pretraining.py) compared
# these three ways with 50 to 500 digits, three times each. Each seed draws other digits. The runs take 60 steps of 25
# images (56 steps with 200 digits). (The script draws the digits in another way than the cells above, and warms up a
# little longer. So its seed 0 is not your run.) The thin lines are 95% intervals of the mean:

# %%
table = json.loads(Path("results/pretraining.json").read_text())
curve = {way: {} for way in table["rates"]}             # {way: {images: three results}}
for row in sorted(table["rows"], key=lambda row: row["count"]):
    curve[row["way"]].setdefault(str(row["count"]), []).append(row["accuracy"])
plots.show(
    plots.intervals({"by the number of digits to learn from": curve},
                    "accuracy on test digits (%)", guessing=0.1),
    alt="For 50, 100, 200 and 500 digits, three dots and an interval for each way. "
        "Fine-tuned is highest everywhere, at 66 to 76%, and once 87%. Head only "
        "rises from 51 to 61%. From scratch falls from 54% with 50 digits to 35% with "
        "200, and scatters widely with 500.")

# %% [markdown]
# Fine-tuning wins with each of these numbers of digits, with 68 to 79% on average. The head alone reaches 51 to 61%,
# and a start from scratch 35 to 54%. So a start from these weights helps to read digits here, if all weights may
# change. From 100 digits on, the head alone beats a start from scratch in all nine draws, too. From scratch, 200 digits even give *worse*
# results than 50 here. We did not test why. (60 steps go 30 times over 50 digits, and three times over 500.)
#
# These numbers do not say everything:
#
# - 60 steps are few for a network that starts from scratch. We did not try more. Lesson 7 reaches 97%, with more
#   steps and nearly all 10,000 digits of the sample. We compare the three ways *at the same number of steps*.
# - We did not search for the best learning rates. Each of the three ways may have a better one.
# - This is one pretrained network and one new task. With 500 test images, the standard error alone is about two points.
#
# You can do the same on the command line, with any file that `load_released` reads and with your own folder of images:
# `python -m mixer_lib train --init mixer_b16_224.goog_in21k --dataset FOLDER`. With `--freeze`, it trains only the head.

# %% [markdown]
# ## Growing to a higher resolution
#
# A Mixer reads images of one size only, because $W_1$ has a column for each token. At a higher resolution, the patches
# keep their size, and there are more of them, so the token mixing must grow. The paper's Appendix C describes how. Cut an
# image of twice the height and width into 2 × 2 **parts**, each as large as an old image. Mix each part with a copy of the
# old weights, and set all weights between parts to zero. Training can then change the zeros.
#
# Take a grid of 2 × 2 tokens, and grow it by $g = 2$. (Appendix C and the library write $K$ for this factor, which is
# our number of classes.) Now there are 16 tokens in a grid of 4 × 4, numbered in raster order. Which of these tokens
# make up the upper left part?

# %%
tokens = torch.arange(16).view(4, 4)                    # the large grid
print(tokens)
parts = torch.stack([tokens[:2, :2], tokens[:2, 2:], tokens[2:, :2], tokens[2:, 2:]])
parts = parts.flatten(1)                                # [g * g, S]: one row per part
print(parts)

# %% [markdown]
# The upper left part has tokens 0, 1, 4 and 5. They are neighbors in the image, but not in the list. So each copy of
# $W_1$ must use the *columns* of its own part:

# %%
W1 = torch.tensor([[1., 2., 3., 4.]])                   # [D_S, S]: one hidden unit
grown_W1 = torch.zeros(4, 16)                           # [g * g * D_S, g * g * S]
for part, places in enumerate(parts):
    grown_W1[part, places] = W1[0]
side_by_side = torch.block_diag(W1, W1, W1, W1)         # [4, 16]
plots.show(
    plots.tables({"in the parts' own columns": grown_W1, "side by side": side_by_side},
                 xlabel="token of the large image", ylabel="hidden unit", width=11),
    alt="Two tables of 4 rows and 16 columns. Left, the upper two rows have 1 and 2 "
        "in neighboring columns, and 3 and 4 four columns further right; the lower "
        "two rows have the same in the right half. Right, a staircase: each row has "
        "1, 2, 3, 4 side by side, where the row above ends.")

# %% [markdown]
# The second table is block-diagonal. It looks right and has the right shape. But lay the rows of two units out on the
# large grid:

# %%
plots.show(plots.tables(
    {f"unit {unit}, {way}": table[unit].view(4, 4)                      # [H', W']
     for way, table in (("own columns", grown_W1), ("side by side", side_by_side))
     for unit in (0, 1)}, xlabel="column", ylabel="row"))

# %% [markdown]
# With the columns of its own part, unit 0 reads the upper left part, and unit 1 the upper right one. Side by side, each
# of them reads a *row* of the large image. The library's `grow` builds the first table, for all token mixing layers of
# a model.
#
# How can we test this? There is an exact statement. Put $g^2$ images together into a mosaic. The grown network mixes
# each part on its own. Channel mixing and LayerNorm treat each token by itself anyway. At the end, the network takes
# the mean over all tokens. So *the logits of the mosaic are the mean of the logits of its images*.

# %%
from mixer_lib.pretrained import grow

some = ways["as in training"][[50, 306, 402, 452]].double()     # [g * g, C_in, H, W]
upper, lower = torch.cat([*some[:2]], dim=2), torch.cat([*some[2:]], dim=2)
mosaic = torch.cat([upper, lower], dim=1)[None]                 # [1, C_in, g H, g W]
exact = model.double()
grown = grow(exact, 2)
expected = logits_of(exact, some).mean(dim=0)                   # one per class
assert (logits_of(grown, mosaic)[0] - expected).abs().max() < 1e-10
plots.show(plots.image_row(mosaic.float() * s + m, columns=1, width=2.6),
           alt="One image of 64 by 64 pixels, made of four: a blue car, a frog on "
               "green, a boat at dusk, a yellow truck.")
for name, one in {"old": exact, "grown": grown}.items():
    print(f"{name:5} {one.image_shape[1:]} pixels, "
          f"{sum(p.numel() for p in one.parameters()):,} parameters")

# %% [markdown]
# The statement holds to ten digits. Now build the same model with the copies side by side.
#
# **Predict.** How far are its logits from the mean? The largest logit of all test images is about 5.

# %%
naive = grow(exact, 2)
for old, new in zip(exact.blocks, naive.blocks):
    for name in ("fc1", "fc2"):
        copies = [getattr(old.token_mixing, name).weight.data] * 4
        getattr(new.token_mixing, name).weight.data = torch.block_diag(*copies)
    new.token_mixing.fc2.bias.data = old.token_mixing.fc2.bias.data.repeat(4)
off = (logits_of(naive, mosaic)[0] - expected).abs().max().item()
predict("side by side", off)

# %% [markdown]
# A grown model treats each part as an image of its own. In a photograph of the higher resolution, an object covers several
# parts. So the model has to be fine-tuned, as above, with `grown` instead of `model`. During this training, the zeros
# between the parts change.

# %% [markdown]
# ## Exercises
#
# ### 12.1 Map the file · write · medium · 12 minutes
#
# `arrays` is a dictionary as above, from the names in an official file to NumPy arrays. Return the `state_dict` of an
# `MlpMixer`: a dictionary from our names to tensors. The table of names above has everything you need. `scale` and
# `kernel` both become `weight`, and `bias` stays `bias`. `torch.from_numpy(array)` makes a tensor. The kernel of the
# embedding has the shape `[P, P, C_in, C]`, in the order row, column, color, channel, as in exercise 2.4.

# %% tags=["exercise-1"]
def from_flax(arrays):
    """The state_dict of an MlpMixer, from the arrays of an official file."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_from_flax(from_flax)

# %% [markdown]
# When the check says that it is right, this line loads the file of the lesson with your function:
# `MlpMixer(**vars(loaded.config)).load_state_dict(from_flax(arrays))`.
#
# <details><summary>Hint</summary>
#
# Go through `arrays.items()`. For the name, use `name.replace(theirs, ours)` several times, also to replace `"/"` by
# `"."`. The number of the block then stays in its place. For the tensor there are three cases: the embedding's kernel has
# 4 axes, the other kernels have 2 axes, and all other arrays have 1 axis.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/12_pretrained.ipynb](solutions/12_pretrained.ipynb), exercise 12.1.
#
# </details>
#
# ### 12.2 Top k · write · easy · 6 minutes
#
# Return the share of images whose label is among the `k` classes with the highest logits.

# %% tags=["exercise-2"]
def top_k(logits, labels, k):
    """The share of images whose label is among the k highest logits: [B, K], [B]."""
    ...  # your code here


# %%
exercises.check_top_k(top_k)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `logits.topk(k, dim=1).indices` has `k` classes per image, `[B, k]`. Compare it with `labels[:, None]`, which is
# `[B, 1]`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/12_pretrained.ipynb](solutions/12_pretrained.ipynb), exercise 12.2.
#
# </details>
#
# ### 12.3 The tokens of each part · write · hard · 12 minutes
#
# A large image is cut into `g` × `g` parts, each with a grid of `rows` × `columns` tokens. The tokens of the large
# image are numbered in raster order. Return a table of whole numbers with one row per part: the numbers of the part's
# tokens. The parts are in raster order, too, and so are the tokens within a part. For example,
# `tokens_of_parts(2, 2, 2)` is the table `parts` above.

# %% tags=["exercise-3"]
def tokens_of_parts(g, rows, columns):
    """For each of g * g parts, the numbers of its tokens in the large image."""
    ...  # your code here


# %%
exercises.check_tokens_of_parts(tokens_of_parts)

# %% [markdown]
# <details><summary>Hint</summary>
#
# How many rows and columns of tokens does the large image have? Lay out `torch.arange` with four axes: row of parts,
# row within the part, column of parts, column within the part. Then put the axes in the order that you want, as
# `patchify` does with pixels (lesson 1).
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/12_pretrained.ipynb](solutions/12_pretrained.ipynb), exercise 12.3.
#
# </details>
#
# ### Stretch
#
# Turn all digits of the new task upside down, for training and for testing. Does the pretrained network lose more than
# the one from scratch? What does lesson 11 make you expect? Change `as_photographs`, and train with three seeds.

# %% [markdown]
# ## Recap
#
# - A released file is a list of names and arrays. To map the official file, you translated the names, numbered the blocks,
#   transposed the kernels, and put the embedding's axes into our order.
# - GELU's two formulas differ by at most 0.0005, near $z = ±2.7$. The wrong one moves the logits a little and changes
#   hardly any class. Accuracy does not show this mistake, and logits do.
# - A wrong preparation causes no error either. Of the nine ways, ImageNet's mean and standard deviation cost next to
#   nothing, swapped colors 20 points, and half the side 55 points. With pixels from 0 to 255, the top-1 accuracy is
#   no better than guessing.
# - You trained one architecture on 100 digits in three ways. In 60 steps at this rate, fine-tuned is ahead of from
#   scratch. A single seed shows only roughly by how much.
# - Grown by $g$, a Mixer has $g^2$ copies of its token-mixing weights, each at the tokens of its own part. Then the
#   logits of a mosaic are the mean of the logits of its images, to ten digits. With the copies side by side, they are
#   not.
#
# ## Quiz
#
# **1.** A colleague loads `Mixer-B_16.npz` with a loader of their own. There is no error, and the network names 0.1% of
# ImageNet's validation images right. Name two things to look at first.
#
# <details><summary>Answer</summary>
#
# 0.1% is guessing among 1,000 classes, so something is badly wrong. Check the order of the blocks. Check whether kernels
# were reshaped instead of transposed, and whether the images were divided by 255. The form of GELU is not the cause, since
# it would hardly change the accuracy.
#
# </details>
#
# **2.** Another colleague loads the file and measures 75.9%. The paper has 76.44%. What do you suspect?
#
# <details><summary>Answer</summary>
#
# The preparation of the images: the crop, the interpolation (how the pixels of a scaled image follow from the old ones), or the mean and standard deviation of another project. Each of
# these can cost a small part of the accuracy, as ImageNet's mean did in the table above. To rule out misplaced
# weights, compare logits.
#
# </details>
#
# **3.** B/16 at 224 × 224 has 196 tokens and $D_S = 384$. How many numbers does one $W_1$ have after growing by
# $g = 2$, and how many of them are not zero at first?
#
# <details><summary>Answer</summary>
#
# $4 · 384$ rows and $4 · 196$ columns: 1,536 · 784 = 1,204,224 numbers, 16 times as many as before. The 4 copies make
# 4 · 384 · 196 = 301,056 of them, a quarter.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 3.2 and Table 3 for the results, Appendix C for how it
#   fine-tunes, also at a higher resolution.
# - [`mixer_lib/pretrained`](../mixer_lib/pretrained), first `layouts.py` and `grow.py`.
# - The [glossary](glossary.md).
#
# You can now take a Mixer that others have trained, and you have good reasons to trust it or to doubt it.
#
# Next: [13 · Parts and family](13_family.ipynb) takes the network apart, and puts other parts in.
