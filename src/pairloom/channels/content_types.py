"""Which format the rows of a channel are in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pairloom.errors import DataError, UserError
from pairloom.formats.compression import split_ending
from pairloom.formats.registry import Format, by_content_type, by_ending

__all__ = ["choose_format"]

Chosen = tuple[str, dict[str, Any]]


def choose_format(owner: str, given: str | None, accepted: Sequence[str], paths: Sequence[Path]) -> Chosen:
    """Return the format's name and its options.

    Parameters
    ----------
    owner : str
        Begins the error.
    given : str, optional
        Content type of the job; its parameters go before those of the declaration.
    accepted : sequence of str
        Content types that the algorithm declares for the channel.
    paths : sequence of path
        Without `given`, their endings decide where they name an accepted format, else the first accepted type.

    Raises
    ------
    UserError
        If `given` is not accepted or has parameters that it cannot have.
    """
    declared = _declared(accepted)
    if given is None:
        known = _by_endings(paths, declared)
        return known or (declared[0][0].name, declared[0][1])
    try:
        known, options = by_content_type(given)
    except DataError as error:
        raise UserError(
            f"{owner}: content type must be {' or '.join(accepted)}. Got {given}. "
            "Correct it in the input configuration."
        ) from error
    for each, defaults in declared:
        if each is known:
            return known.name, defaults | options
    raise UserError(
        f"{owner}: content type must be {' or '.join(accepted)}. Got {given}. "
        "Convert the data, for example with: pairloom convert."
    )


def _declared(accepted: Sequence[str]) -> list[tuple[Format, dict[str, Any]]]:
    return [by_content_type(content_type) for content_type in accepted]


def _by_endings(paths: Sequence[Path], declared: list[tuple[Format, dict[str, Any]]]) -> Chosen | None:
    names: set[str] = set()
    for path in paths:
        try:
            names.add(by_ending(split_ending(path)[0], path.name)[0].name)
        except DataError:
            return None
    found = [(known.name, options) for known, options in declared if {known.name} == names]
    return found[0] if found else None
