# %% [markdown]
# # Solutions to lesson 8, training on CIFAR-10
#
# Back to [the lesson](../08_train_cifar.ipynb).

# %%
from statistics import mean, variance

from torch.nn.functional import one_hot

from mixer_lib import exercises

# %% [markdown]
# ## 8.1 The loss of a blend

# %% tags=["exercise-1"]
def soft_loss(logits, shares):
    """logits: [N, K], shares of classes: [N, K] -> the mean cross-entropy in nats."""
    # SOLUTION
    log_p = logits.log_softmax(dim=1)                   # [N, K]
    return -(shares * log_p).sum(dim=1).mean()
    # END SOLUTION

# %%
exercises.check_soft_loss(soft_loss)

# %% [markdown]
# ## 8.2 CutMix

# %% tags=["exercise-2"]
def cutmix(x, y, box, num_classes):
    """x: [B, C_in, H, W], y: [B], box: (top, left, height, width) in pixels
    -> images [B, C_in, H, W] and shares of the classes [B, K]."""
    # SOLUTION
    top, left, height, width = box
    lines, columns = slice(top, top + height), slice(left, left + width)
    mixed = x.clone()                                   # [B, C_in, H, W]
    mixed[:, :, lines, columns] = x.roll(1, dims=0)[:, :, lines, columns]
    share = height * width / (x.shape[2] * x.shape[3])
    own = one_hot(y, num_classes).float()               # [B, K]
    return mixed, (1 - share) * own + share * own.roll(1, dims=0)
    # END SOLUTION

# %%
exercises.check_cutmix(cutmix)

# %% [markdown]
# ## 8.3 Gain or luck?

# %% tags=["exercise-3"]
def gain(before, after):
    """Two lists of accuracies -> (difference of their means, its standard error)."""
    # SOLUTION
    error = (variance(before) / len(before) + variance(after) / len(after)) ** 0.5
    return mean(after) - mean(before), error
    # END SOLUTION

# %%
exercises.check_gain(gain)

# %% [markdown]
# ## 8.4 Your own row
#
# One example of many: two changes that the table has only alone. We predicted one or two points more than RandAugment
# alone gains. Our three runs reached 56.0, 55.0 and 56.4% on held-out images. That is 11.3 ± 2.2 points more than plain,
# and 0.7 ± 1.5 more than RandAugment alone: a gain that may be luck.

# %% tags=["exercise-4"]
def my_change():
    """What changes in the plain recipe: a dict of arguments of Recipe."""
    # SOLUTION
    return {"flip": True, "randaugment": 9}
    # END SOLUTION

# %%
exercises.check_my_change(my_change)
