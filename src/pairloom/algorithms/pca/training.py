"""The pass of principal component analysis: what it keeps and tells, on one host or several."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pairloom.algorithms.checkpoints import Checkpoints
from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.families.sketches import State
from pairloom.algorithms.families.sketches.files import load_arrays, save_arrays
from pairloom.algorithms.families.sketches.hosts import any_host, gathered, same_everywhere
from pairloom.algorithms.families.sketches.passes import read_pass
from pairloom.algorithms.pca import sketch
from pairloom.algorithms.pca.finalize import Components, finalize
from pairloom.algorithms.pca.hyperparameters import PCAHyperparameters
from pairloom.algorithms.report import EpochEnded, Report, StopTraining, TrainingEnded
from pairloom.collective import Collective
from pairloom.errors import DataError, UserError
from pairloom.rows import RowBatch

__all__ = ["Trainer", "load_state", "metrics_of", "save_state"]

STATE_FORMAT = "pairloom-pca-state"
STATE_ARRAYS = {
    "asked": ("int64", 1), "n_rows": ("int64", 1), "sums": ("float64", 1), "squares": ("float64", 1),
    "origin": ("float32", 1), "moments": ("float64", 2),
}  # fmt: skip
MEGABYTE = 1 << 20
BLOCK_ROWS, BLOCK_ROWS_OF_UNKNOWN_WIDTH, BLOCK_NUMBERS = 4096, 1024, 1 << 24


def metrics_of(n_rows: int, left: float, total: float) -> dict[str, float]:
    """Return the metrics of rows: squares that the projection leaves, and all squares about the mean."""
    share = 1.0 - left / total if total > 0 else 1.0
    return {"reconstruction_error": left / max(n_rows, 1), "explained_variance": share}


def save_state(state: State, folder: Path) -> None:
    """Write a state into a folder that exists."""
    save_arrays(folder, "state", STATE_FORMAT, state, {})


def load_state(folder: Path) -> State:
    """Read what `save_state` wrote; DataError when it is damaged or no state of this algorithm."""
    state, _ = load_arrays(folder, "state", STATE_FORMAT, STATE_ARRAYS)
    width, basis = len(state["sums"]), state.get("basis")
    across = width if basis is None else basis.shape[-1]
    sound = (
        (len(state["asked"]), len(state["n_rows"]), len(state["squares"]), len(state["origin"]))
        == (2, 1, 1, width)
        and state["moments"].shape == (width, across)
        and (basis is None or (basis.shape == (width, across) and basis.dtype == np.float32))
        and int(state["n_rows"][0]) > 0
    )
    if not sound:
        raise DataError("arrays that fit one another", source=str(folder), action="Delete the checkpoint")
    return {name: array.copy() for name, array in state.items()}


@dataclass(slots=True)
class Trainer:
    """Makes the one pass.

    Parameters
    ----------
    asked : PCAHyperparameters
    report : callable
    checkpoints : Checkpoints
    collective : Collective
    """

    asked: PCAHyperparameters
    report: Report
    checkpoints: Checkpoints
    collective: Collective
    state: State = field(default_factory=State)

    def train(self, source: RowSource) -> Components:
        """Return the components, the same on every host."""
        kept = self.checkpoints.latest()
        own = State() if kept is None else load_state(kept)
        if self.collective.size > 1:
            # States are the same on all hosts after the pass: one that any of them kept will do.
            own = next((dict(state) for state in gathered(own, self.collective) if state), State())
        self.state = own
        ended = None if own else self._make_pass(source)
        components = self._components()
        left = components.total - float(np.square(components.singular_values).sum())
        metrics = metrics_of(int(self.state["n_rows"][0]), max(left, 0.0), components.total)
        seconds = 0.0
        if ended is not None:
            n_rows, seconds = ended
            with suppress(StopTraining):  # it was the only pass
                self.report(EpochEnded(0, 1, metrics, n_rows, seconds))
        self.report(TrainingEnded(1, metrics, seconds))
        return components

    def _make_pass(self, source: RowSource) -> tuple[int, float]:
        ended = read_pass(
            source, self._block_rows(), self._learn,
            epoch=0, report=self.report, measured=dict[str, float], can_stop=lambda: bool(self.state),
        )  # fmt: skip
        if self.collective.size > 1:
            self._align_widths()
            added = {name: self.collective.allreduce(self.state[name]) for name in sketch.ADDED}
            self.state = self.state | added
        if not any_host(ended.stopped, self.collective):
            self.checkpoints.save(1, lambda folder: save_state(self.state, folder))
        return ended.n_rows, ended.seconds

    def _align_widths(self) -> None:
        """Widen the state to the widest host's."""
        width = int(self.collective.allreduce(np.array([len(self.state["sums"])], np.int64), "max")[0])
        self._check_memory(width)
        self.state = sketch.widened(self.state, width)

    def _block_rows(self) -> int:
        width = self.asked.feature_dim
        fast = BLOCK_ROWS_OF_UNKNOWN_WIDTH if width is None else min(BLOCK_ROWS, BLOCK_NUMBERS // width)
        return max(self.asked.mini_batch_size, fast)

    def _learn(self, rows: RowBatch) -> None:
        if not self.state:
            self.state = self._begun(rows)
        if rows.n_features > len(self.state["sums"]):
            self._check_memory(rows.n_features)
        self.state = sketch.update(self.state, rows)

    def _begun(self, rows: RowBatch) -> State:
        """Return a state of no rows, with the origin and the basis that all hosts share."""
        width = self.asked.feature_dim or rows.n_features
        if self.collective.size > 1:
            width = int(self.collective.allreduce(np.array([width], np.int64), "max")[0])
        self._check_components(width)
        self._check_memory(width)
        empty = sketch.init(width, n_columns=self.asked.n_columns, seed=self.asked.pairloom_random_state)
        state = sketch.settle(empty, rows)
        shared = {
            name: same_everywhere(state[name], self.collective)
            for name in ("origin", "basis")
            if name in state
        }
        return state | shared

    def _check_components(self, width: int) -> None:
        if self.asked.num_components > width:
            raise UserError(
                f"{self.asked.owner}: 'num_components' must be at most the number of features, {width}. "
                f"Got {self.asked.num_components}. Lower it."
            )

    def _check_memory(self, width: int) -> None:
        asked = self.asked
        whole, columns = _megabytes(width, width), asked.n_columns
        needed = whole if not columns or columns >= width else _megabytes(width, columns)
        if needed <= asked.pairloom_memory_limit_mb:
            return
        wish = max(2 * asked.num_components, asked.num_components + 10)
        other = f"Use 'algorithm_mode' randomized, which needs about {_megabytes(width, wish):,} MB"
        advice = "Lower 'num_components' or 'extra_components'" if columns else other
        raise UserError(
            f"{asked.owner}: the moments of {width:,} features must fit into 'pairloom_memory_limit_mb', "
            f"{asked.pairloom_memory_limit_mb:,} MB. They need about {needed:,} MB. {advice}, or raise the limit."
        )

    def _components(self) -> Components:
        width = len(self.state["sums"])
        self._check_components(width)
        found = finalize(self.state, self.asked.num_components, subtract_mean=self.asked.subtract_mean)
        return Components(
            same_everywhere(found.mean, self.collective),
            same_everywhere(found.vectors, self.collective),
            same_everywhere(found.singular_values, self.collective),
            float(same_everywhere(np.array([found.total]), self.collective)[0]),
        )


def _megabytes(n_rows: int, n_columns: int) -> int:
    """Three matrices of float64 and one of float32: the sum, what is added, and two to take apart."""
    return -(-28 * n_rows * n_columns // MEGABYTE)
