"""Kernels of token mixing: how fast they wave, how far they spread, and which ones are opposites.

A *kernel* is a hidden unit of token mixing, laid out on the grid of patches: a row of fc1's weights W1, or a column of
fc2's, W2. So `kernels` are W1, [D_S, S], or W2.T. Axes before these two (snapshots of a training) stay. A `grid` is
(rows H', columns W') of patches, with S = H' W' places in raster order.
"""

import torch
from torch.nn.functional import normalize

ORDERS = ("index", "frequency", "norm", "pairing")


def grid_of(model):
    """(rows H', columns W') of the grid of patches that a model cuts its images into."""
    return model.config.grid


def mixing_weights(model):
    """The weights of a model's token mixing: W1 [L, D_S, S] and W2 [L, S, D_S] of its L blocks, on the model's device.

    Raises ValueError for a model whose token mixing is not an MLP with fc1 and fc2."""
    for k, block in enumerate(model.blocks):
        mixing = block.token_mixing
        if not all(hasattr(getattr(mixing, name, None), "weight") for name in ("fc1", "fc2")):
            raise ValueError(f"token mixing of block {k} is {type(mixing).__name__}, without the weights fc1 and fc2: "
                             f"expected a model with an MLP there, such as an MlpMixer")
    return tuple(torch.stack([getattr(block.token_mixing, name).weight.detach() for block in model.blocks])
                 for name in ("fc1", "fc2"))


def spectrum(kernels, grid):
    """The energy of kernels [..., S] at each spatial frequency, without their mean: [..., H', W'].

    Frequency 0 is in the middle, at [H' // 2, W' // 2]. One row further down is one more cycle over the grid's height,
    one column further right is one more over its width. The sum is S times the sum of the squares of kernel less mean.
    Raises ValueError for a grid that the kernels do not fill."""
    maps = centered(kernels).unflatten(-1, checked(grid, kernels.shape[-1]))       # [..., H', W']
    return torch.fft.fftshift(torch.fft.fft2(maps).abs().square(), dim=(-2, -1))


def frequency(kernels, grid):
    """The mean spatial frequency of kernels [..., S], each frequency weighted with its energy: [...], in cycles per
    patch.

    A wave of 8 patches from crest to crest has 1/8. The highest is 1/2 along a row or a column, 0.71 along both. Random
    numbers have about 0.38, a kernel that is the same everywhere has 0."""
    energy = spectrum(kernels, grid)                                                # [..., H', W']
    vertical, horizontal = (torch.fft.fftshift(torch.fft.fftfreq(n, dtype=energy.dtype, device=energy.device))
                            for n in grid)
    radius = torch.hypot(vertical[:, None], horizontal)                             # [H', W']
    return ((energy * radius).sum(dim=(-2, -1)) / energy.sum(dim=(-2, -1))).nan_to_num(0.0)


def participation(kernels):
    """Over how many places kernels [..., S] spread, their participation ratio (sum of squares)² / sum of 4th powers:
    [...], from 1, a single place, to S, all with the same strength. Random normal numbers have about S / 3."""
    squares = kernels.square()
    return (squares.sum(dim=-1).square() / squares.square().sum(dim=-1)).nan_to_num(0.0)


def partners(kernels):
    """The closest opposite of each of kernels [..., n, S]: (its index [..., n], their correlation [..., n]).

    The correlation is the cosine of the two minus their means; an opposite phase has -1. Even random kernels find
    partners below 0, the lower the more of them there are: compare with `shuffled`. Raises ValueError for a single
    kernel."""
    index = _correlations(kernels).min(dim=-1)
    return index.indices, index.values


def twins(kernels):
    """The closest twin of each of kernels [..., n, S]: (its index [..., n], their correlation [..., n]), the largest
    that there is; otherwise as `partners`."""
    correlations = _correlations(kernels)
    correlations.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf)
    index = correlations.max(dim=-1)
    return index.indices, index.values


def singular_pictures(kernels):
    """The pictures that kernels [..., n, S] are sums of, strongest first: (their energies [..., m], the pictures
    [..., m, S], each of norm 1), with m the smaller of n and S.

    Their singular value decomposition: the energies are the squares of the singular values, the pictures the right
    singular vectors. A picture's sign is free; here its mean is not negative."""
    _, values, pictures = torch.linalg.svd(kernels, full_matrices=False)            # [..., m], [..., m, S]
    sign = 2 * (pictures.mean(dim=-1, keepdim=True) >= 0) - 1
    return values.square(), pictures * sign


def rank(kernels):
    """About how many different pictures kernels [..., n, S] are made of: the participation ratio of their energies,
    [...], from 1 (all are multiples of one) to the smaller of n and S. Random kernels have about n S / (n + S)."""
    products = kernels @ kernels.mT                                                 # its eigenvalues are the energies
    return (kernels.square().sum(dim=(-2, -1)).square() / products.square().sum(dim=(-2, -1))).nan_to_num(0.0)


def order(kernels, grid, by):
    """The indices of kernels [n, S] in an order of ORDERS: [n].

    "frequency": low first. "norm": large first. "pairing": in pairs. The next pair is always the two of those left that
    come closest to opposite phase, -1; an odd one comes last. Raises ValueError for another order."""
    if by == "index":
        return torch.arange(len(kernels), device=kernels.device)
    if by == "frequency":
        return frequency(kernels, grid).argsort(stable=True)
    if by == "norm":
        return kernels.norm(dim=-1).argsort(descending=True, stable=True)
    if by != "pairing":
        raise ValueError(f"the order is {by!r}, expected one of {', '.join(ORDERS)}")
    left, paired = _correlations(kernels).cpu(), []     # [n, n]; with a GPU, each argmin would have to wait for it
    for _ in range(len(kernels) // 2):
        pair = divmod(left.argmin().item(), len(kernels))
        left[pair, :] = left[:, pair] = torch.inf
        paired += pair
    return torch.tensor(paired + sorted(set(range(len(kernels))) - set(paired)), device=kernels.device)


def checked(grid, S):
    """`grid`, a pair of numbers. Raises ValueError if their product is not S."""
    H, W = grid
    if H * W != S:
        raise ValueError(f"a grid of {H} x {W} has {H * W} places, but here are {S}: give the model's, grid_of(model)")
    return H, W


def centered(kernels):
    """Kernels minus their mean. One that is the same everywhere gives exact zeros, without rounding errors."""
    less = kernels - kernels.mean(dim=-1, keepdim=True)
    flat = less.norm(dim=-1) <= 100 * torch.finfo(kernels.dtype).eps * kernels.norm(dim=-1)
    return less.masked_fill(flat[..., None], 0)


def _correlations(kernels):
    """The correlation of each two of kernels [..., n, S], [..., n, n], with infinity on the diagonal."""
    if kernels.shape[-2] < 2:
        raise ValueError("a single kernel has no partner: give two or more, [n, S]")
    unit = normalize(centered(kernels), dim=-1)                                    # [..., n, S], each of norm 1
    correlations = unit @ unit.mT
    correlations.diagonal(dim1=-2, dim2=-1).fill_(torch.inf)
    return correlations
