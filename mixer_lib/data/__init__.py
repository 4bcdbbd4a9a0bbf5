"""Images: load a data set, cut it into batches, augment them.

Images stay uint8 tensors [N, C, H, W], or files, until the last moment, when `batches` turns them into normalized
floats.
"""

from .batching import batches
from .dataset import TEST_FRACTION, Dataset, split
from .files import load_image
from .on_disk import ImageFiles
from .randaugment import rand_augment
from .sources import DEFAULT_ROOT, KNOWN, SAMPLES, NoPart, load_dataset, load_part
from .transforms import augment, mix, normalize, random_crop, random_flip, random_resized_crop, resize
