"""What can be said to the database within one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pairloom.database.changes import Change
from pairloom.database.pages import place_after, place_of
from pairloom.database.resource import Document, Metric, Page, Resource
from pairloom.database.schema import metrics, resources, tags
from pairloom.errors import AlreadyExistsError, ConflictError, DataError, NotFoundError

SORTS = ("name", "created_at", "modified_at", "status")
COLUMNS = [resources.c[field.name] for field in fields(Resource)]
METRIC_COLUMNS = [metrics.c[field.name] for field in fields(Metric)]


class Transaction:
    """Reads and writes that happen all or not at all; made by `Database.transaction` and `Database.snapshot`."""

    def __init__(self, connection: sa.Connection, clock: Callable[[], float]) -> None:
        self._connection, self._clock = connection, clock
        self._insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        self.changes: dict[tuple[str, str], Change] = {}

    def insert(self, resource: Resource) -> Resource:
        """Keep a new resource and return it as kept, with its times.

        Raises
        ------
        AlreadyExistsError
            If the name is taken within the kind, or the ARN; the transaction can go on.
        DataError
            If the document is not JSON.
        """
        if not resource.created_at:
            now = self._clock()
            resource = replace(resource, created_at=now, modified_at=now)
        row = self._row(resource)
        insert = self._insert(resources).on_conflict_do_nothing().returning(resources.c.version)
        if self._connection.execute(insert, row).scalar() is None:
            raise AlreadyExistsError(
                f"{resource.kind} {resource.name!r} must be a new name. It exists already."
            )
        return self._changed(resource)

    def update(self, resource: Resource) -> Resource:
        """Replace a resource by one that was made from it; return it with its new version and modified_at.

        Raises
        ------
        ConflictError
            If somebody else changed it since it was read: read again, decide again.
        NotFoundError
            If it was deleted since (also if one of the same name was made anew).
        DataError
            If the document is not JSON.
        """
        now = max(self._clock(), resource.modified_at)
        newer = replace(resource, modified_at=now, version=resource.version + 1)
        row = self._row(newer)
        here = (
            (resources.c.kind == newer.kind) & (resources.c.name == newer.name) & (resources.c.id == newer.id)
        )
        done = self._connection.execute(
            sa.update(resources).where(here & (resources.c.version == resource.version)).values(row)
        )
        if not done.rowcount:
            found = self._connection.execute(sa.select(resources.c.version).where(here)).scalar()
            what = f"{resource.kind} {resource.name!r}"
            if found is None:
                raise NotFoundError(f"{what} must exist to be changed. It was deleted.")
            raise ConflictError(
                f"{what} must be version {resource.version} to be changed. Got version {found}: read it again."
            )
        return self._changed(newer)

    def delete(self, kind: str, name: str) -> bool:
        """Remove a resource and its tags; False if there was none."""
        found = self.get(kind, name)
        if found is None:
            return False
        self._connection.execute(sa.delete(tags).where(tags.c.arn == found.arn))
        self._connection.execute(
            sa.delete(resources).where(resources.c.kind == kind, resources.c.name == name)
        )
        self.changes[kind, name] = Change(kind, name, None)
        return True

    def get(self, kind: str, name: str) -> Resource | None:
        """Return a resource, or None."""
        return self._one(sa.select(*COLUMNS).where(resources.c.kind == kind, resources.c.name == name), name)

    def get_arn(self, arn: str) -> Resource | None:
        """Return the resource that has an ARN, or None."""
        return self._one(sa.select(*COLUMNS).where(resources.c.arn == arn), arn)

    def version(self, kind: str, name: str) -> int | None:
        """Return the version of a resource without reading the rest of it; None if there is none."""
        query = sa.select(resources.c.version).where(resources.c.kind == kind, resources.c.name == name)
        return self._connection.execute(query).scalar()

    def list(
        self,
        kind: str,
        *,
        name_contains: str | None = None,
        status: str | Collection[str] | None = None,
        parent: str | None = None,
        created_after: float | None = None,
        created_before: float | None = None,
        modified_after: float | None = None,
        modified_before: float | None = None,
        tagged: Mapping[str, str] | None = None,
        sort_by: str = "created_at",
        descending: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Return one page of a kind; the next costs the same, however far in.

        Parameters
        ----------
        name_contains : str
            Part of the name; case does not matter.
        status : str or collection of str
        created_after, created_before, modified_after, modified_before : float
            Seconds since 1970; the moment itself is within.
        tagged : mapping of str to str
            Tags that it has, all of them.
        sort_by : one of name, created_at, modified_at, status
            Equal ones go by name.
        after : str
            `Page.next_token` of the page before.
        limit : int

        Raises
        ------
        DataError
            If `after` is no token of this order.
        """
        column = resources.c[SORTS[SORTS.index(sort_by)]]
        bounds = [
            name_contains is not None and resources.c.name.icontains(name_contains, autoescape=True),
            parent is not None and resources.c.parent == parent,
            created_after is not None and resources.c.created_at >= created_after,
            created_before is not None and resources.c.created_at <= created_before,
            modified_after is not None and resources.c.modified_at >= modified_after,
            modified_before is not None and resources.c.modified_at <= modified_before,
        ]
        query = sa.select(*COLUMNS).where(resources.c.kind == kind, *(b for b in bounds if b is not False))
        for key, value in (tagged or {}).items():
            tag = (tags.c.arn == resources.c.arn) & (tags.c.key == key) & (tags.c.value == value)
            query = query.where(sa.exists().where(tag))
        if isinstance(status, str):
            query = query.where(resources.c.status == status)
        elif status is not None:
            query = query.where(resources.c.status.in_([*status]))
        if after is not None:
            place = place_of(after, sort_by=sort_by, descending=descending)
            here, there = sa.tuple_(column, resources.c.name), sa.tuple_(place.value, place.name)
            query = query.where(here < there if descending else here > there)
        order = [column.desc(), resources.c.name.desc()] if descending else [column, resources.c.name]
        rows = self._connection.execute(query.order_by(*order).limit(limit + 1)).mappings().all()
        found = [_resource(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(found, None)
        return Page(found, place_after(found[-1], sort_by=sort_by, descending=descending))

    def count(self, kind: str, *, status: str | Collection[str] | None = None) -> int:
        """Return how many there are."""
        query = sa.select(sa.func.count()).select_from(resources).where(resources.c.kind == kind)
        if status is not None:
            query = query.where(resources.c.status.in_([status] if isinstance(status, str) else [*status]))
        return self._connection.execute(query).scalar_one()

    def put_tags(self, arn: str, added: Mapping[str, str]) -> None:
        """Set tags of an ARN; others of it stay."""
        if added:
            statement = self._insert(tags)
            statement = statement.on_conflict_do_update(
                index_elements=["arn", "key"], set_={"value": statement.excluded.value}
            )
            rows = [{"arn": arn, "key": key, "value": value} for key, value in added.items()]
            self._connection.execute(statement, rows)

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of an ARN, by key."""
        query = sa.select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.key)
        return {row.key: row.value for row in self._connection.execute(query)}

    def tags_of_all(self, arns: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the tags of each of some ARNs, by key; at most a few thousand at once."""
        found: dict[str, dict[str, str]] = {arn: {} for arn in arns}
        query = sa.select(tags).where(tags.c.arn.in_([*arns])).order_by(tags.c.arn, tags.c.key)
        for row in self._connection.execute(query):
            found[row.arn][row.key] = row.value
        return found

    def remove_tags(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags of an ARN; keys that it has not are no matter."""
        self._connection.execute(sa.delete(tags).where(tags.c.arn == arn, tags.c.key.in_([*keys])))

    def put_metrics(self, points: Iterable[Metric]) -> None:
        """Append points of metrics."""
        rows = [asdict(point) | {"dimensions": _dimensions(point.dimensions)} for point in points]
        if rows:
            self._connection.execute(sa.insert(metrics), rows)

    def metrics(
        self,
        namespace: str,
        name: str | None = None,
        dimensions: Mapping[str, str] | None = None,
        *,
        start: float | None = None,
        end: float | None = None,
    ) -> list[Metric]:
        """Return points in order of time, those of one time as they came; start is within, end is not."""
        query = sa.select(*METRIC_COLUMNS).where(metrics.c.namespace == namespace)
        query = query if name is None else query.where(metrics.c.name == name)
        query = query if dimensions is None else query.where(metrics.c.dimensions == _dimensions(dimensions))
        query = query if start is None else query.where(metrics.c.at >= start)
        query = query if end is None else query.where(metrics.c.at < end)
        rows = self._connection.execute(query.order_by(metrics.c.at, metrics.c.id)).mappings()
        return [_metric(row) for row in rows]

    def metric_names(self, namespace: str | None = None) -> list[tuple[str, str, dict[str, str]]]:
        """Return (namespace, name, dimensions) of every metric that has points."""
        query = sa.select(metrics.c.namespace, metrics.c.name, metrics.c.dimensions).distinct()
        query = query if namespace is None else query.where(metrics.c.namespace == namespace)
        rows = self._connection.execute(query.order_by(*query.selected_columns))
        return [(row.namespace, row.name, json.loads(row.dimensions)) for row in rows]

    def remove_metrics(self, namespace: str, dimensions: Mapping[str, str]) -> None:
        """Remove every point of these dimensions."""
        here = (metrics.c.namespace == namespace) & (metrics.c.dimensions == _dimensions(dimensions))
        self._connection.execute(sa.delete(metrics).where(here))

    def _one(self, query: sa.Select[Any], text: str) -> Resource | None:
        if "\0" in text:  # PostgreSQL refuses it even in a question
            return None
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _resource(row)

    def _row(self, resource: Resource) -> dict[str, Any]:
        if "\0" in f"{resource.name}{resource.arn}{resource.parent}":
            raise DataError("a name without NUL", got=repr(resource.name[:100]), source=resource.kind)
        values = {field.name: getattr(resource, field.name) for field in fields(Resource)}
        return values | {"document": _json(resource)}

    def _changed(self, resource: Resource) -> Resource:
        key = resource.kind, resource.name
        self.changes[key] = Change(*key, resource.version)
        return resource


def _json(resource: Resource) -> str:
    try:
        return json.dumps(resource.document, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            "a document of strings, finite numbers, booleans, None, lists and dicts",
            got=str(error),
            source=f"{resource.kind} {resource.name!r}",
        ) from error


def _resource(row: sa.RowMapping) -> Resource:
    values: dict[str, Any] = dict(row)
    values["document"] = msgspec.json.decode(row["document"], type=Document)
    return Resource(**values)


def _metric(row: sa.RowMapping) -> Metric:
    values: dict[str, Any] = dict(row)
    values["dimensions"] = json.loads(row["dimensions"])
    return Metric(**values)


def _dimensions(dimensions: Mapping[str, str]) -> str:
    return json.dumps(dimensions, sort_keys=True, separators=(",", ":"))
