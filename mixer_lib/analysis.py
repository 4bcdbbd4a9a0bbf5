"""What trained weights and gradients tell: pure functions that return arrays."""

import torch


def influence(layer, tokens, between="tokens"):
    """How strongly each output of `layer` moves with each input: an exact 0 says that one never sees the other.

    layer: maps [B, S, C] to [B, S', C']. tokens: [S, C], the place at which derivatives are taken. Entry [j, i] is the
    norm of the derivatives of all of output token j with respect to all of input token i: [S', S]. With
    between="channels" it is the same for channels: [C', C]."""
    if between not in ("tokens", "channels"):
        raise ValueError(f'between is {between!r}, expected "tokens" or "channels"')
    with torch.no_grad():           # jacrev differentiates all the same; nothing is kept for a derivative of it
        jacobian = torch.func.jacrev(lambda x: layer(x[None])[0], chunk_size=512)(tokens)   # [S', C', S, C]
    return jacobian.norm(dim=(1, 3) if between == "tokens" else (0, 2))
