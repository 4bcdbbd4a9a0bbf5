"""The checks of the exercises: each tries an answer on small cases and says at once what is right or wrong.

A check prints one message and raises nothing: "✓" right, "✗" wrong and why, "○" not done yet.
"""

import functools
import math
import operator
import traceback

import torch
from torch import nn
from torch.nn.functional import cross_entropy, layer_norm

from .configs import MODELS, count_macs, count_parameters
from .model import MlpMixer, patchify


class Wrong(Exception):
    """What a check raises to say what is wrong with an answer."""


class NotDone(Exception):
    """What a check raises when an answer gives nothing: the stub as it was."""


def reveal(prediction, answer):
    """Put a prediction beside the answer: print both, and whether they agree.

    A tuple, an array or a tensor agrees with the list of the same numbers; a float answer leaves room to round."""
    def plain(value):
        value = value.tolist() if hasattr(value, "tolist") else value
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

    mine, right = plain(prediction), plain(answer)
    close = isinstance(right, float) and isinstance(mine, (int, float)) and math.isclose(mine, right, rel_tol=0.005)
    if prediction is None:
        print(f"The answer is {answer}. (No prediction yet: next time, write yours down first.)")
    elif mine == right or close:
        print(f"You predicted {prediction}, and it is {answer}. Right!")
    else:
        print(f"You predicted {prediction}; it is {answer}. Find out why before you read on.")


def exercise(number, praise):
    """Turn a function that raises `Wrong` into the check of exercise `number`."""
    def decorate(check):
        @functools.wraps(check)
        def run(answer):
            try:
                need(callable(answer), "this check takes the function itself, not what it returns: its name, "
                                       "without parentheses.")
                with torch.random.fork_rng(devices=[]):         # a check leaves the lesson's random numbers alone
                    check(answer)
            except NotDone:
                print(f"○ Exercise {number}: {name_of(answer)} returns nothing yet. Write it above, ending in "
                      "`return ...` (to print is not enough), then run its cell and this one.")
            except Wrong as wrong:
                print(f"✗ Exercise {number}: {wrong}".strip())
            except Exception as error:
                print(f"✗ Exercise {number}: the check cannot make sense of what {name_of(answer)} returns "
                      f"({one_line(error)}).")
            else:
                print(f"✓ Exercise {number}: {praise}")
        return run
    return decorate


# What the checks share

def ask(answer, *arguments, **named):
    """What `answer` returns; `Wrong` if it raises or changes a tensor it is given, `NotDone` if it returns nothing."""
    copies = [a.clone() if isinstance(a, torch.Tensor) else a for a in arguments]
    try:
        value = answer(*copies, **named)
    except (Exception, SystemExit) as error:
        lines = [step.line for step in traceback.extract_tb(error.__traceback__) if step.name == name_of(answer)]
        where = f", in the line `{lines[-1]}`" if lines and lines[-1] else ""
        raise Wrong(f"{call(answer, *arguments, **named)} stopped with {one_line(error)}{where}.") from None
    if value is None or value is Ellipsis:
        raise NotDone
    for given, copy in zip(arguments, copies):
        need(not isinstance(given, torch.Tensor) or torch.equal(given, copy),
             f"{name_of(answer)} changes a tensor that it is given, and the caller may still need it: make a new one.")
    return value


def call(answer, *arguments, **named):
    """A call as one would write it, a tensor as its shape: "f(tensor [2, 3], 8)"."""
    def short(value):
        if isinstance(value, torch.Tensor):
            return f"tensor {list(value.shape)}"
        return repr(value) if isinstance(value, int) else type(value).__name__

    parts = [short(value) for value in arguments] + [f"{name}={short(value)}" for name, value in named.items()]
    return f"{name_of(answer)}({', '.join(parts)})"


def name_of(answer):
    return getattr(answer, "__name__", "your answer")


def one_line(error):
    return " ".join(traceback.format_exception_only(error)[-1].split()).rstrip(".")


def need(condition, message):
    if not condition:
        raise Wrong(message)


def number(value):
    """A float from one number of any kind; anything else is `Wrong`."""
    try:
        tensor = torch.as_tensor(value)
        need(tensor.numel() == 1, f"expected one number, got {tensor.numel()}.")
        return float(tensor.item())
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"expected a number, got {value!r}.") from None


def whole(value, message):
    """An int, be it Python's, NumPy's or a tensor's; anything else is `Wrong`."""
    try:
        return operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(message) from None


def whole_pair(value, names, where):
    need(isinstance(value, (tuple, list)) and len(value) == 2, f"{where} gives {value!r}, expected a tuple {names}.")
    return tuple(whole(n, f"{where} gives {value!r}: both must be whole numbers, divide with //.") for n in value)


def compare(got, expected, wrong, otherwise):
    """A tensor with the numbers of `expected`; `wrong` holds likely mistakes, {what to say: what they give}."""
    def same(a, b):
        return a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=1e-5)

    need(isinstance(got, torch.Tensor), f"expected a torch tensor, got {type(got).__name__}.")
    for message, value in wrong.items():
        need(not same(got, value), message)
    need(got.shape == expected.shape, f"the result has shape {list(got.shape)}, expected {list(expected.shape)}.")
    if not same(got, expected):
        place = (~torch.isclose(got.double(), expected.double(), atol=1e-5)).nonzero()[0].tolist()
        raise Wrong(f"at {place} the result has {got[tuple(place)]:.4g}, expected {expected[tuple(place)]:.4g}. "
                    f"{otherwise}")


# Lesson 01, patches

@exercise("1.1", "you can size the table of any image.")
def check_table_shape(table_shape):
    """table_shape(image_size, patch_size, in_channels) -> (S, D)."""
    for arguments, expected in {(32, 8, 3): (16, 192), (28, 7, 1): (16, 49), (224, 16, 3): (196, 768)}.items():
        size, P, channels = arguments
        where = call(table_shape, *arguments)
        got = whole_pair(ask(table_shape, *arguments), "(S, D)", where)
        need(got != expected[::-1], f"{where} gives {got}: these are the two numbers, but the other way round. "
                                    "Rows (S) come first.")
        need(got[0] != size // P, f"{where} counts {got[0]} patches: these lie along one side; "
                                  "the grid has as many rows as columns.")
        need(channels == 1 or got[1] != P * P, f"{where} gives D = {got[1]}: one channel's worth. A patch holds the "
                                               f"pixels of all {channels} channels.")
        need(got[1] != channels * P, f"{where} gives D = {got[1]}: one line of the patch. A patch has {P} lines.")
        need(got == expected, f"{where} gives {got}, expected {expected}.")


@exercise("1.2", "you can follow any pixel into the table.")
def check_find_pixel(find_pixel):
    """find_pixel(channel, row, column, image_size, patch_size) -> (s, d)."""
    for size, P in ((32, 8), (12, 4)):
        image = torch.arange(3 * size * size).reshape(1, 3, size, size)        # every number differs
        table = patchify(image, P)[0]                                          # [S, D]
        for channel, row, column in ((0, 0, 0), (0, 2 * P, P), (0, 1, 2), (1, 0, 0), (2, size - 2, P + 1)):
            where = call(find_pixel, channel, row, column, size, P)
            got_s, got_d = whole_pair(ask(find_pixel, channel, row, column, size, P), "(s, d)", where)
            s, d = (table == image[0, channel, row, column]).nonzero()[0].tolist()
            n, i, j, u, v = size // P, row // P, column // P, row % P, column % P
            s_hints = {
                s + 1: "Counting begins at 0.",
                i: "And the column?",
                i * n: "And the column?",
                j: "And the row?",
                i + j: "Each row of the grid above the pixel counts with all its patches.",
                i * size + j: "Count patches along a row of the grid, not pixels.",
                i * P + j: "How many patches does a row of the grid hold? Not P.",
                j * n + i: "Patches are counted along a row of the grid first, then down.",
            }
            inside = u * P + v
            d_hints = {
                d + 1: "Counting begins at 0.",
                inside: "The channel is missing: all of channel 0 comes first, then all of channel 1.",
                channel * P * P + row * P + column: "Count from the corner of the patch, not of the image.",
                channel * P * P + v * P + u: "Inside a patch, too, one counts along a line first, then down.",
                inside * 3 + channel: "Inside a patch the order is (channel, row, column).",
                **{channel * worth + inside: "A channel of the patch is worth P * P numbers."
                   for worth in (1, P, size * size)},
                **{channel * P * P + u * worth + v: "A line of the patch is worth P numbers." for worth in (1, size)},
            }
            need((got_s, got_d) != (d, s) or s == d, f"{where} gives {got_s, got_d}: these are the two numbers, but "
                                                     "the other way round. The table's row (s) comes first.")
            need(got_s == s, f"{where} gives s = {got_s}, but the pixel is in row {s}. {s_hints.get(got_s, '')}")
            need(got_d == d, f"{where} gives d = {got_d}, but the pixel is number {d} of its row. "
                             f"{d_hints.get(got_d, '')}")


@exercise("1.3", "reshape and permute do what you want them to.")
def check_patchify_channels_last(patchify_channels_last):
    """patchify_channels_last(images, P): [B, C_in, H, W] -> [B, S, P*P*C_in], vectors (row, column, channel)."""
    for B, C, H, W, P in ((2, 3, 4, 6, 2), (1, 2, 12, 15, 3)):
        images = torch.arange(B * C * H * W).float().reshape(B, C, H, W)       # floats suit F.unfold, too
        table = [B, H * W // P**2, P * P * C]
        split = images.reshape(B, C, H // P, P, W // P, P)
        strips = "the image is cut into strips, not squares. Split H and W first, then permute."
        wrong = {
            "these are patches in the lesson's order, (channel, row, column). Asked for is (row, column, channel): "
            "the color values of a pixel side by side.": patchify(images, P),
            f"after a reshape alone {strips}": images.reshape(table),
            "reshape cannot move the channel axis. Split where it stands, [B, C_in, H/P, P, W/P, P], then permute.":
                images.reshape(B, H // P, P, W // P, P, C).swapaxes(2, 3).reshape(table),
            f"the channels come last, but {strips}": images.permute(0, 2, 3, 1).reshape(table),
            "each patch is right, but the patches are counted down the columns: go along the rows first.":
                split.permute(0, 4, 2, 3, 5, 1).reshape(table),
            "each patch is transposed: its rows and columns are swapped.":
                split.permute(0, 2, 4, 5, 3, 1).reshape(table),
            "this is the order (row, channel, column): the channel must come last of all.":
                split.permute(0, 2, 4, 3, 1, 5).reshape(table),
            "a row of the table holds one pixel of every patch: the axes that say which patch come before those that "
            "say where in the patch.": split.permute(0, 3, 5, 2, 4, 1).reshape(table),
            "a row of the table holds pixels that lie far apart: split a side into which patch first, then where in "
            "the patch.": images.reshape(B, C, P, H // P, P, W // P).permute(0, 3, 5, 2, 4, 1).reshape(table),
        }
        expected = split.permute(0, 2, 4, 3, 5, 1).reshape(table)
        wrong["the table lies on its side: a row is one patch."] = expected.mT
        compare(ask(patchify_channels_last, images, P), expected, wrong,
                "The shape is right: follow a few numbers through each step.")


@exercise("1.4", "what you cut, you can put together again.")
def check_unpatchify(unpatchify):
    """unpatchify(patches, patch_size, height, width): [B, S, D] -> [B, C_in, H, W], the inverse of patchify."""
    for B, C, H, W, P in ((2, 3, 4, 6, 2), (1, 2, 12, 15, 3)):
        images = torch.arange(B * C * H * W).float().reshape(B, C, H, W)
        patches = patchify(images, P)
        h, w = H // P, W // P
        split = patches.reshape(B, h, w, C, P, P)
        wrong = {
            "the numbers are all there but in the table's order: a reshape alone does not put squares back in place.":
                patches.reshape(B, C, H, W),
            "each patch is in its place but transposed: its rows and columns are swapped.":
                split.permute(0, 3, 1, 5, 2, 4).reshape(B, C, H, W),
            "the patches are laid down the columns: they were counted along the rows.":
                patches.reshape(B, w, h, C, P, P).permute(0, 3, 2, 4, 1, 5).reshape(B, C, H, W),
            "this reads a row as (row, column, channel), the order of exercise 1.3; here it is (channel, row, column).":
                patches.reshape(B, h, w, P, P, C).permute(0, 5, 1, 3, 2, 4).reshape(B, C, H, W),
            "this repeats the permute of patchify; going back, each axis returns to where it came from.":
                split.permute(0, 2, 4, 1, 3, 5).reshape(B, C, H, W),
            "the last merge goes over the wrong axes: patch row and pixel row belong side by side, and so do patch "
            "column and pixel column.": split.permute(0, 3, 1, 2, 4, 5).reshape(B, C, H, W),
            "the first split takes the channel too early: a row of the table is one patch with all its channels.":
                patches.reshape(B, C, h, w, P, P).permute(0, 1, 2, 4, 3, 5).reshape(B, C, H, W),
        }
        compare(ask(unpatchify, patches, P, H, W), images, wrong, "Undo the lesson's steps, the last one first.")


# Lesson 06, the classifier

@exercise("6.1", "the end of the network is yours.")
def check_classify(classify):
    """classify(tokens, norm, head): [B, S, C] -> [B, K]; norm and head are modules."""
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 5) * torch.tensor([1.0, 3.0])[:, None, None] + 1     # [B, S, C]; S = C hides nothing
    norm, head = nn.LayerNorm(5), nn.Linear(5, 3)
    nn.init.normal_(norm.weight)                    # norms that do nothing would hide a forgotten one
    normed = norm(tokens)
    logits = head(normed.mean(dim=1))
    wrong = {
        "this is a verdict for every token. Average over the tokens.": head(normed),
        "the head is missing: these are the averaged channels, not yet a score for each class.": normed.mean(dim=1),
        "this averages over the images (axis 0): each image has a verdict of its own.": head(normed.mean(dim=0)),
        "this averages over the channels (axis 2): which axis counts the tokens?": head(normed.mean(dim=2)),
        "the LayerNorm is missing: the table goes through norm before it is pooled.": head(tokens.mean(dim=1)),
        "the norm comes first, the mean after it; here it is the other way round.": head(norm(tokens.mean(dim=1))),
        "this normalizes without the scale and shift that norm has learned: call norm.":
            head(layer_norm(tokens, [5]).mean(dim=1)),
        "this is a sum over the tokens, not their mean.": head(normed.sum(dim=1)),
        "this takes the largest value of each channel; the paper's Mixer averages.": head(normed.amax(dim=1)),
        "this keeps the first token only; the mean is over all of them.": head(normed[:, 0]),
        "this keeps the last token only; the mean is over all of them.": head(normed[:, -1]),
        "return the logits as they are: the loss applies the softmax itself.": logits.softmax(dim=1),
        "return the logits as they are: the loss applies the log-softmax itself.": logits.log_softmax(dim=1),
        "this is the predicted class; return the logits, from which it follows.": logits.argmax(dim=1),
    }
    compare(ask(classify, tokens, norm, head), logits, wrong, "Compare with `forward` of `MyMixer` in the lesson.")


@exercise("6.2", "you can count any Mixer to the last parameter.")
def check_count_parameters(my_count):
    """my_count(image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim, tokens_mlp_dim,
    channels_mlp_dim) -> int."""
    small = dict(image_size=12, patch_size=4, in_channels=2, num_classes=11, num_blocks=3, hidden_dim=5,
                 tokens_mlp_dim=7, channels_mlp_dim=13)
    D, S, C, D_S, D_C, L, K = 32, 9, 5, 7, 13, 3, 11         # such that no two of the mistakes below agree
    token_mlp, channel_mlp = 2 * S * D_S + D_S + S, 2 * C * D_C + D_C + C
    token_biases, channel_biases = L * (D_S + S), L * (D_C + C)
    biases, norms = C + K + token_biases + channel_biases, 2 * C + L * 4 * C
    missing = {
        C: "the biases of the patch embedding",
        K: "the biases of the head",
        C + K: "the biases of the patch embedding and the head",
        token_biases: "the biases of the token MLPs",
        channel_biases: "the biases of the channel MLPs",
        token_biases + channel_biases: "the biases of the MLPs",
        biases: "all biases",
        2 * C: "the last LayerNorm",
        L * 4 * C: "the two LayerNorms of each block",
        L * 2 * C: "one of the two LayerNorms of each block, or half of each",
        norms: "all the LayerNorms",
        biases + norms: "all biases and all the LayerNorms",
        C + L * 2 * C: "the shifts of the LayerNorms",
        (D + 1) * C: "the patch embedding",
        (C + 1) * K: "the head",
        L * (S * D_S + S + C * D_C + C): "the second layer of each MLP",
    }
    count = count_parameters(small)
    wrong = {
        "it counts one block; the model has num_blocks of them.": count_parameters(small | {"num_blocks": 1}),
        "it takes the patches along one side for all of them.": count_parameters(small | {"image_size": (4, 12)}),
        "it counts a patch's pixels in one channel only.": count_parameters(small | {"in_channels": 1}),
        "tokens_mlp_dim and channels_mlp_dim are swapped.":
            count_parameters(small | {"tokens_mlp_dim": D_C, "channels_mlp_dim": D_S}),
        "it counts a token MLP for every channel; all channels share one.": count + L * (C - 1) * token_mlp,
        "it counts a channel MLP for every token; all tokens share one.": count + L * (S - 1) * channel_mlp,
    }
    stale = sorted({"D", "K", "L", "S"} & {*getattr(getattr(my_count, "__code__", None), "co_names", ())})   # globals
    for config, where in ((small, "for a small test model"), (MODELS["B/16"], "for B/16")):
        got = ask(my_count, **config)
        shown = f"{got:,}" if isinstance(got, (int, float)) else repr(got)
        got = whole(got, f"{where} it gives {shown}: a count is a whole number, divide with //.")
        expected, few = count_parameters(config), count - got
        gives = f"{where} it gives {got:,}, expected {expected:,}"
        need(got == expected or not stale, f"{gives}. It takes {' and '.join(stale)} from an earlier cell: give every "
                                           "letter its value inside the function.")
        if config is small:
            need(few not in missing, f"{where} it gives {got:,}, which is {few:,} short of {count:,}: "
                                     f"{missing.get(few)}, perhaps?")
            for message, value in wrong.items():
                need(got != value, f"{gives}: {message}")
            gives += f" (S = {S}, D = {D}, C = {C}, D_S = {D_S}, D_C = {D_C}, L = {L}, K = {K})"
        need(got == expected, f"{gives}. Go layer by layer.")


@exercise("6.3", "a Mixer within budget.")
def check_design(design):
    """design() -> a dict of MlpMixer's arguments, within the budget of the exercise."""
    config = ask(design)
    need(isinstance(config, dict), f"return a dict of MlpMixer's arguments, not {type(config).__name__}.")
    try:
        with torch.device("meta"):                              # sizes only, however large
            stem = MlpMixer(**config).patch_embedding
    except (TypeError, ValueError) as error:
        raise Wrong(f"MlpMixer refuses this design: {error}.") from None
    takes = [stem.in_channels, *stem.image_size]
    need(takes == [3, 32, 32], f"it takes images of shape {takes}; those of CIFAR-10 are [3, 32, 32].")
    need(config["num_classes"] == 10, f"num_classes is {config['num_classes']}, expected 10.")
    need(stem.num_patches >= 64, f"it has {stem.num_patches} tokens, expected at least 64: cut smaller patches.")
    need(config["num_blocks"] >= 6, f"num_blocks is {config['num_blocks']}, expected at least 6.")
    need(config["hidden_dim"] >= 96, f"hidden_dim is {config['hidden_dim']}, expected at least 96.")
    parameters, macs = count_parameters(config), count_macs(config)
    need(parameters <= 300_000, f"it has {parameters:,} parameters; the budget is 300,000. Which part has most?")
    need(macs <= 15_000_000, f"it needs {macs:,} MACs an image; the budget is 15 million. What do they grow with?")


# Lesson 07, training on MNIST

@exercise("7.1", "you can say how good a classifier is.")
def check_accuracy(accuracy):
    """accuracy(logits, labels): [N, K], [N] -> share of hits, a float from 0 to 1."""
    square = torch.tensor([[9.0, 3, 1, 1, 2], [2, 2, 1, 3, 5], [4, 4, 8, 2, 1], [0, 3, 0, 1, 7], [3, 1, 4, 4, 6]])
    mistakes = {1: "argmax needs dim=1; without it there is one number for the whole batch.",     # of 5 images, N = K
                2: "This is the share of mistakes.",
                4: "It looks for the largest logit along the wrong axis: a row is an image, a column is a class."}
    for logits, labels, hits, likely in ((square, torch.tensor([0, 1, 2, 4, 3]), 3, mistakes),
                                         (torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 0, 1]), 2, {})):
        N = len(labels)
        try:
            got = number(ask(accuracy, logits, labels))
        except Wrong as wrong:
            hint = " Booleans first become numbers, with .float()." if "Got: Bool" in str(wrong) else ""
            raise Wrong(f"{wrong}{hint}") from None
        hints = {hits: "Return the share of hits, not their number.",
                 100 * hits / N: "This is in percent; return a share.",
                 0: "Compare labels with classes, not with logits, and divide with /, not //.",
                 **{count / N: hint for count, hint in likely.items()}}
        hint = next((hint for value, hint in hints.items() if math.isclose(got, value, rel_tol=1e-5)),
                    "The prediction is the class of the largest logit.")
        need(math.isclose(got, hits / N, rel_tol=1e-5), f"it gives {got:.3g} where {hits} of {N} images are right. "
                                                        f"{hint}")


@exercise("7.2", "this is the step that all training consists of.")
def check_train_step(train_step):
    """train_step(model, x, y, optimizer) -> the loss as a float; the weights have moved once."""
    def train(step, count=2):
        """The losses of `count` steps, and the weights after them."""
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        x, y = torch.randn(8, 4), torch.arange(8) % 3
        return [step(model, x, y, optimizer) for _ in range(count)], model.weight.detach()

    def right(model, x, y, optimizer, loss_of=cross_entropy, clear=True):
        loss = loss_of(model(x), y)
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def asked(*arguments):
        try:
            return ask(train_step, *arguments)
        except NotDone:                             # it may still have moved the weights
            return None

    (loss, _), weight = train(asked)
    (right_loss, _), right_weight = train(right)
    start = train(right, 0)[1]
    if loss is None and torch.equal(weight, start):
        raise NotDone
    wrong = {
        "the weights have not moved. backward() fills the gradients, then optimizer.step() uses them, and nothing may "
        "clear them in between.": start,
        "the second step also used the gradient of the first: gradients add up until they are cleared.":
            train(functools.partial(right, clear=False))[1],
        "after two calls the weights have moved once: a step comes after the gradients that it uses.":
            train(right, 1)[1],
        "each call takes two steps where one is asked for.": train(right, 4)[1],
        "cross_entropy takes the logits as they are; it applies the softmax itself.":
            train(functools.partial(right, loss_of=lambda z, y: cross_entropy(z.softmax(1), y)))[1],
        "this is the sum of the batch's losses; take their mean.":
            train(functools.partial(right, loss_of=functools.partial(cross_entropy, reduction="sum")))[1],
    }
    for message, value in wrong.items():
        need(not torch.allclose(weight, value), message)
    moved = torch.allclose(weight, right_weight)
    need(loss is not None or not moved, "the weights are right; now return the loss, so that one can watch it.")
    need(not isinstance(loss, torch.Tensor) or not loss.requires_grad,
         "the loss is a tensor that keeps the whole graph of its computation in memory: return it as a plain number, "
         "loss.item().")
    need(loss is None or math.isclose(number(loss), right_loss, rel_tol=1e-4),
         f"the loss of the first step is {loss:.4f}, expected {right_loss:.4f}: the cross-entropy of the batch, before "
         "the weights move.")
    need(moved, "the weights moved, but not to where one step of the given optimizer takes them.")


@exercise("7.3", "now you can see which digits are taken for which.")
def check_confusion_matrix(confusion_matrix):
    """confusion_matrix(labels, predictions, num_classes): counts [K, K], a row a true class."""
    labels, predictions = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 0, 1, 1, 2, 0])
    expected = torch.tensor([[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    got = ask(confusion_matrix, labels, predictions, 4)
    once = "every cell holds at most 1: matrix[labels, predictions] += 1 counts a repeated pair once."
    wrong = {
        "rows and columns are swapped: a row is a true class.": expected.T,
        f"{once} Loop over the pairs, or look up torch.bincount.": expected > 0,
        f"{once} And rows and columns are swapped.": expected.T > 0,
        "these are shares of each row; asked for are counts.": expected / expected.sum(1, keepdim=True).clamp(min=1),
        "these are shares of all images; asked for are counts.": expected / len(labels),
        "only the hits are counted; the mistakes go beside the diagonal.": expected.diag().diag(),
        "class 3 has no images here, but still a row and a column: the shape is [K, K].": expected[:3, :3],
    }
    compare(got, expected, wrong, f"Every image counts in the row of its label: {labels.tolist()}, "
                                  f"in the column of its prediction: {predictions.tolist()}.")
