"""The contract of what training draws from, kept by the package's sources and by a stranger's."""

from itertools import islice

import pytest
import torch

from genaug_lessons.augment import Augmented, Flip
from genaug_lessons.data import Batch, BatchSource, Dataset, Leak
from genaug_lessons.ensemble import StackedData
from genaug_lessons.models.classifier import Classifier
from genaug_lessons.nn import Dense
from genaug_lessons.random import generator, uniform
from genaug_lessons.training import fit

PICTURE = (1, 4, 3)


def cpu(seed=0):
    return generator(seed, "cpu")


def rows(seed=0, n=20):
    return Dataset(uniform((n, *PICTURE), cpu(seed)), torch.arange(n) % 2, 2, "unit")


class Stream(BatchSource):
    """A stranger's own source: pictures that come by and are never all there at once."""

    shape, support, classes, held_out, labelled = PICTURE, "unit", 2, False, True
    device, ids = torch.device("cpu"), None

    def parts(self):
        return []

    def batches(self, batch_size, rng):
        while True:
            x = uniform((batch_size, *PICTURE), rng)
            yield Batch(x, (x.flatten(1).mean(1) > 0.5).long())


SOURCES = {
    "a data set": rows,
    "with a transform": lambda: Augmented(rows(), transform=Flip()),
    "with a bank": lambda: Augmented(rows(), bank=rows(1), share=0.25),
    "twice": lambda: Augmented(Augmented(rows(), bank=rows(1)), transform=Flip(), bank=rows(2)),
    "a stack": lambda: StackedData([rows(), rows(1)]),
    "a stack with a transform": lambda: Augmented(StackedData([rows()] * 3), transform=Flip()),
    "a stranger's": Stream,
    "a stranger's with a transform": lambda: Augmented(Stream(), transform=Flip()),
    "a stranger's for a bank": lambda: Augmented(rows(), bank=Stream()),
}
over_sources = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


@over_sources
def test_a_source_says_what_its_batches_hold(make):
    source = make()
    front = () if source.stack is None else (source.stack,)
    for batch in islice(source.batches(8, cpu()), 4):
        assert batch.x.shape == (*front, 8, *source.shape) and batch.y.shape == (*front, 8)
        assert batch.x.dtype == torch.float32 and batch.x.device.type == source.device.type
        assert source.support == "unit" and 0 <= batch.x.min() and batch.x.max() <= 1
        assert 0 <= batch.y.min() and batch.y.max() < source.classes
        assert batch.labelled == source.labelled is True and not source.soft_labels
    again, other = (next(source.batches(8, cpu(seed))) for seed in (0, 1))
    first = next(source.batches(8, cpu()))
    assert torch.equal(first.x, again.x) and not torch.equal(first.x, other.x)


@over_sources
def test_the_parts_of_a_source_are_the_data_sets_whose_rows_it_names(make):
    source = make()
    assert all(isinstance(part, Dataset) and part.shape == source.shape for part in source.parts())
    if source.ids is not None:
        behind = torch.cat([part.ids for part in source.parts()])
        assert set(behind.tolist()) == set(source.ids.tolist())


def test_a_model_learns_from_a_strangers_source_and_refuses_its_test_half():
    model = Classifier(PICTURE, classes=2, network=Dense(16), rng=cpu())
    settings = {"steps": 400, "lr": 0.02, "rng": cpu(1), "show_progress": False}
    training = fit(model, Stream(), **settings)
    losses = training.losses()["cross-entropy"]
    assert sum(losses[-50:]) < 0.5 * sum(losses[:50]) and model.seen is None
    held_out = Stream()
    held_out.held_out = True
    with pytest.raises(Leak, match="test half"):
        fit(model, Augmented(held_out, transform=Flip()), **settings, resume=True)


def test_a_bank_on_another_device_is_refused():
    elsewhere = Stream()
    elsewhere.device = torch.device("meta")
    with pytest.raises(ValueError, match="bank must be on the data's device cpu, got meta"):
        Augmented(rows(), bank=elsewhere)


def test_a_source_without_its_methods_says_so():
    with pytest.raises(TypeError, match="BatchSource has no parts"):
        BatchSource().parts()
    with pytest.raises(TypeError, match="BatchSource has no batches"):
        BatchSource().batches(8, cpu())
