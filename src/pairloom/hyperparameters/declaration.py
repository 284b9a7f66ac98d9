"""The class that a set of hyperparameters is declared in."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self, dataclass_transform

from pairloom.errors import UserError
from pairloom.hyperparameters.description import value_text
from pairloom.hyperparameters.parameter import Parameter, Undeclared, Value, param
from pairloom.hyperparameters.parsing import Misfit, did_you_mean, parse_value

__all__ = ["Hyperparameters"]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(param,))
class Hyperparameters:
    """Base of every declaration of hyperparameters; instances are checked and cannot change.

    Parameters
    ----------
    **values : int, float, bool, str or None
        By attribute name; strings are parsed. None means not given.

    Attributes
    ----------
    parameters : tuple of Parameter
        On the class: the declarations, in order.
    given : frozenset of str
        Attributes that were given; the others hold their default.

    Raises
    ------
    UserError
        If names are unknown, required ones are missing or values do not fit; one line for each fault.

    Examples
    --------
    >>> class TreeHyperparameters(Hyperparameters, owner="Tree"):
    ...     max_depth: int = param(default=6, ge=1, le=64, doc="Levels below the root.")
    >>> TreeHyperparameters.parse({"max_depth": "12"}).max_depth
    12
    >>> TreeHyperparameters.parse({"max_deptj": "12"})
    Traceback (most recent call last):
    pairloom.errors.UserError: Tree: Additional properties are not allowed ('max_deptj' was unexpected). \
Did you mean 'max_depth'?
    """

    parameters: ClassVar[tuple[Parameter, ...]] = ()
    owner: ClassVar[str] = "Hyperparameters"
    given: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, owner: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.owner = owner or cls.owner
        hints = typing.get_type_hints(cls)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Undeclared)}
        for name in own:
            delattr(cls, name)
        declared = tuple(value.declare(name, hints[name]) for name, value in own.items())
        for parameter in declared:
            if not (parameter.required or (parameter.default is None and parameter.optional)):
                _check_default(parameter)
        cls.parameters = (*(p for p in cls.parameters if p.name not in own), *declared)

    def __init__(self, **values: object) -> None:
        wire_names = {parameter.name: parameter.wire_name for parameter in self.parameters}
        self._settle({wire_names.get(name, name): value for name, value in values.items()})

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """Read values, strings or not, by their wire names."""
        self = cls.__new__(cls)
        self._settle(values)
        return self

    def faults(self) -> Iterable[str]:
        """Check values against one another; yields what is wrong, as sentences. Override it."""
        return ()

    def to_dict(self) -> dict[str, Value]:
        """Return every value by wire name."""
        return {parameter.wire_name: getattr(self, parameter.name) for parameter in self.parameters}

    def to_strings(self) -> dict[str, str]:
        """Return the values that are not None as `parse` reads them back, by wire name."""
        return {name: value_text(value) for name, value in self.to_dict().items() if value is not None}

    def _settle(self, values: Mapping[str, object]) -> None:
        known = {parameter.wire_name: parameter for parameter in self.parameters}
        values = {name: value for name, value in values.items() if value is not None or name not in known}
        faults = [_unexpected(name, known.values()) for name in values if name not in known]
        settled: dict[str, Value] = {}
        for name, parameter in known.items():
            try:
                if name in values:
                    settled[parameter.name] = parse_value(parameter, values[name])
                elif parameter.required:
                    raise Misfit(f"is required. Give it: {parameter.doc}")
                else:
                    settled[parameter.name] = parameter.default
            except Misfit as misfit:
                faults.append(f"'{name}' {misfit}")
        vars(self).update(settled, given=frozenset(known[name].name for name in values if name in known))
        faults = faults or list(self.faults())
        if faults:
            raise UserError("\n".join(f"{self.owner}: {fault}" for fault in faults))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot change after it was checked; make a new one")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.to_dict() == self.to_dict()

    def __hash__(self) -> int:
        return hash((type(self), *self.to_dict().values()))

    def __repr__(self) -> str:
        values = ", ".join(
            f"{p.name}={getattr(self, p.name)!r}" for p in self.parameters if p.name in self.given
        )
        return f"{type(self).__name__}({values})"


def _check_default(parameter: Parameter) -> None:
    try:
        parse_value(parameter, parameter.default)
    except Misfit as misfit:
        raise TypeError(f"the default of hyperparameter {parameter.name!r} {misfit}") from None


def _unexpected(name: object, known: Iterable[Parameter]) -> str:
    names = tuple(parameter.wire_name for parameter in known if not parameter.hidden)
    fault = f"Additional properties are not allowed ({str(name)!r} was unexpected)."
    return f"{fault} {did_you_mean(str(name), names)}".rstrip()
