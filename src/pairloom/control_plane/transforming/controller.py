"""Brings transform jobs from what was asked to answers in the object store, whatever happens in between."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pairloom.control_plane.log_storage import log_folder
from pairloom.control_plane.s3_locations import joined, split_uri
from pairloom.control_plane.service import Service
from pairloom.control_plane.supervisor import Controller, controller
from pairloom.control_plane.training.checkpoints import check_bucket
from pairloom.control_plane.transforming.plans import HOST, plan
from pairloom.control_plane.wire.errors import AwsError
from pairloom.database import Resource
from pairloom.errors import PairloomError, UserError
from pairloom.faults import fault_point
from pairloom.jobs.attempt_files import AttemptFiles, read_json
from pairloom.jobs.failures import failure_reason
from pairloom.jobs.launching import end_leftovers, is_running, open_attempt, send
from pairloom.jobs.layout import lay_out
from pairloom.jobs.watching import look

__all__ = ["KIND", "LOG_GROUP", "UNFINISHED", "TransformJobs"]

KIND, LOG_GROUP = "transform-job", "/aws/sagemaker/TransformJobs"
UNFINISHED = frozenset({"InProgress", "Stopping"})
OUTPUT = "TransformOutput, S3OutputPath"
ENDING = ".out"
LOOK_EVERY_S, COMING_UP_S, CLOSING_S = 0.5, 0.05, 20.0
MOST_ATTEMPTS = 10
LONGEST_REASON = 1024


@controller
class TransformJobs(Controller):
    """Steps of a transform job: queued, launching, running, collecting.

    Answers are kept beside the attempts: one that goes on after a kill leaves out the files that were finished.
    """

    kind: ClassVar[str] = KIND
    unfinished: ClassVar[frozenset[str]] = UNFINISHED

    def __init__(self, service: Service) -> None:
        self._service = service
        self._shims: dict[str, subprocess.Popen[bytes]] = {}
        self._running: dict[str, AttemptFiles] = {}
        self._sweep()

    async def adopt(self, resource: Resource) -> None:
        """Keep the slot of an attempt that runs."""
        if resource.document["attempt"] and is_running(self._files(resource)):
            self._service.supervisor.slots.adopt(resource)

    async def reconcile(self, resource: Resource) -> float | None:
        """Take the next step."""
        match resource.document["step"]:
            case "queued":
                return await self._queued(resource)
            case "launching":
                return await self._launching(resource)
            case "running":
                return await self._run(resource)
            case _:
                return await self._collect(resource)

    async def give_up(self, resource: Resource, error: Exception) -> None:
        """Let it fail."""
        if resource.document["attempt"]:
            await asyncio.to_thread(self._end_attempt, resource.name, self._files(resource))
        message = str(error) if isinstance(error, PairloomError) else repr(error)
        await self._finish(resource, "Failed", f"InternalServerError: {message}")

    async def forget(self, name: str) -> None:
        """Remove what a finished job has on disk, but its log."""
        self._running.pop(name, None)
        folder = self._folder(name)
        if folder.exists():
            await asyncio.to_thread(self._remove, name, folder)

    async def close(self) -> None:
        """Stop every attempt; at the next start its job goes on with the files that are left."""
        for files in self._running.values():
            send(files, "suspend")
        deadline = time.monotonic() + CLOSING_S
        while any(is_running(files) for files in self._running.values()) and time.monotonic() < deadline:
            await asyncio.sleep(COMING_UP_S)
        for shim in self._shims.values():
            shim.poll()

    async def _queued(self, job: Resource) -> float | None:
        if job.status == "Stopping":
            await self._finish(job, "Stopped")
        elif self._service.supervisor.slots.take(job):
            await self._commit(job, step="launching", attempt=job.document["attempt"] + 1)
            fault_point("transform-job.attempt-named")
        return None

    async def _launching(self, job: Resource) -> float | None:
        files = self._files(job)
        if files.folder.exists():
            phase, _ = look(files)
            if phase == "starting":
                return COMING_UP_S
            if phase != "lost":
                await self._commit(job, step="running")
                return None
            await asyncio.to_thread(self._end_attempt, job.name, files)
            await asyncio.to_thread(shutil.rmtree, files.folder)
        if job.status == "Stopping":
            await self._finish(job, "Stopped")
            return None
        try:
            await asyncio.to_thread(self._launch, job, files)
        except (UserError, AwsError) as error:
            message = error.message if isinstance(error, AwsError) else str(error)
            await self._finish(job, "Failed", f"ClientError: {message}")
            return None
        fault_point("transform-job.launched")
        started = job.document["started_at"] or self._service.clock()
        await self._commit(job, step="running", started_at=started)
        return None

    async def _run(self, job: Resource) -> float | None:
        files = self._files(job)
        phase, ending = look(files)
        if phase == "lost":
            await self._begin_again(job, files)
            return None
        if phase != "finished":
            self._running[job.name] = files
            about = read_json(files.shim)
            if about is not None:
                self._service.supervisor.watch(about["pid"], KIND, job.name)
            if job.status == "Stopping":
                return LOOK_EVERY_S if send(files, "stop") else COMING_UP_S
            return COMING_UP_S if phase == "starting" else LOOK_EVERY_S
        assert ending is not None
        if ending.reason == "suspend" and job.status == "InProgress":
            await self._begin_again(job, files)
            return None
        failure = None if ending.reason == "stop" else failure_reason(files, ending)
        await self._commit(job, step="collecting", failure=failure, was_stopped=ending.reason == "stop")
        fault_point("transform-job.ended")
        return None

    async def _collect(self, job: Resource) -> None:
        document = job.document
        try:
            await asyncio.to_thread(self._upload, job)
        except UserError as error:
            await self._finish(job, "Failed", f"ClientError: The answers could not be kept: {error}")
            return
        fault_point("transform-job.uploaded")
        if document["failure"] is not None:
            await self._finish(job, "Failed", document["failure"])
        else:
            await self._finish(job, "Stopped" if document["was_stopped"] else "Completed")

    async def _begin_again(self, job: Resource, files: AttemptFiles) -> None:
        self._running.pop(job.name, None)
        await asyncio.to_thread(self._end_attempt, job.name, files)
        if job.status == "Stopping":
            await self._finish(job, "Stopped")
        elif job.document["attempt"] >= MOST_ATTEMPTS:
            reason = f"InternalServerError: Its processes were killed from outside {MOST_ATTEMPTS} times."
            await self._finish(job, "Failed", reason)
        else:
            await self._commit(job, step="queued")

    async def _finish(self, job: Resource, status: str, failure: str | None = None) -> None:
        reason = None if failure is None else failure[:LONGEST_REASON]
        document = job.document | {"step": "finished", "failure": reason, "ended_at": self._service.clock()}
        changed = replace(job, status=status, document=document)
        await self._service.database.write(lambda t: t.update(changed))

    async def _commit(self, job: Resource, **changes: Any) -> None:
        changed = replace(job, document=job.document | changes)
        await self._service.database.write(lambda t: t.update(changed))

    def _launch(self, job: Resource, files: AttemptFiles) -> None:
        """Bring the data and start the attempt; in a thread."""
        check_bucket(
            self._service.objects, job.document["request"]["TransformOutput"]["S3OutputPath"], OUTPUT
        )
        specification = plan(self._service, job, self._answers(job))
        stream = f"{job.name}/{HOST}-{job.document['log_epoch']}"
        attempt = open_attempt(files.folder)
        try:
            lay_out(specification, files, {HOST: log_folder(self._service).path(LOG_GROUP, stream)})
            self._shims[job.name] = attempt.launch()
        finally:
            attempt.close()

    def _upload(self, job: Resource) -> None:
        """Put the answers; doing it twice leaves the same."""
        home, target = self._answers(job), job.document["request"]["TransformOutput"]["S3OutputPath"]
        for path in sorted(home.rglob(f"*{ENDING}")) if home.is_dir() else ():
            name = path.relative_to(home).as_posix()
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                bucket, key = split_uri(joined(target, name), OUTPUT)
                self._service.objects.put(bucket, key, path)

    def _end_attempt(self, name: str, files: AttemptFiles) -> None:
        shim = self._shims.pop(name, None)
        if shim is not None:
            try:
                shim.wait(0.5 if files.finished.exists() else 0)
            except subprocess.TimeoutExpired:
                shim.kill()
                shim.wait()
        end_leftovers(files)

    def _remove(self, name: str, folder: Path) -> None:
        for attempt in sorted(folder.glob("[0-9]*")):
            self._end_attempt(name, AttemptFiles(attempt))
        shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: str) -> Path:
        return self._service.data / "transform-jobs" / name

    def _answers(self, job: Resource) -> Path:
        return self._folder(job.name) / "answers"

    def _files(self, job: Resource) -> AttemptFiles:
        return AttemptFiles(self._folder(job.name) / f"{job.document['attempt']:04}")

    def _sweep(self) -> None:
        """Remove what finished jobs have left on disk, of a service that was killed."""
        home = self._service.data / "transform-jobs"
        if not home.is_dir():
            return
        with self._service.database.snapshot() as t:
            for folder in home.iterdir():
                job = t.get(KIND, folder.name)
                if job is None or job.status not in UNFINISHED:
                    self._remove(folder.name, folder)
