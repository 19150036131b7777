"""Autoencoders against PCA, denoisers against exact scores, the penalty against the Jacobian."""

import math

import pytest
import torch
from scipy.linalg import subspace_angles
from torch import distributions as td
from torch.nn import functional as F

from genaug_lessons import data
from genaug_lessons.augment import Compose, GaussianNoise, Masking
from genaug_lessons.data import Batch, Dataset, Leak
from genaug_lessons.models.autoencoder import (
    Autoencoder,
    contractive_penalty_sigmoid,
    contractive_penalty_tanh,
    denoising_score,
)
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import Conv, Dense, Transposed, linear, small_cnn_decoder
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import fit

SIZE, ROWS = 6, 200


def cpu(seed=0):
    return generator(seed, "cpu")


def scrambled(model, scale=1.0):
    """The same model in float64 with every parameter drawn anew, so that no zero hides a fault."""
    rng = cpu(9)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * normal(tuple(parameter.shape), rng))
    return model.double()


def linear_autoencoder(latent=2, seed=0, **settings):
    settings = {"network": Dense(), "loss": "squared", **settings}
    return Autoencoder(SIZE, latent=latent, rng=cpu(seed), **settings).double()


def correlated():
    """(ROWS, SIZE) float64 rows of a correlated Gaussian, off the origin."""
    rng = cpu(3)
    turn = torch.linalg.qr(normal((SIZE, SIZE), rng).double()).Q
    stds = torch.tensor([2.0, 1.6, 1.0, 0.8, 0.6, 0.5]).double()
    return normal((ROWS, SIZE), rng).double() * stds @ turn + normal((SIZE,), rng).double()


def lbfgs(model, loss, rounds=5):
    """The least loss that L-BFGS finds from where the parameters are."""
    settings = {"max_iter": 100, "tolerance_grad": 1e-13, "tolerance_change": 1e-16}
    optimizer = torch.optim.LBFGS(
        model.parameters(), history_size=30, line_search_fn="strong_wolfe", **settings
    )

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    for _ in range(rounds):
        optimizer.step(closure)
    return loss().item()


def jacobian(function, x):
    """(B, outputs, D): the derivative of each row's output by that row."""
    rows = [torch.autograd.functional.jacobian(lambda v: function(v[None])[0], row) for row in x]
    return torch.stack(rows)


# --- the linear case is PCA


@pytest.mark.parametrize(("seed", "tied"), [(0, False), (1, False), (2, False), (0, True)])
def test_linear_autoencoder_loses_the_discarded_eigenvalues_and_spans_the_plane_of_pca(seed, tied):
    x = correlated()
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    model = linear_autoencoder(seed=seed, tied=tied)
    found = lbfgs(model, lambda: model.reconstruction_loss(x, x).mean())
    assert found == pytest.approx(values[:-2].sum().item(), abs=1e-10)
    layer = model.decoder[0]
    span = layer.layer.weight.T if tied else layer.weight
    assert subspace_angles(span.detach().numpy(), vectors[:, -2:].numpy()).max() < 1e-6
    assert model.reconstruction_error(x).mean().item() == pytest.approx(found)


def test_no_linear_autoencoder_reconstructs_better_than_pca():
    x = correlated()
    best = torch.linalg.eigvalsh(torch.cov(x.T, correction=0))[:-2].sum()
    for seed in range(5):
        model = linear_autoencoder(seed=seed).float()
        settings = {"steps": 300, "lr": 0.03, "show_progress": False}
        fit(model, x.float(), rng=cpu(seed), **settings)
        error = model.double().reconstruction_error(x).mean()
        assert best < error < 3 * best


# --- losses


def test_cross_entropy_is_that_of_torch_distributions_summed_over_each_example():
    model = scrambled(Autoencoder((1, 2, 3), network=Dense(5), latent=2, rng=cpu()))
    corrupted = uniform((7, 1, 2, 3), cpu(1)).double()
    x = (uniform((7, 1, 2, 3), cpu(2)) < 0.5).double()
    exact = -td.Bernoulli(model.reconstruct(corrupted)).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(model.reconstruction_loss(x, corrupted), exact)


def test_squared_loss_and_reconstruction_error_are_summed_over_each_example():
    for loss in ("squared", "cross-entropy"):
        model = Autoencoder((1, 2, 3), network=Dense(5), latent=2, loss=loss, rng=cpu())
        model, x = scrambled(model), uniform((7, 1, 2, 3), cpu(1)).double()
        exact = torch.stack([(model.reconstruct(x) - x)[row].square().sum() for row in range(7)])
        torch.testing.assert_close(model.reconstruction_error(x), exact.detach())
    corrupted = uniform((7, 1, 2, 3), cpu(2)).double()
    exact = (model_of("squared").reconstruct(corrupted) - x).square().sum((1, 2, 3))
    torch.testing.assert_close(model_of("squared").reconstruction_loss(x, corrupted), exact)
    assert not model.reconstruction_error(x).requires_grad


def model_of(loss, **settings):
    settings = {"network": Dense(5), "latent": 2, **settings}
    return scrambled(Autoencoder((1, 2, 3), loss=loss, rng=cpu(), **settings))


@pytest.mark.parametrize("code", ["linear", "relu", "sigmoid", "tanh"])
def test_a_dense_autoencoder_is_matrix_products_there_and_back(code):
    model, x = model_of("squared", code=code), uniform((7, 1, 2, 3), cpu(1)).double()
    first, second = (layer for layer in model.encoder if isinstance(layer, torch.nn.Linear))
    function = {"linear": lambda a: a, "relu": F.relu}.get(code) or getattr(torch, code)
    z = function(
        (x.flatten(1) @ first.weight.T + first.bias).relu() @ second.weight.T + second.bias
    )
    torch.testing.assert_close(model.encode(x), z)
    first, second = (layer for layer in model.decoder if isinstance(layer, torch.nn.Linear))
    exact = (z @ first.weight.T + first.bias).relu() @ second.weight.T + second.bias
    torch.testing.assert_close(model.decode(z), exact.view(7, 1, 2, 3))
    torch.testing.assert_close(model.reconstruct(x), model.decode(model.encode(x)))


def test_pixels_are_made_within_the_unit_interval():
    model, z = model_of("cross-entropy"), 5 * normal((50, 2), cpu()).double()
    torch.testing.assert_close(model.decode(z), model.decoder(z).sigmoid())


def objective(model, x, seed=0):
    return model.objectives()[0].loss(Batch(x), cpu(seed))


def test_objective_is_the_mean_loss_of_clean_examples_made_from_corrupted_ones():
    noise = Compose([GaussianNoise(0.3), Masking(0.2)])
    model, x = model_of("cross-entropy", corruption=noise), uniform((9, 1, 2, 3), cpu(1)).double()
    exact = model.reconstruction_loss(x, noise(x, cpu(5))).mean()
    torch.testing.assert_close(objective(model, x, 5), exact)
    assert objective(model, x, 6) != exact
    plain = model_of("cross-entropy")
    torch.testing.assert_close(objective(plain, x), plain.reconstruction_loss(x, x).mean())


# --- denoisers know the score


def test_linear_denoiser_shrinks_as_the_closed_form_says_and_knows_the_smoothed_score():
    x, std = correlated(), 0.7
    covariance = torch.cov(x.T, correction=0)
    model = linear_autoencoder(latent=SIZE)
    # +- sqrt(D) along each axis has the mean and covariance of noise: exact for a linear r.
    points = SIZE**0.5 * torch.cat([torch.eye(SIZE), -torch.eye(SIZE)]).double()

    def loss():
        noise = GaussianNoise(std)
        return sum(
            model.reconstruction_loss(x, noise.apply(x, (point,))).mean() for point in points
        )

    lbfgs(model, loss)
    smoothed = covariance + std**2 * torch.eye(SIZE).double()
    product = model.decoder[0].weight @ model.encoder[1].weight
    exact = covariance @ torch.linalg.inv(smoothed)
    torch.testing.assert_close(product.detach(), exact, atol=1e-6, rtol=0)
    z = normal((20, SIZE), cpu(5)).double()
    score = -(z - x.mean(0)) @ torch.linalg.inv(smoothed)
    found = denoising_score(z, model.reconstruct(z).detach(), std)
    torch.testing.assert_close(found, score, atol=1e-5, rtol=0)


def best_denoiser(mixture, z, std):
    """E[x|z] for a mixture of round Gaussians and z = x + std * noise."""
    centres, total = mixture.centres.to(z), mixture.std**2 + std**2
    weight = (-torch.cdist(z, centres).square() / (2 * total)).softmax(-1)
    within = (z[:, None] * mixture.std**2 + centres * std**2) / total  # (N, K, 2)
    return (weight[:, :, None] * within).sum(1)


def test_best_denoiser_of_a_mixture_knows_the_score_of_the_smoothed_mixture():
    mixture, z, std = data.ring(5, std=0.3), 2 * normal((50, 2), cpu()).double(), 0.4
    smoothed = data.PlaneMixture(mixture.centres, 0.5, mixture.labels)
    found = denoising_score(z, best_denoiser(mixture, z, std), std)
    torch.testing.assert_close(found, smoothed.score(z), atol=1e-10, rtol=0)


def test_denoising_score_comes_to_the_score_of_the_data_as_fast_as_the_variance_falls():
    mixture, x = data.ring(5, std=0.5), normal((50, 2), cpu()).double()

    def error(std):
        found = denoising_score(x, best_denoiser(mixture, x, std), std)
        return (found - mixture.score(x)).square().mean().sqrt().log()

    slope = (error(0.02) - error(0.01)) / math.log(0.02**2 / 0.01**2)
    assert slope == pytest.approx(1, abs=0.1)


def test_trained_denoiser_points_along_the_exact_score():
    mixture, std, rng = data.ring(3, radius=1.0, std=0.2), 0.3, cpu()
    points = mixture.sample(2000, rng=rng)
    settings = {"network": Dense(64, 64), "latent": 64, "code": "relu", "loss": "squared"}
    model = Autoencoder(2, corruption=GaussianNoise(std), rng=rng, **settings)
    settings = {"steps": 1500, "lr": 3e-3, "batch_size": 256, "schedule": "cosine"}
    fit(model, points.x, rng=rng, show_progress=False, **settings)
    z = mixture.sample(500, rng=rng).x + std * normal((500, 2), rng)
    smoothed = data.PlaneMixture(mixture.centres, math.hypot(0.2, std), mixture.labels)
    exact = smoothed.score(z)
    found = denoising_score(z, model.reconstruct(z).detach(), std)
    left = (found - exact).square().sum() / exact.square().sum()
    assert left < 0.1  # of the squared length of the arrows; no arrows at all leave 1


def test_small_noise_adds_the_jacobian_of_the_reconstruction_to_the_loss():
    model = linear_autoencoder(3, network=Dense(), code="tanh")
    x, axes = 0.3 * correlated()[:5], SIZE**0.5 * torch.eye(SIZE).double()
    points = torch.cat([axes, -axes])
    plain = model.reconstruction_loss(x, x)
    stretched = jacobian(model.reconstruct, x).square().sum((1, 2))
    second = torch.stack(
        [
            torch.autograd.functional.jacobian(
                lambda v: torch.autograd.functional.jacobian(
                    lambda w: model.reconstruct(w[None])[0], v, create_graph=True
                ),
                row,
            )
            for row in x
        ]
    )  # (B, SIZE, SIZE, SIZE); its trace over the last two bends the reconstruction
    bent = second.diagonal(dim1=-2, dim2=-1).sum(-1)
    towards = ((model.reconstruct(x) - x) * bent).sum(-1)  # 0 for a perfect reconstruction

    def error(std):
        noise = GaussianNoise(std)
        noisy = sum(model.reconstruction_loss(x, noise.apply(x, (point,))) for point in points)
        left = noisy / len(points) - plain - std**2 * (stretched + towards)
        return left.abs().mean().log().item()

    slope = (error(0.1) - error(0.05)) / math.log(0.1**2 / 0.05**2)
    assert slope == pytest.approx(2, abs=0.2)


# --- the contractive penalty

PENALTIES = {"sigmoid": contractive_penalty_sigmoid, "tanh": contractive_penalty_tanh}


@pytest.mark.parametrize("code", PENALTIES)
def test_penalty_is_the_squared_norm_of_the_jacobian(code):
    model = scrambled(Autoencoder(5, network=Dense(), latent=3, code=code, rng=cpu()))
    x = normal((7, 5), cpu(1)).double()
    exact = jacobian(model.encode, x).square().sum((1, 2))
    found = model.contractive_penalty(x)
    torch.testing.assert_close(found, exact, atol=1e-12, rtol=0)
    pure = PENALTIES[code](model.encode(x), model.encoder[1].weight)
    torch.testing.assert_close(pure, exact, atol=1e-12, rtol=0)


@pytest.mark.parametrize("code", PENALTIES)
def test_penalty_has_the_right_gradients(code):
    weight, bias, x = (normal(s, cpu(k)).double() for k, s in enumerate([(3, 4), (3,), (5, 4)]))
    function = getattr(torch, code)

    def penalty(weight, bias):
        return PENALTIES[code](function(x @ weight.T + bias), weight)

    assert torch.autograd.gradcheck(penalty, (weight.requires_grad_(), bias.requires_grad_()))


@pytest.mark.parametrize("code", PENALTIES)
def test_penalty_is_zero_without_weights_or_where_units_are_saturated(code):
    ends = torch.tensor([[0.0, 1.0]] if code == "sigmoid" else [[-1.0, 1.0]])
    assert PENALTIES[code](ends, torch.ones(2, 4)).tolist() == [0]
    assert PENALTIES[code](0.3 * torch.ones(1, 2), torch.zeros(2, 4)).tolist() == [0]
    assert PENALTIES[code](0.3 * torch.ones(1, 2), torch.ones(2, 4)) > 0


def small(seed=0, **settings):
    settings = {"network": Dense(), "latent": 3, "code": "sigmoid", **settings}
    return Autoencoder(4, rng=cpu(seed), **settings)


def trained(model, seed=0, **settings):
    of = Dataset(uniform((50, 4), cpu(7)), support="unit", ids=torch.arange(50))
    settings = {"steps": 20, "lr": 0.05, **settings}
    return fit(model, of, rng=cpu(seed), show_progress=False, **settings)


def test_contraction_adds_that_much_of_the_penalty_at_the_clean_examples():
    x, noise = uniform((9, 4), cpu(1)).double(), Masking(0.5)
    model = scrambled(small(contraction=0.7, corruption=noise))
    losses = model.reconstruction_loss(x, noise(x, cpu(2)))
    exact = (losses + 0.7 * model.contractive_penalty(x)).mean()
    torch.testing.assert_close(objective(model, x, 2), exact)


def test_without_contraction_the_contractive_autoencoder_is_the_plain_one_bit_for_bit():
    plain, none = small(), small(contraction=0.0)
    assert trained(plain).losses() == trained(none).losses()
    for one, other in zip(plain.parameters(), none.parameters(), strict=True):
        assert torch.equal(one, other)


def test_contraction_makes_codes_move_less():
    x = uniform((200, 4), cpu(8))
    free, held = small(), small(contraction=1.0)
    for model in (free, held):
        trained(model, steps=300)
    assert held.contractive_penalty(x).mean() < 0.5 * free.contractive_penalty(x).mean()


# --- tied weights


def test_tied_decoder_shares_the_weights_of_the_encoder_and_they_get_both_gradients():
    tied = scrambled(small(tied=True, loss="squared", network=Dense(5, 6), code="tanh"))
    free = scrambled(small(loss="squared", network=Dense(5, 6), code="tanh"))
    ways = [[m for m in part if hasattr(m, "bias")] for part in (tied.encoder, tied.decoder)]
    others = [[m for m in part if hasattr(m, "bias")] for part in (free.encoder, free.decoder)]
    with torch.no_grad():
        for mine, other in zip(ways[0], others[0], strict=True):
            other.load_state_dict(mine.state_dict())
        for mine, other in zip(ways[1], others[1], strict=True):
            other.weight.copy_(mine.layer.weight.T)
            other.bias.copy_(mine.bias)
    x = uniform((9, 4), cpu(1)).double()
    torch.testing.assert_close(tied.reconstruct(x), free.reconstruct(x))
    for model in (tied, free):
        model.reconstruction_loss(x, x).mean().backward()
    for layer, there, back in zip(ways[0], others[0], others[1][::-1], strict=True):
        torch.testing.assert_close(layer.weight.grad, there.weight.grad + back.weight.grad.T)
    for mine, other in zip(ways[1], others[1], strict=True):
        torch.testing.assert_close(mine.bias.grad, other.bias.grad)
    assert sum(p.numel() for p in tied.parameters()) == (20 + 5) + (30 + 6) + (18 + 3) + 6 + 5 + 4
    trained(tied.float())
    assert [m.layer for m in ways[1]] == ways[0][::-1]


def test_bias_on_the_way_back_starts_as_that_of_a_dense_layer():
    bias = Transposed(linear(2000, 25, rng=cpu()), rng=cpu(1)).bias
    assert 0.19 < bias.abs().max() <= 0.2  # 1 / sqrt(25), as for the layer's other direction
    assert abs(bias.mean()) < 5 * 0.2 / math.sqrt(3 * 2000)


# --- pictures


def test_convolutional_decoder_doubles_its_pictures_back_to_the_shape():
    network = small_cnn_decoder(5, (2, 9, 12), channels=(4, 3), rng=cpu())
    z = normal((6, 5), cpu(1))
    h = network[0](z).view(6, 4, 2, 3).relu()
    rows, columns = torch.arange(4) // 2, torch.arange(6) // 2
    h = network[4](h[:, :, rows][..., columns]).relu()
    assert h.shape == (6, 3, 4, 6)
    rows, columns = (torch.arange(9) * 4 // 9), torch.arange(12) // 2
    torch.testing.assert_close(network(z), network[7](h[:, :, rows][..., columns]))


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 9, 12), (1, 28, 28)])
@pytest.mark.parametrize("hidden", [(), (4,), (4, 6)])
def test_convolutional_autoencoder_gives_back_the_shape(shape, hidden):
    settings = {"network": Conv(*hidden), "latent": 3, "rng": cpu()}
    model, x = Autoencoder(shape, **settings), uniform((5, *shape), cpu(1))
    assert model.encode(x).shape == (5, 3)
    assert model.reconstruct(x).shape == x.shape
    exact = F.binary_cross_entropy(model.reconstruct(x), x, reduction="none").sum((1, 2, 3))
    torch.testing.assert_close(model.reconstruction_loss(x, x), exact)
    channels = [m.out_channels for m in model.encoder if hasattr(m, "out_channels")]
    back = [m.in_channels for m in model.decoder if hasattr(m, "in_channels")]
    assert channels == back[::-1] == list(hidden)


# --- features for a classifier


def on(model, **settings):
    """A classifier on the encoder."""
    given = {"shape": model.shape, "classes": 3, "seen": model.seen, **settings}
    return Classifier.on(model.encoder, rng=cpu(1), **given)


def test_classifier_from_an_encoder_is_the_encoder_with_a_new_layer_on_its_code():
    model = small(network=Dense(6), code="relu")
    trained(model)
    before = [parameter.clone() for parameter in model.parameters()]
    classifier = on(model, dropout=0.4)
    x, head = uniform((9, 4), cpu(2)), classifier.network[-1]
    torch.testing.assert_close(classifier.eval()(x), head(model.encode(x)))
    fresh = Classifier(4, classes=3, network=Dense(6, 3, dropout=0.4), rng=cpu())
    assert str(classifier.network) == str(fresh.network)
    assert torch.equal(head.weight, linear(3, 3, rng=cpu(1)).weight)
    start = [parameter.clone() for parameter in classifier.parameters()]
    labelled = Dataset(x, torch.arange(9) % 3, 3)
    fit(classifier, labelled, steps=3, rng=cpu(), show_progress=False)
    pairs = zip(start, classifier.parameters(), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)
    pairs = zip(before, model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_classifier_from_a_convolutional_encoder_takes_its_pictures_and_drops_values():
    settings = {"network": Conv(4, 6), "latent": 5, "code": "tanh"}
    model = Autoencoder((2, 6, 9), rng=cpu(), **settings)
    classifier = on(model, dropout=0.5)
    x = uniform((9, 2, 6, 9), cpu(2))
    exact = classifier.network[-1](model.encode(x))
    torch.testing.assert_close(classifier.eval()(x), exact)
    assert [layer.p for layer in classifier.network if hasattr(layer, "p")] == [0.5, 0.5]
    classifier.accuracy(Dataset(x, torch.arange(9) % 3, 3))  # refuses pictures of another shape


def test_classifier_from_an_encoder_remembers_what_the_autoencoder_saw():
    model = small()
    trained(model)
    classifier = on(model, classes=2)
    test = Dataset(uniform((10, 4), cpu()), torch.arange(10) % 2, 2, ids=torch.arange(45, 55))
    with pytest.raises(Leak, match="has seen 5 of the 10 rows"):
        classifier.accuracy(test)
    rest = test[5:]
    fit(classifier, rest[:2], steps=1, rng=cpu(), show_progress=False)
    with pytest.raises(Leak, match="has seen 7 of the 10 rows"):
        classifier.accuracy(test)


# --- errors


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latent": 0}, "latent must be an integer of at least 1, got 0"),
        ({"code": "softmax"}, "code must be one of .*'tanh'.* got 'softmax'"),
        ({"network": "rnn"}, "network must be an object with encoder and decoder, got 'rnn'"),
        ({"loss": "hinge"}, "loss must be one of .*'squared'.* got 'hinge'"),
        (
            {"corruption": "gaussian"},
            "corruption must be one of this .* None, got 'gaussian'",
        ),
        ({"contraction": -0.1}, "contraction must be at least 0, got -0.1"),
        ({"contraction": float("nan")}, "contraction must be at least 0, got nan"),
        (
            {"contraction": 0.1, "code": "relu"},
            r"Dense\(\) and 'relu'; for other encoders use .*GaussianNoise",
        ),
        ({"contraction": 0.1, "network": Dense(5)}, r"got Dense\(5\) and 'sigmoid'"),
        ({"contraction": 0.1, "network": Conv(4)}, r"penalty needs .*got Conv\(4\)"),
        ({"tied": True, "network": Conv(4)}, r"tied weights need a Dense network, got Conv\(4\)"),
        ({"network": Dense(5, dropout=0.1)}, "network must be without dropout in this Autoencoder"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    settings = {"network": Dense(), "latent": 3, "code": "sigmoid", **settings}
    with pytest.raises((TypeError, ValueError), match=said):
        Autoencoder((1, 8, 8), rng=cpu(), **settings)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: denoising_score(torch.ones(1), torch.ones(1), 0.0), "std must be above 0, got 0"),
        (
            lambda: small(code="linear").contractive_penalty(torch.ones(1, 4)),
            "the contractive penalty needs .* got Dense.* and 'linear'",
        ),
        (
            lambda: on(small(), classes=1),
            "classes must be an integer of at least 2, got 1",
        ),
        (
            lambda: on(small(), dropout=1.0),
            r"dropout must lie in \[0, 1\), got 1.0",
        ),
        (
            lambda: on(small().to("meta")),
            r"rng must be on the device of the encoder \(meta\)",
        ),
        (
            lambda: fit(small(), torch.randn(5, 4, generator=cpu()), steps=1, rng=cpu()),
            r"x must lie in \[0, 1\]",
        ),
    ],
)
def test_what_an_autoencoder_cannot_do_is_refused(wrong, said):
    with pytest.raises((TypeError, ValueError), match=said):
        wrong()
