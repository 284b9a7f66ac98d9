"""What every database promises, over both, on the real thing."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairloom.database import Change, Database, Metric, Resource
from pairloom.errors import (
    AlgorithmError,
    AlreadyExistsError,
    ConflictError,
    DataError,
    NotFoundError,
    PlatformError,
)


def job(name, status="InProgress", kind="training-job", **more):
    return Resource(kind, name, f"arn:{kind}/{name}", status, **more)


def put(database, *resources):
    with database.transaction() as t:
        return [t.insert(resource) for resource in resources]


def names(page):
    return [resource.name for resource in page.resources]


def test_what_was_put_is_read_back(database):
    document = {"z": 1, "a": [1.5, None, True, "ü\0\u2028"], "big": 2**63, "deep": {"": {}}, "tiny": 5e-324}
    before = time.time()
    (kept,) = put(database, job("one", parent="group", document=document))
    with database.snapshot() as t:
        assert t.get("training-job", "one") == kept
        assert t.get_arn(kept.arn) == kept
        assert list(t.get("training-job", "one").document) == list(document)
        assert t.get("training-job", "two") is None
        assert t.get("endpoint", "one") is None
        assert t.get("training-job", "one\0") is None
    assert before <= kept.created_at == kept.modified_at <= time.time()
    assert kept.version == 1


def test_it_outlives_the_process_that_wrote(database, url):
    (kept,) = put(database, job("one"))
    database.close()
    again = Database.open(url)
    with again.snapshot() as t:
        assert t.get("training-job", "one") == kept
    again.close()


def test_a_name_is_taken_once_and_the_transaction_goes_on(database):
    put(database, job("one"))
    with database.transaction() as t:
        with pytest.raises(AlreadyExistsError, match="training-job 'one' must be a new name"):
            t.insert(job("one", "Other"))
        with pytest.raises(AlreadyExistsError):
            t.insert(replace(job("two"), arn="arn:training-job/one"))
        t.insert(job("three"))
        t.insert(job("one", kind="model"))
    with database.snapshot() as t:
        assert names(t.list("training-job")) == ["one", "three"]
        assert t.get("training-job", "one").status == "InProgress"


def test_an_exception_takes_everything_back(database):
    (kept,) = put(database, job("one"))
    heard = []
    database.changes.subscribe(heard.append)

    def write_and_fail():
        with database.transaction() as t:
            t.insert(job("two"))
            t.update(replace(kept, status="Failed"))
            t.put_tags(kept.arn, {"a": "b"})
            t.put_metrics([Metric("n", "loss", {}, 1.0, 1.0)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with database.snapshot() as t:
        assert names(t.list("training-job")) == ["one"]
        assert t.get("training-job", "one") == kept
        assert t.tags(kept.arn) == {}
        assert t.metrics("n") == []
    assert heard == []


def test_update_compares_and_swaps(database):
    (kept,) = put(database, job("one"))
    with database.transaction() as t:
        newer = t.update(replace(kept, status="Completed", document={"a": 1}))
    assert (newer.version, newer.status, newer.created_at) == (2, "Completed", kept.created_at)
    assert newer.modified_at >= kept.modified_at
    with database.transaction() as t:
        with pytest.raises(ConflictError, match=r"version 1 to be changed\. Got version 2"):
            t.update(replace(kept, status="Stopped"))
        assert t.get("training-job", "one") == newer


def test_a_new_one_of_the_same_name_is_not_the_old_one(database):
    (old,) = put(database, job("one"))
    with database.transaction() as t:
        assert t.delete("training-job", "one")
        assert not t.delete("training-job", "one")
        with pytest.raises(NotFoundError):
            t.update(replace(old, status="Failed"))
        new = t.insert(job("one"))
        with pytest.raises(NotFoundError):
            t.update(replace(old, status="Failed"))
        assert t.get("training-job", "one") == new


def test_modified_at_never_goes_back(url):
    now = [1000.0]
    database = Database.open(url, clock=lambda: now[0])
    (kept,) = put(database, job("one"))
    now[0] = 10.0
    with database.transaction() as t:
        assert t.update(kept).modified_at == 1000.0
    database.close()


def test_documents_are_json(database):
    for bad in ({"a": float("nan")}, {"a": float("inf")}, {"a": object()}, {"a": {1, 2}}, {"a": b""}):
        with (
            pytest.raises(DataError, match="training-job 'one': expected a document"),
            database.transaction() as t,
        ):
            t.insert(job("one", document=bad))
    nested = current = {}
    for _ in range(100_000):
        current["a"] = current = {}
    with pytest.raises(DataError), database.transaction() as t:
        t.insert(job("one", document=nested))
    with pytest.raises(DataError, match="without NUL"), database.transaction() as t:
        t.insert(job("o\0ne"))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        ),
        max_leaves=20,
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_comes_back_as_it_went(database, value):
    resource = job("any", document={"value": value})
    with database.transaction() as t:
        t.delete("training-job", "any")
        t.insert(resource)
    with database.snapshot() as t:
        assert t.get("training-job", "any").document == {"value": value}


@pytest.mark.parametrize("sort_by", ["name", "created_at", "modified_at", "status"])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_cover_a_list_once_in_order(database, sort_by, descending):
    states = ["Completed", "Failed", "InProgress"]
    kept = put(
        database,
        *(
            job(f"j{i * 7 % 23:02}", states[i % 3], created_at=float(i // 4 + 1), modified_at=float(i % 5))
            for i in range(23)
        ),
        job("other", kind="model"),
    )
    wanted = sorted(
        (r for r in kept if r.kind == "training-job"),
        key=lambda r: (getattr(r, sort_by), r.name),
        reverse=descending,
    )
    found, token = [], None
    with database.snapshot() as t:
        while True:
            page = t.list("training-job", sort_by=sort_by, descending=descending, after=token, limit=4)
            assert len(page.resources) <= 4
            found += page.resources
            token = page.next_token
            if token is None:
                break
    assert found == wanted


def test_a_page_that_ends_the_list_has_no_token(database):
    put(database, job("a"), job("b"))
    with database.snapshot() as t:
        assert t.list("training-job", limit=2).next_token is None
        assert t.list("training-job", limit=1).next_token is not None
        assert t.list("model").resources == []


def test_paging_goes_on_while_the_list_changes(database):
    put(database, *(job(f"j{i}", created_at=float(i + 1)) for i in range(6)))
    with database.snapshot() as t:
        first = t.list("training-job", limit=3)
    with database.transaction() as t:
        t.delete("training-job", "j2")
        t.insert(job("early", created_at=0.5))
        t.insert(job("late", created_at=9.0))
    with database.snapshot() as t:
        assert names(t.list("training-job", after=first.next_token)) == ["j3", "j4", "j5", "late"]


def test_names_are_ordered_by_code_point(database):
    put(database, *(job(name) for name in ["b", "B", "a-1", "a", "A", "a1"]))
    with database.snapshot() as t:
        assert names(t.list("training-job", sort_by="name")) == sorted(["b", "B", "a-1", "a", "A", "a1"])


def test_filters(database):
    put(
        database,
        job("fm-1", "Completed", created_at=10.0, modified_at=11.0, parent="p"),
        job("FM_%2", "Failed", created_at=20.0, modified_at=21.0, parent="p"),
        job("pca", "Completed", created_at=30.0, modified_at=31.0),
    )
    with database.transaction() as t:
        t.put_tags("arn:training-job/fm-1", {"team": "films"})
        t.put_tags("arn:training-job/pca", {"team": "films", "stage": "'"})
    wanted = [
        ({"name_contains": "fm"}, ["fm-1", "FM_%2"]),
        ({"name_contains": "_%"}, ["FM_%2"]),
        ({"name_contains": "%"}, ["FM_%2"]),
        ({"name_contains": "x' OR 1=1 --"}, []),
        ({"status": "Completed"}, ["fm-1", "pca"]),
        ({"status": ["Completed", "Failed"]}, ["fm-1", "FM_%2", "pca"]),
        ({"status": []}, []),
        ({"parent": "p"}, ["fm-1", "FM_%2"]),
        ({"created_after": 20.0}, ["FM_%2", "pca"]),
        ({"created_before": 20.0}, ["fm-1", "FM_%2"]),
        ({"modified_after": 21.5}, ["pca"]),
        ({"modified_before": 21.0, "status": "Failed"}, ["FM_%2"]),
    ]
    with database.snapshot() as t:
        for filters, expected in wanted:
            assert names(t.list("training-job", **filters)) == expected, filters
        assert t.count("training-job") == 3
        for tagged, expected in [
            ({}, ["fm-1", "FM_%2", "pca"]),
            ({"team": "films"}, ["fm-1", "pca"]),
            ({"team": "films", "stage": "'"}, ["pca"]),
            ({"team": "books"}, []),
        ]:
            assert names(t.list("training-job", tagged=tagged)) == expected, tagged
        assert t.count("training-job", status="Completed") == 2
        assert t.count("training-job", status=["Completed", "Failed"]) == 3


@pytest.mark.parametrize("token", ["", "x", "////", "bnVsbA", "ü", "WzEsMiwzLDRd", "W" * 100_000, "a\0b"])
def test_a_token_that_is_none_is_refused(database, token):
    with pytest.raises(DataError, match="NextToken: expected the token"), database.snapshot() as t:
        t.list("training-job", after=token)


def test_a_token_of_another_order_is_refused(database):
    put(database, job("a"), job("b"))
    with database.snapshot() as t:
        token = t.list("training-job", limit=1).next_token
        for other in ({"sort_by": "name"}, {"descending": True}, {"sort_by": "modified_at"}):
            with pytest.raises(DataError):
                t.list("training-job", after=token, **other)


def test_tags(database):
    (kept,) = put(database, job("one"))
    with database.transaction() as t:
        t.put_tags(kept.arn, {"team": "films", "Ünï": ""})
        t.put_tags(kept.arn, {"team": "books"})
        t.put_tags("arn:other", {"team": "music"})
        t.put_tags(kept.arn, {})
        assert t.tags(kept.arn) == {"team": "books", "Ünï": ""}
        t.remove_tags(kept.arn, ["Ünï", "never there"])
    with database.transaction() as t:
        assert t.tags(kept.arn) == {"team": "books"}
        t.delete("training-job", "one")
        assert t.tags(kept.arn) == {}
        assert t.tags("arn:other") == {"team": "music"}
        assert t.tags_of_all([kept.arn, "arn:other"]) == {kept.arn: {}, "arn:other": {"team": "music"}}
        assert t.tags_of_all([]) == {}


def test_metrics(database):
    host = {"Host": "algo-1", "TrainingJobName": "one"}
    points = [
        Metric("jobs", "loss", host, 10.0, 0.5, step=1),
        Metric("jobs", "loss", dict(reversed(host.items())), 20.0, 0.25, step=2),
        Metric("jobs", "loss", {}, 20.0, 9.0),
        Metric("jobs", "cpu", host, 15.0, 12.0, n_samples=4, minimum=1.0, maximum=7.0, unit="Percent"),
    ]
    with database.transaction() as t:
        t.put_metrics(points)
        t.put_metrics([])
    with database.snapshot() as t:
        assert t.metrics("jobs", "loss", host) == points[:2]
        assert t.metrics("jobs", "loss", {}) == points[2:3]
        assert t.metrics("jobs", "cpu") == points[3:]
        assert t.metrics("jobs", "loss", host, start=10.0, end=20.0) == points[:1]
        assert len(t.metrics("jobs")) == 4
        assert t.metrics("other") == []
        assert t.metric_names("jobs") == [("jobs", "cpu", host), ("jobs", "loss", host), ("jobs", "loss", {})]
        assert t.metric_names("other") == []
    assert (points[3].lowest, points[3].highest, points[0].lowest) == (1.0, 7.0, 0.5)
    with database.transaction() as t:
        t.remove_metrics("jobs", host)
        assert t.metrics("jobs") == points[2:3]


def test_a_snapshot_is_one_moment_and_waits_for_no_writer(database):
    put(database, job("one"))
    with database.snapshot() as reader:
        assert reader.count("training-job") == 1
        with database.transaction() as writer:
            writer.insert(job("two"))
            with database.snapshot() as other:
                assert other.count("training-job") == 1
        assert reader.count("training-job") == 1
    with database.snapshot() as later:
        assert later.count("training-job") == 2


def test_a_snapshot_cannot_write(database):
    with pytest.raises(PlatformError), database.snapshot() as t:
        t.insert(job("one"))


def test_a_transaction_within_another_is_a_fault_not_a_deadlock(database):
    with database.transaction() as t:
        t.insert(job("one"))
        with pytest.raises(AlgorithmError), database.transaction():
            pass
    put(database, job("two"))


def test_writers_lose_nothing(database, url):
    """Counting up in 8 threads over two doors to one database: no update is lost, and none deadlocks."""
    put(database, job("count", document={"n": 0}))
    other = Database.open(url)

    def count(door):
        for _ in range(10):
            with door.transaction() as t:
                now = t.get("training-job", "count")
                t.update(replace(now, document={"n": now.document["n"] + 1}))

    threads = [threading.Thread(target=count, args=(door,)) for door in [database, other] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    other.close()
    with database.snapshot() as t:
        found = t.get("training-job", "count")
    assert (found.document, found.version) == ({"n": 80}, 81)


def test_changes_are_announced_after_the_commit(database):
    heard = []

    def listen(change):
        with database.snapshot() as t:
            heard.append((change, t.version(change.kind, change.name)))

    stop = database.changes.subscribe(listen)
    (kept,) = put(database, job("one"))
    with database.transaction() as t:
        newer = t.update(t.update(kept))
    with database.transaction() as t:
        t.delete("training-job", "one")
    stop()
    put(database, job("two"))
    one = "training-job", "one"
    assert heard == [(Change(*one, 1), 1), (Change(*one, 3), 3), (Change(*one, None), None)]
    assert newer.version == 3


def test_waiting_for_a_change(database):
    (kept,) = put(database, job("one"))

    async def scenario():
        one = "training-job", "one"
        started = time.monotonic()
        assert not await database.changed(*one, 1, timeout_s=0.05)
        assert time.monotonic() - started >= 0.05
        assert await database.changed(*one, 7, timeout_s=60)  # it has another version already
        waits = [asyncio.create_task(database.changed(*one, 1, timeout_s=60)) for _ in range(20)]
        appears = asyncio.create_task(database.changed("training-job", "two", None, timeout_s=60))
        await asyncio.sleep(0.05)
        await database.write(lambda t: t.update(kept))
        assert await asyncio.gather(*waits) == [True] * 20
        assert not appears.done()
        await database.write(lambda t: t.insert(job("two")))
        assert await appears
        assert await database.read(lambda t: t.count("training-job")) == 2

    asyncio.run(scenario())


def test_a_commit_after_the_loop_of_a_waiter_has_ended(database):
    (kept,) = put(database, job("one"))
    loop = asyncio.new_event_loop()

    async def begin():
        waiter = database.changes.wait_for("training-job", "one")
        waiter.__enter__()

    loop.run_until_complete(begin())
    loop.close()
    with database.transaction() as t:
        t.update(kept)
