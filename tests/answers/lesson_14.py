"""Answers to the exercises of lesson 14: what a learner may write in place of the stub's `...`."""

from . import but

MEAN = """
    mean = sum(tensors) / len(tensors)
    return [mean.clone() for _ in tensors]
"""
GRADIENT = """
    gradients = [torch.zeros_like(p) for p in model.parameters()]
    for x_part, y_part in zip(x.tensor_split(count), y.tensor_split(count)):
        loss = cross_entropy(model(x_part), y_part) * len(y_part) / len(y)
        for total, g in zip(gradients, torch.autograd.grad(loss, model.parameters())):
            total += g
    return gradients
"""
TIME = """
    compute = 2 * M * K * N / peak
    memory = size * (M * K + K * N + M * N) / bandwidth
    return max(compute, memory), "compute" if compute > memory else "memory"
"""
SPEEDUP = """
    before = sum(calls * each for calls, each in rows.values())
    part = sum(rows[name][0] * rows[name][1] for name in names)
    return before / (before - part + part / factor)
"""

RIGHT = {
    "check_all_reduce_mean": {
        "stacked": """
            return [torch.stack(tensors).mean(dim=0) for _ in range(len(tensors))]""",
        "around a ring": """
            totals = [tensor.clone() for tensor in tensors]
            moving = [tensor.clone() for tensor in tensors]
            for _ in range(len(tensors) - 1):
                moving = [moving[rank - 1] for rank in range(len(tensors))]
                totals = [total + came for total, came in zip(totals, moving)]
            return [total / len(tensors) for total in totals]""",
        "a tuple, repeated": """
            mean = torch.stack([*tensors]).double().mean(dim=0)
            return tuple(mean.repeat(len(tensors), *[1] * mean.ndim).unbind())""",
    },
    "check_batch_gradient": {
        "without processes": """
            return torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))""",
        "sums": but(GRADIENT, ("y_part) * len(y_part) / len(y)", "y_part, reduction='sum') / len(x)")),
        "by backward": """
            for part, labels in zip(x.tensor_split(count), y.tensor_split(count)):
                (cross_entropy(model(part), labels) * (len(part) / len(x))).backward()
            return [p.grad for p in model.parameters()]""",
    },
    "check_least_time": {
        "by the intensity": """
            flops, moved = 2 * M * K * N, size * (M * K + K * N + M * N)
            if flops / moved < peak / bandwidth:
                return moved / bandwidth, "memory"
            return flops / peak, "compute\"""",
        "a list with a tensor": """
            times = torch.tensor([2 * M * K * N / peak, size * (M * K + K * N + M * N) / bandwidth],
                                 dtype=torch.float64)
            return [times.max(), ["compute", "memory"][int(times.argmax())]]""",
        "the largest pair": """
            return max((2.0 * M * N * K / peak, "compute"), ((M * K + N * (K + M)) * size / bandwidth, "memory"))""",
    },
    "check_speedup": {
        "by share": """
            whole = sum(calls * each for calls, each in rows.values())
            share = sum(rows[name][0] * rows[name][1] for name in names) / whole
            return 1 / (1 - share + share / factor)""",
        "row by row": """
            before = after = 0
            for name in rows:
                calls, each = rows[name]
                before += calls * each
                after += calls * each / (factor if name in names else 1)
            return before / after""",
        "in torch": """
            times = torch.tensor([a * b for a, b in rows.values()], dtype=torch.float64)
            slow = torch.tensor([1 / factor if name in names else 1.0 for name in rows], dtype=torch.float64)
            return times.sum() / (times * slow).sum()""",
    },
}

WRONG = {
    "check_all_reduce_mean": {name: (word, but(MEAN, *changes)) for name, word, *changes in [
        ("one tensor", "one tensor. An all-reduce", ("[mean.clone() for _ in tensors]", "mean")),
        ("the sum", "has the sum of all", (" / len(tensors)", "")),
        ("divided twice", "once more", (" / len(tensors)", " / len(tensors) ** 2")),
        ("shared", "share a tensor", ("mean.clone()", "mean")),
        ("only the first", "still its own tensor", ("return [mean.clone() for _ in tensors]",
                                                    "return [mean, *(t.clone() for t in tensors[1:])]")),
        ("in place", "changes what it is given", ("sum(tensors)", "tensors[0]\n    for t in tensors[1:]:\n        mean "
                                                  "+= t\n    mean = mean.clone()")),
        ("into what was given", "changes what it is given",
         ("return [mean.clone() for _ in tensors]", "return [t.copy_(mean) for t in tensors]")),
        ("neighbors", "its neighbor", ("return [mean.clone() for _ in tensors]", "n = len(tensors)\n    return "
                                       "[(tensors[i] + tensors[(i + 1) % n]) / 2 for i in range(n)]")),
        ("median", "the median", ("sum(tensors) / len(tensors)", "torch.stack(tensors).median(dim=0).values")),
        ("largest", "the largest", ("sum(tensors) / len(tensors)", "torch.stack(tensors).amax(dim=0)")),
        ("one number", "over the processes alone", ("sum(tensors) / len(tensors)", "torch.stack(tensors).mean()")),
        ("too many", "expected one per process", ("for _ in tensors]", "for _ in range(2)]")),
        ("a number", "expected a tensor", ("mean.clone()", "mean.sum().item()")),
        ("a dictionary", "expected a list", ("[mean.clone() for _ in tensors]", "dict(enumerate(tensors))")),
        ("halves", "other numbers", (" / len(tensors)", " / 3.7")),
    ]},
    "check_batch_gradient": {name: (word, but(GRADIENT, *changes)) for name, word, *changes in [
        ("the colleague", "it is 2 times the gradient", (" * len(y_part) / len(y)", "")),
        ("even parts", "all parts have the same size", (" * len(y_part) / len(y)", " / count")),
        ("the sum", "of the .*sum.* of the losses", (" * len(y_part) / len(y)", " * len(y_part)")),
        ("twice", "divided by the number of processes", (" / len(y)", " / len(y) / count")),
        ("the last", "the last part alone", (" * len(y_part) / len(y)", ""), ("total += g", "total.copy_(g)")),
        ("the first", "the first part alone", (" * len(y_part) / len(y)", ""),
         ("            total += g\n", "            total += g\n        break\n")),
        ("in numbers", "expected a tensor", ("return gradients", "return [g.norm().item() for g in gradients]")),
        ("flat", "its parameter has", ("return gradients", "return [g.flatten() for g in gradients]")),
        ("a tensor", "expected a list", ("return gradients", "return gradients[0]")),
        ("reversed", "its parameter has", ("return gradients", "return gradients[::-1]")),
        ("weights only", "4 parameters", ("return gradients", "return gradients[::2]")),
        ("a step", "changes the model", ("return gradients", "for p, g in zip(model.parameters(), gradients):\n        "
                                         "p.data -= g\n    return gradients")),
        ("uphill", "off by up to", ("total += g", "total -= g")),
        ("no gradient", "stopped with", ("torch.autograd.grad(loss", "torch.autograd.grad(loss.item()")),
    ]},
    "check_least_time": {name: (word, but(TIME, *changes)) for name, word, *changes in [
        ("shorter", "shorter of the two", ("max(compute, memory)", "min(compute, memory)")),
        ("added", "adds both", ("max(compute, memory)", "compute + memory")),
        ("MACs", "multiply-accumulate", ("2 * M", "M")),
        ("no result", "leaves out the result", (" + M * N)", ")")),
        ("no weights", "K x N weights", (" + K * N", "")),
        ("no inputs", "M x K inputs", ("M * K + K * N +", "K * N +")),
        ("numbers", "not bytes", ("size * (", "(")),
        ("arithmetic", "arithmetic alone", ("max(compute, memory)", "compute")),
        ("bytes", "bytes alone", ("max(compute, memory)", "memory")),
        ("bits", "counts bits", ("size * (", "8 * size * (")),
        ("intensity", "arithmetic intensity", ("max(compute, memory)", "compute * peak / (memory * bandwidth)")),
        ("only the time", "expected two things", (', "compute" if compute > memory else "memory"', "")),
        ("upside down", "says 'compute'", ("compute > memory", "compute < memory")),
        ("another word", "the second value is", ('"memory"\n', '"bandwidth"\n')),
        ("in ms", "expected", ("max(compute, memory)", "1000 * max(compute, memory)")),
    ]},
    "check_speedup": {name: (word, but(SPEEDUP, *changes)) for name, word, *changes in [
        ("upside down", "upside down", ("before / (before - part + part / factor)",
                                        "(before - part + part / factor) / before")),
        ("the factor", "the factor itself", ("before / (before - part + part / factor)", "factor")),
        ("per call", "time per call", ("calls * each for", "each for"), ("rows[name][0] * rows[name][1]",
                                                                       "rows[name][1]")),
        ("left out", "leaves out the named", (" + part / factor", "")),
        ("after", "the time after", ("return before / ", "return ")),
        ("share", "the share of the time", ("before / (before - part + part / factor)", "part / before")),
        ("share times factor", "a share times", ("before / (before - part + part / factor)", "part / before * factor")),
        ("the others", "not.* named get faster", ("before - part + part / factor", "part + (before - part) / factor")),
        ("slower", "get slower", ("part / factor)", "part * factor)")),
        ("saved", "that is saved", ("before / (before - part + part / factor)", "part - part / factor")),
        ("calls only", "expected", ("calls * each for", "calls for"), ("rows[name][0] * rows[name][1]",
                                                                     "rows[name][0]")),
        ("changes the rows", "changes the rows", ("return before", "rows.clear()\n    return before")),
        ("per row", "expected one number", ("return before", "return torch.ones(5) * before")),
    ]},
}
