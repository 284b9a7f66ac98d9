"""Training one machine on several hosts, each with rows of its own.

Every host holds the whole table, the same after each exchange; only rows of it that were touched travel. SGD, AdaGrad
and FTRL train apart on a part of the epoch and then merge; Adam takes every step together.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.collective import Collective
from pairloom.fm.chunks import Chunk
from pairloom.fm.data import LabelSums, TrainingData
from pairloom.fm.host_parts import Part, parts_of, row_count
from pairloom.fm.host_rounds import AdamRound, MergingRound, Round
from pairloom.fm.merging import Curvature
from pairloom.fm.state import TrainingState
from pairloom.kernels.fm import FmStep

__all__ = ["HostsTraining"]

STREAMED_PART_ROWS = 1 << 14
BLOCKS_PER_PART = 4
LARGEST_BLOCK = 4096


class HostsTraining:
    """What changes in a training when several hosts share it.

    Parameters
    ----------
    collective : Collective
    state : TrainingState

    Attributes
    ----------
    wants_to_stop : bool
        Set it to end the epoch on all hosts.
    stopped : bool
        Whether some host ended the epoch.
    """

    def __init__(self, collective: Collective, state: TrainingState) -> None:
        self.collective, self.state = collective, state
        self.wants_to_stop = self.stopped = False
        self._n_rows, self._anyone_streams = 0, False
        self._value_square, self._row_square = 1.0, 2.0

    def agree_on_data(self, data: TrainingData) -> None:
        """Replace what this host learned of its rows by what holds for the rows of all."""
        labels = data.labels
        own = [
            labels.weight, labels.mean, labels.squares, labels.lowest, labels.highest, data.n_features,
            row_count(data.kept), data.streaming, data.n_measured, data.squares, data.n_nonzeros,
            data.feature_scale is not None,
        ]  # fmt: skip
        told = np.stack(self.collective.allgather(np.array(own, np.float64)))
        data.labels = LabelSums()
        for weight, mean, squares, lowest, highest in told[:, :5].tolist():
            data.labels.merge(LabelSums(weight, mean, squares, lowest, highest))
        data.n_features = int(told[:, 5].max())
        self._n_rows, self._anyone_streams = int(told[:, 6].sum()), bool(told[:, 7].any())
        data.n_measured, data.squares = int(told[:, 8].sum()), float(told[:, 9].sum())
        self._value_square = data.squares / max(1.0, float(told[:, 10].sum()))
        self._row_square = data.squares / max(1, data.n_measured)
        if told[:, 11].any():
            scale = np.ones(data.n_features, np.float32)
            if data.feature_scale is not None:
                scale[: len(data.feature_scale)] = data.feature_scale
            data.feature_scale = self.collective.allreduce(scale, "max")

    def agree_on_parameters(self) -> None:
        """Make sure that all hosts hold the same: unlike processors may round the first draws differently."""
        native = self.state.native
        bias = np.array([native.bias, *native.bias_state], np.float64)
        digest = zlib.crc32(self.state.table.data, zlib.crc32(bias.data))
        told = np.stack(self.collective.allgather(np.array([digest, len(self.state.table)], np.int64)))
        if (told == told[0]).all():
            return
        self.state.grow(int(told[:, 1].max()))
        self.state.table[:] = self.collective.broadcast(self.state.table)
        value, first, second, n_steps = self.collective.broadcast(bias).tolist()
        native.bias, native.bias_state = value, (first, second, int(n_steps))

    def sum(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Add up measurements over hosts."""
        return self.collective.allreduce(numbers)

    def any(self, wish: object) -> bool:
        """Whether any host wants something."""
        return bool(self.collective.allreduce(np.array([bool(wish)]), "max")[0])

    def epoch(
        self, data: TrainingData, step: FmStep, rng: np.random.Generator
    ) -> Iterator[npt.NDArray[np.float64]]:
        """Train on every host's rows once.

        Parameters
        ----------
        data : TrainingData
        step : FmStep
        rng : Generator
            In the same state on all hosts.

        Yields
        ------
        ndarray of shape (8,), float64
            After every exchange, what the rows of all hosts measured: see `Measures`.
        """
        self.wants_to_stop = self.stopped = False
        own = np.random.default_rng([int(rng.integers(2**62)), self.collective.rank])
        exchange: Round = (
            AdamRound(self.collective, self.state, step)
            if self.state.settings.solver == "adam"
            else MergingRound(self.collective, self.state, step, self._curvature(step))
        )
        parts = self._parts(data, own)
        while True:
            outcome = exchange(next(parts, None), stops=self.wants_to_stop)
            self.stopped = outcome.stops
            if outcome.n_active:
                yield outcome.sums
            if self.stopped or not outcome.n_active:
                return

    def _parts(self, data: TrainingData, rng: np.random.Generator) -> Iterator[list[Part]]:
        """Cut this host's rows; where all hosts keep theirs, all have as many parts."""
        s = self.state.settings
        is_adam, share = s.solver == "adam", max(1, s.batch_rows // self.collective.size)
        most_rows = share if is_adam and self._anyone_streams else LARGEST_BLOCK

        def cut(chunks: list[Chunk], n_parts: int) -> Iterator[list[Part]]:
            n_blocks = n_parts if is_adam else n_parts * BLOCKS_PER_PART
            return parts_of(chunks, n_parts, n_blocks, most_rows, rng, shuffle=s.shuffle)

        if data.streaming:
            for chunk in data.epoch(rng):
                self.state.grow(chunk.n_features)
                self.state.widen_label_range(*chunk.label_range)
                chunk.scale_features(self.state.feature_scale)
                yield from cut([chunk], -(-chunk.n_rows // (share if is_adam else STREAMED_PART_ROWS)))
        elif not is_adam:
            yield from cut(data.kept, s.exchanges)
        elif self._anyone_streams:
            yield from cut(data.kept, -(-row_count(data.kept) // share))
        else:
            yield from cut(data.kept, -(-self._n_rows // s.batch_rows))

    def _curvature(self, step: FmStep) -> Curvature:
        s = self.state.settings
        loss = abs(step.rescale) * (1.0 if s.task == "regression" else 0.25)
        factors = self.state.table[:, : s.n_factors]
        square = float(np.einsum("ij,ij->", factors, factors, dtype=np.float64)) / max(1, factors.size)
        return Curvature(
            loss, loss * self._value_square, loss * self._value_square * self._row_square * square
        )
