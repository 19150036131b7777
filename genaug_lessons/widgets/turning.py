"""How far can a picture be turned before a classifier changes its mind?"""

from genaug_lessons.typed import check_types
from genaug_lessons.widgets.changes import ChangesExplorer

STATIC_ANGLES = (0, 10, 20, 30, 60, 90, 180)


class TurningExplorer(ChangesExplorer):
    """One slider turns a picture; bars show what the classifier makes of it."""

    names = ("rotation",)
    mirrors = False

    def about(self) -> str:
        """All pictures at a few angles."""
        return (
            f"{len(self.pictures)} pictures turned by {STATIC_ANGLES[0]} to {STATIC_ANGLES[-1]} "
            "degrees, each with the label the classifier gives it"
        )

    def right(self, degrees: float) -> int:
        """How many of the pictures, turned by so much, still get their true label."""
        return self.survivors(rotation=degrees)

    def rows(self) -> list[tuple[str, int, list[dict]]]:
        """A row for each picture, a column for each angle in degrees."""
        angles = [{"rotation": degrees} for degrees in STATIC_ANGLES]
        return [(f"label {label}", row, angles) for row, label in enumerate(self.labels.tolist())]


check_types(__name__)
