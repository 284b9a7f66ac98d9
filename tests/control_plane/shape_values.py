"""A value of every member of a shape, for both directions of the wire."""

from datetime import UTC, datetime

MOMENT = datetime(2026, 11, 21, 18, 30, 15, tzinfo=UTC)
TEXT = "a é 日本 <&>\"'+%/\u2028"
SCALARS = {
    "boolean": True, "integer": 7, "long": 1 << 40, "float": 0.5, "double": -2.25, "timestamp": MOMENT,
    "blob": bytes(range(256)), "string": TEXT, "character": "c",
}  # fmt: skip


def value_of(shape, above=(), *, in_head=False):
    """Return a value of a shape with every member set, but no shape within itself."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return {"a": [1, None]}
        if shape.serialization.get("eventstream"):
            return None
        members = {
            name: value_of(member, (*above, shape.name), in_head="location" in member.serialization)
            for name, member in shape.members.items()
            if member.name not in above
        }
        members = {name: value for name, value in members.items() if value is not None}
        return dict([*members.items()][:1]) if shape.is_tagged_union else members
    if kind == "list":
        if shape.member.name in above:
            return None
        item = value_of(shape.member, (*above, shape.name), in_head=in_head)
        return None if item is None else [item, item]
    if kind == "map":
        if shape.value.name in above:
            return None
        item = value_of(shape.value, (*above, shape.name))
        return None if item is None else {TEXT: item, "b": item}
    if in_head and kind == "string":
        return "plain text"
    return SCALARS[kind]


def plain(value):
    """Return a value as operations see it: times as seconds."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value
