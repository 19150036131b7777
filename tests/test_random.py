"""Draws: their laws, and that each depends on the generator it is given and on nothing else."""

import pytest
import torch

from genaug_lessons.random import bernoulli, check_device, generator, normal, spawn, uniform


def cpu(seed=0):
    return generator(seed, "cpu")


def test_normal_and_uniform_draws_have_their_moments_and_shape():
    z, u = normal((200, 300), cpu()), uniform((200, 300), cpu(1), -1, 3)
    assert z.shape == u.shape == (200, 300)
    assert z.dtype == u.dtype == torch.float32
    assert abs(z.mean()) < 4 / 60000**0.5 and abs(z.square().mean() - 1) < 4 * (2 / 60000) ** 0.5
    assert -1 <= u.min() < -0.999 and 2.999 < u.max() < 3
    assert abs(u.mean() - 1) < 4 * (16 / 12 / 60000) ** 0.5


def test_bernoulli_draws_are_1_as_often_as_each_probability_says():
    p = torch.tensor([0.0, 0.1, 0.75, 1.0]).expand(20000, 4)
    drawn = bernoulli(p, cpu())
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    share, error = drawn.mean(0), (p[0] * (1 - p[0]) / 20000).sqrt()
    assert ((share - p[0]).abs() <= 4 * error).all()


@pytest.mark.parametrize(
    "draw", [lambda rng: normal((9,), rng), lambda rng: bernoulli(torch.full((99,), 0.5), rng)]
)
def test_the_same_seed_draws_the_same_and_a_generator_goes_on(draw):
    rng = cpu(5)
    torch.manual_seed(1)
    first = draw(rng)
    torch.manual_seed(2)
    assert torch.equal(first, draw(cpu(5)))
    assert not torch.equal(first, draw(rng))
    assert not torch.equal(first, draw(cpu(6)))


def test_spawned_generators_differ_from_each_other_and_from_those_spawned_next():
    rng = cpu(3)
    first, second = spawn(rng, 4), spawn(rng, 4)
    neighbours = spawn(cpu(4), 4)
    seeds = [each.initial_seed() for each in (*first, *second, *neighbours)]
    assert len(set(seeds)) == 12
    assert [each.initial_seed() for each in spawn(cpu(3), 4)] == seeds[:4]
    draws = torch.stack([normal((3000,), each) for each in first]).corrcoef() - torch.eye(4)
    assert draws.abs().max() < 5 / 3000**0.5
    assert spawn(rng, 0) == []


def test_a_generator_elsewhere_is_refused_and_the_first_of_a_kind_needs_no_number():
    check_device(cpu(), torch.device("cpu"), "model")
    check_device(cpu(), torch.device("cpu:0"), "model")
    for other in ("cuda", "cpu:1"):
        with pytest.raises(ValueError, match=rf"device of the model \({other}.*generator\(seed"):
            check_device(cpu(), torch.device(other), "model")
