"""Break the library on purpose, one line at a time, and see whether a test notices: `make mutants`.

    python tools/mutants.py [WORD ...]      # only mutants whose file has one of these words in its path

A test suite is worth what it catches. Each mutant of the list below is a mistake that a tired developer could make,
with the tests that should fail on it. No file is changed: the mutated source exists in the memory of one process, which
imports it in place of the file. At least 95% of the mutants must be killed. Needs Linux or macOS.
"""

import importlib.abc
import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.95


class Mutant(NamedTuple):
    """One mistake: in `file` of mixer_lib the text `old`, which is there once, becomes `new`."""

    file: str
    old: str
    new: str
    tests: str      # "model::patchify_refuses" is tests/test_model.py::test_patchify_refuses; several with spaces


MUTANTS = [Mutant(*row) for row in (
    # the model and its sizes
    ("model.py", "x.permute(0, 2, 4, 1, 3, 5)", "x.permute(0, 4, 2, 1, 3, 5)",
     "model::patchify_is_slicing_and_unpatchify_undoes_it"),
    ("model.py", "if S * P_h * P_w != H * W or H % P_h or W % P_w or D % (P_h * P_w):",
     "if S * P_h * P_w != H * W or D % (P_h * P_w):", "model::unpatchify_refuses"),
    ("model.py", "return self.dropout(self.fc2(x))", "return self.fc2(x)",
     "model::dropout_follows_both_layers_of_an_mlp"),
    ("model.py", "return x * keep / (1 - self.rate)", "return x * keep",
     "model::drop_path_keeps_or_drops_whole_images_and_the_mean"),
    ("model.py", "x = x + self.drop_path(self.channel_mixing(self.channel_norm(x)))",
     "x = x + self.drop_path(self.channel_mixing(x))", "model::outputs_and_gradients_are_timms"),
    ("model.py", "/ max(self.num_blocks - 1, 1)", "/ self.num_blocks", "model::drop_path_grows_linearly"),
    ("model.py", "std=std, a=-2 * std, b=2 * std", "std=std", "model::initialization_is_the_papers"),
    ("model.py", "nn.init.zeros_(self.head.weight)", "pass", "model::initialization_is_the_papers"),
    ("configs.py", "num_blocks=4,\n                         hidden_dim=96",
     "num_blocks=4,\n                         hidden_dim=128", "model::course_models"),
    ("configs.py", "max(height, width) <= 8 * size", "max(height, width) < 8 * size", "model::default_patch_size"),
    ("costs.py", 'row("token mixing", block.token_mixing, of_tokens)', 'row("token mixing", block.token_mixing)',
     "model::layer_table_by_hand"),
    ("costs.py", "if layer.endswith(part)), \"head\")", "if layer.endswith(part)), \"patch embedding\")",
     "model::costs_by_part"),
    # convolutions
    ("conv.py", "kernel.reshape(-1, *shape[::-1]).mT if turned", "kernel.reshape(-1, *shape) if turned",
     "conv::there_and_back_is_exact conv::outputs_and_gradients_are_the_mixers"),
    ("conv.py", "new.train(old.training)", "pass", "conv::everything_is_carried_over"),
    ("conv.py", "return self.dropout(place_bias(x))", "return place_bias(x)", "conv::dropout_goes_along"),
    # data
    ("data/dataset.py", "TEST_FRACTION = 1 / 6", "TEST_FRACTION = 1 / 5", "own_images::folder_without_test"),
    ("data/dataset.py", "min(max(round(fraction * len(members)), 1), len(members) - 1)",
     "round(fraction * len(members))", "data::split"),
    ("data/dataset.py", "train, test = split(labels, TEST_FRACTION, torch.Generator().manual_seed(0))",
     "train, test = split(labels, TEST_FRACTION)", "own_images::npz_without_a_test own_images::folder_without_test"),
    ("data/files.py", 'INTERPOLATIONS = {"bilinear": Image.Resampling.BILINEAR',
     'INTERPOLATIONS = {"bilinear": Image.Resampling.NEAREST', "files::scaling_averages"),
    ("data/files.py", "left, top = (old_width - scale * width) / 2, (old_height - scale * height) / 2",
     "left, top = 0, 0", "files::center_box"),
    ("data/files.py", "ratio = shape * (3 / 4) ** (1 - 2 * ratio)", "ratio = (3 / 4) ** (1 - 2 * ratio)",
     "files::random_box"),
    ("data/transforms.py", "torch.default_generator.manual_seed(seed)", "torch.manual_seed(seed)",
     "data::torch_random_numbers_stay"),
    ("data/transforms.py", "generator=generator, device=\"cpu\") < 0.5", "generator=generator, device=\"cpu\") < 0.4",
     "data::random_flip"),
    ("data/transforms.py", "torch.randint(2 * padding + 1,", "torch.randint(2 * padding,",
     "data::random_crop_reaches_every_offset_equally"),
    ("data/transforms.py", ".sub_(mean / std)", ".sub_(mean)", "data::normalize"),
    ("data/arrays.py", "return np.rint(array / 257).astype(np.uint8)", "return np.rint(array / 256).astype(np.uint8)",
     "own_images::npz_values"),
    ("data/batching.py", "if batch_size < 1:", "if batch_size < 0:", "data::batches_in_order"),
    ("data/randaugment.py", "dropped_bits = round(4 * magnitude / 30)", "dropped_bits = int(4 * magnitude / 30)",
     "randaugment::operations_are_those_of_torchvision"),
    ("digits.py", "round(14 - center)", "round(13 - center)",
     "digits::digit_fits_twenty_pixels_and_lies_in_the_middle"),
    # training
    ("training/recipe.py", "weight_decay: float = option(0.05,", "weight_decay: float = option(0.5,",
     "training::recipe_of_the_lessons"),
    ("training/recipe.py", "return peak * (step + 1) / warmup_steps", "return peak * step / warmup_steps",
     "training::learning_rate"),
    ("training/recipe.py", 'if schedule == "constant":\n        return peak\n', "",
     "training::constant_schedule_arrives"),
    ("training/loop.py", "return torch.Generator().manual_seed(seed + 1_000_003 * (epoch + 1))",
     "return torch.Generator().manual_seed(seed)", "training::each_epoch_is_shuffled_and_augmented_anew"),
    ("training/loop.py", "label_smoothing=recipe.label_smoothing)", "label_smoothing=0.0)",
     "training::train_step training::fit_is_the_plain_loop"),
    ("training/loop.py", "norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)",
     "norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)", "training::train_step"),
    ("training/loop.py", "if not math.isfinite(loss) or not math.isfinite(norm):", "if not math.isfinite(loss):",
     "training::diverged_run_stops"),
    ("training/plan.py", "+ dataset.train_images.nbytes +", "+", "training::memory_counts_the_images"),
    ("training/loop.py", "epoch - best_epoch(history) >= recipe.patience",
     "epoch - best_epoch(history) > recipe.patience",
     "training::patience"),
    ("training/optimizers.py", "if name.split(\".\")[-1] == \"weight\" and p.ndim >= 2", "if p.ndim >= 1",
     "training::weight_decay_acts_on_matrices_only"),
    ("training/optimizers.py", "alpha=-group[\"lr\"] * 0.2 * math.sqrt(long)", "alpha=-group[\"lr\"] * math.sqrt(long)",
     "muon::step_follows_the_formulas"),
    ("training/optimizers.py", "weights[1:-1]", "weights[1:]", "muon::muon_gets_the_weights_of_the_blocks"),
    ("training/devices.py", "dynamic=False, mode=", "dynamic=True, mode=",
     "training::a_compiled_model_has_a_kernel_for_each_batch_size"),
    ("training/evaluation.py", "model.train(was_training)", "model.train()", "training::predict"),
    ("training/evaluation.py", "pairs = K * labels.to(logits.device) + logits.argmax(1)",
     "pairs = K * logits.argmax(1) + labels.to(logits.device)", "training::measure_and_evaluate"),
    ("training/history.py", "max(history.epochs, key=", "max(history.epochs[::-1], key=", "training::best_epoch"),
    # files
    ("checkpoints.py", "tensor.detach().cpu().contiguous()", "tensor.detach().cpu()",
     "checkpoints::weights_that_are_views_are_saved"),
    ("checkpoints.py", "return model.eval(), SimpleNamespace(", "return model, SimpleNamespace(",
     "checkpoints::round_trip"),
    ("checkpoints.py", "weights_only=True", "weights_only=False", "checkpoints::code_in_a_state_does_not_run"),
    ("checkpoints.py", "temporary.unlink(missing_ok=True)", "pass", "checkpoints::failed_write_leaves_the_old_file"),
    ("checkpoints.py", ".clamp(min=1e-30) / 127", ".clamp(min=1e-30) / 64", "training::snapshots_in_bytes"),
    ("check_setup.py", "if fast_bf16(cpu) else", "if not fast_bf16(cpu) else", "check_setup::where_lessons_train"),
    ("check_setup.py", "or []), *NOTEBOOK]", "or [])]", "check_setup::missing_notebook_package"),
    ("pretrained/grow.py", "B2[tokens] = state[b2]", "B2[units] = state[b2]",
     "grow::logits_of_a_mosaic_are_the_mean_of_the_logits"),
    # looking inside
    ("analysis/kernels.py", "maps = centered(kernels).unflatten(", "maps = kernels.unflatten(",
     "kernels::spectrum_of_a_wave_is_two_peaks kernels::frequency_is_weighted_with_energy"),
    ("analysis/kernels.py", "correlations.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf)", "pass",
     "kernels::twins_are_the_most_alike"),
    ("analysis/kernels.py", "kernels.norm(dim=-1).argsort(descending=True, stable=True)",
     "kernels.norm(dim=-1).argsort(stable=True)", "kernels::order"),
    ("analysis/maps.py", "return W2 @ (slopes[..., None] * W1)", "return W2 @ W1 * 0.5", "maps::token_map_with_slopes"),
    ("analysis/maps.py", "left_out = 0 if diagonal else 1", "left_out = 0", "maps::chance_without_the_diagonal"),
    ("analysis/maps.py", "means[..., (H - 1) * (2 * W - 1) + W - 1] = 0", "means[..., 0] = 0",
     "maps::displacement_kernel_is_a_mean_over_pairs"),
    ("analysis/controls.py", "Q = Q * R.diagonal().sign()", "pass", "controls::every_mixture_is_equally_likely"),
    ("analysis/influence.py", "dim=(1, 3) if between == \"tokens\" else (0, 2)",
     "dim=(0, 2) if between == \"tokens\" else (1, 3)", "influence::influence_of_a_linear_map_is_its_matrix"),
    ("analysis/influence.py", "moved.square().sum(dim=(1, 4)) * C / directions).sqrt()",
     "moved.square().sum(dim=(1, 4)) * C / directions)",
     "influence::influence_by_depth_is_exact_with_all_directions_and_near_it_with_few"),
    ("analysis/ablation.py", "others[circle] = circle.roll(1)", "others[circle] = circle",
     "ablation::all_images_look_at_another_one"),
    ("analysis/units.py", "answers.argsort(descending=True, stable=True)[:count]",
     "answers.argsort(stable=True)[:count]",
     "units::top_answers"),
    ("permutations.py", "table = table[..., inside]", "pass",
     "permutations::patches_stay_together_and_all_are_alike_inside"),
    # pictures
    ("plots/base.py", "plt.close(picture) ", "pass", "plots::show_closes_a_figure_and_gives_it_sharp"),
    ("plots/base.py", "np.clip(image, 0, 1) * 255", "image * 255", "plots::as_pixels_keeps_within_the_range"),
    ("plots/charts.py", 'axis.set(xlabel="predicted", ylabel="true")', 'axis.set(xlabel="true", ylabel="predicted")',
     "plots::confusion_writes_the_counts"),
    ("plots/charts.py", "axis.text(j, i, matrix[i, j]", "axis.text(i, j, matrix[i, j]",
     "plots::confusion_writes_the_counts"),
    ("plots/charts.py", "loss[max(end - 10, 0):end]", "loss[max(end - 9, 0):end]",
     "plots::losses_are_means_of_the_last_ten"),
    ("plots/patches.py", "row, column = divmod(s, width // patch_size)", "column, row = divmod(s, width // patch_size)",
     "plots::patch_grid_numbers_the_patches"),
    ("plots/patches.py", "axis.set_title(titles[i], fontsize=10)", "axis.set_title(titles[0], fontsize=10)",
     "plots::image_row_sets_each_image_below_its_title"),
)]


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from a mutated source."""

    def __init__(self, mutant):
        self.path = ROOT / "mixer_lib" / mutant.file
        self.name = ".".join(("mixer_lib", *Path(mutant.file).with_suffix("").parts))
        self.source = mutated(mutant)

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_filename(self, name):
        return str(self.path)

    def get_data(self, path):
        return self.source.encode()


def mutated(mutant):
    """The source of the mutant's file with the mistake. Raises ValueError if there is not one place for it."""
    source = (ROOT / "mixer_lib" / mutant.file).read_text(encoding="utf-8")
    if source.count(mutant.old) != 1:
        raise ValueError(f"{mutant.file} has {mutant.old!r} {source.count(mutant.old)} times, expected once")
    return source.replace(mutant.old, mutant.new)


def test_ids(mutant):
    """The mutant's tests, as pytest names them."""
    for word in mutant.tests.split():
        file, _, test = word.partition("::")
        yield f"tests/test_{file}.py" + f"::test_{test}" * bool(test)


def run(mutant):
    """The exit code of pytest on the mutant's tests: 0 if nobody noticed, 1 or 2 if somebody did."""
    child = os.fork()       # a process of its own, which need not import PyTorch again
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 3
    try:
        import pytest

        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        sys.meta_path.insert(0, Mutated(mutant))
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *test_ids(mutant)])
    finally:
        os._exit(code)


def main(words):
    import ipywidgets  # noqa: F401 (what takes long to import, here, so that the children need not)
    import jupytext  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import nbclient  # noqa: F401
    import nbval.plugin  # noqa: F401
    import torch  # noqa: F401

    os.chdir(ROOT)
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.file for word in words)]
    survived, start = [], time.time()
    for mutant in chosen:
        code = run(mutant)
        if code not in (0, 1, 2):
            sys.exit(f"mutants: the tests of {mutant} could not be run (pytest ended with {code})")
        print("killed  " if code else "SURVIVED", f"{mutant.file}: {mutant.old!r} -> {mutant.new!r}", flush=True)
        if code == 0:
            survived.append(mutant)
    killed = len(chosen) - len(survived)
    print(f"{killed} of {len(chosen)} mutants killed in {time.time() - start:.0f} s")
    return 0 if killed >= LEAST * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
