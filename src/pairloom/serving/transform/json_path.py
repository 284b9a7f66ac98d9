"""The part of JSONPath that SageMaker's batch transform takes.

``$``, ``.name``, ``*``, ``['name', 'other']``, ``[1, -1]``, ``[start:end]`` and mixtures of indexes and slices. A slice
includes its end, as SageMaker's guide has it: ``$[1:4]`` is the second to the fifth column. A path through one
name or index gives what is there; several names give an object, several indexes, a slice or ``*`` an array. An index
or name that is not there is an error, the part of a slice that is not there is left out.

Libraries for JSONPath cover filters and recursion, which are not wanted here, and cut slices short of their end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from pairloom.errors import DataError, UserError

__all__ = ["JsonPath"]

LONGEST = 63
_NAME = re.compile(r"\.?\s*([^\s.\[\]*'\"(),:?@]+)")
_QUOTED = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\")\s*")
_PLACE = re.compile(r"\s*(-?\d+)?\s*(?:(:)\s*(-?\d+)?)?\s*")
Step = Callable[[Any], Any]


class JsonPath:
    """A parsed path.

    Parameters
    ----------
    text : str
    purpose : str
        What errors call it: ``input_filter``.

    Raises
    ------
    UserError
        For what is no such path.

    Examples
    --------
    >>> JsonPath("$[0, 2:]").of(["id", 1, 2, 3])
    ['id', 2, 3]
    >>> JsonPath("$['id','score']").of({"id": 7, "x": 1, "score": 0.5})
    {'id': 7, 'score': 0.5}
    """

    def __init__(self, text: str, purpose: str = "filter") -> None:
        self.text = text
        self.is_root = text.strip() == "$"
        if len(text) > LONGEST or not text.strip().startswith("$"):
            raise _fault(purpose, text)
        self._purpose = purpose
        self._steps: list[Step] = []
        rest = text.strip()[1:]
        while rest:
            step, rest = self._parse_step(rest)
            self._steps.append(step)

    def of(self, value: Any) -> Any:
        """Return the part of a value that the path leads to.

        Raises
        ------
        DataError
            If it leads nowhere.
        """
        for step in self._steps:
            value = step(value)
        return value

    def _parse_step(self, rest: str) -> tuple[Step, str]:
        if rest.startswith((".*", "[*]")):
            return _wildcard(self.text), rest[2 if rest[0] == "." else 3 :]
        bracket = rest[1:] if rest.startswith(".[") else rest
        if bracket.startswith("["):
            inside, closed, after = bracket[1:].partition("]")
            if closed:
                return self._parse_bracket(inside), after
        elif rest.startswith(".") and (found := _NAME.match(rest)):
            return _one_name(found[1], self.text), rest[found.end() :]
        raise _fault(self._purpose, self.text)

    def _parse_bracket(self, inside: str) -> Step:
        parts = inside.split(",")
        quoted = [_QUOTED.fullmatch(part) for part in parts]
        if all(quoted):
            names = [found[1] if found[1] is not None else found[2] for found in quoted if found]
            return _one_name(names[0], self.text) if len(names) == 1 else _names(names, self.text)
        places = [_PLACE.fullmatch(part) for part in parts]
        if not all(found and part.strip() for found, part in zip(places, parts, strict=True)):
            raise _fault(self._purpose, self.text)
        found = [(each[1], each[2] is not None, each[3]) for each in places if each]
        if len(found) == 1 and not found[0][1]:
            return _index(int(found[0][0]), self.text)
        return _places([(_int(a), is_slice, _int(b)) for a, is_slice, b in found], self.text)


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _one_name(name: str, path: str) -> Step:
    return lambda value: _member(value, name, path)


def _names(names: list[str], path: str) -> Step:
    return lambda value: {name: _member(value, name, path) for name in names}


def _index(place: int, path: str) -> Step:
    return lambda value: _item(value, place, path)


def _wildcard(path: str) -> Step:
    def step(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return list(cast("dict[str, Any]", value).values())
        return list(_array(value, path))

    return step


def _places(places: list[tuple[int | None, bool, int | None]], path: str) -> Step:
    def step(value: Any) -> list[Any]:
        items, found = _array(value, path), list[Any]()
        for start, is_slice, end in places:
            if not is_slice:
                found.append(_item(items, cast(int, start), path))
                continue
            first = 0 if start is None else start + len(items) * (start < 0)
            last = len(items) - 1 if end is None else end + len(items) * (end < 0)
            found += items[max(first, 0) : max(last + 1, 0)]
        return found

    return step


def _member(value: Any, name: str, path: str) -> Any:
    if isinstance(value, list):
        return [_member(each, name, path) for each in cast("list[Any]", value)]
    if not isinstance(value, dict) or name not in value:
        raise DataError(f"a member {name!r} for {path}", got=_shown(value))
    return cast("dict[str, Any]", value)[name]


def _item(value: Any, place: int, path: str) -> Any:
    items = _array(value, path)
    if not -len(items) <= place < len(items):
        raise DataError(f"an item {place} for {path}", got=f"{len(items)} items")
    return items[place]


def _array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(f"an array for {path}", got=_shown(value))
    return cast("list[Any]", value)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {', '.join(map(repr, list(cast('dict[str, Any]', value))[:10])) or 'nothing'}"
    return "an array" if isinstance(value, list) else type(value).__name__


def _fault(purpose: str, text: str) -> UserError:
    return UserError(
        f"Transform: '{purpose}' must be a JSONPath of at most {LONGEST} characters out of $, .name, *, ['name'], "
        f"[0, -1] and [0:3]. Got {text!r}."
    )
