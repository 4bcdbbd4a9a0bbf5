"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719): each image gets two random operations of fourteen.

The operations and their magnitudes are those of torchvision.transforms.v2.RandAugment, which draws two for all that
it is given. Here each image of a batch draws its own.
"""

import torch
import torch.nn.functional as F

OPERATIONS = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate",  # all five are one function, `move`
              "Identity", "Brightness", "Color", "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast",
              "Equalize")


def rand_augment(images, magnitude, generator=None, part=None):
    """Give each image two random operations, such as rotate, shear, brightness or posterize.

    images: uint8 [B, C, H, W], and so is the result; C is 1 or 3. magnitude: 1 (faint) to 30. All random numbers come
    from `generator`, on whatever device it is (None: torch's own, on the images' device). part: for images of a
    larger batch, see `augment`. Raises ValueError on other channels or magnitudes.
    """
    if not 1 <= magnitude <= 30:
        raise ValueError(f"magnitude={magnitude}: expected 1 to 30")
    batch, channels = images.shape[:2]
    if channels not in (1, 3):
        raise ValueError(f"RandAugment takes images of 1 or 3 channels, not {channels}: set randaugment to 0")
    source = generator.device if generator else images.device
    places, whole = part or (slice(None), batch)
    operations = torch.randint(len(OPERATIONS), (2, whole), generator=generator, device=source)[:, places]  # [2, B]
    signs = 2 * torch.randint(2, (2, whole), generator=generator, device=source)[:, places] - 1  # [2, B], -1 or 1
    if not batch:
        return images
    # A GPU takes them in its turn, and the host need not wait. The host itself would read them before they are there.
    no_wait = images.device.type == "cuda"
    for operation, sign in zip(operations.to(images.device, non_blocking=no_wait),
                               signs.to(images.device, non_blocking=no_wait)):
        images = one_operation(images, magnitude, operation, sign)
    return images


def one_operation(images, magnitude, operation, sign):
    """Give each image the operation that it drew: uint8 [B, C, H, W] -> same.

    operation: [B], numbers into OPERATIONS. sign: [B], 1 or -1, for the operations that have two directions.
    """
    matrix = source_matrix(images, magnitude, operation, sign)  # [B, 2, 3]
    amount = sign * level(magnitude, 0.0, 0.9, images.device)  # [B]
    functions = (  # of images x, which are those numbered i in the batch
        lambda x, i: move(x, matrix[i]),
        lambda x, i: x,
        lambda x, i: brightness(x, amount[i]),
        lambda x, i: color(x, amount[i]),
        lambda x, i: contrast(x, amount[i]),
        lambda x, i: sharpness(x, amount[i]),
        lambda x, i: posterize(x, magnitude),
        lambda x, i: solarize(x, magnitude),
        lambda x, i: autocontrast(x),
        lambda x, i: equalize(x),
    )
    drawn = (operation - OPERATIONS.index("Rotate")).clamp(min=0)  # [B], numbers into functions
    # A CPU computes each function only for the images that drew it. To learn from a GPU which these are, the host
    # would wait until the GPU is done with all before it; to let it compute each function for all images is faster.
    apply = apply_to_drawn if images.device.type == "cpu" else apply_to_all
    return apply(functions, images, drawn)


def apply_to_drawn(functions, images, drawn):
    """functions[drawn[k]] of each image k, computed for the images that drew it: uint8 [B, C, H, W] -> same."""
    order = drawn.argsort()  # [B]: images that drew the same function, side by side
    images = images.index_select(0, order)  # [B, C, H, W]
    counts = drawn.bincount(minlength=len(functions)).tolist()
    for function, part, numbers in zip(functions, images.split(counts), order.split(counts)):
        if len(part):
            part.copy_(function(part, numbers))
    return images.index_select(0, order.argsort())  # in the order in which they came


def apply_to_all(functions, images, drawn):
    """functions[drawn[k]] of each image k, picked from each function of all images: uint8 [B, C, H, W] -> same."""
    result = images
    for number, function in enumerate(functions):
        result = torch.where((drawn == number).view(-1, 1, 1, 1), function(images, slice(None)), result)
    return result


def level(magnitude, first, last, device):
    """What a magnitude stands for: its place among 31 even steps from `first` to `last`, a tensor []."""
    return torch.linspace(first, last, 31, device=device)[magnitude]


# ---- operations that move pixels -----------------------------------------------------------------------------


def source_matrix(images, magnitude, operation, sign):
    """For each image the affine matrix from a place in the result to the place in the image that is seen there.

    Places are x, y, each from -1 to 1, edge to edge. operation, sign: [B]. Returns [B, 2, 3], which is the identity
    where nothing moves.
    """
    height, width = images.shape[2:]

    def drawn(name, last):
        return (operation == OPERATIONS.index(name)) * sign * level(magnitude, 0.0, last, images.device)  # [B]

    shear_x, shear_y = drawn("ShearX", 0.3 * height / width), drawn("ShearY", 0.3 * width / height)
    shift_x = drawn("TranslateX", 150 / 331 * width).trunc() * (2 / width)  # whole pixels
    shift_y = drawn("TranslateY", 150 / 331 * height).trunc() * (2 / height)
    angle = drawn("Rotate", 30.0).deg2rad()
    cos, sin = angle.cos(), angle.sin()
    rows = (cos, shear_x - sin * (height / width), shear_x - shift_x,  # a shear leaves the top or the left as it is
            sin * (width / height) + shear_y, cos, shear_y - shift_y)
    return torch.stack(rows, 1).view(-1, 2, 3)  # [B, 2, 3]


def move(images, matrix):
    """Show at each place the pixel nearest to matrix @ (x, y, 1), black outside: uint8 [n, C, H, W] -> same."""
    sources = F.affine_grid(matrix, images.shape, align_corners=False)  # [n, H, W, 2]
    return F.grid_sample(images.float(), sources, mode="nearest", align_corners=False).to(torch.uint8)


# ---- operations that change the values of pixels: images, uint8 [n, C, H, W] -> same -------------------------
# amount: [n], from -0.9 to 0.9; the more, the more brightness, color and so on, and 0 changes nothing.


def brightness(images, amount):
    """Blend with black."""
    return to_bytes(images * (1 + amount.view(-1, 1, 1, 1)))


def color(images, amount):
    """Blend with the image in gray. What is gray stays as it is."""
    return images if images.shape[1] == 1 else blend(images, to_gray(images), amount)


def contrast(images, amount):
    """Blend with the mean gray of the image."""
    return blend(images, to_gray(images).mean((1, 2, 3), keepdim=True), amount)


def sharpness(images, amount):
    """Blend with the image smoothed, each pixel the mean of 3x3, itself counted 5 times. The border stays as it is."""
    x = images.float()
    inner = x[:, :, 1:-1, 1:-1]  # [n, C, H - 2, W - 2]
    threes = x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]  # [n, C, H - 2, W]
    nines = threes[..., :-2] + threes[..., 1:-1] + threes[..., 2:]  # [n, C, H - 2, W - 2]
    smooth = ((nines + 4 * inner) / 13).round()
    inner.addcmul_(inner - smooth, amount.view(-1, 1, 1, 1))  # in x
    return to_bytes(x)


def posterize(images, magnitude):
    """Keep the high bits of each value: all 8 at magnitude 1, 4 at 30."""
    dropped_bits = round(4 * magnitude / 30)
    return images & (256 - 2**dropped_bits)


def solarize(images, magnitude):
    """Invert the values from a threshold on, which falls from 255 to 0 as the magnitude grows."""
    inverted = images >= 255 * level(magnitude, 1.0, 0.0, images.device)
    return images ^ 255 * inverted.to(torch.uint8)


def autocontrast(images):
    """Stretch the values of each channel to the full range, 0 to 255. A channel of one value stays as it is."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)  # [n, C, 1, 1]
    flat = low == high
    scale = ((high - low) * (1 / 255)).masked_fill(flat, 1)
    return to_bytes((images - low.float().masked_fill(flat, 0)) / scale)


def equalize(images):
    """Change the values of each channel, in their order, so that about equally many pixels get each value."""
    pixels = images.flatten(2).long()  # [n, C, H*W]
    one = torch.ones((), dtype=torch.int32, device=images.device)
    histogram = one.new_zeros(*pixels.shape[:2], 256).scatter_add_(2, pixels, one.expand_as(pixels))  # [n, C, 256]
    up_to = histogram.cumsum(2)  # [n, C, 256]: how many pixels have this value or less
    not_highest = up_to.masked_fill(up_to == pixels.shape[2], 0).amax(2, keepdim=True)  # [n, C, 1]
    step = not_highest // 255  # the pixels for each new value
    table = ((up_to - histogram + step // 2) // step.clamp(min=1)).clamp(max=255)  # [n, C, 256]: new values
    table = torch.where(step > 0, table, torch.arange(256, device=images.device))  # unchanged, with too few pixels
    return table.to(torch.uint8).gather(2, pixels).view_as(images)


def to_gray(images):
    """The brightness of each pixel, a whole number: uint8 [n, C, H, W] -> float32 [n, 1, H, W]."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.split(1, dim=1)  # each [n, 1, H, W]
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_()


def blend(images, others, amount):
    """(1 + amount) * images - amount * others, rounded as torchvision rounds it."""
    amount = amount.view(-1, 1, 1, 1)  # [n, 1, 1, 1]
    return to_bytes(torch.addcmul(images * (1 + amount), others, -amount))


def to_bytes(values):
    """Cut values to 0..255 and drop their fractions: float32 -> uint8, both of any shape."""
    return values.clamp_(0, 255).to(torch.uint8)
