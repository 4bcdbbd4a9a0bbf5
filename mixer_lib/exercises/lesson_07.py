"""Lesson 07, training on MNIST."""

import functools
import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .checking import NotDone, Wrong, ask, compare, exercise, need, number


def one_number(value):
    need(not callable(value), "it returns a function, not a number: call that function, as in item().")
    return number(value)


@exercise("7.1", "you can say how good a classifier is.")
def check_accuracy(accuracy):
    """accuracy(logits, labels): [N, K], [N] -> share of hits, a float from 0 to 1."""
    square = torch.tensor([[9.0, 3, 1, 1, 2], [2, 2, 1, 3, 5], [4, 4, 8, 2, 1], [0, 3, 0, 1, 7], [3, 1, 4, 4, 6]])
    mistakes = {1: "argmax needs dim=1. Without dim there is one number for the whole batch.",     # of 5 images, N = K
                2: "This is the share of mistakes.",
                4: "It looks for the largest logit along the wrong axis. A row is an image, a column is a class."}
    for logits, labels, hits, likely in ((square, torch.tensor([0, 1, 2, 4, 3]), 3, mistakes),
                                         (torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 0, 1]), 2, {})):
        N = len(labels)
        try:
            got = one_number(ask(accuracy, logits, labels))
        except Wrong as wrong:
            hint = " First turn the booleans into numbers, with .float()." if "Got: Bool" in str(wrong) else ""
            raise Wrong(f"{wrong}{hint}") from None
        hints = {hits: "Return the share of hits, not their number.",
                 100 * hits / N: "This is in percent. Return a share, from 0 to 1.",
                 0: "Compare labels with classes, not with logits, and divide with /, not //.",
                 **{count / N: hint for count, hint in likely.items()}}
        hint = next((hint for value, hint in hints.items() if math.isclose(got, value, rel_tol=1e-5)),
                    "The prediction is the class with the largest logit. Divide by the number of images.")
        need(math.isclose(got, hits / N, rel_tol=1e-5), f"it gives {got:.3g} where {hits} of {N} images are right. "
                                                        f"{hint}")


@exercise("7.2", "this is the step that all training consists of.")
def check_train_step(train_step):
    """train_step(model, x, y, optimizer) -> the loss as a float; the weights have moved once."""
    def train(step, count=2):
        """The losses of `count` steps, and the weights after them."""
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        x, y = torch.randn(8, 4), torch.arange(8) % 3
        return [step(model, x, y, optimizer) for _ in range(count)], model.weight.detach()

    def right(model, x, y, optimizer, loss_of=cross_entropy, clear=True):
        loss = loss_of(model(x), y)
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def asked(*arguments):
        try:
            return ask(train_step, *arguments)
        except NotDone:                             # it may still have moved the weights
            return None

    (loss, _), weight = train(asked)
    (right_loss, _), right_weight = train(right)
    start = train(right, 0)[1]
    if loss is None and torch.equal(weight, start):
        raise NotDone
    wrong = {
        "the weights have not moved. backward() fills the gradients, then optimizer.step() uses them. Both need their "
        "parentheses, and nothing may clear the gradients in between.": start,
        "the second step also used the gradient of the first. Gradients add up until optimizer.zero_grad(), with its "
        "parentheses, clears them.": train(functools.partial(right, clear=False))[1],
        "after two calls the weights have moved only once: a step must come after the gradients that it uses.":
            train(right, 1)[1],
        "each call takes two steps. The exercise asks for one.": train(right, 4)[1],
        "cross_entropy takes the logits as they are: it applies the softmax itself.":
            train(functools.partial(right, loss_of=lambda z, y: cross_entropy(z.softmax(1), y)))[1],
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
    need(loss is None or math.isclose(one_number(loss), right_loss, rel_tol=1e-4),
         f"the loss of the first step is {loss:.4f}, expected {right_loss:.4f}: the cross-entropy of the batch, before "
         "the weights move.")
    need(moved, "the weights moved, but not to where one step of the given optimizer takes them. Leave the gradients "
                "and the learning rate as they are.")


@exercise("7.3", "now you can see which digits are taken for which.")
def check_confusion_matrix(confusion_matrix):
    """confusion_matrix(labels, predictions, num_classes): counts [K, K], one row per true class."""
    labels, predictions = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 0, 1, 1, 2, 0])
    expected = torch.tensor([[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    got = ask(confusion_matrix, labels, predictions, 4)
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
