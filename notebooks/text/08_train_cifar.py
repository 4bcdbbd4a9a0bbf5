# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Train on CIFAR-10: when a network memorizes its images
#
# *After this lesson you can see from two curves that a network memorizes its training images, say what helps against
# this and by how much, and tell a real gain from luck.*
#
# **About 50 minutes, with the exercises 90.** Your computer trains for about three of these minutes (on two free CPU
# cores). You need: [lesson 7](07_train_mnist.ipynb).
#
# Previous: [7 · Train on MNIST](07_train_mnist.ipynb).
# Next: [9 · Token-mixing weights](09_token_mixing_weights.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - let a Mixer memorize 4,500 photographs, and see this in its curves;
# - blend two images and their labels by hand, and check that the library's CutMix does the same;
# - read a table of measured changes, each over several seeds, and add a row of your own;
# - train to 55% or more, read the test once, and look at the errors;
# - compare the Mixer with a CNN of the same size, and with a Mixer that saw ten times as many images.
#
# CIFAR-10 is a set of photographs of 32 × 32 pixels in color, in ten classes. The course includes 5,000 training images
# and 1,000 test images, and most numbers below are about these. With `full = True`, the lesson uses all 60,000. It
# then downloads 170 MB, once, and takes ten times as long.

# %%
full = False                # True: all of CIFAR-10

# %%
import json
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, one_hot

from mixer_lib import create_model, plots, training, widgets
from mixer_lib.data import load_dataset, split
from mixer_lib.exercises import predict
from mixer_lib.training import Recipe, evaluate, fit

cifar = load_dataset("cifar10", full=full)
every = torch.cat([(cifar.train_labels == k).nonzero()[[3, 10], 0] for k in range(10)])
plots.show(
    plots.image_row(cifar.train_images[every],
                    [cifar.classes[k] for k in cifar.train_labels[every]]),
    alt="Twenty small photographs, two of each class: airplane, automobile, bird, cat, "
        "deer, dog, frog, horse, ship, truck. Objects are seen from any side, large or "
        "cut off, in front of any background; some are hard to make out.")

# %% [markdown]
# A 7 is a few strokes, always upright and always in the middle. A ship may be anything from a dot on the sea to a bow that
# fills the image. There is much more to learn here, and with 500 images per class there is half as much to learn it
# from.
#
# ## A first try
#
# Take a Mixer with patches of 4 × 4 pixels, so $S = 64$ tokens, and three blocks of 96 channels. Train it as in lesson 7,
# but leave out everything that works against memorizing: no augmentation, no label smoothing, no weight decay.

# %%
small = dict(num_blocks=3, hidden_dim=96, channels_mlp_dim=192)
plain = Recipe(epochs=16, batch_size=64, lr=3e-3, weight_decay=0.0,
               label_smoothing=0.0, val_fraction=0.1, seed=0)
torch.manual_seed(0)
model = create_model("cifar10", **small).to(training.best_device())    # a GPU, if any
print(f"{sum(p.numel() for p in model.parameters()):,} weights, "
      f"{round(0.9 * len(cifar.train_images)):,} images to fit them to")

# %% [markdown]
# **Predict.** After the training, how many of its training images will the model classify correctly?

# %%
predict("images trained on")

# %% [markdown]
# **Predict.** How many of the held-out images will it classify correctly? Choose, and then train the model.

# %%
predict("images held out")

# %% tags=["nbval-ignore-output"]
history = fit(model, cifar, plain, callbacks=[widgets.LiveTraining()])

# %%
train, held = split(cifar.train_labels, 0.1, torch.Generator().manual_seed(0))  # as fit


def accuracy(model, chosen):
    logits = training.predict(model, cifar.train_images[chosen], cifar)         # [N, K]
    return (logits.argmax(1) == cifar.train_labels[chosen]).float().mean().item()

# %%
shares = accuracy(model, train), accuracy(model, held)
assert shares[0] > shares[1] + 0.3 or history.interrupted or full
predict("images trained on", shares[0])

# %%
predict("images held out", shares[1])

# %% [markdown]
# The trouble shows only when you compare training images with held-out images. It shows best in the loss:

# %% tags=["nbval-ignore-output"]
epochs = [row["epoch"] for row in history.epochs]
plots.show(
    plots.lines({"epoch": (epochs, {
        "training images": [row["train_loss"] for row in history.epochs],
        "held-out images": [row["val_loss"] for row in history.epochs]})},
        ylabel="loss (nats)"),
    alt="Two curves of the loss over 16 epochs. On the training images it falls from "
        "2.1 to about 0.1. On the held-out images it falls from 2.0 to about 1.5 in "
        "the first four epochs, then turns and climbs to 2.2, higher than it began.")

# %% [markdown]
# Up to about epoch 4 both losses fall: what the network learns holds for all images. (At first the training loss is even
# the higher one. It is averaged over the epoch *while* the network improves, and the held-out loss is measured after the
# epoch.) Then the curves part. The training loss sinks toward zero. The held-out loss climbs back to about
# $\ln 10 = 2.3$, the loss of a network that knows nothing at all. But this network still classifies nearly half of the
# held-out images correctly. Its loss is high because it is also sure of its mistakes, and a confident wrong answer costs
# many nats.
#
# **Predict.** From its lowest point to the end, the held-out loss climbs by nearly half. What happens to the held-out
# *accuracy* in the same time?

# %%
best = training.best_epoch(history)
lowest = min(history.epochs, key=lambda row: row["val_loss"])
last = history.epochs[-1]["val_accuracy"]
predict("accuracy meanwhile", last - lowest["val_accuracy"],
        lowest=lowest["val_accuracy"], epoch=lowest["epoch"],
        best=best, top=history.epochs[best - 1]["val_accuracy"], last=last)

# %% [markdown]
# **Early stopping**, which you wrote in exercise 7.4, ends a run when the held-out accuracy has not risen for some epochs:
# `Recipe(patience=3)`. It saves time. But a network that stops memorizing has not yet learned anything better.
#
# How sure is this network, and how sure should it be? Its **confidence** in an answer is the probability of the class that
# it chose. Compare the average confidence with the share of right answers:

# %% tags=["nbval-ignore-output"]
def confidence_and_hits(model, chosen):
    logits = training.predict(model, cifar.train_images[chosen], cifar)         # [N, K]
    confidence, classes = logits.softmax(dim=1).max(dim=1)                  # [N] each
    return confidence, (classes == cifar.train_labels[chosen]).float()


memorizer = confidence_and_hits(model, held)
print(f"confidence {memorizer[0].mean():.0%}, right {memorizer[1].mean():.0%}")

# %% [markdown]
# A network is **calibrated** if these two numbers agree, also within each group of similar confidence. This one is far
# too sure. We come back to this below.
#
# ## More images out of those there are
#
# A horse that is mirrored, or moved a little to the left, is still a horse. So **augment** the images: change each one a
# little at random every time it is used. The network then rarely sees the same image twice. Which changes are allowed
# is knowledge that *you* put in: a change must leave the class as it is.
#
# - **Random crops** shift the image by up to 4 pixels, with black coming in at the edge. **Flips** mirror half of the
#   images, left to right.
# - **RandAugment** picks two operations at random from a list: rotate, shear, darken, change the colors, and more. Its
#   *magnitude*, from 1 to 30, sets their strength.
# - **MixUp** and **CutMix** go further. They blend two images *and their labels*. MixUp lays one image over the other.
#   CutMix pastes a rectangle of one image into the other. The share of each image is random.
#
# ## Move it
#
# These are eight images as the network would get them, with their labels. Point at an image to see it large, before and
# after. "Draw again" draws new random numbers.
#
# 1. Set the crop padding to 8 and draw a few times. How far do the images move?
# 2. Switch on the flips. Which classes of MNIST would flips ruin?
# 3. Set RandAugment to 5, to 15 and to 30, with a few draws each. What grows, and what is strong from the beginning?
# 4. Try MixUp, then CutMix. Each image is blended with the one to its left, and the first with the last. Check two labels
#    by eye.
# 5. Set everything to its strongest and draw ten times. Would you want to learn what a ship is from these images?
#
# <details><summary>What you should see</summary>
#
# 1. Up to 8 pixels in each direction, a quarter of the image. Black comes in at the edge.
# 2. 0, 1 and 8 would survive. A mirrored 2 looks like a 5, and a mirrored 5 like a 2. Most of the others would become
#    signs that are no digits.
# 3. Each of the eight images draws two operations of its own. Shifts and turns grow. At 30, a shift moves nearly half
#    of the image out. Equalized colors have no strength: they are as glaring at 5. You can still name most things.
# 4. With MixUp you see two ghosts, and the stronger one has the larger share. With CutMix you see a rectangle with sharp
#    edges, and its label counts by its pixels. A rectangle of nothing but sky still counts as airplane.
# 5. Hardly. Many images cannot be named any more, but their labels stay. One can do too much.
#
# </details>

# %%
eight = torch.tensor([510, 3510, 4010, 1510, 2510, 10, 3010, 4510])
images, labels = cifar.train_images[eight], cifar.train_labels[eight]
widgets.augmentation_explorer(images, labels, cifar.classes)

# %% [markdown]
# ## CutMix by hand
#
# Take two tiny gray images, one all 1 and one all 2, and a rectangle of 2 rows and 3 columns. What is the label of the
# result? Each image counts by its share of the pixels.

# %%
one, two = torch.full((4, 4), 1.), torch.full((4, 4), 2.)
mixed = one.clone()
mixed[1:3, 1:4] = two[1:3, 1:4]
print(mixed)
share = 2 * 3 / (4 * 4)
print(f"{1 - share} of the first, {share} of the second")

# %% [markdown]
# What is the loss when the right answer is a mixture of two classes? Add up the losses of the two classes, each times its
# share. PyTorch's `cross_entropy` does this when you give it shares instead of classes:

# %%
logits = torch.tensor([[0.5, 2.0]])                                     # [N, K]
by_hand = ((1 - share) * cross_entropy(logits, torch.tensor([0]))
           + share * cross_entropy(logits, torch.tensor([1])))
assert torch.isclose(by_hand, cross_entropy(logits, torch.tensor([[1 - share, share]])))
print(f"{by_hand.item():.4f} nats")

# %% [markdown]
# Now take a batch. Each image is blended with the one before it, and the first with the last. First with a loop, then
# all at once:

# %%
random = torch.Generator().manual_seed(0)
x = torch.rand(4, 3, 8, 8, generator=random)                        # [B, C_in, H, W]
y = torch.tensor([7, 8, 1, 7])                                      # [B]
lines, columns = slice(2, 5), slice(4, 8)
looped = x.clone()
for i in range(4):
    looped[i, :, lines, columns] = x[i - 1, :, lines, columns]  # x[-1] is the last

pasted = x.clone()                                                  # [B, C_in, H, W]
pasted[:, :, lines, columns] = x.roll(1, dims=0)[:, :, lines, columns]
assert torch.equal(looped, pasted)

share = 3 * 4 / (8 * 8)
own = one_hot(y, 10).float()                                        # [B, K]
targets = (1 - share) * own + share * own.roll(1, dims=0)           # [B, K]
targets[:2, 6:]               # classes 6 to 9, of the first two images

# %% [markdown]
# Where two images of one class meet, as in the first row, their shares simply add up.
#
# ## The library's version
#
# `mix` draws the rectangle at random, with the help of torchvision's `v2.CutMix`, and makes the labels. Whatever it draws,
# each pixel must come from the image itself or from the image before, and the label must count how many come from each:

# %%
from mixer_lib.data import mix

mixed, targets = mix(x, y, 10, cutmix=1.0, generator=torch.Generator().manual_seed(0))
is_own = (mixed == x).all(dim=1)                                        # [B, H, W]
is_other = (mixed == x.roll(1, dims=0)).all(dim=1)                      # [B, H, W]
assert (is_own ^ is_other).all()        # one of the two, never both
part = is_own.float().mean(dim=(1, 2), keepdim=True)[..., 0]            # [B, 1]
expected = part * own + (1 - part) * own.roll(1, dims=0)                # [B, K]
assert torch.allclose(targets, expected)
print(f"{part[0].item():.2f} of the pixels are the image's own")

# %% [markdown]
# How large are the rectangles? Both MixUp and CutMix draw a share from a Beta distribution, whose parameter you set:
# `mixup=1.0` makes all shares equally likely, and 0.5 favors shares near 0 and 1. For CutMix this holds only before the
# rectangle is placed. Its center may be anywhere, and what lies outside the image is cut off. Measure it:

# %%
random = torch.Generator().manual_seed(0)
gray = torch.zeros(2, 3, 32, 32)                           # only the labels matter here
drawn = {"MixUp": [], "CutMix": []}
for _ in range(500):
    for name, blend in (("MixUp", {"mixup": 1.0}), ("CutMix", {"cutmix": 1.0})):
        targets = mix(gray, torch.tensor([0, 1]), 2, **blend, generator=random)[1]
        drawn[name].append(targets[0, 1].item())        # the other image's share
for name, shares in drawn.items():
    print(f"{name}: the other image has {sum(shares) / 500:.2f} on average, "
          f"over 0.9 in {sum(share > 0.9 for share in shares) / 500:.0%} of the draws")

# %% [markdown]
# ## Changes to the network and to the step
#
# Three more changes **regularize**: they are meant to make it harder to fit the peculiarities of single images. They
# do not touch the images.
#
# - **Label smoothing** and **weight decay** you know from lesson 7.
# - **Drop path** skips whole mixing steps. During training, each image skips each step at random, with a small
#   probability: 0 in the first block, rising to the given rate in the last. What is not skipped is scaled up, so that the
#   average stays the same. No step can then rely on all the others. (The paper calls this *stochastic depth*.)
#
# One more change concerns how a step is taken. [Muon](https://kellerjordan.github.io/posts/muon/) (2024) is an optimizer.
# It averages the past gradients of a weight matrix, as AdamW does, but then makes the averaged matrix nearly
# *orthogonal*, a matrix that turns things and stretches none. The weights then move by about the same amount in all directions, instead of mostly in a few steep ones.

# %%
from mixer_lib.model import DropPath

branch = torch.ones(100_000, 1, 1)                      # what a mixing step would add
dropped = DropPath(0.2).train()(branch)                 # [B, 1, 1]
values, counts = dropped.unique(return_counts=True)
for value, count in zip(values.tolist(), counts.tolist()):
    print(f"{value:.2f} for about {count / 100_000:.0%} of the images")
assert abs(dropped.mean().item() - 1) < 0.01
assert torch.equal(DropPath(0.2).eval()(branch), branch)       # nothing happens in use

# %% [markdown]
# ## What is each change worth?
#
# What does each of these changes gain? The plain recipe from above was run again and again with *one* thing changed (in
# three rows, several things), with three seeds each. A seed sets the start, the order of the images, and which images
# are held out. Each model was measured on the same 10,000 photographs, which no model had seen. They come from the full
# training set and are not in the sample, so the test images played no part. The script
# [`tools/measure_changes.py`](../tools/measure_changes.py) did this and wrote [a small
# file](results/cifar10_changes.json).
#
# **Predict.** Which of these single changes is worth most?

# %%
table = json.loads(Path("results/cifar10_changes.json").read_text())
changes = table["changes"]              # {name: what it changes in the plain recipe}
measured = {key: {name: [run[key] for run in table["rows"] if run["change"] == name]
                  for name in changes} for key in ("others", "train", "held_out")}
others = measured["others"]
mean = {name: sum(values) / len(values) for name, values in others.items()}
predict("worth most", mean,
        picture=plots.changes(others, "accuracy (%)", trained=measured["train"]))

# %% [markdown]
# The picture shows more:
#
# - **Fitting is not learning.** The hollow dots show the accuracy on the images that the model was trained on. Muon fits
#   every one of them, and is hardly better than plain on the others. With crops, the network no longer gets to know all
#   of its images, and is much better on the others.
# - **Gains do not add up.** Crops, flips, smoothing and decay together are hardly better than RandAugment or crops
#   alone, perhaps because they all fix the same fault, perhaps for lack of epochs.
# - **One can do too much.** RandAugment on top of these costs over two points, and CutMix on top over five. These
#   networks classify only about half of even their training images correctly. They learn too little, which is called
#   **underfitting**. The usual cure is more epochs or a larger network.
# - **More images help most here.** The last row is the plain recipe with eight times the images, for as many steps.
#
# Are three runs enough to say so? Two means differ a little even if nothing was changed. The typical size of this
# difference is its **standard error**. If single runs vary with a standard deviation $s$, the mean of $n$ runs varies
# with $s / \sqrt{n}$, and for a difference of two means the squares of both add up. (The last number of a row is the
# mean accuracy on the images trained on.)

# %%
from statistics import variance

for name in list(changes)[1:]:
    before, after = others["plain"], others[name]
    error = (variance(before) / len(before) + variance(after) / len(after)) ** 0.5
    rise = mean[name] - mean["plain"]
    verdict = "" if abs(rise) > 2 * error else "   may be luck"
    fitted = sum(measured["train"][name]) / len(measured["train"][name])
    print(f"{name:32}{100 * rise:+6.1f} ± {100 * error:.1f} points, "
          f"{fitted:4.0%} in training{verdict}")

# %% [markdown]
# A common rule calls a gain real if it is larger than two standard errors. How often does this rule fail if nothing was
# changed? Draw two times three runs from the same distribution, many times:

# %%
random = torch.Generator().manual_seed(0)
before, after = torch.randn(2, 100_000, 3, generator=random)             # [N, 3] each
error = ((before.var(dim=1) + after.var(dim=1)) / 3).sqrt()                 # [N]
lucky = ((after.mean(dim=1) - before.mean(dim=1)).abs() > 2 * error).float().mean()
print(f"{lucky:.1%} of the differences look real, of {len(changes) - 1} rows "
      f"that makes {lucky * (len(changes) - 1):.1f}")

# %% [markdown]
# With three runs each, the standard error itself is uncertain, so the rule fails more often than one hopes. In a table of
# this length, luck alone puts one or two rows beyond the limit. A gain of 0.7 points with an error of 0.3 would deserve no
# trust here. The rows that passed are no such cases: each gained at least four points, many times its error.
#
# The bundled model, below, was trained with Muon and CutMix all the same. It saw ten times as many images for six times as
# many epochs, and this table says nothing about such runs: what underfits in 16 epochs may help in 100.
#
# You can rerun any row. This takes a minute or two. The result should be near the table's held-out accuracies, which
# come from only 500 images and differ by up to seven points. (On another kind of processor, rounding differs, and so
# do the weights.)

# %%
again = None                # a row's name, such as "flips"; any but the last

# %%
if again:
    options = dict(changes[again])
    torch.manual_seed(0)
    candidate = create_model("cifar10", **small, **options.pop("model", {}))
    changed = Recipe(**{**table["recipe"], **options})
    rerun = fit(candidate.to(training.best_device()), cifar, changed)
    print(f"now {rerun.epochs[-1]['val_accuracy']:.1%}, in the table:",
          *(f"{share:.1%}" for share in measured["held_out"][again]))

# %% [markdown]
# ## Four together
#
# Train the same network once more, with crops, flips, label smoothing and weight decay. This is one of the best rows of
# the table. RandAugment alone did nearly as well, and adding it costs. One more thing changes: the run has 24 epochs
# instead of 16, because images that vary take longer to learn. Images that no run was trained on, none of them test
# images, decided all of this but the number of epochs.

# %%
recipe = Recipe(epochs=24, batch_size=64, lr=3e-3, weight_decay=0.1,
                label_smoothing=0.1, crop_padding=4, flip=True, seed=0)
torch.manual_seed(0)
model = create_model("cifar10", **small).to(training.best_device())

# %% tags=["nbval-ignore-output"]
history = fit(model, cifar, recipe, callbacks=[widgets.LiveTraining()])

# %% tags=["nbval-ignore-output"]
together = "crops, flips, smoothing, decay"
print(f"trained on: {accuracy(model, train):.1%}, "
      f"held out: {accuracy(model, held):.1%}; after 16 epochs, in the table:",
      *(f"{share:.1%}" for share in measured["held_out"][together]))

# %% [markdown]
# Compare this with the first try. The training loss stays high, because the network rarely sees the same image twice and
# because its targets are smoothed. On the training images as they are, it is now *worse* than before. On the others it is
# much better. The gap between the two has not closed, but it is much smaller.
#
# Is the network also less overconfident? Sort the held-out images by confidence into five groups. In each group, the
# share of right answers should equal the confidence.

# %% tags=["nbval-ignore-output"]
def calibration(confidence, hits):
    groups = [hits[(confidence > low) & (confidence <= low + 0.2)]
              for low in (0, 0.2, 0.4, 0.6, 0.8)]
    return [100 * group.mean().item() if len(group) > 4 else float("nan")
            for group in groups]


second = confidence_and_hits(model, held)
print(f"confidence {second[0].mean():.0%}, right {second[1].mean():.0%}")
middles = [10, 30, 50, 70, 90]
curves = {"calibrated": middles, "first try": calibration(*memorizer),
          "four together": calibration(*second)}
plots.show(
    plots.lines({"confidence (%)": (middles, curves)}, ylabel="right (%)"),
    alt="The share of right answers over the confidence, both in percent. A calibrated "
        "network would lie on the diagonal. The first try lies far below it where it "
        "is sure. The network trained with four changes together stays close to the "
        "diagonal. In the stored run it is on it at 70, and six to nine points above "
        "it at 30, 50 and 90.")

# %% [markdown]
# Where the first try is sure, it is right far less often than it says. It is overconfident. The second network stays
# close to the line. On average it is a little too modest, perhaps because label smoothing keeps it from being sure.
# (A point stands for about a hundred images, and stands at the middle of their group. So it may be off by five points
# or more.) When it says 90%, you may believe it.
#
# ## Read the test, once

# %% tags=["nbval-ignore-output"]
result = evaluate(model, cifar)
n = len(cifar.test_images)
error = (result["accuracy"] * (1 - result["accuracy"]) / n) ** 0.5
print(f"test accuracy {result['accuracy']:.1%} ± {error:.1%} on {n:,} photographs")
assert result["accuracy"] >= 0.55 or history.interrupted

# %% [markdown]
# Guessing gives 10%. The ± is the standard error that comes from having only so many test images. Keep the model, as in
# lesson 7. (Lesson 9 opens two larger models, one of which you meet below.)

# %%
from mixer_lib.checkpoints import load_history, load_pretrained, save_checkpoint

save_checkpoint("runs/cifar10.safetensors", model, cifar)

# %% [markdown]
# ## Look at the errors
#
# The test is read, and no choice follows from here on. Now look at the errors.
#
# **Predict.** Which of these pairs of classes is confused most often?

# %%
logits = training.predict(model, cifar.test_images, cifar)                  # [N, K]
probabilities = logits.softmax(dim=1)                                       # [N, K]
predictions = probabilities.argmax(dim=1)                                   # [N]
pairs = 10 * cifar.test_labels + predictions                                # [N]
matrix = pairs.bincount(minlength=100).reshape(10, 10)                      # [K, K]
both_ways = (matrix + matrix.T).triu(1)                             # above the diagonal
counts = {}
for pair in ("automobile and truck", "cat and dog",
             "deer and horse", "airplane and ship"):
    first, second = (cifar.classes.index(name) for name in pair.split(" and "))
    counts[pair] = both_ways[first, second].item()
predict("confused most", counts)

# %% tags=["nbval-ignore-output"]
plots.show(
    plots.confusion(matrix, cifar.classes),
    alt="A table of 10 by 10 counts of the 1,000 test images, true classes down, "
        "predicted classes across. The darkest cells off the diagonal are where cats "
        "are taken for dogs, dogs for cats, and deer for horses.")

# %% [markdown]
# Animals, in the middle of the table, are mostly mistaken for animals, and vehicles, in its corners, for vehicles.
# How often does a mistake cross between the two groups, and how often would it cross if the mistakes were spread at
# random?

# %% tags=["nbval-ignore-output"]
vehicle = torch.tensor([name in ("airplane", "automobile", "ship", "truck")
                        for name in cifar.classes])                         # [K]
wrong = predictions != cifar.test_labels                                    # [N]
crossed = vehicle[predictions] != vehicle[cifar.test_labels]                # [N]
# Of the nine wrong classes, an animal has 4 vehicles and a vehicle 6 animals.
at_random = torch.where(vehicle[cifar.test_labels], 6 / 9, 4 / 9)           # [N]
print(f"{crossed[wrong].float().mean():.0%} of the mistakes cross; "
      f"at random it would be {at_random[wrong].mean():.0%}")

# %% [markdown]
# So even the mistakes show that the network has learned something about the classes. Page through the photographs. The
# most confident mistakes come first.
#
# 1. Which of the first twenty would you have got wrong?
# 2. Find a mistake where the background explains the answer.
# 3. Find one whose true class is the second guess.
#
# <details><summary>What you should see</summary>
#
# 1. Few, probably. Somebody who [tried 400](https://karpathy.github.io/2011/04/27/manually-classifying-cifar10/) named
#    about 94% of them correctly.
# 2. Your model's mistakes are its own. Look among ships and airplanes, which are both often seen in front of blue, and
#    among animals on grass.
# 3. You should not have to page far. The second guess is often of the same kind as the first, such as dog and cat.
#
# </details>

# %%
surest = probabilities.amax(dim=1).argsort(descending=True)                 # [N]
order = torch.cat([surest[wrong[surest]], surest[~wrong[surest]][:50]])
widgets.prediction_browser(cifar.test_images[order], cifar.test_labels[order],
                           probabilities[order], cifar.classes)

# %% [markdown]
# ## Is this good? A CNN of the same size
#
# Is 60% much or little? A number means something only beside another one. So here is a convolutional network, a **CNN**,
# with as many weights. It has four 3 × 3 convolutions, each followed by a GELU. Between them, **max pooling** keeps the
# largest of every 2 × 2 numbers. Then come a mean over the places and a head. This is `SmallCNN` in
# [`mixer_lib/permutations.py`](../mixer_lib/permutations.py), and lesson 11 uses it, too.
# [`tools/measure_cnn.py`](../tools/measure_cnn.py) trained it for 16 epochs with two recipes of the table, the same
# seeds and the same held-out images.

# %%
from torch.utils.flop_counter import FlopCounterMode

from mixer_lib.permutations import SmallCNN

cnn = json.loads(Path("results/cifar10_cnn.json").read_text())
for name, net in (("Mixer", create_model("cifar10", **small)),
                  ("CNN", SmallCNN(widths=cnn["widths"]))):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    print(f"{name:6} {sum(p.numel() for p in net.parameters()):8,} weights, "
          f"{counter.get_total_flops() // 2:10,} MACs per image")      # 2 FLOPs each
held_out, trained = {}, {}
for name in cnn["changes"]:
    runs = [row for row in cnn["rows"] if row["change"] == name]
    held_out |= {f"Mixer: {name}": measured["held_out"][name],
                 f"CNN: {name}": [row["held_out"] for row in runs]}
    trained |= {f"Mixer: {name}": measured["train"][name],
                f"CNN: {name}": [row["train"] for row in runs]}

# %%
plots.show(
    plots.changes(held_out, "accuracy on held-out images (%)", trained=trained),
    alt="Four rows with three runs each. With the plain recipe the CNN is right on "
        "about 57 percent of the held-out images, and the Mixer on about 45. With "
        "crops, flips, smoothing and decay the CNN is right on 58 percent, and the "
        "Mixer on 56. Hollow dots show the accuracy on the images trained on.")

# %% [markdown]
# With the plain recipe, the CNN is far ahead, with as many weights and less than half of the multiply-accumulates. (Its
# learning rate was not even chosen for it.) It memorizes less. A convolution uses the same weights at every place and
# looks at neighbors only, so a horse further to the left is nothing new to it. Token mixing has separate weights for
# every place. A Mixer has to learn from images that a shifted horse is still a horse.
#
# Crops show it shifted horses, and with crops alone the Mixer gets from 44.5 to 55.6% on held-out images. The CNN
# *without* crops has 57.5%. But shifts need not be the reason: flips, which shift nothing, bring it to 52.0%. The four
# changes do hardly better than crops (56.0%). The Mixer gains more than eleven points on held-out images (9.8 on the
# 10,000 above). The CNN gains next to nothing in these 16 epochs, in which it now fits only 63% of its training images.
# (It is still ahead by two points on average, and with each of the three seeds. Three pairs are too few to be sure.) So
# what a network does not have built in, data may teach. The paper says so on a larger
# scale: with enough images, Mixers catch up with networks that assume more. Lessons 10 and 11 take this explanation
# apart and test it.

# %% [markdown]
# ## Ten times the images
#
# The last row of the table used no trick at all. It had eight times the images, for as many steps, and no trick in
# the table is worth as much. Augmentation only stands in for images that you do not have.
#
# So the model that comes with the course was trained on all 50,000 images (1,000 of them held out), with the four
# changes together, CutMix and Muon. It is also deeper: eight blocks of 128 channels. Its results are on its
# [card](../mixer_lib/models/cifar10.md).

# %% tags=["nbval-ignore-output"]
bundled, about = load_pretrained("cifar10")
past = load_history("cifar10")                  # one row per epoch
print(f"{sum(p.numel() for p in bundled.parameters()):,} weights, {len(past)} epochs, "
      f"{sum(row['seconds'] for row in past) / 60:.0f} minutes of training")
print(f"test accuracy on the full 10,000: {about.test_accuracy:.1%}; "
      f"on the test images here: {evaluate(bundled, cifar)['accuracy']:.1%}")

# %%
epochs = [row["epoch"] for row in past]
plots.show(
    plots.lines({"epoch": (epochs, {
        "training, blended and smoothed": [row["train_loss"] for row in past],
        "held-out images": [row["val_loss"] for row in past]})}, ylabel="loss (nats)"),
    alt="Two curves over the epochs of the bundled model's training. Both fall to "
        "about epoch 75. The loss on blended training images falls from 2.2 to "
        "about 1.1, in small steps up and down. The loss on whole held-out images "
        "falls from 2.0 to less than 0.4, always well below the other, and is "
        "nearly flat from epoch 70 on.")

# %% [markdown]
# Here the *training* loss is the higher one. Its images are blended, and its labels blended and smoothed, so no
# answer can be certain. The held-out images are whole. In the last 30 epochs, the held-out loss hardly moves.
#
# **Predict.** Which of these classes does this model know worst?

# %%
logits = training.predict(bundled, cifar.test_images, cifar)                # [N, K]
hits = logits.argmax(dim=1) == cifar.test_labels                            # [N]
misread = {name: 1 - hits[cifar.test_labels == k].float().mean()
           for k, name in enumerate(cifar.classes)}
predict("known worst", misread)


# %% [markdown]
# ### Do it yourself
#
# One command repeats this training. Type it into a terminal, in the folder of the course. It downloads the full data.
#
# ```
# make model NAME=cifar10
# ```
#
# The progress bar says how long it will take. The command saves its state after each epoch. If it is stopped, start it
# again and it continues. The minutes above were measured on an H100 GPU. A CPU needs many hours. The command uses a GPU
# if there is one (`--device` chooses another device). To try a shorter recipe of your own:
#
# ```
# python -m mixer_lib train --dataset cifar10 --full --epochs 10 --optimizer muon --lr 3e-3 \
#     --crop-padding 4 --flip --cutmix 0.5 --out runs/mine
# ```
#
# ## Exercises
#
# ### 8.1 The loss of a blend · write · easy · 5 minutes
#
# `cross_entropy` accepts shares of classes, too. Write this loss yourself, for a batch, without calling `cross_entropy` or
# another loss of PyTorch.

# %% tags=["exercise-1"]
def soft_loss(logits, shares):
    """logits: [N, K], shares of classes: [N, K] -> the mean cross-entropy in nats."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_soft_loss(soft_loss)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `logits.log_softmax(dim=1)` gives the logarithms of the probabilities. Multiply each by its share. Add up over the
# classes, and average over the images. Mind the sign.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.1.
#
# </details>
#
# ### 8.2 CutMix · write · medium · 10 minutes
#
# Into each image, paste the given rectangle of the image before it. (The image before the first one is the last one.)
# Return the new images and their shares of the classes.

# %% tags=["exercise-2"]
def cutmix(x, y, box, num_classes):
    """x: [B, C_in, H, W], y: [B], box: (top, left, height, width) in pixels
    -> images [B, C_in, H, W] and shares of the classes [B, K]."""
    ...  # your code here


# %%
exercises.check_cutmix(cutmix)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Use the lines with `pasted` and `targets` above, for any box. The share of the box is its number of pixels over that of
# the image. Work on a `clone`, not on `x` itself.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.2.
#
# </details>
#
# ### 8.3 Gain or luck? · write · medium · 8 minutes
#
# You are given the accuracies of several runs before and after a change. By how much did the mean rise, and what is the
# standard error of this difference? `statistics.variance` divides by $n - 1$, not by $n$ as in lesson 3, because runs are
# closer to their own mean than to the true one.

# %% tags=["exercise-3"]
def gain(before, after):
    """Two lists of accuracies -> (difference of their means, its standard error)."""
    ...  # your code here


# %%
exercises.check_gain(gain)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The variance of a mean is the variance of the runs divided by their number. The variances of the two means add up. The
# standard error is the square root of this sum.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.3.
#
# </details>
#
# ### 8.4 Your own row · measure · medium · 5 minutes, and 5 more for the computer
#
# Think of a change to the plain recipe that the table lacks, and predict its gain. Return the change as a dict of
# `Recipe`'s arguments, such as `{"flip": True, "lr": 1e-3}`. (`help(Recipe)` lists them.) The check only sees to it that
# the change is new and can be run. The next cell measures it.

# %% tags=["exercise-4"]
def my_change():
    """What changes in the plain recipe: a dict of arguments of Recipe."""
    ...  # your code here


# %%
exercises.check_my_change(my_change)

# %%
measure = False             # True: train three times, and add your row
if measure:
    runs = []
    for seed in range(3):
        torch.manual_seed(seed)
        candidate = create_model("cifar10", **small).to(training.best_device())
        changed = Recipe(**{**table["recipe"], **my_change(), "seed": seed})
        runs.append(fit(candidate, cifar, changed).epochs[-1]["val_accuracy"])
    plots.show(plots.changes({**measured["held_out"], "mine": runs},
                             "accuracy on held-out images (%)"),
               alt="The table's rows on held-out images, and below them my own row.")
    print(gain(measured["held_out"]["plain"], runs))        # yours, of exercise 8.3

# %% [markdown]
# Is your gain larger than two standard errors? Does its size agree with your prediction? Remember that this is one more
# row in a table of fifteen.
#
# <details><summary>Hint</summary>
#
# Ideas: another learning rate, a longer warm-up, a smaller batch, more epochs, `resized_crop`, a stronger RandAugment, two
# changes that the table has only alone. More epochs make it slower.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.4: one example of many.
#
# </details>
#
# ### Stretch: what does the first try get right?
#
# The network that memorized its images is right on nearly half of the images that it had never seen. What did it
# memorize that carries over? Try the color alone: average each training image to one pixel, and classify a held-out image
# by its nearest such pixel. How far does this get? No check, no solution.

# %% [markdown]
# ## Recap
#
# - Without countermeasures, a Mixer of 143 thousand weights classifies nearly all of its 4,500 training images correctly and
#   less than half of the others. The two losses part after a few epochs, and the held-out one climbs.
# - CutMix pastes a rectangle of one image into another and blends their labels by the share of pixels. By hand, with a
#   loop, at once and in the library, the results agree.
# - Single changes to the images gain most, up to nine points. Changes to the network gain next to nothing here. Too much of
#   everything underfits. A gain below two standard errors may be luck, and so may a few above it.
# - With four changes together, the test was 55% or more, read once. Most mistakes stay among the animals or among the
#   vehicles.
# - With the plain recipe, a CNN of the same size is far ahead. With crops, flips, smoothing and decay, and in 16
#   epochs, the Mixer nearly closes the gap. In as many steps, eight times the images are worth more than any other
#   row.
#
# ## Quiz
#
# **1.** Somebody shows you a training accuracy of 100%. What do you know about the network?
#
# <details><summary>Answer</summary>
#
# It has enough weights, and it was trained long enough, to fit these images. You know nothing about other images. The first
# try above knew nearly all of its images as well.
#
# </details>
#
# **2.** For which of these would you switch off flips: MNIST, CIFAR-10, photographs of road signs, pictures of leaves?
#
# <details><summary>Answer</summary>
#
# For MNIST and for the road signs. A mirrored 2 is no digit, and a mirrored "turn left" says "turn right". A mirrored ship
# or leaf is still a ship or a leaf.
#
# </details>
#
# **3.** A recipe gains 1.2 points over three runs, with a standard error of 0.9. Do you report it as better?
#
# <details><summary>Answer</summary>
#
# Not yet. A difference of 1.3 standard errors often comes from luck. Decide how many more seeds to run, run them all, and
# look again. (If you add seeds only until the gain looks large, you choose by luck.)
#
# </details>
#
# ## To read
#
# - [CutMix](https://arxiv.org/abs/1905.04899), [MixUp](https://arxiv.org/abs/1710.09412),
#   [RandAugment](https://arxiv.org/abs/1909.13719), [stochastic depth](https://arxiv.org/abs/1603.09382): the papers.
# - [The Mixer paper](https://arxiv.org/abs/2105.01601), section 3.3 and Figure 2: how Mixers depend on the number of
#   images. On the smallest set they overfit more than convolutional networks, possibly because they assume less.
# - [`tools/measure_changes.py`](../tools/measure_changes.py): how the table was measured.
# - The [glossary](glossary.md).
#
# Next: [9 · Token-mixing weights](09_token_mixing_weights.ipynb) opens what training wrote, and asks what of it is real.
