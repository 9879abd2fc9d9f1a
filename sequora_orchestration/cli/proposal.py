"""`sequora map`: printing the proposal, or writing it into a file."""

import os
from pathlib import Path

import click

from sequora_orchestration.application.proposal import propose as proposal_for
from sequora_orchestration.cli.checks.postgres import reading_engine
from sequora_orchestration.settings.database import DatabaseSettings


class FileIsThereError(Exception):
    """A map would be written over."""


class NotWritableError(Exception):
    """A map cannot be written where it is to be."""


def propose(output: Path | None) -> bool:
    """Print a map for SUPABASE_DB_URL, or write it into a file; return whether nothing is missing.

    Raises SettingError, FileIsThereError, NotWritableError, and the database's errors.
    """
    if output:
        _refuse_unusable(output)  # before all the work
    with reading_engine(DatabaseSettings.load().supabase_db_url).connect() as connection:
        proposed = proposal_for(connection)
    if output:
        try:
            output.write_text(proposed.text, encoding="utf-8")
        except OSError as error:
            raise NotWritableError(f"{output} cannot be written: {error.strerror}") from None
        click.echo(
            f"wrote {output}: read it, then set SEQUORA_APPLICATION_MAP={output.absolute()} and run `sequora migrate`"
        )
    else:
        click.echo(proposed.text, nl=False)
    for sentence in proposed.missing:
        click.echo(f"missing: {sentence}", err=True)
    if proposed.questions:
        click.echo(f"to be decided: {len(proposed.questions)}, listed at the top of the map", err=True)
    return not proposed.missing


def _refuse_unusable(output: Path) -> None:
    if output.exists():
        raise FileIsThereError(f"{output} is there already, and may have been completed: give another --output")
    if not output.parent.is_dir():
        raise NotWritableError(f"there is no directory {output.parent}: make it, or give another --output")
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise NotWritableError(f"nothing may be written into {output.parent}: give another --output")
