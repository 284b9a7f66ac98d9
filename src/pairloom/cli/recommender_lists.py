"""``pairloom recommender lists``: the lists of all users, in a folder of Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pairloom.cli.recommend import Words, at_most_of, where_of
from pairloom.cli.terminal import progress, say
from pairloom.errors import UserError
from pairloom.recommenders.model_file import load_recommender

__all__ = ["lists"]


def lists(
    model: Path,
    /,
    *,
    output: Path,
    top: int = 100,
    seen: Annotated[bool, Parameter(negative=())] = False,
    block: str | None = None,
    where: Words = None,
    at_most: Words = None,
    diversity: float = 0.0,
    shard_users: int = 10_000,
    threads: int = 1,
) -> None:
    """Write the lists of all users that a recommender knows, and go on with what an earlier run left undone.

    For example:

        pairloom recommender lists recommender.tar.gz --output lists --top 100 --threads 2

    Parameters
    ----------
    model
        A recommender that `pairloom recommender fit` saved.
    output
        Folder of the files, with columns user, item, score and rank: new, or of an earlier run with the same model
        and options, whose files are kept.
    top
        Items for each user.
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
    shard_users
        Users in a file.
    threads
        Threads to work with.
    """
    if threads < 1:
        raise UserError(f"--threads must be 1 or more. Got {threads}.")
    loaded = load_recommender(model)
    loaded.n_jobs = threads
    with progress("users", len(loaded.users_)) as advance:
        made = loaded.recommend_all(
            output,
            n=top,
            seen=seen,
            block=block.split(",") if block else (),
            where=where_of(where),
            caps=at_most_of(at_most),
            diversity=diversity,
            shard_users=shard_users,
            on_progress=advance,
        )
    kept = f"; {made.n_kept:,} finished before" if made.n_kept else ""
    say(f"{made.n_rows:,} rows of {made.n_users:,} users written to {output}, {made.n_shards:,} files{kept}")
