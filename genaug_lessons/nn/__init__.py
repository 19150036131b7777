"""Networks: their layers, and the values that make them, `Dense` and `Conv`."""

from genaug_lessons.nn.architecture import Architecture, check_architecture, refuse_dropout
from genaug_lessons.nn.conv import Conv, small_cnn, small_cnn_decoder
from genaug_lessons.nn.dense import Dense, mlp
from genaug_lessons.nn.layers import (
    BatchNorm,
    Conditional,
    Dropout,
    Net,
    Transposed,
    as_planes,
    beside,
    conv,
    dropout_mask,
    inverted_dropout,
    label_size,
    linear,
    net,
)

__all__ = [
    "Architecture",
    "BatchNorm",
    "Conditional",
    "Conv",
    "Dense",
    "Dropout",
    "Net",
    "Transposed",
    "as_planes",
    "beside",
    "check_architecture",
    "conv",
    "dropout_mask",
    "inverted_dropout",
    "label_size",
    "linear",
    "mlp",
    "net",
    "refuse_dropout",
    "small_cnn",
    "small_cnn_decoder",
]
