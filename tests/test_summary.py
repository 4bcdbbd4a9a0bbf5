"""The numbers at a glance are those of each measure."""

import pytest
import torch

from known import convolution, random
from mixer_lib.analysis import (
    chance_share,
    convolution_share,
    frequency,
    mixed,
    participation,
    partners,
    random_like,
    rank,
    relabeled,
    shuffled,
    summarize,
    twins,
)


def test_summarize():
    grid = (4, 4)
    W1, W2 = convolution(grid, random(3, 3)), torch.eye(16, dtype=torch.float64)
    summary = summarize(W1, W2, grid)
    share = summary["convolution share"]
    assert share["trained"].item() == pytest.approx(1) and share["chance"] == chance_share(grid)
    assert share["relabeled"] == convolution_share(relabeled(relabeled(W1, 0).T, 0).T, grid) < 0.9
    assert summary["frequency"] == {"trained": frequency(W1, grid).mean(),
                                    "shuffled": frequency(shuffled(W1, 0), grid).mean()}
    for name, measure in (("pair correlation", partners), ("twin correlation", twins)):
        assert summary[name] == {"trained": measure(W1)[1].mean(), "shuffled": measure(shuffled(W1, 0))[1].mean(),
                                 "mixed": measure(mixed(W1, 0))[1].mean()}
    assert summary["places"] == {"trained": participation(W1).mean(),
                                 "random": participation(random_like(W1, 0)).mean(),
                                 "mixed": participation(mixed(W1, 0)).mean()}
    assert summary["rank"] == {"trained": rank(W1), "shuffled": rank(shuffled(W1, 0))}
    others = summary["share without diagonal"]
    assert others["trained"].item() == pytest.approx(1) and others["chance"] == chance_share(grid, diagonal=False)
    assert others["relabeled"] == convolution_share(relabeled(relabeled(W1, 0).T, 0).T, grid, diagonal=False)
    assert list(summary)[:4] == ["frequency", "pair correlation", "places", "convolution share"]
    slopes = random(16)
    assert (summarize(W2, W1, grid, slopes=slopes)["convolution share"]["trained"]
            == convolution_share(W1 @ torch.diag(slopes), grid) < 0.99)
    assert summarize(W1, W2, grid, seed=1)["frequency"]["shuffled"] != summary["frequency"]["shuffled"]
    along = summarize(torch.stack([random(16, 16), W1]), torch.stack([random(16, 16, seed=1), W2]), grid)
    for name, lines in along.items():
        for line, values in lines.items():
            assert values.shape == (2,)
            if line != "random":                                                    # drawn for both at once
                assert values[1].item() == pytest.approx(summary[name][line].item(), abs=1e-12)
