"""The checks of the exercises, a file a lesson: each tries an answer on small cases and says at once what is wrong."""

from .checking import reveal
from .lesson_01 import check_find_pixel, check_patchify_channels_last, check_table_shape, check_unpatchify
from .lesson_06 import check_classify, check_count_parameters, check_design
from .lesson_07 import check_accuracy, check_confusion_matrix, check_train_step
