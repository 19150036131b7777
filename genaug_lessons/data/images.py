"""Image data sets: scikit-learn's digits (embedded), MNIST and Fashion-MNIST (files or download).

MNIST and Fashion-MNIST are looked for in the folder that `GENAUG_DATA` names, as
`MNIST/raw/*-ubyte` or `*-ubyte.gz`; the folder may be read-only. Otherwise they are downloaded
once, through torchvision, to a cache in the home directory.
"""

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from genaug_lessons import machine
from genaug_lessons.data.dataset import Dataset, row_ids
from genaug_lessons.data.splits import halves
from genaug_lessons.typed import check_types

CACHE = Path.home() / ".cache" / "genaug_lessons"
MAGIC = {1: 2049, 3: 2051}  # the first number of an IDX file of bytes, by its dimensions


def digits() -> Dataset:
    """1797 handwritten digits of 8x8 pixels in [0, 1], ten classes; no download.

    Source: scikit-learn's `load_digits`, the test part of the UCI set "Optical recognition of
    handwritten digits". Writers are shared between the rows, so figures flatter new writers.
    """
    from sklearn.datasets import load_digits  # a second to import: only when asked for

    found = load_digits()
    x = torch.from_numpy(found.images).float().div(16)[:, None]
    y = torch.from_numpy(found.target).long()
    return Dataset(x, y, 10, "unit", row_ids("digits", len(x))).to(machine.device())


def mnist(*, train: bool = True) -> Dataset:
    """60000 (or, with train=False, 10000 held-out) handwritten digits of 28x28 pixels, uint8.

    Raises:
        FileNotFoundError: `GENAUG_DATA` names no folder, or it lacks the files.
        ValueError: a file is corrupt.
        ConnectionError: a download is needed and there is no network.
    """
    return _idx_dataset("MNIST", train)


def fashion_mnist(*, train: bool = True) -> Dataset:
    """60000 (or, with train=False, 10000 held-out) pictures of clothes, 28x28, ten classes, uint8.

    Raises:
        FileNotFoundError, ValueError, ConnectionError: as `mnist`.
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
        files = [find for part in ("train", "t10k") for find in _files(_root() / folder, part)]
        advice = "not on this machine; it will be downloaded, or set GENAUG_DATA"
        states[name] = "ready" if all(files) else advice
    return states


def _root() -> Path:
    return Path(os.environ.get("GENAUG_DATA") or CACHE)


def _idx_dataset(folder: str, train: bool) -> Dataset:
    part = "train" if train else "t10k"
    root = _root()
    chosen = bool(os.environ.get("GENAUG_DATA"))
    if chosen and not root.is_dir():
        raise FileNotFoundError(f"GENAUG_DATA must name a folder, got {str(root)!r}")
    if not all(_files(root / folder, part)):
        if chosen:
            raise FileNotFoundError(
                f"GENAUG_DATA={str(root)!r} must hold {folder}/raw/{part}-images-idx3-ubyte[.gz] "
                f"and {part}-labels-idx1-ubyte[.gz]; unset it to download them to {str(CACHE)!r}"
            )
        _download(folder)
    images, labels = _files(root / folder, part)
    x, y = torch.from_numpy(_read_idx(images, 3)), torch.from_numpy(_read_idx(labels, 1))
    if len(x) != len(y):
        raise ValueError(f"{images.name} holds {len(x)} images but {labels.name} {len(y)} labels")
    ids = row_ids(f"{folder} {part}", len(x))
    dataset = Dataset(x[:, None], y.long(), 10, "unit", ids, held_out=not train)
    return dataset.to(machine.device())


def _files(folder: Path, part: str) -> tuple[Path | None, Path | None]:
    """The image and the label file, extracted or as an archive; None for each that is missing."""

    def find(stem):
        both = (folder / "raw" / stem, folder / "raw" / f"{stem}.gz")
        return next((path for path in both if path.is_file()), None)

    return find(f"{part}-images-idx3-ubyte"), find(f"{part}-labels-idx1-ubyte")


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The array in an IDX file: a magic number, the sizes (big-endian int32), then the bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is corrupt ({error}): delete it and fetch it again") from error
    start = 4 * (dimensions + 1)
    if len(content) < start or int.from_bytes(content[:4], "big") != MAGIC[dimensions]:
        raise ValueError(f"{path} is not an IDX file of {dimensions} dimensions: fetch it again")
    sizes = np.frombuffer(content[4:start], dtype=">i4")
    array = np.frombuffer(content, dtype=np.uint8, offset=start)
    if array.size != sizes.prod():
        raise ValueError(
            f"{path} is cut short or corrupt: {sizes.prod()} bytes expected, "
            f"got {array.size}; delete it and fetch it again"
        )
    return array.reshape(sizes).copy()


def _download(folder: str) -> None:
    from torchvision import datasets  # 1.1 s and 157 MB to import: only when needed

    try:
        getattr(datasets, folder)(CACHE, download=True)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"{folder} is not on this machine and could not be downloaded ({error}). Without a "
            'network, use the embedded digits (data.digits(), or SET = "digits" in a lesson), or '
            f"set GENAUG_DATA to a folder that holds {folder}/raw/*-ubyte.gz"
        ) from error


check_types(__name__)
