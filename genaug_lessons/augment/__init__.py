"""Augmentation: classical transforms, banks of synthetic data, and mixing either at a share."""

from genaug_lessons.augment.banks import Augmented, PerClass, bank, labelled_by
from genaug_lessons.augment.interpolation import interpolation_bank
from genaug_lessons.augment.transforms import Affine, Compose, Crop, Flip, Mixup, Noise, Transform

__all__ = [
    "Affine",
    "Augmented",
    "Compose",
    "Crop",
    "Flip",
    "Mixup",
    "Noise",
    "PerClass",
    "Transform",
    "bank",
    "interpolation_bank",
    "labelled_by",
]
