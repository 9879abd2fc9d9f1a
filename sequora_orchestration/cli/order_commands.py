"""The commands by which an operator intervenes: pause and resume, cancel, resend and release.

Here: their arguments and their help. Not here: carrying them out (`orders`). What a command needs is imported when it
runs: `--help` must be quick.
"""

import click

_ALL_KINDS = "all"
_WHO = click.option("--who", help="Who orders it; the user who is logged in, if left out.")
_WHY = click.option(
    "--why", help="Why, kept in the ledger; optional: without it stands `(not said)`. No names and no numbers, please."
)
_KIND = click.option("--kind", help="Only messages of this kind, e.g. task-created, check-in.")


@click.command()
@click.argument("kind", default=_ALL_KINDS)
@_WHY
@_WHO
def pause(kind: str, why: str | None, who: str | None) -> None:
    """Let no text go out, or none of a KIND, until `sequora resume`.

    At once, and also in runs that are queued or under way: they leave the texts waiting in the ledger. KIND is
    the kind that `sequora timeline` names, as task-created; a word that is no kind is answered by a list of all kinds.
    """
    from sequora_orchestration.cli import orders

    click.echo(orders.pause(kind, orders.operator(who, why)))


@click.command()
@click.argument("kind", default=_ALL_KINDS)
@_WHY
@_WHO
def resume(kind: str, why: str | None, who: str | None) -> None:
    """Let texts go out again: those of a KIND, or all. What is no longer wanted by then is not sent.

    Without a KIND the phone company is also tried at once, if it took no texts and was to be left alone for a while.
    """
    from sequora_orchestration.cli import orders

    click.echo(orders.resume(kind, orders.operator(who, why)))


@click.command()
@click.argument("id_", metavar="ID")
@_KIND
@_WHY
@_WHO
def cancel(id_: str, kind: str | None, why: str | None, who: str | None) -> None:
    """Do not send what waits or is held. ID is a message's, a task's or an episode's.

    Nothing follows from it: of a cancelled alert about a missed SLA there is no escalation.
    """
    _order("cancel", id_, kind, why, who)


@click.command()
@click.argument("id_", metavar="ID")
@_KIND
@_WHY
@_WHO
def resend(id_: str, kind: str | None, why: str | None, who: str | None) -> None:
    """Send once more what was sent, failed or was cancelled. ID is a message's, a task's or an episode's.

    Of a task or an episode the newest message of each kind and recipient is sent again: give --kind for one. The
    recipient gets a second text, if the first one has arrived.
    """
    _order("resend", id_, kind, why, who)


@click.command()
@click.argument("id_", metavar="ID")
@_KIND
@_WHY
@_WHO
def release(id_: str, kind: str | None, why: str | None, who: str | None) -> None:
    """Send what is HELD: a text in doubt that a person must look for first. ID as for `cancel`."""
    _order("release", id_, kind, why, who)


def _order(verb: str, id_: str, kind: str | None, why: str | None, who: str | None) -> None:
    from sequora_orchestration.cli import orders

    click.echo(orders.change(verb, id_, kind, orders.operator(who, why)))


ORDERS = (pause, resume, cancel, resend, release)
