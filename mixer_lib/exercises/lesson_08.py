"""Lesson 08, training on CIFAR-10."""

import math
from statistics import mean, pvariance, variance

import torch
from torch.nn.functional import cross_entropy, one_hot

from .checking import Wrong, ask, compare, exercise, need, number


@exercise("8.1", "blended labels, and smoothed ones, need no other loss than this.")
def check_soft_loss(soft_loss):
    """soft_loss(logits, shares): [N, K], [N, K] -> the mean cross-entropy in nats, one number."""
    logits = torch.tensor([[2.0, 0, -1], [0.5, 1, 3], [0, 0, 0], [-2, 4, 1]])
    shares = torch.tensor([[0.7, 0.3, 0], [0, 0, 1], [0.5, 0, 0.5], [0, 0.1, 0.9]])
    expected = cross_entropy(logits, shares).item()
    got = number(ask(soft_loss, logits, shares))
    p = logits.softmax(1)
    wrong = {
        "The sign is wrong: the logarithm of a probability is negative, but the loss is not.": -expected,
        "This is the sum over the images: take their mean.": 4 * expected,
        "This is also a mean over the classes. Within an image, add up.": expected / 3,
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
    }
    for message, value in wrong.items():
        need(not math.isclose(got, float(value), rel_tol=1e-4), f"it gives {got:.4f}. {message}")
    need(math.isclose(got, expected, rel_tol=1e-4),
         f"it gives {got:.4f}, expected {expected:.4f}. For each image, take minus the sum of share times "
         "log-probability. Then take the mean over the images.")
    sure = number(ask(soft_loss, torch.tensor([[200.0, 0.0]]), torch.tensor([[0.0, 1.0]])))
    need(math.isclose(sure, 200, rel_tol=1e-4), f"for logits (200, 0) and the true class 1 it gives {sure:.4g}, "
         "expected 200. There softmax rounds to 0, and the logarithm is lost. log_softmax does both steps at once.")


@exercise("8.2", "your CutMix pastes what it should, and the labels tell how much.")
def check_cutmix(cutmix):
    """cutmix(x, y, box, num_classes): [B, C, H, W], [B], (top, left, height, width) -> [B, C, H, W], [B, K]."""
    B, K = 3, 5
    x = torch.arange(B * 2 * 4 * 6.0).reshape(B, 2, 4, 6)
    y = torch.tensor([4, 0, 2])
    for top, left, height, width in ((1, 2, 2, 3), (0, 1, 4, 2), (3, 5, 1, 1)):
        box, share = (top, left, height, width), height * width / 24
        own, other = one_hot(y, K).float(), one_hot(y.roll(1), K).float()
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
                (1 - share / 2) * own + share / 2 * other,
            f"{where}the shares add up to more than 1. The image itself keeps only what is not pasted over.":
                own + share * other,
        }, f"{where}The box has {height * width} of 24 pixels, a share of {share:.3g}.")


def _pasted(x, source, box):
    top, left, height, width = box
    out = x.clone()
    out[:, :, top:top + height, left:left + width] = source[:, :, top:top + height, left:left + width]
    return out


@exercise("8.3", "whoever reports a gain now has to show you the runs.")
def check_gain(gain):
    """gain(before, after): two lists of accuracies -> (difference of the means, its standard error)."""
    for before, after in (([0.50, 0.52, 0.54], [0.55, 0.56, 0.60]), ([0.1, 0.3], [0.2, 0.2, 0.2, 0.6])):
        got = ask(gain, list(before), list(after))
        try:
            difference, error = (number(value) for value in got)
        except (TypeError, ValueError):
            raise Wrong(f"it gives {got!r}. Return two numbers, the difference and its standard error.") from None
        where = f"For {before} and {after} "
        right = mean(after) - mean(before)
        need(not math.isclose(difference, -right, rel_tol=1e-4),
             f"{where}your difference is {difference:.4g}. Take after minus before, so that a gain is positive.")
        need(math.isclose(difference, right, rel_tol=1e-4),      # float32's accuracies, too
             f"{where}the difference of the means is {right:.4g}, not {difference:.4g}.")
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
            "divide each variance by the number of its own runs.":
                math.sqrt((variance(before) + variance(after)) / (m + n)),
        }
        for message, value in wrong.items():
            need(not math.isclose(error, value, rel_tol=1e-3), f"{where}your standard error is {error:.4g}: {message}")
        need(math.isclose(error, expected, rel_tol=1e-3), f"{where}the standard error is {expected:.4g}, not "
             f"{error:.4g}: the square root of (variance of before) / {m} + (variance of after) / {n}.")
