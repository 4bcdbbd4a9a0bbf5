"""Lesson 02, the patch embedding."""

import torch
from torch.nn.functional import conv2d, linear

from ..model import patchify
from .checking import ask, call, compare, exercise, need, whole_pair


@exercise("2.1", "you can say what sharing saves.")
def check_count_embedding(count_embedding):
    """count_embedding(image_size, patch_size, in_channels, hidden_dim) -> (shared, not shared)."""
    for arguments in ((6, 3, 2, 5), (28, 7, 1, 64), (224, 16, 3, 768)):        # in the first, no two mistakes agree
        size, P, C_in, C = arguments
        side, D = size // P, C_in * P * P
        S, shared = side ** 2, D * C + C
        where = call(count_embedding, *arguments)
        one, many = whole_pair(ask(count_embedding, *arguments), "(shared, not shared)", where)
        need((one, many) != (S * shared, shared), f"{where} gives {one:,} and {many:,}: these are the two numbers, but "
                                                  "the other way round. Shared comes first.")
        hints = {
            D * C: "The biases are missing: each channel has one.",
            D * C + 1: "Each of the C channels has a bias of its own.",
            D * C + D: "There is one bias for each channel, not one for each pixel.",
            P * P * C + C: "A patch holds the pixels of all its color channels.",
            C_in * P * C + C: "A patch has P lines of P pixels.",
            C_in * size ** 2 * C + C: "This layer reads the whole image; a patch embedding reads one patch.",
            D + 1: "This is one detector; there are C of them.",
        }
        hint = hints.get(one, "How many weights has one detector, and how many detectors are there?")
        need(one == shared, f"{where}: shared, you count {one:,}, expected {shared:,}. {hint}")
        hints = {
            shared: "This is the shared layer again; now each patch has its own.",
            S * D * C + C: "Each patch has its own biases, too.",
            S * D * C: "The biases are missing.",
            side * shared: "These are the patches along one side; the grid has as many lines as columns.",
            size ** 2 * shared: "This is a layer for each pixel; count patches.",
            C * shared: "This is a layer for each channel; count patches.",
        }
        hint = hints.get(many, "How many patches are there?")
        need(many == S * shared, f"{where}: not shared, you count {many:,}, expected {S * shared:,}. {hint}")


@exercise("2.2", "you can turn images into tokens.")
def check_embed(embed):
    """embed(images, weight, bias, P): [B, C_in, H, W], [C, D], [C] -> tokens [B, S, C]."""
    for B, C_in, H, W, P, C in ((2, 2, 4, 6, 2, 8), (1, 3, 9, 6, 3, 4)):       # in the first C = D, so @ weight runs
        torch.manual_seed(0)
        S, D = H * W // P**2, C_in * P * P
        images, weight, bias = torch.randn(B, C_in, H, W), torch.randn(C, D), torch.randn(C)
        table = patchify(images, P)
        split = images.reshape(B, C_in, H // P, P, W // P, P)                  # image, color, i, u, j, v
        kernel = weight.view(C, C_in, P, P)
        maps, overlapping = conv2d(images, kernel, bias, stride=P), conv2d(images, kernel, bias)
        wrong = {
            "the bias is missing: add it to every token.": linear(table, weight),
            "the bias is subtracted; add it.": linear(table, weight, -bias),
            "weight has a detector in each row, and the matrix product wants it in each column: weight.T.":
                table[..., :C] @ weight[:, :C] + bias,
            "the patches are counted down the columns; the table goes along the rows first.":
                linear(split.permute(0, 4, 2, 1, 3, 5).reshape(B, S, D), weight, bias),
            "the numbers of a patch meet the weights in the order (line, column, color); the weights are in the order "
            "of patchify, (color, line, column).":
                linear(split.permute(0, 2, 4, 3, 5, 1).reshape(B, S, D), weight, bias),
            "each patch is transposed: its lines and columns are swapped.":
                linear(split.permute(0, 2, 4, 1, 5, 3).reshape(B, S, D), weight, bias),
            "a reshape alone cuts the image into strips, not squares. Cut it with patchify.":
                linear(images.reshape(B, S, D), weight, bias),
            "these are C small pictures, [B, C, H/P, W/P]. Make them a table: flatten(2), then transpose(1, 2).": maps,
            "the table lies on its side, [B, C, S]: transpose(1, 2) turns it.": maps.flatten(2),
            "reshape cannot turn [B, C, S] into [B, S, C], it only cuts anew: use transpose(1, 2).":
                maps.reshape(B, S, C),
            "these are the tokens of the first image alone: the batch stays in front, [B, S, C].":
                linear(table[0], weight, bias),
            "the images of the batch have run together: the batch stays in front, [B, S, C].":
                linear(table, weight, bias).flatten(0, 1),
        }
        got = ask(embed, images, weight, bias, P)
        if isinstance(got, torch.Tensor):
            flat = overlapping.flatten(2)
            need(got.shape not in (overlapping.shape, flat.shape, flat.mT.shape),
                 "there are too many tokens: the window of this convolution moves on by one pixel, so that its places "
                 "overlap. With stride=P it moves on by a patch.")
            need(torch.equal(got, ask(embed, images, weight, bias, P)),
                 "called twice it gives two results. Is there a layer in it with random numbers of its own? Use the "
                 "weight and the bias that are given.")
        compare(got, linear(table, weight, bias), wrong,
                "The shape is right: compare with the line of the lesson that replaced the loop.")


@exercise("2.3", "you can tell a detector what to look for.")
def check_red_on_the_left(red_on_the_left):
    """red_on_the_left(P) -> weights [3 * P * P], in the order (color, line, column)."""
    for P in (4, 6):
        square = torch.zeros(3, P, P)
        square[0, :, :P // 2] = 2 / P**2
        square[0, :, P // 2:] = -2 / P**2
        right = square.flatten()
        wrong = {
            "this says how much redder the right half is: turn the signs round.": -right,
            "this compares the top half with the bottom half. In [color, line, column], left and right are columns.":
                square.mT.flatten(),
            "this compares the bottom half with the top half. In [color, line, column], left and right are columns.":
                -square.mT.flatten(),
            "this looks at green. Red is color channel 0.": square.roll(1, 0).flatten(),
            "this looks at blue. Red is color channel 0.": square.roll(2, 0).flatten(),
            "this compares the brightness of all three colors: green and blue should have weights of 0.":
                square[:1].expand(3, P, P).flatten(),
            "these weights are in the order (line, column, color); the table is in (color, line, column).":
                square.permute(1, 2, 0).flatten(),
            "these weights of 1 and -1 give the sums of red; asked for are means. How many pixels has a half?":
                right.sign(),
            "this divides by the pixels of the whole patch; the mean of a half divides by half as many.": right / 2,
            "this divides by the numbers of the whole patch, all its colors; the mean is over the red of a half.":
                right.sign() / (3 * P * P),
            "this divides by the columns of a half. A half has P lines, too: P * P / 2 pixels.":
                right.sign() / (P // 2),
            "this is the mean of red in the left half; now take away that of the right half.": right.clamp(min=0),
            "this is the mean of red over the whole patch; right of the middle the weights are negative.":
                right.abs() / 2,
            "the weights are right, as [3, P, P]; a row of the weights is flat, [3 * P * P]: flatten.": square,
            "all weights are 0: a tensor of whole numbers cannot hold such small ones.": torch.zeros_like(right),
            "these are the weights for red; green and blue need weights too, of 0.": square[0].flatten(),
        }
        compare(ask(red_on_the_left, P), right, wrong,
                f"These are the numbers for P = {P}. Fill a block of zeros [3, P, P], then flatten it.")


@exercise("2.4", "released weights hold no terror for you.")
def check_from_released(from_released):
    """from_released(kernel): [P, P, C_in, C] -> weight [C, D], for tables as patchify cuts them."""
    for P, C_in, C in ((2, 3, 5), (3, 2, 4)):
        kernel = torch.arange(P * P * C_in * C).float().reshape(P, P, C_in, C)
        weight = kernel.permute(3, 2, 0, 1).reshape(C, -1)
        wrong = {
            "a reshape alone leaves the numbers in their old order: bring the axes into the new one first, with "
            "permute.": kernel.reshape(C, -1),
            "a row is a detector now, but its weights are still in the order (line, column, color); patchify's is "
            "(color, line, column).": kernel.permute(3, 0, 1, 2).reshape(C, -1),
            "this is on its side, [D, C], and its weights are still in the order (line, column, color).":
                kernel.reshape(-1, C),
            "each detector is transposed: its lines and columns are swapped.":
                kernel.permute(3, 2, 1, 0).reshape(C, -1),
            "this is on its side, [D, C]: nn.Linear keeps a detector in each row.": weight.T,
            "this is the kernel of a Conv2d, [C, C_in, P, P]. Merge its last three axes for nn.Linear.":
                kernel.permute(3, 2, 0, 1),
            "the channel (axis 3) must come first before you merge; reshape cannot move it.":
                kernel.permute(2, 0, 1, 3).reshape(C, -1),
        }
        compare(ask(from_released, kernel), weight, wrong,
                "The shape is right: which axis of the kernel comes first in [C, C_in, P, P], which second?")
