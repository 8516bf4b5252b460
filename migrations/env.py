"""Alembic's entry: runs the migrations on the connection that captiond hands over, in that connection's transaction."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("These migrations are run by `captiond db upgrade`, which gives them the open database.")

# SQLite does roll back changes of the schema; Alembic's default for it says otherwise. The caller has begun the
# transaction, so that all migrations come or none.
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
