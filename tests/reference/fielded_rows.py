"""Rows of fields whose combinations decide the label."""

import numpy as np

from pairloom.rows import RowBatch


def crossed_rows(n_rows: int = 3000, *, binary: bool = True, seed: int = 0) -> RowBatch:
    """Rows of one id out of five in each of three fields; only what two fields say together matters."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 5, (n_rows, 3))
    planted = np.random.default_rng(7).normal(0, 1.5, (2, 5, 5))
    clean = planted[0][ids[:, 0], ids[:, 1]] + planted[1][ids[:, 1], ids[:, 2]]
    labels = clean > 0 if binary else clean + rng.normal(0, 0.2, n_rows)
    indices = (ids + np.arange(3) * 5).astype(np.int32)
    return RowBatch(
        np.arange(0, 3 * n_rows + 1, 3, dtype=np.int64), indices.ravel(), None, 15, labels.astype(np.float32),
        fields=np.tile(np.arange(3, dtype=np.int32), n_rows),
    )  # fmt: skip
