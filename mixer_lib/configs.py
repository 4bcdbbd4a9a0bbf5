"""The paper's models, the course's small ones and the Mixer's relatives, by name."""

from difflib import get_close_matches

from .family import ARCHITECTURES, build, configure
from .model import MixerConfig, MlpMixer


def _imagenet(num_blocks, patch_size, hidden_dim, tokens_mlp_dim, channels_mlp_dim):
    return dict(image_size=224, patch_size=patch_size, in_channels=3, num_classes=1000, num_blocks=num_blocks,
                hidden_dim=hidden_dim, tokens_mlp_dim=tokens_mlp_dim, channels_mlp_dim=channels_mlp_dim)


MODELS = {      # the fields of `MixerConfig` that have no default
    # Table 1 of the paper: letter for the size, number for the patch side.
    "S/32": _imagenet(8, 32, 512, 256, 2048),
    "S/16": _imagenet(8, 16, 512, 256, 2048),
    "B/32": _imagenet(12, 32, 768, 384, 3072),
    "B/16": _imagenet(12, 16, 768, 384, 3072),
    "L/32": _imagenet(24, 32, 1024, 512, 4096),
    "L/16": _imagenet(24, 16, 1024, 512, 4096),
    "H/14": _imagenet(32, 14, 1280, 640, 5120),
    # The course's own, small enough for two CPU cores.
    "mnist": dict(image_size=28, patch_size=7, in_channels=1, num_classes=10, num_blocks=4,
                  hidden_dim=64, tokens_mlp_dim=32, channels_mlp_dim=256),
    "cifar10": dict(image_size=32, patch_size=4, in_channels=3, num_classes=10, num_blocks=8,
                    hidden_dim=128, tokens_mlp_dim=64, channels_mlp_dim=512),
    "cifar10-fine": dict(image_size=32, patch_size=2, in_channels=3, num_classes=10, num_blocks=4,
                         hidden_dim=96, tokens_mlp_dim=256, channels_mlp_dim=384),
}


def _cifar10(architecture, **sizes):
    return dict(architecture=architecture, image_size=32, patch_size=4, in_channels=3, num_classes=10, num_blocks=8,
                hidden_dim=128, **sizes)


def _relative(architecture, patch_size, num_blocks, hidden_dim, **sizes):
    return dict(architecture=architecture, image_size=224, patch_size=patch_size, in_channels=3, num_classes=1000,
                num_blocks=num_blocks, hidden_dim=hidden_dim, **sizes)


RELATIVES = {   # the same for the models of family/, and their class
    "resmlp-cifar10": _cifar10("ResMLP", channels_mlp_dim=512),
    "gmlp-cifar10": _cifar10("GMLP", channels_mlp_dim=768),
    "convmixer-cifar10": _cifar10("ConvMixer", kernel_size=5),
    "vit-cifar10": _cifar10("ViT", channels_mlp_dim=512, num_heads=4),
    "fnet-cifar10": _cifar10("FNet", channels_mlp_dim=512),
    "poolformer-cifar10": _cifar10("PoolFormer", channels_mlp_dim=512),
    "identity-cifar10": _cifar10("IdentityFormer", channels_mlp_dim=512),
    # Of the papers, as timm names them.
    "resmlp_12_224": _relative("ResMLP", 16, 12, 384, channels_mlp_dim=1536),
    "gmlp_s16_224": _relative("GMLP", 16, 30, 256, channels_mlp_dim=1536),
    "convmixer_1024_20_ks9_p14": _relative("ConvMixer", 14, 20, 1024, kernel_size=9),
}
NAMES = (*MODELS, *RELATIVES)


def get_config(name: str, **overrides) -> MixerConfig:
    """The configuration of a model of `MODELS` or `RELATIVES`, with any of its fields replaced by keyword.

    Raises ValueError for a name or a field that does not exist, and suggests the nearest that does."""
    if name not in NAMES:
        raise ValueError(f"no model is named {name!r}{did_you_mean(name, NAMES)}")
    sizes = MODELS.get(name) or RELATIVES[name]
    architecture = sizes.get("architecture", "MlpMixer")
    known = ARCHITECTURES[architecture].Config.__dataclass_fields__
    for option in overrides:
        if option not in known:
            raise ValueError(f"{architecture} has no option {option!r}{did_you_mean(option, known)}")
    return configure(**sizes | overrides)


def default_patch_size(height: int, width: int, usual: int) -> int:
    """A patch size for images of height x width pixels: `usual` if it gives at most 8 x 8 tokens, as the course's
    models have, else the smallest that does.

    Raises ValueError if the only one is the whole image."""
    sizes = [size for size in range(1, min(height, width) + 1)
             if height % size == width % size == 0 and max(height, width) <= 8 * size]
    if usual in sizes:
        return usual
    if not sizes or sizes[0] == max(height, width) > 8:
        raise ValueError(f"images of {height} x {width} pixels (height x width) cannot be cut into a few equal square "
                         f"patches: bring them to another size, for example image_size=32 (--image-size 32)")
    return sizes[0]


def create_model(name: str, **overrides) -> MlpMixer:
    """Build a model by name, freshly initialized: create_model("mnist"), create_model("B/16", num_classes=0),
    create_model("resmlp-cifar10").

    Raises ValueError as `get_config` and `MixerConfig` do."""
    return build(get_config(name, **overrides))


def did_you_mean(name, known):
    """The end of an error message about an unknown name: the nearest known one, or the list of all."""
    known = list(known)
    nearest = [one for one in known if one.lower() == str(name).lower()]       # else "b/16" is as near to "S/16"
    begun = [one for one in known if len(str(name)) > 3 and one.lower().startswith(str(name).lower())]
    nearest = nearest or begun or get_close_matches(str(name), known, n=1)
    return f": did you mean {nearest[0]!r}?" if nearest else f": choose from {', '.join(known)}"
