"""``pairloom serve``: a model behind HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pairloom.errors import DataError
from pairloom.serving.settings import MIB, EndpointSettings

__all__ = ["serve"]

TOKEN = "PAIRLOOM_SERVE_TOKEN"  # noqa: S105 - the name of a variable
SAMPLE = """\
Serving {model} on {url}. Ctrl-C ends it.

    curl {url}/ping -i
    curl {url}/invocations -H 'Content-Type: application/json' -d '{{"instances": [...]}}'
"""


def serve(
    model: Path,
    /,
    *,
    port: int = 8080,
    host: str = "127.0.0.1",
    workers: int = 1,
    threads: Annotated[int, Parameter(help="Threads that score the rows of one request.")] = 1,
    token_file: Path | None = None,
    max_body_mb: float = 6.0,
    max_concurrent: int = 64,
    timeout_s: float = 60.0,
    header_timeout_s: float = 10.0,
    drain_s: float = 25.0,
    access_log: bool = True,
    events: Path | None = None,
    exposures: Path | None = None,
    epsilon: float = 0.0,
) -> int:
    """Answer requests for predictions over HTTP, as a SageMaker endpoint does.

    POST /invocations takes rows as JSON, JSON Lines, CSV, libsvm or RecordIO-protobuf (header Content-Type) and
    answers in JSON, JSON Lines, CSV or RecordIO-protobuf (header Accept). A model that was trained on raw columns
    takes these: {"instances": [{"user": 42, "item": 7}]}. GET /ping says whether it answers, GET /metrics what it
    did, GET /execution-parameters how a batch transform should call it.

    A recommender takes {"user": 42, "n": 10}, {"history": [50, 181]} and {"item": 50}, besides members such as
    "where", "block", "caps" and "reasons"; {"instances": [...]} holds several, CSV a user a line. With `--events` it
    takes in what users did, while it answers: POST /events with {"user": 42, "item": 50}, {"events": [...]} or JSON
    Lines. An event is on the disk before it is acknowledged, and survives a restart.

    Signals: SIGHUP loads the model file again, while the old one serves until the new one answers. SIGTERM and
    Ctrl-C finish the requests under way, then end.

    Only this machine can reach it, unless `--host` says otherwise; every request but /ping must then carry a token,
    which comes from `--token-file` or the environment variable PAIRLOOM_SERVE_TOKEN:
    `Authorization: Bearer TOKEN`.

    For example:

        pairloom serve model.tar.gz
        pairloom serve model.tar.gz --port 9000 --workers 4
        pairloom serve model.tar.gz --host 0.0.0.0 --token-file token.txt
        pairloom serve recommender.tar.gz --events events

    Parameters
    ----------
    model
        A model.tar.gz that Pairloom saved, or a folder with its contents.
    port
        Port to listen on; 0 picks a free one.
    host
        Address to listen on.
    workers
        Processes that answer; one for each core that may be busy.
    token_file
        File whose first line is the token that requests must carry.
    max_body_mb
        Longest request, in MiB; a longer one is refused with 413.
    max_concurrent
        Most requests under way at once; one more is refused with 503.
    timeout_s
        Seconds for the body of a request to arrive, for its answer to be made and to be taken away.
    header_timeout_s
        Seconds for the head of a request to arrive.
    drain_s
        Seconds that requests under way have to finish at the end.
    access_log
        Log every request to standard error, one JSON object a line. Errors always are.
    events
        Folder where a recommender keeps the events that it takes in. A model that was fitted on them gets a new folder.
    exposures
        Folder where a recommender logs the lists that it gave, each by the request_id of its answer; an event with
        that as "request" is logged as what came of it.
    epsilon
        At each position of a logged list, the probability of any candidate instead of the best, for evaluation later.
    """
    from pairloom.serving.supervisor import Supervisor

    settings = EndpointSettings(
        host=host, port=port, n_workers=workers, n_threads=threads, token=_token(token_file),
        max_body_bytes=int(max_body_mb * MIB), max_concurrent=max_concurrent, timeout_s=timeout_s,
        header_timeout_s=header_timeout_s, drain_s=drain_s, access_log=access_log,
        events="" if events is None else str(events.resolve()),
        exposures="" if exposures is None else str(exposures.resolve()), epsilon=epsilon,
    )  # fmt: skip

    def announce(url: str) -> None:
        print(SAMPLE.format(model=model, url=url), flush=True)

    return Supervisor(model, settings, announce).run()


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("a file whose first line is a token", got=str(error), source=str(file)) from error
    return lines[0].strip() if lines else ""
