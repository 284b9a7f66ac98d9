"""Channels of raw columns: an encoder is learned from ``train``, joined with the channels that hold tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pairloom.algorithms.contract import Channel, RowSource
from pairloom.algorithms.raw_columns import RawColumns
from pairloom.channels import ChannelRows
from pairloom.errors import UserError

if TYPE_CHECKING:
    from pairloom.encoding import FeatureEncoder

__all__ = ["RawChannels", "raw_channels", "without_raw_columns"]

TABLE_TYPES = ("text/csv", "text/tab-separated-values", "application/jsonlines", "application/x-parquet")
TABLE = "A table with a row for every value of a key column. Pairloom's own."


@dataclass(frozen=True, slots=True)
class RawChannels:
    """What a job says of raw columns.

    Parameters
    ----------
    asked : RawColumns
    table_of : mapping of str to str
        Channel of each key's table.
    """

    asked: RawColumns
    table_of: Mapping[str, str]

    @property
    def declared(self) -> tuple[Channel, ...]:
        """The channels that hold tables."""
        return tuple(Channel(name, True, TABLE_TYPES, ("File",), TABLE) for name in self.table_of.values())

    def encoded(
        self, sources: Mapping[str, ChannelRows], tables: Mapping[str, ChannelRows]
    ) -> tuple[dict[str, RowSource], FeatureEncoder]:
        """Learn the encoder from channel ``train``, and return all channels through it.

        Parameters
        ----------
        sources : mapping of str to ChannelRows
            The algorithm's channels.
        tables : mapping of str to ChannelRows
            The channels that hold tables.
        """
        from pairloom.encoding import EncodedRows  # brings libraries that rows of numbers need not
        from pairloom.encoding.words import EncoderWords

        asked = self.asked
        words = EncoderWords(
            list(self.table_of), label=asked.pairloom_label, features=asked.pairloom_features,
            histories=asked.pairloom_histories, time=asked.pairloom_time,
        )  # fmt: skip
        read = {
            key: list(tables[name].tables(**words.table_reading(key))) for key, name in self.table_of.items()
        }
        train = sources["train"]
        columns = _columns(train) if self.asked.pairloom_features is None else []
        encoder = words.encoder(columns, read)
        reading: dict[str, Any] = encoder.reading()
        encoder.fit(train.tables(**reading))
        encoded: dict[str, RowSource] = {
            name: EncodedRows(source.tables, encoder, words.label, name == "train")
            for name, source in sources.items()
        }
        return encoded, encoder


def raw_channels(
    given: Mapping[str, str], channels: Mapping[str, object], n_hosts: int
) -> RawChannels | None:
    """Return what the hyperparameters of a job say of raw columns; None where they say nothing.

    Raises
    ------
    UserError
        For words that cannot be, a table without its channel, or several hosts.
    """
    names = {parameter.wire_name for parameter in RawColumns.parameters}
    asked = RawColumns.parse({name: value for name, value in given.items() if name in names})
    if not asked.are_asked:
        return None
    if n_hosts > 1:
        raise UserError(
            f"Raw columns: an encoder is learned on one host. Got {n_hosts}. Ask for an instance count of 1, or give "
            "rows of numbers."
        )
    table_of = asked.channels(list(channels))
    for key, name in table_of.items():
        if name not in channels:
            raise UserError(
                f"Raw columns: channel '{name}' must be there, for 'pairloom_tables' names it for {key!r}. "
                f"Got {', '.join(channels)}. Add it or change the word."
            )
    return RawChannels(asked, table_of)


def without_raw_columns(given: Mapping[str, str]) -> dict[str, str]:
    """Return the hyperparameters that are the algorithm's own."""
    names = {parameter.wire_name for parameter in RawColumns.parameters}
    return {name: value for name, value in given.items() if name not in names}


def _columns(train: ChannelRows) -> Sequence[str]:
    with closing(train.tables()) as tables:
        return list(next(tables).columns)
