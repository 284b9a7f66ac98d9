"""What was asked and answered, kept for later: JSON lines in a spool on disk, handed on file by file.

A record is on disk before the next one is written, so that a process that is killed loses none; files that it left
are handed on by the next. A file is named after its first record's time, and so is what becomes of it: one that is
handed on twice replaces itself.
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairloom.errors import PlatformError

__all__ = ["CaptureSettings", "CaptureWriter", "Exchange", "capture_line", "finish_left_over"]

TIME_KEY = "%Y/%m/%d/%H/%M-%S"
FINISHED = ".jsonl"
OPEN = ".open"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What is captured.

    Parameters
    ----------
    percentage : float
        Of requests.
    inputs, outputs : bool
        Whether requests, and answers, are written.
    csv_types, json_types : sequence of str
        Content types that are written as text; all others in base64.
    """

    percentage: float = 100.0
    inputs: bool = True
    outputs: bool = True
    csv_types: Sequence[str] = ()
    json_types: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer.

    Parameters
    ----------
    request, answer : bytes
    request_type, answer_type : str
        Content types.
    custom_attributes, inference_id : str
        As the caller gave them; empty for none.
    """

    request: bytes
    answer: bytes
    request_type: str
    answer_type: str
    custom_attributes: str = ""
    inference_id: str = ""


def capture_line(exchange: Exchange, settings: CaptureSettings, event_id: str, at_s: float) -> bytes:
    """Write one record.

    Parameters
    ----------
    exchange : Exchange
    settings : CaptureSettings
    event_id : str
    at_s : float
        Time of the request, in seconds since 1970.
    """
    data: dict[str, Any] = {}
    if settings.inputs:
        data["endpointInput"] = _side(exchange.request, exchange.request_type, "INPUT", settings)
    if settings.outputs:
        data["endpointOutput"] = _side(exchange.answer, exchange.answer_type, "OUTPUT", settings)
    about: dict[str, Any] = {"eventId": event_id}
    if exchange.custom_attributes:
        about["customAttributes"] = [exchange.custom_attributes]
    if exchange.inference_id:
        about["inferenceId"] = exchange.inference_id
    about["inferenceTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))
    line = {"captureData": data, "eventMetadata": about, "eventVersion": "0"}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _side(data: bytes, content_type: str, mode: str, settings: CaptureSettings) -> dict[str, str]:
    media_type = content_type.partition(";")[0].strip().lower()
    encoding = "CSV" if media_type in settings.csv_types else ""
    encoding = encoding or ("JSON" if media_type in settings.json_types else "BASE64")
    text = ""
    if encoding != "BASE64":
        try:
            text = data.decode()
        except UnicodeDecodeError:
            encoding = "BASE64"  # it is not what its type says
    if encoding == "BASE64":
        text = base64.b64encode(data).decode()
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def finish_left_over(folder: Path) -> None:
    """Finish the files that a killed process had open anywhere below a folder, while nobody writes there."""
    for left in folder.rglob(f"*{OPEN}"):
        left.rename(left.with_suffix(FINISHED))


class CaptureWriter:
    """Writes the records of one variant.

    Parameters
    ----------
    spool : Path
        Folder of this variant alone. Two writers may share it, as at an update, also at handing on.
    settings : CaptureSettings
    chance : random.Random
        Chooses which requests are written.
    hand_on : callable
        Gets a finished file and its key, ``yyyy/mm/dd/hh/mm-ss-mmm-<id>.jsonl`` in UTC; called in `sweep`.
    longest_s, largest_bytes : float, int
        When a file is finished.

    Attributes
    ----------
    is_waiting : bool
        Whether there may be finished files to hand on.
    """

    def __init__(
        self,
        spool: Path,
        settings: CaptureSettings,
        chance: random.Random,
        hand_on: Callable[[Path, str], None],
        *,
        longest_s: float = 10.0,
        largest_bytes: int = 8 << 20,
    ) -> None:
        self.settings, self._spool, self._hand_on, self._chance = settings, spool, hand_on, chance
        self._longest_s, self._largest_bytes = longest_s, largest_bytes
        self._file, self._path, self._began_s, self._n_bytes = -1, spool, 0.0, 0
        self.is_waiting = True
        spool.mkdir(parents=True, exist_ok=True)

    def wants(self) -> bool:
        """Choose whether the next exchange is written."""
        return self._chance.random() * 100 < self.settings.percentage

    def write(self, exchange: Exchange, event_id: str, at_s: float) -> None:
        """Write a record.

        Raises
        ------
        PlatformError
            If the spool cannot be written to.
        """
        line = capture_line(exchange, self.settings, event_id, at_s)
        try:
            if self._file < 0:
                self._begin(at_s)
            written = os.write(self._file, line)
            if written < len(line):
                os.ftruncate(self._file, self._n_bytes)
                raise OSError(28, "no space left")
        except OSError as error:
            raise PlatformError(
                f"Data capture: {self._spool} must take records. Got: {error.strerror}."
            ) from error
        self._n_bytes += written

    def sweep(self, now_s: float, *, all_of_it: bool = False) -> int:
        """Finish the file if it is due, and hand on what is finished; returns how many files went.

        May run in another thread than `write`, as long as `finish_if_due` is called in that of `write` before.
        """
        self.finish_if_due(now_s, all_of_it=all_of_it)
        return self.hand_on_finished()

    def finish_if_due(self, now_s: float, *, all_of_it: bool = False) -> None:
        """Close a file that is old or large enough, or any with `all_of_it`."""
        is_due = now_s - self._began_s >= self._longest_s or self._n_bytes >= self._largest_bytes or all_of_it
        if self._file >= 0 and is_due:
            os.close(self._file)
            self._file = -1
            self._path.rename(self._path.with_suffix(FINISHED))
            self.is_waiting = True

    def hand_on_finished(self) -> int:
        """Hand on finished files, oldest first; one that cannot be handed on stays, and its error is raised."""
        self.is_waiting = False
        paths = sorted(self._spool.glob(f"*{FINISHED}"))
        for path in paths:
            milliseconds, _, identity = path.stem.partition("-")
            seconds, left = divmod(int(milliseconds), 1000)
            key = f"{time.strftime(TIME_KEY, time.gmtime(seconds))}-{left:03d}-{identity}{FINISHED}"
            try:
                self._hand_on(path, key)
            except Exception:
                if not path.exists():  # the other writer was quicker
                    continue
                self.is_waiting = True
                raise
            path.unlink(missing_ok=True)
        return len(paths)

    def _begin(self, at_s: float) -> None:
        self._path = self._spool / f"{int(at_s * 1000):015d}-{uuid.uuid4()}{OPEN}"
        self._file = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        self._began_s, self._n_bytes = at_s, 0
