"""Things to press and drag. Each is a thin skin over the package, with a static figure."""

from genaug_lessons.widgets.chains import ChainsExplorer
from genaug_lessons.widgets.changes import ChangesExplorer
from genaug_lessons.widgets.denoising import DenoisingExplorer
from genaug_lessons.widgets.dropping import DroppingExplorer
from genaug_lessons.widgets.game import GameExplorer
from genaug_lessons.widgets.gibbs import GibbsExplorer
from genaug_lessons.widgets.latent import LatentExplorer
from genaug_lessons.widgets.live import LiveTraining
from genaug_lessons.widgets.mixture import MixtureExplorer
from genaug_lessons.widgets.turning import TurningExplorer
from genaug_lessons.widgets.walking import WalkingExplorer

__all__ = [
    "ChainsExplorer",
    "ChangesExplorer",
    "DenoisingExplorer",
    "DroppingExplorer",
    "GameExplorer",
    "GibbsExplorer",
    "LatentExplorer",
    "LiveTraining",
    "MixtureExplorer",
    "TurningExplorer",
    "WalkingExplorer",
]
