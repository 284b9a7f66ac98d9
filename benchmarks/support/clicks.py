"""Click rows of 39 one-hot fields hashed to a million features: Zipf ids, labels of a planted factorization machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pairloom.fm.model import FactorizationMachine
from pairloom.formats import write_rows
from pairloom.rows import RowBatch

__all__ = ["N_FEATURES", "N_FIELDS", "Clicks", "make_clicks"]

N_FIELDS, N_FEATURES, PLANTED_FACTORS = 39, 1_000_000, 8
BLOCK_ROWS = 100_000
ZIPF = 1.1


@dataclass(frozen=True)
class Clicks:
    """Where the rows are: libsvm text, and the same as arrays of column numbers and labels.

    Parameters
    ----------
    text : path
        The training rows as libsvm text.
    train, held_out : pair of ndarrays
        Column numbers of shape (n_rows, 39), int32, mapped from disk; labels of shape (n_rows,), float32.
    best_log_loss : float
        Of the planted probabilities on the held-out rows: no model can be expected to do better.
    """

    text: Path
    train: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]
    best_log_loss: float


class Generator:
    """Draws blocks of rows; a block depends on its seed alone."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        sizes = np.exp(rng.uniform(np.log(10), np.log(500_000), N_FIELDS)).round().astype(int)
        self.fields = [self._field(number, size) for number, size in enumerate(sizes)]
        weights = rng.normal(0, 0.3, N_FEATURES).astype(np.float32)
        factors = rng.normal(0, 0.12, (N_FEATURES, PLANTED_FACTORS)).astype(np.float32)
        self.planted = FactorizationMachine.from_arrays("classification", -1.0, weights, factors)

    @staticmethod
    def _field(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the cumulative chances of a field's ids and the columns they are hashed to."""
        chances = np.cumsum(1.0 / np.arange(1, size + 1) ** ZIPF)
        ids = np.arange(1, size + 1, dtype=np.uint64)
        mixed = ids * np.uint64(0x9E3779B97F4A7C15) + np.uint64(number * 0xBF58476D1CE4E5B9 % 2**64)
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(29)
        return chances / chances[-1], (mixed % np.uint64(N_FEATURES)).astype(np.int32)

    def block(self, seed: int, n_rows: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Return column numbers, labels, and the summed log loss of the planted probabilities."""
        rng = np.random.default_rng([2, seed])
        columns = np.empty((n_rows, N_FIELDS), np.int32)
        for number, (chances, hashed) in enumerate(self.fields):
            place = np.searchsorted(chances, rng.random(n_rows))
            columns[:, number] = hashed[place.clip(0, len(hashed) - 1)]
        p = self.planted.predict(as_rows(columns)).astype(np.float64)
        labels = (rng.random(n_rows) < p).astype(np.float32)
        loss = -np.log(np.where(labels > 0.5, p, 1 - p)).sum()
        return columns, labels, float(loss)


def as_rows(columns: np.ndarray, labels: np.ndarray | None = None) -> RowBatch:
    """Return column numbers of shape (n_rows, 39) as rows of ones."""
    indptr = np.arange(0, columns.size + 1, columns.shape[1], dtype=np.int64)
    return RowBatch(indptr, np.ascontiguousarray(columns).ravel(), None, N_FEATURES, labels)


def make_clicks(folder: Path, n_rows: int, n_held_out: int, n_threads: int = 2) -> Clicks:
    """Generate the rows, or take those that the folder holds."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"clicks-{n_rows}"
    text, unfinished = folder / f"{stem}.libsvm", folder / f"{stem}.libsvm.part"
    arrays = [folder / f"{stem}-{name}.npy" for name in ("train", "labels", "held", "held-labels", "loss")]
    if not all(path.exists() for path in (text, *arrays)):
        generator = Generator()
        parts = [(0, n_rows, arrays[0], arrays[1]), (1 << 20, n_held_out, arrays[2], arrays[3])]
        losses = [_write(generator, *part, n_threads) for part in parts]
        np.save(arrays[4], losses[1] / n_held_out)
        columns, labels = (np.load(path, mmap_mode="r") for path in arrays[:2])
        starts = range(0, n_rows, BLOCK_ROWS)
        write_rows(
            (as_rows(columns[a : a + BLOCK_ROWS], np.array(labels[a : a + BLOCK_ROWS])) for a in starts),
            unfinished,
            content_type="libsvm",
        )
        unfinished.rename(text)
    loaded = [np.load(path, mmap_mode="r") for path in arrays]
    return Clicks(text, (loaded[0], loaded[1]), (loaded[2], loaded[3]), float(loaded[4]))


def _write(
    generator: Generator, first_seed: int, n_rows: int, columns_path: Path, labels_path: Path, n_threads: int
) -> float:
    columns = np.lib.format.open_memmap(columns_path, "w+", np.int32, (n_rows, N_FIELDS))
    labels = np.empty(n_rows, np.float32)
    starts = range(0, n_rows, BLOCK_ROWS)

    def fill(start: int) -> float:
        stop = min(n_rows, start + BLOCK_ROWS)
        columns[start:stop], labels[start:stop], loss = generator.block(first_seed + start, stop - start)
        return loss

    with ThreadPoolExecutor(n_threads) as pool:
        total = sum(pool.map(fill, starts))
    columns.flush()
    np.save(labels_path, labels)
    return total
