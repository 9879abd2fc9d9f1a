"""How Alembic runs our migrations: online, on the connection that `apply.py` hands over, in one transaction."""

from alembic import context

from sequora_orchestration.migrations.apply import SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    version_table="migration",
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
