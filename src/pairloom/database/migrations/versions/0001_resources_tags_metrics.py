"""Resources, tags and metrics."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "resource",
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("arn", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("modified_at", sa.Double(), nullable=False),
        sa.Column("parent", TEXT),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("id", TEXT, nullable=False),
    )
    op.create_index("resource_arn", "resource", ["arn"], unique=True)
    op.create_index("resource_created", "resource", ["kind", "created_at", "name"])
    op.create_index("resource_modified", "resource", ["kind", "modified_at", "name"])
    op.create_index("resource_status", "resource", ["kind", "status", "created_at", "name"])
    op.create_index("resource_parent", "resource", ["kind", "parent", "created_at", "name"])
    op.create_table(
        "tag",
        sa.Column("arn", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("value", TEXT, nullable=False),
    )
    op.create_table(
        "metric",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("dimensions", TEXT, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("n_samples", sa.Double(), nullable=False),
        sa.Column("minimum", sa.Double()),
        sa.Column("maximum", sa.Double()),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("step", sa.BigInteger),
    )
    op.create_index("metric_time", "metric", ["namespace", "name", "dimensions", "at"])
