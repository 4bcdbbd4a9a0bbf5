"""Lesson 08, training on CIFAR-10."""

import math
from statistics import mean, pvariance, variance

import torch
from torch.nn import functional as F
from torch.nn.functional import cross_entropy, one_hot
from torch.overrides import TorchFunctionMode

from ..configs import did_you_mean
from ..data import load_dataset
from ..model import MixerConfig
from ..training import Recipe
from ..training.loop import check_recipe
from .checking import Wrong, ask, compare, exercise, need, number


class _Watch(TorchFunctionMode):
    """Notes which of PyTorch's own losses are called while it lasts."""

    def __init__(self):
        super().__init__()
        self.called = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (F.cross_entropy, F.nll_loss, F.kl_div):
            self.called.add(function.__name__)
        return function(*args, **kwargs or {})


@exercise("8.1", "blended labels, and smoothed ones, need no other loss than this.")
def check_soft_loss(soft_loss):
    """soft_loss(logits, shares): [N, K], [N, K] -> the mean cross-entropy in nats, one number."""
    torch.manual_seed(0)
    for logits, shares in ((torch.tensor([[2.0, 0, -1], [0.5, 1, 3], [0, 0, 0], [-2, 4, 1]]),
                            torch.tensor([[0.7, 0.3, 0], [0, 0, 1], [0.5, 0, 0.5], [0, 0.1, 0.9]])),
                           (2 * torch.randn(7, 5), torch.rand(7, 5).softmax(1))):
        with _Watch() as watch:
            got = number(ask(soft_loss, logits, shares))
        _check_soft_loss(got, logits, shares)
        need(not watch.called, "the number is right, but it comes from PyTorch's own "
                               f"{' and '.join(sorted(watch.called))}. Write the loss yourself, with log_softmax.")
    sure = number(ask(soft_loss, torch.tensor([[200.0, 0.0]]), torch.tensor([[0.0, 1.0]])))
    need(math.isclose(sure, 200, rel_tol=1e-4), f"for logits (200, 0) and the true class 1 it gives {sure:.4g}, "
         "expected 200. There softmax rounds to 0, and the logarithm is lost. log_softmax does both steps at once.")


def _check_soft_loss(got, logits, shares):
    (N, K), expected, p = logits.shape, cross_entropy(logits, shares).item(), logits.softmax(1)
    wrong = {
        "The sign is wrong: the logarithm of a probability is negative, but the loss is not.": -expected,
        "This is the sum over the images: take their mean.": N * expected,
        "This is also a mean over the classes. Within an image, add up.": expected / K,
        "Take the logarithm of the probabilities.": -(shares * p).sum(1).mean(),
        "Logits are not yet logarithms of probabilities: use log_softmax.":
            -(shares * logits).sum(1).mean(),
        "The softmax runs over the images. It should run over the classes, dim=1.":
            -(shares * logits.log_softmax(0)).sum(1).mean(),
        "Only the class with the largest share counts here. Every class should count by its share.":
            cross_entropy(logits, shares.argmax(1)),
        "Take the logarithm of the network's probabilities, not of the shares.":
            -(p * shares.clamp(min=1e-9).log()).sum(1).mean(),
        "This applies the softmax twice: cross_entropy takes the logits as they are.": cross_entropy(p, shares),
        "The loss is in bits, by the logarithm to base 2. Use the natural logarithm, which gives nats.":
            expected / math.log(2),
        "The loss also counts the logarithms of the shares. Those do not depend on the network.":
            expected + torch.special.xlogy(shares, shares).sum(1).mean(),
        AS_IT_IS: round(expected, 2),
    }
    right = math.isclose(got, expected, rel_tol=1e-5)
    for message, value in wrong.items():
        need(right or not math.isclose(got, float(value), rel_tol=1e-4), f"it gives {got:.4f}. {message}")
    need(right, f"for logits {list(logits.shape)} it gives {got:.4f}, expected {expected:.4f}. For each image, take "
                "minus the sum of share times log-probability. Then take the mean over the images.")


@exercise("8.2", "your CutMix pastes what it should, and the labels tell how much.")
def check_cutmix(cutmix):
    """cutmix(x, y, box, num_classes): [B, C, H, W], [B], (top, left, height, width) -> [B, C, H, W], [B, K]."""
    cases = [((3, 2, 4, 6), [4, 0, 2], 5, box) for box in ((1, 2, 2, 3), (0, 1, 4, 2), (3, 5, 1, 1))]
    for shape, labels, K, box in [*cases, ((4, 5, 7, 5), [1, 1, 0, 2], 4, (2, 1, 5, 3))]:
        B, C, H, W = shape
        x, y = torch.arange(float(B * C * H * W)).view(shape), torch.tensor(labels)
        if C == 5:
            x = x // 4 % 2                  # black and white: many pixels stay as they were
        top, left, height, width = box
        share = height * width / (H * W)
        own, other = one_hot(y, K).float(), one_hot(y.roll(1), K).float()
        add_up = "where both images have one class, add the shares up: "
        got = ask(cutmix, x, y, box, K)
        need(isinstance(got, (tuple, list)) and len(got) == 2, "return two things: the images and the shares.")
        where = f"With the box {box}: "
        right = _pasted(x, x.roll(1, 0), box)
        compare(got[0], right, {
            f"{where}nothing is pasted.": x,
            f"{where}the rectangle comes from the next image. Take it from the image before, x.roll(1, dims=0).":
                _pasted(x, x.roll(-1, 0), box),
            f"{where}everything but the box was replaced.": _pasted(x.roll(1, 0), x, box),
            f"{where}rows and columns are swapped. An image is [C, H, W]: its rows come first.":
                _pasted(x, x.roll(1, 0), (left, top, width, height)),
            f"{where}height and width are not where the box ends. They say how far it goes from top and left.":
                _pasted(x, x.roll(1, 0), (top, left, max(height - top, 0), max(width - left, 0))),
            f"{where}only one channel is pasted: x[:, :, ...] takes all channels.":
                torch.cat([right[:, :1], x[:, 1:]], 1),
            f"{where}the box is blended in, as in MixUp. CutMix replaces the pixels.": (right + x) / 2,
            f"{where}the rectangle comes from images already pasted over. Read from x, and write into the copy.":
                _pasted(x, x[-1:].expand_as(x), box),
            f"{where}roll without dims moves single numbers: roll over dim 0, the images.": _pasted(x, x.roll(1), box),
        }, f"{where}Inside the box should be the image before, outside the image itself.")
        compare(got[1], (1 - share) * own + share * other, {
            f"{where}the shares are swapped: the pasted image has the box's share of the pixels.":
                share * own + (1 - share) * other,
            f"{where}the labels are still those of the images alone.": own,
            f"{where}the pasted image's label is that of the next image.":
                (1 - share) * own + share * one_hot(y.roll(-1), K),
            f"{where}the labels are blended half and half. Blend them by the shares of the pixels.": (own + other) / 2,
            f"{where}count pixels, not numbers. All channels of a pixel together count as one.":
                (1 - share / C) * own + share / C * other,
            f"{where}the shares add up to more than 1. The image itself keeps only what is not pasted over.":
                own + share * other,
            **({
                f"{where}{add_up}the pasted image's share overwrote the other.":
                    torch.where(other > 0, share, (1 - share) * own),
                f"{where}{add_up}the image's own share overwrote the other.":
                    torch.where(own > 0, 1 - share, share * other),
            } if (y == y.roll(1)).any() else {}),
        }, f"{where}The box has {height * width} of {H * W} pixels, a share of {share:.3g}.")


def _pasted(x, source, box):
    top, left, height, width = box
    out = x.clone()
    out[:, :, top:top + height, left:left + width] = source[:, :, top:top + height, left:left + width]
    return out


AS_IT_IS = "Return the number as it is. Rounding belongs in the print."


def _rounded(value, exact):
    """Whether `value` is `exact`, rounded to 2, 3 or 4 digits after the point."""
    return any(math.isclose(value, round(exact, digits), rel_tol=1e-6) for digits in (2, 3, 4))


@exercise("8.3", "from now on, anyone who reports a gain has to show you the runs.")
def check_gain(gain):
    """gain(before, after): two lists of accuracies -> (difference of the means, its standard error)."""
    for before, after in (([0.50, 0.52, 0.54], [0.55, 0.56, 0.60]), ([0.1, 0.3], [0.2, 0.2, 0.2, 0.6]),
                          ([0.61, 0.644, 0.583, 0.702, 0.655], [0.671, 0.52, 0.633])):
        copies = [*before], [*after]
        got = ask(gain, *copies)
        need(copies == (before, after), "gain changes a list that it is given. The caller may still need the list, so "
                                        "make a new one.")
        try:
            difference, error = (number(value) for value in got)
        except (TypeError, ValueError):
            raise Wrong(f"it gives {got!r}. Return two numbers, the difference and its standard error.") from None
        where = f"For {before} and {after} "
        right = mean(after) - mean(before)
        need(not math.isclose(difference, -right, rel_tol=1e-4),
             f"{where}your difference is {difference:.4g}. Take after minus before, so that a gain is positive.")
        near = math.isclose(difference, right, rel_tol=1e-4)     # float32's accuracies, too
        need(near or not _rounded(difference, right), f"{where}your difference is {difference:.4g}. {AS_IT_IS}")
        need(near, f"{where}the difference of the means is {right:.4g}, not {difference:.4g}.")
        m, n = len(before), len(after)
        expected = math.sqrt(variance(before) / m + variance(after) / n)
        wrong = {
            "for the variance of a sample, divide by n - 1, not by n.":
                math.sqrt(pvariance(before) / m + pvariance(after) / n),
            "this is the spread of single runs. A mean of n runs varies less, by the square root of n: divide each "
            "variance by its n.": math.sqrt(variance(before) + variance(after)),
            "standard errors do not add up, but their squares do.":
                math.sqrt(variance(before) / m) + math.sqrt(variance(after) / n),
            "this is its square, so take the square root.": expected ** 2,
            "`before` varies, too. Its runs count as much as those of `after`.": math.sqrt(variance(after) / n),
            "this is the error of a mean of all runs together. Take each list by itself.":
                math.sqrt(variance([*before, *after]) / (m + n)),
            "this is the spread of the differences, run by run. The runs are not pairs.":
                math.sqrt(variance([b - a for a, b in zip(before, after)]) / min(m, n)),
            "divide each variance by the number of its own runs.":
                math.sqrt((variance(before) + variance(after)) / (m + n)),
        }
        for message, value in wrong.items():
            need(math.isclose(error, expected, rel_tol=1e-4) or not math.isclose(error, value, rel_tol=1e-3),
                 f"{where}your standard error is {error:.4g}: {message}")
        near = math.isclose(error, expected, rel_tol=1e-4)
        need(near or not _rounded(error, expected), f"{where}your standard error is {error:.4g}. {AS_IT_IS}")
        need(near, f"{where}the standard error is {expected:.4g}, not {error:.4g}: the square root of (variance of "
                   f"before) / {m} + (variance of after) / {n}.")


# What lesson 8's table has measured, each a change of PLAIN.
PLAIN = dict(epochs=16, batch_size=64, lr=3e-3, weight_decay=0.0, label_smoothing=0.0)
MEASURED = {
    "constant learning rate": {"schedule": "constant"}, "weight decay 0.1": {"weight_decay": 0.1},
    "label smoothing 0.1": {"label_smoothing": 0.1}, "flips": {"flip": True}, "crops": {"crop_padding": 4},
    "RandAugment 9": {"randaugment": 9}, "MixUp 0.5": {"mixup": 0.5}, "CutMix 0.5": {"cutmix": 0.5},
    "Muon": {"optimizer": "muon"},
}
TOGETHER = {"crop_padding": 4, "flip": True, "label_smoothing": 0.1, "weight_decay": 0.1}
MEASURED |= {"crops, flips, smoothing, decay": TOGETHER, "the same and RandAugment 9": TOGETHER | {"randaugment": 9},
             "the same and CutMix 0.5": TOGETHER | {"cutmix": 0.5}}
NOT_THE_RECIPE = {"seed": "The cell below sets the seeds", "val_fraction": "Then other images would be held out",
                  "precision": "It concerns the arithmetic", "compile": "It changes the speed, not the result",
                  "snapshots": "It only records", "patience": "The table compares runs that go to their end",
                  "freeze": "The model is not pretrained"}


@exercise("8.4", "this row is new, and it can be measured: set `measure = True` in the next cell.")
def check_my_change(my_change):
    """my_change() -> a dict of arguments of Recipe, none of the table's rows."""
    change = ask(my_change)
    need(isinstance(change, dict), f"it returns {type(change).__name__}, expected a dict such as {{'flip': True}}.")
    need(change, "the dict is empty, so nothing changes.")
    names = [name for name in vars(Recipe()) if name not in NOT_THE_RECIPE]
    for name in change:
        need(name not in NOT_THE_RECIPE, f"leave {name} as it is. {NOT_THE_RECIPE.get(name)}.")
        need(name not in MixerConfig.__dataclass_fields__, f"{name} belongs to the model, not to the recipe.")
        need(name in names, f"Recipe has no argument {name!r}{did_you_mean(str(name), names)}.")
    try:
        recipe = Recipe(**PLAIN | change)
        check_recipe(recipe, load_dataset("cifar10"))
    except (TypeError, ValueError) as error:
        raise Wrong(f"this cannot be run: {error}".rstrip(".") + ".") from None
    need(recipe != Recipe(**PLAIN), f"{change} changes nothing: plain has these values, too.")
    known = next((name for name, known in MEASURED.items() if recipe == Recipe(**PLAIN | known)), None)
    need(known is None, f"the table has this row already, {known!r}. Think of another change.")
    need(recipe.epochs <= 64, f"{recipe.epochs} epochs would take an hour or more. Try at most 64.")
    need(recipe.batch_size <= 4500, f"a batch of {recipe.batch_size} is larger than the set of 4,500 training images.")
