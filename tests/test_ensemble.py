"""A stacked ensemble is its members, side by side: same outputs, same training, own data."""

from dataclasses import replace

import pytest
import torch
from kinds import PICTURE, classifier, ensemble, run, scramble, split, stacked, weights
from torch import nn

from genaug_lessons.data import Batch, Dataset
from genaug_lessons.ensemble import Ensemble, StackedData
from genaug_lessons.evaluate import Arm, study
from genaug_lessons.model import GradientUpdate
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import BatchNorm, Conv, Dense, Dropout, Net, linear
from genaug_lessons.random import generator, normal, spawn, uniform
from genaug_lessons.stacking import StackedNet

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")  # attention in vmap

PIXELS = 64
TRAINING = {"lr": 1e-2, "betas": (0.9, 0.999), "weight_decay": 0.01}

over_networks = pytest.mark.parametrize("network", [Dense(16, 8), Conv(16, 8)])


def members(network, **settings):
    models = [classifier(each, network=network, **settings) for each in spawn(generator(0), 3)]
    return [scramble(model, seed).double() for seed, model in enumerate(models)]


@over_networks
def test_stacked_forward_is_each_members_own(network):
    models = members(network, shape=(2, 8, 5))
    x = normal((3, 6, 2, 8, 5), generator(1)).double()
    logits = Ensemble(models)(x)
    assert logits.shape == (3, 6, 10)
    for k, model in enumerate(models):
        torch.testing.assert_close(logits[k], model(x[k]))


@over_networks
def test_members_learn_from_given_batches_exactly_as_they_would_alone(network):
    models = members(network)
    together = Ensemble(models)
    stack = GradientUpdate(together.objectives(), **TRAINING)
    alone = [GradientUpdate(model.objectives(), **TRAINING) for model in models]
    batches, rng = stacked().batches(16, generator(0)), generator(1)
    for step in range(5):
        x, y, _ = next(batches)
        if step == 3:  # class probabilities, such as Mixup makes
            y = normal((3, 16, 10), rng).double().softmax(-1)
        loss = stack(Batch(x.double(), y), rng)["cross-entropy"]
        losses = [
            update(Batch(x[k].double(), y[k]), rng)["cross-entropy"]
            for k, update in enumerate(alone)
        ]
        torch.testing.assert_close(loss, sum(losses))
    for mine, own in zip(together.parameters(), Ensemble(models).parameters(), strict=True):
        torch.testing.assert_close(mine, own, rtol=0, atol=1e-5)


@over_networks
def test_accuracies_are_the_members_own(network):
    models, test = [model.float() for model in members(network)], split().test[:300]
    found = Ensemble(models).accuracies(test)
    assert found.tolist() == pytest.approx([model.accuracy(test) for model in models])
    assert len(set(found.tolist())) > 1


def test_members_are_copied_and_not_changed():
    models = [classifier(generator(seed)) for seed in range(3)]
    before = [weights(model) for model in models]
    run(Ensemble(models), stacked(), 2)
    for model, old in zip(models, before, strict=True):
        assert all(torch.equal(value, old[name]) for name, value in weights(model).items())
        assert model.steps_done == 0


def test_dropout_masks_differ_between_members():
    model = classifier(generator(0), network=Dense(16, 8, dropout=0.5))
    together = Ensemble([model, model]).train()
    x = split().labelled.values
    logits = together(torch.stack([x, x]), generator(0))
    assert not torch.equal(logits[0], logits[1])
    together.eval()
    torch.testing.assert_close(*together(torch.stack([x, x])))


def test_each_member_goes_through_its_own_rows_in_its_own_order():
    x, y = torch.arange(8.0)[:, None], torch.arange(8)
    parts = [Dataset(x, y, 8), Dataset(x + 10, 7 - y, 8)]
    assert torch.equal(StackedData(parts).ids, torch.cat([part.ids for part in parts]))
    batches = StackedData(parts).batches(4, generator(0, "cpu"))
    first, second = next(batches), next(batches)
    x, y = torch.cat([first.x, second.x], dim=1)[..., 0], torch.cat([first.y, second.y], dim=1)
    assert torch.equal(x.sort().values, torch.stack([part.x[:, 0] for part in parts]))
    assert torch.equal(x[0], y[0])
    assert torch.equal(x[1] - 10, 7 - y[1])
    assert not torch.equal(x[0], x[1] - 10)


def test_bytes_stay_bytes_until_a_batch_is_drawn():
    x = torch.tensor([[0], [51], [255]], dtype=torch.uint8)
    stack = StackedData([Dataset(part, torch.tensor([0, 1, 1]), 2, "unit") for part in (x, x // 5)])
    batch = next(stack.batches(3, generator(0, "cpu")))
    assert stack.x.dtype == torch.uint8
    for found, last in zip(batch.x.flatten(1).sort().values.tolist(), (1, 0.2), strict=True):
        assert found == pytest.approx([0, last / 5, last], abs=1e-3)


def test_a_stack_knows_every_row_behind_it():
    expected = {row for draw in range(3) for row in split(draw).labelled.ids.tolist()}
    assert set(stacked().ids.tolist()) == expected
    first, test = split().labelled[:9], split().test[:9]
    for parts in ([first, test], [test, first]):  # one of them is enough
        assert StackedData(parts).held_out and StackedData(parts).labelled
    some = replace(first, y=first.y - 1)  # no label where there was the first class
    for parts in ([first, some], [some, first]):
        assert not StackedData(parts).labelled and not StackedData(parts).held_out
        assert not next(StackedData(parts).batches(4, generator(0))).labelled


def test_an_ensemble_predicts_for_more_rows_than_it_takes_at_once():
    together, x = ensemble(generator(0)), normal((1030, 1, 8, 8), generator(1))
    labels = together.predict(x)
    assert labels.shape == (3, 1030)
    assert torch.equal(labels[:, 1020:], together.predict(x[1020:]))


# any network


class Einsum(nn.Module):
    """A dense layer whose gradient has another memory layout than its weights."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))

    def forward(self, x):
        return torch.einsum("bi,oi->bo", x, self.weight)


class Centred(nn.Module):
    """Has no weights, and yet its outputs depend on the other rows of the batch."""

    def forward(self, x):
        return x - x.mean(0)


class Ranked(nn.Module):
    """An embedding of the pixels' grey levels, summed."""

    def __init__(self):
        super().__init__()
        self.levels = nn.Embedding(17, 10)

    def forward(self, x):
        return self.levels((x.flatten(1).abs() * 16).long()).mean(1)


class Attention(nn.Module):
    """Rows of the picture attend to one another."""

    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        rows = x.squeeze(1)
        return self.heads(rows, rows, rows, need_weights=False)[0]


class Counted(nn.Module):
    """Adds a buffer that differs between members."""

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.zeros(32))

    def forward(self, x):
        return x + self.shift


def tied():
    layer = nn.Linear(32, 32)
    return nn.Flatten(), nn.Linear(PIXELS, 32), layer, nn.ReLU(), layer, nn.Linear(32, 10)


def tied_weights():
    first, second = nn.Linear(32, 32), nn.Linear(32, 32)
    second.weight = first.weight
    return nn.Flatten(), nn.Linear(PIXELS, 32), first, nn.ReLU(), second, nn.Linear(32, 10)


def frozen(*layers, kept):
    for number in kept:
        layers[number].requires_grad_(False)
    return layers


def hooked():
    layer = nn.Linear(PIXELS, 10)
    layer.register_forward_hook(lambda layer, inputs, output: 2 * output)
    return nn.Flatten(), layer


def hooked_before():
    layer = nn.Linear(PIXELS, 10)
    layer.register_forward_pre_hook(lambda layer, inputs: (2 * inputs[0],))
    return nn.Flatten(), layer


BY_HAND = {
    "dense without biases": lambda: (
        nn.Flatten(),
        nn.Linear(PIXELS, 32, bias=False),
        nn.Tanh(),
        nn.Linear(32, 10, bias=False),
    ),
    "dense over the rows of a picture": lambda: (
        nn.Linear(8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 10),
    ),
    "convolutions with steps, groups and gaps": lambda: (
        nn.Conv2d(1, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, groups=2, dilation=(2, 1)),
        nn.Conv2d(6, 6, 3, padding="same", groups=3),
        nn.Flatten(),
        nn.Linear(72, 10),
    ),
    "a frozen layer": lambda: frozen(
        nn.Flatten(), nn.Linear(PIXELS, 32), nn.ReLU(), nn.Linear(32, 10), kept=[1]
    ),
}
VECTORISED = {
    "nested blocks": lambda: (
        nn.Flatten(),
        nn.Sequential(nn.Linear(PIXELS, 32), nn.ReLU()),
        nn.Sequential(nn.Sequential(nn.Linear(32, 10))),
    ),
    "layer normalisation": lambda: (
        nn.Flatten(),
        nn.Linear(PIXELS, 32),
        nn.LayerNorm(32),
        nn.ReLU(),
        nn.Linear(32, 10),
    ),
    "batch normalisation": lambda: (
        nn.Flatten(),
        nn.Linear(PIXELS, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        BatchNorm(32),
        nn.Linear(32, 10),
    ),
    "batch normalisation of channels": lambda: (
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 10),
    ),
    "batch normalisation without weights": lambda: (
        nn.Flatten(),
        nn.BatchNorm1d(PIXELS, affine=False, track_running_stats=False),
        nn.Linear(PIXELS, 10),
    ),
    "frozen normalisation": lambda: frozen(
        nn.Flatten(),
        nn.Linear(PIXELS, 32),
        nn.BatchNorm1d(32),
        nn.Linear(32, 10),
        kept=[1, 2],
    ),
    "rows that depend on one another": lambda: (
        nn.Flatten(),
        nn.Linear(PIXELS, 10),
        Centred(),
    ),
    "an einsum": lambda: (nn.Flatten(), Einsum(PIXELS, 32), nn.ReLU(), Einsum(32, 10)),
    "an embedding": lambda: (Ranked(),),
    "attention": lambda: (Attention(), nn.Flatten(), nn.Linear(PIXELS, 10)),
    "a convolution over time": lambda: (
        nn.Flatten(2),
        nn.Conv1d(1, 4, 5, stride=3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(80, 10),
    ),
    "a convolution around the border": lambda: (
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"),
        nn.Flatten(),
        nn.Linear(2 * PIXELS, 10),
    ),
    "a buffer": lambda: (nn.Flatten(), nn.Linear(PIXELS, 32), Counted(), nn.Linear(32, 10)),
    "a layer used twice": tied,
    "layers that share their weights": tied_weights,
    "a hook": hooked,
    "a hook before": hooked_before,
}
NETWORKS = BY_HAND | VECTORISED


class Judge(Classifier):
    """A classifier with any network."""

    def __init__(self, layers, *, rng):
        super().__init__(PICTURE, classes=10, network=Dense(), rng=rng)
        self.network = Net(*layers).to(rng.device)
        for tensor in [*self.network.parameters(), *self.network.buffers()]:
            if tensor.is_floating_point():  # variances, too, are above 0
                tensor.data = uniform(tuple(tensor.shape), rng, 0.05, 0.5)
                tensor.data *= torch.where(tensor.data > 0.3, 1, -1) if tensor.requires_grad else 1


class Scaled(Judge):
    """Computes something of its own before its network."""

    def forward(self, x, rng=None):
        return super().forward(1 - 2 * x, rng)


def judges(layers, kind=Judge):
    with torch.device(generator(0).device):
        return [kind(layers(), rng=rng).double() for rng in spawn(generator(3), 3)]


def member_batches(count):
    batches = stacked().batches(16, generator(0))
    for _ in range(count):
        x, y, labelled = next(batches)
        yield Batch(x.double(), y, labelled)


over_all_networks = pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)


@over_all_networks
def test_any_network_predicts_as_each_member_would(layers):
    models, x = judges(layers), normal((3, 6, *PICTURE), generator(1)).double().sigmoid()
    alone = torch.stack([model.eval()(x[k]) for k, model in enumerate(models)])
    torch.testing.assert_close(Ensemble(models).eval()(x), alone)
    same = x[:1].expand_as(x)  # of the same examples, no two members say the same
    logits = Ensemble(models).eval()(same)
    assert min((logits[i] - logits[j]).abs().max() for i, j in [(0, 1), (0, 2), (1, 2)]) > 1e-3


@over_all_networks
@pytest.mark.parametrize("kind", [Judge, Scaled])
def test_any_network_learns_as_each_member_would_alone(layers, kind):
    models = judges(layers, kind)
    together = Ensemble(models)
    stack = GradientUpdate(together.objectives(), **TRAINING)
    alone = [GradientUpdate(model.objectives(), **TRAINING) for model in models]
    rng, before = generator(1), [weights(model) for model in models]
    for module in (together, *models):
        module.train()
    for batch in member_batches(5):
        loss = stack(batch, rng)["cross-entropy"]
        parts = [
            update(Batch(batch.x[k], batch.y[k]), rng)["cross-entropy"]
            for k, update in enumerate(alone)
        ]
        torch.testing.assert_close(loss, sum(parts))
    x = normal((3, 40, *PICTURE), generator(2)).double().sigmoid()
    logits = together.eval()(x)
    for k, model in enumerate(models):
        torch.testing.assert_close(logits[k], model.eval()(x[k]), rtol=1e-6, atol=1e-6)
    state, own = together.state_dict(), Ensemble(models).state_dict()
    for name, value in state.items():
        torch.testing.assert_close(value, own[name], rtol=1e-6, atol=1e-6)
    for model, old in zip(models, before, strict=True):  # alone, only what is not frozen moves
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, old[name]) != parameter.requires_grad


@over_all_networks
def test_members_of_any_network_are_copied_and_not_changed(layers):
    models = [model.float().eval() for model in judges(layers)]
    before = [{name: t.clone() for name, t in model.state_dict().items()} for model in models]
    run(Ensemble(models), stacked(), 2)
    for model, old in zip(models, before, strict=True):
        assert all(torch.equal(value, old[name]) for name, value in model.state_dict().items())
        assert not any(part.training for part in model.modules())


@over_all_networks
def test_what_is_frozen_stays_frozen_and_the_rest_moves(layers):
    models = [model.float() for model in judges(layers)]
    together, fresh = Ensemble(models), Ensemble(models)
    free = sum(p.numel() for p in models[0].parameters() if p.requires_grad)
    assert sum(p.numel() for p in together.parameters() if p.requires_grad) == 3 * free
    run(together, stacked(), 2)
    for now, old in zip(together.parameters(), fresh.parameters(), strict=True):
        assert now.requires_grad == old.requires_grad
        assert torch.equal(now, old) != now.requires_grad


@pytest.mark.parametrize("layers", BY_HAND.values(), ids=BY_HAND)
def test_rows_of_dense_and_convolutional_layers_keep_their_fast_stack(layers):
    assert isinstance(Ensemble(judges(layers)).members, StackedNet)


@pytest.mark.parametrize("layers", VECTORISED.values(), ids=VECTORISED)
def test_other_networks_do_not_take_a_stack_that_would_be_wrong(layers):
    assert not isinstance(Ensemble(judges(layers)).members, StackedNet)


class Dropping(nn.Module):
    """A block that hands the generator on to its dropout."""

    def __init__(self, p):
        super().__init__()
        self.drop = Dropout(p)

    def forward(self, x, rng):
        return self.drop(x, rng)


class Dropped(Judge):
    """Its logits are what dropout leaves of ones."""

    def __init__(self, *, rng):
        super().__init__([nn.Flatten(), nn.LayerNorm(PIXELS)], rng=rng)
        self.drop = Dropping(0.25)

    def forward(self, x, rng=None):
        return self.drop(torch.ones_like(x.flatten(1)), rng)


def test_dropout_within_a_block_is_drawn_for_each_member_apart_and_repeats_itself():
    together = Ensemble([Dropped(rng=generator(seed)) for seed in range(3)]).train()
    x = torch.zeros(3, 2000, *PICTURE, device=together.device)
    masks = together(x, generator(5))
    assert masks.unique().tolist() == [0, pytest.approx(4 / 3)]
    n = masks[0].numel()
    for mask in masks:
        assert abs((mask == 0).float().mean().item() - 0.25) < 5 * (0.25 * 0.75 / n) ** 0.5
    for i, j in [(0, 1), (0, 2), (1, 2)]:  # independent masks agree at 0.25^2 + 0.75^2
        agree = (masks[i] == masks[j]).float().mean().item()
        assert abs(agree - 0.625) < 5 * (0.625 * 0.375 / n) ** 0.5
    assert torch.equal(masks, together(x, generator(5)))
    assert torch.equal(together.eval()(x), torch.ones_like(masks))


def test_blocks_and_rows_of_layers_drop_the_same_values_at_the_same_seed():
    def same_weights(layers):
        return [Judge(layers(), rng=rng) for rng in spawn(generator(0), 3)]

    drop = Dropout(0.5)
    row = same_weights(lambda: [nn.Flatten(), nn.Linear(PIXELS, 9), drop, nn.Linear(9, 10)])
    inner = same_weights(
        lambda: [nn.Flatten(), nn.Sequential(nn.Linear(PIXELS, 9)), drop, nn.Linear(9, 10)]
    )
    x = normal((3, 5, *PICTURE), generator(1))
    by_hand, vectorised = (Ensemble(models).train()(x, generator(2)) for models in (row, inner))
    torch.testing.assert_close(by_hand, vectorised)


def test_a_study_of_nested_networks_trains_every_repeat_on_its_own():
    class Deep(Classifier):
        def __init__(self, shape, *, classes, rng):
            super().__init__(shape, classes=classes, network=Dense(), rng=rng)
            first, last = (linear(a, b, rng=rng) for a, b in [(PIXELS, 32), (32, classes)])
            self.network = Net(nn.Flatten(), nn.Sequential(first, nn.ReLU()), nn.Sequential(last))

    settings = {"repeats": 3, "steps": 50, "make_classifier": Deep, "show_progress": False}
    found = study([Arm.duplicates()], **settings)
    for name in ("none", "duplicates"):
        assert len(set(found.accuracies[name])) == 3
        sizes = [parameter.numel() for parameter in found.classifiers[name].parameters()]
        assert sum(sizes) == 3 * (PIXELS * 32 + 32 + 32 * 10 + 10)


def test_the_rows_that_any_member_saw_are_remembered():
    models = [classifier(generator(seed)) for seed in range(3)]
    models[2].seen, models[2].steps_done = torch.tensor([7, 3]), 4
    models[1].seen, models[1].steps_done = torch.tensor([3, 9]), 6
    together = Ensemble(models)
    assert together.seen.tolist() == [3, 7, 9]
    assert together.steps_done == 6


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = torch.ones(10)

    def forward(self, x):
        return x.flatten(1)[:, :10] + self.shift


class Smooth(Judge):
    def objectives(self):
        return []


class Wide(nn.Linear):
    pass


class Power(nn.Module):
    def __init__(self, exponent):
        super().__init__()
        self.exponent = exponent

    def forward(self, x):
        return x.flatten(1)[:, :10] ** self.exponent


def dense(inputs=PIXELS, **settings):
    return nn.Flatten(), nn.Linear(inputs, 10, **settings)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([dense, lambda: dense(bias=False)], r"architecture, got network.1: .*bias.*and Linear\("),
        ([dense, lambda: frozen(*dense(), kept=[1])], "grad=True.* and .*requires_grad=False"),
        ([dense, lambda: (nn.Flatten(), Wide(PIXELS, 10))], r"Linear\(.* and Wide\("),
        ([lambda: [Power(2)], lambda: [Power(3)]], "exponent=2.* and .*exponent=3"),
        ([dense, lambda: [*dense(), nn.ReLU()]], r"network.2: nothing and ReLU\("),
    ],
)
def test_members_that_differ_in_more_than_values_are_refused_and_the_part_is_named(
    members, message
):
    models = [Judge(layers(), rng=generator(0)) for layers in (members[0], *members)]
    with pytest.raises(ValueError, match=message):
        Ensemble(models)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (lambda: judges(lambda: [Remembering()]), "keep network.0.shift as a parameter or a buf"),
        (lambda: judges(dense, Smooth), "got Smooth with objectives of its own"),
        (lambda: [nn.Linear(2, 2)], r"models must be a sequence of Classifier, got \[a Linear\]"),
    ],
)
def test_members_that_could_not_be_trained_as_if_alone_are_refused(models, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Ensemble(models())
