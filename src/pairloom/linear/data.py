"""Where training rows come from: kept in memory, or read again in every pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pairloom.collective import Collective
from pairloom.errors import DataError
from pairloom.linear.blocks import Block, as_dense, as_sparse, blocks_of, shuffled
from pairloom.linear.scaling import FeatureScale, FeatureSums, LabelScale, LabelSums
from pairloom.linear.settings import LinearSettings
from pairloom.rows import RowBatch

__all__ = ["RowSource", "TrainingData"]

RowSource = Callable[[], Iterable[RowBatch]]
DENSE_FROM = 0.2
"""Share of stored values from which matrix products beat sparse rows."""
WIDEST_DENSE = 1 << 15
LARGEST_VALUE = 1e18


@dataclass(slots=True)
class TrainingData:
    """Blocks for the trainer, and what is known of the whole.

    Rows up to the memory limit are kept after the first pass; beyond it every pass opens the source anew. What
    was read until then tells scales, counts of classes and whether rows are dense.
    """

    source: RowSource
    settings: LinearSettings
    collective: Collective
    n_features: int = 0
    kept: list[Block] = field(default_factory=list[Block])
    streaming: bool = False
    dense: bool = False
    n_rows: int = 0
    n_stored: int = 0
    n_pass_batches: int = 0
    label_scale: LabelScale = field(default_factory=LabelScale)
    feature_scale: FeatureScale = field(default_factory=FeatureScale)
    class_counts: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def load(self) -> None:
        """Read until the end or the memory limit."""
        labels = LabelSums()
        n_classes = max(2, self.settings.n_outputs)
        counts = np.zeros(n_classes)
        size_bytes = 0
        for number, block in enumerate(blocks_of(self.source())):
            _check_sizes(block, self.n_rows)
            self.kept.append(shuffled(block, self._order(number, block.n_rows)))
            labels.add(block.labels, block.weights)
            if self.settings.task != "regression":
                counts += np.bincount(block.labels.astype(np.intp), block.weights, n_classes)
            self.n_rows += block.n_rows
            self.n_stored += block.n_stored
            self.n_features = max(self.n_features, block.n_features)
            size_bytes += block.size_bytes
            if size_bytes > self.settings.memory_limit_bytes:
                self.streaming = True
                break
        if not self.n_rows:
            raise DataError(
                "at least one row of training data", got="none", action="Check the path and the format"
            )
        over_hosts = self.collective.allreduce
        self.n_features = int(over_hosts(np.array([self.n_features]), "max")[0])
        self.streaming = bool(over_hosts(np.array([int(self.streaming)]), "max")[0])
        stored, rows = over_hosts(np.array([float(self.n_stored), float(self.n_rows)]))
        self.class_counts = over_hosts(counts)
        self.dense = self._is_dense(float(stored / max(1.0, rows * self.n_features)))
        self.n_pass_batches = sum(-(-block.n_rows // self.settings.batch_rows) for block in self.kept)
        if self.settings.task == "regression":
            self.label_scale = labels.over_hosts(self.collective).scale(
                center=self.settings.center_labels, scale=self.settings.scale_labels
            )
        self.kept = [self._laid_out(block) for block in self.kept]
        self._measure_features()
        self.kept = [self._scaled(block) for block in self.kept]

    def _is_dense(self, density: float) -> bool:
        if self.settings.layout != "auto":
            return self.settings.layout == "dense"
        return density >= DENSE_FROM and self.n_features <= WIDEST_DENSE

    def _order(self, number: int, n_rows: int) -> np.ndarray:
        return np.random.default_rng([self.settings.random_state, 1, number]).permutation(n_rows)

    def _laid_out(self, block: Block) -> Block:
        return as_dense(block, self.n_features) if self.dense else as_sparse(block)

    def _measure_features(self) -> None:
        s = self.settings
        if not (s.center_features or s.scale_features) or (not self.dense and not s.scale_features):
            return
        share = min(1.0, s.n_scaler_rows / self.n_rows)
        parts = [block.part(0, max(1, round(share * block.n_rows))) for block in self.kept]
        if self.dense:
            matrix = np.concatenate(
                [part.features for part in parts if isinstance(part.features, np.ndarray)]
            )
            sums = FeatureSums.of_dense(matrix, self.collective)
            self.feature_scale = sums.dense_scale(center=s.center_features, scale=s.scale_features)
            return
        stored = [part.features for part in parts if isinstance(part.features, RowBatch)]
        values = None
        if any(rows.values is not None for rows in stored):
            values = np.concatenate(
                [np.ones(len(r.indices), np.float32) if r.values is None else r.values for r in stored]
            )
        indices = np.concatenate([rows.indices for rows in stored])
        joined = RowBatch(np.zeros(1, np.int64), indices, values, self.n_features)
        sums = FeatureSums.of_sparse(joined, self.n_features, self.collective)
        self.feature_scale = sums.sparse_scale(scale=True)

    def _scaled(self, block: Block) -> Block:
        if isinstance(block.features, RowBatch):
            block.features = self.feature_scale.apply_sparse(block.features)
        else:
            self.feature_scale.apply_dense(block.features)
        block.labels = self.label_scale.apply(block.labels)
        return block

    def blocks(self) -> Iterator[Block]:
        """Yield every block of this host once, in the order in which rows came."""
        if not self.streaming:
            yield from self.kept
            return
        n_rows = 0
        for number, block in enumerate(blocks_of(self.source())):
            _check_sizes(block, n_rows)
            n_rows += block.n_rows
            if self.dense and block.n_features > self.n_features:
                raise DataError(
                    f"rows of at most {self.n_features} columns, as those before", got=str(block.n_features),
                    source="Channel 'train'", action="Give 'feature_dim'",
                )  # fmt: skip
            self.n_features = max(self.n_features, block.n_features)
            yield self._scaled(self._laid_out(shuffled(block, self._order(number, block.n_rows))))

    def pass_blocks(self, rng: np.random.Generator) -> Iterator[Block]:
        """Yield the blocks of one pass, kept ones in a new order."""
        if self.streaming:
            yield from self.blocks()
            return
        for number in rng.permutation(len(self.kept)):
            yield self.kept[number]

    def held_out(self, source: RowSource) -> list[Block]:
        """Read another channel's rows into memory, scaled as these."""
        blocks: list[Block] = []
        for block in blocks_of(source()):
            _check_sizes(block, 0)
            block.features = _narrowed(block.features, self.n_features)
            blocks.append(self._scaled(self._laid_out(_own(block))))
        return blocks

    def sample(self, n_rows: int) -> list[Block]:
        """Return about so many kept rows, evenly from all blocks."""
        share = min(1.0, n_rows / max(1, sum(block.n_rows for block in self.kept)))
        return [block.part(0, max(1, round(share * block.n_rows))) for block in self.kept]


def _own(block: Block) -> Block:
    """Copy a matrix: scaling is done in place, and the batch belongs to the reader."""
    if not isinstance(block.features, RowBatch):
        block.features = block.features.copy()
    return block


def _narrowed(features: np.ndarray | RowBatch, n_features: int) -> np.ndarray | RowBatch:
    """Leave out columns that training never saw."""
    if not isinstance(features, RowBatch):
        return features[:, :n_features]
    if not len(features.indices) or features.indices.max() < n_features:
        return features
    kept = features.indices < n_features
    lengths = np.add.reduceat(np.r_[kept, False], features.indptr[:-1]) * (np.diff(features.indptr) > 0)
    indptr = np.zeros(len(features.indptr), np.int64)
    np.cumsum(lengths, out=indptr[1:])
    values = None if features.values is None else features.values[kept]
    return RowBatch(indptr, features.indices[kept], values, n_features)


def _check_sizes(block: Block, rows_before: int) -> None:
    """Refuse values whose squares or sums leave the range of float32 arithmetic."""
    features = block.features
    values = features.values if isinstance(features, RowBatch) else features
    if values is None or not values.size or max(values.max(), -values.min()) <= LARGEST_VALUE:
        return
    if isinstance(features, RowBatch):
        position = int(np.argmax(np.abs(values)))
        row = int(np.searchsorted(features.indptr, position, side="right"))
    else:
        position = int(np.argmax(np.abs(values)))
        row = position // features.shape[1] + 1
    raise DataError(
        "values between -1e18 and 1e18", got=f"{values.ravel()[position]:g}", row=rows_before + row,
        action="Scale the column down",
    )  # fmt: skip
