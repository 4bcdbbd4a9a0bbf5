"""A trained Mixer that runs in the page: watch each stage, or draw digits for it to read."""

import torch

from ..checkpoints import load_pretrained
from ..data import load_dataset
from ..model import MlpMixer, patchify
from ..plots import as_array
from .page import Page


def living_mixer(model=None, dataset=None, stage=None):
    """Draw a digit or pick one, and watch the model read it: patches, tokens, each mixing step, mean, and scores.

    model: an MlpMixer with one input channel and a head (default: the bundled one for MNIST). dataset: with its mean,
    std, classes, and test images (default: the sample of MNIST); one per class can be picked, 12 at most. stage: where
    it opens; one of "image", "patches", "tokens", "token mixing 1", "channel mixing 1", ... (a pair per block),
    "mean", "scores". The pad to draw on is there for images of 28 x 28 pixels. Raises ValueError for another stage or
    model."""
    model, dataset = model or load_pretrained("mnist")[0], dataset or load_dataset("mnist")
    weights, facts = _sent(model, dataset)
    stages = ["image", "patches", "tokens", *(f"{kind} mixing {k}" for k in range(1, len(model.blocks) + 1)
                                              for kind in ("token", "channel")), "mean", "scores"]
    if stage is not None and stage not in stages:
        raise ValueError(f"there is no stage {stage!r}: expected one of {', '.join(stages)}")
    labels = torch.as_tensor(dataset.test_labels).cpu()
    present = labels.unique()[:12]
    first = [int((labels == label).nonzero()[0]) for label in present]
    facts |= {"stages": stages, "labels": [str(dataset.classes[label]) for label in present]}
    images, sample = dataset.test_images[first], min(2, len(first) - 1)
    brightest = patchify(images[[sample]], model.config.patch_size)[0].int().sum(1).argmax()
    return Page("living", weights | {"samples": images[:, 0]}, facts,
                {"stage": stage or stages[0], "sample": sample, "patch": int(brightest), "channel": 0,
                 "entry": facts["patch"][0] * facts["patch"][1] // 2})


def digit_pad(model, dataset):
    """Draw a digit and watch the model read it: the image that it is given, and the probability of each class.

    model: an MlpMixer that reads gray images of 28 x 28 pixels. dataset: with its mean, std, and classes. A button puts
    one test image after the other on the pad, for readers who cannot draw. Raises ValueError for another
    model."""
    weights, facts = _sent(model, dataset)
    if model.image_shape != (1, 28, 28):
        raise ValueError(f"the pad gives gray images of 28x28 pixels; this model reads {model.image_shape}")
    images = dataset.test_images
    return Page("digit_pad", weights | {"samples": images[[i * 643 % len(images) for i in range(20)]][:, 0]}, facts)


def _sent(model, dataset):
    """The weights by name, and what else mixer.js needs to know about a model and its images."""
    if type(model) is not MlpMixer or model.config.in_channels != 1 or not model.num_classes:
        raise ValueError("the page runs an MlpMixer with one input channel and a head, such as one that reads MNIST")
    (H, W), (rows, columns) = model.image_shape[1:], model.config.grid
    facts = {"grid": [rows, columns], "patch": [H // rows, W // columns], "blocks": len(model.blocks),
             "eps": model.norm.eps, "gelu": model.config.gelu, "mean": float(dataset.mean[0]),
             "std": float(dataset.std[0]), "classes": [str(name) for name in dataset.classes]}
    return {name: _short(weight) for name, weight in model.state_dict().items()}, facts


def _short(weight):
    """In 16 bits if that changes no weight, as with the bundled models; otherwise in 32."""
    weight = weight.detach().cpu().float()
    half = weight.half()
    return half.numpy() if torch.equal(half.float(), weight) else as_array(weight)
