"""Lesson 09, looking into token-mixing weights."""

import math
from statistics import mean, stdev

import torch
from torch.nn.functional import conv2d

from ..analysis import partners, shuffled
from .checking import ask, compare, exercise, need, number


def participation(kernel, dim=-1):
    squares = kernel.square()
    return squares.sum(dim).square() / squares.square().sum(dim)


@exercise("9.1", "you can count places where no weight is exactly 0.")
def check_places(places):
    """places(kernel): [..., S] -> [...]."""
    torch.manual_seed(9)
    random = torch.randn(3, 5)
    kernels = torch.cat([torch.tensor([[0, 0, -3.0, 0, 0], [2, -2, 2, 2, -2]]), random])        # [5, 5]
    for kernel, what in ((kernels, "five kernels, the first with all its strength in one of 5 places, the second with "
                                   "the same in all"),
                         (kernels / 100, "kernels at a hundredth of their strength, which must change nothing"),
                         (random[0], "a single kernel, [S]"),
                         (torch.randn(2, 3, 4), "a stack of kernels, [2, 3, 4]")):
        squares, right = kernel.square(), participation(kernel)
        centered = kernel - kernel.mean(-1, keepdim=True)
        wrong = {
            "positive and negative weights cancel: first square, then add up.":
                kernel.sum(-1).square() / squares.square().sum(-1),
            "the sum of the squares must itself be squared, or the result changes with the scale.":
                squares.sum(-1) / squares.square().sum(-1),
            "this is the ratio upside down: a kernel in a single place has 1, and others have more.": 1 / right,
            "that is made of strengths and their squares; take the squares and their squares.":
                kernel.abs().sum(-1).square() / squares.sum(-1),
            "below the line take the 4th power of each weight first, then add up.": torch.ones_like(right),
            "this is the share of the places: take sums, not means, and do not divide.": right / kernel.shape[-1],
            "the mean is not to be subtracted: a kernel that is the same everywhere spreads over all places.":
                participation(centered),
            "these are the weights that are not exactly 0; of trained weights that is all.": (kernel != 0).sum(-1),
        }
        for axis in range(kernel.ndim - 1):
            wrong[f"the sums run over axis {axis}. The places are the last axis, dim=-1, whatever stands before."] = \
                participation(kernel, axis)
        got = ask(places, kernel)
        need(not isinstance(got, torch.Tensor) or got.ndim > 0 or kernel.ndim == 1,
             "one number for all kernels. Each has its own: add up over the last axis only.")
        compare(got, right, wrong, f"(That is for {what}.) Each kernel has (sum of squares)² / (sum of 4th powers).")


@exercise("9.2", "whoever shows you opposite pairs now has to show you this number, too.")
def check_control(control):
    """control(W1, seed): [D_S, S] -> mean correlation with the closest opposite after shuffling each row, a float."""
    def given(W1, seed):
        return number(ask(control, W1, seed))

    n, S = 12, 16
    phase, place = (2 * math.pi * torch.arange(size) / size for size in (n, S))
    waves = torch.cos(place + phase[:, None])                               # [12, 16], in opposite pairs
    state = torch.random.get_rng_state()
    first = given(waves, 0)
    need(torch.equal(state, torch.random.get_rng_state()),
         "torch's global random numbers have moved on, and with them whatever comes later in the notebook. Draw from a "
         "generator of your own: torch.Generator().manual_seed(seed), then torch.randperm(..., generator=...).")
    need(-1.001 <= first <= 1.001, f"it gives {first:.4g}, but a correlation lies between -1 and 1. Of what "
         "partners gives, the indices come first, then the correlations. If you wrote your own: divide each row by its "
         "norm.")
    again = given(waves, 0)
    need(math.isclose(first, again, abs_tol=1e-6),
         f"called twice with seed 0 it gives {first:.4f} and {again:.4f}: the seed must fix all that is drawn.")
    need(not math.isclose(first, partners(waves)[1].mean(), abs_tol=1e-4),
         f"it gives {first:.4f}, which W1 has without any shuffling. If all rows get one and the same order, all "
         "correlations stay as they were, and so if only the rows change places. (A generator made anew for each row "
         "draws the same order again.) Each row needs an order of its own.")
    need(not math.isclose(first, 1, abs_tol=1e-4), f"it gives {first:.4f}: a row is not its own partner.")
    got = [given(waves, seed) for seed in range(20)]
    need(max(got) - min(got) > 1e-6,
         "all seeds give the same: is the order drawn at random, from a generator that starts at `seed`?")
    chance = [partners(shuffled(waves, seed))[1].mean().item() for seed in range(100)]
    average, expected = mean(got), mean(chance)
    tolerance = 6 * stdev(chance) * math.sqrt(1 / 20 + 1 / 100)             # standard errors of the difference
    where = f"for 12 waves it gives {average:.2f} in the mean of 20 seeds, expected about {expected:.2f}:"
    need(average < 0.2, f"{where} the closest opposite has the lowest correlation, nearest to -1, sign included.")
    need(average < expected / 2,
         f"{where} is that the mean over all pairs? Take the lowest of each row, then the mean over the rows.")
    need(given(waves[:1].expand(n, S).clone(), 0) < 0.99,
         "rows that are all alike stay alike: your numbers move up and down the columns. Shuffle within each row, "
         "along the last axis.")
    need(average > expected - tolerance, f"{where} that is too low. Is every row shuffled, and over all its places? "
                                         "And is it the mean over the rows, not the lowest of all?")
    need(average < expected + tolerance, f"{where} that is too high. Is it the mean over all rows, "
                                         "of the lowest correlation of each?")

    single = torch.eye(6, S)                                                # [6, 16]
    where = f"six rows, each 0 but for one place, have {-1 / (S - 1):.4f} in whatever order,"
    for seed in range(3):
        value = given(single, seed)
        need(not math.isclose(value, 0, abs_tol=1e-6),
             f"{where} yours have 0: each row must lose its mean first, as in partners.")
        need(math.isclose(value, -1 / (S - 1), abs_tol=1e-4),
             f"{where} yours have {value:.4f}. Does each row keep its own numbers, each exactly once, and lose its own "
             "mean before the correlation is taken?")
    two = torch.eye(2, 9) * torch.tensor([[3.0], [-1.0]])                   # one positive place, one negative
    for seed in range(3):
        value = given(two, seed)
        need(not math.isclose(value, 0, abs_tol=1e-6),
             "of two rows each has the other for a partner, even if they are alike. Yours is 0: the correlation of a "
             "row with itself must not be chosen, so make it large.")
        need(min(abs(value - 1 / 8), abs(value + 1)) < 1e-4,
             "two rows, one with a single positive number, one with a negative one, have 0.1250, or -1 where these "
             f"meet. Yours have {value:.4f}: is each row compared with the other, or with shuffles of itself?")


def averaged(M, *keys, by=None):
    """M with the mean over all entries that have the same keys, [S, S] each, or with their sum divided by `by`."""
    label = torch.stack(keys).flatten(1).unique(dim=1, return_inverse=True)[1]                  # [S * S]
    count = label.bincount()
    sums = M.new_zeros(len(count)).index_add(0, label, M.flatten())
    return (sums / (count if by is None else by))[label].view_as(M)


def one_of_each(M, down, right, last):
    """M with one of the entries of each displacement, in place of their mean."""
    entries = list(zip(down.flatten().tolist(), right.flatten().tolist(), M.flatten().tolist()))
    found = {(d, r): value for d, r, value in (entries if last else entries[::-1])}
    return torch.tensor([found[d, r] for d, r, _ in entries]).view_as(M)


@exercise("9.3", "you can take from any token map the part that slides, and look at what is left.")
def check_nearest_convolution(nearest_convolution):
    """nearest_convolution(M, rows, columns): [S, S] -> [S, S], means over all pairs of places of one displacement."""
    for rows, columns in ((2, 4), (4, 2)):
        torch.manual_seed(columns)
        S, s = rows * columns, torch.arange(rows * columns)

        def apart(index):
            return index - index[:, None]                                   # of [s, t]: t's less s's

        down, right, along = apart(s // columns), apart(s % columns), apart(s)
        stops = torch.eye(S).view(S, 1, rows, columns)
        convolution = conv2d(stops, torch.randn(1, 1, 3, 3), padding=1).flatten(1).T            # [S, S]
        where = f"on a grid of {rows} x {columns}"
        for M, what in ((torch.randn(S, S), "of random numbers"),
                        (convolution, "of a 3 x 3 convolution, 0 beyond its reach, and must come back as it is")):
            expected = averaged(M, down, right)
            got = ask(nearest_convolution, M, rows, columns)
            kernel = 2 * rows - 1, 2 * columns - 1
            need(not isinstance(got, torch.Tensor) or got.shape != kernel,
                 f"{where} the result has shape {list(kernel)}: that is the kernel, a number for each displacement. "
                 f"Write each of them wherever M has that displacement, {[S, S]}.")
            wrong = {
                "these are means over whole diagonals of M, on which t - s is the same. But where a row of the grid "
                "ends, the next place is one down and far to the left: another displacement. Keep two numbers, down "
                "and right (columns * down + right is t - s again).": averaged(M, along),
                "these are means over whole diagonals of M, and over both sides. A displacement is two numbers, down "
                "and right, each with a sign.": averaged(M, along.abs()),
                "a displacement has a sign: to the left is not to the right, up is not down.":
                    averaged(M, down.abs(), right.abs()),
                "how far to the right counts, too, not only how far down.": averaged(M, down),
                "how far down counts, too, not only how far to the right.": averaged(M, right),
                "down and right are added up, but one down is not one to the right: keep two numbers.":
                    averaged(M, down + right),
                "displacements go around at the edges, as a negative index or % makes them do: one to the left is not "
                "all but one to the right.": averaged(M, down % rows, right % columns),
                "these are sums over the pairs; take their mean.": averaged(M, down, right, by=1),
                "the sums are divided by S. But not every place has another at this displacement: divide by the number "
                "of pairs.": averaged(M, down, right, by=S),
                "the means run over all of M, zeros for other displacements included: divide by the number of pairs.":
                    averaged(M, down, right, by=S * S),
                "s and t are swapped: the first index of M is the place that takes, the second the one "
                "that it takes from.": expected.T,
                "that is what is left of M without the nearest convolution.": M - expected,
                "one pair of places stands for all others of its displacement; take the mean.":
                    one_of_each(M, down, right, last=False),
                "the last pair of a displacement overwrites those before it; take the mean of all.":
                    one_of_each(M, down, right, last=True),
                "place s lies in row s // columns and in column s % columns.":
                    averaged(M, apart(s // rows), apart(s % rows)),
                "M comes back as it was.": M,
            }
            if M is convolution:                    # it comes back as it is, in some of these ways, too
                wrong = {message: value for message, value in wrong.items() if not torch.allclose(value, M, atol=1e-5)}
            compare(got, expected, {f"{where}, {message}": value for message, value in wrong.items()},
                    f"M is a map {what}, {where}.")
