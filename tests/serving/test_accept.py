import pytest

from pairloom.formats.answers import ANSWER_TYPES
from pairloom.serving.accept import answer_types, negotiated
from pairloom.serving.refused import Refused

JSON, LINES, CSV, RECORDS = ANSWER_TYPES


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("Application/JSON; verbose=true", JSON),
        ("text/csv", CSV),
        ("text/csv; charset=utf-8", CSV),
        ("text/*", CSV),
        ("application/x-ndjson", LINES),
        ("application/jsonlines;q=0.5, text/csv;q=0.4", LINES),
        ("text/html, application/x-recordio-protobuf;q=0.1", RECORDS),
        ("application/json;q=0, */*", LINES),
        ("text/csv;q=1, application/json", CSV),
        ("application/json;q=0.2, text/csv;q=0.8, */*;q=0.1", CSV),
        (" , ,text/csv", CSV),
    ],
)
def test_choice(accept, expected):
    assert negotiated(accept, ANSWER_TYPES) == expected


@pytest.mark.parametrize(
    "accept",
    ["text/html", "image/*", "application/json;q=0", "nonsense", "text/csv;q=x", "text/csv;q=7", ";", "\x00"],
)
def test_nothing_acceptable(accept):
    with pytest.raises(Refused, match="Accept must") as caught:
        negotiated(accept, ANSWER_TYPES)
    assert caught.value.status == 406


def test_declared_types_come_first():
    assert answer_types(("text/csv", "application/json")) == (CSV, JSON, LINES, RECORDS)
    assert answer_types(("image/png", "application/x-jsonlines"))[0] == LINES
