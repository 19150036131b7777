"""What the same operations cost without the package: yardsticks for the benchmark, in plain torch.

Each function returns one update as a function without arguments. They do by hand what the package
does: data that stay in memory, losses on logits, real and fake in one batch, a fused optimiser.
`products` is the floor below all of them: nothing but the matrix products of an update.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The embedded digits as rows (1797, 64) in [0, 1], and their labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return torch.from_numpy(found.data).float().div(16), torch.from_numpy(found.target)


def rows_without_end(x: torch.Tensor, size: int):
    """Row numbers of batches, in shuffled passes."""
    while True:
        yield from torch.randperm(len(x))[: len(x) // size * size].split(size)


def digits_gan() -> Callable[[], object]:
    """A GAN of 8x8 digits, 16-64-64-64 with batch norm against 64-64-64-1, at batch 64."""
    x, _ = digits()
    rows = rows_without_end(x, 64)

    def hidden(inputs: int) -> list[nn.Module]:
        return [nn.Linear(inputs, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU()]

    generator = nn.Sequential(*hidden(16), *hidden(64), nn.Linear(64, 64))
    widths = [nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2)]
    discriminator = nn.Sequential(*widths, nn.Linear(64, 1))
    adam = {"lr": 1e-3, "betas": (0.0, 0.9), "weight_decay": 0.0, "fused": True}
    discriminator_adam = torch.optim.AdamW(discriminator.parameters(), **adam)
    generator_adam = torch.optim.AdamW(generator.parameters(), **adam)
    weights, generator_weights = list(discriminator.parameters()), list(generator.parameters())

    def step() -> tuple[torch.Tensor, torch.Tensor]:
        real = x.index_select(0, next(rows))
        fake = generator(torch.randn(64, 16)).sigmoid()
        logits = discriminator(torch.cat([real, fake.detach()])).squeeze(-1)
        loss = F.softplus(-logits[:64]).mean() + F.softplus(logits[64:]).mean()
        discriminator_adam.zero_grad()
        loss.backward(inputs=weights)
        discriminator_adam.step()
        generator_loss = F.softplus(-discriminator(fake).squeeze(-1)).mean()
        generator_adam.zero_grad()
        generator_loss.backward(inputs=generator_weights)
        generator_adam.step()
        return loss.item(), generator_loss.item()

    return step


def classifier() -> Callable[[], object]:
    """A classifier of digits, 64-128-128-10 with dropout, on fifty of them at batch 64."""
    x, y = (part[:50] for part in digits())
    network = nn.Sequential(
        *(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.3)),
        *(nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.3)),
        nn.Linear(128, 10),
    )
    adam = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01, fused=True)

    def step() -> float:
        rows = torch.randint(50, (64,))
        loss = F.cross_entropy(network(x[rows]), y[rows])
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return step


def products(*of: tuple[int, int, int]) -> Callable[[], object]:
    """Products of random matrices (rows, inner) and (inner, columns), each into its own memory."""
    pairs = [(torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)) for m, k, n in of]

    def step() -> None:
        for left, right, out in pairs:
            torch.mm(left, right, out=out)

    return step


def forward(rows: int, *widths: int) -> list[tuple[int, int, int]]:
    """The products of a pass of some rows through dense layers of these widths."""
    return [(rows, before, after) for before, after in pairwise(widths)]


def backward(rows: int, *widths: int) -> list[tuple[int, int, int]]:
    """The products behind the gradients of the layers' inputs, but for the lowest layer's."""
    return [(rows, after, before) for before, after in pairwise(widths)][1:]


def gradients(rows: int, *widths: int) -> list[tuple[int, int, int]]:
    """The products behind the gradients of the layers' weights."""
    return [(after, rows, before) for before, after in pairwise(widths)]


def vae_products() -> Callable[[], object]:
    """Those of the VAE 784-400-20 at batch 128."""
    encoder, decoder = (128, 784, 400, 40), (128, 20, 400, 784)
    learning = [*backward(*encoder), *backward(*decoder), (128, 400, 20)]  # back to the latent
    of_weights = gradients(*encoder) + gradients(*decoder)
    return products(*forward(*encoder), *forward(*decoder), *learning, *of_weights)


def gan_products() -> Callable[[], object]:
    """Those of the GAN 100-...-784 at batch 64: real and fake are judged in one batch of 128."""
    generator, discriminator = (100, 128, 256, 512, 1024, 784), (784, 512, 256, 1)
    first = [*forward(128, *discriminator), *backward(128, *discriminator)]
    then = [*forward(64, *discriminator), *backward(64, *discriminator), (64, 512, 784)]
    of_weights = gradients(128, *discriminator) + gradients(64, *generator)
    both = [*forward(64, *generator), *backward(64, *generator)]
    return products(*first, *then, *both, *of_weights)


def rbm_products(rows: int) -> Callable[[], object]:
    """Those of persistent CD of an RBM 784-500: as many chains as rows, which go down and up."""
    return products((rows, 500, 784), (2 * rows, 784, 500), (784, 2 * rows, 500))
