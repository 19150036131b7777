"""A study on a Dask cluster of two workers is the study run here, to the bit, come what may.

It needs `dask` and `distributed`, which a learner does not; `.ci/run` has an environment for it.
"""

import os
import signal
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster

from genaug_lessons import data
from genaug_lessons.augment import Affine
from genaug_lessons.evaluate import Arm, study

SETTINGS = {"repeats": 3, "steps": 30, "show_progress": False}


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process of its own that is started again when it dies."""
    torch.set_num_threads(1)
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None
    )
    with cluster, Client(cluster) as client:
        yield client


def bits(found):
    """All that a study found but its cost."""
    weights = [
        weight.detach().numpy().tobytes()
        for ensemble in found.classifiers.values()
        for weight in ensemble.parameters()
    ]
    return found.scores, found.question, weights


def arms(folder, slow=False):
    """Arms whose banks leave a note of the process that made them; made here, as in a notebook."""

    def noted(split, rng):
        (folder / f"{os.getpid()} {split.repeat} {time.monotonic_ns()}").touch()
        if slow and len({*map(worker, folder.iterdir())}) == 1:
            time.sleep(0.5)
        rows = split.labelled
        shift = 0.1 * torch.randn(rows.x.shape, generator=rng)
        return data.Dataset((rows.x + shift).clamp(0, 1), rows.y, 10, "unit")

    def worker(note):
        return int(note.name.split()[0])

    return [
        Arm("noisy", bank=noted),
        Arm("noisier", bank=noted, share=0.8),
        Arm("affine", transform=Affine(), share=0.8),
        Arm.duplicates(),
    ]


@pytest.fixture(scope="module")
def here(client, tmp_path_factory):
    """The study run in this process."""
    return bits(study(arms(tmp_path_factory.mktemp("here")), **SETTINGS))


def processes(folder):
    """Those that made banks."""
    return {int(note.name.split()[0]) for note in folder.iterdir()}


def test_a_study_on_two_workers_is_the_study_run_here(client, here, tmp_path):
    with joblib.parallel_config(backend="dask"):
        there = study(arms(tmp_path), **SETTINGS)
    assert bits(there) == here
    pids = set(client.run(os.getpid).values())
    assert processes(tmp_path) <= pids and os.getpid() not in pids
    assert np.min([*there.seconds.values()]) > 0


def kill_one(pids, folder, killed):
    """Kill the first worker that has begun to make a bank."""
    while not (begun := processes(folder) & pids):
        time.sleep(0.01)
    killed.append(begun.pop())
    os.kill(killed[0], signal.SIGKILL)


def test_a_study_whose_worker_is_killed_midway_ends_as_the_study_run_here(client, here, tmp_path):
    from threading import Thread

    pids, killed = set(client.run(os.getpid).values()), []
    killer = Thread(target=kill_one, args=(pids, tmp_path, killed), daemon=True)
    killer.start()
    with joblib.parallel_config(backend="dask"):
        there = study(arms(tmp_path, slow=True), **SETTINGS)
    killer.join(timeout=10)
    assert len(killed) == 1
    assert processes(tmp_path) - set(killed)  # another one did the work again
    assert bits(there) == here
    repeats = [int(note.name.split()[1]) for note in Path(tmp_path).iterdir()]
    assert len(repeats) > 6  # of two arms and three repeats, some twice
