"""A pretended GPU, so that a machine without one can test what happens on two devices.

    with fake_gpu() as gpu:
        model, images = moved(model, gpu), images                   # a model on the GPU, images on the CPU
        logits = model(images)                                      # AssertionError: aten.addmm mixes cpu and fake:0

Inside, `torch.device("fake")` is a device like any other: tensors and models move there with `.to(gpu)`, are made there
with `device=gpu`, `with gpu:` or `torch.set_default_device(gpu)`, and come back with `.cpu()`. The numbers are real: a
tensor on the pretended GPU holds one on the CPU, and each operation works on that one. So autograd, `torch.func`,
optimizers and random numbers give what they give on the CPU. What a GPU refuses is refused:

- An operation on tensors of two devices. Copies are allowed, and so is a CPU tensor without axes beside GPU tensors, as
  in PyTorch. Stricter than PyTorch, a GPU tensor takes no index from the CPU: the GPU would have to wait for it.
- A random generator of the CPU for numbers on the GPU.
- `.numpy()` and `np.asarray`.
- float64, which Apple's MPS does not have.

Operations that a real device lacks are not refused. Autocast is accepted and changes nothing. The device's type is
"fake", so code for "cuda" alone does not run.

PyTorch's own FakeTensorMode pretends "cuda", but its tensors have no numbers to read, it lets an index from another
device pass, and its backward pass needs a GPU.
"""

import contextlib
import copy
import dataclasses
import functools

import pytest
import torch
from torch import nn
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

NAME = "fake"
aten = torch.ops.aten
COPIES = aten._to_copy, aten.copy_, aten._copy_from


@contextlib.contextmanager
def fake_gpu():
    """While the context lasts, there is a device "fake", which is given. Skips the test where PyTorch is too old, or
    where the machine has a GPU: a process can have only one kind."""
    if not POSSIBLE:
        pytest.skip("this version of PyTorch cannot pretend a device")
    if real_gpu():
        pytest.skip("here is a real GPU")
    Backend.available = True
    try:
        with Everywhere():
            yield torch.device(NAME, 0)
    finally:
        Backend.available = False


def real_gpu():
    """The device of the machine's GPU, or None."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else (
        torch.device("mps", 0) if torch.backends.mps.is_available() else None)


def moved(thing, device):
    """A copy with all tensors on the device: of a tensor, a module, a dataclass such as Dataset, or a dict, list or
    tuple of them. Anything else stays as it is."""
    if isinstance(thing, torch.Tensor):
        return thing.to(device)
    if isinstance(thing, nn.Module):
        return copy.deepcopy(thing).to(device)
    if dataclasses.is_dataclass(thing):
        parts = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
        return dataclasses.replace(thing, **moved(parts, device))
    if isinstance(thing, dict):
        return {key: moved(value, device) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return type(thing)(moved(value, device) for value in thing)
    return thing


class GpuTensor(torch.Tensor):
    """A tensor on the pretended GPU. held: the tensor on the CPU that has its numbers."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=torch.device(NAME, 0))

    def __init__(self, held):
        self.held = held

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return run(operation, args, kwargs or {})

    # What plain tensors do on every device, and subclasses are denied.
    def tolist(self):
        return self.cpu().tolist()

    def __format__(self, spec):
        return format(self.item() if self.ndim == 0 else self.cpu(), spec)

    def __repr__(self):
        return f"GpuTensor({self.held!r})"


class Everywhere(TorchDispatchMode):
    """Catches what is made on the pretended GPU."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return run(operation, args, kwargs or {})


def run(operation, args, kwargs):
    """An operation, on the tensors that are held. Raises AssertionError for what a GPU refuses."""
    tensors = []
    collect(args, tensors)
    collect(kwargs, tensors)
    fakes = [tensor for tensor in tensors if isinstance(tensor, GpuTensor)]
    device = kwargs.get("device") or (args[0].device if operation is aten.copy_.default else None)
    onto = bool(fakes) if device is None else torch.device(device).type == NAME
    if not fakes and not onto:              # the CPU's alone
        return operation(*args, **kwargs)
    for tensor in fakes:
        assert (tensor.shape, tensor.dtype) == (tensor.held.shape, tensor.held.dtype), \
            "a tensor on the fake GPU was given other .data; this is not pretended"
    if operation.overloadpacket not in COPIES and fakes:
        others = {str(tensor.device) for tensor in tensors if tensor.ndim > 0 and not isinstance(tensor, GpuTensor)}
        assert not others, f"{operation} mixes {', '.join(others)} and {fakes[0].device}"
    if kwargs.get("generator") is not None and onto:
        raise AssertionError(f"{operation} draws numbers for {NAME} with a generator of {kwargs['generator'].device}")
    if device is not None and "device" in kwargs and onto:
        kwargs = kwargs | {"device": torch.device("cpu")}
    if operation is aten._efficientzerotensor.default:      # zeros without memory, which only autograd can read
        operation = aten.zeros.default
    known = {id(tensor.held): tensor for tensor in fakes}

    def placed(result):
        if id(result) in known:         # changed in place
            return known[id(result)]
        if not onto:
            return result
        assert result.dtype not in (torch.float64, torch.complex128), f"{operation} gives {result.dtype} on a GPU"
        return GpuTensor(result)

    held_args, held_kwargs = for_each(GpuTensor, held, (args, kwargs))
    return for_each(torch.Tensor, placed, operation(*held_args, **held_kwargs))


# Every operation needs these two. PyTorch's functions for nested lists, torch.utils._pytree, know many more kinds of
# nesting than arguments of operations have, and would take most of the time of a test.

def collect(thing, tensors):
    """Append all tensors in nested tuples, lists and dicts to a list."""
    if isinstance(thing, torch.Tensor):
        tensors.append(thing)
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            collect(part, tensors)
    elif isinstance(thing, dict):
        for part in thing.values():
            collect(part, tensors)


def for_each(kind, function, thing):
    """Nested tuples, lists and dicts with function(part) in place of each part of a kind."""
    if isinstance(thing, kind):
        return function(thing)
    if isinstance(thing, (tuple, list)):
        return type(thing)([for_each(kind, function, part) for part in thing])
    return {name: for_each(kind, function, part) for name, part in thing.items()} if isinstance(thing, dict) else thing


def held(tensor):
    return tensor.held


class Backend:
    """What PyTorch asks a kind of device for. Random numbers are those of the CPU."""

    available = False
    is_available = staticmethod(lambda: Backend.available)
    is_initialized = staticmethod(lambda: True)
    _is_in_bad_fork = staticmethod(lambda: False)
    current_device = staticmethod(lambda: 0)
    device_count = staticmethod(lambda: 1)
    synchronize = staticmethod(lambda device=None: None)
    manual_seed_all = staticmethod(lambda seed: None)
    get_rng_state = staticmethod(lambda device=None: torch.get_rng_state())
    set_rng_state = staticmethod(lambda state, device=None: torch.set_rng_state(state))
    get_amp_supported_dtype = staticmethod(lambda: [torch.bfloat16, torch.float16])


def _register():
    """Tell PyTorch about the device. Returns what must stay alive."""
    class Hook(backend_registration._DummyPrivateUse1Hook):
        def is_available(self):
            return Backend.available

    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=Backend, hook=Hook())
    rest, library = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    rest.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    # To index with a list, PyTorch asks the device itself for a tensor.
    for operation in aten.empty_strided.default, aten._copy_from.default:
        library.impl(operation, functools.partial(_asked, operation), "PrivateUse1")
    return rest, library


def _asked(operation, *args, **kwargs):
    """An operation that reaches the device on a way around `Everywhere`."""
    if operation is aten._copy_from.default:
        return run(aten.copy_.default, (args[1], args[0]), {})
    return run(operation, args, kwargs)


POSSIBLE = hasattr(backend_registration, "_setup_privateuseone_for_python_backend")
# Now, because the first backward pass of a process counts the devices there are.
KEPT = _register() if POSSIBLE and not real_gpu() else None
