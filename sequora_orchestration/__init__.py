"""Sequora's orchestration: what must follow an escalation, made to happen with Dagster.

`definitions.py` is the table of contents. A message's way leads from `sensors` (notice and claim)
through `jobs` (send) to `resources` (the databases and the phone company); `domain` holds the rules
that need none of them. `instance` configures Dagster itself, `local` makes a laptop enough, and `cli` is
the command `sequora`. Nothing is imported, read or opened here.
"""
