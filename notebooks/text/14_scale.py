# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 14 · Scale: where the time goes, and how to get more of it
#
# *After this lesson you can read the profile of a training step, say what bounds each part of it, train on several
# processes that survive a failure, and work out what a run will cost before you start it.*
#
# **About 50 minutes, with the exercises 80.** You need: [lesson 7](07_train_mnist.ipynb).
#
# Previous: [13 · Parts and family](13_family.ipynb). This is the last lesson.

# %% [markdown]
# ## In this lesson you will
#
# - profile a training step, and find the time that is not spent on matrix products;
# - work out by hand what should bound token mixing and channel mixing on an H100, and measure both on your machine;
# - see what rounding to bf16 does to a sum, to a weight and to a loss;
# - average the gradients of two real processes by hand, and get those of one; then kill a worker and watch the run
#   come back;
# - measure how the cost grows with the number of tokens, and plan the largest run of the paper.

# %%
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["KINETO_LOG_LEVEL"] = "99"       # else the profiler prints notes of its own

import numpy as np
import psutil
import torch
from torch.nn.functional import cross_entropy, gelu

from mixer_lib import create_model, plots
from mixer_lib.data import load_dataset
from mixer_lib.exercises import predict

# %% [markdown]
# ## The question
#
# Lesson 6 counted **MACs**, the multiply-accumulates of matrix products. The CIFAR-10 model has 76 million per image,
# and a training step takes three times that, once forward and twice backward. So is a step nothing but matrix
# products? This is the step of lesson 7, on 64 random images:
# %%
from mixer_lib.training import Recipe, make_optimizer, train_step

torch.manual_seed(0)
model, recipe = create_model("cifar10"), Recipe(precision="float32")
optimizer = make_optimizer(model, recipe)
x, y = torch.randn(64, 3, 32, 32), torch.arange(64) % 10        # [B, C_in, H, W], [B]


def step():
    return train_step(model, x, y, optimizer, 1e-4, recipe)

loss, _, _ = step()         # the first step also allocates memory: it does not count

# %% [markdown]
# A **profiler** notes each operation of PyTorch and how long it takes. What it notes is called a **profile**.
#
# **Predict.** What share of the time do matrix products take, on your machine?

# %%
predict("share of products")

# %% tags=["nbval-ignore-output"]
from torch.profiler import ProfilerActivity, profile

with profile(activities=[ProfilerActivity.CPU]) as profiler:
    for _ in range(3):
        step()
rows = sorted(profiler.key_averages(), key=lambda row: -row.self_cpu_time_total)
print(f"{'operation':36} calls   ms    (per step)")
for row in rows[:10]:
    print(f"{row.key:36} {row.count // 3:5} {row.self_cpu_time_total / 3000:6.1f}")

# %% [markdown]
# `aten::` is PyTorch's library of operations. `addmm`, `mm` and `bmm` are matrix products; an `add` before the name
# means that a bias is added in the same go. We sort all rows by kind.

# %%
WORDS = {"matrix products": ("mm",), "GELU": ("gelu",), "LayerNorm": ("layer_norm",),
         "copies, reshapes": ("copy", "clone", "cat", "contiguous", "empty", "view"),
         "sums": ("add", "sum", "mean"), "optimizer": ("adamw", "optimizer", "norm")}


def kind_of(name):
    return next((kind for kind, words in WORDS.items()
                 if any(word in name.lower() for word in words)), "all else")

ms = dict.fromkeys([*WORDS, "all else"], 0.0)
for row in rows:
    ms[kind_of(row.key)] += row.self_cpu_time_total / 3000
predict("share of products", ms["matrix products"] / sum(ms.values()))

# %%
plots.show(
    plots.bars(ms, "ms per training step", marked=["matrix products"]),
    alt="Seven bars. Matrix products have the longest one. GELU comes next. Copies and "
        "reshapes, LayerNorm and sums are shorter. The other two are the shortest.")

# %% [markdown]
# All bars but that of the matrix products stand for hardly any arithmetic. GELU does about ten operations per number, a
# copy none. Yet they take all the rest of the step. Counting MACs does not explain it. We also have to count bytes.
#
# ## The roofline
#
# A machine has two limits. Its **peak** says how many operations it does per second, in FLOP/s (a **FLOP** is one
# addition or one multiplication, so a MAC is two). Its **bandwidth** says how many bytes per second come from memory
# or go there. A layer takes at least
#
# $$ \max \left( \frac{\text{FLOPs}}{\text{peak}}, \frac{\text{bytes}}{\text{bandwidth}} \right) \text{ seconds.} $$
#
# What decides is its **arithmetic intensity**, FLOPs / bytes. The **ridge** is where it equals peak / bandwidth. Below
# the ridge, the layer is **memory-bound**: the arithmetic waits for numbers. Above, it is **compute-bound**.
#
# A product of $[M, K]$ by $[K, N]$ does $2 M K N$ FLOPs. ($K$ is not the number of classes here.) At best it reads both
# matrices once and writes the result once, which are $MK + KN + MN$ numbers. Take B/16 and 32 images, in bf16 with 2
# bytes per number. The first layer of each MLP:

# %%
B, S, C, D_S, D_C = 32, 196, 768, 384, 3072                     # B/16
layers = {"token mixing": (B * C, S, D_S),                      # M, K, N
          "channel mixing": (B * S, C, D_C)}


def intensity(M, K, N, size):
    return 2 * M * K * N / (size * (M * K + K * N + M * N))

for name, sizes in layers.items():
    print(f"{name:15} {intensity(*sizes, 2):4.0f} FLOP per byte in bf16, "
          f"{intensity(*sizes, 4):4.0f} in float32")

# %% [markdown]
# In both layers $M$ is large: each row of a batch meets the same weights. Then $KN$ hardly counts, and the intensity is
# close to $2 K N / (2 (K + N))$. That depends on the layer's own two sizes alone. 196 and 384 are small; 768 and 3,072
# are not.
#
# **Predict.** An H100 does 990 · 10¹² FLOP/s in bf16, and moves 3.35 · 10¹² bytes per second. Which of the two layers
# can reach its peak?

# %%
ridge = 990e12 / 3.35e12
able = [name for name, sizes in layers.items() if intensity(*sizes, 2) > ridge]
predict("who reaches the peak", f"only {able[0]}" if len(able) == 1 else "both",
        ridge=ridge)

# %% [markdown]
# Now the machine that you sit at, or rather one core of it. We take 8 images, in float32. A large square product shows
# the peak, copying a hidden table `[B, S, D_C]` shows the bandwidth for tables of that size. (`process_time` counts
# only the seconds in which the core works for us.)

# %%
def seconds(f, *arguments):
    """The fastest of four calls, after one to warm up."""
    times = []
    for _ in range(5):
        start = time.process_time()
        f(*arguments)
        times.append(time.process_time() - start)
    return min(times[1:])

def product(M, K, N):
    return torch.mm, torch.randn(M, K), torch.randn(K, N)

torch.set_num_threads(1)
hidden, other = torch.randn(2, 8, S, D_C)                       # [B, S, D_C] twice
peak = 2 * 1024 ** 3 / seconds(*product(1024, 1024, 1024))      # FLOP/s
bandwidth = 2 * hidden.nbytes / seconds(other.copy_, hidden)    # bytes/s: read, write

# %% tags=["nbval-ignore-output"]
reached = {}
for name, (M, K, N) in layers.items():
    work = 2 * (M // 4) * K * N                                 # FLOPs of 8 images
    took = seconds(*product(M // 4, K, N))
    reached[name] = intensity(M // 4, K, N, 4), work / took
reached["GELU"] = 10 / 8, 10 * hidden.numel() / seconds(gelu, hidden)
took = seconds(torch.add, hidden, torch.randn(hidden.shape))
reached["adding two tables"] = 1 / 12, hidden.numel() / took
print(f"peak {peak / 1e9:.0f} GFLOP/s, bandwidth {bandwidth / 1e9:.0f} GB/s, "
      f"ridge at {peak / bandwidth:.0f} FLOP per byte")

# %% [markdown]
# GELU does about 10 FLOPs per number here, and moves 8 bytes; a sum does 1 and moves 12. The line is the **roof**:
# with this intensity, no program can be much faster (the roof is measured, too). A program can be slower. How near to
# its roof does each one come?

# %%
plots.show(
    plots.roofline(peak, bandwidth, reached),
    alt="A line that rises from the left and turns flat at the ridge: the roof. Adding "
        "two tables and GELU are at the left, near the slope. Token mixing and "
        "channel mixing are at the right, close to the flat part, several times as "
        "high as GELU, which is higher than adding two tables.")

# %% [markdown]
# A CPU has little arithmetic for its bandwidth, so its ridge lies far to the left, and both mixings stand to the
# right of it. Here is an H100 on paper, from its two numbers above, with the most that each layer could reach in bf16:

# %%
at_most = {name: (intensity(*sizes, 2), min(990e12, 3.35e12 * intensity(*sizes, 2)))
           for name, sizes in layers.items()}
plots.show(
    plots.roofline(990e12, 3.35e12, at_most),
    alt="The roof of an H100, with its ridge at about 300 FLOP per byte. Token mixing, "
        "at 129, is on the slope, at less than half of the peak. Channel mixing, at "
        "560, is on the flat part.")

# %% [markdown]
# There, if every table comes from memory, token mixing is on the slope: it cannot reach half of the peak. The same
# network is bound by different things on different machines.
#
# ### Fewer trips: compile
#
# What is bound by memory gets faster only by moving fewer bytes. Write GELU as its formula, and each operation reads
# one or two whole tables and writes one:

# %%
def by_steps(z):
    return 0.5 * z * (1 + torch.erf(z * 2 ** -0.5))         # five operations

assert torch.allclose(by_steps(hidden), gelu(hidden), atol=1e-5)

# %% [markdown]
# `torch.compile` looks at all five at once and writes one loop in C++: each number is read once, and written once. (It
# needs a C++ compiler.)

# %% tags=["nbval-ignore-output"]
import logging

logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # about GPUs
in_one_loop = torch.compile(by_steps)
try:
    in_one_loop(hidden)
except Exception as error:                              # of many kinds
    print("torch.compile does not work here:", *str(error).splitlines()[:1])
    in_one_loop = by_steps
assert torch.allclose(in_one_loop(hidden), gelu(hidden), atol=1e-5)
for name, f in {"by steps": by_steps, "compiled": in_one_loop}.items():
    print(f"{name:9} {1000 * seconds(f, hidden):5.1f} ms")

# %% [markdown]
# The arithmetic is the same, but it takes 2 trips of a table, to memory or back, instead of 11. By the bandwidth
# above, this explains only a small part of the difference here. We did not test the rest. `python -m mixer_lib train
# --compile` compiles a whole step.
#
# ## Fewer bytes: bf16
#
# Another way to move fewer bytes is smaller numbers. A float32 has 32 bits: a sign, 8 for the exponent and 23 for the
# digits. A **bf16** keeps the sign and the exponent, and 7 bits for the digits: two to three decimal digits.

# %%
for value in (1.0, 1.003, 1.005, 2.3, 256.0, 257.0, 1e30):
    print(f"{value:7g} becomes {torch.tensor(value).bfloat16().item():.6g}")

# %% [markdown]
# Between 1 and 2 the next number is 1/128 away, between 256 and 512 it is 2 away. A relative error of 0.4% per number
# hardly matters in a network. But what if many small numbers are *added up*?
#
# **Predict.** An untrained network has a loss of about 2.3 on each image. Add up 1,000 losses of 2.3, one after the
# other, in bf16, and divide by 1,000. What is the mean?

# %%
total = torch.zeros((), dtype=torch.bfloat16)
for _ in range(1000):
    total += 2.3
predict("a mean in bf16", total.item() / 1000)

# %% [markdown]
# Weights have the same trouble. An update is small beside the weight:

# %%
for dtype in (torch.float32, torch.bfloat16):
    weight = torch.ones((), dtype=dtype)
    for _ in range(1000):
        weight += 0.001
    print(f"{dtype!s:15} 1 + 1000 · 0.001 = {weight.item():.4g}")

# %% [markdown]
# So the usual recipe keeps what adds up in float32: the weights, the optimizer's means, sums and losses. The products
# take their inputs in bf16. This is called **mixed precision**, in PyTorch `autocast`. Here is a small Mixer, trained
# three times on the same 1,000 digits with small steps: in float32, in mixed precision, and with everything in bf16.

# %%
from mixer_lib.data import normalize

mnist = load_dataset("mnist")
images, labels = mnist.train_images[::10], mnist.train_labels[::10]
order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
digits = normalize(images, mnist.mean, mnist.std)[order].split(100)     # 10 batches
answers = labels[order].split(100)


def losses(precision, dtype=torch.float32):
    torch.manual_seed(0)
    learner = create_model("mnist", num_blocks=2, hidden_dim=32).to(dtype)
    recipe = Recipe(lr=3e-4, precision=precision)
    optimizer = make_optimizer(learner, recipe)
    return [train_step(learner, digits[i % 10].to(dtype), answers[i % 10],
                       optimizer, recipe.lr, recipe)[0].item() for i in range(80)]

# %%
curves = {"float32": losses("float32"), "mixed precision": losses("bf16"),
          "all in bf16": losses("float32", torch.bfloat16)}
end = {name: np.mean(curve[-10:]) for name, curve in curves.items()}
assert abs(end["mixed precision"] - end["float32"]) < 0.05
assert end["all in bf16"] > end["float32"] + 0.05
per_epoch = {name: np.reshape(curve, (8, 10)).mean(axis=1)
             for name, curve in curves.items()}
plots.show(
    plots.lines({"epoch": (range(1, 9), per_epoch)}, "training loss (nats)"),
    alt="Three curves of the training loss over 8 epochs. Float32 and mixed precision "
        "lie on top of each other: they start at 2.3 and bend down to 2.07. All in "
        "bf16 starts a little lower, stays flat for 4 epochs and ends above them.")

# %% [markdown]
# Mixed precision follows float32. With everything in bf16, the loss falls more slowly. In that run the weights, what
# AdamW keeps, and the activations are all rounded. Even the loss that is reported is rounded, first for each image and
# then in the sum: it begins at 2.27, where $\ln 10$ is 2.30.
#
# ## Several processes
#
# One machine does only so many FLOPs and moves only so many bytes per second. Several machines do more. Each
# **process** is a program of its own, with a whole copy of the model, and works on its part of the batch. A process is
# known by its **rank**: 0, 1, 2, ... After the backward pass each has the gradient of *its* images. An **all-reduce**
# adds these up over all processes, and gives each of them the sum.
#
# ![Two processes, rank 0 and rank 1, one below the other. Each has half of the batch and its copy of the model, and gets
# its own gradient: 2 and 4 in rank 0, 4 and 0 in rank 1. Both gradients go into a box, all-reduce: add up. From it, the
# sum, 6 and 4, goes back to both.](../figures/all_reduce.svg)
#
# This program is run by each of two processes. It does the averaging by hand, then lets PyTorch do it:
# `DistributedDataParallel`, **DDP**, wraps a model and averages its gradients during `backward()`. `world_size` is the
# number of processes. `gloo` is the library that sends the numbers between CPU processes.

# %%
work = '''import sys
import torch, torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

rank, folder, meet = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=2)
model, x, y = torch.load(folder + "/task.pt", weights_only=False)
x, y = x.tensor_split(2)[rank], y.tensor_split(2)[rank]     # this process's half
cross_entropy(model(x), y).backward()
for p in model.parameters():
    dist.all_reduce(p.grad)                                 # the sum of both
added_up = [p.grad.clone() for p in model.parameters()]
averaged = [p.grad / 2 for p in model.parameters()]
model.zero_grad()
ddp = DistributedDataParallel(model)
cross_entropy(ddp(x), y).backward()
by_ddp = [p.grad for p in model.parameters()]
torch.save([added_up, averaged, by_ddp], f"{folder}/{rank}.pt")
'''

# %% [markdown]
# We start it twice. The two find each other through a file, `meet`. We use 40 digits in float64, so that rounding plays
# no part, and weights in the head that are not zero.

# %%
folder = Path(tempfile.mkdtemp())
torch.manual_seed(0)
model = create_model("mnist", num_blocks=2).double()
torch.nn.init.normal_(model.head.weight)
x, y = digits[0][:40].double(), answers[0][:40]
torch.save((model, x, y), folder / "task.pt")
(folder / "work.py").write_text(work)

environment = os.environ | {"OMP_NUM_THREADS": "1"}     # one core for each process
started = [subprocess.Popen([sys.executable, folder / "work.py", str(rank), folder,
                             (folder / "meet").as_uri()], env=environment)
           for rank in range(2)]
assert [process.wait() for process in started] == [0, 0]

# %% [markdown]
# **Predict.** How large is `added_up`, the sum of the two processes' gradients, beside the gradient that one process
# gets from the whole batch?

# %%
loss = cross_entropy(model(x), y)
whole = torch.autograd.grad(loss, list(model.parameters()))
both = [torch.load(folder / f"{rank}.pt") for rank in range(2)]
added_up, averaged, by_ddp = both[0]
ratio = sum(g.norm() for g in added_up) / sum(g.norm() for g in whole)
predict("the sum of two", round(ratio.item(), 6))

# %%
for rank in range(2):
    for mine in both[rank][1:]:                         # averaged, by_ddp
        for g, expected in zip(mine, whole):
            assert (g - expected).abs().max() < 1e-12
print(f"the gradients of {len(whole)} tensors agree in both processes, each to 1e-12")

# %% [markdown]
# One process, two that average by hand, and two with DDP: the same gradients. So they also take the same step and have
# the same weights. And 2 processes with 64 images each are, up to rounding, one with 128. `--batch-size` in our command
# line therefore counts the images of all of them.
#
# With many processes, an all-reduce moves about twice the bytes of the gradients to and from each, whatever the
# number of images. So the more images each process has per step, the less the exchange weighs.
#
# ## A worker dies
#
# A run on 500 devices for weeks will meet a failure. `torchrun` starts the processes (it calls them **workers**),
# watches them, and starts all of them again when one is gone. The program itself must save its state to disk.
# Here are two workers that train on 900 digits with our `train`. One of them will be killed in the middle, without a
# warning, and `torchrun` stops the other.
#
# **Predict.** Where does the run continue?

# %%
predict("after the kill")

# %%
np.savez(folder / "digits.npz", train_images=images[:, 0], train_labels=labels,
         test_images=images[:100, 0], test_labels=labels[:100])
words = ["train", "--dataset", f"{folder / 'digits.npz'}", "--device", "cpu"]
words += ["--epochs", "12", "--batch-size", "100", "--num-blocks", "2"]
torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
command = [sys.executable, "-m", *torchrun, "--max-restarts", "1", "-m", "mixer_lib",
           *words, "--precision", "float32", "--out", str(folder / "run")]
with open(folder / "said.txt", "w") as said:
    run = subprocess.Popen(command, env=environment, stdout=said, stderr=said)

# %%
history, seen, killed = folder / "run/history.csv", [], None
start = time.perf_counter()
while run.poll() is None:
    done = history.read_text().count("\n") - 1 if history.exists() else 0
    seen.append((time.perf_counter() - start, max(done, 0)))
    if done >= 4 and not killed:
        victim, = (worker for worker in psutil.Process(run.pid).children()
                   if worker.environ().get("RANK") == "1")
        victim.kill()                                   # SIGKILL: it cannot object
        killed = seen[-1]
    time.sleep(0.05)
assert run.returncode == 0 and killed, (folder / "said.txt").read_text()

# %%
x_values, y_values = zip(*seen)
on_disk = {"whole epochs on disk": y_values}
plots.show(
    plots.lines({"seconds since the start": (x_values, on_disk)}, "epochs"),
    alt="A staircase. It is 0 for some seconds, while the two workers start, then "
        "rises to 4 or a little more. There it stays flat for some seconds, while new "
        "workers start, and then rises to 12.")

# %% [markdown]
# `train` writes the state after each epoch. The flat part in the middle is the price: the new workers have to start and
# read the state. The work since the last whole epoch is lost, too. Did the failure change the result? Here is the same
# run in one process, which nobody disturbed:

# %% tags=["nbval-ignore-output"]
from mixer_lib.checkpoints import read_rows
from mixer_lib.cli import main

assert main([*words, "--precision", "float32", "--out", str(folder / "alone")]) == 0

# %% tags=["nbval-ignore-output"]
killed_run, alone = (read_rows(folder / name / "history.csv")
                     for name in ("run", "alone"))
assert [row["epoch"] for row in killed_run] == [*range(1, 13)]      # each epoch once
off = max(abs(one["train_loss"] - other["train_loss"])
          for one, other in zip(killed_run, alone))
assert off < 0.002
print(f"12 epochs, each once; the training losses differ by at most {off:.0e}")

# %% [markdown]
# A difference this small is what rounding gives: two processes add up in a different order than one.
#
# ## What grows how
#
# Beside the depth, three things make a run expensive: the number of tokens (smaller patches, larger images), the
# width, and the number of images that it sees. First the tokens. The paper stresses that a Mixer's work grows
# **linearly** with them, and attention's with their square ([the paper](https://arxiv.org/abs/2105.01601), section
# 2). $S$ tokens of $C = 64$ channels, one image, with $D_S = 256$ for every $S$:

# %%
from mixer_lib.family.vit import SelfAttention
from mixer_lib.model import TokenMixing

tokens = (256, 512, 1024, 2048, 4096)
took = {"token mixing": [], "attention": []}
with torch.no_grad():
    for S in tokens:
        table = torch.randn(1, S, 64)                           # [B, S, C]
        took["token mixing"].append(seconds(TokenMixing(S, 256), table))
        took["attention"].append(seconds(SelfAttention(64, 1), table))

# %% [markdown]
# **Predict.** From 1,024 to 4,096 tokens: how many times as long does attention take?

# %%
longer = {name: times[-1] / times[-3] for name, times in took.items()}
predict("four times the tokens", longer["attention"], mixer=longer["token mixing"])

# %% tags=["nbval-ignore-output"]
in_ms = {name: [1000 * t for t in times] for name, times in took.items()}
plots.show(
    plots.lines({"tokens S": (tokens, in_ms)}, "ms per image", log=True),
    alt="Two lines on logarithmic axes, from 256 to 4,096 tokens. Token mixing rises "
        "about in proportion to the number of tokens. Attention rises faster, "
        "and is many times higher at the right.")
macs = {"token mixing": [2 * S * 256 * 64 for S in tokens],             # 2 S D_S C
        "attention": [4 * S * 64 ** 2 + 2 * S ** 2 * 64 for S in tokens]}
for name, count in macs.items():
    print(f"1,024 to 4,096 tokens, {name:12}: {count[-1] / count[-3]:4.1f} times the "
          f"MACs, {longer[name]:4.1f} times the time")

# %% [markdown]
# The MACs do not explain all of attention's time. It also moves its $S × S$ table of scores several times: 4 MB with
# 1,024 tokens, which a **cache** (the small fast memory inside the processor) may hold, and 67 MB with 4,096. By the bandwidth above, this is not enough, either. We
# did not test the rest.
#
# A Mixer's work is linear as long as $D_S$ stays as it is. The paper chooses $D_S$ without looking at the number of
# tokens. Where $D_S$ grows along, as in lesson 12 when a trained Mixer moves to a higher resolution, $2 S D_S C$ is
# quadratic, too. And $W_1$ has a column for each token, so a Mixer pays in parameters.
#
# ### All three
#
# The cost of a whole run, in days on one H100 that reaches 40% of its peak. We start from B/16 and the paper's 300
# million images of JFT-300M, 7 times, and change one thing at a time:

# %%
from mixer_lib.configs import get_config
from mixer_lib.training.plan import flops_per_image


def days(images=7 * 300e6, **sizes):
    work = images * flops_per_image(get_config("B/16", **sizes))
    return work / (0.4 * 990e12) / 86400

# %%
patches, widths = (56, 32, 16, 8), (192, 384, 768, 1536)
counts = (1e6, 1e7, 1e8, 1e9, 1e10)
panels = {"patch side P (pixels)": (patches, [days(patch_size=P) for P in patches]),
          "width C": (widths, [days(hidden_dim=C, channels_mlp_dim=4 * C)
                               for C in widths]),
          "images seen": (counts, [days(images=n) for n in counts])}
plots.show(
    plots.lines({name: (at, {"B/16": y}) for name, (at, y) in panels.items()},
                "days on one H100", log=True),
    alt="Three panels with logarithmic axes. Days fall with the side of a patch, from "
        "about 20 at 8 pixels to under 1 at 56. They rise with the width, from about "
        "0.4 at 192 to 18 at 1,536, and in proportion to the images seen, from 0.002 "
        "at a million to 22 at ten billion.")

# %% [markdown]
# Half the patch side means four times the tokens and four times the cost. Twice the width (with $D_C = 4C$) means 3.3
# to 3.8 times here, since channel mixing goes with $C^2$ and token mixing with $C$.
#
# ## The largest run of the paper
#
# H/14 saw JFT-300M's 300 million images 14 times. Everything that we counted goes into one line: work = images × 3
# passes × 2 × MACs, and time = work / (devices × peak × share).
#
# **Predict.** How many days would that take on *one* H100 that reaches 40% of its peak of 990 · 10¹² FLOP/s? H/14 has
# 121 billion MACs per image.

# %%
work = 14 * 300e6 * flops_per_image(get_config("H/14"))
predict("days of H/14", work / (0.4 * 990e12) / 86400)

# %% [markdown]
# **Try it.** Choose a model, how many images it sees and how many devices work on it. Which of the paper's models
# could you train within a week on 8 devices? (Set the images, too: for H/14, the paper took 4.2 billion.)

# %%
from mixer_lib import widgets

widgets.cost_explorer(training=True)

# %% [markdown]
# The command line does the same for any model, and adds the memory of each device. Here for 512 devices:

# %%
assert main(["plan", "H/14", "--images", "300e6", "--epochs", "14", "--devices", "512",
             "--peak", "990e12", "--share", "0.4"]) == 0

# %% [markdown]
# How to read the memory:
#
# - **plain**: each device holds all parameters, gradients and AdamW's two means, 4 bytes each. For H/14 that is 7 GB,
#   the same on each of 512 devices. The *copies of weights* are in bf16, for the products, and stay until the
#   backward pass (with *checkpoint*, only one block's).
# - **shard**: each device holds 1/512 of these, and gathers the weights of two blocks at a time when their turn
#   comes. These count as copies. In PyTorch this is **FSDP**, here `--shard`. You need it when a model does not fit
#   on one device.
# - **checkpoint**: the backward pass needs what the forward pass computed, the *activations*. One can keep only what
#   goes into each block and compute the rest again, all but the last product of a block: for H/14 18% more work, and
#   a tenth of the activations. Here `--checkpoint-activations`.
#
# In the last lines, a TPUv3 core is half of one of Google's chips. In testing, it ran H/14 at three quarters of its
# peak. In training the paper's run reached a little over half. The rest may go to what is not matrix products, to what
# is bound by memory, to the exchange between devices, and to waiting for images. Smaller models:

# %%
from mixer_lib.training.plan import JFT_300M, PAPER, TPU_V3_CORE

shares = {}
for name, (_, epochs, core_days) in PAPER.items():
    work = JFT_300M * epochs * flops_per_image(get_config(name))
    shares[name] = 100 * work / (core_days * 86400 * TPU_V3_CORE)
plots.show(
    plots.bars(shares, "share of the peak in the paper's training runs (%)"),
    alt="Seven bars. S/32 17%, S/16 21%, B/32 15%, B/16 37%, L/32 22%, L/16 47%, H/14 "
        "57%.")

# %% [markdown]
# Work from our count, core-days from the paper's Table 3, which gives one to three digits: take the bars of the small
# models as rough. At each patch size, larger models have larger shares, except B/32 below S/32. That fits the
# roofline: small layers have a low intensity. But it does not prove it, since the small runs may as well have waited
# for their images.

# %% [markdown]
# ## Exercises
#
# ### 14.1 All-reduce · write · easy · 6 minutes
#
# Each process has a tensor, all of the same shape. Write what an all-reduce with averaging leaves behind: a list with
# one tensor per process, each the mean of all. No tensor that you are given may change, and no two processes may share
# a tensor: they have memories of their own.

# %% tags=["exercise-1"]
def all_reduce_mean(tensors):
    """tensors: one per process. Returns a list: what each process has afterwards."""
    ...  # your code here


# %%
from mixer_lib import exercises

exercises.check_all_reduce_mean(all_reduce_mean)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `sum(tensors) / len(tensors)` is the mean. Each process needs a copy of its own: `.clone()`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/14_scale.ipynb](solutions/14_scale.ipynb), exercise 14.1.
#
# </details>
#
# ### 14.2 N times the gradient · repair · medium · 10 minutes
#
# A colleague's program plays `count` processes, one after the other. With one process it is right:

# %%
def colleague(model, x, y, count):
    gradients = [torch.zeros_like(p) for p in model.parameters()]
    for x_part, y_part in zip(x.tensor_split(count), y.tensor_split(count)):
        loss = cross_entropy(model(x_part), y_part)
        for total, g in zip(gradients, torch.autograd.grad(loss, model.parameters())):
            total += g                                  # the all-reduce
    return gradients

for count in (1, 2, 4):
    ratio = colleague(model, x, y, count)[0].norm() / whole[0].norm()
    print(f"count = {count}: {ratio:.2f} times the gradient")

# %% [markdown]
# Write it so that it is right for any `count`: also for 3, where 40 images make parts of 14, 13 and 13.

# %% tags=["exercise-2"]
def batch_gradient(model, x, y, count):
    """The gradient of the batch's mean loss: a list, a tensor per parameter."""
    ...  # your code here


# %%
exercises.check_batch_gradient(batch_gradient)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `cross_entropy` gives the mean over a part. The mean over the batch is the *sum* over all images, divided by their
# number. To divide the end by `count` is right only where all parts have the same size.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/14_scale.ipynb](solutions/14_scale.ipynb), exercise 14.2.
#
# </details>
#
# ### 14.3 Fill in a roofline · write · medium · 8 minutes
#
# For a product of $[M, K]$ by $[K, N]$ with `size` bytes per number, give the least time in seconds that a machine with
# this peak (FLOP/s) and bandwidth (bytes/s) can take, and what bounds it: `"memory"` or `"compute"`.

# %% tags=["exercise-3"]
def least_time(M, K, N, size, peak, bandwidth):
    """(seconds, "memory" or "compute") for a product [M, K] x [K, N]."""
    ...  # your code here


# %%
exercises.check_least_time(least_time)

# %% [markdown]
# <details><summary>Hint</summary>
#
# There are two times: that of the arithmetic and that of the bytes. They run side by side, so the longer one counts.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/14_scale.ipynb](solutions/14_scale.ipynb), exercise 14.3.
#
# </details>
#
# ### 14.4 Read a profile · write · medium · 8 minutes
#
# A profile has a row per operation: `{name: (calls, milliseconds per call)}`. You can make the operations in the list
# `names` faster by `factor`. How many times as fast does the whole step become?

# %% tags=["exercise-4"]
def speedup(rows, names, factor):
    """How many times as fast the step gets, if the operations in `names` do."""
    ...  # your code here


# %%
exercises.check_speedup(speedup)

# %% [markdown]
# With your function: what is the most that faster matrix products could bring to the step that you profiled above?
#
# `speedup({name: (1, t) for name, t in ms.items()}, ["matrix products"], 1e9)`
#
# <details><summary>Hint</summary>
#
# Time before: the sum of calls × time per call over all rows. Time after: the same, where the named rows take 1 /
# `factor` of their time.
#
# </details>
#
# <details><summary>Solution</summary>
#
# In [solutions/14_scale.ipynb](solutions/14_scale.ipynb), exercise 14.4.
#
# </details>
#
# ### Stretch
#
# Run `torchrun --nproc-per-node 2 -m mixer_lib train --dataset cifar10 --epochs 2 --out runs/two` in a terminal, then
# the same with 1. Which one does more images per second on your machine? On a CPU, one process uses all cores
# already. What would you expect of two GPUs?

# %% [markdown]
# ## Recap
#
# - You profiled a step. Matrix products do nearly all of the arithmetic, but other operations took more than a third
#   of the time here, in part since they move whole tables, too.
# - The roofline says what bounds a layer: its intensity, in FLOP per byte, against the ridge of the machine. By this
#   count, in bf16 and on an H100, the token mixing of B/16 is memory-bound, its channel mixing compute-bound.
# - bf16 rounds to two or three digits. Products tolerate it. Sums, weights and losses do not, so mixed precision keeps
#   those in float32.
# - You averaged the gradients of two processes and got those of one, to 1e-12, by hand and with DDP. A killed worker
#   cost the time to start again and the work since the last whole epoch, and nothing else.
# - A Mixer's work grows linearly with its tokens as long as $D_S$ stays, attention's quadratically. H/14, with 300
#   million images seen 14 times, takes 89 days of an H100 at 40% of its peak.
#
# ## Quiz
#
# **1.** A GPU with twice the peak comes out, with the same bandwidth. Which layers of B/16 become faster?
#
# <details><summary>Answer</summary>
#
# Only those that were compute-bound: channel mixing with its intensity of 560, and the patch embedding, both by less
# than 2, since the new ridge is 591. Token mixing, GELU, LayerNorm and the sums wait for memory as before.
#
# </details>
#
# **2.** You go from 1 GPU to 4, with one process on each, and leave `--batch-size 128` and the learning rate as they are.
# What changes in the result, and what in the time?
#
# <details><summary>Answer</summary>
#
# The result stays the same, but for rounding: 4 times 32 images have the gradient of 128. The time falls by less than
# a factor of 4: each process has a quarter of the work, but now they have to exchange their gradients in every step.
#
# </details>
#
# **3.** A model of 10 billion parameters is to be trained with AdamW in float32 on devices of 80 GB. Does it fit on
# one? On 8 with sharding?
#
# <details><summary>Answer</summary>
#
# Parameters, gradients and two means of 4 bytes each make 160 GB, so it does not fit on one, whatever the batch.
# On 8 devices each holds 20 GB of these, which leaves about 60 GB for activations and the gathered blocks.
#
# </details>
#
# ## To read
#
# - [The paper](https://arxiv.org/abs/2105.01601), Tables 2 and 3 for throughput and core-days, section 2 for how the
#   cost grows.
# - Williams, Waterman and Patterson 2009, "Roofline: an insightful visual performance model".
# - [`mixer_lib/training/processes.py`](../mixer_lib/training/processes.py) and
#   [`plan.py`](../mixer_lib/training/plan.py).
# - The [glossary](glossary.md).
#
# This was the last lesson. You know what your next run will cost, and what to do when it is too much.
