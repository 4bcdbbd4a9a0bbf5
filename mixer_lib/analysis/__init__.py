"""What trained weights and gradients tell: pure functions of models and tensors.

A model may lie on another device than the images, tokens or tables that it is given. Results lie where these lie.
"""

from .ablation import logits_without, switched_off
from .controls import random_like, relabeled, shuffled
from .influence import influence, influence_by_depth, tables_by_depth
from .kernels import ORDERS, frequency, grid_of, order, participation, partners, spectrum
from .maps import chance_share, convolution_share, token_map
from .summary import summarize
