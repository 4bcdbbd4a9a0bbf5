"""Lesson 04, token mixing."""

import torch
from torch.nn.functional import gelu, linear, relu

from .checking import Calls, Wrong, ask, call, compare, exercise, need, whole_pair


@exercise("4.1", "you know what sharing over the channels saves.")
def check_token_mlp_parameters(token_mlp_parameters):
    """token_mlp_parameters(image_size, patch_size, hidden_dim, tokens_mlp_dim) -> (tied, untied)."""
    for arguments in ((12, 4, 5, 7), (32, 8, 64, 32), (224, 16, 768, 384)):
        size, P, C, D_S = arguments
        side, S = size // P, (size // P) ** 2
        tied = 2 * S * D_S + D_S + S
        where = call(token_mlp_parameters, *arguments)
        got, untied = whole_pair(ask(token_mlp_parameters, *arguments), "(tied, untied)", where)
        hints = {
            C * tied: "This is the untied count. The tied count comes first.",
            2 * S * D_S: "The biases are missing: D_S in the first layer, S in the second.",
            S * D_S: "There are two layers, and each has biases.",
            S * D_S + D_S: "The second layer, from D_S back to S, is missing.",
            2 * S * D_S + D_S: "The biases of the second layer are missing.",
            2 * S * D_S + S: "The biases of the first layer are missing.",
            2 * (S * D_S + D_S): "The second layer gives S numbers, so it has S biases.",
            2 * side * D_S + D_S + side: "How many tokens are there? The grid has as many rows as columns.",
            2 * C * D_S + D_S + C: "This is an MLP on the channels. A token MLP takes S numbers and gives S.",
            2 * size**2 * D_S + D_S + size**2: "Count patches, not pixels.",
            2 * P**2 * D_S + D_S + P**2: "Count the patches of the image, not the pixels of a patch.",
            2 * (S * D_S + S): "The first layer gives D_S numbers, so it has D_S biases.",
        }
        need(got == tied, f"{where} gives {got:,} for tied, expected {tied:,}. {hints.get(got, '')}")
        hints = {
            tied: "That is the tied count again. How many columns does the table have?",
            S * tied: "That is one MLP per token. A token MLP reads a column, and there is one column per channel.",
            D_S * tied: "That is one MLP per hidden unit. Untied means one MLP per channel.",
            (C - 1) * tied: "These are only the additional MLPs. Count all of them, one per channel.",
            C * 2 * S * D_S: "Each of the MLPs would have its own biases, too.",
            C * 2 * S * D_S + D_S + S: "Each of the MLPs would have its own biases, too.",
        }
        need(untied == C * tied, f"{where} gives {untied:,} for untied, expected {C * tied:,}. {hints.get(untied, '')}")


TURNS = {"transpose", "transpose_", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "t", "T", "mT", "H",
         "mH", "adjoint", "rot90", "as_strided", "einsum of one tensor"}


@exercise("4.2", "this is token mixing, and the table never turned.")
def check_token_mixing(my_token_mixing):
    """my_token_mixing(x, W1, b1, W2, b2): [B, S, C] -> [B, S, C], without turning the table."""
    calls = Calls()
    for B, S, C, D_S in ((4, 4, 4, 4), (2, 6, 5, 3), (3, 2, 7, 4)):     # in the first, every mistake fits
        torch.manual_seed(S)
        x, W1, b1, W2, b2 = (2 * torch.randn(shape) for shape in ((B, S, C), (D_S, S), D_S, (S, D_S), S))

        def mlp(x, act=gelu, W1=W1, b1=b1, W2=W2, b2=b2):
            return linear(act(linear(x, W1, b1)), W2, b2)

        turned = x.mT                                           # [B, C, S]
        wrong = {
            "there is one GELU too many: nothing follows the second linear layer.": gelu(mlp(turned)).mT,
            "the GELU between the two layers is missing.": mlp(turned, act=lambda z: z).mT,
            "there is a ReLU between the two layers. The exercise asks for GELU.": mlp(turned, act=relu).mT,
            "this is the tanh approximation of GELU. Use the exact GELU, nn.functional.gelu without options.":
                mlp(turned, act=lambda z: gelu(z, approximate="tanh")).mT,
            "b1 is not added.": mlp(turned, b1=None).mT,
            "b2 is not added.": mlp(turned, b2=None).mT,
            "the biases are not added.": mlp(turned, b1=None, b2=None).mT,
            "b1 is added after the GELU. Add it before the GELU.": linear(gelu(linear(turned, W1)) + b1, W2, b2).mT,
            "the table is added to the result. That is the skip connection. The exercise asks for the mixing alone.":
                x + mlp(turned).mT,
            "the result lies on its side, [B, C, S]. It should be [B, S, C].": mlp(turned),
        }
        if B == S == C == D_S:
            along = "is added along the channels. It has one number per"
            wrong |= {
                "this mixes the channels of each token. The tokens are the rows: put the weights on the left, W1 @ x.":
                    mlp(x),
                f"b1 {along} hidden unit, and these are the rows now: b1[:, None]. The same holds for b2.":
                    W2 @ gelu(W1 @ x + b1) + b2,
                f"b1 {along} hidden unit, and these are the rows now: b1[:, None].":
                    W2 @ gelu(W1 @ x + b1) + b2[:, None],
                f"b2 {along} token, and the tokens are the rows: b2[:, None].":
                    W2 @ gelu(W1 @ x + b1[:, None]) + b2,
                "the two biases are swapped: b1 has one number per hidden unit, b2 one per token.":
                    mlp(turned, b1=b2, b2=b1).mT,
                "this mixes the channels of each token, and then lays the table on its side.": mlp(x).mT,
                "this mixes the images of the batch with each other: leave axis 0 where it is.":
                    mlp(x.transpose(0, 2)).transpose(0, 2),
                "the weights are used the wrong way around: a row of W1 is a hidden unit, as in nn.Linear.":
                    mlp(turned, W1=W1.T, W2=W2.T).mT,
                "W1 is used the wrong way around: a row of W1 is a hidden unit, as in nn.Linear.":
                    mlp(turned, W1=W1.T).mT,
                "W2 is used the wrong way around: a row of W2 is a token, as in nn.Linear.":
                    mlp(turned, W2=W2.T).mT,
            }
        wrong = dict(reversed(wrong.items()))                   # where two agree, the later one is more precise
        try:
            with calls:
                got = ask(my_token_mixing, x, W1, b1, W2, b2)
        except Wrong as stopped:
            bias = "must match the size" in str(stopped)
            raise Wrong(f"{stopped}{' A bias must lie along the rows: b1[:, None], b2[:, None].' * bias}") from None
        compare(got, mlp(turned).mT, wrong, "Write the shape behind each step, and compare with `mix_tokens`.")
    used = sorted(calls.names & TURNS)
    need(not used, f"the numbers are right, but something is turned on the way, by {' and '.join(used)}. Put the "
                   "weights on the left of the table instead. Or is it a bias that you turn? Write b1[:, None].")


@exercise("4.3", "weights follow their patches, and nothing is lost.")
def check_from_column_order(from_column_order):
    """from_column_order(W1, b1, W2, b2, rows, columns) -> the same four tensors, for tokens in raster order."""
    for rows, columns, D_S in ((2, 3, 6), (3, 4, 5)):           # in the first D_S = S, so every mistake fits
        S = rows * columns
        torch.manual_seed(S)
        W1, b1, W2, b2 = torch.randn(D_S, S), torch.randn(D_S), torch.randn(S, D_S), torch.randn(S)
        got = ask(from_column_order, W1, b1, W2, b2, rows, columns)
        need(isinstance(got, (tuple, list)) and len(got) == 4, "return four tensors: W1, b1, W2, b2.")
        for name, tensor, given in zip(("W1", "b1", "W2", "b2"), got, (W1, b1, W2, b2)):
            shape = getattr(tensor, "shape", given.shape)       # what is not a tensor fails below
            need(shape == given.shape, f"{name} has shape {list(shape)}, expected {list(given.shape)}. Return W1, b1, "
                                       "W2, b2, in this order, each with the shape that it had.")
        order = torch.arange(S).reshape(columns, rows).T.flatten()
        inverse = order.argsort()
        square = D_S == S
        other = ("is in the inverse order. For each place in raster order, ask: at which place in column order was the "
                 "same patch?")
        compare(got[0], W1[:, order], {
            "W1 is unchanged. Its columns belong to places, and the places have moved.": W1,
            f"W1 {other}": W1[:, inverse],
            **({"the rows of W1 have moved. A row is a hidden unit, a column is a place.": W1[order],
                "the rows of W1 have moved, in the inverse order. A row is a hidden unit, a column is a place.":
                    W1[inverse]} if square else {}),
        }, "The mistake is in W1: its columns belong to places.")
        compare(got[1], b1, {
            "b1 has moved. It belongs to the hidden units, which have no place.": b1[order],
            "b1 has moved, but it belongs to the hidden units, which have no place.": b1[inverse],
        } if square else {}, "The mistake is in b1, which belongs to the hidden units.")
        compare(got[2], W2[order], {
            "W2 is unchanged. Its rows belong to places, and the places have moved.": W2,
            f"W2 {other}": W2[inverse],
            **({"the columns of W2 have moved. A column is a hidden unit, a row is a place.": W2[:, order],
                "the columns of W2 have moved, in the inverse order. A column is a hidden unit, a row is a place.":
                    W2[:, inverse]} if square else {}),
        }, "The mistake is in W2: its rows belong to places.")
        compare(got[3], b2[order], {
            "b2 is unchanged. It holds one number per place, and the places have moved.": b2,
            f"b2 {other}": b2[inverse],
        }, "The mistake is in b2: it holds one number per place.")


@exercise("4.4", "a token MLP can carry numbers from place to place, and you found the weights.")
def check_shift_weights(shift_weights):
    """shift_weights(rows, columns) -> (W1, W2), [D_S, S] and [S, D_S], that shift each channel one place right."""
    for rows, columns in ((3, 4), (2, 3), (4, 4)):
        S = rows * columns
        torch.manual_seed(S)
        x = 3 * torch.randn(5, rows, columns, dtype=torch.float64)                      # [C, rows, columns]
        got = ask(shift_weights, rows, columns)
        need(isinstance(got, (tuple, list)) and len(got) == 2 and all(isinstance(W, torch.Tensor) for W in got),
             "return two tensors: W1, W2.")
        W1, W2 = (W.double() for W in got)
        shapes = f"W1 has shape {list(W1.shape)} and W2 {list(W2.shape)}. With {S} tokens, expected"
        need(W1.ndim == W2.ndim == 2 and W1.shape == W2.shape[::-1], f"{shapes} [D_S, {S}] and [{S}, D_S].")
        need(W1.shape[1] == S, f"{shapes} [D_S, {S}] and [{S}, D_S]. As in nn.Linear, each row is an output.")

        def shift(x, axis, by):
            moved = torch.roll(x, by, axis)
            moved.select(axis, 0 if by > 0 else -1).zero_()
            return moved

        right, flat = shift(x, 2, 1), x.flatten(1)
        in_raster = shift(flat, 1, 1).view_as(x)
        wrong_edge = in_raster.clone()
        wrong_edge[..., -1] = 0
        wrong = {
            "nothing moves: each token gets its own number back.": x,
            "the picture moves left. It should move right: a token gets what its *left* neighbor had.": shift(x, 2, -1),
            "the picture moves down. The neighbor on the left is token s - 1, not the token one row up.":
                shift(x, 1, 1),
            "the picture moves up. The neighbor on the left is token s - 1, not the token one row down.":
                shift(x, 1, -1),
            "the first token of a row gets the number of the last token in the row above. They are neighbors in the "
            "table, but not in the picture.": in_raster,
            "the first token of a row gets the number of the last token in the row above, and token 0 that of the very "
            "last token. They are not neighbors in the picture.": torch.roll(flat, 1, 1).view_as(x),
            "what leaves at the right comes back at the left. It should be 0 there.": torch.roll(x, 1, 2),
            "the right edge is 0 here, and the left edge gets numbers from the row above. The left edge should be 0.":
                wrong_edge,
            "the picture moves two places. Use the shift in one of the two layers only.": shift(right, 2, 1),
            "everything is 0. If both halves of W1 are equal, the difference is gelu(z) - gelu(z): the second half "
            "needs the opposite sign.": torch.zeros_like(x),
            "the GELU is still in the way: it lets almost nothing of a negative number through. Give each number a "
            "second hidden unit, with the opposite sign.": gelu(right),
            "this is twice gelu(z), but GELU halves only numbers near 0. Give each number a second hidden unit, with "
            "the opposite sign.": 2 * gelu(right),
            "this is gelu(z) + gelu(-z). Subtract one of the two.": gelu(right) + gelu(-right),
            "everything has the wrong sign: use gelu(z) - gelu(-z), not gelu(-z) - gelu(z).": -right,
            "everything is twice as large as it should be.": 2 * right,
            "everything is half as large as it should be.": right / 2,
        }
        result = (W2 @ gelu(W1 @ flat.T)).T.reshape(x.shape)                            # [C, rows, columns]
        straight = (W2 @ W1 @ flat.T).T.reshape(x.shape)                                # without GELU
        if not torch.allclose(result, right, atol=1e-5):
            need(not torch.allclose(result, right, rtol=0.05, atol=0.05),
                 "the result is close, but not equal: for small numbers GELU is nearly a straight line, but only "
                 "nearly. gelu(z) - gelu(-z) is exactly z.")
            need(not torch.allclose(straight, right, atol=1e-5)
                 or any(torch.allclose(result, known, atol=1e-5) for known in (gelu(right), right / 2)),
                 "W2 @ W1 is the right shift, but the GELU between the two holds negative numbers back. Give each "
                 "number a second hidden unit, with the opposite sign.")
        compare(result, right, wrong, f"(The numbers in brackets are [channel, row, column], on a grid of {rows} x "
                                      f"{columns}.) First write the shift as a matrix M: which entry of row s is 1?")
