"""The keys of a service, in its data folder, as the AWS tools read them."""

from __future__ import annotations

import configparser
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pairloom.control_plane.wire.signatures.credentials import Credentials
from pairloom.errors import PlatformError, UserError

__all__ = ["FILE", "KeptCredentials", "load_or_make"]

FILE = "credentials"
"""An INI file that AWS_SHARED_CREDENTIALS_FILE may name."""


@dataclass(frozen=True, slots=True)
class KeptCredentials:
    """Keys and whether they are new, so that they are shown once."""

    credentials: Credentials
    new: bool


def load_or_make(folder: Path) -> KeptCredentials:
    """Read the keys of a data folder, or make them.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    UserError
        If the file cannot be used, or others than its owner may read it.
    PlatformError
        If it cannot be written.
    """
    file = folder / FILE
    try:
        return KeptCredentials(_load(file), new=False)
    except FileNotFoundError:
        made = Credentials.make()
    text = f"[default]\naws_access_key_id = {made.access_key}\naws_secret_access_key = {made.secret_key}\n"
    try:
        _write(file, text)
    except OSError as error:
        raise PlatformError(f"{file}: it must be written. Got: {error.strerror}.") from error
    return KeptCredentials(made, new=True)


def _load(file: Path) -> Credentials:
    with file.open(encoding="utf-8") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise UserError(
                f"{file}: only its owner must be able to read it. Got mode {mode:o}. "
                f"Run `chmod 600 {file}`, or delete it to have new keys made."
            )
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(stream.read())
            section = parser["default"]
            keys = Credentials(section["aws_access_key_id"], section["aws_secret_access_key"])
        except (configparser.Error, KeyError, UnicodeDecodeError) as error:
            raise UserError(
                f"{file}: it must hold aws_access_key_id and aws_secret_access_key under [default]. "
                f"Got: {str(error).splitlines()[0]}. Delete it to have new keys made."
            ) from error
    if not (keys.access_key.isalnum() and len(keys.secret_key) >= 16):
        raise UserError(
            f"{file}: the access key must be of letters and digits and the secret of 16 or more characters. "
            "Delete the file to have new keys made."
        )
    return keys


def _write(file: Path, text: str) -> None:
    """Write it whole or not at all, readable to nobody else at any moment."""
    draft = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
