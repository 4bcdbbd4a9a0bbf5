# %% [markdown]
# # Solutions to lesson 7, training on MNIST
#
# Back to [the lesson](../07_train_mnist.ipynb).

# %%
import copy

import torch
from torch.nn.functional import cross_entropy

from mixer_lib import exercises

# %% [markdown]
# ## 7.1 Accuracy

# %% tags=["exercise-1"]
def accuracy(logits, labels):
    """logits: [N, K], labels: [N] -> the share of hits, from 0 to 1."""
    # SOLUTION
    predictions = logits.argmax(dim=1)                      # [N]
    return (predictions == labels).float().mean().item()
    # END SOLUTION

# %%
exercises.check_accuracy(accuracy)

# %% [markdown]
# ## 7.2 The training step
#
# The four mistakes: eval mode, a softmax too many, no `zero_grad`, and a loss that is returned with its graph.
# `zero_grad` may come anywhere before `backward`, or at the very end of the step.

# %% tags=["exercise-2"]
def train_step(model, x, y, optimizer):
    """One update of the weights on a batch; returns the loss as a float."""
    # SOLUTION
    loss = cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    # END SOLUTION

# %%
exercises.check_train_step(train_step)

# %% [markdown]
# ## 7.3 The confusion matrix without a loop

# %% tags=["exercise-3"]
def confusion_matrix(labels, predictions, num_classes):
    """labels, predictions: [N] -> counts [K, K], one row per true class."""
    # SOLUTION
    pairs = labels * num_classes + predictions           # [N], each from 0 to K * K - 1
    counts = torch.bincount(pairs, minlength=num_classes ** 2)
    return counts.reshape(num_classes, num_classes)         # [K, K]
    # END SOLUTION

# %%
exercises.check_confusion_matrix(confusion_matrix)

# %% [markdown]
# ## 7.4 The whole loop
#
# The epoch is a function of its own, so that the lines about stopping can be read at a glance.

# %%
def train_one_epoch(model, optimizer, pairs):
    model.train()
    for x, y in pairs:
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% tags=["exercise-4"]
def train_and_stop(model, optimizer, train_batches, held_out, epochs, patience):
    """held_out: (x, y) -> a list of accuracies, one per epoch that was run."""
    # SOLUTION
    (x, y), accuracies, best, waited = held_out, [], -1, 0
    while len(accuracies) < epochs and waited < patience:
        train_one_epoch(model, optimizer, train_batches())
        model.eval()
        with torch.no_grad():
            hits = model(x).argmax(dim=1) == y                              # [N]
        accuracies.append(hits.float().mean().item())
        waited += 1
        if accuracies[-1] > best:
            best, waited, weights = accuracies[-1], 0, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    return accuracies
    # END SOLUTION

# %%
exercises.check_train_and_stop(train_and_stop)
