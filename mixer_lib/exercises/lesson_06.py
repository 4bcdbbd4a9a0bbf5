"""Lesson 06, the classifier."""

import math
from itertools import product

import torch
from torch import nn
from torch.nn.functional import layer_norm

from ..configs import MODELS
from ..costs import count_macs, count_parameters
from ..model import MixerConfig, MlpMixer
from .checking import Wrong, ask, ask_without, compare, exercise, need, number, passes_gradient, whole


@exercise("6.1", "all three mistakes are gone.")
def check_classify(classify):
    """classify(tokens, norm, head): [B, S, C] -> [B, K]; norm and head are modules."""
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 5) * torch.tensor([1.0, 3.0])[:, None, None] + 1     # [B, S, C]; S = C hides nothing
    tokens.requires_grad_()
    norm, head = nn.LayerNorm(5), nn.Linear(5, 3)
    nn.init.normal_(norm.weight)                    # norms that do nothing would hide a forgotten one
    normed = norm(tokens)
    logits = head(normed.mean(dim=1))
    wrong = _left(tokens, norm, head) | {
        "these are scores for every token. Average over the tokens.": head(normed),
        "the head is missing: these are the averaged channels, not yet one score per class.": normed.mean(dim=1),
        "this averages over the images (axis 0), but each image needs its own scores.": head(normed.mean(dim=0)),
        "this averages over the channels (axis 2): which axis counts the tokens?": head(normed.mean(dim=2)),
        "the LayerNorm is missing: apply norm to the table before you average.": head(tokens.mean(dim=1)),
        "the norm comes first, then the mean. Here the order is reversed.": head(norm(tokens.mean(dim=1))),
        "this normalizes without the scale and shift that norm has learned: call norm.":
            head(layer_norm(tokens, [5]).mean(dim=1)),
        "this is a sum over the tokens, not their mean.": head(normed.sum(dim=1)),
        "this takes the largest value of each channel. The paper's Mixer averages.": head(normed.amax(dim=1)),
        "this keeps only the first token. The mean is over all tokens.": head(normed[:, 0]),
        "this keeps only the last token. The mean is over all tokens.": head(normed[:, -1]),
        "return the logits as they are: the loss applies the softmax itself.": logits.softmax(dim=1),
        "return the logits as they are: the loss applies the log-softmax itself.": logits.log_softmax(dim=1),
        "this is the predicted class. Return the logits instead.": logits.argmax(dim=1),
    }
    got = ask(classify, tokens, norm, head)
    compare(got, logits, wrong, "Compare with `forward` of `MyClassifier` in the lesson.")
    passes_gradient(got, logits, tokens)
    compare(ask(classify, tokens[:1], norm, head), logits[:1], {
        "with a batch of one image, the axis of the batch is gone. Leave out squeeze().": logits[0],
    }, "This is a batch of one image.")


def _left(tokens, norm, head):
    """{message: what the broken function gives with some of its three mistakes left}."""
    messages = ("the mean over the images is still subtracted", "the mean still comes before the norm",
                "there is still a softmax")
    found, left = {}, ("", "one mistake is left", "two mistakes are left", "all three mistakes are left")
    for mixed, late, soft in product((True, False), repeat=3):
        x = tokens - tokens.mean(dim=0) if mixed else tokens
        x = norm(x.mean(dim=1)) if late else norm(x).mean(dim=1)
        x = head(x).softmax(dim=1) if soft else head(x)
        said = [message for message, there in zip(messages, (mixed, late, soft)) if there]
        if len(said) > 1 or mixed:
            found[f"{left[len(said)]}: {', and '.join(said)}."] = x
    return found


@exercise("6.2", "an honest first guess, and its loss is known before the first step.")
def check_best_start(best_start):
    """best_start(counts): [K], images per class -> (biases [K], the first loss in nats)."""
    for counts in ([80, 5, 15], [1, 1, 1, 1], [700, 20, 3, 41, 236]):
        given, K = torch.tensor(counts), len(counts)
        got = ask(best_start, given)
        need(isinstance(got, (tuple, list)) and len(got) == 2, "return two things: the biases and the first loss.")
        first, second = (torch.as_tensor(part).numel() if isinstance(part, (torch.Tensor, float)) else 0
                         for part in got)
        need(not first == 1 < second, "the biases come first, then the loss.")
        try:
            biases, loss = torch.as_tensor(got[0]).double(), number(got[1])
        except (TypeError, ValueError, RuntimeError):
            raise Wrong("the biases should be a tensor with one number per class, and the loss a number.") from None
        need(biases.shape == (K,), f"for {K} classes the biases have shape {list(biases.shape)}, expected [{K}].")
        share, where = given.double() / sum(counts), f"for the counts {counts}"
        guess = biases.softmax(0)                       # biases + a constant are as good
        shown = [round(p, 3) for p in guess.tolist()]
        likely = {
            "These are the shares themselves. Softmax takes a power of e, so undo it with a logarithm.":
                share.softmax(0),
            "These are the counts themselves. Softmax takes a power of e, so undo it with a logarithm.":
                given.double().softmax(0),
            "Rare classes get the high biases here. The sign is wrong.": (-share.log()).softmax(0),
            "That logarithm has another base. Softmax takes a power of e.": share.log2().softmax(0),
            "That logarithm has base 10. Softmax takes a power of e.": share.log10().softmax(0),
            "The biases are all equal.": torch.full((K,), 1 / K).double(),
            "These are the logarithms of the counts plus 1, a little off for rare classes.":
                (given + 1.0).log().softmax(0),
        }
        right = torch.allclose(guess, share, atol=1e-5)
        hint = next((hint for hint, value in likely.items() if torch.allclose(guess, value.double(), atol=1e-5)),
                    "The softmax of the biases should give each class its share.")
        need(right, f"{where} your biases give the probabilities {shown}, but the shares are "
                    f"{[round(p, 3) for p in share.tolist()]}. {hint}")
        expected = -(share * share.log()).sum().item()
        wrong = {
            "That is ln K, the loss of equal probabilities.": math.log(K),
            "The sign is wrong: a loss is not negative.": -expected,
            "Each class counts alike here. Weigh it by its share of the images.": -share.log().mean().item(),
            "That is a sum over the classes. Weigh each class by its share of the images.": -share.log().sum().item(),
            "That is the loss in bits. Use the natural logarithm.": expected / math.log(2),
            "That is the loss of the most frequent class alone.": -share.log().max().item(),
            "That is the sum over all images. The loss is their mean.": expected * sum(counts),
        }
        hint = next((hint for hint, value in wrong.items() if math.isclose(loss, value, rel_tol=1e-4)),
                    "That is nearly right: do not round." if math.isclose(loss, expected, abs_tol=0.006) else
                    "Average minus the logarithm of the true class's probability over all images.")
        need(math.isclose(loss, expected, rel_tol=1e-4), f"{where} the first loss is not {loss:.4g}. {hint}")


@exercise("6.3", "you can count any Mixer to the last parameter.")
def check_count_parameters(my_count):
    """my_count(image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim, tokens_mlp_dim,
    channels_mlp_dim) -> int."""
    small = dict(image_size=12, patch_size=4, in_channels=2, num_classes=11, num_blocks=3, hidden_dim=5,
                 tokens_mlp_dim=7, channels_mlp_dim=13)
    D, S, C, D_S, D_C, L, K = 32, 9, 5, 7, 13, 3, 11         # no two of the mistakes below give the same count
    token_mlp, channel_mlp = 2 * S * D_S + D_S + S, 2 * C * D_C + D_C + C
    token_biases, channel_biases = L * (D_S + S), L * (D_C + C)
    biases, norms = C + K + token_biases + channel_biases, 2 * C + L * 4 * C
    missing = {
        C: "the biases of the patch embedding",
        K: "the biases of the head",
        C + K: "the biases of the patch embedding and the head",
        L * D_S: "the biases of the first layer of each token MLP",
        L * S: "the biases of the second layer of each token MLP",
        L * D_C: "the biases of the first layer of each channel MLP",
        L * C: "the biases of the second layer of each channel MLP",
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
        "it counts one block. The model has num_blocks of them.": count_parameters(small | {"num_blocks": 1}),
        "it counts only the patches along one side.": count_parameters(small | {"image_size": (4, 12)}),
        "it counts a patch's pixels in one channel only.": count_parameters(small | {"in_channels": 1}),
        "tokens_mlp_dim and channels_mlp_dim are swapped.":
            count_parameters(small | {"tokens_mlp_dim": D_C, "channels_mlp_dim": D_S}),
        "both LayerNorms of a block work on the C channels, also the one before the token MLP.":
            count + L * 2 * (S - C),
        "it counts one token MLP per channel. All channels share one.": count + L * (C - 1) * token_mlp,
        "it counts one channel MLP per token. All tokens share one.": count + L * (S - 1) * channel_mlp,
    }
    stale = sorted({"D", "K", "L", "S"} & {*getattr(getattr(my_count, "__code__", None), "co_names", ())})   # globals
    for config, where in ((small, "for a small test model"), (MODELS["B/16"], "for B/16")):
        got = ask_without(count_parameters, my_count, **config)
        shown = f"{got:,}" if isinstance(got, (int, float)) else repr(got)
        got = whole(got, f"{where} it gives {shown}: a count is a whole number, so divide with //.")
        expected, few = count_parameters(config), count - got
        gives = f"{where} it gives {got:,}, expected {expected:,}"
        need(got == expected or not stale, f"{gives}. It takes {' and '.join(stale)} from an earlier cell. Give every "
                                           "letter its value inside the function.")
        if config is small:
            need(few not in missing, f"{where} it gives {got:,}, which is {few:,} short of {count:,}. Did you leave "
                                     f"out {missing.get(few)}?")
            need(-few not in missing, f"{where} it gives {got:,}, which is {-few:,} more than {count:,}. Did you count "
                                      f"{missing.get(-few)} twice?")
            for message, value in wrong.items():
                need(got != value, f"{gives}: {message}")
            gives += f" (S = {S}, D = {D}, C = {C}, D_S = {D_S}, D_C = {D_C}, L = {L}, K = {K})"
        need(got == expected, f"{gives}. Go layer by layer.")


@exercise("6.4", "a Mixer within budget.")
def check_design(design):
    """design() -> a dict of MlpMixer's arguments, within the budget of the exercise."""
    config = ask(design)
    need(isinstance(config, dict), f"return a dict of MlpMixer's arguments, not {type(config).__name__}.")
    lacking = [name for name in MODELS["B/16"] if name not in config]
    unknown = [name for name in config if name not in MixerConfig.__dataclass_fields__]
    need(not unknown, f"MlpMixer has no argument {' or '.join(map(repr, unknown))}. The names are those of exercise "
                      "6.3.")
    need(not lacking, f"the dict lacks {' and '.join(lacking)}.")
    try:
        with torch.device("meta"):                              # sizes only, however large
            stem = MlpMixer(**config).patch_embedding
    except (TypeError, ValueError) as error:
        raise Wrong(f"MlpMixer refuses this design: {error}.") from None
    takes = [stem.in_channels, *stem.image_size]
    need(takes == [3, 32, 32], f"it takes images of shape {takes}, but those of CIFAR-10 are [3, 32, 32].")
    need(config["num_classes"] == 10, f"num_classes is {config['num_classes']}, expected 10.")
    need(stem.num_patches >= 64, f"it has {stem.num_patches} tokens, expected at least 64: cut smaller patches.")
    need(config["num_blocks"] >= 6, f"num_blocks is {config['num_blocks']}, expected at least 6.")
    need(config["hidden_dim"] >= 96, f"hidden_dim is {config['hidden_dim']}, expected at least 96.")
    parameters, macs = count_parameters(config), count_macs(config)
    need(parameters <= 300_000, f"it has {parameters:,} parameters; the budget is 300,000. Which part has the most?")
    need(macs <= 15_000_000, f"it needs {macs:,} MACs per image; the budget is 15 million. What makes them grow?")
