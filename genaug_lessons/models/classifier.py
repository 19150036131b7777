"""The classifier whose accuracy is the judge of every augmentation: a small network, cross-entropy.

Letters: x (B, *shape) pictures, y (B,) labels or (B, C) class probabilities, C classes.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.checks import choice, count, counts
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.model import Model, Objective
from genaug_lessons.nn import mlp, small_cnn
from genaug_lessons.typed import check_types

CHUNK = 4096  # rows evaluated at once: bounds the memory on large test halves


class Classifier(Model):
    """A dense network or a small convolutional one over `classes` labels.

    Args:
        shape: shape of one example; (channels, height, width) for the convolutional network.
        classes: number of labels, at least 2.
        hidden: widths of the dense network, or channels of the convolutional one.
        dropout: probability of dropping a hidden value, in [0, 1).
        network: "mlp" or "cnn".
        rng: initial weights are drawn from it; the model lives on its device.
    """

    takes_soft_labels = True
    defaults = {**Model.defaults, "lr": 2e-3, "weight_decay": 0.01, "schedule": "cosine"}

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        classes: int,
        hidden: tuple[int, ...] = (128, 128),
        dropout: float = 0.3,
        network: str = "mlp",
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=count("classes", classes, 2))
        hidden, classes = counts("hidden", hidden), self.classes
        choice("network", network, ("mlp", "cnn"))
        if network == "cnn":
            self.network = small_cnn(self.shape, classes, channels=hidden, dropout=dropout, rng=rng)
        else:
            dense = mlp((math.prod(self.shape), *hidden, classes), dropout=dropout, rng=rng)
            dense.insert(0, nn.Flatten())
            self.network = dense

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Logits (B, C); rng drives dropout while training."""
        return self.network(x, rng)

    def objectives(self) -> list[Objective]:
        """Cross-entropy in nats per example."""

        def cross_entropy(batch: Batch, rng: torch.Generator) -> Tensor:
            return F.cross_entropy(self(batch.x, rng), batch.y)

        return [Objective("cross-entropy", list(self.parameters()), cross_entropy)]

    @torch.no_grad()
    def log_probs(self, x: Tensor) -> Tensor:
        """Log probabilities (B, C) of the classes, without dropout."""
        self.eval()
        return torch.cat([self(part).log_softmax(-1) for part in x.split(CHUNK)])

    def predict(self, x: Tensor) -> Tensor:
        """The likeliest label (B,) of each example."""
        return self.log_probs(x).argmax(-1)

    def accuracy(self, test: Dataset) -> float:
        """Share of right answers, from 0 to 1.

        Raises:
            ValueError: `test` of another shape or with unlabelled rows.
            Leak: the classifier, or a generator that made its data, has seen rows of `test`.
        """
        self.check_test(test)
        return (self.predict(test.values) == test.y).float().mean().item()


check_types(__name__)
