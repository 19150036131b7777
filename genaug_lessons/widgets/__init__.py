"""Things to press and drag. Each is a thin skin over the package, with a static twin."""

from genaug_lessons.widgets.latent import LatentExplorer
from genaug_lessons.widgets.live import LiveTraining
from genaug_lessons.widgets.mixture import MixtureExplorer
from genaug_lessons.widgets.turning import TurningExplorer

__all__ = ["LatentExplorer", "LiveTraining", "MixtureExplorer", "TurningExplorer"]
