"""The user's named profiles, all pointing at the service."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from pairloom.client_environment.running_service import RunningService

__all__ = ["profile_files"]


def profile_files(service: RunningService, folder: Path, base: Mapping[str, str]) -> tuple[Path, Path]:
    """Write a config and a credentials file in which every profile that the user has is one of the service.

    So a program that names a profile, ``boto3.Session(profile_name="work")``, runs unchanged; what the user's own
    files say is not used.

    Returns
    -------
    config, credentials : Path
    """
    config, credentials = configparser.RawConfigParser(), configparser.RawConfigParser()
    for name in sorted({"default"} | _names(base)):
        section = name if name == "default" else f"profile {name}"
        config[section] = {"region": service.region, "endpoint_url": service.url}
        credentials[name] = {
            "aws_access_key_id": service.access_key_id,
            "aws_secret_access_key": service.secret_access_key,
        }
    files = folder / "config", folder / "credentials"
    for file, content in zip(files, (config, credentials), strict=True):
        file.touch(mode=0o600)
        with file.open("w") as stream:
            content.write(stream)
    return files


def _names(base: Mapping[str, str]) -> set[str]:
    home = Path(base.get("HOME") or Path.home()) / ".aws"
    config = _sections(Path(base.get("AWS_CONFIG_FILE") or home / "config"))
    credentials = _sections(Path(base.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"))
    named = {name.removeprefix("profile ").strip() for name in config if name.startswith("profile ")}
    return (
        named
        | credentials
        | {base[name] for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE") if base.get(name)}
    )


def _sections(file: Path) -> set[str]:
    found = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        found.read_string(file.expanduser().read_text())
    except (OSError, UnicodeDecodeError, configparser.Error):
        return set()  # a program that needs them will say that they are missing
    return set(found.sections())
