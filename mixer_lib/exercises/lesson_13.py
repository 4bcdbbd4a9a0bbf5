"""Lesson 13, the family of the Mixer."""

import torch
from torch.nn.functional import avg_pool2d, layer_norm, max_pool2d, pad

from .checking import ask, compare, exercise, name_of, need

WORDS = ("better", "worse", "too close to call")


@exercise("13.1", "this is ResMLP's token mixing with its affine transform, for any sizes.")
def check_across_tokens(across_tokens):
    """across_tokens(x, scale, shift, weight, bias): x [B, S, C], scale and shift [C], weight [S, S], bias [S] -> as
    x."""
    for B, S, C in ((2, 5, 5), (3, 4, 7)):          # square first, so that a mix-up of axes gives numbers
        torch.manual_seed(S)
        x, weight, bias = torch.randn(B, S, C), torch.randn(S, S), torch.randn(S)
        scale, shift = torch.randn(C), torch.randn(C)

        def mixed(x, weight=weight, bias=bias):
            return (x.transpose(1, 2) @ weight.T + bias).transpose(1, 2)

        y = scale * x + shift
        right = mixed(y)
        wrong = {
            "the affine transform is missing: first each channel times its scale, plus its shift.": mixed(x),
            "the shift is missing.": mixed(scale * x),
            "the scale is missing.": mixed(x + shift),
            "the shift is multiplied by the scale, too. It is scale * x + shift.": mixed(scale * (x + shift)),
            "the affine transform comes after the linear layer. It takes the place of the norm, so it comes first.":
                scale * mixed(x) + shift,
            "the weight is on its side: row s of it says what token s takes from each token, as in nn.Linear.":
                mixed(y, weight.T),
            "the bias is missing.": mixed(y, bias=0),
            "the bias is subtracted.": mixed(y, bias=-bias),
            "the input is added to the answer. The block does that itself.": x + right,
            "the affine table is added to the answer. The block adds its input itself.": y + right,
            "a reshape is no transpose: the numbers of different tokens and channels are mixed up.":
                mixed(y.reshape(B, C, S).transpose(1, 2)),
        }
        if S == C:
            wrong |= {"this mixes the channels of each token. Transpose first, so that the tokens are last.":
                      y @ weight.T + bias,
                      "the tokens and channels are not transposed back: the table is on its side.":
                      right.transpose(1, 2),
                      "each bias is added to a channel. bias[s] belongs to token s.": mixed(y, bias=0) + bias}
        compare(ask(across_tokens, x, scale, shift, weight, bias), right, wrong,
                f"B is {B}, S is {S} and C is {C}.")


@exercise("13.2", "this is gMLP's spatial gating unit: one half of the channels opens and closes the other.")
def check_spatial_gate(spatial_gate):
    """spatial_gate(x, weight, bias): x [B, S, D], weight [S, S], bias [S] -> [B, S, D / 2]."""
    for B, S, D in ((2, 6, 12), (3, 4, 10)):
        torch.manual_seed(S)
        x, weight, bias = 2 * torch.randn(B, S, D) + 1, torch.randn(S, S), torch.randn(S)
        u, v = x.chunk(2, dim=-1)

        def normal(v):
            return layer_norm(v, v.shape[-1:])

        def mixed(v, weight=weight, bias=bias):
            return weight @ v + (bias[:, None] if isinstance(bias, torch.Tensor) else bias)

        right = u * mixed(normal(v))
        wrong = {
            "the halves have changed places: the second half is mixed, and multiplies the first.":
                v * mixed(normal(u)),
            "the second half is not normalized.": u * mixed(v),
            "all channels are normalized together. Halve first, then normalize the second half.":
                normal(x).chunk(2, dim=-1)[0] * mixed(normal(x).chunk(2, dim=-1)[1]),
            "both halves are normalized. Only the second one is.": normal(u) * mixed(normal(v)),
            "the norm comes after the mixing. It comes before it.": u * normal(mixed(v)),
            "nothing is mixed across the tokens.": u * normal(v),
            "the two halves are added. A gate multiplies.": u + mixed(normal(v)),
            "this is the gate alone. It still has to multiply the first half.": mixed(normal(v)),
            "the bias is missing.": u * mixed(normal(v), bias=0),
            "the weight is on its side: row s of it says what token s takes from each token, as in nn.Linear.":
                u * mixed(normal(v), weight.T),
            "the gate is squeezed by a sigmoid. gMLP's is not.": u * mixed(normal(v)).sigmoid(),
            "every other channel is in the first half. The first half is the channels up to D / 2.":
                x[..., ::2] * mixed(normal(x[..., 1::2])),
            "each token is normalized with the mean of its channel over the tokens. A LayerNorm works within a token.":
                u * mixed(layer_norm(v.mT, v.shape[1:2]).mT),
        }
        if S == D // 2:
            wrong |= {"the channels of each token are mixed. Mix across the tokens.": u * (normal(v) @ weight.T + bias),
                      "each bias is added to a channel. bias[s] belongs to token s.":
                      u * (mixed(normal(v), bias=0) + bias)}
        got = ask(spatial_gate, x, weight, bias)
        need(not isinstance(got, torch.Tensor) or got.shape != (B, S // 2, D),
             "the tokens are halved. Halve the channels, which are the last axis.")
        compare(got, right, wrong, f"B is {B}, S is {S} and D is {D}.")


@exercise("13.3", "this is PoolFormer's token mixing, also at the edges and on an oblong grid.")
def check_pool_tokens(pool_tokens):
    """pool_tokens(x, grid): x [B, S, C], grid (rows, columns) -> as x."""
    for B, C, rows, columns in ((2, 3, 4, 4), (1, 2, 3, 5)):
        torch.manual_seed(rows)
        x = torch.randn(B, rows * columns, C)
        maps = x.transpose(1, 2).unflatten(2, (rows, columns))                      # [B, C, H', W']

        def tokens(maps):
            return maps.flatten(2).transpose(1, 2)                                  # [B, S, C]

        def near(maps, ring=pad, **how):
            """The sum of each 3 x 3 neighborhood."""
            return 9 * avg_pool2d(ring(maps, (1, 1, 1, 1), **how), 3, 1)

        mean, zeros = avg_pool2d(maps, 3, 1, 1, count_include_pad=False), near(maps) / 9
        count = near(torch.ones_like(maps))
        cross = torch.stack([pad(maps, (1, 1, 1, 1))[..., 1 + r:1 + r + rows, 1 + c:1 + c + columns]
                             for r, c in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))]).mean(dim=0)
        swapped = x.transpose(1, 2).unflatten(2, (columns, rows))
        scrambled = x.reshape(B, C, rows, columns)
        wrong = {
            "the place itself is not subtracted.": tokens(mean),
            "the place itself is added. The skip does that already, so it is subtracted here.": tokens(mean + maps),
            "the sign is turned around: it is the mean less the place itself.": tokens(maps - mean),
            "beyond the edge there are zeros, and they are counted. At a corner the mean is over 4 places, not 9.":
                tokens(zeros - maps),
            "this is the sum over the neighborhood, less the place itself. Divide by the number of places.":
                tokens(near(maps) - maps),
            "the mean leaves out the place itself. It is one of the nine.":
                tokens((near(maps) - maps) / (count - 1) - maps),
            "the picture is wrapped around: at the left edge this reads the right edge.":
                tokens(near(maps, mode="circular") / 9 - maps),
            "the edge is repeated beyond itself. There, the mean is over fewer places.":
                tokens(near(maps, mode="replicate") / 9 - maps),
            "this has only four neighbors. A neighborhood of 3 x 3 has its corners, too.": tokens(cross - maps),
            "this takes the largest of the neighborhood. It is the mean.": tokens(max_pool2d(maps, 3, 1, 1) - maps),
            "the neighborhood is 5 x 5. It is 3 x 3.":
                tokens(avg_pool2d(maps, 5, 1, 2, count_include_pad=False) - maps),
            "a view is no transpose: tokens and channels are mixed up. First bring the tokens to the last axis.":
                (avg_pool2d(scrambled, 3, 1, 1, count_include_pad=False) - scrambled).reshape(x.shape),
            "these are still maps, [B, C, H', W']. Bring them back to [B, S, C].": mean - maps,
        }
        if rows != columns:
            wrong["rows and columns are swapped. grid is (rows, columns)."] = tokens(
                avg_pool2d(swapped, 3, 1, 1, count_include_pad=False) - swapped)
        compare(ask(pool_tokens, x, (rows, columns)), right := tokens(mean - maps), wrong,
                f"The grid has {rows} rows and {columns} columns, and the result has the shape {list(right.shape)}.")


def _verdict(ours, others, spread, steps=2, center=None):
    """What exercise 13.4 asks for; steps: standard errors to either side; center: of the differences."""
    gaps = [a - b for a, b in zip(ours, others)]
    gap = sum(gaps) / len(gaps) if center is None else center(ours, others)
    reach = steps * spread / len(gaps) ** 0.5
    return "better" if gap > reach else "worse" if gap < -reach else "too close to call"


@exercise("13.4", "no difference is called that luck alone could make.")
def check_verdict(verdict):
    """verdict(ours, others, spread): two lists of accuracies, seed by seed, and the standard deviation of a difference
    -> one of WORDS."""
    cases = [([0.50, 0.52, 0.51], [0.45, 0.46, 0.47], 0.01), ([0.41, 0.40, 0.42], [0.45, 0.46, 0.47], 0.01),
             ([0.46, 0.47, 0.45], [0.45, 0.46, 0.47], 0.01), ([0.47, 0.47, 0.475], [0.45, 0.46, 0.47], 0.01),
             ([0.462, 0.472, 0.48], [0.45, 0.46, 0.47], 0.01), ([0.455, 0.465, 0.475], [0.45, 0.46, 0.47], 0.01),
             ([0.44, 0.45, 0.46], [0.45, 0.46, 0.47], 0.01), ([0.438, 0.448, 0.458], [0.45, 0.46, 0.47], 0.01),
             ([0.46, 0.47, 0.45, 0.48, 0.47, 0.46, 0.47, 0.48, 0.46], [0.45] * 9, 0.02), ([0.5], [0.47], 0.01),
             ([0.5], [0.49], 0.01), ([0.467, 0.477, 0.4868], [0.45, 0.46, 0.47], 0.01),
             ([0.52, 0.40, 0.40], [0.45, 0.46, 0.47], 0.01), ([0.44, 0.50], [0.45, 0.45], 0.01),
             ([0.479], [0.45], 0.01)]
    right, got = [_verdict(*case) for case in cases], []
    for ours, others, spread in cases:
        said = ask(verdict, [*ours], [*others], spread)
        need(isinstance(said, str) and said in WORDS, f"it returns {said!r}, expected one of the words "
                                                      f"{', '.join(map(repr, WORDS))}.")
        got.append(said)
    flat = {
        "better and worse are swapped. `ours` is judged against `others`.":
            [{"better": "worse", "worse": "better"}.get(word, word) for word in right],
        "the interval is not used: any difference counts, however small.": [_verdict(*case, steps=0) for case in cases],
        "the reach does not shrink with more runs. Divide the spread by the root of their number.":
            [_verdict(*case, steps=2 * len(case[0]) ** 0.5) for case in cases],
        "this divides by the number of runs, not by its root.":
            [_verdict(*case, steps=2 / len(case[0]) ** 0.5) for case in cases],
        "this takes one standard error. The exercise asks for two.": [_verdict(*case, steps=1) for case in cases],
        "this takes three standard errors or more. The exercise asks for two.":
            [_verdict(*case, steps=3) for case in cases],
        "this counts the spread twice, as if the runs were not paired. `spread` is already that of a difference.":
            [_verdict(*case, steps=2 * 2 ** 0.5) for case in cases],
        "this compares the best runs. More tries would then always look better. Take the mean.":
            [_verdict(*case, center=lambda a, b: max(a) - max(b)) for case in cases],
        "this looks at the first runs only. Take the mean over all of them.":
            [_verdict(*case, center=lambda a, b: a[0] - b[0]) for case in cases],
        "this takes the sum of the differences, not their mean.":
            [_verdict(*case, center=lambda a, b: sum(a) - sum(b)) for case in cases],
        "this looks at the size of the difference only. A negative one is worse.":
            ["better" if word == "worse" else word for word in right],
        "everything is too close to call.": ["too close to call"] * len(cases),
    }
    for message, words in flat.items():
        need(got != words, message)
    for (ours, others, spread), word, said in zip(cases, right, got):
        need(said == word, f"for {ours} against {others} with a spread of {spread}, {name_of(verdict)} says {said!r}, "
                           f"expected {word!r}.")
