"""Operations of AWS's that are not offered: lists are empty, the rest says so by name."""

from __future__ import annotations

from typing import Any

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.routing import Target

__all__ = ["answer_unoffered", "is_empty_list"]


def is_empty_list(target_name: str, output_shape: Any) -> bool:
    """Tell whether an operation asks for a list of things, of which there are none."""
    if not target_name.startswith("List") or output_shape is None:
        return False
    kinds = [member.type_name for member in output_shape.members.values()]
    return "list" in kinds and all(
        output_shape.members[name].type_name == "list" for name in output_shape.required_members
    )


def answer_unoffered(target: Target) -> dict[str, Any]:
    """Answer with empty lists.

    Raises
    ------
    AwsError
        ``NotImplemented`` (501) that names the operation.
    """
    shape: Any = target.operation.output_shape
    if not is_empty_list(target.operation.name, shape):
        name = f"{target.service.id}:{target.operation.name}"
        raise AwsError(
            "NotImplemented",
            f"Pairloom does not offer {name}. Its page 'What is supported' lists what it offers.",
            501,
        )
    return {name: [] for name, member in shape.members.items() if member.type_name == "list"}
