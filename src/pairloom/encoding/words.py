"""An encoder as words name it, on the command line and in the hyperparameters of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pairloom.encoding.encoder import FeatureEncoder
from pairloom.encoding.kinds import READ_AS
from pairloom.encoding.relations import DaysSinceFirst, History, Related
from pairloom.encoding.specs import Bucket, Date, Id, Multi, Spec, Standard, Text
from pairloom.errors import UserError
from pairloom.tables import Table

__all__ = ["EncoderWords"]

SPECS: Mapping[str, type[Spec]] = {
    "id": Id,
    "multi": Multi,
    "bucket": Bucket,
    "standard": Standard,
    "date": Date,
    "text": Text,
}
TIMES = ("time", "timestamp")
TIME_BINS = 32


class EncoderWords:
    """What words say of an encoder.

    Parameters
    ----------
    keys : sequence of str
        Key columns that have a table.
    label, features, histories, time : str, optional
        As `pairloom.algorithms.raw_columns.RawColumns` declares them.

    Raises
    ------
    UserError
        For words that say nothing.
    """

    def __init__(
        self,
        keys: Sequence[str],
        *,
        label: str | None = None,
        features: str | None = None,
        histories: str | None = None,
        time: str | None = None,
    ) -> None:
        self.label, self._keys = label, list(keys)
        words = [_feature(word) for word in (features or "").split(",") if word.strip()]
        self._listed = None if features is None else words
        self._histories = [_history(word) for word in (histories or "").split(",") if word.strip()]
        self._time, _, unit = (time or "").partition(":")
        self._unit: Any = unit or "s"

    def table_columns(self, key: str) -> dict[str, Spec] | None:
        """Return the listed columns of a key's table; None for all."""
        if self._listed is None:
            return None
        prefix = f"{key}."
        listed = {name.removeprefix(prefix): spec for name, spec in self._listed if name.startswith(prefix)}
        return listed or None

    def table_reading(self, key: str) -> dict[str, Any]:
        """Say how `pairloom.formats.read_tables` should read a key's table: its `columns` and `kinds`."""
        listed = self.table_columns(key)
        if listed is None:
            return {}
        kinds = {name: READ_AS[type(spec)] for name, spec in listed.items()}
        return {"columns": list(dict.fromkeys([key, *listed])), "kinds": kinds}

    def encoder(self, columns: Sequence[str], tables: Mapping[str, Sequence[Table]]) -> FeatureEncoder:
        """Make the encoder.

        Parameters
        ----------
        columns : sequence of str
            Those of the training rows.
        tables : mapping of str to sequence of Table
            By key.
        """
        if self._listed is None:
            left_out = {self.label, self._time, *TIMES}
            specs: dict[str, Spec] = {name: Id() for name in columns if name not in left_out}
        else:
            prefixes = tuple(f"{key}." for key in self._keys)
            specs = {
                name: spec for name, spec in self._listed if name in columns or not name.startswith(prefixes)
            }
        histories: list[History | DaysSinceFirst] = list(self._histories)
        if self._time:
            specs[self._time] = Date(parts=(), bins=TIME_BINS, unit=self._unit)
            owners = dict.fromkeys([*self._keys, *(history.by for history in self._histories)])
            histories += [DaysSinceFirst(by=key, time=self._time, unit=self._unit) for key in owners]
        relations = [Related(tables[key], on=key, columns=self.table_columns(key)) for key in self._keys]
        return FeatureEncoder(specs, relations=relations, histories=histories)


def _feature(word: str) -> tuple[str, Spec]:
    name, _, kind = word.strip().partition(":")
    if kind and kind not in SPECS:
        raise UserError(
            f"features: a raw column must be NAME or NAME:KIND, KIND one of {', '.join(SPECS)}. Got {word!r}."
        )
    return name, SPECS[kind or "id"]()


def _history(word: str) -> History:
    key, colon, of = (part.strip() for part in word.partition(":"))
    if not (key and colon and of):
        raise UserError(f"histories: each must be KEY:OF, such as user:item. Got {word!r}.")
    return History(of=of, by=key)
