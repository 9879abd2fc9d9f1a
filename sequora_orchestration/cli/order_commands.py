"""The commands by which an operator intervenes: pause and resume, cancel, resend, replay and release.

Here: their arguments and their help. Not here: carrying them out (`orders`). A command imports its modules when it
runs: `--help` must be quick.
"""

from typing import Any

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


@click.command()
@click.option(
    "--since", required=True, metavar="TIME", help="From when on they ended: 14:00 or 14:00Z (today), 2h, 1d, ISO 8601."
)
@click.option("--until", metavar="TIME", help="Until when, likewise; until now, if left out.")
@click.option(
    "--state",
    "states",
    multiple=True,
    default=["FAILED"],
    show_default=True,
    help="How they ended: FAILED, UNDELIVERED, CANCELLED; with --also-sent also SENT, DELIVERED. May be repeated.",
)
@click.option("--kind", "kinds", multiple=True, help="Only messages of this kind, e.g. task-created. May be repeated.")
@click.option("--also-sent", is_flag=True, help="Also what has arrived, or may have: its recipients get it twice.")
@click.option("--yes", "is_ordered", is_flag=True, help="Do it; without this it only says what it would do.")
@click.option("--json", "as_json", is_flag=True, help="For programs; times in UTC.")
@_WHY
@_WHO
def replay(*, is_ordered: bool, as_json: bool, why: str | None, who: str | None, **asked: Any) -> None:
    """Send again all messages that ended alike in a time, after an hour of failures, say.

    Without --yes it changes nothing: it shows how many ended so, by kind and reason, how many are left out and why, and
    the first ten that would be sent. Left out is whatever is not wanted any more, by the same rules as ever, and what a
    later message about the same stands in for. Each of the others is sent by a new message, most severe first, as the
    sender's rate, pauses and digests allow. Interrupted, the same order once more does the rest. With an
    --until that has passed, a second one finds nothing to do; without it, what failed again since is sent once more.

    \b
    sequora replay --since 2h                                  what failed in the last two hours?
    sequora replay --since 14:00 --until 15:00 --yes --why "texting to +1 was off at Twilio"
    sequora replay --since 1d --state UNDELIVERED --kind task-created
    sequora replay --since 2026-11-30T14:00Z --json

    A time is when a message ended so, and not when it was made; of what went out, when it was sent. Without a zone it
    is this machine's. Ends with 0, also if there is nothing to send.
    """  # noqa: D301  # click's sign for lines that it leaves as they are
    from sequora_orchestration.cli import orders
    from sequora_orchestration.cli import replay as replays

    operator = orders.operator(who, why) if is_ordered else None
    click.echo(replays.run(replays.Asked(**asked), operator, as_json=as_json))


ORDERS = (pause, resume, cancel, resend, replay, release)
