# %% [markdown]
# # Solution to the capstone
#
# Back to [the capstone](../capstone.ipynb).

# %%
from torch import nn

from mixer_lib import exercises

# %% [markdown]
# ## C.1 The whole Mixer
#
# The two lines of the block's `forward` are the paper's equation (1). Everything else prepares a table for them or reads
# the result.

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

# %% tags=["exercise-1"]
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

# %% [markdown]
# ## It reads digits
#
# The class with the weights of the trained model:

# %%
import torch

from mixer_lib.checkpoints import load_pretrained
from mixer_lib.configs import MODELS
from mixer_lib.data import load_dataset, normalize

mnist, (trained, _) = load_dataset("mnist"), load_pretrained("mnist")
model = Mixer(**MODELS["mnist"])
with torch.no_grad():
    for mine, theirs in zip(model.parameters(), trained.parameters(), strict=True):
        mine.copy_(theirs.view_as(mine))        # the check made sure of the order


@torch.no_grad()
def share_read():
    logits = model(normalize(mnist.test_images, mnist.mean, mnist.std))     # [B, K]
    return (logits.argmax(dim=1) == mnist.test_labels).float().mean().item()


print(f"{share_read():.1%}")

# %% [markdown]
# And with two mistakes:

# %%
for block in model.blocks:
    block.tokens[1] = block.channels[1] = nn.ReLU()
print(f"ReLU in the place of GELU: {share_read():.1%}")
for block in model.blocks:
    block.tokens[1] = block.channels[1] = nn.GELU()


def without_skips(self, x):
    x = self.tokens(self.norm1(x).mT).mT
    return self.channels(self.norm2(x))


Block.forward = without_skips
print(f"without the skip connections: {share_read():.1%}")
