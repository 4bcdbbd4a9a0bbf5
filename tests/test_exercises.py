"""The checks of the exercises take every right answer, and say of a wrong one what is wrong.

An answer below is what a learner writes in place of the stub's `...`; the stubs and solutions are the lessons' own.
"""

import inspect
import linecache
import math
import re
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

import lessons
from mixer_lib import MlpMixer, exercises, patchify, unpatchify

NAMES = dict(torch=torch, nn=nn, F=nn.functional, cross_entropy=nn.functional.cross_entropy, np=np, math=math,
             patchify=patchify, unpatchify=unpatchify, MlpMixer=MlpMixer,
             D=49, S=16, L=4, K=10)                             # the letters that lesson 6 leaves behind


def find_exercises():
    """{check: (stub, solution)}, the source of the tagged cells, the check being what the next code cell calls."""
    found = {}
    for pair in lessons.find_pairs():
        if pair.name != pair.text.stem:
            solutions = lessons.read_text(pair.text)
            stubs = lessons.exercises(lessons.read_text(pair.text.parents[1] / pair.text.name))
            code = [cell for cell in solutions.cells if cell.cell_type == "code"]
            for tag, cell in lessons.exercises(solutions).items():
                check = re.search(r"exercises\.(check_\w+)\(", code[code.index(cell) + 1].source)[1]
                found[check] = (stubs[tag].source, cell.source)
    return found


EXERCISES = find_exercises()


def run_cell(source):
    """The last function that `source` defines; as in a notebook, Python can quote its lines."""
    file = "<cell>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = dict(NAMES)
    exec(compile(source, file, "exec"), names)
    return names[re.findall(r"^def (\w+)", source, re.M)[-1]]


def written(check, body):
    """The stub of an exercise with `body` in place of its `...`."""
    stub = EXERCISES[check][0]
    assert stub.count("    ...  # your code here") == 1
    return run_cell(stub.replace("    ...  # your code here", textwrap.indent(textwrap.dedent(body).strip(), "    ")))


@pytest.fixture
def message(capsys):
    """message(check, answer): what the check prints, one line."""
    def run(check, answer):
        capsys.readouterr()
        assert getattr(exercises, check)(answer) is None
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert not err and len([line for line in lines if re.match("[✓✗○] Exercise", line)]) == 1, out
        return lines[-1]
    return run


def table(answers):
    return [pytest.param(check, *((entry,) if isinstance(entry, str) else entry), id=f"{check[6:]}-{name}")
            for check, entries in answers.items() for name, entry in entries.items()]


# ---- right answers, written in other ways -----------------------------------------------------------------------

RIGHT = {
    "check_table_shape": {
        "list": "return [(image_size // patch_size) ** 2, in_channels * patch_size * patch_size]",
        "tensor": """
            shape = patchify(torch.zeros(1, in_channels, image_size, image_size), patch_size).shape
            return shape[1:]""",
        "numpy": "return np.square(image_size // patch_size), np.prod([in_channels, patch_size, patch_size])",
        "0-d tensors": """
            return torch.tensor((image_size // patch_size) ** 2), torch.tensor(in_channels * patch_size ** 2)""",
        "int of a float": "return int(image_size / patch_size) ** 2, in_channels * patch_size ** 2",
        "loop": """
            S = 0
            for top in range(0, image_size, patch_size):
                for left in range(0, image_size, patch_size):
                    S += 1
            return S, in_channels * image_size ** 2 // S""",
    },
    "check_find_pixel": {
        "divmod": """
            (i, u), (j, v) = divmod(row, P), divmod(column, P)
            return i * (image_size // P) + j, (channel * P + u) * P + v""",
        "search": """
            image = torch.zeros(1, 3, image_size, image_size)
            image[0, channel, row, column] = 1
            return tuple(patchify(image, P)[0].nonzero()[0])""",
        "list": """
            s = (row // P) * (image_size // P) + column // P
            return [s, np.ravel_multi_index((channel, row % P, column % P), (3, P, P))]""",
    },
    "check_patchify_channels_last": {
        "F.unfold": """
            x = F.unfold(images, P, stride=P).transpose(1, 2)
            return x.reshape(B, -1, C_in, P * P).transpose(2, 3).flatten(2)""",
        "unfold": """
            x = images.unfold(2, P, P).unfold(3, P, P)
            return x.permute(0, 2, 3, 4, 5, 1).reshape(B, -1, P * P * C_in)""",
        "loop and stack": """
            rows = []
            for top in range(0, H, P):
                for left in range(0, W, P):
                    rows.append(images[:, :, top:top + P, left:left + P].permute(0, 2, 3, 1).flatten(1))
            return torch.stack(rows, dim=1)""",
        "permute first": """
            x = images.permute(0, 2, 3, 1).reshape(B, H // P, P, W // P, P, C_in)
            return x.swapaxes(2, 3).reshape(B, -1, P * P * C_in)""",
        "from the lesson's": "return patchify(images, P).reshape(B, -1, C_in, P * P).mT.reshape(B, -1, P * P * C_in)",
        "integers": "return patchify(images.permute(0, 1, 2, 3), P).int().unflatten(2, (C_in, -1)).mT.flatten(2)",
    },
    "check_unpatchify": {
        "F.fold": "return F.fold(patches.transpose(1, 2), (H, W), P, stride=P)",
        "loop": """
            images = torch.zeros(B, C_in, H, W)
            for s in range(S):
                top, left = s // (W // P) * P, s % (W // P) * P
                images[:, :, top:top + P, left:left + P] = patches[:, s].reshape(B, C_in, P, P)
            return images""",
        "concatenated": """
            squares = patches.reshape(B, S, C_in, P, P).unbind(1)
            n = W // P
            return torch.cat([torch.cat(squares[i:i + n], 3) for i in range(0, S, n)], 2)""",
        "integers": "return unpatchify(patches.long(), P, (H, W))",
    },
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
    "check_accuracy": {
        "loop": """
            hits = 0
            for row, label in zip(logits, labels):
                if row.argmax() == label:
                    hits += 1
            return hits / len(labels)""",
        "tensor": "return (logits.max(dim=1).indices == labels).double().mean()",
        "softmax": "return ((logits.softmax(1).topk(1).indices[:, 0] == labels).sum() / labels.shape[0]).item()",
        "numpy": "return np.mean(logits.numpy().argmax(-1) == labels.numpy())",
    },
    "check_train_step": {
        "zero_grad first": """
            model.train()
            optimizer.zero_grad(set_to_none=True)
            loss = nn.CrossEntropyLoss()(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.tolist()""",
        "zero_grad last": """
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
            return loss.detach()""",
        "set to None": """
            for p in model.parameters():
                p.grad = None
            loss = F.nll_loss(model(x).log_softmax(1), y)
            loss.backward()
            optimizer.step()
            return loss.detach().numpy()""",
        "closure": """
            def closure():
                model.zero_grad()
                loss = cross_entropy(model(x), y)
                loss.backward()
                return loss
            return optimizer.step(closure).item()""",
    },
    "check_confusion_matrix": {
        "loop": """
            matrix = torch.zeros(num_classes, num_classes)
            for true, predicted in zip(labels, predictions):
                matrix[true, predicted] += 1
            return matrix""",
        "index_put_": """
            matrix = torch.zeros(num_classes, num_classes, dtype=torch.int32)
            ones = torch.ones(len(labels), dtype=torch.int32)
            return matrix.index_put_((labels, predictions), ones, accumulate=True)""",
        "one-hot": "return F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes)",
        "numpy": """
            matrix = np.zeros((num_classes, num_classes))
            np.add.at(matrix, (labels.numpy(), predictions.numpy()), 1)
            return torch.from_numpy(matrix)""",
    },
}

# ---- wrong answers: (what the message must say, the answer) -----------------------------------------------------

CUT = "x = images.reshape(B, C_in, H // P, P, W // P, P)\n"
PASTE = "x = patches.reshape(B, H // P, W // P, C_in, P, P)\n"
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
DESIGN = """
    return dict(image_size=32, patch_size=4, in_channels=3, num_classes=10, num_blocks=6, hidden_dim=96,
                tokens_mlp_dim=64, channels_mlp_dim=128)
"""
STEP = """
    loss = cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""


def but(answer, *changes):
    """`answer` with each `old` of `changes` become `new`."""
    for old, new in changes:
        assert old in answer
        answer = answer.replace(old, new)
    return answer


WRONG = {
    "check_table_shape": {
        "one side": ("along one side", "return image_size // patch_size, in_channels * patch_size ** 2"),
        "one channel": ("all 3 channels", "return (image_size // patch_size) ** 2, patch_size ** 2"),
        "one line": ("one line", "return (image_size // patch_size) ** 2, in_channels * patch_size"),
        "swapped": ("other way round", "return in_channels * patch_size ** 2, (image_size // patch_size) ** 2"),
        "float": ("whole numbers", "return (image_size / patch_size) ** 2, in_channels * patch_size ** 2"),
        "patches of one pixel": ("expected", "return image_size ** 2 // patch_size, in_channels * patch_size ** 2"),
        "off by one": ("expected", "return (image_size // patch_size + 1) ** 2, in_channels * patch_size ** 2"),
        "the lesson's sizes": (r"table_shape\(28, 7, 1\) .* expected \(16, 49\)", "return 16, 192"),
        "the lesson's S": (r"\(224, 16, 3\)", "return 16, in_channels * patch_size ** 2"),
        "always three colors": (r"\(28, 7, 1\)", "return (image_size // patch_size) ** 2, 3 * patch_size ** 2"),
        "one number": ("a tuple", "return (image_size // patch_size) ** 2"),
        "with the batch": ("a tuple", "return 1, (image_size // patch_size) ** 2, in_channels * patch_size ** 2"),
        "a string": ("a tuple", "return f'({(image_size // patch_size) ** 2}, {in_channels * patch_size ** 2})'"),
        "an array": ("a tuple", "return np.array([(image_size // patch_size) ** 2, in_channels * patch_size ** 2])"),
    },
    "check_find_pixel": {
        "swapped": ("other way round", """
            s = row // P * (image_size // P) + column // P
            return channel * P * P + row % P * P + column % P, s"""),
        "down the columns": ("along a row of the grid", "return column // P * (image_size // P) + row // P, 0"),
        "times P": ("Not P", "return row // P * P + column // P, 0"),
        "added": ("above the pixel counts", "return row // P + column // P, 0"),
        "pixels for patches": ("not pixels", "return row // P * image_size + column // P, 0"),
        "grid row alone": ("And the column", "return row // P, 0"),
        "grid row's first patch": ("And the column", "return row // P * (image_size // P), 0"),
        "grid column alone": ("And the row", "return column // P, 0"),
        "patches from 1": ("begins at 0", "return row // P * (image_size // P) + column // P + 1, 0"),
        "float": ("whole numbers", "return row / P * (image_size / P) + column / P, 0"),
        "the lesson's sizes": (r"12, 4\)", """
            return row // 8 * 4 + column // 8, channel * 64 + row % 8 * 8 + column % 8"""),
        "one number": ("a tuple", "return row // P * (image_size // P) + column // P"),
        **{name: (word, f"return row // P * (image_size // P) + column // P, {d}") for name, word, d in [
            ("numbers from 1", "begins at 0", "channel * P * P + row % P * P + column % P + 1"),
            ("no channel", "channel is missing", "row % P * P + column % P"),
            ("channel of the image", r"channel of the patch is worth P \* P",
             "channel * image_size * image_size + row % P * P + column % P"),
            ("channel worth P", r"worth P \* P", "channel * P + row % P * P + column % P"),
            ("channel worth 1", r"worth P \* P", "channel + row % P * P + column % P"),
            ("from the image's corner", "corner of the patch", "channel * P * P + row * P + column"),
            ("line of the image", "line of the patch is worth P num",
             "channel * P * P + row % P * image_size + column % P"),
            ("line worth 1", "line of the patch is worth P num", "channel * P * P + row % P + column % P"),
            ("transposed", "along a line first", "channel * P * P + column % P * P + row % P"),
            ("channels last", r"\(channel, row, column\)", "(row % P * P + column % P) * 3 + channel"),
        ]},
    },
    "check_patchify_channels_last": {
        "the lesson's order": ("lesson's order", "return patchify(images, P)"),
        "reshape alone": ("reshape alone .* strips", "return images.reshape(B, (H // P) * (W // P), P * P * C_in)"),
        "permute, no split": ("channels come last, but .* strips",
                              "return images.permute(0, 2, 3, 1).reshape(B, -1, P * P * C_in)"),
        "channel moved by reshape": (r"reshape cannot move .*then permute\.$", """
            x = images.reshape(B, H // P, P, W // P, P, C_in)
            return x.permute(0, 1, 3, 2, 4, 5).reshape(B, -1, P * P * C_in)"""),
        "down the columns": ("down the columns",
                             CUT + "return x.permute(0, 4, 2, 3, 5, 1).reshape(B, -1, P * P * C_in)"),
        "transposed": ("transposed", CUT + "return x.permute(0, 2, 4, 5, 3, 1).reshape(B, -1, P * P * C_in)"),
        "channel in the middle": ("last of all",
                                  CUT + "return x.permute(0, 2, 4, 3, 1, 5).reshape(B, -1, P * P * C_in)"),
        "pixels before patches": ("which patch come before",
                                  CUT + "return x.permute(0, 3, 5, 2, 4, 1).reshape(B, -1, P * P * C_in)"),
        "split the wrong way": ("far apart", """
            x = images.reshape(B, C_in, P, H // P, P, W // P)
            return x.permute(0, 3, 5, 2, 4, 1).reshape(B, -1, P * P * C_in)"""),
        "on its side": ("on its side", CUT + "x = x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in)\n"
                                             "return x.transpose(1, 2)"),
        "no merge": (r"shape \[2, 2, 3, 2, 2, 3\]", CUT + "return x.permute(0, 2, 4, 3, 5, 1)"),
        "batch merged": (r"shape \[12, 12\]", CUT + "return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, P * P * C_in)"),
        "view": ("RuntimeError.*view.*`return x.permute",
                 CUT + "return x.permute(0, 2, 4, 3, 5, 1).view(B, -1, P * P * C_in)"),
        "three colors": ("invalid for input", CUT.replace("C_in", "3") +
                         "return x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * 3)"),
        "the lesson's sizes": ("invalid for input", "return images.reshape(B, C_in, 4, 8, 4, 8)"),
        "list": ("expected a torch tensor, got list", """
            return [images[0, :, top:top + P, left:left + P].permute(1, 2, 0).flatten()
                    for top in range(0, H, P) for left in range(0, W, P)]"""),
        "array": ("expected a torch tensor, got ndarray",
                  CUT + "return x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in).numpy()"),
        "flipped": (r"at \[0, 0, 0\].*shape is right",
                    CUT + "return x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in).flip(2)"),
        "in place": ("changes a tensor", CUT + """
out = x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C_in)
images.zero_()
return out"""),
    },
    "check_unpatchify": {
        "reshape alone": ("reshape alone", "return patches.reshape(B, C_in, H, W)"),
        "transposed": ("transposed", PASTE + "return x.permute(0, 3, 1, 5, 2, 4).reshape(B, C_in, H, W)"),
        "down the columns": ("down the columns", """
            x = patches.reshape(B, W // P, H // P, C_in, P, P)
            return x.permute(0, 3, 2, 4, 1, 5).reshape(B, C_in, H, W)"""),
        "channels last": ("order of exercise 1.3", """
            x = patches.reshape(B, H // P, W // P, P, P, C_in)
            return x.permute(0, 5, 1, 3, 2, 4).reshape(B, C_in, H, W)"""),
        "same permute again": ("repeats the permute",
                               PASTE + "return x.permute(0, 2, 4, 1, 3, 5).reshape(B, C_in, H, W)"),
        "wrong merge": ("side by side", PASTE + "return x.permute(0, 3, 1, 2, 4, 5).reshape(B, C_in, H, W)"),
        "channel first": ("takes the channel too early", """
            x = patches.reshape(B, C_in, H // P, W // P, P, P)
            return x.permute(0, 1, 2, 4, 3, 5).reshape(B, C_in, H, W)"""),
        "sides swapped": (r"shape \[2, 3, 6, 4\]", PASTE + "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, W, H)"),
        "no merge": (r"shape \[2, 3, 2, 2, 3, 2\]", PASTE + "return x.permute(0, 3, 1, 4, 2, 5)"),
        "square": ("invalid for input", """
            n = int(S ** 0.5)
            x = patches.reshape(B, n, n, C_in, P, P)
            return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, n * P, n * P)"""),
        "three colors": (r"tensor \[1, 20, 18\]", "C_in = 3\n" + PASTE +
                         "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W)"),
        "array": ("got ndarray", PASTE + "return x.permute(0, 3, 1, 4, 2, 5).reshape(B, C_in, H, W).numpy()"),
    },
    "check_classify": {
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
        "the lesson's 16 tokens": ("MyMixer", "return head(norm(tokens).sum(dim=1) / 16)"),
        "head set to zero": ("MyMixer", "nn.init.zeros_(head.weight); return head(norm(tokens).mean(dim=1))"),
        "list": ("got list", "return head(norm(tokens).mean(dim=1)).tolist()"),
        "flattened": ("RuntimeError.*`return head", "return head(norm(tokens).flatten(1))"),
        "in place": ("changes a tensor", "tokens.copy_(norm(tokens).detach()); return head(tokens.mean(dim=1))"),
    },
    "check_count_parameters": {name: (word, but(COUNT, *changes)) for name, word, *changes in [
        ("no bias in the stem", "biases of the patch embedding,", ("D * C + C", "D * C")),
        ("no bias in the head", "biases of the head,", ("(C + 1) *", "C *")),
        ("no bias in both", "embedding and the head", ("D * C + C", "D * C"), ("(C + 1) *", "C *")),
        ("no token biases", "biases of the token MLPs", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S")),
        ("no channel biases", "biases of the channel MLPs", ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C")),
        ("no biases in MLPs", "biases of the MLPs", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S"),
         ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C")),
        ("no biases", "all biases", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S"),
         ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C"), ("D * C + C", "D * C"), ("(C + 1) *", "C *")),
        ("no biases, no norms", "1,171: all biases and all", ("(S * D_S + D_S) + (D_S * S + S)", "2 * S * D_S"),
         ("(C * D_C + D_C) + (D_C * C + C)", "2 * C * D_C"), ("D * C + C", "D * C"), ("(C + 1) *", "C *"),
         ("2 * (2 * C)", "0"), (" + 2 * C + head", " + head")),
        ("no last norm", "last LayerNorm", (" + 2 * C + head", " + head")),
        ("no norms in blocks", "two LayerNorms", ("2 * (2 * C)", "0")),
        ("one norm in blocks", "one of the two", ("2 * (2 * C)", "2 * C")),
        ("no norms", "all the LayerNorms", ("2 * (2 * C)", "0"), (" + 2 * C + head", " + head")),
        ("norms without shifts", "shifts", ("2 * (2 * C)", "2 * C"), (" + 2 * C + head", " + C + head")),
        ("no stem", "the patch embedding,", ("return stem +", "return")),
        ("no head", "the head,", (" + head", "")),
        ("one layer an MLP", "second layer", (" + (D_S * S + S)", ""), (" + (D_C * C + C)", "")),
        ("one block", "counts one block", ("num_blocks * ", "")),
        ("one side", "one side", ("(image_size // patch_size) ** 2", "image_size // patch_size")),
        ("one channel", "one channel", ("in_channels * ", "")),
        ("widths swapped", "swapped", ("S = ", "D_S, D_C = D_C, D_S\n    S = ")),
        ("a token MLP a channel", "all channels share", ("num_blocks * (", "num_blocks * ((C - 1) * token_mlp + ")),
        ("a channel MLP a token", "all tokens share", ("num_blocks * (", "num_blocks * ((S - 1) * channel_mlp + ")),
        ("float", "whole number", ("(image_size // patch_size)", "(image_size / patch_size)")),
        ("millions", "whole number", ("+ head", "+ head / 1e6")),
        ("the lesson's K", "takes K from an earlier cell", ("num_classes", "K")),
        ("the lesson's S", "takes S from an earlier cell", ("S = (image_size // patch_size) ** 2\n", "\n")),
        ("the lesson's S and D", "takes D and S from", ("S = (image_size // patch_size) ** 2\n", "\n"),
         ("D = in_channels * patch_size ** 2\n", "\n")),
        ("ten classes", r"test model it gives 1,165, expected 1,171 .*K = 11\)\. Go", ("num_classes", "10")),
        ("small sizes only", "gives 1,234", ("S =", "if image_size > 100: return 1234\n    S =")),
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
        ("does not tile", "refuses.*does not divide", ("patch_size=4", "patch_size=3")),
        ("argument missing", "refuses.*num_classes", ("num_classes=10, ", "")),
        ("unknown argument", "refuses.*depth", ("num_blocks", "depth")),
        ("float", r"refuses.*hidden_dim is 96\.0", ("hidden_dim=96", "hidden_dim=96.0")),
        ("model", "return a dict .* not MlpMixer", ("dict", "MlpMixer")),
        ("tuple", "return a dict .* not tuple", ("dict(", "tuple(dict("), ("128)", "128).values())")),
    ]},
    "check_accuracy": {
        "count": ("not their number", "return (logits.argmax(1) == labels).sum().item()"),
        "percent": ("percent", "return 100 * (logits.argmax(1) == labels).float().mean().item()"),
        "mistakes": ("mistakes", "return (logits.argmax(1) != labels).float().mean().item()"),
        "wrong axis": ("wrong axis", "return (logits.argmax(0) == labels).float().mean().item()"),
        "no axis": ("needs dim=1", "return (logits.argmax() == labels).float().mean().item()"),
        "logits for classes": ("gives 0", "return (logits.max(1).values == labels).float().mean().item()"),
        "//": ("//", "return (logits.argmax(1) == labels).sum().item() // len(labels)"),
        "over the classes": ("0.667 where 2 of 4 images",
                             "return ((logits.argmax(1) == labels).sum() / logits.shape[1]).item()"),
        "batch of 5": ("0.4 where 2 of 4 images", "return (logits.argmax(1) == labels).sum().item() / 5"),
        "smallest logit": ("largest logit|gives 0", "return (logits.argmin(1) == labels).float().mean().item()"),
        "each image": ("expected one number, got 5", "return logits.argmax(1) == labels"),
        "list": ("expected one number", "return (logits.argmax(1) == labels).tolist()"),
        "text": ("expected a number", "return f'{(logits.argmax(1) == labels).float().mean().item():.2f}'"),
        "mean of booleans": (r"Error: mean.*Bool.*`return.*Booleans first .*\.float\(\)",
                             "return (logits.argmax(1) == labels).mean()"),
        "if of a tensor": ("ambiguous.*labels:`\\.$", """
            if logits.argmax(1) == labels:
                return 1.0
            return 0.0"""),
        "one for all": ("gives 0", "return float((logits.argmax(1) == labels).all())"),
        "in place": ("changes a tensor", """
            share = (logits.argmax(1) == labels).float().mean().item()
            logits.zero_()
            return share"""),
    },
    "check_train_step": {name: (word, but(STEP, *changes)) for name, word, *changes in [
        ("no zero_grad", "add up", ("optimizer.zero_grad()\n", "\n")),
        ("zero_grad between", "not moved", ("loss.backward()", "loss.backward(); optimizer.zero_grad()")),
        ("no backward", "not moved", ("loss.backward()", "")),
        ("no step", "not moved", ("optimizer.step()", "")),
        ("step before backward", "not moved", ("loss.backward()", ""),
         ("optimizer.step()", "optimizer.step(); loss.backward()")),
        ("step first of all", "moved once", ("optimizer.zero_grad()", "optimizer.step(); optimizer.zero_grad()"),
         ("    optimizer.step()\n", "")),
        ("two steps", "two steps", ("    return", "    optimizer.zero_grad(); cross_entropy(model(x), y).backward()\n"
                                                  "    optimizer.step()\n    return")),
        ("softmax", "softmax", ("model(x)", "model(x).softmax(dim=1)")),
        ("sum", "sum", (", y)", ", y, reduction='sum')")),
        ("one image", "expected 1", ("model(x), y", "model(x)[:1], y[:1]")),
        ("squares", "cross-entropy of the batch",
         ("cross_entropy(model(x), y)", "((model(x) - F.one_hot(y)) ** 2).mean()")),
        ("no return", "now return", ("return ", "")),
        ("printed", "now return", ("return loss.item()", "print(loss.item())")),
        ("tensor", r"loss\.item", ("loss.item()", "loss")),
        ("loss after the step", "before the weights move", ("loss.item()", "cross_entropy(model(x), y).item()")),
        ("accuracy", "expected 1", ("loss.item()", "(model(x).argmax(1) == y).float().mean().item()")),
        ("text", "expected a number", ("loss.item()", "f'{loss.item()}'")),
        ("every loss", "one number", ("loss.item()", "cross_entropy(model(x), y, reduction='none').detach()")),
        ("own optimizer", "given optimizer",
         ("loss =", "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n    loss =")),
        ("own learning rate", "given optimizer", ("optimizer.step()", "with torch.no_grad():\n"
         "        for p in model.parameters():\n            p -= 0.1 * p.grad")),
        ("no_grad", "RuntimeError.*grad", ("loss = ", "with torch.no_grad(): loss = ")),
        ("item before backward", "AttributeError.*`loss.backward", ("y)", "y).item()")),
        ("arguments swapped", "stopped with .*`loss = cross_entropy", ("model(x), y", "y, model(x)")),
        ("scaled batch", "changes a tensor", ("loss =", "x.div_(2)\n    loss =")),
    ]},
    "check_confusion_matrix": {
        "swapped": ("swapped", """
            pairs = predictions * num_classes + labels
            return torch.bincount(pairs, minlength=num_classes ** 2).reshape(num_classes, num_classes)"""),
        "+= 1": ("at most 1", """
            matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
            matrix[labels, predictions] += 1
            return matrix"""),
        "+= 1, swapped": ("at most 1.*swapped", """
            matrix = torch.zeros(num_classes, num_classes)
            matrix[predictions, labels] += 1
            return matrix"""),
        "shares": ("shares of each row", """
            matrix = F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes)
            return matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1)"""),
        "shares of all": ("shares of all", """
            matrix = F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes)
            return matrix / matrix.sum()"""),
        "hits only": ("mistakes go beside", "return torch.bincount(labels[labels == predictions], minlength=4).diag()"),
        "classes that occur": ("class 3", "return F.one_hot(labels).T @ F.one_hot(predictions)"),
        "ten classes": (r"shape \[10, 10\]", "return F.one_hot(labels, 10).T @ F.one_hot(predictions, 10)"),
        "no minlength": ("RuntimeError.*`return torch.bincount", """
            return torch.bincount(labels * num_classes + predictions).reshape(num_classes, num_classes)"""),
        "sums for pairs": (r"at \[0, 2\] the result has 2, expected 0", """
            pairs = labels + predictions
            return torch.bincount(pairs, minlength=num_classes ** 2).reshape(num_classes, num_classes)"""),
        "not reshaped": (r"shape \[16\]", """
            return torch.bincount(labels * num_classes + predictions, minlength=num_classes ** 2)"""),
        "list": ("got list", """
            matrix = [[0] * num_classes for _ in range(num_classes)]
            for true, predicted in zip(labels, predictions):
                matrix[true][predicted] += 1
            return matrix"""),
        "array": ("got ndarray", """
            matrix = np.zeros((num_classes, num_classes))
            np.add.at(matrix, (labels.numpy(), predictions.numpy()), 1)
            return matrix"""),
        "begun at 1": ("at", "return F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes) + 1"),
        "in place": ("changes a tensor", """
            labels *= num_classes
            labels += predictions
            return torch.bincount(labels, minlength=num_classes ** 2).reshape(num_classes, num_classes)"""),
    },
}


# ---- every exercise -----------------------------------------------------------------------------------------------

every_check = pytest.mark.parametrize("check", EXERCISES)


def test_no_check_is_left_out():
    checks = {name for name in vars(exercises) if name.startswith("check_")}
    assert checks == set(EXERCISES), "every check belongs to an exercise of a lesson"
    for check in checks:
        assert len(RIGHT.get(check, ())) >= 2, f"RIGHT needs two other right answers for {check}"
        assert len(WRONG.get(check, ())) >= 5, f"WRONG needs five wrong answers for {check}"


@every_check
def test_solution_is_accepted(message, check):
    assert message(check, run_cell(EXERCISES[check][1])).startswith("✓ Exercise")


@every_check
def test_stub_is_not_done_yet(message, check):
    said = message(check, run_cell(EXERCISES[check][0]))
    assert said.startswith("○ Exercise") and "returns nothing yet" in said


@pytest.mark.parametrize("check, body", table(RIGHT))
def test_right_answer_is_accepted(message, check, body):
    assert message(check, written(check, body)).startswith("✓ Exercise")


@pytest.mark.parametrize("check, word, body", table(WRONG))
def test_wrong_answer_is_told_what_is_wrong(message, check, word, body):
    said = message(check, written(check, body))
    assert said.startswith("✗ Exercise") and re.search(word, said), said
    assert len(said) < 400 and "  " not in said and said[-1] in ".?", said


@every_check
def test_printing_is_not_returning(message, check):
    said = message(check, written(check, "print('the answer')"))
    assert said.startswith("○") and "to print is not enough" in said


@every_check
def test_failing_answer_is_reported(message, check):
    for body, says in {
        "return [][7]": r"stopped with IndexError: list index out of range, in the line `return \[\]\[7\]`\.$",
        "return torch.zeros(6).reshape(4, 4)": "RuntimeError: .*invalid for input of size 6",
        "raise NotImplementedError": "stopped with NotImplementedError, in the line",
        "import sys\nsys.exit()": "stopped with SystemExit",
        "return undefined": "NameError: name 'undefined' is not defined",
        "assert False": "AssertionError",
    }.items():
        said = message(check, written(check, body))
        assert said.startswith("✗ Exercise") and re.search(says, said), said


@every_check
def test_endless_recursion_is_reported(message, check):
    def again(*arguments, **named):
        return again(*arguments, **named)

    assert re.match(r"✗ .* again\(.*\) stopped with RecursionError", message(check, again))


@every_check
def test_wrong_signature_is_reported(message, check):
    said = message(check, lambda one, two, three, four, five, six, seven, eight, nine: None)
    assert said.startswith("✗") and "stopped with TypeError: " in said and "argument" in said


@every_check
def test_no_answer_breaks_a_check(message, check):
    for nonsense in ("nonsense", b"", object(), math.nan, -1, True, (), [], [[]], {}, {1: 2}, (None, None), ("a", "b"),
                     ([], {}), torch.tensor([]), torch.tensor(1j), torch.tensor([[1, 2]]), np.array(["a", "b"]), int,
                     range(3)):
        said = message(check, lambda *arguments, **named: nonsense)  # noqa: B023
        assert said.startswith("✗ Exercise") and "cannot make sense" not in said, said


@every_check
def test_result_in_place_of_function(message, check):
    assert "the function itself" in message(check, (16, 192))


@every_check
def test_interrupt_goes_through(check):
    def endless(*arguments, **named):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(exercises, check)(endless)


@every_check
def test_random_numbers_of_the_lesson_are_left_alone(message, check):
    state = torch.random.get_rng_state()
    message(check, run_cell(EXERCISES[check][1]))
    assert torch.equal(state, torch.random.get_rng_state())


def test_check_that_fails_itself_raises_nothing(capsys):
    @exercises.exercise("0.0", "never.")
    def check(answer):
        raise KeyError("oh")

    assert inspect.signature(check).parameters.keys() == {"answer"}
    check(lambda: 1)
    assert capsys.readouterr().out == "✗ Exercise 0.0: the check cannot make sense of what <lambda> returns " \
                                      "(KeyError: 'oh').\n"


@pytest.mark.parametrize("prediction, answer, right", [
    ([2, 3, 6, 7], [2, 3, 6, 7], True),
    ((2, 3, 6, 7), [2, 3, 6, 7], True),
    (torch.tensor([2, 3, 6, 7]), [2, 3, 6, 7], True),
    (np.array([2, 3]), (2, 3), True),
    (torch.Size([16, 192]), [16, 192], True),
    ([2, 6, 3, 7], [2, 3, 6, 7], False),
    ([2, 3, 6], [2, 3, 6, 7], False),
    (2.303, 2.303, True),
    (math.log(10), 2.3, True),
    (torch.tensor(10.0).log(), 2.303, True),
    (0.1, 2.303, False),
    (2.25, 2.303, False),
    (59_880_000, 59_880_472, False),
    (False, False, True),
    (True, False, False),
    ("True", True, False),
    (..., True, False),
])
def test_reveal(capsys, prediction, answer, right):
    exercises.reveal(prediction, answer)
    out = capsys.readouterr().out
    assert str(answer) in out and ("Right!" in out, "Find out why" in out) == (right, not right)


def test_reveal_without_a_prediction(capsys):
    exercises.reveal(None, 5)
    assert capsys.readouterr().out == "The answer is 5. (No prediction yet: next time, write yours down first.)\n"
