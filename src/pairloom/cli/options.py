"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated

from cyclopts import Parameter

from pairloom.errors import UserError

__all__ = ["ContentType", "Settings", "Threads", "Told", "option_names", "settings", "told_values"]

ContentType = Annotated[
    str | None,
    Parameter(help="Content type or format name, such as 'text/csv; label_size=1'. Default: by file ending."),
]
Threads = Annotated[int, Parameter(name="--threads", help="Threads to work with.")]
Settings = Annotated[
    list[str] | None,
    Parameter(negative=(), consume_multiple=False, help="Option NAME=VALUE of the format; may be repeated."),
]
Told = Annotated[
    list[str] | None,
    Parameter(
        negative=(),
        consume_multiple=False,
        help="Hyperparameter NAME=VALUE that a model from SageMaker does not tell; may be repeated.",
    ),
]

SETTLED = {"stream", "batches", "tables", "source", "n_threads", "n_features", "columns", "kinds"}
"""Arguments of readers and writers that are no options of a format."""
WORDS: dict[str, bool | None] = {"true": True, "false": False, "none": None}


def settings(words: Sequence[str] | None, flag: str, *operations: Callable[..., object]) -> dict[str, object]:
    """Read ``NAME=VALUE`` words; numbers, true, false, none and lists (``a,b``) become what they say.

    Parameters
    ----------
    words : sequence of str
    flag : str
        The option they were given to, for messages.
    *operations : callable
        The readers or writers they may be for; their keyword arguments are the names that are allowed.

    Raises
    ------
    UserError
        For a word without ``=`` or an unknown name.
    """
    known = list(dict.fromkeys(name for operation in operations for name in option_names(operation)))
    return dict(_setting(word, flag, known) for word in words or ())


def told_values(words: Sequence[str] | None) -> dict[str, str]:
    """Read ``--told`` words; UserError for one without ``=``."""
    parted = [word.partition("=") for word in words or ()]
    for name, equals, _ in parted:
        if not equals:
            raise UserError(f"--told must be NAME=VALUE. Got {name!r}.")
    return {name.strip(): value.strip() for name, _, value in parted}


def option_names(operation: Callable[..., object]) -> list[str]:
    """List the options of a format that a reader or writer takes."""
    return [name for name in inspect.signature(operation).parameters if name not in SETTLED]


def _setting(word: str, flag: str, known: Sequence[str]) -> tuple[str, object]:
    name, equals, value = word.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise UserError(f"{flag} must be NAME=VALUE. Got {word!r}.")
    if name not in known:
        raise UserError(f"{flag} must be one of {', '.join(known)}. Got {name!r}.")
    return name, _value(value.strip())


def _value(text: str) -> object:
    if len(text) > 1 and "," in text:
        return text.split(",")
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
