"""The log: whatever was acknowledged is read back once, whatever happens in between."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

from pairloom.errors import DataError, PlatformError, UserError
from pairloom.exposure import ExposureLog, Feedback, Impressions, read_exposures, recover
from pairloom.exposure.journal import Journal, read_lines
from pairloom.exposure.partitions import write_partitions

HOUR_US = 3_600_000_000
WRITER = """
import os, sys
from pairloom.exposure import ExposureLog, Impressions
log = ExposureLog(sys.argv[1], flush_events=40, flush_s=0.02, durable=sys.argv[2])
name = sys.argv[3]
for i in range(10**9):
    log.log(Impressions(f"{name}-{i}", [1, 2, 3]))
    log.feedback(f"{name}-{i}", 2)
    os.write(1, b"%d\\n" % i)
"""


def shown(request, n_items=3, **more):
    return Impressions(request, list(range(n_items)), **more)


def test_reads_back_what_was_logged(tmp_path):
    with ExposureLog(tmp_path) as log:
        log.log(
            Impressions(
                "r1", [31, "x", 5], user=7, propensities=[0.5, 0.25, 1], model="v1", context={"page": 2, "a": None},
                list_propensity=0.125,
            )
        )  # fmt: skip
        log.feedback("r1", "x")
        log.feedback("r1", "x", "purchase", value=9.5)
        log.log(Impressions("r1", ["further"], first_position=4))
    found = read_exposures(tmp_path)
    assert found.item.tolist() == ["31", "x", "5", "further"]
    assert found.position.tolist() == [1, 2, 3, 4]
    assert found.user.tolist() == ["7", "7", "7", None]
    assert found.propensity[:3].tolist() == [0.5, 0.25, 1]
    assert np.isnan(found.propensity[3])
    assert found.list_propensity[0] == 0.125
    assert found.counts["click"].tolist() == [0, 1, 0, 0]
    assert found.counts["purchase"].tolist() == [0, 1, 0, 0]
    assert found.value.tolist() == [0, 9.5, 0, 0]
    assert found.context[0] == '{"a":null,"page":2}'
    assert abs(found.time[0] / 1e6 - time.time()) < 60
    assert found.n_requests == 1


def test_takes_values_of_numpy(tmp_path):
    with ExposureLog(tmp_path) as log:
        log.log(Impressions("b", [7], propensities=[True], list_propensity=1, context={1: 2}))
        log.feedback("b", 7, value=True, time=np.float64(1e15))
        log.log(Impressions("r", np.array([4, 2]), user=np.int32(3), propensities=np.array([0.5, 0.5])))
        log.log(Impressions("s", [np.int64(9)], context={"score": np.float32(0.5)}))
        log.feedback("r", np.int64(2))
    found = read_exposures(tmp_path)
    assert found.item.tolist() == ["7", "4", "2", "9"]
    assert found.clicked.tolist() == [0, 0, 1, 0]
    assert found.set_aside.early == 1
    assert found.context[[0, 3]].tolist() == ['{"1":2}', '{"score":0.5}']


def send_feedback(log, event):
    log.feedback(event.request, event.item, event.kind, value=event.value, event_id=event.id)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Impressions("", [1]), "request id"),
        (Impressions(5, [1]), "request id"),
        (Impressions("r", []), "1 to 10000 items"),
        (Impressions("r", [1, "1"]), "no item twice"),
        (Impressions("r", [1.5]), "integer or a string"),
        (Impressions("r", [True]), "integer or a string"),
        (Impressions("r", [None]), "integer or a string"),
        (Impressions("r", [10**30]), "64 bits"),
        (Impressions("r", [1, 2], propensities=[1]), "2 propensities"),
        (Impressions("r", [1, 2], propensities=[0.5, 0]), "row 2: expected a propensity above 0"),
        (Impressions("r", [1], propensities=[float("nan")]), "propensity"),
        (Impressions("r", [1], propensities=[1.1]), "propensity"),
        (Impressions("r", [1], list_propensity=0.0), "list_propensity"),
        (Impressions("r", [1], first_position=0), "first_position"),
        (Impressions("r", [1], time=-4), "time"),
        (Impressions("r", [1], time=2 * 10**17), "at most a day ahead"),
        (Impressions("r", [1], context={"a": object()}), "JSON"),
        (Impressions("r", [1], context={"a": "b" * (1 << 20)}), "bytes"),
        (Impressions("r\ud800", [1]), "JSON"),
        (Impressions("r", [1], propensities=["a"]), "numbers"),
        (Impressions("r", [1, 2], propensities=np.array([[1]])), "2 propensities"),
        (Impressions("r", [1], list_propensity="a"), "numbers"),
        (Impressions("r", [1], model=3), "'model'"),
        (Impressions("r", [1], context=["a"]), "context"),
        (Impressions("r", [1], time="now"), "time"),
        (Feedback("r", 1, 5), "'kind'"),
        (Feedback("r", 1, id=5), "'id'"),
        (Feedback("r", 1, value="much"), "numbers"),
        (Feedback("r", 1, "two words"), "kind"),
        (Feedback("r", 1, value=float("inf")), "finite"),
        (Feedback("r", [1]), "integer or a string"),
    ],
)
def test_refuses_what_could_not_be_joined(tmp_path, event, said):
    with ExposureLog(tmp_path) as log:
        send = log.log if isinstance(event, Impressions) else partial(send_feedback, log)
        with pytest.raises(DataError, match=said):
            send(event)
        log.log(shown("good"))
    assert read_exposures(tmp_path).request_ids.tolist() == ["good"]


def test_wrong_settings_and_closed_logs_are_refused(tmp_path):
    with pytest.raises(UserError, match="flush_events"):
        ExposureLog(tmp_path, flush_events=0)
    with pytest.raises(UserError, match="durable"):
        ExposureLog(tmp_path, durable="never")
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match="folder to write to"):
        ExposureLog(tmp_path / "file")
    log = ExposureLog(tmp_path / "log")
    log.close()
    log.close()
    with pytest.raises(UserError, match="closed"):
        log.log(shown("r"))


def test_partitions_are_by_hour_and_files_are_whole(tmp_path):
    with ExposureLog(tmp_path) as log:
        for hour in (0, 0, 25):
            log.log(shown(f"r{hour}", time=1_700_000_000_000_000 + hour * HOUR_US))
    names = [str(path.relative_to(tmp_path).parent) for path in tmp_path.rglob("*.parquet")]
    assert sorted(names) == [
        "impressions/date=2023-11-14/hour=22",
        "impressions/date=2023-11-15/hour=23",
    ]
    assert not list(tmp_path.rglob("*.new"))
    assert not list((tmp_path / "journal").iterdir())


def test_flushes_by_number_and_by_time(tmp_path):
    with ExposureLog(tmp_path, flush_events=5, flush_s=1e6) as log:
        for i in range(5):
            log.log(shown(f"r{i}"))
        wait_until(lambda: log.status().n_waiting == 0)
        assert read_exposures(tmp_path).n_requests == 5
    with ExposureLog(tmp_path, flush_s=0.01) as log:
        log.log(shown("later"))
        wait_until(lambda: log.status().n_waiting == 0)
        assert read_exposures(tmp_path).n_requests == 6


def wait_until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("durable", ["process", "power"])
def test_threads_share_a_log(tmp_path, durable):
    log = ExposureLog(tmp_path, flush_events=100, flush_s=0.01, durable=durable)

    def work(name):
        for i in range(150):
            log.log(shown(f"{name}-{i}"))
            log.feedback(f"{name}-{i}", 1)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = read_exposures(tmp_path)
    assert found.n_requests == 600
    assert found.clicked.sum() == 600
    assert not any(vars_ for vars_ in (found.set_aside.orphans, found.set_aside.duplicate_impressions))


def test_processes_share_a_folder(tmp_path):
    first, second = ExposureLog(tmp_path), ExposureLog(tmp_path)
    first.log(shown("a"))
    second.log(shown("b"))
    assert recover(tmp_path) == 0  # both live
    second.close()
    first.close()
    assert read_exposures(tmp_path).request_ids.tolist() == ["a", "b"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_has_a_journal_of_its_own(tmp_path):
    log = ExposureLog(tmp_path, flush_s=1e6)
    log.log(shown("parent"))
    child = os.fork()
    if not child:
        try:
            log.log(shown("child"))
            log.close()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    log.log(shown("parent again"))
    log.close()
    assert sorted(read_exposures(tmp_path).request_ids) == ["child", "parent", "parent again"]


@pytest.mark.parametrize("durable", ["process", "power"])
def test_nothing_acknowledged_is_lost_when_killed(tmp_path, durable):
    acknowledged = {}
    for attempt, after_s in enumerate((0.0, 0.03, 0.11, 0.3)):
        command = [sys.executable, "-c", WRITER, str(tmp_path), durable, f"p{attempt}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            first = process.stdout.readline()
            time.sleep(after_s)
        finally:
            process.kill()
            rest = process.stdout.read()
            process.stdout.close()
            process.wait()
        said = (first + rest).split(b"\n")[:-1]
        acknowledged[f"p{attempt}"] = int(said[-1]) + 1
    recover(tmp_path)
    found = read_exposures(tmp_path)
    assert found.set_aside.duplicate_impressions == found.set_aside.duplicate_feedback == 0
    assert found.set_aside.orphans == 0
    requests = {tuple(name.split("-")) for name in found.request_ids}
    for name, n_events in acknowledged.items():
        assert {(name, str(i)) for i in range(n_events)} <= requests
        assert len([r for r in requests if r[0] == name]) <= n_events + 1
    assert found.counts["click"].sum() >= sum(acknowledged.values())
    assert not list((tmp_path / "journal").glob("*.jsonl"))


def test_sigterm_flushes(tmp_path):
    code = WRITER.replace("durable=sys.argv[2])", "on_sigterm=True)").replace("flush_s=0.02", "flush_s=1e6")
    code = code.replace("flush_events=40", "flush_events=10**9")
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), "-", "p"], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest = process.stdout.read()
    assert process.wait() == -signal.SIGTERM
    process.stdout.close()
    n_before = read_exposures(tmp_path).n_requests
    assert n_before >= 1
    recover(tmp_path)  # what it acknowledged while it flushed
    assert read_exposures(tmp_path).n_requests >= len(rest.split(b"\n"))


def test_exit_without_close_flushes(tmp_path):
    code = "import sys; from pairloom.exposure import *; ExposureLog(sys.argv[1]).log(Impressions('r', [1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert read_exposures(tmp_path).n_requests == 1


def test_conversion_that_died_is_repeated_without_repeats(tmp_path):
    (tmp_path / "journal").mkdir()
    journal = Journal(tmp_path / "journal")
    for i in range(20):
        journal.append(Impressions(f"r{i}", [1], time=10**15 + i * HOUR_US))
        journal.append(Feedback(f"r{i}", 1, time=10**15 + i * HOUR_US))
    journal.close()
    write_partitions(tmp_path, read_lines(journal.path))
    for path in list((tmp_path / "impressions").rglob("*.parquet"))[::2]:
        path.rename(path.with_name(f".{path.name}.new"))  # as if it had died before these
    assert recover(tmp_path) == 1
    found = read_exposures(tmp_path)
    assert found.n_requests == 20
    assert found.counts["click"].tolist() == [1] * 20
    assert found.set_aside.duplicate_feedback == found.set_aside.duplicate_impressions == 0


def test_torn_lines_are_left_and_damaged_ones_are_kept_aside(tmp_path, caplog):
    (tmp_path / "journal").mkdir()
    journal = Journal(tmp_path / "journal")
    for i in range(3):
        journal.append(Impressions(f"r{i}", [1], time=10**15))
    journal.close()
    content = journal.path.read_bytes()
    journal.path.write_bytes(content + content[: len(content) // 4])  # torn
    assert [event.request for _, event in read_lines(journal.path)] == ["r0", "r1", "r2"]
    changed = content.replace(b'"r1"', b'"r9"')
    journal.path.write_bytes(changed)
    recover(tmp_path)
    assert read_exposures(tmp_path).request_ids.tolist() == ["r0", "r2"]
    assert journal.path.with_suffix(".damaged").read_bytes() == changed
    assert "1 damaged lines" in caplog.text


def test_a_full_disk_refuses_and_recovers(tmp_path, monkeypatch):
    log = ExposureLog(tmp_path)
    real, room = os.write, [40]

    def write(file, content):
        if room[0] is None or file != log._journal._file:
            return real(file, content)
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        n_bytes, room[0] = room[0], 0
        return real(file, content[:n_bytes])

    log.log(shown("before"))
    monkeypatch.setattr(os, "write", write)
    for _ in range(2):
        with pytest.raises(PlatformError, match="Make room"):
            log.log(shown("refused"))
    room[0] = None
    log.log(shown("after"))
    log.close()
    assert sorted(read_exposures(tmp_path).request_ids) == ["after", "before"]


def test_unwritable_partitions_keep_the_journal(tmp_path):
    log = ExposureLog(tmp_path, flush_s=1e6)
    (tmp_path / "impressions").write_text("in the way")
    log.log(shown("r"))
    with pytest.raises(PlatformError, match="cannot be written"):
        log.flush()
    (tmp_path / "impressions").unlink()
    log.close()
    assert read_exposures(tmp_path).n_requests == 1
