"""What the checks of the exercises share. A check tries an answer on small cases and says at once what is wrong.

A check shows one card and raises nothing: "✓" right, "✗" wrong and why, "○" not done yet. Outside a notebook it prints
one line. A check of several parts is a generator that yields the name of each part that is right: the card lists them.
"""

import functools
import operator
import re
import sys
import traceback

import torch
from IPython.display import display
from torch.overrides import TorchFunctionMode

from .card import Card


class Wrong(Exception):
    """A check raises this to say what is wrong with an answer."""


class NotDone(Exception):
    """A check raises this when an answer returns nothing, as the unedited stub does."""


def exercise(number, praise):
    """Turn a function that raises `Wrong` into the check of exercise `number`."""
    def decorate(check):
        @functools.wraps(check)
        def run(answer):
            parts = []
            ANSWERED.clear()
            try:
                need(callable(answer), "this check takes the function itself, not what it returns. Pass the name of "
                                       "the function, without parentheses.")
                with torch.random.fork_rng(devices=[]):         # a check does not change the lesson's random numbers
                    for part in check(answer) or ():
                        parts.append(part)
                state, said = "right", praise
            except NotDone as what:
                state, said = "not done", str(what) or (
                    f"{name_of(answer)} returns nothing yet. Write it above, ending in `return ...` (to print is not "
                    "enough), then run its cell and this one.")
            except Wrong as wrong:
                state, said = "wrong", str(wrong)
            except Exception as error:
                state, said = "wrong", (f"the check cannot make sense of what {name_of(answer)} returns "
                                        f"({one_line(error)}).")
            display(Card(number, state, said, parts))
        return run
    return decorate


# What the checks share

ANSWERED = []       # the functions that have returned something in this check


def ask(answer, *arguments, **named):
    """Call `answer` and return its result. Raise `Wrong` if it raises, changes a tensor that it is given, or returns
    nothing for some cases only, and `NotDone` if it has returned nothing so far."""
    copies = [a.clone() if isinstance(a, torch.Tensor) else a for a in arguments]
    try:
        value = answer(*copies, **named)
    except (Exception, SystemExit) as error:
        lines = [step.line for step in traceback.extract_tb(error.__traceback__) if step.name == name_of(answer)]
        where = f", in the line `{lines[-1]}`" if lines and lines[-1] else ""
        said = f"{one_line(error)}{advice(error)}{where}."
        raise Wrong(f"{call(answer, *arguments, **named)} stopped with {said}") from None
    if value is None or value is Ellipsis:
        need(not any(answer is one for one in ANSWERED), f"{call(answer, *arguments, **named)} returns nothing, though "
             "other calls return something. Does every way through the function end in `return`?")
        raise NotDone
    ANSWERED.append(answer)
    for given, copy in zip(arguments, copies):
        need(not isinstance(given, torch.Tensor) or torch.equal(given, copy),
             f"{name_of(answer)} changes a tensor that it is given. The caller may still need that tensor, so make a "
             "new one.")
    return value


def ask_without(function, answer, *arguments, **named):
    """As `ask`, where the exercise is to write what `function` of the library does."""
    return without(function, lambda: ask(answer, *arguments, **named))


def without(function, action):
    """What `action()` returns. Raise `Wrong` if `function` of the library runs, by whatever name."""
    ran, before = [], sys.getprofile()
    sys.setprofile(lambda frame, *_: ran.append(frame.f_code))
    try:
        value = action()
    finally:
        sys.setprofile(before)
    need(function.__code__ not in ran, f"the library's `{function.__name__}` does the work here. The exercise asks you "
                                       "to write it.")
    return value


def call(answer, *arguments, **named):
    """The call as a person would write it, each tensor as its shape: "f(tensor [2, 3], 8)"."""
    def short(value):
        if isinstance(value, torch.Tensor):
            return f"tensor {list(value.shape)}"
        return repr(value) if isinstance(value, int) else type(value).__name__

    parts = [short(value) for value in arguments] + [f"{name}={short(value)}" for name, value in named.items()]
    return f"{name_of(answer)}({', '.join(parts)})"


def name_of(answer):
    return getattr(answer, "__name__", "your answer")


def one_line(error):
    return " ".join(traceback.format_exception_only(error)[-1].split()).rstrip(".")


# PyTorch's errors, as regular expressions, and what they mean for a beginner.
ADVICE = {
    "invalid for input of size": "a reshape must keep the number of entries",
    "view size is not compatible": "after permute or transpose, use reshape in place of view",
    r"cannot be multiplied|dimensions of batch2|size mismatch, got|inconsistent tensor":
        "in A @ B, the last size of A must equal the last but one of B",
    "must match the size of tensor": "sizes that meet must be equal, or one of them 1",
    "[Ww]eight of size|Expected .*weight to|expected input.*channels|weight should have":
        "a convolution's kernel has the shape [C, C_in, P, P]",
    "number of dim.* in the tensor input does not match|dims don't match": "permute must name each axis once",
    "Dimension out of range": "axes are counted from 0; -1 is the last one, however many there are",
}


def advice(error):
    """In parentheses, what one of PyTorch's errors means; nothing for other errors."""
    found = [words for pattern, words in ADVICE.items() if re.search(pattern, str(error))]
    return f" ({found[0]})" if found else ""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def number(value):
    """One number of any kind as a float; anything else is `Wrong`."""
    try:
        tensor = torch.as_tensor(value)
        need(tensor.numel() == 1, f"expected one number, got {tensor.numel()}.")
        return float(tensor.item())
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"expected a number, got {value!r}.") from None


def whole(value, message):
    """An integer of Python, NumPy or PyTorch as an int; anything else is `Wrong`."""
    try:
        return operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(message) from None


def whole_pair(value, names, where):
    need(isinstance(value, (tuple, list)) and len(value) == 2, f"{where} gives {value!r}, expected a tuple {names}.")
    return tuple(whole(n, f"{where} gives {value!r}: both must be whole numbers"
                          f"{', so divide with //' * isinstance(n, float)}.") for n in value)


def compare(got, expected, wrong, otherwise):
    """Raise `Wrong` unless `got` is a tensor with the numbers of `expected`.

    wrong: likely mistakes, {message: the tensor that the mistake gives}. otherwise: the hint for any other mistake."""
    def same(a, b):
        return a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=1e-5)

    need(isinstance(got, torch.Tensor), f"expected a torch tensor, got {type(got).__name__}.")
    for message, value in wrong.items():
        need(not same(got, value), message)
    need(got.shape == expected.shape, f"the result has shape {list(got.shape)}, expected {list(expected.shape)}.")
    if not same(got, expected):
        place = (~torch.isclose(got.double(), expected.double(), atol=1e-5)).nonzero()[0].tolist()
        if torch.allclose(got.double(), expected.double(), rtol=0.01, atol=0.01):
            otherwise = "The result is close, but not equal: do not round, and use no approximation."
        pair = [tensor[tuple(place)].item() for tensor in (got, expected)]
        digits = next((n for n in (4, 5, 6) if f"{pair[0]:.{n}g}" != f"{pair[1]:.{n}g}"), 7)
        raise Wrong(f"at {place} the result has {pair[0]:.{digits}g}, expected {pair[1]:.{digits}g}. {otherwise}")


def passes_gradient(got, expected, given):
    """Raise `Wrong` unless the gradient flows from `got`, whose numbers are right, to `given` as from `expected`."""
    wanted, = torch.autograd.grad(expected.sum(), given, retain_graph=True)
    found = torch.autograd.grad(got.sum(), given, allow_unused=True)[0] if got.requires_grad else None
    need(found is not None and torch.allclose(found.double(), wanted.double(), atol=1e-4),
         "the numbers are right, but the gradient does not pass, so the parts before could not learn. Leave out "
         "detach() and torch.no_grad().")


class Calls(TorchFunctionMode):
    """Notes in `names` which of PyTorch's functions are called while it is entered, also those inside of modules. An
    einsum of one tensor, which does nothing but turn it or sum it up, has the name "einsum of one tensor". Counts the
    calls of convolutions in `convolutions`."""

    def __init__(self):
        super().__init__()
        self.names, self.convolutions = set(), 0

    def __torch_function__(self, function, types, arguments=(), named=None):
        owner = getattr(function, "__self__", None)         # x.T is the method __get__ of an object with the name T
        name = getattr(owner if function.__name__ == "__get__" else function, "__name__", "")
        self.names.add(f"{name} of one tensor" if name == "einsum" and len(arguments) == 2 else name)
        self.convolutions += "conv" in name
        return function(*arguments, **(named or {}))
