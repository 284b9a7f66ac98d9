"""How well a model answers: measured by the model itself, or by what its answers are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pairloom.algorithms.contract import Model, Predictions
from pairloom.errors import DataError, UserError
from pairloom.metrics import BinaryCounts, MulticlassCounts, RegressionErrors
from pairloom.rows import RowBatch

__all__ = ["measured"]


def measured(
    model: Model, batches: Iterable[RowBatch], *, owner: str, source: str, n_threads: int
) -> dict[str, float]:
    """Measure a model on rows.

    Parameters
    ----------
    model : Model
        One that has a method ``measure(batches, n_threads=...)`` measures itself.
    batches : iterable of RowBatch
    owner, source : str
        What errors call the model and the rows.
    n_threads : int

    Raises
    ------
    DataError
        For rows without labels, where answers are compared with these.
    UserError
        For a model whose answers nothing can be compared with.
    """
    own = getattr(model, "measure", None)
    if own is not None:
        return own(_labelled(batches, source), n_threads=n_threads)
    sums: Any = None
    for batch in batches:
        found = model.predict(batch, n_threads=n_threads)
        if sums is None:
            sums = _sums_for(found, owner)
        sums.add(batch, found, source)
    assert sums is not None, "a source without rows is refused when it is read"
    return sums.result()


def _labelled(batches: Iterable[RowBatch], source: str) -> Iterable[RowBatch]:
    for batch in batches:
        if batch.labels is None:
            raise DataError("a label in every row", got="none", source=source, action="Give labelled rows")
        yield batch


def _sums_for(found: Predictions, owner: str) -> Any:
    if "distance_to_cluster" in found:
        return _Clusters()
    if "score" not in found:
        raise UserError(
            f"evaluate: must be given a model whose answers can be compared with labels. Got a model of {owner}, which "
            f"answers {', '.join(found)}. Use 'pairloom predict' for its answers."
        )
    if found["score"].ndim > 1:
        return _Labelled(MulticlassCounts(found["score"].shape[1]))
    return _Decisions() if "predicted_label" in found else _Labelled(RegressionErrors())


class _Labelled:
    """Scores beside labels."""

    def __init__(self, sums: Any) -> None:
        self.sums = sums

    def add(self, batch: RowBatch, found: Predictions, source: str) -> None:
        (batch,) = _labelled([batch], source)
        self.sums.update(batch.labels, found["score"], batch.weights)

    def result(self) -> dict[str, float]:
        return self.sums.result()


class _Decisions:
    """Labels that were decided on, at whatever threshold, and the scores behind them where these are probabilities."""

    def __init__(self) -> None:
        self.decisions, self.scores, self.are_probabilities = BinaryCounts(), BinaryCounts(), True

    def add(self, batch: RowBatch, found: Predictions, source: str) -> None:
        (batch,) = _labelled([batch], source)
        assert batch.labels is not None
        self.decisions.update(batch.labels, found["predicted_label"], batch.weights)
        scores = found["score"]
        self.are_probabilities &= bool(((scores >= 0) & (scores <= 1)).all())
        if self.are_probabilities:
            self.scores.update(batch.labels, scores, batch.weights)

    def result(self) -> dict[str, float]:
        found = self.decisions.result()
        name = "binary_classification_cross_entropy"
        del found[name]
        return {name: self.scores.result()[name], **found} if self.are_probabilities else found


class _Clusters:
    """Distances to the nearest centre; labels are of no effect."""

    def __init__(self) -> None:
        self.n_rows, self.squares = 0, 0.0

    def add(self, batch: RowBatch, found: Predictions, source: str) -> None:
        self.n_rows += batch.n_rows
        self.squares += float(np.square(found["distance_to_cluster"], dtype=np.float64).sum())

    def result(self) -> dict[str, float]:
        return {"msd": self.squares / self.n_rows, "ssd": self.squares}
