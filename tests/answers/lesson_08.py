"""Answers to the exercises of lesson 8: what a learner may write in place of the stub's `...`."""

from . import but

RIGHT = {
    "check_soft_loss": {
        "by hand": "return -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()",
        "logsumexp": "return (logits.logsumexp(1) * shares.sum(1) - (logits * shares).sum(1)).double().mean()",
        "loop": """
            total = 0.0
            for z, q in zip(logits, shares):
                log_p = z - z.logsumexp(0)
                total -= (q * log_p).sum().item()
            return total / len(logits)""",
        "numpy": """
            z = logits.numpy().astype(np.float64)
            log_p = z - z.max(1, keepdims=True)
            log_p = log_p - np.log(np.exp(log_p).sum(1, keepdims=True))
            return -(shares.numpy() * log_p).sum() / len(z)""",
    },
    "check_cutmix": {
        "loops": """
            t, l, h, w = box
            out, q = x.clone(), torch.zeros(len(x), num_classes)
            for i in range(len(x)):
                out[i, :, t:t + h, l:l + w] = x[i - 1, :, t:t + h, l:l + w]
                share = h * w / (x.shape[2] * x.shape[3])
                q[i, y[i]] += 1 - share
                q[i, y[i - 1]] += share
            return out, q""",
        "mask": """
            t, l, h, w = box
            mask = torch.zeros(x.shape[2:], dtype=torch.bool)
            mask[t:t + h, l:l + w] = True
            q = torch.eye(num_classes)[y]
            s = mask.float().mean()
            return [torch.where(mask, x.roll(1, 0), x), q + s * (q.roll(1, 0) - q)]""",
        "index": """
            t, l, h, w = box
            before = torch.arange(len(x)) - 1
            out = x.detach().clone()
            out[..., t:t + h, l:l + w] = x[before][..., t:t + h, l:l + w]
            lam = 1 - h * w / x[0, 0].numel()
            q = F.one_hot(y, num_classes).double()
            return out, lam * q + (1 - lam) * q[before]""",
    },
    "check_my_change": {
        "learning rate": "return {'lr': 1e-3}",
        "two at once": "return dict(flip=True, crop_padding=4)",
        "longer, with resized crops": "return {'epochs': 24, 'resized_crop': 0.5, 'warmup_epochs': 2}",
    },
    "check_gain": {
        "plain": """
            def mean(v):
                return sum(v) / len(v)
            def squared(v):
                return sum((a - mean(v)) ** 2 for a in v) / (len(v) - 1) / len(v)
            return mean(after) - mean(before), (squared(before) + squared(after)) ** 0.5""",
        "numpy": """
            error = np.sqrt(np.var(before, ddof=1) / len(before) + np.var(after, ddof=1) / len(after))
            return np.mean(after) - np.mean(before), error""",
        "tensor": """
            a, b = torch.tensor(before), torch.tensor(after)
            return b.mean() - a.mean(), (a.var() / len(a) + b.var() / len(b)).sqrt()""",
    },
}

LOSS = "return -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()"
CUTMIX = """
    top, left, height, width = box
    mixed = x.clone()
    lines, columns = slice(top, top + height), slice(left, left + width)
    mixed[:, :, lines, columns] = x.roll(1, dims=0)[:, :, lines, columns]
    share = height * width / (x.shape[2] * x.shape[3])
    own = F.one_hot(y, num_classes).float()
    other = own.roll(1, dims=0)
    return mixed, (1 - share) * own + share * other
"""
GAIN = """
    a, b = torch.tensor(before).double(), torch.tensor(after).double()
    m, n = len(a), len(b)
    error = (a.var() / m + b.var() / n).sqrt()
    return (b.mean() - a.mean()).item(), error.item()
"""

WRONG = {
    "check_soft_loss": {name: (word, but(LOSS, *changes)) for name, word, *changes in [
        ("sign", "The sign", ("-(", "(")),
        ("sum", "mean", (".mean()", ".sum()")),
        ("over the classes too", "Within an image, add up", (".sum(dim=1).mean()", ".mean()")),
        ("no logarithm", "Take the logarithm of the prob", ("log_softmax", "softmax")),
        ("logits", "not yet logarithms", (".log_softmax(dim=1)", "")),
        ("wrong axis", "over the images. It should", ("log_softmax(dim=1)", "log_softmax(dim=0)")),
        ("log of softmax", "rounds to 0", ("log_softmax(dim=1)", "softmax(dim=1).clamp(min=1e-30).log()")),
        ("each image", "expected one number, got 4", (".mean()", "")),
        ("squares", r"expected [0-9.]+\. For each image", (LOSS, "return ((logits.softmax(1) - shares) ** 2).mean()")),
        ("hard labels", "by its share", (LOSS, "return cross_entropy(logits, shares.argmax(dim=1))")),
        ("softmax twice", "softmax twice", (LOSS, "return cross_entropy(logits.softmax(1), shares)")),
        ("swapped", "of the network's probabilities",
         (LOSS, "return -(logits.softmax(1) * shares.clamp(min=1e-9).log()).sum(1).mean()")),
        ("torch's own", "PyTorch's own cross_entropy", (LOSS, "return cross_entropy(logits, shares).item()")),
        ("torch's own, as a module", "PyTorch's own cross_entropy",
         (LOSS, "return nn.CrossEntropyLoss()(logits, shares)")),
        ("divergence", "logarithms of the shares",
         (LOSS, "return F.kl_div(logits.log_softmax(1), shares, reduction='batchmean')")),
        ("bits", "base 2", (".mean()", ".mean() / math.log(2)")),
        ("rounded", "Rounding belongs",
         (LOSS, "return round((-(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()).item(), 2)")),
        ("a batch of 4", r"logits \[7, 5\]", (".mean()", ".sum() / 4")),
        ("in place", "changes a tensor", (LOSS, "return -shares.mul_(logits.log_softmax(1)).sum(1).mean()")),
    ]},
    "check_cutmix": {name: (word, but(CUTMIX, *changes)) for name, word, *changes in [
        ("nothing pasted", "nothing is pasted", ("x.roll(1, dims=0)[", "x[")),
        ("the image after", "from the next image", ("x.roll(1, dims=0)", "x.roll(-1, dims=0)")),
        ("the other way round", "everything but the box",
         ("mixed = x.clone()", "mixed = x.roll(1, dims=0)"), ("x.roll(1, dims=0)[", "x[")),
        ("rows and columns", "rows come first", ("top, left, height, width = box", "left, top, width, height = box")),
        ("ends", "where the box ends", ("top + height", "height"), ("left + width", "width")),
        ("one channel", "only one channel", ("[:, :, lines, columns]", "[:, 0, lines, columns]")),
        ("blended", "as in MixUp", ("x.clone()", "x.clone() / 2 + x / 2"),
         ("= x.roll(1, dims=0)[:, :, lines, columns]",
          "= (x.roll(1, dims=0)[:, :, lines, columns] + x[:, :, lines, columns]) / 2")),
        ("roll without dims", "roll over dim 0", ("x.roll(1, dims=0)", "x.roll(1)")),
        ("in place", "changes a tensor", ("x.clone()", "x")),
        ("from the pasted", "already pasted", ("mixed[:, :, lines, columns] = x.roll(1, dims=0)[:, :, lines, columns]",
                                                "for i in range(len(x)):\n        "
                                                "mixed[i, :, lines, columns] = mixed[i - 1, :, lines, columns]")),
        ("only the images", "return two things", ("return mixed, (1 - share) * own + share * other", "return mixed")),
        ("shares swapped", "shares are swapped", ("(1 - share) * own + share", "share * own + (1 - share)")),
        ("labels as they were", "images alone", ("(1 - share) * own + share * other", "own")),
        ("labels of the image after", "label is that of the next image",
         ("own.roll(1, dims=0)", "own.roll(-1, dims=0)")),
        ("channels", "channels of a pixel together", ("(x.shape[2] * x.shape[3])", "x[0].numel()")),
        ("half", "half and half", ("(1 - share) * own + share * other", "(own + other) / 2")),
        ("more than 1", "add up to more than 1", ("(1 - share) * own", "own")),
        ("the other share assigned", "add the shares up: the pasted image's share overwrote",
         ("return mixed, (1 - share) * own + share * other", """shares = (1 - share) * own
    shares[range(len(x)), y.roll(1)] = share
    return mixed, shares""")),
        ("the own share assigned", "add the shares up: the image's own share overwrote",
         ("return mixed, (1 - share) * own + share * other", """shares = share * other
    shares[range(len(x)), y] = 1 - share
    return mixed, shares""")),
        ("three channels", "Inside the box should be the image before", ("[:, :, lines", "[:, :3, lines")),
        ("classes that occur", r"shape \[4, 3\], expected \[4, 4\]", ("num_classes)", "int(y.max()) + 1)")),
        ("pixels that changed", "of 35 pixels",
         ("height * width / (x.shape[2] * x.shape[3])", "(mixed != x).float().mean()")),
        ("images of 24 pixels", "of 35 pixels", ("(x.shape[2] * x.shape[3])", "24")),
        ("side by side", r"shape \[3\], expected \[3, 5\]", ("(1 - share) * own + share * other", "y")),
    ]},
    "check_gain": {name: (word, but(GAIN, *changes)) for name, word, *changes in [
        ("backwards", "after minus before", ("b.mean() - a.mean()", "a.mean() - b.mean()")),
        ("medians", "the difference of the means is", ("b.mean() - a.mean()", "b.max() - a.max()")),
        ("population", "n - 1", ("a.var()", "a.var(correction=0)"), ("b.var()", "b.var(correction=0)")),
        ("not divided", "by its n", (" / m", ""), (" / n", "")),
        ("added up", "squares do", ("(a.var() / m + b.var() / n).sqrt()", "a.std() / m ** 0.5 + b.std() / n ** 0.5")),
        ("no root", "take the square root", (".sqrt()", "")),
        ("after alone", "`before` varies, too", ("a.var() / m + ", "")),
        ("all runs", "its own runs", ("(a.var() / m + b.var() / n)", "((a.var() + b.var()) / (m + n))")),
        ("another", "the standard error is [0-9.]+, not", ("error.item()", "2 * error.item()")),
        ("all runs together", "all runs together",
         ("(a.var() / m + b.var() / n)", "(torch.cat([a, b]).var() / (m + n))")),
        ("three runs each", "the standard error is", ("a.var() / m + b.var() / n", "a.var() / 3 + b.var() / 3")),
        ("rounded", "your standard error is .*Rounding belongs", ("error.item()", "round(error.item(), 3)")),
        ("rounded difference", "your difference is .*Rounding belongs",
         ("(b.mean() - a.mean()).item()", "round((b.mean() - a.mean()).item(), 3)")),
        ("as pairs", "runs are not pairs",
         ("(a.var() / m + b.var() / n)", "((b[:min(m, n)] - a[:min(m, n)]).var() / min(m, n))")),
        ("one number", "Return two numbers", (", error.item()", "")),
        ("sorts the lists", "changes a list", ("return", "before.sort(); after.sort()\n    return")),
        ("text", "Return two numbers|expected a number", ("error.item()", "'small'")),
    ]},
    "check_my_change": {name: (word, f"return {answer}") for name, word, answer in [
        ("a row of the table", "already, 'flips'", "{'flip': True}"),
        ("a row, with more words", "already, 'crops'", "dict(crop_padding=4, lr=3e-3, epochs=16)"),
        ("several, a row", "already, 'the same and CutMix 0.5'",
         "dict(crop_padding=4, flip=True, label_smoothing=0.1, weight_decay=0.1, cutmix=0.5)"),
        ("plain itself", "changes nothing", "{'lr': 0.003, 'weight_decay': 0.0}"),
        ("empty", "empty", "{}"),
        ("no such argument", "no argument 'flips'.*flip", "{'flips': True}"),
        ("learning_rate", "no argument 'learning_rate'", "{'learning_rate': 0.01}"),
        ("the model's drop_path", "drop_path belongs to the model", "{'drop_path': 0.1}"),
        ("a size of the model", "hidden_dim belongs to the model", "{'hidden_dim': 128}"),
        ("unlike any argument", "choose from (?!.*(seed|patience)).*cutmix", "{'zzz': 1}"),
        ("seed", "leave seed as it is", "{'seed': 7}"),
        ("patience", "leave patience as it is", "{'patience': 3, 'lr': 0.01}"),
        ("other images held out", "leave val_fraction", "{'val_fraction': 0.2}"),
        ("too strong", "cannot be run: randaugment is 50", "{'randaugment': 50}"),
        ("a text", "cannot be run", "{'lr': 'large'}"),
        ("not whole", "cannot be run: randaugment is 9.0", "{'randaugment': 9.0}"),
        ("too wide a crop", "cannot be run: .*crop", "{'crop_padding': -1}"),
        ("very long", "640 epochs would take", "{'epochs': 640}"),
        ("one huge batch", "larger than the set", "{'batch_size': 5000}"),
        ("a recipe", "returns Recipe, expected a dict", "__import__('mixer_lib').training.Recipe(lr=0.01)"),
        ("a name", "returns str, expected a dict", "'flips'"),
    ]},
}
