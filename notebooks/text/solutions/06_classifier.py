# %% [markdown]
# # Solutions to lesson 6, the classifier
#
# Back to [the lesson](../06_classifier.ipynb).

# %%
from mixer_lib import exercises

# %% [markdown]
# ## 6.1 The classifier
#
# The three mistakes: the mean over the batch was subtracted, so the images heard each other; the mean over the tokens came
# before the norm; and the result was probabilities, while the loss expects logits.

# %% tags=["exercise-1"]
def classify(tokens, norm, head):
    """tokens: [B, S, C] -> logits [B, K]."""
    # SOLUTION
    x = norm(tokens)            # [B, S, C]
    x = x.mean(dim=1)           # [B, C]
    return head(x)              # [B, K]
    # END SOLUTION

# %%
exercises.check_classify(classify)

# %% [markdown]
# ## 6.2 The best first guess
#
# The logarithm undoes the power of $e$, and adding a constant to all biases would change nothing. The loss is the *entropy*
# of the classes. It is $\ln K$ for equal classes and lower for all others.

# %% tags=["exercise-2"]
def best_start(counts):
    """counts: [K], training images per class -> (biases [K], the first loss)."""
    # SOLUTION
    biases = (counts / counts.sum()).log()                  # [K]
    return biases, -(biases.exp() * biases).sum()
    # END SOLUTION

# %%
exercises.check_best_start(best_start)

# %% [markdown]
# ## 6.3 Count any Mixer

# %% tags=["exercise-3"]
def my_count(image_size, patch_size, in_channels, num_classes, num_blocks,
             hidden_dim, tokens_mlp_dim, channels_mlp_dim):
    """The number of parameters of MlpMixer with these arguments."""
    C, D_S, D_C = hidden_dim, tokens_mlp_dim, channels_mlp_dim
    # SOLUTION
    S = (image_size // patch_size) ** 2
    D = in_channels * patch_size ** 2
    embedding = D * C + C
    token_mlp = (S * D_S + D_S) + (D_S * S + S)
    channel_mlp = (C * D_C + D_C) + (D_C * C + C)
    block = token_mlp + channel_mlp + 2 * (2 * C)
    return embedding + num_blocks * block + 2 * C + (C + 1) * num_classes
    # END SOLUTION

# %%
exercises.check_count_parameters(my_count)

# %% [markdown]
# ## 6.4 A Mixer on a budget
#
# Patches of 4 × 4 give exactly 64 tokens. The MACs allow $D_S + D_C \le 199$ with 6 blocks of 96 channels: far from the
# paper's $D_C = 4C$, but a Mixer all the same.

# %% tags=["exercise-4"]
def my_design():
    """The arguments of an MlpMixer for CIFAR-10, as a dict."""
    # SOLUTION
    return dict(image_size=32, patch_size=4, in_channels=3, num_classes=10,
                num_blocks=6, hidden_dim=96, tokens_mlp_dim=64, channels_mlp_dim=128)
    # END SOLUTION

# %%
exercises.check_design(my_design)
