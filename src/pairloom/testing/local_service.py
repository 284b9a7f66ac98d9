"""A service of one's own on a loopback port, in this process, with clients of boto3."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import uvicorn

from pairloom.control_plane.app import Application
from pairloom.control_plane.running import connections

__all__ = ["LocalService", "serving"]

START_S = 30.0


@dataclass(frozen=True, slots=True)
class LocalService:
    """A service that answers.

    Parameters
    ----------
    application : Application
    url : str
        ``http://127.0.0.1:PORT``.
    clients : list
        Clients that were made; closed at the end.
    """

    application: Application
    url: str
    clients: list[Any] = field(default_factory=list[Any])

    def client(self, name: str, **settings: Any) -> Any:
        """Return boto3's client of a service, which asks once.

        Parameters
        ----------
        name : str
            As boto3 names the service: "sagemaker", "s3", ...
        **settings
            Of ``Session.client`` (`endpoint_url`, `region_name`, ...), and of its Config as `config`.
        """
        from botocore.config import Config

        service = self.application.service
        credentials = service.credentials
        given: dict[str, Any] = {
            "endpoint_url": self.url,
            "region_name": service.region,
            "aws_access_key_id": credentials.access_key,
            "aws_secret_access_key": credentials.secret_key,
        } | settings
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
        config = once.merge(given["config"]) if "config" in given else once
        session = _session()
        client = session.client(name, **(given | {"config": config}))
        self.clients.append(client)
        return client


@cache
def _session() -> Any:
    """Return the one session of this process: it reads each service's model once, which takes a while."""
    import boto3

    return boto3.Session()


@contextmanager
def serving(application: Application) -> Generator[LocalService]:
    """Answer requests on a free loopback port until the block ends.

    Parameters
    ----------
    application : Application
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            application, http=connections(), log_config=None, access_log=False, timeout_graceful_shutdown=2
        )
    )
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve([listener])), name="pairloom-service", daemon=True
    )
    thread.start()
    service = LocalService(application, f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        yield service
    finally:
        for client in service.clients:
            client.close()
        server.should_exit = True
        thread.join(START_S)
        listener.close()
        assert not thread.is_alive(), "The service must end when it is told to."
