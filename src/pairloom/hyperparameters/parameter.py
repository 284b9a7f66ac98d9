"""What one hyperparameter is: its kind, range, default, tuning range and sentence."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

__all__ = ["Kind", "Parameter", "Tunable", "Undeclared", "Value", "param"]

T = TypeVar("T")
Value = int | float | bool | str | None
Kind = Literal["integer", "float", "boolean", "choice", "text"]
Scale = Literal["auto", "linear", "logarithmic", "reverse_logarithmic"]

KINDS: dict[object, Kind] = {int: "integer", float: "float", bool: "boolean", str: "text"}
CHOICE: list[Kind] = ["choice"]


@dataclass(frozen=True, slots=True)
class Tunable:
    """Range and scale that a tuner searches."""

    low: float
    high: float
    scale: Scale = "auto"


@dataclass(frozen=True, slots=True)
class Parameter:
    """The declaration of one hyperparameter.

    Parameters
    ----------
    name : str
        Attribute in Python.
    wire_name : str
        Name in jobs and files; differs from `name` only where Python forbids it or it starts with ``_``.
    kind : str
    choices : tuple of str
        Allowed words: all of them for a choice, those beside numbers (``auto``) for the other kinds.
    required, optional : bool
        Without a default; with None among its values.
    default : int, float, bool, str or None
    ge, gt, le, lt : float, optional
        Bounds.
    advised : tuple of two numbers, optional
        Range that makes sense, narrower than the allowed one.
    tunable : Tunable, optional
    doc : str
    hidden : bool
        Accepted, but left out of help and reference.
    may_change : bool
        Whether a training may go on from a checkpoint with another value: it asks for more, or costs time alone.
    """

    name: str
    wire_name: str
    kind: Kind
    choices: tuple[str, ...]
    required: bool
    optional: bool
    default: Value
    ge: float | None
    gt: float | None
    le: float | None
    lt: float | None
    advised: tuple[float, float] | None
    tunable: Tunable | None
    doc: str
    hidden: bool
    may_change: bool


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What `param` was given, until the class tells the name and the annotation."""

    arguments: dict[str, Any]

    def declare(self, name: str, annotation: object) -> Parameter:
        """Join the arguments with the attribute's name and type."""
        kind, choices, optional = _read_annotation(name, annotation)
        arguments = dict(self.arguments)
        required = "default" not in arguments
        default = arguments.pop("default", None)
        wire_name = arguments.pop("wire_name") or name
        tunable = arguments.pop("tunable")
        return Parameter(
            name, wire_name, kind, choices, required, optional, default,
            tunable=tunable and Tunable(*tunable), **arguments,
        )  # fmt: skip


@overload
def param(
    *,
    default: T,
    doc: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    advised: tuple[float, float] | None = None,
    tunable: tuple[float, float] | tuple[float, float, Scale] | None = None,
    wire_name: str | None = None,
    hidden: bool = False,
    may_change: bool = False,
) -> T: ...
@overload
def param(
    *,
    doc: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    advised: tuple[float, float] | None = None,
    tunable: tuple[float, float] | tuple[float, float, Scale] | None = None,
    wire_name: str | None = None,
    hidden: bool = False,
    may_change: bool = False,
) -> Any: ...
def param(
    *,
    doc: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    advised: tuple[float, float] | None = None,
    tunable: tuple[float, float] | tuple[float, float, Scale] | None = None,
    wire_name: str | None = None,
    hidden: bool = False,
    may_change: bool = False,
    **default: Any,
) -> Any:
    """Declare a hyperparameter as an attribute of a `Hyperparameters` class.

    The annotation gives the kind: ``int``, ``float``, ``bool``, ``str`` or ``Literal["a", "b"]``, joined with
    ``None`` where it may be left open and with ``Literal["auto"]`` where a word stands beside numbers.
    Without `default` it is required. The other arguments are those of `Parameter`.
    """
    return Undeclared(
        dict(doc=doc, ge=ge, gt=gt, le=le, lt=lt, advised=advised, tunable=tunable, wire_name=wire_name,
             hidden=hidden, may_change=may_change, **default)
    )  # fmt: skip


def _read_annotation(name: str, annotation: object) -> tuple[Kind, tuple[str, ...], bool]:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    members = typing.get_args(annotation) if is_union else (annotation,)
    choices = tuple(c for m in members if typing.get_origin(m) is Literal for c in typing.get_args(m))
    kinds: list[Kind] = [KINDS[m] for m in members if m in KINDS]
    others = [
        m for m in members if m not in KINDS and m is not type(None) and typing.get_origin(m) is not Literal
    ]
    if others or len(kinds) > 1 or not (kinds or choices) or not all(isinstance(c, str) for c in choices):
        raise TypeError(f"hyperparameter {name!r} cannot be declared as {annotation!r}")
    return (kinds or CHOICE)[0], choices, type(None) in members
