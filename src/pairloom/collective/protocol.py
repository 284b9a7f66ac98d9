"""The operations that hosts of one job share. All hosts call the same ones in the same order."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy.typing as npt

__all__ = ["Collective", "Reduction"]

Array = npt.NDArray[Any]
Reduction = Literal["sum", "min", "max"]


class Collective(Protocol):
    """The hosts of a job. A host that is lost or does not answer makes every call raise PlatformError."""

    @property
    def rank(self) -> int:
        """Number of this host, from 0; host 0 saves the model."""
        ...

    @property
    def size(self) -> int:
        """Number of hosts."""
        ...

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array of host `root`; the others pass one of the same shape and dtype."""
        ...

    def allreduce(self, array: Array, reduction: Reduction = "sum") -> Array:
        """Return the element-wise sum, minimum or maximum over hosts, bit for bit the same on each."""
        ...

    def allgather(self, array: Array) -> list[Array]:
        """Return every host's array, by rank; lengths of the first axis may differ."""
        ...

    def sum_rows(self, indices: npt.NDArray[Any], rows: Array) -> tuple[npt.NDArray[Any], Array]:
        """Push rows of a wide table, pull their sums: the cost grows with the rows touched, not the table.

        Parameters
        ----------
        indices : ndarray of shape (n_rows,), int64, ascending without repetition
            Rows of the table that this host changed.
        rows : ndarray of shape (n_rows, width)

        Returns
        -------
        indices : ndarray of int64
            Every row that any host changed, ascending.
        rows : ndarray of shape (len(indices), width)
            Their sums over hosts, bit for bit the same on each host.
        """
        ...

    def close(self) -> None:
        """Part in peace: waits until all hosts do. One that ends without it was lost."""
        ...

    def abandon(self, error: BaseException) -> None:
        """End the job on every host for an error of this one: their calls raise one with its message."""
        ...
