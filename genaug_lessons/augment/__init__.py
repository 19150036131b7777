"""What changes examples: transforms, corruptions, policies, and mixing them in at a share."""

from genaug_lessons.augment.affine import Affine
from genaug_lessons.augment.corruption import GaussianNoise, Masking, SaltAndPepper
from genaug_lessons.augment.geometry import Crop, Flip
from genaug_lessons.augment.mixing import CutMix, Mixup
from genaug_lessons.augment.per_picture import PerPicture
from genaug_lessons.augment.pixels import Brightness, Contrast, Erase, Noise
from genaug_lessons.augment.policy import Compose, as_transform
from genaug_lessons.augment.share import Augmented
from genaug_lessons.augment.transforms import (
    ExampleTransform,
    PictureTransform,
    RowTransform,
    SignalTransform,
    Transform,
)

__all__ = [
    "Affine",
    "Augmented",
    "Brightness",
    "Compose",
    "Contrast",
    "Crop",
    "CutMix",
    "Erase",
    "ExampleTransform",
    "Flip",
    "GaussianNoise",
    "Masking",
    "Mixup",
    "Noise",
    "PerPicture",
    "PictureTransform",
    "RowTransform",
    "SaltAndPepper",
    "SignalTransform",
    "Transform",
    "as_transform",
]
