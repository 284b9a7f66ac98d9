"""``serve`` as the command of an image: SageMaker's paths and variables, and no options.

| variable | meaning | default |
|---|---|---|
| ``PAIRLOOM_ML_ROOT`` | folder whose ``model/`` holds the unpacked model | ``/opt/ml`` |
| ``SAGEMAKER_BIND_TO_PORT`` | port | 8080 |
| ``PAIRLOOM_CONTAINER`` | 1 in an image: listen on all addresses, since the container's network is the guard | |
| ``PAIRLOOM_SERVE_TOKEN`` | token that every request but ``/ping`` must carry; listen on all addresses | |
| ``SAGEMAKER_MODEL_SERVER_WORKERS`` | processes that answer | one a core |
| ``SAGEMAKER_MODEL_SERVER_TIMEOUT`` | seconds for a request to arrive and to be answered | 60 |
| ``SAGEMAKER_MAX_PAYLOAD_IN_MB`` | longest request, in MiB | 6 |
| ``SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`` | ``Accept`` of requests without | the algorithm's |

Outside an image, without the third and the fourth, it listens on 127.0.0.1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pairloom.errors import PairloomError, UserError
from pairloom.serving.log import log
from pairloom.serving.settings import MIB, EndpointSettings

__all__ = ["container_settings", "main"]

ROOT = "/opt/ml"


def container_settings(environment: Mapping[str, str]) -> tuple[Path, EndpointSettings]:
    """Return the folder of the model and the settings that the variables ask for.

    Raises
    ------
    UserError
        For a variable that is no number.
    """
    token = environment.get("PAIRLOOM_SERVE_TOKEN") or None
    in_image = environment.get("PAIRLOOM_CONTAINER") == "1"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    settings = EndpointSettings(
        host="0.0.0.0" if in_image or token else "127.0.0.1",  # noqa: S104 - see above
        port=_integer(environment, "SAGEMAKER_BIND_TO_PORT", 8080),
        n_workers=_integer(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", cores),
        token=token,
        open_network=in_image,
        max_body_bytes=MIB * _integer(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 6),
        timeout_s=_integer(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", 60),
        default_accept=environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", ""),
    )
    return Path(environment.get("PAIRLOOM_ML_ROOT", ROOT)) / "model", settings


def main() -> int:
    """Serve the model of the container until SIGTERM; returns the exit code."""
    from pairloom.serving.supervisor import Supervisor

    try:
        model, settings = container_settings(os.environ)
        return Supervisor(model, settings).run()
    except PairloomError as error:
        log("error", "cannot serve", message=str(error))
        return 2 if isinstance(error, UserError) else 1


def _integer(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    try:
        return int(text) if text else default
    except ValueError:
        raise UserError(f"Endpoint: variable {name} must be an integer. Got {text!r}.") from None


if __name__ == "__main__":
    sys.exit(main())
