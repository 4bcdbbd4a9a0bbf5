"""Controls: kernels that keep some of what trained ones have, and lose the rest.

The random numbers are drawn on the CPU, so that a seed gives the same control on every device.
"""

import torch


def shuffled(kernels, seed):
    """Kernels [..., n, S] with the numbers of each in a random order of its own. Stacked kernels get the same order."""
    random = torch.Generator().manual_seed(seed)
    order = torch.rand(kernels.shape[-2:], generator=random, device="cpu").argsort(dim=-1)
    return kernels.gather(-1, order.expand(kernels.shape).to(kernels.device))


def relabeled(kernels, seed):
    """Kernels [..., S] with their places in a random order, one and the same for all; W2.T gets that of W1 with the
    same seed. It keeps what does not depend on how the grid lies, such as what a place takes from itself."""
    order = torch.randperm(kernels.shape[-1], generator=torch.Generator().manual_seed(seed), device="cpu")
    return kernels[..., order.to(kernels.device)]


def random_like(kernels, seed):
    """Normal random numbers in the shape of `kernels`, with their standard deviation."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(kernels.shape, generator=random, dtype=kernels.dtype, device="cpu")
    return noise.to(kernels.device) * kernels.std()
