# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to lesson 0, start here
#
# Back to [the lesson](../00_start_here.ipynb). Try each exercise before you look here. A wrong answer of your own teaches
# more than a right one that you read.

# %%
from mixer_lib import exercises

# %% [markdown]
# ## 0.1 The best class
#
# The first line finds the position of the highest score, and the second line looks up the name at that position.

# %% tags=["exercise-1"]
def best_class(scores, classes):
    """The name of the class with the highest score."""
    # SOLUTION
    place = scores.index(max(scores))
    return classes[place]
    # END SOLUTION

# %%
exercises.check_best_class(best_class)

# %% [markdown]
# ## 0.2 In doubt
#
# The first mistake was `row.min()`. Every row has small entries; only its highest entry tells how sure the network is. The
# second mistake was `n + 1`: `enumerate` already counts as the exercise asks, from 0.
#
# Without a loop, the body is one line: `(probabilities.max(dim=1).values < limit).nonzero().flatten().tolist()`.

# %% tags=["exercise-2"]
def in_doubt(probabilities, limit):
    """The positions of the rows [B, K] whose highest entry is below limit: a list."""
    # SOLUTION
    found = []
    for n, row in enumerate(probabilities):     # row: [K]
        if row.max() < limit:
            found.append(n)
    return found
    # END SOLUTION

# %%
exercises.check_in_doubt(in_doubt)
