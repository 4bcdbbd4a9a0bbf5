"""The checks of the exercises, one file per lesson. A check tries an answer on small cases and says what is wrong."""

from .capstone import check_mixer
from .lesson_00 import check_best_class, check_in_doubt
from .lesson_01 import check_find_pixel, check_patchify_channels_last, check_table_shape, check_unpatchify
from .lesson_02 import check_count_embedding, check_embed, check_from_released, check_red_on_the_left
from .lesson_03 import check_channel_mixing, check_layer_norm, check_mixes_tokens
from .lesson_04 import check_from_column_order, check_shift_weights, check_token_mixing, check_token_mlp_parameters
from .lesson_05 import check_gradient_by_depth, check_layers_to_reach, check_mixer_block
from .lesson_06 import check_best_start, check_classify, check_count_parameters, check_design
from .lesson_07 import check_accuracy, check_confusion_matrix, check_train_and_stop, check_train_step
from .lesson_08 import check_cutmix, check_gain, check_my_change, check_soft_loss
from .lesson_09 import check_displacement_kernel, check_mixed_rows, check_which_was_trained, lineup
from .lesson_10 import check_fc1_as_conv, check_is_convolution, check_mix_tokens, check_stem_as_conv
from .lesson_11 import check_conv_follows, check_follow, check_shuffle_patches, check_unscramble
from .lesson_12 import check_from_flax, check_tokens_of_parts, check_top_k
from .lesson_13 import check_across_tokens, check_pool_tokens, check_spatial_gate, check_verdict
from .lesson_14 import check_all_reduce_mean, check_batch_gradient, check_least_time, check_speedup
from .predicting import predict
