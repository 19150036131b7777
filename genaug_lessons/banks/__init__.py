"""What models make for other models to learn from: banks of synthetic or newly labelled data."""

from genaug_lessons.banks.interpolation import interpolation_bank
from genaug_lessons.banks.labelled import labelled_by, pseudo_labelled
from genaug_lessons.banks.per_class import PerClass
from genaug_lessons.banks.samples import bank

__all__ = ["PerClass", "bank", "interpolation_bank", "labelled_by", "pseudo_labelled"]
