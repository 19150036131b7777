"""Is the ordinary API fast?

    python tools/benchmark.py [--json FILE] [--device cuda] [--check]

Prints a table: what is measured, ours, the yardstick, the ratio and its target; for dense models
also their matrix products alone, and the ratio to them, which no program could exceed. Each task
runs in a process of its own at one thread, ours and the yardstick in turn, three rounds; figures
are medians of CPU milliseconds per step. `textbook_loops.py` is fixed: nobody tunes the yardstick.
`bare_loops.py` does what the package does, without it.
With --check the command fails when a figure is worse than half of its target; a row that is far
enough above it after one round gets no further ones.
With --device cuda our tasks run on the CPU and on the GPU (wall time), side by side.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROUNDS = 3
FAILS, CLEARLY = 0.5, 0.7  # parts of a target: what fails a check, and what one round can settle


def steps_ms(step: Callable[[], object], steps: int, warm_up: int = 10) -> float:
    """Median milliseconds of one call: CPU time on the CPU, wall time on a GPU."""
    import torch

    from genaug_lessons import machine

    gpu = machine.device().type == "cuda"
    clock = time.perf_counter if gpu else time.process_time
    times = []
    for _ in range(warm_up + steps):
        start = clock()
        step()
        if gpu:
            torch.cuda.synchronize()
        times.append((clock() - start) * 1e3)
    return statistics.median(times[warm_up:])


def random_pictures(rng):
    """60000 pictures of 28x28 random bytes: the content does not matter for dense steps."""
    import torch

    from genaug_lessons.data import Dataset

    about = {"dtype": torch.uint8, "generator": rng, "device": rng.device}
    return Dataset(torch.randint(256, (60000, 1, 28, 28), **about), support="unit")


def vae(precision: str = "highest") -> float:
    """The VAE 784-400-20 at batch 128 on 60000 random pictures, through `training_steps`."""
    import torch

    from genaug_lessons.models.vae import VAE
    from genaug_lessons.nn import Dense
    from genaug_lessons.random import generator
    from genaug_lessons.training import training_steps

    torch.set_float32_matmul_precision(precision)
    rng = generator(0)
    model = VAE((1, 28, 28), network=Dense(400), latent=20, rng=rng)
    training = training_steps(model, random_pictures(rng), steps=300, batch_size=128, rng=rng)
    return steps_ms(lambda: next(training), 200)


def vae_medium() -> float:
    """The same where "medium" precision of matrix products keeps float32 accuracy."""
    return vae("medium")


def gan(precision: str = "highest") -> float:
    """The GAN 100-128-256-512-1024-784 against 784-512-256-1 at batch 64, likewise."""
    import torch

    from genaug_lessons.models.gan import GAN
    from genaug_lessons.nn import Dense
    from genaug_lessons.random import generator
    from genaug_lessons.training import training_steps

    torch.set_float32_matmul_precision(precision)
    rng = generator(0)
    widths = Dense(1024, 512, 256, 128, batch_norm=True)
    model = GAN((1, 28, 28), generator=widths, rng=rng)
    training = training_steps(model, random_pictures(rng), steps=300, batch_size=64, rng=rng)
    return steps_ms(lambda: next(training), 200)


def gan_medium() -> float:
    """The same where "medium" precision of matrix products keeps float32 accuracy."""
    return gan("medium")


def digits_gan() -> float:
    """A GAN of 8x8 digits, 16-64-64-64 against 64-64-64-1, at batch 64."""
    from genaug_lessons import data
    from genaug_lessons.models.gan import GAN
    from genaug_lessons.nn import Dense
    from genaug_lessons.random import generator
    from genaug_lessons.training import training_steps

    rng, digits = generator(0), data.digits()
    generator_net, discriminator = Dense(64, 64, batch_norm=True), Dense(64, 64, leak=0.2)
    model = GAN(
        digits.shape, latent=16, generator=generator_net, discriminator=discriminator, rng=rng
    )
    training = training_steps(model, digits, steps=1100, batch_size=64, rng=rng)
    return steps_ms(lambda: next(training), 1000)


def study_arm() -> float:
    """Seconds (not milliseconds) of one arm of a study: 12 repeats x 1200 steps on digits."""
    from genaug_lessons import augment, evaluate

    transform = augment.Affine()
    arms = [evaluate.Arm("affine", transform=transform, share=0.8)]
    return evaluate.study(arms, repeats=12, steps=1200, show_progress=False).seconds["affine"]


def bare_digits_gan() -> float:
    """The same operations in a bare loop."""
    import bare_loops
    import torch

    torch.manual_seed(0)
    return steps_ms(bare_loops.digits_gan(), 1000)


def vae_products() -> float:
    """The matrix products of the VAE's step."""
    import bare_loops

    return steps_ms(bare_loops.vae_products(), 200)


def gan_products() -> float:
    """The matrix products of the GAN's step."""
    import bare_loops

    return steps_ms(bare_loops.gan_products(), 200)


def rbm_products() -> float:
    """The matrix products of a step of persistent CD at batch 10."""
    import bare_loops

    return steps_ms(bare_loops.rbm_products(10), 200)


def rbm_wide_products() -> float:
    """The same at batch 100."""
    import bare_loops

    return steps_ms(bare_loops.rbm_products(100), 200)


def bare_study_arm() -> float:
    """Seconds of 12 bare loops of 1200 steps, one after the other and without augmentation."""
    import bare_loops
    import torch

    torch.manual_seed(0)
    return 12 * 1200 * steps_ms(bare_loops.classifier(), 1000) / 1e3


def affine() -> float:
    """128 pictures of 28x28 turned, shifted and scaled, each its own way."""
    from genaug_lessons.augment import Affine
    from genaug_lessons.random import generator, uniform

    rng = generator(0)
    x, transform = uniform((128, 1, 28, 28), rng), Affine()
    return steps_ms(lambda: transform(x, rng), 200)


def affine_per_sample() -> float:
    """The same with torchvision's RandomAffine, picture by picture."""
    import torch
    from torchvision.transforms.v2 import InterpolationMode, RandomAffine

    x = torch.rand(128, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    change = RandomAffine(12, (0.1, 0.1), (0.9, 1.1), interpolation=InterpolationMode.BILINEAR)
    return steps_ms(lambda: torch.stack([change(picture) for picture in x]), 20, warm_up=3)


def import_torch() -> float:
    """Importing torch in a fresh process."""
    return _import_ms("import torch")


def import_ours() -> float:
    """Importing the package's front door in a fresh process."""
    return _import_ms("from genaug_lessons import augment, data, evaluate")


def textbook_vae() -> float:
    """The loop that tutorials teach."""
    return _textbook_ms("vae")


def textbook_gan() -> float:
    """The loop that tutorials teach."""
    return _textbook_ms("gan")


def _textbook_ms(task: str) -> float:
    command = [sys.executable, HERE / "textbook_loops.py", task]
    run = subprocess.run(command, capture_output=True, check=True)
    return json.loads(run.stdout)["cpu_ms"]


def em() -> float:
    """A pass of EM over 60000 x 50 rows of ten full Gaussians, through `training_steps`."""
    import torch

    from genaug_lessons.models.gmm import GaussianMixture
    from genaug_lessons.random import generator
    from genaug_lessons.training import training_steps

    rng = generator(0)
    x, mu = _ten_gaussians()
    model = GaussianMixture(50, components=10, sphere=0.0, rng=rng)
    round_ones = torch.eye(50).repeat(10, 1, 1)
    start = (torch.full((10,), 0.1), mu, round_ones)
    model.set_parameters(*(part.to(rng.device) for part in start))
    training = training_steps(model, x.to(rng.device), steps=20, rng=rng)
    return steps_ms(lambda: next(training), 17, warm_up=3)


def em_sklearn() -> float:
    """The same from the same parameters with scikit-learn: a fit of 11 passes less one of 1."""
    import warnings

    import numpy as np
    from sklearn.mixture import GaussianMixture

    warnings.simplefilter("ignore")  # one pass does not converge
    x, mu = (part.numpy() for part in _ten_gaussians())

    def fit_ms(passes: int) -> float:
        start = {"weights_init": np.full(10, 0.1, "float32"), "means_init": mu}
        start["precisions_init"] = np.tile(np.eye(50, dtype="float32"), (10, 1, 1))
        model = GaussianMixture(10, max_iter=passes, tol=0, reg_covar=0, **start)
        begin = time.process_time()
        model.fit(x)
        assert model.n_iter_ == passes and model.means_.dtype == x.dtype
        return (time.process_time() - begin) * 1e3

    return statistics.median((fit_ms(11) - fit_ms(1)) / 10 for _ in range(3))


def _ten_gaussians() -> tuple:
    """60000 rows around ten centres, some ten standard deviations apart, and the centres."""
    import torch

    rng = torch.Generator().manual_seed(0)
    mu = torch.randn(10, 50, generator=rng)
    component = torch.randint(10, (60000,), generator=rng)
    return mu[component] + torch.randn(60000, 50, generator=rng), mu


def rbm(batch_size: int = 10, precision: str = "highest") -> float:
    """Persistent CD of an RBM 784-500, as many chains as rows, through `training_steps`."""
    import torch

    from genaug_lessons.models.rbm import RBM
    from genaug_lessons.random import generator
    from genaug_lessons.training import training_steps

    torch.set_float32_matmul_precision(precision)
    rng = generator(0)
    model = RBM((1, 28, 28), 500, rng=rng)
    sizes = {"batch_size": batch_size, "persistent_chains": batch_size}
    training = training_steps(model, random_pictures(rng), steps=300, rng=rng, **sizes)
    return steps_ms(lambda: next(training), 200)


def rbm_medium() -> float:
    """The same where "medium" precision of matrix products keeps float32 accuracy."""
    return rbm(precision="medium")


def rbm_wide() -> float:
    """The same at batch 100."""
    return rbm(100)


def rbm_wide_medium() -> float:
    """The same at batch 100 and "medium" precision."""
    return rbm(100, "medium")


def rbm_sklearn(batch_size: int = 10) -> float:
    """Persistent CD of the same RBM with scikit-learn's BernoulliRBM, float32."""
    import numpy as np
    from sklearn.neural_network import BernoulliRBM

    rows = batch_size * 220
    x = np.random.default_rng(0).random((rows, 784), dtype="float32")
    model = BernoulliRBM(500, batch_size=batch_size, n_iter=1, random_state=0)
    model.fit(x[:batch_size])  # makes the weights, in the type of x
    assert model.components_.dtype == x.dtype
    rng, rows = np.random.RandomState(0), iter(np.split(x, 220))
    return steps_ms(lambda: model._fit(next(rows), rng), 200)


def rbm_wide_sklearn() -> float:
    """The same at batch 100."""
    return rbm_sklearn(100)


def _import_ms(statement: str) -> float:
    code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True) for _ in range(3)]
    return 1e3 * statistics.median(float(run.stdout) for run in runs)


class Row(NamedTuple):
    """A line of the table: our task, the yardstick, how many times better ours is to be."""

    what: str
    ours: Callable[[], float]
    yardstick: Callable[[], float]
    target: float
    unit: str = "ms a step"
    products: Callable[[], float] | None = None  # the matrix products of ours, and nothing else


ROWS = [
    Row("VAE 784-400-20, batch 128", vae, textbook_vae, 1.9, products=vae_products),
    Row("the same, medium precision", vae_medium, textbook_vae, 3.0),
    Row("affine, 128 pictures of 28x28", affine, affine_per_sample, 25.0, "ms"),
    Row("study arm, 12 repeats x 1200 steps", study_arm, bare_study_arm, 1.0, "s"),
    Row("EM, 60000 x 50, ten full Gaussians", em, em_sklearn, 4.0, "ms a pass"),
    Row("persistent CD 784-500, batch 10", rbm, rbm_sklearn, 2.0, products=rbm_products),
    Row("the same, medium precision", rbm_medium, rbm_sklearn, 2.8),
    Row(
        "persistent CD 784-500, batch 100", rbm_wide, rbm_wide_sklearn, 1.1,
        products=rbm_wide_products,
    ),
    Row("the same, medium precision", rbm_wide_medium, rbm_wide_sklearn, 2.0),
    Row("import of the front door", import_ours, import_torch, 1 / 1.15, "ms"),
    Row("GAN 100-...-784, batch 64", gan, textbook_gan, 1.6, products=gan_products),
    Row("the same, medium precision", gan_medium, textbook_gan, 2.7),
    Row("digits GAN of width 64, batch 64", digits_gan, bare_digits_gan, 1.0),
]  # fmt: skip
MEDIUM = (vae_medium, gan_medium, rbm_medium, rbm_wide_medium)
HOST_ONLY = (import_ours,)  # no work for another device


def in_process(task: Callable[[], float], device: str = "cpu") -> float:
    """The task's figure, measured in a process of its own at one thread."""
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GENAUG_DEVICE": device}
    run = subprocess.run(
        [sys.executable, __file__, "--task", task.__name__],
        env={**os.environ, **one_thread},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise SystemExit(f"{task.__name__} failed:\n{run.stderr}")
    return float(run.stdout)


def medium_is_accurate() -> bool:
    """Whether "medium" precision is faster here and as accurate as float32 should be."""
    from genaug_lessons import machine

    found = machine.matmul_probe()
    return found["medium"][0] < 0.8 * found["highest"][0] and found["medium"][1] < 1e-5


def measure(row: Row, check: bool) -> dict:
    """One line of the table: medians over rounds in which ours and the yardstick take turns."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(in_process(row.ours))
        theirs.append(in_process(row.yardstick))
        if check and theirs[0] / mine[0] > CLEARLY * row.target:
            break
    mine, theirs = statistics.median(mine), statistics.median(theirs)
    line = {
        "what": row.what, "ours": round(mine, 3), "yardstick": round(theirs, 3), "unit": row.unit,
        "times": round(theirs / mine, 2), "target": round(row.target, 2),
        "reached": theirs / mine >= row.target, "products": "", "at most": "",
    }  # fmt: skip
    if row.products and not check:
        alone = in_process(row.products)
        line |= {"products": round(alone, 3), "at most": round(theirs / alone, 2)}
    return line


def compare_devices(device: str) -> list[dict]:
    """Our own tasks on the CPU and on another device."""
    rows = []
    for row in ROWS:
        if row.ours in HOST_ONLY:
            continue
        cpu, other = in_process(row.ours), in_process(row.ours, device)
        figures = {"cpu": cpu, device: other, "unit": row.unit, "times": cpu / other}
        rows.append({"what": row.what, **figures})
    return rows


def print_table(rows: list[dict]) -> None:
    """The rows as aligned columns."""
    cells = [list(rows[0])] + [
        [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", help="run one task in this process and print its figure")
    parser.add_argument("--json", type=Path, help="write the table here, too")
    parser.add_argument("--device", help="compare the CPU with this device instead")
    parser.add_argument("--check", action="store_true", help="fail below half of a target")
    args = parser.parse_args()
    if args.task:
        print(globals()[args.task]())
        return
    skipped = () if args.device or medium_is_accurate() else MEDIUM
    if args.device:
        rows = compare_devices(args.device)
    else:
        rows = [measure(row, args.check) for row in ROWS if row.ours not in skipped]
    print_table(rows)
    if skipped:
        print('"medium" precision is no faster or less accurate here: default precision only')
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    if args.check and any(row["times"] < FAILS * row["target"] for row in rows):
        raise SystemExit("a figure is worse than half of its target")


if __name__ == "__main__":
    main()
