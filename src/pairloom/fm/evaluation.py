"""Rows held out to measure every epoch on."""

from __future__ import annotations

import numpy as np

from pairloom.errors import UserError
from pairloom.fm.chunks import Chunk, PackedPairs, chunks_of
from pairloom.fm.data import RowSource
from pairloom.fm.distributed import HostsTraining
from pairloom.fm.state import TrainingState

__all__ = ["validation_chunks", "validation_loss"]


def validation_chunks(source: RowSource | None, state: TrainingState) -> list[Chunk]:
    """Read the validation rows, features scaled as those trained on; none where there is no source."""
    if source is None:
        return []
    batches = (state.prepared(batch) for batch in source())
    chunks = list(chunks_of(batches, np.random.default_rng(0), shuffle=False))
    if not chunks:
        raise UserError("Validation data must hold at least one row. Got none.")
    for chunk in chunks:
        chunk.scale_features(state.feature_scale)
    return chunks


def validation_loss(chunks: list[Chunk], state: TrainingState, hosts: HostsTraining | None = None) -> float:
    """Return the mean squared error, in the units of the labels, or the log loss; over the rows of all hosts."""
    total = weight = 0.0
    for chunk in chunks:
        rows = chunk.data.unpack() if isinstance(chunk.data, PackedPairs) else chunk.data
        scores = state.scores(chunk).astype(np.float64)
        labels = np.asarray(rows.labels, np.float64)
        weights = np.ones(chunk.n_rows) if rows.weights is None else rows.weights.astype(np.float64)
        if state.settings.task == "regression":
            losses = (scores * state.label_scale.scale + state.label_scale.mean - labels) ** 2
        else:
            losses = np.logaddexp(0.0, np.where(labels > 0.5, -scores, scores))
        total, weight = total + float((weights * losses).sum()), weight + float(weights.sum())
    if hosts is not None:
        total, weight = hosts.sum(np.array([total, weight])).tolist()
    return total / weight if weight > 0 else 0.0
