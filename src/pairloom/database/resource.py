"""What the database keeps: resources, pages of them, and points of metrics."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]


def new_id() -> str:
    """Return an id that no other resource has, 32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that the service keeps; change it with `dataclasses.replace` and `Transaction.update`.

    Parameters
    ----------
    kind : str
        What it is, as its ARN says it: ``"training-job"``.
    name : str
        Unique within the kind.
    arn : str
        Unique over all kinds.
    status : str
        What lists filter by and controllers look at.
    created_at, modified_at : float
        Seconds since 1970. `insert` fills both where created_at is 0; every `update` sets modified_at, which
        never goes back, though the clock may.
    parent : str, optional
        Name of what it belongs to: the group of a model package.
    document : dict
        JSON: strings, finite numbers, booleans, None, lists, dicts with string keys. Order is kept.
    version : int
        Counted up by every update, from 1.
    id : str
        Tells this resource from an earlier one of the same name.
    """

    kind: str
    name: str
    arn: str
    status: str = ""
    created_at: float = 0.0
    modified_at: float = 0.0
    parent: str | None = None
    document: Document = field(default_factory=dict[str, Any])
    version: int = 1
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some resources of a list, and where the rest begins (None: there is no rest)."""

    resources: list[Resource]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Metric:
    """One point of a metric; a set of samples when n_samples is not 1.

    Parameters
    ----------
    namespace, name : str
    dimensions : mapping of str to str
        Order is of no matter.
    at : float
        Seconds since 1970.
    total : float
        The value, or the sum of the samples.
    n_samples : float
    minimum, maximum : float, optional
        Of the samples; the value where there is one sample.
    unit : str
    step : int, optional
        Of a training: epoch or batch.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    at: float
    total: float
    n_samples: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    unit: str = "None"
    step: int | None = None

    @property
    def lowest(self) -> float:
        """Smallest sample."""
        return self.total / self.n_samples if self.minimum is None else self.minimum

    @property
    def highest(self) -> float:
        """Largest sample."""
        return self.total / self.n_samples if self.maximum is None else self.maximum
