# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 14, scale
#
# Back to [the lesson](../14_scale.ipynb). Try each exercise before you look: a wrong answer teaches more than a right
# one that you read.

# %%
import torch
from torch.nn.functional import cross_entropy

from mixer_lib import exercises

# %% [markdown]
# ## 14.1 All-reduce
#
# The sum starts from 0, so no tensor that was given changes. Each process gets a copy.

# %% tags=["exercise-1"]
def all_reduce_mean(tensors):
    """tensors: one per process. Returns a list: what each process has afterwards."""
    # SOLUTION
    mean = sum(tensors) / len(tensors)
    return [mean.clone() for _ in tensors]
    # END SOLUTION

# %%
exercises.check_all_reduce_mean(all_reduce_mean)

# %% [markdown]
# ## 14.2 N times the gradient
#
# Each process adds up the losses of its images and divides by the number of images in the *whole* batch. Then the sum
# over the processes is the mean over the batch, whatever the sizes of the parts.

# %% tags=["exercise-2"]
def batch_gradient(model, x, y, count):
    """The gradient of the batch's mean loss: a list, a tensor per parameter."""
    # SOLUTION
    gradients = [torch.zeros_like(p) for p in model.parameters()]
    for x_part, y_part in zip(x.tensor_split(count), y.tensor_split(count)):
        loss = cross_entropy(model(x_part), y_part, reduction="sum") / len(x)
        for total, g in zip(gradients, torch.autograd.grad(loss, model.parameters())):
            total += g
    return gradients
    # END SOLUTION

# %%
exercises.check_batch_gradient(batch_gradient)

# %% [markdown]
# ## 14.3 Fill in a roofline
#
# Two times, of which the longer one counts. Which of them it is says what bounds the product.

# %% tags=["exercise-3"]
def least_time(M, K, N, size, peak, bandwidth):
    """(seconds, "memory" or "compute") for a product [M, K] x [K, N]."""
    # SOLUTION
    compute = 2 * M * K * N / peak
    memory = size * (M * K + K * N + M * N) / bandwidth
    return max(compute, memory), "compute" if compute > memory else "memory"
    # END SOLUTION

# %%
exercises.check_least_time(least_time)

# %% [markdown]
# ## 14.4 Read a profile
#
# What does not get faster takes as long as before. So even if the named operations took no time at all, the step could
# not get faster than before / (before - theirs). This is known as Amdahl's law.

# %% tags=["exercise-4"]
def speedup(rows, names, factor):
    """How many times as fast the step gets, if the operations in `names` do."""
    # SOLUTION
    before = sum(calls * each for calls, each in rows.values())
    after = sum(calls * each / (factor if name in names else 1)
                for name, (calls, each) in rows.items())
    return before / after
    # END SOLUTION

# %%
exercises.check_speedup(speedup)
