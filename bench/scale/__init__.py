"""The cost of each statement in a database that has grown for years: no running system, only Postgres."""
