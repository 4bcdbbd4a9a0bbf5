"""Lesson 09, looking into token-mixing weights."""

import torch
from torch.nn.functional import conv2d

from .. import analysis
from ..analysis import same_spectrum
from ..checkpoints import load_pretrained
from .checking import Wrong, ask, ask_without, compare, exercise, need, whole


def means(M, down, right, by=None):
    """The mean of the entries of M [S, S] of each pair of keys [S, S], or their sum divided by `by`, in a table with
    the keys from the smallest to the largest: [down's, right's]. 0 where there is none."""
    rows, columns = down - down.min(), right - right.min()
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    cell = (rows * shape[1] + columns).flatten()
    count = cell.bincount(minlength=shape[0] * shape[1])
    sums = M.new_zeros(len(count)).index_add(0, cell, M.flatten())
    return (sums / (count.clamp(min=1) if by is None else by)).view(shape)


def diagonals(M, rows, columns):
    """The means of whole diagonals of M, as if all their pairs had one displacement: [2 rows - 1, 2 columns - 1]."""
    offsets = [[d * columns + r for r in range(1 - columns, columns)] for d in range(1 - rows, rows)]
    return torch.tensor([[M.diagonal(offset).mean() for offset in line] for line in offsets])


def folded(M, down, right):
    """The means over distances, with their signs lost, in the four quarters alike."""
    near = means(M, down.abs(), right.abs())                                # [rows, columns]
    lines, places = (torch.arange(1 - size, size).abs() for size in near.shape)
    return near[lines][:, places]


def one_of_each(M, down, right, last):
    """The first entry of each displacement, or the last one: [2 rows - 1, 2 columns - 1]."""
    table = M.new_zeros(int(down.max()) * 2 + 1, int(right.max()) * 2 + 1)
    entries = list(zip((down - down.min()).flatten().tolist(), (right - right.min()).flatten().tolist(),
                       M.flatten().tolist()))
    for d, r, value in (entries if last else entries[::-1]):
        table[d, r] = value
    return table


@exercise("9.1", "whatever a place takes from its neighbors, you can now see it.")
def check_displacement_kernel(displacement_kernel):
    """displacement_kernel(M, rows, columns): [S, S] -> [2 rows - 1, 2 columns - 1], means over all pairs of places with
    one displacement."""
    for rows, columns in ((2, 4), (4, 2)):
        torch.manual_seed(columns)
        S, s = rows * columns, torch.arange(rows * columns)

        def apart(index):
            return index - index[:, None]                                   # [s, t]: that of t minus that of s

        down, right = apart(s // columns), apart(s % columns)
        stamp = torch.randn(3, 3)
        stops = torch.eye(S).view(S, 1, rows, columns)
        convolution = conv2d(stops, stamp[None, None], padding=1).flatten(1).T                  # [S, S]
        where = f"on a grid of {rows} x {columns}"
        for M, what in ((torch.randn(S, S), "of random numbers"),
                        (convolution, "of a 3 x 3 convolution, whose kernel must come back, with 0 around it")):
            expected = means(M, down, right)
            got = ask_without(analysis.displacement_kernel, displacement_kernel, M, rows, columns)
            need(not isinstance(got, torch.Tensor) or got.shape != M.shape,
                 f"{where} the result has shape {[S, S]}: that is a map. The exercise asks for the kernel, one number "
                 f"for each displacement, {[2 * rows - 1, 2 * columns - 1]}.")
            wrong = {
                "s and t are swapped, so the kernel is turned by half a turn: the first index of M is the place that "
                "takes, and the displacement leads from it to the place that it takes from.": expected.flip(0, 1),
                "down and right are exchanged: the first axis of the kernel is how far down.": expected.T,
                "up and down are exchanged: row 0 of the kernel is for places far above.": expected.flip(0),
                "left and right are exchanged: column 0 of the kernel is for places far to the left.":
                    expected.flip(1),
                "these are sums over the pairs. The exercise asks for their means.": means(M, down, right, by=1),
                "the sums are divided by S. But not every place has another at this displacement: divide by the number "
                "of pairs.": means(M, down, right, by=S),
                "the means run over all of M, zeros for other displacements included: divide by the number of pairs.":
                    means(M, down, right, by=S * S),
                "a diagonal of M holds pairs of two displacements. At the end of a row of the grid, the next place is "
                "one down and far to the left: such pairs must not count.": diagonals(M, rows, columns),
                "the kernel lacks its offset: displacement (0, 0) belongs in the middle, but lies at [0, 0], and "
                "negative indices count from the end.": expected.roll((1 - rows, 1 - columns), (0, 1)),
                "a displacement has a sign: left is not right, and up is not down.": folded(M, down, right),
                "one pair of places stands for all other pairs of its displacement: take the mean.":
                    one_of_each(M, down, right, last=False),
                "the last pair of a displacement overwrites those before it: take the mean of all.":
                    one_of_each(M, down, right, last=True),
                "place s lies in row s // columns and in column s % columns.":
                    means(M, apart(s % rows), apart(s // rows)),
            }
            wrong = {message: value for message, value in wrong.items()
                     if value.shape == expected.shape and not torch.allclose(value, expected, atol=1e-5)}
            compare(got, expected, {f"{where}, {message}": value for message, value in wrong.items()},
                    f"M is a map {what}, {where}. The middle of the result, [{rows - 1}, {columns - 1}], is what a "
                    f"place takes from itself, and [{rows - 1}, {columns}] from its right neighbor.")


@exercise("9.2", "whoever claims something of single units now has to show that such mixtures do not have it.")
def check_mixed_rows(mixed_rows):
    """mixed_rows(W1, seed): [D_S, S] -> [D_S, S], Q @ W1 with Q random and orthogonal."""
    torch.manual_seed(9)
    W1 = torch.randn(12, 20) * torch.logspace(0, -2, 20)
    state = torch.random.get_rng_state()
    mixture = ask_mixture(mixed_rows, W1, 0)
    need(torch.equal(state, torch.random.get_rng_state()),
         "it draws from torch's global random numbers, so everything that comes later in the notebook changes. Draw "
         "from your own generator: torch.Generator().manual_seed(seed), then torch.randn(..., generator=...).")
    need(isinstance(mixture, torch.Tensor) and mixture.shape == W1.shape,
         f"for W1 of shape {list(W1.shape)} the result has {shape_of(mixture)}, expected a tensor of W1's shape.")
    need(torch.equal(mixture, ask(mixed_rows, W1, 0)),
         "called twice with seed 0, it gives two different results: the seed must determine all that is drawn.")

    def close(a, b):
        return torch.allclose(a.double(), b.double(), atol=1e-4)

    need(not close(mixture, W1), "the result is W1 itself: mix its rows.")
    need(close(mixture.T @ mixture, W1.T @ W1), lost(mixture, W1, close))
    # Q W1 = mixture has one solution, since the 12 rows of W1 are independent.
    Q = torch.linalg.lstsq(W1.T.double(), mixture.T.double()).solution.T
    need((Q.abs() > 0.999).sum() < len(W1),
         "the rows only change places or signs, so each unit is still there. Each new row must be a mixture of all "
         "rows.")
    need((Q.abs() > 1e-3).float().mean() > 0.9 and Q.abs().max() < 0.95,
         "some new rows are mostly one old row, or mixtures of only a few. Take a Q without zeros: the Q of the QR "
         "decomposition of a square of random numbers.")
    draws = [mixture] + [ask(mixed_rows, W1, seed) for seed in range(1, 10)]
    for b, other in enumerate(draws):
        for a in range(b):
            need(not close(draws[a], other), f"seeds {a} and {b} give the same result. Does the generator start at "
                                             "`seed`?")
    # Rows and columns of Q have length 1, so each adds up to about a standard normal number, now above 0, now below.
    Q = torch.linalg.lstsq(W1.T.double(), torch.cat(draws).T.double()).solution.T.view(10, 12, 12)
    need(all(Q.sum(dim).abs().mean(dim=0).max() < 2.2 for dim in (1, 2)),
         "Q is orthogonal, but it leans to one side: with each seed, nearly all weights of one old row have the same "
         "sign. Draw with torch.randn, not with torch.rand, which has no numbers below 0.")
    for n, S in ((5, 3), (1, 4)):
        small = torch.randn(n, S)
        mixture = ask_mixture(mixed_rows, small, 3)
        need(isinstance(mixture, torch.Tensor) and mixture.shape == small.shape and
             close(mixture.T @ mixture, small.T @ small),
             f"for W1 of shape {[n, S]} it fails: Q has one row and one column for each *row* of W1, {[n, n]}.")


def ask_mixture(mixed_rows, W1, seed):
    """As `ask_without`, with what the likely errors mean."""
    try:
        return ask_without(analysis.mixed, mixed_rows, W1, seed)
    except Wrong as wrong:
        need("shapes cannot be multiplied" not in str(wrong) and "size mismatch" not in str(wrong),
             f"for W1 of shape {list(W1.shape)} the sizes do not fit: Q has one row and one column for each *row* of "
             f"W1, {[len(W1), len(W1)]}.")
        hint = " qr gives two matrices, Q and R: take `.Q`." if "return_types.linalg_qr" in str(wrong) else ""
        raise Wrong(f"{wrong}{hint}") from None


def lost(mixture, W1, close):
    """Why `mixture` does not have W1's products of columns, as far as one can tell."""
    if close(mixture @ mixture.T, W1 @ W1.T):
        return ("this mixes the columns of W1, that is, the places: `W1 @ Q`. The pictures lose where they lie. Mix "
                "the rows: `Q @ W1`.")
    if torch.equal(mixture.sort(dim=1).values, W1.sort(dim=1).values):
        return "this brings the numbers of each row into another order, as `shuffled` does. Mix whole rows: `Q @ W1`."
    return ("mixture.T @ mixture is not W1.T @ W1. It is if Q is orthogonal, Q.T @ Q = 1: take the Q of "
            "torch.linalg.qr, not the random numbers themselves, and do not scale the result.")


def shape_of(value):
    return f"the shape {list(value.shape)}" if isinstance(value, torch.Tensor) else f"the type {type(value).__name__}"


def lineup(seed=0, block=5):
    """Three layers, one of them trained, for exercise 9.3: ([(W1, W2), (W1, W2), (W1, W2)], which one was trained).

    W1: [64, 64], W2: [64, 64], on a grid of 8 x 8. The trained one is from the bundled CIFAR-10 model. One of the
    others has rows exactly as coarse as the trained ones. In the other, a place takes nearly everything from itself. It
    has the trained W1 or the trained W2, with the units in another order, so that no number of one matrix alone tells
    the three apart. Their order is drawn with `seed`."""
    mixing = load_pretrained("cifar10")[0].blocks[block].token_mixing
    W1, W2 = mixing.fc1.weight.detach(), mixing.fc2.weight.detach()
    random = torch.Generator().manual_seed(seed)
    reads = torch.rand(1, generator=random) < 0.5
    half, other = (W1, W2) if reads else (W2.T, W1.T)                       # [D_S, S] each
    half = half[torch.randperm(len(half), generator=random)]
    back = -torch.linalg.pinv(half, rtol=0.03).T                            # [D_S, S]: back.T @ half is nearly -1
    back = back * other.norm() / back.norm()
    back = back + 0.05 * back.std() * torch.randn(back.shape, generator=random)
    layers = [(W1, W2), (same_spectrum(W1, (8, 8), seed), same_spectrum(W2.T, (8, 8), seed + 1).T),
              (half, back.T) if reads else (back, half.T)]
    order = torch.randperm(3, generator=torch.Generator().manual_seed(seed + 40)).tolist()
    return [layers[i] for i in order], order.index(0)


@exercise("9.3", "the rows gave nothing away. One number did.")
def check_which_was_trained(which_was_trained):
    """which_was_trained(layers, grid): [(W1, W2), ...] -> the index of the trained layer."""
    for seed in range(12):
        block = seed % 6
        layers, trained = lineup(seed, block)
        given = [(a.clone(), b.clone()) for a, b in layers]
        got = whole(ask(which_was_trained, given, (8, 8)), "expected the index of a layer: 0, 1 or 2.")
        need(all(torch.equal(a, b) for mine, theirs in zip(given, layers) for a, b in zip(mine, theirs)),
             "which_was_trained changes the layers that it is given. The caller may still need them.")
        need(0 <= got < 3, f"it gives {got}, and there are the layers 0, 1 and 2.")
        if got != trained:
            W1, W2 = layers[got]
            M = W2 @ W1
            alone = M.diagonal().square().sum() / M.square().sum()
            need(alone < 0.5,
                 f"for exercises.lineup({seed}, {block}) it gives {got}, but that layer is made up. "
                 f"{alone:.0%} of its energy lies on the diagonal, where a place takes something from itself. "
                 "That is a convolution, too, and needs no neighbors. If you compare convolution shares, leave the "
                 "diagonal out. Otherwise look at W1 and W2 together.")
            need(False, f"for exercises.lineup({seed}, {block}) it gives {got}, and layer {trained} was trained. "
                        "Which number of this lesson is far beyond its controls in every block, whatever the "
                        "rows look like?")
