"""Lesson 02, the patch embedding."""

import torch
from torch.nn.functional import conv2d, linear

from ..model import patchify
from .checking import ask, call, compare, exercise, need, whole_pair


@exercise("2.1", "you can say what sharing saves.")
def check_count_embedding(count_embedding):
    """count_embedding(image_size, patch_size, in_channels, hidden_dim) -> (shared, not shared)."""
    for arguments in ((15, 3, 2, 7), (28, 7, 1, 64), (224, 16, 3, 768), (30, 5, 4, 7), (8, 1, 3, 2), (9, 9, 2, 11)):
        # in the first, all mistakes differ
        size, P, C_in, C = arguments
        side, D = size // P, C_in * P * P
        S, shared = side ** 2, D * C + C
        where = call(count_embedding, *arguments)
        one, many = whole_pair(ask(count_embedding, *arguments), "(shared, not shared)", where)
        swapped = S > 1 and (one, many) == (S * shared, shared)
        need(not swapped, f"{where} gives {one:,} and {many:,}: these are the right numbers in the wrong order. Shared "
                          "comes first.")
        hints = {
            3 * P * P * C + C: f"The images have {C_in} color channels here, not 3.",
            D * C: "The biases are missing: each channel has one.",
            D * C + 1: "Each of the C channels has a bias of its own.",
            D * C + D: "There is one bias per channel, not one per pixel.",
            P * P * C + C: "A patch holds the pixels of all its color channels.",
            C_in * P * C + C: "A patch has P rows of P pixels.",
            C_in * size ** 2 * C + C: "This layer reads the whole image. A patch embedding reads one patch.",
            D + 1: "This is one detector. There are C of them.",
        }
        hint = hints.get(one, "How many weights does one detector have, and how many detectors are there?")
        need(one == shared, f"{where}: with sharing you count {one:,}, expected {shared:,}. {hint}")
        hints = {
            shared: "This is the shared layer again. Now each patch has its own layer.",
            S * D * C + C: "Each patch has its own biases, too.",
            S * D * C: "The biases are missing.",
            side * shared: "This counts only the patches along one side. The grid has as many rows as columns.",
            size ** 2 * shared: "This is one layer per pixel. Count patches.",
            C * shared: "This is one layer per channel. Count patches.",
            C_in * shared: "This is one layer per color. Count patches.",
            (S + 1) * shared: "This counts the shared layer, too. Without sharing there are only the S layers.",
            S: "This is the number of layers. The exercise asks for their parameters.",
        }
        hint = hints.get(many, "How many patches are there?")
        need(many == S * shared, f"{where}: without sharing you count {many:,}, expected {S * shared:,}. {hint}")


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
            "the bias is subtracted: add it.": linear(table, weight, -bias),
            "weight has one detector per row. The matrix product needs one detector per column: weight.T.":
                table[..., :C] @ weight[:, :C] + bias,
            "the patches are counted down the columns. The table goes along the rows first.":
                linear(split.permute(0, 4, 2, 1, 3, 5).reshape(B, S, D), weight, bias),
            "the numbers of a patch are multiplied by the weights in the order (row, column, color). The weights are "
            "in the order of patchify, (color, row, column).":
                linear(split.permute(0, 2, 4, 3, 5, 1).reshape(B, S, D), weight, bias),
            "each patch is transposed: its rows and columns are swapped.":
                linear(split.permute(0, 2, 4, 1, 5, 3).reshape(B, S, D), weight, bias),
            "a reshape alone cuts the image into strips, not squares. Cut it with patchify.":
                linear(images.reshape(B, S, D), weight, bias),
            "these are C small pictures, [B, C, H/P, W/P]. Make a table: flatten(2), then transpose(1, 2).": maps,
            "the table lies on its side, [B, C, S]: turn it with transpose(1, 2).": maps.flatten(2),
            "reshape cannot turn [B, C, S] into [B, S, C]. It keeps the numbers in their old order: use "
            "transpose(1, 2).": maps.reshape(B, S, C),
            "these are the tokens of the first image alone. Keep the batch axis in front: [B, S, C].":
                linear(table[0], weight, bias),
            "the images of the batch have run together. Keep the batch axis in front: [B, S, C].":
                linear(table, weight, bias).flatten(0, 1),
        }
        got = ask(embed, images, weight, bias, P)
        if isinstance(got, torch.Tensor):
            flat = overlapping.flatten(2)
            need(got.shape not in (overlapping.shape, flat.shape, flat.mT.shape),
                 "there are too many tokens. The window of this convolution moves by one pixel at a time, so that its "
                 "stops overlap. With stride=P it moves by a whole patch.")
            need(torch.equal(got, ask(embed, images, weight, bias, P)),
                 "called twice, it gives two different results. Does it contain a layer with random numbers of its "
                 "own? Use the weight and the bias that it is given.")
        compare(got, linear(table, weight, bias), wrong,
                "The shape is right. Compare with the line of code that replaced the loop in the lesson.")


@exercise("2.3", "you can tell a detector what to look for.")
def check_red_on_the_left(red_on_the_left):
    """red_on_the_left(P) -> weights [3 * P * P], in the order (color, row, column)."""
    for P in (4, 6, 2, 8):
        square = torch.zeros(3, P, P)
        square[0, :, :P // 2] = 2 / P**2
        square[0, :, P // 2:] = -2 / P**2
        right = square.flatten()
        wrong = {
            "this measures how much redder the right half is: flip the signs.": -right,
            "this compares the top half with the bottom half. In [color, row, column], left and right are columns.":
                square.mT.flatten(),
            "this compares the bottom half with the top half. In [color, row, column], left and right are columns.":
                -square.mT.flatten(),
            "this looks at green. Red is color channel 0.": square.roll(1, 0).flatten(),
            "this looks at blue. Red is color channel 0.": square.roll(2, 0).flatten(),
            "this compares the brightness of all three colors. Green and blue should have weights of 0.":
                square[:1].expand(3, P, P).flatten(),
            "these weights are in the order (row, column, color). The table's order is (color, row, column).":
                square.permute(1, 2, 0).flatten(),
            "weights of 1 and -1 give sums of red. The exercise asks for means. How many pixels does a half have?":
                right.sign(),
            "this divides by the number of pixels in the whole patch. A half has half as many.": right / 2,
            "this divides by how many numbers the whole patch holds, all its colors included. The mean is over the red "
            "values of one half.": right.sign() / (3 * P * P),
            "this divides by the number of columns in a half. A half also has P rows, so it has P * P / 2 pixels.":
                right.sign() / (P // 2),
            "this is the mean of red in the left half. Now subtract the mean of the right half.": right.clamp(min=0),
            "this is the mean of red over the whole patch. In the right half the weights must be negative.":
                right.abs() / 2,
            "this adds the means of both halves: subtract the right one.": right.abs(),
            "the weights are right, but their shape is [3, P, P]. A row of weights is flat, [3 * P * P]: use flatten.":
                square,
            "all weights are 0. A tensor of whole numbers cannot hold numbers this small.": torch.zeros_like(right),
            "these are the weights for red only. Green and blue need weights, too: 0.": square[0].flatten(),
            "this works for patches of 8 x 8 only: use P in place of 8, P // 2 in place of 4, and 2 / P**2 in place of "
            "1/32.": torch.cat([right.new_zeros(3, P, P).index_fill_(2, torch.arange(min(4, P)), 1 / 32)[:1]
                                - right.new_zeros(1, P, P).index_fill_(2, torch.arange(min(4, P), P), 1 / 32),
                                right.new_zeros(2, P, P)]).flatten(),
        }
        if P == 8:
            wrong.popitem()
        compare(ask(red_on_the_left, P), right, wrong,
                f"These are the numbers for P = {P}. Which block of [3, P, P] should hold which weight?")


@exercise("2.4", "you can use released weights.")
def check_from_released(from_released):
    """from_released(kernel): [P, P, C_in, C] -> weight [C, D], for tables as patchify cuts them."""
    for P, C_in, C in ((2, 3, 5), (3, 2, 4), (4, 2, 3), (2, 5, 3)):
        kernel = torch.arange(P * P * C_in * C).float().reshape(P, P, C_in, C)
        weight = kernel.permute(3, 2, 0, 1).reshape(C, -1)
        wrong = {
            "a reshape alone leaves the numbers in their old order. Put the axes into the new order first, with "
            "permute.": kernel.reshape(C, -1),
            "each row is a detector now, but its weights are still in the order (row, column, color). The order of "
            "patchify is (color, row, column).": kernel.permute(3, 0, 1, 2).reshape(C, -1),
            "this lies on its side, [D, C], and its weights are still in the order (row, column, color).":
                kernel.reshape(-1, C),
            "each detector is transposed: its rows and columns are swapped.":
                kernel.permute(3, 2, 1, 0).reshape(C, -1),
            "this lies on its side, [D, C]. nn.Linear keeps one detector per row.": weight.T,
            "this is the kernel of a Conv2d, [C, C_in, P, P]. Merge its last three axes for nn.Linear.":
                kernel.permute(3, 2, 0, 1),
            "move the channel (axis 3) to the front before you merge axes: reshape cannot move it.":
                kernel.permute(2, 0, 1, 3).reshape(C, -1),
        }
        compare(ask(from_released, kernel), weight, wrong,
                "The shape is right. Which axis of the kernel comes first in [C, C_in, P, P], and which second?")
