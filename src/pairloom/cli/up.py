"""``pairloom up``: the service."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

__all__ = ["up"]

READY = """\
Pairloom's service answers on {url}. Ctrl-C ends it.

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


def up(
    *,
    data: Path = Path("~/.pairloom"),
    port: int = 8321,
    host: str = "127.0.0.1",
    allow_remote: bool = False,
    region: str | None = None,
    database: str | None = None,
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
    """
    import msgspec

    from pairloom.control_plane.app import Application
    from pairloom.control_plane.credentials_file import FILE, load_or_make
    from pairloom.control_plane.opening import make_data_folder, open_service
    from pairloom.control_plane.running import Address, listen, run
    from pairloom.control_plane.settings import read_settings

    folder = make_data_folder(data)
    settings = read_settings(folder)
    if region is not None:
        settings = msgspec.structs.replace(settings, region=region)
    with ExitStack() as stack:
        listener = stack.enter_context(listen(host, port, allow_remote=allow_remote))
        kept = load_or_make(folder)
        service = stack.enter_context(open_service(folder, settings, database_url=database))

        def announce(address: Address) -> None:
            names = {"url": address.url, "region": service.region, "credentials": folder / FILE}
            if kept.new:
                keys = kept.credentials
                print(NEW_KEYS.format(**names, access_key=keys.access_key, secret_key=keys.secret_key))
            print(READY.format(**names), flush=True)

        return run(Application(service), listener, announce)
