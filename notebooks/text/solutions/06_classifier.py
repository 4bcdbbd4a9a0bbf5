# %% [markdown]
# # Solutions to lesson 6, the classifier
#
# Back to [the lesson](../06_classifier.ipynb).

# %%
from torch import nn

from mixer_lib import exercises

# %% [markdown]
# ## 6.1 The end of the network

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
# ## 6.2 Count any Mixer

# %% tags=["exercise-2"]
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
# ## 6.3 A Mixer on a budget
#
# Patches of 4 × 4 give exactly 64 tokens. The MACs allow $D_S + D_C \le 199$ with 6 blocks of 96 channels: far from the
# paper's $D_C = 4C$, but a Mixer all the same.

# %% tags=["exercise-3"]
def my_design():
    """The arguments of an MlpMixer for CIFAR-10, as a dict."""
    # SOLUTION
    return dict(image_size=32, patch_size=4, in_channels=3, num_classes=10,
                num_blocks=6, hidden_dim=96, tokens_mlp_dim=64, channels_mlp_dim=128)
    # END SOLUTION

# %%
exercises.check_design(my_design)

# %% [markdown]
# ## 6.4 Capstone: the whole Mixer, from an empty cell
#
# The two lines of the block's `forward` are the paper's equation (1). All the rest makes a table for them, or reads one.

# %%
def mlp(dim, hidden):
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))


class Block(nn.Module):
    def __init__(self, S, C, D_S, D_C):
        super().__init__()
        self.norm1, self.tokens = nn.LayerNorm(C, eps=1e-6), mlp(S, D_S)
        self.norm2, self.channels = nn.LayerNorm(C, eps=1e-6), mlp(C, D_C)

    def forward(self, x):                               # [B, S, C]
        x = x + self.tokens(self.norm1(x).mT).mT        # [B, C, S] and back
        return x + self.channels(self.norm2(x))         # [B, S, C]

# %% tags=["exercise-4"]
class Mixer(nn.Module):
    """image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
    tokens_mlp_dim, channels_mlp_dim; images [B, C_in, H, W] -> logits [B, K]."""
    # SOLUTION
    def __init__(self, image_size, patch_size, in_channels, num_classes, num_blocks,
                 hidden_dim, tokens_mlp_dim, channels_mlp_dim):
        super().__init__()
        P, S, C = patch_size, (image_size // patch_size) ** 2, hidden_dim
        self.P, self.embed = P, nn.Linear(in_channels * P * P, C)
        self.blocks = nn.Sequential(*[Block(S, C, tokens_mlp_dim, channels_mlp_dim)
                                      for _ in range(num_blocks)])
        self.norm, self.head = nn.LayerNorm(C, eps=1e-6), nn.Linear(C, num_classes)

    def forward(self, images):
        (B, C_in, H, W), P = images.shape, self.P
        x = images.reshape(B, C_in, H // P, P, W // P, P).permute(0, 2, 4, 1, 3, 5)
        x = self.embed(x.reshape(B, -1, C_in * P * P))  # [B, S, D] -> [B, S, C]
        x = self.norm(self.blocks(x)).mean(dim=1)       # [B, S, C] -> [B, C]
        return self.head(x)                             # [B, K]
    # END SOLUTION

# %%
exercises.check_mixer(Mixer)
