"""The classifier whose accuracy is the judge of every augmentation: a small network, cross-entropy.

Letters: x (B, *shape) pictures, y (B,) labels or (B, C) class probabilities, C classes.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.checks import count, number
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.model import Model, Objective
from genaug_lessons.nn import Architecture, Dense, Dropout, Net, check_architecture, linear
from genaug_lessons.random import check_device
from genaug_lessons.typed import check_types

CHUNK = 4096  # rows evaluated at once: bounds the memory on large test halves


class Classifier(Model):
    """A network that tells `classes` labels apart.

    Args:
        shape: shape of one example; (channels, height, width) for `Conv`.
        classes: number of labels, at least 2.
        network: what it is: `Dense`, `Conv` or another `Architecture`.
        rng: initial weights are drawn from it; the model lives on its device.
    """

    takes_soft_labels = True
    defaults = {**Model.defaults, "lr": 2e-3, "weight_decay": 0.01, "schedule": "cosine"}

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        classes: int,
        network: Architecture = Dense(128, 128, dropout=0.3),
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=count("classes", classes, 2))
        check_architecture("network", network)
        self.network = network.encoder(self.shape, self.classes, rng=rng)

    @classmethod
    def on(
        cls,
        encoder: nn.Module,
        *,
        shape: int | tuple[int, ...],
        classes: int,
        seen: Tensor | None,
        dropout: float = 0.3,
        rng: torch.Generator,
    ) -> "Classifier":
        """A classifier that starts from a copy of an encoder, with a new softmax layer on its code.

        All of its layers learn when it is trained.

        Args:
            encoder: (B, *shape) -> (B, Z) codes; it stays as it is.
            shape: shape of one example.
            classes: number of labels, at least 2.
            seen: ids of the rows that the encoder has learnt from, as a model's `seen`; None for
                none. A score on them is refused.
            dropout: probability of dropping a hidden value, in [0, 1): of the code, and wherever
                the encoder has `Dropout`.
            rng: draws the new layer; on the encoder's device.

        Raises:
            ValueError: an encoder whose output for an example is no code (Z,).

        Source: Hinton & Salakhutdinov 2006, Science 313 (fine-tuning).
        """
        weight = next(encoder.parameters(), None)
        check_device(rng, rng.device if weight is None else weight.device, "encoder")
        classifier = cls.__new__(cls)
        Model.__init__(classifier, shape, classes=count("classes", classes, 2))
        body, dropout = deepcopy(encoder), number("dropout", dropout, at_least=0, below=1)
        head = linear(_code_size(body, classifier.shape, rng), classifier.classes, rng=rng)
        for part in body.modules():
            if isinstance(part, Dropout):
                part.p = dropout
        layers = body if isinstance(body, Net) else [body]
        classifier.network = Net(*layers, Dropout(dropout), head)
        classifier.seen = seen
        return classifier

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Logits (B, C); rng drives dropout while training."""
        return self.network(x, rng) if isinstance(self.network, Net) else self.network(x)

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


@torch.no_grad()
def _code_size(encoder: nn.Module, shape: tuple[int, ...], rng: torch.Generator) -> int:
    """Z of an encoder (B, *shape) -> (B, Z), found by trying it on an example of zeros."""
    code = deepcopy(encoder).eval()(torch.zeros((1, *shape), device=rng.device))
    if code.ndim != 2:
        raise ValueError(f"encoder must make codes (B, Z), got shape {tuple(code.shape)}")
    return code.shape[1]


check_types(__name__)
