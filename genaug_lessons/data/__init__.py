"""Data sets: handwritten digits (embedded), MNIST, Fashion-MNIST, 2-D toys, and honest splits."""

from genaug_lessons.data.dataset import (
    Batch,
    BatchSource,
    Dataset,
    Leak,
    Source,
    refuse_leaks,
    row_batches,
)
from genaug_lessons.data.images import digits, fashion_mnist, load, mnist, reachable
from genaug_lessons.data.splits import Split, halves, join, split
from genaug_lessons.data.toys import (
    PlaneMixture,
    bars_and_stripes,
    grid,
    islands,
    ring,
    spiral,
    two_moons,
)

__all__ = [
    "Batch",
    "BatchSource",
    "Dataset",
    "Leak",
    "PlaneMixture",
    "Source",
    "Split",
    "bars_and_stripes",
    "digits",
    "fashion_mnist",
    "grid",
    "halves",
    "islands",
    "join",
    "load",
    "mnist",
    "reachable",
    "refuse_leaks",
    "ring",
    "row_batches",
    "spiral",
    "split",
    "two_moons",
]
