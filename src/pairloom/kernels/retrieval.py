"""The items whose vectors have the largest products with a query: exactly, without storing all products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.arrays import check_vector
from pairloom.kernels.levels import chosen_level

__all__ = ["LARGEST", "Codes", "Filter", "Vectors", "encode_vectors"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
LARGEST = 1e15
"""Vectors and queries hold numbers below it, so that no product overflows."""
CODE_ITEMS, CODE_FACTORS = 16, 4
MOST_FACTORS = 1 << 15


@dataclass(frozen=True, slots=True)
class Codes:
    """Vectors in 8 bits, with what is known of their error; made by `encode_vectors`.

    Parameters
    ----------
    codes : ndarray, uint8
        16 items side by side, 4 factors at a time.
    scales : ndarray of shape (n_items rounded up to 16,), float32
        What an item's codes are multiplied by.
    largest_error, largest_length : float
        Over all items, in units of their scales: distance of a vector from its code, and length of a code.
    """

    codes: npt.NDArray[np.uint8]
    scales: Float32Array
    largest_error: float
    largest_length: float


@dataclass(frozen=True, slots=True)
class Filter:
    """What may be found, and what counts more.

    Parameters
    ----------
    refused : ndarray of shape (n_items,), bool, optional
        Items that never come.
    seen_offsets, seen_items : ndarrays of int64 and int32, optional
        Items ``seen_items[seen_offsets[q]:seen_offsets[q + 1]]``, ascending, do not come for query q.
    boosts : ndarray of shape (n_items,), float32, optional
        Above 0: what a score above 0 is multiplied by, and one below divided by.
    """

    refused: npt.NDArray[np.bool_] | None = None
    seen_offsets: npt.NDArray[np.int64] | None = None
    seen_items: Int32Array | None = None
    boosts: Float32Array | None = None


EVERYTHING = Filter()


class Vectors:
    """Items as vectors that are looked through for the largest products; they are kept, not copied.

    Parameters
    ----------
    vectors : ndarray of shape (n_items, n_factors), float32
        Numbers below 1e15.
    lengths : bool
        Keep the lengths, for cosines; otherwise they are computed when they are asked for first.

    Raises
    ------
    UserError
        For NaN, infinity, a number of 1e15 or more, another type or shape.
    """

    def __init__(self, vectors: Float32Array) -> None:
        _check_matrix("vectors", vectors)
        self.vectors = vectors
        self._inverse_lengths: Float32Array | None = None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.vectors)

    @property
    def inverse_lengths(self) -> Float32Array:
        """1 / length of each vector, 0 for one of length 0; shape (n_items,)."""
        if self._inverse_lengths is None:
            squares = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)
            with np.errstate(divide="ignore", over="ignore"):
                inverse = np.where(squares > 0, 1 / np.sqrt(squares), 0).astype(np.float32)
            inverse[~np.isfinite(inverse)] = 0  # too short for float32
            self._inverse_lengths = inverse
        return self._inverse_lengths

    def best(
        self,
        queries: Float32Array,
        n_best: int,
        *,
        cosine: bool = False,
        among: Filter = EVERYTHING,
        codes: Codes | None = None,
        n_threads: int = 1,
    ) -> tuple[Int32Array, Float32Array]:
        """Return the items with the largest products.

        Time is O(n_queries n_items n_factors), bounded for few queries by reading the vectors, or their `codes` at a
        quarter of the bytes. With codes the answers are the same: an item is scored by its vector whenever its code's
        error leaves room for it among the best. Scores depend on neither the number of queries nor that of threads.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_factors), float32
            Numbers below 1e15.
        n_best : int
        cosine : bool
            Divide by the lengths of query and item; 0 where one of them is 0.
        among : Filter
        codes : Codes, optional
            Of these vectors.
        n_threads : int
            They share the items for few queries, and the queries for many.

        Returns
        -------
        (items, scores), each of shape (n_queries, min(n_best, n_items))
            Best first, the smaller item first among equals; places that are not needed hold item -1 and score 0.
        """
        n_items, n_factors = self.vectors.shape
        _check_matrix("queries", queries, n_factors)
        if n_best < 1:
            raise UserError(f"Vectors: 'n_best' must be 1 or more. Got {n_best}.")
        self._check_filter(among, len(queries))
        scales = None
        if cosine:
            lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))[:, None]
            queries = np.divide(queries, lengths, out=np.zeros(queries.shape, np.float64), where=lengths > 0)
            queries, scales = queries.astype(np.float32), self.inverse_lengths
        width = min(n_best, n_items)
        items = np.empty((len(queries), width), np.int32)
        scores = np.empty((len(queries), width), np.float32)
        rest = (
            queries, items, scores, scales, among.boosts, among.refused, among.seen_offsets, among.seen_items,
            n_threads, chosen_level(),
        )  # fmt: skip
        if not width or not len(queries):
            return items, scores
        if codes is None:
            _native.best_products(self.vectors, *rest)
            return items, scores
        self._check_codes(codes)
        code_scales = codes.scales if scales is None else _padded(scales, len(codes.scales)) * codes.scales
        _native.best_products_by_codes(
            self.vectors, codes.codes, code_scales, codes.largest_error, codes.largest_length, *rest
        )
        return items, scores

    def _check_codes(self, codes: Codes) -> None:
        n_items, n_factors = self.vectors.shape
        check_vector("Vectors", "codes", codes.codes, np.uint8, _code_bytes(n_items, n_factors))
        check_vector("Vectors", "scales", codes.scales, np.float32, _rounded_up(n_items, CODE_ITEMS))

    def _check_filter(self, among: Filter, n_queries: int) -> None:
        if among.refused is not None:
            check_vector("Vectors", "refused", among.refused, np.bool_, self.n_items)
        if among.boosts is not None:
            check_vector("Vectors", "boosts", among.boosts, np.float32, self.n_items)
            if not ((among.boosts > 0) & np.isfinite(among.boosts)).all():
                raise UserError("Vectors: 'boosts' must be finite numbers above 0.")
        if (among.seen_offsets is None) != (among.seen_items is None):
            raise UserError("Vectors: 'seen_offsets' and 'seen_items' must be given together.")
        if among.seen_offsets is not None and among.seen_items is not None:
            offsets, seen = among.seen_offsets, among.seen_items
            check_vector("Vectors", "seen_offsets", offsets, np.int64, n_queries + 1)
            check_vector("Vectors", "seen_items", seen, np.int32)
            if offsets[0] < 0 or offsets[-1] > len(seen) or (offsets[1:] < offsets[:-1]).any():
                raise UserError("Vectors: 'seen_offsets' must rise within the number of 'seen_items'.")


def encode_vectors(vectors: Vectors, *, n_threads: int = 1) -> Codes:
    """Encode vectors in 8 bits with one scale each, in time O(n_items n_factors) and a byte a number.

    Raises
    ------
    UserError
        For vectors of more than 32,768 factors, whose products of codes would overflow.
    """
    n_items, n_factors = vectors.vectors.shape
    if n_factors > MOST_FACTORS:
        raise UserError(
            f"encode_vectors: vectors must have at most {MOST_FACTORS:,} factors. Got {n_factors:,}."
        )
    codes = np.empty(_code_bytes(n_items, n_factors), np.uint8)
    scales = np.zeros(_rounded_up(n_items, CODE_ITEMS), np.float32)
    error, length = _native.encode_vectors(vectors.vectors, codes, scales, n_threads)
    return Codes(codes, scales, error, length)


def _rounded_up(n: int, step: int) -> int:
    return -(-n // step) * step


def _code_bytes(n_items: int, n_factors: int) -> int:
    return _rounded_up(n_items, CODE_ITEMS) * _rounded_up(n_factors, CODE_FACTORS)


def _padded(values: Float32Array, size: int) -> Float32Array:
    return np.concatenate((values, np.zeros(size - len(values), np.float32)))


def _check_matrix(name: str, matrix: Any, n_factors: int | None = None) -> None:
    expected = "a contiguous float32 matrix" + ("" if n_factors is None else f" of {n_factors} columns")
    if not isinstance(matrix, np.ndarray):
        raise UserError(f"Vectors: '{name}' must be {expected}. Got {type(matrix).__name__}.")
    checked: npt.NDArray[Any] = matrix
    sound = checked.ndim == 2 and checked.dtype == np.float32 and checked.flags.c_contiguous
    if not sound or not checked.shape[1] or n_factors not in (None, checked.shape[1]):
        raise UserError(
            f"Vectors: '{name}' must be {expected}. Got {checked.dtype} of shape {checked.shape}."
        )
    if checked.size and not max(abs(float(checked.max())), abs(float(checked.min()))) < LARGEST:
        raise UserError(
            f"Vectors: '{name}' must hold numbers below {LARGEST:g}. Got NaN, infinity or one beyond."
        )
