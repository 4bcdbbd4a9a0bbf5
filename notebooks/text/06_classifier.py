# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6 · The classifier: from a table of tokens to class scores, and what it costs
#
# *After this lesson you can assemble the whole MLP-Mixer, predict its first loss before you run it, and count any Mixer
# of the paper to the last parameter.*
#
# **About 35 minutes, with the exercises 70.** You need: [lesson 5](05_mixer_layer.ipynb).
#
# Previous: [5 · The Mixer block](05_mixer_layer.ipynb). Next: [Capstone](capstone.ipynb)

# %% [markdown]
# Here is the Mixer of lesson 0, opened near its end. The mean over the tokens leaves one row of 64 numbers, and the last
# layer turns this row into one score per digit. In this lesson you build these last steps, and then the whole network.
# Draw a digit, and watch its scores grow in the stage *scores*.

# %%
from mixer_lib import widgets

widgets.living_mixer(stage="mean")

# %% [markdown]
# ## In this lesson you will
#
# - turn a table of tokens into class scores: by hand, with a loop, with tensors, and as a module;
# - predict the first loss of an untrained classifier to three digits, and see how a head of zeros learns;
# - assemble the whole Mixer, check that it gives the library's numbers, and take three training steps;
# - count the parameters of the paper's seven models exactly, and say how parameters and work grow with each size.

# %%
import math

import torch
from torch import nn

from mixer_lib import create_model, plots
from mixer_lib.data import load_dataset, normalize
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# ![MLP-Mixer from left to right: an image cut into patches; the table of patches, S by D; the patch embedding; the table
# of tokens, S by C; a frame around one Mixer block, token mixing and channel mixing, each with an arrow past it to a
# plus sign, and the words L blocks, one after the other; a box LayerNorm, mean; a single column of C numbers; a box
# head; K bars, the scores, the longest one pointed out as horse.](../figures/architecture.svg)
#
# You have built everything from the left edge of the picture to the end of the frame: patches, tokens, and $L$ blocks
# that mix tokens and channels in turn. The blocks return a table of the same size as the table they were given. But the
# question was whether the image shows a horse. How would you get from `[16, 64]` to ten numbers, one per class?
#
# One could feed all 1,024 numbers to one linear layer. The paper does something simpler. It **averages** the tokens and
# lets a linear layer judge the average.
#
# ## The smallest example
#
# Take the table from the end of lesson 2. Its channels are the brightness, right minus left, and bottom minus top.
# There are two classes, *lit from the right* and *lit from below*. The last layer is called the **head**. It has one
# row of weights and one bias per class. Each class here looks at one channel only.

# %%
tokens = torch.tensor([[4., 4., 0.],
                       [8., 0., 0.],
                       [0., 0., 0.],
                       [2., 2., -2.]])      # [S, C] = [4, 3]
weight = torch.tensor([[0., 2., 0.],        # lit from the right: 2 * channel 1
                       [0., 0., 2.]])       # lit from below: 2 * channel 2, plus 1
bias = torch.tensor([0., 1.])               # [K] = [2]

mean_1 = (4 + 0 + 0 + 2) / 4                # channel 1, averaged over the tokens
mean_2 = (0 + 0 + 0 - 2) / 4                # channel 2
by_hand = torch.tensor([2 * mean_1 + 0, 2 * mean_2 + 1])        # [K]
by_hand

# %% [markdown]
# *From the right* scores 3, and *from below* scores 0. That fits a drawing that is bright at its upper right. Such
# scores are called **logits**. There is one per class, and each may be any real number. Now the same with loops over the
# tokens and over the classes:

# %%
pooled = torch.zeros(3)                                 # [C]
for token in tokens:                                    # token: [C]
    pooled += token / len(tokens)
by_loop = torch.zeros(2)                                # [K]
for k in range(2):
    by_loop[k] = (weight[k] * pooled).sum() + bias[k]
assert torch.allclose(by_loop, by_hand)
pooled

# %% [markdown]
# With tensors, each step is one line. The first step is called **global average pooling**: each channel is averaged over
# all tokens, which leaves one number per channel.

# %%
pooled = tokens.mean(dim=0)                             # [S, C] -> [C]
logits = weight @ pooled + bias                         # [C] -> [K]
assert torch.allclose(logits, by_hand)

# %% [markdown]
# **Predict.** Swap the first token with the last one, then pool and compute the logits again. Do the logits change?

# %%
shuffled = tokens[[3, 1, 2, 0]]                         # the tokens in another order
again = weight @ shuffled.mean(dim=0) + bias
predict("two tokens swapped", not torch.allclose(again, logits))

# %% [markdown]
# ## One more norm
#
# The Mixer applies a last LayerNorm, the one of lesson 3, just before the mean. Look at what it does to the average:

# %%
norm = nn.LayerNorm(3, eps=1e-6)
normed = norm(tokens).detach()                          # [S, C]
plots.show(
    plots.tables({"tokens": tokens, "their mean": tokens.mean(dim=0)[None],
                  "after the norm": normed, "its mean": normed.mean(dim=0)[None]},
                 width=8.5),
    alt="Four tables with three channels each. Tokens: 4 4 0; 8 0 0; 0 0 0; 2 2 -2. "
        "Their mean: 3.5, 1.5, -0.5. After the norm: 0.707 0.707 -1.41; 1.41 -0.707 "
        "-0.707; 0 0 0; 0.707 0.707 -1.41. Its mean: 0.707, 0.177, -0.884. All tokens "
        "but the blank one now have numbers of the same size.")

# %% [markdown]
# Before the norm, token 1 alone supplies more than half of the mean of channel 0, because it is the brightest. Every
# block *adds* to the table, so after a dozen blocks some tokens may hold very large numbers. After the norm, every
# token counts about the same. (A blank token is the exception: it stays at zero.) Norm, mean and head make one module:

# %%
class MyClassifier(nn.Module):
    def __init__(self, hidden_dim, num_classes):
        super().__init__()
        self.norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.head = nn.Linear(hidden_dim, num_classes)

    def forward(self, x):                   # [B, S, C]
        x = self.norm(x)                    # [B, S, C]
        x = x.mean(dim=1)                   # [B, C]: axis 1 counts the tokens
        return self.head(x)                 # [B, K]

# %% [markdown]
# With our weights, the module gives what the tensors give on the *normalized* table. The scores are no longer 3 and 0,
# but *from the right* is still ahead:

# %%
toy = MyClassifier(hidden_dim=3, num_classes=2)
with torch.no_grad():
    toy.head.weight.copy_(weight)
    toy.head.bias.copy_(bias)
    logits = weight @ normed.mean(dim=0) + bias         # [C] -> [K]
    assert torch.allclose(toy(tokens[None])[0], logits, atol=1e-5)
[round(logit, 2) for logit in logits.tolist()]

# %% [markdown]
# ## How wrong is an answer?
#
# **Softmax** turns logits into probabilities: raise $e$ to the power of each logit, then divide by the sum. The
# **cross-entropy** loss then looks at one number only, the probability of the *true* class, and takes minus its natural
# logarithm. The loss is close to 0 for a confident right answer and large for a confident wrong one. Its unit is called
# the **nat**.

# %%
powers = [math.exp(logit) for logit in logits.tolist()]
probabilities = [power / sum(powers) for power in powers]
for k, name in enumerate(["from the right", "from below"]):
    print(f"{name:14}  logit {logits[k]:5.2f}   probability {probabilities[k]:.2f}   "
          f"loss if it is true {-math.log(probabilities[k]):.2f}")
assert torch.allclose(logits.softmax(dim=0), torch.tensor(probabilities), atol=1e-5)
truth = torch.tensor([1])                                   # suppose: from below
loss = nn.functional.cross_entropy(logits[None], truth)     # applies softmax itself
assert math.isclose(loss, -math.log(probabilities[1]), abs_tol=1e-5)

# %% [markdown]
# ## The first loss
#
# Now take real images, the handwritten digits of lesson 7: 28 × 28 pixels, gray, ten classes. With $P = 7$ they give 16
# tokens, like the horse. From here on, the pixels are **normalized**: subtract the mean of all training pixels, then
# divide by their standard deviation. The results lie around 0.

# %%
from mixer_lib.model import ChannelMixing, MixerBlock, PatchEmbedding, TokenMixing

torch.manual_seed(0)
mnist = load_dataset("mnist")
images, labels = mnist.train_images[::1250], mnist.train_labels[::1250]     # 8 digits
x = normalize(images, mnist.mean, mnist.std)            # [B, C_in, H, W], B = 8
embed = PatchEmbedding(image_size=28, patch_size=7, in_channels=1, hidden_dim=64)
block = MixerBlock(64, TokenMixing(16, 32), ChannelMixing(64, 256))
table = block(embed(x))                                 # [B, C_in, H, W] -> [B, S, C]
table.shape

# %% [markdown]
# **Predict.** The paper's code sets all weights and biases of the head to *zero* at the start. There are $K = 10$
# classes. What is the loss before any training, in nats? Give three digits.

# %%
classifier = MyClassifier(hidden_dim=64, num_classes=10)
nn.init.zeros_(classifier.head.weight)
nn.init.zeros_(classifier.head.bias)
logits = classifier(table)                              # [B, S, C] -> [B, K]
loss = nn.functional.cross_entropy(logits, labels)
predict("first loss", loss)

# %% [markdown]
# Compare this loss with two others. A head with ordinary random weights starts at about the same loss. With weights
# ten times as large, the network is *sure* of nonsense.

# %%
torch.manual_seed(0)
random = MyClassifier(hidden_dim=64, num_classes=10)
for scale in (1, 10):
    higher = nn.functional.cross_entropy(scale * random(table), labels) - loss
    print(f"head × {scale:2d}: the first loss is {higher.item():.2f} nats higher")

# %% [markdown]
# Can a head of zeros learn? The gradient says how the loss changes with each weight. For the head, the gradient is
# the pooled channels times the error of each class: its probability, minus 1 if it is the true class. This product is
# not zero. The gradient that flows *back* into the blocks is multiplied by the head's weights, so it is zero, but only at the first
# step. The first step moves the head alone. From the second on, everything moves. You will see this below.
#
# ## The whole Mixer
#
# Now you have all the parts. This is the picture from above, as code. `nn.Sequential` holds several parts and calls one
# after the other. (PyTorch would not find the weights of parts in a plain list.) The loop makes a new block each time,
# with weights of its own.

# %%
class MyMixer(nn.Module):
    def __init__(self, num_blocks=4, num_patches=16, hidden_dim=64, num_classes=10):
        super().__init__()
        self.embed = PatchEmbedding(28, 7, 1, hidden_dim)
        self.blocks = nn.Sequential(*[
            MixerBlock(hidden_dim, TokenMixing(num_patches, 32),
                       ChannelMixing(hidden_dim, 256)) for _ in range(num_blocks)])
        self.classifier = MyClassifier(hidden_dim, num_classes)

    def forward(self, images):
        x = self.embed(images)              # [B, C_in, H, W] -> [B, S, C]
        x = self.blocks(x)                  # [B, S, C]
        return self.classifier(x)           # [B, K]

# %% [markdown]
# ## The library's version
#
# `mixer_lib.MlpMixer` is this class with its sizes as arguments, an initialization, and clear errors. `create_model`
# builds a model by its name. Given the same weights, both classes must give the same logits, to the last bit:

# %%
torch.manual_seed(0)
library = create_model("mnist")             # the course's small model for digits
nn.init.normal_(library.head.weight)        # with zeros, any two would agree
mine = MyMixer()
for p, q in zip(mine.parameters(), library.parameters(), strict=True):
    p.data.copy_(q.data)                    # both are in forward order
assert torch.equal(mine(x), library(x))
library(x).shape

# %% [markdown]
# Open [`mixer_lib/model.py`](../mixer_lib/model.py) now and read the `forward` of each class, from top to bottom. These
# few lines are the whole architecture, and you have built all of it. (Dropout and DropPath leave things out at random
# during training. Both are off unless you ask for them.)
#
# ## Three training steps
#
# Take a fresh model with its head at zero and one batch of 250 digits. Each step computes the loss and the gradients,
# then moves each weight a little against its gradient. Lesson 7 explains these lines. For now, only watch the numbers.

# %%
torch.manual_seed(0)
model = create_model("mnist")
x = normalize(mnist.train_images[::40], mnist.mean, mnist.std)      # [250, 1, 28, 28]
y = mnist.train_labels[::40]                                        # [250]
fc1 = model.blocks[0].token_mixing.fc1      # a layer deep inside
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    in_head, inside = (layer.weight.grad.abs().max() for layer in (model.head, fc1))
    print(f"step {step}: loss {loss.item():.3f}, "
          f"largest gradient in the head {in_head:.0e}, in block 0: {inside:.0e}")
    optimizer.step()

# %% [markdown]
# The first loss is 2.303, which is $\ln 10$, as predicted. At step 0 the gradient inside the blocks is exactly zero. At
# step 1 the head has moved, and the blocks begin to learn. Two steps lower the loss only a little. Lesson 7 takes
# about 700.
#
# ## Counting parameters
#
# How large is this model? Count layer by layer. A linear layer from $m$ to $n$ numbers has $m \cdot n$ weights and $n$
# biases. A LayerNorm over $C$ channels has $C$ scales and $C$ shifts.

# %%
D, S, C, D_S, D_C, L, K = 49, 16, 64, 32, 256, 4, 10
embedding = D * C + C                               # patch embedding
token_mlp = (S * D_S + D_S) + (D_S * S + S)         # fc1 and fc2 of token mixing
channel_mlp = (C * D_C + D_C) + (D_C * C + C)       # fc1 and fc2 of channel mixing
block_size = token_mlp + channel_mlp + 2 * (2 * C)  # and two LayerNorms
by_hand = embedding + L * block_size + 2 * C + (C * K + K)

by_loop = sum(p.numel() for p in model.parameters())
print(f"by hand {by_hand:,}, by loop {by_loop:,}")
assert by_hand == by_loop

# %% [markdown]
# The same count in letters holds for any Mixer:
#
# $$\underbrace{(D + 1)\,C}_{\text{embedding}} \;+\; L\,\big[\,\underbrace{2 S D_S + D_S + S}_{\text{token MLP}} \;+\;
# \underbrace{2 C D_C + D_C + C}_{\text{channel MLP}} \;+\; \underbrace{4 C}_{\text{norms}}\,\big] \;+\;
# \underbrace{2 C}_{\text{last norm}} \;+\; \underbrace{(C + 1)\,K}_{\text{head}}$$
#
# Counting needs no training, so you can compare your formula with the paper. Its [Table
# 1](https://arxiv.org/abs/2105.01601) lists seven models, named by size and patch side, with their parameters in
# millions, the head left out. `count_parameters` builds the model on PyTorch's device `meta`, which stores shapes but no
# numbers, and adds up the parameters of its layers. Even H/14 takes no time. (The last column, GMACs, is explained in
# the next section.)

# %%
from mixer_lib import count_macs, count_parameters
from mixer_lib.configs import MODELS

paper = {"S/32": 19, "S/16": 18, "B/32": 60, "B/16": 59,
         "L/32": 206, "L/16": 207, "H/14": 431}
print("model   paper    exact, no head    with 1000 classes    GMACs")
for name, millions in paper.items():
    exact = count_parameters(MODELS[name] | {"num_classes": 0})
    whole, gmacs = count_parameters(MODELS[name]), count_macs(MODELS[name]) / 1e9
    print(f"{name}   {millions:3d} M {exact:17,} {whole:20,} {gmacs:8.2f}")
    assert round(exact / 1e6) == millions

# %% [markdown]
# All seven agree with the paper.
#
# ## Counting work
#
# The last column counts **multiply-accumulates** (MACs): how often a weight is multiplied by a number and the product is
# added to a sum, for one image. A linear layer from $m$ to $n$ numbers does $m \cdot n$ of them each time it is used. The
# channel MLP is used once per token, so $S$ times. The token MLP is used once per channel, so $C$ times. Biases, norms
# and GELUs are left out, because they are few. The total is
#
# $$\underbrace{S D C}_{\text{embedding}} \;+\; L\,\big[\,\underbrace{C \cdot 2 S D_S}_{\text{token MLP}} \;+\;
# \underbrace{S \cdot 2 C D_C}_{\text{channel MLP}}\,\big] \;+\; \underbrace{C K}_{\text{head}}
# \;=\; S D C + 2 L\, C S\, (D_S + D_C) + C K$$
#
# Check this formula by watching each linear layer at work on one digit. A layer's MACs are the numbers that it gives out,
# times the number of products in each of them.

# %%
macs = []

def count(layer, inputs, output):
    macs.append(output.numel() * layer.in_features)

watched = create_model("mnist")
for layer in watched.modules():
    if isinstance(layer, nn.Linear):
        layer.register_forward_hook(count)      # called whenever the layer is used
watched(x[:1])
assert sum(macs) == count_macs(MODELS["mnist"])
f"{sum(macs):,} MACs for one digit"

# %% [markdown]
# So each weight of a channel MLP is used $S$ times per image, and each weight of a token MLP $C$ times.
#
# How do both counts grow? Look for $S$, $C$ and $P$ in the two formulas. ($P$ hides in $S$ and in $D$.) Then look at
# B/16 with one size changed at a time. All counts are relative to those of B/16 itself, so the lines meet at 1.

# %%
base = MODELS["B/16"]

def costs(key, values):
    configs = [base | {key: value} for value in values]
    return {name: [count(config) / count(base) for config in configs]
            for name, count in (("parameters", count_parameters), ("MACs", count_macs))}

sides, widths, patches = [112, 224, 448, 896], [192, 384, 768, 1536], [8, 16, 32, 56]
tokens_at = [(side // 16) ** 2 for side in sides]
panels = {"tokens S (larger images)": (tokens_at, costs("image_size", sides)),
          "channels C": (widths, costs("hidden_dim", widths)),
          "patch side P (pixels)": (patches, costs("patch_size", patches))}

# %%
plots.show(
    plots.lines(panels, ylabel="times as many as B/16", log=True),
    alt="Three charts with logarithmic axes: parameters and MACs, relative to those of "
        "B/16. Against the tokens, 49 to 3136, the MACs rise in proportion, from a "
        "quarter to 16; the parameters stay near 1 and rise to 1.5 at the end. Against "
        "the channels both rise about twofold for each doubling. Against the patch "
        "side the MACs fall about fourfold for each doubling; the parameters stay near "
        "1, a little higher at both ends.")

# %% [markdown]
# - **More tokens** (a larger image, the same $P$): the work grows in proportion to $S$, and no faster. In a vision
#   transformer, one part grows with $S^2$. But the token MLP has $2 S D_S$ weights per block, so a Mixer's *size*
#   depends on the image. The size of a convolution does not.
# - **More channels**: both counts grow about in proportion to $C$. (Here $D_S$ and $D_C$ stay the same. With
#   $D_C = 4C$, as in the paper, they grow with $C^2$.)
# - **Smaller patches**: halving the side gives four times the tokens, and so about four times the work, with almost the
#   same number of parameters. The parameters rise a little at both ends. Small patches mean more tokens for the token
#   MLP. Large patches mean more numbers per patch for the embedding.
#
# ## Move it
#
# Which part has the parameters, and which part does the work? The sliders set the sizes. The chart shows your model as a
# ring among the models of the paper. Each grid line stands for ten times the one before it. Click a model to take its
# sizes, and point at a part below the chart to read its numbers. Start with B/16. Things to try:
#
# 1. Before you run the cell: which part is largest, by both counts?
# 2. Make the patches as small as possible. What happens to the shares of the work, and what happens to the total?
# 3. Can token mixing cost as much work as channel mixing? Does it then have as many parameters?
# 4. Change one size at a time. Which size moves the ring straight up?
#
# <details><summary>What you should see</summary>
#
# 1. Channel mixing, by far.
# 2. The shares of the work hardly move. The work of both MLPs is in proportion to the number of tokens, and so is the
#    total. (Token mixing's share of the *parameters* grows, because it has weights for every token.)
# 3. Set `tokens_mlp_dim` to 3072, the value of `channels_mlp_dim`. The work is then equal, as the formula says. The
#    parameters are not: a token MLP connects 196 and 3072 numbers, a channel MLP 768 and 3072.
# 4. The patch size, because the same weights work on more tokens. (The ring also moves a little to the side, since the
#    embedding and the token MLPs change their size.) The other sizes move the ring up and to the right.
#
# </details>

# %%
widgets.cost_explorer()

# %% [markdown]
# These are the shares of B/16 in numbers:

# %%
from mixer_lib.costs import cost_by_part

for what, parts in cost_by_part(MODELS["B/16"]).items():
    total = sum(parts.values())
    shares = [f"{name} {count / total:.1%}" for name, count in parts.items()]
    print(f"{what:10}", ", ".join(shares))


# %% [markdown]
# Channel mixing has 95% of the parameters and does 88% of the work. Token mixing, the part that makes a Mixer a Mixer,
# has 3% of the weights. Both MLPs are shared, one by all channels and the other by all tokens. The matrices of token
# mixing are small, 196 × 384 numbers against 768 × 3072. Its work is an eighth of channel mixing's, as $D_S$ is of
# $D_C$.
#
# ## Exercises
#
# ### 6.1 The classifier · repair · easy · 6 minutes
#
# Somebody wrote the end of a network. The code runs without an error, and the result has the right shape. But it has
# **three mistakes**. Two clues: the answers for an image depend on the other images of its batch, and the numbers for an
# image add up to 1.

# %%
def broken(tokens, norm, head):
    x = tokens - tokens.mean(dim=0)         # [B, S, C]
    x = norm(x.mean(dim=1))                 # [B, C]
    return head(x).softmax(dim=1)           # [B, K]


with torch.no_grad():
    answers = broken(table, classifier.norm, random.head)
    alone = broken(table[:1], classifier.norm, random.head)
print("image 0 within its batch:", *[f"{share:.2f}" for share in answers[0].tolist()])
print("image 0 alone:           ", *[f"{share:.2f}" for share in alone[0].tolist()])

# %% [markdown]
# Write the function as it should be.

# %% tags=["exercise-1"]
def classify(tokens, norm, head):
    """tokens: [B, S, C] -> logits [B, K]."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_classify(classify)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Compare line by line with `forward` of `MyClassifier`. Which line brings other images in? Which step comes first, the
# norm or the mean? What does the loss expect: logits or probabilities?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.1.
#
# </details>
#
# ### 6.2 The best first guess · write · medium · 8 minutes
#
# With a head of zeros, an untrained network gives all classes the same probability. That is a poor guess where the
# classes are not equally frequent. Suppose that 80% of the images show a 0. Leave the weights at zero, and choose the
# *biases* so that the first loss is as low as possible. Return the biases and the first loss that they give, in nats.

# %% tags=["exercise-2"]
def best_start(counts):
    """counts: [K], training images per class -> (biases [K], the first loss)."""
    ...  # your code here


# %%
exercises.check_best_start(best_start)


# %% [markdown]
# <details><summary>Hint</summary>
#
# The loss is lowest where the softmax gives each class its share of the images. Which logits have these shares as their
# softmax? Softmax takes a power of $e$, so you have to undo it. An image of class $k$ costs minus the logarithm of
# its class's share. Average this over all images.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.2.
#
# </details>
#
# ### 6.3 Count any Mixer · measure · medium · 10 minutes
#
# Write the formula for the parameters as a function of `MlpMixer`'s arguments. Images and patches are square.

# %% tags=["exercise-3"]
def my_count(image_size, patch_size, in_channels, num_classes, num_blocks,
             hidden_dim, tokens_mlp_dim, channels_mlp_dim):
    """The number of parameters of MlpMixer with these arguments."""
    C, D_S, D_C = hidden_dim, tokens_mlp_dim, channels_mlp_dim
    ...  # your code here


# %%
exercises.check_count_parameters(my_count)


# %% [markdown]
# <details><summary>Hint</summary>
#
# Compute $S$ and $D$ first, as in lesson 1. Then add four terms: the patch embedding, `num_blocks` times one block, the
# last LayerNorm, and the head. Each linear layer has biases.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.3.
#
# </details>
#
# ### 6.4 A Mixer on a budget · design · medium · 10 minutes
#
# Design a Mixer for CIFAR-10: images of 32 × 32 pixels, 3 color channels, 10 classes. It must have at least 64 tokens, at
# least 6 blocks and a `hidden_dim` of at least 96. It may have at most 300,000 parameters and at most 15 million MACs per
# image. There are many right answers. The names of the arguments are those of exercise 6.3.

# %% tags=["exercise-4"]
def my_design():
    """The arguments of an MlpMixer for CIFAR-10, as a dict."""
    ...  # your code here


# %%
exercises.check_design(my_design)


# %% [markdown]
# <details><summary>Hint</summary>
#
# An image of 32 × 32 pixels must give 64 tokens, and this fixes the largest patch side. Then start from the smallest
# sizes allowed. Solve the formula for the MACs for $D_S + D_C$: the two MLPs may be this wide together.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/06_classifier.ipynb](solutions/06_classifier.ipynb), exercise 6.4.
#
# </details>
#
# ### Stretch: which patch voted for it?
#
# A mean and a linear layer may change places: apply the head to every token first, then average the scores. Each token
# then has a score of its own for each class. Compute these scores for a digit of the bundled model
# (`load_pretrained("mnist")` of `mixer_lib.checkpoints`), and draw those of the winning class as a map of 4 × 4 patches.
# Which patches vote for the class? Can you conclude that these patches hold the evidence? (Think of lesson 5: what has a
# token heard by then?) No check, no solution.

# %% [markdown]
# ## Recap
#
# - LayerNorm, a mean over the tokens, and one linear layer turn tokens into class scores. You did it by hand, with a
#   loop, with tensors and as a module. The mean forgets where a token was.
# - With a head of zeros the first loss is $\ln K$. The first step moves the head alone, and then everything moves.
# - You assembled the whole Mixer. On the same weights it gives the library's logits to the last bit, and its first
#   steps lowered the loss.
# - You counted the seven models of Table 1 exactly. Work grows in proportion to the number of tokens. Channel mixing has
#   95% of B/16's parameters.
#
# ## Quiz
#
# **1.** Your classifier of 100 classes starts with a loss of 9.2. What do you check first?
#
# <details><summary>Answer</summary>
#
# A network that knows nothing should start at $\ln 100 \approx 4.6$. This one is sure of nonsense. Look at the
# initialization of the head, and at the scale of the numbers that go into it.
#
# </details>
#
# **2.** S/32 has *more* parameters than S/16, yet it needs about a quarter of the work. Why?
#
# <details><summary>Answer</summary>
#
# Its patches are twice as long on each side, so a patch has 4 times the numbers, and the patch embedding 4 times the
# weights. The smaller token MLPs save less than this costs. But S/32 has only 49 tokens instead of 196, and the work is in
# proportion to the tokens.
#
# </details>
#
# **3.** Can a Mixer that was trained on 224 × 224 images read a 448 × 448 image with patches of the same size?
#
# <details><summary>Answer</summary>
#
# No. Its token MLPs have weights for exactly 196 tokens, and now there are 784. (A convolutional network could read it.
# Appendix C of the paper shows how to grow the token MLPs, and so does lesson 12.)
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), section 2, Figure 1 and Table 1.
# - [`mixer_lib/model.py`](../mixer_lib/model.py), the whole file, and `count_parameters` in
#   [`mixer_lib/costs.py`](../mixer_lib/costs.py).
# - The [glossary](glossary.md), for the words of this lesson.
#
# Next: [Capstone](capstone.ipynb). The network is built. Can you write it without looking?
