"""Lesson 11, permutations."""

from itertools import permutations

import numpy as np
import torch

from ..model import MlpMixer, patchify, unpatchify
from ..permutations import scramble
from .checking import Wrong, ask, compare, exercise, name_of, need


def shuffle(images, P, patch_order, inner_order):
    """Images [B, C_in, H, W] with their patches, and the pixels inside each, in another order."""
    B, C_in, H, W = images.shape
    table = patchify(images, P)[:, patch_order]                             # [B, S, D]
    return unpatchify(table.view(B, -1, C_in, P * P)[..., inner_order].flatten(2), P, (H, W))


def one_way(n):
    """A random order of n things that is not its own inverse, so that the two directions differ."""
    order = torch.randperm(n)
    while torch.equal(order, order.argsort()):
        order = torch.randperm(n)
    return order


@exercise("11.1", "one table, two orders, and back to images.")
def check_shuffle_patches(shuffle_patches):
    """shuffle_patches(images, P, patch_order, inner_order): [B, C_in, H, W] -> same."""
    for B, C_in, P, rows, columns in ((1, 1, 3, 2, 3), (2, 3, 2, 2, 2), (2, 3, 2, 3, 4)):
        torch.manual_seed(P)
        S, images = rows * columns, torch.randn(B, C_in, rows * P, columns * P)
        patches, inner = one_way(S), one_way(P * P)
        undone = patches.argsort(), inner.argsort()
        D = C_in * P * P
        within = torch.cat([c * P * P + inner for c in range(C_in)])        # the order of all D numbers of a patch
        color_last = patchify(images, P)[:, patches].view(B, S, P * P, C_in)[:, :, inner].flatten(2)
        wrong = {
            "the images come back unchanged.": images,
            "the patches have moved, but the pixels inside them have not.":
                shuffle(images, P, patches, torch.arange(P * P)),
            "the pixels inside the patches have moved, but the patches have not.":
                shuffle(images, P, torch.arange(S), inner),
            "both orders are the inverse ones: place s should get what was at place order[s], which is what an index "
            "does.": shuffle(images, P, *undone),
            "the order of the patches is the inverse one: place s should get the patch from place patch_order[s].":
                shuffle(images, P, undone[0], inner),
            "the order inside the patches is the inverse one: pixel i should get what was at inner_order[i].":
                shuffle(images, P, patches, undone[1]),
            "the numbers of a patch are read as (row, column, color). In our tables the color comes first.":
                unpatchify(color_last, P, (rows * P, columns * P)) if C_in > 1 else images,
            "only the pixels of the first color have moved: each pixel occurs once per color.":
                unpatchify(patchify(images, P)[:, patches][..., torch.cat([within[:P * P], torch.arange(P * P, D)])],
                           P, (rows * P, columns * P)) if C_in > 1 else images,
        }
        if C_in > 1:
            wrong["all colors show the pixels of the first one: the next color begins P * P numbers further on."] = \
                unpatchify(patchify(images, P)[:, patches][..., inner.repeat(C_in)], P, (rows * P, columns * P))
        right = shuffle(images, P, patches, inner)
        try:
            got = ask(shuffle_patches, images, P, patches, inner)
        except Wrong as error:
            pairs = " Two orders in one pair of brackets pick entries in pairs: use one after the other." * (
                "could not be broadcast" in str(error))
            raise Wrong(f"{error}{pairs}") from None
        need(not isinstance(got, torch.Tensor) or list(got.shape) != [B, S, D] or got.shape == right.shape,
             f"the result is a table of patches, {[B, S, D]}: turn it back into images with unpatchify.")
        compare(got, right, wrong, f"The numbers in brackets are [image, color, row, column], P is {P}, and the grid "
                                   f"has {rows} rows and {columns} columns.")
    whole = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)
    got = ask(shuffle_patches, whole, 2, *(orders := (one_way(4), one_way(4))))
    need(got.dtype == torch.uint8 and torch.equal(got, shuffle(whole, 2, *orders)),
         f"images of whole numbers, uint8, come back as {got.dtype}, expected the same numbers as uint8.")


@exercise("11.2", "any order comes back, not only those that are their own inverse.")
def check_unscramble(unscramble):
    """unscramble(images, order): images [..., H, W] that were scrambled by order [H * W] -> the plain ones."""
    for shape in ((2, 3, 4, 4), (1, 1, 2, 5), (3, 6, 3)):
        torch.manual_seed(shape[-1])
        plain, order = torch.randn(*shape), one_way(shape[-2] * shape[-1])
        scrambled = scramble(plain, order)
        turned = (len(order) - 1 - order).argsort()
        got = ask(unscramble, scrambled, order)
        need(not isinstance(got, torch.Tensor) or got.shape == plain.shape, f"the result has shape "
             f"{list(getattr(got, 'shape', []))}, expected the images' own, {list(plain.shape)}.")
        compare(got, plain, {
            "the images are scrambled a second time. That undoes only an order which is its own inverse, such as a "
            "mirror.": scramble(scrambled, order),
            "the images come back as they were given, still scrambled.": scrambled,
            "the images come back in reverse: the last place first.": scramble(scrambled, turned),
            "the order is read backward, from its last entry to its first. That is not its inverse.":
                scramble(scrambled, order.flip(0)),
            **({"this is right for one color only: all colors of an image have the same order.":
                torch.cat([plain[..., :1, :, :], scrambled[..., 1:, :, :]], dim=-3)} if shape[-3] > 1 else {}),
        }, f"In this case the images have shape {list(shape)}, and the order begins with {order[:4].tolist()}.")
    whole = torch.arange(12, dtype=torch.uint8).view(1, 3, 4)
    got = ask(unscramble, scramble(whole, order := one_way(12)), order)
    need(got.dtype == torch.uint8 and torch.equal(got, whole), f"images of whole numbers, uint8, come back as "
                                                               f"{got.dtype}, expected the same numbers as uint8.")


@exercise("11.3", "to this Mixer, the shuffled images are the plain ones.")
def check_follow(follow):
    """follow(weights, patch_order, inner_order): a Mixer's state_dict -> that of one that reads shuffled images."""
    for C_in, P, grid, D_S, L in ((3, 2, 4, 16, 2), (1, 3, 2, 5, 5)):   # in the first D_S = S, so every mistake fits
        torch.manual_seed(grid)
        S, n = grid * grid, P * P
        model = MlpMixer(grid * P, P, C_in, num_classes=5, num_blocks=L, hidden_dim=n * C_in, tokens_mlp_dim=D_S,
                         channels_mlp_dim=S).double()
        for p in model.parameters():
            torch.nn.init.normal_(p)
        weights = {name: p.clone() for name, p in model.state_dict().items()}
        given = {name: p.clone() for name, p in weights.items()}
        patches, inner = one_way(S), one_way(n)
        try:
            got = ask(follow, given, patches, inner)
        except Wrong as error:
            both = " Channel mixing has an fc1 and fc2, too, without places: look for 'token_mixing' in the name." * (
                "IndexError: index" in str(error) and "out of bounds" in str(error))
            raise Wrong(f"{error}{both}") from None
        need(all(name in given and torch.equal(p, given[name]) for name, p in weights.items()),
             f"{name_of(follow)} changes the weights that it is given, and the caller may still need them: make a new "
             "dictionary.")
        need(isinstance(got, dict), f"{name_of(follow)} gives a {type(got).__name__}, expected a dictionary with the "
                                    "names of `weights`.")
        for name, p in weights.items():
            need(name in got, f"{name} is missing. Copy what does not belong to a place as it is.")
            check_weight(name, got[name], p, patches, inner, C_in)
            need(got[name].dtype == p.dtype, f"{name} comes back as {got[name].dtype}, expected {p.dtype}, the type in "
                                             "`weights`.")
        more = [name for name in got if name not in weights]
        need(not more, f"the Mixer has no tensor of the name {more[:1]}, so load_state_dict would refuse this "
                       "dictionary.")
        model.load_state_dict(got)                                          # and now the proof itself
        follower, x = model, torch.randn(3, C_in, grid * P, grid * P, dtype=torch.double)
        plain = MlpMixer(**vars(model.config)).double()
        plain.load_state_dict(weights)
        same = torch.allclose(follower(shuffle(x, P, patches, inner)), plain(x), atol=1e-9)
        need(same, "every weight is right, but the logits differ.")


def check_weight(name, got, p, patches, inner, C_in):
    """Check one tensor of exercise 11.3: `got`, the new one for `p`."""
    def inside(order):
        return p.view(len(p), C_in, -1)[..., order].flatten(1)

    where = f"The mistake is in {name}"
    opposite = f"{name} is in the inverse order. An index gives place s what was at order[s], and the images were " \
               "shuffled in the same way."
    as_it_was = {f"{name} is unchanged. It belongs to places, and the places have moved.": p}
    if name == "patch_embedding.linear.weight":
        n = len(inner)
        color_last = p.view(len(p), n, C_in)[:, inner].flatten(1)
        first_only = torch.cat([p[:, :n][:, inner], p[:, n:]], dim=1)
        need(getattr(got, "shape", p.shape) == p.shape, f"{name} has shape {list(got.shape)}, expected "
             f"{list(p.shape)}: it has {n} columns for each of the {C_in} colors. Keep all of them.")
        compare(got, inside(inner), {
            f"{name} is unchanged. Its columns belong to pixels, and the pixels have moved.": p,
            opposite: inside(inner.argsort()),
            **({"only the columns of the first color have moved: each pixel occurs once per color.": first_only,
                "the columns of the patch embedding are in the order (color, row, column): the color comes first.":
                    color_last} if C_in > 1 else {}),
        }, f"{where}: its columns are the numbers of a patch, color by color.")
    elif name.endswith("token_mixing.fc1.weight"):
        square = {f"the rows of {name} have moved. A row is a hidden unit, a column is a place.": p[patches],
                  } if p.shape[0] == p.shape[1] else {}
        compare(got, p[:, patches], {**as_it_was, opposite: p[:, patches.argsort()], **square},
                f"{where}: its columns belong to places.")
    elif name.endswith("token_mixing.fc2.weight"):
        square = {f"the columns of {name} have moved. A column is a hidden unit, a row is a place.": p[:, patches],
                  } if p.shape[0] == p.shape[1] else {}
        compare(got, p[patches], {**as_it_was, opposite: p[patches.argsort()], **square},
                f"{where}: its rows belong to places.")
    elif name.endswith("token_mixing.fc2.bias"):
        compare(got, p[patches], {**as_it_was, opposite: p[patches.argsort()]}, f"{where}: one number per place.")
    else:
        compare(got, p, {}, f"{where}, which belongs to no place and no pixel: leave it as it is.")


@exercise("11.4", "you can tell which orders a sliding window can follow: 4 of the 720 on a grid of 2 x 3.")
def check_conv_follows(conv_follows):
    """conv_follows(order, rows, columns) -> True if the order turns every 3 x 3 convolution into a 3 x 3 one."""
    for rows, columns in ((3, 4), (4, 4)):
        grid, S = torch.arange(rows * columns).view(rows, columns), rows * columns
        swapped = grid.flatten().clone()
        swapped[[0, 1]] = swapped[[1, 0]]
        torch.manual_seed(1)
        cases = [
            (torch.randperm(S), False, "an order drawn at random"),
            (grid, True, "the order that leaves every place as it is"),
            (grid.flip(1), True, "the order that mirrors left and right"),
            (grid.flip(0), True, "the order that mirrors top and bottom"),
            (grid.flip(0, 1), True, "half a turn"),
            (swapped, False, "an order that swaps the first two places and leaves the others"),
            (grid.roll(1, 1), False, "the order that moves all columns one to the right, and the last one to the left "
                                     "edge: neighbors there were not neighbors before"),
            (grid.roll(1, 0), False, "the order that moves all rows one down, and the last one to the top: neighbors "
                                     "there were not neighbors before"),
            (grid[[0, 2, 1, *range(3, rows)]], False, "an order that swaps the rows 1 and 2"),
            (grid[:, [0, 2, 1, *range(3, columns)]], False, "an order that swaps the columns 1 and 2"),
            (grid[:, [1, 3, 0, 2]], False, "the order that puts the columns in the order 1, 3, 0, 2: neighbors end up "
                                           "two or three apart, beyond a 3 x 3 window"),
        ]
        if rows == columns:
            cases += [(grid.T, True, "the order that swaps rows and columns: a kernel with swapped rows and columns "
                                     "does the same"),
                      (grid.rot90(), True, "a quarter turn")]
        for order, right, what in cases:
            got = ask(conv_follows, order.flatten(), rows, columns)
            one = isinstance(got, torch.Tensor) and got.dtype == torch.bool and got.ndim == 0
            need(one or isinstance(got, (bool, np.bool_)), f"expected True or False, got {repr(got)[:40]}.")
            need(bool(got) == right, f"on a grid of {rows} x {columns}, {name_of(conv_follows)} says {bool(got)} for "
                                     f"{what}.")
    got = ask(conv_follows, torch.tensor([3, 1, 2, 0, 4, 5]), 2, 3)
    need(not got, f"on a grid of 2 x 3, {name_of(conv_follows)} says True for an order that swaps the two places of "
                  "the first column alone. Neighbors stay neighbors, but below has become above in one column only.")
    grid = torch.arange(6).view(2, 3)
    right = {tuple(g.flatten().tolist()) for g in (grid, grid.flip(0), grid.flip(1), grid.flip(0, 1))}
    for order in sorted(permutations(range(6)), key=lambda order: order not in right):
        got, where = bool(ask(conv_follows, torch.tensor(order), 2, 3)), f"on a grid of 2 x 3, {name_of(conv_follows)}"
        need(got or order not in right, f"{where} says False for the order {[*order]}, which mirrors the grid.")
        need(not got or order in right, f"{where} says True for the order {[*order]}. There, some neighbors were no "
                                        "neighbors before, or not on the same side.")
