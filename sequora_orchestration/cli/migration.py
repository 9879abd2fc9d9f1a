"""`sequora migrate`: migrating, and saying what was done."""

import click
from sqlalchemy import Engine

from sequora_orchestration.application.words import open_questions
from sequora_orchestration.migrations import app_indexes, apply


def migrate(engine: Engine) -> bool:
    """Migrate, and say what was done; return whether the application's log takes the map's rows.

    Raises MapError, SchemaMissingError and the database's errors.
    """
    migrated = apply.migrate(engine)
    applied = migrated.revisions
    click.echo(f"schema orchestration: {'applied ' + ', '.join(applied) if applied else 'already up to date'}")
    views = "its views are made" if migrated.has_new_views else "its views are up to date"
    click.echo(f"application: the map {migrated.map.name} is in force, {views}")
    for question in open_questions(engine):
        click.echo(f"application: {question.sentence}; {question.to_do}")
    for problem in migrated.map.problems:
        click.echo(f"the application's log would refuse rows, which holds up no text: {problem}", err=True)
    if migrated.map.problems:
        click.echo(
            f"the map {migrated.map.name} is in force in spite of it: correct it, and run `sequora migrate` again",
            err=True,
        )
    return not migrated.map.problems


def drop_views(engine: Engine) -> None:
    """Drop the views of the application's tables, and print the consequences."""
    apply.drop_views(engine)
    click.echo("the views of the application's tables are dropped: nothing is texted until `sequora migrate` is run")
    with engine.connect() as connection:
        stay = [one.index for one in app_indexes.index_states(connection) if one.is_there]
    for index in stay:
        click.echo(
            f"the index {index.name} on {index.table} stays: where it is in the way as well, drop it; "
            "`sequora migrate --app-indexes` makes it again"
        )


def make_app_indexes(engine: Engine) -> None:
    """Make the helpful indexes, and say which."""
    for state in app_indexes.make_app_indexes(engine, lambda said: click.echo(said, err=True)):
        index = state.index
        said = f"cannot be made: {state.why_not}" if state.why_not else "already there" if state.is_there else "made"
        click.echo(f"index {index.name} on {index.table}: {said}")
