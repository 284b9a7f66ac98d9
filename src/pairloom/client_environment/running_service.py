"""The service that ``pairloom up`` runs: where it listens and whose keys it takes."""

from __future__ import annotations

import configparser
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pairloom.errors import PlatformError, UserError

__all__ = ["RunningService", "find_service", "service_for_a_while"]

ADDRESS = "service.json"
CREDENTIALS = "credentials"
LOG = "service.log"
START_S = 60.0
STOP_S = 150.0
"""Seconds for a graceful stop: jobs have 120 of them to end."""


@dataclass(frozen=True)
class RunningService:
    """A service that answered: its URL, region and the keys it takes."""

    url: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


def find_service(data: Path) -> RunningService:
    """Find the service that runs on a data folder.

    Raises
    ------
    UserError
        If none answers there.
    """
    try:
        address = json.loads((data / ADDRESS).read_text())
        url, region = str(address["url"]), str(address["region"])
        keys = configparser.RawConfigParser()
        keys.read_string((data / CREDENTIALS).read_text())
        key, secret = keys["default"]["aws_access_key_id"], keys["default"]["aws_secret_access_key"]
    except (OSError, ValueError, KeyError, TypeError, configparser.Error):
        raise _none(data) from None
    if not _answers(url):
        raise _none(data)
    return RunningService(url, region, key, secret)


@contextmanager
def service_for_a_while(data: Path, *, port: int = 0) -> Generator[RunningService]:
    """Run a service on a data folder while the block runs; what it prints goes to ``service.log`` there.

    Raises
    ------
    PlatformError
        If it does not start.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "pairloom", "up", "--data", str(data), "--port", str(port)]
    command.append("--until-input-ends")  # even if this process is killed
    with (data / LOG).open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _started(process, data, begin)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        finally:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def _started(process: subprocess.Popen[bytes], data: Path, begin: int) -> RunningService:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if json.loads((data / ADDRESS).read_text())["pid"] == process.pid:
                return find_service(data)
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not written yet, or what a killed service left
        time.sleep(0.02)
    with (data / LOG).open("rb") as log:
        log.seek(begin)
        said = log.read().decode(errors="replace").strip().splitlines()
    raise PlatformError(
        f"pairloom run: the service did not start. It said: {said[-1] if said else 'nothing'}"
    )


def _answers(url: str) -> bool:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _none(data: Path) -> UserError:
    return UserError(
        f"pairloom run: a service must run on the data folder {data}. Got none that answers. Start one with "
        f"`pairloom up --data {data}`, or give --up to have one for as long as the program runs."
    )
