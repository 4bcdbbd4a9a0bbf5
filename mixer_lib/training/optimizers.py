"""AdamW, SGD and Muon, and which of a model's parameters each of them moves.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks". The size of its step is that of
Liu et al. 2025, "Muon is Scalable for LLM Training" (arXiv 2502.16982v1), section 2.2.
"""

import math
from collections import defaultdict

import torch
from torch.nn.functional import normalize

from .devices import fast_bf16


def make_optimizer(model, recipe):
    """The optimizer for any classifier: AdamW; with recipe.optimizer="sgd" SGD with a momentum of 0.9, as the paper
    fine-tunes (Appendix C; there without weight decay); or with "muon" or "muon-but-w1" `Muon` beside AdamW.

    Parameters that need no gradient are left out.

    A parameter named `weight` that has two or more axes counts as a weight here. Weight decay acts on weights only:
    shrinking biases and norms does not regularize. Muon moves the weights between the first one and the last one, in
    the order of `model.parameters()`. These two are the embedding and the head, which the source leaves to AdamW.
    "muon-but-w1" leaves W1 of token mixing to AdamW, too: rows of W1 that Muon trained look like noise, since it moves
    all directions of a matrix alike, so that many shapes grow at once (lesson 9). Raises ValueError where no weight is
    left for Muon."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    weights = [name for name, p in parameters.items() if name.split(".")[-1] == "weight" and p.ndim >= 2]
    hidden = weights[1:-1] if recipe.optimizer.startswith("muon") else []
    if recipe.optimizer == "muon-but-w1":
        hidden = [name for name in hidden if "token_mixing.fc1" not in name]
    for_muon = [parameters.pop(name) for name in hidden]
    decayed = [parameters.pop(name) for name in weights if name not in hidden]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay},
              {"params": list(parameters.values()), "weight_decay": 0.0}]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9)
    # None leaves the choice to torch. False would take the slowest way.
    fused = all(map(has_fused_adamw, {p.device for p in model.parameters()})) or None
    adamw = torch.optim.AdamW(groups, lr=recipe.lr, fused=fused)
    if recipe.optimizer == "adamw":
        return adamw
    if not for_muon:
        raise ValueError(f"optimizer is {recipe.optimizer!r}, but this {type(model).__name__} has no weights for Muon, "
                         f"which takes those between the first and the last layer: choose 'adamw'")
    # Measured: on a CPU with AMX, bf16 takes 0.6 of the time of float32; on one that emulates it, 4 to 40 times.
    precision = torch.bfloat16 if fast_bf16(for_muon[0].device) else torch.float32
    return CombinedOptimizer(Muon(for_muon, recipe.lr, recipe.weight_decay, precision=precision), adamw)


def has_fused_adamw(device):
    """Whether this torch has AdamW's step on `device` as a single kernel. It says so only by failing to take one."""
    probe = torch.zeros(1, device=device, requires_grad=True)
    probe.grad = torch.zeros_like(probe)
    try:
        torch.optim.AdamW([probe], fused=True).step()
    except RuntimeError:
        return False
    return True


class CombinedOptimizer:
    """Presents several optimizers as one. Each has parameters of its own."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    @property
    def param_groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self):
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, states):
        """Raises ValueError where `states` are not those of such optimizers."""
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal: a step moves a weight W [rows, columns] by the same length in all directions.

        M <- momentum M + (1 - momentum) G          G: the gradient, M: its running mean, zero at first
        U <- momentum M + (1 - momentum) G          Nesterov: G counts once more
        W <- (1 - lr weight_decay) W - lr 0.2 sqrt(max(rows, columns)) orthogonalize(U)

    The root mean square of an orthogonal matrix is 1 / sqrt(max(rows, columns)). That of a step is then 0.2 lr, as of
    AdamW's, so one learning rate suits both. A kernel of a convolution counts as a matrix [first axis, the rest].

    The result is that of torch.optim.Muon with adjust_lr_fn="match_rms_adamw", which takes matrices one by one, each
    with about 30 kernels for a GPU to launch. Here matrices with the same sides, lying or standing, share a stack.

    precision: the dtype of Newton-Schulz. Raises ValueError for a parameter of fewer than two axes."""

    def __init__(self, params, lr, weight_decay=0.0, momentum=0.95, precision=torch.bfloat16):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum))
        self.precision = precision      # not in the groups: load_state_dict would take over another machine's
        for p in (p for group in self.param_groups for p in group["params"]):
            if p.ndim < 2:
                raise ValueError(f"Muon moves matrices and kernels, got a parameter of shape {list(p.shape)}")

    @torch.no_grad()
    def step(self):
        """Move each parameter that has a gradient."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads, means = [p.grad for p in params], [self._mean(p) for p in params]
            torch._foreach_lerp_(means, grads, 1 - group["momentum"])
            updates = torch._foreach_lerp(grads, means, group["momentum"])
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])

            stacks = defaultdict(lambda: defaultdict(list))         # the sides -> the shape -> pairs (p, update)
            for p, update in zip(params, updates):
                short, long = sorted((len(p), p.numel() // len(p)))
                stacks[p.device, short, long][p.shape].append((p, update.flatten(1)))
            for (_, short, long), shapes in stacks.items():
                stack = torch.stack([u if len(u) == short else u.mT for pairs in shapes.values() for _, u in pairs])
                stack = orthogonalize(stack, self.precision)                # [n, short, long]
                parts = stack.split([len(pairs) for pairs in shapes.values()])
                for (shape, pairs), part in zip(shapes.items(), parts):
                    # In the layout of the parameters: a GPU then adds all of them in one kernel.
                    part = part if shape[0] == short else part.mT.contiguous()
                    torch._foreach_add_([p for p, _ in pairs], part.view(-1, *shape).unbind(),
                                        alpha=-group["lr"] * 0.2 * math.sqrt(long))

    def _mean(self, p):
        if "momentum_buffer" not in self.state[p]:      # the name in torch.optim.Muon, whose saved states load here
            self.state[p]["momentum_buffer"] = torch.zeros_like(p)
        return self.state[p]["momentum_buffer"]


def orthogonalize(matrices, precision):
    """Matrices [n, short, long] -> same, with their singular vectors kept and the singular values brought near 1.

    Newton-Schulz: a step turns each singular value s into a s + b s^3 + c s^5, by matrix products alone, which are
    done in `precision`. The source chose a, b, c to lift small values fast; in five steps all of 1 % of the matrix's
    norm and more get to 0.68 to 1.14. A matrix of zeros stays one."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = normalize(matrices.to(precision), dim=(1, 2), eps=1e-7)         # no singular value is above 1 now
    for _ in range(5):
        gram = torch.bmm(x, x.mT)                                       # [n, short, short]
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)       # b gram + c gram^2
        x = torch.baddbmm(x, factor, x, beta=a)                         # a x + factor x
    return x.to(matrices.dtype)
