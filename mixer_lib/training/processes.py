"""Several processes that train one model together, as torchrun starts them.

Each has a copy of the model, or with recipe.shard a part of it, and works on its part of every batch. Process 0, the
main one, writes and speaks for all. Without torchrun there is one process, and nothing here does anything.
"""

import contextlib
import os
import signal

import torch
import torch.distributed as dist


def count():
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank():
    """The number of this process, from 0."""
    if dist.is_initialized():
        return dist.get_rank()
    return int(os.environ["RANK"]) if launched() else 0


def launched():
    """Whether torchrun, or something like it, started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()


def restarted():
    """Whether torchrun started this process again after one of them had failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


@contextlib.contextmanager
def together(device):
    """Inside, a process that torchrun started works together with the others. Raises what torch raises where they
    cannot reach each other."""
    if not launched():
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    store, number, size = next(dist.rendezvous("env://"))
    # torchrun keeps its store when it starts the processes again, and with it where those that are gone could be found.
    store = dist.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=number, world_size=size,
                            device_id=device if device.type == "cuda" else None)
    # Not after an error: to leave in order is to wait for the others, and the one that failed is waited for.
    yield
    dist.destroy_process_group()


def wait_for_all():
    """Wait until all processes are here."""
    if count() > 1:
        dist.barrier()


def from_main(thing):
    """What the main process gives, in all processes: plain values, or tensors on the CPU."""
    if count() == 1:
        return thing
    things = [thing]
    dist.broadcast_object_list(things, src=0)
    return things[0]


def total(*numbers):
    """Each of some tensors of one shape, summed over all processes; where there is one, the tensors as they are."""
    if count() == 1:
        return numbers
    sums = torch.stack([number.to(numbers[0].dtype) for number in numbers])
    dist.all_reduce(sums)
    return sums.unbind()


class Interrupts:
    """A context in which several processes are interrupted (Ctrl-C) together, between the same two steps. Otherwise
    one of them would wait forever for another that has stopped. With one process nothing changes."""

    def __init__(self, device):
        self.device, self.asked, self.before = device, False, None

    def __enter__(self):
        if count() > 1:
            self.before = signal.signal(signal.SIGINT, self.note)
        return self

    def __exit__(self, *error):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def note(self, *signal_and_frame):
        self.asked = True

    def check(self):
        """Raise KeyboardInterrupt in all processes if one of them was interrupted."""
        if count() > 1 and total(torch.tensor(float(self.asked), device=self.device))[0] > 0:
            raise KeyboardInterrupt
