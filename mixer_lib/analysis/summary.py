"""The numbers of a token-mixing MLP at a glance, each beside its control."""

import torch

from .controls import random_like, relabeled, shuffled
from .kernels import frequency, participation, partners
from .maps import chance_share, convolution_share, token_map


def summarize(W1, W2, grid, seed=0):
    """One token-mixing MLP, or several stacked, in four numbers, each beside what it is in a control.

    W1: [..., D_S, S]. W2: [..., S, D_S]. Returns {name: {"trained": [...], control: [...]}}: of W1's rows the mean
    "frequency" (cycles per patch) and the mean "pair correlation" with the closest opposite, both also `shuffled`; the
    mean number of "places" over which they spread (`participation`), also of random numbers; and the "convolution
    share" of the token map, also `relabeled`, and by chance. seed: of the controls."""
    kernels = {"trained": W1, "shuffled": shuffled(W1, seed)}
    relabeled_map = token_map(relabeled(W1, seed), relabeled(W2.mT, seed).mT)
    share = convolution_share(token_map(W1, W2), grid)
    return {
        "frequency": {name: frequency(rows, grid).mean(dim=-1) for name, rows in kernels.items()},
        "pair correlation": {name: partners(rows)[1].mean(dim=-1) for name, rows in kernels.items()},
        "places": {"trained": participation(W1).mean(dim=-1),
                   "random": participation(random_like(W1, seed)).mean(dim=-1)},
        "convolution share": {"trained": share, "relabeled": convolution_share(relabeled_map, grid),
                              "chance": torch.full_like(share, chance_share(grid))},
    }
