"""Fine-tuning: the head alone, and SGD with momentum, as the paper's Appendix B has it."""

import pytest
import torch

from mixer_lib.training import fit, make_optimizer, memory_needed
from test_training import quick, small_mixer, toy, weights


def test_sgd_has_a_momentum_of_nine_tenths():
    """Two steps with the same gradient: the second is 1.9 times as long as the first."""
    model = small_mixer()
    optimizer = make_optimizer(model, quick(optimizer="sgd", lr=0.1, weight_decay=0))
    before, moved = model.norm.bias.clone(), []
    for _ in range(2):
        model.norm.bias.grad = torch.ones_like(model.norm.bias)
        optimizer.step()
        moved.append((before - model.norm.bias).mean().item())
    assert moved == pytest.approx([0.1, 0.1 + 0.19])


def test_sgd_learns():
    history = fit(small_mixer(), toy(), quick(optimizer="sgd", lr=0.3, epochs=8, warmup_epochs=0))
    assert history.epochs[-1]["val_accuracy"] > 0.9


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_frozen_run_moves_the_head_alone(optimizer):
    model = small_mixer()
    model.blocks[1].requires_grad_(False)           # what was frozen before stays so
    before = weights(model)
    fit(model, toy(), quick(freeze=True, optimizer=optimizer, lr=0.1))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) != name.startswith("head."), name
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {
        f"blocks.1.{name}" for name, _ in model.blocks[1].named_parameters()}


def test_frozen_run_needs_less_memory():
    model = small_mixer()
    assert memory_needed(model, toy(), quick(freeze=True)) < memory_needed(model, toy(), quick())
    assert all(p.requires_grad for p in model.parameters())


def test_nothing_is_left_to_train():
    with pytest.raises(ValueError, match="has no head with weights to train alone"):
        fit(torch_model(), toy(), quick(freeze=True))
    with pytest.raises(ValueError, match="optimizer is 'muon'"):
        fit(small_mixer(), toy(), quick(freeze=True, optimizer="muon"))


def torch_model():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    model.image_shape, model.num_classes = (1, 8, 8), 3
    return model
