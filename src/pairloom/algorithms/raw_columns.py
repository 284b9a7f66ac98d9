"""What any algorithm can be asked beside its own hyperparameters: to learn from raw columns, joined with tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pairloom.errors import UserError
from pairloom.hyperparameters import Hyperparameters, param

__all__ = ["TABLE_KEYS", "RawColumns"]

TABLE_KEYS: Mapping[str, str] = {"users": "user", "items": "item"}
"""Tables that need no words: the key column that each is joined on."""


class RawColumns(Hyperparameters, owner="Raw columns"):
    """How raw columns become rows: what any algorithm can be asked beside its own hyperparameters."""

    pairloom_label: str | None = param(
        default=None,
        doc="Raw column of the label. Given, or with pairloom_features, channels hold raw columns such as user, item "
        "and rating, which an encoder inside the model turns into rows.",
    )
    pairloom_features: str | None = param(
        default=None,
        doc="Raw columns to learn from, such as user,item,genres:multi; of a table, user.age:bucket. Kinds: id (where "
        "none is named), multi (a|b|c), bucket, standard, date, text. Left open: all but the label and times, and all "
        "of every table.",
    )
    pairloom_tables: str | None = param(
        default=None,
        doc="Tables to join, as KEY=CHANNEL,...: a channel with a row for every value of column KEY. Left open: "
        "user=users and item=items, where these channels are there.",
    )
    pairloom_histories: str | None = param(
        default=None,
        doc="Histories, as KEY:OF,...: user:item gives rows the set of items that their user has in the training data.",
    )
    pairloom_time: str | None = param(
        default=None,
        doc="Column of times, NAME or NAME:UNIT (s, ms, us, ns or D since 1970; text is ISO 8601): rows get its bin, "
        "and the days since the first row of every key that has a table or a history.",
    )

    @property
    def are_asked(self) -> bool:
        """Whether channels hold raw columns."""
        return any(self.to_strings().get(p.wire_name) for p in self.parameters)

    def channels(self, given: Sequence[str]) -> dict[str, str]:
        """Return the channel of each key's table, out of those that are given."""
        if self.pairloom_tables is None:
            return {key: name for name, key in TABLE_KEYS.items() if name in given}
        return dict(_pair(word) for word in self.pairloom_tables.split(","))


def _pair(word: str) -> tuple[str, str]:
    key, equals, channel = (part.strip() for part in word.partition("="))
    if not (key and equals and channel):
        raise UserError(f"Raw columns: 'pairloom_tables' must be KEY=CHANNEL,... Got {word!r}.")
    return key, channel
