"""Lesson 07, training on MNIST."""

import functools
import math

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .checking import NotDone, Wrong, ask, compare, exercise, need, number


def one_number(value):
    need(not callable(value), "it returns a function, not a number: call that function, as in item().")
    need(not isinstance(value, tuple) or len(value) != 1, "it returns a tuple of one number: a comma at the end?")
    return number(value)


@exercise("7.1", "you can say how good a classifier is.")
def check_accuracy(accuracy):
    """accuracy(logits, labels): [N, K], [N] -> share of hits, a float from 0 to 1."""
    square = torch.tensor([[9.0, 3, 1, 1, 2], [2, 2, 1, 3, 5], [4, 4, 8, 2, 1], [0, 3, 0, 1, 7], [3, 1, 4, 4, 6]])
    mistakes = {1: "Either argmax lacks its dim=1, and gives one number for the whole batch, or a `return` inside the "
                   "loop ends it after the first image.",                                               # N = K here
                2: "This is the share of mistakes.",
                4: "It looks for the largest logit along the wrong axis. A row is an image, a column is a class."}
    torch.manual_seed(0)
    unsure = torch.randn(11, 7) / 2                 # no probability is above one half
    some = (unsure.argmax(1) + (torch.arange(11) % 3 > 0)) % 7
    for logits, labels, likely in (
            (square, torch.tensor([0, 1, 2, 4, 3]), mistakes),
            (torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 0, 1]), {}),
            (unsure, some, {0: "The largest logit decides, also where its probability is below one half. Or do you "
                               "compare labels with logits?"}),
            (torch.randn(6, 2), torch.zeros(6).long(), {}),
            (torch.eye(12), torch.tensor([1, *range(1, 12)]), {9: "There are 12 classes here, not 10: look at all."}),
            (torch.ones(2, 2), torch.tensor([0, 1]), {2: "Two logits are equal here, but only one class is chosen.",
                                                      0: "Two logits are equal here, and one class is still chosen."})):
        N, hits = len(labels), (logits.argmax(1) == labels).sum().item()
        try:
            got = one_number(ask(accuracy, logits, labels))
        except Wrong as wrong:
            said = str(wrong)
            hint = (" First turn the booleans into numbers, with .float()." if "Got: Bool" in said else
                    " max(1) gives two tensors, the values and the indices. The indices are the classes." if
                    "max" in said and ("'bool'" in said or "tuple" in said or "return_types" in said) else "")
            raise Wrong(f"{wrong}{hint}") from None
        hints = {hits: "Return the share of hits, not their number.",
                 100 * hits / N: "This is in percent. Return a share, from 0 to 1.",
                 **{round(hits / N, digits): "Return the share as it is. Rounding belongs in the print."
                    for digits in range(1, 5)},
                 0: "Compare labels with classes, not with logits, and divide with /, not //."} | {
                     count / N: hint for count, hint in likely.items()}
        hint = next((hint for value, hint in hints.items() if math.isclose(got, value, rel_tol=1e-5, abs_tol=1e-9)),
                    "The prediction is the class with the largest logit. Divide by the number of images.")
        need(math.isclose(got, hits / N, rel_tol=1e-5), f"it gives {got:.3g} where {hits} of {N} images are right. "
                                                        f"{hint}")


# What PyTorch says, and what to do about it.
SLIPS = {"has no attribute 'backward'": " A plain number has no gradient: call backward() on the loss tensor, and "
                                        "item() only in the return.",
         "does not require grad": " Inside no_grad, or after detach(), nothing can be differentiated.",
         "Expected floating point type": " cross_entropy takes the logits first, then the labels.",
         "`loss = cross_entropy(y": " cross_entropy takes the logits first, then the labels."}


@exercise("7.2", "this is the step that all training consists of.")
def check_train_step(train_step):
    """train_step(model, x, y, optimizer) -> the loss as a float; the weights have moved once."""
    def train(step, count=2):
        """The losses of `count` steps, and the weights after them."""
        torch.manual_seed(0)
        model = nn.Sequential(nn.AvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))       # takes images only; [8, 3]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
        x, y = 40 * torch.randn(8, 1, 2, 2), torch.arange(8) % 3            # large: gradients that clipping changes
        losses = [step(model, x, y, optimizer) for _ in range(count)]
        return losses, nn.utils.parameters_to_vector(model.parameters()).detach()

    def right(model, x, y, optimizer, loss_of=cross_entropy, clear=True):
        loss = loss_of(model(x), y)
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def asked(model, *others):
        model.train()
        try:
            loss = ask(train_step, model, *others)
        except NotDone:                             # it may still have moved the weights
            loss = None
        except Wrong as wrong:
            hint = next((hint for word, hint in SLIPS.items() if word in str(wrong)), "")
            raise Wrong(f"{wrong}{hint}") from None
        need(all(part.training for part in model.modules()), "the step leaves the model in eval mode, where dropout is "
             "off. Training needs the mode that the model was given in.")
        return loss

    (loss, _), weight = train(asked)
    (right_loss, _), right_weight = train(right)
    start = train(right, 0)[1]
    if loss is None and torch.equal(weight, start):
        raise NotDone
    wrong = {
        "the weights have not moved. backward() fills the gradients, then step() of the given optimizer uses them. "
        "Both need their parentheses, and nothing may clear the gradients in between.": start,
        "the second step also used the gradient of the first. Gradients add up until optimizer.zero_grad(), with its "
        "parentheses, clears them.": train(functools.partial(right, clear=False))[1],
        "after two calls the weights have moved only once: a step must come after the gradients that it uses.":
            train(right, 1)[1],
        "each call takes two steps. The exercise asks for one.": train(right, 4)[1],
        "cross_entropy takes the logits as they are: it applies the softmax itself.":
            train(functools.partial(right, loss_of=lambda z, y: cross_entropy(z.softmax(1), y)))[1],
        "two mistakes are left: cross_entropy takes the logits as they are, and each step also used the gradient of "
        "the step before.": train(functools.partial(right, loss_of=lambda z, y: cross_entropy(z.softmax(1), y),
                                                clear=False))[1],
        "the loss has label smoothing. The exercise asks for the plain cross-entropy, as in the step by hand.":
            train(functools.partial(right, loss_of=functools.partial(cross_entropy, label_smoothing=0.1)))[1],
        "this is the sum of the batch's losses: take their mean.":
            train(functools.partial(right, loss_of=functools.partial(cross_entropy, reduction="sum")))[1],
    }
    for message, value in wrong.items():
        need(not torch.allclose(weight, value), message)
    moved = torch.allclose(weight, right_weight)
    need(loss is not None or not moved, "the weights are right. Now return the loss, so that we can watch it.")
    need(not isinstance(loss, torch.Tensor) or not loss.requires_grad,
         "the loss is a tensor that keeps the whole graph of its computation in memory: return it as a plain number, "
         "loss.item().")
    value = right_loss if loss is None else one_number(loss)
    need(not isinstance(loss, (torch.Tensor, np.ndarray)), f"the loss is of type {type(loss).__name__}: return it as a "
                                                           "plain number, loss.item().")
    need(math.isclose(value, right_loss, rel_tol=1e-6) or not math.isclose(value, right_loss, abs_tol=0.006),
         "the loss is close, but not equal. Return it as it is. Rounding belongs in the print.")
    need(math.isclose(value, right_loss, rel_tol=1e-6), f"the loss of the first step is {value:.4f}, expected "
         f"{right_loss:.4f}: the cross-entropy of the batch, before the weights move.")
    need(moved, "the weights moved, but not to where one step of the given optimizer takes them. Leave the gradients "
                "and the learning rate as they are, clear all old gradients, and let optimizer.step() do the rest.")


@exercise("7.3", "now you can see which digits are taken for which.")
def check_confusion_matrix(confusion_matrix):
    """confusion_matrix(labels, predictions, num_classes): counts [K, K], one row per true class."""
    labels, predictions = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 0, 1, 1, 2, 0])
    expected = torch.tensor([[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    try:
        got = ask(confusion_matrix, labels, predictions, 4)
    except Wrong as wrong:
        hint = " bincount stops at the largest number that it meets: give it minlength."
        raise Wrong(f"{wrong}{hint * ('input of size 11' in str(wrong))}") from None     # the largest is 2 * 4 + 2
    once = "every cell holds at most 1: matrix[labels, predictions] += 1 counts a repeated pair only once."
    wrong = {
        "rows and columns are swapped: a row is a true class.": expected.T,
        f"{once} Loop over the pairs, or look up torch.bincount.": expected > 0,
        f"{once} Rows and columns are swapped, too.": expected.T > 0,
        "these are shares of each row. The exercise asks for counts.":
            expected / expected.sum(1, keepdim=True).clamp(min=1),
        "these are shares of all images. The exercise asks for counts.": expected / len(labels),
        "only the hits are counted. The mistakes go off the diagonal.": expected.diag().diag(),
        "only the mistakes are counted. The hits go on the diagonal.": expected - expected.diag().diag(),
        "no image is counted. matrix[labels][predictions] += 1 counts in a copy.": torch.zeros_like(expected),
        "class 3 has no images here, but it still has a row and a column: the shape is [K, K].": expected[:3, :3],
    }
    compare(got, expected, wrong, f"Every image counts in the row of its label, {labels.tolist()}, and in the column "
                                  f"of its prediction, {predictions.tolist()}.")
    need(got.dtype in (torch.int32, torch.int64, torch.float32, torch.float64),
         f"the counts are of type {got.dtype}, which is too small for thousands of images. Use torch.long.")
    torch.manual_seed(0)
    labels, predictions = torch.randint(20, (2, 600))
    expected = torch.bincount(20 * labels + predictions, minlength=400).view(20, 20)
    compare(ask(confusion_matrix, labels, predictions, 20), expected, {},
            "The first case was right. This one has 600 images and 20 classes: is a size written into the answer, or "
            "is its type too small for the numbers of 400 pairs?")


@exercise("7.4", "you have written the loop that all training runs in.")
def check_train_and_stop(train_and_stop):
    """train_and_stop(model, optimizer, train_batches, held_out, epochs, patience) -> accuracies, one per epoch; the
    model has the weights of its best epoch."""
    # (hits of 1,000 after each epoch, epochs, patience): a tie, an end without a stop, a second rise, a best first
    # epoch, a small rise and then the end, all hits
    for script, epochs, patience in (([300, 600, 500, 600, 200, 300, 100, 100, 100, 900], 10, 3),
                                     ([100, 200, 400, 500], 4, 2), ([500, 400, 600, 500, 700, 100, 100, 800], 8, 2),
                                     ([400, 300, 200, 100, 0], 5, 1), ([200, 503, 504, 501, 502], 5, 3),
                                     ([500, 1000, 900, 800, 700], 5, 2)):
        _check_run(train_and_stop, script, epochs, patience)


BATCHES = 4, 4, 4, 3        # images in each batch of an epoch


class _Scripted(nn.Module):
    """A linear classifier that trains as usual, while on the held-out images it has as many hits as a script says. It
    notes for every forward pass (on the held-out images?, training mode?, gradients on?)."""

    def __init__(self, script):
        super().__init__()
        self.linear, self.script, self.steps, self.seen = nn.Linear(4, 3), script, 0, []

    def forward(self, x):
        held, modes = len(x) == 1000, [part.training for part in self.modules()]
        self.seen.append((held, any(modes) if held else all(modes), torch.is_grad_enabled()))
        logits = self.linear(x)
        if not held:
            self.steps += 1
            return logits
        hits = torch.arange(1000) < self.script[min((self.steps - 1) // len(BATCHES), len(self.script) - 1)]
        labels = x[:, 0].round().long()                                         # the images say it
        return nn.functional.one_hot(torch.where(hits, labels, (labels + 1) % 3), 3) + 0 * logits


def _check_run(train_and_stop, script, epochs, patience):
    torch.manual_seed(0)
    model = _Scripted(script)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    pairs = [(torch.randn(n, 4), torch.arange(n) % 3) for n in BATCHES]
    y = torch.randperm(1000) % 3
    held_out, passes = (torch.cat([y[:, None].float(), torch.randn(1000, 3)], 1), y), []

    def train_batches():
        passes.append(len(passes))
        yield from pairs

    weights = {clear: _weights_by_epoch(model, pairs, epochs, clear) for clear in (True, False)}
    model.eval()
    try:
        got = ask(train_and_stop, model, optimizer, train_batches, held_out, epochs, patience)
    except NotDone:
        need(not model.steps, "the model has been trained. Now return the list of accuracies.")
        raise
    except Wrong as wrong:
        hint = next((hint for word, hint in SLIPS.items() if word in str(wrong)), "")
        raise Wrong(f"{wrong}{hint}") from None
    need(isinstance(got, (list, tuple)), f"it returns {type(got).__name__}, expected a list with one accuracy per "
                                         "epoch.")
    where = f"With {epochs} epochs, a patience of {patience} and the accuracies {[h / 1000 for h in script]}: "
    modes, measured = {*model.seen}, sum(held for held, *_ in model.seen)
    need(model.steps, "no batch of train_batches() went through the model.")
    need(measured, "the accuracy was not measured on all images of held_out at once.")
    need(len(passes) > 1 or measured == 1, f"train_batches() was called once for {measured} epochs. It gives one "
                                           "pass over the batches, so call it once per epoch.")
    need(not any(held and training for held, training, _ in modes),
         "the held-out images were measured in training mode. Call model.eval() before you measure.")
    need(not any(held and grad for held, _, grad in modes),
         "the accuracy was measured with gradients on. Put it under `with torch.no_grad():`.")
    need(not any(not held and not training for held, training, _ in modes),
         "the model was trained in eval mode. Call model.train() at the beginning of every epoch.")
    epoch = [*len(BATCHES) * [False], True]
    need([held for held, *_ in model.seen] == measured * epoch, "each epoch should be: all batches of train_batches() "
         "once, then the held-out images once.")
    ran, stop = len(got), _epochs(script, epochs, patience)
    need(ran == stop, f"{where}it returns {ran} accuracies, expected {stop}. " + (
        "It runs more epochs than it should." if measured > epochs else
        "It does not stop early." if ran == epochs else
        "An accuracy equal to the best is not better." if ran == _epochs(script, epochs, patience, ties=True) else
        "Count the epochs since the best one, and start again from 0 after each better one." if
        ran == _epochs(script, epochs, patience, reset=False) else
        "Compare with the best accuracy so far, not with the one of the epoch before." if
        ran == _epochs(script, epochs, patience, last=True) else
        f"Stop after {patience} epoch{'s' * (patience > 1)} in a row without a better accuracy."))
    values, expected = [one_number(value) for value in got], [hits / 1000 for hits in script[:stop]]
    need(not any(np.allclose(values, scale * np.array(expected)) for scale in (100, 1000)),
         "these accuracies are counts or percents. Return shares, from 0 to 1.")
    need(all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(values, expected)),
         f"{where}it returns {[round(value, 3) for value in values]}, expected {expected}.")
    best = script[:stop].index(max(script[:stop]))
    _check_weights(model.linear.weight.detach(), weights, best, stop, script, where)


def _check_weights(weight, weights, best, stop, script, where):
    """weight: what the model has in the end. weights: {zero_grad?: the weights after each epoch}."""
    def same(clear, epoch):
        return torch.allclose(weight, weights[clear][epoch + 1], atol=1e-6)

    need(not same(True, -1), f"{where}the weights are those from before the training.")
    need(same(True, best) or not any(same(False, epoch) for epoch in range(stop)),
         "each step also used the gradients of the steps before. Clear them with optimizer.zero_grad().")
    need(same(True, best) or not same(True, stop - 1),
         f"{where}the model ends with the weights of its last epoch. Those of epoch {best + 1} were best. Keep a copy "
         "of them with copy.deepcopy, because state_dict() gives the weights themselves, and load it at the end.")
    ties = [epoch for epoch in range(stop) if script[epoch] == script[best] and epoch != best]
    need(same(True, best) or not any(same(True, epoch) for epoch in ties),
         f"{where}of equally good epochs the first one counts, epoch {best + 1}.")
    other = next((epoch for epoch in range(stop) if same(True, epoch)), None)
    need(same(True, best) or other is None,
         f"{where}the model ends with the weights of epoch {(other or 0) + 1}. Those of epoch {best + 1} were best.")
    need(same(True, best), "the weights are not where the given optimizer takes them. Let each step be that of "
                           "exercise 7.2: plain cross-entropy, zero_grad, backward, step.")


def _weights_by_epoch(model, pairs, epochs, clear):
    """The weights before training and after each epoch, with zero_grad or without it."""
    linear = nn.Linear(4, 3)
    linear.load_state_dict(model.linear.state_dict())
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1, momentum=0.9)
    found = [linear.weight.detach().clone()]
    for _ in range(epochs):
        for x, y in pairs:
            if clear:
                optimizer.zero_grad()
            cross_entropy(linear(x), y).backward()
            optimizer.step()
        found.append(linear.weight.detach().clone())
    return found


def _epochs(script, epochs, patience, ties=False, reset=True, last=False):
    """How many epochs are run; with the mistakes that count a tie as better, never start the count again, or compare
    with the epoch before."""
    best, waited = -1, 0
    for ran, hits in enumerate(script[:epochs], start=1):
        better = hits >= best if ties else hits > best
        waited = (0 if reset else waited) if better else waited + 1
        best = hits if last else max(best, hits)
        if waited == patience:
            return ran
    return epochs
