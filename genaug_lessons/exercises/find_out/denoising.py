"""Lesson 05: noise in training for noise to come."""

from functools import cache

from genaug_lessons import augment, data, evaluate
from genaug_lessons.exercises.find_out.experiment import (
    REPEATS,
    STEPS,
    Experiment,
    Finding,
    chosen_number,
    first,
    points,
)
from genaug_lessons.random import generator, normal

GRID = (0.15, 0.4, 0.6)
TO_COME = 0.4  # std of the noise on test pictures


@cache
def gains(start, development, sigma):
    """The gain on noisy and that on clean rows of noise in training, each an `Estimate`."""
    study = evaluate.study(
        [evaluate.Arm("noise", transform=augment.Noise(sigma), share=0.8)],
        repeats=REPEATS,
        steps=STEPS,
        first_repeat=start,
        development=development,
        show_progress=False,
    )
    test = data.split(data.digits(), labels_per_class=5, repeat=start, development=development).test
    noise = TO_COME * normal(tuple(test.values.shape), generator(3))
    noisy = (test.values + noise).clamp(0, 1)
    right = {
        name: (classifier.predict(noisy) == test.y).float().mean(-1).tolist()
        for name, classifier in study.classifiers.items()
    }
    return evaluate.paired_gain(right["noise"], right["none"]), study.gains["noise"]


def _try(choose, seed):
    def ask(sigma):
        return gains(0, True, chosen_number(sigma, above=0))

    sigma = chosen_number(choose(ask), above=0)
    noisy, clean = gains(first(seed), False, sigma)
    on_grid = {level: gains(first(seed), False, level)[0].mean for level in GRID}
    best = max(on_grid, key=on_grid.get)
    return Finding(
        beats_naive=noisy.low > 0,
        near_best=noisy.mean > on_grid[best] - 0.015 and clean.mean > -0.005,
        words=f"noise of {sigma:g} gains {points(noisy)} points on noisy rows of six other "
        f"repeats and {points(clean)} on clean ones; the best of a grid, {best}, gains "
        f"{100 * on_grid[best]:+.1f} on noisy rows (1.5 points less is near enough, with at "
        "most half a point lost on clean ones)",
    )


choose_noise = Experiment("choose_noise", ("gains",), _try)
