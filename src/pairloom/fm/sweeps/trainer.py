"""The trainer of the solvers "als" and "mcmc": sweeps over data in memory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pairloom.collective import ALONE, Collective
from pairloom.errors import DivergenceError, UserError
from pairloom.fm.chunks import LabelScale
from pairloom.fm.data import LabelSums, RowSource
from pairloom.fm.epochs import BatchReport, Best, EpochReport, OnBatch, OnEpoch
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.posterior import LOGIT_PER_PROBIT, Posterior
from pairloom.fm.settings import FMSettings
from pairloom.fm.sweeps.chain import Chain
from pairloom.fm.sweeps.checkpoint import read_sweeps, write_sweeps
from pairloom.fm.sweeps.collected import collect_rows, large_values
from pairloom.fm.sweeps.convergence import Trace, left_behind, split_r_hat
from pairloom.fm.sweeps.likelihoods import Levels, Likelihood, Normal, levels_of
from pairloom.fm.sweeps.measured import loss_of, measured
from pairloom.fm.sweeps.samples import Samples, check_memory
from pairloom.fm.sweeps.terms import Terms, prepared_rows
from pairloom.fm.sweeps.validation import HeldOut
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["SweepTrainer"]

Float32Array = npt.NDArray[np.float32]
Keep = Callable[[int, Callable[[Path], None]], None]


@dataclass(frozen=True, slots=True)
class _Listener:
    """Who is told of epochs, and who keeps states."""

    on_epoch: OnEpoch | None
    on_batch: OnBatch | None
    keep: Keep | None

    def hears(self, report: EpochReport) -> bool:
        """Tell of an epoch; return whether training is to stop."""
        batch = BatchReport(report.epoch, 0, report.metrics)
        if self.on_batch is not None and self.on_batch(batch):
            return True
        return bool(self.on_epoch is not None and self.on_epoch(report))


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
        self._chains: list[Chain] = []
        self._samples: list[Samples] = []
        self._traces: list[Trace] = []
        self._n_features = 0
        self._best: tuple[float, Float32Array, Float32Array] | None = None

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
        feature_decay: npt.NDArray[np.float32] | None = None,
    ) -> SweepTrainer:
        """Sweep for a number of epochs; see `pairloom.fm.training.FMTrainer.fit`.

        Parameters
        ----------
        feature_decay : ndarray of shape (n_features,), float32, optional
            Of "als": what the L2 penalties of each column are multiplied by, all above 0.

        Raises
        ------
        UserError
            When the memory for the samples is not there, or for several hosts.
        DataError
            For rows that cannot be trained on.
        DivergenceError
            When no chain has a finite loss.
        """
        settings = self.settings
        if collective.size > 1:
            raise UserError(
                f"The solver '{settings.solver}' trains on one host. Got {collective.size}. Take 'adam', or one host."
            )
        rows, self._labels = collect_rows(source(), settings.task)
        self._n_features = max(rows.n_features, n_features or 0)
        self._feature_scale = large_values(rows, self._n_features) if settings.scale_features else None
        if feature_decay is not None:
            # A column whose values are divided by s has parameters s times as large, which pay s^2 times as much.
            scale = 1.0 if self._feature_scale is None else self._feature_scale
            self._feature_scale = np.asarray(scale * np.sqrt(feature_decay), np.float32)
        self._label_scale = self._scale_of_labels()
        n_epochs = epochs or settings.epochs
        n_chains = settings.n_chains if settings.solver == "mcmc" else 1
        self._samples = []
        if settings.solver == "mcmc":
            self._samples = [Samples.planned(settings, n_epochs) for _ in range(n_chains)]
            n_samples = sum(samples.n_planned for samples in self._samples)
            check_memory(n_samples, self._n_features, settings.n_factors)
        prepared = prepared_rows(rows, self._feature_scale, n_features=self._n_features)
        self._begin(prepared, n_chains)
        first, self._best = 0, None
        if resume is not None:
            self.history = read_sweeps(resume, settings, self._chains, self._samples, self._traces)
            first = len(self.history)
        burn_in = self._samples[0].burn_in if self._samples else None
        held_out = (
            None if validation is None else HeldOut(validation, settings.task, self._feature_scale, burn_in)
        )
        with threadpool_limits(settings.n_threads):  # numpy's own threads would spin between its short calls
            self._run(prepared, held_out, range(first, n_epochs), _Listener(on_epoch, on_batch, keep))
        return self

    def _scale_of_labels(self) -> LabelScale:
        settings = self.settings
        if settings.task == "classification" or settings.likelihood == "ordinal":
            return LabelScale()
        return LabelScale(
            self._labels.mean if settings.center_labels else 0.0,
            self._labels.deviation if settings.scale_labels else 1.0,
        )

    def _begin(self, rows: RowBatch | RelationalRows, n_chains: int) -> None:
        terms = Terms(rows, n_features=self._n_features)
        roots = None if rows.weights is None else np.sqrt(rows.weights)
        native = terms.native(self.settings.n_factors, root_weights=roots, n_threads=self.settings.n_threads)
        earlier = self._chains
        self._chains = [
            Chain(self.settings, terms, native, self._likelihood(rows), weights=rows.weights, number=number)
            for number in range(n_chains)
        ]
        self._traces = [Trace(rows.n_rows) for _ in self._chains]
        for chain, before in zip(self._chains, earlier, strict=False):
            if not before.diverged:
                chain.go_on_from(before)

    def _likelihood(self, rows: RowBatch | RelationalRows) -> Likelihood:
        settings = self.settings
        assert rows.labels is not None
        if settings.task == "regression" and settings.likelihood == "normal":
            return Normal(rows.labels, self._label_scale)
        values = np.array([0.0, 1.0]) if settings.task == "classification" else levels_of(rows.labels)
        return Levels(rows.labels, values, weights=rows.weights, n_threads=settings.n_threads)

    def _run(
        self,
        rows: RowBatch | RelationalRows,
        held_out: HeldOut | None,
        epochs: range,
        listener: _Listener,
    ) -> None:
        assert rows.labels is not None
        labels, best = rows.labels.astype(np.float64), Best()
        for epoch in epochs:
            started = time.perf_counter()
            loss, metrics = self._sweep(epoch, labels, rows.weights)
            seconds = time.perf_counter() - started
            held_out_loss = (
                None
                if held_out is None
                else held_out.loss([c for c in self._chains if not c.diverged], epoch)
            )
            is_best = self._is_best(best, epoch, held_out_loss)
            report = EpochReport(epoch, loss, held_out_loss, rows.n_rows, seconds, is_best, metrics)
            self.history.append(report)
            if listener.keep is not None:
                listener.keep(epoch + 1, self._write)
            if listener.hears(report) or (
                held_out is not None and best.waited(epoch, self.settings.patience)
            ):
                return

    def _sweep(
        self, epoch: int, labels: npt.NDArray[np.float64], weights: Float32Array | None
    ) -> tuple[float, dict[str, float]]:
        """Move every chain once and take samples; return loss and metrics of the chains' mean."""
        task, one = self.settings.task, len(self._chains) == 1
        predicted: list[npt.NDArray[np.float64]] = []
        mean_loss, metrics = 0.0, dict[str, float]()
        for number, chain in enumerate(self._chains):
            if chain.diverged:
                continue
            chain.sweep()
            scores = chain.scores()
            predictions = chain.likelihood.predicted(scores)
            if one:
                loss, metrics = measured(task, labels, predictions, weights)
            else:
                loss = loss_of(task, labels, predictions, weights)
            if not (np.isfinite(loss) and np.isfinite(chain.noise_precision)):
                chain.diverged = True
                continue
            predicted.append(predictions)
            mean_loss = loss
            if self._samples:
                self._samples[number].take(epoch, chain)
                if epoch >= self._samples[number].burn_in:
                    self._traces[number].take(loss, chain.noise_precision, scores)
        if not predicted:
            raise DivergenceError(
                f"Training diverged in sweep {epoch + 1}: the loss is not finite. Scale large values down."
            )
        return (mean_loss, metrics) if one else measured(task, labels, np.mean(predicted, axis=0), weights)

    def _is_best(self, best: Best, epoch: int, held_out_loss: float | None) -> bool:
        """Whether a sweep's parameters are the best so far; they are kept where training may stop early."""
        if held_out_loss is None or self.settings.patience is None:
            return held_out_loss is not None
        if not best.is_beaten_by(held_out_loss, self.settings.tolerance):
            return False
        best.loss, best.epoch = held_out_loss, epoch
        self._best = (self._chains[0].bias, *self._chains[0].spread())
        return True

    def _write(self, folder: Path) -> None:
        write_sweeps(folder, self.settings, self._chains, self._samples, self._traces, history=self.history)

    def convergence(self) -> dict[str, Any]:
        """Return ``r_hat``, the largest of the watched quantities, and which chains predictions leave out, and why."""
        diverged = [number for number, chain in enumerate(self._chains) if chain.diverged]
        alive = [number for number in range(len(self._chains)) if number not in diverged]
        traces = [self._traces[number].values() for number in alive]
        stuck = [alive[place] for place in left_behind(traces)]
        used = [trace for number, trace in zip(alive, traces, strict=True) if number not in stuck]
        r_hat = split_r_hat(used)
        largest = float(r_hat.max()) if len(r_hat) and np.isfinite(r_hat).all() else None
        return {"r_hat": largest, "diverged": diverged, "stuck": stuck}

    def model(self) -> FactorizationMachine:
        """Return what was learned: of "mcmc", the samples, and one machine that is nearly their mean."""
        scale, task = self._label_scale, self.settings.task
        more: dict[str, Any] = {
            "label_range": (self._labels.lowest, self._labels.highest) if task == "regression" else None,
            "metadata": {"label_scale": [scale.mean, scale.scale], "solver": self.settings.solver},
            "feature_scale": self._feature_scale,
        }
        if self._samples:
            posterior = self._posterior(more["metadata"])
            with threadpool_limits(self.settings.n_threads):
                bias, weights, factors = posterior.summary()
            return FactorizationMachine.from_arrays(task, bias, weights, factors, posterior=posterior, **more)
        chain = self._chains[0]
        bias, linear, factors = self._best or (chain.bias, *chain.spread())
        slope = LOGIT_PER_PROBIT if task == "classification" else scale.scale
        weights, factors = linear * np.float32(slope), factors * np.float32(np.sqrt(slope))
        if self._feature_scale is not None:
            weights, factors = weights / self._feature_scale, factors / self._feature_scale[:, None]
        return FactorizationMachine.from_arrays(task, scale.mean + slope * bias, weights, factors, **more)

    def _posterior(self, metadata: dict[str, Any]) -> Posterior:
        metadata["convergence"] = said = self.convergence()
        if said["diverged"] or said["stuck"]:
            warnings.warn(
                f"Of {len(self._chains)} chains, predictions leave out {said['diverged'] + said['stuck']}: "
                f"{len(said['diverged'])} diverged, {len(said['stuck'])} stayed at a far higher loss.",
                stacklevel=4,
            )
        out = {*said["diverged"], *said["stuck"]}
        used = [number for number in range(len(self._chains)) if number not in out]
        chain = self._chains[used[0]]
        samples = Samples.merged([self._samples[number] for number in used], chain)
        return samples.posterior(self._label_scale, self._feature_scale, chain.likelihood.values)
