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
# Back to [the lesson](../00_start_here.ipynb). Try each exercise before you look: a wrong answer teaches more than a right
# one that you read.

# %%
from mixer_lib import exercises

# %% [markdown]
# ## 0.1 The best class

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
# `nonzero` gives the places at which a condition is true.

# %% tags=["exercise-2"]
def in_doubt(probabilities, limit):
    """The rows of probabilities [B, K] whose highest entry is below limit: a list."""
    # SOLUTION
    highest = probabilities.max(dim=1).values           # [N]
    return (highest < limit).nonzero().flatten().tolist()
    # END SOLUTION

# %%
exercises.check_in_doubt(in_doubt)
