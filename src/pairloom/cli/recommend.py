"""``pairloom recommend``: the items that suit users, best first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from pairloom.cli.terminal import print_table, say
from pairloom.errors import UserError
from pairloom.formats import write_tables
from pairloom.recommenders.model_file import load_recommender
from pairloom.recommenders.recommendations import Recommendations

__all__ = ["Words", "at_most_of", "recommend", "where_of"]

Words = Annotated[list[str] | None, Parameter(negative=(), consume_multiple=False)]


def recommend(
    model: Path,
    /,
    *,
    user: Words = None,
    history: str | None = None,
    like: str | None = None,
    top: int = 10,
    why: Annotated[bool, Parameter(negative=())] = False,
    seen: Annotated[bool, Parameter(negative=())] = False,
    block: str | None = None,
    where: Words = None,
    at_most: Words = None,
    diversity: float = 0.0,
    context: Words = None,
    all_users: Annotated[bool, Parameter(negative=())] = False,
    output: Path | None = None,
) -> None:
    """Recommend items to users, to a history, or like an item.

    For example:

        pairloom recommend recommender.tar.gz --user 42 --why
        pairloom recommend recommender.tar.gz --history 50,181,172 --top 5
        pairloom recommend recommender.tar.gz --user 42 --where genres=Drama --at-most genres=3
        pairloom recommend recommender.tar.gz --like 50
        pairloom recommend recommender.tar.gz --all-users --top 100 --output lists.parquet

    Parameters
    ----------
    model
        A recommender that `pairloom recommender fit` saved.
    user
        Id of a user; may be repeated. One who is unknown gets what is popular.
    history
        Ids of items, a comma between them, instead of a user: what somebody took.
    like
        Id of an item, instead of a user: show the items most like it.
    top
        Items for each.
    why
        Tell the reason of each item.
    seen
        Items that the user has may come again.
    block
        Ids of items that must not come, a comma between them.
    where
        COLUMN=VALUE of the items table that items must have; may be repeated.
    at_most
        COLUMN=NUMBER: no more items of each value of that column; may be repeated.
    diversity
        From 0, the best scores, to 1, the items most unlike one another.
    context
        COLUMN=VALUE of the request, such as weekday=Monday, for a model that was fitted with such columns; may be
        repeated.
    all_users
        Recommend to every user that the model knows.
    output
        Write the lists to this file (.csv, .jsonl, .parquet) instead of showing them.
    """
    if sum((user is not None, history is not None, like is not None, all_users)) != 1:
        raise UserError("recommend: must be given one of --user, --history, --like and --all-users.")
    loaded = load_recommender(model)
    if like is not None:
        found = loaded.similar_items(like, n=top)
    else:
        asked = loaded.users_.values(np.arange(len(loaded.users_))) if all_users else user
        found = loaded.recommend(
            asked,
            history=None if history is None else history.split(","),
            n=top,
            reasons=why,
            seen=seen,
            block=block.split(",") if block else (),
            where=where_of(where),
            caps=at_most_of(at_most),
            diversity=diversity,
            context=dict(_pair(word, "--context") for word in context or ()),
        )
    if output is not None:
        write_tables([found.to_table()], output)
        say(f"{len(found):,} rows written to {output}")
        return
    _show(found)


def where_of(words: Sequence[str] | None) -> dict[str, str]:
    """Read COLUMN=VALUE words; UserError for another."""
    return dict(_pair(word, "--where") for word in words or ())


def at_most_of(words: Sequence[str] | None) -> dict[str, int]:
    """Read COLUMN=NUMBER words; UserError for another."""
    return {name: _number(value) for name, value in (_pair(word, "--at-most") for word in words or ())}


def _show(found: Recommendations) -> None:
    rows = [{name: str(value) for name, value in row.items()} for row in found]
    for row, score in zip(rows, found.scores.tolist(), strict=True):
        row["score"] = f"{score:.4f}"
    names = list(found.to_dict())
    print_table(
        names,
        [[row[name] for name in names] for row in rows],
        numbers=[names.index("score"), names.index("rank")],
    )


def _pair(word: str, flag: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise UserError(f"{flag} must be COLUMN=VALUE. Got {word!r}.")
    return name, value


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UserError(f"--at-most must be COLUMN=NUMBER. Got {text!r}.")
    return int(text)
