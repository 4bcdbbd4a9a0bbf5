"""Released weights as an `MlpMixer`."""

import math
from pathlib import Path
from types import SimpleNamespace

import torch

from ..checkpoints import find_checkpoint, load_checkpoint
from ..model import MlpMixer, new_head, pair
from .download import fetch
from .layouts import FLAX, GELU, PASSL, TIMM, count_blocks, recognize, theirs, to_ours, to_theirs
from .names import KNOWN, PREPROCESSING, wordnet_classes
from .reading import open_weights


def load_released(source: str | Path, image_size: int | tuple[int, int] | None = None,
                  num_classes: int | None = None) -> tuple[MlpMixer, SimpleNamespace]:
    """Read published weights: (model in evaluation mode, on the CPU; about), as `load_checkpoint` does.

    source: a name of `KNOWN`, which is downloaded once; or a file: of the official code or its ports (.npz), of timm
    (.safetensors, .pth), of PASSL (.pdparams, .pd), or of this package (also the name of a bundled model, or the folder
    of a run). What a file is shows in its content. Sizes, blocks and classes are read from the shapes. Weights without
    a head make a model that returns features.
    image_size: pixels, one number or (height, width); only needed where the image is not square.
    num_classes: a head of zeros for so many classes replaces that of the file, unless it has as many; 0 for none.

    about: a namespace with
        file             the path of the file
        family           "official Flax", "timm", "PASSL" or "mixer_lib"
        preprocessing    a dict: size (height, width), crop (the share of the short side that is kept; None: the image
                         is scaled whatever its shape), mean, std, interpolation
        dataset          name, classes, mean, std, as of a checkpoint. The classes are "n01440764 tench", ..., where
                         there are 1000, and else numbers
        converted        sentences that say what was done, and what is not certain

    Raises FileNotFoundError or ValueError for a source that there is not, OSError if a download fails, and ValueError,
    in one line, for a file that is damaged, hostile, or holds no `MlpMixer`."""
    path, released = locate(source)
    stored = open_weights(path)
    if stored.own:
        model, about = load_checkpoint(path)
        _check_image_size(path, image_size, model)
        about.family, about.converted = "mixer_lib", []
        about.preprocessing = dict(size=model.image_shape[1:], crop=1.0, mean=tuple(about.dataset.mean),
                                   std=tuple(about.dataset.std), interpolation="bilinear")
    else:
        try:
            model, about = _convert(stored, image_size, released)
        except ValueError as error:
            raise ValueError(f"cannot load {path}: {error}") from None
    about.file = str(path)
    if num_classes is not None and num_classes != model.num_classes:
        model = new_head(model, num_classes).eval()
        about.converted.append(f"the head is new and zero, for {num_classes} classes" if num_classes else
                               "the head was left out")
        about.dataset.classes = [str(number) for number in range(num_classes)]
    return model, about


def locate(source):
    """The path of a source of `load_released`, and what `KNOWN` says about it, or None. Downloads what is missing."""
    if str(source) in KNOWN:
        return fetch(str(source), KNOWN[str(source)]), KNOWN[str(source)]
    return Path(find_checkpoint(source, known=KNOWN)), None


def _convert(stored, image_size, released):
    """The model of a file of another project, and about."""
    shapes = stored.shapes
    family = recognize(shapes, stored.kind)
    head = next((name for name in ("head.fc_cls", "head") if f"{name}.weight" in shapes), "head")
    model, kernel = _empty(family, shapes, head, image_size)
    names = {name: theirs(family, name, head) for name in model.state_dict()}
    expected = {names[name]: tuple(to_theirs(family, name, tensor, kernel).shape)
                for name, tensor in model.state_dict().items()}
    for name, shape in expected.items():
        if shapes.get(name) != shape:
            found = f"is {list(shapes[name])}" if name in shapes else "is missing"
            raise ValueError(f"{name} {found}, expected {list(shape)}, in a Mixer of {family}")
    if more := sorted(shapes.keys() - expected.keys()):
        raise ValueError(f"it has {len(more)} tensors that no MlpMixer has: {', '.join(more[:3])}"
                         f"{', ...' * (len(more) > 3)}")
    state, types = {}, set()
    for name, other in names.items():
        tensor = stored.read(other)
        types.add(str(tensor.dtype).removeprefix("torch."))
        if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            raise ValueError(f"{other} has numbers of type {tensor.dtype}, expected floats")
        if not tensor.isfinite().all():
            raise ValueError(f"{other} has numbers that are not finite (nan or inf): the file is damaged, or the "
                             f"training diverged")
        state[name] = to_ours(family, name, tensor.float()).contiguous()
    model.load_state_dict(state, assign=True)

    c = model.config
    facts = PREPROCESSING[family] | (released.changes if released else {})
    if c.in_channels != 3:
        facts |= dict(mean=(0.5,) * c.in_channels, std=(0.5,) * c.in_channels)
    wordnet = c.num_classes == len(wordnet_classes())
    classes = [*wordnet_classes()] if wordnet else [str(number) for number in range(c.num_classes)]
    converted = [*stored.notes, *_what_was_done(family, c, types - {"float32"}, wordnet and not released)]
    data = SimpleNamespace(name="ImageNet" if wordnet else "unknown", classes=classes, mean=facts["mean"],
                           std=facts["std"])
    return model.eval(), SimpleNamespace(family=family, preprocessing={"size": model.image_shape[1:], **facts},
                                         dataset=data, converted=converted)


def _what_was_done(family, config, types, assumed):
    gelu = "by tanh" if config.gelu == "tanh" else "exact"
    yield f"{config.num_blocks} blocks in the order of their numbers; GELU {gelu}, as in {family}"
    if family == FLAX:
        yield "kernels (in, out) were transposed; the embedding's (P_h, P_w, in, out) became (out, in P_h P_w)"
    elif family == PASSL:
        yield "weights (in, out) were transposed"
        yield "the mean and standard deviation are those of PASSL's training; it states none for evaluation"
    if types:
        yield f"numbers of {', '.join(sorted(types))} became float32"
    if assumed:
        yield "1000 classes: taken for those of ImageNet-1k, in the order of their WordNet ids"


def _empty(family, shapes, head, image_size):
    """An `MlpMixer` without numbers, on the device "meta", of the sizes in a file; and the shape of its kernel,
    (in_channels, P_h, P_w)."""
    def shape(name, axes):
        name = theirs(family, name, head)
        if len(shapes.get(name, ())) != axes or 0 in shapes[name]:
            found = f"is {list(shapes[name])}" if name in shapes else "is missing"
            raise ValueError(f"{name} {found}, expected {axes} axes")
        return shapes[name]

    norms = theirs(family, "blocks.0.token_norm.weight")
    if len(shapes.get(norms, ())) > 1:
        raise ValueError(f"it is no MlpMixer: its LayerNorm {norms} is over {list(shapes[norms])}, tokens and "
                         f"channels, not over the channels of each token")
    if theirs(family, "norm.weight") not in shapes:
        raise ValueError(f"it is no MlpMixer: it has no LayerNorm before the pooling, {theirs(family, 'norm.weight')}")
    stem = shape("patch_embedding.linear.weight", 4)
    P_h, P_w, in_channels, C = stem if family == FLAX else (*stem[2:], stem[1], stem[0])
    flipped = -1 if family == TIMM else 1                       # of (in, out)
    S, D_S = shape("blocks.0.token_mixing.fc1.weight", 2)[::flipped]
    _, D_C = shape("blocks.0.channel_mixing.fc1.weight", 2)[::flipped]
    K = shape("head.weight", 2)[::flipped][1] if theirs(family, "head.weight", head) in shapes else 0
    image_size = _image_size(S, P_h, P_w, image_size)
    with torch.device("meta"):
        model = MlpMixer(image_size, P_h if P_h == P_w else (P_h, P_w), in_channels, K, count_blocks(family, shapes), C,
                         D_S, D_C, gelu=GELU[family])
    return model, (in_channels, P_h, P_w)


def _image_size(S, P_h, P_w, wanted):
    """The image size, one number or (height, width), of a model with S tokens, each a patch of P_h x P_w pixels."""
    if wanted is None:
        side = math.isqrt(S * P_h * P_w)
        if side * side != S * P_h * P_w or side % P_h or side % P_w:
            raise ValueError(f"its {S} tokens, patches of {P_h}x{P_w} pixels, make no square image: say which one with "
                             f"image_size=(height, width)")
        return side
    H, W = pair("image_size", wanted)
    if H % P_h or W % P_w or (H // P_h) * (W // P_w) != S:
        raise ValueError(f"image_size is {wanted}, but the weights are for {S} tokens, patches of {P_h}x{P_w} pixels: "
                         f"leave image_size out, and bring the images or, with grow, the model to another size")
    return H if H == W else (H, W)


def _check_image_size(path, wanted, model):
    if wanted is not None and pair("image_size", wanted) != model.image_shape[1:]:
        H, W = model.image_shape[1:]
        raise ValueError(f"image_size is {wanted}, but the model in {path} reads images of {H}x{W}: leave image_size "
                         f"out, and bring the images or, with grow, the model to another size")
