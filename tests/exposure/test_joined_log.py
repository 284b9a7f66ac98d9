"""Joining: duplicates, late, early and orphan feedback are what the page says they are."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.errors import DataError, NotFoundError, UserError
from pairloom.exposure import ExposureLog, Impressions, read_exposures

T = 1_700_000_000_000_000
SECOND, DAY = 1_000_000, 86_400_000_000


def test_duplicates_late_early_and_orphans(tmp_path):
    with ExposureLog(tmp_path) as log:
        log.log(Impressions("r", [1, 2], model="second", time=T + 1))
        log.log(Impressions("r", [1, 2], model="first", time=T))
        log.feedback("r", 1, time=T + SECOND, event_id="once")
        log.feedback("r", 1, time=T + 2 * SECOND, event_id="once")
        log.feedback("r", 2, time=T + SECOND)
        log.feedback("r", 2, time=T + SECOND)  # no id: two events
        log.feedback("r", 2, "like", time=T + SECOND)
        log.feedback("r", 1, time=T + 8 * DAY)
        log.feedback("r", 1, time=T - 301 * SECOND)
        log.feedback("r", 1, "purchase", value=2, time=T - 299 * SECOND)
        log.feedback("r", 3, time=T)
        log.feedback("s", 1, time=T)
    found = read_exposures(tmp_path)
    assert found.model.tolist() == ["first", "first"]
    assert found.counts["click"].tolist() == [1, 2]
    assert found.counts["like"].tolist() == [0, 1]
    assert found.value.tolist() == [2, 0]
    aside = found.set_aside
    assert (aside.duplicate_impressions, aside.duplicate_feedback) == (2, 1)
    assert (aside.late, aside.early, aside.orphans) == (1, 1, 2)
    assert read_exposures(tmp_path, window_s=9 * 86400).set_aside.late == 0


def test_range_of_time_keeps_its_feedback(tmp_path):
    with ExposureLog(tmp_path) as log:
        for day in range(4):
            log.log(Impressions(f"r{day}", [1], time=T + day * DAY))
            log.feedback(f"r{day}", 1, time=T + day * DAY + 5 * DAY)
    found = read_exposures(tmp_path, since=T + DAY, until="2023-11-17T22:13:20")
    assert found.request_ids.tolist() == ["r1", "r2"]
    assert found.clicked.tolist() == [1, 1]
    assert read_exposures(tmp_path, since=np.datetime64("2030-01-01")).n_requests == 0
    with pytest.raises(UserError, match="ISO 8601"):
        read_exposures(tmp_path, since="yesterday")


def test_an_empty_log_and_none(tmp_path):
    with pytest.raises(NotFoundError, match="folder of a log"):
        read_exposures(tmp_path)
    ExposureLog(tmp_path).close()
    found = read_exposures(tmp_path)
    assert len(found) == found.n_requests == 0
    assert found.clicked.shape == (0,)
    assert set(found.to_dict()) >= {"request", "item", "click", "purchase", "value"}


def test_a_damaged_file_is_named(tmp_path):
    with ExposureLog(tmp_path) as log:
        log.log(Impressions("r", [1]))
    [path] = tmp_path.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=str(path)):
        read_exposures(tmp_path)


def test_take_keeps_requests_together(tmp_path):
    with ExposureLog(tmp_path) as log:
        for name in "abc":
            log.log(Impressions(name, [1, 2]))
    found = read_exposures(tmp_path)
    part = found.take(found.request != 1)
    assert part.n_requests == 2
    assert part.request.tolist() == [0, 0, 1, 1]
    assert part.request_ids.tolist() == ["a", "c"]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 4), st.integers(0, 3)), max_size=25),
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 5), st.sampled_from("xyz")), max_size=25),
)
def test_join_is_that_of_a_loop(tmp_path_factory, lists, clicks):
    folder = tmp_path_factory.mktemp("log")
    with ExposureLog(folder) as log:
        for order, (request, n_items, offset) in enumerate(lists):
            log.log(Impressions(request, list(range(offset, offset + n_items)), time=T + order))
        for request, item, event in clicks:
            log.feedback(request, item, time=T, event_id=event)
    first = {}
    for request, n_items, offset in lists:
        for place, item in enumerate(range(offset, offset + n_items)):
            first.setdefault((request, str(item)), place + 1)
    once = {event: (request, str(item)) for request, item, event in reversed(clicks)}
    wanted = Counter(key for key in once.values() if key in first)
    found = read_exposures(folder)
    keys = list(zip(found.request_ids[found.request], found.item, strict=True))
    assert dict(zip(keys, found.position.tolist(), strict=True)) == first
    assert {k: n for k, n in zip(keys, found.counts["click"].tolist(), strict=True) if n} == wanted
    assert found.set_aside.orphans == sum(key not in first for key in once.values())
