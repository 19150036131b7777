"""Lesson 01: digits that lie in any direction, and 6 stays 6."""

from functools import cache

import torch

from genaug_lessons import augment, data, evaluate
from genaug_lessons.exercises.calling import NoAnswer
from genaug_lessons.exercises.find_out.experiment import REPEATS, STEPS, Experiment, Finding, first
from genaug_lessons.random import generator

ANY_WAY = augment.Affine(rotation=180, shift=0, scale=0)


def _read(seed, **arm):
    """Share of the others read right when turned, and mistakes of 6 and 9 a repeat, upright."""
    arms = [evaluate.Arm("arm", share=0.8, **arm)]
    study = evaluate.study(
        arms, repeats=REPEATS, steps=STEPS, first_repeat=first(seed), show_progress=False
    )
    test = data.split(data.digits(), labels_per_class=5, repeat=first(seed)).test
    six, nine = test.y == 6, test.y == 9
    turned = ANY_WAY(test.values, generator(7))
    upright = (six | nine)[:, None, None, None]
    told = study.classifiers["arm"].predict(torch.where(upright, test.values, turned))
    mistaken = (told == 6) & nine | (told == 9) & six
    right = (told == test.y)[:, ~(six | nine)].float().mean().item()
    return right, mistaken.float().sum(-1).mean().item()


@cache
def _all_turned(seed):
    return _read(seed, transform=ANY_WAY)


def _try(choose, seed):
    def bank(split, rng):
        made = choose(split, rng)
        if not isinstance(made, data.Dataset):
            raise NoAnswer("a Dataset is asked for")
        return made

    try:
        right, mistakes = _read(seed, bank=bank)
    except (ValueError, TypeError, data.Leak) as error:
        raise NoAnswer(f"the study refuses this bank: {error}") from None
    right_all, mistakes_all = _all_turned(seed)
    return Finding(
        beats_naive=mistakes <= 1 < mistakes_all,
        near_best=mistakes <= 1 and right >= right_all - 0.03,
        words=f"{mistakes:.1f} sixes and nines a repeat are taken for each other, and {right:.1%} "
        f"of the other digits are read when turned; with every digit turned {mistakes_all:.1f} "
        f"and {right_all:.1%} (at most 1, and at most 3 points less, is good)",
    )


bank_of_turned = Experiment("bank_of_turned", ("split", "rng"), _try)
