"""Pools of real processes: of the product's worker, and of one that misbehaves on request."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hosting_models import ONE, ask, is_alive, pool_of, until

from pairloom.hosting.errors import LostError, PoolBusyError, WorkerError
from pairloom.hosting.worker_client import LONGEST_ANSWER_BYTES

TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def _finds_the_stub(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))


def stub(n_workers=1, how="answers", **more):
    return pool_of(f"/{how}", n_workers, module="stub_worker", **more)


def in_loop(test):
    """Run a coroutine function as a test, with a limit."""

    def run(*arguments, **named):
        async def limited():
            async with asyncio.timeout(60):
                await test(*arguments, **named)

        asyncio.run(limited())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__signature__ = __import__("inspect").signature(test)
    return run


@in_loop
async def test_the_models_worker_answers_refuses_and_is_replaced(regressor):
    async with pool_of(regressor, 1) as pool:
        answer = await ask(pool)
        assert (answer.status, answer.header(b"content-type")) == (200, "application/json")
        refused = await ask(pool, b"{")
        assert refused.status == 400
        os.kill(pool.pids[0], signal.SIGKILL)
        began = time.monotonic()
        assert (await ask(pool)).body == answer.body
        assert pool.n_deaths == 1
        assert time.monotonic() - began < 20


@in_loop
async def test_a_model_that_cannot_be_loaded_is_told_and_leaves_no_process(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(b"no model")
    async with pool_of(tmp_path / "model.tar.gz", 1, start=False) as pool:
        with pytest.raises(WorkerError, match="expected") as told:
            await pool.start()
        assert told.value.by_user
        assert not pool.pids


@in_loop
async def test_requests_survive_kills_of_workers():
    async with stub(2) as pool:
        answers, end = [], time.monotonic() + 2.0

        async def load():
            while time.monotonic() < end:
                answers.append((await ask(pool, b"sleep 0.005")).status)

        async def kill():
            while time.monotonic() < end - 0.5:
                await asyncio.sleep(0.3)
                if pool.pids:
                    os.kill(pool.pids[0], signal.SIGKILL)

        await asyncio.gather(kill(), *(load() for _ in range(8)))
        assert pool.n_deaths >= 3
        assert set(answers) == {200}
        assert len(answers) > 100


@in_loop
async def test_a_request_that_kills_is_sent_twice_at_most():
    async with stub(1) as pool:
        with pytest.raises(LostError):
            await ask(pool, b"die")
        await until(lambda: pool.n_deaths == 2)
        assert (await ask(pool)).status == 200


@in_loop
async def test_what_may_not_be_repeated_is_not():
    async with stub(1, repeatable=False) as pool:
        with pytest.raises(LostError):
            await ask(pool, b"die")
        await until(lambda: pool.n_deaths == 1)
        assert (await ask(pool)).status == 200
        assert pool.n_deaths == 1


@in_loop
async def test_a_worker_is_replaced_within_a_second():
    async with stub(2) as pool:
        before = pool.pids
        os.kill(before[0], signal.SIGKILL)
        began = time.monotonic()
        await until(lambda: pool.n_deaths == 1 and pool.n_ready == 2)
        assert before[0] not in pool.pids
        assert time.monotonic() - began < 5  # a second, on a quiet machine


@in_loop
async def test_the_least_loaded_worker_answers():
    async with stub(2) as pool:
        slow = asyncio.create_task(ask(pool, b"sleep 0.5"))
        await asyncio.sleep(0.1)
        quick = {(await ask(pool)).body for _ in range(5)}
        assert len(quick) == 1
        assert (await slow).body not in quick


@in_loop
async def test_requests_wait_in_order_and_too_many_are_refused():
    async with stub(1, per_worker=1, waiting=2) as pool:
        first = asyncio.create_task(ask(pool, b"sleep 0.3"))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(ask(pool)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(PoolBusyError):
            await ask(pool)
        assert [(await each).status for each in [first, *waiting]] == [200] * 3


@in_loop
async def test_one_that_stops_waiting_gives_its_turn_on():
    async with stub(1, per_worker=1) as pool:
        first = asyncio.create_task(ask(pool, b"sleep 0.2"))
        await asyncio.sleep(0.1)
        leaving, staying = (asyncio.create_task(ask(pool)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        assert [(await each).status for each in (first, staying)] == [200, 200]


@in_loop
async def test_a_worker_that_hangs_ends_by_the_clock():
    async with stub(1, how="silent", timeout_s=0.2, silent_s=0.3) as pool:
        before = pool.pids
        with pytest.raises(TimeoutError):
            await ask(pool, b"hang", timeout_s=0.2)
        await until(lambda: pool.n_deaths == 1)
        assert not is_alive(before[0])


@in_loop
async def test_nonsense_and_closed_connections_are_losses():
    async with stub(1) as pool:
        for asked in (b"nonsense", b"close"):
            with pytest.raises(LostError):
                await ask(pool, asked)
        assert (await ask(pool)).header(b"x-mixed") == "yes"
        assert pool.n_deaths == 0


@in_loop
async def test_answers_have_a_longest_length():
    from pairloom.hosting.errors import TooLongError

    async with stub(1) as pool:
        assert len((await ask(pool, b"bytes 3000000")).body) == 3_000_000
        with pytest.raises(TooLongError):
            await ask(pool, b"bytes %d" % (LONGEST_ANSWER_BYTES + 1))


@in_loop
async def test_pieces_come_as_they_are_sent():
    async with stub(1) as pool:
        answer = await pool.stream(b"POST", b"/invocations", [], b"pieces one two three", timeout_s=10)
        began, seen = time.monotonic(), []
        async for piece in answer.pieces:
            seen.append((piece, time.monotonic() - began))
        assert b"".join(piece for piece, _ in seen) == b"onetwothree"
        assert len(seen) >= 2
        assert (await ask(pool)).status == 200


@in_loop
async def test_a_stream_that_is_left_frees_its_worker():
    async with stub(1, per_worker=1) as pool:
        answer = await pool.stream(b"POST", b"/invocations", [], b"bytes 50000000", timeout_s=10)
        async for piece in answer.pieces:
            assert len(piece) < 8 << 20  # what is not read is not taken in
            break
        await answer.pieces.aclose()
        assert (await ask(pool)).status == 200


@in_loop
async def test_idle_workers_sleep_and_wake():
    async with stub(2, idle_s=0.2) as pool:
        before = pool.pids
        await until(lambda: pool.asleep and not any(map(is_alive, before)))
        assert pool.n_deaths == 0
        assert (await ask(pool)).status == 200
        await until(lambda: pool.n_ready == 2)


@in_loop
async def test_resizing_finishes_what_is_under_way():
    async with stub(2) as pool:
        slow = [asyncio.create_task(ask(pool, b"sleep 0.4")) for _ in range(2)]
        await asyncio.sleep(0.1)
        pool.resize(1)
        assert [(await each).status for each in slow] == [200, 200]
        await until(lambda: len(pool.pids) == 1)
        pool.resize(3)
        await until(lambda: pool.n_ready == 3)
        assert pool.n_deaths == 0


@in_loop
async def test_closing_finishes_what_is_under_way():
    async with stub(1) as pool:
        slow = asyncio.create_task(ask(pool, b"sleep 0.4"))
        await asyncio.sleep(0.1)
        await pool.close()
        assert (await slow).status == 200
        with pytest.raises(WorkerError, match="deleted"):
            await ask(pool)


@pytest.mark.parametrize(("how", "message"), [("exits", "exit code 3"), ("refuses", "no such model")])
def test_a_start_that_fails_says_why(how, message):
    @in_loop
    async def check():
        lines = []
        async with stub(1, how=how, start=False, on_log=lambda _, line: lines.append(line)) as pool:
            with pytest.raises(WorkerError, match=message):
                await pool.start()
            assert how != "exits" or b"what went wrong" in lines

    check()


@in_loop
async def test_a_start_has_a_limit():
    async with stub(1, how="never-ready", start_s=0.5, start=False) as pool:
        with pytest.raises(WorkerError, match=r"within 0\.5 s"):
            await pool.start()


@in_loop
async def test_log_lines_come_with_the_name_of_their_worker():
    lines = []
    async with stub(1, how="talks", on_log=lambda name, line: lines.append((name, line))):
        await until(lambda: len(lines) == 2)
    assert [line for _, line in lines] == [b"out", b"err"]
    assert len({name for name, _ in lines}) == 1


@in_loop
async def test_the_environment_holds_the_models_variables_and_no_credentials(monkeypatch, regressor):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with stub(1, environment={"MY_VARIABLE": "yes", "PATH": "/nowhere"}) as pool:
        environment = Path(f"/proc/{pool.pids[0]}/environ").read_bytes().split(b"\0")
        assert b"MY_VARIABLE=yes" in environment
        assert b"PATH=/nowhere" not in environment
        assert not [each for each in environment if b"secret" in each]


def test_workers_end_when_their_service_is_killed(regressor, tmp_path):
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(TESTS)!r})
from hosting_models import pool_of
async def main():
    async with pool_of({str(regressor)!r}, 2) as pool:
        print(*pool.pids, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as service:
        try:
            pids = [int(each) for each in service.stdout.readline().split()]
            assert len(pids) == 2
        finally:
            service.kill()
    deadline = time.monotonic() + 20
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_header_holds_no_line_end(regressor):
    @in_loop
    async def check():
        async with stub(1) as pool:
            with pytest.raises(ValueError, match="one line"):
                await pool.request(b"POST", b"/", [(b"a", b"b\r\nc: d")], ONE, timeout_s=5)
            assert (await ask(pool)).status == 200

    check()
