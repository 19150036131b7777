"""Image data sets: scikit-learn's digits (embedded), MNIST and Fashion-MNIST (files or download).

MNIST and Fashion-MNIST are looked for in the folder that `GENAUG_DATA` names, as
`MNIST/raw/*-ubyte` or `*-ubyte.gz`; the folder may be read-only. Otherwise they are downloaded
once, through torchvision, to a cache in the home directory.
"""

import gzip
import math
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from genaug_lessons import machine
from genaug_lessons.data.dataset import Dataset
from genaug_lessons.data.splits import halves
from genaug_lessons.typed import check_types

CACHE = Path("~/.cache/genaug_lessons")  # expanded when needed: not everyone has a home
PICTURE = (28, 28)
MOST_BYTES = 2**26  # of a file, unpacked; the largest of MNIST's holds 47 million


def digits() -> Dataset:
    """1797 handwritten digits of 8x8 pixels in [0, 1], ten classes; no download.

    Source: scikit-learn's `load_digits`, the test part of the UCI set "Optical recognition of
    handwritten digits". Writers are shared between the rows, so figures flatter new writers.
    """
    from sklearn.datasets import load_digits  # a second to import: only when asked for

    bunch = load_digits()
    x = torch.from_numpy(bunch.images).float().div(16)[:, None]
    y = torch.from_numpy(bunch.target).long()
    return Dataset(x, y, 10, "unit").to(machine.device())


def mnist(*, train: bool = True) -> Dataset:
    """60000 (or, with train=False, 10000 held-out) handwritten digits of 28x28 pixels, uint8.

    Raises:
        FileNotFoundError: `GENAUG_DATA` names no folder, or it lacks the files; or there is no
            home directory to download to.
        PermissionError: a folder or a file may not be read.
        ValueError: a file is corrupt, or holds something else.
        ConnectionError: a download is needed and there is no network.
    """
    return _idx_dataset("MNIST", train)


def fashion_mnist(*, train: bool = True) -> Dataset:
    """60000 (or, with train=False, 10000 held-out) pictures of clothes, 28x28, ten classes, uint8.

    Raises:
        FileNotFoundError, PermissionError, ValueError, ConnectionError: as `mnist`.
    """
    return _idx_dataset("FashionMNIST", train)


def load(name: str) -> tuple[Dataset, Dataset]:
    """(train, test) of "digits", "mnist" or "fashion_mnist": the one setting of the lessons."""
    sources: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
        "digits": lambda: halves(digits()),
        "mnist": lambda: (mnist(), mnist(train=False)),
        "fashion_mnist": lambda: (fashion_mnist(), fashion_mnist(train=False)),
    }
    if name not in sources:
        raise ValueError(f"name must be one of {tuple(sources)}, got {name!r}")
    return sources[name]()


def reachable() -> dict[str, str]:
    """Which data sets this machine has: name -> "embedded", "ready" or what to do."""
    states = {"digits": "embedded"}
    for name, folder in (("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")):
        try:
            ready = all([_files(folder, part) for part in ("train", "t10k")])
            advice = "not on this machine; it will be downloaded, or set GENAUG_DATA"
            states[name] = "ready" if ready else advice
        except OSError as error:  # whose sentence says what to do
            states[name] = str(error)
    return states


def _root() -> Path:
    """The folder that is to hold the files; it exists where `GENAUG_DATA` names it."""
    chosen = os.environ.get("GENAUG_DATA")
    try:
        root = Path(chosen or CACHE).expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(
            "there is no home directory to look in or to download to: set GENAUG_DATA to a "
            "folder that holds MNIST/raw/*-ubyte.gz"
        ) from error
    if chosen and not os.path.isdir(root):
        raise FileNotFoundError(f"GENAUG_DATA must name a folder that you may read, got {chosen!r}")
    return root


def _files(folder: str, part: str) -> tuple[Path, Path] | None:
    """The image and the label file, extracted or as an archive; None where they can be fetched."""
    root = _root()
    raw = root / folder / "raw"

    def find(stem):
        both = (raw / stem, raw / f"{stem}.gz")
        return next((path for path in both if os.path.isfile(path)), None)

    files = find(f"{part}-images-idx3-ubyte"), find(f"{part}-labels-idx1-ubyte")
    for path in (root, root / folder, raw, *filter(None, files)):
        needed = os.X_OK if os.path.isdir(path) else os.R_OK
        if os.path.exists(path) and not os.access(path, needed):
            raise PermissionError(f"{str(path)!r} may not be read by you: change its permissions")
    if all(files):
        return files
    if os.environ.get("GENAUG_DATA"):
        raise FileNotFoundError(
            f"GENAUG_DATA={str(root)!r} must hold {folder}/raw/{part}-images-idx3-ubyte[.gz] "
            f"and {part}-labels-idx1-ubyte[.gz]; unset it to download them to {str(CACHE)!r}"
        )
    return None


def _idx_dataset(folder: str, train: bool) -> Dataset:
    part = "train" if train else "t10k"
    if _files(folder, part) is None:
        _download(folder)
    images, labels = _files(folder, part)
    x, y = torch.from_numpy(_read_idx(images, PICTURE)), torch.from_numpy(_read_idx(labels, ()))
    if len(x) != len(y):
        raise ValueError(f"{images.name} holds {len(x)} images but {labels.name} {len(y)} labels")
    dataset = Dataset(x[:, None], y.long(), 10, "unit", held_out=not train)
    return dataset.to(machine.device())


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The rows of bytes, each of this shape, in an IDX file.

    A magic number, the sizes (all big-endian int32), then the bytes.
    """
    opened = gzip.open(path) if path.suffix == ".gz" else path.open("rb")
    try:
        with opened as file:
            content = file.read(MOST_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is corrupt ({error}): delete it and fetch it again") from error
    dimensions = 1 + len(shape)
    start = 4 * (dimensions + 1)
    magic = 2048 + dimensions  # of an array of bytes
    if len(content) < start or int.from_bytes(content[:4], "big") != magic:
        raise ValueError(f"{path} is not an IDX file of {dimensions} dimensions: fetch it again")
    rows, *size = np.frombuffer(content[4:start], dtype=">i4").tolist()
    if tuple(size) != shape:
        raise ValueError(f"{path} must hold pictures of {shape}, got {size}: fetch it again")
    array = np.frombuffer(content, dtype=np.uint8, offset=start)
    expected = rows * math.prod(shape)
    if array.size != expected or not rows:
        raise ValueError(
            f"{path} is cut short or corrupt: {expected} bytes expected, got {array.size}; "
            "delete it and fetch it again"
        )
    return array.reshape(rows, *shape).copy()


def _download(folder: str) -> None:
    from torchvision import datasets  # 1.1 s and 157 MB to import: only when needed

    try:
        getattr(datasets, folder)(_root(), download=True)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"{folder} is not on this machine and could not be downloaded ({error}). Without a "
            'network, use the embedded digits (data.digits(), or SET = "digits" in a lesson), or '
            f"set GENAUG_DATA to a folder that holds {folder}/raw/*-ubyte.gz"
        ) from error


check_types(__name__)
