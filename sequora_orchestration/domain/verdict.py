"""Was this nurse told, when, and if not why not; and must somebody act.

Somebody must act where a person is needed who has not been told so by a text: where texts stand still, where nobody
could be told, or where a decision is asked for. A nurse who was not reached is the supervisor's business once the
supervisor has been told, and so no longer anybody's who asks here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sequora_orchestration.domain.case import Case, EpisodeCase, Story, TaskCase
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.health import longest_doubt
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.domain.timeline import is_before_go_live, is_of_this_sla, unassigned_until
from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.kind import Audience
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED

# What is due is on its way within seconds. A first claim that dies has its row for 30 s, then it is claimed anew.
PATIENCE = timedelta(minutes=1)

# A scan looks for SLAs that are near every five minutes, and the next one makes up for one that died.
PATIENCE_WITH_SCAN = timedelta(minutes=15)

# What an episode may be older than, beside the delay, for a check-in to be made (the ledger's question says why).
RECENT_EPISODE = timedelta(days=7)

TO_NURSE = frozenset(kind.name for kind in KINDS.values() if kind.audience is Audience.ASSIGNEE)
ACCEPTED = frozenset({State.SENT, State.DELIVERED})
UNDER_WAY = frozenset({State.SCHEDULED, State.QUEUED, State.SENDING})
NOT_REACHED = frozenset({State.FAILED, State.HELD, State.UNDELIVERED})

SEE_STATUS = "see `sequora status`: do sensors tick, are workers alive?"
WAITS_ITS_TURN = "waits its turn, texts are going out"
SEE_SCAN = "see whether the SLA scan runs: `sequora status`; is its schedule on in the web UI?"
STANDS_STILL = f"texts do not get through: {SEE_STATUS}"
DECIDE = "look for it in the Twilio console, then `sequora release {id}` or `sequora cancel {id}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What holds for a case, in a sentence; and what somebody must do, if so."""

    sentence: str
    to_do: str | None = None
    message_ids: tuple[str, ...] = ()
    """Of the messages whose fate it tells."""

    @property
    def is_healthy(self) -> bool:
        """Whether nobody needs to act."""
        return self.to_do is None


def verdicts(case: Case) -> list[Verdict]:
    """Return what holds for a case: first whether its recipient was told, then all else that matters."""
    if isinstance(case, EpisodeCase):
        return [_of_check_ins(case), *(_in_short(task) for task in case.tasks)]
    told = _told(case)
    if not _is_open(case):
        return [told]
    found = [told, *_about_sla(case)]
    found += _decisions(case, found)
    return [*found, *_troubles(case, [one for one in found if not one.is_healthy]), *_unlogged(case)]


def is_healthy(found: Sequence[Verdict]) -> bool:
    """Tell whether nobody needs to act."""
    return all(one.is_healthy for one in found)


def _in_short(case: TaskCase) -> Verdict:
    found = verdicts(case)
    first = next((one for one in found if not one.is_healthy), found[0])
    return Verdict(sentence=f"task {case.id}: {first.sentence}", to_do=first.to_do)


def _is_open(case: TaskCase) -> bool:
    return case.task is not None and not case.task.is_closed


# --- was the nurse told -----------------------------------------------------------------------------------------------


def _told(case: TaskCase) -> Verdict:
    if not _is_open(case):
        return _of_closed(case)
    nurse = case.task.assigned_to_user_id if case.task else None
    mine = [one for one in _since_assigned(case) if one.kind in TO_NURSE and one.recipient_id == nurse]
    # What was called off leaves the question open; unless a person called it off.
    counting = [one for one in mine if one.state is not State.CANCELLED or one.ended_by]
    if not counting:
        return _not_noticed(case)
    return _of_nobodys(case, counting[-1]) if nurse is None else _of_assigned(case, counting)


def _since_assigned(case: TaskCase) -> list[Story]:
    """Return the messages since the task was last known to be another's, or closed; all if it never was."""
    nurse, now = case.task.assigned_to_user_id if case.task else None, case.circumstances.now
    resolved_at = case.times.resolved_at if case.times else None
    since = list[Story]()
    for one in case.messages:
        if resolved_at and (one.attempted_at or one.created_at) < resolved_at <= now:
            continue
        if one.kind == TASK_CREATED.name and (one.state is not State.CANCELLED or one.ended_by):
            is_of_another = one.recipient_id != nurse and one.state not in {State.SCHEDULED, State.QUEUED}
            if is_of_another or one.over_at:
                # What told the present assignee and is not over counts whenever it was made: it may have waited.
                since = [kept for kept in since if kept.kind == TASK_CREATED.name and kept.recipient_id == nurse]
                continue
        since.append(one)
    return since


def _of_closed(case: TaskCase) -> Verdict:
    why = f"the task is {case.task.status}" if case.task else "the application does not have the task (any more)"
    return Verdict(sentence=f"{_told_before(case)}; {why}, nobody needs to act")


def _told_before(case: TaskCase) -> str:
    to_nurse = [one for one in case.messages if one.kind in TO_NURSE]
    if accepted := [one for one in to_nurse if one.state in ACCEPTED]:
        return f"{_who(case, accepted[0])} was told {_when(case, accepted[0])}"
    if not to_nurse:
        return "no nurse was told"
    last = to_nurse[-1]
    may = "MAY have been" if last.state in {State.IN_DOUBT, State.HELD, State.SENDING} else "was not"
    return f"{_who(case, last)} {may} told" + (f" ({last.reason})" if last.reason else "")


def _not_noticed(case: TaskCase) -> Verdict:
    now, since = case.circumstances.now, case.owed_since
    nurse = case.task.assigned_to_user_id if case.task else None
    who = f"nurse {nurse}" if nurse else "nobody is assigned to the task, and no supervisor"
    if is_before_go_live(case):
        return Verdict(
            sentence=f"{who} was NOT told: the task was created before this system went live "
            f"({case.circumstances.told(case.circumstances.go_live_at)}), which leaves it alone",
        )
    if halt := case.circumstances.halt_of(TASK_CREATED.name):
        return Verdict(sentence=f"{who} was NOT told: {halt.reason}", to_do=halt.remedy)
    if since and now - since <= PATIENCE:
        return Verdict(
            sentence=f"{who} was NOT told yet: the task is {spell(now - since)} old, a sensor notices it soon"
        )
    if since and case.circumstances.waits_its_turn(now - since, kind=TASK_CREATED.name):
        return Verdict(sentence=f"{who} was NOT told yet: the task is {spell(now - since)} old and {WAITS_ITS_TURN}")
    age = f"it is open for {spell(now - since)}" if since else "it does not say since when it is open"
    return Verdict(
        sentence=f"{who} was NOT told, and nothing says why: {age}, and no message has been made", to_do=STANDS_STILL
    )


def _of_assigned(case: TaskCase, mine: Sequence[Story]) -> Verdict:
    """Judge by the best that became of the messages to the nurse; of several, the newest.

    What became of the others afterwards is told by `_troubles`.
    """
    for states in ({State.DELIVERED}, {State.SENT}):
        if accepted := [one for one in mine if one.state in states]:
            return _of_accepted(case, accepted[0], accepted[-1])
    newest = mine[-1]
    who = _who(case, newest)
    if newest.state in UNDER_WAY:
        undelivered = next((one for one in reversed(mine) if one.state is State.UNDELIVERED), None)
        if undelivered is None or _second_try(case, undelivered) is not newest:
            return _of_waiting(case, newest, who)
        newest = undelivered
    if newest.state is State.IN_DOUBT:
        return _of_doubtful(case, newest, who)
    if newest.state is State.CANCELLED:
        return _about(Verdict(sentence=f"{who} was NOT told: {_called_off(newest)}"), newest)
    return _of_unreached(case, newest, f"{who} was NOT reached: {_why(newest)}")


def _of_accepted(case: TaskCase, first: Story, last: Story) -> Verdict:
    sentence = f"{_who(case, first)} was told {_when(case, first)}"
    if last.state is State.DELIVERED:
        return Verdict(sentence=f"{sentence}; the text arrived")
    if last.receipt_at is None:
        return Verdict(sentence=f"{sentence}; no receipt says that the text arrived")
    if not _is_silent(case, last):
        return Verdict(sentence=f"{sentence}; the phone company has the text, and no receipt yet")
    return _of_silent(case, last, sentence)


def _is_silent(case: TaskCase, message: Story) -> bool:
    """Tell whether a critical text has been without a receipt for so long that the supervisors are told."""
    if message.state is not State.SENT or message.receipt_at is None or not message.is_critical:
        return False
    is_picked_up = case.task is not None and case.task.is_taken
    return not is_picked_up and case.circumstances.now > _receipt_wanted_by(case, message)


def _receipt_wanted_by(case: TaskCase, message: Story) -> datetime:
    return (message.attempted_at or message.settled_at) + case.circumstances.delays.receipt


def _of_silent(case: TaskCase, message: Story, sentence: str) -> Verdict:
    since = _receipt_wanted_by(case, message)
    silent_for = spell(case.circumstances.now - since + case.circumstances.delays.receipt)
    return _of_unreached(
        case, message, f"{sentence}, but no receipt says that the text arrived, for {silent_for}", since=since
    )


def _of_waiting(case: TaskCase | EpisodeCase, message: Story, who: str) -> Verdict:
    now = case.circumstances.now
    if message.wanted_at > now:
        reason = f" ({message.reason})" if message.reason else ""
        at = case.circumstances.told(message.wanted_at)
        return _about(Verdict(sentence=f"{who} is to be texted at {at}{reason}"), message)
    if halt := case.circumstances.halt_of(message.kind):
        return _about(Verdict(sentence=f"{who} was NOT told yet: {halt.reason}", to_do=halt.remedy), message)
    waits = now - message.wanted_at
    reason = f"; {message.reason}" if message.reason else ""
    sentence = f"{who} was NOT told yet: the text is {message.state}, due for {spell(waits)}{reason}"
    if waits > PATIENCE and _waits_its_turn(case, message):
        return _about(Verdict(sentence=f"{sentence}; it {WAITS_ITS_TURN}"), message)
    return _about(Verdict(sentence=sentence, to_do=None if waits <= PATIENCE else STANDS_STILL), message)


def _waits_its_turn(case: TaskCase | EpisodeCase, message: Story) -> bool:
    """Tell whether texts go out, if only as slowly as the sender may: any, or of its own kind where it is unclaimed."""
    waits = case.circumstances.now - message.wanted_at
    if message.state is State.QUEUED:
        return case.circumstances.waits_its_turn(waits)
    return message.state is State.SCHEDULED and case.circumstances.waits_its_turn(waits, kind=message.kind)


def _of_doubtful(case: TaskCase | EpisodeCase, message: Story, who: str) -> Verdict:
    since = message.doubtful_since or message.attempted_at or message.settled_at
    waits = case.circumstances.now - since
    sentence = f"{who} MAY have been told at {case.circumstances.told(since)}: {_why(message)}; it is looked up"
    if waits <= longest_doubt(case.circumstances.delays.doubt):
        return _about(Verdict(sentence=sentence), message)
    found = Verdict(
        sentence=f"{sentence}, for {spell(waits)} now", to_do=f"look for it in the Twilio console; {SEE_STATUS}"
    )
    return _about(found, message)


def _of_nobodys(case: TaskCase, message: Story) -> Verdict:
    if message.state is State.QUEUED:
        return _of_waiting(case, message, "nobody is assigned; whoever it is")
    until, now = unassigned_until(case), case.circumstances.now
    sentence = "nobody is assigned to the task, so no nurse was told"
    if case.assignment and case.assignment.has_no_taker:
        sentence += f" (it could not be given to one; {case.assignment.nobody_because})"
    if until and now <= until:
        at = case.circumstances.told(until)
        return Verdict(sentence=f"{sentence}; the supervisors are told at {at}, if it is nobody's by then")
    return _of_unreached(case, message, sentence, since=until)


def _of_unreached(case: TaskCase, message: Story, sentence: str, *, since: datetime | None = None) -> Verdict:
    """Judge by whether the supervisors have been told of it."""
    again = _second_try(case, message)
    if again and not message.is_critical:
        return _about(_of_waiting(case, again, f"{sentence}; the nurse"), message)
    reports = [one for one in case.messages if one.kind == NURSE_UNREACHED.name and _is_report_of(case, one, message)]
    return _about(_told_on(case, NURSE_UNREACHED.name, reports, sentence, since=since or message.settled_at), message)


def _second_try(case: TaskCase, message: Story) -> Story | None:
    """Return the message by which an undelivered one is tried once more, while it waits."""
    if message.state is not State.UNDELIVERED:
        return None
    later = [one for one in case.messages if one.kind == message.kind and one.created_at > message.created_at]
    return next((one for one in later if one.recipient_id == message.recipient_id and one.state in UNDER_WAY), None)


def _is_report_of(case: TaskCase, report: Story, message: Story) -> bool:
    by_id = {one.id: one for one in case.messages}
    cause = by_id.get(report.because_of or "")
    if cause is not None and cause.recipient_id != message.recipient_id:
        return False
    mine = [one for one in _since_assigned(case) if one.recipient_id == message.recipient_id]
    return report.created_at >= min([message.created_at, *(one.created_at for one in mine if one.kind in TO_NURSE)])


def _told_on(case: TaskCase, kind: str, reports: Sequence[Story], sentence: str, *, since: datetime) -> Verdict:
    """Judge by what became of the messages to the supervisors, due since that time."""
    return _about(_of_reports(case, kind, reports, sentence, since=since), *reports)


def _of_reports(case: TaskCase, kind: str, reports: Sequence[Story], sentence: str, *, since: datetime) -> Verdict:
    now = case.circumstances.now
    if accepted := [one for one in reports if one.state in ACCEPTED]:
        who = _who(case, accepted[-1], "supervisor")
        return Verdict(sentence=f"{sentence}; {who} was told of it {_when(case, accepted[-1])}")
    newest = next((one for one in reversed(reports) if one.state is not State.CANCELLED or one.ended_by), None)
    if newest is None and (now - since <= PATIENCE or case.circumstances.waits_its_turn(now - since, kind=kind)):
        return Verdict(sentence=f"{sentence}; a supervisor is told next")
    if newest is None or newest.state in NOT_REACHED:
        return Verdict(
            sentence=f"{sentence}; and no supervisor was told" + (f": {_why(newest)}" if newest else ""),
            to_do=f"tell a supervisor, or assign the task to somebody who can be reached; {SEE_STATUS}",
        )
    return _of_pending_report(case, newest, sentence)


def _of_pending_report(case: TaskCase, newest: Story, sentence: str) -> Verdict:
    if newest.cause is Cause.NOBODY_TO_TELL:
        return Verdict(
            sentence=f"{sentence}; and there is {newest.reason}",
            to_do="tell somebody yourself, and give a user with the role SUPERVISOR a phone that can be texted",
        )
    if newest.state is State.CANCELLED:
        return Verdict(sentence=f"{sentence}; no supervisor was told: {_called_off(newest)}")
    if newest.state is State.IN_DOUBT:
        return _of_doubtful(case, newest, f"{sentence}; {_who(case, newest, 'supervisor')}")
    return _of_waiting(case, newest, f"{sentence}; {_who(case, newest, 'supervisor')}")


# --- what else matters about a task -----------------------------------------------------------------------------------


def _about_sla(case: TaskCase) -> Iterator[Verdict]:
    """Yield what is to be said of an SLA: is a warning missing; was it missed, the nurse alerted, a supervisor told."""
    task, around = case.task, case.circumstances
    if task is None or task.sla_due_at is None or is_before_go_live(case):
        return
    if task.sla_due_at > around.now:
        yield from _about_warning(case, task.sla_due_at)
        return
    if max(task.sla_due_at, case.appeared_at or task.sla_due_at) < around.workflows_live_at:
        return
    missed = f"the SLA was missed at {case.circumstances.told(task.sla_due_at)}"
    alerts = [one for one in case.messages if one.kind == SLA_BREACH.name and is_of_this_sla(case, one)]
    alert = next((one for one in reversed(alerts) if one.state is not State.CANCELLED or one.ended_by), None)
    if alert is None:
        waits = around.now - max(task.sla_due_at, case.owed_since or task.sla_due_at)
        yield _of_unmade(case, SLA_BREACH.name, f"{missed}, and nobody has been alerted yet", STANDS_STILL, waits)
        return
    if alert.state is State.CANCELLED:
        yield Verdict(sentence=f"{missed}; the alert is off: {_called_off(alert)}, and nothing follows from it")
        return
    yield _about(_of_alert(case, alert, missed), alert)


def _of_unmade(case: TaskCase, kind: str, sentence: str, to_do: str, waits: timedelta) -> Verdict:
    """Judge a message that should be there and is not, for so long."""
    if halt := case.circumstances.halt_of(kind):
        return Verdict(sentence=f"{sentence}: {halt.reason}", to_do=halt.remedy)
    if waits > PATIENCE and case.circumstances.waits_its_turn(waits, kind=kind):
        return Verdict(sentence=f"{sentence}: that {WAITS_ITS_TURN}")
    return Verdict(sentence=sentence, to_do=to_do if waits > PATIENCE else None)


def _about_warning(case: TaskCase, sla_due_at: datetime) -> Iterator[Verdict]:
    """Yield that no scan has made the nurse's warning, though the task was there, and was near its SLA."""
    around = case.circumstances
    nurse = case.task.assigned_to_user_id if case.task else None
    noticed_at = [one.created_at for one in case.messages if one.recipient_id == nurse]
    if nurse is None or not noticed_at or _is_warned(case, nurse):
        return
    begins = max(
        case.warned_from(sla_due_at),
        around.workflows_live_at,
        min(noticed_at),
        # Whatever was changed last: the SLA may have been moved.
        case.owed_since or around.workflows_live_at,
    )
    waits = around.now - begins
    if waits > PATIENCE_WITH_SCAN:
        sentence = f"the SLA is at {around.told(sla_due_at)}, and the nurse has not been warned, due for {spell(waits)}"
        yield _of_unmade(case, SLA_WARNING.name, sentence, SEE_SCAN, waits)


def _is_warned(case: TaskCase, nurse: str) -> bool:
    """Tell whether a scan would make no (other) warning: a failed one counts for its nurse alone."""
    return any(
        one.kind == SLA_WARNING.name
        and is_of_this_sla(case, one)
        and (one.state is not State.CANCELLED or one.ended_by is not None)
        and (one.state is not State.FAILED or one.recipient_id == nurse)
        for one in case.messages
    )


def _of_alert(case: TaskCase, alert: Story, missed: str) -> Verdict:
    if alert.state in UNDER_WAY:
        return _of_waiting(case, alert, f"{missed}; {_who(case, alert)}")
    sentence = f"{missed}; {_who(case, alert)} {_how_alerted(case, alert)}"
    begins = alert.sent_at or alert.attempted_at or alert.created_at
    due = begins + case.circumstances.delays.escalation
    escalations = [one for one in case.messages if one.kind == SLA_ESCALATION.name and is_of_this_sla(case, one)]
    if not escalations and due > case.circumstances.now:
        return Verdict(
            sentence=f"{sentence}; the supervisors are told at {case.circumstances.told(due)}, if the task is open then"
        )
    return _told_on(case, SLA_ESCALATION.name, escalations, sentence, since=due)


def _decisions(case: TaskCase, found: Sequence[Verdict]) -> Iterator[Verdict]:
    """Yield what waits for a person's decision; and whether the supervisors are told of it, if that is not said yet."""
    for one in case.messages:
        if one.state is State.HELD:
            verdict = Verdict(sentence=f"the {one.kind} to {_who(case, one, 'recipient')} is HELD: {_why(one)}")
            if one is _not_reached_since(case) and not _tells_of(found, one):
                verdict = _of_unreached(case, one, verdict.sentence)
            to_do = "; ".join([DECIDE.format(id=one.id), *([verdict.to_do] if verdict.to_do else [])])
            yield _about(replace(verdict, to_do=to_do), one)


def _troubles(case: TaskCase, found: Sequence[Verdict]) -> Iterator[Verdict]:
    """Yield what else stands still or has failed, whatever became of other messages."""
    said = list(found)
    unreached = _not_reached_since(case)
    # What failed to reach the nurse comes first: it tells of the reports about it, too.
    for one in [*([unreached] if unreached else []), *case.messages]:
        if not _tells_of(said, one) and (verdict := _of_trouble(case, one, unreached)) and not verdict.is_healthy:
            said.append(verdict)
            yield verdict


def _of_trouble(case: TaskCase, message: Story, unreached: Story | None) -> Verdict | None:
    who = f"{message.kind}: {_who(case, message, 'nurse' if message.kind in TO_NURSE else 'supervisor')}"
    if message.state in UNDER_WAY:
        return _of_waiting(case, message, who)
    if message.state is State.IN_DOUBT:
        return _of_doubtful(case, message, who)
    if message is unreached and message.state is State.SENT:
        return _of_silent(case, message, f"{who} was told {_when(case, message)}")
    if message is unreached:
        return _of_unreached(case, message, f"{who} was NOT reached: {_why(message)}")
    return None


def _not_reached_since(case: TaskCase) -> Story | None:
    """Return the newest message that did not reach the nurse who has the task now, unless a later one did."""
    nurse = case.task.assigned_to_user_id if case.task else None
    for one in reversed(case.messages):
        if nurse is None or one.recipient_id != nurse or one.kind not in TO_NURSE:
            continue
        if one.state in NOT_REACHED or _is_silent(case, one):
            return one
        if one.state in ACCEPTED:
            return None
    return None


def _tells_of(found: Sequence[Verdict], message: Story) -> bool:
    return any(message.id in one.message_ids for one in found)


def _how_alerted(case: TaskCase, alert: Story) -> str:
    if alert.state in ACCEPTED:
        return f"was alerted {_when(case, alert)}"
    return (
        f"{'was NOT' if alert.state in {State.FAILED, State.UNDELIVERED} else 'MAY have been'} alerted: {_why(alert)}"
    )


def _unlogged(case: TaskCase) -> Iterator[Verdict]:
    """Yield what was sent, but stands in no row of the application's log."""
    for one in case.messages:
        if one.sent_at and one.log_owes == "row" and case.circumstances.now - one.sent_at > PATIENCE:
            yield Verdict(
                sentence=f"the {one.kind} was sent, but the application's log has no row of it: it refused that",
                to_do="mend that table; the next receipt of the text, or the next run about the task, makes up for it",
            )


# --- the patient's check-in -------------------------------------------------------------------------------------------


def _of_check_ins(case: EpisodeCase) -> Verdict:
    check_ins = [one for one in case.messages if one.kind == CHECK_IN.name]
    if not check_ins:
        return _without_check_in(case)
    newest = check_ins[-1]
    accepted = [one for one in check_ins if one.state in ACCEPTED]
    if accepted and newest.state not in UNDER_WAY:
        one = accepted[-1]
        arrived = "the text arrived" if one.state is State.DELIVERED else "no receipt yet that the text arrived"
        return Verdict(sentence=f"{_who(case, one)} was texted {_when(case, one)}; {arrived}")
    return _of_pending_check_in(case, newest, _who(case, newest))


def _of_pending_check_in(case: EpisodeCase, newest: Story, who: str) -> Verdict:
    match newest.state:
        case State.IN_DOUBT:
            return _of_doubtful(case, newest, who)
        case State.HELD:
            return Verdict(sentence=f"{who} MAY have been texted: {_why(newest)}", to_do=DECIDE.format(id=newest.id))
        case State.CANCELLED:
            is_late = not newest.ended_by and newest.cause is Cause.STALE
            return Verdict(
                sentence=f"{who} was NOT texted: {_called_off(newest)}",
                to_do="call the patient instead, if the contact is still wanted" if is_late else None,
            )
        case State.FAILED | State.UNDELIVERED:
            return Verdict(
                sentence=f"{who} was NOT reached: {_why(newest)}",
                to_do=f"correct the phone, then `sequora resend {newest.id}`; or call the patient",
            )
    return _of_waiting(case, newest, who)


def _without_check_in(case: EpisodeCase) -> Verdict:
    around, appeared = case.circumstances, case.appeared_at
    if case.episode is None:
        return Verdict(sentence="there is no check-in: the application does not have the episode (any more)")
    if appeared is None:
        return Verdict(
            sentence="there is no check-in: the episode says neither when it was created nor when the patient left",
            to_do="correct the episode's created_at",
        )
    if appeared < around.workflows_live_at:
        return Verdict(
            sentence="there is no check-in: the episode is from before this system went live "
            f"({case.circumstances.told(around.workflows_live_at)}), which leaves it alone"
        )
    if around.now - appeared > RECENT_EPISODE + around.delays.check_in:
        return Verdict(sentence="there is no check-in (any more): the episode is older than a week")
    if around.now - appeared <= PATIENCE:
        return Verdict(sentence=f"no check-in is scheduled yet: the episode is {spell(around.now - appeared)} old")
    age = spell(around.now - appeared)
    return Verdict(
        sentence=f"no check-in is scheduled, and nothing says why: the episode is there for {age}", to_do=SEE_STATUS
    )


# --- in words ---------------------------------------------------------------------------------------------------------


def _about(verdict: Verdict, *messages: Story) -> Verdict:
    """Return a verdict that also tells the fate of these messages."""
    return replace(verdict, message_ids=(*verdict.message_ids, *(one.id for one in messages)))


def _who(case: Case, message: Story, role: str = "nurse") -> str:
    if is_to_a_patient(message.kind):
        role = "patient"
    if message.recipient_id is None:
        return f"the {role}"
    phone = case.phones.get(message.recipient_id)
    return f"{role} {message.recipient_id}" + (f" ({phone})" if phone else "")


def _when(case: Case, message: Story) -> str:
    """Return when a text was accepted, and how long after it was owed."""
    if message.sent_at is None:
        return "at a time that is not known"
    sent = f"at {case.circumstances.told(message.sent_at)}"
    after = message.sent_at - (message.due_at or message.owed_since)
    if after < timedelta(0):
        return sent
    is_first = message.kind == TASK_CREATED.name and message.owed_since == case.appeared_at
    since = "it was due" if message.due_at else "the task appeared" if is_first else "it was owed"
    return f"{sent}, {spell(after)} after {since}"


def _called_off(message: Story) -> str:
    order = next((one for one in reversed(message.orders) if one.verb == "cancel"), None)
    if message.ended_by and order:
        return f"{message.ended_by} cancelled it ({order.why})"
    return _why(message)


def _why(message: Story) -> str:
    return message.reason or "no reason is recorded"
