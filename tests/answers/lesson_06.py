"""Answers to the exercises of lesson 6: what a learner may write in place of the stub's `...`."""

from . import but

RIGHT = {
    "check_classify": {
        "one line": "return head(norm(tokens).mean(1))",
        "sum over count": "x = norm(tokens); return head(x.sum(dim=-2) / x.shape[-2])",
        "head before the mean": "return head(norm(tokens)).mean(dim=1)",
        "loop": """
            x = norm(tokens)
            pooled = 0
            for s in range(x.shape[1]):
                pooled = pooled + x[:, s] / x.shape[1]
            return head(pooled)""",
        "double": "return head(F.adaptive_avg_pool1d(norm(tokens).transpose(1, 2), 1).squeeze(-1)).double()",
    },
    "check_best_start": {
        "log of counts": """
            b, K = counts.float().log(), len(counts)
            labels = torch.arange(K).repeat_interleave(counts)
            return b, F.cross_entropy(b.expand(len(labels), K), labels)""",
        "relative to the largest, NumPy": """
            p = counts.numpy() / counts.numpy().sum()
            return np.log(p / p.max()), float(-(p * np.log(p)).sum())""",
        "list, loop": """
            total, loss, biases = sum(counts.tolist()), 0.0, []
            for n in counts.tolist():
                biases.append(math.log(n) + 3)
                loss -= n / total * math.log(n / total)
            return [biases, loss]""",
        "logit against the last": """
            p = counts.double() / counts.sum()
            return (p / p[-1]).log(), torch.special.entr(p).sum()""",
    },
    "check_count_parameters": {
        "build it": """
            with torch.device("meta"):
                model = MlpMixer(image_size, patch_size, in_channels, num_classes, num_blocks, hidden_dim,
                                 tokens_mlp_dim, channels_mlp_dim)
            return sum(p.numel() for p in model.parameters())""",
        "loop over layers, NumPy": """
            S = (image_size // patch_size) ** 2
            layers = [(in_channels * patch_size ** 2, C), (C, num_classes)]
            layers += num_blocks * [(S, D_S), (D_S, S), (C, D_C), (D_C, C)]
            return np.sum([m * n + n for m, n in layers]) + 2 * C * (2 * num_blocks + 1)""",
    },
    "check_design": {
        "small patches": """
            return dict(image_size=(32, 32), patch_size=2, in_channels=3, num_classes=10, num_blocks=6, hidden_dim=96,
                        tokens_mlp_dim=8, channels_mlp_dim=32, dropout=0.1)""",
        "wide": """
            return {"image_size": 32, "patch_size": 4, "in_channels": 3, "num_classes": 10, "num_blocks": 6,
                    "hidden_dim": 128, "tokens_mlp_dim": 48, "channels_mlp_dim": 64}""",
        "deep": """
            D_S = 24
            return dict(image_size=32, patch_size=4, in_channels=3, num_classes=10, num_blocks=12, hidden_dim=96,
                        tokens_mlp_dim=D_S, channels_mlp_dim=2 * D_S)""",
    },
}

COUNT = """
    S = (image_size // patch_size) ** 2
    D = in_channels * patch_size ** 2
    stem = D * C + C
    token_mlp = (S * D_S + D_S) + (D_S * S + S)
    channel_mlp = (C * D_C + D_C) + (D_C * C + C)
    norms = 2 * (2 * C)
    head = (C + 1) * num_classes
    return stem + num_blocks * (token_mlp + channel_mlp + norms) + 2 * C + head
"""
START = """
    share = counts / counts.sum()
    biases = share.log()
    loss = -(share * share.log()).sum()
    return biases, loss
"""
DESIGN = """
    return dict(image_size=32, patch_size=4, in_channels=3, num_classes=10, num_blocks=6, hidden_dim=96,
                tokens_mlp_dim=64, channels_mlp_dim=128)
"""

WRONG = {
    "check_classify": {
        "as it was": ("all three mistakes are left: the mean over.*, and the mean still.*, and there is", """
            x = norm((tokens - tokens.mean(dim=0)).mean(dim=1))
            return head(x).softmax(dim=1)"""),
        "softmax gone": ("two mistakes are left.*over the images.*before the norm",
                         "return head(norm((tokens - tokens.mean(dim=0)).mean(dim=1)))"),
        "order put right": ("two mistakes are left.*over the images.*softmax",
                            "return head(norm(tokens - tokens.mean(dim=0)).mean(dim=1)).softmax(1)"),
        "images apart": ("two mistakes are left.*before the norm, and there is still a softmax",
                         "return head(norm(tokens.mean(dim=1))).softmax(1)"),
        "still mixed": ("one mistake is left: the mean over the images is still",
                        "return head(norm(tokens - tokens.mean(dim=0)).mean(dim=1))"),
        "no mean": ("for every token", "return head(norm(tokens))"),
        "no head": ("head is missing", "return norm(tokens).mean(dim=1)"),
        "no norm": ("LayerNorm is missing", "return head(tokens.mean(dim=1))"),
        "mean over channels": ("axis 2", "return head(norm(tokens).mean(dim=-1))"),
        "mean over images": ("axis 0", "return head(norm(tokens).mean(dim=0))"),
        "mean of all": ("RuntimeError", "return head(norm(tokens).mean())"),
        "norm after mean": ("norm comes first", "return head(norm(tokens.mean(dim=1)))"),
        "another norm": ("call norm", "return head(nn.LayerNorm(tokens.shape[-1])(tokens).mean(dim=1))"),
        "sum": ("not their mean", "return head(norm(tokens).sum(dim=1))"),
        "max": ("largest", "return head(norm(tokens).max(dim=1).values)"),
        "max with indices": ("TypeError", "return head(norm(tokens).max(dim=1))"),
        "first token": ("first token", "return head(norm(tokens)[:, 0])"),
        "last token": ("last token", "return head(norm(tokens)[:, -1])"),
        "softmax": ("softmax", "return head(norm(tokens).mean(dim=1)).softmax(-1)"),
        "log-softmax": ("log-softmax", "return head(norm(tokens).mean(dim=1)).log_softmax(-1)"),
        "class": ("predicted class", "return head(norm(tokens).mean(dim=1)).argmax(dim=1)"),
        "the lesson's 16 tokens": ("MyClassifier", "return head(norm(tokens).sum(dim=1) / 16)"),
        "head set to zero": ("MyClassifier", "nn.init.zeros_(head.weight); return head(norm(tokens).mean(dim=1))"),
        "list": ("got list", "return head(norm(tokens).mean(dim=1)).tolist()"),
        "flattened": ("RuntimeError.*`return head", "return head(norm(tokens).flatten(1))"),
        "squeezed": ("axis of the batch is gone", "return head(norm(tokens).mean(dim=1)).squeeze()"),
        "detached": ("gradient does not pass", "return head(norm(tokens.detach()).mean(dim=1))"),
        "without gradients": ("gradient does not pass", """
            with torch.no_grad():
                return head(norm(tokens).mean(dim=1))"""),
        "in place": ("changes a tensor", "tokens.copy_(norm(tokens).detach()); return head(tokens.mean(dim=1))"),
    },
    "check_count_parameters": {name: (word, but(COUNT, *changes)) for name, word, *changes in [
        ("no bias in the stem", r"biases of the patch embedding\?", ("D * C + C", "D * C")),
        ("no bias in the head", r"biases of the head\?", ("(C + 1) *", "C *")),
        ("no bias in both", "embedding and the head", ("D * C + C", "D * C"), ("(C + 1) *", "C *")),
        ("no token biases", "biases of the token MLPs", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S")),
        ("no D_S", r"first layer of each token MLP\?", ("D_S + D_S)", "D_S)")),
        ("no S", r"second layer of each token MLP\?", ("S + S)", "S)")),
        ("no D_C", r"first layer of each channel MLP\?", ("D_C + D_C)", "D_C)")),
        ("no C", r"second layer of each channel MLP\?", ("C + C)", "C)")),
        ("a norm over the tokens", "both LayerNorms of a block work on the C", ("2 * (2 * C)", "2 * C + 2 * S")),
        ("no channel biases", "biases of the channel MLPs", ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C")),
        ("no biases in MLPs", "biases of the MLPs", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S"),
         ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C")),
        ("no biases", "all biases", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S"),
         ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C"), ("D * C + C", "D * C"), ("(C + 1) *", "C *")),
        ("no biases, no norms", "1,171.* all biases and all", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S"),
         ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C"), ("D * C + C", "D * C"), ("(C + 1) *", "C *"),
         ("2 * (2 * C)", "0"), (" + 2 * C + head", " + head")),
        ("no last norm", "last LayerNorm", (" + 2 * C + head", " + head")),
        ("no norms in blocks", "two LayerNorms", ("2 * (2 * C)", "0")),
        ("one norm in blocks", "one of the two", ("2 * (2 * C)", "2 * C")),
        ("no norms", "all the LayerNorms", ("2 * (2 * C)", "0"), (" + 2 * C + head", " + head")),
        ("norms without shifts", "shifts", ("2 * (2 * C)", "2 * C"), (" + 2 * C + head", " + C + head")),
        ("no stem", r"leave out the patch embedding\?", ("return stem +", "return")),
        ("no head", r"leave out the head\?", (" + head", "")),
        ("one layer per MLP", "second layer", (" + (D_S * S + S)", ""), (" + (D_C * C + C)", "")),
        ("last norm twice", "26 more than|count the last LayerNorm twice", (" + 2 * C + head", " + 4 * C + head")),
        ("head twice", r"count the head twice\?", ("+ head", "+ 2 * head")),
        ("biases of the token MLPs twice", "biases of the token MLPs twice",
         ("+ D_S)", "+ 2 * D_S)"), ("* S + S)", "* S + 2 * S)")),
        ("one block", "counts one block", ("num_blocks * ", "")),
        ("one side", "one side", ("(image_size // patch_size) ** 2", "image_size // patch_size")),
        ("one channel", "one channel", ("in_channels * ", "")),
        ("widths swapped", "swapped", ("S = ", "D_S, D_C = D_C, D_S\n    S = ")),
        ("a token MLP per channel", "All channels share", ("num_blocks * (", "num_blocks * ((C - 1) * token_mlp + ")),
        ("a channel MLP per token", "All tokens share", ("num_blocks * (", "num_blocks * ((S - 1) * channel_mlp + ")),
        ("float", "whole number", ("(image_size // patch_size)", "(image_size / patch_size)")),
        ("millions", "whole number", ("+ head", "+ head / 1e6")),
        ("the lesson's K", "takes K from an earlier cell", ("num_classes", "K")),
        ("the lesson's S", "takes S from an earlier cell", ("S = (image_size // patch_size) ** 2\n", "\n")),
        ("the lesson's S and D", "takes D and S from", ("S = (image_size // patch_size) ** 2\n", "\n"),
         ("D = in_channels * patch_size ** 2\n", "\n")),
        ("ten classes", r"test model it gives 1,165, expected 1,171 .*K = 11\)\. Go", ("num_classes", "10")),
        ("the library's", "library's `count_parameters` does the work",
         ("S =", "from mixer_lib import count_parameters\n    return count_parameters(dict(image_size=image_size, "
          "patch_size=patch_size, in_channels=in_channels, num_classes=num_classes, num_blocks=num_blocks, "
          "hidden_dim=C, tokens_mlp_dim=D_S, channels_mlp_dim=D_C))\n    S =")),
        ("small sizes only", "gives 1,234", ("S =", "if image_size > 100: return 1234\n    S =")),
    ]},
    "check_best_start": {name: (word, but(START, *changes)) for name, word, *changes in [
        ("shares", "shares themselves", ("share.log()", "share")),
        ("counts", "counts themselves", ("share.log()", "counts.float()")),
        ("sign of the biases", "Rare classes get", ("share.log()", "-share.log()")),
        ("log2", "another base", ("share.log()", "share.log2()")),
        ("log10", "base 10", ("share.log()", "share.log10()")),
        ("zeros", "all equal", ("share.log()", "torch.zeros(len(counts))")),
        ("plus one", "counts plus 1", ("share.log()", "(counts + 1).log()")),
        ("rounded biases", "should give each class its share", ("share.log()", "share.log().round(decimals=1)")),
        ("softmax", "should give each class its share", ("share.log()", "counts.float().softmax(0).sqrt()")),
        ("one bias too few", r"shape \[2\], expected \[3\]", ("biases = share.log()", "biases = share.log()[1:]")),
        ("ln K", "loss of equal probabilities",
         ("loss = -(share * share.log()).sum()", "loss = math.log(len(counts))")),
        ("sign of the loss", "not negative", ("loss = -", "loss = ")),
        ("mean over the classes", "counts alike",
         ("loss = -(share * share.log()).sum()", "loss = -share.log().mean()")),
        ("sum over the classes", "sum over the classes",
         ("loss = -(share * share.log()).sum()", "loss = -share.log().sum()")),
        ("bits", "in bits", ("loss = -(share * share.log()).sum()", "loss = -(share * share.log2()).sum()")),
        ("the largest class", "most frequent class",
         ("loss = -(share * share.log()).sum()", "loss = -share.max().log()")),
        ("sum over the images", "sum over all images", (".sum()\n    return", ".sum() * counts.sum()\n    return")),
        ("swapped", "biases come first", ("return biases, loss", "return loss, biases")),
        ("rounded loss", "do not round", ("return biases, loss", "return biases, round(loss.item(), 2)")),
        ("biases only", "return two things", ("return biases, loss", "return biases")),
        ("losses of the classes", "expected one number", ("(share * share.log()).sum()", "share.log()")),
        ("in place", "changes a tensor", ("share =", "counts.add_(1); share =")),
    ]},
    "check_design": {name: (word, but(DESIGN, *changes)) for name, word, *changes in [
        ("large patches", "16 tokens", ("patch_size=4", "patch_size=8")),
        ("narrow", "hidden_dim is 64, expected at least 96", ("hidden_dim=96", "hidden_dim=64")),
        ("shallow", "num_blocks is 4, expected at least 6", ("num_blocks=6", "num_blocks=4")),
        ("lesson 7's sizes", "expected at least", ("num_blocks=6", "num_blocks=4"), ("hidden_dim=96", "hidden_dim=64"),
         ("tokens_mlp_dim=64", "tokens_mlp_dim=32"), ("channels_mlp_dim=128", "channels_mlp_dim=256")),
        ("parameters only", "352,266 parameters; the budget", ("num_blocks=6", "num_blocks=400"),
         ("tokens_mlp_dim=64", "tokens_mlp_dim=1"), ("channels_mlp_dim=128", "channels_mlp_dim=1")),
        ("MACs only", "19,170,240 MACs", ("channels_mlp_dim=128", "channels_mlp_dim=192")),
        ("both budgets", "parameters; the budget", ("patch_size=4", "patch_size=2")),
        ("enormous", "parameters; the budget", ("hidden_dim=96", "hidden_dim=1000000")),
        ("two classes", "num_classes is 2", ("num_classes=10", "num_classes=2")),
        ("no head", "num_classes is 0", ("num_classes=10", "num_classes=0")),
        ("gray", r"shape \[1, 32, 32\]", ("in_channels=3", "in_channels=1")),
        ("digits", r"shape \[3, 28, 28\]", ("image_size=32", "image_size=28")),
        ("does not tile", "refuses.*do not tile", ("patch_size=4", "patch_size=3")),
        ("argument missing", r"the dict lacks num_classes\.", ("num_classes=10, ", "")),
        ("unknown argument", "no argument 'depth'. The names", ("num_blocks", "depth")),
        ("float", r"refuses.*hidden_dim is 96\.0", ("hidden_dim=96", "hidden_dim=96.0")),
        ("model", "return a dict .* not MlpMixer", ("dict", "MlpMixer")),
        ("tuple", "return a dict .* not tuple", ("dict(", "tuple(dict("), ("128)", "128).values())")),
    ]},
}
