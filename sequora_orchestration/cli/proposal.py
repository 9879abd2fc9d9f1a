"""`sequora map`: printing the proposal, or writing it into a file."""

from pathlib import Path

import click

from sequora_orchestration.application.proposal import propose as proposal_for
from sequora_orchestration.cli.checks.postgres import reading_engine
from sequora_orchestration.settings import DatabaseSettings


class FileIsThereError(Exception):
    """A map would be written over."""


def propose(output: Path | None) -> bool:
    """Print a map for SUPABASE_DB_URL, or write it into a file; return whether nothing is missing.

    Raises SettingError, FileIsThereError, and the database's errors.
    """
    if output and output.exists():
        raise FileIsThereError(f"{output} is there already, and may have been completed: give another --output")
    with reading_engine(DatabaseSettings.load().supabase_db_url).connect() as connection:
        proposed = proposal_for(connection)
    if output:
        output.write_text(proposed.text, encoding="utf-8")
        click.echo(f"wrote {output}: read it, then set SEQUORA_APPLICATION_MAP={output} and run `sequora migrate`")
    else:
        click.echo(proposed.text, nl=False)
    for sentence in proposed.missing:
        click.echo(f"missing: {sentence}", err=True)
    if proposed.questions:
        click.echo(f"to be decided: {len(proposed.questions)}, listed at the top of the map", err=True)
    return not proposed.missing
