"""The numbers of a token-mixing MLP at a glance, each beside the controls that could refute it."""

import torch

from .controls import mixed, random_like, relabeled, shuffled
from .kernels import frequency, participation, partners, rank, twins
from .maps import chance_share, convolution_share, token_map


def summarize(W1: torch.Tensor, W2: torch.Tensor, grid: tuple[int, int], seed: int = 0,
              slopes: torch.Tensor | float = 0.5) -> dict[str, dict[str, torch.Tensor]]:
    """One token-mixing MLP, or several stacked, in a few numbers, each beside what it is in its controls.

    W1: [..., D_S, S]. W2: [..., S, D_S]. Returns {name: {"trained": [...], control: [...]}}, where the names are

    - of W1's rows the mean "frequency" (cycles per patch); the mean "pair correlation" with the closest opposite and
      "twin correlation" with the closest twin; the mean number of "places" over which they spread; and the "rank", of
      how many pictures they are made.
    - of the token map, with `slopes`, the "convolution share", and the "share without diagonal", which leaves out what
      places take from themselves.

    Rows are also "shuffled", which loses every shape; "mixed", which keeps all but single units, and with it the rank;
    or "random". The map is also of "relabeled" places; "chance" is that of random numbers. seed: of the controls."""
    rows = {"trained": W1, "shuffled": shuffled(W1, seed), "mixed": mixed(W1, seed)}
    spread = {"trained": W1, "random": random_like(W1, seed), "mixed": rows["mixed"]}
    maps = {"trained": token_map(W1, W2, slopes),
            "relabeled": token_map(relabeled(W1, seed), relabeled(W2.mT, seed).mT, slopes)}

    def share(diagonal):
        shares = {name: convolution_share(of, grid, diagonal) for name, of in maps.items()}
        return shares | {"chance": torch.full_like(shares["trained"], chance_share(grid, diagonal))}

    return {
        "frequency": {name: frequency(rows[name], grid).mean(dim=-1) for name in ("trained", "shuffled")},
        "pair correlation": {name: partners(kernels)[1].mean(dim=-1) for name, kernels in rows.items()},
        "places": {name: participation(kernels).mean(dim=-1) for name, kernels in spread.items()},
        "convolution share": share(diagonal=True),
        "share without diagonal": share(diagonal=False),
        "twin correlation": {name: twins(kernels)[1].mean(dim=-1) for name, kernels in rows.items()},
        "rank": {name: rank(rows[name]) for name in ("trained", "shuffled")},
    }
