"""Images: load a data set, cut it into batches, augment them.

Images stay uint8 tensors [N, C, H, W] until the last moment, when `batches` turns them into normalized floats.
"""

from .batching import batches
from .dataset import Dataset, split
from .files import load_image
from .randaugment import rand_augment
from .sources import DEFAULT_ROOT, KNOWN, SAMPLES, TEST_FRACTION, load_dataset
from .transforms import augment, mix, normalize, random_crop, random_flip
