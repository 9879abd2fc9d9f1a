"""`sequora replay`: what would be sent again, or was, as a page or as JSON. Ids, states and reasons only.

The keys of the JSON: `since` and `until` (ISO-8601, UTC), `states`, `kinds`, `also_sent`, `is_done` (whether it was
done), `found`, `again` (how many would be, or were, sent again), `groups` (`kind`, `state`, `reason`, `found`,
`again`), `left_out` and `waiting` (numbers by reason), `resent` (how many of those that are sent again had been so
before) and `last_resent_at` (null if none), and `first` (up to ten: `id`, `kind`, `severity`, `task_id`, `episode_id`;
of those that would be sent, or of the new messages).
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches

import click

from sequora_orchestration.care.care_database import open_care_database
from sequora_orchestration.cli.moments import MomentError, in_zone, moment
from sequora_orchestration.cli.orders import OrderRefusedError
from sequora_orchestration.delivery.delivery import Delivery, open_operator
from sequora_orchestration.delivery.replay import Replay, replay
from sequora_orchestration.delivery.wording_in_force import open_wording
from sequora_orchestration.domain.halts import ALL_KINDS, Pause, Provider
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import in_words
from sequora_orchestration.domain.replay import NAMEABLE, refusal_of
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.ledger.replays import Wanted
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.terminal.page import OF_STATE, Block, Page, Row, Tone, Toned
from sequora_orchestration.terminal.screen import shown

# So many groups are shown; the reasons of the rest are summed up.
MOST_GROUPS = 25

# After so many columns plain text is wrapped; a terminal has its own width.
COLUMNS = 118

GROUP = "  {:<16} {:<12} {:>7} {:>7}   {}"
COUNTED = "  {:>7}  {}"
FIRST = "  {:<16} {:<9} {:<36}  {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an operator has typed."""

    since: str
    until: str | None = None
    states: Sequence[str] = (State.FAILED,)
    kinds: Sequence[str] = ()
    """None stands for all."""

    also_sent: bool = False


def run(asked: Asked, operator: Operator | None, *, as_json: bool = False, zone: tzinfo | None = None) -> str:
    """Send again what is asked for, or only look if there is no `operator`; return what to tell.

    `zone` is that of times without one, and of times that are told; None for this machine's. Raises OrderRefusedError,
    SettingError and the database's errors.
    """
    delivery = _open_delivery()
    wanted = _wanted(asked, now=delivery.ledger.opt_outs.moment().now, zone=zone)
    with _progress() as progress:
        done = replay(delivery, wanted, operator, progress=progress)
    if as_json:
        return _as_json(wanted, done, is_done=operator is not None)
    return shown(as_page(wanted, done, is_done=operator is not None, zone=zone))


def _open_delivery() -> Delivery:
    """Return all that the rules ask. A replay sends nothing itself, so it opens no channel to the phone company."""
    return Delivery(
        ledger=open_ledger(),
        care=open_care_database(),
        channels={},
        wording=open_wording(),
        run_id="",
        reply_settings=ReplySettings.load(),
        operator=open_operator(),
    )


def _wanted(asked: Asked, *, now: datetime, zone: tzinfo | None) -> Wanted:
    try:
        since = moment(asked.since, "--since", now=now, zone=zone)
        until = moment(asked.until, "--until", now=now, zone=zone) if asked.until is not None else now
    except MomentError as error:
        raise OrderRefusedError(str(error)) from None
    if since > now:
        raise OrderRefusedError(f"--since, {in_zone(since, zone)}, is still to come: nothing has ended since then")
    if since >= until:
        raise OrderRefusedError(f"--since, {in_zone(since, zone)}, is not before the end, {in_zone(until, zone)}")
    if unknown := [one for one in asked.kinds if one not in KINDS]:
        near = get_close_matches(unknown[0].lower(), KINDS, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]}? There are" if near else "there are"
        raise OrderRefusedError(f"there are no messages of the kind {unknown[0]}: {meant} {', '.join(KINDS)}")
    return Wanted(
        since=since,
        until=until,
        states=[_checked_state(one, also_sent=asked.also_sent) for one in dict.fromkeys(asked.states)],
        kinds=list(dict.fromkeys(asked.kinds)) or list(KINDS),
        also_sent=asked.also_sent,
    )


def _checked_state(typed: str, *, also_sent: bool) -> State:
    try:
        state = State(typed.strip().upper().replace("-", "_"))
    except ValueError:
        raise OrderRefusedError(f"there is no state {typed}; messages end as {', '.join(NAMEABLE)}") from None
    if refusal := refusal_of(state, also_sent=also_sent):
        raise OrderRefusedError(refusal)
    return state


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far it is, on stderr; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return

    def show(done: int, of: int) -> None:
        click.echo(f"\r{done:,} of {of:,} messages looked at", nl=done == of, err=True)

    yield show


def as_page(wanted: Wanted, done: Replay, *, is_done: bool, zone: tzinfo | None) -> Page:
    """Return what was found and done, or would be, as a page."""
    tally = done.tally
    states = ", ".join(wanted.states)
    time = f"from {in_zone(wanted.since, zone)} to {in_zone(wanted.until, zone)}"
    said = f"{counted(tally.found, 'message')} ended as {states} {time}"
    if not tally.found:
        return [Block(shape="{}", rows=[f"{said}: nothing to send again"])]
    blocks = [
        Block(
            shape=GROUP,
            rows=[
                Toned(said, Tone.HEADING),
                ("kind", "state", "found", "again" if is_done else "to send", "reason"),
                *_groups(done),
            ],
            wraps=COLUMNS,
        )
    ]
    if tally.last_resent_at:
        before = (
            f"{tally.resent:,} of those that {'are' if is_done else 'would be'} sent again had been sent again before"
        )
        ended = f"last at {in_zone(tally.last_resent_at, zone)}, and ended so once more: is the cause mended?"
        blocks.append(Block(shape="{}", rows=[Toned(f"{before}, {ended}", Tone.CARE)], wraps=COLUMNS))
    if tally.left_out:
        heading = f"{'left out' if is_done else 'would be left out'}: {tally.left_out.total()}"
        blocks.append(_counted(heading, tally.left_out))
    if waiting := _waiting(done, zone):
        heading = f"of those that {'are' if is_done else 'would be'} sent again, these still wait"
        blocks.append(_counted(heading, waiting))
    if done.first:
        rows = [
            (one.kind, one.severity or "-", one.id, in_words(one.task_id, one.episode_id, one.id)) for one in done.first
        ]
        heading = _heading_of_first(len(rows), tally.again, is_done=is_done)
        blocks.append(Block(shape=FIRST, rows=[Toned(heading, Tone.HEADING), *rows]))
    return [*blocks, Block(shape="{}", rows=[_summary(done, is_done=is_done)])]


def _heading_of_first(shown: int, of: int, *, is_done: bool) -> str:
    """Return what stands above the messages that are named: those that would be sent again, or the new ones."""
    if of == 1:
        return "the new message" if is_done else "the message"
    noun = "new messages" if is_done else "messages"
    return f"the first {shown} {noun}, most severe first" if shown < of else f"the {noun}, most severe first"


def _summary(done: Replay, *, is_done: bool) -> str | Toned:
    again = counted(done.tally.again, "message")
    if not done.tally.again:
        return "nothing is sent again"
    if not is_done:
        return Toned(f"{again} would be sent again: the same with --yes does it; nothing was changed", Tone.CARE)
    are = "is" if done.tally.again == 1 else "are"
    how = "each by a new message, most severe first and at the sender's rate"
    return f"{again} {are} queued to be sent again, {how}: `sequora status`"


def _waiting(done: Replay, zone: tzinfo | None) -> Counter[str]:
    """Return how many of the messages that are sent again do not go out at once, by the reason."""
    return Counter({_halted(one, zone): count for one, count in done.halted.items()}) + done.tally.waiting


def _halted(halt: Pause | Provider, zone: tzinfo | None) -> str:
    if isinstance(halt, Pause):
        is_of_all = halt.kind == ALL_KINDS
        paused = "all messages are" if is_of_all else f"{halt.kind} is"
        remedy = "`sequora resume`" if is_of_all else f"`sequora resume {halt.kind}`"
        return f"{paused} paused, by {halt.paused_by} since {in_zone(halt.paused_at, zone)}: {halt.why} ({remedy})"
    since = f" since {in_zone(halt.opened_at, zone)}" if halt.opened_at else ""
    return f"the phone company takes no {halt.noun}{since}: {halt.why_open}"


def _groups(done: Replay) -> Iterator[Row]:
    rows = done.tally.rows()
    rows = rows if len(rows) <= MOST_GROUPS else rows[: MOST_GROUPS - 1]
    for group, count in rows:
        state = Toned(group.state, OF_STATE.get(group.state))
        yield group.kind, state, str(count.found), str(count.again), group.reason
    if rest := done.tally.rows()[len(rows) :]:
        found, again = sum(count.found for _, count in rest), sum(count.again for _, count in rest)
        yield "…", "", str(found), str(again), f"{len(rest)} other reasons; --json has all of them"


def _counted(heading: str, counts: Counter[str]) -> Block:
    ranked = counts.most_common()
    most = len(ranked) if len(ranked) <= MOST_GROUPS else MOST_GROUPS - 1
    rows = [(str(count), reason) for reason, count in ranked[:most]]
    if rest := ranked[most:]:
        rows.append((str(sum(count for _, count in rest)), f"for {len(rest)} other reasons; --json has all of them"))
    return Block(shape=COUNTED, rows=[Toned(heading, Tone.HEADING), *rows], wraps=COLUMNS, section=heading)


def _as_json(wanted: Wanted, done: Replay, *, is_done: bool) -> str:
    return json.dumps(
        {
            "since": wanted.since.astimezone(UTC).isoformat(),
            "until": wanted.until.astimezone(UTC).isoformat(),
            "states": list(wanted.states),
            "kinds": list(wanted.kinds),
            "also_sent": wanted.also_sent,
            "is_done": is_done,
            "found": done.tally.found,
            "again": done.tally.again,
            "groups": [
                {
                    "kind": group.kind,
                    "state": group.state,
                    "reason": group.reason,
                    "found": count.found,
                    "again": count.again,
                }
                for group, count in done.tally.rows()
            ],
            "left_out": done.tally.left_out,
            "waiting": _waiting(done, UTC),
            "resent": done.tally.resent,
            "last_resent_at": at.astimezone(UTC).isoformat() if (at := done.tally.last_resent_at) else None,
            "first": [
                {
                    "id": one.id,
                    "kind": one.kind,
                    "severity": one.severity,
                    "task_id": one.task_id,
                    "episode_id": one.episode_id,
                }
                for one in done.first
            ],
        },
        indent=2,
        ensure_ascii=False,
    )
