"""Lesson 01, patches."""

import torch

from ..model import patchify, unpatchify
from .checking import ask, ask_without, call, compare, exercise, need, whole_pair


@exercise("1.1", "you can size the table of any image.")
def check_table_shape(table_shape):
    """table_shape(image_size, patch_size, in_channels) -> (S, D)."""
    for size, P, channels in ((32, 8, 3), (28, 7, 1), (224, 16, 3), (30, 5, 2), (12, 4, 4), (9, 1, 3), (14, 14, 5)):
        side = size // P
        S, D = expected = side ** 2, channels * P * P
        where = call(table_shape, size, P, channels)
        got = whole_pair(ask(table_shape, size, P, channels), "(S, D)", where)
        need(got != expected[::-1] or S == D, f"{where} gives {got}: these are the right numbers in the wrong order. "
                                              "Rows (S) come first.")
        hints = {
            channels * S: "The channels of a pixel lie in the same patch: they count in D, not in S.",
            size // P: "This counts only the patches along one side. The grid has as many rows as columns.",
            (side + 1) ** 2: "Count the squares between the cuts, not the cuts.",
            size ** 2: "This is the number of pixels. Count patches.",
            size ** 2 // P: "A patch has P pixel rows and P pixel columns.",
        }
        hint = hints.get(got[0], "How many patches are there?")
        need(got[0] == S, f"{where} gives S = {got[0]}, expected {S}. {hint}")
        hints = {
            channels * P ^ 2: "In Python a power is **, and ^ is something else.",
            P * P: f"This counts only one channel. A patch holds the pixels of all {channels} channels.",
            channels * P: f"This counts only one pixel row of the patch. A patch has {P} pixel rows.",
            channels * size ** 2: "This counts the whole image. A row of the table holds one patch.",
        }
        hint = hints.get(got[1], "How many numbers does one patch hold?")
        need(got[1] == D, f"{where} gives D = {got[1]}, expected {D}. {hint}")


@exercise("1.2", "you can follow any pixel into the table.")
def check_find_pixel(find_pixel):
    """find_pixel(channel, row, column, image_size, patch_size) -> (s, d)."""
    for size, P in ((32, 8), (15, 5), (12, 4), (6, 6), (7, 1)):
        image = torch.arange(3 * size * size).reshape(1, 3, size, size)        # every number differs
        table = patchify(image, P)[0]                                          # [S, D]
        for channel, row, column in ((0, 0, 0), (0, size - P, P % size), (0, 1, 2), (1, 0, 0),
                                     (2, size - 2, (P + 1) % size), (1, size - 1, size - 3)):
            where = call(find_pixel, channel, row, column, size, P)
            got_s, got_d = whole_pair(ask(find_pixel, channel, row, column, size, P), "(s, d)", where)
            s, d = (table == image[0, channel, row, column]).nonzero()[0].tolist()
            n, i, j, u, v = size // P, row // P, column // P, row % P, column % P
            s_hints = {
                s + 1: "Counting begins at 0.",
                i: "What about the column?",
                i * n: "What about the column?",
                j: "What about the row?",
                i + j: "Count all the patches in each grid row above the pixel.",
                i * size + j: "Count patches along a grid row, not pixels.",
                i * 4 + j: "4 patches per grid row is right for 32 x 32 pixels with P = 8 only: image_size // P.",
                i * P + j: "How many patches does a grid row hold? The answer is not P.",
                j * n + i: "Patches are counted along a grid row first, then down.",
            }
            inside = u * P + v
            d_hints = {
                d + 1: "Counting begins at 0.",
                inside: "The channel is missing: all of channel 0 comes first, then all of channel 1.",
                **{channel * P * P + down * P + right: "Count from the corner of the patch, not of the image."
                   for down, right in ((row, column), (row, v), (u, column))},
                channel * P * P + v * P + u: "Inside a patch, too, count along a pixel row first, then down.",
                inside * 3 + channel: "Inside a patch the order is (channel, row, column).",
                **{channel * worth + inside: "Each channel of the patch has P * P numbers."
                   for worth in (1, P, size * size)},
                **{channel * P * P + u * worth + v: "Each pixel row of the patch has P numbers."
                   for worth in (1, size)},
            }
            of_lesson = row // 8 * 4 + column // 8, channel * 64 + row % 8 * 8 + column % 8
            need(P == 8 or (got_s, got_d) != of_lesson or of_lesson == (s, d),
                 f"{where} gives {got_s, got_d}: that would be right for the lesson's 32 x 32 pixels with P = 8. Use "
                 "image_size and P.")
            need((got_s, got_d) != (d, s) or s == d, f"{where} gives {got_s, got_d}: these are the right numbers in "
                                                     "the wrong order. The table's row (s) comes first.")
            need(got_s == s, f"{where} gives s = {got_s}, but the pixel is in row {s}. {s_hints.get(got_s, '')}")
            need(got_d == d, f"{where} gives d = {got_d}, but the pixel is number {d} of its row. "
                             f"{d_hints.get(got_d, '')}")


@exercise("1.3", "reshape and permute do what you want them to.")
def check_patchify_channels_last(patchify_channels_last):
    """patchify_channels_last(images, P): [B, C_in, H, W] -> [B, S, P*P*C_in], vectors (row, column, channel)."""
    for B, C, H, W, P in ((2, 3, 4, 6, 2), (1, 2, 12, 15, 3), (2, 5, 6, 4, 2)):
        images = torch.arange(B * C * H * W).float().reshape(B, C, H, W)       # floats suit F.unfold, too
        table = [B, H * W // P**2, P * P * C]
        split = images.reshape(B, C, H // P, P, W // P, P)
        strips = "the image is cut into strips, not squares. Split H and W first, then permute."
        wrong = {
            "these are patches in the lesson's order, (channel, row, column). The exercise asks for (row, column, "
            "channel), with the color values of a pixel side by side.": patchify(images, P),
            f"after a reshape alone {strips}": images.reshape(table),
            "reshape cannot move the channel axis. Split H and W while it stays in place, [B, C_in, H/P, P, W/P, P], "
            "then permute.":
                images.reshape(B, H // P, P, W // P, P, C).swapaxes(2, 3).reshape(table),
            f"the channels come last, but {strips}": images.permute(0, 2, 3, 1).reshape(table),
            "each patch is right, but the patches are counted down the columns: go along the grid rows first.":
                split.permute(0, 4, 2, 3, 5, 1).reshape(table),
            "each patch is transposed: its rows and columns are swapped.":
                split.permute(0, 2, 4, 5, 3, 1).reshape(table),
            "this is the order (row, channel, column), but the channel must come last.":
                split.permute(0, 2, 4, 3, 1, 5).reshape(table),
            "a row of the table holds one pixel of every patch. Put the axes that choose the patch before the axes "
            "that choose the pixel inside the patch.": split.permute(0, 3, 5, 2, 4, 1).reshape(table),
            "a row of the table holds pixels that are far apart. Split each side into two axes: first which patch, "
            "then where in the patch.":
                images.reshape(B, C, P, H // P, P, W // P).permute(0, 3, 5, 2, 4, 1).reshape(table),
        }
        expected = split.permute(0, 2, 4, 3, 5, 1).reshape(table)
        wrong["the table lies on its side: each row must be one patch."] = expected.mT
        compare(ask(patchify_channels_last, images, P), expected, wrong,
                "The shape is right. Follow a few numbers through each step.")


@exercise("1.4", "what you cut, you can put together again.")
def check_unpatchify(my_unpatchify):
    """my_unpatchify(patches, patch_size, height, width): [B, S, D] -> [B, C_in, H, W], the inverse of patchify."""
    for B, C, H, W, P in ((2, 3, 4, 6, 2), (1, 2, 12, 15, 3), (2, 5, 6, 4, 2)):
        images = torch.arange(B * C * H * W).float().reshape(B, C, H, W)
        patches = patchify(images, P)
        h, w = H // P, W // P
        split = patches.reshape(B, h, w, C, P, P)
        wrong = {
            "all numbers are there, but in the table's order. A reshape alone does not put the squares back in place.":
                patches.reshape(B, C, H, W),
            "each patch is in its place but transposed: its rows and columns are swapped.":
                split.permute(0, 3, 1, 5, 2, 4).reshape(B, C, H, W),
            "the patches are laid out down the columns, but they were counted along the grid rows.":
                patches.reshape(B, w, h, C, P, P).permute(0, 3, 2, 4, 1, 5).reshape(B, C, H, W),
            "this reads a patch as in exercise 1.3, (row, column, channel). Here the order is (channel, row, column).":
                patches.reshape(B, h, w, P, P, C).permute(0, 5, 1, 3, 2, 4).reshape(B, C, H, W),
            "this repeats the permute of patchify. To go back, move each axis to where it came from.":
                split.permute(0, 2, 4, 1, 3, 5).reshape(B, C, H, W),
            "the last step merges the wrong axes: patch row and pixel row belong side by side, and so do patch column "
            "and pixel column.": split.permute(0, 3, 1, 2, 4, 5).reshape(B, C, H, W),
            "the first split takes the channel too early: a row of the table is one patch with all its channels.":
                patches.reshape(B, C, h, w, P, P).permute(0, 1, 2, 4, 3, 5).reshape(B, C, H, W),
        }
        compare(ask_without(unpatchify, my_unpatchify, patches, P, H, W), images, wrong,
                "Undo the lesson's steps, the last step first.")
