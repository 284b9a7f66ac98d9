"""Candidates as rows that a factorization machine ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.recommenders.fields.sparse_rows import SparseRows
from pairloom.recommenders.hybrid.candidates import Candidates
from pairloom.rows import Relation, RelationalRows, RowBatch

__all__ = ["CandidateRows"]

Float64Array = npt.NDArray[np.float64]
LOWEST_SCORE, HIGHEST_SCORE, SCORE_KNOTS = -2.0, 4.0, 13
COUNT_KNOTS = 12
"""Powers of two up to 2,048, which greater counts share."""


@dataclass(frozen=True, slots=True)
class CandidateRows:
    """How candidates become rows: by ranks, scores and counts between knots, and attributes of both sides.

    Parameters
    ----------
    n_parts : int
    n_candidates : int
        Longest list of a part.
    items, users : SparseRows
        Attributes.
    n_contexts : int
        Features of requests.
    """

    n_parts: int
    n_candidates: int
    items: SparseRows
    users: SparseRows
    n_contexts: int

    @property
    def n_ranks(self) -> int:
        """Knots of ranks: powers of two, and one for what a part has not listed."""
        return int(np.ceil(np.log2(max(2, self.n_candidates)))) + 2

    @property
    def n_features(self) -> int:
        """Width of the rows."""
        own = self.n_parts * (self.n_ranks + SCORE_KNOTS) + 2 * COUNT_KNOTS
        return own + self.items.n_features + self.users.n_features + self.n_contexts

    def rows(
        self,
        candidates: Candidates,
        users: npt.NDArray[np.int32],
        lengths: npt.NDArray[np.integer],
        popularity: npt.NDArray[np.floating],
        context: Sequence[int],
    ) -> RowBatch:
        """Encode candidates.

        Parameters
        ----------
        candidates : Candidates
        users : ndarray of shape (n_askers,), int32
            Number of each asker, -1 for one who has no attributes.
        lengths : ndarray of shape (n_askers,), int
            Of the histories.
        popularity : ndarray of shape (n_items,)
        context : sequence of int
            Numbers of the features of the request.
        """
        blocks: list[tuple[npt.NDArray[np.int64], Float64Array]] = []
        first = 0
        for part in range(self.n_parts):
            ranks = candidates.ranks[:, part]
            listed = ranks > 0
            at, shares = _between(np.log2(np.maximum(ranks, 1)), self.n_ranks - 1)
            at[~listed], shares[~listed] = self.n_ranks - 1, [1.0, 0.0]
            blocks.append((at + first, shares))
            scale = (SCORE_KNOTS - 1) / (HIGHEST_SCORE - LOWEST_SCORE)
            at, shares = _between((candidates.scores[:, part] - LOWEST_SCORE) * scale, SCORE_KNOTS)
            shares[~listed] = 0
            blocks.append((at + first + self.n_ranks, shares))
            first += self.n_ranks + SCORE_KNOTS
        for counts in (popularity[candidates.items], lengths[candidates.askers]):
            at, shares = _between(np.log2(np.maximum(counts, 1)), COUNT_KNOTS)
            blocks.append((at + first, shares))
            first += COUNT_KNOTS
        n_rows = len(candidates)
        columns = np.concatenate([at for at, _ in blocks], axis=1)
        values = np.concatenate([shares for _, shares in blocks], axis=1)
        if context:
            begin = self.n_features - self.n_contexts
            columns = np.concatenate((columns, np.tile(np.array(context) + begin, (n_rows, 1))), axis=1)
            values = np.concatenate((values, np.ones((n_rows, len(context)))), axis=1)
        used = values != 0
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(used.sum(axis=1))))
        main = RowBatch(
            indptr, columns[used].astype(np.int32), values[used].astype(np.float32), self.n_features
        )
        relations: list[Relation] = []
        for table, index in ((self.items, candidates.items), (self.users, users[candidates.askers])):
            if table.n_features:
                relations.append(Relation(index.astype(np.int32), _shifted(table, first, self.n_features)))
            first += table.n_features
        return RelationalRows(main, tuple(relations)).join() if relations else main


def _between(
    places: npt.NDArray[np.floating[Any]], n_knots: int
) -> tuple[npt.NDArray[np.int64], Float64Array]:
    """Share each place between the knots on both sides, of shape (n, 2)."""
    inside = np.clip(np.asarray(places, np.float64), 0, n_knots - 1)
    lower = np.minimum(inside.astype(np.int64), n_knots - 2)
    rest = inside - lower
    return np.stack((lower, lower + 1), axis=1), np.stack((1 - rest, rest), axis=1)


def _shifted(table: SparseRows, first: int, n_features: int) -> RowBatch:
    return RowBatch(table.offsets, table.features + np.int32(first), table.values, n_features)
