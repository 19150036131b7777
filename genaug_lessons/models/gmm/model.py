"""Gaussian mixtures by expectation maximisation (EM): of all rows, of classes, with few labels.

    p(x) = sum_k pi_k N(x | mu_k, Sigma_k)

An update is a pass over all rows: responsibilities r_nk = p(k | x_n) under the present parameters
(the E step), then the parameters that fit the rows so shared out (the M step). With classes, each
component belongs to one. Labelled rows are clamped to the components of their class; rows
without a label, y = -1, are shared out among all.

Source: Dempster, Laird & Rubin 1977; Bishop 2006, Pattern Recognition and Machine Learning,
section 9.2. Rows with and without labels: Nigam et al. 2000, Machine Learning 39.

Letters: x (N, D) rows, y (N,) labels, C classes, K components, pi (K,), mu (K, D),
Sigma (K, D, D) = L L' with L lower triangular, r (N, K) responsibilities; likelihoods in nats.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genaug_lessons.checks import choice, count, probability
from genaug_lessons.data import Batch, Dataset, Source
from genaug_lessons.model import Generative, Update
from genaug_lessons.models.gmm.gaussians import (
    COVARIANCES,
    cholesky,
    constrain,
    log_gaussian,
    m_step,
)
from genaug_lessons.random import normal
from genaug_lessons.typed import check_types

START_SPHERE = 0.5  # share of the sphere in the first covariances, which few rows may have to give


def clamp(log_joint: Tensor, y: Tensor | None, owner: Tensor) -> Tensor:
    """log p(x_n, k), (N, K), with -inf where row n has a label and component k another class.

    Args:
        log_joint: (N, K).
        y: (N,) labels, -1 for rows without; None where there are no classes.
        owner: (K,) class of each component.
    """
    if y is None:
        return log_joint
    return log_joint.masked_fill((y[:, None] >= 0) & (y[:, None] != owner), -math.inf)


def e_step(log_joint: Tensor) -> tuple[Tensor, Tensor]:
    """r (N, K) = p(k | x_n), and log p(x_n) (N,), from log p(x_n, k) (N, K).

    Source: Bishop 2006, eq. 9.13.
    """
    largest = log_joint.amax(1, keepdim=True)
    r = (log_joint - largest).exp_()  # reused below: exp is the expensive part
    total = r.sum(1, keepdim=True)
    return r.div_(total), (largest + total.log()).squeeze(1)


def kmeans_plus_plus(x: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """`count` rows of x (N, D), each drawn in proportion to its squared distance to those before.

    Source: Arthur & Vassilvitskii 2007, "k-means++".
    """
    weight, rows = torch.ones_like(x[:, 0]), []
    for _ in range(count):
        rows.append(torch.multinomial(weight + 1e-30, 1, generator=rng))
        distance = (x - x[rows[-1]]).square().sum(1)
        weight = distance if len(rows) == 1 else weight.minimum(distance)
    return x[torch.cat(rows)]


class GaussianMixture(Generative):
    """A mixture of Gaussians: a density, a sampler and, with classes, a classifier.

    Args:
        shape: shape of one example.
        components: Gaussians in all or, with classes, of each class.
        covariance: "full", "diagonal", "tied" (one for all) or "spherical". The work is that of
            "full" whichever it is.
        pooled: share in each covariance of the one that they have in common, from 0 to 1.
        sphere: share in each covariance of a sphere, from 0 to 1. It keeps a covariance regular
            where a feature is constant or examples are few; a component that shrinks onto a
            single point, where a sphere has no size either, needs `pooled`.
        means: (K, *shape) where the components start, those of a class side by side; rows of the
            data, far apart, unless given.
        classes: number of labels for a class-conditional mixture; None for no labels.
        rng: the model lives on its device.

    Where pooled = sphere = 0, no update raises the loss, the mean of -log p(x), or of
    -log p(x, y) for labelled rows. Shrinking follows each M step and may raise it.
    """

    takes_unlabelled = True
    defaults = {}

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        components: int = 1,
        covariance: str = "full",
        pooled: float = 0.0,
        sphere: float = 1e-3,
        means: Tensor | None = None,
        classes: int | None = None,
        rng: torch.Generator,
    ):
        super().__init__(shape, classes=classes)
        self.components = count("components", components)
        self.covariance = choice("covariance", covariance, COVARIANCES)
        self.shares = {
            "pooled": probability("pooled", pooled),
            "sphere": probability("sphere", sphere),
        }
        number, size = self.components * (self.classes or 1), math.prod(self.shape)
        if means is not None and means.shape != (number, *self.shape):
            wanted = (number, *self.shape)
            raise ValueError(f"means must have shape {wanted}, got {tuple(means.shape)}")
        self.means = means
        device = rng.device
        start = torch.zeros(number), torch.zeros(number, size), torch.eye(size).repeat(number, 1, 1)
        self.log_pi, self.mu, self.L = (
            nn.Parameter(value.to(device), requires_grad=False) for value in start
        )
        owner = torch.arange(number, device=device) // self.components  # class of each component
        self.register_buffer("owner", owner, persistent=False)
        self.register_buffer("started", torch.zeros((), dtype=torch.bool, device=device))

    def set_parameters(self, pi: Tensor, mu: Tensor, Sigma: Tensor) -> None:
        """Use these pi (K,), mu (K, D) and Sigma (K, D, D); training goes on from them.

        Raises:
            ValueError: a shape is another, or a Sigma is singular.
        """
        given = {"pi": (pi, self.log_pi), "mu": (mu, self.mu), "Sigma": (Sigma, self.L)}
        for name, (value, own) in given.items():
            if value.shape != own.shape:
                wanted, given_shape = tuple(own.shape), tuple(value.shape)
                raise ValueError(f"{name} must have shape {wanted}, got {given_shape}")
        self.L.copy_(cholesky(Sigma, mu))
        self.mu.copy_(mu)
        self.log_pi.copy_(pi.log())
        self.started.fill_(True)

    @property
    def pi(self) -> Tensor:
        """(K,) shares of the components, summing to 1."""
        return self.log_pi.softmax(0)

    @property
    def Sigma(self) -> Tensor:
        """(K, D, D) covariances."""
        return self.L @ self.L.mT

    def check_data(self, data: Source) -> None:
        """Raise a ValueError unless the data fit the model and have a row for each component."""
        super().check_data(data)
        if self.started:
            return
        y = data.y if self.classes else torch.zeros(len(data), dtype=torch.int64)
        rows = y[y >= 0].bincount(minlength=self.classes or 1)
        if rows.min() < self.components:
            where = f"labelled as class {rows.argmin()}" if self.classes else "in all"
            raise ValueError(
                f"data must have a row for each component: {self.components} {where}, "
                f"got {rows.min()}"
            )

    def updater(self) -> Update:
        """A pass of EM over all rows."""
        return EMUpdate(self)

    def em_step(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Update the parameters by EM and shrinkage; the loss, per row, is that before the step."""
        x = self._rows(batch.x)
        y = batch.y if self.classes else None
        if not self.started:
            self.start(x, y, rng)
        log_joint = clamp(self.log_joint(x), y, self.owner)
        r, log_p = e_step(log_joint)
        pi, mu, Sigma = m_step(x, r)
        self.set_parameters(pi, mu, constrain(Sigma, pi, self.covariance, **self.shares))
        return {"negative log likelihood": -log_p.mean()}

    def start(self, x: Tensor, y: Tensor | None, rng: torch.Generator) -> None:
        """First parameters, of rows x (N, D) shared out to the nearest of K centres.

        With labels y (N,), only labelled rows count. All components start with one covariance,
        half a sphere.
        """
        if self.means is not None:
            centres = self._rows(self.means)
        else:
            groups = [x] if y is None else [x[y == label] for label in range(self.classes)]
            centres = torch.cat([kmeans_plus_plus(rows, self.components, rng) for rows in groups])
        nearest = clamp(-torch.cdist(x, centres), y, self.owner).argmax(1)
        r = F.one_hot(nearest, len(centres)).to(x)
        pi, mu, Sigma = m_step(x, r if y is None else r * (y >= 0)[:, None])
        Sigma = constrain(Sigma, pi, self.covariance, pooled=1.0, sphere=START_SPHERE)
        self.set_parameters(pi, mu, Sigma)

    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x, k) in nats, (N, K), for x (N, *shape)."""
        return self.log_pi.log_softmax(0) + log_gaussian(self._rows(x), self.mu, self.L)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (N,), for x (N, *shape)."""
        return self.log_joint(x).logsumexp(1)

    def log_probs(self, x: Tensor) -> Tensor:
        """log p(y | x) of each class, (N, C), for x (N, *shape)."""
        if self.classes is None:
            raise ValueError("classes must be given to a mixture that predicts, got None")
        return self.log_joint(x).unflatten(1, (self.classes, -1)).logsumexp(2).log_softmax(1)

    def predict(self, x: Tensor) -> Tensor:
        """The likeliest label (N,) of each example."""
        return self.log_probs(x).argmax(1)

    def accuracy(self, test: Dataset) -> float:
        """Share of right answers, from 0 to 1.

        Raises:
            ValueError: `test` of another shape or with unlabelled rows.
            Leak: the mixture has seen rows of `test`.
        """
        self.check_test(test)
        return (self.predict(test.values) == test.y).float().mean().item()

    def _sample(self, n: int, labels: Tensor | None, rng: torch.Generator) -> Tensor:
        """A component for each row, then a draw from it."""
        log_pi = clamp(self.log_pi.expand(n, -1), labels, self.owner)
        which = torch.multinomial(log_pi.softmax(1), 1, generator=rng).squeeze(1)
        x = normal((n, self.mu.shape[1]), rng).to(self.mu)
        for component, (mu, L) in enumerate(zip(self.mu, self.L, strict=True)):
            rows = which == component
            x[rows] = mu + x[rows] @ L.T
        return x.unflatten(1, self.shape)

    def _rows(self, x: Tensor) -> Tensor:
        return x.flatten(1).to(self.mu)


class EMUpdate(Update):
    """One pass of EM; it has no learning rate and remembers nothing."""

    def __init__(self, model: GaussianMixture):
        self.model = model

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        return self.model.em_step(batch, rng)


check_types(__name__)
