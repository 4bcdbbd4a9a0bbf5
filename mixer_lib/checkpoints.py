"""Save and load: trained models as safetensors with their configuration inside, and the state of a run.

A file is written under a temporary name, then renamed, so a kill leaves the old file or the new one.
"""

import csv
import errno
import io
import json
import os
from pathlib import Path
from textwrap import shorten
from types import SimpleNamespace

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from .configs import did_you_mean
from .family import ARCHITECTURES

WEIGHTS = Path(__file__).parent / "models"           # the bundled models
DATASET_FACTS = ("name", "classes", "mean", "std")    # what it takes to use a model without the images


def save_checkpoint(path: str | Path, model: nn.Module, dataset, **about) -> None:
    """Write `model` to a .safetensors file, and with it what is needed to use it again: its architecture and
    configuration, and the name, classes, mean and std of `dataset`. about: more facts to keep (must be JSON).

    Raises ValueError for a model of another class than those of `ARCHITECTURES`."""
    about = {"architecture": check_savable(model), "model": vars(model.config), **about,
             "dataset": {name: getattr(dataset, name) for name in DATASET_FACTS}}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, save(tensors, metadata={"mixer_lib": json.dumps(about)}))


def check_savable(model):
    """The name of a model's architecture. Raises ValueError if a checkpoint cannot hold it."""
    name = type(model).__name__
    if ARCHITECTURES.get(name) is not type(model):
        raise ValueError(f"a {name} cannot be saved: expected one of {', '.join(ARCHITECTURES)}")
    return name


def load_checkpoint(path: str | Path) -> tuple[nn.Module, SimpleNamespace]:
    """Read a file of `save_checkpoint`: (model in evaluation mode, on the CPU; about).

    about: a namespace with `dataset` (itself with name, classes, mean, std) and what else was kept.
    Raises FileNotFoundError, or ValueError for a file that is cut off, not a checkpoint of this package, or whose
    weights do not fit its configuration."""
    tensors, about = _read(path, "mixer_lib", "mixer_lib configuration: expected a file written by save_checkpoint")
    try:
        about = json.loads(about)
        build = ARCHITECTURES[about.pop("architecture", "MlpMixer")]        # older files do not name it
        model = build(**about.pop("model"))
        dataset = SimpleNamespace(**{name: about["dataset"][name] for name in DATASET_FACTS})
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"the configuration in {path} makes no model ({error!r}): copy or train it again") from None
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} do not fit its configuration: {shorten(str(error), 300)}") from None
    return model.eval(), SimpleNamespace(**about | {"dataset": dataset})


def load_pretrained(name: str) -> tuple[nn.Module, SimpleNamespace]:
    """A model that comes with the package, trained on the full data: (model in evaluation mode, about), as from
    `load_checkpoint`. How it was trained and how well it does: mixer_lib/models/NAME.md.

    Raises ValueError for a name that there is not."""
    if name not in pretrained_names():
        raise ValueError(f"there is no bundled model {name!r}{did_you_mean(name, pretrained_names())}")
    return load_checkpoint(WEIGHTS / f"{name}.safetensors")


def load_history(name: str) -> list[dict]:
    """How the training of a bundled model went: a list of its epochs, rows as in `History.epochs`.

    Raises ValueError for a model that there is not, or whose history is not bundled."""
    names = sorted(path.name.removesuffix("-history.csv") for path in WEIGHTS.glob("*-history.csv"))
    if name not in names:
        raise ValueError(f"there is no history of a bundled model {name!r}{did_you_mean(name, names)}")
    return read_rows(WEIGHTS / f"{name}-history.csv")


def pretrained_names() -> list[str]:
    """The names of the bundled models: there is a card of each."""
    return sorted(path.stem for path in WEIGHTS.glob("*.md"))


def find_checkpoint(name, known=()):
    """The path of a model's file. name: of a bundled model, or the path of the folder of a run or of the file itself.

    known: more names to suggest, where the caller takes more. Raises ValueError where there is no such model."""
    bundled, path = pretrained_names(), Path(os.path.expanduser(name))
    if str(name) in bundled:
        return WEIGHTS / f"{name}.safetensors"
    if path.is_dir():
        if not (path / "model.safetensors").is_file():
            raise ValueError(f"the folder {path} holds no model.safetensors, which a run writes after its first epoch")
        return path / "model.safetensors"
    if not path.exists():
        names = [*bundled, *(one for one in known if one not in bundled)]
        file = path.suffix in (".npz", ".safetensors", ".pth", ".pt", ".pdparams", ".pd")     # no name of a model
        raise ValueError(f"no model is named {str(name)!r}, and there is no such folder or file"
                         f"{f': is it in another folder than {Path.cwd()}?' if file else did_you_mean(name, names)}")
    return path


def read_rows(path: str | Path) -> list[dict]:
    """The rows of a table in CSV as dicts of numbers: {"epoch": 1, "train_loss": 0.5}; steps and epochs are whole."""
    with open(path, newline="", encoding="utf-8") as file:
        return [{name: int(value) if name in ("step", "epoch") else float(value) for name, value in row.items()}
                for row in csv.DictReader(file)]


def append_rows(path, rows):
    """Append rows, dicts of numbers with the same keys, to a table in CSV, which begins with a line of their names.

    A table that has columns already keeps them, since an older version may have begun it: what else the rows hold is
    left out. Raises OSError, naming the path, and then leaves the table as it was."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+b", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            columns = file.readline().decode().strip()
            if columns:
                rows = [{name: row[name] for name in columns.split(",")} for row in rows]
            data = _csv(rows, header=not columns).encode()
            try:
                if file.write(data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except BaseException:       # also Ctrl-C
                file.truncate(size)
                raise
    except OSError as error:
        raise OSError(f"cannot write {path}: {error}") from error


def keep_rows(path, count, columns=()):
    """Cut a table in CSV down to its first `count` rows, and return them. What a kill left of a row goes, too.

    Raises ValueError, naming the path, if there are fewer, or if one of these columns is missing."""
    try:
        lines = Path(path).read_bytes().splitlines(keepends=True)[:count + 1 if count else 0]
        write_atomically(path, b"".join(lines))
        rows = read_rows(path)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): start again in another folder") from error
    if len(rows) < count:
        raise ValueError(f"{path} is damaged, it has {len(rows)} rows of {count}: start again in another folder")
    if missing := [name for row in rows for name in columns if name not in row]:
        raise ValueError(f"{path} is damaged, it has no column {missing[0]}: start again in another folder")
    return rows


def save_table(path, rows):
    """Write rows, dicts with the same keys, as CSV with a line of their names; without any rows, an empty file."""
    write_atomically(path, _csv(rows, header=True).encode())


def _csv(rows, header):
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def token_mixing_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """{name: float16 tensor on the CPU} of fc1 [D_S, S] and fc2 [S, D_S] of each block: what a snapshot keeps.

    Raises ValueError for a model that has none."""
    weights = {name: tensor.detach().to("cpu", torch.float16, copy=True) for name, tensor in model.named_parameters()
               if name.endswith(("token_mixing.fc1.weight", "token_mixing.fc2.weight"))}
    if not weights:
        raise ValueError(f"a {type(model).__name__} has no weights fc1 and fc2 of token mixing to keep in snapshots: "
                         f"set snapshots to 0")
    return weights


def save_snapshots(path: str | Path, snapshots: dict[int, dict], in_bytes: bool = False) -> None:
    """Write {step: token_mixing_weights(model at that step)} to a .safetensors file.

    in_bytes: in half the space, each row as bytes times a scale of its own. A weight is then off by up to 1/254 of the
    largest of its row."""
    tensors = {name: torch.stack([weights[name] for weights in snapshots.values()])
               for name in next(iter(snapshots.values()))}
    if in_bytes:
        rows = {name: tensor.float() for name, tensor in tensors.items()}
        scales = {name: row.abs().amax(dim=-1, keepdim=True).clamp(min=1e-30) / 127 for name, row in rows.items()}
        tensors = {name: (row / scales[name]).round().char() for name, row in rows.items()}     # int8
        tensors |= {f"{name}.scale": scale for name, scale in scales.items()}
    write_atomically(path, save(tensors, metadata={"steps": json.dumps(list(snapshots))}))


def load_snapshots(path: str | Path) -> tuple[list[int], dict[str, torch.Tensor]]:
    """The token-mixing weights of a model along its training: (steps, {name: float32 [n, ...]}).

    steps: n ascending numbers of updates done, from 0. The names are those of the model's state_dict: fc1's weights
    are [n, D_S, S], fc2's [n, S, D_S]. Raises FileNotFoundError, or ValueError for a file that is cut off or not of
    snapshots."""
    tensors, steps = _read(path, "steps", "snapshots: expected a file written by save_snapshots")
    scales = {name: tensors.pop(f"{name}.scale", None) for name in [*tensors] if not name.endswith(".scale")}
    return json.loads(steps), {name: tensor.float() if scales[name] is None else tensor.float() * scales[name]
                               for name, tensor in tensors.items()}


def save_state(path: str | Path, state: dict) -> None:
    """Write the state of an unfinished run: a dict of tensors, on any device, and plain values."""
    buffer = io.BytesIO()
    torch.save(_on_cpu(state), buffer)
    write_atomically(path, buffer.getbuffer())


def _on_cpu(state):
    """The same with its tensors on the CPU, so that a machine without that device can read it."""
    if isinstance(state, dict):
        return {name: _on_cpu(value) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_on_cpu(value) for value in state)
    return state.cpu() if isinstance(state, torch.Tensor) else state


def load_state(path: str | Path) -> dict:
    """Read a file of `save_state`, without running code that may hide in it; its tensors come to the CPU. Raises
    FileNotFoundError where there is none, ValueError if it is damaged or holds more than tensors and plain values."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"nothing to resume: {path} does not exist. Start the run without resuming")
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:      # damaged bytes raise many kinds, some with advice to load them unsafely
        raise ValueError(f"{path} is damaged or not the state of a run ({type(error).__name__}): start again "
                         f"in another folder") from error


def _read(path, fact, what):
    """Of a safetensors file: all its tensors by name, and one fact of its metadata, which makes it `what` it is."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(fact)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iteration)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}): copy or train it again") from None
    if about is None:
        raise ValueError(f"{path} holds no {what}")
    return tensors, about


def write_atomically(path, data):
    """Write bytes to `path`, making its folder; never leaves half a file there. Raises OSError, naming the path."""
    path = Path(path)
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except BaseException:       # also Ctrl-C; only a kill leaves the .part, which the next write replaces
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(f"cannot write {path}: {error}") from error
