"""Things to press and drag. Each is a thin skin over the package, with a static twin."""

from genaug_lessons.widgets.live import LiveTraining
from genaug_lessons.widgets.turning import TurningExplorer

__all__ = ["LiveTraining", "TurningExplorer"]
