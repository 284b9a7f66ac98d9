"""Brings training jobs from what was asked to what they leave, whatever happens to the service in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, TypeVar

from pairloom.control_plane.log_storage import log_folder
from pairloom.control_plane.service import Service
from pairloom.control_plane.supervisor import Controller, controller
from pairloom.control_plane.training.checkpoints import CheckpointMirror, check_bucket, restore
from pairloom.control_plane.training.images import program_of
from pairloom.control_plane.training.plans import DataDownloadError, hosts_of, may_begin_again, plan
from pairloom.control_plane.training.results import (
    OWNER,
    Outcome,
    final_metrics,
    outcome_of,
    points_of,
    upload,
)
from pairloom.control_plane.training.states import KIND, MESSAGES, UNFINISHED, ended, moved, told
from pairloom.database import Metric, Resource, Transaction
from pairloom.errors import PairloomError, UserError
from pairloom.faults import fault_point
from pairloom.jobs.attempt_files import AttemptFiles, read_json
from pairloom.jobs.failures import failure_reason
from pairloom.jobs.launching import end_leftovers, is_running, open_attempt, send
from pairloom.jobs.layout import lay_out
from pairloom.jobs.watching import Ending, look, metric_values

__all__ = ["LOG_GROUP", "TrainingJobs", "job_folder", "log_stream"]

LOG = logging.getLogger("pairloom.training")
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
N_THREADS = 4
LOOK_EVERY_S = 0.5
COMING_UP_S = 0.05
SYNC_EVERY_S = 10.0
CLOSING_S = 20.0
MOST_ATTEMPTS = 10
LONGEST_REASON = 1024
T = TypeVar("T")


def job_folder(service: Service, name: str) -> Path:
    """Return where the attempts at a job are."""
    return service.data / "jobs" / name


def log_stream(job: Resource, host: str) -> str:
    """Return the name of a host's log."""
    return f"{job.name}/{host}-{job.document['log_epoch']}"


@controller
class TrainingJobs(Controller):
    """Steps of a training job: queued, launching, running, collecting.

    Parameters
    ----------
    service : Service
    """

    kind: ClassVar[str] = KIND
    unfinished: ClassVar[frozenset[str]] = UNFINISHED

    def __init__(self, service: Service) -> None:
        self.service = service
        self._threads = ThreadPoolExecutor(N_THREADS, thread_name_prefix="training-jobs")
        self._shims: dict[str, subprocess.Popen[bytes]] = {}
        self._mirrors: dict[str, CheckpointMirror] = {}
        self._synced_at: dict[str, float] = {}
        self._running: dict[str, AttemptFiles] = {}
        self._sweep()

    async def adopt(self, resource: Resource) -> None:
        """Keep the slots of an attempt that runs."""
        if resource.document["attempt"] and is_running(self._files(resource)):
            self.service.supervisor.slots.adopt(resource, len(hosts_of(resource.document["request"])))

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
                return await self._collecting(resource)

    async def give_up(self, resource: Resource, error: Exception) -> None:
        """Fail a job that the service cannot bring on."""
        if resource.document["attempt"]:
            files = self._files(resource)
            send(files, "stop")
            await self._in_thread(lambda: self._end_attempt(resource.name, files))
        said = (
            str(error) if isinstance(error, PairloomError) else f"Unexpected {type(error).__name__}: {error}"
        )
        await self._finish(
            resource, Outcome("Failed", "Failed", f"InternalServerError: {said}"[:LONGEST_REASON])
        )

    async def forget(self, name: str) -> None:
        """Remove what a finished or deleted job has on disk, but its logs."""
        folder = job_folder(self.service, name)
        self._mirrors.pop(name, None)
        self._synced_at.pop(name, None)
        files = self._running.pop(name, None)
        if files is None and not folder.exists():
            return

        def remove() -> None:
            for attempt in sorted(folder.glob("[0-9]*")):
                self._end_attempt(name, AttemptFiles(attempt))
            shutil.rmtree(folder, ignore_errors=True)

        await self._in_thread(remove)

    async def close(self) -> None:
        """Ask every attempt to stop; at the next start its job goes on from its checkpoint."""
        for files in self._running.values():
            send(files, "suspend")
        deadline = time.monotonic() + CLOSING_S
        while any(is_running(files) for files in self._running.values()) and time.monotonic() < deadline:
            await asyncio.sleep(COMING_UP_S)
        for shim in self._shims.values():
            shim.poll()
        self._threads.shutdown(wait=False)

    async def _queued(self, job: Resource) -> float | None:
        if job.status == "Stopping":
            await self._finish(job, Outcome("Stopped", "Stopped"))
            return None
        left_s = self._left_to_wait_s(job)
        if left_s is not None and left_s <= 0:
            await self._finish(job, Outcome("Stopped", "MaxWaitTimeExceeded"))
            return None
        n_hosts = len(hosts_of(job.document["request"]))
        if not self.service.supervisor.slots.take(job, n_hosts):
            return left_s
        attempt = job.document["attempt"] + 1
        message = MESSAGES["Preparing"]
        await self._commit(
            moved(job, "Starting", self._now(), message=message, step="launching", attempt=attempt)
        )
        fault_point("training-job.attempt-named")
        return None

    async def _launching(self, job: Resource) -> float | None:
        files = self._files(job)
        if files.folder.exists():
            phase, _ = look(files)
            if phase == "starting":
                return COMING_UP_S
            if phase != "lost":
                self._running[job.name] = files
                await self._training(job, files)
                return None
            if files.shim.exists():
                await self._interrupted(job, files)
                return None
            await self._in_thread(lambda: self._drop(files))
        if job.status == "Stopping":
            await self._finish(job, Outcome("Stopped", "Stopped"))
            return None
        if told(job) != "Downloading":
            job = await self._commit(moved(job, "Downloading", self._now()))
        try:
            await self._in_thread(lambda: self._launch(job, files))
        except DataDownloadError as error:
            await self._fail(job, f"ClientError: Data download failed: {error}")
        except UserError as error:
            await self._fail(job, f"ClientError: {error}")
        else:
            self._running[job.name] = files
            fault_point("training-job.launched")
            await self._training(job, files)
        return None

    async def _run(self, job: Resource) -> float | None:
        files = self._files(job)
        phase, ending = look(files)
        match phase:
            case "starting" | "running":
                self._running[job.name] = files
                self._watch(job, files)
                return await self._look_after(job, files, phase)
            case "packing":
                self._watch(job, files)
                if told(job) != "Uploading":
                    await self._commit(moved(job, "Uploading", self._now()))
                return LOOK_EVERY_S
            case "finished":
                await self._ended(job, files, ending)
            case "lost":
                await self._interrupted(job, files)
        return None

    async def _look_after(self, job: Resource, files: AttemptFiles, phase: str) -> float:
        """Do what a running job needs; return when to look again."""
        if job.status == "Stopping":
            return LOOK_EVERY_S if send(files, job.document["stop_reason"] or "stop") else COMING_UP_S
        left_s = self._left_to_wait_s(job)
        if left_s is not None and left_s <= 0:
            now = self._now()
            await self._commit(moved(job, "Stopping", now, status="Stopping", stop_reason="max-wait"))
            return COMING_UP_S
        if phase == "starting":
            return COMING_UP_S
        await self._sync(job)
        return LOOK_EVERY_S if left_s is None else min(LOOK_EVERY_S, left_s)

    async def _ended(self, job: Resource, files: AttemptFiles, ending: Ending | None) -> None:
        assert ending is not None
        if ending.reason == "suspend" and job.status == "InProgress":
            await self._interrupted(job, files)
            return
        now = self._now()
        ran_s = job.document["ran_s"] + max(0.0, ending.ended_at - ending.started_at)
        asked_for = job.document["stop_reason"] if job.status == "Stopping" else ending.reason
        about = {"reason": asked_for, "failure": failure_reason(files, ending)}
        job = moved(job, "Stopping", now) if ending.reason and told(job) == "Training" else job
        job = moved(job, "Uploading", now, step="collecting", ending=about, ran_s=ran_s)
        await self._commit(job)
        fault_point("training-job.ended")

    async def _collecting(self, job: Resource) -> None:
        files, request = self._files(job), job.document["request"]
        about = job.document["ending"]
        outcome = outcome_of(about["reason"], about["failure"])

        def collect() -> tuple[str | None, list[dict[str, object]]]:
            self._last_sync(job)
            hosts = hosts_of(request)
            model = upload(self.service.objects, request, files, hosts, failed=outcome.status == "Failed")
            return model, final_metrics(metric_values(files))

        try:
            model, metrics = await self._in_thread(collect)
        except UserError as error:
            await self._fail(job, f"ClientError: Artifact upload failed: {error}")
            return
        fault_point("training-job.uploaded")
        await self._finish(job, outcome, model=model, final_metrics=metrics)

    async def _interrupted(self, job: Resource, files: AttemptFiles) -> None:
        """Begin a job again whose attempt is no more, or fail it if it may not be."""
        request, document = job.document["request"], job.document
        phase, ending = look(files)
        was_asked = phase == "finished"

        def clear() -> float:
            self._last_sync(job)
            started = read_json(files.shim)
            self._end_attempt(job.name, files)
            if ending is not None:
                return ending.ended_at - ending.started_at
            return 0.0 if started is None else max(0.0, _last_sign(files) - started["started_at"])

        ran_s = document["ran_s"] + await self._in_thread(clear)
        self._running.pop(job.name, None)
        now = self._now()
        if job.status == "Stopping":
            outcome = outcome_of(document["stop_reason"] or "stop", None)
            await self._finish(job, outcome, ran_s=ran_s)
            return
        hyperparameters = request.get("HyperParameters", {})
        program = program_of(request["AlgorithmSpecification"], hyperparameters, self.service.settings.images)
        if may_begin_again(request, program) and document["attempt"] < MOST_ATTEMPTS:
            paused = moved(job, "Interrupted", now)
            await self._commit(moved(paused, "Starting", now, step="queued", ran_s=ran_s))
            fault_point("training-job.interrupted")
            return
        how = (
            "the service was stopped while it ran" if was_asked else "its processes were killed from outside"
        )
        what = (
            "It has no CheckpointConfig to go on from; give it one, or a RetryStrategy, and create it again"
            if document["attempt"] < MOST_ATTEMPTS
            else f"This was attempt {document['attempt']}, the last one"
        )
        await self._fail(
            job, f"InternalServerError: The job must run to its end; {how}. {what}.", ran_s=ran_s
        )

    async def _training(self, job: Resource, files: AttemptFiles) -> None:
        started = job.document["training_started_at"] or self._now()
        training = moved(job, "Training", self._now(), step="running", training_started_at=started)
        await self._commit(training)
        fault_point("training-job.training")

    async def _fail(self, job: Resource, reason: str, **changes: object) -> None:
        await self._finish(job, Outcome("Failed", "Failed", reason[:LONGEST_REASON]), **changes)

    async def _finish(self, job: Resource, outcome: Outcome, **changes: object) -> None:
        """Commit the end of a job, with its metrics."""
        reason = outcome.failure_reason
        final = ended(job, outcome.status, outcome.secondary, self._now(), failure_reason=reason, **changes)
        points: list[Metric] = []
        if job.document["attempt"]:
            values = await self._in_thread(lambda: metric_values(self._files(job)))
            points = points_of(job.name, values)

        def write(t: Transaction) -> None:
            t.update(final)
            t.put_metrics(points)

        await self.service.database.write(write)
        fault_point("training-job.finished")

    def _launch(self, job: Resource, files: AttemptFiles) -> None:
        """Bring the data and start the attempt; in a thread."""
        request = job.document["request"]
        check_bucket(self.service.objects, request["OutputDataConfig"]["S3OutputPath"], OWNER)
        checkpoints = job_folder(self.service, job.name) / "checkpoints"
        hosts = hosts_of(request)
        specification = plan(self.service, job, checkpoints, n_threads=self._n_threads(len(hosts)))
        if specification.checkpoints is not None:
            self._restore(job, checkpoints)
        logs = log_folder(self.service)
        attempt = open_attempt(files.folder)
        try:
            lay_out(
                specification, files, {host: logs.path(LOG_GROUP, log_stream(job, host)) for host in hosts}
            )
            fault_point("training-job.laid-out")
            self._shims[job.name] = attempt.launch()
        finally:
            attempt.close()

    def _n_threads(self, n_hosts: int) -> int:
        """Return how many threads each host of a job may use: the slots that nobody has are its own.

        One stays free for the service and its clients.
        """
        slots = self.service.supervisor.slots
        n_spare = max(0, slots.n_free - 1)
        return max(1, (min(n_hosts, slots.n_slots) + n_spare) // n_hosts)

    def _restore(self, job: Resource, folder: Path) -> None:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        mirror = self._mirror(job)
        if mirror is not None and is_new:
            restore(self.service.objects, mirror.uri, folder)
            mirror.take_as_kept()

    def _mirror(self, job: Resource) -> CheckpointMirror | None:
        config = job.document["request"].get("CheckpointConfig")
        if config is None:
            return None
        folder = job_folder(self.service, job.name) / "checkpoints"
        return self._mirrors.setdefault(
            job.name, CheckpointMirror(self.service.objects, config["S3Uri"], folder)
        )

    async def _sync(self, job: Resource) -> None:
        mirror, now = self._mirror(job), time.monotonic()
        if mirror is None or now - self._synced_at.setdefault(job.name, now) < SYNC_EVERY_S:
            return
        self._synced_at[job.name] = now
        try:
            await self._in_thread(mirror.sync)
        except PairloomError as error:
            LOG.warning("checkpoints of %s could not be put to %s: %s", job.name, mirror.uri, error)

    def _last_sync(self, job: Resource) -> None:
        mirror = self._mirror(job)
        if mirror is not None and mirror.folder.exists():
            mirror.sync()

    def _watch(self, job: Resource, files: AttemptFiles) -> None:
        about = read_json(files.shim)
        if about is not None:
            self.service.supervisor.watch(about["pid"], KIND, job.name)

    def _end_attempt(self, name: str, files: AttemptFiles) -> None:
        """End whatever is left of an attempt; in a thread."""
        shim = self._shims.pop(name, None)
        if shim is not None:
            try:
                shim.wait(0.5 if files.finished.exists() else 0)
            except subprocess.TimeoutExpired:
                shim.kill()
                shim.wait()
        end_leftovers(files)

    def _drop(self, files: AttemptFiles) -> None:
        end_leftovers(files)
        shutil.rmtree(files.folder)

    def _left_to_wait_s(self, job: Resource) -> float | None:
        limit_s = job.document["request"]["StoppingCondition"].get("MaxWaitTimeInSeconds")
        return None if limit_s is None else job.created_at + limit_s - self._now()

    def _files(self, job: Resource) -> AttemptFiles:
        return AttemptFiles(job_folder(self.service, job.name) / f"{job.document['attempt']:04}")

    async def _commit(self, job: Resource) -> Resource:
        return await self.service.database.write(lambda t: t.update(job))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _now(self) -> float:
        return self.service.clock()

    def _sweep(self) -> None:
        """Remove what finished jobs have left on disk, of a service that was killed."""
        folder = self.service.data / "jobs"
        if not folder.is_dir():
            return
        with self.service.database.snapshot() as t:
            for path in folder.iterdir():
                job = t.get(KIND, path.name)
                if job is None or job.status not in UNFINISHED:
                    for attempt in path.glob("[0-9]*"):
                        end_leftovers(AttemptFiles(attempt))
                    shutil.rmtree(path, ignore_errors=True)


def _last_sign(files: AttemptFiles) -> float:
    """Return when something of an attempt was written last, in seconds since 1970."""
    with contextlib.suppress(FileNotFoundError):
        return max(path.stat().st_mtime for path in (files.shim, files.metrics) if path.exists())
    return 0.0
