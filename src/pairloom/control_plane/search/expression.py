"""Whether a record matches a search expression.

A property is named by its path, ``ResourceConfig.InstanceType``; lists on the way stand for each of their elements.
``Tags.KEY`` is the value of a tag, ``Metrics.NAME`` the last value of a metric, ``HyperParameters.NAME`` a number where
it reads as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from pairloom.control_plane.wire.errors import AwsError

__all__ = ["ALIASES", "check_names", "matches"]

Expression = Mapping[str, Any]

ALIASES = {"Metrics": "FinalMetricDataList", "Hyperparameters": "HyperParameters"}
MAX_DEPTH = 20

ORDERS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqualTo": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqualTo": lambda a, b: a <= b,
}


def matches(expression: Expression, record: Mapping[str, Any]) -> bool:
    """Whether a record matches; an expression that says nothing matches all."""
    found = [_holds(condition, record) for condition in expression.get("Filters", ())]
    found += [_nested(nested, record) for nested in expression.get("NestedFilters", ())]
    found += [matches(inner, record) for inner in expression.get("SubExpressions", ())]
    return (any if expression.get("Operator") == "Or" and found else all)(found)


def check_names(expression: Expression, known: frozenset[str], *, depth: int = 0) -> None:
    """Refuse properties that no record has, and expressions too deep.

    Raises
    ------
    AwsError
    """
    if depth > MAX_DEPTH:
        raise AwsError(
            "ValidationException", f"SubExpressions can be nested {MAX_DEPTH} deep. Nest them less."
        )
    for nested in expression.get("NestedFilters", ()):
        _check_name(nested["NestedPropertyName"], known)
        for condition in nested["Filters"]:
            _check_name(condition["Name"], known)
    for condition in expression.get("Filters", ()):
        _check_name(condition["Name"], known)
    for inner in expression.get("SubExpressions", ()):
        check_names(inner, known, depth=depth + 1)


def _check_name(name: str, known: frozenset[str]) -> None:
    first = name.partition(".")[0]
    if ALIASES.get(first, first) not in known:
        raise AwsError(
            "ValidationException",
            f"Unknown property name: {name}. It must begin with one of {', '.join(sorted(known))}.",
        )


def _nested(nested: Expression, record: Mapping[str, Any]) -> bool:
    """Whether one element of the list meets all conditions, which name the list or begin below it."""
    path: str = nested["NestedPropertyName"]
    elements = [
        e
        for found in _values(record, path.split("."), whole=True)
        for e in (found if isinstance(found, list) else [found])
    ]
    prefix = f"{path}."
    conditions = [{**c, "Name": c["Name"].removeprefix(prefix)} for c in nested["Filters"]]
    return any(
        isinstance(element, dict) and all(_holds(c, cast("Expression", element)) for c in conditions)
        for element in elements
    )


def _holds(condition: Expression, record: Mapping[str, Any]) -> bool:
    operator, wanted = condition.get("Operator", "Equals"), condition.get("Value")
    values = [*_values(record, condition["Name"].split("."))]
    if operator in ("Exists", "NotExists"):
        return bool(values) == (operator == "Exists")
    if wanted is None:
        raise AwsError(
            "ValidationException", f"Operator {operator} needs a Value. Got none for {condition['Name']}."
        )
    if operator == "Equals":
        return any(_equal(value, wanted) for value in values)
    if operator == "NotEquals":
        return not any(_equal(value, wanted) for value in values)
    if operator == "Contains":
        return any(wanted in value for value in values if isinstance(value, str))
    if operator == "In":
        return any(_equal(value, one.strip()) for value in values for one in wanted.split(","))
    limit = _number(wanted)
    numbers = [number for value in values if (number := _number(value)) is not None]
    return limit is not None and any(ORDERS[operator](number, limit) for number in numbers)


def _values(value: Any, path: list[str], *, whole: bool = False) -> Iterator[Any]:
    """Yield what a path leads to: scalars, or (`whole`) whatever is there."""
    if isinstance(value, list) and not (whole and not path):
        for element in cast("list[Any]", value):
            yield from _values(*_entry(element, path), whole=whole)
    elif isinstance(value, dict):
        if not path:
            if whole:
                yield value
            return
        members = cast("dict[str, Any]", value)
        first = path[0] if path[0] in members else ALIASES.get(path[0], path[0])
        rest = ".".join(path)
        if first in members:
            yield from _values(members[first], path[1:], whole=whole)
        elif rest in members:  # a name with dots, of a hyperparameter
            yield from _values(members[rest], [], whole=whole)
    elif not path and value is not None:
        yield value


def _entry(element: Any, path: list[str]) -> tuple[Any, list[str]]:
    """Take a path into an element of a list; tags and metrics are found by their name."""
    if path and isinstance(element, dict):
        entry, name = cast("dict[str, Any]", element), ".".join(path)
        if entry.keys() == {"Key", "Value"}:
            return (entry["Value"] if entry["Key"] == name else None), []
        if "MetricName" in entry and path[0] not in entry:
            return (entry.get("Value") if entry["MetricName"] == name else None), []
    return element, path


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if isinstance(value, str):
        return value == wanted
    return _number(value) == _number(wanted)


def _number(value: Any) -> float | None:
    """Read a number, or a time as seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    with suppress(ValueError, OverflowError):
        return float(value)
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(cast("str", value))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return None
