"""How each project names and lays out the weights of a Mixer, and how to tell what a file holds.

Sources: the official code (google-research/vision_transformer, vit_jax/models_mixer.py), timm (mlp_mixer.py) and PASSL
(mlp_mixer.py). A linear layer's weight is (in, out) in Flax and Paddle, (out, in) in torch. The kernel of the embedding
is (P_h, P_w, in, out) in Flax, (out, in, P_h, P_w) in torch and Paddle.
"""

import re

FLAX, TIMM, PASSL = "official Flax", "timm", "PASSL"
GELU = {FLAX: "tanh", TIMM: "none", PASSL: "none"}

PARTS = {       # of an `MlpMixer`: their names in Flax and in torch, with the block's number in place of *
    "patch_embedding.linear": ("stem", "stem.proj"),
    "blocks.*.token_norm": ("MixerBlock_*/LayerNorm_0", "blocks.*.norm1"),
    "blocks.*.token_mixing.fc1": ("MixerBlock_*/token_mixing/Dense_0", "blocks.*.mlp_tokens.fc1"),
    "blocks.*.token_mixing.fc2": ("MixerBlock_*/token_mixing/Dense_1", "blocks.*.mlp_tokens.fc2"),
    "blocks.*.channel_norm": ("MixerBlock_*/LayerNorm_1", "blocks.*.norm2"),
    "blocks.*.channel_mixing.fc1": ("MixerBlock_*/channel_mixing/Dense_0", "blocks.*.mlp_channels.fc1"),
    "blocks.*.channel_mixing.fc2": ("MixerBlock_*/channel_mixing/Dense_1", "blocks.*.mlp_channels.fc2"),
    "norm": ("pre_head_layer_norm", "norm"),
    "head": ("head", "head"),
}

# What is no `MlpMixer`, though it may look like one: a name in the file, what it is, and what differs.
OTHERS = [
    (r"mixer_layers\.\d+\.token_mixer\.", "a Mixer of lavish's code", "it has no LayerNorm before the pooling, and its "
     "other LayerNorms have eps 1e-5, not 1e-6"),
    (r"MixerStack\.\d+\.\d\.", "a Mixer of rrmina's code", "its LayerNorms are over tokens and channels together, not "
     "over the channels of each token, with eps 1e-5, not 1e-6"),
    (r"running_mean$", "a network with BatchNorm, such as a ConvMixer", "it has convolutions and BatchNorm, not "
     "MLPs and LayerNorm"),
    (r"^\d+\.\d+\.\d\.fn\.[03]\.weight$|^\d+\.\d\.fn\.[03]\.weight$", "a Mixer of lucidrains' code", "its LayerNorms "
     "have eps 1e-5, not 1e-6, and its patches are laid out by row, column, channel"),
    (r"linear_tokens\.weight$|\.ls1$|\.gamma_1$", "a ResMLP", "it mixes tokens with one linear layer, and has affine "
     "layers in place of LayerNorm"),
    (r"mlp_channels\.gate\.|\.sgu\.", "a gMLP", "its blocks are gated and have no token-mixing MLP"),
    (r"pos_embed|cls_token|\.attn\.|MultiHeadDotProductAttention", "a Vision Transformer", "it mixes tokens by "
     "attention, not by an MLP"),
]


def recognize(shapes, kind):
    """The family of a file, from its names and their shapes: FLAX, TIMM or PASSL. kind: "Paddle" or another format.

    Raises ValueError for what is no `MlpMixer`, saying what it is and what differs."""
    for pattern, what, differs in OTHERS:
        if any(re.search(pattern, name) for name in shapes):
            raise ValueError(f"it is {what}, which is no MlpMixer: {differs}")
    if "stem/kernel" in shapes and "MixerBlock_0/token_mixing/Dense_0/kernel" in shapes:
        return FLAX
    if "stem.proj.weight" in shapes and "blocks.0.mlp_tokens.fc1.weight" in shapes:
        family = PASSL if kind == "Paddle" else TIMM
        fc1, fc2 = (shapes.get(f"blocks.0.mlp_tokens.{name}.bias") for name in ("fc1", "fc2"))
        fc2_weight = shapes.get("blocks.0.mlp_tokens.fc2.weight", ())
        if family == TIMM and fc1 and fc2 and fc2_weight == (*fc2, fc1[0] // 2):
            raise ValueError("it is a gMixer, which is no MlpMixer: its MLPs are gated, with half of fc1's units")
        return family
    if "patch_embedding.linear.weight" in shapes:
        raise ValueError("it holds the state_dict of an MlpMixer alone, which does not say the model's sizes: write it "
                         "with save_checkpoint, or with save_released")
    some = ", ".join(list(shapes)[:3]) or "nothing"
    raise ValueError(f"it holds no Mixer of the official code, timm or PASSL; its first names are {some}")


def theirs(family, ours, head="head"):
    """The name that a parameter of an `MlpMixer` has in a family's files: "norm.weight" -> "pre_head_layer_norm/scale".

    head: what PASSL's head is called."""
    part, kind = ours.rsplit(".", 1)
    number = re.search(r"\d+", part)
    name = PARTS[re.sub(r"(?<=blocks\.)\d+", "*", part)][family != FLAX]
    name = name.replace("*", number[0] if number else "")
    if family == FLAX:
        return f"{name}/{'bias' if kind == 'bias' else 'scale' if part.endswith('norm') else 'kernel'}"
    return f"{head if part == 'head' else name}.{kind}"


def to_theirs(family, name, tensor, kernel_shape):
    """A parameter of an `MlpMixer`, of this name, in a family's layout. kernel_shape: (in_channels, P_h, P_w)."""
    if name == "patch_embedding.linear.weight":
        kernel = tensor.unflatten(1, kernel_shape)                  # [C, in_channels * P_h * P_w] -> four axes
        return kernel.permute(2, 3, 1, 0) if family == FLAX else kernel
    return tensor.T if tensor.ndim == 2 and family != TIMM else tensor


def to_ours(family, name, tensor):
    """The inverse of `to_theirs`."""
    if name == "patch_embedding.linear.weight":
        return (tensor.permute(3, 2, 0, 1) if family == FLAX else tensor).flatten(1)    # [C, in_channels * P_h * P_w]
    return tensor.T if tensor.ndim == 2 and family != TIMM else tensor


def count_blocks(family, shapes):
    """How many blocks a file has. Raises ValueError if one is missing among their numbers."""
    pattern = r"^MixerBlock_(\d+)/" if family == FLAX else r"^blocks\.(\d+)\."
    numbers = {match[1] for name in shapes if (match := re.match(pattern, name))}
    if strange := numbers - {str(number) for number in range(len(numbers))}:
        raise ValueError(f"it has blocks of {len(numbers)} numbers, and one of them is {min(strange)[:20]}: expected 0 "
                         f"to {len(numbers) - 1}")
    return len(numbers)
