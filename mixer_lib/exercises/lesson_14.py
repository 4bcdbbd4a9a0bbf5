"""Lesson 14, scale."""

import copy

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .checking import ask, exercise, name_of, need, number


@exercise("14.1", "every process has the mean, in memory of its own.")
def check_all_reduce_mean(all_reduce_mean):
    """all_reduce_mean(tensors): one tensor per process, of one shape -> a list, for each process the mean of all."""
    for count, shape in ((3, (4,)), (2, (3, 2)), (5, ()), (1, (2,))):
        torch.manual_seed(count)
        given = [torch.randn(shape, dtype=torch.float64) + rank for rank in range(count)]
        tensors = [tensor.clone() for tensor in given]
        mean = torch.stack(given).mean(dim=0)
        got = ask(all_reduce_mean, tensors)
        need(len(tensors) == count and all(map(torch.equal, tensors, given)),
             f"{name_of(all_reduce_mean)} changes what it is given. Make new tensors: `total += tensor` changes the "
             "first one, `total = total + tensor` does not.")
        need(not isinstance(got, torch.Tensor), "this is one tensor. An all-reduce leaves the result with *every* "
             "process: a list with one tensor for each.")
        need(isinstance(got, (list, tuple)), f"expected a list of tensors, got {type(got).__name__}.")
        need(len(got) == count, f"with {count} processes the list has {len(got)} tensors, expected one per process.")
        for rank, tensor in enumerate(got):
            need(isinstance(tensor, torch.Tensor), f"process {rank} has a {type(tensor).__name__}, expected a tensor.")
            need(tensor.shape == mean.shape, f"process {rank} has a tensor of shape {list(tensor.shape)}, expected "
                                             f"{list(mean.shape)}: the mean is taken over the processes alone, number "
                                             "by number.")
            need_mean(rank, tensor, mean, given)
        places = [tensor.data_ptr() for tensor in got]
        need(len({*places}) == count and not {*places} & {tensor.data_ptr() for tensor in tensors},
             "two processes share a tensor, or one has a tensor that you were given. Processes have memories of their "
             "own: each needs a copy, `.clone()`.")


def need_mean(rank, tensor, mean, given):
    """Raise `Wrong` unless process `rank` has the mean of the tensors in `given`."""
    count = len(given)
    wrong = {
        "the sum of all tensors. Divide it by the number of processes.": mean * count,
        "the mean, divided by the number of processes once more.": mean / count,
        "still its own tensor. After an all-reduce every process has the result.": given[rank],
        "the mean of its own tensor and its neighbor's. All of them count.":
            (given[rank] + given[(rank + 1) % count]) / 2,
        "the median. An all-reduce with averaging takes the mean.": torch.stack(given).median(dim=0).values,
        "the largest of the numbers, not their mean.": torch.stack(given).amax(dim=0),
        "the sum of the first processes up to itself.": torch.stack(given[:rank + 1]).sum(dim=0),
    }
    if not torch.allclose(tensor.double(), mean, rtol=1e-5):
        for message, value in wrong.items():
            need(not torch.allclose(tensor.double(), value, rtol=1e-5),
                 f"with {count} processes, process {rank} has {message}")
        need(False, f"with {count} processes, process {rank} has other numbers than the mean of all tensors.")


@exercise("14.2", "the same gradient, however many processes share the batch.")
def check_batch_gradient(batch_gradient):
    """batch_gradient(model, x, y, count): a model, a batch x [B, ...], y [B] -> [the gradient of each parameter]."""
    for B, count in ((12, 1), (12, 2), (12, 4), (13, 3), (7, 4)):
        torch.manual_seed(B)
        model = nn.Sequential(nn.Linear(5, 6), nn.GELU(), nn.Linear(6, 3)).double()
        x, y = torch.randn(B, 5, dtype=torch.float64), torch.randint(3, (B,))
        parts = [*zip(x.tensor_split(count), y.tensor_split(count))]
        of_parts = [torch.autograd.grad(cross_entropy(model(a), b), model.parameters()) for a, b in parts]
        right = torch.autograd.grad(cross_entropy(model(x), y), model.parameters())
        before = copy.deepcopy(model.state_dict())
        got = ask(batch_gradient, model, x, y, count)
        need(all(torch.equal(before[name], value) for name, value in model.state_dict().items()),
             f"{name_of(batch_gradient)} changes the model. Only its gradient is asked for.")
        need(isinstance(got, (list, tuple)), f"expected a list of tensors, got {type(got).__name__}.")
        need(len(got) == len(right), f"the list has {len(got)} entries, the model {len(right)} parameters.")

        summed = [B * g for g in right]
        wrong = {"it is the gradient of the *sum* of the losses. Divide by the number of images.": summed}
        wrong |= {} if count == 1 else {
            f"it is {count} times the gradient: the means of the parts are added up.": added_up([1] * count, of_parts),
            "it is right only where all parts have the same size: here a part with more images counts as much as one "
            "with fewer.": added_up([1 / count] * count, of_parts),
            "it is the gradient, divided by the number of processes.": [g / count for g in right],
            "it is the gradient of the last part alone.": of_parts[-1],
            "it is the gradient of the first part alone.": of_parts[0],
        }
        need_gradient(got, right, f"for {B} images on {count} process{'es' * (count > 1)}", wrong)


def added_up(weights, gradients):
    """The sum of several processes' gradients, each a list of tensors, with a weight for each process."""
    return [sum(weight * tensor for weight, tensor in zip(weights, tensors)) for tensors in zip(*gradients)]


def need_gradient(got, right, where, wrong):
    """Raise `Wrong` unless the tensors of `got` are those of `right`. wrong: {message: what the mistake gives}."""
    def same(some, others):
        return all(torch.allclose(a.double(), b, rtol=1e-6, atol=1e-9) for a, b in zip(some, others))

    for i, (tensor, expected) in enumerate(zip(got, right)):
        need(isinstance(tensor, torch.Tensor), f"entry {i} is a {type(tensor).__name__}, expected a tensor.")
        need(tensor.shape == expected.shape, f"entry {i} has shape {list(tensor.shape)}, its parameter has "
                                             f"{list(expected.shape)}.")
    if not same(got, right):
        for message, value in wrong.items():
            need(not same(got, value), f"{where} {message}")
        off = max((a - b).abs().max().item() for a, b in zip(got, right))
        need(False, f"{where} it is off by up to {off:.2g}. Compare with the gradient of the mean loss of the whole "
                    "batch.")


@exercise("14.3", "both limits, and the one that counts.")
def check_least_time(least_time):
    """least_time(M, K, N, size, peak, bandwidth) -> (seconds, "memory" or "compute")."""
    h100, slow = (990e12, 3.35e12), (2e9, 1e9)
    tried = []              # (where, what it gives, {mistake: the seconds that it gives}, compute, memory)
    for M, K, N, size, *machine in ((24576, 196, 384, 2, *h100), (6272, 768, 3072, 2, *h100), (64, 32, 16, 4, *slow),
                                    (8, 4096, 2, 4, *slow), (100, 8, 50, 4, *slow)):
        got = ask(least_time, M, K, N, size, *machine)
        need(isinstance(got, (tuple, list)) and len(got) == 2,
             f"expected two things, the seconds and \"memory\" or \"compute\", got {got!r}.")
        where = f"for [{M}, {K}] x [{K}, {N}] with {size} bytes per number"
        tried.append((where, number(got[0]), got[1], *limits(M, K, N, size, *machine)))
    for message in tried[0][3]:
        need(not all(abs(took - mistakes[message]) <= 1e-6 * mistakes[message] for _, took, _, mistakes, *_ in tried),
             message)
    for where, took, bound, _, compute, memory in tried:
        right = max(compute, memory)
        need(abs(took - right) <= 1e-6 * right, f"{where} it gives {took:.4g} seconds, expected {right:.4g}.")
        need(bound in ("memory", "compute"), f"the second value is {bound!r}, expected \"memory\" or \"compute\".")
        need(bound == ("compute" if compute > memory else "memory"),
             f"{where} the time is right, but it says {bound!r}. The longer time bounds: the arithmetic takes "
             f"{compute:.2g} s, the bytes {memory:.2g} s.")


def limits(M, K, N, size, peak, bandwidth):
    """The times of exercise 14.3: ({likely mistake: seconds}, of the arithmetic, of the bytes)."""
    compute, in_bytes = 2 * M * K * N / peak, size / bandwidth
    memory = in_bytes * (M * K + K * N + M * N)
    return {
        "this is the shorter of the two times. The longer one counts: each limit must be kept.": min(compute, memory),
        "this adds both times. They run side by side, so the longer one counts.": compute + memory,
        "this counts a multiply-accumulate as one FLOP: it is two.": max(compute / 2, memory),
        "this leaves out the result: its M x N numbers are written.": max(compute, in_bytes * (M * K + K * N)),
        "this leaves out the K x N weights.": max(compute, in_bytes * (M * K + M * N)),
        "this leaves out the M x K inputs.": max(compute, in_bytes * (K * N + M * N)),
        "this counts numbers, not bytes: each has `size` of them.": max(compute, memory / size),
        "this is the time of the arithmetic alone.": compute,
        "this is the time of the bytes alone.": memory,
        "this counts bits: the bandwidth is in bytes.": max(compute, 8 * memory),
        "this is the arithmetic intensity, in FLOP per byte.": compute * peak / (memory * bandwidth),
    }, compute, memory


@exercise("14.4", "what is left out of a speedup bounds it.")
def check_speedup(speedup):
    """speedup(rows, names, factor): rows {name: (calls, ms per call)} -> time before / time after."""
    rows = {"addmm": (32, 1.5), "mm": (64, 0.25), "gelu": (16, 2.0), "copy_": (40, 0.1), "adamw": (1, 12.0)}
    times = {name: calls * each for name, (calls, each) in rows.items()}
    total = sum(times.values())
    for names, factor in ((["addmm", "mm"], 2), (["gelu"], 10), (["adamw"], 1e9), ([*rows], 3), ([], 5)):
        given = dict(rows)
        part = sum(times[name] for name in names)
        right = total / (total - part + part / factor)
        got = number(ask(speedup, given, list(names), factor))
        need(given == rows, f"{name_of(speedup)} changes the rows that it is given.")
        if abs(got - right) <= 1e-6 * right:
            continue
        each, sum_of_each = sum(rows[name][1] for name in names), sum(row[1] for row in rows.values())
        wrong = {
            "it is upside down: time before, divided by time after.": 1 / right,
            "this is the factor itself. All that is not in `names` takes as long as before.": factor,
            "this takes the time per call. A row that is called 64 times takes 64 times as long.":
                sum_of_each / (sum_of_each - each + each / factor),
            "this leaves out the named operations altogether. They still take 1 / factor of their time.":
                total / (total - part) if total > part else None,
            "this is the time after, in ms. Divide the time before by it.": total - part + part / factor,
            "this is the share of the time that the named operations take.": part / total,
            "this is a share times a factor. The rest of the time counts, too.": part / total * factor,
            "here the operations that are *not* named get faster.": total / (part + (total - part) / factor),
            "here the named operations get slower by the factor: divide their time by it.":
                total / (total - part + part * factor),
            "this is the time that is saved, in ms.": part - part / factor,
        }
        for message, value in wrong.items():
            need(value is None or abs(got - value) > 1e-6 * abs(value),
                 f"for {names} and the factor {factor:g} {message}")
        need(False, f"for {names} and the factor {factor:g} it gives {got:.4g}, expected {right:.4g}.")
