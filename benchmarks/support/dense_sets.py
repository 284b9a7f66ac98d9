"""Dense labelled sets: small pictures, and what scikit-learn brings."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from pairloom.rows import RowBatch

__all__ = ["as_rows", "pictures"]

VEHICLES = ("airplane", "automobile", "ship", "truck")


def as_rows(features: np.ndarray, labels: np.ndarray) -> RowBatch:
    """Return a matrix as rows that hold every column."""
    n_rows, width = features.shape
    return RowBatch(
        np.arange(0, n_rows * width + 1, width, dtype=np.int64),
        np.tile(np.arange(width, dtype=np.int32), n_rows),
        np.ascontiguousarray(features, np.float32).ravel(),
        width,
        labels=np.asarray(labels, np.float32),
    )


def pictures(path: Path, part: str, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures of 8 x 8 pixels in three colours (192 columns), label 1 for vehicles.

    The CIFAR-10 subset is small: every picture is used in several shifts by up to three pixels, half of them
    mirrored, until there are `n_rows`.
    """
    from PIL import Image

    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.startswith(f"{part}/") and n.endswith(".jpg")]
        whole = np.stack(
            [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]
        )
    labels = np.array([name.split("/")[1] in VEHICLES for name in names], float)
    rng = np.random.default_rng(0)
    chosen = np.concatenate([rng.permutation(len(whole)) for _ in range(-(-n_rows // len(whole)))])[:n_rows]
    rolls = rng.integers(-3, 4, (n_rows, 2))
    out = np.empty((n_rows, 192), np.float32)
    for row, (picture, (down, right)) in enumerate(zip(chosen, rolls, strict=True)):
        moved = np.roll(whole[picture], (down, right), axis=(0, 1))
        moved = moved[:, ::-1] if row % 2 else moved
        out[row] = moved.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3)).ravel()
    return out / 255, labels[chosen]
