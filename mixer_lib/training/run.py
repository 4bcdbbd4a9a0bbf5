"""The folder of a run: what training leaves there, and what it takes to go on."""

import sys
import zlib
from dataclasses import asdict
from pathlib import Path

import torch

from ..checkpoints import (
    append_rows,
    check_savable,
    keep_rows,
    load_snapshots,
    load_state,
    save_checkpoint,
    save_snapshots,
    save_state,
)
from . import processes
from .history import History, best_epoch
from .recipe import Recipe, learning_rate
from .sharding import parts_of_state, whole

HOW = ("accumulate", "checkpoint_activations", "shard")     # how the machine does a step, not which step: may change


class Run:
    """The folder `path` of a training run.

        model.safetensors       the model after the last whole epoch
        best.safetensors        the model after the epoch of the highest held-out accuracy, with a hold-out
        snapshots.safetensors   where recipe.snapshots asks for it, for `load_snapshots`
        steps.csv, history.csv  the two tables of `History`; each epoch appends its rows
        resume.pt               what it takes to go on from the last whole epoch

    Of each epoch the tables are written first, then resume.pt, then the models. So after a kill at any moment the
    tables are as far as resume.pt or further, and `restore` cuts them back to it and writes the models.

    Of several processes the main one writes, and all of them must call what writes here. The files do not depend on how
    many there are: a run may be resumed on more or fewer."""

    def __init__(self, path, model, dataset, optimizer, recipe):
        check_savable(model)
        self.path, self.model, self.dataset, self.optimizer, self.recipe = Path(path), model, dataset, optimizer, recipe
        # What must stay the same when a run is resumed; of the data, what tells one set from another.
        means = ", ".join(f"{mean:.4f}" for mean in dataset.mean)
        recipe = {name: value for name, value in asdict(recipe).items() if name not in HOW}
        self.settings = recipe | vars(model.config) | {
            "dataset": f"{len(dataset.train_images)} images of mean {means}", "classes": list(dataset.classes),
            "labels": zlib.crc32(dataset.train_labels.cpu().numpy().tobytes())}

    def start(self):
        """Begin the files of a new run. Raises ValueError if the folder holds a run with a whole epoch."""
        if holds_an_epoch(self.path):
            raise ValueError(f"{self.path} already holds a run: resume it, or choose another folder")
        processes.wait_for_all()        # else one may find there what another has just begun
        for name in ("steps.csv", "history.csv") if processes.rank() == 0 else ():
            (self.path / name).unlink(missing_ok=True)      # of a run that ended before its first epoch did
            append_rows(self.path / name, [])
        self.save_state(History())

    def save(self, history, snapshots, new_steps):
        """Keep an epoch that just ended, with the last `new_steps` rows of history.steps."""
        if processes.rank() == 0:
            append_rows(self.path / "steps.csv", history.steps[-new_steps:])
            append_rows(self.path / "history.csv", history.epochs[-1:])
        if snapshots and processes.rank() == 0:
            save_snapshots(self.path / "snapshots.safetensors", snapshots)
        self.save_state(history)
        self.save_models(history)

    def save_state(self, history):
        """Write resume.pt."""
        optimizer = whole(self.optimizer.state_dict())      # all processes give their parts
        if processes.rank() == 0:
            save_state(self.path / "resume.pt", {
                "settings": self.settings, "model": self.model.state_dict(), "optimizer": optimizer,
                "epochs": len(history.epochs), "steps": len(history.steps)})

    def save_models(self, history):
        """Write the model as it is, and as the best one if the last epoch was the best."""
        if processes.rank():
            return
        best = self.recipe.val_fraction and best_epoch(history) == len(history.epochs)
        for name in ["model"] + ["best"] * bool(best):
            save_checkpoint(self.path / f"{name}.safetensors", self.model, self.dataset, recipe=asdict(self.recipe),
                            epochs_done=len(history.epochs))

    def check(self):
        """Read the state of the run in the folder, and see that this one is the same, but for the number of epochs.

        Raises FileNotFoundError if there is nothing to resume, ValueError if the run was started otherwise, has done
        more epochs than the recipe asks for, or if its state is damaged."""
        state = load_state(self.path / "resume.pt")
        try:
            usual = asdict(Recipe())        # of options that the version did not have which began the run
            changed = [name for name, value in self.settings.items()
                       if name not in ("epochs", *HOW) and state["settings"].get(name, usual.get(name, value)) != value]
            done_more = state["epochs"] > self.recipe.epochs
        except (KeyError, TypeError) as error:
            raise self._damaged(error) from error
        if changed and changed[0] in ("dataset", "classes", "labels"):
            now, before = ("other labels" if changed[0] == "labels" else some[changed[0]]
                           for some in (self.settings, state["settings"]))
            raise ValueError(f"{changed[0]} is {now!r}, but the run in {self.path} was started with {before!r}. To go "
                             f"on, it needs the same images: bring them back, or start a new run in another folder")
        if changed:
            raise ValueError(f"{changed[0]} is {self.settings[changed[0]]!r}, but the run in {self.path} was started "
                             f"with {state['settings'][changed[0]]!r}: resume with the same options, or start a new "
                             f"run in another folder")
        if done_more:
            raise ValueError(f"epochs is {self.recipe.epochs}, but the run in {self.path} has done {state['epochs']}: "
                             f"resume with as many or more, or start a new run in another folder")
        return state

    def restore(self):
        """Bring the model and the optimizer to where the run is; returns its (history, snapshots).

        With the schedule "constant", a run that goes on to more epochs is the one that has as many from the start,
        apart from the moments of its snapshots. With "cosine" it is not, and a line on the error output says so, since
        the learning rate follows from the number of epochs. Raises as `check` does, and ValueError if another file of
        the run is damaged."""
        state = self.check()
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(parts_of_state(state["optimizer"], self.optimizer))
            steps, epochs, planned = state["steps"], state["epochs"], state["settings"]["epochs"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise self._damaged(error) from error
        history, snapshots = self._restore_tables(steps, epochs) if processes.rank() == 0 else (None, None)
        history, snapshots = processes.from_main((history, snapshots))
        if epochs and processes.rank() == 0:
            self._say_if_changed(history, planned)
            self.save_models(history)
        return history, snapshots

    def _restore_tables(self, steps, epochs):
        measured = ("val_loss", "val_accuracy") if self.recipe.val_fraction else ()
        history = History(keep_rows(self.path / "steps.csv", steps, ("step", "loss", "lr")),
                          keep_rows(self.path / "history.csv", epochs, ("epoch", "train_loss", *measured)))
        snapshots = {}
        if epochs and self.recipe.snapshots:
            moments, weights = load_snapshots(self.path / "snapshots.safetensors")
            snapshots = {moment: {name: stacked[i].to(torch.float16) for name, stacked in weights.items()}
                         for i, moment in enumerate(moments) if moment <= steps}
        return history, snapshots

    def _damaged(self, error):
        return ValueError(f"{self.path / 'resume.pt'} is damaged or not the state of a run ({type(error).__name__}): "
                          f"start again in another folder")

    def _say_if_changed(self, history, planned):
        """Say that the learning rate is not that of a run with as many epochs from the start, where it is not."""
        recipe, steps = self.recipe, len(history.steps)
        per_epoch = steps // len(history.epochs)

        def rate(step, epochs):
            return learning_rate(step, epochs * per_epoch, round(recipe.warmup_epochs * per_epoch), recipe.lr,
                                 recipe.schedule)

        if steps < recipe.epochs * per_epoch and rate(steps - 1, planned) != rate(steps - 1, recipe.epochs):
            before, after = rate(steps - 1, planned), rate(steps, recipe.epochs)
            print(f"note: the run was planned for {planned} epochs and now goes on to {recipe.epochs}. The learning "
                  f"rate goes {'up again' if after > before else 'down'} from {before:.2g} to {after:.2g}, so this is "
                  f"not the run that {recipe.epochs} epochs from the start would have been", file=sys.stderr)


def holds_an_epoch(path):
    """Whether a folder holds a run with at least one whole epoch. Raises ValueError if its resume.pt is damaged."""
    path = Path(path)
    if (path / "model.safetensors").exists():
        return True
    state = load_state(path / "resume.pt") if (path / "resume.pt").exists() else {"epochs": 0}
    return not isinstance(state, dict) or state.get("epochs") != 0
