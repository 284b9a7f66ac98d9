"""Real data sets as sparse matrices, encoded alike for every system that is measured."""

from __future__ import annotations

import gzip
import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

__all__ = ["DATASETS", "Split", "data_folder", "has_data", "hold_out"]

N_NUMBERS, CRITEO_ROWS = 13, 80_000


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to measure on; labels are numbers, or 0 and 1."""

    name: str
    train: sparse.csr_array
    train_labels: np.ndarray
    test: sparse.csr_array
    test_labels: np.ndarray

    def as_classes(self, threshold: float, name: str) -> Split:
        """Return the same rows with labels 1 from a threshold on, else 0."""
        return Split(
            name,
            self.train,
            (self.train_labels >= threshold).astype(np.float32),
            self.test,
            (self.test_labels >= threshold).astype(np.float32),
        )

    def head(self, n_rows: int) -> Split:
        """Return the first training rows and as large a share of the test rows."""
        n_rows = min(n_rows, self.train.shape[0])
        n_test = max(1, n_rows * self.test.shape[0] // self.train.shape[0])
        return Split(
            self.name,
            self.train[:n_rows],
            self.train_labels[:n_rows],
            self.test[:n_test],
            self.test_labels[:n_test],
        )


def data_folder() -> Path:
    """Return the folder of public data sets: PAIRLOOM_DATA, or shared/data beside the checkout."""
    named = os.environ.get("PAIRLOOM_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"


def has_data() -> bool:
    """Whether there is such a folder; says where it should be if not."""
    if data_folder().is_dir():
        return True
    print(
        f"This benchmark needs public data sets: set PAIRLOOM_DATA to their folder, or put them into {data_folder()}"
    )
    return False


def hold_out(split: Split, *, share: float = 0.1, last: bool = False, random_state: int = 0) -> Split:
    """Return a split of the training rows alone, to choose settings on: a random part, or the last rows."""
    n_rows = split.train.shape[0]
    n_held = round(n_rows * share)
    order = np.arange(n_rows) if last else np.random.default_rng(random_state).permutation(n_rows)
    kept, held = np.sort(order[: n_rows - n_held]), np.sort(order[n_rows - n_held :])
    return Split(
        split.name, split.train[kept], split.train_labels[kept], split.train[held], split.train_labels[held]
    )


def one_hot(columns: Iterable[np.ndarray], widths: Iterable[int]) -> sparse.csr_array:
    """Return rows of ones from columns of numbers, each in [0, width)."""
    starts = np.cumsum([0, *widths])
    indices = np.stack([column + start for column, start in zip(columns, starts, strict=False)], axis=1)
    n_rows, length = indices.shape
    indptr = np.arange(0, n_rows * length + 1, length, dtype=np.int64)
    ones = np.ones(indices.size, np.float32)
    return sparse.csr_array((ones, indices.ravel().astype(np.int32), indptr), shape=(n_rows, int(starts[-1])))


def _ratings(name: str, train: np.ndarray, test: np.ndarray) -> Split:
    users, items = (np.unique(np.concatenate([train[:, j], test[:, j]])) for j in range(2))

    def encode(part: np.ndarray) -> sparse.csr_array:
        columns = [np.searchsorted(users, part[:, 0]), np.searchsorted(items, part[:, 1])]
        return one_hot(columns, [len(users), len(items)])

    return Split(
        name, encode(train), train[:, 2].astype(np.float32), encode(test), test[:, 2].astype(np.float32)
    )


def movielens_100k() -> Split:
    """Official split ua: the test is ten ratings of every user."""
    folder = data_folder() / "movielens-100k"
    train, test = (np.loadtxt(folder / f"ua.{part}.gz", usecols=(0, 1, 2)) for part in ("base", "test"))
    return _ratings("MovieLens-100K ua", train, test)


def movielens_likes() -> Split:
    """Ratings of 4 and more against the others."""
    return movielens_100k().as_classes(4, "MovieLens-100K ua likes")


def movielens_latest_small() -> Split:
    """A random tenth is the test."""
    path = data_folder() / "movielens-latest-small" / "ratings.csv.gz"
    ratings = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0, 1, 2))
    held = np.random.default_rng(0).random(len(ratings)) < 0.1
    return _ratings("MovieLens latest-small", ratings[~held], ratings[held])


def _libsvm(name: str, *paths: Path) -> Split:
    from pairloom.formats import read_rows

    parts: list[tuple[sparse.csr_array, np.ndarray]] = []
    batches = [list(read_rows(path, content_type="libsvm")) for path in paths]
    width = max(batch.n_features for part in batches for batch in part)
    for part in batches:
        rows = [
            sparse.csr_array(
                (
                    np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values,
                    batch.indices,
                    batch.indptr,
                ),
                shape=(batch.n_rows, width),
            )
            for batch in part
        ]
        parts.append((sparse.csr_array(sparse.vstack(rows)), np.concatenate([b.labels for b in part])))  # pyright: ignore
    (train, train_labels), (test, test_labels) = parts if len(parts) == 2 else (parts[0], parts[0])
    return Split(name, train, train_labels, test, test_labels)


def frappe() -> Split:
    """App usage with context, labels 1 and -1; the test is the original validation part."""
    folder = data_folder() / "frappe"
    split = _libsvm(
        "Frappe", folder / "frappe.train.regenerated.libfm.gz", folder / "frappe.validation.libfm.gz"
    )
    order = np.random.default_rng(0).permutation(split.train.shape[0])
    return Split(split.name, split.train[order], split.train_labels[order], split.test, split.test_labels)


def frappe_used() -> Split:
    """Frappe with labels 0 and 1."""
    return frappe().as_classes(0.5, "Frappe used")


def adult() -> Split:
    """Census rows of fourteen categories (a9a)."""
    folder = data_folder() / "libsvm-binary"
    return _libsvm("a9a", folder / "a9a.libsvm.gz", folder / "a9a.t.libsvm.gz").as_classes(0.5, "a9a")


def abalone() -> Split:
    """Eight numbers, most of them dense; every fifth row is the test."""
    whole = _libsvm("abalone", data_folder() / "libsvm-binary" / "abalone.libsvm.gz")
    test = np.arange(whole.train.shape[0]) % 5 == 4
    return Split(
        "abalone", whole.train[~test], whole.train_labels[~test], whole.train[test], whole.train_labels[test]
    )


def criteo(*, n_rows: int = CRITEO_ROWS, min_count: int = 10) -> Split:
    """Ad clicks: numbers bucketed by logarithm, categories one-hot; rare and unseen ones share a feature.

    The first four fifths of the rows train and alone decide the vocabulary; the others are the test.
    """
    path = data_folder() / "criteo-display-ads" / "criteo_80k.tsv.gz"
    with gzip.open(path, "rt", encoding="ascii") as file:
        fields = [line.rstrip("\n").split("\t") for line in itertools.islice(file, n_rows)]
    labels, *texts = zip(*fields, strict=True)
    n_train = n_rows * 4 // 5
    columns: list[np.ndarray] = []
    widths: list[int] = []
    for j, column in enumerate(texts):
        tokens = (
            _log_buckets(column) if j < N_NUMBERS else np.array([int(text or "-1", 16) for text in column])
        )
        known, counts = np.unique(tokens[:n_train], return_counts=True)
        known = known[counts >= min_count]
        place = np.searchsorted(known, tokens).clip(0, max(0, len(known) - 1))
        seen = known[place] == tokens if len(known) else np.zeros(n_rows, bool)
        columns.append(np.where(seen, place + 1, 0))
        widths.append(len(known) + 1)
    matrix, clicks = one_hot(columns, widths), np.array(labels).astype(np.float32)
    return Split("Criteo 80k", matrix[:n_train], clicks[:n_train], matrix[n_train:], clicks[n_train:])


def _log_buckets(texts: tuple[str, ...]) -> np.ndarray:
    """Return bucket floor(log(x)^2) of numbers above 2, and small numbers, and missing ones, as they are."""
    numbers = np.array([float(text or "-1000") for text in texts])
    return np.where(numbers > 2, np.floor(np.log(np.maximum(numbers, 1)) ** 2) + 3, numbers)


DATASETS: dict[str, Callable[[], Split]] = {
    "movielens-100k": movielens_100k,
    "movielens-likes": movielens_likes,
    "movielens-latest-small": movielens_latest_small,
    "frappe": frappe,
    "frappe-used": frappe_used,
    "a9a": adult,
    "abalone": abalone,
    "criteo": criteo,
}
