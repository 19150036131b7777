"""Oracles for the GAN: a textbook loop, players whose best is known, and a ring of eight modes."""

import copy

import pytest
import torch
from kinds import gan, moved, weights
from torch import nn
from torch.distributions import Normal
from torch.nn import functional as F

from genaug_lessons import data
from genaug_lessons.augment import Augmented
from genaug_lessons.banks import PerClass
from genaug_lessons.data import Batch, Dataset
from genaug_lessons.evaluate import modes_covered
from genaug_lessons.model import GradientUpdate
from genaug_lessons.models.gan import GAN, LOSSES, GameUpdate, optimal_discriminator
from genaug_lessons.nn import Dense, Dropout, Net
from genaug_lessons.random import generator, normal, uniform
from genaug_lessons.training import training_steps

SETTINGS = {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.0}
BOTH = ("discriminator", "generator")


def cpu(seed=0):
    return generator(seed, "cpu")


def small(classes=None, **settings):
    """A GAN of the plane with every parameter drawn anew, so that no zero hides a fault."""
    model = gan(cpu(), **{"shape": 2, "classes": classes, **settings})
    rng = cpu(9)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(uniform(tuple(parameter.shape), rng, -1, 1))
    return model.train()


def points(rows=48, classes=None):
    """Points of the plane, no two alike."""
    y = None if classes is None else torch.arange(rows) % classes
    return Dataset(normal((rows, 2), cpu(1)) + 1, y, classes)


def batch(rows=8, classes=None):
    return next(points(classes=classes).batches(rows, cpu(2)))


def game(model, discriminator_steps=1, players=BOTH):
    return GameUpdate(model, discriminator_steps=discriminator_steps, players=players, **SETTINGS)


def state(model):
    """A copy of the networks' weights and running figures, by name."""
    of_networks = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: value.detach().clone() for name, value in of_networks.items()}


def changed(model, before):
    """The networks of which anything, running figures included, is no longer what it was."""
    now = state(model)
    return {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}


def close(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, msg=lambda m, n=name: f"{n}: {m}", **tolerance
        )


# --- one update


def textbook(model, of, steps, discriminator_steps, seed, rows=8):
    """The loop that tutorials teach: plain layers, a pass for real and one for fake, and Adam."""
    labels = model.classes or 0
    way_in = [nn.Linear(3 + labels, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU()]
    made_by = nn.Sequential(*way_in, nn.Dropout(0), nn.Linear(16, 2))
    way_in = [nn.Flatten(), nn.Linear(2 + labels, 16), nn.LeakyReLU(0.2)]
    discriminator = nn.Sequential(*way_in, nn.Dropout(0), nn.Linear(16, 1))
    made_by.load_state_dict(model.generator.state_dict())
    discriminator.load_state_dict(model.discriminator.state_dict())
    judge, rng = nn.BCEWithLogitsLoss(), cpu(seed)
    adams = [
        torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.5, 0.9))
        for net in (discriminator, made_by)
    ]
    one, zero = torch.ones(rows, 1), torch.zeros(rows, 1)
    batches, history = (
        of.batches(rows * discriminator_steps, rng),
        {"discriminator": [], "generator": []},
    )

    for _ in range(steps):
        drawn = next(batches)
        for first in range(discriminator_steps):
            beside = torch.zeros(rows, 0)
            if labels:
                beside = torch.eye(labels)[drawn.y[first::discriminator_steps]]
            real = torch.cat([drawn.x[first::discriminator_steps], beside], 1)
            made = made_by(torch.cat([normal((rows, 3), rng), beside], 1))
            adams[0].zero_grad()
            fake = torch.cat([made.detach(), beside], 1)
            loss = judge(discriminator(real), one) + judge(discriminator(fake), zero)
            loss.backward()
            adams[0].step()
        history["discriminator"].append(loss.item())
        adams[1].zero_grad()
        loss = judge(discriminator(torch.cat([made, beside], 1)), one)
        loss.backward()
        adams[1].step()
        history["generator"].append(loss.item())
    nets = {"generator": made_by, "discriminator": discriminator}
    return nn.ModuleDict(nets).state_dict(), history


@pytest.mark.parametrize("discriminator_steps", [1, 3])
@pytest.mark.parametrize("classes", [None, 3])
def test_updates_are_those_of_the_textbooks_loop(classes, discriminator_steps):
    model, of = small(classes), points(classes=classes)
    expected, history = textbook(model, of, 3, discriminator_steps, seed=5)
    settings = {
        "batch_size": 8,
        "discriminator_steps": discriminator_steps,
        "lr": 0.01,
        "betas": (0.5, 0.9),
    }
    training = run_on_cpu(model, of, 3, seed=5, **settings)
    close(state(model), expected, atol=2e-6, rtol=1e-5)
    for name, losses in training.losses().items():
        assert losses == pytest.approx(history[name], rel=1e-5), name


def run_on_cpu(model, of, steps, seed=0, **settings):
    training = training_steps(model, of, steps=steps, rng=cpu(seed), **settings)
    list(training)
    return training


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("classes", [None, 3])
def test_sharing_fakes_changes_nothing_but_the_work(classes, loss):
    model, drawn = small(classes, loss=loss), batch(classes=classes)
    twin = copy.deepcopy(model)
    shared, generic = game(model), GradientUpdate(twin.objectives(), **SETTINGS)
    for seed in range(3):
        losses = shared(drawn, cpu(seed))
        for turn, objective in enumerate(twin.objectives()):
            assert torch.equal(
                generic.step(turn, objective.loss(drawn, cpu(seed))), losses[objective.name]
            )
    assert moved(model, weights(twin)) == set()


def test_the_generator_faces_the_discriminator_that_has_just_moved():
    model, drawn = small(), batch()
    still, z = copy.deepcopy(model), normal((8, 3), cpu(3))
    found = game(model)(drawn, cpu(3))["generator"]
    fake = still.generate(z)
    before, after = (
        F.softplus(-net(fake)).mean().detach() for net in (still.discriminator, model.discriminator)
    )
    torch.testing.assert_close(found, after)
    assert (found - before).abs() > 1e-3


def test_no_gradient_of_the_discriminators_loss_reaches_the_generator():
    model, drawn = small(), batch()
    loss = model.discriminator_objective(*model.turn(drawn, cpu()), cpu())
    reached = torch.autograd.grad(loss, list(model.generator.parameters()), allow_unused=True)
    assert reached == (None,) * len(reached)


@pytest.mark.parametrize("player", BOTH)
def test_what_a_subclass_adds_to_an_objective_acts_in_training(player):
    class Penalised(GAN):
        """A stranger's GAN: 1000 times the mean of the squared outputs is added to one loss."""

        def discriminator_objective(self, x, fake, label, rng):
            loss = super().discriminator_objective(x, fake, label, rng)
            return loss + 1000 * (player == BOTH[0]) * self.discriminate(x, label).square().mean()

        def generator_objective(self, fake, label, rng):
            loss = super().generator_objective(fake, label, rng)
            return loss + 1000 * (player == BOTH[1]) * fake.square().mean()

    model, plain = small(), small()
    model.__class__ = Penalised
    losses, expected = (game(each)(batch(), cpu(3)) for each in (model, plain))
    assert losses[player] > expected[player] + 10
    assert player in changed(model, state(plain))


@pytest.mark.parametrize("player", BOTH)
def test_a_player_alone_moves_and_nothing_of_the_other_does(player):
    model, before = small(), state(small())
    training = run_on_cpu(model, points(), 3, players=(player,))
    assert changed(model, before) == {player}
    assert training.losses().keys() == {player}
    other = model.generator if player == "discriminator" else model.discriminator
    assert all(parameter.grad is None for parameter in other.parameters())


def test_players_may_change_while_they_play():
    model = small()
    training = training_steps(model, points(), steps=3, rng=cpu())
    for players in (("discriminator",), ["generator"], {"generator", "discriminator"}):
        training.update.players, before = players, state(model)
        assert next(training).losses.keys() == set(players)
        assert len(changed(model, before)) == len(players)


def test_a_resting_generator_makes_what_it_makes_when_sampled():
    model, drawn, shown = small(), batch(), Shown()
    run_on_cpu(model, points(), 3)  # so that the running figures are not those of the batch
    shown.to(model)
    model.train()
    game(model, players=("discriminator",))(drawn, cpu(3))
    sampled = model.sample(8, rng=cpu(3))
    torch.testing.assert_close(shown.fake[0], sampled)


def test_players_carry_no_momentum_unless_told():
    training = training_steps(small(), points(), steps=1, rng=cpu())
    rates = {group["betas"] for each in training.update.optimizers for group in each.param_groups}
    assert rates == {(0.0, 0.9)}


# --- the discriminator's own pace


class Shown:
    """Writes down what the discriminator is trained on."""

    def __init__(self):
        self.real, self.fake, self.label = [], [], []

    def to(self, model):
        objective = model.discriminator_objective

        def written_down(x, fake, label, rng):
            self.real.append(x)
            self.fake.append(fake.detach())
            self.label.append(label)
            return objective(x, fake, label, rng)

        model.discriminator_objective = written_down


@pytest.mark.parametrize("classes", [None, 3])
def test_each_of_the_discriminators_steps_sees_rows_and_fakes_of_its_own(classes):
    model, of, shown = small(classes), points(classes=classes), Shown()
    shown.to(model)
    run_on_cpu(model, of, 2, discriminator_steps=3, batch_size=8)
    assert [len(x) for x in shown.real] == [len(x) for x in shown.fake] == [8] * 6
    assert len(torch.cat(shown.real).unique(dim=0)) == 48  # every row once: a pass is 48 rows
    assert len(torch.cat(shown.fake).unique(dim=0)) == 48
    if classes:
        rows = [(of.x == x).all(1).nonzero().item() for x in torch.cat(shown.real)]
        assert torch.equal(torch.cat(shown.label), of.y[rows])


def test_each_of_the_discriminators_steps_gets_its_share_of_augmented_rows():
    model, shown = small(), Shown()
    shown.to(model)
    far = Dataset(points().x + 100, synthetic=True)
    run_on_cpu(
        model, Augmented(points(), bank=far, share=0.5), 2, discriminator_steps=3, batch_size=8
    )
    assert [(x > 50).all(1).sum().item() for x in shown.real] == [4] * 6


def test_each_class_of_a_per_class_gan_has_a_discriminator_of_its_own_pace():
    model = PerClass(small, classes=2)
    shown = [Shown(), Shown()]
    for each, one in zip(shown, model.models, strict=True):
        each.to(one)
    training = run_on_cpu(model, points(classes=2), 1, discriminator_steps=3, batch_size=16)
    assert [[len(x) for x in each.real] for each in shown] == [[8, 8, 8]] * 2  # 48 rows, 24 of each
    assert training.losses().keys() == {
        f"{player}, class {label}" for player in BOTH for label in range(2)
    }


def test_with_fewer_rows_than_discriminator_steps_there_are_fewer_steps():
    model, shown = small(), Shown()
    shown.to(model)
    game(model, discriminator_steps=5)(batch(2), cpu())
    assert [len(x) for x in shown.real] == [1, 1]


# --- what the discriminator sees


def noisy_loss(model, real, fake, seed, sigma=0.5):
    """The discriminator's loss with noise on real and fake alike, written out."""
    noise = sigma * normal((len(real) + len(fake), 2), cpu(seed))
    logits = model.discriminator(torch.cat([real, fake]) + noise)[:, 0]
    return F.softplus(-logits[: len(real)]).mean() + F.softplus(logits[len(real) :]).mean()


def test_instance_noise_is_on_all_that_the_discriminator_is_trained_on():
    model, real = small(instance_noise=0.5), batch().x
    fake = normal((8, 2), cpu(4))
    found = model.discriminator_objective(real, fake, None, cpu(6))
    torch.testing.assert_close(found, noisy_loss(model, real, fake, 6))
    pushed = fake + 0.5 * normal((8, 2), cpu(7))
    expected = F.softplus(-model.discriminator(pushed)).mean()
    torch.testing.assert_close(model.generator_objective(fake, None, cpu(7)), expected)


@pytest.mark.parametrize(
    "setting", [{"instance_noise": 0.5}, {"discriminator": Dense(16, dropout=0.5, leak=0.2)}]
)
def test_noise_and_dropout_follow_the_generator_and_rest_outside_training(setting):
    model, x = small(**setting), points().x
    first, again, other = (model.discriminate(x, None, cpu(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    plain = small()
    assert torch.equal(model.probability_real(x), plain.probability_real(x))
    model.train()
    assert torch.equal(model.descent_direction(x), plain.descent_direction(x))
    model.train()
    assert torch.equal(model.sample(5, rng=cpu()), plain.sample(5, rng=cpu()))
    assert not model.training


def test_the_discriminators_rectifiers_leak_and_its_dropout_is_not_the_generators():
    model = GAN(2, discriminator=Dense(512, 256, dropout=0.3, leak=0.2), rng=cpu())
    assert {
        layer.negative_slope for layer in model.discriminator if isinstance(layer, nn.LeakyReLU)
    } == {0.2}
    for net, p in ((model.discriminator, 0.3), (model.generator, 0.0)):
        assert {layer.p for layer in net if isinstance(layer, Dropout)} == {p}


# --- what it says


@pytest.mark.parametrize("classes", [None, 3])
def test_the_probability_is_the_sigmoid_of_the_logits(classes):
    model, of = small(classes), points(classes=classes)
    found = model.probability_real(of.x, of.y)
    assert found.shape == (48,) and found.min() >= 0 and found.max() <= 1
    beside = torch.zeros(48, 0) if classes is None else torch.eye(classes)[of.y]
    logits = Net(*model.discriminator)(torch.cat([of.x, beside], 1))[:, 0]
    torch.testing.assert_close(found, logits.sigmoid())
    assert not found.requires_grad


def test_the_probability_of_least_squares_is_the_bare_output():
    model, x = small(loss="least-squares"), 10 * points().x
    torch.testing.assert_close(model.probability_real(x), model.discriminator(x)[:, 0].detach())
    assert model.probability_real(x).max() > 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("classes", [None, 3])
def test_the_descent_direction_is_minus_the_slope_of_each_fakes_own_loss(classes, loss):
    model, step = small(classes, loss=loss).double(), 1e-6
    x, y = points(classes=classes).x.double(), points(classes=classes).y
    found = model.descent_direction(x, y)
    for row in range(5):
        label = None if y is None else y[row : row + 1]
        for axis in range(2):
            change = torch.zeros(1, 2).double()
            change[0, axis] = step
            up, down = (
                LOSSES[loss][1](model.discriminate(x[row : row + 1] + sign * change, label)).item()
                for sign in (1, -1)
            )
            assert found[row, axis].item() == pytest.approx(-(up - down) / 2 / step, abs=1e-7)
        torch.testing.assert_close(
            found[row : row + 1], model.descent_direction(x[row : row + 1], label)
        )
    assert not x.requires_grad and all(p.grad is None for p in model.parameters())


def test_samples_are_what_the_generator_makes_of_normal_noise_whoever_else_is_in_the_batch():
    for classes in (None, 3):
        model = small(classes)
        run_on_cpu(model, points(classes=classes), 20)
        y = None if classes is None else torch.arange(40) % 3
        z, x = normal((40, 3), cpu(8)), model.sample(40, label=y, rng=cpu(8))
        torch.testing.assert_close(x, model.generate(z, y).detach())
        for row in (0, 17, 39):
            alone = model.generate(z[row : row + 1], None if y is None else y[row : row + 1])
            torch.testing.assert_close(alone[0], x[row])


def test_running_figures_of_a_trained_generator_are_near_those_of_its_batches():
    model = small()
    run_on_cpu(model, points(), 200, batch_size=48, lr=1e-4)
    model.eval()
    h = model.generator[0](normal((20_000, 3), cpu(8)))
    torch.testing.assert_close(model.generator[1].running_mean, h.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(model.generator[1].running_var, h.var(0), atol=0.1, rtol=0.3)


@pytest.mark.parametrize(
    ("settings", "support"),
    [
        ({"shape": (1, 4, 4)}, "unit"),
        ({"shape": 16}, "real"),
        ({"shape": (4, 4)}, "real"),
        ({"shape": 16, "support": "unit"}, "unit"),
        ({"shape": (1, 4, 4), "support": "real"}, "real"),
    ],
)
def test_pictures_lie_in_the_unit_interval_and_others_anywhere_unless_told(settings, support):
    model = small(**settings)
    x = model.sample(500, rng=cpu())
    assert model.support == support
    inside = 0 <= x.min() and x.max() <= 1
    assert inside == (support == "unit")
    if inside:
        h = model.generator(normal((500, 3), cpu()))
        torch.testing.assert_close(x, h.sigmoid().view_as(x).detach())


# --- labels


def test_a_label_chooses_a_row_that_is_added_behind_each_first_layer():
    model, y = small(3).eval(), torch.tensor([2, 0, 1, 2])
    x, z = normal((4, 2), cpu()), normal((4, 3), cpu(1))
    for net, values, found in (
        (model.discriminator, x, model.discriminate(x, y)),
        (model.generator, z, model.generate(z, y)),
    ):
        layers = [layer for layer in net if not isinstance(layer, nn.Flatten)]
        first, rest = layers[0], Net(*layers[1:])
        own, rows = first.weight.split([values.shape[1], 3], dim=1)
        bias = 0 if first.bias is None else first.bias
        torch.testing.assert_close(rest(values @ own.T + rows.T[y] + bias).view_as(found), found)


def test_new_names_for_the_labels_change_nothing():
    model, drawn, names = small(3), batch(classes=3), torch.tensor([2, 0, 1])
    other = copy.deepcopy(model)
    with torch.no_grad():
        for net, own in ((other.generator, 3), (other.discriminator, 2)):
            first = next(layer for layer in net if isinstance(layer, nn.Linear))
            first.weight[:, own + names] = first.weight[:, own:].clone()
    first = game(model)(drawn, cpu())
    second = game(other)(Batch(drawn.x, names[drawn.y]), cpu())
    for name in BOTH:
        torch.testing.assert_close(first[name], second[name])
    wrong = game(small(3))(Batch(drawn.x, names[drawn.y]), cpu())
    assert (wrong["discriminator"] - first["discriminator"]).abs() > 1e-3


# --- learning


def known_game(classes, loss):
    """A generator and data on a line whose laws are known: two Gaussians, apart by the label."""
    shift = torch.tensor([0.0]) if classes is None else torch.tensor([-1.0, 1.0])
    model = GAN(
        1,
        latent=1,
        generator=Dense(),
        discriminator=Dense(32, 32, leak=0.2),
        classes=classes,
        loss=loss,
        rng=cpu(),
    )
    with torch.no_grad():
        model.generator[0].weight[:] = torch.tensor([1.0, *shift[: classes or 0]])
        model.generator[0].bias[:] = 0.5
    y = torch.arange(20_000) % (classes or 1)
    x = 0.7 * normal((20_000, 1), cpu(1)) - shift[y, None]
    of = Dataset(x, y if classes else None, classes)
    return model, of, [(Normal(-s, 0.7), Normal(s + 0.5, 1.0)) for s in shift]


@pytest.mark.parametrize("loss", ["non-saturating", "least-squares"])
@pytest.mark.parametrize("classes", [None, 2])
def test_a_discriminator_alone_comes_to_believe_what_is_best(classes, loss):
    model, of, laws = known_game(classes, loss)
    settings = {"players": ("discriminator",), "batch_size": 256, "lr": 5e-3, "schedule": "cosine"}
    run_on_cpu(model, of, 500, **settings)
    x = torch.linspace(-3, 3, 61)
    for label, (real, fake) in enumerate(laws):
        p, q = real.log_prob(x).exp(), fake.log_prob(x).exp()
        y = None if classes is None else torch.full((61,), label)
        gap = (model.probability_real(x[:, None], y) - optimal_discriminator(p, q)).abs()
        assert (gap * (p + q)).sum() / (p + q).sum() < 0.015


def test_a_conditional_gan_puts_each_labels_samples_where_its_data_are():
    y = torch.arange(600) % 3
    x = torch.stack([3.0 * (y - 1), 0 * y], 1) + 0.3 * normal((600, 2), cpu(1))
    model = GAN(
        2,
        latent=4,
        generator=Dense(32, batch_norm=True),
        discriminator=Dense(32, leak=0.2),
        classes=3,
        rng=cpu(),
    )
    run_on_cpu(model, Dataset(x, y, 3), 600)
    for label in range(3):
        made = model.sample(500, label=label, rng=cpu(label))
        assert (made - torch.tensor([3.0 * (label - 1), 0])).norm(dim=1).median() < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_default_gan_covers_seven_of_the_eight_modes_of_a_ring(seed):
    rng, toy = cpu(seed), data.ring()
    model = GAN(2, rng=rng)
    run_on_cpu(model, Dataset(toy.sample(2000, rng=rng).x), 1000)
    x = model.sample(2000, rng=rng)
    assert modes_covered(x, toy.centres, radius=5 * toy.std) >= 7
