"""Dense matrices to cluster and to project: images, patches of images, and generated ones."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np

from pairloom.rows import RowBatch
from support.datasets import data_folder

__all__ = ["digits", "generated", "patches", "shifted_images", "source_of"]


def digits() -> np.ndarray:
    """MNIST's 10,000 test digits, 784 pixels in [0, 1]."""
    with gzip.open(data_folder() / "mnist-10k" / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8)
    return pixels.reshape(-1, 784).astype(np.float32) / 255


def images() -> np.ndarray:
    """4,000 images of CIFAR-10, of shape (4000, 32, 32, 3), bytes."""
    from PIL import Image

    with zipfile.ZipFile(data_folder() / "cifar10-subset" / "cifar10_subset.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        return np.stack([np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names])


def patches(size: int, stride: int) -> np.ndarray:
    """Square patches of the images, shuffled, as rows of size * size * 3 numbers in [0, 1]."""
    whole = images()
    steps = range(0, 33 - size, stride)
    cut = [whole[:, i : i + size, j : j + size].reshape(len(whole), -1) for i in steps for j in steps]
    rows = np.concatenate(cut).astype(np.float32) / 255
    return rows[np.random.default_rng(0).permutation(len(rows))]


def shifted_images(n_copies: int) -> np.ndarray:
    """The images and copies moved by up to four pixels, half of them mirrored, as rows of 3,072 numbers."""
    whole, rng = images(), np.random.default_rng(0)
    padded = np.pad(whole, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
    copies = [whole]
    for _ in range(n_copies):
        places = rng.integers(0, 9, (len(whole), 2))
        copy = np.stack([image[i : i + 32, j : j + 32] for image, (i, j) in zip(padded, places, strict=True)])
        mirrored = rng.random(len(whole)) < 0.5
        copy[mirrored] = copy[mirrored, :, ::-1]
        copies.append(copy)
    rows = np.concatenate(copies).reshape(-1, 3072).astype(np.float32) / 255
    return rows[rng.permutation(len(rows))]


def generated(n_rows: int, n_features: int, seed: int = 0) -> np.ndarray:
    """Rows whose variances fall as 1 / position, about 50 centres."""
    rng = np.random.default_rng(seed)
    scales = 1 / np.sqrt(np.arange(1, n_features + 1, dtype=np.float32))
    centers = rng.standard_normal((50, n_features), np.float32)
    noise = rng.standard_normal((n_rows, n_features), np.float32)
    return (noise + centers[rng.integers(0, 50, n_rows)]) * scales


def source_of(matrix: np.ndarray, batch_rows: int = 5000):
    """Stream the rows of a matrix as the formats' readers do."""
    n_features = matrix.shape[1]
    indices = np.tile(np.arange(n_features, dtype=np.int32), min(batch_rows, len(matrix)))
    batches = []
    for start in range(0, len(matrix), batch_rows):
        part = matrix[start : start + batch_rows]
        indptr = np.arange(0, part.size + 1, n_features)
        batches.append(RowBatch(indptr, indices[: part.size], part.reshape(-1), n_features))
    return lambda: iter(batches)
