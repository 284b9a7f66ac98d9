"""``pairloom up``: the service."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pairloom.errors import UserError

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["up"]

READY = """\
Pairloom's service answers on {url}. Ctrl-C, or `pairloom down`, ends it.

For boto3, the AWS CLI and the SageMaker SDK:

    export AWS_ENDPOINT_URL={url}
    export AWS_DEFAULT_REGION={region}
    export AWS_SHARED_CREDENTIALS_FILE={credentials}

A script that must not be touched: pairloom run script.py
"""
NEW_KEYS = """\
New keys were made for this service; they are shown this once and kept in {credentials} (mode 600).

    access key  {access_key}
    secret key  {secret_key}
"""
NEW_KEYS_IN_FILE = """\
New keys were made for this service; they are kept in {credentials} (mode 600).
"""
LOG = "service.log"


def up(
    *,
    data: Path = Path("~/.pairloom"),
    port: int = 8321,
    host: str = "127.0.0.1",
    allow_remote: bool = False,
    region: str | None = None,
    database: str | None = None,
    object_store: str | None = None,
    background: bool = False,
    until_input_ends: bool = False,
) -> int:
    """Answer as SageMaker, S3, STS, IAM and CloudWatch do, on this machine.

    Code that was written for SageMaker runs against it unchanged: boto3, the AWS CLI and the SageMaker SDK find it
    through the variables that it prints. All its state is in one folder, and requests must be signed with the keys
    that are made there on the first start.

    SIGTERM and Ctrl-C end it: requests under way are finished; jobs go on from their checkpoints at the next start.

    Exit codes: 0 ended, 1 the machine failed, 2 the caller can fix it (the port is taken, the folder is in use).

    For example:

        pairloom up
        pairloom up --data work --port 9000
        pairloom up --background; pairloom down
        pairloom up --host 0.0.0.0 --allow-remote

    Parameters
    ----------
    data
        Folder of everything that the service keeps. A file settings.toml in it may hold account_id, region,
        role_name and n_slots (most processes of jobs at once).
    port
        Port to listen on; 0 picks a free one.
    host
        Address to listen on.
    allow_remote
        Listen where other machines can reach it. What is sent is not encrypted: put a TLS proxy before it.
    region
        Region in the names of resources.
    database
        URL of a PostgreSQL database for the state, postgresql://...; by default SQLite in the data folder.
    object_store
        Where buckets are kept: s3://, s3://BUCKET or s3://BUCKET/PREFIX, with ?endpoint_url=... for one that is not
        AWS; by default the data folder. Address and credentials that it does not name are those of the environment.
    background
        Return as soon as it answers, and leave it running until `pairloom down`; its log goes to service.log in the
        data folder.
    until_input_ends
        End when standard input does: for a program that starts it and may itself be killed.
    """
    import msgspec

    from pairloom.cli.background import in_background
    from pairloom.control_plane.app import Application
    from pairloom.control_plane.opening import make_data_folder, open_service
    from pairloom.control_plane.running import Address, log_to_standard_error, run
    from pairloom.control_plane.settings import read_settings

    folder = make_data_folder(data)
    settings = read_settings(folder)
    if region is not None:
        settings = msgspec.structs.replace(settings, region=region)
    if background:
        options = {
            "--port": str(port),
            "--host": host,
            "--region": region,
            "--database": database,
            "--object-store": object_store,
        }
        words = [word for name, value in options.items() if value is not None for word in (name, value)]
        return in_background(folder, [*words, *(["--allow-remote"] if allow_remote else [])], folder / LOG)
    log_to_standard_error()
    if until_input_ends:
        threading.Thread(target=_end_with_input, daemon=True).start()
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(folder, host, port, allow_remote=allow_remote))
        service = stack.enter_context(
            open_service(folder, settings, database_url=database, object_store_url=object_store)
        )

        def announce(address: Address) -> None:
            try:
                print(_greeting(service, address.url), flush=True)
            except BrokenPipeError:  # who started it reads no more, and it goes on
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

        return run(Application(service), listener, announce)


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _listen(folder: Path, host: str, port: int, *, allow_remote: bool) -> socket.socket:
    from pairloom.control_plane.running import listen
    from pairloom.control_plane.supervisor import FolderLock

    try:
        return listen(host, port, allow_remote=allow_remote)
    except UserError:
        FolderLock(folder).release()  # says so if it is the service of this folder that has the port
        raise


def _greeting(service: Service, url: str) -> str:
    from pairloom.control_plane.credentials_file import FILE

    file = service.data / FILE
    ready = READY.format(url=url, region=service.region, credentials=file)
    if not service.keys_are_new:
        return ready
    kept_in_a_file = stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)  # where a secret would stay
    keys = service.credentials
    shown = NEW_KEYS_IN_FILE if kept_in_a_file else NEW_KEYS
    return (
        shown.format(credentials=file, access_key=keys.access_key, secret_key=keys.secret_key) + f"\n{ready}"
    )
