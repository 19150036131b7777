"""Answers to the exercises, right and wrong, by the file of their checks."""
