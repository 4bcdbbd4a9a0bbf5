"""What trained weights and gradients tell us: pure functions of models and tensors.

A model may be on another device than the images, tokens or tables that it is given. Results are where these are.
"""

from .ablation import logits_with_maps, logits_without, switched_off, token_mixing_means
from .controls import mixed, random_like, relabeled, same_spectrum, shuffled
from .influence import influence, influence_by_depth, tables_by_depth
from .kernels import (
    ORDERS,
    frequency,
    grid_of,
    mixing_weights,
    order,
    participation,
    partners,
    rank,
    singular_pictures,
    spectrum,
    twins,
)
from .maps import as_map, chance_share, convolution_share, displacement_kernel, reads_and_writes, token_map
from .summary import summarize
from .units import top_answers, unit_slopes
