"""What models make for other models to learn from: banks of synthetic or newly labelled data."""

from genaug_lessons.banks.interpolation import interpolation_bank
from genaug_lessons.banks.labelled import bank, labelled_by
from genaug_lessons.banks.per_class import PerClass

__all__ = ["PerClass", "bank", "interpolation_bank", "labelled_by"]
