"""How the container of an algorithm differs from those of SageMaker's other built-in algorithms.

An algorithm that differs declares ``conventions`` beside what `pairloom.algorithms.contract.Algorithm` asks for;
the others say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pairloom.algorithms.contract import Algorithm, check_channels
from pairloom.errors import UserError

__all__ = ["Conventions", "check_channels_of", "conventions_of", "reading_options_of"]


@dataclass(frozen=True, slots=True)
class Conventions:
    """What may differ.

    Parameters
    ----------
    log_form : "quality" or "evaluation"
        How a pass is written into the log: a ``#quality_metric`` line for each metric, or one line
        ``[0]#011train-rmse:0.7#011validation-rmse:0.8`` for all.
    refused_channels : mapping of str to str
        Channels of SageMaker's algorithm that this one does not read, and the sentence that says why.
    """

    log_form: Literal["quality", "evaluation"] = "quality"
    refused_channels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


USUAL = Conventions()


def check_channels_of(algorithm: type[Algorithm], given: Mapping[str, object]) -> None:
    """Refuse channels that an algorithm does not read, and the absence of required ones.

    Raises
    ------
    UserError
        With the reason, where the algorithm gives one.
    """
    owner = algorithm.hyperparameters_type.owner
    for name, reason in conventions_of(algorithm).refused_channels.items():
        if name in given:
            raise UserError(f"{owner}: channel '{name}' must be left out: {reason}")
    check_channels(owner, algorithm.channels, given)


def reading_options_of(asked: Algorithm, format_name: str) -> dict[str, object]:
    """Return options that an algorithm's hyperparameters set for reading files of a format.

    An algorithm that has such hyperparameters has a method ``reading_options(format_name)``.
    """
    own = getattr(asked, "reading_options", None)
    return {} if own is None or isinstance(asked, type) else own(format_name)


def conventions_of(algorithm: type[Any]) -> Conventions:
    """Return what an algorithm declares, or what is usual."""
    return getattr(algorithm, "conventions", USUAL)
