"""How many threads the matrix products of numpy take."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["few_blas_threads"]


def few_blas_threads(n_threads: int) -> AbstractContextManager[object]:
    """Hold BLAS to so many threads: around small products more of them cost many times what they save."""
    return _controller().limit(limits=n_threads, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
