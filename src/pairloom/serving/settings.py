"""What an endpoint can be told."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from pairloom.errors import UserError

__all__ = ["EndpointSettings", "is_loopback"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Address, processes and limits of an endpoint.

    Parameters
    ----------
    host : str
        Address to listen on. One outside loopback needs `token` or `open_network`.
    port : int
        0 picks a free one.
    n_workers : int
        Processes that answer.
    n_threads : int
        Threads that score the rows of one request.
    token : str, optional
        Asked for, as ``Authorization: Bearer``, by every route but ``/ping``.
    open_network : bool
        Whether listening outside loopback without a token is meant: in a container, whose network is the guard.
    max_body_bytes : int
        A longer request is refused with 413, as soon as that is known.
    max_concurrent : int
        Requests in all workers whose body or answer is under way; one more is refused with 503.
    max_connections : int
        Open connections of one worker; one more is closed.
    timeout_s : float
        Seconds for the body of a request to arrive, for its answer to be made, and for it to be taken away.
    header_timeout_s : float
        Seconds for the head of a request to arrive.
    keep_alive_s : float
        Seconds until a connection without requests is closed.
    drain_s : float
        Seconds that requests under way have to finish when a worker ends.
    access_log : bool
        Whether every request is logged; errors always are.
    default_accept : str
        ``Accept`` of requests that have none; empty is the algorithm's first response type.
    events : str
        Folder where a recommender keeps the events that it takes in; empty takes none.
    exposures : str
        Folder where a recommender logs the lists that it gave; empty logs none.
    epsilon : float
        Chance in these lists, in [0, 1]; see `pairloom.exposure.EpsilonGreedy`.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    n_workers: int = 1
    n_threads: int = 1
    token: str | None = None
    open_network: bool = False
    max_body_bytes: int = 6 * MIB
    max_concurrent: int = 64
    max_connections: int = 1024
    timeout_s: float = 60.0
    header_timeout_s: float = 10.0
    keep_alive_s: float = 75.0
    drain_s: float = 25.0
    access_log: bool = True
    default_accept: str = ""
    events: str = ""
    exposures: str = ""
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers out of range, and an open door.

        Raises
        ------
        UserError
        """
        for name in ("n_workers", "n_threads", "max_body_bytes", "max_concurrent", "max_connections"):
            _check(name, "an integer of at least 1", getattr(self, name), getattr(self, name) >= 1)
        for name in ("timeout_s", "header_timeout_s", "keep_alive_s"):
            _check(name, "a number of seconds above 0", getattr(self, name), getattr(self, name) > 0)
        _check("drain_s", "a number of seconds of at least 0", self.drain_s, self.drain_s >= 0)
        _check("epsilon", "a number in [0, 1]", self.epsilon, 0 <= self.epsilon <= 1)
        if self.epsilon and not self.exposures:
            raise UserError(
                "Endpoint: '--epsilon' must come with --exposures FOLDER: chance is for what is logged."
            )
        _check("port", "a port in [0, 65535]", self.port, 0 <= self.port <= 65535)
        if self.token is not None and (len(self.token) < 16 or not self.token.isascii() or " " in self.token):
            raise UserError(
                "Endpoint: the token must be 16 or more ASCII characters without blanks. Got "
                f"{len(self.token)}. Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'."
            )
        if not (is_loopback(self.host) or self.token or self.open_network):
            raise UserError(
                f"Endpoint: '--host' must be an address of loopback, such as 127.0.0.1, unless there is a token. "
                f"Got {self.host}. Give one with --token-file or in the environment as PAIRLOOM_SERVE_TOKEN."
            )


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(name: str, expected: str, got: object, right: bool) -> None:
    if not right:
        raise UserError(f"Endpoint: '{name}' must be {expected}. Got {got}.")
