"""Samples of a factorization machine's parameters: averaged predictions and how sure they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError
from pairloom.fm.sweeps.terms import Terms, prepared_rows
from pairloom.kernels.fm import allocate_table, fm_scores
from pairloom.kernels.gibbs import gibbs_stride
from pairloom.kernels.latents import level_probabilities
from pairloom.kernels.native_rows import native_rows
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["Posterior", "sample_bytes"]

Float16Array = npt.NDArray[np.float16]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
LARGEST = 6e4
SUMMARY_FACTORS = 64
SUMMARY_PASSES, SUMMARY_SAMPLES = 2, 64
NAMES = ("biases", "noise", "cuts", "linear", "factors", "levels")
LOGIT_PER_PROBIT = 1.702
"""The logistic function of so many times x is within 0.01 of the normal distribution function of x."""


def sample_bytes(n_features: int, n_factors: int) -> int:
    """Return the memory of one kept sample."""
    return 2 * n_features * (n_factors + 1) + 1024


@dataclass(frozen=True, slots=True)
class Posterior:
    """Kept samples, float16 in the units that they were drawn in: labels and features scaled to about 1.

    Parameters
    ----------
    biases, noise : ndarrays of shape (n_samples,), float64
        The bias, and the standard deviation of a label around its score.
    cuts : ndarray of shape (n_samples, n_cuts), float64
        Where labels are levels of a hidden number, normal around the score with variance one: what lies between these.
    linear : ndarray of shape (n_samples, n_features), float16
    factors : ndarray of shape (n_samples, n_features, n_factors), float16
    levels : ndarray of shape (n_cuts + 1,), float64
        The levels' values; empty where labels are no levels, and are normal around scores.
    label_mean, label_scale : float
        A score times the scale plus the mean is in the units of the labels.
    feature_scale : ndarray of shape (n_features,), float32, optional
        What values are divided by.
    """

    biases: Float64Array
    noise: Float64Array
    cuts: Float64Array
    linear: Float16Array
    factors: Float16Array
    levels: Float64Array
    label_mean: float = 0.0
    label_scale: float = 1.0
    feature_scale: Float32Array | None = None

    @property
    def n_samples(self) -> int:
        """Samples that predictions are averaged over."""
        return len(self.biases)

    @property
    def n_features(self) -> int:
        """Width of the rows."""
        return self.linear.shape[1]

    @property
    def n_factors(self) -> int:
        """Factors of a sample."""
        return self.factors.shape[2]

    def scores(self, rows: RowBatch | RelationalRows, *, n_threads: int = 1) -> Iterator[Float32Array]:
        """Yield each sample's scores of shape (n_rows,), in the units of the labels.

        Parameters
        ----------
        rows : RowBatch or RelationalRows
            No index repeats within a row; columns beyond the width add nothing. Shared parts are scored once.
        """
        scores = self._joined if isinstance(rows, RelationalRows) else self._plain
        for values in scores(rows, n_threads):  # type: ignore[arg-type]
            yield values * np.float32(self.label_scale) + np.float32(self.label_mean)

    def _plain(self, rows: RowBatch, n_threads: int) -> Iterator[Float32Array]:
        from pairloom.fm.model import model_layout

        inside = rows.indices < self.n_features
        used = np.unique(rows.indices[inside])
        places = np.searchsorted(used, rows.indices).astype(np.int32)
        places[~inside] = len(used)
        values = rows.values
        if self.feature_scale is not None:
            scale = np.append(self.feature_scale, np.float32(1))[np.minimum(rows.indices, self.n_features)]
            values = (1 / scale if values is None else values / scale).astype(np.float32)
        native = native_rows(RowBatch(rows.indptr, places, values, len(used)))
        k_padded, stride = model_layout(self.n_factors)
        table = allocate_table(len(used), stride)
        everything = len(used) == self.n_features
        for sample in range(self.n_samples):
            table[:, : self.n_factors] = self.factors[sample] if everything else self.factors[sample, used]
            table[:, k_padded] = self.linear[sample] if everything else self.linear[sample, used]
            yield fm_scores(
                table, k_padded, float(self.biases[sample]), native, rows.n_rows, n_threads=n_threads
            )

    def _joined(self, rows: RelationalRows, n_threads: int) -> Iterator[Float32Array]:
        terms = Terms(prepared_rows(rows.labelled(None), self.feature_scale, n_features=self.n_features))
        native = terms.native(self.n_factors, root_weights=None, n_threads=n_threads)
        factors = np.zeros((len(terms.columns), gibbs_stride(self.n_factors)), np.float32)
        scores = np.empty(rows.n_rows)
        for sample in range(self.n_samples):
            factors[:, : self.n_factors] = self.factors[sample, terms.columns]
            native.scores(self.linear[sample, terms.columns].astype(np.float32), factors, scores)
            yield (scores + self.biases[sample]).astype(np.float32)

    def moments(
        self, rows: RowBatch | RelationalRows, *, n_threads: int = 1
    ) -> tuple[Float64Array, Float64Array]:
        """Return what labels are expected, and their standard deviations around it, both of shape (n_rows,).

        The deviation counts both what the parameters leave open and the noise of a label.
        """
        if len(self.levels):
            shares = self.distribution(rows, n_threads=n_threads)
            mean = shares @ self.levels
            return mean, np.sqrt(np.maximum(shares @ np.square(self.levels) - np.square(mean), 0.0))
        total, squares = np.zeros(rows.n_rows), np.zeros(rows.n_rows)
        first: Float64Array | None = None
        for scores in self.scores(rows, n_threads=n_threads):
            first = scores.astype(np.float64) if first is None else first
            total += scores - first
            squares += np.square(scores - first)
        assert first is not None
        mean = total / self.n_samples
        spread = np.sqrt(np.maximum(squares / self.n_samples - mean**2, 0.0))
        return first + mean, np.hypot(spread, self.noise_deviation)

    def distribution(self, rows: RowBatch | RelationalRows, *, n_threads: int = 1) -> Float64Array:
        """Return the probabilities of the levels, of shape (n_rows, n_levels)."""
        shares = np.zeros((rows.n_rows, len(self.levels)))
        for scores, cuts in zip(self.scores(rows, n_threads=n_threads), self.cuts, strict=True):
            shares += level_probabilities(scores, cuts, n_threads=n_threads)
        return shares / self.n_samples

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of a label around its score, in the units of the labels."""
        return float(self.label_scale * np.sqrt(np.mean(np.square(self.noise))))

    def summary(self) -> tuple[float, Float32Array, Float32Array]:
        """Return bias, weights and factors of one machine that scores nearly as the mean over samples does.

        The mean of ``<v_i, v_j>`` over samples is an inner product of longer factors; of these, the leading directions
        are kept, at most 64.

        References
        ----------
        Halko, Martinsson and Tropp, "Finding Structure with Randomness", SIAM Review 2011, algorithm 4.4.
        """
        n_kept = min(SUMMARY_FACTORS, self.n_features, self.n_samples * self.n_factors)
        rng = np.random.default_rng(0)
        basis = rng.normal(size=(self.n_features, min(n_kept + 8, self.n_features))).astype(np.float32)
        few = range(0, self.n_samples, -(-self.n_samples // SUMMARY_SAMPLES))
        for _ in range(SUMMARY_PASSES):
            product = self._times_gram(basis, few)
            basis = np.linalg.qr(product)[0].astype(np.float32)
        values, vectors = np.linalg.eigh(basis.T @ self._times_gram(basis, few))
        leading = np.argsort(-values)[:n_kept]
        factors = (basis @ vectors[:, leading]) * np.sqrt(np.maximum(values[leading], 0.0))
        offset, slope = self._line()
        weights = self.linear.mean(axis=0, dtype=np.float64) * slope
        factors = factors.astype(np.float64) * np.sqrt(slope)
        if self.feature_scale is not None:
            weights, factors = weights / self.feature_scale, factors / self.feature_scale[:, None]
        bias = offset + slope * float(self.biases.mean())
        return bias, weights.astype(np.float32), factors.astype(np.float32)

    def _line(self) -> tuple[float, float]:
        """Return the line from mean scores to the scores of one machine: log-odds of two levels, values of more."""
        if not len(self.levels):
            return self.label_mean, self.label_scale
        cuts = self.cuts.mean(axis=0)
        if len(cuts) == 1:
            return -LOGIT_PER_PROBIT * float(cuts[0]), LOGIT_PER_PROBIT
        scores = np.linspace(cuts[0] - 0.5, cuts[-1] + 0.5, 33, dtype=np.float32)
        slope, offset = np.polyfit(scores, level_probabilities(scores, cuts) @ self.levels, 1)
        return float(offset), float(slope)

    def _times_gram(self, basis: Float32Array, samples: Sequence[int]) -> Float32Array:
        """Return the mean over samples of ``V V^T`` times a matrix."""
        total = np.zeros(basis.shape, np.float32)
        for sample in samples:
            factors = self.factors[sample].astype(np.float32)
            total += factors @ (factors.T @ basis)
        return total / np.float32(len(samples))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a model file holds of this, by name."""
        return {f"posterior.{name}": getattr(self, name) for name in NAMES}

    def described(self) -> dict[str, Any]:
        """Return what a model's metadata says of this."""
        return {
            "n_samples": self.n_samples, "n_factors": self.n_factors, "n_levels": len(self.levels),
            "labels": [self.label_mean, self.label_scale],
        }  # fmt: skip

    @classmethod
    def restored(
        cls,
        said: Any,
        arrays: dict[str, npt.NDArray[Any]],
        n_features: int,
        feature_scale: Float32Array | None,
        source: str,
    ) -> Posterior:
        """Undo `arrays` and `described`; DataError for what they never returned."""
        try:
            n_samples, n_factors, n_levels = (
                int(said[name]) for name in ("n_samples", "n_factors", "n_levels")
            )
            mean, scale = (float(x) for x in said["labels"])
            found = [np.array(arrays.pop(f"posterior.{name}")) for name in NAMES]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                "complete samples", got=repr(error), source=source, action="Train again"
            ) from error
        n_cuts = max(0, n_levels - 1)
        shapes = (
            (n_samples,), (n_samples,), (n_samples, n_cuts), (n_samples, n_features),
            (n_samples, n_features, n_factors), (n_levels,),
        )  # fmt: skip
        types = (np.float64, np.float64, np.float64, np.float16, np.float16, np.float64)
        sound = (
            n_samples > 0
            and all(
                a.shape == shape and a.dtype == t for a, shape, t in zip(found, shapes, types, strict=True)
            )
            and all(bool(np.isfinite(array).all()) for array in found)
            and bool((np.diff(found[2], axis=1) > 0).all())
            and np.isfinite(mean)
            and 0 < scale < np.inf
        )
        if not sound:
            raise DataError(
                "finite samples of the shape that the metadata names", source=source,
                action="Train again; the file is damaged",
            )  # fmt: skip
        if feature_scale is not None and len(feature_scale) < n_features:
            feature_scale = np.append(feature_scale, np.ones(n_features - len(feature_scale), np.float32))
        return cls(*found, label_mean=mean, label_scale=scale, feature_scale=feature_scale)  # type: ignore[arg-type]
