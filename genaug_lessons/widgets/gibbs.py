"""How does a Gibbs chain move, switch by switch, and where does it spend its time?

A Boltzmann machine small enough that the probability of every visible state is known exactly.

Letters: v (V,) visible, h (H,) hidden states, W (V, H), as in `models/rbm.py`; energies in nats.
"""

from collections.abc import Callable
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.models.rbm import RBM
from genaug_lessons.plots import COLOURS
from genaug_lessons.random import generator
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer

MOST = 5  # units of a layer
MANY = 200  # steps of the button for many, and of the static figure
START, TOGGLED, HIDDEN, VISIBLE = (
    "start",
    "you switched",
    "h drawn from p(h | v)",
    "v from p(v | h)",
)


class Moment(NamedTuple):
    """States v (V,) and h (H,), and how they came about."""

    v: Tensor
    h: Tensor
    how: str


@torch.no_grad()
def half_step(model: RBM, now: Moment, rng: torch.Generator) -> Moment:
    """The layer whose turn it is drawn anew: v after h, h after anything else."""
    if now.how == HIDDEN:
        return Moment(model.draw_visible(now.h[None], rng)[0], now.h, VISIBLE)
    return Moment(now.v, model.draw_hidden(now.v[None], rng)[0], HIDDEN)


def all_states(units: int, like: Tensor) -> Tensor:
    """All binary states (2^units, units); row n spells n in binary digits."""
    numbers = torch.arange(2**units, device=like.device)[:, None]
    return (numbers >> torch.arange(units - 1, -1, -1, device=like.device) & 1).to(like)


def spelt(states: Tensor) -> str:
    """The states (N,) of a layer as digits."""
    return "".join(str(int(state)) for state in states)


@torch.no_grad()
def exact(model: RBM) -> Tensor:
    """p(v) of all visible states, (2^V,)."""
    return (-model.free_energy(all_states(model.size, model.W))).softmax(0)


def visits(history: list[Moment]) -> Tensor:
    """The share (2^V,) of each visible state among those drawn; 0 where none was."""
    drawn = [int(spelt(now.v), 2) for now in history if now.how == VISIBLE]
    counts = torch.tensor(drawn, dtype=torch.int64).bincount(minlength=2 ** len(history[0].v))
    return counts / max(len(drawn), 1)


class GibbsExplorer(Explorer):
    """Switch visible units, draw half a step at a time or many, undo, begin again.

    After an undo the next draw is a new one; a reset brings back the first draws too.

    Args:
        model: an RBM of at most 5 visible and 5 hidden units, binary, without labels.
        seed: of the draws.

    Raises:
        ValueError: a model of another kind or size.

    Attributes:
        history: the moments so far, oldest first.
    """

    def __init__(self, model: RBM, *, seed: int = 0):
        if model.visible != "binary" or model.classes is not None:
            raise ValueError("model must have binary visible units and no labels")
        if max(model.size, model.hidden) > MOST:
            raise ValueError(
                f"model must have at most {MOST} units a layer, got {model.size} visible and "
                f"{model.hidden} hidden"
            )
        self.model, self.seed, self.showing = model, seed, False
        self.switches = [
            ipywidgets.ToggleButton(description=f"v{i + 1}", layout={"width": "4em"})
            for i in range(model.size)
        ]
        self.buttons = {
            "half-step": self._press(lambda: self._walk(1)),
            "step": self._press(self._step),
            f"{MANY} steps": self._press(lambda: self._walk(2 * MANY)),
            "undo": self._undo,
            "reset": self._reset,
        }
        self._begin()
        pressed = [self._button(name, action) for name, action in self.buttons.items()]
        for switch in self.switches:
            switch.observe(lambda _: self._switch(), "value")
        alt = (
            f"a Boltzmann machine of {model.size} visible and {model.hidden} hidden switches at "
            f"the start of a Gibbs chain and after 1, 2 and 3 half-steps, and how often each "
            f"visible state was drawn in {MANY} steps beside its exact probability"
        )
        super().__init__([ipywidgets.HBox(self.switches), ipywidgets.HBox(pressed)], alt)

    def render(self) -> tuple[Figure, str]:
        """The machine as it stands, beside the visits so far and the exact probabilities."""
        figure = Figure(figsize=(9.4, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
        now = self.history[-1]
        draw_machine(left, self.model, now)
        draw_visits(right, self.model, self.history)
        energy, free, p = self.numbers(now)
        return figure, (
            f"{len(self.history) - 1} moves, last: {now.how}; v = {spelt(now.v)}, "
            f"h = {spelt(now.h)}: energy {energy:.2f} nats, free energy of v {free:.2f} nats, "
            f"p(v) = {p:.3f}."
        )

    @torch.no_grad()
    def numbers(self, now: Moment) -> tuple[float, float, float]:
        """E(v, h) and F(v) in nats, and p(v)."""
        v, h = now.v[None], now.h[None]
        p = exact(self.model)[int(spelt(now.v), 2)]
        energy = self.model.energy(v, h).item() + 0.0  # never -0.0
        return energy, self.model.free_energy(v).item(), p.item()

    def static_figure(self) -> Figure:
        """The first four moments of a chain, and its visits after many steps."""
        history, rng = [self._start()], generator(self.seed, self.model.device)
        for _ in range(2 * MANY):
            history.append(half_step(self.model, history[-1], rng))
        figure = Figure(figsize=(11, 5.4), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
        for axis, now in zip(left.subplots(2, 2).flat, history, strict=False):
            draw_machine(axis, self.model, now)
        draw_visits(right.subplots(), self.model, history)
        return figure

    def _start(self) -> Moment:
        v, h = self.model.a.new_zeros(self.model.size), self.model.b.new_zeros(self.model.hidden)
        return Moment(v, h, START)

    def _begin(self) -> None:
        self.history, self.marks = [self._start()], []
        self.rng = generator(self.seed, self.model.device)

    def _button(self, name: str, action: Callable[[], None]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=name, layout={"width": "7em"})
        button.on_click(lambda _: action())
        return button

    def _press(self, action: Callable[[], None]) -> Callable[[], None]:
        """The action as one that can be undone in one."""

        def pressed() -> None:
            self.marks.append(len(self.history))
            action()
            self._show()

        return pressed

    def _walk(self, half_steps: int) -> None:
        for _ in range(half_steps):
            self.history.append(half_step(self.model, self.history[-1], self.rng))

    def _step(self) -> None:
        self._walk(1 if self.history[-1].how == HIDDEN else 2)

    def _undo(self) -> None:
        if self.marks:
            del self.history[self.marks.pop() :]
            self._show()

    def _reset(self) -> None:
        self._begin()
        self._show()

    def _switch(self) -> None:
        if not self.showing:  # else the chain moved the switches, not the reader
            now = self.history[-1]
            v = now.v.new_tensor([switch.value for switch in self.switches])
            self._press(lambda: self.history.append(Moment(v, now.h, TOGGLED)))()

    def _show(self) -> None:
        """The switches and the picture as the last moment has them."""
        self.showing = True
        for switch, state in zip(self.switches, self.history[-1].v.tolist(), strict=True):
            switch.value = bool(state)
        self.showing = False
        self.redraw()


@torch.no_grad()
def draw_machine(axis: Axes, model: RBM, now: Moment) -> None:
    """Hidden switches above visible ones, their weights, and the chance of each to be on.

    Dark switches are on; a line is as thick as its weight, and dotted below 0.
    """
    chances = model.visible_mean(now.h[None])[0], model.hidden_mean(now.v[None])[0]
    places = [torch.arange(len(layer)) - (len(layer) - 1) / 2 for layer in chances]
    for i, start in enumerate(places[0].tolist()):
        for j, end in enumerate(places[1].tolist()):
            weight = model.W[i, j].item()
            line = {"linestyle": "-" if weight > 0 else ":", "linewidth": min(abs(weight), 6)}
            axis.plot([start, end], [0, 1], color="0.6", zorder=1, **line)
    for height, name, states, chance in zip((0, 1), "vh", now, chances, strict=False):
        for k, (state, p) in enumerate(zip(states.tolist(), chance.tolist(), strict=True)):
            x = places[height][k].item()
            face, ink = ("black", "white") if state else ("white", "black")
            axis.scatter(x, height, s=420, color=face, edgecolor="black", zorder=2)
            where = {"ha": "center", "va": "center", "zorder": 3}
            axis.annotate(f"{int(state)}", (x, height), color=ink, **where)
            axis.annotate(f"{name}{k + 1}: {p:.2f}", (x, 1.6 * height - 0.3), **where, fontsize=8)
    axis.set(xlim=(-2.6, 2.6), ylim=(-0.5, 1.5), xticks=[], yticks=[])
    axis.set_title(f"{now.how}\n(beside each: its chance to be on)", fontsize="small")
    axis.spines[:].set_visible(False)


def draw_visits(axis: Axes, model: RBM, history: list[Moment]) -> None:
    """Bars for the share of each visible state among those drawn, dots for its probability."""
    p, share = exact(model).tolist(), visits(history).tolist()
    names = [spelt(state) for state in all_states(model.size, model.W)]
    steps = sum(now.how == VISIBLE for now in history)
    axis.bar(range(len(p)), share, color="0.75", edgecolor="0.3", label=f"drawn in {steps} steps")
    axis.plot(range(len(p)), p, "o", color=COLOURS[1], markersize=5, label="exact p(v)")
    axis.set_xticks(range(len(p)), names, rotation=90, fontsize=8)
    axis.set(xlabel="visible state v", ylabel="probability, share of draws", ylim=(0, None))
    axis.legend(fontsize="small")


check_types(__name__)
