"""The command by which a person compares a day with the phone company's list: its arguments and its help.

Not here: what it shows (`reconcile`). A command imports its modules when it runs: `--help` must be quick.
"""

import click

from sequora_orchestration.cli.told_errors import answer


@click.command()
@click.option(
    "--day",
    metavar="YYYY-MM-DD",
    help="A day that is over, by UTC; yesterday, if left out.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs, with all of it; times in UTC, prices as strings.")
def reconcile(day: str | None, *, as_json: bool) -> None:
    """Compare the texts of a day with the phone company's list.

    Shows texts from our sender that the ledger does not know (doubled ones first), texts that the ledger says were
    sent and the phone company does not have, other fates, what the application's log lacks, and texts, segments and
    prices by kind. Calls are not compared. Ids and masked phones only.

    It changes nothing. The job `reconcile_texts` reports the same each night, each unknown text once; what it has
    reported is marked. The list comes a thousand texts at a time, each in a second or two.

    Ends with 0 where nothing new is to be looked at, with 1 where something is, and with 2 where there is no answer:
    the day is not over or too old, the list cannot be read to its end, or the database cannot be asked.
    """
    from sequora_orchestration.cli.reconcile import show

    answer(lambda: show(day, as_json=as_json))
