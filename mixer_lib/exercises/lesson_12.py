"""Lesson 12, pretrained Mixers."""

import torch

from ..model import MlpMixer
from ..pretrained.layouts import FLAX, theirs, to_theirs
from .checking import ask, compare, exercise, name_of, need, number


@exercise("12.1", "each tensor has its name, its block and its shape, in both files.")
def check_from_flax(from_flax):
    """from_flax(arrays): {name in an official file: NumPy array} -> the state_dict of an `MlpMixer`."""
    for P, C_in, grid, C, D_S, D_C, K in ((2, 3, 4, 16, 16, 16, 16), (3, 2, 2, 5, 7, 6, 3)):    # square, then oblong
        torch.manual_seed(P)
        model = MlpMixer(grid * P, P, C_in, K, 12, C, D_S, D_C, gelu="tanh")
        weights = {name: torch.randn(p.shape) for name, p in model.state_dict().items()}
        arrays = {theirs(FLAX, name): to_theirs(FLAX, name, tensor, (C_in, P, P)).contiguous().numpy()
                  for name, tensor in weights.items()}
        given = {name: array.copy() for name, array in sorted(arrays.items())}
        got = ask(from_flax, given)
        need(given.keys() == arrays.keys() and all((given[name] == array).all() for name, array in arrays.items()),
             f"{name_of(from_flax)} changes the arrays that it is given. The caller may still need them, so make new "
             "ones.")
        need(isinstance(got, dict), f"{name_of(from_flax)} gives a {type(got).__name__}, expected a dictionary from "
                                    "the names of an MlpMixer to tensors.")
        if extra := [name for name in got if name not in weights]:
            need(False, f"no tensor of an MlpMixer is called {str(extra[0])[:60]!r}. The table says what each part is "
                        "called here; `scale` and `kernel` both become `weight`.")
        for name, p in weights.items():
            need(name in got, f"{name} is missing. In the file it is called {theirs(FLAX, name)}.")
            check_tensor(name, got[name], p, weights, (C_in, P, P))


def check_tensor(name, got, p, weights, kernel_shape):
    """Check one tensor of exercise 12.1: `got`, which should be `p`. weights: all of them, by name."""
    need(isinstance(got, torch.Tensor), f"{name} is a {type(got).__name__}, expected a tensor: torch.from_numpy(array) "
                                        "makes one.")
    if name == "patch_embedding.linear.weight":
        kernel = to_theirs(FLAX, name, p, kernel_shape)                     # [P, P, C_in, C]
        compare(got, p, {
            f"{name} still has the four axes of the kernel. Its last three, in our order, become the D columns.":
                kernel,
            f"{name} has four axes, expected [C, D]: flatten(1) merges the last three.": p.unflatten(1, kernel_shape),
            f"{name} lies on its side, [D, C], and its weights are in the order (row, column, color).":
                kernel.flatten(0, 2),
            f"the columns of {name} are in the order (row, column, color). In our patches the color comes first.":
                kernel.flatten(0, 2).T,
            f"{name} was only reshaped, so its numbers are in their old order. permute moves the axes.":
                kernel.reshape(p.shape),
            f"in {name}, the rows and columns of each detector are swapped.":
                kernel.permute(3, 2, 1, 0).flatten(1),
        }, f"The mistake is in {name}: which axis of [P, P, C_in, C] comes first in [C, D]?")
        return
    wrong = {}
    if p.ndim == 2:
        wrong[f"{name} is not transposed: Flax keeps [in, out], nn.Linear keeps [out, in]. A reshape does not "
              "transpose: the numbers stay in their old order."] = p.T
    for one, other in (("fc1", "fc2"), ("token_norm", "channel_norm"), ("token_mixing", "channel_mixing")):
        for a, b in ((one, other), (other, one)):
            if a in name and name.replace(a, b) in weights:
                wrong[f"{name} has the numbers of {name.replace(a, b)}."] = weights[name.replace(a, b)]
    if name.startswith("blocks."):
        own = name.split(".")[1]
        for block in range(12):
            if str(block) != own:
                wrong[f"{name} has the numbers of block {block}. The file lists the blocks by the letters of their "
                      "names, 0, 1, 10, 11, 2: use the number in the name."] = weights[
                          name.replace(f"blocks.{own}.", f"blocks.{block}.")]
    compare(got, p, wrong, f"The mistake is in {name}.")


@exercise("12.2", "any k, any number of classes.")
def check_top_k(top_k):
    """top_k(logits, labels, k): logits [B, K], labels [B] -> the share of labels among the k highest logits."""
    for B, K, k in ((97, 10, 4), (97, 10, 1), (89, 6, 2), (8, 3, 3)):
        torch.manual_seed(K + k)
        logits, labels = torch.randn(B, K) - 3, torch.randint(K, (B,))
        logits[torch.arange(B), labels] += 0.7
        ranks = (logits > logits[torch.arange(B), labels][:, None]).sum(1)          # [B], 0: the label is first
        right = (ranks < k).float().mean().item()
        wrong = {
            "this is the share for the k *lowest* logits.": (ranks >= K - k).float().mean().item(),
            "this is the top-1 accuracy, whatever k is.": (ranks < 1).float().mean().item(),
            "this is a count of images. Divide by how many there are.": (ranks < k).sum().item(),
            "this divides by k as well: an image counts once, when any of its k classes is the label.":
                (ranks < k).float().mean().item() / k,
            "this counts the images whose label has exactly the k-th place. All places up to it count.":
                (ranks == k - 1).float().mean().item(),
            "this takes k + 1 classes.": (ranks <= k).float().mean().item(),
            "this is a percentage. A share goes from 0 to 1.": 100 * right,
            "this is rounded. Return the share itself, and round only where you print it.": round(right, 2),
            "this is the share of images that are missed.": 1 - right,
        }
        got = number(ask(top_k, logits, labels, k))
        if not abs(got - right) <= 1e-6:                # so that nan is wrong, too
            for message, value in wrong.items():
                need(abs(got - value) > 1e-6 * max(1, abs(value)), f"for k = {k}: {message}")
            need(False, f"for k = {k} and {B} images of {K} classes it gives {got:.4g}, expected {right:.4g}.")


@exercise("12.3", "every part has found its tokens.")
def check_tokens_of_parts(tokens_of_parts):
    """tokens_of_parts(g, rows, columns) -> [g * g, rows * columns], numbers of tokens in the large image."""
    for g, rows, columns in ((2, 2, 3), (3, 4, 2), (1, 2, 3)):
        places = torch.arange(g * g * rows * columns)
        grid = places.view(g, rows, g, columns)             # [row of parts, row, column of parts, column]
        right = grid.permute(0, 2, 1, 3).reshape(g * g, -1)
        wrong = {} if g == 1 else {
            "each part has tokens that follow one another in the list. But the list runs along the whole width of the "
            "large image, through several parts.": places.view(g * g, -1),
            "the parts are in the wrong order: they, too, are counted along the rows.":
                grid.permute(2, 0, 1, 3).reshape(g * g, -1),
            "the tokens of a part are counted down its columns. Count along its rows, as in a small image.":
                grid.permute(0, 2, 3, 1).reshape(g * g, -1),
            "each part has every g-th token. A part is a block of the image, whose tokens are neighbors.":
                places.view(rows, g, columns, g).permute(1, 3, 0, 2).reshape(g * g, -1),
            "rows and columns are swapped. Each row of the large image has g * columns tokens.":
                places.view(g, columns, g, rows).permute(0, 2, 3, 1).reshape(g * g, -1),
            "the table lies on its side: one row per part.": right.T,
            "the numbers begin at 1. In raster order the first token is number 0.": right + 1,
            "the tokens are numbered within their own part. The exercise asks for their numbers in the large image.":
                torch.arange(rows * columns).expand(g * g, -1),
            "this is the inverse table: for each token of the large image, its place in the parts.":
                right.flatten().argsort().view(g * g, -1),
        }
        wrong = {message: table for message, table in wrong.items() if not torch.equal(table, right)}
        got = ask(tokens_of_parts, g, rows, columns)
        compare(got, right, wrong, f"g is {g}, and a part has {rows} rows and {columns} columns.")
        need(not got.is_floating_point(), f"the numbers are right, but of type {got.dtype}. Numbers of tokens pick "
                                          "rows of a table, so they have to be whole, as torch.arange gives them.")
