"""Two networks play in the plane: choose the data, who moves and how fast, and watch.

    game = GameExplorer()
    game  # shows the game
    game.run(300)  # the same steps in the foreground, without a browser

Other data begin a new game, from the same first weights. A page without a kernel shows the game
at four moments instead.
"""

from collections.abc import Collection
from functools import cache

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons import data
from genaug_lessons.models.gan import GAN
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, normal, spawn
from genaug_lessons.training import training_steps
from genaug_lessons.typed import check_types
from genaug_lessons.widgets import game_picture
from genaug_lessons.widgets.explorer import png
from genaug_lessons.widgets.game_controls import GameControls
from genaug_lessons.widgets.live import LiveTraining

OWN = "draw your own"
PLANES = {
    "ring": data.ring(),
    "grid": data.grid(),
    "spiral": data.spiral(),
    "moons": data.two_moons(),
    "islands": data.islands(),
}
PLAYERS = {
    "both in turn": ("discriminator", "generator"),
    "discriminator only": ("discriminator",),
    "generator only": ("generator",),
}
PACES = {"slow motion: 2 steps a second": 2, "50 steps a second": 50, "full speed": None}
FIELD, ARROWS = "the discriminator's field", "the generator's gradients"
POINTS, SHOWN = 2000, 250  # points to learn from; how many of them, and of samples, are shown
CLOUD = 0.15  # standard deviation of a cloud of your own
SMALL = {
    "latent": 8,
    "generator": Dense(64, 64, batch_norm=True),
    "discriminator": Dense(64, 64, leak=0.2),
}
NOTHING_DRAWN = "no points to learn from yet: click the picture, or press Add"
STATIC_STEPS = (0, 50, 200, 800)
MOMENTS = f"the ring after {', '.join(map(str, STATIC_STEPS[:-1]))} and {STATIC_STEPS[-1]} steps"
TEXT = f"game explorer: a GAN learns one of {len(PLANES)} distributions; in the still, {MOMENTS}"
ALT = (
    f"a GAN learns {MOMENTS}: what the discriminator takes for real as shading, data as dots, "
    "samples as crosses, and arrows where the generator's loss pulls them"
)


class Game:
    """A GAN, points of the plane and noise, all from one seed, and the training.

    Args:
        plane: the distribution of the points.
        seed: of first weights, points, noise and batches.
        steps: of the game.
        players: who moves, "discriminator" and "generator" or one of them.
        **settings: of the GAN; a small one unless given.
    """

    def __init__(
        self,
        plane: data.PlaneMixture,
        *,
        seed: int,
        steps: int,
        players: Collection[str],
        **settings,
    ):
        rng, points, noise = spawn(generator(seed), 3)
        self.model = GAN(2, **{**SMALL, **settings}, rng=rng)
        self.x = plane.sample(POINTS, rng=points).x
        self.z = normal((SHOWN, self.model.latent), noise)
        self.training = training_steps(self.model, self.x, steps=steps, rng=rng, players=players)


def static_figure(**arguments) -> Figure:
    """The game about the ring at the four moments.

    Args:
        **arguments: seed and GAN settings of the `Game`.
    """
    game = Game(
        PLANES["ring"], steps=STATIC_STEPS[-1], players=PLAYERS["both in turn"], **arguments
    )
    figure = Figure(figsize=(7.6, 7.3))
    axes = figure.subplots(2, 2, gridspec_kw={"hspace": 0.2, "wspace": 0.2})
    figure.subplots_adjust(left=0.06, right=0.87, bottom=0.06, top=0.91)
    for axis, last in zip(axes.flat, STATIC_STEPS, strict=True):
        while game.training.index < last:
            next(game.training)
        game_picture.draw(axis, game.model, game.x[:SHOWN], game.z)
        axis.set_title(f"after {last} steps", fontsize="medium")
    game_picture.frame_and_legend(figure, (0.9, 0.06, 0.02, 0.85))
    return figure


class GameExplorer(LiveTraining):
    """Data, samples, the discriminator's field and the generator's gradients, while the two play.

    Args:
        seed: of a game's first weights, points, noise and batches.
        steps: at most so many in one game.
        driver: as in `LiveTraining`.
        **settings: of the GAN; a small one unless given.

    Attributes:
        chosen: the present "data", "players" and "pace", as their controls name them.
        clouds: where your own points are, [(x1, x2), ...].
    """

    def __init__(self, *, seed: int = 0, steps: int = 5000, driver: str | None = None, **settings):
        self.arguments, self.game_steps = {"seed": seed, **settings}, steps
        self.chosen = {"data": "ring", "players": "both in turn", "pace": "50 steps a second"}
        self.layers, self.mark, self.clouds = {FIELD: True, ARROWS: True}, (0.0, 0.0), []
        self._begin()
        figure = game_picture.GameFigure(self._draw_on)
        super().__init__(
            self.training, figure=figure, driver=driver, pace=PACES[self.chosen["pace"]]
        )
        self.still_png = cache(lambda: png(static_figure(**self.arguments)))

    @property
    def plane(self) -> data.PlaneMixture | None:
        """The distribution that is learnt; None while you have drawn nothing."""
        if self.chosen["data"] != OWN:
            return PLANES[self.chosen["data"]]
        labels = torch.ones(len(self.clouds), dtype=torch.int64)  # one class
        centres = torch.tensor(self.clouds, dtype=torch.float32)
        return data.PlaneMixture(centres, CLOUD, labels) if self.clouds else None

    def run(self, steps: int | None = None) -> str:
        """As in `LiveTraining`; a ValueError where there are no points to learn from."""
        if self.plane is None:
            raise ValueError(NOTHING_DRAWN)
        return super().run(steps)

    def sentence(self) -> str:
        """The state, the step, and how the game stands."""
        plane, game = self.plane, self.game
        stands = (
            game_picture.words(game.model, plane, self._shown, game.z) if plane else NOTHING_DRAWN
        )
        return f"{self.state} at step {self.training.index} of {self.training.steps}: {stands}"

    # commands, on the main thread

    def _on_start(self, _) -> None:
        if self._has_points():
            super()._on_start(_)

    def _on_step(self, _) -> None:
        if self._has_points():
            super()._on_step(_)

    def _on_reset(self, _) -> None:
        rates = self.training.rates
        self._begin()
        self.training.rates.update(rates)
        self._enter("ready", background=False)
        self._draw()

    def _on_data(self, name: str) -> None:
        self.chosen["data"] = name
        if self.dashboard is not None:
            self.dashboard.offer_drawing(name == OWN)
        self._on_reset(None)

    def _on_players(self, name: str) -> None:
        self.chosen["players"] = name
        self.training.update.players = PLAYERS[name]

    def _on_pace(self, name: str) -> None:
        self.chosen["pace"], self.tempo.pace = name, PACES[name]

    def _on_layer(self, change: tuple[str, bool]) -> None:
        self.layers[change[0]] = change[1]
        self._draw()

    def _on_mark(self, place: tuple[float, float]) -> None:
        self.mark = place
        self._draw()

    def _on_click(self, pixel: tuple[float, float]) -> None:
        place = self.figure.place(*pixel)
        if place is not None:
            self._on_add(place)

    def _on_add(self, place: tuple[float, float] | None) -> None:
        self._put([*self.clouds, place or self.mark])

    def _on_undo(self, _) -> None:
        self._put(self.clouds[:-1])

    def _on_clear(self, _) -> None:
        self._put([])

    def _put(self, clouds: list[tuple[float, float]]) -> None:
        if self.chosen["data"] == OWN:
            self.clouds = clouds
            self._on_reset(None)

    # what they need

    def _begin(self) -> None:
        players = PLAYERS[self.chosen["players"]]
        plane = self.plane or PLANES["ring"]  # a stand-in until something is drawn
        self.game = Game(plane, steps=self.game_steps, players=players, **self.arguments)
        self.training = self.game.training

    def _has_points(self) -> bool:
        if self.plane is None and self.dashboard is not None:
            self.dashboard.show_error(NOTHING_DRAWN)
        return self.plane is not None

    @property
    def _shown(self) -> Tensor:
        return self.game.x[: SHOWN if self.plane else 0]

    def _draw_on(self, axes: Axes) -> None:
        layers = {"field": self.layers[FIELD], "arrows": self.layers[ARROWS]}
        game_picture.draw(axes, self.game.model, self._shown, self.game.z, **layers)
        if self.chosen["data"] == OWN:
            axes.axvline(self.mark[0], color="black", linewidth=0.6)
            axes.axhline(self.mark[1], color="black", linewidth=0.6)

    def _new_dashboard(self) -> GameControls:
        names = {"data": [*PLANES, OWN], "players": [*PLAYERS], "pace": [*PACES]}
        shown = GameControls(
            self.post,
            self.training.rates,
            self.still_png,
            choices={name: (options, self.chosen[name]) for name, options in names.items()},
            layers=self.layers,
            mark=self.mark,
            text=TEXT,
            alt=ALT,
        )
        shown.offer_drawing(self.chosen["data"] == OWN)
        return shown


check_types(__name__)
