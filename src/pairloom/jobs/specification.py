"""What to run: one job, in words that know nothing of who asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pairloom.errors import UserError

__all__ = ["Channel", "InputFile", "JobSpecification", "Record", "safe_name"]

Mode = Literal["File", "FastFile", "Pipe"]
LONGEST_PART_BYTES = 255
LONGEST_NAME_BYTES = 3072
OPT_ML = "/opt/ml"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a channel holds.

    Parameters
    ----------
    name : str
        Relative to the channel's folder, parts joined by ``/``; see `safe_name`.
    place : callable
        Makes the file at a path that is given: a hard link where it can be, else a copy.
    label : str
        What errors call it.
    """

    name: str
    place: Callable[[Path], None]
    label: str = ""


Record = tuple[InputFile | bytes, ...]
"""What Pipe mode streams as one: files, or contents."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A named input.

    Parameters
    ----------
    name : str
    mode : "File", "FastFile" or "Pipe"
    records : sequence of Record
        Of the whole channel. In File mode each is one file.
    words : mapping of str to str
        What ``inputdataconfig.json`` says of it.
    is_compressed, is_wrapped : bool
        In Pipe mode: whether objects are unpacked from gzip, and each wrapped as a RecordIO record.
    is_sharded : bool
        Whether each host gets its share of the files only.
    seed : int, optional
        Of the order in which records are dealt to hosts, and streamed in each pass.
    """

    name: str
    mode: Mode
    records: tuple[Record, ...]
    words: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_compressed: bool = False
    is_wrapped: bool = False
    is_sharded: bool = False
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class JobSpecification:
    """One job.

    Parameters
    ----------
    name : str
    command : sequence of str
        Every host runs it. A part that begins with ``/opt/ml`` is moved along with that folder.
    environment : mapping of str to str
        All of it; `layout` adds what names the host and its folders.
    hyperparameters : mapping of str to str
    channels : sequence of Channel
    hosts : sequence of str
        Sorted names.
    instance_type : str
    max_runtime_s : float, optional
        After it the job is asked to stop.
    grace_s : float
        Between being asked and being killed.
    patience_s : float
        How long the other hosts may go on when one has failed.
    checkpoints : path, optional
        Folder that outlives an attempt; `checkpoints_at` is where the job sees it.
    checkpoints_at : str
    metrics : mapping of str to str
        Expression by name.
    memory_bytes : int, optional
        Most private memory of each process.
    has_opt_ml : bool
        Whether the command sees its folder as ``/opt/ml`` too, where the system can do that.
    is_isolated : bool
        Whether the command has no network.
    archives : mapping of str to InputFile
        Files that the command needs, by their path under the root of each host.
    configuration : mapping of str to object
        Further files of ``input/config``, by name without ending.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    hyperparameters: Mapping[str, str]
    channels: tuple[Channel, ...]
    hosts: tuple[str, ...] = ("algo-1",)
    instance_type: str = "local"
    max_runtime_s: float | None = None
    grace_s: float = 120.0
    patience_s: float = 30.0
    checkpoints: Path | None = None
    checkpoints_at: str = f"{OPT_ML}/checkpoints"
    metrics: Mapping[str, str] = field(default_factory=dict[str, str])
    memory_bytes: int | None = None
    has_opt_ml: bool = False
    is_isolated: bool = False
    archives: Mapping[str, InputFile] = field(default_factory=dict[str, InputFile])
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any])


def safe_name(name: str, label: str) -> str:
    """Return a name as a relative path that stays in its folder: empty parts are left out.

    Raises
    ------
    UserError
        For parts that lead elsewhere, are too long for a file system, or hold what no name may.
    """
    parts = [part for part in name.split("/") if part]
    if not parts or any(part in (".", "..") for part in parts) or "\0" in name:
        raise UserError(f"{label}: must be a path of plain names, to become a file. Got {name!r}. Rename it.")
    if len(name.encode()) > LONGEST_NAME_BYTES or any(
        len(part.encode()) > LONGEST_PART_BYTES for part in parts
    ):
        raise UserError(
            f"{label}: parts of a name must have at most {LONGEST_PART_BYTES} bytes, to become a file. "
            f"Got {len(name.encode())} bytes. Rename it."
        )
    return str(PurePosixPath(*parts))
