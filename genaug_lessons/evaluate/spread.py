"""The arms of a study one after another, or spread over processes and machines by joblib.

    with joblib.parallel_config(n_jobs=2):  # or backend="dask", with a dask.distributed.Client
        evaluate.study(arms)

Nothing is spread unless that is asked for. A worker computes with the threads, the precision and
the device of the process that asks, so that what it finds is the same to the bit wherever
processors are of one kind.
"""

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

import torch

from genaug_lessons import machine
from genaug_lessons.data import Split
from genaug_lessons.evaluate.arm import Arm, ArmResult, run_arm
from genaug_lessons.progress import progress
from genaug_lessons.typed import check_types


def run_arms(
    arms: Sequence[Arm], splits: Sequence[Split], *, show_progress: bool, **training
) -> dict[str, ArmResult]:
    """The result of each arm by its name, from here or from joblib's workers.

    Args:
        arms: to run, each as in `run_arm`.
        splits: one for each repeat.
        show_progress: a bar over arms, banks and starts; over arms alone where they are spread.
        **training: the other arguments of `run_arm`.

    Raises:
        TypeError: an arm that cannot be sent to a worker, or what `run_arm` says.
        ValueError: what `run_arm` says.
        Leak: a bank or a start has seen rows of the test half.
    """
    from joblib import effective_n_jobs  # slow to import

    if effective_n_jobs(None) == 1:
        return _one_by_one(arms, splits, show_progress, training)
    return _spread(arms, splits, show_progress, training)


def _one_by_one(
    arms: Sequence[Arm], splits: Sequence[Split], show_progress: bool, training: dict
) -> dict[str, ArmResult]:
    made = sum((arm.bank is not None) + (arm.start is not None) for arm in arms)
    results = {}
    with _bar(len(arms) + len(splits) * made, show_progress) as tick:
        for arm in arms:
            results[arm.name] = run_arm(arm, splits, tick=tick, **training)
            tick()
    return results


def _spread(
    arms: Sequence[Arm], splits: Sequence[Split], show_progress: bool, training: dict
) -> dict[str, ArmResult]:
    from joblib import Parallel, delayed

    conditions = {
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "device": str(machine.device()),
    }
    jobs = [delayed(_run_packed)(_packed(arm, splits, training), **conditions) for arm in arms]
    results = {}
    with (
        _bar(len(arms), show_progress) as tick,
        closing(Parallel(return_as="generator", batch_size=1)(jobs)) as packed,
    ):
        for arm, result in zip(arms, packed, strict=True):
            results[arm.name] = pickle.loads(result)
            tick()
    return results


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Callable[[], object]]:
    """A progress bar; what it gives is called when one more of `total` is done."""
    if not shown:
        yield lambda: None
        return
    with closing(progress(range(total), total, "study")) as bar:
        next(bar)
        yield partial(next, bar, None)


def _packed(arm: Arm, splits: Sequence[Split], training: dict) -> bytes:
    """The job of one arm as bytes, functions of a notebook and all; an error names the arm."""
    try:
        return _pickled(partial(run_arm, arm, splits, **training))
    except (TypeError, AttributeError, ValueError, RuntimeError, pickle.PicklingError) as error:
        raise TypeError(
            f"arm {arm.name!r} must consist of what can be sent to a worker (or run the study "
            f"without joblib.parallel_config), got functions that cannot be pickled: {error}"
        ) from error


def _run_packed(job: bytes, *, threads: int, precision: str, device: str) -> bytes:
    """Run a job under the settings of the process that sent it; those of this one come back."""
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    machine.use_device(device)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    try:
        return _pickled(pickle.loads(job)())
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])


def _pickled(value: object) -> bytes:
    """The value as bytes, with the code of functions and classes that no module holds."""
    from joblib import wrap_non_picklable_objects

    return pickle.dumps(wrap_non_picklable_objects(value, keep_wrapper=False))


check_types(__name__)
