# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13 · Parts and family: what each part is worth
#
# *After this lesson you can write the parts of the Mixer's best known relatives, exchange one part of a network and
# nothing else, and read a table of such exchanges without being taken in by it.*
#
# **About 50 minutes, with the exercises 85.** Of these, your computer trains for about a minute (two free CPU
# cores). You need: [lesson 8](08_train_cifar.ipynb) and [lesson 10](10_convolutions.ipynb).
#
# Previous: [12 · Pretrained Mixers](12_pretrained.ipynb). Next: [14 · Scale](14_scale.ipynb)

# %% [markdown]
# ## In this lesson you will
#
# - build attention from numbers that you can see, and say in one sentence how it differs from token mixing;
# - put another part into a Mixer with one line, and see which tokens then hear which;
# - train two relatives of the Mixer, and compare your two runs;
# - read three tables of measured exchanges, with intervals, and name six things that they do not say;
# - decide what is left of "neither convolutions nor attention are needed".

# %%
import json
from pathlib import Path
from statistics import mean, variance

import torch
from torch import nn

from mixer_lib import count_parameters, create_model, fit_to, plots, widgets
from mixer_lib.analysis import influence
from mixer_lib.configs import get_config
from mixer_lib.data import load_dataset
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# "While convolutions and attention are both sufficient for good performance, neither of them are necessary", says the
# summary of the paper. So take a network with one part missing, the one in which the tokens meet:
#
#     x = x + ...  (norm(x))              # here the tokens meet
#     x = x + channel_mixing(norm(x))     # here each token thinks for itself
#
# Four networks fill the dots in four ways: the Mixer with its MLP, ResMLP with one linear layer, ConvMixer with a
# convolution, and a vision transformer with attention. (Some of them change more than the dots. You will see what.)
# Each is as wide as a fixed number of parameters allows, and each sees 45,000 photographs of CIFAR-10 *once*.
#
# **Predict.** Which one is then right about most of 5,000 other photographs?

# %%
family = json.loads(Path("results/family.json").read_text())
whole = get_config("cifar10", **family["mixer"])            # the Mixer of the table
runs = [row for row in family["rows"]
        if row["budget"] == "parameters" and row["seed"] < 100]     # 100: see below


def by_name(rows, key, what="held_out"):
    """{name: {seed: what was measured}}"""
    table = {}
    for row in rows:
        table.setdefault(row[key], {})[row["seed"]] = row[what]
    return table

accuracy = by_name(runs, "mixer")
means = {name: mean(values.values()) for name, values in accuracy.items()}
predict("the best token mixing",
        {"the Mixer's MLP": means["Mixer"], "one linear layer": means["ResMLP"],
         "a convolution": means["ConvMixer"], "attention": means["attention"]})

# %% [markdown]
# We return to this table. First meet the relatives.
#
# ## Eight ways for tokens to meet
#
# Each of these is the heart of a paper, in one sentence:
#
# | name | token mixing | the same for every |
# |---|---|---|
# | Mixer | an MLP across the tokens: linear, GELU, linear | channel |
# | ResMLP | one linear layer across the tokens | channel |
# | gMLP | half of the channels, mixed by one linear layer, multiply the other half | channel |
# | ConvMixer | a depth-wise convolution of 5 × 5 places | place |
# | attention | a weighted mean of all tokens; the weights follow from the tokens | its linear layers: place |
# | FNet | a Fourier transform, nothing to learn | |
# | pooling | the mean of the 3 × 3 neighborhood, nothing to learn | place and channel |
# | identity | none: the block computes x + norm(x) | |
#
# You know the first one, its convolution (lesson 10), and the Fourier transform (lesson 9). You met attention in
# lesson 4. Here it is in numbers.
#
# ### Attention, from numbers
#
# Here are three tokens of two channels. Token 0 wants to know what it should take from whom. **Self-attention**
# compares it with every token, itself included: multiply channel by channel and add up.

# %%
x = torch.tensor([[2.,  0.],        # token 0
                  [1.,  1.],
                  [0., -1.]])       # [S, C]
scores = [2 * 2 + 0 * 0, 2 * 1 + 0 * 1, 2 * 0 + 0 * -1]
print("token 0 meets tokens 0, 1, 2:", scores)

# %% [markdown]
# Token 0 is most like itself, less like token 1, and not like token 2. Divide the scores by $\sqrt C$, so that they
# do not grow with the number of channels. The softmax of lesson 6 turns them into shares that add up to 1. The answer
# is the mean of the tokens with these shares:

# %%
shares = torch.tensor(scores).div(2 ** 0.5).softmax(dim=0)
print("shares:", *(f"{share:.2f}" for share in shares))
answer = shares[0] * x[0] + shares[1] * x[1] + shares[2] * x[2]
print("answer to token 0:", *(f"{number:.2f}" for number in answer))

# %% [markdown]
# As a loop over all tokens, and then as two products of matrices with the softmax between them:

# %%
def attention_by_loop(x):
    answers = []
    for token in x:
        scores = torch.stack([(token * other).sum() for other in x])    # [S]
        shares = (scores / len(token) ** 0.5).softmax(dim=0)
        answers.append(sum(share * other for share, other in zip(shares, x)))
    return torch.stack(answers)                                         # [S, C]


def attention(q, k, v):
    shares = (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1)            # [..., S, S]
    return shares @ v                                                   # [..., S, C]

assert torch.allclose(attention_by_loop(x)[0], answer)
assert torch.allclose(attention(x, x, x), attention_by_loop(x))

# %% [markdown]
# Here are the steps as tables. Their upper rows are what you computed for token 0 (the scores are already divided by
# $\sqrt 2$):

# %%
all_scores = x @ x.T / 2 ** 0.5                                         # [S, S]
all_shares = all_scores.softmax(dim=-1)                                 # [S, S]
plots.show(plots.tables(
    {"tokens": x, "scores": all_scores, "shares": all_shares,
     "answers": all_shares @ x},
    xlabel=["channel", "token compared", "token taken", "channel"]))

# %% [markdown]
# Each row of the shares adds up to 1. Token 1 takes as much from token 0 as from itself, because both scores are the
# same. Token 2 takes most from itself, but here, too, some comes from everybody.
#
# In a network a token has three roles: it asks (**query**, $q$), it is compared (**key**, $k$), and it is taken
# (**value**, $v$). Each role gets a linear layer of its own. A last linear layer mixes the channels. And all of this
# is done several times side by side, for a group of channels each: those are the **heads**. With that, we have the
# library's part:

# %%
from mixer_lib.family.vit import SelfAttention

torch.manual_seed(0)
part, table = SelfAttention(dim=8, num_heads=2), torch.randn(1, 5, 8)   # [B, S, C]
q, k, v = part.qkv(table).chunk(3, dim=-1)                              # [B, S, C] each
heads = [attention(*three) for three in zip(*(y.split(4, dim=-1) for y in (q, k, v)))]
assert torch.allclose(part.out(torch.cat(heads, dim=-1)), part(table), atol=1e-6)

# %% [markdown]
# Now compare it with token mixing. There, the weight between two tokens is learned, belongs to two *places*, and is
# the same for every image. Here, it follows from the two *tokens*, and every image has its own. So attention does not
# even notice in which order the tokens come. A vision transformer (**ViT**) therefore adds a learned position
# embedding to each token, of which the Mixer has no need (lesson 4).

# %%
order = torch.tensor([3, 0, 4, 1, 2])
assert torch.allclose(part(table[:, order]), part(table)[:, order], atol=1e-6)
mixing = create_model("mnist").blocks[0].token_mixing
table = torch.randn(1, 16, 64)
order = torch.randperm(16)
assert not torch.allclose(mixing(table[:, order]), mixing(table)[:, order], atol=0.01)
print("attention follows any order of the tokens; token mixing does not")

# %% [markdown]
# ### The swap is one line
#
# All parts turn a table $[B, S, C]$ into another one. So any of them fits into the block from lesson 5:

# %%
def swap(model, make_part):
    for block in model.blocks:
        block.token_mixing = make_part()
    return model

model = swap(create_model("cifar10", num_blocks=4, hidden_dim=48),
             lambda: SelfAttention(48, num_heads=4))
print(model(torch.randn(2, 3, 32, 32)).shape)

# %% [markdown]
# The library's relatives, in [`mixer_lib/family`](../mixer_lib/family), do just that, and what else their papers ask
# for. Attention gets its position embedding. ResMLP has an **affine transform** in place of each norm: one factor and
# one shift per channel, and no statistics. ResMLP and PoolFormer multiply what a part answers by one learned number
# per channel, small at first (**LayerScale**). In gMLP and ConvMixer the whole block is another one. So only FNet and
# *identity* exchange exactly one part. The others exchange more, gMLP and ConvMixer the most.
#
# ## Who hears whom
#
# Let one token change a little. Which tokens answer differently? For each of the eight, here is `influence` (lesson
# 3) of one part on a grid of 4 × 4 tokens, with random weights. The token that changes is the one in row 1, column 1.

# %%
MIXERS = {                              # {name: the model's name in the library}
    "Mixer": "cifar10", "ResMLP": "resmlp-cifar10", "gMLP": "gmlp-cifar10",
    "ConvMixer": "convmixer-cifar10", "attention": "vit-cifar10",
    "FNet": "fnet-cifar10", "pooling": "poolformer-cifar10",
    "identity": "identity-cifar10"}


# %%
def random_part(name, **sizes):
    """The token mixing of a mixer for tokens of 8 channels, with random weights."""
    torch.manual_seed(0)
    units = {"channels_mlp_dim": 8} if "gmlp" in name else {}           # its gate's
    model = create_model(name, num_blocks=1, hidden_dim=8, **units, **sizes)
    for p in model.parameters():
        nn.init.normal_(p)
    return model.eval().blocks[0].token_mixing

heard = {}                              # by whom token 5 is heard
for name, model_name in MIXERS.items():
    kernel = {"kernel_size": 3} if name == "ConvMixer" else {}
    part = random_part(model_name, image_size=16, **kernel)
    hearing = influence(part, torch.randn(16, 8)) > 0                   # [S, S]
    heard[name] = hearing[:, 5].float().view(4, 4)                      # [H', W']
plots.show(
    plots.tables(heard, xlabel="", ylabel="", signed=False, width=11),
    alt="Eight grids of 4 by 4 tokens. With Mixer, ResMLP, gMLP, attention and FNet "
        "all hear token 5; with ConvMixer and pooling, the 3 by 3 around it; with "
        "identity, only itself.")

# %% [markdown]
# Three kinds: *everybody*, *the neighbors*, *nobody else*. In the table ConvMixer has its usual kernel of 5 × 5.
# Several blocks carry a token further. (Only the part itself is asked here. In PoolFormer the *norm*, too, runs over all
# tokens of an image at once, and so lets each of them hear a little of all others.)
#
# **Predict.** With pooling alone, after how many blocks do opposite corners of an 8 × 8 grid hear each other?

# %%
def blocks_until_heard(part, S):
    """Entry [j, i]: after how many blocks token j hears token i; 0 if never."""
    step = influence(part, torch.randn(S, 8)) > 0                       # [S, S]
    reached, until = torch.eye(S, dtype=torch.bool), torch.zeros(S, S)
    for depth in range(1, S):
        new = (step.float() @ reached.float() > 0) & ~reached
        if not new.any():
            break
        until[new], reached = depth, reached | new
    return until

hears = {name: blocks_until_heard(random_part(model_name), 64)
         for name, model_name in MIXERS.items()}
predict("after how many blocks", hears["pooling"][63, 0], blocks=whole.num_blocks)

# %% [markdown]
# ## What it costs
#
# `fit_to` finds the width at which a network has as many parameters as our Mixer, or up to a tenth less. It can do
# the same for MACs (lesson 6), the work per image. Does it matter which of the two is equal?

# %%
budget = count_parameters(whole)
resmlp = fit_to("resmlp-cifar10", parameters=budget, num_blocks=whole.num_blocks)
pooling = fit_to("poolformer-cifar10", parameters=budget, num_blocks=whole.num_blocks)
first = {row["mixer"]: row for row in runs if row["seed"] == 0}         # of the table
assert resmlp.hidden_dim == first["ResMLP"]["hidden_dim"]
for name, row in first.items():
    print(f"{name:10} {row['hidden_dim']:4} channels {row['parameters']:8,} parameters "
          f"{row['macs'] / 1e6:5.2f} million MACs per image, "
          f"{row['macs'] / first['Mixer']['macs']:.2f} of the Mixer's")

# %% [markdown]
# Compare the two columns. Here it hardly matters which one is made equal. Most weights work once per token in all
# eight, so equal parameters are nearly equal MACs. Attention and gMLP do up to a fifth more work, because their
# tokens meet in products that have many MACs and few weights. Against a network with larger patches, or a pyramid, it
# would matter much more. The table below is for equal parameters. Their *time* is another question, to which we come
# back.
#
# ## Train two
#
# The recipe of the table takes one pass over 45,000 photographs. Yours takes five over the 5,000 of the sample, with
# two of the networks: ResMLP, which learns one matrix of places per block, and pooling, which learns none.
#
# **Predict.** Which of the two is ahead?

# %%
predict("yours on the sample")

# %%
from mixer_lib.family import build
from mixer_lib.training import Recipe, best_device, evaluate, fit

cifar, own, seed = load_dataset("cifar10"), {}, 0
recipe = Recipe(epochs=5, batch_size=64, warmup_epochs=0.5, lr=6e-3, weight_decay=0.1,
                crop_padding=4, flip=True, val_fraction=0, seed=seed)
for name, config in {"ResMLP": resmlp, "pooling": pooling}.items():
    torch.manual_seed(seed)
    model = build(config).to(best_device())
    fit(model, cifar, recipe)
    own[name] = evaluate(model, cifar)["accuracy"]

# %%
predict("yours on the sample", own)

# %% [markdown]
# ## The family
#
# Now the table. The script [`tools/measure_family.py`](../tools/measure_family.py) made it. Each network first tried
# each learning rate, on half of the images, with a seed of its own (100). Then it was trained from several other
# seeds at the rate that was best for it. The seed draws the first weights, the order of the images and the 5,000
# images that are held out. The test images play no part.

# %%
recipe, seeds = family["recipe"], {row["seed"] for row in runs}
print(f"{family['images']:,} images, {recipe['epochs']} epoch(s) of batches of "
      f"{recipe['batch_size']}, {len(seeds)} seeds, rates {family['rates']}")
print(f"{whole.num_blocks} blocks, the Mixer {whole.hidden_dim} wide; "
      f"measured on {family['machine']}")
others = {name: [*values.values()] for name, values in accuracy.items()}
plots.show(
    plots.changes(others, "accuracy on held-out images (%)"),
    alt="Eight rows of dots, one row per network, one dot per seed, with a bar at the "
        "mean. ConvMixer is far to the right, near 60 percent; gMLP, "
        "ResMLP and Mixer lie between 46 and 52; attention, FNet, pooling and identity "
        "between 33 and 38.")

# %% [markdown]
# The broken line goes through the mean of the Mixer.
#
# ### How far does luck reach?
#
# Three runs tell little about how much runs vary. But all networks were trained from the same seeds, on the same
# images. So pair the runs: subtract the Mixer's accuracy with seed 0 from ConvMixer's with seed 0, and so on. Any
# luck that both share is then gone. And take one spread for all networks, the root of the mean of their variances: it
# rests on more differences than three. Two standard errors to either side of a mean difference (lesson 11) are then
# somewhat less than its 95% interval, since all differences have the Mixer's three runs in them.

# %%
def compare(table, base):
    """{name: (mean difference to `base`, two standard errors)}, paired by seed."""
    gaps = {name: [values[seed] - table[base][seed] for seed in values]
            for name, values in table.items() if name != base}
    spread = mean(variance(gap) for gap in gaps.values()) ** 0.5
    return {name: (mean(gap), 2 * spread / len(gap) ** 0.5)
            for name, gap in gaps.items()}


def show_gaps(gaps):
    for name, (gap, reach) in sorted(gaps.items(), key=lambda item: -item[1][0]):
        verdict = "too close to call" if abs(gap) <= reach else \
                  "better" if gap > 0 else "worse"
        print(f"{name:36}{100 * gap:+6.1f} ± {100 * reach:.1f} points   {verdict}")

family_gaps = compare(accuracy, "Mixer")
show_gaps(family_gaps)

# %%
gap, reach = compare(accuracy, "identity")["attention"]
print(f"attention to identity: {100 * gap:+.1f} ± {100 * reach:.1f} points")

# %% [markdown]
# There are three groups:
#
# - **ConvMixer is far ahead.** Is it the convolution? Near places matter, and what helps in one place helps in all
#   others. Both are true of photographs, and ConvMixer does not have to find them out. But pooling has this prior, too,
#   and gains nothing, and ConvMixer exchanges more than one part. We come to this at once.
# - **The three that learn a matrix of places** follow: gMLP, ResMLP and the Mixer, within about four points. ResMLP's
#   one linear layer and the Mixer's MLP are too close to call. gMLP is ahead of the Mixer, but only just beyond luck.
# - **The others are far behind.** Pooling and FNet are level with *identity*, whose tokens meet only at the very end.
#   Attention is a few points better than that, beyond luck.
#
# The gaps between the groups are about three times as large as what luck may do. Within a group, look at the
# intervals. And had the Mixer's runs been unlucky, all of the others would look better.
#
# ### One part, and nothing else
#
# ConvMixer has batch norms in place of LayerNorms, GELU after each step, one linear layer per token in place of an MLP,
# and no skip connection around it. That saves so many weights that it is 129 channels wide, where our Mixer has 48. So
# what does the convolution do, and what the block around it? Exchange exactly one part, as with `swap` above. The
# script that you meet below for the parts of a Mixer did it, for this question: with the same recipe, rates and seeds,
# and with the Mixer and ConvMixer once more beside it, on another machine.
#
# **Predict.** Put the depth-wise convolution of 5 × 5 places into the *Mixer's* block, in place of its token MLP. All
# else stays as it is. How much better does the Mixer become?

# %%
swaps = json.loads(Path("results/swaps.json").read_text())
assert swaps["mixer"] == family["mixer"] and swaps["recipe"] == recipe
swapped = by_name([row for row in swaps["rows"] if row["seed"] < 100], "change")
swap_gaps = compare(swapped, "whole")
predict("the convolution alone", 100 * swap_gaps["a convolution"][0],
        reach=100 * swap_gaps["a convolution"][1])

# %%
print(f"measured on {swaps['machine']}")
show_gaps(swap_gaps)
columns = ("one linear layer", "the Mixer's MLP", "a convolution")
blocks = {"Mixer": ("one linear layer", "whole", "a convolution"),
          "ConvMixer": ("ConvMixer, one linear layer", "ConvMixer, the Mixer's MLP",
                        "ConvMixer")}
print(f"\n{'':17}", *(f"{column:>18}" for column in columns))
for block, names in blocks.items():
    print(f"{block + ' block':17}", *(f"{mean(swapped[name].values()):18.1%}"
                                      for name in names))

# %% [markdown]
# Read the small table in both directions:
#
# - **The block.** In each column, ConvMixer's block is ahead, by about five to twelve points.
# - **The prior.** A convolution is a linear layer across the tokens, too. It takes for granted that only near places
#   matter, and in every place alike. *One linear layer* could learn just that. In both blocks it is behind the
#   convolution, by four to six points. So the prior helps in both.
# - **The MLP.** In the Mixer's block, the MLP with its hidden units and its GELU makes up for the prior. In ConvMixer's
#   block, it gains nothing on one linear layer that three seeds could show. So what one change gains depends on
#   another. This is called an **interaction**.
#
# What is it in ConvMixer's block that gains so much? A GELU behind the convolution alone is not it: the Mixer is worse
# with it. The width, the batch norms, the missing skip? We did not test that.
#
# Two more rows are worth a look. One linear layer is nearly five points worse than the Mixer's MLP, though ResMLP is
# level with the Mixer above: ResMLP exchanges its norms, too. And attention without its position embedding is two or
# three points better than nothing at all.
#
# ### Move it
#
# Pick a network to see its costs and its runs. Touch a token: the grid shows who hears it, and after how many blocks.
# The thin line is the interval of its gap to the Mixer, and a ring is your own run. (Your
# runs saw a ninth of the images, and were asked about the test images of the sample, so compare them with each other
# only.) Find a network that is better than another although its tokens hear fewer others. Then find one whose tokens
# hear all others, and which is still no good.

# %%
ABOUT = {"Mixer": "an MLP across the tokens.",
         "ResMLP": "one linear layer across them.",
         "gMLP": "half of the channels gate the others.",
         "ConvMixer": "a depth-wise convolution of 5 × 5 places.",
         "attention": "a weighted mean; the weights follow from the tokens.",
         "FNet": "a Fourier transform, nothing to learn.",
         "pooling": "the mean of the neighbors, nothing to learn.",
         "identity": "none; the block computes x + norm(x)."}
gaps = family_gaps | {"Mixer": (0, 0)}
models = {}
for name, about in ABOUT.items():
    rows, reach = [row for row in runs if row["mixer"] == name], gaps[name][1]
    models[name] = {
        "about": about, "parameters": rows[0]["parameters"], "macs": rows[0]["macs"],
        "speed": mean(row["steps_per_second"] for row in rows),
        "results": others[name], "mean": means[name], "own": own.get(name),
        "interval": (means[name] - reach, means[name] + reach)}
widgets.family_explorer(models, {name: hears[name] for name in ABOUT}, (8, 8))

# %% [markdown]
# ## With a critical eye
#
# A table like this one makes it easy to say more than it knows. Ask six questions of this one, and of any that you
# meet:
#
# **1. Equal in what?** The parameters are equal, and here nearly the MACs. Here are the differences to the Mixer once
# more, with each network as wide as the Mixer's MACs allow:

# %%
at_equal_macs = [row for row in family["rows"]
                 if row["budget"] == "macs" and row["seed"] < 100]
show_gaps(compare(by_name(at_equal_macs, "mixer"), "Mixer"))

# %% [markdown]
# The three groups stay as they are. Only gMLP's verdict changes, by less than a point, which may be luck. The time is
# not equal:

# %%
times = {name: mean(row["seconds"] for row in runs if row["mixer"] == name)
         for name in MIXERS}
for name, seconds in times.items():
    print(f"{name:10} {models[name]['speed']:3.0f} steps per second: in the time "
          f"of its epoch, the Mixer does {seconds / times['Mixer']:.1f} epochs")

# %% [markdown]
# ConvMixer has as many weights and MACs, and takes about four times as long, probably since a depth-wise convolution
# gives a CPU little to multiply at once. At equal *time*, the Mixer could take four epochs against one. On another
# machine, and above all on a GPU, these factors would be others. So there is no single fair budget. Say which one you
# chose.
#
# **2. Tuned for whom?** Each network chose among the same few learning rates:

# %%
for name in MIXERS:
    tried = {row["lr"]: row["held_out"] for row in family["rows"]
             if (row["mixer"], row["budget"], row["seed"]) == (name, "parameters", 100)}
    print(f"{name:10}", *(f"{rate:g}: {share:.1%}  " for rate, share in tried.items()),
          "best: the highest" if max(tried, key=tried.get) == max(tried) else "")

# %% [markdown]
# All of them did best with the highest rate. So perhaps the list ended too early. Here is what becomes of the table
# with a third rate, 0.018, on the list:

# %%
wider = json.loads(Path("results/rates.json").read_text())
again = [row for row in wider["rows"] if row["seed"] < 100]
for name, values in by_name(again, "mixer").items():
    rate, = {row["lr"] for row in again if row["mixer"] == name}
    print(f"{name:10} chooses {rate:5g}: "
          f"{100 * (mean(values.values()) - means[name]):+.1f} points")

# %% [markdown]
# Three networks choose the new rate. ResMLP gains less than a point by it, pooling hardly anything, and the Mixer loses
# more than a point. The choice was made on half of the images, in half as many steps and with one seed. What is best
# there need not be best for the whole. (One of the Mixer's three runs makes all of its loss, so this may be luck as
# well.) The gaps between the groups stay. But a difference of one or two points, such as between ResMLP and the
# Mixer, may come from the tuning.
#
# **3. How long?** One epoch of 704 steps is very short. It favors what learns fast, not what ends well. Here is the
# Mixer, attention and *identity* once more, with five epochs in place of one and a single seed each:

# %%
longer = json.loads(Path("results/longer.json").read_text())
for row in longer["rows"]:
    name = row["mixer"]
    print(f"{name:9}, {longer['recipe']['epochs']} epochs: {row['held_out']:.1%} in "
          f"{row['seconds']} seconds (one epoch: {means[name]:.1%}); "
          f"patches shuffled: {row['shuffled']:.1%}")
print(f"ConvMixer, one epoch:  {means['ConvMixer']:.1%} in "
      f"{times['ConvMixer']:.0f} seconds on average")

# %% [markdown]
# In a sixth more time than ConvMixer's single epoch, the Mixer goes well past it. So who wins depends on whether you
# count parameters or seconds. (It is one run on one core, and ConvMixer would improve with five epochs, too.) Attention has gained more than 20 points. Has it learned how tokens should meet? It has learned something
# about places, since shuffling the patches now costs it 15 points. But *identity*, whose tokens never meet, has
# gained as many. Attention is still only a few points ahead of it, and the Mixer ten.
#
# **4. How many images, and of what kind?** All of this is about 45,000 small photographs. What a prior is worth depends on
# how many images there are to learn from. In the paper (section 3.3, Figure 2) the Mixer is behind a CNN and a vision
# transformer when all learn from few images, and gains more than they do when there are more, up to 300 million.
#
# The script [`tools/measure_sizes.py`](../tools/measure_sizes.py) trained the Mixer, attention and a CNN like lesson
# 11's, with about as many parameters, on 500, 2,000, 8,000 and all 45,000 photographs. Each run has 704 steps (750
# with 8,000 images), and each dot below is the mean of four seeds. (All at the rate 0.006.) So the fewer images there
# are, the more often a network sees each of them.
#
# **Predict.** How much better does the Mixer become from 2,000 images to 45,000?

# %%
data_size = json.loads(Path("results/data_size.json").read_text())
assert data_size["mixer"] == family["mixer"] and data_size["recipe"] == recipe
shares = {}                                 # {model: {number of images: accuracies}}
for row in data_size["rows"]:
    count = row["images"] or data_size["images"]
    shares.setdefault(row["model"], {}).setdefault(count, []).append(row["held_out"])
curves = {name: {count: 100 * mean(runs) for count, runs in some.items()}
          for name, some in shares.items()}
curve = curves["Mixer"]
predict("from 2,000 images to 45,000", curve[45_000] - curve[2_000],
        curve=curve, first=curve[2_000] - curve[500])

# %%
counts = [*curves["Mixer"]]
plots.show(
    plots.lines({"training images": (counts, {
        name: [*curve.values()] for name, curve in curves.items()})},
        "held-out accuracy (%)", log="x"),
    alt="Held-out accuracy against 500, 2,000, 8,000 and 45,000 images, one line per "
        "network. The CNN is on top everywhere, the Mixer in the middle and attention "
        "below. All three rise up to 8,000 images, steeply up to 2,000, and hardly "
        "change from there on.")

# %% [markdown]
# The lines do not cross. And they do not rise after 8,000, although 45,000 images are more than five times as many.
# What holds the Mixer back is the number of steps: with five times as many, it reached 67% above. The paper keeps the
# number of steps equal in the same way, with 3 to 100% of its 300 million images, but at several hundred thousand
# steps. Perhaps more images only help a network that trains long enough to use them. So our table cannot show what
# Figure 2 shows.
#
# **5. How large?** Here is our Mixer with all its widths halved (S) and doubled (L), from four seeds, all at the rate
# 0.006:

# %%
sizes = json.loads(Path("results/model_size.json").read_text())["rows"]
for name in ("S", "M", "L"):
    rows = [row for row in sizes if row["model"] == name]
    print(f"{name}: {rows[0]['parameters']:7,} parameters {rows[0]['macs'] / 1e6:5.1f} "
          f"million MACs {mean(row['seconds'] for row in rows):3.0f} s  ",
          *(f"{row['held_out']:.1%}" for row in rows))
show_gaps(compare(by_name(sizes, "model"), "S"))

# %% [markdown]
# Twelve times the parameters are worth about five points, only just beyond luck. From one size to the next, it is too
# close to call. In the paper, the large Mixers are ahead only if there are images enough, and training is long
# enough, for them.
#
# **6. What was asked?** Only for accuracy on images like those of the training. Ask for something else, and the order
# may change. Take the trained networks, and ask about the held-out images once more, with their patches in another
# order, or moved to the right, with black at the left. (Crops moved the training images by up to four pixels.)
#
# **Predict.** Which network loses the least when the patches are shuffled after training?

# %%
def lost(what):
    return {name: 100 * mean(row["held_out"] - what(row) for row in runs
                             if row["mixer"] == name) for name in MIXERS}

shuffled = lost(lambda row: row["shuffled"])
predict("patches shuffled after training",
        {name: -shuffled[name]
         for name in ("Mixer", "ConvMixer", "attention", "identity")},
        lost=shuffled)

# %%
four = lost(lambda row: row["moved"]["4"])
eight = lost(lambda row: row["moved"]["8"])
print(f"{'points lost':12}patches shuffled   moved by 4 pixels   by 8")
for name in MIXERS:
    print(f"{name:12}{shuffled[name]:16.1f}{four[name]:20.1f}{eight[name]:7.1f}")
kept = {name: {row["seed"]: row["moved"]["8"] - row["held_out"] for row in runs
               if row["mixer"] == name} for name in ("Mixer", "ResMLP", "gMLP")}
print("\nmoved by 8 pixels, beside what it costs the Mixer:")
show_gaps(compare(kept, "Mixer"))

# %%
plots.show(
    plots.changes({name: [row["held_out"] - row["moved"]["8"] for row in runs
                          if row["mixer"] == name] for name in MIXERS},
                  "accuracy lost when moved by 8 pixels (points)"),
    alt="Points lost when the images are moved by 8 pixels, three runs per network. "
        "Attention, FNet, pooling and identity lose at most three, ConvMixer about "
        "five, the Mixer seven to thirteen, gMLP about twelve, ResMLP about fourteen.")

# %% [markdown]
# Four of the networks have learned what belongs where, or beside what, and with the patches in another order all of
# that misleads them: they fall to *identity*, which never knew, or below it. Attention loses about a point. So in one
# epoch it has made nearly no use of its position embedding. When the images are moved by two patches, to where the
# training never showed them, ConvMixer loses the least of the four, perhaps because its kernels move along. ResMLP,
# which is level with the Mixer above, loses more than it does, only just beyond luck.
#
# Figure 2 of the paper asks what the **features**, the channels that the last layer reads, are worth *elsewhere*. Take the networks of question 4, and fit nothing
# but a new last layer to a few images of another data set (a **few-shot probe**). Here these are ten handwritten
# digits per class. The control is the same network before its training:

# %%
print("digits read    untrained", *(f"{count:8,}" for count in counts))
for name in curves:
    rows = [row for row in data_size["rows"] if row["model"] == name]
    before = mean(row["few_shot_untrained"] for row in rows)
    after = [mean(row["few_shot"] for row in rows
                  if (row["images"] or 45_000) == count) for count in counts]
    more = sum(row["few_shot"] > row["few_shot_untrained"] for row in rows)
    print(f"{name:14} {before:8.1%} ", *(f"{share:8.1%}" for share in after),
          f"  higher in {more} of {len(rows)} runs")

# %% [markdown]
# What the CNN and the Mixer learn from photographs helps them to read digits, by 4 to 8 points on average, and in
# each of their 16 runs. Attention learns nothing yet that helps there. And see the control: a CNN with *random*
# weights reads more digits than any of the trained Mixers, with 120 features against 48. A good part of this needs no
# training. A ranking is an answer to one question.
#
# ### How much of a convolution does each learn?
#
# Three of the eight learn a matrix of places, $S × S$, in each block: what each place takes from each. Lesson 9
# measured how much of such a matrix is a convolution: its share that depends only on the displacement. For a random
# matrix it is 5.6%, without what a place takes from itself, as here.

# %%
for name in ("Mixer", "ResMLP", "gMLP"):
    shares = torch.tensor([row["convolution_shares"] for row in runs
                           if row["mixer"] == name])                    # [seeds, L]
    print(f"{name:8}", *(f"{share:6.1%}" for share in shares.mean(dim=0)))

# %% [markdown]
# Most shares are well above 5.6%, and far from all. Lesson 9's relabeled maps had up to 16% on this grid, so ResMLP's
# 10 to 17% may prove nothing. The Mixer and gMLP may have found a part of what ConvMixer was given, in one epoch,
# although nobody told them that only the displacement should matter. (For the Mixer this is the token map of lesson
# 9, which takes GELU for a straight line.)
#
# ## What each part is worth
#
# Now stay with the Mixer, and change one thing at a time: leave a part out, or build it in another way. The paper's
# Appendix A lists what its authors tried with little gain: a token MLP per channel, one that reads several channels,
# and pyramids, in which the tokens become fewer and wider. The script
# [`tools/measure_parts.py`](../tools/measure_parts.py) did the same as the one above, with 15 rows.
#
# **Predict.** Which of these four costs the most accuracy if it is left out?

# %%
parts = json.loads(Path("results/parts.json").read_text())
assert parts["mixer"] == family["mixer"] and parts["recipe"] == family["recipe"]
part_runs = [row for row in parts["rows"] if row["seed"] < 100]
part_accuracy = by_name(part_runs, "change")
part_gaps = compare(part_accuracy, "whole")
predict("the costliest part to lose",
        {part: -100 * part_gaps[f"without {part}"][0]
         for part in ("token mixing", "channel mixing", "skips", "GELU")})

# %%
plots.show(
    plots.changes({name: [*values.values()] for name, values in part_accuracy.items()},
                  "accuracy on held-out images (%)"),
    alt="Fifteen rows of dots, one row per change, with a bar at the mean and a broken "
        "line through the whole Mixer. Without token mixing and without GELU lie "
        "farthest to the left, patches of 16 and missing norms between; a token MLP "
        "per channel and one per group lie a little to the right of the line.")
show_gaps(part_gaps)

# %%
print(f"{'':36}rate   parameters   million MACs")
for name in part_accuracy:
    row = next(row for row in part_runs if row["change"] == name)
    print(f"{name:36}{row['lr']:g} {row['parameters']:12,} {row['macs'] / 1e6:14.2f}")

# %% [markdown]
# The row *whole* is the same network as the Mixer of the first table, trained by another script. As a check, the runs
# of both tables have to agree:

# %%
both = part_accuracy["whole"].keys() & accuracy["Mixer"].keys()
assert both and all(part_accuracy["whole"][seed] == accuracy["Mixer"][seed]
                    for seed in both)
print(f"{len(both)} runs agree to the last digit")

# %% [markdown]
# What the rows say:
#
# - **Token mixing and GELU are worth the most**, 10 points and more each. Which of the two is worth more is too close to
#   call. Without GELU, only the LayerNorms are not linear.
# - **Channel mixing is worth less**, although it has more than four fifths of the weights (without it, 16,346 of 91,034
#   are left). Token mixing has about a seventh. (Here a part that is left out adds nothing. *Identity*, in the first
#   table, adds the norm of the token. Both are "no token mixing", and they are level.)
# - **The skips** are worth several points even with four blocks.
# - **Only the channel norm shows an effect.** Without the token norm the difference is too close to call. Without the
#   channel norm, or without both, it is several points. (The rate of the row without channel norm was decided by less
#   than a tenth of a point, and the whole Mixer was worse at that rate. So a part of its loss may be the rate.)
# - **Appendix A.** Token MLPs per group of channels (our own variant), and per channel, are a little higher on
#   average, and too close to call. The paper saw no gain with one per channel. The one per channel has 7.5 times the
#   weights of the whole Mixer, so it is not even a comparison at equal parameters. At the size of B/16 it would have
#   over a billion (lesson 10).
# - **The pyramid** is too close to call, with less than half of the MACs.
# - **Depth against width** is too close to call between half and twice the blocks. **Larger patches** cost several
#   points. They also cost only about a quarter of the MACs, or less.
#
# All six questions from above apply to this table as well. (The rows without token mixing, skips and channel norm
# chose the rate 0.002, all others 0.006.)

# %% [markdown]
# ## What remains of the sentence
#
# "... convolutions and attention are both sufficient for good performance, neither of them are necessary". Compare
# the tables with it:
#
# - **Not necessary: yes.** Three networks without either are 10 points and more above one whose tokens do not meet. They
#   learn by themselves who should listen to whom.
# - **Not necessary is not "makes no difference".** At equal parameters, and with one epoch on 45,000 photographs, the
#   network with convolutions is far ahead of all others. In question 4, a CNN with 2,000 images is ahead of the Mixer
#   with 45,000. But put into the Mixer's block, the same convolution was no better than the MLP.
# - **Sufficient: not everywhere.** Here, attention is only a few points better than no token mixing at all. That does not
#   make it bad. It has to find out even that places exist. With 704 steps it made nearly no use of them, and with
#   3,520 only some. The sentence in the paper is about large networks, and very many images.
# - **The frame around token mixing counts, too.** Without GELU the Mixer loses 14 points; without skips, channel norm
#   or channel mixing, 7 to 8. A much worse token mixing costs 10 to 13. Most of the frame is in most of the eight
#   networks. The authors of PoolFormer propose that it is the frame to which they all owe their success. In our
#   table, though, the part and the block that belongs to it make a difference of more than 20 points.
#   How much of it is the part, nobody can say without the block: the two depend on each other.
#
# And all of this is in the currency of parameters. With a sixth more seconds, one run of the Mixer was ahead of the
# convolutions. So the sentence has survived, with its conditions written out.

# %% [markdown]
# ## Exercises
#
# ### 13.1 ResMLP's token mixing · write · easy · 6 minutes
#
# *"An affine transform of each channel, then one linear layer across the tokens, the same for every channel."* Write
# it. `weight` and `bias` are those of an `nn.Linear`: row $s$ of the weight says what token $s$ takes from each
# token.

# %% tags=["exercise-1"]
def across_tokens(x, scale, shift, weight, bias):
    """ResMLP's token mixing: [B, S, C] -> same. scale, shift [C]; weight [S, S]."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_across_tokens(across_tokens)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Token mixing in lesson 4 began and ended with a transpose. Between them, `x @ weight.T + bias` is the linear layer.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/13_family.ipynb](solutions/13_family.ipynb), exercise 13.1.
#
# </details>
#
# ### 13.2 gMLP's gate · write · medium · 10 minutes
#
# *"Halve the channels. Normalize the second half, mix it across the tokens with one linear layer, and multiply the
# first half by it."* The norm is a LayerNorm without weights of its own: `torch.nn.functional.layer_norm`.

# %% tags=["exercise-2"]
def spatial_gate(x, weight, bias):
    """gMLP's gate: [B, S, D] -> [B, S, D / 2]. weight [S, S], bias [S]."""
    ...  # your code here


# %%
exercises.check_spatial_gate(spatial_gate)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `x.chunk(2, dim=-1)` halves the channels, `layer_norm(v, v.shape[-1:])` normalizes each token. The mixing is the one
# of 13.1, without the affine transform.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/13_family.ipynb](solutions/13_family.ipynb), exercise 13.2.
#
# </details>
#
# ### 13.3 PoolFormer's mean · write · medium · 10 minutes
#
# *"Each token becomes the mean of its 3 × 3 neighborhood, less itself."* At the edge of the image the mean is over
# those places that exist. The tokens lie on a grid of `grid = (rows, columns)`, in raster order.

# %% tags=["exercise-3"]
def pool_tokens(x, grid):
    """Mean of each 3 x 3 neighborhood less the place itself: [B, S, C] -> same."""
    ...  # your code here


# %%
exercises.check_pool_tokens(pool_tokens)

# %% [markdown]
# Why "less itself"? The block has a skip, which adds the token again. To put your function into a Mixer, wrap it in a
# module and use `swap` from above. The solution does.
#
# <details><summary>Hint</summary>
#
# Bring the table into the form of maps, `[B, C, H', W']`, with `transpose` and `unflatten(2, grid)`. There is an
# `avg_pool2d` in `torch.nn.functional`. Look up what its argument `count_include_pad` does.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/13_family.ipynb](solutions/13_family.ipynb), exercise 13.3.
#
# </details>
#
# ### 13.4 Too close to call? · write · medium · 8 minutes
#
# You have the accuracies of two networks, seed by seed, in two lists. `spread` is the standard deviation of the
# difference of one pair. Is `ours` `"better"` or `"worse"` than `others`, or is it `"too close to call"`? A
# difference counts if its mean is more than two standard errors from zero.

# %% tags=["exercise-4"]
def verdict(ours, others, spread):
    """Is `ours` "better", "worse" or "too close to call"? Runs paired by seed."""
    ...  # your code here


# %%
exercises.check_verdict(verdict)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Take the differences of the pairs first, then their mean. The standard error of a mean of $n$ differences is the
# spread divided by $\sqrt n$.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/13_family.ipynb](solutions/13_family.ipynb), exercise 13.4.
#
# </details>
#
# ### Stretch
#
# Invent a token mixing of your own: neighbors in the same row and column only, one linear layer for the even and one
# for the odd channels, whatever you like. Put it in with `swap`, train it as above, and place it among the eight. How
# many seeds do you need before you may say that it is better than ResMLP?

# %% [markdown]
# ## Recap
#
# - You built attention in three steps: compare, turn into shares, take the mean. Its weights follow from the tokens;
#   those of token mixing are learned and belong to places.
# - A part that turns $[B, S, C]$ into the same shape fits into the block with one line. Its structure says who can hear
#   whom: everybody, neighbors, or nobody else.
# - At equal parameters, after one epoch, ConvMixer was far ahead. gMLP, ResMLP and the Mixer followed. Attention, pooling and
#   FNet were close to a network whose tokens never meet. ConvMixer's convolution gained six points on the
#   MLP in its own block, and nothing in the Mixer's: part and block interact.
# - Six questions to ask of a table: equal in what, tuned for whom, how long, on which images, how large, and what was
#   asked?
# - In the Mixer, token mixing and GELU are worth the most, then skips, the channel norm and channel mixing. The token norm
#   and the number of blocks made no difference that three seeds could show.
#
# ## Quiz
#
# **1.** A paper compares its new mixer with a Mixer of twice the parameters, each at the learning rate of the new one,
# and finds it half a point better with one seed. What would you ask?
#
# <details><summary>Answer</summary>
#
# Four things: what the accuracy is at equal cost, and in which currency; what each network reaches at a rate of its
# own; how much seeds vary; and whether both were trained long enough. Half a point with one seed is likely to be
# luck. That it wins with fewer parameters is in its favor.
#
# </details>
#
# **2.** You shuffle the patches of all test images in the same way. The accuracy of one network stays exactly
# the same. What do you know about its token mixing?
#
# <details><summary>Answer</summary>
#
# No part of it knows places: no token mixing at all, or attention without a position embedding. With the mean at the
# end, the order of the tokens then plays no part. (Retrained on shuffled patches, a Mixer would lose nothing either,
# on average. But that is another experiment: lesson 11.)
#
# </details>
#
# **3.** Pooling and FNet have no weights in their token mixing. How can an untrained part be of use at all?
#
# <details><summary>Answer</summary>
#
# The parts around it learn. Channel mixing can prepare what the neighbors will add up, and use what comes out. All
# that the part has to do is to bring tokens together. In our table this did not help: FNet brings all tokens
# together, and is level with *identity*.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), Appendix A for what did not help, section 3.3 and Figure 2 for the
#   role of the number of images.
# - [ResMLP](https://arxiv.org/abs/2105.03404), [gMLP](https://arxiv.org/abs/2105.08050),
#   [ConvMixer](https://arxiv.org/abs/2201.09792), [ViT](https://arxiv.org/abs/2010.11929),
#   [FNet](https://arxiv.org/abs/2105.03824) and [PoolFormer](https://arxiv.org/abs/2111.11418): for each, find the
#   one sentence.
# - [`mixer_lib/family`](../mixer_lib/family): each relative on about a screen.
# - The [glossary](glossary.md).
#
# You can now say what a network owes to its token mixing, and what it owes to its frame.
#
# Next: [14 · Scale](14_scale.ipynb) asks where the time goes, and what the paper's largest run would cost.
