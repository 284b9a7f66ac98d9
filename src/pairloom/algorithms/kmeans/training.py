"""The passes of k-means: what each learns, keeps and tells, on one host or several."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.checkpoints import Checkpoints
from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.families.sketches.files import load_arrays, save_arrays
from pairloom.algorithms.families.sketches.hosts import (
    any_host,
    gathered,
    merged,
    same_everywhere,
)
from pairloom.algorithms.families.sketches.passes import read_pass
from pairloom.algorithms.kmeans import sketch
from pairloom.algorithms.kmeans.finalize import LocalLloyd, finalize, sampled_loss
from pairloom.algorithms.kmeans.hyperparameters import KMeansHyperparameters
from pairloom.algorithms.report import BatchMeasured, EpochEnded, Metrics, Report, StopTraining, TrainingEnded
from pairloom.collective import Collective
from pairloom.errors import DataError, UserError
from pairloom.rows import RowBatch

__all__ = ["Trainer", "load_state", "metrics_of", "save_state"]

Float64Array = npt.NDArray[np.float64]
STATE_FORMAT = "pairloom-kmeans-state"
STATE_ARRAYS = {
    "centers": ("float64", 2), "weights": ("float64", 1), "sample": ("float32", 2), "keys": ("float64", 1),
    "measured": ("float64", 1), "n_rows": ("int64", 1), "asked": ("int64", 1), "passes": ("int64", 1),
}  # fmt: skip
SECONDS_BETWEEN_REPORTS = 2.0
MEGABYTE = 1 << 20


def metrics_of(names: tuple[str, ...], n_rows: int, squares: float) -> dict[str, float]:
    """Return the metrics asked for, of rows and the sum of their squared distances."""
    values = {"msd": squares / n_rows if n_rows else 0.0, "ssd": squares}
    return {name: values[name] for name in names}


def save_state(state: State, folder: Path) -> None:
    """Write a state into a folder that exists."""
    save_arrays(folder, "state", STATE_FORMAT, state, {})


def load_state(folder: Path) -> State:
    """Read what `save_state` wrote; DataError when it is damaged or no state of k-means."""
    state, _ = load_arrays(folder, "state", STATE_FORMAT, STATE_ARRAYS)
    width, n_centers = state["centers"].shape[1], len(state["centers"])
    later = [name for name in ("moving", "sums", "totals") if name in state]
    sound = (
        len(state["weights"]) == n_centers
        and state["sample"].shape == (len(state["keys"]), width)
        and (len(state["measured"]), len(state["n_rows"]), len(state["asked"]), len(state["passes"]))
        == (2, 1, 7, 1)
        and len(later) in (0, 3)
        and (not later or state["moving"].shape == state["sums"].shape == (len(state["totals"]), width))
    )
    if not sound:
        raise DataError("arrays that fit one another", source=str(folder), action="Delete the checkpoint")
    return {name: array.copy() for name, array in state.items()}


@dataclass(slots=True)
class Trainer:
    """Makes the passes that were asked for.

    Parameters
    ----------
    asked : KMeansHyperparameters
    report : callable
    checkpoints : Checkpoints
    collective : Collective
    """

    asked: KMeansHyperparameters
    report: Report
    checkpoints: Checkpoints
    collective: Collective
    state: State = field(default_factory=State)
    seconds: float = 0.0
    told: float = field(default_factory=time.monotonic)
    epoch: int = 0
    stopped: bool = False

    def train(self, source: RowSource) -> Float64Array:
        """Return the centres of shape (k, n_features), the same on every host."""
        n_done = self._resume()
        for epoch in range(n_done, self.asked.epochs):
            self.epoch = epoch
            self._make_pass(source)
            if self.stopped:
                break
        centers = self._centers()
        n_passes = int(self.state["passes"][0])
        loss = sampled_loss(self.state, centers)
        n_rows = int(self.state["n_rows"][0])
        self.report(TrainingEnded(n_passes, self._metrics(n_rows, loss * n_rows), self.seconds))
        return centers

    def _resume(self) -> int:
        """Take up the newest state that any host kept; states are the same on all after a pass."""
        kept = self.checkpoints.latest()
        own = State() if kept is None else load_state(kept)
        if self.collective.size > 1:
            states = gathered(own or {"passes": np.zeros(1, np.int64)}, self.collective)
            newest = max(states, key=lambda state: int(state["passes"][0]))
            own = newest if int(newest["passes"][0]) else State()
            own = {name: array.copy() for name, array in own.items()}
            if own:
                own["asked"][5] = self.collective.rank
        self.state = own
        return int(own["passes"][0]) if own else 0

    def _make_pass(self, source: RowSource) -> None:
        if self.epoch:
            self.state = sketch.begin_pass(self.state, self._centers())
        before = self.state
        ended = read_pass(
            source, self.asked.mini_batch_size, self._learn,
            epoch=self.epoch, report=self.report, can_stop=self._can_stop,
            measured=lambda: self._metrics(*sketch.measured(self.state)),
        )  # fmt: skip
        self.seconds += ended.seconds
        stopped = any_host(ended.stopped, self.collective)
        if stopped and self.epoch:
            # Sums of a part of the rows would be of the wrong ones: the pass before stands.
            self.state, self.stopped = _without_pass(before), True
            return
        self.state = self._merged()
        self._check_rows()
        self.state["passes"] = np.array([self.epoch + 1], np.int64)
        if self.epoch:
            centers = same_everywhere(sketch.end_pass(self.state), self.collective)
            self.state = _without_pass(self.state) | {"moving": centers} | _no_sums(centers)
        if stopped:
            self.stopped = True
            return
        self.checkpoints.save(self.epoch + 1, lambda folder: save_state(self.state, folder))
        metrics = self._metrics(*sketch.measured(self.state))
        event = EpochEnded(self.epoch, self.asked.epochs, metrics, ended.n_rows, ended.seconds)
        stop = False
        try:
            self.report(event)
        except StopTraining:
            stop = True
        self.stopped = any_host(stop, self.collective)

    def _merged(self) -> State:
        """Bring together what all hosts learned in this pass."""
        if self.epoch == 0:
            return merged(self.state, sketch.merge, self.collective)
        names = ("sums", "totals", "measured")
        return self.state | {name: self.collective.allreduce(self.state[name]) for name in names}

    def _learn(self, rows: RowBatch) -> None:
        if not self.state:
            self.state = self._empty(rows)
        width = max(rows.n_features, self.state["centers"].shape[1])
        if width > self.state["centers"].shape[1]:
            self._check_memory(width)
        self.state = sketch.update(self.state, rows)

    def _empty(self, rows: RowBatch) -> State:
        asked = self.asked
        width = asked.feature_dim or rows.n_features
        self._check_memory(width)
        return sketch.init(
            width,
            n_centers=asked.n_centers,
            most_sampled=asked.most_sampled(width),
            init_method=asked.init_method,
            half_life_rows=asked.half_life_time_size,
            seed=asked.pairloom_random_state,
            stream=self.collective.rank,
        ) | {"passes": np.zeros(1, np.int64)}

    def _check_memory(self, width: int) -> None:
        asked = self.asked
        n_bytes = 4 * 8 * asked.n_centers * width + 4 * asked.most_sampled(width) * width
        if n_bytes > asked.pairloom_memory_limit_mb * MEGABYTE:
            raise UserError(
                f"{asked.owner}: {asked.n_centers:,} centres of {width:,} features must fit into "
                f"'pairloom_memory_limit_mb', {asked.pairloom_memory_limit_mb:,} MB. They need about "
                f"{-(-n_bytes // MEGABYTE):,} MB. Lower 'k' or 'extra_center_factor', hash or project the features, "
                "or raise the limit."
            )

    def _can_stop(self) -> bool:
        return self.epoch > 0 or (bool(self.state) and int(self.state["n_rows"][0]) >= self.asked.k)

    def _check_rows(self) -> None:
        n_rows = int(self.state["n_rows"][0])
        if n_rows < self.asked.k:
            raise DataError(
                f"at least k = {self.asked.k} rows", got=str(n_rows), source="Channel 'train'",
                action="Lower 'k' or give more rows",
            )  # fmt: skip

    def _centers(self) -> Float64Array:
        asked = self.asked
        if "moving" in self.state:
            return self.state["moving"]
        local = LocalLloyd(
            asked.k, asked.local_lloyd_init_method, asked.local_lloyd_max_iter, asked.local_lloyd_tol,
            asked.n_trials, asked.pairloom_random_state,
        )  # fmt: skip
        return same_everywhere(finalize(self.state, local, self._tick), self.collective)

    def _tick(self) -> None:
        """Let listeners be heard while the centres are brought down; what they stop is the passes to come."""
        now = time.monotonic()
        if now - self.told >= SECONDS_BETWEEN_REPORTS:
            self.told = now
            try:
                self.report(BatchMeasured(self.epoch, 0, {}))
            except StopTraining:
                self.stopped = True

    def _metrics(self, n_rows: int, squares: float) -> Metrics:
        return metrics_of(self.asked.metric_names or (), n_rows, squares)


def _no_sums(centers: Float64Array) -> State:
    return {"sums": np.zeros(centers.shape), "totals": np.zeros(len(centers))}


def _without_pass(state: State) -> State:
    """Leave out the sums of the rows; centres that a pass set out from stay."""
    centers = state["moving"]
    return state | _no_sums(centers)
