"""How do Gibbs chains go from noise to digits, with the label held, and where to once it is let go?

One chain for each label, in a Boltzmann machine with label units or on top of a deep belief
network. All its steps are taken and read by a judge beforehand: a control only looks them up.

Source: Hinton et al. 2006, Neural Computation 18(7) (chains on top, their label held).

Letters: N chains, T steps; v (N, V) visible units of the top RBM with the label's units last,
h (N, H) its hidden units; x (N, C, H, W) pictures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from genaug_lessons.checks import count
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.models.dbn import DBN
from genaug_lessons.models.rbm import RBM
from genaug_lessons.plots import COLOURS, LINES, MARKERS
from genaug_lessons.random import check_device, generator, uniform
from genaug_lessons.typed import check_types
from genaug_lessons.widgets.explorer import Explorer
from genaug_lessons.widgets.field import steps_text
from genaug_lessons.widgets.pictures import mosaic

INTERVAL = 250  # milliseconds from step to step while chains play: about what a drawing takes
STATIC_STEPS = (0, 1, 2, 5, 20)  # and the last
WORDS = {True: "held", False: "let go"}
WRONG = " ✗"
REACH = 2.0  # standardised pixels: this many standard deviations are black and white


class Tape(NamedTuple):
    """N chains after 0, 1, ..., T Gibbs steps.

    The top RBM's visible states v (T + 1, N, V), the label (T + 1, N) that they hold, and the
    pictures x (T + 1, N, *shape), means of the lowest visible units.
    """

    v: Tensor
    label: Tensor
    x: Tensor


@torch.no_grad()
def record(
    model: RBM | DBN, labels: Tensor, *, steps: int, held: bool, rng: torch.Generator
) -> Tape:
    """Chains of the top RBM that start at noise, each with its label, and their pictures.

    The noise comes first from rng, so that both tapes of one seed start alike. A step
    draws h ~ p(h | v), then v ~ p(v | h). An RBM's picture is the mean of v given the h it was
    drawn from, at first the noise itself; a DBN's comes down from v.

    What the layers between draw on the way down uses the same random numbers at every step: each
    picture by itself is an exact draw, and it changes only where the chain on top has moved.

    Args:
        model: with label units.
        labels: (N,) one for each chain.
        steps: T, at least 1.
        held: whether labels stay as they are; else they are drawn like the other units.
        rng: on the model's device.

    Raises:
        ValueError: a model without labels, unknown labels, steps below 1.
    """
    steps = count("steps", steps)
    check_device(rng, model.device, "model")
    *lower, top = model.layers if isinstance(model, DBN) else [model]
    labels = model.labels_for(len(labels), labels)
    start = top.to_visible(top._noise(len(labels), rng), labels)
    v, means = _chain(top, start, steps=steps, held=held, rng=rng)
    x = (v if lower else means)[..., : top.size]
    if lower:
        x = descend(lower, x, rng)
    return Tape(v, v[..., top.size :].argmax(-1), x.unflatten(-1, model.shape))


def _chain(
    top: RBM, v: Tensor, *, steps: int, held: bool, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """States (T + 1, N, V) from v (N, V) on, and the means that they were drawn from."""
    states, means = [v], [v]
    label = v[:, top.size :] if held else None
    for _ in range(steps):
        h = top.draw_hidden(states[-1], rng)
        states.append(top.draw_visible(h, rng, label))
        means.append(top.visible_mean(h))
    return torch.stack(states), torch.stack(means)


@torch.no_grad()
def descend(layers: Sequence[RBM] | nn.ModuleList, h: Tensor, rng: torch.Generator) -> Tensor:
    """Mean visible units (T, N, V) of the lowest layer under hidden states h (T, N, H) of the last.

    Each layer between draws one number for each unit of each chain, the same at all T steps.
    """
    steps, chains, _ = h.shape
    mean = layers[-1].visible_mean(h.flatten(0, 1))
    for layer in reversed(layers[:-1]):
        chance = uniform((chains, layer.hidden), rng).repeat(steps, 1)
        mean = layer.visible_mean((chance < mean).to(mean))
    return mean.unflatten(0, (steps, chains))


class ChainsExplorer(Explorer):
    """A slider chooses how many Gibbs steps have passed, a switch whether labels are held.

    Args:
        model: an RBM or a DBN of pictures, with label units: a chain starts with each label.
        judge: a trained classifier of the same pictures and labels.
        steps: Gibbs steps to choose from, at least 1.
        seed: of the noise and the draws.

    Raises:
        ValueError: a model without labels, or not of pictures; a judge of others; steps below 1.

    Attributes:
        tapes: the chains with labels held (True) and let go (False), from the same noise.
        read: the label (T + 1, N) that the judge reads from each picture of a tape.
    """

    def __init__(self, model: RBM | DBN, judge: Classifier, *, steps: int = 100, seed: int = 0):
        _check(model, judge)
        self.model, self.steps = model, steps
        self.labels, self.tapes, self.read = torch.arange(model.classes), {}, {}
        for held in WORDS:
            rng = generator(seed, model.device)
            tape = record(model, self.labels, steps=steps, held=held, rng=rng)
            read = judge.predict(tape.x.flatten(0, 1).to(judge.device))
            self.read[held] = read.unflatten(0, tape.label.shape).cpu()
            self.tapes[held] = Tape(*(part.cpu() for part in tape))
        self.right = {held: read == self.labels for held, read in self.read.items()}
        self.moments = sorted({*(step for step in STATIC_STEPS if step < steps), steps})
        style = {"description_width": "6em"}
        self.step = ipywidgets.IntSlider(
            0, min=0, max=steps, description="Gibbs steps", style=style, layout={"width": "32em"}
        )
        self.play = ipywidgets.Play(value=0, min=0, max=steps, interval=INTERVAL)
        self.link = ipywidgets.jslink((self.play, "value"), (self.step, "value"))
        self.held = ipywidgets.ToggleButtons(
            options=[(word, held) for held, word in WORDS.items()],
            description="label",
            style={**style, "button_width": "6em"},
            layout={"display": "flex"},  # else JupyterLab puts the name above the buttons
        )
        self.step.observe(lambda _: self.redraw(), "value")
        super().__init__([ipywidgets.HBox([self.step, self.play]), self.held], self.about())

    def about(self) -> str:
        """What the static figure shows, in words; the same at every run."""
        at = ", ".join(map(str, self.moments))
        return (
            f"pictures of {len(self.labels)} Gibbs chains, one for each label, and what a judge "
            f"reads from them: after {at} steps from noise with the label held, and after "
            f"{steps_text(self.steps)} with the label let go; beneath, the share read as the label "
            "asked for at every step"
        )

    def count(self, held: bool, step: int) -> int:
        """How many pictures are read as the label asked for."""
        return int(self.right[held][step].sum())

    def render(self) -> tuple[Figure, str]:
        """A picture of each chain after the chosen step, above the shares read as asked."""
        held, step = self.held.value, self.step.value
        figure = Figure(figsize=(self._width(), 4.0), layout="constrained")
        above, below = figure.subplots(2, 1, height_ratios=(1, 1.4))
        self._row(above, held, step)
        self._curves(below, step)
        return figure, self.sentence(held, step)

    def sentence(self, held: bool, step: int) -> str:
        """How many pictures are read as asked, and how many labels are still so."""
        n = len(self.labels)
        sentence = (
            f"After {steps_text(step)} of Gibbs sampling, label {WORDS[held]}: a judge reads "
            f"{self.count(held, step)} of {n} pictures as the label asked for"
        )
        if not held:
            kept = int((self.tapes[held].label[step] == self.labels).sum())
            sentence += f", and the label units of {kept} of {n} chains hold it"
        return f"{sentence}."

    def static_figure(self) -> Figure:
        """A row for each of some moments with labels held, the last let go, and the shares."""
        rows = [(True, step) for step in self.moments] + [(False, self.steps)]
        figure = Figure(figsize=(self._width(), 1.15 * len(rows) + 2.4), layout="constrained")
        axes = figure.subplots(len(rows) + 1, 1, height_ratios=[1] * len(rows) + [2])
        for axis, (held, step) in zip(axes, rows, strict=False):
            self._row(axis, held, step, headed=axis is axes[0] or not held)
            axis.set_ylabel(
                f"{steps_text(step)},\n{WORDS[held]}", rotation=0, ha="right", va="center"
            )
        self._curves(axes[-1])
        return figure

    def close(self) -> None:
        """Close every widget, and the link between two of them."""
        self.link.close()
        super().close()

    def _width(self) -> float:
        """Inches: wide enough for the captions of a row."""
        return max(0.9 * len(self.labels) + 0.6, 5.0)

    def _row(self, axis: Axes, held: bool, step: int, *, headed: bool = True) -> None:
        """The chains' pictures side by side, headings above and captions below."""
        n, width = len(self.labels), self.model.shape[-1] + 1  # one pixel lies between pictures
        x = self.tapes[held].x[step]
        grey = x if self.model.support == "unit" else 0.5 + 0.5 * x / REACH
        pixels = mosaic(grey.clamp(0, 1), n).permute(1, 2, 0).numpy()
        axis.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        centres = [width * k + width / 2 - 1 for k in range(n)]
        axis.set_xticks(centres, self.captions(held, step), fontsize=9)
        axis.tick_params(length=0)
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        place = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center", "fontsize": 9}
        for x, heading in zip(centres, self.headings(held, step) if headed else [], strict=False):
            axis.annotate(heading, (x, -0.5), **place)

    def captions(self, held: bool, step: int) -> list[str]:
        """What the judge reads from each picture, with a cross where that was not asked for."""
        pairs = zip(self.read[held][step].tolist(), self.right[held][step].tolist(), strict=True)
        return [f"reads {label}{'' if right else WRONG}" for label, right in pairs]

    def headings(self, held: bool, step: int) -> list[str]:
        """The label asked for from each chain, and where it was let go, an arrow to that now."""
        now = self.tapes[held].label[step].tolist()
        return [f"label {asked}" + ("" if held else f" → {k}") for asked, k in enumerate(now)]

    def _curves(self, axis: Axes, step: int | None = None) -> None:
        """The share of pictures read as asked, over the steps, and the chosen step."""
        for place, (held, word) in enumerate(WORDS.items()):
            share = 100 * self.right[held].float().mean(1)
            look = {"color": COLOURS[place], "linestyle": LINES[place], "marker": MARKERS[place]}
            every = max(1, self.steps // 10)
            axis.plot(share.numpy(), markevery=every, label=f"label {word}", **look)
        if step is not None:
            axis.axvline(step, color="black", linestyle=":", label="step shown")
        edge = 0.02 * self.steps
        axis.set(xlim=(-edge, self.steps + edge), ylim=(-4, 104))
        axis.set(xlabel="Gibbs steps", ylabel="read as asked\n(% of pictures)")
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")


def _check(model: RBM | DBN, judge: Classifier) -> None:
    """Raise a ValueError unless the model makes pictures for labels, and the judge reads them."""
    if model.classes is None:
        raise ValueError("model must have label units, got classes=None")
    if len(model.shape) != 3 or model.shape[0] not in (1, 3):
        raise ValueError(f"model must have shape (1 or 3, height, width), got {model.shape}")
    if (judge.shape, judge.classes) != (model.shape, model.classes):
        raise ValueError(
            f"judge must read {model.classes} labels from shape {model.shape}, "
            f"got {judge.classes} from {judge.shape}"
        )


check_types(__name__)
