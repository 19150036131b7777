"""Lesson 10: is this bank a memory?"""

from functools import cache

import torch

from genaug_lessons import data
from genaug_lessons.exercises.find_out.experiment import Experiment, Finding, chosen_number, first
from genaug_lessons.random import generator, normal

ROWS, CLOSE = 200, 0.07


@cache
def banks_of(seed):
    """(share, bank, train, held_out): rows (N, 64), a share of the bank near copies of train."""
    split = data.split(data.digits(), labels_per_class=20, repeat=first(seed))
    train, pool = (part.values.flatten(1).cpu() for part in (split.labelled, split.pool))
    found = []
    for share, noise in ((0.0, 0.05), (0.3, 0.02), (0.8, 0.1)):
        rng = generator(90 + seed, "cpu")
        pool = pool[torch.randperm(len(pool), generator=rng)]
        count = round(ROWS * share)
        copied = train[torch.randint(len(train), (count,), generator=rng)]
        copies = (copied + noise * normal((count, train.shape[1]), rng)).clamp(0, 1)
        bank = torch.cat([copies, pool[: ROWS - count]])
        order = torch.randperm(ROWS, generator=rng)
        found.append((share, bank[order], train, pool[ROWS : ROWS + 300]))
    return found


def _try(choose, seed):
    errors, words = [], []
    for share, *rows in banks_of(seed):
        guess = chosen_number(choose(*(part.clone() for part in rows)), at_least=0, at_most=1)
        errors.append(abs(guess - share))
        words.append(f"{guess:.0%} where {share:.0%} are copies")
    return Finding(
        beats_naive=max(errors) < 0.3,  # 0 for all misses by 0.8
        near_best=max(errors) <= CLOSE,
        words=f"in banks of {ROWS} pictures: {', '.join(words)} (7 points off is near enough)",
    )


share_of_copies = Experiment("share_of_copies", ("bank", "train", "held_out"), _try)
