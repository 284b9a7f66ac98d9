"""Cutting strings into pieces, and hashing their n-grams."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.kernels import _native
from pairloom.kernels.raw_keys import StringKeys

__all__ = ["hash_text", "split_strings"]


def split_strings(rows: StringKeys, separator: str) -> tuple[npt.NDArray[np.int64], StringKeys]:
    """Cut each string at a separator, dropping blanks around the pieces and empty pieces.

    Returns
    -------
    indptr : ndarray of shape (n_rows + 1,), int64
        Row i has the pieces ``indptr[i]`` to ``indptr[i + 1] - 1``.
    pieces : StringKeys
        They lie in the data of `rows`.
    """
    if not separator:
        raise UserError("split_strings: 'separator' must not be empty.")
    indptr, starts, ends = _native.split_strings(rows.starts, rows.ends, rows.data, rows.valid, separator)
    return indptr, StringKeys(starts, ends, rows.data)


def hash_text(
    rows: StringKeys,
    n_buckets: int,
    *,
    words: tuple[int, int] = (1, 1),
    characters: tuple[int, int] = (0, 0),
    lowercase: bool = True,
    seed: int = 0,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Hash the n-grams of each string to buckets in [0, n_buckets).

    Parameters
    ----------
    rows : StringKeys
    n_buckets : int
    words, characters : pair of int
        Smallest and largest n-gram; (0, 0) for none. Those of characters stay within a word, which is marked
        ``<word>``.
    lowercase : bool
        Lower the ASCII letters.
    seed : int

    Returns
    -------
    indptr : ndarray of shape (n_rows + 1,), int64
    buckets : ndarray of shape (n_ngrams,), int32
        Row i has the n-grams ``indptr[i]`` to ``indptr[i + 1] - 1``; repeated ones are kept.
    """
    if not 1 <= n_buckets < 2**31:
        raise UserError(f"hash_text: 'n_buckets' must be in [1, 2147483647]. Got {n_buckets}.")
    for name, (low, high) in (("words", words), ("characters", characters)):
        if not (1 <= low <= high or low == high == 0):
            raise UserError(f"hash_text: '{name}' must be two sizes in rising order. Got {(low, high)}.")
    return _native.hash_text(
        rows.starts, rows.ends, rows.data, rows.valid, words, characters, lowercase, seed, n_buckets
    )
