"""One file a change of the schema, oldest first; Alembic follows their `down_revision`."""
