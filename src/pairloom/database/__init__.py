"""Where the service keeps its state: one document store on SQLite (default) or PostgreSQL.

A `Resource` is one row: a few columns that lists filter and sort by, and a JSON document. `Database.open` brings the
schema up to date; `transaction` writes, `snapshot` reads, `changed` waits for somebody else's commit.

    with database.transaction() as t:
        t.insert(Resource("training-job", "fm-1", arn, "InProgress", document={"Epochs": "10"}))
"""

from pairloom.database.changes import Change, Changes
from pairloom.database.database import Database
from pairloom.database.pages import place_after
from pairloom.database.resource import Metric, Page, Resource
from pairloom.database.transaction import Transaction

__all__ = ["Change", "Changes", "Database", "Metric", "Page", "Resource", "Transaction", "place_after"]
