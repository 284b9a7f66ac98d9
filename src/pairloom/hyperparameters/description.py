"""Declarations in words for errors, help and reference, and as data for the published description."""

from __future__ import annotations

from pairloom.hyperparameters.parameter import Parameter, Value

__all__ = ["default_text", "describe", "requirement", "value_text"]


def requirement(parameter: Parameter) -> str:
    """What a value must be, as a clause: ``an integer in [2, 1000]``."""
    words = " or ".join(f"'{choice}'" for choice in parameter.choices)
    match parameter.kind:
        case "choice":
            if len(parameter.choices) == 1:
                return words
            return "one of " + ", ".join(f"'{choice}'" for choice in parameter.choices)
        case "text":
            return "text"
        case "boolean":
            clause = "true or false"
        case "integer":
            clause = f"an integer{_interval(parameter)}"
        case "float":
            clause = f"a finite number{_interval(parameter)}"
    return f"{clause} or {words}" if words else clause


def default_text(parameter: Parameter) -> str:
    """Write the default as it would be given; empty where there is none."""
    return "" if parameter.default is None else value_text(parameter.default)


def value_text(value: Value) -> str:
    """Write a value as a string that parses back to it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def describe(parameter: Parameter) -> dict[str, object]:
    """Return the declaration as JSON data: name, type, bounds, default and tuning range."""
    described: dict[str, object] = {
        "name": parameter.wire_name,
        "type": parameter.kind,
        "required": parameter.required,
        "must_be": requirement(parameter),
        "description": parameter.doc,
    }
    if parameter.default is not None:
        described["default"] = parameter.default
    if parameter.choices:
        described["choices"] = list(parameter.choices)
    bounds = {bound: getattr(parameter, bound) for bound in ("ge", "gt", "le", "lt")}
    described |= {bound: value for bound, value in bounds.items() if value is not None}
    if parameter.advised is not None:
        described["advised"] = list(parameter.advised)
    if parameter.tunable is not None:
        tunable = parameter.tunable
        described["tunable"] = {"low": tunable.low, "high": tunable.high, "scale": tunable.scale}
    return described


def _interval(parameter: Parameter) -> str:
    low, left = (parameter.gt, "(") if parameter.gt is not None else (parameter.ge, "[")
    high, right = (parameter.lt, ")") if parameter.lt is not None else (parameter.le, "]")
    if low is not None and high is not None:
        return f" in {left}{_number(low)}, {_number(high)}{right}"
    if low is not None:
        return f" {'>' if left == '(' else '>='} {_number(low)}"
    if high is not None:
        return f" {'<' if right == ')' else '<='} {_number(high)}"
    return ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"
