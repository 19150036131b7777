"""How far can a picture be turned before a classifier changes its mind?"""

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from genaug_lessons.augment import Affine
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.widgets.explorer import Explorer

TWIN_ANGLES = (0, 10, 20, 30, 60, 90, 180)


def turned(picture: Tensor, degrees: float) -> Tensor:
    """The picture (C, H, W) turned counterclockwise."""
    still = torch.zeros(1, 2, device=picture.device), torch.ones(1, device=picture.device)
    angle = torch.tensor([float(degrees)], device=picture.device)
    return Affine().apply(picture[None], (angle, *still))[0]


class TurningExplorer(Explorer):
    """A slider turns a picture; bars show what the classifier makes of it.

    Args:
        model: a trained classifier.
        pictures: (N, 1, H, W) to choose from.
        labels: (N,) their true labels.
    """

    def __init__(self, model: Classifier, pictures: Tensor, labels: Tensor):
        self.model, self.pictures, self.labels = model, pictures, labels
        style, layout = {"description_width": "9em"}, ipywidgets.Layout(width="30em")
        self.angle = ipywidgets.IntSlider(
            0, min=-180, max=180, step=5, description="angle (degrees)", style=style, layout=layout
        )
        self.which = ipywidgets.IntSlider(
            0, min=0, max=len(pictures) - 1, description="picture", style=style, layout=layout
        )
        alt = (
            f"{len(pictures)} pictures turned by {TWIN_ANGLES[0]} to {TWIN_ANGLES[-1]} degrees, "
            "each with the label the classifier gives it"
        )
        super().__init__([self.which, self.angle], alt)

    def judge(self, which: int, degrees: float) -> tuple[Tensor, Tensor]:
        """The turned picture (C, H, W) and the classifier's probabilities (classes,)."""
        picture = turned(self.pictures[which], degrees)
        return picture, self.model.log_probs(picture[None])[0].exp()

    def right(self, degrees: float) -> int:
        """How many of the pictures, turned by so much, still get their true label."""
        guesses = [self.judge(which, degrees)[1].argmax() for which in range(len(self.pictures))]
        return int((torch.stack(guesses) == self.labels).sum())

    def draw(self) -> tuple[Figure, str]:
        """The turned picture beside the probabilities of all labels."""
        picture, probabilities = self.judge(self.which.value, self.angle.value)
        label, guess = self.labels[self.which.value].item(), probabilities.argmax().item()
        figure = Figure(figsize=(6, 2.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 2))
        left.imshow(picture[0].cpu().numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        left.set(xticks=[], yticks=[], title=f"label {label}, turned {self.angle.value}°")
        bars = right.bar(range(len(probabilities)), probabilities.cpu().numpy(), color="0.75")
        bars[label].set(hatch="//", edgecolor="black")
        right.set(
            ylim=(0, 1),
            xticks=range(len(probabilities)),
            xlabel="label (hatched: the true one)",
            ylabel="probability",
        )
        sure = f"{100 * probabilities[guess]:.0f}%"
        return figure, f"Label {label}, turned {self.angle.value}°: taken for {guess} ({sure})."

    def twin(self) -> Figure:
        """All pictures at a few angles, each with the classifier's label."""
        size = (0.85 * len(TWIN_ANGLES) + 0.5, 1.05 * len(self.pictures))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(self.pictures), len(TWIN_ANGLES), squeeze=False)
        for which, row in enumerate(axes):
            for degrees, axis in zip(TWIN_ANGLES, row, strict=True):
                picture, probabilities = self.judge(which, degrees)
                guess, label = probabilities.argmax().item(), self.labels[which].item()
                axis.imshow(
                    picture[0].cpu().numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
                )
                mark = "" if guess == label else "  wrong"
                axis.set(xticks=[], yticks=[])
                axis.set_title(f"{degrees}°: {guess}{mark}", fontsize=8)
        return figure
