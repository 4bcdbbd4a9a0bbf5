"""The paper's models and the course's small ones by name, and what each costs, counted without building it."""

from difflib import get_close_matches

from .model import MlpMixer, pair


def _imagenet(num_blocks, patch_size, hidden_dim, tokens_mlp_dim, channels_mlp_dim):
    return dict(image_size=224, patch_size=patch_size, in_channels=3, num_classes=1000, num_blocks=num_blocks,
                hidden_dim=hidden_dim, tokens_mlp_dim=tokens_mlp_dim, channels_mlp_dim=channels_mlp_dim)


MODELS = {
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


def get_config(name, **overrides):
    """The arguments of `MlpMixer` for a model of `MODELS`, with any of them replaced by keyword.

    Raises ValueError for a name or an override that does not exist, and suggests the nearest that does."""
    if name not in MODELS:
        raise ValueError(f"no model is named {name!r}{did_you_mean(name, MODELS)}")
    known = [*MODELS[name], "dropout", "drop_path", "gelu"]
    for option in overrides:
        if option not in known:
            raise ValueError(f"MlpMixer has no option {option!r}{did_you_mean(option, known)}")
    return {**MODELS[name], **overrides}


def create_model(name, **overrides):
    """Build a model by name, freshly initialized: create_model("mnist"), create_model("B/16", num_classes=0).

    Raises ValueError as `get_config` and `MlpMixer` do."""
    return MlpMixer(**get_config(name, **overrides))


def count_parameters(config):
    """Number of parameters of MlpMixer(**config), in closed form (the sum behind Table 1 of the paper)."""
    D, S, C, D_S, D_C, L, K = _sizes(config)
    stem = (D + 1) * C
    block = (2 * S * D_S + D_S + S) + (2 * C * D_C + D_C + C) + 4 * C     # token MLP, channel MLP, two norms
    head = (C + 1) * K
    return stem + L * block + 2 * C + head


def count_macs(config):
    """Multiply-accumulates for one image in MlpMixer(**config), linear layers only; FLOPs are twice that."""
    D, S, C, D_S, D_C, L, K = _sizes(config)
    return D * S * C + L * 2 * C * S * (D_S + D_C) + C * K


def layer_table(config):
    """What `MlpMixer(**config)` does to one image, a row a layer: (layer, output shape, parameters, MACs)."""
    D, S, C, D_S, D_C, L, K = _sizes(config)
    rows = [("patches", (S, D), 0, 0),
            ("patch embedding", (S, C), (D + 1) * C, D * S * C)]
    for i in range(L):
        rows += [(f"block {i} token mixing", (S, C), 2 * C + 2 * S * D_S + D_S + S, 2 * C * S * D_S),
                 (f"block {i} channel mixing", (S, C), 2 * C + 2 * C * D_C + D_C + C, 2 * S * C * D_C)]
    rows += [("layer norm", (S, C), 2 * C, 0), ("mean over patches", (C,), 0, 0)]
    if K:
        rows += [("head", (K,), (C + 1) * K, C * K)]
    return rows


def cost_by_part(config):
    """The costs of MlpMixer(**config) by kind of layer: {"parameters": {part: count}, "MACs": {part: count}}."""
    costs = {what: dict.fromkeys(("patch embedding", "token mixing", "channel mixing", "head"), 0)
             for what in ("parameters", "MACs")}
    for layer, _, parameters, macs in layer_table(config):
        parts = [part for part in costs["MACs"] if layer.endswith(part)]
        part = parts[0] if parts else "head"        # the last norm counts with the head
        costs["parameters"][part] += parameters
        costs["MACs"][part] += macs
    return costs


def did_you_mean(name, known):
    """The end of an error message about an unknown name: the nearest known one, or the list of all."""
    nearest = get_close_matches(str(name), list(known), n=1)
    return f": did you mean {nearest[0]!r}?" if nearest else f": choose from {', '.join(known)}"


def _sizes(config):
    """The paper's letters D, S, C, D_S, D_C, L, K for the arguments of MlpMixer."""
    (H, W), (P_h, P_w) = pair("image_size", config["image_size"]), pair("patch_size", config["patch_size"])
    return (config["in_channels"] * P_h * P_w, (H // P_h) * (W // P_w), config["hidden_dim"],
            config["tokens_mlp_dim"], config["channels_mlp_dim"], config["num_blocks"], config["num_classes"])
