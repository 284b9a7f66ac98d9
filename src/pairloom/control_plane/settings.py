"""What the operator of a service chose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from pairloom.errors import UserError

__all__ = ["FILE", "Settings", "read_settings"]

FILE = "settings.toml"
"""In the data folder; every field of `Settings` may stand in it."""


LEAST_MEMORY_BYTES = 64 << 20


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the operator chose.

    Parameters
    ----------
    account_id : str
        Twelve digits, as they stand in every ARN.
    region : str
        As it stands in every ARN; requests signed for other regions are taken too.
    role_name : str
        Name of the one role that there is.
    describe_hold_s : float
        For how long a Describe of unfinished work may wait for its end while the work is younger than this; 0 for
        answers at once.
    n_slots : int, optional
        Most processes of jobs at once; one for each core by default.
    endpoint_idle_s : float, optional
        Seconds without a request after which the workers of an endpoint end until the next one comes; never by default.
    capture_flush_s : float
        Seconds from the first captured request to the object in S3 that holds it.
    endpoint_metrics_s : float
        Seconds between two points of the metrics of endpoints.
    autoscaling_period_s : float
        Seconds over which requests are counted to decide how many workers there should be; three periods in a row add
        workers, fifteen take some away.
    images : dict of str to list of str
        Your own algorithms: the command that an image of a training job stands for, with or without its registry and
        its tag. It is run with the job's ContainerArguments behind it, else ``train``.
    job_memory_bytes : int, optional
        Most private memory of each process of your own algorithms and scripts; all of the machine's by default.
    requirements : "check" or "install"
        What is done with the ``requirements.txt`` of a script: "check" fails the job where the service's Python has not
        all of it installed, and fetches nothing; "install" has pip bring it into a folder of the job alone.
    """

    account_id: str = "000000000000"
    region: str = "us-east-1"
    role_name: str = "PairloomExecutionRole"
    describe_hold_s: float = 20.0
    n_slots: int | None = None
    endpoint_idle_s: float | None = None
    capture_flush_s: float = 10.0
    endpoint_metrics_s: float = 10.0
    autoscaling_period_s: float = 10.0
    images: dict[str, list[str]] = {}
    job_memory_bytes: int | None = None
    requirements: Literal["check", "install"] = "check"

    def __post_init__(self) -> None:
        """Refuse what cannot stand in an ARN.

        Raises
        ------
        UserError
        """
        for name, pattern, meaning in (
            ("account_id", r"\d{12}", "twelve digits"),
            ("region", r"[a-z]{2}(-[a-z]+)+-\d+", "a region such as us-east-1"),
            ("role_name", r"[\w+=,.@-]{1,64}", "the name of a role, of letters, digits and +=,.@-_"),
        ):
            got: str = getattr(self, name)
            if not re.fullmatch(pattern, got, re.ASCII):
                raise UserError(f"Settings: '{name}' must be {meaning}. Got '{got}'.")
        if not 0 <= self.describe_hold_s <= 50:
            raise UserError(f"Settings: 'describe_hold_s' must be in [0, 50]. Got {self.describe_hold_s}.")
        if self.n_slots is not None and not 1 <= self.n_slots <= 10_000:
            raise UserError(f"Settings: 'n_slots' must be in [1, 10000]. Got {self.n_slots}.")
        for name in ("endpoint_idle_s", "capture_flush_s", "endpoint_metrics_s", "autoscaling_period_s"):
            seconds: float | None = getattr(self, name)
            if seconds is not None and not 0 < seconds < float("inf"):
                raise UserError(f"Settings: '{name}' must be a number of seconds above 0. Got {seconds}.")
        if self.job_memory_bytes is not None and self.job_memory_bytes < LEAST_MEMORY_BYTES:
            raise UserError(
                f"Settings: 'job_memory_bytes' must be at least {LEAST_MEMORY_BYTES:,}. Got {self.job_memory_bytes:,}."
            )
        for image, command in self.images.items():
            if not command or not command[0]:
                raise UserError(f"Settings: 'images' must give '{image}' a command. Got an empty one.")


def read_settings(folder: Path) -> Settings:
    """Read the settings of a data folder; what its file does not name, or all if there is none, is the default.

    Raises
    ------
    UserError
        If the file is no TOML, names something unknown or gives something wrong.
    """
    file = folder / FILE
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: it must hold settings of the service. Got: {error}.") from error
