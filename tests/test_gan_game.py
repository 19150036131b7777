"""Oracles for the game of a GAN: states that can be counted, and two players on a line."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from genaug_lessons.models.gan import (
    LOSSES,
    dirac_game,
    discriminator_loss,
    least_squares_discriminator_loss,
    least_squares_loss,
    minimax_loss,
    non_saturating_loss,
    optimal_discriminator,
    value,
)

P, Q = torch.tensor([8, 1, 4, 3, 1, 2, 1]), torch.tensor([1, 5, 4, 2, 4, 1, 3])  # of 20 each
REAL, FAKE = (torch.arange(7).repeat_interleave(counts) for counts in (P, Q))
p, q = P.double() / 20, Q.double() / 20
EXTREMES = torch.tensor([-100.0, -20.0, -1.0, 0.0, 1.0, 20.0, 100.0]).double()


def best(loss, outputs=7):
    """The outputs, one a state, that minimise the loss (L-BFGS), and the least loss."""
    found = torch.zeros(outputs, dtype=torch.float64, requires_grad=True)
    settings = {"line_search_fn": "strong_wolfe", "max_iter": 1000, "tolerance_grad": 1e-10}
    optimizer = torch.optim.LBFGS([found], tolerance_change=0, **settings)

    def again():
        optimizer.zero_grad()
        now = loss(found)
        now.backward()
        return now

    optimizer.step(again)
    return found.detach(), loss(found).item()


def table_loss(output):
    return discriminator_loss(output[REAL], output[FAKE])


def law(logits):
    """A generator's probabilities, which can be differentiated."""
    return logits.double().softmax(0)


# the discriminator's best and the value of the game


def jensen_shannon(p, q):
    """The divergence in nats of two laws without zeros."""
    middle = (p + q) / 2
    return sum((one * (one / middle).log()).sum() for one in (p, q)) / 2


def test_the_best_discriminator_is_the_share_of_the_data_in_each_state():
    found, _ = best(table_loss)
    torch.testing.assert_close(found.sigmoid(), optimal_discriminator(p, q), atol=1e-7, rtol=0)


def test_the_best_discriminator_is_sure_where_one_of_the_two_never_is_and_guesses_where_none_is():
    found = optimal_discriminator(torch.tensor([0.5, 0, 0, 0.5]), torch.tensor([0, 0, 0.9, 0.1]))
    assert found.tolist() == pytest.approx([1, 0.5, 0, 5 / 6])


def test_the_value_at_the_best_discriminator_is_twice_the_divergence_less_log_4():
    _, least = best(table_loss)
    highest = value(p, q, optimal_discriminator(p, q)).item()
    assert highest == pytest.approx(2 * jensen_shannon(p, q).item() - math.log(4), abs=1e-14)
    assert -least == pytest.approx(highest, abs=1e-14)


def test_no_discriminator_has_a_higher_value_than_the_best():
    d = optimal_discriminator(p, q)
    for state in range(7):
        for change in (-1e-2, 1e-2):
            other = d.clone()
            other[state] += change
            assert value(p, q, other) < value(p, q, d)


def test_the_value_is_minus_log_4_where_the_generator_has_the_datas_law_and_higher_elsewhere():
    half = torch.full((7,), 0.5).double()
    assert torch.equal(optimal_discriminator(p, p), half)
    assert value(p, p, half).item() == pytest.approx(-1.3862943611)
    for other in (q, p.flip(0), 0.99 * p + 0.01 / 7):
        assert value(p, other, optimal_discriminator(p, other)) > -1.3862943611


def test_a_discriminator_that_guesses_loses_2_log_2():
    assert discriminator_loss(torch.zeros(5), torch.zeros(3)).item() == pytest.approx(
        2 * math.log(2)
    )


def test_with_labels_the_best_discriminator_is_the_share_within_each_label():
    given_p = torch.stack([p, q.flip(0)])  # p(x|y), a row for each y
    given_q = torch.stack([q, p.roll(2)])
    how_often = torch.tensor([[0.3], [0.7]]).double()
    joint = optimal_discriminator((how_often * given_p).flatten(), (how_often * given_q).flatten())
    torch.testing.assert_close(joint.view(2, 7), optimal_discriminator(given_p, given_q))


# least squares


def test_the_best_least_squares_discriminator_has_outputs_p_over_p_plus_q():
    found, _ = best(lambda out: least_squares_discriminator_loss(out[REAL], out[FAKE]))
    torch.testing.assert_close(found, optimal_discriminator(p, q), atol=1e-7, rtol=0)


def test_facing_it_the_generators_cost_is_the_pearson_divergence_and_a_constant():
    """C(G) of Mao et al. 2017, section 3, with its term of the data, which moves no generator.

    2 C(G) = E_p (D - 1)^2 + E_q (D - 1)^2 = sum q^2 / (p + q), since 1 - D = q / (p + q); and
    sum (2q - (p + q))^2 / (p + q) = 4 sum q^2 / (p + q) - 2, the masses of p and q being 1.
    """
    d = optimal_discriminator(p, q)
    cost = (least_squares_loss(d[REAL]) + least_squares_loss(d[FAKE])).item()
    pearson = ((q - p).square() / (p + q)).sum().item()
    assert 2 * cost == pytest.approx((pearson + 2) / 4, rel=1e-12)


# the generator's losses


def test_the_non_saturating_gradient_is_that_of_kl_less_twice_the_jensen_shannon():
    data = law(torch.tensor([0.3, -1.0, 0.5, 2.0, -0.4, 0.0, 1.0]))
    start = torch.tensor([-0.2, 0.7, 1.1, -1.0, 0.3, -0.6, 0.1])
    logit = optimal_discriminator(data, law(start)).logit()  # held fixed

    def gradient(quantity):
        logits = start.clone().requires_grad_()
        return torch.autograd.grad(quantity(law(logits)), logits)[0]

    gradients = (
        gradient(lambda q: (q * F.softplus(-logit)).sum()),
        gradient(lambda q: (q * (q / data).log()).sum() - 2 * jensen_shannon(data, q)),
    )
    torch.testing.assert_close(*gradients, atol=1e-7, rtol=0)
    assert gradients[0].abs().max() > 1e-2
    rows = torch.tensor([2, 0, 5, 5, 1])  # the loss of a batch is the mean of that quantity's rows
    assert non_saturating_loss(logit[rows]).item() == pytest.approx(
        F.softplus(-logit)[rows].mean().item()
    )


def test_where_the_discriminator_is_sure_of_a_fake_only_the_non_saturating_loss_still_pulls():
    slopes = {}
    for name in ("minimax", "non-saturating"):
        logit = torch.tensor([-20.0]).double().requires_grad_()
        slopes[name] = torch.autograd.grad(LOSSES[name][1](logit), logit)[0].item()
    sure = 1 / (1 + math.exp(20))
    assert slopes["minimax"] == pytest.approx(-sure, rel=1e-12)
    assert slopes["non-saturating"] == pytest.approx(sure - 1, rel=1e-12)


def test_minimax_is_the_discriminators_loss_on_fakes_turned_round():
    logits = torch.tensor([-3.0, 0.2, 1.5])
    real = torch.tensor([100.0])  # certain, so without a loss
    assert minimax_loss(logits).item() == pytest.approx(-discriminator_loss(real, logits).item())
    assert minimax_loss(logits).item() == pytest.approx((1 - logits.sigmoid()).log().mean().item())


def test_least_squares_are_half_mean_squares_from_1_for_real_and_from_0_for_fake():
    real, fake = torch.tensor([0.0, 3.0]), torch.tensor([2.0, -1.0, 1.0])
    assert least_squares_discriminator_loss(real, fake).item() == pytest.approx((2.5 + 2.0) / 2)
    assert least_squares_loss(fake).item() == pytest.approx((1 + 4 + 0) / 3 / 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_slopes_are_those_of_torch_even_where_the_discriminator_is_certain(dtype):
    judge = nn.BCEWithLogitsLoss()
    one, zero = torch.ones(7, dtype=dtype), torch.zeros(7, dtype=dtype)
    pairs = [
        (
            lambda x: discriminator_loss(x, x.flip(0)),
            lambda x: judge(x, one) + judge(x.flip(0), zero),
        ),
        (minimax_loss, lambda x: -judge(x, zero)),
        (non_saturating_loss, lambda x: judge(x, one)),
    ]
    for pair in pairs:
        (ours, slope), (theirs, exact) = (at_extremes(loss, dtype) for loss in pair)
        assert ours.isfinite() and slope.isfinite().all()
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-6)
        torch.testing.assert_close(slope, exact, atol=1e-7, rtol=1e-6)
    for real in EXTREMES.to(dtype):
        for fake in EXTREMES.to(dtype):
            exact = np.logaddexp(0, -real.item()) + np.logaddexp(0, fake.item())
            assert discriminator_loss(real[None], fake[None]).item() == pytest.approx(
                exact, rel=1e-6
            )


def at_extremes(loss, dtype):
    logits = EXTREMES.to(dtype).requires_grad_()
    found = loss(logits)
    return found.detach(), torch.autograd.grad(found, logits)[0]


def test_every_loss_of_the_discriminator_falls_with_real_and_rises_with_fake_outputs():
    for discriminator, generator in LOSSES.values():
        real, fake = torch.tensor([0.3, 0.6]).requires_grad_(), torch.tensor([0.5]).requires_grad_()
        rises = torch.autograd.grad(discriminator(real, fake), (real, fake))
        assert (rises[0] < 0).all() and (rises[1] > 0).all()
        assert (torch.autograd.grad(generator(fake), fake)[0] < 0).all()


# two players on a line


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.7])
def test_moving_at_once_players_spiral_outwards_at_the_exact_rate(lr):
    path = dirac_game((0.6, -0.8), lr=lr, steps=50, alternating=False)
    exact = (1 + lr**2) ** torch.arange(51, dtype=torch.float64)
    torch.testing.assert_close(path.square().sum(1), exact, rtol=1e-12, atol=0)


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.7, 1.9])
def test_taking_turns_players_stay_on_an_ellipse(lr):
    theta, psi = dirac_game((0.6, -0.8), lr=lr, steps=2000).T
    kept = theta.square() + psi.square() + lr * theta * psi
    torch.testing.assert_close(kept, kept[:1].expand(2001), rtol=1e-9, atol=0)
    radius = theta.square() + psi.square()  # |theta psi| is at most half of it
    assert radius.max() <= kept[0] / (1 - lr / 2) * (1 + 1e-9)
    assert radius.min() >= kept[0] / (1 + lr / 2) * (1 - 1e-9)
    assert theta.min() < -0.5 < 0.5 < theta.max()  # they go round


def step_matrix(**settings):
    """What one step does to (theta, psi)."""
    columns = [dirac_game(start, steps=1, **settings)[1] for start in ((1.0, 0.0), (0.0, 1.0))]
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("penalty", [0.0, 0.3, 1.0, 3.0])
def test_a_penalty_gives_the_step_the_eigenvalues_of_theory(penalty):
    root = np.sqrt(complex(penalty**2 / 4 - 1))
    flow = np.array([-penalty / 2 - root, -penalty / 2 + root])
    lr = 1e-3
    for alternating, error in ((False, 1e-12), (True, 2 * lr**2)):
        settings = {"lr": lr, "penalty": penalty, "alternating": alternating}
        found = np.linalg.eigvals(step_matrix(**settings).numpy())
        exact = 1 + lr * flow
        np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(exact), atol=error)


def test_with_a_penalty_players_come_to_rest_at_the_balance():
    settings = {"lr": 0.1, "steps": 400, "penalty": 1.0}
    for alternating in (False, True):
        path = dirac_game(alternating=alternating, **settings)
        speed = np.abs(np.linalg.eigvals(step_matrix(
            lr=0.1, penalty=1.0, alternating=alternating
        ).numpy())).max()  # fmt: skip
        assert path[0].tolist() == [1.0, 0.0]
        assert path[-1].norm() < 3 * speed**400 < 1e-7


def test_a_path_begins_where_it_is_told_and_the_discriminator_moves_first():
    path = dirac_game((2.0, 1.0), lr=0.5, steps=1, penalty=0.4)
    assert path.dtype == torch.float64 and path.shape == (2, 2)
    psi = 1 + 0.5 * (2 - 0.4 * 1)
    assert path.flatten().tolist() == pytest.approx([2.0, 1.0, 2 - 0.5 * psi, psi])
    at_once = dirac_game((2.0, 1.0), lr=0.5, steps=1, penalty=0.4, alternating=False)
    assert at_once[1].tolist() == pytest.approx([2 - 0.5 * 1, psi])
