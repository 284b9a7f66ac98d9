"""One column as sparse features: categories and words by how rare they are, numbers by where they lie."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.kernels.raw_keys import StringKeys
from pairloom.kernels.raw_text import hash_text
from pairloom.recommenders.attributes import Attribute
from pairloom.recommenders.fields.kinds import words_of
from pairloom.recommenders.fields.sparse_rows import SparseRows
from pairloom.tables import StringColumn

__all__ = ["TEXT_WEIGHTINGS", "TextWeighting", "category_rows", "number_rows", "trigram_rows", "word_rows"]

TextWeighting = Literal["bm25", "tf-idf"]
TEXT_WEIGHTINGS: tuple[TextWeighting, ...] = ("bm25", "tf-idf")
N_KNOTS, REACH = 12, 2
K1, B = 1.2, 0.75


def category_rows(column: Attribute) -> SparseRows:
    """One feature a value, each row by its inverse frequency (as `word_rows` with "tf-idf")."""
    n_rows, values = len(column.offsets) - 1, np.ones(len(column.places))
    owners = np.repeat(np.arange(n_rows), np.diff(column.offsets))
    rows = SparseRows.of_entries(owners, column.places, values, (n_rows, len(column.values)))
    rows = SparseRows(rows.offsets, rows.features, np.ones_like(rows.values), rows.n_features)
    return rows.scaled(_smooth_idf(rows))


def word_rows(texts: list[str], weighting: TextWeighting) -> SparseRows:
    """One feature a word.

    "tf-idf" is ``count * (log((1 + n) / (1 + rows with the word)) + 1)``; "bm25" lets repetition saturate and allows
    for the length of the text: ``idf * count * (k1 + 1) / (count + k1 * (1 - b + b * length / mean length))`` with
    k1 = 1.2, b = 0.75 and ``idf = log(1 + (n - rows + 0.5) / (rows + 0.5))``.

    References
    ----------
    Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009.
    """
    vocabulary: dict[str, int] = {}
    owners: list[int] = []
    places: list[int] = []
    for row, text in enumerate(texts):
        words = words_of(text)
        owners += [row] * len(words)
        places += [vocabulary.setdefault(word, len(vocabulary)) for word in words]
    counts = SparseRows.of_entries(
        np.array(owners, np.int64), np.array(places, np.int64), np.ones(len(places)),
        (len(texts), len(vocabulary)),
    )  # fmt: skip
    if weighting == "tf-idf":
        return counts.scaled(_smooth_idf(counts))
    lengths = np.bincount(counts.owners(), counts.values, counts.n_rows)
    written = lengths > 0
    relative = lengths / (lengths[written].mean() if written.any() else 1)
    slack = K1 * (1 - B + B * relative)[counts.owners()]
    saturated = (counts.values * (K1 + 1) / (counts.values + slack)).astype(np.float32)
    having = counts.counts()
    idf = np.log1p((written.sum() - having + 0.5) / (having + 0.5))
    return SparseRows(counts.offsets, counts.features, saturated, counts.n_features).scaled(idf)


def number_rows(numbers: npt.NDArray[np.float64]) -> SparseRows:
    """Share a number between the quantiles around it, of up to twelve in all; none has no feature.

    A quantile's share falls off from 1 at it to 0 at the one after the next. So the product of two numbers is large
    where they are close by rank and 0 where they are far apart, whatever the column's scale.
    """
    there = np.flatnonzero(np.isfinite(numbers))
    if not len(there):
        return SparseRows.empty(len(numbers))
    values = numbers[there] / max(1.0, float(np.abs(numbers[there]).max()))  # so that differences stay finite
    knots = np.unique(np.quantile(values, np.linspace(0, 1, N_KNOTS)))
    position = np.interp(values, knots, np.arange(len(knots)))
    near = np.floor(position).astype(np.int64)[:, None] + np.arange(1 - REACH, 1 + REACH)
    shares = np.maximum(0, 1 - np.abs(position[:, None] - near) / REACH)
    used = (near >= 0) & (near < len(knots)) & (shares > 0)
    owners = np.repeat(there, used.sum(axis=1))
    return SparseRows.of_entries(owners, near[used], shares[used], (len(numbers), len(knots)))


def trigram_rows(texts: list[str], n_buckets: int) -> SparseRows:
    """Share each text between the buckets that its letter trigrams hash to, with ``<`` and ``>`` around a word.

    References
    ----------
    Huang, He, Gao, Deng, Acero and Heck, "Learning deep structured semantic models for web search using clickthrough
    data", CIKM 2013, section 3.2.
    """
    keys = StringKeys.of(StringColumn.from_strings([" ".join(words_of(text)) or None for text in texts]))
    offsets, buckets = hash_text(keys, n_buckets, words=(0, 0), characters=(3, 3))
    lengths = np.diff(offsets)
    shares = np.repeat(1 / np.maximum(lengths, 1), lengths)
    return SparseRows.of_entries(
        np.repeat(np.arange(len(texts)), lengths), buckets, shares, (len(texts), n_buckets)
    )


def _smooth_idf(rows: SparseRows) -> npt.NDArray[np.float64]:
    n_written = int((np.diff(rows.offsets) > 0).sum())
    return np.log((1 + n_written) / (1 + rows.counts())) + 1
