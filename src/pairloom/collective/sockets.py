"""Several hosts over TCP: every host connected with every other, and sums that each adds up for a part.

`connect` finds the hosts of a job and returns the collective that they share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.collective.failures import Failure
from pairloom.collective.frames import DTYPES, Operation, signature
from pairloom.collective.handshake import Identity, check_token
from pairloom.collective.mesh import Mesh
from pairloom.collective.protocol import Reduction
from pairloom.collective.rendezvous import Address, meet
from pairloom.collective.summing import owner_bounds, sample, sum_in_order, sum_of_rows
from pairloom.errors import AlgorithmError, UserError

__all__ = ["SocketCollective", "connect"]

Array = npt.NDArray[Any]
SMALL_BYTES = 1 << 13
"""Up to this size everybody sends everything to everybody: one wait instead of two."""
REDUCTIONS: dict[Reduction, tuple[Operation, np.ufunc]] = {
    "sum": (Operation.SUM, np.add),
    "min": (Operation.MIN, np.minimum),
    "max": (Operation.MAX, np.maximum),
}


def connect(
    hosts: Sequence[str],
    current_host: str,
    *,
    port: int,
    token: str,
    timeout_s: float = 900.0,
    addresses: Mapping[str, Address] | None = None,
    lost_after_s: float = 15.0,
    call_timeout_s: float = 3600.0,
) -> SocketCollective:
    """Join the hosts of a job.

    Parameters
    ----------
    hosts : sequence of str
        All hosts of the job, in any order; the first of them sorted is rank 0.
    current_host : str
        This host's name among them.
    port : int
        Where each host listens, at the address that its name resolves to, until all are there.
    token : str
        Secret of the job that all hosts share; it does not travel. What follows is not encrypted.
    timeout_s : float
        How long to wait for the others to come.
    addresses : mapping of host to (address, port), optional
        Where a host is, if not at its name and `port`.
    lost_after_s : float
        A host that gives no sign of life for so long is lost. One that is killed is noticed at once.
    call_timeout_s : float
        Longest wait for a host that lives but does not make the call that the others wait in.

    Raises
    ------
    UserError
        For names or a token that cannot be.
    PlatformError
        When a host does not come in time.
    """
    names = sorted(hosts)
    if len(set(names)) != len(names) or current_host not in names:
        raise UserError(
            f"Hosts: the current host must be one of the job's hosts, each named once. Got '{current_host}' "
            f"and {names}."
        )
    check_token(token)
    given = addresses or {}
    rank = names.index(current_host)
    identity = Identity(names, rank, token)
    sockets = meet(identity, [given.get(name, (name, port)) for name in names], timeout_s)
    mesh = Mesh(names, rank, sockets, lost_after_s=lost_after_s, call_timeout_s=call_timeout_s)
    collective = SocketCollective(mesh)
    collective.allreduce(np.zeros(1, np.uint8), "max")
    return collective


class SocketCollective:
    """The hosts of a job over TCP.

    Of an array of S bytes on N hosts, each sends: `allreduce` 2 S (N - 1) / N, `broadcast` at most S (2 - 2 / N),
    `allgather` S (N - 1) of its own. `sum_rows` sends about (T + U) (N - 1) / N rows, where T rows were touched
    here and U anywhere. Arrays of 8 KiB or less are sent whole to everybody. Sums are taken by one host for each
    part, in the order of ranks, so that they are the same bit for bit everywhere and in every run.

    Parameters
    ----------
    mesh : Mesh
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    @property
    def rank(self) -> int:
        """Number of this host, from 0."""
        return self.mesh.rank

    @property
    def size(self) -> int:
        """Number of hosts."""
        return len(self.mesh.hosts)

    @property
    def sent_bytes(self) -> int:
        """Bytes sent since the hosts met, headers and heartbeats included."""
        return sum(link.sent_bytes for link in self.mesh.links.values())

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array of host `root`."""
        if not 0 <= root < self.size:
            self._refuse(f"the root of a broadcast must be in [0, {self.size - 1}]. Got {root}")
        flat = self._begin(Operation.BROADCAST, array, root)
        mesh, rank = self.mesh, self.rank
        if flat.nbytes <= SMALL_BYTES or self.size == 2:
            if rank == root:
                for peer in mesh.peers:
                    mesh.send(peer, flat)
                return array
            return mesh.receive(root).reshape(array.shape)
        parts = np.array_split(flat, self.size)
        if rank == root:
            for peer in mesh.peers:
                mesh.send(peer, parts[peer])
                mesh.send(peer, parts[root], 1)
            return array
        parts[rank] = mesh.receive(root)
        for peer in mesh.peers:
            if peer != root:
                mesh.send(peer, parts[rank], 1)
        for peer in mesh.peers:
            parts[peer] = mesh.receive(peer, 1)
        return np.concatenate(parts).reshape(array.shape)

    def allreduce(self, array: Array, reduction: Reduction = "sum") -> Array:
        """Return the element-wise sum, minimum or maximum over hosts, in the array's dtype."""
        operation, combine = REDUCTIONS[reduction]
        flat = self._begin(operation, array)
        if flat.nbytes <= SMALL_BYTES:
            return sum_in_order(self._exchange([flat] * self.size), combine).reshape(array.shape)
        parts = np.array_split(flat, self.size)
        own = sum_in_order(self._exchange(parts), combine)
        return np.concatenate(self._exchange([own] * self.size, 1)).reshape(array.shape)

    def allgather(self, array: Array) -> list[Array]:
        """Return every host's array, by rank; lengths of the first axis may differ."""
        self._begin(Operation.ALLGATHER, array, shape=array.shape[1:] if array.ndim else ())
        return self._exchange([_travelling(array).reshape(array.shape)] * self.size)

    def sum_rows(self, indices: npt.NDArray[Any], rows: Array) -> tuple[npt.NDArray[Any], Array]:
        """Push rows of a wide table, pull their sums over hosts."""
        indices = np.ascontiguousarray(indices, np.int64)
        if indices.ndim != 1 or rows.ndim != 2 or len(rows) != len(indices):
            self._refuse(f"sum_rows takes as many indices as rows. Got {indices.shape} and {rows.shape}")
        if (indices[1:] <= indices[:-1]).any():
            self._refuse("the indices of sum_rows must ascend without repetition")
        self._begin(Operation.SUM_ROWS, rows, shape=rows.shape[1:])
        bounds = owner_bounds(self._exchange([sample(indices, self.size)] * self.size), self.size)
        cuts = np.searchsorted(indices, bounds)
        pushed = [np.split(indices, cuts), np.split(_travelling(rows).reshape(rows.shape), cuts)]
        own = sum_of_rows(*self._exchange_all(pushed, 1))
        all_indices, all_rows = self._exchange_all([[part] * self.size for part in own], 3)
        return np.concatenate(all_indices), np.concatenate(all_rows)

    def close(self) -> None:
        """Part in peace: waits until all hosts do; raises PlatformError if one is lost meanwhile."""
        self.mesh.part()

    def abandon(self, error: BaseException) -> None:
        """End the job on every host for an error of this one."""
        self.mesh.fail(Failure.of(error, self.mesh.hosts[self.rank]))
        self.mesh.let_go()

    def _begin(
        self, operation: Operation, array: Array, *more: int, shape: tuple[int, ...] | None = None
    ) -> Array:
        """Begin a call; returns the array flat and contiguous, as it travels."""
        if array.dtype.newbyteorder("<") not in DTYPES:
            self._refuse(f"arrays must hold booleans, integers or floats. Got {array.dtype}")
        self.mesh.begin(operation, signature(array.dtype, array.shape if shape is None else shape, *more))
        return _travelling(array)

    def _exchange(self, parts: Sequence[Array], step: int = 0) -> list[Array]:
        """Send part i to host i, and return what each host sent to this one, by rank."""
        return self._exchange_all([parts], step)[0]

    def _exchange_all(self, arrays: Sequence[Sequence[Array]], first_step: int) -> list[list[Array]]:
        """Exchange several arrays, each in its parts, in one wait."""
        for peer in self.mesh.peers:
            for step, parts in enumerate(arrays, first_step):
                self.mesh.send(peer, parts[peer], step)
        found: list[list[Array]] = [list(parts) for parts in arrays]
        for peer in self.mesh.peers:
            for step, parts in enumerate(found, first_step):
                parts[peer] = self.mesh.receive(peer, step)
        return found

    def _refuse(self, what: str) -> None:
        error = AlgorithmError(f"Hosts: {what}.")
        self.abandon(error)
        raise error


def _travelling(array: Array) -> Array:
    """Return an array's elements as they travel: flat, in the byte order of this machine."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(-1)
