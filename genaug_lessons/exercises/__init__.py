"""Checks of the reader's own functions: not written yet, wrong with a hint, or right."""

from genaug_lessons.exercises.check import Case, Exercise

__all__ = ["Case", "Exercise"]
