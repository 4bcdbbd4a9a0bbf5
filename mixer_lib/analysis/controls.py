"""Controls: kernels that keep some of what trained ones have, and lose the rest.

The random numbers are drawn on the CPU, so that a seed gives the same control on every device.
"""

import torch

from .kernels import checked


def shuffled(kernels: torch.Tensor, seed: int) -> torch.Tensor:
    """Kernels [..., n, S] with the numbers of each in a random order of its own. Stacked kernels get the same order."""
    random = torch.Generator().manual_seed(seed)
    order = torch.rand(kernels.shape[-2:], generator=random, device="cpu").argsort(dim=-1)
    return kernels.gather(-1, order.expand(kernels.shape).to(kernels.device))


def relabeled(kernels: torch.Tensor, seed: int) -> torch.Tensor:
    """Kernels [..., S] with their places in a random order, one and the same for all; W2.T gets that of W1 with the
    same seed. It keeps what does not depend on how the grid lies, such as what a place takes from itself."""
    order = torch.randperm(kernels.shape[-1], generator=torch.Generator().manual_seed(seed), device="cpu")
    return kernels[..., order.to(kernels.device)]


def random_like(kernels: torch.Tensor, seed: int) -> torch.Tensor:
    """Normal random numbers in the shape of `kernels`, with their standard deviation."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(kernels.shape, generator=random, dtype=kernels.dtype, device="cpu")
    return noise.to(kernels.device) * kernels.std()


def mixed(kernels: torch.Tensor, seed: int) -> torch.Tensor:
    """Kernels [..., n, S] as random mixtures of all of them, Q kernels with Q [n, n] orthogonal, the same Q for all.

    It keeps W1.T W1, all that does not ask for single units: the energy of each wave and in each place, summed over the
    kernels, their singular values and their singular pictures. It destroys what single kernels have of their own."""
    random = torch.Generator().manual_seed(seed)
    n = kernels.shape[-2]
    Q, R = torch.linalg.qr(torch.randn(n, n, generator=random, dtype=torch.float64, device="cpu"))
    Q = Q * R.diagonal().sign()                     # without it, not every mixture would be equally likely
    return Q.to(kernels) @ kernels


def same_spectrum(kernels: torch.Tensor, grid: tuple[int, int], seed: int) -> torch.Tensor:
    """Kernels [..., n, S] in which each wave has the energy that it had, but begins anywhere: as coarse as they were,
    without their shapes. Stacked kernels get the same phases."""
    H, W = checked(grid, kernels.shape[-1])
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(kernels.shape[-2], H, W, generator=random, dtype=kernels.dtype, device="cpu")
    phases = torch.fft.fft2(noise)                                                  # [n, H', W'], of a real picture
    waves = torch.fft.fft2(kernels.unflatten(-1, (H, W))).abs() * (phases / phases.abs()).to(kernels.device)
    return torch.fft.ifft2(waves).real.flatten(-2)                                  # [..., n, S]
