"""Run by alembic: the migrations go through the connection, and into the transaction, of the caller."""

from alembic import context

from pairloom.database.schema import tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=tables, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
