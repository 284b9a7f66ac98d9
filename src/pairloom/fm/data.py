"""Where training rows come from: kept in memory, or read again in every epoch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from pairloom.errors import DataError
from pairloom.fm.chunks import Chunk, LabelScale, chunks_of
from pairloom.fm.interactions.fields import ColumnFields
from pairloom.fm.settings import FMSettings
from pairloom.kernels import _native
from pairloom.rows import RowBatch

__all__ = ["RowSource", "TrainingData"]

LARGEST_UNSCALED = 4.0
"""Features that never exceed it are trained on as they are: counts and standardised numbers need no help."""
WORTH_RETURNING = 16 << 20
"""Of more data than so many bytes, what reading it has left free is given back to the system."""
RowSource = Callable[[], Iterable[RowBatch]]
"""Opens a fresh pass over the rows."""


@dataclass(slots=True)
class LabelSums:
    """Streaming mean and variance of labels, by weight."""

    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    def add(self, batch: RowBatch) -> None:
        """Take in the labels of a batch."""
        if batch.labels is None or not batch.n_rows:
            return
        labels = batch.labels.astype(np.float64)
        weights = np.ones(len(labels)) if batch.weights is None else batch.weights.astype(np.float64)
        self.lowest = min(self.lowest, float(labels.min()))
        self.highest = max(self.highest, float(labels.max()))
        total = float(weights.sum())
        if total <= 0:
            return
        mean = float((weights * labels).sum()) / total
        squares = float((weights * (labels - mean) ** 2).sum())
        self._take(total, mean, squares)

    def merge(self, other: LabelSums) -> None:
        """Take in the labels of another."""
        self.lowest, self.highest = min(self.lowest, other.lowest), max(self.highest, other.highest)
        if other.weight > 0:
            self._take(other.weight, other.mean, other.squares)

    def _take(self, weight: float, mean: float, squares: float) -> None:
        both = self.weight + weight
        shift = mean - self.mean
        self.squares += squares + shift * shift * self.weight * weight / both
        self.mean += shift * weight / both
        self.weight = both

    @property
    def deviation(self) -> float:
        """Standard deviation; 1 where all labels are equal."""
        deviation = float(np.sqrt(self.squares / self.weight)) if self.weight > 0 else 0.0
        return deviation if deviation > 1e-12 * max(1.0, abs(self.mean)) else 1.0


@dataclass(slots=True)
class TrainingData:
    """Chunks for the trainer, and what is known of the whole.

    Data up to the memory limit is kept in memory after the first pass. Beyond it, chunks are kept no
    longer than they train, and every epoch opens the source anew while a thread of its own parses ahead.
    `columns` are the fields known so far, where fields matter; they are learned further.
    """

    source: RowSource
    settings: FMSettings
    labels: LabelSums = field(default_factory=LabelSums)
    kept: list[Chunk] = field(default_factory=list)
    streaming: bool = False
    n_features: int = 0
    n_rows: int = 0
    n_measured: int = 0
    squares: float = 0.0
    n_nonzeros: int = 0
    feature_scale: np.ndarray | None = None
    columns: ColumnFields | None = None

    def load(self) -> None:
        """Read until the end or the memory limit; learn scales and the width from what was read."""
        rng = np.random.default_rng(self.settings.random_state)
        size_bytes = 0
        for chunk in chunks_of(self._measured(self.source()), rng, shuffle=self.settings.shuffle):
            self.kept.append(chunk)
            size_bytes += chunk.size_bytes
            if size_bytes > self.settings.memory_limit_bytes:
                self.streaming = True
                break
        self._measure_features()
        if size_bytes > WORTH_RETURNING:
            _native.return_free_memory()
        if self.streaming:
            self.kept.clear()
        elif not self.n_rows:
            raise DataError(
                "at least one row of training data", got="none", action="Check the path and the format"
            )

    def _measured(self, batches: Iterable[RowBatch]) -> Iterator[RowBatch]:
        for batch in self._labelled(batches):
            self.labels.add(batch)
            self.n_rows += batch.n_rows
            self.n_features = max(self.n_features, batch.n_features)
            if self.columns is not None and batch.fields is not None:
                self.columns.learn(batch, first_row=self.n_rows - batch.n_rows)
            yield self._with_fields(batch)

    def _with_fields(self, batch: RowBatch) -> RowBatch:
        """Return rows with the field of every value where fields matter, and without fields elsewhere."""
        if self.columns is None:
            return batch if batch.fields is None else replace(batch, fields=None)
        return self.columns.give(batch, self.columns.n_fields, trains=True)

    def _labelled(self, batches: Iterable[RowBatch]) -> Iterator[RowBatch]:
        """Pass on batches whose every row has a label that fits the task."""
        n_rows = 0
        for batch in batches:
            if batch.labels is None and batch.n_rows:
                raise DataError("a label in every row", action="Give labels to the training data")
            if batch.labels is not None and self.settings.task == "classification":
                wrong = (batch.labels != 0) & (batch.labels != 1)
                if wrong.any():
                    row = int(np.argmax(wrong))
                    raise DataError(
                        "a label of 0 or 1", got=f"{batch.labels[row]:g}", row=n_rows + row + 1, field="label",
                        action="Map the labels to 0 and 1",
                    )  # fmt: skip
            n_rows += batch.n_rows
            yield batch

    def _again(self) -> Iterator[RowBatch]:
        return (self._with_fields(batch) for batch in self._labelled(self.source()))

    def epoch(self, rng: np.random.Generator) -> Iterator[Chunk]:
        """Yield the chunks of one pass, kept ones in a new order."""
        if not self.streaming:
            order = rng.permutation(len(self.kept)) if self.settings.shuffle else range(len(self.kept))
            yield from (self.kept[i] for i in order)
            return
        own = np.random.default_rng(
            rng.integers(2**63)
        )  # the reading thread's, which may be ahead by any number
        yield from _ahead(chunks_of(self._again(), own, shuffle=self.settings.shuffle))

    def _measure_features(self) -> None:
        """Learn the largest absolute value of features that exceed the limit, and the rows' squared lengths."""
        rows = [(chunk.indices, chunk.values) for chunk in self.kept]
        if any(values is not None and np.abs(values).max(initial=0) > LARGEST_UNSCALED for _, values in rows):
            self.feature_scale = np.ones(self.n_features, np.float32)
            for indices, values in rows:
                if values is not None:
                    np.maximum.at(self.feature_scale, indices, np.abs(values))
            self.feature_scale[self.feature_scale <= LARGEST_UNSCALED] = 1
        for chunk, (indices, values) in zip(self.kept, rows, strict=True):
            self.n_measured += chunk.n_rows
            self.n_nonzeros += chunk.n_nonzeros
            if values is None:
                self.squares += chunk.n_nonzeros
            else:
                scaled = values if self.feature_scale is None else values / self.feature_scale[indices]
                self.squares += float(np.square(scaled, dtype=np.float64).sum())

    def label_scale(self) -> LabelScale:
        """Return how labels are centred and scaled."""
        if self.settings.task == "classification":
            return LabelScale()
        return LabelScale(
            self.labels.mean if self.settings.center_labels else 0.0,
            self.labels.deviation if self.settings.scale_labels else 1.0,
        )


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Make the next chunk on a thread of its own while the caller works on this one."""
    ready: queue.Queue[Chunk | BaseException | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: Chunk | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None

    def work() -> None:
        try:
            for chunk in chunks:
                put(chunk)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    worker = threading.Thread(target=work, name="pairloom-reader", daemon=True)
    worker.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        worker.join()
