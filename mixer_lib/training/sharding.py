"""A model whose parameters, gradients and optimizer state lie in parts on several processes: torch's FSDP2.

A process gathers the weights of one block at a time, when their turn comes. The whole model, which is saved, lies on
the CPU and is brought up to date when it is needed.
"""

import copy

import torch

from . import processes


def sharded(model, device):
    """A copy of `model`, which lies on the CPU, in parts on the devices of all processes: block by block, then the
    rest."""
    from torch.distributed.device_mesh import init_device_mesh  # here, because they take seconds
    from torch.distributed.fsdp import fully_shard

    parts, mesh = copy.deepcopy(model), init_device_mesh(device.type, (processes.count(),))
    for block in getattr(parts, "blocks", ()):
        fully_shard(block, mesh=mesh)
    return fully_shard(parts, mesh=mesh)


def gather(parts, model):
    """Bring the whole `model` up to date with its parts. Every process must take part."""
    model.load_state_dict(whole(parts.state_dict()))


@torch.no_grad()
def scatter(model, parts):
    """The other way: bring the parts up to date with the whole `model`."""
    for name, tensor in parts.state_dict().items():
        whole = model.state_dict()[name]
        tensor.copy_(as_part(whole, tensor) if is_part(tensor) else whole)      # batch norm's means are no parts


def whole(state):
    """Nested dicts and lists with whole tensors, on the CPU, in place of parts. Every process must take part."""
    if isinstance(state, dict):
        return {name: whole(value) for name, value in state.items()}
    if isinstance(state, list):
        return [whole(value) for value in state]
    return state.full_tensor().cpu() if is_part(state) else state


def parts_of_state(state, optimizer):
    """The state of an optimizer, whole as in `whole(optimizer.state_dict())`, in parts as its parameters are."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not any(map(is_part, parameters)):
        return state
    return state | {"state": {number: {name: as_part(value, parameters[number]) if getattr(value, "ndim", 0)
                                       else value for name, value in values.items()}
                              for number, values in state["state"].items()}}


def as_part(tensor, like):
    """A whole tensor in parts, on the devices that hold `like`."""
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def is_part(thing):
    """Whether something is a tensor that lies in parts."""
    return hasattr(thing, "full_tensor")
