"""The trainer of the solvers "als" and "mcmc": sweeps over data in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pairloom.collective import ALONE, Collective
from pairloom.errors import DivergenceError, UserError
from pairloom.fm.chunks import LabelScale
from pairloom.fm.data import LabelSums, RowSource
from pairloom.fm.epochs import BatchReport, EpochReport, OnBatch, OnEpoch
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.settings import FMSettings
from pairloom.fm.sweeps.chain import Chain
from pairloom.fm.sweeps.collected import collect_rows, large_values
from pairloom.fm.sweeps.samples import Samples, check_memory
from pairloom.fm.sweeps.terms import Terms, prepared_rows
from pairloom.fm.sweeps.validation import HeldOut
from pairloom.metrics import REGRESSION, RegressionErrors
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["SweepTrainer"]

Keep = Callable[[int, Callable[[Path], None]], None]


class SweepTrainer:
    """Trains one factorization machine by sweeps; a further `fit` begins where the last one ended.

    Parameters
    ----------
    settings : FMSettings
        With solver "als" or "mcmc".
    """

    def __init__(self, settings: FMSettings) -> None:
        self.settings = settings
        self.history: list[EpochReport] = []
        self._labels = LabelSums()
        self._label_scale = LabelScale()
        self._feature_scale: npt.NDArray[np.float32] | None = None
        self._chain: Chain | None = None
        self._samples: Samples | None = None
        self._n_features = 0

    @property
    def n_features(self) -> int:
        """Features that have parameters."""
        return self._n_features

    def fit(
        self,
        source: RowSource,
        *,
        validation: RowSource | None = None,
        on_epoch: OnEpoch | None = None,
        on_batch: OnBatch | None = None,
        batch_interval: int = 500,
        n_features: int | None = None,
        epochs: int | None = None,
        resume: Path | None = None,
        keep: Keep | None = None,
        collective: Collective = ALONE,
    ) -> SweepTrainer:
        """Sweep for a number of epochs; see `pairloom.fm.training.FMTrainer.fit`.

        Raises
        ------
        UserError
            When the memory for the samples is not there, or for several hosts.
        DataError
            For rows that cannot be trained on.
        """
        settings = self.settings
        if collective.size > 1:
            raise UserError(
                f"The solver '{settings.solver}' trains on one host. Got {collective.size}. Take 'adam', or one host."
            )
        rows, self._labels = collect_rows(source(), settings.task)
        self._n_features = max(rows.n_features, n_features or 0)
        self._feature_scale = large_values(rows, self._n_features) if settings.scale_features else None
        self._label_scale = LabelScale(
            self._labels.mean if settings.center_labels else 0.0,
            self._labels.deviation if settings.scale_labels else 1.0,
        )
        n_epochs = epochs or settings.epochs
        self._samples = Samples.planned(settings, n_epochs) if settings.solver == "mcmc" else None
        if self._samples is not None:
            check_memory(self._samples.n_planned, self._n_features, settings.n_factors)
        chain = self._begin(prepared_rows(rows, self._feature_scale, n_features=self._n_features))
        burn_in = None if self._samples is None else self._samples.burn_in
        held_out = (
            None
            if validation is None
            else HeldOut(validation, self._label_scale, self._feature_scale, burn_in)
        )
        with threadpool_limits(settings.n_threads):  # numpy's own threads would spin between its short calls
            self._run(chain, held_out, n_epochs, on_epoch, on_batch)
        return self

    def _begin(self, rows: RowBatch | RelationalRows) -> Chain:
        terms = Terms(rows, n_features=self._n_features)
        assert rows.labels is not None
        roots = None if rows.weights is None else np.sqrt(rows.weights)
        native = terms.native(self.settings.n_factors, root_weights=roots, n_threads=self.settings.n_threads)
        chain = Chain(
            self.settings, terms, native, self._label_scale.apply(rows.labels), weights=rows.weights
        )
        if self._chain is not None:
            chain.go_on_from(self._chain)
        self._chain = chain
        return chain

    def _run(
        self,
        chain: Chain,
        held_out: HeldOut | None,
        n_epochs: int,
        on_epoch: OnEpoch | None,
        on_batch: OnBatch | None,
    ) -> None:
        for epoch in range(n_epochs):
            started = time.perf_counter()
            chain.sweep()
            metrics = self._metrics(chain)
            if not np.isfinite(metrics["mse"]):
                raise DivergenceError(
                    f"Training diverged in sweep {epoch + 1}: the loss is not finite. Scale large values down."
                )
            if self._samples is not None:
                self._samples.take(epoch, chain)
            seconds = time.perf_counter() - started
            held_out_loss = None if held_out is None else held_out.loss(chain, epoch)
            report = EpochReport(
                epoch,
                metrics["mse"],
                held_out_loss,
                chain.terms.n_rows,
                seconds,
                held_out is not None,
                metrics,
            )
            self.history.append(report)
            if on_batch is not None and on_batch(BatchReport(epoch, 0, metrics)):
                return
            if on_epoch is not None and on_epoch(report):
                return

    def _metrics(self, chain: Chain) -> dict[str, float]:
        scale = self._label_scale.scale
        errors = RegressionErrors(chain.weight, chain.squared_error * scale**2, chain.absolute_error * scale)
        results = errors.result()
        return {metric.name: results[metric.name] for metric in REGRESSION}

    def model(self) -> FactorizationMachine:
        """Return what was learned: of "mcmc", the samples, and one machine that is nearly their mean."""
        assert self._chain is not None
        scale = self._label_scale
        more = {
            "label_range": (self._labels.lowest, self._labels.highest),
            "metadata": {"label_scale": [scale.mean, scale.scale], "solver": self.settings.solver},
            "feature_scale": self._feature_scale,
        }
        if self._samples is not None:
            posterior = self._samples.posterior(self._chain, scale, self._feature_scale)
            with threadpool_limits(self.settings.n_threads):
                bias, weights, factors = posterior.summary()
            return FactorizationMachine.from_arrays(
                self.settings.task, bias, weights, factors, posterior=posterior, **more
            )
        linear, factors = self._chain.spread()
        weights, factors = linear * np.float32(scale.scale), factors * np.float32(np.sqrt(scale.scale))
        if self._feature_scale is not None:
            weights, factors = weights / self._feature_scale, factors / self._feature_scale[:, None]
        bias = scale.mean + scale.scale * self._chain.bias
        return FactorizationMachine.from_arrays(self.settings.task, bias, weights, factors, **more)
