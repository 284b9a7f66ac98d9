"""A classifier calibrated on held-out rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from pairloom.errors import DataError, UserError
from pairloom.fm.calibration import CalibrationMethod, calibration_report, fit_calibration
from pairloom.fm.model import FactorizationMachine, probabilities
from pairloom.rows import RowBatch

__all__ = ["REPORT", "calibrate_model"]

REPORT = "calibration_report"
"""Where a model's metadata keeps what calibration was measured to do."""


def calibrate_model(
    model: FactorizationMachine,
    batches: Iterable[RowBatch],
    method: CalibrationMethod,
    *,
    source: str = "calibrate",
    n_threads: int = 1,
) -> FactorizationMachine:
    """Return a classifier whose probabilities follow what happened in held-out rows; its scores stay.

    Parameters
    ----------
    model : FactorizationMachine
        A classifier; a calibration that it has is replaced.
    batches : iterable of RowBatch
        Rows with labels 0 and 1 that it was not trained on.
    method : {"platt", "isotonic"}
    source : str
        What errors call the rows.
    n_threads : int

    Raises
    ------
    UserError
        For a regressor, or rows that hold one label only; DataError for rows without labels.
    """
    if model.task != "classification":
        raise UserError(
            "calibrate: must be given a classifier. Got a regressor, which answers no probabilities."
        )
    model = replace(model, calibration=None)
    scores: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    weighted = False
    for batch in batches:
        if batch.labels is None:
            raise DataError("a label in every row", got="none", source=source, action="Give labelled rows")
        scores.append(model.score(batch, n_threads=n_threads))
        labels.append(batch.labels)
        weighted |= batch.weights is not None
        weights.append(np.ones(batch.n_rows, np.float32) if batch.weights is None else batch.weights)
    if not scores:
        raise UserError(f"calibrate: must be given at least one row. Got none in {source}.")
    all_scores, truth = np.concatenate(scores), np.concatenate(labels)
    amounts = np.concatenate(weights) if weighted else None
    calibration = fit_calibration(method, all_scores, truth, amounts)
    report = calibration_report(method, all_scores, truth, amounts, probabilities(all_scores))
    return replace(model, calibration=calibration, metadata={**model.metadata, REPORT: report})
