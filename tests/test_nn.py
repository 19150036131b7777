"""Small networks: initial weights, dropout, and the two architectures against literal loops."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genaug_lessons.nn import BatchNorm, Dropout, Net, conv, linear, mlp, small_cnn
from genaug_lessons.random import generator, normal, uniform

LAYERS = {
    "linear": (lambda rng: linear(400, 200, rng=rng), 400),
    "conv": (lambda rng: conv(40, 60, rng=rng), 9 * 40),
}


@pytest.mark.parametrize(("make", "fan_in"), LAYERS.values(), ids=LAYERS)
def test_initial_weights_are_uniform_within_one_over_the_root_of_the_fan_in(make, fan_in):
    layer, bound = make(generator(0)), 1 / math.sqrt(fan_in)
    for values in (layer.weight, layer.bias):
        share = (values.detach().flatten().cpu() / bound + 1) / 2  # uniform in [0, 1)
        assert share.min() >= 0
        assert share.max() <= 1
        n = len(share)
        exact = (torch.arange(n) + 0.5) / n
        # Kolmogorov and Smirnov: the largest gap exceeds 2.2 / sqrt(n) once in 8000 times.
        assert (share.sort().values - exact).abs().max() < 2.2 / math.sqrt(n)


@pytest.mark.parametrize(("make", "_"), LAYERS.values(), ids=LAYERS)
def test_layers_start_with_the_bounds_of_torchs_own(make, _):
    ours = make(generator(0))
    if isinstance(ours, nn.Linear):
        theirs = nn.Linear(ours.in_features, ours.out_features)
    else:
        theirs = nn.Conv2d(ours.in_channels, ours.out_channels, 3, padding=1)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        largest = other.abs().max().item()
        assert mine.abs().max().item() == pytest.approx(largest, rel=10 / len(mine.flatten()))


def test_a_smooth_network_has_a_softplus_in_place_of_every_bend():
    network, x = (
        mlp((3, 5, 4, 2), smooth=True, rng=generator(0)),
        normal((7, 3), generator(1)),
    )
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    for layer in layers[:-1]:
        x = (1 + (5 * layer(x)).exp()).log() / 5
    torch.testing.assert_close(network(normal((7, 3), generator(1))), layers[-1](x))
    same = mlp((3, 5, 4, 2), rng=generator(0)).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in network.state_dict().items())


def test_dropout_is_torchs_formula_under_the_same_mask():
    x, p = normal((64, 32), generator(0)), 0.3
    mask = uniform((64, 32), generator(1)) >= p
    found = Dropout(p)(x, generator(1))
    torch.testing.assert_close(found, x * mask / (1 - p))
    assert torch.equal(found != 0, mask)
    theirs = F.dropout(x, p)
    both = (found != 0) & (theirs != 0)
    torch.testing.assert_close(found[both], theirs[both])


def test_dropout_keeps_the_mean_and_has_the_variance_of_a_switch():
    p, n = 0.3, 100_000
    values = Dropout(p)(torch.ones(n, device=generator(0).device), generator(0)).double()
    variance = p / (1 - p)  # of a switch that is 1 / (1 - p) with probability 1 - p
    assert abs(values.mean() - 1) < 5 * math.sqrt(variance / n)
    fourth = (values - 1).pow(4).mean()
    assert abs(values.var() - variance) < 5 * math.sqrt((fourth - variance**2) / n)


def test_dropout_rests_while_evaluating_and_without_probability():
    x = normal((8, 4), generator(0))
    assert Dropout(0.5).eval()(x, None) is x
    assert Dropout(0.0)(x, None) is x


def test_a_dense_network_is_matrix_products_with_rectifiers_between():
    network = mlp((6, 5, 4, 3), rng=generator(0))
    (first, second, third), x = network[::3], normal((7, 6), generator(1))
    h = (x @ first.weight.T + first.bias).clamp_min(0)
    h = (h @ second.weight.T + second.bias).clamp_min(0)
    torch.testing.assert_close(network(x), h @ third.weight.T + third.bias)


def test_leaking_rectifiers_let_a_share_of_what_is_below_0_through():
    network = mlp((6, 5, 3), leak=0.2, rng=generator(0))
    (first, second), x = network[::3], normal((7, 6), generator(1))
    h = x @ first.weight.T + first.bias
    h = torch.where(h > 0, h, 0.2 * h)
    torch.testing.assert_close(network(x), h @ second.weight.T + second.bias)


def test_a_normalised_network_gives_each_hidden_value_mean_0_and_variance_1_over_the_batch():
    network, x = mlp((6, 5, 4, 3), batch_norm=True, rng=generator(0)), points()
    h = x
    for layer, norm in ((network[0], network[1]), (network[4], network[5])):
        scramble(norm)
        h = h @ layer.weight.T
        h = (h - h.mean(0)) / (h.var(0, correction=0) + 1e-5).sqrt()
        h = (h * norm.weight + norm.bias).clamp_min(0)
    torch.testing.assert_close(network(x), h @ network[8].weight.T + network[8].bias)
    assert [layer.bias is None for layer in (network[0], network[4], network[8])] == [1, 1, 0]


def test_dropout_of_a_normalised_network_comes_last_in_each_layer():
    network = mlp((6, 5, 3), dropout=0.5, leak=0.1, batch_norm=True, rng=generator(0))
    names = ["Linear", "BatchNorm", "LeakyReLU", "Dropout", "Linear"]
    assert [type(layer).__name__ for layer in network] == names


def points():
    return 2 * normal((7, 6), generator(1)) + 1


def scramble(norm):
    with torch.no_grad():
        for values in (norm.weight, norm.bias):
            values.copy_(uniform(values.shape, generator(2), -1, 1))


def test_batch_normalisation_is_torchs_own():
    ours, x = BatchNorm(6, device=generator(0).device), points()
    theirs = nn.BatchNorm1d(6, device=x.device)
    scramble(ours)
    scramble(theirs)
    for _ in range(3):
        torch.testing.assert_close(ours(x), theirs(x))
    for name, values in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], values)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_a_single_row_meets_the_running_figures_and_leaves_them_as_they_are():
    norm, x = BatchNorm(6, device=generator(0).device), points()
    scramble(norm)
    norm(x)
    before = {name: values.clone() for name, values in norm.state_dict().items()}
    alone = norm(x[:1])
    mean, variance = norm.running_mean, norm.running_var
    expected = (x[:1] - mean) / (variance + 1e-5).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(alone, expected)
    assert all(torch.equal(values, before[name]) for name, values in norm.state_dict().items())
    torch.testing.assert_close(norm.eval()(x)[:1], alone)


def test_a_dense_network_without_hidden_layers_is_linear():
    network = mlp((6, 3), rng=generator(0))
    x, y = normal((7, 6), generator(1)), normal((7, 6), generator(2))
    torch.testing.assert_close(network(x + y) + network(0 * x), network(x) + network(y))


def test_a_convolution_is_a_weighted_sum_over_each_pixels_neighbours():
    layer, x = conv(2, 3, rng=generator(0)), normal((4, 2, 5, 6), generator(1))
    padded, found = F.pad(x, (1, 1, 1, 1))[3], layer(x)
    assert found.shape == (4, 3, 5, 6)
    for row, column in ((0, 0), (2, 3), (4, 5)):
        window = padded[:, row : row + 3, column : column + 3]
        expected = (layer.weight * window).sum((1, 2, 3)) + layer.bias
        torch.testing.assert_close(found[3, :, row, column], expected)


def test_a_small_cnn_halves_its_pictures_once_for_each_convolution():
    network = small_cnn((2, 9, 12), 5, channels=(3, 4), dropout=0.5, rng=generator(0))
    x = normal((2, 2, 9, 12), generator(1))
    h = F.max_pool2d(network[0](x).relu(), 2)
    h = F.max_pool2d(network[3](h).relu(), 2)
    assert h.shape == (2, 4, 2, 3)
    torch.testing.assert_close(network.eval()(x), network[-1](h.flatten(1)))


def test_every_dropout_of_a_network_gets_the_generator():
    network = Net(Dropout(0.5), nn.Identity(), Dropout(0.75))
    x, rng = torch.ones(100, 10, device=generator(0).device), generator(0)
    kept = (uniform((100, 10), rng) >= 0.5) & (uniform((100, 10), rng) >= 0.75)
    assert torch.equal(network(x, generator(0)), 8.0 * kept)
