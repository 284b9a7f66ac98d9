"""How many threads numpy's matrix products use.

A library takes no core unasked: BLAS starts as many threads as there are cores, and on a busy machine, or with small
matrices, these spin rather than work.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

__all__ = ["blas_threads"]


@contextmanager
def blas_threads(n_threads: int) -> Generator[None]:
    """Hold matrix products to `n_threads` threads, in the whole process, until the block ends."""
    changed = [(library, before) for library in _libraries() if (before := library.num_threads) != n_threads]
    for library, _ in changed:
        library.set_num_threads(n_threads)
    try:
        yield
    finally:
        for library, before in changed:
            library.set_num_threads(before)


@lru_cache(maxsize=1)
def _libraries() -> tuple[Any, ...]:
    """Find the BLAS libraries of this process: finding takes a millisecond, asking one a microsecond."""
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
