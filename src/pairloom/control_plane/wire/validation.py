"""What a service model demands of a request, in the words that AWS answers with."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.patterns import fits

__all__ = ["check_input"]

MAX_QUOTED = 1024
LONGEST_MATCHED = 65536
"""A longer text is not held against a pattern that sets no length: patterns of AWS's may take quadratic time."""


def check_input(shape: Any, values: dict[str, Any], code: str = "ValidationException") -> None:
    """Refuse values that the service model rules out, all faults in one message.

    Parameters
    ----------
    shape : botocore.model.StructureShape or None
        Input of the operation.
    values : dict
        As a protocol has read them: types are right already.
    code : str
        Of the error.

    Raises
    ------
    AwsError
        "2 validation errors detected: Value '...' at 'modelName' failed to satisfy constraint: Member must ...".
    """
    if shape is None:
        return
    faults: list[str] = []
    _check_structure(shape, values, "", faults)
    if faults:
        plural = "" if len(faults) == 1 else "s"
        raise AwsError(code, f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}")


def _check(shape: Any, value: Any, path: str, faults: list[str]) -> None:
    kind: str = shape.type_name
    if kind == "structure":
        _check_structure(shape, value, path, faults)
        return
    if limits := shape.metadata:
        for constraint in _broken(shape.name, limits, kind, value):
            quoted = "Value" if limits.get("sensitive") else f"Value '{_java(value)[:MAX_QUOTED]}'"
            faults.append(f"{quoted} at '{path}' failed to satisfy constraint: Member must {constraint}")
    if kind == "list":
        for number, item in enumerate(value, 1):
            _check(shape.member, item, f"{path}.{number}.member", faults)
    elif kind == "map":
        for key, item in value.items():
            _check(shape.key, key, f"{path}.key", faults)
            _check(shape.value, item, f"{path}.{key}.member", faults)


def _check_structure(shape: Any, value: Any, path: str, faults: list[str]) -> None:
    if shape.is_document_type:
        return
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            faults.append(
                f"Value null at '{prefix}{_lower(name)}' failed to satisfy constraint: Member must not be null"
            )
    if shape.is_tagged_union and len(value) != 1:
        faults.append(
            f"Value '{_java(value)[:MAX_QUOTED]}' at '{path}' failed to satisfy constraint: "
            f"Member must set exactly one of [{', '.join(_lower(name) for name in shape.members)}]"
        )
    members = shape.members
    for name, item in value.items():
        _check(members[name], item, prefix + _lower(name), faults)


def _broken(name: str, limits: dict[str, Any], kind: str, value: Any) -> list[str]:
    if kind in ("integer", "long", "float", "double"):
        size, what = value, "value"
    elif kind in ("string", "blob", "list", "map"):
        size, what = len(value), "length"
    else:
        return []
    broken: list[str] = []
    if "max" in limits and size > limits["max"]:
        broken.append(f"have {what} less than or equal to {limits['max']}")
    if "min" in limits and size < limits["min"]:
        broken.append(f"have {what} greater than or equal to {limits['min']}")
    if kind == "string":
        if "pattern" in limits and not (
            size <= limits.get("max", LONGEST_MATCHED)
            and size <= LONGEST_MATCHED
            and fits(limits["pattern"], value)
        ):
            broken.append(f"satisfy regular expression pattern: {limits['pattern']}")
        if "enum" in limits and value not in limits["enum"] and not name.endswith("InstanceType"):
            broken.append(f"satisfy enum value set: [{', '.join(limits['enum'])}]")
    return broken


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _java(value: Any) -> str:
    """Write a value as AWS does in its messages."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_java(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return str(value)
