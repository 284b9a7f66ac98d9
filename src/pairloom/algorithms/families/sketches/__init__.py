"""Summaries of a stream that can be kept, gone on with and added up.

A sketch is four functions over a state, which is a plain dict of arrays:

    state = init(...)                 # of no rows
    state = update(state, rows)       # of these rows too
    state = merge(state, other)       # of the rows of both
    model = finalize(state, asked)    # what was asked of them

The same state is the checkpoint, the start of incremental training and what hosts send one another.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

__all__ = ["State"]

State = dict[str, npt.NDArray[Any]]
