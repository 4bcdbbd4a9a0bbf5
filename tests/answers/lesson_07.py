"""Answers to the exercises of lesson 7: what a learner may write in place of the stub's `...`."""

from . import but

RIGHT = {
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
            return float(loss.detach())""",
        "set to None": """
            for p in model.parameters():
                p.grad = None
            loss = F.nll_loss(model(x).log_softmax(1), y)
            loss.backward()
            optimizer.step()
            return loss.detach().numpy().item()""",
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
    "check_train_and_stop": {
        "for and break, copies by hand": """
            x, y = held_out
            accuracies = []
            for epoch in range(epochs):
                model.train()
                for a, b in train_batches():
                    optimizer.zero_grad(set_to_none=False)
                    nn.CrossEntropyLoss()(model(a), b).backward()
                    optimizer.step()
                model.eval()
                with torch.inference_mode():
                    hits = (model(x).argmax(-1) == y).sum().item()
                accuracies.append(hits / len(y))
                if accuracies[-1] > max(accuracies[:-1], default=-1):
                    best, kept = epoch, [p.detach().clone() for p in model.parameters()]
                elif epoch - best == patience:
                    break
            with torch.no_grad():
                for p, q in zip(model.parameters(), kept):
                    p.copy_(q)
            return accuracies""",
        "state_dict of clones, tensors returned": """
            found, best, state = [], 0, None
            for _ in range(epochs):
                model.train(True)
                for pair in train_batches():
                    loss = cross_entropy(model(pair[0]), pair[1])
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()
                model.train(False)
                with torch.no_grad():
                    found.append((model(held_out[0]).argmax(1) == held_out[1]).double().mean())
                if state is None or found[-1] > found[best]:
                    best = len(found) - 1
                    state = {name: value.clone() for name, value in model.state_dict().items()}
                if len(found) - 1 - best >= patience:
                    break
            model.load_state_dict(state)
            return found""",
        "a copy of the model": """
            accuracies, left = [], patience
            while left and len(accuracies) < epochs:
                model.train()
                for x, y in train_batches():
                    model.zero_grad()
                    cross_entropy(model(x), y).backward()
                    optimizer.step()
                model.eval()
                with torch.no_grad():
                    share = float(np.mean((model(held_out[0]).argmax(1) == held_out[1]).numpy()))
                if not accuracies or share > max(accuracies):
                    best, left = copy.deepcopy(model), patience
                else:
                    left -= 1
                accuracies.append(share)
            model.load_state_dict(best.state_dict())
            return tuple(accuracies)""",
    },
}

LOOP = """
    x_held, y_held = held_out
    accuracies, best, waited = [], -1, 0
    for epoch in range(epochs):
        model.train()
        for x, y in train_batches():
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            share = (model(x_held).argmax(1) == y_held).float().mean().item()
        accuracies.append(share)
        if share > best:
            best, waited = share, 0
            kept = copy.deepcopy(model.state_dict())
        else:
            waited += 1
        if waited == patience:
            break
    model.load_state_dict(kept)
    return accuracies
"""

STEP = """
    loss = cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""

WRONG = {
    "check_accuracy": {
        "count": ("not their number", "return (logits.argmax(1) == labels).sum().item()"),
        "percent": ("percent", "return 100 * (logits.argmax(1) == labels).float().mean().item()"),
        "mistakes": ("mistakes", "return (logits.argmax(1) != labels).float().mean().item()"),
        "wrong axis": ("wrong axis", "return (logits.argmax(0) == labels).float().mean().item()"),
        "no axis": ("lacks its dim=1", "return (logits.argmax() == labels).float().mean().item()"),
        "logits for classes": ("gives 0", "return (logits.max(1).values == labels).float().mean().item()"),
        "//": ("//", "return (logits.argmax(1) == labels).sum().item() // len(labels)"),
        "over the classes": ("0.667 where 2 of 4 images",
                             "return ((logits.argmax(1) == labels).sum() / logits.shape[1]).item()"),
        "batch of 5": ("0.4 where 2 of 4 images", "return (logits.argmax(1) == labels).sum().item() / 5"),
        "smallest logit": ("largest logit|gives 0", "return (logits.argmin(1) == labels).float().mean().item()"),
        "probability above one half": ("largest logit decides",
                                        "return (logits.softmax(1)[range(len(labels)), labels] > 0.5).float().mean()"),
        "returns in the loop": ("`return` inside the loop", """
            hits = 0
            for row, label in zip(logits, labels):
                hits += int(row.argmax() == label)
                return hits / len(labels)"""),
        "rounded": ("Rounding belongs", "return round((logits.argmax(1) == labels).float().mean().item(), 2)"),
        "rounded to 3 digits": ("Rounding belongs",
                                "return round((logits.argmax(1) == labels).float().mean().item(), 3)"),
        "rounded to 4 digits": ("Rounding belongs",
                                "return round((logits.argmax(1) == labels).float().mean().item(), 4)"),
        "max gives two": ("max.*the values and the indices", "return (logits.max(1) == labels).float().mean()"),
        "each image": ("expected one number, got 5", "return logits.argmax(1) == labels"),
        "list": ("expected one number", "return (logits.argmax(1) == labels).tolist()"),
        "text": ("expected a number", "return f'{(logits.argmax(1) == labels).float().mean().item():.2f}'"),
        "mean of booleans": (r"Error: mean.*Bool.*`return.*turn the booleans into numbers, with \.float\(\)",
                             "return (logits.argmax(1) == labels).mean()"),
        "if of a tensor": ("ambiguous.*labels:`\\.$", """
            if logits.argmax(1) == labels:
                return 1.0
            return 0.0"""),
        "item without ()": ("call that function", "return (logits.argmax(1) == labels).float().mean().item"),
        "share of ten": ("Divide by the number", "return (logits.argmax(1) == labels).sum().item() / 10"),
        "one for all": ("gives 0", "return float((logits.argmax(1) == labels).all())"),
        "ten classes": ("12 classes", "return (logits[:, :10].argmax(1) == labels).float().mean().item()"),
        "ties are hits": ("only one class is chosen", """
            largest = logits == logits.max(dim=1, keepdim=True).values
            return largest[range(len(labels)), labels].float().mean().item()"""),
        "comma": ("comma at the end", "return (logits.argmax(1) == labels).float().mean().item(),"),
        "in place": ("changes a tensor", """
            share = (logits.argmax(1) == labels).float().mean().item()
            logits.zero_()
            return share"""),
    },
    "check_train_step": {name: (word, but(STEP, *changes)) for name, word, *changes in [
        ("no zero_grad", "add up", ("optimizer.zero_grad()\n", "\n")),
        ("zero_grad without ()", "parentheses", ("zero_grad()", "zero_grad")),
        ("step without ()", "not moved.*parentheses", ("step()", "step")),
        ("item without ()", "call that function", ("item()", "item")),
        ("label smoothing", "plain cross-entropy", (", y)", ", y, label_smoothing=0.1)")),
        ("clipped", "Leave the gradients",
         ("loss.backward()", "loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 0.1)")),
        ("zero_grad between", "not moved", ("loss.backward()", "loss.backward(); optimizer.zero_grad()")),
        ("no backward", "not moved", ("loss.backward()", "")),
        ("no step", "not moved", ("optimizer.step()", "")),
        ("step before backward", "not moved", ("loss.backward()", ""),
         ("optimizer.step()", "optimizer.step(); loss.backward()")),
        ("step first of all", "moved only once", ("optimizer.zero_grad()", "optimizer.step(); optimizer.zero_grad()"),
         ("    optimizer.step()\n", "")),
        ("two steps", "two steps", ("    return", "    optimizer.zero_grad(); cross_entropy(model(x), y).backward()\n"
                                                  "    optimizer.step()\n    return")),
        ("softmax", "softmax", ("model(x)", "model(x).softmax(dim=1)")),
        ("sum", "sum", (", y)", ", y, reduction='sum')")),
        ("one image", "before the weights move", ("model(x), y", "model(x)[:1], y[:1]")),
        ("squares", "cross-entropy of the batch",
         ("cross_entropy(model(x), y)", "((model(x) - F.one_hot(y)) ** 2).mean()")),
        ("no return", "Now return", ("return ", "")),
        ("printed", "Now return", ("return loss.item()", "print(loss.item())")),
        ("tensor", r"loss\.item", ("loss.item()", "loss")),
        ("loss after the step", "before the weights move", ("loss.item()", "cross_entropy(model(x), y).item()")),
        ("accuracy", "before the weights move", ("loss.item()", "(model(x).argmax(1) == y).float().mean().item()")),
        ("text", "expected a number", ("loss.item()", "f'{loss.item()}'")),
        ("every loss", "one number", ("loss.item()", "cross_entropy(model(x), y, reduction='none').detach()")),
        ("own optimizer", "given optimizer",
         ("loss =", "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n    loss =")),
        ("own learning rate", "given optimizer", ("optimizer.step()", "with torch.no_grad():\n"
         "        for p in model.parameters():\n            p -= 0.1 * p.grad")),
        ("as it was", "eval mode", ("loss =", "model.eval()\n    loss ="), ("model(x)", "model(x).softmax(dim=1)"),
         ("    optimizer.zero_grad()\n", ""), ("loss.item()", "loss")),
        ("all but eval as it was", "two mistakes are left", ("model(x)", "model(x).softmax(dim=1)"),
         ("    optimizer.zero_grad()\n", ""), ("loss.item()", "loss")),
        ("graph left", r"loss\.item", ("loss.item()", "loss")),
        ("eval in the step", "eval mode", ("loss =", "model.eval()\n    loss =")),
        ("no_grad", "RuntimeError.*Inside no_grad", ("loss = ", "with torch.no_grad(): loss = ")),
        ("item before backward", "AttributeError.*`loss.backward.*plain number has no gradient", ("y)", "y).item()")),
        ("arguments swapped", "stopped with .*takes the logits first", ("model(x), y", "y, model(x)")),
        ("detached", "of type Tensor.*plain number", ("loss.item()", "loss.detach()")),
        ("array", "of type ndarray.*plain number", ("loss.item()", "loss.detach().numpy()")),
        ("comma", "comma at the end", ("loss.item()", "loss.item(),")),
        ("rounded", "Rounding belongs", ("loss.item()", "round(loss.item(), 3)")),
        ("clipped at 1", "Leave the gradients",
         ("loss.backward()", "loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 1.0)")),
        ("SGD by hand", "given optimizer", ("optimizer.step()", "with torch.no_grad():\n"
         "        for p in model.parameters():\n            p -= optimizer.param_groups[0]['lr'] * p.grad")),
        ("SGD of its own", "given optimizer", ("loss =", "optimizer = torch.optim.SGD(model.parameters(), "
                                               "lr=optimizer.param_groups[0]['lr'])\n    loss =")),
        ("clears the matrices only", "clear all old gradients",
         ("optimizer.zero_grad()", "for p in model.parameters():\n        if p.ndim > 1: p.grad = None")),
        ("images flattened", "stopped with", ("model(x)", "model(x.flatten(1))")),
        ("mode of the whole only", "eval mode", ("loss =", "model.eval(); model.training = True\n    loss =")),
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
        "hits only": ("mistakes go off", "return torch.bincount(labels[labels == predictions], minlength=4).diag()"),
        "mistakes only": ("hits go on", """
            pairs = (labels * num_classes + predictions)[labels != predictions]
            return torch.bincount(pairs, minlength=num_classes ** 2).reshape(num_classes, num_classes)"""),
        "counted in a copy": ("in a copy", """
            matrix = torch.zeros(num_classes, num_classes)
            matrix[labels][predictions] += 1
            return matrix"""),
        "classes that occur": ("class 3", "return F.one_hot(labels).T @ F.one_hot(predictions)"),
        "ten classes": (r"shape \[10, 10\]", "return F.one_hot(labels, 10).T @ F.one_hot(predictions, 10)"),
        "four classes": (r"shape \[4, 4\], expected \[20, 20\]",
                         "return torch.bincount(labels * 4 + predictions, minlength=16)[:16].reshape(4, 4)"),
        "bytes for counts": ("too small for thousands", """
            matrix = torch.zeros(num_classes, num_classes, dtype=torch.uint8)
            for true, predicted in zip(labels, predictions):
                matrix[true, predicted] += 1
            return matrix"""),
        "half precision": ("too small for thousands", """
            return (F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes)).half()"""),
        "bytes for pairs": ("400 pairs", """
            pairs = labels.to(torch.uint8) * num_classes + predictions.to(torch.uint8)
            return torch.bincount(pairs, minlength=num_classes ** 2).reshape(num_classes, num_classes)"""),
        "up to two of a pair": ("20 classes", """
            pairs = F.one_hot(labels, num_classes).T @ F.one_hot(predictions, num_classes)
            return pairs.clamp(max=2)"""),
        "no minlength": ("RuntimeError.*`return torch.bincount.*largest number that it meets: give it minlength", """
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
    "check_train_and_stop": {name: (word, but(LOOP, *changes)) for name, word, *changes in [
        ("no stop", "does not stop early", ("if waited == patience", "if waited == 1000")),
        ("a tie is better", "equal to the best is not better", ("share > best", "share >= best")),
        ("never counts again", "start again from 0", ("best, waited = share, 0", "best = share")),
        ("compares with the epoch before", "not with the one of the epoch before",
         ("            waited += 1\n", "            waited += 1; best = share\n")),
        ("stops one late", "expected 5. .*3 epochs in a row", ("waited == patience", "waited > patience")),
        ("stops one early", "in a row", ("waited == patience", "waited + 1 == patience")),
        ("stops at once", "it returns 1 accuracies", ("if waited == patience", "if True")),
        ("weights not kept", "weights of its last epoch", ("    model.load_state_dict(kept)\n", "")),
        ("weights not copied", "weights of its last epoch.*deepcopy",
         ("copy.deepcopy(model.state_dict())", "model.state_dict()")),
        ("shallow copy", "weights of its last epoch", ("deepcopy", "copy")),
        ("keeps the last of equals", "the first one counts",
         ("if share > best:", "if share == best: kept = copy.deepcopy(model.state_dict())\n        if share > best:")),
        ("keeps the first epoch", "with the weights of epoch 1",
         ("            kept =", "            if epoch == 0: kept =")),
        ("loads from before", "from before the training",
         ("accuracies, best", "kept = copy.deepcopy(model.state_dict()); accuracies, best"),
         ("            kept = copy.deepcopy(model.state_dict())\n", "")),
        ("no eval", "measured in training mode", ("        model.eval()\n", "")),
        ("no train", "trained in eval mode", ("        model.train()\n", "")),
        ("train once only", "trained in eval mode", ("        model.train()\n", ""), ("    accuracies, best",
                                                    "    model.train(); accuracies, best")),
        ("with gradients", "gradients on", ("with torch.no_grad():", "if True:")),
        ("no zero_grad", "gradients of the steps before", ("            optimizer.zero_grad()\n", "")),
        ("no step", "before the training", ("            optimizer.step()\n", "")),
        ("one pass in all", "call it once per epoch",
         ("    accuracies, best", "    pairs = train_batches(); accuracies, best"),
         ("in train_batches()", "in pairs")),
        ("one batch per epoch", "each epoch should be|once per epoch",
         ("            optimizer.step()\n", "            optimizer.step()\n            break\n")),
        ("measured after each batch", "each epoch should be",
         ("            optimizer.step()\n", "            optimizer.step()\n            model.eval()\n"
          "            with torch.no_grad(): model(x_held)\n            model.train()\n")),
        ("measured on the batch", "not measured on all images of held_out",
         ("(model(x_held).argmax(1) == y_held)", "(model(x).argmax(1) == y)")),
        ("percent", "counts or percents", ("accuracies.append(share)", "accuracies.append(round(100 * share))")),
        ("loss for accuracy", "it returns .*expected",
         ("accuracies.append(share)", "accuracies.append(loss.item())")),
        ("loads only after a stop", "weights of its last epoch. Those of epoch 3",
         ("            break\n    model.load_state_dict(kept)\n",
          "            model.load_state_dict(kept)\n            break\n")),
        ("asks for a hundredth more", "with the weights of epoch 2. Those of epoch 3",
         ("share > best", "share > best + 0.01")),
        ("compares rounded", "with the weights of epoch 2. Those of epoch 3",
         ("share > best", "round(share, 2) > round(best, 2)")),
        ("rounded", "it returns .*expected", ("accuracies.append(share)", "accuracies.append(round(share, 2))")),
        ("stops at 100%", "in a row", ("waited == patience", "waited == patience or share == 1")),
        ("one epoch too many", "more epochs", ("range(epochs)", "range(epochs + 1)")),
        ("SGD of its own", "given optimizer takes them", ("    accuracies, best", "    optimizer = torch.optim.SGD("
         "model.parameters(), lr=optimizer.param_groups[0]['lr']); accuracies, best")),
        ("three batches", "each epoch should be", ("in train_batches()", "in list(train_batches())[:3]")),
        ("some held-out images", "not measured on all images",
         ("x_held, y_held = held_out", "x_held, y_held = held_out[0][:32], held_out[1][:32]")),
        ("mode of the whole only", "measured in training mode", ("model.eval()", "model.training = False")),
        ("label smoothing", "given optimizer takes them", ("(model(x), y)", "(model(x), y, label_smoothing=0.1)")),
        ("own optimizer", "given optimizer takes them", ("    accuracies, best",
         "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1); accuracies, best")),
        ("best only", "returns float", ("return accuracies", "return best")),
        ("no return", "Now return the list", ("return accuracies", "print(accuracies)")),
        ("not called", "TypeError.*in the line `for x, y in train_batches", ("train_batches()", "train_batches")),
    ]},
}
