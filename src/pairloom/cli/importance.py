"""What a factorization machine learned as a whole, printed: what moves scores, what is like what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact
from pairloom.cli.inputs import Input, rows_for
from pairloom.cli.terminal import Counted, print_table, say
from pairloom.errors import UserError
from pairloom.fm.importance import global_importance, nearest_features
from pairloom.fm.model import FactorizationMachine

__all__ = ["feature_name", "machine_of", "print_alike", "print_importance"]


def machine_of(artifact: Artifact) -> FactorizationMachine:
    """Return the machine; UserError for a model of another algorithm."""
    if not isinstance(artifact.model, FactorizationMachinesModel):
        raise UserError(
            f"explain: must be given a factorization machine, whose score splits into terms. Got a model of "
            f"{artifact.algorithm}, whose answers have none. Use 'pairloom predict' for its answers."
        )
    return artifact.model.machine


def feature_name(artifact: Artifact, column: int) -> str:
    """Return what a column stands for."""
    if artifact.encoder is None:
        return f"feature {column}"
    return str(artifact.encoder.get_feature_names_out()[column])


def print_importance(artifact: Artifact, given: Input, top: int, plot: Path | None) -> None:
    """Print, and draw, how far columns, their pairs and single features move the score over some rows."""
    encoder = artifact.encoder
    found = global_importance(
        machine_of(artifact),
        Counted(rows_for(artifact, given, labelled=False)()),
        fields=None if encoder is None else encoder.fields_,
        field_names=None if encoder is None else encoder.field_names_,
    )
    if plot is not None:
        from pairloom.plots import draw_importance

        draw_importance(found, plot)
    print_table(
        ["column or pair", "moves the score by", "adds on average"],
        [(term.name, f"{term.strength:.4f}", f"{term.mean:+.4f}") for term in found.terms()[:top]],
        numbers=[1, 2],
    )
    say("")
    print_table(
        ["feature", "rows", "linear", "size of interactions"],
        [
            (feature_name(artifact, f.feature), f"{f.count:,}", f"{f.linear:+.4f}", f"{f.interactions:.4f}")
            for f in found.features(top)
        ],
        numbers=[1, 2, 3],
    )
    if plot is not None:
        say(f"Drawn to {plot}")


def print_alike(artifact: Artifact, like: str, top: int) -> None:
    """Print the features of the same raw column whose factors point most nearly the same way."""
    column, among = _feature_of(artifact, like)
    found = nearest_features(machine_of(artifact), column, among=among, n=top)
    print_table(
        [f"like {feature_name(artifact, column)}", "cosine"],
        [(feature_name(artifact, other), f"{cosine:+.4f}") for other, cosine in found],
        numbers=[1],
    )


def _feature_of(artifact: Artifact, like: str) -> tuple[int, npt.NDArray[np.int32] | None]:
    name, equals, value = like.partition("=")
    if not equals:
        if not name.isdecimal():
            raise UserError(f"--like must be NAME=VALUE or the number of a column. Got {like!r}.")
        return int(name), None
    if artifact.encoder is None:
        raise UserError(f"--like must be the number of a column, for a model of sparse rows. Got {like!r}.")
    if name not in artifact.encoder.field_names_:
        known = ", ".join(artifact.encoder.field_names_)
        raise UserError(f"--like must name one of the raw columns {known}. Got {name!r}.")
    columns, labels = artifact.encoder.columns_of(name)
    if value not in labels:
        raise UserError(f"--like must be a value that column {name!r} had in training. Got {value!r}.")
    return int(columns[labels.index(value)]), columns
