"""What is kept of a sampled machine, beside what was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pairloom import FactorizationMachineRegressor
from pairloom.fm.sweeps.samples import Samples
from pairloom.rows import RowBatch

N_USERS, N_FILMS = 943, 1682


def ratings_of(path: Path) -> RowBatch:
    table = np.loadtxt(path, np.int64, delimiter="\t")
    pairs = np.stack([table[:, 0] - 1, N_USERS + table[:, 1] - 1], axis=1).astype(np.int32)
    starts = np.arange(0, 2 * len(table) + 1, 2, dtype=np.int64)
    return RowBatch(starts, pairs.ravel(), None, N_USERS + N_FILMS, table[:, 2].astype(np.float32))


def test_half_precision_does_not_move_the_error_on_ratings(data_folder, monkeypatch):
    """Predictions from float16 samples, beside the mean of what the chain scored with float32 parameters."""
    train, test = (
        ratings_of(next((data_folder / "movielens-100k").rglob(f"{name}*")))
        for name in ("u1.base", "u1.test")
    )
    drawn: list[np.ndarray] = []
    take = Samples.take
    pairs = test.indices.reshape(-1, 2)

    def take_and_score(self, epoch, chain):
        before = len(self.biases)
        take(self, epoch, chain)
        if len(self.biases) > before:
            weights, factors = chain.spread()
            scores = weights[pairs].sum(axis=1, dtype=np.float64) + chain.bias
            drawn.append(
                scores + (factors[pairs[:, 0]].astype(np.float64) * factors[pairs[:, 1]]).sum(axis=1)
            )

    monkeypatch.setattr(Samples, "take", take_and_score)
    model = FactorizationMachineRegressor(
        10, solver="mcmc", epochs=60, burn_in=10, n_samples=50, random_state=0
    )
    kept = model.fit(train, train.labels).predict(test)
    assert len(drawn) == 50
    exact = np.mean(drawn, axis=0) * train.labels.std(dtype=np.float64) + train.labels.mean(dtype=np.float64)

    def error(predictions):
        return np.sqrt(np.mean((predictions - test.labels.astype(np.float64)) ** 2))

    assert error(kept) < 0.93
    assert abs(error(kept) - error(exact)) < 1e-4
