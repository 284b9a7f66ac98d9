"""What an endpoint of a recommender is asked and told: JSON, JSON Lines and CSV, read strictly."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pairloom.serving.refused import Refused

__all__ = ["Ask", "Event", "Id", "read_asks", "read_events"]

MOST_ITEMS = 10_000
Id = int | Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_ITEMS)]


class Between(msgspec.Struct, forbid_unknown_fields=True, rename={"lowest": "from", "highest": "to"}):
    """A condition on a column of numbers; a side that is left out is open."""

    lowest: float = -float("inf")
    highest: float = float("inf")


Condition = Between | list[Id | float | bool] | Id | float | bool


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """One list that is asked for: for a user, for a history, or like an item.

    The members are the parameters of `pairloom.recommenders.recommender.Recommender.recommend`.
    """

    user: Id | None = None
    history: list[Id] | dict[str, float] | None = None
    item: Id | None = None
    n: Count = 10
    reasons: bool = False
    seen: bool = False
    block: list[Id] = []
    only: list[Id] | None = None
    where: dict[str, Condition] = {}
    caps: dict[str, int] = {}
    boosts: dict[str, float] = {}
    diversity: float = 0.0
    context: dict[str, Id | float | bool | None] = {}

    def conditions(self) -> dict[str, Any]:
        """Return `where` as `recommend` takes it."""
        return {
            name: (wanted.lowest, wanted.highest) if isinstance(wanted, Between) else wanted
            for name, wanted in self.where.items()
        }


class Event(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Somebody took an item, perhaps out of a list that a request got."""

    user: Id
    item: Id
    weight: Annotated[float, msgspec.Meta(ge=0)] | None = None
    time: Annotated[float, msgspec.Meta(ge=0, le=32_503_680_000)] | None = None
    """Seconds since 1970, to the year 3000."""
    request: Annotated[str, msgspec.Meta(min_length=1, max_length=512)] | None = None
    kind: str = "click"
    value: float = 0.0


class _Asks(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[Ask]


class _Events(msgspec.Struct, forbid_unknown_fields=True):
    events: list[Event]


_one, _many, _either = msgspec.json.Decoder(Ask), msgspec.json.Decoder(_Asks), msgspec.json.Decoder(dict)
_event, _events = msgspec.json.Decoder(Event), msgspec.json.Decoder(_Events)


def read_asks(body: bytes, media_type: str) -> tuple[list[Ask], bool]:
    """Read a body; tells as well whether it was one list alone, asked for without ``instances``.

    Raises
    ------
    Refused
        With 400, for a body that is not what it must be; the message says where.
    """
    if media_type == "text/csv":
        return [Ask(user=_id(line)) for line in _lines(body)], False
    if media_type == "application/jsonlines":
        return [_decoded(_one, line, f"line {at}: ") for at, line in enumerate(_lines(body), 1)], False
    if "instances" in _decoded(_either, body):
        return _decoded(_many, body).instances, False
    return [_decoded(_one, body)], True


def read_events(body: bytes, media_type: str) -> list[Event]:
    """Read events: an object, ``{"events": [...]}`` or JSON Lines.

    Raises
    ------
    Refused
        With 400, for a body that is not what it must be; the message says where.
    """
    if media_type == "application/jsonlines":
        return [_decoded(_event, line, f"line {at}: ") for at, line in enumerate(_lines(body), 1)]
    if "events" in _decoded(_either, body):
        return _decoded(_events, body).events
    return [_decoded(_event, body)]


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.strip()]


def _id(line: bytes) -> str:
    try:
        return line.decode().strip().removeprefix('"').removesuffix('"')
    except UnicodeDecodeError as error:
        raise Refused(400, f"Request body: it must be UTF-8. Got: {error.reason}.") from None


def _decoded(decoder: msgspec.json.Decoder[Any], text: bytes, where: str = "") -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, f"Request body: {where}{error}.") from None
