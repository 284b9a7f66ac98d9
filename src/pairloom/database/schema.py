"""The tables, as the newest migration leaves them (a test compares the two)."""

import sqlalchemy as sa

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code point on both
SECONDS = sa.Double()

tables = sa.MetaData()

resources = sa.Table(
    "resource",
    tables,
    sa.Column("kind", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("arn", TEXT, nullable=False),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("created_at", SECONDS, nullable=False),
    sa.Column("modified_at", SECONDS, nullable=False),
    sa.Column("parent", TEXT),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("id", TEXT, nullable=False),
    sa.Index("resource_arn", "arn", unique=True),
    sa.Index("resource_created", "kind", "created_at", "name"),
    sa.Index("resource_modified", "kind", "modified_at", "name"),
    sa.Index("resource_status", "kind", "status", "created_at", "name"),
    sa.Index("resource_parent", "kind", "parent", "created_at", "name"),
)

tags = sa.Table(
    "tag",
    tables,
    sa.Column("arn", TEXT, primary_key=True),
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("value", TEXT, nullable=False),
)

metrics = sa.Table(
    "metric",
    tables,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("namespace", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("dimensions", TEXT, nullable=False),
    sa.Column("at", SECONDS, nullable=False),
    sa.Column("total", sa.Double, nullable=False),
    sa.Column("n_samples", sa.Double, nullable=False),
    sa.Column("minimum", sa.Double),
    sa.Column("maximum", sa.Double),
    sa.Column("unit", TEXT, nullable=False),
    sa.Column("step", sa.BigInteger),
    sa.Index("metric_time", "namespace", "name", "dimensions", "at"),
)
