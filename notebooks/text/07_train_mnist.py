# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Train on MNIST: watch a Mixer learn to read
#
# *After this lesson you can write a training step from memory, watch a Mixer reach 97% on digits it has never seen, and
# say which digits it takes for which.*
#
# **About 30 minutes, with the exercises 55.** Training takes about a minute on two free CPU cores. You need:
# [lesson 6](06_classifier.ipynb), and to have heard of gradient descent.
#
# Previous: [6 · The classifier](06_classifier.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - look at the data, and set images aside for validation;
# - write one training step by hand, then the loop around it;
# - see that the library's `fit` does the same, to the last bit;
# - train to 97% or more with a live view, and read the test images once, at the end;
# - look at the mistakes, one by one and as a table.

# %%
import math

import torch
from torch.nn.functional import cross_entropy

from mixer_lib import create_model, plots
from mixer_lib.data import batches, load_dataset, normalize, split

mnist = load_dataset("mnist")       # a sample: 10,000 training and 2,000 test digits

# %% [markdown]
# ## Look at the data first
#
# MNIST is the classic: handwritten digits, 28 × 28 pixels, gray. The course brings a sample of 10,000 + 2,000 with it, so
# that nothing has to be downloaded. (`load_dataset("mnist", full=True)` loads all 60,000 + 10,000.)

# %%
plots.show(
    plots.image_row(mnist.train_images[::500][:20], columns=10),
    alt="Twenty handwritten digits, white on black, two each from 0 to 9. They differ"
        " in slant, in the width of the stroke and in how round they are.")
print("images", list(mnist.train_images.shape), mnist.train_images.dtype)
print("of each digit", mnist.train_labels.bincount().tolist())

# %% [markdown]
# A thousand of each digit, whole numbers from 0 (black) to 255 (white). Before the network sees them we **normalize**:
# divide by 255, subtract the mean of all training pixels, divide by their standard deviation. Numbers around 0 with
# spread 1 are what the initial weights are made for.

# %%
x = normalize(mnist.train_images, mnist.mean, mnist.std)      # float [10000, 1, 28, 28]
print(f"mean {x.mean():.2f}, standard deviation {x.std():.2f}")

# %% [markdown]
# ## Three sets of images
#
# - **Training** images: the weights are fitted to them.
# - **Validation** images, also called *held out*: never trained on. We look at them as often as we like, to choose a
#   learning rate or to see when to stop.
# - **Test** images: read *once*, when all choices are made. Whoever chooses by the test images fits to them, and the
#   number they report is no longer what a stranger's digits will give.
#
# We split a tenth off the training images, the same share of each digit:

# %%
train, held = split(mnist.train_labels, 0.1, torch.Generator().manual_seed(0))
train_images, train_labels = mnist.train_images[train], mnist.train_labels[train]
held_images, held_labels = mnist.train_images[held], mnist.train_labels[held]
print(len(train), "to train on,", len(held), "held out")
print("of each digit held out", held_labels.bincount().tolist())

# %% [markdown]
# ## One step by hand
#
# Take a **batch**: 128 images. Ask for the loss, ask for its gradient with respect to every weight, and move each weight
# a little against its gradient. How far is the **learning rate**. (The sample is sorted by digit, so the first 128 images
# would all be zeros. Every 70th makes a mixed batch.)

# %%
torch.manual_seed(0)
model = create_model("mnist")               # 4 blocks, 16 patches of 7 x 7, 64 channels
x = normalize(train_images[::70][:128], mnist.mean, mnist.std)      # [128, 1, 28, 28]
y = train_labels[::70][:128]                                        # [128]

# %% [markdown]
# **Predict, then run.** What is the loss before the first step? (Lesson 6: the head starts at zero. Two digits after the
# point.)

# %%
my_prediction = None        # for example 1.0

# %%
from mixer_lib.exercises import reveal

loss = cross_entropy(model(x), y)
reveal(my_prediction, round(loss.item(), 2))

# %% [markdown]
# Now the step. `backward()` leaves the gradient of each weight in its `.grad`. Then plain arithmetic:

# %%
learning_rate = 0.1
loss.backward()
with torch.no_grad():                       # this arithmetic is not part of the network
    for p in model.parameters():
        p -= learning_rate * p.grad
        p.grad = None                           # or the next backward() adds to it
print(f"loss before {loss.item():.4f}, after {cross_entropy(model(x), y).item():.4f}")

# %% [markdown]
# A little better on this batch. PyTorch's **optimizers** do this arithmetic for us. `SGD` does exactly the above; the
# same step from the same start must give the same weights:

# %%
torch.manual_seed(0)
twin = create_model("mnist")
optimizer = torch.optim.SGD(twin.parameters(), lr=learning_rate)
cross_entropy(twin(x), y).backward()
optimizer.step()
assert all(torch.equal(p, q)
           for p, q in zip(model.parameters(), twin.parameters(), strict=True))

# %% [markdown]
# ## The loop
#
# Training repeats the step: batch after batch until all images had their turn (an **epoch**), epoch after epoch. Five
# things are worth adding to plain SGD; each is one line below.
#
# 1. **AdamW** in place of SGD: it keeps an average of each weight's past gradients and of their size, and scales the step by
#    them, so one learning rate suits all layers. *Weight decay* pulls the weight matrices gently toward zero (and only
#    these, so the optimizer holds two groups of parameters).
# 2. A **schedule**: the learning rate climbs during the first steps, while those averages are still poor, then falls along
#    a cosine to zero, so that the weights settle. The epoch below is all climb; the fall comes in the long run.
# 3. **Clipping**: a rare huge gradient is scaled down before it does harm.
# 4. **Label smoothing**: the target gives 10% of the probability to all classes alike, so the network has no reward for
#    being boundlessly sure.
# 5. **Augmentation**: shift each image by up to 2 pixels, anew each time. 9,000 digits become many more, and the network
#    cannot learn them by heart.
#
# The recipe, with the names that the library uses:

# %%
from mixer_lib.training import Recipe

recipe = Recipe(epochs=1, batch_size=128, lr=6e-3, warmup_epochs=1.0, weight_decay=0.05,
                clip_norm=1.0, label_smoothing=0.1, crop_padding=2, val_fraction=0.1,
                precision="float32", seed=0)

# %%
from mixer_lib import training


def train_one_epoch(model):
    optimizer = training.make_optimizer(model, recipe)                        # 1. AdamW
    steps = math.ceil(len(train) / recipe.batch_size)
    random = training.epoch_generator(recipe.seed, epoch=0)  # order and shifts
    model.train()                                               # dropout, if any, is on
    for step, (x, y) in enumerate(batches(
            train_images, train_labels, recipe.batch_size, mnist.mean, mnist.std,
            shuffle=True, crop_padding=recipe.crop_padding, generator=random)):   # 5.
        lr = training.learning_rate(step, steps, warmup_steps=steps, peak=recipe.lr)
        for group in optimizer.param_groups:
            group["lr"] = lr                                               # 2. schedule
        loss = cross_entropy(model(x), y, label_smoothing=recipe.label_smoothing)   # 4.
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)  # 3.
        optimizer.step()

# %%
torch.manual_seed(0)
by_hand = create_model("mnist")
train_one_epoch(by_hand)

# %% [markdown]
# One epoch, a few seconds. Is it any good? Count the hits on the held-out images:

# %% tags=["nbval-ignore-output"]
by_hand.eval()                                  # dropout, if any, is off
with torch.no_grad():
    logits = by_hand(normalize(held_images, mnist.mean, mnist.std))         # [1000, 10]
hits = (logits.argmax(dim=1) == held_labels).float().mean().item()
print(f"{hits:.1%} of the held-out digits; guessing would give 10%")
assert hits > 0.5

# %% [markdown]
# ## The library's `fit`
#
# `fit` is this loop with a progress bar, a history, and the hold-out inside. Same seed, same recipe: the weights must
# be the same to the last bit.

# %%
from mixer_lib.training import fit

torch.manual_seed(0)
by_fit = create_model("mnist")
fit(by_fit, mnist, recipe)
assert all(torch.equal(p, q)
           for p, q in zip(by_hand.parameters(), by_fit.parameters(), strict=True))
print("every weight is the same")

# %% [markdown]
# Open [`mixer_lib/training.py`](../mixer_lib/training.py) and find your lines in `fit` and `train_step`.
#
# ## Train it
#
# Now fourteen epochs. Watch the picture: the loss of each step, the learning rate, and the accuracy on the held-out
# images after each epoch. You may stop it at any time (the ■ button above): the model keeps what it has learned.
# Where the CPU has matrix units for it, `precision="auto"` runs in bfloat16, which is faster and nearly as exact. (If other
# programs keep your cores busy and this crawls, `torch.set_num_threads(1)` helps.)

# %%
recipe = Recipe(epochs=14, lr=6e-3, crop_padding=2)  # precision "auto"; else as before
torch.manual_seed(0)
model = create_model("mnist")

# %% tags=["nbval-ignore-output"]
from mixer_lib import widgets

history = fit(model, mnist, recipe, callbacks=[widgets.LiveTraining()])

# %% [markdown]
# The curves once more, standing still:

# %% tags=["nbval-ignore-output"]
plots.show(
    plots.training_curves(history),
    alt="Three charts over the run. The training loss falls steeply from 2.3 in the "
        "first hundred steps, then slowly to about 0.55. The learning rate climbs to "
        "0.006 in the first epoch and falls along a cosine to 0. The held-out "
        "accuracy rises above 90 percent within a few epochs and levels off near 97 "
        "percent.")

# %% [markdown]
# The loss is in **nats**: natural logarithms. It levels off near 0.55, although nearly every digit is read. That is label
# smoothing. The target gives the true class 0.91 and each of the others 0.01, and no answer can cost less than the target
# itself would:

# %%
target = torch.tensor([0.91] + 9 * [0.01])
f"{-(target * target.log()).sum().item():.3f} nats"

# %% [markdown]
# So the curve ends close to the floor. Watch the accuracy, and use the loss to compare runs with the same smoothing.
#
# ## Read the test, once
#
# No choice above was made by looking at the test images. So this number is honest:

# %% tags=["nbval-ignore-output"]
from mixer_lib.training import evaluate

result = evaluate(model, mnist)
print(f"test accuracy {result['accuracy']:.1%} on {len(mnist.test_images):,} digits")
assert result["accuracy"] >= 0.97 or history.interrupted

# %% [markdown]
# How sure can we be of it? With 2,000 test digits, an accuracy of 98% has a standard error of
# $\sqrt{0.98 \cdot 0.02 / 2000} \approx 0.3$ percentage points. Two recipes that differ by less than about one point cannot
# be told apart by one run on this test.
#
# ## Look at the mistakes
#
# **Predict, then run.** Which two digits will be confused most often? Write a pair, smaller first.

# %%
my_prediction = None        # for example (1, 8)

# %% tags=["nbval-ignore-output"]
from mixer_lib.training import predict

probabilities = predict(model, mnist.test_images, mnist).softmax(dim=1)     # [2000, 10]
predictions = probabilities.argmax(dim=1)                                   # [2000]
matrix = torch.zeros(10, 10, dtype=torch.long)                              # [K, K]
for true, predicted in zip(mnist.test_labels, predictions, strict=True):
    matrix[true, predicted] += 1
both_ways = (matrix + matrix.T).triu(1)                             # above the diagonal
reveal(my_prediction, divmod(both_ways.argmax().item(), 10))

# %% [markdown]
# Many people say 4 and 9. Look for your pair in the table below. The counts are small, and another seed gives another pair:
# with 40 mistakes in all, a difference of one or two is chance.
#
# This table of counts is the **confusion matrix**: a row for each true digit, a column for each prediction. The diagonal
# holds the hits; everything off it is a mistake.

# %% tags=["nbval-ignore-output"]
plots.show(
    plots.confusion(matrix, mnist.classes),
    alt="A table of 10 by 10 counts. The diagonal holds 190 or more of the 200 test "
        "digits of each class. About thirty cells off the diagonal hold small counts,"
        " 1 to 3 in the stored run, where 3 and 5 are confused most.")

# %% [markdown]
# And the digits themselves, those where the network was most sure of the wrong answer:

# %% tags=["nbval-ignore-output"]
wrong = (predictions != mnist.test_labels).nonzero()[:, 0]      # [number of mistakes]
worst = wrong[probabilities[wrong].amax(dim=1).argsort(descending=True)][:10]
titles = [f"{mnist.test_labels[i]} as {predictions[i]}" for i in worst]
plots.show(
    plots.image_row(mnist.test_images[worst], titles, columns=5, width=6),
    alt="Ten misread digits, each with its true and its predicted class. Some are "
        "broken or sloppy, and a person would hesitate too; others are plain to the "
        "eye.")

# %% [markdown]
# ## Page through them
#
# Each image with the probabilities of all ten classes: green is the true class, orange a wrong favorite. The first images
# are the misread ones. Find one where the second guess is *not* right either. Find one that *you* cannot read.

# %%
order = torch.cat([wrong, torch.arange(0, 2000, 40)])     # the mistakes, then 50 others
widgets.prediction_browser(mnist.test_images[order], mnist.test_labels[order],
                           probabilities[order], mnist.classes)

# %% [markdown]
# One of them, standing still:

# %% tags=["nbval-ignore-output"]
first = worst[0]
plots.show(
    plots.prediction(mnist.test_images[first], probabilities[first], mnist.classes,
                     truth=mnist.test_labels[first].item()),
    alt="Left, a misread digit. Right, a bar for each of the ten classes: the "
        "longest, orange, is the wrong class; the bar of the true class is green and "
        "much shorter.")

# %% [markdown]
# ## Keep it
#
# A **checkpoint** holds the weights and what is needed to use them: the model's sizes, the classes, mean and standard
# deviation. The file format is *safetensors*, which is data only: unlike Python's pickle, loading it cannot run code.

# %%
from mixer_lib.checkpoints import load_checkpoint, save_checkpoint

save_checkpoint("runs/mnist.safetensors", model, mnist)
again, about = load_checkpoint("runs/mnist.safetensors")
assert torch.equal(predict(again, mnist.test_images[:100], about.dataset),
                   predict(model, mnist.test_images[:100], mnist))
print("loaded:", about.dataset.name, "with classes", *about.dataset.classes)


# %% [markdown]
# The same training from a terminal, with the full 60,000 images if you like to wait (`--full`), and then a picture of your
# own: one digit, *white on black*, filling the middle as those above do, since that is all the model has ever seen.
#
# ```
# python -m mixer_lib train --dataset mnist --epochs 14 --lr 6e-3 --crop-padding 2 --out runs/mnist
# python -m mixer_lib predict my_digit.png --checkpoint runs/mnist/model.safetensors
# ```
#
# ## Exercises
#
# ### 7.1 Accuracy · easy · 4 minutes
#
# From logits to the share of hits.

# %% tags=["exercise-1"]
def accuracy(logits, labels):
    """logits: [N, K], labels: [N] -> the share of hits, from 0 to 1."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_accuracy(accuracy)


# %% [markdown]
# <details><summary>Hint</summary>
#
# `argmax` over the right axis gives the predicted class of each image. Comparing two tensors gives booleans, and a mean
# needs numbers.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/07_train_mnist.ipynb](solutions/07_train_mnist.ipynb), exercise 7.1.
#
# </details>
#
# ### 7.2 The training step · medium · 8 minutes
#
# From memory: one step on a batch, with any model and any optimizer. Return the loss as a plain number.

# %% tags=["exercise-2"]
def train_step(model, x, y, optimizer):
    """One update of the weights on a batch; returns the loss as a float."""
    ...  # your code here


# %%
exercises.check_train_step(train_step)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Five lines: forward and loss; clear the old gradients; compute the new ones; let the optimizer move the weights; return
# the loss.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/07_train_mnist.ipynb](solutions/07_train_mnist.ipynb), exercise 7.2.
#
# </details>
#
# ### 7.3 The confusion matrix without a loop · medium · 10 minutes
#
# The loop above visits 2,000 pairs one by one. Count them at once, for any number of classes $K$. (A loop is accepted,
# too.)

# %% tags=["exercise-3"]
def confusion_matrix(labels, predictions, num_classes):
    """labels, predictions: [N] -> counts [K, K], a row a true class."""
    ...  # your code here


# %%
exercises.check_confusion_matrix(confusion_matrix)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Give each pair (true, predicted) a number of its own, from 0 to $K^2 - 1$, as in exercise 1.2. `torch.bincount(numbers,
# minlength=...)` counts how often each occurs. Then reshape.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/07_train_mnist.ipynb](solutions/07_train_mnist.ipynb), exercise 7.3.
#
# </details>

# %% [markdown]
# ## Recap
#
# - You looked at the data and set validation images aside; the test was read once, after all choices.
# - A training step is: loss, clear gradients, backward, move. A step by hand gave the weights of the optimizer's step, and
#   the loop by hand those of `fit`.
# - A Mixer with 142 thousand weights and 16 patches reads 97% or more of the test digits after a minute of training.
# - The confusion matrix shows which digits are taken for which; some of the mistakes are hard for people, too.
#
# ## Quiz
#
# **1.** You forget `zero_grad()`. Is there an error? What happens?
#
# <details><summary>Answer</summary>
#
# No error. Each step then uses the sum of all gradients so far. SGD's steps grow and grow; AdamW rescales them, but they
# still point in stale directions. Training gets worse or diverges, silently.
#
# </details>
#
# **2.** The training loss still falls while the held-out accuracy goes down. What is happening, and which of the five
# additions work against it?
#
# <details><summary>Answer</summary>
#
# Overfitting: the network learns the training images by heart. Augmentation, weight decay and label smoothing work
# against it.
#
# </details>
#
# **3.** Someone tries twenty learning rates and reports the best *test* accuracy. What is wrong with that number?
#
# <details><summary>Answer</summary>
#
# The test images took part in a choice, so the number is too high: the best of twenty draws is partly luck. Choose by
# the validation images; then read the test once.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 3 and Table 4: how the large models were trained.
# - [`mixer_lib/training.py`](../mixer_lib/training.py): `fit` whole.
# - The [glossary](glossary.md).
#
# Next: lesson 8 will train on CIFAR-10, where overfitting is the enemy. (It is being written.)
