"""The loop that drives the controllers, with controllers of the test's own and real processes."""

import asyncio
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from pairloom.control_plane.supervisor import Controller, FolderLock, Slots, Supervisor
from pairloom.control_plane.supervisor import supervisor as loop_module
from pairloom.database import Database, Resource
from pairloom.errors import ConflictError, PlatformError, UserError


def job(name, status="Pending", created_at=1.0):
    return Resource("job", name, f"arn:job/{name}", status, created_at=created_at)


class Jobs(Controller):
    """Pending -> Running -> Done, what it did noted in `seen`; a test replaces `step`."""

    kind, unfinished = "job", frozenset({"Pending", "Running"})

    def __init__(self, database, step=None):
        self.database, self.seen, self.running, self.most_running = database, [], 0, 0
        self.step = step or self.advance

    async def adopt(self, resource):
        self.seen.append(("adopt", resource.name))

    async def advance(self, resource):
        after = {"Pending": "Running", "Running": "Done"}[resource.status]
        await self.database.write(lambda t: t.update(replace(resource, status=after)))

    async def reconcile(self, resource):
        self.seen.append((resource.status, resource.name))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            return await self.step(resource)
        finally:
            self.running -= 1

    async def give_up(self, resource, error):
        self.seen.append(("give up", resource.name, str(error)))
        await self.database.write(lambda t: t.update(replace(resource, status="Failed")))

    async def forget(self, name):
        self.seen.append(("forget", name))

    async def close(self):
        self.seen.append("close")


@pytest.fixture
def database(tmp_path):
    opened = Database.open(f"sqlite:///{tmp_path}/state.db")
    yield opened
    opened.close()


def put(database, *resources):
    with database.transaction() as t:
        for resource in resources:
            t.insert(resource)


def statuses(database):
    with database.snapshot() as t:
        return {resource.name: resource.status for resource in t.list("job", limit=10_000).resources}


def run(database, jobs, until, *, meanwhile=None, n_slots=None):
    """Supervise until `until()`; fail if that takes a minute."""

    async def scenario():
        supervisor = Supervisor(database, n_slots=n_slots)
        jobs.supervisor = supervisor
        supervisor.add(jobs)
        await supervisor.start()
        try:
            if meanwhile is not None:
                await meanwhile(supervisor)
            deadline = time.monotonic() + 60
            while not until() or not supervisor.idle:
                assert time.monotonic() < deadline, jobs.seen
                await asyncio.sleep(0.01)
        finally:
            await supervisor.stop()

    asyncio.run(scenario())
    return jobs.seen


def test_what_is_unfinished_is_adopted_in_order_before_anything_is_reconciled(database):
    put(
        database,
        job("b", created_at=2.0),
        job("a", "Running", created_at=1.0),
        job("over", "Done", created_at=0.5),
    )
    seen = run(
        database, Jobs(database), lambda: statuses(database) == {"a": "Done", "b": "Done", "over": "Done"}
    )
    assert seen[:2] == [("adopt", "a"), ("adopt", "b")]
    assert sorted(s for s in seen[2:] if s != "close") == sorted(
        [("Running", "a"), ("forget", "a"), ("Pending", "b"), ("Running", "b"), ("forget", "b")]
    )
    assert seen[-1] == "close"


def test_commits_of_any_thread_lead_to_steps(database):
    async def meanwhile(supervisor):
        thread = threading.Thread(target=put, args=(database, *(job(f"j{i}") for i in range(50))))
        thread.start()
        await asyncio.to_thread(thread.join)

    jobs = Jobs(database)
    run(database, jobs, lambda: set(statuses(database).values()) == {"Done"}, meanwhile=meanwhile)
    assert sorted(s for s in jobs.seen if s[0] == "Pending") == sorted(
        ("Pending", f"j{i}") for i in range(50)
    )


def test_a_resource_takes_one_step_at_a_time_and_loses_no_change(database):
    put(database, job("a"))
    jobs, read, gate = Jobs(database), [], asyncio.Event()

    async def slow(resource):
        assert jobs.running == 1
        read.append(resource.version)
        await gate.wait()

    jobs.step = slow

    async def meanwhile(supervisor):
        while not read:
            await asyncio.sleep(0.01)
        for _ in range(5):
            await database.write(lambda t: t.update(t.get("job", "a")))
        await asyncio.sleep(0.05)
        gate.set()

    run(database, jobs, lambda: read and read[-1] == 6, meanwhile=meanwhile)
    assert read == [1, 6]


def test_a_step_that_asks_for_it_is_repeated(database):
    put(database, job("a"))
    times = []

    async def step(resource):
        times.append(time.monotonic())
        return 0.05

    run(database, Jobs(database, step), lambda: len(times) == 3)
    assert all(after - before >= 0.045 for before, after in pairwise(times))


def test_a_step_that_fails_is_tried_again_later_each_time_then_given_up(database, monkeypatch, caplog):
    monkeypatch.setattr(loop_module, "FIRST_DELAY_S", 0.005)
    put(database, job("a"), job("b"))
    times = []

    async def step(resource):
        if resource.name == "b":
            await database.write(lambda t: t.update(replace(resource, status="Done")))
            return
        times.append(time.monotonic())
        await database.write(lambda t: t.update(resource))  # its own commit must not make it retry at once
        raise PlatformError("no room")

    seen = run(database, Jobs(database, step), lambda: statuses(database) == {"a": "Failed", "b": "Done"})
    assert len(times) == 5
    delays = [after - before for before, after in pairwise(times)]
    assert all(delay >= 0.005 * 4**i for i, delay in enumerate(delays)), delays
    assert ("give up", "a", "no room") in seen
    assert "5 in a row" in caplog.text


def test_a_step_that_works_again_is_not_given_up(database, monkeypatch):
    """Not even when giving up failed too: the disk was full, and has room again."""
    monkeypatch.setattr(loop_module, "FIRST_DELAY_S", 0.001)
    put(database, job("a"))
    jobs = Jobs(database)

    async def step(resource):
        if len(jobs.seen) < 9:
            raise PlatformError("no room")
        await jobs.advance(resource)

    async def give_up(resource, error):
        jobs.seen.append("could not")
        raise PlatformError("no room")

    jobs.step, jobs.give_up = step, give_up
    run(database, jobs, lambda: statuses(database) == {"a": "Done"})
    assert "could not" in jobs.seen


def test_a_conflict_is_no_failure(database, caplog):
    put(database, job("a"))
    jobs = Jobs(database)

    async def step(resource):
        if len(jobs.seen) < 20:
            raise ConflictError("changed")
        await jobs.advance(resource)

    jobs.step = step
    run(database, jobs, lambda: statuses(database) == {"a": "Done"})
    assert caplog.text == ""


def test_what_is_deleted_is_forgotten(database):
    put(database, job("a"))

    async def step(resource):
        return None

    async def meanwhile(supervisor):
        await asyncio.sleep(0.05)
        await database.write(lambda t: t.delete("job", "a"))

    jobs = Jobs(database, step)
    run(database, jobs, lambda: ("forget", "a") in jobs.seen, meanwhile=meanwhile)
    assert jobs.supervisor._work == {}


def test_one_that_is_made_anew_under_the_same_name_is_not_the_old_one(database):
    put(database, job("a"))
    jobs = Jobs(database)

    def make_anew(t):
        t.delete("job", "a")
        t.insert(job("a", "Running"))

    async def step(resource):
        if resource.status == "Pending":
            await database.write(make_anew)
        else:
            await jobs.advance(resource)

    jobs.step = step
    run(database, jobs, lambda: statuses(database) == {"a": "Done"})
    assert jobs.seen[:4] == [("adopt", "a"), ("Pending", "a"), ("forget", "a"), ("Running", "a")]


@pytest.mark.parametrize("is_child", [True, False])
def test_the_end_of_a_process_is_heard_at_once(database, is_child):
    put(database, job("a"))
    wait = "import sys; sys.stdin.read()"
    if is_child:
        process = subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE)
        pid, end = process.pid, process.stdin
    else:
        start = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {wait!r}]).pid, flush=True)"
        process = subprocess.Popen(
            [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        pid, end = int(process.stdout.readline()), process.stdin
        process.wait()
        process.stdout.close()
    ended_at = []
    jobs = Jobs(database)

    async def step(resource):
        if not ended_at:
            for _ in range(3):
                jobs.supervisor.watch(pid, "job", "a")
        else:
            jobs.heard_after = time.monotonic() - ended_at[0]
            await database.write(lambda t: t.update(replace(resource, status="Done")))

    jobs.step = step

    async def meanwhile(supervisor):
        await asyncio.sleep(0.2)
        assert len(jobs.seen) == 2, jobs.seen  # adopted, one step
        ended_at.append(time.monotonic())
        end.close()

    run(database, jobs, lambda: statuses(database) == {"a": "Done"}, meanwhile=meanwhile)
    assert jobs.heard_after < 5
    process.wait()


def test_watching_a_process_that_has_ended(database):
    put(database, job("a"))
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    jobs = Jobs(database)

    async def step(resource):
        if len(jobs.seen) < 3:
            jobs.supervisor.watch(process.pid, "job", "a")
        else:
            await database.write(lambda t: t.update(replace(resource, status="Done")))

    jobs.step = step
    run(database, jobs, lambda: statuses(database) == {"a": "Done"})


def test_two_hundred_jobs_go_through_two_slots_in_order(database):
    put(database, *(job(f"j{i:03}", created_at=float(200 - i)) for i in range(200)))
    jobs, started, running = Jobs(database), [], set()

    async def step(resource):
        if not jobs.supervisor.slots.take(resource):
            return None
        if resource.name not in running:
            started.append(resource.name)
            running.add(resource.name)
            assert len(running) <= 2
            return 0.001
        running.remove(resource.name)
        await database.write(lambda t: t.update(replace(resource, status="Done")))
        return None

    jobs.step = step
    run(database, jobs, lambda: set(statuses(database).values()) == {"Done"}, n_slots=2)
    places = [199 - int(name[1:]) for name in started]
    assert sorted(places) == list(range(200))
    assert all(abs(place - turn) <= 4 for turn, place in enumerate(places)), places  # who asks at once, ties
    assert jobs.supervisor.slots.n_free == 2


def test_slots():
    woken = []
    slots = Slots(2, lambda kind, name: woken.append(name))
    a, b, c, d = (job(name, created_at=float(i)) for i, name in enumerate("abcd"))
    slots.adopt(a, 1)
    assert slots.take(a)
    assert not slots.take(b, 5)  # wants all, of which there are 2
    assert not slots.take(c)  # does not overtake
    assert not slots.take(b, 5)
    slots.release("job", "a")
    assert woken == ["b"]
    assert slots.take(b, 5)
    assert not slots.take(c)
    assert slots.n_free == 0
    slots.adopt(d, 2)
    assert slots.n_free == -2
    slots.release("job", "b")
    assert woken == ["b"]
    slots.release("job", "c")
    slots.release("job", "d")
    slots.release("job", "never held")
    assert (woken, slots.n_free) == (["b"], 2)


def test_a_second_service_on_a_data_folder_is_refused_with_the_pid_of_the_first(tmp_path):
    hold = (
        "import sys; from pathlib import Path; from pairloom.control_plane.supervisor import FolderLock\n"
        "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    folder = tmp_path / "data"
    first = subprocess.Popen(
        [sys.executable, "-c", hold, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=rf"used by the service with process id {first.pid}\. Stop"):
            FolderLock(folder)
    finally:
        first.kill()
        first.communicate()
    lock = FolderLock(folder)
    lock.release()
    lock.release()
    FolderLock(folder).release()


def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match="must be a folder that can be written"):
        FolderLock(tmp_path / "file" / "data")
