"""``pairloom explain``: why a row scores as it does, what moves all scores, what is like what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pairloom.artifact import Artifact, load_artifact
from pairloom.cli.importance import feature_name, machine_of, print_alike, print_importance
from pairloom.cli.inputs import Input, asked_of, rows_for
from pairloom.cli.options import ContentType, Settings
from pairloom.cli.terminal import print_table
from pairloom.errors import UserError
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
    all_rows: Annotated[bool, Parameter(negative=())] = False,
    like: str | None = None,
    top: int = 20,
    plot: Path | None = None,
    content_type: ContentType = None,
    reading: Settings = None,
) -> None:
    """Split the score of one row into its terms: the bias, each feature, each pair of features.

    The terms add up to the score exactly; for a classifier that is the log-odds. With --all-rows: how far each column,
    each pair of columns and each feature moves the score over many rows. With --like: what the model treats alike.

    For example:

        pairloom explain model.tar.gz user=42 item=7
        pairloom explain model.tar.gz --rows test.libsvm --row 3
        pairloom explain model.tar.gz --rows ratings.csv --all-rows --plot importance.png
        pairloom explain model.tar.gz --like item=50

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
    all_rows
        Tell what moves the score over all rows, instead of the terms of one.
    like
        NAME=VALUE, or the number of a column counted from 0: show the features of the same raw column whose factors
        point most nearly the same way.
    top
        Terms to show, the largest first.
    plot
        Draw what --all-rows finds to this .png, .svg or .pdf.
    content_type
        Content type or format name of the rows. Default: by file ending.
    reading
        Option NAME=VALUE of the rows' format; may be repeated.
    """
    artifact = load_artifact(model)
    machine_of(artifact)
    if like is not None:
        print_alike(artifact, like, top)
        return
    if all_rows:
        if rows is None:
            raise UserError(
                "explain: --all-rows must come with --rows. Got none. Give rows as they occur in use."
            )
        print_importance(artifact, Input.parse(rows, content_type, reading, 1, asked_of(artifact)), top, plot)
        return
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
    terms = score_terms(machine_of(artifact), batch, index)
    names = [feature_name(artifact, column) for column in terms.features.tolist()]
    found = list(zip(names, terms.linear.tolist(), strict=True))
    pairs = zip(terms.pairs.tolist(), terms.interactions.tolist(), strict=True)
    found += [(f"{names[left]} x {names[right]}", value) for (left, right), value in pairs]
    for members, adds in terms.higher.values():
        together = zip(members.tolist(), adds.tolist(), strict=True)
        found += [(" x ".join(names[place] for place in places), value) for places, value in together]
    found.sort(key=lambda term: -abs(term[1]))
    shown = [("bias", terms.bias), *found[:top]]
    if rest := found[top:]:
        shown.append((f"{len(rest)} smaller terms", sum(value for _, value in rest)))
    shown.append(("score", terms.score))
    print_table(["term", "adds"], [(name, f"{value:+.4f}") for name, value in shown], numbers=[1])


def _row_of_words(artifact: Artifact, words: Sequence[str]) -> RowBatch:
    if artifact.encoder is None:
        raise UserError("explain: the model was trained on sparse rows. Give --rows instead of NAME=VALUE.")
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"explain: a raw column must be NAME=VALUE. Got {word!r}.")
        given[name] = value
    known = artifact.encoder.reading()["columns"]
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
