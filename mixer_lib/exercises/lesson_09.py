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
    for kernel, what in ((kernels, "five kernels: the first has all its strength in one of 5 places, the second has "
                                   "the same strength in all 5"),
                         (kernels / 100, "kernels at a hundredth of their strength, which must change nothing"),
                         (random[0], "a single kernel, [S]"),
                         (torch.randn(2, 3, 4), "a stack of kernels, [2, 3, 4]")):
        squares, right = kernel.square(), participation(kernel)
        centered = kernel - kernel.mean(-1, keepdim=True)
        wrong = {
            "positive and negative weights cancel: first square the weights, then add up.":
                kernel.sum(-1).square() / squares.square().sum(-1),
            "the sum of the squares must itself be squared, or the result changes with the scale.":
                squares.sum(-1) / squares.square().sum(-1),
            "this is the ratio upside down: a kernel in a single place has 1, and all others have more.": 1 / right,
            "this uses absolute weights and their squares. Use the squares and their squares.":
                kernel.abs().sum(-1).square() / squares.sum(-1),
            "in the denominator, take the 4th power of each weight first, then add up.": torch.ones_like(right),
            "this is a share of the places: take sums, not means, and do not divide by S.": right / kernel.shape[-1],
            "do not subtract the mean: a kernel that is the same everywhere spreads over all places.":
                participation(centered),
            "this counts the weights that are not exactly 0. Of trained weights, that is all.": (kernel != 0).sum(-1),
        }
        for axis in range(kernel.ndim - 1):
            wrong[f"the sums run over axis {axis}. The places are always the last axis, dim=-1."] = \
                participation(kernel, axis)
        got = ask(places, kernel)
        need(not isinstance(got, torch.Tensor) or got.ndim > 0 or kernel.ndim == 1,
             "there is one number for all kernels. Each kernel needs its own: add up over the last axis only.")
        compare(got, right, wrong, f"(This is for {what}.) Each kernel has (sum of squares)² / (sum of 4th powers).")


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
         "it draws from torch's global random numbers, so everything that comes later in the notebook changes. Draw "
         "from your own generator: torch.Generator().manual_seed(seed), then torch.randperm(..., generator=...).")
    need(-1.001 <= first <= 1.001, f"it gives {first:.4g}, but a correlation lies between -1 and 1. partners returns "
         "the indices first, then the correlations. If you compute the correlations yourself, divide each row by its "
         "norm.")
    again = given(waves, 0)
    need(math.isclose(first, again, abs_tol=1e-6),
         f"called twice with seed 0, it gives {first:.4f} and {again:.4f}: the seed must determine all that is drawn.")
    need(not math.isclose(first, partners(waves)[1].mean(), abs_tol=1e-4),
         f"it gives {first:.4f}, the same as W1 without any shuffling. The correlations stay as they were if all "
         "rows get the same order, and also if only the rows change places. (A new generator with the same seed for "
         "each row draws the same order again.) Each row needs its own order.")
    need(not math.isclose(first, 1, abs_tol=1e-4), f"it gives {first:.4f}, but a row is not its own partner.")
    got = [given(waves, seed) for seed in range(20)]
    need(max(got) - min(got) > 1e-6,
         "all seeds give the same number. Is the order drawn at random, from a generator that starts at `seed`?")
    chance = [partners(shuffled(waves, seed))[1].mean().item() for seed in range(100)]
    average, expected = mean(got), mean(chance)
    tolerance = 6 * stdev(chance) * math.sqrt(1 / 20 + 1 / 100)             # standard errors of the difference
    where = f"for 12 waves it gives {average:.2f} on average over 20 seeds, expected about {expected:.2f}."
    need(average < 0.2, f"{where} The closest opposite has the lowest correlation, nearest to -1, sign included.")
    need(average < expected / 2,
         f"{where} Is that the mean over all pairs? Take the lowest of each row, then the mean over the rows.")
    need(given(waves[:1].expand(n, S).clone(), 0) < 0.99,
         "rows that are all alike stay alike: your numbers move up and down the columns. Shuffle within each row, "
         "along the last axis.")
    need(average > expected - tolerance, f"{where} That is too low. Is every row shuffled, over all its places? Is the "
                                         "result the mean over the rows, and not the lowest of all?")
    need(average < expected + tolerance, f"{where} That is too high. Is it the mean over all rows of each row's lowest "
                                         "correlation?")

    single = torch.eye(6, S)                                                # [6, 16]
    where = f"for six rows, each 0 except in one place, expected {-1 / (S - 1):.4f} in any order."
    for seed in range(3):
        value = given(single, seed)
        need(not math.isclose(value, 0, abs_tol=1e-6),
             f"{where} It gives 0: first subtract each row's mean, as in partners.")
        need(math.isclose(value, -1 / (S - 1), abs_tol=1e-4),
             f"{where} It gives {value:.4f}. Does each row keep its own numbers, each exactly once? Is each row's own "
             "mean subtracted before the correlation is taken?")
    two = torch.eye(2, 9) * torch.tensor([[3.0], [-1.0]])                   # one positive place, one negative
    for seed in range(3):
        value = given(two, seed)
        need(not math.isclose(value, 0, abs_tol=1e-6),
             "with only two rows, each is the other's partner, even if they are alike. It gives 0: the correlation of "
             "a row with itself must not be chosen, so make it large.")
        need(min(abs(value - 1 / 8), abs(value + 1)) < 1e-4,
             "for two rows, 0 except for one positive and one negative number, expected 0.1250, or -1 if the two "
             f"meet. It gives {value:.4f}. Is each row compared with the other row, or with shuffles of itself?")


def averaged(M, *keys, by=None):
    """M [S, S], each entry replaced by the mean of all entries with the same keys, or by their sum divided by `by`."""
    label = torch.stack(keys).flatten(1).unique(dim=1, return_inverse=True)[1]                  # [S * S]
    count = label.bincount()
    sums = M.new_zeros(len(count)).index_add(0, label, M.flatten())
    return (sums / (count if by is None else by))[label].view_as(M)


def one_of_each(M, down, right, last):
    """M, each entry replaced by the first entry of its displacement, or by the last one."""
    entries = list(zip(down.flatten().tolist(), right.flatten().tolist(), M.flatten().tolist()))
    found = {(d, r): value for d, r, value in (entries if last else entries[::-1])}
    return torch.tensor([found[d, r] for d, r, _ in entries]).view_as(M)


@exercise("9.3", "you can take from any token map the part that slides, and look at what is left.")
def check_nearest_convolution(nearest_convolution):
    """nearest_convolution(M, rows, columns): [S, S] -> [S, S], means over all pairs of places with one displacement."""
    for rows, columns in ((2, 4), (4, 2)):
        torch.manual_seed(columns)
        S, s = rows * columns, torch.arange(rows * columns)

        def apart(index):
            return index - index[:, None]                                   # [s, t]: that of t minus that of s

        down, right, along = apart(s // columns), apart(s % columns), apart(s)
        stops = torch.eye(S).view(S, 1, rows, columns)
        convolution = conv2d(stops, torch.randn(1, 1, 3, 3), padding=1).flatten(1).T            # [S, S]
        where = f"on a grid of {rows} x {columns}"
        for M, what in ((torch.randn(S, S), "of random numbers"),
                        (convolution, "of a 3 x 3 convolution, 0 beyond its reach, which must come back unchanged")):
            expected = averaged(M, down, right)
            got = ask(nearest_convolution, M, rows, columns)
            kernel = 2 * rows - 1, 2 * columns - 1
            need(not isinstance(got, torch.Tensor) or got.shape != kernel,
                 f"{where} the result has shape {list(kernel)}: that is the kernel, one number per displacement. "
                 f"Write each number wherever M has that displacement, {[S, S]}.")
            wrong = {
                "these are means over whole diagonals of M, where t - s is the same. But at the end of a row of the "
                "grid, the next place is one down and far to the left: another displacement. Keep two numbers, down "
                "and right (columns * down + right is t - s again).": averaged(M, along),
                "these are means over whole diagonals of M, and over both sides. A displacement is two numbers, down "
                "and right, each with a sign.": averaged(M, along.abs()),
                "a displacement has a sign: left is not right, and up is not down.":
                    averaged(M, down.abs(), right.abs()),
                "the distance to the right counts, too, not only the distance down.": averaged(M, down),
                "the distance down counts, too, not only the distance to the right.": averaged(M, right),
                "down and right are added up, but one down is not one to the right: keep two numbers.":
                    averaged(M, down + right),
                "displacements wrap around at the edges, as with % or a negative index. But one to the left is not "
                "columns - 1 to the right.": averaged(M, down % rows, right % columns),
                "these are sums over the pairs: take their mean.": averaged(M, down, right, by=1),
                "the sums are divided by S. But not every place has another at this displacement: divide by the number "
                "of pairs.": averaged(M, down, right, by=S),
                "the means run over all of M, zeros for other displacements included: divide by the number of pairs.":
                    averaged(M, down, right, by=S * S),
                "s and t are swapped: the first index of M is the place that takes, and the second is the place "
                "that it takes from.": expected.T,
                "this is what is left of M after the nearest convolution is subtracted.": M - expected,
                "one pair of places stands for all other pairs of its displacement: take the mean.":
                    one_of_each(M, down, right, last=False),
                "the last pair of a displacement overwrites those before it: take the mean of all.":
                    one_of_each(M, down, right, last=True),
                "place s lies in row s // columns and in column s % columns.":
                    averaged(M, apart(s // rows), apart(s % rows)),
                "M comes back unchanged.": M,
            }
            if M is convolution:                    # some of these mistakes return it unchanged, too
                wrong = {message: value for message, value in wrong.items() if not torch.allclose(value, M, atol=1e-5)}
            compare(got, expected, {f"{where}, {message}": value for message, value in wrong.items()},
                    f"M is a map {what}, {where}.")
