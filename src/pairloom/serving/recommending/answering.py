"""Lists of a recommender as bytes: one scoring path for users, sessions and items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pairloom.errors import UserError
from pairloom.recommenders.recommendations import Recommendations
from pairloom.recommenders.recommender import Recommender
from pairloom.serving.accept import negotiated
from pairloom.serving.recommending.requests import Ask, read_asks
from pairloom.serving.refused import Refused
from pairloom.serving.scoring import Answer

if TYPE_CHECKING:
    from pairloom.serving.recommending.shown import ShownLists

__all__ = ["RecommenderScorer", "media_type_of"]

OFFERED = ("application/json", "application/jsonlines", "text/csv")
SPELLINGS = {
    "": "application/json",
    "application/x-jsonlines": "application/jsonlines",
    "application/jsonl": "application/jsonlines",
    "application/x-ndjson": "application/jsonlines",
}


_List = tuple[Recommendations, str | None]


class RecommenderScorer:
    """Answers requests for lists.

    ``{"user": 42, "n": 10}`` and ``{"history": [50, 181]}`` get ``{"items": [{"item": 7, "score": 0.5, "rank": 1}]}``,
    up to n of them; ``{"item": 50}`` gets the items most like one. ``{"instances": [...]}`` holds several and gets
    ``{"predictions": [...]}``, JSON Lines one a line. CSV holds a user a line and gets the ids of the items in a line.

    Parameters
    ----------
    recommender : Recommender
        Fitted. Another may take its place at any time: ``scorer.recommender = other``.
    default_accept : str
        ``Accept`` of requests that have none. Default: JSON, or the content type of the request.
    shown : ShownLists, optional
        Logs every list for a user or a history, which then has a ``request_id``.
    """

    inline = True

    def __init__(
        self, recommender: Recommender, *, default_accept: str = "", shown: ShownLists | None = None
    ) -> None:
        self.recommender = recommender
        self._shown = shown
        self.default_accept = default_accept
        negotiated(default_accept, OFFERED)
        recommender.recommend(history=[], n=1)  # what is imported at the first call is imported now

    def answer(self, body: bytes, *, content_type: str = "", accept: str = "") -> Answer:
        """Answer a request; see `pairloom.serving.scoring.Answering`.

        Raises
        ------
        Refused
            With 406 or 415 for a type that is not known, 400 for a body that cannot be read or asks for what there is
            not.
        """
        media_type = media_type_of(content_type)
        wanted = accept or self.default_accept
        answered_as = negotiated(wanted, OFFERED) if wanted else media_type
        if not body:
            raise Refused(400, 'Request body: expected such as {"user": 42, "n": 10}. Got no bytes.')
        asks, alone = read_asks(body, media_type)
        if not asks:
            raise Refused(400, "Request body: expected at least one user, history or item. Got none.")
        recommender = self.recommender
        found: list[_List] = []
        for place, ask in enumerate(asks):
            try:
                found.append(self._list(recommender, ask))
            except UserError as error:
                raise Refused(
                    400, f"Request body: {'' if alone else f'instance {place + 1}: '}{error}"
                ) from error
        return Answer(_written(found, answered_as, alone=alone), answered_as, len(found))

    def _list(self, recommender: Recommender, ask: Ask) -> _List:
        given = [name for name in ("user", "history", "item") if getattr(ask, name) is not None]
        if len(given) != 1:
            got = " and ".join(f"'{name}'" for name in given) or "none of them"
            raise UserError(f"one of 'user', 'history' and 'item' must be given. Got {got}.")
        if ask.item is not None:
            return recommender.similar_items(ask.item, ask.n), None
        if self._shown is None:
            return _recommended(recommender, ask, ask.n), None
        return self._shown.show(ask, lambda n: _recommended(recommender, ask, n))


def media_type_of(content_type: str) -> str:
    """Return the media type of a header ``Content-Type``; Refused with 415 for one that is not known."""
    name = content_type.partition(";")[0].strip().lower()
    known = SPELLINGS.get(name, name)
    if known not in OFFERED:
        raise Refused(415, f"Content-Type must be one of {', '.join(OFFERED)}. Got '{content_type[:200]}'.")
    return known


def _recommended(recommender: Recommender, ask: Ask, n: int) -> Recommendations:
    return recommender.recommend(
        ask.user, history=ask.history, context=ask.context, n=n, reasons=ask.reasons, seen=ask.seen,
        block=ask.block, only=ask.only, where=ask.conditions(), caps=ask.caps, boosts=ask.boosts,
        diversity=ask.diversity,
    )  # fmt: skip


def _written(found: list[_List], content_type: str, *, alone: bool) -> bytes:
    if content_type == "text/csv":
        return b"".join(_csv_line(each) for each, _ in found)
    lists: list[dict[str, Any]] = [
        {"items": _rows(each)} if request is None else {"request_id": request, "items": _rows(each)}
        for each, request in found
    ]
    if content_type == "application/jsonlines":
        return b"".join(msgspec.json.encode(each) + b"\n" for each in lists)
    return msgspec.json.encode(lists[0] if alone else {"predictions": lists})


def _rows(found: Recommendations) -> list[dict[str, Any]]:
    rows = list(found)
    for row, score in zip(rows, found.scores, strict=True):
        row["score"] = float(str(score))  # the shortest that reads back equal as float32
    return rows


def _csv_line(found: Recommendations) -> bytes:
    words = [str(item) for item in found.items.tolist()]
    quoted = ['"' + word.replace('"', '""') + '"' if set(word) & set(',"\r\n') else word for word in words]
    return ",".join(quoted).encode() + b"\n"
