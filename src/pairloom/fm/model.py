"""A trained factorization machine: what it scores, predicts and explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.calibration import Calibration
from pairloom.fm.interactions.described import Interactions
from pairloom.fm.interactions.exact import exact_interactions, row_parts
from pairloom.fm.posterior import Posterior
from pairloom.fm.settings import Task
from pairloom.fm.sweeps.collected import plain_rows, rows_to_score
from pairloom.kernels._native import FmState
from pairloom.kernels.fm import Solver, allocate_table, fm_scores
from pairloom.kernels.native_rows import find_repeated, native_rows, sum_repeated, take_rows
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["FactorizationMachine", "model_layout", "probabilities", "refuse_interactions"]

Float32Array = npt.NDArray[np.float32]
SMALLEST = 1e-12


def model_layout(n_factors: int) -> tuple[int, int]:
    """Return (k_padded, stride) of the table that a model scores with."""
    state = FmState(Solver.SGD, n_factors)
    return state.k_padded, state.stride


def refuse_interactions(model: FactorizationMachine, owner: str) -> None:
    """Raise UserError for a machine whose features interact in another way than in plain pairs."""
    if model.interactions is not None:
        raise UserError(
            f"{owner}: must be given a machine of plain pairs. Got one of interactions '{model.interactions.kind}'. "
            "Train with 'pairwise' for this."
        )


def probabilities(scores: Float32Array) -> Float32Array:
    """Turn log-odds into probabilities, without overflow at either end."""
    with np.errstate(over="ignore"):
        return (1.0 / (1.0 + np.exp(-scores.astype(np.float64)))).astype(np.float32)


@dataclass(slots=True)
class FactorizationMachine:
    """A second-order factorization machine.

    The score of a row x is ``bias + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j``.

    Parameters
    ----------
    task : {"regression", "classification"}
    n_factors : int
    bias : float
    table : ndarray of shape (n_features, stride), float32
        Rows as the kernels read them: factors, padding, linear weight. See `weights` and `factors`.
    label_range : (float, float), optional
        Smallest and largest training label of a regressor.
    clip_predictions : bool
        Whether predictions are cut to `label_range`.
    metadata : mapping, optional
        What else belongs to the model (JSON values): feature names, hyperparameters, how labels were scaled.
    feature_scale : ndarray of shape (at most n_features,), float32, optional
        What values were divided by in training; folded into the parameters, and needed only to train on.
    calibration : Calibration, optional
        How a classifier's scores become probabilities; without it, by the logistic function.
    posterior : Posterior, optional
        Samples of the parameters. Scores are then means over samples; weights and factors are those of one machine
        that scores nearly the same, with factors of its own number.
    interactions : Interactions, optional
        How features interact where it is not in plain pairs; the rows of `table` are then as its layout says.

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010.
    """

    task: Task
    n_factors: int
    bias: float
    table: Float32Array
    label_range: tuple[float, float] | None = None
    clip_predictions: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    feature_scale: Float32Array | None = None
    calibration: Calibration | None = None
    posterior: Posterior | None = None
    interactions: Interactions | None = None

    @classmethod
    def from_arrays(
        cls, task: Task, bias: float, weights: Float32Array, factors: Float32Array, **more: Any
    ) -> FactorizationMachine:
        """Build a model of weights (n_features,) and factors (n_features, n_factors).

        With `interactions`, factors are of shape (n_features, n_blocks, n_factors).
        """
        interactions: Interactions | None = more.get("interactions")
        if interactions is not None:
            layout = interactions.layout(factors.shape[-1])
            table = layout.allocate(len(weights))
            layout.factors(table)[:] = factors
            layout.weights(table)[:] = weights
            return cls(task, factors.shape[-1], float(np.float32(bias)), table, **more)
        if factors.ndim != 2 or factors.shape[1] < 1 or weights.shape != factors.shape[:1]:
            raise UserError(
                "FactorizationMachine: 'factors' must be of shape (n_features, n_factors) and 'weights' "
                f"of shape (n_features,). Got {factors.shape} and {weights.shape}."
            )
        k_padded, stride = model_layout(factors.shape[1])
        table = allocate_table(len(weights), stride)
        table[:, : factors.shape[1]] = factors
        table[:, k_padded] = weights
        return cls(task, factors.shape[1], float(np.float32(bias)), table, **more)

    @property
    def k_padded(self) -> int:
        """Floats of a table row before the linear weight."""
        if self.interactions is not None:
            return self.interactions.layout(self.n_factors).native.linear
        return model_layout(self.n_factors)[0]

    @property
    def n_features(self) -> int:
        """Width of the rows it scores; features beyond add nothing."""
        return len(self.table)

    @property
    def weights(self) -> Float32Array:
        """Linear weights, of shape (n_features,), as a view."""
        return self.table[:, self.k_padded]

    @property
    def factors(self) -> Float32Array:
        """Factors, of shape (n_features, n_factors), as a view.

        Of field-aware machines (n_features, n_fields, n_factors), of higher orders (n_features, order - 1, n_factors).
        """
        if self.interactions is None:
            return self.table[:, : self.n_factors]
        return self.blocks[:, 0] if self.interactions.kind == "field-weighted" else self.blocks

    @property
    def blocks(self) -> Float32Array:
        """Factors of shape (n_features, n_blocks, n_factors), as a view, of a machine with other interactions."""
        if self.interactions is None:
            return self.factors[:, None]
        return self.interactions.layout(self.n_factors).factors(self.table)

    def score(self, rows: RowBatch | RelationalRows, *, n_threads: int = 1) -> Float32Array:
        """Return raw scores of shape (n_rows,): numbers for a regressor, log-odds for a classifier.

        They are finite: a score beyond float32 is the largest or smallest float32.
        """
        if self.posterior is not None:
            checked = rows_to_score(rows)
            with np.errstate(over="ignore", invalid="ignore"):
                means = self.posterior.moments(checked, n_threads=n_threads)[0]
                if self.task == "classification":
                    means = np.log(np.clip(means, SMALLEST, 1.0)) - np.log(np.clip(1 - means, SMALLEST, 1.0))
            return self._finite(means.astype(np.float32), checked)
        rows = plain_rows(rows).labelled(None) if isinstance(rows, RelationalRows) else rows.labelled(None)
        if self.interactions is not None:
            prepared = self.interactions.prepared(rows)
            found = self.interactions.score(self.table, self.n_factors, self.bias, prepared, n_threads)
            return self._finite(found, prepared)
        repeated = find_repeated(rows)
        scores = fm_scores(
            self.table, self.k_padded, self.bias, native_rows(rows), rows.n_rows, n_threads=n_threads
        )
        if repeated is not None:  # few, as a rule; only they are summed and scored once more
            some = np.flatnonzero(repeated)
            scores[some] = self.score(sum_repeated(take_rows(rows, some)), n_threads=n_threads)
        return self._finite(scores, rows)

    def _finite(self, scores: Float32Array, rows: RowBatch | RelationalRows) -> Float32Array:
        if not np.isfinite(scores).all():
            rows = rows.join() if isinstance(rows, RelationalRows) else rows
            beyond = np.flatnonzero(~np.isfinite(scores))
            scores[beyond] = self._scores_in_float64(take_rows(rows, beyond))
        return scores

    def _scores_in_float64(self, rows: RowBatch) -> Float32Array:
        """Score rows whose arithmetic leaves float32, one by one."""
        largest = float(np.finfo(np.float32).max)
        scores = np.empty(rows.n_rows, np.float32)
        for row in range(rows.n_rows):
            if self.interactions is not None:
                with np.errstate(over="ignore", invalid="ignore"):
                    parts = row_parts(self.interactions, self.n_features, rows, row)
                    exact = exact_interactions(self.interactions, self.blocks, parts) + self.bias
                    exact += float(self.weights[parts.features].astype(np.float64) @ parts.values)
                scores[row] = np.clip(np.nan_to_num(exact, nan=0.0), -largest, largest)
                continue
            part = slice(int(rows.indptr[row]), int(rows.indptr[row + 1]))
            inside = rows.indices[part] < self.n_features
            indices = rows.indices[part][inside]
            values = np.ones(len(inside)) if rows.values is None else rows.values[part].astype(np.float64)
            terms = self.factors[indices].astype(np.float64) * values[inside, None]
            crossed = 0.5 * (np.square(terms.sum(axis=0)) - np.square(terms).sum(axis=0)).sum()
            exact = self.bias + float(self.weights[indices].astype(np.float64) @ values[inside]) + crossed
            scores[row] = np.clip(exact, -largest, largest)
        return scores

    def predict_with_deviation(
        self, rows: RowBatch | RelationalRows, *, n_threads: int = 1
    ) -> tuple[Float32Array, Float32Array]:
        """Return predictions of a regressor and the standard deviations of labels around them, of shape (n_rows,).

        Raises
        ------
        UserError
            For a model without samples.
        """
        if self.posterior is None or self.task != "regression":
            raise UserError(
                "Standard deviations come from samples: the model must be a regressor of solver 'mcmc'. Train one."
            )
        means, deviations = self.posterior.moments(rows_to_score(rows), n_threads=n_threads)
        return self._clipped(means.astype(np.float32)), deviations.astype(np.float32)

    def predict_distribution(
        self, rows: RowBatch | RelationalRows, *, n_threads: int = 1
    ) -> tuple[npt.NDArray[np.float64], Float32Array]:
        """Return the levels that labels have, ascending, and their probabilities of shape (n_rows, n_levels).

        Raises
        ------
        UserError
            For a model whose labels are not levels.
        """
        if self.posterior is None or not len(self.posterior.levels):
            raise UserError(
                "Probabilities of levels come from a model of solver 'mcmc' with likelihood 'ordinal'. Train one."
            )
        shares = self.posterior.distribution(rows_to_score(rows), n_threads=n_threads)
        return self.posterior.levels, shares.astype(np.float32)

    def predict(self, rows: RowBatch | RelationalRows, *, n_threads: int = 1) -> Float32Array:
        """Return predictions of shape (n_rows,): numbers, or a classifier's probabilities of label 1."""
        scores = self.score(rows, n_threads=n_threads)
        if self.task == "classification":
            return (
                probabilities(scores) if self.calibration is None else self.calibration.probabilities(scores)
            )
        return self._clipped(scores)

    def _clipped(self, predictions: Float32Array) -> Float32Array:
        if self.clip_predictions and self.label_range is not None:
            lowest, highest = self.label_range
            return np.clip(predictions, np.float32(lowest), np.float32(highest))
        return predictions
