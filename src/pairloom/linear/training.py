"""The training loop: passes of all candidates, the best of them, its threshold and its finish."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.collective import ALONE, Collective
from pairloom.errors import DivergenceError
from pairloom.linear.blas import few_blas_threads
from pairloom.linear.blocks import Block
from pairloom.linear.candidates import Candidate, candidates
from pairloom.linear.checkpoint import read_state, write_state
from pairloom.linear.data import RowSource, TrainingData
from pairloom.linear.finishing import Minimiser
from pairloom.linear.judging import Judge, Rival
from pairloom.linear.machines import Machine, make_machine, row_weights
from pairloom.linear.model import LinearModel
from pairloom.linear.objective import RowsObjective, block_scores
from pairloom.linear.settings import LinearSettings

__all__ = ["Interrupted", "LinearTrainer", "PassReport"]

Float64Array = npt.NDArray[np.float64]
JUDGED_TRAINING_ROWS = 10_000
LARGEST_FINISH = 1 << 26
"""Stored values up to which the finish is a matter of seconds."""
FINISH_STEPS = 200
FINISH_TOLERANCE = 1e-6
SECONDS_BETWEEN_TICKS = 2.0


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """Raised by a listener: training ends with what was learned so far."""


@dataclass(frozen=True, slots=True)
class PassReport:
    """One pass over the training rows.

    Parameters
    ----------
    number : int
        From 0.
    loss : float
        Mean over the rows of this pass, each before its step, of the candidate that is best so far.
    held_out_loss : float, optional
        Of the channel ``validation``.
    n_rows : int
    seconds : float
    """

    number: int
    loss: float
    held_out_loss: float | None
    n_rows: int
    seconds: float


@dataclass(slots=True)
class Best:
    """The best candidate of any pass, by mean loss on the rows that judge."""

    loss: float = np.inf
    number: int = 0
    candidate: int = 0
    weights: Float64Array | None = None
    bias: Float64Array | None = None


OnPass = Callable[[PassReport], None]
OnTick = Callable[[int, int, float], None]
KeepState = Callable[[int, Callable[[Path], None]], None]


@dataclass
class LinearTrainer:
    """Trains linear models side by side and keeps the best.

    Parameters
    ----------
    settings : LinearSettings
    collective : Collective
        Hosts average their candidates after every pass, and finish the best on the gradients of all rows.
    """

    settings: LinearSettings
    collective: Collective = ALONE
    candidates: tuple[Candidate, ...] = ()
    history: list[PassReport] = field(default_factory=list[PassReport])

    def fit(
        self,
        source: RowSource,
        *,
        validation: RowSource | None = None,
        n_features: int | None = None,
        latest: Path | None = None,
        keep: KeepState | None = None,
        on_pass: OnPass | None = None,
        on_tick: OnTick | None = None,
    ) -> LinearModel:
        """Train on the rows that `source` opens; both listeners may raise `Interrupted`.

        Raises
        ------
        DataError
            For rows that cannot be trained on.
        DivergenceError
            When every candidate leaves the finite numbers.
        """
        with (
            few_blas_threads(1),
            np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"),
        ):
            self._prepare(source, validation, n_features or 0)
            if latest is not None:
                self._restore(latest)
            interrupted = self._run_passes(keep, on_pass, on_tick)
            return self._conclude(on_tick, interrupted=interrupted)

    def _prepare(self, source: RowSource, validation: RowSource | None, n_features: int) -> None:
        s = self.settings
        self.data = TrainingData(source, s, self.collective, n_features)
        self.data.load()
        self._has_validation = validation is not None
        self.judges: list[Block] = (
            self.data.sample(min(s.n_calibration_rows or JUDGED_TRAINING_ROWS, JUDGED_TRAINING_ROWS))
            if validation is None
            else self.data.held_out(validation)
        )
        if self.data.streaming:
            self.judges = [block.part(0, block.n_rows, copy=True) for block in self.judges]
            self.data.kept.clear()
        counts = self.data.class_counts
        balance = float(counts[0] / counts[1]) if s.task == "binary" and counts.min() > 0 else 1.0
        self._fixed_weight = {"auto": 1.0, "balanced": balance}.get(str(s.positive_weight), s.positive_weight)
        self._class_weights = self._balanced_classes()
        for block in (*self.data.kept, *self.judges):
            self._weigh(block)
        self.candidates = candidates(
            s, n_features=self.data.n_features, dense=self.data.dense, balance=balance
        )
        self.judge = Judge(
            s, self.collective, self.judges, self.candidates, float(self._fixed_weight), self._has_validation
        )
        rng = np.random.default_rng([s.random_state, 0])
        shape = (self.data.n_features, len(self.candidates) * s.n_outputs)
        initial = (
            rng.uniform(-s.init_scale, s.init_scale, shape)
            if s.init == "uniform"
            else rng.normal(0.0, s.init_scale, shape)
        ).astype(np.float32)
        self.machine: Machine = make_machine(
            s, self.candidates, initial, dense=self.data.dense, n_pass_batches=self.data.n_pass_batches
        )
        self.best = Best()

    def _balanced_classes(self) -> npt.NDArray[np.float32] | None:
        if not self.settings.balance_classes:
            return None
        counts = self.data.class_counts
        present = counts > 0
        weights = np.where(present, counts.sum() / (present.sum() * np.where(present, counts, 1)), 0.0)
        return weights.astype(np.float32)

    def _weigh(self, block: Block) -> Block:
        if self._class_weights is not None:
            of_class = self._class_weights[block.labels.astype(np.intp)]
            block.weights = of_class if block.weights is None else block.weights * of_class
        return block

    def _run_passes(self, keep: KeepState | None, on_pass: OnPass | None, on_tick: OnTick | None) -> bool:
        """Train pass after pass; true when a listener interrupted."""
        s = self.settings
        while len(self.history) < s.epochs:
            if len(self.history) - self.best.number > s.patience and self.history:
                return False
            number = len(self.history)
            try:
                report = self._run_pass(number, on_tick)
            except Interrupted:
                self._judge(number)
                return True
            self.history.append(report)
            if keep is not None:
                keep(number + 1, self._write)
            if on_pass is not None:
                try:
                    on_pass(report)
                except Interrupted:
                    return True
        return False

    def _run_pass(self, number: int, on_tick: OnTick | None) -> PassReport:
        started = told = time.perf_counter()
        rng = np.random.default_rng([self.settings.random_state, 2, number])
        sums = np.zeros(len(self.candidates))
        n_rows, n_batches = 0, 0
        weight = 0.0

        def tick(rows: int, losses: Float64Array) -> None:
            nonlocal sums, n_rows, n_batches, told
            sums = sums + losses
            n_rows, n_batches = n_rows + rows, n_batches + 1
            now = time.perf_counter()
            if on_tick is not None and now - told > SECONDS_BETWEEN_TICKS and self.collective.size == 1:
                told = now
                on_tick(number, n_batches, self._in_units(float(sums[self.best.candidate]) / n_rows))

        for block in self.data.pass_blocks(rng):
            if self.data.streaming:
                self.machine.grow(self.data.n_features)
                self._weigh(block)
            weight += self._weight_of(block)
            self.machine.train_block(block, rng, tick)
        self.machine.end_pass()
        self._meet_hosts(n_rows)
        total = self.collective.allreduce(np.concatenate([sums, [weight]]))
        held_out = self._judge(number)
        loss = self._in_units(float(total[self.best.candidate]) / max(float(total[-1]), 1e-30))
        n_all = int(self.collective.allreduce(np.array([float(n_rows)]))[0])
        return PassReport(number, loss, held_out, n_all, time.perf_counter() - started)

    def _weight_of(self, block: Block) -> float:
        weights = row_weights(block, np.array([self._fixed_weight], np.float32))
        return float(block.n_rows) if weights is None else float(weights.sum())

    def _meet_hosts(self, n_rows: int) -> None:
        """Average what hosts learned in a pass, by their rows."""
        if self.collective.size == 1:
            return
        state = self.machine.state()
        total = float(self.collective.allreduce(np.array([float(n_rows)]))[0])
        share = n_rows / max(total, 1.0)
        for name, array in state.items():
            if array.dtype.kind == "f":
                summed = self.collective.allreduce(array.astype(np.float64) * share)
                state[name] = summed.astype(array.dtype)
        self.machine.restore(state)

    def _judge(self, number: int) -> float | None:
        """Measure all candidates; remember the best. Returns its loss on channel ``validation``."""
        weights, bias = self.machine.parameters()
        losses = self.judge.losses(weights, bias)
        if not self._has_validation:
            losses = losses + self.judge.penalties(weights)
        losses = np.nan_to_num(losses, nan=np.inf, posinf=np.inf)
        candidate = int(np.argmin(losses))
        loss = float(losses[candidate])
        if not np.isfinite(loss):
            raise DivergenceError(
                f"Training diverged in epoch {number + 1}: no model has a finite loss. Lower 'learning_rate'."
            )
        if self.best.weights is None or loss < self.best.loss * (1 - self.settings.tolerance):
            self.best = Best(loss, number, candidate, *self._columns(weights, bias, candidate))
        self._last = (weights, bias)
        return self._in_units(loss) if self._has_validation else None

    def _columns(
        self, weights: Float64Array, bias: Float64Array, candidate: int
    ) -> tuple[Float64Array, Float64Array]:
        k = self.settings.n_outputs
        chosen = slice(candidate * k, (candidate + 1) * k)
        return np.ascontiguousarray(weights[:, chosen]), bias[chosen].copy()

    def _in_units(self, loss: float) -> float:
        """Turn a loss of scaled labels into one of labels as they came."""
        squared = self.settings.loss.name in ("squared", "huber", "eps_insensitive_squared")
        scale = self.data.label_scale.scale
        return loss * (scale * scale if squared else scale)

    def _conclude(self, on_tick: OnTick | None, *, interrupted: bool) -> LinearModel:
        """Choose by the criterion, finish the winner, and keep whichever of both is better."""
        weights, bias = self._last
        rivals = [(self.best.candidate, self._required(self.best.weights), self._required(self.best.bias))]
        if self.settings.task == "binary" and self.settings.criterion != "loss_function":
            rivals += [(c, *self._columns(weights, bias, c)) for c in range(len(self.candidates))]
        winner = min(rivals, key=self.judge.badness)
        if self._finishes():
            finished = self._finished(winner, on_tick)
            # Training rows cannot tell whether the optimum is too near to them; it is what was asked for.
            winner = min([finished, winner], key=self.judge.badness) if self._has_validation else finished
        candidate, weights, bias = winner
        self._check_finite(weights, bias)
        self.chosen = self.candidates[candidate]
        self.scaled_parameters = (weights, bias)
        return self._model(weights, bias)

    def _required(self, array: Float64Array | None) -> Float64Array:
        assert array is not None
        return array

    def _finishes(self) -> bool:
        s = self.settings
        if self.data.streaming:
            return False
        if s.finish is not None:
            return s.finish
        n_stored = float(self.collective.allreduce(np.array([float(self.data.n_stored)]))[0])
        return s.optimizer == "auto" and s.rate is None and n_stored * s.n_outputs <= LARGEST_FINISH

    def _finished(self, winner: Rival, on_tick: OnTick | None) -> Rival:
        candidate, weights, bias = winner
        objective = RowsObjective(
            self.data.kept, self.data.n_features, self.candidates[candidate], self.settings, self.collective
        )
        told = time.perf_counter()
        n_steps = 0

        def tick(value: float) -> None:
            nonlocal told, n_steps
            n_steps += 1
            now = time.perf_counter()
            if on_tick is not None and now - told > SECONDS_BETWEEN_TICKS and self.collective.size == 1:
                told = now
                on_tick(len(self.history) - 1, n_steps, self._in_units(value))

        start = np.concatenate([bias[None, :], weights])
        if not self.settings.use_bias:
            start[0] = 0.0
        try:
            found = Minimiser(objective, FINISH_STEPS, FINISH_TOLERANCE, tick).minimised(start)
        except Interrupted:
            return winner
        return candidate, np.ascontiguousarray(found[1:]), found[0]

    def _model(self, weights: Float64Array, bias: Float64Array) -> LinearModel:
        s = self.settings
        threshold = None
        if s.task == "binary":
            raw = 0.0 if s.criterion == "loss_function" else self.judge.threshold(weights, bias)[0]
            threshold = float(np.float32(1 / (1 + np.exp(-raw)) if s.loss.name == "logistic" else raw))
        weights, bias = self.data.feature_scale.fold(weights, bias)
        labels = self.data.label_scale
        return LinearModel(
            s.task, s.loss.name, weights * labels.scale, bias * labels.scale + labels.mean, threshold,
            {"label_scale": labels.scale},
        )  # fmt: skip

    def _check_finite(self, weights: Float64Array, bias: Float64Array) -> None:
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise DivergenceError(
                "Training diverged: weights left the finite numbers. Lower 'learning_rate'."
            )

    def training_rows(self) -> list[tuple[Block, Float64Array]]:
        """Return kept blocks with the chosen model's scores, scaled as in training."""
        if self.data.streaming:
            return []
        return [(block, block_scores(block, *self.scaled_parameters)) for block in self.data.kept]

    def given_weights(self, block: Block) -> npt.NDArray[np.float32] | None:
        """Return the weights that a block's rows came with."""
        if self._class_weights is None or block.weights is None:
            return block.weights
        return block.weights / self._class_weights[block.labels.astype(np.intp)]

    def _write(self, folder: Path) -> None:
        about: dict[str, Any] = {
            "best": [self.best.loss, self.best.number, self.best.candidate],
            "history": [[r.number, r.loss, r.held_out_loss, r.n_rows, r.seconds] for r in self.history],
            "n_features": self.data.n_features,
        }
        arrays = {f"machine.{name}": array for name, array in self.machine.state().items()}
        arrays["best.weights"] = self._required(self.best.weights)
        arrays["best.bias"] = self._required(self.best.bias)
        write_state(folder, json.dumps(about), arrays)

    def _restore(self, folder: Path) -> None:
        about, arrays = read_state(folder)
        self.machine.grow(int(about["n_features"]))
        self.data.n_features = max(self.data.n_features, int(about["n_features"]))
        self.machine.restore(
            {
                name.removeprefix("machine."): array
                for name, array in arrays.items()
                if name.startswith("machine.")
            }
        )
        loss, number, candidate = about["best"]
        self.best = Best(
            float(loss), int(number), int(candidate), arrays["best.weights"], arrays["best.bias"]
        )
        self.history = [PassReport(*entry) for entry in about["history"]]
        self._last = self.machine.parameters()
