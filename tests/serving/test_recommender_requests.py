"""Lists over HTTP are those of the library, in every format, and what cannot be asked is refused by name."""

import csv
import io
import json

import numpy as np
import pytest
from asgi_client import Client

from pairloom.errors import UserError
from pairloom.exposure import read_exposures
from pairloom.recommenders import Columns, ItemToItem
from pairloom.serving.application import build_application
from pairloom.serving.counters import Counters
from pairloom.serving.recommending.answering import RecommenderScorer
from pairloom.serving.recommending.journal import EventJournal
from pairloom.serving.recommending.route import EventsRoute
from pairloom.serving.recommending.shown import ShownLists
from pairloom.serving.recommending.updates import EventIntake
from pairloom.serving.settings import EndpointSettings

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"


def fitted(**columns):
    rng = np.random.default_rng(0)
    table = {"user": rng.integers(0, 60, 900), "item": rng.integers(100, 140, 900)}
    items = {
        "item": range(100, 140),
        "year": range(1960, 2000),
        "kind": ["a|b" if i % 3 else "c, d" for i in range(40)],
    }
    for name, column in columns.items():
        table[column] = np.ones(900) if name == "weight" else np.arange(900)
    return ItemToItem(least_common=1, columns=Columns(**columns)).fit(table, items=items)


def served(model, folder=None, *, exposures=None, epsilon=0.0, **settings):
    chosen = EndpointSettings(access_log=False, **settings)
    shown = None if exposures is None else ShownLists(exposures, "v1", epsilon)
    counters, scorer = Counters.create(2), RecommenderScorer(model, shown=shown)
    intake = None if folder is None else EventIntake(scorer, EventJournal(folder), counters)
    client = Client(
        build_application(
            scorer, chosen, counters, lambda: None, EventsRoute(intake, shown, chosen, counters).answer
        )
    )
    client.scorer, client.intake, client.shown = scorer, intake, shown
    return client


@pytest.fixture(scope="module")
def model():
    return fitted()


@pytest.fixture(scope="module")
def client(model):
    return served(model)


def asked(client, body, content_type=JSON, accept=""):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(data, content_type, accept or None)


def tell(client, body, content_type=JSON):
    return client.request("POST", "/events", body, {"content-type": content_type})


def test_a_user_a_history_and_an_item_get_what_the_library_says(client, model):
    answer = asked(client, {"user": 7, "n": 4})
    assert answer.status == 200
    assert [row["item"] for row in answer.json["items"]] == model.recommend(7, n=4).items.tolist()
    scores = np.array([row["score"] for row in answer.json["items"]], np.float32)
    np.testing.assert_array_equal(scores, model.recommend(7, n=4).scores)
    answer = asked(client, {"history": [101, "102"], "reasons": True})
    expected = model.recommend(history=[101, 102], reasons=True)
    assert [row["reason"] for row in answer.json["items"]] == expected.reasons
    assert [row["rank"] for row in answer.json["items"]] == list(range(1, 11))
    answer = asked(client, {"item": 110, "n": 3})
    assert [row["item"] for row in answer.json["items"]] == model.similar_items(110, 3).items.tolist()
    assert [row["item"] for row in asked(client, {"history": {"101": 3.0}, "n": 2}).json["items"]]


def test_every_wish_is_heard(client, model):
    wishes = {
        "n": 6, "seen": True, "block": [105], "caps": {"kind": 4}, "boosts": {"120": 3.0}, "diversity": 0.4,
        "context": {"day": "Monday"},
    }  # fmt: skip
    answer = asked(
        client, {"user": 3, "where": {"year": {"from": 1970, "to": 1990}, "kind": ["a", "c, d"]}, **wishes}
    )
    expected = model.recommend(3, where={"year": (1970, 1990), "kind": ["a", "c, d"]}, **wishes)
    assert [row["item"] for row in answer.json["items"]] == expected.items.tolist()
    only = asked(client, {"user": 3, "only": [104, 131], "seen": True}).json["items"]
    assert {row["item"] for row in only} == {104, 131}
    open_side = asked(client, {"user": 3, "where": {"year": {"from": 1999}}, "seen": True}).json["items"]
    assert {row["item"] for row in open_side} == {139}


def test_several_are_answered_in_every_format(client, model):
    instances = [{"user": 1, "n": 3}, {"user": "nobody", "n": 2}, {"history": [], "n": 1}]
    lists = asked(client, {"instances": instances}).json["predictions"]
    assert [len(each["items"]) for each in lists] == [3, 2, 1]
    lines = b"".join(json.dumps(each).encode() + b"\n" for each in instances)
    answer = asked(client, lines, LINES)
    assert answer.headers["content-type"] == LINES
    assert [json.loads(line) for line in answer.body.splitlines()] == lists
    answer = asked(client, b"1\n2\n", CSV)
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert [[int(item) for item in row] for row in rows] == [
        model.recommend(user).items.tolist() for user in (1, 2)
    ]
    assert len(asked(client, b"1\n2\n", CSV, JSON).json["predictions"]) == 2


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"", JSON, 400, "Got no bytes"),
        (b"{", JSON, 400, "Request body: Input data was truncated"),
        (b"[1]", JSON, 400, "Expected `object`, got `array`"),
        (b"\xff\n", CSV, 400, "must be UTF-8"),
        ({}, JSON, 400, "one of 'user', 'history' and 'item' must be given. Got none of them"),
        ({"user": 1, "item": 2}, JSON, 400, "Got 'user' and 'item'"),
        ({"user": 1, "n": 0}, JSON, 400, "`int` >= 1 - at `$.n`"),
        ({"user": 1, "n": 10**9}, JSON, 400, "`int` <= 10000 - at `$.n`"),
        ({"user": 1.5}, JSON, 400, "at `$.user`"),
        ({"user": 1, "limit": 3}, JSON, 400, "unknown field `limit`"),
        ({"user": 1, "where": {"color": "red"}}, JSON, 400, "Got 'color' of year, kind"),
        ({"user": 1, "diversity": 2}, JSON, 400, "'diversity' must be in [0, 1]. Got 2"),
        ({"history": {"101": -1.0}}, JSON, 400, "finite numbers of 0 or more"),
        ({"item": "none"}, JSON, 400, "'item' must be known. Got 'none'"),
        ({"instances": []}, JSON, 400, "at least one user, history or item"),
        ({"instances": [{"user": 1}, {"item": "none"}]}, JSON, 400, "instance 2: "),
        (b'{"user": 1}\n{"user": []}\n', LINES, 400, "line 2: "),
        (b"1", "application/x-recordio-protobuf", 415, "Content-Type must be one of"),
    ],
)
def test_what_cannot_be_asked_is_refused(client, body, content_type, status, message):
    answer = asked(client, body, content_type)
    assert answer.status == status
    assert message in answer.json["message"]
    assert asked(client, {"user": 1}).status == 200


def test_events_reach_the_model_and_outlast_it(tmp_path):
    client = served(fitted(), tmp_path)
    before = asked(client, {"user": "late", "n": 3}).json
    answer = tell(client, b'{"events": [{"user": "late", "item": 101}, {"user": "late", "item": 7777}]}')
    assert (answer.status, answer.json) == (200, {"accepted": 2})
    assert tell(client, b'{"user": "late", "item": 102}\n', LINES).json == {"accepted": 1}
    assert asked(client, {"user": "late", "n": 3}).json == before
    while client.intake._step():
        pass
    after = asked(client, {"user": "late", "n": 40, "reasons": True}).json
    assert not {101, 102, 7777} & {row["item"] for row in after["items"]}
    assert after["items"][0]["reason"].startswith("because of ")
    again = served(fitted(), tmp_path)
    assert asked(again, {"user": "late", "n": 40, "reasons": True}).json == after
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["item"] for line in lines] == [101, 7777, 102]
    assert all(line["time"] > 1.7e9 for line in lines)


def test_the_journal_forgets_a_line_that_was_cut_off(tmp_path):
    client = served(fitted(), tmp_path)
    tell(client, b'{"user": 1, "item": 101}')
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"user": 2, "ite')
    again = served(fitted(), tmp_path)
    assert tell(again, b'{"user": 3, "item": 103}').status == 200
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["user"] for line in lines] == [1, 3]


@pytest.mark.parametrize(
    ("body", "columns", "status", "message"),
    [
        (b"", {}, 400, "truncated"),
        (b'{"user": 1}', {}, 400, "missing required field `item`"),
        (b'{"user": "", "item": 1}', {}, 400, "length >= 1 - at `$.user`"),
        (b'{"user": null, "item": 1}', {}, 400, "at `$.user`"),
        (b'{"user": 1, "item": 1, "weight": -1}', {"weight": "w"}, 400, ">= 0.0 - at `$.weight`"),
        (b'{"user": 1, "item": 1, "weight": 2}', {}, 400, "event 1: it must have no weight"),
        (b'{"user": 1, "item": 1}', {"weight": "w"}, 400, "event 1: it must have a weight"),
        (b'{"user": 1, "item": 1, "time": 1e300}', {"time": "t"}, 400, "at `$.time`"),
        (b'{"events": [{"user": 1, "item": 1}, 7]}', {}, 400, "at `$.events[1]`"),
    ],
)
def test_an_event_that_cannot_be_is_refused_whole(tmp_path, body, columns, status, message):
    client = served(fitted(**columns), tmp_path)
    answer = tell(client, body)
    assert answer.status == status
    assert message in answer.json["message"]
    assert (tmp_path / "events.jsonl").read_bytes() == b""


def test_events_without_a_folder_and_too_many_of_them_are_refused(client, tmp_path):
    answer = tell(client, b'{"user": 1, "item": 1}')
    assert (answer.status, "--events FOLDER" in answer.json["message"]) == (404, True)
    small = served(fitted(), tmp_path, max_body_bytes=10)
    assert tell(small, b'{"user": 1, "item": 1}').status == 413


def test_lists_and_what_came_of_them_are_logged(model, tmp_path):
    client = served(model, exposures=tmp_path)
    answer = asked(client, {"user": 7, "n": 4, "context": {"page": "home"}}).json
    assert [row["item"] for row in answer["items"]] == model.recommend(7, n=4).items.tolist()
    chosen = answer["items"][1]["item"]
    told = {"user": 7, "item": chosen, "request": answer["request_id"], "kind": "purchase", "value": 9.5}
    assert tell(client, json.dumps(told).encode()).status == 200
    assert "request_id" not in asked(client, {"item": 110}).json
    assert "request_id" not in asked(client, {"user": 7, "only": []}).json
    client.shown.close()
    log = read_exposures(tmp_path)
    assert log.request_ids.tolist() == [answer["request_id"]]
    assert log.item.tolist() == [str(row["item"]) for row in answer["items"]]
    assert log.propensity.tolist() == [1.0] * 4
    assert set(log.model.tolist()) == {"v1"}
    assert log.counts["purchase"].tolist() == [0, 1, 0, 0]
    assert log.value.tolist() == [0, 9.5, 0, 0]


def test_chance_is_logged_with_its_probability(model, tmp_path):
    client = served(model, exposures=tmp_path, epsilon=0.5)
    best = model.recommend(7, n=20).items.tolist()
    lists = [[row["item"] for row in asked(client, {"user": 7, "n": 3}).json["items"]] for _ in range(60)]
    assert len({tuple(items) for items in lists}) > 10
    assert all(set(items) <= set(best) and len(set(items)) == 3 for items in lists)
    first = np.mean([items[0] == best[0] for items in lists])
    assert 0.3 < first < 0.75
    client.shown.close()
    log = read_exposures(tmp_path)
    at_top = log.propensity[(log.position == 1) & (log.item == str(best[0]))]
    assert len(at_top) > 15
    assert at_top == pytest.approx(0.5 + 0.5 / 20)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"user": 1, "item": 101}, "must name its 'request', or the endpoint be started with --events"),
        ({"user": 1, "item": 101, "request": "r", "kind": "no word"}, "a kind of letters, digits and _"),
        ({"user": 1, "item": 101, "request": "r", "time": 3e10}, "at most a day ahead"),
        ({"user": 1, "item": 101, "request": ""}, "length >= 1 - at `$.request`"),
    ],
)
def test_feedback_that_cannot_be_joined_is_refused(model, tmp_path, body, message):
    client = served(model, exposures=tmp_path)
    answer = tell(client, json.dumps(body).encode())
    assert answer.status == 400
    assert message in answer.json["message"]
    client.shown.close()


def test_feedback_needs_a_log_of_lists(tmp_path):
    client = served(fitted(), tmp_path)
    answer = tell(client, b'{"user": 1, "item": 101, "request": "r"}')
    assert "Start it with --exposures FOLDER" in answer.json["message"]
    with pytest.raises(UserError, match="'--epsilon' must come with --exposures"):
        EndpointSettings(epsilon=0.1)
