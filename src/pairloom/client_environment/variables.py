"""The environment of a program that uses the service."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pairloom.client_environment.profiles import profile_files
from pairloom.client_environment.running_service import RunningService

__all__ = ["client_variables"]

KEPT = {
    "AWS_CA_BUNDLE",
    "AWS_DATA_PATH",
    "AWS_MAX_ATTEMPTS",
    "AWS_PAGER",
    "AWS_RETRY_MODE",
    "AWS_STS_REGIONAL_ENDPOINTS",
}
"""Variables of AWS's tools that say how to ask, not whom or as whom."""
SDK_SETTINGS = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""
START_UP = Path(__file__).with_name("start_up")


def client_variables(
    service: RunningService, folder: Path, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Make the environment in which unmodified clients of AWS use the service.

    Every variable of AWS's tools that names an account, a place or an endpoint is replaced, and the files that they
    would read in the user's home are replaced by files in `folder`, so that no credentials of AWS are used by mistake.

    Parameters
    ----------
    service : RunningService
    folder : Path
        An empty private folder that lives as long as the program.
    base : mapping of str to str, optional
        The environment to start from; by default that of this process.

    Returns
    -------
    dict of str to str
        The whole environment.
    """
    old = dict(os.environ if base is None else base)
    new = {name: value for name, value in old.items() if not name.startswith("AWS_") or name in KEPT}
    config, credentials = profile_files(service, folder, old)
    new |= {
        "AWS_ENDPOINT_URL": service.url,
        "AWS_ACCESS_KEY_ID": service.access_key_id,
        "AWS_SECRET_ACCESS_KEY": service.secret_access_key,
        "AWS_REGION": service.region,
        "AWS_DEFAULT_REGION": service.region,
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_EC2_METADATA_DISABLED": "true",
        "IPYTHONDIR": old.get("IPYTHONDIR") or str(folder / "ipython"),
        "PYTHONPATH": _joined(os.pathsep, str(START_UP), old.get("PYTHONPATH")),
    }
    for name in ("NO_PROXY", "no_proxy"):
        new[name] = _joined(",", old.get(name), urlsplit(service.url).hostname, "localhost")
    if "SAGEMAKER_ADMIN_CONFIG_OVERRIDE" not in old:
        settings = folder / "sagemaker.yaml"
        settings.write_text(SDK_SETTINGS)
        new["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"] = str(settings)
    return new


def _joined(separator: str, *parts: str | None) -> str:
    return separator.join(part for part in parts if part)
