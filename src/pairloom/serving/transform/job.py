"""Runs a batch transform: reads ahead of the model, scores several payloads at once, writes in order.

At most `max_concurrent_transforms` + 1 bodies and their answers are in memory. The answers of a file appear whole or
not at all; a record that cannot be scored fails its file, and the others are finished all the same.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pairloom.artifact import load_artifact
from pairloom.errors import DataError, PairloomError, UserError
from pairloom.formats.compression import decompressed
from pairloom.serving.refused import Refused
from pairloom.serving.scoring import Scorer
from pairloom.serving.transform.formats import FilePlan, header_line, plan_of
from pairloom.serving.transform.inputs import InputFile, list_files
from pairloom.serving.transform.journal import Journal, model_digest
from pairloom.serving.transform.output import Output
from pairloom.serving.transform.records import Batch, cut_batches
from pairloom.serving.transform.settings import TransformSettings

__all__ = ["TransformJob", "TransformResult"]

Answered = tuple[bytes, int]
"""What is written for a body, and how many rows it had."""


@dataclass(slots=True)
class TransformResult:
    """What a transform did.

    Parameters
    ----------
    n_files, n_skipped : int
        Files that were transformed, and files that an earlier run had finished.
    n_records : int
        Rows that were scored.
    n_bytes : int
        Of the files that were transformed.
    seconds : float
    failures : dict of str to PairloomError
        What was wrong, by the key of the file.
    """

    n_files: int = 0
    n_skipped: int = 0
    n_records: int = 0
    n_bytes: int = 0
    seconds: float = 0.0
    failures: dict[str, PairloomError] = field(default_factory=dict[str, PairloomError])


class TransformJob:
    """Scores files.

    Parameters
    ----------
    model : path
        A model.tar.gz, or a folder with its contents.
    source : str
        A file, a folder, or a prefix of paths.
    output : path
        Folder of the answers: ``<key>.out`` for the file ``<key>``.
    settings : TransformSettings
    resume : bool
        Whether files that an earlier run finished are left as they are.
    told : mapping of str to str, optional
        See `pairloom.artifact.load_artifact`.
    on_failure : callable, optional
        Gets each failure when it is known.

    Raises
    ------
    UserError
        For a model that cannot be loaded or a source without files.

    Attributes
    ----------
    files : list of InputFile
    on_progress : callable
        Gets the bytes of input that are done since the last call.
    """

    def __init__(
        self,
        model: Path,
        source: str,
        output: Path,
        settings: TransformSettings,
        *,
        resume: bool = True,
        told: Mapping[str, str] | None = None,
        on_failure: Callable[[PairloomError], None] = lambda error: None,
    ) -> None:
        artifact = load_artifact(model, told=told)
        self._scorer, self._encoder = Scorer(artifact), artifact.encoder
        self.settings, self._output, self._resume = settings, output, resume
        self.on_progress: Callable[[int], None] = _stay
        self._on_failure = on_failure
        self._identity = f"{model_digest(model)} {sorted((told or {}).items())} {settings.identity()}"
        self.files = list_files(source, output)

    @property
    def algorithm(self) -> str:
        """Name of the model's algorithm."""
        return self._scorer.algorithm

    @property
    def n_bytes(self) -> int:
        """Size of the input."""
        return sum(file.size_bytes for file in self.files)

    def run(self) -> TransformResult:
        """Transform every file that is not finished.

        Raises
        ------
        UserError
            If another transform writes to the output.
        PlatformError
            If the output cannot be written to.
        """
        started, result = time.perf_counter(), TransformResult()
        journal = Journal(self._output, self._identity)
        with journal.opened():
            _Run(self, journal, result).all(self._unfinished(journal, result))
        result.seconds = time.perf_counter() - started
        return result

    def _unfinished(self, journal: Journal, result: TransformResult) -> Iterator[InputFile]:
        for file in self.files:
            if self._resume and journal.is_finished(file):
                result.n_skipped += 1
                self.on_progress(file.size_bytes)
            else:
                yield file

    def answer(self, plan: FilePlan, header: bytes, batch: Batch) -> Answered:
        """Score one body and return what is written for it."""
        processing = plan.processing
        body = batch.body if processing is None else processing.body(batch.body)
        if header:
            body = (header if processing is None else processing.body(header)) + body
        answer = self._scorer.answer(body, content_type=plan.content_type, accept=plan.accept)
        content = answer.body if processing is None else processing.output(batch.body, answer.body)
        if plan.line_end and content and not content.endswith(plan.line_end):
            content += plan.line_end
        return content, answer.n_rows

    def failed(self, error: PairloomError, file: InputFile, result: TransformResult) -> None:
        """Note what was wrong with a file."""
        result.failures[file.key] = error
        self._on_failure(error)

    def open(self, file: InputFile, plan: FilePlan) -> tuple[bytes, BinaryIO, FilePlan]:
        """Open a file behind its header."""
        try:
            raw = file.path.open("rb", buffering=0)
        except OSError as error:
            raise DataError("a readable file", got=error.strerror, source=str(file.path)) from error
        stream = decompressed(raw, plan.compression, str(file.path))
        try:
            return header_line(stream, plan, self._encoder)
        except BaseException:
            stream.close()
            raise


def _stay(n_bytes: int) -> None:
    """Show no progress."""


@dataclass(slots=True)
class _Task:
    """A body on its way; without a future it stands for the end of a file."""

    output: Output
    header: bytes
    batch: Batch | None = None
    future: Future[Answered] | None = None


class _Run:
    """One pass over files."""

    def __init__(self, job: TransformJob, journal: Journal, result: TransformResult) -> None:
        self._job, self._journal, self._result = job, journal, result
        self._pending: deque[_Task] = deque()
        self._ahead = job.settings.max_concurrent_transforms

    def all(self, files: Iterator[InputFile]) -> None:
        pool = ThreadPoolExecutor(self._ahead, "pairloom-transform")
        try:
            for file in files:
                output = Output(file)
                try:
                    self._one(file, output, pool)
                except PairloomError as error:
                    self._fail(output, error)
                except BaseException:
                    output.discard()
                    raise
            while self._pending:
                self._take(self._pending.popleft())
        finally:
            for task in self._pending:
                task.output.discard()
            pool.shutdown(cancel_futures=True)

    def _one(self, file: InputFile, output: Output, pool: ThreadPoolExecutor) -> None:
        """Put the bodies of a file on their way."""
        plan = plan_of(file, self._job.settings)
        output.is_packed = bool(plan.compression)
        header, stream, plan = self._job.open(file, plan)
        with closing(stream):
            batches = cut_batches(
                stream, str(file.path), plan.split_type, max_bytes=plan.max_bytes, single=plan.single
            )
            for batch in batches:
                if output.failed:
                    return
                future = pool.submit(self._job.answer, plan, header, batch)
                self._put(_Task(output, header, batch, future))
        self._put(_Task(output, header))

    def _put(self, task: _Task) -> None:
        self._pending.append(task)
        while len(self._pending) > self._ahead:
            self._take(self._pending.popleft())

    def _take(self, task: _Task) -> None:
        """Wait for the oldest body and write its answers."""
        output = task.output
        if output.failed:
            return
        try:
            if task.future is None or task.batch is None:
                size = output.finish()
                self._journal.finish(output.file, size)
                self._result.n_files += 1
                self._result.n_bytes += output.file.size_bytes
                self._job.on_progress(output.n_bytes_left)
                return
            content, n_rows = task.future.result()
            output.write(content)
        except PairloomError as error:
            self._fail(output, _located(error, task, output))
        except Refused as refusal:
            self._fail(output, _located(refusal.__cause__ or UserError(refusal.message), task, output))
        except BaseException:
            output.discard()
            raise
        else:
            output.n_rows += n_rows
            self._result.n_records += n_rows
            self._job.on_progress(output.advanced(len(task.batch.body)))

    def _fail(self, output: Output, error: PairloomError) -> None:
        if not output.failed:
            output.discard()
            self._job.on_progress(output.n_bytes_left)
            self._job.failed(error, output.file, self._result)


def _located(error: BaseException, task: _Task, output: Output) -> PairloomError:
    """Say in which file and where in it a record could not be scored."""
    source, batch = str(output.file.path), task.batch
    if not isinstance(error, UserError):
        assert isinstance(error, PairloomError)
        return error
    if batch is None:
        return error
    n_header_lines = 1 if task.header else 0
    if not isinstance(error, DataError):
        return UserError(f"{source}{_lines(batch, n_header_lines)}: {error}")
    if error.source == source:
        return error
    line = row = None
    at = error.line - n_header_lines if error.line is not None else error.row
    if batch.lines is not None and at is not None and 1 <= at <= len(batch.lines):
        line = batch.lines[at - 1] + n_header_lines
    elif error.row is not None:
        row = output.n_rows + error.row
    else:
        source += _lines(batch, n_header_lines)
    return DataError(
        error.expected,
        got=error.got,
        action=error.action,
        source=source,
        line=line,
        row=row,
        field=error.field,
    )


def _lines(batch: Batch, n_header_lines: int) -> str:
    if batch.lines is None:
        return ""
    first, last = (number + n_header_lines for number in (batch.lines[0], batch.lines[-1]))
    return f", line {first}" if first == last else f", lines {first} to {last}"
