"""Two hosts prove to each other that they hold the same secret, before either reads anything else.

Each sends a nonce; each answers with an HMAC over both greetings. The secret itself never travels.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pairloom.errors import UserError

__all__ = ["Identity", "Refused", "answer_peer", "greet_peer"]

GREETING = struct.Struct("<4sBII32s")
MAGIC, VERSION = b"PLHI", 1
NONCE_BYTES = 32
PROOF_BYTES = hashlib.sha256().digest_size


class Refused(Exception):  # noqa: N818 - an outcome; the caller may try again
    """The other side is not a host of this job, or says nothing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this host is.

    Parameters
    ----------
    hosts : sequence of str
        Sorted.
    rank : int
    token : str
        The secret that all hosts of the job share.
    """

    hosts: Sequence[str]
    rank: int
    token: str

    def proof(self, side: bytes, *greetings: bytes) -> bytes:
        """Return the HMAC that shows knowledge of the token and of the list of hosts."""
        key = hashlib.sha256(self.token.encode()).digest()
        listed = hashlib.sha256("\n".join(self.hosts).encode()).digest()
        return hmac.digest(key, b"|".join((side, listed, *greetings)), "sha256")

    def greeting(self) -> bytes:
        """Return a fresh greeting."""
        return GREETING.pack(MAGIC, VERSION, self.rank, len(self.hosts), secrets.token_bytes(NONCE_BYTES))


def greet_peer(link: socket.socket, identity: Identity, peer: int, deadline: float) -> None:
    """Prove who is calling, and have `peer` prove that it is meant; `deadline` as of time.monotonic()."""
    mine = identity.greeting()
    _send(link, mine, deadline)
    theirs = receive_exactly(link, GREETING.size, deadline)
    if _rank_in(theirs, identity) != peer:
        raise Refused(f"another host than '{identity.hosts[peer]}' answers at its address")
    _send(link, identity.proof(b"caller", mine, theirs), deadline)
    proof = receive_exactly(link, PROOF_BYTES, deadline)
    if not hmac.compare_digest(proof, identity.proof(b"called", mine, theirs)):
        raise Refused("the other side has another token or list of hosts")


def answer_peer(link: socket.socket, identity: Identity, deadline: float) -> int:
    """Have a caller prove who it is, prove the same, and return its rank."""
    theirs = receive_exactly(link, GREETING.size, deadline)
    rank = _rank_in(theirs, identity)
    if rank <= identity.rank:
        raise Refused(f"host {rank} waits for calls from host {identity.rank}")
    mine = identity.greeting()
    _send(link, mine, deadline)
    proof = receive_exactly(link, PROOF_BYTES, deadline)
    if not hmac.compare_digest(proof, identity.proof(b"caller", theirs, mine)):
        raise Refused("a caller has another token or list of hosts")
    _send(link, identity.proof(b"called", theirs, mine), deadline)
    return rank


def check_token(token: str) -> None:
    """Refuse a secret that anybody can guess."""
    if len(token) < 8:
        raise UserError(
            f"Hosts: the token must have 8 characters or more. Got {len(token)}. Give all hosts of the job the same "
            "long random text."
        )


def receive_exactly(link: socket.socket, n_bytes: int, deadline: float) -> bytes:
    """Read so many bytes until a deadline; Refused when they do not come."""
    data = b""
    while len(data) < n_bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Refused("the other side does not answer")
        link.settimeout(left)
        try:
            piece = link.recv(n_bytes - len(data))
        except OSError as error:
            raise Refused(f"the other side does not answer: {error}") from error
        if not piece:
            raise Refused("the other side closed the connection")
        data += piece
    return data


def _send(link: socket.socket, data: bytes, deadline: float) -> None:
    link.settimeout(max(0.001, deadline - time.monotonic()))
    try:
        link.sendall(data)
    except OSError as error:
        raise Refused(f"the other side does not listen: {error}") from error


def _rank_in(greeting: bytes, identity: Identity) -> int:
    magic, version, rank, size, _ = GREETING.unpack(greeting)
    if magic != MAGIC or version != VERSION:
        raise Refused("the other side speaks another protocol")
    if size != len(identity.hosts) or rank >= size:
        raise Refused(f"the other side is host {rank} of {size}, this job has {len(identity.hosts)}")
    return rank
