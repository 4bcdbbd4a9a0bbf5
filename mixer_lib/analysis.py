"""What trained weights and gradients tell: pure functions that return arrays.

A *kernel* here is a hidden unit of token mixing, laid out on the grid of patches: a row of fc1's weights W1, or a
column of fc2's, W2. So `kernels` are W1, [D_S, S], or W2.T; axes before these two (snapshots of a training) stay. A
`grid` is (rows H', columns W') of patches, with S = H' W' places in raster order.
"""

import warnings

import torch
from torch.nn.functional import normalize

ORDERS = ("index", "frequency", "norm", "pairing")


def influence(layer, tokens, between="tokens"):
    """How strongly each output of `layer` moves with each input: an exact 0 says that one never sees the other.

    layer: maps [B, S, C] to [B, S', C']. tokens: [S, C], the place at which derivatives are taken. Entry [j, i] is the
    norm of the derivatives of all of output token j with respect to all of input token i: [S', S]. With
    between="channels" it is the same for channels: [C', C]."""
    if between not in ("tokens", "channels"):
        raise ValueError(f'between is {between!r}, expected "tokens" or "channels"')
    with torch.no_grad():           # jacrev differentiates all the same; nothing is kept for a derivative of it
        jacobian = torch.func.jacrev(lambda x: layer(x[None])[0], chunk_size=512)(tokens)   # [S', C', S, C]
    return jacobian.norm(dim=(1, 3) if between == "tokens" else (0, 2))


@torch.no_grad()
def influence_by_depth(blocks, tokens, directions=8, seed=0):
    """`influence` between the tokens at every depth at once, estimated, for models where the exact one takes minutes.

    blocks: the L of a model, in evaluation mode. tokens: [S, C], at depth 0. Returns [L + 1, S, S]; entry [d, j, i]:
    how strongly token j at depth d moves with token i. Each token is moved along `directions` random ones, at right
    angles to each other, and the squares are scaled up to C. With C directions the result is exact; with 8 an entry is
    off by 7% in the mean (bundled MNIST model)."""
    (S, C), random, strengths = tokens.shape, torch.Generator().manual_seed(seed), []

    def depths(x):
        return torch.cat(_through(blocks, x))                                       # [L + 1, S, C]

    push = torch.vmap(lambda tangent: torch.func.jvp(depths, (tokens[None],), (tangent[None],))[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)      # of torch, about the inside of its own jvp
        for some in torch.arange(S).split(8):               # all at once would need gigabytes
            tangents = tokens.new_zeros(len(some), directions, S, C)
            for k, i in enumerate(some):
                basis = torch.linalg.qr(torch.randn(C, directions, generator=random, dtype=tokens.dtype)).Q
                tangents[k, :, i] = basis.T
            moved = push(tangents.flatten(0, 1)).unflatten(0, tangents.shape[:2])   # [some, directions, L + 1, S, C]
            strengths.append((moved.square().sum(dim=(1, 4)) * C / directions).sqrt())
    return torch.cat(strengths).permute(1, 2, 0)                                    # [S, L + 1, S] -> [L + 1, S, S]


def grid_of(model):
    """(rows H', columns W') of the grid of patches that a model cuts its images into."""
    stem = model.patch_embedding
    return tuple(side // patch for side, patch in zip(stem.image_size, stem.patch_size))


def spectrum(kernels, grid):
    """The energy of kernels [..., S] at each spatial frequency, without their mean: [..., H', W'].

    Frequency 0 is in the middle, at [H' // 2, W' // 2]; a row further down is one more cycle over the grid's height, a
    column further right one more over its width. The sum is S times the sum of the squares of kernel less mean.
    Raises ValueError for a grid that the kernels do not fill."""
    maps = _centered(kernels).unflatten(-1, _checked(grid, kernels.shape[-1]))      # [..., H', W']
    return torch.fft.fftshift(torch.fft.fft2(maps).abs().square(), dim=(-2, -1))


def frequency(kernels, grid):
    """The mean spatial frequency of kernels [..., S], each frequency weighted with its energy: [...], in cycles per
    patch. A wave of 8 patches from crest to crest has 1/8; the highest is 1/2 along a row or a column, 0.71 along both;
    random numbers have about 0.38, a kernel that is the same everywhere 0."""
    energy = spectrum(kernels, grid)                                                # [..., H', W']
    vertical, horizontal = (torch.fft.fftshift(torch.fft.fftfreq(n, dtype=energy.dtype)) for n in grid)
    radius = torch.hypot(vertical[:, None], horizontal)                             # [H', W']
    return ((energy * radius).sum(dim=(-2, -1)) / energy.sum(dim=(-2, -1))).nan_to_num(0.0)


def places(kernels):
    """Over how many places kernels [..., S] spread, their participation ratio (sum of squares)² / sum of 4th powers:
    [...], from 1, a single place, to S, all with the same strength; random normal numbers have about S / 3."""
    squares = kernels.square()
    return (squares.sum(dim=-1).square() / squares.square().sum(dim=-1)).nan_to_num(0.0)


def partners(kernels):
    """The closest opposite of each of kernels [..., n, S]: (its index [..., n], their correlation [..., n]).

    The correlation is the cosine of the two less their means; an opposite phase has -1. Even random kernels find
    partners below 0, the more of them the lower: compare with `shuffled`. Raises ValueError for a single kernel."""
    index = _correlations(kernels).min(dim=-1)
    return index.indices, index.values


def order(kernels, grid, by):
    """The indices of kernels [n, S] in an order of ORDERS: [n].

    "frequency": low first. "norm": large first. "pairing": in pairs, of what is left always the two of opposite phase
    that come closest to -1; an odd one comes last. Raises ValueError for another order."""
    if by == "index":
        return torch.arange(len(kernels))
    if by == "frequency":
        return frequency(kernels, grid).argsort(stable=True)
    if by == "norm":
        return kernels.norm(dim=-1).argsort(descending=True, stable=True)
    if by != "pairing":
        raise ValueError(f"the order is {by!r}, expected one of {', '.join(ORDERS)}")
    left, paired = _correlations(kernels), []                                       # [n, n]
    for _ in range(len(kernels) // 2):
        pair = divmod(left.argmin().item(), len(kernels))
        left[pair, :] = left[:, pair] = torch.inf
        paired += pair
    return torch.tensor(paired + sorted(set(range(len(kernels))) - set(paired)))


def token_map(W1, W2):
    """Token mixing as one linear map of places, W2 diag(1/2) W1: [..., S, S], of W1 [..., D_S, S] and W2 [..., S, D_S].

    The slope of the GELU at 0 is 1/2, so this is how the layer answers to small tokens, its biases left out. Of what a
    layer does to real tokens it is a sketch: there, each unit has a slope of its own."""
    return W2 @ W1 / 2


def convolution_share(maps, grid):
    """The share of the energy (the sum of the squares) of linear maps [..., S, S] that a convolution over the grid
    with zero padding can have: [...], from 0 to 1.

    In such a matrix, doubly block Toeplitz, [s, t] depends only on how far down and to the right t is from s. The
    convolution nearest to a map has the means over all pairs of places of one displacement. Chance: `chance_share`."""
    H, W = _checked(grid, maps.shape[-1])
    row, column = torch.arange(H * W) // W, torch.arange(H * W) % W
    down, right = row - row[:, None] + H - 1, column - column[:, None] + W - 1      # [S, S], from 0
    displacement = (down * (2 * W - 1) + right).flatten()                           # [S * S]
    pairs = displacement.bincount()                                                 # [(2 H' - 1)(2 W' - 1)]
    sums = maps.new_zeros(*maps.shape[:-2], len(pairs)).index_add(-1, displacement, maps.flatten(-2))
    return (sums.square() / pairs).sum(dim=-1) / maps.square().sum(dim=(-2, -1))


def chance_share(grid):
    """The `convolution_share` of random numbers: (2H' - 1)(2W' - 1) free weights of S²."""
    H, W = grid
    return (2 * H - 1) * (2 * W - 1) / (H * W) ** 2


def shuffled(kernels, seed):
    """A control: kernels [..., n, S], the numbers of each in a random order of its own (stacked ones in the same)."""
    random = torch.Generator().manual_seed(seed)
    order = torch.rand(kernels.shape[-2:], generator=random).argsort(dim=-1)
    return kernels.gather(-1, order.expand(kernels.shape))


def relabeled(kernels, seed):
    """A control: kernels [..., S] with their places in a random order, one and the same for all; W2.T in that of W1,
    with the same seed. It keeps what does not depend on how the grid lies, such as what a place takes from itself."""
    return kernels[..., torch.randperm(kernels.shape[-1], generator=torch.Generator().manual_seed(seed))]


def random_like(kernels, seed):
    """A control: normal random numbers in the shape of `kernels`, with their standard deviation."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(kernels.shape, generator=random, dtype=kernels.dtype) * kernels.std()


def summarize(W1, W2, grid, seed=0):
    """One token-mixing MLP, or several stacked, in four numbers, each beside what it is in a control.

    W1: [..., D_S, S]. W2: [..., S, D_S]. Returns {name: {"trained": [...], control: [...]}}: of W1's rows the mean
    "frequency" (cycles per patch) and the mean "pair correlation" with the closest opposite, both also `shuffled`; the
    mean number of "places", also of random numbers; and the "convolution share" of the token map, also `relabeled`, and
    by chance. seed: of the controls."""
    controls = {"trained": W1, "shuffled": shuffled(W1, seed)}
    relabeled_map = token_map(relabeled(W1, seed), relabeled(W2.mT, seed).mT)
    share = convolution_share(token_map(W1, W2), grid)
    return {
        "frequency": {name: frequency(rows, grid).mean(dim=-1) for name, rows in controls.items()},
        "pair correlation": {name: partners(rows)[1].mean(dim=-1) for name, rows in controls.items()},
        "places": {"trained": places(W1).mean(dim=-1), "random": places(random_like(W1, seed)).mean(dim=-1)},
        "convolution share": {"trained": share, "relabeled": convolution_share(relabeled_map, grid),
                              "chance": torch.full_like(share, chance_share(grid))},
    }


@torch.no_grad()
def tables_by_depth(model, images):
    """The tables [B, S, C] of normalized images [B, C_in, H, W] before each block of a model, which is in evaluation
    mode, and after the last: a list of L + 1."""
    return _through(model.blocks, model.patch_embedding(images))


@torch.no_grad()
def logits_without(model, tables, off=()):
    """The logits [B, K] that a model would give with parts of it switched off; the model stays as it is.

    tables: what `tables_by_depth` gives, so that blocks before the first switch need not be computed again. off: pairs
    (block, part), where part is "token mixing" or "channel mixing", which then adds nothing, or the number of a hidden
    unit of the block's token mixing, whose answer is then 0. Raises ValueError for a part that there is not."""
    for k, part in off:
        if not 0 <= k < len(model.blocks):
            raise ValueError(f"block {k} cannot be switched off: there are blocks 0 to {len(model.blocks) - 1}")
        units = model.blocks[k].token_mixing.fc1.out_features
        if part not in ("token mixing", "channel mixing", *range(units)):
            raise ValueError(f"{part!r} cannot be switched off: expected \"token mixing\", \"channel mixing\" or a "
                             f"hidden unit of token mixing, 0 to {units - 1}")
    first = min((k for k, _ in off), default=len(model.blocks))
    x = tables[first]                                                               # [B, S, C]
    for k, block in enumerate(model.blocks[first:], start=first):
        if (k, "token mixing") not in off:
            mixing = block.token_mixing
            hidden = mixing.gelu(mixing.fc1(block.token_norm(x).mT))                # [B, C, D_S]
            hidden[..., [part for b, part in off if b == k and not isinstance(part, str)]] = 0
            x = x + mixing.fc2(hidden).mT                                           # [B, C, S] -> [B, S, C]
        if (k, "channel mixing") not in off:
            x = x + block.channel_mixing(block.channel_norm(x))
    return model.head(model.norm(x).mean(dim=1))                                    # [B, C] -> [B, K]


def _through(blocks, x):
    """The table x and what each of the blocks makes of it, one after the other: a list of L + 1."""
    tables = [x]
    for block in blocks:
        tables.append(block(tables[-1]))
    return tables


def _centered(kernels):
    """Kernels less their mean; one that is the same everywhere gives exact zeros and not what rounding leaves."""
    centered = kernels - kernels.mean(dim=-1, keepdim=True)
    flat = centered.norm(dim=-1) <= 100 * torch.finfo(kernels.dtype).eps * kernels.norm(dim=-1)
    return centered.masked_fill(flat[..., None], 0)


def _correlations(kernels):
    """The correlation of each two of kernels [..., n, S], [..., n, n], with infinity on the diagonal."""
    if kernels.shape[-2] < 2:
        raise ValueError("a single kernel has no partner: give two or more, [n, S]")
    unit = normalize(_centered(kernels), dim=-1)                                    # [..., n, S], each of norm 1
    nowhere = torch.full(kernels.shape[-2:-1], torch.inf, dtype=kernels.dtype)
    return unit @ unit.mT + torch.diag(nowhere)


def _checked(grid, S):
    """`grid`, a pair of numbers whose product must be S."""
    H, W = grid
    if H * W != S:
        raise ValueError(f"a grid of {H} x {W} has {H * W} places, but here are {S}: give the model's, grid_of(model)")
    return H, W
