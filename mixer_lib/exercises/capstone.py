"""The capstone: a whole Mixer, checked part by part.

The parts may have any names, since the check recognizes them by their order. It gives them random weights and silences
some of the MLPs: if fc2 is zero, its MLP adds nothing. To find out which mistake was made, the check makes the likely
mistakes itself, in `forward` below.
"""

import linecache
import re
import traceback
from collections import Counter
from copy import deepcopy
from functools import partial
from pathlib import Path
from textwrap import shorten

import torch
from torch import nn
from torch.nn import functional as F

from ..model import MlpMixer, patchify
from .checking import NotDone, Wrong, call, exercise, need, one_line, without

# All sizes differ, so that no mistake is hidden: S = 25, D = 12.
SIZES = dict(image_size=10, patch_size=2, in_channels=3, num_classes=6, num_blocks=2, hidden_dim=11, tokens_mlp_dim=7,
             channels_mlp_dim=20)
OTHER = dict(image_size=15, patch_size=5, in_channels=2, num_classes=11, num_blocks=3, hidden_dim=14, tokens_mlp_dim=8,
             channels_mlp_dim=6)

PARTS = {"patch_embedding.linear": "patch embedding", "norm": "last LayerNorm", "head": "head"}
IN_A_BLOCK = {"token_norm": "LayerNorm before token mixing", "token_mixing.fc1": "fc1 of token mixing",
              "token_mixing.fc2": "fc2 of token mixing", "channel_norm": "LayerNorm before channel mixing",
              "channel_mixing.fc1": "fc1 of channel mixing", "channel_mixing.fc2": "fc2 of channel mixing"}


@exercise("C.1", "you have written MLP-Mixer.")
def check_mixer(Mixer):
    """Mixer(image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim, tokens_mlp_dim,
    channels_mlp_dim), a class: images [B, in_channels, H, W] -> logits [B, K]. Yields the parts that are right."""
    need(not isinstance(Mixer, nn.Module), "this check takes the class itself, not a model made with it. Pass the name "
                                           "of the class, without parentheses.")
    torch.manual_seed(0)
    model, other = build(Mixer, SIZES), None
    if type(model).forward is not nn.Module.forward:
        other = build(Mixer, OTHER)
    yield f"all {len(layers(model))} parts are there, in the right order and shape"
    if other is None:
        raise NotDone("the parts are right, but `forward` is still missing.")
    ours, images = weighty(SIZES), torch.rand(8, 3, 10, 10, dtype=torch.float64)
    yield from check_stages(model, ours, images)
    check_gradients(model, ours, images)
    yield "gradients"
    check_other_sizes(Mixer, other)
    yield "other sizes"


# ---- the parts ----------------------------------------------------------------------------------------------------

def build(Mixer, sizes):
    """Mixer(**sizes) in float64, after checking that all its parts have the right kind, shape and order."""
    if isinstance(Mixer, type) and Mixer.__init__ is nn.Module.__init__:
        need(Mixer.forward is nn.Module.forward, f"{Mixer.__name__} has a forward, but no __init__ to make its parts.")
        raise NotDone("the class is empty, so it returns nothing yet. Begin with `__init__`, which makes the parts.")
    model = attempt(lambda: Mixer(**sizes), call(Mixer, **sizes), sizes)
    if model is None or model is Ellipsis:
        raise NotDone
    need(isinstance(model, nn.Module), f"{call(Mixer, **sizes)} gives {type(model).__name__}, expected an nn.Module.")
    if type(model).forward is nn.Module.forward and not vars(model).get("_modules"):
        raise NotDone                                                           # there is nothing to check yet
    need("_modules" in vars(model), "__init__ must call super().__init__() before anything else.")
    for module in model.modules():
        need(not any(base.__module__.startswith("mixer_lib") for base in type(module).__mro__),
             f"this uses mixer_lib's {type(module).__name__}. Here you write every part yourself.")
    check_parts(layers(model), sizes)
    return model.double().eval()


def layers(model):
    """The modules that hold weights, in the order in which they were made."""
    return [module for module in model.modules() if list(module.parameters(recurse=False))]


def kind_and_shape(module):
    """("Linear", (outputs, inputs)) or ("LayerNorm", (channels,)); a convolution is a linear layer on a patch."""
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
        return "Linear", tuple(module.weight.flatten(1).shape)
    need(isinstance(module, nn.LayerNorm), f"parts: {type(module).__name__} has parameters of its own. nn.Linear and "
                                           "nn.LayerNorm are all you need.")
    return "LayerNorm", tuple(module.weight.shape)


def expected_parts(sizes):
    """{name of a part: its kind and shape}, in order."""
    with torch.device("meta"):
        modules = {module: path for path, module in MlpMixer(**sizes).named_modules()}
        return {part_name(modules[module]): kind_and_shape(module) for module in layers(next(iter(modules)))}


def part_name(path):
    in_block = re.fullmatch(r"blocks\.(\d+)\.(.+)", path)
    return f"{IN_A_BLOCK[in_block[2]]} in block {in_block[1]}" if in_block else PARTS[path]


def check_parts(modules, sizes):
    expected = expected_parts(sizes)
    names, parts, got = [*expected], [*expected.values()], [kind_and_shape(module) for module in modules]
    L = sizes["num_blocks"]
    missing = {f"the {role} in {'every block' if L > 1 else 'the block'}": role + " in" for role in IN_A_BLOCK.values()}
    missing |= {f"the {name}": name for name in PARTS.values()}
    missing |= {"the LayerNorms of the blocks": "LayerNorm before", "all LayerNorms": "LayerNorm"}
    for what, word in missing.items():
        need(got != [part for name, part in expected.items() if word not in name],
             f"parts: {what}: missing, or one module is used twice. Keep each part under its own name, `self.name`.")
    need(got != [part for name, part in expected.items() if " in block" not in name],
         "parts: no weights of the blocks are found. PyTorch does not look into a plain list: use nn.ModuleList or "
         "nn.Sequential.")
    for n in {1, L - 1, L + 1} - {0, L}:
        need(got != [*expected_parts(sizes | {"num_blocks": n}).values()],
             f"parts: num_blocks is {L}, but the number of your blocks is {n}. Or do you use one block several times? "
             f"[Block()] * {L} is {L} times the same block.")
    i = next((i for i, pair in enumerate(zip(parts, got)) if pair[0] != pair[1]), min(len(parts), len(got)))
    need(i < len(got) or len(got) == len(parts), f"parts: your model ends before the {names[min(i, len(parts) - 1)]}.")
    need(i < len(parts) or len(got) == len(parts), f"parts: there is one more after the head, {shown(got[-1], sizes)}. "
                                                   "What is it for?")
    if i < len(parts):
        gives = (f"parts: the {names[i]} should be {shown(parts[i], sizes)}, but what you made "
                 f"{f'after the {names[i - 1]}' if i else 'first'} is {shown(got[i], sizes)}.")
        need(Counter(got) != Counter(parts), f"{gives} All parts are there, but in another order. Make them in the "
                                             "order of the forward pass.")
        need(got[i][0] != "LayerNorm" or parts[i][0] != "LayerNorm", f"{gives} A LayerNorm works on the channels of "
                                                                     "one token.")
        raise Wrong(gives)
    for name, module in zip(names, modules, strict=True):
        need(module.bias is not None, f"parts: the {name} has no bias.")
        need(getattr(module, "eps", 1e-6) == 1e-6,
             f"parts: the {name} has eps = {getattr(module, 'eps', 0):g}; use the paper's, nn.LayerNorm(C, eps=1e-6).")


def letters(sizes):
    """The sizes by their letters, the most informative last."""
    side, P = sizes["image_size"] // sizes["patch_size"], sizes["patch_size"]
    return {"P·P": P * P, "H/P": side, "K": sizes["num_classes"], "D": sizes["in_channels"] * P * P, "S": side**2,
            "C": sizes["hidden_dim"], "D_S": sizes["tokens_mlp_dim"], "D_C": sizes["channels_mlp_dim"]}


def shown(part, sizes):
    """A part in words and letters: "a Linear with a weight of [D_S, S] = [7, 25]"."""
    kind, shape = part
    names = {size: letter for letter, size in letters(sizes).items()}
    spelled = f"[{', '.join(names.get(n, str(n)) for n in shape)}] = " if any(n in names for n in shape) else ""
    return f"a {kind} with a weight of {spelled}{list(shape)}"


def attempt(action, what, sizes):
    """What `action()` returns. `Wrong` if it stops, with the learner's own last line and the letters in the message."""
    try:
        return action()
    except (Exception, SystemExit) as error:
        libraries = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen")
        steps = [step for step in traceback.extract_tb(error.__traceback__) if not step.filename.startswith(libraries)]
        where = f", in the line `{steps[-1].line}`" if steps and steps[-1].line else ""
        above = "".join(linecache.getlines(steps[-1].filename)[:steps[-1].lineno]) if steps else ""
        numbers = {int(n) for n in re.findall(r"\d+", str(error))}
        known = {letter: n for letter, n in letters(sizes).items() if n in numbers and letter not in ("P·P", "H/P")}
        legend = f" Here {', '.join(f'{letter} = {n}' for letter, n in known.items())}." if known else ""
        text, stops = str(error).lower(), (sizes["image_size"] - sizes["patch_size"] + 1) ** 2
        if "inplace" in text:
            legend = " `x += ...` overwrites a table that is still needed: write x = x + ..."
        elif "before module.__init__() call" in text:
            legend = " The first line of `__init__` must be super().__init__()."
        elif "modulelist" in text:
            legend = " Loop over a ModuleList: for block in self.blocks: x = block(x)."
        elif re.search(r"\.T\b", above):
            legend += " `.T` reverses all axes, the batch, too. Use .mT or .transpose(1, 2)."
        elif re.search(rf"\((8|1)x{known.get('S')} and {known.get('C')}x", text):
            legend += " The mean should be over the tokens, dim=1 of [B, S, C]."
        elif stops in numbers:
            legend += f" {stops} tokens are too many. Is the convolution's stride missing?"
        elif {"S", "C"} <= {*known}:
            legend += " Is there a transpose missing, or one too many?"
        elif "double" in text:
            legend += " The check runs in float64: use no .float() in forward."
        elif "float" in str(error):
            legend += " A size is a whole number: divide with //."
        said = shorten(one_line(error), 180, placeholder=" ...")
        raise Wrong(f"{what} stopped with {said}{where}.{legend}") from None


# ---- the forward pass ---------------------------------------------------------------------------------------------

def weighty(sizes):
    """The library's model in float64, with random numbers in all its weights and biases."""
    model = MlpMixer(**sizes).double()
    for name, parameter in model.named_parameters():
        spread = 0.3 if parameter.ndim == 1 else parameter.shape[1] ** -0.5
        nn.init.normal_(parameter, mean=float("norm.weight" in name), std=spread)
    return model


def give(ours, model):
    """Copy the weights of the library's model into the learner's."""
    with torch.no_grad():
        for mine, theirs in zip(layers(ours), layers(model), strict=True):
            theirs.weight.copy_(mine.weight.view_as(theirs.weight))
            theirs.bias.copy_(mine.bias)


def silence(ours, pattern):
    """A copy of the library's model in which every fc2 is zero, except those whose path matches `pattern`."""
    copy = deepcopy(ours)
    for path, module in copy.named_modules():
        if path.endswith("fc2") and not re.search(pattern, path):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    if pattern == "none, no scale":
        nn.init.zeros_(copy.norm.weight)        # the last norm returns its bias for any input
    return copy


# What is left of the network, stage by stage: (the part, a pattern of the fc2 that stay, the message for an unknown
# mistake).
STAGES = [
    ("mean and head", "none, no scale",
     "the logits differ even if the scale of the last LayerNorm is 0, so that only its shift, the mean and the head "
     "matter."),
    ("patch embedding, skip connections and last LayerNorm", "none",
     "the logits differ even if every fc2 is 0, so that no MLP adds anything. Look at what is left."),
    ("token mixing", r"blocks\.0\.token",
     "the logits differ when it acts alone. Its steps are: norm, transpose, fc1, GELU, fc2, transpose, add."),
    ("channel mixing", r"blocks\.0\.channel",
     "the logits differ when it acts alone. Its steps are: norm, fc1, GELU, fc2, add."),
    ("token mixing before channel mixing", r"blocks\.0",
     "each is right alone. How does the table go from one to the other?"),
    ("the stack of blocks", "fc2",
     "one block is right. Does the table go through all blocks, one after the other?"),
]


def check_stages(model, ours, images):
    got, heard = [], [silence(ours, pattern) for _, pattern, _ in STAGES]
    for copy in heard:
        give(copy, model)
        got.append(without(patchify, lambda: attempt(lambda: model(images.clone()), "forward", SIZES)))
        if got[-1] is None or got[-1] is Ellipsis:
            raise NotDone
        need(isinstance(got[-1], torch.Tensor), f"forward gives {type(got[-1]).__name__}, expected a tensor of logits.")
    right = [same(a, forward(copy, images)) for a, copy in zip(got, heard, strict=True)]
    first = right.index(False) if False in right else len(STAGES)
    yield from (part for part, _, _ in STAGES[:first])
    if first < len(STAGES):
        part, _, otherwise = STAGES[first]
        fits = {message: mistake for message, mistake in MISTAKES.items()
                if same(got[first], forward(heard[first], images, **mistake))}
        # A mistake that explains all stages comes first, then one that explains this stage.
        causes = [message for message, mistake in fits.items()
                  if all(same(a, forward(copy, images, **mistake)) for a, copy in zip(got, heard, strict=True))]
        causes += [f"{part}: {message}" for message in fits]
        size, K = list(got[first].shape), SIZES["num_classes"]
        need(causes or size == [len(images), K], f"the logits have shape {size}, expected [B, K] = "
                                                 f"{[len(images), K]}.")
        raise Wrong([*causes, f"{part}: {otherwise}"][0])


def check_gradients(model, ours, images):
    labels = torch.arange(len(images)) % SIZES["num_classes"]
    give(ours, model)
    logits = model.train()(images)
    need(same(logits, model.eval()(images)), "in training mode the logits are others. The paper's Mixer has no "
                                             "dropout, and nothing else that depends on the mode.")
    model.zero_grad()
    need(logits.requires_grad, "gradients: the logits are right, but nothing can be learned from them. Is there a "
                               "no_grad, detach or .data in forward?")
    attempt(F.cross_entropy(logits, labels).backward, "backward", SIZES)
    F.cross_entropy(ours(images), labels).backward()
    for name, mine, theirs in zip(expected_parts(SIZES), layers(ours), layers(model), strict=True):
        need(theirs.weight.grad is not None and same(theirs.weight.grad.reshape(mine.weight.shape), mine.weight.grad),
             f"gradients: the logits are right, but the gradient of the {name} is not. Is there a no_grad, detach or "
             ".data in forward?")


def check_other_sizes(Mixer, model):
    ours, where = weighty(OTHER), f"other sizes: {call(Mixer, **OTHER)}"
    images = torch.rand(1, 2, 15, 15, dtype=torch.float64)
    give(ours, model)
    got = attempt(lambda: model(images), where, OTHER)
    need(list(got.shape) == [1, OTHER["num_classes"]], f"{where} gives logits of shape {list(got.shape)} for a single "
                                                       f"image, expected {[1, OTHER['num_classes']]}.")
    need(same(got, ours(images)), f"{where} gives wrong logits. Is a size written into forward as a number?")


def same(a, b):
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=1e-5)


@torch.no_grad()
def forward(model, images, cut=patchify, mlp=lambda part, x: part.fc2(F.gelu(part.fc1(x))),
            turn=lambda mlp, x: mlp(x.mT).mT, block=lambda x, n1, t, n2, c: (y := x + t(n1(x))) + c(n2(y)),
            lay=lambda x: x, stack=list, end=lambda x, norm, head: head(norm(x).mean(dim=1))):
    """MlpMixer's forward pass, with every step open to a mistake."""
    x = lay(model.patch_embedding.linear(cut(images, model.patch_embedding.patch_size[0])))     # [B, S, C]
    for b in stack(model.blocks):
        tokens, channels = partial(turn, partial(mlp, b.token_mixing)), partial(mlp, b.channel_mixing)
        x = block(x, b.token_norm, tokens, b.channel_norm, channels)                            # [B, S, C]
    return end(x, model.norm, model.head)                                                       # [B, K]


def cut(images, P, order):
    """patchify with another order of the axes: image, channel, patch row, pixel row, patch column, pixel column."""
    B, C_in, H, W = images.shape
    split = images.reshape(B, C_in, H // P, P, W // P, P)
    return split.permute(order).reshape(B, (H // P) * (W // P), C_in * P * P)


def between(mistake):
    """`mlp` for `forward`, with another function in place of the GELU."""
    return {"mlp": lambda part, x: part.fc2(mistake(part.fc1(x)))}


# x the table, n1 and n2 the norms, t token mixing, c channel mixing.
MISTAKES = {
    "these are scores for every token. Average over the tokens.": {"end": lambda x, norm, head: head(norm(x))},
    "the head is missing: these are the averaged channels.": {"end": lambda x, norm, head: norm(x).mean(1)},
    "this averages over the images, not over the tokens.": {"end": lambda x, norm, head: head(norm(x).mean(0))},
    "this is a sum over the tokens, not their mean.": {"end": lambda x, norm, head: head(norm(x).sum(1))},
    "this takes the largest value of each channel. The paper's Mixer averages.":
        {"end": lambda x, norm, head: head(norm(x).amax(1))},
    "this takes only the first token. The mean is over all tokens.":
        {"end": lambda x, norm, head: head(norm(x)[:, 0])},
    "this takes only the last token. The mean is over all tokens.":
        {"end": lambda x, norm, head: head(norm(x)[:, -1])},
    "return the logits as they are: the loss applies the softmax itself.":
        {"end": lambda x, norm, head: head(norm(x).mean(1)).softmax(-1)},
    "return the logits as they are: the loss applies the log-softmax itself.":
        {"end": lambda x, norm, head: head(norm(x).mean(1)).log_softmax(-1)},
    "the last LayerNorm is made, but not used.": {"end": lambda x, norm, head: head(x.mean(1))},
    "the last LayerNorm comes before the mean. Here the order is reversed.":
        {"end": lambda x, norm, head: head(norm(x.mean(1)))},

    "inside a patch the order is (row, column, channel). In lesson 1 it is (channel, row, column).":
        {"cut": partial(cut, order=(0, 2, 4, 3, 5, 1))},
    "each patch is transposed: its rows and columns are swapped.": {"cut": partial(cut, order=(0, 2, 4, 1, 5, 3))},
    "a reshape alone cuts strips, not patches. Split, permute, merge.":
        {"cut": partial(cut, order=(0, 1, 2, 3, 4, 5))},
    "the channels are last, but the image is cut into strips, not patches. Split, permute, merge.":
        {"cut": partial(cut, order=(0, 2, 3, 4, 5, 1))},
    "a row holds one color of several patches. Permute so that the two patch axes come before the color.":
        {"cut": partial(cut, order=(0, 1, 2, 4, 3, 5))},
    "the patches are counted down the columns. Count along the rows first.":
        {"cut": partial(cut, order=(0, 4, 2, 1, 3, 5))},

    "the maps of the convolution are reshaped. Flatten them and transpose: [B, C, S] -> [B, S, C].":
        {"lay": lambda x: x.mT.reshape(x.shape)},

    "both skip connections are missing: add the answer of each MLP to the table before its norm.":
        {"block": lambda x, n1, t, n2, c: c(n2(t(n1(x))))},
    "the skip connection around token mixing is missing: add its answer to the table that went in.":
        {"block": lambda x, n1, t, n2, c: (y := t(n1(x))) + c(n2(y))},
    "the skip connection around channel mixing is missing: add its answer to the table that went in.":
        {"block": lambda x, n1, t, n2, c: c(n2(x + t(n1(x))))},
    "there is one skip connection around the whole block. There should be one around each MLP.":
        {"block": lambda x, n1, t, n2, c: x + c(n2(t(n1(x))))},
    "the second skip connection starts at x, the block's input. It should start after token mixing.":
        {"block": lambda x, n1, t, n2, c: x + c(n2(x + t(n1(x))))},
    "both MLPs see the block's input. Channel mixing should see the table after token mixing.":
        {"block": lambda x, n1, t, n2, c: x + t(n1(x)) + c(n2(x))},
    "channel mixing comes first here. Token mixing should come first.":
        {"block": lambda x, n1, t, n2, c: (y := x + c(n2(x))) + t(n1(y))},
    "the skip connections carry the normalized table. They should carry the table from before the norm.":
        {"block": lambda x, n1, t, n2, c: (z := n2((y := n1(x)) + t(y))) + c(z)},
    "the skip connection around token mixing carries the normalized table, not the table from before the norm.":
        {"block": lambda x, n1, t, n2, c: (y := (z := n1(x)) + t(z)) + c(n2(y))},
    "the skip connection around channel mixing carries the normalized table, not the table from before the norm.":
        {"block": lambda x, n1, t, n2, c: (y := n2(x + t(n1(x)))) + c(y)},
    "each norm comes after the addition. It should come before the MLP, inside the skip connection.":
        {"block": lambda x, n1, t, n2, c: n2((y := n1(x + t(x))) + c(y))},
    "the LayerNorm of token mixing comes after its MLP. It should come before the MLP.":
        {"block": lambda x, n1, t, n2, c: (y := x + n1(t(x))) + c(n2(y))},
    "the LayerNorm of channel mixing comes after its MLP. It should come before the MLP.":
        {"block": lambda x, n1, t, n2, c: (y := x + t(n1(x))) + n2(c(y))},
    "each norm comes after its MLP. It should come before the MLP.":
        {"block": lambda x, n1, t, n2, c: (y := x + n1(t(x))) + n2(c(y))},
    "the LayerNorms of the blocks are made, but not used.":
        {"block": lambda x, n1, t, n2, c: (y := x + t(x)) + c(y)},
    "the LayerNorm before token mixing is made, but not used.":
        {"block": lambda x, n1, t, n2, c: (y := x + t(x)) + c(n2(y))},
    "the LayerNorm before channel mixing is made, but not used.":
        {"block": lambda x, n1, t, n2, c: (y := x + t(n1(x))) + c(y)},
    "the two LayerNorms of a block are swapped: the one that is made first belongs before token mixing.":
        {"block": lambda x, n1, t, n2, c: (y := x + t(n2(x))) + c(n1(y))},
    "the first LayerNorm of a block is used before both MLPs, but each MLP has its own.":
        {"block": lambda x, n1, t, n2, c: (y := x + t(n1(x))) + c(n1(y))},

    "token mixing has a reshape in place of a transpose: the shape is right, but a row is no longer a channel.":
        {"turn": lambda mlp, x: mlp(x.reshape(x.mT.shape)).reshape(x.shape)},
    "token mixing turns the table back with a reshape, which scatters the numbers: transpose it back.":
        {"turn": lambda mlp, x: mlp(x.mT).reshape(x.shape)},
    "token mixing turns the table with a reshape: the shape is right, but a row is no longer a channel. Transpose it.":
        {"turn": lambda mlp, x: mlp(x.reshape(x.mT.shape)).mT},
    "the GELU between fc1 and fc2 is missing.": between(lambda x: x),
    "there is a ReLU where the GELU should be.": between(F.relu),
    "there is a SiLU where the GELU should be.": between(F.silu),
    "this is the tanh approximation of the GELU. Use the exact one, nn.GELU().":
        between(partial(F.gelu, approximate="tanh")),
    "there is a second GELU after fc2. There should be only one, between fc1 and fc2.":
        {"mlp": lambda part, x: F.gelu(part.fc2(F.gelu(part.fc1(x))))},
    "the GELU comes after fc2. It should come between fc1 and fc2.":
        {"mlp": lambda part, x: F.gelu(part.fc2(part.fc1(x)))},

    "the blocks are made, but the table does not go through them: write x = block(x) for each.":
        {"stack": lambda blocks: []},
    "only the first block is used.": {"stack": lambda blocks: [blocks[0]]},
    "only the last block is used.": {"stack": lambda blocks: [blocks[-1]]},
    "the blocks go from last to first.": {"stack": lambda blocks: [*blocks][::-1]},
    "the first block is used again and again.": {"stack": lambda blocks: [blocks[0] for _ in blocks]},
}
