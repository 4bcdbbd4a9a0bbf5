# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Train on CIFAR-10: when a network learns by heart
#
# *After this lesson you can see from two curves that a network learns its images by heart, name what helps against it
# and by how much, and tell a real gain from luck.*
#
# **About 50 minutes, with the exercises 75.** Of these, your computer trains for about three (two free CPU cores). You
# need: [lesson 7](07_train_mnist.ipynb).
#
# Previous: [7 · Train on MNIST](07_train_mnist.ipynb).
# Next: [9 · Token-mixing weights](09_token_mixing_weights.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - let a Mixer learn 4,500 photographs by heart, and see it in its curves;
# - blend two images and their labels by hand, and see that the library's CutMix does the same;
# - read a table of measured changes, each over several seeds, and rerun any row of it;
# - train to 55% or more, read the test once, and look at what is mistaken for what;
# - see what ten times the images are worth: a model trained on all 50,000.
#
# The data are CIFAR-10's: photographs of 32 × 32 pixels in color, in ten classes. The course brings 5,000 training and
# 1,000 test images with it, and every number below is about these. With `full = True` the lesson takes all 50,000 +
# 10,000 (downloads 170 MB, once), and ten times as long.

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
# A 7 is a few strokes, always upright, always in the middle. A ship may be anything from a speck on the sea to a bow that
# fills the image. With 500 images a class there is much more to learn from much less.
#
# ## A first try
#
# Take a Mixer with patches of 4 × 4 pixels, so $S = 64$ tokens, and three blocks of 96 channels. Train it as in lesson 7,
# but leave out all that was meant to keep it from learning by heart: no augmentation, no label smoothing, no weight
# decay.

# %%
small = dict(num_blocks=3, hidden_dim=96, channels_mlp_dim=192)
plain = Recipe(epochs=16, batch_size=64, lr=3e-3, weight_decay=0.0,
               label_smoothing=0.0, val_fraction=0.1, seed=0)
torch.manual_seed(0)
model = create_model("cifar10", **small).to(training.best_device())    # a GPU, if any
print(f"{sum(p.numel() for p in model.parameters()):,} weights, "
      f"{round(0.9 * len(cifar.train_images)):,} images to fit them to")

# %% [markdown]
# **Predict.** In the end, how many of the images that it was trained on will it name right?

# %%
predict("images trained on")

# %% [markdown]
# **Predict.** And how many of those held out? Choose, and then train it.

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
# You see the trouble only where held-out and training images stand side by side, and best in the loss:

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
# Up to about epoch 4 both fall: what the network learns holds for all images. Then the two part. The training loss sinks
# toward nothing, and the held-out loss climbs back to about $\ln 10 = 2.3$, the loss of a network that knows nothing at
# all. This one names nearly half of the held-out images right. But it is sure of its mistakes, too, and a confident wrong
# answer costs many nats.
#
# **Predict.** From its lowest point to the end, the held-out loss climbs by nearly half. What does the held-out *accuracy*
# do meanwhile?

# %%
best = training.best_epoch(history)
lowest = min(history.epochs, key=lambda row: row["val_loss"])
last = history.epochs[-1]["val_accuracy"]
predict("accuracy meanwhile", last - lowest["val_accuracy"],
        lowest=lowest["val_accuracy"], epoch=lowest["epoch"],
        best=best, top=history.epochs[best - 1]["val_accuracy"], last=last)

# %% [markdown]
# **Early stopping** (`Recipe(patience=3)`) ends a run when the held-out accuracy has not risen for so many epochs. It
# saves time. To stop memorizing is not yet to learn something better, though.
#
# ## More images out of those there are
#
# A horse seen a little further left, or mirrored, is still a horse. So **augment**: change each image a little at
# random, anew each time it is used, and the network seldom sees the same one twice. What may be changed is knowledge
# that you put in: it must leave the class as it is.
#
# - **Random crops** shift the image by up to 4 pixels, with black coming in at the edge. **Flips** mirror it, left to
#   right, half of the time.
# - **RandAugment** takes two operations at random from a list: rotate, shear, darken, change the colors, and more. Its
#   *magnitude*, from 1 to 30, says how strongly.
# - **MixUp** and **CutMix** go further: they blend two images, *and their labels*. MixUp lays one over the other; CutMix
#   pastes a rectangle of one into the other. How much of it is drawn at random: `cutmix=1.0` makes all shares equally
#   likely, 0.5 favors those near 0 and 1.
#
# ## Move it
#
# Eight images as the network would get them, with the labels that go with them. Point at one to see it large, before and
# after. "Draw again" draws new random numbers.
#
# 1. Set the crop padding to 8 and draw a few times. How far does the horse go?
# 2. Switch on the flips. Which classes of MNIST would that ruin?
# 3. RandAugment at 5, at 15, at 30, with a few draws each: what grows, and what is as strong from the beginning?
# 4. MixUp, then CutMix: each image is blended with the one to its left (the first with the last). Check two labels by
#    eye.
# 5. Everything at its strongest, ten draws. Would you want to learn what a ship is from these?
#
# <details><summary>What you should see</summary>
#
# 1. Up to 8 pixels each way, a quarter of the image. Beyond the edge there is nothing: black.
# 2. 2, 3, 4, 5, 6, 7 and 9 would become signs that are no digits. 0, 1 and 8 would survive.
# 3. All eight share the two operations of a draw. Shifts and turns grow, until at 30 a shift takes nearly half of the
#    image away. Equalized colors have no strength: they are as glaring at 5. Most things you can still name.
# 4. With MixUp you see two ghosts, and the stronger one has the larger share; with CutMix a rectangle with sharp edges,
#    whose label counts by its pixels: a rectangle of mere sky counts as airplane all the same.
# 5. Hardly. Many are past naming, and draw 7 is all but black; the labels stay. One can do too much.
#
# </details>

# %%
eight = torch.tensor([510, 3510, 4010, 1510, 2510, 10, 3010, 4510])
images, labels = cifar.train_images[eight], cifar.train_labels[eight]
widgets.augmentation_explorer(images, labels, cifar.classes)

# %% [markdown]
# One draw of CutMix, standing still:

# %%
from mixer_lib.data import mix

random = torch.Generator().manual_seed(6)
blended, shares = mix(images / 255, labels, 10, cutmix=1.0, generator=random)
plots.show(
    plots.blends(blended, shares, cifar.classes),
    alt="Eight small photographs in a row. A rectangle that covers nearly half of "
        "each, lower left, shows the same place of the photograph to its left: the cat "
        "has the ship in its lap. Below each stand its two classes: 53% cat, 47% ship.")

# %% [markdown]
# ## CutMix by hand
#
# Two tiny gray images, one all 1 and one all 2, and a rectangle of 2 lines and 3 columns. What is the label of the
# result? Each image counts by its share of the pixels.

# %%
one, two = torch.full((4, 4), 1.), torch.full((4, 4), 2.)
mixed = one.clone()
mixed[1:3, 1:4] = two[1:3, 1:4]
print(mixed)
share = 2 * 3 / (4 * 4)
print(f"{1 - share} of the first, {share} of the second")

# %% [markdown]
# How far off is a network's answer, when the right answer is a bit of both? The loss of each class counts by its share.
# PyTorch's `cross_entropy` does that when it is given shares in place of classes:

# %%
logits = torch.tensor([[0.5, 2.0]])                                     # [N, K]
by_hand = ((1 - share) * cross_entropy(logits, torch.tensor([0]))
           + share * cross_entropy(logits, torch.tensor([1])))
assert torch.isclose(by_hand, cross_entropy(logits, torch.tensor([[1 - share, share]])))
print(f"{by_hand.item():.4f} nats")

# %% [markdown]
# Now a batch: each image is blended with the one before it, the first with the last. As a loop, then at once:

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
targets[0]

# %% [markdown]
# ## The library's version
#
# `mix` draws the rectangle at random (it asks torchvision's `v2.CutMix` to) and makes the labels. Whatever it has drawn,
# each pixel must be the image's own or that of the image before, and the label must say how many are which:

# %%
mixed, targets = mix(x, y, 10, cutmix=1.0, generator=torch.Generator().manual_seed(0))
is_own = (mixed == x).all(dim=1)                                        # [B, H, W]
is_other = (mixed == x.roll(1, dims=0)).all(dim=1)                      # [B, H, W]
assert (is_own ^ is_other).all()        # the one or the other, never both, never none
part = is_own.float().mean(dim=(1, 2), keepdim=True)[..., 0]            # [B, 1]
expected = part * own + (1 - part) * own.roll(1, dims=0)                # [B, K]
assert torch.allclose(targets, expected)
print(f"{part[0].item():.2f} of the pixels are the image's own")

# %% [markdown]
# (Nothing special happens where two images of one class meet: their shares add up.)
#
# ## Less certain, less strong, less deep
#
# Three more changes **regularize** without touching the images: they, too, make it harder to fit what is peculiar.
#
# - **Label smoothing** and **weight decay** you know from lesson 7.
# - **Drop path** leaves out whole branches. In training, each image skips each mixing step at random, with a small
#   probability (0 in the first block, the given rate in the last). What is not skipped is scaled up, so that on average
#   nothing changes. No step can then rely on one other step being there. (Also called *stochastic depth*.)
#
# And one changes how a step is taken: [Muon](https://kellerjordan.github.io/posts/muon/) (2024), an optimizer. It
# averages a weight matrix's past gradients, as AdamW does, but then makes that matrix *orthogonal*, or nearly: the
# weights move by about the same amount in all directions, and not mostly in a few steep ones.

# %%
from mixer_lib.model import DropPath

branch = torch.ones(100_000, 1, 1)                      # what a mixing step would add
dropped = DropPath(0.2).train()(branch)                 # [B, 1, 1]
values, counts = dropped.unique(return_counts=True)
for value, count in zip(values.tolist(), counts.tolist()):
    print(f"{value:.2f} for about {count / 100_000:.0%} of the images")
assert abs(dropped.mean().item() - 1) < 0.01
assert torch.equal(DropPath(0.2).eval()(branch), branch)       # not when it is used

# %% [markdown]
# ## What is each change worth?
#
# One thing is to know what they are called, another to know what they give. So the plain recipe from above was run again
# and again with *one* thing changed (in three rows, several), each with three seeds: another start, another order, other
# images held out. Each model was asked about the same 10,000 photographs that it had not seen, taken from the full
# training images outside the sample; the test images played no part. The script
# [`tools/measure_changes.py`](../tools/measure_changes.py) did it, and wrote [a small file](results/cifar10_changes.json).
#
# **Predict.** Which of these single changes is worth most?

# %%
table = json.loads(Path("results/cifar10_changes.json").read_text())
changes = table["changes"]              # {name: what it changes in the plain recipe}
others = {name: [run["others"] for run in table["rows"] if run["change"] == name]
          for name in changes}
mean = {name: sum(values) / len(values) for name, values in others.items()}
predict("worth most", mean,
        picture=plots.changes(others, "accuracy on 10,000 images not seen (%)"))

# %% [markdown]
# More that the picture shows:
#
# - Look at `train` in the file, too: with crops the network no longer gets to know all of its images.
# - **Gains do not add up, and one can do too much.** Crops, flips, smoothing and decay together are hardly better than
#   RandAugment or crops alone: they all fix the same fault. RandAugment on top of them costs two points or so, and CutMix
#   on top some five. The file hints at why: the network then knows only 55% or 52% even of its training images. It
#   learns too little. That is **underfitting**, whose usual cure is more epochs or a larger network.
# - **Nothing replaces images.** The last row is the plain recipe, with eight times the images and for as many steps.
#
# Are three runs enough to say so? Two means differ a little even if nothing was changed. How far they would is the
# **standard error** of their difference: for runs that vary by a standard deviation $s$, a mean of $n$ of them varies by
# $s / \sqrt{n}$, and for a difference of two means the squares of both add up. A gain of less than two standard errors
# may well be luck. (And from three runs each the standard error itself is known only roughly.)

# %%
from statistics import variance

for name in list(changes)[1:]:
    before, after = others["plain"], others[name]
    error = (variance(before) / len(before) + variance(after) / len(after)) ** 0.5
    gain = mean[name] - mean["plain"]
    verdict = "" if abs(gain) > 2 * error else "   may be luck"
    print(f"{name:32}{100 * gain:+6.1f} ± {100 * error:.1f} points{verdict}")

# %% [markdown]
# Rerun any row. It takes a minute or two, and should land near the table's held-out accuracies. (Those are from 500
# images only, so they scatter by two points or so. On another kind of processor rounding differs, and so do the weights.)

# %%
again = None                # the name of a row, for example "flips"; any but the last

# %%
if again:
    options = dict(changes[again])
    torch.manual_seed(0)
    candidate = create_model("cifar10", **small, **options.pop("model", {}))
    changed = Recipe(**{**table["recipe"], **options})
    rerun = fit(candidate.to(training.best_device()), cifar, changed)
    known = [run["held_out"] for run in table["rows"] if run["change"] == again]
    print(f"now {rerun.epochs[-1]['val_accuracy']:.1%}, in the table:",
          *(f"{share:.1%}" for share in known))

# %% [markdown]
# ## All together
#
# The same network once more, with crops, flips, label smoothing and weight decay, for 24 epochs in place of 16: images
# that change take longer to learn, and reward it. What to choose was decided by images that are neither among the
# training images nor in the test.

# %%
recipe = Recipe(epochs=24, batch_size=64, lr=3e-3, weight_decay=0.1,
                label_smoothing=0.1, crop_padding=4, flip=True, seed=0)
torch.manual_seed(0)
model = create_model("cifar10", **small).to(training.best_device())

# %% tags=["nbval-ignore-output"]
history = fit(model, cifar, recipe, callbacks=[widgets.LiveTraining()])

# %% tags=["nbval-ignore-output"]
plots.show(
    plots.training_curves(history),
    alt="Three charts over the run. The training loss falls from 2.3 to about 1.25, "
        "more and more slowly. The learning rate climbs to 0.003 and falls along a "
        "cosine to 0. The held-out accuracy rises from 23 to about 62 percent, with "
        "one small dip, and is level in the last epochs.")

# %% tags=["nbval-ignore-output"]
print(f"trained on: {accuracy(model, train):.1%}, "
      f"held out: {accuracy(model, held):.1%}")

# %% [markdown]
# Compare with the first try. The training loss is high, since the network seldom sees the same image twice and no
# target is certain; on the training images as they are it now does *worse* than before, and on others much better. The
# gap between the two has not closed, but it is much smaller.
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
# lesson 7; the next lesson opens it:

# %%
from mixer_lib.checkpoints import load_history, load_pretrained, save_checkpoint

save_checkpoint("runs/cifar10.safetensors", model, cifar)

# %% [markdown]
# ## Look at the errors
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
        "are taken for dogs, dogs for cats, automobiles for trucks and deer for horses "
        "or birds.")

# %% [markdown]
# Animals, in the middle of the table, are mostly taken for animals; vehicles, in its corners, for vehicles. How often
# does the network cross between the two, and how often would it if its mistakes were spread at random?

# %% tags=["nbval-ignore-output"]
vehicle = torch.tensor([name in ("airplane", "automobile", "ship", "truck")
                        for name in cifar.classes])                         # [K]
wrong = predictions != cifar.test_labels                                    # [N]
crossed = vehicle[predictions] != vehicle[cifar.test_labels]                # [N]
# Of the nine wrong classes, an animal's hold 4 vehicles, a vehicle's 6 animals.
at_random = torch.where(vehicle[cifar.test_labels], 6 / 9, 4 / 9)           # [N]
print(f"{crossed[wrong].float().mean():.0%} of the mistakes cross; "
      f"at random it would be {at_random[wrong].mean():.0%}")

# %% [markdown]
# So even where it is wrong, the network has understood something. Page through the photographs, the surest
# mistakes first.
#
# 1. Which of the first twenty would you have got wrong?
# 2. Find a mistake where the background explains the answer.
# 3. Find one whose true class is the second guess.
#
# <details><summary>What you should see</summary>
#
# 1. Few, probably: somebody who [tried 400](https://karpathy.github.io/2011/04/27/manually-classifying-cifar10/) named
#    about 94% of them right.
# 2. Your model's mistakes are its own. Look among ships and airplanes, both of which often stand before blue, and among
#    animals on grass.
# 3. You should not have to page far. The second guess is often of the same kind as the first, such as dog and cat.
#
# </details>

# %%
surest = probabilities.amax(dim=1).argsort(descending=True)                 # [N]
order = torch.cat([surest[wrong[surest]], surest[~wrong[surest]][:50]])
widgets.prediction_browser(cifar.test_images[order], cifar.test_labels[order],
                           probabilities[order], cifar.classes)

# %% [markdown]
# The first ten of them, standing still:

# %% tags=["nbval-ignore-output"]
titles = [f"{cifar.classes[cifar.test_labels[i]]}\nas {cifar.classes[predictions[i]]}"
          for i in order[:10]]
plots.show(
    plots.image_row(cifar.test_images[order[:10]], titles, columns=5, width=7.5),
    alt="Ten small photographs with their true class and the class they were taken "
        "for, each of which the model was sure of: mostly one vehicle for another or "
        "one animal for another. A truck and two airplanes before a wide sky are "
        "taken for ships, a truck before brown hills for a horse.")

# %% [markdown]
# ## Ten times the images
#
# The last row of the table changed nothing in the recipe, only gave it eight times the images, for as many steps. No trick
# of the table is worth as much. Augmentation stands in for images that one does not have.
#
# So the model that comes with the course was trained on all 50,000 (1,000 of them held out), with crops, flips and
# CutMix, by Muon, and it is deeper: eight blocks of 128 channels. What it reached is on its
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
    alt="Two curves over the epochs of the bundled model's training. Both fall to the "
        "end. The loss on blended training images falls from 2.2 to about 1.1, in "
        "small steps up and down. The loss on whole held-out images falls from 2.0 to "
        "less than 0.4, always well below the other, and is nearly flat from epoch 70 "
        "on.")

# %% [markdown]
# Here the curves are the other way round: the *training* loss lies above. It is measured on blended images with blended
# labels, which cannot be told for certain, while the held-out images are whole. In the last 30 epochs the held-out loss
# hardly moves.
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
# The same training takes one command (in a terminal, in the folder of the course; the full data are downloaded):
#
# ```
# make model NAME=cifar10
# ```
#
# Its progress bar says how long it will take; it keeps what it has after each epoch, and goes on when it is stopped and
# started again. The minutes above are those of an H100 GPU. On a CPU it takes many hours. A GPU is used
# where there is one (`--device` says otherwise). To try a shorter recipe of your own:
#
# ```
# python -m mixer_lib train --dataset cifar10 --full --epochs 10 --optimizer muon --lr 3e-3 \
#     --crop-padding 4 --flip --cutmix 0.5 --out runs/mine
# ```
#
# ## Exercises
#
# ### 8.1 The loss of a blend · easy · 5 minutes
#
# `cross_entropy` takes shares of classes as well as classes. Write that yourself, for a batch.

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
# `logits.log_softmax(dim=1)` gives the logarithms of the probabilities. Each counts by its share; over the classes they
# are added up, over the images averaged. Mind the sign.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.1.
#
# </details>
#
# ### 8.2 CutMix · medium · 10 minutes
#
# Paste the given rectangle of each image's predecessor into it (the first's predecessor is the last), and return the new
# images and their shares of the classes.

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
# The three lines with `pasted` and the three with `targets` above, for any box. The share of the box is its pixels
# over the image's. Work on a `clone`, not on `x` itself.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.2.
#
# </details>
#
# ### 8.3 Gain or luck? · medium · 8 minutes
#
# Given the accuracies of several runs before and after a change: by how much did the mean rise, and what is the standard
# error of that difference? `statistics.variance` divides by $n - 1$, not by $n$ as in lesson 3, since runs lie closer to
# their own mean than to the true one.

# %% tags=["exercise-3"]
def gain(before, after):
    """Two lists of accuracies -> (difference of their means, its standard error)."""
    ...  # your code here


# %%
exercises.check_gain(gain)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The variance of a mean is the variance of the runs over their number. The variances of the two means add up; the standard
# error is the root of that.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/08_train_cifar.ipynb](solutions/08_train_cifar.ipynb), exercise 8.3.
#
# </details>

# %% [markdown]
# ## Recap
#
# - Left to itself, a Mixer of 143 thousand weights names nearly all of its 4,500 training images and less than half of the
#   others. The two losses part after a few epochs, and the held-out one climbs.
# - CutMix pastes a rectangle of one image into another and blends their labels by the share of pixels. By hand, with a
#   loop, at once and in the library it comes out the same.
# - Of single changes those to the images gain most, up to nine points; what works on the network gains next to nothing
#   here; too much of everything underfits. A gain below two standard errors may be luck.
# - With all together, and a test read once: 55% or more. Most mistakes stay among the animals or among the vehicles.
# - Eight times the images, with the plain recipe, are worth more than any other row of the table.
#
# ## Quiz
#
# **1.** Somebody shows you a training accuracy of 100%. What do you know about the network?
#
# <details><summary>Answer</summary>
#
# That it has enough weights, and was trained long enough, to fit these images. About others nothing: the first try above
# knew nearly all of its images as well.
#
# </details>
#
# **2.** For which of these would you switch off flips: MNIST, CIFAR-10, photographs of road signs, pictures of leaves?
#
# <details><summary>Answer</summary>
#
# For MNIST and the road signs: a mirrored 2 is no digit, and a mirrored "turn left" says "turn right". A mirrored
# ship or leaf is still one.
#
# </details>
#
# **3.** A recipe gains 1.2 points over three runs, with a standard error of 0.9. Do you report it as better?
#
# <details><summary>Answer</summary>
#
# Not yet: a difference of 1.3 standard errors comes up by luck often enough. Decide how many more
# seeds to run, run them all, and look again. (To add seeds only until the gain looks large is to choose by luck.)
#
# </details>
#
# ## To read
#
# - [CutMix](https://arxiv.org/abs/1905.04899), [MixUp](https://arxiv.org/abs/1710.09412),
#   [RandAugment](https://arxiv.org/abs/1909.13719), [stochastic depth](https://arxiv.org/abs/1603.09382): the papers.
# - [The Mixer paper](https://arxiv.org/abs/2105.01601), section 3.3 and Figure 2: how Mixers depend on the number of
#   images. On the smallest set they overfit more than convolutional networks do, possibly because they assume less.
# - [`tools/measure_changes.py`](../tools/measure_changes.py): how the table was measured.
# - The [glossary](glossary.md).
#
# Next: [9 · Token-mixing weights](09_token_mixing_weights.ipynb) opens what training wrote, and asks what of it is real.
