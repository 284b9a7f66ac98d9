"""``pairloom explain``: why a row scores as it does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact, load_artifact
from pairloom.cli.inputs import Input, asked_of, rows_for
from pairloom.cli.options import ContentType, Settings
from pairloom.cli.terminal import print_table
from pairloom.errors import UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.terms import score_terms
from pairloom.rows import RowBatch
from pairloom.tables import StringColumn, Table

__all__ = ["explain", "print_terms"]


def explain(
    model: Path,
    /,
    *values: str,
    rows: str | None = None,
    row: int = 1,
    top: int = 20,
    content_type: ContentType = None,
    reading: Settings = None,
) -> None:
    """Split the score of one row into its terms: the bias, each feature, each pair of features.

    The terms add up to the score exactly; for a classifier that is the log-odds.

    For example:

        pairloom explain model.tar.gz user=42 item=7
        pairloom explain model.tar.gz --rows test.libsvm --row 3

    Parameters
    ----------
    model
        A model.tar.gz that Pairloom saved.
    values
        NAME=VALUE of each raw column, for a model that was trained on raw columns.
    rows
        File, folder or glob to take the row from instead.
    row
        Which row of it, counted from 1.
    top
        Terms to show, the largest first.
    content_type
        Content type or format name of the rows. Default: by file ending.
    reading
        Option NAME=VALUE of the rows' format; may be repeated.
    """
    artifact = load_artifact(model)
    _machine_of(artifact)
    if (rows is None) == (not values):
        raise UserError("explain: must be given either NAME=VALUE words or --rows. Give one of them.")
    if rows is None:
        batch, index = _row_of_words(artifact, values), 0
    else:
        given = Input.parse(rows, content_type, reading, 1, asked_of(artifact))
        batch, index = _row_of_file(artifact, given, row)
    print_terms(artifact, batch, index, top)


def print_terms(artifact: Artifact, batch: RowBatch, index: int, top: int) -> None:
    """Print the largest terms of one row of a batch, and what they add up to."""
    terms = score_terms(_machine_of(artifact), batch, index)
    names = [_feature_name(artifact, column) for column in terms.features.tolist()]
    found = list(zip(names, terms.linear.tolist(), strict=True))
    pairs = zip(terms.pairs.tolist(), terms.interactions.tolist(), strict=True)
    found += [(f"{names[left]} x {names[right]}", value) for (left, right), value in pairs]
    found.sort(key=lambda term: -abs(term[1]))
    shown = [("bias", terms.bias), *found[:top]]
    if rest := found[top:]:
        shown.append((f"{len(rest)} smaller terms", sum(value for _, value in rest)))
    shown.append(("score", terms.score))
    print_table(["term", "adds"], [(name, f"{value:+.4f}") for name, value in shown], numbers=[1])


def _machine_of(artifact: Artifact) -> FactorizationMachine:
    if not isinstance(artifact.model, FactorizationMachinesModel):
        raise UserError(
            f"explain: must be given a factorization machine, whose score splits into terms. Got a model of "
            f"{artifact.algorithm}, whose answers have none. Use 'pairloom predict' for its answers."
        )
    return artifact.model.machine


def _feature_name(artifact: Artifact, column: int) -> str:
    if artifact.encoder is None:
        return f"feature {column}"
    return str(artifact.encoder.get_feature_names_out()[column])


def _row_of_words(artifact: Artifact, words: Sequence[str]) -> RowBatch:
    if artifact.encoder is None:
        raise UserError("explain: the model was trained on sparse rows. Give --rows instead of NAME=VALUE.")
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"explain: a raw column must be NAME=VALUE. Got {word!r}.")
        given[name] = value
    known = artifact.encoder.field_names_
    if unknown := [name for name in given if name not in known]:
        raise UserError(f"explain: raw columns must be out of {', '.join(known)}. Got {', '.join(unknown)}.")
    columns = {name: StringColumn.from_strings([given.get(name)]) for name in known}
    return next(artifact.encoder.encode(Table(columns, 1)))


def _row_of_file(artifact: Artifact, given: Input, row: int) -> tuple[RowBatch, int]:
    if row < 1:
        raise UserError(f"--row must be 1 or more. Got {row}.")
    before = 0
    for batch in rows_for(artifact, given, labelled=False)():
        if row <= before + batch.n_rows:
            return batch, row - before - 1
        before += batch.n_rows
    raise UserError(f"--row must be in [1, {before}], the rows of {given.source}. Got {row}.")
