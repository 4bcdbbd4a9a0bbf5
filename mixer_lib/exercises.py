"""The checks of the exercises: each tries an answer on small cases and says at once what is right or wrong.

A check prints one message and raises nothing: "✓" right, "✗" wrong and why, "○" not done yet.
"""

import functools
import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .configs import MODELS, count_macs, count_parameters
from .model import MlpMixer, patchify


class Wrong(Exception):
    """What a check raises to say what is wrong with an answer."""


class NotDone(Exception):
    """What a check raises when an answer gives nothing: the stub as it was."""


def reveal(prediction, answer):
    """Put a prediction beside the answer: print both, and whether they agree."""
    if prediction is None:
        print(f"The answer is {answer}. (No prediction yet: next time, write yours down first.)")
    elif prediction == answer:
        print(f"You predicted {prediction}, and it is {answer}. Right!")
    else:
        print(f"You predicted {prediction}; it is {answer}. Find out why before you read on.")


def exercise(number, praise):
    """Turn a function that raises `Wrong` into the check of exercise `number`."""
    def decorate(check):
        @functools.wraps(check)
        def run(answer):
            name = getattr(answer, "__name__", "your answer")
            try:
                check(answer)
            except NotDone:
                print(f"○ Exercise {number}: {name} returns nothing yet. Write it above, then run this cell again.")
            except Wrong as wrong:
                print(f"✗ Exercise {number}: {wrong}")
            except Exception as error:
                print(f"✗ Exercise {number}: {name} stopped with {type(error).__name__}: {error}")
            else:
                print(f"✓ Exercise {number}: {praise}")
        return run
    return decorate


# Lesson 01, patches

@exercise("1.1", "you can size the table of any image.")
def check_table_shape(table_shape):
    """table_shape(image_size, patch_size, in_channels) -> (S, D)."""
    for arguments, expected in {(32, 8, 3): (16, 192), (28, 7, 1): (16, 49), (224, 16, 3): (196, 768)}.items():
        got = done(table_shape(*arguments))
        call = "table_shape({}, {}, {})".format(*arguments)
        need(isinstance(got, tuple) and len(got) == 2, f"{call} gives {got!r}: return a pair (S, D).")
        S, D = expected
        P, channels = arguments[1:]
        need(got != (D, S) or S == D, f"{call} gives {got}: these are the two numbers, but the other way round. "
                                      "Rows (S) come first.")
        need(got[0] != arguments[0] // P, f"{call} counts {got[0]} patches: these lie along one side; "
                                          "the grid has as many rows as columns.")
        need(channels == 1 or got[1] != P * P, f"{call} gives D = {got[1]}: one channel's worth. A patch holds the "
                                               f"pixels of all {channels} channels.")
        need(got == expected, f"{call} gives {got}, expected {expected}.")
        need(all(isinstance(n, int) for n in got), f"{call} gives {got}: counts are whole numbers, divide with //.")


@exercise("1.2", "you can follow any pixel into the table.")
def check_find_pixel(find_pixel):
    """find_pixel(channel, row, column, image_size, patch_size) -> (s, d)."""
    for size, P in ((32, 8), (12, 4)):
        image = torch.arange(3 * size * size).reshape(1, 3, size, size)        # every number differs
        table = patchify(image, P)[0]                                          # [S, D]
        for channel, row, column in ((0, 0, P), (0, P, 0), (0, 1, 2), (1, 0, 0), (2, size - 2, P + 1)):
            got = done(find_pixel(channel, row, column, size, P))
            call = f"find_pixel({channel}, {row}, {column}, {size}, {P})"
            need(isinstance(got, tuple) and len(got) == 2, f"{call} gives {got!r}: return a pair (s, d).")
            s, d = ((table == image[0, channel, row, column]).nonzero()[0]).tolist()
            hint = ""
            if got[0] != s and got[0] == (column // P) * (size // P) + row // P:
                hint = " Patches are counted along a row of the grid first, then down."
            elif got[0] == s and got[1] == d - channel * P * P + channel * size * size:
                hint = " Inside a patch, one channel takes P * P numbers, not the whole image's."
            elif got[0] == s and got[1] == channel * P * P + (column % P) * P + row % P:
                hint = " Inside a patch, too, the row counts in steps of P and the column in steps of 1."
            elif got[0] == s and channel and got[1] == d - channel * P * P:
                hint = " The channel is missing: all of channel 0 comes first, then all of channel 1."
            elif not (0 <= got[0] < len(table) and 0 <= got[1] < table.shape[1]):
                hint = f" The table has only {table.shape[0]} rows of {table.shape[1]} numbers."
            need(got == (s, d), f"{call} gives {got}, but the pixel stands at {(s, d)}.{hint}")


@exercise("1.3", "reshape and permute do what you want them to.")
def check_patchify_channels_last(patchify_channels_last):
    """patchify_channels_last(images, patch_size): [B, C, H, W] -> [B, S, P*P*C], vectors (row, column, channel)."""
    images, P = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6), 2
    got = done(patchify_channels_last(images, P))
    expected = (images.reshape(2, 3, 2, 2, 3, 2).permute(0, 2, 4, 3, 5, 1)).reshape(2, 6, 12)
    table(got, expected)
    need(not torch.equal(got, patchify(images, P)),
         "these are patches in the lesson's order, (channel, row, column). Asked for is (row, column, channel): "
         "the three color values of a pixel side by side.")
    need(not torch.equal(got, images.reshape(2, 6, 12)),
         "a reshape alone cuts the image into strips, not squares: split H and W first, then permute.")
    need(not torch.equal(got, expected.reshape(2, 2, 3, 12).transpose(1, 2).reshape(2, 6, 12)),
         "each patch is right, but the patches are counted down the columns: go along the rows first.")
    need(not torch.equal(got, images.reshape(2, 3, 2, 2, 3, 2).permute(0, 2, 4, 5, 3, 1).reshape(2, 6, 12)),
         "each patch is transposed: its rows and columns are swapped.")
    need(torch.equal(got, expected), f"row 0 of the first table is {got[0, 0].tolist()}, "
                                     f"expected {expected[0, 0].tolist()}. Print the shape after each step.")


@exercise("1.4", "what you cut, you can put together again.")
def check_unpatchify(unpatchify):
    """unpatchify(patches, patch_size, height, width): [B, S, D] -> [B, C, H, W], the inverse of patchify."""
    images, P = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6), 2
    patches = patchify(images, P)                                              # [2, 6, 12]
    got = done(unpatchify(patches, P, 4, 6))
    table(got, images)
    need(not torch.equal(got, patches.reshape(2, 3, 4, 6)),
         "the numbers are all there but in the table's order: a reshape alone does not put squares back in place.")
    swapped = patches.reshape(2, 2, 3, 3, 2, 2).permute(0, 3, 1, 5, 2, 4).reshape(2, 3, 4, 6)
    need(not torch.equal(got, swapped), "each patch is in its place but transposed: its rows and columns are swapped.")
    need(not torch.equal(got, patches.reshape(2, 3, 2, 3, 2, 2).permute(0, 3, 2, 4, 1, 5).reshape(2, 3, 4, 6)),
         "the patches are laid down the columns: they were counted along the rows.")
    need(torch.equal(got, images), f"the first row of pixels is {got[0, 0, 0].tolist()}, "
                                   f"expected {images[0, 0, 0].tolist()}. Undo the lesson's steps in reverse.")


def done(value):
    """The value an answer gave; the stub's `...` gives None."""
    if value is None or value is Ellipsis:
        raise NotDone
    return value


def need(condition, message):
    if not condition:
        raise Wrong(message)


def table(got, expected):
    """Both are tensors of one shape."""
    need(isinstance(got, torch.Tensor), f"expected a tensor, got {type(got).__name__}.")
    need(got.shape == expected.shape, f"the result has shape {list(got.shape)}, expected {list(expected.shape)}.")


# Lesson 06, the classifier

@exercise("6.1", "the end of the network is yours.")
def check_classify(classify):
    """classify(tokens, norm, head): [B, S, C] -> [B, K]; norm and head are modules."""
    torch.manual_seed(0)
    tokens = torch.randn(2, 6, 5) * torch.tensor([1.0, 3.0])[:, None, None] + 1     # [B, S, C]
    norm, head = nn.LayerNorm(5), nn.Linear(5, 3)
    nn.init.normal_(norm.weight)                    # norms that do nothing would hide a forgotten one
    got = done(classify(tokens, norm, head))
    need(isinstance(got, torch.Tensor), f"expected a tensor, got {type(got).__name__}.")
    need(got.shape != (2, 6, 3), "the shape is [2, 6, 3]: a verdict for every token. Average over the tokens first.")
    expected = head(norm(tokens).mean(dim=1))
    table(got, expected)
    wrong = {
        "the LayerNorm is missing: the table goes through norm before it is pooled.": head(tokens.mean(dim=1)),
        "the norm comes first, the mean after it; here it is the other way round.": head(norm(tokens.mean(dim=1))),
        "this is a sum over the tokens, not their mean.": head(norm(tokens).sum(dim=1)),
        "this takes the largest value of each channel; the paper's Mixer averages.": head(norm(tokens).amax(dim=1)),
        "return the logits as they are: the loss applies the softmax itself.": expected.softmax(dim=1),
        "this keeps one token only; the mean is over all of them.": head(norm(tokens)[:, 0]),
    }
    for message, value in wrong.items():
        need(not torch.allclose(got, value, atol=1e-6), message)
    need(torch.allclose(got, expected, atol=1e-5), "the shape is right, the numbers are not. Norm, mean over the "
                                                   "tokens (axis 1), head: in this order, and nothing else.")


@exercise("6.2", "you can count any Mixer to the last parameter.")
def check_count_parameters(my_count):
    """my_count(image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim, tokens_mlp_dim,
    channels_mlp_dim) -> int."""
    tiny = dict(image_size=8, patch_size=4, in_channels=1, num_classes=3, num_blocks=2, hidden_dim=5,
                tokens_mlp_dim=7, channels_mlp_dim=11)
    S, C, D_S, D_C, L, K = 4, 5, 7, 11, 2, 3
    for config in (tiny, MODELS["B/16"]):
        got, expected = done(my_count(**config)), count_parameters(config)
        if config is tiny:
            missing = {
                C: "the bias of the patch embedding", K: "the bias of the head", 2 * C: "the last LayerNorm",
                4 * C * L: "the two LayerNorms of each block", (D_S + S) * L: "the biases of the token MLPs",
                (D_C + C) * L: "the biases of the channel MLPs", (D_S + S + D_C + C) * L: "the biases of the MLPs",
                4 * C * L + 2 * C: "all the LayerNorms", (C + 1) * K: "the head",
                2 * C * L: "one of the two LayerNorms of each block",
            }
            need(expected - got not in missing,
                 f"{expected - got} parameters are missing in the small model: {missing.get(expected - got)}, perhaps?")
            swapped = count_parameters(tiny | {"tokens_mlp_dim": D_C, "channels_mlp_dim": D_S})
            need(got != swapped, "tokens_mlp_dim and channels_mlp_dim are swapped.")
            need(expected - got != count_parameters(tiny) - count_parameters(tiny | {"num_blocks": 1}),
                 "one block is counted where there are two.")
        need(got == expected, f"for {config} it gives {got:,}, expected {expected:,}. Go layer by layer.")


@exercise("6.3", "a Mixer within budget.")
def check_design(design):
    """design() -> a dict of MlpMixer's arguments, within the budget of the exercise."""
    config = done(design())
    need(isinstance(config, dict), f"return a dict of MlpMixer's arguments, not {type(config).__name__}.")
    model = MlpMixer(**config)                                  # says itself what is wrong with a size
    need(model(torch.zeros(1, 3, 32, 32)).shape == (1, 10), "expected 10 classes.")
    S = model.patch_embedding.num_patches
    need(S >= 64, f"it has {S} tokens, expected at least 64: cut smaller patches.")
    parameters, macs = count_parameters(config), count_macs(config)
    need(parameters <= 300_000, f"it has {parameters:,} parameters; the budget is 300,000.")
    need(macs <= 15_000_000, f"it needs {macs:,} MACs an image; the budget is 15 million. What do they grow with?")
    need(config["hidden_dim"] >= 64, f"hidden_dim is {config['hidden_dim']}, expected at least 64.")
    need(config["num_blocks"] >= 4, f"num_blocks is {config['num_blocks']}, expected at least 4.")


# Lesson 07, training on MNIST

@exercise("7.1", "you can say how good a classifier is.")
def check_accuracy(accuracy):
    """accuracy(logits, labels): [N, K], [N] -> share of hits, a float from 0 to 1."""
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 1.0, 4.0], [1.0, 5.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 1])
    got = done(accuracy(logits, labels))
    need(not isinstance(got, torch.Tensor) or got.numel() == 1, f"expected one number, got shape {list(got.shape)}.")
    got = float(got)
    need(got != 3, "3 of the 4 are right; return the share, 3 / 4.")
    need(got != 75, "this is in percent; return a share from 0 to 1.")
    need(got != 0.25, "this counts the mistakes.")
    need(got == 0.75, f"it gives {got:.3g} where 3 of 4 are right. The prediction for an image is the class of its "
                      "largest logit: argmax over the classes, axis 1.")


@exercise("7.2", "this is the step that all training consists of.")
def check_train_step(train_step):
    """train_step(model, x, y, optimizer) -> the loss as a float; the weights have moved once."""
    def run(step, count=2):
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        x, y = torch.randn(8, 4), torch.arange(8) % 3
        losses = [step(model, x, y, optimizer) for _ in range(count)]
        return losses, model.weight.detach().clone()

    def reference(model, x, y, optimizer, zero=True, smooth=lambda logits: logits):
        loss = cross_entropy(smooth(model(x)), y)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    losses, weight = run(train_step)
    done(None if losses == [None, None] and torch.equal(weight, run(reference, 0)[1]) else losses)
    good_losses, good_weight = run(reference)
    need(not torch.equal(weight, run(reference, 0)[1]),
         "the weights have not moved. After backward() has filled the gradients, optimizer.step() uses them: nothing "
         "may clear them in between.")
    need(not torch.allclose(weight, run(functools.partial(reference, zero=False))[1]),
         "the second step also used the gradient of the first: clear it with optimizer.zero_grad().")
    need(not torch.allclose(weight, run(reference, 1)[1]),
         "after two calls the weights have moved once: optimizer.step() must come after loss.backward().")
    need(not torch.allclose(weight, run(functools.partial(reference, smooth=lambda z: z.softmax(1)))[1]),
         "cross_entropy takes the logits as they are; it applies the softmax itself.")
    need(torch.allclose(weight, good_weight), "the weights moved, but not where one step on this batch takes them.")
    need(losses[0] is not None, "the weights are right; now return the loss, so that one can watch it.")
    need(all(isinstance(v, float) for v in losses), "return the loss as a plain number, loss.item(): a tensor would "
                                                    "keep the whole graph of its computation in memory.")
    need(math.isclose(losses[0], good_losses[0], rel_tol=1e-5), f"the loss is {losses[0]:.4f}, "
                                                               f"expected {good_losses[0]:.4f}.")


@exercise("7.3", "now you can see which digits are taken for which.")
def check_confusion_matrix(confusion_matrix):
    """confusion_matrix(labels, predictions, num_classes): counts [K, K], a row a true class."""
    labels, predictions = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 0, 1, 1, 2, 0])
    expected = torch.tensor([[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    got = done(confusion_matrix(labels, predictions, 4))
    need(isinstance(got, torch.Tensor), f"expected a tensor, got {type(got).__name__}.")
    need(got.shape != (3, 3), "class 3 has no images here, but still a row and a column: the shape is [K, K].")
    table(got, expected)
    need(not torch.equal(got, expected.T), "rows and columns are swapped: a row is a true class.")
    need(not torch.equal(got, (expected > 0).to(got.dtype)),
         "every cell holds at most 1: matrix[labels, predictions] += 1 counts a repeated pair once. "
         "Loop over the pairs, or count them with bincount.")
    need(not torch.allclose(got.double(), expected / expected.sum(1, keepdim=True).clamp(min=1)),
         "these are shares; asked for are counts.")
    need(torch.equal(got.long(), expected), f"it gives {got.tolist()}, expected {expected.tolist()}.")
