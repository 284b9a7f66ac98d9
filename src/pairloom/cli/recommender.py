"""``pairloom recommender``: fit one on interactions, or compare all of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from pairloom.cli.inputs import Input
from pairloom.cli.options import ContentType, Settings, settings
from pairloom.cli.recommender_lists import lists
from pairloom.cli.terminal import print_table, say
from pairloom.errors import UserError
from pairloom.recommenders.catalogue import recommender_names, recommender_type
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.evaluation import compare as compare_recommenders
from pairloom.recommenders.evaluation import leave_last_out, split_by_time, split_by_user
from pairloom.recommenders.interactions import Columns
from pairloom.recommenders.model_file import save_recommender
from pairloom.tables import Table

__all__ = ["recommender"]

HELP = """Fit a recommender on who took what, or compare all of them on held-out interactions.

For example:

    pairloom recommender fit ratings.csv --model ease --output recommender.tar.gz
    pairloom recommend recommender.tar.gz --user 42 --why
    pairloom recommender lists recommender.tar.gz --output lists --top 100
    pairloom recommender compare ratings.csv --time timestamp --split time --model ease --model popularity
"""

recommender = App(name="recommender", help=HELP)
recommender.command(lists)
SHOWN = ("recall", "ndcg", "mrr", "hit_rate", "coverage", "fit", "behind the best")
User = Annotated[str, Parameter(help="Column of the user.")]
Item = Annotated[str, Parameter(help="Column of the item.")]
Weight = Annotated[str | None, Parameter(help="Column of how much an interaction counts. Default: 1 each.")]
Time = Annotated[str | None, Parameter(help="Column of when it happened.")]
Items = Annotated[
    str | None,
    Parameter(
        help="File with one row an item, in the same column of ids; a column title names items in reasons."
    ),
]
Users = Annotated[str | None, Parameter(help="File with one row a user, in the same column of ids.")]


@recommender.command
def fit(
    interactions: str,
    /,
    *,
    model: str = "item-to-item",
    items: Items = None,
    users: Users = None,
    output: Path = Path("recommender.tar.gz"),
    user: User = "user",
    item: Item = "item",
    weight: Weight = None,
    time: Time = None,
    content_type: ContentType = None,
    reading: Settings = None,
    parameters: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            negative=(),
            consume_multiple=False,
            help="Parameter NAME=VALUE of the model, as its class has it; may be repeated.",
        ),
    ] = None,
    threads: int = 1,
) -> None:
    """Fit a recommender and save it.

    For example:

        pairloom recommender fit ratings.csv --items films.csv --output recommender.tar.gz
        pairloom recommender fit ratings.csv --model implicit-als --set n_factors=128 --set epochs=20 --threads 2

    Parameters
    ----------
    interactions
        File, folder or glob with one row an event.
    model
        Name of the model; an unknown one is answered with all there are.
    output
        The file to write.
    content_type
        Content type or format name of the interactions. Default: by file ending.
    reading
        Option NAME=VALUE of the format; may be repeated.
    threads
        Threads to work with.
    """
    columns = Columns(user, item, weight, time)
    made = _made(model, columns, threads, parameters)
    made.fit(
        Input.parse(interactions, content_type, reading, threads).tables(),
        users=None if users is None else Input.parse(users, None, None, threads).tables(),
        items=None if items is None else Input.parse(items, None, None, threads).tables(),
    )
    save_recommender(made, output)
    say(
        f"{model} of {len(made.users_):,} users, {len(made.items_):,} items and {len(made.histories_.items):,} pairs "
        f"saved to {output}"
    )
    if isinstance(made, EmbeddingRecommender):
        say(f"items are found by {made.index_!r}")


@recommender.command
def compare(
    interactions: str,
    /,
    *,
    split: Literal["user", "time", "last"] = "user",
    model: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=False)] = None,
    top: int = 20,
    metric: str = "ndcg",
    items: Items = None,
    users: Users = None,
    report: Path | None = None,
    user: User = "user",
    item: Item = "item",
    weight: Weight = None,
    time: Time = None,
    content_type: ContentType = None,
    reading: Settings = None,
    threads: int = 1,
) -> None:
    """Fit recommenders on a part of the interactions and measure them on the rest, over the full catalogue.

    For example:

        pairloom recommender compare ratings.csv --time timestamp --split time --report leaderboard.html

    Parameters
    ----------
    interactions
        File, folder or glob with one row an event.
    split
        Held out is a fifth of each user's items (user), the latest fifth of all events (time) or each user's last
        item (last).
    model
        Name of a model; may be repeated. Default: all that what is given suffices for.
    top
        Length of the lists.
    metric
        What the table is ordered by: recall, precision, ndcg, map, mrr or hit_rate.
    report
        Write the whole table with a picture to this .html, or draw it to this .png or .svg.
    content_type
        Content type or format name of the interactions. Default: by file ending.
    reading
        Option NAME=VALUE of the format; may be repeated.
    threads
        Threads to work with.
    """
    columns = Columns(user, item, weight, time)
    table = Input.parse(interactions, content_type, reading, threads).tables()
    if split == "time":
        parts = split_by_time(table, columns=columns)
    elif split == "last":
        parts = leave_last_out(table, columns=columns)
    else:
        parts = split_by_user(table, columns=columns)
    made = {name: _made(name, Columns(), threads) for name in model or recommender_names()}
    for name, why in _cannot_be_fitted(made, items).items():
        del made[name]
        say(f"{name} is left out: it needs {why}")
    tables = {
        "users": None if users is None else _renamed(users, user, "user", threads),
        "items": None if items is None else _renamed(items, item, "item", threads),
    }
    board = compare_recommenders(made, parts, n=top, metric=metric, **tables)
    shown = [f"{metric}@{top}", *(name for name in SHOWN if name != metric)]
    print_table(
        ["model", *shown],
        [[row[name] for name in ("model", *shown)] for row in board.rows()],
        title=parts.name,
    )
    if report is not None:
        board.save(report)
        say(f"Report written to {report}")


def _cannot_be_fitted(made: Mapping[str, Any], items: str | None) -> dict[str, str]:
    """Tell what models lack: a table of items, or a library."""
    lacking: dict[str, str] = {}
    for name, model in made.items():
        if model.needs_items and items is None:
            lacking[name] = "--items"
        elif model.library is not None and find_spec(model.library) is None:
            lacking[name] = f"the extra {model.library}"
    return lacking


def _renamed(source: str, name: str, usual: str, threads: int) -> list[Table]:
    """Read a table whose column of ids is called as in a split."""
    tables = Input.parse(source, None, None, threads).tables()
    return [
        Table(
            {usual if column == name else column: values for column, values in table.columns.items()},
            table.n_rows,
        )
        for table in tables
    ]


def _made(name: str, columns: Columns, threads: int, parameters: list[str] | None = None) -> Any:
    if threads < 1:
        raise UserError(f"--threads must be 1 or more. Got {threads}.")
    kind = recommender_type(name)
    try:
        made = kind(**settings(parameters, "--set", kind))
    except TypeError as error:
        raise UserError(f"--set: {' '.join(parameters or ())} is not what {name} takes: {error}.") from error
    made.columns, made.n_jobs = columns, threads
    return made
