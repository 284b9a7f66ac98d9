"""Rows that the tests of the factorization machine train on."""

import numpy as np

from pairloom.rows import RowBatch


def random_rows(
    n_rows: int,
    n_features: int,
    *,
    row_length: int | None = None,
    values: bool = True,
    binary: bool = False,
    weights: bool = False,
    seed: int = 0,
) -> RowBatch:
    """Rows without repeated indices and with labels of pure noise; some rows are empty unless a length is given."""
    rng = np.random.default_rng(seed)
    lengths = np.full(n_rows, row_length) if row_length is not None else rng.integers(0, 6, n_rows)
    starts = rng.integers(0, n_features, n_rows)
    steps = rng.integers(1, max(2, n_features // max(1, lengths.max())), n_rows)
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    indices = (np.repeat(starts, lengths) + place * np.repeat(steps, lengths)) % n_features
    labels = rng.integers(0, 2, n_rows) if binary else rng.normal(size=n_rows)
    return RowBatch(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        indices.astype(np.int32),
        rng.normal(size=len(indices)).astype(np.float32) if values else None,
        n_features,
        labels.astype(np.float32),
        rng.uniform(0.2, 2, n_rows).astype(np.float32) if weights else None,
    )


def ratings(
    n_rows: int = 4000,
    n_users: int = 60,
    n_items: int = 40,
    *,
    binary: bool = False,
    noise: float = 0.3,
    seed: int = 0,
) -> RowBatch:
    """Rows of a user and an item; labels of planted weights and factors around 3.5, with noise."""
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, n_users, n_rows), rng.integers(0, n_items, n_rows)
    planted = np.random.default_rng(99)
    weights, factors = (
        planted.normal(0, 0.5, n_users + n_items),
        planted.normal(0, 0.6, (n_users + n_items, 3)),
    )
    clean = weights[users] + weights[n_users + items]
    clean += (factors[users] * factors[n_users + items]).sum(axis=1)
    labels = 3.5 + clean + rng.normal(0, noise, n_rows)
    if binary:
        labels = clean + rng.normal(0, noise, n_rows) > 0
    pairs = np.stack([users, n_users + items], axis=1).astype(np.int32)
    return RowBatch(
        np.arange(0, 2 * n_rows + 1, 2, dtype=np.int64), pairs.ravel(), None, n_users + n_items,
        labels.astype(np.float32),
    )  # fmt: skip


def rmse(predictions: np.ndarray, rows: RowBatch) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((predictions.astype(float) - rows.labels) ** 2)))
