"""What each statement costs in a database that has grown for years: no running system, only Postgres."""
