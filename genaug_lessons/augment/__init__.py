"""Augmentation: classical transforms, banks of synthetic data, and mixing either at a share."""

from genaug_lessons.augment.affine import Affine
from genaug_lessons.augment.banks import Augmented, PerClass, bank, labelled_by
from genaug_lessons.augment.geometry import Crop, Flip
from genaug_lessons.augment.interpolation import interpolation_bank
from genaug_lessons.augment.mixing import CutMix, Mixup
from genaug_lessons.augment.per_picture import PerPicture
from genaug_lessons.augment.pixels import Brightness, Contrast, Erase, Noise
from genaug_lessons.augment.policy import Compose, as_transform
from genaug_lessons.augment.transforms import Transform

__all__ = [
    "Affine",
    "Augmented",
    "Brightness",
    "Compose",
    "Contrast",
    "Crop",
    "CutMix",
    "Erase",
    "Flip",
    "Mixup",
    "Noise",
    "PerClass",
    "PerPicture",
    "Transform",
    "as_transform",
    "bank",
    "interpolation_bank",
    "labelled_by",
]
