"""A data root in the format of MNIST and Fashion-MNIST, a thousandth of their size.

    python tools/tiny_data.py DIR && GENAUG_DATA=DIR jupyter lab notebooks/00_start_here.ipynb

The pictures are scikit-learn's digits, enlarged to 28x28 (for Fashion-MNIST turned on their
sides), so that lessons run offline and what they train on can be learnt.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import interpolate

ROWS = {"train": 880, "t10k": 910}  # lessons look at up to 900 of a half; digits has 1797


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """(1797, 28, 28) uint8 pictures in an order that mixes writers, and (1797,) uint8 labels."""
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x = torch.from_numpy(found.images[order])[:, None] / 16
    large = interpolate(x, (28, 28), mode="bilinear")[:, 0].mul(255).round()
    return large.byte().numpy(), found.target[order].astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file: a magic number, the sizes, the array's own bytes."""
    return struct.pack(f">{1 + array.ndim}i", 2048 + array.ndim, *array.shape) + array.tobytes()


def write(root: Path) -> Path:
    """Write `MNIST/raw` and `FashionMNIST/raw` archives under `root`; train and test differ."""
    x, y = pictures()
    for folder, images in (("MNIST", x), ("FashionMNIST", x.transpose(0, 2, 1))):
        raw, start = root / folder / "raw", 0
        raw.mkdir(parents=True, exist_ok=True)
        for part, rows in ROWS.items():
            chosen = slice(start, start := start + rows)
            for stem, array in (("images-idx3", images[chosen]), ("labels-idx1", y[chosen])):
                content = gzip.compress(idx(array), mtime=0)
                (raw / f"{part}-{stem}-ubyte.gz").write_bytes(content)
    return root


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/tiny_data.py DIR")
    print(f"export GENAUG_DATA={write(Path(sys.argv[1]).resolve())}")
