"""One chain: parameters, residuals, and the sweep that moves them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.fm.settings import FMSettings
from pairloom.fm.sweeps.likelihoods import Likelihood
from pairloom.fm.sweeps.priors import Priors
from pairloom.fm.sweeps.terms import Terms
from pairloom.kernels.gibbs import JoinedRows, gibbs_stride

__all__ = ["Chain"]

Float32Array = npt.NDArray[np.float32]
REFRESH = 32
"""Sweeps after which residuals, which follow every update in float32, are computed anew."""
SHAPE = RATE = BIAS_PRECISION = 1.0
INITIAL_STREAM, UNSEEN_STREAM = 2**32, 2**33


class Chain:
    """Parameters of the seen columns, in the order of the terms.

    Parameters
    ----------
    settings : FMSettings
        Solver "mcmc" draws every parameter from its conditional distribution, "als" takes the minimum.
    terms : Terms
    rows : JoinedRows
        Their kernels; several chains share them.
    likelihood : Likelihood
        Of the chain's own.
    weights : ndarray of shape (n_rows,), float32, optional
    number : int
        Tells the chains of a training apart.
    """

    def __init__(
        self,
        settings: FMSettings,
        terms: Terms,
        rows: JoinedRows,
        likelihood: Likelihood,
        *,
        weights: Float32Array | None = None,
        number: int = 0,
    ) -> None:
        self.settings, self.terms, self.number = settings, terms, number
        self._rows, self.likelihood, self._weights = rows, likelihood, weights
        self.weight = float(terms.n_rows) if weights is None else float(weights.sum(dtype=np.float64))
        k, stride = settings.n_factors, gibbs_stride(settings.n_factors)
        self.draws = settings.solver == "mcmc"
        precisions = {} if self.draws else {
            "linear_precision": settings.linear_decay, "factors_precision": settings.factors_decay,
        }  # fmt: skip
        self.priors = Priors(terms.prior_starts, k, stride, **precisions)
        rng = self._random(INITIAL_STREAM)
        self.linear = np.zeros(len(terms.columns), np.float32)
        self.factors = np.zeros((len(terms.columns), stride), np.float32)
        self.factors[:, :k] = rng.normal(0.0, settings.factors_scale, (len(terms.columns), k))
        self.bias = likelihood.first_bias
        self.noise_precision = 1.0
        self.n_sweeps = 0
        self.diverged = False
        self.residuals = np.empty(0, np.float32)

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.random_state, self.number, stream])

    def refresh(self) -> None:
        """Compute residuals, scores less targets, from the parameters."""
        scores = np.empty(self.terms.n_rows)
        self._rows.scores(self.linear, self.factors, scores)
        self.residuals = (scores + self.bias - self.likelihood.targets).astype(np.float32)

    def scores(self) -> Float32Array:
        """Return the scores of all rows, of shape (n_rows,)."""
        return self.residuals + self.likelihood.targets

    def sweep(self) -> None:
        """Move every parameter once."""
        if self.n_sweeps % REFRESH == 0 or not len(self.residuals):
            self.refresh()
        rng = self._random(self.n_sweeps)
        if not self.likelihood.draws_noise:
            scores = self.scores()
            self.likelihood.renew(scores, rng, draws=self.draws)
            self.residuals = scores - self.likelihood.targets
        if self.draws:
            self._draw_noise(rng)
            self.priors.draw(self.linear, self.factors, rng)
        self._move_bias(rng)
        p = self.priors
        self._rows.sweep(
            self.residuals, self.linear, self.factors, p.means, p.precisions, p.linear_means,
            p.linear_precisions, self.noise_precision, self.draws, int(rng.integers(2**63)),
        )  # fmt: skip
        self.n_sweeps += 1

    def spread(self) -> tuple[Float32Array, Float32Array]:
        """Return weights (n_features,) and factors (n_features, n_factors) of all columns.

        Those of columns that no row holds are drawn from their prior; of ALS, they are zeros.
        """
        k, terms = self.settings.n_factors, self.terms
        linear = np.zeros(terms.n_features, np.float32)
        factors = np.zeros((terms.n_features, k), np.float32)
        linear[terms.columns], factors[terms.columns] = self.linear, self.factors[:, :k]
        unseen, prior_of = terms.prior_of_unseen()
        if self.draws and len(unseen) and terms.n_priors:
            rng, p = self._random(UNSEEN_STREAM + self.n_sweeps), self.priors
            linear[unseen] = rng.normal(p.linear_means[prior_of], 1 / np.sqrt(p.linear_precisions[prior_of]))
            factors[unseen] = rng.normal(p.means[prior_of, :k], 1 / np.sqrt(p.precisions[prior_of, :k]))
        return linear, factors

    def go_on_from(self, earlier: Chain) -> None:
        """Begin with an earlier chain's parameters, where it has the columns."""
        linear, factors = earlier.spread()
        known = self.terms.columns < len(linear)
        columns = self.terms.columns[known]
        self.linear[known] = linear[columns]
        self.factors[known, : self.settings.n_factors] = factors[columns]
        self.bias, self.noise_precision = earlier.bias, earlier.noise_precision
        self.n_sweeps = earlier.n_sweeps

    def _draw_noise(self, rng: np.random.Generator) -> None:
        if self.likelihood.draws_noise:
            self.noise_precision = float(
                rng.gamma((SHAPE + self.weight) / 2, 2 / (RATE + self._squared_error()))
            )

    def _squared_error(self) -> float:
        if self._weights is None:
            return float(self.residuals @ self.residuals)
        return float(self._weights @ np.square(self.residuals))

    def _move_bias(self, rng: np.random.Generator) -> None:
        total = (
            self.residuals.sum(dtype=np.float64) if self._weights is None else self._weights @ self.residuals
        )
        alpha, prior = self.noise_precision, BIAS_PRECISION if self.draws else 0.0
        precision = alpha * self.weight + prior
        step = -(alpha * float(total) + prior * self.bias) / precision
        if self.draws:
            step += float(rng.normal()) / np.sqrt(precision)
        self.bias += step
        self.residuals += np.float32(step)
