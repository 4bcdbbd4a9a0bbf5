"""Which cells of a lesson the site runs."""

import pytest

from needed_cells import left_out, only_imports, wanted

FIT = "from mixer_lib.training import fit"
MAKE = "model = create_model('mnist')\noptimizer = SGD(model.parameters())"
LOOP = "for x in batches:\n    loss(model(x)).backward()\n    optimizer.step()"


@pytest.mark.parametrize("sources, found", [
    ([FIT, MAKE, "history = fit(model, data, recipe)", "print(history)", "print(data, recipe)"], {2, 3}),
    (["def run(one):\n    fit_and_measure(net, one)", "run('plain')", "print(1)"], {1}),
    ([MAKE, LOOP, "print(model)", "print(1)"], {1, 2}),                             # a loop of its own
    ([MAKE, LOOP.replace("batches", "range(3)"), "print(model)"], set()),           # a few steps cost nothing
    (["def train(net):\n    fit(net, data)", MAKE, "train(model)", "model", "data"], {2, 3}),      # through a function
    (["def train(net):\n    fit(net, data)", "def both():\n    train(one)", "both(1)"], {2}),
    ([MAKE, "fit(model, data)", "read = model(x)", "read", "read = 1", "read"], {1, 2, 3}),         # bound again
    ([MAKE, "runs = {}", "fit(model, data)", "runs['a'] = model", "print(runs)"], {2, 3, 4}),       # what it goes into
    ([MAKE, "fit(model, data)", "print([model for model in models])"], {1}),                        # another `model`
    ([MAKE, "fit(model, data)", "for model in models:\n    print(model)"], {1}),
    ([MAKE, "fit(model, data)", "a, model = models\nprint(model)"], {1}),
    ([MAKE, "fit(model, data)", "model = model.eval()"], {1, 2}),                                   # read, then bound
    ([MAKE, "fit(model, data)", "for model in model.blocks:\n    print(model)"], {1, 2}),
    ([MAKE, "count = 1\nfit(count, data)", "count += 1"], {1, 2}),
    ([MAKE, "fit(model, data)", "def right(images):\n    return model(images)"], {1, 2}),
    ([MAKE, "fit(model, data)", "def right(model):\n    return model(1)"], {1}),
])
def test_cells_that_need_a_training_are_left_out(sources, found):
    assert left_out(sources) == found


SHOW = "widget(model)"


@pytest.mark.parametrize("sources, found", [
    ([MAKE, "print(model)", SHOW, "model = None"], {0, 2}),
    (["size = 3", "model = Mixer(size)", "size = 4", SHOW], {0, 1, 3}),             # what that reads, too
    (["model = 1", "model = 2", SHOW], {1, 2}),                                     # bound again
    (["model = 1", "model = model + 1", SHOW], {0, 1, 2}),
    (["model = 1", "model += 1", SHOW], {0, 1, 2}),
    (["model = 1", "if size:\n    model = 2", SHOW], {0, 1, 2}),                    # perhaps bound again
    (["def model(x):\n    return size", "size = 3", "def other():\n    return 1", SHOW], {0, 1, 3}),
    (["def model():\n    return 1", "def model():\n    return 2", SHOW], {1, 2}),
    (["class model:\n    size = 3", SHOW], {0, 1}),
    ([MAKE, "model.eval()", "assert model.training", "logits = model(x)", SHOW], {0, 1, 4}),    # may have changed it
    ([MAKE, "model.head.weight[0] = 1", SHOW], {0, 1, 2}),
    ([MAKE, "del model.head", SHOW], {0, 1, 2}),
    ([MAKE, "print(model.eval())\nplots.show(model)", SHOW], {0, 2}),               # shown only
    ([MAKE, "x = normal_(model.head.weight)", SHOW], {0, 1, 2}),
    ([MAKE, "x = model.head.weight.add_(1)", SHOW], {0, 1, 2}),
    ([MAKE, "history = fit(model, data)", SHOW], {0, 1, 2}),
    ([MAKE, "for x in batches:\n    optimizer.step()\n    loss = model(x)", SHOW], {0, 1, 2}),
    ([MAKE, "for p in model.parameters():\n    p -= 1", SHOW], {0, 1, 2}),          # by another name
    ([MAKE, "for block in model.blocks:\n    for p in block.parameters():\n        p.data = 1", SHOW], {0, 1, 2}),
    ([MAKE, "for p in model.parameters():\n    print(p)", SHOW], {0, 2}),
    (["import torch", "torch.manual_seed(0)", "model = torch.rand(3)", SHOW], {1, 2, 3}),
    (["import time", "seen.append(time.time())", "model = time.time()", SHOW], {2, 3}),
    (["import time", "def widget(x):\n    time.time()", "seen.append(time.time())", "model = 1", SHOW], {1, 3, 4}),
    (["x = 1", "y = x"], set()),
])
def test_cells_that_a_widget_needs_are_run(sources, found):
    shows = {number for number, source in enumerate(sources) if source == SHOW}
    assert wanted(sources, shows) == found


def test_what_a_cell_imports_stays():
    assert only_imports("import os\nx = 1\nfrom a import b as c\nprint(x)") == "import os\nfrom a import b as c"
    assert only_imports("x = 1") == ""
